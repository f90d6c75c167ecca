//! One service: its stream, its reader, and what becomes of an entry that comes in.

use std::collections::{BTreeMap, VecDeque};

use super::admit::{Admission, admit};
use super::dead::DeadLetter;
use super::drain::Farewell;
use super::entry::{Stage, Work};
use super::held::HeldTable;
use super::io::Keying;
use super::namesake::{Namesake, mark};
use super::prefetch::Prefetch;
use super::recover::{Resume, Setup};
use super::retention::Removal;
use super::settle::PendingReply;
use super::upkeep::CLAIM_EVERY;
use super::{For, ServerOutput, Shared};
use crate::appetite::{self, Appetite};
use crate::command::{Command, Entry, Lane, Outcome, Refusal, Reply, StreamId};
use crate::contract::Contract;
use crate::event::Event;
use crate::gate::Gate;
use crate::lane::LaneState;
use crate::lifecycle::Phase;
use crate::machine::{Soonest, TimerReason};
use crate::names::{Key, Name, consumer_name};
use crate::options::{Concurrency, ServerOptions};
use crate::refusal::unexpected;
use crate::time::Time;

/// An answer that the core writes by itself is shorter than this, but for the id that it repeats.
const SMALL_ANSWER: usize = 1024;
/// How many entries are read at once, at most; [`Prefetch`] has reasons for fewer.
const MAX_COUNT: u32 = 1024;
/// How many entries of its own pending list a server reads at once.
pub(super) const OWN_PAGE: u32 = 64;

/// What an answer on the reader's lane is for.
#[derive(Debug)]
pub(super) enum Reading {
    /// So many new entries, asked for at this time.
    New(Time, u32),
    /// A page of its own pending list, asked for at this time.
    Own(Time),
}

/// When a service has something to do next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    /// Something has happened to it since it was found out.
    Unknown,
    At(Option<(Time, TimerReason)>),
}

/// One service of a server.
#[derive(Debug)]
pub(super) struct Service {
    /// Its number.
    pub(super) at: usize,
    /// [`step`](Service::step) is owed at the end of the round.
    pub(super) step_due: bool,
    /// Something has happened to it in this round.
    pub(super) touched: bool,
    /// When it has something to do next.
    pub(super) due: Due,
    pub(super) contract: Contract,
    pub(super) stream: Key,
    pub(super) dead_stream: Key,
    pub(super) group: Name,
    pub(super) consumer: Name,
    pub(super) reader: LaneState<Reading>,
    pub(super) held: HeldTable,
    pub(super) namesakes: BTreeMap<StreamId, Namesake>,
    pub(super) prefetch: Prefetch,
    pub(super) appetite: Appetite,
    // settle
    pub(super) outbox: VecDeque<PendingReply>,
    pub(super) replying: Gate,
    pub(super) acks: Vec<StreamId>,
    /// Those whose acks are on their way, in the order of these.
    pub(super) acked: VecDeque<StreamId>,
    pub(super) acking: Gate,
    // dead
    pub(super) dead: VecDeque<DeadLetter>,
    pub(super) burying: Gate,
    // recover
    pub(super) setup: Setup,
    pub(super) was_set_up: bool,
    pub(super) reading: Gate,
    pub(super) in_trouble: bool,
    pub(super) resume: Resume,
    pub(super) last_delivered: StreamId,
    // upkeep
    pub(super) claiming: bool,
    pub(super) claim_cursor: StreamId,
    /// There may be more to take over: as soon as there is room, not only at the next tick.
    pub(super) claim_on: bool,
    pub(super) claim_at: Option<Time>,
    pub(super) lease_at: Option<Time>,
    pub(super) renewing: Gate,
    pub(super) claims: Gate,
    // retention
    pub(super) removal: Removal,
    // drain
    pub(super) releases: Vec<StreamId>,
    pub(super) handed_back: bool,
    pub(super) farewell: Farewell,
    pub(super) unblock_at: Option<Time>,
}

impl Service {
    pub(super) fn new(
        at: usize,
        contract: Contract,
        concurrency: Concurrency,
        options: &ServerOptions,
    ) -> Service {
        let name = contract.service();
        // More than 65,536 services would share lanes; nobody registers by hand what a program can't hold.
        let lane = Lane::Reader(u16::try_from(at).unwrap_or(u16::MAX));
        let gate = || Gate::new(options.common.backoff);
        Service {
            at,
            step_due: false,
            touched: false,
            due: Due::Unknown,
            stream: options.common.key_prefix.command_stream(name),
            dead_stream: options.common.key_prefix.dead_letter_stream(name),
            group: Name::from(name.as_str()),
            consumer: consumer_name(name, &options.common.instance_id),
            reader: LaneState::new(lane, &options.common),
            held: HeldTable::new(concurrency),
            namesakes: BTreeMap::new(),
            prefetch: Prefetch::new(),
            appetite: Appetite::new(MAX_COUNT),
            outbox: VecDeque::new(),
            replying: gate(),
            acks: Vec::new(),
            acked: VecDeque::new(),
            acking: gate(),
            dead: VecDeque::new(),
            burying: gate(),
            setup: Setup::Missing,
            was_set_up: false,
            reading: gate(),
            in_trouble: false,
            resume: Resume::Nothing,
            last_delivered: StreamId::MIN,
            claiming: false,
            claim_cursor: StreamId::MIN,
            claim_on: false,
            claim_at: None,
            lease_at: None,
            renewing: gate(),
            claims: gate(),
            removal: Removal::new(options.common.backoff),
            releases: Vec::new(),
            handed_back: false,
            farewell: Farewell::Due,
            unblock_at: None,
            contract,
        }
    }

    /// Does everything that can be done now. Doing it twice does nothing more.
    pub(super) fn step(&mut self, shared: &mut Shared) {
        match shared.phase {
            Phase::Idle | Phase::Stopped => {}
            Phase::Starting => {
                self.set_up_group(shared);
                if self.setup == Setup::Ready {
                    self.reader.open(shared.now, &mut shared.out);
                }
            }
            Phase::Running => {
                self.send_dead_letters(shared);
                self.send_replies(shared);
                self.set_up_group(shared);
                self.resume(shared);
                self.dispatch(shared);
                self.claim_page(shared);
                self.read(shared);
            }
            Phase::Draining { .. } => {
                self.send_dead_letters(shared);
                self.send_replies(shared);
                self.drain(shared);
            }
        }
    }

    fn read(&mut self, shared: &mut Shared) {
        // What couldn't be renewed or answered is left to those who can.
        let may_read = self.reader.is_open()
            && self.reader.is_idle()
            && shared.commands.is_open()
            && self.setup == Setup::Ready
            && self.reading.is_open()
            && self.resume == Resume::Nothing;
        if !may_read {
            return;
        }
        let Some(count) = self.wanted(shared) else { return };
        let read = Command::ReadGroup {
            stream: self.stream.clone(),
            group: self.group.clone(),
            consumer: self.consumer.clone(),
            count,
            block: shared.block(),
        };
        self.reader.send(shared.now, read, Reading::New(shared.now, count), &mut shared.out);
    }

    /// The answer to a read.
    pub(super) fn read_answered(&mut self, shared: &mut Shared, what: Reading, outcome: Outcome) {
        match (what, outcome) {
            (Reading::New(asked, count), Outcome::Reply(Reply::Entries(entries))) => {
                self.no_trouble();
                self.prefetch.read(count, entries.len(), shared.now - asked);
                self.appetite.took(&entries);
                for entry in entries {
                    self.last_delivered = self.last_delivered.max(entry.id);
                    self.deliver(shared, entry, Some(1), asked);
                }
            }
            (Reading::Own(asked), Outcome::Reply(Reply::Entries(entries))) => {
                self.resume_after_page(entries.len(), entries.last().map(|entry| entry.id));
                self.appetite.took(&entries);
                for entry in entries {
                    self.deliver(shared, entry, None, asked);
                }
            }
            (what, Outcome::Refused(refusal)) => self.read_refused(shared, &what, refusal),
            (what, Outcome::Reply(_)) => self.read_refused(shared, &what, unexpected()),
            // What was delivered to the lost connection is found in its own pending list.
            (_, Outcome::Unknown(_) | Outcome::NotSent(_)) => self.probe(shared),
        }
    }

    fn read_refused(&mut self, shared: &mut Shared, what: &Reading, refusal: Refusal) {
        if let Reading::Own(_) = what {
            self.resume = Resume::Scan(StreamId::MIN);
        }
        self.trouble(shared, refusal);
    }

    /// Takes an entry that the store has put into this consumer's pending list. `asked` is when the store was asked for it:
    /// from then on it is certainly ours.
    pub(super) fn deliver(
        &mut self,
        shared: &mut Shared,
        entry: Entry,
        deliveries: Option<u64>,
        asked: Time,
    ) {
        let id = entry.id;
        // Never twice at the same time: what is held here runs, waits, or is done already.
        if self.held.delivered_again(id, asked) {
            return self.meet_again(shared, entry, deliveries, asked);
        }
        let mark = mark(&entry);
        if shared.is_draining() {
            self.held.hold(id, Stage::Releasing, asked);
            self.releases.push(id);
            return;
        }
        let size = appetite::size(&entry);
        let Some(fields) = entry.fields else {
            // Trimmed by somebody while it was pending: there is nothing to do any more.
            return self.ack_without_reply(id, asked);
        };
        let common = &shared.options.common;
        let reply_to = shared.reply_streams.of(&fields, &common.key_prefix);
        match admit(&fields, reply_to, &self.contract, common.max_message_bytes) {
            Admission::Run { id: request, method, params, kind, reply_to } => {
                // What was delivered before may have to be put aside, as it came.
                let suspect = deliveries.is_none() && shared.options.max_deliveries.is_some();
                let fields = if suspect {
                    Some(fields)
                } else {
                    shared.spare.keep(fields);
                    None
                };
                let work = Work { id: request, method, kind, params, reply_to, fields };
                if let Some(work) = self.held.enqueue(id, work, size, deliveries, asked) {
                    let (method, params) = (work.method.clone(), work.params.clone());
                    let keying = Keying { service: self.at, entry: id, method, params };
                    shared.effect(ServerOutput::Key(keying));
                }
            }
            // An id may be so long that not even an error fits.
            Admission::Answer { envelope, reason, .. }
                if envelope.len() > common.max_message_bytes.max(SMALL_ANSWER) =>
            {
                self.malformed(shared, id, reason);
                self.ack_without_reply(id, asked);
            }
            Admission::Answer { reply_to, envelope, reason } => {
                self.malformed(shared, id, reason);
                self.held.hold(id, Stage::Replying, asked);
                self.held.resize(id, envelope.len());
                self.outbox.push_back(PendingReply { entry: id, stream: reply_to, envelope });
            }
            Admission::Drop { reason } => {
                self.malformed(shared, id, reason);
                self.ack_without_reply(id, asked);
            }
        }
        self.held.set_mark(id, mark);
    }

    fn ack_without_reply(&mut self, id: StreamId, touched: Time) {
        self.held.hold(id, Stage::Acking, touched);
        self.acks.push(id);
    }

    fn malformed(&self, shared: &mut Shared, entry: StreamId, reason: String) {
        let stream = self.stream.as_str().to_owned();
        shared.event(Event::Malformed { stream, entry, reason });
    }

    /// One connection is lost: find out about the other before a reply does.
    fn probe(&self, shared: &mut Shared) {
        // What is under way may have its answer already, and tell nothing.
        if shared.commands.is_open() {
            shared.send(Command::Ping, For::Background("a ping"));
        }
    }

    pub(super) fn name(&self) -> String {
        self.contract.service().as_str().to_owned()
    }

    /// When this service has something to do next; found out only once something has happened to it.
    pub(super) fn due(&mut self, shared: &Shared) -> Option<(Time, TimerReason)> {
        match self.due {
            Due::At(due) => due,
            Due::Unknown => {
                let due = self.timeout(shared);
                self.due = Due::At(due);
                due
            }
        }
    }

    fn timeout(&self, shared: &Shared) -> Option<(Time, TimerReason)> {
        let soonest = Soonest::default()
            .of(self.reader.timeout(), TimerReason::Connection)
            .of(self.lease_at, TimerReason::Lease)
            .of(self.replying.timeout(), TimerReason::Retry)
            .of(self.acking.timeout(), TimerReason::Retry)
            .of(self.burying.timeout(), TimerReason::Retry);
        if shared.is_draining() {
            return soonest.of(self.unblock_at, TimerReason::Drain).timer();
        }
        soonest
            .of(self.reading.timeout(), TimerReason::Retry)
            .of(self.renewing.timeout(), TimerReason::Retry)
            .of(self.resume.timeout(), TimerReason::Retry)
            .of(self.claim_at, TimerReason::Reclaim)
            .of(self.removal.timeout(), TimerReason::Retention)
            .timer()
    }

    /// Does what has become due; [`step`](Service::step) follows.
    pub(super) fn handle_timeouts(&mut self, shared: &mut Shared) {
        let now = shared.now;
        self.unblock_at = self.unblock_at.filter(|at| *at > now);
        for gate in [
            &mut self.replying,
            &mut self.acking,
            &mut self.burying,
            &mut self.reading,
            &mut self.renewing,
        ] {
            gate.handle_timeout(now);
        }
        self.resume.handle_timeout(now);
        if matches!(shared.phase, Phase::Running | Phase::Draining { .. }) {
            self.renew_leases(shared);
        }
        if shared.phase == Phase::Running {
            self.reclaim(shared);
            self.remove_done(shared);
        }
    }

    /// The server runs: the clocks of the upkeep begin.
    pub(super) fn begin(&mut self, shared: &Shared) {
        // At once: what a neighbour has handed back, or died with long ago, waits for somebody.
        self.claim_at = Some(shared.now + CLAIM_EVERY);
        self.claim_on = true;
        self.lease_at = Some(shared.now + Self::lease_every(shared));
        self.begin_removal(shared);
    }
}
