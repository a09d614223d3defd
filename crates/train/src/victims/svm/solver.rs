//! The solver: an augmented Lagrangian method with semismooth Newton steps on the active rows.
//!
//! For labels yᵢ = ±1 and f(x) = ⟨w, φ(x)⟩ it minimises ½‖w‖² + C·Σᵢ max(0, 1 − yᵢ(f(xᵢ) + b)), whose dual
//! variables α satisfy 0 ≤ α ≤ C, Σ yᵢαᵢ = 0, w = Σ yᵢαᵢφ(xᵢ). A round minimises over w and b
//!
//! ψ = ½‖w‖² + Σᵢ h(aᵢ), aᵢ = αᵢ + σ(1 − yᵢ(f(xᵢ) + b)), h′(a) = clip(a, 0, C)/σ,
//!
//! then sets α to clip(a, 0, C). ψ is smooth and piecewise quadratic: where the sets J = {0 < a < C} and
//! B = {a ≥ C} stay the same, one Newton step lands in the minimum, and it costs a linear system of the size of J
//! (or of w). The bias is eliminated: it is the root of Σ yᵢ·clip(aᵢ, 0, C) = 0 for every w. Rounds end when the
//! duality gap is closed. Nothing is drawn at random.

use aconite_core::{Error, Result};
use tch::{Kind, Tensor};

/// Relative duality gap that ends the rounds.
const GAP: f64 = 1e-10;
/// Relative duality gap above which the result is refused.
const POOR_GAP: f64 = 1e-5;
const ROUNDS: usize = 60;
const STEPS: usize = 200;
/// Factor by which σ grows from round to round, and its bounds as multiples of C.
const GROWTH: f64 = 5.0;
const LARGEST: f64 = 1e4;
/// Systems up to this size are solved over the rows even when w is shorter.
const SMALL: usize = 500;

/// Where w lives.
pub(super) enum Space {
    /// w in the inputs' own space; holds the inputs, f64 N×D.
    Linear(Tensor),
    /// w as a combination of the rows; holds the kernel matrix, f64 N×N.
    Kernel(Tensor),
}

impl Space {
    pub(super) fn rows(&self) -> usize {
        let (Self::Linear(matrix) | Self::Kernel(matrix)) = self;
        matrix.size()[0] as usize
    }

    fn width(&self) -> usize {
        let (Self::Linear(matrix) | Self::Kernel(matrix)) = self;
        matrix.size()[1] as usize
    }

    /// w = Σ βᵢφ(xᵢ).
    fn combined(&self, beta: &[f64]) -> Result<Tensor> {
        let beta = Tensor::from_slice(beta);
        Ok(match self {
            Self::Linear(x) => x.f_tr()?.f_mv(&beta)?,
            Self::Kernel(_) => beta,
        })
    }

    /// ⟨w, φ(xᵢ)⟩ of every row.
    fn values(&self, w: &Tensor) -> Result<Vec<f64>> {
        let (Self::Linear(matrix) | Self::Kernel(matrix)) = self;
        Ok(Vec::try_from(matrix.f_mv(w)?)?)
    }

    /// ⟨u, v⟩, given v's values on the rows.
    fn product(&self, u: &Tensor, v: &Tensor, values: &[f64]) -> Result<f64> {
        match self {
            Self::Linear(_) => Ok(f64::try_from(u.f_dot(v)?)?),
            Self::Kernel(_) => Ok(dot(&Vec::<f64>::try_from(u)?, values)),
        }
    }

    /// ⟨φ(xᵢ), φ(xⱼ)⟩ among the chosen rows.
    fn gram(&self, chosen: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Linear(x) => {
                let x = x.f_index_select(0, chosen)?;
                x.f_matmul(&x.f_tr()?)?
            }
            Self::Kernel(k) => k.f_index_select(0, chosen)?.f_index_select(1, chosen)?,
        })
    }
}

/// The lower factor, if the matrix is positive definite to the last digits.
fn cholesky(matrix: &Tensor) -> Result<Option<Tensor>> {
    let (factor, failed) = matrix.f_linalg_cholesky_ex(false, false)?;
    Ok((i64::try_from(failed)? == 0).then_some(factor))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Where the solver stands: w with its values on the rows, the bias, the dual variables.
pub(super) struct State {
    pub(super) w: Tensor,
    values: Vec<f64>,
    pub(super) bias: f64,
    pub(super) alpha: Vec<f64>,
    labels: Vec<f64>,
}

impl State {
    /// The summed hinge loss.
    pub(super) fn hinge(&self) -> f64 {
        let margins = self.values.iter().zip(&self.labels);
        margins.map(|(value, y)| (1.0 - y * (value + self.bias)).max(0.0)).sum()
    }
}

/// The smooth problem of one round.
struct Round<'a> {
    space: &'a Space,
    labels: &'a [f64],
    alpha: &'a [f64],
    c: f64,
    sigma: f64,
}

/// Rows strictly between the bounds, and rows at the upper bound.
#[derive(PartialEq, Default)]
struct Active {
    free: Vec<usize>,
    bound: Vec<usize>,
}

impl Round<'_> {
    fn a(&self, i: usize, value: f64, bias: f64) -> f64 {
        self.alpha[i] + self.sigma * (1.0 - self.labels[i] * (value + bias))
    }

    fn clipped(&self, values: &[f64], bias: f64) -> Vec<f64> {
        values.iter().enumerate().map(|(i, &v)| self.a(i, v, bias).clamp(0.0, self.c)).collect()
    }

    fn active(&self, values: &[f64], bias: f64) -> Active {
        let mut active = Active::default();
        for (i, &value) in values.iter().enumerate() {
            let a = self.a(i, value, bias);
            if a >= self.c {
                active.bound.push(i);
            } else if a > 0.0 {
                active.free.push(i);
            }
        }
        active
    }

    /// The bias that minimises ψ: the root of a falling, piecewise linear function, by Newton steps inside a
    /// bracket.
    fn bias(&self, values: &[f64], start: f64) -> f64 {
        let (mut lo, mut hi) = (f64::INFINITY, f64::NEG_INFINITY);
        for (i, &value) in values.iter().enumerate() {
            // a = σy(t − b): every row is at a bound outside [t − C/σ, t] or [t, t + C/σ].
            let t = self.labels[i] * (1.0 + self.alpha[i] / self.sigma) - value;
            let reach = self.c / self.sigma;
            let (from, to) = if self.labels[i] > 0.0 { (t - reach, t) } else { (t, t + reach) };
            (lo, hi) = (lo.min(from), hi.max(to));
        }
        let mut bias = start.clamp(lo, hi);
        for _ in 0..200 {
            let (mut sum, mut free) = (0.0, 0.0);
            for (i, &value) in values.iter().enumerate() {
                let a = self.a(i, value, bias);
                sum += self.labels[i] * a.clamp(0.0, self.c);
                free += f64::from(u8::from(a > 0.0 && a < self.c));
            }
            if sum == 0.0 || hi - lo <= 1e-15 * bias.abs().max(1.0) {
                break;
            }
            if sum > 0.0 {
                lo = bias
            } else {
                hi = bias
            }
            let newton = bias + sum / (self.sigma * free);
            let next = if newton > lo && newton < hi { newton } else { 0.5 * (lo + hi) };
            if next == bias {
                break;
            }
            bias = next;
        }
        bias
    }

    /// ψ without ½‖w‖².
    fn loss(&self, values: &[f64], bias: f64) -> f64 {
        let c = self.c;
        let h = |a: f64| {
            if a <= 0.0 {
                0.0
            } else if a < c {
                0.5 * a * a
            } else {
                c * (a - 0.5 * c)
            }
        };
        values.iter().enumerate().map(|(i, &v)| h(self.a(i, v, bias))).sum::<f64>() / self.sigma
    }

    /// The w that minimises ψ if the active rows stay as they are, and yᵢαᵢ of the free rows there where the
    /// system gives them; nothing if the system is singular to the last digits.
    fn newton(&self, active: &Active) -> Result<Option<(Tensor, Option<Vec<f64>>)>> {
        let mut beta = vec![0.0; self.labels.len()];
        for &i in &active.bound {
            beta[i] = self.c * self.labels[i];
        }
        let pull: f64 = active.bound.iter().map(|&i| beta[i]).sum();
        let held = self.space.combined(&beta)?;
        let m = active.free.len();
        if m == 0 {
            return Ok(Some((held, None)));
        }
        let rows: Vec<i64> = active.free.iter().map(|&i| i as i64).collect();
        let rows = Tensor::from_slice(&rows);
        let goals: Vec<f64> =
            active.free.iter().map(|&i| self.labels[i] * (1.0 + self.alpha[i] / self.sigma)).collect();
        if let (Space::Linear(x), true) = (self.space, m > SMALL.max(self.space.width())) {
            let w = self.primal(&x.f_index_select(0, &rows)?, &goals, &held, pull)?;
            return Ok(w.map(|w| (w, None)));
        }
        // (K_JJ + I/σ)γ + b = goal − held, Σγ = −pull.
        let (Space::Linear(matrix) | Space::Kernel(matrix)) = self.space;
        let right = Tensor::from_slice(&goals).f_sub(&matrix.f_index_select(0, &rows)?.f_mv(&held)?)?;
        let system = self.space.gram(&rows)?;
        let _ = system.f_diagonal(0, 0, 1)?.f_add_scalar_(1.0 / self.sigma)?;
        let Some(factor) = cholesky(&system)? else { return Ok(None) };
        let both = Tensor::f_stack(&[right.shallow_clone(), right.ones_like()], 1)?;
        let solved = both.f_cholesky_solve(&factor, false)?;
        let solved: Vec<f64> = Vec::try_from(solved.f_tr()?.f_contiguous()?.f_flatten(0, -1)?)?;
        let (u, v) = solved.split_at(m);
        let bias = (u.iter().sum::<f64>() + pull) / v.iter().sum::<f64>();
        let gamma: Vec<f64> = u.iter().zip(v).map(|(u, v)| u - bias * v).collect();
        for (&i, &g) in active.free.iter().zip(&gamma) {
            beta[i] = g;
        }
        Ok(Some((self.space.combined(&beta)?, Some(gamma))))
    }

    /// The same w by its own normal equations, cheaper when there are more free rows than inputs.
    fn primal(&self, x: &Tensor, goals: &[f64], held: &Tensor, pull: f64) -> Result<Option<Tensor>> {
        let (m, d) = (x.size()[0], x.size()[1]);
        let x = Tensor::f_cat(&[x, &Tensor::ones([m, 1], (Kind::Double, x.device()))], 1)?;
        let system = x.f_tr()?.f_matmul(&x)?.f_mul_scalar_(self.sigma)?;
        let _ = system.f_diagonal(0, 0, 1)?.f_narrow(0, 0, d)?.f_add_scalar_(1.0)?;
        let right = x.f_tr()?.f_mv(&Tensor::from_slice(goals))?.f_mul_scalar(self.sigma)?;
        let right = right.f_add(&Tensor::f_cat(&[held, &Tensor::from_slice(&[pull])], 0)?)?;
        let Some(factor) = cholesky(&system)? else { return Ok(None) };
        let solved = right.f_unsqueeze(1)?.f_cholesky_solve(&factor, false)?;
        Ok(Some(solved.f_squeeze_dim(1)?.f_narrow(0, 0, d)?))
    }
}

/// The support vector machine of these ±1 labels, from nothing or from the state after other labels.
pub(super) fn solve(space: &Space, labels: &[f64], c: f64, last: Option<State>) -> Result<State> {
    let n = space.rows();
    if let Some(&only) = labels.first().filter(|first| labels.iter().all(|label| label == *first)) {
        let (w, alpha) = (space.combined(&vec![0.0; n])?, vec![0.0; n]);
        return Ok(State { w, values: vec![0.0; n], bias: only, alpha, labels: labels.to_vec() });
    }
    let warm = last.is_some();
    // The last w keeps the rows active that were, but for the new labels; w of the kept α would not.
    let (mut alpha, mut bias, mut w, mut values) = match last {
        Some(last) => {
            let kept = last.labels.iter().zip(labels).zip(last.alpha);
            let kept = kept.map(|((old, new), alpha)| if old == new { alpha } else { 0.0 }).collect();
            (kept, last.bias, last.w, last.values)
        }
        None => {
            let alpha = vec![0.0; n];
            let (w, values) = at(space, labels, &alpha)?;
            (alpha, 0.0, w, values)
        }
    };
    let mut sigma = c;
    let mut best: Option<(f64, State)> = None;
    for round in 0..ROUNDS {
        let problem = Round { space, labels, alpha: &alpha, c, sigma };
        let tolerance = 1e-3 * 0.01f64.powi(round as i32 + i32::from(warm));
        let settled = minimise(&problem, w, values, &mut bias, tolerance)?;
        let Some(settled) = settled else {
            // Too stiff from here: a smaller σ stays closer to the last α.
            sigma /= GROWTH * GROWTH;
            (w, values) = at(space, labels, &alpha)?;
            continue;
        };
        alpha = settled;
        (w, values) = at(space, labels, &alpha)?;
        let state = State {
            w: w.shallow_clone(),
            bias: optimal_bias(&values, labels, &alpha, c),
            values: values.clone(),
            alpha: alpha.clone(),
            labels: labels.to_vec(),
        };
        let gap = gap(space, &state, c)?;
        if !gap.is_finite() {
            return Err(
                Error::new("the numbers stopped being finite").hint("standardise the table's columns")
            );
        }
        if best.as_ref().is_none_or(|(least, _)| gap < *least) {
            best = Some((gap, state));
        }
        if gap <= GAP {
            break;
        }
        sigma = (sigma * GROWTH).min(LARGEST * c);
    }
    match best {
        Some((gap, state)) if gap <= POOR_GAP => Ok(state),
        best => Err(Error::new(format!(
            "the support vector machine did not converge: its relative duality gap is {:.1e}",
            best.map_or(f64::INFINITY, |(gap, _)| gap)
        ))
        .hint("standardise the table's columns, or lower c")),
    }
}

/// w = Σ yᵢαᵢφ(xᵢ) and its values on the rows.
fn at(space: &Space, labels: &[f64], alpha: &[f64]) -> Result<(Tensor, Vec<f64>)> {
    let beta: Vec<f64> = labels.iter().zip(alpha).map(|(y, a)| y * a).collect();
    let w = space.combined(&beta)?;
    let values = space.values(&w)?;
    Ok((w, values))
}

/// Minimises ψ from w, moves the bias along, and gives the new α, if it got there.
fn minimise(
    problem: &Round<'_>,
    mut w: Tensor,
    mut values: Vec<f64>,
    bias: &mut f64,
    tolerance: f64,
) -> Result<Option<Vec<f64>>> {
    let space = problem.space;
    *bias = problem.bias(&values, *bias);
    let mut square = space.product(&w, &w, &values)?;
    let mut last: Option<(Active, Option<Vec<f64>>)> = None;
    for _ in 0..STEPS {
        let active = problem.active(&values, *bias);
        if let Some((before, gamma)) = last.take()
            && before == active
        {
            // A whole step inside one piece of ψ: this is its minimum, and γ has it to the last digits.
            let mut alpha = problem.clipped(&values, *bias);
            for (&i, g) in active.free.iter().zip(gamma.unwrap_or_default()) {
                alpha[i] = (g * problem.labels[i]).clamp(0.0, problem.c);
            }
            return Ok(Some(alpha));
        }
        let Some((there, gamma)) = problem.newton(&active)? else { return Ok(None) };
        let step = there.f_sub(&w)?;
        let ahead = space.values(&there)?;
        let change: Vec<f64> = ahead.iter().zip(&values).map(|(a, v)| a - v).collect();
        let clipped = problem.clipped(&values, *bias);
        let (mixed, length) = (space.product(&w, &step, &change)?, space.product(&step, &step, &change)?);
        let pull: f64 = change.iter().enumerate().map(|(i, d)| problem.labels[i] * clipped[i] * d).sum();
        let slope = mixed - pull;
        let here = 0.5 * square + problem.loss(&values, *bias);
        if -slope <= 1e-15 * here.abs() {
            return Ok(Some(clipped));
        }
        let mut taken = None;
        for halvings in 0..40 {
            let t = 0.5f64.powi(halvings);
            let moved: Vec<f64> = values.iter().zip(&change).map(|(v, d)| v + t * d).collect();
            let moved_bias = problem.bias(&moved, *bias);
            let moved_square = square + 2.0 * t * mixed + t * t * length;
            let psi = 0.5 * moved_square + problem.loss(&moved, moved_bias);
            if psi <= here + 1e-4 * t * slope + 1e-14 * here.abs() {
                taken = Some((t, moved, moved_bias, moved_square));
                break;
            }
        }
        let Some((t, moved, moved_bias, moved_square)) = taken else {
            return Ok(Some(clipped));
        };
        w = w.f_add(&step.f_mul_scalar(t)?)?;
        (values, *bias, square) = (moved, moved_bias, moved_square);
        if -slope <= tolerance * here.abs() && t == 1.0 {
            let alpha = problem.clipped(&values, *bias);
            return Ok(Some(alpha));
        }
        last = (t == 1.0).then_some((active, gamma));
    }
    Ok(None)
}

/// The best bias to w: the mean over the rows on the margin, else the middle of what is optimal.
fn optimal_bias(values: &[f64], labels: &[f64], alpha: &[f64], c: f64) -> f64 {
    let (mut lo, mut hi) = (f64::NEG_INFINITY, f64::INFINITY);
    let (mut sum, mut free) = (0.0, 0usize);
    for ((&value, &y), &a) in values.iter().zip(labels).zip(alpha) {
        let on_margin = y - value;
        if a > 1e-9 * c && a < (1.0 - 1e-9) * c {
            sum += on_margin;
            free += 1;
        } else if (y > 0.0) == (a < 0.5 * c) {
            lo = lo.max(on_margin);
        } else {
            hi = hi.min(on_margin);
        }
    }
    match (free, lo.is_finite(), hi.is_finite()) {
        (0, true, true) => 0.5 * (lo + hi),
        (0, true, false) => lo,
        (0, ..) => hi,
        _ => sum / free as f64,
    }
}

/// The duality gap as a share of the primal objective.
fn gap(space: &Space, state: &State, c: f64) -> Result<f64> {
    let square = space.product(&state.w, &state.w, &state.values)?;
    let (primal, dual) = (0.5 * square + c * state.hinge(), state.alpha.iter().sum::<f64>() - 0.5 * square);
    Ok((primal - dual) / primal.max(f64::MIN_POSITIVE))
}
