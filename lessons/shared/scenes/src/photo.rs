//! A learner's own photograph as a network's input.

use std::io::Cursor;
use std::path::Path;

use candle_core::{Error, Result, bail};
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage, Rgba};

use crate::image::Image;
use crate::resample;

/// Largest square that is made, in pixels a side.
const LARGEST_SIZE: usize = 8192;
/// Longest side that is decoded, in pixels.
const LONGEST_SIDE: u32 = 30_000;
/// Most pixels of a picture, whatever they take in the file: a photograph of 108 megapixels fits. Here each becomes three bytes.
const MOST_PIXELS: u64 = 128_000_000;
/// Most memory the decoded picture may take, in bytes.
const MOST_MEMORY: u64 = 512 << 20;

/// Reads a JPEG, PNG or WebP file of any size and makes it `size`×`size`, 1 to 8192.
///
/// The camera's orientation is applied, the central square is kept (the same as resizing the shorter side and cropping
/// the centre) and resized with a triangle filter that averages when it shrinks; transparency is laid over white, grey
/// becomes RGB and 16 bits become 8.
///
/// **Errors** name the file and say what was found instead: no such file, another format, a broken or truncated file,
/// a side over 30,000 pixels, more than 128 million pixels or 512 MiB of them.
pub fn load(path: impl AsRef<Path>, size: usize) -> Result<Image> {
    if !(1..=LARGEST_SIZE).contains(&size) {
        bail!("expected a size of 1 to {LARGEST_SIZE} pixels, got {size}")
    }
    Ok(square(&open(path.as_ref())?, size))
}

/// Side that [`load_for_imagenet`] gives the shorter side before it crops.
const RESIZED_SIDE: usize = 256;
/// Side of the square that [`load_for_imagenet`] returns.
pub const IMAGENET_SIDE: usize = 224;

/// Reads a JPEG, PNG or WebP file of any size as torchvision's networks are evaluated: the shorter side becomes 256 with
/// an antialiased bilinear filter, then the central 224×224 are kept. [`Image::to_tensor`] and `resnet::normalize` do the
/// rest.
///
/// On PNG files without transparency the result is torchvision's, byte for byte. JPEG decoders differ: by at most 3 of 255
/// on three photographs, 0.2 to 0.4 on average (`examples/preprocessing.rs`). Transparency is laid over white (torchvision
/// drops it and shows what lies beneath), and the camera's orientation is applied.
///
/// **Errors** as [`load`].
///
/// **Source** `torchvision.transforms._presets.ImageClassification` and Pillow's `Image.resize`.
pub fn load_for_imagenet(path: impl AsRef<Path>) -> Result<Image> {
    let photo = opaque(open(path.as_ref())?);
    let (width, height) = (photo.width() as usize, photo.height() as usize);
    let shorter = width.min(height);
    let resized = |side: usize| RESIZED_SIDE * side / shorter;
    let size = (resized(width), resized(height));
    let centre = |side: usize| {
        let start = half_to_even(side - IMAGENET_SIDE);
        start..start + IMAGENET_SIDE
    };
    let picture = Image {
        width,
        height,
        pixels: photo.into_raw(),
    };
    Ok(resample::resize(&picture, size, centre(size.0), centre(size.1)))
}

/// Half of a number, rounded to the even neighbour as Python's `round` does.
fn half_to_even(number: usize) -> usize {
    let half = number / 2;
    half + number % 2 * (half % 2)
}

/// The upright picture.
///
/// **Errors** name the file and say what was found instead.
fn open(path: &Path) -> Result<DynamicImage> {
    // Without a backtrace: it is the file that is wrong, not the program.
    decode(path).map_err(|found| {
        Error::Msg(format!(
            "expected a JPEG, PNG or WebP image, got {}; {found}",
            path.display()
        ))
    })
}

/// The upright picture, or what is wrong with the file.
fn decode(path: &Path) -> std::result::Result<DynamicImage, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is not a file".into());
    }
    if about.len() > MOST_MEMORY {
        return Err(format!("the file is larger than {} MiB", MOST_MEMORY >> 20));
    }
    upright(&std::fs::read(path).map_err(|error| error.to_string())?)
}

/// A picture of `size`×`size` from the bytes of a file, as [`load`] makes it; for tests that have no file.
///
/// **Errors** as [`load`], without a file's name.
pub fn from_bytes(bytes: &[u8], size: usize) -> Result<Image> {
    let photo = upright(bytes).map_err(Error::Msg)?;
    Ok(square(&photo, size.clamp(1, LARGEST_SIZE)))
}

/// The upright picture, or what is wrong with the bytes.
fn upright(bytes: &[u8]) -> std::result::Result<DynamicImage, String> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_MEMORY);

    // By content: a wrong file name does not matter.
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| error.to_string())?;
    match reader.format() {
        Some(ImageFormat::Jpeg) if !jpeg_ends(bytes) => return Err("it is cut short".into()),
        Some(ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::WebP) => {}
        Some(other) => return Err(format!("its content is {other:?}")),
        None if bytes.is_empty() => return Err("the file is empty".into()),
        None if is_heic(bytes) => return Err(HEIC.into()),
        None => return Err("its content is no image format this program knows".into()),
    }
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(describe)?;
    if decoder.total_bytes() == 0 {
        return Err("it has no pixels".into());
    }
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS || decoder.total_bytes() > MOST_MEMORY {
        return Err(too_large());
    }
    let orientation = decoder.orientation().map_err(describe)?;
    let mut photo = DynamicImage::from_decoder(decoder).map_err(describe)?;
    photo.apply_orientation(orientation);
    Ok(photo)
}

/// Whether a file is an animation; [`load`] takes its first frame.
///
/// A file that cannot be read is none; [`load`] says why.
pub fn is_animated(path: impl AsRef<Path>) -> bool {
    let about = std::fs::metadata(path.as_ref());
    let readable = about.is_ok_and(|about| about.is_file() && about.len() <= MOST_MEMORY);
    let bytes = readable.then(|| std::fs::read(path.as_ref()).ok()).flatten();
    bytes.is_some_and(|bytes| {
        let content = Cursor::new(&bytes);
        match image::guess_format(&bytes) {
            Ok(ImageFormat::Png) => PngDecoder::new(content).is_ok_and(|png| png.is_apng().unwrap_or(false)),
            Ok(ImageFormat::WebP) => WebPDecoder::new(content).is_ok_and(|webp| webp.has_animation()),
            _ => false,
        }
    })
}

const HEIC: &str = "it is HEIC, the format in which phones save photos; export it as JPEG first (macOS: `sips -s format jpeg FILE \
                    --out photo.jpg`; Linux: `heif-convert FILE photo.jpg`)";

/// An ISO media file of one of HEIC's brands.
fn is_heic(bytes: &[u8]) -> bool {
    const BRANDS: [&[u8]; 8] = [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"];
    bytes.get(4..8) == Some(b"ftyp") && bytes.get(8..12).is_some_and(|brand| BRANDS.contains(&brand))
}

/// Whether the picture data of a JPEG file comes to its end marker. The decoder paints grey what is missing.
fn jpeg_ends(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];
    // Over the headers, one of which may hold a whole small JPEG: marker (2 bytes), length (2 bytes, its own included).
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) {
        if marker == START_OF_SCAN {
            return bytes[at..].windows(2).any(|pair| pair == END_OF_IMAGE);
        }
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
    }
    // Headers of another form (fill bytes, say): left to the decoder unless the file stops there.
    at < bytes.len()
}

fn describe(error: ImageError) -> String {
    match error {
        ImageError::Limits(_) => too_large(),
        other => format!("it is broken or cut short ({other})"),
    }
}

fn too_large() -> String {
    format!(
        "it is larger than {LONGEST_SIDE} pixels a side, {} million pixels or {} MiB",
        MOST_PIXELS / 1_000_000,
        MOST_MEMORY >> 20
    )
}

/// Central square, resized, over white.
fn square(photo: &DynamicImage, size: usize) -> Image {
    let side = photo.width().min(photo.height());
    let (left, top) = ((photo.width() - side) / 2, (photo.height() - side) / 2);
    let opaque = opaque(photo.crop_imm(left, top, side, side));
    let resized = image::imageops::resize(&opaque, size as u32, size as u32, FilterType::Triangle);
    Image {
        width: size,
        height: size,
        pixels: resized.into_raw(),
    }
}

/// Eight bits of red, green and blue, over white where the picture is transparent.
fn opaque(photo: DynamicImage) -> RgbImage {
    if !photo.color().has_alpha() {
        return photo.into_rgb8();
    }
    let photo = photo.into_rgba8();
    let (width, height) = photo.dimensions();
    let over_white = |pixel: &Rgba<u8>| {
        let [colour @ .., alpha] = pixel.0.map(u32::from);
        colour.map(|channel| ((channel * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
    };
    let pixels = photo.pixels().flat_map(over_white).collect();
    RgbImage::from_raw(width, height, pixels).expect("three bytes a pixel")
}
