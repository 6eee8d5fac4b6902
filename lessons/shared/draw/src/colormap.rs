//! From a number in [0, 1] to a colour: viridis, magma and a diverging map; and the colours of named series.
//!
//! viridis and magma are perceptually uniform: equal steps of the value look like equal steps of lightness. The
//! diverging map is for signed values with zero in the middle. Red and green are never told apart by hue alone.

use crate::colormap_tables::{MAGMA, VIRIDIS};
use std::sync::OnceLock;

/// A colour: red, green and blue as sRGB bytes.
pub type Rgb = [u8; 3];

/// How a number in [0, 1] becomes a colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colormap {
    /// Dark violet to yellow; for amounts. **Source** Smith, van der Walt and Firing, matplotlib 2015, CC0.
    #[default]
    Viridis,
    /// Black to pale yellow; for heat. **Source** as viridis.
    Magma,
    /// Blue, light grey, red; for signed values, 0.5 is zero.
    /// **Source** Moreland 2009, "Diverging color maps for scientific visualization".
    Diverging,
    /// Black to white, linear in sRGB.
    Gray,
}

impl Colormap {
    /// The colour of a value that is not a number: cyan, which no map here contains.
    pub const NAN: Rgb = [0, 255, 255];

    /// The colour of `t`. Below 0 and above 1 it is the colour of the end; for NaN it is [`Colormap::NAN`].
    pub fn rgb(self, t: f32) -> Rgb {
        if t.is_nan() {
            return Self::NAN;
        }
        let t = t.clamp(0.0, 1.0);
        let table = match self {
            Self::Viridis => &VIRIDIS,
            Self::Magma => &MAGMA,
            Self::Diverging => diverging_table(),
            Self::Gray => return [(t * 255.0).round() as u8; 3],
        };
        let place = t * (table.len() - 1) as f32;
        let (low, part) = (place as usize, place.fract());
        let high = (low + 1).min(table.len() - 1);
        std::array::from_fn(|c| mix(table[low][c] as f32, table[high][c] as f32, part).round() as u8)
    }

    /// The name, for captions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Viridis => "viridis",
            Self::Magma => "magma",
            Self::Diverging => "blue–red, centred on zero",
            Self::Gray => "gray",
        }
    }
}

fn mix(a: f32, b: f32, part: f32) -> f32 {
    a + (b - a) * part
}

/// Moreland's map from blue to red, computed in his "Msh" space (CIELAB in polar coordinates).
///
/// M is the distance from black, s the saturation as an angle, h the hue; lightness is M·cos s.
fn diverging_table() -> &'static [Rgb; 256] {
    const BLUE_HUE: f32 = -1.1;
    const RED_HUE: f32 = 0.5;
    const END: (f32, f32) = (80.0, 1.08); // M, s of both ends: the same lightness
    const MIDDLE: (f32, f32) = (88.0, 0.0);
    static TABLE: OnceLock<[Rgb; 256]> = OnceLock::new();
    TABLE.get_or_init(|| {
        // Turning the hue on the way to grey keeps the steps even (Moreland 2009, section 5).
        let spin = END.1 * (MIDDLE.0.powi(2) - END.0.powi(2)).sqrt() / (END.0 * END.1.sin());
        std::array::from_fn(|i| {
            let t = i as f32 / 255.0;
            let (to_middle, hue, spin) = if t < 0.5 {
                (2.0 * t, BLUE_HUE, -spin)
            } else {
                (2.0 - 2.0 * t, RED_HUE, spin)
            };
            let m = mix(END.0, MIDDLE.0, to_middle);
            let s = mix(END.1, MIDDLE.1, to_middle);
            let h = hue + spin * to_middle;
            lab_to_rgb([m * s.cos(), m * s.sin() * h.cos(), m * s.sin() * h.sin()])
        })
    })
}

/// CIELAB (white D65) to sRGB bytes.
fn lab_to_rgb([l, a, b]: [f32; 3]) -> Rgb {
    let inverse = |t: f32| {
        if t > 6.0 / 29.0 {
            t.powi(3)
        } else {
            3.0 * (6.0f32 / 29.0).powi(2) * (t - 4.0 / 29.0)
        }
    };
    let fy = (l + 16.0) / 116.0;
    let x = 0.950_47 * inverse(fy + a / 500.0);
    let y = inverse(fy);
    let z = 1.088_83 * inverse(fy - b / 200.0);
    [
        3.240_97 * x - 1.537_383 * y - 0.498_611 * z,
        -0.969_244 * x + 1.875_968 * y + 0.041_555 * z,
        0.055_63 * x - 0.203_977 * y + 1.056_972 * z,
    ]
    .map(|linear| {
        let srgb = if linear <= 0.003_130_8 {
            12.92 * linear
        } else {
            1.055 * linear.powf(1.0 / 2.4) - 0.055
        };
        (srgb * 255.0).round().clamp(0.0, 255.0) as u8
    })
}

/// Colours that people with any kind of colour vision can tell apart (Okabe and Ito 2008), and greys. They are named as they
/// look on white; [`Theme::ink`](crate::Theme::ink) gives those of the dark theme.
pub mod palette {
    use super::Rgb;

    /// Series 1.
    pub const BLUE: Rgb = [0, 114, 178];
    /// Series 2.
    pub const VERMILLION: Rgb = [213, 94, 0];
    /// Series 3.
    pub const GREEN: Rgb = [0, 158, 115];
    /// Series 4.
    pub const PURPLE: Rgb = [204, 121, 167];
    /// Series 5.
    pub const ORANGE: Rgb = [230, 159, 0];
    /// Series 6.
    pub const SKY: Rgb = [86, 180, 233];
    /// Series 7, and text.
    pub const BLACK: Rgb = [26, 26, 26];
    /// Captions, axes.
    pub const GRAY: Rgb = [95, 95, 95];
    /// Grid lines, frames.
    pub const LIGHT: Rgb = [222, 222, 222];
    /// Paper.
    pub const WHITE: Rgb = [255, 255, 255];

    /// Text on a dark picture, whatever the theme.
    pub const ON_DARK: Rgb = [250, 250, 250];
    /// Text on a light picture, whatever the theme.
    pub const ON_LIGHT: Rgb = [24, 24, 24];

    /// The colour of the `index`-th series; after seven they begin again.
    pub fn series(index: usize) -> Rgb {
        [BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK][index % 7]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIELAB lightness, 0 to 100.
    fn lightness(rgb: Rgb) -> f32 {
        let [r, g, b] = rgb.map(|c| {
            let c = c as f32 / 255.0;
            if c <= 0.040_45 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        });
        let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        if y > (6.0f32 / 29.0).powi(3) {
            116.0 * y.cbrt() - 16.0
        } else {
            y * (29.0f32 / 3.0).powi(3)
        }
    }

    fn steps() -> impl Iterator<Item = f32> {
        (0..=255).map(|i| i as f32 / 255.0)
    }

    #[test]
    fn lightness_rises_all_along_viridis_magma_and_gray() {
        for map in [Colormap::Viridis, Colormap::Magma, Colormap::Gray] {
            let l: Vec<f32> = steps().map(|t| lightness(map.rgb(t))).collect();
            assert!(l.windows(2).all(|w| w[1] > w[0] - 0.2), "{map:?} darkens somewhere");
            assert!(l.windows(9).all(|w| w[8] > w[0]), "{map:?} stands still somewhere");
            assert!(l[255] - l[0] > 70.0, "{map:?} spans only {}", l[255] - l[0]);
        }
    }

    #[test]
    fn viridis_and_magma_step_evenly() {
        for map in [Colormap::Viridis, Colormap::Magma] {
            let l: Vec<f32> = (0..=16).map(|i| lightness(map.rgb(i as f32 / 16.0))).collect();
            let mean = (l[16] - l[0]) / 16.0;
            assert!(
                l.windows(2).all(|w| (w[1] - w[0] - mean).abs() < 0.5 * mean),
                "{map:?}: {l:?}"
            );
        }
    }

    #[test]
    fn the_diverging_map_is_symmetric_and_lightest_at_zero() {
        let l = |t: f32| lightness(Colormap::Diverging.rgb(t));
        for t in steps().take(128) {
            assert!((l(t) - l(1.0 - t)).abs() < 1.0, "at {t}: {} and {}", l(t), l(1.0 - t));
            assert!(l(t) <= l(0.5));
        }
        let [r, g, b] = Colormap::Diverging.rgb(0.5);
        assert!(
            r.abs_diff(g) < 4 && g.abs_diff(b) < 4,
            "zero is not grey: {:?}",
            [r, g, b]
        );
    }

    /// matplotlib's `coolwarm` is the same map; four of its 256 entries.
    #[test]
    fn the_diverging_map_agrees_with_coolwarm() {
        for (i, expected) in [
            (0, [59, 76, 192]),
            (64, [141, 176, 254]),
            (192, [244, 152, 122]),
            (255, [180, 4, 38]),
        ] {
            let got = Colormap::Diverging.rgb(i as f32 / 255.0);
            let far = (0..3).any(|c| got[c].abs_diff(expected[c]) > 4);
            assert!(!far, "entry {i}: expected {expected:?}, got {got:?}");
        }
    }

    #[test]
    fn nan_has_a_colour_of_its_own_and_the_ends_are_clamped() {
        for map in [Colormap::Viridis, Colormap::Magma, Colormap::Diverging, Colormap::Gray] {
            assert_eq!(map.rgb(f32::NAN), Colormap::NAN);
            assert_eq!(map.rgb(-3.0), map.rgb(0.0));
            assert_eq!(map.rgb(f32::INFINITY), map.rgb(1.0));
            for t in steps() {
                let apart: i32 = (0..3)
                    .map(|c| (map.rgb(t)[c] as i32 - Colormap::NAN[c] as i32).pow(2))
                    .sum();
                assert!(apart > 80 * 80, "{map:?} at {t} looks like NaN");
            }
        }
    }
}
