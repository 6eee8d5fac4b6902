//! Grades lesson 05: `cargo test -p lesson05`, or one exercise: `cargo test -p lesson05 -- ex5_3`.

use graders::{
    ex5_1, ex5_2, ex5_3, ex5_4, ex5_5, ex5_6, ex5_7, ex5_8, ex5_9, ex5_10, ex5_11, ex5_12, exercise, lesson05 as check,
};

pub fn main() -> std::process::ExitCode {
    graders::main(
        "lesson05",
        vec![
            exercise("5.1", check::class_activation_map, ex5_1!(lesson05)),
            exercise("5.2", check::channel_weights, ex5_2!(lesson05)),
            exercise("5.3", check::grad_cam, ex5_3!(lesson05)),
            exercise("5.4", check::overlay, ex5_4!(lesson05)),
            exercise("5.5", check::plus_plus, ex5_5!(lesson05)),
            exercise("5.6", check::backprop, ex5_6!(lesson05)),
            exercise("5.7", check::localization, ex5_7!(lesson05)),
            exercise("5.8", check::sanity, ex5_8!(lesson05)),
            exercise("5.9", check::case, ex5_9!(lesson05)),
            exercise("5.10", check::occlusion_map, ex5_10!(lesson05)),
            exercise("5.11", check::integrated_gradients, ex5_11!(lesson05)),
            exercise("5.12", check::exchange, ex5_12!(lesson05)),
        ],
    )
}
