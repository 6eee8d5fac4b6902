//! The command line of a lesson's pictures.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{CommandFactory, FromArgMatches, Parser};

use real_data::Cache;

use crate::{Choice, Data, Draw, LeftOut, Material};

/// The image whose classes are printed where there is no photo.
const SHOWN_IMAGE: u64 = 7;

/// Draws the pictures of a lesson from the code in this package.
#[derive(Parser)]
struct Arguments {
    /// Draw only these pictures
    #[arg(value_name = "PICTURE")]
    pictures: Vec<String>,
    /// Where the PNG files go [default: target/pictures/PACKAGE of the workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Your own photo (JPEG, PNG or WebP) in the pictures that are of one image
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Another ResNet: a .safetensors or .pth file with torchvision's names, or resnet18 or resnet50 if fetched
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Where the images come from
    #[arg(long, value_enum, default_value_t)]
    data: Data,
}

fn default_folder(package: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let folder = root.canonicalize().unwrap_or(root);
    folder.join("target/pictures").join(package)
}

/// The main function of `package`: draws every picture it can and prints the paths of the files.
///
/// A picture whose exercise is not done yet is named and left out. The exit status is a failure if one could not be
/// drawn for another reason.
pub fn main(package: &'static str, pictures: &[(&'static str, Draw)]) -> ExitCode {
    let names = pictures.iter().map(|(name, _)| *name);
    let command = Arguments::command().name(package).mut_arg("pictures", |argument| {
        argument.value_parser(PossibleValuesParser::new(names))
    });
    let arguments = Arguments::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());

    let choice = Choice {
        data: arguments.data,
        weights: arguments.weights,
        image: arguments.image,
    };
    let material = match open(&choice) {
        Ok(material) => material,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let folder = arguments.out.unwrap_or_else(|| default_folder(package));
    // What went wrong is said below, in one line.
    set_hook(Box::new(|_| {}));
    let mut exit = ExitCode::SUCCESS;
    for (name, draw) in pictures {
        if !arguments.pictures.is_empty() && !arguments.pictures.iter().any(|one| one == name) {
            continue;
        }
        let path = folder.join(name).with_extension("png");
        let result = catch_unwind(AssertUnwindSafe(|| {
            draw(&material).and_then(|figure| Ok(figure.save(&path)?))
        }));
        let problem = match result {
            Ok(Ok(path)) => {
                println!("{}", path.display());
                continue;
            }
            Ok(Err(error)) => match error.downcast_ref::<LeftOut>() {
                Some(LeftOut(why)) => {
                    println!("{name}.png left out: {why}");
                    continue;
                }
                None => first_line(&format!("{error:#}")).to_string(),
            },
            Err(panic) => match exercise_to_do(&message(&*panic)) {
                Some(exercise) => {
                    println!("{exercise} not started: no {name}.png");
                    continue;
                }
                None => format!("panicked, {}", first_line(&message(&*panic))),
            },
        };
        exit = ExitCode::FAILURE;
        println!("{name}.png could not be drawn: {problem}");
    }
    exit
}

/// The material; where it is not the course's own, what the network answers is printed.
fn open(choice: &Choice) -> anyhow::Result<Material> {
    let material = Material::open(choice, &Cache::locate()?)?;
    if choice.weights.is_some() || choice.image.is_some() || choice.data != Data::Scenes {
        print!("{}", material.answer_text(&material.image(SHOWN_IMAGE)?)?);
    }
    Ok(material)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stub_is_told_from_other_panics() {
        let stub = "not yet implemented: exercise 1.8: start with one pixel";
        assert_eq!(exercise_to_do(stub), Some("1.8"));
        assert_eq!(exercise_to_do("index out of bounds"), None);
    }
}
