//! Unlearning: the reversed trigger is shown with right labels until the model forgets it.

use aconite_core::{
    Course, Damaged, Dataset, Defense, Error, Findings, Info, Knowledge, Model, Observer, Pace, Rate, Repair,
    Result, ReversedTrigger, Role, Rows, Seed,
};
use aconite_grid::Kind;
use aconite_train::{images, pixels};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Element, Tensor};

use crate::neural_cleanse::NeuralCleanse;

/// Reverses triggers as `neural_cleanse` does, and fine-tunes the model on images that carry them under their
/// right labels.
///
/// Paper: Wang, Yao, Shan, Li, Viswanath, Zheng, Zhao 2019, "Neural Cleanse: Identifying and Mitigating Backdoor
/// Attacks in Neural Networks" (mitigation by unlearning).
///
/// For each flagged class the share `share` of the clean samples is drawn, ⌊share·n⌋ of them, and replaced by
/// (1−m)·x + m·p, rounded to bytes, with the class's reversed mask m and pattern p; labels stay right. The
/// model then goes through all clean samples, stamped or not, for `epochs` epochs. A sample that is drawn
/// for two classes carries both triggers, that of the higher class on top.
///
/// The paper takes 10 % of the training set for one epoch and stamps 20 % of it; it does not state the learning
/// rate. If no class is flagged the model stays as it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Unlearning {
    /// How triggers are reversed and classes flagged: the settings of `neural_cleanse`, `clean` among them, whose
    /// samples serve both parts.
    pub detector: NeuralCleanse,
    /// Share of the clean samples that carry the reversed trigger of a flagged class, in [0, 1]; at least one.
    pub share: Rate,
    /// Passes over the clean samples, at least 1.
    #[schemars(range(min = 1))]
    pub epochs: usize,
    /// Images per step, at least 1.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// Constant learning rate, above 0, in the victim's own optimiser.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub lr: f64,
    /// Whether the class with the highest index is unlearned when none is flagged.
    pub always: bool,
}

impl Default for Unlearning {
    fn default() -> Self {
        Self {
            detector: NeuralCleanse::default(),
            share: Rate::literal(0.2),
            epochs: 1,
            batch_size: 32,
            lr: 0.01,
            always: false,
        }
    }
}

impl Kind for Unlearning {}

impl Defense for Unlearning {
    fn role(&self) -> Role<'_> {
        Role::Repair(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        vec![Knowledge::CleanSamples]
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.detector.check(info).map_err(|error| Error {
            setting: error.setting.map(|key| format!("detector.{key}")),
            ..error
        })?;
        for (key, count) in [("epochs", self.epochs), ("batch_size", self.batch_size)] {
            if count == 0 {
                return Err(Error::at(key, format!("{count} is out of range: at least 1")));
            }
        }
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return Err(Error::at("lr", format!("a learning rate of {} is not above 0", self.lr)));
        }
        let clean = self.detector.clean.count(info.total());
        match self.share.count(clean) {
            0 => Err(Error::at("share", format!("{} of {clean} clean samples is none", self.share.get()))
                .hint("raise share or detector.clean")),
            _ => Ok(()),
        }
    }

    fn passes(&self, info: &Info, training: f64, epochs: f64) -> f64 {
        let steps = self.detector.clean.count(info.total()) * self.epochs;
        self.detector.passes(info, training, epochs) + 3.0 * steps as f64
    }
}

impl Repair for Unlearning {
    fn clean(&self) -> Rate {
        self.detector.clean
    }

    fn mend(&self, damaged: &Damaged<'_>, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        let Damaged { learner, model, clean, seed, .. } = *damaged;
        let findings = self.detector.findings(model, clean, seed.derive("detector"), watch)?;
        let weights = model.tensors();
        let classes = self.classes(&findings);
        if classes.is_empty() {
            return learner.restore(&clean.info(), &weights);
        }
        let mut data = clean.clone();
        for class in classes {
            let rows = seed.derive("rows").derive(&class.to_string());
            self.stamp(&mut data, &findings.triggers[class], rows)?;
        }
        let pace = Pace { epochs: self.epochs, batch_size: self.batch_size, lr: self.lr };
        let course = Course { start: Some(&weights), pace: Some(pace), ..Course::default() };
        learner.fit_with(&data, seed.derive("fine_tune"), course, watch)
    }
}

impl Unlearning {
    /// The classes to unlearn, ascending.
    fn classes(&self, findings: &Findings) -> Vec<usize> {
        let all = 0..findings.index.len();
        let flagged: Vec<usize> = all.clone().filter(|&class| findings.flagged[class]).collect();
        if !flagged.is_empty() || !self.always {
            return flagged;
        }
        // The smaller class on a tie.
        all.rev().max_by(|&a, &b| findings.index[a].total_cmp(&findings.index[b])).into_iter().collect()
    }

    /// Puts a trigger on rows drawn from `seed`.
    fn stamp(&self, data: &mut Dataset, trigger: &ReversedTrigger, seed: Seed) -> Result<()> {
        let all: Vec<usize> = (0..data.len()).collect();
        let rows = seed.choose(&all, self.share.count(data.len()));
        let shape = data.images()?.shape();
        let (height, width) = (shape.height as i64, shape.width as i64);
        let mask = Tensor::from_slice(&trigger.mask).f_view([height, width, 1])?;
        let pattern = Tensor::from_slice(&trigger.pattern).f_view([height, width, shape.channels as i64])?;
        let clean = pixels(&data.rows().select(&rows))?.f_to_kind(Element::Float)?;
        let stays = mask.f_neg()?.f_add_scalar(1.0)?;
        let stamped = clean.f_mul(&stays)?.f_add(&pattern.f_mul(&mask)?)?;
        data.rows_mut().replace(&rows, &Rows::from(images(&stamped, shape)?))
    }
}
