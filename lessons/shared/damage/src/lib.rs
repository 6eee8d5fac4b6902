//! Files damaged at random: whatever reads what a person brings must read them or refuse them in a sentence, soon and in
//! bounded memory. For tests.
//!
//! A [`Trial`] takes two seconds in a run of all tests. Longer, and on damage that no run has seen:
//!
//! ```sh
//! FUZZ_SECONDS=600 cargo test -p resnet --test mutations -- --nocapture
//! ```
//!
//! What fails is written to `target/tmp/` and its path printed; once mended, it goes to `tests/fixtures/`, into the folder
//! whose files the trial takes first.

#![warn(missing_docs)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What is damaged, and what is allowed.
pub struct Trial<'a> {
    /// What the files are, for the name of one that fails: `photo`.
    pub name: &'a str,
    /// Files that once failed; all are tried first, as they are.
    pub found: Vec<Vec<u8>>,
    /// Whole files to damage.
    pub whole: Vec<Vec<u8>>,
    /// Bytes that mean something in such a file, as instructions do.
    pub alphabet: &'a [u8],
    /// Mends what would give the damage away at once, as checksums do.
    pub mend: fn(&mut [u8]),
    /// How many files are tried at least, however long that takes.
    pub least: usize,
    /// The longest that one file may take.
    pub slowest: Duration,
    /// The most memory that the process may have had, in bytes.
    pub memory: usize,
    /// Where a file that fails is written: `env!("CARGO_TARGET_TMPDIR")`.
    pub folder: &'a str,
}

impl Trial<'_> {
    /// Gives `read` one file after the other, until the time is over.
    ///
    /// # Panics
    /// With the path of the file, if `read` panics or takes too long; and if it takes too much memory.
    pub fn run(&self, read: impl Fn(&[u8])) {
        let (limit, seed) = budget();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut found = self.found.iter();
        let (start, mut tried) = (Instant::now(), 0);
        while start.elapsed() < limit || tried < self.least {
            let bytes = found.next().cloned().unwrap_or_else(|| self.damaged(&mut random));
            let began = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| read(&bytes)));
            let took = began.elapsed();
            if outcome.is_err() || took > self.slowest {
                let path = Path::new(self.folder).join(format!("{}-{seed}-{tried}", self.name));
                std::fs::write(&path, &bytes).expect("a file that failed can be kept");
                panic!("{}: {took:?}, panicked: {}", path.display(), outcome.is_err());
            }
            tried += 1;
        }
        let peak = peak_memory();
        println!("{tried} files of seed {seed}, {} MiB at most", peak >> 20);
        assert!(peak < self.memory, "{} MiB of memory", peak >> 20);
    }

    fn damaged(&self, random: &mut ChaCha8Rng) -> Vec<u8> {
        let [file, other] = [(); 2].map(|()| &self.whole[below(random, self.whole.len())]);
        let mut bytes = file.clone();
        for _ in 0..=below(random, 6) {
            self.damage(&mut bytes, other, random);
        }
        if below(random, 4) > 0 {
            (self.mend)(&mut bytes);
        }
        bytes
    }

    /// One change: a bit, a byte, a number that is often at the edge of something, a piece left out, repeated or taken from
    /// another file, the end cut off.
    fn damage(&self, bytes: &mut Vec<u8>, other: &[u8], random: &mut ChaCha8Rng) {
        const EDGES: [u64; 11] = [
            0,
            1,
            0x7f,
            0x80,
            0xff,
            0x8000,
            0xffff,
            0x7fff_ffff,
            0xffff_ffff,
            i64::MAX as u64,
            u64::MAX,
        ];
        if bytes.is_empty() {
            return;
        }
        // Heads and directories decide most: every second change is at an end of the file.
        let edge = bytes.len().min(64);
        let at = match below(random, 4) {
            0 => below(random, edge),
            1 => bytes.len() - 1 - below(random, edge),
            _ => below(random, bytes.len()),
        };
        let piece = 1 + below(random, 64.min(bytes.len() - at));
        match below(random, 8) {
            0 => bytes[at] ^= 1 << below(random, 8),
            1 => bytes[at] = random.next_u32() as u8,
            2 if !self.alphabet.is_empty() => bytes[at] = self.alphabet[below(random, self.alphabet.len())],
            3 => {
                let number = EDGES[below(random, EDGES.len())];
                let length = [1, 2, 4, 8][below(random, 4)].min(bytes.len() - at);
                let number = match below(random, 2) {
                    0 => number.to_le_bytes()[..length].to_vec(),
                    _ => number.to_be_bytes()[8 - length..].to_vec(),
                };
                bytes[at..at + length].copy_from_slice(&number);
            }
            4 => drop(bytes.drain(at..at + piece)),
            5 => {
                let copy = bytes[at..at + piece].to_vec();
                let to = below(random, bytes.len() + 1);
                drop(bytes.splice(to..to, copy));
            }
            6 if !other.is_empty() => {
                let from = below(random, other.len());
                let copy = &other[from..other.len().min(from + piece)];
                let end = bytes.len().min(at + copy.len());
                drop(bytes.splice(at..end, copy.iter().copied()));
            }
            _ if below(random, 8) == 0 => bytes.truncate(at),
            _ => {}
        }
    }
}

/// The files of a folder below `tests/fixtures`, in the order of their names.
///
/// # Panics
/// If there is no such folder.
pub fn fixtures(folder: &str) -> Vec<Vec<u8>> {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says it");
    let folder = PathBuf::from(package).join("../../../tests/fixtures").join(folder);
    let entries = std::fs::read_dir(&folder).expect("a folder of fixtures");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

/// A number from 0 that is less than `end`, or 0.
fn below(random: &mut ChaCha8Rng, end: usize) -> usize {
    random.next_u64() as usize % end.max(1)
}

/// How long to go on, and from which seed: a fixed one where nobody asks for more.
fn budget() -> (Duration, u64) {
    let asked = std::env::var("FUZZ_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok());
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    match asked {
        Some(seconds) => (Duration::from_secs(seconds), clock.map_or(0, |now| now.as_secs())),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn trial() -> Trial<'static> {
        Trial {
            name: "toy",
            found: vec![],
            whole: vec![vec![7; 100], vec![9; 10]],
            alphabet: b"()",
            mend: |_| (),
            least: 1,
            slowest: Duration::from_secs(5),
            memory: usize::MAX,
            folder: "/nowhere",
        }
    }

    #[test]
    fn damage_is_of_every_kind_and_the_same_for_a_seed() {
        let damaged = |seed| {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            (0..300).map(|_| trial().damaged(&mut random)).collect::<Vec<_>>()
        };
        let files = damaged(1);
        assert_eq!(files, damaged(1));
        assert!(files != damaged(2));
        let has = |what: fn(&Vec<u8>) -> bool| files.iter().any(what);
        assert!(has(|file| file.contains(&b'(')), "a byte of the alphabet");
        assert!(
            has(|file| file.contains(&9) && file.contains(&7)),
            "a piece of another file"
        );
        assert!(has(|file| file.len() < 10) && has(|file| file.len() > 100));
        assert!(
            has(|file| file.windows(4).any(|four| four == [255; 4])),
            "a number at the edge"
        );
    }

    #[test]
    fn what_was_found_is_tried_first_and_a_panic_is_told() {
        let found = vec![b"bad".to_vec()];
        let folder = std::env::temp_dir().join(format!("damage-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let folder_name = folder.display().to_string();
        let trial = Trial {
            found,
            folder: &folder_name,
            ..trial()
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| trial.run(|file| assert_ne!(file, b"bad"))));
        let said = outcome
            .unwrap_err()
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_default();
        assert!(said.contains("toy-18-0") && said.contains("panicked: true"), "{said}");
        assert_eq!(std::fs::read(folder.join("toy-18-0")).unwrap(), b"bad");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
