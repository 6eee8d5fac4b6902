//! A right answer to 4.8, written independently of the solution, with flaws.

use candle_core::{Device, Result, Tensor, bail};

use crate::inputs::tensor;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Flaw {
    None,
    OneForAllUnits,
    MeanOfBatches,
    LastBatch,
    OneTooHigh,
    Lowest,
    Percent,
    AtLeast,
    SmallMapThresholded,
    FirstImage,
    CornersAligned,
    MeanOfImages,
    Intersection,
    OverMask,
    SumForUnion,
    NotFinite,
    LastMaximum,
    SmallestIou,
    NotShuffled,
    OneImageShuffled,
    UnitsMixed,
}

/// All values of each unit, sorted: what streaming must come to.
pub(super) fn thresholds(batches: &[Tensor], values: usize, share: f64, fault: Flaw) -> Result<Tensor> {
    let units = batches[0].dim(1)?;
    let share = if fault == Flaw::Percent { share * 10.0 } else { share };
    let of = |batches: &[Tensor], values: usize| -> Result<Vec<f32>> {
        let mut all = vec![vec![]; units];
        for batch in batches {
            for (index, value) in batch.flatten_all()?.to_vec1::<f32>()?.into_iter().enumerate() {
                let (_, _, height, width) = batch.dims4()?;
                let unit = match fault {
                    Flaw::UnitsMixed => index / (batch.elem_count() / units),
                    _ => index / (height * width) % units,
                };
                all[unit].push(value);
            }
        }
        if fault == Flaw::OneForAllUnits {
            let joined = all.concat();
            all = vec![joined; units];
        }
        let place = (share * values as f64) as usize * if fault == Flaw::OneForAllUnits { units } else { 1 };
        all.into_iter()
            .map(|mut values| {
                values.sort_by(|a, b| b.total_cmp(a));
                if fault == Flaw::Lowest {
                    values.reverse();
                }
                let place = if fault == Flaw::OneTooHigh {
                    place.saturating_sub(1)
                } else {
                    place
                };
                match values.get(place) {
                    Some(&value) => Ok(value),
                    None => bail!("too few values"),
                }
            })
            .collect()
    };
    let found = match fault {
        Flaw::LastBatch => of(
            &batches[batches.len() - 1..],
            batches[batches.len() - 1].elem_count() / units,
        )?,
        Flaw::MeanOfBatches => {
            let mut mean = vec![0f32; units];
            for batch in batches {
                let one = of(std::slice::from_ref(batch), batch.elem_count() / units)?;
                mean.iter_mut()
                    .zip(one)
                    .for_each(|(mean, t)| *mean += t / batches.len() as f32);
            }
            mean
        }
        _ => of(batches, values)?,
    };
    Ok(tensor(&found, units))
}

/// One place of a map enlarged bilinearly, pixel centre on pixel centre.
pub(super) fn enlarged(map: &[Vec<f32>], y: usize, x: usize, rows: usize, columns: usize, fault: Flaw) -> f32 {
    let (height, width) = (map.len(), map[0].len());
    let place = |at: usize, pixels: usize, places: usize| {
        let source = match fault {
            Flaw::CornersAligned if pixels > 1 => at as f64 * (places - 1) as f64 / (pixels - 1) as f64,
            _ => ((at as f64 + 0.5) * places as f64 / pixels as f64 - 0.5).max(0.0),
        };
        let low = (source.floor() as usize).min(places - 1);
        (low, (low + 1).min(places - 1), source - low as f64)
    };
    let ((top, bottom, down), (left, right, over)) = (place(y, rows, height), place(x, columns, width));
    if fault == Flaw::SmallMapThresholded {
        return map[y * height / rows][x * width / columns];
    }
    let value = |i: usize, j: usize| f64::from(map[i][j]);
    let upper = value(top, left) * (1.0 - over) + value(top, right) * over;
    let lower = value(bottom, left) * (1.0 - over) + value(bottom, right) * over;
    (upper * (1.0 - down) + lower * down) as f32
}

/// Pixel by pixel.
pub(super) fn iou(batches: &[(Tensor, Tensor)], thresholds: &Tensor, fault: Flaw) -> Result<Tensor> {
    let thresholds = thresholds.to_vec1::<f32>()?;
    let (units, concepts) = (thresholds.len(), batches[0].1.dim(1)?);
    let mut counts = vec![[0f64; 3]; units * concepts];
    let mut ratios = vec![0f64; units * concepts];
    let mut images = 0.0;
    for (activations, masks) in batches {
        let (batch, _, rows, columns) = masks.dims4()?;
        for image in 0..batch {
            images += 1.0;
            let same_size = activations.dims()[2..] == masks.dims()[2..];
            let seen = if fault == Flaw::FirstImage && same_size {
                0
            } else {
                image
            };
            let (maps, masks) = (
                activations.get(seen)?.to_vec3::<f32>()?,
                masks.get(image)?.to_vec3::<f32>()?,
            );
            for (unit, &threshold) in thresholds.iter().enumerate() {
                let on: Vec<Vec<bool>> = (0..rows)
                    .map(|y| {
                        let on = |x| {
                            let value = enlarged(&maps[unit], y, x, rows, columns, fault);
                            if fault == Flaw::AtLeast {
                                value >= threshold
                            } else {
                                value > threshold
                            }
                        };
                        (0..columns).map(on).collect()
                    })
                    .collect();
                for (concept, mask) in masks.iter().enumerate() {
                    let mut count = [0f64; 3];
                    for y in 0..rows {
                        for x in 0..columns {
                            let (on, there) = (on[y][x], mask[y][x] > 0.5);
                            count[0] += f64::from(u8::from(on && there));
                            count[1] += f64::from(u8::from(on));
                            count[2] += f64::from(u8::from(there));
                        }
                    }
                    let pooled = &mut counts[unit * concepts + concept];
                    (0..3).for_each(|i| pooled[i] += count[i]);
                    ratios[unit * concepts + concept] += ratio(count, fault);
                }
            }
        }
    }
    let values = match fault {
        Flaw::MeanOfImages => ratios.iter().map(|sum| sum / images).collect(),
        _ => counts.iter().map(|&count| ratio(count, fault)).collect::<Vec<_>>(),
    };
    Tensor::from_vec(values, (units, concepts), &Device::Cpu)
}

pub(super) fn ratio([both, unit, concept]: [f64; 3], fault: Flaw) -> f64 {
    let union = match fault {
        Flaw::Intersection => return both,
        Flaw::OverMask => concept,
        Flaw::SumForUnion => unit + concept,
        _ => unit + concept - both,
    };
    if union == 0.0 && fault != Flaw::NotFinite {
        0.0
    } else {
        both / union
    }
}

pub(super) fn best(iou: &Tensor, fault: Flaw) -> Result<Vec<(usize, f64)>> {
    let better = |a: f64, b: f64| match fault {
        Flaw::LastMaximum => a >= b,
        Flaw::SmallestIou => a < b,
        _ => a > b,
    };
    let best = |row: &Vec<f64>| {
        (1..row.len()).fold(
            (0, row[0]),
            |best, i| {
                if better(row[i], best.1) { (i, row[i]) } else { best }
            },
        )
    };
    Ok(iou.to_vec2::<f64>()?.iter().map(best).collect())
}

pub(super) fn shuffled(masks: &Tensor, fault: Flaw) -> Result<Tensor> {
    let images = masks.dim(0)?;
    if images < 2 && fault != Flaw::OneImageShuffled {
        bail!("one image")
    }
    if fault == Flaw::NotShuffled {
        return Ok(masks.clone());
    }
    let order: Vec<u32> = (0..images).map(|i| ((i + images - 1) % images) as u32).collect();
    masks.index_select(&Tensor::new(order, &Device::Cpu)?, 0)
}

/// One unit and one concept; the maps have the size of the masks. The counts pass through `kept` wherever they are kept.
pub(super) fn resumed(
    counted: f64,
    thresholds: &Tensor,
    (activations, masks): &(Tensor, Tensor),
    kept: fn(f64) -> f64,
) -> Result<Tensor> {
    let threshold = thresholds.to_vec1::<f32>()?[0];
    let [maps, masks] = [activations, masks].map(|x| x.flatten_all()?.to_vec1::<f32>());
    let mut counts = [kept(counted); 3];
    for (a, shown) in maps?.into_iter().zip(masks?) {
        let (on, shown) = (a > threshold, shown > 0.5);
        for (count, more) in counts.iter_mut().zip([on && shown, on, shown]) {
            *count = kept(*count + f64::from(u8::from(more)));
        }
    }
    Tensor::new(&counts.map(|count| count - counted), &Device::Cpu)
}
