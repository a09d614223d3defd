//! `mobilenet_v2`: MobileNetV2.

use aconite_core::{Result, Shape};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::layers::mean_pool;
use crate::norm::ConvNorm;
use crate::staged::Staged;
use crate::{Kernel, Linear, Mode, Net, Network, Params, at_least};

/// Expansion, channels, blocks, stride of the first block.
const STAGES: [(i64, i64, usize, i64); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 1),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// MobileNetV2, width 1: inverted residual blocks with depthwise convolutions.
///
/// A 3×3 convolution to 32 channels; seven stages of inverted residuals (expansion, channels, blocks, stride
/// of the first): (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
/// (6, 320, 1, 1); a 1×1 convolution to 1280 channels; the mean of each channel (the features, 1280);
/// linear(classes). A block is a 1×1 convolution to `expansion` times its inputs, a depthwise 3×3
/// convolution and a linear 1×1 convolution, plus its input where the shape allows; batch normalisation
/// follows each convolution, ReLU6 all but the linear one. The stages are `stem`, `stage1` … `stage7`,
/// `last`. 2,236,682 weights for 3 channels and 10 classes.
///
/// The paper's net halves 224×224 five times. Here `stage2` has stride 1, and so has `stem` where a side has
/// fewer than 64 pixels: 32×32 and 64×64 leave 4×4 and 4×4, 28×28 leaves 4×4. There is no dropout in front
/// of the head.
///
/// Paper: Sandler, Howard, Zhu, Zhmoginov, Chen 2018, MobileNetV2: Inverted residuals and linear bottlenecks,
/// Table 2.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MobileNetV2 {}

impl Kind for MobileNetV2 {}

impl Net for MobileNetV2 {
    fn check(&self, shape: Shape, _: usize, _: tch::Kind) -> Result<()> {
        at_least(shape, 8, "mobilenet_v2 halves the image three times")
    }

    fn build(&self, params: &mut Params, shape: Shape, classes: usize) -> Result<Box<dyn Network>> {
        let stride = if shape.height.min(shape.width) < 64 { 1 } else { 2 };
        let first = Kernel::new(shape.channels as i64, 32, 3).padding(1).stride(stride);
        let stem = ConvNorm::new(params, "stem", first)?;
        let (mut from, mut stages) = (32, Vec::new());
        for (i, (expansion, width, blocks, stride)) in STAGES.into_iter().enumerate() {
            let name = format!("stage{}", i + 1);
            let mut list = Vec::new();
            for block in 0..blocks {
                let stride = if block == 0 { stride } else { 1 };
                list.push(Inverted::new(params, &format!("{name}.{block}"), from, width, expansion, stride)?);
                from = width;
            }
            stages.push((name, list));
        }
        let last = ConvNorm::new(params, "last", Kernel::new(from, 1280, 1))?;
        let mut net = Staged::new(Linear::new(params, "head", 1280, classes as i64)?)
            .stage("stem", move |x, mode| relu6(stem.forward(x, mode)))
            .pool(|x, _| mean_pool(x));
        for (name, list) in stages {
            net = net.stage(name, move |x, mode| {
                list.iter().fold(x.shallow_clone(), |x, block| block.forward(&x, mode))
            });
        }
        Ok(Box::new(net.stage("last", move |x, mode| relu6(last.forward(x, mode)))))
    }
}

/// An inverted residual block: wide inside, narrow and linear at its ends.
struct Inverted {
    widen: Option<ConvNorm>,
    depthwise: ConvNorm,
    narrow: ConvNorm,
    adds: bool,
}

impl Inverted {
    fn new(params: &mut Params, name: &str, from: i64, to: i64, expansion: i64, stride: i64) -> Result<Self> {
        let wide = from * expansion;
        let widen = match expansion {
            1 => None,
            _ => Some(ConvNorm::new(params, &format!("{name}.widen"), Kernel::new(from, wide, 1))?),
        };
        let depthwise = Kernel::new(wide, wide, 3).padding(1).stride(stride).groups(wide);
        Ok(Self {
            widen,
            depthwise: ConvNorm::new(params, &format!("{name}.depthwise"), depthwise)?,
            narrow: ConvNorm::new(params, &format!("{name}.narrow"), Kernel::new(wide, to, 1))?,
            adds: stride == 1 && from == to,
        })
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Tensor {
        let wide = match &self.widen {
            Some(layer) => relu6(layer.forward(x, mode)),
            None => x.shallow_clone(),
        };
        let mut y = self.narrow.forward(&relu6(self.depthwise.forward(&wide, mode)), mode);
        if self.adds { y.g_add_(x) } else { y }
    }
}

/// ReLU, at most 6.
fn relu6(mut map: Tensor) -> Tensor {
    map.clamp_(0, 6)
}
