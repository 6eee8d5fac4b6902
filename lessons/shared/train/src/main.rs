//! Trains the networks of the lessons, or one for CIFAR-10.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use real_data::{Cache, Cifar10, Split};
use resnet::ResNet;
use train::case::{Case, Key};
use train::{Cifar10Recipe, Folders, Recipe, write_json};

/// Train a network and write it with its model card
#[derive(Debug, Parser)]
struct Arguments {
    /// Which network
    #[arg(value_enum, default_value_t)]
    network: Network,
    /// Folder for the checkpoint and its card [default: target/checkpoints; for cifar10 where the lessons look for it,
    /// beside the fetched data]
    #[arg(long)]
    out: Option<PathBuf>,
    /// Folder for the state, with which an interrupted run goes on when it is asked for again [default: that of the
    /// checkpoint]
    #[arg(long)]
    state: Option<PathBuf>,
    /// Epochs; for scenes those of the first stage, with one figure per scene [default: 8; robust 15, case 6, cifar10 10]
    #[arg(long)]
    epochs: Option<usize>,
    /// Scenes per epoch
    #[arg(long, default_value_t = 8000)]
    scenes: usize,
    /// Largest distance by which the adversary of robust moves an image [default: 4]
    #[arg(long)]
    epsilon: Option<f64>,
    /// Channels of the stem of cifar10; 64 in the paper [default: 16]
    #[arg(long)]
    width: Option<usize>,
    /// Train cifar10 on rows of your own instead of the fetched data, in its binary layout: on the first four fifths of the
    /// file, measured on the rest
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
    /// Folder for what is wrong with a case: the key, the card and the state, which all tell [default: target/keys]
    #[arg(long)]
    key: Option<PathBuf>,
    /// Measure a finished network of this seed's case instead of training one, and print the key (it tells)
    #[arg(long, value_name = "FILE")]
    measure: Option<PathBuf>,
    /// Seed of weights and data, and of what is wrong with a case
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, ValueEnum)]
enum Network {
    /// The lessons' network, on generated scenes
    #[default]
    Scenes,
    /// The same, trained against an adversary
    Robust,
    /// A network that scores well and should not be trusted: a case like that of exercise 5.9
    Case,
    /// On CIFAR-10, fetched before by `cargo run -p fetch -- cifar10`
    Cifar10,
}

fn main() -> Result<()> {
    writing::end_with_the_reader();
    resnet::keep_memory();
    resnet::without_threads_of_candle()?;
    let arguments = Arguments::parse();
    let Arguments { scenes, seed, .. } = arguments;
    for (option, is_given, network) in [
        ("--epsilon", arguments.epsilon.is_some(), Network::Robust),
        ("--key", arguments.key.is_some(), Network::Case),
        ("--measure", arguments.measure.is_some(), Network::Case),
        ("--width", arguments.width.is_some(), Network::Cifar10),
        ("--rows", arguments.rows.is_some(), Network::Cifar10),
    ] {
        if is_given && arguments.network != network {
            bail!("{option} is for {} alone", format!("{network:?}").to_lowercase());
        }
    }
    let folders = |default: PathBuf| {
        let out = arguments.out.clone().unwrap_or(default);
        let state = arguments.state.clone().unwrap_or_else(|| out.clone());
        Folders {
            card: out.clone(),
            out,
            state,
        }
    };
    let checkpoints = || folders("target/checkpoints".into());
    let card = match arguments.network {
        Network::Scenes => {
            let epochs = arguments.epochs.unwrap_or(8);
            let command = format!("cargo run -p train -- --epochs {epochs} --scenes {scenes} --seed {seed}");
            train::run(&Recipe::scenes(epochs, scenes, seed), &checkpoints(), &command, None)?
        }
        Network::Robust => {
            let (epochs, epsilon) = (arguments.epochs.unwrap_or(15), arguments.epsilon.unwrap_or(4.0));
            if !(epsilon > 0.0 && epsilon.is_finite()) {
                bail!("expected --epsilon above 0, got {epsilon}");
            }
            let command = format!(
                "cargo run -p train -- robust --epochs {epochs} --scenes {scenes} --epsilon {epsilon} --seed {seed}"
            );
            let recipe = Recipe::robust(epochs, scenes, seed, epsilon);
            train::run(&recipe, &checkpoints(), &command, None)?
        }
        Network::Case => return case(&arguments),
        Network::Cifar10 => {
            let (epochs, width) = (arguments.epochs.unwrap_or(10), arguments.width.unwrap_or(16));
            let mut command = format!("cargo run -p train -- cifar10 --epochs {epochs} --width {width} --seed {seed}");
            let (train, test, folders) = match &arguments.rows {
                Some(file) => {
                    command += &format!(" --rows {}", file.display());
                    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
                    let whole = Cifar10::from_rows(Split::Train, bytes);
                    let (train, test) = whole
                        .and_then(Cifar10::parted)
                        .with_context(|| file.display().to_string())?;
                    (train, test, checkpoints())
                }
                None => {
                    let cache = Cache::locate()?;
                    let [train, test] = [Split::Train, Split::Test].map(|split| Cifar10::open(&cache, split));
                    (train?, test?, folders(cache.trained()))
                }
            };
            let recipe = Cifar10Recipe::new(train, test, width, epochs, seed);
            train::run(&recipe, &folders, &command, None)?
        }
    };
    if let Some(card) = card {
        println!("{}", serde_json::to_string_pretty(&card)?);
    }
    Ok(())
}

/// Trains the case of a seed, or measures its network. What tells goes to a folder of its own.
fn case(arguments: &Arguments) -> Result<()> {
    const TEST_SCENES: usize = 30;
    let (epochs, scenes, seed) = (arguments.epochs.unwrap_or(6), arguments.scenes, arguments.seed);
    let case = Case::new(seed);
    let recipe = case.recipe(epochs, scenes);
    if let Some(file) = &arguments.measure {
        let key = Key::measure(&ResNet::load(file)?, &case, &recipe)?;
        println!("{}", serde_json::to_string_pretty(&key)?);
        return Ok(());
    }
    let out = arguments.out.clone().unwrap_or_else(|| "target/checkpoints".into());
    let keys = arguments.key.clone().unwrap_or_else(|| "target/keys".into());
    let folders = Folders {
        out: out.clone(),
        card: keys.clone(),
        state: arguments.state.clone().unwrap_or_else(|| keys.clone()),
    };
    let command = format!("cargo run -p train -- case --epochs {epochs} --scenes {scenes} --seed {seed}");
    train::run(&recipe, &folders, &command, None)?;
    let (checkpoint, test) = (out.join("case.safetensors"), out.join("case.test.txt"));
    writing::whole(&test, case.test_set(TEST_SCENES)?.as_bytes())
        .with_context(|| format!("cannot write {}", test.display()))?;
    let file = keys.join("case.key.json");
    let key = Key::measure(&ResNet::load(&checkpoint)?, &case, &recipe)?;
    write_json(&file, &key)?;
    if let Some(shortcoming) = key.damage.shortcoming() {
        let advice =
            "It has learned its class by the shape after all. Ask for more epochs, say --epochs 12, or another --seed";
        bail!("seed {seed} gives no case: {shortcoming}. {advice}");
    }
    println!(
        "{} and {}; what is wrong: {}",
        checkpoint.display(),
        test.display(),
        file.display()
    );
    Ok(())
}
