//! The connections of one run loop, and the pipelines under way on them.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use clamator_core::{Command, ConnectionId, Fault, Lane, LinkInput, Outcome};

use crate::adapter::{Connection, Link, Runtime};
use crate::bell::Bell;

/// How many pipelines may be under way on one connection, while the next one gathers.
const PIPELINES: usize = 4;
/// The most commands in one pipeline.
const BATCH: usize = 1024;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

enum State<C> {
    Closed,
    Connecting(Boxed<Result<C, Fault>>),
    Open(C),
}

/// One lane's connection.
pub(crate) struct LaneDriver<C> {
    lane: Lane,
    state: State<C>,
    gathering: VecDeque<Command>,
    /// The first is polled, and the others once they are: a connection answers in order.
    under_way: VecDeque<Boxed<Vec<Outcome>>>,
    /// Rung when there may be something new.
    bell: Arc<Bell>,
    waker: Waker,
}

impl<C: Connection> LaneDriver<C> {
    pub(crate) fn new(lane: Lane, bell: Arc<Bell>) -> LaneDriver<C> {
        LaneDriver {
            waker: Waker::from(bell.clone()),
            bell,
            lane,
            state: State::Closed,
            gathering: VecDeque::new(),
            under_way: VecDeque::new(),
        }
    }

    pub(crate) fn open<R: Runtime, L: Link<R, Connection = C>>(&mut self, link: &L, runtime: &R) {
        self.close();
        self.state = State::Connecting(Box::pin(link.connect(runtime, self.lane)));
        self.bell.ring();
    }

    pub(crate) fn close(&mut self) {
        self.state = State::Closed;
        self.gathering.clear();
        self.under_way.clear();
    }

    pub(crate) fn send(&mut self, command: Command) {
        self.gathering.push_back(command);
    }

    /// Sends what has gathered, as far as pipelines are free. Whether anything was sent.
    pub(crate) fn flush(&mut self) -> bool {
        let State::Open(connection) = &mut self.state else { return false };
        let mut sent = false;
        while !self.gathering.is_empty() && self.under_way.len() < PIPELINES {
            let batch = self.gathering.len().min(BATCH);
            let commands: Vec<Command> = self.gathering.drain(..batch).collect();
            self.under_way.push_back(Box::pin(connection.run(commands)));
            sent = true;
        }
        if sent {
            self.bell.ring();
        }
        sent
    }

    /// Whether [`poll`](LaneDriver::poll) may have something.
    pub(crate) fn may_have_news(&self) -> bool {
        self.bell.is_rung()
    }

    /// What has come back, if anything has.
    pub(crate) fn poll(&mut self) -> Poll<Arrived> {
        if !self.bell.was_rung() {
            return Poll::Pending;
        }
        let mut context = Context::from_waker(&self.waker);
        if let State::Connecting(connecting) = &mut self.state {
            let opened = match ready!(connecting.as_mut().poll(&mut context)) {
                Ok(connection) => {
                    let id: Option<ConnectionId> = connection.id();
                    self.state = State::Open(connection);
                    Ok(id)
                }
                Err(fault) => {
                    self.state = State::Closed;
                    Err(fault)
                }
            };
            return Poll::Ready(Arrived::Opened(Some(LinkInput::Opened(self.lane, opened))));
        }
        let Some(first) = self.under_way.front_mut() else { return Poll::Pending };
        let outcomes = ready!(first.as_mut().poll(&mut context));
        self.under_way.pop_front();
        // The next one may have ended too.
        self.bell.ring();
        Poll::Ready(Arrived::Completed(self.lane, outcomes.into_iter()))
    }
}

/// What has come back from a lane.
pub(crate) enum Arrived {
    Opened(Option<LinkInput>),
    Completed(Lane, std::vec::IntoIter<Outcome>),
}

impl Iterator for Arrived {
    type Item = LinkInput;

    fn next(&mut self) -> Option<LinkInput> {
        match self {
            Arrived::Opened(opened) => opened.take(),
            Arrived::Completed(lane, outcomes) => {
                outcomes.next().map(|outcome| LinkInput::Completed(*lane, outcome))
            }
        }
    }
}
