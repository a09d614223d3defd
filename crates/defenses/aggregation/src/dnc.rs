//! DnC: drops the updates that lie farthest along the direction of the largest variance.

use aconite_core::{
    Aggregate, Aggregator, Defense, Error, Info, Knowledge, NamedTensors, Result, Role, Seed, Updates,
    by_score,
};
use aconite_grid::Kind;
use rand::seq::index::sample;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Number, Tensor};

use crate::combine::{aggregate, mean_of};
use crate::matrix::Matrix;
use crate::require;

/// Drops the updates that lie farthest along the direction of the largest variance, on random coordinates.
///
/// Paper: Shejwalkar, Houmansadr 2021, "Manipulating the Byzantine: Optimizing Model Poisoning Attacks and Defenses
/// for Federated Learning", Algorithm 2 (Divide and Conquer).
///
/// `iterations` times: b coordinates are drawn, the updates are restricted to them and centred, v is the top right
/// singular vector of these rows, and the n − ⌊c·f⌋ updates with the smallest ⟨x_i − μ, v⟩² stay. z is the mean of
/// those that stay every time; if there is none, nothing is added.
///
/// The defaults of b and `iterations` are those of published implementations. Needs n ≥ 2f + 1. Equal scores: the
/// client with the smaller number goes first. v is found from the n × n products of the rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dnc {
    /// How many clients of a round the rule takes for malicious, f, from 0; none is told the true number.
    pub f: Option<usize>,
    /// How many updates are dropped each time, as a multiple of f; 0 or above.
    #[schemars(range(min = 0.0))]
    pub c: f64,
    /// How many times, at least 1.
    #[schemars(range(min = 1))]
    pub iterations: usize,
    /// How many coordinates are drawn, b, at least 1; all of them if there are fewer.
    #[schemars(range(min = 1))]
    pub coordinates: usize,
}

impl Default for Dnc {
    fn default() -> Self {
        Self { f: None, c: 1.0, iterations: 5, coordinates: 10_000 }
    }
}

impl Kind for Dnc {}

impl Defense for Dnc {
    fn role(&self) -> Role<'_> {
        Role::Aggregator(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        require::count_unless(self.f)
    }

    fn check(&self, _info: &Info) -> Result<()> {
        require::not_negative("c", self.c)?;
        require::counted("iterations", self.iterations)?;
        require::counted("coordinates", self.coordinates)
    }
}

impl Aggregator for Dnc {
    fn check_clients(&self, clients: usize, malicious: Option<usize>) -> Result<()> {
        let f = require::expected(self.f, malicious)?;
        require::clients("DnC", clients, f, 2, 1)?;
        let dropped = self.dropped(f);
        if dropped >= clients {
            return Err(Error::at(
                "c",
                format!("{} · {f} drops {dropped} updates, but there are {clients}", self.c),
            ));
        }
        Ok(())
    }

    fn aggregate(&self, updates: &Updates<'_>, _memory: &mut NamedTensors) -> Result<Aggregate> {
        let matrix = Matrix::of(updates)?;
        self.check_clients(matrix.len(), updates.malicious)?;
        let dropped = self.dropped(updates.expected(self.f)?);
        matrix.check_finite()?;
        let mut kept = vec![true; matrix.len()];
        for iteration in 0..self.iterations {
            let seed = updates.seed.derive("coordinates").derive(&iteration.to_string());
            let scores = scores(&drawn(&matrix, self.coordinates, seed)?)?;
            let mut order: Vec<usize> = (0..kept.len()).collect();
            order.sort_by(|&a, &b| by_score(&scores, a, b));
            order.iter().take(dropped).for_each(|&row| kept[row] = false);
        }
        let rows: Vec<usize> = (0..kept.len()).filter(|&row| kept[row]).collect();
        let (update, weights) = mean_of(&matrix, &rows)?;
        aggregate(&update, Some(weights))
    }
}

impl Dnc {
    /// ⌊c·f⌋, immune to the last bit.
    fn dropped(&self, f: usize) -> usize {
        (self.c * f as f64 + 1e-9).floor() as usize
    }
}

/// The updates on some coordinates, f64.
fn drawn(matrix: &Matrix<'_>, count: usize, seed: Seed) -> Result<Tensor> {
    let rows = matrix.tensor()?;
    if count >= matrix.columns() {
        return Ok(rows.f_to_kind(Number::Double)?);
    }
    let places = sample(&mut seed.rng(), matrix.columns(), count);
    let mut places: Vec<i64> = places.iter().map(|place| place as i64).collect();
    places.sort_unstable();
    Ok(rows.f_index_select(1, &Tensor::f_from_slice(&places)?)?.f_to_kind(Number::Double)?)
}

/// ⟨x_i − μ, v⟩² for the top right singular vector v of the centred rows.
fn scores(rows: &Tensor) -> Result<Vec<f64>> {
    let centred = rows.f_sub(&rows.f_mean_dim(0i64, true, Number::Double)?)?;
    // (x − μ)v = σu, and σ², u are the top eigenpair of the products of the rows.
    let (values, vectors) = centred.f_mm(&centred.f_tr()?)?.f_linalg_eigh("L")?;
    let (top, along) = (values.f_select(0, -1)?, vectors.f_select(1, -1)?);
    Ok(Vec::try_from(along.f_square()?.f_mul(&top)?)?)
}
