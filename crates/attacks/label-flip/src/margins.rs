//! How far a model is from changing its mind.

use aconite_core::Result;
use tch::Kind;

/// Scores closer than this are equal. A support vector machine gives the rows on its margin −1 up to the solver's
/// tolerance, and a row may be on those of several classes.
const TIE: f64 = 1e-5;

/// A row as a model reads it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Margin {
    /// The label's score less the best other score: above 0 when the row is read rightly.
    pub(crate) margin: f64,
    /// The class with the best other score, the smaller on a tie.
    pub(crate) runner_up: usize,
}

/// The margins of rows with these labels, from scores per class.
pub(crate) fn margins(scores: &tch::Tensor, labels: &[usize]) -> Result<Vec<Margin>> {
    let (_, classes) = scores.size2()?;
    let scores = Vec::<f64>::try_from(scores.f_to_kind(Kind::Double)?.f_contiguous()?.f_flatten(0, -1)?)?;
    let of = |(scores, &label): (&[f64], &usize)| {
        let others = || (0..scores.len()).filter(|&class| class != label);
        let best = others().map(|class| scores[class]).fold(f64::NEG_INFINITY, f64::max);
        let runner_up = others().find(|&class| scores[class] >= best - TIE).unwrap_or(label);
        Margin { margin: scores[label] - best, runner_up }
    };
    Ok(scores.chunks_exact(classes as usize).zip(labels).map(of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_by_hand() {
        let scores = tch::Tensor::from_slice(&[1.0f32, 3.0, 2.0, 0.5, 0.5, 0.5]).view([2, 3]);
        let ours = margins(&scores, &[2, 1]).unwrap();
        assert_eq!(ours, [Margin { margin: -1.0, runner_up: 1 }, Margin { margin: 0.0, runner_up: 0 }]);
        // Equal but for the solver's last digits.
        let scores = tch::Tensor::from_slice(&[1.0f64, -1.0 - 1e-9, -1.0]).view([1, 3]);
        assert_eq!(margins(&scores, &[0]).unwrap(), [Margin { margin: 2.0, runner_up: 1 }]);
    }
}
