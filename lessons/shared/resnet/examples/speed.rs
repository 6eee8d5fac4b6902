//! Time per image of the shared ResNet, forward and with the input's gradient, and PyTorch's beside it.
//!
//! ```text
//! cargo run -p resnet --example speed -- --python python3
//! ```
//!
//! Without `--python`, or where PyTorch is missing, it measures this crate alone. Rounds alternate between the two, so
//! that a machine that slows down slows both; the figure to quote is the median of the ratios.

use std::process::Command;
use std::time::Instant;

use candle_core::{Device, Result, Tensor, Var};
use resnet::{Config, ResNet};

const ROUNDS: usize = 7;
const RUNS: usize = 20;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let python = arguments
        .iter()
        .position(|a| a == "--python")
        .and_then(|i| arguments.get(i + 1));
    let network = ResNet::untrained(&Config::resnet18().width(16).classes(10), 0)?;
    println!(
        "ResNet-18, width 16, 128×128, {} threads, ms per image",
        rayon::current_num_threads()
    );
    println!(
        "{:>6}  {:<15} {:>8} {:>8} {:>8}",
        "batch", "mode", "here", "PyTorch", "ratio"
    );
    for mode in ["forward", "input_gradient"] {
        for batch in [1, 16] {
            let images = Tensor::rand(0f32, 1f32, (batch, 3, 128, 128), &Device::Cpu)?;
            let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let here = median(
                    (0..RUNS)
                        .map(|_| time(&network, &images, mode))
                        .collect::<Result<_>>()?,
                );
                ours.push(here / batch as f64);
                if let Some(there) = python.and_then(|python| pytorch(python, mode, batch)) {
                    theirs.push(there);
                    ratios.push(here / batch as f64 / there);
                }
            }
            let show = |values: Vec<f64>| match values.is_empty() {
                true => "-".to_string(),
                false => format!("{:.2}", median(values)),
            };
            println!(
                "{batch:>6}  {mode:<15} {:>8} {:>8} {:>8}",
                show(ours),
                show(theirs),
                show(ratios)
            );
        }
    }
    Ok(())
}

/// Milliseconds of one run.
fn time(network: &ResNet, images: &Tensor, mode: &str) -> Result<f64> {
    let start = Instant::now();
    if mode == "forward" {
        network.forward(images)?;
    } else {
        let gradients = resnet::by_image(images, |image| {
            let image = Var::from_tensor(image)?;
            let score = network.forward(&image)?.narrow(1, 0, 1)?.sum_all()?;
            Ok(score
                .backward()?
                .remove(&image)
                .expect("the score depends on the image"))
        })?;
        assert_eq!(gradients.dims(), images.dims());
    }
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// PyTorch's median over the same number of runs, if it is installed.
fn pytorch(python: &str, mode: &str, batch: usize) -> Option<f64> {
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/pytorch_reference.py"))
        .args([
            "--mode",
            mode,
            "--batch",
            &batch.to_string(),
            "--runs",
            &RUNS.to_string(),
        ])
        .args(["--threads", &rayon::current_num_threads().to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (_, rest) = text.split_once("\"median_ms\": ")?;
    rest.split([',', '}']).next()?.trim().parse().ok()
}
