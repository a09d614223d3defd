//! Tables of what was claimed, what failed and what the metrics mean.

use aconite_record::metric;

use super::Table;
use crate::format::heading;
use crate::study::Study;

/// The cells that failed and why.
pub(crate) fn failed(study: &Study) -> Option<Table> {
    let row = |r: &aconite_record::CellRow| {
        let error = r.error.clone().unwrap_or_else(|| "no reason was recorded".into());
        vec![r.cell.clone(), r.seed.to_string(), error]
    };
    let rows: Vec<_> = study.failed().map(row).collect();
    let header = ["cell", "seed", "error"].map(str::to_owned).to_vec();
    (!rows.is_empty()).then_some(Table { header, rows, words: 3 })
}

/// The claims with their verdicts.
pub(crate) fn claims(study: &Study) -> Option<Table> {
    let row = |c: &crate::study::Claim| {
        let show = |v: f64| crate::format::value(&c.metric, v);
        let ours = c.ours.map(show).unwrap_or_default();
        let interval =
            c.lo.zip(c.hi).map(|(lo, hi)| format!(" [{}, {}]", show(lo), show(hi))).unwrap_or_default();
        let n = c.n.map(|n| n.to_string()).unwrap_or_default();
        vec![
            c.claim.clone(),
            c.source.clone(),
            heading(&c.metric),
            c.bound.clone(),
            c.verdict.clone(),
            ours + &interval,
            n,
        ]
    };
    let rows: Vec<_> = study.claims.iter().map(row).collect();
    let header =
        ["claim", "source", "metric", "bound", "verdict", "ours [95 %]", "n"].map(str::to_owned).to_vec();
    (!rows.is_empty()).then_some(Table { header, rows, words: 5 })
}

/// Definitions of the metrics that occur.
pub(crate) fn metrics(study: &Study) -> Table {
    let names = |m: &metric::Metric| {
        let stem = m.name.strip_suffix('*');
        study.rows.iter().any(|r| match stem {
            Some("seconds_") => !r.seconds.is_empty(),
            Some(stem) => r.metrics.keys().any(|k| k.starts_with(stem)),
            None if m.name == "seconds" => !r.seconds.is_empty(),
            None => r.metrics.contains_key(m.name),
        })
    };
    let row = |m: &metric::Metric| {
        let better = match m.better {
            metric::Better::Higher => "higher",
            metric::Better::Lower => "lower",
            metric::Better::Neither => "",
        };
        vec![m.name.to_owned(), m.about.to_owned(), better.to_owned()]
    };
    let header = ["metric", "what it measures", "defender wants it"].map(str::to_owned).to_vec();
    Table { header, rows: metric::CATALOGUE.iter().filter(|m| names(m)).map(row).collect(), words: 3 }
}
