//! What an export says of itself.

use std::collections::BTreeMap;

use aconite_core::RowKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `manifest.json` of an export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the layout.
    pub layout: u32,
    /// What the rows are: `image`, `table`, `text` or `mail`.
    pub kind: String,
    /// Channels, height and width of an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<[usize; 3]>,
    /// Names of a table's columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// The seed of the cell.
    pub seed: u64,
    /// What counts as the attack's success: `none`, `availability`, `targeted` or `backdoor`.
    pub goal: String,
    /// All settings of the data set and of the attack.
    pub recipe: Value,
    /// Version and revision of the program.
    pub made_by: String,
    /// Numbers of rows.
    pub counts: Counts,
    /// The other files.
    pub files: BTreeMap<String, FileFacts>,
}

/// Numbers of rows of an export.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Training rows.
    pub train: usize,
    /// Test rows.
    pub test: usize,
    /// Test rows with the trigger on.
    pub triggered: usize,
    /// Training rows that the attack changed.
    pub poisoned: usize,
}

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// SHA-256 of its bytes, in hexadecimal digits.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

impl Manifest {
    /// Its name in the folder.
    pub const FILE: &str = "manifest.json";
    /// The layout that this program writes and reads.
    pub const LAYOUT: u32 = 1;

    /// A manifest of rows of a kind, without files yet.
    pub fn new(kind: &RowKind, classes: &[String]) -> Self {
        let (mut shape, mut columns) = (None, None);
        match kind {
            RowKind::Image(s) => shape = Some([s.channels, s.height, s.width]),
            RowKind::Table(names) => columns = Some(names.to_vec()),
            RowKind::Text | RowKind::Mail => {}
        }
        Self {
            layout: Self::LAYOUT,
            kind: kind.name().to_owned(),
            shape,
            columns,
            classes: classes.to_vec(),
            seed: 0,
            goal: "none".into(),
            recipe: Value::Null,
            made_by: String::new(),
            counts: Counts::default(),
            files: BTreeMap::new(),
        }
    }
}
