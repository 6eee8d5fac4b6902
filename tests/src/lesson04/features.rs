mod inputs;

use candle_core::{Device, Result, Tensor};
use resnet::ResNet;

use crate::inputs::first_of;
use crate::{Exam, Fault, Hazard::*, Slip, fault, ordered, slip};

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
            f.pool = |maps, grid| {
                if grid == maps.dim(2)? {
                    maps.flatten_from(1)
                } else {
                    pool(maps, grid, Flaw::None)
                }
            }
        },
    ),
    slip(Batch, "pool, four images at most", |f| {
        f.pool = |maps, grid| pool(&first_of(maps, 4)?, grid, Flaw::None)
    }),
    slip(Batch, "features, four images at most", |f| {
        f.features = |network, images, sites, grid| features(network, &first_of(images, 4)?, sites, grid, Flaw::None)
    }),
];

/// 4.1
pub fn exam(seed: u64) -> Exam<Features> {
    inputs::further_hazards(seed, inputs::hazards(seed, inputs::basics(seed, answers())))
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
