//! The system that keeps learning: its rows and its models.

use std::collections::VecDeque;

use aconite_core::{Error, Info, Model, NamedTensors, Result, Silent};

use crate::pool::Pool;
use crate::{Stream, Training};

/// The system: its rows and its models.
pub(crate) struct Site<'a> {
    pub(crate) stream: &'a Stream<'a>,
    pub(crate) info: Info,
    pub(crate) pool: Pool,
    /// Models that served, with the window after which they did, the latest last.
    pub(crate) served: VecDeque<(usize, NamedTensors)>,
    pub(crate) model: Option<Box<dyn Model>>,
}

impl Site<'_> {
    /// Puts back the model that served after a window, or the oldest that is kept.
    pub(crate) fn restore(&mut self, window: usize) -> Result<()> {
        let kept = self.served.iter().rev().find(|(after, _)| *after <= window).or(self.served.front());
        if let Some((_, tensors)) = kept {
            self.model = Some(self.stream.learner.restore(&self.info, tensors)?);
        }
        Ok(())
    }

    /// Trains a fresh model on the latest windows; on how many rows.
    pub(crate) fn fresh(&mut self) -> Result<usize> {
        let Some(data) = self.pool.latest(self.span())? else { return Ok(0) };
        self.model = Some(self.stream.learner.fit(&data, self.stream.seed, &mut Silent)?);
        Ok(data.len())
    }

    /// Goes on from the model that serves.
    fn go_on(&mut self, window: usize) -> Result<usize> {
        let Some(last) = self.model.as_ref().map(|model| model.tensors()) else {
            return self.fresh();
        };
        let Some(data) = self.pool.newest()? else { return Ok(0) };
        let seed = self.stream.seed.derive(&format!("window {window}"));
        self.model = Some(self.stream.learner.learn_on(&last, &data, seed, &mut Silent)?);
        Ok(data.len())
    }

    /// How many of the latest windows the schedule trains on.
    pub(crate) fn span(&self) -> Option<usize> {
        self.stream.schedule.span()
    }

    /// What the schedule says of a window that has arrived; on how many rows.
    pub(crate) fn train(&mut self, window: usize) -> Result<usize> {
        match self.stream.schedule.training(window) {
            Training::Fresh => self.fresh(),
            Training::Continue => self.go_on(window),
            // A system without any model must have one.
            Training::Keep if self.model.is_none() => self.fresh(),
            Training::Keep => Ok(0),
        }
    }

    /// The model that serves.
    pub(crate) fn model(&self) -> Result<&dyn Model> {
        self.model.as_deref().ok_or_else(|| Error::new("the stream has no model"))
    }
}
