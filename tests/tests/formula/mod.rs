//! Numbers by a formula that the scripts in `fixtures/` compute to the same bits, so that weights and inputs need not be
//! stored.

use candle_core::{DType, Device, Result, Shape, Tensor};

/// `count` numbers k / 2¹⁵ with whole k in [−2¹⁵, 2¹⁵), from a hash of `name` and the index: FNV-1a, then murmur3's
/// finalizer. The same as `formula` in `fixtures/reference.py`.
pub fn formula(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let seed = name.bytes().fold(0x811C_9DC5_u32, |h, byte| {
        (h ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (0..count as u32).map(move |index| {
        let mut h = index.wrapping_mul(0x9E37_79B9).wrapping_add(seed);
        h = (h ^ (h >> 16)).wrapping_mul(0x85EB_CA6B);
        h = (h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35);
        h ^= h >> 16;
        (f64::from(h >> 16) - 32768.0) / 32768.0
    })
}

/// `offset + scale · formula(name)` of a shape.
pub fn tensor(name: &str, shape: impl Into<Shape>, scale: f64, offset: f64, dtype: DType) -> Result<Tensor> {
    let shape = shape.into();
    let values: Vec<f64> = formula(name, shape.elem_count()).map(|u| offset + scale * u).collect();
    Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)
}

/// A weight by its torchvision name, exact in `f32`.
pub fn parameter(name: &str, shape: &Shape, dtype: DType) -> Result<Tensor> {
    let (scale, offset) = if name.ends_with("running_var") {
        (0.5, 1.0)
    } else if name.ends_with("bias") || name.ends_with("running_mean") {
        (0.25, 0.0)
    } else if shape.rank() == 1 {
        (0.25, 1.0) // the weight of a batch norm
    } else {
        let fan_in: usize = shape.dims()[1..].iter().product();
        let mut scale = 1.0; // He's uniform bound √(6 / fan_in), rounded down to a power of two
        while scale * scale * fan_in as f64 > 6.0 {
            scale /= 2.0;
        }
        (scale, 0.0)
    };
    tensor(name, shape, scale, offset, dtype)
}
