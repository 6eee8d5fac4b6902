use candle_core::{Result, Tensor};

use super::{dot, slope};
use crate::inputs::{Random, askew, first_of, tensor};
use crate::{Exam, Fault, Hazard::*, Observed, Refused, Slip, Tolerance, fault, ordered, slip};

/// The two functions of exercise 3.8.
#[derive(Clone, Copy)]
pub struct Facets {
    /// `solution03::similarity`
    pub similarity: fn(&Tensor) -> Result<Tensor>,
    /// `solution03::top_examples`
    pub top_examples: fn(&[f32], usize) -> Vec<usize>,
}

/// The attempt at 3.8 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex3_8 {
    ($lesson:ident) => {
        $crate::lesson03::Facets {
            similarity: $lesson::similarity,
            top_examples: $lesson::top_examples,
        }
    };
}

const SOLUTION: Facets = ex3_8!(solution03);

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    WithItself,
    SumOfPairs,
    OfActivations,
    OfMeans,
    NotNormalized,
    DividesByZero,
    Cut,
    Lowest,
    BySize,
    NanFirst,
    LaterFirst,
    InDataOrder,
    AllOfThem,
    Best,
}

/// Pair by pair.
fn similarity(activations: &Tensor, fault: Flaw) -> Result<Tensor> {
    let (batch, _, _, _) = activations.dims4()?;
    let activations = if fault == Flaw::Cut {
        activations.detach()
    } else {
        activations.clone()
    };
    let code = |n: usize| -> Result<Tensor> {
        let maps = activations.get(n)?.flatten_from(1)?; // [channels, places]
        match fault {
            Flaw::OfActivations => maps.flatten_all(),
            Flaw::OfMeans => maps.mean(1),
            _ => maps.matmul(&maps.t()?)?.flatten_all(),
        }
    };
    let product = |a: &Tensor, b: &Tensor| (a * b)?.sum_all();
    let mut sum = Tensor::zeros((), activations.dtype(), activations.device())?;
    let mut pairs = 0;
    for n in 0..batch {
        for m in 0..batch {
            if n == m && fault != Flaw::WithItself {
                continue;
            }
            let (a, b) = (code(n)?, code(m)?);
            let norms = (product(&a, &a)?.sqrt()? * product(&b, &b)?.sqrt()?)?;
            let cosine = match fault {
                Flaw::NotNormalized => product(&a, &b)?,
                Flaw::DividesByZero => (product(&a, &b)? / norms)?,
                _ => (product(&a, &b)? / (norms + 1e-8)?)?,
            };
            sum = (sum + cosine)?;
            pairs += 1;
        }
    }
    if fault == Flaw::SumOfPairs {
        Ok(sum)
    } else {
        sum / f64::from(pairs.max(1))
    }
}

fn top_examples(scores: &[f32], count: usize, fault: Flaw) -> Vec<usize> {
    let key = |i: usize| {
        if fault == Flaw::BySize {
            scores[i].abs()
        } else {
            scores[i]
        }
    };
    let mut left: Vec<usize> = (0..scores.len())
        .filter(|&i| fault == Flaw::NanFirst || !scores[i].is_nan())
        .collect();
    let mut chosen = vec![];
    while !left.is_empty() && (chosen.len() < count || fault == Flaw::AllOfThem) {
        let better = |a: usize, b: usize| match fault {
            Flaw::Lowest => key(a) < key(b),
            Flaw::LaterFirst => key(a) >= key(b),
            Flaw::NanFirst => key(a).total_cmp(&key(b)).is_gt(),
            _ => key(a) > key(b),
        };
        let mut best = 0;
        for place in 1..left.len() {
            if better(left[place], left[best]) {
                best = place;
            }
        }
        chosen.push(left.remove(best));
    }
    match fault {
        Flaw::InDataOrder => chosen.sort_unstable(),
        Flaw::Best => chosen.truncate(1),
        _ => {}
    }
    chosen
}

macro_rules! with {
    ($fault:ident) => {
        Facets {
            similarity: |activations| similarity(activations, Flaw::$fault),
            top_examples: |scores, count| top_examples(scores, count, Flaw::$fault),
        }
    };
}

fn with_gradient(activations: &Tensor, f: fn(&Tensor) -> Result<Tensor>) -> Result<Observed> {
    Ok(Observed::fields([
        ("similarity", Observed::from(f(activations)?)),
        ("gradient", Observed::from(slope(activations, f)?)),
    ]))
}

/// The decoy of 3.5: it answers to a checkerboard, and a little less to blue. A small world without checkerboards.
fn decoy_scores() -> Result<Vec<f32>> {
    let paint = |colour: [f32; 3]| -> Vec<f32> { colour.iter().flat_map(|&c| [c; 36]).collect() };
    let world = [
        [0.9, 0.1, 0.1],
        [0.1, 0.1, 0.9],
        [0.2, 0.8, 0.2],
        [0.2, 0.2, 0.6],
        [0.7, 0.7, 0.1],
        [0.3, 0.3, 0.8],
    ];
    let world: Vec<f32> = world.into_iter().flat_map(paint).collect();
    let board: Vec<f32> = (0..3 * 36)
        .map(|i| if (i / 6 + i % 6) % 2 == 0 { 1.0 } else { -1.0 })
        .collect();
    let blue = tensor(&paint([0.0, 0.0, 1.0]), (1, 3, 6, 6));
    let world = tensor(&world, (6, 3, 6, 6));
    let board = resnet::ops::relu(&dot(&world, &tensor(&board, (1, 3, 6, 6)))?)?;
    (board + (resnet::ops::relu(&dot(&world, &blue)?)? * 0.4)?)?.to_vec1()
}

/// Written independently of the solution.
const RIGHT: Facets = with!(None);

const FAULTS: &[Fault<Facets>] = &[
    fault(
        "pairs with itself",
        "You counted each image's likeness to itself, which is 1 whatever you do. Only pairs n ≠ m count.",
        |f| *f = with!(WithItself),
    ),
    fault(
        "sum of pairs",
        "You added the pairs up. Take their mean, so that 1 means: all alike.",
        |f| *f = with!(SumOfPairs),
    ),
    fault(
        "place by place",
        "You compared the activations place by place, so an image and the same image moved by a pixel look different. \
         The Gram matrix forgets where.",
        |f| *f = with!(OfActivations),
    ),
    fault(
        "means of channels",
        "You compared the channels' means. The Gram matrix holds which channels are active *together*, channel by \
         channel.",
        |f| *f = with!(OfMeans),
    ),
    fault(
        "not normalized",
        "You did not divide by the norms. Then the easiest way to become less alike is to become weak.",
        |f| *f = with!(NotNormalized),
    ),
    fault(
        "division by zero",
        "An image to which the layer does not respond has a Gram matrix of zeros, and yours gives NaN. Add 1e-8 to \
         the product of the norms.",
        |f| *f = with!(DividesByZero),
    ),
    fault(
        "cut off from the images",
        "The number is right, and its gradient is 0. Only operations on tensors stay connected.",
        |f| *f = with!(Cut),
    ),
    fault(
        "lowest first",
        "You named the images with the lowest scores. The highest come first.",
        |f| *f = with!(Lowest),
    ),
    fault(
        "by size",
        "You sorted by the score without its sign: a unit that is strongly inhibited by an image does not like it.",
        |f| *f = with!(BySize),
    ),
    fault(
        "NaN on top",
        "An image whose score is NaN is at the top of your list: total_cmp puts NaN above everything. Leave it out.",
        |f| *f = with!(NanFirst),
    ),
    fault(
        "minus zero below zero",
        "0.0 and −0.0 are equal, so the earlier one comes first; total_cmp puts 0.0 above −0.0. Leave NaN out and \
         compare with partial_cmp.",
        |f| {
            f.top_examples = |scores, count| {
                let mut order: Vec<usize> = (0..scores.len()).filter(|&i| !scores[i].is_nan()).collect();
                order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
                order.truncate(count);
                order
            }
        },
    ),
    fault(
        "later first",
        "Of images with equal scores the earlier one comes first.",
        |f| *f = with!(LaterFirst),
    ),
    fault(
        "in the order of the data",
        "You found the right images and lost their order: the best comes first.",
        |f| *f = with!(InDataOrder),
    ),
    fault(
        "all of them",
        "You named all images. Only the first `count` are asked for.",
        |f| *f = with!(AllOfThem),
    ),
    fault(
        "the best alone",
        "You named one image. `count` of them are asked for.",
        |f| *f = with!(Best),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Facets>] = &[
    ordered!("only what lies in order", similarity: |a| [a] => similarity(a, Flaw::None)),
    slip(NotFinite, "NaN looked for at the ends only", |f| {
        f.top_examples = |scores, count| match scores {
            [first, .., last] if !first.is_nan() && last.is_nan() => top_examples(scores, count, Flaw::NanFirst),
            _ => top_examples(scores, count, Flaw::None),
        }
    }),
    slip(NotFinite, "NaN put last", |f| {
        f.top_examples = |scores, count| {
            let mut order = top_examples(scores, count, Flaw::None);
            order.extend((0..scores.len()).filter(|&i| scores[i].is_nan()));
            order.truncate(count);
            order
        }
    }),
    slip(Batch, "four images at most", |f| {
        f.similarity = |a| similarity(&first_of(a, 4)?, Flaw::None)
    }),
    slip(Scale, "scores that differ by 1e-6 or less taken for equal", |f| {
        f.top_examples = |scores, count| {
            let coarse: Vec<f32> = scores.iter().map(|score| (score * 1e6).round()).collect();
            if scores.iter().all(|score| score.abs() < 1e-20) {
                top_examples(&coarse, count, Flaw::None)
            } else {
                top_examples(scores, count, Flaw::None)
            }
        }
    }),
    slip(Empty, "one example at least", |f| {
        f.top_examples = |scores, count| top_examples(scores, count.max(1), Flaw::None)
    }),
];

/// Attempts that once passed.
const PASSED: &[Refused<Facets>] = &[
    ("−∞ taken for none", |f| {
        f.top_examples = |scores, count| {
            let none = |&score: &f32| if score == f32::NEG_INFINITY { f32::NAN } else { score };
            top_examples(&scores.iter().map(none).collect::<Vec<_>>(), count, Flaw::None)
        }
    }),
    ("NaN below whatever it is compared with", |f| {
        f.top_examples = |scores, count| {
            let mut order: Vec<usize> = (0..scores.len()).collect();
            order.sort_by(|&a, &b| scores[b].partial_cmp(&scores[a]).unwrap_or(std::cmp::Ordering::Less));
            order.retain(|&i| !scores[i].is_nan());
            order.truncate(count);
            order
        }
    }),
];

/// 3.8
pub fn facets(seed: u64) -> Exam<Facets> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Facets> {
    Exam::new("3.8", SOLUTION)
        .changes(RIGHT, FAULTS)
        .refused(RIGHT, PASSED)
        .alternative("pair by pair, and by choosing the best that is left", RIGHT)
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Facets>) -> Exam<Facets> {
    let mut random = Random::new(seed, 38);
    let one = random.signed((1, 3, 2, 4));
    // The same image, and the same with its places in another order.
    let alike = Tensor::cat(&[&one, &one.roll(1, 3).expect("a roll")], 0).expect("equal shapes");
    let apart = tensor(&[1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 3.0, 1.0], (2, 2, 1, 2));
    let hand = tensor(&[1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0], (2, 2, 1, 2));
    let dead = Tensor::cat(&[&one, &one.zeros_like().expect("zeros")], 0).expect("equal shapes");
    let three = random.signed((3, 4, 2, 3));
    let scores: Vec<f32> = random.between(-1.0, 1.0, 30).to_vec1().expect("a list");

    exam.truth(
        "similarity of an image and the same image rolled by a pixel",
        1f32,
        move |f| scalar((f.similarity)(&alike)),
    )
    .because(
        "The same channels are active together, only elsewhere: 1, which is the mean over both pairs, (1, 2) and (2, \
         1).",
    )
    .truth(
        "similarity of two images, one with channel 0 active, one with channel 1",
        0f32,
        move |f| scalar((f.similarity)(&apart)),
    )
    .because("They have nothing in common.")
    .truth(
        "channels (1, 0) and (0, 1) here, (1, 0) and (1, 0) there",
        2f32.sqrt() / 2.0,
        move |f| scalar((f.similarity)(&hand)),
    )
    .because("G₁ = [1 0; 0 1], G₂ = [1 1; 1 1]: ⟨G₁, G₂⟩ = 2, ‖G₁‖ = √2, ‖G₂‖ = 2.")
    .truth("similarity to an image without any response", 0f32, move |f| {
        scalar((f.similarity)(&dead))
    })
    .because("⟨G, 0⟩ = 0, divided by 1e-8.")
    .truth(
        "similarity of two images of two pixels, all √2/100",
        16f32 / 17.0,
        |f| scalar((f.similarity)(&tensor(&[2f32.sqrt() / 100.0; 4], (2, 1, 1, 2)))),
    )
    .because("G = 2·2e-4 for both, a sum over the pixels, so 16e-8 / (16e-8 + 1e-8).")
    .case("similarity of three random images, and its gradient", move |f| {
        with_gradient(&three, f.similarity)
    })
    .within(Tolerance::new(1e-3, 1e-4))
    .because("Three images are six pairs n ≠ m, and all count.")
    .truth("the best 2 of 0.5, 3, −4, 1", vec![1usize, 3], |f| {
        (f.top_examples)(&[0.5, 3.0, -4.0, 1.0], 2)
    })
    .because("3, then 1: the highest first, and −4 is the lowest of all.")
    .truth("the best 3 of 2, 5, 2, 5, 1", vec![1usize, 3, 0], |f| {
        (f.top_examples)(&[2.0, 5.0, 2.0, 5.0, 1.0], 3)
    })
    .because("Of equal scores the earlier one comes first.")
    .truth("the best 3 of NaN, 1, 2", vec![2usize, 1], |f| {
        (f.top_examples)(&[f32::NAN, 1.0, 2.0], 3)
    })
    .because("An image whose score is NaN is left out, not put last.")
    .holds(NotFinite)
    .truth("the best 5 of −2, −1", vec![1usize, 0], |f| {
        (f.top_examples)(&[-2.0, -1.0], 5)
    })
    .because("Fewer than `count` are all of them, and negative scores are scores.")
    .case("the best 9 of 30 random scores", move |f| (f.top_examples)(&scores, 9))
    .truth(
        "the decoy of 3.5 in a world of six plain colours, blue at 1, 3 and 5",
        vec![1usize, 5, 3],
        |f| (f.top_examples)(&decoy_scores().expect("six images"), 3),
    )
    .because("Its optimum is a checkerboard; in this world there is none, and it is a detector of blue.")
}

fn scalar(value: Result<Tensor>) -> Result<f32> {
    value?.to_scalar()
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Facets>) -> Exam<Facets> {
    let three = Random::new(seed, 138).signed((3, 4, 2, 3));
    exam.case(
        "similarity of three random images whose columns come first in memory",
        move |f| scalar((f.similarity)(&askew(&three))),
    )
    .within(Tolerance::new(1e-3, 1e-4))
    .holds(NotContiguous)
    .truth("the best 2 of −1, −0.0, 0.0", vec![1usize, 2], |f| {
        (f.top_examples)(&[-1.0, -0.0, 0.0], 2)
    })
    .because("0.0 and −0.0 are equal: the earlier one comes first.")
    .holds(Ties)
    .truth("the best 3 of 1, NaN, 3, 2, NaN", vec![2usize, 3, 0], |f| {
        (f.top_examples)(&[1.0, f32::NAN, 3.0, 2.0, f32::NAN], 3)
    })
    .holds(NotFinite)
    .truth("the best 3 of ∞, 1, −∞", vec![0usize, 1, 2], |f| {
        (f.top_examples)(&[f32::INFINITY, 1.0, f32::NEG_INFINITY], 3)
    })
    .because("Only NaN has no place in the order; infinity has, at both ends.")
    .case("the best 40 of 60 scores, every third of them NaN", |f| {
        let score = |i: usize| {
            if i.is_multiple_of(3) {
                f32::NAN
            } else {
                (i * 37 % 60) as f32
            }
        };
        (f.top_examples)(&(0..60).map(score).collect::<Vec<_>>(), 40)
    })
    .because("NaN compares with nothing. A comparison that calls it smaller or equal leaves the others out of order.")
    .holds(NotFinite)
    .truth("the best 2 of no scores", Vec::<usize>::new(), |f| {
        (f.top_examples)(&[], 2)
    })
    .proofs(RIGHT, PROOFS)
}

/// Many images, of very different contrast.
fn further_hazards(seed: u64, exam: Exam<Facets>) -> Exam<Facets> {
    let mut random = Random::new(seed, 238);
    let five = random.signed((5, 2, 3, 2));
    let close = Tolerance::new(1e-3, 1e-4);
    exam.given(five, move |on| {
        on.case("similarity of five images", |f, x| scalar((f.similarity)(x)))
            .within(close)
            .holds(Batch)
            .truth("four equal images and one without any response", 0.6f32, |f, x| {
                let four = x.narrow(0, 0, 1)?.repeat((4, 1, 1, 1))?;
                scalar((f.similarity)(&Tensor::cat(
                    &[&four, &x.narrow(0, 0, 1)?.zeros_like()?],
                    0,
                )?))
            })
            .because("12 of 20 pairs are 1, and 8 are 0.")
            .within(close)
            .holds(Batch)
            .case("the same five, a hundred times as strong", |f, x| {
                scalar((f.similarity)(&(x * 100.0)?))
            })
            .within(close)
            .holds([Batch, Scale])
            .truth("the best 2 of 10⁻³⁰, 2·10⁻³⁰, 0", vec![1usize, 0], |f, _| {
                (f.top_examples)(&[1e-30, 2e-30, 0.0], 2)
            })
            .because("2·10⁻³⁰ is above 10⁻³⁰, and both are above 0: scores are compared as they are.")
            .holds(Scale)
            .truth("the best 0 of 1, 2", Vec::<usize>::new(), |f, _| {
                (f.top_examples)(&[1.0, 2.0], 0)
            })
            .holds(Empty)
    })
    .spared(&[Errors], "the checks come with the stub")
    .spared(&[Sizes], "height and width differ in most inputs")
    .spared(&[Sign], "the values of most inputs have both signs")
    .spared(&[Returned], "tried as a mistake: cut off from the graph")
    .spared(
        &[Combined, Names, Wiring],
        "no options, no names, no parts put together",
    )
}
