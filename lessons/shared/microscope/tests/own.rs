//! The learner's functions on a card: used where their exercises pass, and each costs its panel only, whatever it does.
#![cfg(unix)]

extern crate solution02 as lesson02;
extern crate solution03 as lesson03;
extern crate solution04 as lesson04;

mod common;

// The lessons' own files, on the solutions.
#[path = "../../../lesson02/pictures/instruments.rs"]
mod lesson02_instruments;
#[path = "../../../lesson03/pictures/instruments.rs"]
#[allow(dead_code, reason = "a part of it is for the microscope")]
mod lesson03_instruments;
#[path = "../../../lesson04/pictures/instruments.rs"]
mod lesson04_instruments;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use common::{config, subject};
use microscope::own::{By, Known, Learner, Part, Patience, Program, Question};
use microscope::tuning::{self, Factor, bases, responses};
use microscope::{Images, Microscope, Subject, UnitCard, html};
use resnet::{ResNet, parameters};
use scenes::Scene;
use studio::instruments::{Function, Instrument, MARK, serve};

/// As few scenes as give every concept.
const SCENES: usize = 60;

/// A network and its file, so that another program can load it.
fn in_a_file(folder: &Path) -> Subject {
    let network = ResNet::untrained(&config(), 3).unwrap();
    let file = folder.join("a network.safetensors");
    parameters::save(network.parameters(), &file).unwrap();
    Subject {
        source: Some(file.display().to_string()),
        ..subject(network, "untrained")
    }
}

/// A card of a unit that is alive, and what it was measured with; measured once for all tests.
fn fixture() -> &'static (tempfile::TempDir, UnitCard) {
    static FIXTURE: OnceLock<(tempfile::TempDir, UnitCard)> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let card = UnitCard::measure(&scope(folder.path()), "layer2", 1).unwrap();
        (folder, card)
    })
}

fn scope(folder: &Path) -> Microscope {
    Microscope::with(in_a_file(folder), Images::Scenes(SCENES), folder)
}

/// Answers with what the lessons' files on the solutions answer.
fn by_the_solutions(asked: &[u8]) -> String {
    let all: Vec<Instrument> = lesson02_instruments::ALL
        .into_iter()
        .chain(lesson03_instruments::ALL)
        .chain(lesson04_instruments::ALL)
        .collect();
    assert!(all.iter().all(|one| matches!(one.function, Function::OfUnit(_))));
    let mut said = vec![];
    serve(&all, asked, &mut said).unwrap();
    let said = String::from_utf8(said).unwrap();
    let answer = said.lines().nth(1).unwrap();
    answer.strip_prefix(MARK).unwrap().to_string()
}

/// Stands in for cargo: `asked` collects lines, `answers/NAME` holds what to say; without it `mode` says what to do instead.
const CARGO: &str = r#"#!/bin/sh
root="$(dirname "$0")"
echo "$@" >> "$root/started"
echo "a line that a function prints"
echo "microscope: ready"
while read -r line; do
  set -- $line
  head -c $((4 * $5)) > "$root/payload"
  echo "$line" >> "$root/asked"
  case "$(cat "$root/mode")" in
    right) n=$(ls "$root/answers" | grep -c "^$2"); i=$(cat "$root/count-$2" 2>/dev/null || echo 0)
      echo $(((i + 1) % n)) > "$root/count-$2"; echo "microscope: $(cat "$root/answers/$2-$i")" ;;
    panics) echo "microscope: problem panicked, index out of bounds" ;;
    infinite) echo "microscope: numbers 1 inf NaN" ;;
    short) echo "microscope: numbers 0.5" ;;
    nonsense) echo "microscope: hello" ;;
    hangs) sleep 600 ;;
    ends) exit 3 ;;
  esac
done
"#;

struct StandIn(tempfile::TempDir);

impl StandIn {
    fn new(mode: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let cargo = folder.path().join("cargo");
        fs::write(&cargo, CARGO).unwrap();
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("mode"), mode).unwrap();
        fs::create_dir(folder.path().join("answers")).unwrap();
        Self(folder)
    }

    fn learner(&self) -> Learner {
        let cargo = self.0.path().join("cargo");
        let patience = Patience {
            building: Duration::from_secs(10),
            answer: Duration::from_secs(2),
        };
        Learner::with(self.0.path(), |lesson| Program::started_by(lesson, &cargo), patience)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.path().join(file)).unwrap_or_default()
    }
}

fn fill(stand_in: &StandIn, passes: &dyn Fn(&str) -> bool) -> UnitCard {
    let (folder, card) = fixture();
    let mut card = card.clone();
    let known = Known {
        passes,
        sources: &|_| BTreeMap::new(),
    };
    stand_in
        .learner()
        .fill(&scope(folder.path()), &mut card, &known)
        .unwrap();
    card
}

fn by(card: &UnitCard, part: Part) -> &By {
    &card.panels.iter().find(|panel| panel.part == part).unwrap().by
}

#[test]
fn nobody_is_asked_where_nothing_passes_and_the_card_says_whose_it_is() {
    let stand_in = StandIn::new("right");
    let card = fill(&stand_in, &|_| false);
    assert_eq!(stand_in.read("started"), "");
    let (_, before) = fixture();
    assert_eq!((&card.optima, &card.tuning), (&before.optima, &before.tuning));
    assert_eq!(
        *by(&card, Part::Optimum),
        By::Reference("3.2 and 3.5 do not pass yet".into())
    );
    let page = html::page(&card, &|_, _| None).unwrap();
    assert!(
        page.contains("Concept: by the reference (4.8); 4.8 does not pass yet."),
        "whose it is"
    );
    assert!(
        html::page(before, &|_, _| None)
            .unwrap()
            .contains("Made by the functions of the solutions.")
    );
}

/// What the lessons' files ask of the learner's functions is what the card was measured with.
#[test]
fn the_learners_functions_give_what_the_reference_gives_if_they_are_right() {
    let (folder, reference) = fixture();
    let scope = scope(folder.path());
    let stand_in = StandIn::new("right");
    let mut all = vec![];
    for part in Part::ALL {
        let questions = part.asked(&scope, reference).unwrap().unwrap();
        for (index, Question { line, numbers }) in questions.into_iter().enumerate() {
            let mut asked = format!("{line}\n").into_bytes();
            asked.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
            let answer = by_the_solutions(&asked);
            assert!(answer.starts_with("numbers "), "{line}: {answer}");
            fs::write(
                stand_in.0.path().join(format!("answers/{}-{index}", part.name())),
                answer,
            )
            .unwrap();
            all.push(line);
        }
    }
    let card = fill(&stand_in, &|_| true);
    assert!(
        card.panels.iter().all(|panel| panel.by == By::Yours),
        "{:?}",
        card.panels
    );
    let mut asked: Vec<_> = stand_in.read("asked").lines().map(String::from).collect();
    asked.sort();
    all.sort();
    assert_eq!(asked, all);
    let started = stand_in.read("started");
    assert!(
        started.lines().count() == 3 && started.contains("run --quiet --package lesson03 -- --instruments"),
        "{started}"
    );

    let close = |a: f64, b: f64, what: &str| assert!((a - b).abs() <= 1e-4 * (1.0 + b.abs()), "{what}: {a} and {b}");
    let (zeros, expected) = (card.statistics.zeros.unwrap(), reference.statistics.zeros.unwrap());
    close(zeros.share, expected.share, "zeros");
    assert_eq!(zeros.is_dead, expected.is_dead);
    let (concepts, expected) = (card.standing.unwrap(), reference.standing.clone().unwrap());
    assert_eq!(concepts.best[0].0, expected.best[0].0);
    close(concepts.best[0].1, expected.best[0].1, "IoU");
    close(concepts.null, expected.null, "null");
    let (optima, expected) = (card.optima.unwrap(), reference.optima.clone().unwrap());
    for (yours, reference) in [(&optima.starts, &expected.starts), (&optima.minima, &expected.minima)] {
        assert_eq!(yours.len(), reference.len());
        for (yours, reference) in yours.iter().zip(reference) {
            close(f64::from(yours.value), f64::from(reference.value), "optimum");
        }
    }
    for (yours, reference) in card.tuning.unwrap().iter().zip(reference.tuning.as_ref().unwrap()) {
        for (a, b) in yours.mean.iter().zip(&reference.mean) {
            close(*a, *b, yours.factor.name());
        }
        let (a, b) = (yours.selectivity.unwrap(), reference.selectivity.unwrap());
        close(a.index, b.index, "4.10's index");
        // Both nulls are of 200 shuffles, in another order of scenes' numbers.
        assert!((a.null.1 - b.null.1).abs() < 0.05, "{a:?} {b:?}");
    }
}

#[test]
fn a_function_that_fails_costs_its_panel_and_nothing_else() {
    let (_, before) = fixture();
    for (mode, how) in [
        ("panics", "your function panicked, index out of bounds"),
        ("infinite", "2 values that are not finite"),
        ("short", "1 numbers, expected"),
        ("nonsense", "no numbers"),
        ("ends", "ended the lesson's program"),
        ("hangs", "did not end within 2 s"),
    ] {
        let stand_in = StandIn::new(mode);
        let begin = Instant::now();
        let card = fill(&stand_in, &|_| true);
        // Two questions to one program that hangs are one wait: it is not asked again.
        assert!(
            begin.elapsed() < Duration::from_secs(25),
            "{mode}: {:?}",
            begin.elapsed()
        );
        for panel in &card.panels {
            assert!(
                matches!(&panel.by, By::Nobody(said) if said.contains(how)),
                "{mode}: {panel:?}"
            );
        }
        assert!(card.statistics.zeros.is_none() && card.standing.is_none(), "{mode}");
        let optima = card.optima.as_ref().unwrap();
        assert!(optima.starts.is_empty() && optima.minima.is_empty(), "{mode}");
        assert_eq!(
            optima.diverse,
            before.optima.as_ref().unwrap().diverse,
            "made by the reference"
        );
        let left: Vec<_> = card.tuning.as_ref().unwrap().iter().map(|curve| curve.factor).collect();
        assert_eq!(left, [Factor::Size, Factor::Rotation, Factor::Place]);
        assert_eq!(
            (&card.strongest, &card.silence, &card.inputs),
            (&before.strongest, &before.silence, &before.inputs)
        );
        let page = html::page(&card, &|_, _| None).unwrap();
        assert!(
            page.contains(how) && page.contains("What the network loses without it"),
            "{mode}"
        );
        let picture = stand_in.0.path().join("card.png");
        microscope::figure::card(&card).unwrap().save(picture).unwrap();
    }
}

/// The card's index is that of exercise 4.10, and its own share of the changes decides alike.
#[test]
fn the_selectivity_index_is_that_of_exercise_4_10() {
    let network = ResNet::untrained(&config(), 3).unwrap();
    let subject = subject(network, "untrained");
    let site = subject.site("layer2").unwrap();
    let (indices, scenes): (Vec<u64>, Vec<Scene>) = bases(12).unwrap().into_iter().unzip();
    assert_eq!(indices.len(), 12);
    let all = responses(&subject, std::slice::from_ref(&site), &scenes, &|_| {})
        .unwrap()
        .remove(0);
    let factors = [
        (Factor::Shape, solution04::Factor::Shape),
        (Factor::Colour, solution04::Factor::Colour),
        (Factor::Texture, solution04::Factor::Texture),
    ];
    for (which, (factor, theirs)) in factors.into_iter().enumerate() {
        for unit in [1, 6] {
            let table = solution04::responses(&subject.network, "layer2", unit, &scenes, theirs).unwrap();
            let curve = solution04::tuning_curve(&table).unwrap();
            let ours = tuning::Curve::new(factor, &all[which][unit], 1);
            let selectivity = ours.selectivity.unwrap();
            let expected = solution04::tuning_index(&curve.mean).unwrap();
            assert!(
                (selectivity.index - expected).abs() < 1e-4,
                "{} and {expected}",
                selectivity.index
            );
            let nulls = solution04::shuffled_indices(&table, 200, 1).unwrap();
            let mean = nulls.iter().sum::<f64>() / 200.0;
            assert!(
                (selectivity.null.0 - mean).abs() < 0.1 * mean + 1e-6,
                "{selectivity:?} and {mean}"
            );
        }
    }
    assert_eq!(
        tuning::selectivity(&[vec![-1.0, 0.5], vec![-1.0, 0.5]]),
        None,
        "before a ReLU it means nothing"
    );
}
