//! A core on the bench: it gets inputs, and is held to what it promises whoever drives it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use clamator_core::{
    Command, ConnectionId, Fault, Lane, LinkInput, Machine, Outcome, Output, Time,
};

/// Nobody sleeps for longer.
const LATE: Time = Time::from_nanos(500 * 365 * 24 * 3600 * 1_000_000_000);
/// No clock gets here.
const NEVER: Time = Time::from_nanos(u64::MAX);

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

/// What a role's own outputs are told to.
pub(crate) trait Role<E> {
    /// Takes what only this role asks for. `lawful`: the driver has kept its side so far.
    fn take(&mut self, effect: E, lawful: bool);
}

/// What comes of an output before it is looked at: nothing, as a rule. Tests plant bugs with it.
pub type Bend<E> = fn(Output<E>, &mut dyn FnMut(Output<E>));

/// As it came.
pub(crate) fn straight<E>(output: Output<E>, out: &mut dyn FnMut(Output<E>)) {
    out(output);
}

/// A core, its lanes, and its clock.
pub(crate) struct Bench<M: Machine, R> {
    pub(crate) core: M,
    pub(crate) role: R,
    bend: Bend<M::Effect>,
    pub(crate) now: Time,
    lanes: BTreeMap<Lane, LaneBench>,
    /// Whether the driver has kept its side so far: then the core must keep its own.
    pub(crate) lawful: bool,
    pub(crate) stopped: bool,
    /// How much it was given that may make it say something later.
    given: usize,
}

impl<M: Machine, R: Role<M::Effect>> Bench<M, R> {
    pub(crate) fn new(core: M, role: R, bend: Bend<M::Effect>) -> Bench<M, R> {
        let (lanes, now) = (BTreeMap::new(), Time::ZERO);
        Bench { core, role, bend, now, lanes, lawful: true, stopped: false, given: 0 }
    }

    /// One input, all outputs, and the timer.
    pub(crate) fn input(&mut self, input: M::Input, weight: usize) {
        self.input_at(self.now, input, weight);
    }

    /// The same at a time that may be an earlier one.
    pub(crate) fn input_at(&mut self, now: Time, input: M::Input, weight: usize) {
        self.given += weight;
        self.core.handle_input(now, input);
        let mut left = 256 + 16 * self.given;
        while let Some(output) = self.core.poll_output() {
            left = left.checked_sub(1).expect("one input, and no end of outputs");
            (self.bend)(output, &mut |output| self.carry_out(output));
        }
        let timer = self.core.poll_timeout();
        assert!(!self.stopped || timer.is_none() || !self.lawful, "a timer after the end");
    }

    fn carry_out(&mut self, output: Output<M::Effect>) {
        match output {
            Output::Open(lane) => {
                let before = &mut self.lanes.entry(lane).or_default().connection;
                assert!(*before == Connection::Closed || !self.lawful, "{lane} is opened twice");
                assert!(!self.stopped, "{lane} is opened after the end");
                *before = Connection::Opening;
            }
            Output::Close(lane) => {
                let before = std::mem::take(self.lanes.entry(lane).or_default());
                let is_open = before.connection != Connection::Closed;
                assert!(is_open || !self.lawful, "{lane} is closed twice");
            }
            Output::Send(lane, command) => {
                let bench = self.lanes.entry(lane).or_default();
                let is_open = bench.connection == Connection::Open;
                assert!(is_open || !self.lawful, "{command:?} on {lane}, which isn't open");
                assert!(!self.stopped, "{command:?} after the end");
                if is_open {
                    bench.under_way.push_back(command);
                }
            }
            Output::Stopped(_) => {
                let open = self.lanes.values().any(|it| it.connection != Connection::Closed);
                assert!(!open || !self.lawful, "it has stopped with an open lane");
                self.stopped = true;
            }
            Output::Role(effect) => self.role.take(effect, self.lawful),
            Output::Started(_) | Output::Event(_) => {}
        }
    }

    fn lanes_that(&self, are: impl Fn(&LaneBench) -> bool) -> Vec<Lane> {
        self.lanes.iter().filter(|(_, lane)| are(lane)).map(|(lane, _)| *lane).collect()
    }

    pub(crate) fn opening(&self) -> Vec<Lane> {
        self.lanes_that(|lane| lane.connection == Connection::Opening)
    }

    /// The lanes with something under way.
    pub(crate) fn busy(&self) -> Vec<Lane> {
        self.lanes_that(|lane| !lane.under_way.is_empty())
    }

    /// The oldest command under way on a lane.
    pub(crate) fn oldest(&self, lane: Lane) -> Option<&Command> {
        self.lanes.get(&lane)?.under_way.front()
    }

    pub(crate) fn opened(&mut self, lane: Lane, result: Result<Option<ConnectionId>, Fault>) {
        let bench = self.lanes.entry(lane).or_default();
        self.lawful &= bench.connection == Connection::Opening;
        bench.connection = if result.is_ok() { Connection::Open } else { Connection::Closed };
        self.input(M::link_input(LinkInput::Opened(lane, result)), 1);
    }

    /// The oldest command on a lane ends, or one that isn't there.
    pub(crate) fn complete(&mut self, lane: Lane, outcome: Outcome, weight: usize) {
        let ended = self.lanes.get_mut(&lane).and_then(|lane| lane.under_way.pop_front());
        self.lawful &= ended.is_some();
        self.input(M::link_input(LinkInput::Completed(lane, outcome)), weight);
    }

    /// All that is under way on a lane ends like this.
    pub(crate) fn lose(&mut self, lane: Lane, outcome: &Outcome) {
        let count = self.lanes.get(&lane).map_or(0, |lane| lane.under_way.len());
        for _ in 0..count {
            // It may have been closed meanwhile.
            if self.oldest(lane).is_some() {
                self.complete(lane, outcome.clone(), 1);
            }
        }
    }

    /// Time passes without the timer being served.
    pub(crate) fn sleep(&mut self, by: Duration) {
        self.now = (self.now + by).min(LATE).max(self.now);
    }

    /// Serves the timer when it is due, if it ever is.
    pub(crate) fn tick(&mut self) -> bool {
        match self.core.poll_timeout() {
            Some((at, _)) if at < NEVER => {
                self.now = self.now.max(at);
                self.serve_timer();
                true
            }
            _ => false,
        }
    }

    /// Serves the timer, which must not be due again at once.
    pub(crate) fn serve_timer(&mut self) {
        self.input(M::timeout_input(), 1);
        let next = self.core.poll_timeout();
        let rests = next.is_none_or(|(at, _)| at > self.now);
        assert!(rests || !self.lawful, "it would spin: {next:?}");
    }
}
