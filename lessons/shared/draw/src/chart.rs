//! Charts: lines, bars and histograms over axes, drawn by plotters.

use candle_core::{Result, bail};

use crate::axis::Axis;
use crate::canvas::{Canvas, Rect};
use crate::colormap::{Rgb, palette};
use crate::legend::{self, Key, Mark};
use crate::panel::Panel;
use crate::plot::Plot;
use crate::series::{Series, Shape};

/// Series over two axes, with a legend.
///
/// | what | how |
/// |---|---|
/// | lines | `.series(Series::new(name, points))`, with markers, intervals, dashes |
/// | bars | `Chart::over(names)`, then `.bars(name, heights)` for each group, or `.series(Series::bars(…).intervals(…))` |
/// | a histogram | `.series(Series::histogram(edges, counts)?)` or `.series(Series::distribution(name, &tensor, bins)?)` |
/// | names on the x axis | `Chart::over(names)`; series stand at 0, 1, 2, … |
/// | chance, a threshold | `.level(name, y)`, dashed from left to right; `.mark(name, x)`, from top to bottom |
///
/// All of them can be combined in one chart. The axes span what is drawn (bars: from 0) unless a range is given; each has at
/// least two ticks. Points that cannot be drawn are left out, counted, and the count is written into the plot.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    title: Option<String>,
    pub(crate) series: Vec<Series>,
    x: Axis,
    y: Axis,
    y_range: Option<(f64, f64)>,
    pub(crate) levels: Vec<(String, f64)>,
    pub(crate) marks: Vec<(String, f64)>,
    pub(crate) numbers: bool,
}

impl Chart {
    /// A chart over numbers, without series.
    pub fn new() -> Self {
        Self::default()
    }

    /// A chart over names, e.g. layers, at x = 0, 1, 2, …
    pub fn over<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut chart = Self::default();
        chart.x.names = names.into_iter().map(Into::into).collect();
        chart
    }

    /// Stands above the chart.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// What x is, with its unit.
    pub fn x_label(mut self, label: impl Into<String>) -> Self {
        self.x.label = label.into();
        self
    }

    /// What y is, with its unit.
    pub fn y_label(mut self, label: impl Into<String>) -> Self {
        self.y.label = label.into();
        self
    }

    /// A logarithmic x axis; points at x ≤ 0 are left out and counted.
    pub fn log_x(mut self) -> Self {
        self.x.log = true;
        self
    }

    /// A logarithmic y axis; points at y ≤ 0 are left out and counted, bars begin at the lower edge.
    pub fn log_y(mut self) -> Self {
        self.y.log = true;
        self
    }

    /// Where the y axis begins and ends; otherwise as the series need. Beyond it a line runs along the edge.
    pub fn y_range(mut self, range: std::ops::RangeInclusive<f64>) -> Self {
        self.y_range = Some((*range.start(), *range.end()));
        self
    }

    /// Adds a series.
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// Adds a group of bars, one for each name.
    pub fn bars(self, name: impl Into<String>, heights: impl IntoIterator<Item = f64>) -> Self {
        self.series(Series::bars(name, heights))
    }

    /// A dashed grey line from left to right at this y, e.g. chance.
    pub fn level(mut self, name: impl Into<String>, y: f64) -> Self {
        self.levels.push((name.into(), y));
        self
    }

    /// A dashed grey line from top to bottom at this x, e.g. a threshold or a mean.
    pub fn mark(mut self, name: impl Into<String>, x: f64) -> Self {
        self.marks.push((name.into(), x));
        self
    }

    /// Writes each bar's number above it.
    pub fn with_numbers(mut self) -> Self {
        self.numbers = true;
        self
    }

    pub(crate) fn color(&self, index: usize) -> Rgb {
        self.series[index].color.unwrap_or(palette::series(index))
    }

    pub(crate) fn marker(&self, index: usize) -> Mark {
        [Mark::Circle, Mark::Square, Mark::Triangle, Mark::Diamond][index % 4]
    }

    fn legend(&self) -> Vec<Key> {
        let of = |(index, series): (usize, &Series)| Key {
            name: series.name.clone(),
            color: self.color(index),
            mark: match series.shape {
                Shape::Bars(_) | Shape::Histogram { .. } => Mark::Bar,
                Shape::Line { .. } if series.markers => self.marker(index),
                Shape::Line { .. } if series.dashed => Mark::Dashed,
                Shape::Line { .. } => Mark::Line,
            },
        };
        let dashed = |(name, _): &(String, f64)| Key {
            name: name.clone(),
            color: palette::GRAY,
            mark: Mark::Dashed,
        };
        let series = self.series.iter().enumerate().map(of);
        let keys: Vec<Key> = series
            .chain(self.levels.iter().chain(&self.marks).map(dashed))
            .collect();
        // One group of bars needs no name: the axis says what it is.
        let alone = keys.len() == 1 && keys[0].mark == Mark::Bar;
        keys.into_iter().filter(|key| !alone && !key.name.is_empty()).collect()
    }

    /// The places of the series that are bars.
    pub(crate) fn groups(&self) -> Vec<usize> {
        let bars = self
            .series
            .iter()
            .enumerate()
            .filter(|(_, series)| matches!(series.shape, Shape::Bars(_)));
        bars.map(|(index, _)| index).collect()
    }

    /// The axes, spanning everything.
    fn axes(&self) -> (Axis, Axis) {
        let (mut x, mut y) = (self.x.clone(), self.y.clone());
        let is_solid = |series: &Series| !matches!(series.shape, Shape::Line { .. });
        let solid = self.series.iter().any(is_solid);
        let across = self
            .series
            .iter()
            .flat_map(Series::across)
            .chain(self.marks.iter().map(|mark| mark.1));
        x.span(across, if solid { 0.01 } else { 0.02 });
        let up = self
            .series
            .iter()
            .flat_map(Series::up)
            .chain(self.levels.iter().map(|level| level.1));
        let zero = (solid && !y.log).then_some(0.0);
        y.span(up.chain(zero), if solid { 0.0 } else { 0.05 });
        if solid {
            let room = (y.max - y.min) * if self.numbers { 0.12 } else { 0.05 };
            y.max += if y.max > 0.0 || y.log { room } else { 0.0 };
            y.min -= if y.min < 0.0 || y.log { room } else { 0.0 };
        }
        if let Some((Some(min), Some(max))) = self.y_range.map(|(a, b)| (y.place(a), y.place(b)))
            && max > min
        {
            (y.min, y.max) = (min, max);
        }
        (x, y)
    }
}

impl Panel for Chart {
    fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    fn aspect(&self) -> f32 {
        1.55
    }

    fn is_vector(&self) -> bool {
        true
    }

    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<()> {
        if self.series.is_empty() {
            bail!("expected a chart with at least one series, got none");
        }
        for series in &self.series {
            if let Shape::Bars(heights) = &series.shape
                && heights.len() != self.x.names.len()
            {
                bail!(
                    "expected {} bars in the group {:?}, got {}",
                    self.x.names.len(),
                    series.name,
                    heights.len()
                );
            }
        }
        let below = legend::draw(canvas, area, &self.legend())?;
        let (x, y) = self.axes();
        Plot::new(self, canvas, below, x, y)?.draw()
    }
}
