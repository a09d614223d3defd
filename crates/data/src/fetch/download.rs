//! One file, continued where an earlier attempt stopped.
//!
//! What has arrived lies in `NAME.part` beside the target, and in `NAME.part.from` what it is a part of. Only a
//! whole file with the right bytes is renamed to its name.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::catalogue::{Check, Remote};
use super::check::check;
use super::http::{Client, Fault, Head, Incoming};
use super::{Event, Patience};

/// What a part is a part of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Origin {
    url: String,
    validator: Option<String>,
    whole: Option<u64>,
}

impl Origin {
    /// A line each; none of them can have a line break in it.
    fn write(&self, path: &Path) -> std::io::Result<()> {
        let whole = self.whole.map(|n| n.to_string()).unwrap_or_default();
        fs::write(path, format!("{}\n{}\n{whole}\n", self.url, self.validator.as_deref().unwrap_or_default()))
    }

    fn read(path: &Path) -> Option<Self> {
        let text = fs::read_to_string(path).ok()?;
        let mut lines = text.split('\n');
        let url = lines.next()?.to_owned();
        let validator = Some(lines.next()?.to_owned()).filter(|v| !v.is_empty());
        let whole = lines.next()?.parse().ok();
        Some(Self { url, validator, whole })
    }
}

/// A file to download.
pub(super) struct Download<'a> {
    pub(super) file: &'a Remote,
    pub(super) target: &'a Path,
    pub(super) client: &'a Client,
    pub(super) patience: Patience,
    pub(super) report: &'a mut dyn FnMut(Event<'_>),
}

impl Download<'_> {
    /// Tries each address in turn. The error has a line for each.
    pub(super) fn run(&mut self, urls: &[String]) -> Result<(), String> {
        let mut failures = Vec::new();
        for url in urls {
            match self.from(url) {
                Ok(()) => return Ok(()),
                Err(Fault::Local(why)) => return Err(why),
                Err(Fault::Passing(why) | Fault::Final(why)) => failures.push(format!("{url}: {why}")),
            }
        }
        Err(failures.join("\n"))
    }

    fn from(&mut self, url: &str) -> Result<(), Fault> {
        let mut pause = self.patience.pause;
        let mut left = self.patience.retries;
        loop {
            match self.attempt(url) {
                Err(Fault::Passing(why)) if left > 0 => {
                    (self.report)(Event::Again { why: &why, pause });
                    std::thread::sleep(pause);
                    pause *= 2;
                    left -= 1;
                }
                other => return other,
            }
        }
    }

    fn part(&self) -> PathBuf {
        beside(self.target, ".part")
    }

    fn origin(&self) -> PathBuf {
        beside(self.target, ".part.from")
    }

    fn discard(&self) {
        let _ = fs::remove_file(self.part());
        let _ = fs::remove_file(self.origin());
    }

    /// What is there to be continued, and of which version.
    fn begun(&self, url: &str) -> Option<(u64, Origin)> {
        let have = fs::metadata(self.part()).ok().map(|meta| meta.len())?;
        let origin = Origin::read(&self.origin()).filter(|origin| origin.url == url)?;
        // Without a validator nor a hash nobody would notice that two files were glued together.
        let safe = origin.validator.is_some() || self.file.check != Check::Unknown;
        (have > 0 && have <= self.file.most() && safe).then_some((have, origin))
    }

    fn attempt(&mut self, url: &str) -> Result<(), Fault> {
        let begun = self.begun(url);
        if begun.is_none() {
            self.discard();
        }
        let (mut have, origin) = begun.unwrap_or_default();
        let mut continued = have > 0;
        let whole = self.file.exactly().or(origin.whole);
        if have == 0 || whole != Some(have) {
            let (head, incoming) = self.client.get(url, have, origin.validator.as_deref())?;
            have = self.start(url, &head, have, &origin)?;
            continued = have > 0;
            self.receive(url, incoming, have, whole_size(&head))?;
        }
        self.finish(continued)
    }

    /// Decides whether the answer continues the part or replaces it; returns the bytes that stay.
    fn start(&self, url: &str, head: &Head, have: u64, origin: &Origin) -> Result<u64, Fault> {
        let whole = whole_size(head);
        if head.status == 206 {
            let fits = head.range.is_some_and(|(start, whole)| {
                start == have && origin.whole.is_none_or(|before| before == whole)
            });
            if have == 0 || !fits {
                self.discard();
                return Err(Fault::Passing("the server continued another file".into()));
            }
        }
        if head.status == 416 {
            self.discard();
            return Err(Fault::Passing("the server has no more of this file".into()));
        }
        if let Some(announced) = whole {
            let most = self.file.most();
            if let Some(expected) = self.file.exactly().filter(|&expected| expected != announced) {
                self.discard();
                return Err(Fault::Final(format!(
                    "the server announces {announced} bytes, expected {expected}"
                )));
            }
            if announced > most {
                self.discard();
                return Err(Fault::Final(format!(
                    "the server announces {announced} bytes, expected at most {most}"
                )));
            }
        }
        if head.status == 206 {
            return Ok(have);
        }
        self.discard();
        let origin = Origin { url: url.to_owned(), validator: head.validator.clone(), whole };
        origin.write(&self.origin()).map_err(|e| local(&self.origin(), &e))?;
        Ok(0)
    }

    fn receive(
        &mut self,
        url: &str,
        mut incoming: Incoming,
        mut have: u64,
        whole: Option<u64>,
    ) -> Result<(), Fault> {
        let part = self.part();
        let mut file =
            OpenOptions::new().create(true).append(true).open(&part).map_err(|e| local(&part, &e))?;
        (self.report)(Event::Start { url, have, whole: whole.or(self.file.exactly()) });
        let most = self.file.most();
        let mut buffer = vec![0; 256 << 10];
        loop {
            let n = incoming.read(&mut buffer).map_err(|fault| match (fault, whole) {
                (Fault::Passing(why), Some(whole)) => {
                    Fault::Passing(format!("{why} after {have} of {whole} bytes"))
                }
                (fault, _) => fault,
            })?;
            if n == 0 {
                break;
            }
            have += n as u64;
            if have > most || whole.is_some_and(|whole| have > whole) {
                drop(file);
                self.discard();
                return Err(Fault::Final(format!(
                    "the server sends more than {} bytes",
                    whole.unwrap_or(most)
                )));
            }
            file.write_all(buffer.get(..n).unwrap_or_default()).map_err(|e| local(&part, &e))?;
            (self.report)(Event::Bytes(have));
        }
        match whole.or(self.file.exactly()) {
            Some(whole) if have < whole => {
                Err(Fault::Passing(format!("the server stopped after {have} of {whole} bytes")))
            }
            _ => Ok(()),
        }
    }

    /// Checks the part and gives it its name.
    fn finish(&self, continued: bool) -> Result<(), Fault> {
        let part = self.part();
        if let Err(why) = check(&part, self.file.check) {
            self.discard();
            // The earlier part may have been the wrong one: all of it again.
            return Err(if continued { Fault::Passing(why) } else { Fault::Final(why) });
        }
        File::open(&part)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&part, self.target))
            .map_err(|e| local(self.target, &e))?;
        self.discard();
        Ok(())
    }
}

fn whole_size(head: &Head) -> Option<u64> {
    if head.status == 206 { head.range.map(|(_, whole)| whole) } else { head.length }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn local(path: &Path, error: &std::io::Error) -> Fault {
    Fault::Local(format!("{}: {error}", path.display()))
}
