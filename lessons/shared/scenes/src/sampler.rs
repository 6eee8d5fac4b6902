//! The distribution that scenes are drawn from.

use candle_core::{Result, bail};
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

use crate::badge::Badge;
use crate::colour::{Colour, Rgb};
use crate::random::Dice;
use crate::scene::{Background, Canvas, Figure, Grain, Point, Scene};
use crate::shape::Shape;
use crate::texture::Texture;

/// What to draw scenes from. Shape, colour, texture, rotation, radius, background, grain and badge are independent and
/// uniform. A single figure's place is uniform over the square that keeps it on the canvas, a pair's over all placements
/// that keep the two apart, and a badge's over what the figures leave free.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampler {
    /// Size of the picture.
    pub canvas: Canvas,
    /// How many figures, 1 or 2. Two figures never have the same shape.
    pub figures: usize,
    /// Smallest and largest radius of a figure, in pixels.
    pub radius: (f64, f64),
    /// Share of scenes with a badge, 0 to 1. Its kind is uniform.
    pub badge_probability: f64,
}

/// Least distance between a figure or badge and the edge of the canvas, in pixels.
const MARGIN: f64 = 2.0;
/// Least distance between two figures, and between a figure and the badge, in pixels.
const GAP: f64 = 3.0;
/// Tries before a sampler is said to ask for too much.
const TRIES: usize = 10_000;

impl Default for Sampler {
    /// One figure of radius 20 to 40 on 128×128 pixels, a badge in one scene of five.
    fn default() -> Self {
        Self {
            canvas: Canvas::square(128),
            figures: 1,
            radius: (20.0, 40.0),
            badge_probability: 0.2,
        }
    }
}

impl Sampler {
    /// Two figures of radius 30 to 42 on 224×224 pixels, a badge in one scene of five.
    pub fn two_figures() -> Self {
        Self {
            canvas: Canvas::square(224),
            figures: 2,
            radius: (30.0, 42.0),
            ..Self::default()
        }
    }

    /// **Errors** on a number of figures, radius or probability outside its range.
    fn check(&self) -> Result<()> {
        let Canvas { width, height } = self.canvas;
        let (smallest, largest) = self.radius;
        let room = width.min(height) as f64 / 2.0 - MARGIN;
        if !(1..=2).contains(&self.figures) {
            bail!("expected 1 or 2 figures, got {}", self.figures)
        }
        if !(smallest > 0.0 && smallest <= largest && largest <= room) {
            bail!("expected radii 0 < smallest ≤ largest ≤ {room} on {width}×{height}, got {smallest} and {largest}")
        }
        if !(0.0..=1.0).contains(&self.badge_probability) {
            bail!(
                "expected a badge probability from 0 to 1, got {}",
                self.badge_probability
            )
        }
        Ok(())
    }
}

impl Scene {
    /// Scene `index` of `seed`. It is the same whichever scenes were drawn before it.
    ///
    /// **Errors** if the sampler is out of range, or asks for more than fits on its canvas.
    pub fn sample(sampler: &Sampler, seed: u64, index: u64) -> Result<Self> {
        sampler.check()?;
        let draw = &mut Dice::new(seed, index);
        let mut figures = draw_figures(sampler, draw);
        let background = draw_background(draw);
        let grain = Grain {
            strength: draw.between(2.0, 5.0),
            seed: draw.seed(),
        };
        // The kind is drawn even where no badge shows, so that the rest does not depend on the probability.
        let (shows, kind) = (draw.unit() < sampler.badge_probability, draw.one_of(&Badge::ALL));

        if !place_figures(sampler, &mut figures, draw) {
            bail!("expected a canvas with room for the figures, got {sampler:?}")
        }
        let Some(badge_place) = draw_badge_place(sampler, &figures, draw) else {
            bail!("expected a canvas with room for a badge beside the figures, got {sampler:?}")
        };
        Ok(Self {
            canvas: sampler.canvas,
            figures,
            background,
            grain,
            badge: shows.then_some(kind),
            badge_place,
        })
    }
}

/// All factors but the places.
fn draw_figures(sampler: &Sampler, draw: &mut Dice) -> Vec<Figure> {
    let mut figures: Vec<Figure> = Vec::with_capacity(sampler.figures);
    for _ in 0..sampler.figures {
        let shapes: Vec<Shape> = Shape::ALL
            .into_iter()
            .filter(|&shape| figures.iter().all(|figure| figure.shape != shape))
            .collect();
        figures.push(Figure {
            shape: draw.one_of(&shapes),
            colour: draw.one_of(&Colour::ALL),
            texture: draw.one_of(&Texture::ALL),
            radius: draw.between(sampler.radius.0, sampler.radius.1),
            place: Point::new(0.0, 0.0),
            rotation: draw.between(0.0, TAU),
        });
    }
    figures
}

/// Uniform over all placements that keep the figures apart; false if none was found.
fn place_figures(sampler: &Sampler, figures: &mut [Figure], draw: &mut Dice) -> bool {
    for _ in 0..TRIES {
        for figure in figures.iter_mut() {
            figure.place = draw_place(sampler.canvas, figure.radius, draw);
        }
        let apart = figures
            .iter()
            .enumerate()
            .all(|(index, figure)| is_free(&figures[..index], figure.place, figure.radius));
        if apart {
            return true;
        }
    }
    false
}

/// Uniform over the places clear of the figures; `None` if none was found.
fn draw_badge_place(sampler: &Sampler, figures: &[Figure], draw: &mut Dice) -> Option<Point> {
    (0..TRIES)
        .map(|_| draw_place(sampler.canvas, Badge::RADIUS, draw))
        .find(|&place| is_free(figures, place, Badge::RADIUS))
}

fn draw_place(canvas: Canvas, radius: f64, draw: &mut Dice) -> Point {
    let inset = radius + MARGIN;
    let x = draw.between(inset, canvas.width as f64 - inset);
    let y = draw.between(inset, canvas.height as f64 - inset);
    Point { x, y }
}

/// Whether a circle keeps its distance from all figures.
fn is_free(figures: &[Figure], place: Point, radius: f64) -> bool {
    figures
        .iter()
        .all(|figure| place.distance(figure.place) >= radius + figure.radius + GAP)
}

/// Two muted colours of neighbouring hues, one lighter than the other.
fn draw_background(draw: &mut Dice) -> Background {
    let hue = draw.unit();
    let saturation = draw.between(0.10, 0.26);
    let lightness = draw.between(0.66, 0.76);
    let (turn, step) = (draw.between(-0.14, 0.14), draw.between(0.06, 0.16));
    Background {
        from: muted(hue, saturation, lightness - step),
        to: muted(hue + turn, saturation, lightness + step),
        direction: draw.between(0.0, TAU),
    }
}

/// Hue (in turns), saturation and lightness to sRGB.
fn muted(hue: f64, saturation: f64, lightness: f64) -> Rgb {
    let chroma = (1.0 - (2.0 * lightness - 1.0).abs()) * saturation;
    [0.0, 2.0 / 3.0, 1.0 / 3.0].map(|offset| {
        let turns = hue + offset;
        let turns = turns - libm::floor(turns);
        // 1 near the channel's own hue, 0 on the other side of the wheel, straight in between.
        let share = ((6.0 * turns - 3.0).abs() - 1.0).clamp(0.0, 1.0);
        (255.0 * (lightness + chroma * (share - 0.5)) + 0.5) as u8
    })
}
