//! The eight colours, each in two tones.

use crate::factor::factor;

/// Red, green, blue; 0 to 255, sRGB.
pub type Rgb = [u8; 3];

/// How red, green and blue vary together over the pixels of the scenes: column k is the k-th principal axis of their
/// covariance times the standard deviation along it, the longest column having length 1.
///
/// The first axis is brightness, the second runs from blue to red, the third from purple to green. Numbers that are
/// independent along these axes make colours as frequent as those of the scenes.
///
/// Measured by `cargo run -p scenes --example colour_axes`.
pub const COLOUR_AXES: [[f32; 3]; 3] = [
    [0.4792, 0.5567, -0.1604],
    [0.6247, -0.0313, 0.3712],
    [0.6165, -0.4011, -0.2515],
];

factor! {
    /// The colour of a figure.
    ///
    /// A solid figure shows the main tone; a texture alternates it with a deep tone of the same hue, so that colour and
    /// texture can be told apart.
    Colour {
        /// Poppy red.
        Red = "red",
        /// Tangerine.
        Orange = "orange",
        /// Sunflower.
        Yellow = "yellow",
        /// Leaf green.
        Green = "green",
        /// Turquoise.
        Cyan = "cyan",
        /// Cobalt blue.
        Blue = "blue",
        /// Violet.
        Purple = "purple",
        /// Rose.
        Pink = "pink",
    }
}

impl Colour {
    /// The bright tone.
    pub const fn main(self) -> Rgb {
        match self {
            Colour::Red => [230, 46, 56],
            Colour::Orange => [247, 132, 20],
            Colour::Yellow => [255, 208, 38],
            Colour::Green => [56, 178, 72],
            Colour::Cyan => [34, 200, 206],
            Colour::Blue => [44, 98, 230],
            Colour::Purple => [142, 60, 214],
            Colour::Pink => [255, 112, 182],
        }
    }

    /// The dark tone of the same hue.
    pub const fn deep(self) -> Rgb {
        match self {
            Colour::Red => [122, 14, 34],
            Colour::Orange => [146, 62, 4],
            Colour::Yellow => [158, 112, 0],
            Colour::Green => [14, 88, 38],
            Colour::Cyan => [4, 100, 110],
            Colour::Blue => [12, 38, 118],
            Colour::Purple => [66, 16, 112],
            Colour::Pink => [164, 34, 100],
        }
    }
}
