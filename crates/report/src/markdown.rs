//! `report.md`: the report in short, its pictures beside it.

use std::fmt::Write;

use crate::figures::Album;
use crate::study::Study;
use crate::table::{self, Table};
use crate::words;

/// More rows than this are left to `summary.csv`.
const ROWS: usize = 60;

/// The file's text.
pub(crate) fn text(study: &Study, album: &Album) -> String {
    let mut out = format!("# {}\n\n{}\n", line(&study.about), words::lead(study));
    if let Some(table) = table::claims(study) {
        let _ = write!(out, "\n## Claims\n\n{}", dress(table));
    }
    if let Some(table) = table::failed(study) {
        let _ = write!(out, "\n## Failed cells\n\n{}", dress(table));
    }
    for figure in album.figures.iter().filter(|f| f.shown) {
        let (title, name) = (line(&figure.title), &figure.name);
        let _ = write!(out, "\n## {title}\n\n![{title}](figures/{name}.png)\n");
        if !figure.reading.is_empty() {
            let _ = write!(out, "\n{}\n", figure.reading);
        }
    }
    if !study.points.is_empty() {
        let _ = write!(out, "\n## Results\n\n{}\n\n{}", words::numbers(study), dress(table::results(study)));
    }
    if let Some(table) = table::attacks(study) {
        let _ = write!(out, "\n## What the attacks change\n\n{}", dress(table));
    }
    if let Some(table) = table::filters(study) {
        let _ = write!(out, "\n## Filters and detectors\n\n{}", dress(table));
    }
    if let Some(table) = table::controls(study) {
        let _ = write!(out, "\n## Control arms\n\n{}\n\n{}", words::CONTROLS, dress(table));
    }
    if let Some(table) = table::federations(study) {
        let _ = write!(out, "\n## Federations\n\n{}\n\n{}", words::FEDERATIONS, dress(table));
    }
    if let Some(table) = table::streams(study) {
        let _ = write!(out, "\n## Streams\n\n{}\n\n{}", words::STREAMS, dress(table));
    }
    if let Some(table) = table::certificates(study) {
        let _ = write!(out, "\n## Certificates\n\n{}\n\n{}", words::CERTIFICATES, dress(table));
    }
    let _ = write!(out, "\n## How to repeat it\n\n```\n{}\n```\n", words::REPEAT);
    let facts: Vec<String> = study.provenance.iter().map(|(k, v)| format!("{k} {}", line(v))).collect();
    if !facts.is_empty() {
        let _ = write!(out, "\n{}\n", facts.join(" · "));
    }
    out
}

fn dress(table: Table) -> String {
    let (table, more) = table.cut(ROWS);
    let row =
        |cells: &[String]| format!("| {} |\n", cells.iter().map(|c| line(c)).collect::<Vec<_>>().join(" | "));
    let mut out = row(&table.header);
    let rule = (0..table.header.len()).map(|i| if i < table.words { "---" } else { "---:" });
    let _ = writeln!(out, "|{}|", rule.collect::<Vec<_>>().join("|"));
    out.extend(table.rows.iter().map(|r| row(r)));
    if more > 0 {
        let _ = write!(out, "\n+{more} more in `summary.csv`.\n");
    }
    out
}

/// Text that stays in its line and its table cell.
fn line(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        for c in word.chars().filter(|c| !c.is_control()) {
            if matches!(c, '|' | '*' | '_' | '<' | '>' | '`' | '[' | ']' | '\\' | '#') {
                out.push('\\');
            }
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_a_table_stay_in_it() {
        assert_eq!(line("a | b\n<i>_x_"), r"a \| b \<i\>\_x\_");
    }
}
