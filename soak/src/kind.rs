//! The kinds of faults, and what each of them may excuse. The proof knows no other excuses.

use serde::{Deserialize, Serialize};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    KillServer,
    KillClient,
    StopServer,
    RollServers,
    CutServerCommands,
    CutServerReader,
    CutClientCommands,
    CutClientReader,
    PauseClients,
    KillRedis,
    FlushAll,
    DestroyGroup,
    TrimStream,
    Delay,
    Stall,
    CutFrame,
    Reset,
    Poison,
}

impl Kind {
    pub(crate) const ALL: [Kind; 18] = [
        Kind::KillServer,
        Kind::KillClient,
        Kind::StopServer,
        Kind::RollServers,
        Kind::CutServerCommands,
        Kind::CutServerReader,
        Kind::CutClientCommands,
        Kind::CutClientReader,
        Kind::PauseClients,
        Kind::KillRedis,
        Kind::FlushAll,
        Kind::DestroyGroup,
        Kind::TrimStream,
        Kind::Delay,
        Kind::Stall,
        Kind::CutFrame,
        Kind::Reset,
        Kind::Poison,
    ];

    /// For people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::KillServer => "kill -9 of a server",
            Kind::KillClient => "kill -9 of a client",
            Kind::StopServer => "SIGSTOP of a server past the claim idle",
            Kind::RollServers => "rolling restart of the servers",
            Kind::CutServerCommands => "CLIENT KILL of a server's commands",
            Kind::CutServerReader => "CLIENT KILL of a server's reader",
            Kind::CutClientCommands => "CLIENT KILL of a client's commands",
            Kind::CutClientReader => "CLIENT KILL of a client's reader",
            Kind::PauseClients => "CLIENT PAUSE",
            Kind::KillRedis => "kill -9 and restart of Redis",
            Kind::FlushAll => "FLUSHALL",
            Kind::DestroyGroup => "XGROUP DESTROY",
            Kind::TrimStream => "XTRIM of a command stream",
            Kind::Delay => "the network delays",
            Kind::Stall => "the network stalls",
            Kind::CutFrame => "the network cuts in mid-frame",
            Kind::Reset => "the network resets",
            Kind::Poison => "a request ends its server",
        }
    }

    /// Takes requests or replies out of Redis for good. (Killing Redis does with `everysec` only.)
    pub(crate) fn may_take_data(self) -> bool {
        matches!(self, Kind::KillRedis | Kind::FlushAll | Kind::TrimStream)
    }

    /// Makes the group anew, so that what was delivered may be delivered again, as if for the first time.
    /// (Killing Redis does with `everysec` only.)
    pub(crate) fn may_reset_groups(self) -> bool {
        matches!(self, Kind::KillRedis | Kind::FlushAll | Kind::DestroyGroup)
    }

    /// Keeps processes from talking to Redis while it lasts, and a little longer.
    pub(crate) fn silences(self) -> bool {
        use Kind::{
            CutClientCommands, CutClientReader, CutFrame, CutServerCommands, CutServerReader,
            Delay, KillRedis, PauseClients, Reset, Stall, StopServer,
        };
        matches!(
            self,
            StopServer
                | CutServerCommands
                | CutServerReader
                | CutClientCommands
                | CutClientReader
                | PauseClients
                | KillRedis
                | Delay
                | Stall
                | CutFrame
                | Reset
        )
    }
}
