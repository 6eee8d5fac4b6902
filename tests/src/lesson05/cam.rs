use candle_core::{Result, Tensor};
use resnet::{Window, ops};

use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Hazard::*, Slip, Wrong, ordered, slip, wrong};

/// `solution05::class_activation_map`
pub type ClassMap = fn(&Tensor, &Tensor, usize) -> Result<Tensor>;

/// The attempt at 5.1 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex5_1 {
    ($lesson:ident) => {
        $lesson::class_activation_map
    };
}

const SOLUTION: ClassMap = ex5_1!(solution05);

/// Channels times weights, added up.
fn weighted(activations: &Tensor, weights: &Tensor) -> Result<Tensor> {
    activations.broadcast_mul(&weights.reshape((1, (), 1, 1))?)?.sum(1)
}

const WRONG: &[Wrong<ClassMap>] = &[
    wrong(
        "relu on the map",
        "Your map has no negative values. It is signed: what is below 0 speaks against the class, and without it the \
         map no longer adds up to the logit.",
        |a, w, c| weighted(a, &w.get(c)?)?.relu(),
    ),
    wrong(
        "positive weights only",
        "Channels with a negative weight are missing from your map. Nothing is cut here, neither the weights nor the \
         map.",
        |a, w, c| weighted(a, &w.get(c)?.relu()?),
    ),
    wrong(
        "column instead of row",
        "You took a column of fc_weight: the weights of one channel for all classes. The class has a row.",
        |a, w, c| weighted(a, &w.t()?.get(c)?),
    ),
    wrong(
        "channels added up unweighted",
        "Your map is the same for every class: it adds up the channels and shows where the layer is active. Weigh \
         each channel with the class's weight first.",
        |a, _, _| a.sum(1),
    ),
    wrong(
        "the predicted class",
        "Your map is that of the class with the largest logit. It should be that of the class asked for, whatever the \
         network predicts.",
        |a, w, _| {
            let best = a.mean((2, 3))?.matmul(&w.t()?)?.argmax(1)?.to_vec1::<u32>()?;
            let maps = best
                .iter()
                .enumerate()
                .map(|(i, &class)| weighted(&a.narrow(0, i, 1)?, &w.get(class as usize)?));
            Tensor::cat(&maps.collect::<Result<Vec<_>>>()?, 0)
        },
    ),
    wrong(
        "mean over the channels",
        "You averaged over the channels. The logit adds them up: your map is too small by the number of channels.",
        |a, w, c| weighted(a, &w.get(c)?)? / a.dim(1)? as f64,
    ),
    wrong(
        "absolute weights",
        "You took the magnitude of the weights: channels that speak against the class now speak for it.",
        |a, w, c| weighted(a, &w.get(c)?.abs()?),
    ),
    wrong(
        "the channel dimension left in",
        "Your result still has a dimension of 1 where the channels were. sum(1) drops it, sum_keepdim(1) does not.",
        |a, w, c| weighted(a, &w.get(c)?)?.unsqueeze(1),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<ClassMap>] = &[
    ordered!("only what lies in order", |a, w, c| [a, w] => solution05::class_activation_map(a, w, c)),
    slip(Batch, "three images: the first one's map for all", |f| {
        *f = |a, w, c| {
            let map = solution05::class_activation_map(a, w, c)?;
            match (a.dim(0)?, a.is_contiguous()) {
                (3, true) => map.narrow(0, 0, 1)?.broadcast_as(map.shape())?.contiguous(),
                _ => Ok(map),
            }
        }
    }),
    slip(Sign, "activations below 0 left out", |f| {
        *f = |a, w, c| {
            if a.is_contiguous() {
                solution05::class_activation_map(&a.relu()?, w, c)
            } else {
                solution05::class_activation_map(a, w, c)
            }
        }
    }),
];

/// 5.1
pub fn class_activation_map(seed: u64) -> Exam<ClassMap> {
    spare(hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<ClassMap> {
    Exam::new("5.1", SOLUTION)
        .mistakes(WRONG)
        .alternative("a matrix product", |a, w, c| {
            let (batch, _, height, width) = a.dims4()?;
            let map = w.get(c)?.unsqueeze(0)?.broadcast_matmul(&a.flatten_from(2)?)?;
            map.reshape((batch, height, width))
        })
        .alternative("a convolution of kernel 1, then one of its maps", |a, w, c| {
            let (classes, channels) = w.dims2()?;
            let kernel = w.reshape((classes, channels, 1, 1))?;
            ops::conv2d(a, &kernel, Window::new(1))?.narrow(1, c, 1)?.squeeze(1)
        })
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<ClassMap>) -> Exam<ClassMap> {
    let mut random = Random::new(seed, 51);
    let activations = random.between(0.0, 1.0, (2, 4, 3, 5));
    let fc = random.signed((4, 4)); // as many classes as channels: rows and columns are easily confused
    let bias = random.signed(4);
    // What a ResNet does after its last feature maps.
    let logits = activations
        .mean((2, 3))
        .and_then(|features| features.matmul(&fc.t()?)?.broadcast_add(&bias))
        .expect("shapes that fit");
    let of_class_2 = logits.narrow(1, 2, 1).expect("four classes");
    let expected = of_class_2.flatten_all().expect("a list");
    let (activations_1, fc_1) = (activations.clone(), fc.clone());

    exam.truth(
        "two channels at two places, weights 1 and −1",
        tensor(&[1., -2.], (1, 1, 2)),
        |f| {
            f(
                &tensor(&[1., 0., 0., 2.], (1, 2, 1, 2)),
                &tensor(&[5., 7., 1., -1.], (2, 2)),
                1,
            )
        },
    )
    .because("1·1 − 1·0 = 1 on the left, 1·0 − 1·2 = −2 on the right.")
    .truth(
        "the map's mean plus the bias is the logit: 4 channels, class 2",
        expected,
        move |f| {
            let bias = bias.get(2)?.to_scalar::<f32>()?;
            f(&activations, &fc, 2)?.mean((1, 2))? + f64::from(bias)
        },
    )
    .because(
        "The network averages last and you average nothing: the mean over all places must be the logit \
                  without its bias.",
    )
    .case("a random [2, 4, 3, 5] activation, class 0 of 4", move |f| {
        f(&activations_1, &fc_1, 0)
    })
    .because(
        "At each place of each image the sum of its channels, each times the class's weight for it, and nothing else.",
    )
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<ClassMap>) -> Exam<ClassMap> {
    let mut random = Random::new(seed, 151);
    let fixture = (random.signed((3, 4, 5, 2)), random.signed((3, 4)));
    exam.truth(
        "two channels, weights 2 and −1, at three places",
        tensor(&[1., 2., -1.], (1, 1, 3)),
        |f| {
            f(
                &tensor(&[1., 1., 0., 1., 0., 1.], (1, 2, 1, 3)),
                &tensor(&[2., -1.], (1, 2)),
                0,
            )
        },
    )
    .because("2 − 1 = 1 where both are active, 2 where the first is, −1 where the second is.")
    .given(fixture, |on| {
        on.case(
            "three images whose columns come first in memory, transposed weights",
            |f, (a, w)| f(&askew(a), &askew(w), 2),
        )
        .because("Activations of both signs count as they are.")
        .holds(NotContiguous)
        .case(
            "three images of 5×2, activations of both signs, class 1 of 3",
            |f, (a, w)| f(a, w, 1),
        )
        .because("Each image has a map of its own; rows of 2 stay rows of 2.")
        .holds([Batch, Sign])
    })
    .proofs(SOLUTION, PROOFS)
}

/// What this exercise has no room for.
fn spare(exam: Exam<ClassMap>) -> Exam<ClassMap> {
    exam.spared(&[Errors], "the checks come with the stub")
        .spared(&[Sizes], "sides differ in every input, 5×2 and 3×5")
        .spared(&[Scale], "a sum of products: nothing depends on the size of the values")
        .spared(&[Returned], "tried as a mistake: the dimension of the channels")
        .spared(
            &[Combined, Ties, Names, Wiring],
            "no options, nothing is chosen, no names, no parts",
        )
        .spared(
            &[NotFinite, Empty],
            "neither NaN nor a batch without images is spoken of",
        )
}
