//! What goes on next to the work: taking over what others left behind, and renewing what is held.

use std::time::Duration;

use super::entry::Stage;
use super::recover::Setup;
use super::service::Service;
use super::{For, ServerOutput, Shared};
use crate::command::{Command, Outcome, Refusal, Reply, StreamId};
use crate::event::Event;
use crate::refusal::{Meaning, unexpected};
use crate::time::Time;

/// At most so many entries are taken over at once.
const CLAIM_COUNT: u32 = 32;
/// How often to look for entries that others left behind. The other implementations look every quarter of the claim idle, so
/// that what is handed back to them waits for up to 15 s; one look costs less than one call.
pub(super) const CLAIM_EVERY: Duration = Duration::from_secs(1);

impl Service {
    /// How often to look for leases that grow old.
    pub(super) fn lease_every(shared: &Shared) -> Duration {
        (shared.options.consumer_claim_idle / 6).max(Duration::from_millis(1))
    }

    /// Looks for entries that others left behind, if it is time: at once, or, if there is no room, as soon as there is.
    pub(super) fn reclaim(&mut self, shared: &Shared) {
        if self.claim_at.is_none_or(|at| at > shared.now) {
            return;
        }
        self.claim_at = Some(shared.now + CLAIM_EVERY);
        self.claim_on = true;
    }

    /// Takes over a page of them, if there is room.
    pub(super) fn claim_page(&mut self, shared: &mut Shared) {
        if !self.claim_on
            || self.claiming
            || self.setup != Setup::Ready
            || !shared.commands.is_open()
        {
            return;
        }
        // What was taken over waits behind what is here.
        let Some(count) = self.wanted(shared) else { return };
        let limited = shared.options.max_deliveries.is_some();
        if limited && !shared.suspects.may_look(shared.now, self.at) {
            return;
        }
        // Under a limit they begin one at a time: the others are left to neighbours.
        let count = count.min(if limited { 1 } else { CLAIM_COUNT });
        self.claiming = true;
        self.claim_on = false;
        let claim = Command::AutoClaim {
            stream: self.stream.clone(),
            group: self.group.clone(),
            consumer: self.consumer.clone(),
            min_idle: shared.options.consumer_claim_idle,
            cursor: self.claim_cursor,
            count,
        };
        shared.send(claim, For::Claim(self.at, shared.now));
    }

    /// The store has answered a claim. What it gave is ours from when it was asked on.
    pub(super) fn claim_answered(&mut self, shared: &mut Shared, issued: Time, outcome: Outcome) {
        self.claiming = false;
        let mut found = None;
        match outcome {
            Outcome::Reply(Reply::Claimed { cursor, entries }) => {
                self.claims.went_well();
                self.appetite.took(&entries);
                self.claim_cursor = cursor;
                // Neither a full page nor an empty one with a cursor means that there is nothing further on.
                self.claim_on = !entries.is_empty() || cursor != StreamId::MIN;
                for entry in entries {
                    let id = entry.id;
                    self.deliver(shared, entry, None, issued);
                    found = Some(id).filter(|id| self.held.is_queued(*id)).or(found);
                }
            }
            Outcome::Refused(refusal) if Meaning::of(&refusal) == Meaning::GroupGone => {
                self.trouble(shared, refusal);
            }
            // It says nothing of the reads.
            Outcome::Refused(refusal) => {
                if self.claims.tell() {
                    let what = "the look for what others left behind";
                    shared.event(Event::CommandRefused { what, refusal });
                }
            }
            // Entries may be ours now without our knowing.
            _ => self.scan_own_pending(),
        }
        shared.suspects.looked(self.at, found);
    }

    /// Counts another delivery of an entry that was delivered before, as it is about to run. Under a limit, one at a time.
    pub(super) fn count(&mut self, shared: &mut Shared, id: StreamId) {
        let limited = shared.options.max_deliveries.is_some();
        if !shared.commands.is_open()
            || (limited && !shared.suspects.may_begin(shared.now, self.at, id))
        {
            return;
        }
        if self.held.ask(id) {
            let count = Command::CountDelivery {
                stream: self.stream.clone(),
                group: self.group.clone(),
                consumer: self.consumer.clone(),
                id,
                // One that may have been counted, and wasn't begun, isn't counted twice.
                raise: self.held.get_mut(id).is_some_and(|held| !held.counted),
            };
            shared.send(count, For::Count(self.at, id));
        }
    }

    /// The store has counted a delivery, if the entry is still ours.
    pub(super) fn count_answered(&mut self, shared: &mut Shared, id: StreamId, outcome: Outcome) {
        self.held.answered(id);
        let Some(held) = self.held.get_mut(id) else { return };
        match outcome {
            Outcome::Reply(Reply::Deliveries(Some(deliveries))) => {
                match shared.options.max_deliveries {
                    Some(limit) if deliveries > limit => {
                        shared.suspects.ended(self.at, id);
                        self.give_up(id, deliveries - 1);
                    }
                    _ => held.deliveries = Some(deliveries),
                }
            }
            // Somebody else's by now, or done.
            Outcome::Reply(_) => self.lost(shared, id),
            Outcome::Refused(refusal) if Meaning::of(&refusal) == Meaning::Passing => {
                shared.suspects.ended(self.at, id);
                self.renewal_refused(shared, refusal);
            }
            // It runs all the same: at least once matters more than the number.
            Outcome::Refused(_) => held.deliveries = Some(2),
            Outcome::Unknown(_) => {
                held.counted = true;
                shared.suspects.ended(self.at, id);
            }
            Outcome::NotSent(_) => shared.suspects.ended(self.at, id),
        }
    }

    /// Renews what has been held for long, if it is time.
    pub(super) fn renew_leases(&mut self, shared: &mut Shared) {
        if self.lease_at.is_none_or(|at| at > shared.now) {
            return;
        }
        self.lease_at = Some(shared.now + Self::lease_every(shared));
        let ids = self.held.to_renew(shared.now, shared.options.consumer_claim_idle);
        if !ids.is_empty() {
            self.renew(shared, ids);
        }
    }

    /// Renews entries if they are still ours, and learns whether they are.
    pub(super) fn renew(&mut self, shared: &mut Shared, ids: Vec<StreamId>) {
        if !shared.commands.is_open() {
            return;
        }
        for id in &ids {
            self.held.ask(*id);
        }
        let renew = Command::Renew {
            stream: self.stream.clone(),
            group: self.group.clone(),
            consumer: self.consumer.clone(),
            ids: ids.clone(),
        };
        shared.send(renew, For::Renew(self.at, ids, shared.now));
    }

    /// The store has said which entries are still ours. They are from when it was asked on.
    pub(super) fn renew_answered(
        &mut self,
        shared: &mut Shared,
        ids: &[StreamId],
        issued: Time,
        outcome: Outcome,
    ) {
        for id in ids {
            self.held.answered(*id);
        }
        match outcome {
            Outcome::Reply(Reply::Ids(ours)) => {
                self.renewing.went_well();
                for id in ids {
                    if ours.contains(id) {
                        if let Some(held) = self.held.get_mut(*id) {
                            held.touched = held.touched.max(issued);
                        }
                    } else {
                        self.lost(shared, *id);
                    }
                }
            }
            Outcome::Refused(refusal) if Meaning::of(&refusal) == Meaning::GroupGone => {
                for id in ids {
                    self.lost(shared, *id);
                }
                self.trouble(shared, refusal);
            }
            Outcome::Refused(refusal) => self.renewal_refused(shared, refusal),
            Outcome::Reply(_) => self.renewal_refused(shared, unexpected()),
            Outcome::Unknown(_) | Outcome::NotSent(_) => {}
        }
    }

    fn renewal_refused(&mut self, shared: &mut Shared, refusal: Refusal) {
        self.renewing.shut(shared.now, &mut shared.random);
        if self.renewing.tell() {
            shared.event(Event::CommandRefused { what: "the renewal of entries", refusal });
        }
    }

    /// An entry isn't ours any more. One that waits is left to its new owner; one that runs goes on, and is still
    /// replied to and acked: whoever finishes first has done it.
    fn lost(&mut self, shared: &mut Shared, id: StreamId) {
        let Some(held) = self.held.get_mut(id) else { return };
        let running = match held.stage {
            Stage::Queued => None,
            Stage::Running(_) if held.lost => return,
            Stage::Running(job) => Some(job),
            Stage::Replying | Stage::Acking | Stage::Releasing => return,
        };
        held.lost = true;
        shared.event(Event::LeaseLost {
            service: self.name(),
            entry: id,
            running: running.is_some(),
        });
        match running {
            Some(job) => shared.effect(ServerOutput::LeaseLost(job)),
            None => {
                shared.suspects.ended(self.at, id);
                self.held.remove(id);
            }
        }
    }
}
