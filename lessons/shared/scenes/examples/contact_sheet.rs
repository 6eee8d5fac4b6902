//! Writes a sheet of scenes: `cargo run -p scenes --example contact_sheet -- SHEET.png [classes|pairs|factors] [SEED]`.
//!
//! - `classes` (the default): a row per class, every other factor drawn at random
//! - `pairs`: scenes with two figures
//! - `factors`: a row per scene, one factor changed at a time

use std::error::Error;

use scenes::{Background, Badge, Colour, Image, Sampler, Scene, Shape, Texture};

/// Space around every scene, in pixels, and its colour.
const GAP: usize = 10;
const PAPER: u8 = 250;

fn main() -> Result<(), Box<dyn Error>> {
    writing::end_with_the_reader();
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("expected the path of a PNG file to write")?;
    let kind = arguments.next().unwrap_or_else(|| "classes".into());
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;

    let rows = match kind.as_str() {
        "classes" => classes(seed, 12)?,
        "pairs" => pairs(seed, 3, 5)?,
        "factors" => factors(seed, 6)?,
        other => return Err(format!("expected classes, pairs or factors, got {other}").into()),
    };
    let sheet = arrange(&rows);
    image::save_buffer(
        &path,
        &sheet.pixels,
        sheet.width as u32,
        sheet.height as u32,
        image::ColorType::Rgb8,
    )?;
    println!(
        "{path}: {} scenes of seed {seed}, {}×{} pixels",
        rows.concat().len(),
        sheet.width,
        sheet.height
    );
    Ok(())
}

/// The first `columns` scenes of every class.
fn classes(seed: u64, columns: usize) -> candle_core::Result<Vec<Vec<Image>>> {
    let mut rows = vec![Vec::new(); Shape::COUNT];
    let mut index = 0;
    while rows.iter().any(|row| row.len() < columns) {
        let scene = Scene::sample(&Sampler::default(), seed, index)?;
        let row = &mut rows[scene.class().index()];
        if row.len() < columns {
            row.push(scene.render().image);
        }
        index += 1;
    }
    Ok(rows)
}

/// Scenes with two figures.
fn pairs(seed: u64, rows: usize, columns: usize) -> candle_core::Result<Vec<Vec<Image>>> {
    let sampler = Sampler::two_figures();
    let scene = |index| Ok(Scene::sample(&sampler, seed, index as u64)?.render().image);
    (0..rows)
        .map(|row| (0..columns).map(|column| scene(row * columns + column)).collect())
        .collect()
}

/// Scenes, each followed by what changing one factor makes of it.
fn factors(seed: u64, rows: usize) -> candle_core::Result<Vec<Vec<Image>>> {
    let next = |index: usize, count: usize| (index + 1) % count;
    (0..rows)
        .map(|row| {
            let scene = Scene::sample(&Sampler::default(), seed, row as u64)?;
            let figure = scene.figures[0];
            let Background { from, to, direction } = scene.background;
            let changed = [
                scene.clone(),
                scene.with_shape(0, Shape::ALL[next(figure.shape.index(), Shape::COUNT)])?,
                scene.with_colour(0, Colour::ALL[next(figure.colour.index(), Colour::COUNT)])?,
                scene.with_texture(0, Texture::ALL[next(figure.texture.index(), Texture::COUNT)])?,
                scene.with_rotation(0, figure.rotation + 0.6)?,
                scene.with_size(0, 0.75 * figure.radius)?,
                scene.with_badge(Some(Badge::ALL[row % Badge::COUNT])),
                scene.with_background(Background {
                    from: to,
                    to: from,
                    direction,
                }),
            ];
            Ok(changed.iter().map(|scene| scene.render().image).collect())
        })
        .collect()
}

/// Pictures of one size side by side on paper.
fn arrange(rows: &[Vec<Image>]) -> Image {
    let (width, height) = (rows[0][0].width, rows[0][0].height);
    let sheet_width = rows[0].len() * (width + GAP) + GAP;
    let sheet_height = rows.len() * (height + GAP) + GAP;
    let mut pixels = vec![PAPER; 3 * sheet_width * sheet_height];
    for (row, pictures) in rows.iter().enumerate() {
        for (column, picture) in pictures.iter().enumerate() {
            let (left, top) = (GAP + column * (width + GAP), GAP + row * (height + GAP));
            for (line, bytes) in picture.pixels.chunks_exact(3 * width).enumerate() {
                let start = 3 * ((top + line) * sheet_width + left);
                pixels[start..start + bytes.len()].copy_from_slice(bytes);
            }
        }
    }
    Image {
        width: sheet_width,
        height: sheet_height,
        pixels,
    }
}
