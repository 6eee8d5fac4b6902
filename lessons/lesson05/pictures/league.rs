//! 5.12: every method by every criterion, on both networks.

use anyhow::{Result, bail};
use draw::Figure;
use studio::Material;

use super::league_scenes::Scenes;
use super::league_scores::{CRITERIA, ONE_OF, Scores};
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
    let mut scores = vec![];
    for (_, network) in &networks {
        scores.push(Scores::new(network, &mut |text| material.remark(text))?);
    }
    let progress = studio::progress(count, "scoring every method");
    for first in (0..count).step_by(BATCH as usize) {
        let scenes = Scenes::new(first..count.min(first + BATCH))?;
        for ((_, network), scores) in networks.iter().zip(&mut scores) {
            scores.add(network, &scenes, first)?;
        }
        progress.inc(scenes.classes.len() as u64);
    }
    progress.finish_and_clear();
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
         else high. Random and true mask are no methods; they stand there to compare with."
    )))
}
