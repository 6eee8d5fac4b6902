//! Block diagrams: boxes, arrows, nested areas.
//!
//! Coordinates are in units of 100 pixels at natural size, x to the right, y downwards; letters grow and shrink with
//! the diagram, and a node without a size is as large as its text needs.

mod parts;

use candle_core::{Error, Result, bail};

use crate::canvas::{Align, Canvas, Rect, TextStyle};
use crate::colormap::palette;
use crate::font::{Weight, measure};
use crate::panel::Panel;
pub use parts::{Area, Arrow, Node};

/// Pixels per unit at natural size.
const UNIT: f32 = 100.0;
const TEXT: f32 = 15.0 / UNIT;
const LABEL: f32 = 13.0 / UNIT;
const LINE: f32 = 1.3;
const PADDING: f32 = 0.12;

/// Boxes and arrows.
#[derive(Clone, Debug, Default)]
pub struct Diagram {
    title: Option<String>,
    areas: Vec<Area>,
    nodes: Vec<Node>,
    arrows: Vec<Arrow>,
    texts: Vec<(String, [f32; 2])>,
}

impl Diagram {
    /// An empty diagram.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stands above the diagram.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds a node.
    pub fn node(mut self, node: Node) -> Self {
        self.nodes.push(node);
        self
    }

    /// Adds an arrow; its nodes may be added later.
    pub fn arrow(mut self, arrow: Arrow) -> Self {
        self.arrows.push(arrow);
        self
    }

    /// Adds an area behind everything added so far or later.
    pub fn area(mut self, area: Area) -> Self {
        self.areas.push(area);
        self
    }

    /// A line of text around `[x, y]`, without a box.
    pub fn text(mut self, text: impl Into<String>, center: [f32; 2]) -> Self {
        self.texts.push((text.into(), center));
        self
    }

    /// Arrows from each of `ids` to the next.
    pub fn chain<S: Into<String>>(mut self, ids: impl IntoIterator<Item = S>) -> Self {
        let ids: Vec<String> = ids.into_iter().map(Into::into).collect();
        for pair in ids.windows(2) {
            self.arrows.push(Arrow::new(&pair[0], &pair[1]));
        }
        self
    }

    fn find(&self, id: &str) -> Result<&Node> {
        self.nodes.iter().find(|n| n.id == id).ok_or_else(|| {
            let known: Vec<&str> = self.nodes.iter().map(|n| n.id.as_str()).collect();
            Error::msg(format!(
                "expected an arrow between nodes of the diagram ({}), got {id:?}",
                known.join(", ")
            ))
        })
    }

    /// The corners of an arrow, from border to border.
    fn route(&self, arrow: &Arrow) -> Result<Vec<[f32; 2]>> {
        let (from, to) = (self.find(&arrow.from)?, self.find(&arrow.to)?);
        let first = arrow.via.first().copied().unwrap_or(to.center);
        let last = arrow.via.last().copied().unwrap_or(from.center);
        let mut route = vec![from.border(first)];
        route.extend(&arrow.via);
        route.push(to.border(last));
        Ok(route)
    }

    /// The label's box `[x, y, width, height]`: beside the middle of the longest part.
    fn label_box(&self, arrow: &Arrow, route: &[[f32; 2]]) -> [f32; 4] {
        let length = |p: &[[f32; 2]]| (p[1][0] - p[0][0]).hypot(p[1][1] - p[0][1]);
        let longest = route
            .windows(2)
            .max_by(|a, b| length(a).total_cmp(&length(b)))
            .unwrap_or(&[[0.0; 2]; 2]);
        let [x, y] = [
            (longest[0][0] + longest[1][0]) / 2.0,
            (longest[0][1] + longest[1][1]) / 2.0,
        ];
        let (wide, high) = (width(&arrow.label, LABEL) + 0.02, LABEL * LINE);
        let upright = (longest[1][1] - longest[0][1]).abs() > (longest[1][0] - longest[0][0]).abs();
        if upright {
            [x + 0.08, y - high / 2.0, wide, high]
        } else {
            [x - wide / 2.0, y - high - 0.03, wide, high]
        }
    }

    /// Left, top, right, bottom of everything, in units.
    fn bounds(&self) -> [f32; 4] {
        let mut bounds = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        let mut include = |[x, y]: [f32; 2]| {
            bounds = [bounds[0].min(x), bounds[1].min(y), bounds[2].max(x), bounds[3].max(y)];
        };
        for node in &self.nodes {
            let [w, h] = node.extent();
            include([node.center[0] - w / 2.0, node.center[1] - h / 2.0]);
            include([node.center[0] + w / 2.0, node.center[1] + h / 2.0]);
        }
        for area in &self.areas {
            include(area.corner);
            include(area.opposite);
        }
        for (text, [x, y]) in &self.texts {
            let half = width(text, LABEL) / 2.0;
            include([x - half, y - LABEL * LINE / 2.0]);
            include([x + half, y + LABEL * LINE / 2.0]);
        }
        for arrow in &self.arrows {
            arrow.via.iter().for_each(|&corner| include(corner));
            if let Ok(route) = self.route(arrow)
                && !arrow.label.is_empty()
            {
                let [x, y, w, h] = self.label_box(arrow, &route);
                include([x, y]);
                include([x + w, y + h]);
            }
        }
        if bounds[2] < bounds[0] {
            return [0.0, 0.0, 1.0, 1.0];
        }
        [
            bounds[0] - PADDING,
            bounds[1] - PADDING,
            bounds[2] + PADDING,
            bounds[3] + PADDING,
        ]
    }
}

/// Width of text in units; `size` in units too.
fn width(text: &str, size: f32) -> f32 {
    measure(text, size * UNIT, Weight::Regular) / UNIT
}

impl Panel for Diagram {
    fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    fn aspect(&self) -> f32 {
        let [left, top, right, bottom] = self.bounds();
        (right - left) / (bottom - top)
    }

    fn preferred_height(&self) -> f32 {
        let [_, top, _, bottom] = self.bounds();
        (bottom - top) * UNIT
    }

    fn is_vector(&self) -> bool {
        true
    }

    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<()> {
        if self.nodes.is_empty() && self.areas.is_empty() && self.texts.is_empty() {
            bail!("expected a diagram with at least one node, area or text, got none");
        }
        let [left, top, right, bottom] = self.bounds();
        let unit = (area.width / (right - left)).min(area.height / (bottom - top));
        let x0 = area.x + (area.width - unit * (right - left)) / 2.0;
        let at = |[x, y]: [f32; 2]| [x0 + (x - left) * unit, area.y + (y - top) * unit];
        let rect = |[x, y]: [f32; 2], [w, h]: [f32; 2]| {
            let [x, y] = at([x, y]);
            Rect {
                x,
                y,
                width: w * unit,
                height: h * unit,
            }
        };
        let label = |color| TextStyle {
            size: LABEL * unit,
            color,
            align: Align::Center,
            ..TextStyle::default()
        };
        let stroke = (0.015 * unit).clamp(1.0, 2.5);

        for each in &self.areas {
            let size = [each.opposite[0] - each.corner[0], each.opposite[1] - each.corner[1]];
            let place = rect(each.corner, size);
            canvas.fill(place, canvas.tint(each.color, 0.07))?;
            canvas.outline(place, canvas.tint(each.color, 0.5), 1.0)?;
            let name = rect(
                [each.corner[0] + 0.08, each.corner[1] + 0.04],
                [size[0] - 0.16, LABEL * LINE],
            );
            canvas.text(
                name,
                &each.name,
                TextStyle {
                    align: Align::Left,
                    ..label(each.color)
                },
            )?;
        }
        for arrow in &self.arrows {
            let route = self.route(arrow)?;
            let points: Vec<[f32; 2]> = route.iter().map(|&p| at(p)).collect();
            draw_arrow(canvas, &points, arrow, stroke, 0.1 * unit)?;
            let [x, y, w, h] = self.label_box(arrow, &route);
            canvas.text(rect([x, y], [w, h]), &arrow.label, label(arrow.color))?;
        }
        for node in &self.nodes {
            let [w, h] = node.extent();
            let place = rect([node.center[0] - w / 2.0, node.center[1] - h / 2.0], [w, h]);
            let inside = canvas.tint(node.color, 0.16);
            if node.round {
                let center = at(node.center);
                canvas.disc(center, place.width / 2.0, node.color)?;
                canvas.disc(center, place.width / 2.0 - stroke, inside)?;
            } else {
                canvas.fill(place, node.color)?;
                let Rect { x, y, width, height } = place;
                let [width, height] = [width - 2.0 * stroke, height - 2.0 * stroke];
                canvas.fill(
                    Rect {
                        x: x + stroke,
                        y: y + stroke,
                        width,
                        height,
                    },
                    inside,
                )?;
            }
            let style = TextStyle {
                size: TEXT * unit,
                align: Align::Center,
                ..TextStyle::default()
            };
            canvas.paragraph(place, &node.text, style)?;
        }
        for (text, [x, y]) in &self.texts {
            let (w, h) = (width(text, LABEL) + 0.02, LABEL * LINE);
            canvas.text(rect([x - w / 2.0, y - h / 2.0], [w, h]), text, label(palette::GRAY))?;
        }
        Ok(())
    }
}

/// A line that ends in a filled head of this length.
fn draw_arrow(canvas: &Canvas<'_>, points: &[[f32; 2]], arrow: &Arrow, stroke: f32, head: f32) -> Result<()> {
    let Some(&[.., before, tip]) = points.get(points.len().saturating_sub(2)..) else {
        return Ok(());
    };
    let length = (tip[0] - before[0]).hypot(tip[1] - before[1]);
    if length == 0.0 {
        return Ok(());
    }
    let head = head.min(length);
    let (dx, dy) = (
        (tip[0] - before[0]) / length * head,
        (tip[1] - before[1]) / length * head,
    );
    let neck = [tip[0] - dx, tip[1] - dy];
    let mut line = points.to_vec();
    line.pop();
    line.push(neck);
    if arrow.dashed {
        canvas.dashed(&line, arrow.color, stroke)?;
    } else {
        canvas.line(&line, arrow.color, stroke)?;
    }
    let (side_x, side_y) = (-dy * 0.45, dx * 0.45);
    canvas.polygon(
        &[
            tip,
            [neck[0] + side_x, neck[1] + side_y],
            [neck[0] - side_x, neck[1] - side_y],
        ],
        arrow.color,
    )
}
