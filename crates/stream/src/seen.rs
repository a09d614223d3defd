//! What is told of a stream on its way, and the state from which it can go on.

use aconite_core::{Model, NamedTensors, Result};

/// What happened in a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its number, from 0.
    pub window: usize,
    /// Rows that arrived, those that the attack added among them.
    pub rows: usize,
    /// How many of them are the attacker's.
    pub poisons: usize,
    /// Rows that the system trained on, before the operator acted.
    pub trained: usize,
    /// The number of each monitor; `None` before the reference window.
    pub drift: Vec<Option<f64>>,
    /// Its threshold; `None` where it cannot raise an alarm yet.
    pub thresholds: Vec<Option<f64>>,
    /// Whether it raised an alarm.
    pub alarms: Vec<bool>,
    /// Whether the operator acted.
    pub acted: bool,
    /// Rows that this cost: lost, or labelled by hand.
    pub repair_rows: usize,
    /// Wall-clock seconds that it took.
    pub repair_seconds: f64,
    /// Wall-clock seconds of training and watching, and of the repair.
    pub seconds: f64,
}

/// The state of a stream between two windows.
#[derive(Debug)]
pub struct Snapshot {
    /// The window that comes next.
    pub window: usize,
    /// Models: `served.7.fc.weight` of the one that served after window 7, `frozen.fc.weight` of the one that monitors
    /// read by.
    pub tensors: NamedTensors,
    /// Per window, whether it was dropped and whether it was labelled by hand.
    pub marks: Vec<(bool, bool)>,
    /// Accuracy on the trusted holdout after the reference window.
    pub reference_accuracy: Option<f64>,
    /// The windows so far.
    pub seen: Vec<Seen>,
}

/// Looks on.
pub trait Watch {
    /// A window is over; `model` serves now.
    ///
    /// # Errors
    /// What the one who looks on did failed.
    fn window(&mut self, seen: &Seen, model: &dyn Model) -> Result<()>;

    /// A state from which the stream can go on.
    ///
    /// # Errors
    /// It cannot be kept.
    fn checkpoint(&mut self, _snapshot: &Snapshot) -> Result<()> {
        Ok(())
    }
}
