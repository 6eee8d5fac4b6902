//! What lesson 03 promises of its optima, on the shipped network and with the solution's functions.

use std::cell::RefCell;

use candle_core::{DType, Device, Result, Tensor};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet::ResNet;
use scenes::{COLOUR_AXES, Sampler, Scene};
use solution03::{Optimizer, Problem, Settings, Target, Wobble, maximize, paint, score, total_variation};

const SITE: &str = "layer4.1.add";
const CHANNEL: usize = 3;
const SIDE: usize = 128;

fn unit(network: &ResNet, images: &Tensor) -> Result<Tensor> {
    score(network, images, SITE, Target::Channel(CHANNEL))
}

/// The unit's highest value over `count` scenes.
fn best_scene(network: &ResNet, count: u64) -> Result<f32> {
    let mut best = f32::NEG_INFINITY;
    for first in (0..count).step_by(20) {
        let rendered = (first..count.min(first + 20))
            .map(|index| Ok(Scene::sample(&Sampler::default(), 7, index)?.render()))
            .collect::<Result<Vec<_>>>()?;
        let values = unit(network, &scenes::batch(&rendered, &Device::Cpu)?)?;
        best = values.to_vec1::<f32>()?.into_iter().fold(best, f32::max);
    }
    Ok(best)
}

/// A number that changes with any weight.
fn fingerprint(network: &ResNet) -> Result<Vec<(String, f64)>> {
    let mut sums = network
        .parameters()
        .iter()
        .map(|(name, weight)| {
            let values = weight.flatten_all()?.to_dtype(DType::F64)?;
            let places = Tensor::arange(1f64, values.elem_count() as f64 + 1.0, &Device::Cpu)?;
            Ok((name.clone(), (values * places.sqrt()?)?.sum_all()?.to_scalar()?))
        })
        .collect::<Result<Vec<(String, f64)>>>()?;
    sums.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(sums)
}

/// An optimum with everything on, and the objective before each step.
fn optimum(network: &ResNet, steps: usize) -> Result<(Tensor, Vec<f32>)> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let shape = [1, 3, SIDE, SIDE / 2 + 1, 2];
    let numbers = (0..shape.iter().product()).map(|_| random.random_range(-0.02f32..0.02));
    let start = Tensor::from_vec(numbers.collect(), &shape, &Device::Cpu)?;
    let axes = Tensor::new(&COLOUR_AXES, &Device::Cpu)?;
    let wobble = Wobble {
        jitter: 8,
        angle: 0.15,
        scale: 0.1,
    };
    let (random, values) = (RefCell::new(random), RefCell::new(vec![]));
    let objective = |images: &Tensor| {
        let value = unit(network, images)?;
        values.borrow_mut().extend(value.to_vec1::<f32>()?);
        Ok(value)
    };
    let problem = Problem {
        image: &|spectrum| paint(spectrum, SIDE, &axes),
        transform: &|images| wobble.apply(images, &mut random.borrow_mut()),
        penalty: &|images| total_variation(images)? * 4.0,
        project: &|spectrum| Ok(spectrum.clone()),
        ..Problem::new(&objective)
    };
    let settings = Settings {
        steps,
        step_size: 0.05,
        optimizer: Optimizer::Adam,
    };
    Ok((maximize(&start, &problem, &settings)?, values.take()))
}

#[test]
fn a_regularized_optimum_beats_the_best_of_1000_scenes() {
    const STEPS: usize = 40;
    let network = resnet::checkpoints::scenes().unwrap();
    let before = fingerprint(&network).unwrap();
    let (image, values) = optimum(&network, STEPS).unwrap();
    let reached = unit(&network, &image).unwrap().to_vec1::<f32>().unwrap()[0];

    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
    let quarters: Vec<f32> = values.chunks(STEPS / 4).map(mean).collect();
    assert!(
        quarters.is_sorted(),
        "expected the objective to rise from quarter to quarter, got {quarters:?}"
    );
    let best = best_scene(&network, 1000).unwrap();
    assert!(
        reached > best,
        "expected more than the best of 1000 scenes, {best}, got {reached}"
    );
    assert_eq!(fingerprint(&network).unwrap(), before, "the weights have changed");

    // Saved in 8 bits and shown again, the image does the same.
    let saved = ((image * 255.0).unwrap().round().unwrap() / 255.0).unwrap();
    let again = unit(&network, &saved).unwrap().to_vec1::<f32>().unwrap()[0];
    assert!((again - reached).abs() < 0.02 * reached, "{reached} became {again}");
}

/// `backward` recurses over the graph: were it kept, this many steps would overflow so small a stack.
#[test]
fn the_graph_does_not_grow_over_the_steps() {
    let run = || {
        let start = Tensor::full(0.5f32, (1, 1, 2, 2), &Device::Cpu).unwrap();
        let objective = |x: &Tensor| (x - 0.3)?.sqr()?.flatten_from(1)?.sum(1)?.neg();
        for optimizer in [Optimizer::Ascent, Optimizer::Adam] {
            let settings = Settings {
                steps: 4000,
                step_size: 1e-3,
                optimizer,
            };
            let best = maximize(&start, &Problem::new(&objective), &settings).unwrap();
            let distance = (best - 0.3).unwrap().abs().unwrap().max_all().unwrap();
            assert!(distance.to_scalar::<f32>().unwrap() < 5e-3);
        }
    };
    let thread = std::thread::Builder::new().stack_size(512 << 10).spawn(run);
    thread.unwrap().join().expect("4000 steps on a small stack");
}
