//! What stages share while a worker lives: the store, the data sets read so far, and how inputs are fetched.

use std::rc::Rc;

use aconite_core::{Info, Learner, Model, Poisoned, Seed};
use aconite_data::{Places, Split, cut};
use aconite_plan::{Entry, Key, Stage, Store};
use serde_json::Value;

use super::{Failure, data, read_poison};
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
        let settings = &stage.settings["data"]["settings"];
        let seed = seed(stage);
        let name = format!("{settings} {}", seed.0);
        if let Some((_, split)) = self.splits.iter().find(|(n, _)| *n == name) {
            return Ok(split.clone());
        }
        let whole = self.whole(settings)?;
        let split = Rc::new(cut(&whole, &families::common(settings)?, seed)?);
        remember(&mut self.splits, name, split.clone());
        Ok(split)
    }

    /// A data set as it was read.
    fn whole(&mut self, settings: &Value) -> Result<Rc<Split>, Failure> {
        let own = families::own(settings);
        let name = own.to_string();
        if let Some((_, whole)) = self.wholes.iter().find(|(n, _)| *n == name) {
            return Ok(whole.clone());
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
        if let Some((_, poisoned)) = self.poisoned.iter().find(|(n, _)| n == key.as_str()) {
            return Ok(poisoned.clone());
        }
        let poison = read_poison(&self.entry(key)?, split.train.rows())?;
        let poisoned = Rc::new(Poisoned::new(&split.train, &poison)?);
        remember(&mut self.poisoned, key.as_str().to_owned(), poisoned.clone());
        Ok(poisoned)
    }

    /// The input that plays a part.
    pub(crate) fn input(&self, stage: &Stage, part: &str) -> Result<Option<Entry>, Failure> {
        stage.input(part).map(|key| self.entry(key)).transpose()
    }

    /// The trained model that is the input `model` of a stage.
    pub(crate) fn model(&self, stage: &Stage, info: &Info) -> Result<Box<dyn Model>, Failure> {
        let entry =
            self.input(stage, "model")?.ok_or_else(|| Failure::Failed("the stage has no model".into()))?;
        let weights = tensors::decode(&entry.read("model.safetensors")?)?;
        Ok(learner(stage)?.restore(info, &weights)?)
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
    if let Some(planned) = stage.settings["versions"]["victim"]["content"].as_str()
        && learner.content()?.as_deref() != Some(planned)
    {
        return Err(aconite_core::Error::new("the victim's file has changed since the run began")
            .hint("run the experiment again"));
    }
    Ok(learner)
}

/// A count at a JSON pointer.
pub(crate) fn number(value: &Value, pointer: &str) -> Option<usize> {
    value.pointer(pointer).and_then(Value::as_u64).map(|n| n as usize)
}
