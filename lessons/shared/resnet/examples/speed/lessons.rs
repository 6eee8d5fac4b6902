//! The second table: pieces of the course's work, as the solutions do them and as one would write them in PyTorch.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::networks::peak;
use crate::serving::median;
use crate::worker::{Answer, Worker};
use crate::{Arguments, python};

/// A piece of work. `course_work.rs` and `course_work.py` know it by its first word.
pub struct Piece {
    /// What is done.
    pub name: &'static str,
    /// May the two sides' results differ? `None` where each starts from random numbers of its own.
    tolerance: Option<f64>,
}

const fn piece(name: &'static str, tolerance: Option<f64>) -> Piece {
    Piece { name, tolerance }
}

/// All of them.
pub const PIECES: [Piece; 5] = [
    piece("statistics of five sites over 2,000 scenes", Some(1e-3)),
    piece("maximization of a layer4 channel, 256 steps", None),
    piece("attribution: Grad-CAM and saliency, 500 scenes", Some(1e-3)),
    piece("features of 1,500 scenes at five sites", Some(1e-3)),
    piece("training, 20 steps of 32 scenes", None),
];

/// This crate's side, which needs the solutions and is a program of their package.
pub struct Sides {
    here: PathBuf,
    folder: tempfile::TempDir,
}

impl Sides {
    /// Builds the program, if it is not there.
    pub fn build(arguments: &Arguments) -> Result<Self> {
        if arguments.avx2 {
            eprintln!("matrix products outside the convolutions choose their own instructions here");
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["build", "--quiet", "--package", "solutions", "--example", "course_work"])
            .args(["--message-format", "json-render-diagnostics"])
            .current_dir(course::root()?)
            .stderr(std::process::Stdio::inherit())
            .output()
            .context("cargo does not run")?;
        let messages = String::from_utf8_lossy(&output.stdout);
        let messages = messages
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let program = messages
            .filter(|message| message["target"]["name"] == "course_work")
            .find_map(|message| message["executable"].as_str().map(PathBuf::from));
        Ok(Self {
            here: program.context("the solutions' side does not build")?,
            folder: tempfile::tempdir()?,
        })
    }

    /// Measures a piece.
    pub fn measure(&self, piece: &Piece, arguments: &Arguments) -> Result<Measured> {
        let word = piece.name.split([' ', ':', ',']).next().unwrap_or(piece.name);
        let scenes = self.folder.path().join("scenes");
        let mut here = Command::new(&self.here);
        here.arg(word).arg(&scenes);
        if word == "training" {
            here.env("CANDLE_NUM_THREADS", "1"); // as `cargo run -p train` sets it for itself
        }
        // The scenes are drawn, and written for the other side, before it says that it is ready.
        let mut sides = vec![Worker::start("this crate", arguments.restrict(&mut here))?];
        if arguments.found.torch.is_some() {
            let mut command = python::command(arguments, "course_work.py")?;
            let checkpoint = course::root()?.join("lessons/shared/checkpoints/scenes.safetensors");
            command.arg(word).arg(&scenes).arg(checkpoint);
            sides.push(Worker::start("PyTorch", &mut command)?);
        }
        let mut answers = vec![vec![]; 2];
        for _ in 0..arguments.rounds.unwrap_or(3) {
            for (side, answers) in sides.iter_mut().zip(&mut answers) {
                answers.push(side.run(0.0)?);
            }
        }
        let [here, pytorch] = answers.try_into().expect("two sides");
        let measured = Measured {
            name: piece.name,
            here,
            pytorch,
        };
        measured.check(piece.tolerance)?;
        Ok(measured)
    }
}

/// What the sides took.
pub struct Measured {
    name: &'static str,
    here: Vec<Answer>,
    pytorch: Vec<Answer>,
}

impl Measured {
    /// **Errors** if the two sides did not do the same.
    fn check(&self, tolerance: Option<f64>) -> Result<()> {
        let value = |answers: &[Answer]| answers.last().and_then(|answer| answer.value);
        if let (Some(tolerance), Some(here), Some(there)) = (tolerance, value(&self.here), value(&self.pytorch))
            && (here - there).abs() > tolerance * there.abs()
        {
            bail!("{}: the sides differ, {here} here and {there} in PyTorch", self.name);
        }
        Ok(())
    }

    fn seconds(answers: &[Answer]) -> Option<f64> {
        let times: Vec<f64> = answers.iter().map(|answer| answer.ms / 1e3).collect();
        (!times.is_empty()).then(|| median(&times))
    }

    fn ratio(&self) -> Option<f64> {
        let pairs = self.here.iter().zip(&self.pytorch);
        let ratios: Vec<f64> = pairs.map(|(here, there)| here.ms / there.ms).collect();
        (!ratios.is_empty()).then(|| median(&ratios))
    }

    /// The title of the columns.
    pub fn title() -> String {
        format!(
            "{:<48} {:>7} {:>9} {:>9} {:>8} {:>11}",
            "seconds", "here", "PyTorch", "/PyTorch", "peak MB", "PyTorch's"
        )
    }

    /// The row as text.
    pub fn line(&self) -> String {
        let show = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
        let megabytes = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.0}"));
        format!(
            "{:<48} {:>7} {:>9} {:>9} {:>8} {:>11}",
            self.name,
            show(Self::seconds(&self.here)),
            show(Self::seconds(&self.pytorch)),
            show(self.ratio()),
            megabytes(peak(&self.here)),
            megabytes(peak(&self.pytorch))
        )
    }

    /// The row for machines.
    pub fn json(&self) -> Value {
        json!({
            "work": self.name, "here_s": Self::seconds(&self.here), "pytorch_s": Self::seconds(&self.pytorch),
            "ratio_pytorch": self.ratio(), "peak_mb": peak(&self.here), "pytorch_peak_mb": peak(&self.pytorch),
        })
    }
}
