use candle_core::{Device, Result, Tensor, bail};
use resnet::{Config, ResNet, Stem, parameters};

use crate::inputs::{Random, askew, first_of, in_order, tensor};
use crate::{Exam, Fault, Hazard::*, Slip, Tolerance, fault, keep, slip};

type Connection = dyn Fn(&ResNet, &str, &str, usize, usize) -> Result<Tensor> + Sync;
type Measured = dyn Fn(&ResNet, &Tensor, (&str, usize), (&str, usize)) -> Result<Tensor> + Sync;

/// The five functions of exercise 4.12.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Circuit {
    pub connection: &'static Connection,
    pub shortcut: &'static (dyn Fn(&ResNet, &str, usize, usize) -> Result<f64> + Sync),
    pub predicted: &'static (dyn Fn(&Tensor, &Tensor, usize) -> Result<Tensor> + Sync),
    pub measured: &'static Measured,
    pub share: &'static (dyn Fn(&Tensor, &Tensor) -> Result<f64> + Sync),
}

/// The attempt at 4.12 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex4_12 {
    ($lesson:ident) => {
        $crate::lesson04::Circuit {
            connection: &|network, convolution, norm, from, to| {
                $lesson::connection(network, convolution, norm, from, to)
            },
            shortcut: &|network, block, from, to| $lesson::shortcut(network, block, from, to),
            predicted: &|map, connection, stride| $lesson::predicted_change(map, connection, stride),
            measured: &|network, images, from, to| $lesson::measured_change(network, images, from, to),
            share: &|predicted, measured| $lesson::share_let_through(predicted, measured),
        }
    };
}

/// A right answer, written independently of the solution, in parts that may be wrong.
#[derive(Clone, Copy)]
struct Parts {
    factor: fn(gamma: f64, variance: f64) -> f64,
    ends_swapped: bool,
    norm_of_from: bool,
    shortcut: Way,
    sign: f64,
    strided: bool,
    /// Zeros on each side, for a kernel of this size.
    border: fn(usize) -> usize,
    turned: bool,
    /// Whether the unit is silenced at this site, with `from` the site that is asked for.
    hit: fn(site: &str, from: &str) -> bool,
    silence: Silence,
    share: fn(predicted: &[f64], measured: &[f64]) -> f64,
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Right,
    AlwaysOne,
    RawProjection,
}

#[derive(Clone, Copy, PartialEq)]
enum Silence {
    Unit,
    AllOthers,
    All,
    Nothing,
    ItsMean,
    ItsMeanPerImage,
    MinusBefore,
}

fn size(changes: &[f64]) -> f64 {
    changes.iter().map(|change| change.abs()).sum()
}

fn divided(through: f64, all: f64) -> f64 {
    if all == 0.0 { 0.0 } else { through / all }
}

const RIGHT: Parts = Parts {
    factor: |gamma, variance| gamma / (variance + 1e-5).sqrt(),
    ends_swapped: false,
    norm_of_from: false,
    shortcut: Way::Right,
    sign: -1.0,
    strided: true,
    border: |size| size / 2,
    turned: false,
    hit: |site, from| site == from,
    silence: Silence::Unit,
    share: |predicted, measured| divided(size(measured), size(predicted)),
};

const FAULTS: &[Fault<Parts>] = &[
    fault(
        "the batch norm left out",
        "You returned the kernel as it is stored. The batch norm behind it multiplies the channel by γ/√(σ² + \
         ε): it may turn the sign and change the size.",
        |parts| parts.factor = |_, _| 1.0,
    ),
    fault("γ left out", "You divided by the deviation and left γ out.", |parts| {
        parts.factor = |_, variance| 1.0 / (variance + 1e-5).sqrt()
    }),
    fault(
        "variance for deviation",
        "You divided by the variance. The batch norm divides by its root.",
        |parts| parts.factor = |gamma, variance| gamma / (variance + 1e-5),
    ),
    fault(
        "no ε under the root",
        "You left out the 10⁻⁵ under the root. It counts where a channel varies little.",
        |parts| parts.factor = |gamma, variance| gamma / variance.sqrt(),
    ),
    fault(
        "γ without the deviation",
        "You multiplied by γ and did not divide by √(σ² + ε).",
        |parts| parts.factor = |gamma, _| gamma,
    ),
    fault(
        "γ times the deviation",
        "You multiplied by the deviation. The batch norm divides by it.",
        |parts| parts.factor = |gamma, variance| gamma * (variance + 1e-5).sqrt(),
    ),
    fault(
        "the batch norm of the unit that is read",
        "You took γ and σ² of `from`. The batch norm stands behind the convolution: its channel is `to`.",
        |parts| parts.norm_of_from = true,
    ),
    fault(
        "from and to swapped",
        "The kernel of a convolution is [to, from, …]: the channel it writes comes first.",
        |parts| parts.ends_swapped = true,
    ),
    fault(
        "every shortcut carries 1",
        "You returned 1 for every pair. An identity shortcut leads from a unit to its namesake only, and a \
         projected one has weights.",
        |parts| parts.shortcut = Way::AlwaysOne,
    ),
    fault(
        "the projection without its batch norm",
        "The projection's 1×1 convolution has a batch norm behind it, downsample.1: its factor is missing.",
        |parts| parts.shortcut = Way::RawProjection,
    ),
    fault(
        "what it says, not what is lost",
        "You returned what the first unit contributes. If it is silenced, that is missing: the change has the \
         other sign.",
        |parts| parts.sign = 1.0,
    ),
    fault(
        "stride ignored",
        "Your change has the size of the map that is read. The convolution takes every stride-th place.",
        |parts| parts.strided = false,
    ),
    fault(
        "no padding",
        "Your change is smaller than the map: the network pads with kernel / 2 zeros on each side.",
        |parts| parts.border = |_| 0,
    ),
    fault(
        "one zero around every map",
        "Your shape does not fit every kernel: you pad with 1. It is kernel / 2, none for 1×1 and 2 for 5×5.",
        |parts| parts.border = |_| 1,
    ),
    fault(
        "the kernel turned",
        "You turned the kernel by 180°, as mathematicians' convolution does. The network's does not.",
        |parts| parts.turned = true,
    ),
    fault(
        "all others silenced",
        "You silenced every other unit and kept the one.",
        |parts| parts.silence = Silence::AllOthers,
    ),
    fault(
        "all units silenced",
        "You set the whole site to 0. Only one unit is silenced, the others stay.",
        |parts| parts.silence = Silence::All,
    ),
    fault(
        "nothing silenced",
        "At the site of `to` both your runs are the same. What the visitor of forward_visit returns takes the \
         activation's place: return Some at the site of `from`, which comes first.",
        |parts| parts.silence = Silence::Nothing,
    ),
    fault(
        "the unit's mean instead of 0",
        "You put the unit's mean in its place. Here it is set to 0.",
        |parts| parts.silence = Silence::ItsMean,
    ),
    fault(
        "the unit's mean of each image instead of 0",
        "You put the unit's mean over each image in its place. Here it is set to 0.",
        |parts| parts.silence = Silence::ItsMeanPerImage,
    ),
    fault(
        "before minus after",
        "You subtracted the other way round. A change is after − before.",
        |parts| parts.silence = Silence::MinusBefore,
    ),
    fault(
        "nothing over nothing",
        "Where nothing was predicted you divide 0 by 0. The share is 0 then.",
        |parts| parts.share = |predicted, measured| size(measured) / size(predicted),
    ),
    fault(
        "what is held back",
        "You returned the share that is held back: 1 minus what comes through.",
        |parts| {
            parts.share = |predicted, measured| match size(predicted) {
                0.0 => 0.0,
                all => 1.0 - size(measured) / all,
            }
        },
    ),
    fault(
        "predicted over measured",
        "Your share is upside down: measured stands above, predicted below.",
        |parts| parts.share = |predicted, measured| divided(size(predicted), size(measured)),
    ),
    fault(
        "changes added with their signs",
        "You added the changes with their signs, and a loss and a gain cancel. Take magnitudes first.",
        |parts| parts.share = |predicted, measured| divided(measured.iter().sum(), predicted.iter().sum()),
    ),
    fault(
        "mean of the shares",
        "You averaged the share of each place, so that a small change counts as much as a large one. Divide the sums.",
        |parts| {
            parts.share = |predicted, measured| {
                let both = predicted.iter().zip(measured);
                both.map(|(p, m)| divided(m.abs(), p.abs())).sum::<f64>() / predicted.len() as f64
            }
        },
    ),
];

fn number(network: &ResNet, name: &str, place: usize) -> Result<f64> {
    let values = network.parameter(name)?.to_vec1::<f32>()?;
    match values.get(place) {
        Some(&value) => Ok(f64::from(value)),
        None => bail!("{place} of {name}"),
    }
}

fn connection(n: &ResNet, conv: &str, norm: &str, from: usize, to: usize, parts: Parts) -> Result<Tensor> {
    let channel = if parts.norm_of_from { from } else { to };
    let gamma = number(n, &format!("{norm}.weight"), channel)?;
    let variance = number(n, &format!("{norm}.running_var"), channel)?;
    let kernels = n.parameter(&format!("{conv}.weight"))?;
    let (.., height, width) = kernels.dims4()?;
    let (row, column) = if parts.ends_swapped { (from, to) } else { (to, from) };
    // Swapped, both may be out of range; the error is then that of everybody who swaps them.
    let values = kernels.get(row)?.get(column)?.flatten_all()?.to_vec1::<f32>()?;
    let factor = (parts.factor)(gamma, variance);
    let values: Vec<f32> = values.iter().map(|&w| (f64::from(w) * factor) as f32).collect();
    Tensor::from_vec(values, (height, width), &Device::Cpu)
}

fn shortcut(n: &ResNet, block: &str, from: usize, to: usize, parts: Parts) -> Result<f64> {
    if parts.shortcut == Way::AlwaysOne {
        return Ok(1.0);
    }
    let [conv, norm] = [format!("{block}.downsample.0"), format!("{block}.downsample.1")];
    if !n.parameters().keys().any(|name| name.starts_with(&conv)) {
        return Ok(f64::from(u8::from(from == to)));
    }
    let own = match parts.shortcut {
        Way::RawProjection => Parts {
            factor: |_, _| 1.0,
            ..parts
        },
        _ => parts,
    };
    let kernel = connection(n, &conv, &norm, from, to, own)?;
    Ok(f64::from(kernel.flatten_all()?.to_vec1::<f32>()?[0]))
}

/// Place by place.
fn predicted(map: &Tensor, kernel: &Tensor, stride: usize, parts: Parts) -> Result<Tensor> {
    let (batch, height, width) = map.dims3()?;
    let weights = kernel.to_vec2::<f32>()?;
    let maps = map.to_vec3::<f32>()?;
    let (size, stride) = (weights.len(), if parts.strided { stride } else { 1 });
    let border = (parts.border)(size);
    let places = |side: usize| (side + 2 * border - size) / stride + 1;
    let mut values = vec![];
    for map in &maps {
        for i in 0..places(height) {
            for j in 0..places(width) {
                let mut sum = 0.0;
                for (k, row) in weights.iter().enumerate() {
                    for (l, _) in row.iter().enumerate() {
                        let (y, x) = (
                            (i * stride + k).wrapping_sub(border),
                            (j * stride + l).wrapping_sub(border),
                        );
                        let weight = if parts.turned {
                            weights[size - 1 - k][size - 1 - l]
                        } else {
                            weights[k][l]
                        };
                        sum += map
                            .get(y)
                            .and_then(|row| row.get(x))
                            .map_or(0.0, |value| value * weight);
                    }
                }
                values.push(sum * parts.sign as f32);
            }
        }
    }
    Tensor::from_vec(values, (batch, places(height), places(width)), &Device::Cpu)
}

fn measured(n: &ResNet, images: &Tensor, from: (&str, usize), to: (&str, usize), parts: Parts) -> Result<Tensor> {
    let sites = n.sites();
    if !sites.iter().any(|site| site == from.0) || !sites.iter().any(|site| site == to.0) {
        bail!("no such site")
    }
    let before = n
        .capture(images, &[to.0])?
        .activation(to.0)?
        .narrow(1, to.1, 1)?
        .squeeze(1)?;
    let mut after = None;
    n.forward_visit(images, &mut |site, activation| {
        if site == to.0 {
            after = Some(activation.narrow(1, to.1, 1)?.squeeze(1)?);
        }
        if !(parts.hit)(site, from.0) || parts.silence == Silence::Nothing {
            return Ok(None);
        }
        let channels = activation.dim(1)?;
        if from.1 >= channels {
            bail!("unit {}", from.1)
        }
        let lost = |c: usize| match parts.silence {
            Silence::AllOthers => c != from.1,
            Silence::All => true,
            _ => c == from.1,
        };
        let lost: Vec<f32> = (0..channels).map(|c| f32::from(u8::from(lost(c)))).collect();
        let lost = tensor(&lost, (1, channels, 1, 1));
        let instead = match parts.silence {
            Silence::ItsMean => activation.mean_keepdim((0, 2, 3))?,
            Silence::ItsMeanPerImage => activation.mean_keepdim((2, 3))?,
            _ => activation.mean_keepdim((2, 3))?.zeros_like()?,
        };
        let kept = activation.broadcast_mul(&lost.affine(-1.0, 1.0)?)?;
        kept.broadcast_add(&instead.broadcast_mul(&lost)?).map(Some)
    })?;
    let Some(after) = after else { bail!("not seen") };
    match parts.silence {
        Silence::MinusBefore => before - after,
        _ => after - before,
    }
}

fn share(predicted: &Tensor, measured: &Tensor, parts: Parts) -> Result<f64> {
    let list = |x: &Tensor| -> Result<Vec<f64>> {
        let values = x.flatten_all()?.to_vec1::<f32>()?;
        Ok(values.into_iter().map(f64::from).collect())
    };
    Ok((parts.share)(&list(predicted)?, &list(measured)?))
}

fn answer(parts: Parts) -> Circuit {
    Circuit {
        connection: keep(Box::new(
            move |n: &ResNet, conv: &str, norm: &str, from: usize, to: usize| {
                connection(n, conv, norm, from, to, parts)
            },
        )),
        shortcut: keep(Box::new(move |n: &ResNet, block: &str, from: usize, to: usize| {
            shortcut(n, block, from, to, parts)
        })),
        predicted: keep(Box::new(move |map: &Tensor, kernel: &Tensor, stride: usize| {
            predicted(map, kernel, stride, parts)
        })),
        measured: keep(Box::new(
            move |n: &ResNet, images: &Tensor, from: (&str, usize), to: (&str, usize)| {
                measured(n, images, from, to, parts)
            },
        )),
        share: keep(Box::new(move |a: &Tensor, b: &Tensor| share(a, b, parts))),
    }
}

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

/// 4.12
pub fn circuit(seed: u64) -> Exam<Circuit> {
    let exam = Exam::new("4.12", ex4_12!(solution04)).faults("place by place", &RIGHT, answer, FAULTS);
    proofs(changes(seed, weights(seed, exam)))
}

/// What stands in the parameters.
fn weights(seed: u64, exam: Exam<Circuit>) -> Exam<Circuit> {
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

/// What happens if a unit is silenced.
fn changes(seed: u64, exam: Exam<Circuit>) -> Exam<Circuit> {
    let mut random = Random::new(seed, 413);
    let config = Config::resnet18().width(4).classes(3).stem(Stem::Cifar);
    let network = lively(&mut random, &config).expect("a small network");
    let fixture = (
        network,
        random.signed((2, 3, 11, 14)),
        random.signed((5, 5, 7)),
        (random.signed((3, 3)), random.signed((5, 5))),
    );
    let close = Tolerance::new(1e-3, 1e-4);
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
            .case("five random maps of 5×7, stride 1", |f, (.., maps, (kernel, _))| {
                (f.predicted)(maps, kernel, 1)
            })
            .because(MAP)
            .holds(Batch)
            .case("two of the five, stride 2", |f, (.., maps, (kernel, _))| {
                (f.predicted)(&maps.narrow(0, 0, 2)?, kernel, 2)
            })
            .because(MAP)
            .case(
                "two of the five, a random kernel of 5×5",
                |f, (.., maps, (_, kernel))| (f.predicted)(&maps.narrow(0, 0, 2)?, kernel, 1),
            )
            .because(MAP)
            .case("two of the five in transposed tensors", |f, (.., maps, (kernel, _))| {
                (f.predicted)(&askew(&maps.narrow(0, 0, 2)?), &askew(kernel), 1)
            })
            .holds(NotContiguous)
            .part("measured_change")
            .case(
                "layer2.1: unit 3 of relu silenced, unit 5 of bn2",
                |f, (n, images, ..)| (f.measured)(n, images, ("layer2.1.relu", 3), ("layer2.1.bn2", 5)),
            )
            .within(close)
            .because(
                "Unit 5 of bn2, with unit 3 of relu set to 0 less without, for each image and place, with its sign.",
            )
            .truth(
                "the same: how far, relative to the largest, is the change from what the weights predict?",
                0.0,
                |f, (n, images, ..)| {
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
            .case(
                "unit 1 of relu silenced, unit 2 of layer1.0.relu",
                |f, (n, images, ..)| (f.measured)(n, images, ("relu", 1), ("layer1.0.relu", 2)),
            )
            .within(close)
            .because("layer1.0.relu_1 and layer1.0.relu are two sites: a site goes by its whole name.")
            .holds(Names)
            .case(
                "unit 2 of layer1.0.relu silenced, unit 1 of layer1.1.relu",
                |f, (n, images, ..)| (f.measured)(n, images, ("layer1.0.relu", 2), ("layer1.1.relu", 1)),
            )
            .within(close)
            .because("layer1.0.relu_1 is another site: it stays as it comes.")
            .holds(Names)
            .refuses(
                "measured_change from layer9, which is no site of the network",
                |f, (n, images, ..)| (f.measured)(n, images, ("layer9", 0), ("layer1", 0)),
            )
            .refuses(
                "measured_change from unit 8 of the 8 of layer2.1.relu",
                |f, (n, images, ..)| (f.measured)(n, images, ("layer2.1.relu", 8), ("layer2.1.bn2", 0)),
            )
    })
    .part("share_let_through")
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

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Circuit>] = &[
    slip(Sizes, "only kernels with as many inputs as outputs", |f| {
        f.connection = &|n, conv, norm, from, to| match n.parameter(&format!("{conv}.weight"))?.dims4()? {
            (outputs, inputs, ..) if outputs != inputs && inputs > 3 => bail!("{outputs} and {inputs}"),
            _ => connection(n, conv, norm, from, to, RIGHT),
        }
    }),
    slip(Wiring, "the batch norm by the convolution's name", |f| {
        f.connection = &|n, conv, _, from, to| connection(n, conv, &conv.replace("conv", "bn"), from, to, RIGHT)
    }),
    slip(Scale, "changes below 1e-12 taken for none", |f| {
        f.share = &|a, b| match a.abs()?.max_all()?.to_scalar::<f32>()? {
            ..1e-12 => Ok(0.0),
            _ => share(a, b, RIGHT),
        }
    }),
    slip(Names, "the first parameter that ends so", |f| {
        f.connection = &|n, conv, norm, from, to| match conv {
            "conv1" => connection(n, "layer1.0.conv1", "layer1.0.bn1", from, to, RIGHT),
            _ => connection(n, conv, norm, from, to, RIGHT),
        }
    }),
    slip(Names, "every site that ends so", |f| {
        f.measured = &|n, images, from, to| match from.0 {
            "relu" => measured(n, images, ("layer1.0.relu", from.1), to, RIGHT),
            _ => measured(n, images, from, to, RIGHT),
        }
    }),
    slip(Names, "every site that begins so", |f| {
        f.measured = &|n, images, from, to| {
            let hit = |site: &str, from: &str| site.starts_with(from);
            measured(n, images, from, to, Parts { hit, ..RIGHT })
        }
    }),
    slip(Errors, "a site that never comes by changes nothing", |f| {
        f.measured = &|n, images, from, to| {
            if n.sites().iter().any(|site| site == from.0) {
                measured(n, images, from, to, RIGHT)
            } else {
                measured(n, images, to, to, RIGHT)? * 0.0
            }
        }
    }),
    slip(Errors, "the last unit for one that is missing", |f| {
        f.connection = &|n, conv, norm, from, to| {
            let (units, ..) = n.parameter(&format!("{conv}.weight"))?.dims4()?;
            connection(n, conv, norm, from, to.min(units - 1), RIGHT)
        }
    }),
    slip(Errors, "a unit that is missing changes nothing", |f| {
        f.measured = &|n, images, from, to| match from.1 {
            8.. => measured(n, images, to, to, RIGHT)? * 0.0,
            _ => measured(n, images, from, to, RIGHT),
        }
    }),
    slip(Batch, "four maps at most", |f| {
        f.predicted = &|map, kernel, stride| predicted(&first_of(map, 4)?, kernel, stride, RIGHT)
    }),
    slip(NotContiguous, "only maps that lie in order", |f| {
        f.predicted = &|map, kernel, stride| {
            in_order(&[map, kernel])?;
            predicted(map, kernel, stride, RIGHT)
        }
    }),
];

/// What is wrong, and what it replaces in a right answer.
type Refused = (&'static str, fn(&mut Circuit));

/// Answers that once passed.
const PASSED: &[Refused] = &[
    ("a projection without its sign", |f| {
        f.shortcut = &|n, block, from, to| Ok(shortcut(n, block, from, to, RIGHT)?.abs())
    }),
    ("the input added to its projection", |f| {
        f.shortcut = &|n, block, from, to| {
            let projects = n.parameters().contains_key(&format!("{block}.downsample.0.weight"));
            let added = if projects && from == to { 1.0 } else { 0.0 };
            Ok(shortcut(n, block, from, to, RIGHT)? + added)
        }
    }),
    ("every block of a layer that projects", |f| {
        f.shortcut = &|n, block, from, to| match block {
            "layer2.1" => shortcut(n, "layer2.0", from, to, RIGHT),
            _ => shortcut(n, block, from, to, RIGHT),
        }
    }),
    ("layer1.0 never projects", |f| {
        f.shortcut = &|n, block, from, to| match block {
            "layer1.0" => Ok(f64::from(u8::from(from == to))),
            _ => shortcut(n, block, from, to, RIGHT),
        }
    }),
    ("a map above 0 only", |f| {
        f.predicted = &|map, kernel, stride| predicted(&map.maximum(0f32)?, kernel, stride, RIGHT)
    }),
    ("a share of 1 at most", |f| {
        f.share = &|a, b| Ok(share(a, b, RIGHT)?.min(1.0))
    }),
    ("only what goes the predicted way", |f| {
        f.share = &|a, b| share(a, &(b * (a * b)?.gt(0f32)?.to_dtype(b.dtype())?)?, RIGHT)
    }),
    ("how many places change", |f| {
        f.share = &|a, b| {
            let places = |x: &Tensor| x.ne(0f32)?.to_dtype(x.dtype());
            share(&places(a)?, &places(b)?, RIGHT)
        }
    }),
];

fn proofs(exam: Exam<Circuit>) -> Exam<Circuit> {
    exam.proofs(answer(RIGHT), PROOFS)
        .refused(answer(RIGHT), PASSED)
        .spared(&[Combined], "stride, sizes and padding come together in the inputs")
        .spared(
            &[Sign],
            "factors, kernels and changes of both signs are among the inputs",
        )
        .spared(&[Ties, Empty], "nothing is chosen; an empty batch is not spoken of")
        .spared(&[Returned], "each function is asked for by itself")
        .spared(&[NotFinite], "NaN is not spoken of")
}
