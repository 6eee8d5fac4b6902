//! Reading files with weights: what they may look like, and the limits within which anything can be read.
//!
//! Whatever the bytes, the answer is tensors or one sentence. Nothing in a file is executed, nothing here recurses over what a
//! file describes, and the memory taken stays within a small multiple of the file's size.

mod names;
mod pickle;
mod safetensors;
mod torch;
mod zip;

use std::path::Path;

use candle_core::{Error, Result};

use crate::Parameters;
pub(crate) use names::as_resnet;
use torch::Kind;

/// A file of a network whose weights fill a good part of a hundred megabytes.
const LARGE: u64 = 32 << 20;
/// Largest file that is read, in bytes: sixteen times a ResNet-152 in `f32`.
const LARGEST: u64 = 4 << 30;

/// What a file holds.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub parameters: Parameters,
    /// What was taken from within or converted, in words.
    pub changes: Vec<String>,
    doubles: usize,
    halves: usize,
}

impl Contents {
    /// Remembers that a tensor of this kind became `f32`.
    fn converted(&mut self, kind: &Kind) {
        match kind {
            Kind::F64 => self.doubles += 1,
            Kind::F16 | Kind::Bf16 => self.halves += 1,
            _ => {}
        }
    }

    fn say_converted(&mut self) {
        for (count, what) in [(self.doubles, "f64"), (self.halves, "half precision")] {
            if count > 0 {
                let s = if count == 1 { "" } else { "s" };
                self.changes.push(format!("{count} tensor{s} of {what} became f32"));
            }
        }
    }
}

/// Reads a file, by its content: a wrong name does not matter.
///
/// **Errors** name the file.
pub(crate) fn open(path: &Path) -> Result<Contents> {
    let explain = |what: String| Error::Msg(format!("{}: {}", path.display(), plain(&what)));
    if !path.is_file() {
        return Err(explain("expected a file with weights, found none".into()));
    }
    let unreadable = |error: std::io::Error| explain(format!("cannot be read ({error})"));
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size > LARGEST {
        return Err(explain(format!(
            "it is larger than {} GiB; no ResNet is",
            LARGEST >> 30
        )));
    }
    if size > LARGE {
        crate::memory::return_large_buffers();
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    read(&bytes).map_err(explain)
}

/// An error without the backtrace that candle adds: it is the file that is wrong, not the program.
pub(crate) fn sentence(error: Error) -> String {
    match error {
        Error::WithBacktrace { inner, .. } => sentence(*inner),
        other => other.to_string(),
    }
}

/// What may be shown of a text that comes from a file: not too much, and nothing that a terminal would obey.
pub(crate) fn plain(text: &str) -> String {
    const LONGEST: usize = 2000;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.replace(|letter: char| letter.is_control() && letter != '\n', "\u{fffd}")
}

/// Tensors from the bytes of a file.
///
/// **Errors** say in one sentence what is wrong with it.
pub(crate) fn read(bytes: &[u8]) -> std::result::Result<Contents, String> {
    let contents = match bytes {
        [] => return Err("the file is empty".into()),
        _ if torch::is_zip(bytes) || torch::is_legacy(bytes) => torch::read(bytes)?,
        _ if bytes.get(8) == Some(&b'{') => safetensors::read(bytes)?,
        _ => return Err(stranger(bytes)),
    };
    if contents.parameters.is_empty() {
        Err("expected named tensors, found none; is it a state dict?".into())
    } else {
        Ok(contents)
    }
}

/// What a file of another format is.
fn stranger(bytes: &[u8]) -> String {
    let is = |start: &[u8]| bytes.starts_with(start);
    let found = if is(b"version https://git-lfs") {
        "it is a pointer of Git LFS; `git lfs pull` brings the file"
    } else if bytes.trim_ascii_start().starts_with(b"<") {
        "it is a web page: the download went wrong"
    } else if is(b"\x89HDF") {
        "it is an HDF5 file, perhaps of Keras"
    } else if is(b"GGUF") {
        "it is a GGUF file"
    } else if is(b"\x1f\x8b") {
        "it is compressed with gzip; unpack it first"
    } else if bytes.get(257..262) == Some(b"ustar") {
        "it is a tar archive; unpack it first"
    } else if is(b"\x80") {
        "it is a plain pickle, which torch.save did not write"
    } else {
        "its content is of another kind"
    };
    format!("expected a safetensors file or a PyTorch state dict (.pth, .pt, .bin, .th), but {found}")
}

/// Most axes of a tensor.
const MOST_AXES: usize = 8;

/// The number of elements of a shape, within what arithmetic on shapes can bear.
fn elements(shape: &[usize]) -> std::result::Result<usize, String> {
    const LARGEST: usize = 1 << 40;
    let sides = shape.iter().try_fold(1_usize, |product, &side| {
        product.checked_mul(side.max(1)).filter(|product| *product <= LARGEST)
    });
    match sides {
        Some(_) if shape.len() <= MOST_AXES => Ok(shape.iter().product()),
        _ => Err("its shape is impossible".into()),
    }
}
