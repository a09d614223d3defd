//! `aconite show`.

use aconite_data::Places;
use aconite_grid::{Error, Section, Spec, nearest};
use anyhow::Result;
use serde_json::json;

use super::say;
use crate::{Exit, families};

/// Shows everything about a kind that bears the name.
pub(crate) fn show(name: &str, as_json: bool) -> Result<Exit> {
    let schema = super::registry();
    let all = || schema.sections.iter().flat_map(|s| s.kinds.iter().map(move |k| (s, k)));
    // A plain section such as [train] goes by its own name.
    let title = |section: &Section, spec: &Spec| match spec.kind {
        "" => section.path.to_owned(),
        kind => kind.to_owned(),
    };
    let found: Vec<_> = all().filter(|(s, k)| title(s, k) == name || k.aliases.contains(&name)).collect();
    if found.is_empty() {
        let names: Vec<String> = all().map(|(s, k)| title(s, k)).collect();
        return Err(Error::new(format!("unknown kind {name:?}"))
            .hint(nearest(name, names.iter().map(String::as_str)).unwrap_or_default())
            .into());
    }
    for (i, (section, spec)) in found.into_iter().enumerate() {
        if as_json {
            say(&json!({
                "family": section.path, "kind": spec.kind, "doc": spec.doc(), "defaults": spec.defaults(),
                "schema": spec.schema(), "knowledge": knowledge(section, spec),
            })
            .to_string())?;
            continue;
        }
        if i > 0 {
            say("")?;
        }
        say(&format!("{} · {}", title(section, spec), section.path))?;
        if !spec.aliases.is_empty() {
            say(&format!("also called {}", spec.aliases.join(", ")))?;
        }
        say("")?;
        say(&spec.doc())?;
        let mut fields = spec.fields();
        fields.extend(section.common.iter().flat_map(Spec::fields));
        if !fields.is_empty() {
            say("")?;
            let rows: Vec<[String; 4]> =
                fields.into_iter().map(|f| [f.name, f.default, f.range, f.meaning]).collect();
            table(["name", "default", "range", "meaning"].map(str::to_owned), &rows)?;
        }
        if let Some(known) = knowledge(section, spec) {
            let told = if known.is_empty() { "nothing beyond the data".into() } else { known.join(", ") };
            say(&format!("\nknowledge under its defaults: {told}"))?;
        }
        if section.path == "dataset" {
            source(spec)?;
        }
    }
    Ok(Exit::Done)
}

/// What a defense is told under its defaults.
fn knowledge(section: &Section, spec: &Spec) -> Option<Vec<String>> {
    (section.path == "defense")
        .then(|| families::defense(&spec.defaults()).ok())
        .flatten()
        .map(|defense| defense.knowledge().iter().map(|k| k.name().to_owned()).collect())
}

fn source(spec: &Spec) -> Result<()> {
    if spec.defaults().get("path").is_some() {
        return say("\nit reads your own files");
    }
    let source = families::source(&spec.defaults()).map_err(anyhow::Error::new)?;
    let found = match source.found(&Places::from_env()) {
        Ok(None) => "embedded in the program".to_owned(),
        Ok(Some(folder)) => format!("found in {}", folder.display()),
        Err(e) => match e.hint {
            Some(hint) => format!("{}\nhint: {hint}", e.message),
            None => e.message,
        },
    };
    say(&format!("\nlicence: {}\n{found}", source.licence()))
}

/// Columns as wide as their longest text; the last one runs on.
fn table<const N: usize>(header: [String; N], rows: &[[String; N]]) -> Result<()> {
    let all: Vec<&[String; N]> = std::iter::once(&header).chain(rows).collect();
    let width = |c: usize| all.iter().map(|r| r[c].chars().count()).max().unwrap_or(0);
    for row in &all {
        let mut line = String::new();
        for (c, text) in row.iter().enumerate() {
            let pad = if c + 1 < N { width(c) - text.chars().count() + 2 } else { 0 };
            line.push_str(text);
            line.push_str(&" ".repeat(pad));
        }
        say(line.trim_end())?;
    }
    Ok(())
}
