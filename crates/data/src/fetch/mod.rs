//! Fetching data sets from where they are published.
//!
//! A set appears in one step, when all its files have arrived, are what was published, are unpacked, and load.
//! Until then everything lies in `.fetching-<kind>` beside it, where the next attempt finds what had arrived.

mod catalogue;
mod check;
mod download;
mod http;
mod place;
#[cfg(test)]
mod server;
#[cfg(test)]
mod testing;
mod unpack;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aconite_core::{Error, Result};

use crate::Places;
use place::Staging;

pub use catalogue::{Archive, Check, Format, Hashes, RECIPES, Recipe, Remote, Size, Use, recipe};

/// When to stop waiting for a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until there is a connection.
    pub connect: Duration,
    /// While nothing arrives.
    pub stall: Duration,
    /// Before the first retry; twice that before the next.
    pub pause: Duration,
    /// Retries of each address.
    pub retries: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self::stall(Duration::from_secs(30))
    }
}

impl Patience {
    /// With this long a wait while nothing arrives, and the others to match.
    pub fn stall(stall: Duration) -> Self {
        Self { connect: stall.min(Duration::from_secs(10)), stall, pause: stall / 30, retries: 3 }
    }
}

/// What happens while a set is fetched.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// Bytes of a file begin to arrive.
    Start {
        /// From where.
        url: &'a str,
        /// Bytes that were there from an earlier attempt.
        have: u64,
        /// Bytes of the whole file, if known.
        whole: Option<u64>,
    },
    /// So many bytes of the file are there.
    Bytes(u64),
    /// An attempt failed and is repeated.
    Again {
        /// Why it failed.
        why: &'a str,
        /// Wait before the repetition.
        pause: Duration,
    },
    /// A file arrived earlier.
    Kept(&'a str),
    /// An archive is unpacked.
    Unpack(&'a str),
    /// The set is loaded to see that it is whole.
    Load,
    /// Something that stood in the way was moved here.
    Aside(&'a Path),
}

/// A set to fetch.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// What.
    pub recipe: &'a Recipe,
    /// The folder that the set's folder is to lie in.
    pub place: &'a Path,
    /// An address that holds the files by their names, instead of the published ones.
    pub mirror: Option<&'a str>,
    /// How long to wait.
    pub patience: Patience,
}

/// Fetches a set and returns its folder. `load` reads it from a place that is not yet the right one.
///
/// # Errors
/// It cannot be fetched, or what arrived is not the set. Nothing has changed then under the set's own name.
pub fn fetch(
    order: &Order<'_>,
    load: &dyn Fn(&Places) -> Result<()>,
    report: &mut dyn FnMut(Event<'_>),
) -> Result<PathBuf> {
    let recipe = order.recipe;
    run(order, load, report).map_err(|why| {
        Error::new(format!("failed to fetch {}: {why}", recipe.kind))
            .hint(recipe.by_hand(&order.place.display().to_string()))
    })
}

fn run(
    order: &Order<'_>,
    load: &dyn Fn(&Places) -> Result<()>,
    report: &mut dyn FnMut(Event<'_>),
) -> Result<PathBuf, String> {
    let recipe = order.recipe;
    if recipe.files.is_empty() {
        return Err("its publisher asks for a form first".into());
    }
    if let Some(mirror) = order.mirror
        && !mirror.starts_with("http://")
        && !mirror.starts_with("https://")
    {
        return Err(format!("{mirror:?} is no address, expected http://… or https://…"));
    }
    let staging = Staging::enter(order.place, recipe)?;
    let client = http::Client::new(order.patience);
    for file in recipe.files {
        let target = staging.downloads().join(file.name);
        if target.exists() {
            report(Event::Kept(file.name));
            continue;
        }
        let urls: Vec<String> = match order.mirror {
            Some(mirror) => vec![format!("{}/{}", mirror.trim_end_matches('/'), file.name)],
            None => file.bases.iter().map(|base| format!("{base}{}", file.name)).collect(),
        };
        let patience = order.patience;
        download::Download { file, target: &target, client: &client, patience, report: &mut *report }
            .run(&urls)?;
    }
    let set = staging.empty_set()?;
    for file in recipe.files {
        let source = staging.downloads().join(file.name);
        match file.use_as {
            Use::Keep => {
                // Linked or copied and not moved: if another file is wrong, this one need not come again.
                let target = set.join(file.name);
                fs::hard_link(&source, &target)
                    .or_else(|_| fs::copy(&source, &target).map(|_| ()))
                    .map_err(|e| format!("{}: {e}", target.display()))?;
            }
            Use::Unpack(archive) => {
                report(Event::Unpack(file.name));
                if let Err(why) = unpack::unpack(&source, archive, &set) {
                    // If nothing else vouches for it, it must not be what the next attempt starts from.
                    if file.check == Check::Unknown {
                        let _ = fs::remove_file(&source);
                    }
                    return Err(format!("{} cannot be unpacked: {why}", file.name));
                }
            }
        }
    }
    if recipe.then.is_none() {
        report(Event::Load);
        if let Err(error) = load(&staging.place()) {
            staging.discard();
            return Err(format!("what arrived is not the data set: {}", error.message));
        }
    }
    staging.publish(report)
}

#[cfg(test)]
mod tests;
