//! The server side of the in-process transport: a store, its connections, and the reads that wait.
//!
//! It is a plain value behind [`Memory`](crate::Memory)'s mutex. Wakers are collected in it and woken by whoever
//! held the lock, after letting go of it.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::task::Waker;
use std::time::Duration;
use std::vec;

use clamator_core::{Command, ConnectionId, Fault, Key, Outcome, Reply, Time};

use crate::monitor::Monitor;
use crate::store::Store;

/// What the milliseconds of a store count from, so that entry ids look as they do in Redis.
const EPOCH_MS: u64 = 1_700_000_000_000;

/// One call of [`run`](clamator_driver::Connection::run) that couldn't end at once.
pub(crate) type RunId = u64;

pub(crate) struct Broker {
    pub(crate) store: Store,
    pub(crate) monitor: Option<Box<dyn Monitor>>,
    address: String,
    now: Time,
    connections: BTreeMap<ConnectionId, Line>,
    last_connection: ConnectionId,
    runs: BTreeMap<RunId, Run>,
    last_run: RunId,
    /// The blocked runs of each stream, the longest waiting one first.
    waiting: BTreeMap<Key, VecDeque<RunId>>,
    /// Connections that were blocked and can go on.
    unblocked: VecDeque<ConnectionId>,
    wakers: Vec<Waker>,
}

/// A connection: the runs that haven't ended, in order. Only the first may be blocked.
#[derive(Debug, Default)]
struct Line {
    queue: VecDeque<RunId>,
    killed: bool,
    /// Whether nobody holds it any more.
    closed: bool,
}

#[derive(Debug)]
struct Run {
    connection: ConnectionId,
    commands: vec::IntoIter<Command>,
    outcomes: Vec<Outcome>,
    /// The read that it waits in, and until when.
    blocked: Option<(Command, Time)>,
    /// Whether it has an outcome for every command.
    ended: bool,
    waker: Option<Waker>,
}

/// How a run began.
pub(crate) enum Started {
    Ended(Vec<Outcome>),
    Waits(RunId),
}

/// How a run stands.
pub(crate) enum Progress {
    Ended(Vec<Outcome>),
    /// It waits in a read until then.
    BlockedUntil(Time),
    /// It waits for an earlier run of its connection.
    Queued,
}

impl Broker {
    pub(crate) fn new(address: String) -> Broker {
        Broker {
            store: Store::new(),
            monitor: None,
            address,
            now: Time::ZERO,
            connections: BTreeMap::new(),
            last_connection: 0,
            runs: BTreeMap::new(),
            last_run: 0,
            waiting: BTreeMap::new(),
            unblocked: VecDeque::new(),
            wakers: Vec::new(),
        }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn connect(&mut self) -> ConnectionId {
        self.last_connection += 1;
        self.connections.insert(self.last_connection, Line::default());
        self.last_connection
    }

    /// The holder of a connection let go of it. Its runs go on.
    pub(crate) fn close(&mut self, connection: ConnectionId) {
        if let Some(line) = self.connections.get_mut(&connection) {
            line.closed = true;
        }
        self.forget_if_unused(connection);
    }

    /// Executes commands until one of them has to wait.
    pub(crate) fn start(
        &mut self,
        now: Time,
        connection: ConnectionId,
        commands: Vec<Command>,
    ) -> Started {
        self.advance(now);
        let outcomes = Vec::with_capacity(commands.len());
        let commands = commands.into_iter();
        let mut run =
            Run { connection, commands, outcomes, blocked: None, ended: false, waker: None };
        let free = self.connections.get(&connection).is_none_or(|line| line.queue.is_empty());
        if free && self.execute(&mut run) {
            self.go_on();
            return Started::Ended(run.outcomes);
        }
        self.last_run += 1;
        let id = self.last_run;
        self.park(id, &run);
        if let Some(line) = self.connections.get_mut(&connection) {
            line.queue.push_back(id);
        }
        self.runs.insert(id, run);
        self.go_on();
        Started::Waits(id)
    }

    /// Asks how a run stands; the waker is woken when that changes.
    pub(crate) fn poll(&mut self, id: RunId, waker: &Waker) -> Progress {
        let Some(run) = self.runs.get_mut(&id) else {
            // Its outcomes were taken already.
            return Progress::Ended(Vec::new());
        };
        if run.ended {
            let outcomes = mem::take(&mut run.outcomes);
            self.runs.remove(&id);
            return Progress::Ended(outcomes);
        }
        match &mut run.waker {
            Some(known) => known.clone_from(waker),
            none => *none = Some(waker.clone()),
        }
        match run.blocked {
            Some((_, until)) => Progress::BlockedUntil(until),
            None => Progress::Queued,
        }
    }

    /// Ends a run's read that waits until then or less long.
    pub(crate) fn time_out(&mut self, now: Time, id: RunId, until: Time) {
        self.advance(now);
        let late = |run: &Run| run.blocked.as_ref().is_some_and(|(_, its)| *its <= until);
        if self.runs.get(&id).is_some_and(late) {
            self.unblock(id, Outcome::Reply(Reply::Entries(Vec::new())));
        }
        self.go_on();
    }

    /// Nobody waits for this run any more: it gets no entry, and what it hasn't executed is left out.
    pub(crate) fn abandon(&mut self, id: RunId) {
        let Some(run) = self.runs.remove(&id) else { return };
        if let Some((read, _)) = &run.blocked {
            self.leave_queue(read, id);
        }
        if let Some(line) = self.connections.get_mut(&run.connection) {
            line.queue.retain(|queued| *queued != id);
        }
        self.unblocked.push_back(run.connection);
        self.forget_if_unused(run.connection);
        self.go_on();
    }

    /// Somebody meddled with the store: ends every wait that this concerns.
    pub(crate) fn settle(&mut self) {
        let lost_group = self.store.take_lost_group();
        let streams: Vec<Key> = self.waiting.keys().cloned().collect();
        for stream in streams {
            self.serve(&stream, lost_group.contains(&stream));
        }
        self.go_on();
    }

    /// The wakers that became due. To be woken without the lock.
    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        mem::take(&mut self.wakers)
    }

    fn advance(&mut self, now: Time) {
        self.now = now;
        let since_start = u64::try_from(now.since_start().as_millis()).unwrap_or(u64::MAX);
        if self.store.reap(EPOCH_MS.saturating_add(since_start)) {
            self.settle();
        }
    }

    /// Executes what is left of a run. False: it is blocked.
    fn execute(&mut self, run: &mut Run) -> bool {
        for command in run.commands.by_ref() {
            if self.connections.get(&run.connection).is_none_or(|line| line.killed) {
                run.outcomes.push(Outcome::NotSent(self.fault()));
                continue;
            }
            let command = match command {
                // The most frequent of all: its fields aren't copied.
                Command::Append { stream, fields, max_len, create } if self.monitor.is_none() => {
                    let added = self.store.append(&stream, fields, max_len, create);
                    if added.is_ok() {
                        self.serve(&stream, true);
                    }
                    run.outcomes.push(added.map_or_else(Outcome::Refused, Outcome::Reply));
                    continue;
                }
                command => command,
            };
            let outcome = match self.store.execute(self.store.now_ms(), &command) {
                Ok(Reply::Entries(entries)) if entries.is_empty() && command.block().is_some() => {
                    // Zero would be "for ever" to Redis.
                    let block = command.block().unwrap_or_default().max(Duration::from_millis(1));
                    run.blocked = Some((command, self.now + block));
                    return false;
                }
                Ok(reply) => Outcome::Reply(self.concerning_others(&command).unwrap_or(reply)),
                Err(refusal) => Outcome::Refused(refusal),
            };
            self.tell(run.connection, &command, &outcome);
            run.outcomes.push(outcome);
            // Told before those are that it wakes.
            if let Command::Append { stream, .. } = &command {
                self.serve(stream, true);
            }
        }
        true
    }

    fn tell(&mut self, connection: ConnectionId, command: &Command, outcome: &Outcome) {
        if let Some(monitor) = &mut self.monitor {
            monitor.executed(connection, command, outcome);
        }
    }

    /// What an executed command means for other connections, and its reply if only they know it.
    fn concerning_others(&mut self, command: &Command) -> Option<Reply> {
        match command {
            Command::Delete { key } | Command::Expire { key, .. } => self.serve(key, false),
            Command::Unblock { connection } => {
                let first =
                    self.connections.get(connection).and_then(|line| line.queue.front().copied());
                let blocked =
                    first.filter(|id| self.runs.get(id).is_some_and(|run| run.blocked.is_some()));
                if let Some(id) = blocked {
                    self.unblock(id, Outcome::Reply(Reply::Entries(Vec::new())));
                }
                return Some(Reply::Count(u64::from(blocked.is_some())));
            }
            Command::Kill { connection } => {
                return Some(Reply::Count(u64::from(self.kill(*connection))));
            }
            _ => {}
        }
        None
    }

    /// Lets the reads that wait for a stream look at it, in order.
    fn serve(&mut self, stream: &Key, appended: bool) {
        let Some(waiting) = self.waiting.remove(stream) else { return };
        let mut still = VecDeque::with_capacity(waiting.len());
        for id in waiting {
            let read = self.runs.get(&id).and_then(|run| run.blocked.as_ref());
            match read.and_then(|(read, _)| self.store.end_wait(read, appended)) {
                Some(Ok(reply)) => self.unblock(id, Outcome::Reply(reply)),
                Some(Err(refusal)) => self.unblock(id, Outcome::Refused(refusal)),
                None => still.push_back(id),
            }
        }
        if !still.is_empty() {
            self.waiting.insert(stream.clone(), still);
        }
    }

    /// Ends a run's read with this outcome. What follows it on its connection goes on in [`go_on`](Broker::go_on).
    fn unblock(&mut self, id: RunId, outcome: Outcome) {
        let Some(run) = self.runs.get_mut(&id) else { return };
        let connection = run.connection;
        self.unblocked.push_back(connection);
        if let Some((read, _)) = run.blocked.take() {
            if let Some(monitor) = &mut self.monitor {
                monitor.executed(connection, &read, &outcome);
            }
            run.outcomes.push(outcome);
            self.leave_queue(&read, id);
        }
    }

    fn kill(&mut self, connection: ConnectionId) -> bool {
        let fault = self.fault();
        let Some(line) = self.connections.get_mut(&connection).filter(|line| !line.killed) else {
            return false;
        };
        line.killed = true;
        for id in mem::take(&mut line.queue) {
            let Some(run) = self.runs.get_mut(&id) else { continue };
            let read = run.blocked.take();
            if read.is_some() {
                run.outcomes.push(Outcome::Unknown(fault.clone()));
            }
            let unsent = run.commands.by_ref().map(|_| Outcome::NotSent(fault.clone()));
            run.outcomes.extend(unsent);
            run.ended = true;
            self.wakers.extend(run.waker.take());
            if let Some((read, _)) = read {
                self.leave_queue(&read, id);
            }
        }
        self.forget_if_unused(connection);
        true
    }

    /// Continues the connections that were unblocked, until everything waits again.
    fn go_on(&mut self) {
        while let Some(connection) = self.unblocked.pop_front() {
            while self.go_on_with(connection) {}
            self.forget_if_unused(connection);
        }
    }

    /// Continues the first run of a connection. False: there is none, or it is blocked.
    fn go_on_with(&mut self, connection: ConnectionId) -> bool {
        let first = self.connections.get(&connection).and_then(|line| line.queue.front().copied());
        let Some(id) = first else { return false };
        if self.runs.get(&id).is_none_or(|run| run.blocked.is_some()) {
            return false;
        }
        let Some(mut run) = self.runs.remove(&id) else { return false };
        run.ended = self.execute(&mut run);
        let ended = run.ended;
        self.park(id, &run);
        // Woken in both cases: a run that blocks anew has a new time-out.
        self.wakers.extend(run.waker.take());
        self.runs.insert(id, run);
        if ended && let Some(line) = self.connections.get_mut(&connection) {
            line.queue.pop_front();
        }
        ended
    }

    /// Puts a run that is blocked at the end of its stream's queue.
    fn park(&mut self, id: RunId, run: &Run) {
        if let Some((read, _)) = &run.blocked
            && let Some(stream) = stream_of(read)
        {
            self.waiting.entry(stream.clone()).or_default().push_back(id);
        }
    }

    fn leave_queue(&mut self, read: &Command, id: RunId) {
        let Some(stream) = stream_of(read) else { return };
        if let Some(waiting) = self.waiting.get_mut(stream) {
            waiting.retain(|waiter| *waiter != id);
            if waiting.is_empty() {
                self.waiting.remove(stream);
            }
        }
    }

    fn forget_if_unused(&mut self, connection: ConnectionId) {
        let unused = |line: &Line| line.closed && line.queue.is_empty();
        if self.connections.get(&connection).is_some_and(unused) {
            self.connections.remove(&connection);
        }
    }

    fn fault(&self) -> Fault {
        Fault { address: self.address.clone(), cause: "the connection was killed".to_owned() }
    }
}

/// The stream that a blocking read waits for.
fn stream_of(read: &Command) -> Option<&Key> {
    match read {
        Command::ReadGroup { stream, .. } | Command::Read { stream, .. } => Some(stream),
        _ => None,
    }
}
