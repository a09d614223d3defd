//! What a site says of its cluster, in a file of its own or on the command line. None of it is part of a key: it says where
//! and how stages run, never what they compute.

use std::path::{Path, PathBuf};

use aconite_grid::Error;
use serde::{Deserialize, Serialize};

use crate::cli;

/// A site file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    executor: Site,
}

/// The table `[executor]` of a site file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Site {
    /// `local` or `slurm`.
    pub(crate) kind: cli::Where,
    /// The partition; the cluster's own choice without.
    pub(crate) partition: Option<String>,
    /// Time limit of a task, as `sbatch` writes it; the partition's without.
    pub(crate) time: Option<String>,
    /// Generic resources of every task, e.g. `gpu:1`.
    pub(crate) gres: Option<String>,
    /// Tasks of an array that may run at once.
    pub(crate) array_limit: Option<u32>,
    /// Further options of `sbatch`, each a whole one, e.g. `--account=staff`.
    pub(crate) sbatch: Vec<String>,
    /// Small stages are packed until a task takes at least this many seconds.
    pub(crate) task_seconds: f64,
    /// How often a task is started again when its node fails or something more urgent takes its place.
    pub(crate) retries: u32,
    /// Whether memory is asked for. A cluster that does not count memory may refuse it.
    pub(crate) memory: bool,
    /// The program on the nodes; where it lies here without.
    pub(crate) program: Option<PathBuf>,
    /// Seconds between two looks at the queue.
    pub(crate) poll_seconds: f64,
    /// Seconds that the first tiny job may wait for a node.
    pub(crate) probe_seconds: f64,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            kind: cli::Where::Local,
            partition: None,
            time: None,
            gres: None,
            array_limit: None,
            sbatch: Vec::new(),
            task_seconds: 60.0,
            retries: 3,
            memory: true,
            program: None,
            poll_seconds: 5.0,
            probe_seconds: 600.0,
        }
    }
}

impl Site {
    /// What the site file says, and the command line over it.
    ///
    /// # Errors
    /// The file cannot be read, or a setting is unknown, out of range or does not go with the executor.
    pub(crate) fn of(args: &cli::Run) -> Result<Self, Error> {
        let named = std::env::var_os("ACONITE_SITE").filter(|v| !v.is_empty()).map(PathBuf::from);
        let mut site = match args.cluster.site.clone().or(named) {
            Some(path) => Self::read(&path)?,
            None => Self::default(),
        };
        if let Some(kind) = args.executor {
            site.kind = kind;
        }
        let given = &args.cluster;
        if site.kind == cli::Where::Local
            && let Some(option) = given.first()
        {
            return Err(Error::new(format!(
                "{option} says how to use a cluster, and stages run on this machine"
            ))
            .hint("add --executor slurm, or name a site file with kind = \"slurm\""));
        }
        let over = |theirs: &mut Option<String>, ours: &Option<String>| {
            if ours.is_some() {
                theirs.clone_from(ours);
            }
        };
        over(&mut site.partition, &given.partition);
        over(&mut site.time, &given.time);
        over(&mut site.gres, &given.gres);
        site.array_limit = given.array_limit.or(site.array_limit);
        site.sbatch.extend(given.sbatch.iter().cloned());
        site.task_seconds = given.task_seconds.unwrap_or(site.task_seconds);
        site.retries = given.retries.unwrap_or(site.retries);
        site.check()
    }

    fn read(path: &Path) -> Result<Self, Error> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|e| Error::new(format!("the site file {shown} cannot be read: {e}")))?;
        let file: File = toml::from_str(&text)
            .map_err(|e| Error::new(format!("the site file {shown}: {}", e.to_string().trim_end())))?;
        Ok(file.executor)
    }

    fn check(self) -> Result<Self, Error> {
        let range = |name: &str, value: f64, lo: f64, hi: f64| match (lo..=hi).contains(&value) {
            true => Ok(()),
            false => Err(Error::new(format!("{name} = {value} is out of range: {lo} to {hi}"))),
        };
        range("task_seconds", self.task_seconds, 0.0, 1e6)?;
        range("retries", self.retries.into(), 0.0, 100.0)?;
        range("poll_seconds", self.poll_seconds, 0.1, 3600.0)?;
        range("probe_seconds", self.probe_seconds, 1.0, 1e6)?;
        range("array_limit", self.array_limit.unwrap_or(1).into(), 1.0, 1e6)?;
        for option in &self.sbatch {
            if !option.starts_with('-') {
                let message = format!("sbatch {option:?} is no option: it begins with a minus");
                return Err(Error::new(message).hint("write a whole option, e.g. --sbatch --account=staff"));
            }
            if let Some(name) = ours(option) {
                let message = format!("sbatch {option:?}: --{name} is set by Aconite itself");
                return Err(Error::new(message).hint(match name {
                    "requeue" | "no-requeue" => "say with --retries how often a task is started again",
                    _ => "leave it out",
                }));
            }
        }
        Ok(self)
    }

    /// Seconds that a task may be expected to take: half of its limit, as estimates err.
    pub(crate) fn most_seconds(&self) -> f64 {
        self.time.as_deref().and_then(seconds).map_or(f64::INFINITY, |limit| limit / 2.0)
    }
}

/// The option of our own that an option of `sbatch` is, which may shorten it: `--arr=1`, `-a1-3`.
fn ours(option: &str) -> Option<&'static str> {
    const OURS: [(&str, Option<char>); 11] = [
        ("array", Some('a')),
        ("dependency", Some('d')),
        ("output", Some('o')),
        ("error", Some('e')),
        ("job-name", Some('J')),
        ("wrap", None),
        ("parsable", None),
        ("requeue", None),
        ("no-requeue", None),
        ("open-mode", None),
        ("kill-on-invalid-dep", None),
    ];
    let is = |&&(long, short): &&(&str, Option<char>)| match option.strip_prefix("--") {
        Some(given) => {
            let name = given.split(['=', ' ']).next().unwrap_or_default();
            !name.is_empty() && long.starts_with(name)
        }
        None => short.is_some() && option.chars().nth(1) == short,
    };
    OURS.iter().find(is).map(|(long, _)| *long)
}

/// A time limit as `sbatch` reads it: minutes, minutes:seconds, hours:minutes:seconds, and with days- before it hours,
/// hours:minutes and hours:minutes:seconds.
fn seconds(text: &str) -> Option<f64> {
    let (days, rest) = match text.split_once('-') {
        Some((days, rest)) => (Some(days.parse::<f64>().ok()?), rest),
        None => (None, text),
    };
    let parts: Vec<f64> = rest.split(':').map(|p| p.parse().ok()).collect::<Option<_>>()?;
    let clock = match (days, parts.as_slice()) {
        (Some(_), [h]) => h * 3600.0,
        (Some(_), [h, m]) => h * 3600.0 + m * 60.0,
        (None, [m]) => m * 60.0,
        (None, [m, s]) => m * 60.0 + s,
        (_, [h, m, s]) => h * 3600.0 + m * 60.0 + s,
        _ => return None,
    };
    Some(days.unwrap_or(0.0) * 86_400.0 + clock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_limits_are_read_as_sbatch_reads_them() {
        let read = ["90", "1:30", "2:00:00", "1-12", "1-0:30", "1-01:00:01"].map(seconds);
        let expected = [5400.0, 90.0, 7200.0, 129_600.0, 88_200.0, 90_001.0];
        assert_eq!(read, expected.map(Some));
        assert_eq!(["", "x", "1:2:3:4", "-1"].map(seconds), [None; 4]);
    }

    #[test]
    fn a_site_file_is_read_and_what_is_wrong_in_it_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let path = dir.path().join("site.toml");
            std::fs::write(&path, text).unwrap();
            Site::read(&path).and_then(Site::check).map_err(|e| e.to_string())
        };
        let site = read("[executor]\nkind = 'slurm'\npartition = 'cpu'\nretries = 1\n").unwrap();
        let expected =
            Site { kind: cli::Where::Slurm, partition: Some("cpu".into()), retries: 1, ..Site::default() };
        assert_eq!(site, expected);
        let theirs = "[executor]\nsbatch = ['--account=a', '--exclusive', '-A', '--nodelist=n', '-t 5', '--wait-all-nodes=1']";
        assert_eq!(read(theirs).unwrap().sbatch.len(), 6);
        for (text, said) in [
            ("[executor]\npartitoin = 'x'", "unknown field `partitoin`"),
            ("[executor]\nkind = 'pbs'", "unknown variant `pbs`"),
            ("[executor]\npoll_seconds = 0", "poll_seconds = 0 is out of range"),
            ("[executor]\nsbatch = ['--array=1']", "--array is set by Aconite itself"),
            ("[executor]\nsbatch = ['--arr=1']", "--array is set by Aconite itself"),
            ("[executor]\nsbatch = ['-a1-3']", "--array is set by Aconite itself"),
            ("[executor]\nsbatch = ['-dafterok:1']", "--dependency is set by Aconite itself"),
            ("[executor]\nsbatch = ['-oX']", "--output is set by Aconite itself"),
            ("[executor]\nsbatch = ['--no-requeue']", "--no-requeue is set by Aconite itself"),
            ("[executor]\nsbatch = ['--job-name', 'x']", "--job-name is set by Aconite itself"),
            ("[executor]\nsbatch = ['account']", "begins with a minus"),
            ("[runner]", "unknown field `runner`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
