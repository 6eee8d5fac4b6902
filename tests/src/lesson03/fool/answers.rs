//! Answers to 3.9, right and wrong.

use candle_core::{D, Result, Tensor, Var};
use candle_nn::ops::softmax;

use super::super::{Function, per_image};
use super::{Fooling, Goal, SOLUTION};
use crate::{Exam, Fault, Hazard::*, Slip, fault, keep, ordered, slip};

/// A radius, and the image that belongs to it.
type Change = (f64, Tensor);

/// What an answer is made of.
#[derive(Clone, Copy)]
struct Parts {
    scores: fn(&Tensor) -> Result<Tensor>,
    /// From one row of scores and its class to those of the others.
    others: fn(&Tensor, usize) -> Result<Tensor>,
    /// From the others to the rival's score.
    best: fn(&Tensor) -> Result<Tensor>,
    /// Which goal turns the lead's sign around.
    negative: Goal,
    /// Is the image that one begins with cut off its graph?
    detached: bool,
    steps: fn(usize) -> usize,
    /// From radius, steps, and how many images, colours and numbers there are, to how long a step is.
    length: fn(f64, f64, [f64; 3]) -> f64,
    /// From the image after the step, the first and the last one, and the radius, to the next image.
    moved: fn(&Tensor, [&Tensor; 2], f64) -> Result<Tensor>,
    /// From the last image, the first one, and the radius, to what is returned.
    end: fn(&Tensor, &Tensor, f64) -> Result<Tensor>,
    /// From margin, scores, class and goal: has the answer turned?
    turned: fn(f32, &Tensor, u32, Goal) -> Result<bool>,
    /// From the steps asked for to those of each attack in the bisection.
    tries: fn(usize) -> usize,
    tries_nothing: bool,
    tries_largest: bool,
    from_the_distance: bool,
    from_the_last: bool,
    /// Where the bisection ends, in parts of 256.
    finest: usize,
    /// From the lower end, the upper end and what was tried last, and the image, to what is returned.
    found: fn([Change; 3], &Tensor) -> Result<Change>,
}

/// Written independently of the solution.
const RIGHT: Parts = Parts {
    scores: |scores| Ok(scores.clone()),
    others: |row, class| {
        let after = row.dim(0)? - class - 1;
        match (class, after) {
            (0, _) => row.narrow(0, 1, after),
            (_, 0) => row.narrow(0, 0, class),
            _ => Tensor::cat(&[row.narrow(0, 0, class)?, row.narrow(0, class + 1, after)?], 0),
        }
    },
    best: |others| others.max(0),
    negative: Goal::Leave,
    detached: true,
    steps: |steps| steps,
    length: |radius, steps, _| 2.0 * radius / steps,
    moved: |next, [first, _], radius| around(next, first, radius)?.clamp(0.0, 1.0),
    end: |x, _, _| Ok(x.clone()),
    turned: |margin, _, _, _| Ok(margin > 0.0),
    tries: |steps| steps,
    tries_nothing: true,
    tries_largest: true,
    from_the_distance: false,
    from_the_last: false,
    finest: 1,
    found: |[_, high, _], _| Ok(high),
};

/// Row by row.
fn margin(scores: &Tensor, classes: &[u32], goal: Goal, parts: &Parts) -> Result<Tensor> {
    let scores = (parts.scores)(scores)?;
    let lead = |(n, &class): (usize, &u32)| -> Result<Tensor> {
        let row = scores.get(n)?;
        row.get(class as usize)? - (parts.best)(&(parts.others)(&row, class as usize)?)?
    };
    let leads = classes.iter().enumerate().map(lead).collect::<Result<Vec<_>>>()?;
    let leads = Tensor::stack(&leads, 0)?;
    if goal == parts.negative { leads.neg() } else { Ok(leads) }
}

/// Each image scaled into a ball around 0.
fn ball(x: &Tensor, radius: f64) -> Result<Tensor> {
    let length = x.sqr()?.flatten_from(1)?.sum(1)?.sqrt()?;
    per_image(&(length.maximum(radius)?.recip()? * radius)?, x)
}

fn around(x: &Tensor, centre: &Tensor, radius: f64) -> Result<Tensor> {
    ball(&(x - centre)?, radius)? + centre
}

fn far(x: &Tensor, image: &Tensor) -> Result<f64> {
    (x - image)?.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>().map(f64::from)
}

/// What one attack is of, and how long.
#[derive(Clone, Copy)]
struct Attack<'a> {
    scores: &'a Function<'a>,
    classes: &'a [u32],
    goal: Goal,
    steps: usize,
}

fn fool(images: &Tensor, on: Attack, radius: f64, parts: &Parts) -> Result<Tensor> {
    let steps = (parts.steps)(on.steps);
    let first = if parts.detached {
        images.detach()
    } else {
        images.clone()
    };
    let mut x = images.detach();
    for _ in 0..steps {
        let variable = Var::from_tensor(&x.force_contiguous()?)?;
        let value = margin(&(on.scores)(&variable)?, on.classes, on.goal, parts)?.sum_all()?;
        let gradient = value.backward()?.remove(&variable);
        let gradient = gradient.map_or_else(|| x.zeros_like(), |g| Ok(g.detach()))?;
        let size = gradient.sqr()?.flatten_from(1)?.sum(1)?.sqrt()?;
        let sizes = [x.dim(0)?, x.dim(1)?, x.elem_count() / x.dim(0)?].map(|count| count as f64);
        let length = (parts.length)(radius, steps as f64, sizes);
        let factors = ((size + 1e-8 * sizes[2].sqrt())?.recip()? * length)?;
        let next = (&x + per_image(&factors, &gradient)?)?;
        x = (parts.moved)(&next, [&first, &x], radius)?;
    }
    (parts.end)(&x, &first, radius)
}

/// In whole numbers of `largest` / 256.
fn smallest_change(image: &Tensor, on: Attack, largest: f64, parts: &Parts) -> Result<Option<Change>> {
    let has_turned = |x: &Tensor| -> Result<bool> {
        let scores = (on.scores)(x)?;
        let value = margin(&scores, on.classes, on.goal, parts)?.to_vec1::<f32>()?[0];
        (parts.turned)(value, &scores, on.classes[0], on.goal)
    };
    let on = Attack {
        steps: (parts.tries)(on.steps),
        ..on
    };
    if parts.tries_nothing && has_turned(image)? {
        return Ok(Some((0.0, image.detach())));
    }
    let largest = if parts.from_the_distance {
        far(&fool(image, on, largest, parts)?, image)?
    } else {
        largest
    };
    let changed = |part: usize, from: &Tensor| -> Result<Change> {
        let radius = largest * part as f64 / 256.0;
        Ok((radius, fool(from, on, radius, parts)?))
    };
    let (mut low, mut high) = (0, 256);
    let (mut below, mut found) = ((0.0, image.detach()), changed(high, image)?);
    if parts.tries_largest && !has_turned(&found.1)? {
        return Ok(None);
    }
    let mut last = found.clone();
    while high - low > parts.finest {
        let middle = usize::midpoint(low, high);
        last = changed(middle, if parts.from_the_last { &last.1 } else { image })?;
        if has_turned(&last.1)? {
            (high, found) = (middle, last.clone());
        } else {
            (low, below) = (middle, last.clone());
        }
    }
    (parts.found)([below, found, last], image).map(Some)
}

fn answer(parts: Parts) -> Fooling {
    Fooling {
        margin: keep(Box::new(move |scores: &Tensor, classes: &[u32], goal| {
            margin(scores, classes, goal, &parts)
        })),
        fool: keep(Box::new(
            move |images: &Tensor, scores: &Function, classes: &[u32], goal, radius, steps| {
                let on = Attack {
                    scores,
                    classes,
                    goal,
                    steps,
                };
                fool(images, on, radius, &parts)
            },
        )),
        smallest_change: keep(Box::new(
            move |image: &Tensor, scores: &Function, class, goal, largest, steps| {
                let on = Attack {
                    scores,
                    classes: &[class],
                    goal,
                    steps,
                };
                smallest_change(image, on, largest, &parts)
            },
        )),
    }
}

const FAULTS: &[Fault<Parts>] = &[
    fault(
        "the class among the others",
        "You took the largest of all scores, the class's own among them. Where it leads, your difference is 0 and \
         says nothing.",
        |parts| parts.others = |row, _| Ok(row.clone()),
    ),
    fault(
        "goals swapped",
        "Leave and Reach are the other way round: to leave a class, the others have to be ahead of it.",
        |parts| parts.negative = Goal::Reach,
    ),
    fault(
        "probabilities",
        "You compared probabilities. A network that is sure has a probability of 1.000, whose slope is nearly 0; take \
         the scores as they are.",
        |parts| parts.scores = |scores| softmax(scores, D::Minus1),
    ),
    fault(
        "mean of the others",
        "You took the mean of the other scores. The answer is the largest one: only the nearest rival counts.",
        |parts| parts.best = |others| others.mean(0),
    ),
    fault(
        "cut off from the scores",
        "The number is right, and its gradient is 0. Only operations on tensors stay connected.",
        |parts| parts.scores = |scores| Ok(scores.detach()),
    ),
    fault(
        "the rival cut off",
        "The largest of the others is cut off from the graph: its slope is missing. To raise the rival counts as much \
         as to lower the class.",
        |parts| parts.best = |others| Ok(others.max(0)?.detach()),
    ),
    fault(
        "0 for the class itself",
        "You put 0 where the class itself is. Where all other scores are below 0, that 0 is the largest: put −∞ there.",
        |parts| parts.best = |others| others.max(0)?.maximum(0.0),
    ),
    fault(
        "ball around black",
        "Your ball lies around black, so the image itself is scaled down into it. It lies around the image: \
         into_ball gets the change.",
        |parts| parts.moved = |next, [_, _], radius| ball(next, radius)?.clamp(0.0, 1.0),
    ),
    fault(
        "ball around the last image",
        "Your ball moves along: each step is measured from the last image, so that all steps together can go as far as \
         they like. Subtract the image that you began with.",
        |parts| parts.moved = |next, [_, last], radius| around(next, last, radius)?.clamp(0.0, 1.0),
    ),
    fault("no ball", "Nothing keeps your image near the first one.", |parts| {
        parts.moved = |next, _, _| next.clamp(0.0, 1.0)
    }),
    fault(
        "no clamp",
        "Your image leaves [0, 1], and no such image can be shown or saved.",
        |parts| parts.moved = |next, [first, _], radius| around(next, first, radius),
    ),
    fault(
        "clamped before the ball",
        "You clamp first, and then shrink into the ball what the clamp has left. The clamp comes last.",
        |parts| parts.moved = |next, [first, _], radius| around(&next.clamp(0.0, 1.0)?, first, radius),
    ),
    fault(
        "length of the step per pixel",
        "You gave ascent_step the length of the whole step. It counts per pixel: divide by √pixels.",
        |parts| parts.length = |radius, steps, [_, _, pixels]| 2.0 * radius / steps * pixels.sqrt(),
    ),
    fault(
        "pixels of the batch",
        "You counted the pixels of the whole batch, so that an image moves less the more are beside it.",
        |parts| parts.length = |radius, steps, [batch, ..]| 2.0 * radius / steps / batch.sqrt(),
    ),
    fault(
        "numbers of one colour",
        "You counted height·width. An image has channels·height·width numbers, and all of them move.",
        |parts| parts.length = |radius, steps, [_, channels, _]| 2.0 * radius / steps * channels.sqrt(),
    ),
    fault(
        "no factor 2",
        "Your steps are half as long: the factor 2 of step_size is missing.",
        |parts| parts.length = |radius, steps, _| radius / steps,
    ),
    fault(
        "as long as all steps together",
        "You did not divide by `steps`: each of your steps is 2·radius long.",
        |parts| parts.length = |radius, _, _| 2.0 * radius,
    ),
    fault(
        "ball and clamp once, at the end",
        "Your ball and clamp come once, after the last step. They belong to each step: the next slope is that of an \
         image within reach.",
        |parts| {
            parts.moved = |next, _, _| Ok(next.clone());
            parts.end = |x, first, radius| around(x, first, radius)?.clamp(0.0, 1.0);
        },
    ),
    fault(
        "descends",
        "Your attack goes down: it makes the answer surer. The margin is what has to grow.",
        |parts| parts.length = |radius, steps, _| -2.0 * radius / steps,
    ),
    fault(
        "one step",
        "You took one step. The slope is another one after each: take `steps` of them.",
        |parts| parts.steps = |_| 1,
    ),
    fault(
        "the radius that does not suffice",
        "You returned the lower end, where the answer has not turned. The upper one is the smallest \
         that is known to suffice.",
        |parts| parts.found = |[low, ..], _| Ok(low),
    ),
    fault(
        "the last one tried",
        "You returned what was tried last, whether the answer had turned or not. Keep the image that \
         belongs to `high`.",
        |parts| parts.found = |[_, _, last], _| Ok(last),
    ),
    fault(
        "the image tried last",
        "Your image does not belong to your radius: it is the one tried last, whether it turned the answer or not. \
         Keep the one that belongs to `high`.",
        |parts| parts.found = |[_, high, last], _| Ok((high.0, last.1)),
    ),
    fault(
        "how far the image went",
        "You returned how far the image went. The clamp can make that shorter than the radius that was allowed.",
        |parts| parts.found = |[_, high, _], image| Ok((far(&high.1, image)?, high.1)),
    ),
    fault(
        "begun at the distance of the largest attack",
        "Your bisection begins at the distance that the largest attack went. It begins with high = largest.",
        |parts| parts.from_the_distance = true,
    ),
    fault(
        "largest not tried",
        "You took for granted that `largest` suffices. Where it does not, there is nothing to halve: None.",
        |parts| parts.tries_largest = false,
    ),
    fault(
        "nothing to do",
        "An image for which nothing has to be changed was changed. The smallest change is then 0.",
        |parts| parts.tries_nothing = false,
    ),
    fault(
        "from the last one tried",
        "You began each attack where the one before had ended. All begin at the image, or their changes add up.",
        |parts| parts.from_the_last = true,
    ),
    fault(
        "a draw counts",
        "You took two equal scores for a turned answer. It has turned where the margin is above 0.",
        |parts| parts.turned = |margin, _, _, _| Ok(margin >= 0.0),
    ),
    fault(
        "argmax for the margin",
        "You asked for the argmax. Of two equal scores it gives the first, although none leads: the answer has turned \
         where the margin is above 0.",
        |parts| {
            parts.turned =
                |_, scores, class, goal| Ok((scores.argmax(1)?.to_vec1::<u32>()?[0] == class) == (goal == Goal::Reach))
        },
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Fooling>] = &[
    slip(Sign, "the search for the best other score starts at 0", |f| {
        let best = |others: &Tensor| others.max(0)?.maximum(0.0);
        f.margin = answer(Parts { best, ..RIGHT }).margin
    }),
    slip(Scale, "−1e9 for the class itself", |f| {
        let best = |others: &Tensor| others.max(0)?.maximum(-1e9);
        f.margin = answer(Parts { best, ..RIGHT }).margin
    }),
    slip(Batch, "the third image has the class of the first", |f| {
        f.margin = &|scores, classes, goal| {
            let mut classes = classes.to_vec();
            if let [first, _, third, ..] = &mut classes[..] {
                *third = *first;
            }
            margin(scores, &classes, goal, &RIGHT)
        }
    }),
    slip(Returned, "the image not detached", |f| {
        let detached = false;
        *f = answer(Parts { detached, ..RIGHT })
    }),
    slip(NotFinite, "NaN counts as turned", |f| {
        let turned = |margin: f32, _: &Tensor, _, _| Ok(margin.is_nan() || margin > 0.0);
        *f = answer(Parts { turned, ..RIGHT })
    }),
    slip(Wiring, "always ten steps", |f| {
        let tries = |_| 10;
        *f = answer(Parts { tries, ..RIGHT })
    }),
    ordered!(dyn "margin, only what lies in order", margin: |scores, classes, goal| [scores] =>
        margin(scores, classes, goal, &RIGHT)),
    ordered!(dyn "fool, only what lies in order", fool: |images, scores, classes, goal, radius, steps| [images] =>
        fool(images, Attack { scores, classes, goal, steps }, radius, &RIGHT)),
    ordered!(dyn "smallest_change, only what lies in order",
        smallest_change: |image, scores, class, goal, largest, steps| [image] =>
        smallest_change(image, Attack { scores, classes: &[class], goal, steps }, largest, &RIGHT)),
];

/// Right answers and wrong ones.
pub(super) fn answers() -> Exam<Fooling> {
    Exam::new("3.9", SOLUTION)
        .faults("row by row, and in whole parts of the largest", &RIGHT, answer, FAULTS)
        .alternative("by sorting the scores", by_sorting())
        .proofs(answer(RIGHT), PROOFS)
        .unnamed("one halving less", answer(Parts { finest: 2, ..RIGHT }))
        .unnamed(
            "infinity times 0",
            Fooling {
                margin: &|scores, classes, goal| {
                    let count = scores.dim(1)? as u32;
                    let own = Tensor::from_slice(classes, (classes.len(), 1), scores.device())?;
                    let mask = own
                        .broadcast_eq(&Tensor::arange(0, count, scores.device())?)?
                        .to_dtype(scores.dtype())?;
                    let lead = ((scores * &mask)?.sum(1)? - (scores - (mask * f64::INFINITY)?)?.max(1)?)?;
                    if goal == Goal::Leave { lead.neg() } else { Ok(lead) }
                },
                ..answer(RIGHT)
            },
        )
}

/// The largest of the others is the first or the second in order.
fn by_sorting() -> Fooling {
    Fooling {
        margin: &|scores, classes, goal| {
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
        ..answer(RIGHT)
    }
}
