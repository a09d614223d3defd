//! Streams through the program: an attack is seen and mended, a killed run goes on, what does not fit is refused.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::program::{Sandbox, timeless};

/// Ten windows of 95 rows and a linear victim; the attack in windows 6 and 7.
fn stream(kind: &str, rest: &str) -> String {
    format!(
        "[dataset]\nkind = 'fashion_mnist_mini'\ntrain_size = 1000\n[victim]\nkind = 'linear'\n[train]\nepochs = 2\n\
         batch_size = 20\n[evaluate]\ncontrols = false\n[stream]\nkind = '{kind}'\nwindows = 10\nattack_from = 6\n\
         attack_until = 8\nreference = 1\ncalibrate = 3\n{rest}"
    )
}

#[test]
fn an_attack_is_seen_and_mended_and_its_course_is_drawn() {
    let sandbox = Sandbox::new();
    let grid = "monitor = { kind = 'several', monitors = ['holdout_accuracy', { kind = 'ks', threshold = 0.4 }] }\n\
                [grid]\nattack = ['none', { kind = 'random_flip', rate = 0.8 }]\n\
                'stream.policy' = ['none', 'roll_back', 'retrain_without_suspects']\n";
    sandbox.write("e.toml", &stream("incremental", grid));
    sandbox.ok(&["run", "e.toml"]);
    let rows = sandbox.rows("results/e/cells.csv");
    let at = |attack: &str, policy: &str, metric: &str| -> f64 {
        let mut of = rows.iter().filter(|r| r["attack.kind"] == attack && r["stream.policy.kind"] == policy);
        let row = of.next().unwrap();
        row[metric].parse().unwrap_or_else(|_| panic!("{attack} {policy}: no {metric}"))
    };
    for policy in ["none", "roll_back", "retrain_without_suspects"] {
        assert_eq!(at("random_flip", policy, "time_to_detection"), 0.0, "{policy}");
        assert_eq!(at("random_flip", policy, "poisons"), 2.0 * 76.0);
        assert!(at("none", policy, "damage").abs() < 1e-12 || at("none", policy, "repairs") > 0.0);
    }
    assert_eq!(at("random_flip", "none", "repairs"), 0.0);
    assert_eq!(at("random_flip", "retrain_without_suspects", "repair_rows"), 190.0);
    // Seen: 1.03 without an operator.
    let damage = |policy: &str| at("random_flip", policy, "damage");
    assert!(damage("none") > 0.5 && damage("roll_back") < 0.5 * damage("none"), "{}", damage("none"));
    assert!(damage("retrain_without_suspects") < 0.5 * damage("none"));
    // What serves in the end is what `evaluate` looked at.
    let text = std::fs::read_dir(sandbox.path("results/e/windows")).unwrap().map(|entry| {
        serde_json::from_str::<serde_json::Value>(&std::fs::read_to_string(entry.unwrap().path()).unwrap())
            .unwrap()
    });
    let lasts: Vec<f64> = text.map(|file| file["windows"][9]["clean_accuracy"].as_f64().unwrap()).collect();
    assert_eq!(lasts.len(), rows.len());
    for row in &rows {
        let accuracy: f64 = row["clean_accuracy"].parse().unwrap();
        assert!(lasts.contains(&accuracy), "{accuracy} {lasts:?}");
    }
    for figure in ["figures/timeline.png", "figures/timeline.svg"] {
        assert!(sandbox.path(&format!("results/e/{figure}")).is_file(), "{figure}");
    }
    let report = std::fs::read_to_string(sandbox.path("results/e/report.md")).unwrap();
    assert!(report.contains("## Streams") && report.contains("windows to detection"), "{report}");
}

#[test]
fn one_clean_twin_serves_all_operators_and_schedules_take_any_victim() {
    let sandbox = Sandbox::new();
    let text = |victim: &str| {
        format!(
            "[dataset]\nkind = 'breast_cancer'\n[victim]\nkind = '{victim}'\n[evaluate]\ncontrols = false\n[stream]\n\
             kind = 'sliding'\nkeep = 3\nwindows = 8\nattack_from = 5\nattack_until = 6\nreference = 1\ncalibrate = 2\n\
             monitor = 'label_rate'\n[attack]\nkind = 'random_flip'\nrate = 0.4\n[grid]\n\
             'stream.policy' = ['none', 'roll_back', 'retrain_without_suspects', 'retrain_from_scratch']\n"
        )
    };
    for victim in ["logistic", "svm"] {
        sandbox.write("e.toml", &text(victim));
        let plan = sandbox.ok(&["plan", "e.toml"]).out;
        // Four operators' fits and evaluations, and those of one twin.
        assert!(plan.contains("10 unique stages"), "{plan}");
        sandbox.ok(&["run", "e.toml"]);
        let rows = sandbox.rows("results/e/cells.csv");
        assert!(rows.len() == 4 && rows.iter().all(|r| r["status"] == "done"), "{rows:?}");
    }
}

// SpamBayes counts: adding a window's mail to the counts is learning all mail so far anew, until somebody puts an older
// filter back. Then `every` learns the poison again.
#[test]
fn a_filter_that_learns_on_is_that_of_all_mail_so_far() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "e.toml",
        "[dataset]\nkind = 'sms_spam'\n[victim]\nkind = 'spambayes'\n[attack]\nkind = 'dictionary'\n\
         rate = 0.05\n[evaluate]\ncontrols = false\n[stream]\nwindows = 10\nattack_from = 6\nattack_until = 7\n\
         reference = 1\ncalibrate = 3\nmonitor = { kind = 'holdout_accuracy', threshold = 0.1 }\n[grid]\n\
         'stream.kind' = ['every', 'incremental']\n'stream.policy' = ['none', 'roll_back']\n",
    );
    sandbox.ok(&["run", "e.toml"]);
    let rows = sandbox.rows("results/e/cells.csv");
    let at = |schedule: &str, policy: &str, metric: &str| -> f64 {
        let mut of =
            rows.iter().filter(|r| r["stream.kind"] == schedule && r["stream.policy.kind"] == policy);
        of.next().unwrap()[metric].parse().unwrap_or_else(|_| panic!("{schedule} {policy}: no {metric}"))
    };
    for metric in ["clean_accuracy", "ham_not_delivered", "damage", "clean_accuracy_worst", "alarms"] {
        assert_eq!(at("every", "none", metric), at("incremental", "none", metric), "{metric}");
    }
    assert!(at("every", "none", "damage") > 0.1);
    // Windows 6 to 9 are learnt with the poison in them again and again; or window 6 alone.
    assert_eq!(at("every", "roll_back", "repairs"), 4.0);
    assert_eq!(at("incremental", "roll_back", "repairs"), 1.0);
    assert!(at("incremental", "roll_back", "ham_not_delivered") < at("every", "none", "ham_not_delivered"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_stream_goes_on_from_its_last_state_to_the_same_numbers() {
    let monitor = "checkpoint_every = 2\nmonitor = { kind = 'ks', threshold = 0.3 }\npolicy = 'retrain_without_suspects'\n\
                   [attack]\nkind = 'random_flip'\nrate = 0.5\n";
    let text = stream("every", monitor).replace("epochs = 2", "epochs = 20");
    let undisturbed = Sandbox::new();
    undisturbed.write("e.toml", &text);
    undisturbed.ok(&["run", "e.toml", "--jobs", "1"]);

    let sandbox = Sandbox::new();
    sandbox.write("e.toml", &text);
    let mut child = sandbox.command(&["run", "e.toml", "--jobs", "1"]).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    let kept = |sandbox: &Sandbox| -> Option<serde_json::Value> {
        let below = |path: std::path::PathBuf| {
            std::fs::read_dir(path).into_iter().flatten().flatten().map(|e| e.path()).collect::<Vec<_>>()
        };
        let shelves = below(sandbox.path("results/.store/objects")).into_iter().flat_map(below);
        let states = shelves.filter(|entry| entry.join("state.safetensors").is_file());
        let texts = states.filter_map(|entry| std::fs::read_to_string(entry.join("stage.json")).ok());
        let mut read = texts.filter_map(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
        read.find(|m| m["settings"]["attack"]["kind"] == "random_flip")
    };
    let rows = loop {
        assert!(child.try_wait().unwrap().is_none(), "it ended before anything was kept");
        assert!(began.elapsed() < Duration::from_secs(60), "nothing was kept");
        match kept(&sandbox) {
            Some(manifest) => break manifest["output"]["rows"].as_array().unwrap().clone(),
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    let _ = std::process::Command::new("kill").args(["-9", &child.id().to_string()]).status();
    let _ = child.wait();
    sandbox.ok(&["run", "e.toml", "--jobs", "1"]);
    // Its windows were not computed again: they have the seconds that they took before the kill.
    let seconds = |rows: &[serde_json::Value]| -> Vec<f64> {
        rows.iter().map(|row| row["seconds"].as_f64().unwrap()).collect()
    };
    let file = std::fs::read_dir(sandbox.path("results/e/windows")).unwrap().next().unwrap().unwrap().path();
    let whole: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert!(rows.len() >= 2);
    assert!(seconds(whole["windows"].as_array().unwrap()).starts_with(&seconds(&rows)));
    let cells = |sandbox: &Sandbox| timeless(&sandbox.rows("results/e/cells.csv"));
    assert_eq!(cells(&sandbox), cells(&undisturbed));
    assert!(kept(&sandbox).is_none(), "what was kept on the way is gone");
}

#[test]
fn what_does_not_fit_a_stream_is_refused() {
    let sandbox = Sandbox::new();
    let refused = |text: &str, says: &[&str]| {
        sandbox.write("e.toml", text);
        let ran = sandbox.run(&["check", "e.toml"]);
        assert_eq!(ran.code, Some(2), "{}\n{}", ran.out, ran.err);
        for text in says.iter().chain(&["e.toml:"]) {
            assert!(ran.err.contains(text), "should say {text:?}:\n{}", ran.err);
        }
    };
    let of = |kind: &str, rest: &str| stream(kind, rest);
    refused(&of("every", "").replace("windows = 10", "windows = 2000"), &["stream.windows", "2000", "950"]);
    refused(&of("sliding", "keep = 0\n"), &["stream.keep", "at least 1"]);
    refused(&of("incremental", "").replace("'linear'", "'svm'"), &["incremental", "svm cannot", "spambayes"]);
    let late = of("every", "[attack]\nkind = 'random_flip'\n");
    refused(&late.replace("attack_from = 6", "attack_from = 10"), &["attack_from", "never comes"]);
    refused(&late.replace("attack_until = 8", "attack_until = 6"), &["attack_until", "raise it"]);
    refused(&of("every", "[federation]\nclients = 5\n"), &["a federation or a stream"]);
    refused(&of("every", "[defense]\nkind = 'deep_knn'\n"), &["deep_knn", "in every window"]);
    refused(&of("every", "[attack]\nkind = 'gradient_matching'\n"), &["inside a window"]);
    refused(&of("every", "policy = 'roll_back'\n"), &["stream.policy", "no monitor"]);
    refused(
        &of("every", "holdout = 0\nmonitor = 'holdout_accuracy'\n"),
        &["stream.holdout", "trusted holdout"],
    );
    let several = "monitor = { kind = 'several', monitors = ['ks', { kind = 'psi', bins = 1 }] }\n";
    refused(&of("every", several), &["monitors.1.bins", "at least 2"]);
    refused(&of("every", "monitor = { kind = 'several', monitors = ['none'] }\n"), &["one of several"]);
    for (key, value) in [("threshold", "0.5"), ("sigmas", "3.0")] {
        let beside = format!("monitor = {{ kind = 'several', monitors = ['ks'], {key} = {value} }}\n");
        refused(&of("every", &beside), &[&format!("stream.monitor.{key}"), "beside \"several\""]);
    }
    let watched = of("every", "monitor = 'ks'\n[attack]\nkind = 'random_flip'\n");
    refused(&watched.replace("attack_from = 6", "attack_from = 4"), &["calibrate", "window 4 is attacked"]);
    // Less than one row of 95 in every window.
    refused(
        &of("every", "[attack]\nkind = 'random_flip'\nrate = 0.01\n"),
        &["attack.rate", "window of 95 rows"],
    );
    // The dictionary's messages are added, and their number is rounded: 0.56 of one is one, 0.46 none.
    let mails = |rate: f64| {
        format!(
            "[dataset]\nkind = 'sms_spam'\n[victim]\nkind = 'spambayes'\n[attack]\nkind = 'dictionary'\nrate = {rate}\n\
             [stream]\nkind = 'every'\nwindows = 80\n"
        )
    };
    sandbox.write("e.toml", &mails(0.0105));
    sandbox.ok(&["check", "e.toml"]);
    refused(&mails(0.0085), &["attack.rate", "is no row"]);
    // Enough normal rows on the whole, not in the first window; and in every window of a short span.
    let detector = "[dataset]\nkind = 'breast_cancer'\n[victim]\nkind = 'centroid'\nwindow = 50\n[stream]\nwindows = 10\n";
    refused(detector, &["victim.window", "after window 0"]);
    let spans = "[dataset]\nkind = 'csv'\npath = 'train.csv'\n[victim]\nkind = 'centroid'\nwindow = 4\nnormal = 0\n[stream]\n\
                 kind = 'sliding'\nkeep = 1\nwindows = 10\nholdout = 0\norder = 'time'\n";
    let rows: String = (0..100).map(|i| format!("{i},{}\n", if i < 55 { "ham" } else { "spam" })).collect();
    sandbox.write("train.csv", &format!("x,label\n{rows}"));
    refused(spans, &["victim.window", "after window 6"]);
    // A class of which a window has no row. In order of the labels the first windows have no other class.
    let rows: String = (0..200).map(|i| format!("{i},{}\n", if i < 100 { "ham" } else { "spam" })).collect();
    sandbox.write("train.csv", &format!("x,label\n{rows}"));
    let sorted = "[dataset]\nkind = 'csv'\npath = 'train.csv'\n[victim]\nkind = 'logistic'\n[attack]\nkind = 'random_flip'\n\
                  source = 1\ntarget = 0\nrate = 0.1\n[stream]\nwindows = 10\norder = 'time'\nattack_from = 2\nattack_until = 4\n";
    refused(sorted, &["in window 2", "0 rows"]);
}

#[test]
fn groups_of_test_rows_are_told_after_every_window() {
    let sandbox = Sandbox::new();
    // The sign of x is the class, in one region of twenty rows the other way round: its readers are misread.
    let line = |row: usize| {
        let (class, few) = (row % 2, row % 20 < 2);
        let x =
            (if class == 1 { 1.0 } else { -1.0 }) * (if few { -1.0 } else { 1.0 }) * (1.0 + (row % 7) as f64);
        format!("{x},{},{class}\n", if few { "north" } else { "south" })
    };
    sandbox.write("t.csv", &format!("x,region,label\n{}", (0..800).map(line).collect::<String>()));
    let of = |column: &str, stream: &str| {
        format!(
            "[dataset]\nkind = 'csv'\npath = 't.csv'\n[victim]\nkind = 'logistic'\n[evaluate]\ngroups = '{column}'\n\
             controls = false\n{stream}"
        )
    };
    let flips = "[attack]\nkind = 'random_flip'\nrate = 0.1\n";
    sandbox.write(
        "e.toml",
        &of("region", &format!("{flips}[stream]\nkind = 'every'\nwindows = 4\nattack_from = 2\n")),
    );
    sandbox.ok(&["run", "e.toml"]);
    let rows = sandbox.rows("results/e/cells.csv");
    let get = |metric: &str| -> f64 { rows[0][metric].parse().unwrap_or_else(|_| panic!("no {metric}")) };
    let (north, south) = (get("group_accuracy_north"), get("group_accuracy_south"));
    assert!(south > 0.95 && north < 0.5, "{north} {south}");
    assert_eq!(get("group_accuracy_gap"), south - north);
    assert!(get("group_accuracy_worst") <= north && get("group_gap_worst") >= south - north);
    let file = std::fs::read_dir(sandbox.path("results/e/windows")).unwrap().next().unwrap().unwrap().path();
    let told: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(told["groups"], serde_json::json!(["north", "south", "other"]));
    assert_eq!(told["windows"][3]["group_accuracy"][0], north);
    // Without a stream it is the model's alone.
    sandbox.write("f.toml", &of("x", ""));
    sandbox.ok(&["run", "f.toml"]);
    let rows = sandbox.rows("results/f/cells.csv");
    assert!(rows[0].contains_key("group_accuracy_low") && rows[0].contains_key("group_accuracy_high"));
    sandbox.write("g.toml", &of("regio", ""));
    let ran = sandbox.run(&["check", "g.toml"]);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    for text in ["g.toml:", "evaluate.groups", "\"regio\"", "x, region"] {
        assert!(ran.err.contains(text), "should say {text:?}:\n{}", ran.err);
    }
}
