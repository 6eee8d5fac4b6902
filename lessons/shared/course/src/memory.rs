//! What is known of a learner's exercises without grading them, and which one is next.
//!
//! Whoever grades and shows a report remembers it: the lesson's own test program and `cargo lesson`. So both say the same.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::report::{Report, Verdict};
use crate::state::State;
use crate::{Exercise, Lesson, NoRoot};

const VERDICTS: &str = "verdicts.json";
const PLACE: &str = "place.json";
const LESSON: &str = "lesson";

/// The last verdict on an exercise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Graded {
    /// The verdict.
    pub verdict: Verdict,
    /// The recognised mistake, if it is one.
    #[serde(default)]
    pub mistake: Option<String>,
    /// The verdict in full.
    #[serde(default)]
    pub message: String,
    /// The seed of the run's random inputs.
    #[serde(default)]
    pub seed: u64,
    /// Seconds since 1970.
    #[serde(default)]
    pub at: u64,
    /// The fingerprint of the sources it is about.
    #[serde(default)]
    pub sources: String,
}

/// How an exercise stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// The stub is untouched.
    NotStarted,
    /// Something is written that was not graded yet.
    Written,
    /// Graded; nothing has changed since.
    Graded(Graded),
    /// Graded, and changed since.
    Changed(Graded),
}

impl Standing {
    /// The last verdict.
    pub fn graded(&self) -> Option<&Graded> {
        match self {
            Self::Graded(graded) | Self::Changed(graded) => Some(graded),
            Self::NotStarted | Self::Written => None,
        }
    }

    /// Whether one may go on to the next exercise, as far as is known.
    pub fn is_understood(&self) -> bool {
        self.graded().is_some_and(|graded| graded.verdict.is_understood())
    }

    /// In a few words.
    pub fn words(&self) -> String {
        match self {
            Self::NotStarted => Verdict::NotStarted.words().into(),
            Self::Written => "not graded yet".into(),
            Self::Graded(graded) => graded.verdict.words().into(),
            Self::Changed(graded) => format!("{}, changed since", graded.verdict.words()),
        }
    }
}

/// An exercise and how it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its lesson.
    pub lesson: &'static Lesson,
    /// The exercise.
    pub exercise: &'static Exercise,
    /// How it stands.
    pub standing: Standing,
}

/// Fingerprints of the sources of exercises, taken before they are graded.
pub type Sources = BTreeMap<String, String>;

/// What a checkout remembers of its exercises.
#[derive(Clone, Debug)]
pub struct Memory {
    root: PathBuf,
    state: State,
}

impl Memory {
    /// That of the checkout that the program works on.
    ///
    /// **Errors** if there is none.
    pub fn open() -> Result<Self, NoRoot> {
        let root = crate::root()?;
        Ok(Self::of(root, State::of(root)))
    }

    /// That of the checkout at `root`, kept in `state`.
    pub fn of(root: impl Into<PathBuf>, state: State) -> Self {
        Self {
            root: root.into(),
            state,
        }
    }

    /// The fingerprints of a lesson's exercises: each of its file, the files of what it requires, and the graders.
    pub fn sources(&self, lesson: &Lesson) -> Sources {
        let read = |path: &str| std::fs::read(self.root.join(path)).unwrap_or_default();
        let graders = read("tests/HEALTH.md"); // holds a hash of them
        let fingerprint = |exercise: &Exercise| {
            let required = exercise.requires.iter().filter_map(|id| lesson.exercise(id));
            let files = required.chain([exercise]).map(|exercise| lesson.path(exercise));
            let hash = files.fold(hash(&graders), |hash_so_far, path| {
                hash_so_far.rotate_left(1) ^ hash(&read(&path))
            });
            (exercise.id.clone(), format!("{hash:016x}"))
        };
        lesson.exercises.iter().map(fingerprint).collect()
    }

    /// Remembers a report on the sources as they were before grading; `at_hand` if the learner asked for this lesson.
    ///
    /// **Errors** if it cannot be written.
    pub fn remember(&self, report: &Report, sources: &Sources, at_hand: bool) -> io::Result<()> {
        let at = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |now| now.as_secs());
        self.state.update(VERDICTS, |entries| {
            for outcome in &report.exercises {
                let graded = Graded {
                    verdict: outcome.verdict,
                    mistake: outcome.mistake.clone(),
                    message: outcome.message.clone(),
                    seed: report.seed,
                    at,
                    sources: sources.get(&outcome.id).cloned().unwrap_or_default(),
                };
                entries.insert(outcome.id.clone(), graded);
            }
        })?;
        if at_hand {
            self.state.update(PLACE, |place| {
                drop(place.insert(LESSON.to_string(), report.lesson.clone()))
            })
        } else {
            Ok(())
        }
    }

    /// The lesson at hand: the one that the learner had graded last, or the first.
    pub fn at_hand(&self) -> &'static Lesson {
        let place = self.state.read::<String>(PLACE);
        let known = place.get(LESSON).and_then(|package| crate::lesson(package));
        known.unwrap_or(&crate::lessons()[0])
    }

    /// How all exercises stand, in the order of the catalogue.
    pub fn entries(&self) -> Vec<Entry> {
        let graded = self.state.read::<Graded>(VERDICTS);
        let of_lesson = |lesson: &'static Lesson| {
            let sources = self.sources(lesson);
            let entry = |exercise: &'static Exercise| {
                let graded = graded.get(&exercise.id).cloned();
                let standing = match graded {
                    _ if lesson.is_stub(&self.root, exercise) && !begun(graded.as_ref()) => Standing::NotStarted,
                    None => Standing::Written,
                    // No verdict on what the learner wrote.
                    Some(graded) if matches!(graded.verdict, Verdict::Ungraded | Verdict::NotStarted) => {
                        Standing::Written
                    }
                    Some(graded) if sources.get(&exercise.id) == Some(&graded.sources) => Standing::Graded(graded),
                    Some(graded) => Standing::Changed(graded),
                };
                Entry {
                    lesson,
                    exercise,
                    standing,
                }
            };
            lesson.exercises.iter().map(entry).collect::<Vec<_>>()
        };
        crate::lessons().iter().flat_map(of_lesson).collect()
    }

    /// The exercise to do next; `None` if every one is done.
    pub fn next(&self) -> Option<Entry> {
        next(self.entries(), self.at_hand().number)
    }

    /// The root of the checkout.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The folder in which it is kept.
    pub fn state(&self) -> &State {
        &self.state
    }
}

/// Whether an exercise of several functions has a verdict although one of them is still a stub.
fn begun(graded: Option<&Graded>) -> bool {
    graded.is_some_and(|graded| {
        !matches!(
            graded.verdict,
            Verdict::NotStarted | Verdict::Ungraded | Verdict::Passed
        )
    })
}

/// The first exercise that is not understood: core ones of the lesson at hand, of the later lessons and of the earlier ones,
/// then further ones in the same order.
fn next(entries: Vec<Entry>, at_hand: u32) -> Option<Entry> {
    let place = |entry: &Entry| {
        let number = entry.lesson.number;
        (!entry.exercise.core, number < at_hand, number)
    };
    let open = entries.into_iter().filter(|entry| !entry.standing.is_understood());
    open.min_by_key(place) // the first of equal ones
}

/// FNV-1a: short, and the same on every machine and version.
fn hash(bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325;
    bytes.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Outcome, Totals};
    use std::fs;

    /// A checkout with the sources of this one, in which nothing is remembered.
    fn scratch(name: &str) -> Memory {
        let folder = std::env::temp_dir().join(format!("course-memory-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        for (lesson, exercise) in crate::exercises() {
            let path = folder.join(lesson.path(exercise));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let before = fs::read_to_string(&path).unwrap_or_default();
            let stub = format!(
                "pub fn {}() {{ todo!(\"exercise {}: a step\") }}\n",
                exercise.name, exercise.id
            );
            fs::write(path, before + &stub).unwrap();
        }
        Memory::of(folder.clone(), State::at(folder.join(".lesson")))
    }

    fn solve(memory: &Memory, id: &str, text: &str) {
        let (lesson, exercise) = crate::exercise(id).unwrap();
        fs::write(memory.root().join(lesson.path(exercise)), text).unwrap();
    }

    fn report(lesson: &str, verdicts: &[(&str, Verdict)]) -> Report {
        let outcome = |(id, verdict): &(&str, Verdict)| {
            let exercise = crate::exercise(id).unwrap().1;
            Outcome {
                id: id.to_string(),
                name: exercise.name.clone(),
                test: exercise.test.clone(),
                title: exercise.title.clone(),
                core: exercise.core,
                verdict: *verdict,
                mistake: None,
                message: String::new(),
                shown: None,
                seconds: 0.0,
            }
        };
        Report {
            lesson: lesson.into(),
            seed: 1,
            exercises: verdicts.iter().map(outcome).collect(),
            totals: Totals::default(),
        }
    }

    fn standing(memory: &Memory, id: &str) -> Standing {
        let entries = memory.entries();
        entries
            .into_iter()
            .find(|entry| entry.exercise.id == id)
            .unwrap()
            .standing
    }

    #[test]
    fn an_exercise_goes_from_stub_to_graded_to_changed() {
        let memory = scratch("life");
        assert_eq!(standing(&memory, "1.1"), Standing::NotStarted);
        assert_eq!(memory.next().unwrap().exercise.id, "1.1");
        solve(&memory, "1.1", "fn output_size() {}");
        assert_eq!(standing(&memory, "1.1"), Standing::Written);

        let lesson = crate::lesson("lesson01").unwrap();
        let sources = memory.sources(lesson);
        let passed = report("lesson01", &[("1.1", Verdict::Passed), ("1.2", Verdict::NotStarted)]);
        memory.remember(&passed, &sources, true).unwrap();
        assert!(matches!(standing(&memory, "1.1"), Standing::Graded(_)));
        assert_eq!(standing(&memory, "1.2"), Standing::NotStarted);
        assert_eq!(memory.next().unwrap().exercise.id, "1.2");

        solve(&memory, "1.1", "fn output_size() { /* another way */ }");
        assert!(matches!(standing(&memory, "1.1"), Standing::Changed(_)));
        assert!(
            standing(&memory, "1.1").is_understood(),
            "it was, and nobody has said otherwise"
        );
        solve(&memory, "1.1", "fn output_size() { todo!(\"exercise 1.1: again\") }");
        assert_eq!(standing(&memory, "1.1"), Standing::NotStarted, "the stub came back");
        fs::remove_dir_all(memory.root()).unwrap();
    }

    #[test]
    fn what_changes_while_it_is_graded_is_changed() {
        let memory = scratch("race");
        solve(&memory, "1.1", "fn output_size() {}");
        let before = memory.sources(crate::lesson("lesson01").unwrap());
        solve(&memory, "1.1", "fn output_size() { 1 }");
        let passed = report("lesson01", &[("1.1", Verdict::Passed)]);
        memory.remember(&passed, &before, true).unwrap();
        assert!(matches!(standing(&memory, "1.1"), Standing::Changed(_)));
        fs::remove_dir_all(memory.root()).unwrap();
    }

    #[test]
    fn what_an_exercise_requires_belongs_to_its_sources() {
        let memory = scratch("requires");
        let lesson = crate::lesson("lesson01").unwrap();
        let before = memory.sources(lesson);
        solve(&memory, "1.1", "fn output_size() {}");
        let after = memory.sources(lesson);
        assert_ne!(before["1.2"], after["1.2"], "1.2 calls 1.1");
        assert_eq!(before["1.5"], after["1.5"], "1.5 does not");
        fs::remove_dir_all(memory.root()).unwrap();
    }

    #[test]
    fn next_stays_in_the_lesson_at_hand() {
        let memory = scratch("hand");
        let lesson = crate::lesson("lesson02").unwrap();
        let core: Vec<_> = lesson.exercises.iter().filter(|exercise| exercise.core).collect();
        solve(&memory, &core[0].id, "fn f() {}");
        let one = report("lesson02", &[(core[0].id.as_str(), Verdict::Understood)]);
        memory.remember(&one, &memory.sources(lesson), false).unwrap();
        assert_eq!(memory.next().unwrap().exercise.id, "1.1", "nobody asked for lesson 02");
        memory.remember(&one, &memory.sources(lesson), true).unwrap();
        assert_eq!(memory.next().unwrap().exercise.id, core[1].id);

        core.iter()
            .for_each(|exercise| solve(&memory, &exercise.id, "fn f() {}"));
        let verdicts: Vec<_> = core
            .iter()
            .map(|exercise| (exercise.id.as_str(), Verdict::Passed))
            .collect();
        let all = report("lesson02", &verdicts);
        memory.remember(&all, &memory.sources(lesson), true).unwrap();
        let next = memory.next().unwrap();
        assert_eq!(
            next.lesson.number, 3,
            "then the next lesson, not the skipped one: {}",
            next.exercise.id
        );
        fs::remove_dir_all(memory.root()).unwrap();
    }

    #[test]
    fn after_all_core_exercises_come_the_further_ones_and_then_nothing() {
        let memory = scratch("end");
        crate::exercises().for_each(|(_, exercise)| solve(&memory, &exercise.id, "fn f() {}"));
        let remember = |which: fn(&Exercise) -> bool| {
            for lesson in crate::lessons() {
                let chosen = lesson.exercises.iter().filter(|exercise| which(exercise));
                let verdicts: Vec<_> = chosen.map(|exercise| (exercise.id.as_str(), Verdict::Passed)).collect();
                let report = report(&lesson.package, &verdicts);
                memory.remember(&report, &memory.sources(lesson), false).unwrap();
            }
        };
        remember(|exercise| exercise.core);
        let next = memory.next().unwrap();
        assert!(!next.exercise.core && next.lesson.number == 1);
        remember(|_| true);
        assert_eq!(memory.next(), None);
        fs::remove_dir_all(memory.root()).unwrap();
    }

    #[test]
    fn fnv_is_that_of_its_authors() {
        // http://www.isthe.com/chongo/tech/comp/fnv: the 64-bit FNV-1a of "a".
        assert_eq!(hash(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
