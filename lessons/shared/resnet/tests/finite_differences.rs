//! Every gradient of `ops`, in `f64`, against central differences; every value against a slow loop.

use candle_core::{DType, Device, Result, Tensor, Var};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use resnet::ops::{batch_norm, batch_statistics, conv2d, max_pool2d, relu};
use resnet::{Config, ResNet, Stem, Window, parameters};

/// Values that differ from each other by much more than the step, so that no maximum and no sign changes within it.
fn distinct(shape: &[usize], random: &mut ChaCha8Rng) -> Result<Tensor> {
    let length: usize = shape.iter().product();
    let mut order: Vec<usize> = (0..length).collect();
    for i in (1..length).rev() {
        order.swap(i, random.random_range(0..=i));
    }
    let values = order
        .iter()
        .map(|&i| (i as f64 + 0.5) / length as f64 * 4.0 - 2.0)
        .collect::<Vec<_>>();
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// Compares the gradients of `Σ f(inputs) · c`, with a fixed random c, with central differences at every coordinate.
#[track_caller]
fn assert_gradients(f: impl Fn(&[Tensor]) -> Result<Tensor>, inputs: &[Tensor], random: &mut ChaCha8Rng) {
    let mut check = || -> Result<()> {
        let variables = inputs.iter().map(Var::from_tensor).collect::<Result<Vec<_>>>()?;
        let tensors: Vec<_> = variables.iter().map(|v| v.as_tensor().clone()).collect();
        let y = f(&tensors)?;
        let coefficients = distinct(y.dims(), random)?;
        let objective = |y: &Tensor| -> Result<Tensor> { (y * &coefficients)?.sum_all() };
        let gradients = objective(&y)?.backward()?;
        for (which, input) in inputs.iter().enumerate() {
            let gradient = gradients.get(&tensors[which]).expect("a gradient for every input");
            assert_eq!(gradient.dims(), input.dims());
            let gradient = gradient.flatten_all()?.to_vec1::<f64>()?;
            let values = input.flatten_all()?.to_vec1::<f64>()?;
            let step = 1e-4;
            for i in 0..values.len() {
                let at = |delta: f64| -> Result<f64> {
                    let mut moved = values.clone();
                    moved[i] += delta;
                    let mut all = inputs.to_vec();
                    all[which] = Tensor::from_vec(moved, input.shape(), &Device::Cpu)?;
                    objective(&f(&all)?)?.to_scalar()
                };
                let difference = (at(step)? - at(-step)?) / (2.0 * step);
                let scale = difference.abs().max(1.0);
                assert!(
                    (difference - gradient[i]).abs() < 1e-6 * scale,
                    "input {which}, element {i}: finite difference {difference}, gradient {}",
                    gradient[i]
                );
            }
        }
        Ok(())
    };
    check().unwrap();
}

/// Convolution by its definition, one multiplication at a time.
fn slow_convolution(x: &Tensor, kernel: &Tensor, window: Window) -> Result<Tensor> {
    let (batch, inputs, height, width) = x.dims4()?;
    let outputs = kernel.dim(0)?;
    let size = |n: usize| (n + 2 * window.padding - window.dilation * (window.kernel - 1) - 1) / window.stride + 1;
    let (out_height, out_width) = (size(height), size(width));
    let (xs, ks) = (
        x.flatten_all()?.to_vec1::<f64>()?,
        kernel.flatten_all()?.to_vec1::<f64>()?,
    );
    let mut y = Vec::new();
    for b in 0..batch {
        for o in 0..outputs {
            for oy in 0..out_height {
                for ox in 0..out_width {
                    let mut sum = 0.0;
                    for c in 0..inputs {
                        for ky in 0..window.kernel {
                            for kx in 0..window.kernel {
                                let iy = (oy * window.stride + ky * window.dilation) as isize - window.padding as isize;
                                let ix = (ox * window.stride + kx * window.dilation) as isize - window.padding as isize;
                                if iy >= 0 && ix >= 0 && (iy as usize) < height && (ix as usize) < width {
                                    let at = ((b * inputs + c) * height + iy as usize) * width + ix as usize;
                                    let tap = ((o * inputs + c) * window.kernel + ky) * window.kernel + kx;
                                    sum += xs[at] * ks[tap];
                                }
                            }
                        }
                    }
                    y.push(sum);
                }
            }
        }
    }
    Tensor::from_vec(y, (batch, outputs, out_height, out_width), &Device::Cpu)
}

#[track_caller]
fn assert_close(a: &Tensor, b: &Tensor, tolerance: f64) {
    assert_eq!(a.dims(), b.dims());
    let worst = (a - b)
        .unwrap()
        .abs()
        .unwrap()
        .max_all()
        .unwrap()
        .to_scalar::<f64>()
        .unwrap();
    assert!(worst < tolerance, "largest difference {worst}");
}

/// (batch, in, out, height, width, window): odd sizes, uneven strides, dilation, padding beyond the kernel, tiles that
/// hold several images and images that need several tiles.
fn convolutions() -> Vec<(usize, usize, usize, usize, usize, Window)> {
    vec![
        (1, 1, 1, 3, 3, Window::new(3)),
        (2, 3, 4, 7, 5, Window::new(3).padding(1)),
        (2, 3, 2, 8, 5, Window::new(3).stride(2).padding(1)),
        (1, 2, 3, 9, 6, Window::new(3).stride(2)),
        (3, 2, 2, 11, 8, Window::new(7).stride(2).padding(3)),
        (2, 3, 5, 5, 6, Window::new(1)),
        (2, 3, 2, 5, 6, Window::new(1).stride(2)),
        (1, 2, 2, 9, 8, Window::new(3).dilation(2).padding(1)),
        (1, 2, 2, 11, 8, Window::new(3).dilation(2).stride(3).padding(2)),
        (2, 2, 2, 3, 4, Window::new(2).padding(3)),
        (5, 1, 2, 2, 3, Window::new(2).stride(2)),
    ]
}

#[test]
fn convolution_equals_its_definition() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let large = [
        (1, 8, 16, 65, 130, Window::new(3).padding(1)),
        (1, 3, 16, 128, 121, Window::new(7).stride(2).padding(3)),
        (9, 64, 48, 4, 4, Window::new(3).padding(1)),
        (3, 16, 40, 33, 20, Window::new(1)),
        (1, 96, 130, 3, 5, Window::new(3).padding(1)),
    ];
    for (batch, inputs, outputs, height, width, window) in convolutions().into_iter().chain(large) {
        let x = distinct(&[batch, inputs, height, width], &mut random).unwrap();
        let kernel = distinct(&[outputs, inputs, window.kernel, window.kernel], &mut random).unwrap();
        let expected = slow_convolution(&x, &kernel, window).unwrap();
        assert_close(&conv2d(&x, &kernel, window).unwrap(), &expected, 1e-9);
        let single = |t: &Tensor| t.to_dtype(DType::F32);
        let y = conv2d(&single(&x).unwrap(), &single(&kernel).unwrap(), window).unwrap();
        assert_close(&y.to_dtype(DType::F64).unwrap(), &expected, 1e-2);
    }
}

#[test]
fn gradients_of_a_convolution() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    for (batch, inputs, outputs, height, width, window) in convolutions() {
        let x = distinct(&[batch, inputs, height, width], &mut random).unwrap();
        let kernel = distinct(&[outputs, inputs, window.kernel, window.kernel], &mut random).unwrap();
        assert_gradients(|t| conv2d(&t[0], &t[1], window), &[x, kernel], &mut random);
    }
}

/// The parts of a large gradient that small cases do not reach: several tiles, several blocks of channels.
#[test]
fn gradients_of_a_large_convolution_are_its_adjoint() {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    for (batch, inputs, outputs, height, width, window) in [
        (1, 24, 16, 64, 65, Window::new(3).padding(1)),
        (1, 3, 16, 127, 128, Window::new(7).stride(2).padding(3)),
        (9, 33, 20, 5, 4, Window::new(3).stride(2).padding(1)),
        (2, 40, 24, 31, 30, Window::new(1).stride(2)),
    ] {
        let x = Var::from_tensor(&distinct(&[batch, inputs, height, width], &mut random).unwrap()).unwrap();
        let shape = [outputs, inputs, window.kernel, window.kernel];
        let kernel = Var::from_tensor(&distinct(&shape, &mut random).unwrap()).unwrap();
        let y = conv2d(&x, &kernel, window).unwrap();
        let g = distinct(y.dims(), &mut random).unwrap();
        let product = (&y * &g).unwrap().sum_all().unwrap();
        let gradients = product.backward().unwrap();
        // y is linear in x and in the kernel, so ⟨x, ∂/∂x⟩ = ⟨kernel, ∂/∂kernel⟩ = ⟨y, g⟩; and along any direction d,
        // ⟨d, ∂/∂x⟩ = ⟨conv(d), g⟩.
        let product = product.to_scalar::<f64>().unwrap();
        let along = |a: &Tensor, b: &Tensor| (a * b).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
        let size = along(&y, &y).sqrt() * along(&g, &g).sqrt();
        assert!((along(&x, gradients.get(&x).unwrap()) - product).abs() < 1e-10 * size);
        assert!((along(&kernel, gradients.get(&kernel).unwrap()) - product).abs() < 1e-10 * size);
        let d = distinct(x.dims(), &mut random).unwrap();
        let expected = along(&conv2d(&d, &kernel, window).unwrap(), &g);
        assert!((along(&d, gradients.get(&x).unwrap()) - expected).abs() < 1e-10 * size);
        let d = distinct(kernel.dims(), &mut random).unwrap();
        let expected = along(&conv2d(&x, &d, window).unwrap(), &g);
        assert!((along(&d, gradients.get(&kernel).unwrap()) - expected).abs() < 1e-10 * size);
    }
}

#[test]
fn a_constant_kernel_costs_no_gradient() {
    let x = Var::ones((1, 2, 5, 5), DType::F64, &Device::Cpu).unwrap();
    let kernel = Tensor::ones((3, 2, 3, 3), DType::F64, &Device::Cpu).unwrap();
    let gradients = conv2d(&x, &kernel, Window::new(3))
        .unwrap()
        .sum_all()
        .unwrap()
        .backward()
        .unwrap();
    assert!(gradients.get(&x).is_some());
    assert!(gradients.get(&kernel).is_none());
}

#[test]
fn gradients_of_max_pooling() {
    let mut random = ChaCha8Rng::seed_from_u64(4);
    for (height, width, window) in [
        (4, 4, Window::new(2).stride(2)),
        (7, 6, Window::new(3).stride(2).padding(1)),
        (8, 5, Window::new(3).stride(2).padding(1)),
        (5, 7, Window::new(3).stride(3)),
        (9, 9, Window::new(3).dilation(2).padding(1)),
        (6, 5, Window::new(2)),
    ] {
        let x = distinct(&[2, 3, height, width], &mut random).unwrap();
        assert_gradients(|t| max_pool2d(&t[0], window), &[x], &mut random);
    }
}

#[test]
fn of_equal_maxima_the_first_receives_the_gradient() {
    let x = Var::zeros((1, 1, 4, 4), DType::F64, &Device::Cpu).unwrap();
    let y = max_pool2d(&x, Window::new(2).stride(2)).unwrap();
    let gradient = y.sum_all().unwrap().backward().unwrap();
    let gradient = gradient
        .get(&x)
        .unwrap()
        .squeeze(0)
        .unwrap()
        .squeeze(0)
        .unwrap()
        .to_vec2::<f64>()
        .unwrap();
    assert_eq!(gradient, [[1., 0., 1., 0.], [0.; 4], [1., 0., 1., 0.], [0.; 4]]);
}

#[test]
fn the_border_of_a_pool_is_no_zero() {
    let x = Tensor::full(-3f32, (1, 1, 4, 4), &Device::Cpu).unwrap();
    let y = max_pool2d(&x, Window::new(3).stride(2).padding(1)).unwrap();
    assert_eq!(y.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [-3f32; 4]);
}

#[test]
fn nan_is_not_hidden() {
    let mut values = vec![0f32; 16];
    values[5] = f32::NAN;
    let x = Tensor::from_vec(values, (1, 1, 4, 4), &Device::Cpu).unwrap();
    let nans = |t: Tensor| {
        t.flatten_all()
            .unwrap()
            .to_vec1::<f32>()
            .unwrap()
            .iter()
            .filter(|v| v.is_nan())
            .count()
    };
    assert_eq!(nans(relu(&x).unwrap()), 1);
    assert_eq!(nans(max_pool2d(&x, Window::new(3).stride(2).padding(1)).unwrap()), 4);
}

#[test]
fn gradients_of_relu_and_its_value_at_zero() {
    let mut random = ChaCha8Rng::seed_from_u64(5);
    assert_gradients(
        |t| relu(&t[0]),
        &[distinct(&[3, 5, 4], &mut random).unwrap()],
        &mut random,
    );
    let x = Var::new(&[-1f32, 0., 2.], &Device::Cpu).unwrap();
    let gradients = relu(&x).unwrap().sum_all().unwrap().backward().unwrap();
    assert_eq!(gradients.get(&x).unwrap().to_vec1::<f32>().unwrap(), [0., 0., 1.]);
}

#[test]
fn gradients_of_normalizing_and_its_values() {
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let images = distinct(&[2, 3, 5, 3], &mut random).unwrap();
    assert_gradients(|x| resnet::normalize(&x[0]), std::slice::from_ref(&images), &mut random);
    let turned = images.transpose(2, 3).unwrap(); // not contiguous
    let constant = |values: [f32; 3]| {
        let values = Tensor::new(&values, &Device::Cpu)
            .unwrap()
            .to_dtype(DType::F64)
            .unwrap();
        values.reshape((1, 3, 1, 1)).unwrap()
    };
    let expected = turned.broadcast_sub(&constant(resnet::PIXEL_MEAN)).unwrap();
    let expected = expected.broadcast_div(&constant(resnet::PIXEL_DEVIATION)).unwrap();
    assert_close(&resnet::normalize(&turned).unwrap(), &expected, 1e-15);
}

#[test]
fn gradients_of_batch_norm() {
    let mut random = ChaCha8Rng::seed_from_u64(6);
    let x = distinct(&[3, 4, 3, 5], &mut random).unwrap();
    let weight = distinct(&[4], &mut random).unwrap();
    let bias = distinct(&[4], &mut random).unwrap();
    let stored = batch_statistics(&distinct(&[2, 4, 3, 3], &mut random).unwrap()).unwrap();
    let inputs = [x, weight, bias];
    assert_gradients(
        |t| batch_norm(&t[0], &t[1], &t[2], &stored, 1e-5, false),
        &inputs,
        &mut random,
    );
    let training = |t: &[Tensor]| batch_norm(&t[0], &t[1], &t[2], &batch_statistics(&t[0])?, 1e-5, true);
    assert_gradients(training, &inputs, &mut random);
    // What training mode is for: each channel leaves with mean `bias` and deviation `weight`.
    let y = batch_statistics(&training(&inputs).unwrap()).unwrap();
    for c in 0..4 {
        let (weight, bias) = (&inputs[1], &inputs[2]);
        let value = |t: &Tensor| t.to_vec1::<f64>().unwrap()[c];
        assert!((y.mean[c] - value(bias)).abs() < 1e-9);
        assert!((y.variance[c].sqrt() - value(weight).abs()).abs() < 1e-4);
    }
}

/// The whole network in `f64`, tapped: gradients at sites and at the image against differences, both kinds of block,
/// both stems, odd sizes.
#[test]
fn gradients_through_a_network() {
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for config in [
        Config::resnet18().width(2).classes(3),
        Config {
            blocks: [1, 2, 1, 1],
            ..Config::resnet50().width(2).stem(Stem::Cifar).classes(3)
        },
    ] {
        let mut weights = parameters::initialize(&config, 11).unwrap();
        for (name, tensor) in weights.iter_mut() {
            *tensor = tensor.to_dtype(DType::F64).unwrap();
            if name.contains("bn") && name.ends_with("bias") {
                // With bias 0 a pixel where all channels are off gives exactly 0 before the next ReLU: a kink.
                *tensor = (distinct(tensor.dims(), &mut random).unwrap() * 0.3).unwrap();
            }
        }
        let network = ResNet::new(&config, &weights).unwrap();
        let image = distinct(&[1, 3, 37, 30], &mut random).unwrap();
        let sites = ["bn1", "layer1.0.add", "layer2", "layer4.0.bn2"];
        let input = Var::from_tensor(&image).unwrap();
        let trace = network.tap(&input, &sites).unwrap();
        let score = trace.logits.narrow(1, 1, 1).unwrap().sum_all().unwrap();
        let gradients = trace.gradients(&score).unwrap();
        let score_with = |image: &Tensor, site: &str, d: &Tensor| -> f64 {
            let logits = network.forward_visit(image, &mut |at, activation| {
                if at == site {
                    (activation + d).map(Some)
                } else {
                    Ok(None)
                }
            });
            logits
                .unwrap()
                .narrow(1, 1, 1)
                .unwrap()
                .sum_all()
                .unwrap()
                .to_scalar()
                .unwrap()
        };
        let assert_along = |gradient: &Tensor, d: &Tensor, score_at: &dyn Fn(&Tensor) -> f64| {
            let step = 1e-7; // small, for a network of ReLUs and maxima has many kinks
            let difference = (score_at(&(d * step).unwrap()) - score_at(&(d * -step).unwrap())) / (2.0 * step);
            let slope = (gradient * d).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
            assert!(
                (slope - difference).abs() < 1e-5 * difference.abs().max(1e-3),
                "{slope} against {difference}"
            );
        };
        for site in sites {
            let gradient = gradients.at(site).unwrap();
            assert_eq!(gradient.dims(), trace.activation(site).unwrap().dims());
            let d = distinct(gradient.dims(), &mut random).unwrap();
            assert_along(&gradient, &d, &|d| score_with(&image, site, d));
        }
        let d = distinct(image.dims(), &mut random).unwrap();
        let zero = Tensor::zeros(1, DType::F64, &Device::Cpu).unwrap();
        let gradient = gradients.of(&input).unwrap();
        assert_along(&gradient, &d, &|d| score_with(&(&image + d).unwrap(), "none", &zero));
    }
}
