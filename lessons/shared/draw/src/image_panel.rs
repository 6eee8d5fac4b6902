//! An RGB image, with regions marked on request.

use candle_core::{Result, Tensor};
use image::RgbImage;

use crate::canvas::{Canvas, Margin, Rect, TextStyle, Upscale};
use crate::coloring::{BAR_WIDTH, Coloring};
use crate::colormap::{Colormap, Rgb, palette};
use crate::font::measure;
use crate::panel::{Furniture, Panel};
use crate::values::{Limits, Scale, oddities, picture, values};

pub(crate) const NOTE_HEIGHT: f32 = 19.0;
pub(crate) const NOTE: TextStyle = TextStyle {
    size: 11.5,
    color: palette::GRAY,
    weight: crate::font::Weight::Regular,
    align: crate::canvas::Align::Center,
};

/// A rectangle of whole pixels (or cells); `x` and `y` are its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Column of the left edge.
    pub x: f32,
    /// Row of the upper edge.
    pub y: f32,
    /// Columns.
    pub width: f32,
    /// Rows.
    pub height: f32,
}

impl Region {
    pub(crate) fn contains(&self, other: &Self) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && self.x + self.width >= other.x + other.width
            && self.y + self.height >= other.y + other.height
    }
}

/// An RGB image in a figure.
#[derive(Clone, Debug)]
pub struct ImagePanel {
    image: RgbImage,
    title: Option<String>,
    note: Option<String>,
    upscale: Upscale,
    marks: Vec<(Region, Rgb)>,
    bar: Option<(Limits, Coloring)>,
}

impl ImagePanel {
    /// `image`: `[3, height, width]`, red, green, blue in [0, 1]. Values outside are clamped and counted below the image.
    ///
    /// **Errors** on another shape.
    pub fn new(image: &Tensor) -> Result<Self> {
        let mut panel = Self::from_image(picture(image, |v| v * 255.0)?);
        let all = values(image)?;
        let outside = all.iter().filter(|v| **v < -1e-3 || **v > 1.001).count();
        let clamped = (outside > 0).then(|| format!("{outside} of {} values outside [0, 1], clamped", all.len()));
        let notes: Vec<String> = clamped
            .into_iter()
            .chain(oddities(all.iter().filter(|v| v.is_nan())))
            .collect();
        panel.note = (!notes.is_empty()).then(|| notes.join("; "));
        Ok(panel)
    }

    /// From bytes that are already a picture.
    pub fn from_image(image: RgbImage) -> Self {
        Self {
            image,
            title: None,
            note: None,
            upscale: Upscale::Nearest,
            marks: Vec::new(),
            bar: None,
        }
    }

    /// Stands above the image.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// A small line below the image.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// How a small image is enlarged.
    pub fn upscale(mut self, upscale: Upscale) -> Self {
        self.upscale = upscale;
        self
    }

    /// A colour bar beside the image, from `min` to `max`: for an image that numbers have been laid over in colour.
    pub fn bar(mut self, min: f32, max: f32, colormap: Colormap) -> Self {
        let coloring = Coloring {
            colormap: Some(colormap),
            ..Coloring::default()
        };
        self.bar = Some((Scale::Range { min, max }.limits(&[]), coloring));
        self
    }

    /// Outlines a region, in pixels of the image.
    pub fn mark(mut self, region: Region, color: Rgb) -> Self {
        self.marks.push((region, color));
        self
    }
}

impl Panel for ImagePanel {
    fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    fn aspect(&self) -> f32 {
        self.image.width() as f32 / self.image.height() as f32
    }

    fn furniture(&self) -> Furniture {
        Furniture {
            right: if self.bar.is_some() { BAR_WIDTH } else { 0.0 },
            height: if self.note.is_some() { NOTE_HEIGHT } else { 0.0 },
            ..Furniture::default()
        }
    }

    fn preferred_height(&self) -> f32 {
        320.0
    }

    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<()> {
        let place = area
            .inset(Margin {
                right: self.furniture().right,
                bottom: self.furniture().height,
                ..Margin::default()
            })
            .fit(self.aspect());
        framed(canvas, place, &self.image, self.upscale)?;
        let unit = place.width / self.image.width() as f32;
        for &(region, color) in &self.marks {
            let x = place.x + region.x * unit;
            let y = place.y + region.y * unit;
            let mark = Rect {
                x,
                y,
                width: region.width * unit,
                height: region.height * unit,
            };
            canvas.outline(mark, palette::WHITE, 3.0)?;
            canvas.outline(mark, color, 2.0)?;
        }
        if let Some((limits, coloring)) = self.bar {
            coloring.bar(canvas, place, area, limits)?;
        }
        if let Some(note) = &self.note {
            note_below(canvas, area, place, note)?;
        }
        Ok(())
    }
}

/// A small line below `place`, centred there if it is short enough, otherwise as wide as `area`.
pub(crate) fn note_below(canvas: &Canvas<'_>, area: Rect, place: Rect, note: &str) -> Result<()> {
    let fits = measure(note, NOTE.size, NOTE.weight) <= place.width;
    let line = if fits { place } else { area };
    canvas.text(
        Rect {
            y: place.bottom() + 2.0,
            height: NOTE_HEIGHT - 2.0,
            ..line
        },
        note,
        NOTE,
    )?;
    Ok(())
}

/// A picture with a thin frame, so that a white one has an edge on white paper.
pub(crate) fn framed(canvas: &Canvas<'_>, place: Rect, image: &RgbImage, upscale: Upscale) -> Result<()> {
    canvas.image(place, image, upscale)?;
    canvas.outline(place, palette::LIGHT, 1.0)
}
