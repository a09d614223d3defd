//! `aconite store`.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use aconite_grid::{Error, Experiment};
use aconite_plan::{Kept, Key, Store};
use anyhow::Result;
use serde_json::json;

use super::{run, say};
use crate::{Exit, cli, prepare};

/// Looks at the store or cleans it up.
pub(crate) fn store(args: &cli::Store) -> Result<Exit> {
    let store = run::store()?;
    match args {
        cli::Store::Info { json } => info(&store, *json),
        cli::Store::Gc { older_than, shrink_to, keep_only, dry_run } => {
            let rules = Rules { older_than: *older_than, shrink_to: *shrink_to, keep: keep(keep_only)? };
            gc(&store, &rules, *dry_run)
        }
    }
}

const MB: f64 = 1e6;

fn info(store: &Store, as_json: bool) -> Result<Exit> {
    let kept = store.list()?;
    let mut by_name: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    let mut damaged = 0;
    for entry in &kept {
        match store.get(&entry.key) {
            Ok(Some(found)) => {
                let sum = by_name.entry(found.manifest.name.as_str()).or_default();
                *sum = (sum.0 + 1, sum.1 + entry.bytes as f64 / MB);
            }
            Ok(None) => {}
            Err(_) => damaged += 1,
        }
    }
    let total: f64 = kept.iter().map(|k| k.bytes as f64 / MB).sum();
    if as_json {
        let stages: BTreeMap<_, _> =
            by_name.iter().map(|(name, (n, mb))| (*name, json!({ "stages": n, "mb": mb }))).collect();
        say(&json!({ "root": store.root(), "stages": kept.len(), "mb": total, "damaged": damaged, "by_name": stages })
            .to_string())?;
        return Ok(Exit::Done);
    }
    say(&format!("{}: {} stages, {total:.1} MB", store.root().display(), kept.len()))?;
    for (name, (n, mb)) in by_name {
        say(&format!("  {name:10} {n:6} stages {mb:10.1} MB"))?;
    }
    if damaged > 0 {
        say(&format!("  {damaged} are damaged and will be computed again when they are needed"))?;
    }
    Ok(Exit::Done)
}

#[derive(Debug)]
struct Rules {
    older_than: Option<f64>,
    shrink_to: Option<f64>,
    /// Stages of the experiments that are to be kept; `None` when none were named.
    keep: Option<HashSet<Key>>,
}

/// The stages of these experiments.
fn keep(experiments: &[PathBuf]) -> Result<Option<HashSet<Key>>> {
    if experiments.is_empty() {
        return Ok(None);
    }
    let schema = super::registry();
    let mut keys = HashSet::new();
    for path in experiments {
        let experiment = Experiment::read(path, &schema, &[])?;
        let prepared = prepare::prepare(&experiment, &schema, None)?;
        keys.extend(prepared.plan.stages.into_iter().map(|s| s.key));
    }
    Ok(Some(keys))
}

fn gc(store: &Store, rules: &Rules, dry_run: bool) -> Result<Exit> {
    if rules.older_than.is_none() && rules.shrink_to.is_none() && rules.keep.is_none() {
        return Err(Error::new("nothing says which stages to remove")
            .hint("give --older-than DAYS, --shrink-to MB or --keep-only EXPERIMENT.toml …")
            .into());
    }
    let condemned = condemned(store.list()?, rules);
    let mb: f64 = condemned.iter().map(|k| k.bytes as f64 / MB).sum();
    if !dry_run {
        store.sweep();
        for entry in &condemned {
            store.remove(&entry.key)?;
        }
    }
    say(&format!(
        "{} {} stages, {mb:.1} MB",
        if dry_run { "would remove" } else { "removed" },
        condemned.len()
    ))?;
    Ok(Exit::Done)
}

/// The entries that a rule condemns: by age, by no experiment having them, and then the oldest by size.
fn condemned(mut kept: Vec<Kept>, rules: &Rules) -> Vec<Kept> {
    kept.sort_by_key(|k| k.age);
    let limit = rules.older_than.map(|days| Duration::from_secs_f64(days.clamp(0.0, 1e6) * 86_400.0));
    let mut room = rules.shrink_to.map(|mb| mb * MB);
    kept.into_iter()
        .filter(|entry| {
            let old = limit.is_some_and(|limit| entry.age > limit);
            let unreferenced = rules.keep.as_ref().is_some_and(|keep| !keep.contains(&entry.key));
            if old || unreferenced {
                return true;
            }
            // Youngest first: what still finds room stays.
            match &mut room {
                Some(room) => {
                    *room -= entry.bytes as f64;
                    *room < 0.0
                }
                None => false,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(name: &str, hours: u64, mb: u64) -> Kept {
        Kept { key: Key::of(&name.into()), age: Duration::from_secs(3600 * hours), bytes: mb * 1_000_000 }
    }

    fn removed(rules: &Rules) -> Vec<u64> {
        let all = vec![kept("old", 100, 5), kept("young", 1, 3), kept("middle", 10, 4)];
        let mut hours: Vec<u64> = condemned(all, rules).iter().map(|k| k.age.as_secs() / 3600).collect();
        hours.sort_unstable();
        hours
    }

    #[test]
    fn each_rule_condemns_what_it_says() {
        let none = || Rules { older_than: None, shrink_to: None, keep: None };
        assert_eq!(removed(&Rules { older_than: Some(1.0), ..none() }), [100]);
        assert_eq!(removed(&Rules { shrink_to: Some(7.0), ..none() }), [100]);
        assert_eq!(removed(&Rules { shrink_to: Some(6.9), ..none() }), [10, 100]);
        assert_eq!(removed(&Rules { shrink_to: Some(0.0), ..none() }), [1, 10, 100]);
        let keep = [Key::of(&"old".into())].into();
        assert_eq!(removed(&Rules { keep: Some(keep), ..none() }), [1, 10]);
    }
}
