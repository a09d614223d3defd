//! What the machine tells about itself.

use std::collections::BTreeMap;
use std::path::Path;

use aconite_plan::Environment;
use aconite_record::Provenance;

/// libtorch's version, as found when the program was built.
pub(crate) const LIBTORCH: &str = env!("ACONITE_LIBTORCH");

/// The vector instruction class by which libtorch and oneDNN pick their kernels: results agree to the last
/// bit only within one class.
pub(crate) fn isa() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512bf16") {
            "avx512_bf16"
        } else if std::arch::is_x86_feature_detected!("avx512bw") {
            "avx512"
        } else if std::arch::is_x86_feature_detected!("avx2") {
            "avx2"
        } else {
            "sse"
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        std::env::consts::ARCH
    }
}

/// What determines the last bits of results here.
pub(crate) fn environment() -> Environment {
    Environment { libtorch: LIBTORCH.into(), isa: isa().into() }
}

/// What this machine is called: by its cluster, where it is a node of one, else by itself.
pub(crate) fn host() -> String {
    if let Some(node) = std::env::var("SLURMD_NODENAME").ok().filter(|n| !n.is_empty()) {
        return node;
    }
    read("/proc/sys/kernel/hostname").unwrap_or_default()
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(Path::new(path)).ok().map(|s| s.trim().to_owned())
}

/// The processor's name.
pub(crate) fn cpu() -> String {
    read("/proc/cpuinfo")
        .and_then(|text| {
            let line = text.lines().find(|l| l.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// Logical processors.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Memory that this process may use, in MB (10⁶ bytes): the machine's, or less where its control group says
/// so. `None` where the system does not tell.
pub(crate) fn memory_mb() -> Option<f64> {
    let total = read("/proc/meminfo").and_then(|text| {
        let line = text.lines().find(|l| l.starts_with("MemTotal:"))?;
        line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kib| kib * 1024.0 / 1e6)
    });
    let group = read("/sys/fs/cgroup/memory.max").and_then(|t| t.parse::<f64>().ok()).map(|b| b / 1e6);
    [total, group].into_iter().flatten().reduce(f64::min)
}

/// How often the kernel has ended a process of this one's control group for want of memory; `None` where it does not tell.
pub(crate) fn memory_kills() -> Option<u64> {
    let groups = read("/proc/self/cgroup")?;
    groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let file = match controllers {
            "" => format!("/sys/fs/cgroup{path}/memory.events"),
            "memory" => format!("/sys/fs/cgroup/memory{path}/memory.oom_control"),
            _ => return None,
        };
        counted_kills(&read(&file)?)
    })
}

fn counted_kills(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

/// An amount of memory: absolute, or a share of what this process may use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Memory {
    /// MB (10⁶ bytes).
    Mb(f64),
    /// Share of [`memory_mb`].
    Share(f64),
}

impl Memory {
    /// In MB; no bound where it is a share of what nobody tells.
    pub(crate) fn mb(self) -> f64 {
        match self {
            Self::Mb(mb) => mb,
            Self::Share(share) => memory_mb().map_or(f64::INFINITY, |all| share * all),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::Share(0.8)
    }
}

impl std::str::FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let lower = text.trim().to_ascii_lowercase();
        let units = [("%", 0.01), ("gb", 1e3), ("g", 1e3), ("mb", 1.0), ("m", 1.0)];
        let found = units.iter().find_map(|(unit, factor)| Some((lower.strip_suffix(unit)?, *unit, *factor)));
        let amount = found.and_then(|(number, unit, factor)| {
            let amount = number.trim().parse::<f64>().ok()? * factor;
            let fits = amount > 0.0 && amount.is_finite() && (unit != "%" || amount <= 1.0);
            fits.then_some(if unit == "%" { Self::Share(amount) } else { Self::Mb(amount) })
        });
        amount.ok_or_else(|| format!("{text:?} is no amount of memory: write 8GB, 500MB or 50%"))
    }
}

/// Now, RFC 3339 in UTC.
pub(crate) fn now() -> String {
    time::OffsetDateTime::now_utc()
        .replace_nanosecond(0)
        .ok()
        .and_then(|t| t.format(&time::format_description::well_known::Rfc3339).ok())
        .unwrap_or_default()
}

/// Where and with what results are computed here.
pub(crate) fn provenance(threads: usize, jobs: usize) -> Provenance {
    Provenance {
        version: env!("CARGO_PKG_VERSION").into(),
        revision: env!("ACONITE_REVISION").into(),
        libtorch: LIBTORCH.into(),
        cpu: cpu(),
        isa: isa().into(),
        cores: cores(),
        threads,
        jobs,
        host: host(),
        hosts: BTreeMap::new(),
        started: now(),
        ended: String::new(),
    }
}

/// Begins a new measurement of the peak of resident memory. Where the system does not allow it, the peak is
/// that of the worker's whole life.
pub(crate) fn reset_peak_rss() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// Largest resident memory since [`reset_peak_rss`], in MB (10⁶ bytes); 0 where the system does not tell.
pub(crate) fn peak_rss_mb() -> f64 {
    read("/proc/self/status")
        .and_then(|text| {
            let line = text.lines().find(|l| l.starts_with("VmHWM:"))?;
            line.split_whitespace().nth(1)?.parse::<f64>().ok()
        })
        .map_or(0.0, |kib| kib * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_for_want_of_memory_are_counted_in_both_layouts() {
        assert_eq!(counted_kills("low 0\nhigh 0\noom 5\noom_kill 3\noom_group_kill 1"), Some(3));
        assert_eq!(counted_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 7"), Some(7));
        assert_eq!(counted_kills("under_oom 0"), None);
    }

    #[test]
    fn memory_is_read_with_its_unit() {
        let read = |text: &str| text.parse::<Memory>();
        assert_eq!(read("8GB"), Ok(Memory::Mb(8000.0)));
        assert_eq!(read("1.5 g"), Ok(Memory::Mb(1500.0)));
        assert_eq!(read("500mb"), Ok(Memory::Mb(500.0)));
        assert_eq!(read("50%"), Ok(Memory::Share(0.5)));
        for wrong in ["", "8", "-1GB", "0%", "200%", "infGB", "GB", "8TB", "8 apples"] {
            assert!(read(wrong).is_err_and(|e| e.contains("write 8GB")), "{wrong}");
        }
        assert!(Memory::default().mb() > 100.0);
    }
}
