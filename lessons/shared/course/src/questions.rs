//! The questions of the study guide, in English and Spanish, with answers and choices.
//!
//! They stand once, in `lessons/shared/course/questions.toml`. `GUIDE.md` and `GUIDE.es.md` show question and answer,
//! `cargo lesson quiz` asks them as multiple choice:
//!
//! ```
//! use course::questions::{Language, questions};
//!
//! let first = &questions()[0];
//! assert_eq!(first.id, "B1");
//! assert!(first.text(Language::Spanish).question.starts_with('¿'));
//! ```
//!
//! An entry looks like this:
//!
//! ```toml
//! [[questions]]
//! id = "B1"                           # B, I or A for basic, intermediate, advanced; numbered in order
//! source = "self-assessment"          # of the study guide; "topic": from one of its topics; "own": added here
//! topic = "1.1"                       # where the study guide treats it
//! exercise = "1.2"                    # what practises it
//! read = "lessons/lesson01/README.md#a-filter-asks-one-question-everywhere"
//! en.question = "What is a filter?"
//! en.answer = "A small image of weights."
//! es.question = "¿Qué es un filtro?"
//! es.answer = "Una imagen pequeña de pesos."
//!
//! [[questions.choices]]               # the first choice is the right one
//! en.text = "A small image of weights"
//! es.text = "Una imagen pequeña de pesos"
//!
//! [[questions.choices]]               # every other one is a misconception, and says what is wrong with it
//! mistake = "1.2 flipped"             # where the graders know it: exercise and name of the mistake
//! en.text = "A feature map"
//! en.why = "That is what the filter makes."
//! es.text = "Un mapa de características"
//! es.why = "Eso es lo que el filtro produce."
//! ```

use std::{fmt, sync::LazyLock};

use serde::Deserialize;

use crate::CatalogueError;

/// A question of the study guide.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// `B1`: level and number. Stable: guides and notes refer to it.
    pub id: String,
    /// Where it comes from.
    pub source: Source,
    /// The topic of the study guide it belongs to, `1.1` to `3.3`.
    pub topic: String,
    /// The exercise that practises it.
    pub exercise: String,
    /// What to read, relative to the root of the repository: `lessons/lesson01/README.md#a-heading`.
    pub read: String,
    /// The question in English.
    pub en: Text,
    /// The question in Spanish.
    pub es: Text,
    /// The right choice, then the wrong ones.
    pub choices: Vec<Choice>,
}

/// A question and its answer in one language; Markdown without links.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// One or two sentences.
    pub question: String,
    /// A few sentences.
    pub answer: String,
}

/// One of the answers to choose from.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The mistake of the graders that comes from the same misconception: exercise and name, `1.2 flipped`.
    pub mistake: Option<String>,
    /// In English.
    pub en: ChoiceText,
    /// In Spanish.
    pub es: ChoiceText,
}

/// A choice in one language.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChoiceText {
    /// What is chosen.
    pub text: String,
    /// Why it is wrong; empty for the right choice.
    #[serde(default)]
    pub why: String,
}

/// Where a question comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The self-assessment of the study guide.
    SelfAssessment,
    /// An exercise or question within a topic of the study guide.
    Topic,
    /// Added here.
    Own,
}

/// How much a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What things are.
    Basic,
    /// How things work and are read.
    Intermediate,
    /// How to find out, and when not to believe it.
    Advanced,
}

/// The languages of the guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `GUIDE.md`
    English,
    /// `GUIDE.es.md`
    Spanish,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::English, Self::Spanish];
}

impl Level {
    /// From basic to advanced.
    pub const ALL: [Self; 3] = [Self::Basic, Self::Intermediate, Self::Advanced];

    /// The letter its ids begin with.
    pub fn letter(self) -> char {
        match self {
            Self::Basic => 'B',
            Self::Intermediate => 'I',
            Self::Advanced => 'A',
        }
    }

    /// Its name in a language.
    pub fn name(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::English, Self::Basic) => "basic",
            (Language::English, Self::Intermediate) => "intermediate",
            (Language::English, Self::Advanced) => "advanced",
            (Language::Spanish, Self::Basic) => "básico",
            (Language::Spanish, Self::Intermediate) => "intermedio",
            (Language::Spanish, Self::Advanced) => "avanzado",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name(Language::English))
    }
}

impl Choice {
    /// The choice in a language.
    pub fn text(&self, language: Language) -> &ChoiceText {
        match language {
            Language::English => &self.en,
            Language::Spanish => &self.es,
        }
    }
}

impl Question {
    /// Its level, which is the first letter of its id.
    pub fn level(&self) -> Level {
        let letter = self.id.chars().next();
        Level::ALL
            .into_iter()
            .find(|level| Some(level.letter()) == letter)
            .expect("checked when the file was read")
    }

    /// The number of the lesson whose exercise practises it.
    pub fn lesson(&self) -> u32 {
        let (lesson, _) = self.exercise.split_once('.').unwrap_or_default();
        lesson.parse().expect("checked when the file was read")
    }

    /// Question and answer in a language.
    pub fn text(&self, language: Language) -> &Text {
        match language {
            Language::English => &self.en,
            Language::Spanish => &self.es,
        }
    }

    fn check(&self, id: &str) -> Result<(), String> {
        let rule = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_string()) };
        if self.id != id {
            return Err(format!("expected id {id} in this place, got {}", self.id));
        }
        let is_number = |text: &str, first: std::ops::RangeInclusive<u32>| {
            text.split_once('.').is_some_and(|(left, right)| {
                left.parse().is_ok_and(|n| first.contains(&n)) && right.parse::<u32>().is_ok()
            })
        };
        rule(is_number(&self.topic, 1..=3), "expected a topic like 1.1")?;
        rule(is_number(&self.exercise, 1..=5), "expected an exercise like 1.2")?;
        rule((3..=5).contains(&self.choices.len()), "expected 3 to 5 choices")?;
        for language in Language::ALL {
            let Text { question, answer } = self.text(language);
            rule(question.contains('?'), "a question without a question mark")?;
            rule(!answer.trim().is_empty(), "an empty answer")?;
            for (index, choice) in self.choices.iter().enumerate() {
                let ChoiceText { text, why } = choice.text(language);
                rule(!text.trim().is_empty(), "an empty choice")?;
                rule(
                    why.trim().is_empty() == (index == 0),
                    "the first choice is the right one and has no why; every other needs one",
                )?;
            }
        }
        rule(
            self.choices[0].mistake.is_none(),
            "the right choice cannot be a mistake",
        )
    }
}

/// All questions, from basic to advanced.
///
/// # Panics
/// If the built-in file is invalid; a test of this crate rules that out.
pub fn questions() -> &'static [Question] {
    static QUESTIONS: LazyLock<Vec<Question>> =
        LazyLock::new(|| parse(include_str!("../questions.toml")).unwrap_or_else(|error| panic!("{error}")));
    &QUESTIONS
}

/// Reads and checks the text of a `questions.toml`.
///
/// **Errors** name the question and what was expected.
pub fn parse(toml: &str) -> Result<Vec<Question>, CatalogueError> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        questions: Vec<Question>,
    }
    let fail = |what: String| CatalogueError(format!("lessons/shared/course/questions.toml: {what}"));
    let File { questions } = toml::from_str(toml).map_err(|error| fail(error.to_string()))?;
    let mut level = Level::Basic;
    let mut number = 0;
    for question in &questions {
        let next = Level::ALL
            .into_iter()
            .find(|next| question.id.starts_with(next.letter()) && *next > level);
        (level, number) = next.map_or((level, number + 1), |next| (next, 1));
        let id = format!("{}{number}", level.letter());
        question
            .check(&id)
            .map_err(|what| fail(format!("question {}: {what}", question.id)))?;
    }
    Ok(questions)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = r#"
        [[questions]]
        id = "B1"
        source = "own"
        topic = "1.1"
        exercise = "1.2"
        read = "lessons/lesson01/README.md"
        en.question = "Two and two?"
        en.answer = "Four."
        es.question = "¿Dos y dos?"
        es.answer = "Cuatro."
        [[questions.choices]]
        en.text = "4"
        es.text = "cuatro"
        [[questions.choices]]
        mistake = "1.2 flipped"
        en.text = "22"
        en.why = "They are numbers, not texts."
        es.text = "veintidós"
        es.why = "Son números, no textos."
        [[questions.choices]]
        en.text = "0"
        en.why = "That is the difference."
        es.text = "nada"
        es.why = "Esa es la diferencia."
    "#;

    /// The message for `VALID` with one piece of text replaced.
    #[track_caller]
    fn error(from: &str, to: &str) -> String {
        assert!(VALID.contains(from), "{from}");
        parse(&VALID.replace(from, to)).unwrap_err().to_string()
    }

    #[test]
    fn the_questions_are_valid_and_every_level_and_source_is_there() {
        for level in Level::ALL {
            assert!(questions().iter().any(|question| question.level() == level));
        }
        let from = |source| questions().iter().filter(|q| q.source == source).count();
        assert_eq!(from(Source::SelfAssessment), 12, "the study guide has three times four");
        assert_eq!(from(Source::Topic), 5, "and five within its topics");
        assert!(from(Source::Own) >= 17, "at least as many of our own");
    }

    #[test]
    fn the_right_choice_cannot_be_told_by_its_length() {
        for language in Language::ALL {
            let lengths = |question: &Question| -> Vec<usize> {
                let choices = question.choices.iter();
                choices
                    .map(|choice| choice.text(language).text.chars().count())
                    .collect()
            };
            let all: Vec<_> = questions().iter().map(lengths).collect();
            let longest = all.iter().filter(|l| l[1..].iter().all(|wrong| *wrong < l[0])).count();
            let shortest = all.iter().filter(|l| l[1..].iter().all(|wrong| *wrong > l[0])).count();
            let limit = all.len() * 2 / 5;
            assert!(
                longest <= limit && shortest <= limit,
                "{language:?}: {longest} and {shortest} of {}",
                all.len()
            );
        }
    }

    #[test]
    fn a_valid_file_gives_level_lesson_and_texts() {
        let question = &parse(VALID).unwrap()[0];
        assert_eq!(question.level(), Level::Basic);
        assert_eq!(question.lesson(), 1);
        assert_eq!(question.text(Language::Spanish).answer, "Cuatro.");
        assert_eq!(question.choices[1].text(Language::English).text, "22");
    }

    #[test]
    fn levels_come_in_order_and_numbers_have_no_gap() {
        let two = |id: &str| format!("{VALID}{}", VALID.replace("\"B1\"", &format!("{id:?}")));
        for good in ["B2", "I1", "A1"] {
            assert_eq!(parse(&two(good)).unwrap()[1].id, good);
        }
        for bad in ["B1", "B3", "I2", "C1"] {
            let message = parse(&two(bad)).unwrap_err().to_string();
            assert!(message.contains("expected id"), "{message}");
        }
    }

    #[test]
    fn an_error_names_the_question_and_what_was_expected() {
        assert_eq!(
            error("\"B1\"", "\"B2\""),
            "lessons/shared/course/questions.toml: question B2: expected id B1 in this place, got B2"
        );
        assert!(error("topic = \"1.1\"", "topic = \"4.1\"").contains("a topic like 1.1"));
        assert!(error("exercise = \"1.2\"", "exercise = \"12\"").contains("an exercise like 1.2"));
        assert!(error("¿Dos y dos?", "Dos y dos").contains("question mark"));
        assert!(error("\"Cuatro.\"", "\"\"").contains("an empty answer"));
        assert!(error("\"veintidós\"", "\" \"").contains("an empty choice"));
        assert!(error("es.why = \"Son números, no textos.\"", "").contains("every other needs one"));
        assert!(error("en.text = \"4\"", "en.text = \"4\"\nmistake = \"x\"").contains("right choice"));
        assert!(error("en.answer", "en.anwser").contains("anwser"));
    }
}
