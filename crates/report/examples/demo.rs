//! Draws reports of made-up results into a folder: `cargo run -p aconite-report --example demo -- OUT`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;

use serde_json::json;
use support::Plan;

fn main() -> Result<(), aconite_report::Error> {
    let out = std::env::args().nth(1).unwrap_or_else(|| "report-demo".into());
    let out = Path::new(&out);
    let small = Plan::small();
    let rates = Plan {
        attacks: [0.002, 0.005, 0.01, 0.05, 0.1]
            .iter()
            .flat_map(|r| ["badnets", "blended"].map(|k| json!({"kind": k, "target": 0, "rate": r})))
            .collect(),
        ..small.clone()
    };
    let kinds = |names: &[&str]| names.iter().map(|k| json!({"kind": k, "rate": 0.05})).collect::<Vec<_>>();
    let many = Plan {
        attacks: kinds(&[
            "badnets",
            "blended",
            "label_flip",
            "sig",
            "wanet",
            "narcissus",
            "hidden_trigger",
            "witches_brew",
            "lira",
        ]),
        defenses: kinds(&[
            "none",
            "spectral_signatures",
            "activation_clustering",
            "spectre",
            "fine_pruning",
            "strip",
            "anti_backdoor_learning",
        ]),
        seeds: 2,
        ..small.clone()
    };
    let one = Plan { seeds: 1, ..small.clone() };
    for (name, plan) in [("small", small.clone()), ("rates", rates), ("many", many), ("one", one)] {
        support::write(&out.join(name), &plan);
    }
    let long = Plan {
        attacks: kinds(&[
            "a_fairly_long_name_of_an_attack",
            "another_attack_by_name",
            "sig",
            "wanet",
            "label_flip",
            "hidden_trigger",
        ]),
        defenses: (0..20)
            .map(|i| match i {
                0 => json!({"kind": "none"}),
                _ => json!({"kind": format!("defense_{i}_with_a_name_that_goes_on_and_on")}),
            })
            .collect(),
        ..small.clone()
    };
    support::write(&out.join("long"), &long);
    support::matrix::write(&out.join("matrix"), 3);
    support::matrix::write_trials(&out.join("trials"));
    support::federated::write(&out.join("federated"), 3);
    support::federated::write_large(&out.join("federated_large"));
    let names = ["small", "rates", "many", "one", "long", "matrix", "trials", "federated", "federated_large"];
    for name in names {
        let dir = out.join(name);
        let drawn = aconite_report::draw(&dir)?;
        eprintln!("{}: {} files", dir.display(), drawn.written.len());
        for skipped in drawn.skipped {
            eprintln!("  {}: {}", skipped.what, skipped.why);
        }
    }
    Ok(())
}
