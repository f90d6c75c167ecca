//! Running one case: on a thread of its own, watched from outside of the adapter's executor.

use std::any::Any;
use std::env;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::cases::{CASES, Case};
use crate::harness::Harness;
use crate::world::World;

/// By then a case must have ended.
const DEADLINE: Duration = Duration::from_secs(20);
/// Which harnesses don't run here, and why.
const SKIP: &str = "CLAMATOR_CONFORMANCE_SKIP";

/// A case that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The case: `group::name`.
    pub case: String,
    /// The adapter.
    pub harness: &'static str,
    /// What went wrong.
    pub reason: String,
    /// What it would have proved.
    pub proves: &'static str,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { case, harness, reason, proves } = self;
        write!(f, "{harness} fails {case} ({proves}):\n{reason}")
    }
}

impl std::error::Error for Failure {}

/// Runs the case `group::name` over an adapter.
///
/// # Errors
///
/// How it failed: by a panic, or by not ending within 20 s.
///
/// # Panics
///
/// When there is no such case.
pub fn check<H: Harness>(case: &str) -> Result<(), Failure> {
    let found = CASES.iter().find(|known| known.path() == case);
    run::<H>(found.unwrap_or_else(|| panic!("there is no case {case:?}")))
}

/// Runs a case over an adapter.
///
/// # Errors
///
/// How it failed: by a panic, or by not ending within 20 s.
pub fn run<H: Harness>(case: &'static Case) -> Result<(), Failure> {
    let failure = |reason: String| Failure {
        case: case.path(),
        harness: H::NAME,
        reason,
        proves: case.proves,
    };
    let (ended, end) = channel::<()>();
    let thread = thread::Builder::new().name(format!("{} over {}", case.path(), H::NAME));
    let thread = thread.spawn(move || {
        // Dropped at the end, however that comes.
        let _ended = ended;
        let (harness, place) = (Arc::new(H::default()), H::place());
        harness.run(async {
            let world = World::new(&harness, place);
            (case.run)(&world).await;
            world.finish().await;
        });
    });
    let thread = thread.map_err(|error| failure(format!("no thread to run on: {error}")))?;
    match end.recv_timeout(DEADLINE) {
        Err(RecvTimeoutError::Timeout) => {
            Err(failure(format!("it hangs: it didn't end within {DEADLINE:?}")))
        }
        _ => thread.join().map_err(|panic| failure(message(&*panic))),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

/// What a test of [`suite!`](crate::suite) does.
#[doc(hidden)]
#[track_caller]
pub fn test<H: Harness>(case: &str) {
    let skip = match env::var(SKIP) {
        Ok(skips) => reason_to_skip(&skips, H::NAME),
        _ => None,
    };
    let skip = skip.or_else(|| {
        H::skips().iter().find(|(name, _)| *name == case).map(|(_, reason)| (*reason).to_owned())
    });
    if let Some(reason) = skip {
        assert!(!reason.trim().is_empty(), "{case} is skipped over {} without a reason", H::NAME);
        println!("skipped: {reason}");
        return;
    }
    if let Err(failure) = check::<H>(case) {
        panic!("{failure}");
    }
}

/// `tokio: no Redis here; smol: no Redis here`
fn reason_to_skip(skips: &str, harness: &str) -> Option<String> {
    let mut skips = skips.split(';').map(|skip| skip.split_once(':').unwrap_or((skip, "")));
    let (_, reason) = skips.find(|(name, _)| name.trim() == harness)?;
    Some(reason.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_harness_is_skipped_by_name_and_with_a_reason() {
        let skips = "tokio: no Redis here; smol : none either";
        assert_eq!(reason_to_skip(skips, "tokio").as_deref(), Some("no Redis here"));
        assert_eq!(reason_to_skip(skips, "smol").as_deref(), Some("none either"));
        assert_eq!(reason_to_skip(skips, "async-std"), None);
        assert_eq!(reason_to_skip("tokio", "tokio").as_deref(), Some(""), "which fails");
    }
}
