//! What a scene of a case shows beside its figure's shape, how it is put in and how it is taken out.

use std::fmt;

use candle_core::{Result, bail};
use scenes::{Badge, Colour, Rgb, Scene, Texture};
use serde::{Deserialize, Serialize};

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
    pub(super) const ALL: [Self; 4] = [Self::Badge, Self::Colour, Self::Texture, Self::Ground];

    /// How many ways there are.
    pub(super) fn count(self) -> usize {
        match self {
            Self::Badge => Badge::COUNT,
            Self::Colour => Colour::COUNT,
            Self::Texture => Texture::COUNT,
            Self::Ground => 3,
        }
    }

    /// How many classes have one of them for themselves in the test. The other ways are left to the other classes.
    pub(super) fn marked_classes(self) -> usize {
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
    pub(super) fn take_out_for_another_than(self, avoided: Self, scene: &Scene) -> Result<Scene> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;

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
}
