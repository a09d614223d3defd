//! From a section's table to its settings with every default filled in.

use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::DeValue;

use crate::source::Sources;
use crate::tree::expand_short_form;
use crate::{Error, Nested, Schema, Section, Spec, Table, nearest};

/// Resolves everything in the table `root`, which may be missing.
pub(crate) fn resolve_root(
    schema: &Schema,
    root: &str,
    table: Option<&Spanned<DeValue<'static>>>,
    sources: &Sources,
) -> Result<Value, Error> {
    let sections: Vec<&Section> = schema.within(root).collect();
    let mut value = Value::Null;
    for section in &sections {
        let depth = section.path.split('.').count();
        let children: Vec<&str> = sections
            .iter()
            .filter_map(|s| s.path.strip_prefix(section.path)?.strip_prefix('.'))
            .filter(|rest| !rest.contains('.'))
            .collect();
        let own = match depth {
            1 => table,
            // Sections lie at most one level below their root.
            _ => {
                let key = &section.path[root.len() + 1..];
                table.and_then(|t| t.get_ref().as_table()).and_then(|t| t.get(key))
            }
        };
        let resolved = resolve(section, own, &children, sources)?;
        match section.path.strip_prefix(root).and_then(|p| p.strip_prefix('.')) {
            None => value = resolved,
            Some(key) => {
                if let Some(parent) = value.as_object_mut() {
                    parent.insert(key.to_owned(), resolved);
                }
            }
        }
    }
    Ok(value)
}

/// Resolves one section, leaving out the keys of the sections inside it.
fn resolve(
    section: &Section,
    given: Option<&Spanned<DeValue<'static>>>,
    children: &[&str],
    sources: &Sources,
) -> Result<Value, Error> {
    let missing = given.is_none();
    let mut given = given.cloned().unwrap_or_else(|| Spanned::new(0..0, DeValue::Table(Table::new())));
    if section.is_family() {
        expand_short_form(&mut given);
    }
    let span = given.span();
    let DeValue::Table(mut table) = given.into_inner() else {
        return Err(sources.error(span, format!("{} must be a table", section.path)));
    };
    for child in children {
        table.remove(*child);
    }
    if let Some(span) = table.values().find_map(not_finite) {
        return Err(sources.error(span, "a setting must be a finite number"));
    }
    let spec = kind(section, &mut table, span.clone(), missing, sources)?;
    let common = take_common(section, &mut table);
    check_keys(section, &spec, &table, sources)?;
    let nested = match spec.nested {
        Some(Nested::List(key)) => {
            table.remove_entry(key).map(|(_, list)| (key, steps(section, key, list, sources)))
        }
        Some(Nested::One(key)) => {
            table.remove_entry(key).map(|(_, one)| (key, resolve(section, Some(&one), &[], sources)))
        }
        None => None,
    };
    let read = |spec: &Spec, table: Table| {
        spec.resolve(Spanned::new(span.clone(), DeValue::Table(table))).map_err(|e| sources.toml_error(&e))
    };
    let mut settings = read(&spec, table)?;
    if let (Some((key, inner)), Some(settings)) = (nested, settings.as_object_mut()) {
        settings.insert(key.to_owned(), inner?);
    }
    if let (Some(spec), Some(settings)) = (&section.common, settings.as_object_mut())
        && let Value::Object(common) = read(spec, common)?
    {
        settings.extend(common);
    }
    Ok(settings)
}

/// Resolves a list of kinds of the same section.
fn steps(
    section: &Section,
    key: &str,
    list: Spanned<DeValue<'static>>,
    sources: &Sources,
) -> Result<Value, Error> {
    let span = list.span();
    let DeValue::Array(items) = list.into_inner() else {
        return Err(sources
            .error(span, format!("{key} must be a list of {}s", section.path))
            .hint(format!("{key} = [{{ kind = \"…\" }}, {{ kind = \"…\" }}]")));
    };
    let resolved = items.iter().map(|item| resolve(section, Some(item), &[], sources));
    Ok(Value::Array(resolved.collect::<Result<_, _>>()?))
}

/// Where a `nan` or `inf` stands, if anywhere: settings are kept as JSON, which has neither.
fn not_finite(value: &Spanned<DeValue<'static>>) -> Option<std::ops::Range<usize>> {
    match value.get_ref() {
        DeValue::Float(f) => (!f.as_str().parse::<f64>().is_ok_and(f64::is_finite)).then(|| value.span()),
        DeValue::Array(items) => items.iter().find_map(not_finite),
        DeValue::Table(table) => table.values().find_map(not_finite),
        _ => None,
    }
}

/// The kind that the table names, taken out of it.
fn kind(
    section: &Section,
    table: &mut Table,
    span: std::ops::Range<usize>,
    missing: bool,
    sources: &Sources,
) -> Result<Spec, Error> {
    let names = || section.kinds.iter().map(|k| k.kind);
    let find = |name: &str| section.kinds.iter().find(|k| k.answers_to(name)).copied();
    if section.is_family()
        && let Some(value) = table.remove("kind")
    {
        let Some(name) = value.get_ref().as_str() else {
            return Err(sources.error(
                value.span(),
                format!("{}.kind must be a string, not {}", section.path, value.get_ref().type_str()),
            ));
        };
        return find(name).ok_or_else(|| {
            sources
                .error(value.span(), format!("unknown kind {name:?} in [{}]", section.path))
                .maybe_hint(nearest(name, names()))
        });
    }
    let absent = section.absent.filter(|_| missing);
    absent.or(section.default).and_then(find).ok_or_else(|| {
        let error = match span.is_empty() {
            true => Error::new(format!("[{}] is missing", section.path)),
            false => sources.error(span, format!("[{}] has no kind", section.path)),
        };
        error.maybe_hint(nearest("", names()).map(|list| list.replacen("it is", "its kind is", 1)))
    })
}

/// Takes the section's common keys out of the table.
fn take_common(section: &Section, table: &mut Table) -> Table {
    let mut common = Table::new();
    for key in section.common.iter().flat_map(keys) {
        if let Some((key, value)) = table.remove_entry(key.as_str()) {
            common.insert(key, value);
        }
    }
    common
}

/// The keys of a kind's table.
fn keys(spec: &Spec) -> Vec<String> {
    match spec.defaults() {
        Value::Object(fields) => {
            Map::keys(&fields).filter(|k| *k != "kind" || spec.kind.is_empty()).cloned().collect()
        }
        _ => Vec::new(),
    }
}

fn check_keys(section: &Section, spec: &Spec, table: &Table, sources: &Sources) -> Result<(), Error> {
    let mut known = keys(spec);
    known.extend(section.common.iter().flat_map(keys));
    for (key, _) in table.iter() {
        if !known.iter().any(|k| k == key.get_ref()) {
            let owner = match spec.kind {
                "" => format!("[{}]", section.path),
                kind => format!("{} {kind:?}", section.path),
            };
            let hint = match known.is_empty() {
                true => Some("it has no settings".to_owned()),
                false => nearest(key.get_ref(), known.iter().map(String::as_str)),
            };
            return Err(sources
                .error(key.span(), format!("unknown key {:?} for {owner}", key.get_ref()))
                .maybe_hint(hint));
        }
    }
    Ok(())
}
