//! Threads that programs do without, and a question that candle asks too often.

use std::io::Result;
use std::process::Command;

/// Runs this program again with candle's own threads switched off, and with the number of processors told,
/// unless that was done. For programs in which each image has a thread of its own.
///
/// candle splits sums of large tensors over threads of its own, which serve one caller at a time and spin while they wait.
/// With them a step of training takes twice the processor time. candle reads the variable once, at its first sum.
///
/// **Errors** if the program cannot be started again.
pub fn without_threads_of_candle() -> Result<()> {
    again_with(&[("CANDLE_NUM_THREADS", "1".into()), told_processors()])
}

/// Runs this program again with the number of processors in `RAYON_NUM_THREADS`, unless something stands there. For programs
/// that multiply many small matrices.
///
/// Where it is not said, candle finds it out anew for each product of two matrices; on Linux it reads a text about all
/// processors for it: 50 µs on a machine of two, more where there are more, for a product that may take 1 µs.
///
/// **Errors** if the program cannot be started again.
pub fn with_told_processors() -> Result<()> {
    again_with(&[told_processors()])
}

fn told_processors() -> (&'static str, String) {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    ("RAYON_NUM_THREADS", processors.to_string())
}

/// Runs this program again with these variables, unless all are set.
fn again_with(variables: &[(&str, String)]) -> Result<()> {
    let is_missing = |(name, _): &&(&str, String)| std::env::var_os(name).is_none();
    let missing: Vec<_> = variables.iter().filter(is_missing).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut again = Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1));
    again.envs(missing.iter().map(|(name, value)| (name, value)));
    #[cfg(unix)]
    return Err(std::os::unix::process::CommandExt::exec(&mut again)); // the same process; returns if it cannot
    #[cfg(not(unix))]
    std::process::exit(again.status()?.code().unwrap_or(1));
}
