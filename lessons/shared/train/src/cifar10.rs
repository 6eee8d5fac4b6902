use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Device, Result, Tensor};
use indicatif::ProgressBar;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use real_data::{CLASSES, Cifar10, SIDE};
use resnet::{Config, ResNet, Stem};

use crate::evaluation::{BATCH, predictions};
use crate::{Measured, Scores, Stage, Task};

/// Pixels by which an image is moved at most, each way.
const SHIFT: i32 = 4;

/// Training on CIFAR-10: every image once an epoch, in another order, moved by up to four pixels and mirrored by chance.
///
/// **Source** He et al. 2015, "Deep residual learning for image recognition", section 4.2, for moving and mirroring.
pub struct Cifar10Recipe {
    /// What it learns from.
    pub train: Cifar10,
    /// What it is measured by.
    pub test: Cifar10,
    /// Channels of the stem.
    pub width: usize,
    /// The one stage.
    pub stages: [Stage; 1],
    /// Seeds the weights, the order and the changes.
    pub seed: u64,
    /// An epoch and the order of its images: every part of every step asks for it.
    order: Mutex<Option<(usize, Arc<[usize]>)>>,
}

impl Cifar10Recipe {
    /// ResNet-18 of this width with CIFAR's stem.
    pub fn new(train: Cifar10, test: Cifar10, width: usize, epochs: usize, seed: u64) -> Self {
        let stage = Stage {
            epochs,
            scenes_per_epoch: train.len(),
            batch: 64,
            peak_learning_rate: 4e-3,
            weight_decay: 0.05,
            attack_rise: 0.0,
        };
        Self {
            train,
            test,
            width,
            stages: [stage],
            seed,
            order: Mutex::default(),
        }
    }

    /// In which order an epoch shows the images.
    fn order(&self, epoch: usize) -> Arc<[usize]> {
        let mut known = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, order)) = &*known
            && *of == epoch
        {
            return order.clone();
        }
        let mut order: Vec<usize> = (0..self.train.len()).collect();
        order.shuffle(&mut random(self.seed, 0, epoch));
        let order: Arc<[usize]> = order.into();
        *known = Some((epoch, order.clone()));
        order
    }
}

impl Task for Cifar10Recipe {
    fn name(&self) -> &str {
        "cifar10"
    }

    fn data(&self) -> &str {
        "CIFAR-10, moved by up to 4 pixels and mirrored by chance"
    }

    fn config(&self) -> Config {
        let config = Config::resnet18().width(self.width).stem(Stem::Cifar);
        config.classes(CLASSES.len())
    }

    fn stages(&self) -> &[Stage] {
        &self.stages
    }

    fn seed(&self) -> u64 {
        self.seed
    }

    fn examples(&self, stage: usize, step: usize, images: Range<usize>) -> Result<(Tensor, Tensor)> {
        let plan = &self.stages[stage];
        let (epoch, step_in_epoch) = (step / plan.steps_per_epoch(), step % plan.steps_per_epoch());
        let order = self.order(epoch);
        let chosen = &order[step_in_epoch * plan.batch..][images.clone()];

        let mut values = Vec::with_capacity(chosen.len() * 3 * SIDE * SIDE);
        let mut targets = vec![0f32; chosen.len() * CLASSES.len()];
        for (position, &index) in chosen.iter().enumerate() {
            let mut random = random(self.seed, 1, step * plan.batch + images.start + position);
            let image = self.train.image(index)?.flatten_all()?.to_vec1()?;
            let by = [random.random_range(-SHIFT..=SHIFT), random.random_range(-SHIFT..=SHIFT)];
            values.extend(changed(&image, by, random.random()));
            targets[position * CLASSES.len() + self.train.label(index)?] = 1.0;
        }
        let shape = (chosen.len(), 3, SIDE, SIDE);
        let images = Tensor::from_vec(values, shape, &Device::Cpu)?;
        let targets = Tensor::from_vec(targets, (chosen.len(), CLASSES.len()), &Device::Cpu)?;
        Ok((images, targets))
    }

    fn measure(&self, network: &ResNet, progress: &ProgressBar) -> Result<Measured> {
        progress.set_length(self.test.len() as u64);
        let mut pairs = Vec::with_capacity(self.test.len());
        let indices: Vec<usize> = (0..self.test.len()).collect();
        for indices in indices.chunks(BATCH) {
            let images = resnet::normalize(&self.test.batch(indices)?)?;
            for (guess, &index) in predictions(network, &images)?.into_iter().zip(indices) {
                pairs.push((guess, self.test.label(index)? as u32));
            }
            progress.inc(indices.len() as u64);
        }
        Ok(Measured::new(Scores::new(&pairs, CLASSES.len())))
    }
}

/// A generator of its own for each purpose and each epoch or image, so that a resumed run draws the same.
fn random(seed: u64, purpose: u64, index: usize) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(2 * index as u64 + purpose);
    random
}

/// An image, `[3, 32, 32]` flattened, moved by (x, y) pixels, mirrored first if asked; black comes in from outside.
fn changed(image: &[f32], [right, down]: [i32; 2], is_mirrored: bool) -> Vec<f32> {
    let side = SIDE as i32;
    let at = |channel: usize, row: i32, column: i32| -> f32 {
        let column = if is_mirrored { side - 1 - column } else { column };
        let is_inside = (0..side).contains(&row) && (0..side).contains(&column);
        if is_inside {
            image[(channel * SIDE + row as usize) * SIDE + column as usize]
        } else {
            0.0
        }
    };
    let rows = (0..3).flat_map(|channel| (0..side).map(move |row| (channel, row)));
    rows.flat_map(|(channel, row)| (0..side).map(move |column| at(channel, row - down, column - right)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use real_data::Split;

    #[test]
    fn images_are_moved_and_mirrored() {
        let mut image = vec![0.0; 3 * SIDE * SIDE];
        image[SIDE * SIDE + 2 * SIDE + 5] = 1.0; // green, row 2, column 5
        let place = |image: Vec<f32>| image.iter().position(|&value| value == 1.0);
        let green = |row: usize, column: usize| Some(SIDE * SIDE + row * SIDE + column);
        assert_eq!(place(changed(&image, [0, 0], false)), green(2, 5));
        assert_eq!(place(changed(&image, [3, -2], false)), green(0, 8));
        assert_eq!(place(changed(&image, [0, 1], true)), green(3, 26));
        assert_eq!(place(changed(&image, [0, -3], false)), None);
    }

    #[test]
    fn an_epoch_shows_every_image_once_and_the_next_in_another_order() {
        // Image i is of one brightness, i; nothing that happens to it changes its largest value.
        let row = |index: u8| std::iter::once(index % 10).chain(vec![index; 3 * SIDE * SIDE]);
        let data = Cifar10::from_rows(Split::Train, (0..128).flat_map(row).collect()).unwrap();
        let recipe = Cifar10Recipe::new(data.clone(), data, 4, 2, 7);
        let shown = |steps: std::ops::Range<usize>| -> Vec<i64> {
            let of = |step| {
                let (images, targets) = recipe.examples(0, step, 0..64).unwrap();
                assert_eq!(targets.sum_all().unwrap().to_scalar::<f32>().unwrap(), 64.0);
                let pixels = images.flatten_from(1).unwrap();
                let classes = targets.argmax(1).unwrap().to_vec1::<u32>().unwrap();
                let largest = pixels.max(1).unwrap().to_vec1::<f32>().unwrap();
                let indices: Vec<_> = largest.iter().map(|v| (255.0 * v).round() as i64).collect();
                for (index, class) in indices.iter().zip(classes) {
                    assert_eq!(index % 10, i64::from(class), "labels stay with their images");
                }
                indices
            };
            steps.flat_map(of).collect()
        };
        let (first, second) = (shown(0..2), shown(2..4));
        assert_ne!(first, second);
        for mut epoch in [first, second] {
            epoch.sort_unstable();
            assert_eq!(epoch, (0..128).collect::<Vec<_>>());
        }
    }
}
