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
        State::Missing(error) => Err(to_fetch(error, &set).into()),
        State::Inside => Err(Error::new(format!("{kind} is part of the program and has no folder")).into()),
        State::Own => Err(Error::new(format!("{kind} reads your own files and has no folder of its own"))
            .hint(format!("aconite show {kind}"))
            .into()),
    }
}

/// Adds that the set can be fetched.
pub(super) fn to_fetch(error: Error, set: &super::Set) -> Error {
    let hint = error.hint.clone().unwrap_or_default();
    match set.recipe {
        Some(recipe) if !recipe.files.is_empty() => {
            error.hint(format!("aconite data fetch {}; or {hint}", set.kind))
        }
        _ => error,
    }
}
