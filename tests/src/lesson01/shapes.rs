use candle_core::{Device, Result, Tensor};
use resnet::{Config, ResNet, Stem, Window};

use crate::inputs::Random;
use crate::{Exam, Hazard::*, Observed, Slip, Wrong, slip, wrong};

/// `solution01::shape_table`
pub type ShapeTable = fn(&Config, [usize; 4]) -> Result<Rows>;

/// The attempt at 1.6 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex1_6 {
    ($lesson:ident) => {
        $lesson::shape_table
    };
}

const SOLUTION: ShapeTable = ex1_6!(solution01);

/// Name and shape of each layer's output.
pub type Rows = Vec<(String, Vec<usize>)>;

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    RoundedDown,
    NoPool,
    StrideInStageOne,
    StrideInEveryBlock,
    StrideOneEverywhere,
    NoExpansion,
    ChannelsPerBlock,
    BatchOfOne,
    OneRowPerStage,
}

/// The table written with a small step function, and with one fault.
fn table(config: &Config, images: [usize; 4], fault: Fault) -> Result<Rows> {
    let [batch, _, mut height, mut width] = images;
    let batch = if fault == Fault::BatchOfOne { 1 } else { batch };
    let size = |n: usize, window: Window| match fault {
        Fault::RoundedDown if window.stride == 2 => Ok(n / 2),
        _ => solution01::output_size(n, window),
    };
    let mut rows = Rows::new();
    let mut add = |name: String, window: Window, channels: usize| -> Result<()> {
        (height, width) = (size(height, window)?, size(width, window)?);
        rows.push((name, vec![batch, channels, height, width]));
        Ok(())
    };
    add("conv1".into(), config.stem.convolution(), config.width)?;
    if let (Some(pool), true) = (config.stem.pool(), fault != Fault::NoPool) {
        add("maxpool".into(), pool, config.width)?;
    }
    let expansion = if fault == Fault::NoExpansion {
        1
    } else {
        config.block.expansion()
    };
    let mut channels = 0;
    let mut number = 0;
    for (stage, blocks) in config.blocks.into_iter().enumerate() {
        for block in 0..blocks {
            let halve = match fault {
                Fault::StrideInStageOne => block == 0,
                Fault::StrideInEveryBlock => stage > 0,
                Fault::StrideOneEverywhere => false,
                _ => stage > 0 && block == 0,
            };
            let doublings = if fault == Fault::ChannelsPerBlock {
                number
            } else {
                stage
            };
            channels = (config.width << doublings) * expansion;
            number += 1;
            let window = Window::new(3).stride(if halve { 2 } else { 1 }).padding(1);
            add(format!("layer{}.{block}", stage + 1), window, channels)?;
        }
    }
    if fault == Fault::OneRowPerStage {
        rows.retain(|(name, _)| !name.starts_with("layer") || name.ends_with(".0"));
        for (name, _) in &mut rows {
            *name = name.trim_end_matches(".0").into();
        }
    }
    rows.push(("avgpool".into(), vec![batch, channels, 1, 1]));
    rows.push(("fc".into(), vec![batch, config.classes]));
    Ok(rows)
}

fn observe(rows: Result<Rows>) -> Observed {
    match rows {
        Ok(rows) => Observed::Fields(rows.into_iter().map(|(name, shape)| (name, shape.into())).collect()),
        Err(error) => Observed::Refused(error.to_string()),
    }
}

/// The table of a real forward pass.
fn measured(config: &Config, images: [usize; 4]) -> Result<Observed> {
    let network = ResNet::untrained(config, 0)?;
    let is_row = |site: &String| {
        let block = site
            .strip_prefix("layer")
            .is_some_and(|rest| rest.split('.').count() == 2);
        let block = block
            && site
                .split('.')
                .next_back()
                .is_some_and(|part| part.parse::<usize>().is_ok());
        block || ["conv1", "maxpool", "avgpool", "fc"].contains(&site.as_str())
    };
    let sites: Vec<_> = network.sites().into_iter().filter(is_row).collect();
    let names: Vec<_> = sites.iter().map(String::as_str).collect();
    let images = Tensor::zeros(&images[..], candle_core::DType::F32, &Device::Cpu)?;
    let trace = network.capture(&images, &names)?;
    let row = |site: &String| Ok((site.clone(), trace.activation(site)?.dims().to_vec().into()));
    Ok(Observed::Fields(sites.iter().map(row).collect::<Result<_>>()?))
}

const WRONG: &[Wrong<ShapeTable>] = &[
    wrong(
        "rounded down",
        "You halved by n / 2. Kernel 3, stride 2, padding 1 rounds up: 7 becomes 4. Let output_size count.",
        |c, i| table(c, i, Fault::RoundedDown),
    ),
    wrong(
        "no max pool",
        "The ImageNet stem has a max pool after conv1 that halves once more; your table misses its row.",
        |c, i| table(c, i, Fault::NoPool),
    ),
    wrong(
        "stride in stage 1",
        "layer1 keeps the size: the pool before it has already halved. Only layers 2, 3 and 4 begin with stride 2.",
        |c, i| table(c, i, Fault::StrideInStageOne),
    ),
    wrong(
        "stride in every block",
        "Every block of your stage halves. Only its first does.",
        |c, i| table(c, i, Fault::StrideInEveryBlock),
    ),
    wrong(
        "never a stride",
        "Your layers 2, 3 and 4 keep the size. The first block of each has stride 2.",
        |c, i| table(c, i, Fault::StrideOneEverywhere),
    ),
    wrong(
        "no expansion",
        "A bottleneck ends with a 1×1 convolution to four times the channels: multiply by block.expansion().",
        |c, i| table(c, i, Fault::NoExpansion),
    ),
    wrong(
        "doubled in every block",
        "Your channels double with every block. They double with every stage.",
        |c, i| table(c, i, Fault::ChannelsPerBlock),
    ),
    wrong(
        "batch of one",
        "Your first dimension is always 1. It is the batch, as in `images`.",
        |c, i| table(c, i, Fault::BatchOfOne),
    ),
    wrong(
        "a row per stage",
        "You have one row per stage. The table has one per block: layer1.0, layer1.1, ….",
        |c, i| table(c, i, Fault::OneRowPerStage),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<ShapeTable>] = &[
    slip(Combined, "no expansion behind the CIFAR stem", |f| {
        *f = |c, i| match c.stem {
            Stem::Cifar => table(c, i, Fault::NoExpansion),
            _ => table(c, i, Fault::None),
        }
    }),
    slip(Names, "blocks in the order of the alphabet", |f| {
        *f = |c, i| {
            let mut rows = table(c, i, Fault::None)?;
            let end = rows.len() - 2;
            let start = rows.iter().position(|(name, _)| name.starts_with("layer"));
            rows[start.unwrap_or(end)..end].sort();
            Ok(rows)
        }
    }),
    slip(Sizes, "a line of pixels does not halve", |f| {
        *f = |c, i| match i {
            [_, _, 1, side] | [_, _, side, 1] if side > 1 => {
                let mut rows = table(c, i, Fault::None)?;
                for (_, shape) in rows.iter_mut().filter(|(name, _)| name.starts_with("layer")) {
                    shape[2..].copy_from_slice(&[1, 1]);
                }
                Ok(rows)
            }
            _ => table(c, i, Fault::None),
        }
    }),
    slip(Errors, "a side of 0 taken for one of 1", |f| {
        *f = |c, i| table(c, i.map(|n| n.max(1)), Fault::None)
    }),
    slip(Empty, "always the channels of a fourth stage", |f| {
        *f = |c, i| {
            let mut rows = table(c, i, Fault::None)?;
            for (_, shape) in rows.iter_mut().filter(|(name, _)| name == "avgpool") {
                shape[1] = 8 * c.width * c.block.expansion();
            }
            Ok(rows)
        }
    }),
];

/// 1.6
pub fn shape_table(seed: u64) -> Exam<ShapeTable> {
    hazards(seed, basics(seed, answers()))
}

/// Right answers and wrong ones.
fn answers() -> Exam<ShapeTable> {
    Exam::new("1.6", SOLUTION)
        .mistakes(WRONG)
        .alternative("one step at a time", |c, i| table(c, i, Fault::None))
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<ShapeTable>) -> Exam<ShapeTable> {
    let mut random = Random::new(seed, 16);
    let small = Config::resnet18().width(2).classes(random.count(2, 9));
    let cifar = Config::resnet18().width(3).classes(4).stem(Stem::Cifar);
    let deep = Config {
        blocks: [2, 1, 3, 1],
        ..Config::resnet50()
    }
    .width(2)
    .classes(6);
    // The stem's convolution makes odd sides of these, so that it matters how the pool rounds.
    let mut side = |from| from + 4 * random.count(0, 3);
    let (height, width) = (side(33), side(49));
    let odd = [random.count(2, 3), 3, height, width];
    let check = |config: &Config| measured(config, odd).expect("a small network");
    let (expected_small, expected_cifar, expected_deep) = (check(&small), check(&cifar), check(&deep));

    exam.truth(
        "the first row of ResNet-18 for [1, 3, 32, 32]",
        vec![1, 64, 16, 16],
        |f| -> Result<Vec<usize>> {
            Ok(f(&Config::resnet18(), [1, 3, 32, 32])?
                .first()
                .map(|row| row.1.clone())
                .unwrap_or_default())
        },
    )
    .because("The guide's exercise: 64 filters of 7×7, stride 2, padding 3, make 16×16 of 32×32.")
    .truth(
        format!("ResNet-18, width 2, images {odd:?}"),
        expected_small,
        move |f| observe(f(&small, odd)),
    )
    .because(
        "conv1, maxpool and the first blocks of layers 2, 3 and 4 halve, rounding up; width · 2^(N−1) channels \
              in layerN.",
    )
    .truth(
        format!("ResNet-18, width 3, CIFAR stem, images {odd:?}"),
        expected_cifar,
        move |f| observe(f(&cifar, odd)),
    )
    .because("The CIFAR stem keeps the size and has no pool; the first blocks of layers 2, 3 and 4 halve, rounding up.")
    .truth(
        format!("bottlenecks [2, 1, 3, 1], width 2, images {odd:?}"),
        expected_deep,
        move |f| observe(f(&deep, odd)),
    )
    .because(
        "A bottleneck gives 4 · width · 2^(N−1) channels, in every block of every stage, and so do avgpool and \
              fc get them. layer1 halves nothing, although its channels are four times those of the stem.",
    )
    .snapshot("ResNet-18 for [1, 3, 224, 224]", "lesson01_resnet18_224", |f| {
        f(&Config::resnet18(), [1, 3, 224, 224]).map(|rows| solution01::format_table(&rows))
    })
    .snapshot("ResNet-50 for [8, 3, 224, 224]", "lesson01_resnet50_224", |f| {
        f(&Config::resnet50(), [8, 3, 224, 224]).map(|rows| solution01::format_table(&rows))
    })
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<ShapeTable>) -> Exam<ShapeTable> {
    let classes = Random::new(seed, 116).count(2, 9);
    let both = Config {
        blocks: [1, 2, 1, 2],
        ..Config::resnet50()
    }
    .width(2)
    .classes(classes)
    .stem(Stem::Cifar)
    .widening(2);
    let images = [2, 3, 131, 118];
    let three = Config {
        blocks: [1, 2, 1, 0],
        ..Config::resnet18()
    };
    let (three, small) = (three.width(2).classes(classes), [2, 3, 33, 49]);
    let long = Config {
        blocks: [1, 1, 11, 1],
        ..three.clone()
    };
    let measured = |config, images| measured(config, images).expect("a small network");
    let (expected, expected_three) = (measured(&both, images), measured(&three, small));
    let expected_long = measured(&long, small);
    exam.truth(
        format!("wide bottlenecks (widening 2) with the CIFAR stem, {classes} classes, images {images:?}"),
        expected,
        move |f| observe(f(&both, images)),
    )
    .because(
        "The CIFAR stem keeps the size; layer4 gives 17×15 places, and avgpool takes the mean of all of them. Channels \
         are width · 2^(N−1) · expansion: widening is inside of the blocks.",
    )
    .holds(Combined)
    .truth(
        format!("three stages, blocks [1, 2, 1, 0], images {small:?}"),
        expected_three,
        move |f| observe(f(&three, small)),
    )
    .because(
        "A stage without blocks has no first block: nothing halves there, and avgpool gets the channels of layer3.",
    )
    .holds(Empty)
    .truth(
        format!("stages of 1, 1, 11 and 1 blocks, images {small:?}"),
        expected_long,
        move |f| observe(f(&long, small)),
    )
    .because("Blocks are counted 0, 1, 2 and so on, and stand in this order: layer3.10 is the last of its stage.")
    .holds(Names)
    .case("ResNet-18 for [1, 3, 1, 70]", |f| {
        observe(f(&Config::resnet18(), [1, 3, 1, 70]))
    })
    .because("Height and width are counted separately: a height of 1 stays 1 by 1.1, the width goes on halving.")
    .holds(Sizes)
    .case("ResNet-18 for [1, 3, 70, 1]", |f| {
        observe(f(&Config::resnet18(), [1, 3, 70, 1]))
    })
    .because("Height and width are counted separately: a width of 1 stays 1 by 1.1, the height goes on halving.")
    .holds(Sizes)
    .refuses("images of height 0", |f| {
        f(&Config::resnet18(), [1, 3, 0, 32]).map(|rows| rows.len())
    })
    .because("1.1 refuses a side of 0 pixels")
    .proofs(SOLUTION, PROOFS)
    .spared(
        &[NotContiguous, Scale, Sign, Ties, NotFinite, Returned, Wiring],
        "shapes in, shapes out",
    )
    .spared(&[Batch], "tried as a mistake")
}
