use std::path::PathBuf;

use resnet::{Config, Stem};

use super::*;

#[test]
fn batches_cover_each_image_once_and_agree_with_samples() {
    let material = Material::new(None, None).unwrap();
    let batches: Vec<_> = material.batches(3..8, 2).map(|b| b.unwrap()).collect();
    let sizes: Vec<_> = batches.iter().map(|batch| batch.pixels.dims()[0]).collect();
    assert_eq!(sizes, [2, 2, 1]);
    let last = material.sample(7).unwrap();
    assert_eq!(last.pixels.dims()[1..], [material.side(); 2]);
    assert_eq!(batches[2].labels, [last.label.unwrap()]);
    let difference = (batches[2].pixels.get(0).unwrap() - last.pixels).unwrap();
    assert_eq!(
        difference.abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap(),
        0.0
    );
}

#[test]
fn two_networks_see_the_same_images() {
    let material = Material::new(None, None).unwrap();
    let other = material.beside("case").unwrap();
    assert_eq!(other.network_name(), "ResNet-18 “case”");
    let image = |material: &Material| material.sample(3).unwrap().pixels.to_vec3::<f32>().unwrap();
    assert_eq!(image(&material), image(&other));
    let input = material.sample(3).unwrap().input().unwrap();
    let logits = |material: &Material| material.network().forward(&input).unwrap().to_vec2::<f32>().unwrap();
    assert_ne!(logits(&material), logits(&other));
    assert!(material.beside("nobody").is_err());

    let folder = tempfile::tempdir().unwrap();
    let own = Material::open(&cifar10(), &cache(folder.path())).unwrap();
    assert!(own.beside("case").err().unwrap().is::<LeftOut>());
}

/// A cache with twelve test images and an untrained network for them.
fn cache(folder: &Path) -> Cache {
    let cache = Cache::at(folder);
    let rows = |split| {
        let row = |index: usize| {
            (0..3073).map(move |at| {
                if at == 0 {
                    index as u8 % 10
                } else {
                    (at * (index + 1)) as u8
                }
            })
        };
        Cifar10::from_rows(split, (0..12).flat_map(row).collect()).unwrap()
    };
    Cifar10::store(&cache, "a test", &rows(Split::Train), &rows(Split::Test)).unwrap();
    std::fs::create_dir_all(cache.trained()).unwrap();
    let config = Config::resnet18().width(4).stem(Stem::Cifar).classes(10);
    let weights = resnet::parameters::initialize(&config, 1).unwrap();
    resnet::parameters::save(&weights, cache.trained().join("cifar10.safetensors")).unwrap();
    cache
}

fn cifar10() -> Choice {
    Choice {
        data: Some(Data::Cifar10),
        ..Choice::default()
    }
}

#[test]
fn cifar10_comes_in_the_size_that_the_network_knows() {
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path());
    let material = Material::open(&cifar10(), &cache).unwrap();
    let sample = material.sample(11).unwrap();
    assert_eq!(sample.pixels.dims(), [3, 32, 32]);
    assert_eq!(sample.name, "CIFAR-10 test image 11 (automobile)");
    assert_eq!((sample.label, sample.rendered.is_none()), (Some(1), true));
    assert_eq!(material.network_name(), "ResNet-18 “cifar10”");
    assert_eq!(material.side(), 32);
    assert_eq!(material.data_name(), "CIFAR-10 test images");
    assert_eq!((material.class_name(9), material.image_count()), ("truck", Some(12)));
    let batches: Vec<_> = material.batches(7..12, 3).map(|b| b.unwrap()).collect();
    let labels: Vec<_> = batches.iter().flat_map(|batch| &batch.labels).collect();
    assert_eq!(labels, [&7, &8, &9, &0, &1]);
    assert_eq!(batches[1].pixels.dims(), [2, 3, 32, 32]);
    assert!(batches[1].rendered.is_empty());
    assert!(material.needs_scenes("masks").unwrap_err().is::<LeftOut>());
    assert!(material.sample(12).is_err(), "there are twelve");

    // A network with ImageNet's stem and classes: larger images, other names.
    let config = Config::resnet18().width(2);
    let path = folder.path().join("wide.safetensors");
    let weights = resnet::parameters::initialize(&config, 1).unwrap();
    resnet::parameters::save(&weights, &path).unwrap();
    let choice = Choice {
        weights: Some(path),
        ..cifar10()
    };
    let material = Material::open(&choice, &cache).unwrap();
    assert_eq!(material.sample(0).unwrap().pixels.dims(), [3, 224, 224]);
    assert_eq!(material.side(), 224);
    assert_eq!(material.class_name(207), "golden retriever");
    assert_eq!(material.network_name(), "ResNet-18 of wide.safetensors");
}

#[test]
fn answers_are_the_largest_probabilities_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let material = Material::open(&cifar10(), &cache(folder.path())).unwrap();
    let sample = material.sample(3).unwrap();
    let answer = material.answer(&sample).unwrap();
    assert_eq!(answer.len(), 5);
    assert!(answer.is_sorted_by(|a, b| a.probability >= b.probability));
    let logits = material.network().forward(&sample.input().unwrap()).unwrap();
    let softmax = candle_core::Tensor::exp(&logits).unwrap();
    let share = softmax.broadcast_div(&softmax.sum_all().unwrap()).unwrap();
    let expected = share.squeeze(0).unwrap().to_vec1::<f32>().unwrap();
    for guess in &answer {
        assert!((guess.probability - expected[guess.class]).abs() < 1e-6);
        assert_eq!(guess.name, real_data::CLASSES[guess.class]);
    }
    let text = material.answer_text(&sample).unwrap();
    assert!(text.starts_with("ResNet-18 “cifar10” on CIFAR-10 test image 3 (cat):\n"));
}

#[test]
fn what_was_not_fetched_or_trained_is_answered_with_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let empty = Cache::at(folder.path());
    let refusal = |choice: &Choice| Material::open(choice, &empty).err().unwrap().to_string();
    assert!(refusal(&cifar10()).contains("`cargo run -p fetch -- cifar10`"));
    let rows = Cifar10::from_rows(Split::Test, vec![0; 3073]).unwrap();
    Cifar10::store(&empty, "a test", &rows, &rows).unwrap();
    assert!(refusal(&cifar10()).contains("`cargo run -p train -- cifar10` makes one"));
    let fetched = Choice {
        weights: Some("resnet18".into()),
        ..Choice::default()
    };
    assert!(refusal(&fetched).contains("`cargo run -p fetch -- resnet18`"));
}

#[test]
fn shipped_networks_have_names_and_a_near_one_is_answered_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let opened = |weights: &str, data: Data, cache: &Cache| {
        let choice = Choice {
            weights: Some(weights.into()),
            data: Some(data),
            ..Choice::default()
        };
        Material::open(&choice, cache)
    };
    let empty = Cache::at(folder.path());
    for name in checkpoints::NAMES {
        let material = opened(name, Data::Scenes, &empty).unwrap();
        assert_eq!(material.network_name(), format!("ResNet-18 “{name}”"));
        assert_eq!((material.side(), material.class_name(4)), (128, "star"));
        material.needs_scenes("masks").unwrap();
        assert!(material.knows_labels());
        let sample = material.sample(7).unwrap();
        assert_eq!(Some(material.answer(&sample).unwrap()[0].class), sample.label, "{name}");
    }
    // What it was trained on does not depend on what it is shown.
    let material = opened("robust", Data::Cifar10, &cache(folder.path())).unwrap();
    assert_eq!(material.class_name(4), "star");
    assert!(!material.knows_labels());
    assert!(material.needs_scenes("masks").unwrap_err().is::<LeftOut>());

    for (typed, meant) in [
        ("rboust", "robust"),
        ("Robust", "robust"),
        ("scene", "scenes"),
        ("resnet-18", "resnet18"),
        ("resnt50", "resnet50"),
    ] {
        let error = opened(typed, Data::Scenes, &empty).err().unwrap().to_string();
        assert!(error.contains(&format!("did you mean `{meant}`?")), "{typed}: {error}");
        assert!(
            error.contains(typed) && error.contains("scenes, robust, resnet18, resnet50"),
            "{error}"
        );
    }
    for typed in ["no.pth", "x", "weights/robust.safetensors"] {
        let error = opened(typed, Data::Scenes, &empty).err().unwrap().to_string();
        assert!(
            !error.contains("did you mean") && error.contains(typed),
            "{typed}: {error}"
        );
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Material::new(Some(Path::new("no.pth")), None).err().unwrap();
    assert!(error.to_string().contains("no.pth"), "{error}");
    let error = Material::new(None, Some(Path::new("no.jpg"))).err().unwrap();
    assert!(error.to_string().contains("no.jpg"), "{error}");
}

/// A network of the learner's own, with ImageNet's stem and a thousand classes.
fn own(folder: &Path) -> PathBuf {
    let path = folder.join("own.safetensors");
    let weights = resnet::parameters::initialize(&Config::resnet18().width(2), 1).unwrap();
    resnet::parameters::save(&weights, &path).unwrap();
    path
}

#[test]
fn a_network_of_ones_own_is_not_shown_scenes_unless_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let choice = Choice {
        weights: Some(own(folder.path())),
        ..Choice::default()
    };
    let empty = Cache::at(folder.path());
    let material = Material::open(&choice, &empty).unwrap();
    let refusals = [
        material.image(7).err().unwrap(),
        material.sample(0).err().unwrap(),
        material.batches(0..8, 4).next().unwrap().err().unwrap(),
        material.needs_images().unwrap_err(),
    ];
    for refusal in refusals {
        let text = refusal.to_string();
        assert!(refusal.is::<LeftOut>() && text.contains("--images FOLDER"), "{text}");
    }
    let choice = Choice {
        data: Some(Data::Scenes),
        ..choice
    };
    let material = Material::open(&choice, &empty).unwrap();
    assert_eq!(material.sample(0).unwrap().pixels.dims(), [3, 128, 128]);
    assert!(!material.knows_labels() && material.needs_scenes("masks").is_err());
}

#[test]
fn a_folder_is_data_with_its_labels() {
    let folder = tempfile::tempdir().unwrap();
    for (class, red) in [("tabby", 200), ("tench", 90)] {
        std::fs::create_dir(folder.path().join(class)).unwrap();
        let image = image::RgbImage::from_pixel(300, 260, image::Rgb([red, 0, 0]));
        image.save(folder.path().join(class).join("one.png")).unwrap();
    }
    let choice = Choice {
        weights: Some(own(folder.path())),
        images: Some(folder.path().into()),
        classes: vec!["Golden_Retriever".into(), "3".into()],
        ..Choice::default()
    };
    let material = Material::open(&choice, &Cache::at(folder.path())).unwrap();
    assert_eq!((material.image_count(), material.knows_labels()), (Some(2), true));
    assert_eq!((material.side(), material.wanted()), (224, &[207, 3][..]));
    let batch = material.batches(0..2, 8).next().unwrap().unwrap();
    assert_eq!(batch.pixels.dims(), [2, 3, 224, 224]);
    assert_eq!(batch.labels, [281, 0], "the network's own numbers of tabby and tench");
    let sizes: Vec<_> = material.batches(0..1000, 8).map(|batch| batch.unwrap().len()).collect();
    assert_eq!(sizes, [2], "there are no more");
    let sample = material.sample(7).unwrap();
    assert_eq!(sample.label, Some(0), "there are two: number 7 is the second");
    let asked = material.questions(&sample, 2).unwrap();
    assert_eq!([asked[0].class, asked[1].class], [207, 3]);
    let asked = material.questions(&sample, 4).unwrap();
    assert_eq!(asked.len(), 4, "the two, and the most probable others");
    assert_eq!(asked[2].class, material.answer(&sample).unwrap()[0].class);
    assert!(material.answer_text(&sample).unwrap().contains("golden retriever"));

    let typo = Choice {
        classes: vec!["goldn retriever".into()],
        ..choice
    };
    let error = Material::open(&typo, &Cache::at(folder.path()))
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("near are \"golden retriever\""), "{error}");
}
