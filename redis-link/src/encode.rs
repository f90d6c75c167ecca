//! From the core's commands to those of Redis.

use std::time::Duration;

use clamator_core::{Command, GroupStart, StreamId};
use redis::{Cmd, cmd};

use crate::scripts;

/// The Redis command for a command of the core.
pub fn encode(command: &Command) -> Cmd {
    let mut out;
    match command {
        Command::Append { stream, fields, max_len, create } => {
            out = cmd("XADD");
            out.arg(stream.as_str());
            if !create {
                out.arg("NOMKSTREAM");
            }
            if let Some(max_len) = max_len {
                out.arg("MAXLEN").arg("~").arg(*max_len);
            }
            out.arg("*");
            for (name, value) in fields {
                out.arg(&name[..]).arg(&value[..]);
            }
        }
        Command::CreateGroup { stream, group, start } => match start {
            // A script too, though it needn't be one: a Redis that runs none is to be known by the first command of a server.
            GroupStart::Beginning | GroupStart::End => {
                out = script(scripts::CREATE_GROUP, stream.as_str());
                out.arg(group).arg(if *start == GroupStart::End { "$" } else { "0" });
            }
            GroupStart::After(id) => {
                out = script(scripts::CREATE_GROUP_AFTER, stream.as_str());
                out.arg(group).arg(id.to_string());
            }
        },
        Command::ReadGroup { stream, group, consumer, count, block } => {
            out = cmd("XREADGROUP");
            out.arg("GROUP").arg(group).arg(consumer).arg("COUNT").arg(*count);
            out.arg("BLOCK")
                .arg(positive_millis(*block))
                .arg("STREAMS")
                .arg(stream.as_str())
                .arg(">");
        }
        Command::ReadOwnPending { stream, group, consumer, after, count } => {
            out = script(scripts::READ_OWN_PENDING, stream.as_str());
            out.arg(group).arg(consumer).arg(after.to_string()).arg(*count);
        }
        Command::Read { stream, after, count, block } => {
            out = cmd("XREAD");
            out.arg("COUNT").arg(*count).arg("BLOCK").arg(positive_millis(*block));
            out.arg("STREAMS").arg(stream.as_str()).arg(after.to_string());
        }
        Command::Info { stream } => {
            out = cmd("XINFO");
            out.arg("STREAM").arg(stream.as_str());
        }
        Command::Ack { stream, group, ids } => {
            out = cmd("XACK");
            out.arg(stream.as_str()).arg(group);
            all(&mut out, ids);
        }
        Command::AutoClaim { stream, group, consumer, min_idle, cursor, count } => {
            out = script(scripts::AUTO_CLAIM, stream.as_str());
            out.arg(group).arg(consumer).arg(idle_millis(*min_idle));
            out.arg(cursor.to_string()).arg(*count);
        }
        Command::CountDelivery { stream, group, consumer, id, raise } => {
            out = script(scripts::COUNT_DELIVERY, stream.as_str());
            out.arg(group).arg(consumer).arg(id.to_string()).arg(u8::from(*raise));
        }
        Command::Renew { stream, group, consumer, ids } => {
            out = script(scripts::RENEW, stream.as_str());
            out.arg(group).arg(consumer);
            all(&mut out, ids);
        }
        Command::Release { stream, group, consumer, ids } => {
            out = script(scripts::RELEASE, stream.as_str());
            out.arg(group).arg(consumer);
            all(&mut out, ids);
        }
        Command::TrimDone { stream } => out = script(scripts::TRIM_DONE, stream.as_str()),
        Command::RemoveConsumer { stream, group, consumer } => {
            out = script(scripts::REMOVE_CONSUMER, stream.as_str());
            out.arg(group).arg(consumer);
        }
        Command::RemoveIdleConsumers { stream, group, min_idle, except } => {
            out = script(scripts::REMOVE_IDLE_CONSUMERS, stream.as_str());
            out.arg(group).arg(idle_millis(*min_idle)).arg(except);
        }
        Command::Delete { key } => {
            out = cmd("DEL");
            out.arg(key.as_str());
        }
        Command::Expire { key, ttl } => {
            out = cmd("PEXPIRE");
            // Redis adds its clock, and takes no greater sum.
            let ttl = positive_millis(*ttl).min(i64::MAX.unsigned_abs() / 2);
            out.arg(key.as_str()).arg(ttl);
        }
        Command::Unblock { connection } => {
            out = cmd("CLIENT");
            out.arg("UNBLOCK").arg(*connection);
        }
        Command::Kill { connection } => {
            out = cmd("CLIENT");
            out.arg("KILL").arg("ID").arg(*connection);
        }
        Command::Ping => out = cmd("PING"),
    }
    out
}

pub(crate) fn create_group(stream: &str, group: &str, start: &str) -> Cmd {
    let mut out = cmd("XGROUP");
    out.arg("CREATE").arg(stream).arg(group).arg(start).arg("MKSTREAM");
    out
}

fn script(text: &str, stream: &str) -> Cmd {
    let mut out = cmd("EVAL");
    out.arg(text).arg(1).arg(stream);
    out
}

pub(crate) fn all(out: &mut Cmd, ids: &[StreamId]) {
    for id in ids {
        out.arg(id.to_string());
    }
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
        Command::ReadGroup { stream, group, consumer, count: 1, block }
    }

    fn read(block: Duration) -> Command {
        Command::Read { stream: Key::from("s"), after: StreamId::MIN, count: 1, block }
    }

    fn expire(ttl: Duration) -> Command {
        Command::Expire { key: Key::from("s"), ttl }
    }

    fn claim(min_idle: Duration) -> Command {
        let (stream, group, consumer) = (Key::from("s"), "g".to_owned(), "c".to_owned());
        Command::AutoClaim { stream, group, consumer, min_idle, cursor: StreamId::MIN, count: 1 }
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
