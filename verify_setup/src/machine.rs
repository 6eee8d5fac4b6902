//! What the machine offers: compiler, cores, vector instructions, memory.
//!
//! Memory comes from the operating system's own files and tools. `sysinfo` would give it everywhere, for a
//! dozen more crates in the first build of the workspace; here an unknown system reads "unknown".

use std::path::Path;
use std::process::Command;

use crate::check::Check;

/// Below this, linking the lessons while an editor and its language server run becomes slow or fails.
const COMFORTABLE_GIB: f64 = 2.0;
const GIB: f64 = (1u64 << 30) as f64;

/// The compiler that the learner's next command will use, against `rust-version` in the manifest.
pub fn rust(root: &Path) -> Check {
    const NAME: &str = "Rust";
    let needed = env!("CARGO_PKG_RUST_VERSION");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let printed = match Command::new(&rustc).arg("--version").current_dir(root).output() {
        Ok(output) => {
            // What it complains about, where it says nothing else.
            let said = if output.stdout.is_empty() {
                output.stderr
            } else {
                output.stdout
            };
            String::from_utf8_lossy(&said).into_owned()
        }
        Err(error) => {
            return Check::failed(
                NAME,
                format!("rustc does not start: {error}"),
                "install Rust from https://rustup.rs",
            );
        }
    };
    match release(&printed) {
        Some(found) if version(found) >= version(needed) => Check::ok(NAME, format!("{found} (needs {needed})")),
        Some(found) => Check::failed(
            NAME,
            format!("{found}, but {needed} is needed"),
            "run `rustup update stable`",
        ),
        None => {
            let line = course::panics::first_line(printed.trim_start());
            Check::failed(NAME, format!("rustc answers {line:?}"), "run `rustup update stable`")
        }
    }
}

/// `rustc 1.95.0 (59807616e 2026-04-14)` → `1.95.0`
fn release(printed: &str) -> Option<&str> {
    let found = printed.strip_prefix("rustc ")?.split_whitespace().next()?;
    found.starts_with(|c: char| c.is_ascii_digit()).then_some(found)
}

/// `1.95` → `[1, 95, 0]`; a suffix such as `-nightly` is left out.
fn version(release: &str) -> [u32; 3] {
    let mut numbers = release.split(['.', '-']).map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

/// How many threads the network will use.
pub fn cores() -> Check {
    const NAME: &str = "cores";
    match std::thread::available_parallelism().map_or(1, usize::from) {
        1 => Check::warning(
            NAME,
            "1".into(),
            "works, but slowly: give the machine or container two or more",
        ),
        cores => Check::ok(NAME, cores.to_string()),
    }
}

/// Vector instructions of this processor; the convolutions pick the widest at run time.
pub fn simd() -> Check {
    const NAME: &str = "SIMD";
    let levels = simd_levels();
    if levels.is_empty() {
        Check::warning(
            NAME,
            "no AVX2 or NEON".into(),
            "works, but the network runs several times slower",
        )
    } else {
        Check::ok(NAME, levels.join(", "))
    }
}

#[cfg(target_arch = "x86_64")]
fn simd_levels() -> Vec<&'static str> {
    let mut levels = Vec::new();
    if is_x86_feature_detected!("avx512f") {
        levels.push("AVX-512");
    }
    // The matrix kernels need both.
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        levels.push("AVX2 with FMA");
    }
    levels
}

#[cfg(target_arch = "aarch64")]
fn simd_levels() -> Vec<&'static str> {
    if std::arch::is_aarch64_feature_detected!("neon") {
        vec!["NEON"]
    } else {
        Vec::new()
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn simd_levels() -> Vec<&'static str> {
    Vec::new()
}

/// Memory of the machine, or of the container that limits it.
pub fn memory() -> Check {
    const NAME: &str = "memory";
    let Some(memory) = Memory::read() else {
        return Check::ok(
            NAME,
            format!("unknown on this system; {COMFORTABLE_GIB} GiB free are comfortable"),
        );
    };
    let free = memory
        .free
        .map_or_else(String::new, |free| format!(", {:.1} GiB free", free / GIB));
    let found = format!("{:.1} GiB{free}", memory.total / GIB);
    if memory.free.unwrap_or(memory.total) < COMFORTABLE_GIB * GIB {
        Check::warning(
            NAME,
            found,
            "close other programs if a build is killed, or build with `-j 1`",
        )
    } else {
        Check::ok(NAME, found)
    }
}

/// In bytes.
#[derive(Debug, PartialEq)]
struct Memory {
    total: f64,
    free: Option<f64>,
}

impl Memory {
    fn read() -> Option<Self> {
        if cfg!(target_os = "macos") {
            let output = Command::new("sysctl").args(["-n", "hw.memsize"]).output().ok()?;
            let total = String::from_utf8_lossy(&output.stdout).trim().parse().ok()?;
            return Some(Self { total, free: None });
        }
        let read = |path: &str| std::fs::read_to_string(path).ok();
        let machine = Self::from_meminfo(&read("/proc/meminfo")?)?;
        let cgroup = |file: &str| read(&format!("/sys/fs/cgroup/{file}"))?.trim().parse().ok();
        Some(machine.limited(cgroup("memory.max"), cgroup("memory.current")))
    }

    /// Linux: `/proc/meminfo`, in kB.
    fn from_meminfo(text: &str) -> Option<Self> {
        let field = |name: &str| {
            let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
            let kilobytes: f64 = rest
                .trim_start_matches(':')
                .trim()
                .strip_suffix("kB")?
                .trim()
                .parse()
                .ok()?;
            Some(kilobytes * 1024.0)
        };
        Some(Self {
            total: field("MemTotal")?,
            free: field("MemAvailable"),
        })
    }

    /// A container may be given less than the machine has (cgroup v2).
    fn limited(self, limit: Option<f64>, used: Option<f64>) -> Self {
        match limit {
            Some(limit) if limit < self.total => {
                let left = used.map(|used| (limit - used).max(0.0));
                let free = match (self.free, left) {
                    (Some(free), Some(left)) => Some(free.min(left)),
                    (free, left) => free.or(left),
                };
                Self { total: limit, free }
            }
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(release("rustc 1.95.0 (59807616e 2026-04-14)\n"), Some("1.95.0"));
        assert_eq!(release("command not found"), None);
        assert!(version("1.100.0") > version("1.95"), "1.100 is newer than 1.95");
        assert_eq!(version("1.97.0-nightly"), version("1.97"), "a suffix does not count");
    }

    #[test]
    fn memory_is_read_from_meminfo_and_limited_by_the_container() {
        let text = "MemTotal:        8388608 kB\nMemFree:  1 kB\nMemAvailable:    4194304 kB\n";
        let machine = || Memory::from_meminfo(text).unwrap();
        assert_eq!(
            machine(),
            Memory {
                total: 8.0 * GIB,
                free: Some(4.0 * GIB)
            }
        );
        let container = machine().limited(Some(2.0 * GIB), Some(GIB));
        assert_eq!(
            container,
            Memory {
                total: 2.0 * GIB,
                free: Some(GIB)
            }
        );
        assert_eq!(
            machine().limited(Some(64.0 * GIB), Some(GIB)),
            machine(),
            "a wide limit changes nothing"
        );
        assert_eq!(Memory::from_meminfo("nothing here"), None);
    }
}
