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
    let fresh = parameters::initialize(network.config(), seed)?;
    let mut weights = Parameters::clone(network.parameters());
    for module in modules {
        let below = format!("{module}.");
        let mut found = false;
        for (name, weight) in &mut weights {
            if name.starts_with(&below) {
                *weight = fresh[name].clone();
                found = true;
            }
        }
        if !found {
            bail!("expected a module of the network, got {module:?}");
        }
    }
    ResNet::new(network.config(), &weights)
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
    let mut networks = vec![network.clone()];
    for module in TOP_DOWN {
        // From the network before: the two share all other weights.
        networks.push(randomized(&networks[networks.len() - 1], &[module], seed)?);
    }
    Ok(networks)
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
    let (a, b) = (ranks(a)?, ranks(b)?);
    let mean = (a.len() as f64 + 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| (a - mean) * (b - mean)).sum() };
    let scale = (product(&a, &a) * product(&b, &b)).sqrt();
    Ok(if scale > 0.0 { product(&a, &b) / scale } else { 0.0 })
}

/// The rank of each value, equal values sharing the mean of theirs.
fn ranks(map: &Tensor) -> Result<Vec<f64>> {
    let values = map.flatten_all()?.to_vec1::<f32>()?;
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for group in order.chunk_by(|&i, &j| values[i] == values[j]) {
        let mean = before as f64 + (group.len() as f64 + 1.0) / 2.0;
        group.iter().for_each(|&i| ranks[i] = mean);
        before += group.len();
    }
    Ok(ranks)
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
