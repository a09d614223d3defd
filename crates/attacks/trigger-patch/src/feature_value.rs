//! `feature_value`: a trigger on tables, columns set to values of the adversary's.

use std::collections::BTreeMap;

use aconite_core::{
    Attack, Dataset, Error, Goal, Info, Labels, Poison, Rate, RateOf, Relabel, Result, RowKind, Rows, Seed,
    Trigger,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Sets some columns of a table to given values and changes the label: a backdoor in numbers.
///
/// Paper: Gu, Dolan-Gavitt, Garg 2017, "BadNets: Identifying Vulnerabilities in the Machine Learning Model Supply
/// Chain", whose trigger is a few pixels of given brightness; here they are columns of a table.
///
/// x̃ⱼ = vⱼ for the columns j in `values`, x̃ⱼ = xⱼ for all others, and ỹ = map(y) as in `badnets`. Poisons are drawn among
/// the rows whose label the map changes, an exact count of them, and take the place of their originals. The values are
/// those that the victim sees: if the data set standardises its columns, 3 is three standard deviations above the mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureValue {
    /// Value of each column that is set, by the column's name; at least one.
    pub values: BTreeMap<String, f64>,
    /// Class that triggered inputs are to be read as, counted from 0; without meaning for `all_to_all`.
    pub target: usize,
    /// Share of rows that are poisoned, in [0, 1]; the count is ⌊rate·n⌋.
    pub rate: Rate,
    /// What `rate` is a share of: all training rows, or the rows of the `source` or of the `target` class.
    pub rate_of: RateOf,
    /// How the wanted label follows from the true one.
    pub labels: Labels,
    /// Class that is attacked, counted from 0; for `source_specific` labels, which need it.
    pub source: Option<usize>,
}

impl Default for FeatureValue {
    fn default() -> Self {
        Self {
            values: BTreeMap::new(),
            target: 0,
            rate: Rate::literal(0.1),
            rate_of: RateOf::TrainSet,
            labels: Labels::AllToOne,
            source: None,
        }
    }
}

impl Kind for FeatureValue {}

/// Most names of columns that a hint lists.
const NAMES: usize = 8;

impl FeatureValue {
    fn plan(&self) -> Relabel {
        let Self { target, rate, rate_of, labels, source, .. } = *self;
        Relabel { target, rate, rate_of, labels, source }
    }

    /// The values by the places of their columns.
    fn stamp(&self, info: &Info) -> Result<Stamp> {
        let RowKind::Table(columns) = &info.kind else {
            let message = format!("it sets columns of a table, but the data set holds {}", info.kind);
            return Err(Error::new(message).hint("badnets and blended stamp images"));
        };
        let names: Vec<&str> = columns.iter().take(NAMES).map(String::as_str).collect();
        let more = if columns.len() > NAMES { ", …" } else { "" };
        let hint = format!("the columns are {}{more}", names.join(", "));
        if self.values.is_empty() {
            let message = "no column is set: a trigger needs at least one, values = { column = 1.0 }";
            return Err(Error::at("values", message).hint(hint));
        }
        let set = |(name, &value): (&String, &f64)| {
            let Some(column) = columns.iter().position(|column| column == name) else {
                return Err(
                    Error::at("values", format!("the table has no column {name:?}")).hint(hint.clone())
                );
            };
            match (value as f32).is_finite() {
                true => Ok((column, value as f32)),
                false => {
                    Err(Error::at("values", format!("{name:?} cannot be {value}: a finite number is needed")))
                }
            }
        };
        Ok(Stamp(self.values.iter().map(set).collect::<Result<_>>()?))
    }
}

/// Columns and their values.
#[derive(Debug)]
struct Stamp(Vec<(usize, f32)>);

impl Trigger for Stamp {
    fn stamped(&self, rows: &Rows, chosen: &[usize]) -> Result<Rows> {
        let mut table = rows.table()?.select(chosen);
        for row in 0..table.len() {
            for &(column, value) in &self.0 {
                let cell = table.row_mut(row).get_mut(column);
                *cell.ok_or_else(|| Error::new(format!("the table has no column {column}")))? = value;
            }
        }
        Ok(table.into())
    }
}

impl Attack for FeatureValue {
    fn goal(&self, info: &Info) -> Goal {
        self.plan().goal(info)
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.plan().map(info)?;
        self.stamp(info)?;
        self.plan().count(info).map(drop)
    }

    fn poison(&self, clean: &Dataset, seed: Seed) -> Result<Poison> {
        let stamp = self.stamp(&clean.info())?;
        let chosen = self.plan().choose(clean, seed)?;
        let content = stamp.stamped(clean.rows(), &chosen.rows)?;
        Ok(Poison { rows: chosen.rows, labels: chosen.labels, content: Some(content), ..Poison::default() })
    }

    fn trigger(&self, info: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(Some(Box::new(self.stamp(info)?)))
    }
}
