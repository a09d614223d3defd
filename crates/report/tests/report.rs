//! Whole reports of synthetic results folders, good and bad.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use aconite_record::{CellRow, Status, append_line, write_whole};
use aconite_report::{Drawn, Error, draw};
use resvg::usvg;
use serde_json::json;
use support::Plan;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Draws and checks what holds for every report.
fn drawn(dir: &Path) -> Drawn {
    let drawn = draw(dir).unwrap();
    for path in &drawn.written {
        let bytes = std::fs::read(dir.join(path)).unwrap();
        assert!(!bytes.is_empty(), "{}", path.display());
        match path.extension().unwrap().to_str().unwrap() {
            "svg" => {
                let svg = String::from_utf8(bytes).unwrap();
                let tree = usvg::Tree::from_str(&svg, &usvg::Options::default());
                assert!(tree.is_ok(), "{}: {tree:?}", path.display());
                assert!(!svg.contains("NaN") && !svg.contains("inf\""), "{}", path.display());
                assert!(svg.contains("Inter, Helvetica, Arial, sans-serif"));
                assert!(dir.join(path.with_extension("png")).exists());
            }
            "png" => assert_eq!(&bytes[1..4], b"PNG"),
            _ => {}
        }
    }
    let html = std::fs::read_to_string(dir.join("report.html")).unwrap();
    for outside in ["src=\"http", "href=\"http", "<script", "url(http", "@import", "<link"] {
        assert!(!html.contains(outside), "the page reaches outside: {outside}");
    }
    assert_eq!(html.matches("<figure").count(), html.matches("</figure>").count());
    drawn
}

fn names(drawn: &Drawn) -> Vec<String> {
    drawn.written.iter().map(|p| p.display().to_string()).collect()
}

fn why<'a>(drawn: &'a Drawn, what: &str) -> Vec<&'a str> {
    drawn.skipped.iter().filter(|s| s.what.starts_with(what)).map(|s| s.why.as_str()).collect()
}

fn bytes(dir: &Path, drawn: &Drawn) -> BTreeMap<String, Vec<u8>> {
    names(drawn).into_iter().map(|n| (n.clone(), std::fs::read(dir.join(n)).unwrap())).collect()
}

#[test]
fn a_whole_report_twice_is_the_same_bytes() {
    let dir = folder();
    support::write(dir.path(), &Plan { seeds: 2, train_rows: 400, ..Plan::small() });
    let first = drawn(dir.path());
    let before = bytes(dir.path(), &first);
    assert_eq!(first, draw(dir.path()).unwrap());
    assert!(before == bytes(dir.path(), &first), "a second drawing differs");

    let other = folder();
    support::write(other.path(), &Plan { seeds: 2, train_rows: 400, ..Plan::small() });
    // Workers finish in any order.
    let text = std::fs::read_to_string(other.path().join("cells.jsonl")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.reverse();
    write_whole(&other.path().join("cells.jsonl"), (lines.join("\n") + "\n").as_bytes()).unwrap();
    assert!(before == bytes(other.path(), &draw(other.path()).unwrap()), "the order of the rows shows");

    let names = names(&first);
    for name in ["figures/dots", "figures/tradeoff", "figures/heatmap", "figures/samples", "figures/scores"] {
        assert!(
            names.contains(&format!("{name}.svg")) && names.contains(&format!("{name}.png")),
            "{name} in {names:?}"
        );
    }
    for name in ["report.html", "report.md", "tables/summary.tex", "tables/attack_success.tex"] {
        assert!(names.iter().any(|n| n == name), "{name}");
    }
    assert_eq!(names.iter().filter(|n| n.starts_with("figures/scores-") && n.ends_with(".svg")).count(), 6);
    assert!(why(&first, "rate")[0].contains("attack.rate"));

    let html = std::fs::read_to_string(dir.path().join("report.html")).unwrap();
    for words in [
        "Three attacks &amp; &lt;two&gt; filters",
        "aconite run experiment.toml",
        "poison_rate",
        "class=\"missed\">missed",
        "class=\"met\">met",
        "2.13.0",
        "share of triggered test inputs whose true class is not the target",
        "success = accuracy drop",
    ] {
        assert!(html.contains(words), "{words}");
    }
    let markdown = std::fs::read_to_string(dir.path().join("report.md")).unwrap();
    assert!(
        markdown.contains("](figures/dots.png)") && markdown.contains("| badnets | spectral\\_signatures |")
    );
    let tex = std::fs::read_to_string(dir.path().join("tables/attack_success.tex")).unwrap();
    assert!(tex.contains("attack & none & spectral\\_signatures & activation\\_clustering \\\\"), "{tex}");
}

#[test]
fn rates_are_drawn_and_stale_figures_go() {
    let dir = folder();
    let attacks = [0.01, 0.02, 0.1].map(|r| json!({"kind": "badnets", "rate": r})).to_vec();
    support::write(dir.path(), &Plan { attacks, train_rows: 200, ..Plan::small() });
    let first = drawn(dir.path());
    assert!(names(&first).contains(&"figures/rate.svg".to_owned()));
    let svg = std::fs::read_to_string(dir.path().join("figures/rate.svg")).unwrap();
    assert!(svg.contains("poison rate (% of the training set)"));

    std::fs::write(dir.path().join("figures/mine.png"), b"mine").unwrap();
    support::write_cells(dir.path(), &support::rows(&Plan { seeds: 1, ..Plan::small() }));
    drawn(dir.path());
    assert!(!dir.path().join("figures/rate.svg").exists() && !dir.path().join("figures/rate.png").exists());
    assert!(dir.path().join("figures/mine.png").exists(), "not ours to remove");
}

#[test]
fn what_becomes_of_ham_and_spam_has_figures_where_it_is_told() {
    let dir = folder();
    let attacks = [0.01, 0.02, 0.1].map(|r| json!({"kind": "dictionary", "rate": r})).to_vec();
    let mut rows = support::rows(&Plan { attacks, ..Plan::small() });
    let ham =
        |names: &[String]| ["-ham", "-spam"].map(|end| names.contains(&format!("figures/rate{end}.svg")));
    support::write_cells(dir.path(), &rows);
    assert_eq!(ham(&names(&drawn(dir.path()))), [false, false]);
    for row in &mut rows {
        row.metrics.insert("ham_as_spam".into(), 0.1);
        row.metrics.insert("ham_not_delivered".into(), 0.6);
    }
    support::write_cells(dir.path(), &rows);
    assert_eq!(ham(&names(&drawn(dir.path()))), [true, false]);
    for row in &mut rows {
        row.metrics.insert("spam_not_caught".into(), 0.2);
    }
    support::write_cells(dir.path(), &rows);
    assert_eq!(ham(&names(&drawn(dir.path()))), [true, true]);
    apart(dir.path());
    let svg = |name: &str| std::fs::read_to_string(dir.path().join(format!("figures/{name}.svg"))).unwrap();
    for (name, words) in [
        ("rate-ham", ["ham taken for spam (%)", "ham taken for spam or unsure (%)"]),
        ("rate-spam", ["spam taken for ham (%)", "spam taken for ham or unsure (%)"]),
    ] {
        assert!(words.iter().all(|words| svg(name).contains(words)), "{name}");
        assert!(!svg(name).contains("clean twin"), "the twin's accuracy is on no axis of {name}");
    }
}

#[test]
fn an_empty_and_a_missing_folder() {
    let dir = folder();
    let error = draw(dir.path()).unwrap_err();
    assert!(matches!(error, Error::NoCells { .. }));
    let text = error.to_string();
    assert!(text.contains("cells.jsonl") && text.contains("hint: "), "{text}");

    write_whole(&dir.path().join("cells.jsonl"), b"").unwrap();
    let drawn = drawn(dir.path());
    assert_eq!(names(&drawn), ["report.md", "report.html"]);
    assert!(
        std::fs::read_to_string(dir.path().join("report.html")).unwrap().contains("No cell has ended yet")
    );
    for what in ["dots", "tradeoff", "rate", "heatmap", "samples", "scores"] {
        assert_eq!(why(&drawn, what).len(), 1, "{what}: {:?}", drawn.skipped);
    }
}

#[test]
fn damaged_lines_are_named() {
    let dir = folder();
    write_whole(&dir.path().join("cells.jsonl"), b"{}\n{}\n").unwrap();
    let text = draw(dir.path()).unwrap_err().to_string();
    assert!(text.contains("cells.jsonl") && text.contains("line 1"), "{text}");
}

#[test]
fn only_failed_rows_tell_why() {
    let dir = folder();
    let mut rows = support::rows(&Plan { seeds: 2, ..Plan::small() });
    for row in &mut rows {
        row.status = Status::Failed;
        row.error = Some("stage fit: out of memory <1 GB\n\u{1b}[31mkilled".into());
        row.metrics.clear();
    }
    support::write_cells(dir.path(), &rows);
    drawn(dir.path());
    let html = std::fs::read_to_string(dir.path().join("report.html")).unwrap();
    assert!(
        html.contains("out of memory &lt;1 GB") && html.contains("18 failed") && !html.contains('\u{1b}')
    );
}

#[test]
fn metrics_may_be_absent_constant_or_not_numbers() {
    let dir = folder();
    let mut rows = support::rows(&Plan::small());
    for (i, row) in rows.iter_mut().enumerate() {
        for value in row.metrics.values_mut() {
            *value = 1.0;
        }
        if i % 5 == 0 {
            row.metrics.insert("attack_success".into(), f64::NAN);
        }
        if i % 7 == 0 {
            row.metrics.remove("clean_accuracy");
        }
    }
    support::write_cells(dir.path(), &rows);
    drawn(dir.path());
    for row in &mut rows {
        row.metrics = [("clean_accuracy".to_owned(), 0.0), ("attack_success".to_owned(), -1e-9)].into();
    }
    support::write_cells(dir.path(), &rows);
    drawn(dir.path());
    for row in &mut rows {
        row.metrics = [("clean_accuracy".to_owned(), 1e300), ("attack_success".to_owned(), -1e300)].into();
    }
    support::write_cells(dir.path(), &rows);
    drawn(dir.path());
    for row in &mut rows {
        row.metrics.clear();
        row.settings = json!({});
        row.goal = String::new();
    }
    support::write_cells(dir.path(), &rows);
    drawn(dir.path());
}

#[test]
fn damaged_side_files_are_passed_over_with_words() {
    let dir = folder();
    support::write(dir.path(), &Plan { seeds: 1, train_rows: 200, ..Plan::small() });
    for file in ["expect.json", "experiment.toml", "provenance.json", "samples/badnets.json"] {
        std::fs::write(dir.path().join(file), b"\xff{ not this").unwrap();
    }
    for entry in std::fs::read_dir(dir.path().join("ledger")).unwrap() {
        std::fs::write(entry.unwrap().path(), b"PAR1").unwrap();
    }
    let drawn = drawn(dir.path());
    for what in ["expect.json", "experiment.toml", "provenance.json", "samples", "scores-"] {
        assert!(!why(&drawn, what).is_empty(), "{what}: {:?}", drawn.skipped);
    }
}

#[test]
fn a_provenance_with_unknown_fields_is_shown() {
    let dir = folder();
    support::write(dir.path(), &Plan { seeds: 1, train_rows: 100, ..Plan::small() });
    let text = json!({"version": "9.9", "weather": "rain <3", "cores": 4, "void": null});
    write_whole(&dir.path().join("provenance.json"), text.to_string().as_bytes()).unwrap();
    drawn(dir.path());
    let html = std::fs::read_to_string(dir.path().join("report.html")).unwrap();
    assert!(html.contains("<td>weather</td><td>rain &lt;3</td>") && !html.contains("<td>void</td>"));
}

#[test]
fn contexts_give_a_figure_each() {
    let dir = folder();
    let small = support::rows(&Plan { seeds: 2, ..Plan::small() });
    let points = small.iter().map(|r| r.point).max().unwrap() + 1;
    let mut rows = small.clone();
    for row in &small {
        let mut other = row.clone();
        other.cell.push('x');
        other.point += points;
        other.settings["victim"] = json!({"kind": "resnet_9", "width": 32});
        rows.push(other);
    }
    support::write_cells(dir.path(), &rows);
    let drawn = drawn(dir.path());
    for name in
        ["figures/tradeoff-small_cnn.svg", "figures/tradeoff-resnet_9.svg", "figures/dots-resnet_9.png"]
    {
        assert!(names(&drawn).iter().any(|n| n == name), "{name} in {:?}", names(&drawn));
    }
}

#[test]
fn hundreds_of_points_and_long_names() {
    let dir = folder();
    let long = "a_very_long_name_that_no_legend_was_made_for_and_that_goes_on_and_on <&> \"quoted\" | _x_";
    let attacks: Vec<_> = (0..20).map(|i| json!({"kind": format!("{long}_{i}"), "rate": 0.05})).collect();
    let defenses: Vec<_> = (0..20)
        .map(|i| json!({"kind": if i == 0 { "none".to_owned() } else { format!("defense_{i}_{long}") }}))
        .collect();
    let plan = Plan { attacks, defenses, seeds: 1, train_rows: 10 };
    let rows: Vec<CellRow> = support::rows(&plan);
    write_whole(&dir.path().join("cells.jsonl"), b"").unwrap();
    let text: Vec<String> = rows.iter().map(|r| serde_json::to_string(r).unwrap()).collect();
    append_line(&dir.path().join("cells.jsonl"), &text.join("\n")).unwrap();
    let drawn = drawn(dir.path());
    assert!(why(&drawn, "heatmap").iter().any(|w| w.contains("only in the table")), "{:?}", drawn.skipped);
    let svg = std::fs::read_to_string(dir.path().join("figures/tradeoff.svg")).unwrap();
    assert!(svg.contains('…') && why(&drawn, "tradeoff")[0].contains("more attacks are only in the table"));
    let html = std::fs::read_to_string(dir.path().join("report.html")).unwrap();
    assert!(html.contains("+100 more in summary.csv"));
}

/// Every text of a figure lies inside it and on no other text.
fn apart(dir: &Path) {
    let drawn = drawn(dir);
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(include_bytes!("../fonts/Inter-Regular.otf").to_vec());
    fonts.load_font_data(include_bytes!("../fonts/Inter-SemiBold.otf").to_vec());
    let options = usvg::Options { fontdb: std::sync::Arc::new(fonts), ..usvg::Options::default() };
    for name in names(&drawn).iter().filter(|n| n.ends_with(".svg")) {
        let svg = std::fs::read_to_string(dir.join(name)).unwrap();
        let tree = usvg::Tree::from_str(&svg, &options).unwrap();
        let mut boxes = Vec::new();
        texts(tree.root(), &mut boxes);
        assert!(boxes.len() > 5, "{name}");
        let page = tree.size();
        for (i, (a, text)) in boxes.iter().enumerate() {
            let inside =
                a.left() >= 0.0 && a.top() >= 0.0 && a.right() <= page.width() && a.bottom() <= page.height();
            assert!(inside, "{name}: {text:?} leaves the page: {a:?}");
            for (b, other) in &boxes[i + 1..] {
                let wide = a.right().min(b.right()) - a.left().max(b.left());
                let tall = a.bottom().min(b.bottom()) - a.top().max(b.top());
                // Boxes are as high as the line; ink of neighbours may touch the other's empty rim.
                assert!(wide <= 1.0 || tall <= 4.0, "{name}: {text:?} lies on {other:?}: {a:?} {b:?}");
            }
        }
    }
}

#[test]
fn texts_are_whole_and_apart() {
    let dir = folder();
    support::write(dir.path(), &Plan { train_rows: 400, ..Plan::small() });
    apart(dir.path());
}

#[test]
fn texts_of_a_large_matrix_are_whole_and_apart() {
    let dir = folder();
    support::matrix::write(dir.path(), 3);
    apart(dir.path());
}

#[test]
fn texts_of_trials_are_whole_and_apart() {
    let dir = folder();
    support::matrix::write_trials(dir.path());
    apart(dir.path());
}

#[test]
fn texts_of_long_names_are_whole_and_apart() {
    let dir = folder();
    let attacks =
        (0..6).map(|i| json!({"kind": format!("a_fairly_long_name_of_an_attack_{i}"), "rate": 0.05}));
    let defenses = (0..20).map(|i| match i {
        0 => json!({"kind": "none"}),
        _ => json!({"kind": format!("defense_{i}_with_a_name_that_goes_on_and_on_and_on")}),
    });
    let plan = Plan { attacks: attacks.collect(), defenses: defenses.collect(), seeds: 2, train_rows: 10 };
    let mut rows = support::rows(&plan);
    for row in &mut rows {
        row.knowledge = ["poison_rate", "target_class", "clean_samples", "trigger", "test_set"]
            .map(str::to_owned)
            .to_vec();
    }
    support::write_cells(dir.path(), &rows);
    apart(dir.path());
}

#[test]
fn a_matrix_has_its_control_arms_detections_and_certificates() {
    let dir = folder();
    support::matrix::write(dir.path(), 2);
    let drawn = drawn(dir.path());
    for name in [
        "heatmap",
        "heatmap-clean_accuracy",
        "heatmap-robust_accuracy",
        "heatmap-auroc",
        "triggers",
        "certified",
    ] {
        assert!(names(&drawn).contains(&format!("figures/{name}.png")), "{name} in {:?}", names(&drawn));
    }
    let html = std::fs::read_to_string(dir.path().join("report.html")).unwrap();
    let markdown = std::fs::read_to_string(dir.path().join("report.md")).unwrap();
    for text in [&html, &markdown] {
        for words in [
            "Control arms",
            "random filter: attack success (%)",
            "vs random",
            "perfect filter: attack success (%)",
            "defended twin: clean accuracy (%)",
            "Certificates",
            "certified accuracy, radius ≥ 10 (%)",
            "What the attacks change",
            "control of training",
            "surrogate",
        ] {
            assert!(text.contains(words), "{words}");
        }
    }
    let tex = std::fs::read_to_string(dir.path().join("tables/controls.tex")).unwrap();
    assert!(tex.contains("vs random") && tex.contains("spectral\\_signatures"));
}

#[test]
fn texts_of_a_federation_are_whole_and_apart() {
    let dir = folder();
    support::federated::write(dir.path(), 3);
    apart(dir.path());
}

#[test]
fn texts_of_a_large_federation_are_whole_and_apart() {
    let dir = folder();
    support::federated::write_large(dir.path());
    apart(dir.path());
    let drawn = drawn(dir.path());
    for name in ["rounds", "rounds-page2", "rounds-page3"] {
        assert!(names(&drawn).contains(&format!("figures/{name}.png")), "{name} in {:?}", names(&drawn));
    }
    assert_eq!(why(&drawn, "rounds"), ["2 more rules are only in the table"]);
}

#[test]
fn a_federation_has_its_rounds_clients_and_table() {
    let dir = folder();
    support::federated::write(dir.path(), 2);
    let first = drawn(dir.path());
    let before = bytes(dir.path(), &first);
    assert_eq!(first, draw(dir.path()).unwrap());
    assert!(before == bytes(dir.path(), &first), "a second drawing differs");
    for name in ["rounds", "clients"] {
        assert!(names(&first).contains(&format!("figures/{name}.png")), "{name} in {:?}", names(&first));
        assert!(why(&first, name).is_empty(), "{:?}", first.skipped);
    }
    let svg = std::fs::read_to_string(dir.path().join("figures/rounds.svg")).unwrap();
    for words in ["aims at accuracy alone", "none (mean)", "Shaded: the rounds", "no attack"] {
        assert!(svg.contains(words), "{words}");
    }
    let svg = std::fs::read_to_string(dir.path().join("figures/clients.svg")).unwrap();
    assert!(svg.contains("dirichlet alpha=0.3") && svg.contains("of them malicious"));
    let html = std::fs::read_to_string(dir.path().join("report.html")).unwrap();
    let markdown = std::fs::read_to_string(dir.path().join("report.md")).unwrap();
    for text in [&html, &markdown] {
        for words in
            ["Federations", "clean accuracy, last 10 (%)", "honest updates rejected (%)", "seconds per round"]
        {
            assert!(text.contains(words), "{words}");
        }
    }
    // The numbers are those of the rows, in percent; 0.25 seconds a round in every seed.
    let row =
        markdown.lines().find(|l| l.starts_with("| badnets | krum |") && l.ends_with("| 0.250 ± 0.000 |"));
    assert!(row.is_some_and(|row| row.contains("| 100.0 ± 0.0 |")), "{row:?}");
    // A median weighs no client as a whole.
    assert!(markdown.lines().any(|l| l.starts_with("| badnets | median |") && l.contains("|  |  |  |")));
}

#[test]
fn a_stream_has_its_time_line_and_table() {
    let dir = folder();
    let policies = [
        json!({"kind": "none"}),
        json!({"kind": "roll_back", "back": 1}),
        json!({"kind": "roll_back", "back": 3}),
        json!({"kind": "retrain_without_suspects", "before": 0}),
    ];
    support::streamed::write(dir.path(), &["badnets", "random_flip", "none"], &policies, 3);
    apart(dir.path());
    let first = drawn(dir.path());
    let before = bytes(dir.path(), &first);
    assert!(before == bytes(dir.path(), &drawn(dir.path())), "a second drawing differs");
    for name in ["timeline", "timeline-page2"] {
        assert!(names(&first).contains(&format!("figures/{name}.png")), "{name} in {:?}", names(&first));
    }
    let svg = std::fs::read_to_string(dir.path().join("figures/timeline.svg")).unwrap();
    for words in [
        "roll_back back=3",
        "no operator acts",
        "alarms",
        "Shaded: the windows",
        "Grey dashed",
        "aims at accuracy alone",
    ] {
        assert!(svg.contains(words), "{words}");
    }
    let markdown = std::fs::read_to_string(dir.path().join("report.md")).unwrap();
    // Every seed's first alarm since the attack began is in its second window; one before it without an operator.
    let row = |setting: &str| {
        let mut streams = markdown.lines().skip_while(|l| *l != "## Streams");
        streams.find(|l| l.starts_with("| badnets | none |") && l.contains(setting)).unwrap().to_owned()
    };
    assert!(markdown.contains("windows to detection") && markdown.contains("damage (accuracy × windows)"));
    assert!(
        row("policy.kind=none").contains("| 100.0 ± 0.0 | 1 ± 0.0 | 1 ± 0.0 |"),
        "{}",
        row("policy.kind=none")
    );
    std::fs::remove_dir_all(dir.path().join("windows")).unwrap();
    assert_eq!(why(&drawn(dir.path()), "timeline").len(), 1);
}

#[test]
fn a_federation_without_its_files_says_so() {
    let dir = folder();
    support::federated::write(dir.path(), 1);
    std::fs::remove_dir_all(dir.path().join("rounds")).unwrap();
    let first = drawn(dir.path());
    assert_eq!((why(&first, "rounds").len(), why(&first, "clients").len()), (1, 1), "{:?}", first.skipped);

    support::federated::write(dir.path(), 1);
    let files = std::fs::read_dir(dir.path().join("rounds")).unwrap().skip(1);
    let broken = files.map(|entry| std::fs::write(entry.unwrap().path(), b"{").unwrap()).count();
    let second = drawn(dir.path());
    let whys = why(&second, "rounds");
    assert!(broken > 0 && whys.len() == broken, "{:?}", second.skipped);
    assert!(whys.iter().all(|w| w.contains(".json")), "{whys:?}");
    assert!(names(&second).contains(&"figures/rounds.png".to_owned()));
}

#[test]
fn what_the_grid_does_not_have_is_not_missed() {
    let dir = folder();
    support::write(dir.path(), &Plan { seeds: 1, train_rows: 100, ..Plan::small() });
    let first = drawn(dir.path());
    for what in ["rounds", "clients", "triggers", "certified"] {
        assert!(why(&first, what).is_empty(), "{what}: {:?}", first.skipped);
    }
    // With a detector and a certificate in the grid their files are missed.
    support::matrix::write(dir.path(), 1);
    for folder in ["detections", "certificates"] {
        std::fs::remove_dir_all(dir.path().join(folder)).unwrap();
    }
    let second = drawn(dir.path());
    for what in ["triggers", "certified"] {
        assert_eq!(why(&second, what).len(), 1, "{what}: {:?}", second.skipped);
    }
}

fn texts(group: &usvg::Group, boxes: &mut Vec<(usvg::Rect, String)>) {
    for node in group.children() {
        match node {
            usvg::Node::Group(group) => texts(group, boxes),
            usvg::Node::Text(text) => {
                let words = text.chunks().iter().map(|c| c.text()).collect();
                boxes.push((text.abs_bounding_box(), words));
            }
            _ => {}
        }
    }
}

#[test]
fn a_defense_of_the_last_model_gives_no_second_time_line() {
    let dir = folder();
    support::streamed::write(dir.path(), &["badnets"], &[json!({"kind": "none"})], 2);
    let text = std::fs::read_to_string(dir.path().join("cells.jsonl")).unwrap();
    let rows: Vec<CellRow> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut all = rows.clone();
    for row in &rows {
        let mut repaired = row.clone();
        repaired.point += 1;
        repaired.cell.push('d');
        repaired.settings["defense"] = json!({"kind": "fine_prune"});
        let windows = |cell: &str| dir.path().join(format!("windows/{cell}.json"));
        std::fs::copy(windows(&row.cell), windows(&repaired.cell)).unwrap();
        all.push(repaired);
    }
    let timelines = |rows: &[CellRow]| -> Vec<String> {
        support::write_cells(dir.path(), rows);
        let drawn = names(&drawn(dir.path()));
        drawn.into_iter().filter(|n| n.contains("timeline") && n.ends_with(".svg")).collect()
    };
    assert_eq!(timelines(&rows), ["figures/timeline.svg"]);
    let alone = std::fs::read(dir.path().join("figures/timeline.svg")).unwrap();
    assert_eq!(timelines(&all), ["figures/timeline.svg"]);
    assert_eq!(alone, std::fs::read(dir.path().join("figures/timeline.svg")).unwrap());
    // Another setting is another page, and more than eight of them are only in the tables.
    let many: Vec<CellRow> = (0..10)
        .flat_map(|period| rows.iter().map(move |row| (period, row)))
        .map(|(period, of)| {
            let mut row = of.clone();
            row.point = period;
            row.cell.push_str(&format!("p{period}"));
            row.settings["stream"]["period"] = (period + 1).into();
            let windows = |cell: &str| dir.path().join(format!("windows/{cell}.json"));
            std::fs::copy(windows(&of.cell), windows(&row.cell)).unwrap();
            row
        })
        .collect();
    assert_eq!(timelines(&many).len(), 8);
}

#[test]
fn attacks_that_all_succeed_are_told_apart_and_have_no_safe_corner() {
    let attack = |labels: &str, trigger: &str| json!({"kind": "badnets", "target": 0, "rate": 0.1, "labels": labels, "trigger": trigger});
    let attacks =
        vec![attack("all_to_one", "pixel"), attack("all_to_one", "pattern"), attack("all_to_all", "pattern")];
    let mut rows = support::rows(&Plan { attacks, defenses: vec![json!({"kind": "none"})], ..Plan::small() });
    let svg = |rows: &[CellRow], figure: &str| {
        let dir = folder();
        support::write_cells(dir.path(), rows);
        drawn(dir.path());
        std::fs::read_to_string(dir.path().join(format!("figures/{figure}.svg"))).unwrap()
    };
    let begins = "does not begin at 0";
    for row in &mut rows {
        row.metrics.insert("attack_success".into(), 0.98 + 0.001 * row.seed as f64);
    }
    for figure in ["tradeoff", "dots"] {
        let svg = svg(&rows, figure);
        assert!(!svg.contains('…'), "{figure} cuts a name");
    }
    let high = svg(&rows, "tradeoff");
    assert!(high.contains(begins) && !high.contains("and safe"));
    for row in rows.iter_mut().filter(|row| row.settings["attack"]["trigger"] == "pixel") {
        row.metrics.insert("attack_success".into(), 0.01);
    }
    let low = svg(&rows, "tradeoff");
    assert!(!low.contains(begins) && low.contains("and safe"));
}
