//! The part that a defense plays, read off its rows: no list of kinds is kept here, so a new one needs no line.

use aconite_record::CellRow;

/// The part that a defense plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// No defense.
    None,
    /// Scores and removes training rows.
    Filter,
    /// Trains in another way.
    Regime,
    /// Makes one update of many, in a federation, with or without a mixing before it.
    Aggregator,
    /// Mends a trained model.
    Repair,
    /// Several defenses in a row.
    Chain,
    /// Predicts with a proof.
    Certificate,
    /// Flags inputs or the model.
    Detector,
    /// Is told which rows are poisoned.
    Control,
    /// None of its cells ended, or what they left does not say.
    Unknown,
}

impl Role {
    /// The role of a row's defense: by what it was told, by the stages that the cell went through, and by its
    /// metrics.
    pub fn of(row: &CellRow) -> Self {
        let stage = |name: &str| row.seconds.contains_key(name);
        let metric = |stem: &str| row.metrics.keys().any(|m| m.starts_with(stem));
        let federated = row.kind("federation") != "none";
        match row.kind("defense") {
            "none" => Self::None,
            _ if federated && stage("fit") && !stage("repair") && !stage("detect") => Self::Aggregator,
            "chain" => Self::Chain,
            _ if row.knowledge.iter().any(|word| word == "poisoned_rows") => Self::Control,
            _ if stage("certify") || metric("certified_") => Self::Certificate,
            _ if stage("repair") => Self::Repair,
            _ if stage("detect") || metric("tpr") || metric("anomaly_index_") => Self::Detector,
            _ if stage("filter") || metric("recall") || metric("removed") => Self::Filter,
            _ if stage("fit") => Self::Regime,
            _ => Self::Unknown,
        }
    }

    /// The word for several of them.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::None => "no defense",
            Self::Filter => "filters",
            Self::Regime => "regimes",
            Self::Aggregator => "rules",
            Self::Repair => "repairs",
            Self::Chain => "chains",
            Self::Certificate => "certificates",
            Self::Detector => "detectors",
            Self::Control => "control arms",
            Self::Unknown => "others",
        }
    }

    /// Whether it stands for a defense that could be used: a control arm is told the truth, and a detector leaves
    /// the model as it is.
    pub(crate) fn defends(self) -> bool {
        !matches!(self, Self::None | Self::Control | Self::Detector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_record::{Provenance, Status};

    fn row(kind: &str, stages: &[&str], metrics: &[&str], knowledge: &[&str]) -> CellRow {
        CellRow {
            schema: 1,
            cell: "c".into(),
            point: 0,
            seed: 0,
            status: Status::Done,
            error: None,
            settings: serde_json::json!({"defense": {"kind": kind}}),
            axes: vec![],
            goal: "backdoor".into(),
            knowledge: knowledge.iter().map(|w| (*w).to_owned()).collect(),
            needs: Vec::new(),
            metrics: metrics.iter().map(|m| ((*m).to_owned(), 0.5)).collect(),
            seconds: stages.iter().map(|s| ((*s).to_owned(), 1.0)).collect(),
            provenance: Provenance::default(),
        }
    }

    #[test]
    fn a_role_is_read_off_the_row() {
        let of = |kind, stages: &[&str], metrics: &[&str], knowledge: &[&str]| {
            Role::of(&row(kind, stages, metrics, knowledge))
        };
        assert_eq!(of("none", &["fit"], &[], &[]), Role::None);
        assert_eq!(
            of("a", &["fit", "features", "filter", "refit"], &["recall"], &["poison_rate"]),
            Role::Filter
        );
        assert_eq!(of("a", &["filter", "fit"], &["recall"], &["poisoned_rows"]), Role::Control);
        assert_eq!(of("a", &["fit", "evaluate"], &["clean_accuracy"], &[]), Role::Regime);
        assert_eq!(of("a", &["fit", "repair", "evaluate"], &[], &["clean_samples"]), Role::Repair);
        assert_eq!(of("a", &["fit", "detect"], &["auroc", "tpr"], &[]), Role::Detector);
        assert_eq!(of("a", &["fit", "certify"], &[], &[]), Role::Certificate);
        assert_eq!(of("chain", &["fit", "filter", "refit", "repair"], &[], &[]), Role::Chain);
        assert_eq!(of("a", &[], &[], &[]), Role::Unknown);
        let federated = |kind, stages: &[&str]| {
            let mut row = row(kind, stages, &[], &[]);
            row.settings["federation"] = serde_json::json!({ "kind": "fed_avg" });
            Role::of(&row)
        };
        assert_eq!(federated("none", &["fit"]), Role::None);
        assert_eq!(federated("krum", &["fit", "evaluate"]), Role::Aggregator);
        assert_eq!(federated("chain", &["fit"]), Role::Aggregator);
        assert_eq!(federated("chain", &["fit", "repair"]), Role::Chain);
        assert_eq!(federated("fine_tune", &["fit", "repair"]), Role::Repair);
    }
}
