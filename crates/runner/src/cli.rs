//! The command line.

use std::path::PathBuf;

use aconite_grid::Override;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::commands::data::Data;
use crate::system::Memory;

/// A research simulator of training-time poisoning: it poisons a training set on purpose, trains the victim,
/// defends it, and measures what the attack got and what the defense cost.
#[derive(Debug, Parser)]
#[command(name = "aconite", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run an experiment's grid and draw its report
    Run(Run),
    /// Show cells, unique stages and what is already there
    Plan(Plan),
    /// Parse and validate experiments, build every cell, run nothing
    Check {
        /// Experiment files
        #[arg(required = true)]
        experiments: Vec<PathBuf>,
    },
    /// Redraw figures, tables and report.html from results
    Report {
        /// A results folder
        dir: PathBuf,
    },
    /// Say how far an experiment is, also while a cluster computes it
    Status {
        /// A results folder
        dir: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Cancel its jobs
        #[arg(long)]
        cancel: bool,
    },
    /// Check every claim of an experiment against its results
    Verify {
        /// A results folder, or an experiment whose results lie in results/NAME
        what: PathBuf,
        /// One JSON object per claim
        #[arg(long)]
        json: bool,
    },
    /// Compare two results: paired differences with intervals, and a verdict in words
    Compare {
        /// A results folder
        first: PathBuf,
        /// Another
        second: PathBuf,
        /// Compare this metric [default: clean_accuracy and attack_success]; may be repeated
        #[arg(long, value_name = "NAME")]
        metric: Vec<String>,
        /// One JSON object per difference
        #[arg(long)]
        json: bool,
    },
    /// List the kinds of every family, or of one
    List {
        /// dataset, victim, attack, defense, train.optimizer, train.schedule (plurals will do)
        family: Option<String>,
        /// One JSON object per kind
        #[arg(long)]
        json: bool,
    },
    /// Show a kind: paper, equation, settings
    Show {
        /// Name of a kind or section
        kind: String,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Export the poisoned set of a cell
    Poison(Poison),
    /// Score the rows of your own data with a filter, the most suspicious first
    Audit(Audit),
    /// Run a federation's rule on a matrix of updates
    Aggregate(Aggregate),
    /// Run an attack on updates on a matrix of honest ones
    Craft(Craft),
    /// Find, fetch and check data sets
    #[command(subcommand)]
    Data(Data),
    /// Look at the store of finished stages, or clean it up
    #[command(subcommand)]
    Store(Store),
    /// Print the JSON schema of an experiment file
    Schema,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Compute stages for a scheduler (internal)
    #[command(hide = true)]
    Worker {
        /// The store
        store: PathBuf,
    },
    /// Compute a task of a job array (internal)
    #[command(hide = true)]
    Task {
        /// Say what this node is and compute nothing
        #[arg(long)]
        probe: bool,
        /// The submission
        #[arg(required_unless_present = "probe")]
        folder: Option<PathBuf>,
        /// The array
        #[arg(default_value_t = 0)]
        array: usize,
        /// How often it may be started again
        #[arg(long, default_value_t = 0)]
        retries: usize,
    },
}

/// Which part of an experiment, and with which changes.
#[derive(Debug, Clone, Args)]
pub(crate) struct Selection {
    /// The experiment
    pub(crate) experiment: PathBuf,
    /// Keep only the cells with this setting, e.g. attack.kind=badnets or seed=0; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) only: Vec<Override>,
    /// Change a setting, e.g. train.epochs=1; replaces an axis of that path; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) set: Vec<Override>,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Worker processes [default: cores ÷ threads per worker]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Memory that stages running at once may need together, e.g. 8GB, 500MB or 50% [default: 80%]
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<Memory>,
    /// Where stages run [default: what the site file says, else local]
    #[arg(long, value_enum)]
    pub(crate) executor: Option<Where>,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    /// The results folder [default: results/NAME, after the experiment's file]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Compute every stage again, whatever the store holds
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Print one JSON object per event to standard output instead of progress and the closing table
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where stages run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Where {
    /// In worker processes on this machine.
    Local,
    /// As job arrays on a Slurm cluster.
    Slurm,
}

/// How a cluster is used; none of it changes what is computed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "On a cluster")]
pub(crate) struct Cluster {
    /// A site file, which has a table `executor` [default: $ACONITE_SITE]
    #[arg(long, value_name = "FILE")]
    pub(crate) site: Option<PathBuf>,
    /// Stay and show progress until all is over, instead of leaving once all is in the queue
    #[arg(long)]
    pub(crate) wait: bool,
    /// The partition
    #[arg(long, value_name = "NAME")]
    pub(crate) partition: Option<String>,
    /// Time limit of a task, e.g. 2:00:00
    #[arg(long, value_name = "TIME")]
    pub(crate) time: Option<String>,
    /// Generic resources of every task, e.g. gpu:1
    #[arg(long, value_name = "LIST")]
    pub(crate) gres: Option<String>,
    /// Tasks of an array that may run at once
    #[arg(long, value_name = "N")]
    pub(crate) array_limit: Option<u32>,
    /// Pack small stages until a task takes at least this long [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) task_seconds: Option<f64>,
    /// How often a task is started again when its node fails or it is preempted [default: 3]
    #[arg(long, value_name = "N")]
    pub(crate) retries: Option<u32>,
    /// A further option of sbatch, e.g. --sbatch=--account=staff; may be repeated
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    pub(crate) sbatch: Vec<String>,
}

impl Cluster {
    /// The first option that was given and means nothing on one machine.
    pub(crate) fn first(&self) -> Option<&'static str> {
        let given = [
            ("--wait", self.wait),
            ("--partition", self.partition.is_some()),
            ("--time", self.time.is_some()),
            ("--gres", self.gres.is_some()),
            ("--array-limit", self.array_limit.is_some()),
            ("--task-seconds", self.task_seconds.is_some()),
            ("--retries", self.retries.is_some()),
            ("--sbatch", !self.sbatch.is_empty()),
        ];
        given.into_iter().find_map(|(name, is_given)| is_given.then_some(name))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Poison {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// The folder to make; a folder per poisoned set below it if there are several
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// How it is written
    #[arg(long, value_enum, default_value_t = ExportFormat::Safetensors)]
    pub(crate) format: ExportFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Aggregate {
    /// The rule
    #[arg(long, value_name = "KIND")]
    pub(crate) rule: String,
    /// Change its settings, e.g. f=3
    #[arg(long, value_name = "KEY=VALUE", num_args = 1..)]
    pub(crate) set: Vec<Override>,
    /// A safetensors file with `updates` (f32, clients × parameters); `global` and `root` (f32, parameters) for
    /// rules that look at them
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// The file to write: `aggregate` (f32, parameters) and, where the rule weighs clients, `weights` (f64, clients)
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Seed of rules that draw
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Craft {
    /// The attack
    #[arg(long, value_name = "KIND")]
    pub(crate) attack: String,
    /// Clients in all and malicious ones, and changes of the attack's settings, e.g. n=15 m=3
    #[arg(long, value_name = "KEY=VALUE", num_args = 1..)]
    pub(crate) set: Vec<Override>,
    /// A safetensors file with `updates`: those of the n − m honest clients (f32, clients × parameters); `own` (m ×
    /// parameters), `global` and `last` (parameters) for attacks that look at them
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// The file to write: `malicious` (f32, m × parameters)
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Seed of attacks that draw
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    /// The data: an export of `aconite poison`, a folder of images or messages, or a file
    #[arg(long, value_name = "PATH", required_unless_present = "features")]
    pub(crate) data: Option<PathBuf>,
    /// How the data are read [default: by what lies at the path]
    #[arg(long, value_name = "KIND")]
    pub(crate) dataset: Option<String>,
    /// The filter that scores the rows
    #[arg(long, value_name = "KIND")]
    pub(crate) defense: String,
    /// What is trained to look at the data with [default: small_cnn for images, mlp for tables]
    #[arg(long, value_name = "KIND")]
    pub(crate) victim: Option<String>,
    /// Features of a model of yours instead of training one: a safetensors file with `features` (f32 N×D) and
    /// `labels` (i64 N)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["data", "dataset", "victim"])]
    pub(crate) features: Option<PathBuf>,
    /// Share of all rows that you fear is poisoned, all of it in one class; only told to filters that ask
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    pub(crate) poison_rate: f64,
    /// The class that you suspect; only told to filters that ask
    #[arg(long, value_name = "CLASS")]
    pub(crate) target_class: Option<u32>,
    /// Change a setting, e.g. train.epochs=8 or defense.multiplier=1; may be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    pub(crate) set: Vec<Override>,
    /// The folder for scores.csv, sheet.png and report.md
    #[arg(long, value_name = "DIR", default_value = "audit")]
    pub(crate) out: PathBuf,
}

/// How a poisoned set is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// train.safetensors, test.safetensors, triggered.safetensors; read back by the data set `exported`
    Safetensors,
    /// train.npz and so on, for NumPy
    Npz,
    /// Class folders of PNG files with train.csv and so on
    ImageFolder,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Worker processes to estimate the time for [default: as `run`]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Memory budget to estimate the time for [default: as `run`]
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory: Option<Memory>,
    /// As JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Store {
    /// Where it is, how many stages it holds and how large they are
    Info {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove stages that no results need any more; at least one rule must be given
    Gc {
        /// Remove stages older than this many days
        #[arg(long, value_name = "DAYS")]
        older_than: Option<f64>,
        /// Remove the oldest stages until the store is at most this large
        #[arg(long, value_name = "MB")]
        shrink_to: Option<f64>,
        /// Remove stages that none of these experiments has
        #[arg(long, value_name = "EXPERIMENT.toml", num_args = 1..)]
        keep_only: Vec<PathBuf>,
        /// Say what would be removed and remove nothing
        #[arg(long)]
        dry_run: bool,
    },
}
