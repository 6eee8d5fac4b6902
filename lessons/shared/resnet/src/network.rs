use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use candle_core::{Result, Tensor, Var, bail};

use crate::fused::Fused;
use crate::layers::{self, Mode};
use crate::ops;
use crate::sites::{self, Trace, Visitor};
use crate::units::{ResidualBlock, StemLayer, fuse};
use crate::{Config, Parameters, files, parameters};

/// A residual network (He et al. 2015) with torchvision's names.
///
/// It is frozen or trainable by its parameters alone: those that are a `Var` receive gradients, constants cost none.
#[derive(Debug, Clone)]
pub struct ResNet {
    config: Config,
    parameters: Parameters,
    stem: Vec<StemLayer>,
    blocks: Vec<ResidualBlock>,
    /// The stem and the blocks once more, as operations that show nothing on the way.
    pub(crate) fused: Arc<Fused>,
    fc_weight: Tensor,
    fc_bias: Tensor,
}

impl ResNet {
    /// Puts weights into an architecture.
    ///
    /// **Errors** if the weights are not exactly those of `config`; see [`parameters::verify`].
    pub fn new(config: &Config, parameters: &Parameters) -> Result<Self> {
        config.check()?;
        parameters::verify(config, parameters)?;
        // The layers share these tensors; those that training moves become variables, so that both see it. A constant is
        // copied: it may lie in the memory of somebody's variable, and its packed form would not see that one change.
        let shared = |(name, tensor): (&String, &Tensor)| {
            let tensor = if !parameters::is_trained(name) {
                Var::from_tensor(tensor)?.into_inner()
            } else if tensor.track_op() || layers::is_owned(tensor) {
                tensor.clone()
            } else {
                tensor.copy()?
            };
            Ok((name.clone(), tensor))
        };
        let parameters = &parameters.iter().map(shared).collect::<Result<_>>()?;
        let stem = config.stem.plan(config.width).into_iter();
        let stem = stem
            .map(|plan| StemLayer::new(plan, parameters))
            .collect::<Result<Vec<_>>>()?;
        let plan = config.plan();
        let blocks = plan
            .iter()
            .map(|plan| ResidualBlock::new(config.block, plan, parameters));
        let blocks = blocks.collect::<Result<Vec<_>>>()?;
        Ok(Self {
            config: config.clone(),
            parameters: Parameters::clone(parameters),
            fused: Arc::new(fuse(
                &stem,
                config.stem.pool(),
                &blocks,
                parameters::are_large(parameters),
            )),
            stem,
            blocks,
            fc_weight: parameters::find(parameters, "fc.weight")?.clone(),
            fc_bias: parameters::find(parameters, "fc.bias")?.clone(),
        })
    }

    /// An untrained network; see [`parameters::initialize`].
    pub fn untrained(config: &Config, seed: u64) -> Result<Self> {
        Self::new(config, &parameters::initialize(config, seed)?)
    }

    /// Reads a network from a safetensors file or a PyTorch state dict; the architecture is read off names and shapes. A
    /// common prefix of the names, `shortcut` for `downsample` and another name for `fc` do not matter; see
    /// [`parameters::read`] for what else may differ.
    ///
    /// **Errors** as [`parameters::read`], [`Config::of`] and [`parameters::verify`] do, with the file's name.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self::load_with_changes(path)?.0)
    }

    /// [`Self::load`], and in one line what had to be stripped or converted, if anything.
    pub fn load_with_changes(path: impl AsRef<Path>) -> Result<(Self, Option<String>)> {
        let path = path.as_ref();
        let explain = |error: String| candle_core::Error::Msg(format!("{}: {}", path.display(), files::plain(&error)));
        let contents = files::as_resnet(files::open(path)?).map_err(explain)?;
        let network = Config::of(&contents.parameters).and_then(|config| Self::new(&config, &contents.parameters));
        let changes = files::plain(&contents.changes.join("; "));
        let changes = (!changes.is_empty()).then(|| format!("{}: {changes}", path.display()));
        Ok((network.map_err(|error| explain(files::sentence(error)))?, changes))
    }

    /// The architecture.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The weights and the stored statistics, by torchvision's names: `conv1.weight`, `fc.weight`, ….
    ///
    /// They are the network's own. To change one, make a copy of the map, replace the tensor, and call [`Self::new`].
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The tensor of this name.
    ///
    /// **Errors** if there is none; the error lists near names.
    pub fn parameter(&self, name: &str) -> Result<&Tensor> {
        parameters::find(&self.parameters, name)
    }

    /// Class scores before the softmax, `[batch, classes]`, of normalized images, `[batch, 3, height, width]`.
    ///
    /// Batch norm is in evaluation mode. See [`crate::normalize`] for the images.
    ///
    /// Nobody looks at the sites, so whole residual units run as one operation each: about twice as fast as
    /// [`Self::forward_visit`], and the same up to rounding. Units of grouped convolutions, and those whose shortcut averages
    /// pixels or pads channels, run as there.
    pub fn forward(&self, images: &Tensor) -> Result<Tensor> {
        self.run_to_see(images, &|_| false, &mut |_, _| Ok(None))
    }

    /// [`Self::forward`] with batch norm in training mode: it normalizes with the batch's own statistics and updates
    /// the stored ones.
    pub fn forward_training(&self, images: &Tensor) -> Result<Tensor> {
        self.run(images, Mode::Training, &mut |_, _| Ok(None))
    }

    /// [`Self::forward`] under the eyes of a visitor, who may replace any activation. Hooks, taps, ablation and guided
    /// backpropagation are visitors.
    pub fn forward_visit(&self, images: &Tensor, visitor: &mut Visitor) -> Result<Tensor> {
        self.run(images, Mode::Evaluation, visitor)
    }

    /// A forward pass that keeps the activations at `sites`.
    ///
    /// **Errors** if there is no such site; the error lists near names.
    pub fn capture(&self, images: &Tensor, sites: &[&str]) -> Result<Trace> {
        self.trace(images, sites, false)
    }

    /// A forward pass that keeps the activations at `sites` and lets [`Trace::gradients`] differentiate with respect
    /// to them.
    ///
    /// candle drops the gradients of intermediate tensors, so a zero `Var` is added to each activation: its gradient is
    /// the activation's, exactly, and the graph above and below stays connected.
    ///
    /// **Errors** if there is no such site; the error lists near names.
    pub fn tap(&self, images: &Tensor, sites: &[&str]) -> Result<Trace> {
        self.trace(images, sites, true)
    }

    /// The activation at one site, by a forward pass that ends there: what [`Self::capture`] gives, in less time the earlier
    /// the site is.
    ///
    /// **Errors** if there is no such site; the error lists near names.
    pub fn activation(&self, images: &Tensor, site: &str) -> Result<Tensor> {
        let holds = |unit: &usize| self.unit_sites(*unit).iter().any(|name| name == site);
        let Some(unit) = (0..=self.blocks.len()).find(holds) else {
            return self.capture(images, &[site])?.activation(site).cloned();
        };
        crate::check_batch(images, self.fc_weight.dtype())?;
        let mut found = None;
        self.run_units(0..unit + 1, images, &|name| name == site, &mut |name, activation| {
            if name == site {
                found = Some(activation.clone());
            }
            Ok(activation)
        })?;
        match found {
            Some(activation) => Ok(activation),
            None => bail!("site {site}: nothing came by"),
        }
    }

    /// Class scores from the activation at a block's or a layer's output, `layer2.0` or `layer2`: the rest of a forward pass.
    ///
    /// **Errors** if `site` is no such output.
    pub fn forward_from(&self, site: &str, activation: &Tensor) -> Result<Tensor> {
        let gives = |unit: &usize| self.outputs(*unit).iter().any(|name| name == site);
        let Some(unit) = (1..=self.blocks.len()).find(gives) else {
            bail!("expected the output of a block or a layer, got {site:?}")
        };
        let mut at = |_: &str, activation| Ok(activation);
        let x = self.run_units(unit + 1..self.blocks.len() + 1, activation, &|_| false, &mut at)?;
        self.head(x, &mut at)
    }

    fn trace(&self, images: &Tensor, wanted: &[&str], with_taps: bool) -> Result<Trace> {
        let known = self.sites();
        wanted.iter().try_for_each(|site| sites::find(&known, site))?;
        let (mut activations, mut taps) = (HashMap::new(), HashMap::new());
        let logits = self.run_to_see(images, &|site| wanted.contains(&site), &mut |site, activation| {
            if !wanted.contains(&site) {
                return Ok(None);
            }
            let tapped = if with_taps {
                let tap = Var::from_tensor(&activation.zeros_like()?)?;
                let tapped = (activation + tap.as_tensor())?;
                taps.insert(site.to_string(), tap);
                Some(tapped)
            } else {
                None
            };
            activations.insert(site.to_string(), tapped.as_ref().unwrap_or(activation).clone());
            Ok(tapped)
        })?;
        Ok(Trace::new(logits, activations, taps))
    }

    /// The names of all sites, in forward order.
    pub fn sites(&self) -> Vec<String> {
        let mut sites: Vec<String> = (0..=self.blocks.len()).flat_map(|unit| self.unit_sites(unit)).collect();
        sites.extend(["avgpool".into(), "fc".into()]);
        sites
    }

    fn run(&self, images: &Tensor, mode: Mode, visitor: &mut Visitor) -> Result<Tensor> {
        crate::check_batch(images, self.fc_weight.dtype())?;
        self.fused.becomes_current();
        self.fused.rests();
        let mut at = |site: &str, activation: Tensor| visit(visitor, site, activation);
        let mut x = images.clone();
        for unit in 0..=self.blocks.len() {
            x = self.run_unit(unit, x, mode, &mut at)?;
        }
        self.head(x, &mut at)
    }

    /// [`Self::run`] in evaluation mode for a visitor who sees the wanted sites at least.
    fn run_to_see(&self, images: &Tensor, wanted: &dyn Fn(&str) -> bool, visitor: &mut Visitor) -> Result<Tensor> {
        crate::check_batch(images, self.fc_weight.dtype())?;
        let mut at = |site: &str, activation: Tensor| visit(visitor, site, activation);
        let x = self.run_units(0..self.blocks.len() + 1, images, wanted, &mut at)?;
        self.head(x, &mut at)
    }

    /// Some units in evaluation mode; `at` gets the wanted sites at least. Units that hold none, from their input to their
    /// output, are run as one operation.
    fn run_units(
        &self,
        units: Range<usize>,
        x: &Tensor,
        wanted: &dyn Fn(&str) -> bool,
        at: &mut impl FnMut(&str, Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        self.fused.becomes_current();
        let outputs: Vec<_> = (0..units.end).map(|unit| self.outputs(unit)).collect();
        let is_seen = |unit: usize| outputs[unit].iter().any(|site| wanted(site));
        let fuses = |unit: usize| self.fused.has(unit) && !self.inner_sites(unit).iter().any(|site| wanted(site));
        let mut x = x.clone();
        let mut unit = units.start;
        while unit < units.end {
            if x.dtype() != candle_core::DType::F32 || !fuses(unit) {
                x = self.run_unit_to_see(unit, x, wanted, at)?;
                unit += 1;
                continue;
            }
            let mut end = unit + 1;
            while end < units.end && !is_seen(end - 1) && fuses(end) {
                end += 1;
            }
            x = self.fused.run(unit..end, &x)?;
            for site in &outputs[end - 1] {
                x = at(site, x)?;
            }
            unit = end;
        }
        Ok(x)
    }

    /// [`Self::run_unit`] in evaluation mode; `at` gets the wanted sites at least. Where nobody looks between the stem's last
    /// convolution and the pool, what lies between is one operation.
    fn run_unit_to_see(
        &self,
        unit: usize,
        x: Tensor,
        wanted: &dyn Fn(&str) -> bool,
        at: &mut impl FnMut(&str, Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let (Some((last, before)), Some(pool)) = (self.stem.split_last(), self.config.stem.pool()) else {
            return self.run_unit(unit, x, Mode::Evaluation, at);
        };
        let can_hide = unit == 0 && x.dtype() == candle_core::DType::F32 && self.fused.has(unit);
        if !can_hide || last.hidden().iter().any(|site| wanted(site)) {
            return self.run_unit(unit, x, Mode::Evaluation, at);
        }
        let mut x = x;
        for layer in before {
            x = layer.forward(&x, Mode::Evaluation, at)?;
        }
        let x = last.forward_pooled(&x, pool, at)?;
        at("maxpool", x)
    }

    /// The stem, or a block.
    fn run_unit(
        &self,
        unit: usize,
        x: Tensor,
        mode: Mode,
        at: &mut impl FnMut(&str, Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        if let Some(block) = unit.checked_sub(1) {
            return self.blocks[block].forward(x, mode, at);
        }
        let mut x = x;
        for layer in &self.stem {
            x = layer.forward(&x, mode, at)?;
        }
        match self.config.stem.pool() {
            Some(window) => at("maxpool", ops::max_pool2d(&x, window)?),
            None => Ok(x),
        }
    }

    /// All sites of a unit, in forward order.
    fn unit_sites(&self, unit: usize) -> Vec<String> {
        if let Some(block) = unit.checked_sub(1) {
            return self.blocks[block].sites();
        }
        let sites = self.stem.iter().flat_map(StemLayer::sites);
        sites
            .chain(self.config.stem.pool().map(|_| "maxpool"))
            .map(String::from)
            .collect()
    }

    /// The sites that are a unit's output.
    fn outputs(&self, unit: usize) -> Vec<String> {
        let mut sites = self.unit_sites(unit);
        let names = unit.checked_sub(1).map_or(1, |block| self.blocks[block].output_names());
        sites.split_off(sites.len() - names)
    }

    fn inner_sites(&self, unit: usize) -> Vec<String> {
        let mut sites = self.unit_sites(unit);
        sites.truncate(sites.len() - self.outputs(unit).len());
        sites
    }

    fn head(&self, x: Tensor, at: &mut impl FnMut(&str, Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let pooled = x.flatten_from(2)?.mean(2)?; // [batch, channels]
        let (batch, channels) = pooled.dims2()?;
        let x = at("avgpool", pooled.reshape((batch, channels, 1, 1))?)?; // as torchvision's module has it
        let logits = x
            .flatten_from(1)?
            .matmul(&self.fc_weight.t()?)?
            .broadcast_add(&self.fc_bias)?;
        at("fc", logits)
    }
}

fn visit(visitor: &mut Visitor, site: &str, activation: Tensor) -> Result<Tensor> {
    match visitor(site, &activation)? {
        None => Ok(activation),
        Some(other) if other.dims() == activation.dims() => Ok(other),
        Some(other) => bail!(
            "site {site}: expected a replacement of shape {:?}, got {:?}",
            activation.dims(),
            other.dims()
        ),
    }
}
