//! Feature collision: images of one class whose features are those of a test input of another.

use aconite_core::{Attack, Error, Goal, Info, Needs, Observer, Poison, Result, Scene, Seed, Trigger};
use aconite_grid::Kind;
use aconite_train::input;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Number, Tensor, no_grad};

use crate::ascent::LOOK;
use crate::collision::Splitting;
use crate::trials::{Aim, floats};

/// Moves images of the wanted class onto a chosen test input in feature space and leaves their labels right.
///
/// Paper: Shafahi, Huang, Najibi, Suciu, Studer, Dumitras, Goldstein 2018, "Poison Frogs! Targeted Clean-Label
/// Poisoning Attacks on Neural Networks" (algorithm 1; transfer and, with `watermark`, end-to-end training).
///
/// From a base image b of the class `target` and a test input t of the class `source`, with the surrogate's
/// features f: x̂ = x − λ∇ₓ‖f(x) − f(t)‖², x ← clip((x̂ + λβb)/(1 + λβ)), starting from b, which minimises
/// ‖f(x) − f(t)‖² + β/2·‖x − b‖². Pixels are in grey levels of 255 throughout, as in the authors' code. With a
/// watermark of opacity γ, b is replaced by γt + (1 − γ)b.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureCollision {
    /// Class of the test inputs that are to be misread, counted from 0.
    pub source: usize,
    /// Class that they are to be read as, and of the rows that carry the poison, counted from 0.
    pub target: usize,
    /// Poisons per test input, at least 1; the target class must supply them.
    #[schemars(range(min = 1))]
    pub poisons: usize,
    /// Test inputs, each with poisons and a victim of its own, at least 1.
    #[schemars(range(min = 1))]
    pub trials: usize,
    /// Opacity γ of the test input in the base images, in [0, 1).
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub watermark: f64,
    /// Weight β of staying near the base image, at least 0, for features as they are and pixels in grey levels;
    /// none is the paper's 0.25·(features/pixels)².
    #[schemars(range(min = 0))]
    pub beta: Option<f64>,
    /// First step λ, above 0; it is halved, image by image, whenever the objective would rise.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub lr: f64,
    /// Iterations at most, at least 1.
    #[schemars(range(min = 1))]
    pub iterations: usize,
    /// An image stops when it moves by less than this share of its norm, at least 0.
    #[schemars(range(min = 0))]
    pub tolerance: f64,
}

impl Default for FeatureCollision {
    fn default() -> Self {
        Self {
            source: 1,
            target: 0,
            poisons: 1,
            trials: 20,
            watermark: 0.0,
            beta: None,
            lr: 127_500.0,
            iterations: 500,
            tolerance: 1e-4,
        }
    }
}

impl Kind for FeatureCollision {}

impl FeatureCollision {
    fn aim(&self) -> Aim {
        Aim { source: self.source, target: self.target, trials: self.trials }
    }
}

impl Attack for FeatureCollision {
    fn goal(&self, _: &Info) -> Goal {
        Goal::TargetedInputs { wanted: self.target }
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.aim().check(info)?;
        let supply = info.rows[self.target];
        if !(1..=supply).contains(&self.poisons) {
            return Err(Error::at(
                "poisons",
                format!(
                    "{} poisons are outside 1 to {supply}, the rows of class {}",
                    self.poisons, self.target
                ),
            ));
        }
        if !(0.0..1.0).contains(&self.watermark) {
            let message = format!("an opacity of {} is outside [0, 1)", self.watermark);
            return Err(Error::at("watermark", message));
        }
        if let Some(beta) = self.beta.filter(|beta| !(beta.is_finite() && *beta >= 0.0)) {
            return Err(Error::at("beta", format!("a weight of {beta} is below 0")));
        }
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return Err(Error::at("lr", format!("a step of {} is not above 0", self.lr)));
        }
        if self.iterations == 0 {
            return Err(Error::at("iterations", "0 iterations change nothing: at least 1"));
        }
        match self.tolerance.is_finite() && self.tolerance >= 0.0 {
            true => Ok(()),
            false => Err(Error::at("tolerance", format!("a tolerance of {} is below 0", self.tolerance))),
        }
    }

    fn needs(&self) -> Needs {
        Needs { surrogate: true, targets: true, ..Needs::default() }
    }

    fn trials(&self) -> usize {
        self.trials
    }

    fn passes(&self, _: &Info, _: f64) -> f64 {
        // Every iteration is a forward and a backward pass. At most: many images stop earlier.
        3.0 * self.trials as f64 * self.poisons as f64 * (self.iterations as f64 + 1.0)
    }

    fn craft(&self, scene: &Scene<'_>, watch: &mut dyn Observer) -> Result<Vec<Poison>> {
        self.check(&scene.clean.info())?;
        let aim = self.aim();
        let network = scene.network()?;
        let features = |pixels: &Tensor| network.features(&input(pixels, Number::Float), LOOK);
        let (targets, looks) = aim.targets(scene)?;
        let rows = aim.bases(scene, self.poisons);
        let goals = no_grad(|| features(&looks));
        // Trial after trial, the poisons of each side by side.
        let each = |tensor: &Tensor| tensor.repeat_interleave_self_int(self.poisons as i64, 0, None);
        let (looks, goals) = (each(&looks), each(&goals));
        let bases = floats(scene.clean, &rows.concat())? * (1.0 - self.watermark) + looks * self.watermark;
        let share = goals.size()[1] as f64 / scene.clean.info().shape()?.pixels() as f64;
        let splitting = Splitting {
            beta: self.beta.unwrap_or(0.25 * share * share),
            lr: self.lr,
            iterations: self.iterations,
            tolerance: self.tolerance,
        };
        let crafted = splitting.collide(&features, &bases, &goals, watch)?;
        let crafted = crafted.split(self.poisons as i64, 0);
        let trials = targets.into_iter().zip(rows).zip(crafted);
        trials.map(|((target, rows), crafted)| aim.poison(scene, rows, &crafted, target)).collect()
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}
