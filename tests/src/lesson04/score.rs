use candle_core::{Result, Tensor};

use crate::inputs::{Random, tensor};
use crate::{Exam, Hazard::*, Observed};

mod answers;

pub(super) use answers::roughly;

/// `solution04::Score`: accuracy, low, high, majority.
pub type Scored = [f64; 4];

/// `solution04::interval`, `solution04::majority` and `solution04::score`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Scoring {
    pub interval: fn(usize, usize) -> Result<(f64, f64)>,
    pub majority: fn(&[usize], &[usize]) -> Result<f64>,
    #[allow(clippy::type_complexity, reason = "one use")]
    pub score: fn(&Tensor, &[usize], usize, &[usize], &[usize]) -> Result<Scored>,
}

/// The attempt at 4.5 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex4_5 {
    ($lesson:ident) => {
        $crate::lesson04::Scoring {
            interval: $lesson::interval,
            majority: $lesson::majority,
            score: |features, labels, classes, train, test| {
                let score = $lesson::score(features, labels, classes, train, test)?;
                Ok([score.accuracy, score.low, score.high, score.majority])
            },
        }
    };
}

const SOLUTION: Scoring = ex4_5!(solution04);

fn observe(score: Result<Scored>) -> Result<Observed> {
    let [accuracy, low, high, majority] = score?;
    Ok(Observed::fields([
        ("accuracy", accuracy),
        ("low", low),
        ("high", high),
        ("majority", majority),
    ]))
}

/// Features, labels, and the rows to train and to test on; two classes.
struct Planted {
    features: Tensor,
    labels: Vec<usize>,
    train: Vec<usize>,
    test: Vec<usize>,
}

impl Planted {
    fn score(&self, f: Scoring) -> Result<Scored> {
        (f.score)(&self.features, &self.labels, 2, &self.train, &self.test)
    }

    fn accuracy(&self, f: Scoring) -> Result<f64> {
        Ok(self.score(f)?[0])
    }
}

/// Feature 0 is −1 or 1 and says the class; every third row is for testing, in mixed order.
fn said_plainly() -> Planted {
    let labels: Vec<usize> = (0..24).map(|row| usize::from(row % 5 < 2)).collect();
    let values: Vec<f32> = labels
        .iter()
        .enumerate()
        .flat_map(|(row, &label)| [2.0 * label as f32 - 1.0, (row % 4) as f32])
        .collect();
    let (test, train) = (0..24).rev().partition(|row| row % 3 == 0);
    Planted {
        features: tensor(&values, (24, 2)),
        labels,
        train,
        test,
    }
}

/// The same, and one test row holds a value a million times larger.
fn with_a_far_test_row() -> Planted {
    let planted = said_plainly();
    let mut values = planted.features.to_vec2::<f32>().expect("two columns").concat();
    values[2 * planted.test[0]] = 1e6 * (2.0 * planted.labels[planted.test[0]] as f32 - 1.0);
    Planted {
        features: tensor(&values, (24, 2)),
        ..planted
    }
}

/// The same, and every test row is of class 1.
fn with_one_class_to_test() -> Planted {
    let planted = said_plainly();
    let ones = |row: &usize| planted.labels[*row] == 1;
    let (test, train): (Vec<_>, Vec<_>) = (0..24).partition(|row| ones(row) && row % 2 == 0);
    Planted { train, test, ..planted }
}

/// The same, and class 1 is commoner in training and rarer among all rows.
fn with_another_majority() -> Planted {
    let planted = said_plainly();
    let (train, test) = (0..24).partition(|&row| row < 20 && (planted.labels[row] == 1 || row % 5 == 2));
    Planted { train, test, ..planted }
}

/// 18 rows of class 0 at 0 and two of class 1 at 1 to train on; four rows to test on, between them.
fn between_classes() -> Planted {
    let values = [&[0.; 18][..], &[1., 1., 0.5, 0.577, 0.605, 0.7]].concat();
    let labels = (0..24).map(|row| usize::from([18, 19, 22, 23].contains(&row)));
    Planted {
        features: tensor(&values, (24, 1)),
        labels: labels.collect(),
        train: (0..20).collect(),
        test: (20..24).collect(),
    }
}

/// Every row has a feature of its own, 1 there and 0 elsewhere; classes by chance, class 0 commoner in training.
fn only_memorable() -> Planted {
    let labels: Vec<usize> = (0..24).map(|row| usize::from(row % 3 == 1 || row >= 19)).collect();
    let values: Vec<f32> = (0..24 * 24).map(|i| f32::from(u8::from(i / 24 == i % 24))).collect();
    Planted {
        features: tensor(&values, (24, 24)),
        labels,
        train: (0..16).collect(),
        test: (16..24).collect(),
    }
}

/// Feature 0 says the class in steps of a thousandth; two others are large and mean nothing.
fn said_quietly(random: &mut Random) -> Planted {
    let labels: Vec<usize> = (0..60).map(|row| usize::from(row % 2 == 0)).collect();
    let noise = random
        .between(-5.0, 5.0, (60, 2))
        .to_vec2::<f32>()
        .expect("two columns");
    let values: Vec<f32> = labels
        .iter()
        .zip(noise)
        .flat_map(|(&label, noise)| [vec![0.001 * label as f32], noise].concat())
        .collect();
    Planted {
        features: tensor(&values, (60, 3)),
        labels,
        train: (0..40).collect(),
        test: (40..60).collect(),
    }
}

/// 4.5
pub fn exam(seed: u64) -> Exam<Scoring> {
    further_hazards(hazards(seed, basics(seed, answers::answers())))
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Scoring>) -> Exam<Scoring> {
    let mut random = Random::new(seed, 45);
    let total = random.count(20, 500);
    let correct = random.count(1, total - 1);
    let quiet = said_quietly(&mut random);
    let far = with_a_far_test_row();

    exam.truth(
        "interval: the upper end for 0 of 1",
        3.8416 / 4.8416,
        |f| -> Result<f64> { Ok((f.interval)(0, 1)?.1) },
    )
    .because("p = 0, n = 1: centre and half are both (z²/(2n)) / (1 + z²/n), with z² = 1.96² = 3.8416.")
    .truth("interval: 50 of 100", (0.403_830, 0.596_170), |f| (f.interval)(50, 100))
    .because("By scipy's binomtest: 0.5 ± 1.96/(1 + z²/n) · √(p(1 − p)/n + z²/(4n²)), with n squared.")
    .case("interval: 1 of 3", |f| (f.interval)(1, 3))
    .because("p = 1/3 as it is, not rounded.")
    .case(format!("interval: {correct} of {total}"), move |f| {
        (f.interval)(correct, total)
    })
    .truth("majority: trained on 2, 2, 1; tested on 1, 1, 2, 1", 0.25, |f| {
        (f.majority)(&[2, 2, 1], &[1, 1, 2, 1])
    })
    .because("2 is the commonest training label, and one test label of four is 2.")
    .truth(
        "majority: trained on 2, 3, 1, 1, 3, 2; tested on 1, 3, 3",
        1.0 / 3.0,
        |f| (f.majority)(&[2, 3, 1, 1, 3, 2], &[1, 3, 3]),
    )
    .because("1, 2 and 3 are equally common; the smallest counts, not the first or the last met.")
    .truth("majority: trained on 2, 3, 1, 1, 3, 2; tested on 2, 2, 3", 0.0, |f| {
        (f.majority)(&[2, 3, 1, 1, 3, 2], &[2, 2, 3])
    })
    .because("Of 1, 2 and 3 the smallest counts, also where another one would do better on the test or on average.")
    .truth("score: feature 0 is −1 or 1 and says the class: accuracy", 1.0, |f| {
        said_plainly().accuracy(f)
    })
    .because(
        "Row by row the feature has the sign of the class. labels[row] belongs to row, wherever it stands in a list.",
    )
    .case("score: the same, all four numbers", |f| {
        observe(said_plainly().score(f))
    })
    .because(
        "The interval is that of the test rows, low before high; the majority is the commonest training label, counted \
         among the test rows.",
    )
    .truth("score: feature 0 is 2 or 4 and says the class: accuracy", 1.0, |f| {
        let mut planted = said_plainly();
        planted.features = (planted.features + 3.0)?;
        planted.accuracy(f)
    })
    .because("Training and test rows are on one scale: 3 is taken off both.")
    .truth("score: the same, all test rows of one class: accuracy", 1.0, |f| {
        with_one_class_to_test().accuracy(f)
    })
    .because(
        "The feature still says the class. By the test rows' own mean it would say nothing, and with a larger penalty \
         the commoner class would win.",
    )
    .truth(
        "score: the same, one test row a million times larger: accuracy",
        1.0,
        move |f| far.accuracy(f),
    )
    .because("The scale comes from the training rows, where nothing is that large.")
    .truth("score: features that only tell rows apart: accuracy", 0.25, |f| {
        only_memorable().accuracy(f)
    })
    .because("No training row shows a test row's feature. What is left is the commoner class, right in 2 of 8.")
    .truth(
        "score: a class said in thousandths beside large noise: accuracy",
        1.0,
        move |f| quiet.accuracy(f),
    )
    .because("Standardized, the feature that says the class is as large as the others.")
    .truth(
        "score: classes at 0 and 1, tested at 0.5, 0.577, 0.605 and 0.7 between them: accuracy",
        1.0,
        |f| between_classes().accuracy(f),
    )
    .because(
        "The probe goes over to the rarer class at 0.588 with PENALTY as it is: a larger penalty moves the border to \
         the rarer class, a smaller one to the middle.",
    )
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Scoring>) -> Exam<Scoring> {
    let total = Random::new(seed, 145).count(20, 500);
    exam.case(
        "score: all test rows of one class, the other one commoner in training: all four numbers",
        |f| observe(with_one_class_to_test().score(f)),
    )
    .because("The majority is the commonest label of the training rows: here no test row has it.")
    .holds(Wiring)
    .case("interval: 1 of 2000", |f| (f.interval)(1, 2000))
    .because("Near 0 Wilson's interval is another than p ± 1.96·√(p(1 − p)/n), however many rows there are.")
    .truth("interval: 1000000 of 2000000", (0.499_307, 0.500_693), |f| {
        (f.interval)(1_000_000, 2_000_000)
    })
    .holds(Scale)
    .case(format!("interval: the lower end for {total} of {total}"), move |f| {
        (f.interval)(total, total).map(|(low, _)| low)
    })
    .case(format!("interval: the upper end for 0 of {total}"), move |f| {
        (f.interval)(0, total).map(|(_, high)| high)
    })
    .truth("majority: trained on 5, 0, 5; tested on 0, 9", 0.0, |f| {
        (f.majority)(&[5, 0, 5], &[0, 9])
    })
    .truth(
        "majority: trained on 12, 3, 3, 12, 5, 12; tested on 3, 3, 12, 9",
        0.25,
        |f| (f.majority)(&[12, 3, 3, 12, 5, 12], &[3, 3, 12, 9]),
    )
    .because("12 is the commonest training label: labels may have any number, and stand in any order.")
    .case(
        "score: class 1 commoner in training, class 0 among all rows: all four numbers",
        |f| observe(with_another_majority().score(f)),
    )
    .because("The majority is the commonest label of the training rows, not of all rows.")
    .holds(Wiring)
    .case(
        "score: trained on class 0 alone, tested on all rows: all four numbers",
        |f| {
            let planted = said_plainly();
            let train = (0..24).filter(|&row| planted.labels[row] == 0).collect();
            let test = (0..24).collect();
            observe(Planted { train, test, ..planted }.score(f))
        },
    )
    .because("Every row that `test` names counts, also of a class that was not trained on, or if it trained as well.")
    .holds(Wiring)
    .case(
        "score: the feature says the opposite in all test rows but one: all four numbers",
        |f| {
            let mut planted = said_plainly();
            for &row in &planted.test[1..] {
                planted.labels[row] = 1 - planted.labels[row];
            }
            observe(planted.score(f))
        },
    )
    .because("A probe can do worse than the majority; its accuracy is what it is.")
    .holds(Wiring)
    .case(
        "score: features that only tell rows apart, trained on rows 0, 1, 1 and 1: all four numbers",
        |f| {
            let mut planted = only_memorable();
            planted.train = vec![0, 1, 1, 1];
            observe(planted.score(f))
        },
    )
    .because("Row 1 stands there three times and counts three times: its class is the commoner one.")
    .holds(Wiring)
}

/// Labels far apart, rows named in any order, and what this exercise has no room for.
fn further_hazards(exam: Exam<Scoring>) -> Exam<Scoring> {
    exam.truth(
        "majority: trained on 263, 263, 7, 7, 0, 0, 0; tested on 0, 0, 0, 7",
        0.75,
        |f| (f.majority)(&[263, 263, 7, 7, 0, 0, 0], &[0, 0, 0, 7]),
    )
    .because("0 is the commonest training label, and three test labels of four are 0.")
    .holds(Sizes)
    .case(
        "score: features that only tell rows apart, rows 17, 19, 19 and 19 to test: all four numbers",
        |f| {
            let mut planted = only_memorable();
            planted.test = vec![17, 19, 19, 19];
            observe(planted.score(f))
        },
    )
    .because("Four rows are named, and one of them is of the commoner class: one of four, in the interval too.")
    .holds([Batch, Wiring])
    .truth("score: a single test row: accuracy", 1.0, |f| {
        let mut planted = said_plainly();
        planted.test.truncate(1);
        planted.accuracy(f)
    })
    .holds(Batch)
    .spared(&[Errors], "the checks come with the stub")
    .spared(
        &[NotContiguous],
        "index_select, by which the text takes rows, takes no such tensor",
    )
    .spared(&[Combined, Names], "no options, no names")
    .spared(&[Sign], "features of both signs are among the inputs")
    .spared(&[Ties], "tried as a mistake: the largest of equally common labels")
    .spared(&[Returned], "the four numbers are asked for one by one")
    .spared(&[NotFinite], "NaN is not spoken of")
    .spared(&[Empty], "the stub refuses empty lists")
}
