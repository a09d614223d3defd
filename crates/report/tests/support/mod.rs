//! A synthetic results folder: made-up numbers of a plausible shape, written through `aconite_record`.

#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

pub mod federated;
pub mod matrix;
pub mod streamed;

use std::path::Path;

use aconite_record::{CellRow, Ledger, Provenance, Samples, Score, Status, append_line, write_whole};
use serde_json::{Value, json};

/// What to make.
#[derive(Debug, Clone)]
pub struct Plan {
    pub attacks: Vec<Value>,
    pub defenses: Vec<Value>,
    pub seeds: u64,
    pub train_rows: usize,
}

impl Plan {
    pub fn small() -> Self {
        Self {
            attacks: vec![
                json!({"kind": "badnets", "target": 0, "rate": 0.05}),
                json!({"kind": "blended", "target": 0, "rate": 0.05}),
                json!({"kind": "label_flip", "rate": 0.3}),
            ],
            defenses: vec![
                json!({"kind": "none"}),
                json!({"kind": "spectral_signatures", "remove": 1.5}),
                json!({"kind": "activation_clustering"}),
            ],
            seeds: 3,
            train_rows: 2000,
        }
    }
}

/// A small generator: the same numbers on every machine.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn share(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    /// About normal, mean 0, sd 1.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.share()).sum::<f64>() - 6.0
    }
}

pub fn row(point: usize, seed: u64, attack: &Value, defense: &Value) -> CellRow {
    let kind = |v: &Value| v["kind"].as_str().unwrap().to_owned();
    let (a, d) = (kind(attack), kind(defense));
    let mut noise = Noise::new(point as u64 * 31 + seed + 7);
    let rate = attack["rate"].as_f64().unwrap_or(0.05);
    let goal = match a.as_str() {
        "none" => "none",
        "label_flip" => "availability",
        _ => "backdoor",
    };
    let strength: f64 = match d.as_str() {
        "none" => 1.0,
        "spectral_signatures" => 0.06,
        "activation_clustering" if a == "blended" => 0.85,
        "activation_clustering" => 0.02,
        _ => 0.1 + 0.8 * ((point * 7 % 10) as f64 / 10.0),
    };
    let cost = if d == "none" { 0.0 } else { 0.006 + 0.012 * strength };
    let drop = cost + if goal == "availability" { 0.09 * strength } else { 0.002 } + 0.002 * noise.normal();
    let twin = 0.912 + 0.001 * Noise::new(seed).normal();
    let mut metrics: std::collections::BTreeMap<String, f64> = [
        ("clean_accuracy".to_owned(), twin - drop),
        ("accuracy_drop".to_owned(), drop),
        ("train_loss".to_owned(), 0.2),
    ]
    .into();
    if goal == "backdoor" {
        let reach = (rate / 0.01).ln().clamp(0.2, 1.6) / 1.6;
        let success = (0.985 * strength * reach + 0.02 * noise.normal()).clamp(0.0, 1.0);
        metrics.insert("attack_success".into(), success);
        metrics.insert("robust_accuracy".into(), 0.9 * (1.0 - success));
        metrics.insert("poisons".into(), 100.0);
    } else if goal == "availability" {
        metrics.insert("attack_success".into(), drop);
    }
    let filter = d == "spectral_signatures" || d == "activation_clustering";
    if filter && goal != "none" {
        metrics.insert("recall".into(), (1.0 - strength).clamp(0.0, 1.0));
        metrics.insert("false_positive_rate".into(), 0.03);
        metrics.insert("auroc".into(), 0.99 - 0.4 * strength);
        metrics.insert("removed".into(), 150.0);
    }
    CellRow {
        schema: aconite_record::SCHEMA,
        cell: format!("{a}-{d}-s{seed}-{point:04x}"),
        point,
        seed,
        status: Status::Done,
        error: None,
        settings: json!({
            "dataset": {"kind": "fashion_mnist_mini", "train_size": 2000},
            "victim": {"kind": "small_cnn"},
            "train": {"epochs": 4},
            "attack": attack, "defense": defense,
            "evaluate": {"asr_scope": "non_target"}
        }),
        axes: vec!["attack".into(), "defense".into()],
        goal: goal.into(),
        knowledge: if d == "spectral_signatures" { vec!["poison_rate".into()] } else { vec![] },
        needs: Vec::new(),
        metrics,
        seconds: [("fit".to_owned(), 12.0 + noise.share()), ("evaluate".to_owned(), 0.4)].into(),
        provenance: provenance(),
    }
}

pub fn provenance() -> Provenance {
    Provenance {
        version: "0.1.0".into(),
        revision: "0123abc".into(),
        libtorch: "2.13.0".into(),
        cpu: "Example CPU".into(),
        isa: "avx2".into(),
        cores: 8,
        threads: 1,
        jobs: 2,
        host: "example".into(),
        hosts: Default::default(),
        started: "2026-01-01T00:00:00Z".into(),
        ended: "2026-01-01T00:10:00Z".into(),
    }
}

pub fn rows(plan: &Plan) -> Vec<CellRow> {
    let mut rows = Vec::new();
    for (i, attack) in plan.attacks.iter().enumerate() {
        for (j, defense) in plan.defenses.iter().enumerate() {
            rows.extend((0..plan.seeds).map(|seed| row(i * plan.defenses.len() + j, seed, attack, defense)));
        }
    }
    rows
}

pub fn write_cells(dir: &Path, rows: &[CellRow]) {
    write_whole(&dir.join("cells.jsonl"), b"").unwrap();
    for row in rows {
        append_line(&dir.join("cells.jsonl"), &serde_json::to_string(row).unwrap()).unwrap();
    }
}

/// A ledger in which poisoned rows score higher, by how far `recall` says.
pub fn ledger(row: &CellRow, n: usize) -> Ledger {
    let mut noise = Noise::new(row.point as u64 + 99);
    let poisoned: Vec<bool> = (0..n).map(|i| i % 20 == 3).collect();
    let lift = 6.0 * row.metric("recall").unwrap_or(0.5);
    let heavy = |v: f64| if v > 2.2 { v * v } else { v };
    let values: Vec<f64> = poisoned
        .iter()
        .map(|p| heavy(noise.normal().abs()) + if *p { lift + noise.normal() } else { 0.0 })
        .collect();
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    let cut = sorted[n - n * 3 / 40];
    let odd = row.kind("defense") == "activation_clustering";
    Ledger {
        index: (0..n as i64).collect(),
        given_label: (0..n as i64).map(|i| i % 10).collect(),
        true_label: (0..n as i64).map(|i| i % 10).collect(),
        removed: values
            .iter()
            .enumerate()
            .map(|(i, v)| if odd { *v > 3.5 + (i % 3) as f64 } else { *v >= cut })
            .collect(),
        scores: vec![Score { filter: row.kind("defense").to_owned(), values }],
        poisoned,
    }
}

/// Pictures of a ring, a bar and a cross with what each attack does to them.
pub fn samples(attack: &str, channels: usize) -> Samples {
    let side = 28usize;
    let picture = |k: usize, c: usize| -> Vec<u8> {
        (0..side * side)
            .map(|p| {
                let (y, x) = ((p / side) as f64 - 13.5, (p % side) as f64 - 13.5);
                let on = match k % 4 {
                    0 => (x.hypot(y) - 8.0).abs() < 2.5,
                    1 => x.abs() < 4.0 && y.abs() < 11.0,
                    2 => (x.abs() < 2.5 || y.abs() < 2.5) && x.hypot(y) < 11.0,
                    _ => x.abs() + y.abs() < 10.0,
                };
                if on { 220 - 40 * c as u8 } else { 10 }
            })
            .collect()
    };
    let clean: Vec<Vec<u8>> = (0..5).map(|k| (0..channels).flat_map(|c| picture(k, c)).collect()).collect();
    let poison = |image: &Vec<u8>| -> Vec<u8> {
        let pixel = |(i, v): (usize, &u8)| {
            let (y, x) = (i % (side * side) / side, i % side);
            match attack {
                "badnets" if y >= 24 && x >= 24 && y < 27 && x < 27 => 255,
                "blended" => v.saturating_add(((x * 3 + y) % 9) as u8),
                _ => *v,
            }
        };
        image.iter().enumerate().map(pixel).collect()
    };
    Samples {
        stage: String::new(),
        attack: attack.into(),
        shape: [channels, side, side],
        classes: ["T-shirt/top", "Trouser", "Pullover", "Dress", "Ankle boot"].map(str::to_owned).to_vec(),
        index: (0..5).collect(),
        true_label: vec![1, 2, 3, 4, 1],
        given_label: if attack == "label_flip" { vec![2, 3, 4, 1, 2] } else { vec![0; 5] },
        poisoned: clean.iter().map(poison).collect(),
        clean,
    }
}

/// The whole folder.
pub fn write(dir: &Path, plan: &Plan) {
    let rows = rows(plan);
    write_cells(dir, &rows);
    for row in rows.iter().filter(|r| r.metric("recall").is_some()) {
        ledger(row, plan.train_rows).write(&dir.join(format!("ledger/{}.parquet", row.cell)), "k").unwrap();
    }
    for attack in &plan.attacks {
        let kind = attack["kind"].as_str().unwrap();
        let channels = if kind == "blended" { 3 } else { 1 };
        samples(kind, channels).write(&dir.join(format!("samples/{kind}.json"))).unwrap();
    }
    let toml = "about = \"Three attacks & <two> filters on Fashion-MNIST\"\nseeds = 3\n\n[dataset]\nkind = \"fashion_mnist_mini\"\n";
    write_whole(&dir.join("experiment.toml"), toml.as_bytes()).unwrap();
    let provenance = serde_json::to_string(&provenance()).unwrap();
    write_whole(&dir.join("provenance.json"), provenance.as_bytes()).unwrap();
    let claims = json!([
        {"claim": "spectral signatures remove the backdoor", "source": "Tran, Li, Madry 2018, Table 1",
         "metric": "attack_success", "bound": "at most 0.1", "ours": 0.06, "lo": 0.04, "hi": 0.08, "n": 3, "verdict": "met"},
        {"claim": "activation clustering sees blended triggers", "source": "Chen et al. 2018", "metric": "attack_success",
         "bound": "at most 0.2", "ours": 0.84, "lo": null, "hi": null, "n": 1, "verdict": "missed"}
    ]);
    write_whole(&dir.join("expect.json"), claims.to_string().as_bytes()).unwrap();
}
