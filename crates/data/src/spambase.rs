//! `spambase`: word and character frequencies of e-mail, inside the program.

use std::path::PathBuf;

use aconite_core::{Error, Rate, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::columns::Reading;
use crate::delimited::{Gathered, Layout};
use crate::embedded::Embedded;
use crate::formats::csv::Dialect;
use crate::{Places, Source, Split, division};

/// 4,601 e-mail messages as 57 numbers, 1,813 of them spam; needs no file.
///
/// The frequencies of 48 words and 6 characters, and the average, longest and total run of capital letters.
/// It has no test set: of each class the share `test_share` is drawn by `split_seed`, the same for every seed of an
/// experiment.
///
/// Source: Hopkins, Reeber, Forman, Suermondt (Hewlett-Packard Labs 1999), UCI Machine Learning Repository,
/// doi:10.24432/C53G6X; CC BY 4.0.
///
/// Paper: none of its authors; used in poisoning by Nelson et al. and Koh, Steinhardt, Liang 2022, Stronger data
/// poisoning attacks break data sanitization defenses.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Spambase {
    /// Whether each column gets mean 0 and standard deviation 1 over the training rows; a column that is constant
    /// there becomes 0 and stays.
    pub standardise: bool,
    /// Share of the rows of each class that become test rows, in (0, 1).
    pub test_share: Rate,
    /// Which rows these are.
    pub split_seed: u64,
}

impl Default for Spambase {
    fn default() -> Self {
        Self { standardise: true, test_share: division::TEST_SHARE, split_seed: 0 }
    }
}

impl Kind for Spambase {}

const FILE: Embedded = Embedded {
    name: "spambase.data",
    gzip: include_bytes!("../embedded/spambase.csv.gz"),
    size: 698_341,
    sha256: "73152697481767e4712e97663f5bfac69e5bc65585ba2e82510f14157bca0d40",
};
#[rustfmt::skip]
const COLUMNS: [&str; 58] = [
    "word_freq_make", "word_freq_address", "word_freq_all", "word_freq_3d", "word_freq_our", "word_freq_over",
    "word_freq_remove", "word_freq_internet", "word_freq_order", "word_freq_mail", "word_freq_receive",
    "word_freq_will", "word_freq_people", "word_freq_report", "word_freq_addresses", "word_freq_free",
    "word_freq_business", "word_freq_email", "word_freq_you", "word_freq_credit", "word_freq_your",
    "word_freq_font", "word_freq_000", "word_freq_money", "word_freq_hp", "word_freq_hpl", "word_freq_george",
    "word_freq_650", "word_freq_lab", "word_freq_labs", "word_freq_telnet", "word_freq_857", "word_freq_data",
    "word_freq_415", "word_freq_85", "word_freq_technology", "word_freq_1999", "word_freq_parts", "word_freq_pm",
    "word_freq_direct", "word_freq_cs", "word_freq_meeting", "word_freq_original", "word_freq_project",
    "word_freq_re", "word_freq_edu", "word_freq_table", "word_freq_conference", "char_freq_;", "char_freq_(",
    "char_freq_[", "char_freq_!", "char_freq_$", "char_freq_#", "capital_run_length_average",
    "capital_run_length_longest", "capital_run_length_total", "spam",
];

fn class(label: &str) -> std::result::Result<String, String> {
    match label {
        "0" => Ok("ham".into()),
        "1" => Ok("spam".into()),
        other => Err(format!("{other:?}, expected 0 or 1")),
    }
}

impl Source for Spambase {
    fn load(&self, _: &Places) -> Result<Split> {
        let layout = Layout {
            dialect: Dialect { header: false, ..Dialect::default() },
            names: Some(&COLUMNS),
            label: "spam",
            ignore: &[],
            reading: Reading { standardise: self.standardise, ..Reading::default() },
            class: &class,
            classes: Some(&["ham", "spam"]),
        };
        let mut gathered = Gathered::default();
        gathered
            .add(&layout, FILE.read()?.as_slice(), FILE.name)
            .map_err(|fault| Error::new(format!("embedded {}: {fault}", FILE.name)))?;
        gathered.split(&layout, None, self.test_share, self.split_seed)
    }

    fn fingerprint(&self, _: &Places) -> Result<String> {
        Ok(FILE.sha256.to_owned())
    }

    fn licence(&self) -> &'static str {
        "CC BY 4.0, Hopkins et al., UCI Machine Learning Repository, doi:10.24432/C53G6X"
    }

    fn found(&self, _: &Places) -> Result<Option<PathBuf>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_the_published_rows() {
        let raw = Spambase { standardise: false, ..Spambase::default() }.load(&Places(vec![])).unwrap();
        let count: Vec<usize> =
            raw.train.info().rows.iter().zip(raw.test.info().rows).map(|(a, b)| a + b).collect();
        assert_eq!(count, [2788, 1813]);
        let both = [&raw.train, &raw.test];
        let first = both
            .iter()
            .find_map(|d| (0..d.len()).find(|&r| d.origins().of(r) == "spambase.data:1").map(|r| (d, r)));
        let (data, row) = first.unwrap();
        let table = data.rows().table().unwrap();
        assert_eq!((&table.row(row)[54..], table.columns().len()), (&[1.166, 2.0, 7.0][..], 57));
        let table = Spambase::default().load(&Places(vec![])).unwrap().train;
        let table = table.rows().table().unwrap();
        let column: Vec<f64> = (0..table.len()).map(|row| f64::from(table.row(row)[56])).collect();
        let mean = column.iter().sum::<f64>() / column.len() as f64;
        let sd = (column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / column.len() as f64).sqrt();
        assert!(mean.abs() < 1e-5 && (sd - 1.0).abs() < 1e-5, "{mean} {sd}");
    }
}
