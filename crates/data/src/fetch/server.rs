//! A server on this machine that answers as a test tells it to.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a client asked for.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// With the slash.
    pub(super) path: String,
    /// First byte asked for.
    pub(super) from: Option<usize>,
    /// The version that this must be of.
    pub(super) if_range: Option<String>,
}

/// The server; it runs until the test's process ends.
pub(super) struct Server {
    /// `http://127.0.0.1:…`
    pub(super) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers the n-th request, counted from 0, by `answer(n, request, stream)`.
    pub(super) fn new(answer: impl Fn(usize, &Request, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (requests.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, seen, answer) = (stream.unwrap(), seen.clone(), answer.clone());
                std::thread::spawn(move || {
                    let request = read(&stream);
                    let n = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(request.clone());
                        seen.len() - 1
                    };
                    answer(n, &request, &mut stream);
                });
            }
        });
        Self { url, requests }
    }

    /// Serves these bytes as it should be done.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        Self::new(move |_, request, stream| match request.from {
            Some(from) if from < bytes.len() => rest(stream, &bytes, from),
            _ => whole(stream, bytes.len(), &bytes),
        })
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Request {
    let lines = BufReader::new(stream).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let lines: Vec<String> = lines.collect();
    let header = |name: &str| {
        lines.iter().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    Request {
        path: lines.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default().to_owned(),
        from: header("range").and_then(|r| r.strip_prefix("bytes=")?.trim_end_matches('-').parse().ok()),
        if_range: header("if-range"),
    }
}

/// A line of status, headers and a body. The client may have hung up, which is its right.
pub(super) fn answer(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let _ = write!(stream, "HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n");
    let _ = stream.write_all(body);
    let _ = stream.flush();
}

/// 200 with any length.
pub(super) fn whole(stream: &mut TcpStream, length: usize, body: &[u8]) {
    answer(stream, "200 OK", &format!("ETag: \"one\"\r\nContent-Length: {length}\r\n"), body);
}

/// 206 with what begins at `from`.
pub(super) fn rest(stream: &mut TcpStream, bytes: &[u8], from: usize) {
    let (last, all) = (bytes.len() - 1, bytes.len());
    let headers = format!("Content-Range: bytes {from}-{last}/{all}\r\nContent-Length: {}\r\n", all - from);
    answer(stream, "206 Partial Content", &headers, &bytes[from..]);
}

/// Keeps the connection open and says nothing, longer than any test waits.
pub(super) fn stall() {
    std::thread::sleep(Duration::from_secs(60));
}
