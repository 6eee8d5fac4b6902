//! 5.12: every method by every criterion, on both networks.

use anyhow::{Result, bail};
use draw::Figure;
use resnet::ResNet;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use studio::Material;

use super::league_scenes::Scenes;
use super::league_scores::{CRITERIA, ONE_OF, Part, Scores};
use super::league_table::{agreement, lines, means, table};
use super::shipped::networks;

const SCENES: u64 = 500;
const BATCH: u64 = 10;

pub fn draw(material: &Material) -> Result<Figure> {
    let networks = networks(material)?;
    let count = material.scenes(SCENES);
    if count < 2 * ONE_OF as u64 {
        bail!("expected at least {} scenes, got {count}", 2 * ONE_OF);
    }
    let (mut scores, mut waiting) = (vec![], BTreeSet::new());
    for (_, network) in &networks {
        let scenes = Scenes::new(0..BATCH.min(count))?;
        scores.push(Scores::new(network, &scenes, &mut |text| {
            if let Some((what, exercise)) = text.rsplit_once(" waits for ") {
                let number = exercise.split(',').next().unwrap_or(exercise);
                waiting.insert(format!("{what} for {number}"));
            }
            material.remark(text);
        })?);
    }
    let progress = studio::progress(count, "scoring every method");
    let measured = on_every_core(count.div_ceil(BATCH), |batch| {
        let first = batch * BATCH;
        let scenes = Scenes::new(first..count.min(first + BATCH))?;
        let of = |((_, network), scores): (&(&str, ResNet), &Scores)| scores.of(network, &scenes, first);
        let parts: Result<Vec<Part>> = networks.iter().zip(&scores).map(of).collect();
        progress.inc(scenes.classes.len() as u64);
        parts
    });
    progress.finish_and_clear();
    for parts in measured {
        scores
            .iter_mut()
            .zip(parts?)
            .for_each(|(scores, part)| scores.add(part));
    }
    let mut figure = Figure::new("The league").columns(1).width(1000);
    for ((name, _), scores) in networks.iter().zip(&scores) {
        let means = means(scores);
        lines(name, scores, &means)
            .into_iter()
            .for_each(|line| material.remark(line));
        let [here, there, rest] = scores.effects.map(|sum| sum / count as f64);
        material.remark(format!(
            "{name}: of what moves the logit {:.1} % lies in the figure asked for, {:.1} % in the other, {:.1} % in the rest",
            100.0 * here,
            100.0 * there,
            100.0 * rest
        ));
        let agreement = agreement(&means)?;
        for (criterion, row) in CRITERIA.iter().zip(&agreement) {
            let cell = |rho: &Option<f64>| rho.map_or("    –".into(), |rho| format!("{rho:5.2}"));
            let cells: Vec<String> = row.iter().map(cell).collect();
            let what = format!("{name}: {}'s order of the methods and the others'", criterion.name);
            material.remark(format!("{what:60} {}", cells.join(" ")));
        }
        figure = figure.panel(table(format!("the {name} network"), &means));
    }
    Ok(figure.caption(format!(
        "ResNet-18 “scenes” (ordinary) and “robust”, {count} scenes of 128×128 with two figures, one of them asked for; deletion, \
         insertion and sanity on one in {ONE_OF}. Means with intervals of 95 % by scene. Of deletion low is good, of everything \
         else high. Random and true mask are no methods; they stand there to compare with.{}",
        if waiting.is_empty() {
            String::new()
        } else {
            format!(" Waits: {}.", waiting.into_iter().collect::<Vec<_>>().join("; "))
        }
    )))
}

/// Does something with each number below `count`, several at a time; the results in the order of the numbers.
fn on_every_core<T: Send>(count: u64, one: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut done = vec![];
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return done;
            }
            done.push((number, one(number)));
        }
    };
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get());
    let mut done = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let each = threads.into_iter().flat_map(|thread| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        each.collect::<Vec<_>>()
    });
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}
