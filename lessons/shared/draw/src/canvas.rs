//! What panels draw with: shapes, pictures and text, in pixels of the finished figure.

use candle_core::{Error, Result};
use image::{RgbImage, imageops};
use plotters::element::{BitMapElement, Circle, Drawable, PathElement, PointCollection, Polygon, Rectangle};
use plotters::series::DashedLineSeries;
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, ShapeStyle};
use plotters_backend::text_anchor::{HPos, Pos, VPos};

use crate::colormap::{Rgb, palette};
use crate::font::{self, LINE_HEIGHT, Weight};
use crate::paper::{Area, FAMILY, FINER, Paper};
use crate::theme::Theme;

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
    /// A rectangle with this upper left corner and size.
    pub fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { x, y, width, height }
    }
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

/// What panels draw on. Coordinates are pixels of the figure; what lies outside is not drawn. Colours of the palette are
/// those of the figure's theme.
pub struct Canvas<'a> {
    area: Area<'a>,
    theme: Theme,
}

impl<'a> Canvas<'a> {
    pub(crate) fn new(area: Area<'a>, theme: Theme) -> Self {
        Self { area, theme }
    }

    /// Part of the canvas as plotters' drawing area, whose pixels are finer by [`FINER`].
    pub(crate) fn area(&self, rect: Rect) -> Area<'a> {
        let ((x, y), (right, bottom)) = (self.fine(rect.x, rect.y), self.fine(rect.right(), rect.bottom()));
        let part = self.area.clone();
        part.shrink((x, y), ((right - x).max(1), (bottom - y).max(1)))
    }

    /// A filled rectangle.
    pub fn fill(&self, rect: Rect, color: Rgb) -> Result<()> {
        self.veil(rect, color, 1.0)
    }

    /// A rectangle of glass: what is below shines through; `opacity` 1 hides it.
    pub fn veil(&self, rect: Rect, color: Rgb, opacity: f32) -> Result<()> {
        let corners = [self.fine(rect.x, rect.y), self.fine(rect.right(), rect.bottom())];
        self.element(&Rectangle::new(
            corners,
            self.color(color).mix(f64::from(opacity)).filled(),
        ))
    }

    /// `color` mixed with the paper: `amount` 0 is paper, 1 the colour itself. For filled areas under text.
    pub fn tint(&self, color: Rgb, amount: f32) -> Rgb {
        let (color, paper) = (self.theme.ink(color), self.theme.ink(palette::WHITE));
        let amount = amount.clamp(0.0, 1.0);
        std::array::from_fn(|c| {
            let (from, to) = (f32::from(paper[c]), f32::from(color[c]));
            (from + (to - from) * amount).round() as u8
        })
    }

    /// The outline of a rectangle, `width` pixels wide, drawn around it.
    pub fn outline(&self, rect: Rect, color: Rgb, width: f32) -> Result<()> {
        let Rect { x, y, .. } = rect;
        let (outer_width, outer_height) = (rect.width + 2.0 * width, rect.height + 2.0 * width);
        for side in [
            Rect::new(x - width, y - width, outer_width, width),
            Rect::new(x - width, rect.bottom(), outer_width, width),
            Rect::new(x - width, y - width, width, outer_height),
            Rect::new(rect.right(), y - width, width, outer_height),
        ] {
            self.fill(side, color)?;
        }
        Ok(())
    }

    /// A filled polygon.
    pub fn polygon(&self, corners: &[[f32; 2]], color: Rgb) -> Result<()> {
        self.element(&Polygon::new(self.points(corners), self.color(color).filled()))
    }

    /// A filled disc.
    pub fn disc(&self, [x, y]: [f32; 2], radius: f32, color: Rgb) -> Result<()> {
        let radius = (radius * FINER as f32).round() as i32;
        self.element(&Circle::new(self.fine(x, y), radius, self.color(color).filled()))
    }

    /// A line through `points`, `width` pixels wide.
    pub fn line(&self, points: &[[f32; 2]], color: Rgb, width: f32) -> Result<()> {
        self.element(&PathElement::new(self.points(points), self.stroke(color, width)))
    }

    /// A dashed line through `points`.
    pub fn dashed(&self, points: &[[f32; 2]], color: Rgb, width: f32) -> Result<()> {
        let [dash, space] = Self::dashes(width);
        let line = DashedLineSeries::new(self.points(points), dash, space, self.stroke(color, width));
        line.into_iter()
            .try_for_each(|element| self.area.draw(&element))
            .map_err(Error::wrap)
    }

    /// Dash and space of a dashed line of this width, in pixels of the paper.
    pub(crate) fn dashes(width: f32) -> [u32; 2] {
        [3.5 * width + 2.0, 2.5 * width + 2.0].map(|length| (length * FINER as f32) as u32)
    }

    /// A picture stretched over `rect`, smoothed when it has to shrink.
    pub fn image(&self, rect: Rect, image: &RgbImage, upscale: Upscale) -> Result<()> {
        let ((x, y), (right, bottom)) = (self.fine(rect.x, rect.y), self.fine(rect.right(), rect.bottom()));
        let (width, height) = ((right - x).max(1) as u32, (bottom - y).max(1) as u32);
        let shrinks = image.width() > width || image.height() > height;
        let smooth = (upscale == Upscale::Bilinear || shrinks).then(|| {
            let (width, height) = (width.div_ceil(FINER), height.div_ceil(FINER));
            imageops::resize(image, width, height, imageops::FilterType::Triangle)
        });
        let image = smooth.as_ref().unwrap_or(image);
        // A few rows at a time: the stretched picture may be large.
        const ROWS: u32 = 64;
        for first in (0..height).step_by(ROWS as usize) {
            let rows = ROWS.min(height - first);
            let stretched = RgbImage::from_fn(width, rows, |x, y| {
                *image.get_pixel(x * image.width() / width, (first + y) * image.height() / height)
            });
            let place = (x, y + first as i32);
            let element = BitMapElement::with_owned_buffer(place, (width, rows), stretched.into_raw());
            self.element(&element.ok_or_else(|| Error::msg("a picture lost its pixels while stretched"))?)?;
        }
        Ok(())
    }

    /// One line of text that never leaves `rect`: shrunk, then cut with "…". Returns the size it was drawn at.
    pub fn text(&self, rect: Rect, text: &str, style: TextStyle) -> Result<f32> {
        let (text, size) = font::fit(text, style.size.min(rect.height / 0.9), style.weight, rect.width);
        let x = match style.align {
            Align::Left => rect.x,
            Align::Center => rect.x + rect.width / 2.0,
            Align::Right => rect.right(),
        };
        let place = self.fine(x, rect.y + rect.height / 2.0);
        let style = self.letters(TextStyle { size, ..style });
        self.area.draw_text(&text, &style, place).map_err(Error::wrap)?;
        Ok(size)
    }

    /// One line of text that reads from bottom to top, centred in `rect`.
    pub fn text_upwards(&self, rect: Rect, text: &str, style: TextStyle) -> Result<()> {
        let (text, size) = font::fit(text, style.size.min(rect.width / 0.9), style.weight, rect.height);
        let y = match style.align {
            Align::Left => rect.bottom(),
            Align::Center => rect.y + rect.height / 2.0,
            Align::Right => rect.y,
        };
        let place = self.fine(rect.x + rect.width / 2.0, y);
        let style = self
            .letters(TextStyle { size, ..style })
            .transform(FontTransform::Rotate270);
        self.area.draw_text(&text, &style, place).map_err(Error::wrap)
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
            let place = Rect::new(rect.x, top + i as f32 * line_height, rect.width, line_height);
            self.text(place, line, TextStyle { size, ..style })?;
        }
        Ok(())
    }

    /// A colour in the figure's theme.
    pub(crate) fn color(&self, color: Rgb) -> RGBColor {
        let [r, g, b] = self.theme.ink(color);
        RGBColor(r, g, b)
    }

    /// A line of this width, in pixels of the figure.
    pub(crate) fn stroke(&self, color: Rgb, width: f32) -> ShapeStyle {
        self.color(color)
            .stroke_width((width * FINER as f32).round().max(1.0) as u32)
    }

    /// A text style as plotters has it, centred from top to bottom.
    pub(crate) fn letters(&self, style: TextStyle) -> plotters::style::TextStyle<'static> {
        let weight = match style.weight {
            Weight::Regular => FontStyle::Normal,
            Weight::Bold => FontStyle::Bold,
        };
        let across = match style.align {
            Align::Left => HPos::Left,
            Align::Center => HPos::Center,
            Align::Right => HPos::Right,
        };
        let font = FontDesc::new(FontFamily::Name(FAMILY), f64::from(style.size * FINER as f32), weight);
        font.color(&self.color(style.color)).pos(Pos::new(across, VPos::Center))
    }

    fn points(&self, points: &[[f32; 2]]) -> Vec<(i32, i32)> {
        points.iter().map(|&[x, y]| self.fine(x, y)).collect()
    }

    /// Figure pixels to paper pixels.
    fn fine(&self, x: f32, y: f32) -> (i32, i32) {
        ((x * FINER as f32).round() as i32, (y * FINER as f32).round() as i32)
    }

    fn element<'e, E>(&self, element: &'e E) -> Result<()>
    where
        for<'b> &'b E: PointCollection<'b, (i32, i32)>,
        E: for<'b> Drawable<Paper<'b>> + 'e,
    {
        self.area.draw(element).map_err(Error::wrap)
    }
}
