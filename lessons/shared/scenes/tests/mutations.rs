//! Photographs, damaged at random: each becomes a square or is refused in one sentence, soon and in bounded memory. `damage`
//! says how to go on for longer; what was found lies in `tests/fixtures/hostile_photos/`.

use std::io::Cursor;
use std::time::Duration;

use damage::{Trial, fixtures};
use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use scenes::photo;

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
    let pictures = fixtures("photos").into_iter().filter(|bytes| !bytes.starts_with(b"{"));
    pictures.chain(kinds.map(write)).collect()
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

#[test]
fn damaged_photographs_are_read_or_refused() {
    let trial = Trial {
        name: "photo",
        found: fixtures("hostile_photos"),
        whole: whole(),
        alphabet: b"",
        mend: mend_checksums,
        least: 300,
        slowest: Duration::from_secs(10),
        memory: 2 << 30,
        folder: env!("CARGO_TARGET_TMPDIR"),
    };
    trial.run(|bytes| match photo::from_bytes(bytes, 32) {
        Ok(image) => assert_eq!(image.pixels.len(), 3 * 32 * 32),
        Err(error) => assert!(error.to_string().len() < 2000, "{error}"),
    });
}
