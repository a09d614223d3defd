//! An experiment's results as they lie in their folder: read once, then only looked at.

mod read;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aconite_record::{CellRow, Certificates, Detection, Rounds, Samples, Status, Windows, read_cells};

pub(crate) use self::read::of_cell;
use self::read::{about, claims, list, provenance, read_all, read_optional};
use crate::role::Role;
use crate::summary::{Point, points};
use crate::{Error, Skipped};

/// A claim of the experiment, as `expect.json` holds it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claim {
    pub(crate) claim: String,
    pub(crate) source: String,
    pub(crate) metric: String,
    pub(crate) bound: String,
    pub(crate) ours: Option<f64>,
    pub(crate) lo: Option<f64>,
    pub(crate) hi: Option<f64>,
    pub(crate) n: Option<u64>,
    pub(crate) verdict: String,
}

/// Everything that a report is made of.
#[derive(Debug, Default)]
pub(crate) struct Study {
    /// The folder.
    pub(crate) dir: PathBuf,
    /// The experiment's `about` line, or the folder's name.
    pub(crate) about: String,
    /// `experiment.toml` as it is.
    pub(crate) toml: Option<String>,
    /// Provenance as names and values.
    pub(crate) provenance: Vec<(String, String)>,
    pub(crate) claims: Vec<Claim>,
    pub(crate) rows: Vec<CellRow>,
    pub(crate) points: Vec<Point>,
    /// Attacks without their rates, in the order of the grid.
    pub(crate) attacks: Vec<String>,
    /// Defenses, the undefended first.
    pub(crate) defenses: Vec<String>,
    pub(crate) samples: Vec<Samples>,
    /// Ledgers by the name of their cell.
    pub(crate) ledgers: BTreeMap<String, PathBuf>,
    /// What model detectors found, by the name of their cell.
    pub(crate) detections: BTreeMap<String, Detection>,
    /// Certificates by the name of their cell.
    pub(crate) certificates: BTreeMap<String, Certificates>,
    /// The rounds of federations by the name of their cell.
    pub(crate) rounds: BTreeMap<String, Rounds>,
    /// The windows of streams by the name of their cell.
    pub(crate) windows: BTreeMap<String, Windows>,
}

/// The points of one context.
pub(crate) struct Facet<'a> {
    /// What distinguishes the context; empty if there is only one.
    pub(crate) context: String,
    /// Appended to the figure's name.
    pub(crate) suffix: String,
    /// Its points with at least one done row.
    pub(crate) points: Vec<&'a Point>,
}

/// More contexts than this are left to the tables.
const FACETS: usize = 8;

impl Study {
    /// Reads a results folder; what is missing or damaged beside `cells.jsonl` is noted in `skipped`.
    pub(crate) fn read(dir: &Path, skipped: &mut Vec<Skipped>) -> Result<Self, Error> {
        let cells = dir.join("cells.jsonl");
        if !cells.exists() {
            return Err(Error::NoCells { path: cells });
        }
        let study = Self::of(read_cells(&cells)?);
        let toml = read_optional(dir, "experiment.toml", skipped);
        let about = toml.as_deref().and_then(about).unwrap_or_else(|| {
            dir.canonicalize()
                .ok()
                .and_then(|d| Some(d.file_name()?.to_string_lossy().into_owned()))
                .unwrap_or_default()
        });
        let claims = match dir.join("expect.json").exists() {
            true => {
                read_optional(dir, "expect.json", skipped).map(|t| claims(&t, skipped)).unwrap_or_default()
            }
            false => Vec::new(),
        };
        Ok(Self {
            provenance: provenance(read_optional(dir, "provenance.json", skipped), &study.rows),
            samples: read_all(dir, "samples", Samples::read, skipped).into_values().collect(),
            detections: read_all(dir, "detections", Detection::read, skipped),
            certificates: read_all(dir, "certificates", Certificates::read, skipped),
            rounds: read_all(dir, "rounds", Rounds::read, skipped),
            windows: read_all(dir, "windows", Windows::read, skipped),
            ledgers: list(&dir.join("ledger"), "parquet"),
            dir: dir.to_owned(),
            about,
            toml,
            claims,
            ..study
        })
    }

    /// The study of these rows, with nothing beside them.
    pub(crate) fn of(mut rows: Vec<CellRow>) -> Self {
        // Workers end in any order; the report is in the order of the grid.
        rows.sort_by(|a, b| (a.point, a.seed, &a.cell).cmp(&(b.point, b.seed, &b.cell)));
        let points = points(&rows);
        let (mut attacks, mut defenses) = (Vec::new(), Vec::new());
        for point in &points {
            for (names, name) in [(&mut attacks, &point.attack_without_rate), (&mut defenses, &point.defense)]
            {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        for names in [&mut attacks, &mut defenses] {
            names.sort_by_key(|name| name != "none");
        }
        // The absence of an attack takes no colour from the attacks.
        attacks.sort_by_key(|name| name == "none");
        Self { rows, points, attacks, defenses, ..Self::default() }
    }

    /// Index of an attack, for its colour.
    pub(crate) fn attack(&self, point: &Point) -> usize {
        self.attacks.iter().position(|a| *a == point.attack_without_rate).unwrap_or(0)
    }

    /// Index of a defense, for its marker.
    pub(crate) fn defense(&self, point: &Point) -> usize {
        self.defenses.iter().position(|d| *d == point.defense).unwrap_or(0)
    }

    /// The part that a defense plays: the first of its points that tells.
    pub(crate) fn role(&self, defense: &str) -> Role {
        let mut roles = self.points.iter().filter(|p| p.defense == defense).map(|p| p.role);
        roles.find(|r| *r != Role::Unknown).unwrap_or(Role::Unknown)
    }

    /// Whether a done cell went through this stage: it has a detector, or a certificate.
    pub(crate) fn reached(&self, stage: &str, role: Role) -> bool {
        let mut done = self.points.iter().filter(|p| !p.done.is_empty());
        done.any(|p| p.role == role || p.done.iter().any(|r| r.seconds.contains_key(stage)))
    }

    /// Whether a row is a federation's.
    pub(crate) fn federated(&self) -> bool {
        self.points.iter().any(Point::federated)
    }

    /// Rows that failed.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &CellRow> {
        self.rows.iter().filter(|r| r.status == Status::Failed)
    }

    /// Whether the poison rate varies within an attack.
    pub(crate) fn rate_varies(&self, points: &[&Point]) -> bool {
        points.iter().any(|a| {
            a.rate.is_some()
                && points.iter().any(|b| b.attack_without_rate == a.attack_without_rate && b.rate != a.rate)
        })
    }

    /// The points with results, split by context.
    pub(crate) fn facets(&self, skipped: &mut Vec<Skipped>, figure: &str) -> Vec<Facet<'_>> {
        self.facets_by(skipped, figure, |point| Some(&point.context))
    }

    /// The points with results, split by what `context` says of them; those of which it says nothing are left out.
    pub(crate) fn facets_by<'a>(
        &'a self,
        skipped: &mut Vec<Skipped>,
        figure: &str,
        context: impl Fn(&'a Point) -> Option<&'a String>,
    ) -> Vec<Facet<'a>> {
        let mut facets: Vec<Facet<'_>> = Vec::new();
        for point in self.points.iter().filter(|p| !p.done.is_empty()) {
            let Some(context) = context(point) else { continue };
            match facets.iter_mut().find(|f| f.context == *context) {
                Some(facet) => facet.points.push(point),
                None => {
                    let slug = crate::label::slug(context);
                    let suffix = if slug.is_empty() { slug } else { format!("-{slug}") };
                    facets.push(Facet { context: context.clone(), suffix, points: vec![point] });
                }
            }
        }
        if let [facet] = &mut facets[..] {
            facet.suffix = String::new();
        }
        if facets.len() > FACETS {
            let why = format!(
                "{} settings beside attack and defense vary; drawn for the first {FACETS}",
                facets.len()
            );
            skipped.push(Skipped::new(figure, why));
            facets.truncate(FACETS);
        }
        let names: Vec<String> = facets.iter().map(|f| f.suffix.clone()).collect();
        for (i, facet) in facets.iter_mut().enumerate() {
            if names.iter().filter(|n| **n == names[i]).count() > 1 {
                facet.suffix.push_str(&format!("-{}", i + 1));
            }
        }
        facets
    }

    /// Data set, victim and context in one line.
    pub(crate) fn setting(&self, facet: &Facet<'_>) -> String {
        let Some(row) = facet.points.first().and_then(|p| p.any()) else {
            return String::new();
        };
        let mut words: Vec<&str> =
            ["dataset", "victim"].into_iter().map(|s| row.kind(s)).filter(|k| *k != "none").collect();
        let rest: Vec<&str> =
            facet.context.split(", ").filter(|w| !w.is_empty() && !words.contains(w)).collect();
        words.extend(rest);
        words.join(" · ")
    }
}
