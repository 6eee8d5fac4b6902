//! What a chart shows: points joined by lines, bars, a histogram.

use candle_core::{Result, Tensor, bail};

use crate::colormap::Rgb;
use crate::values::values;

/// Numbers with a name, and how they are drawn.
#[derive(Clone, Debug)]
pub struct Series {
    pub(crate) name: String,
    pub(crate) shape: Shape,
    pub(crate) markers: bool,
    pub(crate) dashed: bool,
    pub(crate) color: Option<Rgb>,
    pub(crate) intervals: Vec<(f64, f64)>,
    /// Values that are not finite and could not be counted.
    pub(crate) odd: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Line { points: Vec<(f64, f64)> },
    Bars(Vec<f64>),
    Histogram { edges: Vec<f64>, counts: Vec<f64> },
}

impl Series {
    fn of(name: impl Into<String>, shape: Shape) -> Self {
        Self {
            name: name.into(),
            shape,
            markers: false,
            dashed: false,
            color: None,
            intervals: vec![],
            odd: 0,
        }
    }

    /// A line through `points`, (x, y) in the order in which they are joined. A point that is not finite leaves a gap.
    pub fn new(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Self {
        let points = points.into_iter().collect();
        Self::of(name, Shape::Line { points })
    }

    /// A line through `y` over 0, 1, 2, …
    pub fn over_index(name: impl Into<String>, y: impl IntoIterator<Item = f64>) -> Self {
        Self::new(name, y.into_iter().enumerate().map(|(i, y)| (i as f64, y)))
    }

    /// A bar for each name of the x axis; several such series stand side by side.
    pub fn bars(name: impl Into<String>, heights: impl IntoIterator<Item = f64>) -> Self {
        Self::of(name, Shape::Bars(heights.into_iter().collect()))
    }

    /// How often values fall into bins that are counted already: bin i reaches from `edges[i]` to `edges[i + 1]`.
    ///
    /// **Errors** unless the edges rise and there is one more of them than counts.
    pub fn histogram(
        name: impl Into<String>,
        edges: impl IntoIterator<Item = f64>,
        counts: impl IntoIterator<Item = f64>,
    ) -> Result<Self> {
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
        Ok(Self::of(name, Shape::Histogram { edges, counts }))
    }

    /// How often the values of a tensor of any shape fall into `bins` from the smallest to the largest. NaN and ∞ are
    /// counted apart.
    pub fn distribution(name: impl Into<String>, tensor: &Tensor, bins: usize) -> Result<Self> {
        let all = values(tensor)?;
        let finite: Vec<f64> = all.iter().filter(|v| v.is_finite()).map(|&v| f64::from(v)).collect();
        let low = finite.iter().copied().fold(f64::INFINITY, f64::min);
        let high = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = if finite.is_empty() {
            (0.0, 1.0)
        } else if high > low {
            (low, high)
        } else {
            (low - 0.5, low + 0.5)
        };
        let bins = bins.max(1);
        let width = (high - low) / bins as f64;
        let mut counts = vec![0.0; bins];
        for value in &finite {
            counts[(((value - low) / width) as usize).min(bins - 1)] += 1.0;
        }
        let edges = (0..=bins).map(|i| low + i as f64 * width);
        let mut series = Self::histogram(name, edges, counts)?;
        series.odd = all.len() - finite.len();
        Ok(series)
    }

    /// Marks each point of a line, with a shape of its own for each series.
    pub fn markers(mut self) -> Self {
        self.markers = true;
        self
    }

    /// Lower and upper end of an interval around each point or bar, in their order: a thin vertical line with caps.
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

    /// Every x that the axis has to show.
    pub(crate) fn across(&self) -> Vec<f64> {
        match &self.shape {
            Shape::Line { points } => points.iter().map(|point| point.0).collect(),
            Shape::Bars(_) => vec![],
            Shape::Histogram { edges, .. } => edges.clone(),
        }
    }

    /// Every y that the axis has to show.
    pub(crate) fn up(&self) -> Vec<f64> {
        let mut all = match &self.shape {
            Shape::Line { points } => points.iter().map(|point| point.1).collect(),
            Shape::Bars(heights) => heights.clone(),
            Shape::Histogram { counts, .. } => counts.clone(),
        };
        all.extend(self.intervals.iter().flat_map(|&(low, high)| [low, high]));
        all
    }
}
