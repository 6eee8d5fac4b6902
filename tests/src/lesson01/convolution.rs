use candle_core::{Device, Result, Tensor};
use resnet::{Window, ops};

use crate::inputs::{Random, askew, delta, tensor};
use crate::{Exam, Hazard::*, Slip, Wrong, ordered, slip, wrong};

/// `solution01::convolve`
pub type Convolve = fn(&Tensor, &Tensor, Option<&Tensor>, Window) -> Result<Tensor>;

/// The attempt at 1.2 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex1_2 {
    ($lesson:ident) => {
        $lesson::convolve
    };
}

const SOLUTION: Convolve = ex1_2!(solution01);

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Flipped,
    Transposed,
    LastChannel,
    FirstChannelKernel,
    BiasPerChannel,
    NoBias,
    StrideIgnored,
    DilationIgnored,
    PaddingNotSubtracted,
    BorderRepeated,
}

/// 1.2 without a padded copy: each index is tested instead.
fn loops(image: &Tensor, kernels: &Tensor, bias: Option<&Tensor>, window: Window, fault: Fault) -> Result<Tensor> {
    let (channels, height, width) = image.dims3()?;
    let (out_channels, _, rows, columns) = kernels.dims4()?;
    let bias = bias.map_or(Ok(vec![0.0; out_channels]), |bias| bias.to_vec1::<f32>())?;
    let out_height = solution01::output_size(height, window)?;
    let out_width = solution01::output_size(width, window)?;

    let stride = if fault == Fault::StrideIgnored {
        1
    } else {
        window.stride
    };
    let dilation = if fault == Fault::DilationIgnored {
        1
    } else {
        window.dilation
    };
    let padding = if fault == Fault::PaddingNotSubtracted {
        0
    } else {
        window.padding as i64
    };
    let pixels = image.to_vec3::<f32>()?;
    let pixel = |c: usize, row: usize, column: usize| {
        let (mut row, mut column) = (row as i64 - padding, column as i64 - padding);
        if fault == Fault::Transposed {
            (row, column) = (column, row);
        }
        if fault == Fault::BorderRepeated {
            row = row.clamp(0, height as i64 - 1);
            column = column.clamp(0, width as i64 - 1);
        }
        let inside = (0..height as i64).contains(&row) && (0..width as i64).contains(&column);
        if inside {
            pixels[c][row as usize][column as usize]
        } else {
            0.0
        }
    };

    let mut output = Vec::new();
    for (o, bias) in bias.into_iter().enumerate() {
        let filter = kernels.get(o)?.to_vec3::<f32>()?;
        for y in 0..out_height {
            for x in 0..out_width {
                let mut sum = if fault == Fault::NoBias { 0.0 } else { bias };
                for c in 0..channels {
                    if fault == Fault::BiasPerChannel && c > 0 {
                        sum += bias;
                    }
                    if fault == Fault::LastChannel {
                        sum = bias;
                    }
                    for i in 0..rows {
                        for j in 0..columns {
                            let weight = match fault {
                                Fault::Flipped => filter[c][rows - 1 - i][columns - 1 - j],
                                Fault::FirstChannelKernel => filter[0][i][j],
                                _ => filter[c][i][j],
                            };
                            sum += weight * pixel(c, y * stride + i * dilation, x * stride + j * dilation);
                        }
                    }
                }
                output.push(sum);
            }
        }
    }
    Tensor::from_vec(output, (out_channels, out_height, out_width), &Device::Cpu)
}

const WRONG: &[Wrong<Convolve>] = &[
    wrong(
        "flipped",
        "Your filter is turned by 180°. That is the mathematician's convolution; in deep learning weight [i, j] meets \
         pixel [y + i, x + j], without a flip.",
        |i, k, b, w| loops(i, k, b, w, Fault::Flipped),
    ),
    wrong(
        "rows and columns swapped",
        "Rows and columns have changed places. The first index of a plane is the row: y and i belong to it, x and j \
         to the column.",
        |i, k, b, w| loops(i, k, b, w, Fault::Transposed),
    ),
    wrong(
        "last channel only",
        "Only the last input channel counts: the sum starts again for each channel. Set it to the bias once, before \
         the loop over channels.",
        |i, k, b, w| loops(i, k, b, w, Fault::LastChannel),
    ),
    wrong(
        "one plane of weights for all channels",
        "You used the weights of channel 0 for every input channel. A filter has a plane of weights per input \
         channel: kernels[o, c, i, j].",
        |i, k, b, w| loops(i, k, b, w, Fault::FirstChannelKernel),
    ),
    wrong(
        "bias per channel",
        "The bias is in the sum once per input channel. It belongs to the output channel: add it once, outside the \
         loop over channels.",
        |i, k, b, w| loops(i, k, b, w, Fault::BiasPerChannel),
    ),
    wrong(
        "no bias",
        "The bias is missing. If it is `Some`, bias[o] is added to every place of output channel o.",
        |i, k, b, w| loops(i, k, b, w, Fault::NoBias),
    ),
    wrong(
        "stride only in the shape",
        "Your output has the right size, but its neighbours look at neighbouring pixels. Place y looks at row \
         y·stride + i.",
        |i, k, b, w| loops(i, k, b, w, Fault::StrideIgnored),
    ),
    wrong(
        "dilation only in the shape",
        "Your output has the right size, but the weights lie on neighbouring pixels. Weight i lies i·dilation rows \
         below the first.",
        |i, k, b, w| loops(i, k, b, w, Fault::DilationIgnored),
    ),
    wrong(
        "padding not subtracted",
        "Your first window starts at pixel 0. With padding it starts p pixels before the image: row y·stride + \
         i·dilation − p, and what lies outside counts 0.",
        |i, k, b, w| loops(i, k, b, w, Fault::PaddingNotSubtracted),
    ),
    wrong(
        "border repeated",
        "Outside the image you took the nearest border pixel. The padding is zeros.",
        |i, k, b, w| loops(i, k, b, w, Fault::BorderRepeated),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Convolve>] = &[
    ordered!("only what lies in order", |i, k, b, w| [i, k] => solution01::convolve(i, k, b, w)),
    slip(Combined, "padding that is dilated too", |f| {
        *f = |i, k, b, w| solution01::convolve(i, k, b, w.padding(w.padding * w.dilation))
    }),
    slip(Sizes, "no stride above 2", |f| {
        *f = |i, k, b, w| solution01::convolve(i, k, b, w.stride(w.stride.min(2)))
    }),
];

/// 1.2
pub fn convolve(seed: u64) -> Exam<Convolve> {
    hazards(seed, windows(seed, basics(answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Convolve> {
    Exam::new("1.2", SOLUTION)
        .mistakes(WRONG)
        .alternative("an index test instead of a padded copy", |i, k, b, w| {
            loops(i, k, b, w, Fault::None)
        })
        .alternative("the shared operation", |image, kernels, bias, w| {
            let output = ops::conv2d(&image.unsqueeze(0)?, kernels, w)?.squeeze(0)?;
            match bias {
                Some(bias) => output.broadcast_add(&bias.reshape((kernels.dims4()?.0, 1, 1))?),
                None => Ok(output),
            }
        })
        .alternative("patches as the columns of one matrix", patches)
}

/// Inputs from small to large.
fn basics(exam: Exam<Convolve>) -> Exam<Convolve> {
    let ramp = tensor(&[1., 2., 3., 4., 5., 6., 7., 8., 9.], (1, 3, 3));
    let numbered = tensor(&[1., 2., 3., 4., 5., 6., 7., 8., 9.], (1, 1, 3, 3));
    let diagonal = tensor(&[1., 0., 0., -1.], (1, 1, 2, 2));
    let down = tensor(&[-1., -1., 1., 1.], (1, 1, 2, 2));
    let spot = delta([0, 2, 2], [1, 5, 5]);
    let ones = tensor(&[1.0; 9], (1, 3, 3));

    exam.truth(
        "a 3×3 image, kernel [[1, 0], [0, −1]]",
        tensor(&[-4.0; 4], (1, 2, 2)),
        {
            let ramp = ramp.clone();
            move |f| f(&ramp, &diagonal, None, Window::new(2))
        },
    )
    .because("Each pixel minus the one below and to the right of it: 1 − 5, 2 − 6, 4 − 8, 5 − 9.")
    .truth(
        "the same image, kernel [[−1, −1], [1, 1]]",
        tensor(&[6.0; 4], (1, 2, 2)),
        {
            let ramp = ramp.clone();
            move |f| f(&ramp, &down, None, Window::new(2))
        },
    )
    .because("Two pixels minus the two above them: (4 + 5) − (1 + 2).")
    .truth(
        "ones, a 3×3 kernel of ones, padding 1",
        tensor(&[4., 6., 4., 6., 9., 6., 4., 6., 4.], (1, 3, 3)),
        move |f| {
            f(
                &ones,
                &Tensor::ones((1, 1, 3, 3), candle_core::DType::F32, &Device::Cpu)?,
                None,
                Window::new(3).padding(1),
            )
        },
    )
    .because("It counts the pixels under the window: 4 in a corner, 6 at an edge, 9 inside.")
    .truth(
        "a single 1 in the middle of a 5×5 image, kernel 1 to 9",
        tensor(&[9., 8., 7., 6., 5., 4., 3., 2., 1.], (1, 3, 3)),
        move |f| f(&spot, &numbered, None, Window::new(3)),
    )
    .because("The window at the upper left meets the 1 with its last weight, so the weights appear in reverse order.")
    .truth(
        "two channels of 2 pixels, two kernels 1×1 with weights 10, 1 and 1, 0, biases 0.5 and 2",
        tensor(&[13.5, 24.5, 3., 4.], (2, 1, 2)),
        |f| {
            let image = tensor(&[1., 2., 3., 4.], (2, 1, 2));
            f(
                &image,
                &tensor(&[10., 1., 1., 0.], (2, 2, 1, 1)),
                Some(&tensor(&[0.5, 2.], 2)),
                Window::new(1),
            )
        },
    )
    .because("Filter 0: 10·1 + 1·3 + 0.5 and 10·2 + 1·4 + 0.5. Filter 1: 1·1 + 0·3 + 2 and 1·2 + 0·4 + 2.")
}

/// Random images, each with a window of its own.
fn windows(seed: u64, mut exam: Exam<Convolve>) -> Exam<Convolve> {
    let mut random = Random::new(seed, 12);
    let cases = [
        ("stride 2", Window::new(3).stride(2), "2y + i", "2x + j"),
        ("dilation 2", Window::new(3).dilation(2), "y + 2i", "x + 2j"),
        ("padding 2", Window::new(3).padding(2), "y + i − 2", "x + j − 2"),
        (
            "all of them",
            Window::new(3).stride(2).padding(2).dilation(2),
            "2y + 2i − 2",
            "2x + 2j − 2",
        ),
        (
            "an even kernel",
            Window::new(2).stride(3).padding(1),
            "3y + i − 1",
            "3x + j − 1",
        ),
    ];
    for (name, window, row, column) in cases {
        let (height, width) = (random.count(6, 9), random.count(6, 9));
        let (channels, filters) = (random.count(2, 3), random.count(2, 4));
        let image = random.signed((channels, height, width));
        let kernels = random.signed((filters, channels, window.kernel, window.kernel));
        let bias = random.signed(filters);
        let expected = ops::conv2d(&image.unsqueeze(0).unwrap(), &kernels, window)
            .and_then(|y| y.squeeze(0)?.broadcast_add(&bias.reshape((filters, 1, 1))?))
            .expect("the window fits");
        exam = exam
            .truth(
                format!("{name}: a random [{channels}, {height}, {width}] image, {filters} filters, {window:?}"),
                expected,
                move |f| f(&image, &kernels, Some(&bias), window),
            )
            .because(&format!(
                "At place (y, x) weight (i, j) of every channel meets row {row}, column {column} of that channel, or 0 \
                 outside; bias[o] is added once."
            ));
        if window.padding > 0 && window.dilation > 1 {
            exam = exam.holds(Combined);
        }
        if window.stride > 2 {
            exam = exam.holds(Sizes);
        }
    }
    exam
}

/// 1.2 as one matrix product: what a fast implementation does.
fn patches(image: &Tensor, kernels: &Tensor, bias: Option<&Tensor>, window: Window) -> Result<Tensor> {
    let (_, height, width) = image.dims3()?;
    let filters = kernels.dim(0)?;
    let (out_height, out_width) = (
        solution01::output_size(height, window)?,
        solution01::output_size(width, window)?,
    );
    let p = window.padding;
    let padded = image.pad_with_zeros(1, p, p)?.pad_with_zeros(2, p, p)?.contiguous()?;
    let mut columns = Vec::new();
    for y in 0..out_height {
        for x in 0..out_width {
            let taps = |start: usize| -> Vec<u32> {
                (0..window.kernel)
                    .map(|i| (start * window.stride + i * window.dilation) as u32)
                    .collect()
            };
            let patch = padded
                .index_select(&Tensor::new(taps(y), &Device::Cpu)?, 1)?
                .index_select(&Tensor::new(taps(x), &Device::Cpu)?, 2)?;
            columns.push(patch.flatten_all()?);
        }
    }
    let output = kernels.flatten_from(1)?.matmul(&Tensor::stack(&columns, 1)?)?;
    let output = output.reshape((filters, out_height, out_width))?;
    match bias {
        Some(bias) => output.broadcast_add(&bias.reshape((filters, 1, 1))?),
        None => Ok(output),
    }
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Convolve>) -> Exam<Convolve> {
    let mut random = Random::new(seed, 112);
    let fixture = (random.signed((3, 7, 10)), random.signed((2, 3, 2, 2)), random.signed(2));
    let window = Window::new(2).stride(3).padding(1).dilation(2);
    let exam = exam.given(fixture, |on| {
        on.case(
            "an even kernel, stride 3, padding 1, dilation 2, 7×10 pixels",
            move |f, (i, k, b)| f(i, k, Some(b), window),
        )
        .because("At place (y, x) weight (i, j) meets row 3y + 2i − 1, column 3x + 2j − 1; height and width differ.")
        .holds([Combined, Sizes])
        .case("the same numbers in transposed tensors", move |f, (i, k, b)| {
            f(&askew(i), &askew(k), Some(&askew(b)), window)
        })
        .holds([NotContiguous, Combined, Sizes])
    });
    let mut middle = vec![5.0; 25];
    middle[12] = 11.0;
    let exam = exam
        .truth(
            "one pixel 3, a kernel of one 2, bias 5, padding 2",
            tensor(&middle, (1, 5, 5)),
            |f| {
                let [pixel, kernel] = [tensor(&[3.], (1, 1, 1)), tensor(&[2.], (1, 1, 1, 1))];
                f(&pixel, &kernel, Some(&tensor(&[5.], 1)), Window::new(1).padding(2))
            },
        )
        .because("2·3 + 5 in the middle. Around it windows see padding alone, which counts 0, and the bias is added.")
        .unnamed("no padding for a kernel of one weight", |i, k, b, w| {
            SOLUTION(i, k, b, if w.kernel == 1 { w.padding(0) } else { w })
        })
        .unnamed("no bias where a window sees padding alone", |i, k, b, w| {
            let seen = SOLUTION(&i.ones_like()?, &k.ones_like()?, None, w)?;
            SOLUTION(i, k, b, w)? * seen.minimum(1f32)?
        });
    exam.proofs(SOLUTION, PROOFS)
        .spared(&[Errors], "the checks come with the stub")
        .spared(
            &[Batch, Ties, Names, Returned, Wiring],
            "one image, one sum for each place",
        )
        .spared(&[Scale, Sign, NotFinite], "every number counts as it is")
        .spared(&[Empty], "an image without pixels is an error of 1.1")
}
