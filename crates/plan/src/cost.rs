//! What stages cost: seconds, memory and disk, from stages like them that were computed before.
//!
//! The store keeps a line per computed stage in `costs.jsonl`. Estimates are a convenience: nothing in a
//! result depends on them, a torn or foreign line is passed over, and losing the file loses no work.

use std::collections::HashMap;
use std::io::Write;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Entry, Key, Stage, StageName, Store};

/// Records of a kind of stage that are remembered, the latest.
const REMEMBERED: usize = 9;
/// Above this size the file is written anew with what is remembered.
const LARGE: u64 = 4_000_000;
/// Floating-point operations per second and thread before any was measured here: what a modest core attains
/// in convolutions.
const ASSUMED_RATE: f64 = 25e9;
/// Seconds of a training step beside its arithmetic, before any was measured here.
const STEP_SECONDS: f64 = 3e-4;
/// Seconds of a stage about which nothing is known.
const NOMINAL_SECONDS: f64 = 1.0;
/// Memory of a worker that has loaded libtorch and little else, in MB.
const WORKER_MB: f64 = 250.0;

/// Sizes from which the first stage of its kind is estimated.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Size {
    /// Training rows.
    pub train_rows: f64,
    /// Test rows.
    pub test_rows: f64,
    /// Bytes of a row's content.
    pub row_bytes: f64,
    /// Passes over the training set.
    pub epochs: f64,
    /// Rows of a training batch.
    pub batch: f64,
    /// Multiply-adds of one row's forward pass; 0 where that is not what costs.
    pub macs: f64,
    /// Numbers in a trained model.
    pub weights: f64,
    /// Numbers in a row's features.
    pub features: f64,
    /// What the attack and the defense compute by themselves.
    pub passes: Passes,
}

/// Forward passes of single rows that kinds make by themselves, a backward pass counting as two.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Passes {
    /// To make the poison.
    pub poison: f64,
    /// To train by the regime; 0 for as much as plain training.
    pub regime: f64,
    /// By all clients of a federation in all rounds, and to look at the test set between them.
    pub federated: f64,
    /// In all windows of a stream, and to look at the test set after each.
    pub streamed: f64,
    /// To mend a model.
    pub repair: f64,
    /// To inspect inputs or a model.
    pub detect: f64,
}

/// Where an estimate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Stages like it were computed before.
    Recorded,
    /// None was; its floating-point operations were counted.
    Flops,
    /// None was, and what it costs is no matter of floating-point operations: a guess.
    Guess,
}

/// What a stage will cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Wall-clock seconds in one worker.
    pub seconds: f64,
    /// Largest resident memory of its worker, in MB (10⁶ bytes).
    pub memory_mb: f64,
    /// Bytes of its entry in the store.
    pub bytes: f64,
    /// Where the estimate comes from.
    pub basis: Basis,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    /// Stages that cost the same share this.
    like: Key,
    name: StageName,
    seconds: f64,
    memory_mb: f64,
    bytes: f64,
    /// Floating-point operations, 0 where they were not counted.
    flops: f64,
    threads: f64,
    /// Fits that share this attain the same share of a processor.
    #[serde(default)]
    net: Option<Key>,
}

/// What was recorded.
#[derive(Debug, Default)]
pub struct Costs {
    like: HashMap<Key, Vec<Record>>,
    /// Floating-point operations per second and thread of recorded fits, by net: those of a small one are mostly spent
    /// between the steps.
    rates: HashMap<Key, f64>,
}

impl Costs {
    /// What the store has recorded.
    pub fn read(store: &Store) -> Self {
        let text = std::fs::read(store.costs_path()).unwrap_or_default();
        let mut like: HashMap<Key, Vec<Record>> = HashMap::new();
        let mut rates: HashMap<Key, Vec<f64>> = HashMap::new();
        for line in text.split(|&b| b == b'\n') {
            let Ok(record) = serde_json::from_slice::<Record>(line) else { continue };
            let trained = matches!(record.name, StageName::Fit | StageName::Surrogate);
            if let Some(net) =
                record.net.as_ref().filter(|_| record.flops > 0.0 && record.seconds > 0.0 && trained)
            {
                let rate = record.flops / record.seconds / record.threads.max(1.0);
                rates.entry(net.clone()).or_default().push(rate);
            }
            let records = like.entry(record.like.clone()).or_default();
            if records.len() == REMEMBERED {
                records.remove(0);
            }
            records.push(record);
        }
        let rates = rates.into_iter().filter_map(|(net, rates)| Some((net, median(rates)?))).collect();
        let costs = Self { like, rates };
        if text.len() as u64 > LARGE {
            costs.rewrite(store);
        }
        costs
    }

    fn rewrite(&self, store: &Store) {
        let lines: String = self
            .like
            .values()
            .flatten()
            .filter_map(|r| serde_json::to_string(r).ok())
            .map(|l| l + "\n")
            .collect();
        // Another run's line that is lost between reading and writing is a lost convenience.
        let _ = aconite_record::write_whole(&store.costs_path(), lines.as_bytes());
    }

    /// What a stage will cost.
    pub fn of(&self, stage: &Stage, size: &Size) -> Cost {
        let records = self.like.get(&like(stage)).map(Vec::as_slice).unwrap_or_default();
        let typical = |value: fn(&Record) -> f64| median(records.iter().map(value).collect());
        let first = first_estimate(stage, size, self.rates.get(&net(stage)).copied());
        Cost {
            seconds: typical(|r| r.seconds).unwrap_or(first.seconds),
            // The worst that was seen: what is wanted is that it fits.
            memory_mb: records.iter().map(|r| r.memory_mb).reduce(f64::max).unwrap_or(first.memory_mb),
            bytes: typical(|r| r.bytes).unwrap_or(first.bytes),
            basis: if records.is_empty() { first.basis } else { Basis::Recorded },
        }
    }

    /// Records what a stage cost that was just computed.
    pub fn record(store: &Store, stage: &Stage, size: &Size, entry: &Entry) {
        let record = Record {
            like: like(stage),
            name: stage.name,
            seconds: entry.manifest.seconds,
            memory_mb: entry.manifest.peak_rss_mb,
            bytes: entry.bytes() as f64,
            flops: flops(stage, size),
            threads: threads(stage),
            net: Some(net(stage)),
        };
        let Ok(mut line) = serde_json::to_vec(&record) else { return };
        line.push(b'\n');
        // One write of one short line to the end: lines of several runs do not mix.
        if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(store.costs_path()) {
            let _ = file.write_all(&line);
        }
    }
}

/// What stages that cost the same share: their settings without seeds, versions, and what only moves numbers.
fn like(stage: &Stage) -> Key {
    let of = |pointer: &str| stage.settings.pointer(pointer).cloned().unwrap_or(Value::Null);
    let kind = |section: &str| of(&format!("/{section}/kind"));
    let (data, threads, victim) = (of("/data/settings"), of("/environment/threads"), of("/victim"));
    let mut train = of("/train");
    if let Some(train) = train.as_object_mut() {
        train.shift_remove("optimizer");
        train.shift_remove("schedule");
    }
    let optimizer = of("/train/optimizer/kind");
    let precision = of("/train/precision");
    let regime = of("/regime");
    Key::of(&match stage.name {
        StageName::Data => json!([stage.name, data]),
        StageName::Poison => json!([stage.name, threads, data, of("/attack"), victim]),
        StageName::Fit | StageName::Surrogate => {
            let parts: Vec<&str> = stage.inputs.iter().map(|(part, _)| part.as_str()).collect();
            let federated = (of("/federation"), of("/rule"), kind("attack"));
            let fold = of("/fold/of");
            let stream = of("/stream");
            let mut like = json!([stage.name, threads, data, victim, train, optimizer, parts, regime, fold]);
            if let Some(like) = like.as_array_mut() {
                if federated != (Value::Null, Value::Null, Value::Null) {
                    like.push(json!(federated));
                }
                if !stream.is_null() {
                    like.push(stream);
                }
            }
            like
        }
        StageName::Features => json!([stage.name, threads, data, victim, precision]),
        StageName::Filter => json!([stage.name, threads, data, of("/defense")]),
        StageName::Repair | StageName::Detect => {
            json!([stage.name, threads, data, victim, precision, of("/defense")])
        }
        StageName::Certify => json!([stage.name, threads, data, victim, precision, regime]),
        StageName::Evaluate => json!([stage.name, threads, data, victim, precision, kind("attack"), regime]),
    })
}

/// What decides how much of a processor the steps of a fit attain.
fn net(stage: &Stage) -> Key {
    let of = |pointer: &str| stage.settings.pointer(pointer).cloned().unwrap_or(Value::Null);
    let federated = !of("/federation/kind").is_null();
    Key::of(&json!([
        of("/victim"),
        of("/precision"),
        of("/train/precision"),
        of("/train/batch_size"),
        federated
    ]))
}

fn threads(stage: &Stage) -> f64 {
    stage.settings.pointer("/environment/threads").and_then(Value::as_f64).unwrap_or(1.0)
}

/// Floating-point operations: two per multiply-add, and a backward pass is twice a forward pass.
fn flops(stage: &Stage, size: &Size) -> f64 {
    let forward = 2.0 * size.macs;
    match stage.name {
        StageName::Fit if size.passes.regime > 0.0 && stage.settings.get("regime").is_some() => {
            forward * size.passes.regime
        }
        StageName::Fit if size.passes.federated > 0.0 => forward * size.passes.federated,
        StageName::Fit if size.passes.streamed > 0.0 => forward * size.passes.streamed,
        // A head learns from features that are computed once.
        StageName::Fit if stage.settings.pointer("/train/transfer") == Some(&json!("head")) => {
            forward * size.train_rows
        }
        StageName::Fit | StageName::Surrogate => 3.0 * forward * size.train_rows * size.epochs,
        StageName::Features => forward * size.train_rows,
        // Clean and triggered inputs.
        StageName::Evaluate => 2.0 * forward * size.test_rows,
        StageName::Certify => forward * size.test_rows,
        StageName::Poison => forward * size.passes.poison,
        StageName::Repair => forward * size.passes.repair,
        StageName::Detect => forward * size.passes.detect,
        StageName::Data | StageName::Filter => 0.0,
    }
}

/// `rate` is what fits of the same net attained, their steps' own time included.
fn first_estimate(stage: &Stage, size: &Size, rate: Option<f64>) -> Cost {
    let flops = flops(stage, size);
    let steps = match stage.name {
        StageName::Fit | StageName::Surrogate if size.macs > 0.0 && rate.is_none() => {
            flops / (6.0 * size.macs) / size.batch.max(1.0)
        }
        _ => 0.0,
    };
    let rate = rate.unwrap_or(ASSUMED_RATE);
    let data = (size.train_rows + size.test_rows) * size.row_bytes;
    let features = size.features * size.train_rows * 4.0;
    let weights = size.weights * 4.0;
    // The set as read, the poisoned copy, and the copy that a pass gathers its batches from.
    let held = 3.0 * data;
    let (bytes, memory) = match stage.name {
        StageName::Data => (data, held),
        StageName::Poison => (0.05 * data, held),
        // Weights, gradients, momentum; every activation of a batch, about a number per 100 multiply-adds.
        StageName::Fit | StageName::Surrogate => {
            (weights, held + 4.0 * weights + size.batch * size.macs / 100.0 * 4.0)
        }
        StageName::Features => (features, held + weights + 2.0 * features),
        StageName::Filter => (size.train_rows * 9.0, held + 3.0 * features),
        StageName::Repair => (weights, held + 8.0 * weights + size.batch * size.macs / 100.0 * 4.0),
        StageName::Detect => (size.test_rows * 16.0, held + weights + 5e8),
        StageName::Certify => (size.test_rows * 9.0, held + weights),
        StageName::Evaluate => (2e3, held + weights),
    };
    Cost {
        seconds: match flops > 0.0 {
            true => flops / rate / threads(stage) + steps * STEP_SECONDS,
            false => NOMINAL_SECONDS,
        },
        memory_mb: WORKER_MB + memory / 1e6,
        bytes: bytes + 4e3,
        basis: if flops > 0.0 { Basis::Flops } else { Basis::Guess },
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CellFacts, Environment, Manifest, Plan};

    const SIZE: Size = Size {
        train_rows: 1000.0,
        test_rows: 100.0,
        row_bytes: 784.0,
        epochs: 2.0,
        batch: 10.0,
        macs: 1e6,
        weights: 1e4,
        features: 128.0,
        passes: Passes { poison: 0.0, regime: 0.0, federated: 0.0, streamed: 0.0, repair: 0.0, detect: 0.0 },
    };

    fn plan(seed: u64, lr: f64, epochs: u32) -> Plan {
        let settings = json!({
            "dataset": {"kind": "d"}, "victim": {"kind": "v"}, "attack": {"kind": "a"},
            "train": {"epochs": epochs, "threads": 2, "optimizer": {"kind": "sgd", "lr": lr}},
            "defense": {"kind": "none"}, "evaluate": {}
        });
        let facts =
            CellFacts { fingerprint: "f".into(), versions: json!({}), size: SIZE, ..CellFacts::default() };
        let mut plan = Plan::new();
        plan.add(&settings, seed, &facts, &Environment { libtorch: "2".into(), isa: "i".into() });
        plan
    }

    fn record(store: &Store, stage: &Stage, seconds: f64, memory: f64) {
        let manifest = Manifest {
            name: stage.name,
            settings: stage.settings.clone(),
            inputs: stage.inputs.clone(),
            output: Value::Null,
            seconds,
            peak_rss_mb: memory,
            host: "h".into(),
            files: Default::default(),
            checksum: String::new(),
        };
        store.put(&stage.key, manifest, &[("f".into(), vec![0; 100])]).unwrap();
        Costs::record(store, stage, &SIZE, &store.get(&stage.key).unwrap().unwrap());
        store.remove(&stage.key).unwrap();
    }

    fn fit(plan: &Plan) -> &Stage {
        &plan.stages[plan.cells[0].stage("fit").unwrap()]
    }

    #[test]
    fn a_first_stage_is_estimated_from_its_operations_and_later_ones_from_records() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let one = plan(0, 0.1, 2);
        let first = Costs::read(&store).of(fit(&one), &SIZE);
        // 3 passes × 2 × 10⁶ × 1,000 rows × 2 epochs = 1.2·10¹⁰ on two threads, in 200 steps.
        let seconds = 1.2e10 / ASSUMED_RATE / 2.0 + 200.0 * STEP_SECONDS;
        assert_eq!((first.basis, first.seconds), (Basis::Flops, seconds));
        assert!(first.memory_mb > WORKER_MB && first.bytes > 4e4);
        for (seconds, memory) in [(9.0, 300.0), (3.0, 500.0), (4.0, 400.0)] {
            record(&store, fit(&one), seconds, memory);
        }
        // Another seed and learning rate cost the same; another number of epochs does not.
        let costs = Costs::read(&store);
        let like = costs.of(fit(&plan(7, 0.2, 2)), &SIZE);
        assert_eq!((like.basis, like.seconds, like.memory_mb), (Basis::Recorded, 4.0, 500.0));
        assert!(like.bytes > 100.0);
        let unlike = costs.of(fit(&plan(0, 0.1, 3)), &SIZE);
        // By the rate of the recorded fits, whose median took 4 seconds.
        assert_eq!((unlike.basis, unlike.seconds), (Basis::Flops, 4.0));
        // What another net attains says nothing.
        let mut other = fit(&one).clone();
        other.settings["victim"] = json!({"kind": "w"});
        assert_eq!(costs.of(&other, &SIZE).seconds, seconds);
        let poison = &one.stages[one.cells[0].poison.unwrap()];
        assert_eq!(costs.of(poison, &SIZE).basis, Basis::Guess);
    }

    #[test]
    fn torn_lines_are_passed_over_and_a_long_file_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let one = plan(0, 0.1, 2);
        record(&store, fit(&one), 5.0, 1.0);
        let line = std::fs::read(store.costs_path()).unwrap();
        let mut many = line.repeat(LARGE as usize / line.len() + 1);
        many.extend(&line[..line.len() / 2]);
        std::fs::write(store.costs_path(), many).unwrap();
        assert_eq!(Costs::read(&store).of(fit(&one), &SIZE).seconds, 5.0);
        assert_eq!(std::fs::read(store.costs_path()).unwrap(), line.repeat(REMEMBERED));
    }
}
