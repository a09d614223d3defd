//! A stream's `fit`: its windows, each looked at on the test set, resumed where an interrupted run kept its state.

use aconite_core::{Attack, Error, Model, NamedTensors, Observer, Result, metrics};
use aconite_plan::Stage;
use aconite_record::{WindowRow, Windows};
use aconite_stream::{Common, Seen, Snapshot, Stream, Watch};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::federate::Exam;
use super::fit::MODEL;
use super::kept::Kept;
use super::workshop::{self, learner, seed};
use super::{Failure, Output, Workshop};
use crate::{families, tensors};

/// The file that holds what was seen in each window.
const WINDOWS: &str = "windows.json";

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
    let kept = Kept { store: &shop.store, stage, word: "window", steps: settings.common.windows };
    let (from, rows) = kept.latest(|window, output, tensors| state(window, output, tensors, &stream)).unzip();
    let policy = stage.settings["stream"]["policy"]["kind"].as_str().unwrap_or_default();
    let mut diary = Diary { rows: rows.unwrap_or_default(), exam: &exam, kept: &kept, observer, policy };
    let model = stream.run(from, &mut diary)?;
    let windows = diary.rows;
    kept.forget();
    let record = Windows {
        monitors: settings.monitors.iter().map(|m| m.name.clone()).collect(),
        attack: attack.as_deref().map(|_: &dyn Attack| window(&settings.common)),
        twin: Vec::new(),
        groups: exam.groups().map_or_else(Vec::new, |groups| groups.names().to_vec()),
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
        self.observer.step(seen.window + 1, self.kept.steps);
        self.rows.push(WindowRow {
            window: seen.window,
            rows: seen.rows,
            poisons: seen.poisons,
            trained: seen.trained,
            clean_accuracy: metrics::accuracy(&predicted, test.labels()),
            attack_success,
            class_accuracy: metrics::class_accuracy(&predicted, test.labels(), test.num_classes()),
            group_accuracy: self
                .exam
                .groups()
                .map_or_else(Vec::new, |groups| groups.accuracy(&predicted, test.labels())),
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
        let note = Note {
            marks: snapshot.marks.clone(),
            reference_accuracy: snapshot.reference_accuracy,
            rows: self.rows.clone(),
        };
        let output = serde_json::to_value(note).map_err(|e| Error::new(e.to_string()))?;
        self.kept.keep(snapshot.window, output, &snapshot.tensors)
    }
}

/// What a state's manifest holds beside its tensors.
#[derive(Serialize, Deserialize)]
struct Note {
    marks: Vec<(bool, bool)>,
    reference_accuracy: Option<f64>,
    rows: Vec<WindowRow>,
}

/// A kept state and the windows before it, if they are this stream's.
fn state(
    window: usize,
    output: &Value,
    tensors: NamedTensors,
    stream: &Stream<'_>,
) -> Option<(Snapshot, Vec<WindowRow>)> {
    let Note { marks, reference_accuracy, rows } = serde_json::from_value(output.clone()).ok()?;
    let seen = rows.iter().map(seen).collect();
    let snapshot = Snapshot { window, tensors, marks, reference_accuracy, seen };
    stream.fits(&snapshot).then_some((snapshot, rows))
}

/// What the stream itself must know of a window that is written down.
fn seen(row: &WindowRow) -> Seen {
    Seen {
        window: row.window,
        rows: row.rows,
        poisons: row.poisons,
        trained: row.trained,
        drift: row.drift.clone(),
        thresholds: row.thresholds.clone(),
        alarms: row.alarms.clone(),
        acted: row.action.is_some(),
        repair_rows: row.repair_rows,
        repair_seconds: row.repair_seconds,
        seconds: row.seconds,
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
