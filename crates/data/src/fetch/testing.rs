//! Archives as nobody should publish them, for tests.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

/// An entry of an archive.
pub(super) enum Packed<'a> {
    File(&'a str, &'a [u8]),
    Folder(&'a str),
    Symlink(&'a str, &'a str),
    Hardlink(&'a str, &'a str),
    Device(&'a str),
    Raw(&'a [u8]),
}

/// A tar entry by hand: the crate's builder refuses to make most of these.
fn entry(tar: &mut Vec<u8>, kind: EntryType, name: &[u8], link: &str, content: &[u8]) {
    if name.len() > 100 {
        entry(tar, EntryType::GNULongName, b"././@LongLink", "", name);
    }
    let mut header = Header::new_gnu();
    let old = header.as_old_mut();
    let short = name.len().min(100);
    old.name[..short].copy_from_slice(&name[..short]);
    old.linkname[..link.len()].copy_from_slice(link.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

pub(super) fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::best());
    gz.write_all(bytes).unwrap();
    gz.finish().unwrap()
}

pub(super) fn tar(entries: &[Packed<'_>]) -> Vec<u8> {
    let mut tar = Vec::new();
    for packed in entries {
        match packed {
            Packed::File(name, content) => entry(&mut tar, EntryType::Regular, name.as_bytes(), "", content),
            Packed::Folder(name) => entry(&mut tar, EntryType::Directory, name.as_bytes(), "", b""),
            Packed::Symlink(name, to) => entry(&mut tar, EntryType::Symlink, name.as_bytes(), to, b""),
            Packed::Hardlink(name, to) => entry(&mut tar, EntryType::Link, name.as_bytes(), to, b""),
            Packed::Device(name) => entry(&mut tar, EntryType::Char, name.as_bytes(), "", b""),
            Packed::Raw(name) => entry(&mut tar, EntryType::Regular, name, "", b"x"),
        }
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

pub(super) fn tar_gz(entries: &[Packed<'_>]) -> Vec<u8> {
    gz(&tar(entries))
}

pub(super) fn zip(entries: &[Packed<'_>]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::FileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    for packed in entries {
        match packed {
            Packed::File(name, content) => {
                zip.start_file(*name, options).unwrap();
                zip.write_all(content).unwrap();
            }
            Packed::Folder(name) => zip.add_directory(*name, options).unwrap(),
            Packed::Symlink(name, to) => zip.add_symlink(*name, *to, options).unwrap(),
            _ => panic!("zip has no such entry"),
        }
    }
    zip.finish().unwrap().into_inner()
}
