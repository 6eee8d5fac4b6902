//! The masks are exact, and the picture shows what they say.

mod oracle;

use std::f64::consts::{PI, TAU};

use candle_core::Device;
use oracle::Outline;
use scenes::{Background, Canvas, Colour, Concept, Figure, Grain, Mask, Point, Sampler, Scene, Shape, Texture};

#[track_caller]
fn assert_mask(mask: &Mask, outline: &Outline, what: &str) {
    for row in 0..mask.height {
        for column in 0..mask.width {
            let hits = outline.hits(column, row);
            assert_eq!(
                mask.contains(column, row),
                hits >= 5,
                "{what}: {hits} of 9 samples hit at column {column}, row {row}"
            );
        }
    }
}

/// A pixel belongs to a figure or badge exactly if at least half of its samples do, by a method of its own.
#[test]
fn masks_agree_with_a_slow_oracle() {
    let bare = Sampler {
        badge_probability: 0.5,
        ..Sampler::default()
    };
    for (sampler, count) in [(bare, 120), (Sampler::two_figures(), 20)] {
        for index in 0..count {
            let scene = Scene::sample(&sampler, 11, index).unwrap();
            let masks = scene.render().masks;
            for (number, figure) in scene.figures.iter().enumerate() {
                let outline = Outline::of_figure(figure);
                assert_mask(
                    &masks.figure(number),
                    &outline,
                    &format!("scene {index}, {}", figure.shape),
                );
            }
            assert_mask(
                &masks.badge(),
                &Outline::of_badge(&scene),
                &format!("scene {index}, {:?}", scene.badge),
            );
        }
    }
}

#[test]
fn every_concept_is_masked_where_it_was_drawn_and_nowhere_else() {
    for index in 0..40 {
        let scene = Scene::sample(&Sampler::two_figures(), 12, index).unwrap();
        let masks = scene.render().masks;
        for concept in Concept::all() {
            let drawn: Vec<Mask> = match concept {
                Concept::Background => continue,
                Concept::Badge(badge) if scene.badge == Some(badge) => vec![masks.badge()],
                Concept::Badge(_) => vec![],
                _ => (0..2)
                    .filter(|&figure| {
                        let Figure {
                            shape, colour, texture, ..
                        } = scene.figures[figure];
                        let concepts = [
                            Concept::Shape(shape),
                            Concept::Colour(colour),
                            Concept::Texture(texture),
                        ];
                        concepts.contains(&concept)
                    })
                    .map(|figure| masks.figure(figure))
                    .collect(),
            };
            let expected: Vec<bool> = (0..224 * 224)
                .map(|pixel| drawn.iter().any(|mask| mask.pixels[pixel]))
                .collect();
            assert!(masks.get(concept).pixels == expected, "scene {index}: {concept}");
        }
    }
}

/// Background, figures and badge divide the picture among them.
#[test]
fn every_pixel_has_one_owner() {
    for index in 0..40 {
        let masks = Scene::sample(&Sampler::two_figures(), 13, index)
            .unwrap()
            .render()
            .masks;
        let parts = [
            masks.get(Concept::Background),
            masks.figure(0),
            masks.figure(1),
            masks.badge(),
        ];
        for pixel in 0..224 * 224 {
            let owners = parts.iter().filter(|mask| mask.pixels[pixel]).count();
            assert_eq!(owners, 1, "scene {index}, pixel {pixel}");
        }
        assert_eq!(masks.figure(2).area(), 0, "there is no third figure");
    }
}

fn analytic_area(shape: Shape) -> f64 {
    match shape {
        Shape::Disc => PI,
        Shape::Ring => PI * (1.0 - 0.55 * 0.55),
        Shape::Triangle => 27f64.sqrt() / 4.0,
        Shape::Square => 2.0,
        Shape::Star => 10.0 * 0.5 * 0.46 * (PI / 5.0).sin(), // ten triangles: ½ · inner · outer · sin 36°
        Shape::Cross => 8.0 * 0.3 * 0.9539 - 4.0 * 0.3 * 0.3,
        Shape::Crescent => {
            // The disc without the lens that it shares with the bite.
            let (bite, apart): (f64, f64) = (0.8, 0.48);
            let own = ((apart * apart + 1.0 - bite * bite) / (2.0 * apart)).acos();
            let other = ((apart * apart + bite * bite - 1.0) / (2.0 * apart * bite)).acos();
            let kite = apart * own.sin();
            PI - (own + bite * bite * other - kite)
        }
        Shape::Heart => 1.12 * 1.12 * (1.0 + PI / 4.0),
        Shape::Arrow => 0.95 * 0.82 + 1.01 * 0.54,
        Shape::Hourglass => 2.0 * 0.73 * (0.68 + 0.13),
    }
}

fn plain(figure: Figure) -> Scene {
    Scene {
        canvas: Canvas::square(128),
        figures: vec![figure],
        background: Background {
            from: [190, 190, 190],
            to: [210, 210, 210],
            direction: 0.0,
        },
        grain: Grain { strength: 0.0, seed: 0 },
        badge: None,
        badge_place: Point::new(10.0, 10.0),
    }
}

/// The mean over 36 turns and sub-pixel shifts is the area by formula within 1 %.
#[test]
fn areas_match_the_formulas() {
    for shape in Shape::ALL {
        let radius = 36.0;
        let areas = (0..36).map(|step| {
            let step = f64::from(step);
            let figure = Figure {
                shape,
                colour: Colour::Red,
                texture: Texture::Solid,
                radius,
                place: Point::new(64.0 + (0.37 * step) % 1.0, 64.0 + (0.73 * step) % 1.0),
                rotation: TAU * step / 36.0,
            };
            plain(figure).render().masks.get(Concept::Shape(shape)).area() as f64
        });
        let mean = areas.sum::<f64>() / 36.0;
        let expected = analytic_area(shape) * radius * radius;
        assert!(
            (mean / expected - 1.0).abs() < 0.01,
            "{shape}: expected {expected:.0} pixels, got {mean:.0}"
        );
    }
}

/// Shapes reach the rim of their circle and do not cross it.
#[test]
fn every_shape_fills_its_circle() {
    for shape in Shape::ALL {
        let mut farthest: f64 = 0.0;
        for step in 0..1000 * 1000 {
            let (u, v) = (
                f64::from(step % 1000) / 450.0 - 1.11,
                f64::from(step / 1000) / 450.0 - 1.11,
            );
            if shape.contains(u, v) {
                farthest = farthest.max(u.hypot(v));
            }
        }
        assert!((0.98..=1.0).contains(&farthest), "{shape} reaches {farthest}");
    }
}

/// No shape turned by any angle resembles another, or a texture would have to tell them apart.
#[test]
fn no_two_shapes_coincide_under_a_rotation() {
    let grid: Vec<(f64, f64)> = (0..1600)
        .map(|step| (f64::from(step % 40) / 20.0 - 0.975, f64::from(step / 40) / 20.0 - 0.975))
        .collect();
    for (index, first) in Shape::ALL.into_iter().enumerate() {
        for &second in &Shape::ALL[..index] {
            for degrees in 0..360 {
                let (sin, cos) = f64::from(degrees).to_radians().sin_cos();
                let (mut both, mut either) = (0, 0);
                for &(u, v) in &grid {
                    let (a, b) = (
                        first.contains(u, v),
                        second.contains(u * cos - v * sin, u * sin + v * cos),
                    );
                    both += u32::from(a && b);
                    either += u32::from(a || b);
                }
                let overlap = f64::from(both) / f64::from(either);
                assert!(
                    overlap < 0.85,
                    "{first} and {second} turned by {degrees}° share {overlap:.2}"
                );
            }
        }
    }
}

/// Without grain a pixel inside a solid figure has its colour exactly, and one outside has the gradient's.
#[test]
fn the_picture_shows_what_the_mask_says() {
    for index in 0..30 {
        let scene = Scene::sample(&Sampler::default(), 14, index).unwrap();
        let scene = scene.with_texture(0, Texture::Solid).unwrap().with_badge(None);
        let scene = scene.with_grain(Grain {
            strength: 0.0,
            ..scene.grain
        });
        let image = scene.render().image;
        let outline = Outline::of_figure(&scene.figures[0]);
        let Background { from, to, .. } = scene.background;
        for row in 0..128 {
            for column in 0..128 {
                let pixel = image.pixel(column, row);
                match outline.hits(column, row) {
                    9 => assert_eq!(
                        pixel,
                        scene.figures[0].colour.main(),
                        "inside, column {column}, row {row}"
                    ),
                    0 => {
                        for channel in 0..3 {
                            let (low, high) = (from[channel].min(to[channel]), from[channel].max(to[channel]));
                            assert!(
                                (low..=high).contains(&pixel[channel]),
                                "outside, column {column}, row {row}"
                            );
                        }
                    }
                    _ => {}
                }
            }
        }
    }
}

/// The background runs from its first colour to its second along its direction: here upwards, 90°.
#[test]
fn the_gradient_runs_in_its_direction() {
    let scene = Scene::sample(&Sampler::default(), 15, 0).unwrap();
    let background = Background {
        from: [100, 150, 200],
        to: [200, 150, 100],
        direction: PI / 2.0,
    };
    let image = scene
        .with_background(background)
        .with_grain(Grain { strength: 0.0, seed: 0 })
        .render()
        .image;
    assert_eq!(image.pixel(0, 127), [100, 150, 200]);
    assert_eq!(image.pixel(0, 0), [200, 150, 100]);
    assert_eq!(image.pixel(127, 0), image.pixel(0, 0), "nothing changes across");
}

/// Along its own direction a stripe keeps its tone; the turn of the figure does not matter.
#[test]
fn stripes_run_at_their_angle_in_the_picture_however_the_figure_turns() {
    let angles = [
        (Texture::Stripes0, 0.0f64),
        (Texture::Stripes60, 60.0),
        (Texture::Stripes120, 120.0),
    ];
    for (texture, degrees) in angles {
        let figure = Figure {
            shape: Shape::Disc,
            colour: Colour::Blue,
            texture,
            radius: 40.0,
            place: Point::new(64.0, 64.0),
            rotation: 0.4,
        };
        let image = plain(figure).render().image;
        let turned = plain(Figure {
            rotation: 2.9,
            ..figure
        })
        .render()
        .image;
        assert_eq!(image, turned, "a disc with {texture} looks the same turned");

        let (sin, cos) = degrees.to_radians().sin_cos();
        let green = |along: f64, across: f64| {
            let (right, up) = (along * cos - across * sin, along * sin + across * cos);
            image.pixel((64.0 + right) as usize, (64.0 - up) as usize)[1]
        };
        for step in -25..=25 {
            let along = f64::from(step);
            assert!(green(along, 0.0) > 80, "main tone in the middle, {texture} at {along}");
            assert!(
                green(along, 4.0) < 56,
                "deep tone half a period on, {texture} at {along}"
            );
            assert!(green(along, 8.0) > 80, "main tone a period on, {texture} at {along}");
        }
    }
}

/// Deep tone covers half of a striped or checkered surface, a third of a dotted one, none of a solid one.
#[test]
fn textures_have_the_share_of_deep_tone_they_should() {
    let dots = PI * Texture::DOT_RADIUS.powi(2) / (Texture::DOT_PERIOD.powi(2) * 0.75f64.sqrt());
    for texture in Texture::ALL {
        let expected = match texture {
            Texture::Solid => 0.0,
            Texture::Dots => dots,
            _ => 0.5,
        };
        let deep = (0..1_000_000)
            .filter(|step| {
                texture.is_deep(
                    f64::from(step % 1000) * 0.317 - 150.0,
                    f64::from(step / 1000) * 0.317 - 150.0,
                )
            })
            .count();
        let share = deep as f64 / 1e6;
        assert!(
            (share - expected).abs() < 0.01,
            "{texture}: expected {expected:.3}, got {share:.3}"
        );
    }
}

#[test]
fn tensors_hold_the_picture_in_planes() {
    let rendered = [0, 1].map(|index| Scene::sample(&Sampler::default(), 16, index).unwrap().render());
    let batch = scenes::batch(&rendered, &Device::Cpu).unwrap();
    assert_eq!(batch.dims(), [2, 3, 128, 128]);
    let values: Vec<Vec<Vec<Vec<f32>>>> = (0..2).map(|n| batch.get(n).unwrap().to_vec3().unwrap()).collect();
    for (n, channel, row, column) in [(0, 0, 0, 0), (0, 2, 5, 100), (1, 1, 127, 3)] {
        let byte = rendered[n].image.pixel(column, row)[channel];
        assert_eq!(values[n][channel][row][column], f32::from(byte) / 255.0);
    }
    let labels: Vec<u32> = scenes::labels(&rendered, &Device::Cpu).unwrap().to_vec1().unwrap();
    assert_eq!(
        labels,
        rendered
            .each_ref()
            .map(|rendered| rendered.scene.class().index() as u32)
    );

    let mask = rendered[0].masks.figure(0);
    let sum = mask
        .to_tensor(&Device::Cpu)
        .unwrap()
        .sum_all()
        .unwrap()
        .to_scalar::<f32>()
        .unwrap();
    assert_eq!(sum as usize, mask.area());
}

#[test]
fn a_batch_refuses_what_it_cannot_stack() {
    let small = Scene::sample(&Sampler::default(), 17, 0).unwrap().render();
    let large = Scene::sample(&Sampler::two_figures(), 17, 0).unwrap().render();
    let error = scenes::batch(&[small, large], &Device::Cpu).unwrap_err().to_string();
    assert!(
        error.contains("expected 128×128 like the first image, got 224×224"),
        "{error}"
    );
    let error = scenes::batch(&[], &Device::Cpu).unwrap_err().to_string();
    assert!(error.contains("expected at least one scene"), "{error}");
}

#[test]
fn names_and_indices_lead_back_and_are_unique() {
    let names: std::collections::BTreeSet<String> = Concept::all().iter().map(Concept::to_string).collect();
    assert_eq!(names.len(), 10 + 8 + 6 + 4 + 1, "{names:?}");
    for shape in Shape::ALL {
        assert_eq!(Shape::from_index(shape.index()), Some(shape));
    }
    assert_eq!(Shape::from_index(Shape::COUNT), None);
}
