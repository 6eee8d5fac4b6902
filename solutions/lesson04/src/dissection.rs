//! Exercise 4.8: which unit stands for which concept.

use candle_core::{DType, Device, Result, Tensor, bail};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The largest activations of each unit so far: what is needed to find its threshold without keeping all of them.
#[derive(Debug, Clone)]
pub struct Thresholds {
    /// The largest values of each unit, falling, `[units, at most keep]`; nothing yet before the first batch.
    pub largest: Option<Tensor>,
    /// How many values per unit are enough.
    pub keep: usize,
}

impl Thresholds {
    /// ## 4.8 When is a unit "on"?
    ///
    /// In the highest `share` of all its activations, over the whole data set: every place of every image. Each unit has a
    /// threshold T of its own, since units differ in scale, and the same T for all images.
    ///
    /// ```math
    /// T = the (⌊share·values⌋ + 1)-th largest activation of the unit,     on where a > T
    /// ```
    /// - `values`: activations per unit over the whole data set: images · height · width of the map
    /// - `share`: 0.005 in Bau et al.
    ///
    /// **Errors** unless `values` is at least 1 and 0 < `share` < 1.
    /// **Source** Bau et al. 2017, "Network Dissection", section 2.2: P(a > T) = 0.005.
    /// **Accepted by** `cargo test -p lesson04 -- ex4_8`
    pub fn new(values: usize, share: f64) -> Result<Self> {
        if values == 0 || !(share > 0.0 && share < 1.0) {
            bail!("expected at least one value and a share between 0 and 1, got {values} and {share}")
        }
        Ok(Self {
            largest: None,
            keep: (share * values as f64) as usize + 1,
        })
    }

    /// Takes in a batch of activations, and keeps the `keep` largest of each unit.
    ///
    /// - `activations`: f32, `[batch, units, height, width]`
    ///
    /// `t.transpose(0, 1)?.flatten_from(1)?` has one row per unit, and `t.contiguous()?.sort_last_dim(false)?` sorts rows,
    /// largest first; the second of what it returns is not needed.
    ///
    /// **Errors** if the number of units differs from that of earlier batches.
    pub fn update(&mut self, activations: &Tensor) -> Result<()> {
        let (_, units, _, _) = activations.dims4()?;
        if let Some(largest) = &self.largest
            && largest.dim(0)? != units
        {
            bail!("expected {} units, got {units}", largest.dim(0)?)
        }
        let mut values = activations.transpose(0, 1)?.flatten_from(1)?; // [units, batch·height·width]
        if let Some(largest) = &self.largest {
            values = Tensor::cat(&[largest, &values], 1)?;
        }
        let (sorted, _) = values.contiguous()?.sort_last_dim(false)?;
        let kept = self.keep.min(sorted.dim(1)?);
        self.largest = Some(sorted.narrow(1, 0, kept)?.contiguous()?);
        Ok(())
    }

    /// The threshold of each unit, `[units]`.
    ///
    /// **Errors** if fewer values came than are needed.
    pub fn finish(&self) -> Result<Tensor> {
        match &self.largest {
            Some(largest) if largest.dim(1)? == self.keep => largest.narrow(1, self.keep - 1, 1)?.squeeze(1),
            _ => bail!("expected at least {} values per unit", self.keep),
        }
    }
}

/// Counts of pixels, pooled over the data set.
#[derive(Debug, Clone)]
pub struct Dissection {
    /// T, `[units]`.
    pub thresholds: Tensor,
    /// Pixels where the unit is on and the concept is shown: f64, `[units, concepts]`.
    pub both: Tensor,
    /// Pixels where the unit is on: f64, `[units, 1]`.
    pub unit: Tensor,
    /// Pixels where the concept is shown: f64, `[1, concepts]`.
    pub concept: Tensor,
}

impl Dissection {
    /// No pixels counted yet.
    ///
    /// - `thresholds`: T, f32, `[units]`
    /// - `concepts`: how many there are
    ///
    /// **Errors** if `thresholds` is not of rank 1.
    pub fn new(thresholds: &Tensor, concepts: usize) -> Result<Self> {
        let units = thresholds.dims1()?;
        let zeros = |shape| Tensor::zeros(shape, DType::F64, &Device::Cpu);
        Ok(Self {
            thresholds: thresholds.clone(),
            both: zeros((units, concepts))?,
            unit: zeros((units, 1))?,
            concept: zeros((1, concepts))?,
        })
    }

    /// Where does the unit see something, and what was there?
    ///
    /// A map of layer4 has 4×4 places, a mask 128×128 pixels. The map is enlarged to the size of the mask, bilinearly, and
    /// *then* compared with T.
    ///
    /// ```math
    /// on_u = enlarged(a_u) > T_u         both_uc += |on_u ∩ mask_c|     unit_u += |on_u|     concept_c += |mask_c|
    /// ```
    /// - `activations`: f32, `[batch, units, height, width]`
    /// - `masks`: f32, `[batch, concepts, rows, columns]`: 1 where the concept was drawn, else 0
    ///
    /// Go image by image: 128 maps of 128×128 are 8 MiB, and a batch of 50 would be 400. With on as a matrix `[units, pixels]`
    /// and the masks as `[pixels, concepts]`, all intersections are one product. `upsample_bilinear2d(rows, columns, false)?`
    /// enlarges; the line in front of it that is safe (see the trap):
    ///
    /// ```ignore
    /// let maps = activations.narrow(0, image, 1)?.force_contiguous()?; // a copy of this image's maps
    /// ```
    ///
    /// **Errors** if the number of units or concepts is another than in `new`, or the batches differ.
    /// **Trap** candle's `upsample_bilinear2d` returns the first image's maps for every `narrow(0, image, 1)` whose maps
    /// already have the size of the masks, unless they were copied or computed. And an f32 cannot count beyond 16,777,216,
    /// while 1,025 images of 128×128 have more pixels: add up in f64.
    pub fn update(&mut self, activations: &Tensor, masks: &Tensor) -> Result<()> {
        let (batch, units, _, _) = activations.dims4()?;
        let (images, concepts, rows, columns) = masks.dims4()?;
        if images != batch || [units, concepts] != self.both.dims() {
            bail!(
                "expected activations and masks of {:?} units and concepts for the same images, got {:?} and {:?}",
                self.both.dims(),
                activations.dims(),
                masks.dims()
            )
        }
        let thresholds = self.thresholds.reshape((1, units, 1, 1))?;
        for image in 0..batch {
            // Enlarging keeps differences, so T can come off the small map: the large one is compared with 0.
            let on = activations
                .narrow(0, image, 1)?
                .broadcast_sub(&thresholds)?
                .upsample_bilinear2d(rows, columns, false)?
                .gt(0f32)?
                .to_dtype(DType::F32)?
                .reshape((units, rows * columns))?;
            let mask = masks.get(image)?.flatten_from(1)?; // [concepts, pixels]
            let add = |count: &Tensor, more: Tensor| count + more.to_dtype(DType::F64)?;
            self.both = add(&self.both, on.matmul(&mask.t()?)?)?;
            self.unit = add(&self.unit, on.sum_keepdim(1)?)?;
            self.concept = add(&self.concept, mask.sum_keepdim(1)?.t()?)?;
        }
        Ok(())
    }

    /// How well does each unit stand for each concept?
    ///
    /// ```math
    /// IoU_uc = both_uc / (unit_u + concept_c − both_uc),    0 where there is nothing to divide by
    /// ```
    /// - returns f64, `[units, concepts]`, from 0 to 1
    ///
    /// **Trap** It is the ratio of two sums over the data set. The mean of ratios per image is something else: in most
    /// images a concept does not appear at all.
    pub fn iou(&self) -> Result<Tensor> {
        let union = self.unit.broadcast_add(&self.concept)?.broadcast_sub(&self.both)?;
        // Where the union is empty, so is the intersection.
        &self.both / union.maximum(1.0)?
    }
}

/// The concept with the largest IoU for each unit, and that IoU. Of equal ones the first.
///
/// - `iou`: f64, `[units, concepts]`
///
/// **Errors** if there are no concepts.
pub fn best_concepts(iou: &Tensor) -> Result<Vec<(usize, f64)>> {
    if iou.dims2()?.1 == 0 {
        bail!("expected at least one concept, got {:?}", iou.dims())
    }
    let better = |best: (usize, f64), one: (usize, f64)| if one.1 > best.1 { one } else { best };
    let best = |row: &Vec<f64>| {
        (1..row.len())
            .map(|concept| (concept, row[concept]))
            .fold((0, row[0]), better)
    };
    Ok(iou.to_vec2::<f64>()?.iter().map(best).collect())
}

/// What would chance give? The masks of a batch, each moved on to the next image, the last one's to the first.
///
/// A unit that finds nothing still overlaps with figures, because both like the middle of the picture. Dissecting with
/// the masks of *other* images shows how much. This is one such experiment; the pictures move the masks by 200 different
/// numbers of images, and ask each unit to lie above 99 % of its own.
///
/// - `masks`: `[batch, concepts, rows, columns]`; returns the same shape: image i gets the masks of image i − 1
///
/// **Errors** if there are fewer than two images: then every image would keep its own.
pub fn shuffled(masks: &Tensor) -> Result<Tensor> {
    let images = masks.dim(0)?;
    if images < 2 {
        bail!("expected two images or more, got {images}")
    }
    let (last, others) = (masks.narrow(0, images - 1, 1)?, masks.narrow(0, 0, images - 1)?);
    Tensor::cat(&[last, others], 0)
}

/// A random rotation of the space of units: an orthogonal matrix, f32, `[units, units]`.
///
/// Its rows are normal random vectors, each made perpendicular to those before it and of length 1.
pub fn random_rotation(units: usize, seed: u64) -> Result<Tensor> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut normal = || {
        let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
        radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
    };
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(units);
    while rows.len() < units {
        let mut row: Vec<f64> = (0..units).map(|_| normal()).collect();
        // Twice, against rounding.
        for other in rows.iter().chain(&rows) {
            let along: f64 = row.iter().zip(other).map(|(a, b)| a * b).sum();
            row.iter_mut().zip(other).for_each(|(a, b)| *a -= along * b);
        }
        let length = row.iter().map(|a| a * a).sum::<f64>().sqrt();
        rows.push(row.iter().map(|a| a / length).collect());
    }
    let values: Vec<f32> = rows.concat().iter().map(|&a| a as f32).collect();
    Tensor::from_vec(values, (units, units), &Device::Cpu)
}

/// Activations seen along other axes: at every place, the vector of all units times the matrix.
///
/// - `activations`: `[batch, units, height, width]`; `axes`: `[new units, units]`, one axis per row
/// - returns `[batch, new units, height, width]`
///
/// **Errors** if the number of units differs.
pub fn rotated(activations: &Tensor, axes: &Tensor) -> Result<Tensor> {
    let (batch, units, height, width) = activations.dims4()?;
    let flat = activations.reshape((batch, units, height * width))?;
    let turned = axes.unsqueeze(0)?.broadcast_matmul(&flat)?;
    turned.reshape((batch, axes.dim(0)?, height, width))
}
