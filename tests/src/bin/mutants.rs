//! Mutates the solutions and grades each mutant as if a learner had handed it in.
//!
//! `cargo run -p graders --bin mutants -- 1` runs lesson 01; without a number, all lessons. It needs `cargo install
//! cargo-mutants`. A run that was interrupted goes on where it stopped. The results go into `tests/mutants/lessonNN.json`;
//! a survivor that `tests/mutants/equivalent.toml` does not explain makes it fail, and is printed as an entry for that file.
//!
//! It works in `target/mutants/tree`, a copy of the repository in which the lessons hold the solutions' code. So a mutant
//! is compared with the true solution, and only the mutated lesson is compiled again.

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use course::Lesson;
use graders::mutants::{self, Results, Survivor, Tally};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

/// Mutates the solutions and grades each mutant
#[derive(Parser)]
struct Arguments {
    /// The lessons, like 1 or lesson01 [default: all]
    lessons: Vec<String>,
    /// Only write down what is known so far
    #[arg(long)]
    no_run: bool,
    /// Forget earlier runs
    #[arg(long)]
    fresh: bool,
    /// Only a part, such as 0/4: the first of four
    #[arg(long)]
    shard: Option<String>,
}

fn main() -> Result<ExitCode> {
    writing::end_with_the_reader();
    let args = Arguments::parse();
    let listed = mutants::equivalent()?;
    let mut all_explained = true;
    for lesson in lessons(&args.lessons)? {
        let work = Work::of(lesson)?;
        let results = work.results(&args)?;
        let path = results.write()?;
        let unlisted: Vec<_> = results.unlisted(&listed).collect();
        println!("{}", summary(&results, unlisted.len()));
        println!("  {}", path.display());
        for Survivor { mutant, line, .. } in &unlisted {
            println!("\n[[equivalent]]\nmutant = {mutant:?}\nline = {line:?}\nreason = \"\"");
        }
        for entry in stale(&results, &listed) {
            println!("listed as equivalent, and no survivor of this run: {entry}");
        }
        all_explained &= unlisted.is_empty() && results.untried == 0;
    }
    Ok(ExitCode::from(u8::from(!all_explained)))
}

/// The written lessons with these names or numbers, or all of them.
fn lessons(names: &[String]) -> Result<Vec<&'static Lesson>> {
    let written = || course::lessons().iter().filter(|lesson| !lesson.exercises.is_empty());
    if names.is_empty() {
        return Ok(written().collect());
    }
    let find = |name: &String| {
        let number = name.trim_start_matches("lesson").trim_start_matches('0');
        written()
            .find(|lesson| lesson.number.to_string() == number)
            .with_context(|| format!("expected a lesson like 1 or lesson01, got {name}"))
    };
    names.iter().map(find).collect()
}

fn summary(results: &Results, unlisted: usize) -> String {
    let sum = |part: fn(&Tally) -> usize| results.exercises.iter().map(part).sum::<usize>();
    let (caught, survived) = (sum(|tally| tally.caught), sum(|tally| tally.survived));
    format!(
        "{}: {caught} of {} viable mutants caught, {survived} survived, {unlisted} of them without a reason; {} \
         unviable, {} not tried yet; {} s",
        results.lesson,
        caught + survived,
        sum(|tally| tally.unviable),
        results.untried,
        results.seconds
    )
}

/// Entries of the list about this lesson that no survivor needs.
fn stale<'a>(results: &Results, listed: &'a [mutants::Equivalent]) -> Vec<&'a str> {
    let prefix = format!("solutions/{}/", results.lesson);
    let needed = |entry: &&mutants::Equivalent| {
        let mut survivors = results.survivors.iter();
        survivors.any(|survivor| !survivor.given && survivor.entry(listed) == Some(*entry))
    };
    let of_lesson = listed.iter().filter(|entry| entry.mutant.starts_with(&prefix));
    of_lesson
        .filter(|entry| results.untried == 0 && !needed(entry))
        .map(|entry| entry.mutant.as_str())
        .collect()
}

/// What is kept between runs, in `target/mutants/lessonNN/known.json`.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Known {
    seconds: u64,
    /// By [`identity`]: a change elsewhere in the lesson, or in a comment, does not forget a mutant.
    outcomes: BTreeMap<String, Outcome>,
    /// The identities behind the names that the last run used.
    listing: BTreeMap<String, String>,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
enum Outcome {
    Caught,
    Survived,
    Unviable,
}

/// A mutant as `cargo mutants --list --json` describes it.
#[derive(Deserialize)]
struct Mutant {
    name: String,
    file: String,
    diff: String,
    span: Span,
    function: Option<Function>,
}

#[derive(Deserialize)]
struct Function {
    span: Span,
}

#[derive(Deserialize)]
struct Span {
    start: Position,
    end: Position,
}

#[derive(Deserialize)]
struct Position {
    line: usize,
    column: usize,
}

struct Work {
    lesson: &'static Lesson,
    folder: PathBuf,
    tree: PathBuf,
    solution: String,
}

impl Work {
    fn of(lesson: &'static Lesson) -> Result<Self> {
        let base = mutants::root().join("target/mutants");
        Ok(Self {
            lesson,
            folder: base.join(&lesson.package),
            tree: base.join("tree"),
            solution: mutants::code_hash(lesson)?,
        })
    }

    fn results(&self, args: &Arguments) -> Result<Results> {
        let tool = tool()?;
        if args.fresh && self.folder.exists() {
            fs::remove_dir_all(&self.folder)?;
        }
        copy_tree(&self.tree)?;
        let list = self.cargo_mutants(&["--list", "--json"]).output()?;
        let all: Vec<Mutant> = serde_json::from_slice(&list.stdout).context("cargo mutants lists no mutants")?;
        let mut listing = BTreeMap::new();
        for mutant in &all {
            listing.insert(mutant.name.clone(), self.identity(mutant)?);
        }
        let text = fs::read_to_string(self.folder.join("known.json")).unwrap_or_default();
        let mut known: Known = serde_json::from_str(&text).unwrap_or_default();
        self.add_outcomes(&mut known);
        known
            .outcomes
            .retain(|identity, _| listing.values().any(|other| other == identity));
        if known.outcomes.is_empty() {
            known.seconds = 0;
        }
        known.listing = listing;
        if !args.no_run {
            self.tell_what_is_known(&known)?;
            let start = Instant::now();
            let ran = self.run(args);
            known.seconds += start.elapsed().as_secs();
            self.add_outcomes(&mut known);
            self.keep(&known)?;
            ran?;
        }
        self.keep(&known)?;
        Ok(self.tallied(tool, &known, &all))
    }

    fn keep(&self, known: &Known) -> Result<()> {
        fs::create_dir_all(&self.folder)?;
        let text = serde_json::to_string_pretty(known)?;
        Ok(writing::whole(&self.folder.join("known.json"), text.as_bytes())?)
    }

    /// The files from which `cargo mutants --iterate` takes what it need not run again.
    fn tell_what_is_known(&self, known: &Known) -> Result<()> {
        let folder = self.folder.join("mutants.out");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        for (list, outcome) in [("caught.txt", Outcome::Caught), ("unviable.txt", Outcome::Unviable)] {
            let is_known = |identity: &String| known.outcomes.get(identity) == Some(&outcome);
            let names = known.listing.iter().filter(|(_, identity)| is_known(identity));
            let text: String = names.map(|(name, _)| format!("{name}\n")).collect();
            fs::write(folder.join(list), text)?;
        }
        self.keep(known)
    }

    /// What the last run wrote, however it ended.
    fn add_outcomes(&self, known: &mut Known) {
        let lists = [
            ("caught.txt", Outcome::Caught),
            ("timeout.txt", Outcome::Caught),
            ("missed.txt", Outcome::Survived),
            ("unviable.txt", Outcome::Unviable),
        ];
        for (list, outcome) in lists {
            let path = self.folder.join("mutants.out").join(list);
            let text = fs::read_to_string(path).unwrap_or_default();
            let identities = text.lines().filter_map(|name| known.listing.get(name));
            known
                .outcomes
                .extend(identities.map(|identity| (identity.clone(), outcome)));
        }
    }

    /// What makes a mutant the same after a change elsewhere: the code of its file, its place in it, and the change.
    fn identity(&self, mutant: &Mutant) -> Result<String> {
        let text = fs::read_to_string(self.tree.join(&mutant.file))?;
        let Position { line, column } = mutant.span.start;
        let above: Vec<_> = text.lines().take(line - 1).collect();
        let place = mutants::code(&above.join("\n")).lines().count();
        let what = mutant.name.splitn(4, ':').nth(3).unwrap_or_default();
        Ok(mutants::sha256(&format!(
            "{}\n{place}\n{column}\n{what}\n{}",
            mutant.file,
            mutants::code(&text)
        )))
    }

    fn cargo_mutants(&self, options: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        command
            .args([
                "mutants",
                "--in-place",
                "--colors",
                "never",
                "--package",
                &self.lesson.package,
            ])
            .args(options)
            .current_dir(&self.tree)
            .env("CARGO_TARGET_DIR", self.tree.with_file_name("build"))
            .env("LESSON_SEED", "4711");
        command
    }

    fn run(&self, args: &Arguments) -> Result<()> {
        fs::create_dir_all(&self.folder)?;
        let mut command = self.cargo_mutants(&["--iterate", "--no-times"]);
        command.arg("--output").arg(&self.folder);
        // An endless loop is stopped by the runner; this is for what escapes it.
        command.args(["--timeout", "600"]);
        if let Some(shard) = &args.shard {
            command.args(["--shard", shard]);
        }
        command.args([
            "--",
            "--bin",
            &self.lesson.package.replace("lesson", "grade"),
            "--",
            "--fail-fast",
        ]);
        let status = command.status().context("cargo mutants does not start")?;
        // 0 all caught, 2 some missed, 3 some timed out.
        match status.code() {
            Some(0 | 2 | 3) => Ok(()),
            _ => bail!("cargo mutants: {status}"),
        }
    }

    fn tallied(&self, tool: String, known: &Known, all: &[Mutant]) -> Results {
        let mut tallies: BTreeMap<usize, Tally> = BTreeMap::new();
        let mut survivors = BTreeSet::new();
        let mut untried = 0;
        for mutant in all {
            let place = self.exercise(mutant);
            let tally = tallies.entry(place).or_default();
            let identity = known.listing.get(&mutant.name);
            match identity.and_then(|identity| known.outcomes.get(identity)) {
                Some(Outcome::Caught) => tally.caught += 1,
                Some(Outcome::Unviable) => tally.unviable += 1,
                Some(Outcome::Survived) => {
                    tally.survived += 1;
                    survivors.insert(self.survivor(mutant));
                }
                None => untried += 1,
            }
        }
        let named = |(place, tally): (usize, Tally)| Tally {
            exercise: self.lesson.exercises[place].id.clone(),
            ..tally
        };
        Results {
            lesson: self.lesson.package.clone(),
            solution: self.solution.clone(),
            tool,
            seconds: known.seconds,
            exercises: tallies.into_iter().map(named).collect(),
            survivors: survivors.into_iter().collect(),
            untried,
        }
    }

    /// The place in the catalogue of the exercise that a mutant belongs to: that of the last heading `## 1.3 …` above it,
    /// else the first exercise in its file, else the first of the lesson.
    fn exercise(&self, mutant: &Mutant) -> usize {
        let text = fs::read_to_string(self.tree.join(&mutant.file)).unwrap_or_default();
        let place = |id: &str| self.lesson.exercises.iter().position(|exercise| exercise.id == id);
        let heading = |line: &str| place(line.trim().strip_prefix("/// ## ")?.split(' ').next()?);
        let above = text.lines().take(mutant.span.start.line).filter_map(heading).last();
        let in_file = || {
            let file = mutant.file.split_once("/src/").map_or("", |(_, file)| file);
            let is_in = |exercise: &course::Exercise| exercise.file == format!("src/{file}");
            self.lesson.exercises.iter().position(is_in)
        };
        above.or_else(in_file).unwrap_or(0)
    }

    /// `lessons/lesson01/src/window.rs:35:24: replace …` as `solutions/lesson01/src/window.rs: replace …`.
    fn survivor(&self, mutant: &Mutant) -> Survivor {
        let what = mutant.name.splitn(4, ':').nth(3).unwrap_or_default();
        let file = mutant.file.replacen("lessons/", "solutions/", 1);
        let mut added = mutant.diff.lines().skip(2).filter_map(|line| line.strip_prefix('+'));
        let line = added.next().unwrap_or_default();
        let line = line.replace("/* ~ changed by cargo-mutants ~ */", "");
        Survivor {
            mutant: format!("{file}:{what}"),
            line: line.split_whitespace().collect::<Vec<_>>().join(" "),
            given: self.is_given(mutant),
        }
    }

    /// Does the function stand in the lesson as it stands in the solution?
    fn is_given(&self, mutant: &Mutant) -> bool {
        let read = |folder: &Path| fs::read_to_string(folder.join(&mutant.file)).unwrap_or_default();
        let (solution, lesson) = (read(&self.tree), read(mutants::root()));
        mutant.function.as_ref().is_some_and(|function| {
            let Span { start, end } = &function.span;
            let lines: Vec<_> = solution.lines().take(end.line).skip(start.line - 1).collect();
            mutants::code(&lesson).contains(&mutants::code(&lines.join("\n")))
        })
    }
}

fn tool() -> Result<String> {
    let output = Command::new("cargo").args(["mutants", "--version"]).output()?;
    ensure!(
        output.status.success(),
        "cargo-mutants is missing: cargo install cargo-mutants"
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// Brings the copy of the repository up to date, with the solutions' code in the lessons.
fn copy_tree(tree: &Path) -> Result<()> {
    let root = mutants::root();
    let git = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .context("git lists the files of the repository")?;
    ensure!(git.status.success(), "git ls-files: {}", git.status);
    let mut wanted: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
    for file in String::from_utf8(git.stdout)?
        .split('\0')
        .filter(|file| !file.is_empty())
    {
        if let Ok(bytes) = fs::read(root.join(file)) {
            wanted.insert(file.into(), bytes);
        }
    }
    for lesson in course::lessons() {
        hand_in(lesson, &mut wanted)?;
    }
    for (file, bytes) in &wanted {
        let to = tree.join(file);
        if fs::read(&to).ok().as_ref() != Some(bytes) {
            fs::create_dir_all(to.parent().expect("a file in a folder"))?;
            fs::write(&to, bytes).with_context(|| to.display().to_string())?;
        }
    }
    Ok(())
}

/// Puts the solution's code into the lesson, and leaves out the program that draws.
fn hand_in(lesson: &Lesson, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    let (from, to) = (
        format!("solutions/{}/src/", lesson.package),
        format!("lessons/{}/src/", lesson.package),
    );
    let solution: Vec<_> = files
        .iter()
        .filter_map(|(path, bytes)| {
            let name = path.to_str()?.strip_prefix(&from)?;
            Some((PathBuf::from(format!("{to}{name}")), bytes.clone()))
        })
        .collect();
    files.extend(solution);
    let path = PathBuf::from(format!("lessons/{}/Cargo.toml", lesson.package));
    let manifest = files.get_mut(&path).context("the lesson's manifest")?;
    let mut table: toml::Table = toml::from_str(&String::from_utf8(manifest.clone())?)?;
    table.remove("bin");
    let package = table.get_mut("package").and_then(|package| package.as_table_mut());
    let package = package.context("the lesson's manifest has a package")?;
    package.insert("autobins".into(), false.into());
    *manifest = toml::to_string(&table)?.into_bytes();
    Ok(())
}
