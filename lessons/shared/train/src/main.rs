//! Trains the network of the lessons, or one for CIFAR-10.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use real_data::{Cache, Cifar10, Split};
use train::{Cifar10Recipe, Recipe};

/// Train a network and write it with its model card
#[derive(Debug, Parser)]
struct Arguments {
    /// What to train on
    #[arg(long, value_enum, default_value_t)]
    data: Data,
    /// Folder for the checkpoint; an unfinished run there is continued [default: target/checkpoints; for cifar10 where
    /// the lessons look for it, beside the fetched data]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Epochs; for scenes those of the first stage, with one figure per scene [default: 8; for cifar10 10]
    #[arg(long)]
    epochs: Option<usize>,
    /// Scenes per epoch
    #[arg(long, default_value_t = 8000)]
    scenes: usize,
    /// Channels of the stem, for cifar10; 64 in the paper
    #[arg(long, default_value_t = 16)]
    width: usize,
    /// Seed of weights and data
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Data {
    /// Generated scenes: the lessons' network
    #[default]
    Scenes,
    /// CIFAR-10, fetched before by `cargo run -p fetch -- cifar10`
    Cifar10,
}

fn main() -> Result<()> {
    let Arguments {
        data,
        out,
        epochs,
        scenes,
        width,
        seed,
    } = Arguments::parse();
    let card = match data {
        Data::Scenes => {
            let epochs = epochs.unwrap_or(8);
            let command = format!("cargo run -p train -- --epochs {epochs} --scenes {scenes} --seed {seed}");
            let out = out.unwrap_or_else(|| "target/checkpoints".into());
            train::run(&Recipe::scenes(epochs, scenes, seed), &out, &command, None)?
        }
        Data::Cifar10 => {
            let epochs = epochs.unwrap_or(10);
            let command =
                format!("cargo run -p train -- --data cifar10 --epochs {epochs} --width {width} --seed {seed}");
            let cache = Cache::locate()?;
            let [train, test] = [Split::Train, Split::Test].map(|split| Cifar10::open(&cache, split));
            let recipe = Cifar10Recipe::new(train?, test?, width, epochs, seed);
            let out = out.unwrap_or_else(|| cache.trained());
            train::run(&recipe, &out, &command, None)?
        }
    };
    if let Some(card) = card {
        println!("{}", serde_json::to_string_pretty(&card)?);
    }
    Ok(())
}
