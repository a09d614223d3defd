//! The program `aconite`.

mod attacks;
mod cli;
mod commands;
mod defenses;
mod executor;
mod families;
mod federated;
mod outcome;
mod prepare;
mod progress;
mod results;
mod scheduler;
mod stages;
mod streams;
mod system;
mod tensors;
mod worker;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match commands::dispatch(cli::Cli::parse()) {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("error: {error:#}");
            // What the user gave is wrong (2), or something went wrong on the way (1).
            if error.is::<aconite_grid::Error>() { Exit::Usage.into() } else { Exit::Failed.into() }
        }
    }
}

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is done.
    Done,
    /// A cell failed or a claim was missed.
    Failed,
    /// Wrong usage or input.
    Usage,
    /// Interrupted; what was finished is kept.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Interrupted => 130,
        })
    }
}
