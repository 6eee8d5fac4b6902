//! The stubs' formulas, plain Unicode in the sources, set as HTML with sub- and superscripts.
//!
//! The sources stay readable raw, so the notation is loose: `x_l`, `e^(−x)`, `Σ_ij`, `running_mean`. An underscore is
//! a subscript where what precedes it is one letter or symbol, a closing bracket or a name that takes an index, and
//! what follows is short or in parentheses; otherwise it is part of a name.

use crate::html::escape;

/// A formula of several lines as a block of HTML on one line.
pub fn block(text: &str) -> String {
    let lines: Vec<String> = text.trim_end().lines().map(line).collect();
    format!("<div class=\"formula\" role=\"math\">{}</div>", lines.join("<br>"))
}

/// One line of a formula. Two or more spaces, which align columns in the source, become a wide space.
fn line(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text.trim();
    while let Some(first) = rest.chars().next() {
        let taken = if first == ' ' {
            let spaces = rest.len() - rest.trim_start().len();
            out.push_str(if spaces > 1 {
                "<span class=\"wide\"> </span>"
            } else {
                " "
            });
            spaces
        } else if first.is_ascii_digit() {
            let length = prefix(rest, |c| c.is_ascii_digit() || c == '.');
            out.push_str(&rest[..length]);
            length
        } else if first.is_alphabetic() {
            word(rest, &mut out)
        } else if matches!(first, '_' | '^') {
            script(rest, &mut out).unwrap_or_else(|| symbol(rest, &mut out))
        } else {
            symbol(rest, &mut out)
        };
        rest = &rest[taken..];
    }
    out
}

/// Length in bytes of what `holds` of the characters at the beginning.
fn prefix(text: &str, holds: impl Fn(char) -> bool) -> usize {
    text.find(|c| !holds(c)).unwrap_or(text.len())
}

/// A name, with its subscript if it has one.
fn word(text: &str, out: &mut String) -> usize {
    let letters = prefix(text, char::is_alphanumeric);
    let name = &text[..letters];
    let after = &text[letters..];
    if after.starts_with('_') && !takes_index(name, after) {
        let whole = prefix(text, |c| c.is_alphanumeric() || c == '_');
        out.push_str(&format!("<span class=\"name\">{}</span>", escape(&text[..whole])));
        return whole;
    }
    let shown = greek(name);
    let is_variable = shown.chars().count() == 1 || name.chars().skip(1).all(|c| c.is_ascii_digit());
    let tag = if is_variable { "i" } else { "span class=\"name\"" };
    let end = if is_variable { "i" } else { "span" };
    out.push_str(&format!("<{tag}>{}</{end}>", escape(shown)));
    letters
}

/// Whether `after`, which begins with an underscore, is the index of `name` and not the rest of a longer name.
fn takes_index(name: &str, after: &str) -> bool {
    let index = &after[1..];
    let length = prefix(index, |c| c.is_alphanumeric() || c == '_');
    index.starts_with('(')
        || greek(name).chars().count() == 1
        || (1..=2).contains(&index[..length].chars().count()) && !index[..length].contains('_')
}

/// A sub- or superscript: a group in parentheses, or a run of letters and digits.
fn script(text: &str, out: &mut String) -> Option<usize> {
    let tag = if text.starts_with('_') { "sub" } else { "sup" };
    let body = &text[1..];
    let (inside, taken) = if body.starts_with('(') {
        let end = closing(body)?;
        (&body[1..end], end + 1)
    } else {
        let length = prefix(body, char::is_alphanumeric);
        (&body[..length], length)
    };
    if inside.is_empty() {
        return None;
    }
    out.push_str(&format!("<{tag}>{}</{tag}>", line(inside)));
    Some(1 + taken)
}

/// Where the parenthesis that opens `text` is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

fn symbol(text: &str, out: &mut String) -> usize {
    let length = text.chars().next().map_or(0, char::len_utf8);
    out.push_str(&escape(&text[..length]));
    length
}

/// The letter for a Greek name that is written out.
fn greek(name: &str) -> &str {
    match name {
        "alpha" => "α",
        "beta" => "β",
        "gamma" => "γ",
        "delta" => "δ",
        "epsilon" => "ε",
        "lambda" => "λ",
        "mu" => "μ",
        "sigma" => "σ",
        "theta" => "θ",
        "omega" => "ω",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_are_subscripts_and_long_names_stay_names() {
        assert_eq!(line("alpha_k"), "<i>α</i><sub><i>k</i></sub>");
        assert_eq!(line("x_(l−1)"), "<i>x</i><sub><i>l</i>−1</sub>");
        assert_eq!(line("running_mean"), "<span class=\"name\">running_mean</span>");
        assert_eq!(line("mean_b"), "<span class=\"name\">mean</span><sub><i>b</i></sub>");
        assert_eq!(line("Σ_ij"), "<i>Σ</i><sub><span class=\"name\">ij</span></sub>");
    }

    #[test]
    fn powers_are_superscripts_also_within_one_another() {
        assert_eq!(line("e^(z_i)"), "<i>e</i><sup><i>z</i><sub><i>i</i></sub></sup>");
        assert_eq!(
            line("softmax(z)_i"),
            "<span class=\"name\">softmax</span>(<i>z</i>)<sub><i>i</i></sub>"
        );
    }

    #[test]
    fn what_html_would_read_as_markup_is_escaped() {
        assert_eq!(line("a < b"), "<i>a</i> &lt; <i>b</i>");
        assert_eq!(line("a _"), "<i>a</i> _");
    }

    #[test]
    fn lines_and_columns_are_kept_on_one_line_of_html() {
        let html = block("size   = 1\nstride = 2\n");
        assert!(!html.contains('\n') && html.contains("<br>") && html.contains("wide"));
    }
}
