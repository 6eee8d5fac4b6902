//! Grades lesson 03: `cargo test -p lesson03`, or one exercise: `cargo test -p lesson03 -- ex3_2`.

use graders::{ex3_9, exercise, lesson03 as check};

fn target(target: check::Target) -> lesson03::Target {
    match target {
        check::Target::Neuron(channel) => lesson03::Target::Neuron(channel),
        check::Target::Channel(channel) => lesson03::Target::Channel(channel),
        check::Target::Layer => lesson03::Target::Layer,
    }
}

pub fn main() -> std::process::ExitCode {
    graders::main(
        "lesson03",
        vec![
            exercise(
                "3.1",
                check::objectives,
                check::Objectives {
                    objective: |activation, t| lesson03::objective(activation, target(t)),
                    score: |network, images, site, t| lesson03::score(network, images, site, target(t)),
                },
            ),
            exercise(
                "3.2",
                check::ascent,
                check::Ascent {
                    value_and_gradient: |x, f| lesson03::value_and_gradient(x, f),
                    direction: lesson03::direction,
                    ascent_step: |x, f, step_size| lesson03::ascent_step(x, f, step_size),
                    into_ball: lesson03::into_ball,
                },
            ),
            exercise(
                "3.3",
                check::regularizers,
                check::Regularizers {
                    total_variation: lesson03::total_variation,
                    l2: lesson03::l2,
                    blur: lesson03::blur,
                },
            ),
            exercise(
                "3.4",
                check::transformations,
                check::Transformations {
                    roll: lesson03::roll,
                    turn: lesson03::turn,
                },
            ),
            exercise("3.5", check::maximize, |start, problem, settings| {
                let problem = lesson03::Problem {
                    image: problem.image,
                    transform: problem.transform,
                    objective: problem.objective,
                    penalty: problem.penalty,
                    project: problem.project,
                };
                let settings = lesson03::Settings {
                    steps: settings.steps,
                    step_size: settings.step_size,
                    optimizer: match settings.optimizer {
                        check::Optimizer::Ascent => lesson03::Optimizer::Ascent,
                        check::Optimizer::Adam => lesson03::Optimizer::Adam,
                    },
                };
                lesson03::maximize(start, &problem, &settings)
            }),
            exercise(
                "3.6",
                check::fourier,
                check::Fourier {
                    from_spectrum: lesson03::from_spectrum,
                    mix_colours: lesson03::mix_colours,
                    paint: lesson03::paint,
                },
            ),
            exercise(
                "3.7",
                check::dream,
                check::Dreaming {
                    octave_sizes: lesson03::octave_sizes,
                    dream: |picture, objective, settings, shift| {
                        let check::Dream {
                            octaves,
                            ratio,
                            steps,
                            step_size,
                        } = *settings;
                        let settings = lesson03::Dream {
                            octaves,
                            ratio,
                            steps,
                            step_size,
                        };
                        lesson03::dream(picture, objective, &settings, shift)
                    },
                },
            ),
            exercise(
                "3.8",
                check::facets,
                check::Facets {
                    similarity: lesson03::similarity,
                    top_examples: lesson03::top_examples,
                },
            ),
            exercise("3.9", check::fooling, ex3_9!(lesson03)),
        ],
    )
}
