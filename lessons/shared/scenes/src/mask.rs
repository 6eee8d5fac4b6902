//! What each pixel shows.

use std::fmt;

use candle_core::{Device, Result, Tensor};

use crate::concept::Concept;
use crate::scene::{Canvas, Scene};

/// A set of pixels.
#[derive(Clone, PartialEq, Eq)]
pub struct Mask {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Whether each pixel belongs, row by row from the top left: `width · height` entries.
    pub pixels: Vec<bool>,
}

/// Its size and area only: a failed assertion should not print every pixel.
impl fmt::Debug for Mask {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Mask({}×{}, area {})", self.width, self.height, self.area())
    }
}

impl Mask {
    /// Whether the pixel at a column and row, both from 0, belongs.
    ///
    /// # Panics
    /// Outside the picture.
    pub fn contains(&self, column: usize, row: usize) -> bool {
        assert!(
            column < self.width && row < self.height,
            "expected a pixel of a {}×{} mask, got column {column}, row {row}",
            self.width,
            self.height
        );
        self.pixels[row * self.width + column]
    }

    /// Number of pixels that belong.
    pub fn area(&self) -> usize {
        self.pixels.iter().filter(|&&belongs| belongs).count()
    }

    /// Share of the picture, 0 to 1.
    pub fn share(&self) -> f64 {
        self.area() as f64 / self.pixels.len() as f64
    }

    /// As `[height, width]`, f32: 1 where the pixel belongs, else 0.
    pub fn to_tensor(&self, device: &Device) -> Result<Tensor> {
        let values: Vec<f32> = self
            .pixels
            .iter()
            .map(|&belongs| f32::from(u8::from(belongs)))
            .collect();
        Tensor::from_vec(values, (self.height, self.width), device)
    }
}

/// What owns a pixel: that which at least half of its samples hit, painted last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Background,
    Figure(u8),
    Badge,
}

/// The masks of everything in a scene. They never overlap: a pixel belongs to the background, to one figure or to the
/// badge.
#[derive(Clone, PartialEq)]
pub struct Masks {
    canvas: Canvas,
    owners: Vec<Owner>,
    figures: Vec<[Concept; 3]>,
    badge: Option<Concept>,
}

/// What was drawn, without the pixels.
impl fmt::Debug for Masks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("Masks");
        shown
            .field("canvas", &self.canvas)
            .field("figures", &self.figures)
            .field("badge", &self.badge);
        shown.finish_non_exhaustive()
    }
}

impl Masks {
    pub(crate) fn new(scene: &Scene, owners: Vec<Owner>) -> Self {
        let concepts = scene.figures.iter().map(|figure| {
            [
                Concept::Shape(figure.shape),
                Concept::Colour(figure.colour),
                Concept::Texture(figure.texture),
            ]
        });
        Self {
            canvas: scene.canvas,
            owners,
            figures: concepts.collect(),
            badge: scene.badge.map(Concept::Badge),
        }
    }

    /// Where the concept was drawn; empty if it was not.
    pub fn get(&self, concept: Concept) -> Mask {
        self.select(|owner| match owner {
            Owner::Background => concept == Concept::Background,
            Owner::Figure(index) => self.figures[usize::from(index)].contains(&concept),
            Owner::Badge => self.badge == Some(concept),
        })
    }

    /// Where the figure with this index was drawn; empty if there is none.
    pub fn figure(&self, figure: usize) -> Mask {
        self.select(|owner| matches!(owner, Owner::Figure(index) if usize::from(index) == figure))
    }

    /// Where the badge was drawn; empty if there is none.
    pub fn badge(&self) -> Mask {
        self.select(|owner| owner == Owner::Badge)
    }

    fn select(&self, belongs: impl Fn(Owner) -> bool) -> Mask {
        Mask {
            width: self.canvas.width,
            height: self.canvas.height,
            pixels: self.owners.iter().map(|&owner| belongs(owner)).collect(),
        }
    }
}
