//! Label-consistent: images of the target class that are hard to read, with a faint pattern in a corner.

use aconite_core::{
    Attack, Error, Goal, Info, LabelMap, Needs, Observer, Poison, Rate, RateOf, Result, Scene, Seed, Trigger,
    budget,
};
use aconite_grid::Kind;
use aconite_train::images;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::ascent::Ascent;
pub use crate::ascent::Norm;
pub use crate::pattern::Corners;
use crate::pattern::{Pattern, SIDE};
use crate::trials::floats;

/// Makes images of the target class hard to read, adds a faint pattern to a corner, and leaves their labels right.
///
/// Paper: Turner, Tsipras, Madry 2019, "Label-Consistent Backdoor Attacks" (adversarial perturbations; its
/// interpolation in the latent space of a GAN is not built here).
///
/// x̃ = clip(PGD(x) + a·s), where PGD raises the surrogate's cross-entropy of the true label y within
/// ‖PGD(x) − x‖ ≤ ε: x ← Π(x + α·g/‖g‖₂), or α·sign(g) for `linf`, g = ∇ₓ L(x, y), from x itself, Π onto the
/// ball and onto [0, 255]. s is a 3×3 pattern of signs at the bottom right, +1 at (row, column) = (−1,−1),
/// (−1,−3), (−2,−2), (−3,−1) counted from the edges, −1 at the five others. The victim must look at the
/// pattern, since the rest of such an image speaks against its label.
///
/// The bounds are those of images of 32×32×3, on which ℓ2 300 is 5.4 grey levels in the root mean square. On grey
/// images of 28×28 it is 10.7; the same root mean square there is ε = 152. The paper's surrogate is trained to
/// withstand such perturbations and its victims augment their data; here the surrogate is trained as the victim
/// is. The change is rounded to bytes, which adds at most 0.5 a pixel to it (nothing to a whole-numbered ε of
/// `linf`). The paper's rate is a share of the target class (`rate_of = "target_class"`), here by default of the
/// whole training set, as for every attack. Under one seed the poisons of a lower rate are among those of a
/// higher rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LabelConsistent {
    /// Class whose rows are poisoned and that triggered inputs are to be read as, counted from 0.
    pub target: usize,
    /// Share of rows that are poisoned, in [0, 1]; the count is ⌊rate·n⌋, and the target class must supply it.
    pub rate: Rate,
    /// What `rate` is a share of: all training rows or the rows of the `target` class.
    pub rate_of: RateOf,
    /// How the change of an image is measured.
    pub norm: Norm,
    /// Largest change ε of an image in grey levels of 255: above 0, for `linf` at most 255. The paper's are 300,
    /// 600, 1200 for `l2` and 8, 16, 32 for `linf`.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub epsilon: f64,
    /// Steps of the ascent, at least 1.
    #[schemars(range(min = 1))]
    pub steps: usize,
    /// Length α of a step in grey levels, above 0; none is 2.5·ε/`steps`, which reaches the bound from anywhere in
    /// the ball (Madry et al. 2018).
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub step_size: Option<f64>,
    /// Amplitude a of the pattern in training in grey levels, in (0, 255].
    #[schemars(range(max = 255), extend("exclusiveMinimum" = 0))]
    pub amplitude: f64,
    /// Amplitude of the pattern at test in grey levels, in (0, 255].
    #[schemars(range(max = 255), extend("exclusiveMinimum" = 0))]
    pub amplitude_test: f64,
    /// Whether the pattern is at the bottom right or, mirrored, in all corners.
    pub corners: Corners,
}

impl Default for LabelConsistent {
    fn default() -> Self {
        Self {
            target: 0,
            rate: Rate::literal(0.05),
            rate_of: RateOf::TrainSet,
            norm: Norm::L2,
            epsilon: 300.0,
            steps: 100,
            step_size: None,
            amplitude: 32.0,
            amplitude_test: 255.0,
            corners: Corners::One,
        }
    }
}

impl Kind for LabelConsistent {}

impl LabelConsistent {
    /// The exact number of poisons, once the settings are known to fit.
    fn count(&self, info: &Info) -> Result<usize> {
        info.check_class("target", self.target)?;
        let shape = info.shape()?;
        let needed = match self.corners {
            Corners::One => SIDE,
            Corners::All => 2 * SIDE,
        };
        if shape.height.min(shape.width) < needed {
            let message =
                format!("the pattern needs images of {needed}×{needed} pixels or more, not {shape}");
            return Err(Error::at("corners", message));
        }
        for (key, amplitude) in [("amplitude", self.amplitude), ("amplitude_test", self.amplitude_test)] {
            if !(amplitude > 0.0 && amplitude <= 255.0) {
                return Err(Error::at(key, format!("an amplitude of {amplitude} is outside (0, 255]")));
            }
        }
        let epsilon = self.epsilon;
        match self.norm {
            Norm::L2 if !(epsilon.is_finite() && epsilon > 0.0) => {
                return Err(Error::at("epsilon", format!("a bound of {epsilon} is not above 0")));
            }
            Norm::Linf if !(epsilon > 0.0 && epsilon <= 255.0) => {
                let message = format!("a bound of {epsilon} grey levels per pixel is outside (0, 255]");
                return Err(
                    Error::at("epsilon", message).hint("the paper's bounds for linf are 8, 16 and 32")
                );
            }
            Norm::L2 | Norm::Linf => {}
        }
        if self.steps == 0 {
            return Err(Error::at("steps", "0 steps change nothing: at least 1"));
        }
        if let Some(size) = self.step_size.filter(|size| !(size.is_finite() && *size > 0.0)) {
            return Err(Error::at("step_size", format!("a step of {size} is not above 0")));
        }
        budget(self.rate, self.rate_of, info, None, Some(self.target), info.rows[self.target])
    }

    fn pattern(&self, amplitude: f64) -> Pattern {
        Pattern { amplitude, corners: self.corners }
    }
}

impl Attack for LabelConsistent {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Backdoor(LabelMap::AllToOne { target: self.target })
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.count(info).map(drop)
    }

    fn needs(&self) -> Needs {
        Needs { surrogate: true, ..Needs::default() }
    }

    fn passes(&self, info: &Info, _: f64) -> f64 {
        // Every step is a forward and a backward pass.
        self.count(info).map_or(0.0, |count| 3.0 * count as f64 * self.steps as f64)
    }

    fn craft(&self, scene: &Scene<'_>, watch: &mut dyn Observer) -> Result<Vec<Poison>> {
        let count = self.count(&scene.clean.info())?;
        let rows = scene.seed.derive("rows").choose(&scene.clean.rows_of(self.target), count);
        let labels = vec![self.target; count];
        let ascent = Ascent {
            norm: self.norm,
            epsilon: self.epsilon,
            steps: self.steps,
            step_size: self.step_size.unwrap_or(2.5 * self.epsilon / self.steps as f64),
        };
        let truth = Tensor::full([count as i64], self.target as i64, (tch::Kind::Int64, tch::Device::Cpu));
        let hard = match count {
            0 => scene.clean.rows().select(&[]),
            _ => {
                let clean = floats(scene.clean, &rows)?;
                let hard = ascent.climb(scene.network()?, &clean, &truth, watch)?;
                images(&hard, scene.clean.images()?.shape())?.into()
            }
        };
        let all: Vec<usize> = (0..count).collect();
        let content = self.pattern(self.amplitude).stamped(&hard, &all)?;
        Ok(vec![Poison { rows, labels, content: Some(content), ..Poison::default() }])
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(Some(Box::new(self.pattern(self.amplitude_test))))
    }
}
