use candle_core::{Device, Result, Tensor, bail};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet::{Config, ResNet, Stem, parameters};
use scenes::{Badge, Canvas, Colour, Sampler, Scene, Shape, Texture};

use crate::inputs::{Random, askew, in_order, tensor};
use crate::{Exam, Fault, Hazard::*, Observed, Slip, Tolerance, fault, keep, slip};

type Counterfactuals = dyn Fn(&Scene, usize) -> Result<Vec<Scene>> + Sync;
type Responses = dyn Fn(&ResNet, &str, usize, &[Scene], usize) -> Result<Tensor> + Sync;
/// Means and half widths.
type Curve = dyn Fn(&Tensor) -> Result<(Vec<f64>, Vec<f64>)> + Sync;

/// The five functions of exercise 4.10; a factor is its place in `Factor::ALL`.
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Tuning {
    pub counterfactuals: &'static Counterfactuals,
    pub responses: &'static Responses,
    pub curve: &'static Curve,
    pub index: &'static (dyn Fn(&[f64]) -> Result<f64> + Sync),
    #[allow(clippy::type_complexity, reason = "one use")]
    pub shuffled: &'static (dyn Fn(&Tensor, usize, u64) -> Result<Vec<f64>> + Sync),
}

/// The attempt at 4.10 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex4_10 {
    ($lesson:ident) => {
        $crate::lesson04::Tuning {
            counterfactuals: &|scene, factor| $lesson::counterfactuals(scene, $lesson::Factor::ALL[factor]),
            responses: &|network, site, unit, scenes, factor| {
                $lesson::responses(network, site, unit, scenes, $lesson::Factor::ALL[factor])
            },
            curve: &|responses| $lesson::tuning_curve(responses).map(|curve| (curve.mean, curve.half)),
            index: &|curve| $lesson::tuning_index(curve),
            shuffled: &|responses, count, seed| $lesson::shuffled_indices(responses, count, seed),
        }
    };
}

const SHAPE: usize = 0;
const COLOUR: usize = 1;
const TEXTURE: usize = 2;

/// A right answer, written independently of the solution, in parts that may be wrong.
#[derive(Clone, Copy)]
struct Parts {
    values: Values,
    normalize: fn(&Tensor) -> Result<Tensor>,
    pool: Pool,
    transposed: bool,
    spread: Spread,
    /// Of the means, the largest first.
    index: fn(&[f64]) -> f64,
    shuffle: Shuffle,
}

#[derive(Clone, Copy, PartialEq)]
enum Values {
    All,
    OthersOnly,
    OwnFirst,
    ShapeToo,
    AllFigures,
    LastFigure,
}

#[derive(Clone, Copy, PartialEq)]
enum Pool {
    Mean,
    Largest,
    Sum,
    Middle,
}

#[derive(Clone, Copy, PartialEq)]
enum Spread {
    Right,
    OfOneScene,
    Population,
    OneError,
}

#[derive(Clone, Copy, PartialEq)]
enum Shuffle {
    EachScene,
    OneOrder,
    WholeTable,
    WithReplacement,
    SameEachTime,
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn ratio(best: f64, others: f64) -> f64 {
    if best + others > 0.0 {
        (best - others) / (best + others)
    } else {
        0.0
    }
}

const RIGHT: Parts = Parts {
    values: Values::All,
    normalize: resnet::normalize,
    pool: Pool::Mean,
    transposed: false,
    spread: Spread::Right,
    index: |sorted| ratio(sorted[0], mean(&sorted[1..])),
    shuffle: Shuffle::EachScene,
};

const FAULTS: &[Fault<Parts>] = &[
    fault(
        "the scene's own value left out",
        "The value that the scene already has is missing. It is one of the values: the curve needs it, and \
         each scene gives as many responses as the factor has values.",
        |parts| parts.values = Values::OthersOnly,
    ),
    fault(
        "the scene itself first",
        "Your list begins with the scene as it was. Then column 0 holds another value in every scene, and the \
         means mix them: keep the order of ALL.",
        |parts| parts.values = Values::OwnFirst,
    ),
    fault(
        "another property changed as well",
        "Your variants differ in more than the factor: their shape is not that of the scene. Change one thing \
         and leave everything else.",
        |parts| parts.values = Values::ShapeToo,
    ),
    fault(
        "all figures changed",
        "You changed every figure of the scene. Only the first one changes.",
        |parts| parts.values = Values::AllFigures,
    ),
    fault(
        "the last figure changed",
        "You changed the last figure. The first one has index 0.",
        |parts| parts.values = Values::LastFigure,
    ),
    fault(
        "not normalized",
        "The network got the images as they are shown. It was trained on normalized ones: resnet::normalize \
         comes first.",
        |parts| parts.normalize = |images| Ok(images.clone()),
    ),
    fault(
        "largest of the map",
        "You took the largest value of the map. The response is its mean.",
        |parts| parts.pool = Pool::Largest,
    ),
    fault(
        "sum over the map",
        "You added the map up. The response is its mean, so that sites of different size can be compared.",
        |parts| parts.pool = Pool::Sum,
    ),
    fault(
        "the unit in the middle",
        "You took the unit in the middle of the map. The figure may lie elsewhere: take the mean of the map.",
        |parts| parts.pool = Pool::Middle,
    ),
    fault(
        "values by scenes",
        "Your table is [values, scenes]. A row is a scene: [scenes, values].",
        |parts| parts.transposed = true,
    ),
    fault(
        "the deviation of a scene",
        "Your interval is that of a single scene. The mean of n scenes is surer by √n: 1.96·s/√n.",
        |parts| parts.spread = Spread::OfOneScene,
    ),
    fault(
        "n instead of n − 1",
        "You divided the squares by n. The deviation around a mean that was itself estimated takes n − 1.",
        |parts| parts.spread = Spread::Population,
    ),
    fault(
        "one standard error",
        "Your interval is one standard error. For 95 % it is 1.96 of them.",
        |parts| parts.spread = Spread::OneError,
    ),
    fault(
        "best against all",
        "Your second mean is that of all values, the best one included. It goes over the others only.",
        |parts| parts.index = |sorted| ratio(sorted[0], mean(sorted)),
    ),
    fault(
        "best against the second",
        "You compared the best mean with the second best. It stands against the mean of all others.",
        |parts| parts.index = |sorted| ratio(sorted[0], sorted[1]),
    ),
    fault(
        "best against the smallest",
        "You compared the best mean with the smallest. It stands against the mean of all others.",
        |parts| parts.index = |sorted| ratio(sorted[0], sorted[sorted.len() - 1]),
    ),
    fault(
        "best against the sum of the others",
        "You added the others up. Take their mean, or more values would make a smaller index.",
        |parts| parts.index = |sorted| ratio(sorted[0], sorted[1..].iter().sum()),
    ),
    fault(
        "not relative",
        "You returned best − others. Divided by best + others it lies between 0 and 1 whatever the unit's scale.",
        |parts| parts.index = |sorted| sorted[0] - mean(&sorted[1..]),
    ),
    fault(
        "zero over zero",
        "A unit that answers to nothing gave NaN: 0 / 0. It is selective for nothing: 0.",
        |parts| {
            parts.index = |sorted| {
                let (best, others) = (sorted[0], mean(&sorted[1..]));
                (best - others) / (best + others)
            }
        },
    ),
    fault(
        "one order for all scenes",
        "Your indices are all that of the curve itself. One order for all scenes, or a shuffled curve, only renames \
         the values; whole scenes in another order, or one column by itself, leave the means. Shuffle each row by \
         itself.",
        |parts| parts.shuffle = Shuffle::OneOrder,
    ),
    fault(
        "drawn with replacement",
        "You drew responses of the row with replacement: some are lost, others count twice. To deal out is to shuffle.",
        |parts| parts.shuffle = Shuffle::WithReplacement,
    ),
    fault(
        "one shuffle, many times",
        "All your indices are the same number: the generator begins anew with each shuffle. Make it once.",
        |parts| parts.shuffle = Shuffle::SameEachTime,
    ),
    fault(
        "the whole table shuffled",
        "Responses moved from one scene to another. Scenes differ for many reasons; only what a factor does \
         within a scene is in question: shuffle each row by itself.",
        |parts| parts.shuffle = Shuffle::WholeTable,
    ),
];

fn variants(scene: &Scene, factor: usize, values: Values) -> Result<Vec<Scene>> {
    let count = [Shape::COUNT, Colour::COUNT, Texture::COUNT][factor];
    let mut found = vec![];
    for value in 0..count {
        let mut variant = scene.clone();
        let figures = &mut variant.figures;
        let which = match values {
            Values::AllFigures => 0..figures.len(),
            Values::LastFigure => figures.len() - 1..figures.len(),
            _ => 0..1,
        };
        for figure in &mut figures[which] {
            match factor {
                SHAPE => figure.shape = Shape::ALL[value],
                COLOUR => figure.colour = Colour::ALL[value],
                _ => figure.texture = Texture::ALL[value],
            }
            if values == Values::ShapeToo && factor != SHAPE {
                figure.shape = Shape::ALL[value];
            }
        }
        variant.check()?;
        found.push(variant);
    }
    match values {
        Values::OthersOnly => found.retain(|variant| variant != scene),
        Values::OwnFirst => {
            found.retain(|variant| variant != scene);
            found.insert(0, scene.clone());
        }
        _ => {}
    }
    Ok(found)
}

fn responses(
    network: &ResNet,
    site: &str,
    unit: usize,
    scenes: &[Scene],
    factor: usize,
    parts: Parts,
) -> Result<Tensor> {
    let mut rows = vec![];
    for scene in scenes {
        let mut row = vec![];
        for variant in variants(scene, factor, parts.values)? {
            let image = variant.render().image.to_tensor(&Device::Cpu)?.unsqueeze(0)?;
            let mut map = None;
            network.forward_visit(&(parts.normalize)(&image)?, &mut |name, activation| {
                if name == site {
                    map = Some(activation.get(0)?.get(unit)?);
                }
                Ok(None)
            })?;
            let Some(map) = map else { bail!("no site {site}") };
            let (height, width) = map.dims2()?;
            let values = map.flatten_all()?.to_vec1::<f32>()?;
            let sum: f32 = values.iter().sum();
            row.push(match parts.pool {
                Pool::Mean => sum / values.len() as f32,
                Pool::Largest => values.iter().copied().fold(f32::NEG_INFINITY, f32::max),
                Pool::Sum => sum,
                Pool::Middle => values[height / 2 * width + width / 2],
            });
        }
        rows.push(row);
    }
    let table = Tensor::new(rows, &Device::Cpu)?;
    if parts.transposed {
        table.t()?.contiguous()
    } else {
        Ok(table)
    }
}

fn curve(table: &Tensor, parts: Parts) -> Result<(Vec<f64>, Vec<f64>)> {
    let (scenes, _) = table.dims2()?;
    let columns = table.t()?.to_vec2::<f32>()?;
    let n = scenes as f64;
    let of = |column: &Vec<f32>| {
        let mean = column.iter().map(|&r| f64::from(r)).sum::<f64>() / n;
        let squares: f64 = column.iter().map(|&r| (f64::from(r) - mean).powi(2)).sum();
        let half = match parts.spread {
            Spread::Right => 1.96 * (squares / (n - 1.0) / n).sqrt(),
            Spread::OfOneScene => 1.96 * (squares / (n - 1.0)).sqrt(),
            Spread::Population => 1.96 * (squares / n / n).sqrt(),
            Spread::OneError => (squares / (n - 1.0) / n).sqrt(),
        };
        (mean, half)
    };
    Ok(columns.iter().map(of).unzip())
}

fn index(means: &[f64], parts: Parts) -> Result<f64> {
    let mut sorted = means.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    Ok((parts.index)(&sorted))
}

fn shuffled(table: &Tensor, count: usize, seed: u64, parts: Parts) -> Result<Vec<f64>> {
    let rows = table.to_vec2::<f32>()?;
    let values = table.dims2()?.1;
    // Sorted by random keys, and not with the solution's generator in the solution's order.
    let generator = || ChaCha8Rng::seed_from_u64(seed ^ 0x5eed);
    let mut random = generator();
    let mut one = || -> Result<f64> {
        if parts.shuffle == Shuffle::SameEachTime {
            random = generator();
        }
        let mut order = |count: usize| {
            let mut keyed: Vec<(u64, usize)> = (0..count).map(|i| (random.random(), i)).collect();
            keyed.sort_unstable();
            keyed.into_iter().map(|(_, i)| i).collect::<Vec<_>>()
        };
        let dealt: Vec<Vec<f32>> = match parts.shuffle {
            Shuffle::WithReplacement => rows
                .iter()
                .map(|row| row.iter().map(|_| row[random.random_range(0..values)]).collect())
                .collect(),
            Shuffle::EachScene | Shuffle::SameEachTime => rows
                .iter()
                .map(|row| order(values).iter().map(|&i| row[i]).collect())
                .collect(),
            Shuffle::OneOrder => {
                let order = order(values);
                rows.iter().map(|row| order.iter().map(|&i| row[i]).collect()).collect()
            }
            Shuffle::WholeTable => {
                let all = rows.concat();
                let all: Vec<f32> = order(all.len()).iter().map(|&i| all[i]).collect();
                all.chunks(values).map(<[f32]>::to_vec).collect()
            }
        };
        index(&curve(&Tensor::new(dealt, &Device::Cpu)?, parts)?.0, parts)
    };
    (0..count).map(|_| one()).collect()
}

fn answer(parts: Parts) -> Tuning {
    Tuning {
        counterfactuals: keep(Box::new(move |scene: &Scene, factor: usize| {
            variants(scene, factor, parts.values)
        })),
        responses: keep(Box::new(
            move |network: &ResNet, site: &str, unit: usize, scenes: &[Scene], factor: usize| {
                responses(network, site, unit, scenes, factor, parts)
            },
        )),
        curve: keep(Box::new(move |table: &Tensor| curve(table, parts))),
        index: keep(Box::new(move |means: &[f64]| index(means, parts))),
        shuffled: keep(Box::new(move |table: &Tensor, count: usize, seed: u64| {
            shuffled(table, count, seed, parts)
        })),
    }
}

/// Small scenes, of unequal shapes and colours. In a few the figure leaves no room for a badge; they are passed over.
fn small_scenes(seed: u64, count: usize) -> Vec<Scene> {
    let sampler = Sampler {
        canvas: Canvas::square(40),
        radius: (6.0, 9.0),
        badge_probability: 0.0,
        ..Sampler::default()
    };
    let all = (0..100).filter_map(|number| Scene::sample(&sampler, seed, number).ok());
    all.take(count)
        .map(|scene| scene.with_badge(Some(Badge::Square)))
        .collect()
}

/// A network whose relu has a unit for red (0), one for blue (1), and one that is always at 1 (2).
fn planted() -> Result<ResNet> {
    let config = Config::resnet18().width(4).classes(2).stem(Stem::Cifar);
    let mut weights = parameters::initialize(&config, 0)?;
    // One channel against the two others, at the pixel itself; nothing for the others.
    let weight = |out: usize, channel: usize, place: usize| match (out, place) {
        (0 | 1, 4) if channel == 2 * out => 1.0,
        (0 | 1, 4) => -1.0f32,
        _ => 0.0,
    };
    let values = (0..4 * 3 * 9).map(|n| weight(n / 27, n / 9 % 3, n % 9)).collect();
    let conv1 = Tensor::from_vec(values, (4, 3, 3, 3), &Device::Cpu)?;
    weights.insert("conv1.weight".into(), conv1);
    weights.insert("bn1.bias".into(), tensor(&[0.0, 0.0, 1.0, 0.0], 4));
    ResNet::new(&config, &weights)
}

/// Per variant: the value of the factor, and whether anything else differs from the scene.
fn observe(scene: &Scene, factor: usize, variants: Result<Vec<Scene>>) -> Result<Observed> {
    let variants = variants?;
    let value = |one: &Scene| match factor {
        SHAPE => one.figures[0].shape.index(),
        COLOUR => one.figures[0].colour.index(),
        _ => one.figures[0].texture.index(),
    };
    let back = |one: &Scene| match factor {
        SHAPE => one.with_shape(0, scene.figures[0].shape),
        COLOUR => one.with_colour(0, scene.figures[0].colour),
        _ => one.with_texture(0, scene.figures[0].texture),
    };
    let same = |one: &Scene| Ok::<_, candle_core::Error>(back(one)? == *scene);
    let same = variants.iter().map(same).collect::<Result<Vec<_>>>()?;
    Ok(Observed::fields([
        ("values", Observed::from(variants.iter().map(value).collect::<Vec<_>>())),
        ("nothing else differs", Observed::from(same.iter().all(|same| *same))),
    ]))
}

/// What must come out of a factor with `count` values.
fn in_order_of_all(count: usize) -> Observed {
    Observed::fields([
        ("values", Observed::from((0..count).collect::<Vec<_>>())),
        ("nothing else differs", Observed::from(true)),
    ])
}

/// 4.10
pub fn tuning(seed: u64) -> Exam<Tuning> {
    let exam = Exam::new("4.10", ex4_10!(solution04))
        .faults("variant by variant", &RIGHT, answer, FAULTS)
        .alternative("one batch for all scenes", at_once());
    proofs(shuffles(seed, numbers(seed, on_scenes(seed, exam))))
}

/// All variants of all scenes through the network together.
fn at_once() -> Tuning {
    Tuning {
        responses: &|network, site, unit, scenes, factor| {
            let all = scenes
                .iter()
                .map(|scene| variants(scene, factor, Values::All))
                .collect::<Result<Vec<_>>>()?;
            let rendered: Vec<_> = all.concat().iter().map(Scene::render).collect();
            let images = resnet::normalize(&scenes::batch(&rendered, &Device::Cpu)?)?;
            let trace = network.capture(&images, &[site])?;
            let means = trace.activation(site)?.mean((2, 3))?.narrow(1, unit, 1)?;
            means.reshape((scenes.len(), ()))
        },
        ..answer(RIGHT)
    }
}

/// Variants, and what units answer to them.
fn on_scenes(seed: u64, exam: Exam<Tuning>) -> Exam<Tuning> {
    let network = planted().expect("a small network");
    let config = Config::resnet18().width(4).classes(3);
    let other = ResNet::untrained(&config, seed).expect("a small network");
    let pairs = Sampler::two_figures();
    let pair = (0..100).find_map(|number| Scene::sample(&pairs, seed, number).ok());
    let pair = pair.expect("two figures find room in some scene").with_badge(None);
    exam.given((small_scenes(seed, 5), network, other, pair), |on| {
        on.part("counterfactuals")
            .truth(
                "the shapes of a scene",
                in_order_of_all(Shape::COUNT),
                |f, (scenes, ..)| observe(&scenes[0], SHAPE, (f.counterfactuals)(&scenes[0], SHAPE)),
            )
            .because(
                "Ten scenes in the order of Shape::ALL, and nothing but the shape differs: texture, turn and badge \
                 stay.",
            )
            .truth(
                "the colours of another",
                in_order_of_all(Colour::COUNT),
                |f, (scenes, ..)| observe(&scenes[1], COLOUR, (f.counterfactuals)(&scenes[1], COLOUR)),
            )
            .because("Factor::Colour: eight scenes in the order of Colour::ALL.")
            .truth(
                "the textures of a third",
                in_order_of_all(Texture::COUNT),
                |f, (scenes, ..)| observe(&scenes[2], TEXTURE, (f.counterfactuals)(&scenes[2], TEXTURE)),
            )
            .because("Factor::Texture: six scenes in the order of Texture::ALL.")
            .truth(
                "the colours of the first of two figures",
                in_order_of_all(Colour::COUNT),
                |f, (.., pair)| observe(pair, COLOUR, (f.counterfactuals)(pair, COLOUR)),
            )
            .because("The values are those of figure 0, and figure 1 stays as it is.")
            .part("responses")
            .truth(
                "a unit that is always at 1, two scenes in eight colours",
                tensor(&[1.0; 16], (2, 8)),
                |f, (s, n, ..)| (f.responses)(n, "relu", 2, &s[..2], COLOUR),
            )
            .because("A factor that the unit cannot see gives a flat curve.")
            .truth(
                "a unit for red and one for blue: the best colour of four scenes",
                vec![Colour::Red.index(), Colour::Blue.index()],
                |f, (s, n, ..)| {
                    let best = |unit: usize| -> Result<usize> {
                        let sums = (f.responses)(n, "relu", unit, &s[..4], COLOUR)?
                            .sum(0)?
                            .to_vec1::<f32>()?;
                        Ok((0..sums.len()).fold(0, |best, i| if sums[i] > sums[best] { i } else { best }))
                    };
                    Ok::<_, candle_core::Error>(vec![best(0)?, best(1)?])
                },
            )
            .because("The units were planted: one channel against the two others.")
            .case(
                "layer1 of a random network, unit 3, two scenes in ten shapes",
                |f, (s, _, n, _)| (f.responses)(n, "layer1", 3, &s[..2], SHAPE),
            )
            .within(Tolerance::relative(1e-3))
            .because("Each scene has a row of its own; its variants are normalized once, by resnet::normalize.")
            .case(
                "bn1 of the same, unit 1, whose map has both signs, two scenes in eight colours",
                |f, (s, _, n, _)| (f.responses)(n, "bn1", 1, &s[..2], COLOUR),
            )
            .within(Tolerance::relative(1e-3))
            .because("The mean of the map as it is. What is below 0 counts against what is above.")
            .holds(Sign)
            .case(
                "layer1.0.relu of the same, unit 0, five scenes in six textures",
                |f, (s, _, n, _)| (f.responses)(n, "layer1.0.relu", 0, s, TEXTURE),
            )
            .within(Tolerance::relative(1e-3))
            .holds(Names)
            .refuses("no scene", |f, (_, n, ..)| (f.responses)(n, "relu", 0, &[], SHAPE))
    })
}

/// Curves and indices of tables.
fn numbers(seed: u64, exam: Exam<Tuning>) -> Exam<Tuning> {
    let mut random = Random::new(seed, 410);
    let table = random.between(0.0, 4.0, (7, 5));
    let means: Vec<f64> = random
        .between(0.0, 2.0, 6)
        .to_vec1::<f32>()
        .expect("numbers")
        .iter()
        .map(|&x| (f64::from(x) * 100.0).round() / 100.0)
        .collect();
    let listed: Vec<String> = means.iter().map(|mean| format!("{mean:.2}")).collect();
    exam.part("tuning_curve")
        .truth(
            "two scenes: (1, 4) and (3, 4)",
            (vec![2.0, 4.0], vec![1.96, 0.0]),
            |f| (f.curve)(&tensor(&[1., 4., 3., 4.], (2, 2))),
        )
        .because("Mean 2, deviation √2 with n − 1 = 1, and √2/√2 = 1; the second column does not vary.")
        .given(table, |on| {
            on.case("seven random scenes, five values", |f, table| (f.curve)(table))
                .case("the same in a transposed tensor", |f, table| (f.curve)(&askew(table)))
                .holds(NotContiguous)
                .case("the same, 10⁻¹² as strong", |f, table| (f.curve)(&(table * 1e-12)?))
                .holds(Scale)
                .case("the same, and 10,000 more", |f, table| (f.curve)(&(table + 1e4)?))
                .within(Tolerance::relative(1e-4))
                .because(
                    "The level does not matter. Subtract the mean before you square: a difference of large squares \
                     loses \
                     the spread.",
                )
                .holds(Scale)
        })
        .part("tuning_index")
        .truth("means 3, 2, 0", 0.5, |f| (f.index)(&[3.0, 2.0, 0.0]))
        .because("The mean of the others is 1: (3 − 1) / (3 + 1).")
        .truth("means 0, 0, 2, 0", 1.0, |f| (f.index)(&[0.0, 0.0, 2.0, 0.0]))
        .because("Nothing but one value drives the unit.")
        .truth("means 5, 5", 0.0, |f| (f.index)(&[5.0, 5.0]))
        .because("One 5 is the best, the other 5 is the mean of the others: they are equal.")
        .holds(Ties)
        .truth("means 0, 0, 0", 0.0, |f| (f.index)(&[0.0; 3]))
        .because("A unit that answers to nothing is selective for nothing.")
        .truth("means 3·10⁻⁹, 2·10⁻⁹, 0", 0.5, |f| {
            (f.index)(&[3e-9, 2e-9, 0.0])
        })
        .because("As for 3, 2, 0: nothing is added below the line.")
        .holds(Scale)
        .case(format!("means {}", listed.join(", ")), move |f| (f.index)(&means))
}

/// What chance gives: its properties, since every generator is right.
fn shuffles(seed: u64, exam: Exam<Tuning>) -> Exam<Tuning> {
    let mut random = Random::new(seed, 411);
    // Scenes of very unequal level that do not care for the factor.
    let level = random
        .between(0.0, 9.0, (30, 1))
        .broadcast_as((30, 6))
        .and_then(|x| x.contiguous());
    // Each scene answers to value 2 alone.
    let tuned: Vec<f32> = (0..120 * 6).map(|i| if i % 6 == 2 { 1.0 } else { 0.0 }).collect();
    exam.given((level.expect("a table"), tensor(&tuned, (120, 6))), |on| {
        on.part("shuffled_indices")
            .truth(
                "30 scenes of unequal level, each the same for all values: are 50 indices 0?",
                true,
                |f, (level, _)| {
                    let found = (f.shuffled)(level, 50, 3)?;
                    Ok::<_, candle_core::Error>(found.len() == 50 && found.iter().all(|index| index.abs() < 1e-5))
                },
            )
            .because("Within a scene there is nothing to deal out, so nothing can come of it.")
            .truth(
                "two scenes with responses (1, 0): is each of 50 indices 0 or 1?",
                true,
                |f, _| {
                    let found = (f.shuffled)(&tensor(&[1., 0., 1., 0.], (2, 2)), 50, 3)?;
                    let either = |index: &f64| index.abs() < 1e-5 || (index - 1.0).abs() < 1e-5;
                    Ok::<_, candle_core::Error>(found.len() == 50 && found.iter().all(either))
                },
            )
            .because("Each scene deals out one 1 and one 0: the means are (1, 0), (½, ½) or (0, 1).")
            .truth(
                "one scene answers (1, 0), another (0, 1): which indices are among 50, in tenths?",
                vec![0, 10],
                |f, _| {
                    let found = (f.shuffled)(&tensor(&[1., 0., 0., 1.], (2, 2)), 50, 3)?;
                    let mut tenths: Vec<usize> = found.iter().map(|index| (10.0 * index).round() as usize).collect();
                    tenths.sort_unstable();
                    tenths.dedup();
                    Ok::<_, candle_core::Error>(tenths)
                },
            )
            .because(
                "The curve is (½, ½) if the two ones fall on different values, and (1, 0) or (0, 1) else. An index is \
                 that \
                 of the curve over all scenes.",
            )
            .truth(
                "120 scenes that answer to one value alone: are 50 indices between 0 and 0.8?",
                true,
                |f, (_, tuned)| {
                    let found = (f.shuffled)(tuned, 50, 3)?;
                    Ok::<_, candle_core::Error>(
                        found.len() == 50 && found.iter().all(|index| (0.0..0.8).contains(index)),
                    )
                },
            )
            .because(
                "The index of the curve itself is 1. Dealt out anew in each scene, the ones spread over six values.",
            )
            .truth(
                "the 120 again: are 20 indices of more than one size, the same for the same seed, and others for \
                 another?",
                Observed::fields([
                    ("more than one size", true),
                    ("the same for the same seed", true),
                    ("others for another seed", true),
                ]),
                |f, (_, tuned)| -> Result<Observed> {
                    let found = (f.shuffled)(tuned, 20, 8)?;
                    Ok(Observed::fields([
                        ("more than one size", found.iter().any(|index| *index != found[0])),
                        ("the same for the same seed", (f.shuffled)(tuned, 20, 8)? == found),
                        ("others for another seed", (f.shuffled)(tuned, 20, 9)? != found),
                    ]))
                },
            )
            .because("ChaCha8Rng::seed_from_u64(seed), made once for all shuffles.")
            .truth("no shuffle", Vec::<f64>::new(), |f, (_, tuned)| {
                (f.shuffled)(tuned, 0, 1)
            })
            .holds(Empty)
    })
}

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Tuning>] = &[
    slip(Names, "the first site that ends so", |f| {
        f.responses = &|network, site, unit, scenes, factor| {
            let site = if site == "layer1.0.relu" { "relu" } else { site };
            responses(network, site, unit, scenes, factor, RIGHT)
        }
    }),
    slip(Sign, "a map cut at 0", |f| {
        f.responses = &|network, site, unit, scenes, factor| match site {
            "bn1" => responses(network, "relu", unit, scenes, factor, RIGHT),
            _ => responses(network, site, unit, scenes, factor, RIGHT),
        }
    }),
    slip(Errors, "no scene gives no row", |f| {
        f.responses = &|network, site, unit, scenes, factor| match scenes {
            [] => Tensor::zeros((0, Shape::COUNT), candle_core::DType::F32, &Device::Cpu),
            _ => responses(network, site, unit, scenes, factor, RIGHT),
        }
    }),
    slip(NotContiguous, "only a table that lies in order", |f| {
        f.curve = &|table| {
            in_order(&[table])?;
            curve(table, RIGHT)
        }
    }),
    slip(Scale, "responses below 1e-8 taken for 0", |f| {
        f.curve = &|table| {
            let kept = table.abs()?.gt(1e-8f32)?.to_dtype(table.dtype())?;
            curve(&(table * kept)?, RIGHT)
        }
    }),
    slip(Scale, "mean of the squares less square of the mean", |f| {
        f.curve = &|table| {
            let (n, mean) = (table.dim(0)? as f64, table.mean(0)?);
            let spread = (table.sqr()?.mean(0)? - mean.sqr()?)?.maximum(0f32)?;
            let half = ((spread / (n - 1.0))?.sqrt()? * 1.96)?.to_vec1::<f32>()?;
            Ok((curve(table, RIGHT)?.0, half.into_iter().map(f64::from).collect()))
        }
    }),
    slip(Scale, "a small number below the line", |f| {
        f.index = &|means| Ok(index(means, RIGHT)? / (1.0 + 1e-9 / means.iter().sum::<f64>().max(1e-30)))
    }),
    slip(Ties, "best means above all others", |f| {
        f.index = &|means| match means {
            [a, b] if a == b => bail!("no best"),
            _ => index(means, RIGHT),
        }
    }),
    slip(Empty, "one shuffle at least", |f| {
        f.shuffled = &|table, count, seed| shuffled(table, count.max(1), seed, RIGHT)
    }),
];

/// What is wrong, and what it replaces in a right answer.
type Refused = (&'static str, fn(&mut Tuning));

/// Answers that once passed, or were named wrongly.
const PASSED: &[Refused] = &[
    ("the badge lost", |f| {
        f.counterfactuals = &|scene, factor| variants(&scene.with_badge(None), factor, Values::All)
    }),
    ("the seed ignored", |f| {
        f.shuffled = &|table, count, _| shuffled(table, count, 0, RIGHT)
    }),
    ("the index of each scene, averaged", |f| {
        f.shuffled = &|table, count, _| {
            let of = |row: Vec<f32>| index(&row.into_iter().map(f64::from).collect::<Vec<_>>(), RIGHT);
            let all = table
                .to_vec2::<f32>()?
                .into_iter()
                .map(of)
                .collect::<Result<Vec<_>>>()?;
            Ok(vec![mean(&all); count])
        }
    }),
];

fn proofs(exam: Exam<Tuning>) -> Exam<Tuning> {
    exam.proofs(answer(RIGHT), PROOFS)
        .refused(answer(RIGHT), PASSED)
        .spared(&[Batch], "tried as mistakes: which row is which scene")
        .spared(&[Sizes], "numbers of scenes and values differ in every input")
        .spared(&[Combined], "site, unit and factor come together in the inputs")
        .spared(
            &[Returned, Wiring],
            "each function is asked for by itself; their order is tried as mistakes",
        )
        .spared(&[NotFinite], "NaN is not spoken of")
}
