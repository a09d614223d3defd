//! What rules ask of the numbers of clients and of their settings.

use aconite_core::{Error, Info, Knowledge, Result};

/// The number of malicious clients to expect: the setting, or what the server is told.
pub(crate) fn expected(f: Option<usize>, malicious: Option<usize>) -> Result<usize> {
    f.or(malicious)
        .ok_or_else(|| Error::at("f", "the rule must know how many clients are malicious").hint("f = 3, say"))
}

/// What a rule that must know that number is told under this setting.
pub(crate) fn count_unless(f: Option<usize>) -> Vec<Knowledge> {
    if f.is_none() { vec![Knowledge::MaliciousCount] } else { Vec::new() }
}

/// n ≥ factor · f + plus.
pub(crate) fn clients(rule: &str, n: usize, f: usize, factor: usize, plus: usize) -> Result<()> {
    let needed = factor.saturating_mul(f).saturating_add(plus);
    if n >= needed {
        return Ok(());
    }
    let hint = match n.checked_sub(plus) {
        Some(rest) => format!("with {n} clients f can be at most {}", rest / factor),
        None => format!("it takes at least {plus} clients"),
    };
    Err(Error::at(
        "f",
        format!("{rule} needs n ≥ {factor}f + {plus} clients: {needed} for f = {f}, but there are {n}"),
    )
    .hint(hint))
}

/// At least `least` clients.
pub(crate) fn at_least(rule: &str, n: usize, least: usize) -> Result<()> {
    if n >= least {
        return Ok(());
    }
    Err(Error::new(format!("{rule} needs at least {least} clients in a round, but there are {n}")))
}

/// A finite number above 0.
pub(crate) fn positive(key: &str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(Error::at(key, format!("{value} is not a finite number above 0")))
}

/// A finite number, 0 or above.
pub(crate) fn not_negative(key: &str, value: f64) -> Result<()> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(Error::at(key, format!("{value} is not a finite number from 0 upwards")))
}

/// A count of at least 1.
pub(crate) fn counted(key: &str, value: usize) -> Result<()> {
    if value > 0 { Ok(()) } else { Err(Error::at(key, "0 is below the least, 1")) }
}

/// A number of the server's own samples that the data can supply.
pub(crate) fn samples(value: usize, info: &Info) -> Result<()> {
    counted("samples", value)?;
    let total = info.total();
    if value <= total {
        return Ok(());
    }
    Err(Error::at("samples", format!("{value} clean samples are more than the {total} training rows")))
}
