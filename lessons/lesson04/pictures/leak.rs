//! 4.2: the same probes with views of one scene on both sides, and on one.

use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::{Chart, Figure};
use lesson04::{Task, control_labels, features, score, split};
use scenes::Texture;
use studio::Material;

use super::probes::{TEST_SHARE, properties};

pub fn draw(material: &Material) -> Result<Figure> {
    const SCENES: u64 = 250;
    const SITE: &str = "layer3";
    material.needs_scenes("it draws several views of each scene")?;
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
    let rows = Tensor::cat(&rows, 0)?;
    let mut tasks = properties(&scenes);
    tasks.push(Task {
        name: "a random number".into(),
        labels: control_labels(&of_scene, 4, 1)?,
        classes: 4,
    });
    let tasks: Vec<&Task> = [0, 1, 3, 5].iter().map(|&i| &tasks[i]).collect();
    let every_row: Vec<usize> = (0..scenes.len()).collect();
    let mut chart = Chart::over(tasks.iter().map(|task| task.name.as_str()));
    for (name, groups) in [
        ("views on both sides", &every_row),
        ("all views on one side", &of_scene),
    ] {
        let (train, test) = split(groups, TEST_SHARE, 1)?;
        let heights = tasks
            .iter()
            .map(|task| Ok(score(&rows, &task.labels, task.classes, &train, &test)?.accuracy))
            .collect::<Result<Vec<_>>>()?;
        chart = chart.bars(name, heights);
    }
    Ok(Figure::new("A split that leaks")
        .caption(format!(
            "Probes on the averaged {SITE} of {}: {SCENES} scenes, each in six textures. Your split (4.2) by row puts views \
             of one scene on both sides; by scene it does not. The random number (four values, chance .25) belongs to the \
             scene and stands for nothing in the picture.",
            material.network_name(),
        ))
        .panel(chart.y_label("accuracy on test views").with_numbers())
        .width(900))
}
