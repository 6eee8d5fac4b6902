//! 3.5: the objective over the steps, and a class by its score and by its probability.

use anyhow::Result;
use candle_core::Tensor;
use candle_nn::ops::softmax;
use draw::{Chart, Figure, ImagePanel, Series};
use lesson03::{Function, Optimizer, Settings, Target, objective, score};
use studio::Material;

use super::both::{in_turn, names, robust_beside};
use super::images::width_of_four;
use super::recipe::{ASCENT, CAREFUL, PLAIN, Recipe, WAVES};
use super::unit::{STARTS, best, one, optimum};

pub fn draw(material: &Material) -> Result<Figure> {
    const CLASS: usize = 4;
    let unit = one(material, "layer3", 20)?;
    let adam = Settings {
        optimizer: Optimizer::Adam,
        ..ASCENT
    };
    let with_adam = Recipe {
        settings: adam,
        ..PLAIN
    };
    let mut chart = Chart::new()
        .title(format!("{}, channel {}", unit.site, unit.channel))
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
        let (_, values) = optimum(material, &unit, &recipe)?;
        chart = chart.series(Series::over_index(name, values));
    }

    let mut waits = String::new();
    if !left_out.is_empty() {
        waits = format!("waiting for 3.4 or 3.6: {}", left_out.join("; "));
        material.remark(waits.clone());
        waits = format!(" Above, {waits}.");
    }
    let recipe = Recipe {
        total_variation: 0.0,
        l2: 0.0,
        ..Recipe::best(material)
    };
    let class = match material.wanted() {
        [first, ..] => *first,
        [] => CLASS.min(material.network().config().classes - 1),
    };
    let robust = robust_beside(material)?;
    let networks = in_turn(material, &robust);
    let mut figure = Figure::new("On the way up")
        .columns(2 * networks.len())
        .panel(chart)
        .next_row();
    for (prefix, material) in &networks {
        for by_score in [true, false] {
            let panel = class_panel(material, class, by_score, &recipe)?;
            let by = if by_score { "score" } else { "probability" };
            figure = figure.panel(panel.title(format!("{prefix}by {by}")));
        }
    }
    Ok(figure.width(width_of_four(material)).caption(format!(
        "Above: {}, the objective over the steps of your maximize (3.5), for one channel before the last ReLU of its layer, mean of \
         {STARTS} starts; where the image is moved before each step, the curve trembles. Below: {}, the class {} by its score and by \
         its softmax probability; {}; the best of {STARTS} starts.{waits}",
        material.network_name(),
        names(&networks),
        material.class_name(class),
        recipe.words()
    )))
}

/// An image for a class.
fn class_panel(material: &Material, class: usize, by_score: bool, recipe: &Recipe) -> Result<ImagePanel> {
    let network = material.network();
    let score = |images: &Tensor| score(network, images, "fc", Target::Channel(class));
    let probability = |images: &Tensor| {
        let logits = network.forward(&resnet::normalize(images)?)?;
        objective(&softmax(&logits, 1)?, Target::Channel(class))
    };
    let objective: &Function = if by_score { &score } else { &probability };
    let (image, _) = best(material, objective, recipe, material.class_name(class).into())?;
    let reached = |f: &Function| Ok::<_, candle_core::Error>(f(&image)?.to_vec1::<f32>()?[0]);
    let (score, share) = (reached(&score)?, reached(&probability)?);
    Ok(ImagePanel::new(&image.get(0)?)?.note(format!("score {score:.1}, p = {share:.3}")))
}
