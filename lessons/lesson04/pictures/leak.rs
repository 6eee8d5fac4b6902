//! 4.2: the same probes with views of one scene on both sides, and on one.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Chart, Figure};
use lesson04::{Task, features};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use scenes::{Scene, Texture};
use studio::{Material, Parts, statistics};

use super::probes::{answers, bars, properties, sides};

const SCENES: u64 = 250;
const SITE: &str = "layer3";
/// Splits, each by another seed: a scene is in the test of some of them.
const SPLITS: u64 = 5;

pub fn draw(material: &Material) -> Result<Figure> {
    material.needs_scenes("it draws several views of each scene")?;
    let views = Views::new(material)?;
    let mut tasks = properties(&views.scenes);
    // Known to the scene, and to nothing in the picture.
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let numbers: Vec<usize> = (0..SCENES).map(|_| random.random_range(0..4)).collect();
    tasks.push(Task {
        name: "a random number".into(),
        labels: views.of_scene.iter().map(|&scene| numbers[scene]).collect(),
        classes: 4,
    });
    let tasks: Vec<&Task> = [0, 1, 3, 5].iter().map(|&i| &tasks[i]).collect();
    let every_row: Vec<usize> = (0..views.scenes.len()).collect();
    let mut parts = Parts::default();
    let mut count = 0;
    let mut chart = Chart::over(tasks.iter().map(|task| task.name.as_str()));
    for (name, groups) in [
        ("views on both sides", &every_row),
        ("all views on one side", &views.of_scene),
    ] {
        let mut splits = vec![];
        for seed in 1..=SPLITS {
            splits.push(match name {
                // Until 4.2 is done, every third row instead of random ones.
                "views on both sides" => match parts.make("random splits", || sides_by(groups, seed))? {
                    Some(sides) => sides,
                    None => every_third(groups.len()),
                },
                _ => sides(&mut parts, groups, seed)?,
            });
        }
        // Until 4.2 is done they are all the same.
        splits.dedup();
        count = splits.len();
        let mut found = vec![];
        for task in &tasks {
            let (mut right, mut scene) = (vec![], vec![]);
            for sides in &splits {
                let answers = answers(&views.rows, &task.labels, task.classes, sides)?;
                right.extend(answers.iter().map(|&answer| f64::from(u8::from(answer))));
                scene.extend(sides[1].iter().map(|&row| views.of_scene[row]));
            }
            let found_here = statistics::mean(&right, &scene);
            material.remark(format!("{name}: {} {found_here}", task.name));
            found.push(found_here);
        }
        chart = chart.series(bars(name, &found));
    }
    Ok(Figure::new("A split that leaks")
        .caption(format!(
            "Probes on the averaged {SITE} of {}: {SCENES} scenes, each in six textures. Your split (4.2) by row puts views \
             of one scene on both sides; by scene it does not. The random number (four values, chance .25) belongs to the \
             scene and stands for nothing in the picture. {}; intervals of 95 % between scenes: six views of \
             a scene are one observation. {}",
            material.network_name(),
            match count {
                1 => "One split".into(),
                count => format!("Means of {count} splits"),
            },
            parts.told(material),
        ))
        .panel(chart.y_label("accuracy on test views").with_numbers())
        .width(900))
}

fn sides_by(groups: &[usize], seed: u64) -> Result<[Vec<usize>; 2]> {
    let (train, test) = lesson04::split(groups, super::probes::TEST_SHARE, seed)?;
    Ok([train, test])
}

fn every_third(rows: usize) -> [Vec<usize>; 2] {
    let (train, test) = (0..rows).partition(|row| row % 3 < 2);
    [train, test]
}

/// Scenes in all textures.
struct Views {
    /// Features (4.1).
    rows: Tensor,
    scenes: Vec<Scene>,
    /// The number of each row's scene.
    of_scene: Vec<usize>,
}

impl Views {
    fn new(material: &Material) -> Result<Self> {
        let bar = studio::progress(SCENES, "views");
        let (mut rows, mut of_scene, mut scenes) = (vec![], vec![], vec![]);
        for batch in material.batches(0..SCENES, 5) {
            let mut views = vec![];
            for rendered in batch?.rendered {
                let id = scenes.len() / Texture::COUNT;
                for texture in Texture::ALL {
                    let view = rendered.scene.with_texture(0, texture)?;
                    views.push(view.render());
                    scenes.push(view);
                    of_scene.push(id);
                }
            }
            let images = resnet::normalize(&scenes::batch(&views, &Device::Cpu)?)?;
            rows.push(features(material.network(), &images, &[SITE], 1)?.remove(0));
            bar.inc(5);
        }
        Ok(Self {
            rows: Tensor::cat(&rows, 0)?,
            scenes,
            of_scene,
        })
    }
}
