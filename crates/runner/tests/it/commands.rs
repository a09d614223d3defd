//! What the small commands print.

use crate::program::{Sandbox, TINY};

#[test]
fn list_and_show_speak_of_every_kind() {
    let sandbox = Sandbox::new();
    let all = sandbox.ok(&["list"]).out;
    for kind in
        ["badnets", "random_flip", "sig", "spectral_signatures", "deep_knn", "small_cnn", "mnist", "sgd"]
    {
        assert!(all.contains(kind), "{kind}\n{all}");
        let shown = sandbox.ok(&["show", kind]).out;
        assert!(shown.contains("Paper:"), "{shown}");
    }
    let shown = sandbox.ok(&["show", "spectral_signatures"]).out;
    assert!(shown.contains("knowledge under its defaults: poison_rate"), "{shown}");
    assert!(shown.contains("name") && shown.contains("range") && shown.contains("multiplier"), "{shown}");
    assert!(sandbox.ok(&["show", "label_flip"]).out.contains("random_flip"));
    assert!(sandbox.ok(&["show", "train"]).out.contains("batch_size"));
    let attacks = sandbox.ok(&["list", "attacks", "--json"]).out;
    for line in attacks.lines() {
        let kind: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(kind["family"], "attack");
    }
}

#[test]
fn the_schema_is_json_and_knows_the_kinds() {
    let schema: serde_json::Value = serde_json::from_str(&Sandbox::new().ok(&["schema"]).out).unwrap();
    let attack = schema["properties"]["attack"].to_string();
    assert!(attack.contains("\"const\":\"badnets\"") && attack.contains("rate"));
    assert!(schema["properties"]["train"]["properties"]["optimizer"].to_string().contains("momentum"));
}

#[test]
fn plan_counts_and_report_redraws_from_files_alone() {
    let sandbox = Sandbox::new();
    sandbox.write("e.toml", TINY);
    assert!(sandbox.ok(&["check", "e.toml"]).out.contains("12 cells (6 points, 2 seeds)"));
    let plan: serde_json::Value =
        serde_json::from_str(&sandbox.ok(&["plan", "e.toml", "--json"]).out).unwrap();
    assert_eq!((plan["cells"].as_u64(), plan["cached"].as_u64()), (Some(12), Some(0)));
    sandbox.ok(&["run", "e.toml"]);
    let plan: serde_json::Value =
        serde_json::from_str(&sandbox.ok(&["plan", "e.toml", "--json"]).out).unwrap();
    assert_eq!(plan["cached"], plan["unique"]);
    let figure = sandbox.path("results/e/figures/tradeoff.svg");
    let (drawn, csv) =
        (std::fs::read(&figure).unwrap(), std::fs::read(sandbox.path("results/e/cells.csv")).unwrap());
    std::fs::remove_dir_all(sandbox.path("results/e/figures")).unwrap();
    std::fs::remove_file(sandbox.path("results/e/cells.csv")).unwrap();
    sandbox.ok(&["report", "results/e"]);
    assert_eq!(std::fs::read(&figure).unwrap(), drawn);
    assert_eq!(std::fs::read(sandbox.path("results/e/cells.csv")).unwrap(), csv);
}

#[test]
fn verify_tells_met_from_missed() {
    let sandbox = Sandbox::new();
    let claim = |bound: &str| format!("[[expect]]\nclaim = 'c'\nmetric = 'clean_accuracy'\n{bound}\n");
    sandbox.write("e.toml", &format!("{TINY}{}{}", claim("at_least = 0.0"), claim("at_most = 1.0")));
    sandbox.ok(&["run", "e.toml"]);
    let ran = sandbox.ok(&["verify", "e.toml"]);
    assert_eq!(ran.out.matches("met ").count(), 2, "{}", ran.out);
    // A comparison tells the paired difference: here of a point with itself, with no spread.
    let of = "where = { 'attack.rate' = 0.1, 'defense.kind' = 'none' }";
    let less = format!("{of}\nless_than = {{ {of}, metric = 'clean_accuracy' }}");
    sandbox.write("e.toml", &format!("{TINY}{}", claim(&less)));
    let ran = sandbox.run(&["verify", "e.toml"]);
    assert!(ran.out.contains("paired difference +0.0000 [+0.0000, +0.0000]"), "{}", ran.out);
    sandbox.write("e.toml", &format!("{TINY}{}", claim("paper = 0.999\nwithin = 0.0001")));
    let ran = sandbox.run(&["verify", "e.toml", "--json"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("\"verdict\":\"missed\""), "{}", ran.out);
}

#[test]
fn results_of_an_experiment_with_a_base_can_be_verified_where_they_are() {
    let sandbox = Sandbox::new();
    sandbox.write("configs/small.toml", "[victim]\nkind = 'mlp'\nhidden = [8]\n[train]\nepochs = 1\n");
    sandbox.write(
        "experiments/e.toml",
        "base = '../configs/small.toml'\n[dataset]\nkind = 'fashion_mnist_mini'\ntrain_size = 100\n\
         [[expect]]\nclaim = 'c'\nmetric = 'clean_accuracy'\nat_least = 0\n",
    );
    sandbox.ok(&["run", "experiments/e.toml"]);
    assert!(sandbox.ok(&["verify", "results/e"]).out.contains("met"));
}

#[test]
fn the_store_is_told_and_cleaned_by_rule() {
    let sandbox = Sandbox::new();
    sandbox.write("e.toml", TINY);
    sandbox.ok(&["run", "e.toml"]);
    let json = |args: &[&str]| -> serde_json::Value { serde_json::from_str(&sandbox.ok(args).out).unwrap() };
    let info = || json(&["store", "info", "--json"]);
    let all = json(&["plan", "e.toml", "--json"])["unique"].as_u64().unwrap();
    assert_eq!((info()["stages"].as_u64(), info()["damaged"].as_u64()), (Some(all), Some(0)));
    assert_eq!(sandbox.run(&["store", "gc"]).code, Some(2));
    assert!(sandbox.ok(&["store", "gc", "--keep-only", "e.toml"]).out.contains("removed 0 stages"));
    assert!(
        sandbox
            .ok(&["store", "gc", "--shrink-to", "0", "--dry-run"])
            .out
            .contains(&format!("would remove {all}"))
    );
    assert_eq!(info()["stages"], all);
    sandbox.write("half.toml", &TINY.replace("[0.05, 0.1]", "[0.1, 0.2]"));
    let ran = sandbox.ok(&["store", "gc", "--keep-only", "half.toml"]);
    assert!(!ran.out.contains("removed 0"), "{}", ran.out);
    assert!(info()["stages"].as_u64().unwrap() < all);
    sandbox.ok(&["run", "e.toml"]);
    assert_eq!(info()["stages"], all);
}
