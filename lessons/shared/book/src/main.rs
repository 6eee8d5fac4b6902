//! The course as a page: `cargo run -p book` serves it, `cargo run -p book -- build` writes it.

mod atlases;
mod card;
mod formula;
mod html;
mod page;
mod quiz;
mod server;
mod site;
mod stub;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The course as a page in the browser: texts, pictures, quizzes, verdicts and your own pictures in one place.
#[derive(Parser)]
#[command(after_help = "Without a command the pages are made, served to this machine only, and opened in the browser.")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// Do not open the browser
    #[arg(long)]
    no_open: bool,
    /// Listen on this port of the loopback interface [default: 4321, or a free one]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

#[derive(Subcommand)]
enum Command {
    /// Write the pages as files that a web server, or none, can show
    Build {
        /// The folder; what an earlier build left there is replaced
        #[arg(default_value = "target/book-static")]
        out: PathBuf,
    },
}

fn main() -> ExitCode {
    writing::end_with_the_reader();
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let root = course::root()?.to_path_buf();
    match arguments.command {
        Some(Command::Build { out }) => {
            let out = std::path::absolute(out)?;
            let site = site::Site { root, out: out.clone() };
            site.build()?;
            atlases::copy(&site.root, &out)?;
            println!("{}", out.join("index.html").display());
            Ok(())
        }
        None => server::serve(server::Options {
            root,
            port: arguments.port,
            open: !arguments.no_open,
        }),
    }
}
