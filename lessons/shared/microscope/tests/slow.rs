//! What is measured for all units at once, against slow loops and the functions of the exercises.
#![allow(clippy::needless_range_loop, reason = "slow loops, to be read")]

mod common;

use std::cell::Cell;

use candle_core::{Device, Tensor};
use common::{config, subject};
use microscope::survey::{ON, Survey};
use microscope::tuning::{Curve, Factor, bases, index, responses};
use microscope::{Images, Microscope, UnitCard, card, html};
use resnet::ResNet;
use scenes::Concept;

fn untrained() -> microscope::Subject {
    subject(ResNet::untrained(&config(), 3).unwrap(), "untrained")
}

#[test]
fn tuning_curves_are_those_of_a_slow_loop() {
    let subject = untrained();
    let site = subject.site("layer2").unwrap();
    let bases: Vec<_> = bases(4).unwrap().into_iter().map(|(_, scene)| scene).collect();
    // Of another site in the same pass too: each gets its own.
    let sites = [subject.site("layer4").unwrap(), site];
    let quick = responses(&subject, &sites, &bases, &|_| {}).unwrap().remove(1);
    for (which, factor) in Factor::ALL.into_iter().enumerate() {
        for unit in [0, 5] {
            let mut slow = vec![];
            for base in &bases {
                let mut row = vec![];
                for level in 0..factor.levels().len() {
                    let pixels = factor
                        .vary(base, level)
                        .unwrap()
                        .render()
                        .image
                        .to_tensor(&Device::Cpu)
                        .unwrap();
                    let input = resnet::normalize(&pixels.unsqueeze(0).unwrap()).unwrap();
                    let trace = subject.network.capture(&input, &["layer2"]).unwrap();
                    let map = trace
                        .activation("layer2")
                        .unwrap()
                        .get(0)
                        .unwrap()
                        .get(unit)
                        .unwrap()
                        .to_vec2::<f32>()
                        .unwrap();
                    let (mut sum, mut count) = (0.0, 0.0);
                    for value in map.iter().flatten() {
                        sum += f64::from(*value);
                        count += 1.0;
                    }
                    row.push(sum / count);
                }
                slow.push(row);
            }
            let scale = slow
                .iter()
                .flatten()
                .fold(1e-6, |most: f64, value| most.max(value.abs()));
            for (quick, slow) in quick[which][unit].iter().flatten().zip(slow.iter().flatten()) {
                assert!(
                    (quick - slow).abs() < 1e-4 * scale,
                    "{}: {quick} and {slow}",
                    factor.name()
                );
            }
            let curve = Curve::new(factor, &slow, 0);
            for level in 0..factor.levels().len() {
                let mut mean = 0.0;
                for row in &slow {
                    mean += row[level] / slow.len() as f64;
                }
                let mut squares = 0.0;
                for row in &slow {
                    squares += (row[level] - mean).powi(2);
                }
                let deviation = (squares / 3.0).sqrt() / 2.0; // four base scenes
                assert!((curve.mean[level] - mean).abs() < 1e-9);
                // Student's t with three degrees of freedom, where the expansion is right to 2 %.
                let half = curve.interval[level].1 - mean;
                assert!(
                    (half - 3.182 * deviation).abs() <= 0.02 * 3.182 * deviation + 1e-12,
                    "{half} {deviation}"
                );
            }
            assert!((curve.index - slow_index(&slow)).abs() < 1e-9);
            assert_eq!(curve.index, index(&slow));
        }
    }
}

fn slow_index(answers: &[Vec<f64>]) -> f64 {
    let (bases, levels) = (answers.len(), answers[0].len());
    let mut of_base = vec![0.0; bases];
    for base in 0..bases {
        for level in 0..levels {
            of_base[base] += answers[base][level] / levels as f64;
        }
    }
    let (mut between, mut all) = (0.0, 0.0);
    for level in 0..levels {
        let mut mean = 0.0;
        for base in 0..bases {
            let difference = answers[base][level] - of_base[base];
            mean += difference / bases as f64;
            all += difference * difference;
        }
        between += bases as f64 * mean * mean;
    }
    if all == 0.0 { 0.0 } else { between / all }
}

/// Nothing but the one factor changes: the background's pixels outside of both figures are the same bytes.
#[test]
fn counterfactuals_differ_where_the_figure_is_and_nowhere_else() {
    for (index, base) in bases(3).unwrap() {
        assert_eq!(base, studio::scenery::base_scene(index).unwrap());
        let before = base.render();
        for factor in Factor::ALL {
            for level in 0..factor.levels().len() {
                let scene = factor.vary(&base, level).unwrap();
                assert_eq!(
                    (&scene.background, &scene.grain, scene.badge),
                    (&base.background, &base.grain, None)
                );
                let after = scene.render();
                let reach = |scene: &scenes::Scene, x: usize, y: usize| {
                    let figure = scene.figures[0];
                    let (dx, dy) = (x as f64 + 0.5 - figure.place.x, y as f64 + 0.5 - figure.place.y);
                    dx.hypot(dy) < figure.radius + 2.0
                };
                for y in 0..128 {
                    for x in 0..128 {
                        if !reach(&base, x, y) && !reach(&scene, x, y) {
                            assert_eq!(
                                before.image.pixel(x, y),
                                after.image.pixel(x, y),
                                "{} {level}",
                                factor.name()
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_survey_is_what_the_exercises_functions_give() {
    let subject = untrained();
    let site = subject.site("layer3").unwrap();
    let images = Images::Scenes(70); // a full batch and a part
    let seen = Cell::new(0);
    let sites = [subject.site("conv1").unwrap(), site];
    let step = |count| seen.set(seen.get() + count);
    let survey = Survey::measure(&subject, &sites, &images, &step).unwrap().remove(1);
    assert_eq!(seen.get(), 140, "two passes");

    let batch = images.batch(0, 70).unwrap();
    let trace = subject
        .network
        .capture(&resnet::normalize(&batch.pixels).unwrap(), &["layer3"])
        .unwrap();
    let activations = trace.activation("layer3").unwrap();
    let sparsity = solution02::sparsity(activations).unwrap().by_channel;
    let (_, units, height, width) = activations.dims4().unwrap();
    let mut thresholds = solution04::Thresholds::new(70 * height * width, ON).unwrap();
    thresholds.update(activations).unwrap();
    let thresholds = thresholds.finish().unwrap();
    let concepts = Concept::all();
    let masks: Vec<Tensor> = batch
        .rendered
        .iter()
        .map(|one| {
            let all: Vec<Tensor> = concepts
                .iter()
                .map(|c| one.masks.get(*c).to_tensor(&Device::Cpu).unwrap())
                .collect();
            Tensor::stack(&all, 0).unwrap()
        })
        .collect();
    let mut dissection = solution04::Dissection::new(&thresholds, concepts.len()).unwrap();
    dissection
        .update(activations, &Tensor::stack(&masks, 0).unwrap())
        .unwrap();
    let best = solution04::best_concepts(&dissection.iou().unwrap()).unwrap();
    for unit in 0..units {
        let mean = activations
            .narrow(1, unit, 1)
            .unwrap()
            .get(3)
            .unwrap()
            .mean_all()
            .unwrap()
            .to_scalar::<f32>()
            .unwrap();
        assert!((survey.means[unit][3] - mean).abs() < 1e-5);
        assert!((survey.sparsity[unit] - sparsity[unit]).abs() < 1e-9);
        let (concept, iou) = (&survey.concepts[unit].best[0].0, survey.concepts[unit].best[0].1);
        assert!(
            (iou - best[unit].1).abs() < 1e-9,
            "unit {unit}: {iou} and {}",
            best[unit].1
        );
        assert_eq!(*concept, concepts[best[unit].0].to_string());
    }
    let cut = thresholds.to_vec1::<f32>().unwrap();
    assert!(survey.thresholds.iter().zip(&cut).all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
fn what_was_measured_is_read_again_and_another_network_is_not_taken_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let scope = || Microscope::with(untrained(), Images::Scenes(60), folder.path());
    let card = UnitCard::measure(&scope(), "layer4", 2).unwrap();
    let page = html::page(&card, &|_, _| None).unwrap();
    let begin = std::time::Instant::now();
    let again = UnitCard::measure(&scope(), "layer4", 2).unwrap();
    assert!(begin.elapsed().as_secs_f64() < 5.0, "{:?}", begin.elapsed());
    assert_eq!(html::page(&again, &|_, _| None).unwrap(), page);
    let other = subject(ResNet::untrained(&config(), 4).unwrap(), "untrained");
    let other = Microscope::with(other, Images::Scenes(60), folder.path());
    assert_ne!(
        UnitCard::measure(&other, "layer4", 2).unwrap().statistics,
        card.statistics
    );

    // One file without anything from outside, whose links lead where pages are.
    assert!(
        !page.contains("http://") && !page.contains("https://") && !page.contains("<script"),
        "self-contained"
    );
    let linked = html::page(&card, &|site, unit| Some(card::file_name(site, unit))).unwrap();
    assert!(
        linked.contains("href=\"layer4-1.html\"") && linked.contains("href=\"layer3-"),
        "links"
    );
    assert!(!page.contains("href="), "no link where no page is");
}

#[test]
fn with_photos_what_needs_the_truth_is_left_out_and_named() {
    let folder = tempfile::tempdir().unwrap();
    for index in 0..3u8 {
        let pixel = |x: u32, y: u32| image::Rgb([(x * 3) as u8, (y * 2) as u8, 60 * index]);
        image::RgbImage::from_fn(80, 60, pixel)
            .save(folder.path().join(format!("{index}.png")))
            .unwrap();
    }
    let images = Images::folder(folder.path(), &untrained()).unwrap();
    let cache = tempfile::tempdir().unwrap();
    let card = UnitCard::measure(&Microscope::with(untrained(), images, cache.path()), "layer4", 0).unwrap();
    assert!(card.tuning.is_none() && card.standing.is_none() && card.by_class.is_none());
    assert!(card.silence.classes.iter().all(|class| class.recognised.is_none()));
    for part in ["tuning curves", "concept", "by class", "recall"] {
        assert!(
            card.left_out.iter().any(|one| one.contains(part)),
            "{part}: {:?}",
            card.left_out
        );
    }
    let page = html::page(&card, &|_, _| None).unwrap();
    assert!(page.contains("What is left out") && page.contains("3 photos of") && !page.contains("Tuning curves"));
    let empty = tempfile::tempdir().unwrap();
    assert!(
        Images::folder(empty.path(), &untrained())
            .err()
            .unwrap()
            .to_string()
            .contains("found none that can be read")
    );
}

#[test]
fn a_site_or_unit_that_is_not_there_is_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let scope = Microscope::with(untrained(), Images::Scenes(60), folder.path());
    let error = UnitCard::measure(&scope, "layer5", 0).unwrap_err().to_string();
    assert!(error.contains("layer5"), "{error}");
    let error = UnitCard::measure(&scope, "layer4", 32).unwrap_err().to_string();
    assert!(error.contains("0 to 31"), "{error}");
    let error = UnitCard::measure(&scope, "fc", 0).unwrap_err().to_string();
    assert!(error.contains("no maps"), "{error}");
}
