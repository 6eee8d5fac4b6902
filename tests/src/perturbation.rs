//! Systematic faults put into a right answer: an axis swapped, a sign, an off-by-one, a factor, a missing term, ….
//!
//! They need no code per exercise: a perturbation changes what the solution *gave*, in the same way on every input of an
//! exam, and the exam must reject the result. That shows that no tolerance and no comparison lets a systematic fault
//! through. It says nothing about faults inside a function; these are for the named mistakes and the mutants. Where a
//! perturbation leaves a value as it was (a sign on zeros, an axis of length 1), it does not count.

use crate::{
    compare::{Tolerance, compare},
    observed::{Array, Observed},
};
use candle_core::DType;
use rand::{Rng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

/// One kind of fault.
#[derive(Clone, Copy)]
pub struct Perturbation {
    /// What it does to an answer.
    pub name: &'static str,
    change: Change,
}

#[derive(Clone, Copy)]
enum Change {
    /// Of every number.
    Numbers(fn(f64) -> f64),
    /// Of every number that is no whole number by nature.
    Reals(fn(f64) -> f64),
    /// Of every whole number.
    Wholes(fn(f64) -> f64),
    /// Of an array as a whole.
    Arrays(fn(&Array, &mut ChaCha8Rng) -> Option<Array>),
    /// Of anything.
    Any(fn(&Observed, &mut ChaCha8Rng) -> Option<Observed>),
}
use Change::*;

/// All kinds.
pub const ALL: [Perturbation; 20] = [
    kind("opposite sign", Numbers(|x| -x)),
    kind("negative values cut off", Numbers(|x| x.max(0.0))),
    kind("without its sign", Numbers(f64::abs)),
    kind("doubled", Numbers(|x| 2.0 * x)),
    kind("a tenth more", Reals(|x| 1.1 * x)),
    kind("one more", Wholes(|x| x + 1.0)),
    kind("one less", Wholes(|x| x - 1.0)),
    kind("zero throughout", Numbers(|_| 0.0)),
    kind("a number that is none", Arrays(one_nan)),
    kind("two axes swapped", Arrays(two_axes_swapped)),
    kind("an axis backwards", Arrays(axis_backwards)),
    kind("moved on by one place", Arrays(moved_on)),
    kind("two elements swapped", Arrays(two_swapped)),
    kind("a term missing", Arrays(term_missing)),
    kind("an element missing", Any(element_missing)),
    kind("flattened", Arrays(flattened)),
    kind("one number for all", Arrays(one_for_all)),
    kind("another type", Arrays(another_type)),
    kind("yes for no", Any(opposite_flag)),
    kind("an error for a value, a value for an error", Any(error_for_value)),
];

const fn kind(name: &'static str, change: Change) -> Perturbation {
    Perturbation { name, change }
}

/// A difference of this much, of a value and of the largest one beside it, is a change.
const CHANGED: Tolerance = Tolerance {
    max_relative: 0.02,
    epsilon: 0.02,
};

impl Perturbation {
    /// The answer with the fault in it; `None` if that is not possible or changes nothing.
    pub fn of(&self, right: &Observed, random: &mut ChaCha8Rng) -> Option<Observed> {
        let wrong = self.apply(right, random)?;
        compare(&wrong, right, CHANGED).map(|_| wrong)
    }

    fn apply(&self, right: &Observed, random: &mut ChaCha8Rng) -> Option<Observed> {
        if let Any(change) = self.change
            && let Some(wrong) = change(right, random)
        {
            return Some(wrong);
        }
        match (self.change, right) {
            (_, Observed::Fields(fields)) => self.apply_to_each(fields, random),
            (Numbers(f) | Reals(f), Observed::Number(x)) => Some(Observed::Number(f(*x))),
            (Numbers(f) | Wholes(f), Observed::Count(n)) => Some(Observed::Count(f(*n as f64) as i64)),
            (Numbers(f), Observed::Array(array)) => Some(mapped(array, f)),
            (Reals(f), Observed::Array(array)) if !array.is_exact() => Some(mapped(array, f)),
            (Wholes(f), Observed::Array(array)) if array.is_exact() => Some(mapped(array, f)),
            (Arrays(f), Observed::Array(array)) => f(array, random).map(Observed::Array),
            _ => None,
        }
    }

    fn apply_to_each(&self, fields: &[(String, Observed)], random: &mut ChaCha8Rng) -> Option<Observed> {
        let mut applied = false;
        let mut parts = vec![];
        for (name, part) in fields {
            let wrong = self.apply(part, random);
            applied |= wrong.is_some();
            parts.push((name.clone(), wrong.unwrap_or_else(|| part.clone())));
        }
        applied.then_some(Observed::Fields(parts))
    }
}

fn mapped(array: &Array, f: fn(f64) -> f64) -> Observed {
    let values = array.values.iter().map(|&x| f(x)).collect();
    Observed::Array(Array {
        values,
        ..array.clone()
    })
}

/// The axes with more than one place.
fn axes(array: &Array) -> Vec<usize> {
    (0..array.dims.len()).filter(|&axis| array.dims[axis] > 1).collect()
}

/// An array of shape `dims` whose element at an index is that of `array` at `from(index)`.
fn rearranged(array: &Array, dims: Vec<usize>, from: impl Fn(&mut Vec<usize>)) -> Array {
    let mut values = vec![];
    let mut index = vec![0; dims.len()];
    for _ in 0..dims.iter().product() {
        let mut source = index.clone();
        from(&mut source);
        let flat = |flat, (i, dim): (&usize, &usize)| flat * dim + i;
        values.push(array.values[source.iter().zip(&array.dims).fold(0, flat)]);
        for axis in (0..dims.len()).rev() {
            index[axis] += 1;
            if index[axis] < dims[axis] {
                break;
            }
            index[axis] = 0;
        }
    }
    Array {
        dims,
        values,
        dtype: array.dtype,
    }
}

fn two_axes_swapped(array: &Array, random: &mut ChaCha8Rng) -> Option<Array> {
    let two: Vec<_> = axes(array).choose_multiple(random, 2).copied().collect();
    let [a, b] = two[..] else { return None };
    let mut dims = array.dims.clone();
    dims.swap(a, b);
    Some(rearranged(array, dims, |index| index.swap(a, b)))
}

fn axis_backwards(array: &Array, random: &mut ChaCha8Rng) -> Option<Array> {
    let axis = *axes(array).choose(random)?;
    let last = array.dims[axis] - 1;
    let dims = array.dims.clone();
    Some(rearranged(array, dims, |index| index[axis] = last - index[axis]))
}

fn moved_on(array: &Array, random: &mut ChaCha8Rng) -> Option<Array> {
    let axis = *axes(array).choose(random)?;
    let dims = array.dims.clone();
    Some(rearranged(array, dims, |index| {
        index[axis] = (index[axis] + 1) % array.dims[axis];
    }))
}

fn two_swapped(array: &Array, random: &mut ChaCha8Rng) -> Option<Array> {
    let a = large_place(array, random)?;
    let others: Vec<_> = (0..array.values.len())
        .filter(|&b| array.values[b] != array.values[a])
        .collect();
    let mut wrong = array.clone();
    wrong.values.swap(a, *others.choose(random)?);
    Some(wrong)
}

fn term_missing(array: &Array, random: &mut ChaCha8Rng) -> Option<Array> {
    let place = large_place(array, random)?;
    let mut wrong = array.clone();
    wrong.values[place] = 0.0;
    Some(wrong)
}

fn one_nan(array: &Array, random: &mut ChaCha8Rng) -> Option<Array> {
    let place = large_place(array, random).filter(|_| !array.is_exact())?;
    let mut wrong = array.clone();
    wrong.values[place] = f64::NAN;
    Some(wrong)
}

/// A place whose value is at least half the largest.
fn large_place(array: &Array, random: &mut ChaCha8Rng) -> Option<usize> {
    let size = |x: f64| if x.is_finite() { x.abs() } else { 0.0 };
    let largest = array.values.iter().fold(0.0, |most: f64, &x| most.max(size(x)));
    let large: Vec<_> = (0..array.values.len())
        .filter(|&i| largest > 0.0 && size(array.values[i]) >= largest / 2.0)
        .collect();
    large.choose(random).copied()
}

fn flattened(array: &Array, _: &mut ChaCha8Rng) -> Option<Array> {
    (array.dims.len() > 1).then(|| Array {
        dims: vec![array.values.len()],
        ..array.clone()
    })
}

/// What broadcasting would spread over the whole shape.
fn one_for_all(array: &Array, _: &mut ChaCha8Rng) -> Option<Array> {
    let count = array.values.len();
    (count > 1).then(|| Array {
        dims: vec![1; array.dims.len()],
        values: vec![array.values.iter().sum::<f64>() / count as f64],
        dtype: array.dtype,
    })
}

fn another_type(array: &Array, _: &mut ChaCha8Rng) -> Option<Array> {
    let dtype = match array.dtype? {
        DType::F32 => DType::F64,
        _ => DType::F32,
    };
    Some(Array {
        dtype: Some(dtype),
        ..array.clone()
    })
}

/// A row of an array, a line of a text, the last of several parts.
fn element_missing(value: &Observed, random: &mut ChaCha8Rng) -> Option<Observed> {
    match value {
        Observed::Array(array) => {
            let axis = *axes(array).choose(random)?;
            let mut dims = array.dims.clone();
            dims[axis] -= 1;
            Some(Observed::Array(rearranged(array, dims, |_| {})))
        }
        Observed::Text(text) => {
            let lines: Vec<_> = text.lines().collect();
            let filled = (0..lines.len()).filter(|&i| !lines[i].trim().is_empty());
            let missing = *filled.collect::<Vec<_>>().choose(random)?;
            Some(Observed::Text(
                [&lines[..missing], &lines[missing + 1..]].concat().join("\n"),
            ))
        }
        Observed::Fields(fields) if fields.len() > 1 && random.random() => {
            Some(Observed::Fields(fields[..fields.len() - 1].to_vec()))
        }
        _ => None,
    }
}

fn opposite_flag(value: &Observed, _: &mut ChaCha8Rng) -> Option<Observed> {
    match value {
        Observed::Flag(flag) => Some(Observed::Flag(!flag)),
        _ => None,
    }
}

fn error_for_value(value: &Observed, _: &mut ChaCha8Rng) -> Option<Observed> {
    match value {
        Observed::Refused(_) => Some(Observed::Count(0)),
        _ => Some(Observed::Refused("an error".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn wrong(name: &str, right: impl Into<Observed>) -> Option<Observed> {
        let kind = ALL.iter().find(|kind| kind.name == name).expect(name);
        kind.of(&right.into(), &mut ChaCha8Rng::seed_from_u64(1))
    }

    fn map(values: [f64; 6]) -> Observed {
        Observed::Array(Array {
            dims: vec![2, 3],
            dtype: Some(DType::F32),
            values: values.into(),
        })
    }

    fn array(value: Option<Observed>) -> (Vec<usize>, Vec<f64>) {
        match value {
            Some(Observed::Array(array)) => (array.dims, array.values),
            other => panic!("expected an array, got {other:?}"),
        }
    }

    #[test]
    fn each_kind_does_what_its_name_says() {
        let right = || map([1., 2., 3., 4., 5., 6.]);
        let (dims, values) = array(wrong("two axes swapped", right()));
        assert_eq!((dims, values), (vec![3, 2], vec![1., 4., 2., 5., 3., 6.]));
        let (_, values) = array(wrong("an axis backwards", vec![1., 2., 3.]));
        assert_eq!(values, [3., 2., 1.]);
        let (_, values) = array(wrong("moved on by one place", vec![1., 2., 3.]));
        assert_eq!(values, [2., 3., 1.]);
        let (dims, _) = array(wrong("flattened", right()));
        assert_eq!(dims, [6]);
        let (dims, values) = array(wrong("one number for all", right()));
        assert_eq!((dims, values), (vec![1, 1], vec![3.5]));
        let (dims, values) = array(wrong("an element missing", vec![1., 2., 3.]));
        assert_eq!((dims, values), (vec![2], vec![1., 2.]));
        let (_, values) = array(wrong("a term missing", vec![1., 0.1, 0.]));
        assert_eq!(values, [0., 0.1, 0.]);
        let (_, values) = array(wrong("two elements swapped", vec![1., 0., 0.]));
        assert_eq!(values[0], 0.);
        assert_eq!(wrong("one more", 3usize), Some(Observed::Count(4)));
        assert_eq!(wrong("yes for no", true), Some(Observed::Flag(false)));
        assert_eq!(wrong("an element missing", "one"), Some(Observed::Text(String::new())));
    }

    #[test]
    fn what_changes_nothing_does_not_count() {
        assert_eq!(wrong("opposite sign", 0.0), None);
        assert_eq!(wrong("without its sign", vec![1., 2.]), None);
        let another_shape = wrong("two axes swapped", map([1.0; 6]));
        assert!(another_shape.is_some());
        assert_eq!(wrong("an axis backwards", map([1.0; 6])), None);
        assert_eq!(wrong("one more", 1.5), None, "a real number has no neighbour");
        assert_eq!(wrong("doubled", "a text"), None);
    }

    #[test]
    fn the_parts_of_an_answer_are_changed_one_by_one() {
        let right = Observed::fields([("mean", 2.0), ("deviation", 0.0)]);
        let Some(Observed::Fields(parts)) = wrong("opposite sign", right) else {
            panic!("a result with named parts");
        };
        assert_eq!(parts[0], ("mean".into(), Observed::Number(-2.0)));
    }
}
