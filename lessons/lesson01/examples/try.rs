//! For the programs in the lesson's text: put one here in place of what stands here, and run it with
//! `cargo run -p lesson01 --bin try01`. Grading does not build it.

fn main() {
    println!("Put a program of lessons/lesson01/README.md into lessons/lesson01/examples/try.rs, and run this again.");
}
