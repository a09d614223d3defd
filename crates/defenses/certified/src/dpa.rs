//! Deep partition aggregation: every training row reaches one model of many, and the models vote.

use aconite_core::{
    Certificate, Certified, Dataset, Defense, Error, Info, Learner, Model, NamedTensors, Observer, Regime,
    Result, Role, Rows, Training,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ensemble::{Ensemble, Voter, counts};

/// Trains a victim on each of k parts of the training set and lets them vote, so that few rows sway few votes.
///
/// Paper: Levine and Feizi 2021, "Deep Partition Aggregation: Provable Defenses against General Poisoning Attacks".
///
/// Row x belongs to part h(x) mod k. With n_c(x) the number of models that predict class c, the prediction is
/// the class with the most votes, the smaller on a tie, and it stays the same for any training set that differs
/// by the insertion or removal of up to ρ = ⌊(n_c − max_{c'≠c}(n_c' + 1[c' < c]))/2⌋ rows.
///
/// h is the sum of all bytes of an image, as in the paper; of a table's row or a document, which the paper
/// does not have, FNV-1a (64 bits) of its bytes, numbers as little-endian f32. The label is no part of it: a
/// changed label stays in its part and sways one vote. Parts are of unequal size. A part decides its model
/// alone: its rows are sorted by content, then label, and the model's seed depends on the number of the part, so
/// that neither the order of the training set nor any other row matters. Models of small nets are trained in stacks, in
/// which each comes out the same to the last bit whatever else there is. A part with rows of one class is
/// not trained on: its model always predicts that class. An empty part, and one on which training fails, abstains;
/// the proof holds, since it takes one row to change what a part says and each part says one thing at most. Only
/// if training fails on all parts is that an error. An adversary in the input pipeline is not fed: the
/// proof is about training sets, of rows as the victim gets them. Columns that are scaled by statistics of all rows
/// (`standardise`) let one raw row move all others, and the proof does not speak of that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dpa {
    /// Number of parts and models, at least 1 and at most the training rows; in the paper 1200 and 3000 for MNIST, 50,
    /// 250 and 1000 for CIFAR-10.
    #[schemars(range(min = 1))]
    pub k: usize,
}

impl Default for Dpa {
    fn default() -> Self {
        Self { k: 50 }
    }
}

impl Kind for Dpa {
    // 2: small nets are trained in stacks.
    const VERSION: u32 = 2;
}

impl Defense for Dpa {
    fn role(&self) -> Role<'_> {
        Role::Certificate(self)
    }

    fn check(&self, info: &Info) -> Result<()> {
        let n = info.total();
        match (1..=n).contains(&self.k) {
            true => Ok(()),
            false => Err(Error::at("k", format!("{} parts of {n} rows: 1 to {n} fit", self.k))),
        }
    }
}

impl Regime for Dpa {
    fn fit(&self, training: &Training<'_>, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        let data = training.data;
        let mut voters = Vec::with_capacity(self.k);
        let (mut bases, mut fits) = (Vec::new(), Vec::new());
        for (part, rows) in self.parts(data.rows()).into_iter().enumerate() {
            let mut labels = rows.iter().map(|&row| data.labels()[row]);
            voters.push(match labels.next() {
                Some(first) if labels.all(|label| label == first) => Voter::Always(first),
                Some(_) => {
                    bases.push(part);
                    fits.push((
                        data.select(&sorted(data, rows))?,
                        training.seed.derive(&format!("base{part}")),
                    ));
                    // Until it is trained.
                    Voter::Abstains
                }
                None => Voter::Abstains,
            });
        }
        let made = training.learner.fit_together(&fits, None, None, watch);
        let (mut trained, mut failure) = (false, None);
        for (part, made) in bases.into_iter().zip(made) {
            match made {
                Ok(tensors) => {
                    trained = true;
                    voters[part] = Voter::Trained(training.learner.restore(&data.info(), &tensors)?);
                }
                Err(error) => {
                    failure.get_or_insert(error);
                }
            }
        }
        match failure {
            Some(error) if !trained => Err(error),
            _ => Ok(Box::new(Ensemble { voters, classes: data.num_classes() })),
        }
    }

    fn restore(&self, learner: &dyn Learner, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>> {
        Ok(Box::new(Ensemble::restore(learner, info, tensors, self.k)?))
    }

    fn needs_steps(&self) -> bool {
        false
    }
}

impl Certificate for Dpa {
    fn certify(&self, model: &dyn Model, rows: &Rows) -> Result<Vec<Certified>> {
        Ok(counts(&model.scores(rows)?)?.iter().map(|votes| certified(votes)).collect())
    }
}

impl Dpa {
    /// The rows of each part.
    fn parts(&self, rows: &Rows) -> Vec<Vec<usize>> {
        let mut parts = vec![Vec::new(); self.k];
        for row in 0..rows.len() {
            parts[(hash(rows, row) % self.k as u64) as usize].push(row);
        }
        parts
    }
}

/// The hash of a row, of its content alone.
fn hash(rows: &Rows, row: usize) -> u64 {
    match rows {
        Rows::Images(images) => images.image(row).iter().map(|&byte| u64::from(byte)).sum(),
        other => fnv_1a(&content(other, row)),
    }
}

/// FNV-1a, 64 bits.
fn fnv_1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The bytes of a row.
fn content(rows: &Rows, row: usize) -> Vec<u8> {
    match rows {
        Rows::Images(images) => images.image(row).to_vec(),
        Rows::Table(table) => table.row(row).iter().flat_map(|value| value.to_le_bytes()).collect(),
        Rows::Documents(documents) => documents.bytes(row).to_vec(),
    }
}

/// The rows by content, then label: an order that the rows themselves decide.
fn sorted(data: &Dataset, mut rows: Vec<usize>) -> Vec<usize> {
    rows.sort_by_cached_key(|&row| (content(data.rows(), row), data.labels()[row]));
    rows
}

/// The winner of a vote, and the number of votes that may be moved at will without changing it.
fn certified(votes: &[usize]) -> Certified {
    // The first of the highest.
    let label = (0..votes.len()).rev().max_by_key(|&class| votes[class]).unwrap_or(0);
    let rival = |class: usize| votes[class] + usize::from(class < label);
    let rivals = (0..votes.len()).filter(|&class| class != label).map(rival);
    let lead = votes.get(label).copied().unwrap_or(0) - rivals.max().unwrap_or(0);
    Certified { label, radius: lead / 2 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // def dpa(n):
    //     c = int(np.argmax(n))
    //     return c, (n[c] - max(n[d] + (d < c) for d in range(len(n)) if d != c)) // 2
    #[test]
    fn radii_are_the_formulas() {
        let golden: [(&[usize], usize, usize); 8] = [
            (&[5, 5, 0], 0, 0),
            (&[4, 5, 1], 1, 0),
            (&[5, 4, 1], 0, 0),
            (&[6, 4, 0], 0, 1),
            (&[4, 6, 0], 1, 0),
            (&[4, 7, 0], 1, 1),
            (&[0, 0, 50], 2, 24),
            (&[0, 0, 0], 0, 0),
        ];
        for (votes, label, radius) in golden {
            assert_eq!(certified(votes), Certified { label, radius }, "{votes:?}");
        }
    }

    // FNV's own test vectors: fnv1a_64 of "", "a" and "foobar".
    #[test]
    fn the_hash_of_numbers_and_texts_is_fnv_1a() {
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    /// Whether moving one vote after another (or withdrawing or adding one), `moves` in all, can change the winner.
    fn can_change(votes: &[usize], winner: usize, moves: usize) -> bool {
        if certified(votes).label != winner {
            return true;
        }
        if moves == 0 {
            return false;
        }
        (0..=votes.len()).any(|from| {
            (0..=votes.len()).any(|to| {
                let mut moved = votes.to_vec();
                // The place behind the last class stands for an abstention.
                if let Some(votes) = moved.get_mut(from) {
                    if *votes == 0 {
                        return false;
                    }
                    *votes -= 1;
                }
                if let Some(votes) = moved.get_mut(to) {
                    *votes += 1;
                }
                from != to && can_change(&moved, winner, moves - 1)
            })
        })
    }

    proptest! {
        #[test]
        fn the_radius_is_the_largest_that_holds(votes in prop::collection::vec(0usize..5, 2..4)) {
            let Certified { label, radius } = certified(&votes);
            prop_assert!(!can_change(&votes, label, radius));
            // One more vote moved from the winner to its closest rival does it.
            if votes[label] > radius {
                prop_assert!(can_change(&votes, label, radius + 1));
            }
        }
    }
}
