//! Fang's attack on the trimmed mean and the median.

use aconite_core::{
    All, Attack, Error, FromAll, FromOwn, Goal, Info, Own, Result, Seed, Trigger, UpdateAttack,
};
use aconite_grid::Kind;
use rand::distr::StandardUniform;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Number, Tensor};

use crate::draws;
use crate::knowledge::{Knowledge, honest};
use crate::rows::{deviation, direction, mean};

/// Puts every coordinate just beyond the honest ones, on the side that its change without attack leaves.
///
/// Paper: Fang, Cao, Jia, Gong 2020, "Local Model Poisoning Attacks to Byzantine-Robust Federated Learning"
/// (attacking trimmed mean; the same attack is used on the median).
///
/// Let s_j be 1 where the global weight j would grow without attack, else −1. With full knowledge, where s_j = −1
/// each malicious client draws its weight uniformly from [max_j, b·max_j] if max_j > 0, else from [max_j, max_j/b];
/// where s_j = 1 from [min_j/b, min_j] if min_j > 0, else from [b·min_j, min_j]. max_j and min_j are over the honest
/// clients; s is the sign of what `rule` makes of everyone's updates before the attack. With partial knowledge it
/// draws from [μ_j + 3σ_j, μ_j + 4σ_j] or [μ_j − 4σ_j, μ_j − 3σ_j], and s is the sign of μ: mean and standard
/// deviation (by n) of the updates that stand for the honest ones. A single such row has no spread, and the mean is sent.
///
/// Under a rule and its s, full knowledge never does less than partial knowledge in one round: all that it sends is
/// beyond the honest values. The two s differ, however, and where clients hold different classes the trimmed mean's may
/// point away from the descent that the mean's shows. Code that descends from the authors' takes the mean's and
/// applies b to updates: `rule = "mean", of = "updates"`.
///
/// The paper's intervals are of *weights*, which the server gets there, so a factor b reaches as far as the global
/// weight is long, not the update; many implementations apply it to updates: `of` chooses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FangTrim {
    /// What the attackers know: all updates of the round, or what their own clients would send.
    pub knowledge: Knowledge,
    /// Factor b that ends the interval, above 1; with full knowledge.
    #[schemars(extend("exclusiveMinimum" = 1))]
    pub b: f64,
    /// What the factor is of; with full knowledge.
    pub of: Of,
    /// The server's rule, from which the direction without attack follows; with full knowledge.
    pub rule: Rule,
}

impl Default for FangTrim {
    fn default() -> Self {
        Self { knowledge: Knowledge::Full, b: 2.0, of: Of::Weights, rule: Rule::TrimmedMean }
    }
}

/// What a factor is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Of {
    /// Weights after local training.
    #[default]
    Weights,
    /// Updates.
    Updates,
}

/// A rule that goes by coordinate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Rule {
    /// The mean without the m largest and the m smallest, of m malicious clients.
    #[default]
    TrimmedMean,
    /// The median.
    Median,
    /// The mean: near the others, and much faster.
    Mean,
}

impl Kind for FangTrim {
    // 2: partial knowledge is of the attackers' own updates.
    const VERSION: u32 = 2;
}

/// Coordinates that are turned into rows of their own at a time.
const COORDINATES: i64 = 1 << 15;

impl Rule {
    /// What the rule makes of these updates, m of which are malicious clients'.
    fn of(self, parts: [&Tensor; 2], malicious: usize) -> Result<Tensor> {
        let (a, d) = parts[0].size2()?;
        let n = (a + parts[1].size2()?.0) as usize;
        let most = n.saturating_sub(1) / 2;
        let trimmed = match self {
            Self::TrimmedMean => malicious.min(most),
            Self::Median => most,
            Self::Mean => {
                let sum = |part: &Tensor| part.f_sum_dim_intlist([0i64].as_slice(), false, Number::Float);
                return Ok(sum(parts[0])?.f_add(&sum(parts[1])?)?.f_div_scalar(n as f64)?);
            }
        };
        let mut means = Vec::with_capacity(d as usize);
        for start in (0..d).step_by(COORDINATES as usize) {
            let len = COORDINATES.min(d - start);
            let narrow = |part: &Tensor| part.f_narrow(1, start, len);
            let block = Tensor::f_cat(&[narrow(parts[0])?, narrow(parts[1])?], 0)?;
            // Selecting the middle is several times faster than sorting all.
            let mut numbers = Vec::<f32>::try_from(&block.f_tr()?.f_reshape([-1])?)?;
            means.extend(numbers.chunks_exact_mut(n).map(|numbers| middle_mean(numbers, trimmed)));
        }
        Ok(Tensor::f_from_slice(&means)?)
    }
}

/// The mean of what is left without the `trimmed` smallest and largest numbers, less than half of them each.
fn middle_mean(numbers: &mut [f32], trimmed: usize) -> f32 {
    let kept = numbers.len() - 2 * trimmed;
    if trimmed > 0 {
        numbers.select_nth_unstable_by(trimmed, f32::total_cmp);
        numbers[trimmed..].select_nth_unstable_by(kept - 1, f32::total_cmp);
    }
    let middle = &numbers[trimmed..trimmed + kept];
    (middle.iter().map(|&v| f64::from(v)).sum::<f64>() / kept as f64) as f32
}

impl FromAll for FangTrim {
    fn craft(&self, all: &All<'_>) -> Result<Tensor> {
        let (own, honest) = (&all.own, honest(all));
        let grows = direction(&self.rule.of([own.own, honest], own.malicious())?)?.f_gt(0.0)?;
        let edge = honest
            .f_amin([0i64].as_slice(), false)?
            .f_where_self(&grows, &honest.f_amax([0i64].as_slice(), false)?)?;
        let base = match self.of {
            Of::Weights => edge.f_add(own.global)?,
            Of::Updates => edge.shallow_clone(),
        };
        // Up from above 0 and down from below 0 are away from 0, by b − 1 of the length; else towards it, by 1/b − 1.
        let away = base.f_gt(0.0)?.f_ne_tensor(&grows)?;
        let far = base.f_mul_scalar(self.b - 1.0)?;
        let reach = far.f_where_self(&away, &base.f_mul_scalar(1.0 / self.b - 1.0)?)?;
        self.rows(own, &edge, &reach)
    }
}

impl FromOwn for FangTrim {
    fn looks_around(&self) -> bool {
        false
    }

    fn craft(&self, own: &Own<'_>) -> Result<Tensor> {
        let mean = mean(own.reference)?;
        let against = direction(&mean)?.f_neg()?.f_mul(&deviation(own.reference, &mean)?)?;
        self.rows(own, &mean.f_add(&against.f_mul_scalar(3.0)?)?, &against)
    }
}

impl FangTrim {
    /// Rows drawn from `edge` to `edge + reach`.
    fn rows(&self, own: &Own<'_>, edge: &Tensor, reach: &Tensor) -> Result<Tensor> {
        let size = own.own.size2()?;
        let within = |_, draws: &Tensor| Ok(edge.f_addcmul(reach, draws)?);
        draws::rows(size, own.seed.derive("places"), &StandardUniform, within)
    }
}

impl Attack for FangTrim {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Availability
    }

    fn check(&self, _: &Info) -> Result<()> {
        if self.b.is_finite() && self.b > 1.0 {
            return Ok(());
        }
        Err(Error::at("b", format!("a factor of {} is not a number above 1", self.b)))
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
