//! Batch normalisation.

use aconite_core::Result;
use tch::Tensor;

use crate::layers::max_pool;
use crate::{Conv, Kernel, Mode, Params, Start};

/// Weight of a batch in the running statistics, as in PyTorch.
const MOMENTUM: f64 = 0.1;
/// Added to the variance before the root is taken, as in PyTorch.
const EPS: f64 = 1e-5;

/// Batch normalisation of each channel (Ioffe and Szegedy 2015) with PyTorch's conventions.
///
/// In training a batch is normalised by its own mean and (biased) variance, and the running mean and the
/// running (unbiased) variance take up a tenth of it; in inference the running ones are used. Weight, bias
/// and statistics are f32 whatever the map is.
///
/// A training batch that gives a channel one single value (one row, map 1×1) has no variance: PyTorch
/// refuses it. Here it is normalised by the running statistics, which it leaves alone, so that a last batch
/// of one row does not end a training.
#[derive(Debug)]
pub struct Norm {
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
}

impl Norm {
    /// For maps of `channels` channels.
    ///
    /// # Errors
    /// A stored tensor is missing or has another shape.
    pub fn new(params: &mut Params, name: &str, channels: i64) -> Result<Self> {
        Ok(Self {
            weight: params.weight(format!("{name}.weight"), &[channels], Start::Constant(1.0))?,
            bias: params.weight(format!("{name}.bias"), &[channels], Start::Constant(0.0))?,
            mean: params.buffer(format!("{name}.running_mean"), &[channels], 0.0)?,
            variance: params.buffer(format!("{name}.running_var"), &[channels], 1.0)?,
        })
    }

    /// Normalises a map B×C×H×W.
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Tensor {
        let one_value = input.numel() as i64 == input.size()[1];
        input.batch_norm(
            Some(&self.weight),
            Some(&self.bias),
            Some(&self.mean),
            Some(&self.variance),
            mode.train && !one_value,
            MOMENTUM,
            EPS,
            false,
        )
    }
}

/// A convolution and the normalisation of what it gives.
#[derive(Debug)]
pub struct ConvNorm {
    conv: Conv,
    norm: Norm,
}

impl ConvNorm {
    /// Takes its tensors from `params` as `<name>.conv.*` and `<name>.norm.*`.
    ///
    /// # Errors
    /// A stored tensor is missing or has another shape.
    pub fn new(params: &mut Params, name: &str, kernel: Kernel) -> Result<Self> {
        Ok(Self {
            conv: Conv::new(params, &format!("{name}.conv"), kernel)?,
            norm: Norm::new(params, &format!("{name}.norm"), kernel.to())?,
        })
    }

    /// Convolves and normalises.
    pub fn forward(&self, input: &Tensor, mode: Mode) -> Tensor {
        self.norm.forward(&self.conv.forward(input, mode), mode)
    }

    /// Convolves, normalises, ReLU.
    pub fn relu(&self, input: &Tensor, mode: Mode) -> Tensor {
        // In place: the gradient of a normalisation does not need what it gave.
        self.forward(input, mode).relu_()
    }

    /// Convolves, normalises, takes the maximum of each 2×2 square, ReLU. The two commute, and in this order
    /// the ReLU touches a quarter of the elements.
    pub fn pooled(&self, input: &Tensor, mode: Mode) -> Tensor {
        max_pool(&self.forward(input, mode)).relu_()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_core::Seed;
    use tch::{Device, Kind};

    fn mode(train: bool, kind: Kind) -> Mode {
        Mode { train, kind }
    }

    fn values(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor.to_kind(Kind::Double).contiguous().view([-1])).unwrap()
    }

    // x = torch.arange(12.).view(2, 2, 3, 1).sin() * 2 + 1; n = nn.BatchNorm2d(2); y = n(x); n(x)
    // y.flatten(), n.running_mean, n.running_var; n.eval(); n(x).flatten()
    #[test]
    fn two_training_steps_and_inference_as_pytorch_does_them() {
        let mut params = Params::fresh(Seed(0));
        let norm = Norm::new(&mut params, "n", 2).unwrap();
        let x = Tensor::arange(12, (Kind::Float, Device::Cpu)).view([2, 2, 3, 1]).sin() * 2 + 1;
        let y = norm.forward(&x, mode(true, Kind::Float));
        let _ = norm.forward(&x, mode(true, Kind::Float));
        let z = norm.forward(&x, mode(false, Kind::Float));
        let named = params.tensors();
        for (ours, golden) in [
            (values(&y), GOLDEN_TRAIN.as_slice()),
            (values(&named["n.running_mean"]), &GOLDEN_MEAN),
            (values(&named["n.running_var"]), &GOLDEN_VAR),
            (values(&z), &GOLDEN_EVAL),
        ] {
            assert_eq!(ours.len(), golden.len());
            // f32 arithmetic on both sides, a handful of operations on numbers of order 1.
            assert!(ours.iter().zip(golden).all(|(a, b)| (a - b).abs() < 2e-6), "{ours:?} {golden:?}");
        }
    }
    const GOLDEN_TRAIN: [f64; 12] = [
        -1.074_389_6,
        0.665_485_9,
        0.805_728_1,
        1.094_317_3,
        -0.564_930_7,
        -0.938_426_4,
        -1.652_125_7,
        0.284_035_1,
        0.971_266_4,
        1.595_088_5,
        -0.171_737_5,
        -1.014_311_1,
    ];
    const GOLDEN_MEAN: [f64; 2] = [0.387_454_2, 0.018_588_4];
    const GOLDEN_VAR: [f64; 2] = [1.023_320_2, 1.077_083_0];
    const GOLDEN_EVAL: [f64; 12] = [
        0.605_523_0,
        2.269_170_3,
        2.403_268_1,
        1.217_589_1,
        -0.512_793_9,
        -0.902_302_0,
        0.053_099_0,
        1.904_431_7,
        2.561_553_7,
        1.739_829_3,
        -0.102_743_7,
        -0.981_440_0,
    ];

    #[test]
    fn a_single_value_per_channel_is_normalised_by_the_running_statistics() {
        let mut params = Params::fresh(Seed(0));
        let norm = Norm::new(&mut params, "n", 3).unwrap();
        let before = params.tensors();
        let x = Tensor::from_slice(&[1f32, -2.0, 3.0]).view([1, 3, 1, 1]);
        let y = norm.forward(&x, mode(true, Kind::Float));
        assert!((y - &x).abs().max().double_value(&[]) < 1e-4, "mean 0 and variance 1 change nothing");
        assert_eq!(params.tensors(), before);
    }

    #[test]
    fn bf16_maps_keep_f32_statistics_and_channels_last_strides() {
        let mut params = Params::fresh(Seed(0));
        let norm = Norm::new(&mut params, "n", 4).unwrap();
        let x = Tensor::arange(2 * 4 * 9, (Kind::Float, Device::Cpu)).sin().view([2, 3, 3, 4]);
        for kind in [Kind::Float, Kind::BFloat16] {
            let map = x.to_kind(kind).permute([0, 3, 1, 2]);
            let y = norm.forward(&map, mode(true, kind));
            assert_eq!((y.kind(), y.stride()), (kind, vec![36, 1, 12, 4]));
        }
        assert!(params.tensors().values().all(|t| t.kind() == Kind::Float));
    }
}
