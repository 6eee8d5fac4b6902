//! Lesson 05's solution against the Python packages grad-cam and captum, and PyTorch's resizing, on the same weights and images.
//!
//! The numbers come from `tests/fixtures/cam.json`, beside the script that made them, in float64.

mod formula;

use candle_core::{DType, Result, Tensor};
use formula::{formula, parameter, tensor};
use resnet::{Config, Parameters, ResNet};
use serde::Deserialize;

const TOLERANCE: f64 = 1e-4;

/// What it is, where, shape, digest, and the values where they are few.
type Record = (String, String, Vec<usize>, [f64; 3], Vec<f64>);

#[derive(Deserialize)]
struct Fixture {
    image_name: String,
    input: [usize; 4],
    classes: [u32; 2],
    records: Vec<Record>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("../fixtures/cam.json")).expect("the fixture")
}

/// The network of the script; fc's weights times `scale`.
fn network(scale: f64) -> Result<ResNet> {
    let config = Config::resnet18().width(16).classes(10);
    let weight = |(name, shape): (String, Vec<usize>)| {
        let weight = parameter(&name, &shape.into(), DType::F32)?;
        let weight = if name == "fc.weight" { (weight * scale)? } else { weight };
        Ok((name, weight))
    };
    let weights: Parameters = config.tensors().into_iter().map(weight).collect::<Result<_>>()?;
    ResNet::new(&config, &weights)
}

/// The package's Grad-CAM++: α = g² / (2g² + g³·ΣA + 10⁻⁶).
fn with_epsilon(network: &ResNet, images: &Tensor, classes: &[u32], site: &str) -> Result<Tensor> {
    let trace = network.tap(images, &[site])?;
    let score = solution05::class_score(&trace.logits, classes)?;
    let gradients = trace.gradients(&score)?.at(site)?;
    let activations = trace.activation(site)?.detach();
    let total = activations.sum_keepdim((2, 3))?;
    let square = gradients.sqr()?;
    let cube = (&square * &gradients)?.broadcast_mul(&total)?;
    let below = (((&square * 2.0)? + cube)? + 1e-6)?;
    let weights = ((square / below)? * gradients.relu()?)?.sum_keepdim((2, 3))?;
    solution05::weighted_map(&activations, &weights)
}

fn ours(what: &str, site: &str, fixture: &Fixture) -> Result<Tensor> {
    let images = tensor(&fixture.image_name, fixture.input.as_slice(), 2.0, 0.0, DType::F32)?;
    let classes = &fixture.classes;
    match what {
        "grad_cam" | "captum_grad_cam" => solution05::grad_cam(&network(1.0)?, &images, classes, site),
        "plus_plus_with_epsilon" => with_epsilon(&network(1.0)?, &images, classes, site),
        "plus_plus" => solution05::grad_cam_plus_plus(&network(1000.0)?, &images, classes, site),
        "upsample" => {
            let map = solution05::grad_cam(&network(1.0)?, &images, classes, site)?;
            let [_, _, height, width] = fixture.input;
            solution05::upsample(&map, height, width)
        }
        "saliency" => solution05::saliency(&network(1.0)?, &images, classes),
        "guided_backprop" => solution05::guided_backprop(&network(1.0)?, &images, classes),
        other => candle_core::bail!("no such record: {other}"),
    }
}

fn values(tensor: &Tensor) -> Result<Vec<f64>> {
    tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1()
}

/// L2 norm, largest magnitude, and the dot product with the formula's numbers.
fn digest(values: &[f64]) -> [f64; 3] {
    let largest = values.iter().fold(0f64, |most, v| most.max(v.abs()));
    let product = values.iter().zip(formula("digest", values.len()));
    [
        values.iter().map(|v| v * v).sum::<f64>().sqrt(),
        largest,
        product.map(|(v, f)| v * f).sum(),
    ]
}

/// Relative L2 distance.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let square = |v: &mut dyn Iterator<Item = f64>| v.map(|v| v * v).sum::<f64>().sqrt();
    square(&mut a.iter().zip(b).map(|(a, b)| a - b)) / square(&mut b.iter().copied())
}

#[test]
fn maps_are_those_of_grad_cam_and_captum() -> Result<()> {
    let fixture = fixture();
    let mut compared = 0;
    for (what, site, dims, expected, all) in &fixture.records {
        let ours = ours(what, site, &fixture)?;
        assert_eq!(ours.dims(), dims, "{what} at {site}");
        let ours = values(&ours)?;
        let digest = digest(&ours);
        let mut error = (0..3)
            .map(|i| (digest[i] - expected[i]).abs() / expected[0])
            .fold(0.0, f64::max);
        if !all.is_empty() {
            error = error.max(distance(&ours, all));
        }
        println!("{what:24} {site:8} relative error {error:.1e}");
        assert!(error < TOLERANCE, "{what} at {site}: relative error {error:.1e}");
        compared += 1;
    }
    assert_eq!(compared, 15, "every record was compared");
    Ok(())
}

/// Where the packages' definitions differ from the paper's: without the epsilon the numbers are others.
#[test]
fn the_package_s_epsilon_is_what_sets_grad_cam_plus_plus_apart() -> Result<()> {
    let fixture = fixture();
    let images = tensor(&fixture.image_name, fixture.input.as_slice(), 2.0, 0.0, DType::F32)?;
    let record = fixture.records.iter();
    let mut record = record.filter(|(what, site, ..)| what == "plus_plus_with_epsilon" && site == "layer2");
    let (_, site, _, _, theirs) = record.next().expect("a record");
    let paper = solution05::grad_cam_plus_plus(&network(1.0)?, &images, &fixture.classes, site)?;
    let apart = distance(&values(&paper)?, theirs);
    println!(
        "Grad-CAM++ at {site}: the paper's formula is {:.1} % off the package's",
        100.0 * apart
    );
    assert!(apart > 10.0 * TOLERANCE, "{apart}");
    Ok(())
}
