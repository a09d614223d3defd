//! `lenet`: LeNet-5.

use aconite_core::{Result, Shape};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layers::max_pool;
use crate::staged::Staged;
use crate::{Conv, Kernel, Linear, Net, Network, Params, at_least};

/// LeNet-5: two 5×5 convolutions and three linear layers.
///
/// conv(6, 5×5) → max-pool 2 → ReLU → conv(16, 5×5) → max-pool 2 → ReLU → linear(120) → ReLU → linear(84) →
/// ReLU → linear(classes). No padding, except 2 pixels in the first convolution where a side has fewer than
/// 32 pixels (the paper centres its 28×28 digits in 32×32). The 84 activations are the features. 61,706
/// weights for 28×28×1 and 10 classes.
///
/// As is usual today, and unlike the paper: ReLU for the scaled tanh, max for the trained subsampling, full
/// connections between the convolutions, and a linear layer for the radial basis functions at the end.
///
/// Paper: LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document recognition.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LeNet {}

impl Kind for LeNet {}

impl Net for LeNet {
    fn check(&self, shape: Shape, _: usize, _: tch::Kind) -> Result<()> {
        at_least(shape, 12, "lenet convolves twice without padding and pools twice")
    }

    fn build(&self, params: &mut Params, shape: Shape, classes: usize) -> Result<Box<dyn Network>> {
        let padding = if shape.height.min(shape.width) < 32 { 2 } else { 0 };
        let side = |pixels: usize| ((pixels as i64 + 2 * padding - 4) / 2 - 4) / 2;
        let first = Kernel::new(shape.channels as i64, 6, 5).padding(padding).bias();
        let conv1 = Conv::new(params, "conv1", first)?;
        let conv2 = Conv::new(params, "conv2", Kernel::new(6, 16, 5).bias())?;
        let fc1 = Linear::new(params, "fc1", 16 * side(shape.height) * side(shape.width), 120)?;
        let fc2 = Linear::new(params, "fc2", 120, 84)?;
        Ok(Box::new(
            Staged::new(Linear::new(params, "head", 84, classes as i64)?)
                .stage("conv1", move |x, mode| max_pool(&conv1.forward(x, mode)).relu())
                .stage("conv2", move |x, mode| max_pool(&conv2.forward(x, mode)).relu())
                .pool(move |x, mode| {
                    let x = fc1.forward(&x.flatten(1, -1), mode).relu();
                    fc2.forward(&x, mode).relu()
                }),
        ))
    }
}
