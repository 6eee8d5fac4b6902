//! 1.2 and the ReLU of 1.4: three filters made by hand, before and after the non-linearity.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Figure, Heatmap, ImagePanel, Scale};
use lesson01::{convolve, relu};
use resnet::Window;
use studio::Material;

use super::input::{grey, image};

pub fn draw(material: &Material) -> Result<Figure> {
    let filters = [
        ("brighter to the right", [[-1f32, 0., 1.], [-2., 0., 2.], [-1., 0., 1.]]),
        ("brighter below", [[-1., -2., -1.], [0., 0., 0.], [1., 2., 1.]]),
        (
            "brighter than around",
            [[-1., -1., -1.], [-1., 8., -1.], [-1., -1., -1.]],
        ),
    ];
    let (image, name) = image(material)?;
    let mut figure = Figure::new("What three filters find").caption(format!(
        "Your convolve (1.2) on the brightness of {name}, kernel 3, no padding. Upper row: pre-activations, blue \
         negative, red positive, each map with its own scale around 0. Lower row: after your relu (1.4), viridis from 0."
    ));
    let maps = filters.map(|(name, filter)| -> Result<_> {
        let kernels = Tensor::new(&[[filter]], &Device::Cpu)?;
        let map = convolve(&grey(&image)?, &kernels, None, Window::new(3))?;
        Ok((name, map.get(0)?))
    });
    let maps: Vec<_> = maps.into_iter().collect::<Result<_>>()?;
    figure = figure.panel(ImagePanel::new(&image)?.title("input"));
    for (name, map) in &maps {
        figure = figure.panel(Heatmap::new(map)?.title(*name).scale(Scale::Symmetric).without_bar());
    }
    figure = figure.panel(Heatmap::new(&grey(&image)?.get(0)?)?.title("brightness").without_bar());
    for (_, map) in &maps {
        figure = figure.panel(Heatmap::new(&relu(map)?)?.title("relu").without_bar());
    }
    Ok(figure.columns(4).width(760))
}
