//! What a side does: it answers requests until there are no more. `worker.rs` asks.
//!
//! It writes one line of JSON when it is ready, `{"ready": true}` or `{"error": "…"}`, and one for each line it is sent:
//! `{"ms": …, "peak_mb": …, "value": …}`.

use std::io::{BufRead, Write, stdin, stdout};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::{Value, json};

/// Does `work` for as many seconds as each line of input says, at least once. It returns what came out.
pub fn serve(mut work: impl FnMut() -> Result<Option<f64>>) -> Result<()> {
    let mut value = work()?; // for caches, and for memory that is asked for once
    say(&json!({ "ready": true }))?;
    for request in stdin().lock().lines() {
        let budget = Duration::from_secs_f64(request?.parse()?);
        let start = Instant::now();
        let mut times = vec![];
        while times.is_empty() || start.elapsed() < budget {
            let start = Instant::now();
            value = work()?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        say(&json!({ "ms": median(&times), "peak_mb": peak_mb(), "value": value }))?;
    }
    Ok(())
}

fn say(value: &Value) -> Result<()> {
    let mut out = stdout().lock();
    writeln!(out, "{value}")?;
    Ok(out.flush()?)
}

/// The most memory that this process has held, in MB, where the system tells (Linux).
fn peak_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some((kib * 1024.0 / 1e6).round())
}

/// The middle of the sorted values, or the mean of the two in the middle.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() % 2 {
        1 => sorted[half],
        _ => (sorted[half - 1] + sorted[half]) / 2.0,
    }
}
