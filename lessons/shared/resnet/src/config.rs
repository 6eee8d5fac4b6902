use candle_core::{Result, Tensor, bail};

use crate::ops::Window;
use crate::parameters::{self, Parameters};
use crate::plan::{BlockPlan, StemPlan};
use crate::sites;

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
    /// Three 3×3 convolutions, the first with stride 2 and the first two with half the channels, then ImageNet's max
    /// pooling: timm's deep stem (`resnet18d`, `resnet50d`).
    Deep,
}

impl Stem {
    /// The geometry of `conv1`; of the deep stem's first convolution, which the two others follow with stride 1.
    pub const fn convolution(self) -> Window {
        match self {
            Self::ImageNet => Window::new(7).stride(2).padding(3),
            Self::Cifar => Window::new(3).padding(1),
            Self::Deep => Window::new(3).stride(2).padding(1),
        }
    }

    /// The geometry of `maxpool`, if there is one.
    pub const fn pool(self) -> Option<Window> {
        match self {
            Self::ImageNet | Self::Deep => Some(Window::new(3).stride(2).padding(1)),
            Self::Cifar => None,
        }
    }

    /// Every convolution with the batch norm and the ReLU behind it.
    pub(crate) fn plan(self, width: usize) -> Vec<StemPlan> {
        let plan = |names: [&'static str; 3], inputs, outputs, window| StemPlan {
            names,
            inputs,
            outputs,
            window,
        };
        let last = ["conv1", "bn1", "relu"];
        match self {
            Self::ImageNet | Self::Cifar => vec![plan(last, 3, width, self.convolution())],
            Self::Deep => {
                let three = Window::new(3).padding(1);
                vec![
                    plan(["conv1.0", "conv1.1", "conv1.2"], 3, width / 2, self.convolution()),
                    plan(["conv1.3", "conv1.4", "conv1.5"], width / 2, width / 2, three),
                    plan(["conv1.6", "bn1", "relu"], width / 2, width, three),
                ]
            }
        }
    }
}

/// What the skip of a block does where the shapes on both sides of the branch differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shortcut {
    /// A 1×1 convolution with the block's stride, and batch norm: torchvision's networks.
    Projection,
    /// The average of 2×2 pixels where the block has a stride, then a 1×1 convolution with stride 1, and batch norm: timm's
    /// networks with a `d`.
    AveragedProjection,
    /// Every second pixel, between channels of zeros; nothing to learn. Option A of He et al. 2015 for CIFAR-10.
    PaddedIdentity,
}

/// The architecture of a ResNet: everything but its weights.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Config {
    /// The kind of residual block.
    pub block: Block,
    /// Blocks in `layer1` to `layer4`; no `layer4` if there are 0, as in the ResNets that He et al. made for CIFAR-10.
    pub blocks: [usize; 4],
    /// Channels of the stem and planes of `layer1`; the following layers have 2, 4 and 8 times as many. 64 in the paper.
    pub width: usize,
    /// The first layers.
    pub stem: Stem,
    /// What a skip does where it cannot be the identity.
    pub shortcut: Shortcut,
    /// Groups of a bottleneck's 3×3 convolution: 1, or 32 and 64 in the ResNeXts.
    pub groups: usize,
    /// Channels of a bottleneck's 3×3 convolution for each plane: 1, or 2 in a Wide ResNet-50-2 and a ResNeXt-50 32×4d.
    pub widening: usize,
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
            shortcut: Shortcut::Projection,
            groups: 1,
            widening: 1,
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

    /// ResNeXt-50 32×4d, as trained on ImageNet.
    pub const fn resnext50_32x4d() -> Self {
        Self::resnet50().groups(32).widening(2)
    }

    /// ResNeXt-101 32×8d, as trained on ImageNet.
    pub const fn resnext101_32x8d() -> Self {
        Self::resnet101().groups(32).widening(4)
    }

    /// ResNeXt-101 64×4d, as trained on ImageNet.
    pub const fn resnext101_64x4d() -> Self {
        Self::resnet101().groups(64).widening(4)
    }

    /// Wide ResNet-50-2, as trained on ImageNet.
    pub const fn wide_resnet50_2() -> Self {
        Self::resnet50().widening(2)
    }

    /// Wide ResNet-101-2, as trained on ImageNet.
    pub const fn wide_resnet101_2() -> Self {
        Self::resnet101().widening(2)
    }

    /// The ResNets that He et al. 2015 made for CIFAR-10: three layers of `blocks` basic blocks, width 16, depth 6 · `blocks` + 2.
    /// ResNet-20, 32, 44 and 56 have 3, 5, 7 and 9.
    pub const fn cifar(blocks: usize) -> Self {
        Self {
            width: 16,
            stem: Stem::Cifar,
            shortcut: Shortcut::PaddedIdentity,
            classes: 10,
            ..Self::imagenet(Block::Basic, [blocks, blocks, blocks, 0])
        }
    }

    /// The same architecture with another width.
    pub const fn width(self, width: usize) -> Self {
        Self { width, ..self }
    }

    /// The same architecture with another stem.
    pub const fn stem(self, stem: Stem) -> Self {
        Self { stem, ..self }
    }

    /// The same architecture with another shortcut.
    pub const fn shortcut(self, shortcut: Shortcut) -> Self {
        Self { shortcut, ..self }
    }

    /// The same architecture with another number of groups.
    pub const fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// The same architecture with another number of channels in a bottleneck.
    pub const fn widening(self, widening: usize) -> Self {
        Self { widening, ..self }
    }

    /// The same architecture with another number of classes.
    pub const fn classes(self, classes: usize) -> Self {
        Self { classes, ..self }
    }

    /// `ResNet-18`, `ResNeXt-50 32×4d`, `Wide ResNet-50-2`, `ResNet-18-D`; the block counts where they are no paper's.
    pub fn name(&self) -> String {
        let depth = match (self.block, self.blocks) {
            (Block::Basic, [2, 2, 2, 2]) => 18,
            (Block::Basic, [3, 4, 6, 3]) => 34,
            (Block::Bottleneck, [3, 4, 6, 3]) => 50,
            (Block::Bottleneck, [3, 4, 23, 3]) => 101,
            (Block::Bottleneck, [3, 8, 36, 3]) => 152,
            (Block::Basic, [a, b, c, 0]) if a == b && b == c && a > 0 => 6 * a + 2,
            (block, blocks) => return format!("ResNet ({block:?} blocks {blocks:?})"),
        };
        let deep = if self.stem == Stem::Deep { "-D" } else { "" };
        match (self.groups, self.widening) {
            (1, 1) => format!("ResNet-{depth}{deep}"),
            (1, widening) => format!("Wide ResNet-{depth}-{widening}{deep}"),
            (groups, widening) => {
                let each = widening * self.width / groups.max(1);
                format!("ResNeXt-{depth} {groups}×{each}d{deep}")
            }
        }
    }

    /// Channels that `fc` reads: those of the last layer.
    pub const fn features(&self) -> usize {
        let mut last = 3;
        while last > 0 && self.blocks[last] == 0 {
            last -= 1;
        }
        (self.width << last) * self.block.expansion()
    }

    /// Whether such a network can be built.
    ///
    /// **Errors** say which numbers do not go together.
    pub fn check(&self) -> Result<()> {
        const WIDEST: usize = 1 << 16;
        let Self {
            width,
            groups,
            widening,
            blocks,
            ..
        } = *self;
        if !(1..=WIDEST).contains(&width) || !(1..=WIDEST).contains(&widening) || !(1..=WIDEST).contains(&self.classes)
        {
            bail!(
                "expected width, widening and classes of 1 to {WIDEST}, got {width}, {widening} and {}",
                self.classes
            )
        }
        if blocks[0] == 0 || blocks.windows(2).any(|pair| pair[0] == 0 && pair[1] > 0) {
            bail!("expected blocks in layer1 and no gap behind it, got {blocks:?}")
        }
        if self.block == Block::Basic && (groups, widening) != (1, 1) {
            bail!(
                "basic blocks have one group and no widening, got {groups} and {widening}: only bottlenecks have them"
            )
        }
        if groups == 0 || !(widening * width).is_multiple_of(groups) {
            bail!(
                "expected groups that divide {} channels, got {groups}",
                widening * width
            )
        }
        if self.stem == Stem::Deep && !width.is_multiple_of(2) {
            bail!("expected an even width for the deep stem, got {width}")
        }
        if self.shortcut == Shortcut::PaddedIdentity && self.block == Block::Bottleneck {
            bail!("a padded identity is known for basic blocks only")
        }
        Ok(())
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
                    inner: planes * self.widening,
                    groups: self.groups,
                    outputs,
                    // The skip can be the identity where the shapes on both sides agree.
                    shortcut: (stride != 1 || inputs != outputs).then_some(self.shortcut),
                });
                inputs = outputs;
            }
        }
        plans
    }

    /// Name and shape of everything a checkpoint holds, batch norm's running statistics included, in forward order.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let mut tensors = Vec::new();
        let mut convolution = |name: String, out: usize, inputs: usize, side: usize, norm: String| {
            tensors.push((format!("{name}.weight"), vec![out, inputs, side, side]));
            for part in ["weight", "bias", "running_mean", "running_var"] {
                tensors.push((format!("{norm}.{part}"), vec![out]));
            }
        };
        for StemPlan {
            names: [name, norm, _],
            inputs,
            outputs,
            window,
        } in self.stem.plan(self.width)
        {
            convolution(name.into(), outputs, inputs, window.kernel, norm.into());
        }
        for plan in self.plan() {
            let path = plan.path();
            for (index, conv) in plan.convolutions(self.block).into_iter().enumerate() {
                let (name, norm) = (format!("{path}.conv{}", index + 1), format!("{path}.bn{}", index + 1));
                convolution(name, conv.outputs, conv.inputs / conv.groups, conv.window.kernel, norm);
            }
            if let Some([name, norm]) = plan.projection() {
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
            Some(shape) if !shape.is_empty() => Ok(shape),
            _ => {
                let names: Vec<_> = parameters.keys().cloned().collect();
                bail!(
                    "expected the weights of a ResNet with torchvision's names, but there is no {name:?}; \
                     the nearest of {} names: {}",
                    names.len(),
                    sites::nearest(&names, name)
                )
            }
        };
        let has = |name: &str| parameters.contains_key(name);
        let (stem, width) = if has("conv1.6.weight") {
            (Stem::Deep, shape("conv1.6.weight")?[0])
        } else {
            match shape("conv1.weight")? {
                [width, .., 7] => (Stem::ImageNet, *width),
                other => (Stem::Cifar, other[0]),
            }
        };
        let count = |layer: usize| {
            (0..)
                .take_while(|block| has(&format!("layer{layer}.{block}.conv1.weight")))
                .count()
        };
        let blocks = [1, 2, 3, 4].map(count);
        let classes = shape("fc.weight")?[0];

        let block = if has("layer1.0.conv3.weight") {
            Block::Bottleneck
        } else {
            Block::Basic
        };
        // A ratio that is no whole number is none of these networks': `verify` says which shapes differ.
        let ratio = |larger: usize, smaller: usize| match larger.checked_rem(smaller) {
            Some(0) => (larger / smaller).max(1),
            _ => 1,
        };
        let (groups, widening) = match (block, parameters.get("layer1.0.conv2.weight").map(Tensor::dims)) {
            (Block::Bottleneck, Some(&[inner, per_group, ..])) => (ratio(inner, per_group), ratio(inner, width)),
            _ => (1, 1),
        };
        let skips = |part: &str| {
            let names = (1..=4).map(|layer| format!("layer{layer}.0.downsample.{part}.weight"));
            names
                .filter_map(|name| parameters.get(&name))
                .any(|tensor| tensor.rank() == 4)
        };
        let shortcut = if skips("1") {
            Shortcut::AveragedProjection
        } else if blocks[3] == 0 && block == Block::Basic && !skips("0") {
            Shortcut::PaddedIdentity
        } else {
            Shortcut::Projection
        };
        let config = Self {
            block,
            blocks,
            width,
            stem,
            shortcut,
            groups,
            widening,
            classes,
        };
        config.check()?;
        Ok(config)
    }
}
