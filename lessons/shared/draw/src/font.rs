//! The shipped font: measuring, wrapping, shrinking and rasterizing text.
//!
//! Two subsets of DejaVu Sans lie in `font/` with their licence, so that every machine draws the same letters and
//! no system font is looked up. Sizes are pixels per em; widths include kerning.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};

/// Regular for text, bold for titles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weight {
    /// Text, ticks, labels.
    #[default]
    Regular,
    /// Titles.
    Bold,
}

/// Height of a capital letter, in em (DejaVu Sans).
pub(crate) const CAP_HEIGHT: f32 = 0.729;
/// Distance from one baseline to the next, in em.
pub(crate) const LINE_HEIGHT: f32 = 1.3;
/// Text is not shrunk below this size; what still does not fit is cut and ends in "…".
pub(crate) const SMALLEST: f32 = 9.0;

/// The parsed font, once per process.
fn font(weight: Weight) -> &'static FontRef<'static> {
    static REGULAR: OnceLock<FontRef<'static>> = OnceLock::new();
    static BOLD: OnceLock<FontRef<'static>> = OnceLock::new();
    let (cell, bytes): (_, &'static [u8]) = match weight {
        Weight::Regular => (&REGULAR, include_bytes!("../font/DejaVuSans.subset.ttf").as_slice()),
        Weight::Bold => (&BOLD, include_bytes!("../font/DejaVuSans-Bold.subset.ttf").as_slice()),
    };
    cell.get_or_init(|| FontRef::try_from_slice(bytes).expect("the shipped font is a valid TrueType file"))
}

/// ab_glyph scales by line height, people by em.
fn scale(font: &FontRef<'_>, size: f32) -> PxScale {
    let units_per_em = font.units_per_em().unwrap_or(2048.0);
    PxScale::from(size * font.height_unscaled() / units_per_em)
}

/// Width of one line of `text` in pixels at `size` pixels per em.
pub fn measure(text: &str, size: f32, weight: Weight) -> f32 {
    let font = font(weight);
    let font = font.as_scaled(scale(font, size));
    let mut width = 0.0;
    let mut previous = None;
    for glyph in text.chars().map(|c| font.glyph_id(c)) {
        width += font.h_advance(glyph) + previous.map_or(0.0, |p| font.kern(p, glyph));
        previous = Some(glyph);
    }
    width
}

/// Calls `pixel(x, y, coverage in 0..=1)` for every pixel of one line whose baseline starts at (0, 0), y downwards.
pub(crate) fn rasterize(text: &str, size: f32, weight: Weight, mut pixel: impl FnMut(i32, i32, f32)) {
    let font = font(weight);
    let scaled = font.as_scaled(scale(font, size));
    let mut pen = 0.0;
    let mut previous = None;
    for glyph in text.chars().map(|c| font.glyph_id(c)) {
        pen += previous.map_or(0.0, |p| scaled.kern(p, glyph));
        previous = Some(glyph);
        let placed = glyph.with_scale_and_position(scaled.scale(), point(pen, 0.0));
        if let Some(outline) = font.outline_glyph(placed) {
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, coverage| {
                pixel(
                    x as i32 + corner.x as i32,
                    y as i32 + corner.y as i32,
                    coverage.min(1.0),
                );
            });
        }
        pen += scaled.h_advance(glyph);
    }
}

/// Breaks `text` at spaces (and at `\n`) into lines no wider than `width`; a word that is wider alone is cut with "…".
pub fn wrap(text: &str, size: f32, weight: Weight, width: f32) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        for word in paragraph.split_whitespace() {
            let longer = if line.is_empty() {
                word.to_string()
            } else {
                format!("{line} {word}")
            };
            if line.is_empty() || measure(&longer, size, weight) <= width {
                line = longer;
            } else {
                lines.push(cut(&line, size, weight, width));
                line = word.to_string();
            }
        }
        lines.push(cut(&line, size, weight, width));
    }
    lines
}

/// One line that fits into `width`: shrunk as far as [`SMALLEST`], then cut. Returns the text and its size.
pub(crate) fn fit(text: &str, size: f32, weight: Weight, width: f32) -> (String, f32) {
    let natural = measure(text, size, weight);
    if natural <= width {
        return (text.to_string(), size);
    }
    let size = (size * width / natural).max(SMALLEST.min(size));
    (cut(text, size, weight, width), size)
}

/// `text`, or its longest beginning that fits into `width` together with "…"; nothing if not even that fits.
fn cut(text: &str, size: f32, weight: Weight, width: f32) -> String {
    // Half a pixel of grace: a box computed from the text's own width must hold that text.
    if measure(text, size, weight) <= width + 0.5 {
        return text.to_string();
    }
    let letters: Vec<char> = text.chars().collect();
    (1..letters.len())
        .rev()
        .map(|n| letters[..n].iter().collect::<String>().trim_end().to_string() + "…")
        .find(|shorter| measure(shorter, size, weight) <= width)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_every_letter_the_lessons_use() {
        for weight in [Weight::Regular, Weight::Bold] {
            for letter in "AZaz09 éüñß×·±≤≥≈∂∑√∞∇→↑↓←²³⁻⁰¹₀₁₉−–—…αβγδεθλμσφω‖⊕≠".chars()
            {
                assert_ne!(font(weight).glyph_id(letter).0, 0, "{letter} is missing in {weight:?}");
            }
        }
    }

    #[test]
    fn wrapped_and_fitted_text_stays_within_its_width() {
        let text = "receptive field of layer4.1.conv2 over a pneumonoultramicroscopicsilicovolcanoconiosis";
        for width in [20.0, 80.0, 300.0] {
            for line in wrap(text, 14.0, Weight::Regular, width) {
                assert!(
                    measure(&line, 14.0, Weight::Regular) <= width + 0.5,
                    "{line:?} at {width}"
                );
            }
            let (line, size) = fit(text, 14.0, Weight::Regular, width);
            assert!(
                measure(&line, size, Weight::Regular) <= width + 0.5,
                "{line:?} at {width}"
            );
        }
    }

    #[test]
    fn a_line_is_as_wide_as_its_ink() {
        let mut right = 0;
        rasterize("HHHH", 40.0, Weight::Regular, |x, _, coverage| {
            if coverage > 0.5 {
                right = right.max(x);
            }
        });
        let width = measure("HHHH", 40.0, Weight::Regular);
        assert!(
            (width - right as f32).abs() < 6.0,
            "measured {width}, ink ends at {right}"
        );
    }
}
