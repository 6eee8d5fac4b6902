//! Exercise 4.2: which images train a probe, and which test it.

use std::collections::{BTreeSet, HashSet};

use candle_core::{Result, bail};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// ## 4.2 Which images may the probe learn from?
///
/// Images that belong together (views of one scene, crops of one photo, frames of one film) must lie on one side. If one
/// view of a scene trains the probe and another tests it, it can recognise the scene instead of the property.
///
/// - `groups`: for each row of the features, the scene it comes from; any numbers, in any order
/// - `test_share`: share of the *groups* that is held out, above 0 and below 1: round(`test_share` · groups) of them, but
///   at least one, and at least one is left to train on
/// - `seed`: of the random choice. The same seed gives the same split, on every machine
/// - returns the rows to train on and the rows to test on, each in rising order
///
/// `ChaCha8Rng::seed_from_u64(seed)` is a generator, and `list.shuffle(&mut random)` shuffles a `Vec`.
///
/// **Errors** if there are fewer than two groups, or the share is not between 0 and 1.
/// **Trap** The order in which a `HashSet` gives its elements changes from run to run. A `BTreeSet` is sorted.
/// **Accepted by** `cargo test -p lesson04 -- ex4_2`
pub fn split(groups: &[usize], test_share: f64, seed: u64) -> Result<(Vec<usize>, Vec<usize>)> {
    if !(test_share > 0.0 && test_share < 1.0) {
        bail!("expected a share between 0 and 1, got {test_share}")
    }
    let distinct: BTreeSet<usize> = groups.iter().copied().collect();
    let mut distinct: Vec<usize> = distinct.into_iter().collect();
    if distinct.len() < 2 {
        bail!("expected two groups or more, got {}", distinct.len())
    }
    distinct.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let count = (test_share * distinct.len() as f64).round() as usize;
    let held_out: HashSet<usize> = distinct[..count.clamp(1, distinct.len() - 1)].iter().copied().collect();
    Ok((0..groups.len()).partition(|&row| !held_out.contains(&groups[row])))
}
