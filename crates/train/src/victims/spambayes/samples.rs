//! Learning from few messages again and again.

use aconite_core::{Error, Result, Samples};
use aconite_text::spambayes::Trials;
use tch::Tensor;

use super::model::both;

/// Messages that were read once.
pub(super) struct Read {
    pub(super) trials: Trials,
    /// The class that is spam.
    pub(super) spam: usize,
}

impl Samples for Read {
    fn scores(&mut self, learnt: &[usize], judged: &[usize]) -> Result<Tensor> {
        if let Some(row) = learnt.iter().chain(judged).find(|&&row| row >= self.trials.len()) {
            return Err(Error::new(format!("there is no row {row}")));
        }
        Ok(both(self.trials.scores(learnt, judged).into_iter(), self.spam))
    }
}
