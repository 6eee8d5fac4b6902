//! Axes with round ticks, a legend, and the way from values to pixels; shared by all charts.

use candle_core::Result;

use crate::canvas::{Align, Canvas, Margin, Rect, TextStyle};
use crate::colormap::{Rgb, palette};
use crate::font::{Weight, measure};
use crate::values::{log_ticks, ticks};

const TICK: TextStyle = TextStyle {
    size: 12.5,
    color: palette::GRAY,
    weight: Weight::Regular,
    align: Align::Center,
};
const LABEL: TextStyle = TextStyle {
    size: 13.5,
    color: palette::BLACK,
    weight: Weight::Regular,
    align: Align::Center,
};
const LEGEND: TextStyle = TextStyle {
    size: 13.0,
    color: palette::BLACK,
    weight: Weight::Regular,
    align: Align::Left,
};
const SWATCH: f32 = 26.0;

/// One direction of a chart. On a logarithmic axis `min` and `max` are powers of ten.
#[derive(Clone, Debug, Default)]
pub(crate) struct Axis {
    pub label: String,
    pub log: bool,
    pub min: f64,
    pub max: f64,
    /// Names instead of numbers, at 0, 1, 2, …
    pub names: Vec<String>,
}

impl Axis {
    /// Where a value stands on the axis; `None` if it cannot (not finite, or not positive on a logarithmic axis).
    pub fn place(&self, value: f64) -> Option<f64> {
        let value = if self.log { value.log10() } else { value };
        value.is_finite().then_some(value)
    }

    /// Spans `values`, with a little room at the ends.
    pub fn span(&mut self, values: impl IntoIterator<Item = f64>, room: f64) {
        let finite = values.into_iter().filter_map(|v| self.place(v));
        let range = finite.fold(None, |r: Option<(f64, f64)>, v| {
            Some(r.map_or((v, v), |(a, b)| (a.min(v), b.max(v))))
        });
        let (mut min, mut max) = range.unwrap_or((0.0, 1.0));
        if max <= min {
            let half = if self.log || min == 0.0 { 0.5 } else { min.abs() * 0.1 };
            (min, max) = (min - half, max + half);
        }
        let room = (max - min) * room;
        (self.min, self.max) = (min - room, max + room);
    }

    fn ticks(&self, pixels: f32, spacing: f32) -> Vec<(f64, String)> {
        if !self.names.is_empty() {
            return self
                .names
                .iter()
                .enumerate()
                .map(|(i, name)| (i as f64, name.clone()))
                .collect();
        }
        let wanted = (pixels / spacing).clamp(1.0, 8.0) as usize;
        let powers = if self.log {
            log_ticks(self.min, self.max, wanted)
        } else {
            Vec::new()
        };
        if powers.len() >= 2 {
            return powers;
        }
        let linear = ticks(self.min, self.max, wanted);
        if !self.log {
            return linear;
        }
        // Less than two powers of ten in sight: label the values themselves.
        let values = ticks(10f64.powf(self.min), 10f64.powf(self.max), wanted);
        values
            .into_iter()
            .filter(|(v, _)| *v > 0.0)
            .map(|(v, label)| (v.log10(), label))
            .collect()
    }
}

/// How a series is shown in the legend.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub name: String,
    pub color: Rgb,
    pub mark: Mark,
}

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
    /// Draws a marker, or nothing for lines and bars.
    pub fn draw(self, canvas: &Canvas<'_>, [x, y]: [f32; 2], color: Rgb) -> Result<()> {
        let r = 4.2;
        match self {
            Self::Circle => canvas.disc([x, y], r, color),
            Self::Square => canvas.fill(
                Rect {
                    x: x - r * 0.9,
                    y: y - r * 0.9,
                    width: r * 1.8,
                    height: r * 1.8,
                },
                color,
            ),
            Self::Triangle => canvas.polygon(
                &[
                    [x, y - r * 1.2],
                    [x + r * 1.15, y + r * 0.8],
                    [x - r * 1.15, y + r * 0.8],
                ],
                color,
            ),
            Self::Diamond => canvas.polygon(
                &[[x, y - r * 1.3], [x + r * 1.3, y], [x, y + r * 1.3], [x - r * 1.3, y]],
                color,
            ),
            _ => Ok(()),
        }
    }
}

/// Where the data go, once the axes are drawn.
pub(crate) struct Plot {
    pub area: Rect,
    x: (f64, f64),
    y: (f64, f64),
}

impl Plot {
    /// Pixels of a place on the axes.
    pub fn at(&self, x: f64, y: f64) -> [f32; 2] {
        let along = |v: f64, (min, max): (f64, f64)| ((v - min) / (max - min)) as f32;
        [
            self.area.x + along(x, self.x) * self.area.width,
            self.area.bottom() - along(y, self.y) * self.area.height,
        ]
    }
}

/// Draws legend, grid lines, ticks and labels; returns the place for the data.
pub(crate) fn draw(canvas: &Canvas<'_>, area: Rect, x: &Axis, y: &Axis, legend: &[Key]) -> Result<Plot> {
    let area = draw_legend(canvas, area, legend)?;
    let y_ticks = y.ticks(area.height, 46.0);
    let y_tick_width = y_ticks
        .iter()
        .map(|(_, l)| measure(l, TICK.size, TICK.weight))
        .fold(0.0, f32::max);
    let label_size = |label: &str| if label.is_empty() { 0.0 } else { 21.0 };
    let left = (label_size(&y.label) + y_tick_width + 9.0).min(area.width * 0.4);
    let right = 12.0;
    let width = (area.width - left - right).max(1.0);
    let x_ticks = x.ticks(width, 75.0);
    let slot = width / x.names.len().max(1) as f32;
    let widest = x_ticks
        .iter()
        .map(|(_, l)| measure(l, TICK.size, TICK.weight))
        .fold(0.0, f32::max);
    // Long names stand upright.
    let upright = !x.names.is_empty() && widest * 0.85 > slot - 4.0;
    let x_tick_height = if upright {
        (widest + 2.0).min(area.height * 0.35)
    } else {
        16.0
    };
    let bottom = label_size(&x.label) + x_tick_height + 7.0;
    let place = area.inset(Margin {
        left,
        right,
        top: 8.0,
        bottom,
    });
    let plot = Plot {
        area: place,
        x: (x.min, x.max),
        y: (y.min, y.max),
    };

    for (value, label) in &y_ticks {
        let [_, level] = plot.at(x.min, *value);
        canvas.fill(
            Rect {
                x: place.x,
                y: (level - 0.5).round(),
                width: place.width,
                height: 1.0,
            },
            palette::LIGHT,
        )?;
        let tick = Rect {
            x: place.x - 7.0 - y_tick_width,
            y: level - 9.0,
            width: y_tick_width,
            height: 18.0,
        };
        canvas.text(
            tick,
            label,
            TextStyle {
                align: Align::Right,
                ..TICK
            },
        )?;
    }
    for (value, label) in &x_ticks {
        let [across, _] = plot.at(*value, y.min);
        canvas.fill(
            Rect {
                x: (across - 0.5).round(),
                y: place.bottom(),
                width: 1.0,
                height: 4.0,
            },
            palette::GRAY,
        )?;
        let top = place.bottom() + 6.0;
        if upright {
            let tick = Rect {
                x: across - 9.0,
                y: top,
                width: 18.0,
                height: x_tick_height,
            };
            canvas.text_upwards(
                tick,
                label,
                TextStyle {
                    align: Align::Right,
                    ..TICK
                },
            )?;
        } else {
            let width = if x.names.is_empty() { 74.0 } else { slot - 4.0 };
            canvas.text(
                Rect {
                    x: across - width / 2.0,
                    y: top,
                    width,
                    height: x_tick_height,
                },
                label,
                TICK,
            )?;
        }
    }
    canvas.fill(
        Rect {
            x: place.x - 1.0,
            y: place.bottom() - 0.5,
            width: place.width + 1.0,
            height: 1.0,
        },
        palette::GRAY,
    )?;
    canvas.fill(
        Rect {
            x: place.x - 1.0,
            y: place.y,
            width: 1.0,
            height: place.height,
        },
        palette::GRAY,
    )?;
    if !x.label.is_empty() {
        canvas.text(
            Rect {
                y: area.bottom() - 19.0,
                height: 19.0,
                ..place
            },
            &x.label,
            LABEL,
        )?;
    }
    if !y.label.is_empty() {
        canvas.text_upwards(
            Rect {
                x: area.x,
                width: 19.0,
                ..place
            },
            &y.label,
            LABEL,
        )?;
    }
    Ok(plot)
}

/// Draws the legend above the plot, in as many lines as it needs; returns the area below.
pub(crate) fn draw_legend(canvas: &Canvas<'_>, area: Rect, legend: &[Key]) -> Result<Rect> {
    let (mut x, mut y) = (area.x, area.y);
    let line_height = 21.0;
    for key in legend {
        let width = (SWATCH + 8.0 + measure(&key.name, LEGEND.size, LEGEND.weight)).min(area.width);
        if x > area.x && x + width > area.right() {
            (x, y) = (area.x, y + line_height);
        }
        let middle = y + line_height / 2.0;
        let (from, to) = ([x, middle], [x + SWATCH, middle]);
        match key.mark {
            Mark::Bar => canvas.fill(
                Rect {
                    x: x + 8.0,
                    y: middle - 6.0,
                    width: SWATCH - 12.0,
                    height: 12.0,
                },
                key.color,
            )?,
            Mark::Dashed => canvas.dashed(&[from, to], key.color, 1.5)?,
            mark => {
                canvas.line(&[from, to], key.color, 2.0)?;
                mark.draw(canvas, [x + SWATCH / 2.0, middle], key.color)?;
            }
        }
        let name = Rect {
            x: x + SWATCH + 6.0,
            y,
            width: width - SWATCH - 6.0,
            height: line_height,
        };
        canvas.text(name, &key.name, LEGEND)?;
        x += width + 18.0;
    }
    let used = if legend.is_empty() {
        0.0
    } else {
        y + line_height - area.y + 2.0
    };
    Ok(area.inset(Margin {
        top: used,
        ..Margin::default()
    }))
}

/// A centred grey note in an empty plot.
pub(crate) fn note(canvas: &Canvas<'_>, plot: &Plot, text: &str) -> Result<()> {
    let line = Rect {
        y: plot.area.y,
        height: 18.0,
        ..plot.area
    };
    canvas.text(
        line,
        text,
        TextStyle {
            align: Align::Right,
            size: 11.5,
            ..TICK
        },
    )?;
    Ok(())
}
