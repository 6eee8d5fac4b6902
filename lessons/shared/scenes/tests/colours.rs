//! The colour axes are those of the scenes.

use scenes::{COLOUR_AXES, Sampler, Scene};

/// Σ over scenes and pixels of (c_i − mean_i)·(c_j − mean_j), per pixel.
fn covariance(scenes: u64) -> [[f64; 3]; 3] {
    let pixels: Vec<[f64; 3]> = (0..scenes)
        .flat_map(|index| {
            let scene = Scene::sample(&Sampler::default(), 41, index).unwrap();
            let image = scene.render().image;
            let colours = image.pixels.chunks_exact(3 * 7); // every seventh pixel
            colours
                .map(|pixel| [0, 1, 2].map(|c| f64::from(pixel[c]) / 255.0))
                .collect::<Vec<_>>()
        })
        .collect();
    let count = pixels.len() as f64;
    let mean = [0, 1, 2].map(|c| pixels.iter().map(|pixel| pixel[c]).sum::<f64>() / count);
    [0, 1, 2].map(|i| {
        [0, 1, 2].map(|j| {
            let products = pixels.iter().map(|pixel| (pixel[i] - mean[i]) * (pixel[j] - mean[j]));
            products.sum::<f64>() / count
        })
    })
}

fn product(i: usize, j: usize) -> f64 {
    (0..3)
        .map(|k| f64::from(COLOUR_AXES[i][k]) * f64::from(COLOUR_AXES[j][k]))
        .sum()
}

/// A·Aᵀ is the covariance but for one factor, on scenes that the axes were not measured on.
#[test]
fn the_axes_give_the_covariance() {
    let measured = covariance(400);
    let factor =
        measured.iter().enumerate().map(|(i, row)| row[i]).sum::<f64>() / (0..3).map(|i| product(i, i)).sum::<f64>();
    for (i, row) in measured.iter().enumerate() {
        for (j, value) in row.iter().enumerate() {
            let expected = factor * product(i, j);
            let share = (value - expected).abs() / measured[0][0];
            assert!(
                share < 0.06,
                "covariance {i}, {j}: measured {value:.5}, from the axes {expected:.5}"
            );
        }
    }
}

/// The columns are at right angles, the first of length 1 and longest.
#[test]
fn the_axes_are_principal_axes() {
    let column = |k: usize| [0, 1, 2].map(|row| f64::from(COLOUR_AXES[row][k]));
    let dot = |k: usize, l: usize| column(k).iter().zip(column(l)).map(|(a, b)| a * b).sum::<f64>();
    assert!((dot(0, 0) - 1.0).abs() < 1e-3);
    assert!(dot(0, 0) > dot(1, 1) && dot(1, 1) > dot(2, 2));
    for (k, l) in [(0, 1), (0, 2), (1, 2)] {
        assert!(dot(k, l).abs() < 1e-3, "columns {k} and {l}: {}", dot(k, l));
    }
}
