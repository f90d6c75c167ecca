//! Turns: entries run when it is theirs and they may, keys come in, and more is read while there is use for it.

use super::held::Head;
use super::io::Keyed;
use super::prefetch::HORIZON;
use super::service::Service;
use super::{JobId, JobOutcome, ServerOutput, Shared};
use crate::appetite;
use crate::command::StreamId;

/// What is held of a service may not be more than this, done but not yet acked entries included.
const MAX_HELD: usize = 1024;

impl Service {
    /// Starts what may run now. An entry that the store must be asked about holds up its own lane and no other.
    pub(super) fn dispatch(&mut self, shared: &mut Shared) {
        if shared.commands.is_open() {
            self.held.recall();
        }
        let mut renew = Vec::new();
        while let Some((id, head)) = self.held.next(shared.now, shared.options.consumer_claim_idle)
        {
            let can_ask = shared.commands.is_open() && self.held.may_ask();
            match head {
                Head::Ready => {
                    self.begin_handler(shared, id);
                    continue;
                }
                Head::Answer => drop(self.held.ask(id)),
                Head::Renew if can_ask && self.renewing.is_open() => {
                    self.held.ask(id);
                    renew.push(id);
                }
                Head::Count if can_ask && self.renewing.is_open() => self.count(shared, id),
                Head::Renew | Head::Count => {}
            }
            // What couldn't be done waits, and others have their turn.
            self.held.defer(id);
        }
        if !renew.is_empty() {
            self.renew(shared, renew);
        }
    }

    fn begin_handler(&mut self, shared: &mut Shared, id: StreamId) {
        shared.next_job += 1;
        let job = JobId::new(shared.next_job, self.at);
        if let Some(mut job) = self.held.begin(id, shared.now, job) {
            job.service = self.at;
            shared.effect(ServerOutput::Run(job));
        }
    }

    /// The application has said which key an entry has. One that it panicked at is answered, and doesn't run.
    pub(super) fn keyed(&mut self, shared: &mut Shared, entry: StreamId, key: Keyed) {
        if !self.held.wants_key(entry) {
            return;
        }
        match key {
            Keyed::Key(key) => self.held.keyed(entry, Some(key)),
            Keyed::Free => self.held.keyed(entry, None),
            Keyed::Panicked(message) => {
                self.held.leave_queue(entry);
                if let Some(work) = self.held.take_work(entry) {
                    self.settle(shared, entry, work, JobOutcome::Panicked(message));
                }
            }
        }
    }

    /// How many more entries may be held.
    pub(super) fn room(&self) -> usize {
        MAX_HELD.saturating_sub(self.held.len())
    }

    /// How many more entries are worth having. None while every slot is taken by a handler that takes long: they would wait
    /// behind those, where an idle neighbour in the pool could do them at once.
    pub(super) fn wanted(&mut self, shared: &Shared) -> Option<u32> {
        let load = self.held.load(shared.now, HORIZON);
        let count = self.prefetch.ask_for(load)?.min(self.appetite.fits());
        // However few they are: no more while those that are here are as large as one read may be.
        if self.held.bytes() >= appetite::BUDGET {
            return None;
        }
        Some(count.min(u32::try_from(self.room()).unwrap_or(u32::MAX))).filter(|count| *count > 0)
    }
}
