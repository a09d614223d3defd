//! Data sets out of arrays: images and labels, or rows of numbers and labels.

use std::sync::Arc;

use aconite_core::{Dataset, Error, Images, Origins, Rate, Result, Rows, Shape};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::columns::Columns;
use crate::formats::array::{Array, Element};
use crate::formats::by;
use crate::vocabulary::CLASSES;
use crate::{Split, division};

/// The order of an image array's dimensions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum Layout {
    /// Rows × channels × height × width, as PyTorch has it.
    #[default]
    Nchw,
    /// Rows × height × width × channels, as Keras and TensorFlow have it.
    Nhwc,
}

/// Content and labels as they were read, and what they are called in messages.
#[derive(Debug)]
pub(crate) struct Pair {
    /// Images or numbers.
    pub(crate) content: Array,
    /// A whole number for each row.
    pub(crate) labels: Array,
    /// `x.npz: array "images"`.
    pub(crate) content_name: String,
    /// Likewise.
    pub(crate) labels_name: String,
    /// The file for origins.
    pub(crate) file: String,
}

/// What is made of training and test arrays.
pub(crate) struct Plan {
    pub(crate) layout: Layout,
    pub(crate) standardise: bool,
    pub(crate) test_share: Rate,
    pub(crate) split_seed: u64,
}

/// Makes a data set of one or two pairs; without a test pair the training pair is divided.
pub(crate) fn split(train: Pair, test: Option<Pair>, plan: &Plan) -> Result<Split> {
    let labels = labels(&train)?;
    let k = check_classes(&labels, &train.labels_name)?;
    let names: Vec<String> = (0..k).map(|class| class.to_string()).collect();
    let mut all = labels.clone();
    let mut origins = Origins::lines(&train.file, labels.len());
    if let Some(test) = &test {
        let labels = self::labels(test)?;
        if let Some(row) = labels.iter().position(|&label| label >= k) {
            return Err(Error::new(format!(
                "{}: row {} has label {}, expected 0 to {} as in the training rows",
                test.labels_name,
                row + 1,
                labels.get(row).copied().unwrap_or_default(),
                k - 1
            )));
        }
        origins = origins.followed_by(&Origins::lines(&test.file, labels.len()));
        all.extend(labels);
    }
    let n = labels.len();
    let has_test = test.is_some();
    let content = content(train, test, plan.layout)?;
    let (train_rows, test_rows) = match has_test {
        true => (0..all.len()).partition(|&row| row < n),
        false => division::rows(&labels, &names, plan.test_share, plan.split_seed)?,
    };
    let rows: Rows = match content {
        Content::Images(images) => images.into(),
        Content::Columns(columns) => columns.table(&train_rows, plan.standardise)?.into(),
    };
    let whole = Dataset::new(rows, all, Arc::new(names))?.with_origins(origins)?;
    Ok(Split { train: whole.select(&train_rows)?, test: whole.select(&test_rows)? })
}

enum Content {
    Images(Images),
    Columns(Columns),
}

/// What the training arrays, and behind them the test arrays, hold.
fn content(train: Pair, test: Option<Pair>, layout: Layout) -> Result<Content> {
    if train.content.element() != Element::U8 || train.content.shape().len() <= 2 {
        let mut columns = None;
        for pair in [Some(train), test].into_iter().flatten() {
            gather(&pair, &mut columns)?;
        }
        return Ok(Content::Columns(columns.unwrap_or_default()));
    }
    let (shape, mut bytes) = images(train.content, &train.content_name, layout)?;
    if let Some(test) = test {
        let (found, name) = (test.content.kind(), test.content_name);
        if test.content.element() != Element::U8 {
            return Err(Error::new(format!(
                "{name}: {found}, expected images of u8 as in the training rows"
            )));
        }
        let (other, more) = images(test.content, &name, layout)?;
        if other != shape {
            return Err(Error::new(format!("{name}: images of {other}, expected {shape}")));
        }
        bytes.extend(more);
    }
    Ok(Content::Images(Images::new(shape, bytes)?))
}

/// The labels of a pair, checked against the number of its rows.
pub(crate) fn labels(pair: &Pair) -> Result<Vec<usize>> {
    let wrong = |what: String| Error::new(format!("{}: {what}", pair.labels_name));
    let n = pair.content.shape().first().copied().unwrap_or_default();
    match pair.labels.shape() {
        [rows] | [rows, 1] if *rows == n => {}
        _ => {
            let (found, content) = (pair.labels.kind(), &pair.content_name);
            return Err(wrong(format!(
                "{found}, expected a whole number for each of the {n} rows of {content}"
            )));
        }
    }
    pair.labels
        .numbers()
        .enumerate()
        .map(|(row, label)| match label {
            l if l.fract() == 0.0 && (0.0..CLASSES as f64).contains(&l) => Ok(l as usize),
            other => Err(wrong(format!("row {} has label {other}, expected 0 to {}", row + 1, CLASSES - 1))),
        })
        .collect()
}

/// The number of classes, all of which have rows.
fn check_classes(labels: &[usize], name: &str) -> Result<usize> {
    let k = labels.iter().max().map_or(0, |&most| most + 1);
    let mut rows = vec![0usize; k];
    for &label in labels {
        if let Some(rows) = rows.get_mut(label) {
            *rows += 1;
        }
    }
    let empty: Vec<String> =
        rows.iter().enumerate().filter(|(_, rows)| **rows == 0).map(|(class, _)| class.to_string()).collect();
    if let (Some(_), true) = (empty.first(), k > 1) {
        let some = empty.iter().take(10).cloned().collect::<Vec<_>>().join(", ");
        let message = format!("{name}: there are labels up to {}, but none is {some}", k - 1);
        return Err(Error::new(message).hint("number the classes from 0 without gaps"));
    }
    match k {
        0 => Err(Error::new(format!("{name}: there are no rows"))),
        1 => {
            Err(Error::new(format!("{name}: all rows are of class 0")).hint("there is nothing to tell apart"))
        }
        k => Ok(k),
    }
}

/// Images in N×C×H×W.
pub(crate) fn images(array: Array, name: &str, layout: Layout) -> Result<(Shape, Vec<u8>)> {
    let (height, width, channels, turn) = match (array.shape(), layout) {
        (&[_, h, w], _) => (h, w, 1, false),
        (&[_, c, h, w], Layout::Nchw) => (h, w, c, false),
        (&[_, h, w, c], Layout::Nhwc) => (h, w, c, true),
        (shape, _) => {
            let found = by(shape);
            return Err(Error::new(format!("{name}: {found}, expected images in three or four dimensions")));
        }
    };
    if !matches!(channels, 1 | 3) {
        let message = format!("{name}: images of {channels} channels, expected 1 or 3");
        return Err(
            Error::at("layout", message).hint("`layout` says where the channels are: \"nchw\" or \"nhwc\"")
        );
    }
    let shape = Shape { channels, height, width };
    if height == 0 || width == 0 {
        return Err(Error::new(format!(
            "{name}: images of {shape}, without pixels",
            shape = by(array.shape())
        )));
    }
    let bytes = array.into_bytes();
    if !turn || channels == 1 {
        return Ok((shape, bytes));
    }
    let mut turned = Vec::with_capacity(bytes.len());
    for image in bytes.chunks_exact(shape.pixels()) {
        for channel in 0..channels {
            turned.extend(image.iter().skip(channel).step_by(channels));
        }
    }
    Ok((shape, turned))
}

/// Appends rows of numbers.
fn gather(pair: &Pair, columns: &mut Option<Columns>) -> Result<()> {
    let wrong = |what: String| Error::new(format!("{}: {what}", pair.content_name));
    let &[_, d] = pair.content.shape() else {
        let hint = match pair.content.element().is_whole() {
            true => "images are u8",
            false => "images are u8: save (255 * x).round().astype(\"uint8\")",
        };
        let message = format!("{}, expected images as u8 or rows × columns of numbers", pair.content.kind());
        return Err(wrong(message).hint(hint));
    };
    if d == 0 || d > 1_000_000 {
        return Err(wrong(format!("{d} columns, expected 1 to 1000000")));
    }
    let columns = columns.get_or_insert_with(|| Columns::of_numbers((1..=d).map(|i| format!("c{i}"))));
    if columns.width() != d {
        return Err(wrong(format!("{d} columns, expected {} as in the training rows", columns.width())));
    }
    let numbers: Vec<f64> = pair.content.numbers().collect();
    if let Some(at) = numbers.iter().position(|x| x.is_nan() || x.abs() > f64::from(f32::MAX)) {
        let found = numbers.get(at).copied().unwrap_or_default();
        return Err(wrong(format!("row {}, column {}: {found} is not finite", at / d + 1, at % d + 1)));
    }
    for row in numbers.chunks_exact(d) {
        columns.push_numbers(row.iter().copied());
    }
    Ok(())
}
