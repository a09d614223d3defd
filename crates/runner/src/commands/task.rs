//! `aconite task`: what a cluster's node runs.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{run, say};
use crate::Exit;
use crate::executor::slurm::{probe, task};

/// Computes a task, or says what this node is.
pub(crate) fn task(ask: bool, folder: Option<PathBuf>, array: usize, retries: usize) -> Result<Exit> {
    if ask {
        say(&serde_json::to_string(&probe::Answer::here())?)?;
        return Ok(Exit::Done);
    }
    // Slurm says a while before that time is up or that somebody cancelled: then claims are given up in order.
    let interrupted = run::on_interrupt()?;
    task::serve(folder.context("no submission")?, array, retries, &interrupted)
}
