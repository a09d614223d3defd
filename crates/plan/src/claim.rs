//! Claims: who is computing which stage, so that several runs on one store, on one machine or many, do each stage once.
//!
//! A claim is a file made exclusively; its modification time is refreshed while its owner lives. A claim that
//! has not been refreshed for a while belongs to a dead owner and may be taken over. A wrong take-over costs
//! time, never a result: entries are published whole and the first one stays.
//!
//! Only exclusive creation and renames are relied on, which network file systems have, and never locks. (A hard link puts
//! back a claim that was taken away by mistake; where there are none, that claim is lost, which costs time.) Nor are clocks
//! of two machines compared: another machine's claim is dead when it has not changed while *this* process watched it.

use std::collections::{BTreeMap, HashMap};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::{Key, Store, StoreError};

/// How often an owner shows that it lives. On a file server, thousands of owners do.
const BEAT: Duration = Duration::from_secs(10);
/// After this long without a sign the owner counts as dead.
const DEAD: Duration = Duration::from_secs(60);

/// The claims of this process, which one thread keeps fresh.
static HELD: Mutex<BTreeMap<PathBuf, File>> = Mutex::new(BTreeMap::new());

/// Claims of other machines: when they were last refreshed, by their clock, and since when we know, by ours.
static WATCHED: LazyLock<Mutex<HashMap<PathBuf, (SystemTime, Instant)>>> = LazyLock::new(Mutex::default);

/// The right to compute a stage, given up when dropped.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    since: Instant,
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
                    return Ok(Some(Self::hold(path, file)));
                }
                Err(e) if e.kind() == ErrorKind::AlreadyExists => match look(&path) {
                    Some(seen) if !is_dead(&path, &seen) => return Ok(None),
                    Some(seen) => bury(store, &path, &seen)?,
                    // Given up just now.
                    None => {}
                },
                Err(source) => return Err(StoreError::Io { path, source }),
            }
        }
        Ok(None)
    }

    fn hold(path: PathBuf, file: File) -> Self {
        static BEATING: Once = Once::new();
        BEATING.call_once(|| {
            std::thread::spawn(beat);
        });
        locked(&HELD).insert(path.clone(), file);
        Self { path, since: Instant::now() }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        locked(&HELD).remove(&self.path);
        // Who was stopped for long may have been taken for dead, and the claim is another's now.
        let ours = self.since.elapsed() < DEAD
            || look(&self.path).is_some_and(|seen| seen.text == signature(std::process::id()));
        if ours {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Nothing panics while it holds one of the locks, and a map is never half-changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shows for ever that this process lives.
fn beat() {
    loop {
        std::thread::sleep(BEAT);
        // Not under the lock: a slow file system must not hold up the scheduler.
        let files: Vec<File> = locked(&HELD).values().filter_map(|file| file.try_clone().ok()).collect();
        for file in files {
            let _ = file.set_modified(SystemTime::now());
        }
    }
}

/// What an owner writes into its claim: its process, and what tells the numbers of processes apart: the host, which boot
/// of it (hosts may share a name), and the container.
fn signature(pid: u32) -> String {
    static PLACE: LazyLock<String> = LazyLock::new(|| {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
        let container = std::fs::read_link("/proc/self/ns/pid").unwrap_or_default();
        let (host, boot) = (read("/proc/sys/kernel/hostname"), read("/proc/sys/kernel/random/boot_id"));
        format!("{host} {boot} {}", container.display())
    });
    format!("{pid} {}", *PLACE)
}

/// What is seen of somebody's claim.
#[derive(Debug, PartialEq)]
struct Seen {
    text: String,
    modified: SystemTime,
}

/// Opens the file, so that a network file system asks its server for the time instead of remembering it.
fn look(path: &Path) -> Option<Seen> {
    let mut file = File::open(path).ok()?;
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    Some(Seen { text, modified: file.metadata().ok()?.modified().ok()? })
}

/// Whether the owner of a claim is a process of this host that is gone, or has given no sign for long.
fn is_dead(path: &Path, seen: &Seen) -> bool {
    let pid = seen.text.split(' ').next().and_then(|pid| pid.parse().ok());
    // Where there is no /proc, only the time tells.
    let pid = pid.filter(|&pid| seen.text == signature(pid) && Path::new("/proc/self").exists());
    match pid {
        Some(pid) if !Path::new(&format!("/proc/{pid}")).exists() => true,
        // The same clock made the time.
        Some(_) => seen.modified.elapsed().is_ok_and(|age| age > DEAD),
        None => {
            let mut watched = locked(&WATCHED);
            let known = watched.entry(path.to_owned()).or_insert((seen.modified, Instant::now()));
            if known.0 != seen.modified {
                *known = (seen.modified, Instant::now());
            }
            let dead = known.1.elapsed() > DEAD;
            if dead {
                watched.remove(path);
            }
            dead
        }
    }
}

/// Takes a dead owner's claim away by renaming it. If in that moment somebody else did, and has a claim of his own
/// there, it is put back.
fn bury(store: &Store, path: &Path, dead: &Seen) -> Result<(), StoreError> {
    let io = |source| StoreError::Io { path: path.to_owned(), source };
    let grave = tempfile::tempdir_in(store.root().join("tmp")).map_err(io)?;
    let moved = grave.path().join("claim");
    if std::fs::rename(path, &moved).is_ok() && look(&moved).is_some_and(|seen| seen != *dead) {
        let _ = std::fs::hard_link(&moved, path);
    }
    Ok(())
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
        file.set_modified(SystemTime::now() - Duration::from_secs(120)).unwrap();
        assert!(Claim::take(&store, &key).unwrap().is_some());
        // No process has the highest number that a pid can have.
        std::fs::write(store.claim_path(&key), signature(u32::MAX)).unwrap();
        assert!(Claim::take(&store, &key).unwrap().is_some());
    }

    #[test]
    fn another_machines_claim_is_judged_by_whether_it_changes_and_not_by_its_clock() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let key = Key::of(&"k".into());
        let path = store.claim_path(&key);
        std::fs::write(&path, "1 elsewhere").unwrap();
        let turn =
            |modified| File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();
        // Its clock is an hour behind or ahead of ours.
        for hour in [SystemTime::now() - 60 * DEAD, SystemTime::now() + 60 * DEAD] {
            turn(hour);
            assert!(Claim::take(&store, &key).unwrap().is_none());
        }
        let long_ago = Instant::now().checked_sub(2 * DEAD).unwrap();
        let watched_since = |then| {
            if let Some(known) = locked(&WATCHED).get_mut(&path) {
                known.1 = then;
            }
        };
        watched_since(long_ago);
        turn(SystemTime::now());
        assert!(Claim::take(&store, &key).unwrap().is_none(), "it has changed since");
        watched_since(long_ago);
        assert!(Claim::take(&store, &key).unwrap().is_some());
    }

    #[test]
    fn a_claim_that_was_taken_meanwhile_is_put_back() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let key = Key::of(&"k".into());
        let path = store.claim_path(&key);
        std::fs::write(&path, "1 dead").unwrap();
        let dead = look(&path).unwrap();
        std::fs::write(&path, "2 alive").unwrap();
        bury(&store, &path, &dead).unwrap();
        assert_eq!(look(&path).unwrap().text, "2 alive");
        bury(&store, &path, &look(&path).unwrap()).unwrap();
        assert!(!path.exists() && std::fs::read_dir(dir.path().join("tmp")).unwrap().count() == 0);
    }
}
