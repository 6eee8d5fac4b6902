//! The networks that ship: what their cards say is true of them.

use std::path::PathBuf;

use candle_core::Device;
use rayon::prelude::*;
use resnet::ResNet;
use train::{Attack, Card, Recipe, predictions};

/// A shipped network with its card and the recipe that its command stands for.
fn shipped(name: &str) -> (ResNet, Card, Recipe) {
    let path: PathBuf = checkpoints::shipped(name).unwrap();
    let card = std::fs::read_to_string(path.with_file_name(format!("{name}.card.json"))).unwrap();
    let recipe = match name {
        "robust" => Recipe::robust(15, 8000, 1, 4.0),
        _ => Recipe::scenes(8, 8000, 1),
    };
    (
        ResNet::load(path).unwrap(),
        serde_json::from_str(&card).unwrap(),
        recipe,
    )
}

#[test]
fn each_card_is_of_the_file_beside_it_and_of_the_recipe_of_its_command() {
    for name in checkpoints::NAMES {
        let (network, card, recipe) = shipped(name);
        let bytes = std::fs::read(checkpoints::shipped(name).unwrap()).unwrap();
        assert_eq!(card.sha256, checkpoints::checksum(&bytes), "{name}");
        assert_eq!(
            (card.name.as_str(), card.parameters),
            (name, network.config().parameter_count())
        );
        let stages = |stages: &[train::Stage]| serde_json::to_value(stages).unwrap();
        assert_eq!(stages(&card.stages), stages(&recipe.stages), "{name}");
        assert_eq!((card.seed, &card.data), (recipe.seed, &recipe.data));
        assert_eq!(card.measured.under_attack.is_some(), recipe.attack.is_some(), "{name}");
    }
}

/// What was promised of them before they were trained.
#[test]
fn the_cards_keep_the_promise() {
    for name in checkpoints::NAMES {
        assert!(shipped(name).1.measured.held_out.accuracy >= 0.995, "{name}");
    }
}

#[test]
fn on_a_sample_of_held_out_scenes_they_are_as_right_as_their_cards_say() {
    const SAMPLE: u64 = 200;
    for name in checkpoints::NAMES {
        let (network, card, recipe) = shipped(name);
        let scenes = (0..SAMPLE).map(|index| recipe.held_out.scene(recipe.held_out_seed(), index).unwrap().render());
        let scenes: Vec<_> = scenes.collect();
        let images = resnet::normalize(&scenes::batch(&scenes, &Device::Cpu).unwrap()).unwrap();
        let found = predictions(&network, &images).unwrap();
        let wrong = scenes
            .iter()
            .zip(found)
            .filter(|(scene, class)| scene.scene.class().index() as u32 != *class);
        // The card counts the mistakes among 1,000, of which these are the first.
        let all = (1000.0 * (1.0 - card.measured.held_out.accuracy)).round() as usize;
        let wrong = wrong.count();
        assert!(
            wrong <= all,
            "{name}: {wrong} wrong of {SAMPLE}, {all} of 1,000 by the card"
        );
    }
}

/// The same adversary, the same scenes: only the robust network is still right about most of them.
#[test]
fn only_the_robust_network_withstands_the_adversary() {
    const SAMPLE: usize = 24;
    let attack = Attack {
        epsilon: 4.0,
        steps: Recipe::MEASURED_STEPS,
    };
    let right = |name: &str| {
        let (network, _, recipe) = shipped(name);
        let is_right = |index: usize| {
            let scene = recipe.held_out.scene(1_000_001, index as u64).unwrap();
            let pixels = scene.render().image.to_tensor(&Device::Cpu).unwrap();
            let image = pixels.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let mut target = [0f32; scenes::Shape::COUNT];
            target[scene.class().index()] = 1.0;
            let changed = attack.on(&network, &image, (128, 128), &target, index as u64).unwrap();
            let changed = candle_core::Tensor::from_vec(changed, (1, 3, 128, 128), &Device::Cpu).unwrap();
            predictions(&network, &resnet::normalize(&changed).unwrap()).unwrap() == [scene.class().index() as u32]
        };
        (0..SAMPLE).into_par_iter().filter(|&index| is_right(index)).count()
    };
    let (robust, ordinary) = (right("robust"), right("scenes"));
    assert!(robust >= SAMPLE * 3 / 4, "{robust} of {SAMPLE}");
    assert!(ordinary <= SAMPLE / 4, "{ordinary} of {SAMPLE}");
}
