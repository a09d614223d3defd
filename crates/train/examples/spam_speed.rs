//! How many messages a second are learnt and scored on one core, parsing included.
//!
//! ```text
//! cargo run --release -p aconite-text --example spam_speed -- $ACONITE_DATA/spamassassin/{easy_ham,spam_2}
//! ```
//!
//! The first folder is ham, the others are spam. The fastest of three runs counts; reading the files does not.

use std::time::Instant;

use aconite_text::spambayes::{Clues, Constants, Counts};
use aconite_text::{Lexicon, Limits, mail_tokens};

fn main() -> std::io::Result<()> {
    let mut messages = Vec::new();
    for (number, folder) in std::env::args().skip(1).enumerate() {
        for entry in std::fs::read_dir(folder)? {
            messages.push((std::fs::read(entry?.path())?, number > 0));
        }
    }
    let bytes: usize = messages.iter().map(|message| message.0.len()).sum();
    println!("{} messages, {} bytes each on average", messages.len(), bytes / messages.len().max(1));
    let constants = Constants::default();
    let (mut training, mut scoring, mut right) = (f64::INFINITY, f64::INFINITY, 0);
    for _ in 0..3 {
        let start = Instant::now();
        let (mut lexicon, mut counts) = (Lexicon::new(), Counts::default());
        for (raw, spam) in &messages {
            let set = lexicon.set(|each| mail_tokens(raw, Limits::default(), each));
            counts.learn(&set, *spam);
        }
        training = training.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let all = Clues::new(constants, counts.messages);
        let said: Vec<_> = counts.words.iter().map(|&word| all.of(word)).collect();
        let mut met = vec![0usize; said.len()];
        let mut clues = Vec::new();
        right = 0;
        for (message, (raw, spam)) in messages.iter().enumerate() {
            clues.clear();
            mail_tokens(raw, Limits::default(), &mut |token| {
                if let Some(number) = lexicon.find(token).map(|number| number as usize)
                    && std::mem::replace(&mut met[number], message + 1) != message + 1
                {
                    clues.extend(said[number]);
                }
            });
            right += usize::from((constants.score(&mut clues).score > 0.5) == *spam);
        }
        scoring = scoring.min(start.elapsed().as_secs_f64());
    }
    let per_second = |seconds: f64| messages.len() as f64 / seconds;
    println!(
        "training {:.0} messages/s, scoring {:.0} messages/s",
        per_second(training),
        per_second(scoring)
    );
    println!("{right} of {} on the right side of 0.5", messages.len());
    Ok(())
}
