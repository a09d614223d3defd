//! The figures: one file each. Each draws on a [`canvas::Canvas`] and hands in an SVG; the PNG is made from it.

pub(crate) mod axis;
pub(crate) mod canvas;
mod certified;
mod clients;
mod dots;
mod heatmap;
mod lines;
mod rate;
mod rounds;
mod samples;
mod scores;
pub(crate) mod sheet;
pub(crate) mod style;
mod tradeoff;
mod triggers;

use crate::study::Study;
use crate::{Error, Skipped};

/// A drawn figure.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// File name without its ending.
    pub(crate) name: String,
    /// What it is called, also for those who cannot see it.
    pub(crate) title: String,
    /// How to read it: stands under it in the report, beside the caption inside the picture.
    pub(crate) reading: String,
    /// The picture.
    pub(crate) svg: String,
    /// Whether the report shows it; else it is only a file.
    pub(crate) shown: bool,
}

/// The figures of a report, and what was left out.
#[derive(Debug, Default)]
pub(crate) struct Album {
    pub(crate) figures: Vec<Figure>,
    pub(crate) skipped: Vec<Skipped>,
}

/// Stems of every figure's file name; what else lies in `figures/` is not ours.
pub(crate) const NAMES: [&str; 13] = [
    "dots",
    "tradeoff",
    "rate",
    "lines",
    "timeline",
    "rounds",
    "share",
    "clients",
    "heatmap",
    "samples",
    "scores",
    "triggers",
    "certified",
];

impl Album {
    /// Says why a figure is not drawn.
    fn skip(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.skipped.push(Skipped::new(what, why));
    }
}

/// Draws every figure that the results allow.
pub(crate) fn draw(study: &Study) -> Result<Album, Error> {
    let mut album = Album::default();
    // Of streams the time line shows what these would have a page for each operator for.
    if study.points.is_empty() || !study.points.iter().all(|point| point.streamed()) {
        dots::draw(study, &mut album)?;
        tradeoff::draw(study, &mut album)?;
    }
    rate::draw(study, &mut album)?;
    lines::draw(study, &mut album)?;
    rounds::timeline::draw(study, &mut album)?;
    rounds::draw(study, &mut album)?;
    rounds::share::draw(study, &mut album)?;
    clients::draw(study, &mut album)?;
    heatmap::draw(study, &mut album)?;
    samples::draw(study, &mut album)?;
    scores::draw(study, &mut album)?;
    triggers::draw(study, &mut album)?;
    certified::draw(study, &mut album)?;
    Ok(album)
}
