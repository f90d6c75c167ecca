//! A store that answers, and refuses: it is full, starts, can't save, or isn't the primary any more.

use clamator_core::{Command, Lane, Outcome, Refusal};
use clamator_driver::Connection as _;
use clamator_memory::MemoryConnection;

use super::{AtStore, Net, fault};
use crate::event::{Event, LifeId};
use crate::stage::Host;

/// Why it refuses, and so what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusing {
    /// It has no memory for more: what adds is refused, what removes isn't.
    Full,
    /// It is a replica by now: all that writes is refused.
    ReadOnly,
    /// It can't save: all that writes, and pings.
    CantSave,
    /// It starts: nearly everything.
    Loading,
}

impl Refusing {
    pub(crate) const ALL: [Refusing; 4] =
        [Refusing::Full, Refusing::ReadOnly, Refusing::CantSave, Refusing::Loading];

    /// What Redis 7.0 says to this command meanwhile.
    fn refusal(self, command: &Command) -> Option<Refusal> {
        let adds = matches!(command, Command::Append { .. } | Command::CreateGroup { .. });
        let reads = matches!(command, Command::Read { .. } | Command::Info { .. });
        let pings = matches!(command, Command::Ping);
        let of_connections = matches!(command, Command::Unblock { .. } | Command::Kill { .. });
        let writes = !reads && !pings && !of_connections;
        let (refuses, code, message) = match self {
            Refusing::Full => (adds, "OOM", "command not allowed when used memory > 'maxmemory'."),
            Refusing::ReadOnly => {
                (writes, "READONLY", "You can't write against a read only replica.")
            }
            Refusing::CantSave => (writes || pings, "MISCONF", "Redis can't persist to disk."),
            Refusing::Loading => {
                (!of_connections, "LOADING", "Redis is loading the dataset in memory")
            }
        };
        refuses.then(|| Refusal::new(code, message))
    }
}

impl Net {
    /// The store refuses until then.
    pub(crate) fn refuse(&self, how: Refusing, until: u64) {
        self.lock().refusing = Some((how, until));
    }

    /// Lets the store execute what has come to it, but for what it refuses.
    pub(super) fn run_in_part(
        &self,
        how: Refusing,
        end: &mut MemoryConnection<Host>,
        (life, lane): (LifeId, Lane),
        commands: Vec<Command>,
    ) -> AtStore {
        let mut accepted = Vec::new();
        let mut refused = Vec::new();
        for command in commands {
            let outcome = how.refusal(&command).map(Outcome::Refused);
            match &outcome {
                Some(outcome) => {
                    let command = &command;
                    self.watch.see(&Event::Executed { life, lane, command, outcome, late: false });
                }
                None => accepted.push(command),
            }
            refused.push(outcome);
        }
        let running = end.run(accepted);
        Box::pin(async move {
            let mut outcomes = running.await.into_iter();
            let missing = || Outcome::Unknown(fault("no answer"));
            let next = |it: Option<Outcome>| it.or_else(|| outcomes.next()).unwrap_or_else(missing);
            refused.into_iter().map(next).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clamator_core::{Key, StreamId};

    use super::*;

    #[test]
    fn each_refuses_what_redis_refuses() {
        let stream = Key::from("s");
        let (count, block) = (1, Duration::from_secs(1));
        let append =
            Command::Append { stream: stream.clone(), fields: vec![], max_len: None, create: true };
        let read = Command::Read { stream: stream.clone(), after: StreamId::MIN, count, block };
        let trim = Command::TrimDone { stream };
        let kill = Command::Kill { connection: 1 };
        let refused = Refusing::ALL.map(|how| {
            [&append, &read, &trim, &Command::Ping, &kill].map(|it| how.refusal(it).is_some())
        });
        assert_eq!(
            refused,
            [
                [true, false, false, false, false],
                [true, false, true, false, false],
                [true, false, true, true, false],
                [true, true, true, true, false],
            ]
        );
    }
}
