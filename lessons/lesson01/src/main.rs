//! Draws the pictures of lesson 01 from the functions in `src/`: `cargo run -p lesson01`.
//!
//! A figure whose exercise is not done yet is named and left out; the others are drawn.

mod figures;

use std::any::Any;
use std::panic::{catch_unwind, set_hook};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Draws the pictures of lesson 01 from the code in this package.
#[derive(Parser)]
struct Arguments {
    /// Where the PNG files go
    #[arg(long, value_name = "DIR", default_value_os_t = default_folder())]
    out: PathBuf,
}

fn default_folder() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.canonicalize().unwrap_or(root);
    folder.join("target/pictures").join(env!("CARGO_PKG_NAME"))
}

/// Draws every figure it can. Fails if one could not be drawn for another reason than a missing exercise.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // What went wrong is said below, in one line.
    set_hook(Box::new(|_| {}));
    let mut exit = ExitCode::SUCCESS;
    for (name, draw) in figures::ALL {
        let path = arguments.out.join(name).with_extension("png");
        let result = catch_unwind(|| draw().and_then(|figure| figure.save(&path)));
        match result {
            Ok(Ok(path)) => println!("{}", path.display()),
            Ok(Err(error)) => {
                exit = ExitCode::FAILURE;
                println!(
                    "{name}.png could not be drawn: {}",
                    first_line(&error.to_string())
                );
            }
            Err(panic) => match exercise_to_do(&message(&*panic)) {
                Some(exercise) => println!("{exercise} not started: no {name}.png"),
                None => {
                    exit = ExitCode::FAILURE;
                    println!(
                        "{name}.png could not be drawn: panicked, {}",
                        message(&*panic)
                    );
                }
            },
        }
    }
    exit
}

/// The `1.8` of a stub's "not yet implemented: exercise 1.8: …".
fn exercise_to_do(message: &str) -> Option<&str> {
    let stub = message.strip_prefix("not yet implemented: exercise ")?;
    stub.split(':').next()
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()))
        .unwrap_or_default()
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
