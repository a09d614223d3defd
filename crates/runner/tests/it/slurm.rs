//! On a real Slurm: the same numbers as on this machine, whatever happens to a task, a node or the submitter.
//!
//! `slurm.sh` starts one on the loopback where the packages slurm-wlm and munge are installed; elsewhere nothing is tested
//! and the reason is printed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::program::{MOCK, Ran, Row, Sandbox, TINY, timeless};

/// A running Slurm, stopped when dropped.
struct Cluster(tempfile::TempDir);

impl Cluster {
    fn start() -> Option<Self> {
        let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
        for program in ["munged", "slurmctld", "slurmd", "sbatch"] {
            if !std::env::split_paths(&path).any(|dir| dir.join(program).is_file()) {
                eprintln!(
                    "skipped: there is no {program} on this machine; slurm-wlm and munge bring all that is needed"
                );
                return None;
            }
        }
        let cluster = Self(tempfile::tempdir().unwrap());
        if !cluster.script("start") {
            let why = std::fs::read_to_string(cluster.0.path().join("script.log")).unwrap_or_default();
            // Only root may start what a machine's own Slurm would be.
            let root =
                std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
            assert!(!root, "Slurm does not start: {why}");
            eprintln!("skipped: Slurm does not start here: {why}");
            return None;
        }
        Some(cluster)
    }

    fn script(&self, what: &str) -> bool {
        let log = std::fs::File::create(self.0.path().join("script.log")).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/slurm.sh");
        let mut command = Command::new(script);
        // The daemons must not hold a pipe of ours open.
        command.arg(what).arg(self.0.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.status().unwrap().success()
    }

    fn conf(&self) -> PathBuf {
        self.0.path().join("slurm.conf")
    }

    fn slurm(&self, program: &str, args: &[&str]) -> String {
        let output = Command::new(program).args(args).env("SLURM_CONF", self.conf()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The program in a sandbox, on this cluster.
    fn command(&self, sandbox: &Sandbox, args: &[&str]) -> Command {
        sandbox.write("site.toml", "[executor]\nkind = 'slurm'\npoll_seconds = 0.3\n");
        let mut command = sandbox.command(args);
        command.env("SLURM_CONF", self.conf()).env("ACONITE_SITE", sandbox.path("site.toml"));
        command
    }

    fn run(&self, sandbox: &Sandbox, args: &[&str]) -> Ran {
        self.command(sandbox, args).output().unwrap().into()
    }

    fn ok(&self, sandbox: &Sandbox, args: &[&str]) -> Ran {
        let ran = self.run(sandbox, args);
        assert_eq!(ran.code, Some(0), "{args:?}\n{}\n{}", ran.out, ran.err);
        ran
    }

    fn start_run(&self, sandbox: &Sandbox, args: &[&str]) -> Child {
        self.command(sandbox, args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The task, `job_index`, of a fit that runs now.
    fn running_fit(&self, sandbox: &Sandbox) -> String {
        wait_for("a fit that runs", || {
            let running = self.slurm("squeue", &["-h", "-r", "-t", "R", "-o", "%F_%K"]);
            let running: BTreeSet<&str> = running.lines().collect();
            tasks(sandbox).into_iter().find_map(|(task, events)| {
                let at_it =
                    events.last().is_some_and(|e| e["event"] == "steps" || e["event"] == "stage_started");
                let fits = events
                    .iter()
                    .rfind(|e| e["event"] == "stage_started")
                    .is_some_and(|e| e["stage"] == "fit");
                (at_it && fits && running.contains(task.as_str())).then_some(task)
            })
        })
    }

    /// Waits until no task of a sandbox's results is left, and returns its status.
    fn settle(&self, sandbox: &Sandbox) -> Value {
        wait_for("the end of its tasks", || {
            let status = self.ok(sandbox, &["status", "results/e", "--json"]);
            let status: Value = serde_json::from_str(&status.out).unwrap();
            let left = ["running", "queued"].map(|state| status["stages"][state].as_u64().unwrap());
            (left == [0, 0]).then_some(status)
        })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.script("stop");
    }
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "waited two minutes for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What every task in a sandbox's store has told, by `job_index`.
fn tasks(sandbox: &Sandbox) -> BTreeMap<String, Vec<Value>> {
    let mut found = BTreeMap::new();
    let submissions = std::fs::read_dir(sandbox.path("results/.store/slurm")).into_iter().flatten().flatten();
    for folder in submissions.map(|e| e.path()) {
        let text = std::fs::read_to_string(folder.join("jobs")).unwrap_or_default();
        let jobs: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once(' ')).collect();
        for out in std::fs::read_dir(folder.join("out")).into_iter().flatten().flatten().map(|e| e.path()) {
            let name = out.file_name().unwrap().to_string_lossy().into_owned();
            let Some((array, index)) = name.strip_suffix(".out").and_then(|n| n.split_once('-')) else {
                continue;
            };
            let Some(job) = jobs.get(array) else { continue };
            let text = std::fs::read_to_string(&out).unwrap();
            let events = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            found.insert(format!("{job}_{index}"), events);
        }
    }
    found
}

/// How often tasks have computed each stage.
fn computed(sandbox: &Sandbox) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for event in
        tasks(sandbox).into_values().flatten().filter(|e| e["event"] == "stage_ended" && e["done"] == true)
    {
        *times.entry(event["key"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    times
}

fn rows(sandbox: &Sandbox, dir: &str) -> Vec<Row> {
    timeless(&sandbox.rows(&format!("{dir}/cells.csv")))
}

/// What the experiment gives on this machine, undisturbed.
fn locally(experiment: &str) -> Vec<Row> {
    let sandbox = Sandbox::new();
    sandbox.write("e.toml", experiment);
    sandbox.ok(&["run", "e.toml"]);
    rows(&sandbox, "results/e")
}

fn sandbox(experiment: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("e.toml", experiment);
    sandbox
}

fn cells(sandbox: &Sandbox) -> Vec<aconite_record::CellRow> {
    aconite_record::read_cells(&sandbox.path("results/e/cells.jsonl")).unwrap()
}

/// Six cells, whose fits take their time.
fn slow(seconds: f64) -> String {
    MOCK.replace("seeds = 2", "seeds = 1")
        .replace("'attack.rate' = [0.05, 0.1]\n", "")
        .replace("error = 0.0", &format!("error = 0.0\nseconds = {seconds}"))
}

#[test]
fn a_cluster_gives_the_numbers_of_one_machine() {
    let Some(cluster) = Cluster::start() else { return };
    // Slurm counts time limits in minutes, so this one is looked at last.
    let late = sandbox(&slow(300.0));
    let limit = ["run", "e.toml", "--only", "defense.kind=none", "--only", "victim.error=0.1", "--time", "1"];
    cluster.ok(&late, &[limit.as_slice(), &["--set", "evaluate.controls=false"]].concat());
    type Part = (&'static str, fn(&Cluster));
    let parts: [Part; 7] = [
        ("refusals", refusals),
        ("the same numbers", the_same_numbers),
        ("failures of stages", failures_of_stages),
        ("all is cancelled", all_is_cancelled),
        ("a cancelled task", a_cancelled_task),
        ("a killed submitter", a_killed_submitter),
        ("a shared store", a_shared_store),
    ];
    for (name, part) in parts {
        let start = Instant::now();
        part(&cluster);
        eprintln!("{name}: {:.1} s", start.elapsed().as_secs_f64());
    }

    cluster.settle(&late);
    let ran = cluster.run(&late, &limit);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let why = cells(&late)[0].error.clone().unwrap();
    assert!(
        why.contains("time limit: ") && why.contains("on node1") && why.contains("DUE TO TIME LIMIT"),
        "{why}"
    );
}

/// What cannot work is an error before anything is in the queue.
fn refusals(cluster: &Cluster) {
    let sandbox = sandbox(MOCK);
    let submitted = || cluster.slurm("squeue", &["-h", "-t", "all", "-o", "%j"]).lines().count();
    let before = submitted();
    let refused = |args: &[&str], said: &str| {
        let ran = cluster.run(&sandbox, &[&["run", "e.toml"], args].concat());
        assert!(ran.code == Some(2) && ran.err.contains(said), "{args:?}: {:?} {}", ran.code, ran.err);
    };
    refused(&["--partition", "nowhere"], "the partition nowhere does not exist\nhint: the cluster has main");
    refused(&["--time", "soon"], "the cluster refuses the first tiny job: Invalid --time specification");
    refused(&["--sbatch", "--array=7"], "--array is set by Aconite itself");
    refused(&["--executor", "local", "--partition", "main"], "--partition says how to use a cluster");
    assert_eq!(submitted(), before);
    let ran: Ran =
        cluster.command(&sandbox, &["run", "e.toml"]).env("PATH", "/nowhere").output().unwrap().into();
    assert!(ran.code == Some(2) && ran.err.contains("sbatch is not there"), "{}", ran.err);
    refused(&["--gres", "gpu:1"], "Invalid generic resource");
    refused(&["--set", "train.threads=5"], "no node can run a task of 5 threads");

    // A store that only the submitter sees: a file system of its own.
    std::fs::create_dir(sandbox.path("own")).unwrap();
    let mut private = Command::new("unshare");
    let script = "mount -t tmpfs tmpfs own || exit 99\nACONITE_STORE=own/store \"$ACONITE\" run e.toml";
    private.args(["--mount", "--map-root-user", "sh", "-c", script]).current_dir(sandbox.dir.path());
    private.env("SLURM_CONF", cluster.conf()).env("ACONITE_SITE", sandbox.path("site.toml"));
    let ran: Option<Ran> =
        private.env("ACONITE", env!("CARGO_BIN_EXE_aconite")).output().ok().map(Into::into);
    match ran.filter(|ran| ran.code != Some(99) && !ran.err.contains("unshare:")) {
        None => eprintln!("not tested: no mount namespaces here"),
        Some(ran) => {
            assert_eq!(ran.code, Some(2), "{}", ran.err);
            assert!(
                ran.err.contains("the nodes do not see the store") && ran.err.contains("ACONITE_STORE=DIR")
            );
        }
    }
    // And a program that the nodes do not have.
    sandbox.write(
        "other.toml",
        "[executor]\nkind = 'slurm'\nprogram = '/nowhere/aconite'\npoll_seconds = 0.3\n",
    );
    refused(&["--site", "other.toml"], "the nodes cannot run /nowhere/aconite");
    let names = cluster.slurm("squeue", &["-h", "-t", "all", "-o", "%j"]);
    let arrays = names.lines().filter(|name| *name != "aconite-probe").count();
    assert_eq!(arrays, 1, "only that of the time limit: {names}");
}

/// Real training, packed into few tasks, and a mock in a task for each stage.
fn the_same_numbers(cluster: &Cluster) {
    for (experiment, pack) in [(TINY.to_owned(), "5"), (slow(0.0), "2")] {
        let sandbox = sandbox(&experiment);
        cluster.ok(&sandbox, &["run", "e.toml", "--wait", "--task-seconds", pack]);
        assert_eq!(rows(&sandbox, "results/e"), locally(&experiment));
        assert!(cells(&sandbox).iter().all(|cell| cell.provenance.host == "node1"), "the node is named");
        assert!(computed(&sandbox).values().all(|&times| times == 1));
        let arrays = tasks(&sandbox).into_keys().map(|task| task.split('_').next().unwrap().to_owned());
        assert!(arrays.collect::<BTreeSet<_>>().len() > 1, "arrays that wait for each other");
        // What is computed again although it is there, is computed whatever its tasks of before have told.
        if pack == "2" {
            let ran = cluster.ok(&sandbox, &["run", "e.toml", "--wait", "--fresh"]);
            assert!(ran.err.contains("submitted "), "{}", ran.err);
            assert_eq!(rows(&sandbox, "results/e"), locally(&experiment));
        }
        // And from here on they are there.
        let again = cluster.ok(&sandbox, &["run", "e.toml", "--json"]);
        assert!(!again.out.contains("submitted "), "{}", again.out);
    }
}

/// A stage that fails fails again, so it is tried once; the others of its task go on.
fn failures_of_stages(cluster: &Cluster) {
    let ends = slow(0.0).replace("'victim.error' = [0.0, 0.1]", "'victim.ends' = ['well', 'error', 'abort']");
    let sandbox = sandbox(&ends);
    let ran = cluster.run(&sandbox, &["run", "e.toml", "--wait"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let failed: Vec<String> = cells(&sandbox).into_iter().filter_map(|cell| cell.error).collect();
    let said =
        |text: &str| failed.iter().filter(|why| why.contains(text) && why.contains(" on node1)")).count();
    assert_eq!((failed.len(), said("told to fail"), said("signal: 6")), (6, 3, 3), "{failed:?}");
    assert!(failed.iter().any(|why| why.contains("the mock victim was told to abort")), "its last words");
    let starts = tasks(&sandbox).into_values().flatten().filter(|e| e["event"] == "stage_started");
    let starts: Vec<String> = starts.map(|e| e["key"].to_string()).collect();
    assert_eq!(starts.len(), starts.iter().collect::<BTreeSet<_>>().len(), "none was started twice");
}

/// All of an experiment is cancelled by its results folder.
fn all_is_cancelled(cluster: &Cluster) {
    let sandbox = sandbox(&slow(30.0));
    cluster.ok(&sandbox, &["run", "e.toml"]);
    let status = cluster.ok(&sandbox, &["status", "results/e", "--cancel"]);
    assert!(status.out.contains("cancelled 1 jobs"), "{}", status.out);
    let status = cluster.settle(&sandbox);
    assert!(status["failure"].as_str().unwrap().contains("cancelled: "), "{status}");
}

/// Somebody cancels a task: its cells say so, what waits for it leaves the queue, and the next run computes them.
fn a_cancelled_task(cluster: &Cluster) {
    let sandbox = sandbox(&slow(1.0));
    let ran = cluster.ok(&sandbox, &["run", "e.toml", "--task-seconds", "2"]);
    assert!(ran.err.contains("0 of 6 cells are there; the rest is in the queue"), "{}", ran.err);
    let task = cluster.running_fit(&sandbox);
    let status = cluster.ok(&sandbox, &["status", "results/e"]);
    assert!(status.out.contains("6 cells: 0 computed") && status.out.contains(" queued"), "{}", status.out);
    cluster.slurm("scancel", &[&task]);
    cluster.settle(&sandbox);
    let told = cluster.run(&sandbox, &["run", "e.toml"]);
    assert_eq!(told.code, Some(1), "{}", told.err);
    let failed: Vec<String> = cells(&sandbox).into_iter().filter_map(|cell| cell.error).collect();
    assert!(!failed.is_empty() && failed.len() < 6, "{failed:?}");
    let said = format!("cancelled: the task was cancelled (task {task} on node1)");
    assert!(failed.iter().all(|why| why.contains(&said)), "{failed:?}");
    cluster.ok(&sandbox, &["run", "e.toml", "--wait"]);
    assert_eq!(rows(&sandbox, "results/e"), locally(&slow(0.0)));
}

/// The submitter is interrupted, and its successor killed, while a task runs; another picks up what they left.
fn a_killed_submitter(cluster: &Cluster) {
    let sandbox = sandbox(&slow(1.0));
    let child = cluster.start_run(&sandbox, &["run", "e.toml", "--wait", "--task-seconds", "4"]);
    cluster.running_fit(&sandbox);
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert!(
        ran.code == Some(130) && ran.err.contains("jobs stay in the queue"),
        "{:?} {}",
        ran.code,
        ran.err
    );
    let mut child = cluster.start_run(&sandbox, &["run", "e.toml", "--wait"]);
    std::thread::sleep(Duration::from_millis(500));
    child.kill().unwrap();
    child.wait().unwrap();
    let ran = cluster.ok(&sandbox, &["run", "e.toml", "--wait"]);
    assert_eq!(rows(&sandbox, "results/e"), locally(&slow(0.0)), "{}", ran.err);
    let computed = computed(&sandbox);
    assert!(computed.values().all(|&times| times == 1), "a stage was computed twice: {computed:?}");
    assert_eq!(ran.err.matches("submitted ").count(), 0, "{}", ran.err);
}

/// A run on this machine and one on the cluster share a store, and compute each stage once.
fn a_shared_store(cluster: &Cluster) {
    let sandbox = sandbox(&slow(0.3));
    let there =
        cluster.start_run(&sandbox, &["run", "e.toml", "--wait", "--out", "there", "--task-seconds", "2"]);
    wait_for("a task", || (!tasks(&sandbox).is_empty()).then_some(()));
    let here = sandbox.command(&["run", "e.toml", "--jobs", "1", "--json", "--out", "here"]);
    let here: Ran = { here }.output().unwrap().into();
    let there: Ran = there.wait_with_output().unwrap().into();
    assert_eq!((here.code, there.code), (Some(0), Some(0)), "{}\n{}", here.err, there.err);
    assert_eq!(rows(&sandbox, "here"), rows(&sandbox, "there"));
    let mut computed = computed(&sandbox);
    let on_nodes = computed.len();
    for event in here.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        if event["event"] == "stage_ended" && event["done"] == true {
            *computed.entry(event["key"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert!(computed.values().all(|&times| times == 1), "a stage was computed twice: {computed:?}");
    assert!(on_nodes > 0 && on_nodes < computed.len(), "{on_nodes} of {} on nodes", computed.len());
}

/// The node dies in the middle of a fit, with all that ran on it, and comes back.
#[test]
fn a_node_that_fails_costs_time_and_nothing_else() {
    let Some(cluster) = Cluster::start() else { return };
    let sandbox = sandbox(&slow(2.0));
    let child = cluster.start_run(&sandbox, &["run", "e.toml", "--wait", "--task-seconds", "4"]);
    let task = cluster.running_fit(&sandbox);
    assert!(cluster.script("fail"));
    // The controller believes in a job for as long as one may take to start.
    std::thread::sleep(Duration::from_secs(4));
    assert!(cluster.script("node"));
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(rows(&sandbox, "results/e"), locally(&slow(0.0)));
    assert!(ran.err.contains("was started again on node1"), "{}", ran.err);
    let attempts = tasks(&sandbox)[&task].iter().filter(|e| e["event"] == "task").count();
    assert_eq!(attempts, 2, "{task}");
}
