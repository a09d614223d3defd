//! `aconite audit`: what a user learns about their own data.

use std::collections::HashSet;

use crate::program::{Row, Sandbox};

/// A poisoned export of embedded images, and the rows that are poisoned in it.
fn poisoned(sandbox: &Sandbox) -> HashSet<String> {
    sandbox.write(
        "p.toml",
        "dataset = { kind = 'fashion_mnist_mini', train_size = 2000 }\n\
         attack = { kind = 'badnets', fill = 'checkerboard', rate = 0.05 }\n",
    );
    sandbox.ok(&["poison", "p.toml", "--out", "export"]);
    let bytes = std::fs::read(sandbox.path("export/train.safetensors")).unwrap();
    let arrays = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let flags = arrays.tensor("poisoned").unwrap();
    let rows: HashSet<String> =
        (0..2000).filter(|&row| flags.data()[row] == 1).map(|row| row.to_string()).collect();
    assert_eq!(rows.len(), 100);
    rows
}

fn flagged(rows: &[Row]) -> HashSet<String> {
    rows.iter().filter(|r| r["flagged"] == "true").map(|r| r["row"].clone()).collect()
}

#[test]
fn the_flagged_rows_of_a_poisoned_export_hold_the_poisons() {
    let sandbox = Sandbox::new();
    let poisons = poisoned(&sandbox);
    // The paper's centred scores catch 82 of these 100 (419 of 500 on all 10,000 images); the authors' code does
    // not centre, and catches all.
    let audit = |out: &str, centered: &str| {
        let set = format!("defense.centered={centered}");
        let train = ["--set", "train.epochs=5", "--set", "train.batch_size=64", "--set", set.as_str()];
        let base = ["audit", "--data", "export", "--defense", "spectral_signatures", "--out", out];
        let ran = sandbox.ok(&[base.as_slice(), &train].concat());
        let rows = sandbox.rows(&format!("{out}/scores.csv"));
        assert_eq!((rows.len(), rows[0]["rank"].as_str()), (2000, "1"));
        (ran, rows)
    };
    let (ran, rows) = audit("a", "false");
    assert!(ran.err.contains("always flags a share, of clean data too"), "{}", ran.err);
    assert!(ran.err.contains("5.0 % of all rows are poisoned"), "{}", ran.err);
    let scores: Vec<f64> = rows.iter().map(|r| r["score"].parse().unwrap()).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b));
    assert!(rows[0]["source"].starts_with("train.safetensors:"));
    let caught = flagged(&rows).intersection(&poisons).count();
    assert!(caught >= 90, "{caught} of 100 poisons are among {} flagged rows", flagged(&rows).len());
    let (_, rows) = audit("b", "true");
    let top: HashSet<String> = rows.iter().take(200).map(|r| r["row"].clone()).collect();
    let hits = top.intersection(&poisons).count();
    assert!(hits > 40, "{hits} poisons among the 200 most suspicious rows; 10 would be chance");
    assert!(std::fs::read(sandbox.path("a/sheet.png")).unwrap().starts_with(b"\x89PNG"));
    assert!(std::fs::read_to_string(sandbox.path("a/report.md")).unwrap().contains("| t-shirt"));
}

#[test]
fn features_of_ones_own_are_enough() {
    let sandbox = Sandbox::new();
    // Two classes on a line; the last row of class 1 lies far out.
    let features: Vec<f32> =
        (0..20).flat_map(|i| [if i == 19 { 50.0 } else { (i % 5) as f32 }, 1.0]).collect();
    let labels: Vec<i64> = (0..20).map(|i| i64::from(i >= 10)).collect();
    let f: Vec<u8> = features.iter().flat_map(|v| v.to_le_bytes()).collect();
    let l: Vec<u8> = labels.iter().flat_map(|v| v.to_le_bytes()).collect();
    let view = |dtype, shape, data| safetensors::tensor::TensorView::new(dtype, shape, data).unwrap();
    let file = safetensors::serialize(
        [
            ("features", view(safetensors::Dtype::F32, vec![20, 2], f.as_slice())),
            ("labels", view(safetensors::Dtype::I64, vec![20], l.as_slice())),
        ],
        None,
    )
    .unwrap();
    std::fs::write(sandbox.path("f.safetensors"), file).unwrap();
    let audit =
        ["audit", "--features", "f.safetensors", "--defense", "spectral_signatures", "--poison-rate", "0.05"];
    sandbox.ok(&audit);
    let rows = sandbox.rows("audit/scores.csv");
    assert_eq!((rows[0]["row"].as_str(), rows[0]["flagged"].as_str()), ("19", "true"));
    assert!(!sandbox.path("audit/sheet.png").exists());
    let ran = sandbox.ok(&["audit", "--features", "f.safetensors", "--defense", "deep_knn", "--out", "k"]);
    assert!(ran.err.contains("Rows of clean data are flagged too"), "{}", ran.err);
}

#[test]
fn no_share_of_a_users_rows_is_taken_for_clean() {
    let sandbox = Sandbox::new();
    let rows = (0..100).map(|row| format!("{},{}\n", row % 2 * 10 + row % 7, ["a", "b"][row % 2]));
    sandbox.write("rows.csv", &format!("x,label\n{}", rows.collect::<String>()));
    let args = ["audit", "--data", "rows.csv", "--victim", "logistic", "--defense", "roni"];
    let set = |key: &'static str| ["--set", key];
    let sizes = [set("defense.train=4"), set("defense.validate=4"), set("defense.draws=2")].concat();
    let ran = sandbox.run(&[&args[..], &sizes].concat());
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("roni trusts") && ran.err.contains("defense.trusted=0"), "{}", ran.err);
    let ran = sandbox.ok(&[&args[..], &sizes, &set("defense.trusted=0")].concat());
    // A fifth of the file's rows are the test set's, and that is said.
    assert_eq!(sandbox.rows("audit/scores.csv").len(), 80);
    assert!(ran.err.contains("20 more rows are not scored"), "{}", ran.err);
    assert!(!ran.err.contains("clean_samples"), "{}", ran.err);
}

#[test]
fn what_cannot_be_audited_is_said() {
    let sandbox = Sandbox::new();
    sandbox.write("odd.xyz", "?");
    sandbox.write("bad.safetensors", "no tensors");
    for (args, said) in [
        (vec!["--data", "none.csv", "--defense", "deep_knn"], "none.csv is not there"),
        (vec!["--data", "odd.xyz", "--defense", "deep_knn"], "--dataset KIND"),
        (vec!["--defense", "deep_knn"], "--data"),
        (vec!["--features", "bad.safetensors", "--defense", "deep_knn"], "bad.safetensors"),
        (vec!["--data", "odd.xyz", "--dataset", "mock", "--defense", "deep_knn"], "path"),
        (vec!["--data", "odd.xyz", "--dataset", "exported", "--defense", "deep_nn"], "deep_knn"),
        (vec!["--data", "odd.xyz", "--defense", "deep_knn", "--poison-rate", "2"], "no share"),
    ] {
        let ran = sandbox.run(&[vec!["audit"], args.clone()].concat());
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.err);
        assert!(ran.err.contains(said), "{args:?}: {}", ran.err);
    }
}
