//! Files with weights, damaged at random: each is read or refused in one sentence, soon and in bounded memory.
//!
//! Two seconds in a run of all tests. Longer, and on damage that no run has seen:
//!
//! ```sh
//! FUZZ_SECONDS=600 cargo test -p resnet --test mutations -- --nocapture
//! ```
//!
//! What fails is written to `target/tmp/` and its path printed; once mended, it goes to `tests/fixtures/hostile/`, whose
//! files are all tried first.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet::{Config, Parameters, ResNet, Stem, parameters};

fn fixtures(folder: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says it"))
        .join("../../../tests/fixtures")
        .join(folder)
}

/// The files of a folder, in the order of their names.
fn files_of(folder: &str) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(fixtures(folder)).expect("a folder of fixtures");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

/// Whole files to damage: PyTorch's, and a network as safetensors.
fn whole() -> Vec<Vec<u8>> {
    let config = Config {
        blocks: [1; 4],
        ..Config::resnet18().width(1).classes(2).stem(Stem::Cifar)
    };
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("mutations.safetensors");
    parameters::save(&parameters::initialize(&config, 1).unwrap(), &path).unwrap();
    let mut files = files_of("pickles");
    files.push(std::fs::read(path).unwrap());
    files
}

/// A few changes: bits, bytes and numbers that are often at the edge of something, pieces left out, repeated, or taken from
/// another file.
fn damage(file: &[u8], other: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    const EDGES: [u64; 10] = [
        0,
        1,
        0x7f,
        0x80,
        0xff,
        0xffff,
        0x7fff_ffff,
        0xffff_ffff,
        i64::MAX as u64,
        u64::MAX,
    ];
    /// Instructions of pickles.
    const INSTRUCTIONS: &[u8] = b"()]}tdlaeusRbQqhrj02NKMJXUcioGIL.\x81\x85\x86\x87\x88\x89\x8a\x8b\x93\x94";
    let mut bytes = file.to_vec();
    for _ in 0..random.random_range(1..=6) {
        if bytes.is_empty() {
            break;
        }
        let at = random.random_range(0..bytes.len());
        let piece = random.random_range(1..=64.min(bytes.len() - at));
        match random.random_range(0..8) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            1 => bytes[at] = random.next_u32() as u8,
            2 => bytes[at] = INSTRUCTIONS[random.random_range(0..INSTRUCTIONS.len())],
            3 => {
                let edge = EDGES[random.random_range(0..EDGES.len())].to_le_bytes();
                let length = [1, 2, 4, 8][random.random_range(0..4)].min(bytes.len() - at);
                bytes[at..at + length].copy_from_slice(&edge[..length]);
            }
            4 => drop(bytes.drain(at..at + piece)),
            5 => {
                let copy = bytes[at..at + piece].to_vec();
                let to = random.random_range(0..=bytes.len());
                drop(bytes.splice(to..to, copy));
            }
            6 if !other.is_empty() => {
                let from = random.random_range(0..other.len());
                let copy = &other[from..other.len().min(from + piece)];
                let end = bytes.len().min(at + copy.len());
                drop(bytes.splice(at..end, copy.iter().copied()));
            }
            _ if random.random_range(0..8) == 0 => bytes.truncate(at),
            _ => {}
        }
    }
    bytes
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

/// How long to go on, and from which seed: a fixed one where nobody asks for more.
fn budget() -> (Duration, u64) {
    match std::env::var("FUZZ_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok())
    {
        Some(seconds) => (Duration::from_secs(seconds), rand::rng().next_u64()),
        None => (Duration::from_secs(2), 18),
    }
}

/// Most memory that this process has had, in bytes; 0 where the system does not tell.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok());
    kilobytes.unwrap_or(0) << 10
}

#[test]
fn damaged_weights_are_read_or_refused() {
    let (limit, seed) = budget();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let whole = whole();
    let start = Instant::now();
    let mut found = files_of("hostile").into_iter();
    let mut tried = 0;
    while start.elapsed() < limit || tried < 1000 {
        let bytes = found.next().unwrap_or_else(|| {
            let [file, other] = [(); 2].map(|()| &whole[random.random_range(0..whole.len())]);
            damage(file, other, &mut random)
        });
        let began = Instant::now();
        let outcome = std::panic::catch_unwind(|| try_to_load(&bytes));
        if outcome.is_err() || began.elapsed() > Duration::from_secs(5) {
            let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("weights-{seed}-{tried}"));
            std::fs::write(&path, &bytes).unwrap();
            panic!(
                "{}: {:?}, panicked: {}",
                path.display(),
                began.elapsed(),
                outcome.is_err()
            );
        }
        tried += 1;
    }
    let peak = peak_memory();
    println!("{tried} files of seed {seed}, {} MiB at most", peak >> 20);
    assert!(
        peak < 1 << 30,
        "{} MiB of memory for files of a few kilobytes",
        peak >> 20
    );
}
