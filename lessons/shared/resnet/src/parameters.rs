//! Named weights: made from a seed, read from a file, checked against an architecture.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Error, Result, Tensor, bail};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal};

use crate::{Config, sites};

/// Tensors by torchvision's parameter names: `layer1.0.conv1.weight`.
pub type Parameters = HashMap<String, Tensor>;

/// Whether training moves this parameter: a weight or a bias, and no statistic or counter that batch norm stores.
pub fn is_trained(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    !matches!(last, "running_mean" | "running_var" | "num_batches_tracked")
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

/// Reads named tensors from a `.safetensors` file, or from a `.pth`/`.pt`/`.bin` file that holds a PyTorch state
/// dict, alone or as `state_dict` of a training's checkpoint. Half precision becomes f32. Nothing in the file is executed.
///
/// **Errors** if the file is missing, truncated, or holds no named tensors; each names the file.
pub fn read(path: impl AsRef<Path>) -> Result<Parameters> {
    let path = path.as_ref();
    let explain = |what: String| Error::Msg(format!("{}: {what}", path.display()));
    if !path.is_file() {
        return Err(explain("expected a file with weights, found none".into()));
    }
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let parameters: Parameters = match extension {
        "safetensors" => candle_core::safetensors::load(path, &Device::Cpu)
            .map_err(|e| explain(format!("not a complete safetensors file ({})", first_line(&e))))?,
        "pth" | "pt" | "bin" => state_dict(path)
            .map_err(|e| explain(format!("not a PyTorch state dict ({})", first_line(&e))))?
            .into_iter()
            .collect(),
        _ => {
            return Err(explain(
                "expected a name ending in .safetensors, .pth, .pt or .bin".into(),
            ));
        }
    };
    if parameters.is_empty() {
        return Err(explain(
            "expected named tensors, found none; is it a state dict?".into(),
        ));
    }
    let single = |(name, tensor): (String, Tensor)| match tensor.dtype() {
        DType::F16 | DType::BF16 => Ok((name, tensor.to_dtype(DType::F32)?)),
        _ => Ok((name, tensor)),
    };
    parameters.into_iter().map(single).collect()
}

fn state_dict(path: &Path) -> Result<Vec<(String, Tensor)>> {
    let alone = candle_core::pickle::read_all(path)?;
    match alone.is_empty() {
        true => candle_core::pickle::read_all_with_key(path, Some("state_dict")),
        false => Ok(alone),
    }
}

fn first_line(error: &Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_string()
}

/// Writes named tensors to a `.safetensors` file: first beside it, then renamed, so that an interruption leaves the
/// old file whole.
pub fn save(parameters: &Parameters, path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let partial = path.with_extension("safetensors.partial");
    candle_core::safetensors::save(parameters, &partial)?;
    std::fs::rename(&partial, path).map_err(|e| Error::Msg(format!("{}: cannot be written ({e})", path.display())))
}

/// Checks that `parameters` are exactly those of `config`: every name, every shape, every value finite.
///
/// PyTorch's `num_batches_tracked` counters are passed over.
///
/// **Errors** name what is missing, what is too much, which shapes differ and where NaN or infinity stands.
pub fn verify(config: &Config, parameters: &Parameters) -> Result<()> {
    let expected: HashMap<String, Vec<usize>> = config.tensors().into_iter().collect();
    let mut faults = Vec::new();
    for (name, shape) in config.tensors() {
        match parameters.get(&name) {
            None => faults.push(format!("{name} is missing")),
            Some(tensor) if tensor.dims() != shape => {
                faults.push(format!("{name}: expected shape {shape:?}, got {:?}", tensor.dims()));
            }
            Some(tensor) if !is_finite(tensor)? => faults.push(format!("{name} holds NaN or infinity")),
            Some(_) => {}
        }
    }
    let mut foreign: Vec<_> = parameters
        .keys()
        .filter(|name| !expected.contains_key(*name) && !name.ends_with("num_batches_tracked"))
        .collect();
    foreign.sort_unstable();
    faults.extend(
        foreign
            .into_iter()
            .map(|name| format!("{name} is not part of this network")),
    );
    if faults.is_empty() {
        return Ok(());
    }
    const SHOWN: usize = 6;
    let more = match faults.len().saturating_sub(SHOWN) {
        0 => String::new(),
        hidden => format!("\n  and {hidden} more"),
    };
    let shown = faults
        .iter()
        .take(SHOWN)
        .map(|fault| format!("\n  {fault}"))
        .collect::<String>();
    bail!(
        "these are not the weights of a {} of width {}:{shown}{more}",
        config.name(),
        config.width
    )
}

fn is_finite(tensor: &Tensor) -> Result<bool> {
    // The sum of absolute values is finite in f64 exactly if every f32 is.
    Ok(tensor
        .to_dtype(DType::F64)?
        .abs()?
        .sum_all()?
        .to_scalar::<f64>()?
        .is_finite())
}
