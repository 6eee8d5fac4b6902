//! What is drawn: one function per picture, from the lesson's own functions.

use std::cell::RefCell;

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use draw::{Figure, ImagePanel, MapGrid};
use lesson03::{
    Dream, Function, Optimizer, Problem, Settings, Target, Wobble, blur, dream, l2, maximize,
    objective, paint, score, similarity, top_examples, total_variation,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet::ResNet;
use scenes::COLOUR_AXES;
use studio::{Draw, Material, progress};

/// Name and function of each picture.
pub const ALL: [(&str, Draw); 6] = [
    ("optima", optima),
    ("filters", filters),
    ("ablation", ablation),
    ("dream", dreams),
    ("diverse", diverse),
    ("examples", examples),
];

/// Side of the images that are made.
const SIDE: usize = 128;

/// How an image is made.
#[derive(Clone, Copy, PartialEq)]
struct Recipe {
    /// What is optimized: waves (3.6), or pixels.
    waves: bool,
    wobble: Wobble,
    total_variation: f64,
    l2: f64,
    /// Width of the blur after each step, 0 for none.
    blur: f64,
    /// How far the numbers at the start are from 0, or pixels from grey.
    start: f32,
    settings: Settings,
}

const ASCENT: Settings = Settings {
    steps: 128,
    step_size: 0.01,
    optimizer: Optimizer::Ascent,
};

/// Pixels, and nothing against noise.
const PLAIN: Recipe = Recipe {
    waves: false,
    wobble: STILL,
    total_variation: 0.0,
    l2: 0.0,
    blur: 0.0,
    start: 0.02,
    settings: ASCENT,
};

const STILL: Wobble = Wobble {
    jitter: 0,
    angle: 0.0,
    scale: 0.0,
};

const MOVED: Wobble = Wobble {
    jitter: 8,
    angle: 0.15,
    scale: 0.1,
};

/// Pixels with everything of 3.3 and 3.4.
const CAREFUL: Recipe = Recipe {
    wobble: MOVED,
    total_variation: 4.0,
    l2: 0.3,
    blur: 0.5,
    settings: Settings {
        step_size: 0.02,
        ..ASCENT
    },
    ..PLAIN
};

/// Waves, moved about.
const WAVES: Recipe = Recipe {
    waves: true,
    wobble: MOVED,
    total_variation: 4.0,
    settings: Settings {
        steps: 128,
        step_size: 0.05,
        optimizer: Optimizer::Adam,
    },
    ..PLAIN
};

/// What the optimum is made for: objectives of a batch of images, `[batch]`.
struct Wish<'a> {
    objective: &'a Function<'a>,
    /// The size of a typical objective: penalties are relative to it.
    scale: f64,
}

/// Makes `batch` images by a recipe; returns them and the objective's mean before each step.
fn make(
    wish: &Wish,
    recipe: &Recipe,
    batch: usize,
    side: usize,
    what: String,
) -> Result<(Tensor, Vec<f64>)> {
    let random = RefCell::new(ChaCha8Rng::seed_from_u64(1));
    let bar = progress(recipe.settings.steps as u64, what);
    let values = RefCell::new(vec![]);
    let watched = |images: &Tensor| {
        let value = (wish.objective)(images)?;
        let mean = f64::from(value.mean_all()?.to_scalar::<f32>()?);
        values.borrow_mut().push(mean);
        bar.set_message(format!("objective {mean:.3}"));
        bar.inc(1);
        Ok(value)
    };
    let axes = Tensor::new(&COLOUR_AXES, &Device::Cpu)?;
    let painted = |spectrum: &Tensor| paint(spectrum, side, &axes);
    let same = |x: &Tensor| Ok(x.clone());
    let moved = |images: &Tensor| recipe.wobble.apply(images, &mut random.borrow_mut());
    let penalty = |images: &Tensor| {
        let mut sum = Tensor::zeros(images.dim(0)?, images.dtype(), images.device())?;
        if recipe.total_variation > 0.0 {
            sum = (sum + (total_variation(images)? * (recipe.total_variation * wish.scale))?)?;
        }
        if recipe.l2 > 0.0 {
            sum = (sum + (l2(images)? * (recipe.l2 * wish.scale))?)?;
        }
        Ok(sum)
    };
    let softened = |pixels: &Tensor| blur(&pixels.clamp(0.0, 1.0)?, recipe.blur);
    let mut problem = Problem {
        transform: &moved,
        penalty: &penalty,
        ..Problem::new(&watched)
    };
    if recipe.blur > 0.0 {
        problem.project = &softened;
    }
    let start = match recipe.waves {
        false => uniform(
            &mut random.borrow_mut(),
            &[batch, 3, side, side],
            0.5,
            recipe.start,
        )?,
        true => {
            (problem.image, problem.project) = (&painted, &same);
            let waves = [batch, 3, side, side / 2 + 1, 2];
            uniform(&mut random.borrow_mut(), &waves, 0.0, recipe.start)?
        }
    };
    let images = maximize(&start, &problem, &recipe.settings)?;
    Ok((images, values.take()))
}

/// Random numbers between `middle` − `spread` and `middle` + `spread`.
fn uniform(
    random: &mut ChaCha8Rng,
    shape: &[usize],
    middle: f32,
    spread: f32,
) -> candle_core::Result<Tensor> {
    let count = shape.iter().product();
    let numbers = (0..count).map(|_| middle + spread * random.random_range(-1.0f32..1.0));
    Tensor::from_vec(numbers.collect(), shape, &Device::Cpu)
}

/// The last place of a layer before its ReLU: a unit that is at rest still has a gradient there.
fn before_relu(network: &ResNet, layer: &str) -> Result<String> {
    let sites = network.sites();
    let last = sites.iter().rev();
    let site = last
        .into_iter()
        .find(|site| site.starts_with(layer) && site.ends_with(".add"));
    Ok(site
        .with_context(|| format!("expected a sum in {layer}"))?
        .clone())
}

/// The typical size of a unit's objective, from some images of the data: a tenth of the channels' spread.
fn spread(material: &Material, site: &str, channel: usize) -> Result<f64> {
    let mut values = vec![];
    for batch in material.batches(0..32, 16) {
        let scores = score(
            material.network(),
            &batch?.pixels,
            site,
            Target::Channel(channel),
        )?;
        values.extend(scores.to_vec1::<f32>()?);
    }
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / values.len() as f32;
    Ok(f64::from(variance.sqrt().max(1e-6)))
}

/// One optimum of a channel.
fn optimum(
    material: &Material,
    site: &str,
    channel: usize,
    recipe: &Recipe,
    side: usize,
) -> Result<(Tensor, Vec<f64>)> {
    let network = material.network();
    let objective = |images: &Tensor| score(network, images, site, Target::Channel(channel));
    let wish = Wish {
        objective: &objective,
        scale: spread(material, site, channel)?,
    };
    make(&wish, recipe, 1, side, format!("{site} {channel}"))
}

/// The objective of an image as it is, unmoved.
fn value(material: &Material, image: &Tensor, site: &str, channel: usize) -> Result<f32> {
    let scores = score(material.network(), image, site, Target::Channel(channel))?;
    Ok(scores.to_vec1::<f32>()?[0])
}

/// The channel with this index, or another one where there are not so many.
fn within(material: &Material, site: &str, channel: usize) -> Result<usize> {
    let trace = material
        .network()
        .capture(&material.image(7)?.input()?, &[site])?;
    Ok(channel % trace.activation(site)?.dim(1)?)
}

/// 3.6: what channels of each layer want.
fn optima(material: &Material) -> Result<Figure> {
    const CHANNELS: [(&str, [usize; 3]); 4] = [
        ("layer1", [3, 7, 12]),
        ("layer2", [5, 17, 26]),
        ("layer3", [5, 20, 33]),
        ("layer4", [3, 40, 77]),
    ];
    let mut figure = Figure::new("What channels want, from layer to layer")
        .columns(4)
        .width(900);
    let sites = CHANNELS
        .iter()
        .map(|(layer, channels)| Ok((before_relu(material.network(), layer)?, channels)))
        .collect::<Result<Vec<_>>>()?;
    for row in 0..3 {
        for (site, channels) in &sites {
            let channel = within(material, site, channels[row])?;
            let (image, _) = optimum(material, site, channel, &WAVES, SIDE)?;
            let title = format!("{site}, channel {channel}");
            figure = figure.panel(ImagePanel::new(&image.get(0)?)?.title(title));
        }
    }
    Ok(figure.caption(format!(
        "{}: three channels of each layer before its last ReLU. Your maximize (3.5) with your paint (3.6), Adam, \
         {} steps; moved before each step (3.4); total variation (3.3) taken off. {SIDE}×{SIDE} pixels.",
        material.network_name(),
        WAVES.settings.steps,
    )))
}

/// The first layer: weights, and what they want.
fn filters(material: &Material) -> Result<Figure> {
    const SMALL: usize = 48;
    let network = material.network();
    let weights = network.parameter("conv1.weight")?;
    let count = weights.dim(0)?;
    // Image k is for filter k.
    let each = |images: &Tensor| {
        let trace = network.capture(&resnet::normalize(images)?, &["relu"])?;
        let activation = trace.activation("relu")?;
        let values = (0..count)
            .map(|k| objective(&activation.narrow(0, k, 1)?, Target::Channel(k)))
            .collect::<candle_core::Result<Vec<_>>>()?;
        Tensor::cat(&values, 0)
    };
    let wish = Wish {
        objective: &each,
        scale: 1.0,
    };
    let recipe = Recipe {
        total_variation: 0.0,
        start: 0.3, // enough for every filter to answer somewhere
        settings: Settings {
            steps: 64,
            ..WAVES.settings
        },
        ..WAVES
    };
    let (images, _) = make(&wish, &recipe, count, SMALL, "conv1".into())?;
    let columns = count.isqrt();
    let numbers = || (0..count).map(|k| k.to_string());
    Ok(Figure::new("The first layer: what the filters are, and what they want")
        .caption(format!(
            "conv1 of {}. Left: weights as colours, grey is 0, each filter with its own scale. Right: for each filter the \
             image of {SMALL}×{SMALL} that excites it most after the ReLU, on average over all places (3.1, 3.5, 3.6).",
            material.network_name()
        ))
        .panel(MapGrid::filters(weights)?.columns(columns).labels(numbers()).title("filters"))
        .panel(MapGrid::images(&images)?.columns(columns).labels(numbers()).title("optima"))
        .width(900))
}

/// 3.3 to 3.6: what each remedy does.
fn ablation(material: &Material) -> Result<Figure> {
    let recipes = [
        ("none", PLAIN),
        (
            "total variation",
            Recipe {
                total_variation: 4.0,
                ..PLAIN
            },
        ),
        ("blur", Recipe { blur: 0.5, ..PLAIN }),
        (
            "jitter",
            Recipe {
                wobble: Wobble { jitter: 8, ..STILL },
                ..PLAIN
            },
        ),
        ("all of these", CAREFUL),
        ("waves", WAVES),
    ];
    let mut figure = Figure::new("What makes a picture of noise")
        .columns(6)
        .width(1200);
    for (layer, channel) in [("layer3", 20), ("layer4", 3)] {
        let site = before_relu(material.network(), layer)?;
        let channel = within(material, &site, channel)?;
        for (name, recipe) in &recipes {
            let (image, _) = optimum(material, &site, channel, recipe, SIDE)?;
            let reached = value(material, &image, &site, channel)?;
            figure = figure.panel(
                ImagePanel::new(&image.get(0)?)?
                    .title(*name)
                    .note(format!("{site} {channel}: {reached:.2}")),
            );
        }
    }
    Ok(figure.caption(format!(
        "{}. From left to right: plain ascent on pixels; with total variation; with a blur after each step; with jitter; \
         with all of these, L2, rotation and scale; in waves and decorrelated colours, with Adam. {} steps each. Below: the \
         objective that was reached.",
        material.network_name(),
        ASCENT.steps
    )))
}

/// 3.7
fn dreams(material: &Material) -> Result<Figure> {
    let image = material.image(7)?;
    let network = material.network();
    let picture = image.pixels.unsqueeze(0)?;
    let settings = Dream {
        octaves: 4,
        ratio: 1.4,
        steps: 12,
        step_size: 0.01,
    };
    let mut figure = Figure::new("What layers see in a picture")
        .columns(4)
        .width(1200);
    figure = figure.panel(ImagePanel::new(&image.pixels)?.title("the picture"));
    for layer in ["layer1", "layer2", "layer3"] {
        let random = RefCell::new(ChaCha8Rng::seed_from_u64(1));
        let bar = progress((settings.octaves * settings.steps) as u64, layer);
        let objective = |images: &Tensor| {
            let value = score(network, images, layer, Target::Layer)?;
            bar.set_message(format!(
                "objective {:.3}",
                value.mean_all()?.to_scalar::<f32>()?
            ));
            bar.inc(1);
            Ok(value)
        };
        let mut shift = || {
            let one = || random.borrow_mut().random_range(-16..=16);
            (one(), one())
        };
        let dreamt = dream(&picture, &objective, &settings, &mut shift)?;
        figure = figure.panel(ImagePanel::new(&dreamt.get(0)?)?.title(layer));
    }
    Ok(figure.caption(format!(
        "{} dreams {}.",
        material.network_name(),
        image.name
    )))
}

/// 3.8
fn diverse(material: &Material) -> Result<Figure> {
    let site = before_relu(material.network(), "layer3")?;
    let channel = within(material, &site, 20)?;
    let network = material.network();
    let scale = spread(material, &site, channel)?;
    let mut figure = Figure::new("Several answers").columns(4).width(900);
    for weight in [0.0, 4.0] {
        let values = |images: &Tensor| {
            let trace = network.capture(&resnet::normalize(images)?, &[&site, "layer3"])?;
            let value = objective(trace.activation(&site)?, Target::Channel(channel))?;
            let alike = similarity(trace.activation("layer3")?)?;
            value.broadcast_sub(&(alike * (weight * scale))?)
        };
        let wish = Wish {
            objective: &values,
            scale,
        };
        let (images, _) = make(&wish, &WAVES, 4, SIDE, format!("{site} {channel}"))?;
        for n in 0..4 {
            let reached = value(material, &images.narrow(0, n, 1)?, &site, channel)?;
            figure = figure.panel(ImagePanel::new(&images.get(n)?)?.note(format!("{reached:.2}")));
        }
    }
    Ok(figure)
}

/// 3.8
fn examples(material: &Material) -> Result<Figure> {
    let count = 1000;
    let mut figure = Figure::new("The optimum and the best of 1,000 images")
        .columns(6)
        .width(1200);
    for (layer, channel) in [("layer3", 20), ("layer3", 5), ("layer4", 3), ("layer4", 40)] {
        let site = before_relu(material.network(), layer)?;
        let channel = within(material, &site, channel)?;
        let mut scores = vec![];
        for batch in material.batches(0..count, 50) {
            let values = score(
                material.network(),
                &batch?.pixels,
                &site,
                Target::Channel(channel),
            )?;
            scores.extend(values.to_vec1::<f32>()?);
        }
        let (image, _) = optimum(material, &site, channel, &WAVES, SIDE)?;
        let reached = value(material, &image, &site, channel)?;
        figure = figure.panel(
            ImagePanel::new(&image.get(0)?)?
                .title(format!("{site} {channel}"))
                .note(format!("{reached:.2}")),
        );
        for index in top_examples(&scores, 5) {
            let sample = material.sample(index as u64)?;
            figure = figure
                .panel(ImagePanel::new(&sample.pixels)?.note(format!("{:.2}", scores[index])));
        }
    }
    Ok(figure)
}
