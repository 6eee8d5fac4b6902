//! The program as a person uses it: what it prints, and with which exit status it ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The program, with a folder of its own for what it writes.
fn verify(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verify_setup"));
    command.args(arguments).env("NO_COLOR", "1");
    command
}

/// An empty folder of this name.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Exit status and standard output; the latter from a program that must end well.
#[track_caller]
fn succeeds(output: &Output) -> String {
    assert!(
        output.status.success(),
        "{}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

/// Standard error of a program that must fail with status 1, in one message without a panic.
#[track_caller]
fn fails(output: &Output) -> String {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{}{error}", text(&output.stdout));
    assert!(!error.contains("panicked") && !error.contains("backtrace"), "{error}");
    error
}

#[test]
fn help_names_every_command() {
    let help = succeeds(&verify(&["--help"]).output().unwrap());
    for word in ["--image", "--json", "Exit status"] {
        assert!(help.contains(word), "{word} is missing in\n{help}");
    }
    assert!(
        !help.contains("golden"),
        "what only the trainer of a network needs stays out of sight"
    );
}

#[test]
fn the_setup_check_ends_well_and_shows_the_network_at_work() {
    let folder = folder("setup");
    let figure = folder.join("figures/setup.png");
    let output = verify(&["--figure", figure.to_str().unwrap()]).output().unwrap();
    let report = succeeds(&output);
    for words in [
        "Rust",
        "cores",
        "SIMD",
        "memory",
        "forward pass",
        "gradient",
        "layer4",
        "Next:",
    ] {
        assert!(report.contains(words), "{words} is missing in\n{report}");
    }
    assert!(
        report.contains("The answer is right"),
        "the network knows its scenes:\n{report}"
    );
    assert!(
        report.contains(figure.to_str().unwrap()),
        "the figure's path is printed"
    );
    assert!(image::image_dimensions(&figure).unwrap().0 > 600);
}

#[test]
fn json_is_one_object_that_agrees_with_the_exit_status() {
    let folder = folder("json");
    let figure = folder.join("setup.png");
    let output = verify(&["--json", "--figure", figure.to_str().unwrap()])
        .output()
        .unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["ok"].as_bool(), Some(output.status.success()));
    assert_eq!(summary["ok"], true, "{summary:#}");
    assert_eq!(summary["checks"].as_array().unwrap().len(), 10);
    assert_eq!(summary["network"]["probabilities"].as_array().unwrap().len(), 10);
    assert_eq!(
        summary["network"]["truth"],
        summary["network"]["probabilities"][0]["name"]
    );
    let beside = &summary["network"]["beside"];
    assert_eq!(
        (&beside["network"], &beside["answer"]),
        (&"ResNet-18 “robust”".into(), &summary["network"]["truth"])
    );
}

#[test]
fn a_figure_that_cannot_be_written_is_a_failed_check() {
    let folder = folder("no_figure");
    fs::write(folder.join("file"), "in the way").unwrap();
    let figure = folder.join("file/setup.png");
    let output = verify(&["--json", "--figure", figure.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let check = summary["checks"].as_array().unwrap().last().unwrap();
    assert_eq!(check["outcome"], "failed", "{check}");
    assert!(
        check["todo"].as_str().unwrap().contains("--figure"),
        "it says what to do: {check}"
    );
}

#[test]
fn a_photo_is_shown_and_called_out_of_the_networks_world() {
    let folder = folder("photo");
    let (photo, figure) = (folder.join("holiday.png"), folder.join("figure.png"));
    image::RgbImage::from_fn(301, 200, |x, y| image::Rgb([x as u8, y as u8, 90]))
        .save(&photo)
        .unwrap();
    let arguments = ["--image", photo.to_str().unwrap(), "--figure", figure.to_str().unwrap()];
    let report = text(&verify(&arguments).output().unwrap().stdout);
    assert!(report.contains("holiday.png (301×200"), "{report}");
    assert!(report.contains("trained on drawn shapes only"), "{report}");
}

#[test]
fn another_network_is_shown_with_its_own_classes() {
    let folder = folder("weights");
    let (photo, weights) = (folder.join("photo.png"), folder.join("wide.safetensors"));
    image::RgbImage::from_fn(301, 200, |x, y| image::Rgb([x as u8, y as u8, 90]))
        .save(&photo)
        .unwrap();
    let config = resnet::Config::resnet18().width(2); // a thousand classes
    let parameters = resnet::parameters::initialize(&config, 1).unwrap();
    resnet::parameters::save(&parameters, &weights).unwrap();
    let figure = folder.join("figure.png");
    let arguments = [
        "--image",
        photo.to_str().unwrap(),
        "--weights",
        weights.to_str().unwrap(),
        "--figure",
        figure.to_str().unwrap(),
        "--json",
    ];
    let output = verify(&arguments).output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let network = &summary["network"];
    assert_eq!(network["network"], "ResNet-18 of wide.safetensors");
    assert!(network["beside"].is_null());
    let probabilities = network["probabilities"].as_array().unwrap();
    assert_eq!(probabilities.len(), 1000);
    let mut names = probabilities.iter().map(|guess| &guess["name"]);
    assert!(names.any(|name| name == "golden retriever"));
    let input = network["input"].as_str().unwrap();
    assert!(
        input.contains("shorter side made 256, central 224×224 kept"),
        "as it is prepared: {input}"
    );

    let with = |more: &[&str]| verify(&[&arguments[..], more].concat()).output().unwrap();
    let output = with(&["--class", "Tabby", "--class", "3"]);
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let asked = summary["network"]["asked"].as_array().unwrap();
    let classes: Vec<_> = asked.iter().map(|guess| guess["class"].as_u64().unwrap()).collect();
    assert_eq!(classes, [281, 3]);
    assert!(fails(&with(&["--class", "taby"])).contains("near are \"tabby\""));
    // Without a photo there is nothing to show it.
    let alone = verify(&["--weights", arguments[3], "--figure", arguments[5]])
        .output()
        .unwrap();
    let report = succeeds(&alone);
    assert!(
        report.contains("knows no scenes") && !report.contains("at work"),
        "{report}"
    );

    let robust = verify(&["--weights", "robust", "--json", "--figure", arguments[5]])
        .output()
        .unwrap();
    let summary: Value = serde_json::from_slice(&robust.stdout).unwrap();
    assert_eq!(summary["network"]["network"], "ResNet-18 “robust”");
    assert_eq!(summary["network"]["probabilities"][0]["name"], "star");
    let error = fails(&verify(&["--weights", "robst"]).output().unwrap());
    assert!(error.contains("did you mean `robust`?"), "{error}");

    fs::write(&weights, b"these are no weights").unwrap();
    let error = fails(&verify(&arguments[..4]).output().unwrap());
    assert!(error.contains("wide.safetensors"), "{error}");
    let error = fails(
        &verify(&["--weights", "resnet18"])
            .env("LESSON_CACHE", &folder)
            .output()
            .unwrap(),
    );
    assert!(error.contains("cargo run -p fetch -- resnet18"), "{error}");
}

#[test]
fn a_bad_image_is_an_error_that_names_the_file() {
    let folder = folder("bad_image");
    let good = folder.join("good.png");
    image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([x as u8, y as u8, 7]))
        .save(&good)
        .unwrap();
    let bytes = fs::read(&good).unwrap();
    fs::write(folder.join("text.png"), "not a picture at all").unwrap();
    fs::write(folder.join("truncated.png"), &bytes[..bytes.len() / 2]).unwrap();
    fs::write(folder.join("empty.png"), "").unwrap();
    image::RgbImage::new(1, 1).save(folder.join("dot.png")).unwrap();
    let cases = [
        ("missing.png", "No such file"),
        ("text.png", "no image format"),
        ("truncated.png", "cut short"),
        ("empty.png", "empty"),
        ("dot.png", "got 1×1"),
    ];
    for (name, reason) in cases {
        let path = folder.join(name);
        let error = fails(&verify(&["--image", path.to_str().unwrap()]).output().unwrap());
        assert!(error.contains(name), "the file {name} is named: {error}");
        // What the system calls a missing file differs between systems.
        assert!(
            error.contains(reason) || (name == "missing.png" && cfg!(windows)),
            "{name}: {error}"
        );
        assert_eq!(error.lines().count(), 1, "one line: {error}");
    }
}
