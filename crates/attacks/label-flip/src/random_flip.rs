//! Random label flips: uniform over the other classes, or from one class to another.

use aconite_core::{
    Attack, Dataset, Error, Goal, Info, LabelMap, Poison, Rate, RateOf, Result, Seed, Trigger, budget,
};
use aconite_grid::Kind;
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Flips an exact number of labels at random, to any other class or from one class to another.
///
/// Paper: Biggio, Nelson, Laskov 2011, "Support Vector Machines Under Adversarial Label Noise" (random
/// label flips); the pair form is the class-conditional noise of Northcutt, Jiang, Chuang 2021,
/// "Confident Learning", section 2.
///
/// Uniform: a set S of ⌊rate·n⌋ rows is drawn without replacement, and for i in S the new label ỹᵢ is uniform
/// over {0, …, K−1} \ {yᵢ}. With `source` s and `target` t: S is drawn among the rows with yᵢ = s, and ỹᵢ = t.
///
/// Under one seed the flips of a lower rate are among those of a higher rate, with the same new labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RandomFlip {
    /// Share of rows whose label is flipped, in [0, 1]; the count is ⌊rate·n⌋.
    pub rate: Rate,
    /// What `rate` is a share of: all training rows, or the rows of the `source` or of the `target` class (both
    /// only with a pair).
    pub rate_of: RateOf,
    /// Class whose rows are flipped, counted from 0; none flips rows of every class. Needs `target`.
    pub source: Option<usize>,
    /// Label that the rows of `source` get, counted from 0; none draws a uniform other class. Needs `source`.
    pub target: Option<usize>,
}

impl Default for RandomFlip {
    fn default() -> Self {
        Self { rate: Rate::literal(0.1), rate_of: RateOf::TrainSet, source: None, target: None }
    }
}

impl Kind for RandomFlip {}

impl RandomFlip {
    /// Source and target, when both are given.
    fn pair(&self) -> Option<(usize, usize)> {
        self.source.zip(self.target)
    }

    /// The exact number of flips, once the settings are known to fit.
    fn count(&self, info: &Info) -> Result<usize> {
        let eligible = match (self.source, self.target) {
            (None, None) => info.total(),
            (Some(_), None) => return Err(one_end("source", "target")),
            (None, Some(_)) => return Err(one_end("target", "source")),
            (Some(source), Some(target)) => {
                info.check_class("source", source)?;
                info.check_class("target", target)?;
                if source == target {
                    let message =
                        format!("source and target are both class {target}: nothing would be flipped");
                    return Err(Error::at("target", message));
                }
                info.rows[source]
            }
        };
        if info.classes.len() < 2 {
            return Err(Error::new("labels cannot be flipped: the data set has a single class"));
        }
        budget(self.rate, self.rate_of, info, self.source, self.target, eligible)
    }
}

/// The error for a pair of which only `given` was set.
fn one_end(given: &str, missing: &str) -> Error {
    Error::at(given, format!("{given} is set, but {missing} is missing"))
        .hint(format!("a pair flip needs both; add {missing} = …, or leave {given} out for uniform flips"))
}

impl Attack for RandomFlip {
    fn goal(&self, _info: &Info) -> Goal {
        match self.pair() {
            Some((source, target)) => Goal::Targeted(LabelMap::SourceSpecific { source, target }),
            None => Goal::Availability,
        }
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.count(info).map(drop)
    }

    fn poison(&self, clean: &Dataset, seed: Seed) -> Result<Poison> {
        let count = self.count(&clean.info())?;
        let eligible = clean.rows_where(|label| self.source.is_none_or(|source| label == source));
        let rows = seed.derive("rows").choose(&eligible, count);
        let labels = match self.pair() {
            Some((_, target)) => vec![target; count],
            None => {
                // One draw for every row, flipped or not, so that a row's new label does not depend on the rate.
                let mut rng = seed.derive("labels").rng();
                let others = clean.num_classes() - 1;
                let drawn: Vec<usize> = (0..clean.len()).map(|_| rng.random_range(0..others)).collect();
                rows.iter().map(|&row| drawn[row] + usize::from(drawn[row] >= clean.labels()[row])).collect()
            }
        };
        Ok(Poison { rows, labels, content: None })
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}
