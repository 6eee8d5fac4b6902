//! Fetches real data and real weights for the lessons.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::builder::{PossibleValue, PossibleValuesParser};
use clap::{Args, Parser, Subcommand};
use fetch::{Fetch, Source};
use real_data::Cache;
use real_data::catalogue::{self, Catalogue, Item, megabytes};

/// Fetches real data and real weights for the lessons
#[derive(Debug, Parser)]
#[command(
    subcommand_negates_reqs = true,
    after_help = "The files go to neuron-lessons in the system's place for caches, or to $LESSON_CACHE. \
                  HF_ENDPOINT names another hub.\nExit status: 0 it is there, 1 it is not, 2 a wrong option."
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    what: What,
    /// Another catalogue, in JSON: for tests
    #[arg(long, global = true, hide = true, value_name = "FILE")]
    catalogue: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct What {
    /// What to fetch
    #[arg(value_name = "WHAT", required = true, value_parser = things())]
    what: Option<String>,
    /// Take it from this folder: weights, CIFAR-10's binary batches (data_batch_1.bin, …), or the hub's parquet files
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
    /// Another revision of the hub's repository than the pinned one: a branch, a tag or a commit
    #[arg(long, conflicts_with = "from")]
    revision: Option<String>,
}

/// What can be fetched, with what it costs.
fn things() -> PossibleValuesParser {
    let thing = |item: &'static Item| {
        let sizes = match (item.download_size(), item.kept_size()) {
            (download, kept) if download == kept => megabytes(download),
            (download, kept) => format!("{} to download, {} on the disk", megabytes(download), megabytes(kept)),
        };
        PossibleValue::new(item.name.as_str()).help(format!("{}, {}: {sizes}", item.title, item.about))
    };
    PossibleValuesParser::new(catalogue::shipped().items.iter().map(thing))
}

#[derive(Debug, Subcommand)]
enum Command {
    /// What is there, checked
    Status,
    /// Make room
    Remove {
        /// cifar10, resnet18, resnet50, trained, downloads or all
        what: String,
    },
    /// What this program starts itself to run candle-datasets
    #[command(hide = true)]
    Convert {
        #[arg(long)]
        batches: Option<PathBuf>,
        #[arg(long)]
        source: String,
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

fn run(cli: Arguments) -> Result<()> {
    let cache = Cache::locate()?;
    let catalogue = match &cli.catalogue {
        None => catalogue::shipped().clone(),
        Some(path) => read(path).with_context(|| path.display().to_string())?,
    };
    match cli.command {
        Some(Command::Status) => {
            println!("{}", fetch::status(&cache, &catalogue));
            return Ok(());
        }
        Some(Command::Remove { what }) => {
            let freed = fetch::remove(&cache, &catalogue, &what)?;
            println!("{} became free", megabytes(freed));
            return Ok(());
        }
        Some(Command::Convert { batches, source }) => {
            let from = batches.map_or(Source::Parquet, Source::Batches);
            fetch::convert(&from, &cache, &source)?;
            return Ok(());
        }
        None => {}
    }
    let fetch = Fetch {
        catalogue,
        cache,
        endpoint: None,
        program: std::env::current_exe()?,
    };
    let What { what, from, revision } = cli.what;
    let what = what.context("say what to fetch")?;
    match revision {
        Some(revision) => fetch.item_at(&what, &revision),
        None => fetch.item(&what, from.as_deref()),
    }
}

fn read(path: &PathBuf) -> Result<Catalogue> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}
