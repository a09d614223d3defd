//! Where a set lies while it is incomplete, and the step to its own name.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::{Event, Recipe};
use crate::Places;

/// `.fetching-<kind>`, locked for this process.
pub(super) struct Staging {
    root: PathBuf,
    target: PathBuf,
    folder: &'static str,
    _lock: File,
}

impl Staging {
    /// Makes it or finds what an earlier attempt left.
    pub(super) fn enter(place: &Path, recipe: &Recipe) -> Result<Self, String> {
        let root = place.join(format!(".fetching-{}", recipe.kind));
        fs::create_dir_all(root.join("downloads")).map_err(|e| format!("{}: {e}", root.display()))?;
        let path = root.join("lock");
        let lock = File::create(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(format!("another program is fetching it into {}", place.display()));
            }
            Err(TryLockError::Error(e)) => return Err(format!("{}: {e}", path.display())),
        }
        let target = place.join(recipe.folder);
        Ok(Self { root, target, folder: recipe.folder, _lock: lock })
    }

    /// Files as they arrive; they survive a failure.
    pub(super) fn downloads(&self) -> PathBuf {
        self.root.join("downloads")
    }

    /// A place that holds the set's folder only.
    pub(super) fn place(&self) -> Places {
        Places(vec![self.root.join("set")])
    }

    /// The set's folder in it, emptied.
    pub(super) fn empty_set(&self) -> Result<PathBuf, String> {
        let _ = fs::remove_dir_all(self.root.join("set"));
        let set = self.root.join("set").join(self.folder);
        fs::create_dir_all(&set).map_err(|e| format!("{}: {e}", set.display()))?;
        Ok(set)
    }

    /// Forgets what arrived.
    pub(super) fn discard(&self) {
        let _ = fs::remove_dir_all(&self.root);
    }

    /// Gives the set its own name. What bears it already may be the user's, and is kept.
    pub(super) fn publish(&self, report: &mut dyn FnMut(Event<'_>)) -> Result<PathBuf, String> {
        let because = |e: std::io::Error| format!("{}: {e}", self.target.display());
        if fs::symlink_metadata(&self.target).is_ok() {
            let aside = unused(&self.target);
            fs::rename(&self.target, &aside).map_err(because)?;
            report(Event::Aside(&aside));
        }
        fs::rename(self.root.join("set").join(self.folder), &self.target).map_err(because)?;
        self.discard();
        Ok(self.target.clone())
    }
}

impl Drop for Staging {
    /// Leaves no empty folders behind.
    fn drop(&mut self) {
        if fs::read_dir(self.downloads()).is_ok_and(|mut files| files.next().is_none()) {
            self.discard();
        }
    }
}

fn unused(path: &Path) -> PathBuf {
    let mut number = 1u32;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".old-{number}"));
        if fs::symlink_metadata(&name).is_err() {
            return name.into();
        }
        number += 1;
    }
}
