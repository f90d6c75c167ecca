//! The book of a world: what has happened so far, as the rules need it.

use clamator_core::{Command, Key, Outcome, Reply, StreamId};
use rustc_hash::FxHashMap;

use crate::event::{About, CallId, End, Event, LifeId, RunId, Told};
use crate::request;
use crate::stage::{NodeId, STORE};

/// Who asks in vain asks again within this, in nanoseconds.
const KNOWN: u64 = 5_000_000_000;

/// How a service runs its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Discipline {
    Serial,
    Concurrent(usize),
    Ordered(usize),
}

impl Discipline {
    pub(crate) fn slots(self) -> usize {
        match self {
            Discipline::Serial => 1,
            Discipline::Concurrent(slots) | Discipline::Ordered(slots) => slots,
        }
    }
}

/// What kind of process a life is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
    /// A server of another make.
    Peer,
}

#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) name: String,
    pub(crate) node: NodeId,
    pub(crate) role: Role,
    /// What its consumers are called, after the service.
    pub(crate) instance: String,
    /// Since when it serves, or can call.
    pub(crate) up: Option<u64>,
    /// The services that it has.
    pub(crate) services: Vec<usize>,
    pub(crate) stopping: Option<(u64, u64)>,
    pub(crate) ended: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) life: LifeId,
    pub(crate) service: usize,
    pub(crate) key: u64,
    pub(crate) notification: bool,
    pub(crate) at: u64,
    /// The call whose handler makes it.
    pub(crate) within: Option<CallId>,
    /// The latest that its caller may wait, by the client's clock.
    pub(crate) timeout: u64,
    pub(crate) made: bool,
    /// The entries that the store has added for it: one, if all is well.
    pub(crate) entries: Vec<StreamId>,
    pub(crate) added_at: u64,
    pub(crate) settled: Option<(u64, Told)>,
    pub(crate) forgotten: bool,
    pub(crate) runs: Vec<RunId>,
    /// How many replies the store has taken in.
    pub(crate) replies: u32,
    pub(crate) replied_at: u64,
    pub(crate) acked: bool,
    pub(crate) put_aside: bool,
    /// When a fault took its request out of the store, or a reply that may have been unread.
    pub(crate) taken: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) life: LifeId,
    pub(crate) call: CallId,
    pub(crate) ended: Option<(u64, End)>,
}

/// Who owns an entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    pub(crate) life: LifeId,
    pub(crate) since: u64,
    /// It took the entry over by a command that came so late that it had given up its connection.
    pub(crate) unheard: bool,
}

/// What the store has of one entry of a command stream.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) call: CallId,
    pub(crate) owner: Option<Owner>,
    /// Who had it before.
    pub(crate) previous: Option<Owner>,
    /// Whether it was taken over from somebody.
    pub(crate) claimed: bool,
    pub(crate) acked: bool,
    /// Another one had its id before: the store lost that one, and its clock went back.
    pub(crate) namesake: bool,
}

#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) stream: Key,
    pub(crate) dead: Key,
    pub(crate) name: String,
    pub(crate) discipline: Discipline,
    pub(crate) limit: Option<u64>,
    pub(crate) entries: FxHashMap<StreamId, Entry>,
    /// When its group was lost or made anew, or fell back to an earlier state.
    pub(crate) resets: Vec<u64>,
}

/// A time in which something didn't work as it should.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trouble {
    pub(crate) node: NodeId,
    pub(crate) from: u64,
    pub(crate) to: u64,
    /// A clock jumped, and nothing else: everybody could be reached.
    pub(crate) clock: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) now: u64,
    pub(crate) claim_idle: u64,
    pub(crate) reply_max_len: u64,
    pub(crate) calm_since: Option<u64>,
    pub(crate) lives: Vec<Life>,
    pub(crate) services: Vec<Service>,
    pub(crate) calls: Vec<Call>,
    pub(crate) runs: Vec<Run>,
    pub(crate) troubles: Vec<Trouble>,
    /// When the store's clock jumped.
    pub(crate) jumps: Vec<u64>,
    /// Calls by the ids of their requests.
    pub(crate) requests: FxHashMap<u128, CallId>,
    pub(crate) replies: Vec<(Key, NodeId)>,
    /// Streams that got replies of servers that weren't there any more.
    pub(crate) late_replies: Vec<Key>,
}

impl Book {
    pub(crate) fn service_of(&self, stream: &Key) -> Option<usize> {
        self.services.iter().position(|service| service.stream == *stream)
    }

    pub(crate) fn is_reply_stream(&self, stream: &Key) -> bool {
        self.replies.iter().any(|(key, _)| key == stream)
    }

    pub(crate) fn call(&self, call: CallId) -> &Call {
        &self.calls[call as usize]
    }

    /// Whether a service had a server for all of a time up to now, and for long enough before that everybody knows.
    pub(crate) fn was_served(&self, service: usize, from: u64) -> bool {
        let serves = |life: &Life| {
            life.role == Role::Server
                && life.services.contains(&service)
                && life.up.is_some_and(|up| up + KNOWN < from)
        };
        self.lives.iter().any(serves)
    }

    pub(crate) fn call_name(&self, call: CallId) -> String {
        let it = self.call(call);
        let kind = if it.notification { "note" } else { "call" };
        format!("{kind} {call} to {}", self.services[it.service].name)
    }

    /// Whether anything was wrong with a machine, or with the store, in a time.
    pub(crate) fn troubled(&self, node: NodeId, from: u64, to: u64) -> bool {
        self.longest_trouble(node, from, to).is_some()
    }

    /// Whether a machine, or the store, may have been out of reach, or not itself, in a time.
    pub(crate) fn cut_off(&self, node: NodeId, from: u64, to: u64) -> bool {
        let mine = self.troubles.iter().filter(|it| it.node == node || it.node == STORE);
        mine.filter(|it| !it.clock).any(|it| it.from <= to && it.to >= from)
    }

    /// For how long, at most, something was wrong with a machine or with the store, of what touches a time.
    pub(crate) fn longest_trouble(&self, node: NodeId, from: u64, to: u64) -> Option<u64> {
        let mine = self.troubles.iter().filter(|it| it.node == node || it.node == STORE);
        mine.filter(|it| it.from <= to && it.to >= from).map(|it| it.to - it.from).max()
    }

    /// Whether the group of a service was made anew in a time.
    pub(crate) fn reset_between(&self, service: usize, from: u64, to: u64) -> bool {
        self.services[service].resets.iter().any(|at| (from..=to).contains(at))
    }

    /// Which call an addition to a stream is a request of, or a reply to.
    pub(crate) fn call_of(&self, fields: &[(bytes::Bytes, bytes::Bytes)]) -> Option<CallId> {
        let envelope = request::envelope(fields)?;
        match request::id(envelope) {
            Some(id) if self.requests.contains_key(&id) => self.requests.get(&id).copied(),
            _ => request::number(envelope).filter(|call| (*call as usize) < self.calls.len()),
        }
    }

    /// What rules will want to know of a command once it is answered.
    pub(crate) fn about(&self, command: &Command) -> About {
        match command {
            Command::Append { stream, fields, .. } if self.is_reply_stream(stream) => {
                self.call_of(fields).map_or(About::Other("reply"), About::Reply)
            }
            Command::Renew { stream, ids, .. } => match self.service_of(stream) {
                Some(service) => About::Renewal { service, ids: ids.clone() },
                None => About::Other("renewal"),
            },
            other => About::Other(crate::story::verb(other)),
        }
    }

    /// Takes down what happens, before rules look at it.
    pub(crate) fn write(&mut self, event: &Event<'_>) {
        let now = self.now;
        match event {
            Event::Up { life } => self.lives[*life].up = Some(now),
            Event::Stopping { life, grace } => {
                self.lives[*life].stopping = Some((now, *grace));
            }
            Event::Stopped { life, .. } | Event::Killed { life } => {
                self.lives[*life].up = None;
                self.lives[*life].ended = Some(now);
            }
            Event::Settled { call, told } => {
                let call = &mut self.calls[*call as usize];
                call.settled.get_or_insert((now, *told));
            }
            Event::Forgotten { call } => self.calls[*call as usize].forgotten = true,
            Event::Began { run, life, call, .. } => {
                self.runs.push(Run { life: *life, call: *call, ended: None });
                self.calls[*call as usize].runs.push(*run);
            }
            Event::Ended { run, how } => {
                self.runs[*run].ended.get_or_insert((now, *how));
            }
            Event::Executed { life, command, outcome, late, .. } => {
                self.executed(*life, command, outcome, *late);
            }
            Event::Calm => self.calm_since = Some(now),
            _ => {}
        }
    }

    fn executed(&mut self, life: LifeId, command: &Command, outcome: &Outcome, late: bool) {
        let reply = match (command, outcome) {
            (_, Outcome::Reply(reply)) => reply,
            // The place of its stream is taken: nobody will ever read it.
            (Command::Append { stream, fields, .. }, Outcome::Refused(refusal))
                if refusal.code == "WRONGTYPE" && self.is_reply_stream(stream) =>
            {
                let (call, now) = (self.call_of(fields), self.now);
                if let Some(call) = call {
                    self.calls[call as usize].taken.get_or_insert(now);
                }
                return;
            }
            _ => return,
        };
        match (command, reply) {
            (Command::Append { stream, fields, .. }, Reply::Added(id)) => {
                self.added(stream, fields, *id);
                if late && self.lives[life].ended.is_some() {
                    self.late_replies.push(stream.clone());
                }
            }
            // One of another make begins at the end: what was there before is lost.
            (Command::CreateGroup { stream, .. }, Reply::Done)
                if self.lives[life].role == Role::Peer =>
            {
                let (service, now) = (self.service_of(stream), self.now);
                for call in self.calls.iter_mut().filter(|call| Some(call.service) == service) {
                    if call.made && !call.acked {
                        call.taken.get_or_insert(now);
                    }
                }
            }
            (Command::ReadGroup { stream, .. }, Reply::Entries(entries)) => {
                let owner = Owner { life, since: self.now, unheard: false };
                self.own(owner, stream, entries, false);
            }
            (Command::AutoClaim { stream, .. }, Reply::Claimed { entries, .. }) => {
                let owner = Owner { life, since: self.now, unheard: late };
                self.own(owner, stream, entries, true);
            }
            (Command::Ack { stream, ids, .. }, Reply::Count(_)) => {
                let Some(service) = self.service_of(stream) else { return };
                for id in ids {
                    let Some(entry) = self.services[service].entries.get_mut(id) else { continue };
                    entry.acked = true;
                    let call = &mut self.calls[entry.call as usize];
                    call.acked = true;
                    // Redis acks for whoever asks. This one meant an earlier entry of the same id, which the store has lost.
                    if entry.namesake && entry.owner.is_none_or(|owner| owner.life != life) {
                        call.taken.get_or_insert(self.now);
                    }
                }
            }
            _ => {}
        }
    }

    fn added(&mut self, stream: &Key, fields: &[(bytes::Bytes, bytes::Bytes)], id: StreamId) {
        let now = self.now;
        if let Some(service) = self.service_of(stream) {
            let Some(call) = self.call_from_request(fields) else { return };
            let entries = &mut self.services[service].entries;
            let namesake = entries.contains_key(&id);
            let (owner, previous, claimed, acked) = (None, None, false, false);
            let entry = Entry { call, owner, previous, claimed, acked, namesake };
            entries.insert(id, entry);
            let call = &mut self.calls[call as usize];
            call.entries.push(id);
            call.added_at = now;
        } else if let Some(call) = self.call_of(fields) {
            let is_dead = self.services.iter().any(|it| it.dead == *stream);
            let call = &mut self.calls[call as usize];
            if is_dead {
                call.put_aside = true;
            } else {
                call.replies += 1;
                call.replied_at = now;
            }
        }
    }

    fn call_from_request(&mut self, fields: &[(bytes::Bytes, bytes::Bytes)]) -> Option<CallId> {
        let envelope = request::envelope(fields)?;
        let call = request::number(envelope).filter(|call| (*call as usize) < self.calls.len())?;
        if let Some(id) = request::id(envelope) {
            self.requests.insert(id, call);
        }
        Some(call)
    }

    fn own(&mut self, owner: Owner, stream: &Key, entries: &[clamator_core::Entry], claimed: bool) {
        let Some(service) = self.service_of(stream) else { return };
        for entry in entries {
            if let Some(known) = self.services[service].entries.get_mut(&entry.id) {
                known.previous = known.owner.replace(owner);
                known.claimed |= claimed;
            }
        }
    }
}
