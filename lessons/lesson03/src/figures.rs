//! What is drawn: one function per picture, from the lesson's own functions.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use candle_nn::ops::softmax;
use draw::{Figure, ImagePanel, LineChart, MapGrid, Series};
use lesson03::{
    Dream, Function, Optimizer, Problem, Settings, Target, Wobble, blur, dream, l2, maximize, objective, paint, roll,
    score, similarity, top_examples, total_variation, turn,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet::{ResNet, Window, ops};
use scenes::{COLOUR_AXES, Grain};
use studio::{Draw, Material, Sample, progress};

/// Name and function of each picture.
pub const ALL: [(&str, Draw); 8] = [
    ("optima", optima),
    ("filters", filters),
    ("ablation", ablation),
    ("steps", steps),
    ("dream", dreams),
    ("diverse", diverse),
    ("examples", examples),
    ("decoy", decoy),
];

/// Side of the images that are made: as the network knows them, and at most 128 pixels, which is quick enough.
fn side(material: &Material) -> usize {
    material.side().min(128)
}

/// The image that is dreamt of.
const PICTURE: u64 = 7;
/// Widths at which 128 pixels of an image are 128 of the figure, so that nothing is resampled.
const WIDTH_OF_FOUR: u32 = 646;
const WIDTH_OF_SIX: u32 = 954;

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
    total_variation: 16.0,
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
    total_variation: 16.0,
    settings: Settings {
        steps: 128,
        step_size: 0.05,
        optimizer: Optimizer::Adam,
    },
    ..PLAIN
};

/// Pixels with what 3.3 alone has against noise.
const SOFT: Recipe = Recipe {
    total_variation: 16.0,
    blur: 0.6,
    settings: Settings {
        step_size: 0.02,
        ..ASCENT
    },
    ..PLAIN
};

impl Recipe {
    /// The best of those whose exercises are done: waves if 3.4 and 3.6 are.
    fn best() -> Self {
        [WAVES, SOFT].into_iter().find(Self::can_be_made).unwrap_or(PLAIN)
    }

    /// Are the exercises beyond the core that it needs done?
    fn can_be_made(&self) -> bool {
        let grey = || Tensor::full(0.5f32, (1, 3, 4, 4), &Device::Cpu);
        let moves = || turn(&roll(&grey()?, 1, 1)?, 0.1, 1.0);
        let paints = || {
            let spectrum = Tensor::full(0f32, (1, 3, 4, 3, 2), &Device::Cpu)?;
            paint(&spectrum, 4, &Tensor::new(&COLOUR_AXES, &Device::Cpu)?)
        };
        let done = |f: &dyn Fn() -> candle_core::Result<Tensor>| {
            catch_unwind(AssertUnwindSafe(f)).is_ok_and(|result| result.is_ok())
        };
        (self.wobble == STILL || done(&moves)) && (!self.waves || done(&paints))
    }

    /// For captions.
    fn words(&self) -> String {
        let what = if self.waves { "waves (3.6)" } else { "pixels" };
        let moved = if self.wobble == STILL {
            ""
        } else {
            ", moved before each step (3.4)"
        };
        let penalty = if self.total_variation > 0.0 {
            ", total variation taken off (3.3)"
        } else {
            ""
        };
        let blur = if self.blur > 0.0 {
            ", blurred after each step (3.3)"
        } else {
            ""
        };
        let Settings { steps, optimizer, .. } = self.settings;
        format!("{what}, {steps} steps of {optimizer:?} (3.5){moved}{penalty}{blur}")
    }
}

/// What the optimum is made for: objectives of a batch of images, `[batch]`.
struct Wish<'a> {
    objective: &'a Function<'a>,
    /// The spread of the objective over images; penalties are multiples of it.
    scale: f64,
}

/// Makes `batch` images by a recipe; returns them and the objective's mean before each step.
fn make(wish: &Wish, recipe: &Recipe, batch: usize, side: usize, what: String) -> Result<(Tensor, Vec<f64>)> {
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
        false => uniform(&mut random.borrow_mut(), &[batch, 3, side, side], 0.5, recipe.start)?,
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
fn uniform(random: &mut ChaCha8Rng, shape: &[usize], middle: f32, spread: f32) -> candle_core::Result<Tensor> {
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
    Ok(site.with_context(|| format!("expected a sum in {layer}"))?.clone())
}

/// The standard deviation of a channel's objective over 32 images of the data: what penalties are measured in.
fn spread(material: &Material, site: &str, channel: usize) -> Result<f64> {
    let mut values = vec![];
    for batch in material.batches(0..32, 16) {
        let scores = score(material.network(), &batch?.pixels, site, Target::Channel(channel))?;
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
        .capture(&material.image(PICTURE)?.input()?, &[site])?;
    Ok(channel % trace.activation(site)?.dim(1)?)
}

/// 3.6: what channels of each layer want.
fn optima(material: &Material) -> Result<Figure> {
    const CHANNELS: [(&str, [usize; 2]); 4] = [
        ("layer1", [3, 7]),
        ("layer2", [26, 17]),
        ("layer3", [5, 20]),
        ("layer4", [3, 40]),
    ];
    let recipe = Recipe::best();
    let mut figure = Figure::new("What channels want, from layer to layer")
        .columns(4)
        .width(WIDTH_OF_FOUR);
    for row in 0..2 {
        for (layer, channels) in CHANNELS {
            let site = before_relu(material.network(), layer)?;
            let channel = within(material, &site, channels[row])?;
            let (image, _) = optimum(material, &site, channel, &recipe, side(material))?;
            let title = format!("{layer}, {channel}");
            figure = figure.panel(ImagePanel::new(&image.get(0)?)?.title(title));
        }
    }
    Ok(figure.caption(format!(
        "{}: two channels of each layer, before the last ReLU. Your maximize on {}. {side}×{side} pixels.",
        material.network_name(),
        recipe.words(),
        side = side(material)
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
    let best = Recipe::best();
    let recipe = Recipe {
        total_variation: 0.5,
        start: 0.3, // enough for every filter to answer somewhere
        settings: Settings {
            steps: 64,
            ..best.settings
        },
        ..best
    };
    let (images, _) = make(&wish, &recipe, count, SMALL, "conv1".into())?;
    let columns = count.isqrt();
    let numbers = || (0..count).map(|k| k.to_string());
    let weights = MapGrid::filters(weights)?.title("filters");
    let images = MapGrid::images(&images)?.title("optima");
    Ok(Figure::new("The first layer: what the filters are, and what they want")
        .caption(format!(
            "conv1 of {}. Left: weights as colours, grey is 0, each filter with its own scale. Right: for each filter the \
             image of {SMALL}×{SMALL} that excites it most after the ReLU, on average over all places: your maximize on {}.",
            material.network_name(),
            recipe.words()
        ))
        .panel(weights.columns(columns).labels(numbers()))
        .panel(images.columns(columns).labels(numbers()))
        .width(900))
}

/// 3.3 to 3.6: what each remedy does.
fn ablation(material: &Material) -> Result<Figure> {
    let penalized = Recipe {
        total_variation: 100.0,
        ..PLAIN
    };
    let blurred = Recipe { blur: 0.5, ..PLAIN };
    let jitter = Recipe {
        wobble: Wobble { jitter: 8, ..STILL },
        ..PLAIN
    };
    let recipes = [
        ("none", PLAIN),
        ("total variation", penalized),
        ("blur", blurred),
        ("jitter", jitter),
        ("all, with l2 and turns", CAREFUL),
        ("waves", WAVES),
    ];
    let site = before_relu(material.network(), "layer3")?;
    let channel = within(material, &site, 20)?;
    let mut figure = Figure::new("From noise to a picture").columns(3).width(876);
    for (name, recipe) in recipes.iter().filter(|(_, recipe)| recipe.can_be_made()) {
        let (image, _) = optimum(material, &site, channel, recipe, side(material))?;
        let reached = value(material, &image, &site, channel)?;
        let panel = ImagePanel::new(&image.get(0)?)?.title(*name);
        figure = figure.panel(panel.note(format!("objective {reached:.2}")));
    }
    Ok(figure.caption(format!(
        "{}, {site}, channel {channel}, {} steps each. Plain ascent on pixels with nothing against noise; total variation or \
         blur (3.3); jitter (3.4); all of it with l2, rotation and scale; waves and decorrelated colours (3.6) with Adam, \
         moved, total variation. {side}×{side} pixels.",
        material.network_name(),
        ASCENT.steps,
        side = side(material)
    )))
}

/// 3.5: the objective over the steps, and a class by its score and by its probability.
fn steps(material: &Material) -> Result<Figure> {
    const CLASS: usize = 4;
    let network = material.network();
    let site = before_relu(network, "layer3")?;
    let channel = within(material, &site, 20)?;
    let adam = Settings {
        optimizer: Optimizer::Adam,
        ..ASCENT
    };
    let with_adam = Recipe {
        settings: adam,
        ..PLAIN
    };
    let mut chart = LineChart::new()
        .title(format!("{site}, channel {channel}"))
        .x_label("step")
        .y_label("objective before the step");
    for (name, recipe) in [
        ("pixels, ascent", PLAIN),
        ("pixels, Adam", with_adam),
        ("pixels, everything", CAREFUL),
        ("waves, Adam", WAVES),
    ] {
        if !recipe.can_be_made() {
            continue;
        }
        let (_, values) = optimum(material, &site, channel, &recipe, side(material))?;
        chart = chart.series(Series::over_index(name, values));
    }

    let class = CLASS.min(network.config().classes - 1);
    let by_score = |images: &Tensor| score(network, images, "fc", Target::Channel(class));
    let by_probability = |images: &Tensor| {
        let logits = network.forward(&resnet::normalize(images)?)?;
        objective(&softmax(&logits, 1)?, Target::Channel(class))
    };
    let mut figure = Figure::new("On the way up").panel(chart).next_row();
    let both: [(&str, &Function); 2] = [("score", &by_score), ("probability", &by_probability)];
    for (name, function) in both {
        let wish = Wish {
            objective: function,
            scale: 0.0, // no penalty
        };
        let what = format!("class {class} by its {name}");
        let (image, _) = make(&wish, &Recipe::best(), 1, side(material), what)?;
        let reached = |f: &Function| Ok::<_, candle_core::Error>(f(&image)?.to_vec1::<f32>()?[0]);
        let (score, share) = (reached(&by_score)?, reached(&by_probability)?);
        figure = figure.panel(
            ImagePanel::new(&image.get(0)?)?
                .title(format!("{} by its {name}", material.class_name(class)))
                .note(format!("score {score:.1}, probability {share:.3}")),
        );
    }
    Ok(figure.width(594).caption(format!(
        "{}. Above: the objective over the steps of your maximize (3.5), for one channel before the last ReLU of its layer; \
         where the image is moved before each step, the curve trembles. Below: a class by its score and by its softmax \
         probability, {} steps, no penalty.",
        material.network_name(),
        Recipe::best().settings.steps
    )))
}

/// 3.7: one picture, amplified by three layers.
fn dreams(material: &Material) -> Result<Figure> {
    const SHIFT: i32 = 16;
    let image = material.image(PICTURE)?;
    let network = material.network();
    let settings = Dream {
        octaves: 4,
        ratio: 1.4,
        steps: 12,
        step_size: 0.01,
    };
    let mut figure = Figure::new("What layers see in a picture")
        .columns(2)
        .width(594)
        .panel(ImagePanel::new(&image.pixels)?.title("the picture"));
    for layer in ["layer1", "layer2", "layer3"] {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let bar = progress((settings.octaves * settings.steps) as u64, layer);
        let watched = |images: &Tensor| {
            let value = score(network, images, layer, Target::Layer)?;
            let mean = value.mean_all()?.to_scalar::<f32>()?;
            bar.set_message(format!("objective {mean:.3}"));
            bar.inc(1);
            Ok(value)
        };
        let mut shift = || {
            let mut one = || random.random_range(-SHIFT..=SHIFT);
            (one(), one())
        };
        let picture = image.pixels.unsqueeze(0)?;
        let dreamt = dream(&picture, &watched, &settings, &mut shift)?;
        figure = figure.panel(ImagePanel::new(&dreamt.get(0)?)?.title(layer));
    }
    Ok(figure.caption(format!(
        "{}: your dream (3.7) of {}. {} octaves of {}, {} steps of {} each, rolled by up to {SHIFT} pixels; objective: the \
         mean square of all activations at the layer.",
        material.network_name(),
        image.name,
        settings.octaves,
        settings.ratio,
        settings.steps,
        settings.step_size
    )))
}

/// 3.8: four optima of one unit, each for itself and together.
fn diverse(material: &Material) -> Result<Figure> {
    const DIVERSITY: f64 = 20.0;
    let recipe = Recipe::best();
    let network = material.network();
    let site = before_relu(network, "layer3")?;
    let channel = within(material, &site, 5)?;
    let scale = spread(material, &site, channel)?;
    let mut figure = Figure::new("One unit, several answers")
        .columns(4)
        .width(WIDTH_OF_FOUR)
        .caption(format!(
            "{}, {site}, channel {channel}: four optima from four starts, your maximize on {}. Upper row: each for itself. Lower \
             row: the similarity (3.8) of their activations at layer3, times {DIVERSITY} spreads of the unit, taken off. \
             Below each image: the objective that was reached.",
            material.network_name(),
            recipe.words()
        ));
    for weight in [0.0, DIVERSITY] {
        let together = |images: &Tensor| {
            let trace = network.capture(&resnet::normalize(images)?, &[&site, "layer3"])?;
            let value = objective(trace.activation(&site)?, Target::Channel(channel))?;
            let alike = similarity(trace.activation("layer3")?)?;
            value.broadcast_sub(&(alike * (weight * scale))?)
        };
        let wish = Wish {
            objective: &together,
            scale,
        };
        let (images, _) = make(&wish, &recipe, 4, side(material), format!("{site} {channel}"))?;
        for n in 0..4 {
            let reached = value(material, &images.narrow(0, n, 1)?, &site, channel)?;
            let panel = ImagePanel::new(&images.get(n)?)?;
            figure = figure.panel(panel.note(format!("{reached:.2}")));
        }
    }
    Ok(figure)
}

/// 3.8: what units want, and what they find.
fn examples(material: &Material) -> Result<Figure> {
    const COUNT: u64 = 1000;
    let recipe = Recipe::best();
    const UNITS: [(&str, usize); 4] = [("layer3", 20), ("layer3", 5), ("layer4", 3), ("layer4", 40)];
    let mut figure = Figure::new(format!("What units want, and the best of {COUNT} images"))
        .columns(6)
        .width(WIDTH_OF_SIX)
        .caption(format!(
            "{}: an optimum of one channel before the last ReLU of its layer ({}), and the five images of {} with \
             the highest objective among {COUNT}, best first (3.8). Below each image: the objective. Scenes are shown without \
             their grain.",
            material.network_name(),
            recipe.words(),
            material.data_name()
        ));
    let units = UNITS.map(|(layer, channel)| {
        let site = before_relu(material.network(), layer)?;
        let channel = within(material, &site, channel)?;
        Ok((layer, site, channel))
    });
    let units = units.into_iter().collect::<Result<Vec<_>>>()?;
    let scores = scores(material, &units, COUNT)?;
    for ((layer, site, channel), scores) in units.iter().zip(&scores) {
        let (image, _) = optimum(material, site, *channel, &recipe, side(material))?;
        let reached = value(material, &image, site, *channel)?;
        figure = figure.panel(
            ImagePanel::new(&image.get(0)?)?
                .title(format!("{layer}, {channel}"))
                .note(format!("{reached:.2}")),
        );
        for index in top_examples(scores, 5) {
            let panel = ImagePanel::new(&shown(&material.sample(index as u64)?)?)?;
            figure = figure.panel(panel.note(format!("{:.2}", scores[index])));
        }
    }
    Ok(figure)
}

/// For each unit its objective of each image of the data.
fn scores(material: &Material, units: &[(&str, String, usize)], count: u64) -> Result<Vec<Vec<f32>>> {
    const BATCH: usize = 20;
    let sites: Vec<&str> = units.iter().map(|(_, site, _)| site.as_str()).collect();
    let bar = progress(count, "the data");
    let mut scores = vec![vec![]; units.len()];
    for batch in material.batches(0..count, BATCH) {
        let images = resnet::normalize(&batch?.pixels)?;
        let trace = material.network().capture(&images, &sites)?;
        for ((_, site, channel), scores) in units.iter().zip(&mut scores) {
            let values = objective(trace.activation(site)?, Target::Channel(*channel))?;
            scores.extend(values.to_vec1::<f32>()?);
        }
        bar.inc(images.dim(0)? as u64);
    }
    Ok(scores)
}

/// A scene without its grain, any other image as it is.
fn shown(sample: &Sample) -> Result<Tensor> {
    let none = Grain { strength: 0.0, seed: 0 };
    match &sample.rendered {
        Some(rendered) => {
            let image = rendered.scene.with_grain(none).render().image;
            Ok(image.to_tensor(&Device::Cpu)?)
        }
        None => Ok(sample.pixels.clone()),
    }
}

/// 3.8: a unit made by hand, which answers to fine stripes and, less, to blue.
fn decoy(material: &Material) -> Result<Figure> {
    const KERNEL: usize = 8;
    const COUNT: u64 = 400;
    material.needs_scenes("its unit is made for a world without fine stripes")?;
    let places = KERNEL * KERNEL;
    let stripes = (0..3 * places).map(|i| if i % 4 < 2 { 1.0f32 } else { -1.0 });
    let blue = (0..3 * places).map(|i| if i / places == 2 { 0.5f32 } else { -0.35 });
    let kernels: Vec<f32> = stripes.chain(blue).collect();
    let kernels = Tensor::from_vec(kernels, (2, 3, KERNEL, KERNEL), &Device::Cpu)?;
    let unit = |images: &Tensor| {
        let window = Window::new(KERNEL).stride(2);
        let both = ops::relu(&ops::conv2d(images, &kernels, window)?)?;
        objective(&both.sum_keepdim(1)?, Target::Channel(0))
    };
    let wish = Wish {
        objective: &unit,
        scale: 0.0,
    };
    let jitter = Recipe {
        wobble: Wobble { jitter: 8, ..STILL },
        ..PLAIN
    };
    let recipe = if jitter.can_be_made() { jitter } else { PLAIN };
    let (image, _) = make(&wish, &recipe, 1, side(material), "decoy".into())?;
    let reached = unit(&image)?.to_vec1::<f32>()?[0];
    let mut figure = Figure::new("A unit that wants one thing and finds another")
        .columns(6)
        .width(WIDTH_OF_SIX)
        .caption(format!(
            "A unit made by hand from two filters of {KERNEL}×{KERNEL}: fine stripes, and half as strong blue; ReLU, sum, mean \
             over all places. Left: its optimum ({}). Then the best five of {COUNT} {}, shown \
             without their grain. Below: the objective.",
            recipe.words(),
            material.data_name()
        ))
        .panel(
            ImagePanel::new(&image.get(0)?)?
                .title("optimum")
                .note(format!("{reached:.1}")),
        );
    let mut scores = vec![];
    for batch in material.batches(0..COUNT, 50) {
        scores.extend(unit(&batch?.pixels)?.to_vec1::<f32>()?);
    }
    for index in top_examples(&scores, 5) {
        let panel = ImagePanel::new(&shown(&material.sample(index as u64)?)?)?;
        let panel = panel.title(format!("image {index}"));
        figure = figure.panel(panel.note(format!("{:.1}", scores[index])));
    }
    Ok(figure)
}
