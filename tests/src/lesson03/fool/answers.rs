//! Answers to 3.9, right and wrong.

use candle_core::{D, Result, Tensor, Var};
use candle_nn::ops::softmax;

use super::super::{Function, per_image};
use super::{Fooling, Goal, SOLUTION};
use crate::{Exam, Fault, Hazard::*, Slip, fault, ordered, slip};

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    AmongItself,
    GoalsSwapped,
    Probabilities,
    AllOthers,
    Cut,
    RivalCut,
    StartsAtZero,
    Billion,
    ThirdAsFirst,
    BallAroundBlack,
    BallAroundLast,
    NoBall,
    NoClamp,
    ClampFirst,
    LengthAsStep,
    PixelsOfBatch,
    PixelsOfPlane,
    HalfStep,
    StepsForgotten,
    OnceAfter,
    Descends,
    OneStep,
    Connected,
    LowEnd,
    LastTried,
    LastImage,
    DistanceGone,
    FromTheDistance,
    LargestUntried,
    ZeroUntried,
    FromTheLast,
    TouchesIsTurned,
    ArgmaxIsTurned,
    NanIsTurned,
    OneHalvingLess,
    TenSteps,
}

/// Row by row.
fn margin(scores: &Tensor, classes: &[u32], goal: Goal, fault: Flaw) -> Result<Tensor> {
    let scores = match fault {
        Flaw::Probabilities => softmax(scores, D::Minus1)?,
        Flaw::Cut => scores.detach(),
        _ => scores.clone(),
    };
    let lead = |(n, &class): (usize, &u32)| -> Result<Tensor> {
        let (row, class) = (scores.get(n)?, class as usize);
        let after = row.dim(0)? - class - 1;
        let others = match (class, after) {
            _ if fault == Flaw::AmongItself => row.clone(),
            (0, _) => row.narrow(0, 1, after)?,
            (_, 0) => row.narrow(0, 0, class)?,
            _ => Tensor::cat(&[row.narrow(0, 0, class)?, row.narrow(0, class + 1, after)?], 0)?,
        };
        let best = match fault {
            Flaw::AllOthers => others.mean(0)?,
            Flaw::StartsAtZero => others.max(0)?.maximum(0.0)?,
            Flaw::Billion => others.max(0)?.maximum(-1e9)?,
            Flaw::RivalCut => others.max(0)?.detach(),
            _ => others.max(0)?,
        };
        row.get(class)? - best
    };
    let mut classes = classes.to_vec();
    if let (Flaw::ThirdAsFirst, [first, _, third, ..]) = (fault, &mut classes[..]) {
        *third = *first;
    }
    let leads = classes.iter().enumerate().map(lead).collect::<Result<Vec<_>>>()?;
    let leads = Tensor::stack(&leads, 0)?;
    if (goal == Goal::Leave) == (fault != Flaw::GoalsSwapped) {
        leads.neg()
    } else {
        Ok(leads)
    }
}

/// Each image scaled into a ball around 0.
fn ball(x: &Tensor, radius: f64) -> Result<Tensor> {
    let length = x.sqr()?.flatten_from(1)?.sum(1)?.sqrt()?;
    per_image(&(length.maximum(radius)?.recip()? * radius)?, x)
}

fn fool(
    images: &Tensor,
    scores: &Function,
    classes: &[u32],
    goal: Goal,
    radius: f64,
    steps: usize,
    fault: Flaw,
) -> Result<Tensor> {
    let steps = if fault == Flaw::OneStep { 1 } else { steps };
    let mut x = images.detach();
    for _ in 0..steps {
        let variable = Var::from_tensor(&x.force_contiguous()?)?;
        let value = margin(&scores(&variable)?, classes, goal, fault)?.sum_all()?;
        let gradient = value.backward()?.remove(&variable);
        let gradient = gradient.map_or_else(|| x.zeros_like(), |g| Ok(g.detach()))?;
        let length = gradient.sqr()?.flatten_from(1)?.sum(1)?.sqrt()?;
        let pixels = (x.elem_count() / x.dim(0)?) as f64;
        let mut step = 2.0 * radius / steps as f64;
        match fault {
            Flaw::LengthAsStep => step *= pixels.sqrt(),
            Flaw::PixelsOfBatch => step /= (x.dim(0)? as f64).sqrt(),
            Flaw::PixelsOfPlane => step *= (x.dim(1)? as f64).sqrt(),
            Flaw::HalfStep => step /= 2.0,
            Flaw::StepsForgotten => step *= steps as f64,
            Flaw::Descends => step = -step,
            _ => {}
        }
        let moved = (&x + per_image(&((length + 1e-8 * pixels.sqrt())?.recip()? * step)?, &gradient)?)?;
        let around = |x: &Tensor, centre: &Tensor| ball(&(x - centre)?, radius)? + centre;
        let start = images.detach();
        x = match fault {
            Flaw::BallAroundBlack => ball(&moved, radius)?.clamp(0.0, 1.0)?,
            Flaw::BallAroundLast => around(&moved, &x)?.clamp(0.0, 1.0)?,
            Flaw::OnceAfter => moved,
            Flaw::NoBall => moved.clamp(0.0, 1.0)?,
            Flaw::NoClamp => around(&moved, &start)?,
            Flaw::ClampFirst => around(&moved.clamp(0.0, 1.0)?, &start)?,
            Flaw::Connected => around(&moved, images)?.clamp(0.0, 1.0)?,
            _ => around(&moved, &start)?.clamp(0.0, 1.0)?,
        };
    }
    if fault == Flaw::OnceAfter {
        let start = images.detach();
        x = (ball(&(x - &start)?, radius)? + start)?.clamp(0.0, 1.0)?;
    }
    Ok(x)
}

/// In whole numbers of `largest` / 256.
fn smallest_change(
    image: &Tensor,
    scores: &Function,
    class: u32,
    goal: Goal,
    largest: f64,
    steps: usize,
    fault: Flaw,
) -> Result<Option<(f64, Tensor)>> {
    let has_turned = |x: &Tensor| -> Result<bool> {
        if fault == Flaw::ArgmaxIsTurned {
            let answer = scores(x)?.argmax(1)?.to_vec1::<u32>()?[0];
            return Ok((answer == class) == (goal == Goal::Reach));
        }
        let value = margin(&scores(x)?, &[class], goal, fault)?.to_vec1::<f32>()?[0];
        Ok(value > 0.0
            || (fault == Flaw::TouchesIsTurned && value == 0.0)
            || (fault == Flaw::NanIsTurned && value.is_nan()))
    };
    let steps = if fault == Flaw::TenSteps { 10 } else { steps };
    let far = |x: &Tensor| (x - image)?.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>().map(f64::from);
    let largest = match fault {
        Flaw::FromTheDistance => far(&fool(image, scores, &[class], goal, largest, steps, fault)?)?,
        _ => largest,
    };
    let radius = |part: usize| largest * part as f64 / 256.0;
    let changed = |part: usize, from: &Tensor| fool(from, scores, &[class], goal, radius(part), steps, fault);
    if fault != Flaw::ZeroUntried && has_turned(image)? {
        return Ok(Some((0.0, image.detach())));
    }
    let mut found = changed(256, image)?;
    if fault != Flaw::LargestUntried && !has_turned(&found)? {
        return Ok(None);
    }
    let finest = if fault == Flaw::OneHalvingLess { 2 } else { 1 };
    let (mut low, mut high, mut last) = (0usize, 256usize, (256, found.clone()));
    let mut below = image.detach();
    while high - low > finest {
        let middle = low.midpoint(high);
        let from = if fault == Flaw::FromTheLast { &last.1 } else { image };
        let tried = changed(middle, from)?;
        last = (middle, tried.clone());
        if has_turned(&tried)? {
            (high, found) = (middle, tried)
        } else {
            (low, below) = (middle, tried)
        }
    }
    Ok(Some(match fault {
        Flaw::LowEnd => (radius(low), below),
        Flaw::LastTried => (radius(last.0), last.1),
        Flaw::LastImage => (radius(high), last.1),
        Flaw::DistanceGone => (far(&found)?, found),
        _ => (radius(high), found),
    }))
}

macro_rules! with {
    ($fault:ident) => {
        Fooling {
            margin: |scores, classes, goal| margin(scores, classes, goal, Flaw::$fault),
            fool: |images, scores, classes, goal, radius, steps| {
                fool(images, scores, classes, goal, radius, steps, Flaw::$fault)
            },
            smallest_change: |image, scores, class, goal, largest, steps| {
                smallest_change(image, scores, class, goal, largest, steps, Flaw::$fault)
            },
        }
    };
}

/// Written independently of the solution.
const RIGHT: Fooling = with!(None);

const FAULTS: &[Fault<Fooling>] = &[
    fault(
        "the class among the others",
        "You took the largest of all scores, the class's own among them. Where it leads, your difference is 0 and \
         says nothing.",
        |f| *f = with!(AmongItself),
    ),
    fault(
        "goals swapped",
        "Leave and Reach are the other way round: to leave a class, the others have to be ahead of it.",
        |f| *f = with!(GoalsSwapped),
    ),
    fault(
        "probabilities",
        "You compared probabilities. A network that is sure has a probability of 1.000, whose slope is nearly 0; take \
         the scores as they are.",
        |f| *f = with!(Probabilities),
    ),
    fault(
        "mean of the others",
        "You took the mean of the other scores. The answer is the largest one: only the nearest rival counts.",
        |f| *f = with!(AllOthers),
    ),
    fault(
        "cut off from the scores",
        "The number is right, and its gradient is 0. Only operations on tensors stay connected.",
        |f| *f = with!(Cut),
    ),
    fault(
        "the rival cut off",
        "The largest of the others is cut off from the graph: its slope is missing. To raise the rival counts as much \
         as to lower the class.",
        |f| *f = with!(RivalCut),
    ),
    fault(
        "0 for the class itself",
        "You put 0 where the class itself is. Where all other scores are below 0, that 0 is the largest: put −∞ there.",
        |f| *f = with!(StartsAtZero),
    ),
    fault(
        "ball around black",
        "Your ball lies around black, so the image itself is scaled down into it. It lies around the image: \
         into_ball gets the change.",
        |f| *f = with!(BallAroundBlack),
    ),
    fault(
        "ball around the last image",
        "Your ball moves along: each step is measured from the last image, so that all steps together can go as far as \
         they like. Subtract the image that you began with.",
        |f| *f = with!(BallAroundLast),
    ),
    fault("no ball", "Nothing keeps your image near the first one.", |f| {
        *f = with!(NoBall)
    }),
    fault(
        "no clamp",
        "Your image leaves [0, 1], and no such image can be shown or saved.",
        |f| *f = with!(NoClamp),
    ),
    fault(
        "clamped before the ball",
        "You clamp first, and then shrink into the ball what the clamp has left. The clamp comes last.",
        |f| *f = with!(ClampFirst),
    ),
    fault(
        "length of the step per pixel",
        "You gave ascent_step the length of the whole step. It counts per pixel: divide by √pixels.",
        |f| *f = with!(LengthAsStep),
    ),
    fault(
        "pixels of the batch",
        "You counted the pixels of the whole batch, so that an image moves less the more are beside it.",
        |f| *f = with!(PixelsOfBatch),
    ),
    fault(
        "numbers of one colour",
        "You counted height·width. An image has channels·height·width numbers, and all of them move.",
        |f| *f = with!(PixelsOfPlane),
    ),
    fault(
        "no factor 2",
        "Your steps are half as long: the factor 2 of step_size is missing.",
        |f| *f = with!(HalfStep),
    ),
    fault(
        "as long as all steps together",
        "You did not divide by `steps`: each of your steps is 2·radius long.",
        |f| *f = with!(StepsForgotten),
    ),
    fault(
        "ball and clamp once, at the end",
        "Your ball and clamp come once, after the last step. They belong to each step: the next slope is that of an \
         image within reach.",
        |f| *f = with!(OnceAfter),
    ),
    fault(
        "descends",
        "Your attack goes down: it makes the answer surer. The margin is what has to grow.",
        |f| *f = with!(Descends),
    ),
    fault(
        "one step",
        "You took one step. The slope is another one after each: take `steps` of them.",
        |f| *f = with!(OneStep),
    ),
    fault(
        "the radius that does not suffice",
        "You returned the lower end, where the answer has not turned. The upper one is the smallest \
         that is known to suffice.",
        |f| *f = with!(LowEnd),
    ),
    fault(
        "the last one tried",
        "You returned what was tried last, whether the answer had turned or not. Keep the image that \
         belongs to `high`.",
        |f| *f = with!(LastTried),
    ),
    fault(
        "the image tried last",
        "Your image does not belong to your radius: it is the one tried last, whether it turned the answer or not. \
         Keep the one that belongs to `high`.",
        |f| *f = with!(LastImage),
    ),
    fault(
        "how far the image went",
        "You returned how far the image went. The clamp can make that shorter than the radius that was allowed.",
        |f| *f = with!(DistanceGone),
    ),
    fault(
        "begun at the distance of the largest attack",
        "Your bisection begins at the distance that the largest attack went. It begins with high = largest.",
        |f| *f = with!(FromTheDistance),
    ),
    fault(
        "largest not tried",
        "You took for granted that `largest` suffices. Where it does not, there is nothing to halve: None.",
        |f| *f = with!(LargestUntried),
    ),
    fault(
        "nothing to do",
        "An image for which nothing has to be changed was changed. The smallest change is then 0.",
        |f| *f = with!(ZeroUntried),
    ),
    fault(
        "from the last one tried",
        "You began each attack where the one before had ended. All begin at the image, or their changes add up.",
        |f| *f = with!(FromTheLast),
    ),
    fault(
        "a draw counts",
        "You took two equal scores for a turned answer. It has turned where the margin is above 0.",
        |f| *f = with!(TouchesIsTurned),
    ),
    fault(
        "argmax for the margin",
        "You asked for the argmax. Of two equal scores it gives the first, although none leads: the answer has turned \
         where the margin is above 0.",
        |f| *f = with!(ArgmaxIsTurned),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Fooling>] = &[
    slip(Sign, "the search for the best other score starts at 0", |f| {
        f.margin = |scores, classes, goal| margin(scores, classes, goal, Flaw::StartsAtZero)
    }),
    slip(Scale, "−1e9 for the class itself", |f| {
        f.margin = |scores, classes, goal| margin(scores, classes, goal, Flaw::Billion)
    }),
    slip(Batch, "the third image has the class of the first", |f| {
        f.margin = |scores, classes, goal| margin(scores, classes, goal, Flaw::ThirdAsFirst)
    }),
    slip(Returned, "the image not detached", |f| *f = with!(Connected)),
    slip(NotFinite, "NaN counts as turned", |f| *f = with!(NanIsTurned)),
    slip(Wiring, "always ten steps", |f| *f = with!(TenSteps)),
    ordered!("margin, only what lies in order", margin: |scores, classes, goal| [scores] =>
        margin(scores, classes, goal, Flaw::None)),
    ordered!("fool, only what lies in order", fool: |images, scores, classes, goal, radius, steps| [images] =>
        fool(images, scores, classes, goal, radius, steps, Flaw::None)),
    ordered!("smallest_change, only what lies in order",
        smallest_change: |image, scores, class, goal, largest, steps| [image] =>
        smallest_change(image, scores, class, goal, largest, steps, Flaw::None)),
];

/// Right answers and wrong ones.
pub(super) fn answers() -> Exam<Fooling> {
    Exam::new("3.9", SOLUTION)
        .changes(RIGHT, FAULTS)
        .alternative("row by row, and in whole parts of the largest", with!(None))
        .alternative("by sorting the scores", by_sorting())
        .proofs(RIGHT, PROOFS)
        .unnamed("one halving less", with!(OneHalvingLess))
        .unnamed(
            "infinity times 0",
            Fooling {
                margin: |scores, classes, goal| {
                    let count = scores.dim(1)? as u32;
                    let own = Tensor::from_slice(classes, (classes.len(), 1), scores.device())?;
                    let mask = own
                        .broadcast_eq(&Tensor::arange(0, count, scores.device())?)?
                        .to_dtype(scores.dtype())?;
                    let lead = ((scores * &mask)?.sum(1)? - (scores - (mask * f64::INFINITY)?)?.max(1)?)?;
                    if goal == Goal::Leave { lead.neg() } else { Ok(lead) }
                },
                ..with!(None)
            },
        )
}

/// The largest of the others is the first or the second in order.
fn by_sorting() -> Fooling {
    Fooling {
        margin: |scores, classes, goal| {
            let rows = scores.to_vec2::<f32>()?;
            let rival = |(row, &class): (&Vec<f32>, &u32)| {
                let mut order: Vec<u32> = (0..row.len() as u32).filter(|&k| k != class).collect();
                order.sort_by(|&a, &b| row[b as usize].total_cmp(&row[a as usize]));
                order[0]
            };
            let rivals: Vec<u32> = rows.iter().zip(classes).map(rival).collect();
            let column = |index: &[u32]| {
                let index = Tensor::from_slice(index, (index.len(), 1), scores.device())?;
                scores.contiguous()?.gather(&index, 1)?.squeeze(1)
            };
            match goal {
                Goal::Reach => column(classes)? - column(&rivals)?,
                Goal::Leave => column(&rivals)? - column(classes)?,
            }
        },
        ..with!(None)
    }
}
