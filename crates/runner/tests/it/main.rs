//! The program as its users run it: whole experiments, bad input, interruption.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests are tests

mod audit;
mod bad_input;
mod commands;
mod effects;
mod kills;
mod mock;
mod program;
mod reliability;
