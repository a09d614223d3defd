//! Forward–backward splitting: images near their bases in pixels and near a goal in feature space.

use aconite_core::{Observer, Result};
use tch::{Kind, Tensor, no_grad};

use crate::ascent::SLICE;

/// The settings of the splitting; pixels are in grey levels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Splitting {
    pub(crate) beta: f64,
    pub(crate) lr: f64,
    pub(crate) iterations: usize,
    pub(crate) tolerance: f64,
}

/// Images on their way. Of each: its place in the batch, where it starts, where its features shall be, where it is,
/// its step λ, and there ‖f(x) − g‖² + β/2·‖x − b‖² and the gradient of the first term.
struct Moving {
    places: Tensor,
    bases: Tensor,
    goals: Tensor,
    images: Tensor,
    lr: Tensor,
    objective: Tensor,
    gradient: Tensor,
}

impl Moving {
    /// Those at the places `kept` (i64) of these.
    fn select(&self, kept: &Tensor) -> Self {
        let of = |tensor: &Tensor| tensor.index_select(0, kept);
        Self {
            places: of(&self.places),
            bases: of(&self.bases),
            goals: of(&self.goals),
            images: of(&self.images),
            lr: of(&self.lr),
            objective: of(&self.objective),
            gradient: of(&self.gradient),
        }
    }
}

/// From images (f32 B×H×W×C in 0–255) to their features (f32 B×D).
type Features<'a> = &'a dyn Fn(&Tensor) -> Tensor;

impl Splitting {
    /// Moves images from `bases` (f32 B×H×W×C in 0–255) until their features are near `goals` (f32 B×D). All move
    /// at once; one that has stopped leaves the batch.
    pub(crate) fn collide(
        self,
        features: Features<'_>,
        bases: &Tensor,
        goals: &Tensor,
        watch: &mut dyn Observer,
    ) -> Result<Tensor> {
        let n = bases.size()[0];
        let (objective, gradient) = self.look(features, bases, bases, goals)?;
        let mut moving = Moving {
            places: Tensor::arange(n, (Kind::Int64, bases.device())),
            bases: bases.shallow_clone(),
            goals: goals.shallow_clone(),
            images: bases.copy(),
            lr: Tensor::full([n, 1, 1, 1], self.lr, (Kind::Float, bases.device())),
            objective,
            gradient,
        };
        let mut found = bases.copy();
        for iteration in 1..=self.iterations {
            let stopped = self.step(features, &mut moving)?;
            let _ = found.f_index_copy_(0, &moving.places, &moving.images)?;
            watch.step(iteration, self.iterations);
            let kept = stopped.logical_not().nonzero().flatten(0, -1);
            if kept.size()[0] == 0 {
                break;
            }
            if kept.size()[0] < moving.places.size()[0] {
                moving = moving.select(&kept);
            }
        }
        Ok(found)
    }

    /// One iteration; says per image whether it has stopped.
    fn step(self, features: Features<'_>, moving: &mut Moving) -> Result<Tensor> {
        let pull = &moving.lr * self.beta;
        let forward = &moving.images - &moving.lr * &moving.gradient;
        let wished = ((forward + &pull * &moving.bases) / (pull + 1.0)).clamp(0.0, 255.0);
        let (objective, gradient) = self.look(features, &wished, &moving.bases, &moving.goals)?;
        let better = objective.less_equal_tensor(&moving.objective);
        let change = lengths(&(&wished - &moving.images));
        let still = change.less_equal_tensor(&(lengths(&wished) * self.tolerance));
        moving.images = wished.where_self(&better, &moving.images);
        moving.objective = objective.where_self(&better, &moving.objective);
        moving.gradient = gradient.where_self(&better, &moving.gradient);
        moving.lr = moving.lr.where_self(&better, &(&moving.lr * 0.5));
        Ok(better.logical_and(&still).flatten(0, -1))
    }

    /// Per image, the objective (B×1×1×1) and the gradient of its first term.
    fn look(
        self,
        features: Features<'_>,
        images: &Tensor,
        bases: &Tensor,
        goals: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let (mut far, mut gradients) = (Vec::new(), Vec::new());
        for (images, goals) in images.split(SLICE, 0).iter().zip(goals.split(SLICE, 0)) {
            let x = images.detach().set_requires_grad(true);
            let far_here =
                (features(&x) - goals).square().sum_dim_intlist([1i64].as_slice(), true, Kind::Float);
            gradients
                .push(Tensor::f_run_backward(&[far_here.sum(Kind::Float)], &[&x], false, false)?.remove(0));
            far.push(far_here.detach());
        }
        let far = Tensor::f_cat(&far, 0)?.view([-1, 1, 1, 1]);
        Ok((far + lengths(&(images - bases)).square() * (self.beta / 2.0), Tensor::f_cat(&gradients, 0)?))
    }
}

/// ℓ2 norms of the images of a batch B×H×W×C, as B×1×1×1.
pub(crate) fn lengths(batch: &Tensor) -> Tensor {
    no_grad(|| batch.square().sum_dim_intlist([1i64, 2, 3].as_slice(), true, Kind::Float).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiny::close;
    use aconite_core::Silent;

    /// A = np.sin(np.arange(12) * .6).reshape(2, 6); f(x) = A x
    fn linear(pixels: &Tensor) -> Tensor {
        let a = (Tensor::arange(12, (Kind::Double, tch::Device::Cpu)) * 0.6).sin().view([2, 6]);
        pixels.flatten(1, -1).linear(&a.to_kind(Kind::Float), None::<Tensor>)
    }

    /// Two bases of 1×2×3, (np.arange(6) * 41 + 30) % 256 and [250, 3, 128, 90, 7, 200], and where their features
    /// shall be, [25, -60] and [400, 90].
    fn start() -> (Tensor, Tensor) {
        let bases = [30f32, 71., 112., 153., 194., 235., 250., 3., 128., 90., 7., 200.];
        let goals = [25f32, -60., 400., 90.];
        (Tensor::from_slice(&bases).view([2, 2, 3, 1]), Tensor::from_slice(&goals).view([2, 2]))
    }

    fn collided(lr: f64, iterations: usize) -> Tensor {
        let (bases, goals) = start();
        let splitting = Splitting { beta: 0.3, lr, iterations, tolerance: 0.0 };
        splitting.collide(&linear, &bases, &goals, &mut Silent).unwrap()
    }

    // x = b; `iterations` times:
    //     xh = x - lam * 2 * A.T @ (A @ x - g); x = np.clip((xh + lam * beta * b) / (1 + lam * beta), 0, 255)
    // with lam = .1, beta = .3. The objective falls in both steps, so the step stays as it is.
    #[test]
    fn steps_are_those_of_numpy() {
        let golden = [
            (
                1,
                [
                    10.5845, 0.0, 0.0, 37.27682, 124.99133, 236.81255, //
                    220.78932, 0.0, 90.91157, 68.94413, 9.33211, 224.90542,
                ],
            ),
            (
                2,
                [
                    16.76634, 0.0, 0.0, 26.03366, 113.60878, 229.26686, //
                    198.94832, 0.0, 78.93057, 69.65729, 22.4903, 245.91211,
                ],
            ),
        ];
        for (iterations, pixels) in golden {
            let moved = collided(0.1, iterations);
            assert!(close(&moved, &pixels, 1e-3), "{iterations}: {moved}");
        }
    }

    // np.linalg.solve(2 * A.T @ A + beta * I, 2 * A.T @ g + beta * b), inside [0, 255], with beta = .3,
    // b = [30, 71, 112, 153, 194, 235], g = [430, -300]. f32 tells two objectives apart to 1e-7 of their size, which
    // is some 0.05 grey levels here; a byte is known to 0.5.
    #[test]
    fn a_step_that_is_too_long_is_halved_until_the_minimum_is_found() {
        let bases = start().0.narrow(0, 0, 1);
        let goals = Tensor::from_slice(&[430f32, -300.]).view([1, 2]);
        let golden = [47.83329, 81.3697, 111.28368, 141.44789, 175.64759, 216.25831];
        for lr in [0.1, 1e5] {
            let splitting = Splitting { beta: 0.3, lr, iterations: 500, tolerance: 1e-9 };
            let found = splitting.collide(&linear, &bases, &goals, &mut Silent).unwrap();
            assert!(close(&found, &golden, 0.1), "{lr}: {found}");
        }
    }

    #[test]
    fn an_image_that_has_stopped_stays_where_it_was() {
        // The second image starts at its goal and stops at once; the first one goes on as if it were alone.
        let (bases, _) = start();
        let goals = Tensor::cat(&[start().1.narrow(0, 0, 1), linear(&bases.narrow(0, 1, 1))], 0);
        let splitting = Splitting { beta: 0.3, lr: 0.1, iterations: 2, tolerance: 1e-6 };
        let moved = splitting.collide(&linear, &bases, &goals, &mut Silent).unwrap();
        let expected = Tensor::cat(&[collided(0.1, 2).narrow(0, 0, 1), bases.narrow(0, 1, 1)], 0);
        assert!((&moved - expected).abs().max().double_value(&[]) < 1e-3, "{moved}");
    }
}
