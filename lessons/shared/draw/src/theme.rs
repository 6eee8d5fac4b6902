//! Light and dark figures from the same code.

use crate::colormap::{Rgb, palette};

/// The paper that a figure is drawn on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Dark letters on white.
    #[default]
    Light,
    /// Light letters on near black. Pictures and colormaps stay as they are.
    Dark,
}

impl Theme {
    /// A colour of the [`palette`] in this theme; every other colour is what it is.
    ///
    /// The palette's greys are roles (paper, text, captions, grid lines) and change sides; its hues become lighter on dark
    /// paper, in the same order, so that they can be told apart as before.
    pub fn ink(self, color: Rgb) -> Rgb {
        if self == Self::Light {
            return color;
        }
        match color {
            palette::WHITE => [27, 29, 31],
            palette::BLACK => [230, 230, 230],
            palette::GRAY => [172, 175, 178],
            palette::LIGHT => [66, 69, 72],
            palette::BLUE => [70, 163, 224],
            palette::VERMILLION => [240, 128, 48],
            palette::GREEN => [44, 190, 148],
            palette::PURPLE => [222, 149, 190],
            palette::ORANGE => [240, 180, 50],
            palette::SKY => [140, 205, 245],
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance (WCAG 2).
    fn luminance(color: Rgb) -> f64 {
        let linear = color.map(|c| match f64::from(c) / 255.0 {
            c if c <= 0.040_45 => c / 12.92,
            c => ((c + 0.055) / 1.055).powf(2.4),
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    fn contrast(a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }

    #[test]
    fn letters_and_lines_can_be_read_on_both_papers() {
        for theme in [Theme::Light, Theme::Dark] {
            let on_paper = |color| contrast(theme.ink(color), theme.ink(palette::WHITE));
            for text in [palette::BLACK, palette::GRAY] {
                assert!(on_paper(text) > 4.5, "{theme:?}, {text:?}: {}", on_paper(text));
            }
            for index in 0..7 {
                let line = palette::series(index);
                assert!(on_paper(line) > 2.2, "{theme:?}, {line:?}: {}", on_paper(line));
            }
        }
    }
}
