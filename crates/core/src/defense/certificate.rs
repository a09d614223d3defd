//! Certificates: predictions that come with a proof.

use super::Regime;
use crate::{Model, Result, Rows};

/// A prediction and how far it is proven to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certified {
    /// The predicted label.
    pub label: usize,
    /// The number of training rows that an adversary may insert or remove without changing it; for a changed row
    /// count two.
    pub radius: usize,
}

/// A regime whose model's predictions are proven to stay when the training set is changed a little.
pub trait Certificate: Regime {
    /// Predicts rows with a model that [`Regime::fit`] gave, each with its radius.
    ///
    /// # Errors
    /// The rows are of another kind than the model was trained on.
    fn certify(&self, model: &dyn Model, rows: &Rows) -> Result<Vec<Certified>>;
}
