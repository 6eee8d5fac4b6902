//! What a function gave, as a value that can be compared and shown whatever its type was.

use crate::channel::bits;
use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};
use std::{fmt::Display, ops::Range};

/// The result of an experiment.
///
/// Anything an exercise returns converts into it: counts, numbers, tensors, lists of dimensions, texts, tuples, and
/// `Result`s of these. A result with named parts is built with [`Observed::fields`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Observed {
    /// Yes or no.
    Flag(bool),
    /// An exact whole number.
    Count(i64),
    /// A real number.
    Number(#[serde(with = "bits::one")] f64),
    /// A tensor or a list of numbers.
    Array(Array),
    /// Named parts, each compared on its own.
    Fields(Vec<(String, Observed)>),
    /// A text, such as a table; compared line by line.
    Text(String),
    /// The function returned this error. Two errors count as equal whatever they say.
    Refused(String),
}

/// Numbers with a shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Array {
    /// The shape.
    pub dims: Vec<usize>,
    /// The element type; `None` for a list of whole numbers such as a shape.
    #[serde(with = "dtype")]
    pub dtype: Option<DType>,
    /// The elements in row-major order.
    #[serde(with = "bits")]
    pub values: Vec<f64>,
}

/// A dtype by its name.
mod dtype {
    use candle_core::DType;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub fn serialize<S: Serializer>(dtype: &Option<DType>, to: S) -> Result<S::Ok, S::Error> {
        dtype.map(|dtype| dtype.as_str()).serialize(to)
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Option<DType>, D::Error> {
        let name = Option::<String>::deserialize(from)?;
        let parsed = |name: String| name.parse().map_err(|_| D::Error::custom(name));
        name.map(parsed).transpose()
    }
}

impl Array {
    /// Whole numbers are compared exactly.
    pub fn is_exact(&self) -> bool {
        self.dtype.is_none_or(|dtype| dtype.is_int())
    }
}

impl Observed {
    /// A result with named parts: `Observed::fields([("mean", mean), ("std", std)])`.
    pub fn fields<const N: usize, T: Into<Observed>>(fields: [(&str, T); N]) -> Self {
        Self::Fields(fields.map(|(name, value)| (name.to_string(), value.into())).into())
    }
}

impl From<bool> for Observed {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<usize> for Observed {
    fn from(count: usize) -> Self {
        Self::Count(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

impl From<f64> for Observed {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<f32> for Observed {
    fn from(number: f32) -> Self {
        Self::Number(f64::from(number))
    }
}

impl From<String> for Observed {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Observed {
    fn from(text: &str) -> Self {
        Self::Text(text.to_string())
    }
}

impl From<Vec<usize>> for Observed {
    fn from(list: Vec<usize>) -> Self {
        let values: Vec<f64> = list.iter().map(|&n| n as f64).collect();
        Self::Array(Array {
            dims: vec![values.len()],
            dtype: None,
            values,
        })
    }
}

impl From<Vec<f64>> for Observed {
    fn from(values: Vec<f64>) -> Self {
        Self::Array(Array {
            dims: vec![values.len()],
            dtype: Some(DType::F64),
            values,
        })
    }
}

impl From<Vec<f32>> for Observed {
    fn from(list: Vec<f32>) -> Self {
        let values: Vec<f64> = list.iter().map(|&x| f64::from(x)).collect();
        Self::Array(Array {
            dims: vec![values.len()],
            dtype: Some(DType::F32),
            values,
        })
    }
}

impl From<&Tensor> for Observed {
    fn from(tensor: &Tensor) -> Self {
        let values = || tensor.flatten_all()?.to_dtype(DType::F64)?.to_vec1();
        match values() {
            Ok(values) => Self::Array(Array {
                dims: tensor.dims().to_vec(),
                dtype: Some(tensor.dtype()),
                values,
            }),
            Err(error) => Self::Refused(cut(&error.to_string(), LONGEST)),
        }
    }
}

impl From<Tensor> for Observed {
    fn from(tensor: Tensor) -> Self {
        Self::from(&tensor)
    }
}

impl<T: Into<Observed>, E: Display> From<Result<T, E>> for Observed {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => value.into(),
            Err(error) => Self::Refused(cut(&error.to_string(), LONGEST)),
        }
    }
}

impl<A: Into<Observed>, B: Into<Observed>> From<(A, B)> for Observed {
    fn from((a, b): (A, B)) -> Self {
        Self::Fields(vec![("first".into(), a.into()), ("second".into(), b.into())])
    }
}

impl<A: Into<Observed>, B: Into<Observed>, C: Into<Observed>> From<(A, B, C)> for Observed {
    fn from((a, b, c): (A, B, C)) -> Self {
        Self::Fields(vec![
            ("first".into(), a.into()),
            ("second".into(), b.into()),
            ("third".into(), c.into()),
        ])
    }
}

/// Characters of an error or a panic that are kept.
pub(crate) const LONGEST: usize = 4096;

/// Characters of a shown value's line, so that with its label it stays within 80 columns.
pub(crate) const COLUMNS: usize = 64;

impl Observed {
    /// The value as a learner should see it: a small one in full, of a large one a corner.
    pub fn show(&self) -> String {
        self.show_at(&[], None)
    }

    /// Of a value with named parts only this one; of an array the surroundings of this place, which is marked.
    pub fn show_at(&self, field: &[String], worst: Option<usize>) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Count(count) => count.to_string(),
            Self::Number(number) => digits(*number, 6),
            Self::Array(array) => array.show(worst),
            Self::Text(text) => first_lines(text, 10),
            Self::Refused(error) => format!("error: {}", first_lines(error, 4)),
            Self::Fields(fields) => {
                let one = field
                    .first()
                    .and_then(|name| fields.iter().find(|(other, _)| other == name));
                let shown = one.map_or(&fields[..], std::slice::from_ref);
                let rest = if one.is_some() { &field[1..] } else { &[] };
                columns(shown, |value| value.show_at(rest, worst))
            }
        }
    }

    /// All of the value.
    pub fn show_whole(&self) -> String {
        match self {
            Self::Array(array) => array.whole(),
            Self::Text(text) => text.trim_end().to_string(),
            Self::Refused(error) => format!("error: {}", error.trim_end()),
            Self::Fields(fields) => columns(fields, Self::show_whole),
            small => small.show(),
        }
    }
}

/// Names and values, two columns.
fn columns(fields: &[(String, Observed)], show: impl Fn(&Observed) -> String) -> String {
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, value): &(String, Observed)| indent_rest(&format!("{name:width$}  {}", show(value)), width + 2);
    fields.iter().map(line).collect::<Vec<_>>().join("\n")
}

impl Array {
    /// Rows and columns of a corner.
    const CORNER: (usize, usize) = (3, 6);
    /// What has more lines than this is shown as a corner.
    const LINES: usize = 6;

    fn show(&self, worst: Option<usize>) -> String {
        let columns = self.dims.last().copied().unwrap_or(1).max(1);
        if self.values.is_empty() {
            return self.heading();
        }
        if self.dtype.is_none() {
            return self.list(worst);
        }
        if self.values.len() <= Self::LINES * columns {
            let whole = self.rows(0, self.values.len() / columns, 0..columns, worst);
            if whole.lines().count() <= Self::LINES && whole.lines().all(|line| line.chars().count() <= COLUMNS) {
                return format!("{}\n{whole}", self.heading());
            }
        }
        if worst.is_none() {
            return self.heading() + &self.range();
        }
        // The plane with the worst place, and of it the rows and columns around that.
        let height = self.dims.iter().rev().nth(1).copied().unwrap_or(1).max(1);
        let worst_row = worst.unwrap_or(0) / columns;
        let (first, last) = around(worst_row % height, height, Self::CORNER.0);
        let (left, right) = around(worst.unwrap_or(0) % columns, columns, Self::CORNER.1);
        let plane = worst_row / height * height;
        let corner = self.rows(plane + first, plane + last, left..right, worst);
        format!(
            "{}{}\n{}\n{corner}",
            self.heading(),
            self.range(),
            self.place(plane / height, first..last, left..right)
        )
    }

    fn heading(&self) -> String {
        let dtype = self.dtype.map_or("whole numbers", |dtype| dtype.as_str());
        format!("shape {:?}, {dtype}", self.dims)
    }

    /// Where a corner lies: `of it [1, 0, 2..6, 3..9]:`
    fn place(&self, plane: usize, rows: Range<usize>, columns: Range<usize>) -> String {
        let mut rest = plane;
        let mut index: Vec<String> = vec![];
        for &dim in self.dims.iter().rev().skip(2) {
            index.insert(0, (rest % dim.max(1)).to_string());
            rest /= dim.max(1);
        }
        if self.dims.len() > 1 {
            index.push(format!("{}..{}", rows.start, rows.end));
        }
        index.push(format!("{}..{}", columns.start, columns.end));
        format!("of it [{}]:", index.join(", "))
    }

    /// Rows of the last axis; the worst place stands between `›` and `‹`.
    fn rows(&self, first: usize, last: usize, columns: Range<usize>, worst: Option<usize>) -> String {
        let all = self.dims.last().copied().unwrap_or(1).max(1);
        let height = self.dims.iter().rev().nth(1).copied().unwrap_or(1).max(1);
        let inside = |at: usize| first <= at / all && at / all < last && columns.contains(&(at % all));
        let worst = worst.filter(|&at| self.values.len() > 1 && inside(at));
        let text = |at: usize| digits(self.values[at], 5);
        let places = |row: usize| columns.clone().map(move |column| row * all + column);
        let width = (first..last)
            .flat_map(places)
            .map(|at| text(at).chars().count())
            .max()
            .unwrap_or(0);
        let cell = |at: usize| match worst {
            None => format!("{:>width$}", text(at)),
            Some(worst) if worst == at => format!("{:>1$}", format!("›{}‹", text(at)), width + 2),
            Some(_) => format!("{:>1$} ", text(at), width + 1),
        };
        let rows: Vec<Vec<String>> = (first..last).map(|row| places(row).map(cell).collect()).collect();
        let gap = if worst.is_some() { " " } else { "  " };
        let mut lines = vec![];
        for (row, texts) in (first..last).zip(&rows) {
            // A blank line between planes, so that [2, 3, 3] reads as two 3×3 maps.
            if row > first && row % height == 0 {
                lines.push(String::new());
            }
            lines.push(texts.join(gap).trim_end().to_string());
        }
        lines.join("\n")
    }

    /// A list such as a shape: in full, or what stands around the worst place.
    fn list(&self, worst: Option<usize>) -> String {
        let text = |range: Range<usize>| {
            let numbers: Vec<_> = range.map(|at| digits(self.values[at], 9)).collect();
            numbers.join(", ")
        };
        let whole = format!("[{}]", text(0..self.values.len()));
        if whole.len() <= COLUMNS || self.dims.len() != 1 {
            return cut(&whole, COLUMNS);
        }
        let (first, last) = around(worst.unwrap_or(0), self.values.len(), 8);
        let dots = |missing: bool| if missing { "…" } else { "" };
        let (before, after) = (dots(first > 0), dots(last < self.values.len()));
        let shown = text(first..last);
        format!(
            "{} numbers, from number {first} on\n[{before}{shown}{after}]",
            self.values.len()
        )
    }

    fn whole(&self) -> String {
        let columns = self.dims.last().copied().unwrap_or(1).max(1);
        if self.values.is_empty() {
            self.heading()
        } else {
            format!(
                "{}\n{}",
                self.heading(),
                self.rows(0, self.values.len() / columns, 0..columns, None)
            )
        }
    }

    fn range(&self) -> String {
        let finite = || self.values.iter().copied().filter(|value| value.is_finite());
        let odd = self.values.len() - finite().count();
        let odd = if odd == 0 {
            String::new()
        } else {
            format!(", {odd} not finite")
        };
        let (low, high) = (
            finite().fold(f64::INFINITY, f64::min),
            finite().fold(f64::NEG_INFINITY, f64::max),
        );
        if low <= high {
            format!(", values from {} to {}{odd}", digits(low, 5), digits(high, 5))
        } else {
            odd
        }
    }
}

/// So many of `all` places, with `at` among them, in the middle where that is possible.
fn around(at: usize, all: usize, count: usize) -> (usize, usize) {
    let first = at.saturating_sub(count / 2).min(all.saturating_sub(count));
    (first, (first + count).min(all))
}

/// A number with so many significant digits, without needless zeros.
pub(crate) fn digits(number: f64, significant: usize) -> String {
    let size = number.abs();
    if number == 0.0 {
        "0".to_string() // also for −0
    } else if !number.is_finite() {
        number.to_string()
    } else if number.fract() == 0.0 && size < 1e9 {
        format!("{number:.0}")
    } else if (1e-3..1e7).contains(&size) {
        let places = (significant as i32 - 1 - size.log10().floor() as i32).max(0) as usize;
        let text = format!("{number:.places$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_string()
        } else {
            text
        }
    } else {
        format!("{number:.*e}", significant.saturating_sub(2))
    }
}

/// The first lines of a message, each not too long, without the backtrace some errors carry.
pub(crate) fn first_lines(text: &str, lines: usize) -> String {
    const LINE: usize = 3 * COLUMNS;
    let kept: Vec<&str> = text
        .lines()
        .take_while(|line| !line.trim_start().starts_with("0:") && !line.contains("stack backtrace"))
        .filter(|line| !line.trim().is_empty())
        .take(lines + 1)
        .collect();
    let shown: Vec<String> = kept[..kept.len().min(lines)]
        .iter()
        .map(|line| cut(line, LINE))
        .collect();
    let more = if kept.len() > lines { " …" } else { "" };
    shown.join("\n") + more
}

/// At most so many characters of a line.
pub(crate) fn cut(line: &str, most: usize) -> String {
    match line.char_indices().nth(most) {
        None => line.to_string(),
        Some(_) => line.chars().take(most - 1).collect::<String>() + "…",
    }
}

/// Indents every line but the first.
pub(crate) fn indent_rest(text: &str, by: usize) -> String {
    text.replace('\n', &format!("\n{}", " ".repeat(by)))
}
