//! The network at work on one image: what it says, what its layers look like in numbers and in a figure.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Tensor};
use draw::{Chart, Figure, ImagePanel, MapGrid, grouped};
use resnet::ResNet;
use scenes::Shape;
use serde::Serialize;
use studio::{Guess, Material, Preparation, Sample, softmax};

use crate::beside::{Beside, RECIPE};
use crate::check::Check;
use crate::network;
use crate::term::{DIM, TITLE, message};

/// Sites of the table, in forward order.
const TABLE: [&str; 9] = [
    "conv1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4", "avgpool", "fc",
];
/// Sites of the figure: after a ReLU, so that zero means "off".
const ROWS: [&str; 5] = ["relu", "layer1", "layer2", "layer3", "layer4"];
/// Feature maps in a row of the figure.
const MAPS: usize = 8;
/// A photo with a shorter side than this shows nothing the network could see.
const SMALLEST_SIDE: u32 = 16;

/// A photo, prepared for the network that it is shown to.
///
/// **Errors** if it is no JPEG, PNG or WebP image, broken, or tiny.
pub fn photo(path: &Path, preparation: Preparation) -> Result<Sample> {
    let sample = Sample::photo(path, preparation)?;
    let reader = image::ImageReader::open(path)?.with_guessed_format()?;
    let (width, height) = reader.into_dimensions()?;
    ensure!(
        width.min(height) >= SMALLEST_SIDE,
        "expected an image of at least {SMALLEST_SIDE}×{SMALLEST_SIDE} pixels, got {width}×{height} in {}",
        path.display()
    );
    Ok(Sample {
        name: format!("{} ({width}×{height}, {})", sample.name, preparation.words()),
        ..sample
    })
}

/// The network that is shown at work.
pub struct Shown<'a> {
    network: &'a ResNet,
    /// In words.
    name: String,
    classes: Vec<String>,
    /// Whether it is the course's own, which knows scenes only.
    is_own: bool,
    /// The robust one to be shown beside it.
    beside: Option<&'a ResNet>,
    /// Classes that are asked about.
    wanted: &'a [usize],
}

impl<'a> Shown<'a> {
    /// The course's own network, and the robust one beside it if it could be loaded.
    pub fn own(network: &'a ResNet, beside: Option<&'a ResNet>) -> Self {
        Self {
            network,
            name: "ResNet-18 “scenes”".into(),
            classes: Shape::ALL.map(|shape| shape.name().to_string()).into(),
            is_own: true,
            beside,
            wanted: &[],
        }
    }

    /// The learner's network.
    pub fn other(material: &'a Material) -> Self {
        let classes = 0..material.network().config().classes;
        Self {
            network: material.network(),
            name: material.network_name().into(),
            classes: classes.map(|class| material.class_name(class).to_string()).collect(),
            is_own: false,
            beside: None,
            wanted: material.wanted(),
        }
    }
}

/// Whether a picture can be written: the input alone, where the figure will be.
pub fn picture(input: &Sample, path: &Path) -> Check {
    const NAME: &str = "figure";
    let draw = || {
        Figure::new("")
            .panel(ImagePanel::new(&input.pixels)?.title("input"))
            .save(path)
    };
    match draw() {
        Ok(path) => Check::ok(NAME, format!("can be written to {}", path.display())),
        Err(error) => Check::failed(
            NAME,
            message(error),
            "make room or choose another place with `--figure FILE`",
        ),
    }
}

/// The activation at one site in numbers; the standard deviation is that of the population.
#[derive(Debug, Serialize)]
struct Statistics {
    site: &'static str,
    shape: Vec<usize>,
    mean: f64,
    std: f64,
    min: f64,
    max: f64,
    zeros: f64,
}

impl Statistics {
    fn of(site: &'static str, activation: &Tensor) -> Result<Self> {
        let values: Vec<f64> = activation.flatten_all()?.to_dtype(DType::F64)?.to_vec1()?;
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        Ok(Self {
            site,
            shape: activation.dims().to_vec(),
            mean,
            std: variance.sqrt(),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            zeros: values.iter().filter(|value| **value == 0.0).count() as f64 / count,
        })
    }
}

/// What the network made of one image.
#[derive(Debug, Serialize)]
pub struct Showing {
    network: String,
    input: String,
    truth: Option<&'static str>,
    /// All classes, most probable first.
    probabilities: Vec<Guess>,
    /// Those that were asked about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    asked: Vec<Guess>,
    layers: Vec<Statistics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    beside: Option<Beside>,
    figure: PathBuf,
    #[serde(skip)]
    is_own: bool,
}

/// Most probable classes that are printed, and that have bars where there are many.
const SHOWN: usize = 5;
/// Most classes of which all have bars.
const BARS: usize = 10;

/// Runs the network and writes the figure.
pub fn show(shown: &Shown, input: &Sample, figure: &Path) -> Result<Showing> {
    let Shown {
        network,
        name,
        classes,
        is_own,
        beside,
        wanted,
    } = shown;
    let sites = network.sites();
    let table = TABLE.into_iter().filter(|site| sites.iter().any(|s| s == site));
    let table: Vec<_> = table.collect(); // a stem for CIFAR has no maxpool
    let trace = network.capture(&network::input(&input.pixels)?, &table)?;
    let answered = softmax(&trace.logits.flatten_all()?.to_vec1()?);
    let mut probabilities: Vec<_> = classes
        .iter()
        .zip(answered)
        .enumerate()
        .map(|(class, (name, probability))| Guess {
            class,
            name: name.clone(),
            probability,
        })
        .collect();
    let asked: Vec<Guess> = wanted.iter().map(|&class| probabilities[class].clone()).collect();
    let likeliest = |a: &usize, b: &usize| probabilities[*a].probability.total_cmp(&probabilities[*b].probability);
    let class = (0..probabilities.len())
        .max_by(likeliest)
        .filter(|&class| class < Shape::COUNT)
        .map(|class| Shape::ALL[class]);
    let beside = match (beside, class) {
        (Some(robust), Some(class)) => Some(Beside::new(network, robust, &input.pixels, class)?),
        _ => None,
    };
    let few = classes.len() <= BARS;
    let answer = |shown: &[Guess], best: &str| {
        let bars = shown.iter().map(|guess| f64::from(guess.probability));
        Chart::over(shown.iter().map(Guess::short_name))
            .title(format!("answer: {best}"))
            .y_label("probability")
            .bars(
                if beside.is_some() { "ordinary" } else { "probability" },
                bars.collect::<Vec<_>>(),
            )
    };
    let by_probability = |a: &Guess, b: &Guess| b.probability.total_cmp(&a.probability);
    let best = probabilities.iter().min_by(|a, b| by_probability(a, b));
    let best = best.context("the network has no classes")?.name.clone();
    // Few classes keep their order, so that figures can be compared; of many the first are shown.
    let in_order = few.then(|| answer(&probabilities, &best));
    probabilities.sort_by(by_probability);
    let mut answer = in_order.unwrap_or_else(|| answer(&first(&probabilities, &asked), &best));
    if let Some(beside) = &beside {
        answer = answer.bars("robust", beside.probabilities.iter().map(|&share| f64::from(share)));
    }
    let layers = table.iter().map(|site| Statistics::of(site, trace.activation(site)?));
    let layers = layers.collect::<Result<_>>()?;

    let title = match (is_own, &beside) {
        (true, Some(_)) => format!("The same network, trained twice. What is a {best}?"),
        (true, None) => "What the shared network sees, layer by layer".into(),
        (false, _) => "What the network sees, layer by layer".into(),
    };
    let mut picture = Figure::new(title)
        .caption(caption(name, input, *is_own, beside.as_ref().map(|_| best.as_str())))
        .panel(ImagePanel::new(&input.pixels)?.title("input"));
    if let Some(beside) = &beside {
        let titles = ["what the ordinary one wants", "what the robust one wants"];
        for (title, image) in titles.into_iter().zip(&beside.optima) {
            picture = picture.panel(ImagePanel::new(image)?.title(title));
        }
        picture = picture.next_row();
    }
    picture = picture.panel(answer);
    for site in ROWS {
        picture = picture.next_row().panel(row(site, trace.activation(site)?)?);
    }
    Ok(Showing {
        network: name.clone(),
        input: input.name.clone(),
        truth: truth(input).filter(|_| *is_own).map(Shape::name),
        is_own: *is_own,
        probabilities,
        asked,
        layers,
        beside,
        figure: picture.save(figure)?,
    })
}

/// The shape that a generated scene was drawn with.
fn truth(input: &Sample) -> Option<Shape> {
    input.rendered.as_ref().map(|rendered| rendered.scene.class())
}

/// The most probable of many classes, and those that are asked about.
fn first(probabilities: &[Guess], asked: &[Guess]) -> Vec<Guess> {
    let (first, others) = probabilities.split_at(SHOWN.min(probabilities.len()));
    let others = others.iter().filter(|guess| asked.contains(guess));
    first.iter().chain(others).cloned().collect()
}

/// What is under the figure.
fn caption(name: &str, input: &Sample, is_own: bool, wanted: Option<&str>) -> String {
    let mut text = format!("{name} on {}. ", input.name);
    if let Some(wanted) = wanted {
        text += &format!(
            "Beside the input: what it and the same network trained against an adversary, “robust”, call a {wanted} most: {} steps of \
             ascent from grey with faint clouds, shifted and blurred, the best of a few starts. ",
            RECIPE.steps
        );
    }
    text += &format!(
        "Each row of maps: the {MAPS} channels with the highest mean at the end of the layer, highest first. Colour: viridis, \
         each map from its own minimum to its own maximum, so brightness cannot be compared between maps."
    );
    if is_own && truth(input).is_none() {
        text += " The network knows drawn shapes only.";
    }
    text
}

/// The most active channels of one site.
fn row(site: &str, activation: &Tensor) -> Result<MapGrid> {
    let maps = activation.squeeze(0)?; // [channels, height, width]
    let (channels, height, width) = maps.dims3()?;
    let means: Vec<f32> = maps.flatten_from(1)?.mean(1)?.to_vec1()?;
    let mut order: Vec<u32> = (0..channels as u32).collect();
    order.sort_by(|&a, &b| means[b as usize].total_cmp(&means[a as usize]));
    order.truncate(MAPS);
    let chosen = maps.index_select(&Tensor::new(order.as_slice(), maps.device())?, 0)?;
    let name = if site == "relu" { "relu after conv1" } else { site };
    let title = format!(
        "{name}: the most active of {} channels, {height}×{width}",
        grouped(channels)
    );
    Ok(MapGrid::maps(&chosen)?
        .title(title)
        .columns(MAPS)
        .labels(order.iter().map(|channel| format!("channel {channel}"))))
}

impl Showing {
    /// Prints answer, table and the figure's path.
    pub fn print(&self) {
        let who = if self.is_own {
            "The network"
        } else {
            self.network.as_str()
        };
        anstream::println!("\n{TITLE}{who} at work{TITLE:#} on {}", self.input);
        if self.is_own && self.truth.is_none() {
            let classes: Vec<_> = Shape::ALL.iter().map(|shape| shape.name()).collect();
            anstream::println!(
                "It was trained on drawn shapes only ({}), so its answer to a photo means little.",
                classes.join(", ")
            );
        }
        let shown = first(&self.probabilities, &self.asked);
        let lengths = shown.iter().map(|guess| guess.name.chars().count());
        let width = lengths.max().unwrap_or(0).max(10);
        for guess in shown {
            const BAR: f32 = 30.0;
            let bar = "█".repeat((BAR * guess.probability).round() as usize);
            anstream::println!("  {:<width$} {:>8}  {bar}", guess.name, guess.percent());
        }
        if let Some(truth) = self.truth {
            let verdict = if truth == self.probabilities[0].name {
                "right"
            } else {
                "wrong"
            };
            anstream::println!("  The answer is {verdict}; drawn was: {truth}.");
        }
        if let Some(beside) = &self.beside {
            beside.print();
        }
        anstream::println!(
            "\n{DIM}  {:<8} {:>18} {:>8} {:>8} {:>8} {:>8} {:>7}{DIM:#}",
            "site",
            "shape",
            "mean",
            "std",
            "min",
            "max",
            "zeros"
        );
        for layer in &self.layers {
            let Statistics {
                site,
                shape,
                mean,
                std,
                min,
                max,
                zeros,
            } = layer;
            let (shape, zeros) = (format!("{shape:?}"), 100.0 * zeros);
            anstream::println!("  {site:<8} {shape:>18} {mean:>8.3} {std:>8.3} {min:>8.3} {max:>8.3} {zeros:>5.1} %");
        }
        anstream::println!("\nFigure: {}", self.figure.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use resnet::Config;

    #[test]
    fn statistics_of_four_numbers() {
        let activation = Tensor::new(&[[0f32, 0.0], [2.0, -4.0]], &Device::Cpu).unwrap();
        let found = Statistics::of("relu", &activation).unwrap();
        assert_eq!((found.min, found.max, found.mean, found.zeros), (-4.0, 2.0, -0.5, 0.5));
        assert!(
            (found.std - 4.75f64.sqrt()).abs() < 1e-12,
            "mean of squares 5, square of the mean 0.25"
        );
    }

    #[test]
    fn the_showing_is_complete_and_its_probabilities_sum_to_one() {
        let network = ResNet::untrained(&Config::resnet18().width(8).classes(10), 1).unwrap();
        let figure = std::env::temp_dir().join(format!("verify_setup-{}.png", std::process::id()));
        let showing = show(&Shown::own(&network, None), &network::sample(2).unwrap(), &figure).unwrap();
        let sum: f32 = showing.probabilities.iter().map(|guess| guess.probability).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        assert_eq!(showing.layers.len(), TABLE.len());
        let (width, height) = image::image_dimensions(&figure).unwrap();
        assert!(width > 600 && height > 600, "a figure of {width}×{height}");
        std::fs::remove_file(figure).unwrap();
    }
}
