//! The first table: networks, one batch at a time.

use std::process::Command;

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor, Var};
use resnet::{Config, ResNet};
use serde_json::{Value, json};

use crate::serving::{self, median};
use crate::worker::{Answer, Worker};
use crate::{Arguments, python};

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Mode {
    /// The logits
    Forward,
    /// The logits, and the gradient of one of them with respect to the images
    InputGradient,
}

impl Mode {
    /// As it is passed and printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::InputGradient => "input_gradient",
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Row {
    /// Layers: 18, 34 or 50
    #[arg(long, default_value_t = 18)]
    pub depth: usize,
    /// Channels of the stem
    #[arg(long, default_value_t = 16)]
    pub width: usize,
    /// Height and width of the images
    #[arg(long, default_value_t = 128)]
    pub side: usize,
    /// Images at a time
    #[arg(long, default_value_t = 1)]
    pub batch: usize,
    /// What is computed
    #[arg(long, value_enum, default_value = "forward")]
    pub mode: Mode,
}

/// Classes of the networks: small, because their last layer is not what is measured.
const CLASSES: usize = 10;

/// The rows of the table.
pub fn rows() -> Vec<Row> {
    let networks = [(18, 16, 128, [1, 16]), (18, 64, 224, [1, 8]), (50, 64, 224, [1, 8])];
    let mut rows = vec![];
    for (depth, width, side, batches) in networks {
        for mode in [Mode::Forward, Mode::InputGradient] {
            rows.extend(batches.map(|batch| Row {
                depth,
                width,
                side,
                batch,
                mode,
            }));
        }
    }
    rows
}

impl Row {
    /// The network's name and width.
    pub fn network(&self) -> String {
        format!("ResNet-{} width {}", self.depth, self.width)
    }

    fn untrained(&self) -> Result<ResNet> {
        let config = match self.depth {
            18 => Config::resnet18(),
            34 => Config::resnet34(),
            50 => Config::resnet50(),
            other => bail!("expected a depth of 18, 34 or 50, got {other}"),
        };
        Ok(ResNet::untrained(&config.width(self.width).classes(CLASSES), 0)?)
    }

    fn options(&self) -> Vec<String> {
        let numbers = [
            ("--depth", self.depth),
            ("--width", self.width),
            ("--side", self.side),
            ("--batch", self.batch),
        ];
        let mut options: Vec<String> = numbers
            .iter()
            .flat_map(|(name, number)| [name.to_string(), number.to_string()])
            .collect();
        options.extend(["--mode".into(), self.mode.name().into()]);
        options
    }

    /// The multiply-adds that convolutions and the last layer need; a gradient needs them once more.
    fn multiply_adds(&self) -> Result<f64> {
        let network = self.untrained()?;
        let images = Tensor::zeros((1, 3, self.side, self.side), candle_core::DType::F32, &Device::Cpu)?;
        let mut count = 0;
        network.forward_visit(&images, &mut |site, activation| {
            if let Ok(weight) = network.parameter(&format!("{site}.weight"))
                && weight.rank() > 1
            {
                let places: usize = activation.dims()[2..].iter().product();
                count += weight.elem_count() * places;
            }
            Ok(None)
        })?;
        let passes = match self.mode {
            Mode::Forward => 1,
            Mode::InputGradient => 2,
        };
        Ok((passes * self.batch * count) as f64)
    }
}

/// The work of this crate's side, on request.
pub fn serve(row: &Row) -> Result<()> {
    let network = row.untrained()?;
    let images = Tensor::rand(0f32, 1f32, (row.batch, 3, row.side, row.side), &Device::Cpu)?;
    serving::serve(|| {
        match row.mode {
            Mode::Forward => network.forward(&images)?,
            Mode::InputGradient => resnet::by_image(&images, |image| {
                let image = Var::from_tensor(image)?;
                let score = network.forward(&image)?.narrow(1, 0, 1)?.sum_all()?;
                let gradient = score.backward()?.remove(&image);
                gradient.ok_or_else(|| candle_core::Error::Msg("the score does not depend on the image".into()))
            })?,
        };
        Ok(None)
    })
}

/// Times per image of all sides, one after the other in each round.
pub struct Measured {
    row: Row,
    here: Vec<Answer>,
    pytorch: Vec<Answer>,
    onnxruntime: Vec<Answer>,
    limit_ms: f64,
}

/// Measures a row. `limit` is in multiply-adds per second.
pub fn measure(row: Row, arguments: &Arguments, limit: f64) -> Result<Measured> {
    let mut command = Command::new(std::env::current_exe().context("the path of this program")?);
    command.arg("--worker").args(row.options());
    let mut sides = vec![Worker::start("this crate", arguments.restrict(&mut command))?];
    for backend in arguments.backends(row.mode)? {
        let mut command = python::command(arguments, "pytorch_reference.py")?;
        command.args(["--serve", backend]).args(row.options());
        sides.push(Worker::start(backend, &mut command)?);
    }
    let mut answers = vec![vec![]; 3];
    for _ in 0..arguments.rounds.unwrap_or(7) {
        for (side, answers) in sides.iter_mut().zip(&mut answers) {
            let mut answer = side.run(arguments.seconds)?;
            answer.ms /= row.batch as f64;
            answers.push(answer);
        }
    }
    let [here, pytorch, onnxruntime] = answers.try_into().expect("three sides");
    let limit_ms = row.multiply_adds()? / limit * 1e3 / row.batch as f64;
    Ok(Measured {
        row,
        here,
        pytorch,
        onnxruntime,
        limit_ms,
    })
}

impl Measured {
    /// The median of a side's times, `None` if it did not run.
    fn ms(answers: &[Answer]) -> Option<f64> {
        let times: Vec<f64> = answers.iter().map(|answer| answer.ms).collect();
        (!times.is_empty()).then(|| median(&times))
    }

    /// The median over the rounds of this crate's time by the other side's, measured just after it.
    fn ratio(&self, other: &[Answer]) -> Option<f64> {
        let pairs = self.here.iter().zip(other);
        let ratios: Vec<f64> = pairs.map(|(here, other)| here.ms / other.ms).collect();
        (!ratios.is_empty()).then(|| median(&ratios))
    }

    /// The title of the columns.
    pub fn title() -> String {
        format!(
            "{:<18} {:>4} {:>5}  {:<14} {:>8} {:>8} {:>8} {:>8}  {:>8} {:>8} {:>7}",
            "network",
            "side",
            "batch",
            "mode",
            "here",
            "PyTorch",
            "ONNX R.",
            "limit",
            "/PyTorch",
            "/ONNX R.",
            "peak MB"
        )
    }

    /// The row as text.
    pub fn line(&self) -> String {
        let Row { side, batch, mode, .. } = self.row;
        let show = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
        format!(
            "{:<18} {side:>4} {batch:>5}  {:<14} {:>8} {:>8} {:>8} {:>8.2}  {:>8} {:>8} {:>7}",
            self.row.network(),
            mode.name(),
            show(Self::ms(&self.here)),
            show(Self::ms(&self.pytorch)),
            show(Self::ms(&self.onnxruntime)),
            self.limit_ms,
            show(self.ratio(&self.pytorch)),
            show(self.ratio(&self.onnxruntime)),
            peak(&self.here).map_or("-".into(), |mb| format!("{mb:.0}")),
        )
    }

    /// The row for machines.
    pub fn json(&self) -> Value {
        let Row { side, batch, mode, .. } = self.row;
        json!({
            "network": self.row.network(), "side": side, "batch": batch, "mode": mode.name(),
            "here_ms": Self::ms(&self.here), "pytorch_ms": Self::ms(&self.pytorch),
            "onnxruntime_ms": Self::ms(&self.onnxruntime), "limit_ms": self.limit_ms,
            "ratio_pytorch": self.ratio(&self.pytorch), "ratio_onnxruntime": self.ratio(&self.onnxruntime),
            "peak_mb": peak(&self.here), "pytorch_peak_mb": peak(&self.pytorch),
            "onnxruntime_peak_mb": peak(&self.onnxruntime),
        })
    }
}

/// The most memory a side held.
pub fn peak(answers: &[Answer]) -> Option<f64> {
    answers.last().and_then(|answer| answer.peak_mb)
}
