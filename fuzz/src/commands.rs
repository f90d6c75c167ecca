//! One command of each kind.

use std::time::Duration;

use bytes::Bytes;
use clamator_core::{Command, GroupStart, Key, Name, StreamId};

/// All kinds, in the order in which they are declared.
pub(crate) fn every() -> Vec<Command> {
    let stream = || Key::from("s");
    let (group, consumer) = (|| Name::from("g"), || Name::from("c"));
    let ids = || vec![StreamId::new(1, 0), StreamId::new(2, 0)];
    let (count, block) = (3, Duration::from_secs(1));
    let (after, cursor, min_idle) = (StreamId::MIN, StreamId::MIN, Duration::from_secs(60));
    let fields = vec![(Bytes::from_static(b"a"), Bytes::from_static(b"b"))];
    vec![
        Command::Append { stream: stream(), fields, max_len: Some(7), create: false },
        Command::CreateGroup { stream: stream(), group: group(), start: GroupStart::Beginning },
        Command::ReadGroup { stream: stream(), group: group(), consumer: consumer(), count, block },
        Command::ReadOwnPending {
            stream: stream(),
            group: group(),
            consumer: consumer(),
            after,
            count,
        },
        Command::Read { stream: stream(), after, count, block },
        Command::Info { stream: stream() },
        Command::Ack { stream: stream(), group: group(), ids: ids() },
        Command::AutoClaim {
            stream: stream(),
            group: group(),
            consumer: consumer(),
            min_idle,
            cursor,
            count,
        },
        Command::CountDelivery {
            stream: stream(),
            group: group(),
            consumer: consumer(),
            id: StreamId::new(1, 0),
            raise: true,
        },
        Command::Renew { stream: stream(), group: group(), consumer: consumer(), ids: ids() },
        Command::Release { stream: stream(), group: group(), consumer: consumer(), ids: ids() },
        Command::TrimDone { stream: stream() },
        Command::RemoveConsumer { stream: stream(), group: group(), consumer: consumer() },
        Command::RemoveIdleConsumers {
            stream: stream(),
            group: group(),
            min_idle,
            except: consumer(),
        },
        Command::Delete { key: stream() },
        Command::Expire { key: stream(), ttl: block },
        Command::Unblock { connection: 1 },
        Command::Kill { connection: 1 },
        Command::Ping,
    ]
}

/// Its place among them. A new kind doesn't compile before it has one.
#[cfg(test)]
fn place(command: &Command) -> usize {
    match command {
        Command::Append { .. } => 0,
        Command::CreateGroup { .. } => 1,
        Command::ReadGroup { .. } => 2,
        Command::ReadOwnPending { .. } => 3,
        Command::Read { .. } => 4,
        Command::Info { .. } => 5,
        Command::Ack { .. } => 6,
        Command::AutoClaim { .. } => 7,
        Command::CountDelivery { .. } => 8,
        Command::Renew { .. } => 9,
        Command::Release { .. } => 10,
        Command::TrimDone { .. } => 11,
        Command::RemoveConsumer { .. } => 12,
        Command::RemoveIdleConsumers { .. } => 13,
        Command::Delete { .. } => 14,
        Command::Expire { .. } => 15,
        Command::Unblock { .. } => 16,
        Command::Kill { .. } => 17,
        Command::Ping => 18,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_there_once() {
        let places: Vec<usize> = every().iter().map(place).collect();
        assert_eq!(places, (0..19).collect::<Vec<_>>());
    }
}
