//! A grid of pixels with named rectangles on it: windows of a convolution, receptive fields.

use candle_core::{Result, Tensor, bail};

use crate::canvas::{Canvas, Rect, Upscale};
use crate::colormap::{Rgb, palette};
use crate::heatmap::cell_numbers;
use crate::image_panel::{Region, framed};
use crate::legend::{self, Key, Mark};
use crate::panel::{Furniture, Panel};
use crate::values::{Map, picture};

/// Cells in rows and columns, with outlined regions that a legend names.
#[derive(Clone, Debug)]
pub struct PixelGrid {
    title: Option<String>,
    rows: usize,
    columns: usize,
    numbers: Option<Map>,
    image: Option<image::RgbImage>,
    regions: Vec<(String, Region, Rgb)>,
    filled: bool,
}

impl PixelGrid {
    /// An empty grid of `side`×`side` cells.
    pub fn square(side: usize) -> Self {
        Self::empty(side, side)
    }

    fn empty(rows: usize, columns: usize) -> Self {
        Self {
            title: None,
            rows,
            columns,
            numbers: None,
            image: None,
            regions: Vec::new(),
            filled: true,
        }
    }

    /// A grid with the numbers of `[height, width]` written into its cells.
    ///
    /// **Errors** on another rank or an empty map.
    pub fn numbers(map: &Tensor) -> Result<Self> {
        let map = Map::new(map)?;
        Ok(Self {
            numbers: Some(map.clone()),
            ..Self::empty(map.height, map.width)
        })
    }

    /// A grid over an image, `[3, height, width]` in [0, 1]; regions are outlined only.
    ///
    /// **Errors** on another shape.
    pub fn image(image: &Tensor) -> Result<Self> {
        let image = picture(image, |v| v * 255.0)?;
        let (rows, columns) = (image.height() as usize, image.width() as usize);
        Ok(Self {
            image: Some(image),
            filled: false,
            ..Self::empty(rows, columns)
        })
    }

    /// Stands above the grid.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Adds a rectangle, in cells, named in the legend. It may reach beyond the grid (padding): it is cut there.
    pub fn region(mut self, name: impl Into<String>, region: Region) -> Self {
        let color = palette::series(self.regions.len());
        self.regions.push((name.into(), region, color));
        self
    }

    fn legend(&self) -> Vec<Key> {
        self.regions
            .iter()
            .map(|(name, _, color)| Key {
                name: name.clone(),
                color: *color,
                mark: Mark::Bar,
            })
            .collect()
    }
}

impl Panel for PixelGrid {
    fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    fn aspect(&self) -> f32 {
        self.columns as f32 / self.rows.max(1) as f32
    }

    fn furniture(&self) -> Furniture {
        // One legend line per region: enough however narrow the panel is.
        Furniture {
            height: 23.0 * self.regions.len() as f32,
            ..Furniture::default()
        }
    }

    fn preferred_height(&self) -> f32 {
        (34.0 * self.rows as f32).clamp(60.0, 340.0)
    }

    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<()> {
        if self.rows == 0 || self.columns == 0 {
            bail!(
                "expected a grid with at least one cell, got {}×{}",
                self.rows,
                self.columns
            );
        }
        let furniture = self.furniture().height.min(area.height * 0.6);
        let place = Rect {
            height: area.height - furniture,
            ..area
        }
        .fit(self.aspect());
        let cell = place.width / self.columns as f32;
        let visible = |r: &Region| {
            let (x, y) = (r.x.max(0.0), r.y.max(0.0));
            let right = (r.x + r.width).min(self.columns as f32);
            let bottom = (r.y + r.height).min(self.rows as f32);
            let (width, height) = ((right - x).max(0.0) * cell, (bottom - y).max(0.0) * cell);
            Rect {
                x: place.x + x * cell,
                y: place.y + y * cell,
                width,
                height,
            }
        };
        canvas.fill(place, palette::WHITE)?;
        if let Some(image) = &self.image {
            framed(canvas, place, image, Upscale::Nearest)?;
        }
        if self.filled {
            for (i, (_, region, color)) in self.regions.iter().enumerate() {
                // Inside an earlier region: its own colour; across one: both shine through.
                if self.regions[..i].iter().any(|(_, outer, _)| outer.contains(region)) {
                    canvas.fill(visible(region), canvas.tint(*color, 0.22))?;
                } else {
                    canvas.veil(visible(region), *color, 0.2)?;
                }
            }
        }
        if cell >= 3.0 {
            for column in 0..=self.columns {
                let x = place.x + column as f32 * cell - 0.5;
                canvas.fill(
                    Rect {
                        x,
                        y: place.y,
                        width: 1.0,
                        height: place.height,
                    },
                    palette::LIGHT,
                )?;
            }
            for row in 0..=self.rows {
                let y = place.y + row as f32 * cell - 0.5;
                canvas.fill(
                    Rect {
                        x: place.x,
                        y,
                        width: place.width,
                        height: 1.0,
                    },
                    palette::LIGHT,
                )?;
            }
        }
        if let Some(map) = &self.numbers {
            cell_numbers(canvas, place, map, |_| canvas.tint(palette::WHITE, 1.0))?;
        }
        for (_, region, color) in &self.regions {
            let place = visible(region);
            canvas.outline(
                Rect {
                    x: place.x + 1.0,
                    y: place.y + 1.0,
                    width: place.width - 2.0,
                    height: place.height - 2.0,
                },
                *color,
                2.0,
            )?;
        }
        canvas.outline(place, palette::GRAY, 1.0)?;
        let keys = Rect {
            y: place.bottom() + 4.0,
            height: furniture - 4.0,
            ..area
        };
        // Beside the grid's left edge, one below the other.
        for (i, key) in self.legend().into_iter().enumerate() {
            let line = Rect {
                y: keys.y + i as f32 * 22.0,
                height: 22.0,
                x: place.x - 8.0,
                width: area.right() - place.x + 8.0,
            };
            legend::draw(canvas, line, &[key])?;
        }
        Ok(())
    }
}
