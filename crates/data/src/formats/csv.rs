//! Comma-separated values, a record at a time.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;

use csv::{ErrorKind, ReaderBuilder, StringRecord};

use super::Fault;

/// Longest record in bytes. A quote that is never closed makes one record of the rest of the file.
pub(crate) const LONGEST: u64 = 4 << 20;
/// Bytes that the csv crate reads ahead.
const BUFFER: u64 = 64 << 10;
/// Most columns.
const COLUMNS: usize = 100_000;

/// How a file is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect {
    /// What separates values.
    pub(crate) delimiter: u8,
    /// Whether values may stand in double quotes.
    pub(crate) quotes: bool,
    /// Whether the first record names the columns.
    pub(crate) header: bool,
}

impl Default for Dialect {
    fn default() -> Self {
        Self { delimiter: b',', quotes: true, header: true }
    }
}

/// What the reader and the source of its bytes share.
#[derive(Default)]
struct Shared {
    /// Bytes that may still come before a record ends.
    left: Cell<u64>,
    /// Bytes that came.
    read: Cell<u64>,
    /// Offsets of the line feeds among them that lie ahead of the records read.
    ahead: RefCell<VecDeque<u64>>,
    /// Line feeds behind.
    behind: Cell<u64>,
}

impl Shared {
    /// The line in which a record ends whose end has been read up to the offset `end`. The csv crate's own lines
    /// begin before the empty lines that it skips, and before the second half of CR LF.
    fn line(&self, end: u64) -> u64 {
        let mut ahead = self.ahead.borrow_mut();
        while ahead.front().is_some_and(|&feed| feed + 1 < end) {
            ahead.pop_front();
            self.behind.set(self.behind.get() + 1);
        }
        self.behind.get() + 1
    }
}

/// Lets a bounded number of bytes through until it is told that a record has ended.
struct Allowance<R> {
    inner: R,
    shared: Rc<Shared>,
}

impl<R: Read> Read for Allowance<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.shared.left.get();
        if left == 0 {
            return Err(io::Error::other(TooLong));
        }
        let most = buffer.len().min(left as usize);
        let n = self.inner.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.shared.left.set(left - n as u64);
        let from = self.shared.read.replace(self.shared.read.get() + n as u64);
        let feeds = buffer.iter().take(n).zip(from..).filter(|(byte, _)| **byte == b'\n');
        self.shared.ahead.borrow_mut().extend(feeds.map(|(_, offset)| offset));
        Ok(n)
    }
}

/// The error of a record beyond [`LONGEST`].
#[derive(Debug)]
struct TooLong;

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a record of more than {LONGEST} bytes")
    }
}

impl std::error::Error for TooLong {}

/// The column names, if the dialect has any; given before the first record.
pub(crate) type Names<'a> = Option<&'a StringRecord>;

/// Calls `each` for every record with its line and the column names. All have the same number of values, and
/// there is one at least.
pub(crate) fn records(
    reader: impl Read,
    dialect: Dialect,
    mut each: impl FnMut(Names, u64, &StringRecord) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let shared = Rc::new(Shared::default());
    shared.left.set(LONGEST + BUFFER);
    let mut reader = ReaderBuilder::new()
        .delimiter(dialect.delimiter)
        .quoting(dialect.quotes)
        .has_headers(false)
        .buffer_capacity(BUFFER as usize)
        .from_reader(Allowance { inner: reader, shared: shared.clone() });
    let mut names: Option<StringRecord> = None;
    let mut record = StringRecord::new();
    let mut any = false;
    let mut start = 1u64;
    loop {
        let more = reader.read_record(&mut record);
        let last = shared.line(reader.position().byte());
        let inside = record.as_slice().bytes().filter(|&byte| byte == b'\n').count() as u64;
        // A quote left open takes the file's last line feed with it.
        let line = last.saturating_sub(inside).max(start.saturating_sub(1)).max(1);
        match more {
            Ok(true) => {}
            Ok(false) if any => return Ok(()),
            Ok(false) => return Err(Fault::line(start, "the file has no rows")),
            Err(e) => return Err(fault(&e, start, line, names.as_ref(), dialect)),
        }
        shared.left.set(LONGEST + BUFFER);
        start = last + 1;
        if record.as_slice().len() as u64 > LONGEST {
            return Err(Fault::line(line, TooLong.to_string()));
        }
        if record.len() > COLUMNS {
            return Err(Fault::line(line, format!("{} columns, expected at most {COLUMNS}", record.len())));
        }
        if dialect.header && names.is_none() {
            names = Some(named(&record, line)?);
            continue;
        }
        any = true;
        each(names.as_ref(), line, &record)?;
    }
}

/// Column names without the mark that some programs put before UTF-8; none twice.
fn named(record: &StringRecord, line: u64) -> Result<StringRecord, Fault> {
    let names: StringRecord = record.iter().map(|name| name.trim_start_matches('\u{feff}').trim()).collect();
    let mut seen = std::collections::HashSet::new();
    match names.iter().find(|name| !seen.insert(*name)) {
        Some(twice) => Err(Fault::line(line, format!("two columns are called {twice:?}"))),
        None => Ok(names),
    }
}

/// The fault of a record: `start` is the first line behind the record before it, `at` the line in which it
/// begins, as far as that is known.
fn fault(error: &csv::Error, start: u64, at: u64, names: Names, dialect: Dialect) -> Fault {
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            Fault::line(at, format!("{len} values, expected {expected_len} as in the lines above"))
        }
        ErrorKind::Utf8 { err, .. } => {
            let column = match names.and_then(|n| n.get(err.field())) {
                Some(name) => format!("column {name:?}"),
                None => format!("column {}", err.field() + 1),
            };
            Fault::line(at, format!("{column} is not UTF-8 after {} bytes", err.valid_up_to()))
        }
        ErrorKind::Io(e) if e.get_ref().is_some_and(|e| e.is::<TooLong>()) => {
            let fault = Fault::line(start, TooLong.to_string());
            if dialect.quotes { fault.hint("is a double quote left open?") } else { fault }
        }
        ErrorKind::Io(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            Fault::line(start, "the compressed stream is cut off")
        }
        ErrorKind::Io(e) => Fault::line(start, format!("not readable: {e}")),
        _ => Fault::line(at, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_those_of_an_editor() {
        let lines = |text: &str| {
            let mut all = Vec::new();
            let read = records(text.as_bytes(), Dialect::default(), |_, line, _| {
                all.push(line);
                Ok(())
            });
            (all, read.map_err(|e| e.to_string()).err().unwrap_or_default())
        };
        assert_eq!(lines("a,b\n1,2\n\n\n\"x\ny\",2\n3,4").0, [2, 5, 7]);
        assert_eq!(lines("a,b\r\n1,2\r\n\r\n\"x\r\ny\",2\r\n3,4\r\n").0, [2, 4, 6]);
        let (before, message) = lines("a,b\r\n\r\n1,2\r\n\r\n1,2,3\r\n");
        assert_eq!(
            (before, message.as_str()),
            (vec![3], "line 5: 3 values, expected 2 as in the lines above")
        );
    }

    proptest! {
        #[test]
        fn any_texts_survive_the_way_through_a_file(
            rows in proptest::collection::vec(proptest::collection::vec("[^\u{feff}]{0,12}", 3), 1..8)
        ) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let bytes = writer.into_inner().unwrap();
            let mut read = Vec::new();
            let dialect = Dialect { header: false, ..Dialect::default() };
            records(bytes.as_slice(), dialect, |_, _, record| {
                read.push(record.iter().map(str::to_owned).collect::<Vec<_>>());
                Ok(())
            }).unwrap();
            prop_assert_eq!(read, rows);
        }
    }
}
