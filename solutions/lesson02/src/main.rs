//! The pictures of lesson 02, drawn by the same program from the solution: `cargo run -p solution02`.

extern crate solution02 as lesson02;

#[path = "../../../lessons/lesson02/pictures/main.rs"]
mod pictures;

fn main() -> std::process::ExitCode {
    pictures::main()
}
