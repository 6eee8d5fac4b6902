//! Grades lesson 01: `cargo test -p lesson01`, or one exercise: `cargo test -p lesson01 -- ex1_2`.

use graders::{ex1_1, exercise, lesson01 as check};

pub fn main() -> std::process::ExitCode {
    graders::main(
        "lesson01",
        vec![
            exercise("1.1", check::output_size, ex1_1!(lesson01)),
            exercise("1.2", check::convolve, lesson01::convolve),
            exercise(
                "1.3",
                check::pooling,
                check::Pooling {
                    max: lesson01::max_pool,
                    average: lesson01::average_pool,
                },
            ),
            exercise(
                "1.4",
                check::forward,
                check::Forward {
                    relu: lesson01::relu,
                    sigmoid: lesson01::sigmoid,
                    tanh: lesson01::tanh,
                    softmax: lesson01::softmax,
                    forward: lesson01::forward,
                },
            ),
            exercise(
                "1.5",
                check::basic_block,
                check::Block {
                    batch_norm: lesson01::batch_norm,
                    basic_block: lesson01::basic_block,
                },
            ),
            exercise("1.6", check::shape_table, lesson01::shape_table),
            exercise("1.7", check::parameter_count, lesson01::parameter_count),
            exercise("1.8", check::receptive_field, |windows| {
                let field = lesson01::receptive_field(windows);
                (field.size, field.stride)
            }),
            exercise(
                "1.9",
                check::gradient_norms,
                |input, output_gradient, kernels, design| {
                    let check::Design { skip, batch_norm } = design;
                    let design = lesson01::Design { skip, batch_norm };
                    lesson01::gradient_norms(input, output_gradient, kernels, design)
                },
            ),
        ],
    )
}
