//! Whether a file is the published one.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::bufread::GzDecoder;
use md5::Md5;
use sha2::{Digest, Sha256};

use super::catalogue::Check;

/// Reads the file; the error says what was expected and what was found.
pub(super) fn check(path: &Path, check: Check) -> Result<(), String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let (name, expected, found) = match check {
        Check::Unknown => return Ok(()),
        Check::Sha256(expected) => ("SHA-256", expected, hash::<Sha256>(file)),
        Check::Md5(expected) => ("MD5", expected, hash::<Md5>(file)),
        Check::Gunzipped(expected, bytes) => {
            // A byte more than expected is read, so that a bomb costs no more than the set.
            let content = GzDecoder::new(BufReader::new(file)).take(bytes + 1);
            ("SHA-256 of the content", expected, hash::<Sha256>(content))
        }
    };
    match found {
        Ok(found) if found == expected => Ok(()),
        Ok(found) => Err(format!("wrong bytes: expected {name} {expected}, found {found}")),
        Err(e) => Err(format!("wrong bytes: expected {name} {expected}, found a damaged file ({e})")),
    }
}

fn hash<D: Digest>(mut reader: impl Read) -> std::io::Result<String> {
    let mut hash = D::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            n => hash.update(buffer.get(..n).unwrap_or_default()),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn each_hash_tells_right_from_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let (plain, zipped) = (dir.path().join("a"), dir.path().join("a.gz"));
        std::fs::write(&plain, b"abc").unwrap();
        let mut gz =
            flate2::write::GzEncoder::new(File::create(&zipped).unwrap(), flate2::Compression::fast());
        gz.write_all(b"abc").unwrap();
        gz.finish().unwrap();
        let sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let md5 = "900150983cd24fb0d6963f7d28e17f72";
        assert_eq!(check(&plain, Check::Sha256(sha)), Ok(()));
        assert_eq!(check(&plain, Check::Md5(md5)), Ok(()));
        assert_eq!(check(&plain, Check::Unknown), Ok(()));
        assert_eq!(check(&zipped, Check::Gunzipped(sha, 3)), Ok(()));
        let error = check(&zipped, Check::Sha256(sha)).unwrap_err();
        assert!(error.starts_with(&format!("wrong bytes: expected SHA-256 {sha}, found ")), "{error}");
        assert!(check(&plain, Check::Gunzipped(sha, 3)).unwrap_err().contains("damaged"));
        assert!(check(&zipped, Check::Gunzipped(sha, 2)).is_ok(), "one byte more is read");
        assert!(check(&zipped, Check::Gunzipped(sha, 1)).unwrap_err().contains("found"));
    }
}
