use candle_core::{Result, bail};
use resnet::Window;

use crate::inputs::Random;
use crate::{Exam, Hazard::*, Wrong, wrong};

/// `lesson01::output_size`
pub type OutputSize = fn(usize, Window) -> Result<usize>;

/// The attempt at 1.1 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex1_1 {
    ($lesson:ident) => {
        $lesson::output_size
    };
}

fn extent(w: Window) -> usize {
    w.dilation * (w.kernel - 1) + 1
}

fn padded(n: usize, w: Window) -> usize {
    n + 2 * w.padding
}

/// The pixels by which a window of `extent` can move along `padded` ones, if there is room.
fn room(extent: usize, padded: usize) -> Result<usize> {
    match padded.checked_sub(extent) {
        Some(room) => Ok(room),
        None => bail!("{extent} pixels do not fit into {padded}"),
    }
}

/// Written independently of the solution.
fn right(n: usize, w: Window) -> Result<usize> {
    Ok(room(extent(w), padded(n, w))? / w.stride + 1)
}

const WRONG: &[Wrong<OutputSize>] = &[
    wrong(
        "ceil",
        "You rounded up. A last step that would take the window over the edge gives no output: round down, as integer \
         division does.",
        |n, w| Ok(room(extent(w), padded(n, w))?.div_ceil(w.stride) + 1),
    ),
    wrong(
        "dilation ignored",
        "Your result does not depend on dilation. A window of k weights reaches over d·(k − 1) + 1 pixels.",
        |n, w| Ok(room(w.kernel, padded(n, w))? / w.stride + 1),
    ),
    wrong(
        "dilation times kernel",
        "You took d·k for the length of the window. Between k weights there are k − 1 gaps: d·(k − 1) + 1.",
        |n, w| Ok(room(w.dilation * w.kernel, padded(n, w))? / w.stride + 1),
    ),
    wrong(
        "padding once",
        "You added the padding once. It lies at both ends of the side: 2·padding.",
        |n, w| Ok(room(extent(w), n + w.padding)? / w.stride + 1),
    ),
    wrong(
        "steps instead of places",
        "You counted the steps between places. There is one place more than there are steps: + 1.",
        |n, w| Ok(room(extent(w), padded(n, w))? / w.stride),
    ),
    wrong(
        "division first",
        "Division binds tighter than subtraction: write (padded − extent) / stride with its parentheses.",
        |n, w| {
            room(extent(w), padded(n, w))?;
            Ok(padded(n, w) - extent(w) / w.stride + 1)
        },
    ),
    wrong(
        "saturated",
        "A window that is too long gives 1 or 0 with you. Stopping the subtraction at 0 hides the error from \
         whoever built the network: return it.",
        |n, w| Ok(padded(n, w).saturating_sub(extent(w)) / w.stride + 1),
    ),
];

/// Counted on paper.
const BY_HAND: [(usize, Window, usize, &str); 15] = [
    (3, Window::new(3), 1, "The window fits at exactly one place."),
    (5, Window::new(1), 5, "A window of one pixel fits at every pixel."),
    (5, Window::new(3), 3, "The window can start at pixels 0, 1 and 2."),
    (5, Window::new(4), 2, "The window can start at pixels 0 and 1."),
    (
        8,
        Window::new(3).stride(2),
        3,
        "The window can start at pixels 0, 2 and 4; starting at 6 it would reach over the end.",
    ),
    (
        5,
        Window::new(3).padding(1),
        5,
        "With a pixel more at each end, 3×3 keeps the size.",
    ),
    (
        5,
        Window::new(1).stride(2).padding(1),
        4,
        "Seven pixels with the padding: a window of one can start at 0, 2, 4 and 6.",
    ),
    (
        1,
        Window::new(3).padding(1),
        1,
        "The window is longer than the image and not longer than the padded side: it fits once.",
    ),
    (
        1,
        Window::new(3).padding(2),
        3,
        "Five pixels with the padding, which may be more than there are pixels: it can start at 0, 1 and 2.",
    ),
    (
        5,
        Window::new(7).stride(2).padding(1),
        1,
        "Seven pixels with the padding, all of them in the window: it fits once, whatever its stride.",
    ),
    (
        7,
        Window::new(3).dilation(2),
        3,
        "Three weights two pixels apart cover five pixels.",
    ),
    (
        32,
        Window::new(7).stride(2).padding(3),
        16,
        "This is the guide's exercise: 32×32 becomes 16×16.",
    ),
    (
        10,
        Window::new(2).stride(3).padding(2).dilation(4),
        4,
        "Two weights four pixels apart cover five of 14 pixels: starts at 0, 3, 6 and 9.",
    ),
    (
        1_000_000,
        Window::new(3).stride(5),
        200_000,
        "The window can start at 0, 5, …, 999,995.",
    ),
    (
        16_777_218,
        Window::new(1),
        16_777_218,
        "A window of one pixel fits at every pixel. Count in whole numbers: an f32 has 24 bits.",
    ),
];

const REFUSED: [(usize, Window, &str); 4] = [
    (2, Window::new(5), "five pixels do not fit into two"),
    (4, Window::new(5), "five pixels do not fit into four"),
    (4, Window::new(3).dilation(2), "five pixels do not fit into four"),
    (
        2,
        Window::new(4).padding(1).dilation(2),
        "seven pixels do not fit into four",
    ),
];

/// 1.1
pub fn output_size(seed: u64) -> Exam<OutputSize> {
    let mut exam = Exam::new("1.1", ex1_1!(solution01) as OutputSize)
        .mistakes(WRONG)
        .unnamed("longest window refused", |n, w| {
            Ok(room(extent(w) + 1, padded(n, w)).map(|room| room + 1)? / w.stride + 1)
        })
        .unnamed("longest window with a stride refused", |n, w| {
            room(extent(w) + usize::from(w.stride > 1), padded(n, w)).and_then(|_| right(n, w))
        })
        .unnamed("more padding than pixels refused", |n, w| {
            room(w.padding, n).and_then(|_| right(n, w))
        })
        .unnamed("no checks", |n, w| {
            Ok((padded(n, w) - w.dilation * (w.kernel - 1) - 1) / w.stride + 1)
        })
        .unnamed("ceil and no checks", |n, w| {
            Ok((padded(n, w) - extent(w)).div_ceil(w.stride) + 1 + w.padding)
        })
        .alternative("one line after the checks", right)
        .alternative("counting the places", |n, w| {
            room(extent(w), padded(n, w))?;
            let starts = (0..padded(n, w)).step_by(w.stride);
            Ok(starts.filter(|start| start + extent(w) <= padded(n, w)).count())
        })
        .alternative("in signed numbers", |n, w| {
            let [n, k, s, p, d] = [n, w.kernel, w.stride, w.padding, w.dilation].map(|x| x as i64);
            if n + 2 * p - d * (k - 1) - 1 < 0 {
                bail!("bad window");
            }
            Ok(((n + 2 * p - d * (k - 1) - 1) / s + 1) as usize)
        })
        .hazard(Combined, "padding that is dilated too", |n, w| {
            right(n, w.padding(w.padding * w.dilation))
        })
        .hazard(Scale, "counted in 16 bits", |n, w| Ok(usize::from(right(n, w)? as u16)))
        .hazard(Sizes, "no stride above 2", |n, w| right(n, w.stride(w.stride.min(2))))
        .unnamed("must fit without the padding", |n, w| {
            room(extent(w), n).and_then(|_| right(n, w))
        })
        .hazard(Errors, "one pixel too long", |n, w| {
            right(n + usize::from(padded(n, w) + 1 == extent(w)), w)
        })
        .spared(
            &[NotContiguous, Batch, Sign, Ties, Names, NotFinite, Returned, Wiring],
            "one whole number comes out of two",
        )
        .spared(&[Empty], "no side of 0 pixels gets past the stub");

    for (n, w, expected, because) in BY_HAND {
        exam = exam.truth(label(n, w), expected, move |f| f(n, w)).because(because);
        exam = marked(exam, n, w);
    }
    for (n, w, because) in REFUSED {
        exam = exam.refuses(label(n, w), move |f| f(n, w)).because(because);
    }
    let mut random = Random::new(seed, 11);
    let mut cases: Vec<_> = (0..20).map(|_| window(&mut random)).collect();
    // The first that fails is shown.
    cases.sort_by_key(|(n, _)| *n);
    for (number, (n, w)) in cases.into_iter().enumerate() {
        let (padded, extent) = (padded(n, w), extent(w));
        exam = exam
            .case(format!("random {}: {}", number + 1, label(n, w)), move |f| f(n, w))
            .because(&format!(
                "{padded} pixels with the padding, a window over {extent} of them: its first pixel can stand on {}, \
                 of which one in {} counts.",
                padded - extent + 1,
                w.stride
            ));
        exam = marked(exam, n, w);
    }
    exam
}

/// A window, and a side that it fits into.
fn window(random: &mut Random) -> (usize, Window) {
    let window = Window::new(random.count(1, 7)).stride(random.count(1, 4));
    let window = window.padding(random.count(0, 3)).dilation(random.count(1, 3));
    (random.count(extent(window), 60), window)
}

/// "input 8, kernel 3, stride 2"
fn label(n: usize, w: Window) -> String {
    let mut label = format!("input {n}, kernel {}", w.kernel);
    for (name, value, usual) in [
        ("stride", w.stride, 1),
        ("padding", w.padding, 0),
        ("dilation", w.dilation, 1),
    ] {
        if value != usual {
            label += &format!(", {name} {value}");
        }
    }
    label
}

/// Marks the experiment just added with the hazards of its window.
fn marked(mut exam: Exam<OutputSize>, n: usize, w: Window) -> Exam<OutputSize> {
    if w.padding > 0 && w.dilation > 1 {
        exam = exam.holds(Combined);
    }
    if w.stride > 2 {
        exam = exam.holds(Sizes);
    }
    if n > 60 {
        exam = exam.holds(Scale);
    }
    exam
}
