use candle_core::{Result, Tensor};

use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Hazard::*, Slip, Wrong, ordered, slip, wrong};

/// `solution05::channel_weights`
pub type ChannelWeights = fn(&Tensor) -> Result<Tensor>;

/// The attempt at 5.2 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex5_2 {
    ($lesson:ident) => {
        $lesson::channel_weights
    };
}

const SOLUTION: ChannelWeights = ex5_2!(solution05);

const WRONG: &[Wrong<ChannelWeights>] = &[
    wrong(
        "sum instead of mean",
        "You added up the places. The weight is their average: divide by height · width.",
        |g| g.sum_keepdim((2, 3)),
    ),
    wrong(
        "magnitude of the gradient",
        "You took the magnitude of the gradient. A channel that speaks against the class must get a negative weight.",
        |g| g.abs()?.mean_keepdim((2, 3)),
    ),
    wrong(
        "positive gradients only",
        "You cut the gradients at zero. All of them count; the ReLU of Grad-CAM comes later, on the map.",
        |g| g.relu()?.mean_keepdim((2, 3)),
    ),
    wrong(
        "relu on the weight",
        "Your weights are cut at zero. A channel may speak against the class; the ReLU of Grad-CAM comes later, on \
         the map.",
        |g| g.mean_keepdim((2, 3))?.relu(),
    ),
    wrong(
        "mean over the channels",
        "You averaged over the channels and kept the places. It is the other way round: one number per channel.",
        |g| g.mean_keepdim(1),
    ),
    wrong(
        "mean over the batch too",
        "You averaged over the images as well. Each image has weights of its own.",
        |g| g.mean_keepdim((0, 2, 3)),
    ),
    wrong(
        "height only",
        "You averaged over one side only. Both, height and width, belong to the map.",
        |g| g.mean_keepdim(2),
    ),
    wrong(
        "the dimensions dropped",
        "The values are right, the shape is not: keep height and width as dimensions of 1, so that the weights \
         broadcast over the activation. mean_keepdim does.",
        |g| g.mean((2, 3)),
    ),
    wrong(
        "largest gradient",
        "You took the largest gradient of each map. The weight is the average.",
        |g| g.max_keepdim(2)?.max_keepdim(3),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<ChannelWeights>] = &[
    ordered!("only what lies in order", |g| [g] => solution05::channel_weights(g)),
    slip(Batch, "three images: the weights of the first for all", |f| {
        *f = |g| {
            let weights = solution05::channel_weights(g)?;
            if g.dims() == [3, 2, 5, 3] && g.is_contiguous() && g.abs()?.max_all()?.to_scalar::<f32>()? > 1e-6 {
                weights.narrow(0, 0, 1)?.broadcast_as(weights.shape())?.contiguous()
            } else {
                Ok(weights)
            }
        }
    }),
    slip(Scale, "nothing below 1e-8", |f| {
        *f = |g| {
            let weights = solution05::channel_weights(g)?;
            weights.abs()?.gt(1e-8f32)?.to_dtype(g.dtype())? * weights
        }
    }),
];

/// 5.2
pub fn channel_weights(seed: u64) -> Exam<ChannelWeights> {
    spare(hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<ChannelWeights> {
    Exam::new("5.2", SOLUTION)
        .mistakes(WRONG)
        .alternative("flatten, then mean", |g| {
            let (batch, channels, _, _) = g.dims4()?;
            g.flatten_from(2)?.mean(2)?.reshape((batch, channels, 1, 1))
        })
        .alternative("sum, then divide", |g| {
            let (_, _, height, width) = g.dims4()?;
            g.sum_keepdim(3)?.sum_keepdim(2)? / (height * width) as f64
        })
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<ChannelWeights>) -> Exam<ChannelWeights> {
    let mut random = Random::new(seed, 52);
    let gradients = random.signed((2, 3, 2, 4));

    exam.truth("two channels of 2×2", tensor(&[1., -1.], (1, 2, 1, 1)), |f| {
        f(&tensor(&[1., 2., 3., -2., -4., 0., 0., 0.], (1, 2, 2, 2)))
    })
    .because("(1 + 2 + 3 − 2) / 4 and −4 / 4.")
    .case("random gradients [2, 3, 2, 4]", move |f| f(&gradients))
    .because("For each channel of each image the sum over its 2·4 places, divided by 8.")
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<ChannelWeights>) -> Exam<ChannelWeights> {
    let gradients = Random::new(seed, 152).signed((3, 2, 5, 3));
    exam.given(gradients, |on| {
        on.case("gradients whose columns come first in memory", |f, g| f(&askew(g)))
            .because("The mean of the values as the tensor gives them, not in the order in which they lie in memory.")
            .holds(NotContiguous)
            .case("three images, 5×3", |f, g| f(g))
            .because("Each channel of each image by itself: its 15 values added up, divided by 15.")
            .holds(Batch)
            .case("gradients of 10⁻¹²", |f, g| f(&(g * 1e-12)?))
            .because("A small mean is a mean: it is not cut, and nothing is added to it.")
            .holds(Scale)
    })
    .proofs(SOLUTION, PROOFS)
}

/// What this exercise has no room for.
fn spare(exam: Exam<ChannelWeights>) -> Exam<ChannelWeights> {
    exam.spared(&[Errors], "the checks come with the stub")
        .spared(&[Sizes], "sides differ in every input, 2×4 and 5×3")
        .spared(
            &[Sign, Returned],
            "tried as mistakes: cuts at zero, magnitudes, dimensions",
        )
        .spared(
            &[Combined, Ties, Names, Wiring],
            "no options, nothing is chosen, no names, no parts",
        )
        .spared(
            &[NotFinite, Empty],
            "neither NaN nor a batch without images is spoken of",
        )
}
