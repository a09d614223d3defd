//! `aconite data` against servers on this machine, good ones and bad ones.

use std::fs;
use std::path::Path;

use crate::program::{Ran, Sandbox};
use crate::server::{Server, answer, rest, stall, whole};
use crate::testing::{Packed, gz, tar_gz};

const NEGATIVE: &[u8] = b"dull\nslow\nlong\nflat\n";
const POSITIVE: &[u8] = b"fine\ngood\nwarm\nwise\n";

/// The one published archive of which no hash is known, so that a small one will do.
fn polarity() -> Vec<u8> {
    tar_gz(&[
        Packed::File("rt-polaritydata.README.1.0.txt", b"read me"),
        Packed::Folder("rt-polaritydata/"),
        Packed::File("rt-polaritydata/rt-polarity.neg", NEGATIVE),
        Packed::File("rt-polaritydata/rt-polarity.pos", POSITIVE),
    ])
}

fn fetch(sandbox: &Sandbox, name: &str, server: &Server) -> Ran {
    sandbox.run(&["data", "fetch", name, "--from", &server.url, "--stall", "0.3"])
}

/// Fetches and expects that nothing comes of it but a message that names the address and the way by hand.
fn fails(name: &str, folder: &str, server: &Server) -> String {
    let sandbox = Sandbox::new();
    let ran = fetch(&sandbox, name, server);
    assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{}", ran.err);
    assert!(ran.err.contains(&format!("error: failed to fetch {name}: ")), "{}", ran.err);
    assert!(ran.err.contains(&server.url), "{}", ran.err);
    let hand = ran.err.lines().last().unwrap();
    assert!(hand.starts_with("hint: by hand: ") && hand.contains(&format!("/data/{folder}/")), "{hand}");
    assert!(!sandbox.path("data").join(folder).exists());
    assert_eq!(sandbox.run(&["data", "path", name]).code, found_elsewhere(name));
    ran.err
}

/// A set may be there from the system's packages.
fn found_elsewhere(name: &str) -> Option<i32> {
    let there = Path::new("/usr/share/datasets").join(name.replace('_', "-")).exists();
    Some(if there { 0 } else { 2 })
}

#[test]
fn a_fetched_set_is_found_verified_and_listed() {
    let (sandbox, server) = (Sandbox::new(), Server::of(polarity()));
    let missing = sandbox.run(&["data", "path", "rt_polarity"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.err.contains("hint: aconite data fetch rt_polarity; or put "), "{}", missing.err);
    assert_eq!(sandbox.run(&["data", "verify", "rt_polarity"]).code, Some(2));

    let ran = fetch(&sandbox, "rt_polarity", &server);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let folder = sandbox.path("data/rt-polarity");
    assert_eq!(ran.out, format!("rt_polarity {}\n", folder.display()));
    assert!(ran.err.contains(&format!("fetching {}/rt-polaritydata.tar.gz", server.url)), "{}", ran.err);
    assert_eq!(fs::read(folder.join("rt-polarity.neg")).unwrap(), NEGATIVE);
    let left: Vec<_> = fs::read_dir(sandbox.path("data")).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(left, ["rt-polarity"]);

    assert_eq!(sandbox.ok(&["data", "path", "rt_polarity"]).out, format!("{}\n", folder.display()));
    assert!(sandbox.ok(&["data", "verify", "rt_polarity"]).out.contains("rt_polarity  ok"));
    assert!(sandbox.ok(&["data", "list"]).out.contains(&folder.display().to_string()));
    let ran = fetch(&sandbox, "rt_polarity", &server);
    assert!(ran.err.contains("already there"), "{}", ran.err);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_damaged_set_is_told_and_put_right() {
    let (sandbox, server) = (Sandbox::new(), Server::of(polarity()));
    fetch(&sandbox, "rt_polarity", &server);
    let file = sandbox.path("data/rt-polarity/rt-polarity.pos");
    fs::write(&file, "good\n\nfine\n").unwrap();
    for args in [&["data", "verify"][..], &["data", "verify", "rt_polarity", "sms_spam"]] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(1), "{}", ran.out);
        assert!(
            ran.out.contains("damaged") && ran.out.contains("rt-polarity.pos: line 2: empty"),
            "{}",
            ran.out
        );
        assert!(ran.out.lines().any(|line| line.starts_with("sms_spam") && line.contains(" ok ")));
    }
    fs::remove_file(&file).unwrap();
    let ran = sandbox.run(&["data", "verify", "--json"]);
    let part = ran.out.lines().find(|line| line.contains("rt_polarity")).unwrap();
    assert!(part.contains("\"damaged\"") && part.contains("lacks rt-polarity.pos"), "{part}");

    let ran = sandbox.run(&["data", "fetch", "rt_polarity", "--fresh", "--from", &server.url]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(ran.err.contains("rt-polarity.old-1"), "{}", ran.err);
    assert_eq!(fs::read(&file).unwrap(), POSITIVE);
}

#[test]
fn the_list_says_what_each_set_is_and_how_to_get_it() {
    let sandbox = Sandbox::new();
    let rows: Vec<serde_json::Value> = sandbox
        .ok(&["data", "list", "--json"])
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let row = |kind: &str| rows.iter().find(|row| row["kind"] == kind).unwrap();
    for (kind, state) in
        [("sms_spam", "embedded"), ("cifar10", "fetchable"), ("nsl_kdd", "by_hand"), ("csv", "own")]
    {
        assert_eq!(row(kind)["state"], state, "{kind}");
        assert!(!row(kind)["licence"].as_str().unwrap().is_empty());
    }
    assert_eq!(row("cifar10")["bytes"], 170_052_171);
    assert!(row("cifar10")["hint"].as_str().unwrap().contains("cifar-10-binary.tar.gz"));
    let text = sandbox.ok(&["data", "list"]).out;
    assert!(text.contains("170.1 MB  not here; aconite data fetch cifar10"), "{text}");
    assert!(text.contains("not here; by hand from https://www.unb.ca/"), "{text}");
}

#[test]
fn names_that_cannot_be_fetched_say_why() {
    let sandbox = Sandbox::new();
    assert!(sandbox.ok(&["data", "fetch", "sms_spam"]).err.contains("nothing to fetch"));
    for (args, what) in [
        (&["fetch", "cifar"][..], "did you mean \"cifar10\"?"),
        (&["path", "rt_polarit"], "did you mean \"rt_polarity\"?"),
        (&["verify", "fashon_mnist"], "did you mean \"fashion_mnist\"?"),
        (&["fetch", "nsl_kdd"], "hint: by hand: get the files of https://www.unb.ca/"),
        (&["fetch", "csv"], "reads your own files"),
        (&["path", "csv"], "reads your own files"),
        (&["path", "sms_spam"], "part of the program"),
        (&["fetch", "mnist", "cifar10", "--from", "http://127.0.0.1:1/"], "one data set"),
        (&["fetch", "mnist", "--from", "here"], "\"here\" is no address"),
        (&["fetch", "mnist", "--stall", "0"], "expected seconds"),
    ] {
        let ran = sandbox.run(&[&["data"], args].concat());
        assert_eq!(ran.code, Some(2), "{args:?}\n{}", ran.err);
        assert!(ran.err.contains(what), "{args:?}\n{}", ran.err);
    }
}

#[test]
fn wrong_files_come_to_nothing() {
    let err = fails("mnist", "mnist", &Server::of(gz(b"not these")));
    assert!(err.contains("wrong bytes: expected SHA-256 of the content ba891046"), "{err}");
    assert!(err.contains("25776db, found e5be27a6"), "{err}");
    let page = Server::new(|_, _, stream| whole(stream, 11, b"please pay."));
    assert!(fails("mnist", "mnist", &page).contains("found a damaged file"));
    assert!(
        fails("cifar10", "cifar-10-batches-bin", &page).contains("announces 11 bytes, expected 170052171")
    );
    let gone = Server::new(|_, _, stream| answer(stream, "404 Not Found", "Content-Length: 0\r\n", b""));
    assert!(fails("gtsrb", "GTSRB", &gone).contains("the server answered 404 Not Found"));
    let silent = Server::new(|_, _, _| stall());
    assert!(fails("spamassassin", "spamassassin", &silent).contains("nothing arrived for 300ms"));
    assert_eq!(silent.requests().len(), 4);
    let odd = Server::of(tar_gz(&[Packed::File("rt-polaritydata/rt-polarity.neg", NEGATIVE)]));
    assert!(fails("rt_polarity", "rt-polarity", &odd).contains("what arrived is not the data set"));
}

#[test]
fn hostile_archives_come_to_nothing() {
    let bomb = vec![0; 9 << 20];
    for (evil, what) in [
        (Packed::File("rt-polaritydata/../../../evil", b"evil"), "leads out of the archive"),
        (Packed::File("/evil-aconite", b"evil"), "leads out of the archive"),
        (Packed::Symlink("rt-polaritydata/rt-polarity.neg", "/etc/passwd"), "is a link"),
        (Packed::Hardlink("rt-polaritydata/rt-polarity.neg", "/etc/passwd"), "is a link"),
        (Packed::File("rt-polaritydata/rt-polarity.neg", &bomb), "unpacks to more than"),
    ] {
        let server = Server::of(tar_gz(&[evil]));
        let err = fails_to_unpack(&server);
        assert!(err.contains(what), "{err}");
    }
}

fn fails_to_unpack(server: &Server) -> String {
    let sandbox = Sandbox::new();
    let ran = fetch(&sandbox, "rt_polarity", server);
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("rt-polaritydata.tar.gz cannot be unpacked: "), "{}", ran.err);
    assert!(ran.err.lines().last().unwrap().starts_with("hint: by hand: "), "{}", ran.err);
    assert_eq!(fs::read_dir(sandbox.path("data")).unwrap().count(), 0, "nothing is left");
    assert!(!sandbox.path("evil").exists() && !Path::new("/evil-aconite").exists());
    ran.err
}

#[test]
fn an_interrupted_fetch_goes_on_where_it_stopped() {
    let archive = polarity();
    let half = archive.len() / 2;
    let server = Server::new(move |n, request, stream| match (n, request.from) {
        (0, _) => whole(stream, archive.len(), &archive[..half]),
        (1..=3, _) => answer(stream, "503 Service Unavailable", "Content-Length: 0\r\n", b""),
        (_, Some(from)) => rest(stream, &archive, from),
        (_, None) => answer(stream, "400 Bad Request", "Content-Length: 0\r\n", b""),
    });
    let sandbox = Sandbox::new();
    let ran = fetch(&sandbox, "rt_polarity", &server);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("ended after") && ran.err.contains("503 Service Unavailable"), "{}", ran.err);
    assert_eq!(sandbox.run(&["data", "path", "rt_polarity"]).code, Some(2));
    let ran = fetch(&sandbox, "rt_polarity", &server);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let last = server.requests().pop().unwrap();
    assert_eq!((last.from, last.if_range.as_deref()), (Some(half), Some("\"one\"")));
}

#[test]
fn to_another_folder_it_says_how_it_is_found() {
    let (sandbox, server) = (Sandbox::new(), Server::of(polarity()));
    let ran = sandbox.run(&["data", "fetch", "rt_polarity", "--to", "else", "--from", &server.url]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let place = sandbox.path("else");
    assert!(place.join("rt-polarity/rt-polarity.neg").exists());
    assert!(ran.err.contains("set ACONITE_DATA=") && ran.err.contains("/else so that"), "{}", ran.err);
    let path =
        sandbox.command(&["data", "path", "rt_polarity"]).env("ACONITE_DATA", &place).output().unwrap();
    assert!(path.status.success());
    // Without ACONITE_DATA it goes into the cache, which is searched as well.
    let args = ["data", "fetch", "rt_polarity", "--from", &server.url];
    assert!(sandbox.command(&args).env_remove("ACONITE_DATA").status().unwrap().success());
    assert!(sandbox.path("cache/aconite/rt-polarity").exists());
}

#[test]
fn the_real_files_of_a_mirror_pass() {
    let package = Path::new("/usr/share/datasets/fashion-mnist");
    if !package.exists() {
        eprintln!("skipped: the package dataset-fashion-mnist is not installed");
        return;
    }
    // Compressed anew by the package's maker: the content is what counts.
    let server = Server::new(move |_, request, stream| {
        let bytes = fs::read(package.join(&request.path[1..])).unwrap();
        whole(stream, bytes.len(), &bytes);
    });
    let sandbox = Sandbox::new();
    let args = ["data", "fetch", "fashion_mnist", "--to", "data", "--from", &server.url];
    let ran = sandbox.ok(&args);
    assert!(ran.err.contains("reading it once"), "{}", ran.err);
    assert_eq!(server.requests().len(), 4);
    assert_eq!(
        sandbox.ok(&["data", "path", "fashion_mnist"]).out,
        format!("{}\n", sandbox.path("data/fashion_mnist").display())
    );
}
