//! A figure: title, panels in a grid, caption; saved as PNG.

use std::path::{Path, PathBuf};

use candle_core::{Error, Result, bail};
use image::RgbImage;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};

use crate::canvas::{Align, Canvas, Rect, TextStyle};
use crate::colormap::palette;
use crate::font::{LINE_HEIGHT, Weight, wrap};
use crate::panel::Panel;
use crate::paper::{self, Area};
use crate::theme::Theme;

const MARGIN: f32 = 28.0;
const GAP: f32 = 26.0;
const TITLE: TextStyle = TextStyle {
    size: 21.0,
    color: palette::BLACK,
    weight: Weight::Bold,
    align: Align::Left,
};
const PANEL_TITLE: TextStyle = TextStyle {
    size: 15.0,
    color: palette::BLACK,
    weight: Weight::Regular,
    align: Align::Center,
};
const PANEL_TITLE_HEIGHT: f32 = 25.0;
const CAPTION: TextStyle = TextStyle {
    size: 13.5,
    color: palette::GRAY,
    weight: Weight::Regular,
    align: Align::Left,
};

/// A figure in the making.
///
/// Panels fill rows of [`columns`](Self::columns) from left to right; [`next_row`](Self::next_row) starts a new row with
/// column widths of its own. Within such a block every panel's content has the same height. Width and height follow
/// from the panels unless they are given.
///
/// ```no_run
/// use candle_core::{Device, Tensor};
/// use draw::{Figure, Heatmap, ImagePanel, Scale};
/// # fn main() -> candle_core::Result<()> {
/// let image = Tensor::rand(0f32, 1f32, (3, 128, 128), &Device::Cpu)?;
/// let map = Tensor::randn(0f32, 1f32, (8, 8), &Device::Cpu)?;
/// let path = Figure::new("One channel of layer3")
///     .caption("ResNet-18 (scenes), site layer3, channel 7, input scene 3. Colour: blue–red, symmetric around 0.")
///     .panel(ImagePanel::new(&image)?.title("input"))
///     .panel(Heatmap::new(&map)?.title("activation").scale(Scale::Symmetric))
///     .save("figures/channel.png")?;
/// # Ok(()) }
/// ```
pub struct Figure {
    title: String,
    caption: String,
    width: Option<u32>,
    height: Option<u32>,
    columns: Option<usize>,
    theme: Theme,
    /// Blocks of panels; each has its own columns.
    blocks: Vec<Vec<Box<dyn Panel>>>,
}

impl Figure {
    /// A figure with this title and no panels yet.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: quoted(&title.into()),
            caption: String::new(),
            width: None,
            height: None,
            columns: None,
            theme: Theme::Light,
            blocks: vec![Vec::new()],
        }
    }

    /// The line below: name model, site, input and colour scale.
    ///
    /// What stands between backticks is drawn in quotation marks: “scenes”.
    pub fn caption(mut self, caption: impl Into<String>) -> Self {
        self.caption = quoted(&caption.into());
        self
    }

    /// Width of the canvas in pixels; otherwise 640 to 1200, as the panels need.
    pub fn width(mut self, pixels: u32) -> Self {
        self.width = Some(pixels);
        self
    }

    /// Height of the canvas in pixels; otherwise as the panels need.
    pub fn height(mut self, pixels: u32) -> Self {
        self.height = Some(pixels);
        self
    }

    /// Panels per row; otherwise up to four in one row, more in a square.
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = Some(columns.max(1));
        self
    }

    /// Adds a panel.
    pub fn panel(mut self, panel: impl Panel + 'static) -> Self {
        if let Some(block) = self.blocks.last_mut() {
            block.push(Box::new(panel));
        }
        self
    }

    /// Adds panels.
    pub fn panels<P: Panel + 'static>(self, panels: impl IntoIterator<Item = P>) -> Self {
        panels.into_iter().fold(self, Self::panel)
    }

    /// The panels that follow stand in new rows, with column widths of their own.
    pub fn next_row(mut self) -> Self {
        self.blocks.push(Vec::new());
        self
    }

    /// On light or on dark paper.
    pub fn theme(mut self, theme: Theme) -> Self {
        self.theme = theme;
        self
    }

    /// What is written below the figure.
    pub fn caption_text(&self) -> &str {
        &self.caption
    }

    /// Whether the figure is made of lines and letters alone, so that it can be drawn as SVG.
    pub fn is_vector(&self) -> bool {
        self.blocks.iter().flatten().all(|panel| panel.is_vector())
    }

    /// Draws the figure.
    ///
    /// **Errors** if it has no panels, is larger than 8192 pixels a side or 16 million in all, or a panel cannot be drawn.
    pub fn render(&self) -> Result<RgbImage> {
        self.paint(|width, height, draw| paper::bitmap(width, height, draw))
    }

    /// Draws the figure as SVG; its letters are those of the browser's font.
    ///
    /// **Errors** as [`render`](Self::render), and if a panel shows a picture (see [`is_vector`](Self::is_vector)).
    pub fn svg(&self) -> Result<String> {
        self.paint(|width, height, draw| paper::svg(width, height, draw))
    }

    /// Lays the figure out and gives `paint` its size and what draws it.
    fn paint<T>(&self, paint: impl FnOnce(u32, u32, &dyn Fn(&Area<'_>) -> Result<()>) -> Result<T>) -> Result<T> {
        let blocks: Vec<Block<'_>> = self
            .blocks
            .iter()
            .filter(|b| !b.is_empty())
            .map(|b| Block::new(b, self.columns))
            .collect();
        if blocks.is_empty() {
            bail!(
                "expected a figure with at least one panel, got none (title: {:?})",
                self.title
            );
        }
        let width = self.width.unwrap_or_else(|| {
            let wide_enough = |w: &u32| {
                blocks
                    .iter()
                    .all(|b| b.solve(*w as f32 - 2.0 * MARGIN) >= b.preferred())
            };
            (640..1200).step_by(20).find(wide_enough).unwrap_or(1200)
        });
        let inner = (width as f32 - 2.0 * MARGIN).max(1.0);
        let title = text_height(&self.title, TITLE, inner);
        let caption = text_height(&self.caption, CAPTION, inner);
        let around = 2.0 * MARGIN
            + if title > 0.0 { title + GAP * 0.6 } else { 0.0 }
            + if caption > 0.0 { caption + GAP * 0.7 } else { 0.0 };
        let contents: Vec<f32> = blocks.iter().map(|b| b.solve(inner).min(b.preferred())).collect();
        let heights: Vec<f32> = blocks.iter().zip(&contents).map(|(b, &h)| b.height(h)).collect();
        let natural = heights.iter().sum::<f32>() + GAP * (blocks.len() - 1) as f32;
        let height = self.height.unwrap_or((around + natural).ceil() as u32);
        let stretch = ((height as f32 - around) / natural).max(0.0);

        let draw = |area: &Area<'_>| {
            let canvas = &Canvas::new(area.clone(), self.theme);
            canvas.fill(Rect::new(0.0, 0.0, width as f32, height as f32), palette::WHITE)?;
            let mut place = Rect {
                x: MARGIN,
                y: MARGIN,
                width: inner,
                height: title,
            };
            if title > 0.0 {
                canvas.paragraph(place, &self.title, TITLE)?;
                place.y += title + GAP * 0.6;
            }
            for ((block, &content), &natural) in blocks.iter().zip(&contents).zip(&heights) {
                place.height = natural * stretch;
                // A figure of given height may leave room for larger or need smaller panels.
                let content = if self.height.is_some() {
                    block.solve(inner).min(block.content(place.height)).max(1.0)
                } else {
                    content
                };
                block.draw(canvas, place, content)?;
                place.y += place.height + GAP * stretch.min(1.0);
            }
            if caption > 0.0 {
                let y = height as f32 - MARGIN - caption;
                canvas.paragraph(
                    Rect {
                        y,
                        height: caption,
                        ..place
                    },
                    &self.caption,
                    CAPTION,
                )?;
            }
            Ok(())
        };
        paint(width, height, &draw)
    }

    /// Draws the figure and writes it as PNG, making the folders on the way. Returns the path.
    ///
    /// The file gets its name when it is complete: who interrupts this finds the old file or the new one.
    ///
    /// **Errors** as [`render`](Self::render), or if the file cannot be written; the path is named.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<PathBuf> {
        let picture = self.render()?;
        let mut bytes = vec![];
        let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, FilterType::Adaptive);
        picture.write_with_encoder(encoder).map_err(Error::wrap)?;
        write(path.as_ref(), &bytes)
    }

    /// Draws the figure and writes it as SVG, as [`save`](Self::save) writes a PNG.
    pub fn save_svg(&self, path: impl AsRef<Path>) -> Result<PathBuf> {
        write(path.as_ref(), self.svg()?.as_bytes())
    }
}

/// Writes a file, and the folders on the way to it.
fn write(path: &Path, bytes: &[u8]) -> Result<PathBuf> {
    let failed = |e: std::io::Error| Error::msg(format!("could not write the figure {}: {e}", path.display()));
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    writing::whole(path, bytes).map_err(failed)?;
    Ok(path.to_path_buf())
}

/// `text` with quotation marks in place of pairs of backticks.
fn quoted(text: &str) -> String {
    let mut parts = text.split('`');
    let mut quoted = parts.next().unwrap_or_default().to_string();
    for (part, mark) in parts.zip(['“', '”'].into_iter().cycle()) {
        quoted.push(mark);
        quoted += part;
    }
    quoted
}

fn text_height(text: &str, style: TextStyle, width: f32) -> f32 {
    if text.is_empty() {
        return 0.0;
    }
    wrap(text, style.size, style.weight, width).len() as f32 * style.size * LINE_HEIGHT
}

/// Panels in rows and columns whose contents all have one height.
struct Block<'a> {
    rows: Vec<&'a [Box<dyn Panel>]>,
    columns: usize,
}

impl<'a> Block<'a> {
    fn new(panels: &'a [Box<dyn Panel>], columns: Option<usize>) -> Self {
        let even = if panels.len() <= 4 {
            panels.len()
        } else {
            (panels.len() as f32).sqrt().ceil() as usize
        };
        let columns = columns.unwrap_or(even).min(panels.len());
        Self {
            rows: panels.chunks(columns).collect(),
            columns,
        }
    }

    fn panels(&self) -> impl Iterator<Item = &dyn Panel> {
        self.rows.iter().flat_map(|row| row.iter().map(|p| &**p))
    }

    fn preferred(&self) -> f32 {
        self.panels().map(|p| p.preferred_height()).fold(1.0, f32::max)
    }

    /// Width of a column when contents are `height` high: that of its widest panel.
    fn column_width(&self, column: usize, height: f32) -> f32 {
        let panels = self.rows.iter().filter_map(|row| row.get(column));
        panels
            .map(|p| p.aspect() * height + p.furniture().width + p.furniture().right)
            .fold(1.0, f32::max)
    }

    /// Room for the widest colour bar of a column.
    fn column_right(&self, column: usize) -> f32 {
        let panels = self.rows.iter().filter_map(|row| row.get(column));
        panels.map(|panel| panel.furniture().right).fold(0.0, f32::max)
    }

    fn width(&self, height: f32) -> f32 {
        let columns: f32 = (0..self.columns).map(|c| self.column_width(c, height)).sum();
        columns + GAP * (self.columns - 1) as f32
    }

    /// The content height at which the block is `width` wide, by bisection.
    fn solve(&self, width: f32) -> f32 {
        let (mut low, mut high) = (1.0, 4096.0);
        for _ in 0..40 {
            let middle = (low + high) / 2.0;
            if self.width(middle) <= width {
                low = middle
            } else {
                high = middle
            }
        }
        low
    }

    fn title_height(row: &[Box<dyn Panel>]) -> f32 {
        if row.iter().any(|p| p.title().is_some()) {
            PANEL_TITLE_HEIGHT
        } else {
            0.0
        }
    }

    fn row_furniture(row: &[Box<dyn Panel>]) -> f32 {
        Self::title_height(row) + row.iter().map(|p| p.furniture().height).fold(0.0, f32::max)
    }

    /// Everything in a block of `height` that is not content.
    fn fixed(&self) -> f32 {
        self.rows.iter().map(|row| Self::row_furniture(row)).sum::<f32>() + GAP * (self.rows.len() - 1) as f32
    }

    fn height(&self, content: f32) -> f32 {
        self.fixed() + content * self.rows.len() as f32
    }

    fn content(&self, height: f32) -> f32 {
        (height - self.fixed()) / self.rows.len() as f32
    }

    fn draw(&self, canvas: &Canvas<'_>, area: Rect, content: f32) -> Result<()> {
        let (wide, high) = (self.width(content), self.height(content));
        // Too many panels for the canvas: everything is squeezed, nothing overlaps.
        let (squeeze_x, squeeze_y) = ((area.width / wide).min(1.0), (area.height / high).min(1.0));
        let mut y = area.y;
        for row in &self.rows {
            let title = Self::title_height(row) * squeeze_y;
            let row_height = (Self::row_furniture(row) + content) * squeeze_y;
            let mut x = area.x + (area.width - wide * squeeze_x) / 2.0;
            for (column, panel) in row.iter().enumerate() {
                let width = self.column_width(column, content) * squeeze_x;
                // A picture without a colour bar stands above one that has a bar, not above picture and bar.
                let right = panel.furniture().right;
                let beside = if panel.is_vector() {
                    0.0
                } else {
                    self.column_right(column) - right
                };
                let width = (width - beside).max(width / 2.0);
                if let Some(text) = panel.title() {
                    let over = (width - right).max(width / 2.0);
                    canvas.text(
                        Rect {
                            x,
                            y,
                            width: over,
                            height: title,
                        },
                        text,
                        PANEL_TITLE,
                    )?;
                }
                panel.draw(
                    canvas,
                    Rect {
                        x,
                        y: y + title,
                        width,
                        height: row_height - title,
                    },
                )?;
                x += width + beside + GAP * squeeze_x;
            }
            y += row_height + GAP * squeeze_y;
        }
        Ok(())
    }
}
