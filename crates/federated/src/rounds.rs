//! The rounds of a federation.

use std::time::Instant;

use aconite_aggregation::mix;
use aconite_core::{
    Aggregator, All, Attack, Course, Dataset, Error, Learner, Member, Mixing, NamedTensors, Own, Pace,
    Poisoned, Reading, Result, Seed, Silent, UpdateAttack, Updates,
};
use tch::{Kind, Tensor, no_grad};

use crate::{Common, Layout, Local, Partition, Sees};

/// A federation that is set up.
#[derive(Debug)]
pub struct Federation<'a> {
    /// Clients, rounds, who is malicious, the server.
    pub common: &'a Common,
    /// How a client trains.
    pub local: &'a dyn Local,
    /// Who holds which rows.
    pub partition: &'a dyn Partition,
    /// What is trained.
    pub learner: &'a Trainer<'a>,
    /// All training rows.
    pub data: &'a Dataset,
    /// What malicious clients do; `None` without an attack.
    pub attack: Option<&'a dyn Attack>,
    /// What mixes the updates before the rule.
    pub mixings: &'a [&'a dyn Mixing],
    /// The server's rule.
    pub rule: &'a dyn Aggregator,
    /// Whether the rule and the mixings are told how many clients are malicious.
    pub told: bool,
    /// The server's own clean samples; empty where its rule asks for none.
    pub samples: Option<&'a Dataset>,
    /// The cell's seed.
    pub seed: Seed,
}

/// The learner of a federation and what of `[train]` a round goes by.
pub struct Trainer<'a> {
    /// The learner.
    pub learner: &'a dyn Learner,
    /// Rows per step.
    pub batch_size: usize,
    /// Learning rate in a round of so many.
    pub lr: &'a dyn Fn(usize, usize) -> f64,
}

impl std::fmt::Debug for Trainer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trainer").field("batch_size", &self.batch_size).finish_non_exhaustive()
    }
}

/// What happened in a round.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Round {
    /// Its number, from 0.
    pub round: usize,
    /// The clients that took part, ascending.
    pub clients: Vec<usize>,
    /// Which of them are malicious and attack in this round.
    pub attacking: Vec<bool>,
    /// The weight of each in the aggregate; `None` if the rule weighs no client as a whole.
    pub weights: Option<Vec<f64>>,
    /// Wall-clock seconds of training, attack and rule.
    pub seconds: f64,
}

/// Everything that the next round depends on.
#[derive(Debug)]
pub struct Snapshot {
    /// The next round.
    pub round: usize,
    /// Global weights, the server's momentum, the last change, and what the rule remembers.
    pub tensors: NamedTensors,
}

/// Watches a federation.
pub trait Watch {
    /// A round ended with these global tensors.
    ///
    /// # Errors
    /// What the watcher did with them failed.
    fn round(&mut self, round: Round, model: &NamedTensors) -> Result<()>;

    /// The state after every `checkpoint_every` rounds.
    ///
    /// # Errors
    /// It could not be kept.
    fn checkpoint(&mut self, _snapshot: &Snapshot) -> Result<()> {
        Ok(())
    }
}

/// The server's side between rounds.
struct Server {
    layout: Layout,
    weights: Tensor,
    momentum: Tensor,
    last: Option<Tensor>,
    memory: NamedTensors,
}

/// Names in a snapshot; what the rule remembers has its own names after the last one.
const WEIGHTS: &str = "server.weights";
const MOMENTUM: &str = "server.momentum";
const LAST: &str = "server.last";
const MEMORY: &str = "rule.";

impl Server {
    fn fresh(layout: Layout, weights: Tensor) -> Self {
        let momentum = weights.zeros_like();
        Self { layout, weights, momentum, last: None, memory: NamedTensors::new() }
    }

    fn resumed(layout: Layout, snapshot: &Snapshot) -> Result<Self> {
        let get = |name: &str| {
            let tensor = snapshot.tensors.get(name).filter(|t| t.size() == [layout.numbers()]);
            tensor
                .map(Tensor::shallow_clone)
                .ok_or_else(|| Error::new(format!("the kept state has no {name} that fits")))
        };
        let memory = snapshot.tensors.iter().filter_map(|(name, tensor)| {
            Some((name.strip_prefix(MEMORY)?.to_owned(), tensor.shallow_clone()))
        });
        Ok(Self {
            weights: get(WEIGHTS)?,
            momentum: get(MOMENTUM)?,
            last: snapshot.tensors.contains_key(LAST).then(|| get(LAST)).transpose()?,
            memory: memory.collect(),
            layout,
        })
    }

    fn snapshot(&self, round: usize) -> Snapshot {
        let own =
            [(WEIGHTS, Some(&self.weights)), (MOMENTUM, Some(&self.momentum)), (LAST, self.last.as_ref())];
        let own =
            own.into_iter().filter_map(|(name, tensor)| Some((name.to_owned(), tensor?.shallow_clone())));
        let rule =
            self.memory.iter().map(|(name, tensor)| (format!("{MEMORY}{name}"), tensor.shallow_clone()));
        Snapshot { round, tensors: own.chain(rule).collect() }
    }
}

impl Federation<'_> {
    /// Checks that rule, mixings and partition work for what takes part in a round.
    ///
    /// # Errors
    /// Names the requirement with its numbers.
    pub fn check(&self) -> Result<()> {
        self.common.check()?;
        self.local.check()?;
        self.partition.check(self.data.len(), self.data.num_classes(), self.common.clients)?;
        check_rule(self.common, self.mixings, self.rule, self.told)
    }

    /// The rows of each client, and which clients are malicious.
    ///
    /// # Errors
    /// As [`Partition::parts`].
    pub fn clients(&self) -> Result<(Vec<Vec<usize>>, Vec<bool>)> {
        let parts = self.partition.parts(self.data, self.common.clients, self.seed.derive("partition"))?;
        let all: Vec<usize> = (0..parts.len()).collect();
        let chosen = match self.attack {
            Some(_) => self.seed.derive("malicious").choose(&all, self.common.bad_clients()),
            None => Vec::new(),
        };
        Ok((parts, all.iter().map(|client| chosen.contains(client)).collect()))
    }

    /// Runs from the first round, or from a kept state, to the last.
    ///
    /// # Errors
    /// A client's training, an attack or the rule failed; the round is named.
    pub fn run(
        &self,
        start: &NamedTensors,
        from: Option<&Snapshot>,
        watch: &mut dyn Watch,
    ) -> Result<NamedTensors> {
        self.check()?;
        let (parts, malicious) = self.clients()?;
        let poisoned = self.poisoned(&parts, &malicious)?;
        let layout = Layout::of(start);
        let mut server = match from {
            Some(snapshot) => Server::resumed(layout, snapshot)?,
            None => Server::fresh(layout.clone(), layout.flat(start)?),
        };
        for round in from.map_or(0, |s| s.round)..self.common.rounds {
            let of_round = |mut e: Error| {
                e.message = format!("round {}: {}", round + 1, e.message);
                e
            };
            let done = self.round(round, &mut server, &parts, &malicious, &poisoned).map_err(of_round)?;
            watch.round(done, &server.layout.tensors(&server.weights)?)?;
            if (round + 1) % self.common.checkpoint_every == 0 && round + 1 < self.common.rounds {
                watch.checkpoint(&server.snapshot(round + 1))?;
            }
        }
        server.layout.tensors(&server.weights)
    }

    /// The rows of malicious clients as a data attack leaves them, by client.
    fn poisoned(&self, parts: &[Vec<usize>], malicious: &[bool]) -> Result<Vec<Option<Dataset>>> {
        let attack = self.attack.filter(|attack| attack.poisons_rows());
        let of = malicious.iter().filter(|bad| **bad).count();
        let seed = self.seed.derive("attack");
        parts
            .iter()
            .zip(malicious)
            .enumerate()
            .map(|(client, (rows, &bad))| {
                let Some(attack) = attack.filter(|_| bad) else { return Ok(None) };
                let own = self.data.select(rows)?;
                // One stream for all: a trigger that is drawn must be the same in every client and at test.
                let index = malicious[..client].iter().filter(|bad| **bad).count();
                let poison = attack.poison_as(&own, seed, Member { index, of }).map_err(|mut e| {
                    e.message = format!("client {client} with {} rows: {}", rows.len(), e.message);
                    e
                })?;
                Ok(Some(Poisoned::new(&own, &poison)?.data().clone()))
            })
            .collect()
    }

    fn round(
        &self,
        round: usize,
        server: &mut Server,
        parts: &[Vec<usize>],
        malicious: &[bool],
        poisoned: &[Option<Dataset>],
    ) -> Result<Round> {
        let begun = Instant::now();
        let seed = self.seed.derive("rounds").derive(&round.to_string());
        let all: Vec<usize> = (0..parts.len()).collect();
        let clients = seed.derive("present").choose(&all, self.common.present());
        let attacking: Vec<bool> =
            clients.iter().map(|&client| malicious[client] && self.common.attacked(round)).collect();
        let global = server.layout.tensors(&server.weights)?;
        let n = clients.len() as i64;
        let matrix = Tensor::f_empty([n, server.layout.numbers()], (Kind::Float, server.weights.device()))?;
        for (place, (&client, &attacks)) in clients.iter().zip(&attacking).enumerate() {
            let own = match poisoned[client].as_ref().filter(|_| attacks) {
                Some(poisoned) => {
                    self.trained(&global, poisoned, None, round, seed.derive(&client.to_string()))?
                }
                None => self.trained(
                    &global,
                    self.data,
                    Some(&parts[client]),
                    round,
                    seed.derive(&client.to_string()),
                )?,
            };
            let update = server.layout.flat(&own)?.f_sub(&server.weights)?;
            matrix.f_get(place as i64)?.f_copy_(&update)?;
        }
        self.falsify(&matrix, &attacking, server, seed)?;
        let weights = self.aggregate(&matrix, &clients, &attacking, round, server, seed)?;
        Ok(Round { round, clients, attacking, weights, seconds: begun.elapsed().as_secs_f64() })
    }

    /// Weights after local training from the global ones, on chosen rows of a data set or all of them.
    fn trained(
        &self,
        global: &NamedTensors,
        data: &Dataset,
        rows: Option<&[usize]>,
        round: usize,
        seed: Seed,
    ) -> Result<NamedTensors> {
        let all: Vec<usize>;
        let rows = match rows {
            Some(rows) => rows,
            None => {
                all = (0..data.len()).collect();
                &all
            }
        };
        let share = self.local.share(rows.len(), self.learner.batch_size);
        let own = match share.rows < rows.len() {
            true => data.select(&seed.derive("rows").choose(rows, share.rows))?,
            false => data.select(rows)?,
        };
        let lr = (self.learner.lr)(round, self.common.rounds);
        let pace = Pace { epochs: share.epochs, batch_size: self.learner.batch_size, lr };
        let course = Course { start: Some(global), pace: Some(pace), ..Course::default() };
        Ok(self.learner.learner.fit_with(&own, seed, course, &mut Silent)?.tensors())
    }

    /// Puts what malicious clients send in the place of their rows.
    fn falsify(&self, matrix: &Tensor, attacking: &[bool], server: &Server, seed: Seed) -> Result<()> {
        let Some(attack) = self.attack.and_then(|attack| attack.updates()) else { return Ok(()) };
        let places = |wanted: bool| {
            let places: Vec<i64> = attacking
                .iter()
                .enumerate()
                .filter(|(_, bad)| **bad == wanted)
                .map(|(at, _)| at as i64)
                .collect();
            Tensor::from_slice(&places)
        };
        let (bad, good) = (places(true), places(false));
        if bad.size()[0] == 0 {
            return Ok(());
        }
        let own_rows = matrix.f_index_select(0, &bad)?;
        let sees_all = self.common.attackers_see == Sees::AllUpdates && good.size()[0] > 0;
        let honest = if sees_all { Some(matrix.f_index_select(0, &good)?) } else { None };
        let own = Own {
            own: &own_rows,
            reference: honest.as_ref().unwrap_or(&own_rows),
            clients: attacking.len(),
            global: &server.weights,
            last: server.last.as_ref(),
            server_lr: self.common.server_lr,
            seed: seed.derive("attack"),
        };
        let sent = match (attack, &honest) {
            (UpdateAttack::Own(attack), _) => attack.craft(&own)?,
            (UpdateAttack::All(attack), Some(honest)) => attack.craft(&All { own, honest })?,
            (UpdateAttack::All(_), None) => {
                return Err(Error::new(
                    "the attack must see the honest clients' updates, and there are none to see",
                ));
            }
        };
        if sent.size() != own_rows.size() {
            return Err(Error::new(format!(
                "the attack sent {:?} numbers in place of {:?}",
                sent.size(),
                own_rows.size()
            )));
        }
        let mut matrix = matrix.shallow_clone();
        let _ = matrix.f_index_copy_(0, &bad, &sent.f_to_kind(Kind::Float)?)?;
        Ok(())
    }

    /// The server's step; gives the weight of each client.
    fn aggregate(
        &self,
        matrix: &Tensor,
        clients: &[usize],
        attacking: &[bool],
        round: usize,
        server: &mut Server,
        seed: Seed,
    ) -> Result<Option<Vec<f64>>> {
        let needs = self.rule.needs();
        let reads = |row: &Tensor| self.read(&server.layout.tensors(row)?);
        let root = match (needs.root, self.samples) {
            (Some(_), Some(samples)) => {
                let global = server.layout.tensors(&server.weights)?;
                let own = self.trained(&global, samples, None, round, seed.derive("root"))?;
                Some(server.layout.flat(&own)?.f_sub(&server.weights)?)
            }
            _ => None,
        };
        let mut mixed = matrix.shallow_clone();
        let mut named = clients.to_vec();
        let mut malicious =
            self.told.then(|| attacking.iter().filter(|bad| **bad).count().max(self.expected()));
        let mut mixtures: Option<Tensor> = None;
        let weights_now = server.weights.shallow_clone();
        for (at, mixing) in self.mixings.iter().enumerate() {
            let updates = Updates {
                matrix: &mixed,
                clients: &named,
                malicious,
                global: &weights_now,
                round,
                seed: seed.derive("mixing").derive(&at.to_string()),
                root: root.as_ref(),
                reads: None,
            };
            let (rows, expected) = mixing.counts(named.len(), malicious)?;
            let weights = mixing.weights(&updates)?;
            mixed = mix(&mixed, &weights)?;
            mixtures = Some(match mixtures {
                Some(before) => weights.f_matmul(&before)?,
                None => weights,
            });
            named = (0..rows).collect();
            malicious = expected;
        }
        let updates = Updates {
            matrix: &mixed,
            clients: &named,
            malicious,
            global: &weights_now,
            round,
            seed: seed.derive("defense"),
            root: root.as_ref(),
            reads: needs.reads.is_some().then_some(&reads as &dyn Fn(&Tensor) -> Result<Reading>),
        };
        let mut memory = std::mem::take(&mut server.memory);
        let made = self.rule.aggregate(&updates, &mut memory)?;
        server.memory = memory;
        if !bool::try_from(made.update.f_isfinite()?.f_all()?)? {
            return Err(Error::new("the aggregate is not finite")
                .hint("lower train.optimizer.lr, or take a robust rule"));
        }
        let change = no_grad(|| {
            server.momentum = &server.momentum * self.common.server_momentum + &made.update;
            &server.momentum * self.common.server_lr
        });
        server.weights = server.weights.f_add(&change)?;
        server.last = Some(change);
        match (made.weights, mixtures) {
            (Some(weights), Some(mixtures)) => {
                let weights: Vec<f32> = weights.iter().map(|w| *w as f32).collect();
                let of_clients = Tensor::from_slice(&weights).f_unsqueeze(0)?.f_matmul(&mixtures)?;
                let of_clients: Vec<f32> = Vec::try_from(of_clients.f_reshape([-1])?)?;
                Ok(Some(of_clients.into_iter().map(f64::from).collect()))
            }
            (weights, _) => Ok(weights),
        }
    }

    /// How many malicious clients a round is expected to have.
    fn expected(&self) -> usize {
        expected(self.common)
    }

    /// Loss and error of a model on the server's samples.
    fn read(&self, model: &NamedTensors) -> Result<Reading> {
        let samples = self.samples.ok_or_else(|| Error::new("the server has no samples of its own"))?;
        let model = self.learner.learner.restore(&samples.info(), model)?;
        let scores = model.scores(samples.rows())?;
        let labels: Vec<i64> = samples.labels().iter().map(|&label| label as i64).collect();
        let labels = Tensor::from_slice(&labels);
        let wrong = scores
            .f_argmax(-1, false)?
            .f_ne_tensor(&labels)?
            .f_to_kind(Kind::Double)?
            .f_mean(Kind::Double)?;
        Ok(Reading {
            loss: f64::try_from(scores.f_to_kind(Kind::Double)?.cross_entropy_for_logits(&labels))?,
            error: f64::try_from(wrong)?,
        })
    }
}

/// How many malicious clients a round is expected to have: as many as there are, or their share, rounded up, of
/// those that take part.
fn expected(common: &Common) -> usize {
    let (bad, present) = (common.bad_clients(), common.present());
    if present == common.clients { bad } else { (bad * present).div_ceil(common.clients) }
}

/// Checks that mixings and a rule work for what takes part in a round.
///
/// # Errors
/// Names the requirement with its numbers.
pub fn check_rule(common: &Common, mixings: &[&dyn Mixing], rule: &dyn Aggregator, told: bool) -> Result<()> {
    let mut present = (common.present(), told.then(|| expected(common)));
    for mixing in mixings {
        present = mixing.counts(present.0, present.1)?;
    }
    rule.check_clients(present.0, present.1)
}
