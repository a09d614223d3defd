//! Rows: the content of a data set, all of one kind.

use std::sync::Arc;

use crate::{Error, Result};

/// Channels, height and width of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Channels: 1 grey, 3 red-green-blue.
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
}

impl Shape {
    /// Bytes of one image.
    pub fn pixels(self) -> usize {
        self.channels * self.height * self.width
    }

    /// Place of a pixel in the bytes of one image (channel, row, column).
    pub fn at(self, channel: usize, row: usize, column: usize) -> usize {
        (channel * self.height + row) * self.width + column
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}×{}×{}", self.channels, self.height, self.width)
    }
}

/// What rows are: their kind, and what all of them share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowKind {
    /// Images of one shape.
    Image(Shape),
    /// Numbers under these column names.
    Table(Arc<Vec<String>>),
    /// Texts in UTF-8.
    Text,
    /// Raw e-mail messages as they travel.
    Mail,
}

impl RowKind {
    /// Whether they are texts or messages.
    pub fn are_documents(&self) -> bool {
        matches!(self, Self::Text | Self::Mail)
    }

    /// The word used in messages and results: `image`, `table`, `text` or `mail`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Image(_) => "image",
            Self::Table(_) => "table",
            Self::Text => "text",
            Self::Mail => "mail",
        }
    }
}

impl std::fmt::Display for RowKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Image(shape) => write!(f, "images of {shape}"),
            Self::Table(columns) => write!(f, "rows of {} numbers", columns.len()),
            Self::Text => f.write_str("texts"),
            Self::Mail => f.write_str("e-mail messages"),
        }
    }
}

/// The content of rows, all of one kind. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// N×C×H×W bytes.
    Images(Images),
    /// N×D numbers.
    Table(Table),
    /// N texts or messages.
    Documents(Documents),
}

impl From<Images> for Rows {
    fn from(images: Images) -> Self {
        Self::Images(images)
    }
}

impl From<Table> for Rows {
    fn from(table: Table) -> Self {
        Self::Table(table)
    }
}

impl From<Documents> for Rows {
    fn from(documents: Documents) -> Self {
        Self::Documents(documents)
    }
}

impl Rows {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Images(images) => images.len(),
            Self::Table(table) => table.len(),
            Self::Documents(documents) => documents.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What they are.
    pub fn kind(&self) -> RowKind {
        match self {
            Self::Images(images) => RowKind::Image(images.shape()),
            Self::Table(table) => RowKind::Table(table.columns().clone()),
            Self::Documents(documents) if documents.are_mail() => RowKind::Mail,
            Self::Documents(_) => RowKind::Text,
        }
    }

    /// The chosen rows, in the order given. A number may occur more than once.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Images(images) => Self::Images(images.select(rows)),
            Self::Table(table) => Self::Table(table.select(rows)),
            Self::Documents(documents) => Self::Documents(documents.select(rows)),
        }
    }

    /// Puts `content` in the place of the rows `rows`, one each.
    ///
    /// # Errors
    /// They are of another kind or number, or a row does not exist.
    pub fn replace(&mut self, rows: &[usize], content: &Self) -> Result<()> {
        if rows.len() != content.len() || rows.iter().any(|&row| row >= self.len()) {
            return Err(Error::new(format!(
                "{} rows cannot take the place of {}",
                content.len(),
                rows.len()
            )));
        }
        if self.kind() != content.kind() {
            return Err(Error::new(format!("{} cannot take the place of {}", content.kind(), self.kind())));
        }
        match (self, content) {
            (Self::Images(ours), Self::Images(new)) => {
                for (i, &row) in rows.iter().enumerate() {
                    ours.image_mut(row).copy_from_slice(new.image(i));
                }
            }
            (Self::Table(ours), Self::Table(new)) => {
                for (i, &row) in rows.iter().enumerate() {
                    ours.row_mut(row).copy_from_slice(new.row(i));
                }
            }
            (Self::Documents(ours), Self::Documents(new)) => {
                for (i, &row) in rows.iter().enumerate() {
                    Arc::make_mut(&mut ours.documents)[row] = new.documents[i].clone();
                }
            }
            _ => {} // of one kind, as seen above
        }
        Ok(())
    }

    /// These rows and then those.
    ///
    /// # Errors
    /// They are of another kind.
    pub fn followed_by(&self, more: &Self) -> Result<Self> {
        if self.kind() != more.kind() {
            return Err(Error::new(format!("{} cannot follow {}", more.kind(), self.kind())));
        }
        match (self, more) {
            (Self::Images(ours), Self::Images(new)) => {
                Ok(Images::new(ours.shape(), [ours.bytes(), new.bytes()].concat())?.into())
            }
            (Self::Table(ours), Self::Table(new)) => {
                Ok(Table::new(ours.columns().clone(), [ours.values(), new.values()].concat())?.into())
            }
            (Self::Documents(ours), Self::Documents(new)) => {
                let documents = ours.documents.iter().chain(new.documents.iter()).cloned().collect();
                Ok(Documents { mail: ours.mail, documents: Arc::new(documents) }.into())
            }
            _ => Ok(self.clone()), // of one kind, as seen above
        }
    }

    /// The images.
    ///
    /// # Errors
    /// The rows are something else.
    pub fn images(&self) -> Result<&Images> {
        match self {
            Self::Images(images) => Ok(images),
            other => Err(needs("images", &other.kind())),
        }
    }

    /// The table.
    ///
    /// # Errors
    /// The rows are something else.
    pub fn table(&self) -> Result<&Table> {
        match self {
            Self::Table(table) => Ok(table),
            other => Err(needs("a table", &other.kind())),
        }
    }

    /// The texts or messages.
    ///
    /// # Errors
    /// The rows are something else.
    pub fn documents(&self) -> Result<&Documents> {
        match self {
            Self::Documents(documents) => Ok(documents),
            other => Err(needs("texts or e-mail messages", &other.kind())),
        }
    }
}

/// The error of something that works on other rows.
pub(crate) fn needs(what: &str, found: &RowKind) -> Error {
    Error::new(format!("it works on {what}, but the data set holds {found}"))
}

/// N images of one shape: u8, N×C×H×W, 0 black and 255 white.
#[derive(Debug, Clone, PartialEq)]
pub struct Images {
    shape: Shape,
    bytes: Arc<Vec<u8>>,
}

impl Images {
    /// Takes the bytes of whole images.
    ///
    /// # Errors
    /// The number of bytes is not a multiple of an image's.
    pub fn new(shape: Shape, bytes: Vec<u8>) -> Result<Self> {
        if shape.pixels() == 0 || !bytes.len().is_multiple_of(shape.pixels()) {
            return Err(Error::new(format!("{} bytes are not whole images of {shape}", bytes.len())));
        }
        Ok(Self { shape, bytes: Arc::new(bytes) })
    }

    /// Channels, height, width.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.shape.pixels()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// All bytes, image after image.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of one image.
    pub fn image(&self, row: usize) -> &[u8] {
        let size = self.shape.pixels();
        &self.bytes[row * size..(row + 1) * size]
    }

    /// The bytes of one image, to change; copies the images first if they are shared.
    pub fn image_mut(&mut self, row: usize) -> &mut [u8] {
        let size = self.shape.pixels();
        &mut Arc::make_mut(&mut self.bytes)[row * size..(row + 1) * size]
    }

    /// The chosen images, in the order given.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut bytes = Vec::with_capacity(rows.len() * self.shape.pixels());
        for &row in rows {
            bytes.extend_from_slice(self.image(row));
        }
        Self { shape: self.shape, bytes: Arc::new(bytes) }
    }
}

/// N rows of D finite numbers: f32, N×D, under column names.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    columns: Arc<Vec<String>>,
    values: Arc<Vec<f32>>,
}

impl Table {
    /// Takes the values of whole rows.
    ///
    /// # Errors
    /// There is no column, the values are not whole rows, or one is not finite.
    pub fn new(columns: Arc<Vec<String>>, values: Vec<f32>) -> Result<Self> {
        let d = columns.len();
        if d == 0 || !values.len().is_multiple_of(d) {
            return Err(Error::new(format!("{} values are not whole rows of {d}", values.len())));
        }
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::new(format!(
                "row {}, column {:?}: {} is not finite",
                at / d,
                columns[at % d],
                values[at]
            )));
        }
        Ok(Self { columns, values: Arc::new(values) })
    }

    /// Names of the columns.
    pub fn columns(&self) -> &Arc<Vec<String>> {
        &self.columns
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.columns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// The values of one row.
    pub fn row(&self, row: usize) -> &[f32] {
        let d = self.columns.len();
        &self.values[row * d..(row + 1) * d]
    }

    /// The values of one row, to change; copies the table first if it is shared. They must stay finite.
    pub fn row_mut(&mut self, row: usize) -> &mut [f32] {
        let d = self.columns.len();
        &mut Arc::make_mut(&mut self.values)[row * d..(row + 1) * d]
    }

    /// The chosen rows, in the order given.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let values = rows.iter().flat_map(|&row| self.row(row)).copied().collect();
        Self { columns: self.columns.clone(), values: Arc::new(values) }
    }
}

/// N documents: texts in UTF-8, or raw e-mail messages.
#[derive(Debug, Clone, PartialEq)]
pub struct Documents {
    mail: bool,
    documents: Arc<Vec<Arc<[u8]>>>,
}

impl Documents {
    /// Texts.
    pub fn texts(texts: impl IntoIterator<Item = String>) -> Self {
        let documents = texts.into_iter().map(|text| Arc::from(text.into_bytes())).collect();
        Self { mail: false, documents: Arc::new(documents) }
    }

    /// Raw e-mail messages (RFC 822), whatever bytes they hold.
    pub fn mail(messages: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { mail: true, documents: Arc::new(messages.into_iter().map(Arc::from).collect()) }
    }

    /// Whether they are e-mail messages.
    pub fn are_mail(&self) -> bool {
        self.mail
    }

    /// Number of documents.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// The bytes of one document; those of a text are UTF-8.
    pub fn bytes(&self, row: usize) -> &[u8] {
        &self.documents[row]
    }

    /// One document as text; in a message, what is not UTF-8 is replaced by U+FFFD.
    pub fn text(&self, row: usize) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.documents[row])
    }

    /// The chosen documents, in the order given.
    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        let documents = rows.iter().map(|&row| self.documents[row].clone()).collect();
        Self { mail: self.mail, documents: Arc::new(documents) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each_kind() -> Vec<Rows> {
        let shape = Shape { channels: 1, height: 1, width: 2 };
        let names = Arc::new(vec!["a".to_owned(), "b".to_owned()]);
        vec![
            Images::new(shape, vec![1, 2, 3, 4, 5, 6]).unwrap().into(),
            Table::new(names, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap().into(),
            Documents::texts(["one", "two", "three"].map(str::to_owned)).into(),
            Documents::mail([b"A: 1\n\n\xff".to_vec(), b"B: 2\n\nb".to_vec(), vec![]]).into(),
        ]
    }

    #[test]
    fn rows_of_every_kind_are_chosen_and_replaced() {
        for rows in each_kind() {
            let chosen = rows.select(&[2, 0]);
            assert_eq!((rows.len(), chosen.len(), chosen.kind()), (3, 2, rows.kind()));
            let mut changed = rows.clone();
            changed.replace(&[0, 1], &chosen).unwrap();
            assert_eq!(changed.select(&[0, 1]), chosen);
            assert_eq!(changed.select(&[2]), rows.select(&[2]), "the others stay");
            assert_eq!(rows, each_kind().into_iter().find(|r| r.kind() == rows.kind()).unwrap());
        }
    }

    #[test]
    fn rows_of_every_kind_follow_each_other() {
        for rows in each_kind() {
            let both = rows.followed_by(&rows.select(&[1])).unwrap();
            assert_eq!((both.len(), both.kind()), (4, rows.kind()));
            assert_eq!(both, rows.select(&[0, 1, 2, 1]));
        }
    }

    #[test]
    fn another_kind_or_number_is_refused() {
        let kinds = each_kind();
        for (i, rows) in kinds.iter().enumerate() {
            for (j, other) in kinds.iter().enumerate() {
                assert_eq!(rows.clone().replace(&[0, 1, 2], other).is_ok(), i == j);
                assert_eq!(rows.followed_by(other).is_ok(), i == j);
            }
            assert!(rows.clone().replace(&[0, 1], rows).is_err());
            assert!(rows.clone().replace(&[0, 1, 3], rows).is_err());
        }
        let error = kinds[1].images().unwrap_err();
        assert!(error.message.contains("rows of 2 numbers"), "{error}");
        assert!(kinds[0].table().is_err() && kinds[0].documents().is_err() && kinds[3].documents().is_ok());
    }

    #[test]
    fn tables_are_whole_and_finite() {
        let names = Arc::new(vec!["a".to_owned(), "b".to_owned()]);
        assert!(Table::new(names.clone(), vec![1.0]).is_err());
        assert!(Table::new(Arc::new(vec![]), vec![]).is_err());
        let error = Table::new(names, vec![1.0, 2.0, 3.0, f32::NAN]).unwrap_err();
        assert!(error.message.contains("row 1, column \"b\""), "{error}");
    }
}
