//! How many messages a second the victim `spambayes` learns and scores on one core, parsing included.
//!
//! ```text
//! cargo run --release -p aconite-train --example spam_speed -- $ACONITE_DATA/spamassassin/{easy_ham,spam_2}
//! ```
//!
//! The first folder is ham, the others are spam. The fastest of three runs counts; reading the files does not.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use aconite_core::{Dataset, Documents, Learner, Seed, Silent, metrics};
use aconite_train::set_threads;
use aconite_train::victims::spambayes::Spambayes;

fn main() -> Result<(), Box<dyn Error>> {
    set_threads(1);
    let folders: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if folders.len() < 2 {
        return Err("give a folder of ham and one or more of spam, a file a message".into());
    }
    let (mut messages, mut labels) = (Vec::new(), Vec::new());
    for (number, folder) in folders.iter().enumerate() {
        for entry in std::fs::read_dir(folder)? {
            messages.push(std::fs::read(entry?.path())?);
            labels.push(usize::from(number > 0));
        }
    }
    let bytes: usize = messages.iter().map(Vec::len).sum();
    let count = messages.len();
    println!("{count} messages, {} bytes each on average", bytes / count.max(1));
    let classes = Arc::new(vec!["ham".to_owned(), "spam".to_owned()]);
    let data = Dataset::new(Documents::mail(messages), labels, classes)?;

    let filter = Spambayes::default();
    let (mut learning, mut scoring, mut right) = (f64::INFINITY, f64::INFINITY, 0.0);
    for _ in 0..3 {
        let start = Instant::now();
        let model = filter.fit(&data, Seed(0), &mut Silent)?;
        learning = learning.min(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let read = model.predict(data.rows())?;
        scoring = scoring.min(start.elapsed().as_secs_f64());
        right = metrics::accuracy(&read, data.labels()).unwrap_or_default();
    }
    let per_second = |seconds: f64| count as f64 / seconds;
    println!("learns {:.0} messages/s, scores {:.0} messages/s", per_second(learning), per_second(scoring));
    println!("{:.1} % of them on the right side of 0.5", 100.0 * right);
    Ok(())
}
