//! Gradient matching: small changes that make training on the wanted class teach the wrong label of an input.

use aconite_core::{
    Attack, Error, Goal, Info, Needs, Observer, Poison, Rate, RateOf, Result, Scene, Seed, Trigger, budget,
};
use aconite_grid::Kind;
use aconite_train::{Augment, pixels};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind as Number, Tensor, no_grad};

use crate::matching::{SignedAdam, Wanted};
use crate::trials::{Aim, floats};

/// Changes images of the wanted class a little, so that learning them also learns a chosen test input wrongly.
///
/// Paper: Geiping, Fowl, Huang, Czaja, Taylor, Moeller, Goldstein 2021, "Witches' Brew: Industrial Scale Data
/// Poisoning via Gradient Matching" (one surrogate; no ensemble).
///
/// The changes δ, ‖δ‖∞ ≤ ε, minimise 1 − cos(∇L(x_t, y_adv), Σᵢ ∇L(xᵢ + δᵢ, yᵢ)), the gradients those of the
/// surrogate's cross-entropy in all its weights at once, x_t the test input of the class `source`, y_adv = `target`
/// the wanted label, xᵢ rows of the class `target`. Signed Adam: Adam on the signs of the gradient, then δ is cut
/// to ±ε and x + δ to [0, 255]; the rate falls to a tenth after 3/8, 5/8 and 7/8 of the iterations. Of several
/// restarts from δ uniform in ±ε the one is kept whose rounded images match best.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GradientMatching {
    /// Class of the test inputs that are to be misread, counted from 0.
    pub source: usize,
    /// Class that they are to be read as, and of the rows that carry the poison, counted from 0.
    pub target: usize,
    /// Share of rows that are poisoned for each test input, in [0, 1]; the count is ⌊rate·n⌋, at least 1, and the
    /// target class must supply it.
    pub rate: Rate,
    /// What `rate` is a share of: all training rows, or the rows of the `source` or of the `target` class.
    pub rate_of: RateOf,
    /// Test inputs, each with poisons and a victim of its own, at least 1.
    #[schemars(range(min = 1))]
    pub trials: usize,
    /// Largest change ε of a pixel in grey levels of 255, in (0, 255].
    #[schemars(range(max = 255), extend("exclusiveMinimum" = 0))]
    pub epsilon: f64,
    /// Learning rate in standard deviations of the training set's pixels, the units of the paper's inputs; above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub lr: f64,
    /// Iterations of each restart, at least 1.
    #[schemars(range(min = 1))]
    pub iterations: usize,
    /// Restarts, at least 1.
    #[schemars(range(min = 1))]
    pub restarts: usize,
    /// Random changes of the poisons in every iteration, `crop` and `flip`: those that the victim trains with.
    pub augment: Vec<Augment>,
    /// What the changes are: crafted, or noise of the same rows and bound to compare with.
    pub control: Control,
}

/// What the changes of the poisons are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Control {
    /// Crafted: the attack.
    #[default]
    None,
    /// +ε or −ε per pixel with equal probability: the control arm, with nothing crafted.
    Noise,
}

impl Default for GradientMatching {
    fn default() -> Self {
        Self {
            source: 1,
            target: 0,
            rate: Rate::literal(0.01),
            rate_of: RateOf::TrainSet,
            trials: 10,
            epsilon: 16.0,
            lr: 0.1,
            iterations: 250,
            restarts: 8,
            augment: Vec::new(),
            control: Control::None,
        }
    }
}

impl Kind for GradientMatching {}

impl GradientMatching {
    fn aim(&self) -> Aim {
        Aim { source: self.source, target: self.target, trials: self.trials }
    }

    /// The exact number of poisons of a trial, once the settings are known to fit.
    fn count(&self, info: &Info) -> Result<usize> {
        self.aim().check(info)?;
        if !(self.epsilon > 0.0 && self.epsilon <= 255.0) {
            return Err(Error::at("epsilon", format!("a bound of {} is outside (0, 255]", self.epsilon)));
        }
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return Err(Error::at("lr", format!("a learning rate of {} is not above 0", self.lr)));
        }
        for (key, times) in [("iterations", self.iterations), ("restarts", self.restarts)] {
            if times == 0 {
                return Err(Error::at(key, format!("0 {key} craft nothing: at least 1")));
            }
        }
        for (i, augment) in self.augment.iter().enumerate() {
            if !matches!(augment, Augment::Crop | Augment::Flip) {
                let message = format!("{augment:?} cannot be crafted through").to_lowercase();
                return Err(Error::at("augment", message).hint("crop and flip can"));
            }
            if self.augment[..i].contains(augment) {
                return Err(Error::at("augment", format!("{augment:?} is listed twice").to_lowercase()));
            }
        }
        let (source, target) = (Some(self.source), Some(self.target));
        let count = budget(self.rate, self.rate_of, info, source, target, info.rows[self.target])?;
        match count {
            0 => Err(Error::at("rate", format!("a rate of {} is not a single poison here", self.rate.get()))),
            _ => Ok(count),
        }
    }

    /// Changes of size `size` that are uniform in ±ε, or for the control arm ±ε.
    fn noise(&self, seed: Seed, size: &[i64]) -> Tensor {
        let mut rng = seed.rng();
        let n: i64 = size.iter().product();
        let draw = |_| {
            let u = rng.random::<f32>() * 2.0 - 1.0;
            match self.control {
                Control::None => u,
                Control::Noise => 1f32.copysign(u),
            }
        };
        let draws: Vec<f32> = (0..n).map(draw).collect();
        Tensor::from_slice(&draws).view(size) * self.epsilon
    }

    /// x + δ with δ cut to ±ε and the sum to [0, 255].
    fn within(&self, clean: &Tensor, delta: &Tensor) -> Tensor {
        (clean + delta.clamp(-self.epsilon, self.epsilon)).clamp(0.0, 255.0)
    }

    /// One restart: pixels, and how badly they match once rounded.
    fn descend(
        &self,
        wanted: &Wanted<'_>,
        clean: &Tensor,
        labels: &Tensor,
        lr: &Tensor,
        seed: Seed,
        stepped: &mut dyn FnMut(),
    ) -> Result<(Tensor, f64)> {
        let mut draws = seed.derive("augment").rng();
        let mut adam = SignedAdam::new(&clean.size());
        let mut moved = self.within(clean, &self.noise(seed.derive("start"), &clean.size()));
        for iteration in 0..self.iterations {
            let x = moved.detach().set_requires_grad(true);
            let mut seen = x.shallow_clone();
            for augment in &self.augment {
                seen = augment.apply(&seen, &mut draws);
            }
            let loss = wanted.mismatch(&seen, labels)?;
            let gradient = Tensor::f_run_backward(&[loss], &[&x], false, false)?.remove(0);
            let drops =
                [3, 5, 7].iter().filter(|&&eighths| 8 * iteration >= eighths * self.iterations).count();
            moved = no_grad(|| {
                let step = adam.step(&gradient, 0.1f64.powi(drops as i32)) * lr;
                self.within(clean, &(x + step - clean))
            });
            stepped();
        }
        let rounded = moved.round();
        let loss = wanted.mismatch(&rounded, labels)?.double_value(&[]);
        Ok((rounded, loss))
    }

    /// The poisons of one test input.
    fn brew(
        &self,
        wanted: &Wanted<'_>,
        clean: &Tensor,
        lr: &Tensor,
        seed: Seed,
        stepped: &mut dyn FnMut(),
    ) -> Result<(Tensor, f64)> {
        let labels =
            Tensor::full(clean.size()[..1].to_vec(), self.target as i64, (Number::Int64, Device::Cpu));
        let mut best: Option<(Tensor, f64)> = None;
        for restart in 0..self.restarts {
            let seed = seed.derive(&restart.to_string());
            let found = self.descend(wanted, clean, &labels, lr, seed, stepped)?;
            // A restart that has diverged is no best one.
            if best.as_ref().is_none_or(|best| found.1 < best.1 || best.1.is_nan()) {
                best = Some(found);
            }
        }
        best.ok_or_else(|| Error::at("restarts", "0 restarts craft nothing: at least 1"))
    }
}

impl Attack for GradientMatching {
    fn goal(&self, _: &Info) -> Goal {
        Goal::TargetedInputs { wanted: self.target }
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.count(info).map(drop)
    }

    fn needs(&self) -> Needs {
        // The control arm needs it too: the same inputs are drawn for both.
        Needs { surrogate: true, targets: true, ..Needs::default() }
    }

    fn trials(&self) -> usize {
        self.trials
    }

    fn passes(&self, info: &Info, _: f64) -> f64 {
        match self.control {
            // A forward and a backward pass, and a backward pass through both.
            Control::None => {
                let each = self.count(info).map_or(0.0, |count| count as f64);
                9.0 * each * self.trials as f64 * self.restarts as f64 * self.iterations as f64
            }
            Control::Noise => 0.0,
        }
    }

    fn craft(&self, scene: &Scene<'_>, watch: &mut dyn Observer) -> Result<Vec<Poison>> {
        let count = self.count(&scene.clean.info())?;
        let aim = self.aim();
        let network = scene.network()?;
        let weights: Vec<Tensor> =
            scene.surrogate()?.weights().into_iter().map(|(_, weight)| weight).collect();
        let (targets, looks) = aim.targets(scene)?;
        let lr = spread(&pixels(scene.clean.rows())?) * self.lr;
        let label = Tensor::from_slice(&[self.target as i64]);
        let total = self.trials.saturating_mul(self.restarts).saturating_mul(self.iterations);
        let mut done = 0;
        let mut stepped = || {
            done += 1;
            watch.step(done, total);
        };
        let trials = targets.into_iter().zip(aim.bases(scene, count)).enumerate();
        let poison = |(trial, (target, rows)): (usize, (_, Vec<usize>))| {
            let clean = floats(scene.clean, &rows)?;
            let seed = scene.seed.derive("changes").derive(&trial.to_string());
            let crafted = match self.control {
                Control::Noise => self.within(&clean, &self.noise(seed, &clean.size())),
                Control::None => {
                    let look = looks.narrow(0, trial as i64, 1);
                    let wanted = Wanted::new(network, &weights, &look, &label)?;
                    self.brew(&wanted, &clean, &lr, seed, &mut stepped)?.0
                }
            };
            aim.poison(scene, rows, &crafted, target)
        };
        trials.map(poison).collect()
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}

/// Standard deviation of the pixels (u8 N×H×W×C) per channel, f32 C.
fn spread(pixels: &Tensor) -> Tensor {
    let channels = pixels.size()[3];
    let mut sums = Tensor::zeros([2, channels], (Number::Double, Device::Cpu));
    // A slice at a time: as floats the whole set would be four times as large.
    for part in pixels.split(1000, 0) {
        let part = part.view([-1, channels]).to_kind(Number::Float);
        let over = |x: &Tensor| x.sum_dim_intlist([0i64].as_slice(), false, Number::Double);
        sums += Tensor::stack(&[over(&part), over(&part.square())], 0);
    }
    let mean = sums / (pixels.numel() as i64 / channels) as f64;
    let (first, second) = (mean.get(0), mean.get(1));
    (second - first.square()).clamp_min(0.0).sqrt().to_kind(Number::Float)
}
