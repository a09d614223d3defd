//! Bucketing: means of random groups of updates.

use aconite_core::{Defense, Info, Mixing, Result, Role, Updates};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::matrix::Matrix;
use crate::require;

/// Averages updates in random groups of s before the rule sees them, which makes honest ones more alike.
///
/// Paper: Karimireddy, He, Jaggi 2022, "Byzantine-Robust Learning on Heterogeneous Datasets via Bucketing",
/// Algorithm 1.
///
/// The clients of a round are shuffled and cut into ⌈n/s⌉ buckets of s, the last of which may be smaller; each row
/// that the rule sees is the mean of a bucket. f malicious clients spoil at most f buckets, so the rule must expect
/// f among ⌈n/s⌉. The mean of a smaller last bucket is over its own members (the paper's formula divides by s).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bucketing {
    /// Updates in a bucket, s, at least 1.
    #[schemars(range(min = 1))]
    pub size: usize,
}

impl Default for Bucketing {
    fn default() -> Self {
        Self { size: 2 }
    }
}

impl Kind for Bucketing {}

impl Defense for Bucketing {
    fn role(&self) -> Role<'_> {
        Role::Mixing(self)
    }

    fn check(&self, _info: &Info) -> Result<()> {
        require::counted("size", self.size)
    }
}

impl Mixing for Bucketing {
    fn counts(&self, clients: usize, malicious: Option<usize>) -> Result<(usize, Option<usize>)> {
        require::counted("size", self.size)?;
        require::at_least("bucketing", clients, 1)?;
        let buckets = clients.div_ceil(self.size);
        Ok((buckets, malicious.map(|f| f.min(buckets))))
    }

    fn keeps_clients(&self) -> bool {
        false
    }

    fn weights(&self, updates: &Updates<'_>) -> Result<Tensor> {
        // One bad update would be in no bucket that is named.
        Matrix::of(updates)?.check_finite()?;
        let n = updates.len();
        let (buckets, _) = self.counts(n, updates.malicious)?;
        let order = updates.seed.derive("buckets").shuffled(&(0..n).collect::<Vec<_>>());
        let mut weights = vec![0.0f32; buckets * n];
        for (bucket, weights) in order.chunks(self.size).zip(weights.chunks_exact_mut(n)) {
            bucket.iter().for_each(|&row| weights[row] = 1.0 / bucket.len() as f32);
        }
        Ok(Tensor::f_from_slice(&weights)?.f_view([buckets as i64, n as i64])?)
    }
}
