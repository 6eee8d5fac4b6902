//! Draws the pictures of lesson 04 from the functions in `src/`: `cargo run -p lesson04`.

mod figures;

/// Draws every picture it can.
pub fn main() -> std::process::ExitCode {
    studio::main(env!("CARGO_PKG_NAME"), &figures::ALL)
}
