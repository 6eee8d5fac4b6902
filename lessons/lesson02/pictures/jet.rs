//! 2.8: the same numbers in three colormaps, and why one of them lies.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Chart, Figure, ImagePanel, Series};
use lesson02::{DIVERGING, JET, Rgb, Scaling, VIRIDIS, colorize, for_display};
use studio::Material;

use super::images::IMAGE;

pub fn draw(material: &Material) -> Result<Figure> {
    const SIDE: usize = 96;
    const STEPS: usize = 65;
    let maps: [(&str, &[Rgb]); 3] = [("viridis", &VIRIDIS), ("blue–red", &DIVERGING), ("jet", &JET)];
    // A hill without an edge anywhere.
    let hill = (0..SIDE * SIDE).map(|i| {
        let [y, x] = [i / SIDE, i % SIDE].map(|n| n as f32 / (SIDE - 1) as f32 - 0.5);
        (-(x * x + y * y) * 9.0).exp()
    });
    let hill = Tensor::from_vec(hill.collect(), (SIDE, SIDE), &Device::Cpu)?;
    let sample = material.image(IMAGE)?;
    let trace = material.network().capture(&sample.input()?, &["layer1"])?;
    let activation = trace.activation("layer1")?.squeeze(0)?;
    let strongest = activation.flatten_from(1)?.mean(1)?.argmax(0)?.to_scalar::<u32>()? as usize;
    let scaling = Scaling {
        per_map: true,
        symmetric: false,
    };
    let shown = for_display(&activation.narrow(0, strongest, 1)?, scaling)?.squeeze(0)?;

    let mut figure = Figure::new("Why not jet").caption(format!(
        "Upper row: a smooth hill, exp(−9r²), by your colorize (2.8). Jet draws rings that are not in the numbers, because \
         its lightness rises and falls; viridis only rises. Lower row: {}, layer1, channel {strongest}, on {}; your \
         for_display and colorize. Blue–red is for values around zero and shown for comparison.",
        material.network_name(),
        sample.name,
    ));
    let mut chart = Chart::new()
        .title("lightness")
        .x_label("value")
        .y_label("lightness (CIELAB)")
        .y_range(0.0..=100.0);
    let ramp = Tensor::arange(0f32, STEPS as f32, &Device::Cpu)?.affine(1.0 / (STEPS - 1) as f64, 0.0)?;
    for (name, colors) in maps {
        figure = figure.panel(ImagePanel::new(&colorize(&hill, colors)?)?.title(name));
        let colored = colorize(&ramp.unsqueeze(0)?, colors)?
            .squeeze(1)?
            .t()?
            .to_vec2::<f32>()?;
        let points = colored.iter().enumerate().map(|(i, rgb)| {
            let value = i as f64 / (STEPS - 1) as f64;
            (value, lightness([rgb[0], rgb[1], rgb[2]]))
        });
        chart = chart.series(Series::new(name, points));
    }
    figure = figure.panel(chart);
    for (_, colors) in maps {
        figure = figure.panel(ImagePanel::new(&colorize(&shown, colors)?)?);
    }
    figure = figure.panel(ImagePanel::new(&sample.pixels)?.title("input"));
    Ok(figure.columns(4).width(1100))
}

/// Lightness of a colour, 0 (black) to 100 (white), as an eye sees it (CIELAB).
fn lightness(rgb: Rgb) -> f64 {
    let linear = rgb.map(|c| match f64::from(c) {
        c if c <= 0.04045 => c / 12.92,
        c => ((c + 0.055) / 1.055).powf(2.4),
    });
    let y = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
    if y > 216.0 / 24389.0 {
        116.0 * y.cbrt() - 16.0
    } else {
        y * 24389.0 / 27.0
    }
}
