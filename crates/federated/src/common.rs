//! `[federation]`: the keys that every kind of it understands.

use aconite_core::{Error, Rate, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What every federation has: clients, rounds, who is malicious, the server.
///
/// Paper: McMahan, Moore, Ramage, Hampson, Agüera y Arcas 2017, "Communication-Efficient Learning of Deep Networks
/// from Decentralized Data"; server momentum as in Hsu, Qi, Brown 2019.
///
/// v ← μ·v + Agg(Δ₁ … Δₙ); w ← w + η_s·v, μ `server_momentum`, η_s `server_lr`, Agg the rule that `[defense]` names
/// (`mean` without one).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Common {
    /// Clients, at least 1.
    #[schemars(range(min = 1))]
    pub clients: usize,
    /// Rounds, at least 1. `train.epochs` has no meaning in a federation; `train.schedule` runs over rounds.
    #[schemars(range(min = 1))]
    pub rounds: usize,
    /// Share of the clients that take part in a round, drawn anew in each, in (0, 1]; at least one client.
    pub participation: Rate,
    /// Share of the clients that are malicious, in [0, 1); the count is ⌊share·clients⌋, drawn once by the seed.
    pub malicious_share: Rate,
    /// Malicious clients by number, in place of `malicious_share`; fewer than `clients`.
    pub malicious: Option<usize>,
    /// What malicious clients see of a round.
    pub attackers_see: Sees,
    /// The first round of the attack, from 0.
    pub attack_from: usize,
    /// The round before which the attack ends; none goes on to the last.
    pub attack_until: Option<usize>,
    /// Learning rate of the server, above 0: the factor of the aggregate.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub server_lr: f64,
    /// Momentum of the server, in [0, 1).
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub server_momentum: f64,
    /// Rounds between two looks at the test set, at least 1; the last round is always looked at.
    #[schemars(range(min = 1))]
    pub evaluate_every: usize,
    /// Rounds after which the state is kept so that an interrupted run goes on from there, at least 1. It changes no
    /// result.
    #[schemars(range(min = 1))]
    pub checkpoint_every: usize,
}

/// What malicious clients see of a round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Sees {
    /// Every update of the round: the strongest adversary, whom robust rules are proved against.
    #[default]
    AllUpdates,
    /// Their own updates only.
    Own,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            clients: 100,
            rounds: 100,
            participation: Rate::literal(1.0),
            malicious_share: Rate::literal(0.2),
            malicious: None,
            attackers_see: Sees::AllUpdates,
            attack_from: 0,
            attack_until: None,
            server_lr: 1.0,
            server_momentum: 0.0,
            evaluate_every: 1,
            checkpoint_every: 10,
        }
    }
}

impl Kind for Common {}

impl Common {
    /// Checks the settings.
    ///
    /// # Errors
    /// Names the setting, its value and the range.
    pub fn check(&self) -> Result<()> {
        let counts = [
            ("clients", self.clients),
            ("rounds", self.rounds),
            ("evaluate_every", self.evaluate_every),
            ("checkpoint_every", self.checkpoint_every),
        ];
        for (key, count) in counts {
            if count == 0 {
                return Err(Error::at(key, format!("0 {key} are too few: at least 1")));
            }
        }
        if self.participation.get() <= 0.0 {
            return Err(Error::at("participation", "a share of 0 leaves a round without clients"));
        }
        if self.bad_clients() >= self.clients {
            let message = format!(
                "{} of {} clients are malicious: nobody is left to attack",
                self.bad_clients(),
                self.clients
            );
            let key = if self.malicious.is_some() { "malicious" } else { "malicious_share" };
            return Err(Error::at(key, message));
        }
        if !(self.server_lr.is_finite() && self.server_lr > 0.0) {
            return Err(Error::at(
                "server_lr",
                format!("a learning rate of {} is not above 0", self.server_lr),
            ));
        }
        if !(0.0..1.0).contains(&self.server_momentum) {
            return Err(Error::at(
                "server_momentum",
                format!("a momentum of {} is outside [0, 1)", self.server_momentum),
            ));
        }
        if self.attack_from > 0 && self.attack_from >= self.rounds {
            let message =
                format!("the attack begins in round {} of {}: it never comes", self.attack_from, self.rounds);
            return Err(Error::at("attack_from", message).hint("rounds are counted from 0"));
        }
        if self.attack_until.is_some_and(|until| until <= self.attack_from) {
            return Err(Error::at("attack_until", "the attack ends before it begins")
                .hint("raise it above attack_from"));
        }
        Ok(())
    }

    /// How many clients are malicious.
    pub fn bad_clients(&self) -> usize {
        self.malicious.unwrap_or_else(|| self.malicious_share.count(self.clients))
    }

    /// How many clients take part in a round.
    pub fn present(&self) -> usize {
        self.participation.count(self.clients).max(1)
    }

    /// Whether the attack is on in a round.
    pub fn attacked(&self, round: usize) -> bool {
        round >= self.attack_from && self.attack_until.is_none_or(|until| round < until)
    }
}
