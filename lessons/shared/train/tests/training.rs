//! The training program on a run small enough for a test.

use std::path::Path;
use std::sync::LazyLock;

use real_data::{Cifar10, Split};
use resnet::{ResNet, parameters};
use train::{Attack, Card, Cifar10Recipe, Folders, Recipe, Stage, Task};

/// Two stages, as the shipped recipe has them.
fn recipe() -> Recipe {
    short(Recipe::scenes(2, 16, 1))
}

/// The same with an adversary.
fn robust(epsilon: f64) -> Recipe {
    short(Recipe::robust(1, 16, 1, epsilon))
}

/// Steps of few scenes: four in an epoch, two where there are pairs.
fn short(mut recipe: Recipe) -> Recipe {
    for (stage, draws) in recipe.stages.iter_mut().zip(&recipe.draws) {
        stage.batch = 4;
        stage.scenes_per_epoch /= draws.len();
    }
    recipe.held_out_count = 10;
    recipe
}

fn run(recipe: &impl Task, folder: &Path, stop_after: Option<usize>) -> anyhow::Result<Option<Card>> {
    train::run(recipe, &Folders::one(folder), "a test", stop_after)
}

fn weights(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(format!("{name}.safetensors"))).unwrap()
}

/// Weights and card of a whole run against an adversary.
fn against(epsilon: f64) -> (Vec<u8>, Card) {
    let folder = tempfile::tempdir().unwrap();
    let card = run(&robust(epsilon), folder.path(), None).unwrap().unwrap();
    (weights(folder.path(), "robust"), card)
}

/// Several tests compare with it.
static AGAINST_2: LazyLock<(Vec<u8>, Card)> = LazyLock::new(|| against(2.0));

#[test]
fn an_interrupted_run_ends_with_the_weights_of_an_uninterrupted_one() {
    let (straight, resumed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let card = run(&recipe(), straight.path(), None)
        .unwrap()
        .expect("a finished run has a card");
    // In the middle of the first stage, and at the beginning of the second.
    for steps in [3, 5] {
        assert!(run(&recipe(), resumed.path(), Some(steps)).unwrap().is_none());
        assert!(
            !resumed.path().join("scenes.safetensors").exists(),
            "no half-trained network is taken for a whole one"
        );
    }
    let other = run(&recipe(), resumed.path(), None).unwrap().unwrap();

    assert_eq!(weights(straight.path(), "scenes"), weights(resumed.path(), "scenes"));
    assert_eq!(card.sha256, checkpoints::checksum(&weights(straight.path(), "scenes")));
    assert_eq!(card.measured, other.measured);
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

#[test]
fn an_interrupted_run_against_an_adversary_ends_with_the_same_weights_too() {
    let resumed = tempfile::tempdir().unwrap();
    let (straight, card) = &*AGAINST_2;
    assert!(run(&robust(2.0), resumed.path(), Some(3)).unwrap().is_none());
    run(&robust(2.0), resumed.path(), None).unwrap().unwrap();
    assert!(*straight == weights(resumed.path(), "robust"));
    let under_attack = card
        .measured
        .under_attack
        .as_ref()
        .expect("a robust network is attacked");
    let expected = Attack {
        epsilon: 2.0,
        steps: 10,
    };
    assert_eq!((under_attack.attack, under_attack.scenes), (expected, 10));
    assert!(under_attack.accuracy <= card.measured.held_out.accuracy);
}

/// The adversary's work reaches the weights: with another reach they are others.
#[test]
fn the_adversary_changes_what_is_learned() {
    let (against_less, _) = against(0.5);
    assert!(against_less != AGAINST_2.0);
}

/// Each in one sentence, and the state stays.
#[test]
fn another_recipe_does_not_go_on_with_a_state() {
    let folder = tempfile::tempdir().unwrap();
    assert!(run(&robust(2.0), folder.path(), Some(1)).unwrap().is_none());
    let changed = |change: &dyn Fn(&mut Recipe)| {
        let mut recipe = robust(2.0);
        change(&mut recipe);
        format!("{:#}", run(&recipe, folder.path(), None).unwrap_err())
    };
    for (error, expected) in [
        (changed(&|recipe| recipe.seed = 2), "seed 1, and this run asks for 2;"),
        (
            changed(&|recipe| recipe.stages[0].epochs = 3),
            "stage 1: epochs 1, and this run asks for 3;",
        ),
        (
            changed(&|recipe| recipe.stages[0].scenes_per_epoch = 32),
            "stage 1: scenes per epoch 16, and this run asks for 32;",
        ),
        (
            changed(&|recipe| recipe.attack = Some(Attack { epsilon: 3.0, steps: 3 })),
            "attack: epsilon 2.0, and this run asks for 3.0;",
        ),
        (
            changed(&|recipe| {
                recipe.stages.pop();
            }),
            "stage 5: batch 4, and this run asks for nothing;",
        ),
    ] {
        assert!(error.contains(expected), "{error}");
        assert!(
            error.contains("robust.state.safetensors was begun with") && !error.contains('\n'),
            "{error}"
        );
    }
    assert!(
        run(&robust(2.0), folder.path(), None).unwrap().is_some(),
        "the same recipe goes on"
    );
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
    let card = run(&recipe(), straight.path(), None)
        .unwrap()
        .expect("a finished run has a card");
    assert!(card.measured.held_out.accuracy > 0.95, "{:?}", card.measured);
    assert!(run(&recipe(), resumed.path(), Some(11)).unwrap().is_none());
    run(&recipe(), resumed.path(), None).unwrap();
    assert_eq!(weights(straight.path(), "cifar10"), weights(resumed.path(), "cifar10"));
    let network = ResNet::load(straight.path().join("cifar10.safetensors")).unwrap();
    assert_eq!(network.config().stem, resnet::Stem::Cifar);
}

#[test]
fn a_state_that_does_not_fit_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("scenes.state.safetensors");
    std::fs::write(&state, b"interrupted while writing").unwrap();
    let error = run(&recipe(), folder.path(), None).unwrap_err();
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

#[test]
fn the_adversary_s_reach_rises_over_the_first_stage_and_stays() {
    let recipe = Recipe::robust(10, 1280, 1, 4.0);
    let first = &recipe.stages[0];
    assert_eq!(first.steps(), 100);
    let reach: Vec<f64> = (0..100).map(|step| first.reach(step)).collect();
    assert_eq!((reach[0], reach[15], reach[30], reach[99]), (0.0, 0.5, 1.0, 1.0));
    assert!(reach.is_sorted());
    assert_eq!(recipe.stages[1].reach(0), 1.0);
}
