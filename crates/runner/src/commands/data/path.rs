//! `aconite data path`.

use aconite_data::Places;
use aconite_grid::Error;
use anyhow::Result;

use super::{State, set};
use crate::Exit;
use crate::commands::say;

/// Prints a data set's folder.
pub(super) fn path(places: &Places, name: &str) -> Result<Exit> {
    let set = set(name)?;
    let kind = set.kind;
    match set.state(places) {
        State::Here(folder) => say(&folder.display().to_string()).map(|()| Exit::Done),
        State::Missing(error) => Err(error.into()),
        State::Inside => Err(Error::new(format!("{kind} is part of the program and has no folder")).into()),
        State::Own => Err(Error::new(format!("{kind} reads your own files and has no folder of its own"))
            .hint(format!("aconite show {kind}"))
            .into()),
    }
}
