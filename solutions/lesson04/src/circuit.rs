//! Exercise 4.12: the weights between two units.

use candle_core::{Result, Tensor, bail};
use resnet::{ResNet, Window, ops};

/// ## 4.12 What does one unit say to the next?
///
/// Between two units stand a kernel and a batch norm. In a trained network the batch norm multiplies each channel by one
/// number and adds another, so both together are again a kernel:
///
/// ```math
/// connection_ij = γ_to / √(σ²_to + 10⁻⁵) · W[to, from, i, j]
/// ```
/// - `convolution`: such as `layer4.1.conv2`, and `norm`: the batch norm behind it, `layer4.1.bn2`
/// - `from`: the unit that the convolution reads, `to`: the one it writes
/// - returns f32, `[kernel, kernel]`: the change of `to` per unit of `from`, place by place
///
/// `network.parameter("layer4.1.bn2.weight")?` is γ, `….running_var` σ², and `layer4.1.conv2.weight` W,
/// `[to, from, kernel, kernel]`.
///
/// **Errors** if there is no such parameter or unit.
/// **Trap** W alone may have the wrong sign and any size: γ can be negative, and σ differs from channel to channel.
/// **Source** Cammarata et al. 2020, "Thread: Circuits"; Olah et al. 2020, "Zoom in", claim 2.
/// **Accepted by** `cargo test -p lesson04 -- ex4_12`
pub fn connection(network: &ResNet, convolution: &str, norm: &str, from: usize, to: usize) -> Result<Tensor> {
    const EPSILON: f64 = 1e-5;
    let of = |name: &str| {
        network
            .parameter(&format!("{norm}.{name}"))?
            .get(to)?
            .to_scalar::<f32>()
    };
    let factor = f64::from(of("weight")?) / (f64::from(of("running_var")?) + EPSILON).sqrt();
    let kernels = network.parameter(&format!("{convolution}.weight"))?;
    kernels.get(to)?.get(from)? * factor
}

/// What the shortcut of a block carries from a unit of its input to a unit of its sum.
///
/// ```math
/// 1 if from = to, otherwise 0            where the block adds its input as it is
/// connection of the 1×1 convolution      where it is projected first: BLOCK.downsample.0 and BLOCK.downsample.1
/// ```
/// - `block`: such as `layer4.1`
///
/// **Errors** as [`connection`] does where there is a projection.
/// **Trap** A unit of an identity shortcut reaches its namesake with weight 1, whatever the convolutions say. What the
/// block's own kernels show is what is *added* to that.
pub fn shortcut(network: &ResNet, block: &str, from: usize, to: usize) -> Result<f64> {
    let projection = format!("{block}.downsample.0");
    if !network.parameters().contains_key(&format!("{projection}.weight")) {
        return Ok(if from == to { 1.0 } else { 0.0 });
    }
    let kernel = connection(network, &projection, &format!("{block}.downsample.1"), from, to)?;
    Ok(f64::from(kernel.sum_all()?.to_scalar::<f32>()?))
}

/// How the second unit changes if the first is set to 0, read from the weights.
///
/// ```math
/// change = −(map ⋆ connection)
/// ```
/// where ⋆ is the convolution as the network does it, zeros around the map: `ops::conv2d`, with a [`Window`] and maps of rank 4.
///
/// - `map`: of the first unit, `[batch, height, width]`
/// - `connection`: `[kernel, kernel]`, of odd size; `stride`: of the convolution
/// - returns `[batch, height / stride, width / stride]`, rounded up. From `BLOCK.relu` to `BLOCK.bn2` or `BLOCK.add` it is exact:
///   everything between them is linear
///
/// **Errors** if a rank does not fit.
pub fn predicted_change(map: &Tensor, connection: &Tensor, stride: usize) -> Result<Tensor> {
    map.dims3()?;
    let (kernel, _) = connection.dims2()?;
    let window = Window::new(kernel).stride(stride).padding(kernel / 2);
    let kernels = connection.unsqueeze(0)?.unsqueeze(0)?; // [1, 1, kernel, kernel]
    ops::conv2d(&map.unsqueeze(1)?, &kernels, window)?.squeeze(1)?.neg()
}

/// How the second unit does change if the first is set to 0: two runs of the network.
///
/// - `images`: normalized
/// - `from`: site and unit that is set to 0 at every place, such as `("layer4.1.relu", 3)`; `to`: site and unit that is looked
///   at, `("layer4.1.add", 5)`. It lies behind `from`
/// - returns after − before, `[batch, height, width]` of the site of `to`
///
/// **Errors** if there is no such site or unit.
pub fn measured_change(network: &ResNet, images: &Tensor, from: (&str, usize), to: (&str, usize)) -> Result<Tensor> {
    for (site, _) in [from, to] {
        if !network.sites().iter().any(|name| name == site) {
            bail!("expected a site of the network, got {site:?}")
        }
    }
    let look = |silence: bool| -> Result<Tensor> {
        let mut seen = None;
        network.forward_visit(images, &mut |site, activation| {
            if site == to.0 {
                seen = Some(activation.narrow(1, to.1, 1)?.squeeze(1)?);
            }
            if site != from.0 {
                return Ok(None);
            }
            let channels = activation.dim(1)?;
            if from.1 >= channels {
                bail!("expected a unit below {channels}, got {}", from.1)
            }
            let kept: Vec<f32> = (0..channels).map(|unit| f32::from(u8::from(unit != from.1))).collect();
            let kept = Tensor::from_vec(kept, (1, channels, 1, 1), activation.device())?;
            silence.then(|| activation.broadcast_mul(&kept)).transpose()
        })?;
        seen.ok_or_else(|| candle_core::Error::Msg(format!("expected to come by {:?}", to.0)))
    };
    look(true)? - look(false)?
}

/// Which share of a predicted change comes through what lies behind, a ReLU for example?
///
/// ```math
/// share = Σ |measured| / Σ |predicted|,    0 if nothing was predicted
/// ```
/// - `predicted`, `measured`: of one shape
/// - returns at most 1 behind one ReLU: where it is closed before and after, nothing comes through, and nowhere more than all
///
/// **Errors** if the shapes differ.
pub fn share_let_through(predicted: &Tensor, measured: &Tensor) -> Result<f64> {
    if predicted.dims() != measured.dims() {
        bail!(
            "expected changes of one shape, got {:?} and {:?}",
            predicted.dims(),
            measured.dims()
        )
    }
    let size = |change: &Tensor| change.abs()?.sum_all()?.to_scalar::<f32>().map(f64::from);
    let (all, through) = (size(predicted)?, size(measured)?);
    Ok(if all > 0.0 { through / all } else { 0.0 })
}
