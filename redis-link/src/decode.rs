//! From Redis' answers to those that the core waits for.

use bytes::Bytes;
use clamator_core::{
    Command, Entry, Fields, Outcome, Refusal, Reply, StreamId, StreamInfo, Trimmed,
};
use redis::{ServerError, Value};

use crate::resp::Values;

/// The outcome of a command that Redis has answered.
pub fn decode(command: &Command, value: Value) -> Outcome {
    if let Value::ServerError(error) = &value {
        return Outcome::Refused(refusal(error));
    }
    match reply(command, value) {
        Some(reply) => Outcome::Reply(reply),
        // A Redis that answers in another way than every known version does.
        None => unreadable(),
    }
}

/// The outcome of a command from its answer as it came. What is read most is read without a [`Value`], and nothing of it is
/// copied.
pub(crate) fn decode_packed(command: &Command, answer: &Bytes) -> Outcome {
    let entries = match command {
        Command::ReadGroup { .. } | Command::Read { .. } => packed_stream(answer),
        _ => None,
    };
    match entries {
        Some(entries) => Outcome::Reply(Reply::Entries(entries)),
        None => match redis::parse_redis_value(answer) {
            Ok(value) => decode(command, value),
            Err(_) => unreadable(),
        },
    }
}

/// The same for the answers that are one number or one id, if this is one.
pub(crate) fn decode_number(command: &Command, answer: &[u8]) -> Option<Outcome> {
    let mut values = Values::of(answer);
    let reply = match command {
        Command::Append { .. } => Reply::Added(values.id()?),
        Command::Ack { .. } => Reply::Count(values.number()?),
        _ => return None,
    };
    values.is_over().then_some(Outcome::Reply(reply))
}

/// The entries of the only stream, in the form of RESP2, if this is what the answer is.
fn packed_stream(answer: &Bytes) -> Option<Vec<Entry>> {
    let mut values = Values::of(answer);
    if values.array()? != 1 || values.array()? != 2 {
        return None;
    }
    values.text()?;
    let count = values.array()?;
    // No entry is shorter than its id; a length is no reason to ask for memory.
    let mut entries = Vec::with_capacity(count.min(answer.len() / 16));
    for _ in 0..count {
        entries.push(packed_entry(answer, &mut values)?);
    }
    values.is_over().then_some(entries)
}

fn packed_entry(answer: &Bytes, values: &mut Values<'_>) -> Option<Entry> {
    if values.array()? != 2 {
        return None;
    }
    let id = values.id()?;
    let count = values.array()?;
    if count % 2 != 0 {
        return None;
    }
    // Room for the fields of a request: whoever reads it may use the list for one.
    let mut fields = Vec::with_capacity((count / 2).min(answer.len() / 8).max(3));
    for _ in 0..count / 2 {
        fields.push((answer.slice(values.text()?), answer.slice(values.text()?)));
    }
    Some(Entry { id, fields: Some(fields) })
}

pub(crate) fn unreadable() -> Outcome {
    Outcome::Refused(Refusal::new("UNREADABLE", "the answer has an unknown form"))
}

fn refusal(error: &ServerError) -> Refusal {
    let details = error.details().unwrap_or_default();
    if error.code() != "@user_script:" {
        return Refusal::new(error.code(), details);
    }
    // Before 7.0, what a server doesn't let a script begin, a write on a replica for example, comes with the script's line
    // in front: `@user_script: 6: -READONLY You can't write against a read only replica.`
    let text = details.split_once(": ").map_or(details, |(_line, text)| text).trim_end();
    match text.strip_prefix('-').and_then(|error| error.split_once(' ')) {
        Some((code, message)) => Refusal::new(code, message),
        None => Refusal::new("ERR", text),
    }
}

fn reply(command: &Command, value: Value) -> Option<Reply> {
    Some(match command {
        Command::Append { .. } => match value {
            Value::Nil => Reply::Nil,
            value => Reply::Added(id(&value)?),
        },
        Command::CreateGroup { .. } | Command::Ping => Reply::Done,
        Command::ReadGroup { .. } | Command::Read { .. } => Reply::Entries(first_stream(value)?),
        Command::ReadOwnPending { .. } => Reply::Entries(entries(value)?),
        Command::AutoClaim { .. } => {
            let mut parts = array(value)?.into_iter();
            let cursor = id(&parts.next()?)?;
            Reply::Claimed { cursor, entries: entries(parts.next()?)? }
        }
        Command::CountDelivery { .. } => match value {
            Value::Nil => Reply::Deliveries(None),
            value => Reply::Deliveries(Some(count(&value)?)),
        },
        Command::TrimDone { .. } => Reply::Trimmed(trimmed(&array(value)?)?),
        Command::Info { .. } => Reply::Stream(stream_info(value)?),
        Command::Renew { .. } | Command::Release { .. } => {
            Reply::Ids(array(value)?.iter().map(id).collect::<Option<_>>()?)
        }
        Command::Ack { .. }
        | Command::RemoveConsumer { .. }
        | Command::RemoveIdleConsumers { .. }
        | Command::Delete { .. }
        | Command::Expire { .. }
        | Command::Unblock { .. }
        | Command::Kill { .. } => Reply::Count(count(&value)?),
    })
}

/// The entries of the only stream that was asked for; none after a wait in vain.
pub(crate) fn first_stream(value: Value) -> Option<Vec<Entry>> {
    match value {
        Value::Nil => Some(Vec::new()),
        // RESP3
        Value::Map(streams) => match streams.into_iter().next() {
            None => Some(Vec::new()),
            Some((_, found)) => entries(found),
        },
        value => match array(value)?.into_iter().next() {
            None => Some(Vec::new()),
            Some(stream) => entries(array(stream)?.into_iter().nth(1)?),
        },
    }
}

fn entries(value: Value) -> Option<Vec<Entry>> {
    array(value)?.into_iter().map(entry).collect()
}

fn entry(value: Value) -> Option<Entry> {
    let mut parts = array(value)?.into_iter();
    let id = id(&parts.next()?)?;
    let fields = match parts.next()? {
        Value::Nil => None,
        value => Some(fields(value)?),
    };
    Some(Entry { id, fields })
}

fn fields(value: Value) -> Option<Fields> {
    let parts = array(value)?;
    let mut fields = Vec::with_capacity(parts.len() / 2);
    let mut parts = parts.into_iter();
    while let Some(name) = parts.next() {
        fields.push((bytes(name)?, bytes(parts.next()?)?));
    }
    Some(fields)
}

fn trimmed(parts: &[Value]) -> Option<Trimmed> {
    let (removed, len) = (count(parts.first()?)?, count(parts.get(1)?)?);
    let kept = match parts.get(2..4) {
        None => None,
        Some(kept) => {
            let group = String::from_utf8_lossy(text(&kept[1])?).into_owned();
            Some((id(&kept[0])?, group))
        }
    };
    Some(Trimmed { removed, len, kept })
}

fn stream_info(value: Value) -> Option<StreamInfo> {
    let pairs: Vec<(Value, Value)> = match value {
        // RESP3
        Value::Map(pairs) => pairs,
        value => {
            let mut parts = array(value)?.into_iter();
            std::iter::from_fn(|| Some((parts.next()?, parts.next()?))).collect()
        }
    };
    let find = |wanted: &str| {
        let found = pairs.iter().find(|(name, _)| text(name) == Some(wanted.as_bytes()));
        found.map(|(_, value)| value)
    };
    Some(StreamInfo {
        last_id: id(find("last-generated-id")?)?,
        length: count(find("length")?)?,
        added: find("entries-added").and_then(count),
    })
}

pub(crate) fn array(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(values) | Value::Set(values) => Some(values),
        Value::Nil => Some(Vec::new()),
        _ => None,
    }
}

fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) => Some(bytes.into()),
        Value::SimpleString(text) => Some(text.into()),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

fn id(value: &Value) -> Option<StreamId> {
    std::str::from_utf8(text(value)?).ok()?.parse().ok()
}

pub(crate) fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Int(count) => u64::try_from(*count).ok(),
        // An old form of CLIENT KILL.
        Value::Okay => Some(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clamator_core::Key;

    use super::*;

    fn text(text: &str) -> Value {
        Value::BulkString(text.into())
    }

    fn list(values: impl Into<Vec<Value>>) -> Value {
        Value::Array(values.into())
    }

    fn append() -> Command {
        Command::Append { stream: Key::from("s"), fields: Vec::new(), max_len: None, create: true }
    }

    fn read() -> Command {
        let (stream, after) = (Key::from("s"), StreamId::MIN);
        Command::Read { stream, after, count: 1, block: Duration::ZERO }
    }

    fn claim() -> Command {
        let (stream, group, consumer) = (Key::from("s"), "g".to_owned(), "c".to_owned());
        let (min_idle, cursor) = (Duration::ZERO, StreamId::MIN);
        Command::AutoClaim {
            stream,
            group: group.into(),
            consumer: consumer.into(),
            min_idle,
            cursor,
            count: 1,
        }
    }

    fn own_pending() -> Command {
        let (stream, group, consumer) = (Key::from("s"), "g".to_owned(), "c".to_owned());
        Command::ReadOwnPending {
            stream,
            group: group.into(),
            consumer: consumer.into(),
            after: StreamId::MIN,
            count: 1,
        }
    }

    fn count_delivery() -> Command {
        let (stream, group, consumer) = (Key::from("s"), "g".to_owned(), "c".to_owned());
        Command::CountDelivery {
            stream,
            group: group.into(),
            consumer: consumer.into(),
            id: StreamId::MIN,
            raise: true,
        }
    }

    fn renew() -> Command {
        let (stream, group, consumer) = (Key::from("s"), "g".to_owned(), "c".to_owned());
        Command::Renew { stream, group: group.into(), consumer: consumer.into(), ids: Vec::new() }
    }

    fn trim() -> Command {
        Command::TrimDone { stream: Key::from("s") }
    }

    fn expect(command: &Command, value: Value, reply: Reply) {
        assert_eq!(decoded(command, value), Outcome::Reply(reply), "{command:?}");
    }

    /// The same from a value and from its bytes.
    fn decoded(command: &Command, value: Value) -> Outcome {
        let mut answer = Vec::new();
        write(&value, &mut answer);
        let number = decode_number(command, &answer);
        let packed = number.unwrap_or_else(|| decode_packed(command, &answer.into()));
        assert_eq!(packed, decode(command, value), "{command:?}");
        packed
    }

    /// A value as it comes from Redis.
    fn write(value: &Value, answer: &mut Vec<u8>) {
        let mut line = |text: String| answer.extend(text.into_bytes());
        match value {
            Value::Nil => line("$-1\r\n".to_owned()),
            Value::Okay => line("+OK\r\n".to_owned()),
            Value::Int(number) => line(format!(":{number}\r\n")),
            Value::Boolean(is) => line(format!("#{}\r\n", if *is { 't' } else { 'f' })),
            Value::SimpleString(text) => line(format!("+{text}\r\n")),
            Value::BulkString(bytes) => {
                line(format!("${}\r\n", bytes.len()));
                answer.extend(bytes);
                answer.extend(b"\r\n");
            }
            Value::Array(values) => {
                line(format!("*{}\r\n", values.len()));
                values.iter().for_each(|value| write(value, answer));
            }
            Value::Map(pairs) => {
                line(format!("%{}\r\n", pairs.len()));
                pairs.iter().for_each(|(name, value)| {
                    write(name, answer);
                    write(value, answer);
                });
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_read_is_understood_in_both_protocols() {
        let found = list([list([text("1-2"), list([text("a"), text("b")])])]);
        let entries =
            vec![Entry { id: StreamId::new(1, 2), fields: Some(vec![("a".into(), "b".into())]) }];
        let (old, new) = (
            list([list([text("s"), found.clone()])]),
            Value::Map(vec![(Value::SimpleString("s".to_owned()), found)]),
        );
        for value in [old, new] {
            expect(&read(), value, Reply::Entries(entries.clone()));
        }
        for nothing in [Value::Nil, list([]), Value::Map(Vec::new())] {
            expect(&read(), nothing, Reply::Entries(Vec::new()));
        }
    }

    #[test]
    fn a_deleted_entry_has_no_fields() {
        let gone = list([list([text("1-2"), Value::Nil])]);
        let entries = vec![Entry { id: StreamId::new(1, 2), fields: None }];
        expect(&read(), list([list([text("s"), gone.clone()])]), Reply::Entries(entries.clone()));
        expect(&own_pending(), gone.clone(), Reply::Entries(entries.clone()));
        let claimed = list([text("0-0"), gone]);
        expect(&claim(), claimed, Reply::Claimed { cursor: StreamId::MIN, entries });
    }

    #[test]
    fn what_was_trimmed_is_told_with_what_was_not() {
        let (count, id) = (Value::Int, StreamId::new(1, 2));
        let nothing = Trimmed { removed: 0, len: 3, kept: None };
        expect(&trim(), list([count(0), count(3)]), Reply::Trimmed(nothing));
        let some = Trimmed { removed: 7, len: 3, kept: Some((id, "g".to_owned())) };
        let told = list([count(7), count(3), text("1-2"), text("g")]);
        expect(&trim(), told, Reply::Trimmed(some));
    }

    #[test]
    fn nothing_is_an_answer_where_there_may_be_nothing() {
        expect(&append(), Value::Nil, Reply::Nil);
        for nothing in [Value::Nil, list([])] {
            expect(&own_pending(), nothing.clone(), Reply::Entries(Vec::new()));
            expect(&renew(), nothing, Reply::Ids(Vec::new()));
        }
        expect(&count_delivery(), Value::Nil, Reply::Deliveries(None));
        expect(&count_delivery(), Value::Int(3), Reply::Deliveries(Some(3)));
    }

    #[test]
    fn an_error_is_split_after_its_first_word() {
        for (error, code, message) in [
            ("-NOGROUP No such key 's'", "NOGROUP", "No such key 's'"),
            // Codes that the Redis library knows by name.
            ("-ERR syntax error", "ERR", "syntax error"),
            ("-READONLY You can't write", "READONLY", "You can't write"),
            ("-LOADING Redis is loading", "LOADING", "Redis is loading"),
            ("-TRYAGAIN", "TRYAGAIN", ""),
            ("-ODD", "ODD", ""),
            // From within a script of 6.2.
            ("-@user_script: 6: -READONLY You can't write", "READONLY", "You can't write"),
            ("-@user_script: 6: Not for you: no", "ERR", "Not for you: no"),
            ("-@user_script:", "ERR", ""),
        ] {
            let value = redis::parse_redis_value(format!("{error}\r\n").as_bytes()).unwrap();
            let refused = Outcome::Refused(Refusal::new(code, message));
            assert_eq!(decode(&read(), value), refused, "{error}");
        }
    }

    #[test]
    fn a_stream_is_described_in_both_protocols_and_by_6_2_with_less() {
        let pairs = |added: &[(&str, Value)]| -> Vec<(Value, Value)> {
            let known = [("length", Value::Int(2)), ("last-generated-id", text("7-1"))];
            let all = known.iter().chain(added).chain(&[("first-entry", Value::Nil)]);
            all.map(|(name, value)| (Value::BulkString((*name).into()), value.clone())).collect()
        };
        let (new, old) = (pairs(&[("entries-added", Value::Int(9))]), pairs(&[]));
        let flat = |pairs: &[(Value, Value)]| {
            list(pairs.iter().cloned().flat_map(|(name, value)| [name, value]).collect::<Vec<_>>())
        };
        let info = |added| StreamInfo { last_id: StreamId::new(7, 1), length: 2, added };
        let asked = Command::Info { stream: Key::from("s") };
        expect(&asked, flat(&new), Reply::Stream(info(Some(9))));
        expect(&asked, flat(&old), Reply::Stream(info(None)));
        expect(&asked, Value::Map(new), Reply::Stream(info(Some(9))));
    }

    #[test]
    fn what_comes_after_the_known_parts_does_not_matter() {
        let claimed = list([text("1-2"), list([]), list([text("1-1")])]);
        let cursor = StreamId::new(1, 2);
        expect(&claim(), claimed, Reply::Claimed { cursor, entries: Vec::new() });
        expect(&Command::Ping, Value::SimpleString("PONG".to_owned()), Reply::Done);
        expect(&Command::Kill { connection: 1 }, Value::Okay, Reply::Count(1));
    }

    #[test]
    fn what_no_known_version_answers_is_refused() {
        let odd = |value| (read(), list([list([text("s"), list([value])])]));
        let table = [
            (append(), text("no id")),
            (append(), Value::BulkString(vec![0xff])),
            (append(), Value::Int(1)),
            odd(Value::Int(1)),
            odd(list([text("1-1")])),
            odd(list([text("1-1"), list([text("a name without a value")])])),
            odd(list([text("1-1"), list([Value::Int(1), text("b")])])),
            (read(), list([text("s")])),
            (read(), list([list([text("s")])])),
            (read(), Value::Okay),
            (claim(), list([])),
            (claim(), Value::Nil),
            (claim(), list([text("0-0")])),
            (count_delivery(), Value::Int(-1)),
            (count_delivery(), list([])),
            (Command::Info { stream: Key::from("s") }, list([])),
            (Command::Info { stream: Key::from("s") }, Value::Okay),
            (renew(), Value::Int(0)),
            (renew(), list([Value::Nil])),
            (trim(), list([Value::Int(1)])),
            (trim(), list([Value::Int(-1), Value::Int(1)])),
            (trim(), list([Value::Int(1), Value::Int(1), text("1-1"), Value::Nil])),
            (trim(), Value::Nil),
            (trim(), Value::Boolean(true)),
        ];
        for (command, value) in table {
            match decoded(&command, value.clone()) {
                Outcome::Refused(refusal) => assert_eq!(refusal.code, "UNREADABLE", "{value:?}"),
                outcome => panic!("{value:?}: {outcome:?}"),
            }
        }
    }
}
