//! Starts cargo and the programs it builds, with an environment in which libtorch is found.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;

use crate::libtorch::{FOLDER, LIBTORCH, USE_PYTORCH};

#[cfg(target_os = "macos")]
const LIBRARY_PATH: &str = "DYLD_LIBRARY_PATH";
#[cfg(not(target_os = "macos"))]
const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// A workspace whose libtorch is in place.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    keep: Option<&'static str>,
}

impl Workspace {
    /// `keep` is the variable of the user by which libtorch was chosen.
    pub(crate) fn new(root: PathBuf, keep: Option<&'static str>) -> Self {
        Self { root, keep }
    }

    /// Where the workspace is.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// `cargo` with these arguments.
    pub(crate) fn cargo<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = cargo(&self.root, args);
        // The build script of torch-sys must see what plain cargo would show it, or each change
        // between the two would compile it again, which takes minutes.
        for variable in [LIBTORCH, USE_PYTORCH] {
            if self.keep != Some(variable) {
                command.env_remove(variable);
            }
        }
        self.add_library_path(&mut command);
        command
    }

    /// The run paths in `.cargo/config.toml` fail a program whose target directory is elsewhere.
    fn add_library_path(&self, command: &mut Command) {
        let mut paths = vec![self.root.join(FOLDER).join("lib")];
        if let Some(before) = std::env::var_os(LIBRARY_PATH) {
            paths.extend(std::env::split_paths(&before));
        }
        if let Ok(paths) = std::env::join_paths(paths) {
            command.env(LIBRARY_PATH, paths);
        }
    }

    /// Builds `aconite` and returns where it is.
    pub(crate) fn build_aconite(&self) -> Result<PathBuf> {
        self.build(&["build", "--release", "--bin", "aconite"], "aconite")
    }

    /// Builds an example of a package and returns where it is.
    pub(crate) fn build_example(&self, package: &str, name: &str) -> Result<PathBuf> {
        self.build(&["build", "--release", "--package", package, "--example", name], name)
    }

    /// Builds by these arguments of cargo and returns where the program `name` is.
    fn build(&self, arguments: &[&str], name: &str) -> Result<PathBuf> {
        // Cargo is asked, because the target directory may be set in many places.
        let mut command = self.cargo(arguments);
        command.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
        let mut child = command.spawn().context("failed to start cargo")?;
        let output = child.stdout.take().context("cargo has no output")?;
        let mut binary = None;
        for line in BufReader::new(output).lines() {
            let line = line.context("failed to read what cargo says")?;
            binary = executable(&line, name).or(binary);
        }
        let status = child.wait().context("failed to wait for cargo")?;
        if !status.success() {
            bail!("`cargo {}` failed", arguments.join(" "));
        }
        binary.ok_or_else(|| anyhow!("cargo built no program `{name}`"))
    }

    /// A program that was built, with libtorch where it finds it.
    pub(crate) fn program(&self, binary: &Path) -> Command {
        let mut command = Command::new(binary);
        self.add_library_path(&mut command);
        command
    }

    /// The target directory, which may be set in many places: cargo is asked.
    pub(crate) fn target(&self) -> Result<PathBuf> {
        let output = cargo(&self.root, ["metadata", "--no-deps", "--format-version=1"])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .context("failed to start cargo metadata")?;
        let metadata: Value =
            serde_json::from_slice(&output.stdout).context("failed to parse `cargo metadata`")?;
        let target = metadata["target_directory"].as_str().context("cargo names no target directory")?;
        Ok(PathBuf::from(target))
    }

    /// Turns this process into `aconite run ARGS…`, so that signals and exit codes need no relay.
    pub(crate) fn become_program(&self, binary: &Path, args: &[OsString]) -> Result<()> {
        let error = self.program(binary).arg("run").args(args).exec();
        Err(error).with_context(|| format!("failed to start {}", binary.display()))
    }
}

/// `cargo` with these arguments, without what the `cargo run` that started us added about xtask.
pub(crate) fn cargo<S: AsRef<OsStr>>(root: &Path, args: impl IntoIterator<Item = S>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.args(args).current_dir(root);
    for (name, _) in std::env::vars_os() {
        let about_xtask = name
            .to_str()
            .is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if about_xtask {
            command.env_remove(name);
        }
    }
    command
}

/// Whether a cargo subcommand such as `fmt` is installed.
pub(crate) fn has_subcommand(root: &Path, name: &str) -> bool {
    cargo(root, [name, "--version"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The path of program `name`, if this message of cargo reports that it was built.
fn executable(message: &str, name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    if message["reason"] != "compiler-artifact" || message["target"]["name"] != name {
        return None;
    }
    message["executable"].as_str().map(PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_cargos_messages() {
        let artifact = |name: &str, executable: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","target":{{"name":"{name}"}},"executable":{executable}}}"#
            )
        };
        let found = |message: &str| executable(message, "aconite");
        assert_eq!(found(&artifact("aconite", r#""/t/aconite""#)), Some("/t/aconite".into()));
        assert_eq!(found(&artifact("aconite", "null")), None);
        assert_eq!(found(&artifact("other", r#""/t/other""#)), None);
        assert_eq!(found(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(found("   Compiling aconite"), None);
    }

    #[test]
    fn a_subcommand_that_is_not_installed_is_noticed() {
        assert!(!has_subcommand(Path::new("."), "no-such-subcommand"));
    }

    #[test]
    fn builds_see_the_variable_that_chose_libtorch_and_no_other() {
        let removed = |keep| {
            let workspace = Workspace::new(PathBuf::from("."), keep);
            let command = workspace.cargo(["build"]);
            let names: Vec<_> = command
                .get_envs()
                .filter(|(_, value)| value.is_none())
                .map(|(name, _)| name.to_owned())
                .collect();
            [LIBTORCH, USE_PYTORCH].map(|name| names.iter().any(|removed| removed == name))
        };
        assert_eq!(removed(None), [true, true]);
        assert_eq!(removed(Some(LIBTORCH)), [false, true]);
        assert_eq!(removed(Some(USE_PYTORCH)), [true, false]);
    }
}
