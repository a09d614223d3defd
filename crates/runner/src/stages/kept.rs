//! The states of a `fit` that goes step by step: a federation's rounds, a stream's windows.

use aconite_core::{Error, NamedTensors, Result};
use aconite_plan::{Entry, Key, Manifest, Stage, Store};
use serde_json::{Value, json};

use crate::tensors;

/// The file of a state.
const STATE: &str = "state.safetensors";

/// The states of a stage on its way, in the store like any entry.
pub(super) struct Kept<'a> {
    pub(super) store: &'a Store,
    pub(super) stage: &'a Stage,
    /// What a step is called.
    pub(super) word: &'static str,
    /// How many there are.
    pub(super) steps: usize,
}

impl Kept<'_> {
    fn key(&self, step: usize) -> Key {
        let mut parts = json!({ "state of": self.stage.key });
        parts[format!("before {}", self.word)] = step.into();
        Key::of(&parts)
    }

    /// Keeps the state before a step: a value for its manifest, and tensors.
    pub(super) fn keep(&self, step: usize, output: Value, tensors: &NamedTensors) -> Result<()> {
        let files = [(STATE.to_owned(), tensors::encode(tensors)?)];
        let manifest = Manifest::of(self.stage, output);
        self.store.put(&self.key(step), manifest, &files).map_err(|e| Error::new(e.to_string()))
    }

    /// The last state of which `read` makes something. Those after it, damaged or of another shape, are removed: they
    /// would stay where the ones that come are to be kept.
    pub(super) fn latest<T>(&self, read: impl Fn(usize, &Value, NamedTensors) -> Option<T>) -> Option<T> {
        // Before any step: how often it was kept is no part of the key and may have been another setting.
        (1..self.steps).rev().find_map(|step| {
            let entry = self.store.get(&self.key(step)).transpose()?.ok();
            let tensors = |entry: &Entry| tensors::decode(&entry.read(STATE).ok()?).ok();
            let state = entry.and_then(|entry| read(step, &entry.manifest.output, tensors(&entry)?));
            if state.is_none() {
                self.remove(step);
            }
            state
        })
    }

    /// Removes the states of a stage that is through.
    pub(super) fn forget(&self) {
        (1..self.steps).for_each(|step| self.remove(step));
    }

    fn remove(&self, step: usize) {
        // What cannot be removed is garbage that `store gc` takes.
        let _ = self.store.remove(&self.key(step));
    }
}

#[cfg(test)]
mod tests {
    use aconite_plan::StageName;
    use tch::Tensor;

    use super::*;

    #[test]
    fn the_last_state_that_fits_is_found_and_those_after_it_are_gone() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let stage = Stage {
            key: Key::of(&json!("a fit")),
            name: StageName::Fit,
            settings: json!({}),
            inputs: Vec::new(),
        };
        let kept = Kept { store: &store, stage: &stage, word: "window", steps: 10 };
        let tensors =
            |n: i64| NamedTensors::from([("w".to_owned(), Tensor::zeros([n], tch::kind::FLOAT_CPU))]);
        for step in [2, 4, 6] {
            // The one before step 6 decodes and has another shape.
            kept.keep(step, json!({ "step": step }), &tensors(if step == 6 { 3 } else { 2 })).unwrap();
        }
        let read = |step: usize, output: &Value, tensors: NamedTensors| {
            (tensors["w"].size() == [2] && output["step"] == step).then_some(step)
        };
        assert_eq!(kept.latest(read), Some(4));
        // Its place is free for the state that the stage keeps there next.
        kept.keep(6, json!({ "step": 6 }), &tensors(2)).unwrap();
        assert_eq!(kept.latest(read), Some(6));
        // Neither another stage's nor one of other steps is found.
        assert_eq!(Kept { word: "round", ..kept }.latest(read), None);
        assert_eq!(kept.latest(|_, _, _| None::<()>), None);
        assert_eq!(kept.latest(read), None, "what fits nowhere is forgotten");
        kept.keep(2, json!({ "step": 2 }), &tensors(2)).unwrap();
        kept.forget();
        assert_eq!(kept.latest(read), None);
    }
}
