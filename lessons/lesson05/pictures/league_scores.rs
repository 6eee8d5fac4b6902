//! The criteria of the league, scene by scene.

use anyhow::Result;
use candle_core::Tensor;
use lesson05::{
    TOP_DOWN, area_under, energy_inside, exchange_curve, pixel_order, points_inside, randomized, rank_correlation,
};
use resnet::ResNet;
use std::time::Instant;

use super::league_methods::{METHODS, Question};
use super::league_scenes::{REGIONS, Scenes};
use super::shipped::blank;

/// Steps of deletion and insertion.
const STEPS: usize = 8;
/// Deletion, insertion and sanity take many passes: they are measured on one scene of so many.
pub const ONE_OF: usize = 5;
/// Added to a seed, so that noise is other noise when the network is another one.
const OTHER_NOISE: u64 = 1_000_000;
/// Of the fresh weights.
const SEED: u64 = 3;

pub struct Criterion {
    pub name: &'static str,
    /// 1, or −1 where a small number is good.
    pub good: f64,
    score: fn(&Scored) -> Result<f64>,
    /// Whether it is measured on every scene.
    on_all: bool,
}

/// A map of one scene, and what it is compared with.
struct Scored<'s> {
    network: &'s ResNet,
    image: Tensor,
    class: u32,
    map: Tensor,
    /// The map of the network with fresh weights, other ones for each scene, where there is one.
    of_random: Option<Tensor>,
    regions: [Tensor; REGIONS],
    effects: [f64; REGIONS],
}

pub const CRITERIA: [Criterion; 6] = [
    Criterion {
        name: "pointing",
        good: 1.0,
        score: |s| Ok(f64::from(u8::from(points_inside(&s.map, &s.regions[0])?))),
        on_all: true,
    },
    Criterion {
        name: "energy",
        good: 1.0,
        score: |s| Ok(energy_inside(&s.map, &s.regions[0])?),
        on_all: true,
    },
    Criterion {
        name: "agreement",
        good: 1.0,
        score: agreement,
        on_all: true,
    },
    Criterion {
        name: "deletion",
        good: -1.0,
        score: |s| exchange(s, &s.image, &blank(&s.image)?),
        on_all: false,
    },
    Criterion {
        name: "insertion",
        good: 1.0,
        score: |s| exchange(s, &blank(&s.image)?, &s.image),
        on_all: false,
    },
    Criterion {
        name: "sanity",
        good: 1.0,
        score: |s| match &s.of_random {
            Some(map) => Ok(1.0 - rank_correlation(&s.map, map)?),
            None => Ok(f64::NAN),
        },
        on_all: false,
    },
];

/// How much of the map's energy lies where changing the scene changes the answer: the common part of the two distributions over
/// the figure asked for, the other one and the rest.
fn agreement(s: &Scored) -> Result<f64> {
    let mut common = 0.0;
    for (region, effect) in s.regions.iter().zip(s.effects) {
        common += energy_inside(&s.map, region)?.min(effect);
    }
    Ok(common)
}

fn exchange(s: &Scored, from: &Tensor, to: &Tensor) -> Result<f64> {
    let order = pixel_order(&s.map)?;
    Ok(area_under(&exchange_curve(
        s.network, from, to, s.class, &order, STEPS,
    )?)?)
}

/// What is measured of one network.
pub struct Scores {
    /// By method and criterion: a number for each scene.
    pub values: Vec<[Vec<f64>; CRITERIA.len()]>,
    /// By method, for the maps of one batch that nothing else runs beside.
    pub seconds: Vec<f64>,
    /// The shares of what moves the logit, a sum over scenes.
    pub effects: [f64; REGIONS],
    /// Which methods and which criteria are left out.
    waiting: (Vec<bool>, Vec<bool>),
}

/// What was measured on some scenes.
pub struct Part {
    values: Vec<[Vec<f64>; CRITERIA.len()]>,
    effects: [f64; REGIONS],
}

fn nothing() -> Vec<[Vec<f64>; CRITERIA.len()]> {
    METHODS.iter().map(|_| Default::default()).collect()
}

impl Scores {
    /// Nothing measured yet but the time that each method takes for these scenes. What waits for an exercise is said and left
    /// out.
    pub fn new(network: &ResNet, scenes: &Scenes, say: &mut dyn FnMut(String)) -> Result<Self> {
        let question = question(network, scenes, 0);
        let mut waiting = (vec![], vec![]);
        let mut seconds = vec![];
        for method in &METHODS {
            let begin = Instant::now();
            let waits = studio::unless_it_waits(|| method.maps(&question).map(|_| ()))?;
            seconds.push(begin.elapsed().as_secs_f64());
            if let Err(exercise) = &waits {
                say(format!("{} waits for {exercise}", method.name));
            }
            waiting.0.push(waits.is_err());
        }
        let random = studio::unless_it_waits(|| Ok(randomized(network, &TOP_DOWN, SEED)?))?;
        let scored = Scored {
            of_random: Some(scenes.regions[0].get(0)?),
            ..scored(network, scenes, 0, scenes.regions[0].get(0)?, [0.0; REGIONS])?
        };
        for criterion in &CRITERIA {
            let mut waits = studio::unless_it_waits(|| (criterion.score)(&scored).map(|_| ()))?;
            if let (Err(exercise), "sanity") = (&random, criterion.name) {
                waits = Err(exercise.clone());
            }
            if let Err(exercise) = &waits {
                say(format!("the criterion {} waits for {exercise}", criterion.name));
            }
            waiting.1.push(waits.is_err());
        }
        Ok(Self {
            values: nothing(),
            seconds,
            effects: [0.0; REGIONS],
            waiting,
        })
    }

    /// Measures some scenes, of which the first has this number.
    pub fn of(&self, network: &ResNet, scenes: &Scenes, first: u64) -> Result<Part> {
        let (mut values, mut sums) = (nothing(), [0.0; REGIONS]);
        let effects = scenes.effects(network)?;
        for effects in &effects {
            sums.iter_mut().zip(effects).for_each(|(sum, effect)| *sum += effect);
        }
        let chosen = |scene: usize| scene.is_multiple_of(ONE_OF);
        let sanity = CRITERIA.iter().zip(&self.waiting.1);
        let sanity = sanity.filter(|(criterion, waits)| criterion.name == "sanity" && !**waits);
        let mut random = vec![];
        for scene in (0..effects.len()).filter(|_| sanity.clone().next().is_some()) {
            let fresh = || randomized(network, &TOP_DOWN, SEED + first + scene as u64);
            random.push(chosen(scene).then(fresh).transpose()?);
        }
        let ready = METHODS.iter().zip(&mut values).zip(&self.waiting.0);
        for ((method, values), _) in ready.filter(|(_, waits)| !**waits) {
            let maps = method.maps(&question(network, scenes, first))?;
            for (scene, effect) in effects.iter().copied().enumerate() {
                let mut scored = scored(network, scenes, scene, maps.get(scene)?, effect)?;
                if let Some(Some(random)) = random.get(scene) {
                    let one = scenes.only(scene)?;
                    scored.of_random = Some(method.maps(&question(random, &one, first + OTHER_NOISE))?.get(0)?);
                }
                for ((criterion, waits), values) in CRITERIA.iter().zip(&self.waiting.1).zip(values.iter_mut()) {
                    if !waits && (criterion.on_all || chosen(scene)) {
                        values.push((criterion.score)(&scored)?);
                    }
                }
            }
        }
        Ok(Part { values, effects: sums })
    }

    /// Takes in what was measured.
    pub fn add(&mut self, part: Part) {
        self.effects
            .iter_mut()
            .zip(part.effects)
            .for_each(|(sum, effect)| *sum += effect);
        for (all, more) in self.values.iter_mut().zip(part.values) {
            all.iter_mut().zip(more).for_each(|(all, more)| all.extend(more));
        }
    }
}

fn question<'q>(network: &'q ResNet, scenes: &'q Scenes, seed: u64) -> Question<'q> {
    Question {
        network,
        images: &scenes.images,
        classes: &scenes.classes,
        masks: &scenes.regions[0],
        seed,
    }
}

fn scored<'s>(
    network: &'s ResNet,
    scenes: &Scenes,
    scene: usize,
    map: Tensor,
    effects: [f64; REGIONS],
) -> Result<Scored<'s>> {
    let [here, there, rest] = &scenes.regions;
    Ok(Scored {
        network,
        image: scenes.images.narrow(0, scene, 1)?,
        class: scenes.classes[scene],
        map,
        of_random: None,
        regions: [here.get(scene)?, there.get(scene)?, rest.get(scene)?],
        effects,
    })
}
