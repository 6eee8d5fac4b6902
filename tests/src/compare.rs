//! Comparing two results: shape, then dtype, then finiteness, then values. Nothing is ever broadcast.

use crate::observed::{Array, COLUMNS, Observed, cut, digits};
use approx::relative_eq;
use course::report::Verdict;
use similar::{ChangeTag, TextDiff};

/// How far two numbers may lie apart.
///
/// They are equal if they differ by at most `max_relative` of the larger one, or by at most `epsilon` of the largest
/// expected value of the array they stand in (so that a sum that should cancel to 0 may miss it by rounding). Whole
/// numbers must be equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Allowed difference relative to the larger of the two numbers.
    pub max_relative: f64,
    /// Allowed difference relative to the largest expected value of the array.
    pub epsilon: f64,
}

impl Default for Tolerance {
    /// Enough for any order of summation in `f32`, too little for a different formula.
    fn default() -> Self {
        Self {
            max_relative: 1e-4,
            epsilon: 1e-6,
        }
    }
}

impl Tolerance {
    /// Allowed differences relative to the larger number and to the largest expected value.
    pub const fn new(max_relative: f64, epsilon: f64) -> Self {
        Self { max_relative, epsilon }
    }

    /// `max_relative`, and a hundredth of it as `epsilon`.
    pub fn relative(max_relative: f64) -> Self {
        Self::new(max_relative, max_relative / 100.0)
    }

    /// Bit for bit the same number.
    pub fn exact() -> Self {
        Self::new(0.0, 0.0)
    }
}

/// How a result differs from the expected one.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The kind of verdict it leads to.
    pub verdict: Verdict,
    /// The difference in words.
    pub text: String,
    /// The largest difference of two numbers, relative to the largest value of the array.
    pub relative: Option<f64>,
    /// The names that lead to the part that differs.
    pub field: Vec<String>,
    /// The place of the largest difference in the array, counted through.
    pub worst: Option<usize>,
}

impl Difference {
    fn new(verdict: Verdict, text: impl Into<String>) -> Self {
        Self {
            verdict,
            text: text.into(),
            relative: None,
            field: vec![],
            worst: None,
        }
    }
}

/// Above this relative error a formula is different, not a rounding.
const CLOSE: f64 = 1e-2;

/// `None` if the two are equal within the tolerance.
pub fn compare(yours: &Observed, expected: &Observed, tolerance: Tolerance) -> Option<Difference> {
    use Observed::*;
    match (yours, expected) {
        (Refused(_), Refused(_)) => None,
        (Refused(_), _) => Some(Difference::new(Verdict::ReturnedError, "")),
        (_, Refused(_)) => Some(Difference::new(Verdict::MissingError, "")),
        (Flag(a), Flag(b)) => (a != b).then(|| Difference::new(Verdict::Wrong, "")),
        (Count(a), Count(b)) => (a != b).then(|| {
            let by = a.abs_diff(*b);
            Difference::new(
                Verdict::Wrong,
                format!("{by} too {}", if a > b { "large" } else { "small" }),
            )
        }),
        (Number(a), Number(b)) => numbers(&[*a], &[*b], &[], tolerance),
        (Array(a), Array(b)) => arrays(a, b, tolerance),
        (Text(a), Text(b)) => texts(a, b),
        (Fields(a), Fields(b)) => fields(a, b, tolerance),
        _ => Some(Difference::new(Verdict::Wrong, "a result of another kind")),
    }
}

fn fields(a: &[(String, Observed)], b: &[(String, Observed)], tolerance: Tolerance) -> Option<Difference> {
    let names = |fields: &[(String, Observed)]| {
        fields
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    if names(a) != names(b) {
        let text = format!("yours has {}; expected {}", names(a), names(b));
        return Some(Difference::new(Verdict::WrongShape, text));
    }
    a.iter().zip(b).find_map(|((name, a), (_, b))| {
        let found = compare(a, b, tolerance)?;
        let text = if found.text.is_empty() {
            format!("in {name}")
        } else {
            format!("in {name}: {}", found.text)
        };
        let field = [vec![name.clone()], found.field].concat();
        Some(Difference { text, field, ..found })
    })
}

fn arrays(a: &Array, b: &Array, tolerance: Tolerance) -> Option<Difference> {
    if a.dims != b.dims {
        let text = match (a.dims.len(), b.dims.len()) {
            (1, 1) => format!("{} values, expected {}", a.dims[0], b.dims[0]),
            (x, y) if x != y => format!("rank {x}, expected rank {y}"),
            _ => {
                let axes: Vec<_> = (0..a.dims.len()).filter(|&i| a.dims[i] != b.dims[i]).collect();
                format!("dimension {} differs", join(&axes))
            }
        };
        return Some(Difference::new(Verdict::WrongShape, text));
    }
    if let (Some(x), Some(y)) = (a.dtype, b.dtype)
        && x != y
    {
        let text = format!("{}, expected {}", x.as_str(), y.as_str());
        return Some(Difference::new(Verdict::WrongDtype, text));
    }
    let tolerance = if b.is_exact() { Tolerance::exact() } else { tolerance };
    numbers(&a.values, &b.values, &a.dims, tolerance)
}

/// Compares element by element; both slices have the shape `dims`.
fn numbers(a: &[f64], b: &[f64], dims: &[usize], tolerance: Tolerance) -> Option<Difference> {
    let unexpected = |i: &usize| !a[*i].is_finite() && b[*i].is_finite();
    if let Some(first) = (0..a.len()).find(unexpected) {
        let count = (0..a.len()).filter(unexpected).count();
        let text = match a.len() {
            1 => format!("{}", a[first]),
            all => format!(
                "{count} of {all} values; the first, {}, at {:?}",
                a[first],
                index(first, dims)
            ),
        };
        return Some(Difference {
            worst: Some(first),
            ..Difference::new(Verdict::NotFinite, text)
        });
    }
    let largest = largest_finite(b);
    let epsilon = tolerance.epsilon * if largest > 0.0 { largest } else { 1.0 };
    let differs = |x: f64, y: f64| {
        let both_nan = x.is_nan() && y.is_nan();
        !both_nan && !relative_eq!(x, y, epsilon = epsilon, max_relative = tolerance.max_relative)
    };
    let gap = |i: usize| {
        let gap = (a[i] - b[i]).abs();
        if gap.is_finite() { gap } else { f64::INFINITY }
    };
    // A loop, since tests go through millions of numbers here and this is not optimised.
    let (mut count, mut worst) = (0, None);
    for i in 0..a.len() {
        if a[i] != b[i] && differs(a[i], b[i]) {
            count += 1;
            worst = worst.filter(|&worst| gap(worst) > gap(i)).or(Some(i));
        }
    }
    let worst = worst?;
    let (x, y) = (a[worst], b[worst]);
    // Relative to the array, not to the element: an element near 0 may be far off in its own measure.
    let relative = gap(worst) / largest.max(x.abs());

    let mut text = String::new();
    if a.len() > 1 {
        let (mut yours, mut expected) = (digits(x, 5), digits(y, 5));
        if yours == expected {
            (yours, expected) = (digits(x, 12), digits(y, 12));
        }
        text = format!(
            "{count} of {} values; the largest at {:?}: yours {yours}, expected {expected}\n",
            a.len(),
            index(worst, dims)
        );
    }
    if tolerance == Tolerance::exact() {
        return Some(Difference {
            worst: Some(worst),
            ..Difference::new(Verdict::Wrong, text.trim_end())
        });
    }
    text.push_str(&format!(
        "relative error {}; up to {} is accepted",
        digits(relative, 2),
        tolerance.max_relative
    ));
    let verdict = if relative <= CLOSE {
        Verdict::Close
    } else {
        Verdict::Wrong
    };
    Some(Difference {
        relative: Some(relative),
        worst: Some(worst),
        ..Difference::new(verdict, text)
    })
}

/// The lines that differ, `-` expected and `+` yours, with a line of context.
fn texts(yours: &str, expected: &str) -> Option<Difference> {
    const SHOWN: usize = 9;
    let (yours, expected) = (lines(yours), lines(expected));
    if yours == expected {
        return None;
    }
    let diff = TextDiff::from_lines(&expected, &yours);
    let mut shown = vec!["- expected, + yours".to_string()];
    for group in diff.grouped_ops(1) {
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            shown.push(cut(&format!("{sign} {}", change.value().trim_end()), COLUMNS));
        }
    }
    if shown.len() > SHOWN {
        let more = shown.len() - SHOWN;
        shown.truncate(SHOWN);
        shown.push(format!("… {more} lines more"));
    }
    Some(Difference::new(Verdict::Wrong, shown.join("\n")))
}

/// Spaces at the end of a line and empty lines at the end do not count.
fn lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

/// The largest finite value without its sign; 0 if there is none.
pub(crate) fn largest_finite(values: &[f64]) -> f64 {
    let mut largest = 0.0;
    for value in values {
        let size = value.abs();
        if size > largest && size < f64::INFINITY {
            largest = size;
        }
    }
    largest
}

fn index(flat: usize, dims: &[usize]) -> Vec<usize> {
    let mut rest = flat;
    let mut index: Vec<usize> = dims
        .iter()
        .rev()
        .map(|&dim| {
            let i = rest % dim.max(1);
            rest /= dim.max(1);
            i
        })
        .collect();
    index.reverse();
    index
}

fn join(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}
