//! Exercise 5.7: how good is a map, where the truth is known?

use candle_core::{Result, Tensor, bail};
use resnet::ops::relu;

/// The pointing game: does the map's largest value lie on the figure? Part of exercise 5.7.
///
/// - `map`: `[height, width]`
/// - `mask`: 1 on the figure, 0 elsewhere, the same shape
/// - returns whether it does; of several largest values the first in reading order counts. Only a flat map, whose values are
///   all the same, points nowhere: false. One of negative values points at its largest
///
/// **Errors** if the shapes differ.
/// **Source** Zhang et al. 2016, "Top-down neural attention by excitation backprop", section 4.1. There a miss by up to
/// 15 pixels still counts; here it does not.
pub fn points_inside(map: &Tensor, mask: &Tensor) -> Result<bool> {
    same_shape(map, mask)?;
    let map = map.flatten_all()?;
    let (smallest, largest) = (map.min(0)?, map.max(0)?);
    if smallest.to_scalar::<f32>()? == largest.to_scalar::<f32>()? {
        return Ok(false);
    }
    let place = map.argmax(0)?.to_scalar::<u32>()?;
    Ok(mask.flatten_all()?.get(place as usize)?.to_scalar::<f32>()? > 0.5)
}

/// Which share of the map lies on the figure? Part of exercise 5.7.
///
/// ```math
/// energy = Σ_ij relu(map_ij)·mask_ij / Σ_ij relu(map_ij),    0 if nothing is above 0
/// ```
/// - arguments as [`points_inside`]; returns a share from 0 to 1
///
/// **Errors** if the shapes differ.
/// **Source** Wang et al. 2020, "Score-CAM", section 4.4.
pub fn energy_inside(map: &Tensor, mask: &Tensor) -> Result<f64> {
    same_shape(map, mask)?;
    let map = relu(map)?; // candle's own turns NaN into 0
    let sum = |map: &Tensor| Ok::<_, candle_core::Error>(f64::from(map.sum_all()?.to_scalar::<f32>()?));
    let (inside, all) = (sum(&(&map * mask)?)?, sum(&map)?);
    Ok(if all == 0.0 { 0.0 } else { inside / all })
}

fn same_shape(map: &Tensor, mask: &Tensor) -> Result<()> {
    match (map.dims2()?, mask.dims2()?) {
        (map, mask) if map == mask => Ok(()),
        (map, mask) => bail!("expected a map and a mask of one shape, got {map:?} and {mask:?}"),
    }
}

/// How well maps find what they should, each a mean over all maps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Localization {
    /// Share of maps that point inside.
    pub pointing: f64,
    /// Mean energy inside.
    pub energy: f64,
    /// Mean share of the image that the figure covers: what a map that knows nothing would get in both.
    pub area: f64,
}

/// ## 5.7 Is the map right?
///
/// A plausible picture is no evidence. Here every figure's pixels are known, so count. A number means nothing alone: a
/// map of noise points at a figure that covers a tenth of the image one time in ten, and one tenth of its energy lies
/// there. Write the two parts above first; the checks begin with them.
///
/// - `maps`: `[count, height, width]`, in the size of the image
/// - `masks`: the figure that each map should find, the same shape
/// - returns the means over all maps
///
/// **Errors** if the shapes differ or there is no map.
/// **Accepted by** `cargo test -p lesson05 -- ex5_7`
pub fn localization(maps: &Tensor, masks: &Tensor) -> Result<Localization> {
    let (count, _, _) = maps.dims3()?;
    if count == 0 || maps.dims() != masks.dims() {
        bail!(
            "expected as many masks as maps and at least one, got {:?} and {:?}",
            maps.dims(),
            masks.dims()
        );
    }
    let (mut hits, mut energy) = (0, 0.0);
    for index in 0..count {
        let (map, mask) = (maps.get(index)?, masks.get(index)?);
        hits += usize::from(points_inside(&map, &mask)?);
        energy += energy_inside(&map, &mask)?;
    }
    Ok(Localization {
        pointing: hits as f64 / count as f64,
        energy: energy / count as f64,
        area: f64::from(masks.mean_all()?.to_scalar::<f32>()?),
    })
}
