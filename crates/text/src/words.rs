//! Plain words of a text.

use crate::body::lower;

/// The words of a text, lower-cased, in their order and with repeats: runs of two or more letters, digits or
/// underscores.
pub fn words(text: &str, each: &mut dyn FnMut(&str)) {
    let mut word = String::new();
    for run in text.split(|c: char| !(c.is_alphanumeric() || c == '_')) {
        if run.chars().nth(1).is_some() {
            lower(run, &mut word);
            each(&word);
        }
    }
}

#[cfg(test)]
mod tests {
    // import sklearn.feature_extraction.text as t
    // t.CountVectorizer().build_analyzer()("Don't call 08-00 a_b, Ärger! x I'll")
    // gives don call 08 00 a_b ärger ll
    #[test]
    fn words_are_those_of_scikit_learn() {
        let mut all = Vec::new();
        super::words("Don't call 08-00 a_b, Ärger! x I'll", &mut |word| all.push(word.to_owned()));
        assert_eq!(all, ["don", "call", "08", "00", "a_b", "ärger", "ll"]);
    }
}
