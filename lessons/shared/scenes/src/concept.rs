//! Everything a mask can be asked for.

use std::fmt;

use crate::badge::Badge;
use crate::colour::Colour;
use crate::shape::Shape;
use crate::texture::Texture;

/// Something that was drawn, and where: one value of a factor, or the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Concept {
    /// The area of figures of this shape.
    Shape(Shape),
    /// The area of figures of this colour, both tones.
    Colour(Colour),
    /// The whole area of figures with this texture.
    Texture(Texture),
    /// The area of a badge of this kind, rim included.
    Badge(Badge),
    /// Everything else.
    Background,
}

impl Concept {
    /// Every concept: shapes, colours, textures, badges, background.
    pub fn all() -> Vec<Concept> {
        let shapes = Shape::ALL.into_iter().map(Concept::Shape);
        let colours = Colour::ALL.into_iter().map(Concept::Colour);
        let textures = Texture::ALL.into_iter().map(Concept::Texture);
        let badges = Badge::ALL.into_iter().map(Concept::Badge);
        shapes
            .chain(colours)
            .chain(textures)
            .chain(badges)
            .chain([Concept::Background])
            .collect()
    }

    /// The factor it belongs to: "shape", "colour", "texture", "badge" or "background".
    pub const fn factor(self) -> &'static str {
        match self {
            Concept::Shape(_) => "shape",
            Concept::Colour(_) => "colour",
            Concept::Texture(_) => "texture",
            Concept::Badge(_) => "badge",
            Concept::Background => "background",
        }
    }
}

/// As tables print it; no two concepts read the same ("ring" is the shape, "ring badge" the badge).
impl fmt::Display for Concept {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Concept::Shape(shape) => formatter.pad(shape.name()),
            Concept::Colour(colour) => formatter.pad(colour.name()),
            Concept::Texture(texture) => formatter.pad(texture.name()),
            Concept::Badge(badge) => formatter.pad(&format!("{badge} badge")),
            Concept::Background => formatter.pad("background"),
        }
    }
}
