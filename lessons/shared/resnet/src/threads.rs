//! Threads that programs do without.

use std::io::Result;
use std::process::Command;

/// Runs this program again with candle's own threads switched off, unless that was done. For programs in which each image has
/// a thread of its own.
///
/// candle splits sums of large tensors over threads of its own, which serve one caller at a time and spin while they wait.
/// With them a step of training takes twice the processor time. candle reads the variable once, at its first sum.
///
/// **Errors** if the program cannot be started again.
pub fn without_threads_of_candle() -> Result<()> {
    const SWITCH: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(SWITCH).is_some() {
        return Ok(());
    }
    let mut again = Command::new(std::env::current_exe()?);
    again.args(std::env::args_os().skip(1)).env(SWITCH, "1");
    #[cfg(unix)]
    return Err(std::os::unix::process::CommandExt::exec(&mut again)); // the same process; returns if it cannot
    #[cfg(not(unix))]
    std::process::exit(again.status()?.code().unwrap_or(1));
}
