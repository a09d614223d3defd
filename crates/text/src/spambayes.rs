//! SpamBayes' score of a message: Robinson's f(w) of each word, combined by Fisher's method.
//!
//! With h and s the ham and spam messages that a word was in, of H and S: p = (s/S)/(h/H + s/S), n = h + s,
//! f = (σ·x + n·p)/(σ + n). Of the words of a message (a set), those with |f − 0.5| ≥ `min_strength`, at most
//! `max_discriminators`, the farthest from 0.5. With Q(x², v) the upper tail of chi-square,
//! S = 1 − Q(−2Σ ln(1 − f), 2n), H = 1 − Q(−2Σ ln f, 2n), and the score is (S − H + 1)/2; 0.5 without a word.

mod trials;

pub use trials::Trials;

/// The constants of the score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Constants {
    /// Strength σ of what is believed of a word that was never met, at least 0.
    pub s: f64,
    /// What is believed of it, in [0, 1].
    pub x: f64,
    /// Least distance of f from 0.5 of a word that counts.
    pub min_strength: f64,
    /// Most words that count.
    pub max_discriminators: usize,
}

impl Default for Constants {
    /// Those of the authors' code.
    fn default() -> Self {
        Self { s: 0.45, x: 0.5, min_strength: 0.1, max_discriminators: 150 }
    }
}

impl Constants {
    /// Robinson's f of a word that was in `ham` of `hams` and in `spam` of `spams` messages.
    pub fn probability(&self, [ham, spam]: [u32; 2], [hams, spams]: [u32; 2]) -> f64 {
        let n = f64::from(ham) + f64::from(spam);
        if n == 0.0 {
            return self.x;
        }
        let share = |of: u32, all: u32| f64::from(of) / f64::from(all.max(1));
        let (ham, spam) = (share(ham, hams), share(spam, spams));
        (self.s * self.x + n * (spam / (ham + spam))) / (self.s + n)
    }

    fn clue(&self, counts: [u32; 2], messages: [u32; 2]) -> Option<Clue> {
        let f = self.probability(counts, messages);
        let counts = (f - 0.5).abs() >= self.min_strength;
        counts.then(|| Clue { f, ln: f.ln(), ln_not: (-f).ln_1p() })
    }

    /// The score of the words that count, given in any order. `clues` is left with those that were taken.
    pub fn score(&self, clues: &mut Vec<Clue>) -> Score {
        if clues.len() > self.max_discriminators {
            // Equally far ones go by f, so that the choice does not depend on their order.
            let key = |clue: &Clue| ((clue.f - 0.5).abs(), clue.f);
            let farther = |a: &Clue, b: &Clue| {
                let (a, b) = (key(a), key(b));
                b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
            };
            if self.max_discriminators > 0 {
                clues.select_nth_unstable_by(self.max_discriminators - 1, farther);
            }
            clues.truncate(self.max_discriminators);
        }
        if clues.is_empty() {
            return Score { spam: 0.0, ham: 0.0, score: 0.5 };
        }
        let spam = 1.0 - chi2_q(-2.0 * clues.iter().map(|clue| clue.ln_not).sum::<f64>(), clues.len());
        let ham = 1.0 - chi2_q(-2.0 * clues.iter().map(|clue| clue.ln).sum::<f64>(), clues.len());
        Score { spam, ham, score: (spam - ham + 1.0) / 2.0 }
    }
}

/// What a word that counts says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clue {
    /// Robinson's f.
    pub f: f64,
    ln: f64,
    /// ln(1 − f).
    ln_not: f64,
}

/// Evidence for and against a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// S, in [0, 1].
    pub spam: f64,
    /// H, in [0, 1].
    pub ham: f64,
    /// (S − H + 1)/2: 0 is ham, 1 is spam.
    pub score: f64,
}

/// The upper tail Q(x2, v) of the chi-square distribution with v = 2·`half` degrees of freedom:
/// exp(−m)·Σ mⁱ/i! for i below `half`, m = x2/2.
pub fn chi2_q(x2: f64, half: usize) -> f64 {
    /// Where exp(−m) is about to vanish.
    const FAR: f64 = 700.0;
    const SCALE: f64 = 1e250;
    let m = x2 / 2.0;
    if m.is_nan() || m <= 0.0 {
        return 1.0;
    }
    if m.is_infinite() {
        return 0.0;
    }
    if m < FAR {
        let mut term = (-m).exp();
        let mut sum = term;
        for i in 1..half {
            term *= m / i as f64;
            sum += term;
        }
        return sum.min(1.0);
    }
    // The terms without exp(−m), brought down whenever they grow too large.
    let (mut term, mut sum, mut logs) = (1.0, 1.0, -m);
    for i in 1..half {
        term *= m / i as f64;
        sum += term;
        if sum > SCALE {
            (term, sum, logs) = (term / SCALE, sum / SCALE, logs + SCALE.ln());
        }
    }
    (sum.ln() + logs).exp().min(1.0)
}

/// How many messages of each class hold each word: all that is learnt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Per word: ham messages, spam messages.
    pub words: Vec<[u32; 2]>,
    /// Ham messages, spam messages.
    pub messages: [u32; 2],
}

impl Counts {
    /// Counts a message: its different words.
    pub fn learn(&mut self, set: &[u32], spam: bool) {
        let class = usize::from(spam);
        self.messages[class] += 1;
        for &word in set {
            let word = word as usize;
            if word >= self.words.len() {
                self.words.resize(word + 1, [0; 2]);
            }
            self.words[word][class] += 1;
        }
    }

    /// Takes back what [`Counts::learn`] counted.
    pub fn forget(&mut self, set: &[u32], spam: bool) {
        let class = usize::from(spam);
        self.messages[class] = self.messages[class].saturating_sub(1);
        for &word in set {
            if let Some(counts) = self.words.get_mut(word as usize) {
                counts[class] = counts[class].saturating_sub(1);
            }
        }
    }

    /// How many messages of each class hold a word.
    pub fn of(&self, word: u32) -> [u32; 2] {
        self.words.get(word as usize).copied().unwrap_or_default()
    }
}

/// Largest number of different counts that are worth a table.
const TABLE: usize = 1 << 12;

/// What words say, by their counts.
#[derive(Debug, Clone)]
pub struct Clues {
    constants: Constants,
    messages: [u32; 2],
    /// By h·(S + 1) + s, if there are few.
    table: Option<Vec<Option<Clue>>>,
}

impl Clues {
    /// Of words counted in so many ham and spam messages.
    pub fn new(constants: Constants, messages: [u32; 2]) -> Self {
        let [hams, spams] = messages.map(|n| n as usize + 1);
        let table = (hams.saturating_mul(spams) <= TABLE).then(|| {
            let pairs = (0..hams as u32).flat_map(|h| (0..spams as u32).map(move |s| [h, s]));
            pairs.map(|counts| constants.clue(counts, messages)).collect()
        });
        Self { constants, messages, table }
    }

    /// What a word with these counts says; nothing if it does not count.
    pub fn of(&self, [ham, spam]: [u32; 2]) -> Option<Clue> {
        match &self.table {
            Some(table) => {
                *table.get(ham as usize * (self.messages[1] as usize + 1) + spam as usize).unwrap_or(&None)
            }
            None => self.constants.clue([ham, spam], self.messages),
        }
    }
}
