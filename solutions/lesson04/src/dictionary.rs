//! Exercise 4.11: more features than units, and a dictionary that finds them.

use candle_core::{DType, Device, Result, Tensor, Var, bail};
use candle_nn::{AdamW, Optimizer, ParamsAdamW};
use rand::{Rng, SeedableRng, seq::index};
use rand_chacha::ChaCha8Rng;

/// The smallest network that has to choose: features go through fewer units and come out again.
#[derive(Debug, Clone)]
pub struct Toy {
    /// One column per feature: its direction among the units, `[units, features]`.
    pub weights: Tensor,
    /// `[features]`
    pub bias: Tensor,
}

/// ## 4.11 Can a unit stand for two things at once?
///
/// Features are squeezed into units by W and read from there by the same W. The bias and the ReLU clear away what the
/// features leave on each other:
///
/// ```math
/// output = relu(W^T W x + b)
/// ```
/// - `inputs`: x, f32, `[batch, features]`
/// - returns `[batch, features]`, connected to the toy's weights
///
/// With a row per x instead of a column it reads x·W^T·W + b.
///
/// **Errors** if x has another number of features.
/// **Source** Elhage et al. 2022, "Toy models of superposition", section "Experiment setup", ReLU output model.
/// **Accepted by** `cargo test -p lesson04 -- ex4_11`
pub fn toy_output(toy: &Toy, inputs: &Tensor) -> Result<Tensor> {
    let hidden = inputs.matmul(&toy.weights.t()?)?; // [batch, units]
    hidden.matmul(&toy.weights)?.broadcast_add(&toy.bias)?.relu()
}

/// A dictionary: directions in the space of units, and how to tell which of them are at work.
#[derive(Debug, Clone)]
pub struct Dictionary {
    /// What each feature listens to, `[features, units]`.
    pub encoder: Tensor,
    /// From when on it says something, `[features]`.
    pub encoder_bias: Tensor,
    /// What each feature stands for: a direction, `[features, units]`.
    pub decoder: Tensor,
    /// What is there without any feature, `[units]`.
    pub decoder_bias: Tensor,
}

/// Which features are at work in each row, and how strongly?
///
/// ```math
/// z = relu((x − decoder_bias) · encoder^T + encoder_bias),   of each row only the `keep` largest, 0 elsewhere
/// ```
/// - `activations`: x, f32, `[rows, units]`, a row per place of each image
/// - `keep`: features that a row may use; those equal to the last of them stay too
/// - returns z, `[rows, features]`, connected to the dictionary
///
/// `z.contiguous()?.sort_last_dim(false)?` sorts each row, largest first; the second of what it returns is not needed.
///
/// **Errors** unless 1 ≤ `keep` ≤ features.
/// **Trap** The largest of a *row*: a budget per place. The largest of a column would give each feature its share of places.
/// **Source** Makhzani and Frey 2013, "k-Sparse autoencoders"; Gao et al. 2024, "Scaling and evaluating sparse
/// autoencoders", section 2.3.
pub fn codes(dictionary: &Dictionary, activations: &Tensor, keep: usize) -> Result<Tensor> {
    let features = dictionary.encoder.dim(0)?;
    if keep == 0 || keep > features {
        bail!("expected to keep between 1 and {features} features, got {keep}")
    }
    let centred = activations.broadcast_sub(&dictionary.decoder_bias)?;
    let z = centred
        .matmul(&dictionary.encoder.t()?)?
        .broadcast_add(&dictionary.encoder_bias)?
        .relu()?;
    let (sorted, _) = z.detach().contiguous()?.sort_last_dim(false)?;
    let last = sorted.narrow(1, keep - 1, 1)?; // [rows, 1]
    let kept = z.detach().broadcast_ge(&last)?.to_dtype(z.dtype())?;
    z * kept
}

/// What a dictionary costs: what it fails to rebuild, and how much it says.
///
/// ```math
/// x̂ = z · decoder + decoder_bias,      price = mean over the rows of ( Σ_u (x_u − x̂_u)² + weight · Σ_f z_f )
/// ```
/// - `activations`, `keep`: as in [`codes`], which gives z
/// - `weight`: of the L1 norm of the codes; 0 if `keep` alone makes them sparse
/// - returns a scalar, connected to the dictionary
///
/// **Errors** as [`codes`] does.
/// **Trap** Sums over units and features, a mean over rows only. And the price of saying much can be evaded: see
/// [`unit_rows`].
/// **Source** Bricken et al. 2023, "Towards monosemanticity", appendix "Advice for training sparse autoencoders".
pub fn price(dictionary: &Dictionary, activations: &Tensor, keep: usize, weight: f64) -> Result<Tensor> {
    let z = codes(dictionary, activations, keep)?;
    let rebuilt = z.matmul(&dictionary.decoder)?.broadcast_add(&dictionary.decoder_bias)?;
    let missed = (activations - rebuilt)?.sqr()?.sum(1)?; // [rows]
    (missed + (z.sum(1)? * weight)?)?.mean_all()
}

/// Each row divided by its length.
///
/// A dictionary that says a tenth of everything, in directions ten times as long, rebuilds the same and pays a tenth of
/// the L1 price. So directions have length 1.
///
/// - `directions`: f32, `[features, units]`
/// - returns the same shape; a row of zeros stays as it is
pub fn unit_rows(directions: &Tensor) -> Result<Tensor> {
    let length = directions.sqr()?.sum_keepdim(1)?.sqrt()?; // [features, 1]
    directions.broadcast_div(&length.maximum(1e-12)?)
}

/// How a dictionary is learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learning {
    /// Directions to find.
    pub features: usize,
    /// Features that a row may use, see [`codes`].
    pub keep: usize,
    /// Of the L1 norm, see [`price`], for activations of variance 1 in all.
    pub weight: f64,
    /// Steps of Adam, each on [`ROWS`] rows.
    pub steps: usize,
    /// Adam's step size; in the second half it falls to 0.
    pub rate: f64,
    /// Of the first directions and of the rows of each step.
    pub seed: u64,
}

/// Rows of a step.
pub const ROWS: usize = 128;
/// How often dead features begin anew.
const REVIVALS: usize = 5;

/// A dictionary of these activations, by your [`price`] and [`unit_rows`]. This comes with the exercise.
///
/// Adam goes downhill on the price, and after each step the directions get length 1 again. The activations are
/// divided by one number before, so that the same `weight` and step size suit every layer; it is put back at the end. Five times
/// in the first half, features that were silent since the last time start again as the direction of a row that was rebuilt badly.
///
/// - `activations`: `[rows, units]`
pub fn learn(activations: &Tensor, learning: Learning) -> Result<Dictionary> {
    let (rows, units) = activations.dims2()?;
    let mut random = ChaCha8Rng::seed_from_u64(learning.seed);
    let mean = activations.mean(0)?;
    let spread = activations.broadcast_sub(&mean)?.sqr()?.sum(1)?.mean_all()?;
    let scale = f64::from(spread.to_scalar::<f32>()?).sqrt().max(1e-12);
    let activations = (activations / scale)?.contiguous()?;
    let mean = (mean / scale)?;

    let start = (0..learning.features * units).map(|_| random.random_range(-1f32..1.0));
    let start = Tensor::from_vec(start.collect::<Vec<_>>(), (learning.features, units), &Device::Cpu)?;
    let start = unit_rows(&start)?;
    let [encoder, encoder_bias, decoder, decoder_bias] = [
        Var::from_tensor(&start)?,
        Var::zeros(learning.features, DType::F32, &Device::Cpu)?,
        Var::from_tensor(&start)?,
        Var::from_tensor(&mean)?,
    ];
    let now = |of: fn(&Var) -> Tensor| Dictionary {
        encoder: of(&encoder),
        encoder_bias: of(&encoder_bias),
        decoder: of(&decoder),
        decoder_bias: of(&decoder_bias),
    };
    let all = [&encoder, &encoder_bias, &decoder, &decoder_bias];
    let adam = ParamsAdamW {
        lr: learning.rate,
        weight_decay: 0.0,
        ..ParamsAdamW::default()
    };
    let mut adam = AdamW::new(all.map(Var::clone).to_vec(), adam)?;
    let mut spoken = vec![0f32; learning.features];
    let pause = (learning.steps / (2 * REVIVALS)).max(1);
    for step in 1..=learning.steps {
        adam.set_learning_rate(learning.rate * (2.0 * (1.0 - step as f64 / learning.steps as f64)).min(1.0));
        let chosen = index::sample(&mut random, rows, ROWS.min(rows));
        let chosen: Vec<u32> = chosen.iter().map(|row| row as u32).collect();
        let some = activations.index_select(&Tensor::new(chosen, &Device::Cpu)?, 0)?;
        let dictionary = now(|var| var.as_tensor().clone());
        adam.backward_step(&price(&dictionary, &some, learning.keep, learning.weight)?)?;
        decoder.set(&unit_rows(&decoder.as_detached_tensor())?)?;

        let dictionary = now(Var::as_detached_tensor);
        if step > pause * (REVIVALS + 1) {
            continue;
        }
        let z = codes(&dictionary, &some, learning.keep)?;
        let loudest = z.max(0)?.to_vec1::<f32>()?;
        spoken
            .iter_mut()
            .zip(loudest)
            .for_each(|(all, here)| *all = all.max(here));
        if step % pause == 0 {
            let rebuilt = z.matmul(&dictionary.decoder)?.broadcast_add(&dictionary.decoder_bias)?;
            revive(&encoder, &encoder_bias, &decoder, &spoken, &(some - rebuilt)?)?;
            spoken.fill(0.0);
        }
    }
    let found = now(|var| var.as_detached_tensor());
    Ok(Dictionary {
        encoder_bias: (found.encoder_bias * scale)?,
        decoder_bias: (found.decoder_bias * scale)?,
        encoder: found.encoder.copy()?,
        decoder: found.decoder.copy()?,
    })
}

/// Starts silent features anew, each in the direction of another of the rows that were rebuilt worst.
fn revive(encoder: &Var, encoder_bias: &Var, decoder: &Var, spoken: &[f32], missed: &Tensor) -> Result<()> {
    let lengths = missed.sqr()?.sum(1)?.to_vec1::<f32>()?;
    let mut worst: Vec<u32> = (0..lengths.len() as u32).collect();
    worst.sort_by(|&a, &b| lengths[b as usize].total_cmp(&lengths[a as usize]));
    let silent = (0..spoken.len()).filter(|&feature| spoken[feature] == 0.0);
    for (feature, &row) in silent.zip(&worst) {
        let direction = unit_rows(&missed.narrow(0, row as usize, 1)?)?;
        for directions in [encoder, decoder] {
            directions.set(&directions.slice_assign(&[feature..=feature, 0..=direction.dim(1)? - 1], &direction)?)?;
        }
        let zero = Tensor::zeros(1, DType::F32, &Device::Cpu)?;
        encoder_bias.set(&encoder_bias.slice_assign(&[feature..=feature], &zero)?)?;
    }
    Ok(())
}

/// Features that are silent in every row: codes that no activation turns on. This comes with the exercise.
///
/// - `codes`: `[rows, features]`
pub fn dead(codes: &Tensor) -> Result<Vec<usize>> {
    let loudest = codes.max(0)?.to_vec1::<f32>()?;
    Ok((0..loudest.len()).filter(|&feature| loudest[feature] <= 0.0).collect())
}

/// How well was each planted direction found? This comes with the exercise.
///
/// - `planted`, `found`: a direction per row
/// - returns the cosine of each planted direction with its partner, each found direction being the partner of one at most;
///   those that agree best become partners first. 0 without a partner
pub fn recovered(planted: &Tensor, found: &Tensor) -> Result<Vec<f64>> {
    let cosines = unit_rows(planted)?.matmul(&unit_rows(found)?.t()?)?.to_vec2::<f32>()?;
    let mut pairs: Vec<(usize, usize)> = vec![];
    pairs.extend((0..cosines.len()).flat_map(|a| (0..cosines[a].len()).map(move |b| (a, b))));
    pairs.sort_by(|&(a, b), &(c, d)| cosines[c][d].total_cmp(&cosines[a][b]));
    let mut best = vec![0.0; cosines.len()];
    let (mut matched, mut taken) = (vec![false; best.len()], vec![false; found.dim(0)?]);
    for (a, b) in pairs {
        if !matched[a] && !taken[b] {
            (matched[a], taken[b], best[a]) = (true, true, f64::from(cosines[a][b]));
        }
    }
    Ok(best)
}

/// A toy that was taught to give back what came in, by your [`toy_output`]. This comes with the exercise.
///
/// Every feature is present with the same probability, independently, and then anything between 0 and 1.
///
/// - `present`: that probability
pub fn learn_toy(units: usize, features: usize, present: f64, steps: usize, seed: u64) -> Result<Toy> {
    const RATE: f64 = 1e-2;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let start = (0..units * features).map(|_| random.random_range(-1f32..1.0) / (units as f32).sqrt());
    let start = Tensor::from_vec(start.collect::<Vec<_>>(), (units, features), &Device::Cpu)?;
    let weights = Var::from_tensor(&start)?;
    let bias = Var::zeros(features, DType::F32, &Device::Cpu)?;
    let adam = ParamsAdamW {
        lr: RATE,
        weight_decay: 0.0,
        ..ParamsAdamW::default()
    };
    let mut adam = AdamW::new(vec![weights.clone(), bias.clone()], adam)?;
    for step in 1..=steps {
        adam.set_learning_rate(RATE * (2.0 * (1.0 - step as f64 / steps as f64)).min(1.0));
        let values = (0..ROWS * features).map(|_| {
            if random.random_bool(present) {
                random.random()
            } else {
                0f32
            }
        });
        let inputs = Tensor::from_vec(values.collect::<Vec<_>>(), (ROWS, features), &Device::Cpu)?;
        let toy = Toy {
            weights: weights.as_tensor().clone(),
            bias: bias.as_tensor().clone(),
        };
        adam.backward_step(&(toy_output(&toy, &inputs)? - inputs)?.sqr()?.sum(1)?.mean_all()?)?;
    }
    Ok(Toy {
        weights: weights.as_detached_tensor().copy()?,
        bias: bias.as_detached_tensor().copy()?,
    })
}
