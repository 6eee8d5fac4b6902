//! Small pieces of HTML that stand inside a Markdown text.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html::push_html};

use crate::formula;

/// Text as HTML shows it.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    pulldown_cmark_escape::escape_html(&mut out, text).expect("a String takes everything");
    out
}

/// Markdown as HTML on one line, so that it can stand inside an HTML block of a Markdown text, which a blank line would
/// end. Blocks of `math` are set as formulas; links between items of the documentation become plain code.
pub fn from_markdown(markdown: &str) -> String {
    let markdown = without_item_links(markdown);
    let mut events = vec![];
    let mut math: Option<String> = None;
    for event in Parser::new_ext(&markdown, Options::ENABLE_TABLES) {
        match (&event, &mut math) {
            (Event::Start(Tag::CodeBlock(kind)), None) if is_math(kind) => math = Some(String::new()),
            (Event::Text(text), Some(formula)) => formula.push_str(text),
            (Event::End(TagEnd::CodeBlock), Some(formula)) => {
                events.push(Event::Html(formula::block(formula).into()));
                math = None;
            }
            _ => events.push(event),
        }
    }
    let mut html = String::new();
    push_html(&mut html, events.into_iter());
    on_one_line(&html)
}

fn is_math(kind: &pulldown_cmark::CodeBlockKind) -> bool {
    matches!(kind, pulldown_cmark::CodeBlockKind::Fenced(language) if &**language == "math")
}

/// Line breaks become spaces, and inside `<pre>` their character reference.
pub fn on_one_line(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    for (at, part) in html.split("<pre").enumerate() {
        let (pre, rest) = if at == 0 {
            ("", part)
        } else {
            part.split_once("</pre>").unwrap_or((part, ""))
        };
        if at > 0 {
            out.push_str(&format!("<pre{}</pre>", pre.replace('\n', "&#10;")));
        }
        out.push_str(&rest.replace('\n', " "));
    }
    out.trim().to_string()
}

/// ``[`max_pool`]`` and `` [`Self::new`](Self::new) `` are links between items; here they are code.
fn without_item_links(markdown: &str) -> String {
    let mut out = String::new();
    let mut rest = markdown;
    while let Some(start) = rest.find("[`") {
        out.push_str(&rest[..start]);
        let link = &rest[start + 1..];
        let Some(end) = link.find("`]") else {
            out.push('[');
            rest = link;
            continue;
        };
        out.push_str(&link[..=end]);
        rest = &link[end + 2..];
        if rest.starts_with('(') && !rest.starts_with("(http") {
            rest = rest.find(')').map_or(rest, |close| &rest[close + 1..]);
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documentation_becomes_one_line() {
        let html = from_markdown(
            "A map.\n\n```math\ny = x_i\n```\n- `x`: see [`max_pool`]\n\n```rust\nlet a;\n\nlet b;\n```\n",
        );
        assert!(!html.contains('\n'), "{html}");
        assert!(html.contains("<sub><i>i</i></sub>"));
        assert!(html.contains("<code>max_pool</code>") && !html.contains('['));
        assert!(html.contains("let a;&#10;&#10;let b;"));
    }

    #[test]
    fn markup_in_code_is_escaped() {
        assert!(from_markdown("`Vec<u8>`").contains("Vec&lt;u8&gt;"));
    }
}
