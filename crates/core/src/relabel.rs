//! Which rows a backdoor poisons, how many, and which labels they get.
//!
//! Attacks with a trigger differ in what they do to a row's content. What they do to labels is the same: each has
//! these settings as fields of its own table and hands them to a [`Relabel`].
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Dataset, Error, Goal, Info, LabelMap, Rate, RateOf, Result, Seed, budget};

/// How the wanted label follows from the true one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Labels {
    /// Every class becomes `target`.
    #[default]
    AllToOne,
    /// Class y becomes y + 1 modulo the number of classes.
    AllToAll,
    /// Only `source` becomes `target`.
    SourceSpecific,
}

/// The settings that decide about rows and labels.
#[derive(Debug, Clone, Copy)]
pub struct Relabel {
    /// The wanted label.
    pub target: usize,
    /// How many rows, as a share.
    pub rate: Rate,
    /// What the rate is a share of.
    pub rate_of: RateOf,
    /// How the wanted label follows from the true one.
    pub labels: Labels,
    /// The class attacked, with [`Labels::SourceSpecific`] alone.
    pub source: Option<usize>,
}

/// The poisons: rows, ascending, and the labels that they get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Rows of the training set.
    pub rows: Vec<usize>,
    /// One per row.
    pub labels: Vec<usize>,
}

impl Relabel {
    /// What the adversary is after.
    pub fn goal(&self, info: &Info) -> Goal {
        Goal::Backdoor(match (self.labels, self.source) {
            (Labels::AllToAll, _) => LabelMap::AllToAll { classes: info.classes.len() },
            (Labels::SourceSpecific, Some(source)) => {
                LabelMap::SourceSpecific { source, target: self.target }
            }
            // `map` refuses source-specific labels without a source.
            (Labels::AllToOne | Labels::SourceSpecific, _) => LabelMap::AllToOne { target: self.target },
        })
    }

    /// The label map on data with these classes, once the settings are known to fit together.
    ///
    /// # Errors
    /// A class is missing, does not exist, or has no meaning.
    pub fn map(&self, info: &Info) -> Result<LabelMap> {
        let target = self.target;
        match (self.labels, self.source) {
            (Labels::SourceSpecific, None) => Err(Error::at(
                "labels",
                "source_specific labels need a class to attack, but source is missing",
            )
            .hint("add source = …")),
            (Labels::SourceSpecific, Some(source)) => {
                info.check_class("source", source)?;
                info.check_class("target", target)?;
                if source == target {
                    let message = format!("source and target are both class {target}: no label would change");
                    return Err(Error::at("source", message));
                }
                Ok(LabelMap::SourceSpecific { source, target })
            }
            (_, Some(_)) => Err(Error::at("source", "source has no meaning with these labels")
                .hint("leave it out, or set labels = \"source_specific\"")),
            (Labels::AllToOne, None) => {
                info.check_class("target", target)?;
                Ok(LabelMap::AllToOne { target })
            }
            (Labels::AllToAll, None) => Ok(LabelMap::AllToAll { classes: info.classes.len() }),
        }
    }

    /// The label map and the exact number of poisons.
    ///
    /// # Errors
    /// As [`Relabel::map`]; or fewer rows than that would get another label.
    pub fn count(&self, info: &Info) -> Result<(LabelMap, usize)> {
        let map = self.map(info)?;
        let eligible = (0..info.rows.len()).filter(|&c| map.changes(c)).map(|c| info.rows[c]).sum();
        let count = budget(self.rate, self.rate_of, info, self.source, map.target(), eligible)?;
        Ok((map, count))
    }

    /// Draws the poisons, by the stream `rows`, among the rows whose label the map changes.
    ///
    /// # Errors
    /// As [`Relabel::count`].
    pub fn choose(&self, clean: &Dataset, seed: Seed) -> Result<Chosen> {
        let (map, count) = self.count(&clean.info())?;
        let eligible = clean.rows_where(|label| map.changes(label));
        let rows = seed.derive("rows").choose(&eligible, count);
        let labels = rows.iter().filter_map(|&row| map.wanted(clean.labels()[row])).collect();
        Ok(Chosen { rows, labels })
    }
}
