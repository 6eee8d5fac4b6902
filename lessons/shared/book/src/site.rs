//! The whole book: which texts it holds, and how mdBook renders them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;

use crate::page::Text;

/// Title and file of each chapter, in order; an empty file begins a part.
const CHAPTERS: &[(&str, &str)] = &[
    ("What does a neuron represent?", "README.md"),
    ("Study guide", "GUIDE.md"),
    ("Guía de estudio", "GUIDE.es.md"),
    ("candle in twenty minutes", "lessons/PRIMER.md"),
    ("Lessons", ""),
    (
        "01 Convolutions, residual blocks, forward pass",
        "lessons/lesson01/README.md",
    ),
    ("02 Hooks, statistics, heatmaps", "lessons/lesson02/README.md"),
    ("03 Feature visualization", "lessons/lesson03/README.md"),
    ("04 Probing and dissection", "lessons/lesson04/README.md"),
    ("05 Class activation maps", "lessons/lesson05/README.md"),
    ("Tools", ""),
    ("The microscope", MICROSCOPE),
    ("Notebook", ""),
    ("Learnings", "lessons/LEARNINGS.md"),
];

/// The answer to the last exercise stands apart: no search finds it and no page but its warning leads to it.
const CASE: &str = "solutions/lesson05/CASE.md";

/// The bench, and what cards show.
const MICROSCOPE: &str = "lessons/shared/microscope/README.md";

const CSS: &str = include_str!("../assets/book.css");
const JS: &str = include_str!("../assets/book.js");
const BENCH_CSS: &str = include_str!("../assets/bench.css");
const BENCH_JS: &str = include_str!("../assets/bench.js");
const FONT: &[u8] = include_bytes!("../assets/stix-two-math.woff2");
const FONT_LICENCE: &str = include_str!("../assets/stix-two-math.OFL.txt");

/// What is written.
pub struct Site {
    /// The repository whose texts are shown.
    pub root: PathBuf,
    /// Where the pages go.
    pub out: PathBuf,
}

impl Site {
    /// Renders all pages into [`Self::out`].
    ///
    /// **Errors** name the text or file that is at fault. The folder is replaced as a whole, and only when all pages
    /// are there.
    pub fn build(&self) -> Result<()> {
        let parent = self.out.parent().context("a folder to write to has a parent")?;
        fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        let work = tempfile::Builder::new().prefix(".book-").tempdir_in(parent);
        let work = work.with_context(|| format!("{} cannot be written to", parent.display()))?;
        let pages = work.path().join("pages");
        let chapters: Vec<(&str, &str)> = CHAPTERS.to_vec();
        self.render(
            &work.path().join("book"),
            &pages,
            "What does a neuron represent?",
            &chapters,
        )?;
        let case = [("Before you read on", "warning.md"), ("The case", CASE)];
        self.render(&work.path().join("case"), &pages.join("case"), "The case", &case)?;
        self.replace(&pages)
    }

    fn replace(&self, pages: &Path) -> Result<()> {
        if self.out.exists() {
            let is_book = self.out.join("book.marker").is_file() || fs::read_dir(&self.out)?.next().is_none();
            anyhow::ensure!(
                is_book,
                "{} holds something else than an earlier book: choose an empty folder",
                self.out.display()
            );
            fs::remove_dir_all(&self.out).with_context(|| format!("{} cannot be replaced", self.out.display()))?;
        }
        fs::rename(pages, &self.out).with_context(|| format!("{} cannot be written", self.out.display()))
    }

    /// Writes the texts below `work` and lets mdBook make pages of them in `pages`.
    fn render(&self, work: &Path, pages: &Path, title: &str, chapters: &[(&str, &str)]) -> Result<()> {
        let src = work.join("src");
        let files: Vec<PathBuf> = chapters
            .iter()
            .filter(|(_, file)| !file.is_empty())
            .map(|(_, f)| f.into())
            .collect();
        let mut wanted = BTreeSet::new();
        for path in &files {
            let markdown = if path == Path::new("warning.md") {
                WARNING.to_string()
            } else {
                let text = Text {
                    root: &self.root,
                    path,
                    chapters: &files,
                };
                let page = text.prepare().with_context(|| format!("in {}", path.display()))?;
                wanted.extend(page.files);
                let below = if path == Path::new(MICROSCOPE) {
                    crate::atlases::links(&self.root)
                } else {
                    String::new()
                };
                around(path, &page.markdown) + &below
            };
            write(&src.join(path), markdown.as_bytes())?;
        }
        for file in &wanted {
            let bytes = fs::read(self.root.join(file)).with_context(|| format!("{} cannot be read", file.display()))?;
            write(&src.join(file), &bytes)?;
        }
        write(&src.join("SUMMARY.md"), summary(chapters).as_bytes())?;
        write(&src.join("fonts/stix-two-math.woff2"), FONT)?;
        write(&src.join("fonts/stix-two-math.OFL.txt"), FONT_LICENCE.as_bytes())?;
        write(
            &src.join("book.marker"),
            b"pages of the course; written again as a whole\n",
        )?;
        write(&work.join("assets/book.css"), CSS.as_bytes())?;
        write(&work.join("assets/book.js"), JS.as_bytes())?;
        write(&work.join("assets/bench.css"), BENCH_CSS.as_bytes())?;
        write(&work.join("assets/bench.js"), BENCH_JS.as_bytes())?;
        let config: Config = format!(
            "[book]\ntitle = {title:?}\nlanguage = \"en\"\n[build]\nbuild-dir = {pages:?}\ncreate-missing = false\n\
             [output.html]\nno-section-label = true\nadditional-css = [\"assets/book.css\", \"assets/bench.css\"]\n\
             additional-js = [\"assets/book.js\", \"assets/bench.js\"]\nsmart-punctuation = false\n[output.html.search]\nenable = true\n\
             [output.html.playground]\nrunnable = false\ncopyable = true\n"
        )
        .parse()?;
        let book = MDBook::load_with_config(work, config)?;
        book.build()
    }
}

/// What stands around some texts: the language of the Spanish one, the table of progress on the first page.
fn around(path: &Path, markdown: &str) -> String {
    match path.to_str() {
        Some("GUIDE.es.md") => format!("<div lang=\"es\">\n\n{markdown}\n\n</div>\n"),
        Some("README.md") => match markdown.split_once("\n## ") {
            Some((start, rest)) => format!("{start}\n<section id=\"progress\"></section>\n\n## {rest}"),
            None => markdown.to_string(),
        },
        Some("lessons/LEARNINGS.md") => format!("{markdown}\n\n<section id=\"notebook\"></section>\n"),
        _ => markdown.to_string(),
    }
}

const WARNING: &str = "# Before you read on\n\nThe next page says what is wrong with the network of exercise 5.9, and how \
    one finds out. Read it once you have your own answer: the exercise cannot be done twice.\n\n\
    [I have my answer, show me](solutions/lesson05/CASE.md)\n\n[Back to lesson 05](../lessons/lesson05/index.html)\n";

fn summary(chapters: &[(&str, &str)]) -> String {
    let mut text = String::from("# Summary\n\n");
    for (title, file) in chapters {
        match *file {
            "" => text.push_str(&format!("\n# {title}\n\n")),
            file => text.push_str(&format!("- [{title}]({file})\n")),
        }
    }
    text
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let parent = path.parent().context("a file has a folder")?;
    fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
    fs::write(path, bytes).with_context(|| format!("{} cannot be written", path.display()))
}
