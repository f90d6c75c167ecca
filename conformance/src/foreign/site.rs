//! Where cases run: a Redis, the commands that start the programs, and a bound on every wait.

use std::ffi::OsString;
use std::time::{Duration, Instant};

use clamator_testkit::{PeerServer, ServerOptions, unique_prefix};

use super::case::Outcome;
use super::process::ClientProcess;
use super::store::{Address, Store};

const POLL: Duration = Duration::from_millis(5);

/// How long something may take that a case has to give up on, because nothing says that it won't come. Only what fails waits
/// for so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What a case starts from.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    pub(crate) url: String,
    pub(crate) address: Address,
    pub(crate) server: Vec<OsString>,
    pub(crate) client: Vec<OsString>,
    /// How long a case may take.
    pub(crate) limit: Duration,
    /// Whether this Redis was started for the run, so that a case may do to it what it likes.
    pub(crate) redis_is_own: bool,
}

impl Bench {
    pub(crate) fn connect(&self) -> Outcome<Store> {
        self.address.connect()
    }

    pub(crate) fn prefix(&self) -> String {
        unique_prefix("conformance")
    }

    pub(crate) fn deadline(&self) -> Deadline {
        Deadline { end: Instant::now() + self.limit, limit: self.limit }
    }

    pub(crate) fn start_server(
        &self,
        prefix: &str,
        options: &ServerOptions,
    ) -> Outcome<PeerServer> {
        PeerServer::try_start(&self.server, &self.url, prefix, options, self.limit)
    }

    pub(crate) fn start_client(
        &self,
        prefix: &str,
        timeout_ms: Option<u64>,
    ) -> Outcome<ClientProcess> {
        ClientProcess::start(&self.client, &self.url, prefix, timeout_ms)
    }
}

/// The end of a case's time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    end: Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// The same, or earlier.
    pub(crate) fn within(&self, limit: Duration) -> Deadline {
        Deadline { end: self.end.min(Instant::now() + limit), limit: self.limit.min(limit) }
    }

    /// The words for what hasn't come in time.
    pub(crate) fn missed<T>(&self, what: impl std::fmt::Display) -> Outcome<T> {
        Err(format!("{what}: not within {:?}", self.limit))
    }

    /// Waits until `condition` gives true.
    pub(crate) fn until(
        &self,
        what: &str,
        mut condition: impl FnMut() -> Outcome<bool>,
    ) -> Outcome {
        loop {
            let last = self.is_over();
            if condition()? {
                return Ok(());
            }
            if last {
                return self.missed(what);
            }
            std::thread::sleep(POLL);
        }
    }
}

/// `Ok` if it holds, else what `otherwise` says.
pub(crate) fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// `Ok` if both are the same.
pub(crate) fn same<T: PartialEq + std::fmt::Debug>(what: &str, seen: T, expected: T) -> Outcome {
    check(seen == expected, || {
        format!("{what}: expected {}, got {}", shown(&expected), shown(&seen))
    })
}

/// A value in a message, cut where it gets long.
pub(crate) fn shown(value: &impl std::fmt::Debug) -> String {
    cut(&format!("{value:?}"))
}

/// A text in a message, cut where it gets long.
pub(crate) fn cut(text: &str) -> String {
    const MOST: usize = 300;
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}… ({} bytes)", &text[..at], text.len()),
        None => text.to_owned(),
    }
}
