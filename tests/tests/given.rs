//! What the lessons hand out with its body is not graded. It is tested here, by what it is for.

use candle_core::{Device, Result, Tensor};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use solution03::{Wobble, roll};
use solution04::{random_rotation, rotated};

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
