//! Files that appear whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::Error;

/// Writes `bytes` to `path` so that a reader sees the old file or the new one, never a part: the bytes go to
/// a temporary file in the same folder, are synced, and the file is renamed over `path`. Missing folders are
/// made.
///
/// # Errors
/// Names the path and what the operating system said (no space, no permission, not a folder).
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let fail = |source| Error::io(path, source);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(fail)?;
    let mut aside = tempfile::Builder::new().prefix(".aside-").tempfile_in(folder).map_err(fail)?;
    aside.write_all(bytes).map_err(fail)?;
    readable_by_all(aside.as_file()).map_err(fail)?;
    aside.as_file().sync_all().map_err(fail)?;
    aside.persist(path).map_err(|e| fail(e.error))?;
    // The rename itself is durable only once the folder is. Some file systems cannot sync a folder; the
    // file is whole either way.
    if let Ok(dir) = File::open(folder) {
        let _ = dir.sync_all();
    }
    Ok(())
}

/// Writes the files of a new folder, which nobody reads before it is renamed into place: each is synced, and
/// the folder once.
///
/// # Errors
/// Names the path and what the operating system said.
pub fn write_new<'a>(
    folder: &Path,
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<(), Error> {
    for (name, bytes) in files {
        let path = folder.join(name);
        let fail = |source| Error::io(&path, source);
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(fail)?;
        file.write_all(bytes).map_err(fail)?;
        file.sync_all().map_err(fail)?;
    }
    if let Ok(dir) = File::open(folder) {
        let _ = dir.sync_all();
    }
    Ok(())
}

/// Temporary files are private by default; results are meant to be read by others.
fn readable_by_all(file: &File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

/// Appends one line to `path` in a single write: after a kill at most the last line is torn, and
/// [`crate::read_cells`] passes over a torn last line. It is not synced, as a thousand lines would wait for the
/// disk a thousand times: a power cut may take the last lines, whose stages are in the store all the same.
///
/// # Errors
/// Names the path and what the operating system said.
pub fn append_line(path: &Path, line: &str) -> Result<(), Error> {
    let fail = |source| Error::io(path, source);
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(fail)?;
    let mut text = String::with_capacity(line.len() + 1);
    text.push_str(line);
    text.push('\n');
    file.write_all(text.as_bytes()).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/er/file.csv");
        write_whole(&path, b"one").unwrap();
        write_whole(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn an_impossible_place_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("plain");
        std::fs::write(&file, "x").unwrap();
        let error = write_whole(&file.join("below"), b"x").unwrap_err().to_string();
        assert!(error.contains("below"), "{error}");
    }
}
