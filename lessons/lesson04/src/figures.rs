//! trial
use anyhow::Result;
use candle_core::{Device, Tensor};
use draw::Figure;
use lesson04::*;
use std::time::Instant;
use studio::{Draw, Material};

pub const ALL: [(&str, Draw); 3] = [("curve", curve), ("dissect", dissect), ("select", select)];
const SITES: [&str; 5] = ["conv1", "layer1", "layer2", "layer3", "layer4"];

fn tasks(scenes: &[scenes::Scene]) -> Vec<Task> {
    let task = |name: &str, classes, label: &dyn Fn(&scenes::Scene) -> usize| Task {
        name: name.into(),
        classes,
        labels: scenes.iter().map(label).collect(),
    };
    vec![
        task("shape", 10, &|s| s.figures[0].shape.index()),
        task("colour", 8, &|s| s.figures[0].colour.index()),
        task("texture", 6, &|s| s.figures[0].texture.index()),
        task("size", 4, &|s| {
            (((s.figures[0].radius - 20.0) / 5.0) as usize).min(3)
        }),
        task("position", 4, &|s| {
            usize::from(s.figures[0].place.x > 64.0) + 2 * usize::from(s.figures[0].place.y > 64.0)
        }),
    ]
}

fn curve(material: &Material) -> Result<Figure> {
    let t = Instant::now();
    let mut seen = vec![];
    let count = 1500;
    let mut images = vec![];
    for b in material.batches(0..count, 50) {
        let b = b?;
        seen.extend(b.rendered.iter().map(|r| r.scene.clone()));
        images.push(resnet::normalize(&b.pixels)?);
    }
    eprintln!("render {:?}", t.elapsed());
    let groups: Vec<usize> = (0..count as usize).collect();
    let (train, test) = split(&groups, 0.3, 1)?;
    let tasks = tasks(&seen);
    for (name, net) in [
        ("trained", material.network().clone()),
        (
            "untrained",
            resnet::ResNet::untrained(material.network().config(), 1)?,
        ),
    ] {
        for grid in [1, 4] {
            let t = Instant::now();
            let feats: Vec<Vec<Tensor>> = images
                .iter()
                .map(|i| features(&net, i, &SITES, grid))
                .collect::<candle_core::Result<_>>()?;
            let feats: Vec<Tensor> = (0..5)
                .map(|s| Tensor::cat(&feats.iter().map(|f| f[s].clone()).collect::<Vec<_>>(), 0))
                .collect::<candle_core::Result<_>>()?;
            eprintln!("{name} {grid} features {:?}", t.elapsed());
            for (f, site) in feats.iter().zip(SITES) {
                f.save_safetensors("x", format!("/tmp/l4_{name}_{grid}_{site}.safetensors"))?;
            }
            for task in &tasks {
                let l: Vec<u32> = task.labels.iter().map(|&l| l as u32).collect();
                Tensor::new(l, &Device::Cpu)?
                    .save_safetensors("x", format!("/tmp/l4_{}.safetensors", task.name))?;
            }
            let l: Vec<u32> = train.iter().map(|&l| l as u32).collect();
            Tensor::new(l, &Device::Cpu)?.save_safetensors("x", "/tmp/l4_train.safetensors")?;
            if false {
                for task in &tasks {
                    let mut line = format!("{name} {grid} {:10}", task.name);
                    for f in &feats {
                        let t = Instant::now();
                        let s = score(f, &task.labels, task.classes, &train, &test)?;
                        line += &format!(
                            " {:.3} ({:.2}-{:.2}; {:.1}s)",
                            s.accuracy,
                            s.low,
                            s.high,
                            t.elapsed().as_secs_f64()
                        );
                    }
                    eprintln!("{line}");
                }
            }
        }
    }
    anyhow::bail!("saved");
    // pixels
    let px: Vec<Tensor> = images
        .iter()
        .map(|i| pool(i, 16))
        .collect::<candle_core::Result<_>>()?;
    let px = Tensor::cat(&px, 0)?;
    for task in &tasks {
        let t = Instant::now();
        let s = score(&px, &task.labels, task.classes, &train, &test)?;
        eprintln!(
            "pixels 16 {:10} {:.3} ({:.2}-{:.2}; {:.1}s)",
            task.name,
            s.accuracy,
            s.low,
            s.high,
            t.elapsed().as_secs_f64()
        );
    }
    anyhow::bail!("done")
}
fn select(_: &Material) -> Result<Figure> {
    anyhow::bail!("x")
}

fn dissect(material: &Material) -> Result<Figure> {
    const COUNT: u64 = 1000;
    let concepts = scenes::Concept::all();
    let net = material.network();
    let t = Instant::now();
    let sites = ["layer3", "layer4"];
    let mut thr: Vec<Thresholds> = vec![
        Thresholds::new(64 * COUNT as usize, 0.005)?,
        Thresholds::new(16 * COUNT as usize, 0.005)?,
    ];
    for b in material.batches(0..COUNT, 25) {
        let b = b?;
        let trace = net.capture(&resnet::normalize(&b.pixels)?, &sites)?;
        for (t, s) in thr.iter_mut().zip(sites) {
            t.update(trace.activation(s)?)?;
        }
    }
    eprintln!("thresholds {:?}", t.elapsed());
    let t = Instant::now();
    let mut dis: Vec<Dissection> = thr
        .iter()
        .map(|t| Dissection::new(&t.finish()?, concepts.len()))
        .collect::<candle_core::Result<_>>()?;
    let mut nul = dis.clone();
    let (mut tm, mut tc, mut tu) = (0.0, 0.0, 0.0);
    for b in material.batches(0..COUNT, 25) {
        let b = b?;
        let x = Instant::now();
        let masks: Vec<Tensor> = b
            .rendered
            .iter()
            .map(|r| {
                let m: Vec<Tensor> = concepts
                    .iter()
                    .map(|c| r.masks.get(*c).to_tensor(&Device::Cpu))
                    .collect::<candle_core::Result<_>>()?;
                Tensor::stack(&m, 0)
            })
            .collect::<candle_core::Result<_>>()?;
        let masks = Tensor::stack(&masks, 0)?;
        tm += x.elapsed().as_secs_f64();
        let x = Instant::now();
        let trace = net.capture(&resnet::normalize(&b.pixels)?, &sites)?;
        tc += x.elapsed().as_secs_f64();
        let x = Instant::now();
        for (d, s) in dis.iter_mut().zip(sites) {
            d.update(trace.activation(s)?, &masks)?;
        }
        tu += x.elapsed().as_secs_f64();
        let sh = shuffled(&masks)?;
        for (d, s) in nul.iter_mut().zip(sites) {
            d.update(trace.activation(s)?, &sh)?;
        }
    }
    eprintln!(
        "dissect {:?} masks {tm:.1} capture {tc:.1} update {tu:.1}",
        t.elapsed()
    );
    for (d, n) in dis.iter().zip(&nul) {
        let best = best_concepts(&d.iou()?)?;
        let null = best_concepts(&n.iou()?)?;
        let mut count = std::collections::BTreeMap::new();
        for (c, iou) in &best {
            if *iou > 0.04 {
                *count.entry(concepts[*c].factor()).or_insert(0) += 1;
            }
        }
        let mut nulls: Vec<f64> = null.iter().map(|b| b.1).collect();
        nulls.sort_by(f64::total_cmp);
        eprintln!(
            "{count:?} null max {:?} median {:?}",
            nulls.last(),
            nulls[nulls.len() / 2]
        );
        for (u, (c, iou)) in best.iter().enumerate().take(20) {
            eprint!("{u}:{} {iou:.2}; ", concepts[*c]);
        }
        eprintln!();
    }
    anyhow::bail!("done")
}
