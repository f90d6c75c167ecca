//! What every service of a server shares.

use std::collections::VecDeque;
use std::time::Duration;

use super::admit::ReplyStreams;
use super::dead::DeadLetter;
use super::io::ServerOutput;
use super::reply_ttl::ReplyTtl;
use super::settle::PendingReply;
use super::suspects::Suspects;
use crate::command::{Command, Outcome, StreamId};
use crate::event::Event;
use crate::lane::LaneState;
use crate::lifecycle::Phase;
use crate::names::Key;
use crate::options::ServerOptions;
use crate::output::{Output, StopReport};
use crate::random::Random;
use crate::refusal::Meaning;
use crate::spare::Spare;
use crate::time::Time;

/// What every service shares, lent to it for one step.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: ServerOptions,
    pub(super) phase: Phase,
    pub(super) now: Time,
    pub(super) random: Random,
    pub(super) commands: LaneState<For>,
    pub(super) reply_ttl: ReplyTtl,
    pub(super) reply_streams: ReplyStreams,
    pub(super) suspects: Suspects,
    pub(super) spare: Spare,
    pub(super) next_job: u64,
    pub(super) report: StopReport,
    pub(super) out: Out,
}

impl Shared {
    pub(super) fn send(&mut self, command: Command, what: For) {
        self.commands.send(self.now, command, what, &mut self.out);
    }

    pub(super) fn event(&mut self, event: Event) {
        self.out.push_back(Output::Event(event));
    }

    pub(super) fn effect(&mut self, effect: ServerOutput) {
        self.out.push_back(Output::Role(effect));
    }

    /// A reply was written: its stream gets its time to live, now or with the next ones.
    pub(super) fn reply_written(&mut self, stream: Key) {
        if self.reply_ttl.written(self.now, &stream) {
            self.expire(stream);
        }
    }

    /// Gives those reply streams their time to live that it is time for; all that are owed one if `all`.
    pub(super) fn renew_reply_streams(&mut self, all: bool) {
        for stream in self.reply_ttl.sweep(self.now, all) {
            self.expire(stream);
        }
    }

    fn expire(&mut self, key: Key) {
        if self.commands.is_open() {
            let expire =
                Command::Expire { key: key.clone(), ttl: self.options.common.reply_stream_ttl };
            self.send(expire, For::TimeToLive(key));
        } else {
            self.reply_ttl.owe(self.now, key);
        }
    }

    /// The store has answered something that no service waits for.
    pub(super) fn background_answered(&mut self, what: For, outcome: Outcome) {
        match (what, outcome) {
            (For::TimeToLive(key), Outcome::Unknown(_) | Outcome::NotSent(_)) => {
                self.reply_ttl.owe(self.now, key);
            }
            (For::TimeToLive(_), Outcome::Reply(_)) => self.reply_ttl.told.went_well(),
            (For::TimeToLive(key), Outcome::Refused(refusal)) => {
                // In a stop there is no time for another attempt.
                if Meaning::of(&refusal) == Meaning::Passing && !self.is_draining() {
                    self.reply_ttl.owe(self.now, key);
                }
                if self.reply_ttl.told.tell() {
                    let what = "the time to live of a reply stream";
                    self.event(Event::CommandRefused { what, refusal });
                }
            }
            (For::Background(what), Outcome::Refused(refusal)) => {
                self.event(Event::CommandRefused { what, refusal });
            }
            _ => {}
        }
    }

    pub(super) fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Draining { .. })
    }

    /// How long a read may block: long enough to be cheap, short enough that a lost group, a stop, or an entry that
    /// came with a stalled connection are noticed well within the claim idle.
    pub(super) fn block(&self) -> Duration {
        let quarter = self.options.consumer_claim_idle / 4;
        quarter.clamp(Duration::from_millis(1), Duration::from_secs(1))
    }
}

type Out = VecDeque<Output<ServerOutput>>;

/// What an answer on the commands lane is for; the number is the service's.
#[derive(Debug)]
pub(super) enum For {
    Group(usize),
    Reply(usize, PendingReply),
    DeadLetter(usize, DeadLetter),
    /// So many of those that are being acked.
    Ack(usize, usize),
    Claim(usize, Time),
    Count(usize, StreamId),
    Renew(usize, Vec<StreamId>, Time),
    Release(usize, Vec<StreamId>),
    Trim(usize),
    Consumers(usize),
    Remove(usize),
    Kill(usize),
    TimeToLive(Key),
    Background(&'static str),
}

impl For {
    pub(super) fn service(&self) -> Option<usize> {
        match self {
            For::Group(at) | For::Reply(at, _) | For::Ack(at, _) | For::Claim(at, _) => Some(*at),
            For::Count(at, _) | For::Renew(at, ..) | For::Release(at, _) => Some(*at),
            For::Trim(at) | For::Consumers(at) | For::Remove(at) | For::Kill(at) => Some(*at),
            For::DeadLetter(at, _) => Some(*at),
            For::TimeToLive(_) | For::Background(_) => None,
        }
    }
}
