//! What is drawn: one function per picture, from the lesson's own functions.

use studio::Draw;

/// Name and function of each picture.
pub const ALL: [(&str, Draw); 0] = [];
