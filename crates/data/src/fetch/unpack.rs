//! Archives from the network, which may be made to do harm.
//!
//! Only plain files and folders come out, only below the target, no name twice, and no more than was stated:
//! `..`, absolute names, links, devices and names that are not UTF-8 are refused, all of the archive with them.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::GzDecoder;
use tar::EntryType;

use super::catalogue::{Archive, Format};

/// Bytes of headers and padding that a tar entry may need: its own, and those of a long name.
const TAR_OVERHEAD: u64 = 4096;

/// Unpacks into the folder, which need not be there. The error is about the archive, or about the disk.
pub(super) fn unpack(archive: &Path, shape: Archive, into: &Path) -> Result<(), String> {
    let file = BufReader::new(File::open(archive).map_err(|e| e.to_string())?);
    let mut out = Out { into, shape, entries: 0, bytes: 0, files: BTreeSet::new() };
    match shape.format {
        Format::TarGz => out.tar(GzDecoder::new(file))?,
        Format::TarBz2 => out.tar(MultiBzDecoder::new(file))?,
        Format::Zip => out.zip(file)?,
    }
    match (out.files.is_empty(), shape.inside) {
        (false, _) => Ok(()),
        (true, "") => Err("it is empty".into()),
        (true, inside) => Err(format!("it has no {inside}/")),
    }
}

struct Out<'a> {
    into: &'a Path,
    shape: Archive,
    entries: u64,
    bytes: u64,
    files: BTreeSet<PathBuf>,
}

impl Out<'_> {
    fn tar(&mut self, packed: impl Read) -> Result<(), String> {
        // Headers count as well: a name may be as long as the archive says, and is held in memory.
        let most = self.shape.bytes.saturating_add(self.shape.entries.saturating_mul(TAR_OVERHEAD));
        let mut tar = tar::Archive::new(Limited { reader: packed, left: most, most });
        let broken = |e: io::Error| format!("not a whole archive: {e}");
        for entry in tar.entries().map_err(broken)? {
            let mut entry = entry.map_err(broken)?;
            let name = entry.path_bytes().into_owned();
            match entry.header().entry_type() {
                EntryType::Regular | EntryType::Continuous => self.file(&name, &mut entry)?,
                EntryType::Directory => self.folder(&name)?,
                EntryType::XGlobalHeader => self.count()?,
                other => return Err(format!("{} is {}", shown(&name), kind(other))),
            }
        }
        // The checksum stands behind the last entry.
        io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(broken)?;
        Ok(())
    }

    fn zip(&mut self, file: BufReader<File>) -> Result<(), String> {
        let broken = |e: zip::result::ZipError| format!("not a whole archive: {e}");
        let mut zip = zip::ZipArchive::new(file).map_err(broken)?;
        for i in 0..zip.len() {
            let mut entry = zip.by_index(i).map_err(broken)?;
            let name = entry.name_raw().to_vec();
            // The type is in the upper bits of the mode, where the archive was made on Unix.
            match entry.unix_mode().map(|mode| mode & 0o170_000) {
                None | Some(0 | 0o100_000 | 0o040_000) => {}
                Some(0o120_000) => return Err(format!("{} is a link", shown(&name))),
                Some(_) => return Err(format!("{} is a special file", shown(&name))),
            }
            if entry.is_dir() { self.folder(&name)? } else { self.file(&name, &mut entry)? }
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), String> {
        self.entries += 1;
        if self.entries > self.shape.entries {
            return Err(format!("it has more than {} entries", self.shape.entries));
        }
        Ok(())
    }

    fn folder(&mut self, name: &[u8]) -> Result<(), String> {
        self.count()?;
        match self.target(name)? {
            Some(path) => make(&path),
            None => Ok(()),
        }
    }

    fn file(&mut self, name: &[u8], content: &mut impl Read) -> Result<(), String> {
        self.count()?;
        let Some(path) = self.target(name)? else { return Ok(()) };
        if path == self.into {
            return Err(format!("{} is a file, expected a folder", shown(name)));
        }
        path.parent().map_or(Ok(()), make)?;
        // Two entries of one name: which one counts would depend on who unpacks.
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|e| format!("{}: {e}", path.display()))?;
        let left = self.shape.bytes.saturating_sub(self.bytes);
        let copied = io::copy(&mut content.take(left + 1), &mut file)
            .map_err(|e| format!("{} cannot be unpacked: {e}", shown(name)))?;
        if copied > left {
            return Err(format!("it unpacks to more than {} bytes", self.shape.bytes));
        }
        self.bytes += copied;
        self.files.insert(path);
        Ok(())
    }

    /// Where an entry goes; nowhere if it is not in the folder that is wanted.
    fn target(&self, name: &[u8]) -> Result<Option<PathBuf>, String> {
        let parts = parts(name)?;
        let wanted: Vec<&str> = self.shape.inside.split('/').filter(|part| !part.is_empty()).collect();
        Ok(parts.strip_prefix(wanted.as_slice()).map(|rest| self.into.join(rest.iter().collect::<PathBuf>())))
    }
}

/// The parts of a name that leads nowhere but down.
fn parts(name: &[u8]) -> Result<Vec<&str>, String> {
    let text = std::str::from_utf8(name).map_err(|_| format!("the name {} is not UTF-8", shown(name)))?;
    // A backslash and a colon are separators elsewhere, and in no published name.
    let bad = text.is_empty() || text.starts_with('/') || text.contains(['\\', ':', '\0']);
    if bad || text.split('/').any(|part| part == "..") {
        return Err(format!("the name {} leads out of the archive", shown(name)));
    }
    Ok(text.split('/').filter(|part| !part.is_empty() && *part != ".").collect())
}

fn shown(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let start: String = text.chars().take(100).collect();
    format!("{start:?}")
}

fn kind(of: EntryType) -> &'static str {
    match of {
        EntryType::Link | EntryType::Symlink => "a link",
        EntryType::Char | EntryType::Block | EntryType::Fifo => "a device",
        _ => "neither a file nor a folder",
    }
}

fn make(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))
}

/// Fails when more comes than was stated.
struct Limited<R> {
    reader: R,
    left: u64,
    most: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(buffer)?;
        self.left = self
            .left
            .checked_sub(n as u64)
            .ok_or_else(|| io::Error::other(format!("it unpacks to more than {} bytes", self.most)))?;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::testing::{Packed, tar_gz, zip};

    const FEW: Archive = Archive { format: Format::TarGz, inside: "top", entries: 8, bytes: 1 << 16 };

    fn unpacked(shape: Archive, bytes: &[u8]) -> (tempfile::TempDir, Result<(), String>) {
        let dir = tempfile::tempdir().unwrap();
        let archive = dir.path().join("archive");
        fs::write(&archive, bytes).unwrap();
        let result = unpack(&archive, shape, &dir.path().join("out"));
        (dir, result)
    }

    fn zipped(shape: Archive) -> Archive {
        Archive { format: Format::Zip, ..shape }
    }

    #[test]
    fn the_wanted_folder_comes_out_and_the_rest_stays() {
        let entries = [
            Packed::Folder("./top/"),
            Packed::File("./top/a", b"A"),
            Packed::File("top/deep/b", b"B"),
            Packed::File("README", b"no"),
        ];
        for (shape, bytes) in [(FEW, tar_gz(&entries)), (zipped(FEW), zip(&entries))] {
            let (dir, result) = unpacked(shape, &bytes);
            result.unwrap();
            let out = dir.path().join("out");
            assert_eq!(fs::read(out.join("a")).unwrap(), b"A");
            assert_eq!(fs::read(out.join("deep/b")).unwrap(), b"B");
            assert_eq!(fs::read_dir(&out).unwrap().count(), 2);
            let (dir, result) = unpacked(Archive { inside: "", ..shape }, &bytes);
            result.unwrap();
            assert!(dir.path().join("out/top/a").exists() && dir.path().join("out/README").exists());
        }
    }

    #[test]
    fn names_that_lead_out_are_refused() {
        for name in ["../evil", "top/../../evil", "/evil", "top\\..\\evil", "C:evil", "top/.."] {
            let entries = [Packed::File("top/a", b"A"), Packed::File(name, b"evil")];
            for (shape, bytes) in [(FEW, tar_gz(&entries)), (zipped(FEW), zip(&entries))] {
                let (dir, result) = unpacked(shape, &bytes);
                assert!(result.unwrap_err().contains("leads out"), "{name}");
                assert!(!dir.path().join("evil").exists() && !Path::new("/evil").exists());
            }
        }
    }

    #[test]
    fn links_and_devices_are_refused() {
        let link = |bytes: Vec<u8>, shape| unpacked(shape, &bytes).1.unwrap_err();
        let symlink = [Packed::Symlink("top/a", "/etc")];
        assert!(link(tar_gz(&symlink), FEW).contains("\"top/a\" is a link"));
        assert!(link(zip(&symlink), zipped(FEW)).contains("is a link"));
        assert!(link(tar_gz(&[Packed::Hardlink("top/a", "/etc/passwd")]), FEW).contains("is a link"));
        assert!(link(tar_gz(&[Packed::Device("top/a")]), FEW).contains("is a device"));
    }

    #[test]
    fn bombs_are_stopped_where_the_statement_ends() {
        let zeros = vec![0; 1 << 17];
        let bomb = [Packed::File("top/a", &zeros)];
        for (shape, bytes) in [(FEW, tar_gz(&bomb)), (zipped(FEW), zip(&bomb))] {
            assert!(bytes.len() < 1000, "{}", bytes.len());
            let (dir, result) = unpacked(shape, &bytes);
            assert!(result.unwrap_err().contains("more than 65536 bytes"));
            assert!(fs::metadata(dir.path().join("out/a")).unwrap().len() <= 65537);
        }
        // Beside the wanted folder, and in a name.
        let beside = tar_gz(&[Packed::File("other", &vec![0; 1 << 20])]);
        assert!(unpacked(FEW, &beside).1.unwrap_err().contains("unpacks to more than"));
        let name = "n".repeat(1 << 20);
        assert!(unpacked(FEW, &tar_gz(&[Packed::File(&name, b"")])).1.is_err());
        let many: Vec<String> = (0..9).map(|i| format!("top/{i}")).collect();
        let many: Vec<Packed<'_>> = many.iter().map(|name| Packed::File(name, b"")).collect();
        for (shape, bytes) in [(FEW, tar_gz(&many)), (zipped(FEW), zip(&many))] {
            assert!(unpacked(shape, &bytes).1.unwrap_err().contains("more than 8 entries"));
        }
    }

    #[test]
    fn damaged_and_odd_archives_are_refused() {
        let whole = tar_gz(&[Packed::File("top/a", &[7; 5000])]);
        for cut in [0, 1, 10, whole.len() / 2, whole.len() - 1] {
            assert!(unpacked(FEW, &whole[..cut]).1.is_err(), "cut at {cut}");
        }
        let mut flipped = whole.clone();
        let last = flipped.len() - 6;
        flipped[last] ^= 1;
        assert!(unpacked(FEW, &flipped).1.unwrap_err().contains("not a whole archive"));
        assert!(unpacked(FEW, b"<html>please pay</html>").1.is_err());
        assert!(unpacked(zipped(FEW), b"<html>please pay</html>").1.is_err());
        assert!(unpacked(FEW, &tar_gz(&[Packed::File("else/a", b"A")])).1.unwrap_err().contains("no top/"));
        let twice = [Packed::File("top/a", b"A"), Packed::File("top/./a", b"B")];
        assert!(unpacked(FEW, &tar_gz(&twice)).1.unwrap_err().contains("exists"));
        assert!(unpacked(FEW, &tar_gz(&[Packed::Raw(b"top/\xff")])).1.unwrap_err().contains("not UTF-8"));
        assert!(unpacked(FEW, &tar_gz(&[Packed::File("top", b"A")])).1.unwrap_err().contains("is a file"));
    }
}
