//! What an attack needs beside the training set, read off its rows: no list of kinds is kept here.

use aconite_record::CellRow;

/// What the attack of a row needs, as far as the row shows it, in words: the stages that the cell went through, and
/// the mode of an attacker who sits in the training itself.
pub fn needs(row: &CellRow) -> Vec<&'static str> {
    let setting = |path: &str| row.setting(path).and_then(serde_json::Value::as_str);
    let mut words = Vec::new();
    if row.kind("attack") == "none" {
        return words;
    }
    // A victim that transfers starts from the same stage, which then says nothing of the attack.
    let transfers = !matches!(setting("train.transfer"), None | Some("none"));
    if row.seconds.contains_key("surrogate") && !transfers {
        words.push("surrogate");
    }
    if setting("attack.mode") == Some("in_batch") {
        words.push("control of training");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_record::{Provenance, Status};

    fn row(attack: serde_json::Value, transfer: &str, stages: &[&str]) -> CellRow {
        CellRow {
            schema: 1,
            cell: "c".into(),
            point: 0,
            seed: 0,
            status: Status::Done,
            error: None,
            settings: serde_json::json!({"attack": attack, "train": {"transfer": transfer}}),
            axes: vec![],
            goal: "backdoor".into(),
            knowledge: vec![],
            metrics: std::collections::BTreeMap::new(),
            seconds: stages.iter().map(|s| ((*s).to_owned(), 1.0)).collect(),
            provenance: Provenance::default(),
        }
    }

    #[test]
    fn needs_are_read_off_the_row() {
        let of = |kind: &str, mode: &str, transfer: &str, stages: &[&str]| {
            needs(&row(serde_json::json!({"kind": kind, "mode": mode}), transfer, stages)).join(", ")
        };
        assert_eq!(of("a", "fixed_rows", "none", &["poison", "fit"]), "");
        assert_eq!(of("a", "in_batch", "none", &["poison", "fit"]), "control of training");
        assert_eq!(of("a", "", "none", &["surrogate", "poison", "fit"]), "surrogate");
        assert_eq!(of("a", "", "head", &["surrogate", "poison", "fit"]), "");
        assert_eq!(of("none", "", "none", &["surrogate", "fit"]), "");
    }
}
