//! What 4.8 is asked for.

use candle_core::{DType, Device, Result, Tensor};
use resnet::{Config, ResNet, Stem, parameters};
use scenes::{Canvas, Colour, Concept, Sampler, Scene, Texture};

use super::Dissect;
use super::answer::{Flaw, iou, thresholds};
use crate::Hazard::*;
use crate::inputs::{Random, delta, tensor};
use crate::{Exam, Observed};

fn observe(best: Result<Vec<(usize, f64)>>) -> Result<Observed> {
    let best = best?;
    Ok(Observed::fields([
        (
            "concepts",
            Observed::from(best.iter().map(|one| one.0).collect::<Vec<_>>()),
        ),
        ("IoU", Observed::from(best.iter().map(|one| one.1).collect::<Vec<_>>())),
    ]))
}

const COLOURS: [Colour; 3] = [Colour::Red, Colour::Green, Colour::Blue];

/// A network whose conv1 has a unit for red, one for green, one for blue, and one that answers to nothing; its maps
/// and the scenes' colour masks.
fn planted() -> Result<(Tensor, Tensor)> {
    let config = Config::resnet18().width(4).classes(2).stem(Stem::Cifar);
    let mut weights = parameters::initialize(&config, 0)?;
    // One channel against the two others, at the pixel itself.
    let weight = |out: usize, channel: usize, place: usize| match (out, place) {
        (3, _) => 0.0,
        (_, 4) if channel == out => 1.0,
        (_, 4) => -1.0f32,
        _ => 0.0,
    };
    let values = (0..4 * 3 * 9).map(|n| weight(n / 27, n / 9 % 3, n % 9)).collect();
    weights.insert(
        "conv1.weight".into(),
        Tensor::from_vec(values, (4, 3, 3, 3), &Device::Cpu)?,
    );
    let network = ResNet::new(&config, &weights)?;
    let sampler = Sampler {
        canvas: Canvas::square(40),
        radius: (6.0, 8.0),
        badge_probability: 0.0,
        ..Sampler::default()
    };
    let (mut images, mut masks) = (vec![], vec![]);
    for index in 0..9 {
        let scene = Scene::sample(&sampler, 1, index)?
            .with_colour(0, COLOURS[index as usize % 3])?
            .with_texture(0, Texture::Solid)?;
        let rendered = scene.render();
        images.push(rendered.image.to_tensor(&Device::Cpu)?);
        let mask = |colour: &Colour| rendered.masks.get(Concept::Colour(*colour)).to_tensor(&Device::Cpu);
        masks.push(Tensor::stack(
            &COLOURS.iter().map(mask).collect::<Result<Vec<_>>>()?,
            0,
        )?);
    }
    let images = Tensor::stack(&images, 0)?;
    let trace = network.capture(&images, &["conv1"])?;
    Ok((trace.activation("conv1")?.clone(), Tensor::stack(&masks, 0)?))
}

/// Inputs from small to large.
pub(super) fn basics(seed: u64, exam: Exam<Dissect>) -> Exam<Dissect> {
    let mut random = Random::new(seed, 48);
    let exam = pooled(overlaps(&mut random, countable(exam)));
    let exam = choices(&mut random, exam);
    exam.given(planted().expect("a small network"), |on| {
        on.truth(
            "a network with conv1 units for red, green, blue and nothing, on 9 scenes: concepts, and which IoU is \
             above 0.5",
            Observed::fields([
                ("concepts", Observed::from(vec![0, 1, 2, 0])),
                ("above 0.5", Observed::from(vec![1, 1, 1, 0])),
            ]),
            move |f, (planted_maps, planted_masks)| -> Result<Observed> {
                let thresholds = (f.thresholds)(std::slice::from_ref(planted_maps), 9 * 40 * 40, 0.03)?;
                let found = (f.best)(&(f.iou)(&[(planted_maps.clone(), planted_masks.clone())], &thresholds)?)?;
                let above = found.iter().map(|one| usize::from(one.1 > 0.5)).collect::<Vec<_>>();
                Ok(Observed::fields([
                    (
                        "concepts",
                        Observed::from(found.iter().map(|one| one.0).collect::<Vec<_>>()),
                    ),
                    ("above 0.5", Observed::from(above)),
                ]))
            },
        )
        .because("The units were made for these colours.")
        .truth(
            "the same with shuffled masks: how many IoUs are above 0.5",
            0usize,
            move |f, (planted_maps, planted_masks)| -> Result<usize> {
                let thresholds = (f.thresholds)(std::slice::from_ref(planted_maps), 9 * 40 * 40, 0.03)?;
                let masks = (f.shuffled)(planted_masks)?;
                let found = (f.best)(&(f.iou)(&[(planted_maps.clone(), masks)], &thresholds)?)?;
                Ok(found.iter().filter(|one| one.1 > 0.5).count())
            },
        )
        .because("Other images' masks do not lie where the units are on.")
    })
    .refuses("thresholds: 4 values where 40 were announced, share 0.5", |f| {
        (f.thresholds)(&[tensor(&[1.; 4], (1, 1, 2, 2))], 40, 0.5)
    })
    .refuses("shuffled masks of one image", |f| {
        (f.shuffled)(&tensor(&[1.; 4], (1, 1, 2, 2)))
    })
}

/// Thresholds that can be counted.
fn countable(exam: Exam<Dissect>) -> Exam<Dissect> {
    let hundred = || {
        let counting: Vec<f32> = (0..100).map(|i| ((i * 37) % 100) as f32).collect();
        let map = tensor(&counting, (1, 1, 10, 10));
        vec![map.narrow(2, 0, 3).expect("rows"), map.narrow(2, 3, 7).expect("rows")]
    };
    let sparse = vec![
        tensor(&[0., 0., 3., 0., 0., 0., 0., 0.], (2, 1, 2, 2)),
        tensor(&[0., 0., 0., 2., 0., 0., 0., 0.], (2, 1, 2, 2)),
    ];
    exam.truth(
        "thresholds: 0 to 99 in mixed order and two batches, share 0.05",
        tensor(&[94.], 1),
        move |f| (f.thresholds)(&hundred(), 100, 0.05),
    )
    .because("Five of a hundred lie above 94.")
    .truth(
        "thresholds: 16 values, 14 of them 0, share 0.25",
        tensor(&[0.], 1),
        move |f| (f.thresholds)(&sparse, 16, 0.25),
    )
    .because("Four may be on, but only two are above 0.")
}

/// Thresholds of random maps, and IoU.
fn overlaps(random: &mut Random, exam: Exam<Dissect>) -> Exam<Dissect> {
    // An image in which the unit fits its concept, and one with a large mask that it misses.
    let uneven = {
        let map = Tensor::cat(&[delta([0, 0, 0, 0], [1, 1, 2, 2]), tensor(&[0.; 4], (1, 1, 2, 2))], 0);
        let mask = Tensor::cat(
            &[
                delta([0, 0, 0, 0], [1, 1, 2, 2]),
                tensor(&[1., 1., 1., 0.], (1, 1, 2, 2)),
            ],
            0,
        );
        vec![(map.expect("two maps"), mask.expect("two masks"))]
    };
    // Units of unlike scale, batches of unlike size and level.
    let scales = tensor(&[1., 10., 0.1], (1, 3, 1, 1));
    let maps: Vec<Tensor> = [3, 5, 1]
        .iter()
        .enumerate()
        .map(|(i, &count)| {
            let maps = random.between(0.0, 1.0 + i as f32, (count, 3, 5, 4));
            maps.broadcast_mul(&scales).expect("one scale for each unit")
        })
        .collect();
    let masks: Vec<Tensor> = [3, 5, 1]
        .iter()
        .map(|&count| {
            let coin = random.between(-1.0, 0.5, (count, 4, 10, 12));
            let mask = coin.gt(0f32).and_then(|mask| mask.to_dtype(DType::F32));
            mask.expect("zeros and ones")
        })
        .collect();
    let batches: Vec<(Tensor, Tensor)> = maps.iter().cloned().zip(masks.iter().cloned()).collect();
    let exact = thresholds(&maps, 9 * 20, 0.1, Flaw::None).expect("180 values per unit");
    let slow = iou(&batches, &exact, Flaw::None).expect("pixel by pixel");

    exam.given(maps, |on| {
        on.truth(
            "thresholds: three units of unlike scale, batches of 3, 5 and 1, share 0.1",
            exact.clone(),
            |f, maps| (f.thresholds)(maps, 9 * 20, 0.1),
        )
        .because("The expected thresholds come from sorting all values of each unit.")
        .case("thresholds: the same, share 0.5", |f, maps| {
            (f.thresholds)(maps, 9 * 20, 0.5)
        })
        .because("90 of 180 may be on, more than the first batch holds: what is kept grows with the batches.")
    })
    .truth(
        "IoU: a 2×2 map with 1 at the top left, T = 0, mask on 3 pixels",
        Tensor::new(&[[1f64 / 3.0]], &Device::Cpu).expect("a number"),
        |f| {
            let mask = tensor(&[1., 1., 1., 0.], (1, 1, 2, 2));
            (f.iou)(&[(delta([0, 0, 0, 0], [1, 1, 2, 2]), mask)], &tensor(&[0.], 1))
        },
    )
    .because("The unit is on at the top left only: 0 is not above 0. One pixel of three is common.")
    .truth(
        "IoU: one image fits exactly, another shows the concept on 3 pixels unseen",
        Tensor::new(&[[0.25f64]], &Device::Cpu).expect("a number"),
        move |f| (f.iou)(&uneven, &tensor(&[0.5], 1)),
    )
    .because("1 common pixel of 1 + 3 over both images.")
    .truth(
        "IoU: maps [[1, 0], [0, 0]] on 8×8 pixels, T = 0.5, mask the 3×3 pixels in the corner",
        Tensor::new(&[[0.6f64]], &Device::Cpu).expect("a number"),
        |f| {
            let mask: Vec<f32> = (0..64).map(|i| f32::from(u8::from(i / 8 < 3 && i % 8 < 3))).collect();
            (f.iou)(
                &[(delta([0, 0, 0, 0], [1, 1, 2, 2]), tensor(&mask, (1, 1, 8, 8)))],
                &tensor(&[0.5], 1),
            )
        },
    )
    .because(
        "Along each side the enlarged map falls 1, 1, 0.875, 0.625, 0.375, …; products above 0.5 are the 3×3 \
             corner and six pixels beside it: 9 of 15.",
    )
    .truth(
        "IoU: a unit that is never on, a concept that is never shown",
        Tensor::new(&[[0f64]], &Device::Cpu).expect("a number"),
        |f| {
            (f.iou)(
                &[(tensor(&[0.; 4], (1, 1, 2, 2)), tensor(&[0.; 4], (1, 1, 2, 2)))],
                &tensor(&[0.], 1),
            )
        },
    )
    .because("There is nothing to divide by: 0.")
    .truth(
        "IoU: random maps 5×4, random masks 10×12, three batches, T at the top tenth",
        slow,
        move |f| (f.iou)(&batches, &exact),
    )
    .because("The expected values were counted pixel by pixel.")
}

/// What is counted in images that show the concept, and in others.
fn pooled(exam: Exam<Dissect>) -> Exam<Dissect> {
    exam.truth(
        "IoU: one image fits exactly, in another the unit is on at 3 pixels and the concept is not shown",
        Tensor::new(&[[0.25f64]], &Device::Cpu).expect("a number"),
        |f| {
            let corner = delta([0, 0, 0, 0], [1, 1, 2, 2]);
            let maps = Tensor::cat(&[&corner, &tensor(&[1., 1., 1., 0.], (1, 1, 2, 2))], 0)?;
            let masks = Tensor::cat(&[&corner, &tensor(&[0.; 4], (1, 1, 2, 2))], 0)?;
            (f.iou)(&[(maps, masks)], &tensor(&[0.5], 1))
        },
    )
    .because("1 common pixel of 1 + 3: the unit's pixels count in images without the concept as well.")
}

const BEST: &str = "A row is a unit: for each, in order, its largest IoU and the first concept that has it.";

const MOVED: &str = "Image i gets all masks of image i − 1, the first image those of the last.";

/// The best concept, and other images' masks.
fn choices(random: &mut Random, exam: Exam<Dissect>) -> Exam<Dissect> {
    let concept_lists = random
        .between(0.0, 1.0, (4, 6))
        .to_dtype(DType::F64)
        .expect("a number type");
    let masks = random
        .between(-1.0, 0.5, (3, 4, 10, 12))
        .gt(0f32)
        .and_then(|mask| mask.to_dtype(DType::F32));
    let masks = masks.expect("zeros and ones");

    exam.truth(
        "best concepts of [[0.1, 0.3, 0.2], [0.5, 0.5, 0.4]]",
        Observed::fields([
            ("concepts", Observed::from(vec![1, 0])),
            ("IoU", Observed::from(vec![0.3, 0.5])),
        ]),
        |f| {
            observe((f.best)(&Tensor::new(
                &[[0.1f64, 0.3, 0.2], [0.5, 0.5, 0.4]],
                &Device::Cpu,
            )?))
        },
    )
    .because(BEST)
    .truth("best concepts of [[0.2, 0.2 + 10⁻¹²]]: which", vec![1usize], |f| {
        let best = (f.best)(&Tensor::new(&[[0.2f64, 0.2 + 1e-12]], &Device::Cpu)?)?;
        Ok::<_, candle_core::Error>(best.iter().map(|one| one.0).collect::<Vec<_>>())
    })
    .because("IoUs are f64; as f32 the two would be equal, and the first would win.")
    .holds(Scale)
    .truth(
        "best concepts of [[0.1, 0.5], [0.2, 0.6], [0.01, 0.03]]",
        Observed::fields([
            ("concepts", Observed::from(vec![1, 1, 1])),
            ("IoU", Observed::from(vec![0.5, 0.6, 0.03])),
        ]),
        |f| {
            observe((f.best)(&Tensor::new(
                &[[0.1f64, 0.5], [0.2, 0.6], [0.01, 0.03]],
                &Device::Cpu,
            )?))
        },
    )
    .because("Several units may stand for one concept, and the best one counts, however small its IoU is.")
    .case("best concepts of a random [4, 6] tensor", move |f| {
        observe((f.best)(&concept_lists))
    })
    .because(BEST)
    .truth(
        "shuffled masks of three images that hold 1, 2 and 3",
        tensor(&[3., 1., 2.], (3, 1, 1, 1)),
        |f| (f.shuffled)(&tensor(&[1., 2., 3.], (3, 1, 1, 1))),
    )
    .because(MOVED)
    .truth(
        "shuffled masks of two images that hold 1 and 2",
        tensor(&[2., 1.], (2, 1, 1, 1)),
        |f| (f.shuffled)(&tensor(&[1., 2.], (2, 1, 1, 1))),
    )
    .because(MOVED)
    .truth(
        "shuffled masks of five images that hold 1 to 5",
        tensor(&[5., 1., 2., 3., 4.], (5, 1, 1, 1)),
        |f| (f.shuffled)(&tensor(&[1., 2., 3., 4., 5.], (5, 1, 1, 1))),
    )
    .because(MOVED)
    .case("shuffled random masks of three images", move |f| (f.shuffled)(&masks))
    .because(MOVED)
}
