//! The entries that this server holds of one service: how far each has come, whether it may run when its turn comes, and
//! since when it is certainly ours.

use std::time::Duration;

use bytes::Bytes;

use super::dispatch::{Dispatch, Slot};
use super::entry::{Held, Stage, Work};
use super::prefetch::Load;
use super::{Job, JobId};
use crate::command::StreamId;
use crate::options::Concurrency;
use crate::table::Table;
use crate::time::Time;

/// What an entry whose turn it is needs before it may run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// The store was asked about it: its answer.
    Answer,
    /// Its lease may have run out: renew it, if it is still ours.
    Renew,
    /// It was taken over: ask how often it was delivered.
    Count,
    /// Nothing: it may run.
    Ready,
}

/// The table of entries that are held.
#[derive(Debug)]
pub(crate) struct HeldTable {
    slots: Vec<Option<Held>>,
    /// The slots that are empty.
    empty: Vec<Slot>,
    entries: Table<StreamId, Slot>,
    /// Those that wait or run.
    dispatch: Dispatch,
    /// Since when each handler runs; a later one has a higher number.
    running: Table<JobId, (Slot, Time)>,
    /// The sizes of all that is held.
    bytes: usize,
}

impl HeldTable {
    pub(crate) fn new(concurrency: Concurrency) -> HeldTable {
        HeldTable {
            slots: Vec::new(),
            empty: Vec::new(),
            entries: Table::default(),
            dispatch: Dispatch::new(concurrency),
            running: Table::default(),
            bytes: 0,
        }
    }

    fn get(&self, id: StreamId) -> Option<&Held> {
        self.slots.get(*self.entries.get(id)?)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: StreamId) -> Option<&mut Held> {
        let slot = *self.entries.get_mut(id)?;
        self.slots.get_mut(slot)?.as_mut()
    }

    /// The same, and where it is.
    fn find(&mut self, id: StreamId) -> Option<(Slot, &mut Held)> {
        let slot = *self.entries.get_mut(id)?;
        Some((slot, self.slots.get_mut(slot)?.as_mut()?))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All that is held, whatever became of it.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many handlers may run at once.
    pub(crate) fn slots(&self) -> usize {
        self.dispatch.slots()
    }

    /// What waits and runs; handlers that have run for longer than `long` are stuck.
    pub(crate) fn load(&self, now: Time, long: Duration) -> Load {
        let stuck = self.running.iter().take_while(|(_, (_, began))| now - *began > long).count();
        Load {
            slots: self.dispatch.slots(),
            stuck,
            running: self.running.len(),
            waiting: self.dispatch.waiting(),
            startable: self.dispatch.startable(),
        }
    }

    /// How many bytes are held: requests that wait or run, and replies that aren't written.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// So many bytes are held for an entry from now on.
    pub(crate) fn resize(&mut self, id: StreamId, size: usize) {
        if let Some((_, held)) = self.find(id) {
            let before = std::mem::replace(&mut held.size, size);
            self.bytes = self.bytes - before + size;
        }
    }

    /// An entry that neither waits nor runs comes to this stage, with so many bytes. Whether it is held.
    pub(crate) fn advance(&mut self, id: StreamId, stage: Stage, size: usize) -> bool {
        let Some((_, held)) = self.find(id) else { return false };
        held.stage = stage;
        let before = std::mem::replace(&mut held.size, size);
        self.bytes = self.bytes - before + size;
        true
    }

    /// Whether an entry waits for its turn.
    pub(crate) fn is_queued(&self, id: StreamId) -> bool {
        self.get(id).is_some_and(|held| held.stage == Stage::Queued)
    }

    /// How far an entry has come.
    pub(crate) fn stage(&self, id: StreamId) -> Option<Stage> {
        self.get(id).map(|held| held.stage)
    }

    /// What tells an entry from another one of its id; zero if that isn't known.
    pub(crate) fn mark(&self, id: StreamId) -> Option<u64> {
        self.get(id).map(|held| held.mark)
    }

    /// Learns what tells an entry from another one of its id.
    pub(crate) fn set_mark(&mut self, id: StreamId, mark: u64) {
        if let Some(held) = self.get_mut(id) {
            held.mark = mark;
        }
    }

    /// Whether this handler's entry is held here.
    pub(crate) fn runs(&self, job: JobId) -> bool {
        self.running.contains(job)
    }

    /// The lowest id that is held.
    pub(crate) fn first(&self) -> Option<StreamId> {
        self.entries.first().map(|(id, _)| id)
    }

    /// Takes an entry that waits for its turn. Gives the work back whose key must be found out.
    pub(crate) fn enqueue(
        &mut self,
        id: StreamId,
        work: Work,
        size: usize,
        deliveries: Option<u64>,
        touched: Time,
    ) -> Option<&Work> {
        let slot = self.insert(id, Stage::Queued, Some(work), deliveries, touched, size);
        if !self.dispatch.arrive(slot) {
            return None;
        }
        self.slots.get(slot)?.as_ref()?.work.as_ref()
    }

    /// An entry was delivered that is held here already: it is certainly ours from then on. Whether it is.
    pub(crate) fn delivered_again(&mut self, id: StreamId, touched: Time) -> bool {
        if self.entries.is_beyond(id) {
            return false;
        }
        let Some((slot, held)) = self.find(id) else { return false };
        // One that was lost is ours again.
        held.touched = if held.lost { touched } else { held.touched.max(touched) };
        held.lost = false;
        self.dispatch.look_again(slot);
        true
    }

    /// Whether the key of an entry is waited for.
    pub(crate) fn wants_key(&self, id: StreamId) -> bool {
        self.entries.get(id).is_some_and(|slot| self.dispatch.wants_key(*slot))
    }

    /// The key of an entry is known; `None` if there is nothing that it must follow.
    pub(crate) fn keyed(&mut self, id: StreamId, key: Option<Bytes>) {
        if let Some(slot) = self.entries.get(id) {
            self.dispatch.keyed(*slot, key);
        }
    }

    /// An entry that waits won't run, but is answered.
    pub(crate) fn leave_queue(&mut self, id: StreamId) {
        if let Some(slot) = self.entries.get(id) {
            self.dispatch.remove(*slot);
        }
    }

    /// Takes an entry that is done without a handler.
    pub(crate) fn hold(&mut self, id: StreamId, stage: Stage, touched: Time) {
        self.insert(id, stage, None, None, touched, 0);
    }

    fn insert(
        &mut self,
        id: StreamId,
        stage: Stage,
        work: Option<Work>,
        deliveries: Option<u64>,
        touched: Time,
        size: usize,
    ) -> Slot {
        let (began, asked, lost, counted) = (touched, false, false, false);
        let held = Held {
            entry: id,
            stage,
            work,
            deliveries,
            touched,
            began,
            asked,
            lost,
            counted,
            size,
            mark: 0,
        };
        self.bytes += size;
        let slot = match self.empty.pop() {
            Some(slot) => {
                self.slots[slot] = Some(held);
                slot
            }
            None => {
                self.slots.push(Some(held));
                self.slots.len() - 1
            }
        };
        self.entries.insert(id, slot);
        slot
    }

    /// The entry whose turn it is, if a slot is free, and what it needs. Its lease is fresh for two thirds of the claim idle.
    pub(crate) fn next(&self, now: Time, claim_idle: Duration) -> Option<(StreamId, Head)> {
        let held = self.slots.get(self.dispatch.next()?)?.as_ref()?;
        let head = if held.asked {
            Head::Answer
        } else if !held.is_fresh(now, claim_idle) {
            Head::Renew
        } else if held.deliveries.is_none() {
            Head::Count
        } else {
            Head::Ready
        };
        Some((held.entry, head))
    }

    /// Whether the lease of an entry is certainly ours, and for a while: nobody takes it before the claim idle.
    pub(crate) fn is_fresh(&self, id: StreamId, now: Time, claim_idle: Duration) -> bool {
        self.get(id).is_some_and(|held| held.is_fresh(now, claim_idle))
    }

    /// The store is asked about an entry: until it has answered, that doesn't run. Whether it is held.
    pub(crate) fn ask(&mut self, id: StreamId) -> bool {
        let Some((slot, held)) = self.find(id) else { return false };
        held.asked = true;
        self.dispatch.asked(slot);
        true
    }

    /// The store has answered.
    pub(crate) fn answered(&mut self, id: StreamId) {
        if let Some((slot, held)) = self.find(id) {
            held.asked = false;
            self.dispatch.look_again(slot);
        }
    }

    /// Whether the store may be asked about one more entry.
    pub(crate) fn may_ask(&self) -> bool {
        self.dispatch.may_ask()
    }

    /// An entry waits until the store can be asked about it, and those behind it in its lane.
    pub(crate) fn defer(&mut self, id: StreamId) {
        if let Some(slot) = self.entries.get(id) {
            self.dispatch.defer(*slot);
        }
    }

    /// The store can be asked.
    pub(crate) fn recall(&mut self) {
        self.dispatch.recall();
    }

    /// Begins an entry whose turn it is.
    pub(crate) fn begin(&mut self, id: StreamId, now: Time, job: JobId) -> Option<Job> {
        let slot = *self.entries.get_mut(id)?;
        self.dispatch.begin(slot);
        self.running.insert(job, (slot, now));
        let held = self.slots.get_mut(slot)?.as_mut()?;
        held.stage = Stage::Running(job);
        held.began = now;
        let work = held.work.as_mut()?;
        Some(Job {
            id: job,
            service: 0,
            entry: id,
            request_id: work.id.clone(),
            method: work.method.clone(),
            params: std::mem::take(&mut work.params),
            kind: work.kind,
            deliveries: held.deliveries.unwrap_or(1),
        })
    }

    /// An entry that waits won't be begun: it comes to this stage. Its work.
    pub(crate) fn take_queued(&mut self, id: StreamId, stage: Stage) -> Option<Work> {
        let (slot, held) = self.find(id).filter(|(_, held)| held.stage == Stage::Queued)?;
        held.stage = stage;
        let work = held.work.take();
        self.dispatch.remove(slot);
        work
    }

    /// An entry neither waits nor runs any more, and is replied to: its work.
    pub(crate) fn take_work(&mut self, id: StreamId) -> Option<Work> {
        let held = self.get_mut(id)?;
        held.stage = Stage::Replying;
        held.work.take()
    }

    /// A handler ended: its entry, if it is still held, which is replied to; when it began, and its work.
    pub(crate) fn end(&mut self, job: JobId) -> Option<(StreamId, Time, Option<Work>)> {
        let (slot, _) = self.running.remove(job)?;
        self.dispatch.remove(slot);
        let held = self.slots.get_mut(slot)?.as_mut()?;
        held.stage = Stage::Replying;
        Some((held.entry, held.began, held.work.take()))
    }

    /// Forgets an entry, wherever it is.
    pub(crate) fn remove(&mut self, id: StreamId) {
        let Some(slot) = self.entries.remove(id) else { return };
        let Some(held) = &self.slots[slot] else { return };
        let stage = held.stage;
        self.bytes -= held.size;
        self.slots[slot] = None;
        self.empty.push(slot);
        match stage {
            Stage::Queued => self.dispatch.remove(slot),
            Stage::Running(job) => {
                self.dispatch.remove(slot);
                self.running.remove(job);
            }
            // These left it before.
            Stage::Replying | Stage::Acking | Stage::Releasing => {}
        }
    }

    /// Turns all that waits into what goes back to the pool.
    pub(crate) fn release_queue(&mut self) -> Vec<StreamId> {
        let slots = self.dispatch.take_waiting();
        slots.into_iter().filter_map(|slot| self.release(slot)).collect()
    }

    /// Turns all that runs into what goes back to the pool.
    pub(crate) fn release_running(&mut self) -> Vec<(JobId, StreamId)> {
        let running = std::mem::take(&mut self.running);
        let release = |(job, (slot, _)): (JobId, &(Slot, Time))| {
            self.dispatch.remove(*slot);
            Some((job, self.release(*slot)?))
        };
        running.iter().filter_map(release).collect()
    }

    fn release(&mut self, slot: Slot) -> Option<StreamId> {
        let held = self.slots.get_mut(slot)?.as_mut()?;
        held.stage = Stage::Releasing;
        held.work = None;
        self.bytes -= std::mem::take(&mut held.size);
        Some(held.entry)
    }

    /// What must be renewed: held for a third of the claim idle since it was certainly ours.
    pub(crate) fn to_renew(&self, now: Time, claim_idle: Duration) -> Vec<StreamId> {
        self.entries
            .iter()
            .filter_map(|(id, slot)| Some((id, self.slots.get(*slot)?.as_ref()?)))
            .filter(|(_, held)| {
                held.stage != Stage::Releasing && !held.lost && now - held.touched >= claim_idle / 3
            })
            .map(|(id, _)| id)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::MethodKind;
    use crate::names::MethodName;
    use crate::testing::{id, secs};

    const IDLE: Duration = Duration::from_secs(60);

    fn work() -> Work {
        let method = MethodName::new("add").unwrap();
        let (kind, params) = (MethodKind::Request, Bytes::new());
        Work { id: None, method, kind, params, reply_to: None, fields: None }
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + secs(seconds)
    }

    /// 1 runs, 2 and 3 wait.
    fn table() -> HeldTable {
        let mut held = HeldTable::new(Concurrency::Serial);
        held.enqueue(id(1), work(), 10, Some(1), at(0));
        held.enqueue(id(2), work(), 10, Some(1), at(10));
        held.enqueue(id(3), work(), 10, None, at(10));
        assert_eq!(held.begin(id(1), at(20), JobId(7)).map(|job| job.entry), Some(id(1)));
        held
    }

    #[test]
    fn an_entry_whose_turn_it_is_needs_a_fresh_lease_first_and_a_count_next() {
        let mut held = table();
        assert_eq!(held.next(at(49), IDLE), None, "no slot is free");
        held.remove(id(1));
        assert_eq!(held.next(at(49), IDLE), Some((id(2), Head::Ready)));
        let renew = Some((id(2), Head::Renew));
        assert_eq!(held.next(at(50), IDLE), renew, "two thirds of the claim idle");
        assert!(held.ask(id(2)));
        assert_eq!(held.next(at(50), IDLE), None, "the store was asked");
        assert!(held.delivered_again(id(2), at(50)));
        assert_eq!(held.next(at(50), IDLE), Some((id(2), Head::Answer)));
        held.answered(id(2));
        assert_eq!(held.next(at(50), IDLE), Some((id(2), Head::Ready)));
        held.remove(id(2));
        assert_eq!(held.next(at(49), IDLE), Some((id(3), Head::Count)));
        assert_eq!(held.next(at(50), IDLE), Some((id(3), Head::Renew)));
        held.remove(id(3));
        assert_eq!(held.next(at(50), IDLE), None);
        assert!(!held.ask(id(3)) && !held.delivered_again(id(3), at(50)));
    }

    #[test]
    fn what_is_held_for_a_third_of_the_claim_idle_is_renewed_unless_it_is_not_ours_any_more() {
        let mut held = table();
        held.hold(id(4), Stage::Acking, at(0));
        held.hold(id(5), Stage::Releasing, at(0));
        assert_eq!(held.to_renew(at(19), IDLE), []);
        assert_eq!(held.to_renew(at(20), IDLE), [id(1), id(4)]);
        assert_eq!(held.to_renew(at(30), IDLE), [id(1), id(2), id(3), id(4)]);
        held.get_mut(id(1)).unwrap().lost = true;
        assert_eq!(held.to_renew(at(30), IDLE), [id(2), id(3), id(4)]);
    }

    fn load(held: &HeldTable, seconds: u64) -> [usize; 4] {
        let load = held.load(at(seconds), secs(5));
        [load.running, load.stuck, load.waiting, load.startable]
    }

    #[test]
    fn an_entry_that_is_forgotten_is_forgotten_everywhere() {
        let mut held = table();
        assert_eq!((held.len(), held.first(), load(&held, 20)), (3, Some(id(1)), [1, 0, 2, 0]));
        assert!(held.runs(JobId(7)));
        held.remove(id(1));
        assert!(!held.runs(JobId(7)));
        assert_eq!((load(&held, 20), held.end(JobId(7)).is_none()), ([0, 0, 2, 1], true));
        held.remove(id(2));
        assert_eq!((held.len(), held.first(), load(&held, 20)), (1, Some(id(3)), [0, 0, 1, 1]));
        held.remove(id(2));
        assert_eq!(held.len(), 1);
        held.remove(id(3));
        assert!(held.is_empty() && held.begin(id(3), at(20), JobId(8)).is_none());
    }

    #[test]
    fn a_handler_is_stuck_when_it_has_run_for_long() {
        let mut held = HeldTable::new(Concurrency::Concurrent(3));
        for (entry, began) in [(1, 10), (2, 11), (3, 20)] {
            held.enqueue(id(entry), work(), 10, Some(1), at(0));
            held.begin(id(entry), at(began), JobId(entry));
        }
        assert_eq!(load(&held, 15), [3, 0, 0, 0]);
        assert_eq!(load(&held, 16), [3, 1, 0, 0]);
        assert_eq!(load(&held, 25), [3, 2, 0, 0]);
        held.end(JobId(1));
        assert_eq!(load(&held, 26), [2, 2, 0, 0]);
    }

    #[test]
    fn what_goes_back_to_the_pool_neither_waits_nor_runs_any_more() {
        let mut held = table();
        assert_eq!(held.release_queue(), [id(2), id(3)]);
        assert_eq!(load(&held, 20), [1, 0, 0, 0]);
        assert_eq!(held.release_running(), [(JobId(7), id(1))]);
        assert_eq!(load(&held, 20), [0; 4]);
        assert_eq!(held.next(at(20), IDLE), None);
        assert_eq!(held.len(), 3, "until the store has said that it is so");
        assert_eq!(held.to_renew(at(100), IDLE), []);
    }
}
