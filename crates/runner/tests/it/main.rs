//! The program as its users run it: whole experiments, bad input, interruption.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests

mod audit;
mod bad_input;
mod commands;
mod data;
mod effects;
mod federations;
mod kills;
mod mock;
mod program;
mod reliability;
#[cfg(target_os = "linux")]
mod slurm;
mod streams;

// The server and the archives that the downloads themselves are tested with.
#[allow(dead_code)] // not all of it is needed here
#[path = "../../../data/src/fetch/server.rs"]
mod server;
#[allow(dead_code)]
#[path = "../../../data/src/fetch/testing.rs"]
mod testing;
