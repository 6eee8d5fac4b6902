//! Pictures in bytes and as tensors.

use std::fmt;

use candle_core::{Device, Result, Tensor, bail};

use crate::colour::Rgb;
use crate::render::Rendered;

/// An RGB picture, 8 bits a channel.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Red, green, blue of each pixel, row by row from the top left: `3 · width · height` bytes.
    pub pixels: Vec<u8>,
}

/// Its size only: a failed assertion should not print every byte.
impl fmt::Debug for Image {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Image({}×{})", self.width, self.height)
    }
}

impl Image {
    /// The colour at a column and row, both from 0.
    ///
    /// # Panics
    /// Outside the picture.
    pub fn pixel(&self, column: usize, row: usize) -> Rgb {
        assert!(
            column < self.width && row < self.height,
            "expected a pixel of a {}×{} image, got column {column}, row {row}",
            self.width,
            self.height
        );
        let start = 3 * (row * self.width + column);
        [self.pixels[start], self.pixels[start + 1], self.pixels[start + 2]]
    }

    /// As `[3, height, width]`, f32, RGB in [0, 1].
    pub fn to_tensor(&self, device: &Device) -> Result<Tensor> {
        Tensor::from_vec(self.planes(), (3, self.height, self.width), device)
    }

    fn planes(&self) -> Vec<f32> {
        let mut planes = Vec::with_capacity(self.pixels.len());
        for channel in 0..3 {
            planes.extend(
                self.pixels
                    .iter()
                    .skip(channel)
                    .step_by(3)
                    .map(|&byte| f32::from(byte) / 255.0),
            );
        }
        planes
    }
}

/// The pictures as `[batch, 3, height, width]`, f32, RGB in [0, 1].
///
/// **Errors** if there is none or their sizes differ.
pub fn batch(rendered: &[Rendered], device: &Device) -> Result<Tensor> {
    let Some(first) = rendered.first() else {
        bail!("expected at least one scene, got none")
    };
    let (width, height) = (first.image.width, first.image.height);
    let mut values = Vec::with_capacity(rendered.len() * 3 * height * width);
    for Rendered { image, .. } in rendered {
        if (image.width, image.height) != (width, height) {
            bail!(
                "expected {width}×{height} like the first image, got {}×{}",
                image.width,
                image.height
            )
        }
        values.extend(image.planes());
    }
    Tensor::from_vec(values, (rendered.len(), 3, height, width), device)
}

/// The classes as `[batch]`, u32: the index of the first figure's shape.
pub fn labels(rendered: &[Rendered], device: &Device) -> Result<Tensor> {
    let labels: Vec<u32> = rendered
        .iter()
        .map(|rendered| rendered.scene.class().index() as u32)
        .collect();
    Tensor::from_vec(labels, rendered.len(), device)
}
