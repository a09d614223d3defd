//! The experiment that an audit is: the data, a victim, no attack, a filter.

use std::path::Path;

use aconite_grid::{Error, Experiment, Override, Schema};

use crate::cli;

/// One cell over the user's data.
pub(super) fn of(args: &cli::Audit, schema: &Schema) -> Result<Experiment, Error> {
    let path = args.data.as_deref().unwrap_or(Path::new(""));
    let kind = match &args.dataset {
        Some(kind) => kind.clone(),
        None => kind_at(path)?.to_owned(),
    };
    let victim = args.victim.as_deref().unwrap_or(match kind.as_str() {
        "csv" => "mlp",
        _ => "small_cnn",
    });
    // A JSON string is a TOML string.
    let quoted = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let text = format!(
        "[dataset]\nkind = {}\npath = {}\n[victim]\nkind = {}\n[defense]\nkind = {}\n",
        quoted(&kind),
        quoted(&path.to_string_lossy()),
        quoted(victim),
        quoted(&args.defense),
    );
    let overrides: Vec<Override> = args.set.clone();
    Experiment::parse("audit", "the audit's options", text, schema, &overrides, |_| {
        Err(Error::new("an audit has no base file"))
    })
}

/// How what lies at a path is read.
fn kind_at(path: &Path) -> Result<&'static str, Error> {
    if !path.exists() {
        return Err(Error::new(format!("{} is not there", path.display())));
    }
    if path.join("manifest.json").is_file() {
        return Ok("exported");
    }
    let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "csv" => return Ok("csv"),
        "npz" => return Ok("npz"),
        "safetensors" => return Ok("safetensors"),
        _ => {}
    }
    let first = first_file(path, 3);
    let ending = first.as_ref().and_then(|f| f.extension()).map(|e| e.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("png" | "jpg" | "jpeg" | "ppm" | "pgm") => Ok("image_folder"),
        _ if path.is_dir() && first.is_some() => Ok("mail_folder"),
        _ => Err(Error::new(format!("{}: it is not clear how to read this", path.display()))
            .hint("say it with --dataset KIND; `aconite list datasets` has the kinds")),
    }
}

/// Some file below a folder, in the order of names.
fn first_file(folder: &Path, depth: usize) -> Option<std::path::PathBuf> {
    let mut entries: Vec<_> = std::fs::read_dir(folder).ok()?.flatten().map(|e| e.path()).collect();
    entries.sort();
    entries
        .iter()
        .find(|p| p.is_file())
        .cloned()
        .or_else(|| entries.iter().filter(|p| p.is_dir() && depth > 0).find_map(|p| first_file(p, depth - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_how_it_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        };
        for name in ["rows.csv", "a.npz", "e/manifest.json", "i/train/cat/1.PNG", "m/spam/0001.abc", "odd"] {
            file(name);
        }
        std::fs::create_dir(dir.path().join("empty")).unwrap();
        let kind = |name: &str| kind_at(&dir.path().join(name));
        assert_eq!(kind("rows.csv").unwrap(), "csv");
        assert_eq!(kind("a.npz").unwrap(), "npz");
        assert_eq!(kind("e").unwrap(), "exported");
        assert_eq!(kind("i").unwrap(), "image_folder");
        assert_eq!(kind("m").unwrap(), "mail_folder");
        for unclear in ["odd", "empty", "none"] {
            assert!(kind(unclear).is_err(), "{unclear}");
        }
    }
}
