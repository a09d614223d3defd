//! `aconite data`: what data sets there are, where they lie, and how they get there.

mod fetch;
mod list;
mod path;
mod shown;
mod verify;

use std::path::{Path, PathBuf};

use aconite_data::fetch::{Recipe, recipe};
use aconite_data::{DATASETS, Places, Source};
use aconite_grid::{Error, nearest};
use anyhow::Result;
use clap::{Args, Subcommand};

use crate::{Exit, families};

#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// List data sets: what they are, how large, under which licence, where they lie or how to get them
    List {
        /// One JSON object per data set
        #[arg(long)]
        json: bool,
    },
    /// Download data sets from where they are published
    Fetch(Fetch),
    /// Read data sets whole and check them against what was published
    Verify {
        /// Data sets [default: all that are on this machine]
        names: Vec<String>,
        /// One JSON object per data set
        #[arg(long)]
        json: bool,
    },
    /// Print the folder of a data set
    Path {
        /// A data set
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Fetch {
    /// Data sets
    #[arg(required = true)]
    names: Vec<String>,
    /// The folder that holds data sets [default: $ACONITE_DATA, else the user's cache]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// Take the files, by their published names, from this address; for one data set
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// Give up when nothing arrives for so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    stall: f64,
    /// Fetch what is already there, too
    #[arg(long)]
    fresh: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("expected seconds from 0.01 to 86400".into()),
    }
}

pub(crate) fn data(command: &Data) -> Result<Exit> {
    let places = Places::from_env();
    match command {
        Data::List { json } => list::list(&places, *json),
        Data::Fetch(args) => fetch::fetch(&places, args),
        Data::Verify { names, json } => verify::verify(&places, names, *json),
        Data::Path { name } => path::path(&places, name),
    }
}

/// A kind of data set under its defaults.
struct Set {
    kind: &'static str,
    about: String,
    source: Box<dyn Source>,
    recipe: Option<&'static Recipe>,
}

/// Where a data set is.
enum State {
    /// In the program.
    Inside,
    /// In this folder.
    Here(PathBuf),
    /// Not on this machine, or not all of it.
    Missing(Error),
    /// It is whatever the user has: there is no one place.
    Own,
}

impl Set {
    fn state(&self, places: &Places) -> State {
        match self.source.found(places) {
            Ok(None) => State::Inside,
            Ok(Some(folder)) => State::Here(folder),
            Err(_) if self.recipe.is_none() => State::Own,
            Err(error) => State::Missing(told(error)),
        }
    }
}

/// All data sets.
fn sets() -> Result<Vec<Set>> {
    DATASETS
        .iter()
        .map(|entry| {
            let source = families::source(&entry.spec.defaults()).map_err(told)?;
            let kind = entry.spec.kind;
            Ok(Set { kind, about: entry.spec.about(), source, recipe: recipe(kind) })
        })
        .collect()
}

/// The data set that goes by this name.
fn set(name: &str) -> Result<Set> {
    let entry = DATASETS.iter().find(|entry| entry.spec.kind == name || entry.spec.aliases.contains(&name));
    let kind = entry.map(|entry| entry.spec.kind);
    match sets()?.into_iter().find(|set| Some(set.kind) == kind) {
        Some(set) => Ok(set),
        None => Err(Error::new(format!("unknown data set {name:?}"))
            .maybe_hint(nearest(name, DATASETS.iter().map(|entry| entry.spec.kind)))
            .into()),
    }
}

fn told(error: aconite_core::Error) -> Error {
    Error::new(error.message).maybe_hint(error.hint)
}

/// The place that `fetch` puts data sets into: the first that is searched and is the user's.
fn home(places: &Places) -> Result<&Path> {
    // The last one belongs to the system's packages.
    match places.0.iter().find(|place| !place.starts_with("/usr/share")) {
        Some(place) => Ok(place),
        None => Err(Error::new("neither ACONITE_DATA nor HOME is set")
            .hint("say where data sets are to lie: --to DIR, or ACONITE_DATA")
            .into()),
    }
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}
