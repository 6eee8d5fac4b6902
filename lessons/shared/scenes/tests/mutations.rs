//! Photographs, damaged at random: each becomes a square or is refused in one sentence, soon and in bounded memory.
//!
//! Two seconds in a run of all tests. Longer, and on damage that no run has seen:
//!
//! ```sh
//! FUZZ_SECONDS=600 cargo test -p scenes --test mutations -- --nocapture
//! ```
//!
//! What fails is written to `target/tmp/` and its path printed; once mended, it goes to `tests/fixtures/hostile_photos/`,
//! whose files are all tried first.

use std::io::Cursor;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use scenes::photo;

fn files_of(folder: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says it"))
        .join("../../../tests/fixtures")
        .join(folder);
    let entries = std::fs::read_dir(folder).expect("a folder of fixtures");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

/// Whole pictures to damage: the fixtures', and one in every format and kind of pixel.
fn whole() -> Vec<Vec<u8>> {
    let picture = RgbaImage::from_fn(23, 17, |x, y| {
        Rgba([(11 * x) as u8, (13 * y) as u8, (x * y) as u8, (9 * x) as u8])
    });
    let picture = DynamicImage::from(picture);
    let kinds = [
        (picture.clone(), ImageFormat::Png),
        (picture.clone(), ImageFormat::WebP),
        (picture.to_rgb8().into(), ImageFormat::Jpeg),
        (picture.to_luma8().into(), ImageFormat::Png),
        (picture.to_rgba16().into(), ImageFormat::Png),
        (picture.to_luma8().into(), ImageFormat::Jpeg),
    ];
    let write = |(picture, format): (DynamicImage, ImageFormat)| {
        let mut bytes = Cursor::new(vec![]);
        picture.write_to(&mut bytes, format).expect("a picture");
        bytes.into_inner()
    };
    let pictures = files_of("photos").into_iter().filter(|bytes| !bytes.starts_with(b"{"));
    pictures.chain(kinds.map(write)).collect()
}

fn below(random: &mut ChaCha8Rng, end: usize) -> usize {
    random.next_u64() as usize % end.max(1)
}

/// A few changes: bits, bytes, numbers at an edge, pieces left out or repeated.
fn damage(file: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    const EDGES: [u32; 7] = [0, 1, 0x7f, 0x8000, 0xffff, 0x7fff_ffff, 0xffff_ffff];
    let mut bytes = file.to_vec();
    for _ in 0..1 + below(random, 5) {
        if bytes.is_empty() {
            break;
        }
        // The headers decide most: every second change is there.
        let end = if below(random, 2) == 0 {
            bytes.len().min(64)
        } else {
            bytes.len()
        };
        let at = below(random, end);
        let piece = (1 + below(random, 32)).min(bytes.len() - at);
        match below(random, 6) {
            0 => bytes[at] ^= 1 << below(random, 8),
            1 => bytes[at] = random.next_u32() as u8,
            2 => {
                let edge = EDGES[below(random, EDGES.len())].to_be_bytes();
                let length = [1, 2, 4][below(random, 3)].min(bytes.len() - at);
                bytes[at..at + length].copy_from_slice(&edge[4 - length..]);
            }
            3 => drop(bytes.drain(at..at + piece)),
            4 => {
                let copy = bytes[at..at + piece].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            _ if below(random, 8) == 0 => bytes.truncate(at),
            _ => {}
        }
    }
    if below(random, 4) > 0 {
        mend_checksums(&mut bytes);
    }
    bytes
}

/// Gives every chunk of a PNG file the checksum of what it now holds, so that damage reaches further than that.
fn mend_checksums(bytes: &mut [u8]) {
    let mut at = 8;
    while bytes.starts_with(b"\x89PNG") && bytes.len() >= at + 12 {
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().expect("4 bytes")) as usize;
        let Some(whole) = bytes
            .get(at + 4..)
            .and_then(|rest| rest.get(..length.saturating_add(4)))
        else {
            break;
        };
        let crc = !whole.iter().fold(!0u32, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
            })
        });
        let end = at + 8 + length;
        let Some(place) = bytes.get_mut(end..end + 4) else {
            break;
        };
        place.copy_from_slice(&crc.to_be_bytes());
        at = end + 4;
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
fn damaged_photographs_are_read_or_refused() {
    let asked = std::env::var("FUZZ_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok());
    let clock = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |now| now.as_secs());
    let (limit, seed) = asked.map_or((2, 18), |seconds| (seconds, clock));
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let whole = whole();
    let start = Instant::now();
    let mut found = files_of("hostile_photos").into_iter();
    let mut tried = 0;
    while start.elapsed() < Duration::from_secs(limit) || tried < 300 {
        let bytes = found.next().unwrap_or_else(|| {
            let file = below(&mut random, whole.len());
            damage(&whole[file], &mut random)
        });
        let began = Instant::now();
        let outcome = std::panic::catch_unwind(|| match photo::from_bytes(&bytes, 32) {
            Ok(image) => assert_eq!(image.pixels.len(), 3 * 32 * 32),
            Err(error) => assert!(error.to_string().len() < 2000, "{error}"),
        });
        if outcome.is_err() || began.elapsed() > Duration::from_secs(10) {
            let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("photo-{seed}-{tried}"));
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
    assert!(peak < 2 << 30, "{} MiB of memory", peak >> 20);
}
