//! What is drawn: one function per picture, from the lesson's own functions.

use std::collections::BTreeMap;

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{BarChart, Figure, LineChart, MapGrid, Series, Table};
use lesson04::{
    Dissection, Effect, PENALTY, Score, Standardizer, Task, Thresholds, best_concepts, control_labels, depth_curve,
    effect, features, fit_probe, pool, random_rotation, rotated, score, selectivity, shuffled, split,
    without_direction, without_units,
};
use rayon::prelude::*;
use resnet::ResNet;
use scenes::{Colour, Concept, Rendered, Scene, Texture};
use studio::{Batch, Draw, Material};

/// Name and function of each picture.
pub const ALL: [(&str, Draw); 9] = [
    ("question", question),
    ("depth", depth),
    ("averaging", averaging),
    ("leak", leak),
    ("selectivity", selectivities),
    ("units", units),
    ("unit", best_scenes),
    ("null", null),
    ("ablation", ablation),
];

/// From the image to the class.
const SITES: [&str; 5] = ["conv1", "layer1", "layer2", "layer3", "layer4"];
/// Images for probes, and the share that tests them.
const IMAGES: u64 = 1500;
const TEST_SHARE: f64 = 0.3;
/// Images at a time: what the memory has to hold.
const BATCH: usize = 25;
/// Images for dissection, and the share of activations that counts as on.
const DISSECTED: u64 = 1000;
const ON: f64 = 0.005;

/// The untrained network beside the trained one: the same architecture, first weights.
fn untrained(material: &Material) -> Result<ResNet> {
    Ok(ResNet::untrained(material.network().config(), 1)?)
}

/// As many images as a picture asks for, or as there are.
fn count(material: &Material, wanted: u64) -> u64 {
    material.image_count().map_or(wanted, |there| there.min(wanted))
}

/// Normalized batches with a progress bar; `see` gets each batch as it comes.
fn normalized<'a>(
    material: &'a Material,
    images: u64,
    what: &'static str,
    mut see: impl FnMut(&Batch) + 'a,
) -> impl Iterator<Item = candle_core::Result<Tensor>> + 'a {
    let bar = studio::progress(images, what);
    material.batches(0..images, BATCH).map(move |batch| {
        let batch = batch.map_err(candle_core::Error::wrap)?;
        see(&batch);
        bar.inc(batch.labels.len() as u64);
        resnet::normalize(&batch.pixels)
    })
}

/// The five properties of scenes.
fn properties(scenes: &[Scene]) -> Vec<Task> {
    let task = |name: &str, classes, label: fn(&Scene) -> usize| Task {
        name: name.into(),
        labels: scenes.iter().map(label).collect(),
        classes,
    };
    vec![
        task("shape", 10, |scene| scene.class().index()),
        task("colour", 8, |scene| scene.figures[0].colour.index()),
        task("texture", 6, |scene| scene.figures[0].texture.index()),
        task("size", 4, |scene| {
            // Radii from 20 to 40 pixels, in four equal parts.
            ((scene.figures[0].radius - 20.0) / 5.0).clamp(0.0, 3.0) as usize
        }),
        task("position", 4, |scene| {
            let (place, canvas) = (scene.figures[0].place, scene.canvas);
            let right = place.x > canvas.width as f64 / 2.0;
            let lower = place.y > canvas.height as f64 / 2.0;
            usize::from(right) + 2 * usize::from(lower)
        }),
    ]
}

/// The scenes behind the first images.
fn scenes_of(material: &Material, images: u64) -> Result<Vec<Scene>> {
    let mut scenes = vec![];
    for batch in material.batches(0..images, BATCH) {
        scenes.extend(batch?.rendered.into_iter().map(|one| one.scene));
    }
    Ok(scenes)
}

/// A line with intervals.
fn line(name: &str, scores: &[Score]) -> Series {
    Series::over_index(name, scores.iter().map(|score| score.accuracy))
        .intervals(scores.iter().map(|score| (score.low, score.high)))
        .markers()
}

/// A chart of accuracy over the sites.
fn over_depth(title: &str) -> LineChart {
    LineChart::new()
        .title(title)
        .x_names(SITES)
        .y_label("accuracy on test images")
        .y_range(0.0..=1.02)
}

/// The features (4.1) of the first images at the sites, and what `label` says of each batch.
fn gather<T>(
    material: &Material,
    network: &ResNet,
    images: u64,
    sites: &[&str],
    grid: usize,
    label: impl Fn(&Batch) -> Vec<T>,
) -> Result<(Vec<Tensor>, Vec<T>)> {
    let mut labels = vec![];
    let mut parts = vec![vec![]; sites.len()];
    let batches = normalized(material, images, "features", |batch| labels.extend(label(batch)));
    for images in batches {
        let rows = features(network, &images?, sites, grid)?;
        parts.iter_mut().zip(rows).for_each(|(part, rows)| part.push(rows));
    }
    let joined = parts.iter().map(|parts| Tensor::cat(parts, 0));
    Ok((joined.collect::<candle_core::Result<_>>()?, labels))
}

/// The rows with these numbers.
fn select(features: &Tensor, rows: &[usize]) -> Result<Tensor> {
    let numbers: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
    Ok(features.index_select(&Tensor::new(numbers, &Device::Cpu)?, 0)?)
}

/// Accuracy of a probe (4.3, 4.4) that learns from the first rows and is asked about the rest.
fn accuracy(features: &Tensor, labels: &[usize], classes: usize) -> Result<f64> {
    let trained = labels.len() - (TEST_SHARE * labels.len() as f64) as usize;
    let (train, test) = (
        features.narrow(0, 0, trained)?,
        features.narrow(0, trained, labels.len() - trained)?,
    );
    let scale = Standardizer::fit(&train)?;
    let probe = fit_probe(&scale.apply(&train)?, &labels[..trained], classes, PENALTY)?;
    let predicted = probe.predict(&scale.apply(&test)?)?;
    let correct = predicted
        .iter()
        .zip(&labels[trained..])
        .filter(|(guess, truth)| guess == truth);
    Ok(correct.count() as f64 / (labels.len() - trained) as f64)
}

/// 4.1, 4.3, 4.4: the guide's question, with what an answer has to beat.
fn question(material: &Material) -> Result<Figure> {
    let classes = material.network().config().classes;
    let wanted = (0..classes).find(|&class| ["cat", "heart"].contains(&material.class_name(class)));
    let class = wanted.unwrap_or(0);
    let images = count(material, IMAGES);
    let of = |batch: &Batch| batch.labels.clone();
    let (trained, labels) = gather(material, material.network(), images, &SITES, 1, of)?;
    let first = untrained(material)?;
    let (raw, _) = gather(material, &first, images, &["layer4"], 1, of)?;
    let mut pixels = vec![];
    for batch in material.batches(0..images, BATCH) {
        pixels.push(pool(&batch?.pixels, 8)?);
    }
    let mut sources = vec![("pixels 8×8".to_string(), Tensor::cat(&pixels, 0)?)];
    sources.push(("untrained layer4".into(), raw[0].clone()));
    sources.extend(SITES.iter().map(|site| site.to_string()).zip(trained));

    let yes: Vec<usize> = labels.iter().map(|&label| usize::from(label == class)).collect();
    let seen = 1 + labels.iter().copied().max().unwrap_or(0);
    let mut figure = Figure::new(format!(
        "Is it a {}? What a linear probe can tell from each layer",
        material.class_name(class)
    ))
    .caption(format!(
        "Your probes (4.4) on averaged activations (4.1) of {}, on {}: {images} images, the last {:.0} % of them to test. \
         pixels 8×8: the image itself, averaged in 8×8 cells. Dashed: naming the commonest answer every time.",
        material.network_name(),
        material.data_name(),
        100.0 * TEST_SHARE,
    ))
    ;
    for (title, labels, classes) in [
        (format!("a {}, or not?", material.class_name(class)), &yes, 2),
        ("which class?".to_string(), &labels, seen),
    ] {
        let trained = labels.len() - (TEST_SHARE * labels.len() as f64) as usize;
        let heights = sources
            .iter()
            .map(|(_, rows)| accuracy(rows, labels, classes))
            .collect::<Result<Vec<_>>>()?;
        figure = figure.panel(
            BarChart::new(sources.iter().map(|(name, _)| name.as_str()))
                .title(title)
                .group("accuracy", heights)
                .level("majority", share_of_commonest(&labels[..trained], &labels[trained..]))
                .y_label("accuracy on test images")
                .with_numbers(),
        );
    }
    Ok(figure.width(1200))
}

/// The share of the test labels that are the commonest training label.
fn share_of_commonest(train: &[usize], test: &[usize]) -> f64 {
    let mut counts = BTreeMap::new();
    train.iter().for_each(|&label| *counts.entry(label).or_insert(0) += 1);
    let commonest = counts.iter().max_by_key(|(_, count)| **count).map(|(label, _)| *label);
    let right = test.iter().filter(|&&label| Some(label) == commonest).count();
    right as f64 / test.len() as f64
}

/// 4.7: what can be read at which depth, and from a network that has learned nothing.
fn depth(material: &Material) -> Result<Figure> {
    material.needs_scenes("it reads the properties that the scenes were drawn with")?;
    let scenes = scenes_of(material, IMAGES)?;
    let tasks = properties(&scenes);
    let rows: Vec<usize> = (0..scenes.len()).collect();
    let (train, test) = split(&rows, TEST_SHARE, 1)?;
    let mut figure = Figure::new("What can be read at which depth").caption(format!(
        "Your depth_curve (4.7): linear probes on averaged activations, {} scenes to train and {} to test, with 95 % \
         intervals. Left: {}. Right: the same architecture with its first, random weights. Below: the numbers, and what \
         naming the commonest value reaches.",
        train.len(),
        test.len(),
        material.network_name(),
    ));
    let mut table = Table::new([&["network", "property"][..], &SITES, &["majority"]].concat());
    for (title, network) in [
        ("trained", material.network().clone()),
        ("untrained", untrained(material)?),
    ] {
        let mut batches = normalized(material, IMAGES, title, |_| {});
        let curve = depth_curve(&network, &mut batches, &SITES, 1, &tasks, [&train, &test])?;
        let mut chart = over_depth(title);
        for (task, scores) in tasks.iter().zip(&curve) {
            chart = chart.series(line(&task.name, scores));
            let numbers = scores.iter().map(|score| score.accuracy).chain([scores[0].majority]);
            let cells = [title.to_string(), task.name.clone()]
                .into_iter()
                .chain(numbers.map(|number| format!("{number:.2}")));
            table = table.row(cells);
        }
        figure = figure.panel(chart);
    }
    Ok(figure.next_row().panel(table).width(1200))
}

/// 4.7 with two grids: what averaging over the map hides.
fn averaging(material: &Material) -> Result<Figure> {
    material.needs_scenes("it asks where the figure was drawn")?;
    let scenes = scenes_of(material, IMAGES)?;
    let tasks = &properties(&scenes)[4..];
    let rows: Vec<usize> = (0..scenes.len()).collect();
    let (train, test) = split(&rows, TEST_SHARE, 1)?;
    let mut figure = Figure::new("In which quarter of the picture is the figure?").caption(format!(
        "Your depth_curve (4.7) for position, with a grid of 1 (the mean of each map) and of 2 (the means of its quarters); \
         {} scenes to test, 95 % intervals. Chance is .25.",
        test.len(),
    ));
    for (title, network) in [
        ("trained", material.network().clone()),
        ("untrained", untrained(material)?),
    ] {
        let mut chart = over_depth(title);
        for (grid, name) in [(1, "mean of the map"), (2, "means of its quarters")] {
            let mut batches = normalized(material, IMAGES, title, |_| {});
            let curve = depth_curve(&network, &mut batches, &SITES, grid, tasks, [&train, &test])?;
            chart = chart.series(line(name, &curve[0]));
        }
        figure = figure.panel(chart.level("chance", 0.25));
    }
    Ok(figure.width(1200))
}

/// 4.2: the same probes with views of one scene on both sides, and on one.
fn leak(material: &Material) -> Result<Figure> {
    const SCENES: u64 = 250;
    const SITE: &str = "layer3";
    material.needs_scenes("it draws several views of each scene")?;
    let bar = studio::progress(SCENES, "views");
    let (mut rows, mut of_scene, mut scenes) = (vec![], vec![], vec![]);
    for batch in material.batches(0..SCENES, 5) {
        let mut views = vec![];
        for rendered in batch?.rendered {
            let id = scenes.len() / Texture::COUNT;
            for texture in Texture::ALL {
                let view = rendered.scene.with_texture(0, texture)?;
                views.push(view.render());
                scenes.push(view);
                of_scene.push(id);
            }
        }
        let images = resnet::normalize(&scenes::batch(&views, &Device::Cpu)?)?;
        rows.push(features(material.network(), &images, &[SITE], 1)?.remove(0));
        bar.inc(5);
    }
    let rows = Tensor::cat(&rows, 0)?;
    let mut tasks = properties(&scenes);
    tasks.push(Task {
        name: "a random number".into(),
        labels: control_labels(&of_scene, 4, 1)?,
        classes: 4,
    });
    let tasks: Vec<&Task> = [0, 1, 3, 5].iter().map(|&i| &tasks[i]).collect();
    let every_row: Vec<usize> = (0..scenes.len()).collect();
    let mut chart = BarChart::new(tasks.iter().map(|task| task.name.as_str()));
    for (name, groups) in [
        ("views on both sides", &every_row),
        ("all views on one side", &of_scene),
    ] {
        let (train, test) = split(groups, TEST_SHARE, 1)?;
        let heights = tasks
            .iter()
            .map(|task| Ok(score(&rows, &task.labels, task.classes, &train, &test)?.accuracy))
            .collect::<Result<Vec<_>>>()?;
        chart = chart.group(name, heights);
    }
    Ok(Figure::new("A split that leaks")
        .caption(format!(
            "Probes on the averaged {SITE} of {}: {SCENES} scenes, each in six textures. Your split (4.2) by row puts views \
             of one scene on both sides; by scene it does not. The random number (four values, chance .25) belongs to the \
             scene and stands for nothing in the picture.",
            material.network_name(),
        ))
        .panel(chart.y_label("accuracy on test views").with_numbers())
        .width(900))
}

/// 4.6: tasks and control tasks over depth.
fn selectivities(material: &Material) -> Result<Figure> {
    material.needs_scenes("its types are made of what the scenes were drawn with")?;
    let scene = |batch: &Batch| batch.rendered.iter().map(|one| one.scene.clone()).collect();
    let (found, scenes) = gather(material, material.network(), IMAGES, &SITES, 1, scene)?;
    let rows: Vec<usize> = (0..scenes.len()).collect();
    let (train, test) = split(&rows, TEST_SHARE, 1)?;
    let types: Vec<usize> = scenes
        .iter()
        .map(|scene| scene.class().index() * Colour::COUNT + scene.figures[0].colour.index())
        .collect();
    let mut figure = Figure::new("What the layer knows, and what the probe could learn by itself").caption(format!(
        "Your selectivity (4.6) on averaged activations of {}, {} scenes to test. Control: each of the 80 combinations of \
         shape and colour has a random label of its own, with as many classes as the task. Intervals 95 %.",
        material.network_name(),
        test.len(),
    ));
    for task in &properties(&scenes)[..2] {
        let both = found
            .iter()
            .map(|rows| selectivity(rows, &task.labels, &types, task.classes, [&train, &test], 1))
            .collect::<candle_core::Result<Vec<_>>>()?;
        let of = |which: fn(&lesson04::Selectivity) -> Score| both.iter().map(which).collect::<Vec<_>>();
        figure = figure.panel(
            over_depth(&format!("{}, {} classes", task.name, task.classes))
                .series(line(&task.name, &of(|one| one.task)))
                .series(line("control", &of(|one| one.control))),
        );
    }
    Ok(figure.width(1200))
}

/// A layer, dissected.
struct Layer {
    site: String,
    /// Per unit.
    thresholds: Tensor,
    /// IoU of each unit with each concept, with the true masks and with those of other scenes.
    real: Tensor,
    shuffled: Tensor,
    /// The same as `real` along random axes.
    rotated: Option<Tensor>,
}

impl Layer {
    /// The cut above which an IoU is not chance: no unit reaches it with the masks of other scenes.
    fn cut(&self) -> Result<f64> {
        let by_chance = best_concepts(&self.shuffled)?;
        Ok(by_chance.iter().map(|one| one.1).fold(0.0, f64::max))
    }
}

/// The masks of some scenes, `[batch, concepts, rows, columns]`.
fn masks(rendered: &[Rendered], concepts: &[Concept]) -> Result<Tensor> {
    let of = |one: &Rendered| {
        let masks: candle_core::Result<Vec<_>> = concepts
            .iter()
            .map(|&concept| one.masks.get(concept).to_tensor(&Device::Cpu))
            .collect();
        Tensor::stack(&masks?, 0)
    };
    let masks: candle_core::Result<Vec<_>> = rendered.iter().map(of).collect();
    Ok(Tensor::stack(&masks?, 0)?)
}

/// Dissects layers (4.8) in two passes over the scenes: thresholds, then counts. `along_random_axes` as well, if wanted.
fn dissect(material: &Material, sites: &[&str], concepts: &[Concept], along_random_axes: bool) -> Result<Vec<Layer>> {
    let network = material.network();
    let side = material.sample(0)?.pixels.dim(1)?;
    let image = Tensor::zeros((1, 3, side, side), candle_core::DType::F32, &Device::Cpu)?;
    let shapes = network.capture(&image, sites)?;
    let mut thresholds = vec![];
    for (index, site) in sites.iter().enumerate() {
        let (_, units, height, width) = shapes.activation(site)?.dims4()?;
        let streaming = || Thresholds::new(height * width * DISSECTED as usize, ON);
        let axes = random_rotation(units, index as u64)?;
        thresholds.push((streaming()?, streaming()?, axes));
    }
    let bar = studio::progress(2 * DISSECTED, "dissection");
    for batch in material.batches(0..DISSECTED, BATCH) {
        let trace = network.capture(&resnet::normalize(&batch?.pixels)?, sites)?;
        for (site, (straight, turned, axes)) in sites.iter().zip(&mut thresholds) {
            straight.update(trace.activation(site)?)?;
            if along_random_axes {
                turned.update(&rotated(trace.activation(site)?, axes)?)?;
            }
        }
        bar.inc(BATCH as u64);
    }
    // The masks of other scenes count as further concepts: one pass serves both.
    let mut counts = vec![];
    for (straight, turned, _) in &thresholds {
        let turned = along_random_axes.then(|| Dissection::new(&turned.finish()?, concepts.len()));
        let straight = Dissection::new(&straight.finish()?, 2 * concepts.len())?;
        counts.push((straight, turned.transpose()?));
    }
    for batch in material.batches(0..DISSECTED, BATCH) {
        let batch = batch?;
        let masks = masks(&batch.rendered, concepts)?;
        let both = Tensor::cat(&[&masks, &shuffled(&masks)?], 1)?;
        let trace = network.capture(&resnet::normalize(&batch.pixels)?, sites)?;
        let each = counts.par_iter_mut().zip(&thresholds).zip(sites);
        each.try_for_each(|(((straight, turned), (_, _, axes)), site)| {
            let activations = trace.activation(site)?;
            let count_turned = || match turned {
                Some(turned) => turned.update(&rotated(activations, axes)?, &masks),
                None => Ok(()),
            };
            let (straight, turned) = rayon::join(|| straight.update(activations, &both), count_turned);
            straight.and(turned)
        })?;
        bar.inc(BATCH as u64);
    }
    let mut layers = vec![];
    for (site, (straight, turned)) in sites.iter().zip(&counts) {
        let iou = straight.iou()?;
        layers.push(Layer {
            site: site.to_string(),
            thresholds: straight.thresholds.clone(),
            real: iou.narrow(1, 0, concepts.len())?,
            shuffled: iou.narrow(1, concepts.len(), concepts.len())?,
            rotated: turned.as_ref().map(Dissection::iou).transpose()?,
        });
    }
    Ok(layers)
}

/// 4.8: how many units stand for which concept.
fn units(material: &Material) -> Result<Figure> {
    material.needs_scenes("it compares with the masks of what was drawn")?;
    let concepts = Concept::all();
    let layers = dissect(material, &SITES, &concepts, false)?;
    let mut summary = Table::new(["layer", "units", "best by chance", "above it", "above 0.04"]);
    let mut by_concept: BTreeMap<Concept, Vec<usize>> = BTreeMap::new();
    for (place, layer) in layers.iter().enumerate() {
        let (best, cut) = (best_concepts(&layer.real)?, layer.cut()?);
        let above = |cut: f64| best.iter().filter(|one| one.1 > cut).count();
        summary = summary.row([
            layer.site.clone(),
            best.len().to_string(),
            format!("{cut:.3}"),
            above(cut).to_string(),
            above(0.04).to_string(),
        ]);
        for (concept, _) in best.iter().filter(|one| one.1 > cut) {
            by_concept
                .entry(concepts[*concept])
                .or_insert_with(|| vec![0; layers.len()])[place] += 1;
        }
    }
    let mut chart = BarChart::new(SITES).title("units by kind of concept").y_label("units");
    for factor in ["shape", "colour", "texture", "badge", "background"] {
        let of_factor = by_concept.iter().filter(|(concept, _)| concept.factor() == factor);
        let mut heights = vec![0.0; SITES.len()];
        of_factor.for_each(|(_, counts)| {
            heights
                .iter_mut()
                .zip(counts)
                .for_each(|(height, &count)| *height += count as f64)
        });
        chart = chart.group(factor, heights);
    }
    let heads = || Table::new([&["concept"][..], &SITES].concat());
    let row = |(concept, counts): (&Concept, &Vec<usize>)| {
        [vec![concept.to_string()], counts.iter().map(usize::to_string).collect()].concat()
    };
    let half = by_concept.len().div_ceil(2);
    let left = by_concept
        .iter()
        .take(half)
        .fold(heads(), |table, one| table.row(row(one)));
    let right = by_concept
        .iter()
        .skip(half)
        .fold(heads(), |table, one| table.row(row(one)));
    Ok(Figure::new("Which units stand for which concept")
        .caption(format!(
            "Your dissection (4.8) of {} on {DISSECTED} {}: a unit is on in its highest {} %; its concept is the one with \
             the largest IoU. Counted are units whose IoU is above the best that any unit of the layer reaches with the \
             masks of other scenes.",
            material.network_name(),
            material.data_name(),
            100.0 * ON,
        ))
        .panel(chart.with_numbers())
        .next_row()
        .panel(summary)
        .next_row()
        .panel(left)
        .panel(right)
        .width(1200))
}

/// 4.8: what chance and other axes give.
fn null(material: &Material) -> Result<Figure> {
    material.needs_scenes("it compares with the masks of what was drawn")?;
    let concepts = Concept::all();
    let layers = dissect(material, &["layer3", "layer4"], &concepts, true)?;
    let mut figure = Figure::new("Is 0.04 much? What chance and other axes give").caption(format!(
        "Best IoU of each unit, largest first, by your dissection (4.8) of {} on {DISSECTED} {}. Shuffled: with the masks \
         of other scenes. Random axes: the same activations along the axes of a random rotation.",
        material.network_name(),
        material.data_name(),
    ));
    for layer in &layers {
        let falling = |name: &str, iou: &Tensor| -> Result<Series> {
            let mut best: Vec<f64> = best_concepts(iou)?.iter().map(|one| one.1).collect();
            best.sort_by(|a, b| b.total_cmp(a));
            Ok(Series::over_index(name, best))
        };
        let mut chart = LineChart::new()
            .title(&layer.site)
            .x_label("units, best first")
            .y_label("IoU with the best concept")
            .series(falling("units", &layer.real)?);
        if let Some(turned) = &layer.rotated {
            chart = chart.series(falling("random axes", turned)?);
        }
        chart = chart.series(falling("shuffled masks", &layer.shuffled)?);
        figure = figure.panel(chart.level("0.04", 0.04));
    }
    Ok(figure.width(1200))
}

/// The unit of a layer that stands best for a concept of this kind: unit, concept, IoU.
fn best_unit(layer: &Layer, concepts: &[Concept], factor: &str) -> Result<Option<(usize, Concept, f64)>> {
    let best = best_concepts(&layer.real)?;
    let of_factor = best.into_iter().enumerate().filter_map(|(unit, (concept, iou))| {
        (concepts[concept].factor() == factor).then_some((unit, concepts[concept], iou))
    });
    Ok(of_factor.max_by(|a, b| a.2.total_cmp(&b.2)))
}

/// 4.8: the scenes that drive a few units most, dark where the unit is off.
fn best_scenes(material: &Material) -> Result<Figure> {
    const SHOWN: usize = 6;
    material.needs_scenes("it compares with the masks of what was drawn")?;
    let concepts = Concept::all();
    let layers = dissect(material, &["layer1", "layer3", "layer4"], &concepts, false)?;
    let mut chosen = vec![];
    for (layer, factor) in layers.iter().zip(["colour", "shape", "shape"]) {
        if let Some(found) = best_unit(layer, &concepts, factor)? {
            chosen.push((layer, found));
        }
    }
    let mut figure = Figure::new("What drives a unit").columns(1).caption(format!(
        "The {SHOWN} of {DISSECTED} {} with the largest activation of each unit, in {}. Bright: where the enlarged \
         activation is above the unit's threshold (4.8). IoU: pooled over all scenes.",
        material.data_name(),
        material.network_name(),
    ));
    for (layer, (unit, concept, iou)) in chosen {
        let maps = |image: &Tensor| -> Result<Tensor> {
            let trace = material.network().capture(&resnet::normalize(image)?, &[&layer.site])?;
            Ok(trace.activation(&layer.site)?.narrow(1, unit, 1)?)
        };
        let mut largest = vec![];
        for batch in material.batches(0..DISSECTED, BATCH) {
            largest.extend(maps(&batch?.pixels)?.flatten_from(1)?.max(1)?.to_vec1::<f32>()?);
        }
        let mut order: Vec<usize> = (0..largest.len()).collect();
        order.sort_by(|&a, &b| largest[b].total_cmp(&largest[a]));
        let threshold = f64::from(layer.thresholds.get(unit)?.to_scalar::<f32>()?);
        let lit = |&index: &usize| -> Result<Tensor> {
            let pixels = material.sample(index as u64)?.pixels;
            let (_, height, width) = pixels.dims3()?;
            let map = maps(&pixels.unsqueeze(0)?)?.upsample_bilinear2d(height, width, false)?;
            let on = map.gt(threshold)?.to_dtype(candle_core::DType::F32)?.squeeze(0)?;
            Ok(pixels.broadcast_mul(&on.affine(0.75, 0.25)?)?)
        };
        let scenes = order[..SHOWN].iter().map(lit).collect::<Result<Vec<_>>>()?;
        let grid = MapGrid::images(&Tensor::stack(&scenes, 0)?)?.columns(SHOWN);
        figure = figure.panel(grid.title(format!("{} unit {unit}: {concept}, IoU {iou:.2}", layer.site)));
    }
    Ok(figure.width(840))
}

/// 4.9: units and directions taken away, and a unit that can be read and is not used.
fn ablation(material: &Material) -> Result<Figure> {
    material.needs_scenes("it knows what was drawn")?;
    let (unit, class) = strongest_unit(material)?;
    let [read, used] = read_and_used(material, unit, class)?;
    let caption = format!(
        "{}, layer4. Left: unit {unit} answers most to the class {name}. Its outgoing weights in fc were set to 0 in a copy \
         of the network: a probe (4.4) on this one unit tells {name} from the others equally well, but taking the unit out \
         (4.9) no longer changes a logit. Right: one direction taken out at each site, {REMOVED_ON} scenes: that of your \
         probe for {name}, that of your probe for red, and a random one.",
        material.network_name(),
        name = material.class_name(class),
    );
    Ok(Figure::new("Decodable is not used")
        .caption(caption)
        .panel(read)
        .panel(used)
        .panel(directions(material, class)?)
        .columns(3)
        .width(1300))
}

/// Scenes on which something is taken out.
const REMOVED_ON: u64 = 200;

/// The unit of layer4 whose mean activation differs most, in its own deviations, between one class and all others.
fn strongest_unit(material: &Material) -> Result<(usize, usize)> {
    let of = |batch: &Batch| batch.labels.clone();
    let (rows, labels) = gather(material, material.network(), 500, &["layer4"], 1, of)?;
    let rows = Standardizer::fit(&rows[0])?.apply(&rows[0])?;
    let mut strongest = (0, 0, 0.0);
    for class in 0..material.network().config().classes {
        let of_class: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == class).collect();
        if of_class.is_empty() {
            continue;
        }
        for (unit, &mean) in select(&rows, &of_class)?.mean(0)?.to_vec1::<f32>()?.iter().enumerate() {
            if mean > strongest.2 {
                strongest = (unit, class, mean);
            }
        }
    }
    Ok((strongest.0, strongest.1))
}

/// How well one unit of layer4 tells a class, and what taking it out does: in the network, and in a copy where the unit's
/// outgoing weights are 0.
fn read_and_used(material: &Material, unit: usize, class: usize) -> Result<[BarChart; 2]> {
    let network = material.network();
    let mut weights = network.parameters().clone();
    let mut fc = weights["fc.weight"].to_vec2::<f32>()?;
    fc.iter_mut().for_each(|row| row[unit] = 0.0);
    let shape = weights["fc.weight"].shape().clone();
    weights.insert("fc.weight".into(), Tensor::from_vec(fc.concat(), shape, &Device::Cpu)?);
    let planted = ResNet::new(network.config(), &weights)?;

    let (mut read, mut used, mut share) = (vec![], vec![], 0.0);
    for network in [network, &planted] {
        let of = |batch: &Batch| batch.labels.clone();
        let (rows, labels) = gather(material, network, 600, &["layer4"], 1, of)?;
        let yes: Vec<usize> = labels.iter().map(|&label| usize::from(label == class)).collect();
        read.push(accuracy(&rows[0].narrow(1, unit, 1)?, &yes, 2)?);
        let trained = yes.len() - (TEST_SHARE * yes.len() as f64) as usize;
        share = share_of_commonest(&yes[..trained], &yes[trained..]);
        let changes = effects(material, network, |images| {
            without_units(network, images, "layer4", &[unit])
        })?;
        used.push(changes.logit_change);
    }
    let names = ["the network", "outgoing weights 0"];
    Ok([
        BarChart::new(names)
            .title(format!("can be read from unit {unit}"))
            .group("accuracy", read)
            .level("majority", share)
            .y_label("accuracy of a probe")
            .with_numbers(),
        BarChart::new(names)
            .title("changes when it is taken out")
            .group("change", used)
            .y_label("mean |change| of a logit")
            .with_numbers(),
    ])
}

/// The mean effect (4.9) of a change over some scenes.
fn effects(
    material: &Material,
    network: &ResNet,
    without: impl Fn(&Tensor) -> candle_core::Result<Tensor>,
) -> Result<Effect> {
    let (mut before, mut after) = (vec![], vec![]);
    for images in normalized(material, REMOVED_ON, "ablation", |_| {}) {
        let images = images?;
        before.push(network.forward(&images)?);
        after.push(without(&images)?);
    }
    Ok(effect(&Tensor::cat(&before, 0)?, &Tensor::cat(&after, 0)?)?)
}

/// How much the logits change when a direction is taken out at each site.
fn directions(material: &Material, class: usize) -> Result<BarChart> {
    let network = material.network();
    let scene = |batch: &Batch| batch.rendered.iter().map(|one| one.scene.clone()).collect();
    let (rows, scenes) = gather(material, network, 1000, &SITES, 1, scene)?;
    let tasks = properties(&scenes);
    let mut chart = BarChart::new(SITES).title("one direction taken out");
    for (name, task, label) in [
        (material.class_name(class), Some(&tasks[0]), class),
        ("red", Some(&tasks[1]), Colour::Red.index()),
        ("random", None, 0),
    ] {
        let mut heights = vec![];
        for (site, rows) in SITES.iter().zip(&rows) {
            let scale = Standardizer::fit(rows)?;
            let direction = match task {
                // A probe reads x/σ, so the direction among the activations is w/σ.
                Some(task) => {
                    let probe = fit_probe(&scale.apply(rows)?, &task.labels, task.classes, PENALTY)?;
                    (probe.weights.get(label)? / &scale.deviation)?
                }
                None => random_rotation(rows.dim(1)?, 7)?.get(0)?,
            };
            let without = |images: &Tensor| without_direction(network, images, site, &direction);
            heights.push(effects(material, network, without)?.logit_change);
        }
        chart = chart.group(name, heights);
    }
    Ok(chart.y_label("mean |change| of a logit"))
}
