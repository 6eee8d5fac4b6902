//! The questions of the study guide as multiple choice, on a terminal or from a pipe.

pub mod record;
mod words;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{BufRead, ErrorKind, IsTerminal, Write};

use anyhow::{Result, bail, ensure};
use clap::ValueEnum;
use course::questions::{Choice, Language, Level, Question, questions};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use self::words::Words;
use crate::Checkout;
use crate::term::{BAD, DIM, FAIR, GOOD, TITLE, width, wrap};

/// Characters in a line of a question behind so many others: a comfortable line, and no more than the terminal has.
fn room(taken: usize) -> usize {
    const COMFORTABLE: usize = 88;
    if std::io::stdout().is_terminal() {
        COMFORTABLE.min(width().saturating_sub(taken)).max(10)
    } else {
        COMFORTABLE
    }
}

/// What to ask, and how.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Ask only these questions, like B1 A3
    #[arg(value_name = "QUESTION")]
    ids: Vec<String>,
    /// The language
    #[arg(long, value_enum, default_value_t)]
    lang: Lang,
    /// Ask only questions of this level
    #[arg(long, value_enum)]
    level: Option<LevelName>,
    /// Ask only questions practised in this lesson, like 1 or lesson01
    #[arg(long)]
    lesson: Option<String>,
    /// Start over: forget which of them were answered rightly
    #[arg(long)]
    again: bool,
    /// List the questions instead of asking them
    #[arg(long)]
    list: bool,
    /// Order the choices as in the run that printed this seed
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Lang {
    /// English
    #[default]
    En,
    /// Español
    Es,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LevelName {
    #[value(aliases = ["básico", "basico"])]
    Basic,
    #[value(alias = "intermedio")]
    Intermediate,
    #[value(alias = "avanzado")]
    Advanced,
}

/// Asks on standard input and output, or lists. `true` if every question was answered, and rightly.
pub fn quiz(options: &Options) -> Result<bool> {
    let result = list_or_ask(options);
    let is_closed = |error: &anyhow::Error| {
        let io = error.downcast_ref::<std::io::Error>();
        io.is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    match result {
        Err(error) if is_closed(&error) => Ok(true), // whoever reads has seen enough, as `head` does
        result => result,
    }
}

fn list_or_ask(options: &Options) -> Result<bool> {
    let language = match options.lang {
        Lang::En => Language::English,
        Lang::Es => Language::Spanish,
    };
    let checkout = Checkout::open()?;
    let mut chosen = choose(options)?;
    let mut output = anstream::stdout().lock();
    if options.list {
        list(&chosen, &record::right(checkout.state()), language, &mut output)?;
        return Ok(true);
    }
    if options.again {
        record::forget(checkout.state(), chosen.iter().map(|question| question.id.as_str()))?;
    }
    let right = record::right(checkout.state());
    chosen.sort_by_key(|question| right.contains(&question.id)); // the others first
    let seed = options.seed.unwrap_or_else(|| u64::from(rand::random::<u16>()));
    let run = Run {
        words: Words::of(language),
        language,
        seed,
        echo: !std::io::stdin().is_terminal(),
        right,
        remember: &|id, is_right| {
            if let Err(error) = record::answer(checkout.state(), id, is_right) {
                anstream::eprintln!("{FAIR}{error}{FAIR:#}");
            }
        },
    };
    run.ask_all(&chosen, &mut std::io::stdin().lock(), &mut output)
}

/// The questions that the options ask for.
fn choose(options: &Options) -> Result<Vec<&'static Question>> {
    let known = |id: &String| questions().iter().any(|question| question.id.eq_ignore_ascii_case(id));
    if let Some(unknown) = options.ids.iter().find(|id| !known(id)) {
        let ids: Vec<_> = questions().iter().map(|question| question.id.as_str()).collect();
        bail!("there is no question {unknown:?}; the questions are {}", ids.join(" "));
    }
    let lesson = options.lesson.as_deref().map(course::find_lesson).transpose()?;
    let level = options.level.map(|level| match level {
        LevelName::Basic => Level::Basic,
        LevelName::Intermediate => Level::Intermediate,
        LevelName::Advanced => Level::Advanced,
    });
    let chosen: Vec<_> = questions()
        .iter()
        .filter(|question| {
            let named = options.ids.iter().any(|id| question.id.eq_ignore_ascii_case(id));
            (named || options.ids.is_empty())
                && level.is_none_or(|level| question.level() == level)
                && lesson.is_none_or(|lesson| question.lesson() == lesson.number)
        })
        .collect();
    ensure!(
        !chosen.is_empty(),
        "no question is left with these options; --list shows all"
    );
    Ok(chosen)
}

fn list(chosen: &[&Question], right: &BTreeSet<String>, language: Language, output: &mut impl Write) -> Result<()> {
    for level in Level::ALL {
        let of_level: Vec<_> = chosen.iter().filter(|question| question.level() == level).collect();
        if !of_level.is_empty() {
            writeln!(output, "{TITLE}{}{TITLE:#}", level.name(language))?;
        }
        for question in of_level {
            let mark = if right.contains(&question.id) { "✓" } else { " " };
            let mut head = [question.id.as_str(), &question.exercise, mark];
            for line in wrap(question.text(language).question.trim(), room(13)) {
                let [id, exercise, mark] = std::mem::take(&mut head);
                writeln!(
                    output,
                    "{GOOD}{mark:<1}{GOOD:#} {id:<4} {DIM}{exercise:<4}{DIM:#}  {line}"
                )?;
            }
        }
    }
    Ok(())
}

/// One session.
struct Run<'a> {
    words: &'static Words,
    language: Language,
    seed: u64,
    /// Show what was read, as a terminal does by itself.
    echo: bool,
    /// The questions answered rightly before.
    right: BTreeSet<String>,
    /// What is done with each answer.
    remember: &'a dyn Fn(&str, bool),
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Answered {
    Right,
    Wrong,
    Skipped,
}

/// What was typed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reply {
    Choice(usize),
    Skip,
    Quit,
}

impl Run<'_> {
    fn ask_all(&self, asked: &[&Question], input: &mut impl BufRead, output: &mut impl Write) -> Result<bool> {
        let Words { seed, keys, .. } = self.words;
        writeln!(output, "{DIM}{keys} {seed} {}.{DIM:#}", self.seed)?;
        let before = asked
            .iter()
            .filter(|question| self.right.contains(&question.id))
            .count();
        if before > 0 {
            let Words { right_before, left, .. } = self.words;
            let left_now = asked.len() - before;
            writeln!(output, "{DIM}{right_before} {before}; {left} {left_now}.{DIM:#}")?;
        }
        let mut generator = ChaCha8Rng::seed_from_u64(self.seed);
        let mut outcomes = Vec::new();
        for (index, question) in asked.iter().enumerate() {
            let mut choices: Vec<_> = question.choices.iter().enumerate().collect();
            choices.shuffle(&mut generator);
            self.show(index + 1, asked.len(), question, &choices, output)?;
            let outcome = match self.reply(choices.len(), input, output)? {
                Reply::Quit => break,
                Reply::Skip => Answered::Skipped,
                Reply::Choice(chosen) => self.judge(question, &choices, chosen, output)?,
            };
            if outcome != Answered::Skipped {
                (self.remember)(&question.id, outcome == Answered::Right);
            }
            outcomes.push(outcome);
        }
        self.score(asked, &outcomes, output)
    }

    fn show(
        &self,
        number: usize,
        total: usize,
        question: &Question,
        choices: &[(usize, &Choice)],
        output: &mut impl Write,
    ) -> Result<()> {
        let Words { lesson, of, .. } = self.words;
        let (id, level) = (&question.id, question.level().name(self.language));
        writeln!(
            output,
            "\n{DIM}{number} {of} {total} · {DIM:#}{TITLE}{id}{TITLE:#}{DIM} · {level} · {lesson} {:02}{DIM:#}",
            question.lesson()
        )?;
        for line in wrap(question.text(self.language).question.trim(), room(0)) {
            writeln!(output, "{TITLE}{line}{TITLE:#}")?;
        }
        writeln!(output)?;
        for (position, (_, choice)) in choices.iter().enumerate() {
            indented(
                &format!("{}) ", letter(position)),
                &choice.text(self.language).text,
                output,
            )?;
        }
        Ok(())
    }

    /// Reads lines until one is an answer; the end of the input quits.
    fn reply(&self, choices: usize, input: &mut impl BufRead, output: &mut impl Write) -> Result<Reply> {
        loop {
            write!(output, "> ")?;
            output.flush()?;
            // A key of another keyboard is no reason to end: what is no text is no answer.
            let mut line = Vec::new();
            if input.read_until(b'\n', &mut line)? == 0 {
                writeln!(output)?;
                return Ok(Reply::Quit);
            }
            let line = String::from_utf8_lossy(&line);
            if self.echo {
                writeln!(output, "{}", line.trim())?;
            }
            match parse(&line, choices) {
                Some(reply) => return Ok(reply),
                None => writeln!(output, "{} {}", self.words.again, letter(choices - 1))?,
            }
        }
    }

    fn judge(
        &self,
        question: &Question,
        choices: &[(usize, &Choice)],
        chosen: usize,
        output: &mut impl Write,
    ) -> Result<Answered> {
        let Words {
            right,
            wrong,
            answer,
            read,
            practise,
            ..
        } = self.words;
        let is_right = choices[chosen].0 == 0;
        if is_right {
            writeln!(output, "  {GOOD}{right}{GOOD:#}")?;
        } else {
            let why = &choices[chosen].1.text(self.language).why;
            indented(&format!("{BAD}{wrong}{BAD:#} "), why, output)?;
            let at = choices.iter().position(|(original, _)| *original == 0);
            writeln!(output, "  {answer} {}).", letter(at.expect("one choice is right")))?;
        }
        indented("", &question.text(self.language).answer, output)?;
        writeln!(output, "  {DIM}{read:<9} {}{DIM:#}", question.read)?;
        if let Some((lesson, exercise)) = course::exercise(&question.exercise) {
            let command = lesson.command(exercise);
            writeln!(output, "  {DIM}{practise:<9} {}: {command}{DIM:#}", exercise.id)?;
        }
        Ok(if is_right { Answered::Right } else { Answered::Wrong })
    }

    /// Prints the score; `true` if all were answered, and rightly.
    fn score(&self, asked: &[&Question], outcomes: &[Answered], output: &mut impl Write) -> Result<bool> {
        let Words {
            of,
            score,
            open,
            repeat,
            ..
        } = self.words;
        let right = outcomes.iter().filter(|outcome| **outcome == Answered::Right).count();
        let wrong = outcomes.iter().filter(|outcome| **outcome == Answered::Wrong).count();
        let unanswered = asked.len() - right - wrong;
        let style = if right == asked.len() { GOOD } else { FAIR };
        write!(output, "\n{style}{right} {of} {} {score}{style:#}", right + wrong)?;
        if unanswered > 0 {
            write!(output, ", {unanswered} {open}")?;
        }
        writeln!(output, ".")?;
        let missed: Vec<_> = asked
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| **outcome == Answered::Wrong)
            .map(|(question, _)| question.id.as_str())
            .collect();
        if !missed.is_empty() {
            let lang = match self.language {
                Language::English => "",
                Language::Spanish => " --lang es",
            };
            writeln!(output, "{repeat} cargo lesson quiz{lang} {}", missed.join(" "))?;
        }
        let mut known = self.right.clone();
        for (question, outcome) in asked.iter().zip(outcomes) {
            match outcome {
                Answered::Right => drop(known.insert(question.id.clone())),
                Answered::Wrong => drop(known.remove(&question.id)),
                Answered::Skipped => {}
            }
        }
        let remaining = asked.iter().filter(|question| !known.contains(&question.id)).count();
        let Words { left, none_left, .. } = self.words;
        match remaining {
            0 => writeln!(output, "{GOOD}{none_left}{GOOD:#}")?,
            _ => writeln!(output, "{left} {remaining}.")?,
        }
        Ok(right == asked.len())
    }
}

/// `a`, `b`, …
fn letter(position: usize) -> char {
    char::from(b'a' + position as u8)
}

/// The meaning of a line; `None` if it has none.
fn parse(line: &str, choices: usize) -> Option<Reply> {
    let typed = line.trim().trim_end_matches(')').to_lowercase();
    match typed.as_str() {
        "s" => return Some(Reply::Skip),
        "q" => return Some(Reply::Quit),
        _ => {}
    }
    (0..choices)
        .find(|&position| typed == letter(position).to_string())
        .map(Reply::Choice)
}

/// Writes text with an indentation of two; `head` stands before its first line.
fn indented(head: &str, text: &str, output: &mut impl Write) -> Result<()> {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" "); // lines break where the terminal needs it
    for (row, line) in wrap(&text, room(5)).iter().enumerate() {
        let head: &dyn Display = if row == 0 || head.is_empty() { &head } else { &"   " };
        writeln!(output, "  {head}{line}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(language: Language, seed: u64, typed: impl AsRef<[u8]>) -> (bool, String) {
        let asked: Vec<_> = questions().iter().take(3).collect();
        let run = Run {
            words: Words::of(language),
            language,
            seed,
            echo: true,
            right: BTreeSet::new(),
            remember: &|_, _| {},
        };
        let mut output = Vec::new();
        let all_right = run.ask_all(&asked, &mut typed.as_ref(), &mut output).unwrap();
        let text = anstream::adapter::strip_str(&String::from_utf8(output).unwrap()).to_string();
        (all_right, text)
    }

    /// The letters of the right choices, in the order in which a seed asks the first three questions.
    fn key(seed: u64) -> String {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        let mut letters = String::new();
        for question in questions().iter().take(3) {
            let mut order: Vec<_> = (0..question.choices.len()).collect();
            order.shuffle(&mut generator);
            let at = order.iter().position(|&original| original == 0).unwrap();
            letters += &format!("{}\n", letter(at));
        }
        letters
    }

    #[test]
    fn a_line_is_a_choice_a_command_or_nothing() {
        assert_eq!(parse("b\n", 3), Some(Reply::Choice(1)));
        assert_eq!(parse(" C) ", 3), Some(Reply::Choice(2)));
        assert_eq!(parse("d", 3), None, "there are only three");
        assert_eq!(parse("", 3), None);
        assert_eq!((parse("s", 3), parse("Q", 3)), (Some(Reply::Skip), Some(Reply::Quit)));
    }

    #[test]
    fn right_answers_are_right_whatever_the_seed() {
        for seed in 0..20 {
            let (all_right, text) = run(Language::English, seed, key(seed));
            assert!(all_right && text.contains("3 of 3 right."), "seed {seed}\n{text}");
        }
        assert!(
            (0..20).any(|seed| key(seed) != key(0)),
            "the order of the choices changes"
        );
    }

    #[test]
    fn a_line_that_is_no_text_is_asked_again_and_the_score_stays() {
        let right = key(7);
        let typed = [&right.as_bytes()[..2], b"\xff\xfe\n", &right.as_bytes()[2..]].concat();
        let (all_right, text) = run(Language::English, 7, typed);
        assert!(all_right && text.contains("3 of 3 right."), "{text}");
        assert!(text.contains("Type s, q or a letter"), "{text}");
    }

    #[test]
    fn a_wrong_answer_says_why_and_is_offered_again() {
        let right = key(7);
        let other = if right.starts_with('a') { "b" } else { "a" };
        let typed = format!("{other}\n{}", &right[2..]);
        let (all_right, text) = run(Language::English, 7, &typed);
        assert!(!all_right);
        let whys: Vec<_> = questions()[0].choices[1..].iter().map(|c| c.en.why.trim()).collect();
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(whys.iter().any(|why| words(&text).contains(&words(why))), "{text}");
        assert!(
            text.contains("2 of 3 right.") && text.contains("cargo lesson quiz B1"),
            "{text}"
        );
    }

    #[test]
    fn nonsense_is_asked_again_and_the_end_of_input_ends() {
        let (all_right, text) = run(Language::English, 1, "what?\ns\n");
        assert!(!all_right);
        assert!(text.contains("Type s, q or a letter"), "{text}");
        assert!(text.contains("0 of 0 right, 3 not answered."), "{text}");
    }

    #[test]
    fn the_same_quiz_speaks_spanish() {
        let (_, text) = run(Language::Spanish, 3, key(3));
        assert!(text.contains("3 de 3 correctas.") && text.contains("básico"), "{text}");
        assert!(text.contains(questions()[0].es.question.split_whitespace().next().unwrap()));
    }
}
