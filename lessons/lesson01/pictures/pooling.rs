//! 1.3: one feature map, pooled until little is left.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Figure, Heatmap};
use lesson01::{average_pool, max_pool};
use resnet::Window;
use studio::Material;

use super::input::{grey, image};

/// Sides of the windows; the last is a multiple of the others.
const SIDES: [usize; 3] = [2, 4, 8];

pub fn draw(material: &Material) -> Result<Figure> {
    let edges = Tensor::new(&[[[[-1f32, 0., 1.], [-2., 0., 2.], [-1., 0., 1.]]]], &Device::Cpu)?;
    let (image, name) = image(material)?;
    let map = resnet::ops::conv2d(&grey(&image)?.unsqueeze(0)?, &edges, Window::new(3))?;
    let map = middle(&resnet::ops::relu(&map)?.squeeze(0)?, SIDES[2])?;
    let (_, height, width) = map.dims3()?;
    let [smaller @ .., largest] = SIDES;
    let smaller = smaller.map(|side| side.to_string()).join(", ");
    let mut figure = Figure::new("Pooling: is it there, and how much of it?")
        .caption(format!(
            "Where {name} gets brighter to the right (ReLU of a convolution): the middle {height}×{width} places, which \
             all windows divide. Upper row: your max_pool with kernel = stride = {smaller} and {largest}. Lower row: your \
             average_pool (1.3). Viridis, each map from 0 to its own maximum.",
        ))
        .columns(4)
        .width(1000);
    type Pool = fn(&Tensor, Window) -> candle_core::Result<Tensor>;
    for (name, pool) in [("max", max_pool as Pool), ("average", average_pool as Pool)] {
        figure = figure.panel(Heatmap::new(&map.get(0)?)?.title("feature map").without_bar());
        for side in SIDES {
            let pooled = pool(&map, Window::new(side).stride(side))?.get(0)?;
            let title = format!("{name} {side}×{side}");
            figure = figure.panel(Heatmap::new(&pooled)?.title(title).without_bar());
        }
    }
    Ok(figure)
}

/// The middle of a map, as large as `multiple` divides it: no window is cut off at an edge.
fn middle(map: &Tensor, multiple: usize) -> Result<Tensor> {
    let (_, height, width) = map.dims3()?;
    let [tall, wide] = [height, width].map(|side| (side / multiple * multiple).max(1));
    Ok(map
        .narrow(1, (height - tall) / 2, tall)?
        .narrow(2, (width - wide) / 2, wide)?)
}
