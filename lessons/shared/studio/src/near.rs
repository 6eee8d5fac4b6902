//! Names that are nearly right.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

/// Letters in which a name may differ from the one that was meant.
const FARTHEST: usize = 3;
/// Names that are offered instead of a wrong one.
const OFFERED: usize = 6;

/// How many letters are to be changed; a long text is near to nothing, and comparing takes its length.
fn distance(typed: &str, name: &str) -> Option<usize> {
    let is_comparable = typed.len() <= 2 * name.len();
    let distance = is_comparable.then(|| strsim::damerau_levenshtein(typed, &name.to_lowercase()))?;
    (distance <= FARTHEST && distance < typed.chars().count()).then_some(distance)
}

/// The name that is meant by one that is nearly it.
pub(crate) fn near_name(typed: &str, names: Vec<String>) -> Option<String> {
    let typed = typed.to_lowercase();
    let near = names
        .into_iter()
        .filter_map(|name| Some((distance(&typed, &name)?, name)));
    near.min().map(|(_, name)| name)
}

/// The class that is called like this, or has this number.
///
/// **Errors** if there is none; the error names those that are near: with the same word in them, or nearly the same letters.
pub(crate) fn class(typed: &str, names: &[String]) -> Result<usize> {
    let wanted = plain(typed);
    if let Some(class) = names.iter().position(|name| plain(name) == wanted) {
        return Ok(class);
    }
    if let Ok(number) = typed.trim().parse::<usize>() {
        if number < names.len() {
            return Ok(number);
        }
        bail!("there is no class {number}: they are numbered 0 to {}", names.len() - 1);
    }
    let has_word = |name: &&String| !wanted.is_empty() && plain(name).split(' ').any(|word| word == wanted);
    let holds = |name: &&String| wanted.len() >= 3 && plain(name).contains(&wanted);
    let mut by_letters: Vec<_> = names
        .iter()
        .filter_map(|name| Some((distance(&wanted, &plain(name))?, name)))
        .collect();
    by_letters.sort();
    let near = names.iter().filter(has_word);
    let near = near.chain(by_letters.iter().map(|(_, name)| *name));
    let mut seen = BTreeSet::new();
    let near: Vec<_> = near
        .chain(names.iter().filter(holds))
        .filter(|name| seen.insert(*name))
        .take(OFFERED)
        .map(|name| format!("{name:?}"))
        .collect();
    if !near.is_empty() {
        bail!("no class is called {typed:?}; near are {}", near.join(", "));
    }
    let some: Vec<_> = names.iter().take(OFFERED).map(|name| format!("{name:?}")).collect();
    let rest = if names.len() > OFFERED { ", …" } else { "" };
    bail!(
        "no class is called {typed:?}; the {} classes are {}{rest}, or a number",
        names.len(),
        some.join(", ")
    )
}

/// A name as it is compared: small letters, spaces for what stands for them in names of files, and without the number of
/// ImageNet's synsets (`n02123045_tabby`).
pub(crate) fn plain(name: &str) -> String {
    let name = name.trim().to_lowercase().replace(['_', '-'], " ");
    let number = |rest: &&str| rest.len() > 9 && rest.as_bytes()[..8].iter().all(u8::is_ascii_digit);
    match name.strip_prefix('n').filter(number) {
        Some(rest) => rest[8..].trim().to_string(),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        [
            "tabby",
            "tiger cat",
            "Egyptian cat",
            "curly-coated retriever",
            "catamaran",
            "3",
        ]
        .map(String::from)
        .into()
    }

    #[test]
    fn classes_have_names_and_numbers() {
        let found =
            ["tabby", "Tiger_Cat", "n02099429_curly-coated_retriever", "4", " 0 "].map(|typed| class(typed, &names()));
        let found: Vec<_> = found.into_iter().map(Result::unwrap).collect();
        assert_eq!(found, [0, 1, 3, 4, 0]);
        assert_eq!(
            class("3", &names()).unwrap(),
            5,
            "a name that looks like a number is a name"
        );
    }

    #[test]
    fn what_is_no_class_is_answered_with_near_ones() {
        let answer = |typed: &str| class(typed, &names()).unwrap_err().to_string();
        let cat = "no class is called \"cat\"; near are \"tiger cat\", \"Egyptian cat\", \"catamaran\"";
        assert_eq!(answer("cat"), cat);
        assert_eq!(answer("tabyb"), "no class is called \"tabyb\"; near are \"tabby\"");
        assert_eq!(answer("6"), "there is no class 6: they are numbered 0 to 5");
        let other = answer("a house with a garden");
        assert!(other.contains("the 6 classes are \"tabby\""), "{other}");
        assert!(answer("").contains("the 6 classes"));
    }

    #[test]
    fn a_name_that_is_nearly_right_is_known() {
        let near = |typed: &str| near_name(typed, ["robust", "resnet18"].map(String::from).into());
        assert_eq!(near("rboust").as_deref(), Some("robust"));
        assert_eq!(near("ResNet-18").as_deref(), Some("resnet18"));
        assert_eq!((near("x"), near(&"r".repeat(1000))), (None, None));
    }
}
