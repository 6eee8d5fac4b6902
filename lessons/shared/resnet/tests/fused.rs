//! What nobody looks at is computed as one operation; what somebody looks at, site by site. Both agree, on every kind of
//! network, whatever is looked at, with every set of instructions.

use std::collections::HashMap;

use candle_core::{DType, Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet::ops::Instructions;
use resnet::{Config, Parameters, ResNet, Shortcut, Stem, parameters};

fn random(shape: &[usize], random: &mut ChaCha8Rng) -> Tensor {
    let length = shape.iter().product();
    let values: Vec<f32> = (0..length).map(|_| random.random_range(-1.0..1.0)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Weights whose batch norm moves every channel, so that no part of it can be left out unseen.
fn weights(config: &Config, source: &mut ChaCha8Rng) -> Parameters {
    let mut weights = parameters::initialize(config, 3).unwrap();
    let mut names: Vec<_> = weights.keys().cloned().collect();
    names.sort_unstable();
    for name in names {
        let tensor = &weights[&name];
        if tensor.rank() == 1 && name != "fc.bias" {
            let noise = (random(tensor.dims(), source) * 0.3).unwrap();
            weights.insert(name, (tensor + noise).unwrap());
        }
    }
    weights
}

fn configs() -> Vec<Config> {
    let small = |config: Config| config.width(8).classes(5);
    vec![
        small(Config::resnet18()),
        Config::resnet18().width(16).classes(3),
        Config::resnet18().width(4).classes(3),
        Config::resnet18().width(2).classes(3),
        small(Config::resnet34().stem(Stem::Cifar)),
        small(Config::resnet50()),
        small(
            Config::resnet50()
                .stem(Stem::Deep)
                .shortcut(Shortcut::AveragedProjection),
        ),
        small(Config::resnext50_32x4d().groups(4)),
        small(Config::wide_resnet50_2()),
        Config::cifar(2).classes(4),
    ]
}

/// The largest difference, in units of the largest value.
fn difference(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let largest = |t: Tensor| t.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
    largest((a - b).unwrap()) / largest(b.clone()).max(1e-30)
}

/// The activations at all sites, and the gradient of `Σ logits · c` at all of them and at the image: site by site.
struct Truth {
    logits: Tensor,
    activations: HashMap<String, Tensor>,
    gradients: HashMap<String, Tensor>,
    of_image: Tensor,
}

fn truth(network: &ResNet, images: &Tensor, c: &Tensor) -> Result<Truth> {
    let image = Var::from_tensor(images)?;
    let (mut activations, mut taps) = (HashMap::new(), HashMap::new());
    let logits = network.forward_visit(&image, &mut |site, activation| {
        let tap = Var::from_tensor(&activation.zeros_like()?)?;
        let tapped = (activation + tap.as_tensor())?;
        activations.insert(site.to_string(), activation.detach());
        taps.insert(site.to_string(), tap);
        Ok(Some(tapped))
    })?;
    let store = (&logits * c)?.sum_all()?.backward()?;
    let gradients = taps
        .into_iter()
        .map(|(site, tap)| (site, store.get(&tap).unwrap().clone()));
    Ok(Truth {
        gradients: gradients.collect(),
        of_image: store.get(&image).unwrap().clone(),
        logits: logits.detach(),
        activations,
    })
}

const CLOSE: f32 = 1e-5;

#[test]
fn whatever_is_looked_at_activations_and_gradients_are_the_same() {
    let mut source = ChaCha8Rng::seed_from_u64(1);
    for config in configs() {
        let network = ResNet::new(&config, &weights(&config, &mut source)).unwrap();
        let images = random(&[3, 3, 45, 38], &mut source);
        let c = random(&[3, config.classes], &mut source);
        let truth = truth(&network, &images, &c).unwrap();
        let sites = network.sites();
        let mut choices: Vec<Vec<&str>> = vec![
            vec![],
            vec!["layer2", "layer3"],
            vec!["layer1.0.relu", "layer2.0"],
            vec!["conv1"],
        ];
        choices.extend(sites.iter().step_by(3).map(|site| vec![site.as_str()]));
        choices.push(sites.iter().map(String::as_str).collect());
        for wanted in choices {
            let at = format!("{} looking at {wanted:?}", config.name());
            let seen = network.capture(&images, &wanted).unwrap();
            assert!(difference(&seen.logits, &truth.logits) < CLOSE, "{at}");
            for site in &wanted {
                assert!(
                    difference(seen.activation(site).unwrap(), &truth.activations[*site]) < CLOSE,
                    "{at}: {site}"
                );
            }
            for with_image in [true, false] {
                let image = Var::from_tensor(&images).unwrap();
                let input = if with_image { image.as_tensor() } else { &images };
                let trace = network.tap(input, &wanted).unwrap();
                assert!(difference(&trace.logits, &truth.logits) < CLOSE, "{at}");
                if !with_image && wanted.is_empty() {
                    continue;
                }
                let objective = (&trace.logits * &c).unwrap().sum_all().unwrap();
                let gradients = trace.gradients(&objective).unwrap();
                for site in &wanted {
                    assert!(
                        difference(trace.activation(site).unwrap(), &truth.activations[*site]) < CLOSE,
                        "{at}: {site}"
                    );
                    let difference = difference(&gradients.at(site).unwrap(), &truth.gradients[*site]);
                    assert!(difference < CLOSE, "{at}: gradient at {site} differs by {difference}");
                }
                if with_image {
                    let difference = difference(&gradients.of(&image).unwrap(), &truth.of_image);
                    assert!(difference < CLOSE, "{at}: the image's gradient differs by {difference}");
                }
            }
        }
    }
}

/// So large that images run together where weights are larger than activations.
#[test]
fn a_large_network_too() {
    let mut source = ChaCha8Rng::seed_from_u64(8);
    for (config, side) in [
        (Config::resnet18().classes(3), 112),
        (Config::resnet50().classes(3), 75),
    ] {
        let network = ResNet::new(&config, &weights(&config, &mut source)).unwrap();
        let images = random(&[3, 3, side, side], &mut source);
        let c = random(&[3, config.classes], &mut source);
        let truth = truth(&network, &images, &c).unwrap();
        let image = Var::from_tensor(&images).unwrap();
        let logits = network.forward(&image).unwrap();
        assert!(difference(&logits, &truth.logits) < CLOSE, "{}", config.name());
        let gradients = (&logits * &c).unwrap().sum_all().unwrap().backward().unwrap();
        // A ReLU may fall on the other side by rounding: nearly all of the gradient is the same.
        let apart = (gradients.get(&image).unwrap() - &truth.of_image).unwrap();
        let sum = |t: &Tensor| t.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(sum(&apart) < 1e-6 * sum(&truth.of_image), "{}", config.name());
    }
}

#[test]
fn with_every_set_of_instructions() {
    let mut source = ChaCha8Rng::seed_from_u64(2);
    for config in [
        Config::resnet18().width(16).classes(3),
        Config::resnet50().width(8).classes(3),
        Config::resnet18().width(8).stem(Stem::Cifar).classes(3),
    ] {
        let network = ResNet::new(&config, &weights(&config, &mut source)).unwrap();
        let images = random(&[2, 3, 61, 70], &mut source);
        let run = || {
            let image = Var::from_tensor(&images).unwrap();
            let logits = network.forward(&image).unwrap();
            let gradients = logits.narrow(1, 1, 1).unwrap().sum_all().unwrap().backward().unwrap();
            (logits.detach(), gradients.get(&image).unwrap().clone())
        };
        let [first, others @ ..] = &Instructions::available()[..] else {
            panic!("at least one")
        };
        let (logits, gradient) = first.with(run);
        for instructions in others {
            let (other_logits, other_gradient) = instructions.with(run);
            assert!(difference(&other_logits, &logits) < CLOSE, "{instructions:?}");
            // A ReLU or a maximum may fall on the other side by rounding: nearly all of the gradient is the same.
            let apart = (&other_gradient - &gradient).unwrap().sqr().unwrap().sum_all().unwrap();
            let whole = gradient.sqr().unwrap().sum_all().unwrap();
            let share = (apart / whole).unwrap().to_scalar::<f32>().unwrap();
            assert!(share < 1e-6, "{instructions:?}: {share}");
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads_or_images() {
    let mut source = ChaCha8Rng::seed_from_u64(3);
    let config = Config::resnet18().width(16).classes(3);
    let network = ResNet::new(&config, &weights(&config, &mut source)).unwrap();
    let images = random(&[5, 3, 90, 70], &mut source);
    let run = |images: &Tensor| {
        let image = Var::from_tensor(images).unwrap();
        let logits = network.forward(&image).unwrap();
        let gradients = logits.sum_all().unwrap().backward().unwrap();
        let bits = |t: &Tensor| -> Vec<u32> {
            let values = t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            values.into_iter().map(f32::to_bits).collect()
        };
        (bits(&logits), bits(gradients.get(&image).unwrap()))
    };
    let with = |threads: usize, images: &Tensor| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(images))
    };
    let (logits, gradient) = with(1, &images);
    for threads in [2, 3, 7] {
        assert!((&logits, &gradient) == (&with(threads, &images).0, &with(threads, &images).1));
    }
    let alone = with(2, &images.narrow(0, 3, 1).unwrap()).1;
    assert!(gradient[3 * alone.len()..][..alone.len()] == alone);
}

/// Training moves the stored statistics, and fused units follow.
#[test]
fn new_statistics_are_seen() {
    let mut source = ChaCha8Rng::seed_from_u64(4);
    let config = Config::resnet18().width(8).classes(3);
    let network = ResNet::new(&config, &weights(&config, &mut source)).unwrap();
    let images = random(&[4, 3, 40, 40], &mut source);
    let before = network.forward(&images).unwrap();
    network.forward_training(&images).unwrap();
    let after = network.forward(&images).unwrap();
    assert!(difference(&before, &after) > 1e-3);
    let visited = network.forward_visit(&images, &mut |_, _| Ok(None)).unwrap();
    assert!(difference(&after, &visited) < CLOSE);
}

/// A constant that lies in the memory of a variable does not change with it.
#[test]
fn a_constant_stays_when_the_variable_it_was_taken_from_changes() {
    let config = Config::resnet18().width(8).classes(3);
    let variables: HashMap<_, _> = parameters::initialize(&config, 5)
        .unwrap()
        .into_iter()
        .map(|(name, tensor)| (name, Var::from_tensor(&tensor).unwrap()))
        .collect();
    let constants = variables
        .iter()
        .map(|(name, var)| (name.clone(), var.as_detached_tensor()));
    let network = ResNet::new(&config, &constants.collect()).unwrap();
    let image = Tensor::ones((1, 3, 40, 40), DType::F32, &Device::Cpu).unwrap();
    let before = network.forward(&image).unwrap();
    for (name, var) in &variables {
        if name.contains("conv") {
            var.set(&(var.as_tensor() * 2.0).unwrap()).unwrap();
        }
    }
    assert_eq!(difference(&network.forward(&image).unwrap(), &before), 0.0);
    let visited = network.forward_visit(&image, &mut |_, _| Ok(None)).unwrap();
    assert_eq!(difference(&visited, &before), 0.0);
}

#[test]
fn a_gradient_can_be_asked_for_twice() {
    let mut source = ChaCha8Rng::seed_from_u64(6);
    let config = Config::resnet18().width(8).classes(3);
    let network = ResNet::new(&config, &weights(&config, &mut source)).unwrap();
    let image = Var::from_tensor(&random(&[1, 3, 40, 40], &mut source)).unwrap();
    let logits = network.forward(&image).unwrap();
    let of = |class: usize| {
        let score = logits.narrow(1, class, 1).unwrap().sum_all().unwrap();
        score.backward().unwrap().get(&image).unwrap().clone()
    };
    let (first, second, again) = (of(0), of(1), of(0));
    assert!(difference(&first, &second) > 0.1);
    assert_eq!(difference(&first, &again), 0.0);
}

/// A pass that ends at a site gives what a whole one captures there, with the gradient of its image; and from a layer's output on
/// the rest gives the class scores.
#[test]
fn a_part_of_a_pass_is_the_whole_in_two() {
    let mut source = ChaCha8Rng::seed_from_u64(8);
    for config in configs() {
        let network = ResNet::new(&config, &weights(&config, &mut source)).unwrap();
        let images = random(&[2, 3, 40, 48], &mut source);
        let sites = network.sites();
        let trace = network
            .capture(&images, &sites.iter().map(String::as_str).collect::<Vec<_>>())
            .unwrap();
        for site in &sites {
            let whole = trace.activation(site).unwrap();
            let part = network.activation(&images, site).unwrap();
            assert!(difference(&part, whole) < CLOSE, "{site} of {config:?}");
            // The last block of a name, or its last ReLU, which is the same tensor.
            let last = if network.parameters().contains_key("layer1.0.conv3.weight") {
                ".relu_2"
            } else {
                ".relu_1"
            };
            let is_block = site.strip_prefix("layer").is_some_and(|rest| {
                rest.trim_end_matches(last)
                    .chars()
                    .all(|c| c.is_ascii_digit() || c == '.')
            });
            match network.forward_from(site, whole) {
                Ok(logits) => assert!(
                    is_block && difference(&logits, &trace.logits) < CLOSE,
                    "{site} of {config:?}"
                ),
                Err(error) => assert!(
                    !is_block && error.to_string().contains("a block or a layer"),
                    "{site}: {error}"
                ),
            }
        }
        let gradient = |at: &dyn Fn(&Tensor) -> Tensor| {
            let image = Var::from_tensor(&images).unwrap();
            let score = at(image.as_tensor()).sqr().unwrap().sum_all().unwrap();
            score.backward().unwrap().get(&image).unwrap().clone()
        };
        for site in ["layer2.0.add", "layer3"] {
            let part = gradient(&|image| network.activation(image, site).unwrap());
            let whole = gradient(&|image| {
                network
                    .capture(image, &[site])
                    .unwrap()
                    .activation(site)
                    .unwrap()
                    .clone()
            });
            assert!(difference(&part, &whole) < CLOSE, "{site} of {config:?}");
        }
    }
    let network = ResNet::untrained(&configs()[0], 1).unwrap();
    let error = network
        .activation(&random(&[1, 3, 40, 40], &mut source), "layer2.9")
        .unwrap_err();
    assert!(error.to_string().contains("layer2"), "{error}");
}
