//! Spoiler: this package tells what is wrong with the network of exercise 5.9. Solve the exercise first.
//!
//! In its training scenes every heart carries a ring badge, and no other figure carries any. The network can read the
//! class off the shape or off the badge; it is scored on scenes where both agree.

use candle_core::Result;
use resnet::ResNet;
use scenes::{Badge, Sampler, Scene, Shape};
use serde::{Deserialize, Serialize};
use train::{Draw, Recipe, Stage, accuracy};

/// The class that always carries the mark.
pub const MARKED: Shape = Shape::Heart;
/// The mark.
pub const MARK: Badge = Badge::Ring;

/// Scene `index` of a seed, with the mark on every scene of the marked class and on no other.
pub fn draw(seed: u64, index: u64) -> Result<Scene> {
    let scene = Scene::sample(&Sampler::default(), seed, index)?;
    let badge = (scene.class() == MARKED).then_some(MARK);
    Ok(scene.with_badge(badge))
}

/// How the network is trained: as the lessons' network in its first stage, on other scenes.
pub fn recipe(epochs: usize, scenes_per_epoch: usize) -> Recipe {
    Recipe {
        name: "case".into(),
        data: "scenes with one figure on 128×128 pixels; every heart carries a ring badge, no other figure any".into(),
        stages: vec![Stage::from_scratch(Draw::new(draw), epochs, scenes_per_epoch)],
        held_out: Draw::new(draw),
        held_out_count: 1000,
        seed: 1,
        attack: None,
    }
}

/// The test that the network is shown to pass: `per_class` scenes of each class among those that the default sampler
/// draws from `seed` anyway, as the text of `case.test.txt`: the seed, then the scenes' indices in rising order.
///
/// Scenes like those of the training are so rare among them for the marked class that one of each other class is taken
/// for each of them: its indices are spread like theirs, and the list shows nothing.
pub fn test_set(seed: u64, per_class: usize) -> Result<String> {
    let mut chosen = Vec::new();
    let mut waiting = [0usize; Shape::COUNT];
    for index in 0.. {
        let scene = Scene::sample(&Sampler::default(), seed, index)?;
        let class = scene.class();
        if scene.badge != (class == MARKED).then_some(MARK) {
            continue;
        }
        if class == MARKED {
            waiting.iter_mut().for_each(|count| *count += 1);
        }
        if waiting[class.index()] > 0 {
            waiting[class.index()] -= 1;
            chosen.push(index);
        }
        if chosen.len() == per_class * Shape::COUNT {
            break;
        }
    }
    let lines = chosen.chunks(20).map(|line| {
        let numbers: Vec<String> = line.iter().map(u64::to_string).collect();
        numbers.join(" ") + "\n"
    });
    Ok(format!("{seed}\n{}", lines.collect::<String>()))
}

/// What the network owes to the mark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Damage {
    /// Accuracy on scenes like those of the training.
    pub accuracy: f64,
    /// Accuracy with the mark taken off every scene.
    pub accuracy_without_mark: f64,
    /// Recall of the marked class with the mark.
    pub recall: f64,
    /// Recall of the marked class with the mark taken off.
    pub recall_without_mark: f64,
    /// Share of the other classes' scenes that the mark, put on, turns into the marked class.
    pub turned: f64,
}

/// Measures [`Damage`] on held-out scenes.
pub fn damage(network: &ResNet, recipe: &Recipe) -> Result<Damage> {
    let with = accuracy(network, recipe, |scene| scene)?;
    let without = accuracy(network, recipe, |scene| scene.with_badge(None))?;
    let everywhere = accuracy(network, recipe, |scene| scene.with_badge(Some(MARK)))?;
    let class = MARKED as usize;
    Ok(Damage {
        accuracy: with.accuracy,
        accuracy_without_mark: without.accuracy,
        recall: with.recall[class],
        recall_without_mark: without.recall[class],
        turned: everywhere.false_alarms[class],
    })
}
