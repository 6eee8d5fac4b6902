//! Downloads of weights from a hub on the loopback interface: whole, broken off, damaged, missing, unreachable.

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::Hub;
use fetch::Fetch;
use real_data::Cache;
use real_data::catalogue::{Catalogue, Item};
use resnet::{Config, ResNet};

/// Weights in three pieces of at most 4 MiB, about 12 MB.
fn network() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    let config = Config::resnet18().width(32).classes(10);
    resnet::parameters::save(&resnet::parameters::initialize(&config, 1).unwrap(), &path).unwrap();
    std::fs::read(path).unwrap()
}

fn fetch(catalogue: &Catalogue, cache: &Path, endpoint: &str) -> Fetch {
    Fetch {
        catalogue: catalogue.clone(),
        cache: Cache::at(cache),
        endpoint: Some(endpoint.into()),
        program: env!("CARGO_BIN_EXE_fetch").into(),
    }
}

fn refusal(fetch: &Fetch) -> String {
    let error = fetch.item("resnet18", None).unwrap_err();
    let text = format!("{error:#}");
    assert_eq!(text.lines().count(), 1, "one sentence: {text}");
    text
}

/// No file in the cache has the name of whole weights, and the program says so too.
#[track_caller]
fn assert_nothing_is_taken_for_whole(fetch: &Fetch) {
    assert!(!fetch.cache.weights_file("resnet18").exists());
    let status = fetch::status(&fetch.cache, &fetch.catalogue);
    assert!(!status.contains("whole"), "{status}");
}

#[test]
fn a_complete_download_is_the_file_and_is_not_asked_for_again() {
    let (hub, folder, bytes) = (Hub::start(), tempfile::tempdir().unwrap(), network());
    let catalogue = common::weights(&bytes);
    let item = &catalogue.items[0];
    hub.serve(item, &item.files[0], &bytes);
    let fetch = fetch(&catalogue, folder.path(), &hub.endpoint);

    fetch.item("resnet18", None).unwrap();
    let place = fetch.cache.weights_file("resnet18");
    assert!(std::fs::read(&place).unwrap() == bytes, "the same bytes");
    assert_eq!(ResNet::load(&place).unwrap().config().width, 32);
    let gets: Vec<_> = hub.take_requests();
    let gets: Vec<_> = gets.iter().filter(|request| request.starts_with("GET")).collect();
    assert_eq!(gets.len(), bytes.len().div_ceil(4 << 20), "{gets:?}");
    assert!(fetch::status(&fetch.cache, &catalogue).contains("resnet18  whole, "));

    fetch.item("resnet18", None).unwrap();
    assert!(hub.take_requests().is_empty(), "nothing is contacted");
    std::fs::write(&place, &bytes[..bytes.len() / 2]).unwrap();
    assert!(fetch::status(&fetch.cache, &catalogue).contains("DAMAGED"));
    std::fs::create_dir(fetch.cache.downloads().join("left by a killed run")).unwrap();
    fetch.item("resnet18", None).unwrap();
    assert!(std::fs::read(&place).unwrap() == bytes, "fetched again");
    let left: Vec<_> = std::fs::read_dir(fetch.cache.downloads()).unwrap().collect();
    assert_eq!(left.len(), 1, "the lock only: {left:?}");
}

#[test]
fn an_interrupted_download_goes_on_where_it_stopped() {
    let (hub, folder, bytes) = (Hub::start(), tempfile::tempdir().unwrap(), network());
    let catalogue = common::weights(&bytes);
    let item = &catalogue.items[0];
    hub.serve(item, &item.files[0], &bytes);
    let fetch = fetch(&catalogue, folder.path(), &hub.endpoint);

    hub.break_after(Some(6_000_000));
    let error = refusal(&fetch);
    assert!(error.contains("broke off after 4194304 of"), "{error}");
    assert!(error.contains("run `cargo run -p fetch -- resnet18` again"), "{error}");
    assert_nothing_is_taken_for_whole(&fetch);
    let status = fetch::status(&fetch.cache, &catalogue);
    assert!(status.contains("4 MB of 11 MB downloaded"), "{status}");

    hub.take_requests();
    hub.break_after(None);
    fetch.item("resnet18", None).unwrap();
    let requests = hub.take_requests();
    let first = requests.iter().find(|request| request.starts_with("GET"));
    assert_eq!(first.unwrap(), "GET bytes=4194304-8388607");
    let place = fetch.cache.weights_file("resnet18");
    assert!(std::fs::read(place).unwrap() == bytes, "the same bytes");
}

#[test]
fn a_program_that_was_killed_within_a_piece_goes_on_too() {
    let (hub, folder, bytes) = (Hub::start(), tempfile::tempdir().unwrap(), network());
    let catalogue = common::weights(&bytes);
    let item = &catalogue.items[0];
    hub.serve(item, &item.files[0], &bytes);
    let fetch = fetch(&catalogue, folder.path(), &hub.endpoint);
    let partial = fetch
        .cache
        .downloads()
        .join(format!("{}.partial", item.files[0].sha256));
    std::fs::create_dir_all(fetch.cache.downloads()).unwrap();
    std::fs::write(&partial, &bytes[..5_000_001]).unwrap();
    assert_nothing_is_taken_for_whole(&fetch);
    fetch.item("resnet18", None).unwrap();
    let place = fetch.cache.weights_file("resnet18");
    assert!(std::fs::read(place).unwrap() == bytes, "the same bytes");
    assert!(hub.take_requests().contains(&"GET bytes=5000001-9194304".to_string()));
}

#[test]
fn a_damaged_beginning_is_noticed_and_fetched_again() {
    let (hub, folder, bytes) = (Hub::start(), tempfile::tempdir().unwrap(), network());
    let catalogue = common::weights(&bytes);
    let item = &catalogue.items[0];
    hub.serve(item, &item.files[0], &bytes);
    let fetch = fetch(&catalogue, folder.path(), &hub.endpoint);
    let partial = fetch
        .cache
        .downloads()
        .join(format!("{}.partial", item.files[0].sha256));
    std::fs::create_dir_all(fetch.cache.downloads()).unwrap();
    for damaged in [vec![7; 5_000_000], vec![7; bytes.len()], vec![7; bytes.len() + 9]] {
        std::fs::write(&partial, damaged).unwrap();
        fetch.item("resnet18", None).unwrap();
        let place = fetch.cache.weights_file("resnet18");
        assert!(std::fs::read(&place).unwrap() == bytes, "the same bytes");
        std::fs::remove_file(place).unwrap();
    }
}

#[test]
fn another_file_than_the_pinned_one_is_refused() {
    let (hub, folder, bytes) = (Hub::start(), tempfile::tempdir().unwrap(), network());
    let catalogue = common::weights(&bytes);
    let item = &catalogue.items[0];
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    hub.serve(item, &item.files[0], &other);
    let fetch = fetch(&catalogue, folder.path(), &hub.endpoint);
    let error = refusal(&fetch);
    assert!(
        error.contains("than this course was made with; nothing was kept"),
        "{error}"
    );
    assert!(error.contains("expected SHA-256"), "{error}");
    assert_nothing_is_taken_for_whole(&fetch);
    let left: Vec<_> = std::fs::read_dir(fetch.cache.downloads()).unwrap().collect();
    assert_eq!(left.len(), 1, "the lock only: {left:?}");
}

#[test]
fn a_file_that_the_hub_does_not_have_is_named() {
    let (hub, folder, bytes) = (Hub::start(), tempfile::tempdir().unwrap(), network());
    let catalogue = common::weights(&bytes);
    let fetch = fetch(&catalogue, folder.path(), &hub.endpoint);
    let error = refusal(&fetch);
    let expected = format!(
        "{} has no model.safetensors in timm/resnet18.tv_in1k at revision {}; where it was renamed or removed, `--revision main` \
         asks for what is there now, and `--from FOLDER` takes a file that you have",
        hub.endpoint,
        common::REVISION
    );
    assert_eq!(error, expected);
    assert_nothing_is_taken_for_whole(&fetch);
}

#[test]
fn without_a_network_one_sentence_says_what_to_do() {
    let (folder, bytes) = (tempfile::tempdir().unwrap(), network());
    // A port at which nothing listens any more.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let fetch = fetch(&common::weights(&bytes), folder.path(), &format!("http://{port}"));
    let start = Instant::now();
    let error = refusal(&fetch);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    assert!(
        error.contains("cannot be reached: run `cargo run -p fetch -- resnet18` where"),
        "{error}"
    );
    assert!(error.contains("`--from FOLDER`"), "{error}");
    assert_nothing_is_taken_for_whole(&fetch);
}

#[test]
fn a_server_without_ranges_is_refused() {
    let (hub, folder, bytes) = (Hub::start(), tempfile::tempdir().unwrap(), network());
    let catalogue = common::weights(&bytes);
    let item = &catalogue.items[0];
    hub.serve(item, &item.files[0], &bytes);
    hub.ignore_ranges();
    let fetch = fetch(&catalogue, folder.path(), &hub.endpoint);
    let error = refusal(&fetch);
    assert!(error.contains("4194304 were asked for"), "{error}");
    assert_nothing_is_taken_for_whole(&fetch);
}

#[test]
fn weights_from_a_folder_are_checked_like_downloaded_ones() {
    let (folder, bytes) = (tempfile::tempdir().unwrap(), network());
    let catalogue = common::weights(&bytes);
    let fetch = fetch(&catalogue, &folder.path().join("cache"), "http://127.0.0.1:9");
    let from = folder.path().join("from");
    std::fs::create_dir_all(&from).unwrap();
    let take = || {
        fetch
            .item("resnet18", Some(&from))
            .map_err(|error| format!("{error:#}"))
    };
    assert!(take().unwrap_err().contains("expected model.safetensors, found none"));
    let path = from.join("resnet18.safetensors");
    std::fs::write(&path, &bytes[1..]).unwrap();
    assert!(take().unwrap_err().contains("bytes, got"));
    let mut other = bytes.clone();
    other[100_000] ^= 1;
    std::fs::write(&path, other).unwrap();
    assert!(take().unwrap_err().contains("expected SHA-256"));
    assert_nothing_is_taken_for_whole(&fetch);
    std::fs::write(&path, &bytes).unwrap();
    take().unwrap();
    assert!(std::fs::read(fetch.cache.weights_file("resnet18")).unwrap() == bytes);
    assert!(path.exists(), "what was given stays");

    assert_eq!(
        fetch::remove(&fetch.cache, &catalogue, "resnet18").unwrap(),
        bytes.len() as u64
    );
    assert_nothing_is_taken_for_whole(&fetch);
    fetch::remove(&fetch.cache, &catalogue, "all").unwrap();
    assert!(!fetch.cache.folder().exists(), "nothing stays of the cache");
    assert!(fetch::remove(&fetch.cache, &catalogue, "resnet9000").is_err());
}

#[test]
fn a_login_page_and_a_busy_hub_get_a_sentence() {
    let (hub, folder, bytes) = (Hub::start(), tempfile::tempdir().unwrap(), network());
    let fetch = fetch(&common::weights(&bytes), folder.path(), &hub.endpoint);
    let page = "<!DOCTYPE html><html><title>Welcome to the hotel</title></html>";
    hub.answer_instead("200 OK", &["Content-Type: text/html"], page);
    let error = refusal(&fetch);
    assert!(
        error.contains("a web page instead of the file") && error.contains("log in"),
        "{error}"
    );
    let elsewhere = format!("Location: {}/login", hub.endpoint);
    hub.answer_instead("302 Found", &[&elsewhere], page);
    let error = refusal(&fetch);
    assert!(error.contains(&hub.endpoint), "redirected in a circle: {error}");
    hub.answer_instead("429 Too Many Requests", &["Retry-After: 1"], "slow down");
    let error = refusal(&fetch);
    assert!(
        error.contains("wants a pause of 1 s: run `cargo run -p fetch -- resnet18` later"),
        "{error}"
    );
    hub.answer_instead("401 Unauthorized", &[], "who are you?");
    let error = refusal(&fetch);
    assert!(error.contains("wants a login for timm/resnet18.tv_in1k"), "{error}");
    assert_nothing_is_taken_for_whole(&fetch);
}

#[test]
fn another_revision_replaces_the_pinned_one_and_says_so() {
    let (hub, folder, bytes) = (Hub::start(), tempfile::tempdir().unwrap(), network());
    let catalogue = common::weights(&bytes);
    let item = &catalogue.items[0];
    let fetch = fetch(&catalogue, folder.path(), &hub.endpoint);
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    let newer = Item {
        revision: "main".into(),
        ..item.clone()
    };
    hub.serve(item, &item.files[0], &bytes);
    hub.serve(&newer, &item.files[0], &other);

    fetch.item("resnet18", None).unwrap();
    fetch.item_at("resnet18", "main").unwrap();
    let place = fetch.cache.weights_file("resnet18");
    assert!(std::fs::read(&place).unwrap() == other, "the other revision's bytes");
    let status = fetch::status(&fetch.cache, &catalogue);
    assert!(
        status.contains("whole, ") && status.contains("revision main instead of the pinned one"),
        "{status}"
    );
    fetch.item("resnet18", None).unwrap();
    assert!(std::fs::read(&place).unwrap() == other, "what is there and whole stays");
    std::fs::write(&place, &bytes[1..]).unwrap();
    assert!(fetch::status(&fetch.cache, &catalogue).contains("DAMAGED"));

    fetch::remove(&fetch.cache, &catalogue, "resnet18").unwrap();
    fetch.item("resnet18", None).unwrap();
    assert!(std::fs::read(&place).unwrap() == bytes, "the pinned one again");
    assert!(!fetch::status(&fetch.cache, &catalogue).contains("instead of"));
    let error = format!("{:#}", fetch.item_at("resnet18", "nowhere").unwrap_err());
    assert!(error.contains("at revision nowhere"), "{error}");
}
