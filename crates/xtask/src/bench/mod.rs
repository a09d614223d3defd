//! `cargo xtask bench`: Aconite and PyTorch on the same work in turn, against the goals of the project.
//!
//! Nothing here is a test: figures depend on the machine. What was measured is committed in `results/bench/`.

mod child;
mod grid;
mod kinds;
mod machine;
mod outcome;
mod overheads;
mod pipeline;
mod precision;
mod stats;
mod steps;
mod venv;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::Value;

use self::child::Ended;
use self::outcome::Findings;
use crate::cargo::Workspace;

/// What to measure, and how.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What to measure
    #[arg(value_enum, default_value = "all")]
    topics: Vec<Topic>,
    /// How often each side runs [default: 5 for steps, 3 for the others, 1 for bf16-accuracy and crafting]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=50))]
    repeats: Option<u8>,
    /// Threads of each side; a grid runs as many workers of one thread
    #[arg(long, value_name = "T", default_value = "2", value_parser = clap::value_parser!(u8).range(1..))]
    threads: u8,
    /// Where the figures are written
    #[arg(long, value_name = "DIR", default_value = "results/bench")]
    out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Topic {
    /// One training step of each net
    Steps,
    /// Poison, train, defend, retrain, evaluate on the whole of Fashion-MNIST, against IBM ART
    Pipeline,
    /// Twelve cells against twelve of ART's; the quickstart
    Grid,
    /// What a cell costs when nothing is trained
    Overheads,
    /// Accuracy after training in bf16 and in f32
    Bf16Accuracy,
    /// Single attacks and defenses
    Kinds,
    /// A federation's rules and rounds
    Federated,
    /// All of them
    All,
}

impl Topic {
    const EACH: [Self; 7] = [
        Self::Steps,
        Self::Pipeline,
        Self::Grid,
        Self::Overheads,
        Self::Bf16Accuracy,
        Self::Kinds,
        Self::Federated,
    ];

    /// Its name: the command's word and the file's.
    fn name(self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::Pipeline => "pipeline",
            Self::Grid => "grid",
            Self::Overheads => "overheads",
            Self::Bf16Accuracy => "bf16-accuracy",
            Self::Kinds => "kinds",
            Self::Federated => "federated",
            Self::All => "all",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Steps => "A training step, batch 128",
            Self::Pipeline => "A pipeline on Fashion-MNIST: poison, train, defend, retrain, evaluate",
            Self::Grid => "A grid of twelve cells on Fashion-MNIST",
            Self::Overheads => "Overheads: a victim that trains nothing",
            Self::Bf16Accuracy => "Accuracy after training in bf16",
            Self::Kinds => "Single attacks and defenses",
            Self::Federated => "Federations: rules on 100 × 1,200,000 updates, and rounds",
            Self::All => "",
        }
    }

    /// Whether PyTorch runs beside Aconite.
    fn has_peer(self) -> bool {
        matches!(self, Self::Steps | Self::Pipeline | Self::Grid)
    }

    fn measure(self, bench: &Bench<'_>) -> Result<Findings> {
        match self {
            Self::Steps => steps::measure(bench),
            Self::Pipeline => pipeline::measure(bench),
            Self::Grid => grid::measure(bench),
            Self::Overheads => overheads::measure(bench),
            Self::Bf16Accuracy => precision::measure(bench),
            Self::Kinds => kinds::measure(bench),
            Self::Federated => kinds::federated(bench),
            Self::All => bail!("`all` stands for the other topics"),
        }
    }
}

/// Measures, prints a table a topic and writes the figures.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let is_chosen = |topic: &Topic| options.topics.contains(&Topic::All) || options.topics.contains(topic);
    let chosen: Vec<Topic> = Topic::EACH.into_iter().filter(is_chosen).collect();
    let bench = Bench::new(workspace, options, chosen.iter().any(|topic| topic.has_peer()))?;
    let mut failures = 0;
    for topic in chosen {
        let found = topic.measure(&bench).with_context(|| format!("bench {}", topic.name()))?;
        failures += found.failures.len();
        let python = topic.has_peer().then_some(bench.python.as_deref()).flatten();
        let about = machine::about(workspace.root(), &bench.command(topic), python);
        let topic = found.json(topic.name(), topic.title(), &about);
        println!("{}", outcome::table(&topic));
        let order = Topic::EACH.map(Topic::name);
        outcome::save(&workspace.root().join(&options.out), &topic, &order)?;
    }
    // What was left over of a run that was interrupted goes with the next one.
    bench.empty("")?;
    if failures > 0 {
        bail!("{failures} parts could not be measured");
    }
    Ok(())
}

/// What the topics measure with.
struct Bench<'a> {
    workspace: &'a Workspace,
    /// For what does not outlive a run.
    scratch: PathBuf,
    /// The peers' Python, if a topic needs it.
    python: Option<PathBuf>,
    repeats: Option<u8>,
    threads: u8,
}

impl<'a> Bench<'a> {
    fn new(workspace: &'a Workspace, options: &Options, has_peers: bool) -> Result<Self> {
        let folder = workspace.target()?.join("bench");
        fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
        let peers = workspace.root().join("crates/xtask/peers");
        let python = has_peers.then(|| venv::python(&folder.join("venv"), &peers)).transpose()?;
        let scratch = folder.join("scratch");
        Ok(Self { workspace, scratch, python, repeats: options.repeats, threads: options.threads })
    }

    /// The command that measures `topic` like this run.
    fn command(&self, topic: Topic) -> String {
        let repeats = self.repeats.map_or(String::new(), |n| format!(" --repeats {n}"));
        format!("cargo xtask bench {} --threads {}{repeats}", topic.name(), self.threads)
    }

    fn repeats(&self, default: u8) -> usize {
        usize::from(self.repeats.unwrap_or(default))
    }

    /// An empty folder for one run.
    fn empty(&self, name: &str) -> Result<PathBuf> {
        let folder = self.scratch.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("failed to remove {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
        Ok(folder)
    }

    /// Runs a peer's script with these arguments.
    fn peer(&self, script: &str, args: &[String]) -> Result<Ended> {
        let python = self.python.as_deref().context("the peers' Python was not made")?;
        let mut command = Command::new(python);
        command.arg(self.workspace.root().join("crates/xtask/peers").join(script)).args(args);
        // The same threads for NumPy's linear algebra as for PyTorch.
        for variable in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"] {
            command.env(variable, self.threads.to_string());
        }
        // Scripts import each other; nothing is to be left in their folder.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        child::run(&mut command, &self.empty("peer")?)
    }

    /// Runs `aconite` with these arguments on a store of its own in `folder`.
    fn aconite(&self, binary: &Path, folder: &Path, args: &[String]) -> Result<Ended> {
        let mut command = self.workspace.program(binary);
        command.args(args).current_dir(self.workspace.root()).env("ACONITE_STORE", folder.join("store"));
        child::run(&mut command, folder)
    }

    /// Runs an experiment of the repository from nothing and returns its cells, too.
    fn experiment(&self, binary: &Path, file: &str, args: &[String]) -> Result<(Ended, Vec<Value>)> {
        self.empty("aconite")?;
        self.again(binary, file, args)
    }

    /// Runs an experiment on the store that [`Bench::experiment`] left.
    fn again(&self, binary: &Path, file: &str, args: &[String]) -> Result<(Ended, Vec<Value>)> {
        let folder = self.scratch.join("aconite");
        let out = folder.join("results");
        let mut all = vec!["run".to_owned(), file.to_owned(), "--out".into(), out.display().to_string()];
        all.extend_from_slice(args);
        let ended = self.aconite(binary, &folder, &all)?;
        Ok((ended, cells(&out)?))
    }
}

/// The cells that a run left in its results.
fn cells(results: &Path) -> Result<Vec<Value>> {
    let file = results.join("cells.jsonl");
    let text = fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))?;
    let cells: Result<Vec<Value>, _> = text.lines().map(serde_json::from_str).collect();
    cells.with_context(|| format!("failed to parse {}", file.display()))
}

/// `PATH=VALUE` for `aconite run --set`.
fn set(path: &str, value: impl std::fmt::Display) -> [String; 2] {
    ["--set".into(), format!("{path}={value}")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_is_called_as_its_file() {
        for topic in Topic::EACH {
            let word = topic.to_possible_value().unwrap();
            assert_eq!(word.get_name(), topic.name());
            assert!(!topic.title().is_empty());
        }
        assert_eq!(Topic::value_variants().len(), Topic::EACH.len() + 1, "and `all`");
    }

    #[test]
    fn cells_are_read_line_by_line() {
        let dir = tempfile::tempdir().unwrap();
        assert!(cells(dir.path()).is_err());
        fs::write(dir.path().join("cells.jsonl"), "{\"seed\":0}\n{\"seed\":1}\n").unwrap();
        assert_eq!(cells(dir.path()).unwrap()[1]["seed"], 1);
    }
}
