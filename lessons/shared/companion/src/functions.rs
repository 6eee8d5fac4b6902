//! Functions in a source file, found without a parser: the file need not compile.
//!
//! Strings, characters and comments are told from code, braces are counted, and a function is known by its name and the
//! headers of the blocks around it (`impl Hooks`).

use std::ops::Range;

/// A function with its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The headers of the blocks around it, outermost first, and its own name: `["impl Hooks", "add"]`.
    pub path: Vec<String>,
    /// From its first word (`pub`, `fn`, …) to the end of its body, in bytes. Documentation and attributes stand before.
    pub range: Range<usize>,
}

/// What a byte of a source belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    /// A string or a character, with its quotes.
    Literal,
}

/// The kind of each byte.
fn kinds(source: &str) -> Vec<Kind> {
    let bytes = source.as_bytes();
    let mut kinds = vec![Kind::Code; bytes.len()];
    let mut at = 0;
    while at < bytes.len() {
        let rest = &source[at..];
        let (length, kind) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), Kind::Comment)
        } else if rest.starts_with("/*") {
            (block_comment(rest), Kind::Comment)
        } else if rest.starts_with('"') {
            (string(rest), Kind::Literal)
        } else if let Some(length) = raw_string(source, at) {
            (length, Kind::Literal)
        } else if let Some(length) = character(rest) {
            (length, Kind::Literal)
        } else {
            (rest.chars().next().map_or(1, char::len_utf8), Kind::Code)
        };
        kinds[at..at + length].fill(kind);
        at += length;
    }
    kinds
}

/// The length of a block comment, with those inside it.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of a string that starts here, with its quotes.
fn string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a raw string, `r#"…"#`, if one starts at this place.
fn raw_string(source: &str, at: usize) -> Option<usize> {
    let after_word = source[..at].chars().next_back();
    if after_word.is_some_and(|c| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let rest = &source[at..];
    let text = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = text.len() - text.trim_start_matches('#').len();
    let inside = text[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let head = rest.len() - inside.len();
    Some(inside.find(&end).map_or(rest.len(), |found| head + found + end.len()))
}

/// The length of a character, `'a'` or `'\n'`, if one starts here; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    let mut chars = inside.char_indices();
    match chars.next()?.1 {
        '\\' => Some(1 + inside[2..].find('\'')? + 3),
        _ => chars.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 2),
    }
}

/// The functions of a source, in order. A function inside another one belongs to that one.
pub fn functions(source: &str) -> Vec<Function> {
    let kinds = kinds(source);
    let bytes = source.as_bytes();
    let mut found: Vec<Function> = vec![];
    // The headers of the open blocks; the place where a function's first word stands.
    let mut blocks: Vec<(String, Option<usize>)> = vec![];
    let mut header = 0;
    // Open parentheses and brackets, of each block: `[u8; 2]` in a signature ends no header.
    let mut nesting = vec![0_usize];
    for at in 0..bytes.len() {
        if kinds[at] != Kind::Code {
            continue;
        }
        match bytes[at] {
            b'{' => {
                let (start, text) = head(source, &kinds, header, at);
                let inside_function = blocks.iter().any(|(_, function)| function.is_some());
                let name = name(&text).filter(|_| !inside_function);
                let function = name.is_some().then_some(start);
                blocks.push((name.unwrap_or(text), function));
                header = at + 1;
                nesting.push(0);
            }
            b'}' => {
                if nesting.len() > 1 {
                    nesting.pop();
                }
                if let Some((name, Some(start))) = blocks.pop() {
                    let mut path: Vec<_> = blocks.iter().map(|(header, _)| header.clone()).collect();
                    path.push(name);
                    let range = start..at + 1;
                    found.push(Function { path, range });
                }
                header = at + 1;
            }
            b'(' | b'[' => *nesting.last_mut().expect("never empty") += 1,
            b')' | b']' => {
                let open = nesting.last_mut().expect("never empty");
                *open = open.saturating_sub(1);
            }
            b';' if nesting.last() == Some(&0) => header = at + 1,
            _ => {}
        }
    }
    found
}

/// The place of the first word of a block's header, and its words; attributes and comments are left out.
fn head(source: &str, kinds: &[Kind], from: usize, to: usize) -> (usize, String) {
    let mut text = String::new();
    let mut start = None;
    let mut attribute = 0;
    for (at, c) in source[from..to].char_indices() {
        let at = from + at;
        if kinds[at] == Kind::Comment {
            continue;
        }
        let opens = c == '[' && (attribute > 0 || source[..at].trim_end().ends_with('#'));
        attribute += usize::from(opens);
        if attribute == 0 && c != '#' && (start.is_some() || !c.is_whitespace()) {
            start.get_or_insert(at);
            text.push(c);
        }
        if attribute > 0 && c == ']' {
            attribute -= 1;
        }
    }
    let words: Vec<_> = text.split_whitespace().collect();
    (start.unwrap_or(to), words.join(" "))
}

/// The name of the function that a header declares.
fn name(header: &str) -> Option<String> {
    let mut words = header.split(' ');
    words.find(|word| *word == "fn")?;
    let name: String = words
        .next()?
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    (!name.is_empty()).then_some(name)
}

/// A piece of source without comments and without the lines that held nothing else.
pub fn code_only(source: &str) -> String {
    let kinds = kinds(source);
    let mut code = String::new();
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        let of_line = line
            .char_indices()
            .filter(|(place, _)| kinds[at + place] != Kind::Comment);
        let kept: String = of_line.map(|(_, c)| c).collect();
        let has_comment = kinds[at..at + line.len()].contains(&Kind::Comment);
        if !(has_comment && kept.trim().is_empty()) {
            code += kept.trim_end();
            code.push('\n');
        }
        at += line.len();
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<(String, &str)> {
        let with_text = |function: Function| (function.path.join(" / "), &source[function.range]);
        functions(source).into_iter().map(with_text).collect()
    }

    #[test]
    fn a_function_is_found_with_its_body_and_without_its_documentation() {
        let source = "//! Doc { here.\nuse a::{b, c};\n\n/// Adds { one.\n#[must_use]\npub fn add(n: usize) -> usize {\n    n + 1\n}\n";
        assert_eq!(
            found(source),
            [("add".to_string(), "pub fn add(n: usize) -> usize {\n    n + 1\n}")]
        );
    }

    #[test]
    fn functions_of_types_are_known_by_their_block_and_inner_ones_belong_to_the_outer() {
        let source = "struct S { a: [u8; 2] }\nimpl<'a> S {\n    fn new() -> Self { fn inner() {} Self }\n}\nimpl Drop for S { fn drop(&mut self) {} }";
        let names: Vec<_> = found(source).into_iter().map(|(path, _)| path).collect();
        assert_eq!(names, ["impl<'a> S / new", "impl Drop for S / drop"]);
    }

    #[test]
    fn a_semicolon_in_a_type_ends_no_header() {
        let source = "const A: [u8; 2] = [0; 2];\nfn f(a: [u8; 2]) -> [u8; 2] { g(|| { 1; }); a }\nfn h() {}";
        let names: Vec<_> = found(source);
        assert!(names[0].1.starts_with("fn f(a: [u8; 2])"), "{names:?}");
        assert_eq!(names[1].0, "h");
    }

    #[test]
    fn braces_in_strings_characters_and_comments_are_no_braces() {
        let source = "fn f<'a>(x: &'a str) {\n    let s = \"} \\\" {\"; let r = r#\"}\"}\"#; let c = '}'; let d = '\\''; // }\n    /* } /* } */ } */\n}\nfn g() {}";
        let names: Vec<_> = found(source).into_iter().map(|(path, _)| path).collect();
        assert_eq!(names, ["f", "g"]);
    }

    #[test]
    fn what_is_not_closed_is_no_function_and_no_panic() {
        for source in [
            "fn f() {",
            "fn f() { \"",
            "}}}",
            "fn",
            "fn f() { r#\"",
            "'",
            "/*",
            "é'ü fn ñ() {}",
        ] {
            functions(source);
        }
        let names: Vec<_> = found("fn a() {}\nfn b() {\n")
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        assert_eq!(names, ["a"]);
    }

    #[test]
    fn comments_go_and_code_stays() {
        let source = "fn f() {\n    // why\n    let url = \"http://x\"; // what\n\n    /* long\n    one */\n    1\n}\n";
        assert_eq!(code_only(source), "fn f() {\n    let url = \"http://x\";\n\n    1\n}\n");
    }
}
