//! `min_max_svm`: points that the trained victim finds hardest, one after another.

use aconite_core::{
    Attack, Error, Goal, Info, NamedTensors, Needs, Observer, Poison, Poisoned, Rate, RateOf, Result, Scene,
    Seed, Silent, Trigger, budget,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::crafted;
use crate::feasible::Feasible;

/// Adds the points that a linear victim finds hardest, each found on the victim of those before it.
///
/// Paper: Steinhardt, Koh, Liang 2017, "Certified Defenses for Data Poisoning Attacks", section 3 (the min-max game); with
/// the victim trained to its optimum in every step, as in Koh, Steinhardt, Liang 2018, "Stronger Data Poisoning
/// Attacks Break Data Sanitization Defenses".
///
/// θ = argmin of the victim's objective on the clean rows and the points so far; then (x, y) is the point of the feasible
/// set with the largest hinge loss 1 − y(⟨w, x⟩ + b), y = ±1, and is added `copies` times, until there are ⌊rate·n⌋.
/// Feasible for a class is what lies within the `quantile` of its rows' distances to their mean μ_y (the sphere), and
/// whose |⟨x − μ_y, μ_y − μ_−y⟩| is within that of its rows (the slab): the largest loss there has a closed form. Both are
/// those of the clean rows, so that defenses like `l2` and `slab` find little to object to.
///
/// The victim must be linear with two classes: `svm` with the `linear` kernel, or `logistic`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MinMaxSvm {
    /// Added points as a share of the training rows, in [0, 1]; the count is ⌊rate·n⌋.
    pub rate: Rate,
    /// Share of a class's rows inside its sphere, and inside its slab, in (0, 1].
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub quantile: Rate,
    /// How often a point is added before the victim is trained again, at least 1.
    #[schemars(range(min = 1))]
    pub copies: u32,
}

impl Default for MinMaxSvm {
    fn default() -> Self {
        Self { rate: Rate::literal(0.03), quantile: Rate::literal(0.7), copies: 1 }
    }
}

impl Kind for MinMaxSvm {}

/// Weights and bias of a linear victim.
fn linear(tensors: &NamedTensors, width: usize) -> Result<(Vec<f64>, f64)> {
    let read = |name: &str, count: usize| {
        let tensor = tensors.get(name).filter(|tensor| tensor.numel() == count)?;
        Vec::<f64>::try_from(tensor.flatten(0, -1).to_kind(tch::Kind::Double)).ok()
    };
    match read("weight", width).zip(read("bias", 1)) {
        Some((weight, bias)) if tensors.len() == 2 => Ok((weight, bias.iter().sum())),
        _ => Err(Error::new("the victim is not linear with two classes")
            .hint("take svm with the linear kernel, or logistic")),
    }
}

impl Attack for MinMaxSvm {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Availability
    }

    fn check(&self, info: &Info) -> Result<()> {
        crafted::check(info)?;
        if self.quantile.get() <= 0.0 {
            return Err(Error::at("quantile", "a sphere that covers no row has no radius: above 0"));
        }
        if self.copies == 0 {
            return Err(Error::at("copies", "0 copies never reach the count: 1 or more"));
        }
        budget(self.rate, RateOf::TrainSet, info, None, None, info.total()).map(drop)
    }

    fn needs(&self) -> Needs {
        Needs { victim: true, linear: true, ..Needs::default() }
    }

    fn craft(&self, scene: &Scene<'_>, watch: &mut dyn Observer) -> Result<Vec<Poison>> {
        self.check(&scene.clean.info())?;
        let (victim, columns) = (scene.victim()?, scene.clean.rows().table()?.columns());
        let sets = [0, 1].map(|class| Feasible::of(scene.clean, class, self.quantile));
        let [first, second] = sets;
        let sets = [first?, second?];
        let count = self.rate.count(scene.clean.len());
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        while labels.len() < count {
            let poisoned = Poisoned::new(scene.clean, &crafted::poison(columns, &values, &labels)?)?;
            let model = victim.fit(poisoned.data(), scene.seed.derive("victim"), &mut Silent)?;
            let (w, b) = linear(&model.tensors(), columns.len())?;
            let worst = |class: usize| {
                let sign = if class == 1 { 1.0 } else { -1.0 };
                let away: Vec<f64> = w.iter().map(|w| -sign * w).collect();
                let x = sets[class].farthest(&away);
                let loss = 1.0 - sign * (w.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>() + b);
                (class, x, loss)
            };
            let (ours, theirs) = (worst(0), worst(1));
            let (class, x, _) = if theirs.2 > ours.2 { theirs } else { ours };
            for _ in 0..(self.copies as usize).min(count - labels.len()) {
                values.extend(x.iter().map(|&v| v as f32));
                labels.push(class);
            }
            watch.step(labels.len(), count);
        }
        Ok(vec![crafted::poison(columns, &values, &labels)?])
    }

    fn passes(&self, info: &Info, training: f64) -> f64 {
        training * self.rate.count(info.total()).div_ceil(self.copies.max(1) as usize) as f64
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}
