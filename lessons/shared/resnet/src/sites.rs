//! Sites: the named places of a network where an activation can be seen and replaced.
//!
//! A site is named after the torchvision module that produces it. A module called more than once has one site per
//! call, numbered as torchvision's `get_graph_node_names` does: in a basic block `relu` is the call after `bn1`, `add`
//! the sum with the skip, `relu_1` the call after it. `layer1.0` is the output of the whole block, `layer1` that of its
//! last block; they are the same tensor as the last block's `relu_1`, seen under three names.

use std::collections::HashMap;

use candle_core::{Result, Tensor, Var, backprop::GradStore, bail};

/// Sees each activation in forward order, as (site, activation), and may return another one to go on with.
pub type Visitor<'a> = dyn FnMut(&str, &Tensor) -> Result<Option<Tensor>> + 'a;

/// An error that lists the sites nearest in spelling, unless `wanted` is one of `sites`.
pub(crate) fn find(sites: &[String], wanted: &str) -> Result<()> {
    if sites.iter().any(|site| site == wanted) {
        return Ok(());
    }
    bail!(
        "there is no site {wanted:?}; the nearest names are {}",
        nearest(sites, wanted)
    )
}

/// The four names nearest in spelling to `wanted`.
pub(crate) fn nearest(names: &[String], wanted: &str) -> String {
    // A name many times as long is near to nothing, and comparing takes its length.
    let longest = 4 * wanted.len() + 64;
    let mut near: Vec<_> = names
        .iter()
        .filter(|name| name.len() <= longest)
        .map(|name| {
            let likeness = strsim::normalized_damerau_levenshtein(name, wanted);
            (likeness, name.as_str())
        })
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let near: Vec<_> = near.into_iter().take(4).map(|(_, name)| name).collect();
    near.join(", ")
}

/// What a forward pass left behind: the logits, and activations by site.
#[derive(Debug)]
pub struct Trace {
    /// Class scores before the softmax, `[batch, classes]`.
    pub logits: Tensor,
    activations: HashMap<String, Tensor>,
    taps: HashMap<String, Var>,
}

impl Trace {
    pub(crate) fn new(logits: Tensor, activations: HashMap<String, Tensor>, taps: HashMap<String, Var>) -> Self {
        Self {
            logits,
            activations,
            taps,
        }
    }

    /// The activation at a captured site.
    ///
    /// **Errors** if the site was not captured.
    pub fn activation(&self, site: &str) -> Result<&Tensor> {
        captured(&self.activations, site)
    }

    /// Differentiates `objective`, a scalar made from this trace, and gives its gradient at every tapped site.
    ///
    /// **Errors** if `objective` is not a scalar: a sum over images must be yours to choose.
    pub fn gradients(&self, objective: &Tensor) -> Result<Gradients> {
        if objective.elem_count() != 1 {
            bail!("expected a scalar objective, got shape {:?}", objective.dims());
        }
        Ok(Gradients {
            store: objective.backward()?,
            taps: self.taps.clone(),
        })
    }
}

fn captured<'a, T>(by_site: &'a HashMap<String, T>, site: &str) -> Result<&'a T> {
    match by_site.get(site) {
        Some(value) => Ok(value),
        None => {
            let mut sites: Vec<_> = by_site.keys().map(String::as_str).collect();
            sites.sort_unstable();
            bail!("site {site:?} was not asked for; this pass has {}", sites.join(", "))
        }
    }
}

/// The gradients of one objective at the tapped sites.
#[derive(Debug)]
pub struct Gradients {
    store: GradStore,
    taps: HashMap<String, Var>,
}

impl Gradients {
    /// ∂objective/∂activation at a site, in the shape of the activation. Zeros if the objective does not depend on it.
    ///
    /// **Errors** if the site was not tapped.
    pub fn at(&self, site: &str) -> Result<Tensor> {
        let tap = captured(&self.taps, site)?;
        self.of(tap.as_tensor())
    }

    /// ∂objective/∂variable for a `Var` of your own, the input image for instance; zeros if it plays no part.
    pub fn of(&self, variable: &Tensor) -> Result<Tensor> {
        match self.store.get(variable) {
            Some(gradient) => Ok(gradient.clone()),
            None => variable.zeros_like(),
        }
    }
}
