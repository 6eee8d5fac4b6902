//! The paper: shapes, pictures and text on a plotters bitmap, in pixels of the finished figure.
//!
//! plotters draws hard edges; the canvas is three times finer than the figure and averaged at the end, which
//! smooths every line and letter.

use candle_core::{Error, Result, bail};
use image::{RgbImage, imageops};
use plotters::coord::Shift;
use plotters::element::{BitMapElement, Circle, Drawable, PointCollection, Polygon, Rectangle};
use plotters::prelude::{BitMapBackend, DrawingArea, IntoDrawingArea, RGBAColor, RGBColor};
use plotters::style::Color;

use crate::colormap::{Rgb, palette};
use crate::font::{self, CAP_HEIGHT, LINE_HEIGHT, Weight};

/// Canvas pixels per pixel of the figure, in each direction.
const FINER: u32 = 3;
/// Largest side of a figure, in pixels, and its largest area: nine times that is drawn.
const LARGEST: u32 = 8192;
const LARGEST_AREA: u32 = 16_000_000;

/// A rectangle in pixels, y downwards.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

impl Rect {
    /// Right edge.
    pub fn right(&self) -> f32 {
        self.x + self.width
    }
    /// Lower edge.
    pub fn bottom(&self) -> f32 {
        self.y + self.height
    }
    /// The part left after taking these margins away; never of negative size.
    pub fn inset(&self, margin: Margin) -> Self {
        Self {
            x: self.x + margin.left,
            y: self.y + margin.top,
            width: (self.width - margin.left - margin.right).max(0.0),
            height: (self.height - margin.top - margin.bottom).max(0.0),
        }
    }
    /// The largest rectangle of this width/height ratio inside, at the top, centred from left to right.
    pub fn fit(&self, aspect: f32) -> Self {
        let width = self.width.min(self.height * aspect);
        Self {
            x: self.x + (self.width - width) / 2.0,
            width,
            height: width / aspect,
            ..*self
        }
        .snap()
    }
    /// Moved to whole pixels, so that edges are sharp; at least one pixel wide and high.
    fn snap(&self) -> Self {
        let (x, y) = (self.x.round(), self.y.round());
        let (right, bottom) = (self.right().round(), self.bottom().round());
        Self {
            x,
            y,
            width: (right - x).max(1.0),
            height: (bottom - y).max(1.0),
        }
    }
}

/// Space on the four sides, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Margin {
    /// Left.
    pub left: f32,
    /// Right.
    pub right: f32,
    /// Top.
    pub top: f32,
    /// Bottom.
    pub bottom: f32,
}

/// Where text stands in its box, from left to right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    /// At the left edge.
    #[default]
    Left,
    /// In the middle.
    Center,
    /// At the right edge.
    Right,
}

/// How text looks. It is centred from top to bottom in its box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextStyle {
    /// Pixels per em.
    pub size: f32,
    /// Colour.
    pub color: Rgb,
    /// Regular or bold.
    pub weight: Weight,
    /// From left to right.
    pub align: Align,
}

impl Default for TextStyle {
    fn default() -> Self {
        Self {
            size: 13.0,
            color: palette::BLACK,
            weight: Weight::Regular,
            align: Align::Left,
        }
    }
}

/// How a small picture fills a larger area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upscale {
    /// Every source pixel becomes a block: a 4×4 map shows its 16 cells.
    #[default]
    Nearest,
    /// Values are interpolated; say so in the caption.
    Bilinear,
}

/// What panels draw on. Coordinates are pixels of the figure; what lies outside is not drawn.
pub struct Canvas<'a> {
    area: DrawingArea<BitMapBackend<'a>, Shift>,
}

impl Canvas<'_> {
    /// A white canvas of this size, given to `draw`, then averaged to the finished picture.
    pub(crate) fn paint(width: u32, height: u32, draw: impl FnOnce(&Canvas<'_>) -> Result<()>) -> Result<RgbImage> {
        if width == 0 || height == 0 || width > LARGEST || height > LARGEST {
            bail!("expected a figure of 1 to {LARGEST} pixels a side, got {width}×{height}");
        }
        if width * height > LARGEST_AREA {
            bail!("expected a figure of at most {LARGEST_AREA} pixels, got {width}×{height}");
        }
        let (fine_width, fine_height) = (width * FINER, height * FINER);
        let mut fine = vec![255u8; (fine_width * fine_height * 3) as usize];
        {
            let area = BitMapBackend::with_buffer(&mut fine, (fine_width, fine_height)).into_drawing_area();
            let canvas = Canvas { area };
            draw(&canvas)?;
            canvas.area.present().map_err(Error::wrap)?;
        }
        Ok(average(&fine, width, height))
    }

    /// A filled rectangle.
    pub fn fill(&self, rect: Rect, color: Rgb) -> Result<()> {
        let corners = [self.fine(rect.x, rect.y), self.fine(rect.right(), rect.bottom())];
        self.element(&Rectangle::new(corners, solid(color).filled()))
    }

    /// A rectangle of glass: what is below shines through; `opacity` 1 hides it.
    pub fn veil(&self, rect: Rect, color: Rgb, opacity: f32) -> Result<()> {
        let corners = [self.fine(rect.x, rect.y), self.fine(rect.right(), rect.bottom())];
        self.element(&Rectangle::new(corners, solid(color).mix(opacity as f64).filled()))
    }

    /// The outline of a rectangle, `width` pixels wide, drawn around it.
    pub fn outline(&self, rect: Rect, color: Rgb, width: f32) -> Result<()> {
        let Rect { x, y, .. } = rect;
        let (outer_width, outer_height) = (rect.width + 2.0 * width, rect.height + 2.0 * width);
        for side in [
            Rect {
                x: x - width,
                y: y - width,
                width: outer_width,
                height: width,
            },
            Rect {
                x: x - width,
                y: rect.bottom(),
                width: outer_width,
                height: width,
            },
            Rect {
                x: x - width,
                y: y - width,
                width,
                height: outer_height,
            },
            Rect {
                x: rect.right(),
                y: y - width,
                width,
                height: outer_height,
            },
        ] {
            self.fill(side, color)?;
        }
        Ok(())
    }

    /// A filled polygon.
    pub fn polygon(&self, corners: &[[f32; 2]], color: Rgb) -> Result<()> {
        let corners: Vec<_> = corners.iter().map(|&[x, y]| self.fine(x, y)).collect();
        self.element(&Polygon::new(corners, solid(color).filled()))
    }

    /// A filled disc.
    pub fn disc(&self, [x, y]: [f32; 2], radius: f32, color: Rgb) -> Result<()> {
        let radius = (radius * FINER as f32).round() as i32;
        self.element(&Circle::new(self.fine(x, y), radius, solid(color).filled()))
    }

    /// A line through `points` with round joints, `width` pixels wide.
    pub fn line(&self, points: &[[f32; 2]], color: Rgb, width: f32) -> Result<()> {
        for pair in points.windows(2) {
            let [[x0, y0], [x1, y1]] = [pair[0], pair[1]];
            let length = (x1 - x0).hypot(y1 - y0);
            if length == 0.0 {
                continue;
            }
            let (dx, dy) = ((x1 - x0) / length * width / 2.0, (y1 - y0) / length * width / 2.0);
            self.polygon(
                &[
                    [x0 - dy, y0 + dx],
                    [x1 - dy, y1 + dx],
                    [x1 + dy, y1 - dx],
                    [x0 + dy, y0 - dx],
                ],
                color,
            )?;
        }
        if width > 1.0 && points.len() > 2 {
            for &joint in &points[1..points.len() - 1] {
                self.disc(joint, width / 2.0, color)?;
            }
        }
        Ok(())
    }

    /// A dashed line through `points`.
    pub fn dashed(&self, points: &[[f32; 2]], color: Rgb, width: f32) -> Result<()> {
        let (dash, period) = (3.5 * width + 2.0, 6.0 * width + 4.0);
        let mut along = 0.0; // where the segment starts in the rhythm of dashes
        for pair in points.windows(2) {
            let [[x0, y0], [x1, y1]] = [pair[0], pair[1]];
            let length = (x1 - x0).hypot(y1 - y0);
            let at = |d: f32| [x0 + (x1 - x0) * d / length, y0 + (y1 - y0) * d / length];
            let mut start = -along;
            while start < length {
                let (from, to) = (start.max(0.0), (start + dash).min(length));
                if to > from {
                    self.line(&[at(from), at(to)], color, width)?;
                }
                start += period;
            }
            along = (along + length) % period;
        }
        Ok(())
    }

    /// A picture stretched over `rect`, smoothed when it has to shrink.
    pub fn image(&self, rect: Rect, image: &RgbImage, upscale: Upscale) -> Result<()> {
        let (x, y) = self.fine(rect.x, rect.y);
        let (right, bottom) = self.fine(rect.right(), rect.bottom());
        let (width, height) = ((right - x).max(1) as u32, (bottom - y).max(1) as u32);
        let shrinks = image.width() > width || image.height() > height;
        let stretched = if upscale == Upscale::Nearest && !shrinks {
            nearest(image, width, height)
        } else {
            imageops::resize(image, width, height, imageops::FilterType::Triangle)
        };
        let element = BitMapElement::with_owned_buffer((x, y), (width, height), stretched.into_raw());
        self.element(&element.ok_or_else(|| Error::msg("a picture lost its pixels while stretched"))?)
    }

    /// One line of text that never leaves `rect`: shrunk, then cut with "…". Returns the size it was drawn at.
    pub fn text(&self, rect: Rect, text: &str, style: TextStyle) -> Result<f32> {
        let (text, size) = font::fit(text, style.size.min(rect.height / 0.9), style.weight, rect.width);
        let width = font::measure(&text, size, style.weight);
        let x = match style.align {
            Align::Left => rect.x,
            Align::Center => rect.x + (rect.width - width) / 2.0,
            Align::Right => rect.right() - width,
        };
        let baseline = rect.y + (rect.height + CAP_HEIGHT * size) / 2.0;
        self.glyphs([x, baseline], &text, size, style, |x, y| (x, y))?;
        Ok(size)
    }

    /// One line of text that reads from bottom to top, centred in `rect`.
    pub fn text_upwards(&self, rect: Rect, text: &str, style: TextStyle) -> Result<()> {
        let (text, size) = font::fit(text, style.size.min(rect.width / 0.9), style.weight, rect.height);
        let width = font::measure(&text, size, style.weight);
        let y = match style.align {
            Align::Left => rect.bottom(),
            Align::Center => rect.bottom() - (rect.height - width) / 2.0,
            Align::Right => rect.y + width,
        };
        let baseline = rect.x + (rect.width + CAP_HEIGHT * size) / 2.0;
        self.glyphs([baseline, y], &text, size, style, |x, y| (y, -x))
    }

    /// Text broken into lines that never leave `rect`; smaller if there are too many.
    pub fn paragraph(&self, rect: Rect, text: &str, style: TextStyle) -> Result<()> {
        let mut size = style.size;
        let lines = loop {
            let lines = font::wrap(text, size, style.weight, rect.width);
            let fits = lines.len() as f32 * size * LINE_HEIGHT <= rect.height + 0.5;
            if fits || size <= font::SMALLEST {
                break lines;
            }
            size = (size - 0.5).max(font::SMALLEST);
        };
        let line_height = size * LINE_HEIGHT;
        let room = ((rect.height / line_height + 0.1) as usize).max(1);
        let lines = &lines[..lines.len().min(room)];
        let top = rect.y + (rect.height - lines.len() as f32 * line_height).max(0.0) / 2.0;
        for (i, line) in lines.iter().enumerate() {
            let line_box = Rect {
                y: top + i as f32 * line_height,
                height: line_height,
                ..rect
            };
            self.text(line_box, line, TextStyle { size, ..style })?;
        }
        Ok(())
    }

    fn glyphs(
        &self,
        [x, y]: [f32; 2],
        text: &str,
        size: f32,
        style: TextStyle,
        turn: impl Fn(i32, i32) -> (i32, i32),
    ) -> Result<()> {
        let (x, y) = self.fine(x, y);
        let mut outcome = Ok(());
        font::rasterize(text, size * FINER as f32, style.weight, |dx, dy, coverage| {
            let (dx, dy) = turn(dx, dy);
            let [r, g, b] = style.color;
            if let Err(error) = self
                .area
                .draw_pixel((x + dx, y + dy), &RGBAColor(r, g, b, coverage as f64))
            {
                outcome = Err(Error::wrap(error));
            }
        });
        outcome
    }

    /// Figure pixels to canvas pixels.
    fn fine(&self, x: f32, y: f32) -> (i32, i32) {
        ((x * FINER as f32).round() as i32, (y * FINER as f32).round() as i32)
    }

    fn element<'e, E>(&self, element: &'e E) -> Result<()>
    where
        for<'b> &'b E: PointCollection<'b, (i32, i32)>,
        E: for<'b> Drawable<BitMapBackend<'b>> + 'e,
    {
        self.area.draw(element).map_err(Error::wrap)
    }
}

fn solid([r, g, b]: Rgb) -> RGBColor {
    RGBColor(r, g, b)
}

fn nearest(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        *image.get_pixel(x * image.width() / width, y * image.height() / height)
    })
}

/// Each figure pixel is the mean of its `FINER`² canvas pixels.
fn average(fine: &[u8], width: u32, height: u32) -> RgbImage {
    let row = (width * FINER * 3) as usize;
    RgbImage::from_fn(width, height, |x, y| {
        let mut sum = [0u32; 3];
        for dy in 0..FINER {
            let start = (y * FINER + dy) as usize * row + (x * FINER * 3) as usize;
            for pixel in fine[start..start + 3 * FINER as usize].chunks_exact(3) {
                for (total, &byte) in sum.iter_mut().zip(pixel) {
                    *total += byte as u32;
                }
            }
        }
        image::Rgb(sum.map(|s| ((s + FINER * FINER / 2) / (FINER * FINER)) as u8))
    })
}
