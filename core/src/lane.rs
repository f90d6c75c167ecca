//! One connection as the core sees it: open or not, what is under way on it, when to try again, when to give it up.

use std::collections::VecDeque;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::command::{Command, ConnectionId, Fault, Lane, Outcome};
use crate::event::Event;
use crate::options::CommonOptions;
use crate::output::Output;
use crate::random::Random;
use crate::time::Time;

/// How long an attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What an answer on a lane is for, and the command's deadline.
#[derive(Debug)]
struct UnderWay<C> {
    what: C,
    answer_by: Time,
}

#[derive(Debug)]
enum State {
    /// Not wanted.
    Closed,
    /// Asked for; given up at this time.
    Opening { until: Time },
    /// At work.
    Open,
    /// Lost; the answers of what was under way are still to come.
    Failing(Fault),
    /// Lost; to be opened again at this time.
    Waiting { until: Time },
}

/// A lane: `C` says what each command under way was for.
#[derive(Debug)]
pub(crate) struct LaneState<C> {
    lane: Lane,
    state: State,
    under_way: VecDeque<UnderWay<C>>,
    backoff: Backoff,
    response_timeout: Duration,
    address: String,
    connection: Option<ConnectionId>,
    /// Why it was lost last; until it is open again.
    fault: Option<Fault>,
    /// It was open before: the next time is a reconnect.
    was_open: bool,
}

/// What happened to a lane.
#[derive(Debug, PartialEq)]
pub(crate) enum LaneChange {
    /// It is open. `lost` is the number of the connection that it had before, if it had one.
    Up { again: bool, lost: Option<ConnectionId> },
    /// It couldn't be opened.
    Down(Fault),
}

impl<C> LaneState<C> {
    pub(crate) fn new(lane: Lane, options: &CommonOptions) -> LaneState<C> {
        LaneState {
            lane,
            state: State::Closed,
            under_way: VecDeque::new(),
            backoff: Backoff::new(options.backoff),
            response_timeout: options.response_timeout,
            address: options.address.clone(),
            connection: None,
            fault: None,
            was_open: false,
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Why it isn't open, if it was lost.
    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// The store's number for the open connection.
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        self.connection
    }

    /// Asks for a connection, unless there is one or one is on its way.
    pub(crate) fn open<E>(&mut self, now: Time, out: &mut VecDeque<Output<E>>) {
        if matches!(self.state, State::Closed) {
            self.state = State::Opening { until: now + CONNECT_TIMEOUT };
            out.push_back(Output::Open(self.lane));
        }
    }

    /// Sends a command on an open lane. The caller asks [`is_open`](LaneState::is_open) first.
    pub(crate) fn send<E>(
        &mut self,
        now: Time,
        command: Command,
        what: C,
        out: &mut VecDeque<Output<E>>,
    ) {
        debug_assert!(self.is_open());
        let wait = self.response_timeout + command.block().unwrap_or_default();
        self.under_way.push_back(UnderWay { what, answer_by: now + wait });
        out.push_back(Output::Send(self.lane, command));
    }

    /// The answer to [`open`](LaneState::open).
    pub(crate) fn opened<E>(
        &mut self,
        now: Time,
        result: Result<Option<ConnectionId>, Fault>,
        random: &mut Random,
        out: &mut VecDeque<Output<E>>,
    ) -> Option<LaneChange> {
        if !matches!(self.state, State::Opening { .. }) {
            return None;
        }
        match result {
            Ok(connection) => {
                self.state = State::Open;
                self.backoff.reset();
                let again = self.was_open;
                if self.fault.take().is_some() {
                    out.push_back(Output::Event(Event::Reconnected { lane: self.lane }));
                }
                self.was_open = true;
                let lost = std::mem::replace(&mut self.connection, connection);
                Some(LaneChange::Up { again, lost: if again { lost } else { None } })
            }
            Err(fault) => {
                self.failed(now, fault.clone(), random, out);
                Some(LaneChange::Down(fault))
            }
        }
    }

    /// The answer to the oldest command under way: what it was for. A lost connection is noticed here.
    pub(crate) fn completed<E>(
        &mut self,
        now: Time,
        outcome: &Outcome,
        random: &mut Random,
        out: &mut VecDeque<Output<E>>,
    ) -> Option<C> {
        let what = self.under_way.pop_front()?.what;
        if let Outcome::Unknown(fault) | Outcome::NotSent(fault) = outcome
            && self.is_open()
        {
            self.state = State::Failing(fault.clone());
        }
        self.finish_failing(now, random, out);
        Some(what)
    }

    /// Gives up a connection, or an attempt at one. Returns what was under way, for which no answer comes any more.
    pub(crate) fn close<E>(&mut self, out: &mut VecDeque<Output<E>>) -> Vec<C> {
        if !matches!(self.state, State::Closed | State::Waiting { .. }) {
            out.push_back(Output::Close(self.lane));
        }
        self.state = State::Closed;
        self.under_way.drain(..).map(|under_way| under_way.what).collect()
    }

    /// When [`handle_timeout`](LaneState::handle_timeout) has something to do.
    pub(crate) fn timeout(&self) -> Option<Time> {
        match &self.state {
            State::Closed => None,
            State::Opening { until } | State::Waiting { until } => Some(*until),
            State::Open | State::Failing(_) => self.under_way.front().map(|first| first.answer_by),
        }
    }

    /// Opens again after a wait; gives up what hangs. Returns what was under way on a connection that was given up.
    pub(crate) fn handle_timeout<E>(
        &mut self,
        now: Time,
        random: &mut Random,
        out: &mut VecDeque<Output<E>>,
    ) -> Option<(Fault, Vec<C>)> {
        if self.timeout().is_none_or(|at| at > now) {
            return None;
        }
        if let State::Waiting { .. } = self.state {
            self.state = State::Closed;
            self.open(now, out);
            return None;
        }
        let cause = match self.state {
            State::Opening { .. } => "connecting takes too long",
            _ => "the connection gives no answer",
        };
        let fault = Fault { address: self.address.clone(), cause: cause.to_owned() };
        let lost = self.close(out);
        self.failed(now, fault.clone(), random, out);
        Some((fault, lost))
    }

    fn finish_failing<E>(&mut self, now: Time, random: &mut Random, out: &mut VecDeque<Output<E>>) {
        if !self.under_way.is_empty() {
            return;
        }
        if let State::Failing(fault) = &self.state {
            let fault = fault.clone();
            out.push_back(Output::Close(self.lane));
            self.failed(now, fault, random, out);
        }
    }

    fn failed<E>(
        &mut self,
        now: Time,
        fault: Fault,
        random: &mut Random,
        out: &mut VecDeque<Output<E>>,
    ) {
        self.state = State::Waiting { until: now + self.backoff.wait(random) };
        // One report for a change of state, not one for each attempt.
        if self.fault.is_none() {
            out.push_back(Output::Event(Event::Disconnected {
                lane: self.lane,
                fault: fault.clone(),
            }));
        }
        self.fault = Some(fault);
    }
}
