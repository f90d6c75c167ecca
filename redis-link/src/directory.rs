//! Which connection is which. Redis numbers its connections, and begins anew when it restarts: by then a number may belong to
//! somebody else's connection. So a connection is known by its number and its address together.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clamator_core::ConnectionId;

use crate::words::Words;

/// How many connections are remembered; the oldest are forgotten first.
const MOST: usize = 4096;

/// The connections that one link has opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last: ConnectionId,
    known: BTreeMap<ConnectionId, Known>,
}

#[derive(Debug)]
struct Known {
    number: u64,
    address: String,
}

impl Directory {
    /// Enters a connection as `CLIENT INFO` describes it. A Unix socket has no address that tells it from others.
    pub(crate) fn enter(&self, info: &str) -> Option<ConnectionId> {
        let field = |name: &str| info.split_ascii_whitespace().find_map(|f| f.strip_prefix(name));
        let number = field("id=")?.parse().ok()?;
        let address = field("addr=").filter(|address| !address.contains('/'))?.to_owned();
        let mut state = self.lock();
        state.last += 1;
        let id = state.last;
        state.known.insert(id, Known { number, address });
        if state.known.len() > MOST {
            state.known.pop_first();
        }
        Some(id)
    }

    /// Packs what closes a connection, if Redis still has it. Not if it was forgotten long ago.
    pub(crate) fn kill(&self, id: ConnectionId, out: &mut impl Words) -> bool {
        let state = self.lock();
        let Some(Known { number, address }) = state.known.get(&id) else { return false };
        out.texts(&["CLIENT", "KILL", "ID", &number.to_string(), "ADDR", address]);
        true
    }

    /// Packs what ends a connection's blocking read. Not if it was forgotten long ago.
    pub(crate) fn unblock(&self, id: ConnectionId, out: &mut impl Words) -> bool {
        let state = self.lock();
        let Some(Known { number, .. }) = state.known.get(&id) else { return false };
        out.texts(&["CLIENT", "UNBLOCK", &number.to_string()]);
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Cmds;

    const INFO: &str = "id=3 addr=127.0.0.1:48586 laddr=127.0.0.1:6379 fd=8 name= age=0 db=0";

    fn kill(directory: &Directory, id: ConnectionId) -> Option<String> {
        let mut cmds = Cmds::default();
        directory.kill(id, &mut cmds).then(|| words(&cmds))
    }

    fn unblock(directory: &Directory, id: ConnectionId) -> Option<String> {
        let mut cmds = Cmds::default();
        directory.unblock(id, &mut cmds).then(|| words(&cmds))
    }

    fn words(cmds: &Cmds) -> String {
        assert_eq!(cmds.0.len(), 1);
        String::from_utf8(cmds.0[0].get_packed_command()).unwrap()
    }

    #[test]
    fn a_connection_is_closed_by_number_and_address() {
        let directory = Directory::default();
        let id = directory.enter(INFO).unwrap();
        let kill = kill(&directory, id).unwrap();
        assert!(kill.contains("ID\r\n$1\r\n3\r\n"), "{kill}");
        assert!(kill.contains("ADDR\r\n$15\r\n127.0.0.1:48586\r\n"), "{kill}");
        assert!(unblock(&directory, id).unwrap().ends_with("UNBLOCK\r\n$1\r\n3\r\n"));
    }

    #[test]
    fn the_same_number_after_a_restart_is_another_connection() {
        let directory = Directory::default();
        let before = directory.enter(INFO).unwrap();
        let after = directory.enter(&INFO.replace("48586", "50000")).unwrap();
        assert!(after > before);
        assert!(kill(&directory, before).unwrap().contains("48586"));
    }

    #[test]
    fn what_can_not_be_told_apart_is_not_entered() {
        let directory = Directory::default();
        for info in ["", "id=x addr=1.1.1.1:1", "id=3", "id=3 addr=/run/redis.sock:0"] {
            assert_eq!(directory.enter(info), None, "{info}");
        }
        assert!(kill(&directory, 77).is_none() && unblock(&directory, 77).is_none());
    }

    #[test]
    fn only_so_many_are_remembered() {
        let directory = Directory::default();
        for _ in 0..MOST + 10 {
            directory.enter(INFO).unwrap();
        }
        assert_eq!(directory.lock().known.len(), MOST);
    }
}
