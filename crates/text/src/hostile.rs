//! What must not be read as MIME.

/// Most bytes of a message that is read as MIME whatever it holds: too few for harm.
const SMALL: usize = 16 << 10;
/// Most bytes of a field with parameters; reading it takes time by the square of their number.
const LONGEST_FIELD: usize = 16 << 10;
/// Most steps of what takes time by the square. Each boundary is looked for in all that follows, at worst byte by byte
/// at every place: the bytes of its field times those of the message. The end of each encoded word is looked for in the
/// rest of its field: their number times the bytes of the field.
const MOST_WORK: usize = 10_000_000_000;

/// Whether reading a message as MIME might take the stack or the day. Messages within messages go as deep as they
/// are, one stack frame after the other, so a larger message with any of them is refused.
///
/// What a field means is not looked at, so that no comment or quote can hide it: it is enough that the words stand in
/// it. A message that comes encoded stands in a part whose own field can be read.
pub(crate) fn is_hostile(raw: &[u8]) -> bool {
    if raw.len() <= SMALL {
        return false;
    }
    let mut work = 0usize;
    for line in unfolded(raw) {
        if let Some(value) = after(line, b"content-type") {
            if value.len() > LONGEST_FIELD || has_word(value, b"message") || has_word(value, b"digest") {
                return true;
            }
            if holds(value, b"boundary") {
                work = work.saturating_add(value.len().saturating_mul(raw.len()));
            }
        }
        if after(line, b"content-disposition").is_some_and(|value| value.len() > LONGEST_FIELD) {
            return true;
        }
        let encoded = line.windows(2).filter(|pair| pair == b"=?").count();
        work = work.saturating_add(encoded.saturating_mul(line.len()));
    }
    work > MOST_WORK
}

/// The lines, each with those that continue it because they begin with a space or a tab.
fn unfolded(raw: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = raw;
    std::iter::from_fn(move || {
        let ends = |pair: &[u8]| pair[0] == b'\n' && !matches!(pair[1], b' ' | b'\t');
        let end = rest.windows(2).position(ends).map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        (!line.is_empty()).then_some(line)
    })
}

/// What stands behind the first `name:` of a line, which may have white space anywhere within.
fn after<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let is_named = |before: &[u8]| {
        let mut letters = before.iter().rev().filter(|byte| !byte.is_ascii_whitespace());
        name.iter().rev().all(|wanted| letters.next().is_some_and(|byte| byte.eq_ignore_ascii_case(wanted)))
    };
    let mut colons = line.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
    colons.find(|&at| is_named(&line[..at])).map(|at| &line[at + 1..])
}

/// Whether a word stands in a field with no letter, digit or underscore beside it, which would be part of it.
fn has_word(value: &[u8], word: &[u8]) -> bool {
    let joins = |at: Option<usize>| {
        at.and_then(|at| value.get(at)).is_some_and(|&byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let places = value.windows(word.len()).enumerate().filter(|(_, piece)| piece.eq_ignore_ascii_case(word));
    places.map(|(at, _)| at).any(|at| !joins(at.checked_sub(1)) && !joins(Some(at + word.len())))
}

fn holds(value: &[u8], word: &[u8]) -> bool {
    value.windows(word.len()).any(|piece| piece.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_in_their_fields_alone() {
        let hostile = |head: &str| is_hostile(&[head.as_bytes(), b"\n\n", &[b'x'; SMALL]].concat());
        for head in [
            "Content-Type: message/rfc822",
            "content-TYPE:message(x)/rfc822",
            "Content-Type: \"message\"/rfc822",
            "Content-Type:\n (a\n\tb) Message/rfc822",
            "C ontent-\tType : multipart/\"digest\"; boundary=q",
            "Content-Type: text/plain\nX: y\nContent-Type: multipart/digest",
            "Content-Type:message /rfc822",
            "Content-Type: (\\)x_message;) \\message\r\n\t(y) /rfc822",
        ] {
            assert!(hostile(head), "{head:?}");
        }
        for head in [
            "Message-ID: <message/rfc822>\nContent-Type: text/plain",
            "Content-Type: text/plain\nSubject: digest of messages",
            "Content-Type: multipart/mixed; boundary=q\n\nthe message",
            "Content-Type: multipart/mixed; boundary=\"next_part_of_message\"",
            "Content-Type: text/plain; name=messages.txt",
        ] {
            assert!(!hostile(head), "{head:?}");
        }
        assert!(!is_hostile(b"Content-Type: message/rfc822\n\nsmall"));
        assert!(hostile(&format!("Content-Disposition: a; b=\"{}\"", "c".repeat(LONGEST_FIELD))));
    }

    #[test]
    fn what_takes_time_by_the_square_is_bounded() {
        let part = b"--b\nContent-Type: multipart/mixed; boundary=q\n\nx\n";
        assert!(!is_hostile(&part.repeat(2_000)));
        assert!(is_hostile(&part.repeat(4_000)));
        let encoded = |words| ["Subject: ", &"=?ab?q?a".repeat(words), "\n\n"].concat();
        assert!(!is_hostile(encoded(20_000).as_bytes()));
        assert!(is_hostile(encoded(40_000).as_bytes()));
        // Short fields and the text are no harm, however many.
        assert!(!is_hostile(["Subject: x\n\n", &"=?ab?q?a\n".repeat(100_000)].concat().as_bytes()));
    }
}
