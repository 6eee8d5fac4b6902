//! A right answer to 4.9, written independently of the solution, with flaws.

use candle_core::{DType, Device, Result, Tensor, bail};
use resnet::ResNet;

use crate::inputs::tensor;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Flaw {
    None,
    OnlyThese,
    TooLate,
    FirstUnitOnly,
    UnitsUnchecked,
    SiteUnchecked,
    EverySite,
    LengthIgnored,
    Reflected,
    OnlyDirection,
    MeanOverPlaces,
    ImageAsWhole,
    SignedChange,
    SummedChange,
    LogitsCompared,
    Share,
}

/// The activation without the units, through a diagonal matrix.
pub(super) fn masked(activation: &Tensor, units: &[usize], fault: Flaw) -> Result<Tensor> {
    let channels = activation.dim(1)?;
    if fault != Flaw::UnitsUnchecked && units.iter().any(|&unit| unit >= channels) {
        bail!("units")
    }
    let units = match fault {
        Flaw::FirstUnitOnly => &units[..1.min(units.len())],
        _ => units,
    };
    let mut values = vec![0f32; channels * channels];
    for c in 0..channels {
        let keep = units.contains(&c) == (fault == Flaw::OnlyThese);
        values[c * channels + c] = f32::from(u8::from(keep));
    }
    times(&tensor(&values, (channels, channels)), activation)
}

/// The activation without what lies along the direction, through the matrix 1 − d·dᵀ/‖d‖².
pub(super) fn projected(activation: &Tensor, direction: &Tensor, fault: Flaw) -> Result<Tensor> {
    let channels = activation.dim(1)?;
    let d = direction.to_vec1::<f32>()?;
    let size: f32 = d.iter().map(|x| x * x).sum();
    if d.len() != channels {
        bail!("direction")
    }
    let size = if fault == Flaw::LengthIgnored { 1.0 } else { size };
    let along: Vec<f32> = (0..channels * channels)
        .map(|i| d[i / channels] * d[i % channels] / size)
        .collect();
    let along = tensor(&along, (channels, channels));
    let identity = Tensor::eye(channels, DType::F32, &Device::Cpu)?;
    if fault == Flaw::MeanOverPlaces && activation.rank() == 4 {
        let mean = activation.mean_keepdim((2, 3))?;
        return activation.broadcast_sub(&times(&along, &mean)?);
    }
    if fault == Flaw::ImageAsWhole {
        // One coefficient for the whole image, as if it were one long vector.
        let d = direction.reshape(if activation.rank() == 4 {
            vec![1, channels, 1, 1]
        } else {
            vec![1, channels]
        })?;
        let whole = activation.broadcast_mul(&d)?.flatten_from(1)?.sum_keepdim(1)?;
        let mut shape = vec![1; activation.rank()];
        shape[0] = activation.dim(0)?;
        return activation.broadcast_sub(&(whole.reshape(shape)?.broadcast_mul(&d)? / f64::from(size))?);
    }
    let matrix = match fault {
        Flaw::Reflected => (identity - (along * 2.0)?)?,
        Flaw::OnlyDirection => along,
        _ => (identity - along)?,
    };
    times(&matrix, activation)
}

/// A matrix times the vector of all units, at every place.
fn times(matrix: &Tensor, activation: &Tensor) -> Result<Tensor> {
    let (batch, channels) = (activation.dim(0)?, activation.dim(1)?);
    let flat = activation.reshape((batch, channels, ()))?;
    matrix
        .unsqueeze(0)?
        .broadcast_matmul(&flat)?
        .reshape(activation.shape())
}

pub(super) fn replace(
    network: &ResNet,
    images: &Tensor,
    site: &str,
    fault: Flaw,
    change: &dyn Fn(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    if fault != Flaw::SiteUnchecked && !network.sites().contains(&site.to_string()) {
        bail!("site")
    }
    network.forward_visit(images, &mut |name, activation| {
        if name == site || (fault == Flaw::EverySite && name != "fc" && activation.dim(1)? == width(network, site)?) {
            let changed = change(activation)?;
            return Ok((fault != Flaw::TooLate).then_some(changed));
        }
        Ok(None)
    })
}

/// The change at each site whose name begins like this one.
pub(super) fn beginning(
    network: &ResNet,
    images: &Tensor,
    site: &str,
    change: &dyn Fn(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    if !network.sites().contains(&site.to_string()) {
        bail!("site")
    }
    network.forward_visit(images, &mut |name, activation| {
        name.starts_with(site).then(|| change(activation)).transpose()
    })
}

/// Channels at a site.
pub(super) fn width(network: &ResNet, site: &str) -> Result<usize> {
    let image = Tensor::zeros((1, 3, 32, 32), DType::F32, &Device::Cpu)?;
    network.capture(&image, &[site])?.activation(site)?.dim(1)
}

pub(super) fn effect(before: &Tensor, after: &Tensor, fault: Flaw) -> Result<(f64, f64)> {
    let (before, after) = (before.to_vec2::<f32>()?, after.to_vec2::<f32>()?);
    let largest = |row: &Vec<f32>| (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
    let (mut change, mut flipped) = (0.0, 0.0);
    for (a, b) in before.iter().zip(&after) {
        for (a, b) in a.iter().zip(b) {
            let difference = f64::from(b - a);
            change += if fault == Flaw::SignedChange {
                difference
            } else {
                difference.abs()
            };
        }
        let other = match fault {
            Flaw::LogitsCompared => a != b,
            _ => largest(a) != largest(b),
        };
        flipped += f64::from(u8::from(other));
    }
    let images = before.len() as f64;
    let numbers = if fault == Flaw::SummedChange {
        1.0
    } else {
        images * before[0].len() as f64
    };
    let flipped = if fault == Flaw::Share {
        images - flipped
    } else {
        flipped
    };
    Ok((change / numbers, flipped / images))
}
