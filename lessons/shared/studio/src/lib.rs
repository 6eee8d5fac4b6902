//! The program behind `cargo run -p lesson01` and its kin: options, the network and the images that pictures are made
//! from, and what to say when a picture cannot be drawn.
//!
//! A lesson lists its pictures in `pictures/main.rs`; `pictures/NAME.rs` draws `pictures/NAME.png` with a function from
//! [`Material`] to a [`Figure`]:
//!
//! ```ignore
//! const ALL: [Picture; 1] = [Picture::new("input", "what goes in", input::draw)];
//!
//! // input.rs
//! pub fn draw(material: &Material) -> anyhow::Result<Figure> {
//!     let image = material.image(7)?;
//!     Ok(Figure::new("What goes in").caption(&image.name).panel(ImagePanel::new(&image.pixels)?))
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     studio::main(env!("CARGO_PKG_NAME"), &ALL)
//! }
//! ```

mod answer;
mod bars;
mod choice;
mod folder;
mod images;
pub mod instruments;
mod material;
mod near;
mod networks;
pub mod optimum;
mod parts;
mod program;
pub mod scenery;
pub mod smoothing;
pub mod statistics;
mod unit;

pub use answer::{Guess, softmax};
pub use bars::progress;
pub use choice::{Choice, Data};
pub use folder::Folder;
pub use images::{Batch, Preparation, Sample};
pub use instruments::Instrument;
pub use material::Material;
pub use parts::Parts;
pub use program::{grade, main, main_with, unless_it_waits};
pub use unit::Unit;

use std::fmt;

use draw::Figure;

/// A picture of a lesson.
#[derive(Clone, Copy, Debug)]
pub struct Picture {
    /// Its file without `.png`, and the file that draws it without `.rs`.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub shows: &'static str,
    /// Draws it.
    pub draw: fn(&Material) -> anyhow::Result<Figure>,
}

impl Picture {
    /// A picture with this name, which shows this, and is drawn by this function.
    pub const fn new(name: &'static str, shows: &'static str, draw: fn(&Material) -> anyhow::Result<Figure>) -> Self {
        Self { name, shows, draw }
    }
}

/// Why a picture makes no sense for this material. It is left out, and that is no failure.
#[derive(Debug)]
pub struct LeftOut(pub String);

impl fmt::Display for LeftOut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for LeftOut {}
