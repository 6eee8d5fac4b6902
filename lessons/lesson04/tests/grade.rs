//! Grades lesson 04: `cargo test -p lesson04`, or one exercise: `cargo test -p lesson04 -- ex4_4`.

use graders::{
    ex4_1, ex4_2, ex4_3, ex4_4, ex4_5, ex4_6, ex4_7, ex4_8, ex4_9, ex4_10, ex4_11, ex4_12, exercise, lesson04 as check,
};

pub fn main() -> std::process::ExitCode {
    graders::main(
        "lesson04",
        vec![
            exercise("4.1", check::features, ex4_1!(lesson04)),
            exercise("4.2", check::split, ex4_2!(lesson04)),
            exercise("4.3", check::standardize, ex4_3!(lesson04)),
            exercise("4.4", check::probe, ex4_4!(lesson04)),
            exercise("4.5", check::score, ex4_5!(lesson04)),
            exercise("4.6", check::control, ex4_6!(lesson04)),
            exercise("4.7", check::depth_curve, ex4_7!(lesson04)),
            exercise("4.8", check::dissection, ex4_8!(lesson04)),
            exercise("4.9", check::ablation, ex4_9!(lesson04)),
            exercise("4.10", check::tuning, ex4_10!(lesson04)),
            exercise("4.11", check::dictionary, ex4_11!(lesson04)),
            exercise("4.12", check::circuit, ex4_12!(lesson04)),
        ],
    )
}
