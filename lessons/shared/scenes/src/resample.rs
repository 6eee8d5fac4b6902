//! Resizing as Pillow does it, bit for bit, because that is what torchvision's networks were evaluated with.

use std::ops::Range;

use crate::image::Image;

/// Bits of the fraction in which weights are held; 8 more for the pixel and 2 for the sum make 32.
const FRACTION: u32 = 32 - 8 - 2;
const ONE: f64 = (1 << FRACTION) as f64;
const HALF: i32 = 1 << (FRACTION - 1);

/// How one output position is mixed from the input: the first position and the weight of it and the following ones.
struct Mix {
    start: usize,
    weights: Vec<i32>,
}

/// The mixes of the output positions in `window`, if `input` positions become `output`.
///
/// The filter is a triangle of half-width 1 output position when it shrinks (it then averages: antialiasing), and of 1
/// input position when it enlarges.
fn mixes(input: usize, output: usize, window: Range<usize>) -> Vec<Mix> {
    let scale = input as f64 / output as f64;
    let reach = scale.max(1.0);
    let mix = |position: usize| {
        let centre = (position as f64 + 0.5) * scale;
        let start = (centre - reach + 0.5).max(0.0) as usize;
        let end = ((centre + reach + 0.5) as usize).min(input);
        let triangle = |at: usize| (1.0 - ((at as f64 - centre + 0.5) / reach).abs()).max(0.0);
        let weights: Vec<f64> = (start..end).map(triangle).collect();
        let sum: f64 = weights.iter().sum();
        Mix {
            start,
            weights: weights.iter().map(|weight| (0.5 + weight / sum * ONE) as i32).collect(),
        }
    };
    window.map(mix).collect()
}

fn to_byte(sum: i32) -> u8 {
    (sum >> FRACTION).clamp(0, 255) as u8
}

/// The part of the resized picture that lies in `columns` and `rows`; what lies outside is never made, so that a picture
/// of 20,000×1 pixels needs no more memory than another.
///
/// Along the rows first, rounded to bytes, then along the columns.
pub(crate) fn resize(
    picture: &Image,
    (width, height): (usize, usize),
    columns: Range<usize>,
    rows: Range<usize>,
) -> Image {
    let across = mixes(picture.width, width, columns);
    let down = mixes(picture.height, height, rows);
    let first = down.iter().map(|mix| mix.start).min().unwrap_or(0);
    let last = down.iter().map(|mix| mix.start + mix.weights.len()).max();

    let mut narrow = Vec::new(); // [rows of the input that are needed, columns, 3]
    for row in first..last.unwrap_or(0) {
        let line = &picture.pixels[3 * picture.width * row..][..3 * picture.width];
        for mix in &across {
            let pixels = line[3 * mix.start..].chunks_exact(3);
            let mut sums = [HALF; 3];
            for (pixel, weight) in pixels.zip(&mix.weights) {
                for (sum, &byte) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(byte) * weight;
                }
            }
            narrow.extend(sums.map(to_byte));
        }
    }

    let length = 3 * across.len();
    let mut pixels = Vec::with_capacity(length * down.len());
    for mix in &down {
        let mut sums = vec![HALF; length];
        let lines = narrow[length * (mix.start - first)..].chunks_exact(length);
        for (line, weight) in lines.zip(&mix.weights) {
            for (sum, &byte) in sums.iter_mut().zip(line) {
                *sum += i32::from(byte) * weight;
            }
        }
        pixels.extend(sums.into_iter().map(to_byte));
    }
    Image {
        width: across.len(),
        height: down.len(),
        pixels,
    }
}
