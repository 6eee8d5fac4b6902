//! Every exam of every lesson is sound: the solution and the alternatives pass, every mistake is recognised as itself,
//! and the exams are those of the catalogue.

use graders::{
    catalogue::{self, Catalogue, Findings},
    snapshot,
};
use std::{
    iter,
    sync::{LazyLock, Mutex},
    thread,
};

/// Seed 0, and as many more as `HEALTH_SEEDS` says: first a fixed one, so that a run can be repeated, then those that no run has
/// seen before.
fn seeds() -> Vec<u64> {
    let more = std::env::var("HEALTH_SEEDS").ok();
    let more = more.map_or(0, |count| count.parse().expect("HEALTH_SEEDS is a number"));
    let fresh = iter::repeat_with(|| rand::random_range(0..1_000_000));
    [0, 4711].into_iter().chain(fresh).take(1 + more).collect()
}

/// Package and exams of each lesson. From here on each exercise has a thread of its own, and candle needs none.
fn lessons() -> Vec<(&'static str, Catalogue)> {
    resnet::without_threads_of_candle().expect("this program starts again");
    catalogue::lessons()
}

/// What each exam does with its own attempts, by lesson and seed. Several tests look at it.
static ALL: LazyLock<Vec<(&str, u64, Vec<Findings>)>> = LazyLock::new(|| {
    // The last lesson takes longest, so it comes first.
    let lessons = || lessons().into_iter().rev();
    let sets = seeds()
        .into_iter()
        .flat_map(|seed| lessons().map(move |(package, exams)| (package, exams, seed)));
    let sets: Vec<_> = sets.collect();
    let count = |package: &str| course::lesson(package).map_or(0, |lesson| lesson.exercises.len());
    let queue = sets
        .iter()
        .enumerate()
        .flat_map(|(set, (package, ..))| (0..count(package)).map(move |exam| (set, exam)));
    let queue = Mutex::new(queue);
    let next = || queue.lock().expect("nobody panics with it").next();
    let work = || {
        let (mut found, mut at_hand) = (vec![], None);
        while let Some((set, exam)) = next() {
            let (_, exams, seed) = sets[set];
            let exams = match at_hand.take() {
                Some((same, exams)) if same == set => exams,
                _ => exams(seed),
            };
            if let Some(asked) = exams.get(exam).filter(|exam| is_chosen(exam.id())) {
                found.push((set, exam, Findings::of(asked.as_ref(), seed)));
            }
            at_hand = Some((set, exams));
        }
        found
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut found: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running
            .into_iter()
            .flat_map(|thread| thread.join().expect("grading does not panic"))
            .collect()
    });
    found.sort_by_key(|(set, exam, _)| (*set, *exam));
    let mut all: Vec<_> = sets
        .iter()
        .map(|(package, _, seed)| (*package, *seed, vec![]))
        .collect();
    found
        .into_iter()
        .for_each(|(set, _, findings)| all[set].2.push(findings));
    all
});

/// `HEALTH_ONLY=1.1,3.5`: these exercises alone, while one works on their exams.
fn only() -> Option<String> {
    std::env::var("HEALTH_ONLY").ok()
}

fn is_chosen(exercise: &str) -> bool {
    only().is_none_or(|only| only.split(',').any(|id| id == exercise))
}

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
    for (package, exams) in lessons() {
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
    for (package, exams) in lessons() {
        let lesson = course::lesson(package).expect("a lesson of the course");
        let listed: Vec<_> = lesson.exercises.iter().map(|exercise| exercise.id.clone()).collect();
        let graded: Vec<_> = exams(0).iter().map(|exam| exam.id().to_string()).collect();
        assert_eq!(
            graded, listed,
            "{package}: exams in tests/src/{package}, exercises in exercises.toml"
        );
    }
    for lesson in course::lessons() {
        let graded = lessons().iter().any(|(package, _)| *package == lesson.package);
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
    for (_, exams) in lessons() {
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
