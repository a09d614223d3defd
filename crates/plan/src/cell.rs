//! A cell: what the planner must know of it, and the stages that it becomes.

use serde_json::Value;

use crate::Size;

/// What the planner must know about a cell's kinds.
#[derive(Debug, Clone, Default)]
pub struct CellFacts {
    /// What identifies the data set's content.
    pub fingerprint: String,
    /// Versions of the code of the kinds, by section.
    pub versions: Value,
    /// What the attack is given and does beyond changing rows.
    pub attack: AttackFacts,
    /// The defense, taken apart: nothing, one step, or the steps of a chain in order.
    pub steps: Vec<Step>,
    /// Whether the victim is a federation: the attack acts in its clients, and rules in its rounds.
    pub federated: bool,
    /// Whether the victim is a stream: the attack acts in its windows, and all that its operator does in its one fit.
    pub streamed: bool,
    /// Whether the control arms of the defense are run beside it.
    pub controls: bool,
    /// What its stages' costs are estimated from.
    pub size: Size,
}

/// What an attack is given and does beyond changing rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttackFacts {
    /// It looks at a surrogate.
    pub surrogate: bool,
    /// It trains the victim on trial.
    pub victim: bool,
    /// It wants drawn test inputs to be misread.
    pub targets: bool,
    /// It has a hand in the victim's input pipeline.
    pub feeds: bool,
    /// How many times it is tried; 0 counts as 1.
    pub trials: usize,
}

/// The part a step of a defense plays in the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepRole {
    /// Scores and removes training rows.
    Filter {
        /// It reads features and scores of the attacked model.
        model: bool,
        /// It reads scores of models trained on all folds but one.
        folds: Option<usize>,
        /// It trains the victim on trial.
        victim: bool,
        /// It is a control arm, which is told the truth.
        control: bool,
    },
    /// Trains in another way.
    Regime,
    /// Trains in another way, and proves its predictions.
    Certificate,
    /// Mends a trained model.
    Repair,
    /// Flags inputs or the model.
    Detector,
    /// A federation's rule, or what mixes its updates before.
    Rule,
}

/// A step of a defense.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Its settings, with its kind.
    pub settings: Value,
    /// Version of its code.
    pub version: u32,
    /// The part it plays.
    pub role: StepRole,
    /// Whether it is told something about the attack.
    pub told: bool,
}

/// One way through the pipeline: the stages of one trial, of the defended twin, or of a control arm.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// Its stages in order, with the names that they have in a cell's `seconds`.
    pub stages: Vec<(&'static str, usize)>,
    /// The last filter.
    pub filter: Option<usize>,
    /// Evaluates the last model.
    pub evaluate: usize,
}

/// A control arm of a defense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Control {
    /// The defense on the clean twin.
    Twin,
    /// In place of the filter, as many rows at random.
    RandomFilter,
    /// In place of the filter, the truth.
    PerfectFilter,
}

impl Control {
    /// What its metrics begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Twin => "twin",
            Self::RandomFilter => "random_filter",
            Self::PerfectFilter => "perfect_filter",
        }
    }
}

/// The stages of one cell, as positions in [`crate::Plan::stages`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CellStages {
    /// Trains what the attack looks at or the victim starts from.
    pub surrogate: Option<usize>,
    /// Makes the poison; none without an attack.
    pub poison: Option<usize>,
    /// A line per trial.
    pub lines: Vec<Line>,
    /// Evaluates the clean twin.
    pub twin: usize,
    /// Trains the clean twin.
    pub twin_fit: Option<usize>,
    /// The control arms.
    pub controls: Vec<(Control, Line)>,
}

impl CellStages {
    /// The cell's own stages by the name they have in its `seconds`, in order of the pipeline, each once.
    pub fn own(&self) -> Vec<(&'static str, usize)> {
        let mut own: Vec<(&'static str, usize)> = Vec::new();
        let first = [("surrogate", self.surrogate), ("poison", self.poison)];
        let first = first.into_iter().filter_map(|(name, stage)| Some((name, stage?)));
        for (name, stage) in first.chain(self.lines.iter().flat_map(|line| line.stages.iter().copied())) {
            if !own.iter().any(|(_, there)| *there == stage) {
                own.push((name, stage));
            }
        }
        own
    }

    /// The first of the cell's own stages with this name.
    pub fn stage(&self, name: &str) -> Option<usize> {
        self.own().into_iter().find_map(|(own, stage)| (own == name).then_some(stage))
    }

    /// The filter of the first trial.
    pub fn filter(&self) -> Option<usize> {
        self.lines.first().and_then(|line| line.filter)
    }

    /// All stages, those of the twin and of the control arms too, each once.
    pub fn all(&self) -> Vec<usize> {
        let controls = self.controls.iter().flat_map(|(_, line)| line.stages.iter().map(|(_, stage)| *stage));
        let own = self.own().into_iter().map(|(_, stage)| stage);
        let mut all: Vec<usize> = own.chain([self.twin]).chain(controls).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
