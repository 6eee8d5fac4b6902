//! What a function gave, as a value that can be compared and shown whatever its type was.

use crate::channel::bits;
use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};
use std::fmt::Display;

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
            Err(error) => Self::Refused(error.to_string()),
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
            Err(error) => Self::Refused(error.to_string()),
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

impl Observed {
    /// The value as a learner should see it: small ones in full, large ones by shape and range.
    pub fn show(&self) -> String {
        match self {
            Self::Flag(flag) => flag.to_string(),
            Self::Count(count) => count.to_string(),
            Self::Number(number) => digits(*number, 6),
            Self::Array(array) => array.show(),
            Self::Text(text) => text.trim_end().to_string(),
            Self::Refused(error) => format!("error: {}", first_lines(error, 4)),
            Self::Fields(fields) => {
                let width = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
                let line = |(name, value): &(String, Observed)| {
                    indent_rest(&format!("{name:width$}  {}", value.show()), width + 2)
                };
                fields.iter().map(line).collect::<Vec<_>>().join("\n")
            }
        }
    }
}

impl Array {
    /// More elements than this are summarised.
    const IN_FULL: usize = 64;
    /// Longer rows than this are summarised.
    const ROW: usize = 12;

    fn show(&self) -> String {
        let Some(dtype) = self.dtype else {
            return format!("[{}]", self.numbers().join(", "));
        };
        let heading = format!("shape {:?}, {}", self.dims, dtype.as_str());
        let columns = self.dims.last().copied().unwrap_or(1);
        if self.values.is_empty() || self.values.len() > Self::IN_FULL || columns > Self::ROW {
            return heading + &self.range();
        }
        let numbers = self.numbers();
        let width = numbers.iter().map(String::len).max().unwrap_or(0);
        let height = self.dims.iter().rev().nth(1).copied().unwrap_or(1);
        let mut text = heading;
        for (row, numbers) in numbers.chunks(columns).enumerate() {
            // A blank line between planes, so that [2, 3, 3] reads as two 3×3 maps.
            if row > 0 && row % height == 0 {
                text.push('\n');
            }
            let row: Vec<_> = numbers.iter().map(|number| format!("{number:>width$}")).collect();
            text.push_str(&format!("\n{}", row.join("  ")));
        }
        text
    }

    fn numbers(&self) -> Vec<String> {
        self.values.iter().map(|&value| digits(value, 5)).collect()
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
        match low <= high {
            true => format!(", values from {} to {}{odd}", digits(low, 5), digits(high, 5)),
            false => odd,
        }
    }
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
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
            false => text,
        }
    } else {
        format!("{number:.*e}", significant.saturating_sub(2))
    }
}

/// The first lines of a message, without the backtrace some errors carry.
pub(crate) fn first_lines(text: &str, lines: usize) -> String {
    let kept: Vec<&str> = text
        .lines()
        .take_while(|line| !line.trim_start().starts_with("0:") && !line.contains("stack backtrace"))
        .filter(|line| !line.trim().is_empty())
        .collect();
    let mut shown = kept[..kept.len().min(lines)].join("\n");
    if kept.len() > lines {
        shown.push_str(" …");
    }
    shown
}

/// Indents every line but the first.
pub(crate) fn indent_rest(text: &str, by: usize) -> String {
    text.replace('\n', &format!("\n{}", " ".repeat(by)))
}
