//! Tables of how attacks and defenses come to their numbers: what an attack changes, filters and detectors, control
//! arms, certificates, federations.

use super::{Table, has, names, signed, text};
use crate::format::{heading, stat};
use crate::study::Study;
use crate::summary::{ARM, PAIRED, Point};

/// Metrics of what an attack changes.
const STRENGTH: [&str; 6] = ["poisons", "target_class_share", "linf", "l2", "psnr", "ssim"];
/// Metrics of the filter table; those of the victim stand in the main table.
const FILTERS: [&str; 10] = [
    "removed",
    "relabelled",
    "recall",
    "false_positive_rate",
    "precision",
    "auroc",
    "average_precision",
    "tpr",
    "fpr",
    "flagged_classes",
];
/// Metrics of the table of control arms that stand after those compared with the defense's own.
const TWIN: [&str; 3] = ["twin_clean_accuracy", "twin_removed", "twin_fpr"];
/// The arms of which attack success and clean accuracy are shown beside the defense's own.
const ARMS: [&str; 2] = ["random_filter", "perfect_filter"];

/// Metrics of the table of federations: the last round as of any cell, the best, the last ten; then the rule.
const FEDERATION: [&str; 9] = [
    "clean_accuracy",
    "clean_accuracy_best",
    "clean_accuracy_last10",
    "attack_success",
    "attack_success_best",
    "attack_success_last10",
    "malicious_weight",
    "malicious_rejected",
    "honest_rejected",
];

/// Metrics of the table of streams: detection, damage, the attack, and what the operator paid.
const STREAM: [&str; 17] = [
    "detected",
    "time_to_detection",
    "false_alarms",
    "late_alarms",
    "damage",
    "clean_accuracy",
    "clean_accuracy_worst",
    "class_accuracy_worst",
    "group_accuracy_worst",
    "group_gap_worst",
    "attack_success",
    "attack_success_best",
    "attack_success_mean",
    "repairs",
    "repair_rows",
    "repair_seconds",
    "seconds_window",
];

/// A column of numbers.
enum Column {
    /// A metric over the seeds.
    Metric(String),
    /// Its difference to that of the random filter, paired by seed.
    Difference(&'static str),
}

impl Column {
    fn metric(name: impl Into<String>) -> Self {
        Self::Metric(name.into())
    }

    fn heading(&self) -> String {
        match self {
            Self::Metric(name) => heading(name),
            Self::Difference(_) => "vs random".into(),
        }
    }

    fn text(&self, point: &Point) -> String {
        match self {
            Self::Metric(name) => text(point, name),
            Self::Difference(metric) => {
                point.versus_random(metric).map(|s| signed(stat(metric, &s))).unwrap_or_default()
            }
        }
    }
}

/// One row for each of these points that has one of these metrics; none if there is no such point.
fn of_points<'a>(
    study: &Study,
    points: impl Iterator<Item = &'a Point>,
    columns: &[Column],
    own: &[String],
) -> Option<Table> {
    let (mut header, names) = names(study);
    let words = header.len();
    header.extend(columns.iter().map(Column::heading));
    let row = |point: &Point| {
        let mut row = names(point);
        row.extend(columns.iter().map(|c| c.text(point)));
        row
    };
    let rows: Vec<_> = points.filter(|p| own.iter().any(|m| p.stat(m).is_some())).map(row).collect();
    (!rows.is_empty()).then_some(Table { header, rows, words })
}

/// One row an attack: what it needs, how much it changes and how visibly; none if no attack says so.
pub(crate) fn attacks(study: &Study) -> Option<Table> {
    let metrics: Vec<&str> = STRENGTH.into_iter().filter(|m| has(study, m)).collect();
    let mut first: Vec<&Point> = Vec::new();
    for point in study.points.iter().filter(|p| metrics.iter().any(|m| p.stat(m).is_some())) {
        if !first.iter().any(|p| p.attack == point.attack && p.context == point.context) {
            first.push(point);
        }
    }
    let columns: Vec<Column> = metrics.iter().map(|m| Column::metric(*m)).collect();
    let own: Vec<String> = metrics.iter().map(|m| (*m).to_owned()).collect();
    let mut table = of_points(study, first.iter().copied(), &columns, &own)?;
    // The rows are those of attacks: in place of the defense stands what they need.
    table.header[1] = "needs beside the training set".into();
    for (row, point) in table.rows.iter_mut().zip(&first) {
        row[1] = point.any().map(|r| r.needs.join(", ")).unwrap_or_default();
    }
    if table.rows.iter().all(|row| row[1].is_empty()) {
        table.header.remove(1);
        table.rows.iter_mut().for_each(|row| drop(row.remove(1)));
        table.words -= 1;
    }
    Some(table)
}

/// One row a point with a filter or detector; none if there is no such point.
pub(crate) fn filters(study: &Study) -> Option<Table> {
    let own: Vec<String> = FILTERS.into_iter().filter(|m| has(study, m)).map(str::to_owned).collect();
    let columns: Vec<Column> = own.iter().map(Column::metric).collect();
    of_points(study, study.points.iter(), &columns, &own)
}

/// One row a point with control arms: the defense itself beside the random and the perfect filter, and what it does
/// to the clean twin; none if there is no such point.
pub(crate) fn controls(study: &Study) -> Option<Table> {
    let mut columns = Vec::new();
    let mut own = Vec::new();
    for metric in PAIRED {
        let arms: Vec<String> =
            ARMS.iter().map(|arm| format!("{arm}_{metric}")).filter(|m| has(study, m)).collect();
        if !arms.is_empty() {
            columns.push(Column::metric(metric));
        }
        for arm in &arms {
            columns.push(Column::metric(arm));
            if arm.starts_with(ARM) {
                columns.push(Column::Difference(metric));
            }
        }
        own.extend(arms);
    }
    for twin in TWIN.into_iter().filter(|m| has(study, m)) {
        columns.push(Column::metric(twin));
        own.push(twin.to_owned());
    }
    of_points(study, study.points.iter(), &columns, &own)
}

/// One row a point with certificates: clean accuracy, then certified accuracy by rising radius, then the median
/// radius; none if there is no such point.
pub(crate) fn certificates(study: &Study) -> Option<Table> {
    const STEM: &str = "certified_accuracy_at_";
    let radius = |name: &str| name.strip_prefix(STEM).and_then(|r| r.parse::<f64>().ok());
    let mut own: Vec<String> = Vec::new();
    for name in study.rows.iter().flat_map(|r| r.metrics.keys()).filter(|m| m.starts_with(STEM)) {
        if !own.contains(name) {
            own.push(name.clone());
        }
    }
    own.sort_by(|a, b| radius(a).partial_cmp(&radius(b)).unwrap_or(std::cmp::Ordering::Equal));
    own.extend(["certified_radius_median".to_owned()].into_iter().filter(|m| has(study, m)));
    let columns: Vec<Column> =
        [Column::metric("clean_accuracy")].into_iter().chain(own.iter().map(Column::metric)).collect();
    of_points(study, study.points.iter(), &columns, &own)
}

/// One row a federated point: where its course ended, the best round and the last ten, how the rule treated honest and
/// malicious clients, and what a round costs; none if there is no such point.
pub(crate) fn federations(study: &Study) -> Option<Table> {
    let points = || study.points.iter().filter(|p| p.federated());
    let has = |m: &str| points().any(|p| p.stat(m).is_some());
    let mut columns: Vec<Column> = FEDERATION.into_iter().filter(|m| has(m)).map(Column::metric).collect();
    columns.extend(has("seconds_round").then(|| Column::metric("seconds_round")));
    of_points(study, points(), &columns, &FEDERATION.map(str::to_owned))
}

/// One row a stream: how soon the attack was detected, what it cost, and what the operator paid; none if there is no such
/// point.
pub(crate) fn streams(study: &Study) -> Option<Table> {
    let points = || study.points.iter().filter(|p| p.streamed());
    let has = |m: &str| points().any(|p| p.stat(m).is_some());
    let columns: Vec<Column> = STREAM.into_iter().filter(|m| has(m)).map(Column::metric).collect();
    of_points(study, points(), &columns, &STREAM.map(str::to_owned))
}
