//! Claims: who is computing which stage, so that two runs on one store do each stage once.
//!
//! A claim is a file made exclusively; its modification time is refreshed while its owner lives. A claim that
//! has not been refreshed for a while belongs to a dead owner and may be taken over. A wrong take-over costs
//! time, never a result: entries are published whole and the first one stays.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, SystemTime};

use crate::{Key, Store, StoreError};

/// How often an owner shows that it lives.
const BEAT: Duration = Duration::from_secs(3);
/// After this long without a sign the owner counts as dead.
const DEAD: Duration = Duration::from_secs(20);

/// The claims of this process, which one thread keeps fresh.
static HELD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// The right to compute a stage, given up when dropped.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
}

impl Claim {
    /// Takes the claim on `key`; `None` if a living process has it.
    ///
    /// # Errors
    /// The system refused to make the file.
    pub fn take(store: &Store, key: &Key) -> Result<Option<Self>, StoreError> {
        let path = store.claim_path(key);
        for _ in 0..2 {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(mut file) => {
                    // A claim that could not be signed is only taken over later, when it goes stale.
                    let _ = write!(file, "{}", signature(std::process::id()));
                    return Ok(Some(Self::hold(path)));
                }
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                    if !is_dead(&path) {
                        return Ok(None);
                    }
                    let _ = std::fs::remove_file(&path);
                }
                Err(source) => return Err(StoreError::Io { path, source }),
            }
        }
        Ok(None)
    }

    fn hold(path: PathBuf) -> Self {
        static BEATING: Once = Once::new();
        BEATING.call_once(|| {
            std::thread::spawn(beat);
        });
        held().insert(path.clone());
        Self { path }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        held().remove(&self.path);
        let _ = std::fs::remove_file(&self.path);
    }
}

fn held() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    // Nothing panics while it holds the lock, and a set of paths is never half-changed.
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows for ever that this process lives.
fn beat() {
    loop {
        std::thread::sleep(BEAT);
        // Not under the lock: a slow file system must not hold up the scheduler.
        let paths: Vec<PathBuf> = held().iter().cloned().collect();
        for path in paths {
            if let Ok(file) = File::options().append(true).open(&path) {
                let _ = file.set_modified(SystemTime::now());
            }
        }
    }
}

/// What an owner writes into its claim: its process and its host.
fn signature(pid: u32) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{pid} {}", host.trim())
}

/// Whether the owner of a claim is a process of this host that is gone, or has given no sign for long.
fn is_dead(path: &Path) -> bool {
    let pid = std::fs::read_to_string(path).ok().and_then(|text| {
        let pid: u32 = text.split(' ').next()?.parse().ok()?;
        (text == signature(pid)).then_some(pid)
    });
    // Where there is no /proc, only the time tells.
    if let Some(pid) = pid
        && Path::new("/proc/self").exists()
        && !Path::new(&format!("/proc/{pid}")).exists()
    {
        return true;
    }
    let Ok(modified) = std::fs::metadata(path).and_then(|m| m.modified()) else { return false };
    modified.elapsed().is_ok_and(|age| age > DEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_exclusive_until_it_is_dropped_or_its_owner_is_dead() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let key = Key::of(&"k".into());
        let first = Claim::take(&store, &key).unwrap().unwrap();
        assert!(Claim::take(&store, &key).unwrap().is_none());
        drop(first);
        let second = Claim::take(&store, &key).unwrap().unwrap();
        std::mem::forget(second);
        assert!(Claim::take(&store, &key).unwrap().is_none());
        let file = File::options().append(true).open(store.claim_path(&key)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
        assert!(Claim::take(&store, &key).unwrap().is_some());
        // No process has the highest number that a pid can have.
        std::fs::write(store.claim_path(&key), signature(u32::MAX)).unwrap();
        assert!(Claim::take(&store, &key).unwrap().is_some());
    }
}
