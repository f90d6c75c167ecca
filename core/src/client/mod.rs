//! The client: calls go out, replies come back, and each call gets exactly one outcome.
//!
//! | decision | where |
//! |---|---|
//! | may this call be made, what does the store's answer mean for it | [`calls`] |
//! | which calls wait for what, when does one time out | [`pending`] |
//! | where the calls are kept | [`register`] |
//! | which call tries whether a service is there by now | [`missing`] |
//! | how many requests may be under way | [`places`] |
//! | how much may wait to be sent, and who waits for room | [`room`] |
//! | which call does a reply belong to | [`replies`] |
//! | which stream does a call go to | [`targets`] |
//! | is the reply stream still the one that was read, was something trimmed | [`watch`] |

mod call;
mod calls;
mod io;
mod missing;
mod pending;
mod places;
mod register;
mod replies;
mod room;
mod targets;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::appetite::Appetite;
use crate::command::{Command, Fault, Lane, Outcome};
use crate::error::{CallError, StartError};
use crate::event::Event;
use crate::gate::Gate;
use crate::lane::{LaneChange, LaneState};
use crate::lifecycle::{OnStart, OnStop, Phase};
use crate::machine::{Machine, Soonest, TimerReason};
use crate::names::Key;
use crate::options::ClientOptions;
use crate::output::{LinkInput, Output, StopReport};
use crate::random::Random;
use crate::spare::Spare;
use crate::time::Time;
use call::Trouble;
pub use io::{CallKey, Caller, ClientInput, ClientOutput};
use pending::Pending;
use targets::{Target, Targets};
use watch::{Question, Watch};

/// What an answer is for.
#[derive(Debug)]
enum For {
    /// With where it went and the size of its message.
    Call(CallKey, Arc<Target>, usize),
    Replies,
    Goodbye,
    TimeToLive,
    Watch(Question),
    Ping,
}

type Out = VecDeque<Output<ClientOutput>>;

/// After a stop, how long the last command may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// The client's side of the protocol, as a pure state machine.
///
/// Give it one input with [`handle_input`](Machine::handle_input), take all outputs with
/// [`poll_output`](Machine::poll_output), then arm the timer with [`poll_timeout`](Machine::poll_timeout).
#[derive(Debug)]
pub struct ClientCore {
    options: ClientOptions,
    phase: Phase,
    now: Time,
    random: Random,
    commands: LaneState<For>,
    replies: LaneState<For>,
    reading: Gate,
    appetite: Appetite,
    reply_stream: Key,
    /// The same, as requests carry it.
    reply_to: Bytes,
    watch: Watch,
    /// Reading waits for the answer about the stream, but not for longer than this.
    hold_until: Option<Time>,
    /// When replies were last found to be trimmed unread.
    gap: Option<Time>,
    /// When the reply stream gets its time to live again.
    renew_at: Option<Time>,
    /// It is to get it as soon as there is a connection.
    renewal_due: bool,
    /// A reply was read on this connection: there is a stream.
    reply_stream_seen: bool,
    said_goodbye: bool,
    targets: Targets,
    pending: Pending,
    spare: Spare,
    report: StopReport,
    out: Out,
}

impl ClientCore {
    /// A client that was not started.
    #[must_use]
    pub fn new(options: ClientOptions, seed: [u8; 32], now: Time) -> ClientCore {
        let reply_stream = options.common.key_prefix.reply_stream(&options.common.instance_id);
        ClientCore {
            phase: Phase::Idle,
            now,
            random: Random::new(seed),
            commands: LaneState::new(Lane::Commands, &options.common),
            replies: LaneState::new(Lane::Reader(0), &options.common),
            reading: Gate::new(options.common.backoff),
            appetite: Appetite::new(replies::MAX_COUNT),
            reply_to: Bytes::from(reply_stream.as_str().to_owned()),
            reply_stream,
            watch: Watch::new(options.common.reply_stream_max_len, now),
            hold_until: None,
            gap: None,
            renew_at: None,
            renewal_due: false,
            reply_stream_seen: false,
            said_goodbye: false,
            targets: Targets::new(options.common.key_prefix.clone()),
            pending: Pending::new(&options),
            spare: Spare::default(),
            report: StopReport::default(),
            out: VecDeque::new(),
            options,
        }
    }

    /// Where it is in its life.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// How much it has in mind: calls, and what is to be done next. Nothing, once
    /// nothing is under way: tests look whether it forgets what is done.
    #[must_use]
    pub fn load(&self) -> usize {
        self.pending.load() + self.out.len()
    }

    fn start(&mut self) {
        match self.phase.on_start() {
            OnStart::Begin => {
                self.phase = Phase::Starting;
                self.commands.open(self.now, &mut self.out);
                self.replies.open(self.now, &mut self.out);
            }
            OnStart::Join => {}
            OnStart::Done => self.out.push_back(Output::Started(Ok(()))),
            OnStart::Refuse => self.out.push_back(Output::Started(Err(StartError::Stopped))),
        }
    }

    fn stop(&mut self, wait: Duration) {
        let until = self.now + wait;
        match self.phase.on_stop() {
            OnStop::Finish => self.finish(),
            OnStop::GiveUpStart => {
                self.out.push_back(Output::Started(Err(StartError::Stopped)));
                self.finish();
            }
            OnStop::Drain => self.phase = Phase::Draining { until },
            OnStop::Join => {
                if let Phase::Draining { until: earlier } = self.phase {
                    self.phase = Phase::Draining { until: until.min(earlier) };
                }
            }
            OnStop::Done => self.out.push_back(Output::Stopped(self.report)),
        }
    }

    /// Ends a stop as far as it has come: first the calls, then the reply stream.
    fn drain(&mut self) {
        let Phase::Draining { until } = self.phase else { return };
        if !self.pending.is_empty() && until > self.now {
            return;
        }
        for (key, may_have_executed) in self.pending.take_all() {
            self.settle_pending(key, Err(CallError::Stopped { may_have_executed }));
        }
        if !self.commands.is_open() || self.now >= until + GOODBYE {
            self.finish();
        } else if !std::mem::replace(&mut self.said_goodbye, true) {
            // The last command has its time from now on, however long the calls were allowed to take.
            self.phase = Phase::Draining { until: until.min(self.now) };
            self.renew_at = None;
            self.renewal_due = false;
            self.replies.close(&mut self.out);
            let delete = Command::Delete { key: self.reply_stream.clone() };
            self.commands.send(self.now, delete, For::Goodbye, &mut self.out);
        }
    }

    fn finish(&mut self) {
        self.commands.close(&mut self.out);
        self.replies.close(&mut self.out);
        self.phase = Phase::Stopped;
        self.out.push_back(Output::Stopped(self.report));
    }

    fn event(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    fn link(&mut self, input: LinkInput) {
        match input {
            LinkInput::Opened(which, result) => {
                let lane = match which {
                    Lane::Commands => &mut self.commands,
                    Lane::Reader(_) => &mut self.replies,
                };
                let change = lane.opened(self.now, result, &mut self.random, &mut self.out);
                match change {
                    Some(LaneChange::Down(fault)) => self.connect_failed(fault),
                    // Redis may have come back empty, with ids below the last one: read from the start.
                    // What was read before belongs to no call any more.
                    Some(LaneChange::Up { again: true, .. }) if which != Lane::Commands => {
                        self.watch.start_over();
                        self.hold_until = None;
                        self.reply_stream_seen = false;
                    }
                    _ => {}
                }
            }
            LinkInput::Completed(lane, outcome) => {
                let lane = match lane {
                    Lane::Commands => &mut self.commands,
                    Lane::Reader(_) => &mut self.replies,
                };
                if let Some(what) =
                    lane.completed(self.now, &outcome, &mut self.random, &mut self.out)
                {
                    self.completed(what, outcome);
                }
            }
        }
        // Where one connection leads to a primary, the other one has nothing to wait for.
        if self.commands.is_back() | self.replies.is_back() {
            self.commands.hurry(self.now);
            self.replies.hurry(self.now);
        }
        self.finish_start();
    }

    /// A start fails with the first connection that does; later, attempts go on.
    fn connect_failed(&mut self, fault: Fault) {
        if self.phase == Phase::Starting {
            self.commands.close(&mut self.out);
            self.replies.close(&mut self.out);
            self.phase = Phase::Idle;
            self.out.push_back(Output::Started(Err(StartError::Unreachable(fault))));
        }
    }

    fn finish_start(&mut self) {
        if self.phase == Phase::Starting && self.commands.is_open() && self.replies.is_open() {
            self.phase = Phase::Running;
            self.renew_at = Some(self.now + self.renew_every());
            self.out.push_back(Output::Started(Ok(())));
        }
    }

    fn completed(&mut self, what: For, outcome: Outcome) {
        match what {
            For::Call(key, target, size) => self.appended(key, &target.stream, size, outcome),
            For::Replies => {
                if let Outcome::Unknown(_) | Outcome::NotSent(_) = outcome {
                    self.probe();
                }
                self.replies_read(outcome);
            }
            For::Goodbye => self.finish(),
            For::TimeToLive => self.renewed(outcome),
            For::Watch(question) => self.watched(question, outcome),
            For::Ping => {}
        }
    }

    /// One connection is lost: find out about the other before a call does.
    fn probe(&mut self) {
        // What is under way may have its answer already, and tell nothing.
        if self.commands.is_open() {
            self.commands.send(self.now, Command::Ping, For::Ping, &mut self.out);
        }
    }

    fn handle_timeouts(&mut self) {
        let (now, random, out) = (self.now, &mut self.random, &mut self.out);
        let lost = self.commands.handle_timeout(now, random, out);
        let lost_reads = self.replies.handle_timeout(now, random, out);
        for (fault, lost) in lost.into_iter().chain(lost_reads) {
            for what in lost {
                self.completed(what, Outcome::Unknown(fault.clone()));
            }
            self.connect_failed(fault);
        }
        self.expire();
        self.pending.retry_due(now);
        self.reading.handle_timeout(now);
        self.hold_until = self.hold_until.filter(|at| *at > now);
        if self.renew_at.is_some_and(|at| at <= now) {
            self.renew_reply_stream();
        }
    }
}

impl ClientCore {
    fn expire(&mut self) {
        loop {
            let trouble = Trouble {
                address: &self.options.common.address,
                commands: self.commands.fault(),
                replies: self.replies.fault(),
                gap: self.gap,
            };
            let Some((key, error)) = self.pending.expire(self.now, &trouble) else { return };
            self.settle_pending(key, Err(error));
        }
    }
}

impl Machine for ClientCore {
    type Input = ClientInput;
    type Effect = ClientOutput;

    fn handle_input(&mut self, now: Time, input: ClientInput) {
        self.now = self.now.max(now);
        match input {
            ClientInput::Start => self.start(),
            ClientInput::Stop { wait } => self.stop(wait),
            ClientInput::Call { key, outgoing, timeout, caller } => {
                self.call(key, outgoing, timeout, caller.as_ref());
            }
            ClientInput::Cancel(key) => {
                self.pending.room.give_up(key);
                self.pending.abandon(self.now, key);
            }
            ClientInput::Link(input) => self.link(input),
            ClientInput::Timeout => self.handle_timeouts(),
        }
        if matches!(self.phase, Phase::Running | Phase::Draining { .. }) {
            self.fail_unsent();
            self.send_waiting();
            self.send_renewal();
            self.let_in();
            self.drain();
            self.read();
        }
    }

    fn poll_output(&mut self) -> Option<Output<ClientOutput>> {
        self.out.pop_front()
    }

    fn poll_timeout(&mut self) -> Option<(Time, TimerReason)> {
        let draining = match self.phase {
            Phase::Idle | Phase::Stopped => return None,
            Phase::Draining { until } if until > self.now => Some(until),
            Phase::Draining { until } => Some(until + GOODBYE),
            _ => None,
        };
        Soonest::default()
            .of(self.commands.timeout(), TimerReason::Connection)
            .of(self.replies.timeout(), TimerReason::Connection)
            .or(self.pending.timeout())
            .of(draining, TimerReason::Drain)
            .of(self.reading.timeout(), TimerReason::Retry)
            .of(self.hold_until, TimerReason::ReplyStream)
            .of(self.renew_at, TimerReason::ReplyStream)
            .timer()
    }

    fn link_input(input: LinkInput) -> ClientInput {
        ClientInput::Link(input)
    }

    fn timeout_input() -> ClientInput {
        ClientInput::Timeout
    }
}
