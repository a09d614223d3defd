//! `aconite data list`.

use aconite_data::Places;
use anyhow::Result;
use serde_json::json;

use super::{Set, State, home, sets, size};
use crate::Exit;
use crate::commands::say;

/// Lists all data sets.
pub(super) fn list(places: &Places, as_json: bool) -> Result<Exit> {
    let sets = sets()?;
    let width = sets.iter().map(|set| set.kind.len()).max().unwrap_or(0);
    for set in &sets {
        let row = Row::of(set, places);
        if as_json {
            say(&row.json(set))?;
            continue;
        }
        let size = row.bytes.map(size).unwrap_or_default();
        say(&format!("{:width$}  {size:>8}  {}", set.kind, row.place))?;
        say(&format!("{:width$}            {} · {}", "", set.about, set.source.licence()))?;
    }
    Ok(Exit::Done)
}

struct Row {
    /// For programs.
    state: &'static str,
    /// For people: where it is, or how to get it.
    place: String,
    path: Option<String>,
    hint: Option<String>,
    bytes: Option<u64>,
}

impl Row {
    fn of(set: &Set, places: &Places) -> Self {
        let bytes = set.recipe.map(|recipe| recipe.bytes()).filter(|&bytes| bytes > 0);
        let row = |state, place| Self { state, place, path: None, hint: None, bytes };
        match (set.state(places), set.recipe) {
            (State::Inside, _) => row("embedded", "in the program".into()),
            (State::Here(folder), _) => {
                let path = folder.display().to_string();
                Self { path: Some(path.clone()), ..row("here", path) }
            }
            (State::Missing(_), Some(recipe)) => {
                let place = home(places).map_or("DIR".into(), |place| place.display().to_string());
                let hint = Some(recipe.by_hand(&place));
                match recipe.files.is_empty() {
                    true => {
                        Self { hint, ..row("by_hand", format!("not here; by hand from {}", recipe.page)) }
                    }
                    false => {
                        let fetch = format!("not here; aconite data fetch {}", set.kind);
                        Self { hint, ..row("fetchable", fetch) }
                    }
                }
            }
            (State::Missing(_) | State::Own, _) => {
                row("own", format!("your own files; aconite show {}", set.kind))
            }
        }
    }

    fn json(&self, set: &Set) -> String {
        json!({
            "kind": set.kind, "about": set.about, "licence": set.source.licence(), "state": self.state,
            "path": self.path, "bytes": self.bytes, "hint": self.hint,
            "hashes": set.recipe.map(|recipe| recipe.hashes.name()),
            "page": set.recipe.map(|recipe| recipe.page),
        })
        .to_string()
    }
}
