//! The functions of one exercise: the learner's, the solution's, and the stubs as they came.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use anyhow::{Context, Result, bail, ensure};
use course::{Exercise, Lesson};

use crate::functions::functions;

/// The bodies of the stubs, by exercise, each with its path: `{"1.2": {"convolve": "{ todo!(…) }"}}`. In an unpacked archive
/// they replace the history.
const STUBS: &str = include_str!("../stubs.json");

type Bodies = BTreeMap<String, String>;

/// The stubs that came with this program.
fn shipped() -> &'static BTreeMap<String, Bodies> {
    static SHIPPED: LazyLock<BTreeMap<String, Bodies>> =
        LazyLock::new(|| serde_json::from_str(STUBS).expect("a test reads stubs.json"));
    &SHIPPED
}

/// The names of the functions that an exercise asks for, `"impl Hooks / add"`, in the order of the file.
pub fn names(root: &Path, lesson: &Lesson, exercise: &Exercise) -> Result<Vec<String>> {
    let bodies = shipped().get(&exercise.id);
    let bodies = bodies.with_context(|| format!("this program knows no stub of exercise {}", exercise.id))?;
    let solution = read(root, &lesson.solution_path(exercise))?;
    let all = functions(&solution)
        .into_iter()
        .map(|function| function.path.join(" / "));
    Ok(all.filter(|name| bodies.contains_key(name)).collect())
}

/// The stubs in a source as it came, for `stubs.json`.
pub fn stubs(source: &str, exercise: &str) -> Bodies {
    let is_stub = |text: &str| !course::panics::stubs(text, exercise).is_empty();
    let of = functions(source)
        .into_iter()
        .filter(|function| is_stub(&source[function.range.clone()]));
    let body = |text: &str| text[text.find('{').unwrap_or(0)..].to_string();
    of.map(|function| (function.path.join(" / "), body(&source[function.range])))
        .collect()
}

/// The text of a function in a source.
pub fn text<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    let function = functions(source)
        .into_iter()
        .find(|function| function.path.join(" / ") == name)?;
    Some(&source[function.range])
}

/// A file of the checkout.
pub fn read(root: &Path, path: &str) -> Result<String> {
    std::fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
}

/// The functions of an exercise in a learner's file replaced by others of the same names.
///
/// **Errors** if the file does not hold one of them.
pub fn replaced(source: &str, path: &str, replacements: &[(String, String)]) -> Result<String> {
    let mut result = source.to_string();
    for (name, text) in replacements {
        let function = functions(&result)
            .into_iter()
            .find(|function| function.path.join(" / ") == *name);
        let Some(function) = function else {
            bail!("{path} holds no function `{name}` that ends; mend that first, or restore the file from the history");
        };
        result.replace_range(function.range, text);
    }
    Ok(result)
}

/// The stubs of an exercise as they came, each with its name: from the history where there is one, else from this program.
pub fn pristine(root: &Path, lesson: &Lesson, exercise: &Exercise) -> Result<Vec<(String, String)>> {
    let names = names(root, lesson, exercise)?;
    let from_history = history(root, &lesson.path(exercise), &exercise.id);
    let bodies = &shipped()[&exercise.id];
    let solution = read(root, &lesson.solution_path(exercise))?;
    let stub = |name: String| {
        if let Some(text) = from_history.as_deref().and_then(|source| text(source, &name)) {
            return Ok((name, text.to_string()));
        }
        // Lesson and solution differ in bodies only.
        let text = text(&solution, &name).with_context(|| format!("the solution holds no function `{name}`"))?;
        let head = text.split_once('{').map_or(text, |(head, _)| head);
        let stub = format!("{head}{}", bodies[&name]);
        Ok((name, stub))
    };
    let stubs: Vec<_> = names.into_iter().map(stub).collect::<Result<_>>()?;
    ensure!(!stubs.is_empty(), "exercise {} has no functions", exercise.id);
    Ok(stubs)
}

/// The newest version of a file in git's history that holds all stubs of an exercise.
fn history(root: &Path, path: &str, exercise: &str) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).current_dir(root).output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    const LOOKED_AT: &str = "-200";
    let commits = git(&["log", LOOKED_AT, "--format=%H", "--", path])?;
    let wanted = shipped().get(exercise)?.len();
    let versions = commits
        .lines()
        .filter_map(|commit| git(&["show", &format!("{commit}:./{path}")]));
    versions
        .into_iter()
        .find(|version| stubs(version, exercise).len() >= wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exercise_has_its_functions_in_the_solution() {
        let root = course::root().unwrap();
        for (lesson, exercise) in course::exercises() {
            let names = names(root, lesson, exercise).unwrap();
            assert_eq!(names.len(), shipped()[&exercise.id].len(), "{}: {names:?}", exercise.id);
            for (name, stub) in pristine(root, lesson, exercise).unwrap() {
                assert!(!course::panics::stubs(&stub, &exercise.id).is_empty(), "{name}: {stub}");
            }
        }
    }

    #[test]
    fn one_function_is_replaced_and_the_rest_stays() {
        let source = "// top\nfn a() { 1 }\n\n/// Doc.\nfn b() { 2 }\n// end\n";
        let changed = replaced(source, "f.rs", &[("b".into(), "fn b() { todo!() }".into())]).unwrap();
        assert_eq!(
            changed,
            "// top\nfn a() { 1 }\n\n/// Doc.\nfn b() { todo!() }\n// end\n"
        );
        let error = replaced(source, "f.rs", &[("c".into(), String::new())])
            .unwrap_err()
            .to_string();
        assert!(error.contains("f.rs holds no function `c`"), "{error}");
    }
}
