//! Bars with names, and histograms.

use candle_core::{Result, Tensor, bail};

use crate::axes::{self, Axis, Key, Mark};
use crate::canvas::{Align, Canvas, Rect, TextStyle};
use crate::colormap::palette;
use crate::panel::Panel;
use crate::values::{number, values};

/// Bars side by side: one place per name, one bar per group in it.
#[derive(Clone, Debug)]
pub struct BarChart {
    title: Option<String>,
    groups: Vec<(String, Vec<f64>)>,
    x: Axis,
    y: Axis,
    levels: Vec<(String, f64)>,
    numbers: bool,
}

impl BarChart {
    /// The names below the bars.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let names = names.into_iter().map(Into::into).collect();
        let x = Axis {
            names,
            ..Axis::default()
        };
        Self {
            title: None,
            groups: Vec::new(),
            x,
            y: Axis::default(),
            levels: Vec::new(),
            numbers: false,
        }
    }

    /// Stands above the chart.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// One bar for each name. With several groups a legend names them.
    pub fn group(mut self, name: impl Into<String>, heights: impl IntoIterator<Item = f64>) -> Self {
        self.groups.push((name.into(), heights.into_iter().collect()));
        self
    }

    /// What the names are.
    pub fn x_label(mut self, label: impl Into<String>) -> Self {
        self.x.label = label.into();
        self
    }

    /// What the heights are, with their unit.
    pub fn y_label(mut self, label: impl Into<String>) -> Self {
        self.y.label = label.into();
        self
    }

    /// A dashed grey line at this height, e.g. chance.
    pub fn level(mut self, name: impl Into<String>, y: f64) -> Self {
        self.levels.push((name.into(), y));
        self
    }

    /// Writes each bar's number above it.
    pub fn with_numbers(mut self) -> Self {
        self.numbers = true;
        self
    }
}

impl Panel for BarChart {
    fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    fn aspect(&self) -> f32 {
        1.6
    }

    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<()> {
        if self.groups.is_empty() || self.x.names.is_empty() {
            bail!(
                "expected a bar chart with names and a group, got {} names, {} groups",
                self.x.names.len(),
                self.groups.len()
            );
        }
        for (name, heights) in &self.groups {
            if heights.len() != self.x.names.len() {
                bail!(
                    "expected {} bars in the group {name:?}, got {}",
                    self.x.names.len(),
                    heights.len()
                );
            }
        }
        let (mut x, mut y) = (self.x.clone(), self.y.clone());
        (x.min, x.max) = (-0.5, x.names.len() as f64 - 0.5);
        let heights = self.groups.iter().flat_map(|(_, heights)| heights.iter().copied());
        y.span(heights.chain(self.levels.iter().map(|l| l.1)).chain([0.0]), 0.0);
        let room = (y.max - y.min) * if self.numbers { 0.12 } else { 0.05 };
        y.max += if y.max > 0.0 { room } else { 0.0 };
        y.min -= if y.min < 0.0 { room } else { 0.0 };
        let bars = self.groups.iter().enumerate().map(|(i, (name, _))| Key {
            name: name.clone(),
            color: palette::series(i),
            mark: Mark::Bar,
        });
        let levels = self.levels.iter().map(|(name, _)| Key {
            name: name.clone(),
            color: palette::GRAY,
            mark: Mark::Dashed,
        });
        let named = self.groups.len() > 1 || !self.levels.is_empty();
        let legend: Vec<Key> = if named {
            bars.chain(levels).collect()
        } else {
            Vec::new()
        };
        let plot = axes::draw(canvas, area, &x, &y, &legend)?;

        let width = 0.76 / self.groups.len() as f64;
        for (group, (_, heights)) in self.groups.iter().enumerate() {
            for (name, &height) in heights.iter().enumerate().filter(|(_, h)| h.is_finite()) {
                let left = name as f64 - 0.38 + group as f64 * width;
                let bar = between(plot.at(left, height), plot.at(left + width * 0.94, 0.0));
                canvas.fill(bar, palette::series(group))?;
                if self.numbers {
                    let y = if height < 0.0 { bar.bottom() + 1.0 } else { bar.y - 16.0 };
                    let style = TextStyle {
                        size: 11.5,
                        color: palette::GRAY,
                        align: Align::Center,
                        ..TextStyle::default()
                    };
                    let place = Rect {
                        x: bar.x - 3.0,
                        y,
                        width: bar.width + 6.0,
                        height: 15.0,
                    };
                    canvas.text(place, &number(height, None), style)?;
                }
            }
        }
        for (_, level) in &self.levels {
            canvas.dashed(&[plot.at(x.min, *level), plot.at(x.max, *level)], palette::GRAY, 1.5)?;
        }
        canvas.line(&[plot.at(x.min, 0.0), plot.at(x.max, 0.0)], palette::GRAY, 1.0)
    }
}

/// The rectangle between two opposite corners.
fn between([x0, y0]: [f32; 2], [x1, y1]: [f32; 2]) -> Rect {
    Rect {
        x: x0.min(x1),
        y: y0.min(y1),
        width: (x1 - x0).abs(),
        height: (y1 - y0).abs(),
    }
}

/// How often values fall into each of many bins.
#[derive(Clone, Debug)]
pub struct Histogram {
    title: Option<String>,
    source: Source,
    bins: usize,
    x: Axis,
    y: Axis,
    lines: Vec<(String, f64)>,
}

#[derive(Clone, Debug)]
enum Source {
    Values(Vec<f32>),
    Counts { edges: Vec<f64>, counts: Vec<f64> },
}

impl Histogram {
    /// Of all values of a tensor of any shape; 40 bins from the smallest to the largest. NaN and ∞ are counted apart.
    pub fn new(tensor: &Tensor) -> Result<Self> {
        Ok(Self::from_source(Source::Values(values(tensor)?)))
    }

    /// Counted already: bin i reaches from `edges[i]` to `edges[i + 1]`.
    ///
    /// **Errors** unless the edges rise and there is one more of them than counts.
    pub fn from_counts(edges: impl IntoIterator<Item = f64>, counts: impl IntoIterator<Item = f64>) -> Result<Self> {
        let (edges, counts): (Vec<f64>, Vec<f64>) = (edges.into_iter().collect(), counts.into_iter().collect());
        if counts.is_empty() || edges.len() != counts.len() + 1 {
            bail!(
                "expected one edge more than counts, got {} edges and {} counts",
                edges.len(),
                counts.len()
            );
        }
        if !edges.windows(2).all(|w| w[1] > w[0]) {
            bail!("expected edges that rise, got {edges:?}");
        }
        Ok(Self::from_source(Source::Counts { edges, counts }))
    }

    fn from_source(source: Source) -> Self {
        let y = Axis {
            label: "count".to_string(),
            ..Axis::default()
        };
        Self {
            title: None,
            source,
            bins: 40,
            x: Axis::default(),
            y,
            lines: Vec::new(),
        }
    }

    /// Number of bins (for a histogram of values).
    pub fn bins(mut self, bins: usize) -> Self {
        self.bins = bins.max(1);
        self
    }

    /// Stands above the histogram.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// What the values are, with their unit.
    pub fn x_label(mut self, label: impl Into<String>) -> Self {
        self.x.label = label.into();
        self
    }

    /// What is counted.
    pub fn y_label(mut self, label: impl Into<String>) -> Self {
        self.y.label = label.into();
        self
    }

    /// Counts on a logarithmic axis (drawn as log₁₀ of 1 + count), for a long tail.
    pub fn log_y(mut self) -> Self {
        self.y.log = true;
        self
    }

    /// A vertical dashed line at this value, e.g. a threshold or the mean.
    pub fn line(mut self, name: impl Into<String>, x: f64) -> Self {
        self.lines.push((name.into(), x));
        self
    }

    /// Edges and counts, and how many values were not finite.
    fn counted(&self) -> (Vec<f64>, Vec<f64>, usize) {
        let all = match &self.source {
            Source::Counts { edges, counts } => return (edges.clone(), counts.clone(), 0),
            Source::Values(all) => all,
        };
        let finite: Vec<f64> = all.iter().filter(|v| v.is_finite()).map(|&v| v as f64).collect();
        let mut axis = Axis::default();
        axis.span(finite.iter().copied(), 0.0);
        let width = (axis.max - axis.min) / self.bins as f64;
        let mut counts = vec![0.0; self.bins];
        for value in &finite {
            counts[(((value - axis.min) / width) as usize).min(self.bins - 1)] += 1.0;
        }
        (
            (0..=self.bins).map(|i| axis.min + i as f64 * width).collect(),
            counts,
            all.len() - finite.len(),
        )
    }
}

impl Panel for Histogram {
    fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    fn aspect(&self) -> f32 {
        1.6
    }

    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<()> {
        let (edges, counts, odd) = self.counted();
        let log = self.y.log;
        let height = |count: f64| {
            if log { (1.0 + count.max(0.0)).log10() } else { count }
        };
        let (mut x, mut y) = (
            self.x.clone(),
            Axis {
                log: false,
                ..self.y.clone()
            },
        );
        x.span(edges.iter().copied().chain(self.lines.iter().map(|l| l.1)), 0.01);
        y.span(counts.iter().map(|&c| height(c)).chain([0.0]), 0.0);
        y.max += 0.05 * (y.max - y.min);
        if log {
            y.label = format!("log₁₀(1 + {})", y.label);
        }
        let legend: Vec<Key> = self
            .lines
            .iter()
            .enumerate()
            .map(|(i, (name, _))| Key {
                name: name.clone(),
                color: palette::series(i + 1),
                mark: Mark::Dashed,
            })
            .collect();
        let plot = axes::draw(canvas, area, &x, &y, &legend)?;
        for (edge, &count) in edges.windows(2).zip(&counts).filter(|(_, c)| c.is_finite()) {
            let bar = between(plot.at(edge[0], height(count)), plot.at(edge[1], 0.0));
            // A hairline between bars, as long as there is room for it.
            let gap = if bar.width > 4.0 { 1.0 } else { 0.0 };
            canvas.fill(
                Rect {
                    width: bar.width - gap,
                    ..bar
                },
                palette::BLUE,
            )?;
        }
        for (i, (_, value)) in self.lines.iter().enumerate() {
            canvas.dashed(
                &[plot.at(*value, y.min), plot.at(*value, y.max)],
                palette::series(i + 1),
                2.0,
            )?;
        }
        if odd > 0 {
            axes::note(canvas, &plot, &format!("{odd} values are not finite"))?;
        }
        Ok(())
    }
}
