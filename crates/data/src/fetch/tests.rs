use std::io::Write;
use std::time::Instant;

use sha2::{Digest, Sha256};

use super::server::{Server, answer, rest, stall, whole};
use super::testing::{Packed, gz, tar_gz};
use super::*;

const TEN: &[u8] = b"0123456789";
const IMPATIENCE: Patience = Patience {
    connect: Duration::from_millis(500),
    stall: Duration::from_millis(300),
    pause: Duration::from_millis(1),
    retries: 3,
};

fn sha(bytes: &[u8]) -> &'static str {
    let hash: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    hash.leak()
}

/// A file `data` that must be these bytes.
fn file(bytes: &[u8]) -> Remote {
    let size = Size::About(bytes.len() as u64);
    Remote {
        name: "data",
        bases: &["http://example.invalid/"],
        size,
        check: Check::Sha256(sha(bytes)),
        use_as: Use::Keep,
    }
}

fn set(files: Vec<Remote>) -> Recipe {
    let (kind, folder, page) = ("made_up", "made-up", "http://example.invalid/");
    Recipe { kind, folder, page, files: files.leak(), hashes: Hashes::Recorded, then: None }
}

struct Tried {
    dir: tempfile::TempDir,
    result: Result<PathBuf>,
    events: Vec<String>,
}

impl Tried {
    /// The message of a failure after which nothing bears the set's name.
    fn failure(&self) -> String {
        assert!(!self.dir.path().join("made-up").exists());
        let error = self.result.as_ref().unwrap_err();
        let hint = error.hint.as_deref().unwrap();
        assert!(hint.starts_with("by hand: ") && hint.contains("made-up/"), "{hint}");
        error.message.clone()
    }

    fn content(&self) -> Vec<u8> {
        let folder = self.result.as_ref().unwrap();
        assert_eq!(folder, &self.dir.path().join("made-up"));
        assert!(!self.staging().exists(), "nothing is left lying about");
        fs::read(folder.join("data")).unwrap()
    }

    fn staging(&self) -> PathBuf {
        self.dir.path().join(".fetching-made_up")
    }

    fn parts(&self) -> Vec<String> {
        let Ok(files) = fs::read_dir(self.staging().join("downloads")) else { return Vec::new() };
        let mut names: Vec<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn try_in(dir: tempfile::TempDir, recipe: &Recipe, url: &str, patience: Patience) -> Tried {
    let mut events = Vec::new();
    let order = Order { recipe, place: dir.path(), mirror: Some(url), patience };
    let load = |places: &Places| {
        assert!(places.0[0].join("made-up").is_dir(), "there is something to load");
        Ok(())
    };
    let result = fetch(&order, &load, &mut |event| events.push(format!("{event:?}")));
    Tried { dir, result, events }
}

fn try_from(server: &Server, recipe: &Recipe) -> Tried {
    try_in(tempfile::tempdir().unwrap(), recipe, &server.url, IMPATIENCE)
}

#[test]
fn a_whole_answer_becomes_the_set() {
    let server = Server::of(TEN.to_vec());
    let tried = try_from(&server, &set(vec![file(TEN)]));
    assert_eq!(tried.content(), TEN);
    assert_eq!(server.requests()[0].path, "/data");
    assert!(tried.events.iter().any(|e| e.contains("Load")), "{:?}", tried.events);
}

#[test]
fn a_truncated_answer_is_continued_where_it_stopped() {
    let server = Server::new(|_, request, stream| match request.from {
        None => whole(stream, 10, &TEN[..4]),
        Some(from) => rest(stream, TEN, from),
    });
    let tried = try_from(&server, &set(vec![file(TEN)]));
    assert_eq!(tried.content(), TEN);
    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!((requests[1].from, requests[1].if_range.as_deref()), (Some(4), Some("\"one\"")));
    assert!(tried.events.iter().any(|e| e.contains("ended after 4 of 10 bytes")), "{:?}", tried.events);
}

#[test]
fn the_next_run_continues_what_the_last_one_left() {
    let server = Server::new(|n, request, stream| match n {
        0 => whole(stream, 10, &TEN[..4]),
        _ => rest(stream, TEN, request.from.unwrap()),
    });
    let recipe = set(vec![file(TEN)]);
    let once = Patience { retries: 0, ..IMPATIENCE };
    let tried = try_in(tempfile::tempdir().unwrap(), &recipe, &server.url, once);
    assert!(tried.failure().contains("/data: the connection ended after 4 of 10 bytes"));
    assert_eq!(tried.parts(), ["data.part", "data.part.from"]);
    let tried = try_in(tried.dir, &recipe, &server.url, once);
    assert_eq!(tried.content(), TEN);
    assert_eq!(server.requests()[1].from, Some(4));
}

#[test]
fn a_part_is_never_glued_to_another_version() {
    let new = b"ABCDEFGHIJKL";
    // The server notices by If-Range, or does not and continues another file, or knows no more of it.
    let notices: fn(usize, &mut std::net::TcpStream) = |_, stream| whole(stream, 12, b"ABCDEFGHIJKL");
    let continues: fn(usize, &mut std::net::TcpStream) = |from, stream| rest(stream, b"ABCDEFGHIJKL", from);
    let refuses: fn(usize, &mut std::net::TcpStream) =
        |_, stream| answer(stream, "416 Range Not Satisfiable", "Content-Length: 0\r\n", b"");
    for (later, requests) in [(notices, 2), (continues, 3), (refuses, 3)] {
        let server = Server::new(move |n, request, stream| match (n, request.from) {
            (0, _) => whole(stream, 10, &TEN[..4]),
            (_, Some(from)) => later(from, stream),
            (_, None) => whole(stream, 12, b"ABCDEFGHIJKL"),
        });
        let tried = try_from(&server, &set(vec![file(new)]));
        assert_eq!(tried.content(), new);
        assert_eq!(server.requests().len(), requests);
    }
}

#[test]
fn a_part_that_turns_out_wrong_is_fetched_again_as_a_whole() {
    // Same size, same tag, other bytes.
    let server = Server::new(|n, request, stream| match (n, request.from) {
        (0, _) => whole(stream, 10, b"abcd"),
        (_, Some(from)) => rest(stream, TEN, from),
        (_, None) => whole(stream, 10, TEN),
    });
    let tried = try_from(&server, &set(vec![file(TEN)]));
    assert_eq!(tried.content(), TEN);
    assert_eq!(server.requests().last().unwrap().from, None);
}

#[test]
fn a_part_of_which_nothing_is_known_is_not_continued() {
    let server = Server::new(|n, _, stream| {
        let sent = if n == 0 { &TEN[..4] } else { TEN };
        answer(stream, "200 OK", "Content-Length: 10\r\n", sent);
    });
    let tried = try_from(&server, &set(vec![Remote { check: Check::Unknown, ..file(TEN) }]));
    assert_eq!(tried.content(), TEN);
    assert_eq!(server.requests()[1].from, None);
}

#[test]
fn a_length_that_is_too_long_or_too_short_is_no_success() {
    let server = Server::new(|_, request, stream| match request.from {
        None => whole(stream, 20, TEN),
        Some(_) => answer(stream, "206 Partial Content", "Content-Range: bytes 10-19/20\r\n", b""),
    });
    let tried = try_from(&server, &set(vec![file(TEN)]));
    assert!(tried.failure().contains("10 of 20 bytes"), "{}", tried.failure());

    let server = Server::new(|_, _, stream| whole(stream, 4, TEN));
    let tried = try_from(&server, &set(vec![file(TEN)]));
    assert!(tried.failure().contains("wrong bytes: expected SHA-256 84d8"), "{}", tried.failure());
    assert_eq!(tried.parts(), [""; 0]);
    let exact = set(vec![Remote { size: Size::Exactly(10), ..file(TEN) }]);
    let tried = try_from(&server, &exact);
    assert!(tried.failure().contains("announces 4 bytes, expected 10"), "{}", tried.failure());
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let before: fn(&mut std::net::TcpStream) = |_| stall();
    let amid: fn(&mut std::net::TcpStream) = |stream| {
        whole(stream, 10, &TEN[..4]);
        stall();
    };
    for silent in [before, amid] {
        let server = Server::new(move |_, _, stream| silent(stream));
        let start = Instant::now();
        let once = Patience { retries: 1, ..IMPATIENCE };
        let tried = try_in(tempfile::tempdir().unwrap(), &set(vec![file(TEN)]), &server.url, once);
        assert!(tried.failure().contains("nothing arrived for 300ms"), "{}", tried.failure());
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(server.requests().len(), 2);
    }
}

#[test]
fn a_slow_server_is_waited_for() {
    let server = Server::new(|_, _, stream| {
        whole(stream, 10, b"");
        for byte in TEN {
            std::thread::sleep(Duration::from_millis(100));
            let _ = stream.write_all(&[*byte]);
        }
    });
    assert_eq!(try_from(&server, &set(vec![file(TEN)])).content(), TEN);
}

#[test]
fn wrong_bytes_are_named_and_not_kept() {
    let server = Server::of(b"9876543210".to_vec());
    let tried = try_from(&server, &set(vec![file(TEN)]));
    let message = tried.failure();
    assert!(message.contains(&format!("expected SHA-256 {}", sha(TEN))), "{message}");
    assert!(message.contains(&format!("found {}", sha(b"9876543210"))), "{message}");
    assert_eq!((tried.parts(), server.requests().len()), (Vec::new(), 1));
    assert!(!tried.staging().exists());

    let content = Remote { check: Check::Gunzipped(sha(TEN), 10), ..file(TEN) };
    assert!(try_from(&Server::of(gz(TEN)), &set(vec![content.clone()])).result.is_ok());
    let bomb = gz(&vec![0; 1 << 20]);
    assert!(try_from(&Server::of(bomb), &set(vec![content])).failure().contains("wrong bytes"));
}

#[test]
fn redirects_are_followed_and_refusals_are_told() {
    let server = Server::new(|_, request, stream| match (request.path.as_str(), request.from) {
        ("/data", _) => answer(stream, "302 Found", "Location: /there\r\nContent-Length: 0\r\n", b""),
        (_, None) => whole(stream, 10, &TEN[..4]),
        (_, Some(from)) => rest(stream, TEN, from),
    });
    assert_eq!(try_from(&server, &set(vec![file(TEN)])).content(), TEN);
    assert_eq!(server.requests()[3].from, Some(4), "a redirected request asks for the rest as well");

    let circle = Server::new(|_, _, stream| answer(stream, "302 Found", "Location: /data\r\n", b""));
    assert!(try_from(&circle, &set(vec![file(TEN)])).failure().contains("redirect"));

    for (status, requests) in [("404 Not Found", 1), ("403 Forbidden", 1), ("500 Internal Server Error", 4)] {
        let server = Server::new(move |_, _, stream| answer(stream, status, "Content-Length: 2\r\n", b"no"));
        let message = try_from(&server, &set(vec![file(TEN)])).failure();
        assert!(message.contains(&format!("{}/data: the server answered {status}", server.url)), "{message}");
        assert_eq!(server.requests().len(), requests, "{status}");
    }
}

#[test]
fn a_server_without_ranges_starts_over() {
    let server = Server::new(|n, _, stream| whole(stream, 10, if n == 0 { &TEN[..4] } else { TEN }));
    assert_eq!(try_from(&server, &set(vec![file(TEN)])).content(), TEN);
    assert_eq!(server.requests()[1].from, Some(4));
}

#[test]
fn an_endless_answer_is_stopped() {
    let chunked = "Transfer-Encoding: chunked\r\n";
    let endless = Server::new(move |_, _, stream| {
        answer(stream, "200 OK", chunked, b"");
        let chunk = [&b"10000\r\n"[..], &[0; 0x10000], b"\r\n"].concat();
        while stream.write_all(&chunk).is_ok() {}
    });
    let tried = try_from(&endless, &set(vec![file(TEN)]));
    assert!(tried.failure().contains("the server sends more than 1048591 bytes"), "{}", tried.failure());
    assert_eq!((tried.parts(), endless.requests().len()), (Vec::new(), 1));

    let announced = Server::new(|_, _, stream| whole(stream, 1 << 40, b""));
    let tried = try_from(&announced, &set(vec![file(TEN)]));
    assert!(tried.failure().contains("announces 1099511627776 bytes, expected at most"));

    // One that breaks off amid chunks is not whole, even if nothing is known of the file.
    let broken = Server::new(move |_, _, stream| answer(stream, "200 OK", chunked, b"4\r\n0123\r\n"));
    let unknown = set(vec![Remote { check: Check::Unknown, ..file(TEN) }]);
    assert!(try_from(&broken, &unknown).failure().contains("the connection ended"));
    let odd = Server::new(|_, _, stream| {
        let _ = stream.write_all(b"what?\r\n\r\n");
    });
    assert!(try_from(&odd, &unknown).failure().contains("not HTTP"));
}

#[test]
fn the_second_address_serves_when_the_first_does_not() {
    let (gone, there) = (
        Server::new(|_, _, stream| answer(stream, "404 Not Found", "Content-Length: 0\r\n", b"")),
        Server::of(TEN.to_vec()),
    );
    let bases: Vec<&'static str> = [&gone, &there].map(|s| &*format!("{}/", s.url).leak()).to_vec();
    let recipe = set(vec![Remote { bases: bases.leak(), ..file(TEN) }]);
    let dir = tempfile::tempdir().unwrap();
    let order = Order { recipe: &recipe, place: dir.path(), mirror: None, patience: IMPATIENCE };
    fetch(&order, &|_| Ok(()), &mut |_| {}).unwrap();
    assert_eq!(gone.requests().len(), 1);
}

#[test]
fn unreachable_and_impossible_addresses_fail_with_the_way_by_hand() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (url, what) in [
        (format!("http://127.0.0.1:{port}"), "refused"),
        ("ftp://127.0.0.1".to_owned(), "is no address"),
        ("http://[".to_owned(), "http://["),
    ] {
        let tried = try_in(tempfile::tempdir().unwrap(), &set(vec![file(TEN)]), &url, IMPATIENCE);
        assert!(tried.failure().contains(what), "{}", tried.failure());
        assert!(!tried.staging().exists());
    }
    let tried = try_in(tempfile::tempdir().unwrap(), &set(Vec::new()), "http://127.0.0.1", IMPATIENCE);
    assert!(tried.failure().contains("asks for a form"));
}

#[test]
fn an_archive_becomes_the_folder_and_a_hostile_one_nothing() {
    let archive = Archive { format: Format::TarGz, inside: "top", entries: 10, bytes: 1000 };
    let recipe = |bytes: &[u8]| {
        set(vec![
            Remote { check: Check::Unknown, use_as: Use::Unpack(archive), ..file(bytes) },
            Remote { name: "beside", check: Check::Unknown, ..file(TEN) },
        ])
    };
    let good = tar_gz(&[Packed::File("top/data", TEN)]);
    let tried = try_from(&Server::of(good.clone()), &recipe(&good));
    assert_eq!(tried.content(), TEN);
    let long = vec![0; 2000];
    for evil in [
        Packed::File("top/../../evil", TEN),
        Packed::File("/evil", TEN),
        Packed::Symlink("top/data", "/etc"),
        Packed::Hardlink("top/data", "/etc/passwd"),
        Packed::File("top/data", &long),
    ] {
        let bytes = tar_gz(&[evil]);
        let server = Server::of(bytes.clone());
        let tried = try_from(&server, &recipe(&bytes));
        assert!(tried.failure().contains("data cannot be unpacked: "), "{}", tried.failure());
        assert!(!tried.dir.path().join("evil").exists());
        assert_eq!(tried.parts(), ["beside"], "the other file is kept for the next attempt");
    }
}

#[test]
fn a_set_that_does_not_load_is_not_put_in_place() {
    let server = Server::of(TEN.to_vec());
    let (dir, recipe) = (tempfile::tempdir().unwrap(), set(vec![file(TEN)]));
    let order = Order { recipe: &recipe, place: dir.path(), mirror: Some(&server.url), patience: IMPATIENCE };
    let error = fetch(&order, &|_| Err(Error::new("row 3 is odd")), &mut |_| {}).unwrap_err();
    assert!(error.message.ends_with("what arrived is not the data set: row 3 is odd"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    // Unless something is left to be done before it can load.
    let recipe = Recipe { then: Some("convert it"), ..recipe };
    let order = Order { recipe: &recipe, ..order };
    assert!(fetch(&order, &|_| Err(Error::new("not yet")), &mut |_| {}).is_ok());
}

#[test]
fn what_bore_the_name_is_kept_aside() {
    let server = Server::of(TEN.to_vec());
    let dir = tempfile::tempdir().unwrap();
    for folder in ["made-up", "made-up.old-1"] {
        fs::create_dir(dir.path().join(folder)).unwrap();
    }
    fs::write(dir.path().join("made-up/mine"), "mine").unwrap();
    let tried = try_in(dir, &set(vec![file(TEN)]), &server.url, IMPATIENCE);
    assert_eq!(tried.content(), TEN);
    assert_eq!(fs::read(tried.dir.path().join("made-up.old-2/mine")).unwrap(), b"mine");
    assert!(tried.events.iter().any(|e| e.contains("Aside")));
}

#[test]
fn two_at_once_do_not_share_a_part() {
    let dir = tempfile::tempdir().unwrap();
    let recipe = set(vec![file(TEN)]);
    let first = Staging::enter(dir.path(), &recipe).unwrap();
    fs::write(first.downloads().join("data.part"), b"0123").unwrap();
    let tried = try_in(dir, &recipe, "http://127.0.0.1", IMPATIENCE);
    assert!(tried.failure().contains("another program is fetching it"));
    assert_eq!(tried.parts(), ["data.part"]);
}
