//! Who sees everything: takes it down, lets the rules look at it, and keeps a fingerprint of it all.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clamator_core::{Command, ConnectionId, Entry, Lane, Outcome, Reply};
use clamator_memory::Monitor;
use rustc_hash::FxHashMap;

use crate::book::{Book, Role};
use crate::event::{CallId, Event, LifeId};
use crate::rules::{Broken, Rules};
use crate::stage::Stage;
use crate::story::Story;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) at: u64,
    pub(crate) what: String,
    /// The call that it is about.
    pub(crate) call: Option<CallId>,
}

#[derive(Debug)]
pub(crate) struct Watch {
    stage: Arc<Stage>,
    inner: Mutex<Inner>,
    is_violated: AtomicBool,
    /// What cores were told: answers, openings, calls, ends of handlers.
    inputs: AtomicU64,
}

#[derive(Debug)]
struct Inner {
    book: Book,
    rules: Rules,
    story: Option<Story>,
    violation: Option<Violation>,
    fingerprint: u64,
    /// Whose they are, and whether it has given them up.
    connections: FxHashMap<ConnectionId, (LifeId, Lane, bool)>,
    /// Deliveries that the store has still to count.
    uncounted: Vec<Command>,
}

impl Watch {
    pub(crate) fn new(stage: Arc<Stage>, book: Book, rules: Rules, tell: bool) -> Arc<Watch> {
        let inner = Inner {
            book,
            rules,
            story: tell.then(Story::default),
            violation: None,
            fingerprint: 0,
            connections: FxHashMap::default(),
            uncounted: Vec::new(),
        };
        Arc::new(Watch {
            stage,
            inner: Mutex::new(inner),
            is_violated: AtomicBool::new(false),
            inputs: AtomicU64::new(0),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_violated(&self) -> bool {
        self.is_violated.load(Ordering::Relaxed)
    }

    /// Counts what cores were told.
    pub(crate) fn count(&self, inputs: u64) {
        self.inputs.fetch_add(inputs, Ordering::Relaxed);
    }

    pub(crate) fn inputs(&self) -> u64 {
        self.inputs.load(Ordering::Relaxed)
    }

    /// Something happens.
    pub(crate) fn see(&self, event: &Event<'_>) {
        let mut inner = self.lock();
        inner.see(self.stage.now(), event);
        if inner.violation.is_some() {
            self.is_violated.store(true, Ordering::Relaxed);
        }
    }

    /// Changes the book, or looks into it.
    pub(crate) fn book<T>(&self, act: impl FnOnce(&mut Book) -> T) -> T {
        let mut inner = self.lock();
        inner.book.now = self.stage.now();
        act(&mut inner.book)
    }

    /// A rule was broken that only the world as a whole can judge.
    pub(crate) fn violate(&self, rule: &'static str, broken: Broken) {
        let at = self.stage.now();
        let Broken { what, call } = broken;
        self.lock().violation.get_or_insert(Violation { rule, at, what, call });
        self.is_violated.store(true, Ordering::Relaxed);
    }

    /// What rules say once it is over.
    pub(crate) fn end(&self) {
        let mut inner = self.lock();
        let Inner { book, rules, .. } = &mut *inner;
        if let Err((rule, broken)) = rules.end(book) {
            drop(inner);
            self.violate(rule, broken);
        }
    }

    pub(crate) fn connected(&self, connection: Option<ConnectionId>, life: LifeId, lane: Lane) {
        if let Some(connection) = connection {
            self.lock().connections.insert(connection, (life, lane, false));
        }
    }

    /// A process has given up a connection: what is on its way on it may still be executed.
    pub(crate) fn given_up(&self, connection: Option<ConnectionId>) {
        let mut inner = self.lock();
        let found = connection.and_then(|connection| inner.connections.get_mut(&connection));
        if let Some((.., late)) = found {
            *late = true;
        }
    }

    /// What the store has still to count: as one of another make takes entries over, each counts as delivered once more.
    pub(crate) fn take_uncounted(&self) -> Vec<Command> {
        std::mem::take(&mut self.lock().uncounted)
    }

    /// What came of it all: the broken rule, the fingerprint, the story.
    pub(crate) fn verdict(&self) -> (Option<Violation>, u64, Option<Story>) {
        let mut inner = self.lock();
        (inner.violation.clone(), inner.fingerprint, inner.story.take())
    }
}

impl Inner {
    fn see(&mut self, now: u64, event: &Event<'_>) {
        mark(&mut self.fingerprint, now, event);
        // Rules see the same whether the story is told or not.
        let matters = event.matters();
        if self.story.is_none() && !matters {
            return;
        }
        self.book.now = now;
        self.book.write(event);
        if let Some(story) = &mut self.story {
            story.tell(&self.book, event);
        }
        if matters
            && self.violation.is_none()
            && let Err((rule, broken)) = self.rules.see(&self.book, event)
        {
            let Broken { what, call } = broken;
            self.violation = Some(Violation { rule, at: now, what, call });
        }
    }
}

impl Inner {
    /// `XAUTOCLAIM` without `JUSTID`, which the others use, counts a delivery of each entry; the command of the core doesn't.
    fn count_if_taken_over(&mut self, life: LifeId, command: &Command, outcome: &Outcome) {
        if let Command::AutoClaim { stream, group, consumer, .. } = command
            && let Outcome::Reply(Reply::Claimed { entries, .. }) = outcome
            && self.book.lives[life].role == Role::Peer
        {
            let count = |entry: &Entry| Command::CountDelivery {
                stream: stream.clone(),
                group: group.clone(),
                consumer: consumer.clone(),
                id: entry.id,
                raise: true,
            };
            self.uncounted.extend(entries.iter().map(count));
        }
    }
}

/// The same events at the same times give the same fingerprint.
fn mark(print: &mut u64, now: u64, event: &Event<'_>) {
    let (kind, detail) = match event {
        Event::Born { life } => (1, *life as u64),
        Event::Up { life } => (2, *life as u64),
        Event::Stopping { life, .. } => (3, *life as u64),
        Event::Stopped { life, .. } => (4, *life as u64),
        Event::Killed { life } => (5, *life as u64),
        Event::Called { call, .. } => (6, u64::from(*call)),
        Event::Settled { call, .. } => (7, u64::from(*call)),
        Event::Forgotten { call } => (8, u64::from(*call)),
        Event::Began { entry, call, .. } => {
            (9, entry.ms ^ entry.seq << 48 ^ u64::from(*call) << 20)
        }
        Event::Ended { run, .. } => (10, *run as u64),
        Event::Sent { life, lane, .. } => (11, (*life * 1024 + lane.index()) as u64),
        Event::Executed { life, lane, .. } => (12, (*life * 1024 + lane.index()) as u64),
        Event::Answered { life, lane, .. } => (13, (*life * 1024 + lane.index()) as u64),
        Event::Fault { what } => (14, what.len() as u64),
        Event::Calm => (15, 0),
        Event::Note { life, .. } => (16, *life as u64),
        Event::Connecting { life, lane } => (17, (*life * 1024 + lane.index()) as u64),
    };
    for word in [now, kind << 56 ^ detail] {
        *print = (print.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Sees every command that the store executes.
pub(crate) struct Eye(pub(crate) Arc<Watch>);

impl Monitor for Eye {
    fn executed(&mut self, connection: ConnectionId, command: &Command, outcome: &Outcome) {
        let known = self.0.lock().connections.get(&connection).copied();
        if let Some((life, lane, late)) = known {
            self.0.see(&Event::Executed { life, lane, command, outcome, late });
            self.0.lock().count_if_taken_over(life, command, outcome);
        }
    }
}
