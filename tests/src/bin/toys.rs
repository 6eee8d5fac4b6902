//! A lesson of toy exercises whose attempts do everything an attempt can do, for the tests of the runner
//! (`tests/runner.rs`). `cargo run -p graders --bin toys` shows what a learner sees.

use candle_core::{DType, Device, Result, Tensor};
use course::Lesson;
use graders::{Exam, exercise, runner};
use std::{
    hint::black_box,
    process::{Command, ExitCode},
    thread,
    time::Duration,
};

type Double = fn(usize) -> usize;
type Scale = fn(&Tensor) -> Result<Tensor>;
type Table = fn(usize) -> String;

/// The second input depends on the seed.
fn double(id: &str, seed: u64) -> Exam<Double> {
    let n = 3 + seed as usize % 1000;
    Exam::new(id, (|n| 2 * n) as Double)
        .mistake("square", "You squared n. Doubling adds n to itself.", |n| n * n)
        .mistake("unchanged", "You returned n as it came.", |n| n)
        .alternative("a sum", |n| n + n)
        .truth("n = 0", 0, |f| f(0))
        .case(format!("n = {n}"), move |f| f(n))
        .case(format!("n = {}", n + 1), move |f| f(n + 1))
}

/// A 2×3 map times ten; a map of rank 1 is refused.
fn scale(id: &str) -> Exam<Scale> {
    let map = Tensor::arange(1f32, 7., &Device::Cpu)
        .and_then(|x| x.reshape((2, 3)))
        .expect("six values");
    let flat = map.flatten_all().expect("on the CPU");
    Exam::new(id, times_ten as Scale)
        .mistake("tenth", "You divided by ten instead of multiplying.", |x| x * 0.1)
        .mistake("negative", "The sign is wrong.", |x| x * -10.)
        .case("the numbers 1 to 6 as a 2×3 map", move |f| f(&map))
        .refuses("a list instead of a map", move |f| f(&flat))
}

fn times_ten(x: &Tensor) -> Result<Tensor> {
    x.dims2()?;
    x * 10.
}

fn table(id: &str) -> Exam<Table> {
    let expected = "layer   size\nconv1   64×64\nlayer1  32×32\nlayer2  16×16";
    Exam::new(id, (|_| String::new()) as Table).truth("size 64", expected, |f| f(64))
}

/// The solution takes its time.
fn slow(id: &str) -> Exam<Double> {
    let solution: Double = |n| {
        thread::sleep(Duration::from_millis(120));
        2 * n
    };
    Exam::new(id, solution).case("n = 1", |f| f(1))
}

/// Compared with a snapshot.
fn photograph(id: &str) -> Exam<Table> {
    let solution: Table = |n| format!("name  size\nn     {n}\n");
    Exam::new(id, solution).snapshot("n = 3", "toy_table", |f| f(3))
}

fn broken(seed: u64) -> Exam<Double> {
    double("9.16", seed).case("an input that the solution cannot take", |_| -> usize {
        panic!("no room")
    })
}

/// Larger maps, which no verdict can show whole.
fn maps(id: &str) -> Exam<Scale> {
    let maps = Tensor::arange(0f32, 3. * 40. * 50., &Device::Cpu).and_then(|x| x.reshape((3, 40, 50)));
    let maps = maps.expect("six thousand values");
    Exam::new(id, (|x| x * 10.) as Scale).case("three maps of 40×50", move |f| f(&maps))
}

/// Many inputs.
fn many(id: &str) -> Exam<Double> {
    let exam = Exam::new(id, (|n| 2 * n) as Double);
    (0..12).fold(exam, |exam, n| exam.case(format!("n = {n}"), move |f| f(n)))
}

/// Wrong, and prints for ever, with line ends and without.
fn chatters(n: usize) -> usize {
    for end in ["\n", ""] {
        let text = format!("{}{end}", "x".repeat(5000));
        thread::spawn(move || {
            loop {
                print!("{text}");
            }
        });
    }
    thread::sleep(Duration::from_millis(300));
    n + 1
}

/// Wrong, and leaves a child that holds the streams of this process.
fn leaves(n: usize) -> usize {
    let child = Command::new("sleep").arg("60").spawn();
    println!("left {}", child.map_or(0, |child| child.id()));
    n + 1
}

#[allow(unconditional_recursion)]
fn endless(n: usize) -> usize {
    black_box(endless(black_box(n) + 1)) + 1
}

fn lesson() -> std::result::Result<Lesson, course::CatalogueError> {
    let entry = |(i, (name, requires)): (usize, &(&str, &str))| {
        let k = i + 1;
        format!(
            "[[exercises]]\nid = \"9.{k}\"\nname = \"{name}\"\ntest = \"ex9_{k}_{name}\"\ntitle = \"{name}\"\n\
             file = \"src/toys.rs\"\ndifficulty = 1\nminutes = 5\ncore = true\nrequires = [{requires}]\n\
             hints = [\"a\", \"b\"]\n"
        )
    };
    let list: String = NAMES.iter().enumerate().map(entry).collect();
    Lesson::parse(9, &format!("title = \"Toys\"\n{list}"))
}

const NAMES: [(&str, &str); 25] = [
    ("passes", ""),
    ("mistaken", ""),
    ("hangs", ""),
    ("overflows", ""),
    ("exits", ""),
    ("panics", ""),
    ("hoards", ""),
    ("nan", ""),
    ("flattens", ""),
    ("refuses", ""),
    ("untouched", ""),
    ("waits", "\"9.2\""),
    ("close", ""),
    ("prints", ""),
    ("tabulates", ""),
    ("breaks", ""),
    ("lenient", ""),
    ("borrows", ""),
    ("slow", ""),
    ("photographs", ""),
    ("chatters", ""),
    ("leaves", ""),
    ("rants", ""),
    ("sprawls", ""),
    ("dawdles", ""),
];

fn main() -> ExitCode {
    let lesson = lesson().expect("a valid catalogue");
    runner::run(
        &lesson,
        &[
            exercise("9.1", |seed| double("9.1", seed), |n| n << 1),
            exercise("9.2", |seed| double("9.2", seed), |n| n * n),
            exercise(
                "9.3",
                |seed| double("9.3", seed),
                |n| loop {
                    black_box(n);
                },
            ),
            exercise("9.4", |seed| double("9.4", seed), endless as Double),
            exercise("9.5", |seed| double("9.5", seed), |_| std::process::exit(0)),
            exercise("9.6", |seed| double("9.6", seed), |n| [n][n + 1]),
            exercise(
                "9.7",
                |seed| double("9.7", seed),
                |n| {
                    let mut hoard = vec![];
                    loop {
                        hoard.push(black_box(vec![n; 1 << 20]));
                    }
                },
            ),
            exercise("9.8", |_| scale("9.8"), |x| x.zeros_like()? / x.zeros_like()?),
            exercise("9.9", |_| scale("9.9"), |x| (x * 10.)?.flatten_all()),
            exercise("9.10", |_| scale("9.10"), |x| x.dims1().and_then(|_| x * 10.)),
            exercise(
                "9.11",
                |seed| double("9.11", seed),
                |_| todo!("exercise 9.11: add n to itself"),
            ),
            exercise("9.12", |seed| double("9.12", seed), |n| n + 1),
            exercise("9.13", |_| scale("9.13"), |x| x * 10.01),
            exercise(
                "9.14",
                |seed| double("9.14", seed),
                |n| {
                    println!("working on {n}");
                    eprintln!("[src/toys.rs:1:1] n = {n}");
                    n + 2 * usize::from(n > 0)
                },
            ),
            exercise(
                "9.15",
                |_| table("9.15"),
                |n| format!("layer   size\nconv1   {n}×{n}\nlayer1  33×33\nlayer2  16×16"),
            ),
            exercise("9.16", broken, |n| 2 * n),
            exercise("9.17", |_| scale("9.17"), |x| x * 10.),
            exercise(
                "9.18",
                |seed| double("9.18", seed),
                |_| todo!("exercise 9.11: add n to itself"),
            ),
            // More than the two seconds of the tests, less than 30 times the solution's time.
            exercise(
                "9.19",
                |_| slow("9.19"),
                |n| {
                    thread::sleep(Duration::from_millis(2400));
                    2 * n
                },
            ),
            exercise(
                "9.20",
                |_| photograph("9.20"),
                |n| format!("name  size\nn     {}\n", n + 1),
            ),
            exercise("9.21", |seed| double("9.21", seed), chatters as Double),
            exercise("9.22", |seed| double("9.22", seed), leaves as Double),
            exercise(
                "9.23",
                |seed| double("9.23", seed),
                |n| panic!("{} {}", "no room for this ".repeat(10_000), "x".repeat(1_000_000 + n)),
            ),
            exercise(
                "9.24",
                |_| maps("9.24"),
                |x| {
                    let one = Tensor::ones((), DType::F32, x.device())?;
                    (x * 10.)?.slice_assign(&[1..2, 30..31, 47..48], &one.reshape((1, 1, 1))?)
                },
            ),
            exercise(
                "9.25",
                |_| many("9.25"),
                |n| {
                    thread::sleep(Duration::from_millis(150));
                    2 * n
                },
            ),
        ],
    )
}
