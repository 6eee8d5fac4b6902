use candle_core::{Device, Result, Tensor, Var};
use resnet::{Config, Parameters, ResNet, parameters};

use crate::inputs::{Random, askew, delta, first_of, tensor};
use crate::{Exam, Fault, Hazard::*, Observed, Slip, fault, ordered, slip};

/// `solution04::pool` and `solution04::features`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Features {
    pub pool: fn(&Tensor, usize) -> Result<Tensor>,
    #[allow(clippy::type_complexity, reason = "one use")]
    pub features: fn(&ResNet, &Tensor, &[&str], usize) -> Result<Vec<Tensor>>,
}

/// The attempt at 4.1 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex4_1 {
    ($lesson:ident) => {
        $crate::lesson04::Features {
            pool: $lesson::pool,
            features: $lesson::features,
        }
    };
}

const SOLUTION: Features = ex4_1!(solution04);

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    Max,
    Sum,
    CellsFirst,
    ColumnFirst,
    RemainderDropped,
    RemainderInLast,
    ChannelsAveraged,
    Attached,
    NetworkOrder,
    NormalizedTwice,
    LogitsPooled,
}

/// Cell by cell, from lists of numbers.
fn pool(maps: &Tensor, grid: usize, fault: Flaw) -> Result<Tensor> {
    let (batch, channels, height, width) = maps.dims4()?;
    if grid > height.min(width) {
        candle_core::bail!("grid {grid}")
    }
    let range = |cell: usize, side: usize| match fault {
        Flaw::RemainderDropped => cell * (side / grid)..(cell + 1) * (side / grid),
        Flaw::RemainderInLast if cell + 1 == grid => cell * (side / grid)..side,
        Flaw::RemainderInLast => cell * (side / grid)..(cell + 1) * (side / grid),
        _ => cell * side / grid..((cell + 1) * side).div_ceil(grid),
    };
    let mut rows = vec![];
    for image in 0..batch {
        let maps = maps.get(image)?.to_vec3::<f32>()?;
        let value = |channel: usize, i: usize, j: usize| {
            let map: &Vec<Vec<f32>> = &maps[channel];
            let cell: Vec<f32> = range(i, height)
                .flat_map(|y| map[y][range(j, width)].to_vec())
                .collect();
            match fault {
                Flaw::Max => cell.iter().copied().fold(f32::NEG_INFINITY, f32::max),
                Flaw::Sum => cell.iter().sum(),
                _ => cell.iter().sum::<f32>() / cell.len() as f32,
            }
        };
        let cells = (0..grid).flat_map(|i| (0..grid).map(move |j| (i, j)));
        match fault {
            Flaw::CellsFirst => cells.for_each(|(i, j)| rows.extend((0..channels).map(|c| value(c, i, j)))),
            Flaw::ChannelsAveraged => cells.for_each(|(i, j)| {
                let sum: f32 = (0..channels).map(|c| value(c, i, j)).sum();
                rows.push(sum / channels as f32)
            }),
            Flaw::ColumnFirst => {
                for c in 0..channels {
                    rows.extend(cells.clone().map(|(i, j)| value(c, j, i)))
                }
            }
            _ => {
                for c in 0..channels {
                    rows.extend(cells.clone().map(|(i, j)| value(c, i, j)))
                }
            }
        }
    }
    Tensor::from_vec(rows.clone(), (batch, rows.len() / batch), &Device::Cpu)
}

fn features(network: &ResNet, images: &Tensor, sites: &[&str], grid: usize, fault: Flaw) -> Result<Vec<Tensor>> {
    let images = match fault {
        Flaw::NormalizedTwice => resnet::normalize(images)?,
        _ => images.clone(),
    };
    let trace = network.capture(&images, sites)?;
    let mut sites: Vec<_> = sites.to_vec();
    if fault == Flaw::NetworkOrder {
        let order = network.sites();
        sites.sort_by_key(|site| order.iter().position(|name| name == site));
    }
    let at = |site: &&str| {
        let activation = trace.activation(site)?;
        match activation.rank() {
            2 if fault != Flaw::LogitsPooled => Ok(activation.detach()),
            _ if fault == Flaw::Attached => {
                // Pooling by candle's own operations keeps the graph, lists of numbers would not.
                let (batch, channels, _, _) = activation.dims4()?;
                match grid {
                    1 => activation.flatten_from(2)?.mean(2)?.reshape((batch, channels)),
                    _ => solution04::pool(activation, grid),
                }
            }
            _ => pool(&activation.detach(), grid, fault),
        }
    };
    sites.iter().map(at).collect()
}

/// A small network whose weights are variables, as in training.
fn trainable(seed: u64) -> Result<ResNet> {
    let config = Config::resnet18().width(4).classes(3);
    let mut parameters = parameters::initialize(&config, seed)?;
    // Logits of both signs, whatever the images.
    parameters.insert("fc.bias".into(), tensor(&[-9., 0., 9.], 3));
    let variables = parameters
        .into_iter()
        .map(|(name, value)| Ok((name, Var::from_tensor(&value)?.into_inner())));
    ResNet::new(&config, &variables.collect::<Result<Parameters>>()?)
}

/// Features and whether training on them would reach the network.
fn observe(sites: &[&str], features: Result<Vec<Tensor>>) -> Observed {
    match features {
        Err(error) => Observed::Refused(error.to_string()),
        Ok(features) => {
            let attached = features.iter().any(Tensor::track_op);
            let mut fields: Vec<(String, Observed)> = features
                .iter()
                .enumerate()
                .map(|(i, rows)| (sites.get(i).unwrap_or(&"too many").to_string(), rows.into()))
                .collect();
            fields.push(("leads back into the network".into(), attached.into()));
            Observed::Fields(fields)
        }
    }
}

macro_rules! fault {
    ($fault:expr) => {
        Features {
            pool: |maps, grid| pool(maps, grid, $fault),
            features: |network, images, sites, grid| features(network, images, sites, grid, $fault),
        }
    };
}

/// Written independently of the solution.
const RIGHT: Features = fault!(Flaw::None);

const FAULTS: &[Fault<Features>] = &[
    fault(
        "maximum instead of mean",
        "You took the largest value of each cell. Its mean says how much there is; a maximum says whether it is there \
         at all, and is another feature.",
        |f| *f = fault!(Flaw::Max),
    ),
    fault(
        "sum instead of mean",
        "You summed each cell. Divide by its number of places, or large maps get large features.",
        |f| *f = fault!(Flaw::Sum),
    ),
    fault(
        "cells before channels",
        "Your rows run through the channels within each cell. The channel comes first, then its cells: stack the \
         cells as the last dimension and flatten.",
        |f| *f = fault!(Flaw::CellsFirst),
    ),
    fault(
        "cells column by column",
        "Your cells go down the columns first. They go like reading: cell row 0 from left to right, then row 1.",
        |f| *f = fault!(Flaw::ColumnFirst),
    ),
    fault(
        "remainder dropped",
        "With 7 rows and a grid of 2 your cells take 3 rows each and row 6 is lost. Cell i ends at ⌈(i + \
         1)·height/grid⌉: round up, so that cells overlap where they must.",
        |f| *f = fault!(Flaw::RemainderDropped),
    ),
    fault(
        "remainder in the last cell",
        "Your last cell takes the remainder. Each cell runs from ⌊i·height/grid⌋ to ⌈(i + 1)·height/grid⌉, so that \
         all have nearly the same size.",
        |f| *f = fault!(Flaw::RemainderInLast),
    ),
    fault(
        "channels averaged",
        "You averaged over the channels as well. They are what the probe reads: a row has channels · grid · grid \
         numbers.",
        |f| *f = fault!(Flaw::ChannelsAveraged),
    ),
    fault(
        "not detached",
        "The values are right, but they lead back into the network: whoever trains on them trains the backbone along. \
         Call `detach()` on each activation.",
        |f| *f = fault!(Flaw::Attached),
    ),
    fault(
        "sites in the network's order",
        "Your features come in the order of the forward pass. Go through `sites` and look each one up, so that the \
         caller knows which is which.",
        |f| *f = fault!(Flaw::NetworkOrder),
    ),
    fault(
        "normalized twice",
        "The images that come in are normalized already; you normalized them again.",
        |f| *f = fault!(Flaw::NormalizedTwice),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Features>] = &[
    ordered!("pool, only what lies in order", pool: |maps, grid| [maps] => solution04::pool(maps, grid)),
    ordered!("features, only what lies in order", features: |network, images, sites, grid| [images] =>
        solution04::features(network, images, sites, grid)),
    slip(Names, "a site asked for twice is found once", |f| {
        f.features = |network, images, sites, grid| {
            let mut once = sites.to_vec();
            once.dedup_by(|a, b| a == b);
            if sites.len() == 3 && sites[0] == sites[2] {
                once.pop();
            }
            solution04::features(network, images, &once, grid)
        }
    }),
    slip(Errors, "sites that are not there left out", |f| {
        f.features = |network, images, sites, grid| {
            let known = network.sites();
            let there = |site: &&str| known.iter().any(|name| name == site);
            let sites: Vec<&str> = sites.iter().copied().filter(there).collect();
            solution04::features(network, images, &sites, grid)
        }
    }),
    slip(Sizes, "no grid above 4", |f| {
        f.pool = |maps, grid| match grid {
            5 => candle_core::bail!("grid 5"),
            _ => solution04::pool(maps, grid),
        }
    }),
    slip(
        Sizes,
        "places as they are where the grid is as large as the height",
        |f| {
            f.pool = |maps, grid| match grid == maps.dim(2)? {
                true => maps.flatten_from(1),
                false => pool(maps, grid, Flaw::None),
            }
        },
    ),
    slip(Errors, "a grid cut to the size of the map", |f| {
        f.features = |network, images, sites, grid| features(network, images, sites, grid % 9 + grid / 9, Flaw::None)
    }),
    slip(Batch, "pool, four images at most", |f| {
        f.pool = |maps, grid| pool(&first_of(maps, 4)?, grid, Flaw::None)
    }),
    slip(Batch, "features, four images at most", |f| {
        f.features = |network, images, sites, grid| features(network, &first_of(images, 4)?, sites, grid, Flaw::None)
    }),
];

/// 4.1
pub fn exam(seed: u64) -> Exam<Features> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Features> {
    Exam::new("4.1", SOLUTION)
        .changes(RIGHT, FAULTS)
        .unnamed("logits pooled", fault!(Flaw::LogitsPooled))
        .alternative("as lists of numbers", RIGHT)
        .alternative(
            "as two matrix products",
            Features {
                pool: |maps, grid| {
                    let (_, _, height, width) = maps.dims4()?;
                    let averaging = |side: usize| {
                        let mut values = vec![0f32; grid * side];
                        for cell in 0..grid {
                            let range = cell * side / grid..((cell + 1) * side).div_ceil(grid);
                            let share = 1.0 / range.len() as f32;
                            range.for_each(|place| values[cell * side + place] = share);
                        }
                        Tensor::from_vec(values, (grid, side), &Device::Cpu)
                    };
                    let rows = averaging(height)?.broadcast_matmul(maps)?;
                    rows.broadcast_matmul(&averaging(width)?.t()?)?.flatten_from(1)
                },
                features: |network, images, sites, grid| features(network, images, sites, grid, Flaw::None),
            },
        )
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Features>) -> Exam<Features> {
    let mut random = Random::new(seed, 41);
    let two = random.signed((2, 3, 6, 4));
    let odd = random.signed((2, 3, 7, 5));
    let images = random.signed((2, 3, 37, 33));
    let network = trainable(seed).expect("a small network");
    let sites = ["fc", "layer4", "conv1"];
    let trace = network
        .capture(&images, &["fc", "avgpool", "conv1"])
        .expect("a forward pass");
    let at = |site: &str| trace.activation(site).expect("captured").detach();
    let conv1 = pool(&at("conv1"), 1, Flaw::None).expect("a map");
    let pooled = at("avgpool").flatten_from(1).expect("one number per channel");
    let expected = observe(&sites, Ok(vec![at("fc"), pooled, conv1]));
    let (images_1, network_1) = (images.clone(), network.clone());

    exam.truth("pool: [[1, 2], [3, 4]], grid 1", tensor(&[2.5], (1, 1)), |f| {
        (f.pool)(&tensor(&[1., 2., 3., 4.], (1, 1, 2, 2)), 1)
    })
    .because("The mean of the whole map.")
    .truth(
        "pool: [[1, 2], [3, 4]], grid 2",
        tensor(&[1., 2., 3., 4.], (1, 4)),
        |f| (f.pool)(&tensor(&[1., 2., 3., 4.], (1, 1, 2, 2)), 2),
    )
    .because("Each place is a cell.")
    .truth(
        "pool: three rows of two, grid 2",
        tensor(&[2., 3., 4., 5.], (1, 4)),
        |f| (f.pool)(&tensor(&[1., 2., 3., 4., 5., 6.], (1, 1, 3, 2)), 2),
    )
    .because("Both cell rows contain the middle row: (1 + 3)/2, (2 + 4)/2, (3 + 5)/2, (4 + 6)/2.")
    .truth(
        "pool, grid 1: a dot on the left minus the same dot on the right",
        0.0,
        |f| -> Result<f32> {
            let at = |column| (f.pool)(&delta([0, 0, 1, column], [1, 1, 4, 4]), 1);
            (at(0)? - at(3)?)?.sum_all()?.to_scalar::<f32>()
        },
    )
    .because("An average does not know where the dot was.")
    .case("pool: a random [2, 3, 6, 4] tensor, grid 2", move |f| (f.pool)(&two, 2))
    .because("The mean of each cell of 3×2 places, of all values as they are.")
    .case("pool: a random [2, 3, 7, 5] tensor, grid 3", move |f| (f.pool)(&odd, 3))
    .because("Cell i holds rows ⌊7i/3⌋ to ⌈7(i + 1)/3⌉ − 1, and columns ⌊5i/3⌋ to ⌈5(i + 1)/3⌉ − 1.")
    .truth(
        "features: fc, layer4 and conv1 of a small ResNet-18, grid 1",
        expected,
        move |f| observe(&sites, (f.features)(&network, &images, &sites, 1)),
    )
    .because(
        "In the order asked for: the network's own logits (fc has no maps, so they stay as they are), layer4 averaged, \
         which is its avgpool, and the mean of conv1; a row for each image, nothing rescaled, everything detached.",
    )
    .case("features: layer1 and conv1, grid 4", move |f| {
        observe(
            &["layer1", "conv1"],
            (f.features)(&network_1, &images_1, &["layer1", "conv1"], 4),
        )
    })
    .because("Each map is cut into 4×4 cells: `grid` is handed on.")
    .snapshot(
        "features: shapes for two scenes and the shipped network, grids 1 and 2",
        "lesson04_feature_shapes",
        |f| -> Result<String> {
            let network = resnet::checkpoints::scenes()?;
            let images = Tensor::zeros((2, 3, 128, 128), candle_core::DType::F32, &Device::Cpu)?;
            let sites = [
                "conv1",
                "maxpool",
                "layer1",
                "layer2.0.conv1",
                "layer2",
                "layer3",
                "layer4",
                "avgpool",
                "fc",
            ];
            let mut lines = vec![];
            for grid in [1, 2] {
                let sites = if grid == 1 { &sites[..] } else { &sites[..7] };
                for (site, rows) in sites.iter().zip((f.features)(&network, &images, sites, grid)?) {
                    lines.push(format!("grid {grid}  {site:<15}{:?}", rows.dims()));
                }
            }
            Ok(lines.join("\n"))
        },
    )
    .because("channels · grid · grid numbers for each image, at small maps as at large ones.")
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Features>) -> Exam<Features> {
    let mut random = Random::new(seed, 141);
    let fixture = (
        random.signed((3, 2, 7, 5)),
        trainable(seed).expect("a small network"),
        random.signed((2, 3, 36, 41)),
    );
    const ENDS: [&str; 3] = ["relu", "layer1.0.relu", "relu"];
    exam.given(fixture, |on| {
        on.case(
            "pool: three images whose columns come first in memory, grid 2",
            |f, (maps, ..)| (f.pool)(&askew(maps), 2),
        )
        .holds(NotContiguous)
        .case("pool: [3, 2, 7, 5], grid 5", |f, (maps, ..)| (f.pool)(maps, 5))
        .holds(Sizes)
        .case(
            "features: relu, layer1.0.relu and relu once more, of images whose columns come first in memory",
            |f, (_, network, images)| {
                let named = ["relu", "layer1.0.relu", "relu again"];
                observe(&named, (f.features)(network, &askew(images), &ENDS, 2))
            },
        )
        .because("A site asked for twice comes twice, and height and width have cells of their own.")
        .holds([NotContiguous, Names])
        .refuses(
            "features: conv1 and layer9, which is not there",
            |f, (_, network, images)| {
                let sites = ["conv1", "layer9"];
                observe(&sites, (f.features)(network, images, &sites, 1))
            },
        )
        .refuses(
            "features: layer4, smaller than the grid of 9",
            |f, (_, network, images)| observe(&["layer4"], (f.features)(network, images, &["layer4"], 9)),
        )
    })
    .proofs(RIGHT, PROOFS)
}

/// Many images.
fn further_hazards(seed: u64, exam: Exam<Features>) -> Exam<Features> {
    let mut random = Random::new(seed, 241);
    let fixture = (
        random.signed((5, 2, 3, 4)),
        trainable(seed).expect("a small network"),
        random.signed((5, 3, 33, 35)),
    );
    exam.given(fixture, |on| {
        on.case("pool: five images, grid 2", |f, (maps, ..)| (f.pool)(maps, 2))
            .holds(Batch)
            .case("pool: five images of 3×4 places, grid 3", |f, (maps, ..)| {
                (f.pool)(maps, 3)
            })
            .because("A cell for each row, and cells that share columns: the grid is as large as one side only.")
            .holds([Batch, Sizes])
            .case(
                "features: fc and layer2 of five images, grid 2",
                |f, (_, network, images)| {
                    observe(&["fc", "layer2"], (f.features)(network, images, &["fc", "layer2"], 2))
                },
            )
            .because("fc has no maps: its logits stay as they are, three for each image, whatever the grid.")
            .holds(Batch)
    })
    .spared(&[Combined], "several sites and grids come together in the inputs")
    .spared(
        &[Sign, Scale],
        "means of numbers of both signs; nothing depends on their size",
    )
    .spared(
        &[Returned],
        "tried as mistakes: not detached, and in the network's order",
    )
    .spared(&[Wiring], "the grid is handed on in the inputs")
    .spared(
        &[Ties, NotFinite, Empty],
        "nothing is chosen; neither NaN nor a batch without images is spoken of",
    )
}
