//! What plotters draws on: a bitmap, three times finer than the figure and one band of it at a time, or an SVG.
//!
//! plotters' bitmap has hard edges; averaging the finer one smooths every line and letter. Letters come from the shipped
//! font, so that they look the same on every machine.

use std::fmt;

use candle_core::{Error, Result, bail};
use image::RgbImage;
use plotters::coord::Shift;
use plotters::prelude::{BitMapBackend, DrawingArea, IntoDrawingArea, SVGBackend};
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind, FontFamily,
    FontStyle, FontTransform,
};

use crate::font::{self, CAP_HEIGHT, Weight};

/// Canvas pixels per pixel of the figure, in each direction.
pub(crate) const FINER: u32 = 3;
/// Largest side of a figure, in pixels, and its largest area.
const LARGEST: u32 = 8192;
const LARGEST_AREA: u32 = 16_000_000;
/// Bytes of the finer bitmap: a larger figure is drawn in bands, each as wide as the figure.
const BAND: u32 = 48_000_000;
/// In a browser, fonts that resemble the shipped one.
pub(crate) const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";
/// plotters-svg writes font sizes divided by this.
const SVG_SIZE: f64 = 1.24;

/// An area of the paper, as plotters calls it.
pub(crate) type Area<'a> = DrawingArea<Paper<'a>, Shift>;

/// Where a figure is drawn.
pub(crate) enum Paper<'a> {
    /// Rows from `top` on of a bitmap that is `size` as a whole.
    Bitmap {
        band: BitMapBackend<'a>,
        top: i32,
        size: (u32, u32),
    },
    Svg(SVGBackend<'a>),
}

/// Draws a figure of this size with `draw`, which is called once for each band; returns the finished picture.
pub(crate) fn bitmap(width: u32, height: u32, draw: impl Fn(&Area<'_>) -> Result<()>) -> Result<RgbImage> {
    in_bands(width, height, BAND, draw)
}

fn in_bands(width: u32, height: u32, bytes: u32, draw: impl Fn(&Area<'_>) -> Result<()>) -> Result<RgbImage> {
    if width == 0 || height == 0 || width > LARGEST || height > LARGEST {
        bail!("expected a figure of 1 to {LARGEST} pixels a side, got {width}×{height}");
    }
    if width * height > LARGEST_AREA {
        bail!("expected a figure of at most {LARGEST_AREA} pixels, got {width}×{height}");
    }
    let (fine_width, fine_height) = (width * FINER, height * FINER);
    let rows = (bytes / (3 * fine_width * FINER)).clamp(1, height); // of the figure
    let mut finished = RgbImage::new(width, height);
    let mut fine = vec![0u8; (fine_width * rows * FINER * 3) as usize];
    for top in (0..height).step_by(rows as usize) {
        fine.fill(255);
        let paper = Paper::Bitmap {
            band: BitMapBackend::with_buffer(&mut fine, (fine_width, rows * FINER)),
            top: (top * FINER) as i32,
            size: (fine_width, fine_height),
        };
        let area = paper.into_drawing_area();
        draw(&area)?;
        area.present().map_err(Error::wrap)?;
        drop(area);
        average(&fine, &mut finished, top, rows);
    }
    Ok(finished)
}

/// The same as SVG. Pictures cannot be drawn into it.
pub(crate) fn svg(width: u32, height: u32, draw: impl Fn(&Area<'_>) -> Result<()>) -> Result<String> {
    let mut text = String::new();
    {
        let area = Paper::Svg(SVGBackend::with_string(&mut text, (width * FINER, height * FINER))).into_drawing_area();
        draw(&area)?;
        area.present().map_err(Error::wrap)?;
    }
    // Coordinates are those of the finer bitmap; the figure is as large as the PNG.
    let fine = format!("width=\"{}\" height=\"{}\"", width * FINER, height * FINER);
    Ok(text.replacen(&fine, &format!("width=\"{width}\" height=\"{height}\""), 1))
}

/// Each figure pixel is the mean of its `FINER`² canvas pixels.
fn average(fine: &[u8], finished: &mut RgbImage, top: u32, rows: u32) {
    let row = (finished.width() * FINER * 3) as usize;
    for y in 0..rows.min(finished.height() - top) {
        for x in 0..finished.width() {
            let mut sum = [0u32; 3];
            for dy in 0..FINER {
                let start = (y * FINER + dy) as usize * row + (x * FINER * 3) as usize;
                for pixel in fine[start..start + 3 * FINER as usize].chunks_exact(3) {
                    for (total, &byte) in sum.iter_mut().zip(pixel) {
                        *total += u32::from(byte);
                    }
                }
            }
            let mean = sum.map(|s| ((s + FINER * FINER / 2) / (FINER * FINER)) as u8);
            finished.put_pixel(x, top + y, image::Rgb(mean));
        }
    }
}

/// What a backend could not do.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

type Drawn = std::result::Result<(), DrawingErrorKind<Failure>>;

fn failed(error: impl fmt::Display) -> DrawingErrorKind<Failure> {
    DrawingErrorKind::DrawingError(Failure(error.to_string()))
}

impl Paper<'_> {
    /// How far the bitmap's first row lies below the figure's.
    fn top(&self) -> i32 {
        match self {
            Self::Bitmap { top, .. } => *top,
            Self::Svg(_) => 0,
        }
    }

    /// Letters of the shipped font; `baseline` is where they begin.
    fn letters(&mut self, text: &str, size: f32, weight: Weight, color: BackendColor, baseline: Baseline) -> Drawn {
        let mut outcome = Ok(());
        font::rasterize(text, size, weight, |dx, dy, coverage| {
            let (dx, dy) = baseline.turned((dx, dy));
            let at = (baseline.start.0 + dx, baseline.start.1 + dy);
            let shade = BackendColor {
                alpha: color.alpha * f64::from(coverage),
                ..color
            };
            if let Err(error) = self.draw_pixel(at, shade) {
                outcome = Err(error);
            }
        });
        outcome
    }
}

/// Where a line of text begins, and whether it reads upwards.
struct Baseline {
    start: (i32, i32),
    upwards: bool,
}

impl Baseline {
    fn turned(&self, (x, y): (i32, i32)) -> (i32, i32) {
        if self.upwards { (y, -x) } else { (x, y) }
    }

    /// From plotters' anchor: the text is placed around it, then turned.
    fn new<S: BackendTextStyle>(text: &str, style: &S, anchor: BackendCoord) -> Self {
        let size = style.size() as f32;
        let width = font::measure(text, size, weight(style));
        let across = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => -width / 2.0,
            HPos::Right => -width,
        };
        let down = match style.anchor().v_pos {
            VPos::Top => CAP_HEIGHT + 0.06,
            VPos::Center => CAP_HEIGHT / 2.0,
            VPos::Bottom => -0.24,
        } * size;
        let mut baseline = Self {
            start: anchor,
            upwards: matches!(style.transform(), FontTransform::Rotate270),
        };
        let (x, y) = baseline.turned((across.round() as i32, down.round() as i32));
        baseline.start = (anchor.0 + x, anchor.1 + y);
        baseline
    }
}

fn weight<S: BackendTextStyle>(style: &S) -> Weight {
    match style.style() {
        FontStyle::Bold => Weight::Bold,
        _ => Weight::Regular,
    }
}

/// A text style whose text begins at its anchor, for plotters-svg, which knows no widths.
struct FromBaseline<'s, S>(&'s S);

impl<S: BackendTextStyle> BackendTextStyle for FromBaseline<'_, S> {
    type FontError = S::FontError;

    fn color(&self) -> BackendColor {
        self.0.color()
    }
    fn size(&self) -> f64 {
        self.0.size() * SVG_SIZE
    }
    fn transform(&self) -> FontTransform {
        self.0.transform()
    }
    fn style(&self) -> FontStyle {
        self.0.style()
    }
    fn anchor(&self) -> plotters_backend::text_anchor::Pos {
        self.0.anchor()
    }
    fn family(&self) -> FontFamily<'_> {
        FontFamily::Name(FAMILY)
    }
    fn layout_box(&self, text: &str) -> std::result::Result<((i32, i32), (i32, i32)), Self::FontError> {
        self.0.layout_box(text)
    }
    fn draw<E, D: FnMut(i32, i32, BackendColor) -> std::result::Result<(), E>>(
        &self,
        text: &str,
        at: BackendCoord,
        draw: D,
    ) -> std::result::Result<std::result::Result<(), E>, Self::FontError> {
        self.0.draw(text, at, draw)
    }
}

impl DrawingBackend for Paper<'_> {
    type ErrorType = Failure;

    fn get_size(&self) -> (u32, u32) {
        match self {
            Self::Bitmap { size, .. } => *size,
            Self::Svg(svg) => svg.get_size(),
        }
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        match self {
            Self::Bitmap { band, .. } => band.present().map_err(failed),
            Self::Svg(svg) => svg.present().map_err(failed),
        }
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        let y = y - self.top();
        match self {
            Self::Bitmap { band, .. } => band.draw_pixel((x, y), color).map_err(failed),
            Self::Svg(svg) => svg.draw_pixel((x, y), color).map_err(failed),
        }
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Drawn {
        let (from, to) = ((from.0, from.1 - self.top()), (to.0, to.1 - self.top()));
        match self {
            Self::Bitmap { band, .. } => band.draw_line(from, to, style).map_err(failed),
            Self::Svg(svg) => svg.draw_line(from, to, style).map_err(failed),
        }
    }

    fn draw_rect<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S, fill: bool) -> Drawn {
        let (from, to) = ((from.0, from.1 - self.top()), (to.0, to.1 - self.top()));
        match self {
            Self::Bitmap { band, .. } => band.draw_rect(from, to, style, fill).map_err(failed),
            Self::Svg(svg) => svg.draw_rect(from, to, style, fill).map_err(failed),
        }
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        let top = self.top();
        let path = path.into_iter().map(|(x, y)| (x, y - top));
        match self {
            Self::Bitmap { band, .. } => band.draw_path(path, style).map_err(failed),
            Self::Svg(svg) => svg.draw_path(path, style).map_err(failed),
        }
    }

    fn draw_circle<S: BackendStyle>(&mut self, (x, y): BackendCoord, radius: u32, style: &S, fill: bool) -> Drawn {
        let center = (x, y - self.top());
        match self {
            Self::Bitmap { band, .. } => band.draw_circle(center, radius, style, fill).map_err(failed),
            Self::Svg(svg) => svg.draw_circle(center, radius, style, fill).map_err(failed),
        }
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, corners: I, style: &S) -> Drawn {
        let top = self.top();
        let corners = corners.into_iter().map(|(x, y)| (x, y - top));
        match self {
            Self::Bitmap { band, .. } => band.fill_polygon(corners, style).map_err(failed),
            Self::Svg(svg) => svg.fill_polygon(corners, style).map_err(failed),
        }
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, anchor: BackendCoord) -> Drawn {
        let baseline = Baseline::new(text, style, anchor);
        match self {
            Self::Bitmap { .. } => self.letters(text, style.size() as f32, weight(style), style.color(), baseline),
            Self::Svg(svg) => svg.draw_text(text, &FromBaseline(style), anchor).map_err(failed),
        }
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> std::result::Result<(u32, u32), DrawingErrorKind<Failure>> {
        let width = font::measure(text, style.size() as f32, weight(style));
        Ok((width.ceil() as u32, style.size().ceil() as u32))
    }

    /// The rows that lie in the band; into an SVG none.
    fn blit_bitmap(&mut self, (x, y): BackendCoord, (width, height): (u32, u32), pixels: &[u8]) -> Drawn {
        let Self::Bitmap { band, top, .. } = self else {
            return Err(failed("a picture cannot be drawn into an SVG"));
        };
        let ((band_width, band_height), y) = (band.get_size(), y - *top);
        if x >= band_width as i32 || x + width as i32 <= 0 {
            return Ok(());
        }
        let first = (-y).clamp(0, height as i32);
        let last = (band_height as i32 - y).clamp(first, height as i32);
        if first == last {
            return Ok(());
        }
        let row = 3 * width as usize;
        let rows = &pixels[first as usize * row..last as usize * row];
        band.blit_bitmap((x, y + first), (width, (last - first) as u32), rows)
            .map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::{Canvas, Rect, TextStyle, Upscale};
    use crate::colormap::palette;
    use crate::theme::Theme;

    /// Something of everything, across all bands.
    fn scribble(area: &Area<'_>) -> Result<()> {
        let canvas = Canvas::new(area.clone(), Theme::Light);
        let picture = RgbImage::from_fn(7, 5, |x, y| image::Rgb([40 * x as u8, 50 * y as u8, 128]));
        canvas.image(Rect::new(3.0, 2.0, 40.0, 55.0), &picture, Upscale::Nearest)?;
        canvas.image(Rect::new(50.0, 20.0, 30.0, 35.0), &picture, Upscale::Bilinear)?;
        canvas.line(&[[1.0, 1.0], [88.0, 58.0], [3.0, 40.0]], palette::BLUE, 2.0)?;
        canvas.dashed(&[[1.0, 59.0], [88.0, 3.0]], palette::GREEN, 1.5)?;
        canvas.disc([60.0, 30.0], 12.0, palette::VERMILLION)?;
        canvas.polygon(&[[70.0, 5.0], [85.0, 50.0], [60.0, 40.0]], palette::PURPLE)?;
        canvas.veil(Rect::new(10.0, 10.0, 70.0, 30.0), palette::SKY, 0.3)?;
        canvas.text_upwards(Rect::new(80.0, 0.0, 10.0, 60.0), "upwards", TextStyle::default())?;
        canvas
            .text(
                Rect::new(0.0, 22.0, 90.0, 16.0),
                "letters across a seam",
                TextStyle::default(),
            )
            .map(|_| ())
    }

    #[test]
    fn a_figure_in_bands_is_the_figure_in_one() {
        let whole = in_bands(90, 60, 10_000_000, scribble).unwrap();
        for bytes in [1, 10_000, 33_000] {
            assert_eq!(
                in_bands(90, 60, bytes, scribble).unwrap(),
                whole,
                "{bytes} bytes a band"
            );
        }
    }
}
