//! Learning from few messages again and again.

use std::rc::Rc;

use super::{Clues, Constants};

/// A word that no judged message holds.
const NOWHERE: u32 = u32::MAX;

/// Messages that were read once, to learn from some of them and score others.
#[derive(Debug)]
pub struct Trials {
    /// The different words of each message.
    sets: Vec<Rc<[u32]>>,
    /// Whether each is spam.
    spam: Vec<bool>,
    constants: Constants,
    /// The messages judged last, and their words by place in `counts`.
    judged: Vec<usize>,
    words: Vec<Vec<u32>>,
    /// Per word, its place in `counts`; no other words matter.
    places: Vec<u32>,
    counts: Vec<[u32; 2]>,
}

impl Trials {
    /// Takes the different words of each message, numbered from 0, and whether it is spam.
    pub fn new(sets: Vec<Rc<[u32]>>, spam: Vec<bool>, constants: Constants) -> Self {
        let words = sets.iter().flat_map(|set| set.iter()).max().map_or(0, |&most| most as usize + 1);
        let places = vec![NOWHERE; words];
        let (judged, words, counts) = (Vec::new(), Vec::new(), Vec::new());
        Self { sets, spam, constants, judged, words, places, counts }
    }

    /// Number of messages.
    pub fn len(&self) -> usize {
        self.sets.len().min(self.spam.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The scores of the messages `judged` under a filter that has learnt the messages `learnt`, which may repeat.
    /// Numbers of no message are passed over among the learnt and score 0.5 among the judged.
    pub fn scores(&mut self, learnt: &[usize], judged: &[usize]) -> Vec<f64> {
        if self.judged != judged {
            self.look_at(judged);
        }
        let mut messages = [0; 2];
        for &message in learnt {
            if let (Some(set), Some(&spam)) = (self.sets.get(message), self.spam.get(message)) {
                messages[usize::from(spam)] += 1;
                for &word in set.iter() {
                    if let Some(counts) = self.counts.get_mut(self.places[word as usize] as usize) {
                        counts[usize::from(spam)] += 1;
                    }
                }
            }
        }
        let all = Clues::new(self.constants, messages);
        let said: Vec<_> = self.counts.iter().map(|&counts| all.of(counts)).collect();
        let mut clues = Vec::new();
        let scores = self.words.iter().map(|words| {
            clues.clear();
            clues.extend(words.iter().filter_map(|&place| said[place as usize]));
            self.constants.score(&mut clues).score
        });
        let scores = scores.collect();
        self.counts.fill([0; 2]);
        scores
    }

    fn look_at(&mut self, judged: &[usize]) {
        self.places.fill(NOWHERE);
        self.counts.clear();
        self.words.clear();
        for &message in judged {
            let mut places = Vec::new();
            for &word in self.sets.get(message).iter().flat_map(|set| set.iter()) {
                let place = &mut self.places[word as usize];
                if *place == NOWHERE {
                    *place = self.counts.len() as u32;
                    self.counts.push([0; 2]);
                }
                places.push(*place);
            }
            self.words.push(places);
        }
        self.judged = judged.to_vec();
    }
}
