//! One connection, and what is on its way on it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use clamator_core::{Command, Lane, Outcome};
use clamator_memory::MemoryConnection;

use super::{AtStore, Net, Woken};
use crate::event::LifeId;
use crate::stage::{Host, NodeId};

pub(super) struct Pipe {
    pub(super) node: NodeId,
    pub(super) life: LifeId,
    pub(super) lane: Lane,
    pub(super) opened_at: u64,
    /// Whether its process can still use it.
    pub(super) is_open: bool,
    /// The store's end, until that notices.
    pub(super) end: Option<MemoryConnection<Host>>,
    /// On the way to the store: who awaits it, and what.
    pub(super) there: VecDeque<(Option<usize>, Vec<Command>)>,
    /// Being executed.
    pub(super) at_store: VecDeque<(Option<usize>, AtStore)>,
    /// On the way back.
    pub(super) back: VecDeque<(usize, Vec<Outcome>)>,
    pub(super) last_there: u64,
    pub(super) last_back: u64,
    waker: Option<Waker>,
}

impl Pipe {
    pub(super) fn new(
        node: NodeId,
        life: LifeId,
        lane: Lane,
        opened_at: u64,
        end: MemoryConnection<Host>,
    ) -> Pipe {
        Pipe {
            node,
            life,
            lane,
            opened_at,
            is_open: true,
            end: Some(end),
            there: VecDeque::new(),
            at_store: VecDeque::new(),
            back: VecDeque::new(),
            last_there: 0,
            last_back: 0,
            waker: None,
        }
    }

    /// What the store's end is polled with.
    pub(super) fn waker(&mut self, net: &Arc<Net>, pipe: usize) -> Waker {
        let woken = || Waker::from(Arc::new(Woken { net: Arc::downgrade(net), pipe }));
        self.waker.get_or_insert_with(woken).clone()
    }
}
