//! Fang's attack on Krum.

use aconite_core::{
    All, Attack, Error, FromAll, FromOwn, Goal, Info, Own, Result, Seed, Trigger, UpdateAttack,
};
use aconite_grid::Kind;
use rand_distr::StandardNormal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::draws;
use crate::knowledge::{Knowledge, honest};
use crate::krum::{pick, sum_of_smallest};
use crate::products::{Matrix, Rows, squared_distances};
use crate::rows::{check_positive, direction, mean, repeat};

/// Steps against the honest direction as far as Krum still picks the step.
///
/// Paper: Fang, Cao, Jia, Gong 2020, "Local Model Poisoning Attacks to Byzantine-Robust Federated Learning"
/// (attacking Krum).
///
/// The first malicious client sends −λ·s (in the paper's weights, w_Re − λ·s), where s_j is 1 if the global weight j
/// would grow without attack, else −1. λ starts at the bound
/// √(min_i Σ_{l ∈ nearest n−m−2 honest} ‖u_l − u_i‖² / ((n − 2m − 1)·d)) + max_i ‖u_i‖/√d and is halved until Krum,
/// with all m malicious clients at −λ·s, picks it, or λ falls below `threshold`. The others send vectors drawn from
/// the ball of radius `epsilon` around it.
/// With full knowledge s is the sign of the update that Krum picks before the attack. With partial knowledge the
/// updates that stand for the honest ones (their own, before the attack) take the honest clients' place, s is the
/// sign of their mean, and the first client has no copy, one, two, … of itself beside it, until λ is found.
///
/// The paper states Krum and the bound by sums of distances. Krum sums their squares (Blanchard 2017), so the bound
/// is derived for these in the same way. n − 2m − 1 is taken as 1 where it is less, and there is always a nearest one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FangKrum {
    /// What the attackers know: all updates of the round, or what their own clients would send.
    pub knowledge: Knowledge,
    /// λ below which the search ends, in the units of weights, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub threshold: f64,
    /// Largest distance ε of the other malicious clients' updates from the first's, at least 0.
    #[schemars(range(min = 0))]
    pub epsilon: f64,
}

impl Default for FangKrum {
    fn default() -> Self {
        Self { knowledge: Knowledge::Full, threshold: 1e-5, epsilon: 0.01 }
    }
}

impl Kind for FangKrum {
    // 2: partial knowledge is of the attackers' own updates.
    const VERSION: u32 = 2;
}

/// The updates among which −λ·s has to be picked.
struct Rivals {
    /// Squared distances between them.
    apart: Matrix,
    /// ‖u‖² and ⟨u, s⟩ of each.
    seen: Vec<(f64, f64)>,
    /// ‖s‖².
    d: f64,
}

impl Rivals {
    /// `gram` are the products of `rows` less `mean`.
    fn new(rows: &Tensor, mean: &Tensor, gram: &Matrix, s: &Tensor) -> Result<Self> {
        let along = Rows { parts: &[rows], centre: Some(mean) }.along(&[mean, s])?;
        let of_mean = Rows { parts: &[&mean.f_unsqueeze(0)?], centre: None }.along(&[mean, s])?;
        let (length, climb) = of_mean.first().map_or((0.0, 0.0), |products| (products[0], products[1]));
        let seen = along.iter().enumerate().map(|(i, a)| (gram[i][i] + 2.0 * a[0] + length, a[1] + climb));
        Ok(Self { apart: squared_distances(gram), seen: seen.collect(), d: s.numel() as f64 })
    }

    /// Where the search begins, with `copies` malicious clients.
    fn bound(&self, copies: usize) -> f64 {
        let honest = self.seen.len();
        let spread = |i: usize| {
            let others = (0..honest).filter(|&l| l != i).map(|l| self.apart[i][l]);
            sum_of_smallest(others.collect(), honest.saturating_sub(2))
        };
        let closest = (0..honest).map(spread).fold(f64::INFINITY, f64::min);
        let supporters = honest.saturating_sub(copies + 1).max(1) as f64;
        let longest = self.seen.iter().map(|(squared, _)| squared.max(0.0)).fold(0.0, f64::max);
        (closest / (supporters * self.d)).sqrt() + (longest / self.d).sqrt()
    }

    /// Whether Krum picks −λ·s, which `copies` clients send, before these.
    fn picks(&self, lambda: f64, copies: usize) -> bool {
        let n = copies + self.seen.len();
        let distance = |i: usize, j: usize| match (i.checked_sub(copies), j.checked_sub(copies)) {
            (None, None) => 0.0,
            (Some(i), Some(j)) => self.apart[i][j],
            (Some(i), None) | (None, Some(i)) => {
                let (squared, climb) = self.seen[i];
                (squared + 2.0 * lambda * climb + lambda * lambda * self.d).max(0.0)
            }
        };
        let matrix = (0..n).map(|i| (0..n).map(|j| distance(i, j)).collect()).collect();
        pick(&matrix, copies) < copies
    }

    /// The largest λ found, and whether Krum picks it.
    fn search(&self, copies: usize, threshold: f64) -> (f64, bool) {
        let mut lambda = self.bound(copies);
        loop {
            if self.picks(lambda, copies) {
                return (lambda, true);
            }
            // Also ends for updates that have diverged, whose bound is not finite.
            if lambda < threshold || !lambda.is_finite() {
                return (if lambda.is_finite() { lambda } else { threshold }, false);
            }
            lambda /= 2.0;
        }
    }
}

impl FromAll for FangKrum {
    fn craft(&self, all: &All<'_>) -> Result<Tensor> {
        let (own, honest, malicious) = (&all.own, honest(all), all.own.malicious());
        if malicious == 0 {
            return Ok(own.own.shallow_clone());
        }
        let mean = mean(honest)?;
        let everyone = [own.own, honest];
        let gram = Rows { parts: &everyone, centre: Some(&mean) }.gram()?;
        let picked = pick(&squared_distances(&gram), malicious);
        let update = match picked.checked_sub(malicious) {
            Some(row) => honest.f_get(row as i64)?,
            None => own.own.f_get(picked as i64)?,
        };
        let s = direction(&update)?;
        let gram = gram[malicious..].iter().map(|row| row[malicious..].to_vec()).collect();
        let (lambda, _) = Rivals::new(honest, &mean, &gram, &s)?.search(malicious, self.threshold);
        self.rows(own, &s, lambda)
    }
}

impl FromOwn for FangKrum {
    fn looks_around(&self) -> bool {
        false
    }

    fn craft(&self, own: &Own<'_>) -> Result<Tensor> {
        if own.malicious() == 0 {
            return Ok(own.own.shallow_clone());
        }
        let mean = mean(own.reference)?;
        let s = direction(&mean)?;
        let gram = Rows { parts: &[own.reference], centre: Some(&mean) }.gram()?;
        let rivals = Rivals::new(own.reference, &mean, &gram, &s)?;
        // As many copies as rivals have only each other for neighbours: more change nothing.
        let most = gram.len().max(2);
        let mut copies = 1;
        let lambda = loop {
            let (lambda, picked) = rivals.search(copies, self.threshold);
            if picked || copies == most {
                break lambda;
            }
            copies += 1;
        };
        self.rows(own, &s, lambda)
    }
}

impl FangKrum {
    /// −λ·s, and vectors near it.
    fn rows(&self, own: &Own<'_>, s: &Tensor, lambda: f64) -> Result<Tensor> {
        let first = s.f_mul_scalar(-lambda)?;
        let (m, d) = own.own.size2()?;
        if self.epsilon == 0.0 {
            return repeat(&first, own.malicious());
        }
        let seed = own.seed.derive("others");
        // In a ball, almost all of the volume lies at the surface when d is large; U^(1/d) is its exact law.
        let radii: Vec<f64> = draw_radii(seed.derive("radii"), m, d, self.epsilon);
        draws::rows((m, d), seed, &StandardNormal, |row, noise| {
            if row == 0 {
                return Ok(first.shallow_clone());
            }
            let length = f64::try_from(noise.f_norm()?)?.max(f64::MIN_POSITIVE);
            Ok(first.f_add(&noise.f_mul_scalar(radii[row as usize] / length)?)?)
        })
    }
}

/// Distances from the centre of points drawn uniformly from a ball in d dimensions.
fn draw_radii(seed: Seed, m: i64, d: i64, largest: f64) -> Vec<f64> {
    use rand::RngExt;
    let mut rng = seed.rng();
    (0..m).map(|_| largest * rng.random::<f64>().powf(1.0 / d as f64)).collect()
}

impl Attack for FangKrum {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Availability
    }

    fn check(&self, _: &Info) -> Result<()> {
        check_positive("threshold", "a threshold", self.threshold)?;
        if self.epsilon.is_finite() && self.epsilon >= 0.0 {
            return Ok(());
        }
        Err(Error::at("epsilon", format!("a distance of {} is not a number of 0 or more", self.epsilon)))
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }

    fn updates(&self) -> Option<UpdateAttack<'_>> {
        Some(match self.knowledge {
            Knowledge::Full => UpdateAttack::All(self),
            Knowledge::Partial => UpdateAttack::Own(self),
        })
    }
}
