use candle_core::{Result, Tensor, bail};

use crate::ops::Window;
use crate::parameters::{self, Parameters};

/// What a residual block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Block {
    /// Two 3×3 convolutions: ResNet-18 and 34.
    Basic,
    /// 1×1, 3×3 and 1×1 convolutions, the last with four times the channels: ResNet-50, 101 and 152.
    Bottleneck,
}

impl Block {
    /// Output channels per plane: 1 or 4.
    pub const fn expansion(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck => 4,
        }
    }
}

/// What the image meets first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stem {
    /// 7×7 convolution with stride 2, then max pooling 3×3 with stride 2: for images of about 100 pixels and more.
    ImageNet,
    /// 3×3 convolution with stride 1 and no pooling: for the 32×32 images of CIFAR.
    Cifar,
}

impl Stem {
    /// The geometry of `conv1`.
    pub const fn convolution(self) -> Window {
        match self {
            Self::ImageNet => Window::new(7).stride(2).padding(3),
            Self::Cifar => Window::new(3).padding(1),
        }
    }

    /// The geometry of `maxpool`, if there is one.
    pub const fn pool(self) -> Option<Window> {
        match self {
            Self::ImageNet => Some(Window::new(3).stride(2).padding(1)),
            Self::Cifar => None,
        }
    }
}

/// The architecture of a ResNet: everything but its weights.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
    /// The kind of residual block.
    pub block: Block,
    /// Blocks in `layer1` to `layer4`.
    pub blocks: [usize; 4],
    /// Channels of the stem and planes of `layer1`; the following layers have 2, 4 and 8 times as many. 64 in the paper.
    pub width: usize,
    /// The first layers.
    pub stem: Stem,
    /// Outputs of `fc`.
    pub classes: usize,
}

impl Config {
    const fn imagenet(block: Block, blocks: [usize; 4]) -> Self {
        Self {
            block,
            blocks,
            width: 64,
            stem: Stem::ImageNet,
            classes: 1000,
        }
    }

    /// ResNet-18, as trained on ImageNet: width 64, 1000 classes.
    pub const fn resnet18() -> Self {
        Self::imagenet(Block::Basic, [2, 2, 2, 2])
    }

    /// ResNet-34, as trained on ImageNet.
    pub const fn resnet34() -> Self {
        Self::imagenet(Block::Basic, [3, 4, 6, 3])
    }

    /// ResNet-50, as trained on ImageNet.
    pub const fn resnet50() -> Self {
        Self::imagenet(Block::Bottleneck, [3, 4, 6, 3])
    }

    /// ResNet-101, as trained on ImageNet.
    pub const fn resnet101() -> Self {
        Self::imagenet(Block::Bottleneck, [3, 4, 23, 3])
    }

    /// ResNet-152, as trained on ImageNet.
    pub const fn resnet152() -> Self {
        Self::imagenet(Block::Bottleneck, [3, 8, 36, 3])
    }

    /// The same architecture with another width.
    pub const fn width(self, width: usize) -> Self {
        Self { width, ..self }
    }

    /// The same architecture with another stem.
    pub const fn stem(self, stem: Stem) -> Self {
        Self { stem, ..self }
    }

    /// The same architecture with another number of classes.
    pub const fn classes(self, classes: usize) -> Self {
        Self { classes, ..self }
    }

    /// `ResNet-18`, or the block counts where they are none of the paper's.
    pub fn name(&self) -> String {
        let depth = match (self.block, self.blocks) {
            (Block::Basic, [2, 2, 2, 2]) => 18,
            (Block::Basic, [3, 4, 6, 3]) => 34,
            (Block::Bottleneck, [3, 4, 6, 3]) => 50,
            (Block::Bottleneck, [3, 4, 23, 3]) => 101,
            (Block::Bottleneck, [3, 8, 36, 3]) => 152,
            (block, blocks) => return format!("ResNet ({block:?} blocks {blocks:?})"),
        };
        format!("ResNet-{depth}")
    }

    /// Channels that `fc` reads: those of `layer4`.
    pub const fn features(&self) -> usize {
        8 * self.width * self.block.expansion()
    }

    /// Every block in order.
    pub(crate) fn plan(&self) -> Vec<BlockPlan> {
        let mut plans = Vec::new();
        let mut inputs = self.width;
        for (layer, &count) in self.blocks.iter().enumerate() {
            let planes = self.width << layer;
            let outputs = planes * self.block.expansion();
            for index in 0..count {
                let stride = if index == 0 && layer > 0 { 2 } else { 1 };
                plans.push(BlockPlan {
                    layer: layer + 1,
                    index,
                    is_last: index + 1 == count,
                    stride,
                    inputs,
                    planes,
                    outputs,
                    // The skip needs a projection where the shapes on both sides differ.
                    projects: stride != 1 || inputs != outputs,
                });
                inputs = outputs;
            }
        }
        plans
    }

    /// Name and shape of everything a checkpoint holds, batch norm's running statistics included, in forward order.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut tensors = Vec::new();
        let mut convolution = |name: String, out: usize, input: usize, side: usize, norm: String| {
            tensors.push((format!("{name}.weight"), vec![out, input, side, side]));
            for part in ["weight", "bias", "running_mean", "running_var"] {
                tensors.push((format!("{norm}.{part}"), vec![out]));
            }
        };
        let side = self.stem.convolution().kernel;
        convolution("conv1".into(), self.width, 3, side, "bn1".into());
        for plan in self.plan() {
            let path = plan.path();
            for (index, conv) in plan.convolutions(self.block).into_iter().enumerate() {
                let (name, norm) = (format!("{path}.conv{}", index + 1), format!("{path}.bn{}", index + 1));
                convolution(name, conv.outputs, conv.inputs, conv.window.kernel, norm);
            }
            if plan.projects {
                let (name, norm) = (format!("{path}.downsample.0"), format!("{path}.downsample.1"));
                convolution(name, plan.outputs, plan.inputs, 1, norm);
            }
        }
        tensors.push(("fc.weight".into(), vec![self.classes, self.features()]));
        tensors.push(("fc.bias".into(), vec![self.classes]));
        tensors
    }

    /// Trainable parameters: weights and biases, without batch norm's running statistics.
    pub fn parameter_count(&self) -> usize {
        let trainable = self
            .tensors()
            .into_iter()
            .filter(|(name, _)| parameters::is_trained(name));
        trainable.map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// The architecture that a set of weights belongs to, read off the names and shapes.
    ///
    /// **Errors** if the names are not those of torchvision's (and timm's) ResNets.
    pub fn of(parameters: &Parameters) -> Result<Self> {
        let shape = |name: &str| match parameters.get(name).map(Tensor::dims) {
            Some(shape) if !shape.is_empty() => Ok(shape.to_vec()),
            _ => {
                let mut names: Vec<_> = parameters.keys().map(String::as_str).collect();
                names.sort_unstable();
                names.truncate(4);
                bail!(
                    "expected the weights of a ResNet with torchvision's names, but there is no {name:?}; \
                     the first of {} names: {}",
                    parameters.len(),
                    names.join(", ")
                )
            }
        };
        let conv1 = shape("conv1.weight")?;
        let fc = shape("fc.weight")?;
        let is_bottleneck = parameters.contains_key("layer1.0.conv3.weight");
        let count = |layer: usize| {
            (0..)
                .take_while(|i| parameters.contains_key(&format!("layer{layer}.{i}.conv1.weight")))
                .count()
        };
        Ok(Self {
            block: if is_bottleneck { Block::Bottleneck } else { Block::Basic },
            blocks: [count(1), count(2), count(3), count(4)],
            width: conv1[0],
            stem: if conv1.last() == Some(&7) {
                Stem::ImageNet
            } else {
                Stem::Cifar
            },
            classes: fc[0],
        })
    }
}

/// One residual block's place and sizes.
#[derive(Debug, Clone)]
pub(crate) struct BlockPlan {
    pub layer: usize,
    pub index: usize,
    pub is_last: bool,
    pub stride: usize,
    pub inputs: usize,
    pub planes: usize,
    pub outputs: usize,
    pub projects: bool,
}

/// One convolution of a block's branch.
pub(crate) struct ConvolutionPlan {
    pub inputs: usize,
    pub outputs: usize,
    pub window: Window,
}

impl BlockPlan {
    /// `layer2.0`
    pub fn path(&self) -> String {
        format!("layer{}.{}", self.layer, self.index)
    }

    /// The branch's convolutions. A bottleneck strides in its 3×3 convolution, as torchvision does; the paper strides
    /// in the first 1×1.
    pub fn convolutions(&self, block: Block) -> Vec<ConvolutionPlan> {
        let plan = |inputs, outputs, window| ConvolutionPlan {
            inputs,
            outputs,
            window,
        };
        let three = Window::new(3).padding(1);
        match block {
            Block::Basic => vec![
                plan(self.inputs, self.planes, three.stride(self.stride)),
                plan(self.planes, self.outputs, three),
            ],
            Block::Bottleneck => vec![
                plan(self.inputs, self.planes, Window::new(1)),
                plan(self.planes, self.planes, three.stride(self.stride)),
                plan(self.planes, self.outputs, Window::new(1)),
            ],
        }
    }
}
