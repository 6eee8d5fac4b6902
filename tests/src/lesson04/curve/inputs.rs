//! What 4.7 is asked for.

use candle_core::{DType, Device, Result, Tensor};
use resnet::{Config, ResNet, Stem, parameters};

use super::super::score::Scored;
use super::{DepthCurve, PROOFS, RIGHT};
use crate::Hazard::*;
use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Observed};

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

/// The network for red and blue, pictures of squares, and what is asked about them: the colour, and the half.
struct Squares {
    pub(super) network: ResNet,
    pub(super) batches: Vec<Tensor>,
    pub(super) tasks: [(Vec<usize>, usize); 2],
    pub(super) train: Vec<usize>,
    pub(super) test: Vec<usize>,
}

impl Squares {
    pub(super) fn new(random: &mut Random) -> Result<Self> {
        let count = random.count(100, 140);
        let (images, colours, places) = squares(random, count)?;
        // Unlike sides, so that swapping them shows in the majority.
        let (mut train, test): (Vec<usize>, Vec<usize>) = (0..count).partition(|row| row % 4 != 1);
        // First all of one colour, so that the rest cannot be left out.
        train.sort_by_key(|&row| colours[row]);
        Ok(Self {
            network: red_and_blue()?,
            batches: in_batches(&images, 17)?,
            tasks: [(colours, 2), (places, 2)],
            train,
            test,
        })
    }

    /// The curve of the first one or two tasks.
    pub(super) fn curve(&self, f: DepthCurve, sites: &[&str], grid: usize, tasks: usize) -> Result<Vec<Vec<Scored>>> {
        let rows: [&[usize]; 2] = [&self.train, &self.test];
        f(&self.network, &self.batches, sites, grid, &self.tasks[..tasks], rows)
    }

    /// Squares of the lower half are twice as bright, and the units answer with the other sign.
    fn darker(&self, f: DepthCurve) -> Result<Vec<Vec<Scored>>> {
        let mut weights = self.network.parameters().clone();
        weights.insert("conv1.weight".into(), weights["conv1.weight"].neg()?);
        let network = ResNet::new(self.network.config(), &weights)?;
        let brightness: Vec<usize> = self.tasks[1].0.iter().map(|place| place + 1).collect();
        let factors: Vec<f32> = brightness.iter().map(|&factor| factor as f32).collect();
        let images = Tensor::cat(&self.batches, 0)?;
        let images = images.broadcast_mul(&tensor(&factors, (factors.len(), 1, 1, 1)))?;
        let tasks = [self.tasks[0].clone(), (brightness, 3), self.tasks[0].clone()];
        let rows = [&self.train[..], &self.test];
        f(&network, &in_batches(&images, 17)?, &["conv1"], 1, &tasks, rows)
    }

    /// Half of the images on neither side, with the other colour for a label: which tasks are known.
    fn with_strangers(&self, f: DepthCurve) -> Result<Observed> {
        let colours = self.tasks[0].0.iter().enumerate();
        let colours = colours.map(|(row, &colour)| if row % 2 == 0 { 1 - colour } else { colour });
        let tasks = [self.tasks[1].clone(), (colours.collect(), 2)];
        let of = |rest: usize| (0..self.tasks[0].0.len()).filter(move |row| row % 4 == rest);
        let rows: [Vec<usize>; 2] = [of(3).collect(), of(1).collect()];
        let curve = f(
            &self.network,
            &self.batches,
            &["conv1"],
            1,
            &tasks,
            [&rows[0], &rows[1]],
        )?;
        let known = |row: &Vec<Scored>| row.first().is_some_and(|score| score[0] > 0.95);
        let names = ["half", "colour", "too many"].map(String::from).into_iter();
        Ok(Observed::Fields(
            names.zip(curve.iter().map(|row| known(row).into())).collect(),
        ))
    }

    pub(super) fn majority(&self, task: usize) -> f64 {
        let of = |rows: &[usize]| rows.iter().map(|&row| self.tasks[task].0[row]).collect::<Vec<_>>();
        solution04::majority(&of(&self.train), &of(&self.test)).expect("labels")
    }
}

/// Inputs from small to large.
pub(super) fn basics(seed: u64, exam: Exam<DepthCurve>) -> Exam<DepthCurve> {
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
                    let sites = if grid == 1 { ["conv1", last] } else { [last, "conv1"] };
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
            "the same at relu, conv1, conv1 again and relu, grid 1: at which of the four is the accuracy above 0.95",
            vec![1usize, 2],
            |f, squares| -> Result<Vec<usize>> {
                let curve = squares.curve(f, &["relu", "conv1", "conv1", "relu"], 1, 1)?;
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
    })
}

/// Tasks of their own, images on neither side, intervals; and what comes back.
pub(super) fn further(seed: u64, exam: Exam<DepthCurve>) -> Exam<DepthCurve> {
    let planted = Squares::new(&mut Random::new(seed, 47)).expect("a small network and images");
    exam.given(planted, |on| {
        let squares = on.fixture();
        let interval = solution04::interval(squares.test.len(), squares.test.len()).expect("images");
        on.truth(
            "the red and the blue unit again: the interval of the colour at conv1, grid 1",
            Observed::fields([("low", interval.0), ("high", interval.1)]),
            |f, squares| -> Result<Observed> {
                let [_, low, high, _] = squares.curve(f, &["conv1"], 1, 1)?[0][0];
                Ok(Observed::fields([("low", low), ("high", high)]))
            },
        )
        .because("The score of 4.5 as it is: all test images right, and the interval is that of the test images.")
        .truth(
            "units of the other sign, squares once or twice as bright: colour, and brightness as class 1 or 2 of 3",
            Observed::fields([
                ("colour at conv1", 1.0),
                ("colour at conv1, majority", squares.majority(0)),
                ("brightness at conv1", 1.0),
                ("brightness at conv1, majority", squares.majority(1)),
                ("colour again at conv1", 1.0),
                ("colour again at conv1, majority", squares.majority(0)),
            ]),
            |f, squares| observe(&["colour", "brightness", "colour again"], &["conv1"], squares.darker(f)),
        )
        .because(
            "Features go to the probe as they are, below 0 and of any length, and each task has classes of its own.",
        )
        .truth(
            "images with an even number are on neither side, and labelled wrongly: is the half known, is the colour?",
            Observed::fields([("half", false), ("colour", true)]),
            |f, squares| squares.with_strangers(f),
        )
        .because(
            "Trained on `train` and tested on `test`, and on no other image; one row for each task, in their order.",
        )
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
        .refuses("conv1 and layer9, which is not there", |f, squares| {
            let sites = ["conv1", "layer9"];
            observe(&["colour"], &sites, squares.curve(f, &sites, 1, 1))
        })
        .refuses("a label more than there are images", |f, squares| {
            let long = [([&squares.tasks[0].0[..], &[0]].concat(), 2)];
            let curve = f(
                &squares.network,
                &squares.batches,
                &["conv1"],
                1,
                &long,
                [&[0, 1, 2, 3], &[4, 5]],
            );
            observe(&["colour"], &["conv1"], curve)
        })
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
pub(super) fn hazards(seed: u64, exam: Exam<DepthCurve>) -> Exam<DepthCurve> {
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
