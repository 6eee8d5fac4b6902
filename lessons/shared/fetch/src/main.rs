//! Fetches real data and real weights for the lessons.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use fetch::{Fetch, Source};
use real_data::Cache;
use real_data::catalogue::{self, Catalogue, megabytes};

/// Fetches real data and real weights for the lessons
#[derive(Debug, Parser)]
#[command(
    after_help = "The files go to neuron-lessons in the system's place for caches, or to $LESSON_CACHE. \
                  HF_ENDPOINT names another hub.\nExit status: 0 it is there, 1 it is not, 2 a wrong option."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Another catalogue, in JSON: for tests
    #[arg(long, global = true, hide = true, value_name = "FILE")]
    catalogue: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// CIFAR-10, 60,000 images of 32×32: 144 MB to download, 184 MB on the disk
    Cifar10 {
        /// Take it from this folder: the binary batches (data_batch_1.bin, …) or the hub's parquet files
        #[arg(long, value_name = "FOLDER")]
        from: Option<PathBuf>,
    },
    /// ResNet-18 trained on ImageNet, timm/resnet18.tv_in1k: 47 MB
    Resnet18 {
        /// Take it from this folder
        #[arg(long, value_name = "FOLDER")]
        from: Option<PathBuf>,
    },
    /// ResNet-50 trained on ImageNet, timm/resnet50.tv_in1k: 102 MB
    Resnet50 {
        /// Take it from this folder
        #[arg(long, value_name = "FOLDER")]
        from: Option<PathBuf>,
    },
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
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let cache = Cache::locate()?;
    let catalogue = match &cli.catalogue {
        None => catalogue::shipped(),
        Some(path) => read(path).with_context(|| path.display().to_string())?,
    };
    let (name, from) = match cli.command {
        Command::Cifar10 { from } => ("cifar10", from),
        Command::Resnet18 { from } => ("resnet18", from),
        Command::Resnet50 { from } => ("resnet50", from),
        Command::Status => {
            println!("{}", fetch::status(&cache, &catalogue));
            return Ok(());
        }
        Command::Remove { what } => {
            let freed = fetch::remove(&cache, &catalogue, &what)?;
            println!("{} became free", megabytes(freed));
            return Ok(());
        }
        Command::Convert { batches, source } => {
            let from = batches.map_or(Source::Parquet, Source::Batches);
            fetch::convert(&from, &cache, &source)?;
            return Ok(());
        }
    };
    let fetch = Fetch {
        catalogue,
        cache,
        endpoint: None,
        program: std::env::current_exe()?,
    };
    fetch.item(name, from.as_deref())
}

fn read(path: &PathBuf) -> Result<Catalogue> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}
