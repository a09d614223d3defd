//! Fine-pruning: cut off the channels that clean inputs leave idle, then fine-tune.

use aconite_core::{
    Course, Damaged, Dataset, Defense, Error, Info, Knowledge, Model, Observer, Pace, Rate, Repair, Result,
    Role, Steps, best_class, metrics,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Element, Tensor, no_grad};

use crate::maps::{logits_from, maps, stages_with_maps};
use crate::reader::{Reader, masked};
use crate::samples;

/// Cuts off the channels of the last convolutional stage that clean samples activate least, then fine-tunes.
///
/// Paper: Liu, Dolan-Gavitt, Garg 2018, "Fine-Pruning: Defending Against Backdooring Attacks on Deep Neural
/// Networks", sections 3.1 and 3.3.
///
/// a_c = mean |F_c(x)| over clean samples x and places, F the output of the last stage that gives maps. Channels
/// are pruned by ascending a_c as long as acc(all) − acc(rest) ≤ `max_drop` on the validation part of the samples;
/// then all clean samples are trained on as by `fine_tune`, the pruned channels kept at zero.
///
/// A channel is pruned by setting to zero what the next linear layer multiplies it with. In a net with shortcuts
/// nothing else would do, since a shortcut feeds the map past the last convolution; in a plain one it is the same
/// function as silencing the convolution. The layer is found by trying, and a net without one is refused. All
/// stages of the nets here end in a ReLU or a sum of such, so |F| is F. The paper has one clean set for accuracy,
/// activations and fine-tuning: that is `validation` = 1; nothing is ever chosen on test data. At least one channel
/// stays. Optimiser, augmentation and learning rate are those of `fine_tune`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FinePrune {
    /// Clean samples as a share of the training set, in (0, 1].
    pub clean: Rate,
    /// Share of the clean samples on which the loss of accuracy is measured, in (0, 1], at least one row.
    pub validation: Rate,
    /// Accuracy that pruning may cost on the validation part, as a share in [0, 1].
    pub max_drop: Rate,
    /// Passes over the clean samples after pruning; 0 prunes only.
    pub epochs: usize,
    /// Constant learning rate, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub lr: f64,
    /// Rows per step, at least 1.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
}

impl Default for FinePrune {
    fn default() -> Self {
        Self {
            clean: Rate::literal(0.05),
            validation: Rate::literal(0.5),
            max_drop: Rate::literal(0.04),
            epochs: 10,
            lr: 0.01,
            batch_size: 128,
        }
    }
}

impl Kind for FinePrune {}

impl FinePrune {
    fn pace(&self) -> Pace {
        Pace { epochs: self.epochs, batch_size: self.batch_size, lr: self.lr }
    }

    /// Prunes `model` and says which layer was changed and which channels are left.
    fn prune(&self, model: &dyn Model, damaged: &Damaged<'_>) -> Result<(Reader, Vec<bool>)> {
        let (network, clean) = (model.net()?, damaged.clean);
        let stages = stages_with_maps(network, clean.rows())?;
        let stage = stages[stages.len() - 1];
        let all = maps(network, stage, clean.rows())?;
        let activation = all.abs().mean_dim([0i64, 2, 3].as_slice(), false, Element::Double);
        let activation = Vec::<f64>::try_from(activation)?;
        let reader = Reader::find(model, stage, &all)?;

        let every: Vec<usize> = (0..clean.len()).collect();
        let count = self.validation.count(clean.len()).max(1);
        let part = damaged.seed.derive("validation").choose(&every, count);
        let rows = Tensor::from_slice(&part.iter().map(|&row| row as i64).collect::<Vec<_>>());
        let (part, seen) = (clean.select(&part)?, all.index_select(0, &rows));
        let accuracy = || accuracy(&logits_from(network, stage, &seen), &part);

        let mut order: Vec<usize> = (0..activation.len()).collect();
        order.sort_by(|&a, &b| activation[a].total_cmp(&activation[b]).then(a.cmp(&b)));
        let mut keep = vec![true; order.len()];
        let whole = accuracy()?;
        for &channel in &order[..order.len() - 1] {
            keep[channel] = false;
            reader.cut(&keep);
            // The last bit of a difference of two shares must not decide.
            if whole - accuracy()? > self.max_drop.get() + 1e-9 {
                keep[channel] = true;
                break;
            }
        }
        reader.cut(&keep);
        Ok((reader, keep))
    }
}

fn accuracy(logits: &Tensor, data: &Dataset) -> Result<f64> {
    Ok(metrics::accuracy(&best_class(logits)?, data.labels()).unwrap_or(0.0))
}

impl Defense for FinePrune {
    fn role(&self) -> Role<'_> {
        Role::Repair(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        vec![Knowledge::CleanSamples]
    }

    fn check(&self, info: &Info) -> Result<()> {
        info.shape()?;
        let count = samples::count(self.clean, info)?;
        if self.validation.count(count) == 0 {
            let message =
                format!("{} of {count} clean samples are no row to validate on", self.validation.get());
            return Err(Error::at("validation", message).hint("raise validation or clean"));
        }
        samples::check(self.pace())
    }

    /// One pass for the maps; what a pruned channel costs is measured from there on, in the last layers alone.
    fn passes(&self, info: &Info, _: f64, _: f64) -> f64 {
        self.clean.count(info.total()) as f64 + samples::steps(self.clean, info, self.epochs)
    }
}

impl Repair for FinePrune {
    fn reads_maps(&self) -> bool {
        true
    }

    fn clean(&self) -> Rate {
        self.clean
    }

    fn mend(&self, damaged: &Damaged<'_>, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        damaged.model.net()?;
        let model = damaged.learner.restore(&damaged.clean.info(), &damaged.model.tensors())?;
        let (Reader { name, .. }, keep) = self.prune(model.as_ref(), damaged)?;
        let start = model.tensors();
        let mut steps = Pruned { name, keep };
        let (pace, steps) = (Some(self.pace()), Some(&mut steps as &mut dyn Steps));
        let course = Course { start: Some(&start), pace, steps, ..Course::default() };
        damaged.learner.fit_with(damaged.clean, damaged.seed, course, watch)
    }
}

/// Training that leaves pruned channels at zero.
struct Pruned {
    name: String,
    keep: Vec<bool>,
}

impl Steps for Pruned {
    fn stepped(&mut self, weights: &[(String, Tensor)]) {
        for (_, weight) in weights.iter().filter(|(name, _)| *name == self.name) {
            no_grad(|| weight.detach().copy_(&masked(weight, &self.keep)));
        }
    }
}
