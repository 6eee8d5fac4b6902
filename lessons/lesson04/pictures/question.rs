//! 4.1, 4.3, 4.4: the guide's question, with what an answer has to beat.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Chart, Figure, grouped};
use lesson04::pool;
use studio::{Batch, LeftOut, Material};

use super::images::{BATCH, IMAGES, SITES, count, gather, untrained};
use super::probes::{TEST_SHARE, accuracy, bars, share_of_commonest};

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_images()?;
    let names = material.label_names();
    if names.is_empty() {
        let why = format!(
            "probes learn from labels, and {} have none: lay each in a folder of its class",
            material.data_name()
        );
        return Err(LeftOut(why).into());
    }
    let images = count(material, IMAGES);
    let of = |batch: &Batch| batch.labels.clone();
    let (trained, labels) = gather(material, material.network(), images, &SITES, 1, of)?;
    let first = untrained(material)?;
    let (raw, _) = gather(material, &first, images, &["layer4"], 1, of)?;
    let mut pixels = vec![];
    for batch in material.batches(0..images, BATCH) {
        pixels.push(pool(&batch?.pixels, 8)?);
    }
    let mut sources = vec![("pixels 8×8".to_string(), Tensor::cat(&pixels, 0)?)];
    sources.push(("untrained layer4".into(), raw[0].clone()));
    sources.extend(SITES.iter().map(|site| site.to_string()).zip(trained));

    // The classes that occur, numbered from 0.
    let mut occurring = labels.clone();
    occurring.sort_unstable();
    occurring.dedup();
    let labels: Vec<usize> = labels
        .iter()
        .filter_map(|label| occurring.binary_search(label).ok())
        .collect();
    let class = asked(material, &names, &occurring, &labels);
    let names: Vec<&str> = occurring.iter().map(|&label| names[label].as_str()).collect();
    let yes: Vec<usize> = labels.iter().map(|&label| usize::from(label == class)).collect();
    let seen = names.len();
    let mut figure = Figure::new(format!(
        "Is it a {}? What a linear probe can tell from each layer",
        names[class]
    ))
    .caption(format!(
        "Your probes (4.4) on averaged activations (4.1) of {}, on {}: {} images, the last {:.0} % of them to test. pixels \
         8×8: the image itself, averaged in 8×8 cells. Thin lines: intervals of 95 %. Dashed: naming the commonest answer \
         every time.",
        material.network_name(),
        material.data_name(),
        grouped(images as usize),
        100.0 * TEST_SHARE,
    ));
    for (title, labels, classes) in [
        (format!("a {}, or not?", names[class]), &yes, 2),
        ("which class?".to_string(), &labels, seen),
    ]
    .into_iter()
    .take(if seen > 2 { 2 } else { 1 })
    // of two classes both are the same question
    {
        let trained = labels.len() - (TEST_SHARE * labels.len() as f64) as usize;
        let heights = sources
            .iter()
            .map(|(_, rows)| accuracy(rows, labels, classes))
            .collect::<Result<Vec<_>>>()?;
        figure = figure.panel(
            Chart::over(sources.iter().map(|(name, _)| name.as_str()))
                .title(title)
                .series(bars("accuracy", &heights))
                .level("majority", share_of_commonest(&labels[..trained], &labels[trained..]))
                .y_label("accuracy on test images")
                .with_numbers(),
        );
    }
    Ok(figure.width(1200))
}

/// The number of the class that is told from all others: that of `--class` where labels are classes of the network; else the
/// guide's cat, or here a heart; else the commonest.
fn asked(material: &Material, names: &[String], occurring: &[usize], labels: &[usize]) -> usize {
    let wanted = material.wanted().first().filter(|_| material.knows_labels());
    let wanted = wanted.and_then(|class| occurring.iter().position(|label| label == class));
    let known = || {
        occurring
            .iter()
            .position(|&label| ["cat", "heart"].contains(&names[label].as_str()))
    };
    let commonest = || {
        let times = |label: &usize| labels.iter().filter(|other| *other == label).count();
        labels.iter().copied().max_by_key(times)
    };
    wanted.or_else(known).or_else(commonest).unwrap_or(0)
}
