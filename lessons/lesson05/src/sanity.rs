//! Exercise 5.8: does the map depend on what the network has learned?

use candle_core::{Result, Tensor, bail};
use resnet::{Parameters, ResNet, Window, ops, parameters};

/// The parts of a ResNet from the logits down to the image.
pub const TOP_DOWN: [&str; 7] = ["fc", "layer4", "layer3", "layer2", "layer1", "bn1", "conv1"];

/// The network with some of its modules freshly initialized, as before training. Part of exercise 5.8.
///
/// - `modules`: names such as `fc`, `layer4` or `layer1.0.conv2`; each stands for all parameters below it, the
///   running statistics of batch norms included
/// - `seed`: of the fresh weights; `parameters::initialize(network.config(), seed)` makes a whole set of them
/// - returns another network; `network` stays as it is
///
/// **Errors** if a name fits no parameter.
/// **Trap** `conv1` means the first convolution, and not `layer1.0.conv1`.
pub fn randomized(network: &ResNet, modules: &[&str], seed: u64) -> Result<ResNet> {
    todo!("exercise 5.8: exchange the parameters below each module")
}

/// ## 5.8 Would an untrained network give the same map?
///
/// A map that stays the same when the weights are replaced by random ones cannot show what was learned. Replace them
/// from the top down: first the last layer alone, then the last layer and `layer4`, and so on. If the map says something
/// about the network it must change, the more the further the replacement goes. Write [`randomized`] above and
/// [`rank_correlation`] below too; the checks begin with them.
///
/// ```math
/// cascade[i] = the network with the first i modules of TOP_DOWN at random,    i = 0 … 7
/// ```
/// - `seed`: of the fresh weights, one for all steps, so that each step only adds to the last
/// - returns eight networks: the trained one first, the untrained one last
///
/// **Errors** as `randomized` does.
/// **Trap** One layer at random at a time is another experiment, and an easier one to pass.
/// **Source** Adebayo et al. 2018, "Sanity checks for saliency maps", section 3.1.
/// **Accepted by** `cargo test -p lesson05 -- ex5_8`
pub fn cascade(network: &ResNet, seed: u64) -> Result<Vec<ResNet>> {
    todo!("exercise 5.8: no module at random, then one, then two, …")
}

/// How alike two maps are in the order of their values: Spearman's ρ. Part of exercise 5.8.
///
/// ```math
/// ρ = Σ (r_i − mean r)(s_i − mean s) / √( Σ (r_i − mean r)² · Σ (s_i − mean s)² )
/// ```
/// - r and s are the ranks of the values in each map: 1 for the smallest; equal values share the mean of their ranks
/// - `a`, `b`: of one shape, any rank
/// - returns ρ from −1 to 1, and 0 if a map has only one value, since it orders nothing
///
/// **Errors** if the shapes differ.
pub fn rank_correlation(a: &Tensor, b: &Tensor) -> Result<f64> {
    if a.dims() != b.dims() {
        bail!("expected maps of one shape, got {:?} and {:?}", a.dims(), b.dims());
    }
    todo!("exercise 5.8: ranks first, then their correlation")
}

/// Where the brightness changes: the size of its gradient by Sobel's filters. It knows nothing of any network.
///
/// - `images`: `[batch, 3, height, width]`; returns `[batch, height, width]`, zeros on a flat image
pub fn edges(images: &Tensor) -> Result<Tensor> {
    let grey = images.mean_keepdim(1)?;
    let grey = grey.pad_with_same(2, 1, 1)?.pad_with_same(3, 1, 1)?;
    let across = Tensor::new(&[[[[-1f32, 0., 1.], [-2., 0., 2.], [-1., 0., 1.]]]], images.device())?;
    let down = across.t()?.contiguous()?;
    let filtered = |filter| ops::conv2d(&grey, filter, Window::new(3))?.sqr();
    (filtered(&across)? + filtered(&down)?)?.sqrt()?.squeeze(1)
}
