//! On what the bench ran: the processor and the versions, and nothing that names the machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::libtorch;

/// Instructions that decide how fast a training step is.
const INSTRUCTIONS: [&str; 6] = ["avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "sve"];

/// What a topic's file says about where its figures come from.
pub(crate) fn about(root: &Path, command: &str, peers: Option<&Path>) -> Value {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    json!({
        "command": command,
        "revision": revision(root),
        "processor": field(&information, "model name").unwrap_or_else(|| std::env::consts::ARCH.into()),
        "instructions": instructions(&information),
        "cores": std::thread::available_parallelism().map_or(1, usize::from),
        "memory_gb": memory_gb(&fs::read_to_string("/proc/meminfo").unwrap_or_default()),
        "system": std::env::consts::OS,
        "rustc": first_line(Command::new("rustc").arg("--version"), "rustc "),
        "libtorch": libtorch::VERSION.to_string(),
        "peer": peers.and_then(versions),
    })
}

/// The value behind a name in a file of `name : value` lines.
fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn instructions(information: &str) -> String {
    let flags = field(information, "flags").or_else(|| field(information, "Features")).unwrap_or_default();
    let flags: Vec<&str> = flags.split_whitespace().collect();
    let known: Vec<&str> = INSTRUCTIONS.into_iter().filter(|name| flags.contains(name)).collect();
    known.join(" ")
}

fn memory_gb(information: &str) -> Option<f64> {
    let kib: f64 = field(information, "MemTotal")?.split_whitespace().next()?.parse().ok()?;
    Some((kib * 1024.0 / 1e9).round())
}

/// The commit, with a mark if files differ from it.
fn revision(root: &Path) -> Option<String> {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty", "--exclude=*"]).current_dir(root);
    first_line(&mut git, "")
}

/// The rest of the first line of a program's output that begins with `start`.
fn first_line(command: &mut Command, start: &str) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().find_map(|line| line.strip_prefix(start)).map(|line| line.trim().to_owned())
}

/// Versions of what the peers are made of.
fn versions(python: &Path) -> Option<String> {
    let code = "import platform; from importlib.metadata import version as v; \
                names = ['torch', 'adversarial-robustness-toolbox', 'numpy', 'scikit-learn']; \
                print('Python', platform.python_version() + ',', ', '.join(n + ' ' + v(n) for n in names))";
    first_line(Command::new(python).args(["-c", code]), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_read_from_what_linux_tells() {
        let text = "processor\t: 0\nmodel name\t: Fast(R) CPU\nflags\t\t: fpu avx2 amx_bf16 avx\n";
        assert_eq!(field(text, "model name").as_deref(), Some("Fast(R) CPU"));
        assert_eq!(instructions(text), "avx2 amx_bf16");
        assert_eq!(instructions(""), "");
        assert_eq!(memory_gb("MemTotal:       16323904 kB\n"), Some(17.0));
    }

    #[test]
    fn a_program_that_is_missing_has_no_version() {
        assert_eq!(first_line(&mut Command::new("no-such-program"), ""), None);
        assert_eq!(first_line(Command::new("echo").arg("release: 1.2"), "release: ").as_deref(), Some("1.2"));
    }
}
