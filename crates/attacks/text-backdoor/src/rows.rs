//! Which texts a backdoor poisons, and with what.

use aconite_core::{
    Dataset, Error, Info, Labels, Poison, Rate, RateOf, Relabel, Result, RowKind, Seed, Trigger,
};

/// All of the rows chosen become `target`.
pub(crate) fn relabel(target: usize, rate: Rate, rate_of: RateOf) -> Relabel {
    Relabel { target, rate, rate_of, labels: Labels::AllToOne, source: None }
}

/// Checks that there are texts, and enough of other classes.
pub(crate) fn check(relabel: Relabel, info: &Info) -> Result<()> {
    check_texts(info)?;
    check_target(relabel.target, info)?;
    relabel.count(info).map(drop)
}

/// Draws the poisons and stamps them.
///
/// # Errors
/// As [`check`].
pub(crate) fn poison(relabel: Relabel, clean: &Dataset, seed: Seed, trigger: &dyn Trigger) -> Result<Poison> {
    check(relabel, &clean.info())?;
    let chosen = relabel.choose(clean, seed)?;
    let content = Some(trigger.stamped(clean.rows(), &chosen.rows)?);
    Ok(Poison { rows: chosen.rows, labels: chosen.labels, content, ..Poison::default() })
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
