//! What 4.1 is asked for.

use candle_core::{Device, Result, Tensor, Var};
use resnet::{Config, Parameters, ResNet, parameters};

use super::{Features, Flaw, PROOFS, RIGHT, pool};
use crate::inputs::{Random, askew, delta, tensor};
use crate::{Exam, Hazard::*, Observed};

/// A small network whose weights are variables, as in training.
fn trainable(seed: u64) -> Result<ResNet> {
    let config = Config::resnet18().width(4).classes(3);
    let mut parameters = parameters::initialize(&config, seed)?;
    // Logits of both signs, whatever the images.
    parameters.insert("fc.bias".into(), tensor(&[-9., 0., 9.], 3));
    let variables = parameters
        .into_iter()
        .map(|(name, value)| Ok((name, Var::from_tensor(&value)?.into_inner())));
    ResNet::new(&config, &variables.collect::<Result<Parameters>>()?)
}

/// Features and whether training on them would reach the network.
fn observe(sites: &[&str], features: Result<Vec<Tensor>>) -> Observed {
    match features {
        Err(error) => Observed::Refused(error.to_string()),
        Ok(features) => {
            let attached = features.iter().any(Tensor::track_op);
            let mut fields: Vec<(String, Observed)> = features
                .iter()
                .enumerate()
                .map(|(i, rows)| (sites.get(i).unwrap_or(&"too many").to_string(), rows.into()))
                .collect();
            fields.push(("leads back into the network".into(), attached.into()));
            Observed::Fields(fields)
        }
    }
}

/// Inputs from small to large.
pub(super) fn basics(seed: u64, exam: Exam<Features>) -> Exam<Features> {
    let mut random = Random::new(seed, 41);
    let two = random.signed((2, 3, 6, 4));
    let odd = random.signed((2, 3, 7, 5));
    let images = random.signed((2, 3, 37, 33));
    let network = trainable(seed).expect("a small network");
    let sites = ["fc", "layer4", "conv1"];
    let trace = network
        .capture(&images, &["fc", "avgpool", "conv1"])
        .expect("a forward pass");
    let at = |site: &str| trace.activation(site).expect("captured").detach();
    let conv1 = pool(&at("conv1"), 1, Flaw::None).expect("a map");
    let pooled = at("avgpool").flatten_from(1).expect("one number per channel");
    let expected = observe(&sites, Ok(vec![at("fc"), pooled, conv1]));
    let (images_1, network_1) = (images.clone(), network.clone());

    exam.truth("pool: [[1, 2], [3, 4]], grid 1", tensor(&[2.5], (1, 1)), |f| {
        (f.pool)(&tensor(&[1., 2., 3., 4.], (1, 1, 2, 2)), 1)
    })
    .because("The mean of the whole map.")
    .truth(
        "pool: [[1, 2], [3, 4]], grid 2",
        tensor(&[1., 2., 3., 4.], (1, 4)),
        |f| (f.pool)(&tensor(&[1., 2., 3., 4.], (1, 1, 2, 2)), 2),
    )
    .because("Each place is a cell.")
    .truth("pool: [[0, 0], [0, 3]], grid 1", tensor(&[0.75], (1, 1)), |f| {
        (f.pool)(&tensor(&[0., 0., 0., 3.], (1, 1, 2, 2)), 1)
    })
    .because("The mean of all four places, those that are 0 too.")
    .truth(
        "pool: three rows of two, grid 2",
        tensor(&[2., 3., 4., 5.], (1, 4)),
        |f| (f.pool)(&tensor(&[1., 2., 3., 4., 5., 6.], (1, 1, 3, 2)), 2),
    )
    .because("Both cell rows contain the middle row: (1 + 3)/2, (2 + 4)/2, (3 + 5)/2, (4 + 6)/2.")
    .truth(
        "pool, grid 1: a dot on the left minus the same dot on the right",
        0.0,
        |f| -> Result<f32> {
            let at = |column| (f.pool)(&delta([0, 0, 1, column], [1, 1, 4, 4]), 1);
            (at(0)? - at(3)?)?.sum_all()?.to_scalar::<f32>()
        },
    )
    .because("An average does not know where the dot was.")
    .case("pool: a random [2, 3, 6, 4] tensor, grid 2", move |f| (f.pool)(&two, 2))
    .because("The mean of each cell of 3×2 places, of all values as they are.")
    .case("pool: a random [2, 3, 7, 5] tensor, grid 3", move |f| (f.pool)(&odd, 3))
    .because("Cell i holds rows ⌊7i/3⌋ to ⌈7(i + 1)/3⌉ − 1, and columns ⌊5i/3⌋ to ⌈5(i + 1)/3⌉ − 1.")
    .truth(
        "features: fc, layer4 and conv1 of a small ResNet-18, grid 1",
        expected,
        move |f| observe(&sites, (f.features)(&network, &images, &sites, 1)),
    )
    .because(
        "In the order asked for: the network's own logits (fc has no maps, so they stay as they are), layer4 averaged, \
         which is its avgpool, and the mean of conv1; a row for each image, nothing rescaled, everything detached.",
    )
    .case("features: layer1 and conv1, grid 4", move |f| {
        observe(
            &["layer1", "conv1"],
            (f.features)(&network_1, &images_1, &["layer1", "conv1"], 4),
        )
    })
    .because("Each map is cut into 4×4 cells: `grid` is handed on.")
    .snapshot(
        "features: shapes for two scenes and the shipped network, grids 1 and 2",
        "lesson04_feature_shapes",
        |f| -> Result<String> {
            let network = resnet::checkpoints::scenes()?;
            let images = Tensor::zeros((2, 3, 128, 128), candle_core::DType::F32, &Device::Cpu)?;
            let sites = [
                "conv1",
                "maxpool",
                "layer1",
                "layer2.0.conv1",
                "layer2",
                "layer3",
                "layer4",
                "avgpool",
                "fc",
            ];
            let mut lines = vec![];
            for grid in [1, 2] {
                let sites = if grid == 1 { &sites[..] } else { &sites[..7] };
                for (site, rows) in sites.iter().zip((f.features)(&network, &images, sites, grid)?) {
                    lines.push(format!("grid {grid}  {site:<15}{:?}", rows.dims()));
                }
            }
            Ok(lines.join("\n"))
        },
    )
    .because("channels · grid · grid numbers for each image, at small maps as at large ones.")
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
pub(super) fn hazards(seed: u64, exam: Exam<Features>) -> Exam<Features> {
    let mut random = Random::new(seed, 141);
    let fixture = (
        random.signed((3, 2, 7, 5)),
        trainable(seed).expect("a small network"),
        random.signed((2, 3, 36, 41)),
    );
    const ENDS: [&str; 3] = ["relu", "layer1.0.relu", "relu"];
    exam.given(fixture, |on| {
        on.case(
            "pool: three images whose columns come first in memory, grid 2",
            |f, (maps, ..)| (f.pool)(&askew(maps), 2),
        )
        .holds(NotContiguous)
        .case("pool: [3, 2, 7, 5], grid 5", |f, (maps, ..)| (f.pool)(maps, 5))
        .holds(Sizes)
        .case(
            "features: relu, layer1.0.relu and relu once more, of images whose columns come first in memory",
            |f, (_, network, images)| {
                let named = ["relu", "layer1.0.relu", "relu again"];
                observe(&named, (f.features)(network, &askew(images), &ENDS, 2))
            },
        )
        .because("A site asked for twice comes twice, and height and width have cells of their own.")
        .holds([NotContiguous, Names])
        .refuses(
            "features: conv1 and layer9, which is not there",
            |f, (_, network, images)| {
                let sites = ["conv1", "layer9"];
                observe(&sites, (f.features)(network, images, &sites, 1))
            },
        )
        .refuses(
            "features: layer4, smaller than the grid of 9",
            |f, (_, network, images)| observe(&["layer4"], (f.features)(network, images, &["layer4"], 9)),
        )
    })
    .proofs(RIGHT, PROOFS)
}

/// Many images.
pub(super) fn further_hazards(seed: u64, exam: Exam<Features>) -> Exam<Features> {
    let mut random = Random::new(seed, 241);
    let fixture = (
        random.signed((5, 2, 3, 4)),
        trainable(seed).expect("a small network"),
        random.signed((5, 3, 33, 35)),
    );
    exam.given(fixture, |on| {
        on.case("pool: five images, grid 2", |f, (maps, ..)| (f.pool)(maps, 2))
            .holds(Batch)
            .case("pool: five images of 3×4 places, grid 3", |f, (maps, ..)| {
                (f.pool)(maps, 3)
            })
            .because("A cell for each row, and cells that share columns: the grid is as large as one side only.")
            .holds([Batch, Sizes])
            .case(
                "features: fc and layer2 of five images, grid 2",
                |f, (_, network, images)| {
                    observe(&["fc", "layer2"], (f.features)(network, images, &["fc", "layer2"], 2))
                },
            )
            .because("fc has no maps: its logits stay as they are, three for each image, whatever the grid.")
            .holds(Batch)
            .case("features: layer1 and fc of one image", |f, (_, network, images)| {
                let one = images.narrow(0, 0, 1);
                let found = one.and_then(|one| (f.features)(network, &one, &["layer1", "fc"], 1));
                observe(&["layer1", "fc"], found)
            })
            .because("One image is a batch, too: one row.")
            .holds(Sizes)
    })
    .spared(&[Combined], "several sites and grids come together in the inputs")
    .spared(
        &[Sign, Scale],
        "means of numbers of both signs; nothing depends on their size",
    )
    .spared(
        &[Returned],
        "tried as mistakes: not detached, and in the network's order",
    )
    .spared(&[Wiring], "the grid is handed on in the inputs")
    .spared(
        &[Ties, NotFinite, Empty],
        "nothing is chosen; neither NaN nor a batch without images is spoken of",
    )
}
