//! A network whose weights are given by formulas, so that PyTorch can be asked for the same numbers.

use aconite_core::{Mode, Network};
use tch::{Device, Kind, Tensor};

/// 1×2×3 images → linear(4) → tanh → linear(3).
pub(crate) struct Tiny {
    /// Weights and biases, layer by layer.
    pub(crate) weights: Vec<Tensor>,
}

impl Tiny {
    // a = lambda n: torch.arange(n, dtype=torch.float64)
    // W1 = sin(a(24) * .7).view(4, 6) * .8; b1 = cos(a(4)) * .1; W2 = cos(a(12) * .9).view(3, 4); b2 = sin(a(3)) * .1
    // net = lambda x: tanh((x / 127.5 - 1).flatten(1) @ W1.T + b1) @ W2.T + b2
    pub(crate) fn new() -> Self {
        let a = |n| Tensor::arange(n, (Kind::Double, Device::Cpu));
        let weights = [
            (a(24) * 0.7).sin().view([4, 6]) * 0.8,
            a(4).cos() * 0.1,
            (a(12) * 0.9).cos().view([3, 4]),
            a(3).sin() * 0.1,
        ];
        Self { weights: weights.map(|weight| weight.to_kind(Kind::Float).set_requires_grad(true)).into() }
    }

    /// Two images: x = ((a(12) * 37) % 256).view(2, 2, 3, 1)
    pub(crate) fn images() -> Tensor {
        (Tensor::arange(12, (Kind::Float, Device::Cpu)) * 37).remainder(256).view([2, 2, 3, 1])
    }
}

impl Network for Tiny {
    fn stages(&self) -> Vec<&str> {
        Vec::new()
    }

    fn stage(&self, _: usize, input: &Tensor, _: Mode) -> Tensor {
        input.shallow_clone()
    }

    fn pool(&self, map: &Tensor, _: Mode) -> Tensor {
        map.flatten(1, -1).linear(&self.weights[0], Some(&self.weights[1])).tanh()
    }

    fn head(&self, features: &Tensor, _: Mode) -> Tensor {
        features.linear(&self.weights[2], Some(&self.weights[3]))
    }
}

/// Whether all numbers are within `tolerance` of the golden ones.
pub(crate) fn close(ours: &Tensor, golden: &[f64], tolerance: f64) -> bool {
    let golden = Tensor::from_slice(golden);
    (ours.detach().flatten(0, -1).to_kind(Kind::Double) - golden).abs().max().double_value(&[]) < tolerance
}
