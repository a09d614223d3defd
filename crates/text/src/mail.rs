//! Tokens of an e-mail message.

use std::borrow::Cow;
use std::sync::LazyLock;

use mail_parser::{
    Address, ContentType, Header, HeaderName, HeaderValue, Message, MessageParser, MessagePart, PartType,
};

use crate::body::{Limits, body_tokens, chunk_tokens, chunks, give};
use crate::hostile::is_hostile;
use crate::html::strip;

/// Messages within messages that are looked into.
const DEEPEST: usize = 8;

/// Reads the fields that tokens are made of, and passes over all others.
static PARSER: LazyLock<MessageParser> = LazyLock::new(|| {
    MessageParser::new()
        .with_mime_headers()
        .header_text(HeaderName::Subject)
        .header_address(HeaderName::From)
        .header_address(HeaderName::ReplyTo)
        .header_address(HeaderName::Sender)
        .header_address(HeaderName::To)
        .header_address(HeaderName::Cc)
        .default_header_ignore()
});

/// The tokens of a raw message (RFC 822 with MIME), in their order and with repeats, whatever the bytes are.
///
/// Of the head: the words of the subject as `subject:…`; of From, Reply-To, Sender, To and Cc `from:addr:…` for domain
/// and whole address, `from:name:…` for the words of the name, `from:none` where there is no From or To, `to:2**k` for
/// the number of receivers rounded to a power of two. Of every part: `content-type:…`, `charset:…`,
/// `content-disposition:…`, `content-transfer-encoding:…`, `filename:…`. Of every part that is text, decoded, HTML
/// [stripped](strip): the [body's tokens](body_tokens). A message without a head is all body.
pub fn mail_tokens(raw: &[u8], limits: Limits, each: &mut dyn FnMut(&str)) {
    let Some(message) = parse(raw) else {
        return body_tokens(&String::from_utf8_lossy(raw), limits, each);
    };
    let mut tokens = Tokens { limits, made: String::new(), each };
    tokens.head(&message);
    tokens.parts(&message, 0);
    body_tokens(&unread(&message, raw), limits, each);
}

/// The text of a raw message: of every part that is text, decoded, HTML stripped.
pub fn body_text(raw: &[u8]) -> String {
    let Some(message) = parse(raw) else { return String::from_utf8_lossy(raw).into_owned() };
    let mut all = String::new();
    texts(&message, 0, &mut |text| {
        all.push_str(text);
        all.push('\n');
    });
    all.push_str(&unread(&message, raw));
    all
}

/// The head of a raw message as it stands, up to and with the empty line; all of it, if there is no empty line.
pub fn head(raw: &[u8]) -> &[u8] {
    let mut start = 0;
    for line in raw.split_inclusive(|&b| b == b'\n') {
        start += line.len();
        if line == b"\n" || line == b"\r\n" {
            break;
        }
    }
    raw.get(..start).unwrap_or(raw)
}

/// The parsed message; `None` if there is nothing that looks like one, or what must not be parsed.
fn parse(raw: &[u8]) -> Option<Message<'_>> {
    if is_hostile(raw) {
        return None;
    }
    PARSER.parse(raw).filter(|message| message.parts.iter().any(is_something))
}

fn is_something(part: &MessagePart<'_>) -> bool {
    // A last line without an end is taken for a name.
    let named = |header: &Header<'_>| header.value != HeaderValue::Empty || !header.name.is_other();
    let nothing = match &part.body {
        PartType::Multipart(_) => true,
        PartType::Binary(bytes) => bytes.is_empty(),
        PartType::Text(text) => text.is_empty(),
        _ => false,
    };
    !nothing || part.headers.iter().any(named)
}

/// What stands behind the head of a message in which the parser found no part with a content, such as a multipart
/// message without boundary.
fn unread<'a>(message: &Message<'_>, raw: &'a [u8]) -> Cow<'a, str> {
    let is_container = |part: &MessagePart<'_>| match &part.body {
        PartType::Multipart(_) => true,
        PartType::Binary(_) => part.headers.iter().any(|header| {
            header.name == HeaderName::ContentType
                && matches!(&header.value, HeaderValue::ContentType(kind) if kind.c_type == "multipart")
        }),
        _ => false,
    };
    match message.parts.iter().all(is_container) {
        true => String::from_utf8_lossy(&raw[head(raw).len()..]),
        false => Cow::Borrowed(""),
    }
}

/// Gives the text of every part that is text.
fn texts(message: &Message<'_>, depth: usize, each: &mut dyn FnMut(&str)) {
    for part in &message.parts {
        match &part.body {
            PartType::Text(text) => each(text),
            PartType::Html(html) => each(&strip(html)),
            PartType::Message(inner) if depth < DEEPEST => texts(inner, depth + 1, each),
            _ => {}
        }
    }
}

struct Tokens<'a> {
    limits: Limits,
    /// Where tokens are made in.
    made: String,
    each: &'a mut dyn FnMut(&str),
}

impl Tokens<'_> {
    fn put(&mut self, parts: &[&str]) {
        give(parts, &mut self.made, self.each);
    }

    fn lower(&mut self, prefix: &str, value: &str) {
        self.put(&[prefix, &value.to_lowercase()]);
    }

    fn words(&mut self, prefix: &str, text: &str) {
        let Self { limits, made, each } = self;
        chunks(text, &mut |chunk| chunk_tokens(chunk, prefix, *limits, made, each));
    }

    fn head(&mut self, message: &Message<'_>) {
        let Some(root) = message.parts.first() else { return };
        let (mut from, mut to) = (false, false);
        for header in &root.headers {
            match &header.name {
                HeaderName::Subject => {
                    if let HeaderValue::Text(text) = &header.value {
                        self.words("subject:", text);
                    }
                }
                HeaderName::From => from |= self.addresses("from:", header) > 0,
                HeaderName::ReplyTo => drop(self.addresses("reply-to:", header)),
                HeaderName::Sender => drop(self.addresses("sender:", header)),
                HeaderName::To => to |= self.receivers("to:", header),
                HeaderName::Cc => drop(self.receivers("cc:", header)),
                _ => {}
            }
        }
        if !from {
            self.put(&["from:none"]);
        }
        if !to {
            self.put(&["to:none"]);
        }
    }

    fn receivers(&mut self, field: &str, header: &Header<'_>) -> bool {
        let count = self.addresses(field, header);
        if count > 0 {
            let power = (count as f64).log2().round() as u32;
            self.put(&[field, "2**", &power.to_string()]);
        }
        count > 0
    }

    /// The tokens of the addresses of a field; gives their number.
    fn addresses(&mut self, field: &str, header: &Header<'_>) -> usize {
        let HeaderValue::Address(addresses) = &header.value else { return 0 };
        let mut count = 0;
        let all: Vec<_> = match addresses {
            Address::List(list) => list.iter().collect(),
            Address::Group(groups) => groups.iter().flat_map(|group| &group.addresses).collect(),
        };
        for address in all {
            if let Some(name) = &address.name {
                self.words(&format!("{field}name:"), name);
            }
            if let Some(address) = address.address.as_deref().filter(|address| !address.is_empty()) {
                let address = address.to_lowercase();
                self.put(&[field, "addr:", &address]);
                if let Some((_, domain)) = address.rsplit_once('@') {
                    self.put(&[field, "addr:", domain]);
                }
                count += 1;
            }
        }
        count
    }

    fn parts(&mut self, message: &Message<'_>, depth: usize) {
        for part in &message.parts {
            for header in &part.headers {
                self.mime(header);
            }
            match &part.body {
                PartType::Text(text) => body_tokens(text, self.limits, self.each),
                PartType::Html(html) => body_tokens(&strip(html), self.limits, self.each),
                PartType::Message(inner) if depth < DEEPEST => self.parts(inner, depth + 1),
                _ => {}
            }
        }
    }

    fn mime(&mut self, header: &Header<'_>) {
        match (&header.name, &header.value) {
            (HeaderName::ContentType, HeaderValue::ContentType(kind)) => {
                self.lower("content-type:", &joined(kind));
                for charset in attribute(kind, "charset") {
                    self.lower("charset:", charset);
                }
                self.filename(kind, "name");
            }
            (HeaderName::ContentDisposition, HeaderValue::ContentType(kind)) => {
                self.lower("content-disposition:", &kind.c_type);
                self.filename(kind, "filename");
            }
            (HeaderName::ContentTransferEncoding, HeaderValue::Text(encoding)) => {
                self.lower("content-transfer-encoding:", encoding);
            }
            _ => {}
        }
    }

    fn filename(&mut self, kind: &ContentType<'_>, key: &str) {
        for name in attribute(kind, key) {
            for part in name.split(['/', '\\', ':', '.', '_', '-', ' ']).filter(|part| !part.is_empty()) {
                self.lower("filename:", part);
            }
        }
    }
}

fn joined(kind: &ContentType<'_>) -> String {
    match &kind.c_subtype {
        Some(subtype) => format!("{}/{subtype}", kind.c_type),
        None => kind.c_type.to_string(),
    }
}

fn attribute<'a>(kind: &'a ContentType<'_>, name: &str) -> impl Iterator<Item = &'a str> {
    kind.attributes.iter().flatten().filter(move |a| a.name.eq_ignore_ascii_case(name)).map(|a| &*a.value)
}
