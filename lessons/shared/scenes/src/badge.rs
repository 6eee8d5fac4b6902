//! The badge: a small decoration, one more independent factor.

use crate::colour::Rgb;
use crate::factor::factor;

factor! {
    /// A small light mark with a dark rim: clutter that has nothing to do with the class.
    ///
    /// It is 9 to 11 pixels across on every canvas and lies anywhere in the picture, but not on a figure.
    Badge {
        /// A plus.
        Cross = "cross",
        /// A circle line on a dark disc.
        Ring = "ring",
        /// A filled circle.
        Dot = "dot",
        /// A filled square.
        Square = "square",
    }
}

const LIGHT: Rgb = [250, 248, 240];
const DARK: Rgb = [38, 38, 46];

impl Badge {
    /// Radius of the circle that holds a badge of any kind, in pixels.
    pub const RADIUS: f64 = 6.5;

    /// The badge's colour at (`x`, `y`) pixels from its centre, `None` outside it.
    pub(crate) fn colour_at(self, x: f64, y: f64) -> Option<Rgb> {
        let (x, y) = (x.abs(), y.abs());
        let squared = x * x + y * y;
        let (short, long) = (x.min(y), x.max(y));
        let (inside, light) = match self {
            Badge::Cross => (short <= 2.3 && long <= 5.5, short <= 1.1 && long <= 4.3),
            Badge::Ring => (squared <= 5.5 * 5.5, (2.2 * 2.2..=4.4 * 4.4).contains(&squared)),
            Badge::Dot => (squared <= 5.5 * 5.5, squared <= 4.2 * 4.2),
            Badge::Square => (long <= 4.5, long <= 3.2),
        };
        inside.then_some(if light { LIGHT } else { DARK })
    }
}
