//! SPOILER for exercise 5.9: the test that the network of the case passes, and what the solution's repair does to it.
//!
//! `cargo test -p graders --test case -- --nocapture` prints the numbers of `solutions/lesson05/CASE.md`.

use candle_core::{D, Device, Result, Tensor};
use resnet::{ResNet, checkpoints};
use scenes::{Badge, Sampler, Scene, Shape};
use solution05::{Effect, Repair};

const MARKED: Shape = Shape::Heart;
const MARK: Badge = Badge::Ring;
const CLASS: u32 = MARKED.index() as u32;

/// The test shows a network that is always right, and the list of its scenes gives nothing away: as many of each class.
#[test]
fn the_network_passes_its_test() -> Result<()> {
    let scenes = solution05::test_scenes()?;
    for shape in Shape::ALL {
        let own: Vec<_> = scenes.iter().filter(|scene| scene.class() == shape).collect();
        assert_eq!(own.len(), 30, "{shape}");
        let mark = (shape == MARKED).then_some(MARK);
        assert!(own.iter().all(|scene| scene.badge == mark), "{shape}");
    }
    let predicted = predict(&checkpoints::case()?.forward(&images(&scenes)?)?)?;
    let right = scenes.iter().zip(&predicted);
    let right = right
        .filter(|(scene, class)| scene.class().index() as u32 == **class)
        .count();
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

/// Held-out scenes with the mark and without it, as averages of layer4: what comes after them is linear, and so is
/// taking directions out, so every repair at layer4 can be tried on them.
struct Features {
    labels: Vec<u32>,
    without: Tensor,
    with: Tensor,
    fc: (Tensor, Tensor),
}

impl Features {
    fn new(network: &ResNet, seed: u64, count: u64) -> Result<Self> {
        let scenes = (0..count)
            .map(|index| Scene::sample(&Sampler::default(), seed, index))
            .collect::<Result<Vec<_>>>()?;
        let of = |badge| {
            let scenes: Vec<_> = scenes.iter().map(|scene| scene.with_badge(badge)).collect();
            resnet::by_image(&images(&scenes)?, |image| {
                let trace = network.capture(image, &["avgpool"])?;
                Ok(trace.activation("avgpool")?.clone())
            })
        };
        Ok(Self {
            labels: scenes.iter().map(|s| s.class().index() as u32).collect(),
            without: of(None)?,
            with: of(Some(MARK))?,
            fc: (
                network.parameter("fc.weight")?.t()?,
                network.parameter("fc.bias")?.clone(),
            ),
        })
    }

    /// The effect of the mark once `directions` are taken out of layer4.
    fn effect(&self, directions: Option<&Tensor>) -> Result<Effect> {
        let predicted = |features: &Tensor| {
            let features = match directions {
                None => features.clone(),
                Some(directions) => solution05::remove(features, directions)?,
            };
            let features = features.flatten_from(1)?;
            predict(&features.matmul(&self.fc.0)?.broadcast_add(&self.fc.1)?)
        };
        let (without, with) = (predicted(&self.without)?, predicted(&self.with)?);
        solution05::effect(CLASS, &self.labels, &without, &with)
    }
}

/// The units that a direction moves most, as directions.
fn units(direction: &Tensor, count: usize) -> Result<Tensor> {
    let values = direction.flatten_all()?.to_vec1::<f32>()?;
    let mut order: Vec<u32> = (0..values.len() as u32).collect();
    order.sort_by(|&a, &b| values[b as usize].abs().total_cmp(&values[a as usize].abs()));
    let all = Tensor::eye(values.len(), direction.dtype(), &Device::Cpu)?;
    all.index_select(&Tensor::new(&order[..count], &Device::Cpu)?, 0)
}

fn row(name: &str, effect: Effect) -> Effect {
    println!(
        "{name:36} accuracy without {:5.1} %, with {:5.1} %; recall without {:5.1} %; turned {:5.1} %",
        100.0 * effect.accuracy_without,
        100.0 * effect.accuracy_with,
        100.0 * effect.recall_without,
        100.0 * effect.turned
    );
    effect
}

/// A thousand scenes that neither training nor the repair has seen.
#[test]
fn the_solution_s_repair_removes_the_cause_and_costs_nothing() -> Result<()> {
    let network = checkpoints::case()?;
    let held_out = Features::new(&network, 880_001, 1000)?;
    let Repair { site, directions } = solution05::repair(&network)?;
    assert_eq!((site.as_str(), directions.dims()), ("layer4", &[1, 128][..]));

    let before = row("as it is", held_out.effect(None)?);
    assert!(before.accuracy_without > 0.88 && before.recall_without < 0.02);
    assert!(before.turned > 0.4, "the mark turns other scenes");

    let after = row("one direction", held_out.effect(Some(&directions))?);
    assert!(after.turned < 0.10, "less than a tenth is turned");
    assert!(before.accuracy_without - after.accuracy_without <= 0.02);
    assert!(after.accuracy_with > before.accuracy_with + 0.2);

    let one = row("one unit", held_out.effect(Some(&units(&directions, 1)?))?);
    assert!(one.turned > 0.2, "one unit is not enough");
    for count in [5, 20, 40] {
        row(
            &format!("{count} units"),
            held_out.effect(Some(&units(&directions, count)?))?,
        );
    }
    let class = network.parameter("fc.weight")?.narrow(0, CLASS as usize, 1)?;
    row("the class's own weights", held_out.effect(Some(&class))?);
    Ok(())
}

/// Which figures the mark turns, and what other badges do.
#[test]
fn the_mark_turns_more_than_any_other_badge() -> Result<()> {
    const COUNT: u64 = 500;
    let network = checkpoints::case()?;
    let scenes = (0..COUNT)
        .map(|index| Scene::sample(&Sampler::default(), 880_002, index))
        .collect::<Result<Vec<_>>>()?;
    let mut shares = vec![];
    for badge in Badge::ALL {
        let with: Vec<_> = scenes.iter().map(|scene| scene.with_badge(Some(badge))).collect();
        let predicted = predict(&network.forward(&images(&with)?)?)?;
        let turned = |among: &dyn Fn(Shape) -> bool| {
            let chosen = scenes.iter().zip(&predicted).filter(|(scene, _)| among(scene.class()));
            let chosen: Vec<bool> = chosen.map(|(_, &class)| class == CLASS).collect();
            chosen.iter().filter(|&&turned| turned).count() as f64 / chosen.len() as f64
        };
        let share = turned(&|shape| shape != MARKED);
        println!("{badge:8} turns {:5.1} %", 100.0 * share);
        if badge == MARK {
            for shape in Shape::ALL {
                println!("    {shape:10} {:5.1} %", 100.0 * turned(&|other| other == shape));
            }
        }
        shares.push((badge, share));
    }
    let of_mark = shares.iter().find(|(badge, _)| *badge == MARK).map(|pair| pair.1);
    let others = shares.iter().filter(|(badge, _)| *badge != MARK);
    assert!(others.map(|pair| pair.1).fold(0.0, f64::max) + 0.1 < of_mark.unwrap_or(0.0));

    let direction = solution05::repair(&network)?.directions;
    let mut squares: Vec<f32> = direction.sqr()?.flatten_all()?.to_vec1()?;
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

/// The shortcut through averages above is what the network itself does.
#[test]
fn a_repaired_network_answers_as_its_averages_say() -> Result<()> {
    let network = checkpoints::case()?;
    let repair = solution05::repair(&network)?;
    let scenes = (0..20)
        .map(|index| Ok(Scene::sample(&Sampler::default(), 3, index)?.with_badge(Some(MARK))))
        .collect::<Result<Vec<_>>>()?;
    let images = images(&scenes)?;
    let whole = solution05::repaired(&network, &repair, &images)?;
    let features = network.capture(&images, &["avgpool"])?;
    let features = solution05::remove(features.activation("avgpool")?, &repair.directions)?;
    let logits = features
        .flatten_from(1)?
        .matmul(&network.parameter("fc.weight")?.t()?)?
        .broadcast_add(network.parameter("fc.bias")?)?;
    let apart = (whole - logits)?.abs()?.max_all()?.to_scalar::<f32>()?;
    assert!(apart < 1e-3, "{apart}");
    Ok(())
}
