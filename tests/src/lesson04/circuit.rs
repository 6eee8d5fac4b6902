mod answer;
mod inputs;

use candle_core::{Result, Tensor, bail};
use resnet::ResNet;

use crate::Hazard::*;
use crate::inputs::{first_of, in_order};
use crate::{Exam, Fault, Refused, Slip, fault, slip};
use answer::{Parts, RIGHT, Silence, Way, answer, connection, divided, measured, predicted, share, shortcut, size};
use inputs::{changes, predictions, shares, weights};

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

/// 4.12
pub fn circuit(seed: u64) -> Exam<Circuit> {
    let exam = Exam::new("4.12", ex4_12!(solution04)).faults("place by place", &RIGHT, answer, FAULTS);
    proofs(shares(changes(seed, predictions(seed, weights(seed, exam)))))
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
    slip(Sign, "what lies below 0 at layer2.1.conv2 cut off", |f| {
        f.measured = &|n, images, from, to| {
            let seen = measured(n, images, from, to, RIGHT)?;
            if to.0 != "layer2.1.conv2" {
                return Ok(seen);
            }
            let before = n.activation(images, to.0)?.narrow(1, to.1, 1)?.squeeze(1)?;
            (&before + seen)?.relu()? - before.relu()?
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

/// Answers that once passed.
const PASSED: &[Refused<Circuit>] = &[
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
        .spared(&[Ties, Empty], "nothing is chosen; an empty batch is not spoken of")
        .spared(&[Returned], "each function is asked for by itself")
        .spared(&[NotFinite], "NaN is not spoken of")
}
