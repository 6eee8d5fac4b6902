//! Cards of units: `cargo run -p microscope -- layer4 66`, or of all: `-- atlas`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use clap::Parser;
use course::memory::Memory;
use microscope::card::file_name;
use microscope::own::{Known, Learner};
use microscope::scope::write_bytes;
use microscope::{Images, Microscope, Subject, UnitCard, atlas, figure, html, images};

/// One unit of a network from all sides, as a page and a picture
#[derive(Debug, Parser)]
#[command(
    after_help = "Examples:\n  cargo run -p microscope -- layer4 66\n  cargo run -p microscope -- layer3 12 --network robust\n  \
    cargo run -p microscope -- atlas\n  cargo run -p microscope -- layer4 66 --weights resnet18 --images ~/Pictures"
)]
struct Arguments {
    /// The site, such as conv1 or layer4; or `atlas`, for all units of conv1 and layer1 to layer4
    site: String,
    /// The unit: which channel of the site
    unit: Option<usize>,
    /// A network of the course: scenes, robust, and case once exercise 5.9 passes
    #[arg(long, default_value = "scenes", conflicts_with = "weights")]
    network: String,
    /// Weights of your own: a file, safetensors or a PyTorch state dict, or resnet18 or resnet50 if fetched
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Look at your own photos (JPEG, PNG, WebP) instead of scenes; what needs the truth is left out
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
    /// A class to show first, by name or number; repeatable
    #[arg(long = "class", value_name = "NAME")]
    classes: Vec<String>,
    /// Where the files go [default: target/microscope/NETWORK of the workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    writing::end_with_the_reader();
    resnet::keep_memory();
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    resnet::without_threads_of_candle()?;
    let subject = subject(arguments)?;
    let images = match &arguments.images {
        Some(folder) => Images::folder(folder, &subject)?,
        None if !subject.knows_shapes => bail!(
            "{} is not known to know the course's scenes: say with `--images FOLDER` which photos it is to look at",
            subject.name
        ),
        None => Images::Scenes(images::COUNT),
    };
    let root = course::root()?;
    let base = root.join("target/microscope");
    let folder = arguments.out.clone().unwrap_or_else(|| match &arguments.images {
        Some(_) => base.join(format!("{}-photos", subject.slug)),
        None => base.join(&subject.slug),
    });
    let scope = Microscope::with(subject, images, &base);
    let begin = Instant::now();
    match (arguments.site.as_str(), arguments.unit) {
        ("atlas", None) => {
            let atlas = atlas::write(&scope, &scope.subject.stages()?, &folder)?;
            for (what, time) in &atlas.times {
                println!("  {:6.1} s  {what}", time.as_secs_f64());
            }
            println!(
                "{}  ({} units, {:.0} s)",
                atlas.index.display(),
                atlas.units,
                begin.elapsed().as_secs_f64()
            );
        }
        ("atlas", Some(_)) => bail!("an atlas holds all units: leave the number out"),
        (site, None) => bail!("say which unit of {site}, such as `{site} 0`"),
        (site, Some(unit)) => {
            let mut card = UnitCard::measure(&scope, site, unit)?;
            let memory = Memory::open()?;
            let entries = memory.entries();
            let of = |id: &str| entries.iter().find(|entry| entry.exercise.id == id);
            let learner = Learner::new(root);
            let known = Known {
                passes: &|id| of(id).is_some_and(|entry| entry.standing.is_understood()),
                sources: &|lesson| {
                    course::lesson(lesson)
                        .map(|lesson| memory.sources(lesson))
                        .unwrap_or_default()
                },
            };
            learner.fill(&scope, &mut card, &known)?;
            let page = folder.join(file_name(site, unit));
            let link = |site: &str, unit: usize| {
                let file = file_name(site, unit);
                folder.join(&file).is_file().then_some(file)
            };
            write_bytes(&page, html::page(&card, &link)?.as_bytes())?;
            let picture = figure::card(&card)?.save(page.with_extension("png"))?;
            println!(
                "{}\n{}  ({:.1} s)",
                page.display(),
                picture.display(),
                begin.elapsed().as_secs_f64()
            );
            card.panels.iter().for_each(|panel| println!("{}", panel.words()));
            card.left_out.iter().for_each(|one| println!("left out: {one}"));
        }
    }
    Ok(())
}

fn subject(arguments: &Arguments) -> Result<Subject> {
    if let Some(weights) = &arguments.weights {
        return Subject::choose(Some(weights), &arguments.classes);
    }
    match arguments.network.as_str() {
        "case" => {
            let entries = Memory::open()?.entries();
            let case = entries
                .iter()
                .find(|entry| entry.exercise.id == "5.9")
                .context("exercise 5.9")?;
            if !case.standing.is_understood() {
                bail!("`case` is shown once exercise 5.9 passes: finding out by yourself is the exercise")
            }
            Subject::case()
        }
        name if checkpoints::NAMES.contains(&name) => Subject::choose(Some(name.as_ref()), &arguments.classes),
        other => bail!(
            "there is no network {other:?} in the course; the names are {}",
            checkpoints::NAMES.join(", ")
        ),
    }
}
