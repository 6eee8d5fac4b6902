//! Spoiler: trains the network of exercise 5.9 and measures what is wrong with it.

use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;
use resnet::ResNet;
use train::Folders;

/// Train the network of exercise 5.9 (spoiler) and measure what is wrong with it
#[derive(Debug, Parser)]
struct Arguments {
    /// Folder for the checkpoint; an unfinished run there is continued
    #[arg(long, default_value = "target/checkpoints")]
    out: PathBuf,
    /// Epochs
    #[arg(long, default_value_t = 6)]
    epochs: usize,
    /// Scenes per epoch
    #[arg(long, default_value_t = 8000)]
    scenes: usize,
    /// Measure a finished checkpoint instead of training one
    #[arg(long, value_name = "FILE")]
    measure: Option<PathBuf>,
    /// Print the list of test scenes instead, this many of each class
    #[arg(long, value_name = "COUNT")]
    test_set: Option<usize>,
}

fn main() -> Result<()> {
    writing::end_with_the_reader();
    const TEST_SEED: u64 = 1905;
    let arguments = Arguments::parse();
    if let Some(per_class) = arguments.test_set {
        print!("{}", case::test_set(TEST_SEED, per_class)?);
        return Ok(());
    }
    let (epochs, scenes) = (arguments.epochs, arguments.scenes);
    let command = format!("cargo run -p case -- --epochs {epochs} --scenes {scenes}");
    let recipe = case::recipe(epochs, scenes);
    let checkpoint = match arguments.measure {
        Some(file) => file,
        None => {
            train::run(&recipe, &Folders::one(&arguments.out), &command, None)?;
            arguments.out.join("case.safetensors")
        }
    };
    println!(
        "{}",
        serde_json::to_string_pretty(&case::damage(&ResNet::load(checkpoint)?, &recipe)?)?
    );
    Ok(())
}
