use std::f64::consts::FRAC_PI_2;

use candle_core::{Device, Result, Tensor};

use super::slope;
use crate::inputs::{Random, askew, delta, first_of, tensor};
use crate::{Exam, Fault, Given, Hazard::*, Observed, Slip, Tolerance, fault, ordered, slip};

/// The two functions of exercise 3.4.
#[derive(Clone, Copy)]
pub struct Transformations {
    /// `solution03::roll`
    pub roll: fn(&Tensor, i32, i32) -> Result<Tensor>,
    /// `solution03::turn`
    pub turn: fn(&Tensor, f64, f64) -> Result<Tensor>,
}

/// The attempt at 3.4 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex3_4 {
    ($lesson:ident) => {
        $crate::lesson03::Transformations {
            roll: $lesson::roll,
            turn: $lesson::turn,
        }
    };
}

const SOLUTION: Transformations = ex3_4!(solution03);

#[derive(Clone, Copy, PartialEq)]
enum Flaw {
    None,
    Zeros,
    OtherWay,
    DownAndRightSwapped,
    Clockwise,
    Shrinks,
    AroundTheCorner,
    CentreHalfAPixelOff,
    Nearest,
    DarkBorder,
    SizesSwapped,
    Cut,
}

fn roll(images: &Tensor, down: i32, right: i32, fault: Flaw) -> Result<Tensor> {
    images.dims4()?;
    let (down, right) = match fault {
        Flaw::OtherWay => (-down, -right),
        Flaw::DownAndRightSwapped => (right, down),
        _ => (down, right),
    };
    let mut moved = images.clone();
    for (dim, by) in [(2, down), (3, right)] {
        let side = moved.dim(dim)?;
        if fault == Flaw::Zeros {
            let by = by.clamp(-(side as i32), side as i32);
            let kept = side - by.unsigned_abs() as usize;
            moved = if by < 0 {
                moved
                    .narrow(dim, side - kept, kept)?
                    .pad_with_zeros(dim, 0, side - kept)?
            } else {
                moved.narrow(dim, 0, kept)?.pad_with_zeros(dim, side - kept, 0)?
            };
            continue;
        }
        let places = (0..side as i32).map(|i| (i - by).rem_euclid(side as i32) as u32);
        let places = Tensor::from_iter(places, &Device::Cpu)?;
        moved = moved.index_select(&places, dim)?;
    }
    if fault == Flaw::Cut {
        Ok(moved.detach())
    } else {
        Ok(moved)
    }
}

/// By a matrix with four entries per pixel of the result.
fn turn(images: &Tensor, angle: f64, scale: f64, fault: Flaw) -> Result<Tensor> {
    let (batch, channels, height, width) = images.dims4()?;
    let scale = if fault == Flaw::Shrinks { 1.0 / scale } else { scale };
    let angle = if fault == Flaw::Clockwise { -angle } else { angle };
    let (sin, cos) = (angle.sin() / scale, angle.cos() / scale);
    let centre = |side: usize| match fault {
        Flaw::AroundTheCorner => 0.0,
        Flaw::CentreHalfAPixelOff => side as f64 / 2.0,
        _ => (side as f64 - 1.0) / 2.0,
    };
    let (middle_row, middle_column) = match fault {
        Flaw::SizesSwapped => (centre(width), centre(height)),
        _ => (centre(height), centre(width)),
    };
    let places = height * width;
    let mut matrix = vec![0f64; places * places];
    for to in 0..places {
        let (v, u) = ((to / width) as f64 - middle_row, (to % width) as f64 - middle_column);
        let mut row = sin * u + cos * v + middle_row;
        let mut column = cos * u - sin * v + middle_column;
        let (last_row, last_column) = (height as f64 - 1.0, width as f64 - 1.0);
        if fault != Flaw::DarkBorder {
            (row, column) = (row.clamp(0.0, last_row), column.clamp(0.0, last_column));
        }
        if fault == Flaw::Nearest {
            (row, column) = (row.round(), column.round());
        }
        for (r, a) in [(row.floor(), 1.0 - row.fract()), (row.floor() + 1.0, row - row.floor())] {
            for (c, b) in [
                (column.floor(), 1.0 - column.fract()),
                (column.floor() + 1.0, column - column.floor()),
            ] {
                if (0.0..=last_row).contains(&r) && (0.0..=last_column).contains(&c) {
                    matrix[(r as usize * width + c as usize) * places + to] += a * b;
                }
            }
        }
    }
    let matrix = Tensor::from_vec(matrix, (places, places), &Device::Cpu)?.to_dtype(images.dtype())?;
    let turned = images
        .reshape((batch * channels, places))?
        .matmul(&matrix)?
        .reshape(images.shape())?;
    if fault == Flaw::Cut {
        Ok(turned.detach())
    } else {
        Ok(turned)
    }
}

macro_rules! with {
    ($fault:ident) => {
        Transformations {
            roll: |images, down, right| roll(images, down, right, Flaw::$fault),
            turn: |images, angle, scale| turn(images, angle, scale, Flaw::$fault),
        }
    };
}

/// The result, and ∂(Σ result · upstream)/∂images.
fn with_gradient(images: &Tensor, upstream: &Tensor, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Observed> {
    let gradient = slope(images, |x| f(x)?.broadcast_mul(upstream))?;
    Ok(Observed::fields([
        ("result", Observed::from(f(images)?)),
        ("gradient", Observed::from(gradient)),
    ]))
}

/// Angle, scale, image, upstream gradient, result and gradient.
type Turned = (f64, f64, Tensor, Tensor, Tensor, Tensor);

/// What `torch.nn.functional.grid_sample` gives; see `tests/fixtures/make_lesson03.py`.
fn of_torch() -> Vec<Turned> {
    let fixture = super::fixture();
    let rows = fixture["turn"].as_array().expect("a list");
    rows.iter()
        .map(|row| {
            let tensor = |name: &str| super::numbers(&row[name], &row["shape"]);
            let number = |name: &str| row[name].as_f64().expect("a number");
            (
                number("angle"),
                number("scale"),
                tensor("image"),
                tensor("upstream"),
                tensor("turned"),
                tensor("gradient"),
            )
        })
        .collect()
}

/// Written independently of the solution.
const RIGHT: Transformations = with!(None);

const FAULTS: &[Fault<Transformations>] = &[
    fault(
        "zeros for what left",
        "What leaves at one side must come back at the other. With zeros instead, a dark frame grows inwards.",
        |f| *f = with!(Zeros),
    ),
    fault(
        "rolled the other way",
        "Your image moves up and to the left. roll(1, 0) moves it down: the new row 1 is the old row 0.",
        |f| *f = with!(OtherWay),
    ),
    fault(
        "down and right swapped",
        "The first shift is along the height, dimension 2; the second along the width, dimension 3.",
        |f| *f = with!(DownAndRightSwapped),
    ),
    fault(
        "clockwise",
        "Yours turns clockwise. Rows count downwards, which turns the signs of the textbook's matrix around.",
        |f| *f = with!(Clockwise),
    ),
    fault(
        "scaled the other way",
        "A scale above 1 enlarges: divide by it, because you compute where a pixel comes *from*.",
        |f| *f = with!(Shrinks),
    ),
    fault(
        "around the corner",
        "Yours turns around the upper left corner. Take (side − 1)/2 off first and add it again afterwards.",
        |f| *f = with!(AroundTheCorner),
    ),
    fault(
        "middle at side / 2",
        "Your middle is half a pixel off: the pixels are numbered 0 to side − 1, so the middle is at (side − 1)/2.",
        |f| *f = with!(CentreHalfAPixelOff),
    ),
    fault(
        "nearest pixel",
        "You took the nearest pixel. Then most angles change nothing at all; weigh the four around the place.",
        |f| *f = with!(Nearest),
    ),
    fault(
        "dark beyond the border",
        "Beyond the border yours is 0. Clamp the place to the image, so that the border's colour goes on.",
        |f| *f = with!(DarkBorder),
    ),
    fault(
        "height and width swapped",
        "Rows have their middle at (height − 1)/2 and columns at (width − 1)/2; on a square image nobody notices.",
        |f| *f = with!(SizesSwapped),
    ),
    fault(
        "cut off from the image",
        "The picture is right, and no gradient comes through. Only operations on tensors stay connected.",
        |f| *f = with!(Cut),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Transformations>] = &[
    ordered!("turn, only what lies in order", turn: |x, angle, scale| [x] => turn(x, angle, scale, Flaw::None)),
    slip(Sizes, "no shift by more than one turn", |f| {
        f.roll = |x, down, right| {
            if right > 7 {
                roll(x, down, 7, Flaw::None)
            } else {
                roll(x, down, right, Flaw::None)
            }
        }
    }),
    slip(Sizes, "a shift in a byte", |f| {
        f.roll = |x, down, right| roll(x, i32::from(down as i8), i32::from(right as i8), Flaw::None)
    }),
    slip(Sizes, "an index in a byte", |f| {
        f.turn = |x, angle, scale| match x.dim(2)? * x.dim(3)? {
            ..=256 => turn(x, angle, scale, Flaw::None),
            _ => Ok(x.clone()),
        }
    }),
    slip(Batch, "four images at most", |f| {
        *f = Transformations {
            roll: |x, down, right| roll(&first_of(x, 4)?, down, right, Flaw::None),
            turn: |x, angle, scale| turn(&first_of(x, 4)?, angle, scale, Flaw::None),
        }
    }),
    slip(Sign, "rolled pixels held in [0, 1]", |f| {
        f.roll = |x, down, right| roll(x, down, right, Flaw::None)?.relu()
    }),
    slip(Sign, "turned pixels held in [0, 1]", |f| {
        f.turn = |x, angle, scale| turn(x, angle, scale, Flaw::None)?.relu()
    }),
    slip(Scale, "no turn by more than 2π", |f| {
        f.turn = |x, angle, scale| turn(x, angle.min(std::f64::consts::TAU), scale, Flaw::None)
    }),
];

/// 3.4
pub fn transformations(seed: u64) -> Exam<Transformations> {
    further_hazards(seed, hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Transformations> {
    Exam::new("3.4", SOLUTION)
        .changes(RIGHT, FAULTS)
        .alternative("by index, and by one large matrix", RIGHT)
}

/// Turns and scales of 1 … 9 in three rows: what comes out, and why.
const TURNED: [(&str, f64, f64, [f32; 9], &str); 4] = [
    (
        "1 … 9, turned by 0",
        0.0,
        1.0,
        [1., 2., 3., 4., 5., 6., 7., 8., 9.],
        "Each pixel comes from where it is, those of the last row and column too.",
    ),
    (
        "1 … 9, turned by 90°",
        FRAC_PI_2,
        1.0,
        [3., 6., 9., 2., 5., 8., 1., 4., 7.],
        "Counter-clockwise by π/2: what was on the right, 3 6 9, is now on top; no pixel lies between others.",
    ),
    (
        "1 … 9, enlarged twice",
        0.0,
        2.0,
        [3., 3.5, 4., 4.5, 5., 5.5, 6., 6.5, 7.],
        "The corner comes from half-way to the middle, between 1, 2, 4 and 5.",
    ),
    (
        "1 … 9, at half the size",
        0.0,
        0.5,
        [1., 2., 3., 4., 5., 6., 7., 8., 9.],
        "The corner would come from beyond the border: the border's colour.",
    ),
];

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Transformations>) -> Exam<Transformations> {
    let mut random = Random::new(seed, 34);
    let fixture = (random.between(0.0, 1.0, (2, 3, 5, 7)), random.signed((2, 3, 5, 7)));
    let high = random.between(0.0, 1.0, (1, 2, 6, 4));
    let six = tensor(&[1., 2., 3., 4., 5., 6.], (1, 1, 2, 3));
    let (down, right) = (random.count(1, 4) as i32, random.count(1, 6) as i32);
    let angle = f64::from(random.between(0.2, 1.0, 1).to_vec1::<f32>().expect("a number")[0]);

    let exam = exam.given(six, |on| {
        on.truth(
            "[1, 2, 3 | 4, 5, 6] rolled (0, 1)",
            tensor(&[3., 1., 2., 6., 4., 5.], (1, 1, 2, 3)),
            |f, six| (f.roll)(six, 0, 1),
        )
        .because("Right by one: the last column comes back as the first.")
        .truth(
            "the same rolled (1, 0)",
            tensor(&[4., 5., 6., 1., 2., 3.], (1, 1, 2, 3)),
            |f, six| (f.roll)(six, 1, 0),
        )
        .because("Down by one: the last row comes back as the first.")
        .truth(
            "the same rolled (−3, 5)",
            tensor(&[5., 6., 4., 2., 3., 1.], (1, 1, 2, 3)),
            |f, six| (f.roll)(six, -3, 5),
        )
        .because("−3 on 2 rows is 1 down, 5 on 3 columns is 2 to the right.")
        .truth(
            "the same rolled (1000, −1001)",
            tensor(&[3., 1., 2., 6., 4., 5.], (1, 1, 2, 3)),
            |f, six| (f.roll)(six, 1000, -1001),
        )
        .because("1000 is 500 times around 2 rows; −1001 = −334·3 + 1, so one to the right.")
        .holds(Sizes)
    });
    let point = delta([0, 0, 1, 4], [1, 1, 6, 6]);
    exam.given(fixture, |on| {
        let on = on
            .case(
                format!("[2, 3, 5, 7] rolled ({down}, {right}), and the gradient"),
                move |f, (images, upstream)| with_gradient(images, upstream, |x| (f.roll)(x, down, right)),
            )
            .because("The gradient rolls back the way the image came: only operations on tensors stay connected.");
        turns(on)
            .case(
                "[2, 3, 5, 7] turned by a random angle, scale 1.2, and the gradient",
                move |f, (images, upstream)| with_gradient(images, upstream, |x| (f.turn)(x, angle, 1.2)),
            )
            .because("Each image is turned, and the middle of 5×7 pixels is row 2, column 3.")
            .within(Tolerance::new(1e-3, 1e-4))
            .case("[1, 2, 6, 4] turned by a random angle, scale 0.8", move |f, _| {
                (f.turn)(&high, -angle, 0.8)
            })
            .within(Tolerance::new(1e-3, 1e-4))
            .case("a point, turned by 0.3", move |f, _| (f.turn)(&point, 0.3, 1.0))
            .within(Tolerance::new(1e-3, 1e-4))
    })
}

/// Turns and scales whose result is known.
fn turns<G: 'static>(mut on: Given<Transformations, G>) -> Given<Transformations, G> {
    for (what, angle, scale, values, because) in TURNED {
        on = on
            .truth(what, tensor(&values, (1, 1, 3, 3)), move |f, _| {
                (f.turn)(
                    &tensor(&[1., 2., 3., 4., 5., 6., 7., 8., 9.], (1, 1, 3, 3)),
                    angle,
                    scale,
                )
            })
            .within(Tolerance::new(1e-4, 1e-5))
            .because(because);
    }
    on = on
        .truth(
            "columns 0 4 8 4 0, enlarged four times",
            tensor(&[6., 7., 8., 7., 6.].repeat(3), (1, 1, 3, 5)),
            |f, _| (f.turn)(&tensor(&[0.0, 4.0, 8.0, 4.0, 0.0].repeat(3), (1, 1, 3, 5)), 0.0, 4.0),
        )
        .because(
            "The middle of 5 columns is column 2; the outermost come from half a pixel beside it, in the same row.",
        );
    for (angle, scale, image, upstream, turned, gradient) in of_torch() {
        on = on
            .truth(
                format!("turned by {angle} and scaled by {scale}, as PyTorch's grid_sample does, and the gradient"),
                Observed::fields([("result", turned), ("gradient", gradient)]),
                move |f, _| with_gradient(&image, &upstream, |x| (f.turn)(x, angle, scale)),
            )
            .because(
                "Row and column both come from u and v divided by the scale, from the middle of their own side; and \
                 the gradient comes back through the four pixels.",
            )
            .within(Tolerance::new(1e-3, 1e-4));
    }
    on
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Transformations>) -> Exam<Transformations> {
    let images = Random::new(seed, 134).between(0.0, 1.0, (3, 2, 5, 7));
    let close = Tolerance::new(1e-3, 1e-4);
    exam.given(images, move |on| {
        on.case("three images rolled (−12, 30)", |f, x| (f.roll)(x, -12, 30))
            .because("12 up on 5 rows is 2 up, 3 down; 30 on 7 columns is 2 to the right.")
            .holds(Sizes)
            .case(
                "images whose columns come first in memory, turned by −0.4, scale 0.9",
                |f, x| (f.turn)(&askew(x), -0.4, 0.9),
            )
            .within(close)
            .holds(NotContiguous)
            .case("three images turned by 4, scale 3", |f, x| (f.turn)(x, 4.0, 3.0))
            .within(close)
    })
    .proofs(RIGHT, PROOFS)
}

/// Many images, and values beyond those of a picture.
fn further_hazards(seed: u64, exam: Exam<Transformations>) -> Exam<Transformations> {
    let images = Random::new(seed, 234).between(0.0, 1.0, (5, 1, 4, 3));
    let beyond = ((images.narrow(0, 0, 2).expect("two images") * 18.0).expect("numbers") - 9.0).expect("numbers");
    let close = Tolerance::new(1e-3, 1e-4);
    exam.given((images, beyond), move |on| {
        on.case("five images rolled (1, −1)", |f, (x, _)| (f.roll)(x, 1, -1))
            .holds(Batch)
            .case("the same turned by 0.5, scale 1.1", |f, (x, _)| (f.turn)(x, 0.5, 1.1))
            .within(close)
            .holds(Batch)
            .case("values from −9 to 9 rolled (−5, 4)", |f, (_, x)| (f.roll)(x, -5, 4))
            .holds(Sign)
            .case("the same turned by −0.8, scale 0.7", |f, (_, x)| {
                (f.turn)(x, -0.8, 0.7)
            })
            .within(close)
            .holds(Sign)
            .case("the same turned by 100", |f, (_, x)| (f.turn)(x, 100.0, 1.0))
            .within(close)
            .holds([Scale, Sign])
            .case("an image of 24×20 turned by −0.7", |f, (x, _)| {
                let places = x.flatten_all()?.repeat(8)?;
                (f.turn)(&places.reshape((1, 1, 24, 20))?, -0.7, 1.0)
            })
            .within(close)
            .because("An index into the flattened image goes up to 24·20 − 1 = 479, more than a u8 holds.")
            .holds(Sizes)
    })
    .spared(&[Errors], "the checks come with the stub")
    .spared(&[Combined], "angle, scale and odd sides come together in the inputs")
    .spared(&[Returned], "tried as a mistake: cut off from the image")
    .spared(
        &[Ties, Names, Wiring],
        "nothing is chosen, no names, no parts put together",
    )
    .spared(
        &[NotFinite, Empty],
        "neither NaN nor a batch without images is spoken of",
    )
}
