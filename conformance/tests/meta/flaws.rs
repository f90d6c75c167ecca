//! What may be wrong with an adapter. Each is a mistake that somebody could make, or a shortcut that somebody could take.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use clamator_core::{
    Command, ConnectionId, Entry, GroupStart, Key, Lane, Name, Outcome, Reply, StreamId, Trimmed,
};
use clamator_driver::Time;
use clamator_memory::Memory;
use serde_json::Value;

use crate::bent::{Altered, Flaw};

fn answer(reply: Reply) -> Altered {
    Altered::Answer(Outcome::Reply(reply))
}

/// A flaw that alters commands.
macro_rules! alters {
    ($(#[$doc:meta])* $name:ident: |$command:ident| $body:expr) => {
        $(#[$doc])*
        #[derive(Clone, Default)]
        pub(crate) struct $name;

        impl Flaw for $name {
            fn alter(&self, $command: Command, _: &Memory) -> Altered {
                $body
            }
        }
    };
}

/// A flaw that alters outcomes.
macro_rules! answers {
    ($(#[$doc:meta])* $name:ident: |$asked:pat_param, $outcome:pat_param| $body:expr) => {
        $(#[$doc])*
        #[derive(Clone, Default)]
        pub(crate) struct $name;

        impl Flaw for $name {
            fn outcome(&self, $asked: &Command, $outcome: Outcome) -> Outcome {
                $body
            }
        }
    };
}

alters! {
    /// Keeps fields in a map.
    SortsFields: |command| Altered::Run(vec![match command {
        Command::Append { stream, mut fields, max_len, create } => {
            fields.sort();
            Command::Append { stream, fields, max_len, create }
        }
        other => other,
    }])
}

alters! {
    /// Has its own idea of what a key may be.
    CleansUpKeys: |command| {
        let clean = |key: Key| Key::from(key.as_str().replace(' ', "_"));
        Altered::Run(vec![match command {
            Command::Append { stream, fields, max_len, create } => {
                Command::Append { stream: clean(stream), fields, max_len, create }
            }
            Command::CreateGroup { stream, group, start } => {
                Command::CreateGroup { stream: clean(stream), group, start }
            }
            Command::ReadGroup { stream, group, consumer, count, block } => {
                Command::ReadGroup { stream: clean(stream), group, consumer, count, block }
            }
            Command::Read { stream, after, count, block } => {
                Command::Read { stream: clean(stream), after, count, block }
            }
            Command::Ack { stream, group, ids } => Command::Ack { stream: clean(stream), group, ids },
            other => other,
        }])
    }
}

alters! {
    /// Never acks, and says that it did.
    DropsAcks: |command| match command {
        Command::Ack { ids, .. } => answer(Reply::Count(ids.len() as u64)),
        other => Altered::Run(vec![other]),
    }
}

alters! {
    /// Adds without `NOMKSTREAM`.
    MakesStreams: |command| Altered::Run(vec![match command {
        Command::Append { stream, fields, max_len, .. } => {
            Command::Append { stream, fields, max_len, create: true }
        }
        other => other,
    }])
}

alters! {
    /// Begins groups at `$`.
    BeginsAtTheEnd: |command| Altered::Run(vec![match command {
        Command::CreateGroup { stream, group, .. } => {
            Command::CreateGroup { stream, group, start: GroupStart::End }
        }
        other => other,
    }])
}

/// Replaces a group that is there.
#[derive(Clone, Default)]
pub(crate) struct MakesGroupsAnew;

impl Flaw for MakesGroupsAnew {
    fn alter(&self, command: Command, memory: &Memory) -> Altered {
        if let Command::CreateGroup { stream, group, .. } = &command {
            memory.with(|store| store.destroy_group(stream, group));
        }
        Altered::Run(vec![command])
    }
}

/// Forgets some timers.
#[derive(Clone, Default)]
pub(crate) struct LosesTimers;

impl Flaw for LosesTimers {
    fn timer(&self, now: Time, at: Time) -> Option<Time> {
        let lost = Duration::from_millis(50)..Duration::from_millis(500);
        (!lost.contains(&(at - now))).then_some(at)
    }
}

/// Now and then, an answer doesn't come.
#[derive(Clone, Default)]
pub(crate) struct DropsAnswers;

impl Flaw for DropsAnswers {
    fn outcomes(&self, _: &[Command], mut outcomes: Vec<Outcome>) -> Vec<Outcome> {
        let entries = |outcome: &Outcome| matches!(outcome, Outcome::Reply(Reply::Entries(entries)) if !entries.is_empty());
        outcomes.retain(|outcome| !entries(outcome));
        outcomes
    }
}

/// The entries of a read, which are not none.
fn read(asked: &Command, outcome: &Outcome) -> Option<Vec<Entry>> {
    match (asked, outcome) {
        (Command::ReadGroup { .. }, Outcome::Reply(Reply::Entries(entries))) => {
            (!entries.is_empty()).then(|| entries.clone())
        }
        _ => None,
    }
}

/// Hands out the entries of a read once more with the next one.
#[derive(Clone, Default)]
pub(crate) struct DeliversAgain(Arc<Mutex<Vec<Entry>>>);

impl Flaw for DeliversAgain {
    fn outcome(&self, asked: &Command, outcome: Outcome) -> Outcome {
        let Some(entries) = read(asked, &outcome) else { return outcome };
        let mut all = std::mem::replace(&mut *self.0.lock().unwrap(), entries.clone());
        all.extend(entries);
        Outcome::Reply(Reply::Entries(all))
    }
}

/// Hands out to one consumer what it has handed out to another one.
#[derive(Clone, Default)]
pub(crate) struct DeliversToTwo(Arc<Mutex<Vec<(Name, Entry)>>>);

impl Flaw for DeliversToTwo {
    fn outcome(&self, asked: &Command, outcome: Outcome) -> Outcome {
        let (Some(mut entries), Command::ReadGroup { consumer, .. }) =
            (read(asked, &outcome), asked)
        else {
            return outcome;
        };
        let mut given = self.0.lock().unwrap();
        let foreign = given.iter().position(|(to, _)| to != consumer);
        let again = foreign.map(|at| given.remove(at).1);
        given.extend(entries.iter().map(|entry| (consumer.clone(), entry.clone())));
        entries.extend(again);
        Outcome::Reply(Reply::Entries(entries))
    }
}

alters! {
    /// Reads as much as it can.
    IgnoresTheCount: |command| Altered::Run(vec![match command {
        Command::ReadGroup { stream, group, consumer, block, .. } => {
            Command::ReadGroup { stream, group, consumer, count: 1000, block }
        }
        other => other,
    }])
}

/// Cancels some reads when they have something to say.
#[derive(Clone, Default)]
pub(crate) struct LosesDeliveries(Arc<Mutex<usize>>);

impl Flaw for LosesDeliveries {
    fn outcome(&self, asked: &Command, outcome: Outcome) -> Outcome {
        if read(asked, &outcome).is_none() {
            return outcome;
        }
        let mut reads = self.0.lock().unwrap();
        *reads += 1;
        if reads.is_multiple_of(3) { Outcome::Reply(Reply::Entries(Vec::new())) } else { outcome }
    }
}

alters! {
    /// Renews nothing, and says that everything is its own.
    RenewsNothing: |command| match command {
        Command::Renew { ids, .. } => answer(Reply::Ids(ids)),
        other => Altered::Run(vec![other]),
    }
}

/// Renews with a plain `XCLAIM`, which takes the entry from whoever owns it.
#[derive(Clone, Default)]
pub(crate) struct RenewsForeign;

impl Flaw for RenewsForeign {
    fn alter(&self, command: Command, _: &Memory) -> Altered {
        let Command::Renew { stream, group, consumer, ids } = command else {
            return Altered::Run(vec![command]);
        };
        let claim = |id: &StreamId| Command::AutoClaim {
            stream: stream.clone(),
            group: group.clone(),
            consumer: consumer.clone(),
            min_idle: Duration::ZERO,
            cursor: *id,
            count: 1,
        };
        Altered::Run(ids.iter().map(claim).collect())
    }

    fn outcome(&self, asked: &Command, outcome: Outcome) -> Outcome {
        match asked {
            Command::Renew { ids, .. } => Outcome::Reply(Reply::Ids(ids.clone())),
            _ => outcome,
        }
    }
}

answers! {
    /// Doesn't count deliveries.
    CountsOne: |_, outcome| match outcome {
        Outcome::Reply(Reply::Deliveries(Some(_))) => Outcome::Reply(Reply::Deliveries(Some(1))),
        other => other,
    }
}

alters! {
    /// Claims whatever is pending.
    ClaimsTheYoung: |command| Altered::Run(vec![match command {
        Command::AutoClaim { stream, group, consumer, cursor, count, .. } => {
            Command::AutoClaim { stream, group, consumer, min_idle: Duration::ZERO, cursor, count }
        }
        other => other,
    }])
}

answers! {
    /// Always says that it has looked at everything.
    IgnoresTheCursor: |_, outcome| match outcome {
        Outcome::Reply(Reply::Claimed { entries, .. }) => {
            Outcome::Reply(Reply::Claimed { cursor: StreamId::MIN, entries })
        }
        other => other,
    }
}

alters! {
    /// Hands nothing back, and says that it did.
    ReleasesNothing: |command| match command {
        Command::Release { ids, .. } => answer(Reply::Ids(ids)),
        other => Altered::Run(vec![other]),
    }
}

alters! {
    /// Lets reads wait to their end.
    EndsNoRead: |command| match command {
        Command::Unblock { .. } => answer(Reply::Count(1)),
        other => Altered::Run(vec![other]),
    }
}

alters! {
    /// Leaves keys behind.
    DeletesNothing: |command| match command {
        Command::Delete { .. } => answer(Reply::Count(1)),
        other => Altered::Run(vec![other]),
    }
}

alters! {
    /// Leaves its consumer behind.
    LeavesConsumers: |command| match command {
        Command::RemoveConsumer { .. } => answer(Reply::Count(1)),
        other => Altered::Run(vec![other]),
    }
}

alters! {
    /// Sends again what it isn't sure about, which is everything.
    AppendsTwice: |command| match command {
        Command::Append { .. } => Altered::Run(vec![command.clone(), command]),
        other => Altered::Run(vec![other]),
    }
}

/// Sends replies after the acks of their requests, and says that they are there before.
#[derive(Clone, Default)]
pub(crate) struct AcksBeforeTheReply(Arc<Mutex<Vec<Command>>>);

impl Flaw for AcksBeforeTheReply {
    fn alter(&self, command: Command, _: &Memory) -> Altered {
        let mut replies = self.0.lock().unwrap();
        match command {
            Command::Append { create: true, .. } => {
                replies.push(command);
                answer(Reply::Added(StreamId::new(1, 1)))
            }
            Command::Ack { .. } => {
                Altered::Run([command].into_iter().chain(replies.drain(..)).collect())
            }
            other => Altered::Run(vec![other]),
        }
    }

    fn outcome(&self, asked: &Command, outcome: Outcome) -> Outcome {
        match asked {
            Command::Ack { .. } => Outcome::Reply(Reply::Count(1)),
            _ => outcome,
        }
    }

    /// What wasn't sent over the old connection isn't sent any more.
    fn connected(&self, lane: Lane) {
        if lane == Lane::Commands {
            self.0.lock().unwrap().clear();
        }
    }
}

/// Gives connections numbers that the store doesn't know.
#[derive(Clone, Default)]
pub(crate) struct WrongNumber;

impl Flaw for WrongNumber {
    fn id(&self, id: Option<ConnectionId>) -> Option<ConnectionId> {
        id.map(|id| id + 1000)
    }
}

answers! {
    /// Takes a lost connection for a yes.
    LossIsSuccess: |asked, outcome| match (asked, outcome) {
        (Command::Append { .. }, Outcome::NotSent(_) | Outcome::Unknown(_)) => {
            Outcome::Reply(Reply::Added(StreamId::new(1, 1)))
        }
        (_, outcome) => outcome,
    }
}

/// Begins to read at `$`.
#[derive(Clone, Default)]
pub(crate) struct ReadsFromTheEnd;

impl Flaw for ReadsFromTheEnd {
    fn alter(&self, mut command: Command, memory: &Memory) -> Altered {
        if let Command::Read { stream, after, .. } = &mut command
            && *after == StreamId::MIN
        {
            let entries = memory.with(|store| store.entries(stream));
            *after = entries.last().map_or(*after, |entry| entry.id);
        }
        Altered::Run(vec![command])
    }
}

alters! {
    /// Keeps every reply.
    LosesMaxLen: |command| Altered::Run(vec![match command {
        Command::Append { stream, fields, create, .. } => {
            Command::Append { stream, fields, max_len: None, create }
        }
        other => other,
    }])
}

alters! {
    /// Lets keys live for ever.
    SetsNoTimeToLive: |command| match command {
        Command::Expire { .. } => answer(Reply::Count(1)),
        other => Altered::Run(vec![other]),
    }
}

/// Changes every envelope that is read.
fn envelopes(outcome: Outcome, change: impl Fn(&[u8]) -> Vec<u8>) -> Outcome {
    let Outcome::Reply(Reply::Entries(mut entries)) = outcome else { return outcome };
    for (name, value) in entries.iter_mut().flat_map(|entry| entry.fields.iter_mut().flatten()) {
        if name == "envelope" {
            *value = change(value).into();
        }
    }
    Outcome::Reply(Reply::Entries(entries))
}

answers! {
    /// Replaces what isn't UTF-8.
    DecodesLossily: |_, outcome| {
        envelopes(outcome, |bytes| String::from_utf8_lossy(bytes).into_owned().into_bytes())
    }
}

answers! {
    /// Knows one kind of number.
    RoundsNumbers: |_, outcome| envelopes(outcome, |bytes| {
        match serde_json::from_slice(bytes) {
            Ok(value) => rounded(value).to_string().into_bytes(),
            Err(_) => bytes.to_vec(),
        }
    })
}

fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) => number.as_f64().map_or(Value::Null, Value::from),
        Value::Array(values) => values.into_iter().map(rounded).collect(),
        Value::Object(map) => map.into_iter().map(|(name, value)| (name, rounded(value))).collect(),
        other => other,
    }
}

/// Trims what is acked, and all the rest.
#[derive(Clone, Default)]
pub(crate) struct TrimsEverything;

impl Flaw for TrimsEverything {
    fn alter(&self, command: Command, memory: &Memory) -> Altered {
        match &command {
            Command::TrimDone { stream } => {
                let removed = memory.with(|store| store.trim_to(stream, 0)) as u64;
                answer(Reply::Trimmed(Trimmed { removed, ..Trimmed::default() }))
            }
            _ => Altered::Run(vec![command]),
        }
    }
}

alters! {
    /// Never trims.
    TrimsNothing: |command| match command {
        Command::TrimDone { .. } => answer(Reply::Trimmed(Trimmed::default())),
        other => Altered::Run(vec![other]),
    }
}
