//! The entries that this server holds of one service: in which order they run, how far each has come, and since when
//! each is certainly ours.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::admit::ReplyTo;
use super::{Job, JobId};
use crate::command::StreamId;
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
        let held = Held { stage, work, deliveries, touched, began: touched, asked: false };
        self.entries.insert(id, held);
    }

    /// What the head of the queue needs. Its lease is fresh for two thirds of the claim idle.
    pub(crate) fn head(&self, now: Time, claim_idle: Duration) -> Head {
        let Some(id) = self.queue.front() else { return Head::None };
        match self.entries.get(id) {
            None => Head::None,
            Some(held) if held.asked => Head::None,
            Some(held) if now - held.touched >= claim_idle * 2 / 3 => Head::Renew(*id),
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
                held.stage != Stage::Releasing && now - held.touched >= claim_idle / 3
            })
            .map(|(id, _)| *id)
            .collect()
    }
}
