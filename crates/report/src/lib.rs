//! Statistics, tables, figures and the report of an experiment, drawn from the files of its results folder
//! alone.
//!
//! [`draw`] reads `cells.jsonl`, `experiment.toml`, `provenance.json`, `expect.json`, `ledger/`, `samples/`,
//! `detections/`, `certificates/`, `rounds/` and `windows/` and writes `figures/`, `tables/`, `report.html` and `report.md`. It
//! needs no libtorch and no network, and the same files give the same bytes. [`summary::write_summary`] writes `summary.csv`.

pub mod compare;
mod error;
mod figures;
mod format;
mod html;
pub mod label;
mod markdown;
mod role;
pub mod stats;
mod study;
pub mod summary;
mod table;
pub mod terminal;
mod tex;
mod words;

use std::path::{Path, PathBuf};

use aconite_record::write_whole;

pub use error::Error;
pub use figures::sheet::{Picture, Sheet};
pub use role::Role;

/// Something that was not drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The figure, table or file.
    pub what: String,
    /// Why, in words.
    pub why: String,
}

impl Skipped {
    fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into() }
    }
}

/// What [`draw`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drawn {
    /// Files written, below the results folder.
    pub written: Vec<PathBuf>,
    /// What was left out, and why.
    pub skipped: Vec<Skipped>,
}

/// Draws the report of a results folder. Figures of an earlier report that these results no longer give are
/// removed from `figures/`; other files there are left alone.
///
/// # Errors
/// `cells.jsonl` is missing or damaged, or a file cannot be written. Whatever else is missing is passed over
/// and told in [`Drawn::skipped`].
pub fn draw(dir: &Path) -> Result<Drawn, Error> {
    let mut skipped = Vec::new();
    let study = study::Study::read(dir, &mut skipped)?;
    let mut album = figures::draw(&study)?;
    skipped.append(&mut album.skipped);
    album.skipped = skipped;

    let mut written = Vec::new();
    let mut write = |path: PathBuf, bytes: &[u8]| -> Result<(), Error> {
        // What is there already need not be made durable again: a hundred figures would take seconds.
        if !holds(&dir.join(&path), bytes) {
            write_whole(&dir.join(&path), bytes)?;
        }
        written.push(path);
        Ok(())
    };
    for figure in &album.figures {
        let file = |ending: &str| Path::new("figures").join(format!("{}.{ending}", figure.name));
        // The pixels follow from the shapes and are written before them, so shapes that stand there unchanged
        // have their pixels beside them, unless somebody took them away.
        let kept = holds(&dir.join(file("svg")), figure.svg.as_bytes());
        let png = match std::fs::read(dir.join(file("png"))) {
            Ok(png) if kept && is_png(&png) => png,
            _ => figures::canvas::png(&figure.name, &figure.svg)?,
        };
        write(file("png"), &png)?;
        write(file("svg"), figure.svg.as_bytes())?;
    }
    let about = format!("{}\n{}", study.about, words::numbers(&study));
    if !study.points.is_empty() {
        write("tables/summary.tex".into(), tex::tabular(&table::results(&study), &about).as_bytes())?;
    }
    if let Some(controls) = table::controls(&study) {
        write("tables/controls.tex".into(), tex::tabular(&controls, &about).as_bytes())?;
    }
    match table::matrix(&study) {
        Some(matrix) => write("tables/attack_success.tex".into(), tex::tabular(&matrix, &about).as_bytes())?,
        None => {
            album.skipped.push(Skipped::new("tables/attack_success.tex", "no done cell has attack_success"))
        }
    }
    write("report.md".into(), markdown::text(&study, &album).as_bytes())?;
    write("report.html".into(), html::page(&study, &album).as_bytes())?;
    remove_stale(&study.dir.join("figures"), &album);
    Ok(Drawn { written, skipped: album.skipped })
}

/// Whether a file holds exactly these bytes.
fn holds(path: &Path, bytes: &[u8]) -> bool {
    std::fs::read(path).is_ok_and(|held| held == bytes)
}

/// Whether bytes begin and end as a PNG does.
fn is_png(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.ends_with(b"IEND\xaeB`\x82")
}

/// Removes figures of ours that these results no longer give: beside the new ones they would be taken for true.
fn remove_stale(folder: &Path, album: &figures::Album) {
    for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
        let (Some(stem), Some(ending)) = (path.file_stem(), path.extension()) else {
            continue;
        };
        let stem = stem.to_string_lossy();
        let ours = figures::NAMES.iter().any(|name| stem == *name || stem.starts_with(&format!("{name}-")));
        let current = album.figures.iter().any(|f| f.name == stem);
        if ours && !current && (ending == "svg" || ending == "png") {
            // A file that cannot be removed does no harm to the new report.
            let _ = std::fs::remove_file(&path);
        }
    }
}
