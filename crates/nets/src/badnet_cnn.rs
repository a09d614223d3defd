//! `badnet_cnn`: the BadNets paper's net for MNIST.

use aconite_core::{Result, Shape};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::staged::Staged;
use crate::{Conv, Kernel, Linear, Net, Network, Params, at_least};

/// The net that the BadNets paper attacks on MNIST: two 5×5 convolutions and a hidden layer of 512 units.
///
/// conv(16, 5×5) → ReLU → average-pool 2 → conv(32, 5×5) → ReLU → average-pool 2 → linear(512) → ReLU →
/// linear(classes), without padding. The 512 activations are the features. 281,034 weights for 28×28×1 and
/// 10 classes. Other sizes of image change the inputs of the hidden layer only; the paper has 28×28×1.
///
/// Paper: Gu, Dolan-Gavitt, Garg 2017, BadNets: Identifying vulnerabilities in the machine learning model
/// supply chain, Table I.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BadNetCnn {}

impl Kind for BadNetCnn {}

impl Net for BadNetCnn {
    fn check(&self, shape: Shape, _: usize, _: tch::Kind) -> Result<()> {
        at_least(shape, 16, "badnet_cnn convolves twice without padding and pools twice")
    }

    fn build(&self, params: &mut Params, shape: Shape, classes: usize) -> Result<Box<dyn Network>> {
        let side = |pixels: usize| ((pixels as i64 - 4) / 2 - 4) / 2;
        let conv1 = Conv::new(params, "conv1", Kernel::new(shape.channels as i64, 16, 5).bias())?;
        let conv2 = Conv::new(params, "conv2", Kernel::new(16, 32, 5).bias())?;
        let fc1 = Linear::new(params, "fc1", 32 * side(shape.height) * side(shape.width), 512)?;
        // An average does not commute with the ReLU as a maximum does: this order is the paper's.
        Ok(Box::new(
            Staged::new(Linear::new(params, "head", 512, classes as i64)?)
                .stage("conv1", move |x, mode| average(&conv1.forward(x, mode).relu_()))
                .stage("conv2", move |x, mode| average(&conv2.forward(x, mode).relu_()))
                .pool(move |x, mode| fc1.forward(&x.flatten(1, -1), mode).relu()),
        ))
    }
}

/// The mean of each 2×2 square.
fn average(map: &Tensor) -> Tensor {
    map.avg_pool2d([2, 2], [2, 2], [0, 0], false, true, None)
}
