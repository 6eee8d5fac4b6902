//! Grades lesson 02: `cargo test -p lesson02`, or one exercise: `cargo test -p lesson02 -- ex2_2`.

use graders::{exercise, lesson02 as check};

pub fn main() -> std::process::ExitCode {
    graders::main(
        "lesson02",
        vec![
            exercise("2.1", check::hooks, |network| {
                check::hooked(
                    lesson02::Hooks::new(network),
                    |hooks, site, hook| hooks.register(site, hook),
                    lesson02::Hooks::forward,
                    lesson02::Hooks::count,
                    lesson02::capture,
                )
            }),
            exercise("2.2", check::gradients, |network, images, sites, objective| {
                lesson02::gradients(network, images, sites, objective)
            }),
            exercise("2.3", check::statistics, |batches| {
                let new = lesson02::Statistics::new();
                let s = check::fed(new, batches, lesson02::Statistics::update)?.summary()?;
                Ok(check::statistics_observed(
                    s.count,
                    s.not_finite,
                    s.mean,
                    s.std,
                    s.min,
                    s.max,
                ))
            }),
            exercise("2.4", check::sparsity, |activations| {
                let s = lesson02::sparsity(activations)?;
                Ok(check::sparsity_observed(s.layer, s.by_image, s.by_channel))
            }),
            exercise("2.5", check::dead_units, |batches| {
                check::fed(lesson02::Peaks::new(), batches, lesson02::Peaks::update)?.dead()
            }),
            exercise("2.6", check::histogram, |(low, high, bins), batches| {
                let new = lesson02::Histogram::new(low, high, bins)?;
                let h = check::fed(new, batches, lesson02::Histogram::update)?;
                Ok(check::histogram_observed(h.counts, h.below, h.above, h.nan))
            }),
            exercise("2.7", check::for_display, |maps, scaling| {
                let check::Scaling { per_map, symmetric } = scaling;
                lesson02::for_display(maps, lesson02::Scaling { per_map, symmetric })
            }),
            exercise(
                "2.8",
                check::colors,
                check::Colors {
                    colorize: lesson02::colorize,
                    map_grid: lesson02::map_grid,
                },
            ),
            exercise("2.9", check::strongest_answer, |images, filter, window| {
                let a = lesson02::strongest_answer(images, filter, window)?;
                let place = [a.image, a.row, a.column];
                Ok(check::answer_observed(place, a.response, a.cosine, &a.patch))
            }),
        ],
    )
}
