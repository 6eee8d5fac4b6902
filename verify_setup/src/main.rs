//! The first command of the course: checks the machine and shows the shared network at work.

mod beside;
mod check;
mod machine;
mod network;
mod setup;
mod show;
mod term;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use scenes::Sampler;
use studio::{Choice, Material, Preparation};

use crate::term::{BAD, message};

/// Checks the machine and shows the shared network at work.
#[derive(Debug, Parser)]
#[command(
    bin_name = "cargo run -p verify_setup --",
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
#[command(after_help = "`cargo lesson` guides through the lessons.\n\
    Exit status: 0 all in order, 1 something is not, 2 a wrong option.")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    setup: Setup,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the numbers of the forward-pass check, for whoever trains a new network
    #[command(hide = true)]
    Golden {
        /// Write them into verify_setup/golden.json
        #[arg(long)]
        write: bool,
    },
}

#[derive(Debug, Args)]
struct Setup {
    /// Show the network this photo (JPEG, PNG or WebP of any size) instead of a generated scene
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Show another ResNet at work: robust; resnet18 or resnet50 if fetched; or a .safetensors or .pth file with torchvision's
    /// names
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Say how probable this class of it is, by name or number, beside the first five; can be repeated
    #[arg(long = "class", value_name = "NAME_OR_NUMBER", requires = "weights")]
    classes: Vec<String>,
    /// Show the network this generated scene
    #[arg(long, value_name = "NUMBER", default_value_t = 2, conflicts_with = "image")]
    scene: u64,
    /// Write the figure here [default: target/figures/verify_setup.png of the workspace]
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,
    /// Print one JSON object, for machines
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    writing::end_with_the_reader();
    resnet::keep_memory();
    let cli = Arguments::parse();
    let all_right = match cli.command {
        None => check(cli.setup),
        Some(Command::Golden { write }) => golden(write).map(|()| true),
    };
    match all_right {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            anstream::eprintln!("{BAD}error:{BAD:#} {}", message(error));
            ExitCode::FAILURE
        }
    }
}

/// Whether all is in order.
fn check(options: Setup) -> Result<bool> {
    let Setup {
        image,
        weights,
        classes,
        scene,
        figure,
        json,
    } = options;
    let root = course::root()?;
    let choice = Choice {
        weights,
        classes,
        ..Choice::default()
    };
    let theirs = match choice.weights {
        Some(_) => Some(Material::open(&choice, &choice.cache()?)?),
        None => None,
    };
    let theirs = theirs.as_ref();
    let own = Preparation::Square(Sampler::default().canvas.width);
    let preparation = theirs.map_or(own, Material::preparation);
    let input = match &image {
        Some(path) => show::photo(path, preparation)?,
        None => network::sample(scene)?,
    };
    // A network from elsewhere does not know scenes.
    let is_known = image.is_some() || theirs.is_none_or(|material| material.needs_images().is_ok());
    let figure = figure.unwrap_or_else(|| root.join("target/figures/verify_setup.png"));
    setup::check(root, &input, is_known, theirs, &figure, json)
}

/// Prints what the shipped network says about one scene.
fn golden(write: bool) -> Result<()> {
    let golden = network::Golden::compute(&resnet::checkpoints::scenes()?)?;
    println!("{}", serde_json::to_string_pretty(&golden)?);
    if write {
        eprintln!("wrote {}", golden.write(course::root()?)?.display());
    }
    Ok(())
}
