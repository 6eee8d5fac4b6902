//! What 4.10 is asked for.

use candle_core::{Device, Result, Tensor};
use resnet::{Config, ResNet, Stem, parameters};
use scenes::{Badge, Canvas, Colour, Sampler, Scene, Shape, Texture};

use super::Tuning;
use super::answer::{COLOUR, SHAPE, TEXTURE};
use crate::Hazard::*;
use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Observed, Tolerance};

/// Small scenes, of unequal shapes and colours. In a few the figure leaves no room for a badge; they are passed over.
fn small_scenes(seed: u64, count: usize) -> Vec<Scene> {
    let sampler = Sampler {
        canvas: Canvas { width: 44, height: 36 },
        radius: (6.0, 9.0),
        badge_probability: 0.0,
        ..Sampler::default()
    };
    let all = (0..100).filter_map(|number| Scene::sample(&sampler, seed, number).ok());
    all.take(count)
        .map(|scene| scene.with_badge(Some(Badge::Square)))
        .collect()
}

/// A network whose relu has a unit for red (0), one for blue (1), and one that is always at 1 (2).
fn planted() -> Result<ResNet> {
    let config = Config::resnet18().width(4).classes(2).stem(Stem::Cifar);
    let mut weights = parameters::initialize(&config, 0)?;
    // One channel against the two others, at the pixel itself; nothing for the others.
    let weight = |out: usize, channel: usize, place: usize| match (out, place) {
        (0 | 1, 4) if channel == 2 * out => 1.0,
        (0 | 1, 4) => -1.0f32,
        _ => 0.0,
    };
    let values = (0..4 * 3 * 9).map(|n| weight(n / 27, n / 9 % 3, n % 9)).collect();
    let conv1 = Tensor::from_vec(values, (4, 3, 3, 3), &Device::Cpu)?;
    weights.insert("conv1.weight".into(), conv1);
    weights.insert("bn1.bias".into(), tensor(&[0.0, 0.0, 1.0, 0.0], 4));
    ResNet::new(&config, &weights)
}

/// Per variant: the value of the factor, and whether anything else differs from the scene.
fn observe(scene: &Scene, factor: usize, variants: Result<Vec<Scene>>) -> Result<Observed> {
    let variants = variants?;
    let value = |one: &Scene| match factor {
        SHAPE => one.figures[0].shape.index(),
        COLOUR => one.figures[0].colour.index(),
        _ => one.figures[0].texture.index(),
    };
    let back = |one: &Scene| match factor {
        SHAPE => one.with_shape(0, scene.figures[0].shape),
        COLOUR => one.with_colour(0, scene.figures[0].colour),
        _ => one.with_texture(0, scene.figures[0].texture),
    };
    let same = |one: &Scene| Ok::<_, candle_core::Error>(back(one)? == *scene);
    let same = variants.iter().map(same).collect::<Result<Vec<_>>>()?;
    Ok(Observed::fields([
        ("values", Observed::from(variants.iter().map(value).collect::<Vec<_>>())),
        ("nothing else differs", Observed::from(same.iter().all(|same| *same))),
    ]))
}

/// What must come out of a factor with `count` values.
fn in_order_of_all(count: usize) -> Observed {
    Observed::fields([
        ("values", Observed::from((0..count).collect::<Vec<_>>())),
        ("nothing else differs", Observed::from(true)),
    ])
}

/// Variants, and what units answer to them.
pub(super) fn on_scenes(seed: u64, exam: Exam<Tuning>) -> Exam<Tuning> {
    let network = planted().expect("a small network");
    let config = Config::resnet18().width(4).classes(3);
    let other = ResNet::untrained(&config, seed).expect("a small network");
    let pairs = Sampler::two_figures();
    let pair = (0..100).find_map(|number| Scene::sample(&pairs, seed, number).ok());
    let pair = pair.expect("two figures find room in some scene").with_badge(None);
    let other_colour = Colour::ALL[(pair.figures[0].colour.index() + 3) % Colour::COUNT];
    let pair = pair.with_colour(1, other_colour).expect("a colour takes no room");
    exam.given((small_scenes(seed, 5), network, other, pair), |on| {
        on.part("counterfactuals")
            .truth(
                "the shapes of a scene",
                in_order_of_all(Shape::COUNT),
                |f, (scenes, ..)| observe(&scenes[0], SHAPE, (f.counterfactuals)(&scenes[0], SHAPE)),
            )
            .because(
                "Ten scenes in the order of Shape::ALL, and nothing but the shape differs: texture, turn and badge \
                 stay.",
            )
            .truth(
                "the colours of another",
                in_order_of_all(Colour::COUNT),
                |f, (scenes, ..)| observe(&scenes[1], COLOUR, (f.counterfactuals)(&scenes[1], COLOUR)),
            )
            .because("Factor::Colour: eight scenes in the order of Colour::ALL.")
            .truth(
                "the textures of a third",
                in_order_of_all(Texture::COUNT),
                |f, (scenes, ..)| observe(&scenes[2], TEXTURE, (f.counterfactuals)(&scenes[2], TEXTURE)),
            )
            .because("Factor::Texture: six scenes in the order of Texture::ALL.")
            .truth(
                "the colours of the first of two figures",
                in_order_of_all(Colour::COUNT),
                |f, (.., pair)| observe(pair, COLOUR, (f.counterfactuals)(pair, COLOUR)),
            )
            .because("The values are those of figure 0, and figure 1 stays as it is.")
            .truth(
                "the same: colours of the second figure",
                vec![other_colour.index(); Colour::COUNT],
                |f, (.., pair)| -> Result<Vec<usize>> {
                    let second = |one: &Scene| one.figures.get(1).map_or(99, |figure| figure.colour.index());
                    Ok((f.counterfactuals)(pair, COLOUR)?.iter().map(second).collect())
                },
            )
            .because("Figure 1 stays as it is, whatever the colour of figure 0.")
            .part("responses")
            .truth(
                "a unit that is always at 1, two scenes in eight colours",
                tensor(&[1.0; 16], (2, 8)),
                |f, (s, n, ..)| (f.responses)(n, "relu", 2, &s[..2], COLOUR),
            )
            .because("A factor that the unit cannot see gives a flat curve.")
            .truth(
                "a unit for red and one for blue: the best colour of four scenes",
                vec![Colour::Red.index(), Colour::Blue.index()],
                |f, (s, n, ..)| {
                    let best = |unit: usize| -> Result<usize> {
                        let sums = (f.responses)(n, "relu", unit, &s[..4], COLOUR)?
                            .sum(0)?
                            .to_vec1::<f32>()?;
                        Ok((0..sums.len()).fold(0, |best, i| if sums[i] > sums[best] { i } else { best }))
                    };
                    Ok::<_, candle_core::Error>(vec![best(0)?, best(1)?])
                },
            )
            .because("The units were planted: one channel against the two others.")
            .case(
                "layer1 of a random network, unit 3, two scenes in ten shapes",
                |f, (s, _, n, _)| (f.responses)(n, "layer1", 3, &s[..2], SHAPE),
            )
            .within(Tolerance::relative(1e-3))
            .because("Each scene has a row of its own; its variants are normalized once, by resnet::normalize.")
            .case(
                "bn1 of the same, unit 1, whose map has both signs, two scenes in eight colours",
                |f, (s, _, n, _)| (f.responses)(n, "bn1", 1, &s[..2], COLOUR),
            )
            .within(Tolerance::relative(1e-3))
            .because("The mean of the map as it is. What is below 0 counts against what is above.")
            .holds(Sign)
            .case(
                "layer1.0.relu of the same, unit 0, five scenes in six textures",
                |f, (s, _, n, _)| (f.responses)(n, "layer1.0.relu", 0, s, TEXTURE),
            )
            .within(Tolerance::relative(1e-3))
            .holds(Names)
            .case("a single scene in six textures: a table of one row", |f, (s, n, ..)| {
                (f.responses)(n, "relu", 0, &s[..1], TEXTURE)
            })
            .within(Tolerance::relative(1e-3))
            .because("[scenes, values], also of one scene.")
            .refuses("no scene", |f, (_, n, ..)| (f.responses)(n, "relu", 0, &[], SHAPE))
    })
}

/// Curves and indices of tables.
pub(super) fn numbers(seed: u64, exam: Exam<Tuning>) -> Exam<Tuning> {
    let mut random = Random::new(seed, 410);
    let table = random.between(0.0, 4.0, (7, 5));
    let means: Vec<f64> = random
        .between(0.0, 2.0, 6)
        .to_vec1::<f32>()
        .expect("numbers")
        .iter()
        .map(|&x| (f64::from(x) * 100.0).round() / 100.0)
        .collect();
    let listed: Vec<String> = means.iter().map(|mean| format!("{mean:.2}")).collect();
    exam.part("tuning_curve")
        .truth(
            "two scenes: (1, 4) and (3, 4)",
            (vec![2.0, 4.0], vec![1.96, 0.0]),
            |f| (f.curve)(&tensor(&[1., 4., 3., 4.], (2, 2))),
        )
        .because("Mean 2, deviation √2 with n − 1 = 1, and √2/√2 = 1; the second column does not vary.")
        .truth(
            "two scenes: (0, −1) and (2, −3)",
            (vec![1.0, -2.0], vec![1.96, 1.96]),
            |f| (f.curve)(&tensor(&[0., -1., 2., -3.], (2, 2))),
        )
        .because("Before a ReLU a mean may lie below 0, and an interval may reach beyond it.")
        .given(table, |on| {
            on.case("seven random scenes, five values", |f, table| (f.curve)(table))
                .because("The mean of each column and 1.96·s/√n of it, n = 7 scenes.")
                .case("the same in a transposed tensor", |f, table| (f.curve)(&askew(table)))
                .holds(NotContiguous)
                .case("the same, 10⁻¹² as strong", |f, table| (f.curve)(&(table * 1e-12)?))
                .because("Means and intervals are smaller by as much: nothing is rounded or added.")
                .holds(Scale)
                .case("the same, and 10,000 more", |f, table| (f.curve)(&(table + 1e4)?))
                .within(Tolerance::relative(1e-4))
                .because(
                    "The level does not matter. Subtract the mean before you square: a difference of large squares \
                     loses \
                     the spread.",
                )
                .holds(Scale)
        })
        .part("tuning_index")
        .truth("means 3, 2, 0", 0.5, |f| (f.index)(&[3.0, 2.0, 0.0]))
        .because("The mean of the others is 1: (3 − 1) / (3 + 1).")
        .truth("means 0, 0, 2, 0", 1.0, |f| (f.index)(&[0.0, 0.0, 2.0, 0.0]))
        .because("Nothing but one value drives the unit.")
        .truth("means 5, 5", 0.0, |f| (f.index)(&[5.0, 5.0]))
        .because("One 5 is the best, the other 5 is the mean of the others: they are equal.")
        .holds(Ties)
        .truth("means 1, 5, 3", 3.0 / 7.0, |f| (f.index)(&[1.0, 5.0, 3.0]))
        .because("5 is the best, wherever it stands; the others are 2 on average: (5 − 2) / (5 + 2).")
        .truth("means 4, 4, 1", 1.5 / 6.5, |f| (f.index)(&[4.0, 4.0, 1.0]))
        .because("One 4 is the best; the others are 4 and 1, on average 2.5.")
        .holds(Ties)
        .truth("means 0, 0, 0", 0.0, |f| (f.index)(&[0.0; 3]))
        .because("A unit that answers to nothing is selective for nothing.")
        .truth("means 3·10⁻⁹, 2·10⁻⁹, 0", 0.5, |f| {
            (f.index)(&[3e-9, 2e-9, 0.0])
        })
        .because("As for 3, 2, 0: nothing is added below the line.")
        .holds(Scale)
        .case(format!("means {}", listed.join(", ")), move |f| (f.index)(&means))
        .because("The largest of them, wherever it stands, against the mean of all others.")
}

/// What chance gives: its properties, since every generator is right.
pub(super) fn shuffles(seed: u64, exam: Exam<Tuning>) -> Exam<Tuning> {
    let mut random = Random::new(seed, 411);
    // Scenes of very unequal level that do not care for the factor.
    let level = random
        .between(0.0, 9.0, (30, 1))
        .broadcast_as((30, 6))
        .and_then(|x| x.contiguous());
    // Each scene answers to value 2 alone.
    let tuned: Vec<f32> = (0..120 * 6).map(|i| if i % 6 == 2 { 1.0 } else { 0.0 }).collect();
    exam.given((level.expect("a table"), tensor(&tuned, (120, 6))), |on| {
        on.part("shuffled_indices")
            .truth(
                "30 scenes of unequal level, each the same for all values: are 50 indices 0?",
                true,
                |f, (level, _)| {
                    let found = (f.shuffled)(level, 50, 3)?;
                    Ok::<_, candle_core::Error>(found.len() == 50 && found.iter().all(|index| index.abs() < 1e-5))
                },
            )
            .because("Within a scene there is nothing to deal out, so nothing can come of it.")
            .truth(
                "two scenes with responses (1, 0): is each of 50 indices 0 or 1?",
                true,
                |f, _| {
                    let found = (f.shuffled)(&tensor(&[1., 0., 1., 0.], (2, 2)), 50, 3)?;
                    let either = |index: &f64| index.abs() < 1e-5 || (index - 1.0).abs() < 1e-5;
                    Ok::<_, candle_core::Error>(found.len() == 50 && found.iter().all(either))
                },
            )
            .because("Each scene deals out one 1 and one 0: the means are (1, 0), (½, ½) or (0, 1).")
            .truth(
                "two scenes answer to nothing, one (1, 0) and one (0, 1): which indices are among 50, in tenths?",
                vec![0, 10],
                |f, _| {
                    let found = (f.shuffled)(&tensor(&[0., 0., 0., 0., 1., 0., 0., 1.], (4, 2)), 50, 3)?;
                    let mut tenths: Vec<usize> = found.iter().map(|index| (10.0 * index).round() as usize).collect();
                    tenths.sort_unstable();
                    tenths.dedup();
                    Ok::<_, candle_core::Error>(tenths)
                },
            )
            .because(
                "The curve is (¼, ¼) if the two ones fall on different values, and (½, 0) or (0, ½) else. An index is \
                 that \
                 of the curve over all scenes.",
            )
            .truth(
                "120 scenes that answer to one value alone: are 50 indices between 0 and 0.5?",
                true,
                |f, (_, tuned)| {
                    let found = (f.shuffled)(tuned, 50, 3)?;
                    Ok::<_, candle_core::Error>(
                        found.len() == 50 && found.iter().all(|index| (0.0..0.5).contains(index)),
                    )
                },
            )
            .because(
                "The index of the curve itself is 1. Dealt out anew in each scene, the ones spread over six values.",
            )
            .truth(
                "the 120 again: are 20 indices of more than one size, the same for the same seed, and others for \
                 another?",
                Observed::fields([
                    ("more than one size", true),
                    ("the same for the same seed", true),
                    ("others for another seed", true),
                    ("also if moved on by one", true),
                ]),
                |f, (_, tuned)| -> Result<Observed> {
                    let found = (f.shuffled)(tuned, 20, 8)?;
                    Ok(Observed::fields([
                        ("more than one size", found.iter().any(|index| *index != found[0])),
                        ("the same for the same seed", (f.shuffled)(tuned, 20, 8)? == found),
                        ("others for another seed", (f.shuffled)(tuned, 20, 9)? != found),
                        (
                            "also if moved on by one",
                            found.get(1..) != (f.shuffled)(tuned, 19, 9).ok().as_deref(),
                        ),
                    ]))
                },
            )
            .because("ChaCha8Rng::seed_from_u64(seed), made once for all shuffles.")
            .truth("no shuffle", Vec::<f64>::new(), |f, (_, tuned)| {
                (f.shuffled)(tuned, 0, 1)
            })
            .holds(Empty)
    })
}
