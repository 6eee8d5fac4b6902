//! The axes of a chart: linear, logarithmic, or names; plotters asks them for places and round values.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::values::{log_ticks, ticks};

/// One direction of a chart. On a logarithmic axis `min` and `max` are powers of ten.
#[derive(Clone, Debug, Default)]
pub(crate) struct Axis {
    pub label: String,
    pub log: bool,
    pub min: f64,
    pub max: f64,
    /// Names instead of numbers, at 0, 1, 2, …
    pub names: Vec<String>,
    /// Round values and how they are written; see [`Axis::rule`].
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Where a value stands on the axis; `None` if it cannot (not finite, or not positive on a logarithmic axis).
    pub fn place(&self, value: f64) -> Option<f64> {
        let value = if self.log { value.log10() } else { value };
        value.is_finite().then_some(value)
    }

    /// The value at a place.
    fn value(&self, place: f64) -> f64 {
        if self.log { 10f64.powf(place) } else { place }
    }

    /// The first and the last value.
    pub fn ends(&self) -> (f64, f64) {
        (self.value(self.min), self.value(self.max))
    }

    /// The value, or the nearest that is on the axis.
    pub fn clamp(&self, value: f64) -> f64 {
        let (first, last) = self.ends();
        value.clamp(first, last)
    }

    /// Spans `values`, with a little room at the ends; names are spanned whatever the values.
    pub fn span(&mut self, values: impl IntoIterator<Item = f64>, room: f64) {
        if !self.names.is_empty() {
            (self.log, self.min, self.max) = (false, -0.5, self.names.len() as f64 - 0.5);
            return;
        }
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

    /// Chooses round values, about `wanted` of them and at least two.
    pub fn rule(&mut self, wanted: usize) {
        let wanted = wanted.clamp(2, 8);
        if !self.names.is_empty() {
            self.ticks.clear(); // names are written by the chart, upright where they are long
            return;
        }
        if !self.log {
            self.ticks = ticks(self.min, self.max, wanted);
            return;
        }
        self.ticks = log_ticks(self.min, self.max, wanted);
        if self.ticks.len() < 2 {
            // Less than two powers of ten in sight: the values themselves.
            self.ticks = ticks(self.value(self.min), self.value(self.max), wanted);
            self.ticks.retain(|(value, _)| *value > 0.0);
            return;
        }
        for (power, _) in &mut self.ticks {
            *power = 10f64.powf(*power);
        }
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let place = self.place(*value).unwrap_or(self.min);
        let along = (place - self.min) / (self.max - self.min);
        first + (along * f64::from(last - first)).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, _: H) -> Vec<f64> {
        self.ticks.iter().map(|(value, _)| *value).collect()
    }

    fn range(&self) -> Range<f64> {
        let (first, last) = self.ends();
        first..last
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|(there, _)| there == value);
        tick.map(|(_, text)| text.clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(log: bool, values: [f64; 2], wanted: usize) -> Vec<String> {
        let mut axis = Axis { log, ..Axis::default() };
        axis.span(values, 0.05);
        axis.rule(wanted);
        axis.ticks.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn no_axis_has_a_single_tick() {
        for low in [1e-7, 0.03, 0.9, 4.9, 95.0, 1e6] {
            for factor in [1.001, 1.3, 2.0, 7.0, 11.0, 1e9] {
                for wanted in 1..9 {
                    for log in [false, true] {
                        let found = axis(log, [low, low * factor], wanted);
                        assert!(found.len() >= 2, "{low} to {}, log {log}: {found:?}", low * factor);
                    }
                }
            }
        }
        assert_eq!(axis(false, [0.0, 4.9], 2), ["0", "5"]);
    }

    #[test]
    fn equal_factors_are_equally_far_apart_on_a_logarithmic_axis() {
        let mut axis = Axis {
            log: true,
            ..Axis::default()
        };
        axis.span([1.0, 1e4], 0.0);
        let places = [1.0, 10.0, 100.0, 1000.0, 1e4].map(|value| axis.map(&value, (0, 400)));
        assert_eq!(places, [0, 100, 200, 300, 400]);
        assert_eq!((axis.clamp(1e-3), axis.clamp(1e9)), (1.0, 1e4));
    }
}
