//! The commands, one file each.

mod audit;
mod check;
mod compare;
mod compute;
pub(crate) mod data;
mod list;
mod plan;
mod poison;
mod report;
mod run;
mod schema;
mod show;
mod status;
mod store;
mod task;
mod updates;
mod verify;

use aconite_grid::{Experiment, Schema};
use anyhow::Result;
use clap::CommandFactory;

use crate::cli::{Cli, Command, Selection};
use crate::{Exit, families, worker};

pub(crate) fn dispatch(cli: Cli) -> Result<Exit> {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Check { experiments } => check::check(&experiments),
        Command::Report { dir } => report::report(&dir),
        Command::Status { dir, json, cancel } => status::status(&dir, json, cancel),
        Command::Verify { what, json } => verify::verify(&what, json),
        Command::Compare { first, second, metric, json } => compare::compare(&first, &second, &metric, json),
        Command::List { family, json } => list::list(family.as_deref(), json),
        Command::Show { kind, json } => show::show(&kind, json),
        Command::Audit(args) => audit::audit(&args),
        Command::Poison(args) => poison::poison(&args),
        Command::Aggregate(args) => updates::aggregate(&args),
        Command::Craft(args) => updates::craft(&args),
        Command::Data(args) => data::data(&args),
        Command::Store(args) => store::store(&args),
        Command::Schema => schema::schema(),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "aconite", &mut std::io::stdout());
            Ok(Exit::Done)
        }
        Command::Task { probe, folder, array, retries } => task::task(probe, folder, array, retries),
        Command::Worker { store } => worker::serve(store).map(|()| Exit::Done),
    }
}

/// Reads the experiment of a selection, whole and cut down to what was asked for.
fn select(selection: &Selection, schema: &Schema) -> Result<(Experiment, Experiment)> {
    let whole = Experiment::read(&selection.experiment, schema, &selection.set)?;
    let mut part = whole.clone();
    part.keep_only(&selection.only)?;
    Ok((whole, part))
}

/// Prints a line to standard output; a reader that has gone away (`| head`) is no error.
fn say(line: &str) -> Result<()> {
    use std::io::Write;
    match writeln!(std::io::stdout(), "{line}") {
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// The registry as sections.
fn registry() -> Schema {
    families::schema()
}
