//! Safetensors files, by their own crate; it checks the table against the file's size.

use candle_core::Device;
use candle_core::safetensors::Load;
use safetensors::{Dtype, SafeTensors};

use super::torch::Kind;
use super::{Contents, elements};

/// All tensors of a file.
///
/// **Errors** say what is wrong with it, or name the tensor that is of another type.
pub(super) fn read(bytes: &[u8]) -> Result<Contents, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| format!("not a complete safetensors file ({error})"))?;
    let mut contents = Contents::default();
    for (name, view) in file.iter() {
        let about = |error: String| format!("{name}: {error}");
        elements(view.shape()).map_err(about)?;
        let kind = match view.dtype() {
            Dtype::F16 | Dtype::BF16 => Kind::F16,
            Dtype::F64 => Kind::F64,
            // Counters and what a training remembers stay as they are.
            Dtype::F32 | Dtype::U8 | Dtype::U32 | Dtype::I16 | Dtype::I32 | Dtype::I64 => Kind::F32,
            other => return Err(about(format!("expected f32, f64, f16 or bf16, got {other:?}"))),
        };
        let tensor = view.load(&Device::Cpu);
        let tensor = match kind {
            Kind::F32 => tensor,
            _ => tensor.and_then(|tensor| tensor.to_dtype(candle_core::DType::F32)),
        };
        contents
            .parameters
            .insert(name.into(), tensor.map_err(|error| about(error.to_string()))?);
        contents.converted(&kind);
    }
    contents.say_converted();
    Ok(contents)
}
