//! Exercise 3.2: one step of gradient ascent on an image.

use candle_core::{Result, Tensor, Var, bail};

/// A function from tensor to tensor: an objective from images to one number each, or a change of images.
pub type Function<'a> = dyn Fn(&Tensor) -> Result<Tensor> + 'a;

/// ## 3.2 Which way is up?
///
/// Training asks how the *weights* should change for a given image. Here the weights stay, and the gradient says how the
/// *image* should change: one number per pixel and colour.
///
/// ```math
/// values[n] = f(x)[n],    gradient = ∂(Σ_n values[n]) / ∂x
/// ```
/// - `x`: `[batch, …]`: images, or later what images are made from
/// - `f`: the objective, `[batch]` from such a tensor. It may answer otherwise each time: both are of one call
/// - returns `values`, `[batch]`, and `gradient`, the shape of `x`; zeros if `f` does not depend on `x`. Neither is still
///   connected to the graph
///
/// candle keeps the gradients of `Var`s only: `Var::from_tensor` makes one of the numbers in `x`, `backward()` gives a
/// store, and `store.get(&var)` an `Option<&Tensor>`. Where `f` is curved, candle's gradient itself still hangs on the
/// graph: detach it as well.
///
/// **Errors** if `f` gives anything but one number per image.
/// **Trap** The sum over the batch is what makes each image's gradient its own; a mean would shrink it with the batch.
/// **Accepted by** `cargo test -p lesson03 -- ex3_2`
pub fn value_and_gradient(x: &Tensor, f: &Function) -> Result<(Tensor, Tensor)> {
    todo!("exercise 3.2: a Var of x, f of it, the sum of that, backward")
}

/// The gradient's size says little: a unit of an early layer may have slopes of 10, one of a late layer of 10⁻⁴. So only
/// its direction is used, and the step says how far a typical pixel moves.
///
/// ```math
/// direction = g / (rms + 1e-8),    rms = √(mean of g² over one image)
/// ```
/// - `gradient`: `[batch, …]`; returns the same shape, each image divided by its own rms
///
/// **Trap** A unit that is dead for an image has gradient 0. Without the 1e-8 the division gives NaN, and the image is
/// lost; with it, the image stays as it is.
pub fn direction(gradient: &Tensor) -> Result<Tensor> {
    todo!("exercise 3.2: divide each image's gradient by its own rms + 1e-8")
}

/// One step of gradient ascent.
///
/// ```math
/// x + step_size · direction(gradient)
/// ```
/// - `step_size`: how far a typical pixel moves, in the units of `x`; 0.01 is 1 % of the range from black to white
/// - returns the shape of `x`, not connected to the graph
///
/// **Errors** as [`value_and_gradient`] does.
/// **Trap** Libraries for training descend: they subtract. And if the result stayed connected, the graph would grow with
/// each step, until `backward` overflows the stack.
pub fn ascent_step(x: &Tensor, f: &Function, step_size: f64) -> Result<Tensor> {
    todo!("exercise 3.2: value_and_gradient, direction, and a step upwards")
}

/// Pulls images that have left a ball back to its surface: a limit on how much contrast an image may have.
///
/// ```math
/// x · min(1, radius / ‖x‖),    ‖x‖ = √(sum of squares over one image)
/// ```
/// - `x`: `[batch, …]`; `radius` > 0
///
/// Among the images in the ball, the best one for a linear unit w·x is radius · w/‖w‖: the unit's own weights. This is
/// the one case in which you know beforehand what must come out.
///
/// **Errors** if `radius` is not positive.
pub fn into_ball(x: &Tensor, radius: f64) -> Result<Tensor> {
    if radius.is_nan() || radius <= 0.0 {
        bail!("expected a positive radius, got {radius}");
    }
    todo!("exercise 3.2: the norm of each image first")
}
