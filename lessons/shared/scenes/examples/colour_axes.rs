//! Measures how the colours of the scenes vary together: `cargo run -p scenes --example colour_axes -- [SCENES] [SEED]`.
//!
//! Prints the principal axes of the pixels' covariance, each scaled by the standard deviation along it, all divided by the
//! longest: the matrix `COLOUR_AXES` of the library, which lesson 03 paints with.

use scenes::{Sampler, Scene};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    writing::end_with_the_reader();
    let mut arguments = std::env::args().skip(1);
    let count = arguments.next().map_or(Ok(2000), |count| count.parse())?;
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
    let covariance = covariance(count, seed)?;
    let axes = axes(covariance);
    println!("covariance of red, green and blue in [0, 1] over {count} scenes of seed {seed}:");
    for row in covariance {
        println!("{row:9.5?}");
    }
    println!("pub const COLOUR_AXES: [[f32; 3]; 3] = [");
    for row in axes {
        println!("    {row:.4?},");
    }
    println!("];");
    Ok(())
}

/// Over all pixels of all scenes.
fn covariance(scenes: u64, seed: u64) -> candle_core::Result<[[f64; 3]; 3]> {
    let (mut count, mut sum, mut products) = (0.0, [0.0; 3], [[0.0; 3]; 3]);
    for index in 0..scenes {
        let image = Scene::sample(&Sampler::default(), seed, index)?.render().image;
        for pixel in image.pixels.chunks_exact(3) {
            let colour = [pixel[0], pixel[1], pixel[2]].map(|byte| f64::from(byte) / 255.0);
            count += 1.0;
            for (i, value) in colour.iter().enumerate() {
                sum[i] += value;
                for (j, other) in colour.iter().enumerate() {
                    products[i][j] += value * other;
                }
            }
        }
    }
    let mut covariance = [[0.0; 3]; 3];
    for (i, row) in covariance.iter_mut().enumerate() {
        for (j, value) in row.iter_mut().enumerate() {
            *value = products[i][j] / count - sum[i] / count * sum[j] / count;
        }
    }
    Ok(covariance)
}

/// Column k: the k-th principal axis times its standard deviation, the largest first; the longest column has length 1.
fn axes(covariance: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let (values, vectors) = eigen(covariance);
    let mut order = [0, 1, 2];
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let largest = values[order[0]].sqrt();
    let column = |k: usize| {
        let vector = vectors.map(|row| row[order[k]]);
        let strongest = vector.into_iter().max_by(|a, b| a.abs().total_cmp(&b.abs()));
        let sign = strongest.unwrap_or(1.0).signum(); // an axis has no sign of its own
        vector.map(|x| x * sign * values[order[k]].sqrt() / largest)
    };
    let columns = [column(0), column(1), column(2)];
    [0, 1, 2].map(|row| columns.map(|column| column[row]))
}

/// Eigenvalues and, as columns, eigenvectors of a symmetric matrix, by Jacobi's rotations.
fn eigen(mut matrix: [[f64; 3]; 3]) -> ([f64; 3], [[f64; 3]; 3]) {
    let mut vectors = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    for (p, q) in [(0, 1), (0, 2), (1, 2)].into_iter().cycle().take(60) {
        let angle = 0.5 * f64::atan2(2.0 * matrix[p][q], matrix[p][p] - matrix[q][q]);
        let (sin, cos) = angle.sin_cos();
        let turn = |rows: &mut [[f64; 3]; 3]| {
            for row in rows {
                (row[p], row[q]) = (cos * row[p] + sin * row[q], cos * row[q] - sin * row[p]);
            }
        };
        turn(&mut matrix); // columns
        matrix = transpose(matrix);
        turn(&mut matrix); // rows
        matrix = transpose(matrix);
        turn(&mut vectors);
    }
    ([0, 1, 2].map(|k| matrix[k][k]), vectors)
}

fn transpose(matrix: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    [0, 1, 2].map(|column| matrix.map(|row| row[column]))
}
