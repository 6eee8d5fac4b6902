//! A picture drawn by the learner's code: one at a time, with progress, and how far it is from the reference.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use course::Lesson;
use microscope::own::{end, in_its_own_group};
use serde::Serialize;
use serde_json::{Value, json};

/// A drawing that runs.
pub struct Drawing {
    /// `lesson02/maps`
    pub name: String,
    /// The last line its program wrote.
    pub line: String,
    process: Arc<Mutex<Child>>,
    was_cancelled: Arc<AtomicBool>,
}

/// How a drawing ended.
#[derive(Clone, Debug, Serialize)]
pub struct Drawn {
    name: String,
    /// Why there is no picture, if there is none.
    problem: Option<String>,
}

/// What a drawing reports.
pub enum Event {
    /// A line of its program.
    Line(String),
    /// It has ended.
    Ended(Drawn),
}

impl Drawing {
    /// Runs `cargo run -p lesson02 maps`.
    pub fn start(
        root: &Path,
        lesson: &Lesson,
        picture: &str,
        report: impl Fn(Event) + Send + Clone + 'static,
    ) -> Result<Self> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .args(["run", "--quiet", "--package", &lesson.package, "--", picture])
            .current_dir(root);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        in_its_own_group(&mut command);
        let mut child = command.spawn().context("cargo does not start")?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let name = format!("{}/{picture}", lesson.package);
        let process = Arc::new(Mutex::new(child));
        let (waits, of) = (Arc::clone(&process), name.clone());
        let was_cancelled = Arc::new(AtomicBool::new(false));
        let cancelled = Arc::clone(&was_cancelled);
        std::thread::spawn(move || {
            let told = report.clone();
            let reader = std::thread::spawn(move || err.map(|err| lines(err, &told)).unwrap_or_default());
            let said = out.map(|out| lines(out, &report)).unwrap_or_default();
            let complained = reader.join().unwrap_or_default();
            // Both pipes are closed, so the program is at its end: the lock is not held for long.
            let status = waits.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).wait();
            let problem = match status {
                Ok(status) if status.success() => left_out(&said),
                Ok(_) if cancelled.load(Ordering::Relaxed) => Some("Cancelled; the picture is as it was.".into()),
                Ok(status) => Some(last_words(&complained, &said, &status.to_string())),
                Err(error) => Some(error.to_string()),
            };
            report(Event::Ended(Drawn { name: of, problem }));
        });
        Ok(Self {
            name,
            line: String::new(),
            process,
            was_cancelled,
        })
    }

    /// Ends the program and what it has started.
    pub fn cancel(&self) {
        self.was_cancelled.store(true, Ordering::Relaxed);
        // Whoever holds the lock has seen the program end.
        if let Ok(mut child) = self.process.try_lock() {
            end(&mut child);
        }
    }
}

/// Reports each line, and gives the last few KB.
fn lines(from: impl Read, report: &impl Fn(Event)) -> String {
    const KEPT: usize = 4096;
    let mut said = String::new();
    let mut reader = BufReader::new(from).take(1 << 20);
    let mut line = vec![];
    // Progress bars end their lines with a carriage return.
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line).to_string();
        if let Some(last) = text.split(['\r', '\n']).rfind(|part| !part.trim().is_empty()) {
            report(Event::Line(last.trim().chars().take(200).collect()));
        }
        said.push_str(&text);
        if said.len() > 2 * KEPT {
            let cut = (said.len() - KEPT..).find(|at| said.is_char_boundary(*at)).unwrap_or(0);
            said.drain(..cut);
        }
        line.clear();
    }
    said
}

fn left_out(said: &str) -> Option<String> {
    let line = said
        .lines()
        .find(|line| line.contains("not started") || line.contains("left out"))?;
    Some(line.trim().to_string())
}

/// Why there is no picture: the first error, else the last line, else how the program ended.
fn last_words(complained: &str, said: &str, ended: &str) -> String {
    let all = complained.lines().chain(said.lines());
    // Progress bars end their lines with a carriage return.
    let all = all
        .flat_map(|line| line.split('\r'))
        .filter(|line| !line.trim().is_empty());
    let failure = |line: &&str| line.starts_with("error") || line.contains("could not be drawn");
    let found = all.clone().find(failure).or_else(|| all.clone().next_back());
    match found {
        Some(line) => line.trim().chars().take(300).collect(),
        None => format!("The program that draws ended without a word ({ended})."),
    }
}

/// The folder of a lesson's own pictures.
fn folder(root: &Path, package: &str) -> PathBuf {
    root.join("target/pictures").join(package)
}

/// The learner's own picture of this name, if it is one of the course's pictures and has been drawn.
pub fn file(root: &Path, package: &str, name: &str) -> Option<PathBuf> {
    course::lesson(package)?;
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let file = folder(root, package).join(name).with_extension("png");
    (is_plain && file.is_file()).then_some(file)
}

/// What is known of each of the learner's pictures: when it was drawn, and how far it is from the reference.
pub fn own(root: &Path) -> BTreeMap<String, Value> {
    static KNOWN: Mutex<BTreeMap<PathBuf, (u128, String)>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut pictures = BTreeMap::new();
    for lesson in course::lessons() {
        for entry in std::fs::read_dir(folder(root, &lesson.package))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = entry.path();
            let Some(name) = path.file_stem().and_then(|name| name.to_str()) else {
                continue;
            };
            if path.extension().is_none_or(|extension| extension != "png") {
                continue;
            }
            let time = entry.metadata().and_then(|data| data.modified()).ok();
            let stamp = time
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
                .map_or(0, |time| time.as_millis());
            let reference = root
                .join("lessons")
                .join(&lesson.package)
                .join("pictures")
                .join(name)
                .with_extension("png");
            let fresh = known
                .get(&path)
                .filter(|(then, _)| *then == stamp)
                .map(|(_, said)| said.clone());
            let comparison = fresh.unwrap_or_else(|| compare(&reference, &path));
            known.insert(path.clone(), (stamp, comparison.clone()));
            let value = json!({ "stamp": stamp.to_string(), "comparison": comparison });
            pictures.insert(format!("{}/{name}", lesson.package), value);
        }
    }
    pictures
}

/// How far two pictures are apart, as a sentence.
fn compare(reference: &Path, own: &Path) -> String {
    let read = |path: &Path| std::fs::read(path);
    let (Ok(left), Ok(right)) = (read(reference), read(own)) else {
        return "There is no reference for this picture.".into();
    };
    if left == right {
        return "Yours is the reference, byte for byte.".into();
    }
    let decode = |bytes: &[u8]| image::load_from_memory(bytes).map(|image| image.to_rgb8());
    let (Ok(left), Ok(right)) = (decode(&left), decode(&right)) else {
        return "One of the two pictures cannot be read.".into();
    };
    if left.dimensions() != right.dimensions() {
        let ((w, h), (own_w, own_h)) = (left.dimensions(), right.dimensions());
        return format!("Yours has {own_w}×{own_h} pixels, the reference {w}×{h}: not the same panels are drawn.");
    }
    let gaps = left.pixels().zip(right.pixels()).map(|(a, b)| {
        let channels = a.0.iter().zip(b.0).map(|(a, b)| a.abs_diff(b));
        channels.max().unwrap_or(0)
    });
    let gaps: Vec<u8> = gaps.collect();
    let (other, most) = (
        gaps.iter().filter(|gap| **gap > 0).count(),
        gaps.iter().max().copied().unwrap_or(0),
    );
    if other == 0 {
        return "Yours has the same pixels as the reference.".into();
    }
    let share = 100.0 * other as f64 / gaps.len() as f64;
    format!("Yours differs from the reference in {share:.1} % of the pixels, by at most {most} of 255.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png(folder: &Path, name: &str, side: u32, value: u8) -> PathBuf {
        let path = folder.join(name);
        image::RgbImage::from_pixel(side, side, image::Rgb([value, 0, 0]))
            .save(&path)
            .unwrap();
        path
    }

    #[test]
    fn a_comparison_says_how_far_two_pictures_are_apart() {
        let place = tempfile::tempdir().unwrap();
        let one = png(place.path(), "one.png", 4, 10);
        assert_eq!(compare(&one, &one), "Yours is the reference, byte for byte.");
        let other = png(place.path(), "other.png", 4, 13);
        assert!(compare(&one, &other).contains("100.0 % of the pixels, by at most 3 of 255"));
        let larger = png(place.path(), "larger.png", 5, 10);
        assert!(compare(&one, &larger).contains("5×5"));
    }

    #[test]
    fn what_a_program_said_last_is_why_there_is_no_picture() {
        assert_eq!(last_words("a\nerror: no room\nb", "c", ""), "error: no room");
        assert_eq!(last_words("1/2\r2/2\r\n", "", ""), "2/2");
        assert_eq!(
            last_words("", "maps.png could not be drawn: no room\nmaps.png left out\n", ""),
            "maps.png could not be drawn: no room"
        );
        assert!(last_words("", "", "signal: 9").contains("signal: 9"));
    }

    #[test]
    fn only_pictures_of_lessons_are_served() {
        let place = tempfile::tempdir().unwrap();
        let pictures = folder(place.path(), "lesson01");
        std::fs::create_dir_all(&pictures).unwrap();
        png(&pictures, "maps.png", 2, 0);
        assert!(file(place.path(), "lesson01", "maps").is_some());
        assert_eq!(file(place.path(), "lesson01", "../lesson01/maps"), None);
        assert_eq!(file(place.path(), "elsewhere", "maps"), None);
    }
}
