//! What the tests of parity compare with: every difference from PyTorch's numbers, of each kind.

use std::collections::BTreeMap;

use candle_core::{DType, Result, Tensor};
use resnet::Config;
use serde::Deserialize;

use crate::formula::formula;

/// Largest relative error accepted. `f32` is what the network promises (here it stays below 1e-5, and PyTorch's own
/// `f32` is within 1e-6 of `f64`); the fixtures keep 12 digits.
fn tolerance(dtype: DType) -> f64 {
    if dtype == DType::F64 { 1e-10 } else { 1e-4 }
}

pub const DTYPES: [DType; 2] = [DType::F64, DType::F32];

/// L2 norm, largest magnitude, and the dot product with the formula's numbers.
///
/// An error vector e moves the dot product by about 0.58 ‖e‖, whatever its direction: it sees permutations and signs,
/// which a norm does not.
pub type Digest = [f64; 3];

pub fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()
}

/// What a package's own network of a name holds.
#[derive(Deserialize)]
pub struct Architecture {
    pub name: String,
    pub parameters: usize,
    tensors: usize,
    sha256_of_names_and_shapes: String,
}

impl Architecture {
    /// Asserts that a configuration has these parameters, and tensors of these names and shapes.
    #[track_caller]
    pub fn is_that_of(&self, config: &Config) {
        let name = &self.name;
        assert_eq!(config.parameter_count(), self.parameters, "parameters of {name}");
        let mut tensors = config.tensors();
        assert_eq!(tensors.len(), self.tensors, "tensors of {name}");
        tensors.sort();
        let lines: String = tensors
            .iter()
            .map(|(name, dims)| format!("{name} {dims:?}\n"))
            .collect();
        assert_eq!(
            checkpoints::checksum(lines.as_bytes()),
            self.sha256_of_names_and_shapes,
            "names and shapes of {name}"
        );
    }
}

/// Everything compared so far: the worst relative error of each kind, and what exceeded the tolerance.
pub struct Comparison {
    tolerance: f64,
    worst: BTreeMap<&'static str, (f64, String)>,
    pub faults: Vec<String>,
}

impl Comparison {
    pub fn new(dtype: DType) -> Self {
        Self {
            tolerance: tolerance(dtype),
            worst: BTreeMap::new(),
            faults: vec![],
        }
    }

    fn error(&mut self, kind: &'static str, what: &str, error: f64) {
        let worst = self.worst.entry(kind).or_insert((0.0, String::new()));
        if error >= worst.0 || error.is_nan() {
            *worst = (error, what.to_string());
        }
        if error.is_nan() || error > self.tolerance {
            self.faults
                .push(format!("{kind} of {what}: relative error {error:.1e}"));
        }
    }

    /// A tensor against shape and digest.
    pub fn digest(&mut self, kind: &'static str, what: &str, ours: &Tensor, dims: &[usize], theirs: &Digest) {
        if ours.dims() != dims {
            self.faults.push(format!(
                "{kind} of {what}: expected shape {dims:?}, got {:?}",
                ours.dims()
            ));
            return;
        }
        let ours = values(ours).expect("a float tensor");
        let norm = ours.iter().map(|v| v * v).sum::<f64>().sqrt();
        let largest = ours.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let dot: f64 = ours.iter().zip(formula("digest", ours.len())).map(|(v, u)| v * u).sum();
        // A tensor of zeros has no relative error: any deviation is then an absolute one.
        let scale = |reference: f64| if reference == 0.0 { 1.0 } else { reference };
        self.error(kind, what, (norm - theirs[0]).abs() / scale(theirs[0]));
        self.error(kind, what, (largest - theirs[1]).abs() / scale(theirs[1]));
        self.error(kind, what, (dot - theirs[2]).abs() / scale(theirs[0]));
    }

    /// Every value: the largest difference relative to the largest magnitude.
    pub fn values(&mut self, kind: &'static str, what: &str, ours: &Tensor, theirs: &[f64]) {
        let ours = values(ours).expect("a float tensor");
        if ours.len() != theirs.len() {
            self.faults.push(format!(
                "{kind} of {what}: expected {} values, got {}",
                theirs.len(),
                ours.len()
            ));
            return;
        }
        let largest = theirs.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
        let difference = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let nan = ours.iter().any(|v| v.is_nan());
        self.error(
            kind,
            what,
            if nan {
                f64::NAN
            } else {
                difference / if largest == 0.0 { 1.0 } else { largest }
            },
        );
    }

    #[track_caller]
    pub fn assert_equal(&self, title: &str) {
        println!("{title}");
        for (kind, (error, what)) in &self.worst {
            println!("  {kind:<24} worst relative error {error:.1e} at {what}");
        }
        let shown: Vec<_> = self.faults.iter().take(12).cloned().collect();
        assert!(
            self.faults.is_empty(),
            "{title}: {} differences from PyTorch beyond {:.0e}, the first:\n  {}",
            self.faults.len(),
            self.tolerance,
            shown.join("\n  ")
        );
    }
}
