//! Chaff on normal rows: which rows of a stretch of traffic get how much of it.

use aconite_core::points::{dot, mean, points};
use aconite_core::{Dataset, Error, Rate, Result, Seed, Table};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::aim::direction;

/// What the adversary sees of the traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Informed {
    /// Nothing: rows are drawn, and all get the same.
    Uninformed,
    /// The traffic that its own will join: the rows with the most of it get chaff in proportion.
    #[default]
    Locally,
}

/// The way of the chaff and what is seen along it.
pub(crate) struct Target {
    /// Direction of length 1.
    pub(crate) way: Vec<f64>,
    /// Place of each row of the data set along it.
    places: Vec<f64>,
    /// Standard deviation of the normal rows' places.
    pub(crate) sd: f64,
}

impl Target {
    /// From the normal rows' mean to that of the anomalies.
    pub(crate) fn of(clean: &Dataset, normal: usize) -> Result<Self> {
        let rows = clean.rows_of(normal);
        let way = direction(clean, normal, &mean(&points(clean, &rows)?))?;
        let all: Vec<usize> = (0..clean.len()).collect();
        let places: Vec<f64> = points(clean, &all)?.iter().map(|point| dot(point, &way)).collect();
        let n = rows.len() as f64;
        let middle = rows.iter().map(|&row| places[row]).sum::<f64>() / n;
        let sd = (rows.iter().map(|&row| (places[row] - middle).powi(2)).sum::<f64>() / n).sqrt();
        Ok(Self { way, places, sd })
    }

    /// The rows among these that get chaff, ascending, and its lengths, whose mean is `mean`.
    pub(crate) fn chaff(
        &self,
        rows: &[usize],
        rate: Rate,
        informed: Informed,
        mean: f64,
        seed: Seed,
    ) -> Vec<(usize, f64)> {
        let count = rate.count(rows.len());
        if informed == Informed::Uninformed {
            return seed.derive("rows").choose(rows, count).into_iter().map(|row| (row, mean)).collect();
        }
        let mut order = rows.to_vec();
        order.sort_by(|&x, &y| self.places[y].total_cmp(&self.places[x]));
        // What the first row without chaff holds is taken for nobody's.
        let floor = order.get(count).or(order.last()).map_or(0.0, |&row| self.places[row]);
        order.truncate(count);
        let sum: f64 = order.iter().map(|&row| self.places[row] - floor).sum();
        let length = |&row: &usize| match sum > 0.0 {
            true => mean * count as f64 * (self.places[row] - floor) / sum,
            false => mean,
        };
        let mut chaff: Vec<(usize, f64)> = order.iter().map(|row| (*row, length(row))).collect();
        chaff.sort_by_key(|(row, _)| *row);
        chaff
    }

    /// These rows with their chaff.
    pub(crate) fn laden(&self, table: &Table, chaff: &[(usize, f64)]) -> Result<Table> {
        let mut values = Vec::with_capacity(chaff.len() * self.way.len());
        for (row, length) in chaff {
            let laden =
                table.row(*row).iter().zip(&self.way).map(|(&v, a)| (f64::from(v) + length * a) as f32);
            values.extend(laden);
        }
        Table::new(table.columns().clone(), values)
    }
}

/// Checks a length in standard deviations.
pub(crate) fn check_strength(strength: f64) -> Result<()> {
    match strength.is_finite() && (0.0..=1e6).contains(&strength) {
        true => Ok(()),
        false => {
            Err(Error::at("strength", format!("{strength} standard deviations are outside [0, 1000000]")))
        }
    }
}
