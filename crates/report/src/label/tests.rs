use super::*;
use serde_json::json;

fn row(settings: Value) -> CellRow {
    CellRow {
        schema: 1,
        cell: "c".into(),
        point: 0,
        seed: 0,
        status: aconite_record::Status::Done,
        error: None,
        settings,
        axes: vec![],
        goal: "backdoor".into(),
        knowledge: vec![],
        needs: Vec::new(),
        metrics: BTreeMap::new(),
        seconds: BTreeMap::new(),
        provenance: aconite_record::Provenance::default(),
    }
}

fn badnets(rate: f64, size: u32, defense: &str) -> CellRow {
    row(json!({
        "seed": size, "dataset": {"kind": "d"},
        "attack": {"kind": "badnets", "target": 0, "rate": rate, "trigger": {"size": size, "value": 255}},
        "defense": {"kind": defense}
    }))
}

#[test]
fn a_kind_that_stands_alone_is_its_kind() {
    let rows = [badnets(0.05, 3, "none"), badnets(0.05, 3, "activation_clustering")];
    let labels = Labels::of(&rows);
    assert_eq!(
        (labels.attack(&rows[0]), labels.defense(&rows[1])),
        ("badnets".into(), "activation_clustering".into())
    );
    assert_eq!(labels.context(&rows[0]), "");
}

#[test]
fn what_varies_within_a_kind_is_named() {
    let flip = row(json!({"attack": {"kind": "label_flip", "rate": 0.1}, "defense": {"kind": "none"}}));
    let rows = [badnets(0.01, 3, "none"), badnets(0.05, 4, "none"), flip];
    let labels = Labels::of(&rows);
    assert_eq!(labels.attack(&rows[0]), "badnets rate=0.01 size=3");
    assert_eq!(labels.attack_without_rate(&rows[1]), "badnets size=4");
    assert_eq!(labels.attack(&rows[2]), "label_flip", "no other label_flip differs");
}

#[test]
fn equal_last_parts_keep_their_paths() {
    let with = |a: u32, b: u32| row(json!({"attack": {"kind": "x", "p": {"size": a}, "q": {"size": b}}}));
    let rows = [with(1, 2), with(2, 3)];
    assert_eq!(Labels::of(&rows).attack(&rows[0]), "x p.size=1 q.size=2");
}

#[test]
fn everything_else_is_context() {
    let with = |victim: &str, epochs: u32, bits: f64| {
        row(json!({"victim": {"kind": victim}, "train": {"epochs": epochs, "lr": 0.1}, "bits": bits}))
    };
    let rows = [with("svm", 1, 8.0), with("cnn", 2, 8.0)];
    assert_eq!(Labels::of(&rows).context(&rows[1]), "cnn, train.epochs=2");
    let rows = [with("svm", 1, 8.0), with("svm", 1, 4.0)];
    assert_eq!(Labels::of(&rows).context(&rows[0]), "bits=8");
}

#[test]
fn a_missing_section_or_setting_is_passed_over() {
    let rows = [
        row(json!({})),
        row(json!({"attack": {"kind": "x"}})),
        row(json!({"attack": {"kind": "x", "deep": {"a": 1}}})),
    ];
    let labels = Labels::of(&rows);
    assert_eq!(rows.iter().map(|r| labels.attack(r)).collect::<Vec<_>>(), ["none", "x", "x a=1"]);
}

#[test]
fn a_chain_is_called_by_its_steps_and_what_varies_in_them() {
    let with = |steps: Value| row(json!({"defense": {"kind": "chain", "steps": steps}}));
    let alone = [
        with(json!([{"kind": "deep_knn", "k": 5}, {"kind": "fine_prune", "rate": 0.1}])),
        with(json!([{"kind": "clp", "u": 3.0}])),
        row(json!({"defense": {"kind": "clp", "u": 3.0}})),
    ];
    let names = |rows: &[CellRow]| -> Vec<String> {
        let labels = Labels::of(rows);
        rows.iter().map(|r| labels.defense(r)).collect()
    };
    assert_eq!(names(&alone), ["deep_knn → fine_prune", "chain of clp", "clp"]);
    assert_eq!(Labels::of(&alone).context(&alone[0]), "");
    let two = [
        with(json!([{"kind": "a", "k": 5, "x": 1}, {"kind": "a", "k": 3, "x": 1}])),
        with(json!([{"kind": "a", "k": 5, "x": 1}, {"kind": "a", "k": 4, "x": 1}])),
    ];
    assert_eq!(names(&two), ["a → a k=3", "a → a k=4"]);
    let many = |n: u32| with(json!([{"kind": "a", "p": n, "q": n, "r": n}, {"kind": "b", "p": n, "s": n}]));
    assert_eq!(names(&[many(1), many(2), many(1)]), ["a → b #1", "a → b #2", "a → b #1"]);
    let long = |n: usize| with(json!([{"kind": "a", "list": vec![n; 30]}, {"kind": "b"}]));
    assert_eq!(names(&[long(1), long(2)]), ["a → b #1", "a → b #2"]);
}

#[test]
fn slugs_are_file_names() {
    assert_eq!(slug("svm, train.epochs=4"), "svm-train.epochs=4");
    assert_eq!(slug("../../etc/passwd"), "..-..-etc-passwd");
    assert_eq!(slug("é — ü"), "");
}

#[test]
fn a_table_of_another_kind_is_named_by_its_kind() {
    let carried = |backdoor: Value| {
        row(
            json!({"attack": {"kind": "model_replacement", "backdoor": backdoor}, "defense": {"kind": "none"}}),
        )
    };
    let rows = [
        carried(json!({"kind": "badnets", "size": 3, "fill": "white"})),
        carried(json!({"kind": "badnets", "size": 5, "fill": "white"})),
        carried(json!({"kind": "dba", "length": 4})),
    ];
    let labels = Labels::of(&rows);
    assert_eq!(labels.attack(&rows[0]), "model_replacement backdoor=badnets size=3");
    assert_eq!(labels.attack(&rows[2]), "model_replacement backdoor=dba");
}
