//! Rows grouped by grid point: the points that figures and tables are made of, and `summary.csv`.

use std::collections::BTreeMap;
use std::path::Path;

use aconite_record::{CellRow, Error, Status, columns, write_whole};
use serde_json::Value;

use crate::label::{Labels, value_text};
use crate::role::Role;
use crate::stats::{Stat, paired};

/// Metrics of which the paired difference to the undefended point is told.
pub const PAIRED: [&str; 2] = ["attack_success", "clean_accuracy"];

/// The control arm to which a filter's numbers are compared: as many rows removed at random.
pub const ARM: &str = "random_filter";

/// One point of the grid over its seeds.
#[derive(Debug, Clone)]
pub struct Point {
    /// Index of the grid point.
    pub point: usize,
    /// The rows that are done, by seed.
    pub done: Vec<CellRow>,
    /// The rows that failed, by seed.
    pub failed: Vec<CellRow>,
    /// Name of the attack, see [`Labels`].
    pub attack: String,
    /// Name of the attack without its rate.
    pub attack_without_rate: String,
    /// Name of the defense.
    pub defense: String,
    /// What else distinguishes the point.
    pub context: String,
    /// [`Point::context`] without the share of malicious clients.
    pub context_without_share: String,
    /// [`Point::context`] without what the operator of a stream does.
    pub context_without_policy: String,
    /// Share of the clients that are malicious, in a federation.
    pub malicious: Option<f64>,
    /// Poison rate, if the attack has one.
    pub rate: Option<f64>,
    /// What counts as success.
    pub goal: String,
    /// What the defense was told beyond the data.
    pub knowledge: Vec<String>,
    /// The part that the defense plays.
    pub role: Role,
    /// Settings without those of the defense, as text: equal for points that differ only in the defense.
    setting: String,
}

/// A metric of a row, the seconds among them; none if it is absent or not finite.
pub fn value(row: &CellRow, metric: &str) -> Option<f64> {
    let value = row.metric(metric).or_else(|| match metric.strip_prefix("seconds") {
        Some("") if !row.seconds.is_empty() => Some(row.total_seconds()),
        Some(stage) => row.seconds.get(stage.strip_prefix('_')?).copied(),
        None => None,
    });
    value.filter(|v| v.is_finite())
}

impl Point {
    /// The done rows' values of a metric, with their seeds.
    pub fn values(&self, metric: &str) -> Vec<(u64, f64)> {
        self.done.iter().filter_map(|row| Some((row.seed, value(row, metric)?))).collect()
    }

    /// A metric over the seeds.
    pub fn stat(&self, metric: &str) -> Option<Stat> {
        Stat::of(&self.values(metric).iter().map(|v| v.1).collect::<Vec<_>>())
    }

    /// A metric as figures and tables show it: like [`Point::stat`], but attack success over the trials of a single
    /// seed has Wilson's interval, which the runner wrote beside it.
    pub fn shown(&self, metric: &str) -> Option<Stat> {
        let stat = self.stat(metric)?;
        if stat.n > 1 {
            return Some(stat);
        }
        let end = |end: &str| self.stat(&format!("{metric}_wilson_{end}")).map(|s| s.mean);
        let interval = end("lo").zip(end("hi")).filter(|(lo, hi)| *lo <= stat.mean && stat.mean <= *hi);
        Some(Stat { interval, ..stat })
    }

    /// Whether the point has no defense.
    pub fn undefended(&self) -> bool {
        self.any().is_some_and(|row| row.kind("defense") == "none")
    }

    /// Whether the attack wants availability, so that its success is the accuracy drop.
    pub fn availability(&self) -> bool {
        self.goal == "availability"
    }

    /// Whether many clients train in place of one learner.
    pub fn federated(&self) -> bool {
        self.any().is_some_and(|row| row.kind("federation") != "none")
    }

    /// Whether data arrive in windows.
    pub fn streamed(&self) -> bool {
        self.any().is_some_and(|row| !matches!(row.kind("stream"), "none" | ""))
    }

    /// Any row, for its settings.
    pub fn any(&self) -> Option<&CellRow> {
        self.done.first().or(self.failed.first())
    }

    /// Difference of a metric to the undefended point with otherwise equal settings, paired by seed; none
    /// for the undefended point itself and where no such point is.
    pub fn versus_undefended(&self, metric: &str, points: &[Point]) -> Option<Stat> {
        if self.undefended() {
            return None;
        }
        let reference = points.iter().find(|p| p.undefended() && p.setting == self.setting)?;
        by_seed(&self.values(metric), reference.values(metric))
    }

    /// Difference of a metric to that of the random filter of the same size, paired by seed; none without this arm.
    pub fn versus_random(&self, metric: &str) -> Option<Stat> {
        by_seed(&self.values(metric), self.values(&format!("{ARM}_{metric}")))
    }
}

/// Differences between values of equal seeds.
fn by_seed(own: &[(u64, f64)], theirs: Vec<(u64, f64)>) -> Option<Stat> {
    let theirs: BTreeMap<u64, f64> = theirs.into_iter().collect();
    let pairs: Vec<(f64, f64)> = own.iter().filter_map(|(seed, v)| Some((*v, *theirs.get(seed)?))).collect();
    paired(&pairs)
}

/// Groups rows by their grid point, in the order of the points.
pub fn points(rows: &[CellRow]) -> Vec<Point> {
    let labels = Labels::of(rows);
    let mut groups: BTreeMap<usize, Vec<&CellRow>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.point).or_default().push(row);
    }
    groups.into_iter().filter_map(|(point, rows)| group(point, rows, &labels)).collect()
}

fn group(point: usize, mut rows: Vec<&CellRow>, labels: &Labels) -> Option<Point> {
    rows.sort_by(|a, b| (a.seed, &a.cell).cmp(&(b.seed, &b.cell)));
    let first = *rows.first()?;
    let with = |status| rows.iter().filter(|r| r.status == status).map(|r| (*r).clone()).collect::<Vec<_>>();
    Some(Point {
        point,
        done: with(Status::Done),
        failed: with(Status::Failed),
        attack: labels.attack(first),
        attack_without_rate: labels.attack_without_rate(first),
        defense: labels.defense(first),
        context: labels.context(first),
        context_without_share: labels.context_without_share(first),
        context_without_policy: labels.context_without_policy(first),
        malicious: malicious(first),
        rate: first.setting("attack.rate").and_then(Value::as_f64).filter(|r| r.is_finite()),
        goal: first.goal.clone(),
        knowledge: first.knowledge.clone(),
        role: rows.iter().map(|r| Role::of(r)).find(|r| *r != Role::Unknown).unwrap_or(Role::Unknown),
        setting: settings_beside(first, "defense"),
    })
}

/// The share of malicious clients that a federation has: of a share that is set, the whole clients in it.
fn malicious(row: &CellRow) -> Option<f64> {
    let number = |key: &str| row.setting(&format!("federation.{key}"))?.as_f64();
    let all = number("clients")?;
    let count = number("malicious").or_else(|| Some((number("malicious_share")? * all + 1e-9).floor()))?;
    Some(count / all).filter(|share| share.is_finite())
}

/// A row's settings but the one at `path`, as text: equal for rows that differ only there and in the seed.
pub(crate) fn settings_beside(row: &CellRow, path: &str) -> String {
    let mut settings = row.settings.clone();
    let pointer = |path: &str| format!("/{}", path.replace('.', "/"));
    let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
    for (table, key) in [(table, key), ("", "seed"), ("", "seeds")] {
        let table =
            if table.is_empty() { Some(&mut settings) } else { settings.pointer_mut(&pointer(table)) };
        if let Some(table) = table.and_then(Value::as_object_mut) {
            table.remove(key);
        }
    }
    sorted_text(&settings)
}

/// JSON with sorted keys.
fn sorted_text(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let sorted: BTreeMap<&String, String> = map.iter().map(|(k, v)| (k, sorted_text(v))).collect();
            format!("{sorted:?}")
        }
        other => other.to_string(),
    }
}

/// Writes `summary.csv`, one line per grid point: the settings of [`aconite_record::columns`], `failed` (the
/// number of failed seeds), then `<metric>_mean _sd _lo _hi _n` over the done seeds, then the differences
/// `<metric>_vs_undefended_mean _sd _lo _hi _n` of [`PAIRED`], paired by seed, and, where a random filter was run
/// beside a filter, `<metric>_vs_random_filter_…` likewise. Empty where something does not apply; `_lo` and `_hi` are a 95 % t-interval and empty for one seed.
///
/// # Errors
/// The file cannot be written.
pub fn write_summary(path: &Path, rows: &[CellRow]) -> Result<(), Error> {
    let settings: Vec<String> = columns(rows).0.into_iter().filter(|s| s != "seed" && s != "seeds").collect();
    let done: Vec<CellRow> = rows.iter().filter(|r| r.status == Status::Done).cloned().collect();
    let metrics = columns(&done).1;
    let points = points(rows);

    let mut header = settings.clone();
    header.push("failed".into());
    let armed: Vec<&str> =
        PAIRED.into_iter().filter(|m| points.iter().any(|p| p.versus_random(m).is_some())).collect();
    let paired_names = PAIRED.iter().map(|m| format!("{m}_vs_undefended"));
    let armed_names = armed.iter().map(|m| format!("{m}_vs_{ARM}"));
    for name in metrics.iter().cloned().chain(paired_names).chain(armed_names) {
        header.extend(["mean", "sd", "lo", "hi", "n"].map(|part| format!("{name}_{part}")));
    }
    let mut out = csv::Writer::from_writer(Vec::new());
    let damaged = |e: csv::Error| Error::damaged(path, e);
    out.write_record(&header).map_err(damaged)?;
    for point in &points {
        let mut record: Vec<String> = settings
            .iter()
            .map(|s| point.any().and_then(|r| r.setting(s)).map(csv_text).unwrap_or_default())
            .collect();
        record.push(point.failed.len().to_string());
        let own = metrics.iter().map(|m| point.stat(m));
        let differences = PAIRED.iter().map(|m| point.versus_undefended(m, &points));
        let arms = armed.iter().map(|m| point.versus_random(m));
        record.extend(own.chain(differences).chain(arms).flat_map(stat_text));
        out.write_record(&record).map_err(damaged)?;
    }
    let bytes = out.into_inner().map_err(|e| Error::damaged(path, e))?;
    write_whole(path, &bytes)
}

fn csv_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Number(n) => n.to_string(),
        other => value_text(other),
    }
}

fn stat_text(stat: Option<Stat>) -> [String; 5] {
    let text = |v: Option<f64>| v.map(|v| v.to_string()).unwrap_or_default();
    match stat {
        None => Default::default(),
        Some(s) => {
            let (lo, hi) = s.interval.unzip();
            [text(Some(s.mean)), text(s.sd), text(lo), text(hi), s.n.to_string()]
        }
    }
}

#[cfg(test)]
mod tests;
