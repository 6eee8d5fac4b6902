//! What the lessons hand out with its body is not graded. It is tested here, by what it is for.

use candle_core::{Device, Result, Tensor};
use rand::Rng;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use solution03::{Wobble, roll};
use solution04::{Learning, dead, learn, learn_toy, random_rotation, recovered, rotated};

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

#[test]
fn a_random_rotation_keeps_lengths_and_angles() -> Result<()> {
    for units in [1, 2, 16] {
        let axes = random_rotation(units, 7)?;
        let products = values(&axes.matmul(&axes.t()?)?)?;
        for (place, product) in products.iter().enumerate() {
            let expected = f32::from(u8::from(place % (units + 1) == 0));
            assert!(
                (product - expected).abs() < 1e-5,
                "{units} units: axes times their transpose is {product} at {place}, not {expected}"
            );
        }
    }
    Ok(())
}

/// The first axis is uniform on the sphere: for a coordinate of a unit vector in n dimensions the mean is 0, that of its
/// square 1/n, that of its fourth power 3/(n(n + 2)).
#[test]
fn a_random_rotation_prefers_no_axis() -> Result<()> {
    const SEEDS: u64 = 2000;
    let units = 4;
    let mut moments = [0f64; 3];
    for seed in 0..SEEDS {
        for x in values(&random_rotation(units, seed)?.get(0)?)? {
            let x = f64::from(x);
            let share = 1.0 / (SEEDS as f64 * units as f64);
            moments[0] += x * share;
            moments[1] += x.powi(2) * share;
            moments[2] += x.powi(4) * share;
        }
    }
    for (moment, (expected, tolerance)) in moments.iter().zip([(0.0, 0.03), (0.25, 0.01), (0.125, 0.01)]) {
        assert!(
            (moment - expected).abs() < tolerance,
            "the moments of a coordinate are {moments:?}, not (0, 1/4, 1/8)"
        );
    }
    let one = values(&random_rotation(units, 1)?)?;
    assert_eq!(one, values(&random_rotation(units, 1)?)?, "one seed, one rotation");
    assert_ne!(one, values(&random_rotation(units, 2)?)?, "another seed");
    Ok(())
}

#[test]
fn rotated_activations_are_dot_products_with_the_axes_at_each_place() -> Result<()> {
    let activations = Tensor::new(&[1f32, 2., 5., 3., 4., 6.], &Device::Cpu)?.reshape((1, 2, 1, 3))?;
    let axes = Tensor::new(&[[0f32, 1.], [1., 0.], [1., 10.]], &Device::Cpu)?;
    let turned = rotated(&activations, &axes)?;
    assert_eq!(turned.dims(), [1, 3, 1, 3]);
    assert_eq!(
        values(&turned)?,
        [3., 4., 6., 1., 2., 5., 31., 42., 65.],
        "axis (0, 1) is the second unit, (1, 0) the first, (1, 10) the first and ten times the second"
    );
    assert!(
        rotated(&activations, &random_rotation(3, 0)?).is_err(),
        "three axes for two units"
    );
    Ok(())
}

/// Side of the square images below, and how far the spot lies to the right of the middle.
const SIDE: usize = 33;
const DISTANCE: f64 = 10.0;

/// A round spot.
fn spot() -> Result<Tensor> {
    let middle = (SIDE / 2) as f64;
    let value = |place: usize| {
        let (down, right) = ((place / SIDE) as f64 - middle, (place % SIDE) as f64 - middle);
        (-(down.powi(2) + (right - DISTANCE).powi(2)) / 8.0).exp() as f32
    };
    let values = (0..SIDE * SIDE).map(value).collect();
    Tensor::from_vec(values, (1, 1, SIDE, SIDE), &Device::Cpu)
}

/// Distance of the spot's centre of mass from the middle, and its angle in radians.
fn seen(image: &Tensor) -> Result<(f64, f64)> {
    let middle = (SIDE / 2) as f64;
    let (mut mass, mut down, mut right) = (0.0, 0.0, 0.0);
    for (place, value) in values(image)?.into_iter().enumerate() {
        let value = f64::from(value);
        mass += value;
        down += value * ((place / SIDE) as f64 - middle);
        right += value * ((place % SIDE) as f64 - middle);
    }
    Ok((f64::hypot(down, right) / mass, f64::atan2(down, right)))
}

/// Distances and angles of the spot after many movements.
fn moved(wobble: Wobble) -> Result<(Vec<f64>, Vec<f64>)> {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let spot = spot()?;
    let places = (0..200).map(|_| seen(&wobble.apply(&spot, &mut random)?));
    Ok(places.collect::<Result<Vec<_>>>()?.into_iter().unzip())
}

/// Asserts that the values fill the range, and do not leave it.
#[track_caller]
fn assert_fills(what: &str, values: &[f64], low: f64, high: f64, slack: f64) {
    let smallest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    assert!(
        (smallest - low).abs() < slack && (largest - high).abs() < slack,
        "{what}: expected values from {low} to {high}, got {smallest} to {largest}"
    );
}

#[test]
fn a_wobble_turns_by_up_to_its_angle_either_way() -> Result<()> {
    let (distances, angles) = moved(Wobble {
        angle: 0.3,
        ..Wobble::default()
    })?;
    assert_fills("angle", &angles, -0.3, 0.3, 0.03);
    assert_fills("distance", &distances, DISTANCE, DISTANCE, 0.2);
    Ok(())
}

#[test]
fn a_wobble_scales_by_up_to_its_share_either_way() -> Result<()> {
    let (distances, angles) = moved(Wobble {
        scale: 0.2,
        ..Wobble::default()
    })?;
    assert_fills("distance", &distances, 0.8 * DISTANCE, 1.2 * DISTANCE, 0.3);
    assert_fills("angle", &angles, 0.0, 0.0, 0.01);
    Ok(())
}

#[test]
fn a_wobble_shifts_by_up_to_its_jitter_either_way() -> Result<()> {
    let wobble = Wobble {
        jitter: 1,
        ..Wobble::default()
    };
    let image = Tensor::arange(0f32, 12., &Device::Cpu)?.reshape((1, 1, 3, 4))?;
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let mut times = [0; 9];
    for _ in 0..200 {
        let shifted = values(&wobble.apply(&image, &mut random)?)?;
        let place = (0..9).find(|place| {
            let expected = roll(&image, place / 3 - 1, place % 3 - 1).and_then(|image| values(&image));
            expected.is_ok_and(|expected| expected == shifted)
        });
        times[place.expect("a shift by −1, 0 or 1 in each direction") as usize] += 1;
    }
    assert!(
        times.iter().all(|&times| times > 5),
        "each of the nine shifts comes, {times:?}"
    );
    let still = Wobble::default().apply(&image, &mut random)?;
    assert_eq!(values(&still)?, values(&image)?, "the default does not move");
    Ok(())
}

/// Sixteen directions in twelve units, no two of them or their opposites within 66° of each other; of each row two are at work.
fn planted(seed: u64) -> Result<(Tensor, Tensor)> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut directions: Vec<Vec<f32>> = vec![];
    while directions.len() < 16 {
        let row: Vec<f32> = (0..12).map(|_| random.random_range(-1f32..1.0)).collect();
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        let row: Vec<f32> = row.iter().map(|x| x / length).collect();
        let cosine = |other: &Vec<f32>| other.iter().zip(&row).map(|(a, b)| a * b).sum::<f32>();
        if directions.iter().all(|other| cosine(other).abs() < 0.4) {
            directions.push(row);
        }
    }
    let mut codes = vec![0f32; 600 * 16];
    for row in codes.chunks_mut(16) {
        let first = random.random_range(0..16);
        row[first] = random.random_range(0.5..1.5);
        row[(first + random.random_range(1..16)) % 16] = random.random_range(0.5..1.5);
    }
    let directions = Tensor::new(directions, &Device::Cpu)?;
    let rows = Tensor::from_vec(codes, (600, 16), &Device::Cpu)?.matmul(&directions)?;
    Ok((directions, (rows + 0.3)?))
}

#[test]
fn a_dictionary_finds_what_was_planted_whatever_its_size() -> Result<()> {
    for seed in 0..3 {
        let (directions, rows) = planted(seed)?;
        for scale in [1.0, 1e4] {
            let learning = Learning {
                features: 32,
                keep: 2,
                weight: 0.0,
                steps: 500,
                rate: 1e-2,
                seed,
            };
            let found = learn(&(&rows * scale)?, learning)?;
            let cosines = recovered(&directions, &found.decoder)?;
            let worst = cosines.iter().copied().fold(1.0, f64::min);
            assert!(worst > 0.95, "planting {seed}, scale {scale}: {cosines:?}");
            let lengths = values(&found.decoder.sqr()?.sum(1)?)?;
            assert!(lengths.iter().all(|length| (length - 1.0).abs() < 1e-4), "{lengths:?}");
        }
    }
    Ok(())
}

#[test]
fn a_partner_is_taken_once_and_silent_features_are_dead() -> Result<()> {
    let planted = Tensor::new(&[[2f32, 0.], [1., 1.], [0., 3.]], &Device::Cpu)?;
    let found = Tensor::new(&[[1f32, 0.], [0., -1.]], &Device::Cpu)?;
    let half = f64::from(0.5f32.sqrt());
    let cosines = recovered(&planted, &found)?;
    for (cosine, expected) in cosines.iter().zip([1.0, -half, 0.0]) {
        assert!(
            (cosine - expected).abs() < 1e-6,
            "{cosines:?}: the first takes (1, 0), the second what is left"
        );
    }
    let codes = Tensor::new(&[[0f32, 1., 0.], [0., 0., 1e-9]], &Device::Cpu)?;
    assert_eq!(dead(&codes)?, [0]);
    Ok(())
}

#[test]
fn a_toy_keeps_more_features_than_units_if_they_are_rare() -> Result<()> {
    let kept = |present: f64| -> Result<f32> {
        let toy = learn_toy(2, 5, present, 1000, 1)?;
        toy.weights.sqr()?.sum_all()?.to_scalar()
    };
    let (always, rarely) = (kept(1.0)?, kept(0.05)?);
    assert!((always - 2.0).abs() < 0.3, "always present: {always} kept in two units");
    assert!(
        rarely > 4.0,
        "present in one of twenty: {rarely} of five kept in two units"
    );
    Ok(())
}
