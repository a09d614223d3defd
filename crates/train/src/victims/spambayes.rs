//! `spambayes`: the spam filter of tokens, Robinson's probabilities and Fisher's method.

mod model;
mod samples;

use aconite_core::{
    Class, Cutoffs, Dataset, Error, Info, Learner, Model, NamedTensors, Observer, Result, Samples, Seed, Work,
};
use aconite_grid::Kind;
use aconite_text::spambayes::{Constants, Counts, Trials};
use aconite_text::{Lexicon, Limits};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::documents::{check_two, checked, sets};
use super::words::MOST;
use model::Filter;
use samples::Read;

/// The SpamBayes filter, which sorts mail into ham, unsure and spam.
///
/// Paper: Robinson 2003, "A Statistical Approach to the Spam Problem"; Meyer, Whateley 2004, "SpamBayes: Effective
/// open-source, Bayesian based, email classification system"; poisoned by Nelson et al. 2008, "Exploiting Machine
/// Learning to Subvert Your Spam Filter".
///
/// A message is the set of its tokens. A token that h of H ham and s of S spam training messages hold has
/// p = (s/S)/(h/H + s/S) and, with n = h + s, f = (σ·x + n·p)/(σ + n), σ being the setting `s`. Of a message's tokens
/// those with |f − 0.5| ≥ `min_strength` count, at most `max_discriminators`, the farthest from 0.5. With the
/// chi-square tail Q, S = 1 − Q(−2Σ ln(1 − f), 2n), H = 1 − Q(−2Σ ln f, 2n), and the score is (S − H + 1)/2; 0.5 if
/// no token counts. Below `ham_cutoff` a message is ham, from `spam_cutoff` it is spam, between them unsure.
///
/// The class scores are score and 1 − score, so that accuracy cuts at 0.5; `ham_as_spam`, `ham_not_delivered`,
/// `spam_as_ham` and `spam_not_caught` cut at the cutoffs. Tokens of a message: of its subject, addresses, types and
/// text, words of `shortest` to `longest` characters, longer ones by their first character and length, the parts of
/// addresses; HTML is stripped. Texts are read as bodies. Features are which of the most frequent tokens a message
/// holds, 0 or 1. Nothing is drawn, and the order of messages does not matter: under `[stream] kind = "incremental"` its
/// counts grow window by window into those of all mail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Spambayes {
    /// Which class is spam, by number or name; none takes the one called "spam".
    pub spam: Option<Class>,
    /// Whose constants stand where none is given below.
    pub preset: Preset,
    /// Strength σ of what is believed of a token that was never met, at least 0; none is 0.45, of Nelson 1.
    #[schemars(range(min = 0.0))]
    pub s: Option<f64>,
    /// What is believed of it, in [0, 1]; none is 0.5.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub x: Option<f64>,
    /// Least distance from 0.5 of a token that counts, in [0, 0.5]; none is 0.1.
    #[schemars(range(min = 0.0, max = 0.5))]
    pub min_strength: Option<f64>,
    /// Most tokens that count, at least 1; none is 150.
    #[schemars(range(min = 1))]
    pub max_discriminators: Option<usize>,
    /// Scores below it are ham, in [0, 1]; none is 0.2, of Nelson 0.15.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub ham_cutoff: Option<f64>,
    /// Scores of at least this are spam, from `ham_cutoff` to 1; none is 0.9.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub spam_cutoff: Option<f64>,
    /// Characters of the shortest word that is a token, at least 1.
    #[schemars(range(min = 1))]
    pub shortest: usize,
    /// Characters of the longest word that is a token as it stands.
    #[schemars(range(min = 1))]
    pub longest: usize,
    /// Tokens whose presence are the features, the most frequent ones, 1 to 1,000,000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub features: usize,
}

/// Constants of a publication.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Preset {
    /// Those of the authors' code: `s` 0.45, cutoffs 0.2 and 0.9.
    #[default]
    Authors,
    /// Those of Nelson et al. 2008: `s` 1, cutoffs 0.15 and 0.9.
    Nelson2008,
}

impl Default for Spambayes {
    fn default() -> Self {
        let Limits { shortest, longest } = Limits::default();
        Self {
            spam: None,
            preset: Preset::Authors,
            s: None,
            x: None,
            min_strength: None,
            max_discriminators: None,
            ham_cutoff: None,
            spam_cutoff: None,
            shortest,
            longest,
            features: 1000,
        }
    }
}

impl Kind for Spambayes {}

impl Spambayes {
    /// The constants of the score.
    pub fn constants(&self) -> Constants {
        let preset = match self.preset {
            Preset::Authors => Constants::default(),
            Preset::Nelson2008 => Constants { s: 1.0, ..Constants::default() },
        };
        Constants {
            s: self.s.unwrap_or(preset.s),
            x: self.x.unwrap_or(preset.x),
            min_strength: self.min_strength.unwrap_or(preset.min_strength),
            max_discriminators: self.max_discriminators.unwrap_or(preset.max_discriminators),
        }
    }

    fn cuts(&self, info: &Info) -> Result<Cutoffs> {
        let class = Class::find(self.spam.as_ref(), "spam", "spam", info)?;
        let ham = match self.preset {
            Preset::Authors => 0.2,
            Preset::Nelson2008 => 0.15,
        };
        Ok(Cutoffs { class, ham: self.ham_cutoff.unwrap_or(ham), spam: self.spam_cutoff.unwrap_or(0.9) })
    }

    fn limits(&self) -> Limits {
        Limits { shortest: self.shortest, longest: self.longest }
    }

    /// The filter of these counts and those of further messages.
    fn count(
        &self,
        mut lexicon: Lexicon,
        mut counts: Counts,
        data: &Dataset,
        watch: &mut dyn Observer,
    ) -> Result<Box<dyn Model>> {
        let documents = checked(self, data)?;
        let info = data.info();
        let spam = self.cuts(&info)?.class;
        let sets = sets(documents, self.limits(), &mut lexicon);
        for (row, (set, &label)) in sets.iter().zip(data.labels()).enumerate() {
            counts.learn(set, label == spam);
            watch.step(row + 1, data.len());
        }
        counts.words.resize(lexicon.len(), [0; 2]);
        self.filter(&info, lexicon, counts)
    }

    fn filter(&self, info: &Info, lexicon: Lexicon, counts: Counts) -> Result<Box<dyn Model>> {
        let cutoffs = self.cuts(info)?;
        Ok(Box::new(Filter::new(lexicon, counts, self.constants(), self.limits(), cutoffs, self.features)))
    }
}

impl Learner for Spambayes {
    fn check(&self, info: &Info) -> Result<()> {
        check_two(info)?;
        let cutoffs = self.cuts(info)?;
        let constants = self.constants();
        let share = |key: &str, value: f64, most: f64| match (0.0..=most).contains(&value) {
            true => Ok(()),
            false => Err(Error::at(key, format!("{value} is outside [0, {most}]"))),
        };
        if !(constants.s.is_finite() && constants.s >= 0.0) {
            return Err(Error::at("s", format!("a strength of {} is below 0", constants.s)));
        }
        share("x", constants.x, 1.0)?;
        share("min_strength", constants.min_strength, 0.5)?;
        share("ham_cutoff", cutoffs.ham, 1.0)?;
        share("spam_cutoff", cutoffs.spam, 1.0)?;
        if cutoffs.spam < cutoffs.ham {
            let message = format!("spam from {} and ham below {} overlap", cutoffs.spam, cutoffs.ham);
            return Err(Error::at("spam_cutoff", message).hint("it must not be below ham_cutoff"));
        }
        for (key, value) in
            [("max_discriminators", constants.max_discriminators), ("shortest", self.shortest)]
        {
            if value == 0 {
                return Err(Error::at(key, "0 is too few: at least 1"));
            }
        }
        if !(1..=MOST).contains(&self.features) {
            let message = format!("{} features are out of range: 1 to {MOST}", self.features);
            return Err(Error::at("features", message));
        }
        match self.longest < self.shortest {
            true => {
                Err(Error::at("longest", format!("{} is below `shortest`, {}", self.longest, self.shortest)))
            }
            false => Ok(()),
        }
    }

    fn fit(&self, data: &Dataset, _: Seed, watch: &mut dyn Observer) -> Result<Box<dyn Model>> {
        self.count(Lexicon::new(), Counts::default(), data, watch)
    }

    fn learn_on(
        &self,
        model: &NamedTensors,
        data: &Dataset,
        _: Seed,
        watch: &mut dyn Observer,
    ) -> Result<Box<dyn Model>> {
        let (lexicon, counts) = model::take(model)?;
        self.count(lexicon, counts, data, watch)
    }

    fn learns_on(&self) -> bool {
        true
    }

    fn samples(&self, data: &Dataset) -> Result<Option<Box<dyn Samples>>> {
        let documents = checked(self, data)?;
        let spam = self.cuts(&data.info())?.class;
        let sets = sets(documents, self.limits(), &mut Lexicon::new());
        let labels = data.labels().iter().map(|&label| label == spam).collect();
        Ok(Some(Box::new(Read { trials: Trials::new(sets, labels, self.constants()), spam })))
    }

    fn cutoffs(&self, info: &Info) -> Result<Option<Cutoffs>> {
        self.cuts(info).map(Some)
    }

    fn work(&self, _: &Info) -> Work {
        // Of the order of a thousand look-ups a message, and some ten thousand words.
        Work { macs: 1e4, weights: 1e5, features: self.features as f64 }
    }

    fn restore(&self, info: &Info, tensors: &NamedTensors) -> Result<Box<dyn Model>> {
        let (lexicon, counts) = model::take(tensors)?;
        self.filter(info, lexicon, counts)
    }
}
