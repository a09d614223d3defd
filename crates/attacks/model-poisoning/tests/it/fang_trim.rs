use aconite_core::{Attack, Seed, UpdateAttack};
use aconite_model_poisoning::Knowledge;
use aconite_model_poisoning::fang_krum::FangKrum;
use aconite_model_poisoning::fang_trim::{FangTrim, Of, Rule};
use tch::{Kind, Tensor};

use crate::{Round, gap, matrix, refused};

/// Ends of the intervals.
type Ends = [[f64; 6]; 2];

// srt = np.sort(np.vstack([own, u]), 0); s = np.where(srt[3:12].mean(0) > 0, 1, -1)
// for G in (.5 * np.sin(5 * np.arange(6)), 0):
//     hi, lo = (u + G).max(0), (u + G).min(0)
//     near = np.where(s == -1, hi, lo)
//     far = np.where(s == -1, np.where(hi > 0, 2 * hi, hi / 2), np.where(lo > 0, lo / 2, 2 * lo))
//     print(near - G, far - G)
const OF_WEIGHTS: Ends = [
    [-0.299_990_207, -0.240_681_574, -0.866_448_939, 0.816_948_235, 0.458_709_598, -0.574_566_722],
    [-0.599_980_414, -0.960_825_285, -2.004_908_433, 1.959_040_39, 1.373_891_821, -1.215_309_319],
];
const OF_UPDATES: Ends = [
    OF_WEIGHTS[0],
    [-0.599_980_414, -0.481_363_147, -1.732_897_878, 1.633_896_47, 0.917_419_195, -1.149_133_444],
];
// s = np.where(mu > 0, 1, -1); print(mu - 3 * s * sd, mu - 4 * s * sd)
const PARTIAL: Ends = [
    [-1.428_128_246, -0.911_226_696, -1.915_504_299, 2.024_887_505, 0.843_145_854, -1.878_696_356],
    [-2.147_008_535, -1.366_162_389, -2.616_878_364, 2.722_778_154, 1.287_393_853, -2.578_303_129],
];

/// The rows spread evenly from end to end. The ends of 2000 uniform draws lie within 0.5 % of the interval's.
#[track_caller]
fn assert_spread(sent: &Tensor, ends: &Ends) {
    let column = |j: usize| Vec::<f64>::try_from(sent.select(1, j as i64).to_kind(Kind::Double)).unwrap();
    for (j, (near, far)) in ends[0].into_iter().zip(ends[1]).enumerate() {
        let places: Vec<f64> = column(j).iter().map(|v| (v - near) / (far - near)).collect();
        let (least, most) = places.iter().fold((9.0f64, -9.0f64), |(l, m), &p| (l.min(p), m.max(p)));
        assert!(
            least > -1e-5 && least < 0.005 && most > 0.995 && most < 1.0 + 1e-5,
            "{j}: {least} to {most}"
        );
        let mean = places.iter().sum::<f64>() / places.len() as f64;
        assert!((mean - 0.5).abs() < 0.033, "{j}: {mean}"); // 5 standard errors
    }
}

/// What the three malicious clients send in 667 rounds that differ by their seeds.
fn often(send: impl Fn(&Round) -> Tensor) -> Tensor {
    let rounds = (0..667).map(|seed| send(&Round { seed: Seed(seed), ..Round::new() }));
    Tensor::cat(&rounds.collect::<Vec<_>>(), 0)
}

#[test]
fn coordinates_go_beyond_the_honest_ones() {
    for (of, ends) in [(Of::Weights, OF_WEIGHTS), (Of::Updates, OF_UPDATES)] {
        for rule in [Rule::TrimmedMean, Rule::Median, Rule::Mean] {
            // s is the same for the three rules here.
            let attack = FangTrim { of, rule, ..FangTrim::default() };
            assert_spread(&often(|round| round.sent_by_all(&attack)), &ends);
        }
    }
}

#[test]
fn partial_knowledge_is_of_their_own_updates_alone() {
    let attacks = |knowledge| -> [Box<dyn Attack>; 2] {
        [
            Box::new(FangTrim { knowledge, ..FangTrim::default() }),
            Box::new(FangKrum { knowledge, ..FangKrum::default() }),
        ]
    };
    for attack in attacks(Knowledge::Partial) {
        assert!(
            matches!(attack.updates(), Some(UpdateAttack::Own(own)) if !own.looks_around()),
            "{attack:?}"
        );
    }
    for attack in attacks(Knowledge::Full) {
        assert!(matches!(attack.updates(), Some(UpdateAttack::All(_))), "{attack:?}");
    }
}

#[test]
fn partial_knowledge_goes_by_three_to_four_deviations() {
    let attack = FangTrim { knowledge: Knowledge::Partial, ..FangTrim::default() };
    assert_spread(&often(|round| round.sent(&attack)), &PARTIAL);
}

// One coordinate, 7 clients of which 2 are malicious. Of −9, −8, −1, −0.5, 1.4, 2, 30 the mean is 2.1, the median −0.5, the
// mean of −1, −0.5, 1.4 is −0.03. Of −9, −8, −0.6, −0.5, 2, 3, 30 they are 2.4, −0.5 and 0.3.
#[test]
fn the_direction_is_the_rules() {
    let grows = |honest: [f32; 5]| {
        let round = Round::of(
            Tensor::from_slice(&[-9f32, 30.0]).view([2, 1]),
            Tensor::from_slice(&honest).view([5, 1]),
        );
        // Weights that grow are sent below the least, others above the most.
        [Rule::Mean, Rule::TrimmedMean, Rule::Median].map(|rule| {
            let sent = round.sent_by_all(&FangTrim { rule, ..FangTrim::default() });
            sent.max().double_value(&[]) <= -8.0
        })
    };
    assert_eq!(grows([-8.0, -1.0, -0.5, 1.4, 2.0]), [true, false, false]);
    assert_eq!(grows([-8.0, -0.6, -0.5, 2.0, 3.0]), [true, true, false]);
}

#[test]
fn a_single_reference_has_no_spread() {
    let round = Round::of(matrix(2, 6, |i, j| i + j), matrix(1, 6, |_, j| j - 2.0));
    let sent = round.sent(&FangTrim { knowledge: Knowledge::Partial, ..FangTrim::default() });
    assert!(gap(&sent, &round.honest.repeat([2, 1])) == 0.0);
}

#[test]
fn wrong_settings_are_refused() {
    for b in [1.0, 0.0, -2.0, f64::NAN, f64::INFINITY] {
        assert_eq!(refused(&FangTrim { b, ..FangTrim::default() }), "b");
    }
}
