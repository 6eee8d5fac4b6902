//! The pictures of lesson 03, drawn by the same program from the solution: `cargo run -p solution03`.

extern crate solution03 as lesson03;

#[path = "../../../lessons/lesson03/pictures/main.rs"]
mod pictures;

fn main() -> std::process::ExitCode {
    pictures::main()
}
