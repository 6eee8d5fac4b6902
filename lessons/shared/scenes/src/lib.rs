//! Pictures whose truth is known: a seeded generator of scenes with exact concept masks.
//!
//! A [`Scene`] is a full description of a picture: one or two [`Figure`]s (shape, colour, texture, size, place,
//! rotation), a two-colour [`Background`], grain, and sometimes a small [`Badge`]. The shape of the first figure is the
//! class; every other factor is drawn independently of it. [`Scene::render`] gives the picture and, for every pixel,
//! what was drawn there, so "which unit detects stripes" and "where did the network look" have right answers.
//!
//! ```
//! use candle_core::Device;
//! use scenes::{Colour, Concept, Sampler, Scene};
//!
//! # fn main() -> candle_core::Result<()> {
//! let scene = Scene::sample(&Sampler::default(), 7, 0)?; // scene 0 of seed 7
//! let rendered = scene.render();
//! let pixels = rendered.image.to_tensor(&Device::Cpu)?; // [3, 128, 128], RGB in [0, 1]
//! assert_eq!(pixels.dims(), [3, 128, 128]);
//! assert!(rendered.masks.get(Concept::Shape(scene.class())).area() > 100);
//!
//! // The same scene with one factor changed: a counterfactual.
//! let blue = scene.with_colour(0, Colour::Blue)?.render();
//! assert_eq!(blue.masks.figure(0), rendered.masks.figure(0));
//! # Ok(())
//! # }
//! ```
//!
//! # The same bytes on every machine
//! Scene `index` of a seed has a random stream of its own (ChaCha8, stream number = index), so it does not depend on
//! how many scenes were drawn before. Sampling and rendering use only IEEE additions, multiplications, divisions and
//! square roots, and `libm` for sines and cosines.
//!
//! # Conventions
//! Lengths are in pixels. A [`Point`] is (x to the right, y down) from the top left corner of the canvas; the pixel in
//! column 0 and row 0 covers 0 ≤ x, y < 1 and its centre is (0.5, 0.5). Angles are in radians, counter-clockwise as
//! seen in the picture.

#![warn(missing_docs)]

mod badge;
mod colour;
mod concept;
mod factor;
mod image;
mod mask;
pub mod photo;
mod random;
mod render;
mod resample;
mod sampler;
mod scene;
mod shape;
mod texture;

pub use badge::Badge;
pub use colour::{COLOUR_AXES, Colour, Rgb};
pub use concept::Concept;
pub use image::{Image, batch, labels};
pub use mask::{Mask, Masks};
pub use render::Rendered;
pub use sampler::Sampler;
pub use scene::{Background, Canvas, Figure, Grain, Point, Scene};
pub use shape::Shape;
pub use texture::Texture;
