//! What a forward pass costs.

use std::cell::Cell;

use aconite_core::{Error, Result, Seed, Shape};
use tch::{Device, Kind, Tensor, no_grad};

use crate::{Mode, Net, Params};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Notes that each element of `out` is a sum of `terms` products. Every layer with weights calls it, so the
/// count cannot part from what is computed.
pub(crate) fn count(out: &Tensor, terms: i64) {
    COUNT.set(COUNT.get().wrapping_add(out.numel() as u64 * terms as u64));
}

/// Multiply-adds of one image's forward pass: those of convolutions and linear layers, counted while one
/// image passes. Normalisation, activations and pooling are not counted, as in the literature.
///
/// # Errors
/// The net cannot be built, or none of its layers counts (a module from a file).
pub fn macs(net: &dyn Net, shape: Shape, classes: usize) -> Result<u64> {
    let network = net.build(&mut Params::fresh(Seed(0)), shape, classes)?;
    let size = [1, shape.channels, shape.height, shape.width].map(|n| n as i64);
    let before = COUNT.get();
    let _ = no_grad(|| {
        network.logits(
            &Tensor::zeros(size, (Kind::Float, Device::Cpu)),
            Mode { train: false, kind: Kind::Float },
        )
    });
    match COUNT.get().wrapping_sub(before) {
        0 => Err(Error::new("the multiply-adds of this net cannot be counted")),
        n => Ok(n),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{resnet20::ResNet20, small_cnn::SmallCnn};

    #[test]
    fn two_nets_counted_by_hand() {
        let grey = Shape { channels: 1, height: 28, width: 28 };
        // 28²·32·9 + 14²·64·32·9 + (64·7²)·128 + 128·10
        assert_eq!(macs(&SmallCnn {}, grey, 10).unwrap(), 225_792 + 3_612_672 + 401_408 + 1_280);
        let colour = Shape { channels: 3, height: 32, width: 32 };
        // 32²·16·27, then 6 convolutions 16→16 of 32²·16·144; 16→32 at 16² and 5 of 32→32; 32→64 at 8² and
        // 5 of 64→64; 64·10. Each full-width convolution costs 2,359,296, each first one half of it.
        let expected = 442_368 + 6 * 2_359_296 + 2 * (1_179_648 + 5 * 2_359_296) + 640;
        assert_eq!(macs(&ResNet20 {}, colour, 10).unwrap(), expected);
        assert_eq!(expected, 40_551_040);
    }
}
