//! What the network promises beyond its numbers: sites, modes, and errors that say what to do.

use std::collections::HashSet;

use candle_core::{DType, Device, Result, Tensor};
use resnet::{Config, ResNet, Stem, parameters};

fn small() -> Config {
    Config::resnet18().width(4).classes(5)
}

fn images(count: usize) -> Tensor {
    let length = count * 3 * 40 * 33;
    let values = (0..length).map(|i| ((i * 7919) % 1009) as f32 / 504.5 - 1.0);
    Tensor::from_iter(values, &Device::Cpu)
        .unwrap()
        .reshape((count, 3, 40, 33))
        .unwrap()
}

fn distance(a: &Tensor, b: &Tensor) -> f32 {
    (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar().unwrap()
}

/// The message of the error that was expected.
#[track_caller]
fn refusal<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("expected an error"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_visitor_sees_every_site_once_and_in_order() {
    for config in [
        small(),
        small().stem(Stem::Cifar),
        Config::resnet50().width(4).classes(5),
    ] {
        let network = ResNet::untrained(&config, 0).unwrap();
        let mut seen = Vec::new();
        let logits = network.forward_visit(&images(1), &mut |site, _| {
            seen.push(site.to_string());
            Ok(None)
        });
        assert_eq!(seen, network.sites());
        assert_eq!(
            seen.iter().collect::<HashSet<_>>().len(),
            seen.len(),
            "a name stands for one place only"
        );
        assert_eq!(distance(&logits.unwrap(), &network.forward(&images(1)).unwrap()), 0.0);
    }
}

#[test]
fn a_replaced_activation_is_what_the_rest_of_the_network_gets() {
    let network = ResNet::untrained(&small(), 0).unwrap();
    let silence = |silenced: &'static str| {
        network.forward_visit(&images(2), &mut move |site, activation| {
            Ok(if site == silenced {
                Some(activation.zeros_like()?)
            } else {
                None
            })
        })
    };
    // With nothing left of the images, both get the same scores.
    let logits = silence("layer3").unwrap();
    assert_eq!(distance(&logits.get(0).unwrap(), &logits.get(1).unwrap()), 0.0);
    // Silencing the class scores themselves gives zeros.
    assert_eq!(
        distance(
            &silence("fc").unwrap(),
            &Tensor::zeros((2, 5), DType::F32, &Device::Cpu).unwrap()
        ),
        0.0
    );
}

#[test]
fn a_replacement_of_another_shape_is_refused_by_site() {
    let network = ResNet::untrained(&small(), 0).unwrap();
    let wrong = network.forward_visit(&images(1), &mut |site, activation| {
        Ok(if site == "layer2" {
            Some(activation.narrow(1, 0, 1)?)
        } else {
            None
        })
    });
    let message = refusal(wrong);
    assert!(
        message.contains("layer2") && message.contains("[1, 8, 5, 5]"),
        "{message}"
    );
}

#[test]
fn an_unknown_site_is_answered_with_the_near_ones() {
    let network = ResNet::untrained(&small(), 0).unwrap();
    let message = refusal(network.capture(&images(1), &["layer1.0.relu1"]));
    assert!(
        message.contains("\"layer1.0.relu1\"") && message.contains("layer1.0.relu_1"),
        "{message}"
    );
    let trace = network.capture(&images(1), &["layer1"]).unwrap();
    let message = refusal(trace.activation("layer2").cloned());
    assert!(message.contains("this pass has layer1"), "{message}");
}

#[test]
fn looking_changes_nothing() {
    let network = ResNet::untrained(&small(), 0).unwrap();
    let plain = network.forward(&images(2)).unwrap();
    let captured = network
        .capture(&images(2), &["relu", "layer1.1.add", "layer4"])
        .unwrap();
    let tapped = network.tap(&images(2), &["relu", "layer1.1.add", "layer4"]).unwrap();
    assert_eq!(distance(&plain, &captured.logits), 0.0);
    assert_eq!(distance(&plain, &tapped.logits), 0.0);
    assert_eq!(tapped.activation("layer4").unwrap().dims(), [2, 32, 2, 2]);
}

#[test]
fn a_gradient_wants_a_scalar_and_is_zero_where_nothing_depends() {
    let network = ResNet::untrained(&small(), 0).unwrap();
    let trace = network.tap(&images(2), &["layer1", "layer4"]).unwrap();
    assert!(refusal(trace.gradients(&trace.logits)).contains("scalar"));
    let early = trace.activation("layer1").unwrap().sum_all().unwrap();
    let gradients = trace.gradients(&early).unwrap();
    assert_eq!(
        distance(
            &gradients.at("layer1").unwrap(),
            &gradients.at("layer1").unwrap().ones_like().unwrap()
        ),
        0.0
    );
    let late = gradients.at("layer4").unwrap();
    assert_eq!(distance(&late, &late.zeros_like().unwrap()), 0.0);
}

#[test]
fn in_evaluation_an_image_does_not_depend_on_its_batch_and_in_training_it_does() {
    let network = ResNet::untrained(&small(), 0).unwrap();
    let (both, one) = (images(2), images(2).narrow(0, 0, 1).unwrap());
    let first = |logits: Tensor| logits.narrow(0, 0, 1).unwrap();
    let before = network.forward(&one).unwrap();
    assert!(distance(&before, &first(network.forward(&both).unwrap())) < 1e-5);
    assert!(distance(&before, &first(network.forward_training(&both).unwrap())) > 1e-2);
    // Training has moved the stored statistics.
    assert!(distance(&before, &network.forward(&one).unwrap()) > 1e-3);
}

#[test]
fn training_on_one_value_per_channel_is_refused() {
    let network = ResNet::untrained(&small(), 0).unwrap();
    let tiny = Tensor::zeros((1, 3, 8, 8), DType::F32, &Device::Cpu).unwrap();
    assert!(refusal(network.forward_training(&tiny)).contains("at least two values per channel"));
}

#[test]
fn images_of_another_rank_or_with_other_channels_are_refused() {
    let network = ResNet::untrained(&small(), 0).unwrap();
    for shape in [vec![3, 40, 40], vec![1, 1, 40, 40], vec![1, 40, 40, 3]] {
        let wrong = Tensor::zeros(shape.clone(), DType::F32, &Device::Cpu).unwrap();
        let message = refusal(network.forward(&wrong));
        assert!(
            message.contains("[batch, 3, height, width]") && message.contains(&format!("{shape:?}")),
            "{message}"
        );
        assert!(shape[0] == 3 || refusal(resnet::normalize(&wrong)).contains("[batch, 3, height, width]"));
    }
}

/// In every way to run a network: an error at the edge, not somewhere inside.
#[test]
fn no_images_another_type_and_nan_are_refused() {
    let network = ResNet::untrained(&small(), 0).unwrap();
    let none = images(1).narrow(0, 0, 0).unwrap();
    let double = images(2).to_dtype(DType::F64).unwrap();
    let whole = images(2).to_dtype(DType::U8).unwrap();
    let nan = (images(1) * f64::NAN).unwrap();
    let second = Tensor::cat(&[images(1), nan], 0).unwrap();
    for (wrong, words) in [
        (none, "at least one image"),
        (double, "expected images of F32 as the network's weights, got F64"),
        (whole, "got U8"),
        (second, "NaN in image 1"),
    ] {
        let every_way = [
            refusal(network.forward_visit(&wrong, &mut |_, _| Ok(None))),
            refusal(network.forward_training(&wrong)),
            refusal(network.capture(&wrong, &["layer1"])),
            refusal(network.tap(&wrong, &["layer1"])),
        ];
        for message in every_way {
            assert!(message.contains(words), "{message}");
        }
        let message = refusal(network.forward(&wrong));
        assert!(
            message.contains(words) || message.contains("NaN in image 0"),
            "image by image: {message}"
        );
    }
    // A view that leaves the NaN out is no fault.
    let first = Tensor::cat(&[images(1), (images(1) * f64::NAN).unwrap()], 3)
        .unwrap()
        .narrow(3, 0, 33)
        .unwrap();
    assert!(network.forward(&first).is_ok());
}

#[test]
fn normalizing_is_undone() {
    let images = images(2);
    let back = resnet::denormalize(&resnet::normalize(&images).unwrap()).unwrap();
    assert!(distance(&images, &back) < 1e-6);
    let white = Tensor::ones((1, 3, 1, 1), DType::F64, &Device::Cpu).unwrap();
    let white = resnet::normalize(&white)
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1::<f64>()
        .unwrap();
    assert!((white[0] - (1.0 - 0.485) / 0.229).abs() < 1e-6);
}

#[test]
fn the_same_seed_gives_the_same_weights() {
    let bytes = |seed| {
        let weights = parameters::initialize(&small(), seed).unwrap();
        weights["layer2.0.conv1.weight"]
            .flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap()
    };
    assert_eq!(bytes(3), bytes(3));
    assert_ne!(bytes(3), bytes(4));
    // He's initialization: variance 2 / (out · side²).
    let variance = bytes(3).iter().map(|w| w * w).sum::<f32>() / bytes(3).len() as f32;
    assert!((variance / (2.0 / (8.0 * 9.0)) - 1.0).abs() < 0.2, "{variance}");
}

#[test]
fn a_saved_network_comes_back_and_a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.safetensors");
    let weights = parameters::initialize(&small().stem(Stem::Cifar), 5).unwrap();
    parameters::save(&weights, &path).unwrap();
    let network = ResNet::load(&path).unwrap();
    assert_eq!(network.config(), &small().stem(Stem::Cifar));
    let same = ResNet::new(network.config(), &weights).unwrap();
    assert_eq!(
        distance(
            &network.forward(&images(1)).unwrap(),
            &same.forward(&images(1)).unwrap()
        ),
        0.0
    );

    let whole = std::fs::read(&path).unwrap();
    let refusal_of = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let message = refusal(ResNet::load(&path));
        assert!(message.contains(name), "the error names the file: {message}");
        message
    };
    assert!(refusal_of("cut.safetensors", &whole[..whole.len() / 2]).contains("complete safetensors"));
    for name in ["text.safetensors", "text.pth"] {
        assert!(
            refusal_of(name, b"these are no weights").contains("expected a safetensors file or a PyTorch state dict")
        );
    }
    // The content decides, not the name.
    let misnamed = folder.path().join("net.pth");
    std::fs::write(&misnamed, &whole).unwrap();
    assert_eq!(ResNet::load(&misnamed).unwrap().config(), network.config());
    assert!(refusal(ResNet::load(folder.path().join("none.pth"))).contains("found none"));
}

#[test]
fn weights_of_another_network_are_refused_by_name() {
    let weights = parameters::initialize(&small(), 5).unwrap();
    let deeper = refusal(ResNet::new(&Config::resnet34().width(4).classes(5), &weights));
    assert!(
        deeper.contains("layer1.2.conv1.weight is missing") && deeper.contains("ResNet-34"),
        "{deeper}"
    );
    assert!(deeper.contains("more"), "a long list is cut: {deeper}");
    let wider = refusal(ResNet::new(&small().width(8), &weights));
    assert!(
        wider.contains("conv1.weight: expected shape [8, 3, 7, 7], got [4, 3, 7, 7]"),
        "{wider}"
    );

    let mut foreign = weights.clone();
    foreign.insert(
        "head.weight".into(),
        Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap(),
    );
    assert!(refusal(ResNet::new(&small(), &foreign)).contains("head.weight is not part of this network"));
    let mut counted = weights.clone();
    counted.insert(
        "bn1.num_batches_tracked".into(),
        Tensor::zeros((), DType::I64, &Device::Cpu).unwrap(),
    );
    assert!(ResNet::new(&small(), &counted).is_ok());
    let mut poisoned = weights.clone();
    poisoned.insert("fc.bias".into(), Tensor::full(f32::NAN, 5, &Device::Cpu).unwrap());
    assert!(refusal(ResNet::new(&small(), &poisoned)).contains("fc.bias holds NaN"));
    poisoned.insert(
        "fc.bias".into(),
        Tensor::full(f32::NEG_INFINITY, 5, &Device::Cpu).unwrap(),
    );
    assert!(refusal(ResNet::new(&small(), &poisoned)).contains("fc.bias holds NaN or infinity"));

    let vgg = [(
        "features.0.weight".to_string(),
        Tensor::zeros((4, 3, 3, 3), DType::F32, &Device::Cpu).unwrap(),
    )];
    let message = refusal(Config::of(&vgg.into_iter().collect()));
    assert!(
        message.contains("features.0.weight") && message.contains("torchvision"),
        "{message}"
    );
}

/// Networks that have a ResNet's names and are none: each refusal names the parameters that differ.
#[test]
fn relatives_of_a_resnet_are_refused_with_what_differs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relative.safetensors");
    let load = |weights: &resnet::Parameters| {
        parameters::save(weights, &path).unwrap();
        let message = refusal(ResNet::load(&path));
        assert!(message.contains("relative.safetensors"), "{message}");
        message
    };
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let bottleneck = Config::resnet50().width(4).classes(5);

    // Groups in one convolution alone.
    let mut grouped = parameters::initialize(&bottleneck, 5).unwrap();
    grouped.insert("layer2.0.conv2.weight".into(), zeros(&[8, 2, 3, 3]));
    let message = load(&grouped);
    let expected = "layer2.0.conv2.weight: expected shape [8, 8, 3, 3], got [8, 2, 3, 3]";
    assert!(message.contains(expected), "{message}");

    // Squeeze-and-excitation: parameters of its own.
    let mut squeezed = parameters::initialize(&small(), 5).unwrap();
    squeezed.insert("layer1.0.se.fc1.weight".into(), zeros(&[1, 4, 1, 1]));
    let message = load(&squeezed);
    assert!(
        message.contains("squeeze and excitation are not supported"),
        "{message}"
    );

    // A first layer of another size, and a stem of which a part is missing.
    let mut stem = parameters::initialize(&small(), 5).unwrap();
    stem.insert("conv1.weight".into(), zeros(&[4, 3, 5, 5]));
    assert!(load(&stem).contains("conv1.weight: expected shape [4, 3, 3, 3], got [4, 3, 5, 5]"));
    stem.remove("conv1.weight");
    stem.insert("conv1.0.weight".into(), zeros(&[4, 3, 3, 3]));
    assert!(load(&stem).contains("there is no \"conv1.weight\""));
}

#[test]
fn image_by_image_gives_what_the_batch_gives() {
    let network = ResNet::untrained(&small(), 0).unwrap();
    let batch = network.forward_visit(&images(3), &mut |_, _| Ok(None)).unwrap();
    assert!(distance(&network.forward(&images(3)).unwrap(), &batch) < 1e-5);
    let seen = resnet::by_image(&images(3), |image| image.flatten_from(1)?.narrow(1, 0, 2)).unwrap();
    assert_eq!(
        distance(&seen, &images(3).flatten_from(1).unwrap().narrow(1, 0, 2).unwrap()),
        0.0,
        "order is kept"
    );
    let none = images(1).narrow(0, 0, 0).unwrap();
    assert!(refusal(network.forward(&none)).contains("at least one image"));
    assert!(
        refusal(resnet::by_image(&images(2), |image| image.get(7))).contains("7"),
        "errors come through"
    );
}
