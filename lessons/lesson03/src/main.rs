//! Draws the pictures of lesson 03 from the functions in `src/`: `cargo run -p lesson03`.

mod figures;

/// Draws every picture it can.
pub fn main() -> std::process::ExitCode {
    studio::main(env!("CARGO_PKG_NAME"), &figures::ALL)
}
