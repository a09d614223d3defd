//! `[stream]`: the keys that every kind of it understands.

use aconite_core::{Error, Rate, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What every stream has: windows, a trusted holdout, when the attack is on, and from what monitors tell a change.
///
/// Paper: none of its own; the setting is the retraining of a filter on incoming mail in Nelson, Barreno, Chi, Joseph,
/// Rubinstein, Saini, Sutton, Tygar, Xia 2008, "Exploiting Machine Learning to Subvert Your Spam Filter".
///
/// Of n rows that are left beside the holdout, window w of W holds rows ⌊w·n/W⌋ to ⌊(w+1)·n/W⌋ − 1 of their order. In a
/// window w the rows arrive (poisoned if the attack is on), the system trains as the kind says, the monitors look, and
/// if one raises an alarm the operator acts at once; the model that is then there serves and is what is tested.
///
/// An attack makes its poison from each of its windows with the same random draws, because its trigger, which is one of
/// them, must be the same in all: windows of the same make-up have their poison at the same places.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Common {
    /// Windows, at least 2 and at most as many as there are rows.
    #[schemars(range(min = 2))]
    pub windows: usize,
    /// The order in which rows arrive.
    pub order: Order,
    /// Share of the training rows that are set aside before the stream begins, drawn by the seed: clean rows that the
    /// operator trusts, never trained on, for monitors that ask for them. In [0, 1).
    pub holdout: Rate,
    /// The first window of the attack, from 0. The attack's own `rate` is a share of each window.
    pub attack_from: usize,
    /// The window before which the attack ends; none goes on to the last.
    pub attack_until: Option<usize>,
    /// The reference window that monitors compare later ones to, from 1. Scores and features are those of the model
    /// that served before it, in every later window too: none of these rows was trained on by that model.
    #[schemars(range(min = 1))]
    pub reference: usize,
    /// Windows after the reference that are taken for calm and calibrate thresholds, at least 2. A calibrated monitor
    /// raises no alarm in them; neither they nor its reference may be attacked.
    #[schemars(range(min = 2))]
    pub calibrate: usize,
    /// Windows after which the state is kept so that an interrupted run goes on from there, at least 1. It changes no
    /// result.
    #[schemars(range(min = 1))]
    pub checkpoint_every: usize,
}

/// The order in which rows arrive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Order {
    /// Drawn by the seed.
    #[default]
    Drawn,
    /// The order of the set's rows: for sets that are in order of time.
    Time,
}

impl Default for Common {
    fn default() -> Self {
        Self {
            windows: 30,
            order: Order::Drawn,
            holdout: Rate::literal(0.05),
            attack_from: 10,
            attack_until: None,
            reference: 2,
            calibrate: 5,
            checkpoint_every: 5,
        }
    }
}

impl Kind for Common {}

impl Common {
    /// Checks the settings of a stream of so many rows. `attacked` and `watched` say whether there is an attack and a
    /// monitor that the settings could concern, `calibrated` whether a threshold is calibrated.
    ///
    /// # Errors
    /// Names the setting, its value and the range.
    pub fn check(&self, rows: usize, attacked: bool, watched: bool, calibrated: bool) -> Result<()> {
        let Self { windows, .. } = *self;
        if windows < 2 {
            return Err(Error::at("windows", format!("{windows} windows are no stream: at least 2")));
        }
        if self.checkpoint_every == 0 {
            return Err(Error::at("checkpoint_every", "0 windows are too few: at least 1"));
        }
        let held = self.held(rows);
        if windows > rows - held {
            let aside = if held > 0 { format!(" beside {held} held out") } else { String::new() };
            let message = format!("{windows} windows of {} rows{aside}: some would be empty", rows - held);
            return Err(Error::at("windows", message).hint("take fewer windows"));
        }
        if attacked && self.attack_from >= windows {
            let message = format!(
                "the attack begins in window {} of a stream whose last is {}: it never comes",
                self.attack_from,
                windows - 1
            );
            return Err(Error::at("attack_from", message).hint("windows are counted from 0"));
        }
        if let Some(until) = self.attack_until.filter(|_| attacked) {
            if until <= self.attack_from {
                return Err(Error::at(
                    "attack_until",
                    format!("the attack ends before window {until} and begins in {}", self.attack_from),
                )
                .hint("raise it above attack_from"));
            }
            if until > windows {
                return Err(Error::at(
                    "attack_until",
                    format!("the attack ends before window {until}, and there are {windows}"),
                )
                .hint("leave it out for an attack that does not end"));
            }
        }
        if watched && !(1..windows - 1).contains(&self.reference) {
            let message = format!(
                "the reference window {} is outside 1 to {}: a model must have served before it, and windows \
                 must follow",
                self.reference,
                windows - 2
            );
            return Err(Error::at("reference", message));
        }
        if calibrated {
            if self.calibrate < 2 {
                let message = format!("{} calm windows have no spread: at least 2", self.calibrate);
                return Err(Error::at("calibrate", message).hint("or state a threshold"));
            }
            if self.reference.saturating_add(self.calibrate) + 1 >= windows {
                let message = format!(
                    "after the reference window {} and {} calm ones none of {windows} is left to watch",
                    self.reference, self.calibrate
                );
                return Err(Error::at("calibrate", message).hint("lower it, or state a threshold"));
            }
            let mut calm = self.reference..=self.reference + self.calibrate;
            if let Some(window) = calm.find(|&window| attacked && self.attacked(window)) {
                let (key, taken, hint) = match window == self.reference {
                    true => {
                        ("reference", "the reference of", "set it before attack_from, or state a threshold")
                    }
                    false => ("calibrate", "taken for calm by", "lower calibrate, or state a threshold"),
                };
                let message = format!(
                    "window {window} is attacked, and is {taken} a monitor that is calibrated against window {} in \
                     windows {} to {}",
                    self.reference,
                    self.reference + 1,
                    self.reference + self.calibrate
                );
                return Err(Error::at(key, message).hint(hint));
            }
        }
        Ok(())
    }

    /// How many of so many rows are held out.
    pub fn held(&self, rows: usize) -> usize {
        self.holdout.count(rows).min(rows.saturating_sub(1))
    }

    /// Whether the attack is on in a window.
    pub fn attacked(&self, window: usize) -> bool {
        window >= self.attack_from && self.attack_until.is_none_or(|until| window < until)
    }
}
