//! Pictures inside of a card: small JPEG files in base64, so that a card is one file.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use candle_core::{DType, Device, Tensor};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{FilterType, resize};
use image::{ImageFormat, RgbImage};
use serde::{Deserialize, Serialize};

/// A JPEG file in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Picture(String);

/// Quality of the JPEG files: noise of one pixel stays visible.
const QUALITY: u8 = 90;

impl Picture {
    /// From pixels in [0, 1], `[3, height, width]`.
    ///
    /// **Errors** if the shape is another.
    pub fn new(pixels: &Tensor) -> Result<Self> {
        Self::of(&rgb(pixels)?)
    }

    /// The same, `side` pixels wide and high.
    ///
    /// **Errors** if the shape is not `[3, height, width]`.
    pub fn small(pixels: &Tensor, side: u32) -> Result<Self> {
        Self::of(&resize(&rgb(pixels)?, side, side, FilterType::Triangle))
    }

    fn of(picture: &RgbImage) -> Result<Self> {
        let mut bytes = vec![];
        picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))?;
        Ok(Self(STANDARD.encode(bytes)))
    }

    /// As an address inside of a page.
    pub fn address(&self) -> String {
        format!("data:image/jpeg;base64,{}", self.0)
    }

    /// Its pixels, `[3, height, width]` in [0, 1], as near as JPEG kept them.
    ///
    /// **Errors** if it is no JPEG file.
    pub fn pixels(&self) -> Result<Tensor> {
        let bytes = STANDARD.decode(&self.0).context("a picture in base64")?;
        let picture = image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg)?.into_rgb8();
        let (width, height) = picture.dimensions();
        let pixels = Tensor::from_vec(picture.into_raw(), (height as usize, width as usize, 3), &Device::Cpu)?;
        Ok((pixels.permute((2, 0, 1))?.to_dtype(DType::F32)? / 255.0)?)
    }
}

fn rgb(pixels: &Tensor) -> Result<RgbImage> {
    let (_, height, width) = pixels.dims3()?;
    let bytes = (pixels.clamp(0f32, 1f32)? * 255.0)?.round()?.to_dtype(DType::U8)?;
    let bytes = bytes.permute((1, 2, 0))?.flatten_all()?.to_vec1::<u8>()?;
    RgbImage::from_raw(width as u32, height as u32, bytes).context("expected pixels of shape [3, height, width]")
}
