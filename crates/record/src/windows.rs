//! What was seen in each window of a stream.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, write_whole};

/// A window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowRow {
    /// Its number, from 0.
    pub window: usize,
    /// Rows that arrived.
    pub rows: usize,
    /// How many of them were the attacker's.
    pub poisons: usize,
    /// Rows that the system trained on, before the operator acted.
    pub trained: usize,
    /// Accuracy on the untouched test set of the model that serves after it.
    pub clean_accuracy: Option<f64>,
    /// Attack success on that model; `None` where the attack only aims at accuracy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attack_success: Option<f64>,
    /// Accuracy of that model on each class.
    pub class_accuracy: Vec<Option<f64>>,
    /// Accuracy of that model on each group of test rows; empty where no groups are told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group_accuracy: Vec<Option<f64>>,
    /// The number of each monitor; `None` where there was nothing to compare to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Option<f64>>,
    /// The threshold of each monitor; `None` where it could raise no alarm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<Option<f64>>,
    /// Whether each monitor raised an alarm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<bool>,
    /// What the operator did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// Labelled rows that this cost.
    #[serde(default)]
    pub repair_rows: usize,
    /// Wall-clock seconds that it took.
    #[serde(default)]
    pub repair_seconds: f64,
    /// Wall-clock seconds of training, watching and repair.
    pub seconds: f64,
}

/// `windows/<cell>.json`: the windows of a stream.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// The monitors.
    pub monitors: Vec<String>,
    /// The first window of the attack and the one before which it ends; `None` without an attack.
    pub attack: Option<(usize, usize)>,
    /// Clean accuracy of the clean twin after each window; empty where it is not told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub twin: Vec<f64>,
    /// Names of the groups of test rows; empty where none are told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The windows in order.
    pub windows: Vec<WindowRow>,
}

impl Windows {
    /// The metrics of the course, by their names in the dictionary; those that do not apply are left out.
    pub fn metrics(&self) -> Vec<(&'static str, f64)> {
        let alarmed: Vec<usize> =
            self.windows.iter().filter(|w| w.alarms.contains(&true)).map(|w| w.window).collect();
        let watched = !self.monitors.is_empty();
        // Without an attack every alarm is a false one.
        let (from, until) = self.attack.unwrap_or((usize::MAX, usize::MAX));
        // After the attack an alarm is neither: the model may still be poisoned, and may have been mended long ago.
        let late = |w: &&usize| **w >= until;
        let first = alarmed.iter().copied().find(|w| (from..until).contains(w));
        let success = || self.windows.iter().filter(|w| w.window >= from).filter_map(|w| w.attack_success);
        let classes = || self.windows.iter().filter(|w| w.window >= from).flat_map(|w| &w.class_accuracy);
        let grouped = || self.windows.iter().filter(|w| w.window >= from).map(|w| &w.group_accuracy);
        let since = || self.windows.iter().filter(|w| w.window >= from).filter_map(|w| w.clean_accuracy);
        let acted = self.windows.iter().any(|w| w.action.is_some());
        let sum = |of: fn(&WindowRow) -> f64| self.windows.iter().map(of).sum::<f64>();
        let count = |n: usize| n as f64;
        let when = |condition: bool, value: f64| condition.then_some(value);
        let metrics = [
            ("poisons", when(self.attack.is_some(), sum(|w| w.poisons as f64))),
            ("alarms", when(watched, count(alarmed.len()))),
            ("false_alarms", when(watched, count(alarmed.iter().filter(|&&w| w < from).count()))),
            (
                "late_alarms",
                when(watched && self.attack.is_some(), count(alarmed.iter().filter(late).count())),
            ),
            ("detected", when(watched && self.attack.is_some(), f64::from(u8::from(first.is_some())))),
            ("time_to_detection", first.map(|window| count(window - from))),
            ("clean_accuracy_worst", since().reduce(f64::min)),
            ("class_accuracy_worst", classes().copied().flatten().reduce(f64::min)),
            ("group_accuracy_worst", grouped().flatten().copied().flatten().reduce(f64::min)),
            ("group_gap_worst", grouped().filter_map(|shares| gap(shares)).reduce(f64::max)),
            ("attack_success_best", success().reduce(f64::max)),
            ("attack_success_mean", mean(success())),
            ("repairs", when(watched, count(self.windows.iter().filter(|w| w.action.is_some()).count()))),
            ("repair_rows", when(watched, sum(|w| w.repair_rows as f64))),
            ("repair_seconds", when(acted, sum(|w| w.repair_seconds))),
            ("seconds_window", mean(self.windows.iter().map(|w| w.seconds))),
        ];
        metrics.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Writes the windows.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string(self).map_err(|e| Error::damaged(path, e))?;
        write_whole(path, text.as_bytes())
    }

    /// Reads them back.
    ///
    /// # Errors
    /// The file is unreadable, or a window does not fit the monitors.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        let read: Self = serde_json::from_str(&text).map_err(|e| Error::damaged(path, e))?;
        let fits = |n: usize| n == 0 || n == read.monitors.len();
        let strange =
            |w: &&WindowRow| !fits(w.drift.len()) || !fits(w.thresholds.len()) || !fits(w.alarms.len());
        let ungrouped = |w: &&WindowRow| w.group_accuracy.len() != read.groups.len();
        let wrong = |w: &WindowRow, n: usize, what: &str| {
            Error::damaged(path, format_args!("window {} does not fit its {n} {what}", w.window))
        };
        if let Some(w) = read.windows.iter().find(strange) {
            return Err(wrong(w, read.monitors.len(), "monitors"));
        }
        match read.windows.iter().find(ungrouped) {
            Some(w) => Err(wrong(w, read.groups.len(), "groups")),
            None => Ok(read),
        }
    }
}

/// What an attack or an operator cost in accuracy: that of the clean twin minus that of the stream, summed over the
/// windows from the first of the attack on. `None` if their windows do not match.
pub fn damage(twin: &[f64], own: &[f64], from: usize) -> Option<f64> {
    let fits = twin.len() == own.len() && from < own.len();
    fits.then(|| twin[from..].iter().zip(&own[from..]).map(|(twin, own)| twin - own).sum())
}

/// How far apart groups are: the highest share minus the lowest. `None` where there are not two.
pub fn gap(shares: &[Option<f64>]) -> Option<f64> {
    let told = || shares.iter().copied().flatten();
    (told().count() > 1).then(|| told().fold(f64::MIN, f64::max) - told().fold(f64::MAX, f64::min))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0usize), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Windows {
        let row = |(window, (clean, alarm)): (usize, (f64, bool))| WindowRow {
            window,
            rows: 10,
            clean_accuracy: Some(clean),
            class_accuracy: vec![Some(clean - 0.1), None, Some(clean + 0.1)],
            group_accuracy: vec![Some(clean - 0.2), Some(clean - 0.2 + window as f64 / 20.0), None],
            attack_success: Some(window as f64 / 10.0),
            drift: vec![Some(0.1)],
            thresholds: vec![Some(0.2)],
            alarms: vec![alarm],
            action: (alarm && window > 2).then(|| "roll_back".to_owned()),
            repair_rows: if alarm { 7 } else { 0 },
            seconds: 0.5,
            ..WindowRow::default()
        };
        let seen = [(0.5, false), (0.9, true), (0.7, false), (0.6, false), (0.8, true), (0.85, true)];
        Windows {
            monitors: vec!["ks".into()],
            attack: Some((2, 4)),
            twin: vec![0.9; 6],
            groups: ["a", "b", "other"].map(str::to_owned).to_vec(),
            windows: seen.into_iter().enumerate().map(row).collect(),
        }
    }

    #[test]
    fn a_gap_is_between_two() {
        assert_eq!(gap(&[Some(0.25), None, Some(1.0), Some(0.5)]), Some(0.75));
        assert_eq!((gap(&[Some(0.25), None]), gap(&[])), (None, None));
    }

    #[test]
    fn metrics_by_hand() {
        let all = stream();
        let get = |name: &str| all.metrics().into_iter().find(|(n, _)| *n == name).map(|(_, value)| value);
        // The attack is on in windows 2 and 3; the alarms are in window 1 before it and in 4 and 5 after it.
        assert_eq!(
            (get("alarms"), get("false_alarms"), get("late_alarms")),
            (Some(3.0), Some(1.0), Some(2.0))
        );
        assert_eq!((get("detected"), get("time_to_detection")), (Some(0.0), None));
        assert_eq!(get("class_accuracy_worst"), Some(0.6 - 0.1));
        assert!((get("group_accuracy_worst").unwrap() - 0.4).abs() < 1e-12);
        assert!((get("group_gap_worst").unwrap() - 0.25).abs() < 1e-12);
        assert_eq!((get("clean_accuracy_worst"), get("attack_success_best")), (Some(0.6), Some(0.5)));
        assert!((get("attack_success_mean").unwrap() - 0.35).abs() < 1e-12);
        assert_eq!((get("repairs"), get("repair_rows")), (Some(2.0), Some(21.0)));
        let own: Vec<f64> = all.windows.iter().filter_map(|w| w.clean_accuracy).collect();
        // 0.2 + 0.3 + 0.1 + 0.05 against a twin at 0.9.
        assert!((damage(&[0.9; 6], &own, 2).unwrap() - 0.65).abs() < 1e-12);
        assert_eq!(damage(&[0.9; 3], &own, 2), None, "a twin that did not come to its end");
    }

    #[test]
    fn an_attack_is_detected_while_it_is_on() {
        let get = |attack: (usize, usize), name: &str| {
            let all = Windows { attack: Some(attack), ..stream() };
            all.metrics().into_iter().find(|(n, _)| *n == name).map(|(_, value)| value)
        };
        // Alarms in windows 1, 4 and 5.
        assert_eq!([get((2, 5), "detected"), get((2, 5), "time_to_detection")], [Some(1.0), Some(2.0)]);
        assert_eq!([get((2, 5), "false_alarms"), get((2, 5), "late_alarms")], [Some(1.0), Some(1.0)]);
        assert_eq!([get((0, 1), "detected"), get((0, 1), "late_alarms")], [Some(0.0), Some(3.0)]);
        assert_eq!([get((2, 6), "time_to_detection"), get((2, 6), "late_alarms")], [Some(2.0), Some(0.0)]);
    }

    #[test]
    fn without_an_attack_every_alarm_is_false_and_without_monitors_there_is_none() {
        let calm = Windows { attack: None, ..stream() };
        let get = |name: &str| calm.metrics().into_iter().find(|(n, _)| *n == name).map(|(_, value)| value);
        assert_eq!((get("false_alarms"), get("detected"), get("time_to_detection")), (Some(3.0), None, None));
        assert_eq!([get("clean_accuracy_worst"), get("class_accuracy_worst"), get("late_alarms")], [None; 3]);
        let windows = vec![WindowRow::default()];
        let blind = Windows { attack: Some((0, 1)), windows, ..Windows::default() };
        assert!(blind.metrics().iter().all(|(name, _)| ["seconds_window", "poisons"].contains(name)));
    }

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.json");
        stream().write(&path).unwrap();
        assert_eq!(Windows::read(&path).unwrap(), stream());
        let text = std::fs::read_to_string(&path).unwrap().replacen(
            "\"alarms\":[false]",
            "\"alarms\":[false,true]",
            1,
        );
        std::fs::write(&path, text).unwrap();
        assert!(Windows::read(&path).unwrap_err().to_string().contains("window 0"));
    }
}
