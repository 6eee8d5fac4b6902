//! What is drawn: one function per picture, from the lesson's own functions.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{BarChart, Colormap, Figure, Heatmap, ImagePanel, LineChart, MapGrid, Scale, Series};
use lesson05::{
    Effect, Repair, TOP_DOWN, cascade, class_activation_map, class_score, contributions, edges, effect, finding,
    grad_cam, grad_cam_plus_plus, guided_backprop, localization, overlay, randomized, rank_correlation, repair,
    repaired, saliency, test_scenes, upsample,
};
use resnet::{ResNet, checkpoints};
use scenes::{Rendered, Sampler, Scene, Shape};
use studio::{Draw, Material};

/// Name and function of each picture.
pub const ALL: [(&str, Draw); 11] = [
    ("two_classes", two_classes),
    ("steps", steps),
    ("layers", layers),
    ("importance", importance),
    ("pixels", pixels),
    ("localization", localized),
    ("cascade", cascaded),
    ("cascade_maps", cascade_maps),
    ("case", case),
    ("case_maps", case_maps),
    ("case_effect", case_effect),
];

/// How much of the colours shows over an image.
const OPACITY: f64 = 0.55;
/// Seed of the scenes with two figures.
const PAIRS: u64 = 9;

// ------------------------------------------------------------------------------------------ what is looked at

/// An image and two classes to ask about.
struct View {
    pixels: Tensor,
    name: String,
    classes: [(u32, String); 2],
}

impl View {
    /// Scene `index` with two figures; or the learner's image with the two most probable classes.
    fn new(material: &Material, index: u64) -> Result<Self> {
        if material.needs_scenes("two figures").is_ok() {
            let rendered = Scene::sample(&Sampler::two_figures(), PAIRS, index)?.render();
            let class = |figure: usize| {
                let shape = rendered.scene.figures[figure].shape;
                (shape.index() as u32, shape.to_string())
            };
            return Ok(Self {
                pixels: rendered.image.to_tensor(&Device::Cpu)?,
                name: format!("scene {index} with two figures"),
                classes: [class(0), class(1)],
            });
        }
        let sample = material.image(index)?;
        let answer = material.answer(&sample)?;
        let class = |rank: usize| {
            let guess = &answer[rank.min(answer.len() - 1)];
            let name = guess.name.split(',').next().unwrap_or(&guess.name);
            (guess.class as u32, name.to_string())
        };
        Ok(Self {
            classes: [class(0), class(1)],
            pixels: sample.pixels,
            name: sample.name,
        })
    }

    fn input(&self) -> Result<Tensor> {
        Ok(resnet::normalize(&self.pixels.unsqueeze(0)?)?)
    }

    fn image(&self) -> Result<ImagePanel> {
        Ok(ImagePanel::new(&self.pixels)?.title("input"))
    }

    /// The map over the image, with its own colour bar.
    fn under(&self, map: &Tensor, title: impl Into<String>) -> Result<ImagePanel> {
        over(&self.pixels, map, title)
    }
}

/// `map`, `[height, width]`, over `pixels`; the bar begins at 0.
fn over(pixels: &Tensor, map: &Tensor, title: impl Into<String>) -> Result<ImagePanel> {
    let (_, height, width) = pixels.dims3()?;
    let largest = upsample(&map.unsqueeze(0)?, height, width)?.max_all()?;
    let largest = largest.to_scalar::<f32>()?;
    let panel = ImagePanel::new(&overlay(pixels, map, OPACITY)?)?.title(title);
    Ok(panel.bar(0.0, if largest > 0.0 { largest } else { 1.0 }, Colormap::Magma))
}

// ---------------------------------------------------------------------------------------------- the pictures

/// 5.3 and 5.4: one map per class.
fn two_classes(material: &Material) -> Result<Figure> {
    let network = material.network();
    let mut figure = Figure::new("One image, two questions").caption(format!(
        "{}. Left: the input. Then your grad_cam (5.3) at layer4 for each of two classes, laid over it by your overlay \
         (5.4): magma, from 0 to the map's maximum, in units of the logit.",
        material.network_name()
    ));
    let mut names = Vec::new();
    for index in [2, 5] {
        let view = View::new(material, index)?;
        if names.contains(&view.name) {
            continue; // there is only one photo
        }
        figure = figure.panel(view.image()?.title(&view.name));
        for (class, name) in &view.classes {
            let map = grad_cam(network, &view.input()?, &[*class], "layer4")?.get(0)?;
            figure = figure.panel(view.under(&map, format!("where is the {name}?"))?);
        }
        names.push(view.name);
    }
    Ok(figure.columns(3).width(720))
}

/// 5.1 to 5.4: from the activation to the picture.
fn steps(material: &Material) -> Result<Figure> {
    let network = material.network();
    let view = View::new(material, 2)?;
    let (class, name) = &view.classes[0];
    let trace = network.capture(&view.input()?, &["layer4"])?;
    let fc = network.parameter("fc.weight")?;
    let signed = class_activation_map(trace.activation("layer4")?, fc, *class as usize)?.get(0)?;
    let map = grad_cam(network, &view.input()?, &[*class], "layer4")?;
    let (_, height, width) = view.pixels.dims3()?;
    let logit = trace.logits.get(0)?.get(*class as usize)?.to_scalar::<f32>()?;
    let bias = network.parameter("fc.bias")?.get(*class as usize)?.to_scalar::<f32>()?;
    let mean = signed.mean_all()?.to_scalar::<f32>()?;
    Ok(Figure::new("From an activation to a picture")
        .caption(format!(
            "{}, layer4, {}, class {name}. The class activation map (5.1) is signed; its mean {mean:.2} and the bias \
             {bias:.2} add up to the logit {logit:.2}. Grad-CAM (5.3) is its positive part divided by the number of places; \
             then upsample and overlay (5.4).",
            material.network_name(),
            view.name
        ))
        .panel(view.image()?)
        .panel(Heatmap::new(&signed)?.title("class activation map").scale(Scale::Symmetric))
        .panel(Heatmap::new(&map.get(0)?)?.title("Grad-CAM").colormap(Colormap::Magma))
        .panel(
            Heatmap::new(&upsample(&map, height, width)?.get(0)?)?
                .title("upsampled")
                .colormap(Colormap::Magma),
        )
        .panel(view.under(&map.get(0)?, "overlay")?)
        .columns(5)
        .width(1250))
}

const SITES: [&str; 4] = ["layer1", "layer2", "layer3", "layer4"];

/// 5.3 and 5.5 at all depths.
fn layers(material: &Material) -> Result<Figure> {
    let network = material.network();
    let view = View::new(material, 5)?;
    let (class, name) = &view.classes[1];
    let mut figure = Figure::new("The same question to four layers").caption(format!(
        "{}, {}, class {name}. Upper row: your grad_cam (5.3), lower row: your grad_cam_plus_plus (5.5). Magma, each map \
         from 0 to its own maximum; a dark picture has nothing above 0.",
        material.network_name(),
        view.name
    ));
    for (method, map) in METHODS {
        for site in SITES {
            let map = map(network, &view.input()?, &[*class], site)?.get(0)?;
            figure = figure.panel(view.under(&map, format!("{method}, {site}"))?);
        }
    }
    Ok(figure.columns(4).width(960))
}

type Cam = fn(&ResNet, &Tensor, &[u32], &str) -> candle_core::Result<Tensor>;
const METHODS: [(&str, Cam); 2] = [("Grad-CAM", grad_cam), ("Grad-CAM++", grad_cam_plus_plus)];

/// 5.6: the channels that are most active, and those that matter.
fn importance(material: &Material) -> Result<Figure> {
    const SHOWN: usize = 8;
    let network = material.network();
    let view = View::new(material, 5)?;
    let input = view.input()?;
    let activations = network.capture(&input, &["layer4"])?.activation("layer4")?.clone();
    let activity = activations.mean((2, 3))?.get(0)?.to_vec1::<f32>()?;
    let parts = view.classes.iter().map(|(class, _)| {
        let trace = network.tap(&input, &["layer4"])?;
        let gradients = trace.gradients(&class_score(&trace.logits, &[*class])?)?;
        let parts = contributions(&activations, &gradients.at("layer4")?)?;
        Ok(parts.get(0)?.to_vec1::<f32>()?)
    });
    let parts = parts.collect::<Result<Vec<_>>>()?;
    let largest = |values: &[f32]| {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        order.truncate(SHOWN);
        order
    };
    let chart = |channels: &[usize], title: &str| {
        let of = |values: &[f32]| -> Vec<f64> { channels.iter().map(|&channel| f64::from(values[channel])).collect() };
        BarChart::new(channels.iter().map(usize::to_string))
            .group("mean activation", of(&activity))
            .group(format!("contribution to {}", view.classes[0].1), of(&parts[0]))
            .group(format!("contribution to {}", view.classes[1].1), of(&parts[1]))
            .x_label("channel")
            .title(title)
    };
    let by_class = parts.iter().map(|parts| largest(parts)).collect::<Vec<_>>();
    let by_activity = largest(&activity);
    let map = |channel: usize| activations.get(0)?.get(channel);
    let (first, second) = (&view.classes[0].1, &view.classes[1].1);
    Ok(Figure::new("Active is not important")
        .caption(format!(
            "{}, layer4, {}. Maps: single channels as they are, magma. Bars: mean activation of a channel, and your \
             contributions (5.6) to two logits.",
            material.network_name(),
            view.name
        ))
        .panel(view.image()?)
        .panel(view.under(
            &map(by_activity[0])?,
            format!("most active: channel {}", by_activity[0]),
        )?)
        .panel(view.under(
            &map(by_class[0][0])?,
            format!("most for {first}: channel {}", by_class[0][0]),
        )?)
        .panel(view.under(
            &map(by_class[1][0])?,
            format!("most for {second}: channel {}", by_class[1][0]),
        )?)
        .next_row()
        .panel(chart(&by_activity, "the eight most active channels"))
        .panel(chart(&by_class[0], &format!("the eight that matter most for {first}")))
        .columns(4)
        .width(1150))
}

/// 5.6: down to the pixels.
fn pixels(material: &Material) -> Result<Figure> {
    let network = material.network();
    let view = View::new(material, 2)?;
    let input = view.input()?;
    let mut figure = Figure::new("Down to the pixels").caption(format!(
        "{}, {}. Your saliency and guided_backprop (5.6; the largest magnitude of the three colours), your grad_cam at \
         layer4, and edges, which know nothing of the network. Magma, each from 0 to its own maximum.",
        material.network_name(),
        view.name
    ));
    for (class, name) in &view.classes {
        let classes = [*class];
        let heat = |map: Tensor, title: &str| -> Result<Heatmap> {
            let map = map.get(0)?;
            Ok(Heatmap::new(&map)?.title(title).colormap(Colormap::Magma).without_bar())
        };
        let cam = grad_cam(network, &input, &classes, "layer4")?.get(0)?;
        let guided = guided_backprop(network, &input, &classes)?.abs()?.max(1)?;
        figure = figure
            .panel(heat(
                saliency(network, &input, &classes)?,
                &format!("saliency: {name}"),
            )?)
            .panel(heat(guided, &format!("guided backprop: {name}"))?)
            .panel(view.under(&cam, format!("Grad-CAM: {name}"))?)
            .panel(heat(edges(&input)?, "edges")?);
    }
    Ok(figure.columns(4).width(760))
}

// -------------------------------------------------------------------------------------------- 5.7: how good?

/// 5.7 on scenes with two figures, one of them asked for.
fn localized(material: &Material) -> Result<Figure> {
    const SCENES: u64 = 500;
    const BATCH: u64 = 10;
    material.needs_scenes("maps are scored against masks")?;
    let network = material.network();
    let progress = studio::progress(SCENES, "scoring maps");
    let mut scores = vec![(0.0, 0.0, 0.0); METHODS.len() * SITES.len() + 2];
    for first in (0..SCENES).step_by(BATCH as usize) {
        let rendered = pairs(first..first + BATCH)?;
        let images = resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)?;
        let (_, _, height, width) = images.dims4()?;
        // The first figure of one scene, the second of the next.
        let asked = |scene: usize| scene % 2;
        let classes: Vec<u32> = (0..rendered.len())
            .map(|i| rendered[i].scene.figures[asked(i)].shape.index() as u32)
            .collect();
        let mut masks = vec![];
        for (i, one) in rendered.iter().enumerate() {
            masks.push(one.masks.figure(asked(i)).to_tensor(&Device::Cpu)?);
        }
        let mut found = Vec::with_capacity(scores.len());
        for (_, method) in METHODS {
            for site in SITES {
                let map = method(network, &images, &classes, site)?;
                found.push(upsample(&map, height, width)?);
            }
        }
        found.push(saliency(network, &images, &classes)?);
        found.push(edges(&images)?);
        let truth = Tensor::stack(&masks, 0)?;
        for (score, map) in scores.iter_mut().zip(found) {
            let score_here = localization(&map, &truth)?;
            score.0 += score_here.pointing * BATCH as f64 / SCENES as f64;
            score.1 += score_here.energy * BATCH as f64 / SCENES as f64;
            score.2 += score_here.area * BATCH as f64 / SCENES as f64;
        }
        progress.inc(BATCH);
    }
    progress.finish_and_clear();
    let area = scores[0].2;
    let [.., saliency, edges] = scores[..] else {
        unreachable!("two methods without a site")
    };
    for ((pointing, energy, _), name) in scores.iter().zip(
        METHODS
            .iter()
            .flat_map(|(method, _)| SITES.map(|site| format!("{method}, {site}")))
            .chain(["saliency".into(), "edges".into()]),
    ) {
        println!(
            "{name:20} pointing {:5.1} %  energy {:5.1} %",
            100.0 * pointing,
            100.0 * energy
        );
    }
    println!("{:20} {:5.1} %", "area of the figure", 100.0 * area);
    let chart = |title: &str, of: fn(&(f64, f64, f64)) -> f64| {
        let mut chart = LineChart::new()
            .title(title)
            .x_names(SITES)
            .y_label("share")
            .y_range(0.0..=1.0);
        for ((name, _), scores) in METHODS.iter().zip(scores.chunks(SITES.len())) {
            chart = chart.series(Series::over_index(*name, scores.iter().map(of)).markers());
        }
        let everywhere = |score| SITES.map(|_| of(score)); // of the pixels: the same beside every layer
        chart
            .series(Series::over_index("saliency", everywhere(&saliency)).dashed())
            .series(Series::over_index("edges", everywhere(&edges)).dashed())
            .level("area of the figure: chance", area)
    };
    Ok(Figure::new("Which layer finds the figure that was asked for?")
        .caption(format!(
            "{}, {SCENES} scenes with two figures on 224×224, one of them asked for. Your grad_cam (5.3), \
             grad_cam_plus_plus (5.5) and saliency (5.6), enlarged by your upsample (5.4), scored by your localization (5.7). Edges know nothing of the network.",
            material.network_name()
        ))
        .panel(chart("points inside", |score| score.0))
        .panel(chart("energy inside", |score| score.1))
        .width(1150))
}

fn pairs(indices: std::ops::Range<u64>) -> Result<Vec<Rendered>> {
    let sampler = Sampler::two_figures();
    indices
        .map(|index| Ok(Scene::sample(&sampler, PAIRS, index)?.render()))
        .collect()
}

// ------------------------------------------------------------------------------------------ 5.8: sanity checks

/// Maps of a batch, `[batch, height, width]`, by method.
fn all_maps(network: &ResNet, images: &Tensor, classes: &[u32]) -> Result<Vec<(&'static str, Tensor)>> {
    Ok(vec![
        ("Grad-CAM, layer4", grad_cam(network, images, classes, "layer4")?),
        ("Grad-CAM, layer3", grad_cam(network, images, classes, "layer3")?),
        ("saliency", saliency(network, images, classes)?),
        (
            "guided backprop",
            guided_backprop(network, images, classes)?.abs()?.max(1)?,
        ),
        ("edges", edges(images)?),
    ])
}

/// The mean rank correlation of each method's maps with those of the trained network.
fn alikeness(reference: &[(&'static str, Tensor)], maps: &[(&'static str, Tensor)]) -> Result<Vec<f64>> {
    let pairs = reference.iter().zip(maps);
    pairs
        .map(|((_, a), (_, b))| {
            let count = a.dims()[0];
            let each = (0..count).map(|i| rank_correlation(&a.get(i)?, &b.get(i)?));
            let each = each.collect::<candle_core::Result<Vec<_>>>()?;
            Ok(each.iter().sum::<f64>() / count as f64)
        })
        .collect()
}

/// 5.8: the cascade, and one module at a time.
fn cascaded(material: &Material) -> Result<Figure> {
    const SCENES: u64 = 20;
    const SEED: u64 = 3;
    let network = material.network();
    let batch = material.batches(0..SCENES, SCENES as usize).next();
    let batch = batch.ok_or_else(|| anyhow::anyhow!("no images"))??;
    let images = resnet::normalize(&batch.pixels)?;
    let classes: Vec<u32> = match material.needs_scenes("classes") {
        Ok(()) => batch.labels.iter().map(|&label| label as u32).collect(),
        Err(_) => network.forward(&images)?.argmax(1)?.to_vec1()?,
    };
    let reference = all_maps(network, &images, &classes)?;
    let networks = cascade(network, SEED)?;
    let progress = studio::progress(2 * networks.len() as u64 - 1, "randomizing");
    let mut down = vec![];
    for network in &networks {
        down.push(alikeness(&reference, &all_maps(network, &images, &classes)?)?);
        progress.inc(1);
    }
    let mut alone = vec![];
    for module in TOP_DOWN {
        let network = randomized(network, &[module], SEED)?;
        alone.push(alikeness(&reference, &all_maps(&network, &images, &classes)?)?);
        progress.inc(1);
    }
    progress.finish_and_clear();
    let names = || reference.iter().map(|(name, _)| *name);
    let to_edges: Vec<f64> = {
        let (_, _, height, width) = images.dims4()?;
        let edges = edges(&images)?;
        let like = |(name, map): &(&'static str, Tensor)| {
            let map = upsample(map, height, width)?;
            Ok(alikeness(&[(name, edges.clone())], &[(name, map)])?[0])
        };
        reference.iter().map(like).collect::<Result<_>>()?
    };
    for (method, name) in names().enumerate() {
        let row = |steps: &[Vec<f64>]| {
            steps
                .iter()
                .map(|step| format!("{:6.2}", step[method]))
                .collect::<String>()
        };
        println!(
            "{name:18} cascade {}  alone {}  edges {:5.2}",
            row(&down),
            row(&alone),
            to_edges[method]
        );
    }
    let chart = |title: &str, steps: &[Vec<f64>], labels: Vec<String>| {
        let mut chart = LineChart::new()
            .title(title)
            .x_names(labels)
            .y_label("rank correlation with the trained map")
            .y_range(-0.4..=1.05);
        for (method, name) in names().enumerate() {
            chart = chart.series(Series::over_index(name, steps.iter().map(|step| step[method])).markers());
        }
        chart.level("no relation", 0.0)
    };
    let from = |prefix: &str| TOP_DOWN.map(|module| format!("{prefix}{module}"));
    let steps = std::iter::once("trained".into()).chain(from("+")).collect();
    Ok(Figure::new("Would an untrained network give the same map?")
        .caption(format!(
            "{}, {SCENES} images of {}. Spearman's ρ (5.8) between the map of the trained network and that of one with \
             random modules, mean over images. Left: your cascade, from the top down. Right: one module at a time. Class: the \
             true one.",
            material.network_name(),
            material.data_name()
        ))
        .panel(chart("cascading", &down, steps))
        .panel(chart("one module at random", &alone, from("").to_vec()))
        .width(1250))
}

/// 5.8: the maps themselves on their way down.
fn cascade_maps(material: &Material) -> Result<Figure> {
    const SEED: u64 = 3;
    let sample = material.image(7)?;
    let images = sample.input()?;
    let networks = cascade(material.network(), SEED)?;
    let class = match sample.label {
        Some(label) => label as u32,
        None => material
            .network()
            .forward(&images)?
            .get(0)?
            .argmax(0)?
            .to_scalar::<u32>()?,
    };
    let (_, _, height, width) = images.dims4()?;
    let mut rows: Vec<(&str, Vec<Tensor>)> = vec![];
    for network in &networks {
        for (row, (name, map)) in all_maps(network, &images, &[class])?.into_iter().enumerate() {
            let map = lesson05::relative(&upsample(&map, height, width)?)?.get(0)?;
            match rows.get_mut(row) {
                Some((_, maps)) => maps.push(map),
                None => rows.push((name, vec![map])),
            }
        }
    }
    let labels: Vec<String> = std::iter::once("trained".to_string())
        .chain(TOP_DOWN.map(|module| format!("+ {module}")))
        .collect();
    let mut figure = Figure::new("The maps on the way to a random network").caption(format!(
        "{}, {}, class {}. From left to right your cascade (5.8): nothing at random, fc, fc and layer4, …, everything. Magma, \
         each map from 0 to its own maximum.",
        material.network_name(),
        sample.name,
        material.class_name(class as usize)
    ));
    for (name, maps) in rows {
        figure = figure.panel(
            MapGrid::maps(&Tensor::stack(&maps, 0)?)?
                .columns(labels.len())
                .colormap(Colormap::Magma)
                .labels(labels.iter())
                .title(name),
        );
    }
    Ok(figure.columns(1).width(660))
}

// ------------------------------------------------------------------------------------------------ 5.9: the case

/// The scenes of the case's test, `count` of each class.
fn test(material: &Material, count: usize) -> Result<Vec<(Shape, Vec<Rendered>)>> {
    material.needs_scenes("the case has a network and scenes of its own")?;
    let scenes = test_scenes()?;
    let of = |shape: Shape| {
        let own = scenes.iter().filter(|scene| scene.class() == shape);
        (shape, own.take(count).map(Scene::render).collect())
    };
    Ok(Shape::ALL.map(of).into())
}

/// 5.9: what the test looks like.
fn case(material: &Material) -> Result<Figure> {
    const EACH: usize = 10;
    let test = test(material, EACH)?;
    let all: Vec<Rendered> = test.iter().flat_map(|(_, rendered)| rendered.clone()).collect();
    let images = scenes::batch(&all, &Device::Cpu)?;
    let predicted = checkpoints::case()?.forward(&resnet::normalize(&images)?)?.argmax(1)?;
    let predicted = predicted.to_vec1::<u32>()?;
    let right = all.iter().zip(&predicted);
    let right = right
        .filter(|(one, class)| one.scene.class().index() as u32 == **class)
        .count();
    let labels = predicted.iter().map(|&class| Shape::ALL[class as usize].name());
    Ok(Figure::new("The test of the case")
        .caption(format!(
            "Ten scenes of each class from test_scenes (5.9), a row for each class; below each the answer of the network \
             `case`. {right} of {} are right.",
            all.len()
        ))
        .panel(MapGrid::images(&images)?.columns(EACH).labels(labels))
        .width(800))
}

/// 5.9: where it looks.
fn case_maps(material: &Material) -> Result<Figure> {
    const EACH: usize = 5;
    let network = checkpoints::case()?;
    let mut overlays = vec![];
    let mut labels = vec![];
    for (shape, rendered) in test(material, EACH)? {
        let pixels = scenes::batch(&rendered, &Device::Cpu)?;
        let classes = vec![shape.index() as u32; rendered.len()];
        let maps = grad_cam(&network, &resnet::normalize(&pixels)?, &classes, "layer3")?;
        for i in 0..rendered.len() {
            overlays.push(pixels.get(i)?);
            overlays.push(overlay(&pixels.get(i)?, &maps.get(i)?, OPACITY)?);
            labels.extend([shape.name(), ""]);
        }
    }
    Ok(Figure::new("Where the network of the case looks")
        .caption(
            "Five scenes of each class from test_scenes (5.9), and beside each your grad_cam (5.3) of the network `case` at \
             layer3 for the scene's class, by your overlay (5.4). Magma, each map from 0 to its own maximum.",
        )
        .panel(MapGrid::images(&Tensor::stack(&overlays, 0)?)?.columns(2 * EACH).labels(labels))
        .width(800))
}

/// 5.9: what the cause does, before and after the repair.
fn case_effect(material: &Material) -> Result<Figure> {
    const SCENES: u64 = 300;
    const SEED: u64 = 61;
    material.needs_scenes("the case has a network and scenes of its own")?;
    let network = checkpoints::case()?;
    let found = finding();
    let repair = repair(&network)?;
    let scenes = (0..SCENES)
        .map(|index| Scene::sample(&Sampler::default(), SEED, index))
        .collect::<candle_core::Result<Vec<_>>>()?;
    let labels: Vec<u32> = scenes.iter().map(|scene| scene.class().index() as u32).collect();
    let images = |change: fn(&Scene) -> Scene| {
        let rendered: Vec<_> = scenes.iter().map(|scene| change(scene).render()).collect();
        resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)
    };
    let (without, with) = (images(found.take_out)?, images(found.put_in)?);
    let measure = |repair: Option<&Repair>| -> Result<Effect> {
        let predict = |images: &Tensor| {
            let logits = match repair {
                Some(repair) => repaired(&network, repair, images)?,
                None => network.forward(images)?,
            };
            logits.argmax(1)?.to_vec1::<u32>()
        };
        let (without, with) = (predict(&without)?, predict(&with)?);
        Ok(effect(found.class.index() as u32, &labels, &without, &with)?)
    };
    let bars = |effect: Effect| {
        [
            effect.accuracy_without,
            effect.accuracy_with,
            effect.recall_without,
            effect.turned,
        ]
    };
    let names = [
        "accuracy without".to_string(),
        "accuracy with".to_string(),
        format!("{}s found without", found.class),
        format!("turned into {}", found.class),
    ];
    Ok(Figure::new("What the cause does")
        .caption(format!(
            "Network `case`, {SCENES} scenes that were not used for the repair, without your cause and with it (5.9). Repair: \
             {} taken out of {}.",
            match repair.directions.dims()[0] {
                1 => "one direction".to_string(),
                count => format!("{count} directions"),
            },
            repair.site
        ))
        .panel(
            BarChart::new(names)
                .group("as it is", bars(measure(None)?))
                .group("repaired", bars(measure(Some(&repair))?))
                .y_label("share of scenes")
                .with_numbers(),
        )
        .width(1000))
}
