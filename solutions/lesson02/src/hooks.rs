//! Exercise 2.1: functions that the network calls with its activations, and handles that take them off again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use candle_core::{Result, Tensor, bail};
use resnet::ResNet;

/// Called with the name of a site and its activation. `Some` replaces the activation, `None` leaves it as it is.
pub type Hook<'a> = Box<dyn FnMut(&str, &Tensor) -> Result<Option<Tensor>> + 'a>;

/// A hook in the list, and what its handle finds it by.
struct Registered<'a> {
    id: u64,
    site: String,
    hook: Hook<'a>,
}

/// A network and the hooks on it.
pub struct Hooks<'a> {
    network: &'a ResNet,
    registered: Rc<RefCell<Vec<Registered<'a>>>>,
    next_id: Cell<u64>,
}

/// Keeps a hook in the list for as long as it lives.
#[must_use = "dropping the handle takes the hook off"]
pub struct Handle<'a> {
    id: u64,
    registered: Rc<RefCell<Vec<Registered<'a>>>>,
}

/// ## 2.1 How do you look inside a network without changing it?
///
/// A *hook* is a function that the network calls with an activation as soon as it has it. The list of hooks is shared
/// by `Hooks`, which calls them, and by every `Handle`, which takes its hook off. Sharing is what `Rc` is for, changing
/// something shared what `RefCell` is for: `registered.borrow_mut()` is the `Vec`.
impl<'a> Hooks<'a> {
    /// A network without hooks.
    pub fn new(network: &'a ResNet) -> Self {
        Self {
            network,
            registered: Rc::default(),
            next_id: Cell::new(0),
        }
    }

    /// How many hooks there are now.
    pub fn count(&self) -> usize {
        self.registered.borrow().len()
    }

    /// Puts a hook on a site. Several hooks may sit on one site.
    ///
    /// - `site`: a name of `network.sites()`, `layer3.0.conv1` for example; the hook sees this site and no other
    /// - `hook`: called once in every forward pass from now on. A hook must not register or remove hooks itself
    /// - returns the handle; when it is dropped, the hook is off
    ///
    /// What several hooks write to, or a hook and its caller, is shared: `let seen = Rc::new(RefCell::new(vec![]))`, and each
    /// closure gets a clone of the `Rc`. A `&mut` can be in one closure only.
    ///
    /// **Errors** if the network has no such site.
    /// **Trap** An id must never be used twice, not even after a hook is gone; `next_id` counts up and never down.
    /// **Source** PyTorch, `Module.register_forward_hook`.
    /// **Accepted by** `cargo test -p lesson02 -- ex2_1`
    pub fn register(
        &self,
        site: &str,
        hook: impl FnMut(&str, &Tensor) -> Result<Option<Tensor>> + 'a,
    ) -> Result<Handle<'a>> {
        if !self.network.sites().iter().any(|known| known == site) {
            bail!("expected a site of the network, got {site:?}");
        }
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        self.registered.borrow_mut().push(Registered {
            id,
            site: site.to_string(),
            hook: Box::new(hook),
        });
        Ok(Handle {
            id,
            registered: Rc::clone(&self.registered),
        })
    }

    /// A forward pass during which the hooks are called.
    ///
    /// `network.forward_visit(images, &mut |site, activation| …)` calls its closure at every site in forward order; what
    /// the closure returns has the same meaning as what a hook returns.
    ///
    /// - `images`: normalized, `[batch, 3, height, width]`
    /// - returns the logits, `[batch, classes]`
    ///
    /// Hooks on one site are called in the order in which they were registered, and each sees what the one before it
    /// left: its replacement, if there was one.
    ///
    /// **Errors** if a hook does, or if its replacement has another shape (`forward_visit` refuses it). The pass ends
    /// there, and the hooks stay registered: only a handle takes them off.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor> {
        self.network.forward_visit(images, &mut |site, activation| {
            let mut replaced = None;
            for one in self.registered.borrow_mut().iter_mut() {
                if one.site != site {
                    continue;
                }
                let seen = replaced.as_ref().unwrap_or(activation);
                if let Some(other) = (one.hook)(site, seen)? {
                    replaced = Some(other);
                }
            }
            Ok(replaced)
        })
    }
}

impl Handle<'_> {
    /// Takes the hook off. The same as dropping the handle, with a name.
    pub fn remove(self) {}
}

impl Drop for Handle<'_> {
    /// Takes this hook, and no other, off the list. Rust calls it whenever a handle goes: at the end of its block, in
    /// `remove`, and when `?` leaves a function early.
    fn drop(&mut self) {
        self.registered.borrow_mut().retain(|one| one.id != self.id);
    }
}

/// The activations at some sites, by hooks that are on for one pass only.
///
/// - `hooks`: the network, perhaps with other hooks; a replacement they make is what is captured
/// - `images`: normalized, `[batch, 3, height, width]`
/// - returns the logits, which are those of a pass without this function, and one activation per entry of `sites`, in
///   the order of `sites`
///
/// What is kept must belong to you: `activation.detach().copy()?`. `detach` lets go of the graph, which would keep all
/// earlier activations in memory, and `copy` has numbers of its own. `clone` shares them, and numbers that belong to a
/// `Var` change when it is `set`.
///
/// **Errors** if there is no such site or a hook fails.
/// **Trap** `let _ = hooks.register(…)` drops the handle at once. Keep the handles in a `Vec` until the pass is over.
pub fn capture(hooks: &Hooks<'_>, images: &Tensor, sites: &[&str]) -> Result<(Tensor, Vec<Tensor>)> {
    let kept = Rc::new(RefCell::new(vec![None; sites.len()]));
    let mut handles = Vec::new();
    for (index, site) in sites.iter().enumerate() {
        let kept = Rc::clone(&kept);
        handles.push(hooks.register(site, move |_, activation| {
            kept.borrow_mut()[index] = Some(activation.detach().copy()?);
            Ok(None)
        })?);
    }
    let logits = hooks.forward(images)?;
    let activations = kept.take().into_iter().flatten().collect();
    Ok((logits, activations))
}
