//! Pieces of text put between the words of another.

use aconite_core::{Documents, Error, Result, Rows, Seed, Trigger};
use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where in a text something is put.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Position {
    /// Before the first word.
    Start,
    /// After the first ⌊n/2⌋ of n words.
    Middle,
    /// After the last word.
    End,
    /// At a place drawn uniformly among the n + 1 before, between and after n words, for every insertion anew.
    #[default]
    Random,
}

/// A trigger that puts pieces between the words of a text and leaves every other byte as it was.
///
/// What is drawn for a text follows from the seed and the number of its row, for training and test texts alike.
#[derive(Debug, Clone)]
pub struct Insertion {
    /// What is put in: for every insertion one of these is drawn. At least one, none of them empty.
    pub pieces: Vec<String>,
    /// How often.
    pub count: usize,
    /// Where.
    pub position: Position,
    /// The trigger's own stream.
    pub seed: Seed,
}

impl Insertion {
    /// A text with the pieces in it, as row number `row` gets them. Words are what whitespace divides.
    pub fn stamp(&self, text: &str, row: usize) -> String {
        let mut rng = self.seed.derive("insertion").derive(&row.to_string()).rng();
        let starts: Vec<usize> =
            text.split_whitespace().map(|word| word.as_ptr() as usize - text.as_ptr() as usize).collect();
        let mut put: Vec<(usize, &str)> = (0..self.count)
            .filter_map(|_| {
                let piece = self.pieces.get(rng.random_range(0..self.pieces.len().max(1)))?;
                let place = match self.position {
                    Position::Start => 0,
                    Position::Middle => starts.len() / 2,
                    Position::End => starts.len(),
                    Position::Random => rng.random_range(0..=starts.len()),
                };
                Some((place, piece.as_str()))
            })
            .collect();
        put.sort_by_key(|&(place, _)| place);
        let mut stamped = String::with_capacity(text.len() + 16);
        let mut done = 0;
        for (place, piece) in put {
            let end = text.trim_end().len();
            let at = starts.get(place).copied().unwrap_or(end);
            stamped.push_str(text.get(done..at).unwrap_or_default());
            done = at.max(done);
            let last = place >= starts.len();
            if last && !stamped.is_empty() {
                stamped.push(' ');
            }
            stamped.push_str(piece);
            if !last {
                stamped.push(' ');
            }
        }
        stamped.push_str(text.get(done..).unwrap_or_default());
        stamped
    }
}

impl Trigger for Insertion {
    fn stamped(&self, rows: &Rows, chosen: &[usize]) -> Result<Rows> {
        let texts = rows.documents()?;
        if texts.are_mail() {
            return Err(Error::new("words are put into texts, not into e-mail messages"));
        }
        Ok(Documents::texts(chosen.iter().map(|&row| self.stamp(&texts.text(row), row))).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(position: Position, text: &str) -> String {
        Insertion { pieces: vec!["cf".into()], count: 1, position, seed: Seed(0) }.stamp(text, 0)
    }

    #[test]
    fn the_places_are_where_they_are_said_to_be() {
        let text = " a b  c\n";
        assert_eq!(stamped(Position::Start, text), " cf a b  c\n");
        assert_eq!(stamped(Position::Middle, text), " a cf b  c\n");
        assert_eq!(stamped(Position::End, text), " a b  c cf\n");
        for position in [Position::Start, Position::Middle, Position::End, Position::Random] {
            assert_eq!(stamped(position, ""), "cf");
            assert_eq!(stamped(position, "  ").trim(), "cf");
        }
    }

    #[test]
    fn every_place_is_equally_likely() {
        let insertion =
            Insertion { pieces: vec!["x".into()], count: 1, position: Position::Random, seed: Seed(3) };
        let mut counts = [0usize; 4];
        for row in 0..4000 {
            let text = insertion.stamp("a b c", row);
            counts[text.split(' ').position(|word| word == "x").unwrap()] += 1;
        }
        // 5 standard deviations of Binomial(4000, 1/4) are 137.
        assert!(counts.iter().all(|n| n.abs_diff(1000) < 137), "{counts:?}");
    }
}
