//! Greedy flips: one label after another, each the one that hurts the retrained victim most.

use aconite_core::{
    Attack, Dataset, Error, Goal, Info, Learner, Model, Needs, Observer, Poison, Rate, RateOf, Relearns,
    Result, Scene, Seed, Silent, Trigger, budget, held_out,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::margins::margins;

/// Flips, step by step, the label whose flip most raises the retrained victim's loss on the adversary's own rows.
///
/// Paper: Paudice, Muñoz-González, Lupu 2018, "Label Sanitization against Label Flipping Poisoning Attacks",
/// Algorithm 1 (the attack).
///
/// ⌊validation·n⌋ clean training rows V, drawn by the seed, are the adversary's; they are never flipped and the
/// victim in the loop does not learn them. With flips F so far, a step takes
/// i* = argmax over i ∉ F ∪ V of L(V; θ(F ∪ {i})), θ(·) the victim trained on the other rows with these labels
/// flipped, until ⌊rate·n⌋ labels are flipped; of equal losses the earlier row is taken. With two classes a flip
/// gives the other label; with more, that of the class which the victim of F finds the next likely, of scores within
/// 10⁻⁵ the smaller. With margins mᵥ = (s(xᵥ, yᵥ) − max over k ≠ yᵥ of s(xᵥ, k))/2, which is y·f(x) for a binary
/// machine, L is the mean of
/// max(0, 1 − mᵥ) (`hinge`), of −log softmax(s)(yᵥ) (`cross_entropy`), or of mᵥ < 0 (`error`).
///
/// The victim that is attacked learns V too, with right labels. If it fits whatever it learns (many inputs, few rows, a
/// large `c`), that undoes much of what the flips did to the victim in the loop, and they hurt little more than random
/// ones: on MNIST's 1 and 7 with 500 rows, logistic regression with `c` = 1 does so, with `c` = 0.01 it does not.
///
/// Cost: one training of the victim per candidate and step. `svm` and `logistic` start each from the last one,
/// which changes nothing but the time. A net is trained from scratch each time, always from the attack's same seed:
/// set `candidates` and `step` so that it is affordable. `candidates` draws some rows per step and looks at those
/// only, and loses much if they are few; `step` flips that many of the best before the victim is trained again.
/// Neither is in the paper.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GreedyFlip {
    /// Share of all training rows whose label is flipped, in [0, 1]; the count is ⌊rate·n⌋, and the rows that are
    /// not the adversary's must supply it.
    pub rate: Rate,
    /// Share of the training rows that are the adversary's, in (0, 1).
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub validation: Rate,
    /// The loss on the adversary's rows.
    pub loss: Loss,
    /// Rows tried per step, drawn by the seed; 0 tries all.
    pub candidates: usize,
    /// Labels flipped per step, from 1; at most `candidates`, unless that is 0.
    #[schemars(range(min = 1))]
    pub step: usize,
}

/// Loss of a model on labelled rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Loss {
    /// Mean hinge loss.
    #[default]
    Hinge,
    /// Mean cross-entropy of the softmax of the scores.
    CrossEntropy,
    /// Share of rows that are misread.
    Error,
}

impl Loss {
    fn of(self, model: &dyn Model, data: &Dataset) -> Result<f64> {
        let scores = model.scores(data.rows())?;
        if self == Self::CrossEntropy {
            let labels: Vec<i64> = data.labels().iter().map(|&label| label as i64).collect();
            let loss = scores.cross_entropy_for_logits(&tch::Tensor::from_slice(&labels));
            return Ok(f64::try_from(loss)?);
        }
        let read = margins(&scores, data.labels())?;
        let loss = |margin: f64| match self {
            Self::Error => f64::from(u8::from(margin < 0.0)),
            _ => (1.0 - 0.5 * margin).max(0.0),
        };
        Ok(read.iter().map(|row| loss(row.margin)).sum::<f64>() / read.len() as f64)
    }
}

impl Default for GreedyFlip {
    fn default() -> Self {
        Self {
            rate: Rate::literal(0.1),
            validation: Rate::literal(0.2),
            loss: Loss::Hinge,
            candidates: 0,
            step: 1,
        }
    }
}

impl Kind for GreedyFlip {}

impl GreedyFlip {
    /// The exact number of flips, once the settings are known to fit.
    fn count(&self, info: &Info) -> Result<usize> {
        if info.classes.len() < 2 {
            return Err(Error::new("labels cannot be flipped: the data set has a single class"));
        }
        let n = info.total();
        let held = held_out(self.validation, n)?;
        if self.step == 0 {
            return Err(Error::at("step", "0 flips per step never end: it must be at least 1"));
        }
        if self.candidates > 0 && self.step > self.candidates {
            let message =
                format!("{} flips per step cannot be chosen among {} rows", self.step, self.candidates);
            return Err(Error::at("step", message).hint("raise candidates, or lower step"));
        }
        budget(self.rate, RateOf::TrainSet, info, None, None, n - held)
    }

    /// How many rows are tried when `left` are left.
    fn tried(&self, left: usize) -> usize {
        if self.candidates == 0 { left } else { self.candidates.min(left) }
    }

    /// Trainings in all.
    fn trainings(&self, count: usize, rows: usize) -> usize {
        (0..count).step_by(self.step).map(|flipped| 1 + self.tried(rows - flipped)).sum()
    }
}

/// Trains the victim on the same rows under other labels.
struct Trainer<'a> {
    victim: &'a dyn Learner,
    warm: Option<Box<dyn Relearns>>,
    data: Dataset,
    seed: Seed,
}

impl Trainer<'_> {
    fn train(&mut self, labels: &[usize]) -> Result<Box<dyn Model>> {
        if let Some(warm) = &mut self.warm {
            return warm.relearn(labels);
        }
        self.data.labels_mut().copy_from_slice(labels);
        self.victim.fit(&self.data, self.seed, &mut Silent)
    }
}

impl Attack for GreedyFlip {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Availability
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.count(info).map(drop)
    }

    fn needs(&self) -> Needs {
        Needs { victim: true, ..Needs::default() }
    }

    fn craft(&self, scene: &Scene<'_>, watch: &mut dyn Observer) -> Result<Vec<Poison>> {
        let clean = scene.clean;
        let count = self.count(&clean.info())?;
        let all: Vec<usize> = (0..clean.len()).collect();
        let held = scene.seed.derive("validation").choose(&all, self.validation.count(clean.len()));
        let rows: Vec<usize> = all.into_iter().filter(|row| held.binary_search(row).is_err()).collect();
        let (validation, data) = (clean.select(&held)?, clean.select(&rows)?);
        let victim = scene.victim()?;
        let mut labels = data.labels().to_vec();
        let warm = victim.relearns(data.rows(), data.num_classes())?;
        let mut trainer = Trainer { victim, warm, data, seed: scene.seed.derive("victim") };
        // Places in `rows` that are not flipped yet.
        let mut left: Vec<usize> = (0..rows.len()).collect();
        let (mut done, total) = (0, self.trainings(count, rows.len()));
        let mut flipped = Vec::new();
        while flipped.len() < count {
            let model = trainer.train(&labels)?;
            done += 1;
            let pool = scene.seed.derive("candidates").derive(&flipped.len().to_string());
            let pool = pool.choose(&left, self.tried(left.len()));
            let scores = model.scores(&trainer.data.rows().select(&pool))?;
            let own: Vec<usize> = pool.iter().map(|&place| labels[place]).collect();
            let mut tries = Vec::with_capacity(pool.len());
            for (&place, read) in pool.iter().zip(margins(&scores, &own)?) {
                let label = std::mem::replace(&mut labels[place], read.runner_up);
                let loss = self.loss.of(trainer.train(&labels)?.as_ref(), &validation)?;
                labels[place] = label;
                tries.push((place, read.runner_up, loss));
                done += 1;
                watch.step(done, total);
            }
            tries.sort_by(|a, b| b.2.total_cmp(&a.2));
            tries.truncate(self.step.min(count - flipped.len()));
            for (place, label, _) in tries {
                labels[place] = label;
                flipped.push((rows[place], label));
                left.retain(|&other| other != place);
            }
        }
        flipped.sort_unstable();
        let (rows, labels) = flipped.into_iter().unzip();
        Ok(vec![Poison { rows, labels, content: None, ..Poison::default() }])
    }

    fn passes(&self, info: &Info, training: f64) -> f64 {
        let (n, held) = (info.total(), self.validation.count(info.total()));
        let Ok(count) = self.count(info) else { return 0.0 };
        // The victim in the loop learns the other rows and is tried on the adversary's.
        let each = training * (n - held) as f64 / n as f64 + held as f64;
        self.trainings(count, n - held) as f64 * each
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}
