//! The rounds of a federation.

use std::time::Instant;

use aconite_core::{
    Aggregator, All, Attack, Dataset, Error, Learner, Member, Mixing, NamedTensors, Own, Poisoned, Result,
    Seed, UpdateAttack,
};
use tch::{Kind, Tensor};

use crate::clients::Holding;
use crate::server::{Server, check_rule};
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
    pub lr: &'a (dyn Fn(usize, usize) -> f64 + Sync),
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
        let of = |(&client, &bad): (&usize, &bool)| match poisoned[client].as_ref().filter(|_| bad) {
            Some(poisoned) => Holding::Whole(poisoned),
            None => Holding::Part(self.data, &parts[client]),
        };
        let holdings: Vec<_> = clients.iter().zip(&attacking).map(of).collect();
        let matrix = self.updates(server, &clients, &holdings, round, seed)?;
        self.falsify(&matrix, &attacking, server, seed)?;
        let weights = self.aggregate(&matrix, &clients, round, server, seed)?;
        Ok(Round { round, clients, attacking, weights, seconds: begun.elapsed().as_secs_f64() })
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
        let honest = match self.common.attackers_see {
            Sees::AllUpdates => Some(matrix.f_index_select(0, &good)?),
            Sees::Own => None,
        };
        let looks_around = !matches!(attack, UpdateAttack::Own(attack) if !attack.looks_around());
        // A round may have no honest client: then their own updates stand for those, too.
        let reference = honest.as_ref().filter(|_| looks_around && good.numel() > 0);
        let own = Own {
            own: &own_rows,
            reference: reference.unwrap_or(&own_rows),
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
                return Err(Error::new("the attack must see the honest clients' updates")
                    .hint("attackers_see = \"all_updates\""));
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
}
