//! Dynamic thresholds: the cutoffs of a spam filter follow what it was taught.

use aconite_core::{
    Cutoffs, Defense, Error, Info, Learner, Model, NamedTensors, Observer, Regime, Result, Role, Rows,
    Training,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Trains a spam filter on half of the mail and sets its cutoffs by the scores of the other half.
///
/// Paper: Nelson et al. 2008, "Exploiting Machine Learning to Subvert Your Spam Filter", section 5.2.
///
/// A dictionary moves the scores of ham and spam alike and leaves their order, so that cutoffs that move with them
/// still part the two. Of the half that was not learnt let N_S<(t) be the spam that scores below t and N_H>(t) the
/// ham that scores above it, and u(t) = N_S<(t)/(N_S<(t) + N_H>(t)). θ₀ is the largest t with u(t) ≤ g, θ₁ the
/// smallest with u(t) ≥ 1 − g, among the middles between neighbouring scores, 0 and 1; where both counts are 0 both
/// hold, and thresholds that cross meet in their middle. Below θ₀ mail is ham, from θ₁ it is spam.
///
/// The scores of its models are those of the filter, stretched piece by piece so that θ₀ lies at the filter's own
/// `ham_cutoff` and θ₁ at its `spam_cutoff`; accuracy cuts at 0.5, which lies between its default cutoffs, but not
/// between any that may be set. Every class is halved, by the seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DynamicThreshold {
    /// Utility g that the cutoffs are set by, above 0 and below 0.5; the paper tries 0.05 and 0.1.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub g: f64,
}

impl Default for DynamicThreshold {
    fn default() -> Self {
        Self { g: 0.05 }
    }
}

impl Kind for DynamicThreshold {}

impl Defense for DynamicThreshold {
    fn role(&self) -> Role<'_> {
        Role::Regime(self)
    }

    fn check(&self, info: &Info) -> Result<()> {
        if !(self.g > 0.0 && self.g < 0.5) {
            return Err(Error::at("g", format!("a utility of {} is outside (0, 0.5)", self.g)));
        }
        match info.rows.iter().enumerate().find(|(_, rows)| **rows < 2) {
            Some((class, rows)) => {
                Err(Error::new(format!("class {class} has {rows} rows, which make no two halves")))
            }
            None => Ok(()),
        }
    }
}

impl Regime for DynamicThreshold {
    fn fit(&self, training: &Training<'_>, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        let data = training.data;
        let (mut learnt, mut held) = (Vec::new(), Vec::new());
        for class in 0..data.num_classes() {
            let rows =
                training.own.derive("halves").derive(&class.to_string()).shuffled(&data.rows_of(class));
            let (first, second) = rows.split_at(rows.len().div_ceil(2));
            learnt.extend(first);
            held.extend(second);
        }
        learnt.sort_unstable();
        held.sort_unstable();
        let inner = training.learner.fit(&data.select(&learnt)?, training.seed, watch)?;
        let cutoffs = cutoffs(inner.as_ref())?;
        if held.is_empty() {
            return Err(Error::new("one row makes no two halves"));
        }
        let scores = spam_scores(&inner.scores(&data.rows().select(&held))?, cutoffs.class)?;
        let is_spam: Vec<bool> = held.iter().map(|&row| data.labels()[row] == cutoffs.class).collect();
        let thresholds = thresholds(&scores, &is_spam, self.g);
        Ok(Box::new(Moved { inner, cutoffs, thresholds }))
    }

    fn takes_feed(&self) -> bool {
        false
    }

    fn needs_steps(&self) -> bool {
        false
    }

    fn needs_cutoffs(&self) -> bool {
        true
    }

    fn restore(&self, learner: &dyn Learner, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>> {
        let stored = tensors.get(THRESHOLDS).map(Vec::<f64>::try_from).transpose()?;
        let Some(Ok(thresholds)) = stored.map(<[f64; 2]>::try_from) else {
            return Err(Error::new("the stored model has no thresholds"));
        };
        let inner = learner.restore(info, tensors)?;
        let cutoffs = cutoffs(inner.as_ref())?;
        Ok(Box::new(Moved { inner, cutoffs, thresholds }))
    }
}

/// The tensor that holds both thresholds.
const THRESHOLDS: &str = "thresholds";

fn cutoffs(model: &dyn Model) -> Result<Cutoffs> {
    model
        .cutoffs()
        .ok_or_else(|| Error::new("this victim has no cutoffs to set").hint("choose spambayes as victim"))
}

/// The scores for spam in double precision. Those near 1 are taken from the other class, where single precision
/// tells them apart.
fn spam_scores(scores: &Tensor, spam: usize) -> Result<Vec<f64>> {
    let column = |class: usize| -> Result<Vec<f32>> {
        Ok(Vec::try_from(scores.f_select(1, class as i64)?.f_contiguous()?)?)
    };
    let pairs = column(spam)?.into_iter().zip(column(1 - spam)?);
    Ok(pairs.map(|(spam, ham)| if spam < 0.5 { f64::from(spam) } else { 1.0 - f64::from(ham) }).collect())
}

/// θ₀ and θ₁ of held-out scores.
fn thresholds(scores: &[f64], is_spam: &[bool], g: f64) -> [f64; 2] {
    let mut order: Vec<(f64, bool)> = scores.iter().copied().zip(is_spam.iter().copied()).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut spam_below, mut ham_above) = (0usize, is_spam.iter().filter(|spam| !**spam).count());
    let (mut low, mut high) = (0.0, None);
    let mut look = |t: f64, spam_below: usize, ham_above: usize| {
        let (below, above) = (spam_below as f64, ham_above as f64);
        if below <= g * (below + above) {
            low = t;
        }
        if below >= (1.0 - g) * (below + above) && high.is_none() {
            high = Some(t);
        }
    };
    look(0.0, 0, ham_above);
    let mut at = 0;
    while at < order.len() {
        let value = order[at].0;
        while at < order.len() && order[at].0 == value {
            match order[at].1 {
                true => spam_below += 1,
                false => ham_above -= 1,
            }
            at += 1;
        }
        let next = order.get(at).map_or(1.0, |next| next.0);
        // Between this score and the next; beyond the last one lies nothing but 1.
        look(if at < order.len() { f64::midpoint(value, next) } else { 1.0 }, spam_below, ham_above);
    }
    let high = high.unwrap_or(1.0);
    match low > high {
        true => [f64::midpoint(low, high); 2],
        false => [low, high],
    }
}

/// A filter with other cutoffs.
struct Moved {
    inner: Box<dyn Model>,
    cutoffs: Cutoffs,
    thresholds: [f64; 2],
}

impl Moved {
    /// The score at which the filter's own cutoffs mean what the thresholds mean at `score`.
    fn stretched(&self, score: f64) -> f64 {
        let [low, high] = self.thresholds;
        let Cutoffs { ham, spam, .. } = self.cutoffs;
        let between = |x: f64, [a, b]: [f64; 2], [c, d]: [f64; 2]| {
            if b > a { c + (x - a) / (b - a) * (d - c) } else { d }
        };
        match score {
            x if x >= high => between(x, [high, 1.0], [spam, 1.0]),
            // Below a cutoff is below it in single precision too.
            x if x >= low => between(x, [low, high], [ham, spam]).min(below(spam)),
            x => between(x, [0.0, low], [0.0, ham]).min(below(ham)),
        }
    }
}

/// The next smaller number in single precision.
fn below(cutoff: f64) -> f64 {
    f64::from((cutoff as f32).next_down())
}

impl Model for Moved {
    fn scores(&self, rows: &Rows) -> Result<Tensor> {
        let spam = self.cutoffs.class;
        let scores = spam_scores(&self.inner.scores(rows)?, spam)?;
        let pair = |score: f64| {
            let score = self.stretched(score);
            let (spam_score, ham_score) = (score as f32, (1.0 - score) as f32);
            if spam == 1 { [ham_score, spam_score] } else { [spam_score, ham_score] }
        };
        let flat: Vec<f32> = scores.into_iter().flat_map(pair).collect();
        Ok(Tensor::from_slice(&flat).f_view([-1, 2])?)
    }

    fn features(&self, rows: &Rows) -> Result<Tensor> {
        self.inner.features(rows)
    }

    fn tensors(&self) -> NamedTensors {
        let mut tensors = self.inner.tensors();
        tensors.insert(THRESHOLDS.into(), Tensor::from_slice(&self.thresholds));
        tensors
    }

    fn cutoffs(&self) -> Option<Cutoffs> {
        Some(self.cutoffs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Ham .1 .2 .3 .4 .8, spam .35 .7 .9 .95: u is 0 up to .35; between .35 and .4 it is 1/(1 + 2), to .7 1/2, to .8
    // 2/3, behind .8 there is no ham above: 1. With g = .4 the last t with u ≤ .4 is .375, the first with u ≥ .6 .75.
    #[test]
    fn thresholds_by_hand() {
        let scores = [0.1, 0.2, 0.3, 0.4, 0.8, 0.35, 0.7, 0.9, 0.95];
        let is_spam = [false, false, false, false, false, true, true, true, true];
        let near = |ours: [f64; 2], wanted: [f64; 2]| {
            assert!(ours.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-12), "{ours:?} {wanted:?}");
        };
        near(thresholds(&scores, &is_spam, 0.4), [0.375, 0.75]);
        near(thresholds(&scores, &is_spam, 0.05), [0.325, 0.85]);
        // Apart: everything between .4 and .7 is right for both.
        near(thresholds(&[0.1, 0.4, 0.7, 0.9], &[false, false, true, true], 0.05), [0.55, 0.55]);
        // Upside down, and only one class.
        near(thresholds(&[0.9, 0.1], &[false, true], 0.05), [0.0, 1.0]);
        near(thresholds(&[0.2, 0.4], &[false, false], 0.05), [1.0, 1.0]);
        near(thresholds(&[0.2, 0.4], &[true, true], 0.05), [0.0, 0.0]);
    }
}
