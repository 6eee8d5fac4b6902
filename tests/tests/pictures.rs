//! The folders of pictures: one picture, one file that draws it, one line in the list, one alternative text.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Expr, Item, Lit};

/// A file longer than this holds two pictures, or a helper that wants a name.
const LONGEST: usize = 250;

fn root() -> &'static Path {
    course::root().expect("the repository")
}

/// The folder of a lesson's pictures.
fn folder(package: &str) -> PathBuf {
    root().join("lessons").join(package).join("pictures")
}

/// The stems of the files in a folder with this extension; none if there is no folder.
fn stems(folder: &Path, extension: &str) -> BTreeSet<String> {
    let files = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("readable").path());
    let stem = |path: PathBuf| path.file_stem().expect("a file").to_string_lossy().into_owned();
    files
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(stem)
        .collect()
}

/// A file of pictures, parsed.
fn parsed(folder: &Path, stem: &str) -> syn::File {
    let path = folder.join(stem).with_extension("rs");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The files that draw a picture: those with a function `draw`.
fn drawing(folder: &Path) -> BTreeSet<String> {
    let draws = |item: &Item| matches!(item, Item::Fn(function) if function.sig.ident == "draw");
    let files = stems(folder, "rs").into_iter();
    files
        .filter(|stem| parsed(folder, stem).items.iter().any(draws))
        .collect()
}

/// Names and what they show, as `main.rs` lists them in `ALL`.
fn listed(folder: &Path) -> Vec<(String, String)> {
    let main = parsed(folder, "main");
    let all = main.items.iter().find_map(|item| match item {
        Item::Const(list) if list.ident == "ALL" => Some(&*list.expr),
        _ => None,
    });
    let Some(Expr::Array(all)) = all else {
        panic!("{}: expected a list `ALL` in main.rs", folder.display());
    };
    let text = |expression: &Expr| match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => text.value(),
            _ => panic!("expected a text in ALL"),
        },
        _ => panic!("expected a text in ALL"),
    };
    let entry = |expression: &Expr| match expression {
        Expr::Call(call) => (text(&call.args[0]), text(&call.args[1])),
        _ => panic!("expected calls of Picture::new in ALL"),
    };
    all.elems.iter().map(entry).collect()
}

#[test]
fn each_picture_lies_beside_the_file_that_draws_it() {
    for lesson in course::lessons() {
        let folder = folder(&lesson.package);
        let drawing = drawing(&folder);
        let names: BTreeSet<String> = listed(&folder).into_iter().map(|(name, _)| name).collect();
        assert_eq!(
            names, drawing,
            "{}: names in main.rs, and files with `draw`",
            lesson.package
        );
        let here = stems(&folder, "png");
        let spoilers = stems(&root().join("solutions").join(&lesson.package).join("pictures"), "png");
        let both: Vec<_> = here.intersection(&spoilers).collect();
        assert!(
            both.is_empty(),
            "{}: here and beside the solution: {both:?}",
            lesson.package
        );
        let drawn: BTreeSet<String> = here.union(&spoilers).cloned().collect();
        assert_eq!(drawn, drawing, "{}: PNG files, and files with `draw`", lesson.package);
    }
}

#[test]
fn the_list_says_what_each_picture_shows() {
    for lesson in course::lessons() {
        let listed = listed(&folder(&lesson.package));
        let different: BTreeSet<_> = listed.iter().map(|(_, shows)| shows).collect();
        assert_eq!(
            different.len(),
            listed.len(),
            "{}: two pictures show the same",
            lesson.package
        );
        for (name, shows) in &listed {
            assert!(
                (10..=90).contains(&shows.len()),
                "{}, {name}: {shows:?} is no line",
                lesson.package
            );
        }
    }
}

#[test]
fn no_file_of_pictures_is_long() {
    for lesson in course::lessons() {
        let folder = folder(&lesson.package);
        for stem in stems(&folder, "rs") {
            let text = fs::read_to_string(folder.join(&stem).with_extension("rs")).expect("a readable file");
            let lines = text.lines().count();
            assert!(
                lines <= LONGEST,
                "{}/pictures/{stem}.rs: {lines} lines, at most {LONGEST}",
                lesson.package
            );
        }
    }
}

/// `src/` is the learner's: nothing in it draws, and nothing in it is a program.
#[test]
fn sources_hold_exercises_alone() {
    for lesson in course::lessons() {
        for stem in stems(&root().join("lessons").join(&lesson.package).join("src"), "rs") {
            let path = root().join("lessons").join(&lesson.package).join("src").join(&stem);
            let text = fs::read_to_string(path.with_extension("rs")).expect("a readable file");
            assert!(
                stem != "main" && !text.contains("studio::"),
                "{}/src/{stem}.rs",
                lesson.package
            );
        }
    }
}

/// A lesson's picture is described for people who cannot see it: more than a title.
#[test]
fn each_picture_in_a_text_says_what_it_shows() {
    for lesson in course::lessons() {
        let path = root().join("lessons").join(&lesson.package).join("README.md");
        let text = fs::read_to_string(&path).expect("a readable lesson");
        let mut described = 0;
        for (at, _) in text.match_indices("](pictures/") {
            let start = text[..at].rfind("![").expect("a picture");
            let (alternative, name) = (&text[start + 2..at], &text[at + 2..]);
            let name = &name[..name.find(')').expect("a link")];
            let words = alternative.split_whitespace().count();
            assert!(
                words >= 15,
                "{}, {name}: {alternative:?} does not say what there is to see",
                lesson.package
            );
            described += 1;
        }
        assert!(described > 0, "{}: no pictures", lesson.package);
    }
}
