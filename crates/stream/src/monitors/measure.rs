//! Distances between samples.

/// The population stability index of `now` against `reference`, over bins between quantiles of the reference (linear
/// between its order statistics), shares (count + ½)/(n + bins/2); `None` of nothing.
pub fn psi(reference: &[f64], now: &[f64], bins: usize) -> Option<f64> {
    if reference.is_empty() || now.is_empty() || bins < 2 {
        return None;
    }
    let mut sorted = reference.to_vec();
    sorted.sort_by(f64::total_cmp);
    let edges: Vec<f64> = (1..bins).map(|b| quantile(&sorted, b as f64 / bins as f64)).collect();
    let shares = |values: &[f64]| {
        let mut counts = vec![0usize; bins];
        values.iter().for_each(|v| counts[edges.partition_point(|edge| edge <= v)] += 1);
        let n = values.len() as f64 + bins as f64 / 2.0;
        counts.into_iter().map(move |count| (count as f64 + 0.5) / n)
    };
    Some(shares(now).zip(shares(reference)).map(|(p, q)| (p - q) * (p / q).ln()).sum())
}

/// The quantile of sorted values, linear between neighbours.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (low, part) = (at.floor() as usize, at.fract());
    let high = sorted.get(low + 1).copied().unwrap_or(sorted[low]);
    sorted[low] + part * (high - sorted[low])
}

/// The statistic of Kolmogorov and Smirnov of two samples; `None` of nothing.
pub fn ks(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let sorted = |values: &[f64]| {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values
    };
    let (a, b) = (sorted(a), sorted(b));
    let (mut i, mut j, mut most) = (0, 0, 0.0f64);
    while i < a.len() && j < b.len() {
        // Both distributions step over all that equals the smaller value before they are compared.
        let x = if a[i].total_cmp(&b[j]).is_le() { a[i] } else { b[j] };
        while i < a.len() && a[i].total_cmp(&x).is_le() {
            i += 1;
        }
        while j < b.len() && b[j].total_cmp(&x).is_le() {
            j += 1;
        }
        most = most.max((i as f64 / a.len() as f64 - j as f64 / b.len() as f64).abs());
    }
    Some(most)
}
