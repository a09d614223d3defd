//! A stream's `fit`: its windows, each looked at on the test set, resumed where an interrupted run kept its state.

use aconite_core::{Attack, Error, Model, Observer, Result, metrics};
use aconite_plan::{Key, Manifest, Stage, Store};
use aconite_record::{WindowRow, Windows};
use aconite_stream::{Common, Seen, Snapshot, Stream, Watch};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::federate::Exam;
use super::fit::MODEL;
use super::workshop::{self, learner, seed};
use super::{Failure, Output, Workshop};
use crate::{families, tensors};

/// The file that holds what was seen in each window.
const WINDOWS: &str = "windows.json";
/// The file of a kept state.
const STATE: &str = "state.safetensors";

pub(super) fn compute(
    stage: &Stage,
    shop: &mut Workshop,
    observer: &mut dyn Observer,
) -> std::result::Result<Output, Failure> {
    let split = shop.split(stage)?;
    let settings = families::stream(&stage.settings["stream"])?
        .ok_or_else(|| Failure::Failed("the stage has no stream".into()))?;
    let learner = learner(stage)?;
    let attack = match stage.settings["attack"]["kind"].as_str() {
        None | Some("none") => None,
        Some(_) => Some(workshop::attack(stage)?),
    };
    let stream = Stream {
        common: &settings.common,
        schedule: settings.schedule.as_ref(),
        monitors: &settings.monitors,
        policy: settings.policy.as_ref(),
        learner: learner.as_ref(),
        data: &split.train,
        attack: attack.as_deref(),
        seed: seed(stage),
    };
    let exam = Exam::new(stage, &split, attack.as_deref())?;
    let kept = Kept { store: &shop.store, stage, windows: settings.common.windows };
    let (from, rows) = kept.latest().unzip();
    let policy = stage.settings["stream"]["policy"]["kind"].as_str().unwrap_or_default();
    let mut diary = Diary { rows: rows.unwrap_or_default(), exam: &exam, kept: &kept, observer, policy };
    let model = stream.run(from, &mut diary)?;
    let windows = diary.rows;
    kept.forget();
    let record = Windows {
        monitors: settings.monitors.iter().map(|m| m.name.clone()).collect(),
        attack: attack.as_deref().map(|_: &dyn Attack| window(&settings.common)),
        twin: Vec::new(),
        windows,
    };
    let course: serde_json::Map<String, Value> =
        record.metrics().into_iter().map(|(name, number)| (name.to_owned(), json!(number))).collect();
    let accuracies: Vec<Option<f64>> = record.windows.iter().map(|w| w.clean_accuracy).collect();
    let value = json!({ "rows": split.train.len(), "stream": course, "accuracies": accuracies });
    let text = serde_json::to_vec(&record).map_err(|e| Failure::Failed(e.to_string()))?;
    Ok(Output { value, files: vec![(MODEL.into(), tensors::encode(&model)?), (WINDOWS.into(), text)] })
}

/// The first window of the attack and the one before which it ends.
fn window(common: &Common) -> (usize, usize) {
    (common.attack_from, common.attack_until.unwrap_or(common.windows).min(common.windows))
}

/// Writes down the windows.
struct Diary<'a> {
    rows: Vec<WindowRow>,
    exam: &'a Exam<'a>,
    kept: &'a Kept<'a>,
    observer: &'a mut dyn Observer,
    policy: &'a str,
}

impl Watch for Diary<'_> {
    fn window(&mut self, seen: &Seen, model: &dyn Model) -> Result<()> {
        let (predicted, attack_success) = self.exam.judged(model)?;
        let test = self.exam.test();
        self.observer.step(seen.window + 1, self.kept.windows);
        self.rows.push(WindowRow {
            window: seen.window,
            rows: seen.rows,
            poisons: seen.poisons,
            trained: seen.trained,
            clean_accuracy: metrics::accuracy(&predicted, test.labels()),
            attack_success,
            class_accuracy: metrics::class_accuracy(&predicted, test.labels(), test.num_classes()),
            drift: seen.drift.clone(),
            thresholds: seen.thresholds.clone(),
            alarms: seen.alarms.clone(),
            action: seen.acted.then(|| self.policy.to_owned()),
            repair_rows: seen.repair_rows,
            repair_seconds: seen.repair_seconds,
            seconds: seen.seconds,
        });
        Ok(())
    }

    fn checkpoint(&mut self, snapshot: &Snapshot) -> Result<()> {
        self.kept.keep(snapshot, &self.rows)
    }
}

/// What a state's manifest holds beside its tensors.
#[derive(Serialize, Deserialize)]
struct Note {
    marks: Vec<(bool, bool)>,
    reference_accuracy: Option<f64>,
    seen: Vec<Seen>,
    rows: Vec<WindowRow>,
}

/// The states of a stream on its way, in the store like any entry.
struct Kept<'a> {
    store: &'a Store,
    stage: &'a Stage,
    windows: usize,
}

impl Kept<'_> {
    fn key(&self, window: usize) -> Key {
        Key::of(&json!({ "state of": self.stage.key, "before window": window }))
    }

    fn keep(&self, snapshot: &Snapshot, rows: &[WindowRow]) -> Result<()> {
        let note = Note {
            marks: snapshot.marks.clone(),
            reference_accuracy: snapshot.reference_accuracy,
            seen: snapshot.seen.clone(),
            rows: rows.to_vec(),
        };
        let output = serde_json::to_value(note).map_err(|e| Error::new(e.to_string()))?;
        let files = [(STATE.to_owned(), tensors::encode(&snapshot.tensors)?)];
        let manifest = Manifest::of(self.stage, output);
        self.store.put(&self.key(snapshot.window), manifest, &files).map_err(|e| Error::new(e.to_string()))
    }

    /// The last state that is whole.
    fn latest(&self) -> Option<(Snapshot, Vec<WindowRow>)> {
        // After any window: how often it was kept is no part of the key and may have been another setting.
        // A damaged one is passed over: the one before it does.
        (1..self.windows).rev().find_map(|window| {
            let entry = self.store.get(&self.key(window)).ok()??;
            let tensors = tensors::decode(&entry.read(STATE).ok()?).ok()?;
            let Note { marks, reference_accuracy, seen, rows } =
                serde_json::from_value(entry.manifest.output.clone()).ok()?;
            let fits = rows.len() == window && seen.len() == window && marks.len() == window;
            fits.then_some((Snapshot { window, tensors, marks, reference_accuracy, seen }, rows))
        })
    }

    /// Removes the states of a stream that is through.
    fn forget(&self) {
        for window in 1..self.windows {
            // What cannot be removed is garbage that `store gc` takes.
            let _ = self.store.remove(&self.key(window));
        }
    }
}

/// What a finished stream saw in each window; `None` if the stage is none.
pub(crate) fn read(entry: &aconite_plan::Entry) -> std::result::Result<Option<Windows>, Failure> {
    if !entry.manifest.files.contains_key(WINDOWS) {
        return Ok(None);
    }
    serde_json::from_slice(&entry.read(WINDOWS)?).map(Some).map_err(|e| Failure::Failed(e.to_string()))
}

/// Whether a stage's victim is a stream.
pub(super) fn streams(stage: &Stage) -> bool {
    !matches!(stage.settings["stream"], Value::Null)
}
