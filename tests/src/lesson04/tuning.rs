mod answer;
mod inputs;

use candle_core::{Device, Result, Tensor, bail};
use resnet::ResNet;
use scenes::{Scene, Shape};

use crate::Hazard::*;
use crate::inputs::in_order;
use crate::{Exam, Fault, Refused, Slip, fault, slip};
use answer::{
    Parts, Pool, RIGHT, Shuffle, Spread, Values, answer, curve, index, mean, ratio, responses, shuffled, variants,
};
use inputs::{numbers, on_scenes, shuffles};

type Counterfactuals = dyn Fn(&Scene, usize) -> Result<Vec<Scene>> + Sync;

type Responses = dyn Fn(&ResNet, &str, usize, &[Scene], usize) -> Result<Tensor> + Sync;

/// Means and half widths.
type Curve = dyn Fn(&Tensor) -> Result<(Vec<f64>, Vec<f64>)> + Sync;

/// The five functions of exercise 4.10; a factor is its place in `Factor::ALL`.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Tuning {
    pub counterfactuals: &'static Counterfactuals,
    pub responses: &'static Responses,
    pub curve: &'static Curve,
    pub index: &'static (dyn Fn(&[f64]) -> Result<f64> + Sync),
    #[allow(clippy::type_complexity, reason = "one use")]
    pub shuffled: &'static (dyn Fn(&Tensor, usize, u64) -> Result<Vec<f64>> + Sync),
}

/// The attempt at 4.10 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex4_10 {
    ($lesson:ident) => {
        $crate::lesson04::Tuning {
            counterfactuals: &|scene, factor| $lesson::counterfactuals(scene, $lesson::Factor::ALL[factor]),
            responses: &|network, site, unit, scenes, factor| {
                $lesson::responses(network, site, unit, scenes, $lesson::Factor::ALL[factor])
            },
            curve: &|responses| $lesson::tuning_curve(responses).map(|curve| (curve.mean, curve.half)),
            index: &|curve| $lesson::tuning_index(curve),
            shuffled: &|responses, count, seed| $lesson::shuffled_indices(responses, count, seed),
        }
    };
}

const FAULTS: &[Fault<Parts>] = &[
    fault(
        "the scene's own value left out",
        "The value that the scene already has is missing. It is one of the values: the curve needs it, and \
         each scene gives as many responses as the factor has values.",
        |parts| parts.values = Values::OthersOnly,
    ),
    fault(
        "the scene itself first",
        "Your list begins with the scene as it was. Then column 0 holds another value in every scene, and the \
         means mix them: keep the order of ALL.",
        |parts| parts.values = Values::OwnFirst,
    ),
    fault(
        "another property changed as well",
        "Your variants differ in more than the factor: their shape is not that of the scene. Change one thing \
         and leave everything else.",
        |parts| parts.values = Values::ShapeToo,
    ),
    fault(
        "all figures changed",
        "You changed every figure of the scene. Only the first one changes.",
        |parts| parts.values = Values::AllFigures,
    ),
    fault(
        "the last figure changed",
        "You changed the last figure. The first one has index 0.",
        |parts| parts.values = Values::LastFigure,
    ),
    fault(
        "not normalized",
        "The network got the images as they are shown. It was trained on normalized ones: resnet::normalize \
         comes first.",
        |parts| parts.normalize = |images| Ok(images.clone()),
    ),
    fault(
        "largest of the map",
        "You took the largest value of the map. The response is its mean.",
        |parts| parts.pool = Pool::Largest,
    ),
    fault(
        "sum over the map",
        "You added the map up. The response is its mean, so that sites of different size can be compared.",
        |parts| parts.pool = Pool::Sum,
    ),
    fault(
        "the unit in the middle",
        "You took the unit in the middle of the map. The figure may lie elsewhere: take the mean of the map.",
        |parts| parts.pool = Pool::Middle,
    ),
    fault(
        "values by scenes",
        "Your table is [values, scenes]. A row is a scene: [scenes, values].",
        |parts| parts.transposed = true,
    ),
    fault(
        "the deviation of a scene",
        "Your interval is that of a single scene. The mean of n scenes is surer by √n: 1.96·s/√n.",
        |parts| parts.spread = Spread::OfOneScene,
    ),
    fault(
        "n instead of n − 1",
        "You divided the squares by n. The deviation around a mean that was itself estimated takes n − 1.",
        |parts| parts.spread = Spread::Population,
    ),
    fault(
        "one standard error",
        "Your interval is one standard error. For 95 % it is 1.96 of them.",
        |parts| parts.spread = Spread::OneError,
    ),
    fault(
        "best against all",
        "Your second mean is that of all values, the best one included. It goes over the others only.",
        |parts| parts.index = |sorted| ratio(sorted[0], mean(sorted)),
    ),
    fault(
        "best against the second",
        "You compared the best mean with the second best. It stands against the mean of all others.",
        |parts| parts.index = |sorted| ratio(sorted[0], sorted[1]),
    ),
    fault(
        "best against the smallest",
        "You compared the best mean with the smallest. It stands against the mean of all others.",
        |parts| parts.index = |sorted| ratio(sorted[0], sorted[sorted.len() - 1]),
    ),
    fault(
        "best against the sum of the others",
        "You added the others up. Take their mean, or more values would make a smaller index.",
        |parts| parts.index = |sorted| ratio(sorted[0], sorted[1..].iter().sum()),
    ),
    fault(
        "not relative",
        "You returned best − others. Divided by best + others it lies between 0 and 1 whatever the unit's scale.",
        |parts| parts.index = |sorted| sorted[0] - mean(&sorted[1..]),
    ),
    fault(
        "zero over zero",
        "A unit that answers to nothing gave NaN: 0 / 0. It is selective for nothing: 0.",
        |parts| {
            parts.index = |sorted| {
                let (best, others) = (sorted[0], mean(&sorted[1..]));
                (best - others) / (best + others)
            }
        },
    ),
    fault(
        "one order for all scenes",
        "Your indices are all that of the curve itself. One order for all scenes, or a shuffled curve, only renames \
         the values; whole scenes in another order, or one column by itself, leave the means. Shuffle each row by \
         itself.",
        |parts| parts.shuffle = Shuffle::OneOrder,
    ),
    fault(
        "drawn with replacement",
        "You drew responses of the row with replacement: some are lost, others count twice. To deal out is to shuffle.",
        |parts| parts.shuffle = Shuffle::WithReplacement,
    ),
    fault(
        "one shuffle, many times",
        "All your indices are the same number: the generator begins anew with each shuffle. Make it once.",
        |parts| parts.shuffle = Shuffle::SameEachTime,
    ),
    fault(
        "the whole table shuffled",
        "Responses moved from one scene to another. Scenes differ for many reasons; only what a factor does \
         within a scene is in question: shuffle each row by itself.",
        |parts| parts.shuffle = Shuffle::WholeTable,
    ),
];

/// 4.10
pub fn tuning(seed: u64) -> Exam<Tuning> {
    let exam = Exam::new("4.10", ex4_10!(solution04))
        .faults("variant by variant", &RIGHT, answer, FAULTS)
        .alternative("one batch for all scenes", at_once());
    proofs(shuffles(seed, numbers(seed, on_scenes(seed, exam))))
}

/// All variants of all scenes through the network together.
fn at_once() -> Tuning {
    Tuning {
        responses: &|network, site, unit, scenes, factor| {
            let all = scenes
                .iter()
                .map(|scene| variants(scene, factor, Values::All))
                .collect::<Result<Vec<_>>>()?;
            let rendered: Vec<_> = all.concat().iter().map(Scene::render).collect();
            let images = resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)?;
            let trace = network.capture(&images, &[site])?;
            let means = trace.activation(site)?.mean((2, 3))?.narrow(1, unit, 1)?;
            means.reshape((scenes.len(), ()))
        },
        ..answer(RIGHT)
    }
}

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Tuning>] = &[
    slip(Names, "the first site that ends so", |f| {
        f.responses = &|network, site, unit, scenes, factor| {
            let site = if site == "layer1.0.relu" { "relu" } else { site };
            responses(network, site, unit, scenes, factor, RIGHT)
        }
    }),
    slip(Sign, "a map cut at 0", |f| {
        f.responses = &|network, site, unit, scenes, factor| match site {
            "bn1" => responses(network, "relu", unit, scenes, factor, RIGHT),
            _ => responses(network, site, unit, scenes, factor, RIGHT),
        }
    }),
    slip(Errors, "no scene gives no row", |f| {
        f.responses = &|network, site, unit, scenes, factor| match scenes {
            [] => Tensor::zeros((0, Shape::COUNT), candle_core::DType::F32, &Device::Cpu),
            _ => responses(network, site, unit, scenes, factor, RIGHT),
        }
    }),
    slip(NotContiguous, "only a table that lies in order", |f| {
        f.curve = &|table| {
            in_order(&[table])?;
            curve(table, RIGHT)
        }
    }),
    slip(Scale, "responses below 1e-8 taken for 0", |f| {
        f.curve = &|table| {
            let kept = table.abs()?.gt(1e-8f32)?.to_dtype(table.dtype())?;
            curve(&(table * kept)?, RIGHT)
        }
    }),
    slip(Scale, "mean of the squares less square of the mean", |f| {
        f.curve = &|table| {
            let (n, mean) = (table.dim(0)? as f64, table.mean(0)?);
            let spread = (table.sqr()?.mean(0)? - mean.sqr()?)?.maximum(0f32)?;
            let half = ((spread / (n - 1.0))?.sqrt()? * 1.96)?.to_vec1::<f32>()?;
            Ok((curve(table, RIGHT)?.0, half.into_iter().map(f64::from).collect()))
        }
    }),
    slip(Scale, "a small number below the line", |f| {
        f.index = &|means| Ok(index(means, RIGHT)? / (1.0 + 1e-9 / means.iter().sum::<f64>().max(1e-30)))
    }),
    slip(Ties, "best means above all others", |f| {
        f.index = &|means| match means {
            [a, b] if a == b => bail!("no best"),
            _ => index(means, RIGHT),
        }
    }),
    slip(Empty, "one shuffle at least", |f| {
        f.shuffled = &|table, count, seed| shuffled(table, count.max(1), seed, RIGHT)
    }),
];

/// Answers that once passed, or were named wrongly.
const PASSED: &[Refused<Tuning>] = &[
    ("the badge lost", |f| {
        f.counterfactuals = &|scene, factor| variants(&scene.with_badge(None), factor, Values::All)
    }),
    ("the seed ignored", |f| {
        f.shuffled = &|table, count, _| shuffled(table, count, 0, RIGHT)
    }),
    ("the index of each scene, averaged", |f| {
        f.shuffled = &|table, count, _| {
            let of = |row: Vec<f32>| index(&row.into_iter().map(f64::from).collect::<Vec<_>>(), RIGHT);
            let all = table
                .to_vec2::<f32>()?
                .into_iter()
                .map(of)
                .collect::<Result<Vec<_>>>()?;
            Ok(vec![mean(&all); count])
        }
    }),
];

fn proofs(exam: Exam<Tuning>) -> Exam<Tuning> {
    exam.proofs(answer(RIGHT), PROOFS)
        .refused(answer(RIGHT), PASSED)
        .spared(&[Batch], "tried as mistakes: which row is which scene")
        .spared(&[Sizes], "numbers of scenes and values differ in every input")
        .spared(&[Combined], "site, unit and factor come together in the inputs")
        .spared(
            &[Returned, Wiring],
            "each function is asked for by itself; their order is tried as mistakes",
        )
        .spared(&[NotFinite], "NaN is not spoken of")
}
