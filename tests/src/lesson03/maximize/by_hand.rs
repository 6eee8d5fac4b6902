//! Two numbers, a and b: inputs of 3.5 that one can follow by hand.

use std::f32::consts::SQRT_2;

use candle_core::{Result, Tensor};
use resnet::ops;

use super::super::{Function, dot, linear};
use super::{Maximize, Problem, adam, ascent, clamp, nothing, swapped};
use crate::inputs::tensor;

/// 0.1 / √5
const UP: f32 = 0.044_721_36;

pub(super) fn pair(a: f32, b: f32) -> Tensor {
    tensor(&[a, b], (1, 1, 1, 2))
}

pub(super) fn part(x: &Tensor, i: usize) -> Result<Tensor> {
    x.flatten_from(1)?.narrow(1, i, 1)?.squeeze(1)
}

/// −(a − ½)² − (b − ½)²
fn hill(x: &Tensor) -> Result<Tensor> {
    (x - 0.5)?.sqr()?.flatten_from(1)?.sum(1)?.neg()
}

/// max(0, 3·a − b − 10)
pub(super) fn far(x: &Tensor) -> Result<Tensor> {
    ops::relu(&(dot(x, &pair(3.0, -1.0))? - 10.0)?)
}

/// A label, what comes out, why, and what is run on (0, 0) and 3·a − b.
pub(super) type ByHand = (
    &'static str,
    [f32; 2],
    &'static str,
    fn(Maximize, &Tensor, &Function) -> Result<Tensor>,
);

/// One step at a time. The gradient (3, −1) has rms √5.
pub(super) const BY_HAND: [ByHand; 14] = [
    (
        "no step from (0, 0)",
        [0.0, 0.0],
        "Without a step the image is the start.",
        |f, x, o| f(x, &Problem::new(o), &ascent(0, 0.1)),
    ),
    (
        "two steps of 0.1 up 3·a − b from (0, 0)",
        [6.0 * UP, -2.0 * UP],
        "The gradient (3, −1) has rms √5: twice 0.1 · (3, −1)/√5, and what comes back is where that ends, as it \
             is.",
        |f, x, o| f(x, &Problem::new(o), &ascent(2, 0.1)),
    ),
    (
        "a step of 0.1 up 3·a − b with the penalty 2·a",
        [0.1, -0.1],
        "3·a − b − 2·a has the gradient (1, −1): its rms is 1, though its sum is 0.",
        |f, x, o| {
            let penalty = |x: &Tensor| part(x, 0)? * 2.0;
            f(x, &problem!(o, penalty: &penalty), &ascent(1, 0.1))
        },
    ),
    (
        "two steps of 0.1 where the network is shown (b, a)",
        [-2.0 * UP, 6.0 * UP],
        "3·b − a: the gradient comes back through the transformation, and the image itself is never swapped.",
        |f, x, o| f(x, &problem!(o, transform: &swapped), &ascent(2, 0.1)),
    ),
    (
        "the same with the penalty 4·b",
        [-0.1, -0.1],
        "3·b − a − 4·b = −a − b. The penalty is that of the image before it is transformed.",
        |f, x, o| {
            let penalty = |x: &Tensor| part(x, 1)? * 4.0;
            f(x, &problem!(o, transform: &swapped, penalty: &penalty), &ascent(1, 0.1))
        },
    ),
    (
        "a step of 0.1 where the image is 2·p",
        [6.0 * UP, -2.0 * UP],
        "p moves by 0.1 in the direction of the gradient, so the image by twice as much.",
        |f, x, o| f(x, &problem!(o, image: &|p: &Tensor| p * 2.0), &ascent(1, 0.1)),
    ),
    (
        "the same with the penalty 2·a",
        [0.2, -0.2],
        "The penalty is that of the image, so of 2·p: (6, −2) − (4, 0).",
        |f, x, o| {
            let penalty = |x: &Tensor| part(x, 0)? * 2.0;
            f(
                x,
                &problem!(o, image: &|p: &Tensor| p * 2.0, penalty: &penalty),
                &ascent(1, 0.1),
            )
        },
    ),
    (
        "a step of 0.5, held in [0, 1]",
        [15.0 * UP, 0.0],
        "b would become negative; the clamp after the step holds it at 0.",
        |f, x, o| f(x, &problem!(o, project: &clamp), &ascent(1, 0.5)),
    ),
    (
        "two steps of 0.1, halved after each",
        [2.25 * UP, -0.75 * UP],
        "½·1 and ½·(½ + 1) of a step. A projection can change what it gets again and again, as a blur does: once \
             after each step, and not once more at the end.",
        |f, x, o| f(x, &problem!(o, project: &|p: &Tensor| p * 0.5), &ascent(2, 0.1)),
    ),
    (
        "a step of 0.1 up an objective of 0 with the penalty 2·a",
        [-0.1 * SQRT_2, 0.0],
        "f = 0 − 2·a, so g = (−2, 0). The start is dead where the gradient of f is 0, and f has the penalty in it.",
        |f, x, _| {
            let penalty = |x: &Tensor| part(x, 0)? * 2.0;
            f(x, &problem!(&nothing, penalty: &penalty), &ascent(1, 0.1))
        },
    ),
    (
        "a step of 0.3 up −(a − ½)² − (b − ½)² from (1.2, −0.2), held in [0, 1]",
        [0.9, 0.1],
        "The start is taken as it is. Both numbers are out of range and must come back: the gradient is (−1.4, 1.4).",
        |f, _, _| f(&pair(1.2, -0.2), &problem!(&hill, project: &clamp), &ascent(1, 0.3)),
    ),
    (
        "two steps of 1 up −(a − ½)² − (b − ½)² from (0.2, 0.2), held in [0, 1]",
        [0.0, 0.0],
        "Up to (1.2, 1.2), held at (1, 1) after that step, and from there down to (0, 0).",
        |f, _, _| f(&pair(0.2, 0.2), &problem!(&hill, project: &clamp), &ascent(2, 1.0)),
    ),
    (
        "a step of 0.1 of Adam up a + 1e-8·b from (0, 0)",
        [0.1, 0.05],
        "In the first step m̂ is g and v̂ is g², so d = g/(|g| + 1e-8): 1/(1 + 1e-8) for a, and 1e-8/(1e-8 + 1e-8) \
             = ½ for b.",
        |f, x, _| f(x, &Problem::new(&linear(&pair(1.0, 1e-8))), &adam(1, 0.1)),
    ),
    (
        "three steps of 0.1 up −max(0, 0.05 − a) from (0, 0)",
        [0.1 * SQRT_2, 0.0],
        "The first gradient is (1, 0), whose rms is 1/√2. After the step the unit has all it wants: the gradient is \
             0, and the image stays.",
        |f, x, _| {
            let objective = |x: &Tensor| ops::relu(&(0.05 - part(x, 0)?)?)?.neg();
            f(x, &Problem::new(&objective), &ascent(3, 0.1))
        },
    ),
];
