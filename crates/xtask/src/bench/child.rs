//! Runs a program and measures what it took: time, memory, and how busy the machine was with others.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Lines of a failed program's last words that are shown.
const TAIL: usize = 15;

/// A program that has ended well.
#[derive(Debug)]
pub(crate) struct Ended {
    /// What it wrote to standard output.
    pub(crate) output: String,
    /// From start to end, in seconds.
    pub(crate) seconds: f64,
    /// The largest resident memory of it or of any process that it started and waited for, in MB (10⁶ bytes).
    pub(crate) peak_rss_mb: f64,
    /// Share of the machine's processor time that went to other programs meanwhile, if the system tells.
    pub(crate) others: Option<f64>,
}

/// Runs `command` to its end. What it writes goes through files in `folder`: a pipe that nobody reads in
/// time would stop it.
pub(crate) fn run(command: &mut Command, folder: &Path) -> Result<Ended> {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (output, errors) = (folder.join("output"), folder.join("errors"));
    let create =
        |path: &Path| File::create(path).with_context(|| format!("failed to create {}", path.display()));
    command.stdin(Stdio::null()).stdout(create(&output)?).stderr(create(&errors)?);
    let busy = busy_seconds();
    let start = Instant::now();
    let child = command.spawn().with_context(|| format!("failed to start {name}"))?;
    let usage = wait(child.id()).with_context(|| format!("failed to wait for {name}"))?;
    let seconds = start.elapsed().as_secs_f64();
    let others = busy.zip(busy_seconds()).map(|(before, after)| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        ((after - before - usage.processor_seconds) / (seconds * cores)).max(0.0)
    });
    if usage.exit_code != Some(0) {
        let end = usage.exit_code.map_or("was killed".into(), |code| format!("ended with exit code {code}"));
        bail!("{name} {end}\n{}", tail(&fs::read(&errors).unwrap_or_default()));
    }
    let output = fs::read(&output).with_context(|| format!("failed to read what {name} wrote"))?;
    let output = String::from_utf8_lossy(&output).into_owned();
    Ok(Ended { output, seconds, peak_rss_mb: usage.peak_rss_mb, others })
}

impl Ended {
    /// The last line of the output that is a JSON object: libraries may print before it.
    pub(crate) fn json(&self) -> Result<Value> {
        let objects = self.output.lines().rev().filter_map(|line| serde_json::from_str(line).ok());
        objects.into_iter().find(Value::is_object).with_context(|| {
            format!("no line of the output is a JSON object:\n{}", tail(self.output.as_bytes()))
        })
    }
}

/// A number in what a program printed.
pub(crate) fn number(value: &Value, name: &str) -> Result<f64> {
    let number = value.get(name).and_then(Value::as_f64).filter(|number| number.is_finite());
    number.with_context(|| format!("no number {name:?} in {value}"))
}

fn tail(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

struct Usage {
    exit_code: Option<i32>,
    processor_seconds: f64,
    peak_rss_mb: f64,
}

/// Waits for a child with what the system counted for it; the standard library's `wait` does not tell.
#[allow(unsafe_code)]
fn wait(id: u32) -> std::io::Result<Usage> {
    let mut status = 0;
    // SAFETY: `rusage` is plain numbers, for which zeros are valid, and both pointers are to live locals.
    let (ended, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::wait4(id as libc::pid_t, &raw mut status, 0, &raw mut usage), usage)
    };
    if ended < 0 {
        return Err(std::io::Error::last_os_error());
    }
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    // In KiB, on macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1.0 } else { 1024.0 };
    Ok(Usage {
        exit_code: libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status)),
        processor_seconds: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        peak_rss_mb: usage.ru_maxrss as f64 * unit / 1e6,
    })
}

/// Processor seconds that all programs have used since the machine started; Linux tells.
fn busy_seconds() -> Option<f64> {
    parse_busy(&fs::read_to_string("/proc/stat").ok()?)
}

fn parse_busy(stat: &str) -> Option<f64> {
    // cpu user nice system idle iowait irq softirq steal …, in hundredths of a second
    let fields: Option<Vec<f64>> =
        stat.lines().next()?.split_whitespace().skip(1).map(|field| field.parse().ok()).collect();
    let fields = fields?;
    let busy = [0, 1, 2, 5, 6, 7].iter().filter_map(|&at| fields.get(at)).sum::<f64>();
    Some(busy / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(line: &str) -> Result<Ended> {
        let dir = tempfile::tempdir().unwrap();
        run(Command::new("sh").args(["-c", line]), dir.path())
    }

    #[test]
    fn a_program_is_measured() {
        let ended = shell("sleep 0.2; echo hello").unwrap();
        assert_eq!(ended.output, "hello\n");
        assert!((0.2..5.0).contains(&ended.seconds), "{}", ended.seconds);
        assert!((0.1..500.0).contains(&ended.peak_rss_mb), "{}", ended.peak_rss_mb);
    }

    #[test]
    fn a_program_that_fails_says_its_last_words() {
        let error = shell("echo the reason >&2; exit 3").unwrap_err().to_string();
        assert!(error.contains("exit code 3") && error.contains("the reason"), "{error}");
        assert!(shell("kill -9 $$").unwrap_err().to_string().contains("killed"));
        let dir = tempfile::tempdir().unwrap();
        assert!(run(&mut Command::new("no-such-program"), dir.path()).is_err());
    }

    fn printed(output: &str) -> Ended {
        Ended { output: output.into(), seconds: 1.0, peak_rss_mb: 1.0, others: None }
    }

    #[test]
    fn figures_are_the_last_object_among_the_output() {
        let value = printed("warning: x\n{\"a\": 1}\n{\"a\": 2.5, \"b\": null}\n7\nbye\n").json().unwrap();
        assert_eq!(number(&value, "a").unwrap(), 2.5);
        for missing in ["b", "c"] {
            assert!(number(&value, missing).unwrap_err().to_string().contains(missing));
        }
        assert!(printed("Traceback\n").json().unwrap_err().to_string().contains("Traceback"));
    }

    #[test]
    fn busy_time_leaves_idling_out() {
        let stat = "cpu  100 20 30 9999 888 7 8 5 0 0\ncpu0 1 2 3\n";
        assert_eq!(parse_busy(stat), Some(1.7));
        assert_eq!(parse_busy("cpu a b"), None);
    }
}
