//! The other sides are Python's.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::Arguments;

/// What a Python has of that which is needed.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// PyTorch's version, if torch and torchvision can be imported.
    pub torch: Option<String>,
    /// ONNX Runtime's version, if onnxruntime and onnx can be imported.
    pub onnxruntime: Option<String>,
}

/// Where the scripts lie, in the repository that this runs in.
const FOLDER: &str = "lessons/shared/resnet/examples/speed";

/// A script that lies beside this file.
///
/// **Errors** if this does not run in the repository.
pub fn command(arguments: &Arguments, script: &str) -> Result<Command> {
    let mut command = Command::new(arguments.python.as_deref().unwrap_or(Path::new("python3")));
    command
        .arg(course::root()?.join(FOLDER).join(script))
        .args(["--threads", &arguments.threads.to_string()]);
    arguments.restrict(&mut command);
    Ok(command)
}

/// Looks what this Python has.
///
/// **Errors** if it does not run or has no PyTorch.
pub fn look(arguments: &Arguments) -> Result<Found> {
    let Some(python) = &arguments.python else {
        return Ok(Found::default());
    };
    let output = command(arguments, "versions.py")?.output();
    let output = output.with_context(|| format!("{} does not run", python.display()))?;
    let versions: Value = serde_json::from_slice(&output.stdout).with_context(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!(
            "{} does not run the script beside this program:\n{said}",
            python.display()
        )
    })?;
    let version = |name: &str| versions[name].as_str().map(str::to_string);
    let found = Found {
        torch: version("torch"),
        onnxruntime: version("onnxruntime"),
    };
    if found.torch.is_none() {
        bail!(
            "{python} has no PyTorch ({}).\nInstall it: {python} -m pip install torch torchvision onnx onnxruntime\n\
             or leave --python out: this crate alone is measured then.",
            versions["missing"].as_str().unwrap_or("unknown reason"),
            python = python.display()
        );
    }
    Ok(found)
}
