//! A configuration spelled out: each convolution with its name, sizes and window.

use crate::config::{Block, Shortcut};
use crate::ops::Window;

/// One of the stem's convolutions.
pub(crate) struct StemPlan {
    /// Convolution, batch norm and ReLU.
    pub names: [&'static str; 3],
    pub inputs: usize,
    pub outputs: usize,
    pub window: Window,
}

/// One residual block's place and sizes.
#[derive(Debug, Clone)]
pub(crate) struct BlockPlan {
    pub layer: usize,
    pub index: usize,
    pub is_last: bool,
    pub stride: usize,
    pub inputs: usize,
    pub planes: usize,
    /// Channels of a bottleneck's 3×3 convolution.
    pub inner: usize,
    pub groups: usize,
    pub outputs: usize,
    /// What the skip does if it is not the identity.
    pub shortcut: Option<Shortcut>,
}

/// One convolution of a block's branch.
pub(crate) struct ConvolutionPlan {
    pub inputs: usize,
    pub outputs: usize,
    pub window: Window,
    pub groups: usize,
}

impl BlockPlan {
    /// `layer2.0`
    pub fn path(&self) -> String {
        format!("layer{}.{}", self.layer, self.index)
    }

    /// The names of the skip's convolution and batch norm, if it has them.
    pub fn projection(&self) -> Option<[String; 2]> {
        let first = match self.shortcut? {
            Shortcut::Projection => 0,
            Shortcut::AveragedProjection => 1,
            Shortcut::PaddedIdentity => return None,
        };
        Some([first, first + 1].map(|part| format!("{}.downsample.{part}", self.path())))
    }

    /// The branch's convolutions. A bottleneck strides in its 3×3 convolution, as torchvision does; the paper strides
    /// in the first 1×1.
    pub fn convolutions(&self, block: Block) -> Vec<ConvolutionPlan> {
        let plan = |inputs, outputs, window| ConvolutionPlan {
            inputs,
            outputs,
            window,
            groups: 1,
        };
        let three = Window::new(3).padding(1);
        match block {
            Block::Basic => vec![
                plan(self.inputs, self.planes, three.stride(self.stride)),
                plan(self.planes, self.outputs, three),
            ],
            Block::Bottleneck => vec![
                plan(self.inputs, self.inner, Window::new(1)),
                ConvolutionPlan {
                    groups: self.groups,
                    ..plan(self.inner, self.inner, three.stride(self.stride))
                },
                plan(self.inner, self.outputs, Window::new(1)),
            ],
        }
    }
}
