use resnet::{Block, Config, Stem};

use crate::inputs::Random;
use crate::{Exam, Hazard::*, Slip, Wrong, slip, wrong};

/// `solution01::parameter_count`
pub type ParameterCount = fn(&Config) -> usize;

/// The attempt at 1.7 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex1_7 {
    ($lesson:ident) => {
        $lesson::parameter_count
    };
}

const SOLUTION: ParameterCount = ex1_7!(solution01);

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    ConvolutionBiases,
    RunningStatistics,
    NoBatchNorms,
    OneNumberPerChannel,
    NoProjections,
    ProjectionInEveryStage,
    ProjectionOnlyWithStride,
    NoProjectionNorm,
    NoClassifierBias,
    SquareKernelForgotten,
}

/// Adds up the parts one by one, with one fault.
fn count(config: &Config, fault: Fault) -> usize {
    let norm = |channels: usize| match fault {
        Fault::NoBatchNorms => 0,
        Fault::OneNumberPerChannel => channels,
        Fault::RunningStatistics => 4 * channels,
        _ => 2 * channels,
    };
    let conv = |input: usize, output: usize, side: usize| {
        let area = if fault == Fault::SquareKernelForgotten {
            side
        } else {
            side * side
        };
        let bias = if fault == Fault::ConvolutionBiases { output } else { 0 };
        input * output * area + bias
    };
    let stem_side = if config.stem == Stem::ImageNet { 7 } else { 3 };
    let mut total = conv(3, config.width, stem_side) + norm(config.width);
    let mut input = config.width;
    for (stage, blocks) in config.blocks.into_iter().enumerate() {
        let middle = config.width << stage;
        let output = middle * config.block.expansion();
        for block in 0..blocks {
            total += match config.block {
                Block::Basic => conv(input, middle, 3) + conv(middle, middle, 3) + 2 * norm(middle),
                Block::Bottleneck => {
                    let convolutions = conv(input, middle, 1) + conv(middle, middle, 3) + conv(middle, output, 1);
                    convolutions + 2 * norm(middle) + norm(output)
                }
            };
            let projects = match fault {
                Fault::NoProjections => false,
                Fault::ProjectionInEveryStage => block == 0,
                Fault::ProjectionOnlyWithStride => block == 0 && stage > 0,
                _ => input != output,
            };
            if projects {
                let norm = if fault == Fault::NoProjectionNorm {
                    0
                } else {
                    norm(output)
                };
                total += conv(input, output, 1) + norm;
            }
            input = output;
        }
    }
    let bias = if fault == Fault::NoClassifierBias {
        0
    } else {
        config.classes
    };
    total + input * config.classes + bias
}

const WRONG: &[Wrong<ParameterCount>] = &[
    wrong(
        "biases on convolutions",
        "You counted a bias for every convolution. The batch norm after it subtracts the mean, so a bias would do \
         nothing, and there is none.",
        |c| count(c, Fault::ConvolutionBiases),
    ),
    wrong(
        "running statistics",
        "You counted the running mean and variance. They are measured, not trained: a batch norm has two parameters \
         per channel.",
        |c| count(c, Fault::RunningStatistics),
    ),
    wrong(
        "no batch norms",
        "The batch norms are missing: two parameters per channel after every convolution.",
        |c| count(c, Fault::NoBatchNorms),
    ),
    wrong(
        "one number per channel",
        "A batch norm has a scale and a shift: two parameters per channel.",
        |c| count(c, Fault::OneNumberPerChannel),
    ),
    wrong(
        "no projections",
        "The projections are missing: the first block of a stage whose output has other channels than its input has a \
         1×1 convolution and a batch norm in its shortcut.",
        |c| count(c, Fault::NoProjections),
    ),
    wrong(
        "projection in every stage",
        "You gave every stage a projection. In ResNet-18 layer1 goes from 64 to 64 channels: its shortcut is x itself.",
        |c| count(c, Fault::ProjectionInEveryStage),
    ),
    wrong(
        "projection only with a stride",
        "You projected only where the size is halved. In ResNet-50 layer1.0 goes from 64 to 256 channels at full \
         size, and needs a projection too.",
        |c| count(c, Fault::ProjectionOnlyWithStride),
    ),
    wrong(
        "projection without its batch norm",
        "The projection's own batch norm, downsample.1, is missing.",
        |c| count(c, Fault::NoProjectionNorm),
    ),
    wrong(
        "no bias in fc",
        "fc has a bias, one per class: no batch norm follows it.",
        |c| count(c, Fault::NoClassifierBias),
    ),
    wrong("k instead of k²", "A kernel is k by k: in · out · k².", |c| {
        count(c, Fault::SquareKernelForgotten)
    }),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<ParameterCount>] = &[
    slip(Combined, "bottlenecks always behind the ImageNet stem", |f| {
        *f = |c| match c.block {
            Block::Bottleneck => count(&c.clone().stem(Stem::ImageNet), Fault::None),
            Block::Basic => count(c, Fault::None),
        }
    }),
    slip(Scale, "counted in f32", |f| {
        *f = |c| count(c, Fault::None) as f32 as usize
    }),
    slip(Empty, "always the channels of a fourth stage", |f| {
        *f = |c| match c.blocks[3] {
            0 => count(c, Fault::None) + 4 * c.width * c.block.expansion() * c.classes,
            _ => count(c, Fault::None),
        }
    }),
];

/// 1.7
pub fn parameter_count(seed: u64) -> Exam<ParameterCount> {
    hazards(seed, basics(seed, answers()))
}

/// Right answers and wrong ones.
fn answers() -> Exam<ParameterCount> {
    Exam::new("1.7", SOLUTION)
        .mistakes(WRONG)
        .alternative("part by part", |c| count(c, Fault::None))
        .alternative("the shapes of a checkpoint", |c| {
            let learned = c.tensors().into_iter().filter(|(name, _)| !name.contains("running"));
            learned.map(|(_, shape)| shape.iter().product::<usize>()).sum()
        })
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<ParameterCount>) -> Exam<ParameterCount> {
    let mut random = Random::new(seed, 17);
    let mut blocks = || [1, 2, 3, 4].map(|most| random.count(1, most));
    let (basic, deep) = (blocks(), blocks());
    let width = random.count(2, 20);
    let classes = random.count(2, 100);
    let basic = Config {
        blocks: basic,
        ..Config::resnet18()
    }
    .width(width)
    .classes(classes)
    .stem(Stem::Cifar);
    let deep = Config {
        blocks: deep,
        ..Config::resnet50()
    }
    .width(width)
    .classes(classes);

    exam.truth(
        "one basic block per stage, width 1, CIFAR stem, 1 class",
        1_320usize,
        |f| {
            f(&Config {
                blocks: [1; 4],
                ..Config::resnet18()
            }
            .width(1)
            .classes(1)
            .stem(Stem::Cifar))
        },
    )
    .because(
        "The stem has 27 + 2; the blocks 22, 62, 232 and 896; the projections of the last three 6, 16 and 48; \
             fc 8 + 1.",
    )
    .case(
        format!(
            "{:?} basic blocks, width {width}, CIFAR stem, {classes} classes",
            basic.blocks
        ),
        move |f| f(&basic),
    )
    .because(
        "Two 3×3 convolutions in each block, from in and from m to m channels, each with its batch norm; a projection \
         where in and m differ.",
    )
    .case(
        format!("{:?} bottlenecks, width {width}, {classes} classes", deep.blocks),
        move |f| f(&deep),
    )
    .because(
        "A bottleneck: in → m, 1×1; m → m, 3×3; m → 4m, 1×1, each with its batch norm. The first block of every stage, \
         the first stage too, has a projection in → 4m.",
    )
    .truth("ResNet-18", 11_689_512usize, |f| f(&Config::resnet18()))
    .because("The stem has 9,536; the stages 147,968, 525,568, 2,099,712 and 8,393,728; fc 513,000.")
    .truth("ResNet-34", 21_797_672usize, |f| f(&Config::resnet34()))
    .because("The stem has 9,536; the stages 221,952, 1,116,416, 6,822,400 and 13,114,368; fc 513,000.")
    .truth("ResNet-50", 25_557_032usize, |f| f(&Config::resnet50()))
    .because("The stem has 9,536; the stages 215,808, 1,219,584, 7,098,368 and 14,964,736; fc 2,049,000.")
    .truth("ResNet-101", 44_549_160usize, |f| f(&Config::resnet101()))
    .because("The stem has 9,536; the stages 215,808, 1,219,584, 26,090,496 and 14,964,736; fc 2,049,000.")
    .truth("ResNet-152", 60_192_808usize, |f| f(&Config::resnet152()))
    .because("The stem has 9,536; the stages 215,808, 2,339,840, 40,613,888 and 14,964,736; fc 2,049,000.")
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<ParameterCount>) -> Exam<ParameterCount> {
    let mut random = Random::new(seed, 117);
    let (width, classes) = (random.count(2, 20), random.count(2, 100));
    let small = |config: Config| config.width(width).classes(classes);
    let tensors = |config: &Config| -> usize {
        let learned = config
            .tensors()
            .into_iter()
            .filter(|(name, _)| !name.contains("running"));
        learned.map(|(_, shape)| shape.iter().product::<usize>()).sum()
    };
    let deep = small(Config {
        blocks: [2, 1, 1, 1],
        ..Config::resnet50()
    })
    .stem(Stem::Cifar);
    let basic = small(Config {
        blocks: [1, 1, 2, 1],
        ..Config::resnet18()
    });
    let three = small(Config {
        blocks: [1, 2, 1, 0],
        ..Config::resnet18()
    });
    exam.truth(
        format!("bottlenecks with the CIFAR stem, width {width}, {classes} classes"),
        tensors(&deep),
        move |f| f(&deep),
    )
    .because("The expected count is that of a checkpoint's tensors.")
    .holds(Combined)
    .truth(
        format!("basic blocks with the ImageNet stem, width {width}, {classes} classes"),
        tensors(&basic),
        move |f| f(&basic),
    )
    .because("The expected count is that of a checkpoint's tensors.")
    .truth(
        format!("basic blocks [1, 2, 1, 0], width {width}, {classes} classes"),
        tensors(&three),
        move |f| f(&three),
    )
    .because("There is no fourth stage: fc gets the channels of the third.")
    .holds(Empty)
    .truth("ResNet-34, width 65", 22_475_595usize, |f| {
        f(&Config::resnet34().width(65))
    })
    .because("Count in whole numbers: an f32 has 24 bits, and cannot hold an odd number as large as this.")
    .holds(Scale)
    .proofs(SOLUTION, PROOFS)
    .spared(
        &[
            NotContiguous,
            Batch,
            Sizes,
            Sign,
            Ties,
            Names,
            NotFinite,
            Returned,
            Wiring,
            Errors,
        ],
        "a description of a network in, one whole number out",
    )
}
