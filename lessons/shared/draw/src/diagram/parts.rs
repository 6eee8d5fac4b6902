//! What a diagram is made of.

use super::{LINE, TEXT, width};
use crate::colormap::{Rgb, palette};

/// A box (or a circle) with text in it.
#[derive(Clone, Debug)]
pub struct Node {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) center: [f32; 2],
    pub(super) size: Option<[f32; 2]>,
    pub(super) color: Rgb,
    pub(super) round: bool,
}

impl Node {
    /// A box named `id` for arrows; `text` may have several lines (`\n`).
    pub fn new(id: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            text: text.into(),
            center: [0.0; 2],
            size: None,
            color: palette::BLUE,
            round: false,
        }
    }

    /// A circle, e.g. for an addition.
    pub fn circle(id: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            round: true,
            size: Some([0.34, 0.34]),
            color: palette::ORANGE,
            ..Self::new(id, text)
        }
    }

    /// Where its middle is, `[x, y]`.
    pub fn at(mut self, center: [f32; 2]) -> Self {
        self.center = center;
        self
    }

    /// `[width, height]`; otherwise as the text needs.
    pub fn size(mut self, size: [f32; 2]) -> Self {
        self.size = Some(size);
        self
    }

    /// Colour of its border; its inside is a tint of it.
    pub fn color(mut self, color: Rgb) -> Self {
        self.color = color;
        self
    }

    pub(super) fn extent(&self) -> [f32; 2] {
        self.size.unwrap_or_else(|| {
            let widest = self.text.lines().map(|l| width(l, TEXT)).fold(0.0, f32::max);
            let lines = self.text.lines().count().max(1) as f32;
            [(widest + 0.3).max(0.8), lines * TEXT * LINE + 0.2]
        })
    }

    /// Where a line from the middle towards `to` leaves the node.
    pub(super) fn border(&self, to: [f32; 2]) -> [f32; 2] {
        let [x, y] = self.center;
        let (dx, dy) = (to[0] - x, to[1] - y);
        let [half_width, half_height] = self.extent().map(|s| s / 2.0);
        let length = dx.hypot(dy);
        if length == 0.0 {
            return self.center;
        }
        let part = if self.round {
            half_width / length
        } else {
            (half_width / dx.abs()).min(half_height / dy.abs())
        };
        [x + dx * part.min(1.0), y + dy * part.min(1.0)]
    }
}

/// A line with a head from one node to another.
#[derive(Clone, Debug)]
pub struct Arrow {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) via: Vec<[f32; 2]>,
    pub(super) label: String,
    pub(super) dashed: bool,
    pub(super) color: Rgb,
}

impl Arrow {
    /// Between the nodes with these ids.
    pub fn new(from: impl Into<String>, to: impl Into<String>) -> Self {
        let (from, to) = (from.into(), to.into());
        Self {
            from,
            to,
            via: Vec::new(),
            label: String::new(),
            dashed: false,
            color: palette::BLACK,
        }
    }

    /// Corners on the way, e.g. of a skip connection.
    pub fn via(mut self, corners: impl IntoIterator<Item = [f32; 2]>) -> Self {
        self.via = corners.into_iter().collect();
        self
    }

    /// Beside the longest part of the arrow: to the right of an upright one, above a level one.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// A dashed line.
    pub fn dashed(mut self) -> Self {
        self.dashed = true;
        self
    }

    /// Colour of line and label.
    pub fn color(mut self, color: Rgb) -> Self {
        self.color = color;
        self
    }
}

/// A tinted area behind the nodes, with its name in the upper left corner. Areas may be nested: draw the outer one first.
#[derive(Clone, Debug)]
pub struct Area {
    pub(super) name: String,
    pub(super) corner: [f32; 2],
    pub(super) opposite: [f32; 2],
    pub(super) color: Rgb,
}

impl Area {
    /// An area with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            corner: [0.0; 2],
            opposite: [1.0; 2],
            color: palette::GRAY,
        }
    }

    /// Its upper left corner, `[x, y]`.
    pub fn from(mut self, corner: [f32; 2]) -> Self {
        self.corner = corner;
        self
    }

    /// Its lower right corner, `[x, y]`.
    pub fn to(mut self, corner: [f32; 2]) -> Self {
        self.opposite = corner;
        self
    }

    /// Colour of the border; the inside is a faint tint of it.
    pub fn color(mut self, color: Rgb) -> Self {
        self.color = color;
        self
    }
}
