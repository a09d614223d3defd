//! What a topic of the bench found: rows against goals, as a file, a table and a page.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::stats::Spread;

/// What a row is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// Our figure divided by the peer's is at most this.
    Ratio(f64),
    /// Our own figure is at most this.
    Ours(f64),
    /// For information.
    None,
}

/// One line of a topic's table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) goal: Goal,
    pub(crate) ours: Spread,
    pub(crate) peer: Option<Spread>,
    pub(crate) ratio: Option<Spread>,
}

impl Row {
    /// Aconite alone.
    pub(crate) fn alone(
        what: impl Into<String>,
        unit: &'static str,
        goal: Goal,
        ours: &[f64],
    ) -> Result<Self> {
        Ok(Self { what: what.into(), unit, goal, ours: Spread::of(ours)?, peer: None, ratio: None })
    }

    /// Aconite and its peer, measured in turn.
    pub(crate) fn pair(
        what: impl Into<String>,
        unit: &'static str,
        goal: Goal,
        ours: &[f64],
        peer: &[f64],
    ) -> Result<Self> {
        let ratio = Some(Spread::of_ratios(ours, peer)?);
        Ok(Self { ratio, peer: Some(Spread::of(peer)?), ..Self::alone(what, unit, goal, ours)? })
    }

    /// Whether the goal is met; `None` without a goal.
    fn met(&self) -> Option<bool> {
        match (self.goal, self.ratio) {
            (Goal::Ratio(most), Some(ratio)) => Some(ratio.median <= most),
            (Goal::Ours(most), _) => Some(self.ours.median <= most),
            _ => None,
        }
    }

    fn json(&self) -> Value {
        let goal = match self.goal {
            Goal::Ratio(most) => json!({ "of": "ratio", "at_most": most }),
            Goal::Ours(most) => json!({ "of": "ours", "at_most": most }),
            Goal::None => Value::Null,
        };
        json!({
            "what": self.what,
            "unit": self.unit,
            "goal": goal,
            "ours": self.ours.json(),
            "peer": self.peer.map(|peer| peer.json()),
            "ratio": self.ratio.map(|ratio| ratio.json()),
            "met": self.met(),
        })
    }
}

/// What a topic found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) rows: Vec<Row>,
    /// Sentences that belong to the table: what was compared, what could not be measured.
    pub(crate) notes: Vec<String>,
    /// Share of the machine that other programs had during each measured run.
    pub(crate) others: Vec<f64>,
    /// Parts that could not be measured, and why.
    pub(crate) failures: Vec<String>,
}

impl Findings {
    /// As the topic's file has them, with `about`: command, machine, versions.
    pub(crate) fn json(&self, topic: &str, title: &str, about: &Value) -> Value {
        json!({
            "topic": topic,
            "title": title,
            "about": about,
            "others": Spread::of(&self.others).ok().map(|others| others.json()),
            "rows": self.rows.iter().map(Row::json).collect::<Vec<_>>(),
            "notes": self.notes,
            "failures": self.failures,
        })
    }
}

const HEAD: [&str; 6] = ["what", "goal", "Aconite", "peer", "ratio", "verdict"];

/// A topic's table in words; numbers are medians, with their range behind.
fn cells(topic: &Value) -> Vec<[String; 6]> {
    let spread = |value: &Value, unit: &str| {
        Spread::from_json(value).map_or(String::from("–"), |s| {
            let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
            let range =
                if s.n > 1 { format!(" ({} to {})", short(s.min), short(s.max)) } else { String::new() };
            format!("{}{unit}{range}", short(s.median))
        })
    };
    let row = |row: &Value| {
        let unit = row["unit"].as_str().unwrap_or_default();
        let goal = match (row["goal"]["of"].as_str(), row["goal"]["at_most"].as_f64()) {
            (Some("ratio"), Some(most)) => format!("ratio ≤ {}", short(most)),
            (Some(_), Some(most)) => format!("≤ {} {unit}", short(most)).trim_end().to_owned(),
            _ => "–".into(),
        };
        let verdict = match row["met"].as_bool() {
            Some(true) => "met",
            Some(false) => "missed",
            None => "–",
        };
        [
            row["what"].as_str().unwrap_or_default().to_owned(),
            goal,
            spread(&row["ours"], unit),
            spread(&row["peer"], unit),
            spread(&row["ratio"], ""),
            verdict.to_owned(),
        ]
    };
    topic["rows"].as_array().into_iter().flatten().map(row).collect()
}

/// Three significant digits, and no more than three decimals.
fn short(value: f64) -> String {
    let decimals =
        if value == 0.0 { 0 } else { (2 - value.abs().log10().floor() as i32).clamp(0, 3) as usize };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// The table for a terminal.
pub(crate) fn table(topic: &Value) -> String {
    let mut rows = vec![HEAD.map(String::from)];
    rows.extend(cells(topic));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let line = |row: &[String; 6]| {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut text = format!("{}\n", topic["title"].as_str().unwrap_or_default());
    for row in &rows {
        text += &format!("  {}\n", line(row));
    }
    for note in sentences(topic) {
        text += &format!("  {note}\n");
    }
    text
}

/// Notes, failures and the load of a topic.
fn sentences(topic: &Value) -> Vec<String> {
    let words = |name: &str| {
        topic[name].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let mut sentences: Vec<String> = words("notes");
    if let Some(others) = Spread::from_json(&topic["others"]) {
        sentences.push(format!(
            "Other programs had {:.0} % of the machine's processor time (median of {} runs; at most {:.0} %).",
            others.median * 100.0,
            others.n,
            others.max * 100.0
        ));
    }
    sentences.extend(words("failures").into_iter().map(|why| format!("Not measured: {why}")));
    sentences
}

/// Writes `topic` to its file in `folder` and draws the page of all topics that have one.
pub(crate) fn save(folder: &Path, topic: &Value, order: &[&str]) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("failed to create {}", folder.display()))?;
    let name = topic["topic"].as_str().unwrap_or_default();
    let text = serde_json::to_string_pretty(topic)?;
    write_whole(&folder.join(format!("{name}.json")), &format!("{text}\n"))?;
    let stored = |name: &&str| fs::read_to_string(folder.join(format!("{name}.json"))).ok();
    let topics: Vec<Value> =
        order.iter().filter_map(stored).filter_map(|text| serde_json::from_str(&text).ok()).collect();
    write_whole(&folder.join("README.md"), &page(&topics))
}

fn page(topics: &[Value]) -> String {
    let mut text = String::from(
        "# Speed\n\nWritten by `cargo xtask bench`. Figures are medians of runs in turn (Aconite, peer, Aconite, \
         …) with their range; a ratio is taken pair by pair, Aconite ÷ peer, so that below 1 is faster.\n",
    );
    for topic in topics {
        text += &format!("\n## {}\n\n", topic["title"].as_str().unwrap_or_default());
        let line = |row: &[String; 6]| format!("| {} |\n", row.join(" | "));
        text += &line(&HEAD.map(String::from));
        text += "|---|---|---|---|---|---|\n";
        for row in cells(topic) {
            text += &line(&row);
        }
        text.push('\n');
        for sentence in sentences(topic) {
            text += &format!("- {sentence}\n");
        }
        let known = topic["about"].as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
        for (name, value) in known {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text += &format!("- {name}: {value}\n");
        }
    }
    text
}

/// Written aside and renamed: the file is there whole or not at all.
fn write_whole(path: &Path, text: &str) -> Result<()> {
    let aside = path.with_extension("tmp");
    let written = fs::write(&aside, text).and_then(|()| fs::rename(&aside, path));
    written.with_context(|| format!("failed to write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Findings {
        Findings {
            rows: vec![
                Row::pair("a step", "ms", Goal::Ratio(0.55), &[10.0, 12.0], &[20.0, 24.0]).unwrap(),
                Row::alone("memory", "MB", Goal::Ours(500.0), &[600.0]).unwrap(),
                Row::alone("share", "%", Goal::None, &[35.6]).unwrap(),
            ],
            notes: vec!["Two threads each.".into()],
            others: vec![0.1, 0.3],
            failures: vec!["resnet9: no such net".into()],
        }
    }

    #[test]
    fn goals_are_met_or_missed_by_the_median() {
        let met: Vec<_> = findings().rows.iter().map(Row::met).collect();
        assert_eq!(met, [Some(true), Some(false), None]);
    }

    #[test]
    fn the_table_and_the_page_are_drawn_from_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let topic = findings().json(
            "steps",
            "Training step",
            &json!({ "cores": 2, "processor": "fast", "peer": null }),
        );
        save(dir.path(), &topic, &["pipeline", "steps"]).unwrap();
        let page = fs::read_to_string(dir.path().join("README.md")).unwrap();
        assert!(
            page.contains(
                "| a step | ratio ≤ 0.55 | 11 ms (10 to 12) | 22 ms (20 to 24) | 0.5 (0.5 to 0.5) | met |"
            ),
            "{page}"
        );
        assert!(page.contains("| memory | ≤ 500 MB | 600 MB | – | – | missed |"), "{page}");
        assert!(page.contains("- cores: 2\n- processor: fast\n"), "{page}");
        assert!(!page.contains("null"), "{page}");
        let table = table(&topic);
        assert!(table.contains("Two threads each.") && table.contains("at most 30 %"), "{table}");
        assert!(table.contains("Not measured: resnet9"), "{table}");
    }

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (0.4567, "0.457"),
            (13.68, "13.7"),
            (1854.2, "1854"),
            (0.5, "0.5"),
            (20.0, "20"),
            (-0.0021, "-0.002"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
