//! Messages as they travel, and bytes that are none.

use aconite_text::{Limits, body_text, head, mail_tokens};
use proptest::prelude::*;

fn tokens(raw: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    mail_tokens(raw, Limits::default(), &mut |token| all.push(token.to_owned()));
    all
}

fn has(raw: &[u8], wanted: &[&str]) {
    let all = tokens(raw);
    for token in wanted {
        assert!(all.iter().any(|t| t == token), "no {token:?} in {all:?}");
    }
}

const MULTIPART: &[u8] = b"From: \"Ann Smith\" <Ann@Example.ORG>\r\n\
To: b@x.example, c@x.example, d@x.example\r\n\
Subject: =?iso-8859-1?Q?Gr=FC=DFe?= from afar\r\n\
MIME-Version: 1.0\r\n\
Content-Type: multipart/mixed; boundary=\"==b\"\r\n\
\r\n\
preamble\r\n\
--==b\r\n\
Content-Type: text/plain; charset=ISO-8859-1\r\n\
Content-Transfer-Encoding: quoted-printable\r\n\
\r\n\
caf=E9 money=\r\nback\r\n\
--==b\r\n\
Content-Type: text/html; charset=utf-8\r\n\
Content-Transfer-Encoding: base64\r\n\
\r\n\
PGI+YnV5PC9iPiA8YSBocmVmPSJodHRwOi8vc2hvcC5leGFtcGxlL3giPmhlcmU8L2E+\r\n\
--==b\r\n\
Content-Type: application/pdf; name=\"Bill.2.pdf\"\r\n\
Content-Disposition: attachment; filename=\"Bill.2.pdf\"\r\n\
\r\n\
%PDF hidden\r\n\
--==b--\r\n";

#[test]
fn heads_parts_and_encodings_are_read() {
    has(
        MULTIPART,
        &[
            "subject:grüße",
            "subject:from",
            "subject:afar",
            "from:addr:ann@example.org",
            "from:addr:example.org",
            "from:name:ann",
            "from:name:smith",
            "to:addr:x.example",
            "to:2**2",
            "content-type:multipart/mixed",
            "content-type:text/plain",
            "charset:iso-8859-1",
            "content-transfer-encoding:base64",
            "café",
            "moneyback",
            "buy",
            "here",
            "proto:http",
            "url:shop",
            "url:example",
            "content-type:application/pdf",
            "filename:bill",
            "filename:pdf",
            "content-disposition:attachment",
        ],
    );
    let all = tokens(MULTIPART);
    for absent in ["hidden", "preamble", "<b>buy</b>", "from:none", "to:none"] {
        assert!(!all.iter().any(|t| t == absent), "{absent}");
    }
}

#[test]
fn a_message_in_a_message_is_read() {
    has(
        b"From: a@b.example\nContent-Type: message/rfc822\n\nSubject: inner words\n\ndeeply nested\n",
        &["from:addr:b.example", "deeply", "nested"],
    );
}

#[test]
fn messages_without_a_head_are_all_body() {
    assert_eq!(tokens(b"\nplain words here"), ["from:none", "to:none", "plain", "words", "here"]);
    assert_eq!(tokens(b"no head, no colon"), ["head,", "colon"]);
    has(b"\nsee http://shop.example/a: now", &["see", "proto:http", "url:shop", "now"]);
    assert!(tokens(b"").is_empty());
    has(b"Subject: only a head\n", &["subject:only"]);
    has(b"From: a@b.example\nSubject: no body\n\n", &["subject:body", "from:addr:b.example"]);
}

#[test]
fn broken_messages_give_what_can_be_read() {
    // An end that never comes, an unknown character set, an encoding that is none.
    has(b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\nopen ended\n", &["open", "ended"]);
    has(
        b"Subject: x\nContent-Type: text/plain; charset=klingon\n\nqapla \xff friends\n",
        &["qapla", "friends"],
    );
    has(b"Content-Transfer-Encoding: base64\n\nnot base64 at all!!\n", &["not", "base64"]);
    has(b"Content-Type: multipart/mixed\n\nno boundary given\n", &["boundary", "given"]);
}

#[test]
fn hostile_messages_take_neither_the_stack_nor_the_day() {
    // It would take hours by the square of the length.
    let long = [b"Subject: ".as_slice(), &vec![b'x'; 10_000_000], b"\n\n", &vec![b'y'; 10_000_000]].concat();
    has(&long, &["subject:skip:x 10000000", "skip:y 10000000"]);
    for kind in ["message/rfc822", "message(x)/rfc822", "\"message\"/rfc822", "(\n (x))MESSAGE/global"] {
        let nested = format!("Content-Type: {kind}\n\n").repeat(100_000);
        assert!(!tokens(nested.as_bytes()).is_empty());
    }
    let digests = "Con tent-Type: multipart/\"digest\"; boundary=b\n\n--b\n\n".repeat(60_000);
    tokens(digests.as_bytes());
    // Just below what is parsed as MIME.
    let nested = b"Content-Type: message/rfc822\n\n".repeat(540);
    assert!(!tokens(&[&nested, b"end\n".as_slice()].concat()).is_empty());
    let parts = [b"Content-Type: multipart/mixed; boundary=b\n\n".as_slice(), &b"--b\n\nx\n".repeat(300_000)]
        .concat();
    tokens(&parts);
    tokens(&[b"To: ".as_slice(), &b"a@b.c, ".repeat(300_000), b"\n\n"].concat());
    tokens(&[b"\n".as_slice(), &b"<".repeat(3_000_000)].concat());
    for piece in ["<!-- a ", "<script>a ", "<style>a </ ", "<a </ & "] {
        tokens(format!("Content-Type: text/html\n\n{}", piece.repeat(300_000)).as_bytes());
    }
    tokens(&b"--b\nContent-Type: multipart/mixed; boundary=q\n\nx\n".repeat(60_000));
    let dashes = "-".repeat(1_000_000);
    tokens(format!("Content-Type: multipart/mixed; boundary=\"{dashes}x\"\n\n{dashes}").as_bytes());
    let numbered: String = (0..200_000).map(|i| format!("; a{i}*1=x")).collect();
    tokens(format!("Content-Disposition: inline{numbered}\n\n").as_bytes());
    tokens(format!("Subject: {}\n\n", "=?ab?q?a".repeat(300_000)).as_bytes());
}

#[test]
fn heads_end_at_the_empty_line() {
    assert_eq!(head(b"A: 1\r\n\r\nx"), b"A: 1\r\n\r\n");
    assert_eq!(head(b"A: 1\nB: 2\n\nx\n\ny"), b"A: 1\nB: 2\n\n");
    assert_eq!((head(b"A: 1"), head(b""), head(b"\nx")), (&b"A: 1"[..], &b""[..], &b"\n"[..]));
    assert_eq!(body_text(b"A: 1\n\nx y\n").trim(), "x y");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn any_bytes_give_tokens(raw in proptest::collection::vec(any::<u8>(), 0..400)) {
        for token in tokens(&raw) {
            prop_assert!(!token.is_empty());
        }
        body_text(&raw);
        prop_assert!(raw.starts_with(head(&raw)));
    }

    #[test]
    fn pieces_of_messages_in_any_order_give_tokens(
        pieces in proptest::collection::vec(0usize..16, 0..40), noise in any::<[u8; 4]>()
    ) {
        let known: [&[u8]; 16] = [
            b"Content-Type: multipart/mixed; boundary=\"b\"\n", b"Content-Type: multipart/digest; boundary=c\r\n",
            b"Content-Type: message/rfc822\n", b"Content-Type: text/html; charset=", b"utf-7\n", b"shift_jis\n",
            b"Content-Transfer-Encoding: base64\n", b"Content-Transfer-Encoding: quoted-printable\n", b"\n", b"--b\n",
            b"--c--\n", b"Subject: =?utf-8?B?", b"=?= (", b"To: a: <b@", b"From: \"", &noise,
        ];
        let raw: Vec<u8> = pieces.iter().flat_map(|&piece| known[piece].iter().copied()).collect();
        tokens(&raw);
        body_text(&raw);
    }
}
