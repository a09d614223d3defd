//! Networks: one file an architecture.
//!
//! This crate owns what a network computes and how its weights start. Training is elsewhere; no optimiser, no
//! data set and no attack is known here.

mod layers;
mod macs;
mod norm;
mod params;
mod residual;
mod staged;
mod words;

use std::fmt::Debug;

use aconite_core::{Error, Result, Shape};
use tch::Kind;

pub use aconite_core::{Mode, Network};
pub use layers::{ALIGNED, Conv, Kernel, Linear};
pub use macs::macs;
pub use norm::{ConvNorm, Norm};
pub use params::{Params, Start};
pub use words::Reading;

aconite_grid::family! {
    /// Every architecture.
    pub NETS: dyn Net = {
        small_cnn::SmallCnn,
        lenet::LeNet,
        badnet_cnn::BadNetCnn,
        mlp::Mlp,
        linear::Linear,
        resnet9::ResNet9,
        resnet20::ResNet20,
        resnet32::ResNet32,
        preact_resnet18::PreActResNet18,
        vgg11::Vgg11,
        mobilenet_v2::MobileNetV2,
        torchscript::TorchScript,
        embedding_bag::EmbeddingBag,
        text_cnn::TextCnn,
    }
}

/// An architecture: settings from which a network is built for a shape of input and a number of classes.
pub trait Net: Debug + Send + Sync {
    /// Checks that the architecture takes such images, gives such classes and computes in such numbers
    /// (`Float` or `BFloat16`).
    ///
    /// # Errors
    /// Names what does not fit.
    fn check(&self, shape: Shape, classes: usize, kind: Kind) -> Result<()>;

    /// Builds the network, taking its weights from `params`: fresh ones or stored ones.
    ///
    /// # Errors
    /// A stored weight is missing or has another shape.
    fn build(&self, params: &mut Params, shape: Shape, classes: usize) -> Result<Box<dyn Network>>;

    /// What identifies the content of the file that the architecture is read from; nothing if it is all in
    /// the settings. It belongs into the key of whatever is computed with the net.
    ///
    /// # Errors
    /// The file cannot be read.
    fn content(&self) -> Result<Option<String>> {
        Ok(None)
    }

    /// Whether it also takes rows of numbers B×D, built for the shape 1×1×D.
    fn takes_tables(&self) -> bool {
        false
    }

    /// How it reads texts and messages; `None` for a net that does not. One that does reads nothing else: it takes the
    /// numbers of words, i64 B×L, and is built for the shape 1×1×L.
    fn reads(&self) -> Option<Reading> {
        None
    }

    /// Whether the network may be built on [`Params::stacked`] weights of K networks. It then takes rows K×B×D, f32, B a
    /// multiple of [`ALIGNED`], and gives logits K×B×C. Up to rounding, each computes what it would alone; to the last
    /// bit, it computes the same wherever in whatever stack of two or more it is. It draws nothing when it computes.
    fn stacks(&self) -> bool {
        false
    }

    /// Whether the network has penultimate activations to show. If not, [`Network::features`] gives its
    /// logits, and what needs features must refuse it.
    fn has_features(&self) -> bool {
        true
    }
}

/// Refuses images with a side below `least` pixels.
fn at_least(shape: Shape, least: usize, because: &str) -> Result<()> {
    match shape.height.min(shape.width) < least {
        true => Err(Error::new(format!("{because} and needs at least {least}×{least} pixels, not {shape}"))
            .hint("small_cnn takes images from 4×4, mlp and linear take any")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
