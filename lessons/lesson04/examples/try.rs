//! For the programs in the lesson's text: put one here in place of what stands here, and run it with
//! `cargo run -p lesson04 --bin try04`. Grading does not build it.

fn main() {
    println!("Put a program of lessons/lesson04/README.md into lessons/lesson04/examples/try.rs, and run this again.");
}
