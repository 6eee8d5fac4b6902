//! The command line of a lesson's pictures.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{CommandFactory, FromArgMatches, Parser};

use course::panics::{self, Todo, first_line};
use real_data::Cache;

use crate::{Choice, Data, LeftOut, Material, Picture};

/// The image whose classes are printed where there is no photo.
const SHOWN_IMAGE: u64 = 7;

/// Draws the pictures of a lesson from the code in this package.
#[derive(Parser)]
struct Arguments {
    /// Draw only these pictures
    #[arg(value_name = "PICTURE")]
    pictures: Vec<String>,
    /// Say what there is to draw, and draw nothing
    #[arg(long)]
    list: bool,
    /// Where the PNG files go [default: target/pictures/PACKAGE of the workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Your own photo (JPEG, PNG or WebP) in the pictures that are of one image
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Another ResNet: a safetensors file or a PyTorch state dict, or resnet18 or resnet50 if fetched
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Where the images come from
    #[arg(long, value_enum, default_value_t)]
    data: Data,
}

fn default_folder(package: &str) -> anyhow::Result<PathBuf> {
    Ok(course::root()?.join("target/pictures").join(package))
}

/// The main function of `package`: draws every picture it can and prints the paths of the files.
///
/// A picture whose exercise is not done yet is named and left out. The exit status is a failure if one could not be
/// drawn for another reason.
pub fn main(package: &'static str, pictures: &[Picture]) -> ExitCode {
    let names = pictures.iter().map(|picture| picture.name);
    let command = Arguments::command().name(package).mut_arg("pictures", |argument| {
        argument.value_parser(PossibleValuesParser::new(names))
    });
    let arguments = Arguments::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit());

    if arguments.list {
        let width = pictures.iter().map(|picture| picture.name.len()).max().unwrap_or(0);
        for Picture { name, shows, .. } in pictures {
            println!("{name:width$}  {shows}");
        }
        return ExitCode::SUCCESS;
    }
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
    let folder = match arguments.out.map_or_else(|| default_folder(package), Ok) {
        Ok(folder) => folder,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    // What went wrong is said below, in one line.
    set_hook(Box::new(|_| {}));
    let mut exit = ExitCode::SUCCESS;
    for Picture { name, draw, .. } in pictures {
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
                None => match first_line(&format!("{error:#}")) {
                    // A ResNet of CIFAR-10's own kind; the course's pictures are of networks with four layers.
                    text if text.contains("there is no site \"layer4") && material.network().config().blocks[3] == 0 => {
                        println!("{name}.png left out: {} has no layer4", material.network_name());
                        continue;
                    }
                    text => text.to_string(),
                },
            },
            Err(panic) => match panics::todo(panics::message(&*panic)) {
                Some(Todo::Stub { exercise, .. }) => {
                    println!("{exercise} not started: no {name}.png");
                    continue;
                }
                _ => format!("panicked, {}", first_line(panics::message(&*panic))),
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
