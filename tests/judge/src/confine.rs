//! Running a program that can reach little: on Linux it sees only the files named (Landlock), cannot signal what runs
//! outside or open connections, and, where this runs as root, it runs as another user. Elsewhere it runs as it is.

use anyhow::{Context, Result};
use std::{
    env,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

/// The user that an attempt becomes if this runs as root: one that owns nothing.
const NOBODY: u32 = 65534;

/// What every program needs to start.
const SYSTEM: [&str; 9] = [
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/etc/ld.so.cache",
    "/nix/store",
    "/gnu/store",
];

/// Options of `judge confine`.
#[derive(clap::Args)]
pub struct Options {
    /// Files and folders that may be read and run
    #[arg(long)]
    read: Vec<PathBuf>,
    /// Files and folders that may be written, too
    #[arg(long)]
    write: Vec<PathBuf>,
    /// Become this user
    #[arg(long)]
    user: Option<u32>,
    /// Sockets and signals to the outside are allowed
    #[arg(long)]
    files_only: bool,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Starts the program with the attempts confined: it reads itself, the system's libraries and the checkpoints.
pub fn command(this: &Path, program: &Path, root: &Path) -> Command {
    if !cfg!(target_os = "linux") {
        return Command::new(program);
    }
    let mut command = Command::new(this);
    command.arg("confine");
    for path in [program, &root.join("lessons/shared/checkpoints")] {
        command.arg("--read").arg(path);
    }
    SYSTEM.iter().for_each(|path| {
        command.arg("--read").arg(path);
    });
    command.args(["--write", "/dev/null"]);
    if is_root() && open_to_all(program) {
        command.arg("--user").arg(NOBODY.to_string());
    }
    command.arg("--").arg(program);
    command.env_clear().current_dir("/");
    for name in ["RAYON_NUM_THREADS", "CANDLE_BARRIER_POOL_SPIN_LIMIT"] {
        command.envs(env::var_os(name).map(|value| (name, value)));
    }
    command.env("CARGO_MANIFEST_DIR", root);
    command
}

/// Starts cargo so that a source reads no file but those of the course, the toolchain and the system.
///
/// **Errors** if the program does not know its own place.
pub fn compiler(cargo: &OsStr, root: &Path) -> Result<Command> {
    if !cfg!(target_os = "linux") {
        return Ok(Command::new(cargo));
    }
    let mut command = Command::new(env::current_exe().context("the program does not know its own place")?);
    command.args(["confine", "--files-only"]);
    let home = env::home_dir().unwrap_or_default();
    let or = |name: &str, folder: &str| env::var_os(name).map_or_else(|| home.join(folder), PathBuf::from);
    let temporary = env::temp_dir();
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    for path in [
        &or("CARGO_HOME", ".cargo"),
        &target,
        &temporary,
        &root.join("Cargo.lock"),
        Path::new("/dev"),
    ] {
        command.arg("--write").arg(path);
    }
    for path in [
        root,
        &or("RUSTUP_HOME", ".rustup"),
        "/usr".as_ref(),
        "/bin".as_ref(),
        "/etc".as_ref(),
    ] {
        command.arg("--read").arg(path);
    }
    SYSTEM
        .iter()
        .chain(&["/proc/self", "/proc/cpuinfo", "/sys"])
        .for_each(|path| {
            command.arg("--read").arg(path);
        });
    command.arg("--").arg(cargo);
    Ok(command)
}

/// Confines this process and becomes the program; returns only if that fails.
///
/// **Errors** say why.
pub fn run(options: &Options) -> Result<ExitCode> {
    let [program, arguments @ ..] = &options.command[..] else {
        anyhow::bail!("no program");
    };
    let mut command = Command::new(program);
    command.args(arguments);
    become_it(options, command).with_context(|| format!("cannot run {}", program.display()))
}

#[cfg(target_os = "linux")]
fn become_it(options: &Options, mut command: Command) -> Result<ExitCode> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, Scope, path_beneath_rules,
    };
    use std::os::unix::process::CommandExt;
    // A kernel that knows less enforces what it knows; one without Landlock, nothing.
    let abi = ABI::V6;
    let mut rules = Ruleset::default().handle_access(AccessFs::from_all(abi))?;
    if !options.files_only {
        rules = rules
            .handle_access(AccessNet::from_all(abi))?
            .scope(Scope::from_all(abi))?;
    }
    let read = AccessFs::from_read(abi);
    rules
        .create()?
        .add_rules(path_beneath_rules(&options.read, read))?
        .add_rules(path_beneath_rules(&options.write, AccessFs::from_all(abi)))?
        .restrict_self()?;
    if let Some(user) = options.user {
        command.uid(user).gid(user);
    }
    Err(command.exec().into())
}

#[cfg(not(target_os = "linux"))]
fn become_it(_: &Options, mut command: Command) -> Result<ExitCode> {
    let status = command.status()?;
    Ok(status
        .code()
        .map_or(ExitCode::FAILURE, |code| ExitCode::from(code as u8)))
}

#[cfg(target_os = "linux")]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(target_os = "linux"))]
fn is_root() -> bool {
    false
}

/// Whether every user can run a program: it and all folders above it are open.
#[cfg(unix)]
fn open_to_all(program: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| path.metadata().map_or(0, |data| data.permissions().mode());
    mode(program) & 0o001 != 0 && program.ancestors().skip(1).all(|folder| mode(folder) & 0o001 != 0)
}

#[cfg(not(unix))]
fn open_to_all(_: &Path) -> bool {
    false
}
