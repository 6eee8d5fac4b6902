use candle_core::{Result, Tensor};

use crate::Exam;
use crate::inputs::{Random, tensor};

/// `solution05::channel_weights`
pub type ChannelWeights = fn(&Tensor) -> Result<Tensor>;

/// 5.2
pub fn channel_weights(seed: u64) -> Exam<ChannelWeights> {
    let mut random = Random::new(seed, 52);
    let gradients = random.signed((2, 3, 2, 4));
    let flat = random.signed((3, 2, 4));

    Exam::new("5.2", solution05::channel_weights as ChannelWeights)
        .mistake(
            "sum instead of mean",
            "You added up the places. The weight is their average: divide by height · width.",
            |g| g.sum_keepdim((2, 3)),
        )
        .mistake(
            "magnitude of the gradient",
            "You took the magnitude of the gradient. A channel that speaks against the class must get a negative \
             weight.",
            |g| g.abs()?.mean_keepdim((2, 3)),
        )
        .mistake(
            "positive gradients only",
            "You cut the gradients at zero. All of them count; the ReLU of Grad-CAM comes later, on the map.",
            |g| g.relu()?.mean_keepdim((2, 3)),
        )
        .mistake(
            "relu on the weight",
            "Your weights are cut at zero. A channel may speak against the class; the ReLU of Grad-CAM comes \
             later, on the map.",
            |g| g.mean_keepdim((2, 3))?.relu(),
        )
        .mistake(
            "mean over the channels",
            "You averaged over the channels and kept the places. It is the other way round: one number per channel.",
            |g| g.mean_keepdim(1),
        )
        .mistake(
            "mean over the batch too",
            "You averaged over the images as well. Each image has weights of its own.",
            |g| g.mean_keepdim((0, 2, 3)),
        )
        .mistake(
            "height only",
            "You averaged over one side only. Both, height and width, belong to the map.",
            |g| g.mean_keepdim(2),
        )
        .mistake(
            "the dimensions dropped",
            "The values are right, the shape is not: keep height and width as dimensions of 1, so that the weights \
             broadcast over the activation. mean_keepdim does.",
            |g| g.mean((2, 3)),
        )
        .mistake(
            "largest gradient",
            "You took the largest gradient of each map. The weight is the average.",
            |g| g.max_keepdim(2)?.max_keepdim(3),
        )
        .alternative("flatten, then mean", |g| {
            let (batch, channels, _, _) = g.dims4()?;
            g.flatten_from(2)?.mean(2)?.reshape((batch, channels, 1, 1))
        })
        .alternative("sum, then divide", |g| {
            let (_, _, height, width) = g.dims4()?;
            g.sum_keepdim(3)?.sum_keepdim(2)? / (height * width) as f64
        })
        .truth("two channels of 2×2", tensor(&[1., -1.], (1, 2, 1, 1)), |f| {
            f(&tensor(&[1., 2., 3., -2., -4., 0., 0., 0.], (1, 2, 2, 2)))
        })
        .because("(1 + 2 + 3 − 2) / 4 and −4 / 4.")
        .case("random gradients [2, 3, 2, 4]", move |f| f(&gradients))
        .refuses("gradients [3, 2, 4] without a batch", move |f| f(&flat))
}
