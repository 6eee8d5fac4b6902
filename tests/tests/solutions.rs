//! The solutions do what their own text says where no exam asks, or where they once did not.

use candle_core::{DType, Device, Result, Tensor};
use resnet::{Window, ops};

fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
    Tensor::from_slice(values, shape, &Device::Cpu).expect("as many values as the shape has")
}

/// 2.5: "Errors if no image was seen".
#[test]
fn nobody_is_dead_before_the_first_image() -> Result<()> {
    let mut peaks = solution02::Peaks::new();
    peaks.update(&tensor(&[], &[0, 2, 1, 1]))?;
    assert!(peaks.dead().is_err());
    peaks.update(&tensor(&[0.0, 1.0], &[1, 2, 1, 1]))?;
    peaks.update(&tensor(&[], &[0, 2, 1, 1]))?;
    assert_eq!(peaks.dead()?, [0]);
    Ok(())
}

/// 5.3: "Errors if the shapes do not fit".
#[test]
fn weights_that_do_not_fit_are_refused() -> Result<()> {
    let activations = tensor(&[1.0; 12], &[2, 3, 1, 2]);
    for shape in [[1, 3, 1, 1], [2, 1, 1, 1], [1, 1, 1, 1], [2, 3, 1, 2]] {
        let weights = Tensor::ones(&shape, DType::F32, &Device::Cpu)?;
        assert!(solution05::weighted_map(&activations, &weights).is_err(), "{shape:?}");
    }
    assert!(solution05::weighted_map(&activations, &tensor(&[1.0; 3], &[3, 1, 1])).is_err());
    Ok(())
}

/// 5.3: a map of NaN is no map on which nothing speaks for the class.
#[test]
fn a_map_of_nan_stays_one() -> Result<()> {
    let map = solution05::weighted_map(
        &tensor(&[f32::NAN, 2.0, -1.0], &[1, 1, 1, 3]),
        &tensor(&[1.0], &[1, 1, 1, 1]),
    )?;
    let map = map.flatten_all()?.to_vec1::<f32>()?;
    assert!(map[0].is_nan(), "{map:?}");
    assert_eq!(map[1..], [2.0, 0.0]);
    Ok(())
}

/// 5.4 to 5.7: what is cut at 0 stays NaN where it was NaN, forward and backward. candle's own `relu` makes it 0.
#[test]
fn nan_is_not_cut_to_zero() -> Result<()> {
    let numbers = |t: Tensor| t.flatten_all()?.to_vec1::<f32>();
    let relative = numbers(solution05::relative(&tensor(&[4.0, f32::NAN, 2.0, -1.0], &[1, 2, 2]))?)?;
    assert!(relative[1].is_nan(), "{relative:?}");
    assert_eq!([relative[0], relative[2], relative[3]], [1.0, 0.5, 0.0]);

    let image = tensor(&[0.5; 6], &[3, 1, 2]);
    let overlay = numbers(solution05::overlay(
        &image,
        &tensor(&[f32::NAN, f32::NAN], &[1, 2]),
        1.0,
    )?)?;
    let nan = draw::Colormap::NAN.map(|byte| f32::from(byte) / 255.0);
    assert_eq!(overlay, nan.map(|channel| [channel; 2]).concat());

    let mask = tensor(&[1.0, 0.0], &[1, 2]);
    for map in [[f32::NAN, 1.0], [1.0, f32::NAN]] {
        assert!(
            solution05::energy_inside(&tensor(&map, &[1, 2]), &mask)?.is_nan(),
            "{map:?}"
        );
    }

    let gradients = tensor(&[1.0, f32::NAN, 1.0, 1.0], &[1, 2, 1, 2]);
    let weights = numbers(solution05::plus_plus_weights(
        &tensor(&[1.0; 4], &[1, 2, 1, 2]),
        &gradients,
    )?)?;
    assert!(weights[0].is_nan() && weights[1] == 0.5, "{weights:?}");

    let x = candle_core::Var::from_tensor(&tensor(&[1.0, 1.0, 1.0], &[3]))?;
    let scores = (x.apply_op1(solution05::Guide)? * tensor(&[f32::NAN, 2.0, -2.0], &[3]))?.sum_all()?;
    let gradient = numbers(scores.backward()?.get(&x).expect("a gradient").clone())?;
    assert!(gradient[0].is_nan() && gradient[1..] == [2.0, 0.0], "{gradient:?}");
    Ok(())
}

/// 3.8: "of equal ones the earlier first".
#[test]
fn zero_and_minus_zero_are_equal_scores() {
    assert_eq!(solution03::top_examples(&[-0.0, 0.0, -0.0], 3), [0, 1, 2]);
    assert_eq!(solution03::top_examples(&[f32::NAN, -0.0, 1.0, 0.0], 3), [2, 1, 3]);
}

/// A batch of no images goes through every operation.
#[test]
fn an_empty_batch_has_empty_maps() -> Result<()> {
    let none = tensor(&[], &[0, 3, 5, 7]);
    let kernels = Tensor::ones((2, 3, 3, 3), DType::F32, &Device::Cpu)?;
    assert_eq!(ops::conv2d(&none, &kernels, Window::new(3))?.dims(), [0, 2, 3, 5]);
    assert_eq!(
        ops::conv2d(&none, &kernels, Window::new(3).stride(2).padding(1))?.dims(),
        [0, 2, 3, 4]
    );
    assert_eq!(ops::max_pool2d(&none, Window::new(3))?.dims(), [0, 3, 3, 5]);
    Ok(())
}
