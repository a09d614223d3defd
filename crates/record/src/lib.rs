//! What a result is, and how it lies on disk.
//!
//! This crate owns the files of a results folder: the row of a cell (`cells.jsonl`, `cells.csv`), the
//! catalogue of metrics, the ledger of a filter run (`ledger/*.parquet`), predictions (`predictions/*.parquet`),
//! sample images, what model detectors found (`detections/*.json`), certificates (`certificates/*.json`) and the
//! provenance.
//! It knows nothing of libtorch, of TOML or of figures: whoever computes writes through it, whoever reports
//! reads through it.

mod cell;
mod certificates;
mod detection;
mod error;
mod files;
mod flat;
mod frame;
mod ledger;
pub mod metric;
mod predictions;
mod provenance;
mod rounds;
mod samples;
mod windows;

pub use cell::{CellRow, Status, dotted, read_cells};
pub use certificates::Certificates;
pub use detection::{Detection, Reversed};
pub use error::Error;
pub use files::{append_line, write_new, write_whole};
pub use flat::{ALWAYS, columns, leaves, read_flat, write_flat};
pub use frame::stage_of;
pub use ledger::{Ledger, Score};
pub use predictions::Predictions;
pub use provenance::Provenance;
pub use rounds::{RoundRow, Rounds};
pub use samples::Samples;
pub use windows::{WindowRow, Windows, damage, gap};

/// Version of the layout of a results folder. A reader refuses a newer one.
pub const SCHEMA: u32 = 1;
