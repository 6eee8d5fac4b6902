//! The pictures of lesson 04, drawn by the same program from the solution: `cargo run -p solution04`.

extern crate solution04 as lesson04;

#[path = "../../../lessons/lesson04/pictures/main.rs"]
mod pictures;

fn main() -> std::process::ExitCode {
    pictures::main()
}
