use candle_core::{Result, Tensor};
use resnet::Parameters;

use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Hazard::*, Observed, Tolerance};

mod answers;

/// A function of one tensor, element by element or as a whole.
pub type Map = fn(&Tensor) -> Result<Tensor>;
/// A forward pass that names every activation.
pub type Pass = fn(&Tensor, &Parameters) -> Result<Vec<(&'static str, Tensor)>>;

/// `solution01::relu`, `sigmoid`, `tanh`, `softmax` and `forward`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Forward {
    pub relu: Map,
    pub sigmoid: Map,
    pub tanh: Map,
    pub softmax: Map,
    pub forward: Pass,
}

/// The attempt at 1.4 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex1_4 {
    ($lesson:ident) => {
        $crate::lesson01::Forward {
            relu: $lesson::relu,
            sigmoid: $lesson::sigmoid,
            tanh: $lesson::tanh,
            softmax: $lesson::softmax,
            forward: $lesson::forward,
        }
    };
}

const SOLUTION: Forward = ex1_4!(solution01);

fn observe(activations: Result<Vec<(&'static str, Tensor)>>) -> Observed {
    match activations {
        Ok(list) => Observed::Fields(
            list.iter()
                .map(|(name, value)| (name.to_string(), value.into()))
                .collect(),
        ),
        Err(error) => Observed::Refused(error.to_string()),
    }
}

fn weights(random: &mut Random, channels: usize, filters: usize, features: usize, classes: usize) -> Parameters {
    Parameters::from([
        ("conv.weight".into(), random.signed((filters, channels, 3, 3))),
        ("conv.bias".into(), random.signed(filters)),
        ("fc.weight".into(), random.signed((classes, features))),
        ("fc.bias".into(), random.signed(classes)),
    ])
}

/// 1.4
pub fn forward(seed: u64) -> Exam<Forward> {
    hazards(seed, basics(seed, answers::known()))
}

/// A network that sees: filter 0 answers to bright columns left of dark ones, and class 0 counts its answers. An image
/// for it, its weights, and what it sees.
fn planted() -> (Tensor, Parameters, Observed) {
    let edge = tensor(&[0., 1., -1., 0., 1., -1., 0., 1., -1.], (1, 1, 3, 3));
    let planted = Parameters::from([
        ("conv.weight".into(), edge),
        ("conv.bias".into(), tensor(&[-2.0], 1)),
        ("fc.weight".into(), tensor(&[1., 1., 1., 1., 0., 0., 0., 0.], (2, 4))),
        ("fc.bias".into(), tensor(&[0., 2.], 2)),
    ]);
    let step = tensor(&[1., 1., 0., 0.].repeat(4), (1, 4, 4));

    let field = |(name, values, shape): (&str, &[f32], &[usize])| (name.into(), tensor(values, shape).into());
    let seen: [(&str, &[f32], &[usize]); 6] = [
        (
            "conv",
            &[
                -2., 0., -2., -2., //
                -2., 1., -2., -2., //
                -2., 1., -2., -2., //
                -2., 0., -2., -2.,
            ],
            &[1, 4, 4],
        ),
        (
            "relu",
            &[
                0., 0., 0., 0., //
                0., 1., 0., 0., //
                0., 1., 0., 0., //
                0., 0., 0., 0.,
            ],
            &[1, 4, 4],
        ),
        ("maxpool", &[1., 0., 1., 0.], &[1, 2, 2]),
        ("flatten", &[1., 0., 1., 0.], &[4]),
        ("fc", &[2., 2.], &[2]),
        ("softmax", &[0.5, 0.5], &[2]),
    ];
    (step, planted, Observed::Fields(seen.map(field).into()))
}

const STEPS: &str = "Each row comes from the one before it: conv (padding 1, with its bias), relu, maxpool, flatten \
                     channel by channel, fc = fc.weight · flatten + fc.bias, softmax of fc.";

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Forward>) -> Exam<Forward> {
    let mut random = Random::new(seed, 14);
    let x = random.between(-3.0, 3.0, (2, 3, 4));
    let logits = random.between(-4.0, 4.0, 7);
    let shifted = (&logits + 300.0).expect("a number adds to any tensor");
    let small = random.signed((1, 4, 4));
    let small_weights = weights(&mut random, 1, 2, 8, 3);
    let image = random.signed((3, 8, 6));
    let image_weights = weights(&mut random, 3, 4, 48, 5);
    let mut incomplete = image_weights.clone();
    incomplete.remove("fc.bias");
    let (step, planted, seen) = planted();

    exam.truth(
        "relu of −2, −0.5, 0, 0.5, 2",
        tensor(&[0., 0., 0., 0.5, 2.], 5),
        |f| (f.relu)(&tensor(&[-2., -0.5, 0., 0.5, 2.], 5)),
    )
    .because("What is above 0 stays as it is, the rest becomes 0.")
    .given((image, x), |on| {
        on.case("relu of a random [2, 3, 4] tensor", |f, (_, x)| (f.relu)(x))
            .because("What is above 0 stays as it is, the rest becomes 0.")
            .truth("sigmoid of 0 and ln 3", tensor(&[0.5, 0.75], 2), |f, _| {
                (f.sigmoid)(&tensor(&[0., 3f32.ln()], 2))
            })
            .because("1 / (1 + 1) and 1 / (1 + 1/3).")
            .case("sigmoid of a random [2, 3, 4] tensor", |f, (_, x)| (f.sigmoid)(x))
            .because("1 / (1 + e^(−x)), number by number.")
            .truth(
                "sigmoid of −1000, −100, 100 and 1000",
                tensor(&[0., 0., 1., 1.], 4),
                |f, _| (f.sigmoid)(&tensor(&[-1000., -100., 100., 1000.], 4)),
            )
            .within(Tolerance::relative(1e-6))
            .because("The form 1 / (1 + e^(−x)) may overflow inside and is right all the same; no limit is needed.")
            .truth("tanh of 0 and ln 2", tensor(&[0., 0.6], 2), |f, _| {
                (f.tanh)(&tensor(&[0., 2f32.ln()], 2))
            })
            .because("(2 − 1/2) / (2 + 1/2) = 0.6.")
            .case("tanh of a random [2, 3, 4] tensor", |f, (_, x)| (f.tanh)(x))
            .because("2 · sigmoid(2x) − 1, number by number.")
            .truth("tanh of −100 and 100", tensor(&[-1., 1.], 2), |f, _| {
                (f.tanh)(&tensor(&[-100., 100.], 2))
            })
            .within(Tolerance::relative(1e-6))
            .because("2 · sigmoid(2x) − 1 is safe for every x; no limit is needed.")
            .truth("softmax of the logits 0 and ln 3", tensor(&[0.25, 0.75], 2), |f, _| {
                (f.softmax)(&tensor(&[0., 3f32.ln()], 2))
            })
            .within(Tolerance::relative(2e-6))
            .because("1 / (1 + 3) and 3 / (1 + 3).")
            .case("softmax of seven random logits", move |f, _| (f.softmax)(&logits))
            .because("Each exponential over the sum of all seven; together 1.")
            .case("softmax of the same logits plus 300", move |f, _| (f.softmax)(&shifted))
            .because("A number added to all logits changes nothing; e^300 overflows.")
            .truth(
                "forward: a bright left half, an edge filter, and two classes",
                seen,
                move |f, _| observe((f.forward)(&step, &planted)),
            )
            .because(
                "The filter adds up bright minus dark over three rows, less 2: at the edge 3 − 2 = 1, at its ends, \
                 where the padding hides a row, 0. Class 0 counts two answers, class 1 has a bias of 2.",
            )
            .case(
                "forward: a random [1, 4, 4] image, 2 filters, 3 classes",
                move |f, _| observe((f.forward)(&small, &small_weights)),
            )
            .because(STEPS)
            .case(
                "forward: a random [3, 8, 6] image, 4 filters, 5 classes",
                move |f, (image, _)| observe((f.forward)(image, &image_weights)),
            )
            .because(STEPS)
            .refuses("forward: no weight named fc.bias", move |f, (image, _)| {
                observe((f.forward)(image, &incomplete))
            })
    })
}

/// Tensors of rank 0 and 4, a single class, −∞.
fn edges(exam: Exam<Forward>) -> Exam<Forward> {
    const INF: f32 = f32::INFINITY;
    type Of = fn(Forward) -> Map;
    let functions: [(&str, Of); 3] = [("relu", |f| f.relu), ("sigmoid", |f| f.sigmoid), ("tanh", |f| f.tanh)];
    let exam = functions.into_iter().fold(exam, |exam, (name, of)| {
        exam.case(format!("{name} of a single number, 0.5, of rank 0"), move |f| {
            of(f)(&tensor(&[0.5], ()))
        })
        .because("Any shape: a scalar gives a scalar.")
        .case(format!("{name} of a [1, 2, 1, 2] tensor"), move |f| {
            of(f)(&tensor(&[-1., 0., 0.5, 2.], (1, 2, 1, 2)))
        })
        .because("Any shape, and the same comes back.")
    });
    exam.truth("relu of −∞, −1 and 2", tensor(&[0., 0., 2.], 3), |f| {
        (f.relu)(&tensor(&[-INF, -1., 2.], 3))
    })
    .because("max(0, −∞) is 0. A product with 0 is NaN there.")
    .holds(NotFinite)
    .truth("softmax of −∞, 0 and ln 3", tensor(&[0., 0.25, 0.75], 3), |f| {
        (f.softmax)(&tensor(&[-INF, 0., 3f32.ln()], 3))
    })
    .within(Tolerance::relative(2e-6))
    .because("e^(−∞) is 0: a class that is ruled out.")
    .holds([NotFinite, Scale])
    .truth("softmax of a single logit, 7", tensor(&[1.], 1), |f| {
        (f.softmax)(&tensor(&[7.], 1))
    })
    .because("The only class has all of the probability.")
    .truth(
        "forward: two features, 1 and 2, and two classes, whose weights are 1 2 and 3 5: the logits",
        Observed::fields([("fc", tensor(&[5., 13.], 2))]),
        |f| {
            let weights = [
                ("conv.weight".into(), tensor(&[0.; 18], (2, 1, 3, 3))),
                ("conv.bias".into(), tensor(&[1., 2.], 2)),
                ("fc.weight".into(), tensor(&[1., 2., 3., 5.], (2, 2))),
                ("fc.bias".into(), tensor(&[0.; 2], 2)),
            ];
            let rows = (f.forward)(&tensor(&[0.; 4], (1, 2, 2)), &weights.into());
            observe(rows.map(|rows| rows.into_iter().skip(4).take(1).collect()))
        },
    )
    .because("1·1 + 2·2 and 3·1 + 5·2: a row of fc.weight per class, also where it has as many columns as rows.")
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Forward>) -> Exam<Forward> {
    let mut random = Random::new(seed, 114);
    let x = random.between(-3.0, 3.0, (2, 3, 4));
    let logits = random.between(-4.0, 4.0, 7);
    let image = random.signed((2, 5, 7));
    let weights = weights(&mut random, 2, 2, 12, 3);
    let (step, mut large, _) = planted();
    large.insert("fc.weight".into(), (&large["fc.weight"] * 1000.0).expect("a tensor"));
    let exam = edges(exam)
        .truth(
            "softmax of −300, 300, −300, −300",
            tensor(&[0., 1., 0., 0.], 4),
            |f| (f.softmax)(&tensor(&[-300., 300., -300., -300.], 4)),
        )
        .within(Tolerance::relative(1e-6))
        .because(
            "Subtract the largest: with the first of these logits, or their mean, the exponential of 600 or 450 \
                  is left.",
        )
        .holds(Scale)
        .truth("relu of −1e30, 7 and 1e30", tensor(&[0., 7., 1e30], 3), |f| {
            (f.relu)(&tensor(&[-1e30, 7., 1e30], 3))
        })
        .because("ReLU has no upper end.")
        .holds(Scale)
        .truth(
            "forward: a bright left half, weights of fc that are 1000 times as large; its last two rows",
            Observed::fields([("fc", tensor(&[2000., 2.], 2)), ("softmax", tensor(&[1., 0.], 2))]),
            move |f| observe((f.forward)(&step, &large).map(|rows| rows.into_iter().skip(4).collect())),
        )
        .because("The last row is the softmax that you wrote, which does not overflow.")
        .holds(Scale)
        .truth("softmax of −300 and −300", tensor(&[0.5, 0.5], 2), |f| {
            (f.softmax)(&tensor(&[-300., -300.], 2))
        })
        .because("The largest logit is −300: subtract it, and not 0 or 300, which leave 0/0.")
        .holds(Sign)
        .given((x, logits), |on| {
            on.case("relu of a transposed tensor", |f, (x, _)| (f.relu)(&askew(x)))
                .holds(NotContiguous)
                .case("sigmoid of a transposed tensor", |f, (x, _)| (f.sigmoid)(&askew(x)))
                .holds(NotContiguous)
                .case("tanh of a transposed tensor", |f, (x, _)| (f.tanh)(&askew(x)))
                .holds(NotContiguous)
                .case("softmax of every second number of a list", |f, (_, z)| {
                    (f.softmax)(&askew(z))
                })
                .holds(NotContiguous)
        })
        .given((image, weights), |on| {
            let on = on
                .case(
                    "forward: a random [2, 5, 7] image, 2 filters, 3 classes",
                    |f, (image, weights)| observe((f.forward)(image, weights)),
                )
                .because("The pool halves rounding down, 5×7 to 2×3: two filters make 12 features.")
                .holds(Sizes)
                .case(
                    "forward: the same numbers in transposed tensors",
                    |f, (image, weights)| {
                        let weights = weights.iter().map(|(name, weight)| (name.clone(), askew(weight)));
                        observe((f.forward)(&askew(image), &weights.collect()))
                    },
                )
                .holds([Sizes, NotContiguous])
                .case(
                    "forward: the same weights among others, x.conv.weight and aux.conv.weight",
                    |f, (image, weights)| {
                        let mut all = weights.clone();
                        for (name, weight) in weights {
                            let other = weight.neg().expect("a tensor");
                            all.extend(["x.", "aux."].map(|more| (format!("{more}{name}"), other.clone())));
                        }
                        observe((f.forward)(image, &all))
                    },
                )
                .because("Weights are found by their whole names.")
                .holds([Sizes, Names]);
            ["conv.weight", "conv.bias", "fc.weight"]
                .into_iter()
                .fold(on, |on, name| {
                    on.refuses(
                        format!("forward: no weight named {name}"),
                        move |f, (image, weights)| {
                            let mut weights = weights.clone();
                            weights.remove(name);
                            observe((f.forward)(image, &weights))
                        },
                    )
                })
        });
    exam.spared(&[Batch, Ties, Empty], "one image, and nothing is chosen")
        .spared(
            &[Combined, Returned, Wiring],
            "there are no options; every activation on the way is compared",
        )
}
