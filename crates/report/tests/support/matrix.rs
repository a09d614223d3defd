//! A synthetic matrix: six attacks against defenses of every role, with control arms, detections and certificates.

use std::path::Path;

use aconite_record::{CellRow, Certificates, Detection, Reversed, Status, write_whole};
use serde_json::{Value, json};

use super::{Noise, Plan};

/// Kind, role, what it is told.
const DEFENSES: [(&str, &str, &[&str]); 20] = [
    ("none", "none", &[]),
    ("spectral_signatures", "filter", &["poison_rate", "target_class"]),
    ("activation_clustering", "filter", &[]),
    ("spectre", "filter", &["poison_rate"]),
    ("deep_knn", "filter", &[]),
    ("knn_relabel", "filter", &[]),
    ("confident_learning", "filter", &[]),
    ("abl", "regime", &[]),
    ("dp_sgd", "regime", &[]),
    ("mixup", "regime", &[]),
    ("fine_tune", "repair", &["clean_samples"]),
    ("fine_prune", "repair", &["clean_samples"]),
    ("nad", "repair", &["clean_samples"]),
    ("anp", "repair", &["clean_samples"]),
    ("clp", "repair", &[]),
    ("i_bau", "repair", &["clean_samples"]),
    ("neural_cleanse", "detector", &["clean_samples"]),
    ("strip", "detector", &["clean_samples", "trigger"]),
    ("dpa", "certificate", &[]),
    ("chain", "chain", &["poison_rate", "clean_samples"]),
];

pub fn attacks() -> Vec<Value> {
    ["badnets", "blended", "sig", "wanet", "gradient_matching", "random_flip"]
        .iter()
        .map(|k| {
            let rate = if *k == "random_flip" { 0.2 } else { 0.05 };
            let mode = if *k == "wanet" { "in_batch" } else { "fixed_rows" };
            json!({"kind": k, "target": 3, "rate": rate, "mode": mode})
        })
        .collect()
}

fn defense(kind: &str) -> Value {
    match kind {
        "chain" => json!({"kind": "chain", "steps": [
            {"kind": "spectral_signatures", "epsilon": 0.05, "multiplier": 1.5},
            {"kind": "fine_prune", "epochs": 5},
        ]}),
        kind => json!({"kind": kind}),
    }
}

fn goal(attack: &str) -> &'static str {
    match attack {
        "none" => "none",
        "random_flip" => "availability",
        "gradient_matching" => "targeted",
        _ => "backdoor",
    }
}

fn row(point: usize, seed: u64, attack: &Value, which: usize) -> CellRow {
    let (kind, role, told) = DEFENSES[which];
    let a = attack["kind"].as_str().unwrap();
    let mut noise = Noise::new(point as u64 * 977 + seed * 13 + 5);
    let goal = goal(a);
    let mut share = |mean: f64, sd: f64| (mean + sd * noise.normal()).clamp(0.0, 1.0);
    let force = match a {
        "badnets" => 0.995,
        "blended" => 0.93,
        "sig" => 0.41,
        "wanet" => 0.88,
        _ => 0.6,
    };
    let left = match (role, kind, a) {
        ("none" | "detector", ..) => 1.0,
        (_, "dpa", _) => 0.35,
        ("chain", ..) => 0.02,
        (_, "abl", "sig") => 0.0,
        _ => ((which * 7 + a.len() * 5) % 11) as f64 / 10.0,
    };
    let twin = 0.912 + 0.002 * Noise::new(seed).normal();
    let cost = match (kind, a) {
        ("none", _) => 0.002,
        ("abl", "sig") => 0.79,
        ("dp_sgd", _) => 0.14,
        ("dpa", _) => 0.06,
        _ => 0.006 + 0.003 * (which % 5) as f64,
    };
    let drop =
        cost + if goal == "availability" { 0.12 * left } else { 0.0 } + 0.003 * (share(0.5, 0.3) - 0.5);
    let mut metrics: std::collections::BTreeMap<String, f64> =
        [("clean_accuracy".to_owned(), twin - drop), ("accuracy_drop".to_owned(), drop)].into();
    let mut put = |name: &str, value: f64| {
        metrics.insert(name.to_owned(), value);
    };
    let success = if goal == "availability" { drop } else { share(force * left, 0.03 * left + 0.004) };
    if goal != "none" {
        put("attack_success", success);
        put("poisons", 500.0);
        for (name, value) in [("linf", 16.0), ("l2", 310.5), ("psnr", 27.3), ("ssim", 0.93)] {
            put(name, value);
        }
    }
    if goal == "backdoor" {
        put("robust_accuracy", 0.88 * (1.0 - success));
    }
    let mut stages = vec!["fit", "evaluate"];
    if a == "gradient_matching" {
        stages.push("surrogate");
    }
    match role {
        "filter" | "chain" => {
            stages.extend(["filter", "refit"]);
            let recall = share(1.0 - left, 0.04);
            for (name, value) in [
                ("recall", recall),
                ("false_positive_rate", 0.04),
                ("auroc", 1.0 - 0.45 * left),
                ("average_precision", 0.95 - 0.8 * left),
                ("removed", 780.0),
            ] {
                put(name, value);
            }
        }
        "repair" => stages.push("repair"),
        "detector" => {
            stages.push("detect");
            put("auroc", share(0.93, 0.03));
            put("tpr", share(0.85, 0.05));
            put("fpr", share(0.04, 0.01));
        }
        "certificate" => {
            stages.push("certify");
            put("certified_radius_median", 9.0 + (seed % 2) as f64);
        }
        _ => {}
    }
    if role == "filter" || role == "chain" {
        let bare = if goal == "availability" { 0.12 } else { 0.97 * force };
        put("random_filter_attack_success", share(bare, 0.01));
        put("random_filter_clean_accuracy", twin - 0.004);
        put("perfect_filter_attack_success", share(0.006, 0.002));
        put("perfect_filter_clean_accuracy", twin - 0.002);
        put("twin_removed", 750.0);
    }
    if !matches!(role, "none" | "detector") {
        put("twin_clean_accuracy", twin - cost);
    }
    CellRow {
        cell: format!("{a}-{kind}-s{seed}-{point:04x}"),
        point,
        seed,
        settings: json!({
            "dataset": {"kind": "fashion_mnist_mini"}, "victim": {"kind": "small_cnn"},
            "attack": attack, "defense": defense(kind), "evaluate": {"asr_scope": "non_target"}
        }),
        goal: goal.into(),
        knowledge: told.iter().map(|w| (*w).to_owned()).collect(),
        needs: match a {
            "wanet" => vec!["control of training".into()],
            "gradient_matching" => vec!["surrogate".into()],
            _ => Vec::new(),
        },
        metrics,
        seconds: stages.iter().map(|s| ((*s).to_owned(), 9.0)).collect(),
        ..super::row(point, seed, attack, &json!({"kind": "none"}))
    }
}

pub const CLASSES: [&str; 10] =
    ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

/// Made-up findings: a small bright patch for the target of a backdoor, a smear for the others.
pub fn detection(attack: &str, seed: u64, channels: usize) -> Detection {
    let side = 28usize;
    let mut noise = Noise::new(seed + attack.len() as u64 * 71 + 3);
    let target = (goal(attack) == "backdoor").then_some(3);
    let mut index: Vec<Option<f64>> = (0..10).map(|_| Some(noise.normal().abs())).collect();
    index[7] = Some(2.4);
    if let Some(target) = target {
        index[target] = Some(if attack == "wanet" { 1.4 } else { 3.0 + 2.5 * attack.len() as f64 / 3.0 });
    }
    let trigger = |class: usize| {
        let mask: Vec<f32> = (0..side * side)
            .map(|p| {
                let (y, x) = ((p / side) as f32, (p % side) as f32);
                if Some(class) == target {
                    if y > 22.0 && x > 22.0 && y < 26.0 && x < 26.0 { 0.95 } else { 0.0 }
                } else {
                    let (cy, cx) = (8.0 + (class % 4) as f32 * 4.0, 20.0 - (class % 3) as f32 * 6.0);
                    (1.2 - ((y - cy).powi(2) + (x - cx).powi(2)).sqrt() / (5.0 + class as f32 / 2.0))
                        .clamp(0.0, 1.0)
                }
            })
            .collect();
        let value = |p: usize, c: usize| ((p * 37 + class * 53 + c * 91) % 256) as f32;
        let pattern = (0..side * side).flat_map(|p| (0..channels).map(move |c| value(p, c))).collect();
        Reversed { mask, pattern }
    };
    Detection {
        kind: "neural_cleanse".into(),
        classes: CLASSES.map(str::to_owned).to_vec(),
        flagged: index.iter().enumerate().map(|(c, v)| c != 7 && v.is_some_and(|v| v > 2.0)).collect(),
        index,
        height: side,
        width: side,
        channels,
        triggers: (0..10).map(trigger).collect(),
    }
}

pub fn certificates(point: usize, seed: u64, rows: usize) -> Certificates {
    let mut noise = Noise::new(point as u64 * 7 + seed + 1);
    let reach = 14.0 + (point % 5) as f64 * 3.0;
    let mut radii = Vec::new();
    let mut correct = Vec::new();
    for _ in 0..rows {
        let margin = 1.0 - noise.share().powi(2);
        radii.push((reach * margin).floor());
        correct.push(noise.share() < 0.45 + 0.53 * margin);
    }
    Certificates { radii, correct }
}

/// The whole folder: one point failed, one is not there, and the clean model was looked at by one detector.
pub fn write(dir: &Path, seeds: u64) {
    let mut rows = Vec::new();
    for (i, attack) in attacks().iter().enumerate() {
        for j in 0..DEFENSES.len() {
            rows.extend((0..seeds).map(|seed| row(i * DEFENSES.len() + j, seed, attack, j)));
        }
    }
    let of = |kind: &str| DEFENSES.iter().position(|d| d.0 == kind).unwrap();
    let clean = 6 * DEFENSES.len();
    for (k, j) in [of("none"), of("neural_cleanse")].into_iter().enumerate() {
        rows.extend((0..seeds).map(|seed| row(clean + k, seed, &json!({"kind": "none"}), j)));
    }
    rows.retain(|r| r.point != DEFENSES.len() + of("nad"));
    for row in rows.iter_mut().filter(|r| r.point == 3 * DEFENSES.len() + of("dp_sgd")) {
        row.status = Status::Failed;
        row.error = Some("stage fit: the loss is not finite".into());
        row.metrics.clear();
    }
    for row in &mut rows {
        let attack = row.kind("attack").to_owned();
        match row.kind("defense") {
            "neural_cleanse" => {
                let found = detection(&attack, row.seed, if attack == "blended" { 3 } else { 1 });
                for (class, index) in found.index.iter().enumerate() {
                    row.metrics.insert(format!("anomaly_index_{class}"), index.unwrap());
                }
                found.write(&dir.join(format!("detections/{}.json", row.cell))).unwrap();
            }
            "dpa" => {
                let proofs = certificates(row.point, row.seed, 800);
                for radius in [0, 5, 10, 20] {
                    let name = format!("certified_accuracy_at_{radius}");
                    row.metrics.insert(name, proofs.accuracy_at(f64::from(radius)));
                }
                proofs.write(&dir.join(format!("certificates/{}.json", row.cell))).unwrap();
            }
            _ => {}
        }
    }
    super::write_cells(dir, &rows);
    about(dir, "Six attacks against nineteen defenses");
}

/// One seed of targeted attacks over trials, with Wilson's interval.
pub fn write_trials(dir: &Path) {
    let attacks = ["feature_collision", "bullseye_polytope", "gradient_matching"];
    let attacks: Vec<Value> = attacks.iter().map(|k| json!({"kind": k, "rate": 0.01})).collect();
    let defenses = ["none", "deep_knn", "strong_augment"].map(|k| json!({"kind": k})).to_vec();
    let mut rows = super::rows(&Plan { attacks, defenses, seeds: 1, train_rows: 10 });
    for row in &mut rows {
        row.goal = "targeted".into();
        let hits = [3u64, 2, 0, 12, 9, 7, 20, 5, 11][row.point];
        let (lo, hi) = aconite_report::stats::wilson(hits, 20).unwrap();
        row.metrics.remove("robust_accuracy");
        row.metrics.extend([
            ("attack_success".to_owned(), hits as f64 / 20.0),
            ("attack_success_wilson_lo".to_owned(), lo),
            ("attack_success_wilson_hi".to_owned(), hi),
            ("trials".to_owned(), 20.0),
        ]);
    }
    super::write_cells(dir, &rows);
    about(dir, "Targeted attacks over twenty trials");
}

fn about(dir: &Path, about: &str) {
    write_whole(&dir.join("experiment.toml"), format!("about = \"{about}\"\n").as_bytes()).unwrap();
    let provenance = serde_json::to_string(&super::provenance()).unwrap();
    write_whole(&dir.join("provenance.json"), provenance.as_bytes()).unwrap();
}
