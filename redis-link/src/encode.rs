//! From the core's commands to those of Redis.

use std::time::Duration;

use clamator_core::{Command, GroupStart, StreamId};
use redis::{Cmd, cmd};

use crate::scripts;

/// The Redis command for a command of the core.
pub(crate) fn encode(command: &Command) -> Cmd {
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
        Command::CreateGroup { stream, group, start } => {
            out = cmd("XGROUP");
            out.arg("CREATE").arg(stream.as_str()).arg(group);
            match start {
                GroupStart::Beginning => out.arg("0"),
                GroupStart::End => out.arg("$"),
                GroupStart::After(id) => out.arg(id.to_string()),
            };
            out.arg("MKSTREAM");
        }
        Command::ReadGroup { stream, group, consumer, count, block } => {
            out = cmd("XREADGROUP");
            out.arg("GROUP").arg(group).arg(consumer).arg("COUNT").arg(*count);
            out.arg("BLOCK").arg(millis(*block)).arg("STREAMS").arg(stream.as_str()).arg(">");
        }
        Command::ReadOwnPending { stream, group, consumer, after, count } => {
            out = cmd("XREADGROUP");
            out.arg("GROUP").arg(group).arg(consumer).arg("COUNT").arg(*count);
            out.arg("STREAMS").arg(stream.as_str()).arg(after.to_string());
        }
        Command::Read { stream, after, count, block } => {
            out = cmd("XREAD");
            out.arg("COUNT").arg(*count).arg("BLOCK").arg(millis(*block));
            out.arg("STREAMS").arg(stream.as_str()).arg(after.to_string());
        }
        Command::Ack { stream, group, ids } => {
            out = cmd("XACK");
            out.arg(stream.as_str()).arg(group);
            all(&mut out, ids);
        }
        Command::AutoClaim { stream, group, consumer, min_idle, cursor, count } => {
            out = cmd("XAUTOCLAIM");
            out.arg(stream.as_str()).arg(group).arg(consumer).arg(millis(*min_idle));
            out.arg(cursor.to_string()).arg("COUNT").arg(*count);
        }
        Command::Pending { stream, group, id } => {
            out = cmd("XPENDING");
            let id = id.to_string();
            out.arg(stream.as_str()).arg(group).arg(&id).arg(&id).arg(1);
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
        Command::Delete { key } => {
            out = cmd("DEL");
            out.arg(key.as_str());
        }
        Command::Expire { key, ttl } => {
            out = cmd("PEXPIRE");
            out.arg(key.as_str()).arg(millis(*ttl));
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

fn script(text: &str, stream: &str) -> Cmd {
    let mut out = cmd("EVAL");
    out.arg(text).arg(1).arg(stream);
    out
}

fn all(out: &mut Cmd, ids: &[StreamId]) {
    for id in ids {
        out.arg(id.to_string());
    }
}

/// Whole milliseconds, one at least: to Redis, `BLOCK 0` is for ever and `PEXPIRE 0` is at once.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}
