//! Scales in words: captions say what was drawn.

use lesson02::Scaling;

/// A scale, for captions.
pub fn words(scaling: Scaling) -> &'static str {
    match (scaling.per_map, scaling.symmetric) {
        (true, false) => "each map with its own scale, dark where it is lowest, yellow where it is highest",
        (false, false) => "one scale for all maps of a site, from their lowest to their highest value",
        (true, true) => "each map with its own scale, symmetric around 0",
        (false, true) => "one scale for all maps of a site, symmetric around 0",
    }
}
