//! A chart's way to the paper: axes, grid lines, bars and lines by plotters' chart API.

use candle_core::{Error, Result};
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;
use plotters::element::{Circle, EmptyElement, PathElement, Polygon, Rectangle, Text};
use plotters::series::{DashedLineSeries, LineSeries};
use plotters::style::{Color, FontTransform};
use plotters_backend::text_anchor::{HPos, Pos, VPos};

use crate::axis::Axis;
use crate::canvas::{Align, Canvas, Rect, TextStyle};
use crate::chart::Chart;
use crate::colormap::{Rgb, palette};
use crate::font::{Weight, fit, measure};
use crate::legend::Mark;
use crate::paper::{FINER, Paper};
use crate::series::{Series, Shape};
use crate::values::number;

const TICK: TextStyle = TextStyle {
    size: 12.5,
    color: palette::GRAY,
    weight: Weight::Regular,
    align: Align::Center,
};
const LABEL: TextStyle = TextStyle {
    size: 13.5,
    color: palette::BLACK,
    ..TICK
};
const SMALL: TextStyle = TextStyle { size: 11.5, ..TICK };
const TICK_MARK: f32 = 4.0;
/// Share of a place that bars fill, and of a bar's slot that the bar fills.
const BARS: f64 = 0.76;
const BAR: f64 = 0.94;

type Context<'a> = ChartContext<'a, Paper<'a>, Cartesian2d<Axis, Axis>>;

/// A chart on its way to the paper.
pub(crate) struct Plot<'c, 'a> {
    chart: &'c Chart,
    canvas: &'c Canvas<'a>,
    context: Context<'a>,
    x: Axis,
    y: Axis,
    /// Names that are too long for their places stand upright.
    upright: bool,
    /// Points that cannot be drawn.
    left_out: usize,
}

/// Pixels of the figure as pixels of the paper.
fn fine(pixels: f32) -> i32 {
    (pixels * FINER as f32).round() as i32
}

fn width(text: &str) -> f32 {
    measure(text, TICK.size, TICK.weight)
}

impl<'c, 'a> Plot<'c, 'a> {
    pub fn new(chart: &'c Chart, canvas: &'c Canvas<'a>, area: Rect, mut x: Axis, mut y: Axis) -> Result<Self> {
        let label = |axis: &Axis| if axis.label.is_empty() { 0.0 } else { 21.0 };
        y.rule((area.height / 46.0) as usize);
        let widest = |texts: &mut dyn Iterator<Item = &String>| texts.map(|text| width(text)).fold(0.0, f32::max);
        let left = label(&y) + widest(&mut y.ticks.iter().map(|tick| &tick.1)) + 2.0 * TICK_MARK + 1.0;
        let left = left.min(area.width * 0.4);
        x.rule(((area.width - left) / 75.0) as usize);
        let names = widest(&mut x.names.iter());
        let slot = (area.width - left) / x.names.len().max(1) as f32;
        let upright = names * 0.85 > slot - 4.0;
        let under = if upright {
            (names + 2.0).min(area.height * 0.35)
        } else {
            16.0
        };
        let bottom = (label(&x) + under + 2.0 * TICK_MARK).min(area.height * 0.6);
        let context = ChartBuilder::on(&canvas.area(area))
            .margin_top(fine(8.0f32.min(area.height * 0.1)))
            .margin_right(fine(12.0f32.min(area.width * 0.1)))
            .x_label_area_size(fine(bottom))
            .y_label_area_size(fine(left))
            .build_cartesian_2d(x.clone(), y.clone())
            .map_err(Error::wrap)?;
        Ok(Self {
            chart,
            canvas,
            context,
            x,
            y,
            upright,
            left_out: 0,
        })
    }

    /// Draws everything: bars, then lines across, numbers, lines.
    pub fn draw(mut self) -> Result<()> {
        self.mesh()?;
        self.names()?;
        let all = self.chart.series.iter().enumerate();
        for (index, series) in all.clone() {
            match &series.shape {
                Shape::Bars(heights) => self.bars(index, heights)?,
                Shape::Histogram { edges, counts } => self.histogram(index, edges, counts)?,
                Shape::Line { .. } => {}
            }
        }
        self.lines_across()?;
        for (index, series) in all {
            match &series.shape {
                Shape::Bars(heights) => self.numbers(index, heights)?,
                Shape::Line { points } => self.line(index, points)?,
                Shape::Histogram { .. } => {}
            }
        }
        self.note()
    }

    /// Grid lines, ticks, labels.
    fn mesh(&mut self) -> Result<()> {
        let canvas = self.canvas;
        let (wide, high) = self.context.plotting_area().dim_in_pixel();
        let fits = |text: &str, pixels: u32| fit(text, LABEL.size, LABEL.weight, pixels as f32 / FINER as f32);
        let ((x, small), (y, smaller)) = (fits(&self.x.label, wide), fits(&self.y.label, high));
        let label = TextStyle {
            size: small.min(smaller),
            ..LABEL
        };
        self.context
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(canvas.stroke(palette::LIGHT, 1.0))
            .light_line_style(canvas.color(palette::LIGHT).mix(0.0))
            .axis_style(canvas.stroke(palette::GRAY, 1.0))
            .axis_desc_style(canvas.letters(label))
            .label_style(canvas.letters(TICK))
            .set_all_tick_mark_size(fine(TICK_MARK))
            .x_desc(x)
            .y_desc(y)
            .draw()
            .map_err(Error::wrap)
    }

    /// Names below the x axis.
    fn names(&mut self) -> Result<()> {
        let (down, plain) = (fine(2.0 * TICK_MARK - 1.0), self.canvas.letters(TICK));
        let style = if self.upright {
            plain
                .transform(FontTransform::Rotate270)
                .pos(Pos::new(HPos::Right, VPos::Center))
        } else {
            plain.pos(Pos::new(HPos::Center, VPos::Top))
        };
        let tick = self.canvas.stroke(palette::GRAY, 1.0);
        let bottom = self.y.ends().0;
        let names: Vec<_> = self
            .x
            .names
            .iter()
            .enumerate()
            .map(|(place, name)| (place as f64, name.clone()))
            .collect();
        let elements = names.into_iter().map(|(place, name)| {
            EmptyElement::at((place, bottom))
                + PathElement::new(vec![(0, 0), (0, fine(TICK_MARK))], tick)
                + Text::new(name, (0, down), style.clone())
        });
        self.context.draw_series(elements).map(|_| ()).map_err(Error::wrap)
    }

    /// Levels and marks.
    fn lines_across(&mut self) -> Result<()> {
        let ((left, right), (bottom, top)) = (self.x.ends(), self.y.ends());
        let levels = self.chart.levels.iter().filter(|level| self.y.place(level.1).is_some());
        let marks = self.chart.marks.iter().filter(|mark| self.x.place(mark.1).is_some());
        let levels = levels.map(|&(_, y)| [(left, y), (right, y)]);
        let lines: Vec<_> = levels.chain(marks.map(|&(_, x)| [(x, bottom), (x, top)])).collect();
        lines
            .into_iter()
            .try_for_each(|line| self.stroke(line.to_vec(), palette::GRAY, 1.5, true))
    }

    /// A line through points that all lie on the axes.
    fn stroke(&mut self, points: Vec<(f64, f64)>, color: Rgb, width: f32, dashed: bool) -> Result<()> {
        let style = self.canvas.stroke(color, width);
        if dashed {
            let [dash, space] = Canvas::dashes(width);
            self.context
                .draw_series(DashedLineSeries::new(points, dash, space, style))
                .map(|_| ())
                .map_err(Error::wrap)
        } else {
            self.context
                .draw_series(LineSeries::new(points, style))
                .map(|_| ())
                .map_err(Error::wrap)
        }
    }

    fn line(&mut self, index: usize, points: &[(f64, f64)]) -> Result<()> {
        let (series, color) = (&self.chart.series[index], self.chart.color(index));
        self.intervals(points.iter().map(|point| point.0), series, color)?;
        let placed = |&(x, y): &(f64, f64)| {
            self.x.place(x).and(self.y.place(y))?;
            Some((x, self.y.clamp(y)))
        };
        let places: Vec<Option<(f64, f64)>> = points.iter().map(placed).collect();
        self.left_out += places.iter().filter(|place| place.is_none()).count();
        for run in places.split(Option::is_none) {
            let run: Vec<(f64, f64)> = run.iter().flatten().copied().collect();
            let lonely = run.len() == 1;
            if series.markers || lonely {
                let marker = if series.markers {
                    self.chart.marker(index)
                } else {
                    Mark::Circle
                };
                self.markers(&run, marker, color)?;
            }
            if run.len() > 1 {
                self.stroke(run, color, 2.0, series.dashed)?;
            }
        }
        Ok(())
    }

    fn markers(&mut self, points: &[(f64, f64)], marker: Mark, color: Rgb) -> Result<()> {
        let style = self.canvas.color(color).filled();
        let corners: Vec<_> = marker.corners().iter().map(|&[x, y]| (fine(x), fine(y))).collect();
        let points = points.to_vec();
        if corners.is_empty() {
            let discs = points.into_iter().map(|at| Circle::new(at, fine(Mark::RADIUS), style));
            self.context.draw_series(discs).map(|_| ()).map_err(Error::wrap)
        } else {
            let shapes = points
                .into_iter()
                .map(|at| EmptyElement::at(at) + Polygon::new(corners.clone(), style));
            self.context.draw_series(shapes).map(|_| ()).map_err(Error::wrap)
        }
    }

    /// Thin vertical lines with caps.
    fn intervals(&mut self, places: impl Iterator<Item = f64>, series: &Series, color: Rgb) -> Result<()> {
        let style = self.canvas.stroke(color, 1.0);
        let on_axis = |(x, &(low, high)): (f64, &(f64, f64))| {
            self.x.place(x).and(self.y.place(low)).and(self.y.place(high))?;
            Some((x, self.y.clamp(low), self.y.clamp(high)))
        };
        let bars: Vec<_> = places.zip(&series.intervals).filter_map(on_axis).collect();
        let lines = bars
            .iter()
            .map(|&(x, low, high)| PathElement::new([(x, low), (x, high)], style));
        self.context.draw_series(lines).map_err(Error::wrap)?;
        // plotters' error bar would put a disc on its middle.
        let cap = || PathElement::new(vec![(-fine(3.5), 0), (fine(3.5), 0)], style);
        let ends = bars.iter().flat_map(|&(x, low, high)| [(x, low), (x, high)]);
        let caps = ends.map(|end| EmptyElement::at(end) + cap());
        self.context.draw_series(caps).map(|_| ()).map_err(Error::wrap)
    }

    /// Left and right edge of a bar of a group.
    fn sides(&self, index: usize, name: usize) -> (f64, f64) {
        let groups = self.chart.groups();
        let group = groups.iter().position(|&one| one == index).unwrap_or(0);
        let slot = BARS / groups.len() as f64;
        let left = name as f64 - BARS / 2.0 + group as f64 * slot;
        (left, left + slot * BAR)
    }

    fn bars(&mut self, index: usize, heights: &[f64]) -> Result<()> {
        let style = self.canvas.color(self.chart.color(index)).filled();
        let foot = self.y.clamp(0.0);
        let mut bars = vec![];
        for (name, &height) in heights.iter().enumerate() {
            let (left, right) = self.sides(index, name);
            match self.y.place(height) {
                Some(_) => bars.push(Rectangle::new([(left, foot), (right, self.y.clamp(height))], style)),
                None => self.left_out += 1,
            }
        }
        self.context.draw_series(bars).map_err(Error::wrap)?;
        // Where bars hang down, a line says where they begin.
        let (left, right) = self.x.ends();
        if foot > self.y.ends().0 {
            self.stroke(vec![(left, foot), (right, foot)], palette::GRAY, 1.0, false)?;
        }
        Ok(())
    }

    /// The intervals of bars, and their numbers if the chart wants them.
    fn numbers(&mut self, index: usize, heights: &[f64]) -> Result<()> {
        let series = &self.chart.series[index];
        let middle = |(left, right): (f64, f64)| (left + right) / 2.0;
        let middles: Vec<f64> = (0..heights.len()).map(|name| middle(self.sides(index, name))).collect();
        self.intervals(middles.iter().copied(), series, palette::BLACK)?;
        for (name, (&height, middle)) in heights.iter().zip(middles).enumerate() {
            if self.chart.numbers && self.y.place(height).is_some() {
                let above = series.intervals.get(name).map_or(height, |&(_, high)| height.max(high));
                self.number((middle, if height < 0.0 { height } else { above }), height)?;
            }
        }
        Ok(())
    }

    /// A bar's number above it, or below a bar that hangs down, on paper so that no line strikes it through.
    fn number(&mut self, (x, y): (f64, f64), height: f64) -> Result<()> {
        let text = number(height, None);
        let half = fine(measure(&text, SMALL.size, SMALL.weight) / 2.0 + 1.0);
        let (top, bottom) = if height < 0.0 {
            (fine(2.0), fine(16.0))
        } else {
            (-fine(16.0), -fine(2.0))
        };
        let style = self.canvas.letters(SMALL).pos(Pos::new(HPos::Center, VPos::Center));
        let paper = self.canvas.color(palette::WHITE).filled();
        let element = EmptyElement::at((x, self.y.clamp(y)))
            + Rectangle::new([(-half, top), (half, bottom)], paper)
            + Text::new(text, (0, (top + bottom) / 2), style);
        self.context.draw_series([element]).map(|_| ()).map_err(Error::wrap)
    }

    fn histogram(&mut self, index: usize, edges: &[f64], counts: &[f64]) -> Result<()> {
        let style = self.canvas.color(self.chart.color(index)).filled();
        let foot = self.y.clamp(0.0);
        let (first, last) = self.x.ends();
        // A hairline between bars, as long as there is room for it.
        let pixels = self.context.plotting_area().dim_in_pixel().0;
        let gap = if pixels as usize > 4 * FINER as usize * counts.len() {
            (last - first) / f64::from(pixels)
        } else {
            0.0
        };
        let gap = gap * f64::from(FINER);
        let mut bars = vec![];
        for (edge, &count) in edges.windows(2).zip(counts) {
            match self.y.place(count) {
                Some(_) => bars.push([(edge[0], foot), (edge[1] - gap, self.y.clamp(count))]),
                None if count == 0.0 => {}
                None => self.left_out += 1,
            }
        }
        let shapes = bars.into_iter().map(|corners| Rectangle::new(corners, style));
        self.context.draw_series(shapes).map(|_| ()).map_err(Error::wrap)
    }

    /// What could not be drawn, in the upper right corner of the plot.
    fn note(&mut self) -> Result<()> {
        let odd: usize = self.chart.series.iter().map(|series| series.odd).sum();
        let mut notes = vec![];
        if self.left_out > 0 {
            notes.push(format!(
                "{} points left out (not finite, or ≤ 0 on a log axis)",
                self.left_out
            ));
        }
        if odd > 0 {
            notes.push(format!("{odd} values are not finite"));
        }
        if notes.is_empty() {
            return Ok(());
        }
        let style = self.canvas.letters(SMALL).pos(Pos::new(HPos::Right, VPos::Top));
        let corner = (self.x.ends().1, self.y.ends().1);
        let element = EmptyElement::at(corner) + Text::new(notes.join("; "), (0, 0), style);
        self.context.draw_series([element]).map(|_| ()).map_err(Error::wrap)
    }
}
