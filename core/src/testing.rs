//! A driver for tests: the test plays the link, on a virtual clock, and the core is held to the rules of its surface.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Debug;
use std::time::Duration;

use crate::command::{
    Command, ConnectionId, Fault, GroupStart, Lane, Outcome, Refusal, Reply, StreamId,
};
use crate::error::StartError;
use crate::event::Event;
use crate::machine::{Machine, TimerReason};
use crate::output::{LinkInput, Output, StopReport};
use crate::time::Time;

pub(crate) const SEED: [u8; 32] = [7; 32];

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// `1-0` and the like.
pub(crate) fn id(ms: u64) -> StreamId {
    StreamId::new(ms, 0)
}

pub(crate) fn fault(cause: &str) -> Fault {
    Fault { address: "redis:1".to_owned(), cause: cause.to_owned() }
}

pub(crate) fn unknown() -> Outcome {
    Outcome::Unknown(fault("reset"))
}

pub(crate) fn not_sent() -> Outcome {
    Outcome::NotSent(fault("reset"))
}

pub(crate) fn refused(code: &str) -> Outcome {
    Outcome::Refused(Refusal::new(code, "says the store"))
}

#[derive(Debug, Default, PartialEq)]
enum Connection {
    #[default]
    Closed,
    Opening,
    Open,
}

#[derive(Debug, Default)]
struct LaneBench {
    connection: Connection,
    under_way: VecDeque<Command>,
}

/// A core on the bench.
pub(crate) struct Bench<M: Machine> {
    pub(crate) core: M,
    pub(crate) now: Time,
    lanes: BTreeMap<Lane, LaneBench>,
    last_connection: ConnectionId,
    pub(crate) started: Vec<Result<(), StartError>>,
    pub(crate) stopped: Vec<StopReport>,
    pub(crate) events: Vec<Event>,
    pub(crate) effects: VecDeque<M::Effect>,
    /// All that ever came out.
    pub(crate) trace: Vec<Output<M::Effect>>,
}

impl<M: Machine> Bench<M>
where
    M::Effect: Clone + Debug,
{
    pub(crate) fn new(core: M) -> Bench<M> {
        Bench {
            core,
            now: Time::ZERO,
            lanes: BTreeMap::new(),
            last_connection: 0,
            started: Vec::new(),
            stopped: Vec::new(),
            events: Vec::new(),
            effects: VecDeque::new(),
            trace: Vec::new(),
        }
    }

    /// One input, then all outputs.
    pub(crate) fn input(&mut self, input: M::Input) {
        self.core.handle_input(self.now, input);
        while let Some(output) = self.core.poll_output() {
            self.trace.push(output.clone());
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output<M::Effect>) {
        match output {
            Output::Open(lane) => {
                let lane = self.lanes.entry(lane).or_default();
                assert_eq!(lane.connection, Connection::Closed, "opened twice");
                lane.connection = Connection::Opening;
            }
            Output::Close(lane) => {
                let lane = self.lanes.entry(lane).or_default();
                assert_ne!(lane.connection, Connection::Closed, "closed twice");
                *lane = LaneBench::default();
            }
            Output::Send(lane, command) => {
                let lane = self.lanes.entry(lane).or_default();
                assert_eq!(lane.connection, Connection::Open, "{command:?} on a closed lane");
                lane.under_way.push_back(command);
            }
            Output::Started(outcome) => self.started.push(outcome),
            Output::Stopped(report) => {
                let open = self.lanes.values().find(|lane| lane.connection != Connection::Closed);
                assert!(open.is_none(), "stopped with an open lane");
                self.stopped.push(report);
            }
            Output::Event(event) => self.events.push(event),
            Output::Role(effect) => self.effects.push_back(effect),
        }
    }

    fn lane(&mut self, lane: Lane) -> &mut LaneBench {
        self.lanes.entry(lane).or_default()
    }

    /// The lanes that wait for a connection.
    pub(crate) fn opening(&self) -> Vec<Lane> {
        let opening = |lane: &&LaneBench| lane.connection == Connection::Opening;
        self.lanes.iter().filter(|(_, lane)| opening(lane)).map(|(lane, _)| *lane).collect()
    }

    /// The lanes that have one.
    pub(crate) fn open_lanes(&self) -> Vec<Lane> {
        let open = |lane: &&LaneBench| lane.connection == Connection::Open;
        self.lanes.iter().filter(|(_, lane)| open(lane)).map(|(lane, _)| *lane).collect()
    }

    /// Connects a lane, under the next number: 1, 2, …
    pub(crate) fn connect(&mut self, lane: Lane) -> ConnectionId {
        self.last_connection += 1;
        self.opened(lane, Ok(Some(self.last_connection)));
        self.last_connection
    }

    /// Connects all that wait for it, and those that follow.
    pub(crate) fn connect_all(&mut self) {
        while let Some(lane) = self.opening().first() {
            self.connect(*lane);
        }
    }

    pub(crate) fn opened(&mut self, lane: Lane, result: Result<Option<ConnectionId>, Fault>) {
        let bench = self.lane(lane);
        assert_eq!(bench.connection, Connection::Opening, "{lane} wasn't asked for");
        bench.connection = if result.is_ok() { Connection::Open } else { Connection::Closed };
        self.input(M::link_input(LinkInput::Opened(lane, result)));
    }

    /// What is under way on a lane.
    pub(crate) fn sent(&self, lane: Lane) -> Vec<String> {
        self.lanes.get(&lane).into_iter().flat_map(|lane| &lane.under_way).map(brief).collect()
    }

    /// The oldest command under way on a lane.
    pub(crate) fn oldest(&self, lane: Lane) -> &Command {
        self.lanes[&lane].under_way.front().unwrap_or_else(|| panic!("nothing on {lane}"))
    }

    /// Answers the oldest command under way on a lane.
    pub(crate) fn answer(&mut self, lane: Lane, outcome: Outcome) {
        let command = self.lane(lane).under_way.pop_front();
        assert!(command.is_some(), "nothing to answer on {lane} with {outcome:?}");
        self.input(M::link_input(LinkInput::Completed(lane, outcome)));
    }

    /// A pipeline comes back: all its answers before the next drain.
    pub(crate) fn answer_together(&mut self, lane: Lane, outcomes: Vec<Outcome>) {
        for outcome in outcomes {
            assert!(self.lane(lane).under_way.pop_front().is_some());
            let input = M::link_input(LinkInput::Completed(lane, outcome));
            self.core.handle_input(self.now, input);
        }
        while let Some(output) = self.core.poll_output() {
            self.trace.push(output.clone());
            self.carry_out(output);
        }
    }

    /// Answers the oldest command on the commands lane, which is this one.
    pub(crate) fn answer_to(&mut self, expected: &str, outcome: Outcome) {
        assert_eq!(self.sent(Lane::Commands).first().map(String::as_str), Some(expected));
        self.answer(Lane::Commands, outcome);
    }

    pub(crate) fn ok(&mut self, expected: &str, reply: Reply) {
        self.answer_to(expected, Outcome::Reply(reply));
    }

    /// A connection dies: what is under way on it may or may not have happened.
    pub(crate) fn lose(&mut self, lane: Lane) {
        while self.lanes.get(&lane).is_some_and(|lane| !lane.under_way.is_empty()) {
            self.answer(lane, unknown());
        }
    }

    pub(crate) fn timeout(&mut self) -> Option<(Duration, TimerReason)> {
        self.core.poll_timeout().map(|(at, reason)| (at - self.now, reason))
    }

    /// Lets time pass; the timer is served whenever it is due.
    pub(crate) fn advance(&mut self, by: Duration) {
        let until = self.now + by;
        while let Some((at, _)) = self.core.poll_timeout()
            && at <= until
        {
            self.now = self.now.max(at);
            self.tick();
        }
        self.now = until;
    }

    /// The whole process stands still: the timer comes late.
    pub(crate) fn freeze(&mut self, by: Duration) {
        self.now = self.now + by;
        self.tick();
    }

    /// Serves the timer, which must not be due again at once.
    pub(crate) fn tick(&mut self) {
        self.input(M::timeout_input());
        let next = self.core.poll_timeout();
        assert!(next.is_none_or(|(at, _)| at > self.now), "it would spin: {next:?}");
    }

    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

/// A command in a few words.
pub(crate) fn brief(command: &Command) -> String {
    let list =
        |ids: &[StreamId]| ids.iter().map(|id| format!(" {}", id.ms)).collect::<Vec<_>>().concat();
    match command {
        Command::Append { stream, create: true, .. } => format!("append to {stream}"),
        Command::Append { stream, create: false, .. } => format!("append if there is {stream}"),
        Command::CreateGroup { group, start, .. } => match start {
            GroupStart::Beginning => format!("create {group} at 0"),
            GroupStart::End => format!("create {group} at $"),
            GroupStart::After(id) => format!("create {group} after {id}"),
        },
        Command::ReadGroup { count, .. } => format!("read {count}"),
        Command::ReadOwnPending { after, .. } => format!("own pending after {after}"),
        Command::Read { after, .. } => format!("read after {after}"),
        Command::Info { stream } => format!("info {stream}"),
        Command::Ack { ids, .. } => format!("ack{}", list(ids)),
        Command::AutoClaim { cursor, count, .. } => format!("claim {count} from {cursor}"),
        Command::CountDelivery { id, .. } => format!("count {}", id.ms),
        Command::Renew { ids, .. } => format!("renew{}", list(ids)),
        Command::Release { ids, .. } => format!("release{}", list(ids)),
        Command::TrimDone { .. } => "trim".to_owned(),
        Command::RemoveConsumer { consumer, .. } => format!("remove {consumer}"),
        Command::RemoveIdleConsumers { .. } => "remove idle consumers".to_owned(),
        Command::Delete { key } => format!("delete {key}"),
        Command::Expire { key, .. } => format!("expire {key}"),
        Command::Unblock { connection } => format!("unblock {connection}"),
        Command::Kill { connection } => format!("kill {connection}"),
        Command::Ping => "ping".to_owned(),
    }
}

/// Pseudo-random numbers for tests that throw anything at a core.
pub(crate) struct Lcg(pub(crate) u64);

impl Lcg {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[usize::try_from(self.below(from.len() as u64)).unwrap_or(0)]
    }
}
