//! What is drawn: one function per picture, from the lesson's own functions.

use anyhow::{Result, bail};
use candle_core::{DType, Device, Tensor};
use draw::{
    Colormap, Figure, Heatmap, Histogram as Bars, ImagePanel, LineChart, MapGrid, Scale, Series, Share, Table, palette,
};
use lesson02::{
    DIVERGING, Histogram, Hooks, JET, Peaks, Rgb, Scaling, Statistics, Summary, VIRIDIS, capture, colorize,
    for_display, gradients, map_grid, sparsity, strongest_answer,
};
use resnet::ResNet;
use studio::{Draw, Material};

/// Name and function of each picture.
pub const ALL: [(&str, Draw); 10] = [
    ("maps", maps),
    ("channel", channel),
    ("gradient", gradient),
    ("statistics", statistics),
    ("sparsity", sparsity_over_depth),
    ("dead_units", dead_units),
    ("histograms", histograms),
    ("scales", scales),
    ("jet", jet),
    ("filters", filters),
];

/// The image in the pictures.
const IMAGE: u64 = 7;
/// Images that go through the network together.
const BATCH: usize = 8;
/// The layers of the pictures that show a few.
const LAYERS: [&str; 5] = ["relu", "layer1", "layer2", "layer3", "layer4"];

/// How many images the statistics are of: fewer for a network that takes long.
fn many(material: &Material) -> u64 {
    let wanted = match material.network().config().width {
        ..=32 => 2000,
        _ => 200,
    };
    material.image_count().unwrap_or(wanted).min(wanted)
}

/// Sends images through the network, batch by batch, and shows `look` the place in `sites` and the activation there.
fn each_batch(
    material: &Material,
    network: &ResNet,
    images: u64,
    sites: &[&str],
    mut look: impl FnMut(usize, &Tensor) -> Result<()>,
) -> Result<()> {
    let bar = studio::progress(images, "images");
    for batch in material.batches(0..images, BATCH) {
        let pixels = batch?.pixels;
        let trace = network.capture(&resnet::normalize(&pixels)?, sites)?;
        for (index, site) in sites.iter().enumerate() {
            look(index, trace.activation(site)?)?;
        }
        bar.inc(pixels.dim(0)? as u64);
    }
    Ok(())
}

/// Where a ReLU stands behind the stem and behind each block: the site before it, and the site after it.
fn relus(network: &ResNet) -> Vec<(String, String)> {
    let mut found = vec![("bn1".to_string(), "relu".to_string())];
    for site in network.sites() {
        if let Some(block) = site.strip_suffix(".add") {
            found.push((site.clone(), block.to_string()));
        }
    }
    found
}

/// `layer1.0` as `1.0`, for an axis.
fn short(site: &str) -> String {
    site.trim_start_matches("layer").to_string()
}

/// 2.7 and 2.8: one image on its way through the network.
fn maps(material: &Material) -> Result<Figure> {
    let sample = material.image(IMAGE)?;
    let trace = material.network().capture(&sample.input()?, &LAYERS)?;
    let mut figure = Figure::new("What one image leaves in each layer")
        .caption(format!(
            "{} on {}. All channels of five sites, by your for_display (2.7) and map_grid (2.8): viridis, each map with \
             its own scale, dark where the channel is lowest, yellow where it is highest.",
            material.network_name(),
            sample.name,
        ))
        .panel(ImagePanel::new(&sample.pixels)?.title("input"));
    for site in LAYERS {
        let activation = trace.activation(site)?.squeeze(0)?;
        let (channels, height, width) = activation.dims3()?;
        let columns = (channels as f64).sqrt().ceil() as usize;
        let scaling = Scaling {
            per_map: true,
            symmetric: false,
        };
        let grid = map_grid(&for_display(&activation, scaling)?, columns, &VIRIDIS)?;
        let title = format!("{site}: {channels} maps of {height}×{width}");
        figure = figure.panel(ImagePanel::new(&grid)?.title(title));
    }
    Ok(figure.columns(3).width(860))
}

/// 2.1: one channel of a layer, captured with your hooks, for several images.
fn channel(material: &Material) -> Result<Figure> {
    const SITE: &str = "layer3";
    const IMAGES: [u64; 6] = [0, 7, 1, 2, 4, 5];
    let hooks = Hooks::new(material.network());
    let samples = IMAGES
        .map(|index| material.sample(index))
        .into_iter()
        .collect::<Result<Vec<_>>>()?;
    let pixels: Vec<_> = samples.iter().map(|sample| &sample.pixels).collect();
    let images = Tensor::stack(&pixels, 0)?;
    let (_, captured) = capture(&hooks, &resnet::normalize(&images)?, &[SITE])?;
    let [activations] = &captured[..] else {
        bail!("expected one activation from capture, got {}", captured.len());
    };
    // The two channels whose strength differs most from image to image.
    let strength = activations.flatten_from(2)?.max(2)?; // [images, channels]
    let spread = strength
        .broadcast_sub(&strength.mean_keepdim(0)?)?
        .sqr()?
        .mean(0)?
        .to_vec1::<f32>()?;
    let mut order: Vec<usize> = (0..spread.len()).collect();
    order.sort_by(|&a, &b| spread[b].total_cmp(&spread[a]));

    let mut figure = Figure::new("The same channel, other images").caption(format!(
        "{}, {SITE}, the two channels that differ most between these images, captured with your hooks (2.1). {}. Viridis, \
         one scale per channel for all images.",
        material.network_name(),
        upper(&material.data_name()),
    ));
    for sample in &samples {
        let title = sample.rendered.as_ref().map(|rendered| {
            let figure = rendered.scene.figures[0];
            format!("{} {}", figure.colour, figure.shape)
        });
        figure = figure.panel(ImagePanel::new(&sample.pixels)?.title(title.unwrap_or_default()));
    }
    for channel in order.into_iter().take(2) {
        let maps = activations.narrow(1, channel, 1)?.squeeze(1)?;
        let scale = Scale::over([&maps])?;
        for image in 0..samples.len() {
            let mut map = Heatmap::new(&maps.get(image)?)?.scale(scale);
            if image == 0 {
                map = map.title(format!("channel {channel}"));
            }
            figure = figure.panel(if image + 1 < samples.len() {
                map.without_bar()
            } else {
                map
            });
        }
    }
    Ok(figure.columns(samples.len()).width(1000))
}

fn upper(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// 2.2: in each layer the channel that matters most for the answer, and how it matters.
fn gradient(material: &Material) -> Result<Figure> {
    let sample = material.image(IMAGE)?;
    let network = material.network();
    let input = sample.input()?;
    let trace = network.capture(&input, &LAYERS)?;
    let class = trace.logits.squeeze(0)?.argmax(0)?.to_scalar::<u32>()? as usize;
    let slopes = gradients(network, &input, &LAYERS, |logits| logits.narrow(1, class, 1)?.sum_all())?;
    let mut figure = Figure::new("What is there, and what would change the answer")
        .caption(format!(
            "{} on {}. Above: the activation of the channel with the largest gradient in each layer; viridis. Below: the \
             gradient of the score of {:?} with respect to it, by your gradients (2.2), all five from one backward pass; \
             blue lowers the score, red raises it, each map symmetric around 0.",
            material.network_name(),
            sample.name,
            material.class_name(class),
        ));
    let mut below = vec![];
    for (site, slope) in LAYERS.iter().zip(&slopes) {
        let slope = slope.squeeze(0)?;
        let largest = slope.abs()?.flatten_from(1)?.max(1)?.argmax(0)?.to_scalar::<u32>()? as usize;
        let activation = trace.activation(site)?.squeeze(0)?.get(largest)?;
        figure = figure.panel(Heatmap::new(&activation)?.title(format!("{site}, channel {largest}")));
        let map = slope.get(largest)?;
        let most = map.abs()?.max_all()?.to_scalar::<f32>()?;
        let gradient = Heatmap::new(&map)?.scale(Scale::Symmetric);
        below.push(gradient.quantity(format!("from −{most:.3} to {most:.3}")));
    }
    Ok(figure.panels(below).columns(LAYERS.len()).width(1200))
}

/// 2.3: mean, standard deviation, minimum and maximum over depth, as a table and as curves.
fn statistics(material: &Material) -> Result<Figure> {
    let images = many(material);
    let relus = relus(material.network());
    let sites: Vec<&str> = relus.iter().map(|(_, after)| after.as_str()).collect();
    let mut all = vec![Statistics::new(); sites.len()];
    each_batch(material, material.network(), images, &sites, |index, activation| {
        Ok(all[index].update(activation)?)
    })?;
    let all = all
        .iter()
        .map(|one| Ok(one.summary()?))
        .collect::<Result<Vec<Summary>>>()?;
    let curve = |name: &str, of: fn(&Summary) -> f64| Series::over_index(name, all.iter().map(of)).markers();
    let mut table = Table::new(["site", "values", "not finite", "mean", "std", "min", "max"]);
    for (site, s) in sites.iter().zip(&all) {
        let number = |value: f64| format!("{value:.3}");
        table = table.row([
            site.to_string(),
            s.count.to_string(),
            s.not_finite.to_string(),
            number(s.mean),
            number(s.std),
            number(s.min),
            number(s.max),
        ]);
    }
    Ok(Figure::new("Activations over depth, in numbers")
        .caption(format!(
            "{}, {images} {}; after the ReLU of the stem and of each block, by your Statistics (2.3). The standard \
             deviation is divided by n.",
            material.network_name(),
            material.data_name(),
        ))
        .panel(table)
        .next_row()
        .panel(
            LineChart::new()
                .x_names(sites.iter().map(|site| short(site)))
                .x_label("site, from the image to the answer")
                .y_label("activation")
                .series(curve("mean", |s| s.mean))
                .series(curve("standard deviation", |s| s.std)),
        )
        .panel(
            LineChart::new()
                .x_names(sites.iter().map(|site| short(site)))
                .x_label("site, from the image to the answer")
                .y_label("activation")
                .series(curve("maximum", |s| s.max))
                .series(curve("minimum", |s| s.min)),
        )
        .width(1000))
}

/// Share of zeros at each site over images, and per channel: 2.4 on batches.
fn shares(material: &Material, network: &ResNet, images: u64, sites: &[&str]) -> Result<Vec<(f64, Vec<f64>)>> {
    let mut sums: Vec<(f64, Vec<f64>)> = vec![(0.0, vec![]); sites.len()];
    each_batch(material, network, images, sites, |index, activation| {
        let found = sparsity(activation)?;
        let weight = activation.dim(0)? as f64 / images as f64; // batches of unequal size
        let (layer, channels) = &mut sums[index];
        *layer += weight * found.layer;
        channels.resize(found.by_channel.len(), 0.0);
        for (sum, share) in channels.iter_mut().zip(&found.by_channel) {
            *sum += weight * share;
        }
        Ok(())
    })?;
    Ok(sums)
}

/// 2.4: are early layers denser?
fn sparsity_over_depth(material: &Material) -> Result<Figure> {
    let images = many(material) / 4;
    let network = material.network();
    let relus = relus(network);
    let outputs: Vec<&str> = relus.iter().map(|(_, after)| after.as_str()).collect();
    // The stem has one ReLU, which begins both curves; a block has its first ReLU inside.
    let inside = outputs.iter().map(|site| match *site {
        "relu" => site.to_string(),
        block => format!("{block}.relu"),
    });
    let inside: Vec<String> = inside.collect();
    let sites: Vec<&str> = outputs
        .iter()
        .copied()
        .chain(inside.iter().map(String::as_str))
        .collect();
    let trained = shares(material, network, images, &sites)?;
    let untrained = ResNet::untrained(network.config(), 0)?;
    let untrained = shares(material, &untrained, images, &sites)?;

    let names = || outputs.iter().map(|site| short(site));
    let mut chart = LineChart::new()
        .title("sparsity over depth")
        .x_names(names())
        .x_label("block, from the image to the answer")
        .y_label("share of zeros")
        .y_range(0.0..=1.0);
    let mut table = Table::new(std::iter::once("% zeros".to_string()).chain(names()));
    let (blocks, first) = (outputs.len(), 0);
    for (name, found, from, color) in [
        ("trained, after the block", &trained, first, palette::BLUE),
        ("trained, inside the block", &trained, blocks, palette::VERMILLION),
        ("untrained, after the block", &untrained, first, palette::BLUE),
        ("untrained, inside the block", &untrained, blocks, palette::VERMILLION),
    ] {
        let shares = || found[from..from + blocks].iter().map(|(layer, _)| *layer);
        let curve = Series::over_index(name, shares()).color(color);
        let is_trained = name.starts_with("trained");
        chart = chart.series(if is_trained { curve.markers() } else { curve.dashed() });
        let percent = shares().map(|share| format!("{:.1}", 100.0 * share));
        table = table.row(std::iter::once(name.to_string()).chain(percent));
    }
    let mut ranks = LineChart::new()
        .title("trained, channels of a site, sorted")
        .x_label("share of the site's channels")
        .y_label("sparsity of the channel")
        .y_range(0.0..=1.0);
    for name in ["relu", "layer2.1", "layer4.1"] {
        let Some(index) = sites.iter().position(|site| *site == name) else {
            continue;
        };
        let mut channels = trained[index].1.clone();
        channels.sort_by(f64::total_cmp);
        let last = (channels.len() - 1).max(1) as f64;
        let points = channels
            .iter()
            .enumerate()
            .map(|(rank, &share)| (rank as f64 / last, share));
        ranks = ranks.series(Series::new(name, points));
    }
    Ok(Figure::new("How much of each layer is zero")
        .caption(format!(
            "{}, {images} {}; exact zeros after the ReLU of the stem and after both ReLUs of each block, by your sparsity \
             (2.4). The untrained network has the same architecture and random weights.",
            material.network_name(),
            material.data_name(),
        ))
        .panel(chart)
        .panel(ranks)
        .next_row()
        .panel(table)
        .width(1100))
}

/// Channels, or places, that have not fired yet, after more and more images.
struct Watch {
    peaks: Peaks,
    seen: u32,
    silent: Vec<(f64, f64)>,
}

impl Watch {
    fn new() -> Self {
        Self {
            peaks: Peaks::new(),
            seen: 0,
            silent: vec![],
        }
    }

    /// One image more; `units` are `[1, units, height, width]`.
    fn image(&mut self, units: &Tensor) -> Result<()> {
        self.peaks.update(units)?;
        self.seen += 1;
        // Often in the beginning, rarely later: the axis is logarithmic.
        if self.seen < 16 || self.seen.is_multiple_of(1 << (self.seen.ilog2() - 3)) {
            let share = self.peaks.dead()?.len() as f64 / units.dim(1)? as f64;
            self.silent.push((f64::from(self.seen), share));
        }
        Ok(())
    }

    fn series(self, name: String) -> Result<Series> {
        let left = self.peaks.dead()?.len();
        Ok(Series::new(format!("{name}: {left} left"), self.silent))
    }
}

/// 2.5: how many images it takes until a unit has fired.
fn dead_units(material: &Material) -> Result<Figure> {
    const NORM: &str = "layer2.0.bn1";
    const LOWERED: [f64; 4] = [0.0, 2.0, 4.0, 6.0];
    let images = many(material) / 2;
    let layers = &LAYERS[1..];
    let sites = [layers, &[NORM]].concat();
    let mut places: Vec<Watch> = layers.iter().map(|_| Watch::new()).collect();
    let mut channels = LOWERED.map(|_| Watch::new());
    each_batch(material, material.network(), images, &sites, |index, activation| {
        for image in 0..activation.dim(0)? {
            let one = activation.narrow(0, image, 1)?;
            match places.get_mut(index) {
                Some(watch) => watch.image(&one.reshape((1, (), 1, 1))?)?,
                None => {
                    for (watch, lowered) in channels.iter_mut().zip(LOWERED) {
                        watch.image(&(&one - lowered)?)?;
                    }
                }
            }
        }
        Ok(())
    })?;
    let chart = |title: &str, what: &str| {
        LineChart::new()
            .title(title)
            .x_label("images seen")
            .y_label(format!("share of the {what} that never fired so far"))
            .log_x()
            .y_range(0.0..=1.0)
    };
    let mut single = chart("every place of every channel", "places");
    for (site, watch) in layers.iter().zip(places) {
        single = single.series(watch.series(site.to_string())?);
    }
    let mut damaged = chart("channels behind layer2.0.bn1", "channels");
    for (lowered, watch) in LOWERED.into_iter().zip(channels) {
        damaged = damaged.series(watch.series(format!("bias − {lowered}"))?);
    }
    Ok(Figure::new("Silent so far, or dead?")
        .caption(format!(
            "{}, {images} {}; units whose largest activation is not above 0, by your Peaks (2.5), after each image. Left: \
             each place counted as a unit of its own. Right: channels of {NORM} after the ReLU behind it, if all its biases \
             were lowered. The legend says how many are left at the end.",
            material.network_name(),
            material.data_name(),
        ))
        .panel(single)
        .panel(damaged)
        .width(1100))
}

/// 2.6: the distribution of the values before and after the ReLU.
fn histograms(material: &Material) -> Result<Figure> {
    const BINS: usize = 48;
    let images = many(material) / 8;
    let relus = relus(material.network());
    let shown: Vec<_> = relus
        .iter()
        .enumerate()
        .filter(|(index, _)| *index == 0 || index % 2 == 0)
        .map(|(_, pair)| pair)
        .take(5)
        .collect();
    let sites: Vec<&str> = shown
        .iter()
        .flat_map(|(before, after)| [before.as_str(), after.as_str()])
        .collect();
    let mut counted: Vec<Option<Histogram>> = vec![None; sites.len()];
    each_batch(material, material.network(), images, &sites, |index, activation| {
        if counted[index].is_none() {
            // The bins are fixed on the first batch: four standard deviations to both sides of zero.
            let before = activation.to_dtype(DType::F64)?;
            let width = 4.0 * before.sqr()?.mean_all()?.sqrt()?.to_scalar::<f64>()?;
            let width = if width > 0.0 { width } else { 1.0 };
            counted[index] = Some(match counted.get(index.wrapping_sub(1)) {
                Some(Some(pair)) if index % 2 == 1 => Histogram::new(pair.low, pair.high, BINS)?,
                _ => Histogram::new(-width, width, BINS)?,
            });
        }
        match &mut counted[index] {
            Some(histogram) => Ok(histogram.update(activation)?),
            None => Ok(()),
        }
    })?;
    let panel = |index: usize| -> Result<Bars> {
        let Some(h) = &counted[index] else {
            bail!("expected at least one batch, got none");
        };
        let all = (h.counts.iter().sum::<usize>() + h.below + h.above + h.nan) as f64;
        let edges = (0..=BINS).map(|bin| h.low + (h.high - h.low) * bin as f64 / BINS as f64);
        let percent = h.counts.iter().map(|&count| 100.0 * count as f64 / all);
        let outside = 100.0 * (h.below + h.above) as f64 / all;
        Ok(Bars::from_counts(edges, percent)?
            .title(sites[index])
            .x_label(format!(
                "−{high:.1} to {high:.1}; {outside:.1} % outside",
                high = h.high
            ))
            .y_label("% of the values"))
    };
    let mut figure = Figure::new("Before and after the ReLU").caption(format!(
        "{}, {images} {}; {BINS} bins, by your Histogram (2.6). Upper row: before the last ReLU of the stem and of each \
         layer; lower row: after it. Everything below zero has moved into the one bin that begins at 0.",
        material.network_name(),
        material.data_name(),
    ));
    for row in 0..2 {
        for column in 0..shown.len() {
            figure = figure.panel(panel(2 * column + row)?);
        }
    }
    Ok(figure.columns(shown.len()).width(1500))
}

/// 2.7: the same maps with a scale each, and with one for all.
fn scales(material: &Material) -> Result<Figure> {
    const SHOWN: usize = 16;
    let sample = material.image(IMAGE)?;
    let trace = material.network().capture(&sample.input()?, &["bn1", "relu"])?;
    let mut figure = Figure::new("The same maps, four scales").caption(format!(
        "{} on {}; the first {SHOWN} channels of bn1 (before the ReLU) and relu (after it), scaled by your for_display \
         (2.7). The colour bars show what it returns: 0 is the lower end of the scale, 1 the upper; with the symmetric \
         scale 0.5 is zero.",
        material.network_name(),
        sample.name,
    ));
    figure = figure.panel(ImagePanel::new(&sample.pixels)?.title("input"));
    for (site, symmetric) in [("relu", false), ("bn1", true)] {
        let maps = trace.activation(site)?.squeeze(0)?;
        let maps = maps.narrow(0, 0, SHOWN.min(maps.dim(0)?))?;
        for per_map in [true, false] {
            let shown = for_display(&maps, Scaling { per_map, symmetric })?;
            let title = if per_map { "a scale per map" } else { "one scale" };
            figure = figure.panel(
                MapGrid::maps(&shown)?
                    .columns(4)
                    .share(Share::All)
                    .scale(Scale::Range { min: 0.0, max: 1.0 })
                    .colormap(if symmetric {
                        Colormap::Diverging
                    } else {
                        Colormap::Viridis
                    })
                    .title(format!("{site}: {title}")),
            );
        }
    }
    Ok(figure.columns(5).width(1500))
}

/// Lightness of a colour, 0 (black) to 100 (white), as an eye sees it (CIELAB).
fn lightness(rgb: Rgb) -> f64 {
    let linear = rgb.map(|c| match f64::from(c) {
        c if c <= 0.04045 => c / 12.92,
        c => ((c + 0.055) / 1.055).powf(2.4),
    });
    let y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    match y > 216.0 / 24389.0 {
        true => 116.0 * y.cbrt() - 16.0,
        false => y * 24389.0 / 27.0,
    }
}

/// 2.8: the same numbers in three colormaps, and why one of them lies.
fn jet(material: &Material) -> Result<Figure> {
    const SIDE: usize = 96;
    const STEPS: usize = 65;
    let maps: [(&str, &[Rgb]); 3] = [("viridis", &VIRIDIS), ("blue–red", &DIVERGING), ("jet", &JET)];
    // A hill without an edge anywhere.
    let hill = (0..SIDE * SIDE).map(|i| {
        let [y, x] = [i / SIDE, i % SIDE].map(|n| n as f32 / (SIDE - 1) as f32 - 0.5);
        (-(x * x + y * y) * 9.0).exp()
    });
    let hill = Tensor::from_vec(hill.collect(), (SIDE, SIDE), &Device::Cpu)?;
    let sample = material.image(IMAGE)?;
    let trace = material.network().capture(&sample.input()?, &["layer1"])?;
    let activation = trace.activation("layer1")?.squeeze(0)?;
    let strongest = activation.flatten_from(1)?.mean(1)?.argmax(0)?.to_scalar::<u32>()? as usize;
    let scaling = Scaling {
        per_map: true,
        symmetric: false,
    };
    let shown = for_display(&activation.narrow(0, strongest, 1)?, scaling)?.squeeze(0)?;

    let mut figure = Figure::new("Why not jet").caption(format!(
        "Upper row: a smooth hill, exp(−9r²), by your colorize (2.8). Jet draws rings that are not in the numbers, because \
         its lightness rises and falls; viridis only rises. Lower row: {}, layer1, channel {strongest}, on {}; your \
         for_display and colorize. Blue–red is for values around zero and shown for comparison.",
        material.network_name(),
        sample.name,
    ));
    let mut chart = LineChart::new()
        .title("lightness")
        .x_label("value")
        .y_label("lightness (CIELAB)")
        .y_range(0.0..=100.0);
    let ramp = Tensor::arange(0f32, STEPS as f32, &Device::Cpu)?.affine(1.0 / (STEPS - 1) as f64, 0.0)?;
    for (name, colors) in maps {
        figure = figure.panel(ImagePanel::new(&colorize(&hill, colors)?)?.title(name));
        let colored = colorize(&ramp.unsqueeze(0)?, colors)?
            .squeeze(1)?
            .t()?
            .to_vec2::<f32>()?;
        let points = colored.iter().enumerate().map(|(i, rgb)| {
            let value = i as f64 / (STEPS - 1) as f64;
            (value, lightness([rgb[0], rgb[1], rgb[2]]))
        });
        chart = chart.series(Series::new(name, points));
    }
    figure = figure.panel(chart);
    for (_, colors) in maps {
        figure = figure.panel(ImagePanel::new(&colorize(&shown, colors)?)?);
    }
    figure = figure.panel(ImagePanel::new(&sample.pixels)?.title("input"));
    Ok(figure.columns(4).width(1100))
}

/// 2.9: what a filter asks, the patch that answered most strongly, and what one image answers everywhere.
fn filters(material: &Material) -> Result<Figure> {
    const SEARCHED: u64 = 64;
    let network = material.network();
    let weights = network.parameter("conv1.weight")?;
    let window = network.config().stem.convolution();
    let count = weights.dim(0)?.min(8);
    let images = material.image_count().unwrap_or(SEARCHED).min(SEARCHED);
    let mut batches = vec![];
    for batch in material.batches(0..images, BATCH) {
        batches.push(resnet::normalize(&batch?.pixels)?);
    }
    let searched = Tensor::cat(&batches, 0)?;
    let bar = studio::progress(count as u64, "filters");
    let (mut patches, mut fits) = (vec![], vec![]);
    for filter in 0..count {
        let answer = strongest_answer(&searched, &weights.get(filter)?, window)?;
        patches.push(resnet::denormalize(&answer.patch.unsqueeze(0)?)?.squeeze(0)?);
        fits.push(format!("cosine {:.2}", answer.cosine));
        bar.inc(1);
    }
    let sample = material.image(IMAGE)?;
    let trace = network.capture(&sample.input()?, &["conv1"])?;
    let maps = trace.activation("conv1")?.squeeze(0)?.narrow(0, 0, count)?;
    let numbers = (0..count).map(|filter| filter.to_string());
    Ok(Figure::new("Weights are a question, activations an answer")
        .caption(format!(
            "conv1 of {}, the first {count} filters. Top: the weights as colours, grey is 0, each filter with its own \
             scale; they are the same for every image. Middle: the patch with the strongest response among {images} {}, by \
             your strongest_answer (2.9), and the cosine between filter and patch. Bottom: pre-activations on {}, blue \
             negative, red positive, each map symmetric around 0.",
            material.network_name(),
            material.data_name(),
            sample.name,
        ))
        .panel(MapGrid::filters(&weights.narrow(0, 0, count)?)?.columns(count).labels(numbers).title("filters"))
        .next_row()
        .panel(
            MapGrid::images(&Tensor::stack(&patches, 0)?.clamp(0.0, 1.0)?)?
                .columns(count)
                .labels(fits)
                .title("strongest patches"),
        )
        .next_row()
        .panel(MapGrid::maps(&maps)?.columns(count).scale(Scale::Symmetric).share(Share::Each).title("feature maps"))
        .width(1000))
}
