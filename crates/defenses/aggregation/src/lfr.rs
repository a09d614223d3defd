//! Fang's rejection: updates without which the model does better are left out.

use aconite_core::{
    Aggregate, Aggregator, Defense, Error, Info, Knowledge, NamedTensors, Reading, Result, Role, ServerNeeds,
    Updates,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Number, Tensor};

use crate::combine::{aggregate, combination, equal_weights};
use crate::distances::Distances;
use crate::krum::choose;
use crate::matrix::Matrix;
use crate::median::median_of;
use crate::require;
use crate::trimmed_mean::trimmed_mean_of;

/// Leaves out the updates without which the model does best on clean samples, and applies a rule to the rest.
///
/// Paper: Fang, Cao, Jia, Gong 2020, "Local Model Poisoning Attacks to Byzantine-Robust Federated Learning",
/// section 5 (error rate based rejection, loss function based rejection, and their union).
///
/// For each i, the model that `rule` gives without x_i is read on the server's samples. An update's impact is what
/// the reading with all updates has above that: the f updates with the largest impact are rejected, by `loss` (LFR),
/// by `error` rate (ERR) or by either (`union`, which rejects up to 2f). z is `rule` of the others, with the same f.
///
/// The models read are the global weights plus the aggregate, as with a server learning rate of 1. Of equal impacts,
/// which most updates have with Krum, those rejected are drawn. Needs n ≥ 2f + 1, and what `rule` needs of the n − f (n − 2f)
/// that remain. The weights reported are equal for what remains, or Krum's choice. Updates are left out one at a time:
/// malicious ones that nearly undo each other make the model worse when one of them is missing, and are kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Lfr {
    /// How many clients of a round the rule takes for malicious, f, from 0; none is told the true number.
    pub f: Option<usize>,
    /// What an update's impact is measured by: `loss`, `error` or `union`.
    pub by: Impact,
    /// What is applied to the updates: `mean`, `median`, `trimmed_mean` (f values at each end) or `krum`.
    pub rule: Inner,
    /// How many clean samples the server has, at least 1.
    #[schemars(range(min = 1))]
    pub samples: usize,
}

/// What an update's impact is measured by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Impact {
    /// Mean cross-entropy.
    #[default]
    Loss,
    /// Share of samples that are misread.
    Error,
    /// Rejected by one of them.
    Union,
}

/// The rule that is applied to the updates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Inner {
    /// Their mean.
    Mean,
    /// The median of each coordinate.
    Median,
    /// The mean of each coordinate without f values at each end.
    #[default]
    TrimmedMean,
    /// Krum's choice.
    Krum,
}

impl Default for Lfr {
    fn default() -> Self {
        Self { f: None, by: Impact::Loss, rule: Inner::TrimmedMean, samples: 100 }
    }
}

impl Kind for Lfr {
    // 2: the last bits of distances.
    const VERSION: u32 = 2;
}

impl Defense for Lfr {
    fn role(&self) -> Role<'_> {
        Role::Aggregator(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        let mut all = require::count_unless(self.f);
        all.push(Knowledge::CleanSamples);
        all
    }

    fn check(&self, info: &Info) -> Result<()> {
        require::samples(self.samples, info)
    }
}

impl Aggregator for Lfr {
    fn check_clients(&self, clients: usize, malicious: Option<usize>) -> Result<()> {
        let f = require::expected(self.f, malicious)?;
        let rejections = if self.by == Impact::Union { 2 } else { 1 };
        let (name, factor, plus) = match self.rule {
            Inner::Mean | Inner::Median => ("LFR", 2, 1),
            Inner::TrimmedMean => ("LFR with trimmed mean", 2 + rejections, 1),
            Inner::Krum => ("LFR with krum", 2 + rejections, 3),
        };
        require::clients(name, clients, f, factor, plus)?;
        require::at_least(name, clients, 2)
    }

    fn needs(&self) -> ServerNeeds {
        ServerNeeds { reads: Some(self.samples), ..ServerNeeds::default() }
    }

    fn aggregate(&self, updates: &Updates<'_>, _memory: &mut NamedTensors) -> Result<Aggregate> {
        let matrix = Matrix::of(updates)?;
        self.check_clients(matrix.len(), updates.malicious)?;
        let f = updates.expected(self.f)?;
        let Some(reads) = updates.reads else {
            return Err(Error::new("the rule reads models on clean samples of the server, and it has none"));
        };
        let rule = Rule::new(self.rule, f, &matrix)?;
        let n = matrix.len();
        let mut readings: Vec<Reading> = Vec::with_capacity(n);
        for left_out in 0..n {
            readings.push(reads(&updates.global.f_add(&rule.without(left_out)?)?)?);
        }
        let mut rejected = vec![false; n];
        let ties = updates.seed.derive("ties").shuffled(&(0..n).collect::<Vec<_>>());
        let mut reject = |reading: fn(&Reading) -> f64| {
            // The reading with all is the same for all: the impact is largest where that without is smallest. A
            // reading that is no number says nothing against the update that is missing.
            let without = |row: usize| match reading(&readings[row]) {
                value if value.is_nan() => f64::INFINITY,
                value => value,
            };
            let mut order = ties.clone();
            order.sort_by(|&a, &b| without(a).total_cmp(&without(b)));
            order.iter().take(f).for_each(|&row| rejected[row] = true);
        };
        if self.by != Impact::Error {
            reject(|reading| reading.loss);
        }
        if self.by != Impact::Loss {
            reject(|reading| reading.error);
        }
        let kept: Vec<usize> = (0..n).filter(|&row| !rejected[row]).collect();
        let update = rule.of(&kept)?;
        let chosen = match &rule.distances {
            Some(distances) => vec![choose(distances, &kept, f)],
            None => kept,
        };
        aggregate(&update, Some(equal_weights(n, &chosen)))
    }
}

/// The rule with what need not be computed again for every set of updates.
struct Rule<'m, 'c> {
    inner: Inner,
    f: usize,
    matrix: &'m Matrix<'c>,
    /// For Krum.
    distances: Option<Distances>,
    /// For the mean: the sum of all, f64.
    sum: Option<Tensor>,
}

impl<'m, 'c> Rule<'m, 'c> {
    fn new(inner: Inner, f: usize, matrix: &'m Matrix<'c>) -> Result<Self> {
        matrix.check_finite()?;
        let distances = (inner == Inner::Krum).then(|| Distances::between(matrix)).transpose()?;
        let sum = (inner == Inner::Mean)
            .then(|| matrix.tensor()?.f_sum_dim_intlist(0i64, false, Number::Double).map_err(Error::from))
            .transpose()?;
        Ok(Self { inner, f, matrix, distances, sum })
    }

    /// What it makes of some updates.
    fn of(&self, rows: &[usize]) -> Result<Vec<f32>> {
        match (&self.distances, self.inner) {
            (Some(distances), _) => {
                let chosen = choose(distances, rows, self.f);
                combination(self.matrix, &equal_weights(self.matrix.len(), &[chosen]))
            }
            (None, Inner::Median) => median_of(self.matrix, rows),
            (None, Inner::TrimmedMean) => trimmed_mean_of(self.matrix, rows, self.f),
            (None, Inner::Mean | Inner::Krum) => {
                combination(self.matrix, &equal_weights(self.matrix.len(), rows))
            }
        }
    }

    /// What it makes of all updates but one.
    fn without(&self, row: usize) -> Result<Tensor> {
        let n = self.matrix.len();
        if let Some(sum) = &self.sum {
            let rest = sum.f_sub(&self.matrix.row(row)?.f_to_kind(Number::Double)?)?;
            return Ok(rest.f_div_scalar((n - 1) as f64)?.f_to_kind(Number::Float)?);
        }
        let rows: Vec<usize> = (0..n).filter(|&other| other != row).collect();
        Ok(Tensor::f_from_slice(&self.of(&rows)?)?)
    }
}
