//! A federation's `fit`: its rounds, each looked at on the test set, resumed where an interrupted run kept its state.

use aconite_core::{
    Aggregator, Course, Dataset, Defense, Error, Goal, Groups, Learner, Mixing, Model, NamedTensors,
    Observer, Pace, Result, Role, Silent, best_class, metrics,
};
use aconite_data::Split;
use aconite_federated::{Federation, Round, Snapshot, Trainer, Watch};
use aconite_plan::Stage;
use aconite_record::RoundRow;
use serde_json::{Value, json};

use super::evaluate::{Misread, Triggered};
use super::fit::MODEL;
use super::kept::Kept;
use super::workshop::{self, clean_rows, seed};
use super::{Failure, Output, Workshop};
use crate::{families, tensors};

/// The file that holds what was seen in each round.
pub(super) const ROUNDS: &str = "rounds.json";

pub(super) fn compute(
    stage: &Stage,
    shop: &mut Workshop,
    observer: &mut dyn Observer,
) -> std::result::Result<Output, Failure> {
    let split = shop.split(stage)?;
    let settings = families::federation(&stage.settings["federation"])?
        .ok_or_else(|| Failure::Failed("the stage has no federation".into()))?;
    let sgd = families::sgd(&stage.settings["victim"], &stage.settings["train"])?;
    let attack = match stage.settings["attack"]["kind"].as_str() {
        None | Some("none") => None,
        Some(_) => Some(workshop::attack(stage)?),
    };
    let steps = stage.settings["rule"].as_array().into_iter().flatten();
    let rules: Vec<Box<dyn Defense>> = steps.map(families::defense).collect::<Result<_>>()?;
    let mean = families::defense(&json!({ "kind": "mean" }))?;
    let rules: Vec<&dyn Defense> = rules.iter().map(AsRef::as_ref).collect();
    let server = Server::of(&rules, mean.as_ref())?;
    let seed = seed(stage);
    let samples = match server.samples() {
        Some(count) => Some(clean_rows(&split.train, count, seed)?),
        None => None,
    };
    let lr = |round: usize, rounds: usize| sgd.optimizer.lr() * sgd.schedule.factor(round, rounds, 1);
    let trainer = Trainer { learner: &sgd, batch_size: sgd.train.batch_size.get() as usize, lr: &lr };
    let federation = Federation {
        common: &settings.common,
        local: settings.local.as_ref(),
        partition: settings.partition.as_ref(),
        learner: &trainer,
        data: &split.train,
        attack: attack.as_deref(),
        mixings: &server.mixings,
        rule: server.rule,
        told: server.told,
        samples: samples.as_ref(),
        seed,
    };
    // Fresh weights, trained for no epoch.
    let none = Course { pace: Some(Pace { epochs: 0, batch_size: 1, lr: 0.0 }), ..Course::default() };
    let start = sgd.fit_with(&split.train.select(&[0])?, seed, none, &mut Silent)?.tensors();
    let exam = Exam::new(stage, &split, attack.as_deref())?;
    let kept = Kept { store: &shop.store, stage, word: "round", steps: settings.common.rounds };
    let (from, rows) = kept
        .latest(|round, output, tensors| {
            let rows: Vec<RoundRow> = serde_json::from_value(output.get("rows")?.clone()).ok()?;
            let snapshot = Snapshot { round, tensors };
            (rows.len() == round && snapshot.fits(&start)).then_some((snapshot, rows))
        })
        .unzip();
    let mut diary = Diary {
        rows: rows.unwrap_or_default(),
        exam: &exam,
        learner: &sgd,
        kept: &kept,
        observer,
        rounds: settings.common.rounds,
        every: settings.common.evaluate_every,
    };
    let model = federation.run(&start, from.as_ref(), &mut diary)?;
    let rows = diary.rows;
    let (parts, malicious) = federation.clients()?;
    kept.forget();
    let classes = |rows: &Vec<usize>| {
        let mut counts = vec![0usize; split.train.num_classes()];
        rows.iter().for_each(|&row| counts[split.train.labels()[row]] += 1);
        counts
    };
    let record =
        aconite_record::Rounds { clients: parts.iter().map(classes).collect(), malicious, rounds: rows };
    let course: serde_json::Map<String, Value> =
        record.metrics().into_iter().map(|(name, number)| (name.to_owned(), json!(number))).collect();
    let value = json!({ "rows": split.train.len(), "federation": course });
    let text = serde_json::to_vec(&record).map_err(|e| Failure::Failed(e.to_string()))?;
    Ok(Output { value, files: vec![(MODEL.into(), tensors::encode(&model)?), (ROUNDS.into(), text)] })
}

/// The rule of a server, what mixes the updates before it, and whether they are told something.
pub(crate) struct Server<'a> {
    pub(crate) mixings: Vec<&'a dyn Mixing>,
    pub(crate) rule: &'a dyn Aggregator,
    pub(crate) told: bool,
}

impl<'a> Server<'a> {
    /// That of the defenses of a cell, in order, or the plain mean.
    ///
    /// # Errors
    /// A defense is none of a federation's.
    pub(crate) fn of(defenses: &[&'a dyn Defense], mean: &'a dyn Defense) -> Result<Self> {
        let mut server = Self { mixings: Vec::new(), rule: aggregator(mean)?, told: false };
        for &defense in defenses {
            match defense.role() {
                Role::Mixing(mixing) => server.mixings.push(mixing),
                _ => server.rule = aggregator(defense)?,
            }
            server.told |= defense.knowledge().contains(&aconite_core::Knowledge::MaliciousCount);
        }
        Ok(server)
    }

    /// How many clean samples the server needs.
    pub(crate) fn samples(&self) -> Option<usize> {
        let needs = self.rule.needs();
        needs.root.into_iter().chain(needs.reads).max()
    }
}

fn aggregator(defense: &dyn Defense) -> Result<&dyn Aggregator> {
    match defense.role() {
        Role::Aggregator(rule) => Ok(rule),
        _ => Err(Error::new("this defense is no rule of a federation")),
    }
}

/// The test set as it is and triggered, looked at after rounds.
pub(super) struct Exam<'a> {
    split: &'a Split,
    triggered: Option<Triggered>,
    targeted: Option<Misread>,
    groups: Option<Groups>,
}

impl<'a> Exam<'a> {
    pub(super) fn new(
        stage: &Stage,
        split: &'a Split,
        attack: Option<&dyn aconite_core::Attack>,
    ) -> std::result::Result<Self, Failure> {
        let settings = families::evaluate(&stage.settings["evaluate"])?;
        let scope = settings.asr_scope;
        let groups =
            settings.groups.map(|column| Groups::by(&column, &split.train, &split.test)).transpose()?;
        let mut exam = Self { split, triggered: None, targeted: None, groups };
        let Some(attack) = attack else { return Ok(exam) };
        match attack.goal(&split.train.info()) {
            Goal::Backdoor(map) => {
                exam.triggered = Some(Triggered::of(attack, &split.test, seed(stage), map, scope)?);
            }
            Goal::Targeted(map) => exam.targeted = Some(Misread::of(attack, &split.test, map, scope)?),
            _ => {}
        }
        Ok(exam)
    }

    /// Clean accuracy and attack success of a model.
    fn of(&self, learner: &dyn Learner, tensors: &NamedTensors) -> Result<(Option<f64>, Option<f64>)> {
        let model = learner.restore(&self.split.train.info(), tensors)?;
        let (predicted, success) = self.judged(model.as_ref())?;
        Ok((metrics::accuracy(&predicted, self.split.test.labels()), success))
    }

    /// The test set.
    pub(super) fn test(&self) -> &Dataset {
        &self.split.test
    }

    /// The groups of its rows, where they are told.
    pub(super) fn groups(&self) -> Option<&Groups> {
        self.groups.as_ref()
    }

    /// What a model reads the test set as, and attack success.
    pub(super) fn judged(&self, model: &dyn Model) -> Result<(Vec<usize>, Option<f64>)> {
        let predicted = model.predict(self.split.test.rows())?;
        let success = match (&self.triggered, &self.targeted) {
            (Some(triggered), _) => {
                triggered.judged(&best_class(&model.scores(&triggered.content)?)?).attack_success
            }
            (None, Some(misread)) => misread.judged(&predicted).attack_success,
            (None, None) => None,
        };
        Ok((predicted, success))
    }
}

/// Writes down the rounds.
struct Diary<'a> {
    rows: Vec<RoundRow>,
    exam: &'a Exam<'a>,
    learner: &'a dyn Learner,
    kept: &'a Kept<'a>,
    observer: &'a mut dyn Observer,
    rounds: usize,
    every: usize,
}

impl Watch for Diary<'_> {
    fn round(&mut self, round: Round, model: &NamedTensors) -> Result<()> {
        let looked = (round.round + 1).is_multiple_of(self.every) || round.round + 1 == self.rounds;
        let (clean_accuracy, attack_success) =
            if looked { self.exam.of(self.learner, model)? } else { (None, None) };
        self.observer.step(round.round + 1, self.rounds);
        self.rows.push(RoundRow {
            round: round.round,
            clean_accuracy,
            attack_success,
            clients: round.clients,
            attacking: round.attacking,
            // As they are kept: a resumed run must not see other ones.
            weights: round.weights.map(|weights| weights.into_iter().map(|w| w as f32).collect()),
            seconds: round.seconds,
        });
        Ok(())
    }

    fn checkpoint(&mut self, snapshot: &Snapshot) -> Result<()> {
        self.kept.keep(snapshot.round, json!({ "rows": self.rows }), &snapshot.tensors)
    }
}

/// What a finished federation saw in each round; `None` if the stage is none.
pub(crate) fn read(
    entry: &aconite_plan::Entry,
) -> std::result::Result<Option<aconite_record::Rounds>, Failure> {
    if !entry.manifest.files.contains_key(ROUNDS) {
        return Ok(None);
    }
    serde_json::from_slice(&entry.read(ROUNDS)?).map(Some).map_err(|e| Failure::Failed(e.to_string()))
}

/// Whether a stage's victim is a federation.
pub(super) fn federates(stage: &Stage) -> bool {
    !matches!(stage.settings["federation"], Value::Null)
}
