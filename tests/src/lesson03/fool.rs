use candle_core::{D, Result, Tensor, Var};
use candle_nn::ops::softmax;

use super::{Function, per_image, slope};
use crate::inputs::{Random, askew, in_order, tensor};
use crate::{Exam, Hazard::*, Observed, Tolerance};

/// `solution03::Goal`
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs, reason = "said there")]
pub enum Goal {
    Leave,
    Reach,
}

/// `solution03::margin`
pub type Margin = fn(&Tensor, &[u32], Goal) -> Result<Tensor>;
/// `solution03::fool`
pub type Fool = fn(&Tensor, &Function, &[u32], Goal, f64, usize) -> Result<Tensor>;
/// `solution03::smallest_change`
pub type SmallestChange = fn(&Tensor, &Function, u32, Goal, f64, usize) -> Result<Option<(f64, Tensor)>>;

/// The three functions of exercise 3.9.
#[derive(Clone, Copy)]
pub struct Fooling {
    /// `solution03::margin`
    pub margin: Margin,
    /// `solution03::fool`
    pub fool: Fool,
    /// `solution03::smallest_change`
    pub smallest_change: SmallestChange,
}

/// The attempt at 3.9 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex3_9 {
    ($lesson:ident) => {{
        fn goal(goal: $crate::lesson03::Goal) -> $lesson::Goal {
            match goal {
                $crate::lesson03::Goal::Leave => $lesson::Goal::Leave,
                $crate::lesson03::Goal::Reach => $lesson::Goal::Reach,
            }
        }
        $crate::lesson03::Fooling {
            margin: |scores, classes, aim| $lesson::margin(scores, classes, goal(aim)),
            fool: |images, scores, classes, aim, radius, steps| {
                $lesson::fool(images, scores, classes, goal(aim), radius, steps)
            },
            smallest_change: |image, scores, class, aim, largest, steps| {
                $lesson::smallest_change(image, scores, class, goal(aim), largest, steps)
            },
        }
    }};
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
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
fn margin(scores: &Tensor, classes: &[u32], goal: Goal, fault: Fault) -> Result<Tensor> {
    let scores = match fault {
        Fault::Probabilities => softmax(scores, D::Minus1)?,
        Fault::Cut => scores.detach(),
        _ => scores.clone(),
    };
    let lead = |(n, &class): (usize, &u32)| -> Result<Tensor> {
        let (row, class) = (scores.get(n)?, class as usize);
        let after = row.dim(0)? - class - 1;
        let others = match (class, after) {
            _ if fault == Fault::AmongItself => row.clone(),
            (0, _) => row.narrow(0, 1, after)?,
            (_, 0) => row.narrow(0, 0, class)?,
            _ => Tensor::cat(&[row.narrow(0, 0, class)?, row.narrow(0, class + 1, after)?], 0)?,
        };
        let best = match fault {
            Fault::AllOthers => others.mean(0)?,
            Fault::StartsAtZero => others.max(0)?.maximum(0.0)?,
            Fault::Billion => others.max(0)?.maximum(-1e9)?,
            Fault::RivalCut => others.max(0)?.detach(),
            _ => others.max(0)?,
        };
        row.get(class)? - best
    };
    let mut classes = classes.to_vec();
    if let (Fault::ThirdAsFirst, [first, _, third, ..]) = (fault, &mut classes[..]) {
        *third = *first;
    }
    let leads = classes.iter().enumerate().map(lead).collect::<Result<Vec<_>>>()?;
    let leads = Tensor::stack(&leads, 0)?;
    if (goal == Goal::Leave) == (fault != Fault::GoalsSwapped) {
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
    fault: Fault,
) -> Result<Tensor> {
    let steps = if fault == Fault::OneStep { 1 } else { steps };
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
            Fault::LengthAsStep => step *= pixels.sqrt(),
            Fault::PixelsOfBatch => step /= (x.dim(0)? as f64).sqrt(),
            Fault::PixelsOfPlane => step *= (x.dim(1)? as f64).sqrt(),
            Fault::HalfStep => step /= 2.0,
            Fault::StepsForgotten => step *= steps as f64,
            Fault::Descends => step = -step,
            _ => {}
        }
        let moved = (&x + per_image(&((length + 1e-8 * pixels.sqrt())?.recip()? * step)?, &gradient)?)?;
        let around = |x: &Tensor, centre: &Tensor| ball(&(x - centre)?, radius)? + centre;
        let start = images.detach();
        x = match fault {
            Fault::BallAroundBlack => ball(&moved, radius)?.clamp(0.0, 1.0)?,
            Fault::BallAroundLast => around(&moved, &x)?.clamp(0.0, 1.0)?,
            Fault::OnceAfter => moved,
            Fault::NoBall => moved.clamp(0.0, 1.0)?,
            Fault::NoClamp => around(&moved, &start)?,
            Fault::ClampFirst => around(&moved.clamp(0.0, 1.0)?, &start)?,
            Fault::Connected => around(&moved, images)?.clamp(0.0, 1.0)?,
            _ => around(&moved, &start)?.clamp(0.0, 1.0)?,
        };
    }
    if fault == Fault::OnceAfter {
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
    fault: Fault,
) -> Result<Option<(f64, Tensor)>> {
    let has_turned = |x: &Tensor| -> Result<bool> {
        if fault == Fault::ArgmaxIsTurned {
            let answer = scores(x)?.argmax(1)?.to_vec1::<u32>()?[0];
            return Ok((answer == class) == (goal == Goal::Reach));
        }
        let value = margin(&scores(x)?, &[class], goal, fault)?.to_vec1::<f32>()?[0];
        Ok(value > 0.0
            || (fault == Fault::TouchesIsTurned && value == 0.0)
            || (fault == Fault::NanIsTurned && value.is_nan()))
    };
    let steps = if fault == Fault::TenSteps { 10 } else { steps };
    let far = |x: &Tensor| (x - image)?.sqr()?.sum_all()?.sqrt()?.to_scalar::<f32>().map(f64::from);
    let largest = match fault {
        Fault::FromTheDistance => far(&fool(image, scores, &[class], goal, largest, steps, fault)?)?,
        _ => largest,
    };
    let radius = |part: usize| largest * part as f64 / 256.0;
    let changed = |part: usize, from: &Tensor| fool(from, scores, &[class], goal, radius(part), steps, fault);
    if fault != Fault::ZeroUntried && has_turned(image)? {
        return Ok(Some((0.0, image.detach())));
    }
    let mut found = changed(256, image)?;
    if fault != Fault::LargestUntried && !has_turned(&found)? {
        return Ok(None);
    }
    let finest = if fault == Fault::OneHalvingLess { 2 } else { 1 };
    let (mut low, mut high, mut last) = (0usize, 256usize, (256, found.clone()));
    let mut below = image.detach();
    while high - low > finest {
        let middle = low.midpoint(high);
        let from = if fault == Fault::FromTheLast { &last.1 } else { image };
        let tried = changed(middle, from)?;
        last = (middle, tried.clone());
        if has_turned(&tried)? {
            (high, found) = (middle, tried)
        } else {
            (low, below) = (middle, tried)
        }
    }
    Ok(Some(match fault {
        Fault::LowEnd => (radius(low), below),
        Fault::LastTried => (radius(last.0), last.1),
        Fault::LastImage => (radius(high), last.1),
        Fault::DistanceGone => (far(&found)?, found),
        _ => (radius(high), found),
    }))
}

macro_rules! with {
    ($fault:ident) => {
        Fooling {
            margin: |scores, classes, goal| margin(scores, classes, goal, Fault::$fault),
            fool: |images, scores, classes, goal, radius, steps| {
                fool(images, scores, classes, goal, radius, steps, Fault::$fault)
            },
            smallest_change: |image, scores, class, goal, largest, steps| {
                smallest_change(image, scores, class, goal, largest, steps, Fault::$fault)
            },
        }
    };
}

/// Scores W·x + b.
fn linear(weights: &Tensor, bias: &[f32]) -> impl Fn(&Tensor) -> Result<Tensor> + use<> {
    let (weights, bias) = (weights.t().expect("a matrix"), tensor(bias, bias.len()));
    move |x| x.flatten_from(1)?.matmul(&weights)?.broadcast_add(&bias)
}

/// Two classes. At an image of ½ class 0 leads by `lead`; a way of length 1 straight to class 1 takes 5 off it.
fn two(lead: f32) -> impl Fn(&Tensor) -> Result<Tensor> {
    // The difference of the weights is (3, −4, 0).
    linear(&tensor(&[0.0, 2.0, 1.0, 3.0, -2.0, 1.0], (2, 3)), &[lead - 0.5, 0.0])
}

/// Scores that bend: tanh between two matrices.
fn curved(first: &Tensor, second: &Tensor) -> impl Fn(&Tensor) -> Result<Tensor> + use<> {
    let (first, second) = (first.t().expect("a matrix"), second.t().expect("a matrix"));
    move |x| x.flatten_from(1)?.matmul(&first)?.tanh()?.matmul(&second)
}

fn grey(shape: impl Into<candle_core::Shape>) -> Tensor {
    Tensor::full(0.5f32, shape, &candle_core::Device::Cpu).expect("a shape")
}

/// An image, and whether the graph of its making still hangs on it.
fn cut(image: &Tensor) -> Observed {
    Observed::fields([
        ("image", Observed::from(image)),
        ("connected", Observed::from(image.track_op())),
    ])
}

fn found(change: Result<Option<(f64, Tensor)>>) -> Result<Observed> {
    Ok(match change? {
        None => Observed::from("none"),
        Some((radius, image)) => {
            Observed::fields([("radius", Observed::from(radius)), ("image", Observed::from(&image))])
        }
    })
}

/// What [`found`] makes of a radius and an image of three pixels.
fn three(radius: f64, image: [f32; 3]) -> Observed {
    let image = tensor(&image, (1, 1, 1, 3));
    Observed::fields([("radius", Observed::from(radius)), ("image", Observed::from(&image))])
}

/// Steps of ascent add up rounding errors.
const LOOSE: Tolerance = Tolerance::new(1e-3, 1e-4);

/// 3.9
pub fn fooling(seed: u64) -> Exam<Fooling> {
    let exam = Exam::new("3.9", ex3_9!(solution03));
    hazards(seed, basics(seed, unnamed(named_changes(named_steps(named(exam))))))
}

fn named(exam: Exam<Fooling>) -> Exam<Fooling> {
    exam.mistake(
        "the class among the others",
        "You took the largest of all scores, the class's own among them. Where it leads, your difference is 0 and \
         says nothing.",
        with!(AmongItself),
    )
    .mistake(
        "goals swapped",
        "Leave and Reach are the other way round: to leave a class, the others have to be ahead of it.",
        with!(GoalsSwapped),
    )
    .mistake(
        "probabilities",
        "You compared probabilities. A network that is sure has a probability of 1.000, whose slope is nearly 0; take \
         the scores as they are.",
        with!(Probabilities),
    )
    .mistake(
        "mean of the others",
        "You took the mean of the other scores. The answer is the largest one: only the nearest rival counts.",
        with!(AllOthers),
    )
    .mistake(
        "cut off from the scores",
        "The number is right, and its gradient is 0. Only operations on tensors stay connected.",
        with!(Cut),
    )
    .mistake(
        "the rival cut off",
        "The largest of the others is cut off from the graph: its slope is missing. To raise the rival counts as much \
         as to lower the class.",
        with!(RivalCut),
    )
    .mistake(
        "0 for the class itself",
        "You put 0 where the class itself is. Where all other scores are below 0, that 0 is the largest: put −∞ there.",
        with!(StartsAtZero),
    )
    .mistake(
        "ball around black",
        "Your ball lies around black, so the image itself is scaled down into it. It lies around the image: \
         into_ball gets the change.",
        with!(BallAroundBlack),
    )
    .mistake(
        "ball around the last image",
        "Your ball moves along: each step is measured from the last image, so that all steps together can go as far as \
         they like. Subtract the image that you began with.",
        with!(BallAroundLast),
    )
    .mistake("no ball", "Nothing keeps your image near the first one.", with!(NoBall))
    .mistake(
        "no clamp",
        "Your image leaves [0, 1], and no such image can be shown or saved.",
        with!(NoClamp),
    )
    .mistake(
        "clamped before the ball",
        "You clamp first, and then shrink into the ball what the clamp has left. The clamp comes last.",
        with!(ClampFirst),
    )
}

/// Mistakes in the step, and in how many.
fn named_steps(exam: Exam<Fooling>) -> Exam<Fooling> {
    exam.mistake(
        "length of the step per pixel",
        "You gave ascent_step the length of the whole step. It counts per pixel: divide by √pixels.",
        with!(LengthAsStep),
    )
    .mistake(
        "pixels of the batch",
        "You counted the pixels of the whole batch, so that an image moves less the more are beside it.",
        with!(PixelsOfBatch),
    )
    .mistake(
        "numbers of one colour",
        "You counted height·width. An image has channels·height·width numbers, and all of them move.",
        with!(PixelsOfPlane),
    )
    .mistake(
        "no factor 2",
        "Your steps are half as long: the factor 2 of step_size is missing.",
        with!(HalfStep),
    )
    .mistake(
        "as long as all steps together",
        "You did not divide by `steps`: each of your steps is 2·radius long.",
        with!(StepsForgotten),
    )
    .mistake(
        "ball and clamp once, at the end",
        "Your ball and clamp come once, after the last step. They belong to each step: the next slope is that of an \
         image within reach.",
        with!(OnceAfter),
    )
    .mistake(
        "descends",
        "Your attack goes down: it makes the answer surer. The margin is what has to grow.",
        with!(Descends),
    )
    .mistake(
        "one step",
        "You took one step. The slope is another one after each: take `steps` of them.",
        with!(OneStep),
    )
}

fn named_changes(exam: Exam<Fooling>) -> Exam<Fooling> {
    exam.mistake(
        "the radius that does not suffice",
        "You returned the lower end, where the answer has not turned. The upper one is the smallest \
         that is known to suffice.",
        with!(LowEnd),
    )
    .mistake(
        "the last one tried",
        "You returned what was tried last, whether the answer had turned or not. Keep the image that \
         belongs to `high`.",
        with!(LastTried),
    )
    .mistake(
        "the image tried last",
        "Your image does not belong to your radius: it is the one tried last, whether it turned the answer or not. \
         Keep the one that belongs to `high`.",
        with!(LastImage),
    )
    .mistake(
        "how far the image went",
        "You returned how far the image went. The clamp can make that shorter than the radius that was allowed.",
        with!(DistanceGone),
    )
    .mistake(
        "begun at the distance of the largest attack",
        "Your bisection begins at the distance that the largest attack went. It begins with high = largest.",
        with!(FromTheDistance),
    )
    .mistake(
        "largest not tried",
        "You took for granted that `largest` suffices. Where it does not, there is nothing to halve: None.",
        with!(LargestUntried),
    )
    .mistake(
        "nothing to do",
        "An image for which nothing has to be changed was changed. The smallest change is then 0.",
        with!(ZeroUntried),
    )
    .mistake(
        "from the last one tried",
        "You began each attack where the one before had ended. All begin at the image, or their changes add up.",
        with!(FromTheLast),
    )
    .mistake(
        "a draw counts",
        "You took two equal scores for a turned answer. It has turned where the margin is above 0.",
        with!(TouchesIsTurned),
    )
    .mistake(
        "argmax for the margin",
        "You asked for the argmax. Of two equal scores it gives the first, although none leads: the answer has turned \
         where the margin is above 0.",
        with!(ArgmaxIsTurned),
    )
    .alternative("row by row, and in whole parts of the largest", with!(None))
    .alternative("by sorting the scores", by_sorting())
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

fn unnamed(exam: Exam<Fooling>) -> Exam<Fooling> {
    exam.unnamed("one halving less", with!(OneHalvingLess)).unnamed(
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

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Fooling>) -> Exam<Fooling> {
    let mut random = Random::new(seed, 39);
    let many = random.between(0.1, 1.0, (3, 5));
    let hand = tensor(&[1.0, 4.0, 2.0, 5.0, 0.0, 3.0], (2, 3));
    let exam = exam.part("margin");
    let exam = exam.given((hand, many), |on| {
        on.truth(
            "margins of (1, 4, 2) for class 1 and of (5, 0, 3) for class 2, to reach them",
            vec![2f32, -2.0],
            |f, (hand, _)| (f.margin)(hand, &[1, 2], Goal::Reach)?.to_vec1::<f32>(),
        )
        .because("4 − 2, and 3 − 5: the score of the image's own class minus the largest of the others.")
        .truth("the same, to leave them", vec![-2f32, 2.0], |f, (hand, _)| {
            (f.margin)(hand, &[1, 2], Goal::Leave)?.to_vec1::<f32>()
        })
        .because("To leave a class the others have to lead: the signs turn around.")
        .truth("margin of (−5, −1, −3) for class 1", vec![2f32], |f, _| {
            (f.margin)(&tensor(&[-5.0, -1.0, -3.0], (1, 3)), &[1], Goal::Reach)?.to_vec1::<f32>()
        })
        .because("−1 − (−3): all scores are below 0, and no 0 takes part.")
        .holds(Sign)
        .truth("margin of (−3e9, −1e10) for class 0", vec![7e9f32], |f, _| {
            (f.margin)(&tensor(&[-3e9, -1e10], (1, 2)), &[0], Goal::Reach)?.to_vec1::<f32>()
        })
        .because(
            "The one other class is at −1e10. A number that stands for −∞ can be above a score: take \
             f32::NEG_INFINITY.",
        )
        .holds([Scale, Sign])
        .case("three rows of five random scores, and the gradient", |f, (_, many)| {
            let of = |scores: &Tensor| (f.margin)(scores, &[4, 0, 2], Goal::Leave);
            Ok::<_, candle_core::Error>((of(many)?, slope(many, of)?))
        })
        .holds(Batch)
    });
    smallest_changes(changes(exam.part("fool"), &mut random))
}

/// Inputs of `smallest_change` whose radius is known.
fn smallest_changes(exam: Exam<Fooling>) -> Exam<Fooling> {
    exam.part("smallest_change").given((), |on| {
        on.truth(
            "two classes, ½ everywhere, lead 1, weights (3, −4, 0) apart: the smallest change within 1",
            three(52.0 / 256.0, [0.5 + 0.6 * 52.0 / 256.0, 0.5 - 0.8 * 52.0 / 256.0, 0.5]),
            |f, ()| {
                found((f.smallest_change)(
                    &grey((1, 1, 1, 3)),
                    &two(1.0),
                    0,
                    Goal::Leave,
                    1.0,
                    6,
                ))
            },
        )
        .within(LOOSE)
        .because(
            "|margin| / ‖w‖ = 1/5 = 51.2/256: 51/256 does not suffice, 52/256 does, straight along w. Eight halvings \
             end there, and `high` is the end that suffices.",
        )
        .truth(
            "the same with lead 0.4 and within 0.5, to reach class 1",
            three(41.0 / 512.0, [0.5 + 0.6 * 41.0 / 512.0, 0.5 - 0.8 * 41.0 / 512.0, 0.5]),
            |f, ()| {
                found((f.smallest_change)(
                    &grey((1, 1, 1, 3)),
                    &two(0.4),
                    1,
                    Goal::Reach,
                    0.5,
                    6,
                ))
            },
        )
        .within(LOOSE)
        .because("0.4 / 5 = 40.96/512, by fool with the same class and goal.")
        .truth("the same with lead 1, within 0.19", Observed::from("none"), |f, ()| {
            found((f.smallest_change)(
                &grey((1, 1, 1, 3)),
                &two(1.0),
                0,
                Goal::Leave,
                0.19,
                6,
            ))
        })
        .because("1/5 is needed.")
        .truth("the same with lead −1", three(0.0, [0.5; 3]), |f, ()| {
            found((f.smallest_change)(
                &grey((1, 1, 1, 3)),
                &two(-1.0),
                0,
                Goal::Leave,
                1.0,
                6,
            ))
        })
        .because("The answer is another class already: radius 0 and the image itself.")
        .truth(
            "the same from (1, ½, ½), where class 0 leads by 0.985, within 1 in one step",
            three(79.0 / 256.0, [1.0, 0.5 - 0.8 * 79.0 / 256.0, 0.5]),
            |f, ()| {
                let image = tensor(&[1.0, 0.5, 0.5], (1, 1, 1, 3));
                found((f.smallest_change)(&image, &two(2.485), 0, Goal::Leave, 1.0, 1))
            },
        )
        .within(LOOSE)
        .because(
            "The first number is at 1 and stays there, so a change within r is 0.8·r long and takes 3.2·r off the \
                 lead. 0.985 / 3.2 = 78.8/256: the radius is 79/256.",
        )
        .holds(Wiring)
    })
}

/// Inputs of `fool`.
fn changes(exam: Exam<Fooling>, random: &mut Random) -> Exam<Fooling> {
    let images = random.between(0.1, 0.9, (2, 3, 2, 2));
    let bent = curved(
        &(random.signed((6, 12)) * 2.0).expect("numbers"),
        &random.signed((3, 6)),
    );
    exam.truth(
        "two classes, ½ everywhere, weights (3, −4, 0) apart: changed within 0.1 in 4 steps",
        cut(&tensor(&[0.56, 0.42, 0.5], (1, 1, 1, 3))),
        |f| {
            Ok::<_, candle_core::Error>(cut(&(f.fool)(
                &grey((1, 1, 1, 3)),
                &two(1.0),
                &[0],
                Goal::Leave,
                0.1,
                4,
            )?))
        },
    )
    .within(LOOSE)
    .because("Straight along the difference of the weights, by 0.1: (3, −4, 0) / 5 · 0.1.")
    .truth(
        "the same from (0.95, ½, ½)",
        tensor(&[1.0, 0.42, 0.5], (1, 1, 1, 3)),
        |f| {
            (f.fool)(
                &tensor(&[0.95, 0.5, 0.5], (1, 1, 1, 3)),
                &two(1.0),
                &[0],
                Goal::Leave,
                0.1,
                1,
            )
        },
    )
    .within(LOOSE)
    .because(
        "One step, of 2·0.1, whether the answer has turned or not, and into the ball around the image: (0.95, ½, ½) + \
         (0.06, −0.08, 0), then held in [0, 1].",
    )
    .truth(
        "the first with both scores 10 lower",
        tensor(&[0.56, 0.42, 0.5], (1, 1, 1, 3)),
        |f| {
            let lower = |x: &Tensor| two(1.0)(x)? - 10.0;
            (f.fool)(&grey((1, 1, 1, 3)), &lower, &[0], Goal::Leave, 0.1, 4)
        },
    )
    .within(LOOSE)
    .because("Both scores are below 0; the margin is the same, and so is its slope.")
    .given((images, bent), |on| {
        on.case(
            "two RGB images of 2×2 and a curved classifier, to leave classes 2 and 0 within 0.3 in 4 steps",
            |f, (images, bent)| (f.fool)(images, bent, &[2, 0], Goal::Leave, 0.3, 4),
        )
        .within(LOOSE)
        .case(
            "the same, to reach class 1, within 0.8 in 3 steps",
            |f, (images, bent)| (f.fool)(images, bent, &[1, 1], Goal::Reach, 0.8, 3),
        )
        .within(LOOSE)
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Fooling>) -> Exam<Fooling> {
    let mut random = Random::new(seed, 139);
    let images = random.between(0.1, 0.9, (2, 1, 3, 4));
    let bent = curved(
        &(random.signed((6, 12)) * 2.0).expect("numbers"),
        &random.signed((3, 6)),
    );
    let scores = random.between(0.1, 1.0, (2, 4));
    let exam = exam.given((images, bent, scores), |on| {
        on.part("margin")
            .case(
                "margins of scores whose columns come first in memory",
                |f, (_, _, scores)| (f.margin)(&askew(scores), &[3, 1], Goal::Reach),
            )
            .holds(NotContiguous)
            .part("fool")
            .case("images whose columns come first in memory", |f, (images, bent, _)| {
                (f.fool)(&askew(images), bent, &[2, 0], Goal::Leave, 0.3, 4)
            })
            .within(LOOSE)
            .holds(NotContiguous)
            .truth(
                "an image that hangs on a graph: does the changed one?",
                false,
                |f, (images, bent, _)| {
                    let made = Var::from_tensor(images)?.affine(1.0, 0.0)?;
                    Ok::<_, candle_core::Error>((f.fool)(&made, bent, &[2, 0], Goal::Leave, 0.3, 1)?.track_op())
                },
            )
            .because("Detach the image: what comes back does not hang on its graph.")
            .holds(Returned)
            .part("smallest_change")
            .truth(
                "two classes with equal scores, ½ everywhere, weights (3, −4, 0) apart",
                three(1.0 / 256.0, [0.5 + 0.6 / 256.0, 0.5 - 0.8 / 256.0, 0.5]),
                |f, _| {
                    found((f.smallest_change)(
                        &grey((1, 1, 1, 3)),
                        &two(0.0),
                        0,
                        Goal::Leave,
                        1.0,
                        6,
                    ))
                },
            )
            .because("The answer has turned where the margin is above 0, not where it is 0.")
            .holds(Ties)
            .truth(
                "the same equal scores, to leave class 1",
                three(1.0 / 256.0, [0.5 - 0.6 / 256.0, 0.5 + 0.8 / 256.0, 0.5]),
                |f, _| {
                    let image = grey((1, 1, 1, 3));
                    found((f.smallest_change)(&image, &two(0.0), 1, Goal::Leave, 1.0, 6))
                },
            )
            .because("Class 1 does not lead, and no other does either: the margin is 0.")
            .holds(Ties)
            .truth("scores of NaN", Observed::from("none"), |f, _| {
                found((f.smallest_change)(
                    &grey((1, 1, 1, 3)),
                    &|x: &Tensor| two(1.0)(x)? * f64::NAN,
                    0,
                    Goal::Leave,
                    1.0,
                    6,
                ))
            })
            .because("NaN is not above 0.")
            .holds(NotFinite)
            .case(
                "a classifier that bends, in 3 steps, an image whose columns come first in memory",
                |f, _| {
                    let (image, scores) = bending()?;
                    found((f.smallest_change)(&askew(&image), &scores, 0, Goal::Leave, 3.0, 3))
                },
            )
            .within(LOOSE)
            .holds([NotContiguous, Wiring])
    });
    wrong_there(exam).spared(
        &[Sizes, Combined, Names, Empty, Errors],
        "an image is so many numbers, there is one option, and the checks come with is_class",
    )
}

/// An image of 3×4 and a classifier that bends; class 0 leads there by 2.5. With ten steps of ascent a shorter change is
/// found than with three.
fn bending() -> Result<(Tensor, impl Fn(&Tensor) -> Result<Tensor>)> {
    let waves = |count: usize, f: fn(f64) -> f64| -> Vec<f32> { (0..count).map(|i| f(i as f64) as f32).collect() };
    let image = tensor(&waves(12, |i| 0.5 + 0.3 * (1.3 * i).sin()), (1, 1, 3, 4));
    let first = tensor(&waves(72, |i| 2.0 * (0.7 * i * i + 0.3).sin()), (6, 12));
    let second = tensor(&waves(18, |i| (1.1 * i * i).cos()), (3, 6));
    let scores = curved(&first, &second);
    let there = scores(&image)?;
    let lead = tensor(&[2.5, 0.0, 0.0], (1, 3));
    Ok((image, move |x: &Tensor| {
        scores(x)?.broadcast_sub(&there)?.broadcast_add(&lead)
    }))
}

fn wrong_there(exam: Exam<Fooling>) -> Exam<Fooling> {
    exam.hazard(
        Sign,
        "the search for the best other score starts at 0",
        only_margin(Fault::StartsAtZero),
    )
    .hazard(Scale, "−1e9 for the class itself", only_margin(Fault::Billion))
    .hazard(
        Batch,
        "the third image has the class of the first",
        only_margin(Fault::ThirdAsFirst),
    )
    .hazard(Returned, "the image not detached", with!(Connected))
    .hazard(NotFinite, "NaN counts as turned", with!(NanIsTurned))
    .hazard(Wiring, "always ten steps", with!(TenSteps))
    .hazard(
        NotContiguous,
        "margin, only what lies in order",
        Fooling {
            margin: |scores, classes, goal| {
                in_order(&[scores])?;
                margin(scores, classes, goal, Fault::None)
            },
            ..with!(None)
        },
    )
    .hazard(
        NotContiguous,
        "fool, only what lies in order",
        Fooling {
            fool: |images, scores, classes, goal, radius, steps| {
                in_order(&[images])?;
                fool(images, scores, classes, goal, radius, steps, Fault::None)
            },
            ..with!(None)
        },
    )
    .hazard(
        NotContiguous,
        "smallest_change, only what lies in order",
        Fooling {
            smallest_change: |image, scores, class, goal, largest, steps| {
                in_order(&[image])?;
                smallest_change(image, scores, class, goal, largest, steps, Fault::None)
            },
            ..with!(None)
        },
    )
}

/// A fault of the margin that the other two functions do not have.
fn only_margin(fault: Fault) -> Fooling {
    let margin: Margin = match fault {
        Fault::StartsAtZero => |scores, classes, goal| margin(scores, classes, goal, Fault::StartsAtZero),
        Fault::Billion => |scores, classes, goal| margin(scores, classes, goal, Fault::Billion),
        _ => |scores, classes, goal| margin(scores, classes, goal, Fault::ThirdAsFirst),
    };
    Fooling { margin, ..with!(None) }
}
