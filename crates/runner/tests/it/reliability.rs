//! The same results for any number of workers, after any interruption, and from a damaged store.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::program::{Row, Sandbox, TINY, timeless};

fn undisturbed() -> (Sandbox, Vec<Row>) {
    let sandbox = Sandbox::new();
    sandbox.write("e.toml", TINY);
    sandbox.ok(&["run", "e.toml", "--jobs", "1"]);
    let rows = timeless(&sandbox.rows("results/e/cells.csv"));
    assert_eq!(rows.len(), 12);
    (sandbox, rows)
}

fn files_below(dir: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files_below(&entry, name));
        } else if entry.file_name().unwrap() == name {
            found.push(entry);
        }
    }
    found
}

#[test]
fn jobs_fresh_runs_and_parts_give_the_same_numbers() {
    let (sandbox, rows) = undisturbed();
    let again = sandbox.ok(&["run", "e.toml"]);
    let plan: serde_json::Value =
        serde_json::from_str(&sandbox.ok(&["plan", "e.toml", "--json"]).out).unwrap();
    assert_eq!(plan["unique"], plan["cached"], "everything is cached");
    assert!(again.err.contains(&format!("({} in the store)", plan["unique"])), "{}", again.err);
    sandbox.ok(&["run", "e.toml", "--fresh", "--jobs", "2"]);
    assert_eq!(timeless(&sandbox.rows("results/e/cells.csv")), rows);

    let other = Sandbox::new();
    other.write("e.toml", TINY);
    other.ok(&["run", "e.toml", "--only", "attack.rate=0.1", "--jobs", "2"]);
    assert_eq!(other.rows("results/e/cells.csv").len(), 6);
    other.ok(&["run", "e.toml", "--only", "seed=1"]);
    assert_eq!(other.rows("results/e/cells.csv").len(), 9, "rows of other cells stay");
    other.ok(&["run", "e.toml"]);
    assert_eq!(timeless(&other.rows("results/e/cells.csv")), rows);
}

#[test]
fn a_killed_run_goes_on_where_it_was() {
    let (_, rows) = undisturbed();
    let sandbox = Sandbox::new();
    sandbox.write("e.toml", TINY);
    for wait in [400, 700, 1000, 1300] {
        let mut child =
            sandbox.command(&["run", "e.toml"]).stderr(std::process::Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        let _ = child.kill();
        let _ = child.wait();
    }
    sandbox.ok(&["run", "e.toml"]);
    assert_eq!(timeless(&sandbox.rows("results/e/cells.csv")), rows);
}

#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_is_done_and_ends_with_130() {
    let sandbox = Sandbox::new();
    sandbox.write("e.toml", &TINY.replace("epochs = 1", "epochs = 200"));
    let child = sandbox
        .command(&["run", "e.toml"])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // A claim says that a stage is running, and that Ctrl-C is listened to.
    let running = || std::fs::read_dir(sandbox.path("results/.store/claims")).is_ok_and(|d| d.count() > 0);
    for _ in 0..600 {
        if running() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let out = child.wait_with_output().unwrap();
    assert_eq!(out.status.code(), Some(130), "{}", String::from_utf8_lossy(&out.stderr));
    for file in ["cells.csv", "cells.jsonl", "summary.csv", "report.html"] {
        assert!(sandbox.path("results/e").join(file).is_file(), "{file}");
    }
    assert_eq!(std::fs::read_dir(sandbox.path("results/.store/claims")).unwrap().count(), 0);
}

#[test]
fn a_damaged_store_is_noticed_and_mended() {
    let (sandbox, rows) = undisturbed();
    let store = sandbox.path("results/.store/objects");
    // One model's bytes, one manifest, one entry without its manifest.
    let models = files_below(&store, "model.safetensors");
    let mut bytes = std::fs::read(&models[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&models[0], bytes).unwrap();
    // What reads the model must be computed again for the damage to be met.
    for evaluate in files_below(&store, "stage.json") {
        let text = std::fs::read_to_string(&evaluate).unwrap();
        if text.contains("\"name\": \"evaluate\"") {
            std::fs::remove_dir_all(evaluate.parent().unwrap()).unwrap();
        }
    }
    let verdicts = files_below(&store, "verdict.safetensors");
    std::fs::remove_file(verdicts[0].parent().unwrap().join("stage.json")).unwrap();
    std::fs::write(verdicts[1].parent().unwrap().join("stage.json"), b"{").unwrap();
    let ran = sandbox.ok(&["run", "e.toml"]);
    assert!(ran.err.contains("is damaged"), "{}", ran.err);
    assert_eq!(timeless(&sandbox.rows("results/e/cells.csv")), rows);
}

#[test]
fn a_cell_that_fails_is_a_row_and_the_rest_goes_on() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "e.toml",
        &TINY
            .replace("[grid]\n", "[grid]\n'train.optimizer.lr' = [0.05, 1e30]\n")
            .replace("seeds = 2", "seeds = 1"),
    );
    let ran = sandbox.run(&["run", "e.toml"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let rows = sandbox.rows("results/e/cells.csv");
    let failed: Vec<&Row> = rows.iter().filter(|r| r["status"] == "failed").collect();
    assert_eq!((rows.len(), failed.len()), (12, 6));
    assert!(failed.iter().all(|r| r["train.optimizer.lr"] == "1e+30" && r["clean_accuracy"].is_empty()));
    let text = std::fs::read_to_string(sandbox.path("results/e/cells.jsonl")).unwrap();
    assert!(text.contains("training diverged") && text.contains("lower train.optimizer.lr"));
}
