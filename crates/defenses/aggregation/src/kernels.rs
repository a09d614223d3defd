//! Sums over stretches of f32 in f64, in eight lanes so that compilers can vectorise them.
//!
//! The lanes are added in a fixed order: the same numbers give the same bits.

const LANES: usize = 8;

/// Σ term(a_i, b_i).
fn fold(a: &[f32], b: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut lanes = [0.0f64; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            lanes[lane] += term(f64::from(a[lane]), f64::from(b[lane]));
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(&a, &b)| term(f64::from(a), f64::from(b))).sum();
    lanes.iter().sum::<f64>() + rest
}

/// ⟨a, b⟩.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f64 {
    fold(a, b, |a, b| a * b)
}

/// ‖a‖².
pub(crate) fn squared_norm(a: &[f32]) -> f64 {
    fold(a, a, |a, _| a * a)
}

/// ‖a − b‖².
pub(crate) fn squared_distance(a: &[f32], b: &[f32]) -> f64 {
    fold(a, b, |a, b| (a - b) * (a - b))
}

/// sum += weight · row.
pub(crate) fn add(sum: &mut [f64], weight: f64, row: &[f32]) {
    for (sum, &value) in sum.iter_mut().zip(row) {
        *sum += weight * f64::from(value);
    }
}

/// Whether no value is infinite or not a number.
pub(crate) fn finite(values: &[f32]) -> bool {
    // All exponent bits set; as integers, because floating sums must not be reordered.
    let largest = values.iter().fold(0, |most: i32, v| most.max((v.to_bits() & 0x7fff_ffff) as i32));
    largest < 0x7f80_0000
}
