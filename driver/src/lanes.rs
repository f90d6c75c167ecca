//! The connections of one run loop, and the pipelines under way on them.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use clamator_core::{Command, ConnectionId, Fault, Lane, LinkInput, Outcome};
use futures_util::stream::{FuturesOrdered, Stream};

use crate::adapter::{Connection, Link, Runtime};

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
    under_way: FuturesOrdered<Boxed<Vec<Outcome>>>,
}

impl<C: Connection> LaneDriver<C> {
    pub(crate) fn new(lane: Lane) -> LaneDriver<C> {
        LaneDriver {
            lane,
            state: State::Closed,
            gathering: VecDeque::new(),
            under_way: FuturesOrdered::new(),
        }
    }

    pub(crate) fn open<R: Runtime, L: Link<R, Connection = C>>(&mut self, link: &L, runtime: &R) {
        self.close();
        self.state = State::Connecting(Box::pin(link.connect(runtime, self.lane)));
    }

    pub(crate) fn close(&mut self) {
        self.state = State::Closed;
        self.gathering.clear();
        self.under_way = FuturesOrdered::new();
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
        sent
    }

    /// What has come back, if anything has.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Vec<LinkInput>> {
        if let State::Connecting(connecting) = &mut self.state {
            let Poll::Ready(result) = connecting.as_mut().poll(context) else {
                return Poll::Pending;
            };
            let opened = match result {
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
            return Poll::Ready(vec![LinkInput::Opened(self.lane, opened)]);
        }
        match Pin::new(&mut self.under_way).poll_next(context) {
            Poll::Ready(Some(outcomes)) => {
                let lane = self.lane;
                let completed = |outcome| LinkInput::Completed(lane, outcome);
                Poll::Ready(outcomes.into_iter().map(completed).collect())
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}
