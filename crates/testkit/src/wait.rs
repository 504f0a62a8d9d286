//! Waiting for something to become true: the one place of all tests that polls.

use std::time::{Duration, Instant};

/// How long a condition may take on a loaded machine before a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two looks.
const INTERVAL: Duration = Duration::from_millis(20);

/// Looks until `look` answers with a value, and returns it.
///
/// # Panics
///
/// When there is none after a minute; `what` says what was waited for.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = look() {
            return value;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain for {what}");
        std::thread::sleep(INTERVAL);
    }
}
