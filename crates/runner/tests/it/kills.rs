//! Whatever is killed, whenever: the results are those of an undisturbed run.
//!
//! `ACONITE_KILLS` says how often (50 in the suite; `cargo xtask soak` asks for more).

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::program::{MOCK, Row, Sandbox, timeless};

/// Kills before a run is allowed to end and is compared.
const PER_ROUND: usize = 5;

fn kills() -> usize {
    std::env::var("ACONITE_KILLS").ok().and_then(|v| v.parse().ok()).unwrap_or(50)
}

/// Numbers for when to kill and what; the clock decides the rest.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn start(sandbox: &Sandbox) -> Child {
    let mut command = sandbox.command(&["run", "e.toml", "--jobs", "2"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn kill(pid: u32) {
    let _ = std::process::Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
}

/// The worker processes of a runner.
fn workers(runner: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{runner}/task/{runner}/children"));
    children.unwrap_or_default().split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn rows(sandbox: &Sandbox) -> Vec<Row> {
    timeless(&sandbox.rows("results/e/cells.csv"))
}

#[cfg(target_os = "linux")]
#[test]
fn runners_and_workers_killed_at_random_points_change_nothing() {
    let undisturbed = Sandbox::new();
    let grid = MOCK.replace("[0.05, 0.1]", "[0.1]").replace("error = 0.0", "error = 0.0\nseconds = 0.02");
    undisturbed.write("e.toml", &grid);
    let began = Instant::now();
    undisturbed.ok(&["run", "e.toml", "--jobs", "2"]);
    let whole = began.elapsed().as_millis() as u64;
    let expected = rows(&undisturbed);
    assert_eq!(expected.len(), 12);

    let mut dice = Dice(17);
    let (mut killed, mut runners, mut of_workers) = (0, 0, 0);
    while killed < kills() {
        let sandbox = Sandbox::new();
        sandbox.write("e.toml", &grid);
        for _ in 0..PER_ROUND {
            let mut child = start(&sandbox);
            let mut found = Vec::new();
            if dice.below(2) == 0 {
                // A worker, some time after the first has started.
                while found.is_empty() && child.try_wait().unwrap().is_none() {
                    std::thread::sleep(Duration::from_millis(5));
                    found = workers(child.id());
                }
                std::thread::sleep(Duration::from_millis(dice.below(whole / 6)));
                found = workers(child.id());
            } else {
                std::thread::sleep(Duration::from_millis(dice.below(whole)));
            }
            if child.try_wait().unwrap().is_some() {
                forget_some(&sandbox, &mut dice);
                continue; // too late for a kill
            }
            if found.is_empty() {
                kill(child.id());
                runners += 1;
                let _ = child.wait();
                nothing_is_torn(&sandbox.path("results"));
            } else {
                kill(found[dice.below(found.len() as u64) as usize]);
                of_workers += 1;
                // The runner notices, starts another worker, and ends well.
                assert_eq!(child.wait().unwrap().code(), Some(0), "after {killed} kills");
                assert_eq!(rows(&sandbox), expected, "after {killed} kills");
                forget_some(&sandbox, &mut dice);
            }
            killed += 1;
        }
        sandbox.ok(&["run", "e.toml", "--jobs", "2"]);
        assert_eq!(rows(&sandbox), expected, "after {killed} kills");
    }
    assert!(runners > kills() / 10 && of_workers > kills() / 10, "{runners} runners, {of_workers} workers");
    eprintln!("{killed} kills: {runners} of runners, {of_workers} of workers");
}

/// Takes some entries out of a finished store, so that the next run has something to be killed in.
fn forget_some(sandbox: &Sandbox, dice: &mut Dice) {
    for shelf in std::fs::read_dir(sandbox.path("results/.store/objects")).unwrap() {
        if dice.below(2) == 0 {
            std::fs::remove_dir_all(shelf.unwrap().path()).unwrap();
        }
    }
}

/// Every file that is there can be read to its end, except for a torn last line of `cells.jsonl`.
fn nothing_is_torn(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir.join("e")) else { return };
    for path in entries.map(|e| e.unwrap().path()) {
        let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        match (ending.as_str(), path.file_name().unwrap().to_string_lossy().starts_with('.')) {
            (_, true) => {} // written aside, never renamed
            ("json", _) => {
                let _: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            }
            ("jsonl", _) => drop(aconite_record::read_cells(&path).unwrap()),
            ("csv", _) => drop(aconite_record::read_flat(&path).unwrap()),
            _ => {}
        }
    }
}
