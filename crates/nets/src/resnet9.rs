//! `resnet9`: a small, fast residual net.

use aconite_core::{Result, Shape};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::norm::ConvNorm;
use crate::residual::Plain;
use crate::staged::Staged;
use crate::{Kernel, Linear, Net, Network, Params, at_least};

/// A nine-layer residual net that learns fast: the net to try an idea with on colour images.
///
/// The layout is Page's (2018) with narrower layers: 32-64-128-128 channels for 64-128-256-512. Each
/// convolution is 3×3 with padding 1 and no bias, followed by batch normalisation and ReLU (CNR):
/// CNR(32) → CNR(64), max-pool 2, x + CNR(CNR(x)) → CNR(128), max-pool 2 → CNR(128), max-pool 2,
/// x + CNR(CNR(x)) → the maximum of each channel (the features, 128) → linear(classes). The stages are `stem`,
/// `stage1`, `stage2`, `stage3`. 611,882 weights for 3 channels and 10 classes.
///
/// Unlike Page's net, the last pooling takes whatever the size of the image leaves (4×4 of 32×32), and the
/// logits are not scaled.
///
/// Paper: He, Zhang, Ren, Sun 2016, Deep residual learning for image recognition (the residual block); the
/// layout: Page 2018, How to train your ResNet.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResNet9 {}

impl Kind for ResNet9 {}

impl Net for ResNet9 {
    fn check(&self, shape: Shape, _: usize, _: tch::Kind) -> Result<()> {
        at_least(shape, 8, "resnet9 pools three times")
    }

    fn build(&self, params: &mut Params, shape: Shape, classes: usize) -> Result<Box<dyn Network>> {
        let layer = |params: &mut Params, name: &str, from: i64, to: i64| {
            ConvNorm::new(params, name, Kernel::new(from, to, 3).padding(1))
        };
        let stem = layer(params, "stem", shape.channels as i64, 32)?;
        let conv1 = layer(params, "stage1", 32, 64)?;
        let block1 = Plain::new(params, "stage1.block", 64)?;
        let conv2 = layer(params, "stage2", 64, 128)?;
        let conv3 = layer(params, "stage3", 128, 128)?;
        let block3 = Plain::new(params, "stage3.block", 128)?;
        Ok(Box::new(
            Staged::new(Linear::new(params, "head", 128, classes as i64)?)
                .stage("stem", move |x, mode| stem.relu(x, mode))
                .stage("stage1", move |x, mode| block1.forward(&conv1.pooled(x, mode), mode))
                .stage("stage2", move |x, mode| conv2.pooled(x, mode))
                .stage("stage3", move |x, mode| block3.forward(&conv3.pooled(x, mode), mode))
                .pool(|x, _| x.amax([2i64, 3].as_slice(), false)),
        ))
    }
}
