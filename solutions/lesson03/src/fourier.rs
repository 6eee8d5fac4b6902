//! Exercise 3.6: another way to write down an image.

use std::f64::consts::TAU;

use candle_core::{Result, Tensor, bail};
use candle_nn::ops::sigmoid;

/// ## 3.6 Where should the optimizer look first?
///
/// One step of ascent moves every pixel by about the same amount: it treats all frequencies alike. Natural images do not:
/// their contrast falls with the frequency f, about as 1/f. Write the image as a sum of waves, divide each wave's amplitude
/// by its frequency, and let the optimizer move the amplitudes instead of the pixels: the same images can be reached, and
/// smooth ones come first.
///
/// ```math
/// image[i, j] = 1/√(H·W) · Σ_u Σ_v  m_v · s_uv · Re( z_uv · e^(2πi·(u·i/H + v·j/W)) )
/// f_uv = √( (min(u, H−u)/H)² + (v/W)² ),    s_uv = 1 / max(f_uv, 1/max(H, W))
/// u = 0 … H−1,    v = 0 … ⌊W/2⌋,    m_v = 1 if v = 0 or 2v = W, otherwise 2
/// ```
/// - `spectrum`: z, `[batch, channels, H, ⌊W/2⌋+1, 2]`, the last dimension being the real and the imaginary part
/// - `width`: W; it cannot be told from the spectrum, since ⌊W/2⌋ is the same for an even and the next odd width
/// - returns `[batch, channels, H, W]`
///
/// With C[a, b] = cos(2π·a·b/n) and S = sin likewise, a sum of waves along one side is a matrix product:
/// (C + iS)·(z_re + i·z_im). First along the height, then the real part along the width.
///
/// **Errors** if the shape is another, or does not fit `width`.
/// **Trap** The wave of frequency 0 has f = 0: hence the `max`. m_v counts the waves with v > W/2, which are the mirror
/// images of those that are written down; v = W/2 is its own mirror image, and so is there once, but only where W is even.
/// **Source** Olah et al. 2017, section "Preconditioning and parameterization". The sum without s is
/// `torch.fft.irfft2(z, s=(H, W), norm="ortho")`.
/// **Accepted by** `cargo test -p lesson03 -- ex3_6`
pub fn from_spectrum(spectrum: &Tensor, width: usize) -> Result<Tensor> {
    let [_, _, height, waves, 2] = *spectrum.dims() else {
        bail!(
            "expected a spectrum of shape [batch, channels, height, waves, 2], got {:?}",
            spectrum.dims()
        );
    };
    if waves != width / 2 + 1 {
        bail!("expected {} waves for width {width}, got {waves}", width / 2 + 1);
    }
    let weights = wave_weights(height, width)?.to_dtype(spectrum.dtype())?;
    let part = |index: usize| spectrum.narrow(4, index, 1)?.squeeze(4)?.broadcast_mul(&weights);
    let (real, imaginary) = (part(0)?, part(1)?); // [batch, channels, height, waves]
    let matrices = |rows: usize, columns: usize, period: usize| -> Result<(Tensor, Tensor)> {
        // Of all products a·b only the rest of a division by the period matters.
        let angles = (0..period).map(|k| TAU * k as f64 / period as f64);
        let table: Vec<(f64, f64)> = angles.map(f64::sin_cos).collect();
        let of = |part: fn((f64, f64)) -> f64| {
            let products = (0..rows * columns).map(|i| (i / columns) * (i % columns));
            let values: Vec<f64> = products.map(|product| part(table[product % period])).collect();
            Tensor::from_vec(values, (rows, columns), spectrum.device())?.to_dtype(spectrum.dtype())
        };
        Ok((of(|(_, cos)| cos)?, of(|(sin, _)| sin)?))
    };
    let (cos, sin) = matrices(height, height, height)?;
    let down_real = (cos.broadcast_matmul(&real)? - sin.broadcast_matmul(&imaginary)?)?;
    let down_imaginary = (sin.broadcast_matmul(&real)? + cos.broadcast_matmul(&imaginary)?)?;
    let (cos, sin) = matrices(waves, width, width)?;
    down_real.broadcast_matmul(&cos)? - down_imaginary.broadcast_matmul(&sin)?
}

/// m_v · s_uv / √(H·W), `[height, waves]`.
fn wave_weights(height: usize, width: usize) -> Result<Tensor> {
    let waves = width / 2 + 1;
    let lowest = 1.0 / height.max(width) as f64;
    let weight = |u: usize, v: usize| {
        let (along_height, along_width) = (u.min(height - u) as f64 / height as f64, v as f64 / width as f64);
        let frequency = along_height.hypot(along_width).max(lowest);
        let count = if v == 0 || 2 * v == width { 1.0 } else { 2.0 };
        count / frequency / ((height * width) as f64).sqrt()
    };
    let weights = (0..height * waves).map(|i| weight(i / waves, i % waves));
    Tensor::from_vec(
        weights.collect::<Vec<f64>>(),
        (height, waves),
        &candle_core::Device::Cpu,
    )
}

/// Colours that occur together are moved together. In the scenes of this course red, green and blue mostly rise and fall
/// as one; that is brightness. An image in *decorrelated* colours has one channel per independent direction, and this
/// turns it into red, green and blue:
///
/// ```math
/// rgb[c, i, j] = Σ_k axes[c, k] · image[k, i, j]
/// ```
/// - `image`: `[batch, 3, height, width]`, channel k along the k-th axis
/// - `axes`: `[3, 3]`; column k is the k-th axis in red, green and blue. `scenes::COLOUR_AXES` was measured on the scenes
/// - returns `[batch, 3, height, width]`
///
/// **Errors** if a shape is another.
/// **Trap** The rows of `axes` belong to the result. With the matrix transposed each picture still has colours, wrong ones.
pub fn mix_colours(image: &Tensor, axes: &Tensor) -> Result<Tensor> {
    let (batch, channels, height, width) = image.dims4()?;
    if (axes.dims(), channels) != (&[3, 3], 3) {
        bail!(
            "expected axes [3, 3] and an image of 3 channels, got {:?} and {:?}",
            axes.dims(),
            image.dims()
        );
    }
    axes.broadcast_matmul(&image.flatten_from(2)?)?
        .reshape((batch, 3, height, width))
}

/// From a spectrum to an image with values between 0 and 1.
///
/// ```math
/// paint = σ( mix_colours( from_spectrum(spectrum) ) ),    σ(x) = 1 / (1 + e^(−x))
/// ```
/// - arguments as in [`from_spectrum`] and [`mix_colours`]; returns `[batch, 3, height, width]`
///
/// The sigmoid keeps every value inside (0, 1) without a clamp, and its gradient is never quite 0.
pub fn paint(spectrum: &Tensor, width: usize, axes: &Tensor) -> Result<Tensor> {
    sigmoid(&mix_colours(&from_spectrum(spectrum, width)?, axes)?)
}
