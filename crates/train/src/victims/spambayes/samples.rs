//! Learning from few messages again and again.

use std::rc::Rc;

use aconite_core::{Error, Result, Samples};
use aconite_text::spambayes::{Clues, Constants, Counts};
use tch::Tensor;

use super::model::both;

/// Messages that were read once.
pub(super) struct Read {
    sets: Vec<Rc<[u32]>>,
    /// Whether each is spam.
    labels: Vec<bool>,
    constants: Constants,
    /// The class that is spam.
    spam: usize,
    counts: Counts,
}

impl Read {
    pub(super) fn new(sets: Vec<Rc<[u32]>>, labels: Vec<bool>, constants: Constants, spam: usize) -> Self {
        Self { sets, labels, constants, spam, counts: Counts::default() }
    }
}

impl Samples for Read {
    fn scores(&mut self, learnt: &[usize], judged: &[usize]) -> Result<Tensor> {
        if let Some(row) = learnt.iter().chain(judged).find(|&&row| row >= self.sets.len()) {
            return Err(Error::new(format!("there is no row {row}")));
        }
        for &row in learnt {
            self.counts.learn(&self.sets[row], self.labels[row]);
        }
        let all = Clues::new(self.constants, self.counts.messages);
        let mut clues = Vec::new();
        let scores = judged.iter().map(|&row| {
            clues.clear();
            clues.extend(self.sets[row].iter().filter_map(|&word| all.of(self.counts.of(word))));
            self.constants.score(&mut clues).score
        });
        let scores: Vec<f64> = scores.collect();
        for &row in learnt {
            self.counts.forget(&self.sets[row], self.labels[row]);
        }
        Ok(both(scores.into_iter(), self.spam))
    }
}
