//! Bulyan: Krum again and again, then the middle of each coordinate.

use aconite_core::{Aggregate, Aggregator, Defense, Knowledge, NamedTensors, Result, Role, Updates};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::combine::{aggregate, equal_weights};
use crate::distances::Distances;
use crate::matrix::Matrix;
use crate::network::{LANES, Lanes, Network, by_column};
use crate::require;

/// Selects updates by Krum one after another and averages the middle values of each coordinate over them.
///
/// Paper: El Mhamdi, Guerraoui, Rouault 2018, "The Hidden Vulnerability of Distributed Learning in Byzantium",
/// section 4.
///
/// 1. θ = n − 2f times, Krum chooses among the updates that are left, and its choice moves to the selection.
/// 2. z_k is the mean of the β = θ − 2f values of the selection that are nearest to its median in coordinate k.
///
/// Needs n ≥ 4f + 3. Krum looks at m − f − 2 neighbours among m updates left; in the last steps that would be none,
/// and there it looks at one. Of an even number of values the median is the mean of the middle two; the paper allows
/// either. Equally near values: the smaller. Equal scores, which the two nearest of all have whenever one neighbour
/// counts: the update nearer to all that are left, then the client with the smaller number. A widespread implementation selects n − 2f − 2; this is the paper's
/// number. The weights reported are 1/θ for the selection.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Bulyan {
    /// How many clients of a round the rule takes for malicious, f, from 0; none is told the true number.
    pub f: Option<usize>,
}

impl Kind for Bulyan {
    // 2: the last bits of distances.
    const VERSION: u32 = 2;
}

impl Defense for Bulyan {
    fn role(&self) -> Role<'_> {
        Role::Aggregator(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        require::count_unless(self.f)
    }
}

impl Aggregator for Bulyan {
    fn check_clients(&self, clients: usize, malicious: Option<usize>) -> Result<()> {
        require::clients("bulyan", clients, require::expected(self.f, malicious)?, 4, 3)
    }

    fn aggregate(&self, updates: &Updates<'_>, _memory: &mut NamedTensors) -> Result<Aggregate> {
        let matrix = Matrix::of(updates)?;
        self.check_clients(matrix.len(), updates.malicious)?;
        let f = updates.expected(self.f)?;
        let selection = select(&Distances::between(&matrix)?, f);
        let network = Network::new(selection.len(), 0..selection.len());
        let swept = matrix.sweep(true, 0, |tile, out, _| {
            by_column(tile, &selection, &network, out, |sorted, out| {
                out.iter_mut().zip(middle(sorted, 2 * f)).for_each(|(out, value)| *out = value);
            });
        })?;
        aggregate(&swept.columns, Some(equal_weights(matrix.len(), &selection)))
    }
}

/// The n − 2f updates that Krum chooses one after another.
fn select(distances: &Distances, f: usize) -> Vec<usize> {
    let n = distances.len();
    // Distances do not change when updates leave: each row is sorted once.
    let nearest: Vec<Vec<usize>> = (0..n)
        .map(|row| {
            let to = distances.row(row);
            let mut others: Vec<usize> = (0..n).filter(|&other| other != row).collect();
            others.sort_by(|&a, &b| to[a].total_cmp(&to[b]));
            others
        })
        .collect();
    let mut left = vec![true; n];
    let mut selection = Vec::new();
    for size in (2 * f + 1..=n).rev() {
        let neighbours = size.saturating_sub(f + 2).max(1);
        let sum = |row: usize, count: usize| -> f64 {
            let near = nearest[row].iter().filter(|&&other| left[other]).take(count);
            near.map(|&other| distances.row(row)[other]).sum()
        };
        let scored = (0..n).filter(|&row| left[row]).map(|row| (row, sum(row, neighbours)));
        let nearer = |a: &(usize, f64), b: &(usize, f64)| {
            a.1.total_cmp(&b.1).then_with(|| sum(a.0, n).total_cmp(&sum(b.0, n)))
        };
        if let Some((chosen, _)) = scored.min_by(nearer) {
            left[chosen] = false;
            selection.push(chosen);
        }
    }
    selection.sort_unstable();
    selection
}

/// The mean of all but `drop` of the sorted values, those nearest to the median, in each lane.
fn middle(sorted: &[Lanes], drop: usize) -> Lanes {
    let count = sorted.len() - drop;
    let (low, high) = (&sorted[(sorted.len() - 1) / 2], &sorted[sorted.len() / 2]);
    let median: Lanes = std::array::from_fn(|lane| 0.5 * low[lane] + 0.5 * high[lane]);
    // The values nearest to the median are neighbours in order. Their window moves up as long as the next value
    // above is nearer than the last below; that holds up to some place and not after it, so counting finds it.
    let mut first = [0u32; LANES];
    for (below, above) in sorted.iter().zip(&sorted[count..]) {
        for lane in 0..LANES {
            first[lane] += u32::from(above[lane] - median[lane] < median[lane] - below[lane]);
        }
    }
    let mut sums = [0.0f64; LANES];
    for (place, values) in sorted.iter().enumerate() {
        for lane in 0..LANES {
            let inside = (place as u32).wrapping_sub(first[lane]) < count as u32;
            sums[lane] += if inside { f64::from(values[lane]) } else { 0.0 };
        }
    }
    sums.map(|sum| (sum / count as f64) as f32)
}
