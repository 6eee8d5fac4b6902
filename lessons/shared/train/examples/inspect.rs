//! A rough look at a checkpoint before it ships: where it looks, what its units detect, what they want.
//!
//! ```text
//! cargo run -p train --example inspect -- target/checkpoints/scenes.safetensors target/inspect
//! ```
//!
//! Rough: units are compared with concepts on a 32×32 grid, and optima take 150 plain steps. The lessons do it properly.

mod dissection;

use candle_core::{DType, Device, Result, Tensor, Var};
use dissection::Truth;
use draw::{Figure, Heatmap, ImagePanel, MapGrid};
use rand::{Rng, SeedableRng};
use resnet::ResNet;
use scenes::{Concept, Rendered, Sampler, Scene};

const SITES: [&str; 5] = ["relu", "layer1", "layer2", "layer3", "layer4"];

fn main() -> anyhow::Result<()> {
    writing::end_with_the_reader();
    let arguments: Vec<String> = std::env::args().collect();
    let [_, checkpoint, folder] = arguments.as_slice() else {
        anyhow::bail!("expected a checkpoint and a folder for the pictures");
    };
    let network = ResNet::load(checkpoint)?;
    println!("{}", maps(&network)?.save(format!("{folder}/maps.png"))?.display());
    dissect(&network)?;
    println!("{}", optima(&network)?.save(format!("{folder}/optima.png"))?.display());
    Ok(())
}

fn render(sampler: &Sampler, seed: u64, count: u64) -> Result<Vec<Rendered>> {
    (0..count)
        .map(|i| Ok(Scene::sample(sampler, seed, i)?.render()))
        .collect()
}

/// Scenes with two figures, and a map for each.
fn maps(network: &ResNet) -> Result<Figure> {
    let rendered = render(&Sampler::two_figures(), 9, 6)?;
    let pixels = scenes::batch(&rendered, &Device::Cpu)?;
    let images = resnet::normalize(&pixels)?;
    let mut figure = Figure::new("Grad-CAM for both figures of a scene").columns(5);
    let mut by_figure = Vec::new();
    for which in 0..2 {
        let classes: Vec<u32> = rendered.iter().map(|r| r.scene.figures[which].shape as u32).collect();
        by_figure.push(train::class_activation_maps(
            network,
            &images,
            &classes,
            &["layer3", "layer4"],
        )?);
    }
    for (i, rendered) in rendered.iter().enumerate() {
        figure = figure.panel(ImagePanel::new(&pixels.get(i)?)?);
        for (which, maps) in by_figure.iter().enumerate() {
            for (site, map) in ["layer3", "layer4"].iter().zip(maps) {
                let name = format!("{} {site}", rendered.scene.figures[which].shape);
                figure = figure.panel(Heatmap::new(&map.get(i)?)?.title(name).without_bar());
            }
        }
    }
    Ok(figure)
}

/// Units per kind of concept and layer whose top half percent overlaps the concept with an IoU over 0.04.
fn dissect(network: &ResNet) -> Result<()> {
    let truth = Truth::new(render(&Sampler::default(), 77, 600)?);
    for site in SITES {
        let units = truth.dissect(network, site)?;
        let mut found: Vec<(f64, Concept)> = units.iter().copied().filter(|(iou, _)| *iou > 0.04).collect();
        let mut line = format!("{site}: {} units;", units.len());
        for factor in ["shape", "colour", "texture", "badge"] {
            let of: Vec<_> = found.iter().filter(|(_, concept)| concept.factor() == factor).collect();
            line += &format!(" {factor} {}", of.len());
        }
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let best: Vec<_> = found
            .iter()
            .take(4)
            .map(|(iou, concept)| format!("{concept} {iou:.2}"))
            .collect();
        println!("{line}; best {}", best.join(", "));
    }
    Ok(())
}

/// Images that drive a few units of each layer: jittered ascent with a little smoothing.
fn optima(network: &ResNet) -> Result<Figure> {
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
    let mut figure = Figure::new("What four units of each layer want").columns(1);
    for site in SITES {
        let mut images = Vec::new();
        for unit in 0..4 {
            let start = (0..3 * 128 * 128).map(|_| random.random_range(-0.1f32..0.1));
            let mut image = Tensor::from_iter(start, &Device::Cpu)?.reshape((1, 3, 128, 128))?;
            for _ in 0..150 {
                let (dx, dy) = (random.random_range(0..8usize), random.random_range(0..8usize));
                let shifted = Var::from_tensor(&image.roll(dx as i32, 3)?.roll(dy as i32, 2)?)?;
                let trace = network.tap(&shifted, &[site])?;
                let score = trace.activation(site)?.narrow(1, unit * 3, 1)?.mean_all()?;
                let across = |dim| -> Result<Tensor> {
                    let length = shifted.dim(dim)? - 1;
                    (shifted.narrow(dim, 1, length)? - shifted.narrow(dim, 0, length)?)?
                        .sqr()?
                        .mean_all()
                };
                let objective = (score - ((across(2)? + across(3)?)? * 0.3)?)?;
                let gradient = trace.gradients(&objective)?.of(&shifted)?;
                let size = gradient
                    .sqr()?
                    .mean_all()?
                    .sqrt()?
                    .to_dtype(DType::F32)?
                    .to_scalar::<f32>()?;
                let step = (gradient * (0.05 / (size as f64 + 1e-12)))?;
                let moved = (shifted.as_tensor() + step)?.detach();
                image = moved.roll(-(dx as i32), 3)?.roll(-(dy as i32), 2)?.clamp(-2.1, 2.6)?;
            }
            images.push(resnet::denormalize(&image)?.clamp(0.0, 1.0)?);
        }
        figure = figure.panel(MapGrid::images(&Tensor::cat(&images, 0)?)?.columns(4).title(site));
    }
    Ok(figure)
}
