//! Progress of a download: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use aconite_data::fetch::Event;
use indicatif::{ProgressBar, ProgressStyle};

use super::size;

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(10);

/// What the user sees.
pub(super) struct Shown {
    kind: &'static str,
    /// On a terminal, while bytes arrive.
    bar: Option<ProgressBar>,
    whole: Option<u64>,
    last: Instant,
}

impl Shown {
    pub(super) fn new(kind: &'static str) -> Self {
        Self { kind, bar: None, whole: None, last: Instant::now() }
    }

    pub(super) fn event(&mut self, event: Event<'_>) {
        let kind = self.kind;
        match event {
            Event::Start { url, have, whole } => {
                self.end();
                (self.whole, self.last) = (whole, Instant::now());
                let of = whole.map(|whole| format!(" ({})", size(whole))).unwrap_or_default();
                let from = if have > 0 { format!(", from {} on", size(have)) } else { String::new() };
                eprintln!("{kind}: fetching {url}{of}{from}");
                if std::io::stderr().is_terminal() {
                    self.bar = Some(bar(have, whole));
                }
            }
            Event::Bytes(have) => match &self.bar {
                Some(bar) => bar.set_position(have),
                None if self.last.elapsed() >= EVERY => {
                    self.last = Instant::now();
                    let of = self.whole.map(|whole| format!(" of {}", size(whole))).unwrap_or_default();
                    eprintln!("{kind}: {}{of}", size(have));
                }
                None => {}
            },
            Event::Again { why, pause } => self.line(&format!("{why}; again in {pause:.1?}")),
            Event::Kept(name) => self.line(&format!("{name} has arrived earlier")),
            Event::Unpack(name) => self.line(&format!("unpacking {name}")),
            Event::Load => self.line("reading it once"),
            Event::Aside(path) => {
                self.line(&format!("what was there is now {}; delete it when you like", path.display()));
            }
        }
    }

    fn line(&mut self, text: &str) {
        self.end();
        eprintln!("{}: {text}", self.kind);
    }

    /// Takes the bar away.
    pub(super) fn end(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

fn bar(have: u64, whole: Option<u64>) -> ProgressBar {
    let (bar, template) = match whole {
        Some(whole) => (
            ProgressBar::new(whole),
            "  {bar:32.cyan/dim} {decimal_bytes} of {decimal_total_bytes} · {decimal_bytes_per_sec} · left {eta}",
        ),
        None => (ProgressBar::no_length(), "  {spinner} {decimal_bytes} · {decimal_bytes_per_sec}"),
    };
    // The templates are constants; a wrong one shows indicatif's default bar.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_position(have);
    // What was there before did not arrive at any speed.
    bar.reset_eta();
    bar
}
