//! The pictures of lesson 01, drawn by the same program from the solution: `cargo run -p solution01`.

extern crate solution01 as lesson01;

#[path = "../../../lessons/lesson01/pictures/main.rs"]
mod pictures;

fn main() -> std::process::ExitCode {
    pictures::main()
}
