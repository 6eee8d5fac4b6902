//! One map of numbers in colour, with its colour bar.

use candle_core::{Result, Tensor};

use crate::canvas::{Canvas, Margin, Rect, TextStyle, Upscale};
use crate::coloring::{BAR_WIDTH, Coloring};
use crate::colormap::{Colormap, palette};
use crate::font::{Weight, measure};
use crate::image_panel::{NOTE_HEIGHT, framed, note_below};
use crate::panel::{Furniture, Panel};
use crate::values::{Map, Scale, number, oddities};

/// A map of numbers, `[height, width]`, in colour.
#[derive(Clone, Debug)]
pub struct Heatmap {
    map: Map,
    title: Option<String>,
    unit: Option<String>,
    coloring: Coloring,
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
            coloring: Coloring::default(),
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
        self.coloring.scale = scale;
        self
    }

    /// The colormap; otherwise viridis, or the diverging map for [`Scale::Symmetric`].
    pub fn colormap(mut self, colormap: Colormap) -> Self {
        self.coloring.colormap = Some(colormap);
        self
    }

    /// How a small map is enlarged.
    pub fn upscale(mut self, upscale: Upscale) -> Self {
        self.coloring.upscale = upscale;
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
        let limits = self.coloring.limits(&self.map.values);
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
        framed(
            canvas,
            place,
            &self.coloring.picture(&self.map, limits),
            self.coloring.upscale,
        )?;
        if self.numbers {
            cell_numbers(canvas, place, &self.map, |value| {
                limits.rgb(value, self.coloring.colormap())
            })?;
        }
        if self.bar {
            self.coloring.bar(canvas, place, area, limits)?;
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
            color: if dark { palette::ON_DARK } else { palette::ON_LIGHT },
            align: crate::canvas::Align::Center,
            ..TextStyle::default()
        };
        canvas.text(Rect { x, y, width, height }, &texts[i], style)?;
    }
    Ok(())
}
