//! What a figure is made of.

use candle_core::Result;

use crate::canvas::{Canvas, Rect};

/// Room around the content: colour bars, notes, labels. In pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Furniture {
    /// Between the parts of the content, together.
    pub width: f32,
    /// To the right of the content; the title is centred over what is left of it.
    pub right: f32,
    /// Above and below the content, together.
    pub height: f32,
}

/// One part of a [`Figure`](crate::Figure), under a title.
pub trait Panel {
    /// Stands above the panel; the figure draws it.
    fn title(&self) -> Option<&str>;
    /// Width over height of the content.
    fn aspect(&self) -> f32;
    /// Room needed beside the content.
    fn furniture(&self) -> Furniture {
        Furniture::default()
    }
    /// Height of the content that looks best, in pixels; the figure never makes it higher by itself.
    fn preferred_height(&self) -> f32 {
        380.0
    }
    /// Whether it is made of lines and letters alone and can be drawn as SVG.
    fn is_vector(&self) -> bool {
        false
    }
    /// Draws content and furniture inside `area`, whatever its size.
    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<()>;
}
