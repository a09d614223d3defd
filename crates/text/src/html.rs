//! HTML without its marks.

/// Tags whose content is no text.
const SILENT: [&str; 2] = ["script", "style"];
/// Named characters; others stay as they are written.
const NAMED: [(&str, char); 8] = [
    ("amp", '&'),
    ("lt", '<'),
    ("gt", '>'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("copy", '©'),
    ("reg", '®'),
];
/// Most bytes between `&` and `;`.
const LONGEST_NAME: usize = 10;

/// The text of HTML: tags, comments, scripts and styles become a space each, named and numbered characters what they
/// stand for. Addresses on the web that stand inside of tags are kept. Broken HTML is read as far as it makes sense;
/// takes time in proportion to the length.
pub fn strip(html: &str) -> String {
    let mut text = String::with_capacity(html.len() / 2);
    let mut rest = html;
    let mut open = Open::default();
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = match rest.starts_with('<') {
            true => tag(rest, &mut text, &mut open),
            false => character(rest, &mut text),
        };
    }
    text.push_str(rest);
    text
}

/// Ends that were looked for and are not there, so that they are not looked for again.
#[derive(Default)]
struct Open {
    comment: bool,
    /// By the places in [`SILENT`].
    silent: [bool; SILENT.len()],
}

/// Reads the tag or comment that `rest` begins with; gives what follows.
fn tag<'a>(rest: &'a str, text: &mut String, open: &mut Open) -> &'a str {
    if let Some(comment) = rest.strip_prefix("<!--") {
        text.push(' ');
        // A comment that never ends hides nothing.
        let end = if open.comment { None } else { comment.find("-->") };
        open.comment = end.is_none();
        return end.map_or(comment, |end| &comment[end + 3..]);
    }
    let is_tag = rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
    if !is_tag {
        text.push('<');
        return &rest[1..];
    }
    text.push(' ');
    let (inside, after) = match rest.find('>') {
        Some(end) => (&rest[1..end], &rest[end + 1..]),
        None => (&rest[1..], ""),
    };
    addresses(inside, text);
    let is = |name: &str| {
        inside.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
            && !inside[name.len()..].starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    match SILENT.iter().zip(&mut open.silent).find(|(name, open)| !**open && is(name)) {
        Some((name, open)) => past_end(after, name).unwrap_or_else(|| {
            *open = true;
            after
        }),
        None => after,
    }
}

/// What follows `</name…>`, if there is such an end.
fn past_end<'a>(after: &'a str, name: &str) -> Option<&'a str> {
    let mut from = 0;
    while let Some(at) = after[from..].find("</") {
        let start = from + at + 2;
        if after.as_bytes()[start..]
            .get(..name.len())
            .is_some_and(|n| n.eq_ignore_ascii_case(name.as_bytes()))
        {
            return Some(after[start..].find('>').map_or("", |end| &after[start + end + 1..]));
        }
        from = start;
    }
    None
}

/// Keeps the addresses on the web that stand in a tag.
fn addresses(inside: &str, text: &mut String) {
    let mut rest = inside;
    while let Some(at) = rest.find("://") {
        let start = rest[..at]
            .rfind(|c: char| !c.is_ascii_alphabetic())
            .map_or(0, |before| before + rest[before..].chars().next().map_or(1, char::len_utf8));
        let end = rest[at..].find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '>'));
        let end = end.map_or(rest.len(), |end| at + end);
        text.push_str(&rest[start..end]);
        text.push(' ');
        rest = &rest[end..];
    }
}

/// Reads the named or numbered character that `rest` begins with; gives what follows.
fn character<'a>(rest: &'a str, text: &mut String) -> &'a str {
    let name = rest.as_bytes()[1..].iter().take(LONGEST_NAME + 1).position(|&b| b == b';');
    let read = name.and_then(|length| {
        let name = rest.get(1..=length)?;
        let number = match name.strip_prefix('#') {
            Some(hex) if hex.starts_with(['x', 'X']) => u32::from_str_radix(&hex[1..], 16).ok(),
            Some(number) => number.parse().ok(),
            None => None,
        };
        let read = match number {
            Some(number) => char::from_u32(number),
            None => NAMED.iter().find(|(known, _)| *known == name).map(|(_, c)| *c),
        };
        Some((read?, length + 2))
    });
    match read {
        Some((read, length)) => {
            text.push(read);
            &rest[length..]
        }
        None => {
            text.push('&');
            &rest[1..]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::strip;

    fn words(html: &str) -> Vec<String> {
        strip(html).split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn marks_go_and_text_stays() {
        assert_eq!(words("<p>Buy<br/>now</p><!-- x > y -->!"), ["Buy", "now", "!"]);
        assert_eq!(words("a<STYLE type='x'>p{}</style >b<script>1<2</script>c"), ["a", "b", "c"]);
        assert_eq!(
            words("Tom &amp; Jerry&nbsp;&#65;&#x42; &unknown; 5 < 6 & 7"),
            ["Tom", "&", "Jerry", "AB", "&unknown;", "5", "<", "6", "&", "7"]
        );
        assert_eq!(words("<a href=\"http://x.example/y\">go</a>"), ["http://x.example/y", "go"]);
        assert_eq!(words("é<img src=é://x>é"), ["é", "://x", "é"]);
    }

    #[test]
    fn broken_html_loses_little() {
        assert_eq!(words("a <b"), ["a"]);
        assert_eq!(words("a <!-- b c"), ["a", "b", "c"]);
        assert_eq!(words("a <script> b"), ["a", "b"]);
        assert_eq!(
            words("<style>a</style>b<style>c<script>d</script>e<style>f<!-- g --><!-- h"),
            ["b", "c", "e", "f", "h"]
        );
        assert_eq!(words("&#xD800; &#99999999999; &"), ["&#xD800;", "&#99999999999;", "&"]);
        assert_eq!(words("<script>a</é</script>b"), ["b"]);
    }

    /// By the square of the length they would take hours.
    #[test]
    fn five_megabytes_of_what_never_ends_are_read() {
        const SIZE: usize = 5 << 20;
        for (piece, left) in [
            ("<!-- a ", "a"),
            ("<script>a ", "a"),
            ("<style>a </ ", "a"),
            ("<STYLE x><script>a<!--", "a"),
            ("<a </ & ", ""),
            ("< &# ", "<"),
            ("<a ://", "://<a"),
        ] {
            let text = strip(&piece.repeat(SIZE / piece.len()));
            assert_eq!(text.split_whitespace().next().unwrap_or_default(), left, "{piece}");
        }
    }
}
