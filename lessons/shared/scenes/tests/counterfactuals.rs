//! Changing one factor changes the pixels it must and no other.

mod oracle;

use oracle::Outline;
use scenes::{Badge, Colour, Grain, Point, Sampler, Scene, Shape, Texture};

/// Every pixel that neither scene's first figure or badge touches has the same bytes; returns how many do differ.
#[track_caller]
fn assert_rest_untouched(before: &Scene, after: &Scene) -> usize {
    let outlines = [
        Outline::of_figure(&before.figures[0]),
        Outline::of_figure(&after.figures[0]),
        Outline::of_badge(before),
        Outline::of_badge(after),
    ];
    // A figure that did not change is part of the rest, and so is a badge.
    let figure_changed = before.figures[0] != after.figures[0];
    let badge_changed = before.badge != after.badge || before.badge_place != after.badge_place;
    let active = [figure_changed, figure_changed, badge_changed, badge_changed];
    let (first, second) = (before.render().image, after.render().image);
    let mut differing = 0;
    for row in 0..first.height {
        for column in 0..first.width {
            let touched = outlines
                .iter()
                .zip(active)
                .any(|(outline, active)| active && outline.hits(column, row) > 0);
            let same = first.pixel(column, row) == second.pixel(column, row);
            assert!(
                same || touched,
                "column {column}, row {row} changed: {before:?} {after:?}"
            );
            differing += usize::from(!same);
        }
    }
    differing
}

#[test]
fn one_factor_changes_its_own_pixels_only() {
    for sampler in [Sampler::default(), Sampler::two_figures()] {
        for index in 0..12 {
            let scene = Scene::sample(&sampler, 21, index).unwrap();
            let figure = scene.figures[0];
            let shape = Shape::ALL[(figure.shape.index() + 3) % Shape::COUNT];
            let colour = Colour::ALL[(figure.colour.index() + 1) % Colour::COUNT];
            let texture = Texture::ALL[(figure.texture.index() + 1) % Texture::COUNT];
            let nudged = Point {
                x: figure.place.x + 0.7,
                ..figure.place
            };
            let badge = if scene.badge == Some(Badge::Dot) {
                None
            } else {
                Some(Badge::Dot)
            };
            for (what, changed) in [
                ("shape", scene.with_shape(0, shape).unwrap()),
                ("colour", scene.with_colour(0, colour).unwrap()),
                ("texture", scene.with_texture(0, texture).unwrap()),
                ("size", scene.with_size(0, 0.8 * figure.radius).unwrap()),
                ("place", scene.with_place(0, nudged).unwrap()),
                ("badge", scene.with_badge(badge)),
            ] {
                let differing = assert_rest_untouched(&scene, &changed);
                assert!(
                    differing > 30,
                    "scene {index}: a change of {what} shows, {differing} pixels"
                );
            }
            // A disc may be turned without a trace, so only its surroundings are checked.
            assert_rest_untouched(&scene, &scene.with_rotation(0, figure.rotation + 1.0).unwrap());
        }
    }
}

/// Inside the figure the grain stays, too: the difference of two colours is the difference of the bytes.
#[test]
fn the_grain_is_the_same_under_a_changed_figure() {
    let scene = Scene::sample(&Sampler::default(), 22, 0).unwrap();
    let scene = scene.with_texture(0, Texture::Solid).unwrap();
    let (green, purple) = (
        scene.with_colour(0, Colour::Green).unwrap(),
        scene.with_colour(0, Colour::Purple).unwrap(),
    );
    let (first, second) = (green.render(), purple.render());
    let outline = Outline::of_figure(&scene.figures[0]);
    let mut values = std::collections::BTreeSet::new();
    for row in 0..128 {
        for column in 0..128 {
            if outline.hits(column, row) == 9 {
                let (a, b) = (first.image.pixel(column, row), second.image.pixel(column, row));
                for channel in 0..3 {
                    let expected = i32::from(Colour::Purple.main()[channel]) - i32::from(Colour::Green.main()[channel]);
                    assert_eq!(i32::from(b[channel]) - i32::from(a[channel]), expected);
                }
                values.insert(a[0]);
            }
        }
    }
    assert!(values.len() > 5, "there is grain to be kept: {values:?}");
}

#[test]
fn colour_and_texture_leave_the_masks_alone() {
    let scene = Scene::sample(&Sampler::default(), 23, 0).unwrap();
    let area = scene.render().masks.figure(0);
    for colour in Colour::ALL {
        for texture in Texture::ALL {
            let changed = scene.with_colour(0, colour).unwrap().with_texture(0, texture).unwrap();
            assert_eq!(changed.render().masks.figure(0), area, "{colour}, {texture}");
        }
    }
}

#[test]
fn changing_there_and_back_is_the_same_scene() {
    let scene = Scene::sample(&Sampler::two_figures(), 24, 0).unwrap();
    let shape = scene.figures[1].shape;
    let back = scene.with_shape(1, Shape::Heart).unwrap().with_shape(1, shape).unwrap();
    assert_eq!(back.render(), scene.render());
}

/// The grain has the strength it says and changes with its seed.
#[test]
fn grain_has_its_strength_and_its_seed() {
    let scene = Scene::sample(&Sampler::default(), 25, 0).unwrap().with_badge(None);
    let smooth = scene.with_grain(Grain { strength: 0.0, seed: 1 }).render().image;
    let grainy = scene.with_grain(Grain { strength: 4.0, seed: 1 }).render().image;
    let other = scene.with_grain(Grain { strength: 4.0, seed: 2 }).render().image;
    assert_ne!(grainy, other);
    let differences: Vec<f64> = smooth
        .pixels
        .iter()
        .zip(&grainy.pixels)
        .filter(|(value, _)| (25..=230).contains(*value))
        .map(|(&a, &b)| f64::from(b) - f64::from(a))
        .collect();
    let mean = differences.iter().sum::<f64>() / differences.len() as f64;
    let deviation = (differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / differences.len() as f64).sqrt();
    assert!(mean.abs() < 0.15, "expected mean 0, got {mean}");
    assert!((deviation - 4.0).abs() < 0.15, "expected 4, got {deviation}");
}

#[test]
fn an_impossible_change_says_why() {
    let scene = Scene::sample(&Sampler::two_figures(), 26, 0).unwrap().with_badge(None);
    let expect = |result: candle_core::Result<Scene>, words: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(words), "expected {words:?} in {error:?}");
    };
    expect(
        scene.with_shape(2, Shape::Star),
        "expected a figure below 2, got figure 2",
    );
    expect(
        scene.with_size(0, 200.0),
        "expected figure 0 inside the 224×224 canvas, got radius 200.0",
    );
    expect(
        scene.with_size(0, f64::NAN),
        "expected figure 0 inside the 224×224 canvas",
    );
    expect(scene.with_place(1, Point::new(1.0, 100.0)), "expected figure 1 inside");
    expect(
        scene.with_place(1, scene.figures[0].place),
        "expected figure 0 and figure 1 at least",
    );
    expect(
        scene.with_badge_place(scene.figures[1].place),
        "expected figure 1 and the place kept for a badge at least",
    );
}
