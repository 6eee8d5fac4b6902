//! Several named series of points, joined by lines.

use candle_core::{Result, bail};

use crate::axes::{self, Axis, Key, Mark};
use crate::canvas::{Canvas, Rect};
use crate::colormap::{Rgb, palette};
use crate::panel::Panel;

/// Points with a name.
#[derive(Clone, Debug)]
pub struct Series {
    name: String,
    points: Vec<(f64, f64)>,
    markers: bool,
    dashed: bool,
    color: Option<Rgb>,
    intervals: Vec<(f64, f64)>,
}

impl Series {
    /// `points`: (x, y) in the order in which they are joined. A point that is not finite leaves a gap.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        Self {
            name: name.into(),
            points: points.into_iter().collect(),
            markers: false,
            dashed: false,
            color: None,
            intervals: Vec::new(),
        }
    }

    /// `y` over 0, 1, 2, …
    pub fn over_index(name: impl Into<String>, y: impl IntoIterator<Item = f64>) -> Self {
        Self::new(name, y.into_iter().enumerate().map(|(i, y)| (i as f64, y)))
    }

    /// Marks each point, with a shape of its own for each series.
    pub fn markers(mut self) -> Self {
        self.markers = true;
        self
    }

    /// Lower and upper end of an interval around each point, in their order: a thin vertical line with caps.
    pub fn intervals(mut self, intervals: impl IntoIterator<Item = (f64, f64)>) -> Self {
        self.intervals = intervals.into_iter().collect();
        self
    }

    /// A dashed line.
    pub fn dashed(mut self) -> Self {
        self.dashed = true;
        self
    }

    /// A colour other than that of its place in the palette.
    pub fn color(mut self, color: Rgb) -> Self {
        self.color = Some(color);
        self
    }
}

/// A chart of named series with axes and a legend.
#[derive(Clone, Debug, Default)]
pub struct LineChart {
    title: Option<String>,
    series: Vec<Series>,
    x: Axis,
    y: Axis,
    y_range: Option<(f64, f64)>,
    levels: Vec<(String, f64)>,
}

impl LineChart {
    /// A chart without series.
    pub fn new() -> Self {
        Self::default()
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

    /// Names at x = 0, 1, 2, … instead of numbers, e.g. layers.
    pub fn x_names<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.x.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// A logarithmic x axis; points at x ≤ 0 are left out and counted.
    pub fn log_x(mut self) -> Self {
        self.x.log = true;
        self
    }

    /// A logarithmic y axis; points at y ≤ 0 are left out and counted.
    pub fn log_y(mut self) -> Self {
        self.y.log = true;
        self
    }

    /// Where the y axis begins and ends; otherwise as the points need.
    pub fn y_range(mut self, range: std::ops::RangeInclusive<f64>) -> Self {
        self.y_range = Some((*range.start(), *range.end()));
        self
    }

    /// Adds a series.
    pub fn series(mut self, series: Series) -> Self {
        self.series.push(series);
        self
    }

    /// A dashed grey line at this y, e.g. chance.
    pub fn level(mut self, name: impl Into<String>, y: f64) -> Self {
        self.levels.push((name.into(), y));
        self
    }

    fn mark(&self, index: usize) -> Mark {
        match &self.series[index] {
            s if s.markers => [Mark::Circle, Mark::Square, Mark::Triangle, Mark::Diamond][index % 4],
            s if s.dashed => Mark::Dashed,
            _ => Mark::Line,
        }
    }

    fn color(&self, index: usize) -> Rgb {
        self.series[index].color.unwrap_or(palette::series(index))
    }
}

impl Panel for LineChart {
    fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    fn aspect(&self) -> f32 {
        1.5
    }

    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<()> {
        if self.series.is_empty() {
            bail!("expected a line chart with at least one series, got none");
        }
        let points = || self.series.iter().flat_map(|s| &s.points);
        let (mut x, mut y) = (self.x.clone(), self.y.clone());
        if x.names.is_empty() {
            x.span(points().map(|p| p.0), 0.02);
        } else {
            (x.log, x.min, x.max) = (false, -0.5, x.names.len() as f64 - 0.5);
        }
        let ends = self.series.iter().flat_map(|s| &s.intervals);
        y.span(
            points()
                .map(|p| p.1)
                .chain(ends.flat_map(|&(low, high)| [low, high]))
                .chain(self.levels.iter().map(|l| l.1)),
            0.05,
        );
        if let Some((Some(min), Some(max))) = self.y_range.map(|(a, b)| (y.place(a), y.place(b)))
            && max > min
        {
            (y.min, y.max) = (min, max);
        }
        let lines = (0..self.series.len()).map(|i| Key {
            name: self.series[i].name.clone(),
            color: self.color(i),
            mark: self.mark(i),
        });
        let levels = self.levels.iter().map(|(name, _)| Key {
            name: name.clone(),
            color: palette::GRAY,
            mark: Mark::Dashed,
        });
        let legend: Vec<Key> = lines.chain(levels).collect();
        let plot = axes::draw(canvas, area, &x, &y, &legend)?;

        for level in self.levels.iter().filter_map(|(_, level)| y.place(*level)) {
            canvas.dashed(&[plot.at(x.min, level), plot.at(x.max, level)], palette::GRAY, 1.5)?;
        }
        let mut left_out = 0;
        for (index, series) in self.series.iter().enumerate() {
            let places: Vec<Option<[f32; 2]>> = series
                .points
                .iter()
                .map(|&(px, py)| {
                    let (px, py) = (x.place(px)?, y.place(py)?);
                    // Beyond a given y range the line runs along the edge.
                    Some(plot.at(px, py.clamp(y.min, y.max)))
                })
                .collect();
            left_out += places.iter().filter(|p| p.is_none()).count();
            for (&(px, _), &(low, high)) in series.points.iter().zip(&series.intervals) {
                if let (Some(px), Some(low), Some(high)) = (x.place(px), y.place(low), y.place(high)) {
                    let [low, high] = [low, high].map(|end| plot.at(px, end.clamp(y.min, y.max)));
                    interval(canvas, low, high, self.color(index))?;
                }
            }
            for run in places.split(Option::is_none) {
                let run: Vec<[f32; 2]> = run.iter().flatten().copied().collect();
                if series.dashed {
                    canvas.dashed(&run, self.color(index), 2.0)?;
                } else {
                    canvas.line(&run, self.color(index), 2.0)?;
                }
                let lonely = run.len() == 1;
                for &point in run.iter().filter(|_| series.markers || lonely) {
                    let mark = if series.markers { self.mark(index) } else { Mark::Circle };
                    mark.draw(canvas, point, self.color(index))?;
                }
            }
        }
        if left_out > 0 {
            axes::note(
                canvas,
                &plot,
                &format!("{left_out} points left out (not finite, or ≤ 0 on a log axis)"),
            )?;
        }
        Ok(())
    }
}

/// A vertical line with a short cap at each end.
fn interval(canvas: &Canvas<'_>, low: [f32; 2], high: [f32; 2], color: Rgb) -> Result<()> {
    const CAP: f32 = 3.5;
    canvas.line(&[low, high], color, 1.0)?;
    for [x, y] in [low, high] {
        canvas.line(&[[x - CAP, y], [x + CAP, y]], color, 1.0)?;
    }
    Ok(())
}
