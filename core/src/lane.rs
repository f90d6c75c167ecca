//! One connection as the core sees it: open or not, what is under way on it, when to try again, when to give it up.

use std::collections::VecDeque;
use std::time::Duration;

use crate::backoff::Backoff;
use crate::command::{Command, ConnectionId, Fault, Lane, Outcome};
use crate::event::Event;
use crate::options::CommonOptions;
use crate::output::Output;
use crate::random::Random;
use crate::refusal::is_demoted;
use crate::time::Time;

/// How long an attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What an answer on a lane is for, and the command's deadline.
#[derive(Debug)]
struct UnderWay<C> {
    what: C,
    answer_by: Time,
    /// Only a primary executes it.
    writes: bool,
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
    /// What it led to was no primary when it was last asked to write.
    demoted: bool,
    /// It has come to be trusted, and nobody was told yet.
    is_back: bool,
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
            demoted: false,
            is_back: false,
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
        match &self.state {
            State::Failing(fault) => Some(fault),
            _ => self.fault.as_ref(),
        }
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
        let wait = self.response_timeout.saturating_add(command.block().unwrap_or_default());
        let writes = command.writes();
        self.under_way.push_back(UnderWay { what, answer_by: now + wait, writes });
        out.push_back(Output::Send(self.lane, command));
    }

    /// Another connection leads to the primary: there is nothing to wait for any more.
    pub(crate) fn hurry(&mut self, now: Time) {
        if let State::Waiting { until } = &mut self.state {
            *until = now.min(*until);
        }
    }

    /// Tells once that it is open and leads to a primary, as far as is known: since it was opened, or since a primary has
    /// executed a command on it that one that is none had refused.
    pub(crate) fn is_back(&mut self) -> bool {
        std::mem::take(&mut self.is_back) && self.is_open()
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
                self.is_back = !self.demoted;
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
        let UnderWay { what, writes, .. } = self.under_way.pop_front()?;
        match outcome {
            Outcome::Refused(refusal) if is_demoted(refusal) => {
                self.demoted = true;
                if self.is_open() {
                    let cause = format!("it is no primary any more: {refusal}");
                    self.state = State::Failing(Fault { address: self.address.clone(), cause });
                }
            }
            // Only now it is certain that it works: one that is accepted and cut at once is tried ever more seldom.
            Outcome::Reply(_) | Outcome::Refused(_) if writes || !self.demoted => {
                self.is_back |= std::mem::take(&mut self.demoted);
                self.backoff.reset();
            }
            // A replica answers questions, too.
            Outcome::Reply(_) | Outcome::Refused(_) => {}
            Outcome::Unknown(fault) | Outcome::NotSent(fault) => {
                if self.is_open() {
                    self.state = State::Failing(fault.clone());
                }
            }
        }
        self.finish_failing(now, random, out);
        Some(what)
    }

    /// Gives up the connection, or the attempt at one, for good. The next [`open`](LaneState::open) is a first one again.
    pub(crate) fn close<E>(&mut self, out: &mut VecDeque<Output<E>>) {
        self.give_up(out);
        self.backoff.reset();
        self.connection = None;
        self.fault = None;
        self.was_open = false;
        self.demoted = false;
    }

    /// Returns what was under way, for which no answer comes any more.
    fn give_up<E>(&mut self, out: &mut VecDeque<Output<E>>) -> Vec<C> {
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

    /// Opens again after a wait; gives up what hangs. Returns why, and what was under way on the connection that was given
    /// up, if one was.
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
        let lost = self.give_up(out);
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
        // One report for a change of state, not one for each attempt. A first attempt is part of a start, which reports it.
        if self.fault.is_none() && self.was_open {
            out.push_back(Output::Event(Event::Disconnected {
                lane: self.lane,
                fault: fault.clone(),
            }));
        }
        self.fault = Some(fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Reply;
    use crate::names::{InstanceId, KeyPrefix};
    use crate::options::ClientOptions;
    use crate::testing::{SEED, fault, ms, not_sent, refused, secs, unknown};

    type Out = VecDeque<Output<()>>;

    /// A lane on which each command is told by a number.
    struct Bench {
        lane: LaneState<u8>,
        now: Time,
        random: Random,
        out: Out,
    }

    impl Bench {
        fn new() -> Bench {
            let prefix = KeyPrefix::new("p").unwrap();
            let options = ClientOptions::new(prefix, InstanceId::new("me").unwrap());
            let lane = LaneState::new(Lane::Commands, &options.common);
            Bench { lane, now: Time::ZERO, random: Random::new(SEED), out: Out::new() }
        }

        /// One that is open, as connection 1.
        fn open() -> Bench {
            let mut bench = Bench::new();
            bench.lane.open(bench.now, &mut bench.out);
            assert_eq!(
                bench.opened(Ok(Some(1))),
                Some(LaneChange::Up { again: false, lost: None })
            );
            bench.out.clear();
            bench
        }

        fn opened(&mut self, result: Result<Option<ConnectionId>, Fault>) -> Option<LaneChange> {
            self.lane.opened(self.now, result, &mut self.random, &mut self.out)
        }

        fn send(&mut self, what: u8) {
            self.lane.send(self.now, Command::Ping, what, &mut self.out);
        }

        fn write(&mut self, what: u8) {
            let command = Command::Delete { key: "k".into() };
            self.lane.send(self.now, command, what, &mut self.out);
        }

        fn completed(&mut self, outcome: Outcome) -> Option<u8> {
            self.lane.completed(self.now, &outcome, &mut self.random, &mut self.out)
        }

        fn tick(&mut self, after: Duration) -> Option<(Fault, Vec<u8>)> {
            self.now = self.now + after;
            self.lane.handle_timeout(self.now, &mut self.random, &mut self.out)
        }

        fn took(&mut self) -> Vec<Output<()>> {
            self.out.drain(..).collect()
        }
    }

    fn lost(cause: &str) -> Output<()> {
        Output::Event(Event::Disconnected { lane: Lane::Commands, fault: fault(cause) })
    }

    #[test]
    fn a_connection_is_asked_for_once() {
        let mut bench = Bench::new();
        bench.lane.open(bench.now, &mut bench.out);
        bench.lane.open(bench.now, &mut bench.out);
        assert_eq!(bench.took(), [Output::Open(Lane::Commands)]);
        assert_eq!(bench.lane.timeout(), Some(Time::ZERO + secs(10)));
        bench.opened(Ok(None));
        bench.lane.open(bench.now, &mut bench.out);
        assert_eq!((bench.took(), bench.lane.timeout()), (vec![], None));
        assert_eq!(bench.opened(Ok(None)), None, "nobody asked");
    }

    #[test]
    fn answers_belong_to_commands_in_their_order() {
        let mut bench = Bench::open();
        (1..=3).for_each(|what| bench.send(what));
        let done = || Outcome::Reply(Reply::Done);
        assert_eq!(bench.completed(done()), Some(1));
        assert_eq!(bench.completed(refused("ERR")), Some(2));
        assert!(!bench.lane.is_idle());
        assert_eq!(bench.completed(done()), Some(3));
        assert_eq!(bench.completed(done()), None, "one too many");
        assert!(bench.lane.is_idle() && bench.lane.is_open());
    }

    #[test]
    fn a_lost_connection_is_given_up_when_all_that_was_under_way_has_its_outcome() {
        let mut bench = Bench::open();
        (1..=3).for_each(|what| bench.send(what));
        bench.out.clear();
        assert_eq!(bench.completed(unknown()), Some(1));
        assert!(!bench.lane.is_open());
        assert_eq!(bench.completed(not_sent()), Some(2));
        assert_eq!(bench.took(), []);
        assert_eq!(bench.completed(not_sent()), Some(3));
        assert_eq!(bench.took(), [Output::Close(Lane::Commands), lost("reset")]);
        assert_eq!(bench.lane.fault(), Some(&fault("reset")));
        let wait = bench.lane.timeout().unwrap() - bench.now;
        assert!(wait >= ms(50) && wait <= ms(100));
        assert_eq!(bench.tick(wait - ms(1)), None);
        assert_eq!(bench.took(), []);
        assert_eq!(bench.tick(ms(1)), None);
        assert_eq!(bench.took(), [Output::Open(Lane::Commands)]);
        assert_eq!(bench.opened(Ok(Some(2))), Some(LaneChange::Up { again: true, lost: Some(1) }));
        assert_eq!(bench.took(), [Output::Event(Event::Reconnected { lane: Lane::Commands })]);
        assert_eq!((bench.lane.fault(), bench.lane.connection()), (None, Some(2)));
    }

    #[test]
    fn a_connection_to_what_is_no_primary_any_more_is_given_up() {
        let mut bench = Bench::open();
        (1..=2).for_each(|what| bench.send(what));
        bench.out.clear();
        assert_eq!(bench.completed(refused("READONLY")), Some(1));
        assert!(!bench.lane.is_open());
        assert_eq!(bench.completed(Outcome::Reply(Reply::Done)), Some(2), "it was only read");
        let took = bench.took();
        assert_eq!(took[0], Output::Close(Lane::Commands));
        let cause = &bench.lane.fault().unwrap().cause;
        assert!(cause.starts_with("it is no primary any more: READONLY"), "{cause}");
        assert!(bench.lane.timeout().is_some(), "and tried again");
    }

    #[test]
    fn what_is_no_primary_is_tried_ever_more_seldom_until_it_writes_whatever_else_it_answers() {
        let mut bench = Bench::open();
        for whole in [100, 200, 400, 800, 1600] {
            assert_eq!(bench.lane.is_back(), whole == 100, "before it was asked to write");
            bench.send(1);
            bench.completed(Outcome::Reply(Reply::Count(0)));
            bench.write(2);
            bench.completed(refused("READONLY"));
            let wait = bench.lane.timeout().unwrap() - bench.now;
            assert!(wait <= ms(whole) && wait >= ms(whole) / 2, "{wait:?} of {whole} ms");
            bench.tick(wait);
            bench.opened(Ok(None));
        }
        bench.write(3);
        bench.completed(Outcome::Reply(Reply::Count(1)));
        assert!(bench.lane.is_back() && !bench.lane.is_back(), "told once");
        bench.write(4);
        bench.completed(refused("READONLY"));
        assert!(bench.lane.timeout().unwrap() - bench.now <= ms(100), "as if it were new");
    }

    #[test]
    fn what_was_under_way_on_a_silent_connection_gets_no_answer_any_more() {
        let mut bench = Bench::open();
        bench.send(1);
        bench.now = bench.now + secs(1);
        bench.send(2);
        bench.out.clear();
        assert_eq!(bench.tick(secs(9) - ms(1)), None);
        let (fault, under_way) = bench.tick(ms(1)).unwrap();
        assert_eq!(
            (fault.cause.as_str(), under_way),
            ("the connection gives no answer", vec![1, 2])
        );
        assert_eq!(bench.took()[0], Output::Close(Lane::Commands));
        assert_eq!(bench.completed(unknown()), None);
    }

    #[test]
    fn a_connection_that_dies_silently_after_it_began_to_fail_is_given_up_too() {
        let mut bench = Bench::open();
        bench.send(1);
        bench.send(2);
        bench.completed(unknown());
        assert_eq!(bench.tick(secs(10)).unwrap().1, [2]);
        assert!(bench.tick(ms(100)).is_none() && !bench.lane.is_open());
    }

    #[test]
    fn an_attempt_that_hangs_fails_like_one_that_is_refused() {
        let mut bench = Bench::open();
        bench.send(1);
        bench.completed(unknown());
        bench.tick(ms(100));
        bench.took();
        let (fault, under_way) = bench.tick(secs(10)).unwrap();
        assert_eq!((fault.cause.as_str(), under_way.len()), ("connecting takes too long", 0));
        assert_eq!(bench.took(), [Output::Close(Lane::Commands)], "its loss was told already");
        bench.tick(ms(200));
        let refused = crate::testing::fault("refused");
        assert_eq!(bench.opened(Err(refused.clone())), Some(LaneChange::Down(refused)));
        assert_eq!(bench.took(), [Output::Open(Lane::Commands)]);
        let wait = bench.lane.timeout().unwrap() - bench.now;
        assert!(wait >= ms(200) && wait <= ms(400), "{wait:?}");
    }

    #[test]
    fn an_outage_is_told_once_however_many_attempts_it_takes() {
        let mut bench = Bench::open();
        bench.send(1);
        bench.completed(unknown());
        let told = bench.took();
        assert_eq!(told.iter().filter(|out| matches!(out, Output::Event(_))).count(), 1);
        for _attempt in 0..5 {
            bench.tick(secs(60));
            bench.opened(Err(fault("still gone")));
            assert!(!bench.took().iter().any(|out| matches!(out, Output::Event(_))));
        }
        bench.tick(secs(60));
        bench.opened(Ok(Some(2)));
        let back = Output::Event(Event::Reconnected { lane: Lane::Commands });
        assert_eq!(bench.took(), [Output::Open(Lane::Commands), back]);
    }

    #[test]
    fn one_that_was_closed_for_good_begins_as_if_there_had_been_nothing() {
        let mut bench = Bench::open();
        bench.send(1);
        bench.completed(unknown());
        bench.tick(ms(100));
        bench.opened(Err(fault("refused")));
        bench.took();
        bench.lane.close(&mut bench.out);
        assert_eq!(
            (bench.took(), bench.lane.timeout()),
            (vec![], None),
            "there was nothing to close"
        );
        bench.lane.open(bench.now, &mut bench.out);
        assert_eq!(bench.opened(Ok(Some(9))), Some(LaneChange::Up { again: false, lost: None }));
        assert_eq!(bench.took(), [Output::Open(Lane::Commands)], "and no event");
        bench.send(1);
        bench.lane.close(&mut bench.out);
        assert_eq!(bench.took().pop(), Some(Output::Close(Lane::Commands)));
        assert!(bench.lane.is_idle());
    }
}
