//! Being told of what the store does.

use clamator_core::{Command, ConnectionId, Outcome};

/// Who is told of every command that is executed, as `MONITOR` tells of them in Redis.
pub trait Monitor: Send + 'static {
    /// A command of a connection was executed, with this outcome. A read that waits is told when it ends. Called while
    /// the store is locked: it must not use its [`Memory`](crate::Memory).
    fn executed(&mut self, connection: ConnectionId, command: &Command, outcome: &Outcome);
}
