//! The six textures: where a figure shows its main tone and where its deep one.

use crate::factor::factor;

factor! {
    /// The surface of a figure.
    ///
    /// A texture is anchored at the centre of its figure but keeps its direction in the picture however the figure is
    /// turned, and its scale in pixels whatever the size of figure and canvas.
    Texture {
        /// One tone.
        Solid = "solid",
        /// Horizontal stripes.
        Stripes0 = "stripes 0°",
        /// Stripes that rise to the right, 60° from the horizontal.
        Stripes60 = "stripes 60°",
        /// Stripes that rise to the left, 120° from the horizontal.
        Stripes120 = "stripes 120°",
        /// Squares of the two tones, as on a chessboard.
        Checker = "checker",
        /// Deep dots on the main tone, in rows shifted by half a step.
        Dots = "dots",
    }
}

impl Texture {
    /// Distance from one stripe to the next of the same tone, in pixels.
    pub const STRIPE_PERIOD: f64 = 8.0;
    /// Side of a checker square, in pixels.
    pub const CHECKER_SIDE: f64 = 5.5;
    /// Distance between neighbouring dots of a row, in pixels; the rows are 0.87 of it apart.
    pub const DOT_PERIOD: f64 = 9.0;
    /// Radius of a dot, in pixels.
    pub const DOT_RADIUS: f64 = 2.7;

    /// Whether the deep tone shows at `x` pixels to the right and `y` pixels **up** from the centre of the figure.
    pub fn is_deep(self, x: f64, y: f64) -> bool {
        const HALF: f64 = 0.5; // cos 60°
        const HEIGHT: f64 = 0.8660254037844386; // sin 60°
        match self {
            Texture::Solid => false,
            Texture::Stripes0 => is_stripe(y),
            Texture::Stripes60 => is_stripe(HALF * y - HEIGHT * x),
            Texture::Stripes120 => is_stripe(HALF * y + HEIGHT * x),
            Texture::Checker => {
                let cell = libm::floor(x / Self::CHECKER_SIDE) + libm::floor(y / Self::CHECKER_SIDE);
                cell - 2.0 * libm::floor(cell / 2.0) == 1.0
            }
            Texture::Dots => {
                let row = libm::floor(y / (HEIGHT * Self::DOT_PERIOD) + 0.5);
                let shift = 0.5 * (row - 2.0 * libm::floor(row / 2.0));
                let column = libm::floor(x / Self::DOT_PERIOD - shift + 0.5);
                let dx = x - (column + shift) * Self::DOT_PERIOD;
                let dy = y - row * HEIGHT * Self::DOT_PERIOD;
                dx * dx + dy * dy <= Self::DOT_RADIUS * Self::DOT_RADIUS
            }
        }
    }
}

/// Bands of half a period each, the middle of a main-tone band at 0.
fn is_stripe(across: f64) -> bool {
    let phase = across / Texture::STRIPE_PERIOD + 0.25;
    phase - libm::floor(phase) >= 0.5
}
