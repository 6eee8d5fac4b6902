//! 4.1, 4.3, 4.4: the guide's question, with what an answer has to beat.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Chart, Figure, grouped};
use lesson04::pool;
use studio::{Batch, Material};

use super::images::{BATCH, IMAGES, SITES, count, gather, untrained};
use super::probes::{TEST_SHARE, accuracy, bars, share_of_commonest};

pub fn draw(material: &Material) -> Result<Figure> {
    let classes = material.network().config().classes;
    let wanted = (0..classes).find(|&class| ["cat", "heart"].contains(&material.class_name(class)));
    let class = wanted.unwrap_or(0);
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

    let yes: Vec<usize> = labels.iter().map(|&label| usize::from(label == class)).collect();
    let seen = 1 + labels.iter().copied().max().unwrap_or(0);
    let mut figure = Figure::new(format!(
        "Is it a {}? What a linear probe can tell from each layer",
        material.class_name(class)
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
        (format!("a {}, or not?", material.class_name(class)), &yes, 2),
        ("which class?".to_string(), &labels, seen),
    ] {
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
