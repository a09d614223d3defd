//! Regimes: another way to train.

use std::fmt::Debug;

use super::Told;
use crate::{Course, Dataset, Feed, Info, Learner, Model, NamedTensors, Observer, Result, Seed};

/// What a regime trains with.
pub struct Training<'a> {
    /// The victim.
    pub learner: &'a dyn Learner,
    /// The training set as given.
    pub data: &'a Dataset,
    /// The adversary's hand in the input pipeline, if it has one.
    pub feed: Option<&'a dyn Feed>,
    /// What the defense declared as its knowledge.
    pub told: Told,
    /// The victim's seed: the streams `init`, `batches` and `augment` lie below it.
    pub seed: Seed,
    /// The defense's own stream.
    pub own: Seed,
}

impl Debug for Training<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Training").field("told", &self.told).field("seed", &self.seed).finish_non_exhaustive()
    }
}

impl<'a> Training<'a> {
    /// Trains the victim on `data` by a course of the regime's. The adversary's hand reaches the whole training
    /// set only: a regime that trains on a part of it numbers its rows anew and is fed nothing.
    ///
    /// # Errors
    /// As [`Learner::fit_with`].
    pub fn fit<'c>(
        &self,
        data: &Dataset,
        mut course: Course<'c>,
        watch: &mut dyn Observer,
    ) -> Result<Box<dyn Model>>
    where
        'a: 'c,
    {
        if data.len() == self.data.len() {
            course.feed = self.feed;
        }
        self.learner.fit_with(data, self.seed, course, watch)
    }
}

/// A regime sees the data and trains the victim in its own way. Every step goes through the one loop.
pub trait Regime: Debug + Send + Sync {
    /// Trains.
    ///
    /// # Errors
    /// The numbers stopped being finite, or the victim is not trained as the regime needs.
    fn fit(&self, training: &Training<'_>, watch: &mut dyn Observer) -> Result<Box<dyn Model>>;

    /// Whether an adversary who feeds every batch anew can do so all the while.
    fn takes_feed(&self) -> bool {
        true
    }

    /// Rebuilds its model from what [`Model::tensors`] gave: by default a model of the victim.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    fn restore(&self, learner: &dyn Learner, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>> {
        learner.restore(info, tensors)
    }

    /// Whether the victim must be trained in gradient steps.
    fn needs_steps(&self) -> bool {
        true
    }

    /// Whether the victim must have cutoffs ([`Learner::cutoffs`]).
    fn needs_cutoffs(&self) -> bool {
        false
    }
}
