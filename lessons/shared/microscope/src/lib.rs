//! One card per unit: what it wants, what drives it, what it is tuned to, what it stands for, what happens without it, which
//! units feed it and which it feeds.
//!
//! ```no_run
//! use microscope::{Microscope, Subject, UnitCard};
//!
//! # fn main() -> anyhow::Result<()> {
//! let subject = Subject::open(None)?; // the ordinary network of the course
//! let microscope = Microscope::new(subject)?;
//! let card = UnitCard::measure(&microscope, "layer4", 66)?;
//! println!("{}", microscope::html::page(&card, &|_, _| None)?);
//! # Ok(())
//! # }
//! ```
//!
//! What is measured, each in a file of its own:
//!
//! | module | question | exercise |
//! |---|---|---|
//! | [`survey`] | what drives it, how sparse it is, whether it is dead, which concept it stands for | 2.4, 2.5, 3.8, 4.8 |
//! | [`tuning`] | how it answers when one factor of a scene changes and nothing else | 4.10 |
//! | [`optimum`] | which images it likes most and least | 3.1, 3.3 – 3.5, 3.8 |
//! | [`silence`] | what the network loses without it | 4.9 |
//! | [`weights`] | which units feed it, and which it feeds | 4.12 |
//!
//! The functions of the exercises are the solutions'; [`own`] puts what the learner's own functions find in their place. All
//! units of all sites share the passes over the scenes; what was measured is kept by the hash of the network's weights and
//! opened at once later.

#![warn(missing_docs)]

extern crate solution03 as lesson03;

pub mod atlas;
pub mod bench;
pub mod card;
pub mod figure;
pub mod html;
pub mod images;
#[allow(dead_code, reason = "the lesson's program is asked through what is not used here")]
#[path = "../../../lesson03/pictures/instruments.rs"]
mod maximizing;
pub mod optimum;
pub mod own;
pub mod picture;
pub mod scope;
pub mod silence;
pub mod subject;
pub mod survey;
pub mod tuning;
pub mod weights;

pub use card::UnitCard;
pub use images::Images;
pub use scope::Microscope;
pub use subject::{Site, Subject};
