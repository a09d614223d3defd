//! Which texts a backdoor poisons, and with what.

use aconite_core::{
    Dataset, Error, Goal, Info, LabelMap, Poison, Rate, RateOf, Result, RowKind, Seed, Trigger, budget,
};

/// The settings that decide about rows and labels: all of them become `target`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) target: usize,
    pub(crate) rate: Rate,
    pub(crate) rate_of: RateOf,
}

impl Plan {
    /// What the adversary is after.
    pub(crate) fn goal(self) -> Goal {
        Goal::Backdoor(LabelMap::AllToOne { target: self.target })
    }

    /// The exact number of poisons.
    ///
    /// # Errors
    /// The rows are no texts, the class does not exist, or too few rows are of another class.
    pub(crate) fn count(self, info: &Info) -> Result<usize> {
        check_texts(info)?;
        check_target(self.target, info)?;
        let eligible = info.total() - info.rows[self.target];
        budget(self.rate, self.rate_of, info, None, Some(self.target), eligible)
    }

    /// Draws the poisons, by the stream `rows`, among the rows of other classes, and stamps them.
    ///
    /// # Errors
    /// As [`Plan::count`].
    pub(crate) fn poison(self, clean: &Dataset, seed: Seed, trigger: &dyn Trigger) -> Result<Poison> {
        let count = self.count(&clean.info())?;
        let eligible = clean.rows_where(|label| label != self.target);
        let rows = seed.derive("rows").choose(&eligible, count);
        let content = Some(trigger.stamped(clean.rows(), &rows)?);
        Ok(Poison { labels: vec![self.target; rows.len()], rows, content, ..Poison::default() })
    }
}

/// Refuses rows that are no texts.
pub(crate) fn check_texts(info: &Info) -> Result<()> {
    match &info.kind {
        RowKind::Text => Ok(()),
        RowKind::Mail => Err(Error::new(
            "it changes texts, but the data set holds e-mail messages, whose words are encoded",
        )
        .hint("sms_spam and rt_polarity hold texts; text_csv reads your own")),
        kind => Err(Error::new(format!("it changes texts, but the data set holds {kind}"))
            .hint("sms_spam and rt_polarity hold texts; text_csv reads your own")),
    }
}

/// Checks that the target exists and is not the only class.
pub(crate) fn check_target(target: usize, info: &Info) -> Result<()> {
    info.check_class("target", target)?;
    match info.classes.len() {
        1 => Err(Error::at("target", "the data set has a single class: no label would change")),
        _ => Ok(()),
    }
}
