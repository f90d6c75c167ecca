//! The services without a stream. Of all the calls that wait for one, a single one is sent from time to time to find out: the
//! others follow when it was taken.

use std::collections::BTreeMap;
use std::time::Duration;

use super::CallKey;
use super::call::{FIRST_RETRY, LAST_RETRY};
use crate::names::Key;
use crate::time::Time;

#[derive(Debug)]
enum Probe {
    At(Time),
    /// The next call to it is the one.
    Due,
    Sent(CallKey),
}

/// The streams that no server has made yet, as far as is known, while calls wait for them.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    streams: BTreeMap<Key, (Probe, Duration)>,
}

impl Missing {
    /// Whether all streams are there, as far as is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// Whether there was no such stream when a call was last sent to it.
    pub(crate) fn contains(&self, stream: &Key) -> bool {
        self.streams.contains_key(stream)
    }

    /// Whether a call to this stream may leave.
    pub(crate) fn may_send(&self, stream: &Key) -> bool {
        self.streams.get(stream).is_none_or(|(probe, _)| matches!(probe, Probe::Due))
    }

    /// A call leaves.
    pub(crate) fn sent(&mut self, stream: &Key, key: CallKey) {
        if let Some((probe, _)) = self.streams.get_mut(stream) {
            *probe = Probe::Sent(key);
        }
    }

    /// There was no stream for this call. Those that were sent before that was known change nothing.
    pub(crate) fn not_there(&mut self, now: Time, stream: &Key, key: CallKey) {
        let first = || (Probe::Sent(key), FIRST_RETRY);
        let (probe, after) = self.streams.entry(stream.clone()).or_insert_with(first);
        if matches!(probe, Probe::Sent(sent) if *sent == key) {
            *probe = Probe::At(now + *after);
            *after = (*after * 2).min(LAST_RETRY);
        }
    }

    /// Nobody waits for the stream any more, unless the call that was sent to find out does.
    pub(crate) fn nobody_waits(&mut self, stream: &Key) {
        if self.streams.get(stream).is_some_and(|(probe, _)| !matches!(probe, Probe::Sent(_))) {
            self.forget(stream);
        }
    }

    /// The stream took a call, or nobody waits for it any more.
    pub(crate) fn forget(&mut self, stream: &Key) {
        self.streams.remove(stream);
    }

    /// This call says nothing about the stream: if it was to, another one is sent.
    pub(crate) fn says_nothing(&mut self, stream: &Key, key: CallKey) {
        if let Some((probe, _)) = self.streams.get_mut(stream)
            && matches!(probe, Probe::Sent(sent) if *sent == key)
        {
            *probe = Probe::Due;
        }
    }

    /// When the next stream is tried again.
    pub(crate) fn timeout(&self) -> Option<Time> {
        let at = |(probe, _): &(Probe, Duration)| match probe {
            Probe::At(at) => Some(*at),
            Probe::Due | Probe::Sent(_) => None,
        };
        self.streams.values().filter_map(at).min()
    }

    /// Lets a call go to each stream that is due.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        for (probe, _) in self.streams.values_mut() {
            if matches!(probe, Probe::At(at) if *at <= now) {
                *probe = Probe::Due;
            }
        }
    }
}
