//! Files with weights, damaged at random: each is read or refused in one sentence, soon and in bounded memory. `damage` says
//! how to go on for longer; what was found lies in `tests/fixtures/hostile/`.

use std::path::PathBuf;
use std::time::Duration;

use damage::{Trial, fixtures};
use resnet::{Config, Parameters, ResNet, Stem, parameters};

/// Whole files to damage: PyTorch's, and a network as safetensors.
fn whole() -> Vec<Vec<u8>> {
    let config = Config {
        blocks: [1; 4],
        ..Config::resnet18().width(1).classes(2).stem(Stem::Cifar)
    };
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mutations.safetensors");
    parameters::save(&parameters::initialize(&config, 1).unwrap(), &path).unwrap();
    let mut files = fixtures("pickles");
    files.push(std::fs::read(path).unwrap());
    files
}

/// What a program does with a file that a person brings.
fn try_to_load(bytes: &[u8]) {
    match parameters::from_bytes(bytes) {
        Err(error) => assert_sentence(&error.to_string()),
        Ok(parameters) => build(&parameters),
    }
}

fn build(parameters: &Parameters) {
    if let Ok(config) = Config::of(parameters) {
        ResNet::new(&config, parameters).ok();
    }
}

fn assert_sentence(error: &str) {
    assert!(
        !error.is_empty() && error.len() < 100_000,
        "{} bytes of error",
        error.len()
    );
}

#[test]
fn damaged_weights_are_read_or_refused() {
    let trial = Trial {
        name: "weights",
        found: fixtures("hostile"),
        whole: whole(),
        // Instructions of pickles
        alphabet: b"()]}tdlaeusRbQqhrj02NKMJXUcioGIL.\x81\x85\x86\x87\x88\x89\x8a\x8b\x93\x94",
        mend: |_| (),
        least: 1000,
        slowest: Duration::from_secs(5),
        memory: 1 << 30,
        folder: env!("CARGO_TARGET_TMPDIR"),
    };
    trial.run(try_to_load);
}
