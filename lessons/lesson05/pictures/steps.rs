//! 5.1 to 5.4: from the activation to the picture.

use anyhow::Result;
use draw::{Colormap, Figure, Heatmap, Scale};
use lesson05::{class_activation_map, grad_cam, upsample};
use studio::{Material, Parts};

use super::view::{View, class};

pub fn draw(material: &Material) -> Result<Figure> {
    let network = material.network();
    let view = View::new(material, 2)?;
    let guess = view.question(material, 0);
    let [asked] = class(guess);
    let trace = network.capture(&view.input()?, &["layer4"])?;
    let fc = network.parameter("fc.weight")?;
    let mut parts = Parts::default();
    let signed = parts.make("the class activation map", || {
        Ok(class_activation_map(trace.activation("layer4")?, fc, asked as usize)?.get(0)?)
    })?;
    let map = grad_cam(network, &view.input()?, &[asked], "layer4")?;
    let (_, height, width) = view.pixels.dims3()?;
    let logit = trace.logits.get(0)?.get(asked as usize)?.to_scalar::<f32>()?;
    let bias = network.parameter("fc.bias")?.get(asked as usize)?.to_scalar::<f32>()?;
    let sum = match &signed {
        Some(signed) => {
            let mean = signed.mean_all()?.to_scalar::<f32>()?;
            format!(
                "The class activation map (5.1) is signed; its mean {mean:.2} and the bias {bias:.2} add up to the logit \
                 {logit:.2}. Grad-CAM (5.3) is its positive part divided by the number of places"
            )
        }
        None => "Grad-CAM (5.3)".into(),
    };
    let mut figure = Figure::new("From an activation to a picture")
        .caption(format!(
            "{}, layer4, {}, class {}, probability {}. {sum}; then upsample and overlay (5.4). {}",
            material.network_name(),
            view.name,
            guess.short_name(),
            guess.percent(),
            parts.told(material),
        ))
        .panel(view.image()?);
    if let Some(signed) = &signed {
        figure = figure.panel(
            Heatmap::new(signed)?
                .title("class activation map")
                .scale(Scale::Symmetric),
        );
    }
    Ok(figure
        .panel(Heatmap::new(&map.get(0)?)?.title("Grad-CAM").colormap(Colormap::Magma))
        .panel(
            Heatmap::new(&upsample(&map, height, width)?.get(0)?)?
                .title("upsampled")
                .colormap(Colormap::Magma),
        )
        .panel(view.under(&map.get(0)?, "overlay")?)
        .columns(5)
        .width(1250))
}
