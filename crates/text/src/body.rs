//! Tokens of a message's body, and of a text.

/// How long a word may be, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The fewest; shorter words are left out.
    pub shortest: usize,
    /// The most; of a longer word only its first character and its length in tens are kept.
    pub longest: usize,
}

impl Default for Limits {
    /// 3 to 12, as the authors of SpamBayes found best.
    fn default() -> Self {
        Self { shortest: 3, longest: 12 }
    }
}

/// Longer pieces with an @ are no e-mail address.
const LONGEST_ADDRESS: usize = 40;
/// What an address on the web begins with; the last names its own scheme.
const WEB: [(&str, &str); 4] =
    [("http://", "http"), ("https://", "https"), ("ftp://", "ftp"), ("www.", "http")];

/// The pieces of a text between white space, lower-cased, in their order.
pub fn chunks(text: &str, each: &mut dyn FnMut(&str)) {
    let mut chunk = String::new();
    for piece in text.split_whitespace() {
        lower(piece, &mut chunk);
        each(&chunk);
    }
}

/// Puts `piece` into `into`, lower-cased.
pub(crate) fn lower(piece: &str, into: &mut String) {
    into.clear();
    match piece.is_ascii() {
        true => {
            into.push_str(piece);
            into.make_ascii_lowercase();
        }
        false => into.extend(piece.chars().flat_map(char::to_lowercase)),
    }
}

/// The tokens of a body, in their order and with repeats.
///
/// Of each piece between white space, lower-cased: an address on the web gives `proto:http` and `url:` with each part
/// between its marks; else a piece of [`Limits`] length is itself a token; of a longer one, `name@domain` gives
/// `email name:…` and `email addr:…`, anything else `skip:c n` with its first character and its length rounded down
/// to tens.
pub fn body_tokens(text: &str, limits: Limits, each: &mut dyn FnMut(&str)) {
    let mut made = String::new();
    chunks(text, &mut |chunk| chunk_tokens(chunk, "", limits, &mut made, each));
}

/// The tokens of a lower-cased piece, each with `prefix` before it. `made` is for making them in.
pub(crate) fn chunk_tokens(
    chunk: &str,
    prefix: &str,
    limits: Limits,
    made: &mut String,
    each: &mut dyn FnMut(&str),
) {
    // Most pieces are short and have no mark of an address.
    let web = match chunk.len() > 4 && (chunk.contains("://") || chunk.contains("www.")) {
        true => WEB.iter().filter_map(|(start, name)| Some((chunk.find(start)?, *start, *name))).min(),
        false => None,
    };
    let Some((at, start, scheme)) = web else {
        return word_tokens(chunk, prefix, limits, made, each);
    };
    if at > 0 {
        word_tokens(&chunk[..at], prefix, limits, made, each);
    }
    give(&[prefix, "proto:", scheme], made, each);
    let rest = if start == "www." { &chunk[at..] } else { &chunk[at + start.len()..] };
    for part in rest.split(['/', ';', '?', ':', '@', '&', '=', '+', ',', '$', '.', '"', '\'', '<', '>']) {
        if !part.is_empty() {
            give(&[prefix, "url:", part], made, each);
        }
    }
}

/// Gives the token that is made of `parts`. `made` is for making it in.
pub(crate) fn give(parts: &[&str], made: &mut String, each: &mut dyn FnMut(&str)) {
    made.clear();
    made.extend(parts.iter().copied());
    each(made);
}

fn word_tokens(word: &str, prefix: &str, limits: Limits, made: &mut String, each: &mut dyn FnMut(&str)) {
    // Counting characters is only needed where the bytes leave it open.
    if word.len() < limits.shortest {
        return;
    }
    let length = if word.is_ascii() { word.len() } else { word.chars().count() };
    if length < limits.shortest {
        return;
    }
    if length <= limits.longest {
        return if prefix.is_empty() { each(word) } else { give(&[prefix, word], made, each) };
    }
    if length < LONGEST_ADDRESS
        && let Some((name, domain)) = word.split_once('@')
        && !name.is_empty()
        && !domain.is_empty()
        && !domain.contains('@')
    {
        give(&[prefix, "email name:", name], made, each);
        return give(&[prefix, "email addr:", domain], made, each);
    }
    let first = word.chars().next().map_or(0, char::len_utf8);
    give(&[prefix, "skip:", &word[..first], " ", &(length / 10 * 10).to_string()], made, each);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        body_tokens(text, Limits::default(), &mut |token| all.push(token.to_owned()));
        all
    }

    // The rules of the reference, by hand: words of 3 to 12 characters, longer ones as skips, parts of addresses.
    #[test]
    fn each_rule_by_hand() {
        assert_eq!(tokens("Win a FREE prize!!! \t ok\nnow"), ["win", "free", "prize!!!", "now"]);
        assert_eq!(tokens("abcdefghijkl abcdefghijklm"), ["abcdefghijkl", "skip:a 10"]);
        assert_eq!(tokens(&"x".repeat(57)), ["skip:x 50"]);
        assert_eq!(tokens("Ärger über Grüße"), ["ärger", "über", "grüße"]);
        assert_eq!(tokens("éa éab"), ["éab"], "characters count, not bytes");
        assert_eq!(tokens("someone@example.org"), ["email name:someone", "email addr:example.org"]);
        assert_eq!(tokens("a@b.example.or.g@c"), ["skip:a 10"]);
        assert_eq!(
            tokens("see:HTTP://www.Shop.example/buy?id=7 www.shop.example"),
            [
                "see:",
                "proto:http",
                "url:www",
                "url:shop",
                "url:example",
                "url:buy",
                "url:id",
                "url:7",
                "proto:http",
                "url:www",
                "url:shop",
                "url:example"
            ]
        );
        assert!(tokens("").is_empty() && tokens(" a bc ").is_empty());
    }
}
