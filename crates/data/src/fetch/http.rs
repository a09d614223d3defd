//! One HTTP request and the bytes of its answer.
//!
//! By ureq and rustls and not by curl, as the build tool does it: a program that was installed alone should need no
//! other, and what is asked here (continue only the same file, stop at a size, tell a stall from an end) is not
//! told apart by curl's exit codes. The price is about half a minute of compiling, once. rustls brings its roots
//! along, so that a TLS-inspecting proxy with a certificate of its own needs `--from` a mirror or placing by hand.

use std::io::Read;

use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body};

use super::Patience;

/// Why a request or a file failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// It may work the next time.
    Passing(String),
    /// It will not work from this address.
    Final(String),
    /// It will not work at all: this machine's own trouble.
    Local(String),
}

/// The start of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// 200: all of it, 206: what is missing, 416: there is nothing more.
    pub(super) status: u16,
    /// Bytes that are announced to come.
    pub(super) length: Option<u64>,
    /// First byte and size of the whole file, from `Content-Range`.
    pub(super) range: Option<(u64, u64)>,
    /// What tells this version of the file from another, for `If-Range`.
    pub(super) validator: Option<String>,
}

/// Asks for files.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    patience: Patience,
}

impl Client {
    pub(super) fn new(patience: Patience) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .user_agent(concat!("aconite/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(patience.connect))
            .timeout_connect(Some(patience.connect))
            // Each read, not the sum: a large file may take hours as long as it comes.
            .timeout_per_read(Some(patience.stall))
            .timeout_per_write(Some(patience.stall))
            // A new connection for each request: one that was cut or abandoned half-way is good for nothing.
            .max_idle_connections(0);
        Self { agent: config.build().into(), patience }
    }

    /// Asks for a file, from the byte `from` on if that still belongs to the version `validator`.
    pub(super) fn get(
        &self,
        url: &str,
        from: u64,
        validator: Option<&str>,
    ) -> Result<(Head, Incoming), Fault> {
        // Servers that compress on the fly would send other bytes, and other ranges, than were published.
        let mut request = self.agent.get(url).header("Accept-Encoding", "identity");
        // A proxy in the environment does not lead back to this machine.
        if url.starts_with("http://127.0.0.1:") || url.starts_with("http://localhost:") {
            request = request.config().proxy(None).build();
        }
        if from > 0 {
            request = request.header("Range", format!("bytes={from}-"));
            if let Some(validator) = validator {
                request = request.header("If-Range", validator);
            }
        }
        let answer = request.call().map_err(|e| fault(e, self.patience))?;
        let head = head(&answer);
        match head.status {
            200 | 206 | 416 => {}
            status @ (408 | 425 | 429 | 500..=599) => return Err(Fault::Passing(said(&answer, status))),
            status => return Err(Fault::Final(said(&answer, status))),
        }
        let reader = answer.into_body().into_reader();
        Ok((head, Incoming { reader: Box::new(reader), patience: self.patience }))
    }
}

fn fault(error: ureq::Error, patience: Patience) -> Fault {
    use std::io::ErrorKind::UnexpectedEof;
    use ureq::Error;
    let what = match error {
        Error::Timeout(ureq::Timeout::PerRead) => format!("nothing arrived for {:?}", patience.stall),
        Error::Timeout(_) => format!("no connection within {:?}", patience.connect),
        Error::HostNotFound => "the host is not found".into(),
        Error::Io(e) if e.kind() == UnexpectedEof => "the connection ended".into(),
        Error::Io(e) => e.to_string().to_lowercase(),
        Error::ConnectionFailed => "no connection".into(),
        Error::Protocol(e) => format!("not HTTP: {e}"),
        other => return Fault::Final(other.to_string()),
    };
    Fault::Passing(what)
}

fn said(answer: &Response<Body>, status: u16) -> String {
    format!("the server answered {status} {}", answer.status().canonical_reason().unwrap_or_default())
        .trim_end()
        .to_owned()
}

fn head(answer: &Response<Body>) -> Head {
    let headers = answer.headers();
    let length = text(headers, "content-length").and_then(|length| length.parse().ok());
    let range = text(headers, "content-range").and_then(|range| {
        let (span, whole) = range.strip_prefix("bytes ")?.split_once('/')?;
        Some((span.split_once('-')?.0.parse().ok()?, whole.parse().ok()?))
    });
    // Weak tags are not for bytes, and If-Range refuses them.
    let tag = text(headers, "etag").filter(|tag| tag.starts_with('"'));
    let validator = tag.or_else(|| text(headers, "last-modified")).map(str::to_owned);
    Head { status: answer.status().as_u16(), length, range, validator }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The bytes of an answer.
pub(super) struct Incoming {
    reader: Box<dyn Read>,
    patience: Patience,
}

impl Incoming {
    /// The next bytes; none at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
        loop {
            match self.reader.read(buffer) {
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                // What ureq says is wrapped into an error of I/O, and unwrapped here.
                other => return other.map_err(|e| fault(e.into(), self.patience)),
            }
        }
    }
}
