//! Grades lesson 02: `cargo test -p lesson02`, or one exercise: `cargo test -p lesson02 -- ex2_2`.

use graders::{ex2_1, ex2_2, ex2_3, ex2_4, ex2_5, ex2_6, ex2_7, ex2_8, ex2_9, exercise, lesson02 as check};

pub fn main() -> std::process::ExitCode {
    graders::main(
        "lesson02",
        vec![
            exercise("2.1", check::hooks, ex2_1!(lesson02)),
            exercise("2.2", check::gradients, ex2_2!(lesson02)),
            exercise("2.3", check::statistics, ex2_3!(lesson02)),
            exercise("2.4", check::sparsity, ex2_4!(lesson02)),
            exercise("2.5", check::dead_units, ex2_5!(lesson02)),
            exercise("2.6", check::histogram, ex2_6!(lesson02)),
            exercise("2.7", check::for_display, ex2_7!(lesson02)),
            exercise("2.8", check::colors, ex2_8!(lesson02)),
            exercise("2.9", check::strongest_answer, ex2_9!(lesson02)),
        ],
    )
}
