//! Where, when and with what a result was computed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Enough to say why two results differ, and to repeat one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Version of Aconite.
    pub version: String,
    /// Git revision that it was built from, with `+` when the tree had changes; empty outside a checkout.
    pub revision: String,
    /// libtorch's version.
    pub libtorch: String,
    /// The processor's name.
    pub cpu: String,
    /// Vector instruction class that libtorch picks its kernels by: `avx2`, `avx512`, `neon`, …
    pub isa: String,
    /// Number of logical processors.
    pub cores: usize,
    /// Threads per worker.
    pub threads: usize,
    /// Worker processes; 0 on a cluster, which runs as many as it has room for.
    pub jobs: usize,
    /// The host's name; of a cell, that of the one which computed its last stage.
    pub host: String,
    /// Of a cell whose stages were computed by several hosts: theirs, by the stage's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, Vec<String>>,
    /// Start, RFC 3339 in UTC.
    pub started: String,
    /// End, RFC 3339 in UTC; empty while running.
    pub ended: String,
}
