//! What a stop finishes, what it hands back, and what it leaves behind: nothing.

use std::time::Duration;

use super::service::Service;
use super::{For, ServerOutput, Shared};
use crate::command::{Command, Outcome, Reply, StreamId};

/// The removal of this server's consumer from the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    Due,
    Asked,
    Said,
}

/// How often a blocked read is asked to end: the first time it may not have begun to block.
const UNBLOCK_EVERY: Duration = Duration::from_millis(20);

impl Service {
    /// The stop begins: what was not begun goes back to the pool.
    pub(super) fn begin_drain(&mut self, _shared: &mut Shared) {
        let released = self.held.release_queue();
        self.releases.extend(released);
    }

    /// The grace is over: what still runs is dropped, and goes back to the pool.
    pub(super) fn give_up_running(&mut self, shared: &mut Shared) {
        for (job, entry) in self.held.release_running() {
            shared.report.aborted += 1;
            shared.effect(ServerOutput::Abort(job));
            self.releases.push(entry);
        }
    }

    /// Goes on with the stop.
    pub(super) fn drain(&mut self, shared: &mut Shared) {
        self.unblock(shared);
        if !shared.commands.is_open() {
            return;
        }
        if !self.releases.is_empty() {
            let ids = std::mem::take(&mut self.releases);
            let release = Command::Release {
                stream: self.stream.clone(),
                group: self.group.clone(),
                consumer: self.consumer.clone(),
                ids: ids.clone(),
            };
            shared.send(release, For::Release(self.at, ids));
        }
        if self.farewell == Farewell::Due && self.reader.is_idle() && self.held.is_empty() {
            if self.handed_back {
                // Removing the consumer would throw away what it has handed back: it stays until others have claimed that.
                self.farewell = Farewell::Said;
                return;
            }
            self.farewell = Farewell::Asked;
            let remove = Command::RemoveConsumer {
                stream: self.stream.clone(),
                group: self.group.clone(),
                consumer: self.consumer.clone(),
            };
            shared.send(remove, For::Remove(self.at));
        }
    }

    /// Ends the blocked read, without cancelling it: what it was given by then still arrives here.
    fn unblock(&mut self, shared: &mut Shared) {
        if self.reader.is_idle() || !self.reader.is_open() {
            self.unblock_at = None;
            return;
        }
        let Some(connection) = self.reader.connection() else { return };
        if self.unblock_at.is_none() && shared.commands.is_open() {
            self.unblock_at = Some(shared.now + UNBLOCK_EVERY);
            shared.send(Command::Unblock { connection }, For::Background("the end of a read"));
        }
    }

    /// The store has answered a hand-back.
    pub(super) fn release_answered(
        &mut self,
        shared: &mut Shared,
        ids: Vec<StreamId>,
        outcome: Outcome,
    ) {
        match outcome {
            Outcome::Unknown(_) | Outcome::NotSent(_) => return self.releases.extend(ids),
            Outcome::Reply(Reply::Ids(released)) => {
                shared.report.handed_back += released.len() as u64;
                self.handed_back |= !released.is_empty();
            }
            // It stays pending, and others claim it after the claim idle.
            _ => self.handed_back = true,
        }
        for id in ids {
            self.held.remove(id);
        }
    }

    /// The store has answered the farewell.
    pub(super) fn remove_answered(&mut self, _shared: &mut Shared, outcome: Outcome) {
        self.farewell = match outcome {
            Outcome::Unknown(_) | Outcome::NotSent(_) => Farewell::Due,
            _ => Farewell::Said,
        };
    }

    /// Whether the stop has nothing left to do here.
    pub(super) fn is_drained(&self) -> bool {
        self.farewell == Farewell::Said
    }

    /// Whether waiting for the store would bring nothing to anybody.
    pub(super) fn has_nothing_to_deliver(&self) -> bool {
        !self.held.is_running() && self.outbox.is_empty()
    }
}
