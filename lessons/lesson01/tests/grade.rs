//! Grades lesson 01: `cargo test -p lesson01`, or one exercise: `cargo test -p lesson01 -- ex1_2`.

use graders::{ex1_1, ex1_2, ex1_3, ex1_4, ex1_5, ex1_6, ex1_7, ex1_8, ex1_9, exercise, lesson01 as check};

pub fn main() -> std::process::ExitCode {
    graders::main(
        "lesson01",
        vec![
            exercise("1.1", check::output_size, ex1_1!(lesson01)),
            exercise("1.2", check::convolve, ex1_2!(lesson01)),
            exercise("1.3", check::pooling, ex1_3!(lesson01)),
            exercise("1.4", check::forward, ex1_4!(lesson01)),
            exercise("1.5", check::basic_block, ex1_5!(lesson01)),
            exercise("1.6", check::shape_table, ex1_6!(lesson01)),
            exercise("1.7", check::parameter_count, ex1_7!(lesson01)),
            exercise("1.8", check::receptive_field, ex1_8!(lesson01)),
            exercise("1.9", check::gradient_norms, ex1_9!(lesson01)),
        ],
    )
}
