//! A unit whose concept, tuning, effect and weights are known beforehand.
#![allow(clippy::needless_range_loop, reason = "slow loops, to be read")]

mod common;

use candle_core::Tensor;
use common::{OTHER, PULL, blank, config, red_network, set, subject};
use microscope::tuning::Factor;
use microscope::{Images, Microscope, UnitCard, weights};
use resnet::ResNet;
use scenes::Shape;

/// Enough scenes for each colour to come about twenty times.
const SCENES: usize = 160;

fn scope(folder: &tempfile::TempDir) -> Microscope {
    Microscope::with(subject(red_network(), "red"), Images::Scenes(SCENES), folder.path())
}

#[test]
fn a_unit_that_sees_red_has_a_card_that_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let scope = scope(&folder);
    let card = UnitCard::measure(&scope, "layer1", 0).unwrap();

    // What it stands for: the concept that was planted, above chance.
    let (concept, iou) = card.concept().expect("a concept above the null");
    assert_eq!(concept, "red", "{:?}", card.standing);
    assert!(iou > 2.0 * card.standing.as_ref().unwrap().null, "{:?}", card.standing);
    assert!(
        card.strongest.iter().all(|one| one.name.contains("red")),
        "{:?}",
        names(&card)
    );

    // What it is tuned to: red, and nothing for the colours that do not reach the threshold.
    let curves = card.tuning.as_ref().unwrap();
    let of = |factor: Factor| curves.iter().find(|curve| curve.factor == factor).unwrap();
    let colour = of(Factor::Colour);
    assert!(colour.is_tuned() && colour.preferred() == "red", "{colour:?}");
    for (level, mean) in colour.levels.iter().zip(&colour.mean).skip(1) {
        assert_eq!(*mean, 0.0, "{level} is not redder than the threshold anywhere");
    }
    let size = of(Factor::Size);
    assert!(
        size.mean.windows(2).all(|pair| pair[0] < pair[1]),
        "a larger figure has more red pixels: {size:?}"
    );
    // Where and how it is turned changes the number of its pixels by a few at most.
    let range = |curve: &microscope::tuning::Curve| {
        let fold = |f: fn(f64, f64) -> f64, start| curve.mean.iter().copied().fold(start, f);
        fold(f64::max, 0.0) - fold(f64::min, f64::INFINITY)
    };
    assert!(range(of(Factor::Place)) < 0.05 * range(colour) && range(of(Factor::Rotation)) < 0.1 * range(colour));

    // It is silent wherever there is no red, and alive.
    assert!(
        card.statistics
            .zeros
            .is_some_and(|zeros| !zeros.is_dead && zeros.share > 0.8),
        "{:?}",
        card.statistics
    );
    assert_eq!(card.weakest[0].value, 0.0);
}

fn names(card: &UnitCard) -> Vec<&str> {
    card.strongest.iter().map(|one| one.name.as_str()).collect()
}

#[test]
fn without_the_only_unit_that_votes_the_class_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let scope = scope(&folder);
    let card = UnitCard::measure(&scope, "layer4", 0).unwrap();
    let disc = &card.silence.classes[Shape::Disc.index()];
    let (images, before, after) = disc.recognised.unwrap();
    assert!(
        before > 0 && before < images,
        "only red discs can be recognised: {disc:?}"
    );
    assert_eq!(after, 0, "nothing says disc any more");
    let ring = &card.silence.classes[Shape::Ring.index()];
    let (rings, right_before, right_after) = ring.recognised.unwrap();
    assert!(
        right_before < rings && right_after == rings,
        "every image is called a ring now: {ring:?}"
    );

    // The logit is PULL times the unit's mean: what is taken away is what was there.
    let labels = scope.images.labels().unwrap().unwrap();
    let survey = scope.survey(&scope.site("layer4").unwrap()).unwrap();
    let discs: Vec<f32> = (0..SCENES)
        .filter(|i| labels[*i] == Shape::Disc.index())
        .map(|i| survey.means[0][i])
        .collect();
    let expected = -PULL * discs.iter().sum::<f32>() / discs.len() as f32;
    assert!(
        (disc.logit - f64::from(expected)).abs() < 1e-5,
        "{} and {expected}",
        disc.logit
    );
    let threshold = OTHER / PULL;
    let called_disc = survey.means[0].iter().filter(|mean| **mean > threshold).count();
    assert!((card.silence.flipped - called_disc as f64 / SCENES as f64).abs() < 1e-9);
    let classes = card.classes.as_ref().unwrap();
    assert_eq!(classes[Shape::Disc.index()], ("disc".to_string(), f64::from(PULL)));
    assert!(classes.iter().filter(|(_, weight)| *weight != 0.0).count() == 1);
}

#[test]
fn the_last_layers_shortcut_is_what_silencing_gives() {
    let network = ResNet::untrained(&config(), 5).unwrap();
    let subject = subject(network, "untrained");
    let images = Images::Scenes(24);
    let untouched = microscope::silence::Untouched::new(&subject, &images).unwrap();
    let site = subject.site("layer4").unwrap();
    let quick = untouched.without_each_of_last(&subject, &site).unwrap();
    for unit in [0, 7, 31] {
        let slow = untouched.without(&subject, &site, unit).unwrap();
        assert_eq!(quick[unit].flipped, slow.flipped);
        for (quick, slow) in quick[unit].classes.iter().zip(&slow.classes) {
            assert!(
                (quick.logit - slow.logit).abs() < 1e-4,
                "unit {unit}: {quick:?} {slow:?}"
            );
            assert_eq!(quick.recognised, slow.recognised);
        }
    }
}

#[test]
fn a_dead_unit_is_called_dead() {
    let folder = tempfile::tempdir().unwrap();
    let card = UnitCard::measure(&scope(&folder), "layer2", 3).unwrap();
    let zeros = card.statistics.zeros.unwrap();
    assert!(zeros.is_dead && zeros.share == 1.0);
    assert_eq!(card.optima, None, "it has no gradient to follow");
    assert_eq!(card.concept(), None, "{:?}", card.standing);
    assert!(
        card.tuning
            .unwrap()
            .iter()
            .all(|curve| !curve.is_tuned() && curve.index == 0.0)
    );
    assert_eq!(card.silence.flipped, 0.0);
}

/// Among the images of a ball around grey a linear unit likes its own weights best: a flat red field here.
#[test]
fn the_optimum_of_a_linear_unit_is_its_weights_and_beats_every_scene() {
    let folder = tempfile::tempdir().unwrap();
    let card = UnitCard::measure(&scope(&folder), "conv1", 0).unwrap();
    let optima = card.optima.as_ref().unwrap();
    let colour = |picture: &microscope::picture::Picture| -> Vec<f32> {
        picture.pixels().unwrap().mean((1, 2)).unwrap().to_vec1().unwrap()
    };
    for made in optima.starts.iter().chain(&optima.diverse) {
        let [red, green, blue] = colour(&made.picture)[..] else {
            panic!()
        };
        assert!(red > 0.6 && green < 0.4 && green < blue + 0.02, "{red} {green} {blue}");
    }
    let [red, green, _] = colour(&optima.minima[0].picture)[..] else {
        panic!()
    };
    assert!(red < 0.4 && green > 0.6, "the other way round");
    assert!(optima.starts[0].value > card.statistics.before.1 && optima.minima[0].value < card.statistics.before.0);
    assert!(optima.starts.windows(2).all(|pair| pair[0].value >= pair[1].value));
    assert!(card.filter.is_some());
}

#[test]
fn the_planted_path_is_the_only_weight() {
    let folder = tempfile::tempdir().unwrap();
    let scope = scope(&folder);
    let factor = 1.0 / (1.0f64 + 1e-5).sqrt();
    for (site, most) in [("layer2", factor), ("layer3", factor)] {
        let matrix = scope.weights(site).unwrap();
        for (to, row) in matrix.iter().enumerate() {
            for (from, weight) in row.iter().enumerate() {
                match (to, from) {
                    (0, 0) => assert!(*weight > 0.0 && *weight <= most, "{site}: {weight}"),
                    _ => assert_eq!(*weight, 0.0, "{site}: {from} → {to}"),
                }
            }
        }
    }
    let card = UnitCard::measure(&scope, "layer3", 0).unwrap();
    assert_eq!(
        (card.inputs[0].unit, card.outputs[0].unit),
        (0, 0),
        "the strongest wires in and out"
    );
}

/// Kernels of one tap and batch norms that keep every ReLU open: there the weights are exact, and raising a unit everywhere
/// shows them.
#[test]
fn weights_are_what_raising_a_unit_does_where_every_relu_is_open() {
    let mut p = blank();
    let mut state = 7u32;
    let mut number = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state as f32 / u32::MAX as f32 - 0.5
    };
    let names: Vec<(String, Vec<usize>)> = p
        .iter()
        .map(|(name, tensor)| (name.clone(), tensor.dims().to_vec()))
        .collect();
    for (name, shape) in names {
        match shape[..] {
            [out, inputs, height, width] => {
                for to in 0..out {
                    for from in 0..inputs {
                        set(
                            &mut p,
                            &name,
                            &[to, from, height / 2, width / 2],
                            0.2 * number() / inputs as f32,
                        );
                    }
                }
            }
            [channels] if name.contains("bn") || name.contains("downsample.1") => {
                let (bias, factor) = (name.ends_with("bias"), name.ends_with("weight"));
                for channel in 0..channels {
                    match (bias, factor) {
                        (true, _) => set(&mut p, &name, &[channel], 3.0 + number()),
                        (_, true) => set(&mut p, &name, &[channel], 1.0 + 0.5 * number()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    let subject = subject(ResNet::new(&config(), &p).unwrap(), "open");
    let images = Images::Scenes(4);
    let input = resnet::normalize(&images.batch(0, 4).unwrap().pixels).unwrap();
    for (from_site, site) in [("conv1", "layer1"), ("layer1", "layer2"), ("layer3", "layer4")] {
        let matrix = weights::between(&subject, &images, site).unwrap();
        let before = subject.site(site).unwrap().before;
        let means = |raised: Option<usize>| -> Vec<f64> {
            let mut seen = None;
            subject
                .network
                .forward_visit(&input, &mut |name, activation: &Tensor| {
                    if name == before {
                        seen = Some(activation.to_dtype(candle_core::DType::F64)?.mean((0, 2, 3))?);
                    }
                    let Some(unit) = raised.filter(|_| name == from_site) else {
                        return Ok(None);
                    };
                    let channels = activation.dim(1)?;
                    let step: Vec<f32> = (0..channels)
                        .map(|channel| f32::from(u8::from(channel == unit)))
                        .collect();
                    let step = Tensor::from_vec(step, (1, channels, 1, 1), activation.device())?;
                    Ok(Some(activation.broadcast_add(&step)?))
                })
                .unwrap();
            seen.unwrap().to_vec1().unwrap()
        };
        let at_rest = means(None);
        for from in [0, 3] {
            let raised = means(Some(from));
            for to in 0..matrix.len() {
                let measured = raised[to] - at_rest[to];
                assert!(
                    (measured - matrix[to][from]).abs() < 1e-4,
                    "{site}, {from} → {to}: {measured} and {}",
                    matrix[to][from]
                );
            }
        }
    }
}

/// What is made together is less alike than what is made alone, and none of it is given up for that.
#[test]
fn the_set_that_is_made_to_differ_differs_and_each_member_is_wanted() {
    let subject = microscope::Subject::open(None).unwrap();
    for (site, unit) in [("layer2", 10), ("layer3", 36), ("layer4", 66)] {
        let site = subject.site(site).unwrap();
        let made = microscope::optimum::optima(&subject, &site, unit, &microscope::optimum::CARD)
            .unwrap()
            .unwrap();
        let (alone, together) = made.alike;
        println!("{} {unit}: alike {alone:.3} alone, {together:.3} together", site.name);
        assert!(together < alone - 0.2, "{} {unit}: {alone} and {together}", site.name);
        // The unit answers to each: behind the ReLU something is left.
        for one in &made.diverse {
            assert!(one.value > 0.0, "{} {unit}: {}", site.name, one.value);
        }
    }
}
