//! Numbers for tokens.

use std::cmp::Reverse;
use std::sync::Arc;

use hashbrown::HashMap;

/// Tokens and their numbers, from 0 in the order in which they were met.
#[derive(Debug, Clone, Default)]
pub struct Lexicon {
    numbers: HashMap<Arc<str>, u32>,
    tokens: Vec<Arc<str>>,
    /// Per token, the last document that it was met in: what makes a set of a list.
    met: Vec<u32>,
    documents: u32,
}

impl Lexicon {
    /// An empty lexicon.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of a token, a new one if it was not met before.
    pub fn number(&mut self, token: &str) -> u32 {
        if let Some(&number) = self.numbers.get(token) {
            return number;
        }
        let number = self.tokens.len() as u32;
        let token: Arc<str> = token.into();
        self.numbers.insert(token.clone(), number);
        self.tokens.push(token);
        self.met.push(0);
        number
    }

    /// The number of a token, if it has one.
    pub fn find(&self, token: &str) -> Option<u32> {
        self.numbers.get(token).copied()
    }

    /// The different tokens of a document, in the order in which `tokens` gives them.
    pub fn set(&mut self, tokens: impl FnOnce(&mut dyn FnMut(&str))) -> Vec<u32> {
        self.documents += 1;
        let mut set = Vec::new();
        tokens(&mut |token| {
            let number = self.number(token);
            if let Some(met) = self.met.get_mut(number as usize)
                && *met != self.documents
            {
                *met = self.documents;
                set.push(number);
            }
        });
        set
    }

    /// The token of a number.
    pub fn token(&self, number: u32) -> &str {
        self.tokens.get(number as usize).map_or("", |token| token)
    }

    /// The numbers of the `most` tokens with the largest `count`, the largest first; of equal ones the first by letters.
    pub fn most_held(&self, most: usize, count: impl Fn(u32) -> usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        let rank = |&number: &u32| (Reverse(count(number)), self.token(number));
        if (1..order.len()).contains(&most) {
            order.select_nth_unstable_by(most, |a, b| rank(a).cmp(&rank(b)));
        }
        order.truncate(most);
        order.sort_unstable_by(|a, b| rank(a).cmp(&rank(b)));
        order
    }

    /// All tokens, in the order of their numbers.
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = &str> {
        self.tokens.iter().map(|token| &**token)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}

impl<'a> FromIterator<&'a str> for Lexicon {
    fn from_iter<I: IntoIterator<Item = &'a str>>(tokens: I) -> Self {
        let mut lexicon = Self::new();
        for token in tokens {
            lexicon.number(token);
        }
        lexicon
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_numbered_once_and_sets_hold_each_once() {
        let mut lexicon = Lexicon::new();
        let mut set = |text: &str| lexicon.set(|each| text.split(' ').for_each(each));
        assert_eq!(set("b a b"), [0, 1]);
        assert_eq!(set("c b c"), [2, 0]);
        assert_eq!((lexicon.len(), lexicon.token(2), lexicon.find("a")), (3, "c", Some(1)));
        assert_eq!((lexicon.token(9), lexicon.find("d")), ("", None));
        let held = |most| lexicon.most_held(most, |number| [2, 2, 5][number as usize]);
        assert_eq!((held(0), held(1), held(2)), (vec![], vec![2], vec![2, 1]), "a before b");
        assert_eq!((held(3), held(9)), (vec![2, 1, 0], vec![2, 1, 0]));
        let again: Lexicon = lexicon.tokens().collect();
        assert_eq!(again.find("c"), Some(2));
    }
}
