//! Mixup: training on blends of pairs of rows.

use aconite_core::{
    Batch, Course, Defense, Error, Info, Model, Observer, Regime, Result, Role, Seed, Steps, Training,
};
use aconite_grid::Kind;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Beta, Distribution};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Element, Tensor};

/// Trains on blends of two rows of a batch and of their labels, which weakens what single rows can teach.
///
/// Paper: Borgnia, Cherepanova, Fowl, Ghiasi, Geiping, Goldblum, Goldstein, Gupta 2021, "Strong Data Augmentation
/// Sanitizes Poisoning and Backdoor Attacks Without an Accuracy Tradeoff"; the method: Zhang, Cissé, Dauphin,
/// Lopez-Paz 2018, "mixup: Beyond Empirical Risk Minimization", section 2.
///
/// For each batch λ ~ Beta(α, α) and a permutation π of its rows: x̃_i = λx_i + (1 − λ)x_π(i),
/// loss = mean λ·CE(f(x̃_i), y_i) + (1 − λ)·CE(f(x̃_i), y_π(i)).
///
/// α = 1, a uniform λ, is what Zhang et al. take for CIFAR-10; for ImageNet they take 0.1 to 0.4. Pairs only are
/// mixed, after the augmentation of `[train]`, pixels in 0 to 255 without rounding. Epochs, optimiser and schedule
/// are those of `[train]`, and order and start of the rows those of the undefended twin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Mixup {
    /// Both parameters α of the Beta distribution, above 0: near 0 rows are left alone, 1 draws uniformly, large
    /// ones give halves.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub alpha: f64,
}

impl Default for Mixup {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl Kind for Mixup {}

impl Mixup {
    /// The steps of a training, with draws from `seed`.
    ///
    /// # Errors
    /// The distribution does not exist.
    pub fn steps(&self, seed: Seed) -> Result<Blending> {
        let wrong = || Error::at("alpha", format!("an alpha of {} is not above 0 and finite", self.alpha));
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return Err(wrong());
        }
        let beta = Beta::new(self.alpha, self.alpha).map_err(|_| wrong())?;
        let (shares, pairs) = (seed.derive("shares").rng(), seed.derive("pairs"));
        Ok(Blending { beta, shares, pairs, batches: 0, share: 1.0, others: None })
    }
}

impl Defense for Mixup {
    fn role(&self) -> Role<'_> {
        Role::Regime(self)
    }

    fn check(&self, info: &Info) -> Result<()> {
        if info.kind.are_documents() {
            return Err(Error::new(format!("mixup blends images or numbers: {} have no mean", info.kind)));
        }
        self.steps(Seed(0)).map(drop)
    }
}

impl Regime for Mixup {
    fn fit(&self, training: &Training<'_>, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        let mut steps = self.steps(training.own)?;
        let course = Course { steps: Some(&mut steps), ..Course::default() };
        training.fit(training.data, course, watch)
    }
}

/// Training on blends.
#[derive(Debug)]
pub struct Blending {
    beta: Beta<f64>,
    shares: ChaCha8Rng,
    pairs: Seed,
    /// Batches so far.
    batches: usize,
    /// λ of the present batch.
    share: f64,
    /// Labels of the partners in the present batch.
    others: Option<Tensor>,
}

impl Blending {
    /// λ of the present batch.
    pub fn share(&self) -> f64 {
        self.share
    }
}

impl Steps for Blending {
    fn batch(&mut self, batch: Batch) -> Result<Batch> {
        let n = batch.labels.size()[0] as usize;
        self.share = self.beta.sample(&mut self.shares);
        let partners = self.pairs.derive(&self.batches.to_string()).shuffled(&(0..n).collect::<Vec<_>>());
        self.batches += 1;
        let partners = Tensor::from_slice(&partners.iter().map(|&row| row as i64).collect::<Vec<_>>());
        self.others = Some(batch.labels.f_index_select(0, &partners)?);
        let own = batch.inputs.f_to_kind(Element::Float)?;
        let other = own.f_index_select(0, &partners)?;
        let inputs = (own * self.share).f_add(&(other * (1.0 - self.share)))?;
        Ok(Batch { inputs, ..batch })
    }

    fn loss(&mut self, logits: &Tensor, labels: &Tensor) -> Tensor {
        let own = logits.cross_entropy_for_logits(labels);
        match &self.others {
            Some(others) => own * self.share + logits.cross_entropy_for_logits(others) * (1.0 - self.share),
            None => own,
        }
    }
}
