//! Reject on negative impact: what makes a trial victim worse is not learnt.

use std::collections::HashSet;

use aconite_core::{
    Class, Cutoffs, Dataset, Defense, Error, Evidence, Filter, Info, Knowledge, Learner, Rate, Reads, Result,
    Role, Samples, Seed, Silent, Sorted, Verdict, best_class,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::Tensor;

/// Removes the rows that make small trial victims worse.
///
/// Paper: Nelson et al. 2008, "Exploiting Machine Learning to Subvert Your Spam Filter", section 5.1; Nelson et al.
/// 2009, "Misleading Learners: Co-opting Your Spam Filter".
///
/// For each of `draws`, `train` rows T and `validate` others V are drawn from a pool, as many of each class. The
/// impact of a row q is the mean over the draws of R(T) − R(T ∪ {q}), R the number of rows of V of one class that the
/// victim trained on these few reads rightly: of a filter with cutoffs the ham that it delivers, of other victims all
/// rows. A row is removed if its impact is above `threshold`; the impact is its score.
///
/// The pool is a share `trusted` of the training set, known to be clean, as the mail that the paper's filter has been
/// given before. They are training rows too, so that one may meet its copy in T or V. With `trusted` = 0 the pool is
/// the training set itself, poison and all, and nothing need be known: a row's mean is then over the draws that it is
/// not in, and 0 where it is in all of them. The paper finds that dictionary mail costs at least 6.8 of 25 ham messages and other spam at most 4.4; its threshold
/// lies between them, and so does the default. The same T and V serve all rows.
///
/// `spambayes` counts the words of all messages once. Other victims are trained 1 + n times a draw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Roni {
    /// Rows that a trial victim learns, at least 1 of each class.
    #[schemars(range(min = 1))]
    pub train: usize,
    /// Rows that it is judged by, at least 1 of each class.
    #[schemars(range(min = 1))]
    pub validate: usize,
    /// Draws of both, at least 1.
    #[schemars(range(min = 1))]
    pub draws: usize,
    /// Rows of V that must be lost, on average, for a row to go.
    pub threshold: f64,
    /// Share of the training set that is known to be clean and is drawn from, in [0, 1]; 0 draws from what is given.
    pub trusted: Rate,
    /// The class whose rows of V are counted, by number or name; none counts the ham of a filter with cutoffs, of
    /// other victims all rows.
    pub class: Option<Class>,
}

impl Default for Roni {
    fn default() -> Self {
        Self { train: 20, validate: 50, draws: 5, threshold: 5.6, trusted: Rate::literal(0.1), class: None }
    }
}

impl Kind for Roni {
    const VERSION: u32 = 2;
}

impl Roni {
    /// Rows of each class that a draw takes from the pool.
    fn per_class(&self, classes: usize) -> [usize; 2] {
        [self.train, self.validate].map(|rows| rows / classes.max(1))
    }
}

impl Defense for Roni {
    fn role(&self) -> Role<'_> {
        Role::Filter(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        if self.trusted.get() > 0.0 { vec![Knowledge::CleanSamples] } else { Vec::new() }
    }

    fn check(&self, info: &Info) -> Result<()> {
        let classes = info.classes.len();
        for (key, rows) in [("train", self.train), ("validate", self.validate)] {
            if rows < classes {
                return Err(Error::at(
                    key,
                    format!("{rows} rows are fewer than one of each of {classes} classes"),
                ));
            }
        }
        if self.draws == 0 {
            return Err(Error::at("draws", "0 draws show nothing: at least 1"));
        }
        if !self.threshold.is_finite() {
            return Err(Error::at("threshold", "a threshold must be finite"));
        }
        if self.class.is_some() {
            Class::find(self.class.as_ref(), "class", "", info)?;
        }
        let (pool, needed) = (self.trusted.count(info.total()), self.train + self.validate);
        match self.trusted.get() > 0.0 && pool < needed {
            true => Err(Error::at(
                "trusted",
                format!(
                    "{pool} trusted rows are too few for {} to train and {} to validate",
                    self.train, self.validate
                ),
            )
            .hint("raise trusted, or set it to 0 to draw from the training set itself")),
            false => Ok(()),
        }
    }

    fn passes(&self, info: &Info, _: f64, _: f64) -> f64 {
        let once = (3 * self.train + self.validate) as f64;
        once * self.draws as f64 * (info.total() + 1) as f64
    }
}

impl Filter for Roni {
    fn reads(&self) -> Reads {
        Reads { victim: true, ..Reads::NOTHING }
    }

    fn clean(&self) -> Rate {
        self.trusted
    }

    fn judge(&self, evidence: &Evidence<'_>) -> Result<Verdict> {
        let learner = evidence.learner()?;
        let given = evidence.data;
        // The rows that are judged, and behind them those that are trusted.
        let (all, pool) = match &evidence.clean {
            Some(clean) => {
                let labels = [given.labels(), clean.labels()].concat();
                let rows = given.rows().followed_by(clean.rows())?;
                (Dataset::new(rows, labels, given.classes().clone())?, given.len()..given.len() + clean.len())
            }
            None => (given.clone(), 0..given.len()),
        };
        let draws = self.draw(&all, pool.collect(), evidence.seed)?;
        let mut trials = Trials::new(learner, &all, evidence.seed)?;
        let class = match &self.class {
            Some(class) => Some(Class::find(Some(class), "class", "", &all.info())?),
            None => None,
        };
        let (mut losses, mut counts) = (vec![0.0; given.len()], vec![0u32; given.len()]);
        for (learnt, judged) in &draws {
            let drawn: HashSet<usize> = learnt.iter().chain(judged).copied().collect();
            let mut learnt = learnt.clone();
            let before = trials.right(&learnt, judged, class)?;
            // A row of T would be learnt twice, one of V judged by itself.
            for row in (0..given.len()).filter(|row| !drawn.contains(row)) {
                learnt.push(row);
                losses[row] += before - trials.right(&learnt, judged, class)?;
                counts[row] += 1;
                learnt.pop();
            }
        }
        let mean = |(loss, count): (&f64, &u32)| loss / f64::from((*count).max(1));
        let scores: Vec<f64> = losses.iter().zip(&counts).map(mean).collect();
        let removed: Vec<bool> = scores.iter().map(|&score| score > self.threshold).collect();
        match removed.iter().all(|&gone| gone) {
            true => Err(Error::at("threshold", "every row does harm: nothing is left to train on")
                .hint("raise the threshold")),
            false => Ok(Verdict::new(scores, removed)),
        }
    }
}

/// Rows to learn, and others to be judged by.
type Draw = (Vec<usize>, Vec<usize>);

impl Roni {
    /// As many rows of each class as there is room for, of the pool.
    fn draw(&self, all: &Dataset, pool: Vec<usize>, seed: Seed) -> Result<Vec<Draw>> {
        let [train, validate] = self.per_class(all.num_classes());
        let of_class = |class: usize| -> Result<Vec<usize>> {
            let rows: Vec<usize> = pool.iter().copied().filter(|&row| all.labels()[row] == class).collect();
            if rows.len() < train + validate {
                let message = format!(
                    "{} rows of class {class} are there to draw {train} to train and {validate} to validate from",
                    rows.len()
                );
                return Err(Error::at("trusted", message).hint("raise trusted, or lower train or validate"));
            }
            Ok(rows)
        };
        let classes: Vec<Vec<usize>> = (0..all.num_classes()).map(of_class).collect::<Result<_>>()?;
        let draw = |number: usize| {
            let seed = seed.derive("draws").derive(&number.to_string());
            let (mut learnt, mut judged) = (Vec::new(), Vec::new());
            for (class, rows) in classes.iter().enumerate() {
                let drawn = seed.derive(&class.to_string()).shuffled(rows);
                learnt.extend(&drawn[..train]);
                judged.extend(&drawn[train..train + validate]);
            }
            (learnt, judged)
        };
        Ok((0..self.draws).map(draw).collect())
    }
}

/// Victims on trial.
struct Trials<'a> {
    learner: &'a dyn Learner,
    all: &'a Dataset,
    /// Where the learner knows a faster way.
    samples: Option<Box<dyn Samples>>,
    cutoffs: Option<Cutoffs>,
    seed: Seed,
}

impl<'a> Trials<'a> {
    fn new(learner: &'a dyn Learner, all: &'a Dataset, seed: Seed) -> Result<Self> {
        let cutoffs = learner.cutoffs(&all.info())?;
        Ok(Self { learner, all, samples: learner.samples(all)?, cutoffs, seed: seed.derive("victim") })
    }

    /// How many of the judged rows of a class are read rightly by a victim of the learnt ones.
    fn right(&mut self, learnt: &[usize], judged: &[usize], class: Option<usize>) -> Result<f64> {
        let scores: Tensor = match &mut self.samples {
            Some(samples) => samples.scores(learnt, judged)?,
            None => {
                let model = self.learner.fit(&self.all.select(learnt)?, self.seed, &mut Silent)?;
                model.scores(&self.all.rows().select(judged))?
            }
        };
        let label = |place: usize| self.all.labels()[judged[place]];
        let right: Vec<bool> = match self.cutoffs {
            Some(cutoffs) => {
                let sorted = cutoffs.sorted(&scores)?.into_iter().enumerate();
                let wanted = |place| if label(place) == cutoffs.class { Sorted::Spam } else { Sorted::Ham };
                sorted.map(|(place, sorted)| sorted == wanted(place)).collect()
            }
            None => {
                let read = best_class(&scores)?.into_iter().enumerate();
                read.map(|(place, read)| read == label(place)).collect()
            }
        };
        let counts = |place: usize| match (class, self.cutoffs) {
            (Some(class), _) => label(place) == class,
            (None, Some(cutoffs)) => label(place) != cutoffs.class,
            (None, None) => true,
        };
        Ok(right.iter().enumerate().filter(|(place, right)| **right && counts(*place)).count() as f64)
    }
}
