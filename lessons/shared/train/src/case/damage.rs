//! What a network owes to a cause.

use candle_core::Result;
use resnet::ResNet;
use scenes::Scene;
use serde::{Deserialize, Serialize};

use super::{Case, Cause};
use crate::{Recipe, accuracy};

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
