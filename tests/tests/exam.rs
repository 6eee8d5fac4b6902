//! Grading an attempt: the verdicts, and which mistake is named.

use candle_core::{DType, Device, Result, Tensor};
use course::report::Verdict;
use graders::{AnyExam, Exam, Fault, Grade, Hazard, Observed, Tolerance, catalogue::faults, fault};

type Double = fn(usize) -> usize;

fn double() -> Exam<Double> {
    Exam::new("1.1", (|n| 2 * n) as Double)
        .mistake("square", "You squared n; doubling adds it to itself.", |n| n * n)
        .mistake("constant", "You return 4 whatever n is.", |_| 4)
        .alternative("a sum", |n| n + n)
        .truth("n = 2", 4, |f| f(2))
        .case("n = 3", |f| f(3))
        .case("n = 4", |f| f(4))
        .case("n = 5", |f| f(5))
        .case("n = 6", |f| f(6))
}

type Map = fn(&Tensor) -> Result<Tensor>;

fn map(values: &[f32]) -> Tensor {
    Tensor::from_slice(values, values.len(), &Device::Cpu).unwrap()
}

fn keep() -> Exam<Map> {
    Exam::new("1.1", (|x| Ok(x.clone())) as Map).case("four numbers", |f| f(&map(&[1., -2., 0., 1000.])))
}

fn text(grade: &Grade, label: &str) -> String {
    let found = grade.evidence.iter().find(|(name, _)| name == label);
    found.map(|(_, text)| text.clone()).unwrap_or_default()
}

#[test]
fn the_first_failing_input_is_shown_with_yours_and_expected() {
    let grade = double().grade(|n| 2 * n + usize::from(n > 3));
    assert_eq!((grade.verdict, grade.input.as_deref()), (Verdict::Wrong, Some("n = 4")));
    assert_eq!(
        (text(&grade, "yours"), text(&grade, "expected")),
        ("9".into(), "8".into())
    );
    assert_eq!(text(&grade, "difference"), "1 too large");
}

#[test]
fn a_mistake_is_named_if_it_explains_every_answer() {
    let grade = double().grade(|n| n.pow(2));
    assert_eq!(
        (grade.verdict, grade.mistake.as_deref()),
        (Verdict::Mistake, Some("square"))
    );
    assert_eq!(grade.sentence, "You squared n; doubling adds it to itself.");
}

#[test]
fn a_mistake_is_not_named_beside_a_second_fault() {
    let grade = double().grade(|n| if n == 5 { 0 } else { n * n });
    assert_eq!((grade.verdict, grade.mistake), (Verdict::Wrong, None));
    // Not even where the attempt is right and the mistake is not.
    let grade = double().grade(|n| if n == 5 { 10 } else { n * n });
    assert_eq!((grade.verdict, grade.mistake), (Verdict::Wrong, None));
}

#[test]
fn one_agreement_alone_names_no_mistake() {
    // Agrees with `square` on the first failing input, n = 3, and on no later one.
    let grade = double().grade(|n| [0, 0, 4, 9, 1, 1, 1][n]);
    assert_eq!(grade.input.as_deref(), Some("n = 3"));
    assert_eq!((grade.verdict, grade.mistake), (Verdict::Wrong, None));
}

/// Half of an even number.
type Half = fn(usize) -> std::result::Result<usize, String>;

fn half() -> Exam<Half> {
    let right: Half = |n| if n % 2 == 0 { Ok(n / 2) } else { Err("odd".into()) };
    Exam::new("1.1", right)
        .mistake(
            "underflow",
            "A usize cannot go below 0; test before you subtract.",
            |n| Ok(n - 1),
        )
        .mistake("refuses all", "Even numbers have a half.", |_| Err("no".into()))
        .mistake("rounded", "An odd number has no half: return an error.", |n| Ok(n / 2))
        .case("n = 0", |f| f(0))
        .refuses("n = 7", |f| f(7))
        .because("7 is odd")
        .case("n = 4", |f| f(4))
        .refuses("n = 5", |f| f(5))
}

#[test]
fn errors_and_panics_alone_name_no_mistake() {
    let grade = half().grade(|_| Err("no".into()));
    assert_eq!((grade.verdict, grade.mistake), (Verdict::ReturnedError, None));
    let panics = Exam::new("1.1", (|n| n / 2) as Double)
        .mistake(
            "underflow",
            "A usize cannot go below 0; test before you subtract.",
            |n| n - 1,
        )
        .case("n = 0", |f| f(0));
    assert_eq!(panics.grade(|n| n - 1).verdict, Verdict::Panicked);
    // Beside a value that agrees, the same panic is no contradiction.
    assert_eq!(half().grade(|n| Ok(n - 1)).mistake.as_deref(), Some("underflow"));
    assert_eq!(
        half()
            .grade(|n| if n == 0 { panic!("else") } else { Ok(n - 1) })
            .mistake,
        None
    );
}

#[test]
fn values_come_first_and_all_missing_errors_at_once() {
    let wrong = half().grade(|n| Ok(n / 2 + n / 4));
    assert_eq!((wrong.verdict, wrong.input.as_deref()), (Verdict::Wrong, Some("n = 4")));
    let grade = half().grade(|n| Ok(if n == 5 { 1 } else { n / 2 }));
    assert_eq!((grade.verdict, grade.mistake.as_deref()), (Verdict::Understood, None));
    assert_eq!(
        grade.sentence,
        "The values are right. These inputs should be refused with an error."
    );
    assert_eq!(
        text(&grade, "should fail"),
        "n = 7: you returned 3 (7 is odd)\nn = 5: you returned 1"
    );
    let named = half().grade(|n| Ok(n / 2));
    assert_eq!(
        (named.verdict, named.mistake.as_deref()),
        (Verdict::Understood, Some("rounded"))
    );
    assert_eq!(
        named.sentence,
        "The values are right. An odd number has no half: return an error."
    );
    let panics = half().grade(|n| if n % 2 == 0 { Ok(n / 2) } else { Ok(n / 2 - n) });
    assert!(
        panics.sentence.ends_with("test before you subtract."),
        "{}",
        panics.sentence
    );
    assert!(text(&panics, "should fail").starts_with("n = 7: you panicked: attempt to subtract"));
}

/// A sum of numbers, made of parts that may be wrong.
type Sum = &'static (dyn Fn(&[f64]) -> f64 + Sync);

#[derive(Clone)]
struct Parts {
    start: f64,
    sign: f64,
    skip: usize,
}

fn sum(faults: &[Fault<Parts>]) -> Exam<Sum> {
    let right = Parts {
        start: 0.0,
        sign: 1.0,
        skip: 0,
    };
    let answer = |parts: Parts| -> Sum {
        graders::keep(Box::new(move |x| {
            x.iter()
                .skip(parts.skip)
                .fold(parts.start, |sum, x| sum + parts.sign * x)
        }))
    };
    let solution: Sum = graders::keep(Box::new(|x: &[f64]| x.iter().sum()));
    Exam::new("1.1", solution)
        .faults("a fold", &right, answer, faults)
        .truth("two numbers", 5.0, |f| f(&[2.0, 3.0]))
        .case("three numbers", |f| f(&[1.0, 2.0, 4.0]))
}

const STARTS_AT_1: Fault<Parts> = fault("starts at 1", "Your sum starts at 1; start at 0.", |p| p.start = 1.0);
const SUBTRACTS: Fault<Parts> = fault("subtracts", "You subtract the numbers; add them up.", |p| p.sign = -1.0);
const SKIPS_ONE: Fault<Parts> = fault("skips one", "The first number is missing in your sum.", |p| p.skip = 1);

#[test]
fn a_fault_is_a_right_answer_with_one_part_changed() {
    let exam = sum(&[STARTS_AT_1, SUBTRACTS, SKIPS_ONE]);
    assert_eq!(faults(&exam), Vec::<String>::new());
    let alternatives = exam.alternatives();
    assert_eq!(alternatives[0].0, "a fold");
    assert!(alternatives[0].1.is_pass());
    let named: Vec<_> = AnyExam::mistakes(&exam)
        .into_iter()
        .map(|tested| (Some(tested.name), tested.grade.mistake))
        .collect();
    assert_eq!(named.len(), 3);
    assert!(named.iter().all(|(id, found)| id == found), "{named:?}");
}

#[test]
fn two_faults_at_once_get_no_name() {
    let exam = sum(&[STARTS_AT_1, SUBTRACTS, SKIPS_ONE]);
    let mut pairs: Vec<_> = exam
        .pairs(0, 9)
        .into_iter()
        .map(|(a, b, grade)| (a, b, grade.mistake))
        .collect();
    pairs.sort();
    assert_eq!(pairs.len(), 3, "all pairs of three");
    assert!(pairs.iter().all(|(.., named)| named.is_none()), "{pairs:?}");
    assert_eq!(exam.pairs(1, 2).len(), 2);
}

/// "shorter by one" and "starts at −1" together look like a third mistake on the inputs of this exam.
#[test]
fn a_pair_that_is_taken_for_a_third_mistake_is_a_fault_of_the_exam() {
    const TWICE: Fault<Parts> = fault("starts at 5", "Your sum starts at 5; start at 0.", |p| p.start += 5.0);
    const ONCE: Fault<Parts> = fault("starts at 2", "Your sum starts at 2; start at 0.", |p| p.start += 2.0);
    const BOTH: Fault<Parts> = fault("starts at 7", "Your sum starts at 7; start at 0.", |p| p.start += 7.0);
    let found = faults(&sum(&[TWICE, ONCE, BOTH]));
    let wrong_name = "`starts at 2` and `starts at 5` at once are taken for `starts at 7`";
    assert!(found.iter().any(|fault| fault.ends_with(wrong_name)), "{found:?}");
}

#[test]
fn a_hazard_is_proved_by_an_attempt_that_is_wrong_in_nothing_else() {
    let exam = || double().case("n = 100,000", |f| f(100_000)).holds(Hazard::Scale);
    assert!(
        faults(&exam())[0].ends_with("no attempt proves the hazard `scale`"),
        "{:?}",
        faults(&exam())
    );
    // By an attempt of its own, or by any other that the exam knows.
    let in_a_byte: Double = |n| usize::from((2 * n) as u8);
    assert_eq!(
        faults(&exam().hazard(Hazard::Scale, "in a byte", in_a_byte)),
        Vec::<String>::new()
    );
    assert_eq!(faults(&exam().unnamed("in a byte", in_a_byte)), Vec::<String>::new());
    let shows = |exam: Exam<Double>| AnyExam::unnamed(&exam)[0].shows.clone();
    assert_eq!(shows(exam().unnamed("in a byte", in_a_byte)), [Hazard::Scale]);
    // What is wrong elsewhere too proves nothing.
    let elsewhere = faults(&exam().hazard(Hazard::Scale, "three times", |n| 3 * n));
    assert!(
        elsewhere[0].contains("it is wrong on inputs that do not hold it: n = 2"),
        "{elsewhere:?}"
    );
    assert_eq!(shows(exam().unnamed("three times", |n| 3 * n)), []);
}

/// Two functions.
#[derive(Clone, Copy)]
struct Both {
    double: Double,
    half: Half,
}

#[test]
fn of_several_functions_each_is_said_to_pass_or_not() {
    let right = Both {
        double: |n| 2 * n,
        half: |n| Ok(n / 2),
    };
    let exam = Exam::new("1.1", right)
        .mistake(
            "square",
            "You squared n; doubling adds it to itself.",
            Both {
                double: |n| n * n,
                ..right
            },
        )
        .part("double")
        .truth("double of 3", 6, |f| (f.double)(3))
        .case("double of 4", |f| (f.double)(4))
        .part("half")
        .case("half of 4", |f| (f.half)(4));
    let todo = Both {
        double: |_| todo!("exercise 1.1: add n to itself"),
        half: |_| todo!("exercise 1.1: divide"),
    };
    assert_eq!(exam.grade(todo).verdict, Verdict::NotStarted);
    let begun = exam.grade(Both {
        half: todo.half,
        ..right
    });
    assert_eq!(
        (begun.verdict, begun.sentence.as_str()),
        (Verdict::Begun, "double passes, half is not started. Next: divide.")
    );
    let second = exam.grade(Both {
        double: todo.double,
        ..right
    });
    assert_eq!(
        second.sentence,
        "double is not started, half passes. Next: add n to itself."
    );
    let wrong = exam.grade(Both {
        double: todo.double,
        half: |n| Ok(n),
    });
    assert_eq!(
        (wrong.verdict, wrong.input.as_deref()),
        (Verdict::Wrong, Some("half of 4"))
    );
    assert_eq!(text(&wrong, "functions"), "double is not started, half fails");
    // What is not written yet is no reason not to name what is wrong.
    let named = exam.grade(Both {
        double: |n| n * n,
        half: todo.half,
    });
    assert_eq!(named.mistake.as_deref(), Some("square"));
    assert_eq!(text(&named, "functions"), "double fails, half is not started");
}

#[test]
fn a_wrong_answer_without_a_name_is_explained() {
    let exam = || {
        Exam::new("1.1", (|x| x * -1.) as Map)
            .case("four numbers", |f| f(&map(&[1., -2., 0., 1000.])))
            .case("two numbers", |f| f(&map(&[3., -4.])))
            .case("two images", |f| f(&map(&[3., 4.]).reshape((2, 1, 1, 1))?))
    };
    let says = |attempt: Map, label: &str| text(&exam().grade(attempt), label);
    assert_eq!(
        says(|x| x * -0.5, "notice"),
        "all your numbers are the expected ones times 0.5"
    );
    assert_eq!(says(|x| Ok(x.clone()), "notice"), "all signs are the other way round");
    assert_eq!(says(|x| x - (x * 2.)?, "notice"), "");
    assert!(says(|x| x.zeros_like(), "notice").starts_with("all your numbers are 0"));
    let zeros_once = says(|x| if x.rank() == 4 { x.zeros_like() } else { x.neg() }, "notice");
    assert!(!zeros_once.contains("are 0"), "{zeros_once}");
    assert_eq!(
        says(|x| x.relu()?.neg(), "notice"),
        "only where the expected number is positive is yours wrong"
    );
    assert_eq!(says(|x| x.neg()? + 2., "notice"), "always 2 too large");
    assert_eq!(
        says(|x| if x.elem_count() == 4 { x.neg() } else { x * 3. }, "right on"),
        "four numbers"
    );
    assert_eq!(
        says(|x| if x.elem_count() == 4 { x.neg() } else { x * 3. }, "in common"),
        ""
    );
    let first = |x: &Tensor| -> Result<Tensor> {
        match x.rank() {
            4 => Tensor::cat(&[x.narrow(0, 0, 1)?.neg()?, x.narrow(0, 1, 1)?], 0),
            _ => x.neg(),
        }
    };
    assert_eq!(
        says(first, "notice"),
        "the first of the images is right, what comes after it is not"
    );
    assert_eq!(says(first, "right on"), "four numbers; two numbers");
}

#[test]
fn a_notice_explains_every_number() {
    type Gives = &'static (dyn Fn() -> Tensor + Sync);
    let gives = |values: &'static [f32]| -> Gives { graders::keep(Box::new(move || map(values))) };
    let notice = |expected, yours| {
        let exam = Exam::new("1.1", gives(expected)).case("numbers", |f| f());
        text(&exam.grade(gives(yours)), "notice")
    };
    assert_eq!(notice(&[-3e38, -2e38], &[-1000., -1000.]), "");
    assert_eq!(
        notice(&[-3., 2.], &[0., 2.]),
        "yours are the expected numbers with the negative ones set to 0"
    );
    assert_eq!(notice(&[0., 1.], &[1., 1.]), "only where 0 is expected is yours wrong");
    assert_eq!(notice(&[4., 0.5], &[0.25, 2.]), "yours are 1 over the expected numbers");
    assert!(notice(&[0., 1.], &[1., 0.]).starts_with("the numbers are right and stand in other places"));
    assert_eq!(
        notice(&[0., 1., 2.], &[2., 1., 0.]),
        "yours run backwards along the list"
    );
}

#[test]
fn a_panic_says_what_and_where() {
    let grade = double().grade(|_| vec![].pop().unwrap());
    assert!(
        grade.sentence.contains("called `Option::unwrap()` on a `None` value"),
        "{}",
        grade.sentence
    );
    assert!(grade.at.unwrap().starts_with("tests/tests/exam.rs:"));
}

#[test]
fn a_stub_is_not_started_and_another_stub_makes_it_wait() {
    let own = double().grade(|_| todo!("exercise 1.1: add n to itself"));
    assert_eq!(
        (own.verdict, own.sentence.as_str()),
        (Verdict::NotStarted, "add n to itself")
    );
    let other = double().grade(|_| todo!("exercise 1.7: count"));
    assert_eq!(
        (other.verdict, other.waiting_for.as_deref()),
        (Verdict::Waiting, Some("1.7"))
    );
    // 1.10 is not 1.1.
    assert_eq!(double().grade(|_| todo!("exercise 1.10: x")).verdict, Verdict::Waiting);
    assert_eq!(double().grade(|_| todo!()).verdict, Verdict::Panicked);
}

#[test]
fn shape_comes_before_dtype_before_finiteness_before_values() {
    let verdict = |attempt: Map| keep().grade(attempt).verdict;
    assert_eq!(
        verdict(|x| x.reshape((2, 2))?.to_dtype(DType::F64)),
        Verdict::WrongShape
    );
    assert_eq!(verdict(|x| x.to_dtype(DType::F64)? / 0.), Verdict::WrongDtype);
    assert_eq!(verdict(|x| x / 0.), Verdict::NotFinite);
    assert_eq!(verdict(|x| x * 1.001), Verdict::Close);
    assert_eq!(verdict(|x| x * 1.1), Verdict::Wrong);
    assert_eq!(verdict(|x| x * 1.000_01), Verdict::Passed);
}

#[test]
fn close_says_in_which_band_the_error_lies() {
    let sentence = |attempt: Map| {
        let grade = keep().grade(attempt);
        assert_eq!(grade.verdict, Verdict::Close);
        grade.sentence
    };
    // A hundredth of a value, a hundred-thousandth of the largest one.
    let little = sentence(|x| x + map(&[0.01, 0., 0., 0.]));
    assert!(little.contains("less than 1e-4"), "{little}");
    let more = sentence(|x| x * 1.001);
    assert!(more.contains("between 1e-4 and 1e-2"), "{more}");
}

#[test]
fn nothing_is_broadcast() {
    let exam = Exam::new("1.1", (|x| Ok(x.clone())) as Map).case("three equal numbers", |f| f(&map(&[1., 1., 1.])));
    assert_eq!(exam.grade(|x| x.mean_keepdim(0)).verdict, Verdict::WrongShape);
}

#[test]
fn the_worst_value_is_pointed_at() {
    let grade = keep().grade(|x| x + map(&[0., 3., 0., 1.]));
    let said = text(&grade, "difference");
    assert!(
        said.starts_with("2 of 4 values; the largest at [1]: yours 1, expected -2\n"),
        "{said}"
    );
}

#[test]
fn rounding_near_zero_is_forgiven_in_proportion_to_the_array() {
    // The third value should be 0, the largest is 1000, so 1000 · 1e-6 is accepted.
    assert!(keep().grade(|x| x + map(&[0., 0., 5e-4, 0.])).is_pass());
    assert!(!keep().grade(|x| x + map(&[0., 0., 5e-3, 0.])).is_pass());
}

#[test]
fn a_tolerance_belongs_to_its_experiment() {
    type Number = fn(f64) -> f64;
    let exam = Exam::new("1.1", (|x| x) as Number)
        .case("loose", |f| f(1.))
        .within(Tolerance::relative(0.1))
        .case("usual", |f| f(2.));
    assert_eq!(exam.grade(|x| x * 1.05).input.as_deref(), Some("usual"));
}

#[test]
fn errors_are_expected_only_where_the_input_is_bad() {
    type Root = fn(f64) -> std::result::Result<f64, String>;
    let exam = Exam::new(
        "1.1",
        (|x: f64| {
            if x < 0. { Err("negative".into()) } else { Ok(x.sqrt()) }
        }) as Root,
    )
    .truth("4", 2., |f| f(4.))
    .refuses("-1", |f| f(-1.));
    assert!(
        exam.grade(|x| if x < 0. {
            Err("other words".into())
        } else {
            Ok(x.powf(0.5))
        })
        .is_pass()
    );
    assert_eq!(exam.grade(|_| Err("I give up".into())).verdict, Verdict::ReturnedError);
    assert_eq!(exam.grade(|x| Ok(x.abs().sqrt())).verdict, Verdict::Understood);
}

#[test]
fn an_exam_whose_solution_fails_is_broken_not_the_learner() {
    let panics = Exam::new("1.1", (|_| panic!("oh")) as Double).case("n = 1", |f| f(1));
    assert_eq!(panics.grade(|n| n).verdict, Verdict::Broken);
    let missing = Exam::new("1.1", (|n| n) as Double).snapshot("n = 1", "no_such", |f| f(1).to_string());
    let grade = missing.grade(|n| n);
    assert_eq!(grade.verdict, Verdict::Broken);
    assert!(
        grade.sentence.contains("tests/snapshots/no_such.snap"),
        "{}",
        grade.sentence
    );
}

#[test]
fn a_snapshot_is_compared_line_by_line() {
    type Table = fn(usize) -> String;
    let right: Table = |n| format!("name  size\nn     {n}\n");
    graders::snapshot::assert("toy_table", &right(3));
    let exam = Exam::new("1.1", right).snapshot("n = 3", "toy_table", |f| f(3));
    assert!(exam.grade(right).is_pass());
    let grade = exam.grade(|n| format!("name  size\nn     {}", n + 1));
    assert_eq!(
        text(&grade, "difference"),
        "- expected, + yours\n  name  size\n- n     3\n+ n     4"
    );
}

#[test]
fn every_type_is_shown_and_compared() -> Result<()> {
    let shows = |value: Observed, text: &str| assert_eq!(value.show(), text);
    shows(true.into(), "true");
    shows(3usize.into(), "3");
    shows(0.5f32.into(), "0.5");
    shows(1.0e-9.into(), "1.0000e-9");
    shows(vec![1usize, 64, 112].into(), "[1, 64, 112]");
    shows(vec![0.25f64, -1.].into(), "shape [2], f64\n0.25    -1");
    shows(
        Tensor::zeros((2, 2, 2), DType::U8, &Device::Cpu)?.into(),
        "shape [2, 2, 2], u8\n0  0\n0  0\n\n0  0\n0  0",
    );
    shows(
        Tensor::ones((3, 8, 8), DType::F32, &Device::Cpu)?.into(),
        "shape [3, 8, 8], f32, values from 1 to 1",
    );
    shows(Tensor::new(2i64, &Device::Cpu)?.into(), "shape [], i64\n2");
    shows(
        Observed::fields([("mean", 1.5), ("deviation", 2.)]),
        "mean       1.5\ndeviation  2",
    );
    let pair: Observed = (1usize, Err::<f64, _>("no")).into();
    shows(pair, "first   1\nsecond  error: no");
    Ok(())
}

#[test]
fn a_difference_in_a_field_is_named() {
    type Stats = fn(f64) -> (f64, f64);
    let exam = Exam::new("1.1", (|x| (x, 2. * x)) as Stats)
        .case("3", |f| Observed::fields([("mean", f(3.).0), ("deviation", f(3.).1)]));
    let said = text(&exam.grade(|x| (x, x)), "difference");
    assert!(said.starts_with("in deviation: relative error 0.5"), "{said}");
}

#[test]
fn because_replaces_the_general_sentence() {
    let exam = Exam::new("1.1", (|n| n) as Double)
        .truth("n = 1", 1, |f| f(1))
        .because("A fixed point.");
    assert_eq!(exam.grade(|n| n + 1).sentence, "A fixed point.");
}

#[test]
fn a_sound_exam_has_no_faults() {
    assert_eq!(faults(&double()), Vec::<String>::new());
}

#[test]
fn a_tolerance_that_lets_a_systematic_fault_through_is_found() {
    type Number = fn(f64) -> f64;
    let exam = |tolerance: f64| {
        Exam::new("1.1", (|x| 3.0 * x) as Number)
            .case("1", |f| f(1.0))
            .within(Tolerance::relative(tolerance))
    };
    let fault = |exam| {
        let faults = faults(&exam);
        let is_it = |fault: &&String| fault.contains("passes with this fault: a tenth more");
        faults.iter().filter(is_it).count()
    };
    assert_eq!((fault(exam(0.01)), fault(exam(0.2))), (0, 1));
}

#[test]
fn faults_of_an_exam_are_found() {
    let has = |exam: Exam<Double>, fault: &str| {
        let faults = faults(&exam);
        assert!(faults.iter().any(|found| found.contains(fault)), "{fault}: {faults:#?}");
    };
    has(
        double().mistake("twin", "The same answer as `constant`.", |_| 4),
        "`twin` is not recognised: wrong",
    );
    has(
        double().mistake("harmless", "This one is right, in fact.", |n| n + n),
        "`harmless` is not recognised: passed",
    );
    has(double().mistake("terse", "Wrong.", |n| n), "`terse` needs a sentence");
    has(double().alternative("off", |n| n), "the alternative `off` fails: wrong");
    has(double().truth("n = 7", 15, |f| f(7)), "the solution fails: wrong");
    has(double().case("n = 2", |f| f(2)), "the same label");
    let bare = || Exam::new("1.1", (|n| n) as Double).case("n = 1", |f| f(1));
    has(bare(), "at least 2 mistakes, got 0");
    has(bare(), "at least 1 alternative");
    has(bare().refuses("n = 2", |_| Err::<usize, _>("no")), "at least 1 truth");
}
