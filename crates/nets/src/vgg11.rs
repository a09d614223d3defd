//! `vgg11`: VGG-11 for small images.

use aconite_core::{Result, Shape};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::layers::{max_pool, mean_pool};
use crate::norm::ConvNorm;
use crate::staged::Staged;
use crate::{Kernel, Linear, Net, Network, Params, at_least};

/// Widths of the convolutions of each group.
const GROUPS: [&[i64]; 5] = [&[64], &[128], &[256, 256], &[512, 512], &[512, 512]];

/// VGG-11 with batch normalisation, in its form for small images.
///
/// Configuration A of the paper: 3×3 convolutions with padding 1 of 64 | 128 | 256, 256 | 512, 512 |
/// 512, 512 channels, a max-pooling by 2 after each of the five groups. The paper's net has no normalisation
/// and three linear layers of 4096, 4096 and 1000 units; here batch normalisation follows each convolution
/// (which then needs no bias), and the mean of each channel (the features, 512) goes straight into
/// linear(classes). The stages are `stage1` … `stage5`. 9,228,362 weights for 3 channels and 10 classes.
///
/// The fifth pooling is left out where a side has fewer than 32 pixels (28×28 leaves 1×1 after four).
///
/// Paper: Simonyan and Zisserman 2015, Very deep convolutional networks for large-scale image recognition;
/// the normalisation: Ioffe and Szegedy 2015, Batch normalization.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Vgg11 {}

impl Kind for Vgg11 {}

impl Net for Vgg11 {
    fn check(&self, shape: Shape, _: usize, _: tch::Kind) -> Result<()> {
        at_least(shape, 16, "vgg11 pools at least four times")
    }

    fn build(&self, params: &mut Params, shape: Shape, classes: usize) -> Result<Box<dyn Network>> {
        let small = shape.height.min(shape.width) < 32;
        let (mut from, mut groups) = (shape.channels as i64, Vec::new());
        for (i, widths) in GROUPS.into_iter().enumerate() {
            let name = format!("stage{}", i + 1);
            let mut layers = Vec::new();
            for (j, &width) in widths.iter().enumerate() {
                let kernel = Kernel::new(from, width, 3).padding(1);
                layers.push(ConvNorm::new(params, &format!("{name}.{j}"), kernel)?);
                from = width;
            }
            groups.push((name, layers, !(small && i + 1 == GROUPS.len())));
        }
        let mut net =
            Staged::new(Linear::new(params, "head", from, classes as i64)?).pool(|x, _| mean_pool(x));
        for (name, layers, pools) in groups {
            net = net.stage(name, move |x, mode| {
                let x = layers.iter().fold(x.shallow_clone(), |x, layer| layer.relu(&x, mode));
                if pools { max_pool(&x) } else { x }
            });
        }
        Ok(Box::new(net))
    }
}
