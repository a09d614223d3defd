//! Neural Cleanse: a class that is reached by an unusually small change of any image has a backdoor.

use aconite_core::{
    Dataset, Defense, Error, Findings, Info, Knowledge, MAD_SCALE, Model, ModelDetector, Observer, Rate,
    Result, ReversedTrigger, Role, Seed, Subject, median_and_mad,
};
use aconite_grid::Kind;
use aconite_train::pixels;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Element, Tensor};

use crate::batches::Batches;
use crate::cost::{Cost, Rules};
use crate::reversal::{Reversal, Tried};

/// Reverses for each class the smallest trigger that turns clean images into it, and flags classes whose
/// trigger is an outlier.
///
/// Paper: Wang, Yao, Shan, Li, Viswanath, Zheng, Zhao 2019, "Neural Cleanse: Identifying and Mitigating Backdoor
/// Attacks in Neural Networks".
///
/// For each class t, mask m (H×W, in [0, 1]) and pattern p (H×W×C) minimise
/// CE(f((1−m)·x + m·p), t) + λ·‖m‖₁ over the clean images x, with Adam (β 0.5 and 0.9). λ is 0 until `patience`
/// steps in a row succeed (turn at least `target_success` of their images), then `init_cost`; after each `patience`
/// steps in a row that succeed it is multiplied by `multiplier`, after as many that fail divided by
/// multiplier^1.5. The result is the smallest mask of a step that succeeded, or the last one if none did. With M
/// the median of the classes' ‖m‖₁ and MAD the median of |‖m‖₁ − M|, the index of a class is
/// (M − ‖m‖₁)/(1.4826·MAD), and classes above `threshold` are flagged.
///
/// In the paper the index is an absolute value and only classes below the median count; ours has a sign, which is
/// the same for them, and is 0 throughout where the MAD is 0. All classes are searched for at once and see the same batches;
/// the norm of a mask is taken at the last batch of a step, where the authors' code averages it over the step. With
/// two classes both lie equally far from their median and none can be flagged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NeuralCleanse {
    /// Clean samples that it is given, as a share of the training set; at least one.
    pub clean: Rate,
    /// Steps of the search, at least 1.
    #[schemars(range(min = 1))]
    pub steps: usize,
    /// Batches per step, over which success is measured, at least 1; the authors' code takes 31.
    #[schemars(range(min = 1))]
    pub batches: usize,
    /// Images per batch, at least 1; all clean samples if there are fewer.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// Learning rate of Adam, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub lr: f64,
    /// λ at its start, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub init_cost: f64,
    /// Factor by which λ grows, above 1.
    #[schemars(extend("exclusiveMinimum" = 1))]
    pub multiplier: f64,
    /// Steps in a row after which λ changes, at least 1.
    #[schemars(range(min = 1))]
    pub patience: usize,
    /// Share of the images that a trigger must turn, in [0, 1].
    pub target_success: Rate,
    /// Whether the search for a class ends when λ has been raised and lowered and no smaller mask was found in
    /// 5·`patience` steps.
    pub early_stop: bool,
    /// Anomaly index above which a class is flagged, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub threshold: f64,
}

impl Default for NeuralCleanse {
    fn default() -> Self {
        Self {
            clean: Rate::literal(0.1),
            steps: 1000,
            batches: 1,
            batch_size: 32,
            lr: 0.1,
            init_cost: 1e-3,
            multiplier: 1.5,
            patience: 5,
            target_success: Rate::literal(0.99),
            early_stop: true,
            threshold: 2.0,
        }
    }
}

impl Kind for NeuralCleanse {}

impl Defense for NeuralCleanse {
    fn role(&self) -> Role<'_> {
        Role::ModelDetector(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        vec![Knowledge::CleanSamples]
    }

    fn check(&self, info: &Info) -> Result<()> {
        info.shape()?;
        let counts = [
            ("steps", self.steps),
            ("batches", self.batches),
            ("batch_size", self.batch_size),
            ("patience", self.patience),
        ];
        for (key, count) in counts {
            if count == 0 {
                return Err(Error::at(key, format!("{count} is out of range: at least 1")));
            }
        }
        let numbers = [
            ("lr", self.lr, 0.0),
            ("init_cost", self.init_cost, 0.0),
            ("multiplier", self.multiplier, 1.0),
            ("threshold", self.threshold, 0.0),
        ];
        for (key, value, above) in numbers {
            if !(value.is_finite() && value > above) {
                return Err(Error::at(
                    key,
                    format!("{value} is out of range: a finite number above {above}"),
                ));
            }
        }
        if info.classes.len() < 3 {
            let message = format!("no outlier among {} classes can be told: it needs 3", info.classes.len());
            return Err(Error::new(message));
        }
        match self.clean.count(info.total()) {
            0 => Err(Error::at("clean", format!("{} of {} rows is none", self.clean.get(), info.total()))
                .hint("raise clean")),
            _ => Ok(()),
        }
    }

    /// All steps: how many an early stop spares is not known before.
    fn passes(&self, info: &Info, _: f64, _: f64) -> f64 {
        let images = self.batch_size.min(self.clean.count(info.total())) * self.batches;
        3.0 * (self.steps * images * info.classes.len()) as f64
    }
}

impl ModelDetector for NeuralCleanse {
    fn clean(&self) -> Rate {
        self.clean
    }

    fn inspect(&self, subject: &Subject<'_>, watch: &mut dyn Observer) -> Result<Findings> {
        self.findings(subject.model, subject.clean, subject.seed, watch)
    }
}

impl NeuralCleanse {
    /// What [`ModelDetector::inspect`] finds with these clean samples.
    ///
    /// # Errors
    /// As [`ModelDetector::inspect`].
    pub(crate) fn findings(
        &self,
        model: &dyn Model,
        clean: &Dataset,
        seed: Seed,
        watch: &mut dyn Observer,
    ) -> Result<Findings> {
        let triggers = self.reverse(model, clean, seed, watch)?;
        let sizes: Vec<f64> =
            triggers.iter().map(|trigger| trigger.mask.iter().copied().map(f64::from).sum()).collect();
        if sizes.iter().any(|size| !size.is_finite()) {
            return Err(Error::new("a mask is not finite: the model's training diverged")
                .hint("lower train.optimizer.lr"));
        }
        let index = anomaly(&sizes);
        let flagged = index.iter().map(|&index| index > self.threshold).collect();
        Ok(Findings { index, flagged, triggers })
    }

    /// The smallest trigger per class.
    fn reverse(
        &self,
        model: &dyn Model,
        clean: &Dataset,
        seed: Seed,
        watch: &mut dyn Observer,
    ) -> Result<Vec<ReversedTrigger>> {
        let net = model.net()?;
        let shape = clean.images()?.shape();
        let clean_pixels = pixels(clean.rows())?;
        let rules = Rules {
            target_success: self.target_success.get(),
            init_cost: self.init_cost,
            patience: self.patience,
            multiplier: self.multiplier,
        };
        let size = [shape.height, shape.width, shape.channels].map(|n| n as i64);
        let mut reversal = Reversal::start(clean.num_classes(), size, seed.derive("start"))?;
        let mut batches = Batches::new(clean.len(), self.batch_size, seed.derive("batches"));
        let mut found: Vec<Option<ReversedTrigger>> = vec![None; clean.num_classes()];
        // The classes that are still searched for, and where their searches stand.
        let mut searches: Vec<(usize, Cost)> =
            (0..clean.num_classes()).map(|class| (class, Cost::default())).collect();
        for step in 0..self.steps {
            let weights: Vec<f64> = searches.iter().map(|(_, cost)| cost.weight).collect();
            let mut turned = vec![0.0; searches.len()];
            let mut tried = None;
            for _ in 0..self.batches {
                let batch = clean_pixels.f_index_select(0, &batches.next())?.f_to_kind(Element::Float)?;
                let of_batch = reversal.step(net, &batch, &weights, self.lr)?;
                for (sum, turned) in turned.iter_mut().zip(&of_batch.turned) {
                    *sum += turned / (batches.size() * self.batches) as f64;
                }
                tried = Some(of_batch);
            }
            let Some(tried) = tried else { continue }; // `batches` is at least 1
            let last = step + 1 == self.steps;
            for (place, (class, cost)) in searches.iter_mut().enumerate() {
                let smaller = cost.observe(&rules, turned[place], tried.sizes[place]);
                if smaller || (last && found[*class].is_none()) {
                    found[*class] = Some(trigger(&tried, place)?);
                }
            }
            watch.step(step + 1, self.steps);
            if self.early_stop {
                let going: Vec<usize> =
                    (0..searches.len()).filter(|&place| !searches[place].1.rests(&rules)).collect();
                if going.is_empty() {
                    break;
                }
                if going.len() < searches.len() {
                    reversal.keep(&going.iter().map(|&place| place as i64).collect::<Vec<_>>())?;
                    searches = going.iter().map(|&place| searches[place].clone()).collect();
                }
            }
        }
        let missing = || Error::new("a class was not searched for");
        found.into_iter().map(|trigger| trigger.ok_or_else(missing)).collect()
    }
}

/// The trigger at a place among those that were tried.
fn trigger(tried: &Tried, place: usize) -> Result<ReversedTrigger> {
    let numbers = |tensor: &Tensor| -> Result<Vec<f32>> {
        Ok(Vec::try_from(tensor.f_select(0, place as i64)?.f_flatten(0, -1)?)?)
    };
    Ok(ReversedTrigger { mask: numbers(&tried.masks)?, pattern: numbers(&tried.patterns)? })
}

/// The anomaly index per class from the classes' mask sizes.
fn anomaly(sizes: &[f64]) -> Vec<f64> {
    let (median, mad) = median_and_mad(sizes);
    let index = |size: &f64| if mad > 0.0 { (median - size) / (MAD_SCALE * mad) } else { 0.0 };
    sizes.iter().map(index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    // The authors' example prints median 64.47 and MAD 13.24, the latter already times 1.4826, and 3.652 for an
    // L1 norm of 16.1: |16.1 − 64.47|/13.24 = 3.653 from the rounded numbers.
    // Sizes with that median and MAD: 64.47 and 64.47 ± 13.24/1.4826, one smaller and one larger.
    #[test]
    fn the_index_is_that_of_the_authors_example() {
        let mad = 13.24 / 1.4826;
        let index = anomaly(&[64.47, 16.1, 64.47 + mad, 64.47 - mad, 90.0]);
        let golden = [0.0, 3.653, -0.674, 0.674, -1.928];
        for (ours, expected) in index.iter().zip(golden) {
            assert!((ours - expected).abs() < 1e-3, "{index:?}");
        }
        assert_eq!(anomaly(&[3.0; 4]), [0.0; 4]);
    }
}
