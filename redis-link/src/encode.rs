//! From the core's commands to those of Redis.

use std::time::Duration;

use clamator_core::{Command, GroupStart, Key, StreamId};
use redis::Cmd;

use crate::scripts;
use crate::words::{Cmds, Words};

/// The Redis command for a command of the core.
pub fn encode(command: &Command) -> Cmd {
    let mut cmds = Cmds::default();
    pack(command, &mut cmds);
    cmds.0.pop().unwrap_or_default()
}

/// Packs the Redis command for a command of the core.
pub(crate) fn pack(command: &Command, out: &mut impl Words) {
    match command {
        Command::Append { stream, fields, max_len, create } => {
            let options = usize::from(!create) + 3 * usize::from(max_len.is_some());
            out.begin(3 + options + 2 * fields.len());
            out.word(b"XADD");
            out.word(stream.as_str().as_bytes());
            if !create {
                out.word(b"NOMKSTREAM");
            }
            if let Some(max_len) = max_len {
                out.word(b"MAXLEN");
                out.word(b"~");
                out.number(*max_len);
            }
            out.word(b"*");
            for (name, value) in fields {
                out.word(name);
                out.payload(value);
            }
        }
        Command::CreateGroup { stream, group, start } => match start {
            // A script too, though it needn't be one: a Redis that runs none is to be known by the first command of a server.
            GroupStart::Beginning | GroupStart::End => {
                let start = if *start == GroupStart::End { "$" } else { "0" };
                script(out, scripts::CREATE_GROUP, stream, &[group, start]);
            }
            GroupStart::After(id) => {
                script(out, scripts::CREATE_GROUP_AFTER, stream, &[group, &id.to_string()]);
            }
        },
        Command::ReadGroup { stream, group, consumer, count, block } => {
            out.begin(11);
            for word in ["XREADGROUP", "GROUP", group, consumer, "COUNT"] {
                out.word(word.as_bytes());
            }
            out.number(u64::from(*count));
            out.word(b"BLOCK");
            out.number(positive_millis(*block));
            for word in ["STREAMS", stream.as_str(), ">"] {
                out.word(word.as_bytes());
            }
        }
        Command::ReadOwnPending { stream, group, consumer, after, count } => {
            let (after, count) = (after.to_string(), count.to_string());
            script(out, scripts::READ_OWN_PENDING, stream, &[group, consumer, &after, &count]);
        }
        Command::Read { stream, after, count, block } => {
            out.begin(8);
            out.word(b"XREAD");
            out.word(b"COUNT");
            out.number(u64::from(*count));
            out.word(b"BLOCK");
            out.number(positive_millis(*block));
            out.word(b"STREAMS");
            out.word(stream.as_str().as_bytes());
            out.id(*after);
        }
        Command::Info { stream } => out.texts(&["XINFO", "STREAM", stream.as_str()]),
        Command::Ack { stream, group, ids } => {
            out.begin(3 + ids.len());
            for word in ["XACK", stream.as_str(), group] {
                out.word(word.as_bytes());
            }
            ids.iter().for_each(|id| out.id(*id));
        }
        Command::AutoClaim { stream, group, consumer, min_idle, cursor, count } => {
            let idle = idle_millis(*min_idle).to_string();
            let (cursor, count) = (cursor.to_string(), count.to_string());
            script(out, scripts::AUTO_CLAIM, stream, &[group, consumer, &idle, &cursor, &count]);
        }
        Command::CountDelivery { stream, group, consumer, id, raise } => {
            let raise = if *raise { "1" } else { "0" };
            let id = id.to_string();
            script(out, scripts::COUNT_DELIVERY, stream, &[group, consumer, &id, raise]);
        }
        Command::Renew { stream, group, consumer, ids } => {
            script_on(out, scripts::RENEW, stream, &[group, consumer], ids);
        }
        Command::Release { stream, group, consumer, ids } => {
            script_on(out, scripts::RELEASE, stream, &[group, consumer], ids);
        }
        Command::TrimDone { stream } => script(out, scripts::TRIM_DONE, stream, &[]),
        Command::RemoveConsumer { stream, group, consumer } => {
            script(out, scripts::REMOVE_CONSUMER, stream, &[group, consumer]);
        }
        Command::RemoveIdleConsumers { stream, group, min_idle, except } => {
            let idle = idle_millis(*min_idle).to_string();
            script(out, scripts::REMOVE_IDLE_CONSUMERS, stream, &[group, &idle, except]);
        }
        Command::Delete { key } => out.texts(&["DEL", key.as_str()]),
        Command::Expire { key, ttl } => {
            // Redis adds its clock, and takes no greater sum.
            let ttl = positive_millis(*ttl).min(i64::MAX.unsigned_abs() / 2);
            out.texts(&["PEXPIRE", key.as_str(), &ttl.to_string()]);
        }
        Command::Unblock { connection } => {
            out.texts(&["CLIENT", "UNBLOCK", &connection.to_string()]);
        }
        Command::Kill { connection } => {
            out.texts(&["CLIENT", "KILL", "ID", &connection.to_string()]);
        }
        Command::Ping => out.texts(&["PING"]),
    }
}

fn script(out: &mut impl Words, text: &str, stream: &Key, args: &[&str]) {
    script_on(out, text, stream, args, &[]);
}

fn script_on(out: &mut impl Words, text: &str, stream: &Key, args: &[&str], ids: &[StreamId]) {
    out.begin(4 + args.len() + ids.len());
    for word in ["EVAL", text, "1", stream.as_str()].iter().chain(args) {
        out.word(word.as_bytes());
    }
    ids.iter().for_each(|id| out.id(*id));
}

/// Whole milliseconds, rounded up: nothing happens before its time.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// The same for how long something is idle: Redis takes no greater number.
pub(crate) fn idle_millis(duration: Duration) -> u64 {
    millis(duration).min(i64::MAX.unsigned_abs())
}

/// Whole milliseconds, one at least: to Redis, `BLOCK 0` is for ever and `PEXPIRE 0` is at once.
fn positive_millis(duration: Duration) -> u64 {
    millis(duration).max(1)
}

#[cfg(test)]
mod tests {
    use clamator_core::Key;
    use redis::Arg;

    use super::*;

    fn words(command: &Command) -> Vec<String> {
        let word = |arg| match arg {
            Arg::Simple(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => panic!("an argument of another kind"),
        };
        encode(command).args_iter().map(word).collect()
    }

    fn read_group(block: Duration) -> Command {
        let (stream, group, consumer) = (Key::from("s"), "g".to_owned(), "c".to_owned());
        Command::ReadGroup {
            stream,
            group: group.into(),
            consumer: consumer.into(),
            count: 1,
            block,
        }
    }

    fn read(block: Duration) -> Command {
        Command::Read { stream: Key::from("s"), after: StreamId::MIN, count: 1, block }
    }

    fn expire(ttl: Duration) -> Command {
        Command::Expire { key: Key::from("s"), ttl }
    }

    fn claim(min_idle: Duration) -> Command {
        let (stream, group, consumer) = (Key::from("s"), "g".to_owned(), "c".to_owned());
        Command::AutoClaim {
            stream,
            group: group.into(),
            consumer: consumer.into(),
            min_idle,
            cursor: StreamId::MIN,
            count: 1,
        }
    }

    #[test]
    fn times_are_whole_milliseconds_rounded_up() {
        for (nanos, block, idle) in
            [(0, "1", "0"), (1, "1", "1"), (1_000_000, "1", "1"), (1_000_001, "2", "2")]
        {
            let duration = Duration::from_nanos(nanos);
            assert_eq!(words(&read_group(duration))[7], block, "{nanos}: 0 would wait for ever");
            assert_eq!(words(&read(duration))[4], block, "{nanos}: 0 would wait for ever");
            assert_eq!(words(&expire(duration))[2], block, "{nanos}");
            assert_eq!(words(&claim(duration))[6], idle, "{nanos}");
        }
        assert_eq!(words(&claim(Duration::MAX))[6], i64::MAX.to_string());
        assert_eq!(words(&expire(Duration::MAX))[2], (i64::MAX / 2).to_string());
    }
}
