//! For the programs in the lesson's text: put one here in place of what stands here, and run it with
//! `cargo run -p lesson03 --bin try03`. Grading does not build it.

fn main() {
    println!("Put a program of lessons/lesson03/README.md into lessons/lesson03/examples/try.rs, and run this again.");
}
