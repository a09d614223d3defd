//! `rt_polarity`: sentences of film reviews.

use std::path::PathBuf;
use std::sync::Arc;

use aconite_core::{Dataset, Documents, Origins, Rate, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::files::{self, in_file};
use crate::formats::Fault;
use crate::places::existing;
use crate::{Places, Source, Split, division};

/// 10,662 sentences of film reviews, half negative and half positive, as texts.
///
/// Read from `rt-polarity.neg` and `rt-polarity.pos`, gzipped or not, in `rt-polarity/`, `rt-polaritydata/` or
/// `rt_polarity/`: a sentence a line. The published files are windows-1252; a file that is valid UTF-8 is taken as
/// that. The set has no test set: of each class the share `test_share` is drawn by `split_seed`, the same for every
/// seed of an experiment.
///
/// Source: Pang and Lee, www.cs.cornell.edu/people/pabo/movie-review-data (sentence polarity dataset v1.0); no
/// licence is stated, to be cited.
///
/// Paper: Pang, Lee 2005, Seeing stars: exploiting class relationships for sentiment categorization with respect
/// to rating scales, ACL.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RtPolarity {
    /// Share of the sentences of each class that become test sentences, in (0, 1).
    pub test_share: Rate,
    /// Which sentences these are.
    pub split_seed: u64,
}

impl Default for RtPolarity {
    fn default() -> Self {
        Self { test_share: division::TEST_SHARE, split_seed: 0 }
    }
}

impl Kind for RtPolarity {}

const FILES: [&str; 2] = ["rt-polarity.neg", "rt-polarity.pos"];
const HINT: &str = "put rt-polarity.neg and rt-polarity.pos (rt-polaritydata.tar.gz of \
                    www.cs.cornell.edu/people/pabo/movie-review-data) into $ACONITE_DATA/rt-polarity/";

fn folder(places: &Places) -> Result<PathBuf> {
    places.find_any("rt_polarity", &["rt-polarity", "rt-polaritydata", "rt_polarity"], &FILES, HINT)
}

impl Source for RtPolarity {
    fn load(&self, places: &Places) -> Result<Split> {
        let folder = folder(places)?;
        let mut sentences = Vec::new();
        let mut labels = Vec::new();
        let mut origins: Option<Origins> = None;
        for (label, file) in FILES.iter().enumerate() {
            let path = existing(&folder, file).unwrap_or_else(|| folder.join(file));
            let text = files::text(&path, true)?;
            let before = sentences.len();
            for (i, line) in text.lines().enumerate() {
                let sentence = line.trim();
                if sentence.is_empty() {
                    return Err(in_file(&path)(Fault::line(i as u64 + 1, "empty, expected a sentence")));
                }
                sentences.push(sentence.to_owned());
                labels.push(label);
            }
            let lines = Origins::lines(file, sentences.len() - before);
            origins = Some(origins.map_or(lines.clone(), |all| all.followed_by(&lines)));
        }
        let classes = ["negative", "positive"].map(str::to_owned).to_vec();
        let mut data = Dataset::new(Documents::texts(sentences), labels, Arc::new(classes))?;
        if let Some(origins) = origins {
            data = data.with_origins(origins)?;
        }
        division::divide(&data, self.test_share, self.split_seed)
    }

    fn fingerprint(&self, places: &Places) -> Result<String> {
        files::fingerprint_of(&folder(places)?, &FILES)
    }

    fn licence(&self) -> &'static str {
        "no licence stated (to be cited), Pang and Lee, www.cs.cornell.edu/people/pabo/movie-review-data"
    }

    fn found(&self, places: &Places) -> Result<Option<PathBuf>> {
        folder(places).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_of_either_encoding_become_rows() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("rt-polarity");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(FILES[0]), b"dull \x97 clich\xe9s \nslow\nlong\n").unwrap();
        std::fs::write(folder.join(FILES[1]), "fine — clichés \ngood\n").unwrap();
        let split = RtPolarity { test_share: Rate::literal(0.34), split_seed: 0 }
            .load(&Places(vec![dir.path().to_owned()]))
            .unwrap();
        assert_eq!((split.train.info().rows, split.test.info().rows), (vec![2, 1], vec![1, 1]));
        let mut all: Vec<String> = Vec::new();
        for part in [&split.train, &split.test] {
            let texts = part.rows().documents().unwrap();
            all.extend((0..part.len()).map(|row| format!("{} {}", part.origins().of(row), texts.text(row))));
        }
        all.sort();
        assert_eq!(all[0], "rt-polarity.neg:1 dull — clichés");
        assert_eq!(all[3], "rt-polarity.pos:1 fine — clichés");
    }

    #[test]
    fn the_published_set_is_whole() {
        let places = Places::from_env();
        if folder(&places).is_err() {
            eprintln!("skipped: rt-polarity is not on this machine");
            return;
        }
        let split = RtPolarity::default().load(&places).unwrap();
        assert_eq!((split.train.info().rows, split.test.info().rows), (vec![4265; 2], vec![1066; 2]));
    }
}
