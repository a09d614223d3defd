//! The engine with a victim that costs nothing: failures, memory, two runs at once, no room, no permission.

use std::collections::HashMap;
use std::process::Stdio;

use crate::program::{MOCK, Ran, Row, Sandbox, timeless};

fn with(from: &str, to: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    assert!(MOCK.contains(from), "{from}");
    sandbox.write("e.toml", &MOCK.replace(from, to));
    sandbox
}

fn events(ran: &Ran) -> Vec<serde_json::Value> {
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn accuracies_are_those_of_the_formula() {
    let sandbox = with("[0.0, 0.1]", "[0.0, 0.37]");
    let ran = sandbox.ok(&["run", "e.toml", "--json"]);
    let rows = sandbox.rows("results/e/cells.csv");
    assert_eq!(rows.len(), 24);
    for row in &rows {
        let error: f64 = row["victim.error"].parse().unwrap();
        let near = |metric: &str, value: f64| {
            let ours: f64 = row[metric].parse().unwrap();
            assert!((ours - value).abs() < 1e-12, "{metric} {ours}, not {value}: {row:?}");
        };
        near("clean_accuracy", 1.0 - error);
        match row["defense.kind"].as_str() {
            "perfect_filter" => near("attack_success", error / 3.0), // of three other classes one errs onto 0
            _ => near("attack_success", 1.0 - error),
        }
    }
    let events = events(&ran);
    let count = |name: &str| events.iter().filter(|e| e["event"] == name).count();
    assert_eq!((count("run"), count("cell"), count("end")), (1, 24, 1));
    assert_eq!(events[0]["stages"].as_u64().unwrap() as usize, count("stage_ended"));
    assert_eq!(count("stage_started"), count("stage_ended"));
}

#[test]
fn predictions_are_written_when_asked_for() {
    let sandbox = with("[attack]", "[evaluate]\npredictions = true\n[attack]");
    sandbox.ok(&["run", "e.toml", "--only", "seed=0", "--only", "attack.rate=0.1"]);
    let rows = sandbox.rows("results/e/cells.csv");
    let files: Vec<_> = std::fs::read_dir(sandbox.path("results/e/predictions")).unwrap().collect();
    assert_eq!((rows.len(), files.len()), (6, 6));
    let text = std::fs::read_to_string(sandbox.path("results/e/cells.jsonl")).unwrap();
    for line in text.lines() {
        let cell: aconite_record::CellRow = serde_json::from_str(line).unwrap();
        let file = sandbox.path(&format!("results/e/predictions/{}.parquet", cell.cell));
        let said = aconite_record::Predictions::read(&file).unwrap();
        // 400 untouched test rows, and the 300 whose class is not the target.
        assert_eq!((said.index.len(), said.scores.len(), said.source[1].as_str()), (700, 4, "row:2"));
        let share = |input: &str, right: &dyn Fn(usize) -> bool| {
            let rows: Vec<usize> = (0..700).filter(|&i| said.input[i] == input).collect();
            rows.iter().filter(|&&i| right(i)).count() as f64 / rows.len() as f64
        };
        let accuracy = share("clean", &|i| said.predicted_label[i] == said.true_label[i]);
        assert_eq!(Some(accuracy), cell.metric("clean_accuracy"));
        assert_eq!(Some(share("attacked", &|i| said.predicted_label[i] == 0)), cell.metric("attack_success"));
    }
}

#[test]
fn an_error_a_panic_and_an_abort_each_cost_their_cells() {
    let sandbox = with("'victim.error' = [0.0, 0.1]", "'victim.ends' = ['well', 'error', 'panic', 'abort']");
    let ran = sandbox.run(&["run", "e.toml", "--jobs", "2"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let rows = sandbox.rows("results/e/cells.csv");
    let failed =
        |ends: &str| rows.iter().filter(|r| r["victim.ends"] == ends && r["status"] == "failed").count();
    assert_eq!(["well", "error", "panic", "abort"].map(failed), [0, 12, 12, 12]);
    let text = std::fs::read_to_string(sandbox.path("results/e/cells.jsonl")).unwrap();
    for said in ["told to fail", "panicked: the mock victim was told to panic", "told to abort", "signal: 6"]
    {
        assert!(text.contains(said), "{said}: the reason and the worker's last words are kept");
    }
    // What failed is tried again; what is there is not.
    let again = sandbox.run(&["run", "e.toml", "--only", "victim.ends=error", "--json"]);
    assert_eq!(again.code, Some(1));
    assert!(events(&again).iter().any(|e| e["event"] == "stage_started"));
}

#[test]
fn two_runs_at_once_do_each_stage_once() {
    let sandbox = with("error = 0.0", "error = 0.0\nseconds = 0.02");
    let runs: Vec<_> = ["a", "b"]
        .map(|out| {
            let mut command = sandbox.command(&["run", "e.toml", "--json", "--out", out]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .into_iter()
        .map(|child| Ran::from(child.wait_with_output().unwrap()))
        .collect();
    let mut computed: HashMap<String, usize> = HashMap::new();
    let mut by = Vec::new();
    for ran in &runs {
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let ended: Vec<_> = events(ran).into_iter().filter(|e| e["event"] == "stage_ended").collect();
        by.push(ended.len());
        for event in ended {
            *computed.entry(event["key"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert!(computed.values().all(|&times| times == 1), "a stage was computed twice: {by:?}");
    assert_eq!(computed.len(), events(&runs[0])[0]["stages"].as_u64().unwrap() as usize);
    assert_eq!(timeless(&sandbox.rows("a/cells.csv")), timeless(&sandbox.rows("b/cells.csv")));
}

#[test]
fn large_stages_do_not_run_together() {
    // A fit takes 300 MB; with a record of that, a budget of 500 MB lets one run at a time.
    let sandbox = with("error = 0.0", "error = 0.0\nseconds = 0.05\nmemory_mb = 300");
    sandbox.ok(&["run", "e.toml", "--only", "seed=0", "--jobs", "1"]);
    let most_at_once = |args: &[&str]| {
        let ran = sandbox.ok(args);
        let (mut fits, mut most, mut slots) = (0usize, 0, HashMap::new());
        for event in events(&ran) {
            match event["event"].as_str().unwrap() {
                "stage_started" => {
                    fits += usize::from(event["stage"] == "fit");
                    slots.insert(event["slot"].to_string(), event["stage"] == "fit");
                    most = most.max(fits);
                }
                "stage_ended" => fits -= usize::from(slots[&event["slot"].to_string()]),
                _ => {}
            }
        }
        most
    };
    assert_eq!(most_at_once(&["run", "e.toml", "--jobs", "3", "--json", "--fresh", "--memory", "500MB"]), 1);
    assert_eq!(most_at_once(&["run", "e.toml", "--jobs", "3", "--json", "--fresh", "--memory", "5GB"]), 3);
}

#[test]
fn a_plan_estimates_from_what_was_recorded() {
    let sandbox = with("error = 0.0", "error = 0.0\nseconds = 0.2");
    let plan = |sandbox: &Sandbox, args: &[&str]| -> serde_json::Value {
        serde_json::from_str(&sandbox.ok(&[&["plan", "e.toml", "--json", "--jobs", "1"], args].concat()).out)
            .unwrap()
    };
    let first = plan(&sandbox, &[]);
    assert_eq!(first["estimate"]["from"]["recorded"], 0);
    sandbox.ok(&["run", "e.toml", "--only", "seed=0"]);
    let second = plan(&sandbox, &["--only", "seed=1"]);
    assert_eq!(second["cached"], 0);
    assert_eq!(second["estimate"]["from"]["recorded"], second["unique"]);
    let fits = second["stages"]["fit"].as_f64().unwrap();
    let seconds = second["estimate"]["seconds"].as_f64().unwrap();
    assert!(seconds > 0.2 * fits && seconds < 0.2 * fits + 10.0, "{fits} fits, {seconds} s");
    assert!(second["estimate"]["bytes"].as_f64().unwrap() > 1e4);
    let words = sandbox.ok(&["plan", "e.toml"]).out;
    assert!(words.contains("without sharing there would be") && words.contains("recorded here"), "{words}");
}

/// Runs a script in a mount namespace with a small file system at `small`; `None` where that is not allowed.
#[cfg(target_os = "linux")]
fn in_small_disk(sandbox: &Sandbox, script: &str) -> Option<Ran> {
    std::fs::create_dir_all(sandbox.path("small")).unwrap();
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c"]).current_dir(sandbox.dir.path());
    let mount = "mount -t tmpfs -o size=200k tmpfs small || exit 99\n";
    command.arg(format!("{mount}{script}")).env("ACONITE", env!("CARGO_BIN_EXE_aconite"));
    let ran: Ran = command.output().ok()?.into();
    (ran.code != Some(99) && !ran.err.contains("unshare:")).then_some(ran)
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_nothing_is_lost() {
    let expected = undisturbed();
    let sandbox = with("error = 0.0", "error = 0.0");
    let script = "export ACONITE_STORE=small/store\n\
        $ACONITE run e.toml 2>first; echo first $?; cat first >&2\n\
        mount -o remount,size=64m small\n\
        $ACONITE run e.toml 2>/dev/null; echo second $?";
    match in_small_disk(&sandbox, script) {
        None => eprintln!("not tested: no mount namespaces here"),
        Some(ran) => {
            assert!(
                ran.out.contains("first 1\n") || ran.out.contains("first 2\n"),
                "{}\n{}",
                ran.out,
                ran.err
            );
            assert!(ran.err.contains("No space left on device"), "{}", ran.err);
            assert!(ran.out.contains("second 0"), "{}\n{}", ran.out, ran.err);
            assert_eq!(timeless(&sandbox.rows("results/e/cells.csv")), expected);
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_results_folder_on_a_full_disk_is_said_too() {
    let sandbox = with("error = 0.0", "error = 0.0");
    let script = "$ACONITE run e.toml --out small/out; echo first $?\n\
        mount -o remount,size=64m small\n\
        $ACONITE run e.toml --out small/out 2>/dev/null >/dev/null; echo second $?; cp small/out/cells.csv .";
    if let Some(ran) = in_small_disk(&sandbox, script) {
        assert!(ran.out.contains("first 1\n") || ran.out.contains("first 2\n"), "{}\n{}", ran.out, ran.err);
        assert!(ran.err.contains("No space left on device"), "{}", ran.err);
        assert!(ran.out.contains("second 0"), "{}\n{}", ran.out, ran.err);
        assert_eq!(timeless(&sandbox.rows("cells.csv")), undisturbed());
    }
}

/// The same without any right to mount: files above a size cannot be written.
#[cfg(target_os = "linux")]
#[test]
fn files_that_cannot_be_written_fail_their_stage_and_nothing_else() {
    let sandbox = with("error = 0.0", "error = 0.0");
    // 4 KiB: manifests fit, models do not.
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$ACONITE\" run e.toml";
    let ran: Ran = std::process::Command::new("sh")
        .args(["-c", script])
        .current_dir(sandbox.dir.path())
        .env("ACONITE", env!("CARGO_BIN_EXE_aconite"))
        .env_remove("ACONITE_STORE")
        .output()
        .unwrap()
        .into();
    assert!(ran.code == Some(1), "{:?} {}", ran.code, ran.err);
    assert!(ran.err.contains("File too large"), "{}", ran.err);
    sandbox.ok(&["run", "e.toml"]);
    assert_eq!(timeless(&sandbox.rows("results/e/cells.csv")), undisturbed());
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_store_serves_what_it_has_and_says_what_it_cannot() {
    let sandbox = with("error = 0.0", "error = 0.0");
    let script = "export ACONITE_STORE=small/store\n\
        mount -o remount,size=64m small\n\
        $ACONITE run e.toml --only seed=0 2>/dev/null >/dev/null; echo first $?\n\
        mount -o remount,ro small\n\
        $ACONITE run e.toml --only seed=0 2>/dev/null >/dev/null; echo cached $?\n\
        $ACONITE run e.toml; echo more $?\n\
        mount -o remount,rw small\n\
        $ACONITE run e.toml 2>/dev/null >/dev/null; echo last $?";
    if let Some(ran) = in_small_disk(&sandbox, script) {
        for said in ["first 0", "cached 0", "more 2", "last 0"] {
            assert!(ran.out.contains(said), "{said}: {}\n{}", ran.out, ran.err);
        }
        assert!(
            ran.err.contains("Read-only file system") && ran.err.contains("ACONITE_STORE=DIR"),
            "{}",
            ran.err
        );
        assert_eq!(timeless(&sandbox.rows("results/e/cells.csv")), undisturbed());
    }
}

#[test]
fn a_store_that_cannot_be_made_is_an_error_before_anything_runs() {
    let sandbox = with("error = 0.0", "error = 0.0");
    sandbox.write("file", "no folder");
    let ran: Ran =
        sandbox.command(&["run", "e.toml"]).env("ACONITE_STORE", "file/store").output().unwrap().into();
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("file/store") && ran.err.contains("hint: "), "{}", ran.err);
}

/// What a run without any disturbance gives.
fn undisturbed() -> Vec<Row> {
    let sandbox = with("error = 0.0", "error = 0.0");
    sandbox.ok(&["run", "e.toml"]);
    timeless(&sandbox.rows("results/e/cells.csv"))
}

#[test]
fn a_poisoned_set_is_exported_and_read_back() {
    let sandbox = with("error = 0.0", "error = 0.0");
    let one = ["--only", "seed=1", "--only", "attack.rate=0.1"];
    let ran = sandbox.ok(&[&["poison", "e.toml", "--out", "out/set"], one.as_slice()].concat());
    assert_eq!(ran.out.trim(), "out/set");
    let text = std::fs::read_to_string(sandbox.path("out/set/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    let counts = serde_json::json!({"train": 200, "test": 400, "triggered": 300, "poisoned": 20});
    assert_eq!(
        (&manifest["counts"], &manifest["seed"], &manifest["goal"]),
        (&counts, &1.into(), &"backdoor".into())
    );
    assert_eq!(manifest["recipe"]["attack"]["kind"], "badnets");
    for file in ["train.safetensors", "test.safetensors", "triggered.safetensors"] {
        let bytes = std::fs::read(sandbox.path("out/set").join(file)).unwrap();
        assert_eq!(manifest["files"][file]["bytes"], bytes.len());
    }

    // The victim learns the same from the export as from the attack.
    sandbox.write("x.toml", "dataset = { kind = 'exported', path = 'out/set' }\nvictim = 'mock'\n");
    sandbox.ok(&["run", "x.toml"]);
    let row = sandbox.rows("results/x/cells.csv").remove(0);
    assert_eq!((row["clean_accuracy"].as_str(), row["dataset.kind"].as_str()), ("1", "exported"));
    // An export of the export's own flips begins from the labels as given.
    sandbox.write(
        "y.toml",
        "dataset = { kind = 'exported', path = 'out/set' }\nvictim = 'mock'\n\
        [attack]\nkind = 'random_flip'\nrate = 0.1\n",
    );
    sandbox.ok(&["poison", "y.toml", "--out", "again", "--format", "npz"]);
    assert!(std::fs::read(sandbox.path("again/train.npz")).unwrap().starts_with(b"PK"));

    sandbox.ok(&[&["poison", "e.toml", "--out", "png", "--format", "image-folder"], one.as_slice()].concat());
    let rows = sandbox.rows("png/train.csv");
    assert_eq!((rows.len(), rows.iter().filter(|r| r["poisoned"] == "true").count()), (200, 20));
    sandbox.write(
        "z.toml",
        "dataset = { kind = 'image_folder', path = 'png', size = 8, colour = 'grey' }\nvictim = 'mock'\n",
    );
    sandbox.ok(&["run", "z.toml"]);
    assert_eq!(sandbox.rows("results/z/cells.csv")[0]["clean_accuracy"], "1", "the same pixels and labels");

    // Several sets go into a folder each; nothing is written over.
    let ran = sandbox.ok(&["poison", "e.toml", "--out", "all"]);
    assert_eq!(ran.out.lines().count(), 4, "two rates, two seeds: {}", ran.out);
    let refused = sandbox.run(&[&["poison", "e.toml", "--out", "out/set"], one.as_slice()].concat());
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("there already") && refused.err.contains("hint:"), "{}", refused.err);
    std::fs::write(sandbox.path("out/set/train.safetensors"), b"other").unwrap();
    let refused = sandbox.run(&["run", "x.toml"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.err.contains("train.safetensors has 5 bytes"), "{}", refused.err);
}

#[test]
fn two_results_are_compared_pair_by_pair() {
    let sandbox = with("[0.0, 0.1]", "[0.1]");
    sandbox.ok(&["run", "e.toml", "--out", "a"]);
    sandbox.ok(&["run", "e.toml", "--out", "b", "--set", "victim.error=0.3"]);
    let ran = sandbox.ok(&["compare", "a", "b", "--metric", "clean_accuracy"]);
    assert!(ran.err.contains("victim.error: 0.1 → 0.3"), "{}", ran.err);
    assert_eq!(ran.out.lines().count(), 6);
    for line in ran.out.lines() {
        assert!(
            line.contains("0.9000 → 0.7000, -0.2000 [-0.2000, -0.2000], n = 2: lower in the second"),
            "{line}"
        );
    }
    let same = sandbox.ok(&["compare", "a", "a", "--json"]);
    assert!(events(&same).iter().all(|d| d["verdict"] == "identical"));
    for args in [["compare", "a", "none"].as_slice(), &["compare", "a", "b", "--metric", "luck"]] {
        let refused = sandbox.run(args);
        assert!(refused.code == Some(2) && refused.err.contains("hint: "), "{}", refused.err);
    }
}
