//! `naive_bayes`: multinomial naive Bayes on the words of texts and messages.

use aconite_core::{Dataset, Error, Info, Learner, Model, NamedTensors, Observer, Result, Seed, Work};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Number, Tensor};

use super::decision::{LinearModel, check, inputs, stored, width};
use super::documents::check_documents;
use super::words::{Tokens, Weighting, Words};

/// Logarithm of the share of a class without rows, far below any other.
const ABSENT: f64 = -1e4;

/// Multinomial naive Bayes on the words of texts and messages.
///
/// Paper: McCallum, Nigam 1998, "A comparison of event models for naive Bayes text classification"; the smoothing is
/// scikit-learn's `MultinomialNB`.
///
/// With N_cw occurrences of the word w in class c, N_c = Σ_w N_cw, V words and n_c of n rows:
/// θ_cw = (N_cw + α)/(N_c + α·V), and the score of class c is ln(n_c/n) + Σ_w x_w·ln θ_cw, x_w the occurrences of w
/// in the row, whose softmax is the model's probability. The vocabulary is that of the training rows. A class without
/// a training row has the share exp(−10⁴). Features are the occurrences. Nothing is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NaiveBayes {
    /// Occurrences α that every word is given in every class beforehand, above 0.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub alpha: f64,
    /// Words in the vocabulary, 1 to 1,000,000: those that most training rows hold, the first by letters of equally
    /// frequent ones.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub size: usize,
    /// Whether a row's second occurrence of a word is left out.
    pub binary: bool,
    /// What a word is.
    pub tokens: Tokens,
}

impl Default for NaiveBayes {
    fn default() -> Self {
        Self { alpha: 1.0, size: 2000, binary: false, tokens: Tokens::Words }
    }
}

impl Kind for NaiveBayes {}

impl NaiveBayes {
    fn words(&self) -> Words {
        let weighting = if self.binary { Weighting::Binary } else { Weighting::Counts };
        Words { size: self.size, weighting, tokens: self.tokens }
    }

    fn learn(&self, data: &Dataset, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        let classes = data.num_classes();
        let labels: Vec<i64> = data.labels().iter().map(|&label| label as i64).collect();
        let members = Tensor::from_slice(&labels).f_one_hot(classes as i64)?.f_to_kind(Number::Double)?;
        let counts = inputs(data.rows())?.f_to_kind(Number::Double)?.f_tr()?.f_matmul(&members)?;
        let smoothed = counts.f_add_scalar(self.alpha)?;
        let totals = smoothed.f_sum_dim_intlist([0i64].as_slice(), true, Number::Double)?;
        let weight = smoothed.f_div(&totals)?.f_log()?;
        let rows = data.info().rows;
        let share = |&n: &usize| if n == 0 { ABSENT } else { (n as f64 / data.len() as f64).ln() };
        let bias = Tensor::from_slice(&rows.iter().map(share).collect::<Vec<f64>>());
        watch.step(1, 1);
        Ok(Box::new(LinearModel { weight, bias }))
    }
}

impl Learner for NaiveBayes {
    fn check(&self, info: &Info) -> Result<()> {
        check_documents(info)?;
        check(info)?;
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return Err(Error::at("alpha", format!("{} occurrences beforehand are not above 0", self.alpha)));
        }
        self.words().check()
    }

    fn fit(&self, data: &Dataset, _: Seed, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        self.check(&data.info())?;
        self.words().fit(data, |table| self.learn(table, watch))
    }

    fn work(&self, info: &Info) -> Work {
        let (inputs, outputs) = (self.size as f64, info.classes.len() as f64);
        Work { macs: inputs * outputs, weights: (inputs + 1.0) * outputs, features: inputs }
    }

    fn restore(&self, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>> {
        self.words().restore(info, tensors, |info| {
            let classes = info.classes.len() as i64;
            let weight = stored(tensors, "weight", &[width(info)? as i64, classes])?;
            Ok(Box::new(LinearModel { weight, bias: stored(tensors, "bias", &[classes])? }))
        })
    }
}
