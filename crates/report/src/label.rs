//! Names of attacks, defenses and contexts: the kind, plus the settings that vary within the same kind.
//!
//! Two badnets that differ in their rate are `badnets rate=0.01` and `badnets rate=0.05`; a badnets that
//! stands alone is `badnets`. What varies outside the attack and the defense (data set, victim, training)
//! is the context. Everything that shows a name to a reader takes it from here.
//!
//! A chain is called by the kinds of its steps, `deep_knn → fine_prune`, and by what varies between chains of the
//! same steps.

use std::collections::BTreeMap;

use aconite_record::{CellRow, dotted, leaves};
use serde_json::Value;

/// Top-level keys that describe the experiment and not a setting of the cell.
const NOT_SETTINGS: [&str; 7] = ["seed", "seeds", "about", "base", "grid", "expect", "name"];

/// More varying settings than this, or longer values, would bury a chain's name: its variants are numbered instead.
const CHAIN_SETTINGS: usize = 3;
const CHAIN_VALUE: usize = 24;

/// Which settings vary, per section and kind; built once from all rows of an experiment.
#[derive(Debug, Clone, Default)]
pub struct Labels {
    /// Varying paths below a section, per section and kind.
    varying: BTreeMap<(String, String), Vec<String>>,
    /// Sections outside attack and defense of which something varies, in the order of the settings, and
    /// whether their kind varies.
    context: Vec<(String, bool)>,
    /// The tables of chains of the same steps that are numbered, by section and name.
    numbered: BTreeMap<(String, String), Vec<Value>>,
}

/// A section of a row as labels see it: its kind and its table. A chain's kind is that of its steps in order, and
/// its table holds a table per step, by kind.
fn seen(row: &CellRow, section: &str) -> (String, Option<Value>) {
    let kind = row.kind(section);
    let table = row.settings.get(section);
    let steps = table.filter(|_| kind == "chain").and_then(|t| t.get("steps")?.as_array());
    let Some(steps) = steps else {
        return (kind.to_owned(), table.cloned());
    };
    let kinds: Vec<&str> =
        steps.iter().map(|s| s.get("kind").and_then(Value::as_str).unwrap_or("step")).collect();
    let mut flat = table.and_then(Value::as_object).cloned().unwrap_or_default();
    flat.remove("steps");
    for (i, step) in steps.iter().enumerate() {
        let before = kinds[..i].iter().filter(|k| **k == kinds[i]).count();
        let name = if before == 0 { kinds[i].to_owned() } else { format!("{}{}", kinds[i], before + 1) };
        flat.insert(name, step.clone());
    }
    let name = if kinds.len() < 2 { format!("chain of {}", kinds.concat()) } else { kinds.join(" → ") };
    (name, Some(Value::Object(flat)))
}

impl Labels {
    /// Looks through all rows for what varies.
    pub fn of(rows: &[CellRow]) -> Self {
        let mut labels = Self::default();
        let mut sections: Vec<&String> = Vec::new();
        for key in rows.iter().filter_map(|r| r.settings.as_object()).flat_map(|map| map.keys()) {
            if !sections.contains(&key) && !NOT_SETTINGS.contains(&key.as_str()) {
                sections.push(key);
            }
        }
        for section in sections {
            let mut tables: BTreeMap<String, Vec<Value>> = BTreeMap::new();
            for row in rows {
                let (kind, table) = seen(row, section);
                tables.entry(kind).or_default().extend(table);
            }
            let kinds: Vec<&String> = tables.keys().collect();
            for (kind, same) in &tables {
                let paths = without_nested(varying(&same.iter().collect::<Vec<_>>()), same);
                if paths.is_empty() {
                    continue;
                }
                let chain = same.iter().any(|t| t.get("kind").and_then(Value::as_str) == Some("chain"));
                let long = |t: &Value, p: &String| {
                    dotted(t, p).is_some_and(|v| value_text(v).chars().count() > CHAIN_VALUE)
                };
                if chain
                    && (paths.len() > CHAIN_SETTINGS || same.iter().any(|t| paths.iter().any(|p| long(t, p))))
                {
                    let mut variants: Vec<Value> = Vec::new();
                    for table in same {
                        if !variants.contains(table) {
                            variants.push(table.clone());
                        }
                    }
                    labels.numbered.insert((section.clone(), kind.clone()), variants);
                }
                labels.varying.insert((section.clone(), kind.clone()), paths);
            }
            let varies = kinds.len() > 1 || kinds.iter().any(|k| labels.paths(section, k).is_some());
            if section != "attack" && section != "defense" && varies {
                labels.context.push((section.clone(), kinds.len() > 1));
            }
        }
        labels
    }

    fn paths(&self, section: &str, kind: &str) -> Option<&Vec<String>> {
        self.varying.get(&(section.to_owned(), kind.to_owned()))
    }

    /// The attack's name.
    pub fn attack(&self, row: &CellRow) -> String {
        self.named(row, "attack", None)
    }

    /// The attack's name without its poison rate, for figures where the rate is an axis.
    pub fn attack_without_rate(&self, row: &CellRow) -> String {
        self.named(row, "attack", Some("rate"))
    }

    /// The defense's name.
    pub fn defense(&self, row: &CellRow) -> String {
        self.named(row, "defense", None)
    }

    /// What else distinguishes the row, e.g. `svm, train.epochs=4`; empty if nothing does.
    pub fn context(&self, row: &CellRow) -> String {
        self.contextual(row, &[])
    }

    /// [`Labels::context`] without the share of malicious clients, for figures where it is an axis.
    pub fn context_without_share(&self, row: &CellRow) -> String {
        self.contextual(row, &["federation.malicious_share", "federation.malicious"])
    }

    /// [`Labels::context`] without what the operator of a stream does, for figures where that is a curve's name.
    pub fn context_without_policy(&self, row: &CellRow) -> String {
        self.contextual(row, &["stream.policy"])
    }

    /// What distinguishes the row beside the setting at `path`, for figures where that is an axis: the names of the
    /// attack and the defense, and the context.
    pub fn beside(&self, row: &CellRow, path: &str) -> [String; 3] {
        let named = |section: &str| {
            self.named(row, section, path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')))
        };
        [named("attack"), named("defense"), self.contextual(row, &[path])]
    }

    fn contextual(&self, row: &CellRow, except: &[&str]) -> String {
        let mut words = Vec::new();
        for (section, kind_varies) in &self.context {
            let (kind, _) = seen(row, section);
            if *kind_varies {
                words.push(kind.clone());
            }
            for path in self.paths(section, &kind).into_iter().flatten() {
                let full = if path.is_empty() { section.clone() } else { format!("{section}.{path}") };
                if let Some(value) = row.setting(&full).filter(|_| !except.iter().any(|e| below(&full, e))) {
                    words.push(format!("{full}={}", value_text(value)));
                }
            }
        }
        words.join(", ")
    }

    fn named(&self, row: &CellRow, section: &str, except: Option<&str>) -> String {
        let (kind, table) = seen(row, section);
        if let Some(variants) = self.numbered.get(&(section.to_owned(), kind.clone())) {
            let at = variants.iter().position(|v| Some(v) == table.as_ref()).unwrap_or(variants.len());
            return format!("{kind} #{}", at + 1);
        }
        let mut name = kind.clone();
        let paths = self.paths(section, &kind).map(Vec::as_slice).unwrap_or_default();
        for path in paths.iter().filter(|p| Some(p.as_str()) != except) {
            // The kind of a table below is called by the table: `backdoor=badnets`.
            let last = |p: &str| p.trim_end_matches(".kind").rsplit('.').next().map(str::to_owned);
            let short = last(path).filter(|_| paths.iter().filter(|p| last(p) == last(path)).count() == 1);
            // A setting that is left out says nothing.
            let value = table.as_ref().and_then(|s| dotted(s, path)).filter(|v| !v.is_null());
            if let Some(value) = value {
                name.push_str(&format!(" {}={}", short.as_deref().unwrap_or(path), value_text(value)));
            }
        }
        name
    }
}

/// Whether a path is this one or lies below it.
fn below(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Varying paths without those below a table of another kind: tables of different kinds differ in all their settings, and
/// the kind says it. What varies among tables of the same kind stays.
fn without_nested(paths: Vec<String>, tables: &[Value]) -> Vec<String> {
    let kinds: Vec<String> = paths.iter().filter(|p| p.ends_with(".kind")).cloned().collect();
    let stays = |path: &String| {
        let kind = kinds.iter().find(|kind| *kind != path && path.starts_with(kind.trim_end_matches("kind")));
        let Some(kind) = kind else { return true };
        tables.iter().enumerate().any(|(i, a)| {
            tables[..i]
                .iter()
                .any(|b| dotted(a, kind) == dotted(b, kind) && dotted(a, path) != dotted(b, path))
        })
    };
    let kept: Vec<bool> = paths.iter().map(stays).collect();
    paths.into_iter().zip(kept).filter(|(_, kept)| *kept).map(|(path, _)| path).collect()
}

/// A setting as a reader writes it: bare words, numbers without a trailing `.0`, JSON for lists.
pub fn value_text(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        Value::Number(n) => n.to_string().trim_end_matches(".0").to_owned(),
        other => other.to_string(),
    }
}

/// A name as a part of a file name: letters, digits, `-`, `_`, `.` and `=` stay.
pub fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        let keep = c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '=');
        match (keep, out.ends_with('-') || out.is_empty()) {
            (true, _) => out.push(c),
            (false, false) => out.push('-'),
            (false, true) => {}
        }
    }
    out.truncate(80);
    out.trim_end_matches('-').to_owned()
}

/// Paths of leaves that are not the same in all of these tables, in the order of their first appearance.
fn varying(tables: &[&Value]) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for table in tables {
        leaves("", table, &mut |path| {
            if !paths.iter().any(|p| p == path) {
                paths.push(path.to_owned());
            }
        });
    }
    let leaf = |table: &Value, path: &str| match path {
        "" => Some(table.clone()).filter(|v| !v.is_object()),
        path => dotted(table, path).filter(|v| !v.is_object()).cloned(),
    };
    paths.retain(|path| {
        let first = tables.first().and_then(|t| leaf(t, path));
        tables.iter().any(|t| leaf(t, path) != first)
    });
    paths
}

#[cfg(test)]
mod tests;
