mod answer;
mod inputs;

use candle_core::{Result, Tensor};
use resnet::ResNet;

use crate::Hazard::*;
use crate::{Exam, Fault, Slip, fault, ordered, slip};
use answer::{below, correlate, counted_ranks, exchange, ordinal_ranks, own_values, short_formula, zeroed};
use inputs::{basics, further_hazards, hazards};

/// `solution05::randomized`, `cascade` and `rank_correlation`
#[derive(Clone, Copy)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Sanity {
    pub randomized: fn(&ResNet, &[&str], u64) -> Result<ResNet>,
    pub cascade: fn(&ResNet, u64) -> Result<Vec<ResNet>>,
    pub rank_correlation: fn(&Tensor, &Tensor) -> Result<f64>,
}

/// The attempt at 5.8 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex5_8 {
    ($lesson:ident) => {
        $crate::lesson05::Sanity {
            randomized: $lesson::randomized,
            cascade: $lesson::cascade,
            rank_correlation: $lesson::rank_correlation,
        }
    };
}

const SOLUTION: Sanity = ex5_8!(solution05);

const TOP_DOWN: [&str; 7] = solution05::TOP_DOWN;

const FAULTS: &[Fault<Sanity>] = &[
    fault(
        "every module of that name",
        "`conv1` also caught `layer1.0.conv1` and its kin. A module is the beginning of the name, up to a dot.",
        |f| f.randomized = |n, m, s| exchange(n, m, s, |name, module| name.contains(&format!("{module}."))),
    ),
    fault(
        "weights only",
        "Only tensors called `weight` were exchanged. Biases and the statistics of batch norm were learned too.",
        |f| f.randomized = |n, m, s| exchange(n, m, s, |name, module| below(name, module) && name.ends_with("weight")),
    ),
    fault(
        "all but the modules",
        "You exchanged everything except the modules asked for.",
        |f| {
            f.randomized = |n, m, s| {
                let rest: Vec<_> = TOP_DOWN.into_iter().filter(|part| !m.contains(part)).collect();
                exchange(n, &rest, s, below)
            }
        },
    ),
    fault(
        "zeros",
        "You replaced the weights by zeros. A network of zeros computes nothing at all; take fresh random weights.",
        |f| f.randomized = |n, m, _| zeroed(n, m),
    ),
    fault(
        "the seed ignored",
        "The fresh weights do not depend on `seed`. Pass it to parameters::initialize.",
        |f| f.randomized = |n, m, _| exchange(n, m, 0, below),
    ),
    fault(
        "one layer at a time",
        "Each of your networks has one part at random and all others trained. In a cascade every step keeps what the \
         steps before have randomized.",
        |f| {
            f.cascade = |n, s| {
                let one = (0..TOP_DOWN.len()).map(|i| exchange(n, &TOP_DOWN[i..=i], s, below));
                std::iter::once(Ok(n.clone())).chain(one).collect()
            }
        },
    ),
    fault(
        "from the image up",
        "Your cascade begins at the image. It goes from the logits down: what is close to the output first.",
        |f| {
            f.cascade = |n, s| {
                let from = (0..=TOP_DOWN.len()).rev();
                from.map(|i| exchange(n, &TOP_DOWN[i..], s, below)).collect()
            }
        },
    ),
    fault(
        "the trained network left out",
        "Your cascade begins with the last layer already at random. Step 0 is the trained network: everything is \
         compared with it.",
        |f| {
            f.cascade = |n, s| {
                (1..=TOP_DOWN.len())
                    .map(|i| exchange(n, &TOP_DOWN[..i], s, below))
                    .collect()
            }
        },
    ),
    fault(
        "another seed at each step",
        "Some fresh weights of your cascade are not those of `seed`. One seed for all steps, the one that is given: \
         then each step changes only the part that it adds.",
        |f| {
            f.cascade = |n, s| {
                let step = |i: usize| exchange(n, &TOP_DOWN[..i], s + i as u64, below);
                (0..=TOP_DOWN.len()).map(step).collect()
            }
        },
    ),
    fault(
        "correlation of the values",
        "This is Pearson's correlation of the values. Take their ranks first: one bright pixel should not decide.",
        |f| f.rank_correlation = |a, b| correlate(a, b, own_values, 0.0),
    ),
    fault(
        "ties in the order they come",
        "Equal values got different ranks, by their place in the map. They share the mean of their ranks; a Grad-CAM \
         has many equal zeros.",
        |f| f.rank_correlation = |a, b| correlate(a, b, ordinal_ranks, 0.0),
    ),
    fault(
        "the short formula",
        "1 − 6 Σd² / (n(n² − 1)) holds only where no two values are equal. Correlate the ranks.",
        |f| f.rank_correlation = short_formula,
    ),
    fault(
        "a constant map is not a number",
        "A map with one value only gave NaN: 0 / 0. It orders nothing: 0.",
        |f| f.rank_correlation = |a, b| correlate(a, b, counted_ranks, f64::NAN),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Sanity>] = &[
    slip(Errors, "a module that is not there left out", |f| {
        f.randomized = |network, modules, seed| {
            let there = |module: &&&str| {
                network
                    .parameters()
                    .keys()
                    .any(|name| name.starts_with(&format!("{module}.")))
            };
            let modules: Vec<_> = modules.iter().filter(there).copied().collect();
            solution05::randomized(network, &modules, seed)
        }
    }),
    ordered!("only what lies in order", rank_correlation: |a, b| [a] => solution05::rank_correlation(a, b)),
    slip(Ties, "−0.0 below 0.0", |f| {
        f.rank_correlation = |a, b| {
            let values = a.flatten_all()?.to_vec1::<f32>()?;
            if values.iter().any(|x| x.to_bits() == (-0f32).to_bits()) && values.len() == 3 {
                Ok(1.0)
            } else {
                solution05::rank_correlation(a, b)
            }
        }
    }),
    slip(Names, "a module named twice stays trained", |f| {
        f.randomized = |network, modules, seed| {
            let once: Vec<&str> = modules
                .iter()
                .copied()
                .filter(|module| modules.iter().filter(|other| *other == module).count() == 1)
                .collect();
            solution05::randomized(network, &once, seed)
        }
    }),
    slip(Scale, "values within a millionth share a rank", |f| {
        f.rank_correlation = |a, b| {
            let near = |x: &Tensor| Ok::<_, candle_core::Error>(x.abs()?.max_all()?.to_scalar::<f32>()? < 1e-20);
            if near(a)? && a.elem_count() == 3 && a.dims() == b.dims() {
                Ok(0.0)
            } else {
                solution05::rank_correlation(a, b)
            }
        }
    }),
];

/// 5.8
pub fn sanity(seed: u64) -> Exam<Sanity> {
    further_hazards(hazards(seed, basics(seed, answers())))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Sanity> {
    Exam::new("5.8", SOLUTION).changes(SOLUTION, FAULTS).alternative(
        "by counting",
        Sanity {
            randomized: |n, m, s| exchange(n, m, s, below),
            cascade: |n, s| {
                let mut networks = vec![n.clone()];
                for module in TOP_DOWN {
                    networks.push(exchange(&networks[networks.len() - 1], &[module], s, below)?);
                }
                Ok(networks)
            },
            rank_correlation: |a, b| correlate(a, b, counted_ranks, 0.0),
        },
    )
}
