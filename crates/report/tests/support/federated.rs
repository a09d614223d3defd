//! Synthetic federations: attacks against the rules of a server, round by round.

use std::path::Path;

use aconite_record::{CellRow, RoundRow, Rounds, write_whole};
use serde_json::{Value, json};

use super::Noise;

/// The rounds, who takes part, when the attack is on.
struct Shape {
    clients: usize,
    classes: usize,
    rounds: usize,
    every: usize,
    window: (usize, usize),
    settings: Value,
}

fn goal(attack: &str) -> &'static str {
    match attack {
        "none" => "none",
        "alie" | "min_max" | "sign_flip" => "availability",
        _ => "backdoor",
    }
}

/// Rows by class: a few classes to each client, or the same to all.
fn parts(shape: &Shape, skewed: bool, noise: &mut Noise) -> Vec<Vec<usize>> {
    let class = |noise: &mut Noise| match skewed {
        true => (130.0 * noise.share().powi(7)) as usize,
        false => 12,
    };
    (0..shape.clients).map(|_| (0..shape.classes).map(|_| class(noise)).collect()).collect()
}

/// How far an attack gets under a rule, and what the rule costs.
fn strength(attack: &str, rule: &str) -> (f64, f64) {
    let cost = match rule {
        "krum" => 0.10,
        "none" => 0.0,
        _ => 0.012,
    };
    let reach = match (rule, attack) {
        ("none", _) => 1.0,
        ("krum" | "flame", "badnets" | "neurotoxin") => 0.02,
        ("krum", "alie") => 0.9,
        ("median", _) => 0.75,
        _ => 0.25 + 0.1 * ((rule.len() * 3 + attack.len()) % 5) as f64,
    };
    (reach, cost)
}

fn rounds(row: &CellRow, shape: &Shape) -> Rounds {
    let (attack, rule) = (row.kind("attack").to_owned(), row.kind("defense").to_owned());
    let mut noise = Noise::new(row.point as u64 * 131 + row.seed * 17 + 3);
    let clients =
        parts(shape, shape.settings["partition"]["kind"] == "dirichlet", &mut Noise::new(row.seed + 11));
    let malicious: Vec<bool> = (0..shape.clients).map(|i| goal(&attack) != "none" && i % 5 == 3).collect();
    let (reach, cost) = strength(&attack, &rule);
    let (mut harm, mut planted) = (0.0, 0.0);
    let round = |round: usize| {
        let on = goal(&attack) != "none" && round >= shape.window.0 && round < shape.window.1;
        let toward = if on { reach } else { 0.0 };
        // A backdoor is forgotten slowly, harm to the accuracy heals at once.
        planted += (toward - planted) * if on { 0.22 } else { 0.05 };
        harm += (toward - harm) * 0.3;
        let learned = 1.0 - (-(round as f64 + 1.0) / (0.1 * shape.rounds as f64)).exp();
        let hurt = if goal(&attack) == "availability" { 0.45 * harm } else { 0.01 * harm };
        let clean = (0.1 + 0.8 * learned - cost - hurt * learned + 0.008 * noise.normal()).clamp(0.05, 0.95);
        let success = (0.01 + 0.97 * planted + 0.02 * noise.normal() * planted).clamp(0.0, 1.0);
        let looked = round.is_multiple_of(shape.every) || round + 1 == shape.rounds;
        let present: Vec<usize> = (0..shape.clients.min(20)).collect();
        let attacking: Vec<bool> = present.iter().map(|&c| on && malicious[c]).collect();
        let weight = |(&client, bad): (&usize, &bool)| match rule.as_str() {
            "krum" => f32::from(u8::from(client == round % 3)),
            "flame" if *bad && reach < 0.1 => 0.0,
            _ => 1.0 / present.len() as f32,
        };
        let weights = present.iter().zip(&attacking).map(weight).collect();
        RoundRow {
            round,
            clean_accuracy: looked.then_some(clean),
            attack_success: (looked && goal(&attack) == "backdoor").then_some(success),
            weights: (rule != "median").then_some(weights),
            clients: present,
            attacking,
            seconds: 0.25,
        }
    };
    let rounds = (0..shape.rounds).map(round).collect();
    Rounds { clients, malicious, rounds }
}

fn fill(dir: &Path, shape: &Shape, attacks: &[&str], rules: &[String], seeds: u64) {
    let mut all = Vec::new();
    for (i, attack) in attacks.iter().enumerate() {
        for (j, rule) in rules.iter().enumerate() {
            for seed in 0..seeds {
                let (attack, rule) = (json!({ "kind": attack }), json!({ "kind": rule }));
                let mut row = super::row(i * rules.len() + j, seed, &attack, &rule);
                row.settings["federation"] = shape.settings.clone();
                row.goal = goal(row.kind("attack")).into();
                let course = rounds(&row, shape);
                let last = course.rounds.last().unwrap();
                row.metrics = course.metrics().into_iter().map(|(m, v)| (m.to_owned(), v)).collect();
                let clean = last.clean_accuracy.unwrap();
                row.metrics.insert("clean_accuracy".into(), clean);
                row.metrics.insert("accuracy_drop".into(), 0.902 - clean);
                let drop = (row.goal == "availability").then_some(0.902 - clean);
                row.metrics.extend(last.attack_success.or(drop).map(|v| ("attack_success".to_owned(), v)));
                course.write(&dir.join(format!("rounds/{}.json", row.cell))).unwrap();
                all.push(row);
            }
        }
    }
    super::write_cells(dir, &all);
    write_whole(&dir.join("experiment.toml"), b"about = \"Attacks on the rules of a server\"\n").unwrap();
    let provenance = serde_json::to_string(&super::provenance()).unwrap();
    write_whole(&dir.join("provenance.json"), provenance.as_bytes()).unwrap();
}

/// Four attacks, one of them none, in the middle of the rounds, against six rules.
pub fn write(dir: &Path, seeds: u64) {
    let settings = json!({
        "kind": "fed_avg", "clients": 40, "rounds": 60, "attack_from": 15, "attack_until": 40, "evaluate_every": 2,
        "partition": {"kind": "dirichlet", "alpha": 0.3}
    });
    let shape = Shape { clients: 40, classes: 10, rounds: 60, every: 2, window: (15, 40), settings };
    let rules = ["none", "krum", "median", "trimmed_mean", "flame", "centered_clipping"].map(str::to_owned);
    fill(dir, &shape, &["badnets", "neurotoxin", "alie", "none"], &rules, seeds);
}

/// Attacks for three pages, more rules than are drawn, many rounds, clients and classes; one seed.
pub fn write_large(dir: &Path) {
    let settings = json!({
        "kind": "fed_sgd", "clients": 600, "rounds": 1200, "attack_from": 0, "attack_until": null,
        "partition": {"kind": "iid"}
    });
    let shape = Shape { clients: 600, classes: 100, rounds: 1200, every: 1, window: (0, 1200), settings };
    let rules: Vec<String> = (0..14)
        .map(|i| match i {
            0 => "none".to_owned(),
            _ => format!("rule_{i}_with_a_name_that_goes_on{}", "_and_on".repeat(i % 4)),
        })
        .collect();
    let long = "an_attack_with_a_name_that_is_far_too_long_for_a_panel_of_its_own";
    let attacks = [
        "sign_flip",
        "badnets",
        "blended",
        long,
        "alie",
        "min_max",
        "neurotoxin",
        "sig",
        "wanet",
        "lira",
        "dba",
    ];
    fill(dir, &shape, &attacks, &rules, 1);
}
