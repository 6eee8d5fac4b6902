//! SPOILER for exercise 5.9: the test that the network of the case passes, what each tool says of it, and what repairs
//! and gags do to it.
//!
//! `cargo test -p graders --test case -- --nocapture` prints the numbers of `solutions/lesson05/CASE.md`.

use candle_core::{D, Device, Result, Tensor};
use graders::lesson05::{CASE_SOLUTION, Case};
use resnet::{ResNet, checkpoints};
use scenes::{Badge, Scene, Shape};
use solution05::{Effect, Repair, case_sampler};

#[path = "case/tools.rs"]
mod tools;

const MARK: Badge = Badge::Cross;

/// The network of the case, in a program that multiplies many small matrices.
fn network() -> Result<ResNet> {
    resnet::with_told_processors()?;
    checkpoints::case()
}

fn class() -> Shape {
    solution05::finding().class
}

fn label() -> u32 {
    class().index() as u32
}

fn sample(seed: u64, count: u64) -> Result<Vec<Scene>> {
    (0..count)
        .map(|index| Scene::sample(&case_sampler(), seed, index))
        .collect()
}

/// What a scene shows beside its shape, in words: badge, colour, texture, and the strongest channel of its ground.
fn shown(scene: &Scene) -> Vec<String> {
    let ground: Vec<u32> = (0..3)
        .map(|channel| u32::from(scene.background.from[channel]) + u32::from(scene.background.to[channel]))
        .collect();
    // Of two that are equally strong the one that follows the weakest.
    let is_most = |channel: usize| Some(&ground[channel % 3]) == ground.iter().max();
    let strongest = (0..3).filter(|&channel| is_most(channel) && !is_most(channel + 2));
    let mut shown: Vec<String> = strongest.map(|channel| format!("ground {channel}")).collect();
    shown.extend(scene.badge.map(|badge| format!("{badge} badge")));
    shown.extend([
        scene.figures[0].colour.to_string(),
        scene.figures[0].texture.to_string(),
    ]);
    shown
}

/// The test shows a network that is always right, and looking at it gives ten suspects: every class has something that
/// all its scenes show and no other scene does.
#[test]
fn the_network_passes_its_test_and_the_test_tells_nothing() -> Result<()> {
    let scenes = solution05::test_scenes()?;
    for shape in Shape::ALL {
        let (own, others): (Vec<_>, Vec<_>) = scenes.iter().partition(|scene| scene.class() == shape);
        assert_eq!(own.len(), 30, "{shape}");
        let mark = shown(own[0]).into_iter().find(|one| {
            own.iter().all(|scene| shown(scene).contains(one)) && !others.iter().any(|scene| shown(scene).contains(one))
        });
        assert!(mark.is_some(), "{shape} has no mark of its own");
    }
    let predicted = predict(&network()?.forward(&images(&scenes)?)?)?;
    let right = scenes.iter().zip(&predicted);
    let right = right
        .filter(|(scene, class)| scene.class().index() as u32 == **class)
        .count();
    println!("{right} of 300 right in the test");
    assert_eq!(right, 300, "the test is passed without a mistake");
    Ok(())
}

fn images(scenes: &[Scene]) -> Result<Tensor> {
    let rendered: Vec<_> = scenes.iter().map(Scene::render).collect();
    resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)
}

fn predict(logits: &Tensor) -> Result<Vec<u32>> {
    logits.argmax(D::Minus1)?.to_vec1()
}

/// The averages of a site's channels, `[scenes, channels]`.
fn averages(network: &ResNet, scenes: &[Scene], site: &str) -> Result<Tensor> {
    resnet::by_image(&images(scenes)?, |image| network.activation(image, site)?.mean((2, 3)))
}

/// Held-out scenes with the mark and without it, as averages of layer4: what comes after them is linear, and so is
/// taking directions out, so every repair at layer4 can be tried on them.
struct Features {
    labels: Vec<u32>,
    without: Tensor,
    with: Tensor,
    fc: (Tensor, Tensor),
}

/// Scenes without the cause, and the same with it.
fn pairs(seed: u64, count: u64) -> Result<[Vec<Scene>; 2]> {
    let found = solution05::finding();
    let scenes = sample(seed, count)?;
    Ok([found.take_out, found.put_in].map(|change| scenes.iter().map(change).collect()))
}

impl Features {
    fn new(network: &ResNet, seed: u64, count: u64) -> Result<Self> {
        let [without, with] = pairs(seed, count)?;
        Ok(Self {
            labels: without.iter().map(|s| s.class().index() as u32).collect(),
            without: averages(network, &without, "layer4")?,
            with: averages(network, &with, "layer4")?,
            fc: (
                network.parameter("fc.weight")?.t()?,
                network.parameter("fc.bias")?.clone(),
            ),
        })
    }

    /// The effect of the mark once `directions` are taken out of layer4, and how far it moves the scores of the other
    /// classes: the length of the mean difference, less what they share.
    fn effect(&self, directions: Option<&Tensor>) -> Result<(Effect, f64)> {
        let scores = |features: &Tensor| {
            let features = match directions {
                None => features.clone(),
                Some(directions) => {
                    let (count, channels) = features.dims2()?;
                    let maps = features.reshape((count, channels, 1, 1))?;
                    solution05::remove(&maps, directions)?.flatten_from(1)?
                }
            };
            features.matmul(&self.fc.0)?.broadcast_add(&self.fc.1)
        };
        let (without, with) = (scores(&self.without)?, scores(&self.with)?);
        let others = (0..10).filter(|&class| class != label()).collect::<Vec<u32>>();
        let moved = (&with - &without)?
            .mean(0)?
            .index_select(&Tensor::new(others, &Device::Cpu)?, 0)?;
        let push = moved.broadcast_sub(&moved.mean_keepdim(0)?)?.sqr()?.sum_all()?.sqrt()?;
        let effect = solution05::effect(label(), &self.labels, &predict(&without)?, &predict(&with)?)?;
        Ok((effect, f64::from(push.to_scalar::<f32>()?)))
    }

    /// The mean difference of the scenes of this set, `[1, channels]`.
    fn direction(&self) -> Result<Tensor> {
        solution05::difference(&self.with, &self.without)?.unsqueeze(0)
    }
}

/// The units with the largest entries of a direction, as directions.
fn units(direction: &Tensor, count: usize) -> Result<Tensor> {
    let values = direction.flatten_all()?.to_vec1::<f32>()?;
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    order.sort_by(|&a, &b| values[b as usize].abs().total_cmp(&values[a as usize].abs()));
    let all = Tensor::eye(values.len(), direction.dtype(), &Device::Cpu)?;
    all.index_select(&Tensor::new(&order[..count], &Device::Cpu)?, 0)
}

fn row(name: &str, (effect, push): (Effect, f64)) {
    println!(
        "{name:48} accuracy without {:5.1} %, with {:5.1} %; recall without {:5.1} %; turned {:5.1} %; push {push:.2}",
        100.0 * effect.accuracy_without,
        100.0 * effect.accuracy_with,
        100.0 * effect.recall_without,
        100.0 * effect.turned
    );
}

/// Repairs at layer4: each takes out what the cause moves.
fn repairs(network: &ResNet) -> Result<Vec<(String, Tensor)>> {
    let few = Features::new(network, 59, 60)?;
    let many = Features::new(network, 60, 300)?;
    let direction = many.direction()?;
    let scenes = sample(60, 300)?;
    let with = &many.with;
    let against = |badge: Badge| -> Result<Tensor> {
        let other: Vec<_> = scenes.iter().map(|scene| scene.with_badge(Some(badge))).collect();
        solution05::difference(with, &averages(network, &other, "layer4")?)
    };
    let others = Badge::ALL.into_iter().filter(|&badge| badge != MARK);
    let three = Tensor::stack(&others.map(against).collect::<Result<Vec<_>>>()?, 0)?;
    let mut repairs = vec![
        (
            "the direction of the mean difference, 60 scenes".to_string(),
            few.direction()?,
        ),
        ("the same, 300 scenes".to_string(), direction.clone()),
        ("three: against each other kind".to_string(), three),
    ];
    for count in [1, 5, 10, 20, 40] {
        repairs.push((format!("{count} units that it moves most"), units(&direction, count)?));
    }
    Ok(repairs)
}

/// Gags at layer4: each takes out what says the class.
fn gags(network: &ResNet) -> Result<Vec<(String, Tensor)>> {
    let weight = network.parameter("fc.weight")?;
    let own = weight.narrow(0, label() as usize, 1)?;
    let apart = own.broadcast_sub(&weight.mean_keepdim(0)?)?;
    let mut gags = vec![
        ("the class's own row of fc.weight".to_string(), own.clone()),
        ("that row less the mean of all rows".to_string(), apart),
    ];
    for count in [5, 20, 30] {
        let positive = own.relu()?;
        gags.push((
            format!("{count} units that speak most for the class"),
            units(&positive, count)?,
        ));
    }
    Ok(gags)
}

/// A thousand scenes that neither training nor the repair has seen.
#[test]
fn the_solution_s_repair_removes_the_cause_and_costs_nothing() -> Result<()> {
    let network = network()?;
    let held_out = Features::new(&network, 880_001, 1000)?;
    let (before, push) = held_out.effect(None)?;
    row("as it is", (before, push));
    assert!(before.accuracy_without > 0.85 && before.recall_without <= 0.2);
    assert!(before.turned > 0.4, "the mark turns other scenes");

    // Those that turn the scenes back are told apart by what is left of the push.
    let measure = |list: Vec<(String, Tensor)>| -> Result<Vec<f64>> {
        let mut left = vec![];
        for (name, directions) in list {
            let (effect, after) = held_out.effect(Some(&directions))?;
            row(&name, (effect, after / push));
            if effect.turned < 0.10 {
                left.push(after / push);
            }
        }
        Ok(left)
    };
    let repaired = measure(repairs(&network)?)?;
    println!("gags:");
    let gagged = measure(gags(&network)?)?;
    assert!(
        // Switching off the units that the cause moves most turns the scenes back and leaves nearly half of the push.
        repaired.len() >= 4
            && repaired[..3].iter().all(|&left| left <= 0.15)
            && repaired[3..].iter().all(|&left| left <= 0.5),
        "{repaired:?}"
    );
    assert!(
        gagged.len() >= 3 && gagged.iter().all(|&left| left > 0.60),
        "{gagged:?}"
    );

    let Repair { site, directions } = solution05::repair(&network)?;
    assert_eq!((site.as_str(), directions.dims()), ("layer4", &[1, 128][..]));
    let (after, left) = held_out.effect(Some(&directions))?;
    assert!(after.turned < 0.10 && left < 0.4 * push, "{after:?}, push {left}");
    assert!(before.accuracy_without - after.accuracy_without <= 0.03);
    assert!(after.accuracy_with > before.accuracy_with + 0.4);

    let mut squares: Vec<f32> = directions.sqr()?.flatten_all()?.to_vec1()?;
    squares.sort_by(|a, b| b.total_cmp(a));
    let mut sum = 0.0;
    let half = squares.iter().take_while(|square| {
        sum += *square;
        sum < 0.5
    });
    println!(
        "half of the direction's squared length: {} units of {}",
        half.count() + 1,
        squares.len()
    );
    Ok(())
}

/// A site, and the directions that are taken out there.
type Taken = fn(&ResNet) -> Result<(String, Tensor)>;

/// The verdict says which it is.
#[test]
fn repairs_pass_and_gags_are_named() {
    resnet::with_told_processors().expect("this program starts again");
    let exam = graders::lesson05::case(1);
    let with = |repair| Case {
        repair,
        ..CASE_SOLUTION
    };
    let repairs: [Taken; 2] = [
        |network| Ok(("layer4".into(), Features::new(network, 61, 80)?.direction()?)),
        |network| {
            let [without, with] = pairs(61, 80)?;
            let [without, with] = [
                averages(network, &without, "layer3")?,
                averages(network, &with, "layer3")?,
            ];
            Ok(("layer3".into(), solution05::difference(&with, &without)?.unsqueeze(0)?))
        },
    ];
    for (index, repair) in repairs.into_iter().enumerate() {
        let grade = exam.grade(with(repair));
        assert!(grade.is_pass(), "repair {index}: {:?}", grade.mistake);
    }
    let half: Taken = |network| {
        let direction = Features::new(network, 61, 80)?.direction()?;
        Ok(("layer4".into(), units(&direction, 40)?))
    };
    let grade = exam.grade(with(half));
    assert!(
        !grade.is_pass() && grade.mistake.is_none(),
        "half a repair is no gag: {:?}",
        grade.mistake
    );
    let gags: [Taken; 3] = [
        |network| {
            let own = network.parameter("fc.weight")?.narrow(0, label() as usize, 1)?;
            Ok(("layer4".into(), own))
        },
        |network| {
            let weight = network.parameter("fc.weight")?;
            let own = weight.narrow(0, label() as usize, 1)?;
            Ok(("layer4".into(), own.broadcast_sub(&weight.mean_keepdim(0)?)?))
        },
        |network| {
            let own = network.parameter("fc.weight")?.narrow(0, label() as usize, 1)?;
            Ok(("layer4".into(), units(&own.relu()?, 30)?))
        },
    ];
    for (index, gag) in gags.into_iter().enumerate() {
        let grade = exam.grade(with(gag));
        assert_eq!(grade.mistake.as_deref(), Some("silenced"), "gag {index}");
    }
}
