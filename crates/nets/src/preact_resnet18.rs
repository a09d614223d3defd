//! `preact_resnet18`: the 18-layer residual net with pre-activation.

use aconite_core::{Result, Shape};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layers::mean_pool;
use crate::norm::Norm;
use crate::residual::PreAct;
use crate::staged::Staged;
use crate::{Conv, Kernel, Linear, Net, Network, Params, at_least};

/// The 18-layer residual net with pre-activation, in its form for small images.
///
/// A 3×3 convolution to 64 channels, then four stages of 2 blocks with 64, 128, 256 and 512 channels
/// (normalisation, ReLU, 3×3 convolution, twice; then the sum), normalisation and ReLU, the mean of each
/// channel (the features, 512), linear(classes). The first block of the second, third and fourth stage has
/// stride 2 and a 1×1 convolution of the activated input as its shortcut. The last stage ends with the
/// normalisation and the ReLU that follow the last sum. The stages are `stem`, `stage1` … `stage4`.
/// 11,172,170 weights for 3 channels and 10 classes.
///
/// The ImageNet form has a 7×7 convolution with stride 2 and a pooling in front; images of up to 64×64 do
/// without them. Other sizes and one channel change the maps and the first convolution only.
///
/// Paper: He, Zhang, Ren, Sun 2016, Identity mappings in deep residual networks.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PreActResNet18 {}

impl Kind for PreActResNet18 {}

impl Net for PreActResNet18 {
    fn check(&self, shape: Shape, _: usize, _: tch::Kind) -> Result<()> {
        at_least(shape, 8, "preact_resnet18 halves the image three times")
    }

    fn build(&self, params: &mut Params, shape: Shape, classes: usize) -> Result<Box<dyn Network>> {
        let stem = Conv::new(params, "stem", Kernel::new(shape.channels as i64, 64, 3).padding(1))?;
        let (mut from, mut stages) = (64, Vec::new());
        for (i, width) in [64, 128, 256, 512].into_iter().enumerate() {
            let name = format!("stage{}", i + 1);
            let first = PreAct::new(params, &format!("{name}.0"), from, width)?;
            stages.push((name.clone(), first, PreAct::new(params, &format!("{name}.1"), width, width)?));
            from = width;
        }
        let last = Norm::new(params, "norm", from)?;
        let mut net = Staged::new(Linear::new(params, "head", from, classes as i64)?)
            .stage("stem", move |x, mode| stem.forward(x, mode))
            .pool(|x, _| mean_pool(x));
        let mut last = Some(last);
        for (name, first, second) in stages {
            let ends = if name == "stage4" { last.take() } else { None };
            net = net.stage(name, move |x, mode| {
                let x = second.forward(&first.forward(x, mode), mode);
                match &ends {
                    Some(norm) => norm.forward(&x, mode).relu_(),
                    None => x,
                }
            });
        }
        Ok(Box::new(net))
    }
}
