//! Opening, listing and hashing files.

use std::fs;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

pub(crate) use aconite_core::files::read;
use aconite_core::{Error, Result, files};
use flate2::bufread::MultiGzDecoder;

use crate::formats::Fault;
use crate::places::existing;

/// Deflate makes at most 1032 bytes of one.
const DEFLATE: u64 = 1032;
/// Largest e-mail message or image file.
pub(crate) const LARGEST: u64 = 64 << 20;

/// An open file, uncompressed on the way if its name ends in `.gz`.
pub(crate) struct Opened {
    /// Its bytes.
    pub(crate) reader: Box<dyn Read>,
    /// The most bytes that can come.
    pub(crate) most: u64,
}

/// Opens a file.
pub(crate) fn open(path: &Path) -> Result<Opened> {
    let (file, length) = files::open(path)?;
    if path.extension().is_some_and(|e| e == "gz") {
        let reader = Box::new(MultiGzDecoder::new(BufReader::with_capacity(256 << 10, file)));
        return Ok(Opened { reader, most: length.saturating_mul(DEFLATE) });
    }
    Ok(Opened { reader: Box::new(file), most: length })
}

/// The text of a file of lines, uncompressed; windows-1252 if it is not UTF-8 and `latin` says that this may be.
pub(crate) fn text(path: &Path, latin: bool) -> Result<String> {
    let opened = open(path)?;
    let mut bytes = Vec::new();
    let most = LARGEST.min(opened.most);
    opened.reader.take(most + 1).read_to_end(&mut bytes).map_err(|e| because(path, &e))?;
    if bytes.len() as u64 > most {
        return Err(Error::new(format!("{}: goes on after {most} bytes", path.display())));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(e) if latin => Ok(e.as_bytes().iter().map(|&b| windows_1252(b)).collect()),
        Err(e) => {
            let at = e.utf8_error().valid_up_to();
            let line = e.as_bytes().iter().take(at).filter(|&&b| b == b'\n').count() + 1;
            Err(in_file(path)(Fault::line(line as u64, format!("not UTF-8 at byte {at}"))))
        }
    }
}

/// The character of a byte in windows-1252, which has ISO 8859-1 in it.
fn windows_1252(byte: u8) -> char {
    const FROM_80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => FROM_80.get(usize::from(byte - 0x80)).copied().unwrap_or(char::REPLACEMENT_CHARACTER),
        other => char::from(other),
    }
}

/// Names in a folder that do not begin with a dot, sorted.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| because(folder, &e))? {
        let name = entry.map_err(|e| because(folder, &e))?.file_name();
        let name = name.into_string().map_err(|name| {
            Error::new(format!("{}: the file name {name:?} is not UTF-8", folder.display()))
        })?;
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// BLAKE3 over names (relative to `root`), lengths and contents, in the order given.
pub(crate) fn fingerprint<'a>(root: &Path, files: impl IntoIterator<Item = &'a Path>) -> Result<String> {
    let mut all = blake3::Hasher::new();
    let mut buffer = vec![0; 256 << 10];
    for path in files {
        let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
        let (mut file, length) = files::open(path)?;
        all.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
        all.update(&length.to_le_bytes());
        loop {
            let n = file.read(&mut buffer).map_err(|e| because(path, &e))?;
            if n == 0 {
                break;
            }
            all.update(buffer.get(..n).unwrap_or_default());
        }
    }
    Ok(all.finalize().to_hex().to_string())
}

/// [`fingerprint`] of files of a published set, each as it is or with `.gz`.
pub(crate) fn fingerprint_of(folder: &Path, names: &[&str]) -> Result<String> {
    let paths: Vec<PathBuf> = names.iter().filter_map(|name| existing(folder, name)).collect();
    fingerprint(folder, paths.iter().map(PathBuf::as_path))
}

/// An error of the file system.
pub(crate) fn because(path: &Path, error: &std::io::Error) -> Error {
    Error::new(format!("{}: {error}", path.display()))
}

/// Turns a fault into an error that names the file.
pub(crate) fn in_file(path: &Path) -> impl Fn(Fault) -> Error + '_ {
    move |fault| {
        let error = Error::new(format!("{}: {fault}", path.display()));
        match fault.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }
}

/// Lays an error that concerns no setting at the setting `key`.
pub(crate) fn about(key: &str) -> impl Fn(Error) -> Error + '_ {
    move |mut error| {
        error.setting.get_or_insert_with(|| key.to_owned());
        error
    }
}

/// `folder/name` with slashes, as origins show it.
pub(crate) fn relative(root: &Path, path: &Path) -> String {
    let parts: Vec<_> = path
        .strip_prefix(root)
        .unwrap_or(path)
        .components()
        .map(|part| part.as_os_str().to_string_lossy().into_owned())
        .collect();
    parts.join("/")
}

/// Joins a name out of a file to a folder; names that lead elsewhere are refused.
pub(crate) fn plain_name(folder: &Path, name: &str) -> std::result::Result<PathBuf, String> {
    if name.is_empty() || name.contains(['/', '\\', '\0']) || name == ".." || name == "." {
        return Err(format!("{name:?} is not the plain name of a file"));
    }
    Ok(folder.join(name))
}
