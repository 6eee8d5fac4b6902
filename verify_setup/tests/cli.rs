//! The program as a person uses it: what it prints, and with which exit status it ends.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The program, with a folder of its own for the hints it remembers.
fn lesson(state: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verify_setup"));
    command
        .args(arguments)
        .env("LESSON_STATE", state)
        .env("NO_COLOR", "1")
        .env_remove("LESSON_GRADER");
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
    let state = folder("help");
    let help = succeeds(&lesson(&state, &["--help"]).output().unwrap());
    for word in [
        "next",
        "progress",
        "hint",
        "watch",
        "quiz",
        "--image",
        "--json",
        "Exit status",
    ] {
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
    let output = lesson(&folder, &["--figure", figure.to_str().unwrap()])
        .output()
        .unwrap();
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
    let output = lesson(&folder, &["check", "--json", "--figure", figure.to_str().unwrap()])
        .output()
        .unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["ok"].as_bool(), Some(output.status.success()));
    assert_eq!(summary["ok"], true, "{summary:#}");
    assert_eq!(summary["checks"].as_array().unwrap().len(), 9);
    assert_eq!(summary["network"]["probabilities"].as_array().unwrap().len(), 10);
    assert_eq!(
        summary["network"]["truth"],
        summary["network"]["probabilities"][0]["class"]
    );
}

#[test]
fn a_figure_that_cannot_be_written_is_a_failed_check() {
    let folder = folder("no_figure");
    fs::write(folder.join("file"), "in the way").unwrap();
    let figure = folder.join("file/setup.png");
    let output = lesson(&folder, &["--json", "--figure", figure.to_str().unwrap()])
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
    let report = text(&lesson(&folder, &arguments).output().unwrap().stdout);
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
    let output = lesson(&folder, &arguments).output().unwrap();
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    let network = &summary["network"];
    assert_eq!(network["network"], "ResNet-18 of wide.safetensors");
    let probabilities = network["probabilities"].as_array().unwrap();
    assert_eq!(probabilities.len(), 1000);
    let mut names = probabilities.iter().map(|guess| &guess["class"]);
    assert!(names.any(|name| name == "golden retriever"));
    assert!(network["input"].as_str().unwrap().contains("made 224×224"));

    fs::write(&weights, b"these are no weights").unwrap();
    let error = fails(&lesson(&folder, &arguments[..4]).output().unwrap());
    assert!(error.contains("wide.safetensors"), "{error}");
    let error = fails(
        &lesson(&folder, &["--weights", "resnet18"])
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
        let error = fails(&lesson(&folder, &["--image", path.to_str().unwrap()]).output().unwrap());
        assert!(error.contains(name), "the file {name} is named: {error}");
        // What the system calls a missing file differs between systems.
        assert!(
            error.contains(reason) || (name == "missing.png" && cfg!(windows)),
            "{name}: {error}"
        );
        assert_eq!(error.lines().count(), 1, "one line: {error}");
    }
}

#[test]
fn hints_come_one_at_a_time_and_are_remembered() {
    let state = folder("hints");
    let exercise = course::exercise("1.2").unwrap().1;
    // Line breaks are the terminal's business.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = |arguments: &[&str]| {
        let printed = words(&succeeds(&lesson(&state, arguments).output().unwrap()));
        exercise
            .hints
            .iter()
            .filter(|hint| printed.contains(&words(hint)))
            .count()
    };
    let total = exercise.hints.len();
    for call in 1..=total {
        assert_eq!(shown(&["hint", "1.2"]), call, "call {call} shows one more");
    }
    assert_eq!(shown(&["hint", "1.2"]), total, "after the last all stay");
    assert_eq!(shown(&["hint", "1.2", "--reset"]), 0);
    assert_eq!(shown(&["hint", "1.2"]), 1, "after a reset it begins anew");
    assert_eq!(shown(&["hint", "1.2", "--all"]), total);
    assert_eq!(shown(&["hint", "--reset"]), 0);
    assert_eq!(shown(&["hint", "1.2"]), 1, "a reset of all resets this one");
}

#[test]
fn a_damaged_memory_of_hints_begins_anew() {
    let state = folder("damaged_hints");
    fs::write(state.join("hints.json"), "{ not json").unwrap();
    let printed = succeeds(&lesson(&state, &["hint", "1.1"]).output().unwrap());
    assert!(
        printed.contains("hint 1 of") && !printed.contains("hint 2 of"),
        "{printed}"
    );
}

#[test]
fn an_unknown_exercise_or_lesson_is_answered_with_the_known_ones() {
    let state = folder("unknown");
    let error = fails(&lesson(&state, &["hint", "1.22"]).output().unwrap());
    assert!(error.contains("1.22") && error.contains("  1.2 "), "{error}");
    let error = fails(&lesson(&state, &["hint", "output size"]).output().unwrap());
    assert!(error.contains("an id looks like 1.2"), "{error}");
    let error = fails(&lesson(&state, &["watch", "lesson99"]).output().unwrap());
    assert!(error.contains("lesson01"), "{error}");
}

/// What a quiz prints when these lines are typed, with its exit status.
fn quiz(arguments: &[&str], typed: &str) -> (String, Option<i32>) {
    let state = folder("quiz");
    let mut command = lesson(&state, &["quiz"]);
    command.args(arguments);
    let pipe = std::process::Stdio::piped;
    let mut child = command.stdin(pipe()).stdout(pipe()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    std::io::Write::write_all(&mut stdin, typed.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    (text(&output.stdout), output.status.code())
}

#[test]
fn a_quiz_reads_a_pipe_and_its_exit_status_says_whether_all_was_right() {
    let question = &course::questions::questions()[7];
    let arguments = [question.id.as_str(), "--seed", "3"];
    let (shown, _) = quiz(&arguments, "");
    let letter = |text: &str| {
        let line = shown.lines().find(|line| line.ends_with(&format!(") {text}")));
        line.unwrap_or_else(|| panic!("{text} is not offered in\n{shown}"))
            .trim()[..1]
            .to_string()
    };
    for (index, choice) in question.choices.iter().enumerate() {
        let (said, status) = quiz(&arguments, &format!("{}\n", letter(&choice.en.text)));
        let is_right = index == 0;
        assert_eq!(status, Some(i32::from(!is_right)), "{said}");
        assert_eq!(said.contains("1 of 1 right."), is_right, "{said}");
        assert!(
            said.contains("cargo test -p lesson01 ex1_5"),
            "it says what to practise: {said}"
        );
    }
}

#[test]
fn a_seed_replays_the_order_of_the_choices() {
    let run = |seed: &str| quiz(&["--level", "basic", "--seed", seed], &"s\n".repeat(11)).0;
    assert_eq!(run("11"), run("11"));
    assert_ne!(run("11").replace("11", ""), run("12").replace("12", ""));
    assert!(run("11").contains("--seed 11"), "{}", run("11"));
}

#[test]
fn the_quiz_lists_what_its_options_choose() {
    let (all, status) = quiz(&["--list"], "");
    assert_eq!(status, Some(0));
    for question in course::questions::questions() {
        assert!(
            all.contains(&format!("  {} ", question.id)),
            "{} is not listed",
            question.id
        );
    }
    let (some, _) = quiz(&["--list", "--lang", "es", "--lesson", "1", "--level", "basic"], "");
    assert!(
        some.contains("básico") && some.contains("¿Qué es un filtro convolucional"),
        "{some}"
    );
    assert!(!some.contains("intermedio") && !some.contains(" 2."), "{some}");
}

#[test]
fn an_unknown_question_or_an_empty_choice_is_an_error() {
    let state = folder("unknown_question");
    let error = fails(&lesson(&state, &["quiz", "B99"]).output().unwrap());
    assert!(error.contains("B99") && error.contains("B1 B2"), "{error}");
    let error = fails(&lesson(&state, &["quiz", "B1", "--lesson", "5"]).output().unwrap());
    assert!(error.contains("no question is left"), "{error}");
}

#[test]
fn it_works_from_any_folder() {
    let state = folder("any_folder");
    let deep = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut command = lesson(&state, &["hint", "1.1"]);
    succeeds(&command.current_dir(deep).output().unwrap());
}
