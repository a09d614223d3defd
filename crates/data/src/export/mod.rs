//! Poisoned data out: a folder that other programs can read, and that says what is in it.
//!
//! ```text
//! DIR/manifest.json            what it is, how it was made, SHA-256 of the other files
//!     train.safetensors        images, labels, true_labels, poisoned
//!     test.safetensors         images, labels
//!     triggered.safetensors    images, labels, wanted_labels, index (rows of the test set); backdoors only
//! ```
//!
//! `images` are u8 N×C×H×W; a table has `values` (f32 N×D) instead, texts and messages `bytes` (u8, one after
//! the other) and `ends` (i64, where each ends). Labels are i64, `poisoned` is bool.

mod arrays;
mod folder;
mod manifest;
mod npz;

use std::path::Path;

use aconite_core::{Dataset, Error, Result, Rows, Truth};
use sha2::{Digest, Sha256};

pub(crate) use arrays::Array;
pub use manifest::{Counts, FileFacts, Manifest};

/// What is exported of a poisoned set.
#[derive(Debug)]
pub struct Export<'a> {
    /// The training set with the poison in it.
    pub train: &'a Dataset,
    /// What is poisoned, and what the labels were.
    pub truth: Truth<'a>,
    /// The untouched test set.
    pub test: &'a Dataset,
    /// Test inputs with the trigger on, if the attack has one.
    pub triggered: Option<Triggered>,
}

/// Test inputs with the trigger on.
#[derive(Debug)]
pub struct Triggered {
    /// Their rows in the test set.
    pub index: Vec<usize>,
    /// Their content.
    pub rows: Rows,
    /// The label that the attacker wants for each.
    pub wanted: Vec<usize>,
}

/// How arrays are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `train.safetensors` and so on.
    Safetensors,
    /// `train.npz` and so on: NumPy's archives of plain arrays.
    Npz,
    /// Class folders of PNG files, with `train.csv` and so on.
    ImageFolder,
}

/// How the arrays of a set become the bytes of a file.
type Encode = fn(&[Array]) -> Result<Vec<u8>>;

impl Format {
    /// The files of a format that keeps a set in one file: their ending, and what they hold.
    fn single(self) -> Option<(&'static str, Encode)> {
        match self {
            Self::Safetensors => Some(("safetensors", arrays::safetensors)),
            Self::Npz => Some(("npz", npz::encode)),
            Self::ImageFolder => None,
        }
    }
}

/// Writes an export as a new folder: it appears whole or not at all.
///
/// `manifest` is filled in with the files and counts.
///
/// # Errors
/// `dir` is there already, or cannot be written.
pub fn write(dir: &Path, export: &Export, format: Format, mut manifest: Manifest) -> Result<Manifest> {
    if dir.exists() {
        return Err(Error::new(format!("{} is there already", dir.display()))
            .hint("an export never writes over anything: choose another folder, or remove it first"));
    }
    let fail = |e: std::io::Error| Error::new(format!("{}: {e}", dir.display()));
    let parent = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(parent).map_err(fail)?;
    let aside = tempfile::Builder::new().prefix(".aside-").tempdir_in(parent).map_err(fail)?;
    manifest.counts = Counts {
        train: export.train.len(),
        test: export.test.len(),
        triggered: export.triggered.as_ref().map_or(0, |t| t.index.len()),
        poisoned: export.truth.poisoned.iter().filter(|&&p| p).count(),
    };
    match format.single() {
        Some((ending, encode)) => {
            for (name, arrays) in sets(export) {
                let name = format!("{name}.{ending}");
                let bytes = encode(&arrays)?;
                let facts = FileFacts { sha256: sha256(&bytes), bytes: bytes.len() as u64 };
                manifest.files.insert(name.clone(), facts);
                std::fs::write(aside.path().join(name), bytes).map_err(fail)?;
            }
        }
        None => folder::write(aside.path(), export, &mut manifest)?,
    }
    let text = serde_json::to_string_pretty(&manifest).map_err(|e| Error::new(e.to_string()))? + "\n";
    std::fs::write(aside.path().join(Manifest::FILE), text).map_err(fail)?;
    readable_by_all(aside.path()).map_err(fail)?;
    std::fs::rename(aside.path(), dir).map_err(fail)?;
    // Nothing is left to clean up under the old name.
    let _ = aside.keep();
    Ok(manifest)
}

/// Temporary folders are private by default; an export is meant to be read by others.
fn readable_by_all(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755))?;
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

fn sets(export: &Export) -> Vec<(&'static str, Vec<Array>)> {
    let mut train = Array::content(export.train.rows());
    train.push(Array::labels("labels", export.train.labels()));
    train.push(Array::labels("true_labels", export.truth.true_labels));
    train.push(Array::flags("poisoned", export.truth.poisoned));
    let mut test = Array::content(export.test.rows());
    test.push(Array::labels("labels", export.test.labels()));
    let mut sets = vec![("train", train), ("test", test)];
    if let Some(triggered) = &export.triggered {
        let labels: Vec<usize> = triggered.index.iter().map(|&row| export.test.labels()[row]).collect();
        let mut arrays = Array::content(&triggered.rows);
        arrays.push(Array::labels("labels", &labels));
        arrays.push(Array::labels("wanted_labels", &triggered.wanted));
        arrays.push(Array::labels("index", &triggered.index));
        sets.push(("triggered", arrays));
    }
    sets
}

/// SHA-256 in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}
