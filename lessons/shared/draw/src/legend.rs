//! The names of what is drawn, above or below it: plotters' own legend is one column inside the plot, over the data.

use candle_core::Result;

use crate::canvas::{Canvas, Margin, Rect, TextStyle};
use crate::colormap::{Rgb, palette};
use crate::font::{Weight, measure};

const TEXT: TextStyle = TextStyle {
    size: 13.0,
    color: palette::BLACK,
    weight: Weight::Regular,
    align: crate::canvas::Align::Left,
};
const SWATCH: f32 = 26.0;
const LINE_HEIGHT: f32 = 21.0;

/// How something is shown in the legend.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub name: String,
    pub color: Rgb,
    pub mark: Mark,
}

/// The sign of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Line,
    Dashed,
    Bar,
    Circle,
    Square,
    Triangle,
    Diamond,
}

impl Mark {
    /// The corners of a marker around its middle, in pixels; none for lines, bars and circles.
    pub fn corners(self) -> Vec<[f32; 2]> {
        let r = Self::RADIUS;
        let square = r * 0.9;
        match self {
            Self::Square => vec![
                [-square, -square],
                [square, -square],
                [square, square],
                [-square, square],
            ],
            Self::Triangle => vec![[0.0, -r * 1.2], [r * 1.15, r * 0.8], [-r * 1.15, r * 0.8]],
            Self::Diamond => vec![[0.0, -r * 1.3], [r * 1.3, 0.0], [0.0, r * 1.3], [-r * 1.3, 0.0]],
            _ => vec![],
        }
    }

    /// Of a round marker, in pixels; the others are about as large.
    pub const RADIUS: f32 = 4.2;

    /// Draws a marker, or nothing for lines and bars.
    fn draw(self, canvas: &Canvas<'_>, [x, y]: [f32; 2], color: Rgb) -> Result<()> {
        if self == Self::Circle {
            return canvas.disc([x, y], Self::RADIUS, color);
        }
        let corners: Vec<_> = self.corners().into_iter().map(|[dx, dy]| [x + dx, y + dy]).collect();
        if corners.is_empty() {
            Ok(())
        } else {
            canvas.polygon(&corners, color)
        }
    }
}

/// Draws a legend at the top of `area`, in as many lines as it needs; returns the area below.
pub(crate) fn draw(canvas: &Canvas<'_>, area: Rect, keys: &[Key]) -> Result<Rect> {
    let (mut x, mut y) = (area.x, area.y);
    for key in keys {
        let width = (SWATCH + 8.0 + measure(&key.name, TEXT.size, TEXT.weight)).min(area.width);
        if x > area.x && x + width > area.right() {
            (x, y) = (area.x, y + LINE_HEIGHT);
        }
        let middle = y + LINE_HEIGHT / 2.0;
        let (from, to) = ([x, middle], [x + SWATCH, middle]);
        match key.mark {
            Mark::Bar => canvas.fill(Rect::new(x + 8.0, middle - 6.0, SWATCH - 12.0, 12.0), key.color)?,
            Mark::Dashed => canvas.dashed(&[from, to], key.color, 1.5)?,
            mark => {
                canvas.line(&[from, to], key.color, 2.0)?;
                mark.draw(canvas, [x + SWATCH / 2.0, middle], key.color)?;
            }
        }
        let name = Rect::new(x + SWATCH + 6.0, y, width - SWATCH - 6.0, LINE_HEIGHT);
        canvas.text(name, &key.name, TEXT)?;
        x += width + 18.0;
    }
    let used = if keys.is_empty() {
        0.0
    } else {
        y + LINE_HEIGHT - area.y + 2.0
    };
    Ok(area.inset(Margin {
        top: used,
        ..Margin::default()
    }))
}
