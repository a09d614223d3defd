//! A submission in the store: what was given to Slurm, for the tasks that read it and for whoever picks it up later.
//!
//! ```text
//! <store>/slurm/<id>/submission.json   whose it is, and the keys of every task
//!                    array-0           the stages of the tasks of an array, a line each, behind a line of offsets
//!                    jobs              array and job, a line each, as Slurm took them
//!                    out/0-17.out      what task 17 of array 0 tells of itself, an event per line
//!                    out/0-17.err      what it and libtorch print
//!                    failed/<key>      a stage that failed, so that readers of it need not wait
//!                    ended             every task is over, and its results were told
//! ```

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aconite_plan::{Key, Stage, Store};
use aconite_record::{append_line, write_whole};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::client;
use super::site::Site;

/// What was submitted, by whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Submission {
    /// The cluster's name.
    pub(crate) cluster: String,
    /// The run that it belongs to.
    pub(crate) origin: Origin,
    /// When, RFC 3339 in UTC.
    pub(crate) created: String,
    /// What the site said then.
    pub(crate) site: Site,
    /// The arrays, in order.
    pub(crate) arrays: Vec<Batch>,
}

/// A run, as far as another process must know it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Its results folder, absolute.
    pub(crate) results: PathBuf,
    /// Vector instruction class that the keys are for.
    pub(crate) isa: String,
    /// What it was restricted to, `PATH=VALUE`.
    pub(crate) only: Vec<String>,
    /// What was changed in the experiment, `PATH=VALUE`.
    pub(crate) set: Vec<String>,
}

/// An array of a submission.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Batch {
    /// Memory asked for, in MB.
    pub(crate) memory_mb: u64,
    /// Threads asked for.
    pub(crate) threads: usize,
    /// The stages of each task, by index.
    pub(crate) tasks: BTreeMap<usize, Vec<Key>>,
}

/// What a task on a node needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Work {
    /// Its stages, inputs first.
    pub(crate) stages: Vec<Stage>,
    /// Seconds and MB that each is expected to take.
    pub(crate) costs: Vec<(f64, f64)>,
}

/// The folder of a submission.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
    pub(crate) submission: Submission,
    /// The job of each array that Slurm took.
    pub(crate) jobs: BTreeMap<usize, u64>,
}

impl Folder {
    /// Writes a submission down, the stages of every task with it.
    ///
    /// # Errors
    /// The store cannot be written.
    pub(crate) fn create(
        store: &Store,
        submission: Submission,
        work: &[BTreeMap<usize, Work>],
    ) -> Result<Self> {
        let root = root(store)?;
        std::fs::create_dir_all(&root).with_context(|| format!("{}", root.display()))?;
        // Written aside and renamed: who looks through the folders sees all of it or nothing.
        let aside = tempfile::Builder::new().prefix(".new-").tempdir_in(&root)?;
        std::fs::create_dir(aside.path().join("out"))?;
        std::fs::create_dir(aside.path().join("failed"))?;
        for (at, tasks) in work.iter().enumerate() {
            write_whole(&aside.path().join(format!("array-{at}")), &encode(tasks)?)?;
        }
        write_whole(&aside.path().join("submission.json"), serde_json::to_string(&submission)?.as_bytes())?;
        let unique =
            aside.path().file_name().map(|n| n.to_string_lossy().replace(".new-", "")).unwrap_or_default();
        let name = submission.created.replace(['-', ':'], "");
        let path = root.join(format!("{name}-{unique}"));
        std::fs::rename(aside.keep(), &path)?;
        Ok(Self { path, submission, jobs: BTreeMap::new() })
    }

    /// The submissions in a store that may still have tasks, the oldest first. What cannot be read is passed over.
    pub(crate) fn open_ones(store: &Store, cluster: &str) -> Vec<Self> {
        let is_open = |path: &PathBuf| !path.join("ended").exists();
        let found = list(store).into_iter().filter(is_open).filter_map(|path| Self::read(&path).ok());
        found.filter(|folder| folder.submission.cluster == cluster).collect()
    }

    /// The latest submission of a results folder, whether it has tasks or not.
    pub(crate) fn latest(store: &Store, cluster: &str, results: &Path) -> Option<Self> {
        let ours = |f: &Self| f.submission.cluster == cluster && f.submission.origin.results == results;
        list(store).into_iter().rev().filter_map(|path| Self::read(&path).ok()).find(ours)
    }

    fn read(path: &Path) -> Result<Self> {
        let submission = serde_json::from_slice(&std::fs::read(path.join("submission.json"))?)?;
        let text = std::fs::read_to_string(path.join("jobs")).unwrap_or_default();
        let line = |line: &str| {
            let (array, job) = line.split_once(' ')?;
            Some((array.parse().ok()?, job.parse().ok()?))
        };
        let jobs = text.lines().filter_map(line).collect();
        let mut folder = Self { path: path.to_owned(), submission, jobs };
        // Whoever submitted may have been killed before it could write a number down.
        let ended = path.join("ended").exists();
        for array in (0..folder.submission.arrays.len()).filter(|_| !ended) {
            if !folder.jobs.contains_key(&array)
                && let Some(job) = client::by_name(&folder.job_name(array))
            {
                folder.took(array, job)?;
            }
        }
        Ok(folder)
    }

    /// What an array is called in the queue.
    pub(crate) fn job_name(&self, array: usize) -> String {
        let name = self.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        format!("aconite-{name}-{array}")
    }

    /// Slurm took an array.
    ///
    /// # Errors
    /// The number cannot be written down.
    pub(crate) fn took(&mut self, array: usize, job: u64) -> Result<()> {
        append_line(&self.path.join("jobs"), &format!("{array} {job}"))?;
        self.jobs.insert(array, job);
        Ok(())
    }

    /// What a task prints, `out` or `err`.
    pub(crate) fn out(&self, array: usize, index: usize, ending: &str) -> PathBuf {
        self.path.join("out").join(format!("{array}-{index}.{ending}"))
    }

    /// The same for all tasks of an array, in Slurm's words.
    pub(crate) fn out_pattern(&self, array: usize, ending: &str) -> String {
        // A percent sign in the path itself is no pattern.
        let folder = self.path.join("out").to_string_lossy().replace('%', "%%");
        format!("{folder}/{array}-%a.{ending}")
    }

    /// Every task is over and told of: nobody need look here again.
    pub(crate) fn end(&self) {
        // If it cannot be written, the next run looks once more and finds nothing new.
        let _ = File::create(self.path.join("ended"));
    }
}

/// All that lies beside a store's submissions, and they.
fn paths(store: &Store) -> Vec<PathBuf> {
    let entries = root(store).ok().and_then(|root| std::fs::read_dir(root).ok());
    entries.into_iter().flatten().flatten().map(|e| e.path()).collect()
}

/// The folders of a store's submissions, the oldest first.
fn list(store: &Store) -> Vec<PathBuf> {
    let mut paths = paths(store);
    paths.retain(|path| path.join("submission.json").exists() && !is_aside(path));
    paths.sort();
    paths
}

/// Whether it is still being written.
fn is_aside(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

/// Removes what ended long ago, and what killed submitters left half-written. Errors are passed over; the next sweep will
/// try again.
pub(crate) fn sweep(store: &Store) {
    const DAY: Duration = Duration::from_secs(86_400);
    let is_older = |path: &Path, than: Duration| {
        let modified = std::fs::metadata(path).and_then(|m| m.modified()).ok();
        modified.and_then(|t| t.elapsed().ok()).is_some_and(|age| age > than)
    };
    for path in paths(store) {
        if is_aside(&path) && is_older(&path, DAY) || is_older(&path.join("ended"), 14 * DAY) {
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

/// Where submissions lie, absolute: nodes have other working folders.
pub(crate) fn root(store: &Store) -> Result<PathBuf> {
    Ok(std::path::absolute(store.root())?.join("slurm"))
}

/// A line of `[index, offset, length]` and a line per task.
fn encode(tasks: &BTreeMap<usize, Work>) -> Result<Vec<u8>> {
    let (mut places, mut lines) = (Vec::new(), Vec::new());
    for (index, work) in tasks {
        let line = serde_json::to_vec(work)?;
        places.push((*index, lines.len(), line.len()));
        lines.write_all(&line)?;
        lines.push(b'\n');
    }
    let mut bytes = serde_json::to_vec(&places)?;
    bytes.push(b'\n');
    bytes.extend(lines);
    Ok(bytes)
}

/// The work of a task: one line is read, however many tasks the array has.
///
/// # Errors
/// It is not there.
pub(crate) fn work(folder: &Path, array: usize, index: usize) -> Result<Work> {
    let path = folder.join(format!("array-{array}"));
    let mut file = BufReader::new(File::open(&path).with_context(|| format!("{}", path.display()))?);
    let mut header = String::new();
    let begin = file.read_line(&mut header)?;
    let places: Vec<(usize, usize, usize)> = serde_json::from_str(&header)?;
    let place = places.into_iter().find(|(i, ..)| *i == index);
    let (_, offset, length) = place.with_context(|| format!("array {array} has no task {index}"))?;
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start((begin + offset) as u64))?;
    file.read_exact(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_submitter_left_goes_after_a_day() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let make = |name: &str| {
            let path = root(&store).unwrap().join(name);
            std::fs::create_dir_all(path.join("out")).unwrap();
            path
        };
        let [old, new, open] = [".new-a", ".probe-b", "20200101T000000Z-c"].map(make);
        let days_ago = std::time::SystemTime::now() - Duration::from_secs(3 * 86_400);
        for path in [&old, &open] {
            File::open(path).unwrap().set_modified(days_ago).unwrap();
        }
        sweep(&store);
        assert_eq!([old, new, open].map(|path| path.exists()), [false, true, true]);
    }

    #[test]
    fn a_path_is_no_pattern() {
        let site = Site::default();
        let origin = Origin { results: "r".into(), isa: "i".into(), only: vec![], set: vec![] };
        let (cluster, created) = ("c".to_owned(), "t".to_owned());
        let submission = Submission { cluster, origin, created, site, arrays: vec![] };
        let folder = Folder { path: "/INDEX/5%".into(), submission, jobs: BTreeMap::new() };
        assert_eq!(folder.out_pattern(3, "err"), "/INDEX/5%%/out/3-%a.err");
        assert_eq!(folder.out(3, 7, "err"), PathBuf::from("/INDEX/5%/out/3-7.err"));
    }

    #[test]
    fn each_task_finds_its_own_work() {
        let dir = tempfile::tempdir().unwrap();
        let work_of = |seconds| Work { stages: vec![], costs: vec![(seconds, 1.0)] };
        let tasks = BTreeMap::from([(0, work_of(1.0)), (7, work_of(123.456)), (9, work_of(3.0))]);
        std::fs::write(dir.path().join("array-2"), encode(&tasks).unwrap()).unwrap();
        let read = |index| work(dir.path(), 2, index).map(|w| w.costs[0].0);
        assert_eq!([0, 7, 9].map(|i| read(i).unwrap()), [1.0, 123.456, 3.0]);
        assert!(read(1).unwrap_err().to_string().contains("no task 1"));
    }
}
