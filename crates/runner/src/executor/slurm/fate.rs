//! What became of a task, as Slurm tells it.

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// By itself, and well.
    Well,
    /// By itself, with this exit code.
    Exit(i32),
    /// By a signal.
    Signal(i32),
    /// Its time was up.
    TimeLimit,
    /// It needed more memory than it had asked for.
    OutOfMemory,
    /// Its node failed or was taken away.
    NodeFailure,
    /// Somebody cancelled it.
    Cancelled,
    /// Something more urgent took its place.
    Preempted,
    /// A task that it waited for did not end well, so it was never started.
    Unneeded,
    /// Slurm does not know it any more, and it left no word.
    Lost,
}

/// Whether a task in this state is not over yet.
pub(crate) fn is_alive(state: &str) -> bool {
    const ALIVE: [&str; 12] = [
        "PENDING",
        "RUNNING",
        "CONFIGURING",
        "COMPLETING",
        "SUSPENDED",
        "REQUEUED",
        "REQUEUE_FED",
        "REQUEUE_HOLD",
        "RESIZING",
        "SIGNALING",
        "SPECIAL_EXIT",
        "STAGE_OUT",
    ];
    ALIVE.contains(&state) || state == "STOPPED"
}

impl Fate {
    /// From a state that is over, its reason, and exit code and signal.
    pub(crate) fn of(state: &str, reason: &str, (code, signal): (i32, i32)) -> Self {
        // sacct appends who it was: `CANCELLED by 1000`.
        match state.split([' ', '+']).next().unwrap_or_default() {
            "COMPLETED" => Self::Well,
            "TIMEOUT" | "DEADLINE" => Self::TimeLimit,
            "OUT_OF_MEMORY" => Self::OutOfMemory,
            "NODE_FAIL" | "BOOT_FAIL" => Self::NodeFailure,
            "PREEMPTED" => Self::Preempted,
            "CANCELLED" | "REVOKED" if reason.starts_with("Dependency") => Self::Unneeded,
            "CANCELLED" | "REVOKED" => Self::Cancelled,
            "FAILED" if signal != 0 => Self::Signal(signal),
            "FAILED" => Self::Exit(code),
            _ => Self::Lost,
        }
    }

    /// Whether it says nothing about the stages, so that they may be tried again by themselves.
    pub(crate) fn is_chance(&self) -> bool {
        matches!(self, Self::NodeFailure | Self::Preempted | Self::Unneeded | Self::Lost)
    }

    /// In words, the kind of failure first.
    pub(crate) fn words(&self, limit: Option<&str>, memory_mb: u64) -> String {
        match self {
            Self::Well => "the task ended well and did not say what became of the stage".into(),
            Self::Exit(code) => format!("job failed: the task ended with exit code {code}"),
            // What Slurm reports when a process could not even be started.
            Self::Signal(53) => "job failed: the node could not start the task (signal 53)".into(),
            Self::Signal(signal) => format!("job failed: the task was ended by signal {signal}"),
            Self::TimeLimit => match limit {
                Some(limit) => {
                    format!("time limit: the task took longer than {limit}; give it more with --time")
                }
                None => {
                    "time limit: the task took longer than its partition allows; give it more with --time"
                        .into()
                }
            },
            Self::OutOfMemory => {
                let more = 2 * memory_mb.max(512);
                format!(
                    "out of memory: the task had asked for {memory_mb} MB; give it more with --sbatch=--mem={more}M"
                )
            }
            Self::NodeFailure => "node failure: the task's node failed".into(),
            Self::Cancelled => "cancelled: the task was cancelled".into(),
            Self::Preempted => "preempted: something more urgent took the task's place".into(),
            Self::Unneeded => "cancelled: a task that it waited for did not end well".into(),
            Self::Lost => "lost: Slurm does not know the task any more, and it left no word".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_a_job_is_told_from_the_others() {
        for (state, reason, exit, fate) in [
            ("COMPLETED", "None", (0, 0), Fate::Well),
            ("FAILED", "NonZeroExitCode", (3, 0), Fate::Exit(3)),
            ("FAILED", "RaisedSignal:9(Killed)", (0, 9), Fate::Signal(9)),
            ("TIMEOUT", "TimeLimit", (0, 15), Fate::TimeLimit),
            ("OUT_OF_MEMORY", "OutOfMemory", (0, 125), Fate::OutOfMemory),
            ("NODE_FAIL", "NodeDown", (0, 0), Fate::NodeFailure),
            ("CANCELLED", "None", (0, 15), Fate::Cancelled),
            ("CANCELLED by 1000", "", (0, 15), Fate::Cancelled),
            ("CANCELLED", "DependencyNeverSatisfied", (0, 0), Fate::Unneeded),
            ("PREEMPTED", "None", (0, 0), Fate::Preempted),
            ("", "", (0, 0), Fate::Lost),
        ] {
            assert_eq!(Fate::of(state, reason, exit), fate, "{state}");
            assert!(!is_alive(state), "{state}");
        }
        assert!(["PENDING", "RUNNING", "COMPLETING", "REQUEUED"].into_iter().all(is_alive));
    }

    #[test]
    fn only_what_says_nothing_of_the_stage_is_chance() {
        let fates = [Fate::NodeFailure, Fate::Preempted, Fate::Unneeded, Fate::Lost];
        assert!(fates.iter().all(Fate::is_chance));
        let fates = [Fate::Exit(1), Fate::Signal(9), Fate::TimeLimit, Fate::OutOfMemory, Fate::Cancelled];
        assert!(!fates.iter().any(Fate::is_chance));
        let words = Fate::OutOfMemory.words(None, 640);
        assert!(
            words.starts_with("out of memory: the task had asked for 640 MB")
                && words.ends_with("--mem=1280M")
        );
    }
}
