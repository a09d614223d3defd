//! Which rows go, given their scores.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Rate, Result, top_scores};

/// A rule that cuts scores into rows that stay and rows that go, apart from how the scores came about.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[schemars(inline)]
pub enum Removal {
    /// This share of the rows, those with the highest scores: ⌊share·n⌋ of each group.
    Fraction(Rate),
    /// This many rows, those with the highest scores, of each group.
    Count(usize),
    /// Rows that score above this.
    Threshold(f64),
    /// Rows that score more than this many scaled median absolute deviations (1.4826·MAD, which estimates the
    /// standard deviation of normal scores) above the median of their group.
    Mad(f64),
}

/// Scales a median absolute deviation to the standard deviation of a normal distribution: 1/Φ⁻¹(3/4).
pub const MAD_SCALE: f64 = 1.4826;

impl Removal {
    /// Checks the number; `key` is the setting that holds the rule.
    ///
    /// # Errors
    /// It is not finite, or a number of deviations is not above 0.
    pub fn check(&self, key: &str) -> Result<()> {
        match *self {
            Self::Threshold(t) if !t.is_finite() => Err(Error::at(key, "a threshold must be finite")),
            Self::Mad(k) if !(k.is_finite() && k > 0.0) => {
                Err(Error::at(key, format!("{k} deviations are not above 0")))
            }
            _ => Ok(()),
        }
    }

    /// Whether it removes a share of the rows whatever they are.
    pub fn always_removes(&self) -> bool {
        matches!(self, Self::Fraction(_) | Self::Count(_))
    }

    /// Marks the rows of one group that go.
    pub fn cut(&self, scores: &[f64], group: &[usize], removed: &mut [bool]) {
        match *self {
            Self::Fraction(share) => top_scores(scores, group, share.count(group.len()), removed),
            Self::Count(count) => top_scores(scores, group, count, removed),
            Self::Threshold(limit) => mark(group, removed, |row| scores[row] > limit),
            Self::Mad(k) => {
                let of_group: Vec<f64> = group.iter().map(|&row| scores[row]).collect();
                let (center, mad) = median_and_mad(&of_group);
                mark(group, removed, |row| scores[row] > center + k * MAD_SCALE * mad);
            }
        }
    }
}

fn mark(group: &[usize], removed: &mut [bool], goes: impl Fn(usize) -> bool) {
    for &row in group {
        removed[row] |= goes(row);
    }
}

/// The median and the median absolute deviation from it; the mean of the middle two for an even number, 0 and 0
/// of nothing.
pub fn median_and_mad(values: &[f64]) -> (f64, f64) {
    median_and_mad_in(&mut values.to_vec())
}

/// As [`median_and_mad`], for values that are not needed any more: they are overwritten, and nothing is allocated.
pub fn median_and_mad_in(values: &mut [f64]) -> (f64, f64) {
    let center = median(values);
    values.iter_mut().for_each(|value| *value = (*value - center).abs());
    (center, median(values))
}

fn median(values: &mut [f64]) -> f64 {
    let n = values.len();
    if n == 0 {
        return 0.0;
    }
    let (below, upper, _) = values.select_nth_unstable_by(n / 2, f64::total_cmp);
    let upper = *upper;
    match n % 2 {
        1 => upper,
        _ => (below.iter().copied().fold(f64::NEG_INFINITY, f64::max) + upper) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCORES: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 100.0, -5.0];

    fn gone(rule: Removal, group: &[usize]) -> Vec<usize> {
        let mut removed = vec![false; SCORES.len()];
        rule.cut(&SCORES, group, &mut removed);
        (0..SCORES.len()).filter(|&row| removed[row]).collect()
    }

    #[test]
    fn each_rule_by_hand() {
        let all = [0, 1, 2, 3, 4, 5];
        assert_eq!(gone(Removal::Fraction(Rate::literal(0.5)), &all), [2, 3, 4]);
        assert_eq!(gone(Removal::Fraction(Rate::literal(0.5)), &[0, 1]), [1]);
        assert_eq!(gone(Removal::Count(1), &all), [4]);
        assert_eq!(gone(Removal::Count(9), &[0, 5]), [0, 5]);
        assert_eq!(gone(Removal::Threshold(2.0), &all), [2, 3, 4], "above, not at");
        // Median 2.5; deviations 1.5 .5 .5 1.5 97.5 7.5, their median 1.5; 2.5 + 3·1.4826·1.5 = 9.17.
        assert_eq!(gone(Removal::Mad(3.0), &all), [4]);
        assert_eq!(median_and_mad(&SCORES), (2.5, 1.5));
        assert_eq!(median_and_mad(&SCORES[..3]), (2.0, 1.0));
        assert_eq!(median_and_mad(&[]), (0.0, 0.0));
    }

    #[test]
    fn numbers_that_mean_nothing_are_refused() {
        assert!(
            Removal::Mad(0.0).check("removal").is_err() && Removal::Threshold(f64::NAN).check("r").is_err()
        );
        assert!(Removal::Mad(2.0).check("removal").is_ok());
    }
}
