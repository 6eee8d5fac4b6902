//! The program that `cargo test -p lesson02` runs; Cargo.toml says why it is one.

#[cfg(test)]
mod grade;

#[cfg(test)]
fn main() -> std::process::ExitCode {
    grade::main()
}

/// What an editor's "Run" above `main` starts.
#[cfg(not(test))]
fn main() -> std::process::ExitCode {
    studio::grade("lesson02")
}
