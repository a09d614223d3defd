//! `mail_folder`: a user's own e-mail.

use std::path::PathBuf;

use aconite_core::{Rate, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::class_folders::list;
use crate::files::{about, fingerprint};
use crate::{Places, Source, Split, division, mail_set};

/// E-mail of your own: a folder for each class, a raw message in each file.
///
/// The classes are the folders' names. With `train/` and `test/` above the class folders they are the training and
/// the test set; without, of each class the share `test_share` is drawn by `split_seed`, the same for every seed of
/// an experiment. Files are read by name; those that begin with a dot, and `cmds`, are passed over.
///
/// Paper: none; it is your own data.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MailFolder {
    /// The folder, from the working directory or from `$ACONITE_DATA`.
    pub path: String,
    /// Share of the messages of each class that become test messages, in (0, 1).
    pub test_share: Rate,
    /// Which messages these are.
    pub split_seed: u64,
}

impl Default for MailFolder {
    fn default() -> Self {
        Self { path: String::new(), test_share: division::TEST_SHARE, split_seed: 0 }
    }
}

impl Kind for MailFolder {
    const VERSION: u32 = 2;
}

fn is_message(name: &str) -> std::result::Result<bool, String> {
    Ok(name != "cmds")
}

impl Source for MailFolder {
    fn load(&self, places: &Places) -> Result<Split> {
        let root = places.own("path", &self.path)?;
        list(&root, is_message)
            .and_then(|listing| mail_set::split(&root, &listing, self.test_share, self.split_seed))
            .map_err(about("path"))
    }

    fn fingerprint(&self, places: &Places) -> Result<String> {
        let root = places.own("path", &self.path)?;
        fingerprint(&root, list(&root, is_message).map_err(about("path"))?.paths())
    }

    fn licence(&self) -> &'static str {
        "your own"
    }

    fn found(&self, places: &Places) -> Result<Option<PathBuf>> {
        places.own("path", &self.path).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn folders_are_classes() {
        let dir = tempfile::tempdir().unwrap();
        for (part, class, name) in [
            ("train", "10", "a"),
            ("train", "2", "a"),
            ("train", "2", "b"),
            ("test", "2", "c"),
            ("test", "10", "d"),
        ] {
            fs::create_dir_all(dir.path().join(part).join(class)).unwrap();
            fs::write(dir.path().join(part).join(class).join(name), format!("S: {name}\n\n")).unwrap();
        }
        let source = MailFolder { path: dir.path().to_str().unwrap().into(), ..MailFolder::default() };
        let split = source.load(&Places(vec![])).unwrap();
        assert_eq!(**split.train.classes(), ["2", "10"]);
        assert_eq!((split.train.labels(), split.test.labels()), (&[0, 0, 1][..], &[0, 1][..]));
        assert_eq!(split.test.origins().of(1), "test/10/d");
        fs::remove_dir_all(dir.path().join("test/10")).unwrap();
        let error = source.load(&Places(vec![])).unwrap_err();
        assert!(error.message.contains("no folder of class \"10\""), "{error}");
        assert_eq!(error.setting.as_deref(), Some("path"));
    }
}
