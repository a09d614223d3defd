//! Projected gradient ascent: images that a network reads wrongly, within a ball around the originals.

use aconite_core::{Mode, Network, Observer, Result};
use aconite_train::input;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind, Reduction, Tensor, no_grad};

use crate::collision::lengths;

/// How a forward pass is run when it is looked at, not trained.
pub(crate) const LOOK: Mode = Mode { train: false, kind: Kind::Float };

/// Images per pass. Fixed: it bounds memory and must not change results.
pub(crate) const SLICE: i64 = 250;

/// How far an image may move.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Norm {
    /// The root of the summed squares of all pixel changes.
    #[default]
    L2,
    /// The largest pixel change.
    Linf,
}

impl Norm {
    /// Per image, the direction of length 1 in which a function with this gradient rises most.
    fn steepest(self, gradient: &Tensor) -> Tensor {
        match self {
            Self::Linf => gradient.sign(),
            Self::L2 => {
                // A confident network's gradients are so small that their squares would vanish.
                let scaled =
                    gradient / gradient.abs().amax([1, 2, 3], true).clamp_min(f64::from(f32::MIN_POSITIVE));
                &scaled / lengths(&scaled).clamp_min(1.0)
            }
        }
    }

    /// Per image, the nearest change whose norm is at most `epsilon`.
    fn nearest(self, change: &Tensor, epsilon: f64) -> Tensor {
        match self {
            Self::Linf => change.clamp(-epsilon, epsilon),
            Self::L2 => change * (epsilon / lengths(change)).clamp_max(1.0),
        }
    }
}

/// The settings of an ascent, in grey levels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ascent {
    pub(crate) norm: Norm,
    pub(crate) epsilon: f64,
    pub(crate) steps: usize,
    pub(crate) step_size: f64,
}

impl Ascent {
    /// x ← Π(x + α·steepest(∇ₓ L(x, y))) from the originals `clean` (f32 B×H×W×C in 0–255) on, Π onto the ball
    /// around them and onto [0, 255].
    pub(crate) fn climb(
        self,
        network: &dyn Network,
        clean: &Tensor,
        labels: &Tensor,
        watch: &mut dyn Observer,
    ) -> Result<Tensor> {
        let mut done = Vec::new();
        let parts = (clean.size()[0] as usize).div_ceil(SLICE as usize);
        for (part, (clean, labels)) in clean.split(SLICE, 0).iter().zip(labels.split(SLICE, 0)).enumerate() {
            let mut moved = clean.copy();
            for step in 0..self.steps {
                let x = moved.detach().set_requires_grad(true);
                // The sum, so that an image's gradient does not depend on the others.
                let loss = network.logits(&input(&x, Kind::Float), LOOK).f_cross_entropy_loss(
                    &labels,
                    None::<Tensor>,
                    Reduction::Sum,
                    -100,
                    0.0,
                )?;
                let gradient = Tensor::f_run_backward(&[loss], &[&x], false, false)?.remove(0);
                moved = no_grad(|| {
                    let wished = x + self.norm.steepest(&gradient) * self.step_size - clean;
                    (clean + self.norm.nearest(&wished, self.epsilon)).clamp(0.0, 255.0)
                });
                watch.step(part * self.steps + step + 1, parts * self.steps);
            }
            done.push(moved);
        }
        Ok(Tensor::f_cat(&done, 0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiny::{Tiny, close};
    use aconite_core::Silent;

    fn climbed(norm: Norm, epsilon: f64, step_size: f64, steps: usize) -> Tensor {
        let labels = Tensor::from_slice(&[0i64, 2]);
        let ascent = Ascent { norm, epsilon, steps, step_size };
        ascent.climb(&Tiny::new(), &Tiny::images(), &labels, &mut Silent).unwrap()
    }

    // With net, x of `tiny` and y = [0, 2]: m = x, then `steps` times
    //     g = grad(cross_entropy(net(m), y, reduction="sum"), m)
    //     l2:   d = alpha * g / g.flatten(1).norm(dim=1).view(-1, 1, 1, 1); c = m + d - x
    //           c = c * (eps / c.flatten(1).norm(dim=1)).clamp(max=1).view(-1, 1, 1, 1)
    //     linf: c = (m + alpha * g.sign() - x).clamp(-eps, eps)
    //     m = (x + c).clamp(0, 255)
    // in float64. A step does not reach the ball's edge, four do; the images begin with pixels 0 and 3.
    #[test]
    fn steps_and_projections_are_those_of_pytorch() {
        let golden: [(Norm, f64, f64, usize, [f64; 12]); 4] = [
            (
                Norm::L2,
                30.0,
                12.0,
                1,
                [
                    0.0, 30.30765, 67.81822, 108.23618, 149.954, 190.75283, //
                    226.59617, 2.77162, 35.05449, 69.6633, 107.72268, 148.73438,
                ],
            ),
            (
                Norm::L2,
                30.0,
                12.0,
                4,
                [
                    0.0, 19.0849, 59.08232, 106.09575, 155.41573, 201.24798, //
                    231.97987, 0.25264, 25.81754, 58.05267, 99.19903, 147.30651,
                ],
            ),
            (
                Norm::Linf,
                8.0,
                3.0,
                1,
                [
                    0.0, 34.0, 71.0, 108.0, 151.0, 188.0, //
                    225.0, 0.0, 37.0, 74.0, 111.0, 148.0,
                ],
            ),
            (
                Norm::Linf,
                8.0,
                3.0,
                4,
                [
                    0.0, 29.0, 66.0, 103.0, 156.0, 193.0, //
                    230.0, 0.0, 32.0, 69.0, 106.0, 143.0,
                ],
            ),
        ];
        for (norm, epsilon, step_size, steps, pixels) in golden {
            let moved = climbed(norm, epsilon, step_size, steps);
            assert!(close(&moved, &pixels, 1e-3), "{norm:?}, {steps} steps: {moved}");
        }
    }

    #[test]
    fn a_vanishing_gradient_still_has_a_direction() {
        // Squares of 1e-30 underflow f32; of nothing there is no direction.
        let gradient = Tensor::from_slice(&[3e-30f32, -4e-30, 0.0, 0.0]).view([2, 1, 2, 1]);
        assert!(close(&Norm::L2.steepest(&gradient), &[0.6, -0.8, 0.0, 0.0], 1e-6));
    }

    #[test]
    fn an_image_moves_the_same_whoever_is_beside_it() {
        let both = climbed(Norm::L2, 30.0, 12.0, 4);
        let ascent = Ascent { norm: Norm::L2, epsilon: 30.0, steps: 4, step_size: 12.0 };
        // More than a slice of copies of the second image.
        let copies = Tiny::images().narrow(0, 1, 1).repeat([SLICE + 1, 1, 1, 1]);
        let labels = Tensor::full([SLICE + 1], 2, (Kind::Int64, tch::Device::Cpu));
        let moved = ascent.climb(&Tiny::new(), &copies, &labels, &mut Silent).unwrap();
        let off = (moved - both.narrow(0, 1, 1)).abs().max().double_value(&[]);
        assert!(off < 1e-3, "{off}");
    }
}
