//! 3.5: the objective over the steps, and a class by its score and by its probability.

use anyhow::Result;
use candle_core::Tensor;
use candle_nn::ops::softmax;
use draw::{Chart, Figure, ImagePanel, Series};
use lesson03::{Function, Optimizer, Settings, Target, objective, score};
use studio::Material;

use super::images::side;
use super::making::{Wish, make};
use super::recipe::{ASCENT, CAREFUL, PLAIN, Recipe, WAVES};
use super::unit::{before_relu, optimum, within};

pub fn draw(material: &Material) -> Result<Figure> {
    const CLASS: usize = 4;
    let network = material.network();
    let site = before_relu(network, "layer3")?;
    let channel = within(material, &site, 20)?;
    let adam = Settings {
        optimizer: Optimizer::Adam,
        ..ASCENT
    };
    let with_adam = Recipe {
        settings: adam,
        ..PLAIN
    };
    let mut chart = Chart::new()
        .title(format!("{site}, channel {channel}"))
        .x_label("step")
        .y_label("objective before the step");
    let mut left_out = vec![];
    for (name, recipe) in [
        ("pixels, ascent", PLAIN),
        ("pixels, Adam", with_adam),
        ("pixels, everything", CAREFUL),
        ("waves, Adam", WAVES),
    ] {
        if !recipe.can_be_made() {
            left_out.push(name);
            continue;
        }
        let (_, values) = optimum(material, &site, channel, &recipe, side(material))?;
        chart = chart.series(Series::over_index(name, values));
    }

    if !left_out.is_empty() {
        material.remark(format!("without {}: 3.4 and 3.6 are not done", left_out.join(" and ")));
    }
    let class = CLASS.min(network.config().classes - 1);
    let by_score = |images: &Tensor| score(network, images, "fc", Target::Channel(class));
    let by_probability = |images: &Tensor| {
        let logits = network.forward(&resnet::normalize(images)?)?;
        objective(&softmax(&logits, 1)?, Target::Channel(class))
    };
    let recipe = Recipe::best(material);
    let mut figure = Figure::new("On the way up").panel(chart).next_row();
    let both: [(&str, &Function); 2] = [("score", &by_score), ("probability", &by_probability)];
    for (name, function) in both {
        let wish = Wish {
            objective: function,
            scale: 0.0, // no penalty
        };
        let what = format!("class {class} by its {name}");
        let (image, _) = make(&wish, &recipe, 1, side(material), what)?;
        let reached = |f: &Function| Ok::<_, candle_core::Error>(f(&image)?.to_vec1::<f32>()?[0]);
        let (score, share) = (reached(&by_score)?, reached(&by_probability)?);
        figure = figure.panel(
            ImagePanel::new(&image.get(0)?)?
                .title(format!("{} by its {name}", material.class_name(class)))
                .note(format!("score {score:.1}, probability {share:.3}")),
        );
    }
    Ok(figure.width(594).caption(format!(
        "{}. Above: the objective over the steps of your maximize (3.5), for one channel before the last ReLU of its layer; \
         where the image is moved before each step, the curve trembles. Below: a class by its score and by its softmax \
         probability, {} steps, no penalty.",
        material.network_name(),
        recipe.settings.steps
    )))
}
