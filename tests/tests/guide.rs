//! The texts: links lead somewhere, commands exist, and the two guides are one guide.
//!
//! The questions in the guides and the names and files of exercises come from `lessons/shared/course/questions.toml` and
//! `lessons/lessonNN/exercises.toml`; `GUIDE_UPDATE=always cargo test -p graders --test guide` writes them anew.

#[path = "guide/page.rs"]
mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use course::questions::{Language, Question, questions};
use course::{Exercise, Lesson};

use page::{Page, Section, ids_after, is_id, root, slug};

/// Each guide, its language, and how it marks a core exercise.
const GUIDES: [(&str, Language, &str); 2] = [
    ("GUIDE.md", Language::English, "(core)"),
    ("GUIDE.es.md", Language::Spanish, "(núcleo)"),
];

/// Fails with all complaints at once.
#[track_caller]
fn none(complaints: Vec<String>, about: &str) {
    assert!(complaints.is_empty(), "{about}:\n  {}", complaints.join("\n  "));
}

/// All exercises; a lesson that is still to be written has none.
fn exercises() -> impl Iterator<Item = (&'static Lesson, &'static Exercise)> {
    let lessons = course::lessons().iter();
    lessons.flat_map(|lesson| lesson.exercises.iter().map(move |exercise| (lesson, exercise)))
}

/// Whether the exercise exists, or its lesson is still to be written.
fn may_exist(id: &str) -> bool {
    let lesson = course::lessons()
        .iter()
        .find(|lesson| id.starts_with(&lesson.number.to_string()));
    course::exercise(id).is_some() || lesson.is_some_and(|lesson| lesson.exercises.is_empty())
}

// ----------------------------------------------------------------------------------------------------------- links

/// A path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                found.pop();
            }
            Component::CurDir => {}
            part => found.push(part),
        }
    }
    found
}

/// What is wrong with a link from a page, if anything.
fn complaint(from: &Path, target: &str, anchors: &BTreeMap<PathBuf, BTreeSet<String>>) -> Option<String> {
    if target.starts_with("https://") || target.starts_with("http://") {
        return None;
    }
    let (file, anchor) = target
        .split_once('#')
        .map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = if file.is_empty() {
        from.to_path_buf()
    } else {
        normal(&from.parent().expect("a file").join(file))
    };
    if !root().join(&path).exists() {
        return Some(format!(
            "{} -> {target}: there is no {}",
            from.display(),
            path.display()
        ));
    }
    let anchor = anchor?;
    match anchors.get(&path) {
        Some(known) if known.contains(anchor) => None,
        Some(_) => Some(format!("{} -> {target}: no heading gives #{anchor}", from.display())),
        None => Some(format!("{} -> {target}: only pages have headings", from.display())),
    }
}

fn anchors(pages: &[Page]) -> BTreeMap<PathBuf, BTreeSet<String>> {
    let of = |page: &Page| page.sections.iter().map(|section| section.slug.clone()).collect();
    pages.iter().map(|page| (page.path.clone(), of(page))).collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading() {
    let pages = pages();
    assert!(pages.len() > 10, "the pages are found");
    let anchors = anchors(&pages);
    let links = pages.iter().flat_map(|page| page.links().map(move |link| (page, link)));
    let complaints = links
        .filter_map(|(page, link)| complaint(&page.path, &link.target, &anchors))
        .collect();
    none(complaints, "links that lead nowhere");
}

#[test]
fn a_broken_link_is_noticed() {
    let anchors = BTreeMap::from([(PathBuf::from("README.md"), BTreeSet::from(["layout".to_string()]))]);
    let from = Path::new("lessons/README.md");
    assert_eq!(complaint(from, "../README.md#layout", &anchors), None);
    assert!(complaint(from, "../README.md#lay-out", &anchors).is_some());
    assert!(complaint(from, "README.txt", &anchors).is_some());
}

#[test]
fn a_heading_gives_the_anchor_that_github_gives_it() {
    assert_eq!(
        slug("Why can 152 layers train better than 34?"),
        "why-can-152-layers-train-better-than-34"
    );
    assert_eq!(
        slug("An activation is an answer, cut off at zero"),
        "an-activation-is-an-answer-cut-off-at-zero"
    );
    assert_eq!(slug("¿Qué es un filtro?"), "qué-es-un-filtro");
    assert_eq!(slug("`conv1` & co"), "conv1--co");
}

#[test]
fn every_path_in_the_texts_exists() {
    const FOLDERS: [&str; 6] = ["lessons/", "solutions/", "tests/", "verify_setup/", ".ci/", ".config/"];
    let mut complaints = vec![];
    for page in pages() {
        for span in page.sections.iter().flat_map(|section| &section.spans) {
            let is_path = FOLDERS.iter().any(|folder| span.starts_with(folder));
            let is_pattern = span.contains(['*', ' ', '…', '<', '{']) || span.contains("NN");
            // A line number may follow: `src/window.rs:42`.
            let path = span.split(':').next().unwrap_or(span);
            let found =
                root().join(path).exists() || root().join(page.path.parent().expect("a file")).join(path).exists();
            if is_path && !is_pattern && !found {
                complaints.push(format!("{}: `{span}`", page.path.display()));
            }
        }
    }
    none(complaints, "paths that do not exist");
}

// --------------------------------------------------------------------------------------------- exercises, commands

#[test]
fn every_exercise_in_the_texts_exists() {
    let mut complaints = vec![];
    for page in pages() {
        for section in &page.sections {
            let named = ["xercise ", "exercises ", "jercicio ", "jercicios "];
            let named = named.iter().flat_map(|word| ids_after(&section.prose, word));
            let unknown = named.filter(|id| !may_exist(id));
            complaints.extend(unknown.map(|id| format!("{}: exercise {id}", page.path.display())));
        }
    }
    none(complaints, "exercises that do not exist");
}

/// The row of an exercise in the table of its lesson's page, without its title: file, minutes, core.
fn row(exercise: &Exercise) -> String {
    let name = exercise.file.trim_start_matches("src/");
    let core = if exercise.core { " core" } else { "" };
    format!("| [{name}]({}) | {} |{core} |", exercise.file, exercise.minutes)
}

#[test]
fn every_lesson_page_lists_its_exercises_as_the_catalogue_does() {
    let mut complaints = vec![];
    for (lesson, exercise) in exercises() {
        let page = format!("lessons/{}/README.md", lesson.package);
        let text = fs::read_to_string(root().join(&page)).expect("a page");
        let begin = format!("| {} ", exercise.id);
        let rows: Vec<_> = text.lines().filter(|line| line.starts_with(&begin)).collect();
        let expected = row(exercise);
        if !matches!(rows[..], [row] if row.ends_with(&expected)) {
            complaints.push(format!("{page}: expected one row {begin}… {expected}, got {rows:?}"));
        }
    }
    none(complaints, "tables of exercises");
}

/// A link whose text begins with an exercise's id, as in `[1.2 convolve](…)`: the id, and the rest of the text.
fn exercise_link(text: &str) -> Option<(&str, &str)> {
    let (id, rest) = text.split_once(' ').unwrap_or((text, ""));
    is_id(id).then_some((id, rest))
}

/// The packages of the workspace.
fn packages() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let folders = ["lessons", "lessons/shared", "solutions", "tests", "."].map(|folder| root().join(folder));
    for folder in folders {
        for entry in fs::read_dir(folder).expect("a readable folder") {
            let manifest = entry.expect("a readable entry").path().join("Cargo.toml");
            let text = fs::read_to_string(manifest).unwrap_or_default();
            let name = text.lines().find_map(|line| line.strip_prefix("name = \""));
            found.extend(name.map(|name| name.trim_end_matches('"').to_string()));
        }
    }
    found
}

/// What is wrong with a cargo command, if anything.
fn command_complaint(command: &str, packages: &BTreeSet<String>) -> Option<String> {
    let command = command.split('#').next().unwrap_or_default();
    let words: Vec<_> = command.split_whitespace().collect();
    let after = |word: &str| {
        words
            .iter()
            .position(|w| *w == word)
            .and_then(|at| words.get(at + 1))
            .copied()
    };
    let cargo = words.iter().position(|word| *word == "cargo")?;
    let is_placeholder = |word: &str| word.contains("NN") || word.contains("N_M") || word.contains('…');
    if words.get(cargo + 1) == Some(&"lesson") {
        const KNOWN: [&str; 12] = [
            "check", "next", "list", "progress", "hint", "open", "diff", "reset", "watch", "quiz", "report", "stubs",
        ];
        return match words.get(cargo + 2) {
            Some(word) if !KNOWN.contains(word) && !is_placeholder(word) => Some("no such command".into()),
            Some(&"hint") => words
                .get(cargo + 3)
                .and_then(|id| (is_id(id) && !may_exist(id)).then(|| format!("no exercise {id}"))),
            _ => None,
        };
    }
    let package = after("-p").or_else(|| after("--package"))?;
    if is_placeholder(package) {
        return None;
    }
    let own = words.iter().position(|word| *word == "--");
    if words.get(cargo + 1) == Some(&"run") && own.is_some_and(|at| words[at - 1] != package) {
        let options = ["--example", "--bin"];
        if !options.iter().any(|option| after(option).is_some()) {
            return Some("a word before -- makes -- one of the program's own words".into());
        }
    }
    if !packages.contains(package) {
        return Some(format!("no package {package}"));
    }
    let lesson = course::lesson(package)?;
    let at = words
        .iter()
        .position(|word| word.starts_with("ex") && word.contains('_'))?;
    if words.get(cargo + 1) == Some(&"test") && own.is_none_or(|own| own > at) {
        return Some("a filter before -- builds and runs tests that are not there".into());
    }
    let filter = &words[at];
    let exists = lesson.exercises.is_empty()
        || is_placeholder(filter)
        || lesson
            .exercises
            .iter()
            .any(|exercise| exercise.test.starts_with(filter));
    (!exists).then(|| format!("no exercise {filter}"))
}

#[test]
fn every_command_names_a_package_and_an_exercise_that_exist() {
    let packages = packages();
    assert!(
        packages.contains("graders") && packages.contains("studio"),
        "{packages:?}"
    );
    let mut complaints = vec![];
    for page in pages() {
        for section in &page.sections {
            let blocks = section.code.iter().filter(|(language, _)| language != "rust");
            let lines = blocks.flat_map(|(_, text)| text.lines());
            for command in lines.chain(section.spans.iter().map(String::as_str)) {
                let wrong = command_complaint(command, &packages);
                complaints.extend(wrong.map(|what| format!("{}: `{command}`: {what}", page.path.display())));
            }
        }
    }
    none(complaints, "commands that cannot work");
}

#[test]
fn a_wrong_command_is_noticed() {
    let packages = BTreeSet::from(["lesson01".to_string()]);
    let wrong = |command: &str| command_complaint(command, &packages);
    assert_eq!(wrong("cargo test -p lesson01 -- ex1_1   # grades"), None);
    assert_eq!(wrong("cargo lesson quiz --lang es"), None);
    assert!(wrong("cargo test -p lesson01 -- ex1_99").is_some());
    assert!(wrong("cargo test -p lesson01 ex1_1").is_some());
    assert!(wrong("cargo run -p lesson77").is_some());
    assert_eq!(wrong("cargo run -p lesson01 -- shapes --image photo.jpg"), None);
    assert!(wrong("cargo run -p lesson01 shapes -- --image photo.jpg").is_some());
    assert!(wrong("cargo lesson dance").is_some());
    assert!(wrong("cargo lesson hint 1.99").is_some());
}

// -------------------------------------------------------------------------------------------------------- questions

/// How a question stands in a guide.
fn block(question: &Question, language: Language) -> String {
    let text = question.text(language);
    let (summary, read, practise, lesson) = match language {
        Language::English => ("Answer", "Read", "Practise", "lesson"),
        Language::Spanish => ("Respuesta", "Lee", "Practica", "lección"),
    };
    let exercise = match course::exercise(&question.exercise) {
        Some((lesson, exercise)) => format!("[{} `{}`]({})", exercise.id, exercise.name, lesson.path(exercise)),
        None => question.exercise.clone(),
    };
    let head = format!(
        "#### {}. {}\n\n<details><summary>{summary}</summary>\n",
        question.id,
        text.question.trim()
    );
    let answer = text.answer.trim();
    let place = format!(
        "{read}: [{lesson} {:02}]({}). {practise}: {exercise}.",
        question.lesson(),
        question.read
    );
    format!("{head}\n{answer}\n\n{place}\n\n</details>\n")
}

/// A guide with its questions as `questions.toml` has them.
fn with_questions(guide: &str, language: Language, complaints: &mut Vec<String>) -> String {
    let mut page = Page::read(guide);
    for question in questions() {
        let name = format!("question {}", question.id);
        match page.marked(&name) {
            Some(range) => page.text.replace_range(range, &block(question, language)),
            None => complaints.push(format!("{guide}: <!-- {name} --> … <!-- end {name} --> is missing")),
        }
    }
    let shown = page.text.matches("<!-- question ").count();
    if shown != questions().len() {
        complaints.push(format!("{guide}: {shown} questions, expected {}", questions().len()));
    }
    page.text
}

/// A text with each link to an exercise, `[1.2](…)` or `[1.2 …](…)`, as the catalogue has it; in checklists its lines end
/// with a mark where the exercise is core.
fn with_exercises(text: &str, core: &str) -> String {
    let mut written = String::new();
    for line in text.split_inclusive('\n') {
        let mut rest = line.trim_end();
        let listed = rest
            .strip_prefix("- [ ] [")
            .map(|item| item.split([' ', ']']).next().unwrap_or_default());
        let listed = listed.and_then(course::exercise);
        if listed.is_some() {
            rest = rest.trim_end_matches(core).trim_end();
        }
        while let Some((before, link, after)) = next_exercise_link(rest) {
            written += before;
            written += &link;
            rest = after;
        }
        written += rest;
        if listed.is_some_and(|(_, exercise)| exercise.core) {
            written += &format!(" {core}");
        }
        written += &line[line.trim_end().len()..];
    }
    written
}

/// The next link to an exercise of the catalogue: the text before, the link as it should be, the text after.
fn next_exercise_link(text: &str) -> Option<(&str, String, &str)> {
    text.match_indices('[').find_map(|(start, _)| {
        let (label, after) = text[start + 1..].split_once("](")?;
        let (_, after) = after.split_once(')')?;
        let (id, name) = exercise_link(label)?;
        let (lesson, exercise) = course::exercise(id)?;
        let name = if name.is_empty() {
            String::new()
        } else {
            format!(" `{}`", exercise.name)
        };
        Some((
            &text[..start],
            format!("[{id}{name}]({})", lesson.path(exercise)),
            after,
        ))
    })
}

#[test]
fn links_to_exercises_are_put_right() {
    let right = "- [ ] [1.2 `convolve`](lessons/lesson01/src/convolution.rs): by hand (core)\n";
    for wrong in [
        "- [ ] [1.2 …](x): by hand\n",
        "- [ ] [1.2 `fold`](y): by hand (core)\n",
        right,
    ] {
        assert_eq!(with_exercises(wrong, "(core)"), right);
    }
    let short = "see [1.3](lessons/lesson01/src/pooling.rs), [1.1](lessons/lesson01/src/window.rs) and [9.9](z)";
    assert_eq!(with_exercises("see [1.3](x), [1.1](y) and [9.9](z)", "(core)"), short);
}

/// What differs between the guides and what they are made from; with `GUIDE_UPDATE=always` they are written first.
static DIFFERENCES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let update = std::env::var("GUIDE_UPDATE").is_ok_and(|how| how == "always");
    let mut complaints = vec![];
    for (guide, language, core) in GUIDES {
        let expected = with_exercises(&with_questions(guide, language, &mut complaints), core);
        let text = Page::read(guide).text;
        if update {
            fs::write(root().join(guide), &expected).expect("a writable guide");
        } else if text != expected {
            let changes = similar::TextDiff::from_lines(&text, &expected);
            complaints.push(format!("{guide}:\n{}", changes.unified_diff().context_radius(0)));
        }
    }
    complaints
});

/// The guides in English and Spanish.
fn guides() -> [Page; 2] {
    LazyLock::force(&DIFFERENCES);
    GUIDES.map(|(guide, ..)| Page::read(guide))
}

/// All pages of the repository.
fn pages() -> Vec<Page> {
    LazyLock::force(&DIFFERENCES);
    page::pages()
}

#[test]
fn the_guides_say_what_the_catalogue_and_the_questions_say() {
    none(
        DIFFERENCES.clone(),
        "GUIDE_UPDATE=always cargo test -p graders --test guide   puts the guides right",
    );
}

#[test]
fn every_question_leads_to_what_to_read_and_practise() {
    let pages = pages();
    let anchors = anchors(&pages);
    let mut complaints = vec![];
    for question in questions() {
        let id = &question.id;
        // From the root, as in the guides.
        complaints
            .extend(complaint(Path::new("GUIDE.md"), &question.read, &anchors).map(|what| format!("{id}: {what}")));
        if !may_exist(&question.exercise) {
            complaints.push(format!("{id}: there is no exercise {}", question.exercise));
        }
        for mistake in question.choices.iter().filter_map(|choice| choice.mistake.as_ref()) {
            let lesson = &mistake[..1];
            let known = fs::read_to_string(root().join(format!("tests/snapshots/lesson0{lesson}_mistakes.snap")));
            if !known.unwrap_or_default().lines().any(|line| line == mistake) {
                complaints.push(format!("{id}: the graders know no mistake {mistake:?}"));
            }
        }
    }
    none(complaints, "questions");
}

// ------------------------------------------------------------------------------------------------- the two guides

/// What must agree between the two guides in a section.
#[derive(Debug, PartialEq)]
struct Outline {
    level: usize,
    /// Topic, lesson or question, if the heading names one.
    number: String,
    /// Files, and places within the guide by the number of their section.
    links: Vec<String>,
    /// Commands without their comments, and programs.
    code: Vec<String>,
    boxes: usize,
    items: usize,
    rows: usize,
    /// The digits, so that no figure differs: 28.5 and 28,5 are both 28 and 5.
    digits: Vec<String>,
}

fn outline(section: &Section, page: &Page) -> Outline {
    let place = |target: &str| match target.strip_prefix('#') {
        Some(anchor) => {
            let at = page.sections.iter().position(|section| section.slug == anchor);
            format!("section {at:?}")
        }
        None => target
            .replace("GUIDE.es.md", "the other guide")
            .replace("GUIDE.md", "the other guide"),
    };
    let mut links: Vec<_> = section.links.iter().map(|link| place(&link.target)).collect();
    links.sort();
    let without_comments = |(language, text): &(String, String)| {
        let lines = text.lines().map(|line| {
            if language == "sh" {
                line.split('#').next().unwrap_or_default()
            } else {
                line
            }
        });
        lines.map(str::trim_end).collect::<Vec<_>>().join("\n")
    };
    let mut digits = digit_groups(&section.prose);
    digits.sort();
    Outline {
        level: section.level,
        number: digit_groups(&section.heading).join("."),
        links,
        code: section.code.iter().map(without_comments).collect(),
        boxes: section.boxes.len(),
        items: section.items,
        rows: section.rows,
        digits,
    }
}

fn digit_groups(text: &str) -> Vec<String> {
    let groups = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|group| !group.is_empty());
    groups.map(str::to_string).collect()
}

#[test]
fn the_two_guides_have_the_same_sections() {
    let [english, spanish] = guides();
    let mut complaints = vec![];
    for (ours, theirs) in english.sections.iter().zip(&spanish.sections) {
        let [ours_in_outline, theirs_in_outline] = [outline(ours, &english), outline(theirs, &spanish)];
        if ours_in_outline != theirs_in_outline {
            let what =
                similar::TextDiff::from_lines(&format!("{ours_in_outline:#?}"), &format!("{theirs_in_outline:#?}"))
                    .unified_diff()
                    .context_radius(1)
                    .to_string();
            complaints.push(format!("{:?} and {:?} differ:\n{what}", ours.heading, theirs.heading));
        }
    }
    none(complaints, "the guides are out of step");
    assert_eq!(english.sections.len(), spanish.sections.len(), "number of sections");
}

#[test]
fn every_exercise_has_its_place_in_both_guides() {
    let mut complaints = vec![];
    for page in guides() {
        let is_checklist = |section: &&Section| !section.boxes.is_empty();
        for (lesson, exercise) in exercises() {
            let leads_there = |link: &&page::Link| exercise_link(&link.text).is_some_and(|(id, _)| id == exercise.id);
            let guide = page.path.display();
            let mut topics = page
                .sections
                .iter()
                .filter(|section| section.level == 3 && !is_checklist(section));
            if !topics.any(|section| section.links.iter().any(|link| leads_there(&link))) {
                complaints.push(format!("{guide}: no topic links to {}", exercise.id));
            }
            let lists = page.sections.iter().filter(is_checklist);
            let listed = lists.flat_map(|section| &section.links).filter(leads_there).count();
            if listed != 1 {
                complaints.push(format!(
                    "{guide}: {} of {} stands in {listed} checklists",
                    exercise.id, lesson.package
                ));
            }
        }
    }
    none(complaints, "exercises in the guides");
}
