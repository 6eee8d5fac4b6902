//! Trains the network of the lessons.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use train::{Recipe, Schedule};

/// Train the lessons' network on generated scenes and write it with its model card
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder for the checkpoint; an unfinished run there is continued
    #[arg(long, default_value = "target/checkpoints")]
    out: PathBuf,
    /// Epochs
    #[arg(long, default_value_t = Schedule::default().epochs)]
    epochs: usize,
    /// Scenes per epoch
    #[arg(long, default_value_t = Schedule::default().scenes_per_epoch)]
    scenes: usize,
    /// Seed of weights and data
    #[arg(long, default_value_t = Schedule::default().seed)]
    seed: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let schedule = Schedule {
        epochs: arguments.epochs,
        scenes_per_epoch: arguments.scenes,
        seed: arguments.seed,
        ..Schedule::default()
    };
    let command = format!(
        "cargo run -p train -- --epochs {} --scenes {} --seed {}",
        schedule.epochs, schedule.scenes_per_epoch, schedule.seed
    );
    if let Some(card) = train::run(&Recipe::scenes(schedule), &arguments.out, &command, None)? {
        println!("{}", serde_json::to_string_pretty(&card)?);
    }
    Ok(())
}
