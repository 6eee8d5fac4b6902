//! Every exam of every lesson is sound: the solution and the alternatives pass, every mistake is recognised as itself,
//! and the exams are those of the catalogue.

use graders::{
    catalogue::{self, Catalogue, Findings},
    snapshot,
};
use std::{sync::LazyLock, thread};

/// Beside seed 0 fixed ones, so that a run can be repeated, and as many that no run has seen before as `HEALTH_SEEDS`
/// says.
fn more_seeds() -> Vec<u64> {
    let fresh = std::env::var("HEALTH_SEEDS").ok();
    let fresh = fresh.map_or(0, |count| count.parse().expect("HEALTH_SEEDS is a number"));
    let seeds = (0..fresh).map(|_| rand::random_range(0..1_000_000));
    [4711].into_iter().chain(seeds).collect()
}

/// What each exam of a lesson does with its own attempts, for one seed.
fn findings(exams: Catalogue, seed: u64) -> Vec<Findings> {
    let exams = exams(seed);
    let chosen = exams
        .iter()
        .filter(|exam| only().is_none_or(|only| only.split(',').any(|id| id == exam.id())));
    chosen.map(|exam| Findings::of(exam.as_ref(), seed)).collect()
}

/// `HEALTH_ONLY=1.1,3.5`: these exercises alone, while one works on their exams.
fn only() -> Option<String> {
    std::env::var("HEALTH_ONLY").ok()
}

/// The same for all lessons and seeds; several tests look at it. Lessons, and seeds two by two, are graded side by side.
static ALL: LazyLock<Vec<(&str, u64, Vec<Findings>)>> = LazyLock::new(|| {
    let mut all = vec![];
    for seeds in [vec![0], more_seeds()].concat().chunks(2) {
        thread::scope(|scope| {
            let mut running = vec![];
            for &seed in seeds {
                for (package, exams) in catalogue::lessons() {
                    running.push(scope.spawn(move || (package, seed, findings(exams, seed))));
                }
            }
            let found = running.into_iter().map(|thread| thread.join());
            all.extend(found.map(|found| found.expect("grading does not panic")));
        });
    }
    all
});

#[test]
fn every_exam_is_sound_on_every_seed() {
    let mut faults = vec![];
    for (package, seed, findings) in ALL.iter() {
        let of_exam = |fault: String| format!("{package}, seed {seed}: exercise {fault}");
        faults.extend(findings.iter().flat_map(Findings::faults).map(of_exam));
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// For each hazard an exam has an attempt that is wrong in nothing else and is refused, or a reason why there is none.
#[test]
fn every_exam_says_which_hazards_its_inputs_hold() {
    let mut faults = vec![];
    for (package, _, findings) in ALL.iter().filter(|(_, seed, _)| *seed == 0) {
        for exam in findings {
            let names: Vec<_> = exam.unsaid().iter().map(|hazard| hazard.name()).collect();
            if !names.is_empty() {
                faults.push(format!("{package}: exercise {}: {}", exam.id, names.join(", ")));
            }
        }
    }
    assert!(faults.is_empty(), "nothing is said about\n{}", faults.join("\n"));
}

/// An attempt that knows the answers to one seed by heart fails on another.
#[test]
fn answers_learned_by_heart_do_not_pass() {
    let mut passed = vec![];
    for (package, exams) in catalogue::lessons() {
        for (learned, asked) in exams(0).iter().zip(exams(1)) {
            if asked.grade_answers(&learned.answers()).is_pass() {
                passed.push(format!("{package}: exercise {}", asked.id()));
            }
        }
    }
    assert!(
        passed.is_empty(),
        "no input depends on the seed in\n{}",
        passed.join("\n")
    );
}

#[test]
fn the_exams_are_those_of_the_catalogue() {
    for (package, exams) in catalogue::lessons() {
        let lesson = course::lesson(package).expect("a lesson of the course");
        let listed: Vec<_> = lesson.exercises.iter().map(|exercise| exercise.id.clone()).collect();
        let graded: Vec<_> = exams(0).iter().map(|exam| exam.id().to_string()).collect();
        assert_eq!(
            graded, listed,
            "{package}: exams in tests/src/{package}, exercises in exercises.toml"
        );
    }
    for lesson in course::lessons() {
        let graded = catalogue::lessons()
            .iter()
            .any(|(package, _)| *package == lesson.package);
        assert!(
            graded || lesson.exercises.is_empty(),
            "{} has exercises and no exams",
            lesson.package
        );
    }
}

/// The texts that attempts are compared with are what the solutions give. `INSTA_UPDATE=always` writes them.
#[test]
fn snapshots_are_what_the_solutions_give() {
    for (_, exams) in catalogue::lessons() {
        for (name, text) in exams(0).iter().flat_map(|exam| exam.snapshots()) {
            snapshot::assert(&name, &text);
        }
    }
}

/// What a learner reads for each mistake, on one page per lesson, to be read as a whole.
#[test]
fn snapshots_of_the_words_for_each_mistake() {
    if only().is_some() {
        return; // the page is for all exercises of a lesson
    }
    for (package, _, findings) in ALL.iter().filter(|(_, seed, _)| *seed == 0) {
        let mut page = String::new();
        for exam in findings {
            for (id, grade) in &exam.mistakes {
                page += &format!(
                    "{} {id}\n{}\ninput: {}\n\n",
                    exam.id,
                    grade.sentence,
                    grade.input.as_deref().unwrap_or_default()
                );
            }
        }
        snapshot::assert(&format!("{package}_mistakes"), &page);
    }
}
