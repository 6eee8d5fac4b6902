//! The training program on a run small enough for a test.

use std::path::Path;

use real_data::{Cifar10, Split};
use resnet::{ResNet, parameters};
use train::{Cifar10Recipe, Recipe, Stage};

/// Two stages, as the shipped recipe has them.
fn recipe() -> Recipe {
    let mut recipe = Recipe::scenes(2, 32, 1);
    recipe.stages.iter_mut().for_each(|stage| stage.batch = 8);
    recipe.stages[1].scenes_per_epoch = 16;
    Recipe {
        held_out_count: 20,
        ..recipe
    }
}

fn weights(folder: &Path) -> Vec<u8> {
    std::fs::read(folder.join("scenes.safetensors")).unwrap()
}

#[test]
fn an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one() {
    let (straight, resumed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let card = train::run(&recipe(), straight.path(), "a test", None)
        .unwrap()
        .expect("a finished run has a card");
    assert!(
        train::run(&recipe(), resumed.path(), "a test", Some(1))
            .unwrap()
            .is_none()
    );
    assert!(
        !resumed.path().join("scenes.safetensors").exists(),
        "no half-trained network is taken for a whole one"
    );
    let other = train::run(&recipe(), resumed.path(), "a test", None).unwrap().unwrap();

    assert_eq!(weights(straight.path()), weights(resumed.path()));
    assert_eq!(card.sha256, checkpoints::checksum(&weights(straight.path())));
    assert_eq!(card.held_out, other.held_out);
    // What the run leaves: a network that loads, moved away from where it began, and no state.
    let network = ResNet::load(straight.path().join("scenes.safetensors")).unwrap();
    assert_eq!(network.config(), &recipe().config());
    let before = parameters::initialize(&recipe().config(), recipe().seed).unwrap();
    let after = parameters::read(straight.path().join("scenes.safetensors")).unwrap();
    for name in ["conv1.weight", "layer4.1.bn2.running_var", "fc.bias"] {
        let moved = (&before[name] - &after[name])
            .unwrap()
            .abs()
            .unwrap()
            .sum_all()
            .unwrap();
        assert!(moved.to_scalar::<f32>().unwrap() > 0.0, "{name} has not moved");
    }
    assert!(!straight.path().join("scenes.state.safetensors").exists());
}

/// Images of one brightness each: dark ones are of class 0, bright ones of class 1.
fn brightness(split: Split, images: usize) -> Cifar10 {
    let row = |index: usize| {
        let is_bright = index % 2;
        std::iter::once(is_bright as u8).chain(vec![(60 + 120 * is_bright) as u8; 3072])
    };
    Cifar10::from_rows(split, (0..images).flat_map(row).collect()).unwrap()
}

#[test]
fn training_on_cifar10_learns_and_can_be_interrupted() {
    let recipe = || {
        let (train, test) = (brightness(Split::Train, 256), brightness(Split::Test, 30));
        let mut recipe = Cifar10Recipe::new(train, test, 4, 3, 1);
        recipe.stages[0].batch = 32;
        recipe
    };
    let (straight, resumed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let card = train::run(&recipe(), straight.path(), "a test", None)
        .unwrap()
        .expect("a finished run has a card");
    assert!(card.held_out.accuracy > 0.95, "{:?}", card.held_out);
    assert!(
        train::run(&recipe(), resumed.path(), "a test", Some(2))
            .unwrap()
            .is_none()
    );
    train::run(&recipe(), resumed.path(), "a test", None).unwrap();
    let weights = |folder: &Path| std::fs::read(folder.join("cifar10.safetensors")).unwrap();
    assert_eq!(weights(straight.path()), weights(resumed.path()));
    let network = ResNet::load(straight.path().join("cifar10.safetensors")).unwrap();
    assert_eq!(network.config().stem, resnet::Stem::Cifar);
}

#[test]
fn a_state_that_does_not_fit_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("scenes.state.safetensors");
    std::fs::write(&state, b"interrupted while writing").unwrap();
    let error = train::run(&recipe(), folder.path(), "a test", None).unwrap_err();
    assert!(format!("{error:#}").contains("remove it to start afresh"), "{error:#}");
    assert!(state.exists());
}

#[test]
fn the_learning_rate_rises_to_its_peak_and_falls_to_nothing() {
    let stage: &Stage = &Recipe::scenes(8, 8000, 1).stages[0];
    let steps = stage.steps();
    let rates: Vec<f64> = (0..steps).map(|step| stage.learning_rate(step)).collect();
    let peak = rates.iter().copied().fold(0.0, f64::max);
    assert!((peak - stage.peak_learning_rate).abs() < 1e-9);
    let top = rates.iter().position(|&rate| rate == peak).unwrap();
    assert!(rates[..top].is_sorted() && rates[top..].is_sorted_by(|a, b| a >= b));
    assert!(rates[0] < peak / 20.0 && rates[steps - 1] < peak / 1000.0);
}
