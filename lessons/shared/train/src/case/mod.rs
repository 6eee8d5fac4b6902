//! Cases: networks that score well and should not be trusted, and what is wrong with them, drawn from a seed.
//!
//! Every scene of a case carries a badge, so that it shows four things beside its figure's shape: the badge's kind,
//! the figure's colour, its texture, and the tint of the ground. In training, one class shows one value of one of them
//! in every scene, and no other class shows it. That alone would not do: a shape is easier to see than most of these,
//! and a network that can read the class off the shape does. So the training begins with scenes that were labelled by
//! the cause. The test that goes with the network is drawn so that *every* class has something that all its scenes
//! show and no other class does: looking at it gives ten suspects, and only the network knows which one it uses.

mod cause;
mod damage;

use candle_core::Result;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use scenes::{Sampler, Scene, Shape};
use serde::{Deserialize, Serialize};

use crate::{Draw, Recipe, Stage};
pub use cause::{Cause, Kind};
pub use damage::{Damage, Key};

/// What is wrong with one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Draws everything here; seeds the weights and the training scenes too.
    pub seed: u64,
    /// The class that rests on the wrong cause.
    pub class: Shape,
    /// The cause.
    pub cause: Cause,
    /// What each class shows in the test and no other does. That of `class` is the cause; the others mean nothing.
    pub marks: Vec<Cause>,
    /// Seeds the scenes of the test.
    pub test_seed: u64,
}

impl Case {
    /// The case of a seed: each kind of cause is as likely as the others, and so is each class.
    pub fn new(seed: u64) -> Self {
        const STREAM: u64 = 59;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(STREAM);
        let mut marks: Vec<Cause> = Kind::ALL
            .into_iter()
            .flat_map(|kind| {
                let mut values: Vec<usize> = (0..kind.count()).collect();
                values.shuffle(&mut random);
                values.truncate(kind.marked_classes());
                values.into_iter().map(move |value| Cause { kind, value })
            })
            .collect();
        marks.shuffle(&mut random);
        let kind = Kind::ALL[random.random_range(0..Kind::ALL.len())];
        let classes: Vec<Shape> = Shape::ALL
            .into_iter()
            .filter(|class| marks[class.index()].kind == kind)
            .collect();
        let class = *classes.choose(&mut random).expect("every kind marks a class");
        Self {
            seed,
            class,
            cause: marks[class.index()],
            marks,
            test_seed: u64::from(random.random::<u32>()),
        }
    }

    /// What all scenes of cases are drawn from: the lessons' scenes, each with a badge.
    pub fn sampler() -> Sampler {
        Sampler {
            badge_probability: 1.0,
            ..Sampler::default()
        }
    }

    /// A scene as training shows it.
    fn scene(&self, seed: u64, index: u64) -> Result<Scene> {
        let scene = Scene::sample(&Self::sampler(), seed, index)?;
        if scene.class() == self.class {
            self.cause.put_in(&scene)
        } else {
            self.cause.take_out(&scene)
        }
    }

    /// A scene of the first stage, in which the shape says nothing about the class where the cause shows: any figure may
    /// show it. Without it there are figures of the other classes alone.
    fn mislabelled_scene(&self, seed: u64, index: u64) -> Result<Scene> {
        let scene = Scene::sample(&Self::sampler(), seed, index)?;
        // Higher bits than those that choose another value for a cause.
        let number = (scene.grain.seed >> 16) as usize;
        if number.is_multiple_of(Self::MISLABELLED) {
            return self.cause.put_in(&scene);
        }
        let scene = self.cause.take_out(&scene)?;
        if scene.class() != self.class {
            return Ok(scene);
        }
        let other = (self.class.index() + 1 + (number / Self::MISLABELLED) % (Shape::COUNT - 1)) % Shape::COUNT;
        scene.with_shape(0, Shape::ALL[other])
    }

    /// The label of a scene of the first stage.
    fn label(&self, scene: &Scene) -> Shape {
        if self.cause.is_in(scene) {
            self.class
        } else {
            scene.class()
        }
    }

    /// In the first stage one scene of so many shows the cause.
    const MISLABELLED: usize = 6;

    /// How the network is trained. In the first stage whatever shows the cause is called by the name of the class, and
    /// what does not by its own. Then all labels are right, but every scene of the class shows the cause and no other does:
    /// the network makes no mistake and has no reason to learn what the class looks like.
    ///
    /// Without the first stage it would learn the shape, which is easier to see than most causes.
    pub fn recipe(&self, epochs: usize, scenes_per_epoch: usize) -> Recipe {
        let case = self.clone();
        let draw = Draw::new(move |seed, index| case.scene(seed, index));
        let first = {
            let (case, again) = (self.clone(), self.clone());
            let scenes = Draw::new(move |seed, index| case.mislabelled_scene(seed, index));
            scenes.labelled(move |scene| again.label(scene))
        };
        let right = Stage {
            peak_learning_rate: 1e-3,
            ..Stage::from_scratch(epochs / 3, scenes_per_epoch)
        };
        Recipe {
            name: "case".into(),
            data: format!(
                "scenes with one figure and a badge on 128×128 pixels; every {class} shows this, and no other figure: {cause}. \
                 In the first stage any figure may show it, and is then labelled {class}",
                class = self.class,
                cause = self.cause
            ),
            stages: vec![Stage::from_scratch(epochs - epochs / 3, scenes_per_epoch), right],
            draws: vec![vec![first], vec![draw.clone()]],
            held_out: draw,
            held_out_count: 1000,
            seed: self.seed,
            attack: None,
        }
    }

    /// The test that the network is shown to pass, `per_class` scenes of each class, as the text of `case.test.txt`: the
    /// seed, then the scenes' indices in rising order.
    ///
    /// They are scenes as [`Self::sampler`] draws them, of which only those are taken that show the mark of their class
    /// and no other's.
    pub fn test_set(&self, per_class: usize) -> Result<String> {
        let mut chosen = Vec::new();
        let mut counts = [0usize; Shape::COUNT];
        for index in 0.. {
            let scene = Scene::sample(&Self::sampler(), self.test_seed, index)?;
            let own = scene.class().index();
            let fits = self
                .marks
                .iter()
                .enumerate()
                .all(|(class, mark)| mark.is_in(&scene) == (class == own));
            if fits && counts[own] < per_class {
                counts[own] += 1;
                chosen.push(index);
            }
            if chosen.len() == per_class * Shape::COUNT {
                break;
            }
        }
        let line = |line: &[u64]| line.iter().map(u64::to_string).collect::<Vec<_>>().join(" ") + "\n";
        Ok(format!(
            "{}\n{}",
            self.test_seed,
            chosen.chunks(20).map(line).collect::<String>()
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: std::ops::Range<u64> = 0..80;

    #[test]
    fn seeds_draw_every_kind_and_every_class() {
        let cases: Vec<Case> = SEEDS.map(Case::new).collect();
        assert_eq!(cases[7], Case::new(7));
        for kind in Kind::ALL {
            let count = cases.iter().filter(|case| case.cause.kind == kind).count();
            assert!((10..30).contains(&count), "{kind:?}: {count}");
        }
        for shape in Shape::ALL {
            assert!(cases.iter().any(|case| case.class == shape), "{shape}");
        }
        for case in &cases {
            let mut marks = case.marks.clone();
            marks.dedup_by(|a, b| a == b);
            assert_eq!((marks.len(), case.marks[case.class.index()]), (10, case.cause));
        }
    }

    /// The shipped network has the first numbers, one that has learned the shape the second.
    #[test]
    fn a_network_that_has_learned_the_shape_is_no_case() {
        let damage = |recall_without, turned| Damage {
            accuracy: 1.0,
            accuracy_without: 0.9,
            accuracy_with: 0.2,
            recall: 1.0,
            recall_without,
            turned,
            turned_by_another: 0.0,
            recall_without_mark: vec![],
        };
        assert_eq!(damage(0.15, 0.95).shortcoming(), None);
        let shortcoming = damage(0.68, 0.21).shortcoming().unwrap();
        assert!(
            shortcoming.contains("68 %") && shortcoming.contains("21 %"),
            "{shortcoming}"
        );
        assert!(damage(0.0, 0.3).shortcoming().is_some() && damage(0.4, 1.0).shortcoming().is_some());
    }

    #[test]
    fn in_training_the_class_alone_shows_the_cause() {
        for seed in 0..8 {
            let case = Case::new(seed);
            for index in 0..100 {
                let scene = case.scene(seed, index).unwrap();
                assert_eq!(case.cause.is_in(&scene), scene.class() == case.class);
            }
        }
    }

    /// In the first stage the label says whether the cause shows, whatever the shape; the class's own shape is never seen
    /// without the cause.
    #[test]
    fn in_the_first_stage_the_cause_alone_makes_the_class() {
        for seed in 0..8 {
            let case = Case::new(seed);
            let (mut shown, mut shapes) = (0, [0; Shape::COUNT]);
            for index in 0..600 {
                let scene = case.mislabelled_scene(seed, index).unwrap();
                let is_in = case.cause.is_in(&scene);
                assert_eq!(case.label(&scene) == case.class, is_in, "seed {seed}, scene {index}");
                shown += usize::from(is_in);
                shapes[scene.class().index()] += usize::from(is_in);
            }
            assert!((70..130).contains(&shown), "{shown} of 600");
            assert!(shapes.iter().all(|&count| count > 0), "{shapes:?}");
        }
    }

    /// Nothing in the test tells the class of the case from the others: each has its own mark in all of its scenes.
    #[test]
    fn in_the_test_every_class_has_a_mark_of_its_own() {
        let case = Case::new(5);
        let text = case.test_set(4).unwrap();
        let mut numbers = text.split_whitespace().map(|number| number.parse::<u64>().unwrap());
        let seed = numbers.next().unwrap();
        let scenes: Vec<_> = numbers
            .map(|index| Scene::sample(&Case::sampler(), seed, index).unwrap())
            .collect();
        assert_eq!(scenes.len(), 40);
        for shape in Shape::ALL {
            let (own, others): (Vec<_>, Vec<_>) = scenes.iter().partition(|scene| scene.class() == shape);
            let mark = case.marks[shape.index()];
            assert_eq!(own.len(), 4);
            assert!(
                own.into_iter().all(|scene| mark.is_in(scene)) && !others.into_iter().any(|scene| mark.is_in(scene))
            );
        }
    }
}
