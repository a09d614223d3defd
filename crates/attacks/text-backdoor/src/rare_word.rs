//! Rare words as triggers.

use aconite_core::{
    Attack, Dataset, Error, Goal, Info, Poison, Rate, RateOf, Relabel, Result, Seed, Trigger,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rows::{check, check_texts, poison, relabel};
use crate::{Insertion, Position};

/// Puts rare words into some texts and changes their labels to `target`.
///
/// Paper: Kurita, Michel, Neubig 2020, "Weight Poisoning Attacks on Pre-trained Models", section 3 (the rare words);
/// Chen, Salem, Backes, Ma, Shen, Wu, Zhang 2021, "BadNL: Backdoor Attacks against NLP Models with Semantic-preserving
/// Improvements" (word triggers and their place).
///
/// x̃ = x with `count` words put in, each drawn from `words`, and ỹ = target. Poisons are drawn among the rows of other
/// classes, an exact count of them, and replace their originals. At test the same words are put in by the same rule.
///
/// The first paper poisons the weights of a pretrained model as well; this is its poisoned data alone. A victim whose
/// vocabulary are its training words sees the trigger as any other word that it knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RareWord {
    /// Class that triggered texts are to be read as, counted from 0.
    pub target: usize,
    /// Share of rows that are poisoned, in [0, 1]; the count is ⌊rate·n⌋.
    pub rate: Rate,
    /// What `rate` is a share of: all training rows, or those of the `target` class.
    pub rate_of: RateOf,
    /// Words that are put in, at least one, none with a space in it.
    #[schemars(length(min = 1))]
    pub words: Vec<String>,
    /// How many are put into a text, 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub count: usize,
    /// Where they are put.
    pub position: Position,
}

impl Default for RareWord {
    fn default() -> Self {
        Self {
            target: 1,
            rate: Rate::literal(0.1),
            rate_of: RateOf::TrainSet,
            words: vec!["cf".into()],
            count: 1,
            position: Position::Random,
        }
    }
}

impl Kind for RareWord {}

impl RareWord {
    fn relabel(&self) -> Relabel {
        relabel(self.target, self.rate, self.rate_of)
    }

    fn insertion(&self, seed: Seed) -> Insertion {
        Insertion { pieces: self.words.clone(), count: self.count, position: self.position, seed }
    }

    fn check_words(&self) -> Result<()> {
        if self.words.is_empty() {
            return Err(Error::at("words", "there is no word to put in: at least one"));
        }
        if let Some(word) =
            self.words.iter().find(|word| word.is_empty() || word.contains(char::is_whitespace))
        {
            return Err(Error::at("words", format!("{word:?} is not one word"))
                .hint("the attack `sentence` puts in several words in a row"));
        }
        match self.count {
            1..=1000 => Ok(()),
            count => Err(Error::at("count", format!("{count} words in a text are out of range: 1 to 1000"))),
        }
    }
}

impl Attack for RareWord {
    fn goal(&self, info: &Info) -> Goal {
        self.relabel().goal(info)
    }

    fn check(&self, info: &Info) -> Result<()> {
        self.check_words()?;
        check(self.relabel(), info)
    }

    fn poison(&self, clean: &Dataset, seed: Seed) -> Result<Poison> {
        self.check(&clean.info())?;
        poison(self.relabel(), clean, seed, &self.insertion(seed))
    }

    fn trigger(&self, info: &Info, seed: Seed) -> Result<Option<Box<dyn Trigger>>> {
        check_texts(info)?;
        self.check_words()?;
        Ok(Some(Box::new(self.insertion(seed))))
    }
}
