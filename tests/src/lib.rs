//! Grading: one [`Exam`] per exercise, the mistakes it knows, and the runner that prints the verdicts.
//!
//! A check is a function that takes the attempt, so the same check grades the stub, the solution and every wrong answer
//! in the catalogue. How it is put together:
//!
//! | module | what it holds |
//! |---|---|
//! | [`observed`] | what a function gave, as a value of one type |
//! | [`mod@compare`] | shape, then dtype, then finiteness, then values |
//! | [`exam`] | experiments, mistakes, alternatives |
//! | [`hazard`] | what an exam's inputs must hold |
//! | [`judging`] | what an attempt gave, judged |
//! | [`grade`] | the verdict and its words |
//! | [`runner`] | `cargo test -p lesson01`: a child process per exercise |
//! | [`report`] | what the runner prints |
//! | [`catalogue`] | all exams, for the workspace tests |
//! | [`perturbation`] | systematic faults that every exam must reject |
//! | [`mutants`] | what became of the mutants of the solutions |

mod attempt;
pub mod catalogue;
mod channel;
pub mod compare;
pub mod exam;
mod explain;
pub mod grade;
pub mod hazard;
mod inputs;
pub mod judging;
pub mod lesson01;
pub mod lesson02;
pub mod lesson03;
pub mod lesson04;
pub mod lesson05;
pub mod mutants;
mod observe;
pub mod observed;
mod output;
mod panics;
pub mod perturbation;
mod process;
pub mod report;
pub mod runner;
mod shown;
pub mod snapshot;

pub use compare::Tolerance;
pub(crate) use exam::ordered;
pub use exam::{AnyExam, Exam, Fault, Given, Refused, Slip, Wrong, fault, keep, slip, wrong};
pub use grade::Grade;
pub use hazard::Hazard;
pub use observed::Observed;
pub use runner::{Exercise, exercise, main};
