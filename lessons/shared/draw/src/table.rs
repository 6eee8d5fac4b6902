//! Words and numbers in rows and columns.

use candle_core::{Result, bail};

use crate::canvas::{Align, Canvas, Rect, TextStyle};
use crate::colormap::palette;
use crate::font::{Weight, measure};
use crate::panel::Panel;

const SIZE: f32 = 14.0;
const ROW: f32 = 25.0;
const GAP: f32 = 26.0;

/// A table: the first column reads from the left, the others, which are numbers, line up at the right.
#[derive(Clone, Debug)]
pub struct Table {
    title: Option<String>,
    heads: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// The names of the columns.
    pub fn new<S: Into<String>>(heads: impl IntoIterator<Item = S>) -> Self {
        Self {
            title: None,
            heads: heads.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Stands above the table.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// One more row, with a cell for each column.
    pub fn row<S: Into<String>>(mut self, cells: impl IntoIterator<Item = S>) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// Width of each column without the gaps, at font size [`SIZE`].
    fn widths(&self) -> Vec<f32> {
        let cell =
            |column: usize, row: &Vec<String>| row.get(column).map_or(0.0, |text| measure(text, SIZE, Weight::Regular));
        let widest = |(column, head): (usize, &String)| {
            let head = measure(head, SIZE, Weight::Bold);
            self.rows.iter().map(|row| cell(column, row)).fold(head, f32::max)
        };
        self.heads.iter().enumerate().map(widest).collect()
    }

    /// Width and height at font size [`SIZE`].
    fn natural(&self) -> (f32, f32) {
        let width = self.widths().iter().sum::<f32>() + GAP * self.heads.len() as f32;
        (width.max(1.0), ROW * (self.rows.len() + 1) as f32)
    }
}

impl Panel for Table {
    fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    fn aspect(&self) -> f32 {
        let (width, height) = self.natural();
        width / height
    }

    fn preferred_height(&self) -> f32 {
        self.natural().1
    }

    fn is_vector(&self) -> bool {
        true
    }

    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<()> {
        if self.heads.is_empty() {
            bail!("expected a table with at least one column, got none");
        }
        if let Some(row) = self.rows.iter().find(|row| row.len() != self.heads.len()) {
            bail!(
                "expected {} cells in a row, got {}: {}",
                self.heads.len(),
                row.len(),
                row.join(", ")
            );
        }
        let place = area.fit(self.aspect());
        let scale = place.height / self.natural().1;
        let widths = self.widths();
        for (number, row) in [&self.heads].into_iter().chain(&self.rows).enumerate() {
            let y = place.y + ROW * scale * number as f32;
            let mut x = place.x + GAP / 2.0 * scale;
            for (column, (text, width)) in row.iter().zip(&widths).enumerate() {
                let style = TextStyle {
                    size: SIZE * scale,
                    color: palette::BLACK,
                    weight: [Weight::Regular, Weight::Bold][usize::from(number == 0)],
                    align: if column == 0 { Align::Left } else { Align::Right },
                };
                // A pixel more than measured, so that rounding cuts nothing off.
                let cell = Rect {
                    x: x - 1.0,
                    y,
                    width: width * scale + 2.0,
                    height: ROW * scale,
                };
                canvas.text(cell, text, style)?;
                x += (width + GAP) * scale;
            }
            let line = y + ROW * scale;
            canvas.line(&[[place.x, line], [place.right(), line]], palette::LIGHT, 1.0)?;
        }
        Ok(())
    }
}
