//! How fast the network is, beside PyTorch, ONNX Runtime and what this machine could do at most.
//!
//! ```text
//! cargo run -p resnet --example speed -- --python python3            networks, ms per image
//! cargo run -p resnet --example speed -- --python python3 --lessons  pieces of the course's work
//! cargo run -p resnet --example speed -- --help
//! ```
//!
//! Each row has a process for each side. Rounds go from side to side, so that a machine that slows down slows all of
//! them; the ratios are medians of the rounds' ratios.

mod lessons;
mod machine;
mod networks;
mod python;
mod serving;
mod worker;

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;
use clap::Parser;
use serde_json::Value;

use networks::{Measured, Mode, Row};
use python::Found;

/// Measures the shared network beside PyTorch and ONNX Runtime.
///
/// Times are medians, in ms per image (--lessons: seconds for the whole piece). "limit" is the time that the
/// convolutions' multiply-adds would take if nothing else were to do, by a loop that does nothing else. "peak MB" is the
/// most memory that this crate's process held.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// A Python with torch and torchvision, and onnx and onnxruntime if there; without it this crate alone is measured
    #[arg(long)]
    python: Option<PathBuf>,
    /// Pieces of the course's work instead of networks
    #[arg(long)]
    lessons: bool,
    /// A list of rows for machines
    #[arg(long)]
    json: bool,
    /// Only rows that contain all of these words, as in "resnet-50 batch 1"
    #[arg(long, default_value = "")]
    only: String,
    /// Threads of each side [default: one for each processor]
    #[arg(long, default_value_t = std::thread::available_parallelism().map_or(1, usize::from), hide_default_value = true)]
    threads: usize,
    /// Rounds over the sides [default: 7, or 3 with --lessons]
    #[arg(long)]
    rounds: Option<usize>,
    /// Least time of a side in a round
    #[arg(long, default_value_t = 0.3)]
    seconds: f64,
    /// Keep this crate, PyTorch and the limit to AVX2; ONNX Runtime cannot be kept and is left out
    #[arg(long)]
    avx2: bool,
    /// Do the work of one row on request
    #[arg(long, hide = true)]
    worker: bool,
    #[command(flatten)]
    #[group(skip)]
    row: RowArguments,
    #[arg(skip)]
    found: Found,
}

/// The row of a worker.
#[derive(Debug, clap::Args)]
struct RowArguments {
    #[command(flatten)]
    row: Row,
}

fn main() -> Result<()> {
    writing::end_with_the_reader();
    let mut arguments = Arguments::parse();
    if arguments.worker {
        return networks::serve(&arguments.row.row);
    }
    arguments.found = python::look(&arguments)?;
    arguments.introduce();
    let mut rows = vec![];
    let mut show = |title: &str, line: String, json: Value| {
        if arguments.json {
            rows.push(json);
        } else {
            if rows.is_empty() {
                println!("{title}");
                rows.push(Value::Null);
            }
            println!("{line}");
        }
    };
    if arguments.lessons {
        let sides = lessons::Sides::build(&arguments)?;
        for piece in lessons::PIECES.iter().filter(|piece| arguments.wants(piece.name)) {
            let measured = sides.measure(piece, &arguments)?;
            show(&lessons::Measured::title(), measured.line(), measured.json());
        }
    } else {
        let limit = machine::multiply_adds_per_second(arguments.threads, arguments.avx2);
        for row in networks::rows() {
            let name = format!(
                "{} side {} batch {} {}",
                row.network(),
                row.side,
                row.batch,
                row.mode.name()
            );
            if arguments.wants(&name) {
                let measured = networks::measure(row, &arguments, limit)?;
                show(&Measured::title(), measured.line(), measured.json());
            }
        }
    }
    if arguments.json {
        println!("{:#}", Value::Array(rows));
    }
    Ok(())
}

impl Arguments {
    /// Says what is compared, on the error stream: the rows are the output.
    fn introduce(&self) {
        let version = |name: &str, version: &Option<String>| match version {
            Some(version) => format!("{name} {version}"),
            None => format!("no {name}"),
        };
        let restricted = if self.avx2 { ", AVX2 at most" } else { "" };
        eprintln!(
            "{} threads each{restricted}; {}; {}",
            self.threads,
            version("PyTorch", &self.found.torch),
            version("ONNX Runtime", &self.found.onnxruntime)
        );
    }

    fn wants(&self, row: &str) -> bool {
        let words = |text: &str| -> Vec<String> {
            let words = text.split([' ', ':', ',']);
            words.map(str::to_lowercase).filter(|word| !word.is_empty()).collect()
        };
        let row = words(row);
        words(&self.only).iter().all(|word| row.contains(word))
    }

    /// The other sides of a row of networks.
    fn backends(&self, mode: Mode) -> Result<Vec<&'static str>> {
        let mut backends = vec![];
        if self.found.torch.is_some() {
            backends.push("pytorch");
        }
        if self.found.onnxruntime.is_some() && mode == Mode::Forward && !self.avx2 {
            backends.push("onnxruntime");
        }
        Ok(backends)
    }

    /// Sets the number of threads and, where asked for, the instructions of a side.
    fn restrict<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let threads = self.threads.to_string();
        for name in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env(name, &threads);
        }
        if self.avx2 {
            command.env("RESNET_INSTRUCTIONS", "avx2"); // this crate
            command.env("ATEN_CPU_CAPABILITY", "avx2"); // PyTorch
            command.env("ONEDNN_MAX_CPU_ISA", "AVX2"); // its convolutions
            command.env("MKL_ENABLE_INSTRUCTIONS", "AVX2"); // its matrix products
        }
        command
    }
}
