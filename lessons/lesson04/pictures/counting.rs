//! Where units are on, kept as numbers of pixels. A unit is on in few, so hundreds of nulls and rotations take seconds; the
//! counts are those of 4.8.

/// Finds where enlarged maps are above 0.
pub struct Enlarged {
    width: usize,
    columns: usize,
    down: Vec<Strip>,
    across: Vec<Strip>,
}

/// Pixels in a row that mix the same two cells.
struct Strip {
    cells: [usize; 2],
    /// Each with the share of the second cell.
    pixels: Vec<(usize, f64)>,
}

impl Enlarged {
    /// Maps of `[height, width]` on images of `[rows, columns]`, at most 65,536 pixels, as 4.8 enlarges them.
    pub fn new([height, width]: [usize; 2], [rows, columns]: [usize; 2]) -> Self {
        Self {
            width,
            columns,
            down: strips(height, rows),
            across: strips(width, columns),
        }
    }

    /// The pixels where a map is above 0, in no order; `map`: a unit's activations less its threshold, row by row.
    pub fn lit(&self, map: &[f32]) -> Vec<u16> {
        let mut found = vec![];
        if map.iter().all(|&value| value <= 0.0) {
            return found;
        }
        let mix = |from: f32, to: f32, share: f64| f64::from(from) * (1.0 - share) + f64::from(to) * share;
        for down in &self.down {
            for across in &self.across {
                let [top, bottom] = down
                    .cells
                    .map(|row| across.cells.map(|column| map[row * self.width + column]));
                // A mixture is not above the largest of what is mixed.
                if top.iter().chain(&bottom).all(|&value| value <= 0.0) {
                    continue;
                }
                for &(row, low) in &down.pixels {
                    for &(column, right) in &across.pixels {
                        let (upper, lower) = (mix(top[0], top[1], right), mix(bottom[0], bottom[1], right));
                        if (upper * (1.0 - low) + lower * low) as f32 > 0.0 {
                            found.push((row * self.columns + column) as u16);
                        }
                    }
                }
            }
        }
        found
    }
}

fn strips(from: usize, to: usize) -> Vec<Strip> {
    let mut strips: Vec<Strip> = vec![];
    for pixel in 0..to {
        let place = (from as f64 / to as f64 * (pixel as f64 + 0.5) - 0.5).max(0.0);
        let first = place as usize;
        let cells = [first, (first + 1).min(from - 1)];
        if strips.last().is_none_or(|strip| strip.cells != cells) {
            strips.push(Strip { cells, pixels: vec![] });
        }
        if let Some(strip) = strips.last_mut() {
            strip.pixels.push((pixel, place - first as f64));
        }
    }
    strips
}

/// The masks of an image as one number for each pixel: bit c is set where concept c is shown.
pub fn bits<'a>(masks: impl IntoIterator<Item = &'a [bool]>) -> Vec<u32> {
    let mut all = vec![];
    for (concept, mask) in masks.into_iter().enumerate() {
        all.resize(mask.len(), 0);
        for (bits, &shown) in all.iter_mut().zip(mask) {
            *bits |= u32::from(shown) << concept;
        }
    }
    all
}

/// Pixels that show each of the concepts, over all images.
pub fn shown(masks: &[Vec<u32>], concepts: usize) -> Vec<u32> {
    let mut counts = vec![0; concepts];
    masks.iter().flatten().for_each(|&bits| count(bits, &mut counts));
    counts
}

fn count(mut bits: u32, counts: &mut [u32]) {
    while bits != 0 {
        counts[bits.trailing_zeros() as usize] += 1;
        bits &= bits - 1;
    }
}

/// IoU (4.8) of one unit with each concept, if each image had the masks of the image `shift` before it: 0 for its own.
///
/// - `on`: the pixels of each image where the unit is on; `shown`: as of the function of this name
pub fn iou(on: &[Vec<u16>], masks: &[Vec<u32>], shown: &[u32], shift: usize) -> Vec<f64> {
    let mut both = vec![0; shown.len()];
    let mut unit = 0;
    for (image, pixels) in on.iter().enumerate() {
        let masks = &masks[(image + masks.len() - shift) % masks.len()];
        unit += pixels.len() as u32;
        pixels
            .iter()
            .for_each(|&pixel| count(masks[usize::from(pixel)], &mut both));
    }
    let pairs = both.iter().zip(shown);
    pairs
        .map(|(&both, &shown)| f64::from(both) / f64::from((unit + shown - both).max(1)))
        .collect()
}

/// The threshold (4.8) of some activations: so many of them are above it as the share says.
pub fn threshold(mut activations: Vec<f32>, share: f64) -> f32 {
    let above = (share * activations.len() as f64) as usize;
    let (_, threshold, _) = activations.select_nth_unstable_by(above, |a, b| b.total_cmp(a));
    *threshold
}
