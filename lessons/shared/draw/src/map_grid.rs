//! Many small pictures in one panel: feature maps, first-layer filters, data-set examples.

use candle_core::{Result, Tensor, bail};
use image::RgbImage;

use crate::canvas::{Align, Canvas, Margin, Rect, TextStyle, Upscale};
use crate::coloring::{BAR_WIDTH, Coloring};
use crate::colormap::{Colormap, palette};
use crate::image_panel::{NOTE_HEIGHT, framed, note_below};
use crate::panel::{Furniture, Panel};
use crate::values::{Limits, Map, Scale, oddities, picture, values};

const LABEL_HEIGHT: f32 = 17.0;
const GAP: f32 = 6.0;

/// Whether each picture of a grid has its own colour scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Share {
    /// Each its own: structure shows, sizes cannot be compared.
    #[default]
    Each,
    /// One scale for all, shown as a colour bar: sizes can be compared.
    All,
}

#[derive(Clone, Debug)]
enum Content {
    Maps(Vec<Map>),
    Filters(Vec<Tensor>),
    Images(Vec<RgbImage>),
}

/// A grid of small pictures of equal size.
#[derive(Clone, Debug)]
pub struct MapGrid {
    content: Content,
    cell: (usize, usize), // height, width
    oddities: Option<String>,
    title: Option<String>,
    labels: Vec<String>,
    columns: Option<usize>,
    limit: usize,
    share: Share,
    coloring: Coloring,
}

impl MapGrid {
    /// Feature maps, `[channels, height, width]`.
    ///
    /// **Errors** on another rank or if there are none.
    pub fn maps(maps: &Tensor) -> Result<Self> {
        let maps = Map::channels(maps)?;
        let cell = (maps[0].height, maps[0].width);
        let oddities = oddities(maps.iter().flat_map(|m| &m.values));
        Ok(Self {
            oddities,
            ..Self::new(Content::Maps(maps), cell)
        })
    }

    /// First-layer filters, `[out, 3, kernel, kernel]`, in RGB: a weight w is drawn as 0.5 + 0.5·w/max|w|, so zero is grey.
    ///
    /// **Errors** on another shape or if there are none.
    pub fn filters(filters: &Tensor) -> Result<Self> {
        let [out, 3, height, width] = *filters.dims() else {
            bail!(
                "expected filters of shape [out, 3, height, width], got {:?}",
                filters.dims()
            );
        };
        if out * height * width == 0 {
            bail!("expected at least one filter, got {:?}", filters.dims());
        }
        let each = (0..out).map(|i| filters.get(i)).collect::<Result<Vec<_>>>()?;
        let oddities = oddities(&values(filters)?);
        Ok(Self {
            oddities,
            ..Self::new(Content::Filters(each), (height, width))
        })
    }

    /// Images, `[batch, 3, height, width]` in [0, 1]; values outside are clamped.
    ///
    /// **Errors** on another shape or if there are none.
    pub fn images(images: &Tensor) -> Result<Self> {
        let [batch, 3, height, width] = *images.dims() else {
            bail!(
                "expected images of shape [batch, 3, height, width], got {:?}",
                images.dims()
            );
        };
        if batch == 0 {
            bail!("expected at least one image, got {:?}", images.dims());
        }
        let each = (0..batch)
            .map(|i| picture(&images.get(i)?, |v| v * 255.0))
            .collect::<Result<Vec<_>>>()?;
        let oddities = oddities(&values(images)?);
        Ok(Self {
            oddities,
            ..Self::new(Content::Images(each), (height, width))
        })
    }

    fn new(content: Content, cell: (usize, usize)) -> Self {
        Self {
            content,
            cell,
            oddities: None,
            title: None,
            labels: Vec::new(),
            columns: None,
            limit: usize::MAX,
            share: Share::Each,
            coloring: Coloring::default(),
        }
    }

    /// Stands above the grid.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// A label below each picture, in order; missing ones stay empty.
    pub fn labels<S: Into<String>>(mut self, labels: impl IntoIterator<Item = S>) -> Self {
        self.labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// Pictures per row; otherwise about twice as many as rows.
    pub fn columns(mut self, columns: usize) -> Self {
        self.columns = Some(columns.max(1));
        self
    }

    /// Shows only the first `count` pictures and says so.
    pub fn limit(mut self, count: usize) -> Self {
        self.limit = count.max(1);
        self
    }

    /// Which values get the ends of the colormap (feature maps only).
    pub fn scale(mut self, scale: Scale) -> Self {
        self.coloring.scale = scale;
        self
    }

    /// One scale for each picture, or one for all.
    pub fn share(mut self, share: Share) -> Self {
        self.share = share;
        self
    }

    /// The colormap of feature maps; otherwise viridis, or the diverging map for [`Scale::Symmetric`].
    pub fn colormap(mut self, colormap: Colormap) -> Self {
        self.coloring.colormap = Some(colormap);
        self
    }

    /// What the ends of the colour bar stand for, where what is drawn has been rescaled: 0 to 1 that mean 0 to 4.9.
    pub fn stands_for(mut self, min: f32, max: f32) -> Self {
        self.coloring.stands_for = Some((min, max));
        self
    }

    /// How small pictures are enlarged.
    pub fn upscale(mut self, upscale: Upscale) -> Self {
        self.coloring.upscale = upscale;
        self
    }

    fn total(&self) -> usize {
        match &self.content {
            Content::Maps(maps) => maps.len(),
            Content::Filters(filters) => filters.len(),
            Content::Images(images) => images.len(),
        }
    }

    fn shown(&self) -> usize {
        self.total().min(self.limit)
    }

    fn column_count(&self) -> usize {
        let wide = (2.0 * self.shown() as f32).sqrt().ceil() as usize;
        self.columns.unwrap_or(wide).min(self.shown())
    }

    fn row_count(&self) -> usize {
        self.shown().div_ceil(self.column_count())
    }

    fn label_height(&self) -> f32 {
        if self.labels.is_empty() { 0.0 } else { LABEL_HEIGHT }
    }

    fn has_bar(&self) -> bool {
        self.share == Share::All && matches!(self.content, Content::Maps(_))
    }

    /// The colour scale in words, what is left out, and NaN.
    fn note(&self) -> String {
        let mut parts = Vec::new();
        match &self.content {
            Content::Maps(_) if self.has_bar() || matches!(self.coloring.scale, Scale::Range { .. }) => {}
            Content::Maps(_) => parts.push(format!("each map: own scale, {}", self.coloring.scale.name())),
            Content::Filters(_) if self.share == Share::All => {
                parts.push("RGB weights; grey is 0, one scale for all filters".to_string());
            }
            Content::Filters(_) => parts.push("RGB weights, grey is 0; each filter: own scale".to_string()),
            Content::Images(_) => {}
        }
        if self.shown() < self.total() {
            parts.push(format!("the first {} of {}", self.shown(), self.total()));
        }
        parts.extend(self.oddities.clone());
        parts.join("; ")
    }

    fn note_height(&self) -> f32 {
        if self.note().is_empty() { 0.0 } else { NOTE_HEIGHT }
    }

    fn pictures(&self) -> Result<Vec<RgbImage>> {
        let shown = self.shown();
        match &self.content {
            Content::Images(images) => Ok(images[..shown].to_vec()),
            Content::Maps(maps) => {
                let maps = &maps[..shown];
                let common = self.common_limits();
                Ok(maps
                    .iter()
                    .map(|m| {
                        self.coloring
                            .picture(m, common.unwrap_or_else(|| self.coloring.limits(&m.values)))
                    })
                    .collect())
            }
            Content::Filters(filters) => {
                let filters = &filters[..shown];
                let largest = |all: Vec<f32>| Scale::Symmetric.limits(&all).max;
                let common = match self.share {
                    Share::All => Some(largest(
                        filters.iter().map(values).collect::<Result<Vec<_>>>()?.concat(),
                    )),
                    Share::Each => None,
                };
                let draw = |filter: &Tensor| {
                    let largest = match common {
                        Some(largest) => largest,
                        None => largest(values(filter)?),
                    };
                    picture(filter, |w| 255.0 * (0.5 + 0.5 * w / largest))
                };
                filters.iter().map(draw).collect()
            }
        }
    }

    /// The limits of all maps shown, where they share one scale.
    fn common_limits(&self) -> Option<Limits> {
        match &self.content {
            Content::Maps(maps) if self.has_bar() => {
                let all: Vec<f32> = maps[..self.shown()]
                    .iter()
                    .flat_map(|m| m.values.iter().copied())
                    .collect();
                Some(self.coloring.limits(&all))
            }
            _ => None,
        }
    }
}

impl Panel for MapGrid {
    fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    fn aspect(&self) -> f32 {
        let (height, width) = self.cell;
        (self.column_count() * width) as f32 / (self.row_count() * height) as f32
    }

    fn furniture(&self) -> Furniture {
        let bar = if self.has_bar() { BAR_WIDTH } else { 0.0 };
        let rows = self.row_count() as f32;
        Furniture {
            width: GAP * (self.column_count() - 1) as f32,
            right: bar,
            height: rows * self.label_height() + GAP * (rows - 1.0) + self.note_height(),
        }
    }

    fn preferred_height(&self) -> f32 {
        // Up to 130 pixels a picture.
        (130.0 * self.row_count() as f32).clamp(130.0, 640.0)
    }

    fn draw(&self, canvas: &Canvas<'_>, area: Rect) -> Result<()> {
        let bar = if self.has_bar() { BAR_WIDTH } else { 0.0 };
        let grid = area.inset(Margin {
            right: bar,
            bottom: self.note_height(),
            ..Margin::default()
        });
        let (columns, rows) = (self.column_count() as f32, self.row_count() as f32);
        // Gaps give way before pictures do.
        let gap = GAP.min(grid.width / (4.0 * columns)).min(grid.height / (4.0 * rows));
        let label_height = self.label_height().min(grid.height / rows / 3.0);
        let aspect = self.cell.1 as f32 / self.cell.0 as f32;
        let widest = (grid.width - gap * (columns - 1.0)) / columns;
        let highest = (grid.height - gap * (rows - 1.0)) / rows - label_height;
        let width = widest.min(highest * aspect).floor().max(1.0);
        let height = (width / aspect).round().max(1.0);
        let left = (grid.x + (grid.width - columns * width - gap * (columns - 1.0)) / 2.0).round();
        let label = TextStyle {
            size: 11.5,
            color: palette::GRAY,
            align: Align::Center,
            ..TextStyle::default()
        };
        let top = grid.y.round();
        for (i, image) in self.pictures()?.iter().enumerate() {
            let (column, row) = ((i % columns as usize) as f32, (i / columns as usize) as f32);
            let (x, y) = (
                left + column * (width + gap).round(),
                top + row * (height + label_height + gap).round(),
            );
            let place = Rect { x, y, width, height };
            framed(canvas, place, image, self.coloring.upscale)?;
            if let Some(text) = self.labels.get(i) {
                canvas.text(
                    Rect {
                        y: place.bottom() + 1.0,
                        height: label_height - 1.0,
                        ..place
                    },
                    text,
                    label,
                )?;
            }
        }
        let bottom = top + rows * (height + label_height) + (rows - 1.0) * gap;
        if let Some(limits) = self.common_limits() {
            let width = columns * (width + gap) - gap;
            let maps = Rect::new(left, top, width, (bottom - label_height - top).max(1.0));
            self.coloring.bar(canvas, maps, area, limits)?;
        }
        let place = Rect {
            x: left,
            y: top,
            width: columns * (width + gap) - gap,
            height: bottom - top,
        };
        note_below(canvas, area, place, &self.note())
    }
}
