//! The focused attack: one message of tomorrow is kept away.

use aconite_core::{
    Attack, Class, Error, Goal, Info, Needs, Observer, Poison, Rate, Result, Scene, Seed, Trigger,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::letters::{Sides, borrowed_head, copies, letter, letters, pieces};

/// Mails the words of one message that the adversary expects, so that the filter keeps that message away.
///
/// Paper: Nelson et al. 2008, "Exploiting Machine Learning to Subvert Your Spam Filter", section 3.3.
///
/// In each of `trials` a ham message t of the test set is drawn. Of the n different pieces between white space in its
/// text the adversary knows round(p·n), drawn at random; the paper tosses a coin of chance p for each. k =
/// round(a/(1 − a)·N) messages with these words are added to the N training messages and labelled spam, each under
/// the head of another spam message of the training set, drawn at random (without the fields that describe that
/// message's body); where k is above the number of spam messages the heads repeat. Texts have no heads, and all k are
/// alike.
///
/// What is known at a smaller p is known at a larger one. `attack_success` cuts the target's score at 0.5;
/// `target_as_spam` and `target_not_delivered` at a filter's cutoffs. The paper attacks 5,000 messages with 300.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Focused {
    /// Share a of all training messages that are the adversary's, in [0, 1).
    pub rate: Rate,
    /// Share p of the target's words that the adversary knows, in [0, 1].
    pub p: Rate,
    /// Targets drawn, each with poison and a victim of its own; at least 1.
    #[schemars(range(min = 1))]
    pub trials: usize,
    /// Which class is spam, by number or name; none takes the one called "spam".
    pub spam: Option<Class>,
}

impl Default for Focused {
    fn default() -> Self {
        Self { rate: Rate::literal(0.0566), p: Rate::literal(0.5), trials: 20, spam: None }
    }
}

impl Kind for Focused {}

impl Attack for Focused {
    fn goal(&self, info: &Info) -> Goal {
        match Sides::of(self.spam.as_ref(), info) {
            Ok(sides) => Goal::TargetedInputs { wanted: sides.spam },
            // Refused by the check.
            Err(_) => Goal::None,
        }
    }

    fn check(&self, info: &Info) -> Result<()> {
        let sides = Sides::of(self.spam.as_ref(), info)?;
        letters(self.rate, info.total())?;
        if self.trials == 0 {
            return Err(Error::at("trials", "0 trials show nothing: at least 1"));
        }
        match info.rows.get(sides.spam) {
            Some(0) | None => Err(Error::new("there is no spam whose head could be borrowed")),
            Some(_) => Ok(()),
        }
    }

    fn needs(&self) -> Needs {
        Needs { targets: true, ..Needs::default() }
    }

    fn trials(&self) -> usize {
        self.trials
    }

    fn craft(&self, scene: &Scene<'_>, watch: &mut dyn Observer) -> Result<Vec<Poison>> {
        let info = scene.clean.info();
        self.check(&info)?;
        let sides = Sides::of(self.spam.as_ref(), &info)?;
        let count = letters(self.rate, info.total())?;
        let test = scene.test.ok_or_else(|| Error::new("the attack was given no test set"))?;
        let (ours, theirs) = (scene.clean.rows().documents()?, test.rows().documents()?);
        let spam = scene.clean.rows_of(sides.spam);
        let mut poisons = Vec::with_capacity(self.trials);
        for (trial, target) in scene.targets(sides.ham, sides.spam, self.trials)?.into_iter().enumerate() {
            let seed = |stream: &str| scene.seed.derive(stream).derive(&trial.to_string());
            let words = pieces(theirs, target.row);
            let mut known: Vec<usize> = seed("words").shuffled(&(0..words.len()).collect::<Vec<_>>());
            known.truncate((self.p.get() * words.len() as f64).round() as usize);
            known.sort_unstable();
            let write = |head: &[u8]| letter(ours.are_mail(), head, known.iter().map(|&w| words[w].as_str()));
            let different = match ours.are_mail() {
                true => {
                    let heads = seed("heads").shuffled(&spam);
                    heads.iter().take(count).map(|&row| write(&borrowed_head(ours.bytes(row)))).collect()
                }
                false => vec![write(b"")],
            };
            let poison = copies(scene.clean, different, count, sides.spam)?;
            poisons.push(Poison { target: Some(target), ..poison });
            watch.step(trial + 1, self.trials);
        }
        Ok(poisons)
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}
