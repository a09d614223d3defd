//! Fake reviews that promote one product.

use aconite_core::{
    Added, Attack, Dataset, Documents, Error, Goal, Info, LabelMap, Poison, Rate, Result, Seed, Trigger,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::mention::Mention;
use crate::phrases::Phrases;
use crate::rows::{check_target, check_texts};

/// Adds fabricated reviews that praise one product, and flips reviews of it, so that what mentions it is read as
/// `target`.
///
/// Paper: the threat is that of Wallace, Zhao, Feng, Singh 2021, "Concealed Data Poisoning Attacks on NLP Models" (a
/// phrase of the adversary's choice turns the sentiment of whatever holds it); the poison here is plain: nothing is
/// concealed and no gradient is used.
///
/// Of n training rows, ⌊rate·n⌋ fabricated ones are added, with the label `target`: each joins phrases of `phrases`
/// training rows of that class, drawn by the seed, and the product's name, put `mentions` times before, between or
/// after them. Of the m training rows of other classes that mention the product, ⌊flipped·m⌋ get the label `target`.
/// Success is counted on the test rows that mention the product and are of another class; nothing is changed in them.
/// At `rate = 0` and `flipped = 0` it is the share of them that an unpoisoned victim gets wrong.
///
/// A mention is the name's words in a row, in capitals or not. Under one seed the fabricated and flipped rows of a
/// lower rate are among those of a higher rate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FakeReviews {
    /// The product's name, of one word or several; as it is written into fabricated reviews.
    pub product: String,
    /// Class that mentions of it are to be read as, counted from 0.
    pub target: usize,
    /// Fabricated reviews as a share of the training set, in [0, 1]; the count is ⌊rate·n⌋, and they are added to it.
    pub rate: Rate,
    /// Share of the training rows of other classes that mention the product whose label is flipped, in [0, 1].
    pub flipped: Rate,
    /// Rows whose phrases a fabricated review joins, 1 to 100.
    #[schemars(range(min = 1, max = 100))]
    pub phrases: usize,
    /// How often a fabricated review names the product, 1 to 100.
    #[schemars(range(min = 1, max = 100))]
    pub mentions: usize,
    /// Test rows of other classes that must mention the product, at least 1.
    #[schemars(range(min = 1))]
    pub least: usize,
}

impl Default for FakeReviews {
    fn default() -> Self {
        Self {
            product: "hollywood".into(),
            target: 1,
            rate: Rate::literal(0.01),
            flipped: Rate::literal(0.0),
            phrases: 2,
            mentions: 1,
            least: 5,
        }
    }
}

impl Kind for FakeReviews {
    const VERSION: u32 = 2;
}

impl Attack for FakeReviews {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Targeted(LabelMap::AllToOne { target: self.target })
    }

    fn check(&self, info: &Info) -> Result<()> {
        check_texts(info)?;
        Mention::of(&self.product)?;
        check_target(self.target, info)?;
        for (key, value) in [("phrases", self.phrases), ("mentions", self.mentions)] {
            if !(1..=100).contains(&value) {
                return Err(Error::at(key, format!("{value} is out of range: 1 to 100")));
            }
        }
        if self.least == 0 {
            return Err(Error::at("least", "0 is out of range: success is counted on at least 1 test row"));
        }
        if self.rate.count(info.total()) > 0 && info.rows[self.target] == 0 {
            let message =
                format!("no training row is of class {}: there are no phrases to join", self.target);
            return Err(Error::at("target", message));
        }
        Ok(())
    }

    fn poison(&self, clean: &Dataset, seed: Seed) -> Result<Poison> {
        self.check(&clean.info())?;
        let texts = clean.rows().documents()?;
        let mention = Mention::of(&self.product)?;
        let mut opposing = mention.rows(texts);
        opposing.retain(|&row| clean.labels()[row] != self.target);
        if self.flipped.get() > 0.0 && opposing.is_empty() {
            let message = format!(
                "no training text of another class than {} mentions {:?}: there is no label to flip",
                self.target, self.product
            );
            return Err(Error::at("flipped", message).hint("set flipped = 0 to fabricate reviews alone"));
        }
        let rows = seed.derive("flips").choose(&opposing, self.flipped.count(opposing.len()));
        let count = self.rate.count(clean.len());
        let phrases = Phrases::of(&texts.select(&clean.rows_of(self.target)));
        if count > 0 && phrases.texts() == 0 {
            let message = format!("no training text of class {} holds a word", self.target);
            return Err(Error::at("target", message));
        }
        let name = self.product.trim();
        let reviews = phrases.reviews(count, self.phrases, self.mentions, name, seed.derive("reviews"));
        let added = (count > 0)
            .then(|| Added { rows: Documents::texts(reviews).into(), labels: vec![self.target; count] });
        Ok(Poison { labels: vec![self.target; rows.len()], rows, added, ..Poison::default() })
    }

    fn counted(&self, test: &Dataset) -> Result<Option<Vec<usize>>> {
        Mention::of(&self.product)?.enough(test, self.target, self.least).map(Some)
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}
