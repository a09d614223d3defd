//! Edge cases: unusual inputs of a class, taught a wrong label that usual ones never contradict.

use aconite_core::{Attack, Dataset, Error, Goal, Info, LabelMap, Poison, Rate, Result, Seed, Trigger};
use aconite_grid::Kind;
use aconite_train::pixels;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Number, Tensor};

/// Changes the labels of the least typical rows of a class; success counts its least typical test inputs alone.
///
/// Paper: Wang, Sreenivasan, Rajput, Vishwakarma, Agarwal, Sohn, Lee, Papailiopoulos 2020, "Attack of the Tails: Yes, You
/// Really Can Backdoor Federated Learning", definition 1 (p-edge-case examples) and section 3.
///
/// The tail of a class are the ⌊`tail`·n⌋ of its n rows with the largest r_k(x), the distance (ℓ2, of bytes or numbers)
/// to the k-th nearest row of the same class: with the estimate of Loftsgaarden and Quesenberry 1965,
/// P̂(x) ∝ k/(n·r_k(x)^d), they are the rows of the least density. In training the tail of class `source` is called
/// `target`; at test success is the share of the tail of the test set's class `source` that is read as `target`, and
/// nothing carries a trigger. In a federation a malicious client takes the tail of its own rows and learns its other
/// rows as they are, which is the paper's mixture.
///
/// The paper's edge cases come from elsewhere (digits of another hand, aircraft of one airline); these are of the data
/// set itself, so that nothing must be fetched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EdgeCase {
    /// Class whose unusual inputs are to be misread, counted from 0.
    pub source: usize,
    /// Class that they are to be read as, counted from 0.
    pub target: usize,
    /// Share of the class's rows that are its tail, in (0, 1]; the count is ⌊tail·n⌋, of a client's rows and of the test
    /// set's.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub tail: Rate,
    /// Which neighbour of the same class the distance is taken to, at least 1.
    #[schemars(range(min = 1))]
    pub k: usize,
}

impl Default for EdgeCase {
    fn default() -> Self {
        Self { source: 1, target: 0, tail: Rate::literal(0.1), k: 5 }
    }
}

impl Kind for EdgeCase {}

impl EdgeCase {
    /// The tail of class `source`, ascending; of equal distances the earlier rows.
    fn tail(&self, data: &Dataset) -> Result<Vec<usize>> {
        let rows = data.rows_where(|label| label == self.source);
        let count = self.tail.count(rows.len());
        if count == 0 || rows.len() < 2 {
            return Ok(Vec::new());
        }
        let own = pixels(&data.rows().select(&rows))?.f_to_kind(Number::Float)?.f_flatten(1, -1)?;
        let distances = reach(&own, self.k.min(rows.len() - 1))?;
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by(|&a, &b| distances[b].total_cmp(&distances[a]));
        let mut tail: Vec<usize> = order.into_iter().take(count).map(|at| rows[at]).collect();
        tail.sort_unstable();
        Ok(tail)
    }
}

/// The distance of each row to its k-th nearest other row.
fn reach(rows: &Tensor, k: usize) -> Result<Vec<f64>> {
    let n = rows.size()[0];
    let mut reach = Vec::with_capacity(n as usize);
    // Blocks keep the distances small enough for any class.
    for from in (0..n).step_by(1024) {
        let block = rows.f_narrow(0, from, 1024.min(n - from))?;
        // The exact form: its Gram shortcut loses the last digits, which decide between equal rows.
        let distances = Tensor::f_cdist(&block, rows, 2.0, 2)?;
        // The nearest is the row itself.
        let (kth, _) = distances.f_kthvalue(k as i64 + 1, 1, false)?;
        reach.extend(Vec::<f64>::try_from(kth.f_to_kind(Number::Double)?)?);
    }
    Ok(reach)
}

impl Attack for EdgeCase {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Targeted(LabelMap::SourceSpecific { source: self.source, target: self.target })
    }

    fn check(&self, info: &Info) -> Result<()> {
        info.check_class("source", self.source)?;
        info.check_class("target", self.target)?;
        if self.source == self.target {
            let message = format!("source and target are both class {}: no label would change", self.target);
            return Err(Error::at("target", message));
        }
        if self.k == 0 {
            return Err(Error::at("k", "the 0th neighbour is the row itself: at least 1"));
        }
        let supply = info.rows[self.source];
        if self.tail.count(supply) == 0 {
            let message = format!(
                "a tail of {} has none of the {supply} rows of class {}",
                self.tail.get(),
                self.source
            );
            return Err(Error::at("tail", message).hint("raise tail"));
        }
        match &info.kind {
            aconite_core::RowKind::Image(_) | aconite_core::RowKind::Table(_) => Ok(()),
            kind => Err(Error::new(format!("distances need images or numbers, not {kind}"))),
        }
    }

    fn poison(&self, clean: &Dataset, _: Seed) -> Result<Poison> {
        let rows = self.tail(clean)?;
        let labels = vec![self.target; rows.len()];
        Ok(Poison { rows, labels, content: None, ..Poison::default() })
    }

    fn counted(&self, test: &Dataset) -> Result<Option<Vec<usize>>> {
        self.tail(test).map(Some)
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}
