//! The program in a real pseudo-terminal: keys, a resize, `NO_COLOR`, `TERM=dumb`.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::Checkout;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// A terminal in which the program runs.
struct Session {
    pty: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
}

impl Session {
    fn new(checkout: &Checkout, arguments: &[&str], columns: u16, rows: u16, variables: &[(&str, &str)]) -> Self {
        let size = |columns, rows| PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_lesson"));
        command.args(arguments);
        command.cwd(&checkout.0);
        for name in [
            "CARGO_MANIFEST_DIR",
            "LESSON_STATE",
            "NO_COLOR",
            "VISUAL",
            "EDITOR",
            "TERM_PROGRAM",
            "COLORTERM",
        ] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color");
        command.env_remove("CI"); // a learner's terminal: under CI colours are taken to be welcome on a dumb one, too
        variables.iter().for_each(|(name, value)| command.env(name, value));
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(cells(rows), cells(columns), 0)));
        let raw = Arc::new(Mutex::new(vec![]));
        let mut output = pair.master.try_clone_reader().unwrap();
        let (to_screen, to_raw) = (screen.clone(), raw.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                to_screen.lock().unwrap().process(&bytes[..count]);
                to_raw.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self {
            keys: pair.master.take_writer().unwrap(),
            pty: pair.master,
            child,
            screen,
            raw,
        }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    /// Waits until the screen shows this.
    #[track_caller]
    fn shows(&self, words: &str) {
        let start = Instant::now();
        while !self.text().contains(words) {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{words:?} does not come:\n{}",
                self.text()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    fn resize(&self, columns: u16, rows: u16) {
        self.screen
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(cells(rows), cells(columns));
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        self.pty.resize(size).unwrap();
    }

    /// Waits for the end; the exit status and everything that was written.
    #[track_caller]
    fn ends(mut self) -> (u32, String) {
        let start = Instant::now();
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status.exit_code(),
                None if start.elapsed() > Duration::from_secs(20) => {
                    let _ = self.child.kill();
                    panic!("it does not end:\n{}", self.text());
                }
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        thread::sleep(Duration::from_millis(100));
        let raw = self.raw.lock().unwrap();
        (status, String::from_utf8_lossy(&raw).into_owned())
    }
}

/// A checkout whose grader says that 1.1 is wrong until its file says "right".
fn checkout(name: &str) -> (Checkout, String) {
    let checkout = Checkout::new(name);
    let report = |verdict: &str| {
        format!(
            "{{\"lesson\":\"lesson01\",\"seed\":1,\"exercises\":[{{\"id\":\"1.1\",\"name\":\"output_size\",\"test\":\"ex1_1_output_size\",\
             \"title\":\"How large is the output?\",\"core\":true,\"verdict\":\"{verdict}\",\"mistake\":null,\"message\":\"the {verdict} message\",\
             \"seconds\":0.1}}],\"totals\":{{\"exercises\":1,\"passed\":0,\"not_started\":0,\"failed\":1,\"filtered_out\":8}}}}"
        )
    };
    let (grader, file) = (checkout.0.join("grader.sh"), checkout.file("1.1"));
    let script = format!(
        "#!/bin/sh\nif grep -q right {}; then echo '{}'; else echo '{}'; fi\n",
        file.display(),
        report("passed"),
        report("wrong")
    );
    fs::write(&grader, script).unwrap();
    fs::set_permissions(&grader, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(file, "pub fn output_size() { 1 }\n").unwrap();
    let grader = grader.display().to_string();
    (checkout, grader)
}

#[test]
fn an_exercise_is_graded_on_each_save_and_keys_work_at_every_width() {
    let (checkout, grader) = checkout("terminal-watch");
    let mut session = Session::new(&checkout, &["watch", "1.1"], 200, 30, &[("LESSON_GRADER", &grader)]);
    session.shows("the wrong message");
    fs::write(checkout.file("1.1"), "pub fn output_size() { right }\n").unwrap();
    session.shows("the passed message");
    session.shows("✓ 1.1");
    session.press("h");
    session.shows("hint 1 of");
    session.resize(40, 20);
    session.shows("d diff  o open  v pictures  x reset");
    session.press("l");
    session.shows("· 1.2  Convolution by hand");
    session.press("/2.4\r");
    session.shows("2.4  Sparsity");
    session.press("q");
    let (status, raw) = session.ends();
    assert_eq!(status, 0);
    assert!(
        raw.contains("\u{1b}[?1049h") && raw.contains("\u{1b}[?1049l"),
        "the screen of before comes back"
    );
}

#[test]
fn no_color_means_no_colour() {
    let (checkout, grader) = checkout("terminal-colour");
    let colours = |variables: &[(&str, &str)]| {
        let mut all = vec![("LESSON_GRADER", grader.as_str())];
        all.extend(variables);
        let mut session = Session::new(&checkout, &["watch", "1.1"], 80, 24, &all);
        session.shows("the wrong message");
        session.press("q");
        let (_, raw) = session.ends();
        raw.contains("\u{1b}[38;5;")
    };
    assert!(colours(&[]));
    assert!(!colours(&[("NO_COLOR", "1")]));
}

#[test]
fn a_dumb_terminal_gets_lines() {
    let (checkout, grader) = checkout("terminal-dumb");
    let session = Session::new(&checkout, &["list"], 80, 60, &[("TERM", "dumb")]);
    session.shows("5.9");
    let (status, raw) = session.ends();
    assert_eq!(status, 0);
    assert!(!raw.contains("\u{1b}["), "{raw:?}");
    let variables = [("TERM", "dumb"), ("LESSON_GRADER", grader.as_str())];
    let mut session = Session::new(&checkout, &["watch", "1.1"], 80, 24, &variables);
    session.shows("Waiting for a save");
    session.press("\u{3}"); // Ctrl-C
    session.ends();
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("a terminal has a size")
}
