//! What 4.12 is asked for.

use candle_core::{Result, Tensor};
use resnet::{Config, ResNet, Stem, parameters};

use super::Circuit;
use super::answer::{RIGHT, connection, predicted};
use crate::Hazard::*;
use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Tolerance};

/// A small network whose batch norms have factors of every size and sign, one of them with a tiny variance.
fn lively(random: &mut Random, config: &Config) -> Result<ResNet> {
    let mut weights = parameters::initialize(config, 5)?;
    // In one order: two processes must make the same network.
    let mut names: Vec<String> = weights.keys().cloned().collect();
    names.sort_unstable();
    for name in names {
        let Some(value) = weights.get_mut(&name) else { continue };
        let channels = value.dim(0)?;
        if name.contains("bn") || name.contains("downsample.1") {
            if name.ends_with(".weight") || name.ends_with("running_mean") {
                *value = random.signed(channels);
            } else if name.ends_with(".bias") {
                // So that no unit is silent everywhere.
                *value = random.between(0.5, 1.5, channels);
            } else if name.ends_with("running_var") {
                let mut variances = random.between(0.2, 4.0, channels).to_vec1::<f32>()?;
                if name.starts_with("layer3.1.bn1") {
                    variances[1] = 2e-5;
                }
                *value = tensor(&variances, channels);
            }
        }
    }
    ResNet::new(config, &weights)
}

/// What stands in the parameters.
pub(super) fn weights(seed: u64, exam: Exam<Circuit>) -> Exam<Circuit> {
    let mut random = Random::new(seed, 412);
    let config = Config::resnet18().width(4).classes(3).stem(Stem::Cifar);
    let network = lively(&mut random, &config).expect("a small network");
    let bottlenecks = Config::resnet50().width(2).classes(3).stem(Stem::Cifar);
    let bottlenecks = lively(&mut random, &bottlenecks).expect("a small network");
    const KERNEL: &str = "W[to, from], place by place, times γ/√(σ² + 10⁻⁵) of the unit that is written. Neither mean \
                          nor β \
                          depends on what the first unit says.";
    const PROJECTED: &str = "The 1×1 kernel W[to, from] of downsample.0 times γ/√(σ² + 10⁻⁵) of downsample.1, with \
                             its sign \
                             and nothing added.";
    let to_all = |f: Circuit, n: &ResNet, block: &str, from: usize, units: usize| {
        let found = (0..units).map(|to| (f.shortcut)(n, block, from, to));
        found.collect::<Result<Vec<f64>>>()
    };
    exam.given((network, bottlenecks), |on| {
        on.part("connection")
            .case("layer1.0.conv2, from unit 2 to unit 0", |f, (n, _)| {
                (f.connection)(n, "layer1.0.conv2", "layer1.0.bn2", 2, 0)
            })
            .because(KERNEL)
            .case("layer1.0.conv2, from unit 1 to its namesake", |f, (n, _)| {
                (f.connection)(n, "layer1.0.conv2", "layer1.0.bn2", 1, 1)
            })
            .because("The shortcut is no part of the convolution: nothing is added for it.")
            .case("layer2.0.conv1, from unit 3 to unit 6", |f, (n, _)| {
                (f.connection)(n, "layer2.0.conv1", "layer2.0.bn1", 3, 6)
            })
            .because(KERNEL)
            .holds(Sizes)
            .case(
                "layer3.1.conv1, from unit 4 to unit 1, whose variance is 2·10⁻⁵",
                |f, (n, _)| (f.connection)(n, "layer3.1.conv1", "layer3.1.bn1", 4, 1),
            )
            .because("The root is that of σ² + 10⁻⁵, which matters here.")
            .holds(Scale)
            .case("conv1, from blue to unit 3", |f, (n, _)| {
                (f.connection)(n, "conv1", "bn1", 2, 3)
            })
            .because("conv1 is the convolution of the stem, and not layer1.0.conv1.")
            .holds(Names)
            .case(
                "layer1.0.conv1 with the batch norm of layer1.1, from unit 1 to unit 3",
                |f, (n, _)| (f.connection)(n, "layer1.0.conv1", "layer1.1.bn1", 1, 3),
            )
            .because("The batch norm is the one that `norm` names.")
            .holds(Wiring)
            .refuses("layer1.0.conv2, from unit 2 to unit 4 of 4", |f, (n, _)| {
                (f.connection)(n, "layer1.0.conv2", "layer1.0.bn2", 2, 4)
            })
            .refuses("layer1.0.conv2, from unit 4 of 4 to unit 2", |f, (n, _)| {
                (f.connection)(n, "layer1.0.conv2", "layer1.0.bn2", 4, 2)
            })
            .part("shortcut")
            .truth(
                "layer1.0, which adds its input: from unit 2 to unit 2",
                1.0,
                |f, (n, _)| (f.shortcut)(n, "layer1.0", 2, 2),
            )
            .because("Without a parameter layer1.0.downsample.0.weight the input is added as it is.")
            .truth("the same from unit 2 to unit 1", 0.0, |f, (n, _)| {
                (f.shortcut)(n, "layer1.0", 2, 1)
            })
            .because("What is added as it is leads from each unit to its namesake only.")
            .truth(
                "layer2.1, which adds its input: from unit 1 to units 0, 1 and 2",
                vec![0.0, 1.0, 0.0],
                move |f, (n, _)| to_all(f, n, "layer2.1", 1, 3),
            )
            .because("Only the first block of layer2 projects.")
            .case(
                "layer2.0, which projects: from unit 3 to each of the eight",
                move |f, (n, _)| to_all(f, n, "layer2.0", 3, 8),
            )
            .because(PROJECTED)
            .case(
                "layer1.0 of a network of bottlenecks, which projects, too: from unit 1 to each of the eight",
                move |f, (_, n)| to_all(f, n, "layer1.0", 1, 8),
            )
            .because(PROJECTED)
            .case("layer3.0 of it: from unit 0 to each of the 32", move |f, (_, n)| {
                to_all(f, n, "layer3.0", 0, 32)
            })
            .because(PROJECTED)
    })
}

/// What the weights predict if a unit is silenced.
pub(super) fn predictions(seed: u64, exam: Exam<Circuit>) -> Exam<Circuit> {
    let mut random = Random::new(seed, 413);
    let fixture = (random.signed((5, 5, 7)), (random.signed((3, 3)), random.signed((5, 5))));
    const MAP: &str = "Each map by itself, negative values as they are, zeros beyond its rim, and a minus in front.";
    exam.given(fixture, |on| {
        on.part("predicted_change")
            .truth(
                "a single 2 in the middle of 3×3, kernel 1 … 9",
                tensor(&[-18., -16., -14., -12., -10., -8., -6., -4., -2.], (1, 3, 3)),
                |f, _| {
                    let kernel = tensor(&[1., 2., 3., 4., 5., 6., 7., 8., 9.], (3, 3));
                    (f.predicted)(&tensor(&[0., 0., 0., 0., 2., 0., 0., 0., 0.], (1, 3, 3)), &kernel, 1)
                },
            )
            .because("The place above and to the left reads the dot with its last weight, 9, and loses 2·9.")
            .truth(
                "1 … 9 on 3×3, a kernel of 1×1 that is −2, stride 2",
                tensor(&[2., 6., 14., 18.], (1, 2, 2)),
                |f, _| {
                    let map = tensor(&[1., 2., 3., 4., 5., 6., 7., 8., 9.], (1, 3, 3));
                    (f.predicted)(&map, &tensor(&[-2.], (1, 1)), 2)
                },
            )
            .because("A kernel of 1×1 needs no zeros around the map. Every second place is read: 1, 3, 7 and 9.")
            .case("five random maps of 5×7, stride 1", |f, (maps, (kernel, _))| {
                (f.predicted)(maps, kernel, 1)
            })
            .because(MAP)
            .holds(Batch)
            .case("two of the five, stride 2", |f, (maps, (kernel, _))| {
                (f.predicted)(&maps.narrow(0, 0, 2)?, kernel, 2)
            })
            .because(MAP)
            .case("two of the five, a random kernel of 5×5", |f, (maps, (_, kernel))| {
                (f.predicted)(&maps.narrow(0, 0, 2)?, kernel, 1)
            })
            .because(MAP)
            .case("two of the five in transposed tensors", |f, (maps, (kernel, _))| {
                (f.predicted)(&askew(&maps.narrow(0, 0, 2)?), &askew(kernel), 1)
            })
            .holds(NotContiguous)
    })
}

/// What happens if a unit is silenced.
pub(super) fn changes(seed: u64, exam: Exam<Circuit>) -> Exam<Circuit> {
    let mut random = Random::new(seed, 414);
    let config = Config::resnet18().width(4).classes(3).stem(Stem::Cifar);
    let network = lively(&mut random, &config).expect("a small network");
    let images = random.signed((2, 3, 11, 14));
    let close = Tolerance::new(1e-3, 1e-4);
    exam.given((network, images), |on| {
        on.part("measured_change")
            .case("layer2.1: unit 3 of relu silenced, unit 5 of bn2", |f, (n, images)| {
                (f.measured)(n, images, ("layer2.1.relu", 3), ("layer2.1.bn2", 5))
            })
            .within(close)
            .because(
                "Unit 5 of bn2, with unit 3 of relu set to 0 less without, for each image and place, with its sign.",
            )
            .truth(
                "the same: how far, relative to the largest, is the change from what the weights predict?",
                0.0,
                |f, (n, images)| {
                    let map = n
                        .capture(images, &["layer2.1.relu"])?
                        .activation("layer2.1.relu")?
                        .narrow(1, 3, 1)?
                        .squeeze(1)?;
                    let kernel = connection(n, "layer2.1.conv2", "layer2.1.bn2", 3, 5, RIGHT)?;
                    let seen = (f.measured)(n, images, ("layer2.1.relu", 3), ("layer2.1.bn2", 5))?;
                    let right = predicted(&map, &kernel, 1, RIGHT)?;
                    ((seen - &right)?.abs()?.max_all()? / right.abs()?.max_all()?)?.to_scalar::<f32>()
                },
            )
            .within(Tolerance::new(0.0, 1e-3))
            .because("Between the two stand a convolution and a batch norm, both linear: the prediction is exact.")
            .case("unit 1 of relu silenced, unit 2 of layer1.0.relu", |f, (n, images)| {
                (f.measured)(n, images, ("relu", 1), ("layer1.0.relu", 2))
            })
            .within(close)
            .because("layer1.0.relu_1 and layer1.0.relu are two sites: a site goes by its whole name.")
            .holds(Names)
            .case("unit 1 of relu silenced, unit 2 of layer1.0.conv2", |f, (n, images)| {
                (f.measured)(n, images, ("relu", 1), ("layer1.0.conv2", 2))
            })
            .within(close)
            .because("layer1.0.relu is another site: its unit 1 goes on.")
            .holds(Names)
            .case(
                "each unit of conv1 silenced, its namesake of relu, behind each other",
                |f, (n, images)| {
                    // Strong enough for every unit to be off somewhere.
                    let images = (images * 9.0)?;
                    let of = |unit| (f.measured)(n, &images, ("conv1", unit), ("relu", unit));
                    Tensor::stack(&(0..4).map(of).collect::<Result<Vec<_>>>()?, 0)
                },
            )
            .within(close)
            .because(
                "What is below 0 at conv1 is set to 0, too: then a unit may be on that was off. layer1.0.relu is \
                 another \
                 site than relu.",
            )
            .holds(Names)
            .case(
                "unit 3 of layer2.1.relu silenced, all units of layer2.1.conv2 behind each other",
                |f, (n, images)| {
                    let at = |to| (f.measured)(n, images, ("layer2.1.relu", 3), ("layer2.1.conv2", to));
                    Tensor::stack(&(0..8).map(at).collect::<Result<Vec<_>>>()?, 0)
                },
            )
            .within(close)
            .because("A change is after − before of what stands at the site, also where that is below 0.")
            .holds(Sign)
            .case(
                "unit 2 of layer1.0.relu silenced, unit 1 of layer1.1.relu",
                |f, (n, images)| (f.measured)(n, images, ("layer1.0.relu", 2), ("layer1.1.relu", 1)),
            )
            .within(close)
            .because("layer1.0.relu_1 is another site: it stays as it comes.")
            .holds(Names)
            .refuses(
                "measured_change from layer9, which is no site of the network",
                |f, (n, images)| (f.measured)(n, images, ("layer9", 0), ("layer1", 0)),
            )
            .refuses(
                "measured_change from unit 8 of the 8 of layer2.1.relu",
                |f, (n, images)| (f.measured)(n, images, ("layer2.1.relu", 8), ("layer2.1.bn2", 0)),
            )
    })
}

/// How much of a prediction comes through.
pub(super) fn shares(exam: Exam<Circuit>) -> Exam<Circuit> {
    exam.part("share_let_through")
        .truth(
            "two maps: predicted (−1, 3) and (4, −8), measured (0, 1) and (3, −3)",
            0.4375,
            |f| {
                let predicted = tensor(&[-1., 3., 4., -8.], (2, 1, 2));
                (f.share)(&predicted, &tensor(&[0., 1., 3., -3.], (2, 1, 2)))
            },
        )
        .because("(0 + 1 + 3 + 3) / (1 + 3 + 4 + 8): magnitudes, all places of both maps together.")
        .truth("predicted 1 and −2, measured −3 and −3", 2.0, |f| {
            (f.share)(&tensor(&[1., -2.], 2), &tensor(&[-3., -3.], 2))
        })
        .because("More can come than was predicted, and in the other direction: (3 + 3) / (1 + 2).")
        .truth("predicted 2 and 0, measured 1 and −1", 1.0, |f| {
            (f.share)(&tensor(&[2., 0.], 2), &tensor(&[1., -1.], 2))
        })
        .because("All places count, those without a prediction too: (1 + 1) / 2.")
        .truth("predicted 0, measured 0", 0.0, |f| {
            (f.share)(&tensor(&[0.; 2], 2), &tensor(&[0.; 2], 2))
        })
        .because("Nothing was predicted, so no share of it comes through.")
        .truth("predicted −10⁻²⁰, measured −10⁻²⁰", 1.0, |f| {
            (f.share)(&tensor(&[-1e-20], 1), &tensor(&[-1e-20], 1))
        })
        .because("A small change has a share, too: nothing is added below the line.")
        .holds(Scale)
}
