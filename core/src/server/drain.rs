//! What a stop finishes, what it hands back, and what it leaves behind: nothing.

use std::time::Duration;

use super::service::Service;
use super::{For, ServerCore, ServerOutput, Shared};
use crate::command::{Command, Outcome, Reply, StreamId};
use crate::error::StartError;
use crate::lifecycle::{OnStop, Phase};
use crate::output::Output;
use crate::time::Time;

/// The removal of this server's consumer from the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    Due,
    Asked,
    Said,
}

/// After the grace, how long replies, acks and hand-backs may take.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often a blocked read is asked to end: the first time it may not have begun to block.
const UNBLOCK_EVERY: Duration = Duration::from_millis(20);

impl ServerCore {
    pub(super) fn stop(&mut self, grace: Option<Duration>) {
        let grace = grace.unwrap_or(self.shared.options.shutdown_grace);
        let until = self.shared.now + grace;
        match self.shared.phase.on_stop() {
            OnStop::Finish => self.finish(),
            OnStop::GiveUpStart => {
                self.shared.out.push_back(Output::Started(Err(StartError::Stopped)));
                self.finish();
            }
            OnStop::Drain => {
                self.shared.phase = Phase::Draining { until };
                self.services.iter_mut().for_each(Service::begin_drain);
            }
            OnStop::Join => {
                if let Phase::Draining { until: earlier } = self.shared.phase {
                    self.shared.phase = Phase::Draining { until: until.min(earlier) };
                }
            }
            OnStop::Done => self.shared.out.push_back(Output::Stopped(self.shared.report)),
        }
        self.step_all();
    }

    /// Ends a stop as far as it has come.
    pub(super) fn drain(&mut self) {
        let Phase::Draining { until } = self.shared.phase else { return };
        let now = self.shared.now;
        if now >= until {
            for at in 0..self.services.len() {
                self.services[at].give_up_running(&mut self.shared);
                self.step(at);
            }
        }
        let all_done = self.services.iter().all(Service::is_drained);
        if all_done {
            self.shared.renew_reply_streams(true);
        }
        let over = if self.shared.commands.is_open() {
            all_done && self.shared.commands.is_idle()
        } else {
            self.services.iter().all(Service::holds_nothing)
        };
        if over || now >= until + FAREWELL {
            self.finish();
        }
    }

    pub(super) fn drain_timeout(&self) -> Option<Time> {
        match self.shared.phase {
            Phase::Draining { until } if until > self.shared.now => Some(until),
            Phase::Draining { until } => Some(until + FAREWELL),
            _ => None,
        }
    }
}

impl Service {
    /// The stop begins: what was not begun goes back to the pool.
    fn begin_drain(&mut self) {
        let released = self.held.release_queue();
        self.releases.extend(released);
    }

    /// The grace is over: what still runs is dropped, and goes back to the pool.
    fn give_up_running(&mut self, shared: &mut Shared) {
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
        if !shared.options.scripts {
            self.keep_stale_releases(shared);
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
            if self.handed_back || !shared.options.scripts {
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

    /// Without scripts, a hand-back takes an entry from whoever owns it by then: one that may be another's is left to the claim
    /// idle.
    fn keep_stale_releases(&mut self, shared: &Shared) {
        let (now, claim_idle) = (shared.now, shared.options.consumer_claim_idle);
        for id in std::mem::take(&mut self.releases) {
            if self.held.is_fresh(id, now, claim_idle) {
                self.releases.push(id);
            } else {
                self.handed_back = true;
                self.held.remove(id);
            }
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
    pub(super) fn remove_answered(&mut self, outcome: Outcome) {
        self.farewell = match outcome {
            Outcome::Unknown(_) | Outcome::NotSent(_) => Farewell::Due,
            _ => Farewell::Said,
        };
    }

    /// Whether the stop has nothing left to do here.
    fn is_drained(&self) -> bool {
        self.farewell == Farewell::Said
    }

    /// How much it has in mind: what is held, and what is on its way to or from it.
    pub(super) fn load(&self) -> usize {
        let answers = self.outbox.len() + self.dead.len() + self.acks.len() + self.acked.len();
        self.held.len() + answers + self.releases.len() + self.namesakes.len()
    }

    /// Whether waiting for the store would bring nothing to anybody: there is nothing to answer, to ack or to hand back, and
    /// no read that may bring something.
    fn holds_nothing(&self) -> bool {
        self.held.is_empty() && (self.reader.is_idle() || !self.reader.is_open())
    }
}
