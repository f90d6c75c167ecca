//! Who is measured.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// One way to make a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "&'static str")]
pub(crate) enum Contender {
    /// The wire by hand, with nothing around it.
    Floor,
    /// This project on tokio as `#[tokio::main]` makes it.
    OursTokio,
    /// On tokio with one thread.
    OursTokioOne,
    /// On tokio, all calls made by one task.
    OursTokioOneTask,
    OursSmol,
    OursAsyncStd,
    /// This project in memory, client and server on one thread.
    OursMemory,
    ByHand,
    /// NATS by hand, with nothing around it.
    Nats,
    /// NATS as client libraries make it.
    NatsTokio,
    Python,
}

/// What stands between a client and its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broker {
    Redis,
    Nats,
    /// The server is in the client's process.
    None,
}

impl Contender {
    pub(crate) const ALL: [Contender; 11] = [
        Contender::Floor,
        Contender::OursTokio,
        Contender::OursTokioOne,
        Contender::OursTokioOneTask,
        Contender::OursSmol,
        Contender::OursAsyncStd,
        Contender::OursMemory,
        Contender::ByHand,
        Contender::Nats,
        Contender::NatsTokio,
        Contender::Python,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Contender::Floor => "floor",
            Contender::OursTokio => "ours-tokio",
            Contender::OursTokioOne => "ours-tokio-1",
            Contender::OursTokioOneTask => "ours-one-task",
            Contender::OursSmol => "ours-smol",
            Contender::OursAsyncStd => "ours-async-std",
            Contender::OursMemory => "ours-memory",
            Contender::ByHand => "redis-rs",
            Contender::Nats => "nats",
            Contender::NatsTokio => "nats-tokio",
            Contender::Python => "python",
        }
    }

    pub(crate) fn broker(self) -> Broker {
        match self {
            Contender::Nats | Contender::NatsTokio => Broker::Nats,
            Contender::OursMemory => Broker::None,
            _ => Broker::Redis,
        }
    }

    /// The windows that it is measured with.
    pub(crate) fn windows(self) -> &'static [usize] {
        match self {
            Contender::ByHand | Contender::Nats | Contender::NatsTokio | Contender::Python => {
                &[256, 1]
            }
            _ => &[256, 64, 8, 1],
        }
    }
}

impl From<Contender> for &'static str {
    fn from(contender: Contender) -> &'static str {
        contender.name()
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Contender {
    type Err = String;

    fn from_str(name: &str) -> Result<Contender, String> {
        let found = Contender::ALL.into_iter().find(|it| it.name() == name);
        found.ok_or_else(|| {
            let names = Contender::ALL.map(Contender::name).join(", ");
            format!("there is no contender {name}; there are {names}")
        })
    }
}
