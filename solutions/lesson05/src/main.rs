//! The pictures of lesson 05, drawn by the same program from the solution: `cargo run -p solution05`.

extern crate solution05 as lesson05;

#[path = "../../../lessons/lesson05/pictures/main.rs"]
mod pictures;

fn main() -> std::process::ExitCode {
    pictures::main()
}
