use super::*;
use aconite_record::{Provenance, read_flat};
use serde_json::json;

fn row(point: usize, seed: u64, defense: &str, success: Option<f64>) -> CellRow {
    CellRow {
        schema: 1,
        cell: format!("{defense}-{point}-{seed}"),
        point,
        seed,
        status: if success.is_some() { Status::Done } else { Status::Failed },
        error: success.is_none().then(|| "stage fit: killed".to_owned()),
        settings: json!({
            "seed": seed, "dataset": {"kind": "d"}, "victim": {"kind": "v"},
            "attack": {"kind": "badnets", "rate": 0.05}, "defense": {"kind": defense}
        }),
        axes: vec!["defense".into()],
        goal: "backdoor".into(),
        knowledge: vec![],
        needs: Vec::new(),
        metrics: success.map(|s| ("attack_success".to_owned(), s)).into_iter().collect(),
        seconds: BTreeMap::new(),
        provenance: Provenance::default(),
    }
}

#[test]
fn the_summary_of_a_hand_example() {
    let rows = [
        row(0, 0, "none", Some(0.9)),
        row(0, 1, "none", Some(1.0)),
        row(0, 2, "none", None),
        row(1, 1, "trim", Some(0.2)),
        row(1, 0, "trim", Some(0.3)),
        row(2, 0, "lone", Some(0.5)),
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("summary.csv");
    write_summary(&path, &rows).unwrap();
    let (header, lines) = read_flat(&path).unwrap();
    assert_eq!(
        header[..11].join(" "),
        "dataset.kind victim.kind attack.kind attack.rate defense.kind failed attack_success_mean \
         attack_success_sd attack_success_lo attack_success_hi attack_success_n"
    );
    assert_eq!(header[11], "attack_success_vs_undefended_mean");
    let number = |line: usize, name: &str| -> Option<f64> {
        lines[line][header.iter().position(|h| h == name).unwrap()].parse().ok()
    };
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0][..6].join(" "), "d v badnets 0.05 none 1");
    // mean (0.9 + 1.0)/2, sd 0.1/√2, half 12.7062·sd/√2 = 12.7062·0.05
    let near = |a: Option<f64>, b: f64| (a.unwrap() - b).abs() < 1e-6;
    assert!(near(number(0, "attack_success_mean"), 0.95));
    assert!(near(number(0, "attack_success_sd"), 0.0707107));
    assert!(near(number(0, "attack_success_lo"), 0.95 - 0.635310237));
    assert_eq!(number(0, "attack_success_n"), Some(2.0));
    assert_eq!(number(0, "attack_success_vs_undefended_mean"), None);
    // differences by seed: 0.3 − 0.9 and 0.2 − 1.0
    assert!(near(number(1, "attack_success_vs_undefended_mean"), -0.7));
    assert!(near(number(1, "attack_success_vs_undefended_hi"), -0.7 + 12.7062047 * 0.1));
    // one seed: a mean and no interval
    assert!(near(number(2, "attack_success_mean"), 0.5));
    assert_eq!((number(2, "attack_success_lo"), number(2, "attack_success_n")), (None, Some(1.0)));
    assert!(near(number(2, "attack_success_vs_undefended_mean"), -0.4));
}

#[test]
fn only_equal_settings_and_equal_seeds_are_paired() {
    let mut other = row(1, 7, "trim", Some(0.1));
    let points_of = |other: &CellRow| points(&[row(0, 0, "none", Some(0.9)), other.clone()]);
    assert!(points_of(&other)[1].versus_undefended("attack_success", &points_of(&other)).is_none());
    other.seed = 0;
    let all = points_of(&other);
    assert!((all[1].versus_undefended("attack_success", &all).unwrap().mean + 0.8).abs() < 1e-12);
    other.settings["attack"]["rate"] = json!(0.1);
    let all = points_of(&other);
    assert!(all[1].versus_undefended("attack_success", &all).is_none());
}

#[test]
fn a_filter_is_paired_with_its_random_arm_by_seed() {
    let with = |seed: u64, own: f64, arm: Option<f64>| {
        let mut row = row(0, seed, "trim", Some(own));
        row.metrics.extend(arm.map(|v| (format!("{ARM}_attack_success"), v)));
        row
    };
    let rows = [with(0, 0.3, Some(0.9)), with(1, 0.2, Some(1.0)), with(2, 0.5, None)];
    let stat = points(&rows)[0].versus_random("attack_success").unwrap();
    // scipy.stats.ttest_rel([.3, .2], [.9, 1.0]).confidence_interval(): −0.7 ± 12.7062·0.1
    assert!(stat.n == 2 && (stat.mean + 0.7).abs() < 1e-12);
    assert!((stat.interval.unwrap().1 - (-0.7 + 1.27062047)).abs() < 1e-6);
    let dir = tempfile::tempdir().unwrap();
    write_summary(&dir.path().join("s.csv"), &rows).unwrap();
    let header = read_flat(&dir.path().join("s.csv")).unwrap().0;
    assert!(header.iter().any(|h| h == "attack_success_vs_random_filter_hi"));
    assert!(!header.iter().any(|h| h.starts_with("clean_accuracy_vs_random_filter")));
}

#[test]
fn seconds_are_metrics_too_and_nothing_gives_an_empty_table() {
    let mut a = row(0, 0, "none", Some(0.5));
    a.seconds = [("fit".to_owned(), 2.0), ("data".to_owned(), 1.0)].into();
    a.metrics.insert("train_loss".into(), f64::NAN);
    assert_eq!(
        (value(&a, "seconds"), value(&a, "seconds_fit"), value(&a, "seconds_x")),
        (Some(3.0), Some(2.0), None)
    );
    assert_eq!(value(&a, "train_loss"), None);
    a.metrics
        .extend([("attack_success_wilson_lo".to_owned(), 0.3), ("attack_success_wilson_hi".to_owned(), 0.7)]);
    let shown = |rows: &[CellRow]| points(rows)[0].shown("attack_success").unwrap();
    assert_eq!(shown(std::slice::from_ref(&a)).interval, Some((0.3, 0.7)), "Wilson's for one seed");
    assert_eq!(points(std::slice::from_ref(&a))[0].stat("attack_success").unwrap().interval, None);
    let mut b = CellRow { seed: 1, cell: "b".into(), ..a.clone() };
    b.metrics.insert("attack_success".into(), 0.7);
    let over = shown(&[a.clone(), b]);
    assert!(over.n == 2 && over.interval != Some((0.3, 0.7)), "the t-interval for several");
    let dir = tempfile::tempdir().unwrap();
    write_summary(&dir.path().join("s.csv"), &[]).unwrap();
    assert_eq!(read_flat(&dir.path().join("s.csv")).unwrap().1.len(), 0);
}
