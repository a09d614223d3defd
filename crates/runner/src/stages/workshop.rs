//! What stages share while a worker lives: the store, the data sets read so far, and how inputs are fetched.

use std::rc::Rc;

use aconite_core::{
    Attack, Dataset, Defense, Error, Info, Knowledge, Learner, Model, Poisoned, Rate, Role, Seed, Told,
    Verdict,
};
use aconite_data::{Places, Split, cut};
use aconite_plan::{Entry, Key, Stage, Store};
use serde_json::Value;

use super::fit::MODEL;
use super::folds::folds;
use super::{Failure, data, filter, read_poison};
use crate::{families, tensors};

/// Data sets and poisoned sets kept in memory; a sweep goes through few at a time.
const KEPT: usize = 3;

/// The store and what was read from it lately.
#[derive(Debug)]
pub(crate) struct Workshop {
    pub(crate) store: Store,
    places: Places,
    /// Data sets as they were read: reading takes longer than cutting.
    wholes: Vec<(String, Rc<Split>)>,
    splits: Vec<(String, Rc<Split>)>,
    poisoned: Vec<(String, Rc<Poisoned>)>,
}

/// So many clean training rows, drawn by the cell's seed: the same for all who are given as many.
pub(super) fn clean_rows(train: &Dataset, count: usize, seed: Seed) -> aconite_core::Result<Dataset> {
    let all: Vec<usize> = (0..train.len()).collect();
    train.select(&seed.derive("clean samples").choose(&all, count))
}

impl Workshop {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            places: Places::from_env(),
            wholes: Vec::new(),
            splits: Vec::new(),
            poisoned: Vec::new(),
        }
    }

    /// The data set of a stage, with the subset that its seed draws.
    pub(crate) fn split(&mut self, stage: &Stage) -> Result<Rc<Split>, Failure> {
        let data = &stage.settings["data"];
        let settings = &data["settings"];
        let seed = seed(stage);
        let name = format!("{data} {}", seed.0);
        if let Some((_, split)) = self.splits.iter().find(|(n, _)| *n == name) {
            return Ok(split.clone());
        }
        let whole = self.whole(settings, data["content"].as_str())?;
        let split = Rc::new(cut(&whole, &families::common(settings)?, seed)?);
        remember(&mut self.splits, name, split.clone());
        Ok(split)
    }

    /// A data set as it was read. Its files must be those that the plan was made for, with the content `planned`.
    fn whole(&mut self, settings: &Value, planned: Option<&str>) -> Result<Rc<Split>, Failure> {
        let own = families::own(settings);
        let name = format!("{own} {}", planned.unwrap_or_default());
        if let Some((_, whole)) = self.wholes.iter().find(|(n, _)| *n == name) {
            return Ok(whole.clone());
        }
        if let Some(planned) = planned
            && families::source(settings)?.fingerprint(&self.places)? != planned
        {
            return Err(changed("the data set's files have").into());
        }
        let whole = Rc::new(data::load(settings, &self.places, Some(&self.store))?);
        remember(&mut self.wholes, name, whole.clone());
        Ok(whole)
    }

    /// The training set of a stage with the poison of its input `poison` in it, if it has one.
    pub(crate) fn poisoned(&mut self, stage: &Stage) -> Result<Rc<Poisoned>, Failure> {
        match stage.input("poison") {
            Some(key) => self.with_poison(stage, key),
            None => Ok(Rc::new(Poisoned::clean(&self.split(stage)?.train))),
        }
    }

    /// The training set with the poison that a `poison` stage made.
    pub(crate) fn poisoned_by(&mut self, poison: &Stage) -> Result<Rc<Poisoned>, Failure> {
        self.with_poison(poison, &poison.key)
    }

    fn with_poison(&mut self, stage: &Stage, key: &Key) -> Result<Rc<Poisoned>, Failure> {
        let split = self.split(stage)?;
        let trial = trial(stage);
        let name = format!("{} {trial}", key.as_str());
        if let Some((_, poisoned)) = self.poisoned.iter().find(|(n, _)| *n == name) {
            return Ok(poisoned.clone());
        }
        let poison = read_poison(&self.entry(key)?, split.train.rows(), trial)?;
        let poisoned = Rc::new(Poisoned::new(&split.train, &poison)?);
        remember(&mut self.poisoned, name, poisoned.clone());
        Ok(poisoned)
    }

    /// What is left of a stage's training set for training: the attack's rows in it, without what its filter
    /// removed and with the labels that it mended, and without the fold that the stage leaves out.
    pub(crate) fn training(&mut self, stage: &Stage) -> Result<Dataset, Failure> {
        let left = self.left(stage)?;
        match fold_of(stage) {
            Some((leave, of)) => {
                let fold = folds(&left, of, seed(stage));
                Ok(left.select(&rows_where(&fold, |f| f != leave))?)
            }
            None => Ok(left),
        }
    }

    /// The rows of the fold that a stage's model did not see.
    pub(crate) fn fold(&mut self, stage: &Stage) -> Result<Dataset, Failure> {
        let left = self.left(stage)?;
        let (leave, of) = fold_of(stage).unwrap_or((0, 1));
        let fold = folds(&left, of, seed(stage));
        Ok(left.select(&rows_where(&fold, |f| f == leave))?)
    }

    /// The training set as the attack and the filters left it.
    pub(crate) fn left(&mut self, stage: &Stage) -> Result<Dataset, Failure> {
        let poisoned = self.poisoned(stage)?;
        match self.input(stage, "filter")? {
            Some(entry) => Ok(left_by(poisoned.data(), &filter::read(&entry)?)?),
            None => Ok(poisoned.data().clone()),
        }
    }

    /// What a defense is told at a stage: exactly what it declared, nothing else.
    pub(crate) fn told(&mut self, stage: &Stage, declared: &[Knowledge]) -> Result<Told, Failure> {
        // In an audit nobody knows the truth: what the user assumes takes its place.
        let assumed = &stage.settings["assumed"];
        let mut told = Told::default();
        if declared.contains(&Knowledge::PoisonRate) {
            told.poison_rate = Some(match (assumed["poison_rate"].as_f64(), stage.input("believed")) {
                (Some(rate), _) => rate,
                // On the clean twin a defense believes what it is told of the attack.
                (None, Some(key)) => self.with_poison(stage, key)?.worst_class_rate(),
                (None, None) => self.poisoned(stage)?.worst_class_rate(),
            });
        }
        if declared.contains(&Knowledge::TargetClass) {
            told.target_class = match assumed["target_class"].as_u64() {
                Some(class) => Some(class as usize),
                None if stage.settings["attack"].is_null() => None,
                None => {
                    let info = self.split(stage)?.train.info();
                    attack(stage)?.goal(&info).target()
                }
            };
        }
        Ok(told)
    }

    /// Clean training rows for a repair or a detector, a share of all rows.
    pub(crate) fn clean_samples(&mut self, stage: &Stage, share: Rate) -> Result<Dataset, Failure> {
        let train = &self.split(stage)?.train;
        let count = share.count(train.len());
        clean_rows(train, count, seed(stage)).map_err(|_| {
            let message =
                format!("{} of {} training rows are no clean sample at all", share.get(), train.len());
            Error::new(message).hint("raise the share of clean samples").into()
        })
    }

    /// The input that plays a part.
    pub(crate) fn input(&self, stage: &Stage, part: &str) -> Result<Option<Entry>, Failure> {
        stage.input(part).map(|key| self.entry(key)).transpose()
    }

    /// The trained model that is the input `model` of a stage.
    pub(crate) fn model(&self, stage: &Stage, info: &Info) -> Result<Box<dyn Model>, Failure> {
        let entry =
            self.input(stage, "model")?.ok_or_else(|| Failure::Failed("the stage has no model".into()))?;
        let weights = tensors::decode(&entry.read(MODEL)?)?;
        let learner = learner(stage)?;
        let regime = regime(stage)?;
        Ok(match regime.as_ref().map(|defense| defense.role()) {
            Some(Role::Regime(regime)) => regime.restore(learner.as_ref(), info, &weights)?,
            Some(Role::Certificate(certificate)) => certificate.restore(learner.as_ref(), info, &weights)?,
            _ => learner.restore(info, &weights)?,
        })
    }

    /// The surrogate that is the input `surrogate` of a stage.
    pub(crate) fn surrogate(&self, stage: &Stage, info: &Info) -> Result<Option<Box<dyn Model>>, Failure> {
        let Some(entry) = self.input(stage, "surrogate")? else { return Ok(None) };
        let weights = tensors::decode(&entry.read(MODEL)?)?;
        Ok(Some(learner(stage)?.restore(info, &weights)?))
    }

    /// A finished stage.
    pub(crate) fn entry(&self, key: &Key) -> Result<Entry, Failure> {
        self.store.get(key)?.ok_or_else(|| Failure::Input(key.clone(), "it is not in the store".into()))
    }
}

fn remember<T>(kept: &mut Vec<(String, T)>, name: String, value: T) {
    if kept.len() == KEPT {
        kept.remove(0);
    }
    kept.push((name, value));
}

/// Reads a data set and cuts it down to the classes and the subset that its settings ask for.
pub(crate) fn load_split(
    settings: &Value,
    seed: Seed,
    places: &Places,
    store: Option<&Store>,
) -> aconite_core::Result<Split> {
    cut(&data::load(settings, places, store)?, &families::common(settings)?, seed)
}

/// The seed of a stage.
pub(crate) fn seed(stage: &Stage) -> Seed {
    Seed(stage.settings["seed"].as_u64().unwrap_or_default())
}

/// The learner of a stage.
pub(super) fn learner(stage: &Stage) -> aconite_core::Result<Box<dyn Learner>> {
    let learner = families::learner(&stage.settings["victim"], &stage.settings["train"])?;
    if let Some(planned) = planned(stage, "victim")
        && learner.content()?.as_deref() != Some(planned)
    {
        return Err(changed("the victim's file has"));
    }
    Ok(learner)
}

/// The attack of a stage.
pub(super) fn attack(stage: &Stage) -> aconite_core::Result<Box<dyn Attack>> {
    let settings = &stage.settings["attack"];
    let attack = families::attack(settings)?;
    // Versions tell of the cell's attack also where this line of it is not attacked.
    if let Some(planned) = planned(stage, "attack").filter(|_| settings["kind"] != "none")
        && attack.content()?.as_deref() != Some(planned)
    {
        return Err(changed("the attack's file has"));
    }
    Ok(attack)
}

/// What was in the file of a stage's victim or attack when the key was made.
fn planned<'a>(stage: &'a Stage, section: &str) -> Option<&'a str> {
    stage.settings["versions"][section]["content"].as_str()
}

/// What was read is not what the key says.
fn changed(what: &str) -> Error {
    Error::new(format!("{what} changed since the run began")).hint("run the experiment again")
}

/// The regime by which a stage's model was trained, if there is one.
pub(super) fn regime(stage: &Stage) -> aconite_core::Result<Option<Box<dyn Defense>>> {
    match &stage.settings["regime"] {
        Value::Null => Ok(None),
        settings => families::defense(settings).map(Some),
    }
}

/// The rows of a data set that a verdict leaves, with the labels that it mends.
pub(super) fn left_by(data: &Dataset, verdict: &Verdict) -> aconite_core::Result<Dataset> {
    let mut data = data.clone();
    if let Some(labels) = &verdict.labels {
        data.labels_mut().copy_from_slice(labels);
    }
    let kept = rows_where(&verdict.removed, |removed| !removed);
    data.select(&kept).map_err(|_| Error::new("the filter removed every row: nothing is left to train on"))
}

/// The positions whose value satisfies the condition, ascending.
pub(super) fn rows_where<T: Copy>(values: &[T], wanted: impl Fn(T) -> bool) -> Vec<usize> {
    (0..values.len()).filter(|&row| wanted(values[row])).collect()
}

/// Which of several trials a stage belongs to.
pub(crate) fn trial(stage: &Stage) -> usize {
    number(&stage.settings, "/trial").unwrap_or(0)
}

/// The fold that a stage leaves out, and of how many.
fn fold_of(stage: &Stage) -> Option<(usize, usize)> {
    Some((number(&stage.settings, "/fold/leave")?, number(&stage.settings, "/fold/of")?))
}

/// A count at a JSON pointer.
pub(crate) fn number(value: &Value, pointer: &str) -> Option<usize> {
    value.pointer(pointer).and_then(Value::as_u64).map(|n| n as usize)
}

#[cfg(test)]
mod tests;
