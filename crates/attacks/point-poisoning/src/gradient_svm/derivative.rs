//! How the loss of a support vector machine on other rows changes with one of its own.

use aconite_core::points::dot;
use aconite_core::{Result, Support};
use tch::Tensor;

/// Dual variables nearer to 0 or C than this share of C are there.
const BOUND: f64 = 1e-9;
/// Singular values below this share of the largest are 0.
const RANK: f64 = 1e-10;

/// A trained machine and its rows, y = ±1.
pub(super) struct Trained {
    pub(super) rows: Vec<Vec<f64>>,
    pub(super) signs: Vec<f64>,
    pub(super) support: Support,
}

impl Trained {
    fn kernel(&self, x: &[f64], z: &[f64]) -> f64 {
        match self.support.gamma {
            None => dot(x, z),
            Some(gamma) => (-gamma * x.iter().zip(z).map(|(x, z)| (x - z) * (x - z)).sum::<f64>()).exp(),
        }
    }

    /// Adds `factor`·∂K(x, z)/∂x, z held, to a sum.
    fn add_slope(&self, x: &[f64], z: &[f64], factor: f64, sum: &mut [f64]) {
        match self.support.gamma {
            None => sum.iter_mut().zip(z).for_each(|(sum, z)| *sum += factor * z),
            Some(gamma) => {
                let factor = -2.0 * gamma * factor * self.kernel(x, z);
                sum.iter_mut().zip(x.iter().zip(z)).for_each(|(sum, (x, z))| *sum += factor * (x - z));
            }
        }
    }

    /// yᵢαᵢ.
    fn beta(&self, row: usize) -> f64 {
        self.signs[row] * self.support.alpha[row]
    }

    /// Its support vectors.
    fn vectors(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.rows.len()).filter(|&row| self.support.alpha[row] > 0.0)
    }

    /// The rows with 0 < αᵢ < C.
    fn free(&self) -> Vec<usize> {
        let Support { alpha, c, .. } = &self.support;
        self.vectors().filter(|&row| (BOUND..=1.0 - BOUND).contains(&(alpha[row] / c))).collect()
    }

    /// Its decision value.
    fn value(&self, z: &[f64]) -> f64 {
        let sum: f64 = self.vectors().map(|row| self.beta(row) * self.kernel(&self.rows[row], z)).sum();
        sum + self.support.bias
    }

    /// Mean hinge loss on other rows, and its derivative in the last row of its own.
    pub(super) fn loss(&self, others: &[Vec<f64>], signs: &[f64]) -> Result<(f64, Vec<f64>)> {
        let count = others.len() as f64;
        // Those that lose something.
        let (mut wrong, mut loss) = (Vec::new(), 0.0);
        for (z, &sign) in others.iter().zip(signs) {
            let short = 1.0 - sign * self.value(z);
            if short > 0.0 {
                wrong.push((z, sign));
                loss += short / count;
            }
        }
        let Some((last, x)) = self.rows.iter().enumerate().next_back() else {
            return Ok((loss, Vec::new()));
        };
        let mut slope = vec![0.0; x.len()];
        let weight = self.beta(last);
        if weight == 0.0 {
            return Ok((loss, slope));
        }
        for &(z, sign) in &wrong {
            self.add_slope(x, z, -sign * weight, &mut slope);
        }
        let free = self.free();
        if !free.is_empty() {
            for (&row, force) in free.iter().zip(self.forces(&free, &wrong)?) {
                let force = force * self.signs[row];
                if row == last {
                    // Its own margin is that of the value at x, which all support vectors make; K(x, x) moves twice.
                    for vector in self.vectors() {
                        let twice = if vector == last { 2.0 } else { 1.0 };
                        self.add_slope(x, &self.rows[vector], twice * force * self.beta(vector), &mut slope);
                    }
                } else {
                    self.add_slope(x, &self.rows[row], force * weight, &mut slope);
                }
            }
        }
        slope.iter_mut().for_each(|v| *v /= count);
        Ok((loss, slope))
    }

    /// How much the summed loss falls if the margin of each free row is asked to be larger: the system of `GradientSvm`,
    /// which is symmetric, solved for the side of the loss.
    fn forces(&self, free: &[usize], wrong: &[(&Vec<f64>, f64)]) -> Result<Vec<f64>> {
        let size = free.len() + 1;
        let (mut system, mut side) = (vec![0.0; size * size], vec![0.0; size]);
        side[0] = wrong.iter().map(|(_, sign)| sign).sum();
        for (i, &a) in free.iter().enumerate() {
            let sign = self.signs[a];
            (system[i + 1], system[(i + 1) * size]) = (sign, sign);
            for (j, &b) in free.iter().enumerate() {
                let kernel = self.kernel(&self.rows[a], &self.rows[b]);
                system[(i + 1) * size + j + 1] = sign * self.signs[b] * kernel;
            }
            side[i + 1] = sign * wrong.iter().map(|(z, y)| y * self.kernel(&self.rows[a], z)).sum::<f64>();
        }
        // Equal rows make it singular; what they share out among them changes nothing.
        let inverse =
            Tensor::from_slice(&system).f_view([size as i64, size as i64])?.f_linalg_pinv(RANK, true)?;
        let solved = Vec::<f64>::try_from(inverse.f_mv(&Tensor::from_slice(&side))?)?;
        Ok(solved[1..].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_core::points::points;
    use aconite_core::{Dataset, Learner, Table};
    use aconite_train::victims::svm::{Kernel, Svm};
    use std::sync::Arc;

    /// sin(k + 2i + 3j + ij), half a unit along the first axis towards the class, as 64ths.
    fn data(n: usize, k: f64, more: Option<([f32; 3], usize)>) -> (Dataset, Vec<f64>) {
        let mut values = Vec::new();
        let mut labels: Vec<usize> = (0..n).map(|i| i % 2).collect();
        for i in 0..n {
            for j in 0..3 {
                let (i, j) = (i as f64, f64::from(j));
                let towards = if j > 0.0 { 0.0 } else { i % 2.0 - 0.5 };
                values.push((64.0 * ((k + 2.0 * i + 3.0 * j + i * j).sin() + towards)).round() as f32 / 64.0);
            }
        }
        if let Some((point, label)) = more {
            values.extend(point);
            labels.push(label);
        }
        let signs = labels.iter().map(|&label| if label == 1 { 1.0 } else { -1.0 }).collect();
        let columns = Arc::new(["a", "b", "c"].map(str::to_owned).to_vec());
        let names = Arc::new(vec!["no".to_owned(), "yes".to_owned()]);
        (Dataset::new(Table::new(columns, values).unwrap(), labels, names).unwrap(), signs)
    }

    /// Kernel, C, the point, its label; the loss and its derivative.
    type Case = (Kernel, f64, [f32; 3], usize, f64, [f64; 3]);

    // scikit-learn 1.9, NumPy 2.4:
    // def data(n, k):
    //     i, j = np.arange(n)[:, None], np.arange(3)[None]
    //     y = np.where(np.arange(n) % 2 == 1, 1, -1)
    //     return np.round(64 * (np.sin(k + 2*i + 3*j + i*j) + .5 * y[:, None] * (j == 0))) / 64, y
    // (x, y), (v, t) = data(24, 1), data(16, 9)
    // linear = lambda a, b: a @ b.T
    // rbf = lambda a, b: np.exp(-.5 * ((a[:, None] - b[None])**2).sum(-1))
    // def loss(p, label, c, k):
    //     z, s = np.vstack([x, p]), np.append(y, label)
    //     q = k(z, z) * np.outer(s, s)
    //     m = SVC(C=c, kernel="precomputed", tol=1e-12).fit(k(z, z), s)
    //     a = np.zeros(25); a[m.support_] = np.abs(m.dual_coef_[0])
    //     f, e = (a > 1e-6) & (a < c - 1e-6), a >= c - 1e-6
    //     # The same solution to the last digits, from its margin and error vectors.
    //     left = np.block([[0, s[f][None]], [s[f][:, None], q[np.ix_(f, f)]]])
    //     b, *af = np.linalg.solve(left, np.append(-c * s[e].sum(), 1 - c * q[np.ix_(f, e)].sum(1)))
    //     a = np.where(e, c, 0.); a[f] = af
    //     g = s * (k(z, z) @ (a * s) + b) - 1
    //     assert (a >= 0).all() and (a <= c).all() and (g[e] <= 1e-9).all() and (g[~e & ~f] >= -1e-9).all()
    //     return np.maximum(0, 1 - t * (k(v, z) @ (a * s) + b)).mean()
    // h = 1e-5
    // print(loss(p, label, c, k), [(loss(p + h*e, label, c, k) - loss(p - h*e, label, c, k)) / (2*h) for e in np.eye(3)])
    #[test]
    fn the_derivative_is_that_of_the_retrained_machine() {
        aconite_train::set_threads(1);
        let (others, signs) = data(16, 9.0, None);
        let others = points(&others, &(0..16).collect::<Vec<_>>()).unwrap();
        // The point is an error vector, a margin vector, or neither, in turns.
        let golden: [Case; 5] = [
            (
                Kernel::Linear,
                1.0,
                [0.75, 0.25, -0.5],
                0,
                1.425_584_378,
                [-0.085_011_93, 0.098_778_96, -0.167_100_88],
            ),
            (
                Kernel::Linear,
                1.0,
                [-1.4375, -0.9375, 0.390_625],
                0,
                1.258_382_937,
                [-0.413_022_32, 0.437_572_46, -0.072_406_79],
            ),
            (Kernel::Linear, 1.0, [-1.0, 0.5, 0.25], 0, 1.386_831_93, [0.0; 3]),
            (
                Kernel::Rbf,
                10.0,
                [0.25, -0.25, 0.5],
                1,
                1.420_115_429,
                [0.359_833_44, -0.113_837_19, 0.309_509_4],
            ),
            (
                Kernel::Rbf,
                1.0,
                [-0.25, 1.0, -0.75],
                0,
                1.419_784_314,
                [0.191_954_71, 0.055_943_97, -0.217_729_69],
            ),
        ];
        for (kernel, c, point, label, loss, slope) in golden {
            let (data, own) = data(24, 1.0, Some((point, label)));
            let victim = Svm { kernel, c, gamma: Some(0.5), ..Svm::default() };
            let support = victim.machine(&data.info()).unwrap().support(&data).unwrap();
            let rows = points(&data, &(0..25).collect::<Vec<_>>()).unwrap();
            let (seen, direction) = Trained { rows, signs: own, support }.loss(&others, &signs).unwrap();
            assert!((seen - loss).abs() < 1e-6, "{point:?}: {seen}, not {loss}");
            for (seen, wanted) in direction.iter().zip(slope) {
                assert!((seen - wanted).abs() < 1e-6, "{point:?}: {direction:?}, not {slope:?}");
            }
        }
    }
}
