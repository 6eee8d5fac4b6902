//! A right answer to 4.12, written independently of the solution, with flaws.

use candle_core::{Device, Result, Tensor, bail};
use resnet::ResNet;

use super::Circuit;
use crate::inputs::tensor;
use crate::keep;

/// A right answer, written independently of the solution, in parts that may be wrong.
#[derive(Clone, Copy)]
pub(super) struct Parts {
    pub(super) factor: fn(gamma: f64, variance: f64) -> f64,
    pub(super) ends_swapped: bool,
    pub(super) norm_of_from: bool,
    pub(super) shortcut: Way,
    pub(super) sign: f64,
    pub(super) strided: bool,
    /// Zeros on each side, for a kernel of this size.
    pub(super) border: fn(usize) -> usize,
    pub(super) turned: bool,
    /// Whether the unit is silenced at this site, with `from` the site that is asked for.
    pub(super) hit: fn(site: &str, from: &str) -> bool,
    pub(super) silence: Silence,
    pub(super) share: fn(predicted: &[f64], measured: &[f64]) -> f64,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Way {
    Right,
    AlwaysOne,
    RawProjection,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Silence {
    Unit,
    AllOthers,
    All,
    Nothing,
    ItsMean,
    ItsMeanPerImage,
    MinusBefore,
}

pub(super) fn size(changes: &[f64]) -> f64 {
    changes.iter().map(|change| change.abs()).sum()
}

pub(super) fn divided(through: f64, all: f64) -> f64 {
    if all == 0.0 { 0.0 } else { through / all }
}

pub(super) const RIGHT: Parts = Parts {
    factor: |gamma, variance| gamma / (variance + 1e-5).sqrt(),
    ends_swapped: false,
    norm_of_from: false,
    shortcut: Way::Right,
    sign: -1.0,
    strided: true,
    border: |size| size / 2,
    turned: false,
    hit: |site, from| site == from,
    silence: Silence::Unit,
    share: |predicted, measured| divided(size(measured), size(predicted)),
};

fn number(network: &ResNet, name: &str, place: usize) -> Result<f64> {
    let values = network.parameter(name)?.to_vec1::<f32>()?;
    match values.get(place) {
        Some(&value) => Ok(f64::from(value)),
        None => bail!("{place} of {name}"),
    }
}

pub(super) fn connection(n: &ResNet, conv: &str, norm: &str, from: usize, to: usize, parts: Parts) -> Result<Tensor> {
    let channel = if parts.norm_of_from { from } else { to };
    let gamma = number(n, &format!("{norm}.weight"), channel)?;
    let variance = number(n, &format!("{norm}.running_var"), channel)?;
    let kernels = n.parameter(&format!("{conv}.weight"))?;
    let (.., height, width) = kernels.dims4()?;
    let (row, column) = if parts.ends_swapped { (from, to) } else { (to, from) };
    // Swapped, both may be out of range; the error is then that of everybody who swaps them.
    let values = kernels.get(row)?.get(column)?.flatten_all()?.to_vec1::<f32>()?;
    let factor = (parts.factor)(gamma, variance);
    let values: Vec<f32> = values.iter().map(|&w| (f64::from(w) * factor) as f32).collect();
    Tensor::from_vec(values, (height, width), &Device::Cpu)
}

pub(super) fn shortcut(n: &ResNet, block: &str, from: usize, to: usize, parts: Parts) -> Result<f64> {
    if parts.shortcut == Way::AlwaysOne {
        return Ok(1.0);
    }
    let [conv, norm] = [format!("{block}.downsample.0"), format!("{block}.downsample.1")];
    if !n.parameters().keys().any(|name| name.starts_with(&conv)) {
        return Ok(f64::from(u8::from(from == to)));
    }
    let own = match parts.shortcut {
        Way::RawProjection => Parts {
            factor: |_, _| 1.0,
            ..parts
        },
        _ => parts,
    };
    let kernel = connection(n, &conv, &norm, from, to, own)?;
    Ok(f64::from(kernel.flatten_all()?.to_vec1::<f32>()?[0]))
}

/// Place by place.
pub(super) fn predicted(map: &Tensor, kernel: &Tensor, stride: usize, parts: Parts) -> Result<Tensor> {
    let (batch, height, width) = map.dims3()?;
    let weights = kernel.to_vec2::<f32>()?;
    let maps = map.to_vec3::<f32>()?;
    let (size, stride) = (weights.len(), if parts.strided { stride } else { 1 });
    let border = (parts.border)(size);
    let places = |side: usize| (side + 2 * border - size) / stride + 1;
    let mut values = vec![];
    for map in &maps {
        for i in 0..places(height) {
            for j in 0..places(width) {
                let mut sum = 0.0;
                for (k, row) in weights.iter().enumerate() {
                    for (l, _) in row.iter().enumerate() {
                        let (y, x) = (
                            (i * stride + k).wrapping_sub(border),
                            (j * stride + l).wrapping_sub(border),
                        );
                        let weight = if parts.turned {
                            weights[size - 1 - k][size - 1 - l]
                        } else {
                            weights[k][l]
                        };
                        sum += map
                            .get(y)
                            .and_then(|row| row.get(x))
                            .map_or(0.0, |value| value * weight);
                    }
                }
                values.push(sum * parts.sign as f32);
            }
        }
    }
    Tensor::from_vec(values, (batch, places(height), places(width)), &Device::Cpu)
}

pub(super) fn measured(
    n: &ResNet,
    images: &Tensor,
    from: (&str, usize),
    to: (&str, usize),
    parts: Parts,
) -> Result<Tensor> {
    let sites = n.sites();
    if !sites.iter().any(|site| site == from.0) || !sites.iter().any(|site| site == to.0) {
        bail!("no such site")
    }
    let before = n
        .capture(images, &[to.0])?
        .activation(to.0)?
        .narrow(1, to.1, 1)?
        .squeeze(1)?;
    let mut after = None;
    n.forward_visit(images, &mut |site, activation| {
        if site == to.0 {
            after = Some(activation.narrow(1, to.1, 1)?.squeeze(1)?);
        }
        if !(parts.hit)(site, from.0) || parts.silence == Silence::Nothing {
            return Ok(None);
        }
        let channels = activation.dim(1)?;
        if from.1 >= channels {
            bail!("unit {}", from.1)
        }
        let lost = |c: usize| match parts.silence {
            Silence::AllOthers => c != from.1,
            Silence::All => true,
            _ => c == from.1,
        };
        let lost: Vec<f32> = (0..channels).map(|c| f32::from(u8::from(lost(c)))).collect();
        let lost = tensor(&lost, (1, channels, 1, 1));
        let instead = match parts.silence {
            Silence::ItsMean => activation.mean_keepdim((0, 2, 3))?,
            Silence::ItsMeanPerImage => activation.mean_keepdim((2, 3))?,
            _ => activation.mean_keepdim((2, 3))?.zeros_like()?,
        };
        let kept = activation.broadcast_mul(&lost.affine(-1.0, 1.0)?)?;
        kept.broadcast_add(&instead.broadcast_mul(&lost)?).map(Some)
    })?;
    let Some(after) = after else { bail!("not seen") };
    match parts.silence {
        Silence::MinusBefore => before - after,
        _ => after - before,
    }
}

pub(super) fn share(predicted: &Tensor, measured: &Tensor, parts: Parts) -> Result<f64> {
    let list = |x: &Tensor| -> Result<Vec<f64>> {
        let values = x.flatten_all()?.to_vec1::<f32>()?;
        Ok(values.into_iter().map(f64::from).collect())
    };
    Ok((parts.share)(&list(predicted)?, &list(measured)?))
}

pub(super) fn answer(parts: Parts) -> Circuit {
    Circuit {
        connection: keep(Box::new(
            move |n: &ResNet, conv: &str, norm: &str, from: usize, to: usize| {
                connection(n, conv, norm, from, to, parts)
            },
        )),
        shortcut: keep(Box::new(move |n: &ResNet, block: &str, from: usize, to: usize| {
            shortcut(n, block, from, to, parts)
        })),
        predicted: keep(Box::new(move |map: &Tensor, kernel: &Tensor, stride: usize| {
            predicted(map, kernel, stride, parts)
        })),
        measured: keep(Box::new(
            move |n: &ResNet, images: &Tensor, from: (&str, usize), to: (&str, usize)| {
                measured(n, images, from, to, parts)
            },
        )),
        share: keep(Box::new(move |a: &Tensor, b: &Tensor| share(a, b, parts))),
    }
}
