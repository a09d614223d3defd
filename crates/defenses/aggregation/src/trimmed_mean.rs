//! The mean of each coordinate without its extremes.

use aconite_core::{
    Aggregate, Aggregator, Defense, Error, Info, Knowledge, NamedTensors, Rate, Result, Role, Updates,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::combine::aggregate;
use crate::matrix::Matrix;
use crate::network::{LANES, Network, by_column};
use crate::require;

/// The mean of each coordinate over the clients, without its largest and smallest values.
///
/// Paper: Yin, Chen, Ramchandran, Bartlett 2018, "Byzantine-Robust Distributed Learning: Towards Optimal
/// Statistical Rates", Definition 2 and Algorithm 1 (option II).
///
/// z_k = mean of what remains of {x_1k … x_nk} without the t largest and the t smallest, t = ⌊βn⌋ or t = f. The
/// paper states a share β, at least the share of malicious clients; with none given, t is the number of malicious
/// clients, the least that the paper allows. The code of ALIE calls another rule by this name, one that keeps the
/// values nearest to the median.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrimmedMean {
    /// How many values are dropped at each end, from 0; none is told the true number of malicious clients.
    pub f: Option<usize>,
    /// Share of the clients whose values are dropped at each end, β, from 0 to below 0.5; the count is rounded
    /// down. None drops `f`.
    #[schemars(extend("minimum" = 0, "exclusiveMaximum" = 0.5))]
    pub beta: Option<f64>,
}

impl Kind for TrimmedMean {}

impl TrimmedMean {
    /// How many values go at each end.
    fn trim(&self, clients: usize, malicious: Option<usize>) -> Result<usize> {
        match self.beta {
            Some(beta) => Ok(Rate::try_from(beta).map_err(|e| Error::at("beta", e))?.count(clients)),
            None => require::expected(self.f, malicious),
        }
    }
}

impl Defense for TrimmedMean {
    fn role(&self) -> Role<'_> {
        Role::Aggregator(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        if self.beta.is_some() { Vec::new() } else { require::count_unless(self.f) }
    }

    fn check(&self, _info: &Info) -> Result<()> {
        match (self.beta, self.f) {
            (Some(_), Some(_)) => {
                Err(Error::at("beta", "beta and f both say how many values are dropped")
                    .hint("leave one out"))
            }
            (Some(beta), None) if !(0.0..0.5).contains(&beta) => {
                Err(Error::at("beta", format!("a share of {beta} is outside [0, 0.5)"))
                    .hint("it is dropped at each end: 0.1 drops a fifth of all values"))
            }
            _ => Ok(()),
        }
    }
}

impl Aggregator for TrimmedMean {
    fn check_clients(&self, clients: usize, malicious: Option<usize>) -> Result<()> {
        require::clients("trimmed mean", clients, self.trim(clients, malicious)?, 2, 1)
    }

    fn aggregate(&self, updates: &Updates<'_>, _memory: &mut NamedTensors) -> Result<Aggregate> {
        let matrix = Matrix::of(updates)?;
        self.check_clients(matrix.len(), updates.malicious)?;
        let trim = self.trim(matrix.len(), updates.malicious)?;
        aggregate(&trimmed_mean_of(&matrix, &(0..matrix.len()).collect::<Vec<_>>(), trim)?, None)
    }
}

/// The trimmed mean of each coordinate over some rows, more than 2·trim.
pub(crate) fn trimmed_mean_of(matrix: &Matrix<'_>, rows: &[usize], trim: usize) -> Result<Vec<f32>> {
    let kept = trim..rows.len().saturating_sub(trim);
    let network = Network::new(rows.len(), kept.clone());
    let swept = matrix.sweep(true, 0, |tile, out, _| {
        by_column(tile, rows, &network, out, |sorted, out| {
            let mut sums = [0.0f64; LANES];
            for values in &sorted[kept.clone()] {
                sums.iter_mut().zip(values).for_each(|(sum, &value)| *sum += f64::from(value));
            }
            let count = kept.len() as f64;
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out = (sum / count) as f32);
        });
    })?;
    Ok(swept.columns)
}
