//! The weight of a reversed trigger's size against its success, and when the search for it ends.

/// The rules by which the weight of one class's trigger changes from step to step.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Share of images that a trigger must turn.
    pub target_success: f64,
    /// The weight once it has been reached.
    pub init_cost: f64,
    /// Steps in a row after which the weight changes.
    pub patience: usize,
    /// What the weight is multiplied by; it is divided by the power 1.5 of it.
    pub multiplier: f64,
}

/// Where the search for one class's trigger stands.
#[derive(Debug, Clone)]
pub(crate) struct Cost {
    /// The weight of the mask's size in the loss.
    pub weight: f64,
    /// The smallest size of a mask that succeeded.
    pub best: f64,
    /// Steps in a row with success while the weight was 0.
    reached: usize,
    /// Steps in a row with success, and without.
    above: usize,
    below: usize,
    raised: bool,
    lowered: bool,
    /// Steps in a row in which a mask had been found and no smaller one was.
    stale: usize,
}

impl Default for Cost {
    fn default() -> Self {
        Self {
            weight: 0.0,
            best: f64::INFINITY,
            reached: 0,
            above: 0,
            below: 0,
            raised: false,
            lowered: false,
            stale: 0,
        }
    }
}

impl Cost {
    /// Takes note of a step's success and mask size; says whether this mask is the smallest so far.
    pub fn observe(&mut self, rules: &Rules, success: f64, size: f64) -> bool {
        let succeeded = success >= rules.target_success;
        let smaller = succeeded && size < self.best;
        if smaller {
            self.best = size;
            self.stale = 0;
        } else if self.best.is_finite() {
            self.stale += 1;
        }
        self.adjust(rules, succeeded);
        smaller
    }

    fn adjust(&mut self, rules: &Rules, succeeded: bool) {
        if self.weight == 0.0 {
            self.reached = if succeeded { self.reached + 1 } else { 0 };
            if self.reached == rules.patience {
                self.weight = rules.init_cost;
            }
            return;
        }
        (self.above, self.below) = if succeeded { (self.above + 1, 0) } else { (0, self.below + 1) };
        if self.above == rules.patience {
            self.weight *= rules.multiplier;
            (self.above, self.raised) = (0, true);
        } else if self.below == rules.patience {
            self.weight /= rules.multiplier.powf(1.5);
            (self.below, self.lowered) = (0, true);
        }
    }

    /// Whether the search has come to rest: the weight has been raised and lowered, and no smaller mask was
    /// found in 5·patience steps.
    pub fn rests(&self, rules: &Rules) -> bool {
        self.raised && self.lowered && self.stale >= 5 * rules.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { target_success: 0.99, init_cost: 1e-3, patience: 2, multiplier: 1.5 };

    #[test]
    fn the_weight_follows_success_by_hand() {
        let mut cost = Cost::default();
        let weights: Vec<f64> = [1.0, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 0.9, 1.0, 0.9, 0.98, 0.9, 0.9]
            .map(|success| {
                cost.observe(&RULES, success, 10.0);
                cost.weight
            })
            .into();
        // Set after two successes in a row, raised after two more, then one; lowered after each two failures.
        let (a, b) = (1.5e-3, 1.5e-3 / 1.5f64.powf(1.5));
        let golden = [0.0, 0.0, 0.0, 1e-3, 1e-3, a, a, a, a, a, b, b, b / 1.5f64.powf(1.5)];
        for (ours, expected) in weights.iter().zip(golden) {
            assert!((ours - expected).abs() < 1e-15, "{weights:?}");
        }
    }

    #[test]
    fn the_smallest_mask_that_succeeds_is_kept() {
        let mut cost = Cost::default();
        let kept = [(0.5, 1.0), (1.0, 9.0), (0.99, 8.0), (0.98, 2.0), (1.0, 8.0), (1.0, 7.0)]
            .map(|(success, size)| cost.observe(&RULES, success, size));
        assert_eq!(kept, [false, true, true, false, false, true]);
        assert_eq!(cost.best, 7.0);
    }

    #[test]
    fn it_rests_after_both_ways_and_ten_steps_without_progress() {
        let mut cost = Cost::default();
        let mut at = |success, size| {
            cost.observe(&RULES, success, size);
            cost.rests(&RULES)
        };
        assert!((0..20).all(|_| !at(1.0, 5.0)), "never lowered");
        assert!(!at(0.0, 5.0) && at(0.0, 5.0));
        assert!(!at(1.0, 4.0), "a smaller mask begins anew");
        assert!((0..9).all(|_| !at(0.0, 4.0)) && at(1.0, 4.0));
    }
}
