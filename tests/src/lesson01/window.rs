use candle_core::{Result, bail};
use resnet::Window;

use crate::Exam;
use crate::inputs::Random;

/// `solution01::output_size`
pub type OutputSize = fn(usize, Window) -> Result<usize>;

/// What the checks of every answer look like, right or wrong.
fn check(input: usize, w: Window, extent: usize, padded: usize) -> Result<()> {
    if input == 0 || w.kernel == 0 || w.stride == 0 || w.dilation == 0 {
        bail!("a length of 0");
    }
    if extent > padded {
        bail!("{extent} pixels do not fit into {padded}");
    }
    Ok(())
}

fn extent(w: Window) -> usize {
    w.dilation * w.kernel.saturating_sub(1) + 1
}

/// 1.1
pub fn output_size(seed: u64) -> Exam<OutputSize> {
    let mut exam = Exam::new("1.1", solution01::output_size as OutputSize)
        .mistake(
            "ceil",
            "You rounded up. A last step that would take the window over the edge gives no output: round down, as \
             integer division does.",
            |n, w| {
                let padded = n + 2 * w.padding;
                check(n, w, extent(w), padded)?;
                Ok((padded - extent(w)).div_ceil(w.stride) + 1)
            },
        )
        .mistake(
            "dilation ignored",
            "Your result does not depend on dilation. A window of k weights reaches over d·(k − 1) + 1 pixels.",
            |n, w| {
                let padded = n + 2 * w.padding;
                check(n, w, w.kernel, padded)?;
                Ok((padded - w.kernel) / w.stride + 1)
            },
        )
        .mistake(
            "dilation times kernel",
            "You took d·k for the length of the window. Between k weights there are k − 1 gaps: d·(k − 1) + 1.",
            |n, w| {
                let padded = n + 2 * w.padding;
                check(n, w, w.kernel * w.dilation, padded)?;
                Ok((padded - w.kernel * w.dilation) / w.stride + 1)
            },
        )
        .mistake(
            "padding once",
            "You added the padding once. It lies at both ends of the side: 2·padding.",
            |n, w| {
                check(n, w, extent(w), n + w.padding)?;
                Ok((n + w.padding - extent(w)) / w.stride + 1)
            },
        )
        .mistake(
            "steps instead of places",
            "You counted the steps between places. There is one place more than there are steps: + 1.",
            |n, w| {
                let padded = n + 2 * w.padding;
                check(n, w, extent(w), padded)?;
                Ok((padded - extent(w)) / w.stride)
            },
        )
        .mistake(
            "division first",
            "Division binds tighter than subtraction: write (padded − extent) / stride with its parentheses.",
            |n, w| {
                let padded = n + 2 * w.padding;
                check(n, w, extent(w), padded)?;
                Ok(padded - extent(w) / w.stride + 1)
            },
        )
        .mistake(
            "no checks",
            "`usize` cannot go below zero, so a bad window makes your arithmetic panic. Test for zeros and for a \
             window longer than the padded side first, and return an error with `bail!`.",
            |n, w| Ok((n + 2 * w.padding - w.dilation * (w.kernel - 1) - 1) / w.stride + 1),
        )
        .mistake(
            "saturated",
            "A window that is too long gives 1 or 0 with you. Stopping the subtraction at 0 hides the error from \
             whoever built the network: return it.",
            |n, w| {
                check(n, w, 0, 0)?;
                let span = (n + 2 * w.padding).saturating_sub(extent(w));
                Ok(span / w.stride + 1)
            },
        )
        .mistake(
            "longest window refused",
            "A window exactly as long as the padded side fits, at one place. Refuse only longer ones.",
            |n, w| {
                let padded = n + 2 * w.padding;
                check(n, w, extent(w) + 1, padded)?;
                Ok((padded - extent(w)) / w.stride + 1)
            },
        )
        .alternative("counting the places", |n, w| {
            let padded = n + 2 * w.padding;
            check(n, w, extent(w), padded)?;
            let places = (0..padded).step_by(w.stride);
            Ok(places.filter(|start| start + extent(w) <= padded).count())
        })
        .alternative("in signed numbers", |n, w| {
            let [n, k, s, p, d] = [n, w.kernel, w.stride, w.padding, w.dilation].map(|x| x as i64);
            if n < 1 || k < 1 || s < 1 || d < 1 || n + 2 * p - d * (k - 1) - 1 < 0 {
                bail!("bad window");
            }
            Ok(((n + 2 * p - d * (k - 1) - 1) / s + 1) as usize)
        })
        .truth("input 3, kernel 3", 1usize, |f| f(3, Window::new(3)))
        .because("The window fits at exactly one place.")
        .truth("input 5, kernel 1", 5usize, |f| f(5, Window::new(1)))
        .because("A window of one pixel fits at every pixel.")
        .truth("input 5, kernel 3", 3usize, |f| f(5, Window::new(3)))
        .because("The window can start at pixels 0, 1 and 2.")
        .truth("input 8, kernel 3, stride 2", 3usize, |f| {
            f(8, Window::new(3).stride(2))
        })
        .because("The window can start at pixels 0, 2 and 4; starting at 6 it would reach over the end.")
        .truth("input 5, kernel 3, padding 1", 5usize, |f| {
            f(5, Window::new(3).padding(1))
        })
        .because("With a pixel more at each end, 3×3 keeps the size.")
        .truth("input 7, kernel 3, dilation 2", 3usize, |f| {
            f(7, Window::new(3).dilation(2))
        })
        .because("Three weights two pixels apart cover five pixels.")
        .truth("input 32, kernel 7, stride 2, padding 3", 16usize, |f| {
            f(32, Window::new(7).stride(2).padding(3))
        })
        .because("This is the guide's exercise: 32×32 becomes 16×16.")
        .refuses("input 2, kernel 5", |f| f(2, Window::new(5)))
        .refuses("input 4, kernel 3, dilation 2", |f| f(4, Window::new(3).dilation(2)))
        .refuses("kernel 0", |f| f(5, Window::new(0)))
        .refuses("stride 0", |f| f(5, Window::new(3).stride(0)))
        .refuses("dilation 0", |f| f(5, Window::new(3).dilation(0)))
        .refuses("input 0", |f| f(0, Window::new(1).padding(1)));

    let mut random = Random::new(seed, 11);
    let mut cases: Vec<_> = (0..20)
        .map(|_| {
            let window = Window::new(random.count(1, 7))
                .stride(random.count(1, 4))
                .padding(random.count(0, 3))
                .dilation(random.count(1, 3));
            (random.count(extent(window), 60), window)
        })
        .collect();
    // The first that fails is shown.
    cases.sort_by_key(|(input, _)| *input);
    for (number, (input, window)) in cases.into_iter().enumerate() {
        let number = number + 1;
        exam = exam.case(format!("random {number}: input {input}, {window:?}"), move |f| {
            f(input, window)
        });
    }
    exam
}
