//! 5.8: the cascade, from several seeds.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Chart, Figure, Series};
use lesson05::{TOP_DOWN, cascade, edges, rank_correlation, upsample};
use studio::statistics::{self, Estimate};
use studio::{Material, Parts};

use super::methods::{EDGES, Maps, all_maps, asked, for_networks, named};

/// Fresh weights differ from seed to seed. Seed 1 is left out: the shipped networks began with it, so its weights are not fresh
/// to them.
const SEEDS: [u64; 5] = [2, 3, 4, 5, 6];

pub fn draw(material: &Material) -> Result<Figure> {
    // Each image passes seven networks from each seed, forward and back: fewer of both where that takes long.
    let is_large = material.network().config().width > 32;
    let (wanted, seeds) = if is_large { (4, &SEEDS[..3]) } else { (30, &SEEDS[..]) };
    let count = material.image_count().map_or(wanted, |there| there.min(wanted));
    let mut parts = Parts::default();
    let (mut panels, mut which) = (vec![], "");
    for_networks(material, |name, network| {
        let batch = network.batches(0..count, count as usize).next();
        let batch = batch.ok_or_else(|| anyhow::anyhow!("no images"))??;
        let images = resnet::normalize(&batch.pixels)?;
        let (classes, asked_for) = asked(network, &images, &batch.labels)?;
        which = asked_for;
        let found = Cascade::new(network, &images, &classes, seeds, &mut parts)?;
        found.tell(material, name);
        panels.push(found.chart(name));
        Ok(())
    })?;
    let figure = Figure::new("Would an untrained network give the same map?").panels(panels);
    Ok(figure.width(1250).caption(format!(
        "{}, {count} images of {}. Spearman's ρ (5.8) between the map of the trained network and that of your cascade, in which \
         one module after the other gets fresh weights, from the top down. Means over images and {} seeds of fresh weights; thin \
         lines: the lowest and the highest seed. Class: {which}. {}",
        named(material),
        material.data_name(),
        seeds.len(),
        parts.told(material),
    )))
}

/// How alike maps stay, by method.
struct Cascade {
    methods: Vec<&'static str>,
    /// ρ for each method, step, seed and image.
    alike: Vec<Vec<Vec<Vec<f64>>>>,
    /// ρ of the trained network's maps with edges, mean over images.
    to_edges: Vec<f64>,
}

impl Cascade {
    fn new(material: &Material, images: &Tensor, classes: &[u32], seeds: &[u64], parts: &mut Parts) -> Result<Self> {
        let network = material.network();
        let reference = all_maps(parts, network, images, classes)?;
        let progress = studio::progress(
            (seeds.len() * TOP_DOWN.len()) as u64,
            format!("randomizing {}", material.network_name()),
        );
        let steps = TOP_DOWN.len() + 1;
        let mut alike = vec![vec![vec![]; steps]; reference.len()];
        for &seed in seeds {
            for (step, network) in cascade(network, seed)?.into_iter().enumerate() {
                // The first is the trained one.
                let each = match step {
                    0 => vec![vec![1.0; classes.len()]; reference.len()],
                    _ => alikeness(&reference, &all_maps(parts, &network, images, classes)?)?,
                };
                for (of_method, each) in alike.iter_mut().zip(each) {
                    of_method[step].push(each);
                }
                progress.inc(u64::from(step > 0));
            }
        }
        let (_, _, height, width) = images.dims4()?;
        let edges = edges(images)?;
        let to_edges = reference.iter().map(|(name, map)| -> Result<f64> {
            let large = upsample(map, height, width)?;
            let each = alikeness(&[(*name, edges.clone())], &[(*name, large)])?;
            Ok(each[0].iter().sum::<f64>() / each[0].len() as f64)
        });
        Ok(Self {
            to_edges: to_edges.collect::<Result<_>>()?,
            methods: reference.iter().map(|(name, _)| *name).collect(),
            alike,
        })
    }

    /// The mean over seeds and images, its interval between images, and the lowest and the highest seed.
    fn at(&self, method: usize, step: usize) -> (Estimate, (f64, f64)) {
        let by_seed = &self.alike[method][step];
        let images = by_seed[0].len();
        let of_image = |image: usize| by_seed.iter().map(|seed| seed[image]).sum::<f64>() / by_seed.len() as f64;
        let each: Vec<f64> = (0..images).map(of_image).collect();
        let seeds: Vec<f64> = by_seed
            .iter()
            .map(|seed| seed.iter().sum::<f64>() / images as f64)
            .collect();
        let ends = (statistics::quantile(&seeds, 0.0), statistics::quantile(&seeds, 1.0));
        (statistics::mean(&each, &(0..images).collect::<Vec<_>>()), ends)
    }

    fn chart(&self, name: &str) -> Chart {
        let steps = std::iter::once("trained".to_string()).chain(TOP_DOWN.map(|module| format!("+{module}")));
        let mut chart = Chart::over(steps)
            .title(name)
            .y_label("rank correlation with the trained map")
            .y_range(-0.4..=1.05);
        for (method, name) in self.methods.iter().enumerate() {
            let found: Vec<_> = (0..=TOP_DOWN.len()).map(|step| self.at(method, step)).collect();
            let line = Series::over_index(*name, found.iter().map(|(mean, _)| mean.value)).markers();
            chart = chart.series(line.intervals(found.iter().map(|(_, ends)| *ends)));
        }
        chart.level("no relation", 0.0)
    }

    /// The numbers, in the terminal.
    fn tell(&self, material: &Material, name: &str) {
        for (method, of) in self.methods.iter().enumerate() {
            for (step, module) in TOP_DOWN.iter().enumerate() {
                let (mean, (low, high)) = self.at(method, step + 1);
                material.remark(format!(
                    "{name:8} {of:17} +{module:6} {mean}  seeds {low:.2} to {high:.2}"
                ));
            }
            material.remark(format!("{name:8} {of:17} with edges {:.2}", self.to_edges[method]));
        }
    }
}

/// ρ of each method's maps with those of the trained network, image by image.
fn alikeness(reference: &Maps, maps: &Maps) -> Result<Vec<Vec<f64>>> {
    let pairs = reference.iter().zip(maps);
    pairs
        .map(|((name, a), (_, b))| {
            let count = a.dims()[0];
            if *name == EDGES {
                return Ok(vec![1.0; count]);
            }
            let each = (0..count).map(|i| Ok(rank_correlation(&a.get(i)?, &b.get(i)?)?));
            each.collect()
        })
        .collect()
}
