//! From the description to pixels and masks.

use crate::badge::Badge;
use crate::colour::Rgb;
use crate::image::Image;
use crate::mask::{Masks, Owner};
use crate::random::Dice;
use crate::scene::{Background, Canvas, Figure, Point, Scene};

/// A scene, its picture and its truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Rendered {
    /// What was drawn.
    pub scene: Scene,
    /// The picture.
    pub image: Image,
    /// What each pixel shows.
    pub masks: Masks,
}

/// Each pixel is the mean of 3×3 samples at these offsets, in both directions.
const OFFSETS: [f64; 3] = [1.0 / 6.0, 0.5, 5.0 / 6.0];
const SAMPLES: usize = OFFSETS.len() * OFFSETS.len();

impl Scene {
    /// Draws the picture and its masks.
    ///
    /// Edges are anti-aliased with 3×3 samples a pixel; a pixel belongs to the mask of what at least half of its
    /// samples (5 of 9) hit.
    pub fn render(&self) -> Rendered {
        let mut painting = Painting::new(self.canvas, &self.background);
        for (index, figure) in self.figures.iter().enumerate() {
            painting.figure(index, figure);
        }
        if let Some(badge) = self.badge {
            painting.layer(self.badge_place, Badge::RADIUS, Owner::Badge, |x, y| {
                badge.colour_at(x, y)
            });
        }
        let image = painting.finish(&mut Dice::new(self.grain.seed, 0), self.grain.strength as f32);
        Rendered {
            scene: self.clone(),
            image,
            masks: Masks::new(self, painting.owners),
        }
    }
}

/// The picture in the making, before grain and rounding.
struct Painting {
    canvas: Canvas,
    colours: Vec<[f32; 3]>, // 0 to 255, row by row
    owners: Vec<Owner>,
}

impl Painting {
    fn new(canvas: Canvas, background: &Background) -> Self {
        let (width, height) = (canvas.width as f64, canvas.height as f64);
        // One step right and one step down, as shares of the way from edge to edge.
        let (right, down) = (libm::cos(background.direction), -libm::sin(background.direction));
        let span = width * right.abs() + height * down.abs();
        let mut colours = Vec::with_capacity(canvas.width * canvas.height);
        for row in 0..canvas.height {
            for column in 0..canvas.width {
                let (x, y) = (column as f64 + 0.5 - width / 2.0, row as f64 + 0.5 - height / 2.0);
                let share = ((x * right + y * down) / span + 0.5) as f32;
                colours.push(std::array::from_fn(|channel| {
                    let (from, to) = (f32::from(background.from[channel]), f32::from(background.to[channel]));
                    from + (to - from) * share
                }));
            }
        }
        Self {
            canvas,
            owners: vec![Owner::Background; colours.len()],
            colours,
        }
    }

    fn figure(&mut self, index: usize, figure: &Figure) {
        let (cos, sin) = (libm::cos(figure.rotation), libm::sin(figure.rotation));
        let (main, deep) = (figure.colour.main(), figure.colour.deep());
        self.layer(figure.place, figure.radius, Owner::Figure(index as u8), |x, y| {
            let y = -y; // up
            // Turning the point back is turning the shape forward.
            let (u, v) = ((x * cos + y * sin) / figure.radius, (y * cos - x * sin) / figure.radius);
            let inside = figure.shape.contains(u, v);
            inside.then(|| if figure.texture.is_deep(x, y) { deep } else { main })
        });
    }

    /// Paints what `colour_at` says, in pixels right of and below `centre`, within `radius` of it.
    fn layer(&mut self, centre: Point, radius: f64, owner: Owner, colour_at: impl Fn(f64, f64) -> Option<Rgb>) {
        let Canvas { width, height } = self.canvas;
        let range = |middle: f64, end: usize| {
            let first = libm::floor(middle - radius - 1.0).max(0.0) as usize;
            let last = (libm::floor(middle + radius + 2.0).max(0.0) as usize).min(end);
            first..last
        };
        let reach = (radius + 1.0) * (radius + 1.0); // no sample of a pixel lies further from its centre than 1
        for row in range(centre.y, height) {
            for column in range(centre.x, width) {
                let (x, y) = (column as f64 - centre.x, row as f64 - centre.y);
                if (x + 0.5) * (x + 0.5) + (y + 0.5) * (y + 0.5) > reach {
                    continue;
                }
                let mut hits = 0;
                let mut sum = [0u32; 3];
                for dy in OFFSETS {
                    for dx in OFFSETS {
                        if let Some(colour) = colour_at(x + dx, y + dy) {
                            hits += 1;
                            for (sum, channel) in sum.iter_mut().zip(colour) {
                                *sum += u32::from(channel);
                            }
                        }
                    }
                }
                let pixel = row * width + column;
                let uncovered = (SAMPLES - hits) as f32;
                for (below, sum) in self.colours[pixel].iter_mut().zip(sum) {
                    *below = (*below * uncovered + sum as f32) / SAMPLES as f32;
                }
                if 2 * hits >= SAMPLES {
                    self.owners[pixel] = owner;
                }
            }
        }
    }

    fn finish(&self, draw: &mut Dice, strength: f32) -> Image {
        let mut pixels = Vec::with_capacity(3 * self.colours.len());
        for colour in &self.colours {
            let grain = strength * draw.grain();
            // The cast cuts off below 0 and above 255.
            pixels.extend(colour.map(|channel| (channel + grain + 0.5) as u8));
        }
        Image {
            width: self.canvas.width,
            height: self.canvas.height,
            pixels,
        }
    }
}
