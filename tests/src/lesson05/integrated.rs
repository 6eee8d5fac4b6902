mod inputs;

use candle_core::{D, Result, Tensor, Var, bail};
use resnet::ResNet;

use crate::Hazard::*;
use crate::inputs::in_order;
use crate::{Exam, Fault, Slip, fault, keep, slip};
use inputs::{hazards, integrals, noisy};

/// `solution05::integrated_gradients`, `completeness_gap` and `smooth_grad`
#[derive(Clone, Copy)]
#[allow(missing_docs, clippy::type_complexity, reason = "the names say it")]
pub struct Integrate {
    pub integrated_gradients: &'static (dyn Fn(&ResNet, &Tensor, &[u32], &Tensor, usize) -> Result<Tensor> + Sync),
    pub completeness_gap: &'static (dyn Fn(&ResNet, &Tensor, &[u32], &Tensor, &Tensor) -> Result<Tensor> + Sync),
    pub smooth_grad: &'static (dyn Fn(&ResNet, &Tensor, &[u32], &Tensor) -> Result<Tensor> + Sync),
}

/// The attempt at 5.11 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex5_11 {
    ($lesson:ident) => {
        $crate::lesson05::Integrate {
            integrated_gradients: &$lesson::integrated_gradients,
            completeness_gap: &$lesson::completeness_gap,
            smooth_grad: &$lesson::smooth_grad,
        }
    };
}

const SOLUTION: Integrate = ex5_11!(solution05);

/// What an answer is made of.
#[derive(Clone, Copy)]
struct Parts {
    /// How far along the way step k of m is looked at.
    at: fn(f64, f64) -> f64,
    /// The image at this share of the way from the baseline to the image.
    path: fn(&Tensor, &Tensor, f64) -> Result<Tensor>,
    /// What the mean gradient is multiplied by, of image and baseline.
    factor: fn(&Tensor, &Tensor) -> Result<Tensor>,
    divide: fn(usize) -> f64,
    /// How many gradients there are, of m steps.
    count: fn(usize) -> usize,
    finish: fn(Tensor) -> Result<Tensor>,
    score: fn(&Tensor) -> Result<Tensor>,
    /// Of the sum, the image's score and the baseline's.
    gap: fn(f64, f64, f64) -> f64,
    /// Where a sample's gradient is taken: at what, of image and noise.
    noisy: fn(&Tensor, &Tensor) -> Result<Tensor>,
    /// A map of one image, of its samples' gradients, `[samples, 3, height, width]`.
    smooth: fn(&Tensor) -> Result<Tensor>,
}

const RIGHT: Parts = Parts {
    at: |k, m| (2.0 * k + 1.0) / (2.0 * m),
    path: |x, b, t| (x * t)? + (b * (1.0 - t))?,
    factor: |x, b| x - b,
    divide: |m| m as f64,
    count: |m| m,
    finish: Ok,
    score: |logits| Ok(logits.clone()),
    gap: |sum, x, b| (sum + b - x).abs(),
    noisy: |x, noise| x + noise,
    smooth: |gradients| gradients.mean(0)?.abs()?.max(0),
};

/// ∂score/∂image, `[3, height, width]`, of one image.
fn gradient(parts: Parts, network: &ResNet, image: &Tensor, class: u32) -> Result<Tensor> {
    let image = Var::from_tensor(&image.unsqueeze(0)?)?;
    let score = (parts.score)(&network.forward(&image)?)?.get(0)?.get(class as usize)?;
    let gradients = score.backward()?;
    match gradients.get(&image) {
        Some(gradient) => gradient.squeeze(0),
        None => bail!("the score does not depend on the image"),
    }
}

fn one_class_each(images: &Tensor, classes: &[u32]) -> Result<()> {
    if images.dims4()?.0 == classes.len() {
        Ok(())
    } else {
        bail!("one class per image")
    }
}

fn integrated(p: Parts, n: &ResNet, images: &Tensor, classes: &[u32], b: &Tensor, steps: usize) -> Result<Tensor> {
    one_class_each(images, classes)?;
    let baseline = b.get(0)?;
    let one = |(image, &class): (usize, &u32)| {
        let image = images.get(image)?;
        let at = |k: usize| (p.path)(&image, &baseline, (p.at)(k as f64, steps as f64));
        let gradients = (0..(p.count)(steps))
            .map(|k| gradient(p, n, &at(k)?, class))
            .collect::<Result<Vec<_>>>()?;
        let sum = Tensor::stack(&gradients, 0)?.sum(0)?;
        (p.finish)(((p.factor)(&image, &baseline)? * (sum / (p.divide)(steps))?)?)
    };
    Tensor::stack(&classes.iter().enumerate().map(one).collect::<Result<Vec<_>>>()?, 0)
}

fn gap(p: Parts, n: &ResNet, images: &Tensor, classes: &[u32], b: &Tensor, attributions: &Tensor) -> Result<Tensor> {
    one_class_each(images, classes)?;
    let score = |image: &Tensor, class: u32| -> Result<f64> {
        let scores = (p.score)(&n.forward(image)?)?;
        Ok(f64::from(scores.get(0)?.get(class as usize)?.to_scalar::<f32>()?))
    };
    let one = |(image, &class): (usize, &u32)| {
        let sum = attributions.get(image)?.sum_all()?.to_scalar::<f32>()?;
        let x = score(&images.narrow(0, image, 1)?, class)?;
        Ok((p.gap)(f64::from(sum), x, score(b, class)?) as f32)
    };
    Tensor::new(
        classes.iter().enumerate().map(one).collect::<Result<Vec<_>>>()?,
        images.device(),
    )
}

fn smooth(p: Parts, n: &ResNet, images: &Tensor, classes: &[u32], noise: &Tensor) -> Result<Tensor> {
    one_class_each(images, classes)?;
    if noise.dims()[1..] != *images.dims() {
        bail!("noise for these images");
    }
    let one = |(image, &class): (usize, &u32)| {
        let x = images.get(image)?;
        let of_sample = |s: usize| gradient(p, n, &(p.noisy)(&x, &noise.get(s)?.get(image)?)?, class);
        let gradients = (0..noise.dims()[0]).map(of_sample).collect::<Result<Vec<_>>>()?;
        (p.smooth)(&Tensor::stack(&gradients, 0)?)
    };
    Tensor::stack(&classes.iter().enumerate().map(one).collect::<Result<Vec<_>>>()?, 0)
}

fn answer(p: Parts) -> Integrate {
    Integrate {
        integrated_gradients: keep(Box::new(move |n: &ResNet, x: &Tensor, c: &[u32], b: &Tensor, m| {
            integrated(p, n, x, c, b, m)
        })),
        completeness_gap: keep(Box::new(
            move |n: &ResNet, x: &Tensor, c: &[u32], b: &Tensor, a: &Tensor| gap(p, n, x, c, b, a),
        )),
        smooth_grad: keep(Box::new(move |n: &ResNet, x: &Tensor, c: &[u32], noise: &Tensor| {
            smooth(p, n, x, c, noise)
        })),
    }
}

fn softmax(logits: &Tensor) -> Result<Tensor> {
    let shares = logits.exp()?;
    shares.broadcast_div(&shares.sum_keepdim(D::Minus1)?)
}

const FAULTS: &[Fault<Parts>] = &[
    fault(
        "left end of each step",
        "You took the gradient at the beginning of each step, so the image itself is never looked at and the \
         baseline is. The middle, (k − ½)/m, misses least.",
        |parts| parts.at = |k, m| k / m,
    ),
    fault(
        "right end of each step",
        "You took the gradient at the end of each step. The middle, (k − ½)/m, misses less with the same number \
         of steps.",
        |parts| parts.at = |k, m| (k + 1.0) / m,
    ),
    fault(
        "both ends",
        "You looked at m + 1 places, both ends among them, and averaged them with equal weight. There are m steps, and \
         each is looked at once, in its middle.",
        |parts| {
            parts.at = |k, m| k / m;
            parts.count = |m| m + 1;
            parts.divide = |m| (m + 1) as f64;
        },
    ),
    fault(
        "the image's gradient alone",
        "All your gradients are taken at the image itself: that is gradient × input. Take them along the way \
         from the baseline.",
        |parts| parts.at = |_, _| 1.0,
    ),
    fault(
        "not times the way",
        "This is the mean gradient alone. What a pixel contributes is that times how far it went: x − b.",
        |parts| parts.factor = |x, _| x.ones_like(),
    ),
    fault(
        "times the image",
        "You multiplied by the image. A pixel goes from the baseline to the image: times x − b.",
        |parts| parts.factor = |x, _| Ok(x.clone()),
    ),
    fault(
        "a way from zero",
        "Your way begins at 0 of the normalized image, whatever the baseline is. It begins at the baseline: b + \
         t·(x − b).",
        |parts| parts.path = |x, _, t| x * t,
    ),
    fault(
        "gradients added up",
        "You added the gradients up and did not divide: the more steps, the larger your result. Each step is \
         1/m of the way.",
        |parts| parts.divide = |_| 1.0,
    ),
    fault(
        "no sign",
        "Your attributions have no sign. Some pixels take away from the logit, and without them the sum does \
         not come out.",
        |parts| parts.finish = |a| a.abs(),
    ),
    fault(
        "probability instead of logit",
        "Your score went through a softmax. The sum is to be a difference of logits.",
        |parts| parts.score = softmax,
    ),
    fault(
        "gap with a sign",
        "Your gap has a sign. How far it is off counts, in either direction.",
        |parts| parts.gap = |sum, x, b| sum + b - x,
    ),
    fault(
        "the baseline's logit forgotten",
        "You compared the sum with the image's logit. The baseline has a logit, too: compare with the difference.",
        |parts| parts.gap = |sum, x, _| (sum - x).abs(),
    ),
    fault(
        "magnitude before the mean",
        "You took the magnitude of each sample's gradient and averaged that. Then nothing cancels: what \
         flickers from sample to sample stays. The mean first.",
        |parts| parts.smooth = |gradients| gradients.abs()?.mean(0)?.max(0),
    ),
    fault(
        "largest with its sign",
        "You took the largest signed mean gradient. As in saliency the magnitude comes before the largest colour.",
        |parts| parts.smooth = |gradients| gradients.mean(0)?.max(0),
    ),
    fault(
        "magnitude of the largest",
        "You took the largest mean gradient first and its magnitude afterwards, so a colour that pulls down is \
         passed over. As in saliency the magnitude comes before the largest colour.",
        |parts| parts.smooth = |gradients| gradients.mean(0)?.max(0)?.abs(),
    ),
    fault(
        "mean of the samples' maps",
        "You made a saliency map of each sample and averaged the maps. Then nothing cancels: what flickers from \
         sample to sample stays. The mean gradient first, then its map.",
        |parts| parts.smooth = |gradients| gradients.abs()?.max(1)?.mean(0),
    ),
    fault(
        "samples added up",
        "You added the samples up and did not divide by how many they are.",
        |parts| parts.smooth = |gradients| gradients.sum(0)?.abs()?.max(0),
    ),
    fault(
        "noise without the image",
        "You looked at the noise alone. It is added to the image.",
        |parts| parts.noisy = |_, noise| Ok(noise.clone()),
    ),
    fault(
        "no noise",
        "Every sample is the image itself, so this is saliency. Add each sample's noise.",
        |parts| parts.noisy = |x, _| Ok(x.clone()),
    ),
];

/// 5.11
pub fn integrated_gradients(seed: u64) -> Exam<Integrate> {
    let exam = Exam::new("5.11", SOLUTION).faults("image by image", &RIGHT, answer, FAULTS);
    hazards(seed, noisy(seed, integrals(seed, exam)))
}

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Integrate>] = &[
    slip(NotContiguous, "only what lies in order", |f| {
        f.integrated_gradients = &|n: &ResNet, x: &Tensor, c: &[u32], b: &Tensor, m| {
            in_order(&[x, b])?;
            solution05::integrated_gradients(n, x, c, b, m)
        };
        f.completeness_gap = &|n: &ResNet, x: &Tensor, c: &[u32], b: &Tensor, a: &Tensor| {
            in_order(&[x, b, a])?;
            solution05::completeness_gap(n, x, c, b, a)
        };
        f.smooth_grad = &|n: &ResNet, x: &Tensor, c: &[u32], noise: &Tensor| {
            in_order(&[x, noise])?;
            solution05::smooth_grad(n, x, c, noise)
        };
    }),
    slip(Batch, "the last of three images taken for the first", |f| {
        f.integrated_gradients = &|n: &ResNet, x: &Tensor, c: &[u32], b: &Tensor, m| {
            let all = solution05::integrated_gradients(n, x, c, b, m)?;
            match x.dim(0)? {
                3 => Tensor::cat(&[&all.narrow(0, 0, 2)?, &all.narrow(0, 0, 1)?], 0),
                _ => Ok(all),
            }
        }
    }),
    slip(Scale, "pixels that hardly differ from the baseline are 0", |f| {
        f.integrated_gradients = &|n: &ResNet, x: &Tensor, c: &[u32], b: &Tensor, m| {
            let all = solution05::integrated_gradients(n, x, c, b, m)?;
            match x.broadcast_sub(b)?.abs()?.max_all()?.to_scalar::<f32>()? {
                largest if largest < 1e-2 => all.zeros_like(),
                _ => Ok(all),
            }
        }
    }),
    slip(Sizes, "rows and columns of a tall image swapped", |f| {
        f.integrated_gradients = &|n: &ResNet, x: &Tensor, c: &[u32], b: &Tensor, m| {
            let all = solution05::integrated_gradients(n, x, c, b, m)?;
            match x.dims() {
                [3, _, 7, 5] => all.t()?.contiguous()?.reshape(all.shape()),
                _ => Ok(all),
            }
        }
    }),
    slip(Errors, "noise of other images", |f| {
        f.smooth_grad = &|n: &ResNet, x: &Tensor, c: &[u32], noise: &Tensor| {
            if noise.dims()[1] < x.dim(0)? {
                solution05::smooth_grad(n, x, c, &Tensor::cat(&[noise, noise], 1)?.narrow(1, 0, x.dim(0)?)?)
            } else {
                solution05::smooth_grad(n, x, c, noise)
            }
        }
    }),
];

/// What this exercise has no room for.
fn proofs(exam: Exam<Integrate>) -> Exam<Integrate> {
    exam.proofs(SOLUTION, PROOFS)
        .spared(&[Combined], "there are no options but the steps")
        .spared(
            &[Sign, Ties],
            "nothing is chosen, and values of both signs are in every input",
        )
        .spared(&[Names], "it takes no names")
        .spared(&[NotFinite, Empty], "the network refuses NaN and an empty batch")
        .spared(&[Returned], "what the result is connected to is nobody's concern")
        .spared(&[Wiring], "what is handed to whom wrongly is a mistake with a name")
}
