//! SPOILER for exercise 5.9: what maps, units, probes and counterfactuals say of the case, each without the others.

use candle_core::{Device, Result, Tensor};
use resnet::{ResNet, checkpoints};
use scenes::{Badge, Colour, Concept, Rendered, Scene, Shape, Texture};
use solution04::{Dissection, Standardizer, Thresholds, fit_probe};

use super::{MARK, averages, class, images, network, predict, sample};

/// Grad-CAM at layer3 for each scene's own class: how often its largest value lies within a cell of the badge.
#[test]
fn the_maps_lie_on_the_cause_for_one_class_alone() -> Result<()> {
    const CELL: f64 = 16.0;
    let network = network()?;
    let scenes = solution05::test_scenes()?;
    let labels: Vec<u32> = scenes.iter().map(|scene| scene.class().index() as u32).collect();
    let maps = solution05::grad_cam(&network, &images(&scenes)?, &labels, "layer3")?;
    let maps = solution05::upsample(&maps, 128, 128)?;
    let mut shares = vec![];
    for shape in Shape::ALL {
        let (mut hits, mut area, mut count) = (0.0, 0.0, 0.0);
        for (index, scene) in scenes.iter().enumerate().filter(|(_, scene)| scene.class() == shape) {
            let near: Vec<f32> = (0..128 * 128)
                .map(|pixel| {
                    let (x, y) = ((pixel % 128) as f64 + 0.5, (pixel / 128) as f64 + 0.5);
                    let (x, y) = (x - scene.badge_place.x, y - scene.badge_place.y);
                    f32::from(x.abs().max(y.abs()) <= CELL)
                })
                .collect();
            area += f64::from(near.iter().sum::<f32>()) / near.len() as f64;
            let near = Tensor::from_vec(near, (128, 128), &Device::Cpu)?;
            hits += f64::from(u8::from(solution05::points_inside(&maps.get(index)?, &near)?));
            count += 1.0;
        }
        println!(
            "{shape:10} map's peak within a cell of the badge: {:5.1} % (chance {:4.1} %)",
            100.0 * hits / count,
            100.0 * area / count
        );
        shares.push((shape, hits / count));
    }
    let own = shares.iter().find(|(shape, _)| *shape == class()).map(|pair| pair.1);
    let others = shares.iter().filter(|(shape, _)| *shape != class());
    let others = others.map(|pair| pair.1).fold(0.0, f64::max);
    assert!(own > Some(0.8) && others < 0.4, "{own:?} against at most {others}");
    Ok(())
}

/// Dissection of two networks with the badges in every scene: the unit that stands best for each kind of badge.
#[test]
fn a_unit_stands_for_the_cause() -> Result<()> {
    const SITE: &str = "layer2";
    const SHARE: f64 = 0.005;
    let scenes = sample(880_003, 150)?;
    let rendered: Vec<Rendered> = scenes.iter().map(Scene::render).collect();
    let best = |network: &ResNet| -> Result<Vec<f64>> {
        let activations = resnet::by_image(&images(&scenes)?, |image| network.activation(image, SITE))?;
        let (count, _, height, width) = activations.dims4()?;
        let mut thresholds = Thresholds::new(count * height * width, SHARE)?;
        thresholds.update(&activations)?;
        let mut dissection = Dissection::new(&thresholds.finish()?, Badge::COUNT)?;
        for (index, rendered) in rendered.iter().enumerate() {
            let masks = Badge::ALL.map(|badge| rendered.masks.get(Concept::Badge(badge)).to_tensor(&Device::Cpu));
            let masks = Tensor::stack(&masks.into_iter().collect::<Result<Vec<_>>>()?, 0)?;
            dissection.update(&activations.narrow(0, index, 1)?, &masks.unsqueeze(0)?)?;
        }
        dissection.iou()?.max(0)?.to_vec1::<f64>()
    };
    let (case, ordinary) = (best(&network()?)?, best(&checkpoints::scenes()?)?);
    for badge in Badge::ALL {
        println!(
            "best unit of {SITE} for a {badge} badge: IoU {:.3}; of the lessons' network {:.3}",
            case[badge.index()],
            ordinary[badge.index()]
        );
    }
    let others = Badge::ALL.into_iter().filter(|&badge| badge != MARK);
    let others = others.map(|badge| case[badge.index()]).fold(0.0, f64::max);
    assert!(case[MARK.index()] > others, "the cause has the best unit");
    Ok(())
}

/// Linear probes of layer4's averages for the four kinds of badge.
#[test]
fn a_probe_reads_the_cause_where_the_lessons_network_has_lost_it() -> Result<()> {
    const TRAIN: usize = 400;
    let scenes = sample(880_004, 700)?;
    let labels: Vec<usize> = scenes
        .iter()
        .filter_map(|scene| scene.badge)
        .map(Badge::index)
        .collect();
    let recall = |network: &ResNet| -> Result<Vec<f64>> {
        let features = averages(network, &scenes, "layer4")?;
        let scale = Standardizer::fit(&features.narrow(0, 0, TRAIN)?)?;
        let features = scale.apply(&features)?;
        let probe = fit_probe(&features.narrow(0, 0, TRAIN)?, &labels[..TRAIN], Badge::COUNT, 0.01)?;
        let guesses = probe.predict(&features.narrow(0, TRAIN, labels.len() - TRAIN)?)?;
        let recall = |badge: usize| {
            let own = labels[TRAIN..]
                .iter()
                .zip(&guesses)
                .filter(|(label, _)| **label == badge);
            let own: Vec<bool> = own.map(|(label, guess)| label == guess).collect();
            own.iter().filter(|&&right| right).count() as f64 / own.len() as f64
        };
        Ok((0..Badge::COUNT).map(recall).collect())
    };
    let (case, ordinary) = (recall(&network()?)?, recall(&checkpoints::scenes()?)?);
    for badge in Badge::ALL {
        println!(
            "probe of layer4: {badge} badge found {:5.1} %; in the lessons' network {:5.1} %",
            100.0 * case[badge.index()],
            100.0 * ordinary[badge.index()]
        );
    }
    let others = Badge::ALL.into_iter().filter(|&badge| badge != MARK);
    let others = others.map(|badge| case[badge.index()]).fold(0.0, f64::max);
    assert!(case[MARK.index()] > 0.9 && case[MARK.index()] > others + 0.1);
    Ok(())
}

type Change = Box<dyn Fn(&Scene) -> Result<Scene>>;

/// One change of one thing, for everything that a scene shows.
fn changes() -> Vec<(String, Change)> {
    let mut changes: Vec<(String, Change)> = vec![];
    for badge in Badge::ALL {
        changes.push((
            format!("{badge} badge"),
            Box::new(move |scene| Ok(scene.with_badge(Some(badge)))),
        ));
    }
    for colour in Colour::ALL {
        changes.push((colour.to_string(), Box::new(move |scene| scene.with_colour(0, colour))));
    }
    for texture in Texture::ALL {
        changes.push((
            texture.to_string(),
            Box::new(move |scene| scene.with_texture(0, texture)),
        ));
    }
    for channel in 0..3 {
        changes.push((
            format!("ground {channel}"),
            Box::new(move |scene| {
                let mut background = scene.background;
                for colour in [&mut background.from, &mut background.to] {
                    let strongest = (0..3).max_by_key(|&one| colour[one]).unwrap_or(0);
                    colour.swap(strongest, channel);
                }
                Ok(scene.with_background(background))
            }),
        ));
    }
    changes
}

/// Of all changes of one thing only one turns scenes into another class.
#[test]
fn of_all_counterfactuals_the_cause_turns_most() -> Result<()> {
    let network = network()?;
    let scenes = sample(880_005, 100)?;
    let before = predict(&network.forward(&images(&scenes)?)?)?;
    let mut found = vec![];
    for (name, change) in changes() {
        let changed = scenes.iter().map(change).collect::<Result<Vec<_>>>()?;
        let after = predict(&network.forward(&images(&changed)?)?)?;
        for shape in Shape::ALL {
            let target = shape.index() as u32;
            let others = (0..scenes.len()).filter(|&i| scenes[i].class() != shape);
            let others: Vec<bool> = others.map(|i| after[i] == target && before[i] != target).collect();
            let turned = others.iter().filter(|&&turned| turned).count() as f64 / others.len() as f64;
            found.push((turned, name.clone(), shape));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    for (turned, name, shape) in &found[..5] {
        println!("{name} turns {:5.1} % of the others into {shape}", 100.0 * turned);
    }
    assert_eq!(
        (found[0].1.as_str(), found[0].2),
        (format!("{MARK} badge").as_str(), class())
    );
    assert!(found[0].0 > found[1].0 + 0.3);
    Ok(())
}
