//! Columns of equal length, as parquet.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::record::Field;
use parquet::schema::types::{Type, TypePtr};

use crate::{Error, write_whole};

/// The values of a column, none missing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Column {
    Int(Vec<i64>),
    Real(Vec<f64>),
    Bool(Vec<bool>),
    Text(Vec<String>),
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Int(v) => v.len(),
            Self::Real(v) => v.len(),
            Self::Bool(v) => v.len(),
            Self::Text(v) => v.len(),
        }
    }

    fn field(&self, name: &str) -> Result<TypePtr, ParquetError> {
        let (kind, logical) = match self {
            Self::Int(_) => (PhysicalType::INT64, None),
            Self::Real(_) => (PhysicalType::DOUBLE, None),
            Self::Bool(_) => (PhysicalType::BOOLEAN, None),
            Self::Text(_) => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let field = Type::primitive_type_builder(name, kind).with_repetition(Repetition::REQUIRED);
        field.with_logical_type(logical).build().map(Arc::new)
    }

    fn empty(field: &Field) -> Option<Self> {
        match field {
            Field::Long(_) => Some(Self::Int(Vec::new())),
            Field::Double(_) => Some(Self::Real(Vec::new())),
            Field::Bool(_) => Some(Self::Bool(Vec::new())),
            Field::Str(_) => Some(Self::Text(Vec::new())),
            _ => None,
        }
    }

    fn push(&mut self, field: &Field) -> bool {
        match (self, field) {
            (Self::Int(column), Field::Long(v)) => column.push(*v),
            (Self::Real(column), Field::Double(v)) => column.push(*v),
            (Self::Bool(column), Field::Bool(v)) => column.push(*v),
            (Self::Text(column), Field::Str(v)) => column.push(v.clone()),
            _ => return false,
        }
        true
    }
}

/// The entry of a file's metadata that says which stage its numbers come from.
const STAGE: &str = "aconite.stage";

/// Writes columns as a parquet file (snappy) whose schema is called `name`. `stage` is the key of the stage that
/// the numbers come from.
pub(crate) fn write(path: &Path, name: &str, stage: &str, columns: &[(String, Column)]) -> Result<(), Error> {
    let n = columns.first().map_or(0, |(_, c)| c.len());
    if columns.iter().any(|(_, c)| c.len() != n) {
        return Err(Error::damaged(path, format_args!("the columns of the {name} differ in length")));
    }
    let bytes = encode(name, stage, columns).map_err(|e| Error::damaged(path, e))?;
    write_whole(path, &bytes)
}

fn encode(name: &str, stage: &str, columns: &[(String, Column)]) -> Result<Vec<u8>, ParquetError> {
    let fields = columns.iter().map(|(name, column)| column.field(name)).collect::<Result<_, _>>()?;
    let schema = Arc::new(Type::group_type_builder(name).with_fields(fields).build()?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        // A fixed writer name keeps the file's bytes the same for the same rows.
        .set_created_by("aconite".to_owned())
        .set_key_value_metadata(Some(vec![KeyValue::new(STAGE.to_owned(), stage.to_owned())]))
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    for (_, column) in columns {
        let Some(mut out) = group.next_column()? else { break };
        match column {
            Column::Int(v) => out.typed::<Int64Type>().write_batch(v, None, None)?,
            Column::Real(v) => out.typed::<DoubleType>().write_batch(v, None, None)?,
            Column::Bool(v) => out.typed::<BoolType>().write_batch(v, None, None)?,
            Column::Text(v) => {
                let v: Vec<ByteArray> = v.iter().map(|text| text.as_str().into()).collect();
                out.typed::<ByteArrayType>().write_batch(&v, None, None)?
            }
        };
        out.close()?;
    }
    group.close()?;
    writer.into_inner()
}

/// The key of the stage that a file's numbers come from; `None` if there is no such file or it does not say.
pub fn stage_of(path: &Path) -> Option<String> {
    let reader = SerializedFileReader::new(File::open(path).ok()?).ok()?;
    let facts = reader.metadata().file_metadata().key_value_metadata()?;
    facts.iter().find(|fact| fact.key == STAGE)?.value.clone()
}

/// Reads the columns of a parquet file. A file without rows has no columns.
pub(crate) fn read(path: &Path) -> Result<Vec<(String, Column)>, Error> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let damaged = |e: ParquetError| Error::damaged(path, e);
    let reader = SerializedFileReader::new(file).map_err(damaged)?;
    let mut columns: Vec<(String, Column)> = Vec::new();
    for row in reader.get_row_iter(None).map_err(damaged)? {
        let row = row.map_err(damaged)?;
        for (at, (name, field)) in row.get_column_iter().enumerate() {
            if columns.len() == at {
                let column = Column::empty(field).ok_or_else(|| {
                    Error::damaged(path, format_args!("column {name:?} is of an unknown type"))
                })?;
                columns.push((name.clone(), column));
            }
            if !columns[at].1.push(field) {
                return Err(Error::damaged(path, format_args!("column {name:?} mixes types")));
            }
        }
    }
    Ok(columns)
}
