//! Statistics of the sampler: uniform, independent, and everything on the canvas.
//!
//! The tests of chance are chi-squared tests on fixed seeds, so each run gives the same answer. Each allows 4 standard
//! deviations of its normal approximation (Wilson & Hilferty 1931), a chance of 3 in 100,000 for a good sampler.

use std::f64::consts::TAU;

use scenes::{Badge, Canvas, Colour, Sampler, Scene, Shape, Texture};

const SCENES: u64 = 8_000;
const CRITICAL: f64 = 4.0;

fn sample(sampler: &Sampler, seed: u64) -> Vec<Scene> {
    (0..SCENES)
        .map(|index| Scene::sample(sampler, seed, index).unwrap())
        .collect()
}

/// How many standard deviations a chi-squared statistic lies above what chance gives.
fn deviations(statistic: f64, freedom: f64) -> f64 {
    let spread = 2.0 / (9.0 * freedom);
    ((statistic / freedom).cbrt() - (1.0 - spread)) / spread.sqrt()
}

/// Deviations of counts from equal shares.
fn from_uniform(levels: &[usize], count: usize) -> f64 {
    let expected = levels.len() as f64 / count as f64;
    let statistic: f64 = (0..count)
        .map(|level| levels.iter().filter(|&&other| other == level).count() as f64)
        .map(|observed| (observed - expected).powi(2) / expected)
        .sum();
    deviations(statistic, count as f64 - 1.0)
}

/// Deviations of a contingency table from the product of its margins.
fn from_independence(a: &[usize], b: &[usize]) -> f64 {
    let (rows, columns) = (a.iter().max().unwrap() + 1, b.iter().max().unwrap() + 1);
    let mut table = vec![vec![0.0; columns]; rows];
    for (&row, &column) in a.iter().zip(b) {
        table[row][column] += 1.0;
    }
    let row_sums: Vec<f64> = table.iter().map(|row| row.iter().sum()).collect();
    let column_sums: Vec<f64> = (0..columns)
        .map(|column| table.iter().map(|row| row[column]).sum())
        .collect();
    let mut statistic = 0.0;
    for row in 0..rows {
        for column in 0..columns {
            let expected = row_sums[row] * column_sums[column] / a.len() as f64;
            statistic += (table[row][column] - expected).powi(2) / expected;
        }
    }
    deviations(statistic, ((rows - 1) * (columns - 1)) as f64)
}

/// Which of `bins` equal parts of [low, high) a value falls into.
fn bin(value: f64, low: f64, high: f64, bins: usize) -> usize {
    assert!((low..=high).contains(&value), "expected {low} to {high}, got {value}");
    (((value - low) / (high - low) * bins as f64) as usize).min(bins - 1)
}

type Factor = (&'static str, usize, fn(&Scene) -> usize);

/// Every factor of a scene with one figure that is drawn uniformly, as a level below the count beside its name.
const UNIFORM: [Factor; 9] = [
    ("shape", Shape::COUNT, |scene| scene.class().index()),
    ("colour", Colour::COUNT, |scene| scene.figures[0].colour.index()),
    ("texture", Texture::COUNT, |scene| scene.figures[0].texture.index()),
    ("radius", 6, |scene| bin(scene.figures[0].radius, 20.0, 40.0, 6)),
    ("rotation", 8, |scene| bin(scene.figures[0].rotation, 0.0, TAU, 8)),
    ("relative x", 6, |scene| relative(scene.figures[0].place.x, scene)),
    ("relative y", 6, |scene| relative(scene.figures[0].place.y, scene)),
    ("direction", 8, |scene| bin(scene.background.direction, 0.0, TAU, 8)),
    ("grain", 5, |scene| bin(scene.grain.strength, 2.0, 5.0, 5)),
];

/// Place within the room that the radius leaves, in sixths.
fn relative(place: f64, scene: &Scene) -> usize {
    let inset = scene.figures[0].radius + 2.0;
    bin(place, inset, 128.0 - inset, 6)
}

fn badge(scene: &Scene) -> usize {
    scene.badge.map_or(0, |badge| 1 + badge.index())
}

/// The strongest channel of the darker background colour: its hue, in thirds.
fn background_hue(scene: &Scene) -> usize {
    (0..3).max_by_key(|&channel| scene.background.from[channel]).unwrap()
}

#[test]
fn every_factor_is_uniform() {
    let scenes = sample(&Sampler::default(), 1);
    for (name, count, level) in UNIFORM {
        let levels: Vec<usize> = scenes.iter().map(level).collect();
        let deviations = from_uniform(&levels, count);
        assert!(
            deviations < CRITICAL,
            "expected {name} uniform, got {deviations:.1} standard deviations"
        );
    }
}

#[test]
fn a_badge_shows_in_a_fifth_of_the_scenes_and_its_kind_is_uniform() {
    let badges: Vec<usize> = sample(&Sampler::default(), 1)
        .iter()
        .filter_map(|scene| scene.badge)
        .map(Badge::index)
        .collect();
    let share = badges.len() as f64 / SCENES as f64;
    let deviation = (0.2f64 * 0.8 / SCENES as f64).sqrt();
    assert!((share - 0.2).abs() < CRITICAL * deviation, "expected 0.2, got {share}");
    assert!(
        from_uniform(&badges, Badge::COUNT) < CRITICAL,
        "expected four kinds in equal shares"
    );
}

#[test]
fn every_two_factors_are_independent() {
    let scenes = sample(&Sampler::default(), 1);
    let mut factors: Vec<(&str, Vec<usize>)> = UNIFORM
        .iter()
        .map(|&(name, _, level)| (name, scenes.iter().map(level).collect()))
        .collect();
    factors.push(("badge", scenes.iter().map(badge).collect()));
    factors.push(("background hue", scenes.iter().map(background_hue).collect()));
    for (index, (name, levels)) in factors.iter().enumerate() {
        for (other_name, other_levels) in &factors[..index] {
            let deviations = from_independence(levels, other_levels);
            assert!(
                deviations < CRITICAL,
                "expected {name} and {other_name} independent, got {deviations:.1} standard deviations"
            );
        }
    }
}

/// The test above can fail: it notices a colour that follows the shape in one scene of twenty.
#[test]
fn a_planted_dependence_is_noticed() {
    let scenes = sample(&Sampler::default(), 1);
    let shapes: Vec<usize> = scenes.iter().map(|scene| scene.class().index()).collect();
    let mut colours: Vec<usize> = scenes.iter().map(|scene| scene.figures[0].colour.index()).collect();
    for (index, colour) in colours.iter_mut().enumerate().filter(|(index, _)| index % 20 == 0) {
        *colour = shapes[index] % Colour::COUNT;
    }
    assert!(from_independence(&shapes, &colours) > CRITICAL);
}

#[test]
fn the_probability_of_a_badge_changes_nothing_but_the_badge() {
    let always = Sampler {
        badge_probability: 1.0,
        ..Sampler::default()
    };
    let never = Sampler {
        badge_probability: 0.0,
        ..Sampler::default()
    };
    for index in 0..100 {
        let with = Scene::sample(&always, 4, index).unwrap();
        let without = Scene::sample(&never, 4, index).unwrap();
        assert!(with.badge.is_some(), "scene {index}");
        assert_eq!(with.with_badge(None), without, "scene {index}");
    }
}

/// Two figures: 90 ordered pairs of different shapes, and nothing that one tells of the other but "not the same".
#[test]
fn pairs_of_shapes_are_uniform_and_differ() {
    let scenes = sample(&Sampler::two_figures(), 2);
    let pairs: Vec<usize> = scenes
        .iter()
        .map(|scene| {
            let (first, second) = (scene.figures[0].shape.index(), scene.figures[1].shape.index());
            assert_ne!(first, second, "two figures of one scene have different shapes");
            9 * first + second - usize::from(second > first)
        })
        .collect();
    assert!(from_uniform(&pairs, 90) < CRITICAL);
    for factor in [
        |scene: &Scene, figure: usize| scene.figures[figure].colour.index(),
        |scene: &Scene, figure: usize| scene.figures[figure].texture.index(),
        |scene: &Scene, figure: usize| bin(scene.figures[figure].radius, 30.0, 42.0, 6),
    ] {
        let of = |figure| scenes.iter().map(|scene| factor(scene, figure)).collect::<Vec<usize>>();
        assert!(from_independence(&of(0), &of(1)) < CRITICAL);
    }
}

#[test]
fn nothing_leaves_the_canvas_or_overlaps() {
    for sampler in [Sampler::default(), Sampler::two_figures()] {
        for scene in sample(&sampler, 5) {
            scene.check().unwrap();
            for figure in &scene.figures {
                assert!((sampler.radius.0..sampler.radius.1).contains(&figure.radius));
            }
            let circles: Vec<_> = scene
                .figures
                .iter()
                .map(|figure| (figure.place, figure.radius))
                .chain([(scene.badge_place, Badge::RADIUS)])
                .collect();
            for (index, (place, radius)) in circles.iter().enumerate() {
                let room = [
                    place.x,
                    place.y,
                    sampler.canvas.width as f64 - place.x,
                    sampler.canvas.height as f64 - place.y,
                ];
                assert!(
                    room.iter().all(|room| *room >= radius + 2.0),
                    "2 pixels of margin: {scene:?}"
                );
                for (other, other_radius) in &circles[..index] {
                    let distance = (place.x - other.x).hypot(place.y - other.y);
                    assert!(distance >= radius + other_radius + 2.999, "3 pixels of gap: {scene:?}");
                }
            }
        }
    }
}

#[test]
fn a_canvas_of_any_proportions_works() {
    let sampler = Sampler {
        canvas: Canvas { width: 200, height: 90 },
        ..Sampler::default()
    };
    let image = Scene::sample(&sampler, 1, 0).unwrap().render().image;
    assert_eq!((image.width, image.height, image.pixels.len()), (200, 90, 3 * 200 * 90));
}

#[test]
fn a_sampler_out_of_range_says_what_it_expected() {
    let good = Sampler::default();
    let expect = |sampler: Sampler, words: &str| {
        let error = Scene::sample(&sampler, 0, 0).unwrap_err().to_string();
        assert!(error.contains(words), "expected {words:?} in {error:?}");
    };
    expect(Sampler { figures: 3, ..good }, "expected 1 or 2 figures, got 3");
    expect(Sampler { figures: 0, ..good }, "expected 1 or 2 figures, got 0");
    expect(
        Sampler {
            radius: (30.0, 20.0),
            ..good
        },
        "got 30 and 20",
    );
    expect(
        Sampler {
            radius: (0.0, 20.0),
            ..good
        },
        "got 0 and 20",
    );
    expect(
        Sampler {
            radius: (f64::NAN, 20.0),
            ..good
        },
        "got NaN and 20",
    );
    expect(
        Sampler {
            radius: (20.0, 63.0),
            ..good
        },
        "largest ≤ 62",
    );
    expect(
        Sampler {
            badge_probability: 1.5,
            ..good
        },
        "from 0 to 1, got 1.5",
    );
    expect(
        Sampler {
            canvas: Canvas::square(0),
            ..good
        },
        "0×0",
    );
    expect(
        Sampler {
            figures: 2,
            radius: (60.0, 62.0),
            ..good
        },
        "room for the figures",
    );
    expect(
        Sampler {
            canvas: Canvas::square(40),
            radius: (18.0, 18.0),
            ..good
        },
        "room for a badge",
    );
}
