//! Lesson 05's occlusion, integrated gradients and SmoothGrad against the Python package captum, on the same weights and images.
//!
//! The numbers come from `tests/fixtures/attributions.json`, beside the script that made them, in float64 on both sides: along the
//! way of integrated gradients some ReLU always stands so near to 0 that float32 decides otherwise.

mod formula;

use candle_core::{DType, Result, Tensor};
use formula::{formula, parameter, tensor};
use resnet::{Config, Parameters, ResNet};
use serde::Deserialize;
use solution05::{Patch, class_logits, completeness_gap, integrated_gradients, occlusion, smooth_grad};

const TOLERANCE: f64 = 1e-6;

/// What it is, its number of steps or samples, shape and digest.
type Record = (String, usize, Vec<usize>, [f64; 3]);

#[derive(Deserialize)]
struct Fixture {
    image_name: String,
    input: [usize; 4],
    classes: [u32; 2],
    patch: [usize; 2],
    colour: [f32; 3],
    differences: [f64; 2],
    /// Method, steps, and each image's gap.
    gaps: Vec<(String, usize, [f64; 2])>,
    records: Vec<Record>,
}

struct Setting {
    fixture: Fixture,
    network: ResNet,
    images: Tensor,
    baseline: Tensor,
}

fn setting() -> Result<Setting> {
    let fixture: Fixture = serde_json::from_str(include_str!("../fixtures/attributions.json")).expect("the fixture");
    let config = Config::resnet18().width(16).classes(10);
    let weight = |(name, shape): (String, Vec<usize>)| {
        let weight = parameter(&name, &shape.into(), DType::F64)?;
        Ok((name, weight))
    };
    let weights: Parameters = config.tensors().into_iter().map(weight).collect::<Result<_>>()?;
    let [_, colours, height, width] = fixture.input;
    Ok(Setting {
        network: ResNet::new(&config, &weights)?,
        images: tensor(&fixture.image_name, fixture.input.as_slice(), 2.0, 0.0, DType::F64)?,
        baseline: tensor("baseline", (1, colours, height, width), 0.5, 0.0, DType::F64)?,
        fixture,
    })
}

fn ours(what: &str, number: usize, setting: &Setting) -> Result<Tensor> {
    let Setting {
        fixture,
        network,
        images,
        baseline,
    } = setting;
    let classes = &fixture.classes;
    match what {
        "occlusion" => {
            let [side, stride] = fixture.patch;
            let colour = fixture.colour;
            occlusion(network, images, classes, &Patch { side, stride, colour })
        }
        "integrated_gradients" => integrated_gradients(network, images, classes, baseline, number),
        "smooth_grad" => {
            let shape = [&[number], images.dims()].concat();
            smooth_grad(network, images, classes, &tensor("noise", shape, 1.0, 0.0, DType::F64)?)
        }
        other => candle_core::bail!("no such record: {other}"),
    }
}

/// L2 norm, largest magnitude, and the dot product with the formula's numbers.
fn digest(map: &Tensor) -> Result<[f64; 3]> {
    let values = map.flatten_all()?.to_vec1::<f64>()?;
    let product = values.iter().zip(formula("digest", values.len()));
    Ok([
        values.iter().map(|v| v * v).sum::<f64>().sqrt(),
        values.iter().fold(0f64, |most, v| most.max(v.abs())),
        product.map(|(v, f)| v * f).sum(),
    ])
}

#[test]
fn attributions_are_those_of_captum() -> Result<()> {
    let setting = setting()?;
    for (what, number, dims, expected) in &setting.fixture.records {
        let ours = ours(what, *number, &setting)?;
        assert_eq!(ours.dims(), dims, "{what}");
        let digest = digest(&ours)?;
        let error = (0..3)
            .map(|i| (digest[i] - expected[i]).abs() / expected[0])
            .fold(0.0, f64::max);
        println!("{what:22} {number:3} relative error {error:.1e}");
        assert!(error < TOLERANCE, "{what} {number}: relative error {error:.1e}");
    }
    assert_eq!(setting.fixture.records.len(), 5, "every record was compared");
    Ok(())
}

/// The sum misses the difference of the logits by less the more steps there are, and by as much as captum's does.
#[test]
fn the_gap_is_captum_s_and_shrinks() -> Result<()> {
    let setting = setting()?;
    let Setting {
        fixture,
        network,
        images,
        baseline,
    } = &setting;
    let of = |images: &Tensor| class_logits(network, images, &fixture.classes)?.to_vec1::<f64>();
    let all = Tensor::cat(&[baseline, baseline], 0)?;
    let differences = of(images)?.into_iter().zip(of(&all)?).map(|(x, b)| x - b);
    for (ours, theirs) in differences.zip(fixture.differences) {
        assert!((ours - theirs).abs() < TOLERANCE, "{ours} {theirs}");
    }
    let mut before = f64::INFINITY;
    for (method, steps, theirs) in &fixture.gaps {
        println!("{method:15} {steps:3} {theirs:.4?} of {:.2?}", fixture.differences);
        if method != "riemann_middle" {
            continue;
        }
        let attributions = integrated_gradients(network, images, &fixture.classes, baseline, *steps)?;
        let gaps = completeness_gap(network, images, &fixture.classes, baseline, &attributions)?;
        let gaps = gaps.to_vec1::<f64>()?;
        for (ours, theirs) in gaps.iter().zip(theirs) {
            assert!((ours - theirs).abs() < TOLERANCE, "{steps} steps: {ours} {theirs}");
        }
        let mean = (gaps[0] + gaps[1]) / 2.0;
        assert!(mean < before, "{steps} steps: {mean}, with fewer {before}");
        before = mean;
    }
    assert!(before < 0.002, "{before}");
    Ok(())
}
