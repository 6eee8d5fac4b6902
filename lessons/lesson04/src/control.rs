//! Exercise 4.6: a task that the representation cannot know, to see what the probe does by itself.

use candle_core::{Result, Tensor, bail};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::score::{Score, score};

/// ## 4.6 Did the layer know it, or did the probe learn it?
///
/// A control task asks for labels that mean nothing. Each *type* of input (here: a red ring, a blue ring, …) gets one
/// label at random and keeps it, in training and in testing. Nothing but memory of the types helps; whatever the probe
/// reaches, it learned by itself.
///
/// - `types`: the type of each row, any numbers
/// - `classes`: how many labels there are; each is as likely as the others
/// - `seed`: the same seed gives a type the same label
/// - returns one label per row, below `classes`
///
/// The label of a type depends on the seed and the type, and on nothing else: not on which rows are asked for or in
/// which order. `ChaCha8Rng::seed_from_u64(seed)` has independent streams; `random.set_stream(number)` chooses one, and
/// `random.random_range(0..classes)` draws.
///
/// **Errors** if `classes` is 0.
/// **Trap** A fresh label for every row is no control task but noise: nobody can learn it, so it shows nothing about the
/// probe.
/// **Source** Hewitt and Liang 2019, "Designing and interpreting probes with control tasks", section 2.
/// **Accepted by** `cargo test -p lesson04 -- ex4_6`
pub fn control_labels(types: &[usize], classes: usize, seed: u64) -> Result<Vec<usize>> {
    if classes == 0 {
        bail!("expected at least one class, got 0")
    }
    todo!("exercise 4.6: for each type a generator from the seed, set to the type's stream")
}

/// A probe's score on the task and on its control task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Selectivity {
    /// The score on the real labels.
    pub task: Score,
    /// The score of the same probe, fitted to the control labels of the same rows.
    pub control: Score,
}

impl Selectivity {
    /// Accuracy on the task minus accuracy on the control task.
    pub fn value(&self) -> f64 {
        todo!("exercise 4.6: a difference of two accuracies")
    }
}

/// Scores (4.5) the features on the real labels and on [`control_labels`] with as many classes.
///
/// - `types`: the type of each row; the rest as in [`score`]
///
/// **Errors** if there are not as many types as rows, or as [`score`] does.
pub fn selectivity(
    features: &Tensor,
    labels: &[usize],
    types: &[usize],
    classes: usize,
    [train, test]: [&[usize]; 2],
    seed: u64,
) -> Result<Selectivity> {
    todo!("exercise 4.6: score the features on both kinds of labels")
}
