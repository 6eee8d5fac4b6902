//! Grades lesson 05: `cargo test -p lesson05`, or one exercise: `cargo test -p lesson05 -- ex5_3`.

use graders::{ex5_9, ex5_10, ex5_11, ex5_12, exercise, lesson05 as check};

pub fn main() -> std::process::ExitCode {
    graders::main(
        "lesson05",
        vec![
            exercise("5.1", check::class_activation_map, lesson05::class_activation_map),
            exercise("5.2", check::channel_weights, lesson05::channel_weights),
            exercise(
                "5.3",
                check::grad_cam,
                check::GradCam {
                    class_score: lesson05::class_score,
                    weighted_map: lesson05::weighted_map,
                    grad_cam: lesson05::grad_cam,
                },
            ),
            exercise(
                "5.4",
                check::overlay,
                check::Overlay {
                    upsample: lesson05::upsample,
                    relative: lesson05::relative,
                    overlay: lesson05::overlay,
                },
            ),
            exercise(
                "5.5",
                check::plus_plus,
                check::PlusPlus {
                    weights: lesson05::plus_plus_weights,
                    grad_cam_plus_plus: lesson05::grad_cam_plus_plus,
                },
            ),
            exercise(
                "5.6",
                check::backprop,
                check::Backprop {
                    contributions: lesson05::contributions,
                    saliency: lesson05::saliency,
                    guide: |x| x.apply_op1(lesson05::Guide),
                    guided_backprop: lesson05::guided_backprop,
                },
            ),
            exercise(
                "5.7",
                check::localization,
                check::Localize {
                    points_inside: lesson05::points_inside,
                    energy_inside: lesson05::energy_inside,
                    localization: |maps, masks| {
                        let found = lesson05::localization(maps, masks)?;
                        Ok((found.pointing, found.energy, found.area))
                    },
                },
            ),
            exercise(
                "5.8",
                check::sanity,
                check::Sanity {
                    randomized: lesson05::randomized,
                    cascade: lesson05::cascade,
                    rank_correlation: lesson05::rank_correlation,
                },
            ),
            exercise("5.9", check::case, ex5_9!(lesson05)),
            exercise("5.10", check::occlusion_map, ex5_10!(lesson05)),
            exercise("5.11", check::integrated_gradients, ex5_11!(lesson05)),
            exercise("5.12", check::exchange, ex5_12!(lesson05)),
        ],
    )
}
