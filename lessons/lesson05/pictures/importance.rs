//! 5.6: the channels that are most active, and those that matter.

use anyhow::Result;
use draw::{Chart, Figure};
use lesson05::{class_score, contributions};
use studio::{Material, Parts};

use super::view::{View, class, probability};

pub fn draw(material: &Material) -> Result<Figure> {
    const SHOWN: usize = 8;
    let network = material.network();
    let view = View::new(material, 5)?;
    let input = view.input()?;
    let activations = network.capture(&input, &["layer4"])?.activation("layer4")?.clone();
    let activity = activations.mean((2, 3))?.get(0)?.to_vec1::<f32>()?;
    let asked = [&view.questions[0], &view.questions[1.min(view.questions.len() - 1)]];
    let mut waiting = Parts::default();
    let parts = waiting.make("what the channels contribute", || {
        let parts = asked.iter().map(|guess| {
            let trace = network.tap(&input, &["layer4"])?;
            let gradients = trace.gradients(&class_score(&trace.logits, &class(guess))?)?;
            let parts = contributions(&activations, &gradients.at("layer4")?)?;
            Ok(parts.get(0)?.to_vec1::<f32>()?)
        });
        parts.collect::<Result<Vec<_>>>()
    })?;
    let largest = |values: &[f32]| {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
        order.truncate(SHOWN);
        order
    };
    let of = |channels: &[usize], values: &[f32]| -> Vec<f64> {
        channels.iter().map(|&channel| f64::from(values[channel])).collect()
    };
    let chart = |channels: &[usize], title: &str| {
        let mut chart =
            Chart::over(channels.iter().map(usize::to_string)).bars("mean activation", of(channels, &activity));
        for (guess, parts) in asked.iter().zip(parts.iter().flatten()) {
            chart = chart.bars(format!("contribution to {}", guess.short_name()), of(channels, parts));
        }
        chart.x_label("channel").title(title)
    };
    let by_activity = largest(&activity);
    let map = |channel: usize| activations.get(0)?.get(channel);
    let [first, second] = asked.map(|guess| guess.short_name());
    let mut figure = Figure::new("Active is not important")
        .caption(format!(
            "{}, layer4, {}. Maps: single channels as they are, magma. Bars: mean activation of a channel, and your \
             contributions (5.6) to two logits. {first}: {}, {second}: {}. {}",
            material.network_name(),
            view.name,
            probability(asked[0]),
            probability(asked[1]),
            waiting.told(material),
        ))
        .panel(view.image()?)
        .panel(view.under(
            &map(by_activity[0])?,
            format!("most active: channel {}", by_activity[0]),
        )?);
    let by_class: Vec<Vec<usize>> = parts.iter().flatten().map(|parts| largest(parts)).collect();
    for (guess, channels) in asked.iter().zip(&by_class) {
        figure = figure.panel(view.under(
            &map(channels[0])?,
            format!("most for {}: channel {}", guess.short_name(), channels[0]),
        )?);
    }
    figure = figure
        .next_row()
        .panel(chart(&by_activity, "the eight most active channels"));
    if let Some(first) = by_class.first() {
        let title = format!("the eight that matter most for {}", asked[0].short_name());
        figure = figure.panel(chart(first, &title));
    }
    Ok(figure.columns(4).width(1150))
}
