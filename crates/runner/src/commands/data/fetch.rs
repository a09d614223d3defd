//! `aconite data fetch`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aconite_data::Places;
use aconite_data::fetch::{Order, Patience, Recipe, fetch as download};
use aconite_grid::Error;
use anyhow::Result;

use super::shown::Shown;
use super::{Fetch, Set, State, home, set, told};
use crate::Exit;
use crate::commands::say;

/// Fetches data sets, one after the other. One that fails does not stop the others.
pub(super) fn fetch(places: &Places, args: &Fetch) -> Result<Exit> {
    if args.from.is_some() && args.names.len() > 1 {
        return Err(Error::new("--from is the address of one data set")
            .hint("files of different sets have the same names: fetch them one by one")
            .into());
    }
    let place = match &args.to {
        // Absolute, so that what is printed can be used anywhere.
        Some(dir) => std::path::absolute(dir)?,
        None => home(places)?.to_owned(),
    };
    let sets = args.names.iter().map(|name| set(name)).collect::<Result<Vec<Set>>>()?;
    let mut exit = Exit::Done;
    for set in &sets {
        // With --to it is asked for there, wherever else it may be.
        let searched = args.to.as_ref().map_or(places.clone(), |_| Places(vec![place.clone()]));
        match one(set, &searched, &place, args) {
            Ok(folder) => {
                say(&format!("{} {}", set.kind, folder.display()))?;
                advise(set, places, &place, &folder);
            }
            Err(Problem::Nothing(why)) => eprintln!("{why}"),
            Err(Problem::Failed(error)) => {
                eprintln!("error: {error}");
                exit = Exit::Usage;
            }
        }
    }
    Ok(exit)
}

enum Problem {
    /// There is nothing to be fetched, and nothing wrong.
    Nothing(String),
    Failed(Error),
}

fn one(set: &Set, searched: &Places, place: &Path, args: &Fetch) -> Result<PathBuf, Problem> {
    let kind = set.kind;
    let Some(recipe) = set.recipe else {
        return Err(match set.state(searched) {
            State::Inside => Problem::Nothing(format!("{kind} is part of the program: nothing to fetch")),
            _ => Problem::Failed(
                Error::new(format!("{kind} reads your own files and is published nowhere"))
                    .hint(format!("aconite show {kind}")),
            ),
        });
    };
    if !args.fresh {
        if let State::Here(folder) = set.state(searched) {
            eprintln!("{kind} is already there; --fresh fetches it all the same");
            return Ok(folder);
        }
        if let Some(folder) = waiting(recipe, place) {
            return Ok(folder);
        }
    }
    let patience = Patience::stall(Duration::from_secs_f64(args.stall));
    let order = Order { recipe, place, mirror: args.from.as_deref(), patience };
    let mut shown = Shown::new(kind);
    let load = |places: &Places| set.source.load(places).map(|_| ());
    let fetched = download(&order, &load, &mut |event| shown.event(event));
    shown.end();
    fetched.map_err(|error| Problem::Failed(told(error)))
}

/// The folder of a set whose files are there and only need what comes after fetching.
fn waiting(recipe: &Recipe, place: &Path) -> Option<PathBuf> {
    let folder = place.join(recipe.folder);
    let there = recipe.then.is_some() && recipe.files.iter().all(|file| folder.join(file.name).is_file());
    there.then_some(folder)
}

/// Says what is left to do before an experiment finds the set.
fn advise(set: &Set, places: &Places, place: &Path, folder: &Path) {
    let found = match set.state(places) {
        State::Here(found) => Some(found),
        _ => None,
    };
    if let Some(then) = set.recipe.and_then(|recipe| recipe.then).filter(|_| found.is_none()) {
        eprintln!("next: {then}");
    }
    if !places.0.iter().any(|searched| searched == place) && !folder.starts_with("/usr/share") {
        eprintln!("next: set ACONITE_DATA={} so that experiments find it", place.display());
    } else if let Some(found) = found.filter(|found| found != folder) {
        eprintln!("note: experiments read {} before that", found.display());
    }
}
