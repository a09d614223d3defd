//! Synthetic streams: attacks against operators, window by window.

use std::path::Path;

use aconite_record::{WindowRow, Windows, damage, write_whole};
use serde_json::{Value, json};

use super::Noise;

const WINDOWS: usize = 30;
const ATTACK: (usize, usize) = (10, 20);

fn windows(attack: &str, policy: &str, noise: &mut Noise) -> Windows {
    let (mut planted, mut harm) = (0.0f64, 0.0f64);
    let mut calm = Vec::new();
    let mut row = |window: usize| {
        let on = attack != "none" && (ATTACK.0..ATTACK.1).contains(&window);
        let alarm = (on && window > ATTACK.0) || (policy == "none" && window == 7);
        let mended = alarm && policy != "none";
        let (planting, harming) = if attack == "badnets" { (0.4, 0.02) } else { (0.0, 0.3) };
        planted += if mended {
            -0.8 * planted
        } else if on {
            planting * (1.0 - planted)
        } else {
            0.0
        };
        harm += if mended {
            -0.8 * harm
        } else if on {
            0.3 * (harming - harm)
        } else {
            0.0
        };
        let clean = 0.85 - 0.4 * (-(window as f64) / 3.0).exp() + 0.005 * noise.normal();
        calm.push(clean);
        WindowRow {
            window,
            rows: 200,
            poisons: if on { 40 } else { 0 },
            trained: 200 * (window + 1),
            clean_accuracy: Some((clean - harm).clamp(0.0, 1.0)),
            attack_success: (attack == "badnets").then_some((0.01 + planted).clamp(0.0, 1.0)),
            class_accuracy: vec![Some(0.8), None],
            group_accuracy: Vec::new(),
            drift: vec![Some(0.1)],
            thresholds: vec![Some(0.2)],
            alarms: vec![alarm],
            action: mended.then(|| policy.to_owned()),
            repair_rows: if mended { 200 } else { 0 },
            repair_seconds: if mended { 0.5 } else { 0.0 },
            seconds: 1.0,
        }
    };
    let windows = (0..WINDOWS).map(&mut row).collect();
    Windows {
        monitors: vec!["ks".into()],
        attack: (attack != "none").then_some(ATTACK),
        twin: calm,
        groups: Vec::new(),
        windows,
    }
}

/// These attacks against these operators.
pub fn write(dir: &Path, attacks: &[&str], policies: &[Value], seeds: u64) {
    let mut all = Vec::new();
    for (i, attack) in attacks.iter().enumerate() {
        for (j, policy) in policies.iter().enumerate() {
            for seed in 0..seeds {
                let (kind, none) = (json!({ "kind": attack }), json!({ "kind": "none" }));
                let mut row = super::row(i * policies.len() + j, seed, &kind, &none);
                row.settings["stream"] = json!({ "kind": "every", "windows": WINDOWS, "monitor": {"kind": "ks"}, "policy": policy });
                row.goal = match *attack {
                    "none" => "none",
                    "badnets" => "backdoor",
                    _ => "availability",
                }
                .into();
                let mut noise = Noise::new(seed * 17 + j as u64);
                let course = windows(attack, policy["kind"].as_str().unwrap(), &mut noise);
                let own: Vec<f64> = course.windows.iter().filter_map(|w| w.clean_accuracy).collect();
                row.metrics = course.metrics().into_iter().map(|(m, v)| (m.to_owned(), v)).collect();
                row.metrics.insert("clean_accuracy".into(), own[WINDOWS - 1]);
                row.metrics.extend(damage(&course.twin, &own, ATTACK.0).map(|d| ("damage".to_owned(), d)));
                course.write(&dir.join(format!("windows/{}.json", row.cell))).unwrap();
                all.push(row);
            }
        }
    }
    super::write_cells(dir, &all);
    write_whole(&dir.join("experiment.toml"), b"about = \"A stream and its operators\"\n").unwrap();
    let provenance = serde_json::to_string(&super::provenance()).unwrap();
    write_whole(&dir.join("provenance.json"), provenance.as_bytes()).unwrap();
}
