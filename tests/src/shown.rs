//! What a failing input gave, for programs that draw it: the page shows tables and maps.

use course::report::{Shown, Tensor};

use crate::compare::{Tolerance, compare};
use crate::grade::Grade;
use crate::observed::{Array, Observed};

/// Larger planes are cut to this many rows and columns around the worst place.
const SIDE: usize = 64;

/// The plane with the largest difference on both sides; `None` where the results hold no numbers.
pub(crate) fn shown(grade: &Grade) -> Option<Shown> {
    let (yours, expected) = grade.whole.as_deref()?;
    let difference = compare(yours, expected, Tolerance::default())?;
    let (yours, expected) = (part(yours, &difference.field)?, part(expected, &difference.field)?);
    let worst = difference.worst.unwrap_or(0);
    let (window, at) = Window::around(&expected, worst);
    let same = yours.dims == expected.dims;
    let own = if same { window } else { Window::around(&yours, 0).0 };
    Some(Shown {
        input: grade.input.clone(),
        part: (!difference.field.is_empty()).then(|| difference.field.join(" / ")),
        yours: own.of(&yours),
        expected: window.of(&expected),
        worst: same.then_some(at).filter(|_| difference.worst.is_some()),
    })
}

fn part(observed: &Observed, field: &[String]) -> Option<Array> {
    match (observed, field) {
        (Observed::Fields(fields), [name, rest @ ..]) => part(&fields.iter().find(|(known, _)| known == name)?.1, rest),
        (Observed::Array(array), []) if !array.values.is_empty() => Some(array.clone()),
        (Observed::Number(number), []) => Some(one(*number)),
        (Observed::Count(count), []) => Some(one(*count as f64)),
        _ => None,
    }
}

fn one(value: f64) -> Array {
    Array {
        dims: vec![1],
        dtype: None,
        values: vec![value],
    }
}

/// Rows and columns of one plane of an array.
#[derive(Clone, Copy)]
struct Window {
    plane: usize,
    row: usize,
    column: usize,
    rows: usize,
    columns: usize,
}

impl Window {
    /// The plane that holds the element `worst`, cut around it, and where the element lies in what is left.
    fn around(array: &Array, worst: usize) -> (Self, usize) {
        let (height, width) = sides(array);
        let (plane, within) = (worst / (height * width), worst % (height * width));
        let cut = |at: usize, length: usize| at.saturating_sub(SIDE / 2).min(length.saturating_sub(SIDE));
        let (row, column) = (cut(within / width, height), cut(within % width, width));
        let window = Self {
            plane,
            row,
            column,
            rows: height.min(SIDE),
            columns: width.min(SIDE),
        };
        let at = (within / width - row) * window.columns + within % width - column;
        (window, at)
    }

    fn of(self, array: &Array) -> Tensor {
        let (height, width) = sides(array);
        let start = self.plane * height * width;
        let places = (0..self.rows).flat_map(|y| (0..self.columns).map(move |x| (y, x)));
        let value = |(y, x): (usize, usize)| array.values[start + (self.row + y) * width + self.column + x];
        let values = places.map(value).map(|value| value.is_finite().then_some(value));
        Tensor {
            shape: array.dims.clone(),
            rows: self.rows,
            columns: self.columns,
            values: values.collect(),
        }
    }
}

/// Height and width of a plane: the last two dimensions.
fn sides(array: &Array) -> (usize, usize) {
    match array.dims[..] {
        [.., height, width] => (height, width),
        [width] => (1, width),
        [] => (1, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use course::report::Verdict;

    fn grade(yours: Observed, expected: Observed) -> Grade {
        Grade {
            whole: Some(Box::new((yours, expected))),
            ..Grade::new(Verdict::Wrong, "")
        }
    }

    fn array(dims: &[usize], values: impl Iterator<Item = f64>) -> Array {
        Array {
            dims: dims.into(),
            dtype: None,
            values: values.collect(),
        }
    }

    #[test]
    fn the_plane_with_the_worst_place_is_shown() {
        let expected = array(&[2, 3, 4], (0..24).map(f64::from));
        let mut yours = expected.clone();
        yours.values[17] = 99.0;
        let shown = shown(&grade(Observed::Array(yours), Observed::Array(expected))).unwrap();
        assert_eq!((shown.yours.rows, shown.yours.columns, shown.worst), (3, 4, Some(5)));
        assert_eq!(
            (shown.yours.values[5], shown.expected.values[5]),
            (Some(99.0), Some(17.0))
        );
    }

    #[test]
    fn large_planes_are_cut_around_it_and_what_is_not_finite_is_none() {
        let expected = array(&[200, 100], std::iter::repeat_n(1.0, 20_000));
        let mut yours = expected.clone();
        yours.values[199 * 100 + 99] = f64::NAN;
        let shown = shown(&grade(Observed::Array(yours), Observed::Array(expected))).unwrap();
        assert_eq!((shown.yours.rows, shown.yours.columns), (SIDE, SIDE));
        assert_eq!(shown.yours.values[shown.worst.unwrap()], None);
    }

    #[test]
    fn a_named_part_is_named_and_two_shapes_are_both_shown() {
        let fields = |values: Array| Observed::Fields(vec![("mean".into(), Observed::Array(values))]);
        let (two, three) = (
            array(&[2], [1.0, 2.0].into_iter()),
            array(&[3], [1.0, 2.0, 3.0].into_iter()),
        );
        let shown = shown(&grade(fields(two), fields(three))).unwrap();
        assert_eq!(shown.part.as_deref(), Some("mean"));
        assert_eq!((shown.yours.columns, shown.expected.columns, shown.worst), (2, 3, None));
    }
}
