//! Every exam of every lesson is sound: the solution and the alternatives pass, every mistake is recognised as itself,
//! and the exams are those of the catalogue.

use graders::{
    catalogue::{self, Catalogue, Findings},
    snapshot,
};
use std::sync::LazyLock;

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
    exams
        .iter()
        .map(|exam| Findings::of(exam.as_ref(), seed))
        .collect()
}

/// The same for all lessons and seed 0, which several tests look at.
static OF_SEED_0: LazyLock<Vec<(&str, Vec<Findings>)>> = LazyLock::new(|| {
    let of_lesson = |(package, exams)| (package, findings(exams, 0));
    catalogue::lessons().into_iter().map(of_lesson).collect()
});

#[test]
fn every_exam_is_sound_on_every_seed() {
    let mut faults = vec![];
    let mut look = |package: &str, seed: u64, findings: &[Findings]| {
        let of_exam = |fault: String| format!("{package}, seed {seed}: exercise {fault}");
        faults.extend(findings.iter().flat_map(Findings::faults).map(of_exam));
    };
    for (package, findings) in OF_SEED_0.iter() {
        look(package, 0, findings);
    }
    for (package, exams) in catalogue::lessons() {
        for seed in more_seeds() {
            look(package, seed, &findings(exams, seed));
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
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
        let listed: Vec<_> = lesson
            .exercises
            .iter()
            .map(|exercise| exercise.id.clone())
            .collect();
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
    for (package, findings) in OF_SEED_0.iter() {
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
