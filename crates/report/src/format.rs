//! Numbers and names as a reader sees them.

use aconite_record::metric;

use crate::stats::Stat;

/// A share in percent with one decimal: `98.7`, `−0.3`, never `−0.0`.
pub(crate) fn percent(share: f64) -> String {
    number(100.0 * share, 1)
}

/// A number with a fixed number of decimals and a true minus sign.
pub(crate) fn number(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.bytes().all(|b| matches!(b, b'0' | b'.')) => rest.to_owned(),
        Some(rest) => format!("−{rest}"),
        None => text,
    }
}

/// A plain number with about four digits: counts whole, small values with decimals.
pub(crate) fn plain(value: f64) -> String {
    let decimals = match value.abs() {
        v if v == v.round() && v < 1e15 => 0,
        v if v >= 1000.0 => 0,
        v if v >= 100.0 => 1,
        v if v >= 10.0 => 2,
        v if v >= 0.001 => 3,
        _ => return format!("{value:.2e}").replace('-', "−"),
    };
    number(value, decimals)
}

/// Whether a metric is a share and so shown in percent.
pub(crate) fn is_share(name: &str) -> bool {
    metric::find(name).is_some_and(|m| m.share) && !is_score(name)
}

/// Metrics from 0 to 1 that are no shares and are written with three decimals.
fn is_score(name: &str) -> bool {
    matches!(name, "auroc" | "average_precision" | "ssim")
}

/// A metric's value in its unit: percent for shares (AUROC and its like apart), else plain.
pub(crate) fn value(name: &str, value: f64) -> String {
    match name {
        name if is_score(name) => number(value, 3),
        name if is_share(name) => percent(value),
        _ => plain(value),
    }
}

/// Mean ± half the interval, in the metric's unit; the mean alone where there is no interval. Wilson's interval does
/// not lie evenly around the share, so it is written with its ends.
pub(crate) fn stat(name: &str, stat: &Stat) -> String {
    let mean = value(name, stat.mean);
    if let Some((low, high)) = stat.interval.filter(|_| stat.is_wilson()) {
        return format!("{mean} [{}, {}]", value(name, low), value(name, high));
    }
    match stat.half() {
        Some(half) => {
            let half = if is_score(name) || is_share(name) { value(name, half) } else { like(&mean, half) };
            format!("{mean} ± {half}")
        }
        None => mean,
    }
}

/// A number with as many decimals as `text` has, at least one.
fn like(text: &str, value: f64) -> String {
    if text.contains('e') || value >= 1e6 {
        return format!("{value:.1e}").replace('-', "−");
    }
    number(value, text.split_once('.').map_or(1, |(_, decimals)| decimals.len()))
}

/// A metric's short label with its unit.
pub(crate) fn heading(name: &str) -> String {
    let of = |stem: &str| name.strip_prefix(stem);
    let label = if let Some(own) = metric::find(name).filter(|m| m.name == name) {
        own.label.to_owned()
    } else if let Some(stage) = of("seconds_") {
        format!("seconds, {stage}")
    } else if let Some(class) = of("class_accuracy_") {
        format!("accuracy, class {class}")
    } else if let Some(group) = of("group_accuracy_") {
        format!("accuracy, {group}")
    } else if let Some(class) = of("anomaly_index_") {
        format!("anomaly index, class {class}")
    } else if let Some(radius) = of("certified_accuracy_at_") {
        format!("certified accuracy, radius ≥ {radius}")
    } else {
        name.to_owned()
    };
    if is_share(name) { format!("{label} (%)") } else { label }
}

/// A poison rate in percent, without needless decimals: `5`, `0.5`, `0.01`.
pub(crate) fn rate(rate: f64) -> String {
    let text = number(100.0 * rate, 4);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What a defense was told beyond the data: `told: poison rate, trigger`, `told: nothing`.
pub(crate) fn told(knowledge: &[String]) -> String {
    match knowledge.is_empty() {
        true => "told: nothing".into(),
        false => format!("told: {}", knowledge.join(", ").replace('_', " ")),
    }
}

/// `one seed`, `3 seeds`, `2–3 seeds`.
pub(crate) fn seeds(counts: impl Iterator<Item = usize> + Clone) -> String {
    match (counts.clone().min(), counts.max()) {
        (Some(1), Some(1)) => "one seed".into(),
        (Some(a), Some(b)) if a == b => format!("{a} seeds"),
        (Some(a), Some(b)) => format!("{a}–{b} seeds"),
        _ => "no seed".into(),
    }
}

/// The words on n and the interval that stand under a figure.
pub(crate) fn interval_words(stats: &[Stat], drawn: &str) -> String {
    let counts = || stats.iter().map(|s| s.n);
    let wilson = stats.iter().any(Stat::is_wilson);
    let bare = stats.iter().any(|s| s.n == 1 && s.interval.is_none());
    if counts().all(|n| n == 1) {
        let what = if bare { ", of what has trials" } else { "" };
        return match wilson {
            true => format!("One seed; {drawn}: Wilson's 95 % interval over its trials{what}."),
            false => "One seed, so no interval.".into(),
        };
    }
    let lone = match (wilson, bare) {
        (true, _) => "; for one seed with trials Wilson's 95 % interval over them",
        (false, true) => ", none for one seed",
        (false, false) => "",
    };
    format!("Mean of {}; {drawn}: 95 % t-interval{lone}.", seeds(counts()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            [percent(0.9871), percent(-0.0001), percent(-0.003), percent(1.0)],
            ["98.7", "0.0", "−0.3", "100.0"]
        );
        assert_eq!([plain(600.0), plain(1234.5), plain(0.12345), plain(0.0)], ["600", "1234", "0.123", "0"]);
        assert_eq!(plain(0.00001234), "1.23e−5");
        assert_eq!([rate(0.05), rate(0.005), rate(0.0001), rate(0.1)], ["5", "0.5", "0.01", "10"]);
        let two = Stat { n: 2, mean: 0.5, sd: Some(0.1), interval: Some((0.4, 0.6)) };
        assert_eq!(stat("attack_success", &two), "50.0 ± 10.0");
        assert_eq!(stat("auroc", &two), "0.500 ± 0.100");
        assert_eq!(
            stat("removed", &Stat { mean: 900.0, interval: Some((890.0, 910.0)), ..two }),
            "900 ± 10.0"
        );
        assert_eq!(stat("attack_success", &Stat { n: 1, sd: None, interval: None, ..two }), "50.0");
        let wilson = Stat { n: 1, sd: None, ..two };
        assert_eq!(stat("attack_success", &wilson), "50.0 [40.0, 60.0]");
        assert_eq!(
            interval_words(&[wilson], "bars"),
            "One seed; bars: Wilson's 95 % interval over its trials."
        );
        assert!(interval_words(&[wilson, two], "bars").contains("for one seed with trials Wilson's"));
        assert_eq!(heading("class_accuracy_3"), "accuracy, class 3 (%)");
        assert_eq!(heading("certified_accuracy_at_5"), "certified accuracy, radius ≥ 5 (%)");
        assert_eq!(heading("anomaly_index_3"), "anomaly index, class 3");
        assert_eq!([heading("seconds_round"), heading("seconds_fit")], ["seconds per round", "seconds, fit"]);
        assert_eq!([value("average_precision", 0.5), value("psnr", 31.25)], ["0.500", "31.25"]);
        assert_eq!(told(&["clean_samples".into(), "test_set".into()]), "told: clean samples, test set");
        assert_eq!(told(&[]), "told: nothing");
        assert_eq!([seeds([1].into_iter()), seeds([2, 3].into_iter())], ["one seed", "2–3 seeds"]);
    }
}
