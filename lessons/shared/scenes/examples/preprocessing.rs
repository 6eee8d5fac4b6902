//! How far the preparation of photos is from torchvision's:
//!
//! ```text
//! python tests/fixtures/make_photos.py PHOTO …
//! cargo run -p scenes --example preprocessing -- PHOTO …
//! ```
//!
//! The first command, run in the root of the workspace, writes what torchvision makes of the photos to target/photos.

use std::path::PathBuf;

use candle_core::Result;
use scenes::photo;

fn main() -> Result<()> {
    writing::end_with_the_reader();
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says it")).join("../../..");
    for path in std::env::args_os().skip(1).map(PathBuf::from) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let reference = root.join("target/photos").join(format!("{name}.png"));
        let expected = photo::load(&reference, photo::IMAGENET_SIDE)?.pixels;
        let found = photo::load_for_imagenet(&path)?.pixels;
        let differences: Vec<u8> = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).collect();
        let count = differences.len() as f64;
        let largest = differences.iter().max().unwrap_or(&0);
        let mean = differences.iter().map(|&d| f64::from(d)).sum::<f64>() / count;
        let over_one = differences.iter().filter(|&&d| d > 1).count() as f64 / count;
        println!(
            "{}: largest difference {largest}/255, mean {mean:.3}/255, over 1/255 in {:.2} % of the values",
            path.display(),
            100.0 * over_one
        );
    }
    Ok(())
}
