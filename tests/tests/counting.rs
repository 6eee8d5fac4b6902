//! The counts behind lesson 04's nulls and rotations, against the exercise itself, which counts the slow way.

#[path = "../../lessons/lesson04/pictures/counting.rs"]
mod counting;

use candle_core::{DType, Device, Result, Tensor};
use counting::{Enlarged, bits, iou, shown, threshold};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use solution04::{Dissection, Thresholds};

const IMAGES: usize = 9;
const CONCEPTS: usize = 5;
const SHARE: f64 = 0.1;

/// Activations of three units and random masks, some of them empty.
fn world(random: &mut ChaCha8Rng, map: [usize; 2], large: [usize; 2]) -> Result<(Tensor, Vec<Vec<bool>>)> {
    let count = IMAGES * 3 * map[0] * map[1];
    // Whole numbers: ties at the threshold and values of exactly 0 above it.
    let values: Vec<f32> = (0..count).map(|_| random.random_range(-3i8..9).into()).collect();
    let masks = (0..IMAGES * CONCEPTS).map(|_| {
        let density = [0.0, 0.1, 0.6][random.random_range(0..3)];
        (0..large[0] * large[1]).map(|_| random.random_bool(density)).collect()
    });
    let masks = masks.collect();
    Ok((
        Tensor::from_vec(values, (IMAGES, 3, map[0], map[1]), &Device::Cpu)?,
        masks,
    ))
}

#[test]
fn sparse_counts_are_those_of_dissection_for_every_shift() -> Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for (map, large) in [
        ([4, 4], [16, 16]),
        ([3, 5], [11, 20]),
        ([8, 8], [8, 8]),
        ([1, 2], [7, 3]),
    ] {
        let (activations, masks) = world(&mut random, map, large)?;
        let mut thresholds = Thresholds::new(IMAGES * map[0] * map[1], SHARE)?;
        thresholds.update(&activations)?;
        let thresholds = thresholds.finish()?;
        let enlarged = Enlarged::new(map, large);
        let words: Vec<Vec<u32>> = masks
            .chunks(CONCEPTS)
            .map(|of| bits(of.iter().map(Vec::as_slice)))
            .collect();
        let areas = shown(&words, CONCEPTS);
        for shift in [0, 1, 4, IMAGES - 1] {
            // The masks moved on by hand.
            let moved: Vec<f32> = (0..IMAGES)
                .flat_map(|image| &masks[(image + IMAGES - shift) % IMAGES * CONCEPTS..][..CONCEPTS])
                .flatten()
                .map(|&shown| f32::from(u8::from(shown)))
                .collect();
            let moved = Tensor::from_vec(moved, (IMAGES, CONCEPTS, large[0], large[1]), &Device::Cpu)?;
            let mut slow = Dissection::new(&thresholds, CONCEPTS)?;
            slow.update(&activations, &moved)?;
            let slow = slow.iou()?.to_vec2::<f64>()?;
            for (unit, expected) in slow.iter().enumerate() {
                let cut = thresholds.get(unit)?.to_scalar::<f32>()?;
                let on: Vec<Vec<u16>> = (0..IMAGES)
                    .map(|image| {
                        let above = (activations.get(image)?.get(unit)? - f64::from(cut))?;
                        Ok(enlarged.lit(&above.flatten_all()?.to_vec1::<f32>()?))
                    })
                    .collect::<Result<_>>()?;
                let found = iou(&on, &words, &areas, shift);
                let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
                assert!(
                    near,
                    "{map:?} on {large:?}, shift {shift}, unit {unit}: {found:?}, not {expected:?}"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn thresholds_are_those_of_the_exercise() -> Result<()> {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    for (count, share) in [(1000, 0.005), (7, 0.5), (3, 0.1), (64, 0.25)] {
        let values: Vec<f32> = (0..count).map(|_| random.random_range(-5i8..5).into()).collect();
        let mut slow = Thresholds::new(count, share)?;
        slow.update(&Tensor::from_vec(values.clone(), (1, 1, 1, count), &Device::Cpu)?)?;
        let slow = slow.finish()?.to_dtype(DType::F32)?.to_vec1::<f32>()?[0];
        assert_eq!(threshold(values, share), slow, "{count} values, share {share}");
    }
    Ok(())
}
