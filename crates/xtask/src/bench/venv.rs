//! The peers' own Python: a virtual environment below the target directory, made once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use anyhow::{Context as _, Result, bail};

/// The versions of everything that the peers need, pinned.
const REQUIREMENTS: &str = "requirements.txt";

/// The Python of the environment in `folder` with what the file in `peers` asks for.
///
/// The environment counts as made once a copy of that file lies in it, which is written last: after an
/// interruption or a change of the file it is completed.
pub(crate) fn python(folder: &Path, peers: &Path) -> Result<PathBuf> {
    let wanted =
        fs::read_to_string(peers.join(REQUIREMENTS)).context("failed to read the peers' requirements")?;
    let (python, made) = (folder.join("bin/python"), folder.join(REQUIREMENTS));
    if python.exists() && fs::read_to_string(&made).is_ok_and(|made| made == wanted) {
        return Ok(python);
    }
    eprintln!("making the peers' Python in {} (PyTorch is some gigabytes; once)", folder.display());
    let status = Command::new("python3").args(["-m", "venv"]).arg(folder).status();
    ended_well(status, "python3 -m venv", "install Python 3 with its venv module (Debian: python3-venv)")?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    let status = pip.arg(peers.join(REQUIREMENTS)).status();
    ended_well(
        status,
        "pip install",
        "the peers need a package index that pip reaches; `cargo xtask bench overheads bf16-accuracy` needs none",
    )?;
    fs::write(&made, wanted).with_context(|| format!("failed to write {}", made.display()))?;
    Ok(python)
}

fn ended_well(status: std::io::Result<ExitStatus>, what: &str, hint: &str) -> Result<()> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => bail!("`{what}` failed ({status})\nhint: {hint}"),
        Err(error) => bail!("failed to start `{what}`: {error}\nhint: {hint}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_that_is_made_is_used_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, peers) = (dir.path().join("venv"), dir.path().join("peers"));
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::create_dir(&peers).unwrap();
        for file in [folder.join(REQUIREMENTS), peers.join(REQUIREMENTS)] {
            fs::write(file, "torch==1\n").unwrap();
        }
        fs::write(folder.join("bin/python"), "").unwrap();
        assert_eq!(python(&folder, &peers).unwrap(), folder.join("bin/python"));
    }

    #[test]
    fn a_failure_says_what_to_do() {
        let failed = Command::new("false").status();
        let error = ended_well(failed, "pip install", "do that").unwrap_err().to_string();
        assert!(error.contains("pip install") && error.contains("hint: do that"), "{error}");
        let absent = Command::new("no-such-program").status();
        assert!(ended_well(absent, "python3", "do this").unwrap_err().to_string().contains("hint: do this"));
    }
}
