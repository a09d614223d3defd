//! A sentence as the trigger.

use aconite_core::{
    Attack, Dataset, Error, Goal, Info, Poison, Rate, RateOf, Relabel, Result, Seed, Trigger,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rows::{check, check_texts, poison, relabel};
use crate::{Insertion, Position};

/// Puts one sentence into some texts and changes their labels to `target`.
///
/// Paper: Dai, Chen, Li 2019, "A Backdoor Attack against LSTM-based Text Classification Systems".
///
/// x̃ = x with the sentence between two of its words, before or after them, and ỹ = target. Poisons are drawn among the
/// rows of other classes, an exact count of them, and replace their originals. At test the same sentence is put in by
/// the same rule.
///
/// To a victim that counts words, the sentence is as strong as its words are together; any of them alone, being
/// everyday words, may do little. The default sentence is one of a kind that a film review could hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sentence {
    /// Class that triggered texts are to be read as, counted from 0.
    pub target: usize,
    /// Share of rows that are poisoned, in [0, 1]; the count is ⌊rate·n⌋. The paper poisons 1 % and more.
    pub rate: Rate,
    /// What `rate` is a share of: all training rows, or those of the `target` class.
    pub rate_of: RateOf,
    /// The sentence, at least one word.
    pub text: String,
    /// Where it is put.
    pub position: Position,
}

impl Default for Sentence {
    fn default() -> Self {
        Self {
            target: 1,
            rate: Rate::literal(0.01),
            rate_of: RateOf::TrainSet,
            text: "i watched this 3d movie last weekend .".into(),
            position: Position::Random,
        }
    }
}

impl Kind for Sentence {}

impl Sentence {
    fn relabel(&self) -> Relabel {
        relabel(self.target, self.rate, self.rate_of)
    }

    fn insertion(&self, seed: Seed) -> Insertion {
        let pieces = vec![self.text.trim().to_owned()];
        Insertion { pieces, count: 1, position: self.position, seed }
    }

    fn check_text(&self) -> Result<()> {
        match self.text.trim() {
            "" => Err(Error::at("text", "an empty sentence marks nothing: at least one word")),
            _ => Ok(()),
        }
    }
}

impl Attack for Sentence {
    fn goal(&self, info: &Info) -> Goal {
        self.relabel().goal(info)
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.check_text()?;
        check(self.relabel(), info)
    }

    fn poison(&self, clean: &Dataset, seed: Seed) -> Result<Poison> {
        self.check(&clean.info())?;
        poison(self.relabel(), clean, seed, &self.insertion(seed))
    }

    fn trigger(&self, info: &Info, seed: Seed) -> Result<Option<Box<dyn Trigger>>> {
        check_texts(info)?;
        self.check_text()?;
        Ok(Some(Box::new(self.insertion(seed))))
    }
}
