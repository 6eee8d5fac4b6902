//! For the programs in the lesson's text: put one here in place of what stands here, and run it with
//! `cargo run -p lesson02 --bin try02`. Grading does not build it.

fn main() {
    println!("Put a program of lessons/lesson02/README.md into lessons/lesson02/examples/try.rs, and run this again.");
}
