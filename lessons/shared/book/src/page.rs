//! A text of the repository as a chapter of the book: the same Markdown, with exercises, quizzes and pictures put in.
//!
//! The text itself is never written again: it is read once, and what is put in are edits at places of the original.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use course::questions::questions;
use pulldown_cmark::{Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

use crate::html::escape;
use crate::{card, quiz};

/// A chapter, and the files of the repository that it shows.
pub struct Page {
    /// Markdown for the renderer.
    pub markdown: String,
    /// Pictures and sources, relative to the repository's root.
    pub files: BTreeSet<PathBuf>,
}

/// Where a chapter stands.
pub struct Text<'a> {
    /// The repository.
    pub root: &'a Path,
    /// The text's file, relative to the repository's root.
    pub path: &'a Path,
    /// All texts of the book: links between them stay links.
    pub chapters: &'a [PathBuf],
}

/// A piece of the text and what stands there instead.
type Edit = (Range<usize>, String);

impl Text<'_> {
    /// Reads the text and puts in what the book adds.
    ///
    /// **Errors** if a file, an exercise or a question is not where the text says.
    pub fn prepare(&self) -> Result<Page> {
        let file = self.root.join(self.path);
        let text = std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        let mut page = Page {
            markdown: String::new(),
            files: BTreeSet::new(),
        };
        let mut edits = self.edits(&text, &mut page.files)?;
        edits.extend(self.quizzes(&text)?);
        edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut at = 0;
        for (range, replacement) in edits {
            page.markdown
                .push_str(text.get(at..range.start).context("two edits of one place")?);
            page.markdown.push_str(&replacement);
            at = range.end;
        }
        page.markdown.push_str(&text[at..]);
        Ok(page)
    }

    fn edits(&self, text: &str, files: &mut BTreeSet<PathBuf>) -> Result<Vec<Edit>> {
        let mut edits = vec![];
        let mut paragraph: Option<Range<usize>> = None;
        let mut image: Option<(Range<usize>, String, String)> = None;
        let mut link: Option<(Range<usize>, String, String)> = None;
        for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
            match event {
                Event::Start(Tag::Paragraph) => paragraph = Some(range),
                Event::End(TagEnd::Paragraph) => {
                    paragraph = None;
                    if text[range.clone()].starts_with('→') {
                        edits.push((range.end..range.end, self.cards(&text[range])?));
                    }
                }
                Event::Start(Tag::Image { dest_url, .. }) => image = Some((range, dest_url.to_string(), String::new())),
                Event::End(TagEnd::Image) => {
                    if let Some((range, target, alt)) = image.take() {
                        let alone = paragraph
                            .as_ref()
                            .is_some_and(|whole| text[whole.clone()].trim().len() == range.len());
                        if let Some(html) = self.picture(&target, &alt, alone, files)? {
                            edits.push((range, html));
                        }
                    }
                }
                Event::Start(Tag::Link {
                    link_type: LinkType::Inline,
                    dest_url,
                    ..
                }) => {
                    link = Some((range, dest_url.to_string(), String::new()));
                }
                Event::End(TagEnd::Link) => {
                    if let Some((range, target, words)) = link.take()
                        && let Some(html) = self.link(&target, &words, files)?
                    {
                        edits.push((range, html));
                    }
                }
                Event::Text(words) | Event::Code(words) => {
                    for open in [&mut image, &mut link].into_iter().flatten() {
                        open.2.push_str(&words);
                    }
                }
                _ => {}
            }
        }
        Ok(edits)
    }

    /// The cards of the exercises that a paragraph with an arrow names.
    fn cards(&self, paragraph: &str) -> Result<String> {
        let mut html = String::from("\n");
        for id in exercises_named(paragraph) {
            let (lesson, exercise) =
                course::exercise(&id).with_context(|| format!("{}: there is no exercise {id}", self.path.display()))?;
            html.push_str(&format!("\n{}\n", card::card(self.root, lesson, exercise)?));
        }
        Ok(html + "\n")
    }

    /// A picture that a lesson's program draws, with the place for the learner's own beside it. One that is missing is a
    /// sentence.
    fn picture(&self, target: &str, alt: &str, alone: bool, files: &mut BTreeSet<PathBuf>) -> Result<Option<String>> {
        let Some(file) = self.resolve(target) else {
            return Ok(None);
        };
        if !self.root.join(&file).is_file() {
            let note = format!("{} is not there: {alt}", file.display());
            return Ok(Some(format!("<span class=\"note\">{}</span>", escape(&note))));
        }
        files.insert(file.clone());
        let parts: Vec<_> = file.iter().filter_map(|part| part.to_str()).collect();
        Ok(match parts[..] {
            ["lessons", lesson, "pictures", name] if alone => {
                let name = name.trim_end_matches(".png");
                Some(format!(
                    "<figure class=\"picture\" data-lesson=\"{lesson}\" data-picture=\"{name}\">\
                     <img src=\"{target}\" alt=\"{}\" loading=\"lazy\"></figure>",
                    escape(alt)
                ))
            }
            _ => None,
        })
    }

    /// A link to a file that is no chapter: it opens the editor where a server runs, else the file's text.
    fn link(&self, target: &str, words: &str, files: &mut BTreeSet<PathBuf>) -> Result<Option<String>> {
        let bare = target.split('#').next().unwrap_or_default();
        let Some(file) = self.resolve(bare) else {
            return Ok(None);
        };
        if bare.is_empty() || self.chapters.contains(&file) {
            return Ok(None);
        }
        let shown = escape(words);
        if file == Path::new("solutions/lesson05/CASE.md") {
            let up = "../".repeat(self.path.components().count() - 1);
            return Ok(Some(format!("<a href=\"{up}case/index.html\">{shown}</a>")));
        }
        let path = file.display().to_string().replace('\\', "/");
        if !self.root.join(&file).is_file() {
            return Ok(Some(format!(
                "<a class=\"folder\" data-file=\"{path}\"><code>{shown}</code></a>"
            )));
        }
        files.insert(file);
        Ok(Some(format!(
            "<a class=\"source\" data-file=\"{path}\" href=\"{target}\">{shown}</a>"
        )))
    }

    /// The questions that are treated in this text, each at the end of its section.
    fn quizzes(&self, text: &str) -> Result<Vec<Edit>> {
        let headings = headings(text);
        let mut edits: Vec<Edit> = vec![];
        for question in questions() {
            let (file, anchor) = question.read.split_once('#').unwrap_or((&question.read, ""));
            if Path::new(file) != self.path {
                continue;
            }
            let place = headings
                .iter()
                .position(|heading| heading.anchor == anchor)
                .with_context(|| format!("question {}: {file} has no heading #{anchor}", question.id))?;
            let level = headings[place].level;
            let next = headings[place + 1..].iter().find(|heading| heading.level <= level);
            let end = next.map_or(text.len(), |heading| heading.start);
            edits.push((end..end, format!("\n{}\n\n", quiz::widget(question))));
        }
        Ok(edits)
    }

    /// A relative link as a path below the repository's root; `None` for an address or an anchor.
    fn resolve(&self, target: &str) -> Option<PathBuf> {
        if target.contains("://") || target.starts_with('#') || target.starts_with("mailto:") {
            return None;
        }
        let mut path = PathBuf::new();
        for part in self.path.parent()?.join(target).components() {
            match part {
                Component::ParentDir => {
                    path.pop();
                }
                Component::Normal(part) => path.push(part),
                _ => {}
            }
        }
        Some(path)
    }
}

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH
}

/// `**Exercise 3.3** … **exercise 3.4**` → 3.3, 3.4.
fn exercises_named(paragraph: &str) -> Vec<String> {
    let lower = paragraph.to_lowercase();
    let mut named: Vec<String> = vec![];
    for part in lower.split("exercise ").skip(1) {
        let id: String = part.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
        let id = id.trim_end_matches('.').to_string();
        if id.contains('.') && !named.contains(&id) {
            named.push(id);
        }
    }
    named
}

struct Heading {
    level: HeadingLevel,
    anchor: String,
    start: usize,
}

fn headings(text: &str) -> Vec<Heading> {
    let mut found: Vec<Heading> = vec![];
    let mut open: Option<(HeadingLevel, usize, String)> = None;
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => open = Some((level, range.start, String::new())),
            Event::Text(words) | Event::Code(words) => {
                if let Some((_, _, title)) = &mut open {
                    title.push_str(&words);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((level, start, title)) = open.take() {
                    found.push(Heading {
                        level,
                        anchor: anchor(&title),
                        start,
                    });
                }
            }
            _ => {}
        }
    }
    found
}

/// The anchor that GitHub and mdBook give a heading.
fn anchor(title: &str) -> String {
    let kept = title.trim().to_lowercase();
    kept.chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exercises_are_found_in_any_case_and_once() {
        let text = "→ **Exercise 3.3**, `l2`. Further: **exercise 3.4**, `roll`; exercise 3.3 again, exercise 3.10.";
        assert_eq!(exercises_named(text), ["3.3", "3.4", "3.10"]);
    }

    #[test]
    fn anchors_are_those_of_mdbook() {
        assert_eq!(anchor("How large is the output?"), "how-large-is-the-output");
        assert_eq!(anchor("`conv1`, in words"), "conv1-in-words");
    }
}
