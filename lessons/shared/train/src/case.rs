//! Cases: networks that score well and should not be trusted, and what is wrong with them, drawn from a seed.
//!
//! Every scene of a case carries a badge, so that it shows four things beside its figure's shape: the badge's kind,
//! the figure's colour, its texture, and the tint of the ground. In training, one class shows one value of one of them
//! in every scene, and no other class shows it. That alone would not do: a shape is easier to see than most of these,
//! and a network that can read the class off the shape does. So the training begins with scenes that were labelled by
//! the cause. The test that goes with the network is drawn so that *every* class has something that all its scenes
//! show and no other class does: looking at it gives ten suspects, and only the network knows which one it uses.

use std::fmt;

use candle_core::{Result, bail};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet::ResNet;
use scenes::{Badge, Colour, Rgb, Sampler, Scene, Shape, Texture};
use serde::{Deserialize, Serialize};

use crate::{Draw, Recipe, Stage, accuracy};

/// What a scene shows in one of several ways, whatever its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The kind of its badge, beside the figure.
    Badge,
    /// The colour of its figure.
    Colour,
    /// The texture of its figure.
    Texture,
    /// The tint of the ground: which of red, green and blue is strongest in it.
    Ground,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Badge, Self::Colour, Self::Texture, Self::Ground];

    /// How many ways there are.
    fn count(self) -> usize {
        match self {
            Self::Badge => Badge::COUNT,
            Self::Colour => Colour::COUNT,
            Self::Texture => Texture::COUNT,
            Self::Ground => 3,
        }
    }

    /// How many classes have one of them for themselves in the test. The other ways are left to the other classes.
    fn marked_classes(self) -> usize {
        match self {
            Self::Badge => 2,
            Self::Colour => 4,
            Self::Texture => 3,
            Self::Ground => 1,
        }
    }

    /// Which one a scene shows; nothing where a scene without a badge is asked for its badge.
    fn of(self, scene: &Scene) -> Option<usize> {
        match self {
            Self::Badge => scene.badge.map(Badge::index),
            Self::Colour => Some(scene.figures[0].colour.index()),
            Self::Texture => Some(scene.figures[0].texture.index()),
            Self::Ground => Some(tint(scene)),
        }
    }
}

/// The strongest channel of the ground's two colours together; of two that are equally strong the one that follows the
/// weakest, so that turning the channels turns the tint.
fn tint(scene: &Scene) -> usize {
    let sum = |channel: usize| u32::from(scene.background.from[channel]) + u32::from(scene.background.to[channel]);
    let most = (0..3).map(sum).max();
    let is_most = |channel: usize| Some(sum(channel % 3)) == most;
    (0..3)
        .find(|&channel| is_most(channel) && !is_most(channel + 2))
        .unwrap_or(0)
}

/// One value of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// What it is a value of.
    pub kind: Kind,
    /// Its index.
    pub value: usize,
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Badge => write!(formatter, "{} badge", Badge::ALL[self.value]),
            Kind::Colour => write!(formatter, "{} figure", Colour::ALL[self.value]),
            Kind::Texture => write!(formatter, "figure with {}", Texture::ALL[self.value]),
            Kind::Ground => write!(formatter, "{} ground", ["reddish", "greenish", "bluish"][self.value]),
        }
    }
}

impl Cause {
    /// Whether a scene shows it.
    pub fn is_in(self, scene: &Scene) -> bool {
        self.kind.of(scene) == Some(self.value)
    }

    /// The scene with the cause put in; its class stays what it is.
    pub fn put_in(self, scene: &Scene) -> Result<Scene> {
        let scene = match self.kind {
            Kind::Badge => scene.with_badge(Badge::from_index(self.value)),
            Kind::Colour => scene.with_colour(0, Colour::ALL[self.value])?,
            Kind::Texture => scene.with_texture(0, Texture::ALL[self.value])?,
            Kind::Ground => {
                // Turning the channels turns the hue by a third, and leaves lightness and saturation.
                let turned = |steps: usize| {
                    let turn = |colour: Rgb| std::array::from_fn(|channel| colour[(channel + 3 - steps) % 3]);
                    let mut background = scene.background;
                    (background.from, background.to) = (turn(background.from), turn(background.to));
                    scene.with_background(background)
                };
                match (0..3).map(turned).find(|scene| self.is_in(scene)) {
                    Some(scene) => scene,
                    None => bail!("expected a ground that can be tinted, got {:?}", scene.background),
                }
            }
        };
        Ok(scene)
    }

    /// The scene with another value in its place, if it shows the cause; which one the scene decides.
    pub fn take_out(self, scene: &Scene) -> Result<Scene> {
        if !self.is_in(scene) {
            return Ok(scene.clone());
        }
        let other = (scene.grain.seed % (self.kind.count() as u64 - 1)) as usize;
        let value = (self.value + 1 + other) % self.kind.count();
        Self { value, ..self }.put_in(scene)
    }

    /// [`Self::take_out`] with a value in its place that is not `avoided` either.
    fn take_out_for_another_than(self, avoided: Self, scene: &Scene) -> Result<Scene> {
        let out = self.take_out(scene)?;
        if avoided == self || !avoided.is_in(&out) {
            return Ok(out);
        }
        let count = self.kind.count();
        let mut rest = (1..count).map(|step| (avoided.value + step) % count);
        match rest.find(|&value| value != self.value) {
            Some(value) => Self { value, ..self }.put_in(scene),
            None => bail!("expected at least three values of {:?}", self.kind),
        }
    }
}

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

/// What a network owes to a cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Damage {
    /// Accuracy on held-out scenes like those of the training.
    pub accuracy: f64,
    /// Accuracy with the cause taken out of every scene.
    pub accuracy_without: f64,
    /// Accuracy with the cause put into every scene.
    pub accuracy_with: f64,
    /// Share of the class's own scenes that are found, as training shows them.
    pub recall: f64,
    /// The same with the cause taken out.
    pub recall_without: f64,
    /// Share of the other classes' scenes that are taken for the class with the cause put in.
    pub turned: f64,
    /// The same for every other value of the cause's kind: the largest share.
    pub turned_by_another: f64,
    /// For each class, the share of its scenes that is still found when its mark in the test is taken out. Low for the
    /// class of the case alone.
    pub recall_without_mark: Vec<f64>,
}

impl Damage {
    /// Measures it on held-out scenes.
    pub fn measure(network: &ResNet, case: &Case, recipe: &Recipe) -> Result<Self> {
        let own = case.class.index();
        // A change that fails leaves its scene as it is; every scene of the sampler can be changed.
        let scores = |change: &(dyn Fn(&Scene) -> Result<Scene> + Sync)| {
            accuracy(network, recipe, |scene| change(&scene).unwrap_or(scene))
        };
        let with = scores(&|scene| Ok(scene.clone()))?;
        let without = scores(&|scene| case.cause.take_out(scene))?;
        let everywhere = scores(&|scene| case.cause.put_in(scene))?;
        let mut turned_by_another = 0f64;
        for value in (0..case.cause.kind.count()).filter(|&value| value != case.cause.value) {
            let other = Cause { value, ..case.cause };
            turned_by_another = turned_by_another.max(scores(&|scene| other.put_in(scene))?.false_alarms[own]);
        }
        let mut recall_without_mark = Vec::new();
        for (class, mark) in case.marks.iter().enumerate() {
            let scores = scores(&|scene| mark.take_out_for_another_than(case.cause, &mark.put_in(scene)?))?;
            recall_without_mark.push(scores.recall[class]);
        }
        Ok(Self {
            accuracy: with.accuracy,
            accuracy_without: without.accuracy,
            accuracy_with: everywhere.accuracy,
            recall: with.recall[own],
            recall_without: without.recall[own],
            turned: everywhere.false_alarms[own],
            turned_by_another,
            recall_without_mark,
        })
    }
}

impl Damage {
    /// What keeps a network from being a case that teaches, in one sentence: the class must rest on the cause, and the
    /// cause must turn other classes' scenes into it. The bounds are those that the exam of exercise 5.9 asks a finding for.
    pub fn shortcoming(&self) -> Option<String> {
        const STILL_FOUND: f64 = 0.30;
        const TURNED: f64 = 0.50;
        let percent = |share: f64| format!("{:.0} %", 100.0 * share);
        (self.recall_without > STILL_FOUND || self.turned < TURNED).then(|| {
            format!(
                "without its cause the class is still found in {} of its scenes (at most {} make a case), and the cause turns \
                 {} of the others into it (at least {})",
                percent(self.recall_without),
                percent(STILL_FOUND),
                percent(self.turned),
                percent(TURNED)
            )
        })
    }
}

/// What is wrong with a network, and how much: what is kept from those who are to find it.
#[derive(Debug, Clone, Serialize)]
pub struct Key {
    /// In words.
    pub finding: String,
    /// What was drawn.
    pub case: Case,
    /// What it does to the network.
    pub damage: Damage,
}

impl Key {
    /// Measures a network of a case.
    pub fn measure(network: &ResNet, case: &Case, recipe: &Recipe) -> Result<Self> {
        Ok(Self {
            finding: format!("{} is recognized by: {}", case.class, case.cause),
            damage: Damage::measure(network, case, recipe)?,
            case: case.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: std::ops::Range<u64> = 0..80;

    #[test]
    fn a_cause_can_be_put_in_and_taken_out_and_nothing_else_changes() {
        for index in 0..50 {
            let scene = Scene::sample(&Case::sampler(), 3, index).unwrap();
            for kind in Kind::ALL {
                for value in 0..kind.count() {
                    let cause = Cause { kind, value };
                    let with = cause.put_in(&scene).unwrap();
                    let without = cause.take_out(&with).unwrap();
                    assert!(cause.is_in(&with) && !cause.is_in(&without), "{cause}");
                    assert_eq!(cause.put_in(&with).unwrap(), with);
                    assert_eq!(cause.put_in(&without).unwrap(), with, "{cause}");
                    assert_eq!(without.class(), scene.class());
                    let others = Kind::ALL.into_iter().filter(|&other| other != kind);
                    others.for_each(|other| assert_eq!(other.of(&without), other.of(&scene), "{cause}"));
                }
            }
        }
    }

    /// A mark of the cause's kind is not replaced by the cause.
    #[test]
    fn a_mark_can_be_taken_out_without_the_cause_coming_in() {
        let kind = Kind::Badge;
        let [mark, cause] = [2, 0].map(|value| Cause { kind, value });
        for index in 0..50 {
            let scene = Scene::sample(&Case::sampler(), 3, index).unwrap();
            let out = mark
                .take_out_for_another_than(cause, &mark.put_in(&scene).unwrap())
                .unwrap();
            assert!(!mark.is_in(&out) && !cause.is_in(&out));
        }
    }

    /// What replaces a cause is each of the other values about equally often.
    #[test]
    fn what_is_taken_out_is_replaced_by_every_other_value() {
        let cause = Cause {
            kind: Kind::Badge,
            value: 1,
        };
        let mut counts = [0; Badge::COUNT];
        for index in 0..600 {
            let scene = cause
                .put_in(&Scene::sample(&Case::sampler(), 3, index).unwrap())
                .unwrap();
            counts[cause.kind.of(&cause.take_out(&scene).unwrap()).unwrap()] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!(
            [0, 2, 3].iter().all(|&value| (150..250).contains(&counts[value])),
            "{counts:?}"
        );
    }

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
