//! Gradient matching: changes of images whose training gradient points where the adversary wants.

use aconite_core::{Network, Result};
use aconite_train::input;
use tch::{Kind, Tensor, no_grad};

use crate::ascent::LOOK;

/// A direction in the space of a network's weights, and what it is compared by.
pub(crate) struct Wanted<'a> {
    network: &'a dyn Network,
    weights: &'a [Tensor],
    /// ∇L(x_t, y_adv), weight by weight.
    direction: Vec<Tensor>,
    /// Its ℓ2 norm.
    length: Tensor,
}

impl<'a> Wanted<'a> {
    /// The gradient of the loss of `pixels` (f32 B×H×W×C in 0–255) under the labels that the adversary wants.
    pub(crate) fn new(
        network: &'a dyn Network,
        weights: &'a [Tensor],
        pixels: &Tensor,
        labels: &Tensor,
    ) -> Result<Self> {
        let direction = gradient(network, weights, pixels, labels, false)?;
        let length = inner(&direction, &direction).sqrt();
        Ok(Self { network, weights, direction, length })
    }

    /// 1 − cos of the angle between the direction and the mean gradient of `pixels` under `labels`; differentiable
    /// in `pixels` if they are.
    pub(crate) fn mismatch(&self, pixels: &Tensor, labels: &Tensor) -> Result<Tensor> {
        let poison = gradient(self.network, self.weights, pixels, labels, pixels.requires_grad())?;
        let lengths = inner(&poison, &poison).sqrt() * &self.length;
        Ok(1.0 - inner(&poison, &self.direction) / lengths.clamp_min(f64::from(f32::MIN_POSITIVE)))
    }
}

fn gradient(
    network: &dyn Network,
    weights: &[Tensor],
    pixels: &Tensor,
    labels: &Tensor,
    differentiable: bool,
) -> Result<Vec<Tensor>> {
    let logits = network.logits(&input(pixels, Kind::Float), LOOK);
    let loss = logits.cross_entropy_for_logits(labels);
    Ok(Tensor::f_run_backward(&[loss], weights, differentiable, differentiable)?)
}

fn inner(a: &[Tensor], b: &[Tensor]) -> Tensor {
    let products: Vec<Tensor> = a.iter().zip(b).map(|(a, b)| (a * b).sum(Kind::Float)).collect();
    Tensor::stack(&products, 0).sum(Kind::Float)
}

/// Adam on the signs of gradients (Kingma and Ba 2015: decay 0.9 and 0.999, ε 1e-8).
pub(crate) struct SignedAdam {
    mean: Tensor,
    square: Tensor,
    steps: i32,
}

impl SignedAdam {
    /// At rest.
    pub(crate) fn new(size: &[i64]) -> Self {
        let zeros = || Tensor::zeros(size, (Kind::Float, tch::Device::Cpu));
        Self { mean: zeros(), square: zeros(), steps: 0 }
    }

    /// What is to be added for a descent along `gradient` at this learning rate.
    pub(crate) fn step(&mut self, gradient: &Tensor, lr: f64) -> Tensor {
        no_grad(|| {
            let sign = gradient.sign();
            self.steps += 1;
            self.mean = &self.mean * 0.9 + &sign * 0.1;
            self.square = &self.square * 0.999 + sign.square() * 0.001;
            let mean = &self.mean / (1.0 - 0.9f64.powi(self.steps));
            let root = (&self.square / (1.0 - 0.999f64.powi(self.steps))).sqrt();
            mean / (root + 1e-8) * -lr
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiny::{Tiny, close};

    // With net, its weights P and x of `tiny`, in float64:
    // t = ((a(6) * 53 + 20) % 256).view(1, 2, 3, 1)
    // d = grad(cross_entropy(net(t), [2]), P); g = grad(cross_entropy(net(x), [2, 2]), P, create_graph=True)
    // dot = lambda u, v: sum((p * q).sum() for p, q in zip(u, v))
    // loss = 1 - dot(d, g) / (dot(d, d) * dot(g, g)).sqrt(); grad(loss, x)[0] * 1e4
    #[test]
    fn loss_and_its_gradient_are_those_of_pytorch() {
        let net = Tiny::new();
        let t =
            (Tensor::arange(6, (Kind::Float, tch::Device::Cpu)) * 53 + 20).remainder(256).view([1, 2, 3, 1]);
        let wanted = Wanted::new(&net, &net.weights, &t, &Tensor::from_slice(&[2i64])).unwrap();
        let x = Tiny::images().set_requires_grad(true);
        let loss = wanted.mismatch(&x, &Tensor::from_slice(&[2i64, 2])).unwrap();
        assert!((loss.double_value(&[]) - 0.718_823_204).abs() < 1e-5, "{loss}");
        let gradient = Tensor::run_backward(&[loss], &[&x], false, false).remove(0) * 1e4;
        let golden = [
            1.891_495_85,
            -3.650_438_82,
            -6.948_768_14,
            -7.074_500_89,
            -4.074_601_2,
            2.103_727_51, //
            9.284_258_88,
            2.261_913_6,
            -3.975_909_79,
            -8.670_780_3,
            -9.979_414_23,
            -2.280_430_45,
        ];
        assert!(close(&gradient, &golden, 1e-3), "{gradient}");
    }

    #[test]
    fn a_gradient_matches_itself() {
        let net = Tiny::new();
        let (x, y) = (Tiny::images(), Tensor::from_slice(&[0i64, 2]));
        let wanted = Wanted::new(&net, &net.weights, &x, &y).unwrap();
        assert!(wanted.mismatch(&x, &y).unwrap().double_value(&[]).abs() < 1e-5);
    }

    // p = torch.zeros(4, dtype=torch.float64, requires_grad=True); o = torch.optim.Adam([p], lr=.1)
    // for g in ([3, -.2, 0, 1], [1, 4, 0, -2], [-5, .1, 2, 0]):
    //     b = p.detach().clone(); p.grad = torch.tensor(g, dtype=torch.float64).sign(); o.step(); p.detach() - b
    #[test]
    fn signed_adam_is_pytorchs_adam_on_signs() {
        let golden: [([f32; 4], [f64; 4]); 3] = [
            ([3.0, -0.2, 0.0, 1.0], [-0.1, 0.1, 0.0, -0.1]),
            ([1.0, 4.0, 0.0, -2.0], [-0.1, -0.005_263_158, 0.0, 0.005_263_158]),
            ([-5.0, 0.1, 2.0, 0.0], [-0.026_199_262, -0.040_221_402, -0.063_881_359, 0.004_068_436]),
        ];
        let mut adam = SignedAdam::new(&[4]);
        for (gradient, step) in golden {
            let ours = adam.step(&Tensor::from_slice(&gradient), 0.1);
            assert!(close(&ours, &step, 1e-6), "{ours}");
        }
    }
}
