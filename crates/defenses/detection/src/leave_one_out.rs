//! Leave-one-out: a text whose prediction hangs on one word carries a trigger.

use std::collections::HashSet;

use aconite_core::{
    Defense, Documents, Error, Flags, Info, InputDetector, Knowledge, Model, Observer, Rate, Result, Role,
    RowKind, Rows, Subject, best_class,
};
use aconite_grid::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tch::{Kind as Element, Tensor};

/// Texts in a pass. Fixed: it is part of no setting and must not change results.
const TEXTS: usize = 1000;
/// Bytes of shortened texts that are held at most, but for the last of them.
const BYTES: usize = 64 << 20;

/// Takes each word out of a text in turn and flags the text when the model's prediction hangs on one of them.
///
/// Paper: Qi, Chen, Li, Yao, Liu, Sun 2021, "ONION: A Simple and Effective Defense Against Textual Backdoor Attacks",
/// whose idea it takes (what was put in is an outlier among the words) and whose method it does not.
///
/// With p_c(x) the softmax of the model's scores and c = argmax p(x), the score of a text x is
/// s(x) = max_w [p_c(x) − p_c(x∖w)], w over the runs of `span` words in x and x∖w the text without any occurrence of w;
/// 0 for a text without words. Of more than `most` different runs, `most` that lie evenly spread are tried, the first
/// among them. x is flagged when s(x) > θ, θ the smallest clean text's score above which at most the
/// share `frr` of the clean samples lies. Words are what whitespace divides.
///
/// ONION asks a language model which words make a text less fluent, takes them out, and lets the victim read the rest:
/// it needs no clean samples beyond a threshold's, knows nothing of the victim and repairs inputs. This asks the victim
/// itself, needs no language model, works for any victim that gives scores, and flags whole inputs. What it cannot see:
/// a trigger of several words, each of which would do (a sentence), unless `span` is as long; and one word among more
/// than `most`, if it is not tried. What it flags for nothing: short texts whose one strong word decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LeaveOneOut {
    /// Clean samples that it is given, as a share of the training set; at least one.
    pub clean: Rate,
    /// Words in a row that are taken out together, at least 1.
    #[schemars(range(min = 1))]
    pub span: usize,
    /// Runs of words of a text that are tried, at least 1: each costs a reading of the text without it.
    #[schemars(range(min = 1))]
    pub most: usize,
    /// Share of clean texts that may be flagged (false rejection rate), in (0, 1).
    #[schemars(extend("exclusiveMinimum" = 0, "exclusiveMaximum" = 1))]
    pub frr: f64,
    /// Inputs of each sort, untouched and triggered, that are looked at, at least 1.
    #[schemars(range(min = 1))]
    pub inputs: usize,
}

impl Default for LeaveOneOut {
    fn default() -> Self {
        Self { clean: Rate::literal(0.05), span: 1, most: 1000, frr: 0.05, inputs: 1000 }
    }
}

impl Kind for LeaveOneOut {}

impl Defense for LeaveOneOut {
    fn role(&self) -> Role<'_> {
        Role::InputDetector(self)
    }

    fn knowledge(&self) -> Vec<Knowledge> {
        vec![Knowledge::CleanSamples]
    }

    fn check(&self, info: &Info) -> Result<()> {
        match &info.kind {
            RowKind::Text => {}
            kind => {
                let message =
                    format!("leave_one_out takes words out of texts, but the data set holds {kind}");
                return Err(Error::new(message).hint("strip looks at images"));
            }
        }
        for (key, count) in [("span", self.span), ("most", self.most), ("inputs", self.inputs)] {
            if count == 0 {
                return Err(Error::at(key, "0 is out of range: at least 1"));
            }
        }
        if !(self.frr > 0.0 && self.frr < 1.0) {
            let message = format!("a false rejection rate of {} is outside (0, 1)", self.frr);
            return Err(Error::at("frr", message));
        }
        match self.clean.count(info.total()) {
            0 => Err(Error::at("clean", "0 clean samples set no threshold: at least 1").hint("raise clean")),
            _ => Ok(()),
        }
    }

    fn passes(&self, info: &Info, _: f64, _: f64) -> f64 {
        // About twenty words a text.
        (self.clean.count(info.total()) + 2 * self.inputs) as f64 * 20.0
    }
}

impl InputDetector for LeaveOneOut {
    fn clean(&self) -> Rate {
        self.clean
    }

    fn inputs(&self) -> usize {
        self.inputs
    }

    fn needs_net(&self) -> bool {
        false
    }

    fn judge(&self, subject: &Subject<'_>, inputs: &Rows, watch: &mut dyn Observer) -> Result<Flags> {
        let (clean, inputs) = (subject.clean.rows().documents()?, inputs.documents()?);
        let total = clean.len() + inputs.len();
        let scores = self.scores(subject.model, clean, &mut |done| watch.step(done, total))?;
        let threshold = threshold(scores, self.frr)
            .ok_or_else(|| Error::at("clean", "0 clean samples set no threshold").hint("raise clean"))?;
        let scores = self.scores(subject.model, inputs, &mut |done| watch.step(clean.len() + done, total))?;
        Ok(Flags { scores, threshold })
    }
}

impl LeaveOneOut {
    /// How far the model's prediction of each text falls at most when a run of words is taken out; `seen` is told how
    /// many texts are done.
    fn scores(&self, model: &dyn Model, texts: &Documents, seen: &mut dyn FnMut(usize)) -> Result<Vec<f64>> {
        let scores = model.scores(&Rows::from(texts.clone()))?;
        let predicted = best_class(&scores)?;
        let whole = shares(&scores, &predicted)?;
        let mut worst = vec![f64::NEG_INFINITY; texts.len()];
        let mut read = |parts: &mut Vec<String>, owners: &mut Vec<usize>| -> Result<()> {
            let classes: Vec<usize> = owners.iter().map(|&row| predicted[row]).collect();
            let left = shares(&model.scores(&Documents::texts(parts.drain(..)).into())?, &classes)?;
            for (row, left) in owners.drain(..).zip(left) {
                worst[row] = worst[row].max(whole[row] - left);
            }
            Ok(())
        };
        let (mut parts, mut owners, mut held) = (Vec::new(), Vec::new(), 0);
        for row in 0..texts.len() {
            let text = texts.text(row);
            let words: Vec<&str> = text.split_whitespace().collect();
            for part in self.parts(&words) {
                held += part.len();
                parts.push(part);
                owners.push(row);
                if parts.len() == TEXTS || held >= BYTES {
                    read(&mut parts, &mut owners)?;
                    held = 0;
                }
            }
            seen(row + 1);
        }
        if !parts.is_empty() {
            read(&mut parts, &mut owners)?;
        }
        // A text without words has no parts.
        worst.iter_mut().filter(|score| **score == f64::NEG_INFINITY).for_each(|score| *score = 0.0);
        Ok(worst)
    }

    /// The text without each of its runs of words in turn, of those that are tried.
    fn parts<'a>(&self, words: &'a [&str]) -> impl Iterator<Item = String> + 'a {
        let mut met = HashSet::new();
        // At least 1, also without words: there are no windows of no words.
        let span = self.span.min(words.len()).max(1);
        let runs: Vec<&[&str]> = words.windows(span).filter(|run| met.insert(*run)).collect();
        let tried = runs.len().min(self.most);
        (0..tried).map(move |place| without(words, runs[place * runs.len() / tried]))
    }
}

/// The words without any occurrence of the run, joined by spaces.
fn without(words: &[&str], run: &[&str]) -> String {
    let (mut kept, mut rest) = (Vec::with_capacity(words.len()), words);
    while let Some((first, others)) = rest.split_first() {
        match rest.strip_prefix(run) {
            Some(after) => rest = after,
            None => {
                kept.push(*first);
                rest = others;
            }
        }
    }
    kept.join(" ")
}

/// The softmax of each row of scores, at the row's class.
fn shares(scores: &Tensor, classes: &[usize]) -> Result<Vec<f64>> {
    let classes: Vec<i64> = classes.iter().map(|&class| class as i64).collect();
    let shares = scores.f_softmax(-1, Element::Double)?;
    let own = shares.f_gather(1, &Tensor::from_slice(&classes).f_unsqueeze(1)?, false)?;
    let own = Vec::<f64>::try_from(own.f_flatten(0, -1)?)?;
    match own.iter().position(|share| !share.is_finite()) {
        Some(row) => Err(Error::new(format!("the model's score of text {row} is not finite"))),
        None => Ok(own),
    }
}

/// The smallest score above which at most the share `frr` of the scores lies; `None` if there are none.
fn threshold(mut scores: Vec<f64>, frr: f64) -> Option<f64> {
    scores.sort_by(f64::total_cmp);
    // The product of a share and a count may fall short of a whole number by the last bit.
    let above = (frr * scores.len() as f64 + 1e-9).floor() as usize;
    scores.get(scores.len().checked_sub(1 + above)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_of_words_is_left_out_once_wherever_it_stands() {
        let of = |span, text: &str| {
            let words: Vec<&str> = text.split_whitespace().collect();
            LeaveOneOut { span, ..LeaveOneOut::default() }.parts(&words).collect::<Vec<_>>()
        };
        assert_eq!(of(1, "a b  a c"), ["b c", "a a c", "a b a"]);
        assert_eq!(of(2, "a b a b"), ["", "a b"]);
        assert_eq!(of(9, "a b"), [""]);
        assert!(of(1, "  ").is_empty());
    }

    #[test]
    fn of_a_long_text_runs_are_tried_that_lie_evenly_spread() {
        let words: Vec<String> = (0..50_000).map(|word| word.to_string()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let detector = LeaveOneOut { most: 4, ..LeaveOneOut::default() };
        let lengths: Vec<usize> = detector.parts(&words).map(|part| part.len()).collect();
        let whole = words.join(" ").len();
        // Without 0, 12500, 25000 and 37500, and a space each.
        assert_eq!(lengths, [whole - 2, whole - 6, whole - 6, whole - 6]);
        let few: Vec<String> = detector.parts(&["a", "b", "c", "d", "e"]).collect();
        assert_eq!(few, ["b c d e", "a c d e", "a b d e", "a b c e"]);
    }

    // numpy.sort(s)[m - 1 - int(frr * m)]: 2 of 10 lie above 0.8, 1 above 0.9, none above 1.
    #[test]
    fn the_threshold_leaves_the_stated_share_above() {
        let scores: Vec<f64> = (1..=10).rev().map(|i| f64::from(i) / 10.0).collect();
        for (frr, expected) in [(0.2, 0.8), (0.1, 0.9), (0.05, 1.0)] {
            assert_eq!(threshold(scores.clone(), frr), Some(expected));
        }
        assert_eq!(threshold(vec![0.5; 3], 0.9), Some(0.5));
        assert_eq!(threshold(Vec::new(), 0.5), None);
    }
}
