//! ABL: learn, set aside what was learnt too easily, and unlearn it.

use aconite_core::{
    Course, Dataset, Defense, Error, Info, Model, Observer, Pace, Rate, Regime, Result, Role, Steps, Training,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Element, Reduction, Tensor};

/// Isolates the rows that are learnt too easily, trains on the others, then unlearns the isolated ones.
///
/// Paper: Li, Lyu, Koren, Lyu, Li, Ma 2021, "Anti-Backdoor Learning: Training Clean Models on Poisoned Data",
/// equations 2 to 4.
///
/// 1. `isolation_epochs` on all rows with a loss that stops falling at γ: `lga` mean sign(ℓ_i − γ)·ℓ_i with ℓ_i the
///    cross-entropy of row i, or `flooding` |ℓ̄ − γ| + γ with ℓ̄ the batch's mean; then the ⌊`isolate`·n⌋ rows of
///    lowest ℓ_i are set aside.
/// 2. `finetune_epochs` on the other rows with ℓ̄.
/// 3. `unlearn_epochs` on the isolated rows with −ℓ̄.
///
/// Nothing is told; the isolated share must be small enough to hold poisons only, and 1 % is the paper's. Sources
/// disagree: the authors' code takes the sign of ℓ̄, not of each ℓ_i as the paper writes it, isolates for 10 epochs and
/// unlearns for 5 at 5e-4, and the paper has turns at epochs 20 and 80 of 100. As in that code the rate of step 2 falls to a
/// tenth for the last third of its epochs. The optimiser is the victim's, and starts anew in each step and again where
/// the rate falls; so is the augmentation, in all three steps. ℓ_i are computed as in inference, and of equal ones the
/// earlier row is isolated. An attack that feeds every batch anew is refused: isolation would rank rows that nobody saw.
///
/// Two things to know of small runs. `lga` lifts poisons to γ as well, so that after many epochs the ranking says
/// nothing, where `batch_lga` keeps it. And ascent needs a loss that is not flat: in nets with batch normalisation a
/// batch of poisons alone gives it; in others unlearning may do nothing for long and then destroy the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Abl {
    /// What keeps the loss at γ while rows are isolated.
    pub ascent: Ascent,
    /// The loss γ below which training turns back, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub gamma: f64,
    /// Share of the training set that is isolated, in (0, 1).
    pub isolate: Rate,
    /// Passes over the training set before rows are isolated, at least 1.
    #[schemars(range(min = 1))]
    pub isolation_epochs: usize,
    /// Passes over the rows that are not isolated.
    pub finetune_epochs: usize,
    /// Passes over the isolated rows.
    pub unlearn_epochs: usize,
    /// Learning rate of isolation and fine-tuning, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub lr: f64,
    /// Learning rate of unlearning, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub unlearn_lr: f64,
    /// Rows per step, at least 1.
    #[schemars(range(min = 1))]
    pub batch_size: usize,
}

/// What keeps the loss from falling below γ.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Ascent {
    /// Local gradient ascent: rows below γ are climbed.
    #[default]
    Lga,
    /// Local gradient ascent as the authors' code has it: batches whose mean is below γ are climbed.
    BatchLga,
    /// Flooding: the same steps as `batch_lga`, from another loss.
    Flooding,
}

impl Default for Abl {
    fn default() -> Self {
        Self {
            ascent: Ascent::Lga,
            gamma: 0.5,
            isolate: Rate::literal(0.01),
            isolation_epochs: 20,
            finetune_epochs: 60,
            unlearn_epochs: 20,
            lr: 0.1,
            unlearn_lr: 1e-4,
            batch_size: 64,
        }
    }
}

impl Kind for Abl {}

impl Abl {
    /// The loss of the isolation from logits B×K and labels.
    pub fn held_loss(&self, logits: &Tensor, labels: &Tensor) -> Tensor {
        let losses = cross_entropies(logits, labels);
        match self.ascent {
            Ascent::Lga => ((&losses - self.gamma).sign() * losses).mean(Element::Float),
            Ascent::BatchLga => {
                let mean = losses.mean(Element::Float);
                (&mean - self.gamma).sign() * mean
            }
            Ascent::Flooding => (losses.mean(Element::Float) - self.gamma).abs() + self.gamma,
        }
    }

    /// The rows to isolate, those of lowest loss under `model`, ascending, and the others.
    ///
    /// # Errors
    /// The model does not take the rows, or its losses are not finite.
    pub fn isolated(&self, model: &dyn Model, data: &Dataset) -> Result<(Vec<usize>, Vec<usize>)> {
        let labels: Vec<i64> = data.labels().iter().map(|&label| label as i64).collect();
        let losses = cross_entropies(&model.scores(data.rows())?, &Tensor::from_slice(&labels));
        let losses = Vec::<f32>::try_from(losses)?;
        if losses.iter().any(|loss| !loss.is_finite()) {
            return Err(
                Error::new("the losses of isolation are not finite: its training diverged").hint("lower lr")
            );
        }
        let mut order: Vec<usize> = (0..losses.len()).collect();
        order.sort_by(|&a, &b| losses[a].total_cmp(&losses[b]).then(a.cmp(&b)));
        let mut rest = order.split_off(self.isolate.count(losses.len()));
        order.sort_unstable();
        rest.sort_unstable();
        Ok((order, rest))
    }

    fn pace(&self, epochs: usize, lr: f64) -> Option<Pace> {
        Some(Pace { epochs, batch_size: self.batch_size, lr })
    }
}

/// The cross-entropy of each row.
fn cross_entropies(logits: &Tensor, labels: &Tensor) -> Tensor {
    logits.cross_entropy_loss::<Tensor>(labels, None, Reduction::None, -100, 0.0)
}

impl Defense for Abl {
    fn role(&self) -> Role<'_> {
        Role::Regime(self)
    }

    fn check(&self, info: &Info) -> Result<()> {
        let above_0 = [("gamma", self.gamma), ("lr", self.lr), ("unlearn_lr", self.unlearn_lr)];
        if let Some((key, value)) =
            above_0.into_iter().find(|(_, value)| !(value.is_finite() && *value > 0.0))
        {
            return Err(Error::at(key, format!("{value} is out of range: a finite number above 0")));
        }
        for (key, value) in [("isolation_epochs", self.isolation_epochs), ("batch_size", self.batch_size)] {
            if value == 0 {
                return Err(Error::at(key, "0 is out of range: at least 1"));
            }
        }
        let n = info.total();
        match self.isolate.count(n) {
            count if count == 0 || count >= n => {
                let message =
                    format!("{} of {n} rows are {count}: not 1 to {}", self.isolate.get(), n.max(1) - 1);
                Err(Error::at("isolate", message))
            }
            _ => Ok(()),
        }
    }

    fn passes(&self, info: &Info, _: f64, _: f64) -> f64 {
        let n = info.total();
        let isolated = self.isolate.count(n);
        let rest = n - isolated;
        let steps = n * self.isolation_epochs + rest * self.finetune_epochs + isolated * self.unlearn_epochs;
        (3 * steps + n) as f64
    }
}

impl Regime for Abl {
    fn takes_feed(&self) -> bool {
        false
    }

    fn fit(&self, training: &Training<'_>, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        let mut held = Held(self);
        let course = Course {
            pace: self.pace(self.isolation_epochs, self.lr),
            steps: Some(&mut held),
            ..Course::default()
        };
        let model = training.fit(training.data, course, watch)?;
        let (isolated, rest) = self.isolated(model.as_ref(), training.data)?;
        let (isolated, rest) = (training.data.select(&isolated)?, training.data.select(&rest)?);

        let last = self.finetune_epochs / 3;
        let tuned = [(self.finetune_epochs - last, self.lr), (last, self.lr / 10.0)];
        let model = tuned.into_iter().try_fold(model, |model, (epochs, lr)| {
            let start = model.tensors();
            let course = Course { start: Some(&start), pace: self.pace(epochs, lr), ..Course::default() };
            training.fit(&rest, course, watch)
        })?;

        let start = model.tensors();
        let course = Course {
            start: Some(&start),
            pace: self.pace(self.unlearn_epochs, self.unlearn_lr),
            steps: Some(&mut Unlearning),
            ..Course::default()
        };
        training.fit(&isolated, course, watch)
    }
}

/// Training that keeps the loss at γ.
struct Held<'a>(&'a Abl);

impl Steps for Held<'_> {
    fn loss(&mut self, logits: &Tensor, labels: &Tensor) -> Tensor {
        self.0.held_loss(logits, labels)
    }
}

/// Training up the loss.
struct Unlearning;

impl Steps for Unlearning {
    fn loss(&mut self, logits: &Tensor, labels: &Tensor) -> Tensor {
        -logits.cross_entropy_for_logits(labels)
    }
}
