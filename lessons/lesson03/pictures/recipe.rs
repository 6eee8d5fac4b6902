//! How an image is made.

use std::panic::{AssertUnwindSafe, catch_unwind};

use candle_core::{Device, Tensor};
use lesson03::{Optimizer, Settings, Wobble, paint, roll, turn};
use scenes::COLOUR_AXES;
use studio::Material;

use super::making::CELLS;

/// How an image is made.
#[derive(Clone, Copy, PartialEq)]
pub struct Recipe {
    /// What is optimized: waves (3.6), or pixels.
    pub waves: bool,
    pub wobble: Wobble,
    pub total_variation: f64,
    pub l2: f64,
    /// Width of the blur after each step, 0 for none.
    pub blur: f64,
    /// How far a typical pixel may be from grey, 0 for no limit; of waves, how far what the sigmoid is given may be from 0.
    pub contrast: f64,
    /// How far the numbers of the waves are from 0 at the start, or the clouds from grey.
    pub start: f32,
    /// Clouds in a row at the start.
    pub cells: usize,
    /// Is it taken where waves are wanted and cannot be made?
    pub for_want_of_waves: bool,
    pub settings: Settings,
}

impl Recipe {
    /// The best of those whose exercises are done, waves if 3.4 and 3.6 are; otherwise the terminal says what it waits for.
    pub fn best(material: &Material) -> Self {
        let best = [WAVES, SOFT].into_iter().find(Self::can_be_made).unwrap_or(PLAIN);
        if let Some(waits) = best.waits() {
            material.remark(format!("made of pixels; {waits}"));
        }
        best
    }

    /// Which exercises would make a better picture where waves were wanted.
    fn waits(&self) -> Option<&'static str> {
        self.for_want_of_waves.then_some("waves need 3.4 and 3.6")
    }

    /// Are the exercises beyond the core that it needs done?
    pub fn can_be_made(&self) -> bool {
        let grey = || Tensor::full(0.5f32, (1, 3, 4, 4), &Device::Cpu);
        let moves = || turn(&roll(&grey()?, 1, 1)?, 0.1, 1.0);
        let paints = || {
            let spectrum = Tensor::full(0f32, (1, 3, 4, 3, 2), &Device::Cpu)?;
            paint(&spectrum, 4, &Tensor::new(&COLOUR_AXES, &Device::Cpu)?)
        };
        let done = |f: &dyn Fn() -> candle_core::Result<Tensor>| {
            catch_unwind(AssertUnwindSafe(f)).is_ok_and(|result| result.is_ok())
        };
        (self.wobble == STILL || done(&moves)) && (!self.waves || done(&paints))
    }

    /// For captions.
    pub fn words(&self) -> String {
        let what = match self.waits() {
            _ if self.waves => "waves (3.6)".into(),
            Some(waits) => format!("pixels ({waits})"),
            None => "pixels".to_string(),
        };
        let moved = if self.wobble == STILL {
            ""
        } else {
            ", moved before each step (3.4)"
        };
        let penalty = if self.total_variation > 0.0 {
            ", total variation taken off (3.3)"
        } else {
            ""
        };
        let blur = if self.blur > 0.0 {
            ", blurred after each step (3.3)"
        } else {
            ""
        };
        let Settings { steps, optimizer, .. } = self.settings;
        let limit = if self.contrast > 0.0 { ", contrast limited" } else { "" };
        format!("{what}, {steps} steps of {optimizer:?} (3.5){moved}{penalty}{blur}{limit}")
    }
}

pub const ASCENT: Settings = Settings {
    steps: 128,
    step_size: 0.01,
    optimizer: Optimizer::Ascent,
};

/// Pixels, and nothing against noise; about as much contrast as a scene has.
pub const PLAIN: Recipe = Recipe {
    waves: false,
    wobble: STILL,
    total_variation: 0.0,
    l2: 0.0,
    blur: 0.0,
    contrast: 0.22,
    start: 0.2,
    cells: CELLS,
    for_want_of_waves: false,
    settings: ASCENT,
};

pub const STILL: Wobble = Wobble {
    jitter: 0,
    angle: 0.0,
    scale: 0.0,
};

pub const MOVED: Wobble = Wobble {
    jitter: 8,
    angle: 0.15,
    scale: 0.1,
};

/// Pixels with everything of 3.3 and 3.4.
pub const CAREFUL: Recipe = Recipe {
    wobble: MOVED,
    total_variation: 6.0,
    l2: 0.3,
    blur: 0.5,
    settings: Settings {
        step_size: 0.02,
        ..ASCENT
    },
    ..PLAIN
};

/// Waves, moved about. The sigmoid of ±1 is 0.27 and 0.73, so that with this contrast hardly a value is black or white.
pub const WAVES: Recipe = Recipe {
    waves: true,
    wobble: MOVED,
    total_variation: 6.0,
    contrast: 1.0,
    start: 0.3,
    settings: Settings {
        steps: 128,
        step_size: 0.05,
        optimizer: Optimizer::Adam,
    },
    ..PLAIN
};

/// Pixels with what 3.3 alone has against noise.
pub const SOFT: Recipe = Recipe {
    total_variation: 6.0,
    blur: 0.6,
    for_want_of_waves: true,
    settings: Settings {
        step_size: 0.02,
        ..ASCENT
    },
    ..PLAIN
};
