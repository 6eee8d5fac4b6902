//! A lesson and its solution are the same text but for the bodies: same public items, same signatures, same docs.

use quote::ToTokens;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use syn::{Attribute, ImplItem, Item, TraitItem, Visibility};
use walkdir::WalkDir;

fn root() -> PathBuf {
    course::root().expect("the repository").to_path_buf()
}

/// The Rust files below `folder`, relative to it, but for a solution's `main.rs`, which draws by the lesson's files.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let files = WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.expect("a readable entry").into_path());
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.strip_prefix(folder).expect("below it").to_path_buf())
        .filter(|path| path != Path::new("main.rs"))
        .collect()
}

/// What is public in a package: path of the item to its docs and signature.
fn public(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for file in sources(folder) {
        let text = fs::read_to_string(folder.join(&file)).expect("a readable source");
        found.extend(public_in(&file.display().to_string(), &text));
    }
    found
}

fn public_in(file: &str, text: &str) -> BTreeMap<String, String> {
    let parsed = syn::parse_file(text).unwrap_or_else(|e| panic!("{file}: {e}"));
    let mut found = BTreeMap::new();
    items(file, &parsed.items, &mut found);
    found
}

fn items(within: &str, list: &[Item], found: &mut BTreeMap<String, String>) {
    for item in list {
        let (attributes, visibility, name, signature) = match item {
            Item::Fn(x) => (&x.attrs, &x.vis, x.sig.ident.to_string(), x.sig.to_token_stream()),
            Item::Struct(x) => (&x.attrs, &x.vis, x.ident.to_string(), x.to_token_stream()),
            Item::Enum(x) => (&x.attrs, &x.vis, x.ident.to_string(), x.to_token_stream()),
            Item::Type(x) => (&x.attrs, &x.vis, x.ident.to_string(), x.to_token_stream()),
            Item::Const(x) => (&x.attrs, &x.vis, x.ident.to_string(), x.ty.to_token_stream()),
            Item::Static(x) => (&x.attrs, &x.vis, x.ident.to_string(), x.ty.to_token_stream()),
            Item::Use(x) => (
                &x.attrs,
                &x.vis,
                x.tree.to_token_stream().to_string(),
                x.to_token_stream(),
            ),
            Item::Mod(x) => {
                if let Some((_, inner)) = &x.content
                    && !is_test(&x.attrs)
                {
                    items(&format!("{within} {}", x.ident), inner, found);
                }
                (&x.attrs, &x.vis, format!("mod {}", x.ident), x.ident.to_token_stream())
            }
            Item::Trait(x) => {
                let methods = x.items.iter().filter_map(|item| match item {
                    TraitItem::Fn(method) => Some((docs(&method.attrs), method.sig.to_token_stream().to_string())),
                    _ => None,
                });
                let text = methods
                    .map(|(docs, signature)| format!("{docs}\n{signature}"))
                    .collect::<Vec<_>>();
                found.insert(
                    format!("{within}: trait {}", x.ident),
                    format!("{}\n{}", docs(&x.attrs), text.join("\n")),
                );
                continue;
            }
            Item::Impl(x) => {
                let owner = x.self_ty.to_token_stream();
                let of = x
                    .trait_
                    .as_ref()
                    .map(|(_, path, _)| format!("{} for ", path.to_token_stream()));
                let of = of.unwrap_or_default();
                for item in &x.items {
                    if let ImplItem::Fn(method) = item
                        && (!of.is_empty() || matches!(method.vis, Visibility::Public(_)))
                    {
                        let signature = method.sig.to_token_stream();
                        let place = format!("{within}: impl {of}{owner}: {}", method.sig.ident);
                        found.insert(place, format!("{}\n{signature}", docs(&method.attrs)));
                    }
                }
                continue;
            }
            _ => continue,
        };
        if matches!(visibility, Visibility::Public(_)) && !is_test(attributes) {
            found.insert(
                format!("{within}: {name}"),
                format!("{}\n{signature}", docs(attributes)),
            );
        }
    }
}

fn docs(attributes: &[Attribute]) -> String {
    let docs = attributes.iter().filter(|attribute| attribute.path().is_ident("doc"));
    let text = |attribute: &Attribute| match &attribute.meta {
        syn::Meta::NameValue(pair) => pair.value.to_token_stream().to_string(),
        other => other.to_token_stream().to_string(),
    };
    docs.map(text).collect::<Vec<_>>().join("\n")
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident("cfg"))
}

/// Where two packages differ, in words.
fn drift(lesson: &BTreeMap<String, String>, solution: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = vec![];
    for (place, text) in solution {
        match lesson.get(place) {
            None => found.push(format!("{place}: in the solution only")),
            Some(other) if other != text => {
                let line = text
                    .lines()
                    .zip(other.lines())
                    .find(|(solution, lesson)| solution != lesson);
                let (solution, lesson) = line.unwrap_or((text, other));
                found.push(format!("{place}:\n  lesson    {lesson}\n  solution  {solution}"));
            }
            Some(_) => {}
        }
    }
    found.extend(
        lesson
            .keys()
            .filter(|place| !solution.contains_key(*place))
            .map(|place| format!("{place}: in the lesson only")),
    );
    found
}

#[test]
fn lessons_and_solutions_differ_only_in_bodies() {
    let mut found = vec![];
    for lesson in course::lessons() {
        let of = |tree: &str| public(&root().join(tree).join(&lesson.package).join("src"));
        let package = |difference: String| format!("{}/{difference}", lesson.package);
        found.extend(drift(&of("lessons"), &of("solutions")).into_iter().map(package));
    }
    assert!(
        found.is_empty(),
        "a lesson and its solution have drifted apart (if you are working through the lesson and changed a \
         signature or a comment on purpose, never mind):\n{}",
        found.join("\n")
    );
}

#[test]
fn nothing_is_left_to_do_in_a_solution() {
    for lesson in course::lessons() {
        let folder = root().join("solutions").join(&lesson.package).join("src");
        for file in sources(&folder) {
            let text = fs::read_to_string(folder.join(&file)).expect("a readable source");
            let parsed = syn::parse_file(&text)
                .expect("valid Rust")
                .to_token_stream()
                .to_string();
            for left in ["todo !", "unimplemented !"] {
                assert!(
                    !parsed.contains(left),
                    "solutions/{}/src/{}: {left}",
                    lesson.package,
                    file.display()
                );
            }
        }
    }
}

#[test]
fn the_catalogue_names_functions_that_exist() {
    for lesson in course::lessons() {
        for exercise in &lesson.exercises {
            let text = fs::read_to_string(root().join(lesson.path(exercise)));
            let text = text.unwrap_or_else(|e| panic!("{}: {e}", lesson.path(exercise)));
            let place = format!(": {}", exercise.name);
            let there = public_in("", &text).keys().any(|key| key.ends_with(&place));
            assert!(
                there,
                "exercise {}: no public `{}` in {}",
                exercise.id,
                exercise.name,
                lesson.path(exercise)
            );
        }
    }
}

#[test]
fn drift_is_found() {
    let lesson = "/// Doubles.\npub fn double(n: usize) -> usize { todo!() }\nfn helper() {}\n\
                  pub struct S; impl S { pub fn new() -> S { todo!() } }";
    let differences = |from: &str, to: &str| {
        assert!(lesson.contains(from));
        drift(
            &public_in("a.rs", lesson),
            &public_in("a.rs", &lesson.replace(from, to)),
        )
    };
    assert_eq!(differences("{ todo!() }", "{ 2 * n }"), [""; 0]);
    assert_eq!(differences("fn helper() {}", ""), [""; 0]);
    assert_eq!(differences("Doubles.", "Twice.").len(), 1);
    assert_eq!(differences("(n: usize)", "(n: u64)").len(), 1);
    assert_eq!(differences("pub fn new() -> S", "pub fn new() -> Self").len(), 1);
    assert_eq!(
        differences("pub fn double", "fn double"),
        ["a.rs: double: in the lesson only"]
    );
    assert_eq!(differences("double", "twice").len(), 2);
}
