//! Photographs of every kind become squares, and what is no photograph is refused with its reason.

use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use scenes::{Image, photo};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// A file that only one test uses.
fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn save(name: &str, picture: impl Into<DynamicImage>, format: ImageFormat) -> PathBuf {
    let path = file(name);
    picture.into().save_with_format(&path, format).unwrap();
    path
}

fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = file(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

const RED: [u8; 3] = [220, 30, 30];
const GREEN: [u8; 3] = [30, 200, 40];
const BLUE: [u8; 3] = [30, 60, 210];

/// Three bands: red, green, blue from left to right.
fn bands(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| Rgb([RED, GREEN, BLUE][(3 * x / width) as usize]))
}

#[track_caller]
fn assert_near(pixel: [u8; 3], expected: [u8; 3]) {
    let far = pixel.iter().zip(expected).map(|(&a, b)| a.abs_diff(b)).max().unwrap();
    assert!(far <= 6, "expected about {expected:?}, got {pixel:?}");
}

#[test]
fn the_central_square_is_kept_in_every_format() {
    for (name, format) in [
        ("bands.jpg", ImageFormat::Jpeg),
        ("bands.png", ImageFormat::Png),
        ("bands.webp", ImageFormat::WebP),
    ] {
        let image = photo::load(save(name, bands(300, 100), format), 50).unwrap();
        assert_eq!((image.width, image.height, image.pixels.len()), (50, 50, 7500));
        for place in [(3, 3), (25, 25), (46, 46)] {
            assert_near(image.pixel(place.0, place.1), GREEN);
        }
    }
}

#[test]
fn a_small_picture_is_enlarged() {
    let image = photo::load(save("small.png", bands(3, 3), ImageFormat::Png), 90).unwrap();
    assert_near(image.pixel(2, 45), RED);
    assert_near(image.pixel(45, 45), GREEN);
    assert_near(image.pixel(87, 45), BLUE);
}

#[test]
fn shrinking_averages() {
    let stripes = GrayImage::from_fn(640, 640, |x, _| Luma([if x % 2 == 0 { 0 } else { 200 }]));
    let image = photo::load(save("stripes.png", stripes, ImageFormat::Png), 64).unwrap();
    assert_near(image.pixel(30, 30), [100; 3]);
}

#[test]
fn transparency_lies_over_white() {
    let half = RgbaImage::from_pixel(8, 8, Rgba([200, 0, 0, 128]));
    let image = photo::load(save("half.png", half, ImageFormat::Png), 8).unwrap();
    assert_near(image.pixel(4, 4), [227, 127, 127]); // 200·½ + 255·½, 255·½
    let clear = RgbaImage::from_pixel(8, 8, Rgba([0, 0, 0, 0]));
    let image = photo::load(save("clear.webp", clear, ImageFormat::WebP), 8).unwrap();
    assert_eq!(image.pixel(4, 4), [255; 3]);
}

#[test]
fn sixteen_bits_and_grey_become_rgb() {
    let deep = image::ImageBuffer::from_pixel(8, 8, Luma([0x8080u16]));
    let image = photo::load(save("deep.png", deep, ImageFormat::Png), 4).unwrap();
    assert_eq!(image.pixel(0, 0), [0x80; 3]);
}

/// A camera held upright stores the picture lying and notes "turn by 90°" (EXIF orientation 6).
#[test]
fn the_camera_orientation_is_applied() {
    let path = save("lying.jpg", bands(300, 300), ImageFormat::Jpeg);
    let bytes = std::fs::read(path).unwrap();
    // TIFF header, one entry: tag 0x0112 (orientation), type 3 (short), count 1, value 6.
    let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut turned = bytes[..2].to_vec();
    turned.extend([0xff, 0xe1]);
    turned.extend((exif.len() as u16 + 2).to_be_bytes());
    turned.extend(exif);
    turned.extend(&bytes[2..]);
    let image = photo::load(write("upright.jpg", &turned), 60).unwrap();
    assert_near(image.pixel(30, 5), RED);
    assert_near(image.pixel(30, 30), GREEN);
    assert_near(image.pixel(30, 55), BLUE);
}

#[test]
fn the_content_decides_not_the_name() {
    let path = save("really_a_png.jpg", bands(30, 30), ImageFormat::Png);
    assert_near(photo::load(path, 30).unwrap().pixel(15, 15), GREEN);
}

#[track_caller]
fn assert_refused(path: PathBuf, reason: &str) {
    let error = photo::load(&path, 32).unwrap_err().to_string();
    let name = path.file_name().unwrap().to_str().unwrap();
    for words in ["expected a JPEG, PNG or WebP image, got ", name, reason] {
        assert!(error.contains(words), "expected {words:?} in {error:?}");
    }
}

#[test]
fn what_is_no_photograph_is_refused_with_its_reason() {
    assert_refused(file("no_such_file.jpg"), "No such file");
    assert_refused(write("empty.jpg", b""), "the file is empty");
    assert_refused(
        write("text.jpg", b"these are words"),
        "no image format this program knows",
    );
    assert_refused(
        write("animation.gif", b"GIF89a\x01\0\x01\0\0\0\0;"),
        "its content is Gif",
    );
    assert_refused(PathBuf::from(env!("CARGO_TARGET_TMPDIR")), "it is not a file");
}

#[test]
fn a_file_cut_short_is_refused() {
    for (name, format) in [
        ("cut.jpg", ImageFormat::Jpeg),
        ("cut.png", ImageFormat::Png),
        ("cut.webp", ImageFormat::WebP),
    ] {
        let bytes = std::fs::read(save(&format!("whole_{name}"), bands(200, 200), format)).unwrap();
        assert_refused(write(name, &bytes[..bytes.len() / 2]), "cut short");
    }
}

#[test]
fn a_picture_too_large_is_refused_before_it_is_decoded() {
    let long = GrayImage::from_pixel(30_001, 1, Luma([0]));
    assert_refused(
        save("long.png", long, ImageFormat::Png),
        "larger than 30000 pixels a side",
    );

    // A header that promises 29,000×29,000 pixels of RGB, 2.4 GB.
    let mut header = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    header.extend(29_000u32.to_be_bytes());
    header.extend(29_000u32.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let crc = crc(&header[12..]);
    header.extend(crc.to_be_bytes());
    header.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82");
    assert_refused(write("bomb.png", &header), "512 MiB");
}

/// 400 million pixels of one bit in 50 kB: three bytes each would take 1.2 GB.
#[test]
fn pixels_are_counted_before_they_are_unpacked() {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        png.extend((data.len() as u32).to_be_bytes());
        let whole = [&kind[..], data].concat();
        png.extend(&whole);
        png.extend(crc(&whole).to_be_bytes());
    };
    let side = 20_000u32.to_be_bytes();
    chunk(b"IHDR", &[&side[..], &side, &[1, 0, 0, 0, 0]].concat());
    chunk(b"IDAT", b"\x78\x9c\x03\0\0\0\0\x01");
    chunk(b"IEND", b"");
    let start = std::time::Instant::now();
    assert_refused(write("one_bit.png", &png), "128 million pixels");
    assert!(start.elapsed().as_secs() < 1, "{:?}", start.elapsed());
}

/// The first frame is taken, and that it is one can be asked.
#[test]
fn an_animation_is_called_one() {
    for name in ["animated.png", "animated.webp"] {
        let path = fixtures().join(name);
        assert!(photo::is_animated(&path), "{name}");
        assert_near(photo::load(&path, 8).unwrap().pixel(4, 4), RED);
    }
    for (name, format) in [
        ("still.png", ImageFormat::Png),
        ("still.webp", ImageFormat::WebP),
        ("still.jpg", ImageFormat::Jpeg),
    ] {
        assert!(!photo::is_animated(save(name, bands(9, 9), format)), "{name}");
    }
    assert!(!photo::is_animated(file("no_such_file.png")));
}

#[test]
fn a_phones_format_says_what_to_do() {
    for brand in ["heic", "mif1"] {
        let bytes = format!("\0\0\0\x18ftyp{brand}\0\0\0\0");
        assert_refused(
            write(&format!("{brand}.jpg"), bytes.as_bytes()),
            "export it as JPEG first",
        );
    }
}

/// CRC-32 as PNG chunks carry it.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}

#[test]
fn a_size_out_of_range_is_refused() {
    let path = save("any.png", bands(3, 3), ImageFormat::Png);
    for size in [0, 100_000] {
        let error = photo::load(&path, size).unwrap_err().to_string();
        let words = format!("expected a size of 1 to 8192 pixels, got {size}");
        assert!(error.contains(&words), "{error}");
    }
}

/// What torchvision makes of pictures: `tests/fixtures/make_photos.py`.
#[derive(Deserialize)]
struct Torchvision {
    preprocessed: Vec<Preprocessed>,
    decoded: std::collections::BTreeMap<String, Decoded>,
}

/// A picture of [`formula`] after torchvision's preparation.
#[derive(Deserialize)]
struct Preprocessed {
    width: u32,
    height: u32,
    sha256: String,
    /// Every 13th pixel down and across.
    samples: Vec<u8>,
}

/// A JPEG file as Pillow decodes it.
#[derive(Deserialize)]
struct Decoded {
    width: usize,
    height: usize,
    /// Every 5th pixel down and across.
    samples: Vec<u8>,
}

fn fixtures() -> PathBuf {
    PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says it")).join("../../../tests/fixtures/photos")
}

fn torchvision() -> Torchvision {
    let json = std::fs::read(fixtures().join("photos.json")).unwrap();
    serde_json::from_slice(&json).unwrap()
}

/// The picture of the Python script: smooth along one diagonal, rough along the other.
fn formula(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([0, 1, 2].map(|c| ((3 * x + 5 * y + 40 * c + x * y % (7 + c) * 11) % 256) as u8))
    })
}

fn samples(image: &Image, step: usize) -> Vec<u8> {
    let rows = (0..image.height).step_by(step);
    rows.flat_map(|row| (0..image.width).step_by(step).map(move |column| (column, row)))
        .flat_map(|(column, row)| image.pixel(column, row))
        .collect()
}

fn largest_difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(&a, &b)| a.abs_diff(b));
    differences.max().unwrap()
}

/// Resized, cropped and rounded as torchvision does it, to the byte.
#[test]
fn the_preparation_for_imagenet_is_torchvisions() {
    for case in torchvision().preprocessed {
        let Preprocessed { width, height, .. } = case;
        let name = format!("formula_{width}x{height}.png");
        let path = save(&name, formula(width, height), ImageFormat::Png);
        let image = photo::load_for_imagenet(path).unwrap();
        assert_eq!((image.width, image.height), (224, 224));
        let difference = largest_difference(&samples(&image, 13), &case.samples);
        assert!(difference <= 1, "{width}×{height}: off by {difference}/255");
        let digest = Sha256::digest(&image.pixels);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digest, case.sha256, "{width}×{height}: not the same bytes");
    }
}

/// Decoders differ in how they interpolate colour and round. What is measured here is stated in `load_for_imagenet`.
#[test]
fn jpeg_files_are_decoded_nearly_as_pillow_does() {
    for (name, case) in torchvision().decoded {
        let Decoded { width, height, .. } = case;
        // `load` keeps the central square; at its own size nothing is resized.
        let side = width.min(height);
        let image = photo::load(fixtures().join(&name), side).unwrap();
        let (left, top) = ((width - side) / 2, (height - side) / 2);
        let places = (0..height)
            .step_by(5)
            .flat_map(|row| (0..width).step_by(5).map(move |column| (column, row)));
        let (mut found, mut expected) = (vec![], vec![]);
        for ((column, row), pixel) in places.zip(case.samples.chunks_exact(3)) {
            if (left..left + side).contains(&column) && (top..top + side).contains(&row) {
                found.extend(image.pixel(column - left, row - top));
                expected.extend(pixel);
            }
        }
        let difference = largest_difference(&found, &expected);
        println!("{name}: largest difference from Pillow {difference}/255");
        assert!(difference <= 2, "{name}: off by {difference}/255");
    }
}

#[test]
fn what_lies_outside_the_crop_is_never_made() {
    // Resized as a whole the second would be 256×5,120,000 pixels, 4 GB.
    for (width, height) in [(20_000, 40), (20_000, 1), (1, 20_000)] {
        let name = format!("wide_{width}x{height}.png");
        let path = save(&name, bands(width, height), ImageFormat::Png);
        let image = photo::load_for_imagenet(path).unwrap();
        assert_eq!((image.width, image.height), (224, 224));
        assert_near(image.pixel(112, 112), if width > height { GREEN } else { RED });
    }
}

#[test]
fn every_kind_of_pixel_reaches_imagenets_network() {
    let deep = image::ImageBuffer::from_pixel(300, 260, Rgb([0x8080u16, 0x1010, 0xffff]));
    let path = save("deep_colour.png", deep, ImageFormat::Png);
    assert_eq!(photo::load_for_imagenet(path).unwrap().pixel(5, 5), [0x80, 0x10, 0xff]);
    let grey = GrayImage::from_pixel(260, 300, Luma([77]));
    let path = save("grey.png", grey, ImageFormat::Png);
    assert_eq!(photo::load_for_imagenet(path).unwrap().pixel(9, 9), [77; 3]);
    let half = RgbaImage::from_pixel(256, 256, Rgba([200, 0, 0, 128]));
    let path = save("half_large.png", half, ImageFormat::Png);
    assert_eq!(photo::load_for_imagenet(path).unwrap().pixel(9, 9), [227, 127, 127]);
    let dot = RgbImage::from_pixel(1, 1, Rgb([1, 2, 3]));
    let path = save("dot.png", dot, ImageFormat::Png);
    assert_eq!(photo::load_for_imagenet(path).unwrap().pixel(223, 223), [1, 2, 3]);
}
