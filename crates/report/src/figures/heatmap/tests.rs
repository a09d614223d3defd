use std::collections::BTreeMap;

use aconite_record::{CellRow, Provenance, Status};
use serde_json::json;

use super::matrix::{Attack, Cell, Defense, Matrix};
use crate::figures::{Album, Figure};
use crate::study::Study;

/// Attack, defense, seed and the metrics: success, clean accuracy, then others by name.
type Given<'a> = (&'a str, &'a str, u64, f64, f64, &'a [(&'a str, f64)]);

/// Rows of one point for each pair of an attack and a defense, in the order of their first appearance.
fn rows(given: &[Given<'_>]) -> Vec<CellRow> {
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    given
        .iter()
        .map(|&(attack, defense, seed, success, accuracy, others)| {
            let point = pairs.iter().position(|p| *p == (attack, defense)).unwrap_or_else(|| {
                pairs.push((attack, defense));
                pairs.len() - 1
            });
            let stages: &[&str] = match defense {
                "none" => &["fit"],
                "sift" | "comb" => &["fit", "filter", "refit"],
                "mend" => &["fit", "repair"],
                _ => &["fit", "detect"],
            };
            let metrics = [
                ("attack_success", success),
                ("clean_accuracy", accuracy),
                ("accuracy_drop", 0.92 - accuracy),
            ];
            CellRow {
                schema: 1,
                cell: format!("{attack}-{defense}-{seed}"),
                point,
                seed,
                status: Status::Done,
                error: None,
                settings: json!({"attack": {"kind": attack}, "defense": {"kind": defense}}),
                axes: vec![],
                goal: if attack == "flip" { "availability".into() } else { "backdoor".into() },
                knowledge: if defense == "sift" { vec!["poison_rate".into()] } else { vec![] },
                needs: Vec::new(),
                metrics: metrics.iter().chain(others).map(|(m, v)| ((*m).to_owned(), *v)).collect(),
                seconds: stages.iter().map(|s| ((*s).to_owned(), 1.0)).collect(),
                provenance: Provenance::default(),
            }
        })
        .collect()
}

/// Four attacks, of which one gets nothing undefended, against two filters, a repair and a detector.
fn example() -> Study {
    let arms: &[(&str, f64)] = &[
        ("random_filter_attack_success", 0.9),
        ("perfect_filter_attack_success", 0.01),
        ("twin_clean_accuracy", 0.88),
        ("auroc", 0.7),
    ];
    let other: &[(&str, f64)] = &[("random_filter_attack_success", 0.8), ("twin_clean_accuracy", 0.86)];
    Study::of(rows(&[
        ("patch", "none", 0, 0.98, 0.91, &[]),
        ("patch", "sift", 0, 0.49, 0.90, arms),
        ("patch", "comb", 0, 0.02, 0.80, other),
        ("patch", "mend", 0, 0.02, 0.89, &[]),
        ("patch", "look", 0, 0.98, 0.91, &[("auroc", 0.95)]),
        ("blend", "none", 0, 0.60, 0.91, &[]),
        ("blend", "sift", 0, 0.29, 0.90, &[]),
        ("blend", "comb", 0, 0.58, 0.905, &[]),
        ("faint", "none", 0, 0.05, 0.91, &[]),
        ("faint", "sift", 0, 0.05, 0.90, &[]),
        ("faint", "comb", 0, 0.05, 0.91, &[]),
        ("flip", "none", 0, 0.12, 0.80, &[]),
        ("flip", "sift", 0, 0.07, 0.85, &[]),
        ("flip", "comb", 0, 0.03, 0.89, &[]),
        ("flip", "mend", 0, 0.13, 0.79, &[]),
    ]))
}

fn with<T>(study: &Study, check: impl FnOnce(&Matrix<'_>) -> T) -> T {
    let facets = study.facets(&mut Vec::new(), "heatmap");
    check(&Matrix::of(study, &facets[0]))
}

fn attack<'a>(matrix: &'a Matrix<'_>, name: &str) -> &'a Attack<'a> {
    matrix.attacks.iter().find(|a| a.name == name).unwrap()
}

fn defense<'a>(matrix: &'a Matrix<'_>, name: &str) -> &'a Defense<'a> {
    matrix.defenses.iter().find(|d| d.name == name).unwrap()
}

#[test]
fn rows_are_grouped_by_role_and_arms_stand_at_the_end() {
    with(&example(), |m| {
        let names: Vec<(&str, &str)> = m.defenses.iter().map(|d| (d.name, d.told.as_str())).collect();
        assert_eq!(
            names,
            [
                ("none", ""),
                ("sift", "told: poison rate"),
                ("comb", "told: nothing"),
                ("mend", "told: nothing"),
                ("look", "told: nothing"),
                ("perfect_filter", "told: poisoned rows"),
                ("random_filter", "of the filters' sizes"),
            ]
        );
        let attacks: Vec<String> = m.attacks.iter().map(Attack::marked).collect();
        assert_eq!(attacks, ["patch", "blend", "faint", "flip\u{a0}†", "no attack"]);
        assert_eq!(m.size(), (4, 5));
    });
}

#[test]
fn a_defense_fails_where_half_is_left_and_is_dear_where_ten_points_are_lost() {
    with(&example(), |m| {
        let of =
            |a: &str, d: &str| (m.fails(attack(m, a), defense(m, d)), m.costly(attack(m, a), defense(m, d)));
        assert_eq!(of("patch", "sift"), (Some(true), false), "0.49 is half of 0.98");
        assert_eq!(of("blend", "sift"), (Some(false), false), "0.29 of 0.60");
        assert_eq!(of("patch", "comb"), (Some(false), true), "0.80 is eleven points below 0.91");
        assert_eq!(of("flip", "sift"), (Some(true), false), "0.07 of a drop of 0.12");
        assert_eq!(of("faint", "sift"), (None, false), "it gets nothing undefended");
        assert_eq!(of("patch", "look").0, None, "a detector does not defend");
        assert_eq!(of("patch", "none").0, None);
        assert_eq!(of("patch", "random_filter").0, None);
        let counts = |d: &str| m.failures(defense(m, d), &m.attacks);
        assert_eq!((counts("sift"), counts("comb"), counts("mend")), ((2, 3), (1, 3), (1, 2)));
        assert_eq!(counts("none"), (0, 0));
    });
}

#[test]
fn the_worst_attack_and_the_best_defense() {
    with(&example(), |m| {
        let worst = |d: &str| {
            let shown = m.columns("attack_success", &m.defenses);
            let w = m.worst(defense(m, d), &shown).unwrap();
            (w.attack.name.to_owned(), w.stat.mean, w.at_least)
        };
        assert_eq!(worst("none"), ("patch".into(), 0.98, false));
        assert_eq!(worst("sift"), ("patch".into(), 0.49, false));
        assert_eq!(worst("comb"), ("blend".into(), 0.58, false));
        assert_eq!(worst("mend"), ("patch".into(), 0.02, true), "not run against blend and faint");
        let best = |a: &str| m.best(attack(m, a)).map(|b| (b.defense, b.stat.mean, b.accuracy.unwrap().mean));
        assert_eq!(best("patch"), Some(("mend", 0.02, 0.89)), "comb is as low but too costly");
        assert_eq!(best("blend"), Some(("sift", 0.29, 0.90)));
        assert_eq!(best("faint"), Some(("comb", 0.05, 0.91)), "of equals the more accurate");
        assert_eq!(best("flip"), Some(("comb", 0.03, 0.89)));
    });
}

#[test]
fn attacks_on_availability_are_the_worst_only_among_themselves() {
    let study = Study::of(rows(&[
        ("flip", "none", 0, 0.12, 0.80, &[]),
        ("flip", "sift", 0, 0.07, 0.85, &[]),
        ("patch", "sift", 0, 0.01, 0.90, &[]),
    ]));
    with(&study, |m| {
        let flip = [attack(m, "flip").clone()];
        assert_eq!(m.worst(defense(m, "sift"), &flip).unwrap().stat.mean, 0.07);
        assert_eq!(m.worst(defense(m, "sift"), &m.attacks).unwrap().attack.name, "patch");
    });
}

#[test]
fn control_arms_are_pooled_over_filters_and_the_clean_twin_is_a_column() {
    with(&example(), |m| {
        let mean = |metric: &str, a: &str, d: &str| {
            m.cell(metric, attack(m, a), defense(m, d)).stat().map(|s| s.mean)
        };
        let near = |a: Option<f64>, b: f64| a.is_some_and(|a| (a - b).abs() < 1e-12);
        assert!(near(mean("attack_success", "patch", "random_filter"), 0.85), "of 0.9 and 0.8");
        assert!(near(mean("attack_success", "patch", "perfect_filter"), 0.01));
        assert_eq!(mean("attack_success", "blend", "random_filter"), None);
        assert!(near(mean("clean_accuracy", "none", "sift"), 0.88));
        assert!(near(mean("clean_accuracy", "none", "none"), 0.92), "the clean twin: accuracy and drop");
        assert_eq!(m.cell("clean_accuracy", attack(m, "none"), defense(m, "mend")), Cell::NotRun);
        assert_eq!(m.cell("attack_success", attack(m, "blend"), defense(m, "mend")), Cell::NotRun);
        assert_eq!(m.cell("auroc", attack(m, "blend"), defense(m, "sift")), Cell::Without);
    });
}

/// The texts of a figure, in the order in which they are drawn.
fn texts(figure: &Figure) -> Vec<String> {
    let lines = figure.svg.lines().collect::<Vec<_>>();
    let starts = lines.iter().enumerate().filter(|(_, l)| l.starts_with("<text"));
    starts.map(|(i, _)| lines[i + 1].to_owned()).collect()
}

#[test]
fn the_figure_says_where_a_defense_fails() {
    let mut album = Album::default();
    super::draw(&example(), &mut album).unwrap();
    let [figure] = &album.figures[..] else { panic!("{} figures", album.figures.len()) };
    let texts = texts(figure);
    let has = |words: &str| assert!(texts.iter().any(|t| t.contains(words)), "{words} in {texts:#?}");
    for words in [
        "fails: ≥ 50 % of the undefended success left",
        "over 10 points of accuracy lost",
        "best defense",
        "worst attack",
        "2 of 3",
        "1 of 2",
        "≥ 2.0",
        "told: poison rate",
        "no attack",
        "acc. 89.0",
        "One seed, so no interval.",
        "Not shown: look; a detector leaves the victim as it is.",
        "No verdict on faint: undefended under 10 %",
    ] {
        has(words);
    }
    let rows: BTreeMap<&str, usize> =
        ["sift", "look"].map(|n| (n, texts.iter().filter(|t| *t == n).count())).into();
    assert_eq!(rows["look"], 1, "only under AUROC");
    assert!(rows["sift"] >= 4, "{rows:?}");
}

#[test]
fn without_an_undefended_run_there_is_no_column_of_failures() {
    let study = Study::of(rows(&[
        ("patch", "sift", 0, 0.49, 0.90, &[]),
        ("patch", "comb", 0, 0.02, 0.80, &[]),
        ("blend", "sift", 0, 0.29, 0.90, &[]),
        ("blend", "comb", 0, 0.58, 0.90, &[]),
    ]));
    let mut album = Album::default();
    super::draw(&study, &mut album).unwrap();
    let [figure] = &album.figures[..] else { panic!("{} figures", album.figures.len()) };
    let texts = texts(figure);
    assert!(texts.iter().any(|t| t == "worst attack"), "{texts:#?}");
    assert!(!texts.iter().any(|t| t.starts_with("fails") || t.contains(" of ")), "{texts:#?}");
}
