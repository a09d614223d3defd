//! What an audit writes: `scores.csv`, a sheet of pictures, and a page that says what it means.

use std::fmt::Write as _;
use std::path::Path;

use aconite_core::{Rows, by_score};
use aconite_grid::Error;
use aconite_record::write_whole;
use aconite_report::{Picture, Sheet};
use anyhow::Result;

use super::Audit;
use crate::commands::say;

/// Pictures on the sheet.
const SHOWN: usize = 48;
/// Characters of a text in `scores.csv`.
const SNIPPET: usize = 80;

pub(super) fn write(audit: &Audit, dir: &Path) -> Result<()> {
    let cannot = |e: aconite_record::Error| {
        Error::new(format!("the audit cannot be written: {e}")).hint("choose another folder with --out DIR")
    };
    let scores = &audit.verdict.scores;
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| by_score(scores, a, b));
    write_whole(&dir.join("scores.csv"), &table(audit, &order)?).map_err(cannot)?;
    if let Some((svg, png)) = sheet(audit, &order)? {
        write_whole(&dir.join("sheet.svg"), svg.as_bytes()).map_err(cannot)?;
        write_whole(&dir.join("sheet.png"), &png).map_err(cannot)?;
    }
    let words = words(audit);
    write_whole(&dir.join("report.md"), words.as_bytes()).map_err(cannot)?;
    eprint!("{words}");
    say(&dir.join("scores.csv").display().to_string())
}

/// One line per row, the most suspicious first.
fn table(audit: &Audit, order: &[usize]) -> Result<Vec<u8>> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["row", "source", "label", "class", "score", "rank", "flagged"])?;
    for (rank, &row) in order.iter().enumerate() {
        let label = audit.data.labels()[row];
        csv.write_record([
            row.to_string(),
            source(audit, row),
            label.to_string(),
            audit.data.classes()[label].clone(),
            audit.verdict.scores[row].to_string(),
            (rank + 1).to_string(),
            audit.verdict.removed[row].to_string(),
        ])?;
    }
    Ok(csv.into_inner()?)
}

/// Where a row came from; of a text also how it begins.
fn source(audit: &Audit, row: usize) -> String {
    let origin = audit.data.origins().of(row);
    match audit.data.rows() {
        Rows::Documents(documents) if !documents.are_mail() => {
            let snippet: String = documents.text(row).chars().take(SNIPPET).collect();
            format!("{origin} {}", snippet.split_whitespace().collect::<Vec<_>>().join(" "))
        }
        _ => origin,
    }
}

fn sheet(audit: &Audit, order: &[usize]) -> Result<Option<(String, Vec<u8>)>> {
    let Rows::Images(images) = audit.data.rows() else { return Ok(None) };
    let shape = images.shape();
    if !matches!(shape.channels, 1 | 3) {
        return Ok(None);
    }
    let pictures = order.iter().take(SHOWN).map(|&row| Picture {
        bytes: images.image(row).to_vec(),
        label: audit.data.classes()[audit.data.labels()[row]].clone(),
        words: format!("row {row}"),
        marked: audit.verdict.removed[row],
    });
    let sheet = Sheet {
        title: format!("The rows that {} suspects most", audit.defense.replace('_', " ")),
        subtitle: "by falling score from the upper left; below each its label as given and its row".into(),
        caption:
            "A coloured frame: flagged. A high score is a reason to look at a row, no proof of anything: \
                  rare and mislabelled rows score high too."
                .into(),
        shape: [shape.channels, shape.height, shape.width],
        pictures: pictures.collect(),
    };
    Ok(Some(sheet.draw()?))
}

/// What the scores can and cannot mean.
fn words(audit: &Audit) -> String {
    let n = audit.verdict.scores.len();
    let flagged = audit.verdict.removed.iter().filter(|&&r| r).count();
    let share = 100.0 * flagged as f64 / n as f64;
    let mut text = format!("# Audit with {}\n\n", audit.defense);
    let _ = writeln!(text, "{flagged} of {n} rows ({share:.1} %) are flagged.\n");
    if audit.set_aside > 0 {
        let _ = writeln!(
            text,
            "{} more rows are not scored: they are the test set. Where it is drawn, `--set dataset.test_share=0.01` makes it \
             smaller, and another `dataset.split_seed` draws other rows.\n",
            audit.set_aside
        );
    }
    match &audit.seen_by {
        Some(who) => {
            let _ = writeln!(text, "The filter looked at the features of {who}.\n");
        }
        None => text += "The filter looked at the rows themselves.\n\n",
    }
    for told in &audit.told {
        let _ = writeln!(text, "It was told {told}.\n");
    }
    if audit.always_flags {
        text += "This filter always flags a share, of clean data too: how many rows are flagged says nothing about \
                 whether any is poisoned. What may say something is which rows they are.\n\n";
    } else {
        text += "Rows of clean data are flagged too: rare, ambiguous and mislabelled ones. A flag alone says nothing \
                 about whether the row is poisoned.\n\n";
    }
    text += "A flag is a reason to look at a row, not a proof, and a row without one is not cleared: attacks are \
             known that this kind of filter does not see.\n\n| class | rows | flagged |\n|---|---:|---:|\n";
    for class in 0..audit.data.num_classes() {
        let rows = audit.data.rows_of(class);
        let flagged = rows.iter().filter(|&&row| audit.verdict.removed[row]).count();
        let share = 100.0 * flagged as f64 / rows.len().max(1) as f64;
        let name = audit.data.classes()[class].replace('|', "\\|");
        let _ = writeln!(text, "| {name} | {} | {flagged} ({share:.1} %) |", rows.len());
    }
    text
}
