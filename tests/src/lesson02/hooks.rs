use std::cell::RefCell;
use std::rc::Rc;

use candle_core::{DType, Device, Error, Result, Tensor, Var, bail};
use resnet::{Config, ResNet};

use crate::inputs::{Random, askew};
use crate::{Exam, Given, Hazard::*, Observed, Tolerance};

mod answers;

/// `solution02::Hook`
pub type Hook<'a> = Box<dyn FnMut(&str, &Tensor) -> Result<Option<Tensor>> + 'a>;
/// Makes `solution02::Hooks` of a network.
pub type NewHooks = for<'a> fn(&'a ResNet) -> Box<dyn Hooked<'a> + 'a>;

/// The attempt at 2.1 in a lesson, or in its solution.
#[macro_export]
macro_rules! ex2_1 {
    ($lesson:ident) => {
        |network| {
            $crate::lesson02::hooked(
                $lesson::Hooks::new(network),
                |hooks, site, hook| hooks.register(site, hook),
                $lesson::Hooks::forward,
                $lesson::Hooks::count,
                $lesson::capture,
            )
        }
    };
}

const SOLUTION: NewHooks = ex2_1!(solution02);

/// Logits, and an activation per site.
pub type Captured = Result<(Tensor, Vec<Tensor>)>;

/// A handle; dropping it is all there is to do with it.
pub trait Handle {}
impl<T> Handle for T {}

/// What `solution02::Hooks` can do, whatever its type.
#[allow(missing_docs, reason = "said there")]
pub trait Hooked<'a> {
    fn register(&self, site: &str, hook: Hook<'a>) -> Result<Box<dyn Handle + 'a>>;
    fn forward(&self, images: &Tensor) -> Result<Tensor>;
    fn count(&self) -> usize;
    fn capture(&self, images: &Tensor, sites: &[&str]) -> Captured;
}

/// An attempt's own type and its functions.
pub struct Attempt<'a, S, H> {
    hooks: S,
    register: fn(&S, &str, Hook<'a>) -> Result<H>,
    forward: fn(&S, &Tensor) -> Result<Tensor>,
    count: fn(&S) -> usize,
    capture: fn(&S, &Tensor, &[&str]) -> Captured,
}

impl<'a, S, H: 'a> Hooked<'a> for Attempt<'a, S, H> {
    fn register(&self, site: &str, hook: Hook<'a>) -> Result<Box<dyn Handle + 'a>> {
        Ok(Box::new((self.register)(&self.hooks, site, hook)?))
    }

    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        (self.forward)(&self.hooks, images)
    }

    fn count(&self) -> usize {
        (self.count)(&self.hooks)
    }

    fn capture(&self, images: &Tensor, sites: &[&str]) -> Captured {
        (self.capture)(&self.hooks, images, sites)
    }
}

/// Puts an attempt behind the trait.
pub fn attempt<'a, S: 'a, H: 'a>(
    hooks: S,
    register: fn(&S, &str, Hook<'a>) -> Result<H>,
    forward: fn(&S, &Tensor) -> Result<Tensor>,
    count: fn(&S) -> usize,
    capture: fn(&S, &Tensor, &[&str]) -> Captured,
) -> Box<dyn Hooked<'a> + 'a> {
    Box::new(Attempt {
        hooks,
        register,
        forward,
        count,
        capture,
    })
}

/// 2.1
pub fn hooks(seed: u64) -> Exam<NewHooks> {
    let exam = answers::known().given(fixture(seed, 21), |on| captures(replaced(calls(on))));
    exam.given(fixture(seed, 121), hazards)
}

/// A small network, and two images for it.
type Fixture = (ResNet, Tensor);

fn fixture(seed: u64, stream: u64) -> Fixture {
    let config = Config {
        blocks: [1, 1, 1, 1],
        ..Config::resnet18()
    };
    let network = ResNet::untrained(&config.width(2).classes(3), seed).expect("a small network");
    (network, Random::new(seed, stream).signed((2, 3, 24, 16)))
}

type Log = Rc<RefCell<Vec<String>>>;

/// A hook that does what its name says: `zeros`, `double` and `first` (image) replace what they see, `fail` fails,
/// `place` writes the site and the shape, `sum` the sum; any other writes its name.
fn hook(name: &str, log: &Log) -> Hook<'static> {
    let (name, log) = (name.to_string(), Rc::clone(log));
    Box::new(move |site, activation| {
        let line = match &name[..] {
            "zeros" => return activation.zeros_like().map(Some),
            "double" => return (activation * 2.0).map(Some),
            "first" => return activation.narrow(0, 0, 1).map(Some),
            "fail" => bail!("this hook always fails"),
            "place" => format!("{site} {:?}", activation.dims()),
            "sum" => format!("sum {}", activation.sum_all()?.to_scalar::<f32>()?),
            _ => name.clone(),
        };
        log.borrow_mut().push(line);
        Ok(None)
    })
}

/// What the hooks write when these steps are taken, and how many are left in the end.
fn follow<'a>(hooks: &dyn Hooked<'a>, images: &Tensor, steps: &str) -> Result<Observed> {
    let log = Log::default();
    let write = |line: String| log.borrow_mut().push(line);
    let mut handles: Vec<(&str, Box<dyn Handle + 'a>)> = vec![];
    for step in steps.split(", ") {
        let words: Vec<_> = step.split(' ').collect();
        match words[..] {
            ["hook", name, "on", site] => handles.push((name, hooks.register(site, hook(name, &log))?)),
            ["hook", name, "removed"] => handles.retain(|(of, _)| *of != name),
            ["hook", name, "forgotten"] => {
                let gone = handles.extract_if(.., |(of, _)| *of == name);
                gone.for_each(std::mem::forget);
            }
            ["pass"] => _ = hooks.forward(images).map_err(|_| write("an error".into())),
            ["capture", ref sites @ ..] => match hooks.capture(images, sites) {
                Ok((_, all)) => write(format!("{} captured", all.len())),
                Err(_) => write("an error".into()),
            },
            _ => panic!("no step: {step}"),
        }
    }
    write(format!("{} left", hooks.count()));
    Ok(log.take().join("\n").into())
}

/// Steps, what is written, and why.
type Row = (&'static str, &'static str, &'static str);

const ITS_OWN: &str = "A handle takes off its own hook, and no other. An id is never used twice.";

#[rustfmt::skip]
const CALLS: &[Row] = &[
    ("hook place on layer2, pass", "layer2 [2, 4, 3, 2]\n1 left",
        "One site, so one call, with the name and the activation."),
    ("hook a on layer2, pass, hook a removed, pass", "a\n0 left", "The hook is called in the first pass only."),
    ("hook a on relu, hook b on relu, pass", "a\nb\n2 left",
        "Both are called, in the order in which they were registered."),
    ("hook a on relu, hook b on relu, hook a removed, pass", "b\n1 left", ITS_OWN),
    ("hook a on relu, hook b on relu, hook c on relu, hook a removed, pass", "b\nc\n2 left",
        "The hooks that stay keep their order."),
    ("hook a on conv1, hook b on layer1, hook c on layer2, hook a removed, hook b removed, pass", "c\n1 left", ITS_OWN),
    ("hook a on conv1, hook b on layer1, hook c on layer2, hook c forgotten, hook a removed, hook b removed, pass",
        "c\n1 left",
        ITS_OWN),
    ("hook a on conv1, hook b on layer1, hook a removed, hook c on layer2, hook b removed, pass", "c\n1 left", ITS_OWN),
    ("hook zeros on relu, hook sum on relu, pass", "sum 0\n2 left", "A hook sees what the one before it put in place."),
    ("hook a on layer1, hook fail on layer2, hook b on layer3, pass, hook fail removed, pass",
        "a\nan error\na\nb\n2 left",
        "The failed pass ends at layer2. The other two hooks are still there for the next one."),
];

#[rustfmt::skip]
const CAPTURES: &[Row] = &[
    ("hook a on relu, capture relu layer1 layer2, pass", "a\n3 captured\na\n1 left",
        "A capture is one pass, which calls the other hooks once. Its own hooks come off after it, and no others."),
    ("hook fail on layer2, capture relu", "an error\n1 left",
        "The hooks of capture come off when it fails, too; the failing one is not capture's to remove."),
];

#[rustfmt::skip]
const OTHERS: &[Row] = &[
    ("hook first on layer2, hook a on layer3, pass", "an error\n2 left",
        "The network refuses a replacement of another shape, here one image for two: its error ends the pass."),
];

/// Adds rows.
fn rows(on: Given<NewHooks, Fixture>, rows: &'static [Row]) -> Given<NewHooks, Fixture> {
    rows.iter().fold(on, |on, &(steps, written, because)| {
        let run = |new: NewHooks, (network, images): &Fixture| follow(&*new(network), images, steps);
        on.truth(steps, written, run).because(because)
    })
}

/// Hooks that look, on and off in any order.
fn calls(on: Given<NewHooks, Fixture>) -> Given<NewHooks, Fixture> {
    let on = rows(on, CALLS).snapshot(
        "a hook on every site: the order of the calls",
        "lesson02_call_order",
        |new, (network, images)| -> Result<Observed> {
            let (hooks, log) = (new(network), Log::default());
            let sites = network.sites();
            let handles = sites.iter().map(|site| hooks.register(site, hook("place", &log)));
            let _handles = handles.collect::<Result<Vec<_>>>()?;
            hooks.forward(images)?;
            Ok(log.take().join("\n").into())
        },
    );
    on.because("A pass comes by every site once, from conv1 to fc; a hook hears of its own site alone.")
        .refuses("a hook that fails", |new, (network, images)| {
            let hooks = new(network);
            let _handle = hooks.register("layer2", hook("fail", &Log::default()))?;
            hooks.forward(images)
        })
        .refuses("a site named layer9", |new, (network, _)| {
            unknown(new, network, "layer9")
        })
        .refuses("a site named Layer2", |new, (network, _)| {
            unknown(new, network, "Layer2")
        })
        .refuses("a site named con, as many begin", |new, (network, _)| {
            unknown(new, network, "con")
        })
}

fn unknown(new: NewHooks, network: &ResNet, site: &str) -> Result<bool> {
    let hooks = new(network);
    hooks.register(site, hook("a", &Log::default())).map(|_| true)
}

/// The gradient of the sum of the logits that `logits` makes of an image, by the image.
fn to_image(images: &Tensor, logits: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let image = Var::from_tensor(images)?;
    let gradients = logits(image.as_tensor())?.sum_all()?.backward()?;
    let missing = || Error::Msg("no gradient comes back to the image: the graph is cut".into());
    gradients.get(&image).cloned().ok_or_else(missing)
}

/// Hooks that return something.
fn replaced(on: Given<NewHooks, Fixture>) -> Given<NewHooks, Fixture> {
    let (network, images) = &*on.fixture();
    let bias = network
        .parameter("fc.bias")
        .and_then(|bias| bias.broadcast_as((2, 3))?.contiguous());
    let bias = bias.expect("one row per image");
    let doubled = to_image(images, |images| {
        network.forward_visit(images, &mut |site, x| (site == "layer3").then(|| x * 2.0).transpose())
    });
    let doubled = doubled.expect("a gradient");
    on.truth(
        "a hook that replaces layer4 by zeros, and one after it that returns None: the logits",
        bias,
        |new, (network, images)| {
            let hooks = new(network);
            let _first = hooks.register("layer4", hook("zeros", &Log::default()))?;
            let _second = hooks.register("layer4", hook("look", &Log::default()))?;
            hooks.forward(images)
        },
    )
    .because("Nothing comes out of layer4, so every logit is the bias of fc. None leaves the replacement where it is.")
    .truth(
        "a hook that doubles layer3: the gradient of the logits by the image",
        doubled.clone(),
        |new, (network, images)| {
            let hooks = new(network);
            let _handle = hooks.register("layer3", hook("double", &Log::default()))?;
            to_image(images, |image| hooks.forward(image))
        },
    )
    .because("Hooks leave the graph whole: what they see and return hangs on it, and so do the logits.")
    .truth(
        "the same by the logits that a capture of layer1 gives",
        doubled,
        |new, (network, images)| {
            let hooks = new(network);
            let _handle = hooks.register("layer3", hook("double", &Log::default()))?;
            to_image(images, |image| Ok(hooks.capture(image, &["layer1"])?.0))
        },
    )
    .because("The copies of capture are detached; the logits are those of an ordinary pass with all hooks.")
}

/// `capture`.
fn captures(on: Given<NewHooks, Fixture>) -> Given<NewHooks, Fixture> {
    let (network, images) = &*on.fixture();
    let trace = network.capture(images, &["layer3", "bn1"]).expect("two sites of it");
    let at = |site: &str| trace.activation(site).expect("captured").clone();
    let captured = Observed::fields([("layer3", at("layer3")), ("bn1", at("bn1"))]);
    let ones = Tensor::ones((2, 2, 6, 4), DType::F32, &Device::Cpu).expect("ones");
    let on = on
        .truth(
            "capture of layer3 and bn1, in this order",
            captured,
            |new, (network, images)| -> Result<Observed> {
                let captured = new(network).capture(images, &["layer3", "bn1"])?.1;
                let list = ["layer3", "bn1"].iter().zip(captured);
                Ok(Observed::Fields(
                    list.map(|(name, value)| (name.to_string(), value.into())).collect(),
                ))
            },
        )
        .because(
            "An activation for each of the sites, in their order, as the network has it: every image, with its signs.",
        )
        .truth("capture: the logits", trace.logits.clone(), |new, (network, images)| {
            Ok::<_, Error>(new(network).capture(images, &["relu", "layer4"])?.0)
        })
        .because("Looking changes nothing: they are the logits of a pass without hooks.");
    rows(on, CAPTURES)
        .truth(
            "capture of layer1, where another hook puts a Var of ones that is set to zeros afterwards",
            ones,
            |new, (network, images)| {
                let hooks = new(network);
                let var = Var::ones((2, 2, 6, 4), DType::F32, &Device::Cpu)?;
                let shared = var.as_tensor().clone();
                let _handle = hooks.register("layer1", Box::new(move |_, _| Ok(Some(shared.clone()))))?;
                let captured = hooks.capture(images, &["layer1"])?.1;
                var.set(&var.zeros_like()?)?;
                first(captured)
            },
        )
        .because("The capture was taken while they were ones.")
        .truth(
            "capture of layer1 for an image that is a Var: does the capture hang on the graph?",
            false,
            |new, (network, images)| {
                let image = Var::from_tensor(images)?;
                let captured = new(network).capture(image.as_tensor(), &["layer1"])?.1;
                first(captured).map(|activation| activation.track_op())
            },
        )
        .because("detach lets go of the graph, and of all activations before this one.")
}

fn first(captured: Vec<Tensor>) -> Result<Tensor> {
    let none = || Error::Msg("expected one activation, got none".into());
    captured.into_iter().next().ok_or_else(none)
}

/// Inputs that are not friendly.
fn hazards(on: Given<NewHooks, Fixture>) -> Given<NewHooks, Fixture> {
    let (network, images) = &*on.fixture();
    let trace = network.capture(images, &["relu"]).expect("a site of it");
    let relu = trace.activation("relu").expect("captured").clone();
    rows(on, OTHERS)
        .truth(
            "hook place on conv1, pass",
            "conv1 [2, 2, 12, 8]\n1 left",
            |new, (network, images)| follow(&*new(network), images, "hook place on conv1, pass"),
        )
        .because("layer1.0.conv1 is another site.")
        .holds(Names)
        .truth(
            "capture of relu, and of relu once more",
            Observed::fields([("1", relu.clone()), ("2", relu)]),
            |new, (network, images)| -> Result<Observed> {
                let captured = new(network).capture(images, &["relu", "relu"])?.1;
                let numbered = (1..)
                    .zip(captured)
                    .map(|(i, activation)| (i.to_string(), activation.into()));
                Ok(Observed::Fields(numbered.collect()))
            },
        )
        .because("One activation per entry of sites, also where a site stands twice.")
        .holds(Names)
        .truth("capture", "0 captured\n0 left", |new, (network, images)| {
            follow(&*new(network), images, "capture")
        })
        .because("One activation per entry of sites: none, and the logits.")
        .holds(Empty)
        .truth(
            "images whose columns come first in memory: how far the logits are off",
            0.0,
            |new, (network, images)| {
                let logits = new(network).forward(&askew(images))?;
                (logits - network.forward(images)?)?
                    .abs()?
                    .max_all()?
                    .to_scalar::<f32>()
            },
        )
        .within(Tolerance::new(0.0, 1e-5))
        .holds(NotContiguous)
        .refuses(
            "capture of layer3 and of a site named layer9",
            |new, (network, images)| {
                let captured = new(network).capture(images, &["layer3", "layer9"]);
                captured.map(|(_, captured)| captured.len())
            },
        )
}
