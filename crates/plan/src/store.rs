//! The store: outputs of stages by key, whole or absent.
//!
//! ```text
//! <root>/objects/ab/abcdef…/stage.json       what it is, its small outputs, checksums of its files
//!                           model.safetensors …
//!        tmp/                                 entries being written
//!        claims/                              who is computing what
//!        costs.jsonl                          what stages took, for estimates
//! ```
//!
//! An entry is written aside and renamed into place, so it is there with all its files or not at all, also
//! for several runs at once. Only renames and exclusive creation are used, never locks, so that machines may share a
//! store over a network file system. On one of those an entry may be there and not yet be seen: who knows that it must
//! be there waits for it ([`Store::wait_for`]), for a bounded time.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Key, Stage, StageName};

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("the store at {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An entry does not hold what it says.
    #[error("the store's entry {key} is damaged: {what}")]
    Damaged {
        /// The entry.
        key: Key,
        /// What is wrong.
        what: String,
    },
}

/// How long after a look at a damaged entry a second look is taken.
const SECOND_LOOK: Duration = Duration::from_millis(100);

/// What `stage.json` says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// What the stage does.
    pub name: StageName,
    /// Everything that determined it.
    pub settings: Value,
    /// The keys that it read.
    pub inputs: Vec<(String, Key)>,
    /// Its small outputs: metrics, counts.
    pub output: Value,
    /// Wall-clock seconds that it took.
    pub seconds: f64,
    /// Largest resident memory while it ran, in MB.
    pub peak_rss_mb: f64,
    /// The host that computed it.
    pub host: String,
    /// BLAKE3 of each file.
    pub files: BTreeMap<String, String>,
    /// BLAKE3 of this manifest's other fields, to notice damage.
    #[serde(default)]
    pub checksum: String,
}

impl Manifest {
    /// That of a stage, or of a part of it, with these small outputs.
    pub fn of(stage: &Stage, output: Value) -> Self {
        Self {
            name: stage.name,
            settings: stage.settings.clone(),
            inputs: stage.inputs.clone(),
            output,
            seconds: 0.0,
            peak_rss_mb: 0.0,
            host: String::new(),
            files: BTreeMap::new(),
            checksum: String::new(),
        }
    }

    fn sum(&self) -> String {
        let mut bare = self.clone();
        bare.checksum.clear();
        let value = serde_json::to_value(bare).unwrap_or_default();
        Key::of(&value).as_str().to_owned()
    }
}

/// A finished stage.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its key.
    pub key: Key,
    /// What it says of itself.
    pub manifest: Manifest,
    folder: PathBuf,
}

impl Entry {
    /// Bytes of its files on disk.
    pub fn bytes(&self) -> u64 {
        bytes_in(&self.folder)
    }

    /// The bytes of one of its files, checked.
    ///
    /// # Errors
    /// The file is missing or not what was written.
    pub fn read(&self, file: &str) -> Result<Vec<u8>, StoreError> {
        let damaged = |what: String| StoreError::Damaged { key: self.key.clone(), what };
        let sum = self.manifest.files.get(file).ok_or_else(|| damaged(format!("it has no file {file}")))?;
        let bytes = std::fs::read(self.folder.join(file)).map_err(|e| damaged(format!("{file}: {e}")))?;
        if blake3::hash(&bytes).to_hex().as_str() != sum {
            return Err(damaged(format!("the checksum of {file} does not match")));
        }
        Ok(bytes)
    }
}

/// An entry as [`Store::list`] sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its key.
    pub key: Key,
    /// Time since it was published.
    pub age: Duration,
    /// Bytes of its files.
    pub bytes: u64,
}

/// A folder of finished stages.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens the store at `root`, making its folders.
    ///
    /// # Errors
    /// They cannot be made.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = Self { root: root.to_owned() };
        for folder in ["objects", "tmp", "claims"] {
            let path = root.join(folder);
            std::fs::create_dir_all(&path).map_err(|source| StoreError::Io { path, source })?;
        }
        Ok(store)
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn costs_path(&self) -> PathBuf {
        self.root.join("costs.jsonl")
    }

    pub(crate) fn claim_path(&self, key: &Key) -> PathBuf {
        self.root.join("claims").join(key.as_str())
    }

    fn folder(&self, key: &Key) -> PathBuf {
        self.root.join("objects").join(&key.as_str()[..2]).join(key.as_str())
    }

    /// The entry of a finished stage; `None` if it is not there, or cannot be seen yet.
    ///
    /// # Errors
    /// It is there but damaged, or the system refused to read it.
    pub fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        match self.read(key) {
            // A folder that came from another machine may be seen before what is in it. Real damage is rare enough to
            // afford looking twice.
            Err(StoreError::Damaged { .. }) => {
                std::thread::sleep(SECOND_LOOK);
                self.read(key)
            }
            other => other,
        }
    }

    /// The entry of a stage that another machine has published, or `None` if it cannot be seen for so long.
    ///
    /// # Errors
    /// As of [`Store::get`].
    pub fn wait_for(&self, key: &Key, at_most: Duration) -> Result<Option<Entry>, StoreError> {
        let start = Instant::now();
        let mut pause = Duration::from_millis(10);
        loop {
            match self.get(key)? {
                None if start.elapsed() < at_most => {}
                other => return Ok(other),
            }
            // A network file system remembers what was not there, until its folder changes: so change it.
            if let Some(shelf) = self.folder(key).parent()
                && std::fs::create_dir_all(shelf).is_ok()
            {
                drop(tempfile::tempdir_in(shelf));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    fn read(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        let folder = self.folder(key);
        let path = folder.join("stage.json");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == io::ErrorKind::NotFound && !folder.exists() => return Ok(None),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::Damaged { key: key.clone(), what: "it has no stage.json".into() });
            }
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        let damaged = |what: String| StoreError::Damaged { key: key.clone(), what };
        let manifest: Manifest =
            serde_json::from_slice(&bytes).map_err(|e| damaged(format!("stage.json: {e}")))?;
        if manifest.checksum != manifest.sum() {
            return Err(damaged("the checksum of stage.json does not match".into()));
        }
        Ok(Some(Entry { key: key.clone(), manifest, folder }))
    }

    /// Publishes an entry. If another process published it meanwhile, that one stays.
    ///
    /// # Errors
    /// The system refused (no space, no permission); nothing is left behind in that case.
    pub fn put(
        &self,
        key: &Key,
        mut manifest: Manifest,
        files: &[(String, Vec<u8>)],
    ) -> Result<(), StoreError> {
        let tmp = self.root.join("tmp");
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| StoreError::Io { path, source }
        };
        manifest.files = files
            .iter()
            .map(|(name, bytes)| (name.clone(), blake3::hash(bytes).to_hex().to_string()))
            .collect();
        manifest.checksum = manifest.sum();
        // Dropped, and with it all that was written, unless it is renamed into place.
        let aside = tempfile::tempdir_in(&tmp).map_err(io(&tmp))?;
        let text = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
        let named = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        aconite_record::write_new(aside.path(), named.chain([("stage.json", text.as_slice())]))
            .map_err(record_error)?;
        let folder = self.folder(key);
        if let Some(parent) = folder.parent() {
            std::fs::create_dir_all(parent).map_err(io(parent))?;
        }
        match std::fs::rename(aside.path(), &folder) {
            Ok(()) => {
                // Nothing is left to clean up under the old name.
                let _ = aside.keep();
                Ok(())
            }
            // Somebody else was faster with the same result.
            Err(_) if folder.join("stage.json").exists() => Ok(()),
            Err(source) => Err(StoreError::Io { path: folder, source }),
        }
    }

    /// What is in the store: key, age of the entry, and bytes of its files. Entries that vanish meanwhile are
    /// passed over.
    ///
    /// # Errors
    /// The system refused to list the folders.
    pub fn list(&self) -> Result<Vec<Kept>, StoreError> {
        let objects = self.root.join("objects");
        let mut kept = Vec::new();
        for shelf in folders(&objects)? {
            for folder in folders(&shelf)? {
                let name = folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                let Some(key) = Key::parse(&name) else { continue };
                let bytes = bytes_in(&folder);
                let modified = std::fs::metadata(&folder).and_then(|m| m.modified());
                let age = modified.ok().and_then(|m| m.elapsed().ok()).unwrap_or_default();
                kept.push(Kept { key, age, bytes });
            }
        }
        Ok(kept)
    }

    /// Removes what killed writers left behind: unfinished entries that nobody has touched for an hour. Errors
    /// are passed over; the next sweep will try again.
    pub fn sweep(&self) {
        /// Nobody writes an entry for that long.
        const ABANDONED: Duration = Duration::from_secs(3600);
        for entry in std::fs::read_dir(self.root.join("tmp")).into_iter().flatten().flatten() {
            let touched = entry.metadata().and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
            if touched.is_some_and(|age| age > ABANDONED) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Removes an entry, by renaming it away first so that no reader sees a part of it.
    ///
    /// # Errors
    /// The system refused.
    pub fn remove(&self, key: &Key) -> Result<(), StoreError> {
        let folder = self.folder(key);
        if !folder.exists() {
            return Ok(());
        }
        let tmp = self.root.join("tmp");
        let io = |source| StoreError::Io { path: folder.clone(), source };
        let grave = tempfile::tempdir_in(&tmp).map_err(io)?;
        match std::fs::rename(&folder, grave.path().join("gone")) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(io(e)),
            _ => Ok(()),
        }
    }
}

fn bytes_in(folder: &Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|f| f.metadata().ok()).map(|m| m.len()).sum()
}

/// The folders directly below a folder.
fn folders(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries =
        std::fs::read_dir(path).map_err(|source| StoreError::Io { path: path.to_owned(), source })?;
    Ok(entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect())
}

fn record_error(error: aconite_record::Error) -> StoreError {
    match error {
        aconite_record::Error::Io { path, source } => StoreError::Io { path, source },
        other => StoreError::Io { path: PathBuf::new(), source: io::Error::other(other.to_string()) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest {
            name: StageName::Fit,
            settings: serde_json::json!({"a": 0.1}),
            inputs: vec![],
            output: serde_json::json!({"loss": 1.0 / 3.0}),
            seconds: 0.5,
            peak_rss_mb: 1.0,
            host: "h".into(),
            files: BTreeMap::new(),
            checksum: String::new(),
        }
    }

    fn store() -> (tempfile::TempDir, Store, Key) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let key = Key::of(&"k".into());
        (dir, store, key)
    }

    #[test]
    fn what_is_put_is_got_and_the_first_one_stays() {
        let (dir, store, key) = store();
        assert!(store.get(&key).unwrap().is_none());
        store.put(&key, manifest(), &[("f".into(), b"one".to_vec())]).unwrap();
        store.put(&key, manifest(), &[("f".into(), b"two".to_vec())]).unwrap();
        let entry = store.get(&key).unwrap().unwrap();
        assert_eq!(entry.read("f").unwrap(), b"one");
        assert_eq!(entry.manifest.output, manifest().output);
        assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
        let listed = store.list().unwrap();
        assert!(listed.len() == 1 && listed[0].key == key && listed[0].bytes > 3);
        store.remove(&key).unwrap();
        assert!(store.get(&key).unwrap().is_none() && store.list().unwrap().is_empty());
        assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_writer_left_is_swept_away_after_an_hour() {
        let (dir, store, _) = store();
        let tmp = dir.path().join("tmp");
        for (name, minutes) in [("fresh", 1), ("stale", 61)] {
            std::fs::create_dir(tmp.join(name)).unwrap();
            let folder = std::fs::File::open(tmp.join(name)).unwrap();
            folder.set_modified(std::time::SystemTime::now() - Duration::from_secs(60 * minutes)).unwrap();
        }
        store.sweep();
        assert!(tmp.join("fresh").exists() && !tmp.join("stale").exists());
    }

    #[test]
    fn who_waits_sees_what_appears_late_and_gives_up_on_what_does_not() {
        let (dir, store, key) = store();
        let late = store.clone();
        let at = key.clone();
        let writer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            late.put(&at, manifest(), &[]).unwrap();
        });
        assert!(store.wait_for(&key, Duration::from_secs(20)).unwrap().is_some());
        writer.join().unwrap();
        let other = Key::of(&"other".into());
        assert!(store.wait_for(&other, Duration::from_millis(50)).unwrap().is_none());
        // Nothing of the waiting is left.
        assert_eq!(std::fs::read_dir(dir.path().join("tmp")).unwrap().count(), 0);
        assert_eq!(store.list().unwrap().len(), 1);
    }

    #[test]
    fn every_kind_of_damage_is_noticed() {
        let (_dir, store, key) = store();
        let put = || store.put(&key, manifest(), &[("f".into(), b"data".to_vec())]).unwrap();
        put();
        let folder = store.folder(&key);
        std::fs::write(folder.join("f"), b"dat!").unwrap();
        let entry = store.get(&key).unwrap().unwrap();
        assert!(matches!(entry.read("f"), Err(StoreError::Damaged { .. })));
        std::fs::remove_file(folder.join("f")).unwrap();
        assert!(entry.read("f").is_err() && entry.read("g").is_err());
        let text = std::fs::read_to_string(folder.join("stage.json")).unwrap();
        std::fs::write(folder.join("stage.json"), text.replace("0.5", "0.6")).unwrap();
        assert!(matches!(store.get(&key), Err(StoreError::Damaged { .. })));
        std::fs::write(folder.join("stage.json"), &text[..text.len() / 2]).unwrap();
        assert!(store.get(&key).is_err());
        std::fs::remove_file(folder.join("stage.json")).unwrap();
        assert!(matches!(store.get(&key), Err(StoreError::Damaged { .. })));
        store.remove(&key).unwrap();
        put();
        assert!(store.get(&key).unwrap().is_some());
    }
}
