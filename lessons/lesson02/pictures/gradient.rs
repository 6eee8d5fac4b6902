//! 2.2: in each layer the channel that matters most for the answer, and how it matters.

use anyhow::Result;
use draw::{Figure, Heatmap, Scale};
use lesson02::gradients;
use studio::{Material, softmax};

use super::images::IMAGE;
use super::sites::LAYERS;

pub fn draw(material: &Material) -> Result<Figure> {
    let sample = material.image(IMAGE)?;
    let network = material.network();
    let input = sample.input()?;
    let trace = network.capture(&input, &LAYERS)?;
    let probabilities = softmax(&trace.logits.squeeze(0)?.to_vec1()?);
    let likeliest = (0..probabilities.len()).max_by(|&a, &b| probabilities[a].total_cmp(&probabilities[b]));
    let class = material.wanted().first().copied().or(likeliest).unwrap_or(0);
    let slopes = gradients(network, &input, &LAYERS, |logits| logits.narrow(1, class, 1)?.sum_all())?;
    let mut figure = Figure::new("What is there, and what would change the answer")
        .caption(format!(
            "{} on {}. Above: the activation of the channel with the largest gradient in each layer; viridis. Below: the \
             gradient of the score of {:?}, probability {:.2} %, with respect to it, by your gradients (2.2), all five from one backward pass; \
             blue lowers the score, red raises it, each map symmetric around 0.",
            material.network_name(),
            sample.name,
            material.class_name(class),
            100.0 * probabilities[class],
        ));
    let mut below = vec![];
    for (site, slope) in LAYERS.iter().zip(&slopes) {
        let slope = slope.squeeze(0)?;
        let largest = slope.abs()?.flatten_from(1)?.max(1)?.argmax(0)?.to_scalar::<u32>()? as usize;
        let activation = trace.activation(site)?.squeeze(0)?.get(largest)?;
        figure = figure.panel(Heatmap::new(&activation)?.title(format!("{site}, channel {largest}")));
        let map = slope.get(largest)?;
        let most = map.abs()?.max_all()?.to_scalar::<f32>()?;
        let gradient = Heatmap::new(&map)?.scale(Scale::Symmetric);
        below.push(gradient.quantity(format!("from −{most:.3} to {most:.3}")));
    }
    Ok(figure.panels(below).columns(LAYERS.len()).width(1200))
}
