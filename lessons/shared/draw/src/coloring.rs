//! How maps of numbers become pictures, and the colour bar beside them; shared by heat maps and grids of maps.

use candle_core::Result;
use image::RgbImage;

use crate::canvas::{Canvas, Rect, TextStyle, Upscale};
use crate::colormap::{Colormap, palette};
use crate::values::{Limits, Map, Scale, ticks};

/// Width of a colour bar with its numbers and the gap before it.
pub(crate) const BAR_WIDTH: f32 = 66.0;
/// Between a picture and its bar.
const GAP: f32 = 10.0;

/// Which values get which colours, and how small maps are enlarged.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Coloring {
    pub scale: Scale,
    pub colormap: Option<Colormap>,
    pub upscale: Upscale,
    /// What the ends of the bar stand for, where the numbers drawn are not the numbers meant.
    pub stands_for: Option<(f32, f32)>,
}

impl Coloring {
    /// The colormap that was chosen, otherwise the one that suits the scale.
    pub fn colormap(self) -> Colormap {
        self.colormap.unwrap_or(self.scale.default_colormap())
    }

    /// The ends of the scale for these values.
    pub fn limits(self, values: &[f32]) -> Limits {
        self.scale.limits(values)
    }

    /// A map in colour.
    pub fn picture(self, map: &Map, limits: Limits) -> RgbImage {
        map.picture(limits, self.colormap())
    }

    /// A bar with two or more numbers beside `picture`, as high as it and not beyond `area`.
    pub fn bar(self, canvas: &Canvas<'_>, picture: Rect, area: Rect, limits: Limits) -> Result<()> {
        let width = (BAR_WIDTH - GAP).min(area.right() - picture.right() - GAP);
        let place = Rect::new(picture.right() + GAP, picture.y, width, picture.height);
        let named = self
            .stands_for
            .map_or(limits, |(min, max)| Scale::Range { min, max }.limits(&[]));
        color_bar(canvas, place, named, self.colormap())
    }
}

/// A vertical colour bar with round numbers beside it; the ends of the scale are the ends of the bar.
fn color_bar(canvas: &Canvas<'_>, area: Rect, limits: Limits, colormap: Colormap) -> Result<()> {
    if area.width < 16.0 || area.height < 8.0 {
        return Ok(());
    }
    let bar = Rect { width: 13.0, ..area };
    let steps = 256;
    let colors = RgbImage::from_fn(1, steps, |_, y| {
        image::Rgb(colormap.rgb(1.0 - y as f32 / (steps - 1) as f32))
    });
    canvas.image(bar, &colors, Upscale::Nearest)?;
    canvas.outline(bar, palette::LIGHT, 1.0)?;
    let style = TextStyle {
        size: 12.0,
        color: palette::GRAY,
        ..TextStyle::default()
    };
    for (value, label) in ticks(limits.min as f64, limits.max as f64, (area.height / 45.0) as usize) {
        let y = bar.bottom() - limits.place(value as f32) * bar.height;
        canvas.fill(Rect::new(bar.right() + 1.0, y - 0.5, 4.0, 1.0), palette::GRAY)?;
        let label_box = Rect::new(bar.right() + 8.0, y - 8.0, area.right() - bar.right() - 8.0, 16.0);
        canvas.text(label_box, &label, style)?;
    }
    Ok(())
}
