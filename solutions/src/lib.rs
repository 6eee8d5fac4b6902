//! Runs each lesson's test file against its solution, and the programs in the lesson texts.
//!
//! There is no code here: `Cargo.toml` gives the solutions the lessons' names, so that the same file grades both.

/// The programs in the candle primer.
#[cfg(doctest)]
#[doc = include_str!("../../lessons/PRIMER.md")]
pub struct Primer;

/// The programs in the text of lesson 01.
#[cfg(doctest)]
#[doc = include_str!("../../lessons/lesson01/README.md")]
pub struct Lesson01;

/// The programs in the text of lesson 02.
#[cfg(doctest)]
#[doc = include_str!("../../lessons/lesson02/README.md")]
pub struct Lesson02;

/// The programs in the text of lesson 03.
#[cfg(doctest)]
#[doc = include_str!("../../lessons/lesson03/README.md")]
pub struct Lesson03;

/// The programs in the text of lesson 04.
#[cfg(doctest)]
#[doc = include_str!("../../lessons/lesson04/README.md")]
pub struct Lesson04;

/// The programs in the text of lesson 05.
#[cfg(doctest)]
#[doc = include_str!("../../lessons/lesson05/README.md")]
pub struct Lesson05;
