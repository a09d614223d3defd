//! `small_cnn`: two convolutions and two linear layers.

use aconite_core::{Result, Shape};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layers::max_pool;
use crate::staged::Staged;
use crate::{Conv, Kernel, Linear, Net, Network, Params, at_least};

/// Two 3×3 convolutions (32 and 64 channels), each max-pooled by 2, then 128 units and the classes.
///
/// conv(32) → pool → ReLU → conv(64) → pool → ReLU → linear(128) → ReLU → linear(classes). Pooling comes
/// before the ReLU: the function is the same, since max and ReLU commute, and the ReLU touches a quarter of
/// the elements. The 128 activations are the features. The stages are `conv1` and `conv2`.
///
/// Paper: LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document recognition (the
/// family; the widths are those of the common PyTorch example for MNIST).
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SmallCnn {}

impl Kind for SmallCnn {}

impl Net for SmallCnn {
    fn check(&self, shape: Shape, _: usize, _: tch::Kind) -> Result<()> {
        at_least(shape, 4, "small_cnn pools twice")
    }

    fn build(&self, params: &mut Params, shape: Shape, classes: usize) -> Result<Box<dyn Network>> {
        let pooled = (shape.height / 4 * (shape.width / 4)) as i64;
        let first = Kernel::new(shape.channels as i64, 32, 3).padding(1).bias();
        let conv1 = Conv::new(params, "conv1", first)?;
        let conv2 = Conv::new(params, "conv2", Kernel::new(32, 64, 3).padding(1).bias())?;
        let fc1 = Linear::new(params, "fc1", 64 * pooled, 128)?;
        Ok(Box::new(
            Staged::new(Linear::new(params, "fc2", 128, classes as i64)?)
                .stage("conv1", move |x, mode| max_pool(&conv1.forward(x, mode)).relu())
                .stage("conv2", move |x, mode| max_pool(&conv2.forward(x, mode)).relu())
                .pool(move |x, mode| fc1.forward(&x.flatten(1, -1), mode).relu()),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mode;
    use aconite_core::NamedTensors;
    use tch::{Device, Kind, Tensor};

    // a = lambda n: torch.arange(n, dtype=torch.float64)
    // W = {"conv1.weight": sin(a(288)).view(32,1,3,3)*.3, "conv1.bias": cos(a(32))*.1,
    //      "conv2.weight": sin(a(18432)*.7).view(64,32,3,3)*.06, "conv2.bias": cos(a(64))*.1,
    //      "fc1.weight": sin(a(32768)*.3).view(128,256)*.06, "fc1.bias": cos(a(128))*.1,
    //      "fc2.weight": sin(a(384)*.9).view(3,128)*.09, "fc2.bias": cos(a(3))*.1}
    // x = (a(64) % 17 / 8 - 1).view(1,1,8,8); conv, relu, max_pool2d(2), twice; flatten; linear; relu; linear
    // in float64 gives the numbers below; PyTorch's own float32 is within 1e-7 of them.
    #[test]
    fn one_forward_pass_with_numbers() {
        let a = |n: i64| Tensor::arange(n, (Kind::Double, Device::Cpu));
        let weights: NamedTensors = [
            ("conv1.weight", a(288).sin().view([32, 1, 3, 3]) * 0.3),
            ("conv1.bias", a(32).cos() * 0.1),
            ("conv2.weight", (a(18432) * 0.7).sin().view([64, 32, 3, 3]) * 0.06),
            ("conv2.bias", a(64).cos() * 0.1),
            ("fc1.weight", (a(32768) * 0.3).sin().view([128, 256]) * 0.06),
            ("fc1.bias", a(128).cos() * 0.1),
            ("fc2.weight", (a(384) * 0.9).sin().view([3, 128]) * 0.09),
            ("fc2.bias", a(3).cos() * 0.1),
        ]
        .map(|(name, t)| (name.to_owned(), t))
        .into();
        let shape = Shape { channels: 1, height: 8, width: 8 };
        let network = SmallCnn {}.build(&mut Params::stored(weights), shape, 3).unwrap();
        let x = (a(64).remainder(17) / 8 - 1).to_kind(Kind::Float).view([1, 1, 8, 8]);
        let mode = Mode { train: false, kind: Kind::Float };
        let features = network.features(&x, mode).sum(Kind::Double).double_value(&[]);
        assert!((features - 36.614_810_911).abs() < 1e-4, "{features}");
        let logits = Vec::<f32>::try_from(network.logits(&x, mode).view([-1])).unwrap();
        for (ours, theirs) in logits.iter().zip([0.102_307_92, 0.146_257_89, -0.137_468_07]) {
            assert!((ours - theirs).abs() < 1e-5, "{logits:?}");
        }
    }
}
