//! A poisoned training set: what everybody sees, and the truth that only the scorer sees.

use crate::{Dataset, Error, Result, Rows};

/// What an attack did: rows that it changed, their new content and their new labels, and rows that it added.
/// Everything else stays as it was.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Poison {
    /// Rows of the training set, strictly ascending.
    pub rows: Vec<usize>,
    /// New labels, one per row of [`Poison::rows`].
    pub labels: Vec<usize>,
    /// New content, one row per row of [`Poison::rows`], or `None` when it stays as it was.
    pub content: Option<Rows>,
    /// Rows that the attack adds behind the others, or `None`.
    pub added: Option<Added>,
    /// The test input that is to be misread, for an attack that draws one.
    pub target: Option<Target>,
}

/// Rows that an attack adds to a training set.
#[derive(Debug, Clone, PartialEq)]
pub struct Added {
    /// Their content, of the training set's kind.
    pub rows: Rows,
    /// Their labels, one per row.
    pub labels: Vec<usize>,
}

impl Poison {
    /// How many rows of the training set are the attacker's.
    pub fn count(&self) -> usize {
        self.rows.len() + self.added.as_ref().map_or(0, |added| added.labels.len())
    }
}

/// A test input that the adversary wants to be misread, untouched as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Its row in the test set.
    pub row: usize,
    /// The label that the adversary wants for it.
    pub wanted: usize,
}

/// A training set with its poison in it.
///
/// The mask and the true labels are private: [`Poisoned::data`] is all that a victim or a defense can be
/// given, and [`Poisoned::truth`] is for the scorer (and for the control arms, which declare it).
#[derive(Debug, Clone)]
pub struct Poisoned {
    data: Dataset,
    mask: Vec<bool>,
    true_labels: Vec<usize>,
}

/// The truth about a training set. A filter cannot ask for it: it is no argument of [`crate::Filter`].
#[derive(Debug, Clone, Copy)]
pub struct Truth<'a> {
    /// Per row, whether the attack changed it.
    pub poisoned: &'a [bool],
    /// Per row, its label before the attack; of a row that the attack added, the label that it came with.
    pub true_labels: &'a [usize],
}

impl Poisoned {
    /// Applies `poison` to a copy of `clean`.
    ///
    /// # Errors
    /// The poison does not fit: rows out of range or not ascending, labels, content or added rows of the wrong number
    /// or kind.
    pub fn new(clean: &Dataset, poison: &Poison) -> Result<Self> {
        let n = poison.rows.len();
        if poison.rows.windows(2).any(|w| w[0] >= w[1])
            || poison.rows.last().is_some_and(|&r| r >= clean.len())
        {
            return Err(Error::new("poisoned rows are not ascending rows of the training set"));
        }
        if poison.labels.len() != n || poison.labels.iter().any(|&l| l >= clean.num_classes()) {
            return Err(Error::new("poisoned labels do not fit the training set"));
        }
        let mut data = clean.clone();
        let mut mask = vec![false; clean.len()];
        for (i, &row) in poison.rows.iter().enumerate() {
            mask[row] = true;
            data.labels_mut()[row] = poison.labels[i];
        }
        if let Some(content) = &poison.content {
            data.rows_mut().replace(&poison.rows, content)?;
        }
        let mut true_labels = clean.labels().to_vec();
        if let Some(added) = &poison.added {
            let rows = data.rows().followed_by(&added.rows)?;
            let labels = [data.labels(), &added.labels].concat();
            // All rows are numbered anew: where a row came from would tell a defense which ones were added.
            data = Dataset::new(rows, labels, data.classes().clone())?;
            mask.resize(data.len(), true);
            true_labels.extend(&added.labels);
        }
        Ok(Self { data, mask, true_labels })
    }

    /// An unpoisoned training set.
    pub fn clean(data: &Dataset) -> Self {
        Self { data: data.clone(), mask: vec![false; data.len()], true_labels: data.labels().to_vec() }
    }

    /// What the victim and the defenses see.
    pub fn data(&self) -> &Dataset {
        &self.data
    }

    /// The truth, for the scorer.
    pub fn truth(&self) -> Truth<'_> {
        Truth { poisoned: &self.mask, true_labels: &self.true_labels }
    }

    /// The largest share of poisoned rows among the rows that carry one label. It is what a defense is told
    /// that declares the knowledge `poison_rate`.
    pub fn worst_class_rate(&self) -> f64 {
        (0..self.data.num_classes())
            .map(|class| {
                let rows = self.data.rows_of(class);
                let bad = rows.iter().filter(|&&r| self.mask[r]).count();
                if rows.is_empty() { 0.0 } else { bad as f64 / rows.len() as f64 }
            })
            .fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::tests::tiny;
    use crate::{Images, Shape};

    fn tiny_images(bytes: Vec<u8>) -> Rows {
        Images::new(Shape { channels: 1, height: 2, width: 2 }, bytes).unwrap().into()
    }

    #[test]
    fn only_the_named_rows_change() {
        let clean = tiny(&[0, 1, 1, 0]);
        let poison = Poison {
            rows: vec![1, 3],
            labels: vec![0, 0],
            content: Some(tiny_images(vec![7; 8])),
            ..Poison::default()
        };
        let poisoned = Poisoned::new(&clean, &poison).unwrap();
        assert_eq!(poisoned.data().labels(), [0, 0, 1, 0]);
        assert_eq!(poisoned.data().images().unwrap().image(1), [7; 4]);
        for row in [0, 2] {
            assert_eq!(poisoned.data().images().unwrap().image(row), clean.images().unwrap().image(row));
        }
        assert_eq!(poisoned.truth().poisoned, [false, true, false, true]);
        assert_eq!(poisoned.truth().true_labels, clean.labels());
        assert!((poisoned.worst_class_rate() - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn added_rows_stand_behind_the_others_and_are_marked() {
        let clean = tiny(&[0, 1]);
        let added = |labels: Vec<usize>| Added { rows: tiny_images(vec![9; 8]), labels };
        let poison =
            Poison { rows: vec![0], labels: vec![1], added: Some(added(vec![1, 0])), ..Poison::default() };
        let poisoned = Poisoned::new(&clean, &poison).unwrap();
        assert_eq!((poison.count(), poisoned.data().len()), (3, 4));
        assert_eq!(poisoned.data().labels(), [1, 1, 1, 0]);
        assert_eq!(poisoned.data().images().unwrap().image(3), [9; 4]);
        let origins: Vec<String> = (0..4).map(|row| poisoned.data().origins().of(row)).collect();
        assert_eq!(origins, ["row:1", "row:2", "row:3", "row:4"], "they tell nothing");
        assert_eq!(poisoned.truth().poisoned, [true, false, true, true]);
        assert_eq!(poisoned.truth().true_labels, [0, 1, 1, 0]);
        for labels in [vec![0], vec![0, 2]] {
            let poison = Poison { added: Some(added(labels)), ..Poison::default() };
            assert!(Poisoned::new(&clean, &poison).is_err());
        }
    }

    #[test]
    fn poison_that_does_not_fit_is_refused() {
        let clean = tiny(&[0, 1, 1, 0]);
        for (rows, labels, content) in [
            (vec![3, 1], vec![0, 0], None),
            (vec![4], vec![0], None),
            (vec![0], vec![2], None),
            (vec![0], vec![1], Some(vec![0; 8])),
            (vec![0], vec![], None),
        ] {
            let poison = Poison { rows, labels, content: content.map(tiny_images), ..Poison::default() };
            assert!(Poisoned::new(&clean, &poison).is_err());
        }
    }
}
