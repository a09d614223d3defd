//! Tables as rows of text, made once; HTML, Markdown and LaTeX only dress them.

mod claims;
mod defenses;

pub(crate) use claims::{claims, failed, metrics};
pub(crate) use defenses::{attacks, certificates, controls, federations, filters, streams};

use crate::format::{heading, number, stat};
use crate::study::Study;
use crate::summary::{PAIRED, Point};

/// A table: a header, rows of the same length, and how many columns at the left hold words.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// Columns at the left that hold words; the others hold numbers.
    pub(crate) words: usize,
}

/// More defenses than this make the matrix too wide: the attacks become its columns.
const WIDE: usize = 8;
const VICTIM: [&str; 4] = ["attack_success", "clean_accuracy", "accuracy_drop", "robust_accuracy"];

impl Table {
    /// The first `most` rows, and how many are left out.
    pub(crate) fn cut(mut self, most: usize) -> (Self, usize) {
        let more = self.rows.len().saturating_sub(most);
        self.rows.truncate(most);
        (self, more)
    }
}

fn has(study: &Study, name: &str) -> bool {
    study.points.iter().any(|p| p.stat(name).is_some())
}

/// Names of a point and their header.
fn names(study: &Study) -> (Vec<String>, impl Fn(&Point) -> Vec<String> + use<>) {
    let context = study.points.iter().any(|p| !p.context.is_empty());
    let mut header = vec!["attack".to_owned(), "defense".to_owned()];
    if context {
        header.push("setting".into());
    }
    (header, move |point: &Point| {
        let mut names = vec![point.attack.clone(), point.defense.clone()];
        if context {
            names.push(point.context.clone());
        }
        names
    })
}

/// One row a point: what the attack got, what the defense cost and what it knew.
pub(crate) fn results(study: &Study) -> Table {
    let (mut header, names) = names(study);
    let knows = study.points.iter().any(|p| !p.knowledge.is_empty());
    if knows {
        header.push("told beyond the data".into());
    }
    let words = header.len();
    header.push("n".into());
    let trials = has(study, "trials");
    if trials {
        header.push("trials".into());
    }
    let failed = study.points.iter().any(|p| !p.failed.is_empty());
    if failed {
        header.push("failed".into());
    }
    let metrics: Vec<&str> = VICTIM.into_iter().filter(|m| has(study, m)).collect();
    let seconds = has(study, "seconds");
    let differences: Vec<&str> = PAIRED
        .into_iter()
        .filter(|m| study.points.iter().any(|p| p.versus_undefended(m, &study.points).is_some()))
        .collect();
    for metric in &metrics {
        header.push(heading(metric));
        if differences.contains(metric) {
            header.push("vs undefended".into());
        }
    }
    if seconds {
        header.push("seconds".into());
    }
    let row = |point: &Point| {
        let mut row = names(point);
        if knows {
            row.push(match point.knowledge.is_empty() {
                true if point.undefended() => String::new(),
                true => "nothing".into(),
                false => point.knowledge.join(", "),
            });
        }
        row.push(point.done.len().to_string());
        if trials {
            row.push(text(point, "trials"));
        }
        if failed {
            row.push(point.failed.len().to_string());
        }
        for metric in &metrics {
            row.push(text(point, metric));
            if differences.contains(metric) {
                let difference = point.versus_undefended(metric, &study.points);
                row.push(difference.map(|s| signed(stat(metric, &s))).unwrap_or_default());
            }
        }
        if seconds {
            row.push(point.stat("seconds").map(|s| number(s.mean, 1)).unwrap_or_default());
        }
        row
    };
    Table { rows: study.points.iter().map(row).collect(), header, words }
}

/// Attack success of every attack against every defense; with a column for the setting where several are. Attacks
/// are the rows unless the defenses are too many to be columns.
pub(crate) fn matrix(study: &Study) -> Option<Table> {
    let turned = study.defenses.len() > WIDE;
    let (mut header, _) = names(study);
    header.remove(usize::from(!turned));
    let words = header.len();
    let mut columns: Vec<String> = Vec::new();
    match turned {
        false => columns.extend(study.defenses.iter().cloned()),
        true => {
            for point in &study.points {
                if point.stat("attack_success").is_some() && !columns.contains(&point.attack) {
                    columns.push(point.attack.clone());
                }
            }
        }
    }
    header.extend(columns.iter().cloned());
    let mut rows: Vec<Vec<String>> = Vec::new();
    for point in &study.points {
        let Some(success) = point.shown("attack_success") else {
            continue;
        };
        let (row, column) =
            if turned { (&point.defense, &point.attack) } else { (&point.attack, &point.defense) };
        let Some(column) = columns.iter().position(|c| c == column) else { continue };
        let name = [row.clone(), point.context.clone()];
        let at = rows.iter().position(|r| r[..words] == name[..words]).unwrap_or_else(|| {
            let mut row = name[..words].to_vec();
            row.resize(words + columns.len(), String::new());
            rows.push(row);
            rows.len() - 1
        });
        rows[at][words + column] = stat("attack_success", &success);
    }
    (!rows.is_empty()).then_some(Table { header, rows, words })
}

fn text(point: &Point, metric: &str) -> String {
    point.shown(metric).map(|s| stat(metric, &s)).unwrap_or_default()
}

/// A difference carries its sign.
fn signed(text: String) -> String {
    let zero = text.split(' ').next().is_some_and(|t| t.bytes().all(|b| matches!(b, b'0' | b'.')));
    if text.starts_with('−') || zero { text } else { format!("+{text}") }
}
