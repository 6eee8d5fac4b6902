//! Grades lesson 03: `cargo test -p lesson03`, or one exercise: `cargo test -p lesson03 -- ex3_2`.

use graders::{ex3_1, ex3_2, ex3_3, ex3_4, ex3_5, ex3_6, ex3_7, ex3_8, ex3_9, exercise, lesson03 as check};

pub fn main() -> std::process::ExitCode {
    graders::main(
        "lesson03",
        vec![
            exercise("3.1", check::objectives, ex3_1!(lesson03)),
            exercise("3.2", check::ascent, ex3_2!(lesson03)),
            exercise("3.3", check::regularizers, ex3_3!(lesson03)),
            exercise("3.4", check::transformations, ex3_4!(lesson03)),
            exercise("3.5", check::maximize, ex3_5!(lesson03)),
            exercise("3.6", check::fourier, ex3_6!(lesson03)),
            exercise("3.7", check::dream, ex3_7!(lesson03)),
            exercise("3.8", check::facets, ex3_8!(lesson03)),
            exercise("3.9", check::fooling, ex3_9!(lesson03)),
        ],
    )
}
