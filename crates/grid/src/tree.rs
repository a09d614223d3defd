//! Operations on TOML tables that keep every span.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::DeValue;

use crate::{Table, Tree};

/// The value at a path. In a list a key is a number from 0.
pub(crate) fn get<'a>(table: &'a Table, path: &[String]) -> Option<&'a Tree> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(table.get(first.as_str())?, |value, key| match value.get_ref() {
        DeValue::Table(table) => table.get(key.as_str()),
        DeValue::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Puts a value at a path, making tables on the way. A string on the way is a kind in short form and becomes
/// its table.
pub(crate) fn set(table: &mut Table, path: &[String], key_span: Range<usize>, value: Tree) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    if rest.is_empty() {
        // Removed first, so that the key carries the span of who set it last.
        let place = table.contains_key(first.as_str());
        if place && let Some(old) = table.get_mut(first.as_str()) {
            *old = value;
        } else {
            table.insert(Spanned::new(key_span, Cow::Owned(first.clone())), value);
        }
        return;
    }
    if !table.contains_key(first.as_str()) {
        let empty = Spanned::new(key_span.clone(), DeValue::Table(Table::new()));
        table.insert(Spanned::new(key_span.clone(), Cow::Owned(first.clone())), empty);
    }
    if let Some(below) = table.get_mut(first.as_str()) {
        expand_short_form(below);
        if let DeValue::Table(below) = below.get_mut() {
            set(below, rest, key_span, value);
        }
    }
}

/// Turns `"badnets"` into `{ kind = "badnets" }`.
pub(crate) fn expand_short_form(value: &mut Tree) {
    let span = value.span();
    if value.get_ref().is_str() {
        let kind = std::mem::replace(value.get_mut(), DeValue::Table(Table::new()));
        if let DeValue::Table(table) = value.get_mut() {
            table.insert(Spanned::new(span.clone(), Cow::Borrowed("kind")), Spanned::new(span, kind));
        }
    }
}

/// Lays `over` over `base`: tables are joined key by key, anything else is replaced. A table whose `kind`
/// differs replaces the base's table whole, since its keys belong to another kind.
pub(crate) fn merge(base: &mut Table, over: Table) {
    for (key, mut value) in over {
        let replaced = match (base.get_mut(key.get_ref().as_ref()), value.get_mut()) {
            (Some(old), DeValue::Table(new)) if old.get_ref().is_table() && !kinds_differ(old, new) => {
                if let DeValue::Table(old) = old.get_mut() {
                    merge(old, std::mem::take(new));
                }
                false
            }
            _ => true,
        };
        if replaced {
            base.insert(key, value);
        }
    }
}

fn kinds_differ(old: &Tree, new: &Table) -> bool {
    let kind = |table: Option<&Table>| {
        table.and_then(|t| t.get("kind")).and_then(|k| k.get_ref().as_str().map(str::to_owned))
    };
    let (old, new) = (kind(old.get_ref().as_table()), kind(Some(new)));
    old.is_some() && new.is_some() && old != new
}

/// A TOML value as JSON, for comparing a claim's `where` with settings.
pub(crate) fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(s) => Value::String(s.to_string()),
        DeValue::Integer(i) => i64::from_str_radix(i.as_str(), i.radix()).map_or(Value::Null, Value::from),
        DeValue::Float(f) => f.as_str().parse::<f64>().ok().map_or(Value::Null, Value::from),
        DeValue::Boolean(b) => Value::Bool(*b),
        DeValue::Datetime(d) => Value::String(d.to_string()),
        DeValue::Array(items) => Value::Array(items.iter().map(|i| json(i.get_ref())).collect()),
        DeValue::Table(table) => {
            Value::Object(table.iter().map(|(k, v)| (k.get_ref().to_string(), json(v.get_ref()))).collect())
        }
    }
}

/// Whether two settings are the same value: 1 and 1.0 are.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        _ => a == b,
    }
}
