//! The probe of lesson 04 on features of the shipped network, beside scikit-learn's on the same features.
//!
//! `tests/fixtures/make_probe_scenes.py` wrote the expected accuracies; it runs this test with `PROBE_FEATURES=DIR`, which
//! writes the features there.

use candle_core::{Device, Result, Tensor};
use scenes::{Sampler, Scene};
use serde::Deserialize;
use solution04::{features, score};

const SCENES: u64 = 600;
const TRAINED: usize = 400;
const SITES: [&str; 3] = ["layer1", "layer2", "layer4"];

#[derive(Deserialize)]
struct Fixture {
    accuracies: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    site: String,
    property: String,
    accuracy: f64,
}

/// The averaged features of each site, and the labels of each property with its number of classes.
#[allow(clippy::type_complexity, reason = "one use")]
fn data() -> Result<(Vec<Tensor>, Vec<(&'static str, Vec<usize>, usize)>)> {
    let network = resnet::checkpoints::scenes()?;
    let mut parts = vec![vec![]; SITES.len()];
    let (mut shapes, mut colours) = (vec![], vec![]);
    for start in (0..SCENES).step_by(50) {
        let rendered = (start..start + 50)
            .map(|index| Ok(Scene::sample(&Sampler::default(), 44, index)?.render()))
            .collect::<Result<Vec<_>>>()?;
        shapes.extend(rendered.iter().map(|one| one.scene.class().index()));
        colours.extend(rendered.iter().map(|one| one.scene.figures[0].colour.index()));
        let images = resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)?;
        for (part, rows) in parts.iter_mut().zip(features(&network, &images, &SITES, 1)?) {
            part.push(rows);
        }
    }
    let features = parts.iter().map(|parts| Tensor::cat(parts, 0)).collect::<Result<_>>()?;
    Ok((features, vec![("shape", shapes, 10), ("colour", colours, 8)]))
}

#[test]
fn a_probe_is_as_accurate_as_scikit_learns_within_one_point() -> Result<()> {
    let (features, properties) = data()?;
    if let Some(folder) = std::env::var_os("PROBE_FEATURES") {
        let folder = std::path::Path::new(&folder);
        for (site, rows) in SITES.iter().zip(&features) {
            rows.write_npy(folder.join(format!("{site}.npy")))?;
        }
        for (name, labels, _) in &properties {
            let labels: Vec<i64> = labels.iter().map(|&label| label as i64).collect();
            Tensor::new(labels, &Device::Cpu)?.write_npy(folder.join(format!("{name}.npy")))?;
        }
        return Ok(());
    }
    let fixture: Fixture =
        serde_json::from_str(include_str!("../fixtures/probe_scenes.json")).expect("a valid fixture");
    assert_eq!(fixture.accuracies.len(), SITES.len() * properties.len());
    let (train, test): (Vec<usize>, Vec<usize>) = (0..SCENES as usize).partition(|&row| row < TRAINED);
    for (site, rows) in SITES.iter().zip(&features) {
        for (name, labels, classes) in &properties {
            let expected = fixture.accuracies.iter();
            let expected = expected
                .clone()
                .find(|row| row.site == *site && row.property == *name)
                .expect("every pair is in the fixture")
                .accuracy;
            let found = score(rows, labels, *classes, &train, &test)?.accuracy;
            println!("{name} at {site}: {found:.3}, scikit-learn {expected:.3}");
            assert!(
                (found - expected).abs() <= 0.01 + 1e-9,
                "{name} at {site}: {found}, scikit-learn {expected}"
            );
        }
    }
    Ok(())
}
