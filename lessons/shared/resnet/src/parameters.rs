//! Named weights: made from a seed, read from a file, checked against an architecture.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use candle_core::{DType, Device, Error, Result, Tensor, bail};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

use crate::{Config, files, sites};

/// Tensors by torchvision's parameter names: `layer1.0.conv1.weight`.
pub type Parameters = HashMap<String, Tensor>;

/// Whether training moves this parameter: a weight or a bias, and no statistic or counter that batch norm stores.
pub fn is_trained(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    !matches!(last, "running_mean" | "running_var" | "num_batches_tracked")
}

/// Whether packed copies of the weights take so much memory that only one network shall keep them: from 64 MiB on.
pub(crate) fn are_large(parameters: &Parameters) -> bool {
    parameters.values().map(Tensor::elem_count).sum::<usize>() > 1 << 24
}

/// The tensor of this name.
///
/// **Errors** if there is none; the error lists near names.
pub fn find<'a>(parameters: &'a Parameters, name: &str) -> Result<&'a Tensor> {
    parameters.get(name).ok_or_else(|| {
        let known: Vec<_> = parameters.keys().cloned().collect();
        let near = sites::nearest(&known, name);
        Error::Msg(format!("there is no parameter {name:?}; the nearest names are {near}"))
    })
}

/// Fresh weights, the same for the same seed.
///
/// Convolutions: He's normal initialization over the outgoing connections, variance 2 / (out_channels · side²).
/// Batch norm: weight 1, bias 0, mean 0, variance 1. `fc`: normal with variance 1 / features, bias 0.
///
/// **Source** He et al. 2015, "Delving deep into rectifiers", and torchvision's `resnet.py`.
///
/// **Errors** if there is no such architecture.
pub fn initialize(config: &Config, seed: u64) -> Result<Parameters> {
    config.check()?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut parameters = Parameters::new();
    for (name, shape) in config.tensors() {
        let length = shape.iter().product();
        let mut normal = |variance: f64| {
            let normal = Normal::new(0.0, variance.sqrt()).map_err(Error::wrap)?;
            Ok::<_, Error>((0..length).map(|_| normal.sample(&mut random) as f32).collect())
        };
        let values: Vec<f32> = match *shape.as_slice() {
            [out, _, height, width] => normal(2.0 / (out * height * width) as f64)?,
            [_, features] => normal(1.0 / features as f64)?,
            _ if name.ends_with("running_var") || (name.ends_with("weight") && name != "fc.weight") => {
                vec![1.0; length]
            }
            _ => vec![0.0; length],
        };
        parameters.insert(name, Tensor::from_vec(values, shape, &Device::Cpu)?);
    }
    Ok(parameters)
}

/// Reads named tensors from a safetensors file, or from a PyTorch state dict, alone or inside a training's checkpoint, in
/// the format of today or that before PyTorch 1.6. The content decides, not the name. Half precision and f64 become f32.
/// Nothing in the file is executed.
///
/// **Errors** if the file is missing, broken, or holds no named tensors; each names the file in one sentence.
pub fn read(path: impl AsRef<Path>) -> Result<Parameters> {
    Ok(files::open(path.as_ref())?.parameters)
}

/// Tensors from the bytes of a file, as [`read`] does; for tests that have no file.
///
/// **Errors** as [`read`], without a file's name.
pub fn from_bytes(bytes: &[u8]) -> Result<Parameters> {
    let contents = files::read(bytes).and_then(files::as_resnet);
    Ok(contents.map_err(Error::Msg)?.parameters)
}

/// Writes named tensors to a `.safetensors` file: first beside it, then renamed, so that an interruption leaves the
/// old file whole.
pub fn save(parameters: &Parameters, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let written = writing::whole_by(path, |partial| candle_core::safetensors::save(parameters, partial));
    written.map_err(|error: Error| {
        Error::Msg(format!(
            "{}: cannot be written ({})",
            path.display(),
            files::sentence(error)
        ))
    })
}

/// Checks that `parameters` are exactly those of `config`: every name, every shape, one type of `f32` or `f64`, every value
/// finite, no variance below 0.
///
/// PyTorch's `num_batches_tracked` counters are passed over.
///
/// **Errors** name what is missing, what is too much, which shapes and types differ and where NaN, infinity or a negative
/// variance stands.
pub fn verify(config: &Config, parameters: &Parameters) -> Result<()> {
    let wanted = config.tensors();
    // The first convolution's, so that one of another type is named and not all that follow.
    let dtype = wanted.iter().find_map(|(name, _)| Some(parameters.get(name)?.dtype()));
    let dtype = dtype.filter(|dtype| *dtype == DType::F64).unwrap_or(DType::F32);
    let mut faults = Vec::new();
    for (name, shape) in &wanted {
        let fault = match parameters.get(name) {
            None => Fault::Missing(name),
            Some(tensor) if tensor.dims() != shape => {
                Fault::Other(format!("{name}: expected shape {shape:?}, got {:?}", tensor.dims()))
            }
            Some(tensor) if tensor.dtype() != dtype => {
                Fault::Other(format!("{name}: expected {dtype:?}, got {:?}", tensor.dtype()))
            }
            Some(tensor) => match impossible_value(name, tensor)? {
                Some(what) => Fault::Other(format!("{name} holds {what}")),
                None => continue,
            },
        };
        faults.push(fault);
    }
    let expected: HashSet<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
    let mut foreign: Vec<_> = parameters
        .keys()
        .filter(|name| !expected.contains(name.as_str()) && !name.ends_with("num_batches_tracked"))
        .collect();
    foreign.sort_unstable();
    let foreign = foreign
        .into_iter()
        .map(|name| format!("{name} is not part of this network"));
    faults.extend(foreign.map(Fault::Other));
    if faults.is_empty() {
        return Ok(());
    }
    const SHOWN: usize = 6;
    let more = match faults.len().saturating_sub(SHOWN) {
        0 => String::new(),
        hidden => format!("\n  and {hidden} more"),
    };
    let names: Vec<_> = parameters.keys().cloned().collect();
    let shown = faults.iter().take(SHOWN).map(|fault| match fault {
        Fault::Missing(name) => format!(
            "\n  {name} is missing; the nearest names are {}",
            sites::nearest(&names, name)
        ),
        Fault::Other(what) => format!("\n  {what}"),
    });
    bail!(
        "these are not the weights of a {} of width {}:{}{more}",
        config.name(),
        config.width,
        shown.collect::<String>()
    )
}

/// What is wrong with one tensor.
enum Fault<'a> {
    Missing(&'a str),
    Other(String),
}

/// What a tensor must not hold and does.
fn impossible_value(name: &str, tensor: &Tensor) -> Result<Option<&'static str>> {
    let tensor = tensor.to_dtype(DType::F64)?;
    // The sum of absolute values is finite in f64 exactly if every f32 is.
    if !tensor.abs()?.sum_all()?.to_scalar::<f64>()?.is_finite() {
        return Ok(Some("NaN or infinity"));
    }
    let is_variance = name.ends_with("running_var");
    Ok(if is_variance && tensor.min_all()?.to_scalar::<f64>()? < 0.0 {
        Some("a negative variance")
    } else {
        None
    })
}
