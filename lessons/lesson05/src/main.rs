//! Draws the pictures of lesson 05 from the functions in `src/`: `cargo run -p lesson05`.

mod figures;

/// Draws every picture it can.
pub fn main() -> std::process::ExitCode {
    studio::main(env!("CARGO_PKG_NAME"), &figures::ALL)
}
