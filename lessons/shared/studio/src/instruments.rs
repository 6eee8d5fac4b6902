//! A lesson's functions for a program that shows what they find: `cargo run -p lesson05 -- --instruments`.
//!
//! The course's page keeps such a process while one looks through its bench. A function that panics costs its own answer; one
//! that hangs or ends the process is noticed by the page, which ends the process and goes on with the reference.
//!
//! ```text
//! asked      grad_cam scenes layer4 3 128        name, network, site, class, side; then 3·side² bytes, red, green, blue
//! answered   microscope: map 4 4 0 0.5 …         height, width and the map, row by row
//!
//! asked      unit statistics layer4 66 4003 -    name, site, unit, count, network; then so many f32, the lowest byte first
//! answered   microscope: numbers 0.25 0 …
//!
//! answered   microscope: problem panicked, …     one line
//! ```
//! A network is one of the course's, or a file; `-` for none. At the start the line `microscope: ready` is written. Other lines
//! are what the functions print.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use candle_core::{DType, Device, Tensor};
use course::panics::{self, first_line};
use resnet::ResNet;

use crate::Material;

/// A function of a lesson that others can ask.
#[derive(Clone, Copy)]
pub struct Instrument {
    /// Its name.
    pub name: &'static str,
    /// What answers.
    pub function: Function,
}

/// What answers.
#[derive(Clone, Copy)]
pub enum Function {
    /// Makes a map of an image: network, normalized image `[1, 3, height, width]`, class, site; the map is `[height, width]`.
    OfImage(fn(&ResNet, &Tensor, u32, &str) -> candle_core::Result<Tensor>),
    /// Makes numbers of numbers that are about a unit; what they mean the one that asks knows.
    OfUnit(fn(&Asked) -> candle_core::Result<Vec<f32>>),
}

/// A question about a unit.
pub struct Asked<'a> {
    network: Option<&'a ResNet>,
    /// The site.
    pub site: &'a str,
    /// The unit.
    pub unit: usize,
    /// What else there is to know.
    pub numbers: &'a [f32],
}

impl<'a> Asked<'a> {
    /// A question.
    pub fn new(network: Option<&'a ResNet>, site: &'a str, unit: usize, numbers: &'a [f32]) -> Self {
        Self {
            network,
            site,
            unit,
            numbers,
        }
    }

    /// The network.
    ///
    /// **Errors** if none was named.
    pub fn network(&self) -> candle_core::Result<&'a ResNet> {
        match self.network {
            Some(network) => Ok(network),
            None => candle_core::bail!("expected a network, got none"),
        }
    }

    /// The first `N` numbers, and the rest.
    ///
    /// **Errors** if there are fewer.
    pub fn split<const N: usize>(&self) -> candle_core::Result<([f32; N], &'a [f32])> {
        match self.numbers.split_first_chunk() {
            Some((first, rest)) => Ok((*first, rest)),
            None => candle_core::bail!("expected {N} numbers or more, got {}", self.numbers.len()),
        }
    }

    /// The unit's maps, `[images, 1, height, width]`, from images, height, width and the values.
    ///
    /// **Errors** if there are more or fewer.
    pub fn maps(&self) -> candle_core::Result<Tensor> {
        let ([images, height, width], values) = self.split()?;
        let shape = (images as usize, 1, height as usize, width as usize);
        Tensor::from_vec(values.to_vec(), shape, &Device::Cpu)
    }
}

/// The same for [`Asked::maps`]: what to send for maps `[images, 1, height, width]`.
///
/// **Errors** if they are of another shape.
pub fn numbers_of(maps: &Tensor) -> candle_core::Result<Vec<f32>> {
    let (images, _, height, width) = maps.dims4()?;
    let mut numbers: Vec<f32> = [images, height, width].map(|side| side as f32).to_vec();
    numbers.extend(maps.narrow(1, 0, 1)?.flatten_all()?.to_vec1::<f32>()?);
    Ok(numbers)
}

/// Begins each line of an answer.
pub const MARK: &str = "microscope: ";
/// What stands for no network in a question about a unit.
pub const NO_NETWORK: &str = "-";
/// Most numbers in a question.
const MOST: usize = 64 << 20;

/// What was asked.
enum Question {
    OfImage { class: u32, side: usize, bytes: Vec<u8> },
    OfUnit { unit: usize, numbers: Vec<f32> },
}

/// Who is asked, and what.
struct Request {
    name: String,
    network: String,
    site: String,
    question: Question,
}

/// Answers until the input ends.
///
/// **Errors** if what is asked cannot be read.
pub fn serve(instruments: &[Instrument], mut input: impl BufRead, mut output: impl Write) -> Result<()> {
    let mut networks = HashMap::new();
    writeln!(output, "{MARK}ready")?;
    output.flush()?;
    while let Some(request) = Request::read(&mut input)? {
        let answer = catch_unwind(AssertUnwindSafe(|| request.answer(instruments, &mut networks)));
        let answer = match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => format!("problem {}", first_line(&format!("{error:#}"))),
            Err(panic) => format!("problem panicked, {}", first_line(panics::message(&*panic))),
        };
        writeln!(output, "{MARK}{answer}")?;
        output.flush()?;
    }
    Ok(())
}

impl Request {
    /// The next one; `None` at the end of the input.
    fn read(input: &mut impl BufRead) -> Result<Option<Self>> {
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end_matches(['\r', '\n']);
        if let Some(asked) = line.strip_prefix("unit ") {
            let [name, site, unit, count, network] = asked.splitn(5, ' ').collect::<Vec<_>>()[..] else {
                bail!("expected name, site, unit, count and network, got {line:?}")
            };
            let count: usize = count.parse().context("the count")?;
            ensure!(count <= MOST, "expected {MOST} numbers at most, got {count}");
            let mut bytes = vec![0; 4 * count];
            input.read_exact(&mut bytes)?;
            let number = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            return Ok(Some(Self {
                name: name.into(),
                network: network.into(),
                site: site.into(),
                question: Question::OfUnit {
                    unit: unit.parse().context("the unit")?,
                    numbers: bytes.chunks_exact(4).map(number).collect(),
                },
            }));
        }
        let [name, network, site, class, side] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            bail!("expected name, network, site, class and side, got {line:?}")
        };
        let side: usize = side.parse().context("the side")?;
        ensure!(side <= 1024, "expected a side of 1024 at most, got {side}");
        let mut bytes = vec![0; 3 * side * side];
        input.read_exact(&mut bytes)?;
        Ok(Some(Self {
            name: name.into(),
            network: network.into(),
            site: site.into(),
            question: Question::OfImage {
                class: class.parse().context("the class")?,
                side,
                bytes,
            },
        }))
    }

    fn answer(self, instruments: &[Instrument], networks: &mut HashMap<String, ResNet>) -> Result<String> {
        let Self {
            name,
            network,
            site,
            question,
        } = self;
        let instrument = instruments.iter().find(|one| one.name == name);
        let instrument = instrument.with_context(|| format!("there is no instrument {name}"))?;
        let network = match network.as_str() {
            NO_NETWORK => None,
            name => {
                if !networks.contains_key(name) {
                    networks.insert(name.to_string(), open(name)?);
                }
                networks.get(name)
            }
        };
        match (question, instrument.function) {
            (Question::OfImage { class, side, bytes }, Function::OfImage(function)) => {
                let network = network.context("expected a network")?;
                let pixels = Tensor::from_vec(bytes, (side, side, 3), &Device::Cpu)?.permute((2, 0, 1))?;
                let image = resnet::normalize(&(pixels.to_dtype(DType::F32)?.contiguous()? / 255.0)?.unsqueeze(0)?)?;
                let map = function(network, &image, class, &site)?;
                let (height, width) = map.dims2()?;
                let values = map.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
                Ok(format!("map {height} {width} {}", in_words(&values)))
            }
            (Question::OfUnit { unit, numbers }, Function::OfUnit(function)) => {
                let values = function(&Asked::new(network, &site, unit, &numbers))?;
                Ok(format!("numbers {}", in_words(&values)))
            }
            _ => bail!("{name} is asked in another way"),
        }
    }
}

/// One of the course's networks, or that of a file.
fn open(name: &str) -> Result<ResNet> {
    match Path::new(name) {
        path if path.is_file() => Ok(Material::new(Some(path), None)?.network().clone()),
        _ => Ok(resnet::checkpoints::shipped(name)?),
    }
}

fn in_words(values: &[f32]) -> String {
    let words: Vec<String> = values.iter().map(ToString::to_string).collect();
    words.join(" ")
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

    fn halves(asked: &Asked) -> candle_core::Result<Vec<f32>> {
        let maps = asked.maps()?;
        (maps.sum((1, 2, 3))? * 0.5)?.to_vec1()
    }

    const ALL: [Instrument; 3] = [
        Instrument {
            name: "mean",
            function: Function::OfImage(mean),
        },
        Instrument {
            name: "broken",
            function: Function::OfImage(broken),
        },
        Instrument {
            name: "halves",
            function: Function::OfUnit(halves),
        },
    ];

    fn ask_about_unit(head: &str, numbers: &[f32]) -> Vec<u8> {
        let mut asked = format!("{head}\n").into_bytes();
        asked.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        asked
    }

    #[test]
    fn a_question_about_a_unit_is_answered_in_numbers_and_what_does_not_fit_in_a_sentence() {
        let maps = Tensor::new(&[[[[1f32, 2.5]]], [[[3.0, -1.0]]]], &Device::Cpu).unwrap();
        let numbers = numbers_of(&maps).unwrap();
        assert_eq!(numbers, [2.0, 1.0, 2.0, 1.0, 2.5, 3.0, -1.0]);
        let mut asked = ask_about_unit("unit halves layer4 66 7 -", &numbers);
        asked.extend(ask_about_unit("unit halves layer4 66 6 -", &numbers[..6]));
        asked.extend(ask_about_unit("unit mean layer4 66 1 a file with spaces", &[1.0]));
        asked.extend(ask_about_unit("unit mean layer4 66 0 -", &[]));
        let mut said = vec![];
        serve(&ALL, &asked[..], &mut said).unwrap();
        let said = String::from_utf8(said).unwrap();
        let lines: Vec<&str> = said.lines().map(|line| line.strip_prefix(MARK).unwrap()).collect();
        assert_eq!(lines[1], "numbers 1.75 1");
        assert!(lines[2].starts_with("problem "), "{}", lines[2]);
        assert!(lines[3].contains("a file with spaces"), "{}", lines[3]);
        assert_eq!(lines[4], "problem mean is asked in another way");
    }

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
