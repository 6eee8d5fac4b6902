//! Time and memory of 256 steps on one channel of layer4 at 128×128: `cargo run -p solution03 --example ascent_speed`.
//!
//! Twice: on pixels with plain ascent, and with everything on (waves, decorrelated colours, jitter, rotation, scale, total
//! variation, Adam). Processor time and memory are read from `/proc`, so only on Linux.

use std::cell::{Cell, RefCell};
use std::time::Instant;

use candle_core::{Device, Result, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solution03::{Optimizer, Problem, Settings, Target, Wobble, maximize, paint, score, total_variation};

const SIDE: usize = 128;
const STEPS: usize = 256;

fn main() -> Result<()> {
    let network = resnet::checkpoints::scenes()?;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let shape = [1, 3, SIDE, SIDE / 2 + 1, 2];
    let numbers = (0..shape.iter().product()).map(|_| random.random_range(-0.02f32..0.02));
    let start = Tensor::from_vec(numbers.collect(), &shape, &Device::Cpu)?;
    let axes = Tensor::new(&scenes::COLOUR_AXES, &Device::Cpu)?;
    let wobble = Wobble {
        jitter: 8,
        angle: 0.15,
        scale: 0.1,
    };
    let random = RefCell::new(random);
    let step = Cell::new(0);
    let objective = |images: &Tensor| {
        step.set(step.get() + 1);
        if step.get() % 64 == 0 {
            println!("step {:3}: {}", step.get(), memory());
        }
        score(&network, images, "layer4.1.add", Target::Channel(3))
    };
    let everything = Problem {
        image: &|spectrum| paint(spectrum, SIDE, &axes),
        transform: &|images| wobble.apply(images, &mut random.borrow_mut()),
        penalty: &|images| total_variation(images)? * 4.0,
        project: &|spectrum| Ok(spectrum.clone()),
        ..Problem::new(&objective)
    };
    let ascent = Settings {
        steps: STEPS,
        step_size: 0.01,
        optimizer: Optimizer::Ascent,
    };
    let adam = Settings {
        step_size: 0.05,
        optimizer: Optimizer::Adam,
        ..ascent
    };
    let grey = paint(&start, SIDE, &axes)?;
    for (name, start, problem, settings) in [
        ("pixels", &grey, Problem::new(&objective), ascent),
        ("everything", &start, everything, adam),
    ] {
        step.set(0);
        let (clock, before) = (Instant::now(), processor());
        maximize(start, &problem, &settings)?;
        let used = match (before, processor()) {
            (Some(before), Some(after)) => format!(", {:.2} s of processor time", after - before),
            _ => String::new(),
        };
        let seconds = clock.elapsed().as_secs_f64();
        println!("{name}: {STEPS} steps in {seconds:.2} s{used}");
    }
    Ok(())
}

/// Seconds of processor time, over all threads.
fn processor() -> Option<f64> {
    const TICKS: f64 = 100.0; // per second, on every Linux of today
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let fields: Vec<f64> = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|f| f.parse().ok())
        .collect();
    Some(fields.iter().sum::<f64>() / TICKS)
}

/// The memory in use, in words.
fn memory() -> String {
    const PAGE: f64 = 4096.0;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    match statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok())
    {
        Some(pages) => format!("{:.0} MiB in use", pages * PAGE / 1024.0 / 1024.0),
        None => "memory unknown".into(),
    }
}
