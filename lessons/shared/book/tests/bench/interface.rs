//! The addresses of `lessons/shared/microscope/README.md`.

use std::time::Instant;

use microscope::bench::{Bench, Request};
use scenes::{Background, Badge, Canvas, Colour, Figure, Grain, Point, Scene, Shape, Texture};
use serde_json::{Value, json};

use crate::course_copy::Copy;

fn request(scene: &Scene, class: Shape) -> Value {
    json!({ "network": "scenes", "site": "layer4", "unit": 5, "class": class.index(), "image": { "scene": scene } })
}

/// As the bench writes it: this file is the code, and the test below compares the text.
#[rustfmt::skip]
fn copied() -> Scene {
Scene {
    canvas: Canvas { width: 128, height: 128 },
    figures: vec![
        Figure { shape: Shape::Star, colour: Colour::Blue, texture: Texture::Stripes60, radius: 30.0, place: Point { x: 44.0, y: 80.5 }, rotation: 0.25 },
        Figure { shape: Shape::Disc, colour: Colour::Red, texture: Texture::Solid, radius: 20.0, place: Point { x: 96.0, y: 40.0 }, rotation: -1.0 },
    ],
    background: Background { from: [120, 130, 140], to: [180, 190, 200], direction: 1.5 },
    grain: Grain { strength: 3.5, seed: 18446744073709551615 },
    badge: Some(Badge::Dot),
    badge_place: Point { x: 8.0, y: 120.0 },
}
}

#[test]
fn a_scene_copied_as_rust_is_the_scene() {
    let text = microscope::bench::rust(&copied()).unwrap();
    assert!(
        include_str!("interface.rs").contains(&format!("fn copied() -> Scene {{\n{text}\n}}\n")),
        "{text}"
    );
}

#[test]
fn the_bench_answers_as_the_network_does_and_refuses_with_a_sentence() {
    let copy = Copy::start();
    assert_eq!(copy.ask("GET", "/api/bench", None, false).0, 403, "only with the key");

    let (status, choices) = copy.get("/api/bench");
    assert_eq!(status, 200);
    let names: Vec<_> = choices["networks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["network"])
        .collect();
    assert_eq!(
        names,
        ["scenes", "robust"],
        "the case is nobody's business before 5.9 passes"
    );
    assert_eq!(choices["networks"][0]["sites"][4], json!(["layer4", 128]));
    assert_eq!(copy.get("/api/bench/scene/3").1["figures"].as_array().unwrap().len(), 1);

    // What it says is what the network says.
    let scene: Scene = serde_json::from_value(choices["scene"].clone()).unwrap();
    let asked = request(&scene, Shape::Star);
    let (status, answer) = copy.post("/api/bench/look", &asked);
    assert_eq!(status, 200, "{answer}");
    let bench = Bench::default();
    let prepared = bench
        .prepare(serde_json::from_value::<Request>(asked.clone()).unwrap())
        .unwrap();
    let logits = prepared
        .subject
        .network
        .forward(&prepared.input)
        .unwrap()
        .squeeze(0)
        .unwrap()
        .to_vec1::<f32>()
        .unwrap();
    close(&answer["logits"], &logits);
    let trace = prepared.subject.network.capture(&prepared.input, &["layer4"]).unwrap();
    let map = trace.activation("layer4").unwrap().get(0).unwrap().get(5).unwrap();
    let unit = answer["units"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["unit"] == 5)
        .unwrap();
    close(
        &unit["map"]["values"],
        &map.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
    );
    assert!(
        answer["picture"]
            .as_str()
            .unwrap()
            .starts_with("data:image/png;base64,iVBOR")
    );
    assert!(answer["rust"].as_str().unwrap().starts_with("Scene {"));

    // Another place, another answer; another class, another map, by the reference.
    // Where there is room beside the place that is kept for a badge.
    let place = |at: i32| scene.with_place(0, Point::new(f64::from(at), f64::from(128 - at))).ok();
    let moved = (30..100).filter_map(place).find(|moved| *moved != scene).unwrap();
    assert_ne!(
        copy.post("/api/bench/look", &request(&moved, Shape::Star)).1["logits"],
        answer["logits"]
    );
    let star = copy.post("/api/bench/map/grad_cam", &asked).1;
    let cross = copy.post("/api/bench/map/grad_cam", &request(&scene, Shape::Cross)).1;
    assert_eq!((&star["by"], &star["exercise"]), (&json!("reference"), &json!("5.3")));
    assert_ne!(star["map"], cross["map"]);
    let cam = solution_cam(&prepared, Shape::Star);
    close(&star["map"]["values"], &cam);
    assert_eq!(copy.post("/api/bench/map/saliency", &asked).1["map"]["height"], 128);

    refusals(&copy, &scene);
    assert_eq!(
        copy.post("/api/bench/look", &asked).1["logits"],
        answer["logits"],
        "it goes on after all of them"
    );
}

/// A measurement: what the page asks after each change, one after the other. On an idle machine of two cores a change
/// should take at most 150 ms.
#[test]
#[ignore = "a measurement: cargo test -p book --test bench how_long -- --ignored --nocapture"]
fn how_long_a_change_takes() {
    let copy = Copy::start();
    let scene: Scene = serde_json::from_value(copy.get("/api/bench").1["scene"].clone()).unwrap();
    let mut times: Vec<f64> = (0..40)
        .map(|step| {
            let scene = scene.with_rotation(0, f64::from(step)).unwrap();
            let asked = request(&scene, Shape::Star);
            let begin = Instant::now();
            for path in ["look", "map/grad_cam", "map/saliency"] {
                assert_eq!(copy.post(&format!("/api/bench/{path}"), &asked).0, 200);
            }
            begin.elapsed().as_secs_f64() * 1000.0
        })
        .skip(1) // the first loads the network
        .collect();
    times.sort_by(f64::total_cmp);
    println!(
        "a change: {:.0} ms (median of {}), {:.0} ms at most",
        times[times.len() / 2],
        times.len(),
        times[times.len() - 1]
    );
}

fn solution_cam(prepared: &microscope::bench::Prepared, class: Shape) -> Vec<f32> {
    assert_eq!(prepared.request.class, class.index());
    prepared.reference("grad_cam").unwrap().values
}

#[track_caller]
fn close(json: &Value, numbers: &[f32]) {
    let values: Vec<f32> = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(values.len(), numbers.len());
    let largest = numbers.iter().fold(1e-6f32, |most, value| most.max(value.abs()));
    for (a, b) in values.iter().zip(numbers) {
        assert!((a - b).abs() < 1e-4 * largest, "{a} and {b}");
    }
}

fn refusals(copy: &Copy, scene: &Scene) {
    let good = request(scene, Shape::Star);
    let with = |key: &str, value: Value| {
        let mut other = good.clone();
        other[key] = value;
        other
    };
    let mut crowd = scene.clone();
    crowd.figures = vec![scene.figures[0]; 3];
    let mut large = scene.clone();
    large.canvas = Canvas::square(100_000);
    let mut far = scene.clone();
    far.figures[0].place = Point::new(1e300, 0.0);
    for (asked, sentence) in [
        (with("network", json!("case")), "once exercise 5.9 passes"),
        (with("network", json!("../x")), "no network"),
        (with("site", json!("layer9")), "no site"),
        (with("unit", json!(128)), "0 to 127"),
        (with("class", json!(10)), "below 10"),
        (with("image", json!({ "scene": crowd })), "one figure or two"),
        (with("image", json!({ "scene": large })), "canvas"),
        (with("image", json!({ "scene": far })), "place near"),
        (with("image", json!({ "photo": "no base64!" })), "base64"),
        (with("image", json!({ "photo": "aGVsbG8=" })), "image format"),
    ] {
        let (status, answer) = copy.post("/api/bench/look", &asked);
        let problem = answer["problem"].as_str().unwrap_or_default();
        assert!(
            status == 400 && problem.contains(sentence),
            "{sentence}: {status} {answer}"
        );
    }
    assert_eq!(copy.post("/api/bench/map/sorcery", &good).0, 400);
    assert!((400..500).contains(&copy.post("/api/bench/look", &json!({ "network": "scenes" })).0));
    for path in [
        "/microscope/scenes/..%2f..%2fREADME.md",
        "/microscope/case/index.html",
        "/microscope/scenes/x.json",
    ] {
        assert_eq!(copy.get(path).0, 404, "{path}");
    }
}

/// Each way in which a learner's function can fail costs its map and nothing else.
#[test]
fn the_learners_function_is_used_where_its_exercise_passes_and_costs_its_panel_only() {
    let copy = Copy::start();
    let scene: Scene = serde_json::from_value(copy.get("/api/bench/scene/1").1).unwrap();
    let asked = request(&scene, Shape::Heart);
    let cam = || copy.post("/api/bench/map/grad_cam", &asked).1;
    assert_eq!(cam()["by"], "reference");

    let passes = |value: &Value| value["exercises"]["5.3"]["verdict"] == "passed";
    let passed = || copy.until("5.3 passes", 20, || copy.get("/api/state").1, passes);
    copy.mode("right");
    passed();
    let yours = copy.until("the learner's map", 10, cam, |value| value["by"] == "yours");
    assert_eq!(
        yours["map"]["values"].as_array().unwrap()[..3],
        [json!(7.0), json!(1.0), json!(2.0)],
        "class 7, and what the program gave"
    );
    let program = std::fs::read_to_string(copy.file("asked")).unwrap();
    assert_eq!(
        program.trim(),
        "run --quiet --package lesson05 -- --instruments",
        "one process for all questions"
    );

    for (mode, sentence) in [
        ("panics", "your function panicked, index out of bounds"),
        ("nonsense", "a map of 2×2, expected 4×4"),
        ("infinite", "2 values that are not finite"),
        ("hangs", "did not end within 3 s"),
        ("ends", "ended the lesson's program"),
    ] {
        copy.mode(mode);
        passed();
        let found = copy.until(mode, 15, cam, |value| {
            value["problem"].as_str().is_some_and(|how| how.contains(sentence))
        });
        assert!(found["map"].is_null() && found["by"] == "yours", "{found}");
        let begin = Instant::now();
        assert_eq!(copy.post("/api/bench/look", &asked).0, 200);
        let other = copy.post("/api/bench/map/saliency", &asked).1;
        assert!(other["by"] == "reference" && other["map"]["width"] == 128, "{other}");
        assert!(
            begin.elapsed().as_secs_f64() < 2.0,
            "nothing waits for a function that hangs"
        );
    }
    copy.mode("right");
    passed();
    copy.until("it works again", 10, cam, |value| {
        value["map"]["values"][0] == json!(7.0)
    });
}
