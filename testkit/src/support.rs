//! Small things that tests need.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const POLL: Duration = Duration::from_millis(5);

/// Waits until `condition` holds; panics with `what` if it doesn't within `timeout`.
#[track_caller]
pub fn eventually(timeout: Duration, what: &str, condition: impl FnMut() -> bool) {
    assert!(holds_within(timeout, condition), "not within {timeout:?}: {what}");
}

/// Whether `condition` comes to hold within `timeout`. It is looked at once more at the very end.
pub(crate) fn holds_within(timeout: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + timeout;
    loop {
        let last = Instant::now() >= end;
        if condition() {
            return true;
        }
        if last {
            return false;
        }
        thread::sleep(POLL);
    }
}

/// A port of 127.0.0.1 that was free a moment ago. Somebody else may take it first.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("127.0.0.1 has no free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// A key prefix that starts with `name` and that no other test uses, in this process or another.
pub fn unique_prefix(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{name}-{}-{nanos:x}-{number}", std::process::id())
}

/// A failed assertion in one thread of a test must not hide behind a second panic in another.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The directory of the workspace that this crate was built in.
pub fn workspace_root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("the crate lies in the workspace").to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_differ() {
        assert_ne!(unique_prefix("a"), unique_prefix("a"));
        assert!(unique_prefix("orders").starts_with("orders-"));
    }

    #[test]
    fn a_condition_is_waited_for() {
        let mut left = 3;
        eventually(Duration::from_secs(5), "the countdown ends", || {
            left -= 1;
            left == 0
        });
    }

    #[test]
    #[should_panic(expected = "not within 20ms: pigs fly")]
    fn a_condition_that_never_holds_is_named() {
        eventually(Duration::from_millis(20), "pigs fly", || false);
    }

    #[test]
    fn the_root_is_the_workspace() {
        assert!(workspace_root().join("testkit/src/support.rs").is_file());
    }
}
