//! Colours of values, and the bar that explains them.

use crate::figures::canvas::{Align, Canvas, Ink};
use crate::figures::style::*;
use crate::format::number;

use super::SMALL;

/// Shades of accuracy end this far below the highest: one collapsed victim would flatten all others.
const DEPTH: f64 = 0.3;
/// Ends of a range are multiples of this.
const STEP: f64 = 0.05;

/// Colours from nearly white to full over a range.
pub(super) struct Shades {
    pub(super) low: f64,
    pub(super) high: f64,
    full: Ink,
    /// Decimals of the ends in the key, and the factor to its unit.
    unit: (usize, f64),
}

impl Shades {
    pub(super) fn of(metric: &str, means: &[f64]) -> Self {
        let most = means.iter().copied().fold(f64::NEG_INFINITY, f64::max).clamp(0.0, 1.0);
        let least = means.iter().copied().fold(f64::INFINITY, f64::min).clamp(0.0, 1.0);
        let up = |v: f64| ((v / STEP - 1e-9).ceil() * STEP).min(1.0);
        let down = |v: f64| ((v / STEP + 1e-9).floor() * STEP).max(0.0);
        match metric {
            "attack_success" => {
                Self { low: 0.0, high: up(most.max(0.2)), full: VERMILLION, unit: (0, 100.0) }
            }
            "robust_accuracy" => Self { low: 0.0, high: up(most.max(0.2)), full: BLUE, unit: (0, 100.0) },
            // Below a half a score is worse than chance.
            "auroc" => Self { low: 0.5, high: 1.0, full: GREEN, unit: (1, 1.0) },
            _ => {
                // A drop of a few percentage points is not a chasm: the range is at least ten of them.
                let high = up(most).max(2.0 * STEP);
                let low = down(least.min(high - 2.0 * STEP)).max(high - DEPTH);
                Self { low, high, full: BLUE, unit: (0, 100.0) }
            }
        }
    }

    pub(super) fn of_value(&self, value: f64) -> Ink {
        let share = ((value - self.low) / (self.high - self.low).max(1e-9)).clamp(0.0, 1.0);
        WHITE.mix(self.full, 0.06 + 0.72 * share)
    }

    /// A bar of the shades with its ends in words.
    pub(super) fn key(&self, canvas: &mut Canvas, (x, y): (f64, f64)) {
        const STEPS: usize = 24;
        let words = |v: f64| number(v * self.unit.1, self.unit.0);
        let from = x + SMALL.width(&words(self.low)) + 6.0;
        canvas.text((x, y), &words(self.low), SMALL, Align::Left);
        for i in 0..STEPS {
            let value = self.low + (self.high - self.low) * (i as f64 + 0.5) / STEPS as f64;
            canvas.rect((from + i as f64 * 4.0, y - 5.0), (4.25, 10.0), self.of_value(value));
        }
        canvas.text((from + STEPS as f64 * 4.0 + 7.0, y), &words(self.high), SMALL, Align::Left);
    }
}

/// Black or white, whichever stands out more.
pub(super) fn on(ground: Ink) -> Ink {
    let contrast = |ink: Ink| {
        let (a, b) = (ink.luminance(), ground.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    };
    if contrast(BLACK) >= contrast(WHITE) { BLACK } else { WHITE }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_can_be_read_on_every_shade() {
        for metric in ["attack_success", "clean_accuracy", "robust_accuracy", "auroc"] {
            let shades = Shades::of(metric, &[0.0, 0.5, 1.0]);
            for i in 0..=100 {
                let ground = shades.of_value(f64::from(i) / 100.0);
                let (a, b) = (on(ground).luminance(), ground.luminance());
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 4.5, "{metric} at {i} %: {contrast}");
            }
        }
    }

    #[test]
    fn ranges_are_round_and_not_stretched_by_a_collapse() {
        let ends = |metric: &str, means: &[f64]| {
            let shades = Shades::of(metric, means);
            [shades.low, shades.high].map(|v| (100.0 * v).round())
        };
        assert_eq!(ends("clean_accuracy", &[0.895, 0.912]), [85.0, 95.0]);
        assert_eq!(ends("clean_accuracy", &[0.12, 0.91]), [65.0, 95.0]);
        assert_eq!(ends("attack_success", &[0.12]), [0.0, 20.0]);
        assert_eq!(ends("attack_success", &[0.989, 0.1]), [0.0, 100.0]);
        assert_eq!(ends("clean_accuracy", &[]), [0.0, 10.0]);
    }
}
