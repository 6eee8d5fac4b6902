use std::{cell::RefCell, collections::HashSet};

use candle_core::{DType, Device, Result, Tensor, Var, bail};
use resnet::{Config, Parameters, ResNet};

use crate::inputs::{Random, askew};
use crate::{Exam, Given, Hazard::*, Observed, Slip, Tolerance, Wrong, ordered, slip, wrong};

/// Makes a scalar of the logits.
pub type Objective<'a> = &'a dyn Fn(&Tensor) -> Result<Tensor>;
/// `solution02::gradients`
pub type Gradients = fn(&ResNet, &Tensor, &[&str], Objective) -> Result<Vec<Tensor>>;

/// The attempt at 2.2 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex2_2 {
    ($lesson:ident) => {
        |network, images, sites, objective| $lesson::gradients(network, images, sites, objective)
    };
}

const SOLUTION: Gradients = ex2_2!(solution02);

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Cut,
    LookedUp,
    OnlyLastTapped,
    ForwardOrder,
    Activations,
    SumOfLogits,
    SumOfObjective,
    UnknownIgnored,
    AlwaysSingle,
}

fn taps(network: &ResNet, images: &Tensor, sites: &[&str], objective: Objective, fault: Fault) -> Result<Vec<Tensor>> {
    let known = network.sites();
    if fault != Fault::UnknownIgnored && sites.iter().any(|site| !known.contains(&site.to_string())) {
        bail!("no such site");
    }
    let last = known.iter().rfind(|site| sites.contains(&site.as_str()));
    let mut seen: Vec<(String, Tensor, Tensor)> = vec![]; // site, activation, where its gradient is looked for
    let logits = network.forward_visit(images, &mut |site, activation| {
        if !sites.contains(&site) {
            return Ok(None);
        }
        let with_var = match fault {
            Fault::LookedUp => false,
            Fault::OnlyLastTapped => last.is_some_and(|last| last == site),
            _ => true,
        };
        let (tapped, key) = match (fault, with_var) {
            (Fault::Cut, _) => {
                let var = Var::from_tensor(activation)?.into_inner();
                (Some(var.clone()), var)
            }
            (_, true) => {
                let dtype = match fault {
                    Fault::AlwaysSingle => DType::F32,
                    _ => activation.dtype(),
                };
                let tap = Var::zeros(activation.shape(), dtype, activation.device())?;
                (Some((activation + tap.as_tensor())?), tap.into_inner())
            }
            (_, false) => (None, activation.clone()),
        };
        seen.push((site.to_string(), activation.clone(), key));
        Ok(tapped)
    })?;
    let objective = match fault {
        Fault::SumOfLogits => logits.sum_all()?,
        _ => objective(&logits)?,
    };
    if objective.elem_count() != 1 && fault != Fault::SumOfObjective {
        bail!("not a scalar");
    }
    let store = objective.backward()?;
    let gradient = |(_, activation, key): &(String, Tensor, Tensor)| match fault {
        Fault::Activations => Ok(activation.clone()),
        _ => store.get(key).cloned().map_or_else(|| key.zeros_like(), Ok),
    };
    if fault == Fault::ForwardOrder {
        return seen.iter().map(gradient).collect();
    }
    let of = |site: &&str| seen.iter().find(|(name, ..)| name == *site);
    sites.iter().filter_map(of).map(gradient).collect()
}

/// One forward and one backward pass per site.
fn one_by_one(network: &ResNet, images: &Tensor, sites: &[&str], objective: Objective) -> Result<Vec<Tensor>> {
    let one = |site: &&str| {
        let trace = network.tap(images, &[site])?;
        trace.gradients(&objective(&trace.logits)?)?.at(site)
    };
    sites.iter().map(one).collect()
}

const SITES: [&str; 4] = ["layer3", "conv1", "layer1.0.add", "layer2"];
/// The two ways through one block: neither lies behind the other.
const BESIDE: [&str; 2] = ["layer2.0.downsample", "layer2.0.conv1"];

/// What the objective does when the activation at a site moves along `direction`, by central differences in f64; `None`
/// if a step crosses the kink of a ReLU or of the max pool.
fn slope(
    network: &ResNet,
    images: &Tensor,
    site: &str,
    direction: &Tensor,
    objective: Objective,
) -> Result<Option<f64>> {
    const STEP: f64 = 1e-6;
    let at = |step: f64| -> Result<f64> {
        let logits = network.forward_visit(images, &mut |name, activation| {
            Ok(if name == site {
                Some((activation + (direction * step)?)?)
            } else {
                None
            })
        })?;
        objective(&logits)?.to_scalar()
    };
    let (here, up, down) = (at(0.0)?, at(STEP)?, at(-STEP)?);
    let (right, left) = ((up - here) / STEP, (here - down) / STEP);
    let smooth = (right - left).abs() <= 5e-5 * right.abs() + 1e-8;
    Ok(smooth.then_some((up - down) / (2.0 * STEP)))
}

fn sum_of_squares(logits: &Tensor) -> Result<Tensor> {
    logits.sqr()?.sum_all()
}

/// Images, one direction per site, and the slopes along them, at a place where the network is smooth.
fn smooth_case(network: &ResNet, random: &mut Random) -> Result<(Tensor, Vec<Tensor>, Vec<f64>)> {
    loop {
        let images = random.signed((1, 3, 12, 16)).to_dtype(DType::F64)?;
        let trace = network.capture(&images, &SITES)?;
        let mut directions = vec![];
        let mut slopes = vec![];
        for site in SITES {
            let direction = random.signed(trace.activation(site)?.shape()).to_dtype(DType::F64)?;
            slopes.extend(slope(network, &images, site, &direction, &sum_of_squares)?);
            directions.push(direction);
        }
        if slopes.len() == SITES.len() {
            return Ok((images, directions, slopes));
        }
    }
}

fn in_f64(config: &Config, parameters: &Parameters) -> Result<ResNet> {
    let converted = |(name, tensor): (&String, &Tensor)| Ok((name.clone(), tensor.to_dtype(DType::F64)?));
    ResNet::new(config, &parameters.iter().map(converted).collect::<Result<_>>()?)
}

fn fields(sites: &[&str], gradients: Vec<Tensor>) -> Observed {
    let named = sites.iter().map(|site| site.to_string()).zip(gradients);
    Observed::Fields(named.map(|(site, gradient)| (site, gradient.into())).collect())
}

const WRONG: &[Wrong<Gradients>] = &[
    wrong(
        "the network is cut",
        "Only the last of the sites has its gradient, the others have none. Var::from_tensor(activation) starts a new \
         graph, and nothing before it is connected to the objective. Add a Var of zeros: activation + tap.",
        |n, i, s, o| taps(n, i, s, o, Fault::Cut),
    ),
    wrong(
        "no tap in the network",
        "The store knows nothing of what you looked up. Either it is the activation itself, and candle keeps \
         gradients of Vars only, or it is a tap that the network never used: the closure must return Some(activation \
         + tap).",
        |n, i, s, o| taps(n, i, s, o, Fault::LookedUp),
    ),
    wrong(
        "one tap for all sites",
        "Only one of the sites has a tap, and the others were looked up without one. For a tensor that is no Var the \
         store has nothing, or a part of the gradient, without a word. Every site needs its own tap.",
        |n, i, s, o| taps(n, i, s, o, Fault::OnlyLastTapped),
    ),
    wrong(
        "a pass for each site",
        "You ran the network once for each site. Put all taps in during one pass: one backward pass then gives all \
         gradients.",
        |n, i, s, o| match o(&n.forward(i)?)?.elem_count() {
            1 => one_by_one(n, i, s, o),
            count => bail!("{count} elements"),
        },
    ),
    wrong(
        "forward order",
        "Your gradients come in the order of the pass. They belong in the order of `sites`.",
        |n, i, s, o| taps(n, i, s, o, Fault::ForwardOrder),
    ),
    wrong(
        "activations instead of gradients",
        "You returned the activations. What is asked for is in the store: store.get(&tap).",
        |n, i, s, o| taps(n, i, s, o, Fault::Activations),
    ),
    wrong(
        "the objective ignored",
        "You differentiated the sum of all logits. Differentiate objective(&logits).",
        |n, i, s, o| taps(n, i, s, o, Fault::SumOfLogits),
    ),
    wrong(
        "an objective of several numbers",
        "You let through an objective with several elements. candle's backward sums them without a word; return an \
         error.",
        |n, i, s, o| taps(n, i, s, o, Fault::SumOfObjective),
    ),
    wrong(
        "an unknown site left out",
        "A name that is no site was left out, and the rest of the list no longer lines up. Return an error.",
        |n, i, s, o| taps(n, i, s, o, Fault::UnknownIgnored),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<Gradients>] = &[
    ordered!("only what lies in order", |n, i, s, o| [i] => taps(n, i, s, o, Fault::None)),
    slip(Empty, "no site refused", |f| {
        *f = |n, i, s, o| match s {
            [] => bail!("no site"),
            _ => SOLUTION(n, i, s, o),
        }
    }),
    slip(Names, "of sites that end alike the first", |f| {
        *f = |n, i, s, o| {
            let first = |site: &&str| {
                s.iter()
                    .rev()
                    .find(|other| site.ends_with(&format!(".{other}")))
                    .copied()
            };
            let sites: Vec<&str> = s.iter().map(|site| first(site).unwrap_or(site)).collect();
            if sites == s {
                return SOLUTION(n, i, s, o);
            }
            one_by_one(n, i, &sites, o)
        }
    }),
];

/// 2.2
pub fn gradients(seed: u64) -> Exam<Gradients> {
    hazards(seed, basics(seed, answers()))
}

/// Right answers and wrong ones.
fn answers() -> Exam<Gradients> {
    Exam::new("2.2", SOLUTION)
        .mistakes(WRONG)
        .unnamed("no tap in the network, and unwrapped", |n, i, s, o| {
            taps(n, i, s, o, Fault::UnknownIgnored)?;
            Ok(vec![Vec::new().pop().unwrap()])
        })
        .unnamed("a tap of another dtype", |n, i, s, o| {
            taps(n, i, s, o, Fault::AlwaysSingle)
        })
        .unnamed("an objective of rank 0 only", |n, i, s, o| {
            let scalar = |logits: &Tensor| match o(logits)? {
                one if one.rank() > 0 => bail!("rank {}", one.rank()),
                one => Ok(one),
            };
            taps(n, i, s, &scalar, Fault::None)
        })
        .unnamed("gradients cut to ±1", |n, i, s, o| {
            let gradients = taps(n, i, s, o, Fault::None)?;
            gradients.iter().map(|gradient| gradient.clamp(-1.0, 1.0)).collect()
        })
        .unnamed("the magnitude of the objective", |n, i, s, o| {
            taps(n, i, s, &|logits| o(logits)?.abs(), Fault::None)
        })
        .unnamed("a name that begins one is left out", |n, i, s, o| {
            let known = n.sites();
            if !s.iter().all(|site| known.iter().any(|known| known.starts_with(site))) {
                bail!("no such site");
            }
            taps(n, i, s, o, Fault::UnknownIgnored)
        })
        .alternative("a map of taps", |n, i, s, o| taps(n, i, s, o, Fault::None))
}

/// A network with a block in each stage.
fn small() -> Config {
    let blocks = [1, 1, 1, 1];
    Config {
        blocks,
        ..Config::resnet18()
    }
    .width(2)
    .classes(3)
}

/// A network, and images for it.
type Images = (ResNet, Tensor);

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<Gradients>) -> Exam<Gradients> {
    let mut random = Random::new(seed, 22);
    let config = small();
    let parameters = resnet::parameters::initialize(&config, seed).expect("a small network");
    let network = ResNet::new(&config, &parameters).expect("its own weights");
    let exact = in_f64(&config, &parameters).expect("the same weights");
    let images = random.signed((2, 3, 24, 16));

    let class = random.count(0, 2);
    let shared = |sites: &[&str]| one_by_one(&network, &images, sites, &sum_of_squares);
    let expected = shared(&SITES).expect("its sites");
    let expected_beside = shared(&BESIDE).expect("its sites");
    let (smooth, directions, slopes) = smooth_case(&exact, &mut random).expect("a small network");

    exam.given((network, images), |on| {
        let on = scores(on, class)
        .truth(
            format!("sites {}, the sum of squared logits", SITES.join(", ")),
            fields(&SITES, expected),
            move |f, (network, images)| {
                f(network, images, &SITES, &sum_of_squares).map(|gradients| fields(&SITES, gradients))
            },
        )
        .because(
            "One gradient for each of the sites, in the order of `sites`, of exactly these names, and with its signs. \
             The expected ones are those of resnet's own taps.",
        )
        .truth(
            "sites layer3, conv1 and fc: on the logits of how many passes the objective is asked",
            1usize,
            |f, (network, images)| {
                let asked = RefCell::new(HashSet::new());
                f(network, images, &["layer3", "conv1", "fc"], &|logits| {
                    asked.borrow_mut().insert(logits.id());
                    sum_of_squares(logits)
                })?;
                Ok::<_, candle_core::Error>(asked.take().len())
            },
        )
        .because("One forward and one backward pass are enough for all sites.")
        .truth("no site: how many gradients", 0usize, |f, (network, images)| {
            f(network, images, &[], &sum_of_squares).map(|gradients| gradients.len())
        })
        .because("One gradient per entry of `sites`: none.")
        .holds(Empty)
        .truth(
            format!("sites {}, the sum of squared logits", BESIDE.join(", ")),
            fields(&BESIDE, expected_beside),
            move |f, (network, images)| {
                f(network, images, &BESIDE, &sum_of_squares).map(|gradients| fields(&BESIDE, gradients))
            },
        )
        .because("The two ways through a block: neither site lies behind the other.")
        .truth(
            "the first four sites in f64: the slope along a random direction at each site",
            slopes,
            move |f, _| -> Result<Vec<f64>> {
                let gradients = f(&exact, &smooth, &SITES, &sum_of_squares)?;
                let along =
                    |(gradient, direction): (&Tensor, &Tensor)| (gradient * direction)?.sum_all()?.to_scalar::<f64>();
                gradients.iter().zip(&directions).map(along).collect()
            },
        )
        .within(Tolerance::relative(1e-4))
        .because(
            "The expected slopes are finite differences: each site was moved a little both ways. Everything \
                  is f64 here, and dtypes never mix: a tap has activation.dtype().",
        );
        refusals(on)
    })
}

/// Objectives that are known in closed form.
fn scores(on: Given<Gradients, Images>, class: usize) -> Given<Gradients, Images> {
    let (network, _) = &*on.fixture();
    let one_class = move |logits: &Tensor| logits.narrow(1, class, 1)?.sum_all();
    let one_hot = Tensor::from_vec(
        (0..6).map(|i| f32::from(u8::from(i % 3 == class))).collect::<Vec<_>>(),
        (2, 3),
        &Device::Cpu,
    )
    .expect("two rows of three");
    let large = (&one_hot * 1e3).expect("a number");
    let row = network
        .parameter("fc.weight")
        .and_then(|weight| weight.get(class))
        .expect("a row per class");
    let at_pool = row
        .reshape((1, 16, 1, 1))
        .and_then(|row| row.broadcast_as((2, 16, 1, 1)))
        .and_then(|row| row.contiguous())
        .expect("16 features");
    on.truth(
        format!("site fc, the score of class {class}"),
        one_hot.clone(),
        move |f, (network, images)| -> Result<Observed> { only(f(network, images, &["fc"], &one_class)?) },
    )
    .because(
        "The score of a class rises by 1 with its own logit and by 0 with the others. candle keeps gradients \
             of Vars only, and of taps that the network used: the closure returns Some(activation + tap), with a tap \
             of the activation's shape.",
    )
    .truth(
        format!("site fc, the score of class {class} as a [1, 1] tensor"),
        one_hot,
        move |f, (network, images)| -> Result<Observed> {
            let square = |logits: &Tensor| one_class(logits)?.reshape((1, 1));
            only(f(network, images, &["fc"], &square)?)
        },
    )
    .because("An objective of one element is one number, whatever its shape.")
    .truth(
        format!("site avgpool, the score of class {class}"),
        at_pool,
        move |f, (network, images)| -> Result<Observed> { only(f(network, images, &["avgpool"], &one_class)?) },
    )
    .because("score = Σ weight · feature + bias, so the gradient is the class's row of fc.weight, for both images.")
    .truth(
        format!("site fc, 1000 times the score of class {class}, less 10⁶"),
        large,
        move |f, (network, images)| -> Result<Observed> {
            let below_zero = |logits: &Tensor| one_class(logits)?.affine(1e3, -1e6);
            only(f(network, images, &["fc"], &below_zero)?)
        },
    )
    .because(
        "The objective is far below 0 and rises by 1000 with the logit of its class: a gradient has the size and \
             the sign that it has.",
    )
}

/// What has no gradient.
fn refusals(on: Given<Gradients, Images>) -> Given<Gradients, Images> {
    on.refuses("a site named layer9", |f, (network, images)| {
        f(network, images, &["layer9", "fc"], &sum_of_squares).map(|gradients| gradients.len())
    })
    .refuses("a site named layer1.0.con, as one begins", |f, (network, images)| {
        f(network, images, &["layer1.0.con"], &sum_of_squares).map(|gradients| gradients.len())
    })
    .refuses("an objective of 2·3 numbers", move |f, (network, images)| {
        f(network, images, &["layer4"], &|logits| Ok(logits.clone())).map(|gradients| gradients.len())
    })
}

fn only(gradients: Vec<Tensor>) -> Result<Observed> {
    match &gradients[..] {
        [gradient] => Ok(gradient.into()),
        _ => bail!("expected one gradient, got {}", gradients.len()),
    }
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<Gradients>) -> Exam<Gradients> {
    let mut random = Random::new(seed, 122);
    let config = small();
    let network = ResNet::untrained(&config, seed).expect("a small network");
    let images = random.signed((3, 3, 16, 24));
    const ENDS: [&str; 4] = ["conv1", "layer1", "layer1.0.relu", "relu"];
    let expected = one_by_one(&network, &images, &ENDS, &sum_of_squares).expect("its sites");
    exam.truth(
        format!(
            "sites {}, three images whose columns come first in memory",
            ENDS.join(", ")
        ),
        fields(&ENDS, expected),
        move |f| f(&network, &askew(&images), &ENDS, &sum_of_squares).map(|gradients| fields(&ENDS, gradients)),
    )
    .because("layer1 and relu are not layer1.0.relu, and every image has a gradient of its own.")
    .holds([NotContiguous, Names])
    .proofs(SOLUTION, PROOFS)
    .spared(
        &[Batch, Returned, Wiring],
        "two images, and the order of the sites, are tried as mistakes",
    )
    .spared(
        &[Sizes, Combined, Scale, Sign, Ties, NotFinite],
        "the network's numbers, no options",
    )
}
