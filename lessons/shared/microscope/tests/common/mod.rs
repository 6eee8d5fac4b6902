//! Networks whose every unit is known.
#![allow(dead_code, reason = "not every test needs all of it")]

use candle_core::{Device, Tensor};
use microscope::Subject;
use resnet::{Config, Parameters, ResNet, parameters};
use scenes::Shape;

/// A small network of the course's architecture.
pub fn config() -> Config {
    Config::resnet18().width(4).classes(Shape::COUNT)
}

/// All convolutions and `fc` zero, all batch norms doing nothing: each block hands on what its shortcut brings.
pub fn blank() -> Parameters {
    let all = parameters::initialize(&config(), 1).unwrap();
    let blank = |(name, tensor): (String, Tensor)| {
        let is_factor = name.ends_with("running_var") || (tensor.rank() == 1 && name.ends_with(".weight"));
        let value = if is_factor { 1f32 } else { 0.0 };
        (name, Tensor::full(value, tensor.shape(), &Device::Cpu).unwrap())
    };
    all.into_iter().map(blank).collect()
}

/// Sets one number of a tensor.
pub fn set(parameters: &mut Parameters, name: &str, place: &[usize], value: f32) {
    let tensor = &parameters[name];
    let shape = tensor.shape().clone();
    let mut values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let at = place
        .iter()
        .zip(shape.dims())
        .fold(0, |at, (index, side)| at * side + index);
    values[at] = value;
    parameters.insert(name.into(), Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
}

/// By how much red exceeds green and half of blue, in units of the picture's values, where the planted unit begins to
/// answer. Only the bright tone of red reaches it: orange has 0.41, the deep tone of red 0.36.
pub const REDDER_THAN: f32 = 0.55;
/// The weight of the planted unit in the logit of "disc", and what the logit of "ring" is always.
pub const PULL: f32 = 10.0;
pub const OTHER: f32 = 0.02;

/// Unit 0 of every stage answers to pixels that are much redder than blue and green; all other units are dead.
pub fn red_network() -> ResNet {
    let mut p = blank();
    // The image comes in normalized: (value − mean) / deviation.
    for (channel, part) in [1.0, -1.0, -0.5].into_iter().enumerate() {
        set(
            &mut p,
            "conv1.weight",
            &[0, channel, 3, 3],
            part * resnet::PIXEL_DEVIATION[channel],
        );
    }
    let mean = resnet::PIXEL_MEAN;
    set(
        &mut p,
        "bn1.bias",
        &[0],
        mean[0] - mean[1] - 0.5 * mean[2] - REDDER_THAN,
    );
    for stage in 2..=4 {
        set(
            &mut p,
            &format!("layer{stage}.0.downsample.0.weight"),
            &[0, 0, 0, 0],
            1.0,
        );
    }
    set(&mut p, "fc.weight", &[Shape::Disc.index(), 0], PULL);
    set(&mut p, "fc.bias", &[Shape::Ring.index()], OTHER);
    ResNet::new(&config(), &p).unwrap()
}

pub fn subject(network: ResNet, name: &str) -> Subject {
    let classes = Shape::ALL.map(|shape| shape.name().to_string()).into();
    Subject::new(network, name, name, classes, true, 128).unwrap()
}
