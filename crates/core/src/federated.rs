//! Federations: what a server makes of its clients' updates, and what malicious clients send it.
//!
//! An update is the weights after local training less the global weights, all of them in a row. The updates of a
//! round are one matrix, f32, clients × parameters.

use std::fmt::Debug;

use tch::Tensor;

use crate::{Error, NamedTensors, Result, Seed};

/// Reads weights (f32, d) on the server's own clean samples.
pub type Reader<'a> = dyn Fn(&Tensor) -> Result<Reading> + 'a;

/// The updates of a round as the server gets them, and what it has beside them.
#[derive(Clone, Copy)]
pub struct Updates<'a> {
    /// f32, n × d.
    pub matrix: &'a Tensor,
    /// The number of each row's client among all clients, ascending; empty after a mixing, whose rows are nobody's.
    pub clients: &'a [usize],
    /// How many malicious clients the server is told to expect among them, where its rule is told.
    pub malicious: Option<usize>,
    /// Global weights before the round, f32, d.
    pub global: &'a Tensor,
    /// The round, from 0.
    pub round: usize,
    /// The rule's own stream in this round.
    pub seed: Seed,
    /// The update that the server's own clean samples give, f32, d, where its rule asks for one.
    pub root: Option<&'a Tensor>,
    /// Reads weights on the server's own clean samples, where its rule asks for that.
    pub reads: Option<&'a Reader<'a>>,
}

impl Debug for Updates<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Updates")
            .field("size", &self.matrix.size())
            .field("round", &self.round)
            .finish_non_exhaustive()
    }
}

impl Updates<'_> {
    /// Number of updates.
    pub fn len(&self) -> usize {
        self.matrix.size().first().copied().unwrap_or(0) as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of malicious clients to expect: the setting `f`, or what the server is told.
    ///
    /// # Errors
    /// There is neither.
    pub fn expected(&self, f: Option<usize>) -> Result<usize> {
        f.or(self.malicious).ok_or_else(|| {
            Error::at("f", "the rule must know how many clients are malicious").hint("f = 3, say")
        })
    }

    /// The update of the server's own samples.
    ///
    /// # Errors
    /// The rule did not ask for one.
    pub fn root(&self) -> Result<&Tensor> {
        self.root.ok_or_else(|| {
            Error::new("the rule compares with an update of the server's own, and it has none")
        })
    }
}

/// How well weights do on the server's own samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Mean cross-entropy.
    pub loss: f64,
    /// Share of rows that are misread.
    pub error: f64,
}

/// What a server makes of a round.
#[derive(Debug)]
pub struct Aggregate {
    /// What is added to the global weights (times the server's learning rate), f32, d.
    pub update: Tensor,
    /// The weight of each update in it, 0 for those that were rejected; `None` for a rule that goes by coordinate
    /// and weighs no client as a whole.
    pub weights: Option<Vec<f64>>,
}

/// What a rule asks the server for, beside the updates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerNeeds {
    /// Clean samples of its own from which it trains an update in every round, that many.
    pub root: Option<usize>,
    /// Clean samples of its own to read weights on, that many.
    pub reads: Option<usize>,
}

/// A rule that makes one update of many: a function of the matrix, and of what it remembers of earlier rounds.
pub trait Aggregator: Debug + Send + Sync {
    /// Checks that the rule works for so many clients in a round, `malicious` of which it is told to expect.
    ///
    /// # Errors
    /// Names the requirement with its numbers (n ≥ 2f + 3, say).
    fn check_clients(&self, clients: usize, malicious: Option<usize>) -> Result<()>;

    /// What it asks for beside the updates.
    fn needs(&self) -> ServerNeeds {
        ServerNeeds::default()
    }

    /// The setting that makes it remember something of every client from round to round; `None` if it does not.
    fn remembers_clients(&self) -> Option<&'static str> {
        None
    }

    /// The aggregate. `memory` is the rule's own, empty before the first round.
    ///
    /// # Errors
    /// There are too few updates for it, or they are not finite.
    fn aggregate(&self, updates: &Updates<'_>, memory: &mut NamedTensors) -> Result<Aggregate>;
}

/// A step before the rule: each row that the rule then sees is a mixture of updates.
pub trait Mixing: Debug + Send + Sync {
    /// Checks that it works for so many clients in a round, `malicious` of which it is told to expect, and says how
    /// many rows it makes of them and how many of these the rule after it must expect to be malicious.
    ///
    /// # Errors
    /// Names the requirement with its numbers.
    fn counts(&self, clients: usize, malicious: Option<usize>) -> Result<(usize, Option<usize>)>;

    /// Whether the i-th row that it makes belongs to the i-th client in every round.
    fn keeps_clients(&self) -> bool {
        true
    }

    /// The weights of the mixtures, f32, rows made × updates, each row summing to 1.
    ///
    /// # Errors
    /// There are too few updates for it.
    fn weights(&self, updates: &Updates<'_>) -> Result<Tensor>;
}

/// What malicious clients know of a round without looking at others.
#[derive(Debug, Clone, Copy)]
pub struct Own<'a> {
    /// The updates that they would send if they were honest (poisoned data included, if there are any), f32, m × d.
    pub own: &'a Tensor,
    /// Updates that stand for the honest clients': all of those where `attackers_see = "all_updates"` and the attack
    /// [looks around](FromOwn::looks_around), else `own`. f32, at least one row.
    pub reference: &'a Tensor,
    /// Clients in this round, n.
    pub clients: usize,
    /// Global weights before the round, f32, d.
    pub global: &'a Tensor,
    /// What the last round added to the global weights, f32, d; `None` in the first.
    pub last: Option<&'a Tensor>,
    /// The server's learning rate.
    pub server_lr: f64,
    /// The attack's own stream in this round.
    pub seed: Seed,
}

impl Own<'_> {
    /// Malicious clients in this round, m.
    pub fn malicious(&self) -> usize {
        self.own.size().first().copied().unwrap_or(0) as usize
    }
}

/// What malicious clients know who see every update of the round.
#[derive(Debug, Clone, Copy)]
pub struct All<'a> {
    /// What they know anyway.
    pub own: Own<'a>,
    /// The honest clients' updates, f32, (n − m) × d.
    pub honest: &'a Tensor,
}

/// An attack that needs no update but its clients' own.
pub trait FromOwn: Debug + Send + Sync {
    /// Whether it takes the honest clients' updates for [`Own::reference`] where the attackers may see them.
    fn looks_around(&self) -> bool {
        true
    }

    /// What they send, f32, m × d.
    ///
    /// # Errors
    /// Too few clients for what the attack computes.
    fn craft(&self, own: &Own<'_>) -> Result<Tensor>;
}

/// An attack that must see the honest clients' updates.
pub trait FromAll: Debug + Send + Sync {
    /// What they send, f32, m × d.
    ///
    /// # Errors
    /// Too few clients for what the attack computes.
    fn craft(&self, all: &All<'_>) -> Result<Tensor>;
}

/// An attack on updates, by what it needs to see: one that sees less cannot even name what it must not look at.
#[derive(Debug, Clone, Copy)]
pub enum UpdateAttack<'a> {
    /// Its clients' own updates.
    Own(&'a dyn FromOwn),
    /// Every update of the round.
    All(&'a dyn FromAll),
}
