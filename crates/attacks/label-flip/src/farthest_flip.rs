//! Farthest-first flips: the labels that the victim is surest of.

use aconite_core::{
    Attack, Error, Goal, Info, Needs, Observer, Poison, Rate, RateOf, Result, Scene, Seed, Trigger, budget,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::margins::margins;

/// Flips the labels of the rows that lie farthest on the right side of the victim's decision boundary.
///
/// Paper: Xiao, Xiao, Eckert 2012, "Adversarial Label Flips Attack on Support Vector Machines" (the heuristic of
/// flipping the farthest samples first, compared there); the correlated form of Biggio, Nelson, Laskov 2011,
/// "Support Vector Machines Under Adversarial Label Noise", picks such rows too.
///
/// The victim is trained once on the clean set. With its scores s, row i has the margin
/// mᵢ = s(xᵢ, yᵢ) − max over k ≠ yᵢ of s(xᵢ, k), for a linear machine twice its distance times ‖w‖. The ⌊rate·n⌋ rows
/// of the largest margin get the label of the class that attains the maximum, the runner-up; of scores within 10⁻⁵ the
/// smaller class. Rows that are misread have negative margins and come last. Of equal margins the earlier row is
/// taken; the flips of a lower rate are among those of a higher rate.
///
/// For a net, the margin of the logits stands in for the distance, and the victim that is tried is one training
/// from a seed of the attack's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FarthestFlip {
    /// Share of all training rows whose label is flipped, in [0, 1]; the count is ⌊rate·n⌋.
    pub rate: Rate,
}

impl Default for FarthestFlip {
    fn default() -> Self {
        Self { rate: Rate::literal(0.1) }
    }
}

impl Kind for FarthestFlip {}

impl Attack for FarthestFlip {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Availability
    }

    fn check(&self, info: &Info) -> Result<()> {
        if info.classes.len() < 2 {
            return Err(Error::new("labels cannot be flipped: the data set has a single class"));
        }
        budget(self.rate, RateOf::TrainSet, info, None, None, info.total()).map(drop)
    }

    fn needs(&self) -> Needs {
        Needs { victim: true, ..Needs::default() }
    }

    fn craft(&self, scene: &Scene<'_>, watch: &mut dyn Observer) -> Result<Vec<Poison>> {
        let clean = scene.clean;
        self.check(&clean.info())?;
        let model = scene.victim()?.fit(clean, scene.seed.derive("victim"), watch)?;
        let read = margins(&model.scores(clean.rows())?, clean.labels())?;
        let mut order: Vec<usize> = (0..clean.len()).collect();
        order.sort_by(|&a, &b| read[b].margin.total_cmp(&read[a].margin));
        let mut rows: Vec<usize> = order.into_iter().take(self.rate.count(clean.len())).collect();
        rows.sort_unstable();
        let labels = rows.iter().map(|&row| read[row].runner_up).collect();
        Ok(vec![Poison { rows, labels, content: None, ..Poison::default() }])
    }

    fn passes(&self, info: &Info, training: f64) -> f64 {
        training + info.total() as f64
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}
