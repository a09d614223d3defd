//! Rows, labels and class names.

use std::sync::Arc;

use crate::rows::needs;
use crate::{Error, Images, Origins, Result, RowKind, Rows, Shape};

/// Labelled rows. What attacks, defenses and learners see: it does not know what is poisoned.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    rows: Rows,
    labels: Vec<usize>,
    classes: Arc<Vec<String>>,
    origins: Origins,
}

impl Dataset {
    /// Joins content, labels and class names.
    ///
    /// # Errors
    /// The numbers differ, there is no row, or a label names no class.
    pub fn new(rows: impl Into<Rows>, labels: Vec<usize>, classes: Arc<Vec<String>>) -> Result<Self> {
        let rows = rows.into();
        if rows.len() != labels.len() {
            return Err(Error::new(format!("{} rows but {} labels", rows.len(), labels.len())));
        }
        if labels.is_empty() {
            return Err(Error::new("the data set has no rows"));
        }
        if let Some((row, label)) = labels.iter().enumerate().find(|(_, l)| **l >= classes.len()) {
            return Err(Error::new(format!(
                "row {row} has label {label}, but there are {} classes",
                classes.len()
            )));
        }
        let origins = Origins::lines("row", labels.len());
        Ok(Self { rows, labels, classes, origins })
    }

    /// Says where the rows came from.
    ///
    /// # Errors
    /// The numbers differ.
    pub fn with_origins(mut self, origins: Origins) -> Result<Self> {
        if origins.len() != self.len() {
            return Err(Error::new(format!("{} rows but {} origins", self.len(), origins.len())));
        }
        self.origins = origins;
        Ok(self)
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Never true: a data set has rows.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The content of the rows.
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The content of the rows, to change. Their number and kind must stay.
    pub fn rows_mut(&mut self) -> &mut Rows {
        &mut self.rows
    }

    /// The images.
    ///
    /// # Errors
    /// The rows are something else.
    pub fn images(&self) -> Result<&Images> {
        self.rows.images()
    }

    /// Where the rows came from.
    pub fn origins(&self) -> &Origins {
        &self.origins
    }

    /// The labels, one per row.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The labels, to change. A label must stay below [`Dataset::num_classes`].
    pub fn labels_mut(&mut self) -> &mut [usize] {
        &mut self.labels
    }

    /// Names of the classes.
    pub fn classes(&self) -> &Arc<Vec<String>> {
        &self.classes
    }

    /// Number of classes.
    pub fn num_classes(&self) -> usize {
        self.classes.len()
    }

    /// Rows with the given label, ascending.
    pub fn rows_of(&self, class: usize) -> Vec<usize> {
        self.rows_where(|label| label == class)
    }

    /// Rows whose label satisfies the condition, ascending.
    pub fn rows_where(&self, keep: impl Fn(usize) -> bool) -> Vec<usize> {
        (0..self.len()).filter(|&row| keep(self.labels[row])).collect()
    }

    /// The chosen rows, in the order given.
    ///
    /// # Errors
    /// No row is chosen.
    pub fn select(&self, rows: &[usize]) -> Result<Self> {
        let labels = rows.iter().map(|&row| self.labels[row]).collect();
        Self::new(self.rows.select(rows), labels, self.classes.clone())?
            .with_origins(self.origins.select(rows))
    }

    /// These rows and then those, which have the same classes.
    ///
    /// # Errors
    /// They are of another kind.
    pub fn followed_by(&self, more: &Self) -> Result<Self> {
        let labels = [self.labels(), more.labels()].concat();
        Self::new(self.rows.followed_by(&more.rows)?, labels, self.classes.clone())?
            .with_origins(self.origins.followed_by(&more.origins))
    }

    /// What can be known of the data without their content.
    pub fn info(&self) -> Info {
        Info {
            kind: self.rows.kind(),
            classes: self.classes.clone(),
            rows: (0..self.num_classes()).map(|c| self.rows_of(c).len()).collect(),
        }
    }
}

/// Kind and class sizes of a training set: what settings are checked against before anything runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Info {
    /// What the rows are.
    pub kind: RowKind,
    /// Names of the classes.
    pub classes: Arc<Vec<String>>,
    /// Training rows per class.
    pub rows: Vec<usize>,
}

impl Info {
    /// The shape of an image.
    ///
    /// # Errors
    /// The rows are no images.
    pub fn shape(&self) -> Result<Shape> {
        match &self.kind {
            RowKind::Image(shape) => Ok(*shape),
            other => Err(needs("images", other)),
        }
    }

    /// Checks that `class`, given by the setting `key`, exists.
    ///
    /// # Errors
    /// Names the class, the range and the classes' names.
    pub fn check_class(&self, key: &str, class: usize) -> Result<()> {
        let k = self.classes.len();
        if class < k {
            return Ok(());
        }
        let names: Vec<String> =
            self.classes.iter().enumerate().take(12).map(|(i, name)| format!("{i} {name}")).collect();
        Err(Error::at(key, format!("class {class} is out of range: the data set has classes 0 to {}", k - 1))
            .hint(format!("the classes are {}{}", names.join(", "), if k > 12 { ", …" } else { "" })))
    }

    /// The normal one of two classes: the one that the setting `normal` gives, else the one named `normal`, else 0.
    ///
    /// # Errors
    /// There are not two classes, or the given one does not exist.
    pub fn normal_class(&self, given: Option<usize>) -> Result<usize> {
        if self.classes.len() != 2 {
            let message = format!(
                "it tells normal rows from anomalies and needs two classes, but the data set has {}",
                self.classes.len()
            );
            return Err(Error::new(message).hint("keep two of them: dataset.classes = [0, 1]"));
        }
        match given {
            Some(class) => self.check_class("normal", class).map(|()| class),
            None => Ok(self.classes.iter().position(|name| name == "normal").unwrap_or(0)),
        }
    }

    /// Training rows of all classes.
    pub fn total(&self) -> usize {
        self.rows.iter().sum()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// 1×2×2 images whose first pixel is the row number.
    pub(crate) fn tiny(labels: &[usize]) -> Dataset {
        let bytes = (0..labels.len()).flat_map(|i| [i as u8, 1, 2, 3]).collect();
        let images = Images::new(Shape { channels: 1, height: 2, width: 2 }, bytes).unwrap();
        let k = labels.iter().max().unwrap() + 1;
        Dataset::new(images, labels.to_vec(), Arc::new((0..k).map(|c| format!("c{c}")).collect())).unwrap()
    }

    #[test]
    fn rows_and_labels_stay_together() {
        let data = tiny(&[0, 1, 0, 2]);
        let part = data.select(&[3, 0]).unwrap();
        assert_eq!(part.labels(), [2, 0]);
        assert_eq!(part.images().unwrap().image(0)[0], 3);
        assert_eq!(data.info().rows, [2, 1, 1]);
        let both = data.followed_by(&part).unwrap();
        assert_eq!((both.labels(), both.origins().of(4)), ([0, 1, 0, 2, 2, 0].as_slice(), "row:4".into()));
        assert_eq!(*both.rows(), data.rows().select(&[0, 1, 2, 3, 3, 0]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let data = tiny(&[0, 1]);
        let names = data.classes().clone();
        assert!(Dataset::new(data.rows().clone(), vec![0], names.clone()).is_err());
        assert!(Dataset::new(data.rows().clone(), vec![0, 5], names).is_err());
        assert!(data.select(&[]).is_err());
        assert!(Images::new(data.info().shape().unwrap(), vec![0; 5]).is_err());
        let error = data.info().check_class("target", 2).unwrap_err();
        assert!(error.message.contains("0 to 1"), "{error}");
    }

    #[test]
    fn changing_a_copy_leaves_the_original() {
        let data = tiny(&[0, 1]);
        let mut copy = data.clone();
        copy.rows_mut().replace(&[1], &data.rows().select(&[0])).unwrap();
        assert_eq!(data.images().unwrap().image(1)[0], 1);
        assert_eq!(copy.images().unwrap().image(1)[0], 0);
    }
}
