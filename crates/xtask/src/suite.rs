//! Runs the tests and the examples in the documentation, and closes with their numbers.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::cargo::{Workspace, has_subcommand};

/// Runs the tests; `args` go to the test runner.
pub(crate) fn run(workspace: &Workspace, args: &[OsString]) -> Result<()> {
    let mut failures = Vec::new();
    if has_subcommand(workspace.root(), "nextest") {
        eprintln!("running the tests with cargo-nextest");
        let mut command = workspace.cargo(["nextest", "run"]);
        add_arguments(&mut command, args);
        let status = command.status().context("failed to start cargo nextest")?;
        if !status.success() {
            failures.push("tests");
        }
    } else {
        eprintln!("running the tests with cargo test, because cargo-nextest is not installed");
        // Documentation examples have their own step below.
        let mut command = workspace.cargo(["test", "--no-fail-fast"]);
        command.args(["--lib", "--bins", "--tests"]);
        add_arguments(&mut command, args);
        let (passed, tally) = harness(command, true)?;
        eprintln!("tests: {tally}");
        if !passed {
            failures.push("tests");
        }
    }
    if args.is_empty() {
        // One line and not a block for each crate: the runner's summary above stays in sight.
        let command = workspace.cargo(["test", "--workspace", "--doc", "--no-fail-fast", "--quiet"]);
        let (passed, tally) = harness(command, false)?;
        eprintln!("documentation examples: {tally}");
        if !passed {
            failures.push("documentation examples");
        }
    } else {
        eprintln!("documentation examples: left out, because arguments select the tests");
    }
    if !failures.is_empty() {
        bail!("failed: {}", failures.join(", "));
    }
    Ok(())
}

/// Runs the test that kills runners and workers, with this many kills and no limit of time.
pub(crate) fn soak(workspace: &Workspace, kills: u32) -> Result<()> {
    let mut command = workspace.cargo(["test", "--package", "aconite", "--test", "it", "kills::", "--"]);
    command.arg("--nocapture").env("ACONITE_KILLS", kills.to_string());
    let status = command.status().context("failed to start cargo test")?;
    if !status.success() {
        bail!("a disturbed run gave other results than an undisturbed one");
    }
    Ok(())
}

/// The user's arguments, and the whole workspace unless they name packages.
fn add_arguments(command: &mut Command, args: &[OsString]) {
    let names_packages = args.iter().filter_map(|arg| arg.to_str()).any(|arg| {
        // `-p` may have its value attached.
        (arg.starts_with("-p") && !arg.starts_with("--")) || arg.starts_with("--package")
    });
    if !names_packages {
        command.arg("--workspace");
    }
    command.args(args);
}

/// The sums over all summaries of the standard test harness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} ignored", self.passed, self.failed, self.ignored)
    }
}

impl Tally {
    fn add(&mut self, line: &str) {
        let Some(summary) = line.strip_prefix("test result: ") else {
            return;
        };
        for part in summary.split([';', '.']) {
            let Some((number, what)) = part.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => (),
            }
        }
    }
}

/// Runs a command that ends in the standard test harness and adds its results up. Without `echo`
/// its output is shown only if it fails.
fn harness(mut command: Command, echo: bool) -> Result<(bool, Tally)> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("failed to start cargo test")?;
    let output = child.stdout.take().context("cargo test has no output")?;
    let mut tally = Tally::default();
    let mut kept = String::new();
    for line in BufReader::new(output).split(b'\n') {
        let line = line.context("failed to read the tests' output")?;
        let line = String::from_utf8_lossy(&line);
        tally.add(&line);
        if echo {
            println!("{line}");
        } else {
            kept.push_str(&line);
            kept.push('\n');
        }
    }
    let passed = child.wait().context("failed to wait for cargo test")?.success();
    if !passed {
        // Lost output matters less than the result.
        let _ = io::stdout().write_all(kept.as_bytes());
    }
    Ok((passed, tally))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_add_up() {
        let mut tally = Tally::default();
        for line in [
            "running 3 tests",
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s",
            "test result: FAILED. 10 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
        ] {
            tally.add(line);
        }
        assert_eq!(tally, Tally { passed: 13, failed: 2, ignored: 1 });
        assert_eq!(tally.to_string(), "13 passed, 2 failed, 1 ignored");
    }

    #[test]
    fn the_whole_workspace_is_tested_unless_packages_are_named() {
        let whole = |args: &[&str]| {
            let mut command = Command::new("cargo");
            add_arguments(&mut command, &args.iter().map(OsString::from).collect::<Vec<_>>());
            command.get_args().any(|arg| arg == "--workspace")
        };
        assert!(whole(&[]) && whole(&["some_test"]) && whole(&["--profile", "ci"]));
        assert!(!whole(&["-p", "xtask"]) && !whole(&["-pxtask"]) && !whole(&["--package=xtask"]));
    }

    #[test]
    fn the_result_of_the_command_is_kept_with_its_numbers() {
        let command = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        };
        let line = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured'";
        let (passed, tally) = harness(command(line), false).unwrap();
        assert!(passed);
        assert_eq!(tally.passed, 2);
        let (passed, _) = harness(command(&format!("{line}; exit 101")), false).unwrap();
        assert!(!passed);
    }
}
