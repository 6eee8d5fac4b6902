use candle_core::{Device, Result, Tensor};

use crate::inputs::{Random, askew, tensor};
use crate::{Exam, Fault, Hazard::*, Slip, fault, ordered, slip};

/// `solution02::colorize` and `solution02::map_grid`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Colors {
    pub colorize: fn(&Tensor, &[[f32; 3]]) -> Result<Tensor>,
    pub map_grid: fn(&Tensor, usize, &[[f32; 3]]) -> Result<Tensor>,
}

/// The attempt at 2.8 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex2_8 {
    ($lesson:ident) => {
        $crate::lesson02::Colors {
            colorize: $lesson::colorize,
            map_grid: $lesson::map_grid,
        }
    };
}

const SOLUTION: Colors = ex2_8!(solution02);

#[derive(Clone, Copy, PartialEq)]
enum Shade {
    Right,
    Nearest,
    Below,
    PerColor,
    Reversed,
    Unclamped,
    NanIsFirst,
    MixedUp,
    EndPanics,
}

#[derive(Clone, Copy, PartialEq)]
enum Layout {
    Right,
    Columns,
    Framed,
    NoGap,
    BlackPaper,
    LastRowLost,
    RowsForColumns,
}

fn colorize(map: &Tensor, colors: &[[f32; 3]], shade: Shade) -> Result<Tensor> {
    let (height, width) = map.dims2()?;
    let n = colors.len();
    let mut pixels = vec![];
    for value in map.flatten_all()?.to_vec1::<f32>()? {
        if value.is_nan() && shade != Shade::NanIsFirst {
            pixels.push(solution02::NAN);
            continue;
        }
        let value = if value.is_nan() { 0.0 } else { value };
        let value = if shade == Shade::Reversed { 1.0 - value } else { value };
        let value = if shade == Shade::Unclamped {
            value
        } else {
            value.clamp(0.0, 1.0)
        };
        let place = match shade {
            Shade::PerColor => value * n as f32 - 0.5,
            _ => value * (n - 1) as f32,
        };
        let place = match shade {
            Shade::Nearest => place.round(),
            Shade::Below => place.floor(),
            Shade::PerColor => place.clamp(0.0, (n - 1) as f32),
            _ => place,
        };
        let i = match shade {
            Shade::EndPanics => place as usize,
            _ => (place.max(0.0) as usize).min(n - 2),
        };
        let t = place - i as f32;
        pixels.push(std::array::from_fn(|c| (1.0 - t) * colors[i][c] + t * colors[i + 1][c]));
    }
    let values = pixels.concat();
    if shade == Shade::MixedUp {
        return Tensor::from_vec(values, (3, height, width), &Device::Cpu);
    }
    Tensor::from_vec(values, (height, width, 3), &Device::Cpu)?
        .permute((2, 0, 1))?
        .contiguous()
}

fn grid(maps: &Tensor, columns: usize, colors: &[[f32; 3]], layout: Layout) -> Result<Tensor> {
    let (channels, height, width) = maps.dims3()?;
    let rows = match layout {
        Layout::LastRowLost => (channels / columns).max(1),
        _ => channels.div_ceil(columns),
    };
    let (rows, columns) = match layout {
        Layout::RowsForColumns => (columns, rows),
        _ => (rows, columns),
    };
    let paper = if layout == Layout::BlackPaper { 0f32 } else { 1.0 };
    let full = |height: usize, width: usize| Tensor::full(paper, (3, height, width), &Device::Cpu);
    let gap = usize::from(layout != Layout::NoGap);
    let mut strips = vec![];
    for row in 0..rows {
        let mut cells = vec![];
        for column in 0..columns {
            let channel = match layout {
                Layout::Columns => column * rows + row,
                _ => row * columns + column,
            };
            if column > 0 && gap > 0 {
                cells.push(full(height, 1)?);
            }
            cells.push(if channel < channels {
                colorize(&maps.get(channel)?, colors, Shade::Right)?
            } else {
                full(height, width)?
            });
        }
        if row > 0 && gap > 0 {
            strips.push(full(1, columns * (width + gap) - gap)?);
        }
        strips.push(Tensor::cat(&cells, 2)?);
    }
    let picture = Tensor::cat(&strips, 1)?;
    if layout == Layout::Framed {
        let (_, tall, wide) = picture.dims3()?;
        let side = full(tall, 1)?;
        let picture = Tensor::cat(&[&side, &picture, &side], 2)?;
        let edge = full(1, wide + 2)?;
        return Tensor::cat(&[&edge, &picture, &edge], 1);
    }
    Ok(picture)
}

macro_rules! shade {
    ($shade:ident) => {
        Colors {
            colorize: |m, c| colorize(m, c, Shade::$shade),
            ..SOLUTION
        }
    };
}

macro_rules! layout {
    ($layout:ident) => {
        Colors {
            map_grid: |m, n, c| grid(m, n, c, Layout::$layout),
            ..SOLUTION
        }
    };
}

const FAULTS: &[Fault<Colors>] = &[
    fault(
        "the nearest colour",
        "You took the nearest colour of the list. Between two of them lies their mixture; a list of nine colours \
         would leave nine steps.",
        |f| *f = shade!(Nearest),
    ),
    fault(
        "the colour below",
        "You took the colour below. Mix it with the one above, by t.",
        |f| *f = shade!(Below),
    ),
    fault(
        "a step per colour",
        "You divided [0, 1] into n parts. n colours have n − 1 gaps: place = v · (n − 1), so that the first is \
         exactly at 0 and the last at 1.",
        |f| *f = shade!(PerColor),
    ),
    fault(
        "the colormap reversed",
        "Your colormap runs backwards: 0 has the first colour.",
        |f| *f = shade!(Reversed),
    ),
    fault(
        "values outside [0, 1]",
        "Values outside [0, 1] went on beyond the ends of the colormap. They have the colour of the end: clamp first.",
        |f| *f = shade!(Unclamped),
    ),
    fault(
        "NaN has a colour of the map",
        "NaN has the first colour, like a silent unit: `NaN as usize` is 0. Give it NAN.",
        |f| *f = shade!(NanIsFirst),
    ),
    fault(
        "pixel after pixel",
        "Your numbers are right and in another order: red, green, blue of one pixel after the other, in a tensor [3, \
         height, width]. Its first third must be all red values.",
        |f| *f = shade!(MixedUp),
    ),
    fault(
        "column by column",
        "Your maps run down the columns. The first `columns` of them are the first row.",
        |f| *f = layout!(Columns),
    ),
    fault(
        "a frame around the grid",
        "There is a pixel of paper around the grid. It lies between maps only.",
        |f| *f = layout!(Framed),
    ),
    fault(
        "no paper between the maps",
        "Your maps touch each other. One pixel of PAPER lies between neighbours.",
        |f| *f = layout!(NoGap),
    ),
    fault(
        "black paper",
        "Between your maps it is black, which is a value like others. Use PAPER.",
        |f| *f = layout!(BlackPaper),
    ),
    fault(
        "the last row lost",
        "The maps of the last row are missing where they do not fill it: round the number of rows up.",
        |f| *f = layout!(LastRowLost),
    ),
    fault(
        "rows and columns exchanged",
        "You took `columns` for the number of rows.",
        |f| *f = layout!(RowsForColumns),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Colors>] = &[
    ordered!("colorize, only what lies in order", colorize: |m, c| [m] => solution02::colorize(m, c)),
    ordered!("map_grid, only what lies in order", map_grid: |m, n, c| [m] => solution02::map_grid(m, n, c)),
    slip(Sizes, "no more columns than maps", |f| {
        f.map_grid = |m, n, c| solution02::map_grid(m, n.min(m.dims3()?.0.max(usize::from(n > 0))), c)
    }),
    slip(Sizes, "as far apart as maps are high", |f| {
        f.map_grid = |m, n, c| {
            let picture = solution02::map_grid(m, n, c)?;
            let (_, height, width) = m.dims3()?;
            if height <= width || n == 1 {
                return Ok(picture);
            }
            let paper = picture.narrow(2, width, 1)?.repeat((1, 1, picture.dim(2)? - width))?;
            Tensor::cat(&[picture.narrow(2, 0, width)?, paper], 2)
        }
    }),
    slip(NotFinite, "infinity taken for NaN", |f| {
        f.colorize = |m, c| {
            let finite = m.abs()?.eq(f32::INFINITY)?;
            solution02::colorize(&finite.where_cond(&(m.ones_like()? * f64::NAN)?, m)?, c)
        }
    }),
];

/// 2.8
pub fn colors(seed: u64) -> Exam<Colors> {
    hazards(seed, basics(seed, answers()))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Colors> {
    Exam::new("2.8", SOLUTION)
        .changes(SOLUTION, FAULTS)
        .unnamed("no colour at 1", shade!(EndPanics))
        .alternative(
            "strips put together",
            Colors {
                colorize: |m, c| colorize(m, c, Shade::Right),
                map_grid: |m, n, c| grid(m, n, c, Layout::Right),
            },
        )
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Colors>) -> Exam<Colors> {
    const BLACK_WHITE: [[f32; 3]; 2] = [[0.; 3], [1.; 3]];
    const BLUE_GREY_RED: [[f32; 3]; 3] = [[0., 0., 1.], [0.5, 0.5, 0.5], [1., 0., 0.]];
    let mut random = Random::new(seed, 28);
    let map = random.between(0.0, 1.0, (4, 6));
    let beyond = random.between(-0.5, 1.5, (3, 5));
    let count = random.count(4, 6);
    let table: Vec<[f32; 3]> = random
        .between(0.0, 1.0, (count, 3))
        .to_vec2::<f32>()
        .expect("rows of three")
        .into_iter()
        .map(|row| [row[0], row[1], row[2]])
        .collect();
    let (table_1, table_2, table_3) = (table.clone(), table.clone(), table);
    let maps = random.between(0.0, 1.0, (7, 3, 4));
    let whole = random.between(0.0, 1.0, (6, 2, 2));
    exam.truth(
        "colorize: 0 0.25 1 in black and white",
        tensor(&[0., 0.25, 1.].repeat(3), (3, 1, 3)),
        |f| (f.colorize)(&tensor(&[0., 0.25, 1.], (1, 3)), &BLACK_WHITE),
    )
    .because(
        "0.25 is a quarter of the way, 0.75·black + 0.25·white, and no colour is rounded. At v = 1 there is none after \
         the last: i is at most n − 2, and then t is 1.",
    )
    .truth(
        "colorize: 0 0.25 0.5 1 from blue over grey to red",
        tensor(
            &[
                0., 0.25, 0.5, 1., // red
                0., 0.25, 0.5, 0., // green
                1., 0.75, 0.5, 0., // blue
            ],
            (3, 2, 2),
        ),
        |f| (f.colorize)(&tensor(&[0., 0.25, 0.5, 1.], (2, 2)), &BLUE_GREY_RED),
    )
    .because("0.25 lies half way between blue and grey.")
    .truth(
        "colorize: −3 and 7 in black and white",
        tensor(&[0., 1.].repeat(3), (3, 1, 2)),
        |f| (f.colorize)(&tensor(&[-3., 7.], (1, 2)), &BLACK_WHITE),
    )
    .because("Below 0 the first colour, above 1 the last.")
    .truth(
        "colorize: NaN, from blue over grey to red",
        tensor(&solution02::NAN, (3, 1, 1)),
        |f| (f.colorize)(&tensor(&[f32::NAN], (1, 1)), &BLUE_GREY_RED),
    )
    .because("NaN has a colour of its own, NAN, whatever the colormap is.")
    .case("colorize: a random 4×6 map, random colours", move |f| {
        (f.colorize)(&map, &table_1)
    })
    .because("place = v · (n − 1), with as many colours as there are; all red values first, row by row.")
    .case("colorize: random values between −0.5 and 1.5", move |f| {
        (f.colorize)(&beyond, &table_2)
    })
    .because("Below 0 the first colour, above 1 the last, between them a mixture of two neighbours.")
    .truth(
        "map_grid: five maps of one pixel, 0 to 0.4, in three columns",
        tensor(
            &[
                0., 1., 0.1, 1., 0.2, //
                1., 1., 1., 1., 1., //
                0.3, 1., 0.4, 1., 1., //
            ]
            .repeat(3),
            (3, 3, 5),
        ),
        |f| (f.map_grid)(&tensor(&[0., 0.1, 0.2, 0.3, 0.4], (5, 1, 1)), 3, &BLACK_WHITE),
    )
    .because("Two rows of three places, a line of paper between neighbours, paper where no map is left.")
    .truth(
        "map_grid: two maps of 1×2 in one column",
        tensor(&[0., 0.5, 1., 1., 0.25, 0.75].repeat(3), (3, 3, 2)),
        |f| (f.map_grid)(&tensor(&[0., 0.5, 0.25, 0.75], (2, 1, 2)), 1, &BLACK_WHITE),
    )
    .because("Two rows and a line of paper between them, none below.")
    .truth(
        "map_grid: a map of NaN and 1",
        {
            let [red, green, blue] = solution02::NAN;
            tensor(&[red, 1., green, 1., blue, 1.], (3, 1, 2))
        },
        |f| (f.map_grid)(&tensor(&[f32::NAN, 1.], (1, 1, 2)), 1, &BLACK_WHITE),
    )
    .because("Each map is as colorize draws it: NaN has the colour NAN.")
    .case(
        "map_grid: seven random maps of 3×4 in three columns, random colours",
        move |f| (f.map_grid)(&maps, 3, &table_3),
    )
    .because(
        "Map c is at row c / columns, column c % columns, as colorize draws it; the last row has one map and paper.",
    )
    .case("map_grid: six random maps of 2×2 in three columns", move |f| {
        (f.map_grid)(&whole, 3, &BLUE_GREY_RED)
    })
    .because("Two full rows. Map c is at row c / columns, column c % columns, as colorize draws it.")
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Colors>) -> Exam<Colors> {
    const COLORS: [[f32; 3]; 3] = [[0., 0., 1.], [0.5, 0.5, 0.5], [1., 0., 0.]];
    let maps = Random::new(seed, 128).between(0.0, 1.0, (4, 3, 5));
    let exam = exam.given(maps, |on| {
        on.case("colorize: a transposed map", |f, maps| {
            (f.colorize)(&askew(&maps.get(0)?), &COLORS)
        })
        .holds(NotContiguous)
        .case(
            "map_grid: four maps, columns first in memory, in three columns",
            |f, maps| (f.map_grid)(&askew(maps), 3, &COLORS),
        )
        .holds(NotContiguous)
        .case("map_grid: four maps in seven columns", |f, maps| {
            (f.map_grid)(maps, 7, &COLORS)
        })
        .because("One row of seven places; three of them are paper.")
        .holds(Sizes)
    });
    exam.truth(
        "map_grid: two maps of 3×1 in two columns",
        tensor(&[0., 1., 0.125, 0.25, 1., 0.375, 0.5, 1., 0.75].repeat(3), (3, 3, 3)),
        |f| {
            let maps = tensor(&[0., 0.25, 0.5, 0.125, 0.375, 0.75], (2, 3, 1));
            (f.map_grid)(&maps, 2, &[[0.; 3], [1.; 3]])
        },
    )
    .because("Maps may be higher than wide: the second begins at column 2, width + 1.")
    .holds(Sizes)
    .truth(
        "colorize: −∞ and ∞ beside NaN",
        {
            let [red, green, blue] = solution02::NAN;
            tensor(&[0., 1., red, 0., 1., green, 0., 1., blue], (3, 1, 3))
        },
        |f| {
            let map = tensor(&[f32::NEG_INFINITY, f32::INFINITY, f32::NAN], (1, 3));
            (f.colorize)(&map, &[[0.; 3], [1.; 3]])
        },
    )
    .because("−∞ is below 0 and ∞ above 1; only NaN has the colour NAN.")
    .holds(NotFinite)
    .proofs(SOLUTION, PROOFS)
    .spared(&[Errors], "the checks come with the stub")
    .spared(
        &[Batch, Combined, Names, Returned, Wiring, Empty],
        "every map has a place of its own",
    )
    .spared(&[Scale, Sign, Ties], "values outside [0, 1] are tried as mistakes")
}
