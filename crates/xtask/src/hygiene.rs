//! What no compiler checks: which files lie in the repository, what they give away, and that the
//! crates depend on each other in the directions the design allows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::cargo::cargo;

/// Larger files belong into a package or a download.
const MAX_BYTES: u64 = 8 * 1024 * 1024;
/// Formats that run code when they are opened.
const PICKLES: [&str; 6] = ["pkl", "pickle", "pt", "pth", "joblib", "dill"];

/// Fails with every finding in the workspace at `root`.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut findings = Vec::new();
    match files(root)? {
        Some(files) => findings.extend(files.iter().flat_map(|file| about_file(root, file))),
        None => eprintln!("note: not a git checkout, so that no files are looked at"),
    }
    findings.extend(about_dependencies(&members(root)?));
    if findings.is_empty() {
        return Ok(());
    }
    bail!("{} of them:\n  {}", findings.len(), findings.join("\n  "));
}

/// The files that are tracked or about to be; `None` where there is no git to ask.
fn files(root: &Path) -> Result<Option<Vec<PathBuf>>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else { return Ok(None) };
    if !output.status.success() {
        return Ok(None);
    }
    let names = String::from_utf8(output.stdout).context("a file's name is not UTF-8")?;
    Ok(Some(names.split_terminator('\0').map(PathBuf::from).collect()))
}

fn about_file(root: &Path, file: &Path) -> Vec<String> {
    let name = file.display();
    // Deleted but not yet committed, or a link: nothing of its own.
    let Ok(meta) = fs::symlink_metadata(root.join(file)) else {
        return Vec::new();
    };
    if !meta.is_file() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let extension = file.extension().and_then(|extension| extension.to_str());
    if extension.is_some_and(|extension| PICKLES.contains(&extension)) {
        findings.push(format!("{name}: no pickles; hint: store tensors as safetensors"));
    }
    if meta.len() > MAX_BYTES {
        findings.push(format!("{name}: {} bytes, the limit is {MAX_BYTES}", meta.len()));
        return findings;
    }
    match fs::read(root.join(file)) {
        Ok(bytes) => findings.extend(
            machine_paths(&bytes)
                .into_iter()
                .map(|(line, path)| format!("{name}:{line}: path of one machine, `{path}`")),
        ),
        Err(error) => findings.push(format!("{name}: failed to read: {error}")),
    }
    findings
}

/// Absolute paths that exist on somebody's machine only, with their line numbers.
fn machine_paths(bytes: &[u8]) -> Vec<(usize, String)> {
    // In two pieces, so that this file is not its own finding. Behind those with `true` comes a
    // user's name.
    let tops = [("/wo", "rk/", false), ("/ro", "ot/", false), ("/ho", "me/", true), ("/Us", "ers/", true)]
        .map(|(head, tail, named)| (format!("{head}{tail}").into_bytes(), named));
    let mut found = Vec::new();
    for (index, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        for (start, _) in line.iter().enumerate().filter(|&(_, &byte)| byte == b'/') {
            let before = start.checked_sub(1).map(|before| line[before]);
            if before.is_some_and(continues_a_path) {
                continue;
            }
            let rest = &line[start..];
            let is_machine = tops.iter().any(|(top, named)| {
                rest.starts_with(top) && (!named || starts_with_name_and_slash(&rest[top.len()..]))
            });
            if is_machine {
                let end = rest.iter().position(|&byte| !is_path_byte(byte)).unwrap_or(rest.len());
                found.push((index + 1, String::from_utf8_lossy(&rest[..end]).into_owned()));
            }
        }
    }
    found
}

/// Whether a slash after this byte is in the middle of a path or an address.
fn continues_a_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.-~/}$*".contains(&byte)
}

fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte)
}

fn starts_with_name_and_slash(bytes: &[u8]) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let length = bytes.iter().take_while(|&&byte| is_name(byte)).count();
    length > 0 && bytes.get(length) == Some(&b'/')
}

/// A package of the workspace.
#[derive(Clone, Debug)]
struct Member {
    name: String,
    /// Its folder, relative to the workspace.
    folder: String,
    /// All it depends on, tests and build scripts included: they, too, must build without.
    needs: BTreeSet<String>,
}

fn members(root: &Path) -> Result<Vec<Member>> {
    // Without the dependencies' own: that works offline and in a fresh clone, and only packages of
    // the workspace have any business with tch.
    let output = cargo(root, ["metadata", "--no-deps", "--format-version=1"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("failed to start cargo metadata")?;
    if !output.status.success() {
        bail!("`cargo metadata` ended in {}", output.status);
    }
    let metadata: Value =
        serde_json::from_slice(&output.stdout).context("failed to parse `cargo metadata`")?;
    Ok(parse_members(&metadata))
}

fn parse_members(metadata: &Value) -> Vec<Member> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let root = text(&metadata["workspace_root"]);
    let relative = |manifest: &Value| {
        let folder = text(manifest).replace('\\', "/");
        let folder = folder.strip_suffix("/Cargo.toml").unwrap_or(&folder);
        folder.strip_prefix(&root).unwrap_or(folder).trim_start_matches('/').to_owned()
    };
    list(&metadata["packages"])
        .iter()
        .map(|package| Member {
            name: text(&package["name"]),
            folder: relative(&package["manifest_path"]),
            needs: list(&package["dependencies"]).iter().map(|d| text(&d["name"])).collect(),
        })
        .collect()
}

/// Where a dependency must not lead, however many packages lie between.
struct Rule {
    of: &'static [&'static str],
    never: &'static [&'static str],
    because: &'static str,
}

/// Packages are meant by their folder, all those in a folder by a final slash, others by name.
const RULES: &[Rule] = &[
    Rule {
        of: &["crates/record", "crates/grid", "crates/plan", "crates/report", "crates/text", "crates/xtask"],
        never: &["tch", "torch-sys"],
        because: "it must build in seconds, without libtorch",
    },
    Rule {
        of: &["crates/attacks/"],
        never: &["crates/defenses/"],
        because: "an attack that can see the defense grades itself",
    },
    Rule {
        of: &["crates/defenses/"],
        never: &["crates/attacks/"],
        because: "a defense that can see the attack is told what it has to find out",
    },
    Rule {
        of: &["crates/report"],
        never: &["crates/grid", "crates/core"],
        because: "reports are drawn from the result files alone",
    },
];

fn about_dependencies(members: &[Member]) -> Vec<String> {
    let by_name: BTreeMap<&str, &Member> =
        members.iter().map(|member| (member.name.as_str(), member)).collect();
    let meant = |pattern: &str, name: &str| match by_name.get(name) {
        Some(member) if pattern.ends_with('/') => member.folder.starts_with(pattern),
        Some(member) => member.folder == pattern,
        None => name == pattern,
    };
    let mut findings = Vec::new();
    for rule in RULES {
        let is_bound = |member: &&Member| rule.of.iter().any(|pattern| meant(pattern, &member.name));
        for member in members.iter().filter(is_bound) {
            let is_forbidden =
                |name: &str| name != member.name && rule.never.iter().any(|pattern| meant(pattern, name));
            if let Some(chain) = chain_to(&by_name, &member.name, &is_forbidden) {
                let chain = chain.join(" → ");
                findings.push(format!("{}: {chain}: {}", member.folder, rule.because));
            }
        }
    }
    findings
}

/// The shortest way along dependencies from `start` to a package that `is_target`.
fn chain_to<'a>(
    members: &BTreeMap<&'a str, &'a Member>,
    start: &'a str,
    is_target: &dyn Fn(&str) -> bool,
) -> Option<Vec<&'a str>> {
    let mut chains = std::collections::VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::from([start]);
    while let Some(chain) = chains.pop_front() {
        let last = *chain.last()?;
        if is_target(last) {
            return Some(chain);
        }
        let Some(member) = members.get(last) else {
            continue;
        };
        for next in &member.needs {
            if seen.insert(next) {
                let mut longer = chain.clone();
                longer.push(next);
                chains.push_back(longer);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Paths with their first letters in braces, which no test text in this file may lack.
    fn paths_in(text: &str) -> Vec<(usize, String)> {
        machine_paths(text.replace(['{', '}'], "").as_bytes())
    }

    #[test]
    fn paths_of_one_machine_are_found_with_their_lines() {
        for (text, line, path) in [
            ("/{w}ork/x", 1, "/{w}ork/x"),
            ("a\ndata = \"/{r}oot/data.csv\"", 2, "/{r}oot/data.csv"),
            ("see (/{h}ome/ada/x), and", 1, "/{h}ome/ada/x"),
            ("PATH=/{U}sers/ada/bin:/bin", 1, "/{U}sers/ada/bin"),
        ] {
            let path = path.replace(['{', '}'], "");
            assert_eq!(paths_in(text), [(line, path)], "{text}");
        }
    }

    #[test]
    fn other_paths_are_left_alone() {
        for text in [
            "https://example.org/{w}ork/x",
            "../{w}ork/x and results/{w}ork/x",
            "$HOME/{w}ork/x ~/{w}ork/x ${HERE}/{w}ork/x",
            "/{h}ome/<name>/x and /{h}ome/",
            "/{w}orkspace/x /{r}oots/ /usr/lib/",
        ] {
            assert_eq!(paths_in(text), [], "{text}");
        }
    }

    #[test]
    fn files_are_judged_by_kind_size_and_content() {
        let dir = tempfile::tempdir().unwrap();
        let judge = |name: &str, bytes: &[u8]| {
            fs::write(dir.path().join(name), bytes).unwrap();
            about_file(dir.path(), Path::new(name)).join("\n")
        };
        assert_eq!(judge("a.rs", b"fn main() {}"), "");
        assert!(judge("model.pt", b"x").contains("no pickles"));
        assert!(judge("big.bin", &vec![0; MAX_BYTES as usize + 1]).contains("the limit is"));
        assert_eq!(judge("just.bin", &vec![0; MAX_BYTES as usize]), "");
        let text = "x\n/{w}ork/y".replace(['{', '}'], "");
        assert!(judge("b.md", text.as_bytes()).starts_with("b.md:2: path of one machine"));
        assert!(about_file(dir.path(), Path::new("deleted")).is_empty());
    }

    #[test]
    fn tracked_and_new_files_are_listed_but_ignored_ones_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            Command::new("git").args(args).current_dir(dir.path()).output().is_ok_and(|o| o.status.success())
        };
        if !git(&["init", "--quiet"]) {
            eprintln!("skipped: git is not installed");
            return;
        }
        for (name, text) in [(".gitignore", "ignored"), ("tracked", ""), ("new", ""), ("ignored", "")] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        assert!(git(&["add", "tracked"]));
        let mut names = files(dir.path()).unwrap().unwrap();
        names.sort();
        assert_eq!(names, [".gitignore", "new", "tracked"].map(PathBuf::from));
    }

    fn member(folder: &str, needs: &[&str]) -> Member {
        let name = folder.rsplit('/').next().unwrap();
        Member {
            name: format!("aconite-{name}"),
            folder: folder.into(),
            needs: needs.iter().map(|&need| need.to_owned()).collect(),
        }
    }

    #[test]
    fn allowed_dependencies_are_no_finding() {
        let members = [
            member("crates/record", &["serde"]),
            member("crates/grid", &["aconite-record"]),
            member("crates/report", &["aconite-record", "plotters"]),
            member("crates/core", &["tch", "aconite-record"]),
            member("crates/attacks/label-flip", &["aconite-core"]),
            member("crates/attacks/clean-label", &["aconite-core", "aconite-label-flip"]),
            member("crates/defenses/spectral", &["aconite-core"]),
            member("crates/runner", &["aconite-label-flip", "aconite-spectral", "aconite-report"]),
        ];
        assert_eq!(about_dependencies(&members), [""; 0]);
    }

    #[test]
    fn a_forbidden_dependency_is_found_with_its_way() {
        let members = [
            member("crates/record", &[]),
            member("crates/grid", &["aconite-helper"]),
            member("crates/helper", &["tch"]),
            member("crates/report", &["aconite-grid"]),
            member("crates/attacks/label-flip", &["aconite-spectral"]),
            member("crates/defenses/spectral", &[]),
        ];
        let findings = about_dependencies(&members);
        assert_eq!(findings.len(), 4, "{findings:#?}");
        assert!(findings[0].starts_with("crates/grid: aconite-grid → aconite-helper → tch: "));
        assert!(findings[1].contains("aconite-report → aconite-grid → aconite-helper → tch"));
        assert!(
            findings[2].starts_with("crates/attacks/label-flip: aconite-label-flip → aconite-spectral: ")
        );
        assert!(findings[3].starts_with("crates/report: aconite-report → aconite-grid: "));
    }

    #[test]
    fn members_are_read_from_cargo_metadata() {
        let metadata = json!({
            "workspace_root": "/ws",
            "packages": [{
                "name": "aconite-x",
                "manifest_path": "/ws/crates/attacks/x/Cargo.toml",
                "dependencies": [{ "name": "serde", "kind": null }, { "name": "tch", "kind": "dev" }],
            }],
        });
        let members = parse_members(&metadata);
        assert_eq!(members.len(), 1);
        assert_eq!(members[0].folder, "crates/attacks/x");
        assert!(members[0].needs.contains("tch") && members[0].needs.contains("serde"));
    }
}
