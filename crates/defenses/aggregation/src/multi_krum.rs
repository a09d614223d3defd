//! Multi-Krum: the mean of the updates with the best Krum scores.

use aconite_core::{
    Aggregate, Aggregator, Defense, Error, Info, Knowledge, NamedTensors, Result, Role, Updates,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::combine::{aggregate, mean_of};
use crate::distances::Distances;
use crate::krum::scores;
use crate::matrix::Matrix;
use crate::require;

/// The mean of the m updates with the smallest Krum scores.
///
/// Paper: Blanchard, El Mhamdi, Guerraoui, Stainer 2017, "Machine Learning with Adversaries: Byzantine Tolerant
/// Gradient Descent", section 6 (Multi-Krum).
///
/// The scores are Krum's, computed once among all n. m = 1 is Krum, m = n the mean; by default m = n − f. Needs
/// n ≥ 2f + 3. Equal scores: the client with the smaller number first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MultiKrum {
    /// How many clients of a round the rule takes for malicious, f, from 0; none is told the true number.
    pub f: Option<usize>,
    /// How many updates are averaged, from 1 to the clients of a round; none takes all but f.
    #[schemars(range(min = 1))]
    pub m: Option<usize>,
}

impl Kind for MultiKrum {
    // 2: the last bits of distances.
    const VERSION: u32 = 2;
}

impl Defense for MultiKrum {
    fn role(&self) -> Role<'_> {
        Role::Aggregator(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        require::count_unless(self.f)
    }

    fn check(&self, _info: &Info) -> Result<()> {
        self.m.map_or(Ok(()), |m| require::counted("m", m))
    }
}

impl Aggregator for MultiKrum {
    fn check_clients(&self, clients: usize, malicious: Option<usize>) -> Result<()> {
        require::clients("multi-krum", clients, require::expected(self.f, malicious)?, 2, 3)?;
        match self.m {
            Some(m) if !(1..=clients).contains(&m) => {
                Err(Error::at("m", format!("{m} updates cannot be taken of {clients}")))
            }
            _ => Ok(()),
        }
    }

    fn aggregate(&self, updates: &Updates<'_>, _memory: &mut NamedTensors) -> Result<Aggregate> {
        let matrix = Matrix::of(updates)?;
        self.check_clients(matrix.len(), updates.malicious)?;
        let f = updates.expected(self.f)?;
        let mut rows: Vec<usize> = (0..matrix.len()).collect();
        let scores = scores(&Distances::between(&matrix)?, &rows, f);
        rows.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        rows.truncate(self.m.unwrap_or(matrix.len() - f));
        let (update, weights) = mean_of(&matrix, &rows)?;
        aggregate(&update, Some(weights))
    }
}
