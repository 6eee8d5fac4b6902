//! What the tests of the texts need to know of a Markdown page.

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use walkdir::{DirEntry, WalkDir};

/// The root of the repository.
pub fn root() -> &'static Path {
    course::root().expect("the repository")
}

/// A page, cut at its headings.
pub struct Page {
    /// Relative to the root.
    pub path: PathBuf,
    /// As it stands in the file.
    pub text: String,
    /// In order; the text before the first heading belongs to no section.
    pub sections: Vec<Section>,
}

/// A heading and what follows it, up to the next one.
#[derive(Default)]
pub struct Section {
    pub level: usize,
    pub heading: String,
    /// The anchor GitHub gives the heading.
    pub slug: String,
    pub links: Vec<Link>,
    /// Language and text of each block of code.
    pub code: Vec<(String, String)>,
    /// The text between backquotes.
    pub spans: Vec<String>,
    /// Whether each box is ticked.
    pub boxes: Vec<bool>,
    pub items: usize,
    pub rows: usize,
    /// Running text without code blocks.
    pub prose: String,
}

/// A link or a picture.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    pub target: String,
    pub text: String,
}

impl Page {
    /// Reads a page; the path is relative to the root.
    pub fn read(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let text = fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let text = text.replace("\r\n", "\n"); // as an editor or a checkout on Windows may have written it
        let sections = sections(&text);
        Self { path, text, sections }
    }

    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.sections.iter().flat_map(|section| &section.links)
    }

    /// The byte range between `<!-- name -->` and `<!-- end name -->`, markers excluded.
    pub fn marked(&self, name: &str) -> Option<Range<usize>> {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end {name} -->"));
        let start = self.text.find(&begin)? + begin.len();
        let length = self.text[start..].find(&end)?;
        Some(start..start + length)
    }
}

fn sections(text: &str) -> Vec<Section> {
    let mut found = vec![Section::default()];
    let mut slugs: HashMap<String, usize> = HashMap::new();
    let mut in_heading = false;
    let mut in_code = None;
    let mut links: Vec<Link> = vec![]; // those that are open
    let options = Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH;
    for event in Parser::new_ext(text, options) {
        if let Event::Start(Tag::Heading { level, .. }) = &event {
            found.push(Section {
                level: number(*level),
                ..Section::default()
            });
            in_heading = true;
        }
        let section = found.last_mut().expect("one is there from the start");
        match event {
            Event::End(TagEnd::Heading(_)) => {
                in_heading = false;
                section.slug = slug(&section.heading);
                let count = slugs.entry(section.slug.clone()).or_default();
                *count += 1;
                if *count > 1 {
                    section.slug += &format!("-{}", *count - 1);
                }
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                links.push(Link {
                    target: dest_url.to_string(),
                    text: String::new(),
                });
            }
            Event::End(TagEnd::Link | TagEnd::Image) => section.links.extend(links.pop()),
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                in_code = Some((language, String::new()));
            }
            Event::End(TagEnd::CodeBlock) => section.code.extend(in_code.take()),
            Event::Start(Tag::Item) => section.items += 1,
            Event::Start(Tag::TableRow) => section.rows += 1,
            Event::TaskListMarker(ticked) => section.boxes.push(ticked),
            Event::Text(text) | Event::Code(text) if in_code.is_some() => {
                in_code.as_mut().expect("checked").1 += &text;
            }
            Event::Text(ref text) | Event::Code(ref text) => {
                for link in &mut links {
                    link.text += text;
                }
                if in_heading {
                    section.heading += text;
                }
                section.prose += text;
                if matches!(event, Event::Code(_)) {
                    section.spans.push(text.to_string());
                }
            }
            Event::SoftBreak | Event::HardBreak => section.prose += " ",
            Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell) => section.prose += "\n",
            _ => {}
        }
    }
    found
}

fn number(level: HeadingLevel) -> usize {
    level as usize
}

/// The anchor that GitHub makes of a heading.
pub fn slug(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// All Markdown pages of the repository, relative to the root.
pub fn pages() -> Vec<Page> {
    let is_read = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(name == "target" || name.starts_with('.'))
    };
    let mut found: Vec<PathBuf> = WalkDir::new(root())
        .into_iter()
        .filter_entry(is_read)
        .map(|entry| entry.expect("a readable entry").into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .map(|path| path.strip_prefix(root()).expect("below it").to_path_buf())
        .collect();
    found.sort();
    found.into_iter().map(Page::read).collect()
}

/// The words after `before` that look like the id of an exercise: `exercise 1.2`.
pub fn ids_after<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    let mut found = vec![];
    for (at, _) in text.match_indices(before) {
        let rest = &text[at + before.len()..];
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let id = rest[..end].trim_end_matches('.');
        if is_id(id) {
            found.push(id);
        }
    }
    found
}

/// `1.2`, a digit of a lesson and a number.
pub fn is_id(text: &str) -> bool {
    text.split_once('.').is_some_and(|(lesson, number)| {
        matches!(lesson, "1" | "2" | "3" | "4" | "5")
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit())
    })
}
