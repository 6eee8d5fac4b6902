use candle_core::{DType, Device, Result, Tensor, bail};
use resnet::{Config, ResNet, Stem, parameters};

use super::score::{Scored, roughly};
use crate::inputs::{Random, askew, in_order, tensor};
use crate::{Exam, Hazard::*, Observed, Slip, Wrong, slip, wrong};

/// `solution04::depth_curve`, with a list of batches and scores as four numbers; a task is its labels and classes.
pub type DepthCurve =
    fn(&ResNet, &[Tensor], &[&str], usize, &[(Vec<usize>, usize)], [&[usize]; 2]) -> Result<Vec<Vec<Scored>>>;

/// The attempt at 4.7 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex4_7 {
    ($lesson:ident) => {
        |network, batches, sites, grid, tasks, rows| {
            let task = |(labels, classes): &(Vec<usize>, usize)| $lesson::Task {
                name: String::new(),
                labels: labels.clone(),
                classes: *classes,
            };
            let tasks: Vec<_> = tasks.iter().map(task).collect();
            let mut batches = batches.iter().cloned().map(Ok);
            let curve = $lesson::depth_curve(network, &mut batches, sites, grid, &tasks, rows)?;
            let four = |score: &$lesson::Score| [score.accuracy, score.low, score.high, score.majority];
            Ok(curve.iter().map(|row| row.iter().map(four).collect()).collect())
        }
    };
}

const SOLUTION: DepthCurve = ex4_7!(solution04);

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    EarlierSitesToo,
    LastSiteEverywhere,
    SitesReversed,
    BySite,
    OneTask,
    GridIgnored,
    SidesSwapped,
    BatchesReversed,
    FirstBatch,
}

fn curve(
    network: &ResNet,
    batches: &[Tensor],
    sites: &[&str],
    grid: usize,
    tasks: &[(Vec<usize>, usize)],
    [train, test]: [&[usize]; 2],
    fault: Fault,
) -> Result<Vec<Vec<Scored>>> {
    let grid = if fault == Fault::GridIgnored { 1 } else { grid };
    let mut batches = batches.to_vec();
    match fault {
        Fault::BatchesReversed => batches.reverse(),
        Fault::FirstBatch => {
            let size = batches[0].dims()[0];
            let images: usize = batches.iter().map(|batch| batch.dims()[0]).sum();
            batches = vec![batches[0].clone(); images.div_ceil(size)];
        }
        _ => {}
    }
    let mut sites = sites.to_vec();
    if fault == Fault::SitesReversed {
        sites.reverse();
    }
    // Everything in one pass: these images do fit into memory.
    let images = Tensor::cat(&batches, 0)?;
    let mut features = solution04::features(network, &images, &sites, grid)?;
    match fault {
        Fault::EarlierSitesToo => {
            features = (0..features.len())
                .map(|site| Tensor::cat(&features[..=site], 1))
                .collect::<Result<_>>()?
        }
        Fault::LastSiteEverywhere => features = vec![features[features.len() - 1].clone(); features.len()],
        _ => {}
    }
    let rows = match fault {
        Fault::SidesSwapped => [test, train],
        _ => [train, test],
    };
    let score = |(labels, classes): &(Vec<usize>, usize), features: &Tensor| {
        if labels.len() != features.dims2()?.0 && fault != Fault::FirstBatch {
            bail!("labels")
        }
        let features = features.narrow(0, 0, labels.len().min(features.dims2()?.0))?;
        roughly(&features, labels, *classes, rows[0], rows[1])
    };
    let tasks: Vec<_> = match fault {
        Fault::OneTask => vec![tasks[0].clone(); tasks.len()],
        _ => tasks.to_vec(),
    };
    match fault {
        Fault::BySite => features
            .iter()
            .map(|features| tasks.iter().map(|task| score(task, features)).collect())
            .collect(),
        _ => tasks
            .iter()
            .map(|task| features.iter().map(|features| score(task, features)).collect())
            .collect(),
    }
}

/// Accuracy and majority by task and site.
fn observe(tasks: &[&str], sites: &[&str], curve: Result<Vec<Vec<Scored>>>) -> Observed {
    let curve = match curve {
        Err(error) => return Observed::Refused(error.to_string()),
        Ok(curve) => curve,
    };
    let name = |names: &[&str], i: usize| names.get(i).unwrap_or(&"too many").to_string();
    let mut fields = vec![];
    for (i, row) in curve.iter().enumerate() {
        for (j, [accuracy, _, _, majority]) in row.iter().enumerate() {
            let place = format!("{} at {}", name(tasks, i), name(sites, j));
            fields.push((place.clone(), (*accuracy).into()));
            fields.push((format!("{place}, majority"), (*majority).into()));
        }
    }
    Observed::Fields(fields)
}

/// A network whose conv1 has one unit for red and one for blue, and which passes nothing on: all later layers are 0, but
/// for the classes that `fc` names.
fn red_and_blue() -> Result<ResNet> {
    let config = Config::resnet18().width(2).classes(2).stem(Stem::Cifar);
    let mut weights = parameters::initialize(&config, 0)?;
    let conv1 = |out: usize, channel: usize, i: usize, j: usize| {
        let centre = i == 1 && j == 1;
        f32::from(u8::from(centre && channel == 2 * out))
    };
    let values = (0..2 * 3 * 9)
        .map(|n| conv1(n / 27, n / 9 % 3, n / 3 % 3, n % 3))
        .collect();
    weights.insert(
        "conv1.weight".into(),
        Tensor::from_vec(values, (2, 3, 3, 3), &Device::Cpu)?,
    );
    let zero = weights["bn1.weight"].zeros_like()?;
    weights.insert("bn1.weight".into(), zero);
    ResNet::new(&config, &weights)
}

/// The same, with a relu that opens above 1.5 only.
fn closed() -> Result<ResNet> {
    let network = red_and_blue()?;
    let mut weights = network.parameters().clone();
    weights.insert("bn1.weight".into(), tensor(&[1.; 2], 2));
    weights.insert("bn1.bias".into(), tensor(&[-1.5; 2], 2));
    ResNet::new(network.config(), &weights)
}

/// 8×8 images with a square of 2×2, red or blue, in the upper or the lower half; and both labels.
fn squares(random: &mut Random, count: usize) -> Result<(Tensor, Vec<usize>, Vec<usize>)> {
    let (mut images, mut colours, mut places) = (vec![], vec![], vec![]);
    for row in 0..count {
        // Blue is commoner where row % 4 is not 1, red where it is.
        let colour = match row % 4 {
            1 => usize::from(row / 4 % 4 == 0),
            _ => usize::from(row % 5 < 3),
        };
        let place = random.count(0, 1);
        let (top, left) = (4 * place + random.count(0, 2), random.count(0, 6));
        let mut values = vec![0f32; 3 * 64];
        for (y, x) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            values[2 * colour * 64 + (top + y) * 8 + left + x] = 1.0;
        }
        images.push(Tensor::from_vec(values, (3, 8, 8), &Device::Cpu)?);
        colours.push(colour);
        places.push(place);
    }
    Ok((Tensor::stack(&images, 0)?, colours, places))
}

/// The batches of a few images each, the last one smaller.
fn in_batches(images: &Tensor, size: usize) -> Result<Vec<Tensor>> {
    let count = images.dim(0)?;
    (0..count)
        .step_by(size)
        .map(|start| images.narrow(0, start, size.min(count - start)))
        .collect()
}

macro_rules! fault {
    ($fault:expr) => {
        |network, batches, sites, grid, tasks, rows| curve(network, batches, sites, grid, tasks, rows, $fault)
    };
}

/// Written independently of the solution.
const RIGHT: DepthCurve = fault!(Fault::None);

const WRONG: &[Wrong<DepthCurve>] = &[
    wrong(
        "earlier sites too",
        "Your features pile up: each site brings those of the sites before it. Each site is probed on its own \
         features, or a property that is lost can never be seen to be lost.",
        fault!(Fault::EarlierSitesToo),
    ),
    wrong(
        "the last site everywhere",
        "All your sites have the same features. Keep a list of parts for each site.",
        fault!(Fault::LastSiteEverywhere),
    ),
    wrong(
        "sites in reverse",
        "Your curve runs from the class back to the image. Keep the order of `sites`.",
        fault!(Fault::SitesReversed),
    ),
    wrong(
        "site first, task second",
        "Your result is curve[site][task]. It is curve[task][site]: one row is one line in the picture.",
        fault!(Fault::BySite),
    ),
    wrong(
        "the first task everywhere",
        "Every row of your curve is that of the first task. Use each task's own labels.",
        fault!(Fault::OneTask),
    ),
    wrong(
        "grid ignored",
        "Your features are always averaged over the whole map. Hand `grid` on to `features`: averaging hides where \
         something is.",
        fault!(Fault::GridIgnored),
    ),
    wrong(
        "train and test swapped",
        "You trained on the test images and tested on the others.",
        fault!(Fault::SidesSwapped),
    ),
    wrong(
        "batches in reverse",
        "Your rows are in another order than the labels. Put the batches under each other as they come.",
        fault!(Fault::BatchesReversed),
    ),
    wrong(
        "the first batch again and again",
        "Every batch gives the features of the first one. Take the features inside the loop, from the batch at hand.",
        fault!(Fault::FirstBatch),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<DepthCurve>] = &[
    slip(Scale, "a scale fitted to train and test together", |f| {
        *f = |network, batches, sites, grid, tasks, [train, test]| {
            let images = Tensor::cat(batches, 0)?;
            let features = solution04::features(network, &images, sites, grid)?;
            let score = |(labels, classes): &(Vec<usize>, usize), features: &Tensor| -> Result<Scored> {
                let right = roughly(features, labels, *classes, train, test)?;
                if features.dims2()?.0 != labels.len() {
                    bail!("labels")
                }
                let all = solution04::Standardizer::fit(features)?.apply(features)?;
                let rows = |rows: &[usize]| {
                    let rows: Vec<u32> = rows.iter().map(|&row| row as u32).collect();
                    all.index_select(&Tensor::new(rows, &Device::Cpu)?, 0)
                };
                let of = |rows: &[usize]| rows.iter().map(|&row| labels[row]).collect::<Vec<_>>();
                let probe = super::probe::rough(&rows(train)?, &of(train), *classes)?;
                let guesses = probe.predict(&rows(test)?)?;
                let correct = guesses.iter().zip(of(test)).filter(|(a, b)| **a == *b).count();
                let accuracy = correct as f64 / test.len() as f64;
                Ok([accuracy, right[1], right[2], right[3]])
            };
            let curve = |task| features.iter().map(|features| score(task, features)).collect();
            tasks.iter().map(curve).collect()
        }
    }),
    slip(Errors, "labels that are missing left out", |f| {
        *f = |network, batches, sites, grid, tasks, rows| {
            let images: usize = batches.iter().map(|batch| batch.dims()[0]).sum();
            if tasks.iter().all(|(labels, _)| labels.len() == images) {
                curve(network, batches, sites, grid, tasks, rows, Fault::None)
            } else {
                Ok(vec![])
            }
        }
    }),
    slip(NotContiguous, "only what lies in order", |f| {
        *f = |network, batches, sites, grid, tasks, rows| {
            in_order(&batches.iter().collect::<Vec<_>>())?;
            curve(network, batches, sites, grid, tasks, rows, Fault::None)
        }
    }),
];

/// 4.7
pub fn depth_curve(seed: u64) -> Exam<DepthCurve> {
    spare(hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<DepthCurve> {
    Exam::new("4.7", SOLUTION)
        .mistakes(WRONG)
        .alternative("all images in one pass", RIGHT)
}

/// The network for red and blue, pictures of squares, and what is asked about them: the colour, and the half.
struct Squares {
    network: ResNet,
    batches: Vec<Tensor>,
    tasks: [(Vec<usize>, usize); 2],
    train: Vec<usize>,
    test: Vec<usize>,
}

impl Squares {
    fn new(random: &mut Random) -> Result<Self> {
        let count = random.count(100, 140);
        let (images, colours, places) = squares(random, count)?;
        // Unlike sides, so that swapping them shows in the majority.
        let (train, test) = (0..count).partition(|row| row % 4 != 1);
        Ok(Self {
            network: red_and_blue()?,
            batches: in_batches(&images, 17)?,
            tasks: [(colours, 2), (places, 2)],
            train,
            test,
        })
    }

    /// The curve of the first one or two tasks.
    fn curve(&self, f: DepthCurve, sites: &[&str], grid: usize, tasks: usize) -> Result<Vec<Vec<Scored>>> {
        let rows: [&[usize]; 2] = [&self.train, &self.test];
        f(&self.network, &self.batches, sites, grid, &self.tasks[..tasks], rows)
    }

    fn majority(&self, task: usize) -> f64 {
        let of = |rows: &[usize]| rows.iter().map(|&row| self.tasks[task].0[row]).collect::<Vec<_>>();
        solution04::majority(&of(&self.train), &of(&self.test)).expect("labels")
    }
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<DepthCurve>) -> Exam<DepthCurve> {
    let planted = Squares::new(&mut Random::new(seed, 47)).expect("a small network and images");
    exam.given(planted, |on| {
        let squares = on.fixture();
        on.truth(
            "a conv1 with a red and a blue unit: colour at conv1, grid 1",
            Observed::fields([
                ("colour at conv1", 1.0),
                ("colour at conv1, majority", squares.majority(0)),
            ]),
            |f, squares| observe(&["colour"], &["conv1"], squares.curve(f, &["conv1"], 1, 1)),
        )
        .because("The mean of the red unit says whether the square is red.")
        .truth(
            "the same: colour and half at conv1, grid 2",
            Observed::fields([
                ("colour at conv1", 1.0),
                ("colour at conv1, majority", squares.majority(0)),
                ("half at conv1", 1.0),
                ("half at conv1, majority", squares.majority(1)),
            ]),
            |f, squares| observe(&["colour", "half"], &["conv1"], squares.curve(f, &["conv1"], 2, 2)),
        )
        .because("Quarters of the map say in which half the square lies.")
        .truth(
            "the same: colour and half, at conv1 and at layer4, which is always 0; grid 1 first, then 2: who knows it",
            Observed::Text("grid 1: colour at conv1\ngrid 2: colour at conv1, half at conv1".into()),
            |f, squares| -> Result<String> {
                // layer4 of an 8×8 image has a single place: grid 2 is asked of conv1 and layer2 only.
                let mut lines = vec![];
                for (grid, last) in [(1, "layer4"), (2, "layer2")] {
                    let sites = ["conv1", last];
                    let mut known = vec![];
                    for (task, row) in ["colour", "half"].iter().zip(&squares.curve(f, &sites, grid, 2)?) {
                        let knows = sites.iter().zip(row).filter(|(_, score)| score[0] > 0.95);
                        known.extend(knows.map(|(site, _)| format!("{task} at {site}")));
                    }
                    lines.push(format!("grid {grid}: {}", known.join(", ")));
                }
                Ok(lines.join("\n"))
            },
        )
        .because(
            "An average over the map knows the colour and not the half; a grid of 2 knows both; layers that are \
             always 0 know neither.",
        )
        .truth(
            "the same at conv1, relu and conv1 again, grid 1: at which of the three is the accuracy above 0.95",
            vec![0usize, 2],
            |f, squares| -> Result<Vec<usize>> {
                let curve = squares.curve(f, &["conv1", "relu", "conv1"], 1, 1)?;
                let row = curve.concat();
                Ok((0..row.len()).filter(|&site| row[site][0] > 0.95).collect())
            },
        )
        .because("One score for each site, in the order of `sites`, as often as it stands there. relu is always 0.")
        .truth(
            "relu of another network, closed for all that is not brighter than 1.5: is its accuracy above 0.95",
            false,
            |f, squares| -> Result<bool> {
                let rows = [&squares.train[..], &squares.test];
                let curve = f(&closed()?, &squares.batches, &["relu"], 1, &squares.tasks[..1], rows)?;
                Ok(curve[0][0][0] > 0.95)
            },
        )
        .because("The squares are as bright as 1, so nothing comes through: the images are normalized already.")
        .truth(
            "two tasks and three sites: the lengths of the rows",
            vec![3, 3],
            |f, squares| -> Result<Vec<usize>> {
                let config = Config::resnet18().width(2).classes(2).stem(Stem::Cifar);
                let (network, rows) = (ResNet::untrained(&config, 5)?, [&squares.train[..], &squares.test]);
                let sites = ["conv1", "layer1", "layer2"];
                let curve = f(&network, &squares.batches, &sites, 2, &squares.tasks, rows)?;
                Ok(curve.iter().map(Vec::len).collect())
            },
        )
        .because("One row for each task, and in it one score for each site.")
        .truth(
            "the largest change of a weight of the network",
            0.0,
            |f, squares| -> Result<f64> {
                let weights = || squares.network.parameters().values();
                let before: Vec<Tensor> = weights().map(|t| t.copy()).collect::<Result<_>>()?;
                squares.curve(f, &["conv1"], 1, 2)?;
                let mut largest = 0f64;
                for (before, after) in before.iter().zip(weights()) {
                    let change = (after - before)?.abs()?.to_dtype(DType::F64)?.flatten_all()?.max(0)?;
                    largest = largest.max(change.to_scalar()?);
                }
                Ok(largest)
            },
        )
        .because("The backbone is frozen.")
        .refuses("100 images or more, and 40 labels", |f, squares| {
            let short = [(squares.tasks[0].0[..40].to_vec(), 2)];
            let rows: [&[usize]; 2] = [&[0, 1, 2, 3], &[4, 5]];
            let curve = f(&squares.network, &squares.batches, &["conv1"], 1, &short, rows);
            observe(&["colour"], &["conv1"], curve)
        })
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<DepthCurve>) -> Exam<DepthCurve> {
    let mut random = Random::new(seed, 147);
    let network = red_and_blue().expect("a small network");
    let (images, colours, _) = squares(&mut random, 80).expect("small images");
    let (train, test): (Vec<usize>, Vec<usize>) = (0..80).partition(|row| row % 4 != 1);
    // One red and one blue test image are ten thousand times brighter than all others.
    let far = {
        let mut factors = vec![1f32; 80];
        for colour in 0..2 {
            if let Some(&row) = test.iter().find(|&&row| colours[row] == colour) {
                factors[row] = 1e4;
            }
        }
        images
            .broadcast_mul(&tensor(&factors, (80, 1, 1, 1)))
            .expect("one factor for each image")
    };
    let majority = {
        let of = |rows: &[usize]| rows.iter().map(|&row| colours[row]).collect::<Vec<_>>();
        solution04::majority(&of(&train), &of(&test)).expect("labels")
    };
    let fixture = (
        network,
        in_batches(&far, 13).expect("a few at a time"),
        in_batches(&images, 79).expect("all but one at a time"),
    );
    let tasks = vec![(colours, 2)];
    let (tasks_1, train_1, test_1) = (tasks.clone(), train.clone(), test.clone());
    exam.given(fixture, |on| {
        on.truth(
            "two test images ten thousand times brighter: colour at conv1, grid 1",
            Observed::fields([("colour at conv1", 1.0), ("colour at conv1, majority", majority)]),
            move |f, (network, far, _)| {
                observe(
                    &["colour"],
                    &["conv1"],
                    f(network, far, &["conv1"], 1, &tasks, [&train, &test]),
                )
            },
        )
        .because("The scale comes from the training images, where nothing is that bright.")
        .holds(Scale)
        .case(
            "80 images whose columns come first in memory: colour at conv1 and layer1, grid 2",
            move |f, (network, _, batches)| {
                let batches: Vec<Tensor> = batches.iter().map(askew).collect();
                let sites = ["conv1", "layer1"];
                observe(
                    &["colour"],
                    &sites,
                    f(network, &batches, &sites, 2, &tasks_1, [&train_1, &test_1]),
                )
            },
        )
        .because("79 images and a batch of one, which counts as well.")
        .holds(NotContiguous)
    })
    .proofs(RIGHT, PROOFS)
}

/// What this exercise has no room for, or its parts are asked for.
fn spare(exam: Exam<DepthCurve>) -> Exam<DepthCurve> {
    exam.spared(&[Batch, Wiring], "tried as mistakes: batches, sites, tasks, rows, grid")
        .spared(
            &[Sizes],
            "the last batch is smaller; sites have maps of different sizes",
        )
        .spared(
            &[Combined],
            "two tasks, several sites and grids come together in the inputs",
        )
        .spared(&[Names], "sites are looked up by 4.1, which is asked for that")
        .spared(&[Returned], "the order of the result is tried as mistakes")
        .spared(&[Sign, Ties], "activations of both signs; nothing is chosen")
        .spared(&[NotFinite, Empty], "neither NaN nor an empty list is spoken of")
}
