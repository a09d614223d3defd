//! Layers: their weights, and the one operation that uses them.

use std::cell::RefCell;

use aconite_core::Result;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tch::Tensor;

use crate::{Mode, Params, Start, macs};

/// What a convolution does: square kernels, stride 1, no padding, one group and no bias unless said.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    from: i64,
    to: i64,
    size: i64,
    stride: i64,
    padding: i64,
    groups: i64,
    bias: bool,
}

impl Kernel {
    /// `size` × `size` kernels from `from` to `to` channels.
    pub const fn new(from: i64, to: i64, size: i64) -> Self {
        Self { from, to, size, stride: 1, padding: 0, groups: 1, bias: false }
    }

    /// Steps of `stride` pixels.
    #[must_use]
    pub const fn stride(self, stride: i64) -> Self {
        Self { stride, ..self }
    }

    /// `padding` rows and columns of zeros on each side.
    #[must_use]
    pub const fn padding(self, padding: i64) -> Self {
        Self { padding, ..self }
    }

    /// Channels in `groups` groups that do not see each other; both channel counts are multiples of it.
    #[must_use]
    pub const fn groups(self, groups: i64) -> Self {
        Self { groups, ..self }
    }

    /// Output channels.
    pub const fn to(self) -> i64 {
        self.to
    }

    /// A bias per output channel.
    #[must_use]
    pub const fn bias(self) -> Self {
        Self { bias: true, ..self }
    }
}

/// A two-dimensional convolution.
#[derive(Debug)]
pub struct Conv {
    kernel: Kernel,
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Conv {
    /// Takes its weights from `params` as `<name>.weight` and `<name>.bias`.
    ///
    /// # Errors
    /// A stored weight is missing or has another shape.
    pub fn new(params: &mut Params, name: &str, kernel: Kernel) -> Result<Self> {
        let Kernel { from, to, size, groups, .. } = kernel;
        let start = Start::Uniform { fan_in: from / groups * size * size };
        let weight = params.weight(format!("{name}.weight"), &[to, from / groups, size, size], start)?;
        let bias = match kernel.bias {
            true => Some(params.weight(format!("{name}.bias"), &[to], start)?),
            false => None,
        };
        Ok(Self { kernel, weight, bias })
    }

    /// Convolves a map B×C×H×W.
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Tensor {
        let Kernel { stride, padding, groups, .. } = self.kernel;
        let weight = self.weight.to_kind(mode.kind);
        let bias = self.bias.as_ref().map(|b| b.to_kind(mode.kind));
        let out = input.conv2d(&weight, bias.as_ref(), [stride, stride], [padding, padding], [1, 1], groups);
        macs::count(&out, self.weight.numel() as i64 / self.kernel.to);
        out
    }
}

/// A fully connected layer with bias.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    /// From `from` to `to` units.
    ///
    /// # Errors
    /// A stored weight is missing or has another shape.
    pub fn new(params: &mut Params, name: &str, from: i64, to: i64) -> Result<Self> {
        let start = Start::Uniform { fan_in: from };
        Ok(Self {
            weight: params.weight(format!("{name}.weight"), &[to, from], start)?,
            bias: params.weight(format!("{name}.bias"), &[to], start)?,
        })
    }

    /// The number of dimensions in front of what a row holds: that of the batch, and in a stack that of the networks.
    pub(crate) fn front(&self) -> i64 {
        self.weight.dim() as i64 - 1
    }

    /// x·Wᵀ + b of rows B×D, or K×B×D in a stack.
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Tensor {
        let (weight, bias) = (self.weight.to_kind(mode.kind), self.bias.to_kind(mode.kind));
        let out = match weight.dim() {
            2 => input.linear(&weight, Some(&bias)),
            // W·xᵀ and not x·Wᵀ: with few outputs, it and its gradient take a third of the time.
            _ => bias
                .unsqueeze(2)
                .baddbmm(&aligned(&weight), &aligned(input).transpose(1, 2), 1.0, 1.0)
                .transpose(1, 2),
        };
        macs::count(&out, input.size()[input.dim() - 1]);
        out
    }
}

/// Numbers in 64 bytes, f32. How a library multiplies a matrix depends on where in its 64 bytes it begins; if those of
/// a stack all begin at 0, they are multiplied alike wherever in the stack they are.
pub const ALIGNED: usize = 16;

/// Rows K×B×D with zeros behind each up to a multiple of 64 bytes.
fn aligned(rows: &Tensor) -> Tensor {
    let width = rows.size()[2];
    match (width as usize).next_multiple_of(ALIGNED) as i64 - width {
        0 => rows.shallow_clone(),
        missing => rows.constant_pad_nd([0, missing]),
    }
}

/// Dropout: numbers that are left out of a training step.
pub(crate) struct Dropout {
    share: f64,
    draws: RefCell<ChaCha8Rng>,
}

impl Dropout {
    /// With the probability `share`, in [0, 1). The draws have a seed of their own from the stream of the weights, so
    /// that they depend on nothing but the passes before; ask for it behind all weights.
    pub(crate) fn new(params: &mut Params, share: f64) -> Self {
        Self { share, draws: RefCell::new(params.seed().rng()) }
    }

    /// In training each number is 0 with the probability p, else divided by 1 − p; in inference they stay as they are.
    pub(crate) fn forward(&self, input: &Tensor, mode: Mode) -> Tensor {
        if !mode.train || self.share == 0.0 {
            return input.shallow_clone();
        }
        let mut draws = self.draws.borrow_mut();
        let kept = (1.0 / (1.0 - self.share)) as f32;
        let factor = |_| if draws.random::<f64>() < self.share { 0.0 } else { kept };
        let factors: Vec<f32> = (0..input.numel()).map(factor).collect();
        input * Tensor::from_slice(&factors).view(input.size().as_slice()).to_kind(mode.kind)
    }
}

/// The mean of each channel of a map B×C×H×W, as rows B×C.
pub fn mean_pool(map: &Tensor) -> Tensor {
    map.mean_dim([2i64, 3].as_slice(), false, map.kind())
}

/// The maximum of each 2×2 square of a map B×C×H×W, as B×C×⌊H/2⌋×⌊W/2⌋.
pub fn max_pool(map: &Tensor) -> Tensor {
    if map.requires_grad() {
        return map.max_pool2d_default(2);
    }
    // Without a gradient nobody asks where a maximum was. Comparing whole views needs no index of it, and on
    // maps of few channels takes a fourth of the time; in `lenet` the pooling was 40 % of a forward pass.
    let size = map.size();
    let halves = |map: &Tensor, dim: i64| {
        let end = size[dim as usize] / 2 * 2;
        map.slice(dim, 0, end, 2).maximum(&map.slice(dim, 1, end, 2))
    };
    halves(&halves(map, 2), 3)
}
