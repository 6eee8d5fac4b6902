//! What the network is made of: the stem's convolutions and the residual blocks. Each passes through its sites one by one;
//! [`fuse`] has all of them once more, as operations that show nothing on the way.

use candle_core::{Result, Tensor};

use crate::Parameters;
use crate::config::{Block, Shortcut};
use crate::fused::{Fused, Layer, Unit};
use crate::layers::{BatchNorm, Convolution, Mode};
use crate::ops::{self, Window};
use crate::plan::{BlockPlan, StemPlan};

/// A convolution of the stem with what follows it.
#[derive(Debug, Clone)]
pub(crate) struct StemLayer {
    names: [&'static str; 3],
    convolution: Convolution,
    norm: BatchNorm,
}

impl StemLayer {
    pub fn new(plan: StemPlan, parameters: &Parameters) -> Result<Self> {
        let [convolution, norm, _] = plan.names;
        Ok(Self {
            names: plan.names,
            convolution: Convolution::new(parameters, convolution, plan.window, 1)?,
            norm: BatchNorm::new(parameters, norm)?,
        })
    }

    pub fn forward(
        &self,
        x: &Tensor,
        mode: Mode,
        at: &mut impl FnMut(&str, Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let [_, norm, relu] = self.names;
        let x = self.convolve(x, at)?;
        let x = at(norm, self.norm.forward(&x, mode)?)?;
        at(relu, ops::relu(&x)?)
    }

    /// The convolution, under each of its names.
    fn convolve(&self, x: &Tensor, at: &mut impl FnMut(&str, Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let x = at(self.names[0], self.convolution.forward(x)?)?;
        if self.ends_deep_stem() { at("conv1", x) } else { Ok(x) }
    }

    /// [`Self::forward`] in evaluation mode and the pool behind it, where nobody looks between the convolution and the pool.
    /// Only where [`Fused::has`] the stem.
    pub fn forward_pooled(
        &self,
        x: &Tensor,
        pool: Window,
        at: &mut impl FnMut(&str, Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let x = self.convolve(x, at)?;
        if x.track_op() {
            let x = ops::relu(&self.norm.forward(&x, Mode::Evaluation)?)?;
            return ops::max_pool2d(&x, pool);
        }
        ops::norm_relu_max_pool2d(&x, self.norm.scale_and_shift()?, pool)
    }

    /// The sites behind the convolution.
    pub fn hidden(&self) -> &[&'static str] {
        &self.names[1..]
    }

    /// The last part of the module `conv1` whose output is the module's.
    fn ends_deep_stem(&self) -> bool {
        self.names[0] == "conv1.6"
    }

    /// The sites of [`Self::forward`], in the same order.
    pub fn sites(&self) -> Vec<&'static str> {
        let [convolution, norm, relu] = self.names;
        let module = self.ends_deep_stem().then_some("conv1");
        [Some(convolution), module, Some(norm), Some(relu)]
            .into_iter()
            .flatten()
            .collect()
    }
}

/// The way around a block's branch where the shapes on both sides differ.
#[derive(Debug, Clone)]
pub(crate) struct Skip {
    shortcut: Shortcut,
    stride: usize,
    channels: usize,
    /// Names, convolution and batch norm, if it has weights.
    projection: Option<([String; 2], Convolution, BatchNorm)>,
}

impl Skip {
    fn new(shortcut: Shortcut, plan: &BlockPlan, parameters: &Parameters) -> Result<Self> {
        // Where pixels were averaged, no stride is left for the convolution.
        let stride = if shortcut == Shortcut::Projection {
            plan.stride
        } else {
            1
        };
        let projection = plan.projection().map(|[convolution, norm]| {
            Ok::<_, candle_core::Error>((
                [convolution.clone(), norm.clone()],
                Convolution::new(parameters, &convolution, Window::new(1).stride(stride), 1)?,
                BatchNorm::new(parameters, &norm)?,
            ))
        });
        Ok(Self {
            shortcut,
            stride: plan.stride,
            channels: plan.outputs,
            projection: projection.transpose()?,
        })
    }

    fn averages(&self) -> bool {
        self.shortcut == Shortcut::AveragedProjection && self.stride == 2
    }

    fn forward(
        &self,
        input: Tensor,
        path: &str,
        mode: Mode,
        at: &mut impl FnMut(&str, Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let mut x = input;
        if self.averages() {
            x = at(&format!("{path}.downsample.0"), ops::average_pairs(&x)?)?;
        }
        match &self.projection {
            Some(([convolution_site, norm_site], convolution, norm)) => {
                x = at(convolution_site, convolution.forward(&x)?)?;
                x = at(norm_site, norm.forward(&x, mode)?)?;
            }
            None => x = ops::padded_identity(&x, self.channels, self.stride)?,
        }
        at(&format!("{path}.downsample"), x)
    }

    /// The sites of [`Self::forward`], in the same order.
    fn sites(&self, path: &str) -> Vec<String> {
        let mut sites = Vec::new();
        if self.averages() {
            sites.push(format!("{path}.downsample.0"));
        }
        sites.extend(self.projection.iter().flat_map(|(names, ..)| names.clone()));
        sites.push(format!("{path}.downsample"));
        sites
    }
}

/// A branch of convolutions around which the input is carried and added: `relu(x + branch(x))`.
#[derive(Debug, Clone)]
pub(crate) struct ResidualBlock {
    path: String,
    /// `layer1` too, if this block is the layer's last.
    layer: Option<String>,
    branch: Vec<(Convolution, BatchNorm)>,
    skip: Option<Skip>,
}

impl ResidualBlock {
    pub fn new(block: Block, plan: &BlockPlan, parameters: &Parameters) -> Result<Self> {
        let path = plan.path();
        let branch = plan.convolutions(block).into_iter().enumerate().map(|(index, conv)| {
            let (name, norm) = (format!("{path}.conv{}", index + 1), format!("{path}.bn{}", index + 1));
            Ok((
                Convolution::new(parameters, &name, conv.window, conv.groups)?,
                BatchNorm::new(parameters, &norm)?,
            ))
        });
        let skip = plan.shortcut.map(|shortcut| Skip::new(shortcut, plan, parameters));
        Ok(Self {
            branch: branch.collect::<Result<_>>()?,
            skip: skip.transpose()?,
            layer: plan.is_last.then(|| format!("layer{}", plan.layer)),
            path,
        })
    }

    pub fn forward(
        &self,
        input: Tensor,
        mode: Mode,
        at: &mut impl FnMut(&str, Tensor) -> Result<Tensor>,
    ) -> Result<Tensor> {
        let name = |site: &str| format!("{}.{site}", self.path);
        let mut x = input.clone();
        for (index, (convolution, norm)) in self.branch.iter().enumerate() {
            x = at(&name(&format!("conv{}", index + 1)), convolution.forward(&x)?)?;
            x = at(&name(&format!("bn{}", index + 1)), norm.forward(&x, mode)?)?;
            if index + 1 < self.branch.len() {
                x = at(&name(&relu_site(index)), ops::relu(&x)?)?;
            }
        }
        let skip = match &self.skip {
            None => input,
            Some(skip) => skip.forward(input, &self.path, mode, at)?,
        };
        let x = at(&name("add"), (x + skip)?)?;
        let x = at(&name(&relu_site(self.branch.len() - 1)), ops::relu(&x)?)?;
        let x = at(&self.path, x)?;
        match &self.layer {
            Some(layer) => at(layer, x),
            None => Ok(x),
        }
    }

    /// How many of [`Self::sites`], the last ones, name the block's output.
    pub fn output_names(&self) -> usize {
        2 + usize::from(self.layer.is_some())
    }

    /// The sites of [`Self::forward`], in the same order.
    pub fn sites(&self) -> Vec<String> {
        let site = |part: &str| format!("{}.{part}", self.path);
        let mut sites = Vec::new();
        for index in 0..self.branch.len() {
            sites.extend([site(&format!("conv{}", index + 1)), site(&format!("bn{}", index + 1))]);
            if index + 1 < self.branch.len() {
                sites.push(site(&relu_site(index)));
            }
        }
        sites.extend(self.skip.iter().flat_map(|skip| skip.sites(&self.path)));
        sites.extend([site("add"), site(&relu_site(self.branch.len() - 1))]);
        sites.push(self.path.clone());
        sites.extend(self.layer.clone());
        sites
    }
}

/// The block's one `relu` module is called several times: `relu`, `relu_1`, `relu_2`.
fn relu_site(call: usize) -> String {
    if call == 0 {
        "relu".into()
    } else {
        format!("relu_{call}")
    }
}

/// The stem and the blocks as what is fused whole or not at all.
pub(crate) fn fuse(stem: &[StemLayer], pool: Option<Window>, blocks: &[ResidualBlock], is_large: bool) -> Fused {
    let mut layers = Vec::new();
    let mut layer = |convolution: &Convolution, norm: &BatchNorm| {
        layers.push(Layer {
            convolution: convolution.clone(),
            norm: norm.clone(),
        });
        layers.len() - 1
    };
    let stem = Unit::Stem {
        layers: stem.iter().map(|of| layer(&of.convolution, &of.norm)).collect(),
        pool,
    };
    let mut units = vec![Some(stem)];
    for block in blocks {
        let branch = block
            .branch
            .iter()
            .map(|(convolution, norm)| layer(convolution, norm))
            .collect();
        units.push(match &block.skip {
            None => Some(Unit::Block { branch, skip: None }),
            Some(skip) => match &skip.projection {
                Some((_, convolution, norm)) if !skip.averages() => Some(Unit::Block {
                    branch,
                    skip: Some(layer(convolution, norm)),
                }),
                _ => None,
            },
        });
    }
    Fused::new(layers, units, is_large)
}
