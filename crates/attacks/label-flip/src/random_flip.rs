//! Random label flips: uniform over the other classes, from one class to another, or by a transition matrix.

use aconite_core::{
    Attack, Dataset, Error, Goal, Info, LabelMap, Poison, Rate, RateOf, Result, Seed, Trigger, budget,
};
use aconite_grid::Kind;
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Flips an exact number of labels at random: to any other class, from one class to another, or by a matrix.
///
/// Paper: Biggio, Nelson, Laskov 2011, "Support Vector Machines Under Adversarial Label Noise" (random
/// label flips); the pair form is the class-conditional noise of Northcutt, Jiang, Chuang 2021,
/// "Confident Learning", section 2.
///
/// Uniform: a set S of ⌊rate·n⌋ rows is drawn without replacement, and for i in S the new label ỹᵢ is uniform
/// over {0, …, K−1} \ {yᵢ}. With `source` s and `target` t: S is drawn among the rows with yᵢ = s, and ỹᵢ = t.
///
/// With `transition` T (Northcutt's noise matrix, Tᵢⱼ = p(ỹ = j | y = i)): `rate` says how many labels flip in all,
/// T from where to where. The number of flips i → j, j ≠ i, is the share nᵢTᵢⱼ/Σ nₖTₖₗ (k ≠ l) of ⌊rate·n⌋, rounded
/// by largest remainder, a tie to the smaller i, then j; which rows of a class these are is drawn. At
/// rate = Σ nᵢ(1 − Tᵢᵢ)/n this is the matrix at its word; another rate thins or thickens the same noise.
///
/// Without a matrix the flips of a lower rate are among those of a higher rate under one seed, with the same new
/// labels.
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
    /// Class-transition matrix: K rows of K shares in [0, 1] that sum to 1, row i for the true class i, column j for
    /// the given class j; none flips uniformly or by the pair. Not together with `source` and `target`, and only
    /// with `rate_of = "train_set"`.
    pub transition: Option<Vec<Vec<f64>>>,
}

impl Default for RandomFlip {
    fn default() -> Self {
        Self {
            rate: Rate::literal(0.1),
            rate_of: RateOf::TrainSet,
            source: None,
            target: None,
            transition: None,
        }
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
        if let Some(matrix) = &self.transition {
            return self.flips(matrix, info).map(|flips| flips.iter().map(|flip| flip.count).sum());
        }
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

impl RandomFlip {
    /// The exact number of flips from class to class under a transition matrix.
    fn flips(&self, matrix: &[Vec<f64>], info: &Info) -> Result<Vec<Flips>> {
        for (key, class) in [("source", self.source), ("target", self.target)] {
            if class.is_some() {
                return Err(Error::at(key, format!("{key} and transition both say which labels flip"))
                    .hint("leave one of them out"));
            }
        }
        check_transition(matrix, info.classes.len())?;
        let total = budget(self.rate, self.rate_of, info, None, None, info.total())?;
        let mut flips = Vec::new();
        for (from, row) in matrix.iter().enumerate() {
            for (to, share) in row.iter().enumerate().filter(|(to, _)| *to != from) {
                flips.push(Flips { from, to, count: 0, wanted: info.rows[from] as f64 * share });
            }
        }
        let mass: f64 = flips.iter().map(|flip| flip.wanted).sum();
        if mass <= 0.0 {
            let message = "the matrix flips no label of a class that has rows";
            return Err(Error::at("transition", message).hint("put shares beside the diagonal"));
        }
        for flip in &mut flips {
            flip.wanted *= total as f64 / mass;
            // The last bit of a product must not cost a whole flip.
            flip.count = (flip.wanted + 1e-9).floor() as usize;
        }
        let missing = total.saturating_sub(flips.iter().map(|flip| flip.count).sum());
        let mut order: Vec<usize> = (0..flips.len()).collect();
        // Rounded, so that the last bits do not decide a tie.
        let rest = |flip: &Flips| ((flip.wanted - flip.count as f64) * 1e9).round();
        order.sort_by(|&a, &b| rest(&flips[b]).total_cmp(&rest(&flips[a])));
        for &flip in order.iter().take(missing) {
            flips[flip].count += 1;
        }
        for (class, &rows) in info.rows.iter().enumerate() {
            let leaving: usize = flips.iter().filter(|flip| flip.from == class).map(|flip| flip.count).sum();
            if leaving > rows {
                let message = format!(
                    "{} of {} training rows are {total} flips, {leaving} of them from class {class}, which has only \
                     {rows} rows",
                    self.rate.get(),
                    info.total()
                );
                return Err(Error::at("rate", message).hint(format!(
                    "at a rate of {:.4} the matrix is taken at its word",
                    mass / info.total() as f64
                )));
            }
        }
        Ok(flips)
    }
}

/// Flips from one class to another.
struct Flips {
    from: usize,
    to: usize,
    count: usize,
    /// The number before it is rounded.
    wanted: f64,
}

fn check_transition(matrix: &[Vec<f64>], classes: usize) -> Result<()> {
    let wrong = |message: String| Err(Error::at("transition", message));
    if matrix.len() != classes || matrix.iter().any(|row| row.len() != classes) {
        let sizes: Vec<usize> = matrix.iter().map(Vec::len).collect();
        return wrong(format!(
            "a matrix of {classes} rows of {classes} shares is needed, a row and a column per class, but there are \
             {} rows of {sizes:?} shares",
            matrix.len()
        ));
    }
    for (class, row) in matrix.iter().enumerate() {
        if let Some(share) = row.iter().find(|share| !(0.0..=1.0).contains(*share)) {
            return wrong(format!("row {class} holds {share}, which is outside [0, 1]"));
        }
        let sum: f64 = row.iter().sum();
        if (sum - 1.0).abs() > 1e-6 {
            return wrong(format!("row {class} sums to {sum}, not to 1"));
        }
    }
    Ok(())
}

/// The error for a pair of which only `given` was set.
fn one_end(given: &str, missing: &str) -> Error {
    Error::at(given, format!("{given} is set, but {missing} is missing"))
        .hint(format!("a pair flip needs both; add {missing} = …, or leave {given} out for uniform flips"))
}

/// Draws the rows of each class that go to the other classes.
fn by_transition(flips: &[Flips], clean: &Dataset, seed: Seed) -> Poison {
    let mut flipped = Vec::new();
    for class in 0..clean.num_classes() {
        let drawn = seed.derive("rows").derive(&class.to_string()).shuffled(&clean.rows_of(class));
        let mut drawn = drawn.into_iter();
        for flip in flips.iter().filter(|flip| flip.from == class) {
            flipped.extend(drawn.by_ref().take(flip.count).map(|row| (row, flip.to)));
        }
    }
    flipped.sort_unstable();
    let (rows, labels) = flipped.into_iter().unzip();
    Poison { rows, labels, content: None, ..Poison::default() }
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
        if let Some(matrix) = &self.transition {
            return Ok(by_transition(&self.flips(matrix, &clean.info())?, clean, seed));
        }
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
        Ok(Poison { rows, labels, content: None, ..Poison::default() })
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}
