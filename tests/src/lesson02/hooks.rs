use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use candle_core::{Device, Result, Tensor, Var, bail};
use resnet::{Config, ResNet};

use crate::inputs::{Random, askew, in_order};
use crate::{Exam, Given, Hazard::*, Observed, Slip, Wrong, slip, wrong};

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

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Leak,
    RemovesSite,
    RemovesLast,
    OnePerSite,
    IdIsLength,
    IdIsIndex,
    IdIsPosition,
    FirstOnly,
    Reversed,
    OriginalSeen,
    ReplacementIgnored,
    ErrorSwallowed,
    LostAfterError,
    UnknownAccepted,
    Prefix,
    FiresOnce,
    DroppedAtOnce,
    CaptureAliases,
    CaptureKeepsGraph,
    CaptureInForwardOrder,
    CaptureWithoutHooks,
    CaptureByName,
    CaptureSkipsUnknown,
    Suffix,
}

struct Entry<'a> {
    id: usize,
    site: String,
    hook: Hook<'a>,
    fired: bool,
}

type List<'a> = Rc<RefCell<Vec<Entry<'a>>>>;

/// 2.1 with one fault.
struct Faulty<'a> {
    network: &'a ResNet,
    list: List<'a>,
    next: Cell<usize>,
    fault: Fault,
}

struct Remover<'a> {
    id: usize,
    site: String,
    list: List<'a>,
    fault: Fault,
}

impl Drop for Remover<'_> {
    fn drop(&mut self) {
        let mut list = self.list.borrow_mut();
        match self.fault {
            Fault::Leak => {}
            Fault::RemovesSite => list.retain(|entry| entry.site != self.site),
            Fault::RemovesLast => drop(list.pop()),
            Fault::IdIsIndex if self.id < list.len() => drop(list.remove(self.id)),
            Fault::IdIsIndex => {}
            // A panic during another one would end the process.
            Fault::IdIsPosition if !std::thread::panicking() => drop(list.remove(self.id)),
            Fault::IdIsPosition => {}
            _ => list.retain(|entry| entry.id != self.id),
        }
    }
}

impl<'a> Hooked<'a> for Faulty<'a> {
    fn register(&self, site: &str, hook: Hook<'a>) -> Result<Box<dyn Handle + 'a>> {
        let known = self.network.sites().iter().any(|known| known == site);
        if !known && self.fault != Fault::UnknownAccepted {
            bail!("no site {site}");
        }
        let mut list = self.list.borrow_mut();
        let id = match self.fault {
            Fault::IdIsLength | Fault::IdIsIndex => list.len(),
            _ => self.next.replace(self.next.get() + 1),
        };
        if self.fault == Fault::OnePerSite {
            list.retain(|entry| entry.site != site);
        }
        list.push(Entry {
            id,
            site: site.into(),
            hook,
            fired: false,
        });
        Ok(Box::new(Remover {
            id,
            site: site.into(),
            list: Rc::clone(&self.list),
            fault: self.fault,
        }))
    }

    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        if self.fault == Fault::LostAfterError {
            let mut taken = self.list.take();
            let logits = self.pass(&mut taken, images)?;
            self.list.replace(taken);
            return Ok(logits);
        }
        self.pass(&mut self.list.borrow_mut(), images)
    }

    fn count(&self) -> usize {
        self.list.borrow().len()
    }

    fn capture(&self, images: &Tensor, sites: &[&str]) -> Captured {
        if self.fault == Fault::CaptureWithoutHooks {
            let trace = self.network.capture(images, sites)?;
            let activations = sites.iter().map(|site| trace.activation(site)?.detach().copy());
            return Ok((trace.logits.clone(), activations.collect::<Result<_>>()?));
        }
        let kept = Rc::new(RefCell::new(vec![]));
        let mut handles = vec![];
        for site in sites {
            if self.fault == Fault::CaptureSkipsUnknown && !self.network.sites().iter().any(|known| known == site) {
                continue;
            }
            let (kept, fault) = (Rc::clone(&kept), self.fault);
            let keep = move |site: &str, activation: &Tensor| {
                let copy = match fault {
                    Fault::CaptureAliases => activation.detach(),
                    Fault::CaptureKeepsGraph => activation.copy()?,
                    _ => activation.detach().copy()?,
                };
                kept.borrow_mut().push((site.to_string(), copy));
                Ok(None)
            };
            let handle = self.register(site, Box::new(keep))?;
            if self.fault != Fault::DroppedAtOnce {
                handles.push(handle);
            }
        }
        let logits = self.forward(images)?;
        drop(handles);
        let kept = kept.take();
        if self.fault == Fault::CaptureInForwardOrder {
            return Ok((logits, kept.into_iter().map(|(_, copy)| copy).collect()));
        }
        let mut kept: HashMap<_, _> = kept.into_iter().collect();
        if self.fault == Fault::CaptureByName {
            let found = sites.iter().filter_map(|site| kept.remove(*site));
            return Ok((logits, found.collect()));
        }
        let found = sites.iter().filter_map(|site| kept.get(*site).cloned());
        Ok((logits, found.collect()))
    }
}

impl<'a> Faulty<'a> {
    fn pass(&self, list: &mut [Entry<'a>], images: &Tensor) -> Result<Tensor> {
        let fault = self.fault;
        self.network.forward_visit(images, &mut |site, activation| {
            let mut current = activation.clone();
            let sits_here = |entry: &Entry| match fault {
                Fault::Prefix => site.starts_with(&entry.site),
                Fault::Suffix => site == entry.site || site.ends_with(&format!(".{}", entry.site)),
                _ => entry.site == site,
            };
            let mut here: Vec<_> = list.iter_mut().filter(|entry| sits_here(entry)).collect();
            match fault {
                Fault::Reversed => here.reverse(),
                Fault::FirstOnly => here.truncate(1),
                _ => {}
            }
            for entry in here {
                if fault == Fault::FiresOnce && std::mem::replace(&mut entry.fired, true) {
                    continue;
                }
                let seen = match fault {
                    Fault::OriginalSeen => activation,
                    _ => &current,
                };
                match (entry.hook)(site, seen) {
                    Ok(Some(other)) => current = other,
                    Ok(None) => {}
                    Err(_) if fault == Fault::ErrorSwallowed => {}
                    Err(error) => return Err(error),
                }
            }
            match fault {
                Fault::ReplacementIgnored => Ok(None),
                _ => Ok(Some(current)),
            }
        })
    }
}

fn faulty<'a>(network: &'a ResNet, fault: Fault) -> Box<dyn Hooked<'a> + 'a> {
    Box::new(Faulty {
        network,
        list: List::default(),
        next: Cell::new(0),
        fault,
    })
}

/// Hooks that refuse images that are not contiguous.
struct Ordered<'a>(Box<dyn Hooked<'a> + 'a>);

impl<'a> Hooked<'a> for Ordered<'a> {
    fn register(&self, site: &str, hook: Hook<'a>) -> Result<Box<dyn Handle + 'a>> {
        self.0.register(site, hook)
    }

    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        in_order(&[images])?;
        self.0.forward(images)
    }

    fn count(&self) -> usize {
        self.0.count()
    }

    fn capture(&self, images: &Tensor, sites: &[&str]) -> Captured {
        self.0.capture(images, sites)
    }
}

/// Lines that hooks have written.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    /// A hook that writes `line`.
    fn hook(&self, line: &'static str) -> Hook<'static> {
        let log = self.clone();
        Box::new(move |_, _| {
            log.write(line);
            Ok(None)
        })
    }

    /// A hook that writes the site and the shape.
    fn site(&self) -> Hook<'static> {
        let log = self.clone();
        Box::new(move |site, activation| {
            log.write(format!("{site} {:?}", activation.dims()));
            Ok(None)
        })
    }

    fn write(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    fn text(&self) -> Observed {
        let text = self.0.borrow().join("\n");
        if text.is_empty() { "nothing" } else { &text }.into()
    }
}

fn failing() -> Hook<'static> {
    Box::new(|_, _| bail!("this hook always fails"))
}

fn silencing() -> Hook<'static> {
    Box::new(|_, activation| Ok(Some(activation.zeros_like()?)))
}

macro_rules! fault {
    ($fault:ident) => {
        |network| faulty(network, Fault::$fault)
    };
}

const WRONG: &[Wrong<NewHooks>] = &[
    wrong(
        "the handle removes nothing",
        "A hook goes on after its handle is gone. `drop` must take it off the list that forward goes through.",
        fault!(Leak),
    ),
    wrong(
        "all hooks of the site removed",
        "Removing one hook took its neighbours on the same site along. A handle knows its hook by id, not by site.",
        fault!(RemovesSite),
    ),
    wrong(
        "the last hook removed",
        "Each handle took off the hook that was registered last. Handles go in any order: look for the id.",
        fault!(RemovesLast),
    ),
    wrong(
        "one hook per site",
        "A second hook on a site replaced the first. A map with one entry per site is too small; keep a list.",
        fault!(OnePerSite),
    ),
    wrong(
        "an id used twice",
        "Two hooks had the same id after one was removed: the length of the list goes down, an id must not. Count up \
         in next_id.",
        fault!(IdIsLength),
    ),
    wrong(
        "the place in the list as id",
        "You kept the hook's place in the list. When an earlier hook goes, all places after it move down, and the \
         handle takes off another hook.",
        fault!(IdIsIndex),
    ),
    wrong(
        "removed by id as if it were a place",
        "You called remove(id) on the list. That is the hook at this place, and places move when an earlier hook \
         goes. Look for the entry with this id: retain keeps all others.",
        fault!(IdIsPosition),
    ),
    wrong(
        "the first hook of a site only",
        "Of two hooks on a site only the first was called: you returned what it returned. Go on with the next hook, \
         and return after the loop.",
        fault!(FirstOnly),
    ),
    wrong(
        "last registered, first called",
        "Your hooks are called from the last to the first. Those on one site are called in the order in which they \
         were registered.",
        fault!(Reversed),
    ),
    wrong(
        "the second hook sees the original",
        "Every hook gets the network's activation. A hook must see what the one before it put in its place.",
        fault!(OriginalSeen),
    ),
    wrong(
        "the replacement is lost",
        "A hook returned Some(other), and the network went on with its own activation. Return the replacement from \
         the visitor.",
        fault!(ReplacementIgnored),
    ),
    wrong(
        "errors swallowed",
        "A hook failed and forward went on as if nothing had happened. Pass the error on with `?`.",
        fault!(ErrorSwallowed),
    ),
    wrong(
        "hooks lost in an error",
        "After a pass that failed all hooks were gone. Only a handle takes a hook off; if you take the list out to go \
         through it, `?` leaves before it is put back. Borrow it instead.",
        fault!(LostAfterError),
    ),
    wrong(
        "any name is a site",
        "You accepted a site that the network does not have. Such a hook never fires, and nobody learns why: compare \
         with network.sites() and return an error.",
        fault!(UnknownAccepted),
    ),
    wrong(
        "a hook for everything inside",
        "A hook on layer2 also saw layer2.0.conv1 and the rest. Compare whole names.",
        fault!(Prefix),
    ),
    wrong(
        "a hook that fires once",
        "Your hook was silent in the second pass. It is called in every pass, until its handle goes.",
        fault!(FiresOnce),
    ),
    wrong(
        "the handle dropped at once",
        "Your capture saw nothing: its handles were dropped before the pass, by `let _ =` or at the end of a loop's \
         body. Keep them in a Vec.",
        fault!(DroppedAtOnce),
    ),
    wrong(
        "the capture shares its numbers",
        "What you captured changed afterwards, together with a Var. `clone` and `detach` share the numbers; `copy()` \
         has its own. PyTorch users write `.detach().clone()` for the same reason.",
        fault!(CaptureAliases),
    ),
    wrong(
        "the capture keeps the graph",
        "What you captured still hangs on the graph and keeps all activations before it in memory. `detach()` it.",
        fault!(CaptureKeepsGraph),
    ),
    wrong(
        "captured in forward order",
        "Your activations come in the order of the pass. They belong in the order of `sites`: give each hook its \
         index.",
        fault!(CaptureInForwardOrder),
    ),
    wrong(
        "captured past the hooks",
        "Your capture did not see what another hook had put in place. Let capture register hooks and call \
         hooks.forward, not the network.",
        fault!(CaptureWithoutHooks),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<NewHooks>] = &[
    slip(Names, "a site asked for twice is found once", |f| {
        *f = |network| faulty(network, Fault::CaptureByName)
    }),
    slip(Errors, "capture leaves out unknown sites", |f| {
        *f = |network| faulty(network, Fault::CaptureSkipsUnknown)
    }),
    slip(NotContiguous, "only what lies in order", |f| {
        *f = |network| Box::new(Ordered(faulty(network, Fault::None)))
    }),
];

/// 2.1
pub fn hooks(seed: u64) -> Exam<NewHooks> {
    hazards(seed, basics(seed, answers()))
}

/// Right answers and wrong ones.
fn answers() -> Exam<NewHooks> {
    Exam::new("2.1", SOLUTION)
        .mistakes(WRONG)
        .alternative("the current activation is carried along", fault!(None))
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

/// Each experiment makes its hooks anew, on the same network.
macro_rules! on {
    (|$hooks:ident, $images:ident| $body:block) => {
        |new: NewHooks, (network, $images): &Fixture| -> Result<Observed> {
            let $hooks = new(network);
            $body
        }
    };
}

/// Inputs from small to large.
fn basics(seed: u64, exam: Exam<NewHooks>) -> Exam<NewHooks> {
    exam.given(fixture(seed, 21), |on| captures(replaced(several(one(on)))))
}

/// One hook on one site.
fn one(on: Given<NewHooks, Fixture>) -> Given<NewHooks, Fixture> {
    on.truth(
        "a hook on layer2, one pass",
        "layer2 [2, 4, 3, 2]",
        on!(|hooks, images| {
            let log = Log::default();
            let _handle = hooks.register("layer2", log.site())?;
            hooks.forward(images)?;
            Ok(log.text())
        }),
    )
    .because("One site, so one call, with the name and the activation.")
    .truth(
        "a hook on layer2, two passes",
        "layer2\nlayer2",
        on!(|hooks, images| {
            let log = Log::default();
            let _handle = hooks.register("layer2", log.hook("layer2"))?;
            hooks.forward(images)?;
            hooks.forward(images)?;
            Ok(log.text())
        }),
    )
    .truth(
        "a pass, the handle dropped, a second pass",
        Observed::Fields(vec![
            ("calls".into(), "layer2".into()),
            ("hooks left".into(), 0usize.into()),
        ]),
        on!(|hooks, images| {
            let log = Log::default();
            let handle = hooks.register("layer2", log.hook("layer2"))?;
            hooks.forward(images)?;
            drop(handle);
            hooks.forward(images)?;
            Ok(Observed::Fields(vec![
                ("calls".into(), log.text()),
                ("hooks left".into(), hooks.count().into()),
            ]))
        }),
    )
    .because("The hook is called in the first pass only.")
}

/// Several hooks, removed in any order.
fn several(on: Given<NewHooks, Fixture>) -> Given<NewHooks, Fixture> {
    on.truth(
        "two hooks on one site",
        "first\nsecond",
        on!(|hooks, images| {
            let log = Log::default();
            let _handles = (
                hooks.register("relu", log.hook("first"))?,
                hooks.register("relu", log.hook("second"))?,
            );
            hooks.forward(images)?;
            Ok(log.text())
        }),
    )
    .truth(
        "two hooks on one site, the first removed",
        "second",
        on!(|hooks, images| {
            let log = Log::default();
            let first = hooks.register("relu", log.hook("first"))?;
            let _second = hooks.register("relu", log.hook("second"))?;
            drop(first);
            hooks.forward(images)?;
            Ok(log.text())
        }),
    )
    .truth(
        "hooks a, b, c; a removed, then b",
        "c",
        on!(|hooks, images| {
            let log = Log::default();
            let [a, b, _c] = [("conv1", "a"), ("layer1", "b"), ("layer2", "c")]
                .map(|(site, line)| hooks.register(site, log.hook(line)));
            drop((a?, b?));
            hooks.forward(images)?;
            Ok(log.text())
        }),
    )
    .truth(
        "hooks a, b, c; a removed, then b; c stays for ever",
        "c",
        on!(|hooks, images| {
            let log = Log::default();
            let [a, b, c] = [("conv1", "a"), ("layer1", "b"), ("layer2", "c")]
                .map(|(site, line)| hooks.register(site, log.hook(line)));
            std::mem::forget(c?);
            drop((a?, b?));
            hooks.forward(images)?;
            Ok(log.text())
        }),
    )
    .truth(
        "hooks a, b; a removed, c registered, b removed",
        "c",
        on!(|hooks, images| {
            let log = Log::default();
            let a = hooks.register("conv1", log.hook("a"))?;
            let b = hooks.register("layer1", log.hook("b"))?;
            drop(a);
            let _c = hooks.register("layer2", log.hook("c"))?;
            drop(b);
            hooks.forward(images)?;
            Ok(log.text())
        }),
    )
    .snapshot(
        "a hook on every site: the order of the calls",
        "lesson02_call_order",
        |new, (network, images)| -> Result<Observed> {
            let (hooks, log) = (new(network), Log::default());
            let sites = network.sites();
            let handles = sites.iter().map(|site| hooks.register(site, log.site()));
            let _handles = handles.collect::<Result<Vec<_>>>()?;
            hooks.forward(images)?;
            Ok(log.text())
        },
    )
}

/// Hooks that return something, or an error.
fn replaced(on: Given<NewHooks, Fixture>) -> Given<NewHooks, Fixture> {
    let bias = on
        .fixture()
        .0
        .parameter("fc.bias")
        .and_then(|bias| bias.broadcast_as((2, 3))?.contiguous());
    let bias = bias.expect("one row per image");
    on.truth(
        "a hook that replaces layer4 by zeros: the logits",
        bias,
        on!(|hooks, images| {
            let _handle = hooks.register("layer4", silencing())?;
            Ok(hooks.forward(images)?.into())
        }),
    )
    .because("Nothing comes out of layer4, so every logit is the bias of fc.")
    .truth(
        "a hook that replaces relu by zeros, and one after it that writes the sum it sees",
        "sum 0",
        on!(|hooks, images| {
            let log = Log::default();
            let _first = hooks.register("relu", silencing())?;
            let written = log.clone();
            let _second = hooks.register(
                "relu",
                Box::new(move |_, activation| {
                    written.write(format!("sum {}", activation.sum_all()?.to_scalar::<f32>()?));
                    Ok(None)
                }),
            )?;
            hooks.forward(images)?;
            Ok(log.text())
        }),
    )
    .refuses(
        "a hook that fails",
        on!(|hooks, images| {
            let _handle = hooks.register("layer2", failing())?;
            Ok(hooks.forward(images)?.into())
        }),
    )
    .truth(
        "hooks on layer1 and layer3, and one on layer2 that fails; removed after the error, and a second pass",
        "layer1\nan error\nlayer1\nlayer3",
        on!(|hooks, images| {
            let log = Log::default();
            let _first = hooks.register("layer1", log.hook("layer1"))?;
            let broken = hooks.register("layer2", failing())?;
            let _third = hooks.register("layer3", log.hook("layer3"))?;
            if hooks.forward(images).is_err() {
                log.write("an error");
            }
            drop(broken);
            hooks.forward(images)?;
            Ok(log.text())
        }),
    )
    .because("The failed pass ends at layer2. The other two hooks are still there for the next one.")
    .truth(
        "a hook in a function that an error leaves: hooks left",
        0usize,
        on!(|hooks, images| {
            let attempt = || -> Result<Tensor> {
                let _mine = hooks.register("layer1", Box::new(|_, _| Ok(None)))?;
                let _broken = hooks.register("layer2", failing())?;
                hooks.forward(images)
            };
            match attempt() {
                Ok(_) => bail!("expected the error of the hook on layer2, got logits"),
                Err(_) => Ok(hooks.count().into()),
            }
        }),
    )
    .because("`?` drops both handles on its way out.")
    .refuses(
        "a site named layer9",
        on!(|hooks, _images| {
            let _handle = hooks.register("layer9", failing())?;
            Ok(true.into())
        }),
    )
}

/// `capture`.
fn captures(on: Given<NewHooks, Fixture>) -> Given<NewHooks, Fixture> {
    let (network, images) = &*on.fixture();
    let trace = network.capture(images, &["layer3", "relu"]).expect("two sites of it");
    let at = |site: &str| trace.activation(site).expect("captured").clone();
    let captured = Observed::fields([("layer3", at("layer3")), ("relu", at("relu"))]);
    on.truth(
        "capture of layer3 and relu, in this order",
        captured,
        on!(|hooks, images| {
            let (_, activations) = hooks.capture(images, &["layer3", "relu"])?;
            let names = ["layer3", "relu"].map(String::from).into_iter();
            let list = names.zip(activations).map(|(name, value)| (name, value.into()));
            Ok(Observed::Fields(list.collect()))
        }),
    )
    .because("The expected values are those of resnet's own capture.")
    .truth(
        "capture: the logits",
        trace.logits.clone(),
        on!(|hooks, images| { Ok(hooks.capture(images, &["relu", "layer4"])?.0.into()) }),
    )
    .because("Looking changes nothing: they are the logits of a pass without hooks.")
    .truth(
        "capture: hooks left on the network, after a pass and after one that failed",
        vec![0usize, 1],
        on!(|hooks, images| {
            hooks.capture(images, &["relu"])?;
            let after_success = hooks.count();
            let _broken = hooks.register("layer2", failing())?;
            if hooks.capture(images, &["relu"]).is_ok() {
                bail!("expected the error of the hook on layer2, got activations");
            }
            Ok(vec![after_success, hooks.count()].into())
        }),
    )
    .because("Its own hooks are gone both times; the failing one is not capture's to remove.")
    .truth(
        "capture of layer1, where another hook puts ones",
        Tensor::ones((2, 2, 6, 4), candle_core::DType::F32, &Device::Cpu).expect("ones"),
        on!(|hooks, images| {
            let ones: Hook = Box::new(|_, activation| Ok(Some(activation.ones_like()?)));
            let _handle = hooks.register("layer1", ones)?;
            first(hooks.capture(images, &["layer1"])?.1)
        }),
    )
    .truth(
        "capture of layer1, where another hook puts a Var of ones that is set to zeros afterwards",
        Tensor::ones((2, 2, 6, 4), candle_core::DType::F32, &Device::Cpu).expect("ones"),
        on!(|hooks, images| {
            let var = Var::ones((2, 2, 6, 4), candle_core::DType::F32, &Device::Cpu)?;
            let shared = var.as_tensor().clone();
            let _handle = hooks.register("layer1", Box::new(move |_, _| Ok(Some(shared.clone()))))?;
            let captured = hooks.capture(images, &["layer1"])?.1;
            var.set(&var.zeros_like()?)?;
            first(captured)
        }),
    )
    .because("The capture was taken while they were ones.")
    .truth(
        "capture of layer1 for an image that is a Var: does the capture hang on the graph?",
        false,
        on!(|hooks, images| {
            let image = Var::from_tensor(images)?;
            let captured = hooks.capture(image.as_tensor(), &["layer1"])?.1;
            match captured.first() {
                Some(activation) => Ok(activation.track_op().into()),
                None => bail!("expected one activation, got none"),
            }
        }),
    )
}

fn first(captured: Vec<Tensor>) -> Result<Observed> {
    match captured.into_iter().next() {
        Some(activation) => Ok(activation.into()),
        None => bail!("expected one activation, got none"),
    }
}

/// Inputs that are not friendly, and attempts that are right on friendly ones.
fn hazards(seed: u64, exam: Exam<NewHooks>) -> Exam<NewHooks> {
    let (network, images) = fixture(seed, 121);
    let trace = network.capture(&images, &["relu"]).expect("a site of it");
    let relu = trace.activation("relu").expect("captured").clone();
    let expected = vec![
        ("1".to_string(), Observed::from(&relu)),
        ("2".to_string(), Observed::from(&relu)),
    ];
    exam.given((network, images), |on| {
        on.truth(
            "a hook on conv1, one pass",
            "conv1 [2, 2, 12, 8]",
            |new, (network, images)| -> Result<Observed> {
                let (hooks, log) = (new(network), Log::default());
                let _handle = hooks.register("conv1", log.site())?;
                hooks.forward(images)?;
                Ok(log.text())
            },
        )
        .because("layer1.0.conv1 is another site.")
        .holds(Names)
        .truth(
            "capture of relu, and of relu once more",
            Observed::Fields(expected),
            |new, (network, images)| -> Result<Observed> {
                let captured = new(network).capture(images, &["relu", "relu"])?.1;
                let numbered = captured.iter().enumerate();
                let numbered = numbered.map(|(i, activation)| ((i + 1).to_string(), activation.into()));
                Ok(Observed::Fields(numbered.collect()))
            },
        )
        .because("One activation per entry of sites, also where a site stands twice.")
        .holds(Names)
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
        .within(crate::Tolerance::new(0.0, 1e-5))
        .holds(NotContiguous)
        .refuses(
            "capture of layer3 and of a site named layer9",
            |new, (network, images)| {
                new(network)
                    .capture(images, &["layer3", "layer9"])
                    .map(|(_, captured)| captured.len())
            },
        )
    })
    .proofs(SOLUTION, PROOFS)
    .unnamed("a hook for everything that ends alike", |network| {
        faulty(network, Fault::Suffix)
    })
    .spared(
        &[Batch, Sizes, Scale, Sign, Ties, NotFinite],
        "the network's numbers are handed on as they are",
    )
    .spared(&[Combined, Returned, Wiring, Empty], "tried as mistakes")
}
