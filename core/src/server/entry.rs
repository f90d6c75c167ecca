//! An entry that a server holds: how far it has come, and what it takes to answer it.

use std::time::Duration;

use bytes::Bytes;

use super::JobId;
use crate::command::{Fields, StreamId};
use crate::contract::MethodKind;
use crate::envelope::RequestId;
use crate::names::{Key, MethodName};
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
    pub(crate) id: Option<RequestId>,
    pub(crate) method: MethodName,
    pub(crate) kind: MethodKind,
    /// Until it runs.
    pub(crate) params: Bytes,
    /// Where the reply goes, if somebody waits for one.
    pub(crate) reply_to: Option<Key>,
    /// The entry as it came, where it may have to be put aside.
    pub(crate) fields: Option<Fields>,
}

/// An entry that is held.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(super) entry: StreamId,
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
    pub(super) asked: bool,
    /// It runs here, but belongs to another consumer by now: there is nothing to renew.
    pub(crate) lost: bool,
    /// This delivery may have been counted already.
    pub(crate) counted: bool,
    /// How many bytes are held for it.
    pub(super) size: usize,
    /// What tells it from another one of its id.
    pub(super) mark: u64,
}

impl Held {
    /// Whether its lease is certainly ours, and for a while.
    pub(super) fn is_fresh(&self, now: Time, claim_idle: Duration) -> bool {
        !self.lost && now - self.touched < claim_idle.saturating_mul(2) / 3
    }
}
