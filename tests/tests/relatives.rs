//! ResNeXts, Wide ResNets, timm's deep stems and the three-layer ResNets of CIFAR-10 against torchvision, timm and PyTorch.
//!
//! The numbers come from `tests/fixtures/relatives.json`, beside the script that made them, in float64.

mod comparison;
mod formula;

use candle_core::{DType, Result, Shape, Var};
use resnet::{Block, Config, Parameters, ResNet, Shortcut, Stem};
use serde::Deserialize;

use comparison::{Architecture, Comparison, DTYPES, Digest};
use formula::{parameter, tensor};

#[derive(Deserialize)]
struct Fixture {
    architectures: Vec<Architecture>,
    cases: Vec<Case>,
}

impl Fixture {
    fn shipped() -> Self {
        serde_json::from_str(include_str!("../fixtures/relatives.json")).expect("a readable fixture")
    }
}

/// One network on one batch of images.
#[derive(Deserialize)]
struct Case {
    title: String,
    block: String,
    blocks: [usize; 4],
    width: usize,
    groups: usize,
    widening: usize,
    classes: usize,
    stem: String,
    shortcut: String,
    input: Vec<usize>,
    /// Name of the images in the formula.
    image_name: String,
    /// Image and class of the logit whose gradient was taken.
    logit: [usize; 2],
    logits: Vec<f64>,
    /// Shape, digest, and every value of the logit's image where there are few.
    input_gradient: (Vec<usize>, Digest, Vec<f64>),
    /// Site, shape, digests of the activation and of its gradient.
    sites: Vec<(String, Vec<usize>, Digest, Digest)>,
}

impl Case {
    fn config(&self) -> Config {
        Config {
            block: if self.block == "basic" {
                Block::Basic
            } else {
                Block::Bottleneck
            },
            blocks: self.blocks,
            width: self.width,
            stem: match self.stem.as_str() {
                "imagenet" => Stem::ImageNet,
                "deep" => Stem::Deep,
                "cifar" => Stem::Cifar,
                other => panic!("no stem {other}"),
            },
            shortcut: match self.shortcut.as_str() {
                "projection" => Shortcut::Projection,
                "averaged" => Shortcut::AveragedProjection,
                "padded" => Shortcut::PaddedIdentity,
                other => panic!("no shortcut {other}"),
            },
            groups: self.groups,
            widening: self.widening,
            classes: self.classes,
        }
    }

    fn parameters(&self, dtype: DType) -> Result<Parameters> {
        let tensors = self.config().tensors().into_iter();
        tensors
            .map(|(name, dims)| {
                let value = parameter(&name, &Shape::from(dims), dtype)?;
                Ok((name, value))
            })
            .collect()
    }

    fn compare(&self, dtype: DType) -> Result<Comparison> {
        let network = ResNet::new(&self.config(), &self.parameters(dtype)?)?;
        let images = Var::from_tensor(&tensor(&self.image_name, self.input.as_slice(), 2.0, 0.0, dtype)?)?;
        let mut comparison = Comparison::new(dtype);
        let mut seen = vec![];
        let logits = network.forward_visit(&images, &mut |site, activation| {
            let tap = Var::from_tensor(&activation.zeros_like()?)?;
            let tapped = (activation + tap.as_tensor())?;
            seen.push((site.to_string(), activation.clone(), tap));
            Ok(Some(tapped))
        })?;
        let visited: Vec<_> = seen.iter().map(|(site, ..)| site.clone()).collect();
        assert_eq!(network.sites(), visited, "`sites` lists what a visitor sees");

        comparison.values("logits", "all", &logits, &self.logits);
        let gradients = logits.get(self.logit[0])?.get(self.logit[1])?.backward()?;
        for (name, dims, activation, gradient) in &self.sites {
            let Some((site, ours, tap)) = seen.iter().find(|(site, ..)| site == name) else {
                comparison.faults.push(format!("there is no site {name}"));
                continue;
            };
            comparison.digest("activation", site, ours, dims, activation);
            comparison.digest(
                "gradient",
                site,
                gradients.get(tap).expect("a gradient"),
                dims,
                gradient,
            );
        }
        let (dims, digest, values) = &self.input_gradient;
        let ours = gradients.get(&images).expect("an input gradient");
        comparison.digest("input gradient", "all", ours, dims, digest);
        if !values.is_empty() {
            comparison.values("input gradient", "every pixel", &ours.get(self.logit[0])?, values);
        }

        // Nobody looks, and no gradient is asked for.
        comparison.values(
            "logits",
            "unseen",
            &network.forward(images.as_detached_tensor().as_ref())?,
            &self.logits,
        );
        Ok(comparison)
    }
}

/// Logits, the input's gradient, and activation and gradient at every site that the reference has a module for.
#[test]
fn relatives_are_torchvisions_and_timms() {
    let cases = Fixture::shipped().cases;
    assert_eq!(cases.len(), 7, "cases to compare");
    for case in cases {
        for dtype in DTYPES {
            let comparison = case.compare(dtype).expect("the network runs");
            comparison.assert_equal(&format!("{}, {dtype:?}", case.title));
        }
    }
}

/// The architecture is read off names and shapes as it was built.
#[test]
fn each_architecture_is_recognized_by_its_weights() {
    for case in Fixture::shipped().cases {
        let parameters = case.parameters(DType::F32).expect("parameters");
        let found = Config::of(&parameters).expect("an architecture");
        assert_eq!(found, case.config(), "{}", case.title);
    }
}

/// Every tensor's name and shape, and the number of parameters, of the full networks.
#[test]
fn full_networks_hold_what_torchvisions_and_timms_hold() {
    let deep = |config: Config| config.stem(Stem::Deep).shortcut(Shortcut::AveragedProjection);
    let configs = [
        ("resnext50_32x4d", Config::resnext50_32x4d(), "ResNeXt-50 32×4d"),
        ("resnext101_32x8d", Config::resnext101_32x8d(), "ResNeXt-101 32×8d"),
        ("resnext101_64x4d", Config::resnext101_64x4d(), "ResNeXt-101 64×4d"),
        ("wide_resnet50_2", Config::wide_resnet50_2(), "Wide ResNet-50-2"),
        ("wide_resnet101_2", Config::wide_resnet101_2(), "Wide ResNet-101-2"),
        ("resnet18d", deep(Config::resnet18()), "ResNet-18-D"),
        ("resnet50d", deep(Config::resnet50()), "ResNet-50-D"),
    ];
    let architectures = Fixture::shipped().architectures;
    assert_eq!(architectures.len(), configs.len());
    for (architecture, (name, config, title)) in architectures.iter().zip(configs) {
        assert_eq!(architecture.name, name);
        assert_eq!(config.name(), title);
        architecture.is_that_of(&config);
    }
}

/// He et al. 2015, table 6: 0.27, 0.46, 0.66 and 0.85 million parameters.
#[test]
fn the_networks_of_cifar_have_the_papers_size() {
    let counts = [(3, 20, 0.27), (5, 32, 0.46), (7, 44, 0.66), (9, 56, 0.85)];
    for (blocks, depth, millions) in counts {
        let config = Config::cifar(blocks);
        assert_eq!(config.name(), format!("ResNet-{depth}"));
        assert_eq!(config.features(), 64);
        let ours = config.parameter_count() as f64 / 1e6;
        assert!((ours - millions).abs() < 0.006, "ResNet-{depth}: {ours} million");
    }
}

/// Numbers that do not go together are refused in words.
#[test]
fn impossible_architectures_are_refused() {
    let refusals = [
        (Config::resnet18().groups(2), "only bottlenecks"),
        (
            Config::resnet50().width(6).groups(4),
            "groups that divide 6 channels, got 4",
        ),
        (Config::resnet50().groups(0), "groups that divide"),
        (Config::resnet18().width(0), "width"),
        (Config::resnet18().width(3).stem(Stem::Deep), "an even width"),
        (
            Config::resnet50().shortcut(Shortcut::PaddedIdentity),
            "basic blocks only",
        ),
        (
            Config {
                blocks: [2, 0, 2, 2],
                ..Config::resnet18()
            },
            "no gap",
        ),
        (
            Config {
                blocks: [0; 4],
                ..Config::resnet18()
            },
            "blocks in layer1",
        ),
    ];
    for (config, words) in refusals {
        let error = ResNet::untrained(&config, 1).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}
