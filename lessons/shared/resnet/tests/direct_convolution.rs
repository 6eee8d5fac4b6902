//! The direct convolution of `f32`, with each set of instructions that this processor has, against the definition in `f64`.

use candle_core::{DType, Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet::Window;
use resnet::ops::{Instructions, conv2d};

fn random(shape: &[usize], random: &mut ChaCha8Rng) -> Tensor {
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| random.random_range(-1.0..1.0))
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// One convolution's sizes.
#[derive(Debug, Clone, Copy)]
struct Case {
    batch: usize,
    inputs: usize,
    outputs: usize,
    height: usize,
    width: usize,
    window: Window,
}

/// The windows of residual networks on odd sizes: widths on both sides of every tile's, channels that fill blocks, fill
/// them partly or are few, one block of outputs and several, an odd number of them.
fn cases() -> Vec<Case> {
    let three = Window::new(3).padding(1);
    let mut cases = Vec::new();
    let windows = [
        three,
        three.stride(2),
        Window::new(1),
        Window::new(1).stride(2),
        Window::new(7).stride(2).padding(3),
        Window::new(3),
        Window::new(5).padding(2),
        Window::new(2).stride(2),
    ];
    for window in windows {
        for (batch, inputs, outputs, height, width) in [
            (1, 3, 16, 13, 10),
            (2, 16, 16, 9, 15),
            (1, 16, 48, 7, 29),
            (2, 33, 20, 8, 7),
            (1, 1, 9, 11, 33),
            (3, 64, 40, 7, 7),
            (1, 9, 130, 12, 14),
        ] {
            cases.push(Case {
                batch,
                inputs,
                outputs,
                height,
                width,
                window,
            });
        }
    }
    for width in 8..=30 {
        cases.push(Case {
            batch: 1,
            inputs: 16,
            outputs: 32,
            height: 3,
            width,
            window: three,
        });
    }
    cases
}

/// The convolution and its two gradients for the output's gradient `g`, by the definition, in `f64`.
fn by_definition(case: Case, x: &Tensor, kernel: &Tensor, g: &Tensor) -> Result<[Tensor; 3]> {
    let values = |t: &Tensor| t.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
    let (xs, ks, gs) = (values(x)?, values(kernel)?, values(g)?);
    let Case {
        batch,
        inputs,
        outputs,
        height,
        width,
        window,
    } = case;
    let (_, _, out_height, out_width) = g.dims4()?;
    let (mut y, mut dx, mut dk) = (vec![0.0; gs.len()], vec![0.0; xs.len()], vec![0.0; ks.len()]);
    for image in 0..batch {
        for o in 0..outputs {
            for c in 0..inputs {
                for oy in 0..out_height {
                    for ox in 0..out_width {
                        let out = ((image * outputs + o) * out_height + oy) * out_width + ox;
                        for ky in 0..window.kernel {
                            for kx in 0..window.kernel {
                                let iy = (oy * window.stride + ky).wrapping_sub(window.padding);
                                let ix = (ox * window.stride + kx).wrapping_sub(window.padding);
                                if iy < height && ix < width {
                                    let at = ((image * inputs + c) * height + iy) * width + ix;
                                    let tap = ((o * inputs + c) * window.kernel + ky) * window.kernel + kx;
                                    y[out] += xs[at] * ks[tap];
                                    dx[at] += gs[out] * ks[tap];
                                    dk[tap] += gs[out] * xs[at];
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    let tensor = |values: Vec<f64>, like: &Tensor| Tensor::from_vec(values, like.shape(), &Device::Cpu);
    Ok([tensor(y, g)?, tensor(dx, x)?, tensor(dk, kernel)?])
}

/// The same three from this crate.
fn from_the_crate(case: Case, x: &Tensor, kernel: &Tensor, g: &Tensor) -> Result<[Tensor; 3]> {
    let (x, kernel) = (Var::from_tensor(x)?, Var::from_tensor(kernel)?);
    let y = conv2d(&x, &kernel, case.window)?;
    let gradients = (&y * g)?.sum_all()?.backward()?;
    let of = |var: &Var| gradients.get(var).expect("a gradient").clone();
    Ok([y.detach(), of(&x), of(&kernel)])
}

/// The largest difference, in units of the largest value.
fn difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.dims(), b.dims());
    let largest = |t: Tensor| t.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
    let (a, b) = (a.to_dtype(DType::F64).unwrap(), b.to_dtype(DType::F64).unwrap());
    largest((&a - &b).unwrap()) / largest(b).max(1e-30)
}

#[test]
fn every_set_of_instructions_computes_the_definition() {
    let mut source = ChaCha8Rng::seed_from_u64(8);
    for case in cases() {
        let x = random(&[case.batch, case.inputs, case.height, case.width], &mut source);
        let side = case.window.kernel;
        let kernel = random(&[case.outputs, case.inputs, side, side], &mut source);
        let g = random(conv2d(&x, &kernel, case.window).unwrap().dims(), &mut source);
        let expected = by_definition(case, &x, &kernel, &g).unwrap();
        for instructions in Instructions::available() {
            let found = instructions.with(|| from_the_crate(case, &x, &kernel, &g)).unwrap();
            for (name, (found, expected)) in ["y", "dx", "dk"].iter().zip(found.iter().zip(&expected)) {
                let difference = difference(found, expected);
                assert!(
                    difference < 2e-6,
                    "{name} differs by {difference} with {instructions:?} on {case:?}"
                );
            }
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let mut source = ChaCha8Rng::seed_from_u64(9);
    let case = |batch, inputs, outputs, side: usize, window| Case {
        batch,
        inputs,
        outputs,
        height: side,
        width: side,
        window,
    };
    let bits = |t: &Tensor| -> Vec<u32> {
        let values = t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        values.into_iter().map(f32::to_bits).collect()
    };
    for case in [
        case(5, 16, 16, 40, Window::new(3).padding(1)),
        case(3, 3, 16, 65, Window::new(7).stride(2).padding(3)),
        case(2, 64, 128, 14, Window::new(3).stride(2).padding(1)),
        case(3, 2, 3, 96, Window::new(3)), // the general path
    ] {
        let x = random(&[case.batch, case.inputs, case.height, case.width], &mut source);
        let side = case.window.kernel;
        let kernel = random(&[case.outputs, case.inputs, side, side], &mut source);
        let g = random(conv2d(&x, &kernel, case.window).unwrap().dims(), &mut source);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| from_the_crate(case, &x, &kernel, &g)).unwrap()
        };
        let [one, two, three] = [1, 2, 3].map(|threads| with(threads).map(|t| bits(&t)));
        assert!(one == two && one == three, "{case:?}");
    }
}

#[test]
fn a_batch_of_no_images_gives_none() {
    for inputs in [2, 16] {
        let x = Tensor::zeros((0, inputs, 8, 8), DType::F32, &Device::Cpu).unwrap();
        let kernel = Tensor::zeros((16, inputs, 3, 3), DType::F32, &Device::Cpu).unwrap();
        let y = conv2d(&x, &kernel, Window::new(3).padding(1)).unwrap();
        assert_eq!(y.dims(), [0, 16, 8, 8]);
    }
}
