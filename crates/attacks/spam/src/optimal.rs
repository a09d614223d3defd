//! The optimal attack: a dictionary of the very words that the victim will receive.

use aconite_core::{
    Attack, Class, Dataset, Error, Goal, Info, Needs, Observer, Poison, Rate, Result, Scene, Seed, Trigger,
};
use aconite_grid::Kind;
use hashbrown::HashSet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::letters::{Sides, copies, letter, letters, pieces};

/// The dictionary attack of an adversary who knows the ham that is to come: no dictionary of as many messages does
/// more.
///
/// Paper: Nelson et al. 2008, "Exploiting Machine Learning to Subvert Your Spam Filter", section 3.4, where it bounds
/// what a dictionary can do.
///
/// As `dictionary`, but the text of the message is every piece between white space, lower-cased, in the text of the
/// test set's ham: words of any length and addresses as well. It reads the test set and is an upper bound, no attack
/// that could be made. Tokens of heads stay out of its reach.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Optimal {
    /// Share of all training messages that are the adversary's, in [0, 1).
    pub rate: Rate,
    /// Which class is spam, by number or name; none takes the one called "spam".
    pub spam: Option<Class>,
}

impl Default for Optimal {
    fn default() -> Self {
        Self { rate: Rate::literal(0.01), spam: None }
    }
}

impl Kind for Optimal {}

impl Attack for Optimal {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Availability
    }

    fn check(&self, info: &Info) -> Result<()> {
        Sides::of(self.spam.as_ref(), info)?;
        letters(self.rate, info.total()).map(drop)
    }

    fn needs(&self) -> Needs {
        Needs { targets: true, ..Needs::default() }
    }

    fn craft(&self, scene: &Scene<'_>, _: &mut dyn Observer) -> Result<Vec<Poison>> {
        let info = scene.clean.info();
        let sides = Sides::of(self.spam.as_ref(), &info)?;
        let test: &Dataset = scene.test.ok_or_else(|| Error::new("the attack was given no test set"))?;
        let documents = test.rows().documents()?;
        let mut met = HashSet::new();
        let mut words = Vec::new();
        for row in test.rows_of(sides.ham) {
            for piece in pieces(documents, row) {
                if met.insert(piece.clone()) {
                    words.push(piece);
                }
            }
        }
        let letter = letter(documents.are_mail(), b"", words.iter().map(String::as_str));
        Ok(vec![copies(scene.clean, vec![letter], letters(self.rate, info.total())?, sides.spam)?])
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}
