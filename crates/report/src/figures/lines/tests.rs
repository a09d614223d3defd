use aconite_record::{CellRow, Provenance, Status};
use serde_json::{Value, json};

use super::*;

fn row(point: usize, epochs: u32, attack: &Value, defense: &Value, success: Option<f64>) -> CellRow {
    CellRow {
        schema: 1,
        cell: format!("c{point}"),
        point,
        seed: 0,
        status: Status::Done,
        error: None,
        settings: json!({
            "seed": 0, "dataset": {"kind": "d"}, "victim": {"kind": "v"}, "train": {"epochs": epochs},
            "attack": attack, "defense": defense
        }),
        axes: ["train.epochs", "attack", "defense"].map(str::to_owned).to_vec(),
        goal: if attack["kind"] == "random_flip" { "availability" } else { "backdoor" }.into(),
        knowledge: vec![],
        needs: Vec::new(),
        metrics: success.map(|s| ("attack_success".to_owned(), s)).into_iter().collect(),
        seconds: Default::default(),
        provenance: Provenance::default(),
    }
}

/// Every attack and defense at 1, 2, 4 and 8 epochs.
fn study(attacks: &[Value], defenses: &[Value], success: impl Fn(u32) -> Option<f64>) -> Study {
    let mut rows = Vec::new();
    for (attack, defense) in attacks.iter().flat_map(|a| defenses.iter().map(move |d| (a, d))) {
        for epochs in [1, 2, 4, 8] {
            rows.push(row(rows.len(), epochs, attack, defense, success(epochs)));
        }
    }
    Study::of(rows)
}

fn drawn(study: &Study) -> Album {
    let mut album = Album::default();
    draw(study, &mut album).unwrap();
    album
}

fn badnets(size: u32) -> Value {
    json!({"kind": "badnets", "size": size})
}

#[test]
fn tables_of_one_kind_are_lines_of_their_own() {
    let chain =
        |share: f64| json!({"kind": "chain", "steps": [{"kind": "trim", "remove": share}, {"kind": "tune"}]});
    let none = json!({"kind": "none"});
    let names = |study: &Study| -> Vec<String> {
        let lines = lines(study, "train.epochs", "attack_success");
        assert!(lines.iter().all(|line| line.points.iter().map(|p| p.0).eq([1.0, 2.0, 4.0, 8.0])));
        lines.into_iter().map(|line| line.name).collect()
    };
    let sizes = study(&[badnets(2), badnets(4)], std::slice::from_ref(&none), |_| Some(0.5));
    assert_eq!(names(&sizes), ["badnets size=2", "badnets size=4"]);
    let chains = study(&[badnets(2)], &[chain(0.1), chain(0.2)], |_| Some(0.5));
    assert_eq!(names(&chains), ["trim → tune remove=0.1", "trim → tune remove=0.2"]);
    let both = study(&[badnets(2), badnets(4)], &[none, chain(0.1)], |_| Some(0.5));
    assert_eq!(names(&both)[1], "badnets size=2 · trim → tune");
    assert_eq!(names(&study(&[badnets(2)], &[json!({"kind": "none"})], |_| Some(0.5))), ["badnets"]);
}

#[test]
fn what_varies_is_not_the_subtitle_and_availability_is_marked() {
    let attacks = [badnets(2), json!({"kind": "random_flip"})];
    let album = drawn(&study(&attacks, &[json!({"kind": "none"})], |epochs| Some(0.1 * f64::from(epochs))));
    let [figure] = &album.figures[..] else { panic!("{:?}", album.skipped) };
    assert_eq!(figure.name, "lines-train.epochs");
    for words in ["\nd · v\n", "\nbadnets\n", "\nrandom_flip †\n", "success = accuracy drop"] {
        assert!(figure.svg.contains(words), "{words:?}");
    }
    assert!(!figure.svg.contains("d · v · badnets"));
    let album = drawn(&study(&[badnets(2), badnets(3)], &[json!({"kind": "none"})], |_| Some(0.5)));
    assert!(album.figures[0].svg.contains("\nd · v · badnets\n") && !album.figures[0].svg.contains('†'));
}

#[test]
fn values_count_where_the_metric_is_there() {
    let why = |study: &Study| {
        let album = drawn(study);
        assert!(album.figures.is_empty());
        album.skipped.iter().map(|s| format!("{}: {}", s.what, s.why)).collect::<Vec<_>>()
    };
    let few = |most: u32| {
        study(&[badnets(2)], &[json!({"kind": "none"})], move |epochs| (epochs <= most).then_some(0.5))
    };
    assert_eq!(why(&few(1)), ["lines-train.epochs: there is attack success of 1 of its values: it takes 3"]);
    assert_eq!(why(&few(0)), ["lines-train.epochs: there is attack success of 0 of its values: it takes 3"]);
    assert_eq!(why(&few(2)).len(), 1);
    assert_eq!(drawn(&few(4)).figures.len(), 1);
    assert!(why(&Study::of(Vec::new()))[0].contains("no axis of the grid"));
}
