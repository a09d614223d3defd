//! The clients of a round, trained side by side.
//!
//! Convolutions do not gain from being one batch: in PyTorch 2.13 on two threads, gradients of 50 LeNets on 64 images
//! each took 0.34 s as grouped convolutions, 0.29 s in groups of ten and 0.26 s one after the other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use aconite_core::Result;

/// What `work` gives for each of the numbers below `count`, in their order.
///
/// As many threads as libtorch has here take them one after another, each with a copy of `given` and each
/// computing alone: steps on a client's few rows are too short to be shared between threads. A single number is
/// worked on by all threads.
///
/// # Errors
/// The first error by number.
pub(crate) fn side_by_side<G, T>(
    count: usize,
    given: impl Fn() -> G,
    work: impl Fn(&G, usize) -> Result<T> + Sync,
) -> Result<Vec<T>>
where
    G: Send,
    T: Send,
{
    let threads = tch::get_num_threads();
    let members = count.min(usize::try_from(threads).unwrap_or(1));
    if members <= 1 {
        let given = given();
        return (0..count).map(|number| work(&given, number)).collect();
    }
    let next = AtomicUsize::new(0);
    let made: Mutex<Vec<(usize, Result<T>)>> = Mutex::new(Vec::with_capacity(count));
    thread::scope(|scope| {
        let member = |given: G| {
            let (next, made, work) = (&next, &made, &work);
            scope.spawn(move || {
                tch::set_num_threads(1);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    let one = work(&given, number);
                    made.lock().unwrap_or_else(PoisonError::into_inner).push((number, one));
                }
            })
        };
        let crew: Vec<_> = (0..members).map(|_| member(given())).collect();
        for joined in crew.into_iter().map(thread::ScopedJoinHandle::join) {
            // With the words of the panic; the scope would give its own.
            joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    });
    // The number is each thread's own, but threads that start later take the last one set.
    tch::set_num_threads(threads);
    let mut made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    made.sort_unstable_by_key(|(number, _)| *number);
    made.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aconite_core::Error;

    /// The number of threads is the process's where tests share one.
    static ALONE: Mutex<()> = Mutex::new(());

    #[test]
    fn what_is_made_comes_in_order_whoever_made_it() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        for threads in [1, 2, 3] {
            tch::set_num_threads(threads);
            let twice = |given: &usize, number: usize| Ok(given + number);
            assert_eq!(side_by_side(7, || 100, twice).unwrap(), (100..107).collect::<Vec<_>>());
            assert_eq!(side_by_side(0, || 100, twice).unwrap(), Vec::<usize>::new());
            assert_eq!(tch::get_num_threads(), threads);
        }
    }

    #[test]
    #[should_panic(expected = "client 3 is ill")]
    fn a_panic_keeps_its_words() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        tch::set_num_threads(2);
        let _ = side_by_side(
            5,
            || (),
            |(): &(), number| {
                assert!(number != 3, "client {number} is ill");
                Ok(number)
            },
        );
    }

    #[test]
    fn the_first_error_is_told() {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        tch::set_num_threads(2);
        let odd = |(): &(), number: usize| match number % 2 {
            0 => Ok(number),
            _ => Err(Error::new(format!("{number} is odd"))),
        };
        assert_eq!(side_by_side(9, || (), odd).unwrap_err().message, "1 is odd");
    }
}
