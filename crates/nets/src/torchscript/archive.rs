//! The archive of a TorchScript module.

use std::io::{Cursor, Read, Write};

use tch::{CModule, Device};
use zip::write::FileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// A module's archive: as it came, and with its buffers declared as parameters.
///
/// libtorch's C interface lists a module's parameters and gives no way to its buffers, but a trained model
/// is incomplete without them (running means). Which is which is said in the archive's code, class by class:
///
/// ```text
///   __parameters__ = ["weight", "bias", ]
///   __buffers__ = ["running_mean", "running_var", "num_batches_tracked", ]
/// ```
///
/// and it matters for nothing but those lists. So a second copy of the archive names the buffers among the
/// parameters.
pub(super) struct Archive {
    plain: Vec<u8>,
    open: Vec<u8>,
}

impl Archive {
    /// Reads the bytes of a file; says in words what is wrong with them.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let mut from = ZipArchive::new(Cursor::new(bytes)).map_err(|_| "it is no zip archive".to_owned())?;
        let mut to = ZipWriter::new(Cursor::new(Vec::new()));
        let mut programs = 0;
        for i in 0..from.len() {
            let mut file = from.by_index(i).map_err(|e| e.to_string())?;
            let name = file.name().to_owned();
            let mut content = Vec::new();
            file.read_to_end(&mut content).map_err(|e| format!("{name}: {e}"))?;
            if name.contains("/code/") && name.ends_with(".py") {
                programs += 1;
                content = declare(&String::from_utf8_lossy(&content)).into_bytes();
            }
            // libtorch reads sizes from the headers of the entries, which only stored entries have at once.
            to.start_file(name, FileOptions::default().compression_method(CompressionMethod::Stored))
                .and_then(|()| Ok(to.write_all(&content)?))
                .map_err(|e| e.to_string())?;
        }
        if programs == 0 {
            return Err("the archive holds no program".into());
        }
        let open = to.finish().map_err(|e| e.to_string())?.into_inner();
        Ok(Self { plain: bytes.to_vec(), open })
    }

    /// The module as it came.
    pub(super) fn plain(&self) -> Result<CModule, tch::TchError> {
        CModule::load_data_on_device(&mut self.plain.as_slice(), Device::Cpu)
    }

    /// The module with its buffers among the parameters.
    pub(super) fn open(&self) -> Result<CModule, tch::TchError> {
        CModule::load_data_on_device(&mut self.open.as_slice(), Device::Cpu)
    }
}

/// Moves the names of each class's buffers into the line of its parameters.
fn declare(code: &str) -> String {
    let list = |line: &str, word: &str| {
        let rest = line.trim_start().strip_prefix(word)?.trim_start().strip_prefix('=')?.trim();
        Some(rest.strip_prefix('[')?.strip_suffix(']')?.trim().to_owned())
    };
    let mut out = Vec::new();
    let mut lines = code.lines().peekable();
    while let Some(line) = lines.next() {
        let buffers = lines.peek().and_then(|next| list(next, "__buffers__"));
        match (list(line, "__parameters__"), buffers) {
            (Some(parameters), Some(buffers)) => {
                let indent = &line[..line.len() - line.trim_start().len()];
                let comma = if parameters.is_empty() || parameters.ends_with(',') { "" } else { "," };
                out.push(format!("{indent}__parameters__ = [{parameters}{comma} {buffers}]"));
                out.push(format!("{indent}__buffers__ = []"));
                lines.next();
            }
            _ => out.push(line.to_owned()),
        }
    }
    out.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::declare;

    #[test]
    fn buffers_become_parameters_class_by_class() {
        let code = "class A(Module):\n  __parameters__ = [\"weight\", ]\n  __buffers__ = [\"mean\", ]\n  x : int\n\
                    class B(Module):\n  __parameters__ = []\n  __buffers__ = []\n";
        let expected = "class A(Module):\n  __parameters__ = [\"weight\", \"mean\",]\n  __buffers__ = []\n  x : int\n\
                        class B(Module):\n  __parameters__ = [ ]\n  __buffers__ = []\n";
        assert_eq!(declare(code), expected);
    }
}
