//! Medians and ratios of repeated measurements.

use anyhow::{Result, bail};
use serde_json::{Value, json};

/// What repeats gave: their median and range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) n: usize,
}

impl Spread {
    /// Of at least one finite value.
    pub(crate) fn of(values: &[f64]) -> Result<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&[min, ..], &[.., max]) = (sorted.as_slice(), sorted.as_slice()) else {
            bail!("nothing was measured");
        };
        if !sorted.iter().all(|value| value.is_finite()) {
            bail!("a measurement is no number: {values:?}");
        }
        let (low, high) = ((sorted.len() - 1) / 2, sorted.len() / 2);
        let median = f64::midpoint(sorted[low], sorted[high]);
        Ok(Self { median, min, max, n: sorted.len() })
    }

    /// Of the ratios of values measured in turn: a drift of the machine touches both of a pair, so that it
    /// leaves their ratio alone.
    pub(crate) fn of_ratios(ours: &[f64], theirs: &[f64]) -> Result<Self> {
        if ours.len() != theirs.len() {
            bail!("{} measurements cannot be paired with {}", ours.len(), theirs.len());
        }
        let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(our, their)| our / their).collect();
        Self::of(&ratios)
    }

    pub(crate) fn json(&self) -> Value {
        json!({ "median": self.median, "min": self.min, "max": self.max, "n": self.n })
    }

    /// What [`Spread::json`] gave.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let number = |name: &str| value.get(name)?.as_f64();
        Some(Self {
            median: number("median")?,
            min: number("min")?,
            max: number("max")?,
            n: value.get("n")?.as_u64()? as usize,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_middles() {
        let spread = Spread::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!(spread, Spread { median: 2.0, min: 1.0, max: 3.0, n: 3 });
        assert_eq!(Spread::of(&[4.0, 1.0, 3.0, 100.0]).unwrap().median, 3.5);
        assert_eq!(Spread::of(&[5.0]).unwrap(), Spread { median: 5.0, min: 5.0, max: 5.0, n: 1 });
    }

    #[test]
    fn nothing_and_no_number_have_no_median() {
        assert!(Spread::of(&[]).unwrap_err().to_string().contains("nothing"));
        assert!(Spread::of(&[1.0, f64::NAN]).unwrap_err().to_string().contains("no number"));
        assert!(Spread::of_ratios(&[1.0], &[0.0]).is_err());
    }

    #[test]
    fn ratios_are_taken_pair_by_pair() {
        // The machine was three times slower in the second round: the medians of each side alone would
        // give 2 ÷ 4, the pairs give one half each.
        let spread = Spread::of_ratios(&[1.0, 3.0, 2.0], &[2.0, 6.0, 4.0]).unwrap();
        assert_eq!((spread.median, spread.min, spread.max), (0.5, 0.5, 0.5));
        assert!(Spread::of_ratios(&[1.0], &[1.0, 2.0]).is_err());
    }

    #[test]
    fn a_spread_survives_its_file() {
        let spread = Spread::of(&[0.25, 0.5]).unwrap();
        assert_eq!(Spread::from_json(&spread.json()), Some(spread));
        assert_eq!(Spread::from_json(&json!({ "median": 1.0 })), None);
    }
}
