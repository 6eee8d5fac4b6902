//! The set-up check: every line of the report, then the network at work, then what is next.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use studio::{Material, Sample};

use crate::check::{Check, Ended};
use crate::show::{self, Showing, Shown};
use crate::term::{BAD, GOOD, TITLE};
use crate::{machine, network};

/// The whole report, for machines.
#[derive(Debug, Serialize)]
struct Summary {
    ok: bool,
    checks: Vec<Check>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<Showing>,
    next: String,
}

/// Checks, shows the network at work on `input`, the learner's if there is one and the input is of a kind that it knows, and
/// says what is next. `true` if nothing failed.
pub fn check(
    root: &Path,
    input: &Sample,
    is_known: bool,
    theirs: Option<&Material>,
    figure: &Path,
    json: bool,
) -> Result<bool> {
    let mut checks = Vec::new();
    let mut add = |check: Check| {
        if !json {
            check.print(); // as soon as it is known
        }
        checks.push(check);
    };
    if !json {
        anstream::println!("{TITLE}The set-up{TITLE:#}");
    }
    add(machine::rust(root));
    add(machine::cores());
    add(machine::simd());
    add(machine::memory());
    let (check, scenes) = network::checkpoint("scenes");
    add(check);
    let (check, robust) = network::checkpoint("robust");
    add(check);
    add(network::checkpoint("case").0);
    const NEEDS: &str = "the network `scenes`";
    add(scenes
        .as_ref()
        .map_or_else(|| Check::skipped("forward pass", NEEDS), network::golden_pass));
    add(scenes
        .as_ref()
        .map_or_else(|| Check::skipped("gradient", NEEDS), network::gradient));
    add(show::picture(input, figure));

    let ok = checks
        .iter()
        .all(|check| matches!(check.outcome(), Ended::Ok | Ended::Warning));
    // Whatever else failed, a network that loads and a picture that can be written are worth showing.
    let can_draw = checks.last().is_some_and(|check| check.outcome() == Ended::Ok);
    let shown = match theirs {
        Some(material) => Some(Shown::other(material)),
        None => scenes.as_ref().map(|scenes| Shown::own(scenes, robust.as_ref())),
    };
    let showing = match shown.filter(|_| can_draw && is_known) {
        Some(shown) => Some(show::show(&shown, input, figure)?),
        None => None,
    };
    let next = next(root, ok);
    if json {
        println!(
            "{}",
            serde_json::to_string(&Summary {
                ok,
                checks,
                network: showing,
                next
            })?
        );
    } else {
        if let Some(showing) = showing {
            showing.print();
        } else if let Some(material) = theirs.filter(|_| !is_known) {
            anstream::println!(
                "\n{} is there. It knows no scenes, so none is shown to it: `--image FILE` shows it a photo.",
                material.network_name()
            );
        }
        let (style, word) = if ok {
            (GOOD, "Everything is in order.")
        } else {
            (BAD, "Something is not in order.")
        };
        anstream::println!("\n{style}{word}{style:#} {next}");
    }
    Ok(ok)
}

/// What to do now, from the sources alone: grading would compile the lessons.
fn next(root: &Path, ok: bool) -> String {
    if !ok {
        return "Do what the lines marked -> say, then run this again.".into();
    }
    match course::source::first_stub(root) {
        Some((lesson, exercise)) if exercise.id == "1.1" => format!(
            "Next: read lessons/PRIMER.md and {}, then run `cargo test -p {}`.",
            lesson.text(),
            lesson.package
        ),
        Some((lesson, exercise)) => {
            let place = lesson.place(root, exercise);
            format!(
                "Next: exercise {}, {} ({place}). `cargo lesson next` says more.",
                exercise.id, exercise.title
            )
        }
        None => "Next: `cargo lesson next` grades what you wrote.".into(),
    }
}
