//! `sms_spam`: the SMS Spam Collection, inside the program.

use std::path::PathBuf;
use std::sync::Arc;

use aconite_core::{Dataset, Documents, Error, Origins, Rate, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::embedded::Embedded;
use crate::formats::Fault;
use crate::{Places, Source, Split, division};

/// 5,574 text messages, 747 of them spam; needs no file.
///
/// The whole SMS Spam Collection v.1 in its order, as texts. It has no test set: of each class the share
/// `test_share` is drawn by `split_seed`, the same for every seed of an experiment.
///
/// Source: Almeida and Gómez Hidalgo, UCI Machine Learning Repository, doi:10.24432/C5CC84; CC BY 4.0.
///
/// Paper: Almeida, Gómez Hidalgo, Yamakami 2011, Contributions to the study of SMS spam filtering: new collection
/// and results, DocEng.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SmsSpam {
    /// Share of the messages of each class that become test messages, in (0, 1).
    pub test_share: Rate,
    /// Which messages these are.
    pub split_seed: u64,
}

impl Default for SmsSpam {
    fn default() -> Self {
        Self { test_share: division::TEST_SHARE, split_seed: 0 }
    }
}

impl Kind for SmsSpam {}

const FILE: Embedded = Embedded {
    name: "SMSSpamCollection",
    gzip: include_bytes!("../embedded/sms_spam.tsv.gz"),
    size: 477_907,
    sha256: "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d",
};
const CLASSES: [&str; 2] = ["ham", "spam"];

/// Lines of a class, a tab and a message.
fn read(text: &str) -> std::result::Result<Dataset, Fault> {
    let mut labels = Vec::new();
    let mut messages = Vec::new();
    for (i, line) in text.lines().enumerate() {
        let label = line.split_once('\t').and_then(|(class, message)| {
            Some((CLASSES.iter().position(|&known| known == class)?, message.to_owned()))
        });
        let Some((label, message)) = label else {
            let start: String = line.chars().take(20).collect();
            let message = format!("{start:?}, expected \"ham\" or \"spam\", a tab and a message");
            return Err(Fault::line(i as u64 + 1, message));
        };
        labels.push(label);
        messages.push(message);
    }
    let origins = Origins::lines(FILE.name, labels.len());
    let classes = CLASSES.iter().map(|&class| class.to_owned()).collect();
    Dataset::new(Documents::texts(messages), labels, Arc::new(classes))
        .and_then(|data| data.with_origins(origins))
        .map_err(|e| Fault::new(e.message))
}

impl Source for SmsSpam {
    fn load(&self, _: &Places) -> Result<Split> {
        let bytes = FILE.read()?;
        let data = read(&String::from_utf8_lossy(&bytes))
            .map_err(|fault| Error::new(format!("embedded {}: {fault}", FILE.name)))?;
        division::divide(&data, self.test_share, self.split_seed)
    }

    fn fingerprint(&self, _: &Places) -> Result<String> {
        Ok(FILE.sha256.to_owned())
    }

    fn licence(&self) -> &'static str {
        "CC BY 4.0, Almeida and Gómez Hidalgo, UCI Machine Learning Repository, doi:10.24432/C5CC84"
    }

    fn found(&self, _: &Places) -> Result<Option<PathBuf>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_published_messages() {
        let split = SmsSpam::default().load(&Places(vec![])).unwrap();
        // ⌊0.2·4827⌋ and ⌊0.2·747⌋ are test messages.
        assert_eq!(split.test.info().rows, [965, 149]);
        assert_eq!(split.train.info().rows, [4827 - 965, 747 - 149]);
        let whole = read(&String::from_utf8(FILE.read().unwrap()).unwrap()).unwrap();
        assert!(whole.rows().documents().unwrap().text(2).starts_with("Free entry in 2 a wkly comp"));
        assert_eq!((whole.labels()[2], whole.origins().of(2)), (1, "SMSSpamCollection:3".to_owned()));
        let other = SmsSpam { split_seed: 1, ..SmsSpam::default() }.load(&Places(vec![])).unwrap();
        assert_ne!(other.test.origins(), split.test.origins());
    }

    #[test]
    fn a_line_of_another_form_is_named() {
        assert_eq!(
            read("ham\tyes\neggs\tno\n").unwrap_err().to_string(),
            "line 2: \"eggs\\tno\", expected \"ham\" or \"spam\", a tab and a message"
        );
    }
}
