//! Exercise 2.2: gradients in the middle of a network.

use candle_core::{Error, Result, Tensor, Var, bail};
use resnet::ResNet;

/// ## 2.2 What would change if this activation were larger?
///
/// A forward hook says what an activation is. Its gradient says what it is good for: by how much the objective rises
/// for each unit by which the activation rises. candle gives gradients of `Var`s only, so put one there:
///
/// ```math
/// tapped = activation + tap,    tap = 0
/// ∂objective/∂tap = ∂objective/∂tapped
/// ```
/// - `images`: normalized, `[batch, 3, height, width]`
/// - `sites`: names of `network.sites()`, in any order, each once
/// - `objective`: makes one number of the logits `[batch, classes]`, a tensor of one element, whatever its shape; the
///   score of one class, for example
/// - returns ∂objective/∂activation per entry of `sites`, in that order, each of its activation's shape and dtype, from
///   *one* forward and one backward pass
///
/// `network.forward_visit(images, &mut |site, activation| …)` goes on with `Some(tensor)` in place of the activation.
/// `Var::zeros(shape, dtype, device)` makes the tap, `objective.backward()?` a store, `store.get(&tap)` an `Option`.
///
/// The network's own `tap` does the same. Write it yourself: it is five lines, and you will need it in other networks.
///
/// **Errors** if there is no such site, or if the objective has more than one element: candle would sum them without a
/// word.
/// **Trap** `Var::from_tensor(activation)` has the same values and cuts the network there: no site before it gets a
/// gradient.
/// **Source** PyTorch has `Module.register_full_backward_hook` for this.
/// **Accepted by** `cargo test -p lesson02 -- ex2_2`
pub fn gradients(
    network: &ResNet,
    images: &Tensor,
    sites: &[&str],
    objective: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<Vec<Tensor>> {
    todo!("exercise 2.2: one tap per site during the pass; then the objective, backward, and a look into the store")
}
