//! `aconite data verify`.

use aconite_data::Places;
use anyhow::Result;
use serde_json::json;

use super::{Set, State, set, sets};
use crate::Exit;
use crate::commands::say;

/// What came of a data set.
enum Verdict {
    Whole(String),
    Damaged(String),
    Absent(String),
}

/// Reads data sets whole. Those that are asked for by name must be there.
pub(super) fn verify(places: &Places, names: &[String], as_json: bool) -> Result<Exit> {
    let wanted: Vec<Set> = match names {
        [] => sets()?.into_iter().filter(|set| begun(set, places)).collect(),
        names => names.iter().map(|name| set(name)).collect::<Result<_>>()?,
    };
    let width = wanted.iter().map(|set| set.kind.len()).max().unwrap_or(0);
    let mut exit = Exit::Done;
    for set in &wanted {
        let verdict = judge(set, places, names.is_empty());
        let (word, about) = match &verdict {
            Verdict::Whole(place) => ("ok", place),
            Verdict::Damaged(why) => ("damaged", why),
            Verdict::Absent(why) => ("not here", why),
        };
        exit = match (&verdict, exit) {
            (Verdict::Damaged(_), _) | (_, Exit::Failed) => Exit::Failed,
            (Verdict::Absent(_), _) => Exit::Usage,
            (Verdict::Whole(_), exit) => exit,
        };
        match as_json {
            true => say(&json!({ "kind": set.kind, "verdict": word, "about": about }).to_string())?,
            false => say(&format!("{:width$}  {word:8}  {about}", set.kind))?,
        }
    }
    Ok(exit)
}

/// Whether it is here, or at least a part of it.
fn begun(set: &Set, places: &Places) -> bool {
    let folder = |recipe: &aconite_data::fetch::Recipe| {
        places.0.iter().any(|place| place.join(recipe.folder).exists())
    };
    match set.state(places) {
        State::Inside | State::Here(_) => true,
        State::Missing(_) => set.recipe.is_some_and(folder),
        State::Own => false,
    }
}

fn judge(set: &Set, places: &Places, partly_is_damaged: bool) -> Verdict {
    let place = match set.state(places) {
        State::Inside => "in the program".to_owned(),
        State::Here(folder) => folder.display().to_string(),
        State::Missing(error) if partly_is_damaged => return Verdict::Damaged(error.message),
        State::Missing(error) => return Verdict::Absent(error.to_string()),
        State::Own => {
            return Verdict::Absent("it reads your own files: `aconite check` an experiment".into());
        }
    };
    match set.source.load(places) {
        Ok(_) => Verdict::Whole(place),
        Err(error) => {
            let fetched = set.recipe.is_some_and(|recipe| !recipe.files.is_empty());
            let cure = match fetched {
                true => format!("; `aconite data fetch --fresh {}` puts it right", set.kind),
                false => String::new(),
            };
            Verdict::Damaged(error.message + &cure)
        }
    }
}
