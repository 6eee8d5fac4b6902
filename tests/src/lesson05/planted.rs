//! A network whose answer is known pixel by pixel.

use candle_core::{DType, Device, Result, Tensor};
use resnet::{Block, Config, Parameters, ResNet, Stem, parameters};

pub const GREY: [f32; 3] = [0.5; 3];
pub const BLACK: [f32; 3] = [0.0; 3];
pub const RED: [f32; 3] = [1.0, 0.0, 0.0];
pub const BLUE: [f32; 3] = [0.0, 0.0, 1.0];

/// What a step of 1 in a pixel's red, green or blue is divided by when an image is normalized.
pub const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// A ResNet of one block, on images of `height`×`width`:
///
/// ```text
/// logit 0 = gain · Σ relu(red − green − threshold)  over the pixels, in [0, 1]
/// logit 1 = gain · Σ relu(blue − green − threshold)
/// ```
/// So each pixel counts by itself, and what is neither red nor blue counts nothing.
pub fn counts(height: usize, width: usize, gain: f64, threshold: f32) -> ResNet {
    let config = Config {
        block: Block::Basic,
        blocks: [1, 0, 0, 0],
        stem: Stem::Cifar,
        ..Config::resnet18().width(2).classes(2)
    };
    planted(&config, (height * width) as f64 * gain, threshold).expect("weights of this architecture")
}

fn planted(config: &Config, gain: f64, threshold: f32) -> Result<ResNet> {
    let mut weights: Parameters = parameters::initialize(config, 0)?;
    for name in ["layer1.0.conv1.weight", "layer1.0.conv2.weight"] {
        let zeros = weights[name].zeros_like()?;
        weights.insert(name.into(), zeros);
    }
    // What a normalized pixel is worth in [0, 1]: the normalization of a black and of a white one tells.
    let constants = |value: f32| -> Result<Vec<f32>> {
        let pixel = Tensor::full(value, (1, 3, 1, 1), &Device::Cpu)?;
        resnet::normalize(&pixel)?.flatten_all()?.to_vec1()
    };
    let (black, white) = (constants(0.0)?, constants(1.0)?);
    let scale = |colour: usize| 1.0 / (white[colour] - black[colour]);
    let shift = |colour: usize| -black[colour] * scale(colour);
    let mut kernels = vec![0f32; 2 * 3 * 9];
    let mut biases = vec![];
    for (channel, colour) in [0, 2].into_iter().enumerate() {
        let middle = |of: usize| (channel * 3 + of) * 9 + 4;
        kernels[middle(colour)] = scale(colour);
        kernels[middle(1)] = -scale(1);
        biases.push(shift(colour) - shift(1) - threshold);
    }
    let mut put = |name: &str, values: Vec<f32>, shape: &[usize]| -> Result<()> {
        weights.insert(name.into(), Tensor::from_vec(values, shape, &Device::Cpu)?);
        Ok(())
    };
    put("conv1.weight", kernels, &[2, 3, 3, 3])?;
    put("bn1.weight", vec![(1.0f32 + 1e-5).sqrt(); 2], &[2])?;
    put("bn1.bias", biases, &[2])?;
    put("fc.weight", vec![gain as f32, 0.0, 0.0, gain as f32], &[2, 2])?;
    put("fc.bias", vec![0.0; 2], &[2])?;
    ResNet::new(config, &weights)
}

/// An image of one colour with pixels of others, normalized: `[1, 3, height, width]`.
pub fn picture(height: usize, width: usize, ground: [f32; 3], others: &[(usize, usize, [f32; 3])]) -> Tensor {
    let mut values = vec![0f32; 3 * height * width];
    let mut paint = |row: usize, column: usize, colour: [f32; 3]| {
        for (channel, value) in colour.into_iter().enumerate() {
            values[(channel * height + row) * width + column] = value;
        }
    };
    for pixel in 0..height * width {
        paint(pixel / width, pixel % width, ground);
    }
    for &(row, column, colour) in others {
        paint(row, column, colour);
    }
    let image = Tensor::from_vec(values, (1, 3, height, width), &Device::Cpu);
    let image = image.and_then(|image| image.to_dtype(DType::F32));
    image.and_then(|image| resnet::normalize(&image)).expect("an image")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_planted_network_counts() -> Result<()> {
        let network = counts(4, 6, 0.5, 0.25);
        let image = picture(
            4,
            6,
            GREY,
            &[(0, 0, RED), (3, 5, RED), (1, 2, BLUE), (2, 2, [0.0, 1.0, 0.0])],
        );
        let logits = network.forward(&image)?.to_vec2::<f32>()?;
        for (logit, expected) in logits[0].iter().zip([2.0 * 0.5 * 0.75, 0.5 * 0.75]) {
            assert!((logit - expected).abs() < 1e-5, "{logits:?}");
        }
        Ok(())
    }
}
