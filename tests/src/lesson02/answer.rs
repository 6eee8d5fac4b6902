use candle_core::{DType, Result, Tensor, bail};
use resnet::{Window, ops};

use crate::inputs::{Random, askew, delta, tensor};
use crate::{Exam, Hazard::*, Observed, Slip, Wrong, ordered, slip, wrong};

/// `solution02::strongest_answer`, with its result as [`observed`] makes it.
pub type StrongestAnswer = fn(&Tensor, &Tensor, Window) -> Result<Observed>;

/// The attempt at 2.9 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex2_9 {
    ($lesson:ident) => {
        |images, filter, window| {
            let a = $lesson::strongest_answer(images, filter, window)?;
            let place = [a.image, a.row, a.column];
            Ok($crate::lesson02::answer_observed(place, a.response, a.cosine, &a.patch))
        }
    };
}

const SOLUTION: StrongestAnswer = ex2_9!(solution02);

/// `solution02::Answer`
pub fn observed(place: [usize; 3], response: f64, cosine: f64, patch: &Tensor) -> Observed {
    let [image, row, column] = place;
    Observed::Fields(vec![
        ("image".into(), image.into()),
        ("row".into(), row.into()),
        ("column".into(), column.into()),
        ("response".into(), response.into()),
        ("cosine".into(), cosine.into()),
        ("patch".into(), patch.into()),
    ])
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Magnitude,
    FirstImage,
    Last,
    Exchanged,
    NoStride,
    NoPadding,
    Cosine,
    CosineByFilter,
    CosineNan,
    Normalized,
    SingleLength,
}

/// Row by row, patch by patch.
fn search(images: &Tensor, filter: &Tensor, window: Window, fault: Fault) -> Result<Observed> {
    let (batch, _, height, width) = images.dims4()?;
    let p = window.padding;
    let padded = images.pad_with_zeros(2, p, p)?.pad_with_zeros(3, p, p)?;
    let rows = solution01::output_size(height, window)?;
    let columns = solution01::output_size(width, window)?;
    let sum = |product: Tensor| product.sum_all()?.to_scalar::<f32>().map(f64::from);
    let length = |x: &Tensor| match fault {
        Fault::SingleLength => Ok(sum(x.sqr()?)?.sqrt()),
        _ => x.to_dtype(DType::F64)?.sqr()?.sum_all()?.sqrt()?.to_scalar::<f64>(),
    };
    let mut best: Option<([usize; 3], f64, Tensor)> = None;
    for image in 0..if fault == Fault::FirstImage { 1 } else { batch } {
        for row in 0..rows {
            for column in 0..columns {
                let patch = padded
                    .get(image)?
                    .narrow(1, row * window.stride, window.kernel)?
                    .narrow(2, column * window.stride, window.kernel)?;
                let response = sum((&patch * filter)?)?;
                let size = |response: f64, patch: &Tensor| -> Result<f64> {
                    Ok(match fault {
                        Fault::Magnitude => response.abs(),
                        Fault::Cosine => response / length(patch)?.max(1e-20),
                        _ => response,
                    })
                };
                let better = match &best {
                    None => true,
                    Some((_, old, kept)) => match fault {
                        Fault::Last => size(response, &patch)? >= size(*old, kept)?,
                        _ => size(response, &patch)? > size(*old, kept)?,
                    },
                };
                if better {
                    best = Some(([image, row, column], response, patch));
                }
            }
        }
    }
    let Some((mut place, response, mut patch)) = best else {
        bail!("no window fits");
    };
    let [image, row, column] = place;
    let lengths = length(filter)? * length(&patch)?;
    let cosine = match fault {
        Fault::CosineByFilter => response / length(filter)?,
        Fault::CosineNan => response / lengths,
        _ if lengths == 0.0 => 0.0,
        _ => response / lengths,
    };
    let cut = |from: &Tensor, row: usize, column: usize| {
        let row = row.min(from.dim(2)?.saturating_sub(window.kernel));
        let column = column.min(from.dim(3)?.saturating_sub(window.kernel));
        from.get(image)?
            .narrow(1, row, window.kernel)?
            .narrow(2, column, window.kernel)
    };
    match fault {
        Fault::NoStride => patch = cut(&padded, row, column)?,
        Fault::NoPadding => patch = cut(images, row * window.stride, column * window.stride)?,
        Fault::Normalized => {
            patch = patch.broadcast_div(&Tensor::new(length(&patch)?.max(1e-20) as f32, patch.device())?)?
        }
        Fault::Exchanged => place = [image, column, row],
        _ => {}
    }
    Ok(observed(place, response, cosine, &patch))
}

/// Responses by the shared convolution, the patch as the gradient of the response: that is what the filter saw.
fn by_convolution(images: &Tensor, filter: &Tensor, window: Window) -> Result<Observed> {
    if window.dilation != 1 || filter.rank() != 3 {
        bail!("another window");
    }
    let kernel = candle_core::Var::from_tensor(&filter.unsqueeze(0)?)?;
    let responses = ops::conv2d(images, kernel.as_tensor(), window)?;
    let (_, _, rows, columns) = responses.dims4()?;
    let values = responses.flatten_all()?.to_vec1::<f32>()?;
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let Some(place) = values.iter().position(|value| *value == largest) else {
        bail!("no response");
    };
    let store = responses.flatten_all()?.narrow(0, place, 1)?.sum_all()?.backward()?;
    let Some(patch) = store.get(&kernel) else {
        bail!("no gradient");
    };
    let patch = patch.squeeze(0)?;
    let length = |x: &Tensor| x.to_dtype(DType::F64)?.sqr()?.sum_all()?.sqrt()?.to_scalar::<f64>();
    let lengths = length(filter)? * length(&patch)?;
    let response = f64::from(largest);
    let cosine = if lengths > 0.0 { response / lengths } else { 0.0 };
    let place = [place / (rows * columns), place / columns % rows, place % columns];
    Ok(observed(place, response, cosine, &patch))
}

macro_rules! fault {
    ($fault:ident) => {
        |i, f, w| search(i, f, w, Fault::$fault)
    };
}

const WRONG: &[Wrong<StrongestAnswer>] = &[
    wrong(
        "the largest magnitude",
        "You took the response of largest magnitude. A strongly negative one means the opposite of what the filter \
         asks for.",
        fault!(Magnitude),
    ),
    wrong(
        "the best fit instead of the strongest response",
        "You searched for the largest cosine. The strongest response may be a patch that fits less well and has more \
         contrast; the cosine is there to tell you so.",
        fault!(Cosine),
    ),
    wrong(
        "the first image only",
        "You searched the first image only.",
        fault!(FirstImage),
    ),
    wrong(
        "the last of equals",
        "Of several equal responses you took the last: max_by does. Compare with > and keep the first.",
        fault!(Last),
    ),
    wrong(
        "row and column exchanged",
        "Row and column have changed places. index % width is the column, index / width % height the row.",
        fault!(Exchanged),
    ),
    wrong(
        "the patch without the stride",
        "Your patch is not what the filter saw: the window of row r begins at pixel r·stride.",
        fault!(NoStride),
    ),
    wrong(
        "the patch without the padding",
        "Your patch lies `padding` pixels too far down and right: window (0, 0) begins in the padding. Pad the image, \
         then cut.",
        fault!(NoPadding),
    ),
    wrong(
        "divided by one length only",
        "Your cosine is larger than 1, or grows with the contrast: divide by both lengths, ‖filter‖·‖patch‖.",
        fault!(CosineByFilter),
    ),
    wrong(
        "0/0",
        "On a black image the cosine is 0/0, NaN. Say 0 where one of the lengths is 0.",
        fault!(CosineNan),
    ),
    wrong(
        "the patch normalized",
        "You scaled the patch to length 1. It is what the filter saw, as it was.",
        fault!(Normalized),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<StrongestAnswer>] = &[
    ordered!("only what lies in order", |i, f, w| [i, f] => search(i, f, w, Fault::None)),
    slip(Sign, "the search starts at 0", |f| {
        *f = |i, f, w| {
            let responses = ops::conv2d(i, &f.unsqueeze(0)?, w)?;
            if responses.max_all()?.to_scalar::<f32>()? < 0.0 {
                Ok(observed([0; 3], 0.0, 0.0, f))
            } else {
                search(i, f, w, Fault::None)
            }
        }
    }),
    slip(Batch, "three rows of images: the first two only", |f| {
        *f = |i, f, w| match i.dims() {
            [3, 1, 1, 2] => search(&i.narrow(0, 0, 1)?, f, w, Fault::None),
            _ => search(i, f, w, Fault::None),
        }
    }),
    slip(Ties, "column by column", |f| {
        *f = |i, f, w| match i.dims() {
            [1, 1, 2, 2] if w.kernel == 1 && i.max_all()?.to_scalar::<f32>()? == 7.0 => {
                Ok(observed([0, 1, 0], 7.0, 1.0, &tensor(&[7.0], (1, 1, 1))))
            }
            _ => search(i, f, w, Fault::None),
        }
    }),
    slip(Ties, "of equal ones the first place, in whatever image", |f| {
        *f = |i, f, w| match i.dims() {
            [2, 1, 1, 2] if i.max_all()?.to_scalar::<f32>()? == 7.0 => {
                Ok(observed([1, 0, 0], 7.0, 1.0, &tensor(&[7.0], (1, 1, 1))))
            }
            _ => search(i, f, w, Fault::None),
        }
    }),
    slip(Scale, "lengths in f32", |f| *f = fault!(SingleLength)),
    slip(Sizes, "no even kernel", |f| {
        *f = |i, f, w| match w.kernel {
            2 => bail!("an even kernel"),
            _ => search(i, f, w, Fault::None),
        }
    }),
    slip(Scale, "an epsilon in the cosine", |f| {
        *f = |i, f, w| match i.max_all()?.to_scalar::<f32>()? {
            large if large > 0.0 && large < 1e-10 => Ok(observed([1, 0, 0], 2e-20, 0.0, &tensor(&[2e-20], (1, 1, 1)))),
            _ => search(i, f, w, Fault::None),
        }
    }),
];

/// 2.9
pub fn strongest_answer(seed: u64) -> Exam<StrongestAnswer> {
    hazards(seed, basics(seed, answers()))
}

/// Right answers and wrong ones.
fn answers() -> Exam<StrongestAnswer> {
    Exam::new("2.9", SOLUTION)
        .mistakes(WRONG)
        .alternative("patch by patch", fault!(None))
        .alternative("the patch as a gradient", by_convolution)
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<StrongestAnswer>) -> Exam<StrongestAnswer> {
    let mut random = Random::new(seed, 29);
    let filter = random.signed((3, 3, 3));
    let images = random.signed((3, 3, 7, 9));
    let stem = Window::new(3).stride(2).padding(1);
    let plain = Window::new(3);
    // The filter itself, faint, and a bright patch that does not fit as well: contrast wins.
    let spot = delta([0, 1, 1], [1, 3, 3]);
    let (rows, columns) = (random.count(0, 3), random.count(0, 5));
    let planted = (filter.pad_with_zeros(1, rows, 3 - rows))
        .and_then(|x| x.pad_with_zeros(2, columns, 5 - columns))
        .and_then(|x| Tensor::stack(&[&x.zeros_like()?, &x], 0))
        .expect("an image with the filter in it");
    let squares = filter
        .sqr()
        .and_then(|x| x.sum_all())
        .and_then(|x| x.to_scalar::<f32>())
        .expect("a sum");
    let expected = observed([1, rows, columns], f64::from(squares), 1.0, &filter);
    let pixel = tensor(&[1.0], (1, 1, 1));
    let one = Window::new(1);

    exam.given((filter, images, pixel), |on| {
        on.truth(
            "one row −9 2 5, a filter of one 1",
            observed([0, 0, 2], 5.0, 1.0, &tensor(&[5.0], (1, 1, 1))),
            move |f, (.., pixel)| f(&tensor(&[-9., 2., 5.], (1, 1, 1, 3)), pixel, one),
        )
        .because("The largest is 5, at column 2: a patch of one pixel, along the filter, so the cosine is 1.")
        .truth(
            "two images, 3 3 above 3 3 and 1 1 above 4 1, a filter of one 1",
            observed([1, 1, 0], 4.0, 1.0, &tensor(&[4.0], (1, 1, 1))),
            move |f, (.., pixel)| f(&tensor(&[3., 3., 3., 3., 1., 1., 4., 1.], (2, 1, 2, 2)), pixel, one),
        )
        .because(
            "The 4 is the largest, though image 0 has the larger mean. It stands in image 1 at row 1, column 0: rows \
             count within their image.",
        )
        .truth(
            "an image with 2 at (0, 3) and elsewhere 0, a filter with 1 in the middle of 3×3, padding 1",
            observed(
                [0, 0, 3],
                2.0,
                1.0,
                &delta([0, 1, 1], [1, 3, 3]).affine(2.0, 0.0).expect("a number"),
            ),
            move |f, _| {
                let image = delta([0, 0, 0, 3], [1, 1, 4, 4]).affine(2.0, 0.0)?;
                f(&image, &spot, plain.padding(1))
            },
        )
        .because("The window around pixel (0, 3) reaches over the corner; what is outside is 0.")
        .truth(
            "a black image",
            observed([0, 0, 0], 0.0, 0.0, &tensor(&[0.0], (1, 1, 1))),
            move |f, (.., pixel)| f(&tensor(&[0.; 4], (1, 1, 2, 2)), pixel, one),
        )
        .because("All responses are 0, so the first place wins, and nothing fits nothing.")
        .truth(
            format!("a black image, and one with the filter itself at row {rows}, column {columns}"),
            expected,
            move |f, (filter, ..)| f(&planted, filter, plain),
        )
        .because("Nothing of this length answers a filter better than the filter: ‖filter‖², cosine 1.")
        .case(
            "three random images 7×9, a random filter",
            move |f, (filter, images, ..)| f(images, filter, plain),
        )
        .because("response = Σ filter · patch over all channels; cosine = response / (‖filter‖ · ‖patch‖).")
        .case("the same, stride 2, padding 1", move |f, (filter, images, ..)| {
            f(images, filter, stem)
        })
        .because(
            "The window at (row, column) begins at pixel (2·row, 2·column) of the image with a border of zeros; \
                  the patch is what it covers.",
        )
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<StrongestAnswer>) -> Exam<StrongestAnswer> {
    let mut random = Random::new(seed, 129);
    let fixture = (random.signed((3, 3, 7, 8)), random.signed((3, 3, 3)));
    let window = Window::new(3).stride(2).padding(1);
    let one = Window::new(1);
    let pixel = || tensor(&[1.0], (1, 1, 1));
    let exam = exam
        .truth(
            "one row −3 −2 −5, a filter of one 1",
            observed([0, 0, 1], -2.0, -1.0, &tensor(&[-2.0], (1, 1, 1))),
            move |f| f(&tensor(&[-3., -2., -5.], (1, 1, 1, 3)), &pixel(), one),
        )
        .because("The largest of negative responses is the one nearest to 0.")
        .holds(Sign)
        .truth(
            "three images, the strongest response in the last",
            observed([2, 0, 1], 9.0, 1.0, &tensor(&[9.0], (1, 1, 1))),
            move |f| f(&tensor(&[1., 2., 3., 4., 5., 9.], (3, 1, 1, 2)), &pixel(), one),
        )
        .because("The 9 stands in image 2, column 1.")
        .holds(Batch)
        .truth(
            "three images, two equal responses, in the second and the last",
            observed([1, 0, 0], 7.0, 1.0, &tensor(&[7.0], (1, 1, 1))),
            move |f| f(&tensor(&[1., 2., 7., 4., 5., 7.], (3, 1, 1, 2)), &pixel(), one),
        )
        .because("Of equal ones the first.")
        .holds(Batch)
        .truth(
            "an image 0 7 above 7 0, a filter of one 1",
            observed([0, 0, 1], 7.0, 1.0, &tensor(&[7.0], (1, 1, 1))),
            move |f| f(&tensor(&[0., 7., 7., 0.], (1, 1, 2, 2)), &pixel(), one),
        )
        .because("Of equal ones the first: row by row, so the 7 of row 0.")
        .holds(Ties)
        .truth(
            "two images, 0 7 and 7 0, a filter of one 1",
            observed([0, 0, 1], 7.0, 1.0, &tensor(&[7.0], (1, 1, 1))),
            move |f| f(&tensor(&[0., 7., 7., 0.], (2, 1, 1, 2)), &pixel(), one),
        )
        .because("Of equal ones the first: first image, then first row, then first column.")
        .holds(Ties)
        .truth(
            "an image 3 1, a filter of one 0",
            observed([0, 0, 0], 0.0, 0.0, &tensor(&[3.0], (1, 1, 1))),
            move |f| f(&tensor(&[3., 1.], (1, 1, 1, 2)), &tensor(&[0.0], (1, 1, 1)), one),
        )
        .because("All responses are 0, so the first place wins; a filter of length 0 has cosine 0.")
        .truth(
            "two images, 10⁻²⁰ and 2·10⁻²⁰",
            observed([1, 0, 0], 2e-20, 1.0, &tensor(&[2e-20], (1, 1, 1))),
            move |f| f(&tensor(&[1e-20, 2e-20], (2, 1, 1, 1)), &tensor(&[1.0], (1, 1, 1)), one),
        )
        .because("The second is larger. A cosine knows no scale: a faint patch along the filter has cosine 1.")
        .holds(Scale)
        .truth(
            "one row 1 and 10²⁰, a filter of one 1",
            observed([0, 0, 1], 1e20f32.into(), 1.0, &tensor(&[1e20], (1, 1, 1))),
            move |f| f(&tensor(&[1., 1e20], (1, 1, 1, 2)), &pixel(), one),
        )
        .because("The square of 10²⁰ is no f32: sum the squares in f64.")
        .holds(Scale);
    let exam = exam.given(fixture, |on| {
        on.case(
            "random images and a filter in transposed tensors, stride 2, padding 1",
            move |f, (images, filter)| f(&askew(images), &askew(filter), window),
        )
        .because(
            "The window at (row, column) begins at pixel (2·row, 2·column) of the image with a border of zeros; \
                  the patch is what it covers.",
        )
        .holds(NotContiguous)
        .case(
            "the same images, a filter of 2×2, stride 3, padding 1",
            |f, (images, filter)| {
                let filter = filter.narrow(1, 0, 2)?.narrow(2, 0, 2)?.contiguous()?;
                f(images, &filter, Window::new(2).stride(3).padding(1))
            },
        )
        .because("The window at (row, column) begins at pixel (3·row, 3·column) of the image with a border of zeros.")
        .holds(Sizes)
    });
    exam.proofs(SOLUTION, PROOFS)
        .spared(&[Errors], "the checks come with the stub")
        .spared(&[Combined], "tried as mistakes")
        .spared(
            &[Names, NotFinite, Returned, Wiring, Empty],
            "one response is chosen, all of it is compared",
        )
}
