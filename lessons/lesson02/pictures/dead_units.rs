//! 2.5: how many images it takes until a unit has fired.

use anyhow::Result;
use candle_core::Tensor;
use draw::{Chart, Figure, Series, grouped};
use lesson02::Peaks;
use studio::Material;

use super::images::{each_batch, some};
use super::sites::LAYERS;

pub fn draw(material: &Material) -> Result<Figure> {
    const NORM: &str = "layer2.0.bn1";
    const LOWERED: [f64; 4] = [0.0, 2.0, 4.0, 6.0];
    let images = some(material, 2);
    let seen = grouped(images as usize);
    let layers = &LAYERS[1..];
    let sites = [layers, &[NORM]].concat();
    let mut places: Vec<Watch> = layers.iter().map(|_| Watch::new()).collect();
    let mut channels = LOWERED.map(|_| Watch::new());
    each_batch(material, material.network(), images, &sites, |index, activation| {
        for image in 0..activation.dim(0)? {
            let one = activation.narrow(0, image, 1)?;
            match places.get_mut(index) {
                Some(watch) => watch.image(&one.reshape((1, (), 1, 1))?)?,
                None => {
                    for (watch, lowered) in channels.iter_mut().zip(LOWERED) {
                        watch.image(&(&one - lowered)?)?;
                    }
                }
            }
        }
        Ok(())
    })?;
    let chart = |title: &str, what: &str| {
        Chart::new()
            .title(title)
            .x_label("images seen")
            .y_label(format!("share of {what} still silent"))
            .log_x()
    };
    // So that the last few places show, too.
    let mut single = chart("every place of every channel", "places").log_y();
    for (site, watch) in layers.iter().zip(places) {
        single = single.series(watch.until_none(site)?);
    }
    let mut damaged = chart(&format!("channels behind {NORM}"), "channels").y_range(0.0..=1.0);
    for (lowered, watch) in LOWERED.into_iter().zip(channels) {
        damaged = damaged.series(watch.series(format!("bias − {lowered}"))?);
    }
    Ok(Figure::new("Silent so far, or dead?")
        .caption(format!(
            "{}, {seen} {}; units whose largest activation is not above 0, by your Peaks (2.5), after each image. Left: \
             each place counted as a unit of its own. Right: channels of {NORM} after the ReLU behind it, if all its biases \
             were lowered. The legends say how many are left, or after how many images none was.",
            material.network_name(),
            material.data_name(),
        ))
        .panel(single)
        .panel(damaged)
        .width(1100))
}

/// Channels, or places, that have not fired yet, after more and more images.
struct Watch {
    peaks: Peaks,
    seen: u32,
    silent: Vec<(f64, f64)>,
}

impl Watch {
    fn new() -> Self {
        Self {
            peaks: Peaks::new(),
            seen: 0,
            silent: vec![],
        }
    }

    /// One image more; `units` are `[1, units, height, width]`.
    fn image(&mut self, units: &Tensor) -> Result<()> {
        self.peaks.update(units)?;
        self.seen += 1;
        // Often in the beginning, rarely later: the axis is logarithmic.
        if self.seen < 16 || self.seen.is_multiple_of(1 << (self.seen.ilog2() - 3)) {
            let share = self.peaks.dead()?.len() as f64 / units.dim(1)? as f64;
            self.silent.push((f64::from(self.seen), share));
        }
        Ok(())
    }

    /// How the share falls, and how many are left.
    fn series(self, name: String) -> Result<Series> {
        let left = self.peaks.dead()?.len();
        Ok(Series::new(format!("{name}: {left} left"), self.silent))
    }

    /// How the share falls until none is silent, and when that was; a logarithmic axis has no 0.
    fn until_none(self, name: &str) -> Result<Series> {
        let left = grouped(self.peaks.dead()?.len());
        let still: Vec<_> = self
            .silent
            .iter()
            .copied()
            .take_while(|(_, share)| *share > 0.0)
            .collect();
        let name = match self.silent.get(still.len()) {
            Some((images, _)) => format!("{name}: none after {images}"),
            None => format!("{name}: {left} left"),
        };
        Ok(Series::new(name, still))
    }
}
