//! Shares in [0, 1] and the exact counts they stand for.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{Error, Info, Result};

/// A share between 0 and 1, checked when it is parsed.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(f64);

impl Rate {
    /// A rate that is known to be in range when the program is written.
    ///
    /// # Panics
    /// At compile time, when used in a constant, if `value` is outside [0, 1].
    pub const fn literal(value: f64) -> Self {
        assert!(value >= 0.0 && value <= 1.0, "a rate lies in [0, 1]");
        Self(value)
    }

    /// The share.
    pub fn get(self) -> f64 {
        self.0
    }

    /// ⌊rate·n⌋, immune to the last bit: 0.29 of 100 is 29, not 28.
    pub fn count(self, n: usize) -> usize {
        ((self.0 * n as f64 + 1e-9).floor() as usize).min(n)
    }
}

impl TryFrom<f64> for Rate {
    type Error = String;
    fn try_from(value: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(format!("{value} is outside [0, 1]: a rate is a share, 5 % is 0.05"))
        }
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> Self {
        rate.0
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> Cow<'static, str> {
        "Rate".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
    fn inline_schema() -> bool {
        true
    }
}

/// What a rate is a share of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum RateOf {
    /// All training rows.
    #[default]
    TrainSet,
    /// The rows of the source class.
    SourceClass,
    /// The rows of the target class.
    TargetClass,
}

/// The number of `n` rows that the setting `validation` holds out of a training.
///
/// # Errors
/// It is none or all of them.
pub fn held_out(validation: Rate, n: usize) -> Result<usize> {
    match validation.count(n) {
        held if held == 0 || held == n => Err(Error::at(
            "validation",
            format!("{} of {n} rows are {held} rows: some, but not all, are needed", validation.get()),
        )),
        held => Ok(held),
    }
}

/// The exact number of rows that `rate` of `of` stands for, checked against the `eligible` rows. It needs the
/// class sizes only, so that an attack's `check` and its `poison` ask the same question.
///
/// # Errors
/// `of` names a class that the attack does not have, or fewer rows are eligible than the rate asks for; the
/// message says how many there are.
pub fn budget(
    rate: Rate,
    of: RateOf,
    info: &Info,
    source: Option<usize>,
    target: Option<usize>,
    eligible: usize,
) -> Result<usize> {
    let class = |class: Option<usize>, word: &str| {
        class.map(|c| info.rows.get(c).copied().unwrap_or(0)).ok_or_else(|| {
            Error::at("rate_of", format!("this attack has no single {word} class to take a share of"))
                .hint("use rate_of = \"train_set\"")
        })
    };
    let (n, whole) = match of {
        RateOf::TrainSet => (info.total(), "training rows"),
        RateOf::SourceClass => (class(source, "source")?, "rows of the source class"),
        RateOf::TargetClass => (class(target, "target")?, "rows of the target class"),
    };
    let count = rate.count(n);
    if count > eligible {
        return Err(Error::at(
            "rate",
            format!(
                "{} of {n} {whole} are {count} poisons, but only {eligible} rows can be poisoned",
                rate.get()
            ),
        )
        .hint(format!("a rate of at most {:.4} fits", (eligible as f64 / n as f64 * 1e4).floor() / 1e4)));
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_exact() {
        assert_eq!(Rate::literal(0.29).count(100), 29);
        assert_eq!(Rate::literal(0.05).count(10_000), 500);
        assert_eq!(Rate::literal(0.05).count(19), 0);
        assert_eq!(Rate::literal(1.0).count(7), 7);
    }

    #[test]
    fn outside_is_refused() {
        for bad in [-0.1, 1.5, f64::NAN, f64::INFINITY] {
            assert!(Rate::try_from(bad).is_err());
        }
    }

    #[test]
    fn a_budget_names_what_is_there() {
        let info = crate::dataset::tests::tiny(&[0, 0, 1, 1, 1, 2]).info();
        let count = budget(Rate::literal(0.5), RateOf::TrainSet, &info, None, Some(1), 3).unwrap();
        assert_eq!(count, 3);
        assert_eq!(budget(Rate::literal(0.4), RateOf::TargetClass, &info, None, Some(1), 3).unwrap(), 1);
        let error = budget(Rate::literal(1.0), RateOf::TrainSet, &info, None, Some(1), 3).unwrap_err();
        assert!(error.message.contains("only 3 rows") && error.hint.unwrap().contains("0.5"));
        let error = budget(Rate::literal(0.5), RateOf::SourceClass, &info, None, Some(1), 3).unwrap_err();
        assert_eq!(error.setting.as_deref(), Some("rate_of"));
    }
}
