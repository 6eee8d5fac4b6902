//! What can be said about a wrong answer that no known mistake gives: which inputs were right and which were not, what
//! the wrong ones have in common, and what the wrong numbers look like beside the expected ones.

use crate::{
    compare::largest_finite,
    exam::Outcome,
    grade::Grade,
    hazard::Hazard,
    observed::{Array, Observed, digits, first_lines},
};
use course::report::Verdict;
use std::borrow::Cow;

/// An experiment that the attempt went through.
pub(crate) struct Tried<'a> {
    pub label: &'a str,
    pub because: Option<&'a str>,
    pub hazards: &'a [Hazard],
    pub gave: &'a Outcome,
    pub expected: &'a Observed,
}

/// More labels than this are counted, not listed.
const LISTED: usize = 3;

/// Adds to the grade of the first failing experiment what all of them show together.
pub(crate) fn explain(grade: &mut Grade, right: &[Tried], wrong: &[Tried]) {
    let mut row = |label: &str, text: String| grade.evidence.push((label.into(), text));
    if let Some(notice) = notice(right, wrong) {
        row("notice", notice);
    }
    if right.is_empty() {
        if wrong.len() > 1 {
            row("wrong on", format!("all {} inputs", wrong.len()));
        }
        return;
    }
    if let Some(common) = common(right, wrong) {
        row("in common", common);
    }
    if wrong.len() > 1 {
        row("also wrong", list(wrong[1..].iter()));
    }
    row("right on", list(right.iter()));
}

/// The verdict on an attempt whose values are all right and that accepts, or panics on, inputs it should refuse.
pub(crate) fn understood(missing: &[Tried]) -> Grade {
    let panics = missing.iter().filter_map(|tried| tried.gave.as_ref().err());
    let mut sentence = String::from("The values are right. ");
    sentence += match missing.len() {
        1 => "This input should be refused with an error.",
        _ => "These inputs should be refused with an error.",
    };
    let mut at = None;
    if let Some(panic) = panics.clone().next() {
        sentence += match panic.message.as_str() {
            text if text.contains("overflow") => {
                " A panic is no error that a caller could handle: a `usize` cannot go below zero, so test before you \
                 subtract."
            }
            text if text.contains("divide by zero") || text.contains("divisor of zero") => {
                " A panic is no error that a caller could handle: test for 0 before you divide."
            }
            _ => " A panic is no error that a caller could handle: test first, and `bail!`.",
        };
        at = Some(crate::grade::place(&panic.at));
    }
    let line = |tried: &Tried| {
        let gave = match tried.gave {
            Ok(value) => format!(
                "you returned {}",
                brief(&value.show().split_whitespace().collect::<Vec<_>>().join(" "), 60)
            ),
            Err(panic) => format!("you panicked: {}", brief(&panic.message, 60)),
        };
        let because = tried.because.map_or(String::new(), |because| format!(" ({because})"));
        format!("{}: {gave}{because}", tried.label)
    };
    let mut grade = Grade::new(Verdict::Understood, sentence).input(missing[0].label);
    grade.at = at;
    let lines: Vec<_> = missing.iter().map(line).collect();
    grade.evidence.push(("should fail".into(), lines.join("\n")));
    grade
}

/// The first line of a text, cut to so many characters.
fn brief(text: &str, most: usize) -> String {
    let line = first_lines(text, 1);
    let cut: String = line.chars().take(most).collect();
    if cut.len() < line.len() && !cut.ends_with('…') {
        cut + " …"
    } else {
        cut
    }
}

fn list<'a>(tried: impl ExactSizeIterator<Item = &'a Tried<'a>>) -> String {
    let count = tried.len();
    let labels: Vec<_> = tried.take(LISTED).map(|tried| tried.label.to_string()).collect();
    let text = labels.join("; ");
    match count.saturating_sub(LISTED) {
        0 => text,
        more => format!("{text}; and {more} more"),
    }
}

/// What holds for every wrong input and for no right one: a hazard, or words of their labels.
fn common(right: &[Tried], wrong: &[Tried]) -> Option<String> {
    let only = |holds: &dyn Fn(&Tried) -> bool| wrong.iter().all(holds) && !right.iter().any(holds);
    let hazards = Hazard::ALL
        .into_iter()
        .filter(|hazard| only(&|tried| tried.hazards.contains(hazard)));
    let hazards: Vec<_> = hazards.map(Hazard::words).collect();
    if !hazards.is_empty() {
        return Some(format!("what is wrong, and only that, holds {}", hazards.join(" and ")));
    }
    // Two of each, or a word would be chance.
    if wrong.len() < 2 || right.len() < 2 {
        return None;
    }
    let words = |label: &str| -> Vec<String> {
        let letters = |word: &&str| word.chars().count() > 3 && word.chars().all(char::is_alphabetic);
        label
            .split([' ', ',', ':', ';', '{', '}', '(', ')'])
            .filter(letters)
            .map(str::to_string)
            .collect()
    };
    let mut found: Vec<String> = vec![];
    for word in words(wrong[0].label) {
        if !found.contains(&word) && only(&|tried| words(tried.label).contains(&word)) {
            found.push(word);
        }
    }
    (!found.is_empty()).then(|| format!("every wrong input, and no right one, says {}", found.join(", ")))
}

/// What all wrong answers show beside what was expected.
fn notice(right: &[Tried], wrong: &[Tried]) -> Option<String> {
    let mut pairs = vec![];
    for tried in wrong {
        collect(tried.gave.as_ref().ok()?, tried.expected, &mut pairs);
    }
    // Zeros say something only of an attempt that gives nothing else.
    let other = |tried: &Tried| tried.gave.as_ref().is_ok_and(holds_more_than_zeros);
    if !pairs.is_empty()
        && pairs.iter().all(|(yours, expected)| all_zero(yours, expected))
        && !right.iter().chain(wrong).any(other)
    {
        return Some("all your numbers are 0: what they are made of never arrives".into());
    }
    let first = PATTERNS.iter().find_map(|pattern| {
        let found: Option<Vec<String>> = pairs.iter().map(|(yours, expected)| pattern(yours, expected)).collect();
        let mut found = found?;
        found.dedup();
        (found.len() == 1).then(|| found.remove(0))
    });
    let scaled = || {
        let factors: Option<Vec<f64>> = pairs.iter().map(|(yours, expected)| factor(yours, expected)).collect();
        let factors = factors.filter(|factors| !factors.is_empty())?;
        let low = factors.iter().copied().fold(f64::INFINITY, f64::min);
        let high = factors.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Some(format!(
            "for each input your numbers are the expected ones times a constant, from {} to {}",
            digits(low, 3),
            digits(high, 3)
        ))
    };
    first.or_else(scaled)
}

fn holds_more_than_zeros(value: &Observed) -> bool {
    match value {
        Observed::Number(x) => *x != 0.0,
        Observed::Count(x) => *x != 0,
        Observed::Array(array) => array.values.iter().any(|x| *x != 0.0),
        Observed::Fields(fields) => fields.iter().any(|(_, value)| holds_more_than_zeros(value)),
        _ => false,
    }
}

/// The numbers of two answers, part by part, where they differ.
fn collect<'a>(yours: &'a Observed, expected: &'a Observed, into: &mut Vec<(Array, Array)>) {
    let one = |x: f64| Array {
        dims: vec![],
        dtype: None,
        values: vec![x],
    };
    let mut keep = |a: Cow<Array>, b: Cow<Array>| {
        if differ(&a, &b) {
            into.push((a.into_owned(), b.into_owned()));
        }
    };
    match (yours, expected) {
        (Observed::Fields(a), Observed::Fields(b)) if a.len() == b.len() => {
            a.iter().zip(b).for_each(|((_, a), (_, b))| collect(a, b, into));
        }
        (Observed::Array(a), Observed::Array(b)) => keep(Cow::Borrowed(a), Cow::Borrowed(b)),
        (Observed::Number(a), Observed::Number(b)) => keep(Cow::Owned(one(*a)), Cow::Owned(one(*b))),
        (Observed::Count(a), Observed::Count(b)) => keep(Cow::Owned(one(*a as f64)), Cow::Owned(one(*b as f64))),
        _ => {}
    }
}

fn differ(a: &Array, b: &Array) -> bool {
    let scale = largest(b);
    a.dims != b.dims || (0..a.values.len()).any(|i| !near(a.values[i], b.values[i], scale))
}

fn largest(array: &Array) -> f64 {
    largest_finite(&array.values)
}

fn near(a: f64, b: f64, scale: f64) -> bool {
    let close = || (a - b).abs() <= 1e-4 * a.abs().max(b.abs()).max(1e-2 * scale);
    (a.is_nan() && b.is_nan()) || a == b || (a.is_finite() && b.is_finite() && close())
}

/// Says what yours looks like beside what was expected; `None` if it does not look like that.
type Pattern = fn(&Array, &Array) -> Option<String>;

const PATTERNS: [Pattern; 7] = [
    reshaped,
    |a, b| {
        factor(a, b).map(|c| match c {
            -1.0 => "all signs are the other way round".into(),
            c => format!("all your numbers are the expected ones times {}", digits(c, 5)),
        })
    },
    offset,
    by_element,
    rearranged,
    signs,
    places,
];

fn all(a: &Array, b: &Array, same: impl Fn(f64, f64) -> bool) -> bool {
    a.dims == b.dims && !a.values.is_empty() && a.values.iter().zip(&b.values).all(|(&a, &b)| same(a, b))
}

fn reshaped(a: &Array, b: &Array) -> Option<String> {
    let same = a.dims != b.dims && a.values.len() == b.values.len() && !a.values.is_empty();
    let scale = largest(b);
    let equal = same && a.values.iter().zip(&b.values).all(|(&a, &b)| near(a, b, scale));
    equal.then(|| "the numbers are right, in their order; only the shape is not".into())
}

fn all_zero(a: &Array, b: &Array) -> bool {
    // A single 0 has many causes: a sum that cancels, an option that is off.
    let nan = b.values.iter().any(|x| x.is_nan());
    let zero = a.values.iter().all(|&x| x == 0.0) && b.values.iter().any(|&x| x != 0.0);
    a.dims == b.dims && a.values.len() > 1 && zero && !nan
}

/// The constant that all expected numbers are multiplied by in yours.
fn factor(a: &Array, b: &Array) -> Option<f64> {
    let place = (0..b.values.len()).max_by(|&i, &j| b.values[i].abs().total_cmp(&b.values[j].abs()))?;
    let (yours, expected) = (*a.values.get(place)?, b.values[place]);
    let factor = yours / expected;
    let scale = largest(b) * factor.abs();
    let fits = factor.is_finite() && factor != 0.0 && all(a, b, |a, b| near(a, factor * b, scale));
    let round = (factor * 1e4).round() / 1e4;
    (fits && b.values.len() > 1).then_some(if (factor - round).abs() < 1e-5 { round } else { factor })
}

fn offset(a: &Array, b: &Array) -> Option<String> {
    let by = a.values.first()? - b.values.first()?;
    let scale = largest(b);
    let fits = by != 0.0 && by.is_finite() && all(a, b, |a, b| near(a, b + by, scale));
    fits.then(|| {
        if by > 0.0 {
            format!("always {} too large", digits(by, 3))
        } else {
            format!("always {} too small", digits(-by, 3))
        }
    })
}

fn by_element(a: &Array, b: &Array) -> Option<String> {
    type Known = (fn(f64) -> f64, &'static str);
    let known: [Known; 5] = [
        (f64::abs, "yours are the expected numbers without their sign"),
        (
            |x| x.max(0.0),
            "yours are the expected numbers with the negative ones set to 0",
        ),
        (|x| x * x, "yours are the squares of the expected numbers"),
        (f64::sqrt, "yours are the roots of the expected numbers"),
        (|x| 1.0 / x, "yours are 1 over the expected numbers"),
    ];
    if b.values.len() < 2 || !a.values.iter().chain(&b.values).all(|x| x.is_finite()) {
        return None;
    }
    let fits = |f: &dyn Fn(f64) -> f64| {
        let made: Vec<f64> = b.values.iter().map(|x| f(*x)).collect();
        let scale = largest_finite(&made);
        a.dims == b.dims && a.values.iter().zip(made).all(|(&a, made)| near(a, made, scale))
    };
    known.iter().find(|(f, _)| fits(f)).map(|(_, words)| words.to_string())
}

fn rearranged(a: &Array, b: &Array) -> Option<String> {
    if a.values.len() != b.values.len() || a.values.len() < 2 {
        return None;
    }
    let sorted = |array: &Array| {
        let mut values = array.values.clone();
        values.sort_by(f64::total_cmp);
        values
    };
    let scale = largest(b);
    let same = sorted(a).iter().zip(sorted(b)).all(|(&a, b)| near(a, b, scale));
    if !same {
        return None;
    }
    for axis in (0..b.dims.len()).filter(|_| a.dims == b.dims) {
        let inner: usize = b.dims[axis + 1..].iter().product();
        let side = b.dims[axis];
        let mirrored = |i: usize| {
            let at = i / inner % side;
            i + (side - 1 - at) * inner - at * inner
        };
        // Two numbers that have changed places are no order.
        if side > 1
            && a.values.len() > 2
            && (0..a.values.len()).all(|i| near(a.values[i], b.values[mirrored(i)], scale))
        {
            return Some(format!(
                "yours run backwards along the {}",
                axis_name(axis, b.dims.len())
            ));
        }
    }
    Some("the numbers are right and stand in other places: an order, an axis or a transposition".into())
}

fn axis_name(axis: usize, rank: usize) -> &'static str {
    match (rank - axis, rank, axis) {
        (_, 4, 0) => "images",
        (_, 4, 1) => "channels",
        (1, 2.., _) => "columns",
        (2, 2.., _) => "rows",
        (_, 1, 0) => "list",
        _ => "first dimensions",
    }
}

/// Where the wrong numbers stand: only after the first image, only in the last row.
fn places(a: &Array, b: &Array) -> Option<String> {
    if a.dims != b.dims {
        return None;
    }
    let scale = largest(b);
    let wrong: Vec<usize> = (0..a.values.len())
        .filter(|&i| !near(a.values[i], b.values[i], scale))
        .collect();
    let rank = b.dims.len();
    for axis in 0..rank {
        let inner: usize = b.dims[axis + 1..].iter().product();
        let side = b.dims[axis];
        if side < 2 || wrong.len() == a.values.len() {
            continue;
        }
        let mut at: Vec<usize> = wrong.iter().map(|i| i / inner % side).collect();
        at.sort_unstable();
        at.dedup();
        let name = axis_name(axis, rank);
        if at == [side - 1] && side > 2 {
            return Some(format!("only the last of the {name} is wrong"));
        }
        if at == [0] && side > 2 {
            return Some(format!("only the first of the {name} is wrong"));
        }
        if at[0] > 0 {
            return Some(format!("the first of the {name} is right, what comes after it is not"));
        }
        if side > 2 && at == [0, side - 1] {
            return Some(format!(
                "only the first and the last of the {name} are wrong: the border"
            ));
        }
    }
    None
}

/// The sign of the expected numbers that are wrong.
fn signs(a: &Array, b: &Array) -> Option<String> {
    let scale = largest(b);
    let wrong = |i: &usize| !near(a.values[*i], b.values[*i], scale);
    let only = |holds: &dyn Fn(f64) -> bool| {
        let holding = || (0..b.values.len()).filter(|&i| holds(b.values[i]));
        a.dims == b.dims
            && b.values.len() > holding().count()
            && holding().all(|i| wrong(&i))
            && (0..b.values.len()).filter(wrong).all(|i| holds(b.values[i]))
    };
    if only(&|x| x < 0.0) {
        Some("only where the expected number is negative is yours wrong".into())
    } else if only(&|x| x > 0.0) {
        Some("only where the expected number is positive is yours wrong".into())
    } else if only(&|x| x == 0.0) {
        Some("only where 0 is expected is yours wrong".into())
    } else if only(&f64::is_nan) {
        Some("only where NaN is expected is yours wrong".into())
    } else {
        None
    }
}
