//! A data set resident in memory as libtorch wants it.

use aconite_core::{Batch, Dataset, Error, Images, Info, Result, RowKind, Rows, Shape};
use tch::{Device, Kind, Tensor};

use crate::vocabulary::Vocabulary;

/// The label of a row that is nobody's.
pub(crate) const NOBODY: i64 = -100;

/// Images as one u8 tensor N×H×W×C, a table as one f32 tensor N×D, or words as one i64 tensor N×L, gathered a batch at a
/// time; labels as i64.
#[derive(Debug)]
pub struct Resident {
    rows: Tensor,
    labels: Tensor,
}

impl Resident {
    /// Lays out a data set.
    ///
    /// # Errors
    /// Its rows are neither images nor a table.
    pub fn new(data: &Dataset) -> Result<Self> {
        Ok(Self::of(pixels(data.rows())?, data.labels()))
    }

    /// Takes rows of numbers, f32 N×D or i64 N×L.
    pub fn of(rows: Tensor, labels: &[usize]) -> Self {
        Self { rows, labels: index(labels) }
    }

    /// With a row of zeros at the end that is nobody's, to fill batches with.
    ///
    /// # Errors
    /// libtorch has no memory for it.
    pub(crate) fn and_nobody(self) -> Result<Self> {
        let mut size = self.rows.size();
        size[0] = 1;
        let row = Tensor::zeros(size, (self.rows.kind(), self.rows.device()));
        let label = Tensor::full([1], NOBODY, (Kind::Int64, self.labels.device()));
        Ok(Self {
            rows: Tensor::f_cat(&[self.rows, row], 0)?,
            labels: Tensor::f_cat(&[self.labels, label], 0)?,
        })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.labels.size()[0] as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The rows `index` (i64): u8 B×H×W×C, f32 B×D or i64 B×L.
    pub fn batch(&self, index: &Tensor) -> Batch {
        Batch {
            inputs: self.rows.index_select(0, index),
            labels: self.labels.index_select(0, index),
            rows: index.shallow_clone(),
        }
    }
}

/// Images as a u8 tensor N×H×W×C, a table as an f32 tensor N×D.
///
/// # Errors
/// The rows are neither.
pub fn pixels(rows: &Rows) -> Result<Tensor> {
    match rows {
        Rows::Images(images) => {
            let shape = images.shape();
            let size = [images.len(), shape.channels, shape.height, shape.width].map(|n| n as i64);
            let planar = Tensor::from_data_size(images.bytes(), &size, Kind::Uint8);
            Ok(planar.permute([0, 2, 3, 1]).contiguous())
        }
        Rows::Table(table) => {
            Ok(Tensor::from_slice(table.values()).view([table.len() as i64, table.columns().len() as i64]))
        }
        Rows::Documents(_) => Err(no_numbers(&rows.kind())),
    }
}

/// Images and tables as [`pixels`] has them, texts and messages as the numbers of their words.
///
/// # Errors
/// There is no vocabulary for documents, or one for other rows.
pub(crate) fn numbers(rows: &Rows, vocabulary: Option<&Vocabulary>) -> Result<Tensor> {
    match vocabulary {
        Some(vocabulary) => Ok(vocabulary.numbers(rows.documents()?)),
        None => pixels(rows),
    }
}

/// The shape that a network is built for: that of an image, or 1×1×D for a table of D columns.
pub(crate) fn shape(info: &Info) -> Result<Shape> {
    match &info.kind {
        RowKind::Image(shape) => Ok(*shape),
        RowKind::Table(columns) => Ok(Shape { channels: 1, height: 1, width: columns.len() }),
        kind => Err(no_numbers(kind)),
    }
}

fn no_numbers(kind: &RowKind) -> Error {
    Error::new(format!("this network reads images or numbers, but the data set holds {kind}"))
        .hint("embedding_bag and text_cnn read words")
}

/// The images of a tensor B×H×W×C in 0–255: rounded to the nearest byte (halves to even) and clipped.
///
/// # Errors
/// It has another shape.
pub fn images(pixels: &Tensor, shape: Shape) -> Result<Images> {
    let bytes = pixels.detach().f_round()?.f_clamp(0.0, 255.0)?.f_to_kind(Kind::Uint8)?;
    let planar = bytes.f_permute([0, 3, 1, 2])?.f_contiguous()?;
    Images::new(shape, Vec::<u8>::try_from(planar.f_flatten(0, -1)?)?)
}

/// What a network takes of u8 or f32 pixels B×H×W×C in 0–255, or of a table B×D; differentiable. Of images: B×C×H×W
/// with channels-last strides, values x/127.5 − 1 in [−1, 1]; of a table its B×D numbers as they are; of words their
/// numbers, i64 B×L.
///
/// The scale is fixed. Statistics of the training set would let an attack shift the inputs of its clean twin.
pub fn input(batch: &Tensor, kind: Kind) -> Tensor {
    // The numbers of words are names, and no other kind of number holds them all.
    if batch.kind() == Kind::Int64 {
        return batch.shallow_clone();
    }
    if batch.dim() == 2 {
        return batch.to_kind(kind);
    }
    let scaled = match batch.kind() {
        // The numbers are new ones, and nobody else's: they can be changed where they are.
        Kind::Uint8 => batch.to_kind(Kind::Float).g_mul_scalar_(1.0 / 127.5).g_sub_scalar_(1.0),
        _ => batch.to_kind(Kind::Float) * (1.0 / 127.5) - 1.0,
    };
    scaled.to_kind(kind).permute([0, 3, 1, 2])
}

/// Rows `from..to` of a resident tensor.
pub(crate) fn rows(all: &Tensor, from: usize, to: usize) -> Tensor {
    all.slice(0, from as i64, to as i64, 1)
}

/// Row numbers as an index tensor.
pub(crate) fn index(rows: &[usize]) -> Tensor {
    let rows: Vec<i64> = rows.iter().map(|&r| r as i64).collect();
    Tensor::from_slice(&rows).to_device(Device::Cpu)
}
