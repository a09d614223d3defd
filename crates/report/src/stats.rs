//! Statistics over seeds: mean, spread, Student's t interval, Wilson's interval, paired differences.
//!
//! One value has no interval, and none is made up for it.

/// Share of the probability that an interval covers.
pub const COVERAGE: f64 = 0.95;

/// Mean and spread of some values, with a 95 % interval of the mean where there are at least two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stat {
    /// How many values.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Standard deviation with n − 1; none for one value.
    pub sd: Option<f64>,
    /// Lower and upper end of Student's t interval of the mean; none for one value. Of a share over the trials of one
    /// seed it may be Wilson's, see [`crate::summary::Point::shown`].
    pub interval: Option<(f64, f64)>,
}

impl Stat {
    /// Aggregates the finite ones among `values`; none if there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let values: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        if n == 1 {
            return Some(Self { n, mean, sd: None, interval: None });
        }
        let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1) as f64).sqrt();
        let half = t_quantile(0.5 + COVERAGE / 2.0, (n - 1) as f64) * sd / (n as f64).sqrt();
        Some(Self { n, mean, sd: Some(sd), interval: Some((mean - half, mean + half)) })
    }

    /// Whether the interval is Wilson's, of the trials of one seed.
    pub fn is_wilson(&self) -> bool {
        self.n == 1 && self.interval.is_some()
    }

    /// Half the width of the interval.
    pub fn half(&self) -> Option<f64> {
        self.interval.map(|(lo, hi)| (hi - lo) / 2.0)
    }
}

/// Statistics of the differences `value − reference` of pairs, e.g. of equal seeds. Pairs with a value that
/// is not finite do not count.
pub fn paired(pairs: &[(f64, f64)]) -> Option<Stat> {
    Stat::of(&pairs.iter().map(|(value, reference)| value - reference).collect::<Vec<_>>())
}

/// Wilson's 95 % interval for a share of `hits` among `trials`; none without trials.
pub fn wilson(hits: u64, trials: u64) -> Option<(f64, f64)> {
    if trials == 0 {
        return None;
    }
    const Z: f64 = 1.959_963_984_540_054;
    let (n, p) = (trials as f64, hits.min(trials) as f64 / trials as f64);
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let half = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let low = if hits == 0 { 0.0 } else { (middle - half).max(0.0) };
    let high = if hits >= trials { 1.0 } else { (middle + half).min(1.0) };
    Some((low, high))
}

/// The value below which a t-distributed variable with `df` degrees of freedom falls with probability `p`.
/// NaN outside 0 < p < 1 and df > 0.
pub fn t_quantile(p: f64, df: f64) -> f64 {
    if !(p > 0.0 && p < 1.0 && df > 0.0) {
        return f64::NAN;
    }
    let upper = p.max(1.0 - p);
    let (mut low, mut high) = (0.0, 1.0);
    while t_cdf(high, df) < upper && high < 1e300 {
        (low, high) = (high, high * 2.0);
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if t_cdf(middle, df) < upper { low = middle } else { high = middle }
    }
    let t = 0.5 * (low + high);
    if p < 0.5 { -t } else { t }
}

/// Probability that a t-distributed variable with `df` degrees of freedom is at most `t`.
pub fn t_cdf(t: f64, df: f64) -> f64 {
    let tail = 0.5 * incomplete_beta(df / (df + t * t), df / 2.0, 0.5);
    if t < 0.0 { tail } else { 1.0 - tail }
}

/// The regularised incomplete beta function I_x(a, b), by its continued fraction (modified Lentz).
fn incomplete_beta(x: f64, a: f64, b: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return x.clamp(0.0, 1.0);
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(1.0 - x, b, a);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (1.0 - x).ln()).exp() / a;
    let safe = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let mut d = 1.0 / safe(1.0 - (a + b) * x / (a + 1.0));
    let (mut c, mut fraction) = (1.0, d);
    for m in 1..500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let before = fraction;
        for step in [even, odd] {
            d = 1.0 / safe(1.0 + step * d);
            c = safe(1.0 + step / c);
            fraction *= c * d;
        }
        if (fraction - before).abs() <= 1e-16 * fraction.abs() {
            break;
        }
    }
    front * fraction
}

/// Logarithm of the gamma function for positive arguments (Lanczos, g = 7, nine terms).
fn ln_gamma(x: f64) -> f64 {
    const TERMS: [f64; 8] = [
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let sum = TERMS
        .iter()
        .enumerate()
        .fold(0.999_999_999_999_809_9, |sum, (i, term)| sum + term / (x + i as f64 + 1.0));
    let t = x + 7.5;
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * t.ln() - t + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-8 * b.abs().max(1.0)
    }

    #[test]
    fn quantiles_are_those_of_scipy() {
        // SciPy 1.17.1: [stats.t.ppf(p, df) for p, df in ((0.975, 1), (0.975, 2), …)]
        let golden = [
            (0.975, 1.0, 12.706204736174694),
            (0.975, 2.0, 4.302652729749462),
            (0.975, 3.0, 3.1824463052837078),
            (0.975, 4.0, 2.7764451051977934),
            (0.975, 9.0, 2.262157162798205),
            (0.975, 29.0, 2.045229642132703),
            (0.975, 100.0, 1.9839715185235518),
            (0.975, 1000.0, 1.9623390808264083),
            (0.9, 5.0, 1.4758840488244815),
            (0.995, 3.0, 5.840909309733355),
            (0.6, 2.0, 0.2886751345948128),
            (0.999, 1.0, 318.30883898555015),
        ];
        for (p, df, t) in golden {
            assert!(near(t_quantile(p, df), t), "p={p} df={df}: {} is not {t}", t_quantile(p, df));
            assert!(near(t_quantile(1.0 - p, df), -t));
        }
        assert!(t_quantile(1.0, 3.0).is_nan() && t_quantile(0.5, 0.0).is_nan());
    }

    #[test]
    fn intervals_are_those_of_scipy() {
        // stats.ttest_1samp([0.91, 0.93, 0.89, 0.95], 0).confidence_interval(); np.std(x, ddof=1)
        let stat = Stat::of(&[0.91, 0.93, 0.89, 0.95]).unwrap();
        let (lo, hi) = stat.interval.unwrap();
        assert!(near(stat.mean, 0.92) && near(stat.sd.unwrap(), 0.02581988897471609));
        assert!(near(lo, 0.8789147948647895) && near(hi, 0.9610852051352103));
        // stats.ttest_rel([.05, .02, .10], [.99, .97, .98]).confidence_interval()
        let stat = paired(&[(0.05, 0.99), (0.02, 0.97), (0.10, 0.98)]).unwrap();
        let (lo, hi) = stat.interval.unwrap();
        assert!(near(stat.mean, -0.9233333333333333) && near(stat.sd.unwrap(), 0.03785938897200179));
        assert!(near(lo, -1.0173812692225075) && near(hi, -0.8292853974441591));
        // stats.binomtest(k, n).proportion_ci(method="wilson")
        let golden = [
            (0, 10, 0.0, 0.27753279986288926),
            (7, 10, 0.39677814746114526, 0.892208732593699),
            (50, 1000, 0.03813026239274881, 0.06531382024425081),
            (10, 10, 0.7224672001371109, 1.0),
        ];
        for (k, n, low, high) in golden {
            let ours = wilson(k, n).unwrap();
            assert!(near(ours.0, low) && near(ours.1, high), "{k}/{n}: {ours:?}");
        }
    }

    #[test]
    fn one_value_has_no_interval_and_none_has_nothing() {
        let one = Stat::of(&[0.5]).unwrap();
        assert_eq!((one.n, one.mean, one.sd, one.interval), (1, 0.5, None, None));
        assert!(Stat::of(&[]).is_none() && Stat::of(&[f64::NAN]).is_none() && wilson(0, 0).is_none());
        assert_eq!(Stat::of(&[1.0, f64::INFINITY]).unwrap().n, 1);
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_mean_and_moves_with_the_values(
            values in prop::collection::vec(-1.0f64..1.0, 2..20), shift in -3.0f64..3.0, scale in 0.1f64..5.0,
        ) {
            let stat = Stat::of(&values).unwrap();
            let (lo, hi) = stat.interval.unwrap();
            prop_assert!(lo <= stat.mean && stat.mean <= hi);
            let moved = Stat::of(&values.iter().map(|v| v * scale + shift).collect::<Vec<_>>()).unwrap();
            let (moved_lo, moved_hi) = moved.interval.unwrap();
            prop_assert!((moved_lo - (lo * scale + shift)).abs() < 1e-6);
            prop_assert!((moved_hi - (hi * scale + shift)).abs() < 1e-6);
            let mut turned = values.clone();
            turned.reverse();
            prop_assert!((Stat::of(&turned).unwrap().half().unwrap() - stat.half().unwrap()).abs() < 1e-9);
        }

        #[test]
        fn a_shared_offset_of_both_sides_leaves_the_paired_difference(
            pairs in prop::collection::vec((0.0f64..1.0, 0.0f64..1.0), 2..10), offset in -2.0f64..2.0,
        ) {
            let plain = paired(&pairs).unwrap();
            let moved = paired(&pairs.iter().map(|(a, b)| (a + offset, b + offset)).collect::<Vec<_>>()).unwrap();
            prop_assert!((plain.mean - moved.mean).abs() < 1e-9);
            prop_assert!((plain.half().unwrap() - moved.half().unwrap()).abs() < 1e-7);
        }

        #[test]
        fn wilson_holds_the_share_and_narrows(hits in 0u64..50, more in 0u64..50) {
            let trials = hits + more;
            prop_assume!(trials > 0);
            let (lo, hi) = wilson(hits, trials).unwrap();
            let share = hits as f64 / trials as f64;
            prop_assert!(0.0 <= lo && lo <= share && share <= hi && hi <= 1.0);
            let (lo2, hi2) = wilson(hits * 100, trials * 100).unwrap();
            prop_assert!(hi2 - lo2 < hi - lo);
        }

        #[test]
        fn the_quantile_inverts_the_distribution(p in 0.001f64..0.999, df in 1.0f64..200.0) {
            prop_assert!((t_cdf(t_quantile(p, df), df) - p).abs() < 1e-10);
        }
    }
}
