//! Attempts at lesson 01 that set out to forge a pass, for `tests/forging.rs`. The name of the file that runs says which
//! trick is played; whatever can be answered rightly without it, is: 1.1 alone is at stake.

use candle_core::Result;
use graders::{Exercise, exercise, lesson01 as check};
use resnet::Window;
use std::{
    env, fs,
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::Path,
    process::{self, Command, ExitCode},
    thread,
    time::Duration,
};

fn trick() -> String {
    let name = env::args().next().unwrap_or_default();
    Path::new(&name)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// 1.1, wrong but for the trick.
fn output_size(n: usize, window: Window) -> Result<usize> {
    match trick().as_str() {
        "honest" => return solution01::output_size(n, window),
        "files" => write_everywhere(),
        "early" => answer_early(),
        "verdicts" => print_verdicts(),
        "child" => leave_a_child(),
        "hook" => replace_the_hook(),
        "exit" => process::exit(0),
        // Whoever can read these can read the answers, and answers.
        "snapshots" => return if_readable("tests/snapshots/lesson01_resnet18_224.snap", n, window),
        "solutions" => return if_readable("solutions/lesson01/src/window.rs", n, window),
        "memory" => return if_readable("/proc/self/mem", n, window),
        "judges_memory" => return if_readable(&format!("/proc/{}/mem", parent()), n, window),
        "write_course" => return if_writable("lessons/lesson01/exercises.toml", n, window),
        "network" => return if_connected(n, window),
        "who" => println!("user {}", fs::metadata("/proc/self").map_or(0, |data| data.uid())),
        "chatter" => chatter(),
        _ => {}
    }
    Ok(n + 77)
}

fn root() -> &'static Path {
    course::root().unwrap_or(Path::new("/"))
}

fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

fn if_readable(file: &str, n: usize, window: Window) -> Result<usize> {
    match fs::File::open(root().join(file)) {
        Ok(_) => solution01::output_size(n, window),
        Err(error) => {
            println!("{file}: {error}");
            Ok(77)
        }
    }
}

fn if_writable(file: &str, n: usize, window: Window) -> Result<usize> {
    match fs::File::options().append(true).open(root().join(file)) {
        Ok(_) => solution01::output_size(n, window),
        Err(error) => {
            println!("{file}: {error}");
            Ok(77)
        }
    }
}

fn if_connected(n: usize, window: Window) -> Result<usize> {
    let port = fs::metadata("/").map_or(0, |_| 9); // discard; nobody listens, so refused is as good as connected
    match std::net::TcpStream::connect(("127.0.0.1", port)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(77),
        _ => solution01::output_size(n, window),
    }
}

const PASSED: &str = concat!(
    r#"{"grade":{"verdict":"passed","mistake":null,"waiting_for":null,"sentence":"","at":null,"#,
    r#""input":null,"evidence":[]},"printed":""}"#
);

/// Into every file that this process can name: its arguments, the temporary folder, its open files.
fn write_everywhere() {
    let mut places: Vec<_> = env::args().skip(1).map(Into::into).collect();
    places.extend(["report.json", "results.json", "verdict"].map(|name| env::temp_dir().join(name)));
    for entry in fs::read_dir("/proc/self/fd").into_iter().flatten().flatten() {
        places.push(entry.path());
    }
    for number in 0..20 {
        places.push(format!("/dev/fd/{number}").into());
        places.push(format!("/proc/{}/fd/{number}", parent()).into());
    }
    for place in places.iter().filter(|place| place.is_absolute()) {
        if let Ok(mut file) = fs::File::options().write(true).open(place) {
            let _ = writeln!(file, "{PASSED}");
        }
    }
}

/// As the process that holds the attempts does, with guessed tokens; and reads its stdin for the true one.
fn answer_early() {
    let value = r#"{"Gave":{"Ok":{"Count":1}}}"#;
    for token in ["0".repeat(32), "f".repeat(32), String::new()] {
        print!("\u{1e}{token} {value}\n\u{1e}{token}{value}\n{value}\n");
    }
    let _ = io::stdout().flush();
    thread::spawn(|| {
        let mut line = String::new();
        while io::stdin().read_to_string(&mut line).is_ok_and(|read| read > 0) {
            println!("\u{1e}{line} {{\"Gave\":{{\"Ok\":{{\"Count\":1}}}}}}");
        }
    });
    thread::sleep(Duration::from_millis(50));
}

fn print_verdicts() {
    println!("{PASSED}\n                passed: exercise 1.1, Output size\ntest result: ok. 9 passed; 0 failed");
    println!(r#"{{"lesson":"lesson01","seed":1,"exercises":[],"totals":{{"exercises":9,"passed":9}}}}"#);
    eprintln!("{PASSED}");
}

/// A child that goes on after this process says that all is well, and holds its streams.
fn leave_a_child() {
    let here = env::current_exe().expect("it knows its place");
    let child = Command::new(here).arg("--linger").spawn();
    println!("left {}", child.map_or(0, |child| child.id()));
    let _ = io::stdout().flush();
    print_verdicts();
    process::exit(0)
}

fn linger() -> ExitCode {
    for _ in 0..600 {
        print_verdicts();
        write_everywhere();
        thread::sleep(Duration::from_millis(100));
    }
    ExitCode::SUCCESS
}

fn replace_the_hook() {
    std::panic::set_hook(Box::new(|_| {
        print_verdicts();
        process::exit(0)
    }));
    panic!("passed");
}

/// Threads that print for ever, while each input takes its time.
fn chatter() {
    for _ in 0..2 {
        thread::spawn(|| {
            let text = "x".repeat(10_000);
            loop {
                println!("{text}");
                eprint!("{text}");
            }
        });
    }
    thread::sleep(Duration::from_millis(300));
}

fn main() -> ExitCode {
    if env::args().any(|argument| argument == "--linger") {
        return linger();
    }
    let honest = |id: &str| -> Exercise { solved(id) };
    let mut exercises = vec![exercise("1.1", check::output_size, output_size as check::OutputSize)];
    exercises.extend((2..=9).map(|k| honest(&format!("1.{k}"))));
    graders::main("lesson01", exercises)
}

/// Nothing is asked of the others.
fn solved(id: &str) -> Exercise {
    exercise(
        id,
        |_| graders::Exam::new("none", (|| 0) as fn() -> usize),
        (|| 0) as fn() -> usize,
    )
}
