//! Runs the program in a folder of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub struct Sandbox {
    pub dir: tempfile::TempDir,
}

pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(o: Output) -> Self {
        Self {
            code: o.status.code(),
            out: String::from_utf8_lossy(&o.stdout).into_owned(),
            err: String::from_utf8_lossy(&o.stderr).into_owned(),
        }
    }
}

/// One row of a CSV file by column.
pub type Row = BTreeMap<String, String>;

impl Sandbox {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aconite"));
        command.args(args).current_dir(self.dir.path());
        command.env_remove("ACONITE_STORE").env("ACONITE_DATA", self.path("data"));
        command.env("XDG_CACHE_HOME", self.path("cache"));
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// Runs and expects success.
    pub fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, Some(0), "{args:?}\n{}\n{}", ran.out, ran.err);
        ran
    }

    pub fn rows(&self, file: &str) -> Vec<Row> {
        read(&self.path(file))
    }
}

pub fn read(path: &Path) -> Vec<Row> {
    let (header, rows) = aconite_record::read_flat(path).unwrap();
    rows.into_iter().map(|r| header.iter().cloned().zip(r).collect()).collect()
}

/// The rows without what depends on the clock and the memory.
pub fn timeless(rows: &[Row]) -> Vec<Row> {
    let cost = |name: &str| aconite_record::metric::is_cost(name);
    rows.iter()
        .map(|r| r.iter().filter(|(k, _)| !cost(k)).map(|(k, v)| (k.clone(), v.clone())).collect())
        .collect()
}

/// A grid that takes a second: a tiny network on few rows.
pub const TINY: &str = "\
about = 'tiny'
seeds = 2
[dataset]
kind = 'fashion_mnist_mini'
train_size = 200
[victim]
kind = 'mlp'
hidden = [16]
[train]
epochs = 1
batch_size = 50
[attack]
kind = 'badnets'
[grid]
'attack.rate' = [0.05, 0.1]
defense = ['none', 'spectral_signatures', 'random_filter']
";

/// A grid of 24 cells whose victim learns nothing and takes no time.
pub const MOCK: &str = "\
about = 'the engine'
seeds = 2
[dataset]
kind = 'mock'
[victim]
kind = 'mock'
error = 0.0
[attack]
kind = 'badnets'
[grid]
'attack.rate' = [0.05, 0.1]
'victim.error' = [0.0, 0.1]
defense = ['none', 'random_filter', 'perfect_filter']
";
