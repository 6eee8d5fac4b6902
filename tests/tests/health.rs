//! Every exam of every lesson is sound: the solution and the alternatives pass, every mistake is recognised as itself,
//! and the exams are those of the catalogue.

use graders::{catalogue, snapshot};

/// Fixed seeds, and one that no run has seen before.
fn seeds() -> [u64; 4] {
    [0, 1, 4711, rand::random_range(0..1_000_000)]
}

#[test]
fn every_exam_is_sound_on_every_seed() {
    let mut faults = vec![];
    for (package, exams) in catalogue::lessons() {
        for seed in seeds() {
            let exams = exams(seed);
            let of_exam = |fault: String| format!("{package}, seed {seed}: exercise {fault}");
            faults.extend(
                exams
                    .iter()
                    .flat_map(|exam| catalogue::faults(exam.as_ref()))
                    .map(of_exam),
            );
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
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
    for (package, exams) in catalogue::lessons() {
        let mut page = String::new();
        for exam in exams(0) {
            for (id, grade) in exam.mistakes() {
                page += &format!(
                    "{} {id}\n{}\ninput: {}\n\n",
                    exam.id(),
                    grade.sentence,
                    grade.input.unwrap_or_default()
                );
            }
        }
        snapshot::assert(&format!("{package}_mistakes"), &page);
    }
}
