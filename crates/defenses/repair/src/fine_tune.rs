//! Fine-tuning: more training, on clean samples.

use aconite_core::{
    Course, Damaged, Defense, Info, Knowledge, Model, Observer, Pace, Rate, Repair, Result, Role,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::samples;

/// Trains the damaged model on, with clean samples only.
///
/// Paper: Liu, Dolan-Gavitt, Garg 2018, "Fine-Pruning: Defending Against Backdooring Attacks on Deep Neural
/// Networks", section 3.2 (fine-tuning alone, which the paper finds too weak against most backdoors).
///
/// From θ₀, the weights of the damaged model: θ ← θ − lr·∇ mean CE(f_θ(x), y) over batches of the clean samples.
///
/// All weights are trained, by the victim's own optimiser (momentum and weight decay of `train.optimizer`) and
/// augmentation, with a constant learning rate in place of its schedule. The paper says only that the rate is
/// small; share, epochs and rate are those in use since the later benchmarks of repairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FineTune {
    /// Clean samples as a share of the training set, in (0, 1].
    pub clean: Rate,
    /// Passes over the clean samples; 0 leaves the model as it is.
    pub epochs: usize,
    /// Constant learning rate, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub lr: f64,
    /// Rows per step, at least 1.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
}

impl Default for FineTune {
    fn default() -> Self {
        Self { clean: Rate::literal(0.05), epochs: 10, lr: 0.01, batch_size: 128 }
    }
}

impl Kind for FineTune {}

impl FineTune {
    fn pace(&self) -> Pace {
        Pace { epochs: self.epochs, batch_size: self.batch_size, lr: self.lr }
    }
}

impl Defense for FineTune {
    fn role(&self) -> Role<'_> {
        Role::Repair(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        vec![Knowledge::CleanSamples]
    }

    fn check(&self, info: &Info) -> Result<()> {
        samples::count(self.clean, info)?;
        samples::check(self.pace())
    }

    fn passes(&self, info: &Info, _: f64, _: f64) -> f64 {
        samples::steps(self.clean, info, self.epochs)
    }
}

impl Repair for FineTune {
    fn clean(&self) -> Rate {
        self.clean
    }

    fn mend(&self, damaged: &Damaged<'_>, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        let start = damaged.model.tensors();
        let course = Course { start: Some(&start), pace: Some(self.pace()), ..Course::default() };
        damaged.learner.fit_with(damaged.clean, damaged.seed, course, watch)
    }
}
