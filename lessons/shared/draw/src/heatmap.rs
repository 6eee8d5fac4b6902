//! One map of numbers in colour, with its colour bar.

use candle_core::{Result, Tensor};
use image::RgbImage;

use crate::canvas::{Canvas, Margin, Rect, TextStyle, Upscale};
use crate::colormap::{Colormap, palette};
use crate::font::{Weight, measure};
use crate::image_panel::{NOTE_HEIGHT, framed, note_below};
use crate::panel::{Furniture, Panel};
use crate::values::{Limits, Map, Scale, number, oddities, ticks};

/// Width of a colour bar with its numbers and the gap before it.
pub(crate) const BAR_WIDTH: f32 = 66.0;

/// A map of numbers, `[height, width]`, in colour.
#[derive(Clone, Debug)]
pub struct Heatmap {
    map: Map,
    title: Option<String>,
    unit: Option<String>,
    scale: Scale,
    colormap: Option<Colormap>,
    upscale: Upscale,
    bar: bool,
    numbers: bool,
}

impl Heatmap {
    /// `map`: `[height, width]`, any number type. NaN is drawn in [`Colormap::NAN`] and counted below the map.
    ///
    /// **Errors** on another rank or an empty map.
    pub fn new(map: &Tensor) -> Result<Self> {
        Ok(Self {
            map: Map::new(map)?,
            title: None,
            unit: None,
            scale: Scale::MinMax,
            colormap: None,
            upscale: Upscale::Nearest,
            bar: true,
            numbers: false,
        })
    }

    /// Stands above the map.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// What the numbers are, with their unit; a small line below the map.
    pub fn quantity(mut self, quantity: impl Into<String>) -> Self {
        self.unit = Some(quantity.into());
        self
    }

    /// Which values get the ends of the colormap; [`Scale::over`] gives several maps one scale.
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }

    /// The colormap; otherwise viridis, or the diverging map for [`Scale::Symmetric`].
    pub fn colormap(mut self, colormap: Colormap) -> Self {
        self.colormap = Some(colormap);
        self
    }

    /// How a small map is enlarged.
    pub fn upscale(mut self, upscale: Upscale) -> Self {
        self.upscale = upscale;
        self
    }

    /// Leaves the colour bar out, where a neighbour shows the same one.
    pub fn without_bar(mut self) -> Self {
        self.bar = false;
        self
    }

    /// Writes each cell's number into it; for maps of a few cells.
    pub fn with_numbers(mut self) -> Self {
        self.numbers = true;
        self
    }

    fn note(&self) -> Option<String> {
        let parts: Vec<String> = self
            .unit
            .clone()
            .into_iter()
            .chain(oddities(&self.map.values))
            .collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

impl Panel for Heatmap {
    fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    fn aspect(&self) -> f32 {
        self.map.width as f32 / self.map.height as f32
    }

    fn furniture(&self) -> Furniture {
        Furniture {
            width: 0.0,
            right: if self.bar { BAR_WIDTH } else { 0.0 },
            height: if self.note().is_some() { NOTE_HEIGHT } else { 0.0 },
        }
    }

    fn preferred_height(&self) -> f32 {
        320.0
    }

    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<()> {
        let limits = self.scale.limits(&self.map.values);
        let colormap = self.colormap.unwrap_or(self.scale.default_colormap());
        let Furniture {
            right, height: bottom, ..
        } = self.furniture();
        let place = area
            .inset(Margin {
                right,
                bottom,
                ..Margin::default()
            })
            .fit(self.aspect());
        framed(canvas, place, &self.map.picture(limits, colormap), self.upscale)?;
        if self.numbers {
            cell_numbers(canvas, place, &self.map, |value| limits.rgb(value, colormap))?;
        }
        if self.bar {
            let bar = Rect {
                x: place.right() + 10.0,
                width: (BAR_WIDTH - 10.0).min(area.right() - place.right() - 10.0),
                ..place
            };
            color_bar(canvas, bar, limits, colormap)?;
        }
        if let Some(note) = self.note() {
            note_below(canvas, area, place, &note)?;
        }
        Ok(())
    }
}

/// Writes every value into its cell, dark on light or light on dark.
pub(crate) fn cell_numbers(
    canvas: &Canvas<'_>,
    place: Rect,
    map: &Map,
    background: impl Fn(f32) -> crate::colormap::Rgb,
) -> Result<()> {
    let (width, height) = (place.width / map.width as f32, place.height / map.height as f32);
    let texts: Vec<String> = map.values.iter().map(|&v| number(v as f64, None)).collect();
    // One size for all cells, so that the longest number fits.
    let widest = texts
        .iter()
        .map(|t| measure(t, 1.0, Weight::Regular))
        .fold(0.1, f32::max);
    let size = (height * 0.42).min(width * 0.8 / widest).clamp(6.0, 17.0);
    for (i, &value) in map.values.iter().enumerate() {
        let (x, y) = (
            place.x + (i % map.width) as f32 * width,
            place.y + (i / map.width) as f32 * height,
        );
        let [r, g, b] = background(value).map(f32::from);
        let dark = 0.299 * r + 0.587 * g + 0.114 * b < 140.0;
        let style = TextStyle {
            size,
            color: if dark { palette::WHITE } else { palette::BLACK },
            align: crate::canvas::Align::Center,
            ..TextStyle::default()
        };
        canvas.text(Rect { x, y, width, height }, &texts[i], style)?;
    }
    Ok(())
}

/// A vertical colour bar with round numbers beside it; the ends of the scale are the ends of the bar.
pub(crate) fn color_bar(canvas: &Canvas<'_>, area: Rect, limits: Limits, colormap: Colormap) -> Result<()> {
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
    let wanted = (area.height / 45.0).clamp(1.0, 5.0) as usize;
    let style = TextStyle {
        size: 12.0,
        color: palette::GRAY,
        ..TextStyle::default()
    };
    for (value, label) in ticks(limits.min as f64, limits.max as f64, wanted) {
        let y = bar.bottom() - limits.place(value as f32) * bar.height;
        canvas.fill(
            Rect {
                x: bar.right() + 1.0,
                y: y - 0.5,
                width: 4.0,
                height: 1.0,
            },
            palette::GRAY,
        )?;
        let label_box = Rect {
            x: bar.right() + 8.0,
            y: y - 8.0,
            width: area.right() - bar.right() - 8.0,
            height: 16.0,
        };
        canvas.text(label_box, &label, style)?;
    }
    Ok(())
}
