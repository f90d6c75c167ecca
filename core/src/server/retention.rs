//! What is removed from the store: entries that everybody is done with, and consumers of servers that are gone.

use std::time::Duration;

use super::recover::Setup;
use super::service::Service;
use super::{For, Shared};
use crate::command::{Command, Outcome, Refusal, Reply, StreamId, Trimmed};
use crate::event::Event;
use crate::gate::Gate;
use crate::options::{BackoffOptions, Retention};
use crate::time::Time;

/// How often done entries are removed while there are new ones.
const TRIM_EVERY: Duration = Duration::from_secs(1);
/// How often entries that only others have done are removed.
const TRIM_IDLE_EVERY: Duration = Duration::from_secs(10);
/// A stream of this many entries is worth telling that it can't be trimmed.
const LONG: u64 = 1000;
/// A consumer that was silent for this many claim idles belongs to a server that is gone; and if it doesn't, the store
/// makes it anew with its next entry.
const GONE: u32 = 10;

/// The clocks of what is removed in the background, and what stands in its way.
#[derive(Debug)]
pub(super) struct Removal {
    trim_at: Option<Time>,
    /// Something was acked since the last trim.
    pub(super) acked: bool,
    trimming: Gate,
    pin: Option<Pin>,
    consumers_at: Option<Time>,
    removing: Gate,
}

/// The entry from which on the stream is kept, and since when it is the same.
#[derive(Debug)]
struct Pin {
    entry: StreamId,
    since: Time,
    told: bool,
}

impl Removal {
    pub(super) fn new(backoff: BackoffOptions) -> Removal {
        let gate = || Gate::new(backoff);
        Removal {
            trim_at: None,
            acked: true,
            trimming: gate(),
            pin: None,
            consumers_at: None,
            removing: gate(),
        }
    }

    /// Nothing is removed in the background from now on.
    #[cfg(test)]
    pub(super) fn never(&mut self) {
        (self.trim_at, self.consumers_at) = (None, None);
    }

    pub(super) fn timeout(&self) -> Option<Time> {
        [self.trim_at, self.consumers_at].into_iter().flatten().min()
    }
}

/// How often consumers are looked through.
fn consumers_every(shared: &Shared) -> Duration {
    shared.options.consumer_claim_idle.max(Duration::from_secs(1))
}

impl Service {
    /// The clocks begin.
    pub(super) fn begin_removal(&mut self, shared: &Shared) {
        self.removal.trim_at = match shared.options.retention {
            Retention::TrimDone => Some(shared.now + TRIM_EVERY),
            Retention::KeepAll => None,
        };
        // A consumer that gets an entry between a look and its removal would lose it.
        self.removal.consumers_at =
            shared.options.scripts.then(|| shared.now + consumers_every(shared));
    }

    /// Removes what it is time for.
    pub(super) fn remove_done(&mut self, shared: &mut Shared) {
        let is_ready = self.setup == Setup::Ready && shared.commands.is_open();
        if self.removal.trim_at.is_some_and(|at| at <= shared.now) {
            let wait = if self.removal.acked { TRIM_EVERY } else { TRIM_IDLE_EVERY };
            self.removal.trim_at = Some(shared.now + wait);
            if is_ready {
                self.removal.acked = false;
                shared.send(Command::TrimDone { stream: self.stream.clone() }, For::Trim(self.at));
            }
        }
        if self.removal.consumers_at.is_some_and(|at| at <= shared.now) {
            self.removal.consumers_at = Some(shared.now + consumers_every(shared));
            if is_ready {
                let remove = Command::RemoveIdleConsumers {
                    stream: self.stream.clone(),
                    group: self.group.clone(),
                    min_idle: shared.options.consumer_claim_idle * GONE,
                    except: self.consumer.clone(),
                };
                shared.send(remove, For::Consumers(self.at));
            }
        }
    }

    /// The store has answered a trim.
    pub(super) fn trim_answered(&mut self, shared: &mut Shared, outcome: Outcome) {
        match outcome {
            Outcome::Reply(Reply::Trimmed(trimmed)) => {
                self.removal.trimming.went_well();
                self.look_for_pin(shared, trimmed);
            }
            Outcome::Refused(refusal) => {
                let what = "the removal of done entries";
                tell_once(&mut self.removal.trimming, shared, what, refusal);
            }
            _ => {}
        }
    }

    /// Tells of an entry that nobody is done with while the stream grows behind it.
    fn look_for_pin(&mut self, shared: &mut Shared, trimmed: Trimmed) {
        let Some((entry, group)) = trimmed.kept.filter(|_| trimmed.len >= LONG) else {
            self.removal.pin = None;
            return;
        };
        let now = shared.now;
        let pin = self.removal.pin.take().filter(|pin| pin.entry == entry);
        let pin = self.removal.pin.insert(pin.unwrap_or(Pin { entry, since: now, told: false }));
        if !pin.told && now - pin.since >= shared.options.consumer_claim_idle * 2 {
            pin.told = true;
            let stream = self.stream.as_str().to_owned();
            shared.event(Event::StreamPinned { stream, group, entry, len: trimmed.len });
        }
    }

    /// The store has answered the removal of consumers.
    pub(super) fn consumers_answered(&mut self, shared: &mut Shared, outcome: Outcome) {
        match outcome {
            Outcome::Reply(_) => self.removal.removing.went_well(),
            Outcome::Refused(refusal) => {
                let what = "the removal of idle consumers";
                tell_once(&mut self.removal.removing, shared, what, refusal);
            }
            _ => {}
        }
    }
}

/// A refusal in the background is told once until it goes well again.
fn tell_once(gate: &mut Gate, shared: &mut Shared, what: &'static str, refusal: Refusal) {
    if gate.tell() {
        shared.event(Event::CommandRefused { what, refusal });
    }
}
