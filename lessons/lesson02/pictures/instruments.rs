//! 2.4 and 2.5 for the cards of the microscope.

use candle_core::Result;
use lesson02::{Peaks, sparsity};
use studio::Instrument;
use studio::instruments::{Asked, Function};

/// The functions that a card can use.
pub const ALL: [Instrument; 1] = [Instrument {
    name: "statistics",
    function: Function::OfUnit(statistics),
}];

/// Images at a time.
const BATCH: usize = 100;

/// Of a unit's maps: the share of zeros, and 1 if the unit is dead, else 0.
fn statistics(asked: &Asked) -> Result<Vec<f32>> {
    let maps = asked.maps()?;
    let images = maps.dim(0)?;
    let mut peaks = Peaks::new();
    for first in (0..images).step_by(BATCH) {
        peaks.update(&maps.narrow(0, first, BATCH.min(images - first))?)?;
    }
    let zeros = sparsity(&maps)?.by_channel;
    let is_dead = peaks.dead()?.contains(&0);
    Ok(zeros
        .iter()
        .map(|&share| share as f32)
        .chain([f32::from(is_dead)])
        .collect())
}
