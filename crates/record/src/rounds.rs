//! What was seen in each round of a federation.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, write_whole};

/// A round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(into = "Written", try_from = "Written")]
pub struct RoundRow {
    /// Its number, from 0.
    pub round: usize,
    /// Accuracy of the global model on the untouched test set after it; `None` where it was not looked at.
    pub clean_accuracy: Option<f64>,
    /// Attack success after it; `None` where it was not looked at, or the attack only aims at accuracy.
    pub attack_success: Option<f64>,
    /// The clients that took part.
    pub clients: Vec<usize>,
    /// Which of them attacked.
    pub attacking: Vec<bool>,
    /// The weight of each in the aggregate; `None` for a rule that weighs no client as a whole.
    pub weights: Option<Vec<f32>>,
    /// Wall-clock seconds of training, attack and rule.
    pub seconds: f64,
}

/// A round as files have it: some hundred clients in some hundred rounds of some hundred cells are much to keep, so what
/// is usual is left out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    round: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    clean_accuracy: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attack_success: Option<f64>,
    /// How many took part, if they are the first so many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first: Option<usize>,
    /// Those that took part, otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    clients: Vec<usize>,
    /// The places, among those that took part, of those that attacked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attacking: Vec<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weights: Option<Vec<f32>>,
    seconds: f64,
}

impl From<RoundRow> for Written {
    fn from(row: RoundRow) -> Self {
        let first = row.clients.iter().copied().eq(0..row.clients.len());
        Self {
            round: row.round,
            clean_accuracy: row.clean_accuracy,
            attack_success: row.attack_success,
            first: first.then_some(row.clients.len()),
            clients: if first { Vec::new() } else { row.clients },
            attacking: row.attacking.iter().enumerate().filter_map(|(at, bad)| bad.then_some(at)).collect(),
            weights: row.weights,
            seconds: (row.seconds * 1e4).round() / 1e4,
        }
    }
}

impl TryFrom<Written> for RoundRow {
    type Error = String;

    fn try_from(row: Written) -> Result<Self, String> {
        // More clients than this are a damaged file, not a federation.
        let clients: Vec<usize> = match row.first {
            Some(n) if n > 10_000_000 => return Err(format!("round {} has {n} clients", row.round)),
            Some(n) => (0..n).collect(),
            None => row.clients,
        };
        let n = clients.len();
        let strange = row.attacking.iter().any(|&at| at >= n);
        if strange || row.weights.as_ref().is_some_and(|weights| weights.len() != n) {
            return Err(format!("round {} does not fit its {n} clients", row.round));
        }
        let mut attacking = vec![false; n];
        row.attacking.iter().for_each(|&at| attacking[at] = true);
        Ok(Self {
            round: row.round,
            clean_accuracy: row.clean_accuracy,
            attack_success: row.attack_success,
            clients,
            attacking,
            weights: row.weights,
            seconds: row.seconds,
        })
    }
}

/// `rounds/<cell>.json`: the clients of a federation, and its rounds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Rounds {
    /// Rows of each class, per client.
    pub clients: Vec<Vec<usize>>,
    /// Whether a client is malicious.
    pub malicious: Vec<bool>,
    /// The rounds in order.
    pub rounds: Vec<RoundRow>,
}

/// Rounds that the metrics `…_last10` average over.
const LAST: usize = 10;

impl Rounds {
    /// The metrics of the course, by their names in the dictionary; those that do not apply are left out.
    pub fn metrics(&self) -> Vec<(&'static str, f64)> {
        let clean: Vec<f64> = self.rounds.iter().filter_map(|round| round.clean_accuracy).collect();
        let success: Vec<f64> = self.rounds.iter().filter_map(|round| round.attack_success).collect();
        let best = |values: &[f64]| values.iter().copied().reduce(f64::max);
        let last = |values: &[f64]| mean(values[values.len().saturating_sub(LAST)..].iter().copied());
        // Attackers' share of the weight and of the rejected, over the rounds in which there are some.
        let weighed = || {
            self.rounds
                .iter()
                .filter_map(|round| Some((&round.attacking, round.weights.as_ref()?)))
                .filter(|(attacking, _)| attacking.iter().any(|bad| *bad))
        };
        let share = weighed().filter_map(|(attacking, weights)| {
            let all: f64 = weights.iter().map(|w| f64::from(w.abs())).sum();
            let bad = weights.iter().zip(attacking).filter(|(_, bad)| **bad);
            let bad: f64 = bad.map(|(w, _)| f64::from(w.abs())).sum();
            (all > 0.0).then(|| bad / all)
        });
        let rejected = |wanted: bool| {
            let all = || weighed().flat_map(|(a, w)| a.iter().zip(w)).filter(move |(bad, _)| **bad == wanted);
            mean(all().map(|(_, weight)| f64::from(u8::from(*weight == 0.0))))
        };
        let metrics = [
            ("clean_accuracy_best", best(&clean)),
            ("clean_accuracy_last10", last(&clean)),
            ("attack_success_best", best(&success)),
            ("attack_success_last10", last(&success)),
            ("malicious_weight", mean(share)),
            ("malicious_rejected", rejected(true)),
            ("honest_rejected", rejected(false)),
            ("seconds_round", mean(self.rounds.iter().map(|round| round.seconds))),
        ];
        metrics.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Writes the rounds.
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
    /// The file is unreadable, or a round does not name as many attackers and weights as clients.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        serde_json::from_str(&text).map_err(|e| Error::damaged(path, e))
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0usize), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / n as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(number: usize, clean: f64, weights: Option<Vec<f32>>) -> RoundRow {
        RoundRow {
            round: number,
            clean_accuracy: Some(clean),
            attack_success: None,
            clients: vec![0, 2, 5],
            attacking: vec![false, true, false],
            weights,
            seconds: 0.5,
        }
    }

    #[test]
    fn metrics_by_hand() {
        let rounds = vec![
            round(0, 0.9, Some(vec![0.5, 0.0, 0.5])),
            round(1, 0.7, Some(vec![0.0, 0.25, 0.75])),
            round(2, 0.8, None),
        ];
        let all = Rounds { clients: vec![], malicious: vec![], rounds };
        let get = |name: &str| all.metrics().into_iter().find(|(n, _)| *n == name).map(|(_, value)| value);
        assert_eq!(get("clean_accuracy_best"), Some(0.9));
        assert!((get("clean_accuracy_last10").unwrap() - 0.8).abs() < 1e-12);
        assert_eq!(get("malicious_weight"), Some(0.125));
        assert_eq!((get("malicious_rejected"), get("honest_rejected")), (Some(0.5), Some(0.25)));
        assert_eq!(get("attack_success_last10"), None);
    }
    #[test]
    fn what_is_written_is_read_back() {
        let mut rows = vec![round(0, 0.9, Some(vec![0.5, 0.0, 1.0 / 3.0])), round(1, 0.7, None)];
        rows[1].clients = vec![0, 1, 2];
        rows[1].clean_accuracy = None;
        let text = serde_json::to_string(&rows).unwrap();
        assert_eq!(serde_json::from_str::<Vec<RoundRow>>(&text).unwrap(), rows);
        assert!(text.contains(r#"{"round":1,"first":3,"attacking":[1],"seconds":0.5}"#), "{text}");
        for (from, to) in [("[0.5,", "["), (r#""attacking":[1]"#, r#""attacking":[3]"#)] {
            let damaged = text.replacen(from, to, 1);
            let error = serde_json::from_str::<Vec<RoundRow>>(&damaged).unwrap_err().to_string();
            assert!(error.contains("does not fit its 3 clients"), "{error}");
        }
    }
}
