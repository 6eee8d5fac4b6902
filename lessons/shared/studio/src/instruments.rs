//! A lesson's functions for a program that shows what they find: `cargo run -p lesson05 -- --instruments`.
//!
//! The course's page keeps such a process while one looks through its bench. A function that panics costs its own answer; one
//! that hangs or ends the process is noticed by the page, which ends the process and goes on with the reference.
//!
//! ```text
//! asked      grad_cam scenes layer4 3 128        name, network, site, class, side; then 3·side² bytes, red, green, blue
//! answered   microscope: map 4 4 0 0.5 …         height, width and the map, row by row
//!            microscope: problem panicked, …     one line
//! ```
//! At the start the line `microscope: ready` is written. Other lines are what the functions print.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor};
use course::panics::{self, first_line};
use resnet::ResNet;

/// A function of a lesson that makes a map of an image: network, normalized image `[1, 3, height, width]`, class, site; the
/// map is `[height, width]`.
#[derive(Clone, Copy)]
pub struct Instrument {
    /// Its name.
    pub name: &'static str,
    /// What makes the map.
    pub map: fn(&ResNet, &Tensor, u32, &str) -> candle_core::Result<Tensor>,
}

/// Begins each line of an answer.
pub const MARK: &str = "microscope: ";

/// Answers until the input ends.
///
/// **Errors** if what is asked cannot be read.
pub fn serve(instruments: &[Instrument], mut input: impl BufRead, mut output: impl Write) -> Result<()> {
    let mut networks = HashMap::new();
    writeln!(output, "{MARK}ready")?;
    output.flush()?;
    loop {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let [name, network, site, class, side] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            anyhow::bail!("expected name, network, site, class and side, got {line:?}")
        };
        let side: usize = side.parse().context("the side")?;
        ensure!(side <= 1024, "expected a side of 1024 at most, got {side}");
        let mut bytes = vec![0; 3 * side * side];
        input.read_exact(&mut bytes)?;
        let class: u32 = class.parse().context("the class")?;
        let answer = catch_unwind(AssertUnwindSafe(|| {
            let instrument = instruments.iter().find(|one| one.name == name);
            let instrument = instrument.with_context(|| format!("there is no instrument {name}"))?;
            if !networks.contains_key(network) {
                networks.insert(network.to_string(), resnet::checkpoints::shipped(network)?);
            }
            let pixels = Tensor::from_vec(bytes, (side, side, 3), &Device::Cpu)?.permute((2, 0, 1))?;
            let image = resnet::normalize(&(pixels.to_dtype(DType::F32)?.contiguous()? / 255.0)?.unsqueeze(0)?)?;
            let map = (instrument.map)(&networks[network], &image, class, site)?;
            let (height, width) = map.dims2()?;
            let values = map.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            anyhow::Ok(format!("map {height} {width} {}", values.join(" ")))
        }));
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => format!("problem {}", first_line(&format!("{error:#}"))),
            Err(panic) => format!("problem panicked, {}", first_line(panics::message(&*panic))),
        };
        writeln!(output, "{MARK}{answer}")?;
        output.flush()?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(_: &ResNet, image: &Tensor, class: u32, _: &str) -> candle_core::Result<Tensor> {
        resnet::denormalize(image)?.mean((2, 3))?.affine(1.0, f64::from(class))
    }

    fn broken(_: &ResNet, _: &Tensor, _: u32, _: &str) -> candle_core::Result<Tensor> {
        panic!("an index\nis out of bounds")
    }

    const ALL: [Instrument; 2] = [
        Instrument {
            name: "mean",
            map: mean,
        },
        Instrument {
            name: "broken",
            map: broken,
        },
    ];

    #[test]
    fn each_question_gets_one_line_whatever_the_function_does() {
        let mut asked = vec![];
        for name in ["broken", "mean", "missing"] {
            asked.extend(format!("{name} scenes layer4 2 32\n").bytes());
            asked.extend([255, 0, 51].repeat(32 * 32));
        }
        let mut said = vec![];
        serve(&ALL, &asked[..], &mut said).unwrap();
        let said = String::from_utf8(said).unwrap();
        let lines: Vec<&str> = said.lines().map(|line| line.strip_prefix(MARK).unwrap()).collect();
        assert_eq!(lines[..2], ["ready", "problem panicked, an index"]);
        let numbers: Vec<f32> = lines[2]
            .split(' ')
            .skip(1)
            .map(|number| number.parse().unwrap())
            .collect();
        assert_eq!(numbers[..2], [1.0, 3.0]);
        assert!(
            numbers[2..]
                .iter()
                .zip([3.0, 2.0, 2.2])
                .all(|(a, b)| (a - b).abs() < 1e-5),
            "{numbers:?}"
        );
        assert_eq!(lines[3], "problem there is no instrument missing");
    }
}
