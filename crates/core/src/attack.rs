//! The family of attacks on a training set.

use std::fmt::Debug;

use crate::{
    Dataset, Error, Feed, Followed, Goal, Info, Learner, Model, Network, Observer, Poison, Result,
    Retraining, Seed, Target, Trigger, UpdateAttack,
};

/// An attack: the change of a training set, and what the adversary hopes for.
///
/// An attack that needs nothing but the data implements [`Attack::poison`]; one that looks at a model, tries
/// the victim out or draws test inputs to be misread implements [`Attack::craft`] and says what it
/// [`Attack::needs`].
pub trait Attack: Debug + Send + Sync {
    /// What counts as success on data with these classes.
    fn goal(&self, info: &Info) -> Goal;

    /// Checks the settings against the data before anything runs: classes in range, a budget that the
    /// classes can supply, a trigger that fits on the image.
    ///
    /// # Errors
    /// Names the setting, its value and the range.
    fn check(&self, info: &Info) -> Result<()>;

    /// What it is given beyond the training set.
    fn needs(&self) -> Needs {
        Needs::default()
    }

    /// The retraining of the victim that it is timed by ([`Learner::retraining`]); `None` if it is timed by none.
    ///
    /// # Errors
    /// As [`Attack::check`].
    fn timed_by(&self, _info: &Info) -> Result<Option<Retraining>> {
        Ok(None)
    }

    /// What identifies the content of a file that it reads; nothing if it is all in the settings. It belongs into
    /// the key of whatever is computed with it.
    ///
    /// # Errors
    /// The file cannot be read.
    fn content(&self) -> Result<Option<String>> {
        Ok(None)
    }

    /// How many rows it poisons or adds, for an attack that counts them otherwise than as ⌊rate · n⌋ of n rows.
    fn rows(&self, _info: &Info) -> Option<usize> {
        None
    }

    /// How many times it is tried in a cell, each time with poison and a victim of its own; at least 1.
    fn trials(&self) -> usize {
        1
    }

    /// Chooses and makes the poison. `seed` is the attack's own stream.
    ///
    /// # Errors
    /// The budget cannot be met.
    fn poison(&self, _clean: &Dataset, _seed: Seed) -> Result<Poison> {
        Err(Error::new("this attack is crafted against a scene"))
    }

    /// The test rows on which success is counted, if they are not all that the goal's map names.
    ///
    /// # Errors
    /// They cannot be told.
    fn counted(&self, _test: &Dataset) -> Result<Option<Vec<usize>>> {
        Ok(None)
    }

    /// Chooses and makes the poison of one of several malicious clients, on its own rows. `seed` is the same for all
    /// of them.
    ///
    /// # Errors
    /// As [`Attack::poison`].
    fn poison_as(&self, clean: &Dataset, seed: Seed, _member: Member) -> Result<Poison> {
        self.poison(clean, seed)
    }

    /// Whether malicious clients of a federation poison their rows.
    fn poisons_rows(&self) -> bool {
        self.updates().is_none()
    }

    /// Makes the poison of every trial.
    ///
    /// # Errors
    /// The budget cannot be met, or the scene lacks what the attack needs.
    fn craft(&self, scene: &Scene<'_>, _watch: &mut dyn Observer) -> Result<Vec<Poison>> {
        Ok(vec![self.poison(scene.clean, scene.seed)?])
    }

    /// The trigger that opens the backdoor, the same for training and test images; `None` when the attack
    /// has none.
    ///
    /// # Errors
    /// The rows are of a kind that it does not fit.
    fn trigger(&self, info: &Info, seed: Seed) -> Result<Option<Box<dyn Trigger>>>;

    /// Its hand in the victim's input pipeline, for an adversary who controls training; `None` for one who
    /// poisons data alone. `seed` is the attack's own stream.
    ///
    /// # Errors
    /// The rows are of a kind that it does not fit.
    fn feed(&self, _info: &Info, _seed: Seed) -> Result<Option<Box<dyn Feed>>> {
        Ok(None)
    }

    /// Whether it has a hand in the victim's input pipeline.
    fn feeds(&self) -> bool {
        false
    }

    /// What it does to the updates of malicious clients in a federation, for an attack that lives there alone; `None`
    /// for an attack on data, which malicious clients make on their own rows.
    fn updates(&self) -> Option<UpdateAttack<'_>> {
        None
    }

    /// About how many forward passes of single rows making the poison takes, a backward pass counting as two: for
    /// estimates of cost. `training` are those of training the victim once.
    fn passes(&self, _info: &Info, _training: f64) -> f64 {
        0.0
    }
}

/// A malicious client among all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its place, from 0.
    pub index: usize,
    /// How many there are.
    pub of: usize,
}

/// What an attack is given beyond the training set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    /// A model of the victim's kind, trained on the clean set as the victim is, from other first weights. If
    /// the victim transfers from a pretrained model, it is that model.
    pub surrogate: bool,
    /// The victim's learner, to be trained on trial.
    pub victim: bool,
    /// The victim's learner and its draws, to be followed row by row: see [`Learner::online`]. Not without `victim`.
    pub online: bool,
    /// A victim whose weights and bias can be read off its model: see [`Learner::is_linear`]. Not without `victim`.
    pub linear: bool,
    /// A victim that tells its dual variables: see [`Learner::machine`]. Not without `victim`.
    pub machine: bool,
    /// The test set, to draw the inputs from that are to be misread.
    pub targets: bool,
}

/// What an attack works with.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The training set before the attack.
    pub clean: &'a Dataset,
    /// The attack's own stream.
    pub seed: Seed,
    /// See [`Needs::surrogate`].
    pub surrogate: Option<&'a dyn Model>,
    /// See [`Needs::victim`].
    pub victim: Option<&'a dyn Learner>,
    /// The seed that the victim will be trained with, for an adversary who knows it to its last draw
    /// ([`Needs::online`]).
    pub victim_seed: Option<Seed>,
    /// See [`Needs::targets`].
    pub test: Option<&'a Dataset>,
}

impl Debug for Scene<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scene")
            .field("seed", &self.seed)
            .field("rows", &self.clean.len())
            .finish_non_exhaustive()
    }
}

impl<'a> Scene<'a> {
    /// A training set and the attack's stream, nothing else.
    pub fn new(clean: &'a Dataset, seed: Seed) -> Self {
        Self { clean, seed, surrogate: None, victim: None, victim_seed: None, test: None }
    }

    /// The surrogate.
    ///
    /// # Errors
    /// The attack did not ask for one.
    pub fn surrogate(&self) -> Result<&'a dyn Model> {
        self.surrogate.ok_or_else(|| Error::new("the attack was given no surrogate"))
    }

    /// The surrogate's network.
    ///
    /// # Errors
    /// There is no surrogate, or it is no network.
    pub fn network(&self) -> Result<&'a dyn Network> {
        self.surrogate()?.net()
    }

    /// The victim's learner.
    ///
    /// # Errors
    /// The attack did not ask for it.
    pub fn victim(&self) -> Result<&'a dyn Learner> {
        self.victim.ok_or_else(|| Error::new("the attack was given no victim"))
    }

    /// The victim after its first rows, as it will learn them.
    ///
    /// # Errors
    /// The attack did not ask for it, or the victim does not learn row by row.
    pub fn follow(&self) -> Result<Followed> {
        let seed =
            self.victim_seed.ok_or_else(|| Error::new("the attack was not given the victim's draws"))?;
        self.victim()?.online(self.clean, seed)
    }

    /// Draws `trials` different test inputs of the class `source` that are to be read as `wanted`, from the
    /// stream `targets`. If there is a surrogate, only inputs that it reads rightly are drawn.
    ///
    /// # Errors
    /// There are fewer such inputs; the message says how many.
    pub fn targets(&self, source: usize, wanted: usize, trials: usize) -> Result<Vec<Target>> {
        let test = self.test.ok_or_else(|| Error::new("the attack was given no test set"))?;
        let mut rows = test.rows_of(source);
        if let (Some(model), false) = (self.surrogate, rows.is_empty()) {
            let read = model.predict(&test.rows().select(&rows))?;
            let mut read = read.into_iter();
            rows.retain(|_| read.next() == Some(source));
        }
        if rows.len() < trials {
            return Err(Error::at(
                "trials",
                format!(
                    "{trials} targets are wanted, but only {} test inputs of class {source} can be one",
                    rows.len()
                ),
            ));
        }
        let drawn = self.seed.derive("targets").shuffled(&rows).into_iter().take(trials);
        Ok(drawn.map(|row| Target { row, wanted }).collect())
    }
}
