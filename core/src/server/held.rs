//! The entries that this server holds of one service: in which order they run, how far each has come, and since when
//! each is certainly ours.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::admit::ReplyTo;
use super::{Job, JobId};
use crate::command::{Fields, StreamId};
use crate::contract::MethodKind;
use crate::envelope::Request;
use crate::time::Time;

/// How far an entry has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It waits for its turn.
    Queued,
    /// Its handler runs.
    Running(JobId),
    /// Its reply is on its way into the store.
    Replying,
    /// It is done; its ack is on its way.
    Acking,
    /// It goes back to the pool.
    Releasing,
}

/// A request that waits or runs.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    pub(crate) request: Request,
    pub(crate) kind: MethodKind,
    pub(crate) reply_to: Option<ReplyTo>,
    /// The entry as it came, where it may have to be put aside.
    pub(crate) fields: Option<Fields>,
}

/// An entry that is held.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) stage: Stage,
    /// Until it is replied to.
    pub(crate) work: Option<Work>,
    /// How often it was delivered; unknown for one that was taken over, until the store was asked.
    pub(crate) deliveries: Option<u64>,
    /// At this time it was certainly ours, and its idle time began anew.
    pub(crate) touched: Time,
    /// When its handler began.
    pub(crate) began: Time,
    /// The store was asked about it, and hasn't answered yet.
    pub(crate) asked: bool,
    /// It runs here, but belongs to another consumer by now: there is nothing to renew.
    pub(crate) lost: bool,
}

/// What the head of the queue needs before it may run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Head {
    /// There is none, or the store was asked about it.
    None,
    /// Its lease may have run out: renew it, if it is still ours.
    Renew(StreamId),
    /// It was taken over: ask how often it was delivered.
    Count(StreamId),
    /// It may run.
    Ready,
}

/// The table of entries that are held.
#[derive(Debug, Default)]
pub(crate) struct HeldTable {
    entries: BTreeMap<StreamId, Held>,
    queue: VecDeque<StreamId>,
    running: BTreeMap<JobId, StreamId>,
}

impl HeldTable {
    pub(crate) fn get_mut(&mut self, id: StreamId) -> Option<&mut Held> {
        self.entries.get_mut(&id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All that is held, whatever became of it.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What waits or runs.
    pub(crate) fn unfinished(&self) -> usize {
        self.queue.len() + self.running.len()
    }

    /// How many bytes the params take of what waits or runs.
    pub(crate) fn bytes(&self) -> usize {
        let works = self.entries.values().filter_map(|held| held.work.as_ref());
        works.map(|work| work.request.params.len()).sum()
    }

    /// When the handler began that has been running for the longest time.
    pub(crate) fn running_since(&self) -> Option<Time> {
        let (_, id) = self.running.first_key_value()?;
        self.entries.get(id).map(|held| held.began)
    }

    pub(crate) fn is_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// Whether this handler's entry is held here.
    pub(crate) fn runs(&self, job: JobId) -> bool {
        self.running.contains_key(&job)
    }

    /// The lowest id that is held.
    pub(crate) fn first(&self) -> Option<StreamId> {
        self.entries.first_key_value().map(|(id, _)| *id)
    }

    /// Takes an entry that waits for its turn.
    pub(crate) fn enqueue(
        &mut self,
        id: StreamId,
        work: Work,
        deliveries: Option<u64>,
        touched: Time,
    ) {
        self.queue.push_back(id);
        self.insert(id, Stage::Queued, Some(work), deliveries, touched);
    }

    /// Takes an entry that is done without a handler.
    pub(crate) fn hold(&mut self, id: StreamId, stage: Stage, touched: Time) {
        self.insert(id, stage, None, None, touched);
    }

    fn insert(
        &mut self,
        id: StreamId,
        stage: Stage,
        work: Option<Work>,
        deliveries: Option<u64>,
        touched: Time,
    ) {
        let (began, asked, lost) = (touched, false, false);
        let held = Held { stage, work, deliveries, touched, began, asked, lost };
        self.entries.insert(id, held);
    }

    /// What the head of the queue needs. Its lease is fresh for two thirds of the claim idle.
    pub(crate) fn head(&self, now: Time, claim_idle: Duration) -> Head {
        let Some(id) = self.queue.front() else { return Head::None };
        match self.entries.get(id) {
            None => Head::None,
            Some(held) if held.asked => Head::None,
            Some(held) if now - held.touched >= claim_idle.saturating_mul(2) / 3 => {
                Head::Renew(*id)
            }
            Some(held) if held.deliveries.is_none() => Head::Count(*id),
            Some(_) => Head::Ready,
        }
    }

    /// Begins the head of the queue.
    pub(crate) fn begin(&mut self, now: Time, job: JobId) -> Option<Job> {
        let id = self.queue.pop_front()?;
        let held = self.entries.get_mut(&id)?;
        held.stage = Stage::Running(job);
        held.began = now;
        self.running.insert(job, id);
        let work = held.work.as_ref()?;
        Some(Job {
            id: job,
            service: 0,
            entry: id,
            request_id: work.request.id.clone(),
            method: work.request.method.clone(),
            params: work.request.params.clone(),
            kind: work.kind,
            deliveries: held.deliveries.unwrap_or(1),
        })
    }

    /// An entry that waits won't be begun: it comes to this stage. Its work.
    pub(crate) fn take_queued(&mut self, id: StreamId, stage: Stage) -> Option<Work> {
        let held = self.entries.get_mut(&id).filter(|held| held.stage == Stage::Queued)?;
        held.stage = stage;
        self.queue.retain(|queued| *queued != id);
        held.work.take()
    }

    /// A handler ended: its entry, if it is still held.
    pub(crate) fn end(&mut self, job: JobId) -> Option<(StreamId, &mut Held)> {
        let id = self.running.remove(&job)?;
        self.entries.get_mut(&id).map(|held| (id, held))
    }

    /// Forgets an entry, wherever it is.
    pub(crate) fn remove(&mut self, id: StreamId) -> Option<Held> {
        let held = self.entries.remove(&id)?;
        match held.stage {
            Stage::Queued => self.queue.retain(|queued| *queued != id),
            Stage::Running(job) => {
                self.running.remove(&job);
            }
            _ => {}
        }
        Some(held)
    }

    /// Turns all that waits into what goes back to the pool.
    pub(crate) fn release_queue(&mut self) -> Vec<StreamId> {
        let ids: Vec<StreamId> = self.queue.drain(..).collect();
        self.release(&ids);
        ids
    }

    /// Turns all that runs into what goes back to the pool.
    pub(crate) fn release_running(&mut self) -> Vec<(JobId, StreamId)> {
        let running: Vec<(JobId, StreamId)> =
            std::mem::take(&mut self.running).into_iter().collect();
        for (_, id) in &running {
            self.release(&[*id]);
        }
        running
    }

    fn release(&mut self, ids: &[StreamId]) {
        for id in ids {
            if let Some(held) = self.entries.get_mut(id) {
                held.stage = Stage::Releasing;
                held.work = None;
            }
        }
    }

    /// What must be renewed: held for a third of the claim idle since it was certainly ours.
    pub(crate) fn to_renew(&self, now: Time, claim_idle: Duration) -> Vec<StreamId> {
        self.entries
            .iter()
            .filter(|(_, held)| {
                held.stage != Stage::Releasing && !held.lost && now - held.touched >= claim_idle / 3
            })
            .map(|(id, _)| *id)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{id, secs};

    const IDLE: Duration = Duration::from_secs(60);

    fn work() -> Work {
        let request = Request { id: None, method: "add".to_owned(), params: Default::default() };
        Work { request, kind: MethodKind::Request, reply_to: None, fields: None }
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + secs(seconds)
    }

    /// 1 runs, 2 and 3 wait.
    fn table() -> HeldTable {
        let mut held = HeldTable::default();
        held.enqueue(id(1), work(), Some(1), at(0));
        held.enqueue(id(2), work(), Some(1), at(10));
        held.enqueue(id(3), work(), None, at(10));
        assert_eq!(held.begin(at(20), JobId(7)).map(|job| job.entry), Some(id(1)));
        held
    }

    #[test]
    fn the_head_needs_a_fresh_lease_first_and_a_count_next() {
        let mut held = table();
        assert_eq!(held.head(at(49), IDLE), Head::Ready);
        assert_eq!(held.head(at(50), IDLE), Head::Renew(id(2)), "two thirds of the claim idle");
        held.get_mut(id(2)).unwrap().asked = true;
        assert_eq!(held.head(at(50), IDLE), Head::None, "the store was asked");
        held.remove(id(2));
        assert_eq!(held.head(at(49), IDLE), Head::Count(id(3)));
        assert_eq!(held.head(at(50), IDLE), Head::Renew(id(3)));
        held.remove(id(3));
        assert_eq!(held.head(at(50), IDLE), Head::None);
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

    #[test]
    fn an_entry_that_is_forgotten_is_forgotten_everywhere() {
        let mut held = table();
        assert_eq!((held.len(), held.unfinished(), held.first()), (3, 3, Some(id(1))));
        assert!(held.runs(JobId(7)) && held.is_running());
        held.remove(id(1));
        assert!(!held.runs(JobId(7)) && !held.is_running());
        assert_eq!((held.running_since(), held.end(JobId(7)).is_none()), (None, true));
        held.remove(id(2));
        assert_eq!((held.len(), held.unfinished(), held.first()), (1, 1, Some(id(3))));
        assert!(held.remove(id(2)).is_none());
        held.remove(id(3));
        assert!(held.is_empty() && held.begin(at(20), JobId(8)).is_none());
    }

    #[test]
    fn what_goes_back_to_the_pool_neither_waits_nor_runs_any_more() {
        let mut held = table();
        assert_eq!(held.running_since(), Some(at(20)));
        assert_eq!(held.release_queue(), [id(2), id(3)]);
        assert_eq!((held.head(at(20), IDLE), held.unfinished()), (Head::None, 1));
        assert_eq!(held.release_running(), [(JobId(7), id(1))]);
        assert_eq!(
            (held.unfinished(), held.len()),
            (0, 3),
            "until the store has said that it is so"
        );
        assert_eq!(held.to_renew(at(100), IDLE), []);
    }
}
