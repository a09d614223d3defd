//! `resnet32`: the 32-layer residual net for small images.

use aconite_core::{Result, Shape};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::residual::cifar;
use crate::{Net, Network, Params, at_least};

/// The 32-layer residual net for small images, width 16.
///
/// A 3×3 convolution to 16 channels, then three stages of 5 basic blocks with 16, 32 and 64 channels (two
/// 3×3 convolutions each, batch normalisation after every convolution, ReLU after the first and after the
/// sum), the mean of each channel (the features, 64), linear(classes). The first block of the second and of
/// the third stage takes every second pixel; its shortcut does the same and adds channels of zeros (option
/// A). The stages are `stem`, `stage1`, `stage2`, `stage3`. 464,154 weights for 3 channels and 10 classes.
///
/// The layout is the paper's for 32×32×3; other sizes and one channel change the maps and the first
/// convolution only. Weights start as PyTorch's defaults do, not from the paper's normal distribution.
///
/// Paper: He, Zhang, Ren, Sun 2016, Deep residual learning for image recognition, section 4.2.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ResNet32 {}

impl Kind for ResNet32 {}

impl Net for ResNet32 {
    fn check(&self, shape: Shape, _: usize, _: tch::Kind) -> Result<()> {
        at_least(shape, 4, "resnet32 halves the image twice")
    }

    fn build(&self, params: &mut Params, shape: Shape, classes: usize) -> Result<Box<dyn Network>> {
        Ok(Box::new(cifar(params, shape.channels as i64, classes as i64, 5)?))
    }
}
