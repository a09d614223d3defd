//! The score on hand-made counts, against SciPy and closed forms.

use aconite_text::spambayes::{Clue, Clues, Constants, Counts, Score, chi2_q};
use proptest::prelude::*;

/// (ham, spam) messages with each word, of 10 and 20.
const WORDS: [[u32; 2]; 8] = [[3, 0], [0, 5], [1, 2], [5, 1], [0, 1], [10, 20], [2, 19], [0, 0]];
const MESSAGES: [u32; 2] = [10, 20];

fn clues(constants: Constants) -> Vec<Clue> {
    let clues = Clues::new(constants, MESSAGES);
    WORDS.iter().filter_map(|&counts| clues.of(counts)).collect()
}

fn assert_close(ours: f64, golden: f64) {
    assert!((ours - golden).abs() <= 1e-12, "{ours} is not {golden}");
}

// import numpy as np; from scipy.stats import chi2
// p = (sp/20)/(h/10 + sp/20); n = h + sp; f = (s*x + n*p)/(s + n)
// k = sorted([v for v in f if abs(v - .5) >= .1], key=lambda v: (abs(v - .5), v))[-most:]
// S = 1 - chi2.sf(-2*np.log(1 - k).sum(), 2*len(k)); H = 1 - chi2.sf(-2*np.log(k).sum(), 2*len(k)); (S - H + 1)/2
#[test]
fn probabilities_and_scores_are_the_formula_s_to_1e_12() {
    let f = [
        0.06521739130434782,
        0.9587155963302751,
        0.5,
        0.11945031712473572,
        0.8448275862068967,
        0.5,
        0.8192459714198846,
        0.5,
    ];
    for (counts, golden) in WORDS.into_iter().zip(f) {
        assert_close(Constants::default().probability(counts, MESSAGES), golden);
    }
    let f = [0.125, 0.9166666666666666, 0.5, 0.14935064935064934, 0.75, 0.5, 0.8112648221343874, 0.5];
    let one = Constants { s: 1.0, ..Constants::default() };
    for (counts, golden) in WORDS.into_iter().zip(f) {
        assert_close(one.probability(counts, MESSAGES), golden);
    }
    let three = Constants { max_discriminators: 3, ..Constants::default() };
    for (constants, left, [spam, ham, score]) in [
        (Constants::default(), 5, [0.8229338969128793, 0.6047197579965087, 0.6091070694581853]),
        (three, 3, [0.6567596785365745, 0.8664045035133248, 0.39517758751162485]),
        (one, 5, [0.6920953156537488, 0.48014146358489174, 0.6059769260344285]),
    ] {
        let mut clues = clues(constants);
        let ours = constants.score(&mut clues);
        assert_eq!(clues.len(), left);
        assert_close(ours.spam, spam);
        assert_close(ours.ham, ham);
        assert_close(ours.score, score);
    }
}

// scipy.stats.chi2.sf(x2, 2*half)
#[test]
fn the_tail_of_chi_square_is_scipy_s() {
    for (x2, half, golden) in [
        (0.0, 3, 1.0),
        (0.5, 1, 0.7788007830714049),
        (3.0, 2, 0.5578254003710748),
        (10.0, 5, 0.44049328506521257),
        (300.0, 150, 0.4891417702506403),
        (250.0, 150, 0.9838029502076451),
        (900.0, 150, 3.0852110460657102e-61),
        (1399.9, 700, 0.4957276267153492),
        (1400.1, 700, 0.4942199470189413),
        (1500.0, 700, 0.031503720989392366),
        (1600.0, 1000, 0.9999999999944986),
        (2600.0, 1200, 0.00240262757689639),
        (f64::INFINITY, 150, 0.0),
    ] {
        assert!((chi2_q(x2, half) - golden).abs() <= 1e-12 * f64::max(golden, 1e-3), "{x2} {half}");
    }
}

// s, x = 0.45, 0.5; p = ((sp + k)/(100 + k))/(h/100 + (sp + k)/(100 + k)); n = h + sp + k; (s*x + n*p)/(s + n)
#[test]
fn k_dictionary_mails_move_a_word_as_the_closed_form_says() {
    for ([ham, spam], golden) in [
        ([0, 0], [0.5, 0.8448275862068966, 0.9587155963302751, 0.9955401387512388]),
        ([7, 0], [0.030201342281879196, 0.14394389330048468, 0.4082971562362811, 0.8238892605139935]),
        ([7, 3], [0.3086124401913876, 0.36678658635203526, 0.52055595964707, 0.832154510462867]),
        ([90, 1], [0.013395297977036631, 0.023857483258340556, 0.06175576240105846, 0.27491191461704245]),
    ] {
        // 100 messages of each class; the word is the first, the others stand for all the rest.
        let mut counts = Counts::default();
        for message in 0..100 {
            counts.learn(if message < ham { &[0] } else { &[1] }, false);
            counts.learn(if message < spam { &[0] } else { &[2] }, true);
        }
        let before = counts.clone();
        let mut done = 0;
        for (k, golden) in [0, 1, 5, 50].into_iter().zip(golden) {
            while done < k {
                counts.learn(&[0, 1, 2], true);
                done += 1;
            }
            assert_close(Constants::default().probability(counts.of(0), counts.messages), golden);
        }
        for _ in 0..done {
            counts.forget(&[0, 1, 2], true);
        }
        assert_eq!(counts, before);
    }
}

#[test]
fn the_ends_of_the_constants_hold() {
    let nothing = Score { spam: 0.0, ham: 0.0, score: 0.5 };
    let silent = Constants { max_discriminators: 0, ..Constants::default() };
    assert_eq!(silent.score(&mut clues(silent)), nothing);
    let strict = Constants { min_strength: 0.5, ..Constants::default() };
    assert_eq!(strict.score(&mut clues(strict)), nothing);
    // Without a prior f reaches 0 and 1: certain, and certain both ways.
    let certain = Constants { s: 0.0, ..Constants::default() };
    let ours = certain.score(&mut clues(certain));
    assert_eq!((ours.spam, ours.ham, ours.score), (1.0, 1.0, 0.5));
    assert_eq!(certain.probability([0, 0], MESSAGES), 0.5);
    assert_eq!(Constants::default().probability([0, 0], [0, 0]), 0.5);
}

proptest! {
    #[test]
    fn a_table_of_clues_says_what_the_formula_says(h in 0u32..=40, s in 0u32..=30) {
        let constants = Constants { x: 0.7, ..Constants::default() };
        let small = Clues::new(constants, [40, 30]);
        let f = constants.probability([h, s], [40, 30]);
        let counts = (f - 0.5).abs() >= 0.1;
        prop_assert_eq!(small.of([h, s]).map(|clue| clue.f), counts.then_some(f));
    }

    #[test]
    fn the_order_of_words_and_messages_does_not_matter(
        sets in proptest::collection::vec((proptest::collection::btree_set(0u32..30, 0..12), any::<bool>()), 2..20),
        most in 1usize..8,
    ) {
        let constants = Constants { max_discriminators: most, ..Constants::default() };
        let learnt = |sets: &mut dyn Iterator<Item = &(std::collections::BTreeSet<u32>, bool)>| {
            let mut counts = Counts::default();
            for (set, spam) in sets {
                counts.learn(&set.iter().copied().collect::<Vec<_>>(), *spam);
            }
            counts
        };
        let (one, other) = (learnt(&mut sets.iter()), learnt(&mut sets.iter().rev()));
        let score = |counts: &Counts, words: &mut dyn Iterator<Item = u32>| {
            let clues = Clues::new(constants, counts.messages);
            constants.score(&mut words.filter_map(|word| clues.of(counts.of(word))).collect()).score
        };
        let forth = score(&one, &mut (0..30));
        let back = score(&other, &mut (0..30).rev());
        prop_assert!((0.0..=1.0).contains(&forth));
        prop_assert!((forth - back).abs() < 1e-12, "{} {}", forth, back);
    }
}
