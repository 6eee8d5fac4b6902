//! CIFAR-10 from parquet and from binary batches: the same rows as went in, upright, or nothing.

mod common;

use std::path::Path;
use std::process::Command;

use common::Hub;
use fetch::Fetch;
use real_data::catalogue::{Catalogue, Item};
use real_data::{About, Cache, Cifar10, Split};

fn fetch(catalogue: Catalogue, cache: &Path, endpoint: &str) -> Fetch {
    Fetch {
        catalogue,
        cache: Cache::at(cache),
        endpoint: Some(endpoint.into()),
        program: env!("CARGO_BIN_EXE_fetch").into(),
    }
}

fn stored(cache: &Cache, split: &str) -> Vec<u8> {
    std::fs::read(cache.cifar10().join(format!("{split}.bin"))).unwrap()
}

/// The rows that were put in come out, byte for byte: no image is turned, no row is lost, no value is rounded.
#[test]
fn parquet_from_the_hub_is_unpacked_upright() {
    let (hub, folder) = (Hub::start(), tempfile::tempdir().unwrap());
    let (train, test) = (common::rows(0..23), common::rows(23..30));
    let train_file = common::parquet(&train, &folder.path().join("train.parquet"));
    let test_file = common::parquet(&test, &folder.path().join("test.parquet"));
    let catalogue = common::cifar10((&train_file, 23), (&test_file, 7));
    let item = &catalogue.items[0];
    hub.serve(item, &item.files[0], &train_file);
    hub.serve(item, &item.files[1], &test_file);
    let cache = folder.path().join("cache");
    let fetch = fetch(catalogue.clone(), &cache, &hub.endpoint);

    fetch.item("cifar10", None).unwrap();
    assert!(stored(&fetch.cache, "train") == train, "the images to train on");
    assert!(stored(&fetch.cache, "test") == test, "the images to test on");
    let about = About::read(&fetch.cache).unwrap();
    assert_eq!((about.train, about.test), (23, 7));
    assert!(about.source.contains(common::REVISION), "{about:?}");
    let data = Cifar10::open(&fetch.cache, Split::Test).unwrap();
    assert!(data.is_whole(&about));
    // Column 31 of row 0 and column 0 of row 31 are told apart.
    let image = data.image(0).unwrap().to_vec3::<f32>().unwrap();
    let byte = |value: f32| (255.0 * value).round() as u8;
    assert_eq!(byte(image[0][0][31]), test[1 + 31]);
    assert_eq!(byte(image[0][31][0]), test[1 + 31 * 32]);
    assert_ne!(test[1 + 31], test[1 + 31 * 32]);

    hub.take_requests();
    fetch.item("cifar10", None).unwrap();
    assert!(hub.take_requests().is_empty(), "nothing is contacted");
    let left: Vec<_> = std::fs::read_dir(fetch.cache.downloads()).unwrap().collect();
    assert_eq!(left.len(), 1, "the lock only: {left:?}");
    let status = fetch::status(&fetch.cache, &catalogue);
    assert!(status.contains("whole, 23 and 7 images"), "{status}");
    std::fs::write(fetch.cache.cifar10().join("test.bin"), common::rows(0..7)).unwrap();
    let status = fetch::status(&fetch.cache, &catalogue);
    assert!(status.contains("DAMAGED"), "{status}");
    fetch::remove(&fetch.cache, &catalogue, "cifar10").unwrap();
    assert!(About::read(&fetch.cache).is_none());
}

#[test]
fn binary_batches_are_read_upright() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("cifar-10-batches-bin");
    std::fs::create_dir_all(&from).unwrap();
    let mut catalogue = common::cifar10((b"", 50_000), (b"", 10_000));
    let mut train = vec![];
    for batch in 1..=6 {
        let name = match batch {
            6 => "test_batch.bin".to_string(),
            _ => format!("data_batch_{batch}.bin"),
        };
        let rows = common::rows(10_000 * batch..10_000 * (batch + 1));
        std::fs::write(from.join(&name), &rows).unwrap();
        catalogue.batches.push(common::file(&name, &rows, 10_000));
        if batch < 6 {
            train.extend(rows);
        }
    }
    let fetch = fetch(catalogue, &folder.path().join("cache"), "http://127.0.0.1:9");

    // One byte is another: refused before anything is read.
    let path = from.join("data_batch_3.bin");
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[5_000] ^= 1;
    std::fs::write(&path, bad).unwrap();
    let error = fetch.item("cifar10", Some(folder.path())).unwrap_err();
    assert!(
        format!("{error:#}").contains("data_batch_3.bin: expected SHA-256"),
        "{error:#}"
    );
    assert!(About::read(&fetch.cache).is_none());

    std::fs::write(&path, good).unwrap();
    fetch.item("cifar10", Some(folder.path())).unwrap();
    assert!(stored(&fetch.cache, "train") == train, "the images to train on");
    let test = common::rows(60_000..70_000);
    assert!(stored(&fetch.cache, "test") == test, "the images to test on");
}

/// What candle-datasets would panic on or pass over, behind a checksum that is right.
#[test]
fn broken_parquet_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let good = common::parquet(&common::rows(0..4), &folder.path().join("good.parquet"));
    let no_image = common::write_parquet(
        vec![b"no image".to_vec(); 4],
        vec![0; 4],
        &folder.path().join("no_image.parquet"),
    );
    let bad_label = {
        let mut rows = common::rows(0..4);
        rows[3073] = 10;
        common::parquet(&rows, &folder.path().join("bad_label.parquet"))
    };
    let cases: [(&str, &[u8], usize, &str); 4] = [
        ("an image that is none", &no_image, 4, "cannot read"),
        ("a label that is none", &bad_label, 4, "expected labels 0 to 9, got 10"),
        ("fewer rows", &good, 5, "expected 5 rows, got 4"),
        ("no parquet", b"PAR1 and then nothing", 4, "not a parquet file"),
    ];
    for (what, train, rows, reason) in cases {
        let catalogue = common::cifar10((train, rows), (&good, 4));
        let from = folder.path().join(what);
        std::fs::create_dir_all(&from).unwrap();
        std::fs::write(from.join("train-00000-of-00001.parquet"), train).unwrap();
        std::fs::write(from.join("test-00000-of-00001.parquet"), &good).unwrap();
        let cache = folder.path().join(format!("cache of {what}"));
        let fetch = fetch(catalogue, &cache, "http://127.0.0.1:9");
        let error = fetch.item("cifar10", Some(&from)).unwrap_err();
        assert!(format!("{error:#}").contains(reason), "{what}: {error:#}");
        assert!(About::read(&fetch.cache).is_none(), "{what}");
        assert!(Cifar10::open(&fetch.cache, Split::Train).is_err(), "{what}");
    }
}

#[test]
fn a_folder_without_the_files_is_told_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let fetch = fetch(
        common::cifar10((b"a", 1), (b"b", 1)),
        &folder.path().join("cache"),
        "http://127.0.0.1:9",
    );
    let error = fetch.item("cifar10", Some(folder.path())).unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.contains("test_batch.bin") && text.contains("train-00000-of-00001.parquet"),
        "{text}"
    );
}

/// The program itself, with the shipped catalogue.
#[test]
fn the_program_ends_with_one_sentence_and_status_1_where_there_is_no_network() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_fetch"))
            .args(arguments)
            .env(real_data::VARIABLE, folder.path())
            .env("HF_ENDPOINT", "http://127.0.0.1:9")
            .env("NO_PROXY", "127.0.0.1")
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    for name in ["cifar10", "resnet18", "resnet50"] {
        let (code, _, error) = run(&[name]);
        assert_eq!((code, error.lines().count()), (Some(1), 1), "{error}");
        assert!(
            error.starts_with("error: http://127.0.0.1:9 cannot be reached"),
            "{error}"
        );
    }
    let (code, status, _) = run(&["status"]);
    assert_eq!(code, Some(0));
    for line in [
        "cifar10   not fetched, 144 MB to download",
        "resnet18  not fetched, 47 MB to download",
        "resnet50  not fetched, 102 MB to download",
    ] {
        assert!(status.contains(line), "{status}");
    }
    assert_eq!(run(&["remove", "all"]).0, Some(0));
    assert_eq!(run(&["remove", "nothing"]).0, Some(1));
    assert_eq!(run(&["cifar100"]).0, Some(2));
}

/// Every item that the program offers is in the catalogue, and the other way round.
#[test]
fn the_programs_commands_are_the_catalogues() {
    let output = Command::new(env!("CARGO_BIN_EXE_fetch"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for Item { name, kind, .. } in &real_data::catalogue::shipped().items {
        assert!(help.contains(&format!("{name}: ")), "{name} ({kind:?}): {help}");
    }
}
