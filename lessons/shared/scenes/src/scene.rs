//! A scene: the description of a picture, and its counterfactuals.

use candle_core::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::badge::Badge;
use crate::colour::{Colour, Rgb};
use crate::shape::Shape;
use crate::texture::Texture;

/// The size of a picture in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canvas {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Canvas {
    /// A square canvas.
    pub const fn square(side: usize) -> Self {
        Self {
            width: side,
            height: side,
        }
    }
}

/// A place on the canvas, in pixels from its top left corner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// To the right.
    pub x: f64,
    /// Down.
    pub y: f64,
}

impl Point {
    /// The point `x` pixels to the right of the top left corner and `y` below it.
    pub const fn new(x: f64, y: f64) -> Self {
        Self { x, y }
    }

    /// Distance in pixels.
    pub fn distance(self, other: Point) -> f64 {
        let (dx, dy) = (self.x - other.x, self.y - other.y);
        (dx * dx + dy * dy).sqrt()
    }
}

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Outline.
    pub shape: Shape,
    /// Hue of both tones.
    pub colour: Colour,
    /// Pattern of the two tones.
    pub texture: Texture,
    /// Radius of the circumscribed circle, in pixels.
    pub radius: f64,
    /// Centre of the circumscribed circle.
    pub place: Point,
    /// Turn of the shape, in radians counter-clockwise; the texture does not turn with it.
    pub rotation: f64,
}

/// What lies behind the figures: a gradient between two muted colours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Background {
    /// Colour at the near edge of the canvas.
    pub from: Rgb,
    /// Colour at the far edge.
    pub to: Rgb,
    /// Direction from near to far, in radians counter-clockwise from "to the right".
    pub direction: f64,
}

/// Fine grain over the whole picture, the same in all three channels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grain {
    /// Standard deviation, in steps of 1/255.
    pub strength: f64,
    /// Seed of the grain's own random stream: it does not change with anything else in the scene.
    pub seed: u64,
}

/// The complete description of a picture. Two equal scenes render to the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scene {
    /// Size of the picture.
    pub canvas: Canvas,
    /// The figures, first painted first. The shape of the first one is the class.
    pub figures: Vec<Figure>,
    /// What lies behind them.
    pub background: Background,
    /// Grain over the whole picture.
    pub grain: Grain,
    /// The small decoration, absent from most scenes.
    pub badge: Option<Badge>,
    /// Centre of the badge; also set where there is none, so that one can be put on.
    pub badge_place: Point,
}

/// Counterfactuals: this scene with one factor changed and everything else, grain included, as it was.
///
/// `figure` counts from 0. **Errors** where there is no such figure, and where the change would push a figure over the
/// edge of the canvas, onto another figure or onto the badge's place. That place is kept free also where no badge shows,
/// so that [`with_badge`](Self::with_badge) always works.
impl Scene {
    /// The class: the shape of the first figure.
    ///
    /// # Panics
    /// If the scene has no figure, which no sampler makes.
    pub fn class(&self) -> Shape {
        self.figures[0].shape
    }

    /// Another shape.
    pub fn with_shape(&self, figure: usize, shape: Shape) -> Result<Self> {
        self.change(figure, |figure| figure.shape = shape)
    }

    /// Another colour.
    pub fn with_colour(&self, figure: usize, colour: Colour) -> Result<Self> {
        self.change(figure, |figure| figure.colour = colour)
    }

    /// Another texture.
    pub fn with_texture(&self, figure: usize, texture: Texture) -> Result<Self> {
        self.change(figure, |figure| figure.texture = texture)
    }

    /// Another radius, in pixels.
    pub fn with_size(&self, figure: usize, radius: f64) -> Result<Self> {
        self.change(figure, |figure| figure.radius = radius)
    }

    /// Another centre.
    pub fn with_place(&self, figure: usize, place: Point) -> Result<Self> {
        self.change(figure, |figure| figure.place = place)
    }

    /// Another turn, in radians counter-clockwise.
    pub fn with_rotation(&self, figure: usize, rotation: f64) -> Result<Self> {
        self.change(figure, |figure| figure.rotation = rotation)
    }

    /// Another badge at the place reserved for it, or none.
    pub fn with_badge(&self, badge: Option<Badge>) -> Self {
        Self { badge, ..self.clone() }
    }

    /// Another place for the badge.
    pub fn with_badge_place(&self, badge_place: Point) -> Result<Self> {
        let scene = Self {
            badge_place,
            ..self.clone()
        };
        scene.check()?;
        Ok(scene)
    }

    /// Another background.
    pub fn with_background(&self, background: Background) -> Self {
        Self {
            background,
            ..self.clone()
        }
    }

    /// Other grain.
    pub fn with_grain(&self, grain: Grain) -> Self {
        Self { grain, ..self.clone() }
    }

    fn change(&self, figure: usize, change: impl FnOnce(&mut Figure)) -> Result<Self> {
        let mut scene = self.clone();
        let Some(changed) = scene.figures.get_mut(figure) else {
            bail!("expected a figure below {}, got figure {figure}", self.figures.len())
        };
        change(changed);
        scene.check()?;
        Ok(scene)
    }

    /// Whether every circle (figures, the badge's place) lies on the canvas and none touches another.
    ///
    /// **Errors** name the first circle that does not fit.
    pub fn check(&self) -> Result<()> {
        let badge = match self.badge {
            Some(_) => "the badge",
            None => "the place kept for a badge",
        };
        let badge = (badge.to_string(), self.badge_place, Badge::RADIUS);
        let figures = self.figures.iter().enumerate();
        let circles: Vec<_> = figures
            .map(|(index, figure)| (format!("figure {index}"), figure.place, figure.radius))
            .chain([badge])
            .collect();
        for (index, (name, place, radius)) in circles.iter().enumerate() {
            if !fits(self.canvas, *place, *radius) {
                let Canvas { width, height } = self.canvas;
                bail!(
                    "expected {name} inside the {width}×{height} canvas, got radius {radius:.1} at ({:.1}, {:.1})",
                    place.x,
                    place.y
                )
            }
            for (other_name, other_place, other_radius) in &circles[..index] {
                let (distance, least) = (place.distance(*other_place), radius + other_radius);
                if distance < least {
                    bail!("expected {other_name} and {name} at least {least:.1} pixels apart, got {distance:.1}")
                }
            }
        }
        Ok(())
    }
}

/// Whether a circle lies on the canvas.
pub(crate) fn fits(canvas: Canvas, place: Point, radius: f64) -> bool {
    radius > 0.0
        && (radius..=canvas.width as f64 - radius).contains(&place.x)
        && (radius..=canvas.height as f64 - radius).contains(&place.y)
}
