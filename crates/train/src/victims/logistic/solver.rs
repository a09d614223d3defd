//! The solver: L-BFGS with two loops (Nocedal 1980), preconditioned by the Hessian's diagonal blocks.

use aconite_core::{Error, Observer, Result};
use tch::{Kind, Tensor};

use super::super::decision::{LinearModel, columns};

/// Squared error bound gᵀP⁻¹g, P ≈ the Hessian, which is at least 1 in every weight.
const TOLERANCE: f64 = 1e-12;
/// The same as a share of the objective, below which its digits show no descent.
const LAST_DIGITS: f64 = 1e-12;
const STEPS: usize = 2_000;
/// Pairs of steps and gradient changes remembered.
const MEMORY: usize = 20;
/// Steps after which the preconditioner is made anew.
const REFRESH: usize = 10;
/// Most numbers in the blocks of a preconditioner; above, it is diagonal.
const BLOCKS: usize = 1 << 25;
const HINT: &str = "standardise the table's columns, or lower c";
/// Logit of a class without rows, far below any other.
const ABSENT: f64 = -1e4;

/// Logistic regression on given rows, with what carries over from one labelling to the next.
pub(super) struct Problem {
    /// Inputs with a column of ones, f64 N×(D+1).
    x: Tensor,
    classes: usize,
    c: f64,
    /// The last optimum, (D+1)×M.
    theta: Tensor,
    preconditioner: Option<Preconditioner>,
}

/// An approximation of the Hessian, ready to solve with.
enum Preconditioner {
    /// Cholesky factors, (D+1)×(D+1), one per column of θ or one for all.
    Blocks(Vec<Tensor>),
    /// The diagonal, (D+1)×M.
    Diagonal(Tensor),
}

impl Preconditioner {
    fn solve(&self, g: &Tensor) -> Result<Tensor> {
        match self {
            Self::Diagonal(diagonal) => Ok(g.f_div(diagonal)?),
            Self::Blocks(factors) if factors.len() == 1 => Ok(g.f_cholesky_solve(&factors[0], false)?),
            Self::Blocks(factors) => {
                let column = |(k, factor): (usize, &Tensor)| {
                    g.f_narrow(1, k as i64, 1)?.f_cholesky_solve(factor, false)
                };
                let columns: Result<Vec<Tensor>, _> = factors.iter().enumerate().map(column).collect();
                Ok(Tensor::f_cat(&columns?, 1)?)
            }
        }
    }
}

/// Objective, gradient and probabilities somewhere.
struct Point {
    objective: f64,
    gradient: Tensor,
    probabilities: Tensor,
}

fn dot(a: &Tensor, b: &Tensor) -> Result<f64> {
    Ok(f64::try_from(a.f_mul(b)?.f_sum(Kind::Double)?)?)
}

impl Problem {
    pub(super) fn new(inputs: &Tensor, classes: usize, c: f64) -> Result<Self> {
        let options = (Kind::Double, inputs.device());
        let (n, d) = inputs.size2()?;
        let x = Tensor::f_cat(&[inputs.f_to_kind(Kind::Double)?, Tensor::f_ones([n, 1], options)?], 1)?;
        let theta = Tensor::f_zeros([d + 1, columns(classes) as i64], options)?;
        Ok(Self { x, classes, c, theta, preconditioner: None })
    }

    /// The optimum under these labels, starting from the last one.
    pub(super) fn solve(&mut self, labels: &[usize], watch: &mut dyn Observer) -> Result<LinearModel> {
        let mut present = vec![false; self.classes];
        labels.iter().for_each(|&label| present[label] = true);
        if present.iter().filter(|p| **p).count() == 1 || (self.classes > 2 && present.contains(&false)) {
            return self.without_absent(labels, &present, watch);
        }
        let targets = match self.classes {
            2 => labels.iter().map(|&l| l as f64).collect(),
            k => {
                let mut targets = vec![0.0; labels.len() * k];
                labels.iter().enumerate().for_each(|(row, &l)| targets[row * k + l] = 1.0);
                targets
            }
        };
        let targets: Tensor = Tensor::from_slice::<f64>(&targets).f_view([labels.len() as i64, -1])?;
        self.descend(&targets, watch)?;
        let d = self.theta.size()[0] - 1;
        let mut bias = self.theta.f_get(d)?;
        if self.classes > 2 {
            // The probabilities say nothing about their mean.
            bias = bias.f_sub(&bias.f_mean(Kind::Double)?)?;
        }
        let (weight, bias) = (self.theta.f_narrow(0, 0, d)?, bias);
        let half = if self.classes == 2 { 0.5 } else { 1.0 };
        Ok(LinearModel { weight: weight.f_mul_scalar(half)?, bias: bias.f_mul_scalar(half)? })
    }

    /// The optimum over the classes that have rows; the others get the logit [`ABSENT`].
    fn without_absent(
        &self,
        labels: &[usize],
        present: &[bool],
        watch: &mut dyn Observer,
    ) -> Result<LinearModel> {
        let kept: Vec<usize> = (0..self.classes).filter(|&k| present[k]).collect();
        let d = self.x.size()[1] - 1;
        let options = (Kind::Double, self.x.device());
        if self.classes == 2 {
            let bias = if present[1] { -ABSENT } else { ABSENT };
            return Ok(LinearModel {
                weight: Tensor::zeros([d, 1], options),
                bias: Tensor::from_slice(&[bias]),
            });
        }
        let weight = Tensor::f_zeros([d, self.classes as i64], options)?;
        let mut bias = vec![ABSENT; self.classes];
        if let [only] = kept[..] {
            bias[only] = 0.0;
            return Ok(LinearModel { weight, bias: Tensor::from_slice(&bias) });
        }
        let places: Vec<usize> = labels.iter().filter_map(|l| kept.binary_search(l).ok()).collect();
        let model = Self::new(&self.x.f_narrow(1, 0, d)?, kept.len(), self.c)?.solve(&places, watch)?;
        let (theirs, biases) = match kept.len() {
            2 => (
                Tensor::f_cat(&[model.weight.f_neg()?, model.weight], 1)?,
                Tensor::f_cat(&[model.bias.f_neg()?, model.bias], 0)?,
            ),
            _ => (model.weight, model.bias),
        };
        let biases = Vec::<f64>::try_from(biases)?;
        for (place, &class) in kept.iter().enumerate() {
            weight.f_narrow(1, class as i64, 1)?.f_copy_(&theirs.f_narrow(1, place as i64, 1)?)?;
            bias[class] = biases[place];
        }
        Ok(LinearModel { weight, bias: Tensor::from_slice(&bias) })
    }

    fn point(&self, theta: &Tensor, targets: &Tensor) -> Result<Point> {
        let z = self.x.f_matmul(theta)?;
        let (loss, probabilities) = match self.classes {
            2 => (z.f_softplus()?.f_sub(&targets.f_mul(&z)?)?.f_sum(Kind::Double)?, z.f_sigmoid()?),
            _ => {
                let log = z.f_log_softmax(1, Kind::Double)?;
                (log.f_mul(targets)?.f_sum(Kind::Double)?.f_neg()?, log.f_exp()?)
            }
        };
        let weights = theta.copy();
        let _ = weights.f_get(theta.size()[0] - 1)?.f_zero_()?;
        let objective = self.c * f64::try_from(loss)? + 0.5 * dot(&weights, &weights)?;
        let pull = self.x.f_tr()?.f_matmul(&probabilities.f_sub(targets)?)?.f_mul_scalar(self.c)?;
        Ok(Point { objective, gradient: pull.f_add(&weights)?, probabilities })
    }

    /// The Hessian's diagonal blocks C·X̃ᵀdiag(p(1 − p))X̃ + I; with too many numbers in them, their mean over the
    /// classes or their diagonal.
    fn precondition(&self, probabilities: &Tensor) -> Result<Preconditioner> {
        let spread = probabilities.f_mul(&(1.0 - probabilities))?.f_mul_scalar(self.c)?;
        let d = self.x.size()[1];
        let (size, columns) = ((d * d) as usize, self.theta.size()[1]);
        if size > BLOCKS {
            let diagonal = self.x.f_square()?.f_tr()?.f_matmul(&spread)?.f_add_scalar(1.0)?;
            return Ok(Preconditioner::Diagonal(diagonal));
        }
        let first = f64::try_from(probabilities.f_max()?.f_sub(&probabilities.f_min()?)?)? == 0.0;
        let spreads = match first || size * columns as usize > BLOCKS {
            true => spread.f_mean_dim([1i64].as_slice(), true, Kind::Double)?,
            false => spread,
        };
        let factor =
            |k: i64| -> Result<Tensor> {
                let scaled = self.x.f_mul(&spreads.f_narrow(1, k, 1)?)?;
                let block = scaled.f_tr()?.f_matmul(&self.x)?;
                let _ = block.f_diagonal(0, 0, 1)?.f_narrow(0, 0, d - 1)?.f_add_scalar_(1.0)?;
                // Saturated probabilities leave nothing to the bias.
                let _ = block.f_diagonal(0, 0, 1)?.f_narrow(0, d - 1, 1)?.f_add_scalar_(1e-6 * self.c)?;
                let (factor, failed) = block.f_linalg_cholesky_ex(false, false)?;
                match i64::try_from(failed)? {
                    0 => Ok(factor),
                    _ => Err(Error::new("logistic regression did not converge: its Hessian is singular")
                        .hint(HINT)),
                }
            };
        Ok(Preconditioner::Blocks((0..spreads.size()[1]).map(factor).collect::<Result<_>>()?))
    }

    fn descend(&mut self, targets: &Tensor, watch: &mut dyn Observer) -> Result<()> {
        let mut theta = self.theta.shallow_clone();
        let mut here = self.point(&theta, targets)?;
        let mut preconditioner = match self.preconditioner.take() {
            Some(last) => last,
            None => self.precondition(&here.probabilities)?,
        };
        let mut pairs: Vec<(Tensor, Tensor, f64)> = Vec::new();
        let mut age = 0;
        // Whether the direction to try forgets all but where it starts.
        let mut fresh = false;
        let mut settled = false;
        for step in 1..=STEPS {
            if !here.objective.is_finite() {
                return Err(Error::new("the numbers stopped being finite").hint(HINT));
            }
            let first = preconditioner.solve(&here.gradient)?;
            let error = dot(&here.gradient, &first)?;
            if error <= TOLERANCE {
                settled = true;
                break;
            }
            let blocks = matches!(preconditioner, Preconditioner::Blocks(_));
            if age == REFRESH && blocks {
                preconditioner = self.precondition(&here.probabilities)?;
                pairs.clear();
                (age, fresh) = (0, true);
            }
            let direction = two_loops(&here.gradient, &pairs, &preconditioner)?;
            let slope = dot(&here.gradient, &direction)?;
            let Some((ahead, there)) = self.search(&theta, &direction, slope, &here, targets)? else {
                settled = error <= LAST_DIGITS * here.objective.abs();
                if settled || fresh {
                    break;
                }
                if blocks {
                    preconditioner = self.precondition(&here.probabilities)?;
                }
                pairs.clear();
                (age, fresh) = (0, true);
                continue;
            };
            let (moved, change) = (ahead.f_sub(&theta)?, there.gradient.f_sub(&here.gradient)?);
            let curvature = dot(&moved, &change)?;
            if curvature > 0.0 {
                pairs.push((moved, change, curvature));
            }
            if pairs.len() > MEMORY {
                drop(pairs.remove(0));
            }
            (theta, here) = (ahead, there);
            (age, fresh) = (age + 1, false);
            watch.epoch(step, here.objective / (self.c * targets.size()[0] as f64));
        }
        if !settled {
            return Err(Error::new("logistic regression did not converge").hint(HINT));
        }
        (self.theta, self.preconditioner) = (theta, Some(preconditioner));
        Ok(())
    }

    /// The first of the steps 1, ½, ¼, … along the direction that lowers the objective enough.
    fn search(
        &self,
        theta: &Tensor,
        direction: &Tensor,
        slope: f64,
        here: &Point,
        targets: &Tensor,
    ) -> Result<Option<(Tensor, Point)>> {
        for halvings in 0..30 {
            let t = 0.5f64.powi(halvings);
            let ahead = theta.f_add(&direction.f_mul_scalar(t)?)?;
            let there = self.point(&ahead, targets)?;
            if there.objective <= here.objective + 1e-4 * t * slope {
                return Ok(Some((ahead, there)));
            }
            // Where the objective has no digits left, the slope decides.
            let close = there.objective <= here.objective + 1e-13 * here.objective.abs();
            if close && dot(&there.gradient, direction)?.abs() <= 0.9 * slope.abs() {
                return Ok(Some((ahead, there)));
            }
        }
        Ok(None)
    }
}

/// −H⁻¹g by the remembered pairs around the preconditioner.
fn two_loops(g: &Tensor, pairs: &[(Tensor, Tensor, f64)], preconditioner: &Preconditioner) -> Result<Tensor> {
    let mut q = g.copy();
    let mut weights = Vec::with_capacity(pairs.len());
    for (moved, change, curvature) in pairs.iter().rev() {
        let weight = dot(moved, &q)? / curvature;
        q = q.f_sub(&change.f_mul_scalar(weight)?)?;
        weights.push(weight);
    }
    let mut r = preconditioner.solve(&q)?;
    for ((moved, change, curvature), weight) in pairs.iter().zip(weights.into_iter().rev()) {
        let back = dot(change, &r)? / curvature;
        r = r.f_add(&moved.f_mul_scalar(weight - back)?)?;
    }
    Ok(r.f_neg()?)
}
