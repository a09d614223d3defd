//! `breast_cancer`: the Wisconsin diagnostic breast cancer data, inside the program.

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

/// 569 tumours as 30 numbers, 212 malignant and 357 benign; needs no file.
///
/// Mean, standard error and worst value of ten measures of cell nuclei, in the order of scikit-learn's copy; the
/// classes as there: 0 malignant, 1 benign. It has no test set: of each class the share `test_share` is drawn by
/// `split_seed`, the same for every seed of an experiment.
///
/// Source: Wolberg, Mangasarian, Street, Street 1995, UCI Machine Learning Repository, doi:10.24432/C5DW2B;
/// CC BY 4.0.
///
/// Paper: Street, Wolberg, Mangasarian 1993, Nuclear feature extraction for breast tumor diagnosis.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BreastCancer {
    /// Whether each column gets mean 0 and standard deviation 1 over the training rows.
    pub standardise: bool,
    /// Share of the rows of each class that become test rows, in (0, 1).
    pub test_share: Rate,
    /// Which rows these are.
    pub split_seed: u64,
}

impl Default for BreastCancer {
    fn default() -> Self {
        Self { standardise: true, test_share: division::TEST_SHARE, split_seed: 0 }
    }
}

impl Kind for BreastCancer {}

const FILE: Embedded = Embedded {
    name: "breast_cancer.csv",
    gzip: include_bytes!("../embedded/breast_cancer.csv.gz"),
    size: 120_381,
    sha256: "7dd8e4f78b55cb5fa3cba00b0e61fa6046cbadcdaaa60ca5e48827b536723906",
};

fn class(label: &str) -> std::result::Result<String, String> {
    match label {
        "0" => Ok("malignant".into()),
        "1" => Ok("benign".into()),
        other => Err(format!("{other:?}, expected 0 or 1")),
    }
}

impl Source for BreastCancer {
    fn load(&self, _: &Places) -> Result<Split> {
        let layout = Layout {
            dialect: Dialect::default(),
            names: None,
            label: "target",
            ignore: &[],
            reading: Reading { standardise: self.standardise, ..Reading::default() },
            class: &class,
            classes: Some(&["malignant", "benign"]),
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
        "CC BY 4.0, Wolberg et al., UCI Machine Learning Repository, doi:10.24432/C5DW2B"
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
        let source =
            BreastCancer { standardise: false, test_share: Rate::literal(0.01), ..BreastCancer::default() };
        let split = source.load(&Places(vec![])).unwrap();
        assert_eq!((split.train.info().rows, split.test.info().rows), (vec![210, 354], vec![2, 3]));
        // The first row of scikit-learn's breast_cancer.csv.
        assert_eq!(split.train.origins().of(0), "breast_cancer.csv:2");
        let table = split.train.rows().table().unwrap();
        assert_eq!((table.row(0)[0], table.row(0)[29]), (17.99, 0.1189));
        assert_eq!(
            (table.columns()[0].as_str(), table.columns()[7].as_str()),
            ("mean radius", "mean concave points")
        );
    }
}
