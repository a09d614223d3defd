//! The dictionary attack: every word becomes a sign of spam.

use aconite_core::{Attack, Class, Dataset, Error, Goal, Info, Poison, Rate, Result, Seed, Trigger};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::letters::{Sides, copies, letter, letters};
use crate::list;

/// Mails a whole dictionary, over and over, so that the filter takes every word for a sign of spam and ham for spam.
///
/// Paper: Nelson, Barreno, Chi, Joseph, Rubinstein, Saini, Sutton, Tygar, Xia 2008, "Exploiting Machine Learning to
/// Subvert Your Spam Filter", LEET, section 3.2.
///
/// k = round(a/(1 − a)·N) copies of one message are added to the N training messages and labelled spam: they are the
/// share a = `rate` of all mail. The message has no head, since the adversary controls no more than the text, and its
/// text is the list of words, one blank apart.
///
/// The list is a file of yours (the paper takes the 98,568 words of aspell and the 90,000 most frequent of a Usenet
/// corpus), or else the words of 3 to 12 characters in the training messages, ham and spam: those of an adversary who
/// knows the victim's mail, which the paper's does not. `optimal` goes further and reads the mail of tomorrow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Dictionary {
    /// Share a of all training messages that are the adversary's, in [0, 1).
    pub rate: Rate,
    /// Which class is spam, by number or name; none takes the one called "spam".
    pub spam: Option<Class>,
    /// A file with a word a line, the most frequent first, from the working directory; none takes the words of the
    /// training messages, those in the most messages first.
    pub list: Option<String>,
    /// Words of the list, from its beginning, at least 1; none takes them all.
    #[schemars(range(min = 1))]
    pub most: Option<usize>,
}

impl Default for Dictionary {
    fn default() -> Self {
        Self { rate: Rate::literal(0.01), spam: None, list: None, most: None }
    }
}

impl Kind for Dictionary {}

impl Attack for Dictionary {
    fn goal(&self, _: &Info) -> Goal {
        Goal::Availability
    }

    fn check(&self, info: &Info) -> Result<()> {
        Sides::of(self.spam.as_ref(), info)?;
        letters(self.rate, info.total())?;
        if self.most == Some(0) {
            return Err(Error::at("most", "0 words are no dictionary: at least 1"));
        }
        self.list.as_deref().map_or(Ok(()), |path| list::of_file(path).map(drop))
    }

    fn rows(&self, info: &Info) -> Option<usize> {
        letters(self.rate, info.total()).ok()
    }

    fn content(&self) -> Result<Option<String>> {
        list::content(self.list.as_deref())
    }

    fn poison(&self, clean: &Dataset, _: Seed) -> Result<Poison> {
        let info = clean.info();
        let sides = Sides::of(self.spam.as_ref(), &info)?;
        let documents = clean.rows().documents()?;
        let mut words = match &self.list {
            Some(path) => list::of_file(path)?,
            None => list::of_documents(documents),
        };
        words.truncate(self.most.unwrap_or(usize::MAX));
        if words.is_empty() {
            return Err(Error::new("the training messages hold no word for a dictionary")
                .hint("name a list of words: list = \"words.txt\""));
        }
        let letter = letter(documents.are_mail(), b"", words.iter().map(String::as_str));
        copies(clean, vec![letter], letters(self.rate, info.total())?, sides.spam)
    }

    fn trigger(&self, _: &Info, _: Seed) -> Result<Option<Box<dyn Trigger>>> {
        Ok(None)
    }
}
