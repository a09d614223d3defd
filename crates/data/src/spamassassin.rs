//! `spamassassin`: the SpamAssassin public mail corpus.

use std::path::{Path, PathBuf};

use aconite_core::{Error, Rate, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::class_folders::{Listed, Listing};
use crate::files::{fingerprint, names, plain_name, relative};
use crate::{Places, Source, Split, division, mail_set};

/// About 6,000 raw e-mail messages, a third of them spam.
///
/// Read from the corpus's folders in `spamassassin/`: a message a file, by folder and name; `cmds` is no message.
/// The messages stay as they are, byte by byte. The corpus has no test set: of each class the share `test_share` is
/// drawn by `split_seed`, the same for every seed of an experiment.
///
/// Source: spamassassin.apache.org/old/publiccorpus; the authors of the messages keep their rights.
///
/// Paper: none; used in poisoning by Nelson et al. 2008, Exploiting machine learning to subvert your spam filter,
/// LEET, beside TREC 2005.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Spamassassin {
    /// Folders to read; those whose name has `spam` in it are spam, the others ham.
    pub folders: Vec<String>,
    /// Share of the messages of each class that become test messages, in (0, 1).
    pub test_share: Rate,
    /// Which messages these are.
    pub split_seed: u64,
}

impl Default for Spamassassin {
    fn default() -> Self {
        let folders = ["easy_ham", "easy_ham_2", "hard_ham", "spam", "spam_2"];
        Self { folders: folders.map(str::to_owned).to_vec(), test_share: division::TEST_SHARE, split_seed: 0 }
    }
}

impl Kind for Spamassassin {
    const VERSION: u32 = 2;
}

const HINT: &str = "unpack the archives of spamassassin.apache.org/old/publiccorpus into \
                    $ACONITE_DATA/spamassassin/, or name those you have in `folders`";

impl Spamassassin {
    fn root(&self, places: &Places) -> Result<PathBuf> {
        let folders: Vec<&str> = self.folders.iter().map(String::as_str).collect();
        places.find_any("spamassassin", &["spamassassin"], &folders, HINT)
    }

    fn list(&self, root: &Path) -> Result<Listing> {
        let mut listing =
            Listing { classes: vec!["ham".into(), "spam".into()], files: Vec::new(), train: None };
        for (i, folder) in self.folders.iter().enumerate() {
            if self.folders.iter().take(i).any(|before| before == folder) {
                return Err(Error::at("folders", format!("{folder:?} is given twice")));
            }
            let path = plain_name(root, folder).map_err(|what| Error::at("folders", what))?;
            let label = usize::from(folder.contains("spam"));
            let before = listing.files.len();
            for name in names(&path)?.into_iter().filter(|name| name != "cmds") {
                let path = path.join(name);
                listing.files.push(Listed { label, name: relative(root, &path), path });
            }
            if listing.files.len() == before {
                return Err(Error::at("folders", format!("{}: no messages", path.display())));
            }
        }
        let spam = listing.files.iter().filter(|file| file.label == 1).count();
        if spam == 0 || spam == listing.files.len() {
            return Err(Error::at("folders", "folders of one class, expected of ham and of spam"));
        }
        Ok(listing)
    }
}

impl Source for Spamassassin {
    fn load(&self, places: &Places) -> Result<Split> {
        let root = self.root(places)?;
        mail_set::split(&root, &self.list(&root)?, self.test_share, self.split_seed)
    }

    fn fingerprint(&self, places: &Places) -> Result<String> {
        let root = self.root(places)?;
        fingerprint(&root, self.list(&root)?.paths())
    }

    fn licence(&self) -> &'static str {
        "the authors' own, collected by the SpamAssassin project, spamassassin.apache.org/old/publiccorpus"
    }

    fn found(&self, places: &Places) -> Result<Option<PathBuf>> {
        self.root(places).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn messages_are_read_by_folder_and_name() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("spamassassin");
        for (folder, name, bytes) in [
            ("easy_ham", "00002.b", &b"Subject: two\n\n\xff\n"[..]),
            ("easy_ham", "00001.a", b"Subject: one\n\nx\n"),
            ("easy_ham", "cmds", b"mv a b\n"),
            ("spam", "00001.c", b"Subject: buy\r\n\r\nnow"),
            ("spam", "00002.d", b"Subject: win\n\n$"),
        ] {
            fs::create_dir_all(root.join(folder)).unwrap();
            fs::write(root.join(folder).join(name), bytes).unwrap();
        }
        let places = Places(vec![dir.path().to_owned()]);
        let source = |folders: &[&str]| Spamassassin {
            folders: folders.iter().map(|&f| f.to_owned()).collect(),
            test_share: Rate::literal(0.5),
            split_seed: 0,
        };
        let ours = source(&["easy_ham", "spam"]);
        let names = ours.list(&root).unwrap().names();
        assert_eq!(names, ["easy_ham/00001.a", "easy_ham/00002.b", "spam/00001.c", "spam/00002.d"]);
        let split = ours.load(&places).unwrap();
        assert_eq!((split.train.info().rows, split.test.info().rows), (vec![1, 1], vec![1, 1]));
        let odd = [&split.train, &split.test].iter().any(|part| {
            (0..2).any(|row| part.rows().documents().unwrap().bytes(row) == b"Subject: two\n\n\xff\n")
        });
        assert!(odd, "bytes stay as they are");
        assert!(source(&["spam"]).load(&places).unwrap_err().message.contains("one class"));
        assert!(source(&["spam", "spam"]).load(&places).unwrap_err().message.contains("twice"));
        assert!(source(&["../x", "spam"]).load(&places).is_err());
        let before = ours.fingerprint(&places).unwrap();
        fs::write(root.join("spam/00001.c"), b"Subject: sell\n\n").unwrap();
        assert_ne!(ours.fingerprint(&places).unwrap(), before);
    }

    #[test]
    fn the_published_corpus_is_read() {
        let places = Places::from_env();
        if Spamassassin::default().root(&places).is_err() {
            eprintln!("skipped: SpamAssassin's corpus is not on this machine");
            return;
        }
        let split = Spamassassin::default().load(&places).unwrap();
        let both: Vec<usize> =
            split.train.info().rows.iter().zip(split.test.info().rows).map(|(a, b)| a + b).collect();
        assert!(both[0] >= 4000 && both[1] >= 1800, "{both:?}");
    }
}
