//! Random commands on a few keys, groups and consumers, so that they often meet.

use std::time::Duration;

use clamator_core::{Command, Fields, GroupStart, Key, StreamId};
use proptest::collection::vec;
use proptest::prelude::*;

/// Longer than a test takes.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

/// Something that happens to a store.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Run(Command),
    /// Many appends in a row, to fill nodes.
    AppendMany(Key, u64),
    SetString(Key),
    DestroyGroup(Key, String),
    TrimTo(Key, usize),
    DeleteEntry(Key, StreamId),
    AWhilePasses,
}

/// What happens in one case: half of them begin with much pending, since chance alone seldom gets there.
pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let prelude =
        prop_oneof![Just(Vec::new()), (1_u64..30, 1_u32..30, 0_u32..30).prop_map(prelude)];
    (prelude, vec(step(), 1..60)).prop_map(|(prelude, steps)| [prelude, steps].concat())
}

/// What two consumers of one group have got, and, unless it is 0, how much a second group was handed and is done with.
fn prelude((entries, delivered, done): (u64, u32, u32)) -> Vec<Step> {
    let stream = Key::from("s");
    let create = |group: &str| {
        let (stream, group) = (stream.clone(), group.to_owned());
        Step::Run(Command::CreateGroup {
            stream,
            group: group.into(),
            start: GroupStart::Beginning,
        })
    };
    let read = |group: &str, consumer: &str, count| {
        let (stream, group, consumer) = (stream.clone(), group.to_owned(), consumer.to_owned());
        Step::Run(Command::ReadGroup {
            stream,
            group: group.into(),
            consumer: consumer.into(),
            count,
            block: Duration::ZERO,
        })
    };
    let mut steps = vec![
        Step::AppendMany(stream.clone(), entries),
        create("g"),
        read("g", "c", delivered),
        read("g", "d", 5),
    ];
    if done > 0 {
        let ids = (0..entries).map(|seq| StreamId::new(super::stored::NOW, seq)).collect();
        let (stream, group) = (stream.clone(), "h".to_owned());
        let ack = Step::Run(Command::Ack { stream, group: group.into(), ids });
        steps.extend([create("h"), read("h", "c", done), ack]);
    }
    steps
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        40 => command().prop_map(Step::Run),
        1 => (key(), 90_u64..220).prop_map(|(key, count)| Step::AppendMany(key, count)),
        1 => doomed_key().prop_map(Step::SetString),
        1 => (doomed_key(), group()).prop_map(|(key, group)| Step::DestroyGroup(key, group)),
        2 => (key(), 0_usize..12).prop_map(|(key, len)| Step::TrimTo(key, len)),
        8 => (key(), id()).prop_map(|(key, id)| Step::DeleteEntry(key, id)),
        2 => Just(Step::AWhilePasses),
    ]
}

pub(crate) fn command() -> impl Strategy<Value = Command> {
    let block = Duration::ZERO;
    prop_oneof![
        9 => append(),
        3 => (key(), group(), start())
            .prop_map(|(stream, group, start)| Command::CreateGroup { stream, group: group.into(), start }),
        6 => (key(), group(), consumer(), count()).prop_map(move |(stream, group, consumer, count)| {
            Command::ReadGroup { stream, group: group.into(), consumer: consumer.into(), count, block }
        }),
        3 => (key(), group(), consumer(), id(), count()).prop_map(
            |(stream, group, consumer, after, count)| {
                Command::ReadOwnPending { stream, group: group.into(), consumer: consumer.into(), after, count }
            }
        ),
        2 => (key(), id(), count())
            .prop_map(move |(stream, after, count)| Command::Read { stream, after, count, block }),
        2 => key().prop_map(|stream| Command::Info { stream }),
        3 => (key(), group(), vec(id(), 0..5))
            .prop_map(|(stream, group, ids)| Command::Ack { stream, group: group.into(), ids }),
        4 => (key(), group(), consumer(), min_idle(), id(), count()).prop_map(
            |(stream, group, consumer, min_idle, cursor, count)| {
                Command::AutoClaim { stream, group: group.into(), consumer: consumer.into(), min_idle, cursor, count }
            }
        ),
        2 => (key(), group(), consumer(), id(), any::<bool>()).prop_map(
            |(stream, group, consumer, id, raise)| {
                Command::CountDelivery { stream, group: group.into(), consumer: consumer.into(), id, raise }
            }
        ),
        2 => (key(), group(), consumer(), vec(id(), 0..5)).prop_map(
            |(stream, group, consumer, ids)| Command::Renew { stream, group: group.into(), consumer: consumer.into(), ids }
        ),
        2 => (key(), group(), consumer(), vec(id(), 0..5)).prop_map(
            |(stream, group, consumer, ids)| Command::Release { stream, group: group.into(), consumer: consumer.into(), ids }
        ),
        2 => key().prop_map(|stream| Command::TrimDone { stream }),
        2 => (key(), group(), consumer()).prop_map(|(stream, group, consumer)| {
            Command::RemoveConsumer { stream, group: group.into(), consumer: consumer.into() }
        }),
        1 => (key(), group(), prop_oneof![Just(Duration::ZERO), Just(LONG)], consumer()).prop_map(
            |(stream, group, min_idle, except)| {
                Command::RemoveIdleConsumers { stream, group: group.into(), min_idle, except: except.into() }
            }
        ),
        1 => doomed_key().prop_map(|key| Command::Delete { key }),
        1 => (doomed_key(), ttl()).prop_map(|(key, ttl)| Command::Expire { key, ttl }),
        // Nobody has so high a number.
        1 => Just(Command::Unblock { connection: 1 << 40 }),
        1 => Just(Command::Kill { connection: 1 << 40 }),
        1 => Just(Command::Ping),
    ]
}

pub(crate) fn append() -> impl Strategy<Value = Command> {
    let max_len = prop_oneof![4 => Just(None), 1 => (0_u64..150).prop_map(Some)];
    (key(), fields(), max_len, any::<bool>()).prop_map(|(stream, fields, max_len, create)| {
        Command::Append { stream, fields, max_len, create }
    })
}

/// Mostly the first one, so that something gathers in it.
pub(crate) fn key() -> impl Strategy<Value = Key> {
    prop_oneof![6 => Just(Key::from("s")), 1 => Just(Key::from("t"))]
}

/// The key of what doesn't let anything gather: mostly the other one.
fn doomed_key() -> impl Strategy<Value = Key> {
    prop_oneof![1 => Just(Key::from("s")), 3 => Just(Key::from("t"))]
}

pub(crate) fn group() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just("g".to_owned()), 1 => Just("h".to_owned())]
}

fn consumer() -> impl Strategy<Value = String> {
    prop_oneof![Just("c".to_owned()), Just("d".to_owned())]
}

fn fields() -> impl Strategy<Value = Fields> {
    let value =
        prop_oneof![4 => "[xyz]?".prop_map(Into::into), 1 => Just(b"\xff\r\n\0"[..].into())];
    vec(("[ab]".prop_map(Into::into), value), 0..3)
}

/// The clock stands still, so that ids differ in their second part.
pub(crate) fn id() -> impl Strategy<Value = StreamId> {
    prop_oneof![4 => 0_u64..30, 1 => 0_u64..300]
        .prop_map(|seq| StreamId::new(super::stored::NOW, seq))
}

fn start() -> impl Strategy<Value = GroupStart> {
    prop_oneof![
        2 => Just(GroupStart::Beginning),
        1 => Just(GroupStart::End),
        1 => id().prop_map(GroupStart::After),
        1 => Just(GroupStart::After(StreamId::new(super::stored::NOW, 0).before())),
    ]
}

pub(crate) fn count() -> impl Strategy<Value = u32> {
    prop_oneof![1 => Just(0), 6 => 1_u32..5, 1 => 5_u32..200]
}

/// Nothing is ever idle for long but what was released.
fn min_idle() -> impl Strategy<Value = Duration> {
    prop_oneof![
        6 => Just(Duration::ZERO),
        5 => Just(LONG),
        // Longer than anything, and longer than Redis can say.
        1 => Just(Duration::MAX),
    ]
}

fn ttl() -> impl Strategy<Value = Duration> {
    prop_oneof![
        4 => Just(Duration::ZERO),
        12 => Just(LONG),
        1 => Just(Duration::from_millis(i64::MAX.unsigned_abs())),
        1 => Just(Duration::MAX),
    ]
}
