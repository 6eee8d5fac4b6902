//! 1.7: where the parameters are.

use anyhow::Result;
use draw::{Chart, Figure};
use lesson01::parameter_count;
use resnet::Config;
use studio::Material;

pub fn draw(_: &Material) -> Result<Figure> {
    let all = [
        Config::resnet18(),
        Config::resnet34(),
        Config::resnet50(),
        Config::resnet101(),
        Config::resnet152(),
    ];
    let millions = all.iter().map(|config| parameter_count(config) as f64 / 1e6);
    Ok(Figure::new("Parameters of the five networks of the paper")
        .caption("Millions of parameters, by your parameter_count (1.7). ResNet-50 is as deep as ResNet-34 in blocks.")
        .panel(
            Chart::over(all.iter().map(Config::name))
                .bars("parameters", millions)
                .y_label("million")
                .with_numbers(),
        )
        .width(800))
}
