//! `cargo xtask`: what a fresh clone needs before, around and after the programs of the workspace.
//!
//! It finds or fetches libtorch, builds and starts `aconite`, runs the tests and the gate. It must
//! compile quickly and without libtorch, because it is the first thing a new user runs.

mod bench;
mod cargo;
mod gate;
mod hygiene;
mod libtorch;
mod progress;
mod suite;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::cargo::Workspace;
use crate::libtorch::{NoLibtorch, Setup, Variables};

/// Set-up, build, tests and gate of the Aconite workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Find or fetch libtorch and check that it loads
    ///
    /// Sources, in this order: the folder in LIBTORCH; the torch of the machine's Python when
    /// LIBTORCH_USE_PYTORCH is set; `.libtorch/` in the workspace; the official CPU archive
    /// (ACONITE_LIBTORCH_URL names a mirror of it, or a file:// address); the wheel through
    /// `python3 -m pip download`. A folder of yours is linked as `.libtorch`, never copied.
    Setup,
    /// Set up, build `aconite` and print where it is
    Build,
    /// Set up, build `aconite` and run an experiment
    Run {
        /// What `aconite run` is given: EXPERIMENT.toml and its options
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        args: Vec<OsString>,
    },
    /// Set up and run the tests, then the examples in the documentation
    ///
    /// Uses cargo-nextest if it is installed, `cargo test` otherwise. With ARGS, which go to the
    /// test runner (filters, `-p CRATE` …), the documentation examples are left out.
    Test {
        /// What the test runner is given
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        args: Vec<OsString>,
    },
    /// Measure Aconite against PyTorch and IBM ART, and what it costs by itself
    ///
    /// Needs Python 3 with venv and pip for the peers, whose PyTorch is fetched once (some gigabytes),
    /// and the IDX files of Fashion-MNIST. Prints tables; the figures go to results/bench/. Ctrl-C
    /// loses only the topic that is being measured.
    Bench(bench::Options),
    /// Kill runners and workers at random, many times, and compare what comes out
    ///
    /// The long form of a test of the suite, which kills 50 times.
    Soak {
        /// How often
        #[arg(long, value_name = "N", default_value_t = 500)]
        kills: u32,
    },
    /// The gate: formatting, hygiene, lints, documentation, tests; stops at the first failure
    Check {
        /// Leave the tests out
        #[arg(long)]
        fast: bool,
    },
    /// Format every Rust file
    Fmt,
    /// Load a shared library and exit: a crash then ends this process, not set-up
    #[command(name = libtorch::LOAD_COMMAND, hide = true)]
    LoadLibrary { library: PathBuf },
}

fn main() -> ExitCode {
    match perform(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            // An environment that offers no libtorch is wrong input; everything else went wrong here.
            ExitCode::from(if error.is::<NoLibtorch>() { 2 } else { 1 })
        }
    }
}

fn perform(task: Task) -> Result<()> {
    let root = root()?;
    match task {
        Task::LoadLibrary { library } => libtorch::load_here(&library),
        Task::Setup => {
            let start = Instant::now();
            let ready = prepare(&root)?;
            eprintln!(
                "libtorch {} is ready in {} (from {}; took {:.1?})",
                libtorch::VERSION,
                root.join(libtorch::FOLDER).display(),
                ready.source,
                start.elapsed()
            );
            Ok(())
        }
        Task::Build => {
            let binary = workspace(root)?.build_aconite()?;
            println!("{}", binary.display());
            Ok(())
        }
        Task::Run { args } => {
            let workspace = workspace(root)?;
            let binary = workspace.build_aconite()?;
            workspace.become_program(&binary, &args)
        }
        Task::Test { args } => suite::run(&workspace(root)?, &args),
        Task::Soak { kills } => suite::soak(&workspace(root)?, kills),
        Task::Bench(options) => bench::run(&workspace(root)?, &options),
        Task::Fmt => gate::format(&root),
        Task::Check { fast } => gate::run(&root, fast, &|| workspace(root.clone())),
    }
}

fn prepare(root: &Path) -> Result<libtorch::Ready> {
    let executable = std::env::current_exe().context("failed to find the path of xtask itself")?;
    Setup::new(root, &executable, Variables::of_process(root)).run()
}

fn workspace(root: PathBuf) -> Result<Workspace> {
    let ready = prepare(&root)?;
    Ok(Workspace::new(root, ready.keep))
}

/// The workspace is the one whose xtask was asked for. `cargo run` says which that is; a path fixed
/// at compile time would be wrong when two checkouts share a target directory.
fn root() -> Result<PathBuf> {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let root = manifest
        .ancestors()
        .nth(2)
        .with_context(|| format!("no workspace two folders above {}", manifest.display()))?;
    Ok(root.to_path_buf())
}
