//! Slurm's commands. Only what every Slurm has is used: `sbatch`, `squeue`, `scontrol` and `scancel`; and `sacct`, which
//! knows jobs that the controller has forgotten, where accounting is kept.

use std::collections::HashMap;
use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use aconite_grid::Error;

use super::fate::{Fate, is_alive};

/// A task by its array's job and its index.
pub(crate) type JobTask = (u64, usize);

/// Where a task stands, as the queue tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Slurm's word for it.
    pub(crate) state: String,
    /// Why it waits, or why it ended so.
    pub(crate) reason: String,
}

impl Standing {
    /// Whether it is not over.
    pub(crate) fn is_alive(&self) -> bool {
        is_alive(&self.state)
    }
}

/// What the controller says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cluster {
    /// Its name.
    pub(crate) name: String,
    /// Indexes of an array lie below this.
    pub(crate) array_size: usize,
}

/// Asks the controller.
///
/// # Errors
/// A command is missing, or the controller does not answer.
pub(crate) fn cluster() -> Result<Cluster, Error> {
    for command in ["sbatch", "squeue", "scancel"] {
        if let Err(e) =
            Command::new(command).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status()
        {
            return Err(missing(command, &e));
        }
    }
    let text = run("scontrol", &["show", "config"]).map_err(|why| {
        let message = format!("the cluster does not answer: {why}");
        why_missing(&why).unwrap_or_else(|| Error::new(message).hint("is this a machine that submits jobs?"))
    })?;
    Ok(config(&text))
}

fn config(text: &str) -> Cluster {
    let value = |name: &str| {
        text.lines()
            .filter_map(|line| line.split_once('='))
            .find(|(n, _)| n.trim() == name)
            .map(|(_, v)| v.trim())
    };
    let array_size = value("MaxArraySize").and_then(|v| v.parse().ok()).unwrap_or(1001);
    Cluster { name: value("ClusterName").unwrap_or_default().to_owned(), array_size }
}

fn missing(command: &str, error: &std::io::Error) -> Error {
    let why = match error.kind() {
        ErrorKind::NotFound => "is not there".to_owned(),
        _ => format!("cannot be started: {error}"),
    };
    Error::new(format!("{command} {why}: no Slurm on this machine"))
        .hint("run on a machine that submits jobs, or leave out --executor slurm")
}

fn why_missing(why: &str) -> Option<Error> {
    why.strip_prefix(NOT_THERE).map(|command| missing(command, &ErrorKind::NotFound.into()))
}

/// Begins the error of a command that is not there.
const NOT_THERE: &str = "not there: ";

/// Checks that a partition exists and is up.
///
/// # Errors
/// It does not or is not.
pub(crate) fn check_partition(name: &str) -> Result<(), Error> {
    let list = || run("sinfo", &["-h", "-o", "%R"]).unwrap_or_default();
    match run("scontrol", &["-o", "show", "partition", name]) {
        Ok(text) if text.contains("State=DOWN") || text.contains("State=INACTIVE") => {
            Err(Error::new(format!("the partition {name} takes no jobs now: it is not up")))
        }
        Ok(_) => Ok(()),
        Err(_) => {
            let known = list();
            let known: Vec<&str> = known.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
            Err(Error::new(format!("the partition {name} does not exist")).hint(format!(
                "the cluster has {}",
                if known.is_empty() { "none".into() } else { known.join(", ") }
            )))
        }
    }
}

/// What a node has in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) memory_mb: u64,
    pub(crate) threads: usize,
}

/// The kinds of nodes of a partition, or of all; none where the cluster does not tell.
pub(crate) fn nodes(partition: Option<&str>) -> Vec<Node> {
    let args = ["-h", "-e", "-o", "%m|%c"].into_iter().chain(partition.into_iter().flat_map(|p| ["-p", p]));
    nodes_in(&run("sinfo", &args.collect::<Vec<_>>()).unwrap_or_default())
}

fn nodes_in(text: &str) -> Vec<Node> {
    let line = |line: &str| {
        let (memory_mb, threads) = line.trim().split_once('|')?;
        Some(Node { memory_mb: memory_mb.parse().ok()?, threads: threads.parse().ok()? })
    };
    text.lines().filter_map(line).collect()
}

/// Submits a script and returns the job's number.
///
/// # Errors
/// What Slurm has against it.
pub(crate) fn sbatch(options: &[String], script: &str) -> Result<u64, String> {
    let mut child = Command::new("sbatch")
        .arg("--parsable")
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("sbatch: {e}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(script.as_bytes());
    }
    let output = child.wait_with_output().map_err(|e| format!("sbatch: {e}"))?;
    let out = String::from_utf8_lossy(&output.stdout);
    let number = out.trim().split(';').next().and_then(|n| n.parse().ok());
    number.filter(|_| output.status.success()).ok_or_else(|| words(&output.stderr))
}

/// Where the tasks of jobs stand that the controller still knows.
///
/// # Errors
/// It does not answer.
pub(crate) fn squeue(jobs: &[u64]) -> Result<HashMap<JobTask, Standing>, String> {
    if jobs.is_empty() {
        return Ok(HashMap::new());
    }
    let list: Vec<String> = jobs.iter().map(u64::to_string).collect();
    let list = list.join(",");
    match run("squeue", &["-h", "-r", "-t", "all", "-o", "%F|%K|%T|%r", "-j", &list]) {
        Ok(text) => Ok(queue(&text)),
        // It knows none of them any more.
        Err(why) if why.contains("Invalid job id") => Ok(HashMap::new()),
        Err(why) => Err(why),
    }
}

fn queue(text: &str) -> HashMap<JobTask, Standing> {
    let line = |line: &str| {
        let mut parts = line.split('|');
        let job = parts.next()?.trim().parse().ok()?;
        let index = parts.next()?.trim().parse().unwrap_or(0);
        let (state, reason) = (parts.next()?.trim().to_owned(), parts.next()?.trim().to_owned());
        Some(((job, index), Standing { state, reason }))
    };
    text.lines().filter_map(line).collect()
}

/// How a task ended that the queue says is over, or does not know.
pub(crate) fn fate((job, index): JobTask) -> Fate {
    fate_of(&format!("{job}_{index}"))
}

/// How a job ended that is no array.
pub(crate) fn fate_of_job(job: u64) -> Fate {
    fate_of(&job.to_string())
}

fn fate_of(name: &str) -> Fate {
    if let Ok(text) = run("scontrol", &["-o", "show", "job", name])
        && let Some(fate) = controller(&text)
    {
        return fate;
    }
    match run("sacct", &["-n", "-P", "-X", "-j", name, "-o", "State,ExitCode"]) {
        Ok(text) => text.lines().next().and_then(accounting).unwrap_or(Fate::Lost),
        Err(_) => Fate::Lost,
    }
}

fn controller(text: &str) -> Option<Fate> {
    let value =
        |name: &str| text.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let state = value("JobState").filter(|state| !is_alive(state))?;
    Some(Fate::of(state, value("Reason").unwrap_or_default(), exit(value("ExitCode")?)))
}

fn accounting(line: &str) -> Option<Fate> {
    let (state, code) = line.split_once('|')?;
    (!is_alive(state)).then(|| Fate::of(state, "", exit(code)))
}

/// `code:signal`.
fn exit(text: &str) -> (i32, i32) {
    let (code, signal) = text.split_once(':').unwrap_or((text, "0"));
    (code.parse().unwrap_or(1), signal.parse().unwrap_or(0))
}

/// Cancels jobs, whole.
///
/// # Errors
/// What Slurm has against it.
pub(crate) fn scancel(jobs: &[u64]) -> Result<(), String> {
    let list: Vec<String> = jobs.iter().map(u64::to_string).collect();
    match list.is_empty() {
        true => Ok(()),
        false => run("scancel", &list.iter().map(String::as_str).collect::<Vec<_>>()).map(drop),
    }
}

/// The number of a job by its name, if the controller knows one.
pub(crate) fn by_name(name: &str) -> Option<u64> {
    let text = run("squeue", &["-h", "-t", "all", "-o", "%F", "-n", name]).ok()?;
    text.lines().next()?.trim().parse().ok()
}

fn run(command: &str, args: &[&str]) -> Result<String, String> {
    let output =
        Command::new(command).args(args).stdin(Stdio::null()).output().map_err(|e| match e.kind() {
            ErrorKind::NotFound => format!("{NOT_THERE}{command}"),
            _ => format!("{command}: {e}"),
        })?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(words(if output.stderr.is_empty() { &output.stdout } else { &output.stderr })),
    }
}

/// What a command said, in one line and without its own name before it.
fn words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let said =
        |line: &str| line.trim().trim_start_matches("sbatch: ").trim_start_matches("error: ").to_owned();
    let lines: Vec<String> = text.lines().map(said).filter(|l| !l.is_empty()).collect();
    if lines.is_empty() { "it gave no reason".into() } else { lines.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_commands_print_is_read() {
        let text = "ClusterName             = tower\nMaxArraySize            = 501\nMaxDBDMsgs = 1\n";
        assert_eq!(config(text), Cluster { name: "tower".into(), array_size: 501 });
        let read =
            queue("12|3|RUNNING|None\n12|4|PENDING|Dependency\nnonsense\n13|N/A|FAILED|NonZeroExitCode\n");
        assert_eq!(read.len(), 3);
        assert!(
            read[&(12, 3)].is_alive() && read[&(12, 4)].reason == "Dependency" && !read[&(13, 0)].is_alive()
        );
        let job =
            "JobId=6 ArrayJobId=6 JobState=FAILED Reason=NonZeroExitCode Dependency=(null) ExitCode=3:0";
        assert_eq!(controller(job), Some(Fate::Exit(3)));
        assert_eq!(controller(&job.replace("FAILED", "REQUEUED")), None);
        assert_eq!(accounting("TIMEOUT|0:0"), Some(Fate::TimeLimit));
        assert_eq!(accounting("RUNNING|0:0"), None);
        assert_eq!(nodes_in("4000|2\n64000|16\n?\n")[1], Node { memory_mb: 64_000, threads: 16 });
        assert_eq!(words(b"sbatch: error: invalid partition\nsbatch: error: no\n"), "invalid partition; no");
    }
}
