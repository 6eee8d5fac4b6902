//! Exercise 3.9: how little it takes.

use candle_core::{Device, Result, Tensor, bail};

use crate::ascent::{Function, ascent_step, into_ball};

/// What is wanted of an image and a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// The class of the image is no longer the answer; any other will do. An *untargeted* attack.
    Leave,
    /// This class becomes the answer: a *targeted* attack.
    Reach,
}

/// ## 3.9 How little turns an answer?
///
/// The answer is the class with the highest score. How far is it from another? First a number that says so: below 0 as long as
/// nothing is reached, above 0 from where the answer has turned.
///
/// ```math
/// lead_n = z[n, c_n] − max over k ≠ c_n of z[n, k]
/// Reach: margin = lead        Leave: margin = −lead
/// ```
/// - `scores`: z, `[batch, classes]`, as they come out of the network; `classes`: one class for each image, c
/// - returns `[batch]`, connected to `scores`
///
/// [`is_class`] below says where c is; `mask.where_cond(&a, &b)?` takes a where the mask is not 0, and b elsewhere. Scores can
/// lie below any number: for −∞ take `f32::NEG_INFINITY`.
///
/// **Errors** as [`is_class`] does.
/// **Trap** The class itself is not among the others. With it the largest score can be its own; the lead is then never above 0,
/// and no class is ever reached.
/// **Accepted by** `cargo test -p lesson03 -- ex3_9`
pub fn margin(scores: &Tensor, classes: &[u32], goal: Goal) -> Result<Tensor> {
    todo!("exercise 3.9: the score of the class, minus the largest of the others")
}

/// Where the class of each image is: 1 there and 0 elsewhere, `[batch, classes]` of u8.
///
/// **Errors** if there is not one class for each row of scores, or no such class, or nothing beside it.
pub fn is_class(scores: &Tensor, classes: &[u32]) -> Result<Tensor> {
    let (batch, count) = scores.dims2()?;
    if count < 2 || classes.len() != batch || classes.iter().any(|&class| class as usize >= count) {
        bail!("expected a class below {count} for each of {batch} images, and two classes at least, got {classes:?}");
    }
    let classes = Tensor::from_slice(classes, (batch, 1), &Device::Cpu)?;
    classes.broadcast_eq(&Tensor::arange(0, count as u32, &Device::Cpu)?)
}

/// Climbs the margin without going farther than `radius` from the image: the attack.
///
/// ```math
/// x ← clamp₀₁( x₀ + into_ball( ascent_step(x) − x₀ ) )        `steps` times, from x₀
/// step_size = 2·radius / (steps·√pixels)
/// ```
/// where *pixels* is how many numbers an image has, channels·height·width: a typical one moves by step_size, and so the image
/// by 2·radius/steps.
///
/// - `images`: x₀, `[batch, …]` with values in [0, 1]; `scores`: from such images to `[batch, classes]`
/// - `classes`, `goal`: as in [`margin`]; `radius`: the largest Euclidean distance; `steps`: how many. Both are above 0;
///   you need not check that
/// - returns the changed images, in the shape of `images`, not connected to the graph
///
/// **Trap** The ball lies around the image, not around black: [`into_ball`] gets the change, not what was changed.
/// **Source** Madry et al. 2018, "Towards deep learning models resistant to adversarial attacks", section 2.1, with a margin for
/// the loss (Carlini and Wagner 2017).
pub fn fool(
    images: &Tensor,
    scores: &Function,
    classes: &[u32],
    goal: Goal,
    radius: f64,
    steps: usize,
) -> Result<Tensor> {
    todo!("exercise 3.9: a closure for the margin, then the loop of step, ball and clamp")
}

/// Halvings in [`smallest_change`]: the radius is found to within `largest` / 2⁸.
pub const HALVINGS: usize = 8;

/// The smallest change that turns the answer, by bisection: between a radius that does not suffice and one that does, try the
/// one in the middle.
///
/// ```math
/// low = 0, high = largest
/// HALVINGS times:  middle = (low + high) / 2;   high = middle if fool(middle) turns the answer, else low = middle
/// ```
/// - `image`: one, `[1, …]`; `class`, `goal`, `steps`: as in [`fool`]; the answer has turned where the [`margin`] is above 0
/// - returns `high` at the end, and the image that was changed within it and turns the answer; radius 0 and the image itself
///   if there is nothing to do; `None` if not even `largest` suffices. `high` is not how far the image went: the clamp can
///   make that shorter
///
/// For a classifier of two classes whose scores are linear you know it beforehand: the way to the border between them is straight
/// along w, the difference of their weights, and |margin| / ‖w‖ long.
///
/// What is found is a bound from above. Nobody says that there is no shorter way.
///
/// **Trap** The middle that was tried last need not suffice. Keep the image that belongs to `high`. And `argmax` is not the margin:
/// of two equal scores it gives the first, although neither leads.
pub fn smallest_change(
    image: &Tensor,
    scores: &Function,
    class: u32,
    goal: Goal,
    largest: f64,
    steps: usize,
) -> Result<Option<(f64, Tensor)>> {
    todo!("exercise 3.9: is there anything to do, does `largest` suffice, then the bisection")
}
