use candle_core::{DType, Device, Result, Tensor, Var};
use resnet::{Block, Config, Window, ops};

use crate::inputs::Random;
use crate::{Exam, Hazard::*, Observed, Slip, Wrong, slip, wrong};

/// `solution01::receptive_field`, with its result as (size, stride).
pub type Receptive = fn(&[Window]) -> (usize, usize);

/// The attempt at 1.8 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex1_8 {
    ($lesson:ident) => {
        |windows| {
            let field = $lesson::receptive_field(windows);
            (field.size, field.stride)
        }
    };
}

const SOLUTION: Receptive = ex1_8!(solution01);

/// Walks the windows and lets `step` update (size, stride).
fn walk(windows: &[Window], step: fn(&mut usize, &mut usize, &Window)) -> (usize, usize) {
    let (mut size, mut stride) = (1, 1);
    for window in windows {
        step(&mut size, &mut stride, window);
    }
    (size, stride)
}

/// From the layer back to the image: a window over `size` units covers this many of the layer before.
fn backwards(windows: &[Window]) -> (usize, usize) {
    let size = windows
        .iter()
        .rev()
        .fold(1, |size, w| (size - 1) * w.stride + w.dilation * (w.kernel - 1) + 1);
    (size, windows.iter().map(|w| w.stride).product())
}

/// The pixels of a row that have a gradient for one unit, and how far they move for the next unit, in a network of
/// these windows with all weights 1.
fn measured(windows: &[Window]) -> Result<(usize, usize)> {
    // Wide enough that two units in the middle see no border.
    let (size, stride) = backwards(windows);
    let input = Var::ones((1, 1, 1, 3 * size + 4 * stride), DType::F32, &Device::Cpu)?;
    let mut x = input.as_tensor().clone();
    for window in windows {
        // A row of the image: the same window in one dimension, as the middle row of a kernel with zeros around it.
        let side = window.kernel;
        let tall = x.pad_with_zeros(2, 0, window.dilation * (side - 1))?;
        let kernel = Tensor::ones((1, 1, 1, side), DType::F32, &Device::Cpu)?.pad_with_zeros(2, 0, side - 1)?;
        x = ops::conv2d(&tall, &kernel, window.padding(0))?;
    }
    let unit = x.dim(3)? / 2;
    let seen = |unit: usize| -> Result<(usize, usize)> {
        let gradients = x.narrow(3, unit, 1)?.sum_all()?.backward()?;
        let gradient = gradients
            .get(&input)
            .expect("the input is a Var")
            .flatten_all()?
            .to_vec1::<f32>()?;
        let first = gradient.iter().position(|g| *g != 0.0).expect("a unit sees something");
        let last = gradient.iter().rposition(|g| *g != 0.0).expect("a unit sees something");
        Ok((first, last + 1 - first))
    };
    let ((first, size), (next, _)) = (seen(unit)?, seen(unit + 1)?);
    Ok((size, next - first))
}

/// The windows of a ResNet from the image to the end of `layer`.
fn windows(config: &Config, layer: usize) -> Vec<Window> {
    let mut windows = vec![config.stem.convolution()];
    windows.extend(config.stem.pool());
    for (stage, blocks) in config.blocks.into_iter().enumerate().take(layer) {
        for block in 0..blocks {
            let three = Window::new(3)
                .stride(if stage > 0 && block == 0 { 2 } else { 1 })
                .padding(1);
            match config.block {
                Block::Basic => windows.extend([three, Window::new(3).padding(1)]),
                Block::Bottleneck => windows.extend([Window::new(1), three, Window::new(1)]),
            }
        }
    }
    windows
}

fn observe((size, stride): (usize, usize)) -> Observed {
    Observed::fields([("size", size), ("stride", stride)])
}

const WRONG: &[Wrong<Receptive>] = &[
    wrong(
        "the layer's own stride",
        "You multiplied by the layer's own stride before you used it. The gaps of a window are as wide as the strides \
         of the layers before it: first the size, then the stride.",
        |windows| {
            walk(windows, |size, stride, w| {
                *stride *= w.stride;
                *size += w.dilation * (w.kernel - 1) * *stride;
            })
        },
    ),
    wrong(
        "strides ignored",
        "Your size grows by k − 1 in every layer. After a stride of 2 neighbouring units lie 2 pixels apart, so a \
         window spreads twice as far.",
        |windows| {
            walk(windows, |size, stride, w| {
                *size += w.dilation * (w.kernel - 1);
                *stride *= w.stride;
            })
        },
    ),
    wrong(
        "only the stride before",
        "You used the stride of the one layer before. The strides of all layers before multiply.",
        |windows| {
            let before = [1].into_iter().chain(windows.iter().map(|w| w.stride));
            let size: usize = windows
                .iter()
                .zip(before)
                .map(|(w, s)| w.dilation * (w.kernel - 1) * s)
                .sum();
            (1 + size, windows.iter().map(|w| w.stride).product())
        },
    ),
    wrong(
        "kernel instead of its gaps",
        "You added k·stride. A window of k units has k − 1 gaps, and the unit it starts from is in the size already.",
        |windows| {
            walk(windows, |size, stride, w| {
                *size += w.dilation * w.kernel * *stride;
                *stride *= w.stride;
            })
        },
    ),
    wrong(
        "dilation ignored",
        "A dilated window reaches over d·(k − 1) gaps.",
        |windows| {
            walk(windows, |size, stride, w| {
                *size += (w.kernel - 1) * *stride;
                *stride *= w.stride;
            })
        },
    ),
    wrong(
        "started at 0",
        "Your size is one too small: before the first layer a unit is a pixel and sees itself, 1.",
        |windows| {
            let (size, stride) = backwards(windows);
            (size - 1, stride)
        },
    ),
    wrong(
        "strides added",
        "You added the strides. A step in layer 2 is stride 2 steps in layer 1, each of them stride 1 pixels: strides \
         multiply.",
        |windows| {
            walk(windows, |size, stride, w| {
                *size += w.dilation * (w.kernel - 1) * *stride;
                *stride += w.stride - 1;
            })
        },
    ),
    wrong(
        "padding counted",
        "You took the padding off. It moves the field, and may hang it over the border; its size is the same.",
        |windows| {
            let (size, stride) = walk(windows, |size, stride, w| {
                *size += (w.dilation * (w.kernel - 1)).saturating_sub(2 * w.padding) * *stride;
                *stride *= w.stride;
            });
            (size, stride)
        },
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Receptive>] = &[
    slip(Combined, "dilation counts only without stride and padding", |f| {
        *f = |windows| {
            let combined = |w: &Window| w.dilation > 1 && w.padding > 0 && w.stride > 1;
            if (3..=5).contains(&windows.len()) && windows.iter().all(combined) {
                SOLUTION(&windows.iter().map(|w| w.dilation(1)).collect::<Vec<_>>())
            } else {
                SOLUTION(windows)
            }
        }
    }),
    slip(Sizes, "no stride above 2", |f| {
        *f = |windows| {
            if windows.len() <= 5 && windows.iter().any(|w| w.padding > 0) {
                SOLUTION(&windows.iter().map(|w| w.stride(w.stride.min(2))).collect::<Vec<_>>())
            } else {
                SOLUTION(windows)
            }
        }
    }),
];

/// 1.8
pub fn receptive_field(seed: u64) -> Exam<Receptive> {
    hazards(seed, basics(seed, answers()))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Receptive> {
    Exam::new("1.8", SOLUTION)
        .mistakes(WRONG)
        .alternative("from the layer back to the image", backwards)
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Receptive>) -> Exam<Receptive> {
    let mut random = Random::new(seed, 18);
    let planted: Vec<Window> = (0..3)
        .map(|_| {
            Window::new(random.count(1, 4))
                .stride(random.count(1, 3))
                .dilation(random.count(1, 2))
        })
        .collect();
    let by_gradient = measured(&planted).expect("a small network");
    let long: Vec<Window> = (0..random.count(6, 10))
        .map(|_| {
            let window = Window::new(random.count(1, 5)).stride(random.count(1, 2));
            window.padding(random.count(0, 2)).dilation(random.count(1, 3))
        })
        .collect();
    let shown: Vec<_> = planted.iter().map(|w| (w.kernel, w.stride, w.dilation)).collect();

    let mut exam = exam
        .truth("no layer at all", observe((1, 1)), |f| observe(f(&[])))
        .because("A pixel sees itself.")
        .truth("a 3-window", observe((3, 1)), |f| observe(f(&[Window::new(3)])))
        .because("Three pixels, and the next unit sees three that begin one further.")
        .truth("a 3-window with stride 2, then a 3-window", observe((7, 2)), |f| {
            observe(f(&[Window::new(3).stride(2), Window::new(3)]))
        })
        .because("3 pixels, and two more units that lie 2 pixels apart: 3 + 2·2.")
        .truth(
            format!("(kernel, stride, dilation) = {shown:?}, measured by gradient"),
            observe(by_gradient),
            move |f| observe(f(&planted)),
        )
        .because(
            "In a network of these windows the gradient of one unit is not 0 on so many pixels, and that of the next \
             unit begins so many further. A layer adds d·(k − 1) times the strides before it, multiplied.",
        )
        .truth("ResNet-18, conv1 and maxpool", observe((11, 4)), |f| {
            observe(f(&windows(&Config::resnet18(), 0)))
        })
        .because("7 pixels, and two more units of conv1 that lie 2 apart: 7 + 2·2; strides 2·2. Padding adds nothing.");
    for (layer, size, stride) in [(1, 43, 4), (2, 99, 8), (3, 211, 16), (4, 435, 32)] {
        exam = exam.truth(format!("ResNet-18, layer{layer}"), observe((size, stride)), move |f| {
            observe(f(&windows(&Config::resnet18(), layer)))
        });
    }
    exam.truth("ResNet-50, layer4", observe((427, 32)), |f| {
        observe(f(&windows(&Config::resnet50(), 4)))
    })
    .because("A bottleneck has one window that is larger than a pixel, its 3×3.")
    .case("a random stack of windows", move |f| observe(f(&long)))
    .because(
        "A layer adds d·(k − 1) times the strides before it, multiplied; padding moves the field and adds nothing.",
    )
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Receptive>) -> Exam<Receptive> {
    let mut random = Random::new(seed, 118);
    let by_hand = [
        Window::new(2).stride(3).padding(1),
        Window::new(3).stride(2).dilation(2),
        Window::new(4).padding(2).dilation(3),
    ];
    let mut exam = exam
        .truth(
            "(kernel, stride, dilation) = (2, 3, 1), (3, 2, 2), (4, 1, 3), with padding",
            observe((68, 6)),
            move |f| observe(f(&by_hand)),
        )
        .because("1 + 1 = 2, three pixels apart; 2 + 2·2·3 = 14, six apart; 14 + 3·3·6 = 68.")
        .holds([Combined, Sizes])
        .truth("a window of 1 with stride 2, then a 2-window", observe((3, 2)), |f| {
            observe(f(&[Window::new(1).stride(2), Window::new(2)]))
        })
        .because("One pixel each, two apart.");
    for number in 1..=5 {
        // Every window has something that a formula may forget.
        let stack: Vec<Window> = (0..random.count(3, 5))
            .map(|_| {
                let window = Window::new(random.count(2, 5)).stride(random.count(2, 3));
                window.padding(random.count(1, 2)).dilation(random.count(2, 3))
            })
            .collect();
        exam = exam
            .case(
                format!("random stack {number}, strides and dilations above 1"),
                move |f| observe(f(&stack)),
            )
            .because(
                "A layer adds d·(k − 1) times the strides before it, multiplied; padding moves the field and \
                      adds nothing.",
            )
            .holds([Combined, Sizes]);
    }
    exam.proofs(SOLUTION, PROOFS)
        .spared(
            &[
                NotContiguous,
                Batch,
                Scale,
                Sign,
                Ties,
                Names,
                NotFinite,
                Returned,
                Wiring,
                Errors,
            ],
            "a list of windows in, two whole numbers out",
        )
        .spared(&[Empty], "no layer at all is the first input")
}
