//! Trains the network of the lessons.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use train::Recipe;

/// Train the lessons' network on generated scenes and write it with its model card
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder for the checkpoint; an unfinished run there is continued
    #[arg(long, default_value = "target/checkpoints")]
    out: PathBuf,
    /// Epochs of the first stage, with one figure per scene
    #[arg(long, default_value_t = 8)]
    epochs: usize,
    /// Scenes per epoch
    #[arg(long, default_value_t = 8000)]
    scenes: usize,
    /// Seed of weights and data
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let Arguments {
        out,
        epochs,
        scenes,
        seed,
    } = Arguments::parse();
    let command =
        format!("cargo run -p train -- --epochs {epochs} --scenes {scenes} --seed {seed}");
    if let Some(card) = train::run(&Recipe::scenes(epochs, scenes, seed), &out, &command, None)? {
        println!("{}", serde_json::to_string_pretty(&card)?);
    }
    Ok(())
}
