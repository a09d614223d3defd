//! `nsl_kdd`: connections of a network, attacks among them.

use std::path::{Path, PathBuf};

use aconite_core::{Rate, Result};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::columns::Reading;
use crate::delimited::{Gathered, Layout};
use crate::files::{self, in_file, open};
use crate::formats::csv::Dialect;
use crate::places::existing;
use crate::{Places, Source, Split};

/// 125,973 training and 22,544 test connections as 41 values, normal or one of 39 attacks.
///
/// Read from `KDDTrain+.txt` or `KDDTrain+_20Percent.txt` and `KDDTest+.txt`, gzipped or not, in `nsl-kdd/`,
/// `nsl_kdd/` or `NSL-KDD/`. `protocol_type`, `service` and `flag` become a column for each value that training
/// rows have (`protocol_type=tcp`); the difficulty is left out.
///
/// Source: Canadian Institute for Cybersecurity, University of New Brunswick, www.unb.ca/cic/datasets/nsl.html;
/// free to use, to be cited.
///
/// Paper: Tavallaee, Bagheri, Lu, Ghorbani 2009, A detailed analysis of the KDD CUP 99 data set, CISDA.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NslKdd {
    /// Which training file: the whole one, its published fifth, or the whole one if it is there.
    pub part: Part,
    /// Two classes, or the five families of attacks.
    pub labels: Labels,
    /// Whether each column of numbers gets mean 0 and standard deviation 1 over the training rows; a column that
    /// is constant there becomes 0 and stays.
    pub standardise: bool,
}

/// A training file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
pub enum Part {
    /// `KDDTrain+.txt` if it is there, else `KDDTrain+_20Percent.txt`; results tell the two apart.
    #[default]
    #[serde(rename = "any")]
    Any,
    /// `KDDTrain+.txt`.
    #[serde(rename = "full")]
    Full,
    /// `KDDTrain+_20Percent.txt`.
    #[serde(rename = "20_percent")]
    TwentyPercent,
}

/// What a connection's class is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Labels {
    /// `normal` or `attack`.
    #[default]
    Binary,
    /// `normal`, `dos`, `probe`, `r2l` or `u2r`.
    Families,
}

impl Default for NslKdd {
    fn default() -> Self {
        Self { part: Part::default(), labels: Labels::default(), standardise: true }
    }
}

impl Kind for NslKdd {}

const FULL: &str = "KDDTrain+.txt";
const FIFTH: &str = "KDDTrain+_20Percent.txt";
const TEST: &str = "KDDTest+.txt";
const HINT: &str = "put KDDTrain+.txt (or KDDTrain+_20Percent.txt) and KDDTest+.txt of \
                    www.unb.ca/cic/datasets/nsl.html into $ACONITE_DATA/nsl-kdd/";
#[rustfmt::skip]
const COLUMNS: [&str; 43] = [
    "duration", "protocol_type", "service", "flag", "src_bytes", "dst_bytes", "land", "wrong_fragment", "urgent",
    "hot", "num_failed_logins", "logged_in", "num_compromised", "root_shell", "su_attempted", "num_root",
    "num_file_creations", "num_shells", "num_access_files", "num_outbound_cmds", "is_host_login",
    "is_guest_login", "count", "srv_count", "serror_rate", "srv_serror_rate", "rerror_rate", "srv_rerror_rate",
    "same_srv_rate", "diff_srv_rate", "srv_diff_host_rate", "dst_host_count", "dst_host_srv_count",
    "dst_host_same_srv_rate", "dst_host_diff_srv_rate", "dst_host_same_src_port_rate",
    "dst_host_srv_diff_host_rate", "dst_host_serror_rate", "dst_host_srv_serror_rate", "dst_host_rerror_rate",
    "dst_host_srv_rerror_rate", "attack", "difficulty",
];
/// Families of attacks as in Dhanabal and Shantharajah 2015, Table II; `mailbomb` is not in it, but floods.
#[rustfmt::skip]
const FAMILIES: [(&str, &[&str]); 5] = [
    ("normal", &["normal"]),
    ("dos", &["apache2", "back", "land", "mailbomb", "neptune", "pod", "processtable", "smurf", "teardrop",
        "udpstorm", "worm"]),
    ("probe", &["ipsweep", "mscan", "nmap", "portsweep", "saint", "satan"]),
    ("r2l", &["ftp_write", "guess_passwd", "httptunnel", "imap", "multihop", "named", "phf", "sendmail",
        "snmpgetattack", "snmpguess", "spy", "warezclient", "warezmaster", "xlock", "xsnoop"]),
    ("u2r", &["buffer_overflow", "loadmodule", "perl", "ps", "rootkit", "sqlattack", "xterm"]),
];

fn family(label: &str) -> std::result::Result<String, String> {
    FAMILIES
        .iter()
        .find(|(_, attacks)| attacks.contains(&label))
        .map(|(family, _)| (*family).to_owned())
        .ok_or_else(|| format!("{label:?} is none of the attacks of NSL-KDD"))
}

fn binary(label: &str) -> std::result::Result<String, String> {
    family(label).map(|family| if family == "normal" { family } else { "attack".to_owned() })
}

impl NslKdd {
    /// The folder and the training file.
    fn files(&self, places: &Places) -> Result<(PathBuf, &'static str)> {
        let find = |file| places.find_any("nsl_kdd", &["nsl-kdd", "nsl_kdd", "NSL-KDD"], &[file, TEST], HINT);
        match self.part {
            Part::Full => Ok((find(FULL)?, FULL)),
            Part::TwentyPercent => Ok((find(FIFTH)?, FIFTH)),
            Part::Any => {
                find(FULL).map(|f| (f, FULL)).or_else(|e| find(FIFTH).map(|f| (f, FIFTH)).map_err(|_| e))
            }
        }
    }

    fn read(&self, folder: &Path, train: &str) -> Result<Split> {
        let layout = Layout {
            dialect: Dialect { header: false, ..Dialect::default() },
            names: Some(&COLUMNS),
            label: "attack",
            ignore: &["difficulty".to_owned()],
            reading: Reading {
                categorical: &["protocol_type", "service", "flag"].map(str::to_owned),
                standardise: self.standardise,
            },
            class: match self.labels {
                Labels::Binary => &binary,
                Labels::Families => &family,
            },
            classes: Some(match self.labels {
                Labels::Binary => &["normal", "attack"],
                Labels::Families => &["normal", "dos", "probe", "r2l", "u2r"],
            }),
        };
        let mut gathered = Gathered::default();
        let mut rows = 0;
        for name in [train, TEST] {
            rows = gathered.len();
            let path = existing(folder, name).unwrap_or_else(|| folder.join(name));
            gathered.add(&layout, open(&path)?.reader, name).map_err(in_file(&path))?;
        }
        gathered.split(&layout, Some(rows), Rate::literal(0.0), 0)
    }
}

impl Source for NslKdd {
    fn load(&self, places: &Places) -> Result<Split> {
        let (folder, train) = self.files(places)?;
        self.read(&folder, train)
    }

    fn fingerprint(&self, places: &Places) -> Result<String> {
        let (folder, train) = self.files(places)?;
        files::fingerprint_of(&folder, &[train, TEST])
    }

    fn licence(&self) -> &'static str {
        "free to use (to be cited), Canadian Institute for Cybersecurity, University of New Brunswick"
    }

    fn found(&self, places: &Places) -> Result<Option<PathBuf>> {
        self.files(places).map(|(folder, _)| Some(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(protocol: &str, bytes: u32, attack: &str) -> String {
        format!("0,{protocol},http,SF,{bytes}{},{attack},21\n", ",0".repeat(36))
    }

    #[test]
    fn connections_become_rows() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("nsl-kdd");
        std::fs::create_dir(&folder).unwrap();
        let train = [line("tcp", 10, "normal"), line("udp", 30, "neptune"), line("tcp", 20, "phf")].concat();
        std::fs::write(folder.join(FIFTH), train).unwrap();
        std::fs::write(folder.join(TEST), line("icmp", 40, "mscan")).unwrap();
        let places = Places(vec![dir.path().to_owned()]);
        let split = NslKdd::default().load(&places).unwrap();
        assert_eq!((split.train.labels(), split.test.labels()), (&[0, 1, 1][..], &[1][..]));
        let table = split.train.rows().table().unwrap();
        assert_eq!(
            table.columns()[..5],
            ["duration", "protocol_type=tcp", "protocol_type=udp", "service=http", "flag=SF"]
        );
        // src_bytes: mean 20, sd sqrt(200/3).
        assert_eq!(table.row(0)[..6], [0.0, 1.0, 0.0, 1.0, 1.0, -1.2247449]);
        assert_eq!(split.test.rows().table().unwrap().row(0)[..3], [0.0; 3]);
        assert_eq!(split.test.origins().of(0), "KDDTest+.txt:1");
        let families = NslKdd { labels: Labels::Families, ..NslKdd::default() }.load(&places).unwrap();
        assert_eq!((families.train.labels(), families.test.labels()), (&[0, 1, 3][..], &[2][..]));
        let error = NslKdd { part: Part::Full, ..NslKdd::default() }.load(&places).unwrap_err();
        assert!(error.message.contains("lacks KDDTrain+.txt"), "{error}");
    }

    #[test]
    fn the_published_set_is_whole() {
        let places = Places::from_env();
        let source = NslKdd { part: Part::TwentyPercent, ..NslKdd::default() };
        if source.files(&places).is_err() {
            eprintln!("skipped: NSL-KDD is not on this machine");
            return;
        }
        let split = source.load(&places).unwrap();
        assert_eq!((split.train.len(), split.test.len()), (25_192, 22_544));
        assert_eq!((split.train.info().rows[0], split.test.info().rows[0]), (13_449, 9_711));
    }
}
