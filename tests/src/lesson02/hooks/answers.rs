//! Answers to 2.1, right and wrong, made of parts.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use candle_core::{Result, Tensor, bail};
use resnet::ResNet;

use super::{Captured, Handle, Hook, Hooked, NewHooks, SOLUTION};
use crate::inputs::in_order;
use crate::{Exam, Hazard::*, Slip, Wrong, slip, wrong};

struct Entry<'a> {
    id: usize,
    site: String,
    hook: Hook<'a>,
    fired: bool,
}

/// What a right answer, written independently of the solution, is made of.
#[derive(Clone, Copy)]
struct Parts {
    /// Is this one of the network's sites?
    known: fn(&[String], &str) -> bool,
    /// The id of a new hook, from how many there have been and how many there are.
    id: fn(usize, usize) -> usize,
    /// Makes room for a hook on a site.
    before: fn(&mut Vec<Entry>, &str),
    /// Takes the hook with an id off its site.
    off: fn(&mut Vec<Entry>, usize, &str),
    pass: fn(&Made, &Tensor) -> Result<Tensor>,
    /// Is the first the site that the second names?
    here: fn(&str, &str) -> bool,
    /// Leaves those of the hooks on a site that are called, in their order.
    called: fn(&mut Vec<&mut Entry>),
    /// What a hook sees, of the network's activation and the present one.
    seen: for<'t> fn(&'t Tensor, &'t Tensor) -> &'t Tensor,
    /// The activation after a hook, from that before all hooks, the present one, and what the hook returned.
    after: fn(&Tensor, &Tensor, Result<Option<Tensor>>) -> Result<Tensor>,
    /// What the network is given back.
    back: fn(Tensor) -> Option<Tensor>,
    capture: fn(&Made, &Tensor, &[&str]) -> Captured,
    /// What capture keeps of an activation.
    copy: fn(&Tensor) -> Result<Tensor>,
    /// Are the handles kept until the pass is over?
    hold: bool,
    /// Puts what was captured, in the order of the pass, into that of the sites.
    sorted: fn(&[&str], &mut Vec<(usize, Tensor)>),
}

const RIGHT: Parts = Parts {
    known: |sites, site| sites.iter().any(|known| known == site),
    id: |before, _| before,
    before: |_, _| {},
    off: |list, id, _| list.retain(|entry| entry.id != id),
    pass: |made, images| made.pass(&mut made.list.borrow_mut(), images),
    here: |site, named| site == named,
    called: |_| {},
    seen: |_, current| current,
    after: |_, current, returned| Ok(returned?.unwrap_or(current.clone())),
    back: Some,
    capture: |made, images, sites| made.kept(images, sites),
    copy: |activation| activation.detach().copy(),
    hold: true,
    sorted: |_, kept| kept.sort_by_key(|(index, _)| *index),
};

/// An answer made of parts.
struct Made<'a> {
    network: &'a ResNet,
    list: Rc<RefCell<Vec<Entry<'a>>>>,
    next: Cell<usize>,
    parts: Parts,
}

struct Remover<'a> {
    id: usize,
    site: String,
    list: Rc<RefCell<Vec<Entry<'a>>>>,
    off: fn(&mut Vec<Entry>, usize, &str),
}

impl Drop for Remover<'_> {
    fn drop(&mut self) {
        (self.off)(&mut self.list.borrow_mut(), self.id, &self.site);
    }
}

impl<'a> Hooked<'a> for Made<'a> {
    fn register(&self, site: &str, hook: Hook<'a>) -> Result<Box<dyn Handle + 'a>> {
        if !(self.parts.known)(&self.network.sites(), site) {
            bail!("no site {site}");
        }
        let mut list = self.list.borrow_mut();
        let id = (self.parts.id)(self.next.replace(self.next.get() + 1), list.len());
        (self.parts.before)(&mut list, site);
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
            off: self.parts.off,
        }))
    }

    fn forward(&self, images: &Tensor) -> Result<Tensor> {
        (self.parts.pass)(self, images)
    }

    fn count(&self) -> usize {
        self.list.borrow().len()
    }

    fn capture(&self, images: &Tensor, sites: &[&str]) -> Captured {
        (self.parts.capture)(self, images, sites)
    }
}

impl<'a> Made<'a> {
    fn pass(&self, list: &mut [Entry<'a>], images: &Tensor) -> Result<Tensor> {
        let parts = self.parts;
        self.network.forward_visit(images, &mut |site, activation| {
            let mut current = activation.clone();
            let here = list.iter_mut().filter(|entry| (parts.here)(site, &entry.site));
            let mut here: Vec<_> = here.collect();
            (parts.called)(&mut here);
            for entry in here {
                let returned = (entry.hook)(site, (parts.seen)(activation, &current));
                current = (parts.after)(activation, &current, returned)?;
            }
            Ok((parts.back)(current))
        })
    }

    fn kept(&self, images: &Tensor, sites: &[&str]) -> Captured {
        let kept = Rc::new(RefCell::new(vec![]));
        let mut handles = vec![];
        for (index, site) in sites.iter().enumerate() {
            let (keep, copy) = (Rc::clone(&kept), self.parts.copy);
            let keep = move |_: &str, activation: &Tensor| {
                keep.borrow_mut().push((index, copy(activation)?));
                Ok(None)
            };
            let handle = self.register(site, Box::new(keep))?;
            handles.extend(self.parts.hold.then_some(handle));
        }
        let logits = self.forward(images)?;
        let mut kept = kept.take();
        (self.parts.sorted)(sites, &mut kept);
        Ok((logits, kept.into_iter().map(|(_, copy)| copy).collect()))
    }
}

fn made<'a>(network: &'a ResNet, change: fn(&mut Parts)) -> Box<dyn Hooked<'a> + 'a> {
    let mut parts = RIGHT;
    change(&mut parts);
    Box::new(Made {
        network,
        list: Rc::default(),
        next: Cell::new(0),
        parts,
    })
}

/// A right answer but for these parts.
macro_rules! but {
    ($($part:ident: $value:expr),*) => { |network| made(network, |_parts| { $(_parts.$part = $value;)* }) };
}

const WRONG: &[Wrong<NewHooks>] = &[
    wrong(
        "the handle removes nothing",
        "A hook goes on after its handle is gone. `drop` must take it off the list that forward goes through.",
        but!(off: |_, _, _| {}),
    ),
    wrong(
        "all hooks of the site removed",
        "Removing one hook took its neighbours on the same site along. A handle knows its hook by id, not by site.",
        but!(off: |list, _, site| list.retain(|entry| entry.site != site)),
    ),
    wrong(
        "the last hook removed",
        "Each handle took off the hook that was registered last. Handles go in any order: look for the id.",
        but!(off: |list, _, _| drop(list.pop())),
    ),
    wrong(
        "one hook per site",
        "A second hook on a site replaced the first. A map with one entry per site is too small; keep a list.",
        but!(before: |list, site| list.retain(|entry| entry.site != site)),
    ),
    wrong(
        "an id used twice",
        "Two hooks had the same id after one was removed: the length of the list goes down, an id must not. Count up \
         in next_id.",
        but!(id: |_, length| length),
    ),
    wrong(
        "the place in the list as id",
        "You kept the hook's place in the list. When an earlier hook goes, all places after it move down, and the \
         handle takes off another hook.",
        but!(id: |_, length| length, off: |list, id, _| if id < list.len() { list.remove(id); }),
    ),
    wrong(
        "removed by id as if it were a place",
        "You called remove(id) on the list. That is the hook at this place, and places move when an earlier hook \
         goes. Look for the entry with this id: retain keeps all others.",
        // A panic during another one would end the process.
        but!(off: |list, id, _| if !std::thread::panicking() { list.remove(id); }),
    ),
    wrong(
        "the first hook of a site only",
        "Of two hooks on a site only the first was called: you returned what it returned. Go on with the next hook, \
         and return after the loop.",
        but!(called: |here| here.truncate(1)),
    ),
    wrong(
        "last registered, first called",
        "Your hooks are called from the last to the first. Those on one site are called in the order in which they \
         were registered.",
        but!(called: |here| here.reverse()),
    ),
    wrong(
        "the second hook sees the original",
        "Every hook gets the network's activation. A hook must see what the one before it put in its place.",
        but!(seen: |original, _| original),
    ),
    wrong(
        "the replacement is lost",
        "A hook returned Some(other), and the network went on with its own activation. Return the replacement from \
         the visitor.",
        but!(back: |_| None),
    ),
    wrong(
        "errors swallowed",
        "A hook failed and forward went on as if nothing had happened. Pass the error on with `?`.",
        but!(after: |_, current, returned| Ok(returned.ok().flatten().unwrap_or(current.clone()))),
    ),
    wrong(
        "hooks lost in an error",
        "After a pass that failed all hooks were gone. Only a handle takes a hook off; if you take the list out to go \
         through it, `?` leaves before it is put back. Borrow it instead.",
        but!(pass: |made, images| {
            let mut taken = made.list.take();
            let logits = made.pass(&mut taken, images)?;
            made.list.replace(taken);
            Ok(logits)
        }),
    ),
    wrong(
        "any name is a site",
        "You accepted a site that the network does not have. Such a hook never fires, and nobody learns why: compare \
         with network.sites() and return an error.",
        but!(known: |_, _| true),
    ),
    wrong(
        "a hook for everything inside",
        "A hook on layer2 also saw layer2.0.conv1 and the rest. Compare whole names.",
        but!(here: |site, named| site.starts_with(named)),
    ),
    wrong(
        "a hook that fires once",
        "Your hook was silent in the second pass. It is called in every pass, until its handle goes.",
        but!(called: |here| here.retain_mut(|entry| !std::mem::replace(&mut entry.fired, true))),
    ),
    wrong(
        "the handle dropped at once",
        "Your capture saw nothing: its handles were dropped before the pass, by `let _ =` or at the end of a loop's \
         body. Keep them in a Vec.",
        but!(hold: false),
    ),
    wrong(
        "the capture shares its numbers",
        "What you captured changed afterwards, together with a Var. `clone` and `detach` share the numbers; `copy()` \
         has its own. PyTorch users write `.detach().clone()` for the same reason.",
        but!(copy: |activation| Ok(activation.detach())),
    ),
    wrong(
        "the capture keeps the graph",
        "What you captured still hangs on the graph and keeps all activations before it in memory. `detach()` it.",
        but!(copy: |activation| activation.copy()),
    ),
    wrong(
        "captured in forward order",
        "Your activations come in the order of the pass. They belong in the order of `sites`: give each hook its \
         index.",
        but!(sorted: |_, _| {}),
    ),
    wrong(
        "captured past the hooks",
        "Your capture did not see what another hook had put in place. Let capture register hooks and call \
         hooks.forward, not the network.",
        but!(capture: |made, images, sites| {
            let trace = made.network.capture(images, sites)?;
            let activations = sites.iter().map(|site| trace.activation(site)?.detach().copy());
            Ok((trace.logits.clone(), activations.collect::<Result<_>>()?))
        }),
    ),
    wrong(
        "None takes the replacement back",
        "One hook replaced the activation, the next one returned None, and the replacement was gone. None leaves \
         things as they are: overwrite what you return only if a hook returned Some.",
        but!(after: |original, _, returned| Ok(returned?.unwrap_or(original.clone()))),
    ),
    wrong(
        "a pass for each site",
        "Your capture ran the network once for each site, so every other hook was called as often. Register a hook \
         for each of the sites first, then run one pass.",
        but!(capture: |made, images, sites| {
            let mut all = vec![];
            let mut logits = None;
            for site in sites {
                let (of_pass, kept) = made.kept(images, &[site])?;
                all.extend(kept);
                logits = Some(of_pass);
            }
            Ok((logits.map_or_else(|| made.forward(images), Ok)?, all))
        }),
    ),
];

/// Attempts that are right on friendly inputs only.
const PROOFS: &[Slip<NewHooks>] = &[
    slip(Names, "a site asked for twice is found once", |f| {
        *f = but!(sorted: |sites, kept| {
            kept.sort_by_key(|(index, _)| *index);
            kept.dedup_by_key(|(index, _)| sites[*index]);
        });
    }),
    slip(Errors, "capture leaves out unknown sites", |f| {
        *f = but!(capture: |made, images, sites| {
            let known = sites.iter().filter(|site| made.network.sites().iter().any(|known| known == *site));
            made.kept(images, &known.copied().collect::<Vec<_>>())
        });
    }),
    slip(Errors, "part of a site's name will do", |f| {
        *f = but!(known: |sites, site| sites.iter().any(|known| known.contains(site)));
    }),
    slip(NotContiguous, "only what lies in order", |f| {
        *f = but!(pass: |made, images| {
            in_order(&[images])?;
            made.pass(&mut made.list.borrow_mut(), images)
        });
    }),
    slip(Empty, "capture wants a site", |f| {
        *f = but!(capture: |made, images, sites| match sites {
            [] => bail!("expected a site"),
            _ => made.kept(images, sites),
        });
    }),
];

/// Right answers and wrong ones.
pub(super) fn known() -> Exam<NewHooks> {
    Exam::new("2.1", SOLUTION)
        .mistakes(WRONG)
        .proofs(SOLUTION, PROOFS)
        .alternative("the current activation is carried along", but!())
        .unnamed(
            "a hook for everything that ends alike",
            but!(here: |site, named| site == named || site.ends_with(&format!(".{named}"))),
        )
        .unnamed(
            "swap_remove",
            but!(off: |list, id, _| if let Some(at) = list.iter().position(|one| one.id == id) {
                list.swap_remove(at);
            }),
        )
        .unnamed(
            "upper case or lower",
            but!(known: |sites, site| sites.iter().any(|known| known.eq_ignore_ascii_case(site))),
        )
        .unnamed(
            "only a replacement of the same shape",
            but!(after: |_, current, returned| {
                Ok(returned?.filter(|new| new.dims() == current.dims()).unwrap_or(current.clone()))
            }),
        )
        .unnamed("all detached", but!(back: |current| Some(current.detach())))
        .unnamed(
            "capture detaches the logits",
            but!(capture: |made, images, sites| {
                made.kept(images, sites).map(|(logits, kept)| (logits.detach(), kept))
            }),
        )
        .unnamed(
            "capture gives the logits of a pass without hooks",
            but!(capture: |made, images, sites| {
                Ok((made.network.forward(images)?, made.kept(images, sites)?.1))
            }),
        )
        .unnamed(
            "capture takes all hooks off",
            but!(capture: |made, images, sites| {
                let captured = made.kept(images, sites);
                made.list.borrow_mut().clear();
                captured
            }),
        )
        .unnamed(
            "capture keeps what is positive",
            but!(copy: |activation| activation.detach().copy()?.relu()),
        )
        .spared(
            &[Batch, Sizes, Scale, Sign, Ties, NotFinite],
            "the network's numbers are handed on as they are",
        )
        .spared(&[Combined, Returned, Wiring], "tried as mistakes")
}
