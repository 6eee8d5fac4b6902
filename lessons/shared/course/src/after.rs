//! What comes after an exercise passes: its pictures, what to read on, and the end of the lesson.

use std::fs;
use std::path::{Path, PathBuf};

use crate::memory::Entry;
use crate::{Exercise, Lesson};

/// What comes after an exercise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct After {
    /// What draws its pictures; `None` if it has none.
    pub see: Option<String>,
    /// Its pictures, and what is known of the learner's own.
    pub pictures: Vec<Picture>,
    /// Where the lesson's text goes on: `lessons/lesson01/README.md#a-heading`.
    pub read: String,
    /// The heading there; empty if the text is at its end.
    pub heading: String,
    /// If it was the last core exercise of its lesson that was open: what to do before the next lesson.
    pub end: Option<End>,
}

/// The end of a lesson.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// What draws all its pictures.
    pub draw: String,
    /// What to compare one's own with.
    pub compare: String,
    /// Where to write down what one saw.
    pub notes: &'static str,
    /// The text of the next lesson; `None` after the last one.
    pub next: Option<String>,
}

/// A picture of a lesson, drawn with the learner's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// `maps`.
    pub name: String,
    /// The reference, relative to the root of the repository.
    pub reference: String,
    /// The learner's own, drawn or not.
    pub own: PathBuf,
    /// What is known of it.
    pub drawn: Drawn,
}

/// How the learner's picture compares with the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// It was not drawn yet.
    No,
    /// It was drawn before the exercise's file was saved last.
    Before,
    /// It is the reference, byte for byte.
    Same,
    /// It is another one.
    Other,
    /// It was drawn, and no reference lies in the repository.
    Alone,
}

impl Drawn {
    /// In a few words.
    pub fn words(self) -> &'static str {
        match self {
            Self::No => "not drawn yet",
            Self::Before => "drawn before your last change",
            Self::Same => "the same as the reference, byte for byte",
            Self::Alone => "drawn; no reference gives it away",
            Self::Other => "differs from the reference: compare the two",
        }
    }
}

/// The folder of a lesson's drawn pictures, relative to the root of the repository.
pub fn drawn_folder(package: &str) -> String {
    format!("target/pictures/{package}")
}

/// A picture of an exercise, and what is known of the learner's own.
pub fn picture(root: &Path, lesson: &Lesson, exercise: &Exercise, name: &str) -> Picture {
    let reference = format!("lessons/{}/pictures/{name}.png", lesson.package);
    let own = root.join(drawn_folder(&lesson.package)).join(format!("{name}.png"));
    let saved = |path: &Path| fs::metadata(path).and_then(|about| about.modified()).ok();
    let drawn = match (fs::read(&own), fs::read(root.join(&reference))) {
        (Err(_), _) => Drawn::No,
        (Ok(_), _) if saved(&own) < saved(&root.join(lesson.path(exercise))) => Drawn::Before,
        (Ok(own), Ok(reference)) if own == reference => Drawn::Same,
        (Ok(_), Err(_)) => Drawn::Alone,
        _ => Drawn::Other,
    };
    Picture {
        name: name.into(),
        reference,
        own,
        drawn,
    }
}

/// What comes after an exercise, given how all of them stand.
pub fn after(root: &Path, lesson: &Lesson, exercise: &Exercise, entries: &[Entry]) -> After {
    let names = &exercise.pictures;
    let text = fs::read_to_string(root.join(lesson.text())).unwrap_or_default();
    let heading = heading_after(&text, &exercise.id).unwrap_or_default();
    let anchor = match heading {
        "" => String::new(),
        heading => format!("#{}", slug(heading)),
    };
    let of_core = entries
        .iter()
        .filter(|entry| entry.lesson == lesson && entry.exercise.core);
    let is_end = exercise.core && of_core.clone().all(|entry| entry.standing.is_understood());
    let number = lesson.number;
    After {
        see: (!names.is_empty()).then(|| format!("cargo run -p {} -- {}", lesson.package, names.join(" "))),
        pictures: names.iter().map(|name| picture(root, lesson, exercise, name)).collect(),
        read: format!("{}{anchor}", lesson.text()),
        heading: heading.to_string(),
        end: is_end.then(|| End {
            draw: format!("cargo run -p {}", lesson.package),
            compare: format!("solutions/{}/", lesson.package),
            notes: "lessons/LEARNINGS.md",
            next: crate::lessons()
                .iter()
                .find(|next| next.number == number + 1)
                .map(Lesson::text),
        }),
    }
}

/// The heading below the section in which an exercise is asked for.
fn heading_after<'a>(text: &'a str, id: &str) -> Option<&'a str> {
    let mut is_code = false;
    let mut was_asked = false;
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        match line.strip_prefix("## ") {
            Some(heading) if was_asked && !is_code => return Some(heading.trim()),
            _ => was_asked |= asks_for(line, id),
        }
    }
    None
}

/// The line, from 1, of a lesson's text that asks for an exercise.
pub fn line_that_asks(text: &str, id: &str) -> Option<usize> {
    text.lines().position(|line| asks_for(line, id)).map(|index| index + 1)
}

/// Whether a line holds `exercise 1.2` and not only `exercise 1.21`.
fn asks_for(line: &str, id: &str) -> bool {
    let (line, wanted) = (line.to_lowercase(), format!("exercise {id}"));
    let mut after = line.split(&wanted).skip(1);
    after.any(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The anchor that GitHub gives a heading.
fn slug(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Graded, Standing};
    use crate::report::Verdict;

    const TEXT: &str = "# Lesson\n\n## How large?\n\n→ **Exercise 1.1**, `f`.\n\n```sh\n## no heading\n```\n\n\
        ## One question, everywhere\n\n→ **Exercise 1.2**. Further: **exercise 1.3**.\n\n## The end\n";

    #[test]
    fn the_text_goes_on_below_the_section_of_the_exercise() {
        assert_eq!(heading_after(TEXT, "1.1"), Some("One question, everywhere"));
        assert_eq!(heading_after(TEXT, "1.3"), Some("The end"));
        assert_eq!(heading_after(TEXT, "1.9"), None);
        assert!(asks_for("exercise 1.2", "1.2") && !asks_for("exercise 1.20", "1.2"));
        assert_eq!(slug("What 50 % sparsity means"), "what-50--sparsity-means");
    }

    #[test]
    fn every_exercise_has_a_text_that_goes_on_and_pictures_that_exist() {
        let root = crate::root().unwrap();
        for (lesson, exercise) in crate::exercises() {
            let after = after(root, lesson, exercise, &[]);
            assert!(after.read.contains('#'), "{}: {}", exercise.id, after.read);
            for picture in after.pictures {
                // The pictures of the case would give it away: they have no reference.
                let drawn_by = picture.reference.replace(".png", ".rs");
                assert!(root.join(&drawn_by).is_file(), "{}: {drawn_by}", exercise.id);
            }
        }
    }

    #[test]
    fn the_last_core_exercise_ends_the_lesson() {
        let root = crate::root().unwrap();
        let lesson = crate::lesson("lesson01").unwrap();
        let entries = |verdict: Verdict| {
            let graded = Graded {
                verdict,
                mistake: None,
                message: String::new(),
                seed: 0,
                at: 0,
                sources: String::new(),
            };
            let entry = |exercise| Entry {
                lesson,
                exercise,
                standing: Standing::Graded(graded.clone()),
            };
            lesson.exercises.iter().map(entry).collect::<Vec<_>>()
        };
        let first = &lesson.exercises[0];
        let end = after(root, lesson, first, &entries(Verdict::Passed)).end.unwrap();
        assert_eq!(end.next.as_deref(), Some("lessons/lesson02/README.md"));
        assert_eq!(after(root, lesson, first, &entries(Verdict::Wrong)).end, None);
    }

    #[test]
    fn a_picture_is_compared_with_the_reference() {
        let root = std::env::temp_dir().join(format!("course-after-{}", std::process::id()));
        let lesson = crate::lesson("lesson01").unwrap();
        let exercise = lesson.exercise("1.2").unwrap();
        let write = |path: &Path, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let drawn = || picture(&root, lesson, exercise, "block");
        write(&root.join(lesson.path(exercise)), "fn f() {}");
        write(&root.join(drawn().reference), "pixels");
        assert_eq!(drawn().drawn, Drawn::No);
        write(&drawn().own, "pixels");
        assert_eq!(drawn().drawn, Drawn::Same);
        write(&drawn().own, "others");
        assert_eq!(drawn().drawn, Drawn::Other);
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
        let source = fs::File::options()
            .write(true)
            .open(root.join(lesson.path(exercise)))
            .unwrap();
        source.set_modified(later).unwrap();
        assert_eq!(drawn().drawn, Drawn::Before);
        fs::remove_dir_all(root).unwrap();
    }
}
