//! Residual blocks, and the nets that are stages of them.

use aconite_core::Result;
use tch::Tensor;

use crate::layers::mean_pool;
use crate::norm::{ConvNorm, Norm};
use crate::staged::Staged;
use crate::{Conv, Kernel, Linear, Mode, Params};

/// x + f(x) with f two 3×3 convolutions, each with normalisation and ReLU: nothing follows the sum.
#[derive(Debug)]
pub(crate) struct Plain {
    first: ConvNorm,
    second: ConvNorm,
}

impl Plain {
    pub(crate) fn new(params: &mut Params, name: &str, width: i64) -> Result<Self> {
        let kernel = Kernel::new(width, width, 3).padding(1);
        Ok(Self {
            first: ConvNorm::new(params, &format!("{name}.1"), kernel)?,
            second: ConvNorm::new(params, &format!("{name}.2"), kernel)?,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        x + self.second.relu(&self.first.relu(x, mode), mode)
    }
}

/// The basic block of He et al. 2016a: ReLU(x + f(x)). Where the width grows, the shortcut takes every
/// second pixel and adds channels of zeros (their option A), so it has no weights.
#[derive(Debug)]
pub(crate) struct Basic {
    first: ConvNorm,
    second: ConvNorm,
    grows: i64,
}

impl Basic {
    pub(crate) fn new(params: &mut Params, name: &str, from: i64, to: i64) -> Result<Self> {
        let stride = if to > from { 2 } else { 1 };
        let first = Kernel::new(from, to, 3).padding(1).stride(stride);
        Ok(Self {
            first: ConvNorm::new(params, &format!("{name}.1"), first)?,
            second: ConvNorm::new(params, &format!("{name}.2"), Kernel::new(to, to, 3).padding(1))?,
            grows: to - from,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let mut y = self.second.forward(&self.first.relu(x, mode), mode);
        if self.grows == 0 {
            return y.g_add_(x).relu_();
        }
        let half = x.slice(2, 0, i64::MAX, 2).slice(3, 0, i64::MAX, 2);
        // The new channels get nothing from the shortcut: adding to the others alone saves a padded copy.
        let _ = y.narrow(1, 0, x.size()[1]).g_add_(&half);
        y.relu_()
    }
}

/// The block of He et al. 2016b: x + f(x) with normalisation and ReLU before each convolution. Where width
/// or resolution change, the shortcut is a 1×1 convolution of the normalised input.
#[derive(Debug)]
pub(crate) struct PreAct {
    norm1: Norm,
    conv1: Conv,
    norm2: Norm,
    conv2: Conv,
    shortcut: Option<Conv>,
}

impl PreAct {
    pub(crate) fn new(params: &mut Params, name: &str, from: i64, to: i64) -> Result<Self> {
        let stride = if to > from { 2 } else { 1 };
        let first = Kernel::new(from, to, 3).padding(1).stride(stride);
        Ok(Self {
            norm1: Norm::new(params, &format!("{name}.norm1"), from)?,
            conv1: Conv::new(params, &format!("{name}.conv1"), first)?,
            norm2: Norm::new(params, &format!("{name}.norm2"), to)?,
            conv2: Conv::new(params, &format!("{name}.conv2"), Kernel::new(to, to, 3).padding(1))?,
            shortcut: match to > from {
                true => Some(Conv::new(
                    params,
                    &format!("{name}.shortcut"),
                    Kernel::new(from, to, 1).stride(stride),
                )?),
                false => None,
            },
        })
    }

    pub(crate) fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let active = self.norm1.forward(x, mode).relu_();
        let middle = self.norm2.forward(&self.conv1.forward(&active, mode), mode).relu_();
        let mut y = self.conv2.forward(&middle, mode);
        match &self.shortcut {
            Some(conv) => y.g_add_(&conv.forward(&active, mode)),
            None => y.g_add_(x),
        }
    }
}

/// The nets of He et al. 2016a, section 4.2, for small images: a 3×3 convolution, three stages of `blocks`
/// basic blocks with 16, 32 and 64 channels, the mean of each channel, a linear head. 6·`blocks` + 2 layers.
pub(crate) fn cifar(params: &mut Params, channels: i64, classes: i64, blocks: usize) -> Result<Staged> {
    let stem = ConvNorm::new(params, "stem", Kernel::new(channels, 16, 3).padding(1))?;
    let mut stages = Vec::new();
    let mut from = 16;
    for (i, width) in [16, 32, 64].into_iter().enumerate() {
        let name = format!("stage{}", i + 1);
        let mut list = Vec::new();
        for block in 0..blocks {
            list.push(Basic::new(params, &format!("{name}.{block}"), from, width)?);
            from = width;
        }
        stages.push((name, list));
    }
    let mut net = Staged::new(Linear::new(params, "head", from, classes)?)
        .stage("stem", move |x, mode| stem.relu(x, mode))
        .pool(|x, _| mean_pool(x));
    for (name, list) in stages {
        net = net.stage(name, move |x, mode| {
            list.iter().fold(x.shallow_clone(), |x, block| block.forward(&x, mode))
        });
    }
    Ok(net)
}
