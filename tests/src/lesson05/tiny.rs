//! Small networks to try an attempt on.

use candle_core::{DType, Result, Tensor};
use resnet::{Config, Parameters, ResNet, Stem, parameters};

use crate::inputs::Random;

/// ResNet-18 of width 4 with three classes and random weights, statistics and biases: nothing in it is 0 or 1.
pub fn network(random: &mut Random) -> ResNet {
    of(&Config::resnet18().width(4).classes(3), random)
}

/// The same of width 2 with the CIFAR stem: small enough to move every pixel of an image by hand.
pub fn smallest(random: &mut Random) -> ResNet {
    let config = Config {
        stem: Stem::Cifar,
        ..Config::resnet18().width(2).classes(3)
    };
    of(&config, random)
}

/// ResNet-50 of width 2: its blocks have three convolutions and three ReLUs, and every batch norm turns the sign of its
/// second channel.
pub fn bottlenecks(random: &mut Random) -> ResNet {
    let network = of(&Config::resnet50().width(2).classes(3).stem(Stem::Cifar), random);
    let turned = |(name, weight): (&String, &Tensor)| {
        let mut values = match weight.rank() {
            1 if name.ends_with("weight") => weight.to_vec1::<f32>()?,
            _ => return Ok((name.clone(), weight.clone())),
        };
        values[1] *= -1.0;
        Ok((name.clone(), Tensor::new(values, weight.device())?))
    };
    let weights = network.parameters().iter().map(turned).collect::<Result<Parameters>>();
    weights
        .and_then(|weights| ResNet::new(network.config(), &weights))
        .expect("weights of this architecture")
}

fn of(config: &Config, random: &mut Random) -> ResNet {
    let seed = random.count(0, 1 << 30) as u64;
    let mut weights = parameters::initialize(config, seed).expect("a valid architecture");
    let mut names: Vec<String> = weights.keys().cloned().collect();
    names.sort_unstable();
    for name in names {
        let shape = weights[&name].shape().clone();
        if shape.rank() == 1 {
            let (low, high) = match name.as_str() {
                name if name.ends_with("running_var") => (0.8, 1.6),
                name if name.ends_with("weight") => (0.7, 1.3),
                _ => (-0.2, 0.2),
            };
            weights.insert(name, random.between(low, high, shape));
        }
    }
    ResNet::new(config, &weights).expect("weights of this architecture")
}

/// The same network in another type, for finite differences.
pub fn in_f64(network: &ResNet) -> Result<ResNet> {
    let weights = network.parameters().iter();
    let weights: Parameters = weights
        .map(|(name, weight)| Ok((name.clone(), weight.to_dtype(DType::F64)?)))
        .collect::<Result<_>>()?;
    ResNet::new(network.config(), &weights)
}

/// The logit of each image's class, one by one.
pub fn logits_of(logits: &Tensor, classes: &[u32]) -> Result<Vec<Tensor>> {
    let each = classes.iter().enumerate();
    each.map(|(image, &class)| logits.get(image)?.get(class as usize))
        .collect()
}
