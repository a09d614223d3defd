//! What the attacks share: data that they fit, and rows as poison.

use std::sync::Arc;

use aconite_core::{Added, Error, Info, Poison, Result, RowKind, Table};

/// Checks that the data are a table with rows of two classes.
pub(crate) fn check(info: &Info) -> Result<()> {
    if !matches!(info.kind, RowKind::Table(_)) {
        return Err(Error::new(format!("it adds rows of numbers, but the data set holds {}", info.kind)));
    }
    if info.rows.len() != 2 || info.rows.contains(&0) {
        let message = format!("it needs two classes with rows, but they have {:?}", info.rows);
        return Err(Error::new(message).hint("keep two of them: dataset.classes = [0, 1]"));
    }
    Ok(())
}

/// The poison that adds these rows.
pub(crate) fn poison(columns: &Arc<Vec<String>>, values: &[f32], labels: &[usize]) -> Result<Poison> {
    let rows = Table::new(columns.clone(), values.to_vec())?.into();
    Ok(Poison { added: Some(Added { rows, labels: labels.to_vec() }), ..Poison::default() })
}
